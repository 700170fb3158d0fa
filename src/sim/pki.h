/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and CRLs of the simulated vendor, laid out field by field as Intel's are. Writes
 * only; what is valid is decided in attest/. */
#ifndef SIM_PKI_H
#define SIM_PKI_H

#include <mse/evidence.h>

#include "base/build.h"
#include "crypto/sign.h"

#define MSE_SIM_CN_ROOT    "SIMULATION – NOT HARDWARE SGX Root CA"
#define MSE_SIM_CN_CA      "SIMULATION SGX PCK Platform CA"
#define MSE_SIM_CN_PCK     "SIMULATION SGX PCK Certificate"
#define MSE_SIM_CN_TCB     "SIMULATION SGX TCB Signing"
#define MSE_SIM_MAX_DER    ((size_t)16 * 1024)
#define MSE_SIM_NOT_A_CA   (-1)
#define MSE_SIM_SERIAL_LEN 20

struct mse_sim_cert {
    const char *subject_cn;
    const char *issuer_cn;
    const struct mse_privkey *key; /* the subject's; only its public half is used */
    const struct mse_privkey *issuer_key;
    mse_time not_before;
    mse_time not_after;
    int path_len;         /* MSE_SIM_NOT_A_CA, or pathLenConstraint */
    const char *crl_url;  /* cRLDistributionPoints */
    struct mse_bytes sgx; /* value of Intel's SGX extension; empty: none */
};
/* mse_sim_cert_make appends the DER certificate; the serial number is random. */
MSE_MUST_USE mse_status mse_sim_cert_make(struct mse_build *out, const struct mse_sim_cert *c);

struct mse_sim_crl {
    const char *issuer_cn;
    const struct mse_privkey *issuer_key;
    mse_time this_update;
    mse_time next_update;
    struct mse_bytes revoked; /* one serial, big-endian; empty: nothing is revoked */
};
/* mse_sim_crl_make appends the DER CRL. */
MSE_MUST_USE mse_status mse_sim_crl_make(struct mse_build *out, const struct mse_sim_crl *c);

/* mse_sim_pck_ext_write appends the value of the SGX extension 1.2.840.113741.1.13.1. Platform
 * instance id and configuration are written as the Platform CA writes them. */
void mse_sim_pck_ext_write(struct mse_build *out, const struct mse_pck_ext *e);

#endif
