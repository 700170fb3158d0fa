/* SPDX-License-Identifier: Apache-2.0 */
/* An owner's certificate chain, and the CA of clients: texts of PEM. What is accepted hangs
 * together, and is refused once a byte stands behind it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/util.h"
#include "package/owner_chain.h"

static void try_chain(struct mse_bytes pem)
{
    struct mse_owner_chain c = { .not_after = 0 };
    struct mse_error err = { .status = MSE_OK };
    struct mse_privkey *key = NULL;
    mse_status st = mse_owner_chain_read(&c, pem, &err);
    MSE_ASSERT(st == err.status);
    MSE_ASSERT(st == MSE_OK || (st == MSE_ERR_TLS_CHAIN && c.ders.data == NULL));
    if (st != MSE_OK) {
        return;
    }
    MSE_ASSERT(c.leaf.der.data == c.ders.data && c.leaf.der.len <= c.ders.len);
    MSE_ASSERT(c.not_before >= c.leaf.not_before && c.not_after <= c.leaf.not_after);
    st = mse_owner_chain_suits(&c, "app.example.org", c.not_after, NULL);
    MSE_ASSERT(st == MSE_OK || st == MSE_ERR_CERTIFICATE_NAME ||
               st == MSE_ERR_CERTIFICATE_NOT_YET_VALID);
    MSE_ASSERT(mse_owner_chain_key(&key, &c, pem, NULL) == MSE_ERR_TLS_KEY && key == NULL);
    mse_owner_chain_clear(&c);
}

static void try_client_ca(struct mse_bytes pem)
{
    struct mse_build der;
    struct mse_cert cert;
    uint8_t sha256[32];
    mse_build_heap(&der, MSE_OWNER_CHAIN_MAX);
    mse_status st = mse_client_ca_read(sha256, &der, pem, NULL);
    MSE_ASSERT(st == MSE_OK || (st == MSE_ERR_TLS_CHAIN && der.len == 0));
    MSE_ASSERT(st != MSE_OK ||
               (mse_cert_parse(&cert, mse_build_view(&der), NULL) == MSE_OK && cert.is_ca));
    mse_build_clear(&der);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_chain(mse_bytes_of(data, size));
    try_client_ca(mse_bytes_of(data, size));
    return 0;
}
