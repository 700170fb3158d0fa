/* SPDX-License-Identifier: Apache-2.0 */
/* SIGSTRUCT, and the public keys that MRSIGNER is made of. */
#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = { data, size };
    struct mse_sigstruct s;
    uint8_t signer[32];
    mse_status st = mse_sigstruct_parse(&s, in, NULL);
    MSE_ASSERT(st == MSE_OK || st == MSE_ERR_MALFORMED);
    if (st == MSE_OK) {
        MSE_ASSERT(size == MSE_SIGSTRUCT_LEN && s.modulus.len == 384 && s.signature.len == 384);
        st = mse_sigstruct_verify(&s, NULL);
        MSE_ASSERT(st == MSE_OK || st == MSE_ERR_UNSUPPORTED_EXPONENT || st == MSE_ERR_SIGNATURE ||
                   st == MSE_ERR_Q1_Q2);
    }
    st = mse_mrsigner_of_public_key(signer, in, NULL);
    MSE_ASSERT(st == MSE_OK || st == MSE_ERR_MALFORMED || st == MSE_ERR_UNSUPPORTED_EXPONENT);
    return 0;
}
