/* SPDX-License-Identifier: Apache-2.0 */
/* Making a SIGSTRUCT: the enclave signer's side. Reading and checking one is evidence/sigstruct. */
#ifndef MEASURE_SIGSTRUCT_MAKE_H
#define MEASURE_SIGSTRUCT_MAKE_H

#include <mse/evidence.h>

#include "crypto/sign.h"

/* What the signer decides; SWDEFINED, the CET and the KSS fields stay zero. */
struct mse_sigstruct_params {
    uint8_t enclave_hash[32]; /* MRENCLAVE */
    uint64_t attr_flags;
    uint64_t attr_xfrm;
    uint64_t attr_mask_flags;
    uint64_t attr_mask_xfrm;
    uint32_t misc_select;
    uint32_t misc_mask;
    uint16_t isv_prod_id;
    uint16_t isv_svn;
    mse_time date; /* the day counts; years 1970 to 9999 */
};
/* mse_sigstruct_make signs with key, RSA-3072 and e = 3. MSE_ERR_UNSUPPORTED_ALGORITHM for another
 * kind of key, MSE_ERR_UNSUPPORTED_EXPONENT for another exponent, MSE_ERR_CRYPTO. */
MSE_MUST_USE mse_status mse_sigstruct_make(uint8_t out[MSE_SIGSTRUCT_LEN],
                                           const struct mse_sigstruct_params *p,
                                           const struct mse_privkey *key);

/* mse_sigstruct_gramine sets the attributes that gramine-sgx-sign 1.9 gives an enclave whose
 * manifest asks for none: production, 64 bits, and of the processor's features those that the
 * machine has. */
#define MSE_GRAMINE_XFRM      0x3U
#define MSE_GRAMINE_XFRM_MASK 0xfffffffffff9ff1bULL /* all but AVX, AVX-512 and AMX */
void mse_sigstruct_gramine(struct mse_sigstruct_params *p);
/* mse_sigstruct_sign makes one, then reads and checks it as a stranger's would be. Errors as of
 * mse_sigstruct_make, and of parsing. */
MSE_MUST_USE mse_status mse_sigstruct_sign(uint8_t out[MSE_SIGSTRUCT_LEN], uint8_t mrsigner[32],
                                           const struct mse_sigstruct_params *p,
                                           const struct mse_privkey *key, struct mse_error *err);

#endif
