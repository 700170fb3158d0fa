/* SPDX-License-Identifier: Apache-2.0 */
/* A made-up vendor with every knob in reach: keys, certificates, CRLs, signed JSON and a quote,
 * made anew after each change, so that each refusal can be provoked alone. */
#ifndef TESTS_UNIT_ATTEST_WORLD_H
#define TESTS_UNIT_ATTEST_WORLD_H

#include <mse/attest.h>

#include "sim/pki.h"

#define WORLD_NOW  ((mse_time)1767225600) /* 2026-01-01 */
#define WORLD_DAY  ((mse_time)86400)
#define WORLD_TEXT ((size_t)8192)

enum world_cert {
    WORLD_ROOT,
    WORLD_CA,
    WORLD_PCK,
    WORLD_TCB,
    WORLD_NUM_CERTS,
};
enum world_key {
    WORLD_KEY_ROOT,
    WORLD_KEY_CA,
    WORLD_KEY_PCK,
    WORLD_KEY_TCB,
    WORLD_KEY_AK,
    WORLD_KEY_OTHER,
    WORLD_NUM_KEYS,
};

/* Replaces the first occurrence in a JSON body, before or after it is signed. */
struct world_edit {
    const char *from; /* NULL: none */
    const char *to;
    bool after_signing;
};

struct world {
    struct mse_privkey *keys[WORLD_NUM_KEYS];
    struct mse_policy policy;
    mse_time at;
    mse_time now; /* what is made is dated around it; world_setup: WORLD_NOW */

    /* Knobs; world_defaults sets them. */
    struct mse_sim_cert certs[WORLD_NUM_CERTS];
    struct mse_pck_ext ext;
    struct mse_sim_crl pck_crl;
    struct mse_sim_crl root_crl;
    int pck_crl_revokes; /* enum world_cert, or -1 */
    int root_crl_revokes;
    enum mse_tcb_status tcb_status;
    enum mse_tcb_status qe_status;
    struct world_edit tcb_edit;
    struct world_edit qe_edit;
    enum world_cert chain[4]; /* what the quote carries, in order */
    size_t chain_len;
    bool signing_root; /* the signing chains carry the root */
    uint16_t cert_type;
    struct mse_sgx_report body;
    struct mse_sgx_report qe;
    /* TDX: another body, TCB info with TDX components and modules, the identity "TD_QE". */
    bool tdx;
    uint16_t tdx_version; /* 4, or 5 with the body of td */
    struct mse_tdx_report td;
    enum mse_tcb_status module_status; /* of TDX_01 at ISVSVN 5; below it OutOfDate, from 3 on */

    /* Products of world_make. */
    struct mse_build der[WORLD_NUM_CERTS];
    struct mse_build chain_pem;
    struct mse_build signing_pem;
    struct mse_build pck_crl_der;
    struct mse_build root_crl_der;
    struct mse_build tcb_body;
    struct mse_build qe_body;
    uint8_t tcb_sig[64];
    uint8_t qe_sig[64];
    struct mse_build quote;
    struct mse_collateral collateral;
    struct mse_verdict verdict;
    struct mse_error err;
};

/* cmocka's group fixtures: one world with its keys. */
int world_setup(void **state);
int world_teardown(void **state);
/* Before each test: healthy knobs, and a strict policy that accepts what they make. */
int world_defaults(void **state);
/* The same for a quote of TDX, version 4. */
int world_defaults_tdx(void **state);

void world_make(struct world *w);
/* world_make, then the appraisal. */
mse_status world_appraise(struct world *w);
/* The same, which must come to this status, and have a check that says what it saw and wanted if
 * that is not MSE_OK. */
void world_wants(struct world *w, mse_status st);
/* The appraisal of what was made, changed by the test since. */
mse_status world_judge(struct world *w);
/* Whether some check failed with this status. */
bool world_failed_with(const struct world *w, mse_status st);

#endif
