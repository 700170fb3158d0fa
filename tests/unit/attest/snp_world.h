/* SPDX-License-Identifier: Apache-2.0 */
/* A made-up AMD: ARK, ASK and VCEK with keys of their own, the ARK's CRL and a report, made anew
 * after each change, so that each refusal can be provoked alone on any machine. */
#ifndef TESTS_UNIT_ATTEST_SNP_WORLD_H
#define TESTS_UNIT_ATTEST_SNP_WORLD_H

#include <mse/attest.h>

#include "base/build.h"

#define SNP_NOW ((mse_time)1767225600) /* 2026-01-01 */
#define SNP_DAY ((mse_time)86400)

enum snp_cert {
    SNP_ARK,
    SNP_ASK,
    SNP_VCEK,
    SNP_NUM_CERTS,
};

struct snp_cert_knobs {
    const char *subject;
    const char *issuer;
    enum snp_cert signer; /* whose key signs */
    bool is_ca;
    int path_len;       /* -1: none */
    uint16_t key_usage; /* content of the BIT STRING's octet; 0: none */
    mse_time from;
    mse_time until;
    uint8_t serial;
};

struct snp_world {
    void *keys[SNP_NUM_CERTS]; /* RSA-4096, RSA-4096, P-384 */
    void *other;               /* P-384 */
    struct mse_policy policy;
    mse_time at;

    /* Knobs; snp_defaults sets them. */
    struct snp_cert_knobs certs[SNP_NUM_CERTS];
    const char *product;
    uint8_t svn[10]; /* by the last number of the OID */
    bool has_svn[10];
    size_t hwid_len;
    uint8_t hwid[64];
    bool weak_vcek; /* the VCEK's place is taken by an RSA key */
    const char *crl_issuer;
    enum snp_cert crl_signer;
    mse_time crl_from;
    mse_time crl_until;
    int revoked; /* enum snp_cert, or -1 */
    uint32_t version;
    uint64_t guest_policy;
    uint32_t vmpl;
    uint32_t key_info;
    uint8_t reported_tcb[8];
    uint8_t committed_tcb[8];
    uint8_t cpuid[3];
    uint8_t chip_id[64];
    uint8_t report_data[64];
    uint8_t host_data[32];
    bool signed_by_other;

    /* Products of snp_make. */
    struct mse_build der[SNP_NUM_CERTS];
    struct mse_build issuers;
    struct mse_build crl;
    uint8_t report[MSE_SNP_REPORT_LEN];
    struct mse_collateral collateral;
    struct mse_verdict verdict;
    struct mse_error err;
};

int snp_setup(void **state);
int snp_teardown(void **state);
int snp_defaults(void **state);
void snp_make(struct snp_world *w);
/* The appraisal of what was made, changed by the test since. */
mse_status snp_judge(struct snp_world *w);
mse_status snp_appraise(struct snp_world *w);
bool snp_failed_with(const struct snp_world *w, mse_status st);

#endif
