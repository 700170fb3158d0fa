/* SPDX-License-Identifier: Apache-2.0 */
/* The CRL reader against OpenSSL's. */
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/x509.h"
#include "unit/crypto/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_crl c;
    if (diff_crl(mse_bytes_of(data, size))) {
        MSE_ASSERT(mse_crl_parse(&c, mse_bytes_of(data, size - 1), NULL) == MSE_ERR_MALFORMED);
    }
    return 0;
}
