/* SPDX-License-Identifier: Apache-2.0 */
#include "base/build.h"
#include "base/error.h"
#include "base/util.h"
#include "launch/instance.h"
#include "package/owner_chain.h"

mse_status mse_instance_client_ca(char **out, struct mse_bytes pem, struct mse_error *err)
{
    struct mse_build der;
    uint8_t sha256[32];
    char *hex = NULL;
    *out = NULL;
    if (pem.len == 0) {
        return MSE_OK;
    }
    mse_build_heap(&der, MSE_OWNER_CHAIN_MAX);
    mse_status st = mse_client_ca_read(sha256, &der, pem, err);
    if (st == MSE_OK) {
        hex = malloc(2 * der.len + 1);
        st = hex != NULL ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, "client_ca", "out of memory");
    }
    if (st == MSE_OK) {
        mse_hex_encode(hex, mse_build_view(&der));
        *out = hex;
    }
    mse_build_clear(&der);
    return st;
}

void mse_instance_switches(const char *out[MSE_INSTANCE_MAX_SWITCHES], bool sandbox,
                           const char *client_ca_hex)
{
    size_t num = 0;
    if (!sandbox) {
        out[num++] = "--insecure-no-sandbox";
    }
    if (client_ca_hex != NULL) {
        out[num++] = "--client-ca";
        out[num++] = client_ca_hex;
    }
    out[num] = NULL;
}
