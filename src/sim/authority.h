/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated vendor in memory: its keys, its certificates and what it knows of the one platform.
 */
#ifndef SIM_AUTHORITY_H
#define SIM_AUTHORITY_H

#include "sim/pki.h"
#include "sim/platform.h"

struct mse_sim_authority {
    struct mse_privkey *root_key;
    struct mse_privkey *ca_key;
    struct mse_privkey *tcb_key;
    struct mse_build root_pem; /* texts */
    struct mse_build ca_pem;
    struct mse_build tcb_pem;
    struct mse_pck_ext pck;
    uint8_t pck_serial[MSE_SIM_SERIAL_LEN];
    size_t pck_serial_len;
};
void mse_sim_authority_init(struct mse_sim_authority *a);
void mse_sim_authority_clear(struct mse_sim_authority *a);

/* mse_sim_collateral_make appends the text of collateral.json. */
MSE_MUST_USE mse_status mse_sim_collateral_make(struct mse_build *out,
                                                const struct mse_sim_authority *a,
                                                const struct mse_sim_options *o,
                                                struct mse_error *err);
/* mse_sim_pck_read takes serial and SGX extension out of a PCK certificate in PEM; point: its
 * public key, may be NULL. */
MSE_MUST_USE mse_status mse_sim_pck_read(struct mse_sim_authority *a, uint8_t point[64],
                                         struct mse_bytes pem, struct mse_error *err);

/* What the simulated quoting enclave is: the same in quotes and in the QE identity. */
#define MSE_SIM_QE_ISV_SVN     8
#define MSE_SIM_QE_ISV_PROD_ID 1
#define MSE_SIM_QE_MRENCLAVE   "mse simulated quoting enclave: code"
#define MSE_SIM_QE_MRSIGNER    "mse simulated quoting enclave: signer"

#endif
