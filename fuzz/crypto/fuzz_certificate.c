/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate reader against OpenSSL's: what ours accepts, d2i accepts with the same fields. */
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/x509.h"
#include "unit/crypto/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = { data, size };
    struct mse_cert c;
    if (!diff_certificate(in)) {
        return 0;
    }
    MSE_ASSERT(mse_cert_parse(&c, in, NULL) == MSE_OK);
    MSE_ASSERT(mse_cert_parse(&c, mse_bytes_of(data, size - 1), NULL) == MSE_ERR_MALFORMED);
    MSE_ASSERT(!mse_cert_has_host(&c, ""));
    mse_status st = mse_cert_verify(NULL, &c, &c.key);
    MSE_ASSERT(st == MSE_OK || st == MSE_ERR_SIGNATURE || st == MSE_ERR_UNSUPPORTED_ALGORITHM);
    return 0;
}
