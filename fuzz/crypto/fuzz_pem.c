/* SPDX-License-Identifier: Apache-2.0 */
/* PEM: what is accepted says the same when it is written again. */
#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/x509.h"

#define MAX 65536

static void check_again(struct mse_bytes der)
{
    static uint8_t text[2 * MAX];
    static uint8_t back[MAX];
    struct mse_build b;
    size_t len = 0;
    mse_build_fixed(&b, text, sizeof text);
    mse_pem_write(&b, "CERTIFICATE", der);
    MSE_ASSERT(mse_build_ok(&b));
    struct mse_bytes in = mse_build_view(&b);
    MSE_ASSERT(mse_pem_next(&in, "CERTIFICATE", back, sizeof back, &len) == MSE_OK);
    MSE_ASSERT(mse_bytes_equal(mse_bytes_of(back, len), der));
    MSE_ASSERT(mse_pem_next(&in, "CERTIFICATE", back, sizeof back, &len) == MSE_ERR_NOT_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[MAX];
    struct mse_bytes in = { data, size };
    size_t len = 0;
    size_t before = in.len;
    mse_status st = MSE_OK;
    while ((st = mse_pem_next(&in, "CERTIFICATE", out, sizeof out, &len)) == MSE_OK) {
        MSE_ASSERT(in.len < before && len > 0 && len < size);
        before = in.len;
        check_again(mse_bytes_of(out, len));
    }
    MSE_ASSERT(st == MSE_ERR_NOT_FOUND || st == MSE_ERR_MALFORMED);
    return 0;
}
