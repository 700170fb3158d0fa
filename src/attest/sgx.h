/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one SGX appraisal, shared by the two files that make it up: sgx.c (what must be
 * genuine) and sgx_policy.c (what the policy wants). */
#ifndef ATTEST_SGX_H
#define ATTEST_SGX_H

#include "attest/chain.h"
#include "attest/tcb.h"

struct mse_sgx_appraisal {
    struct mse_verdict *v;
    const struct mse_collateral *collateral;
    const struct mse_policy *policy;
    mse_time at;
    struct mse_judge judge; /* v and at once more, for chain.h */

    struct mse_sgx_quote quote;
    struct mse_anchors anchors;
    struct mse_chain pck_chain;      /* num 0: could not be read */
    const struct mse_anchor *anchor; /* where the PCK chain ends; NULL: nowhere */
    bool has_root_crl;
    struct mse_crl root_crl;
    bool has_pck_crl;
    struct mse_crl pck_crl;
    bool has_tcb_info;
    bool has_qe_identity;
    const struct mse_tcb_level *level;
    const struct mse_identity_level *qe_level;
    bool advisories_fit;
    /* The large ones last. */
    struct mse_chain tcb_chain;
    struct mse_chain qe_chain;
    struct mse_tcb_info tcb_info;
    struct mse_qe_identity qe_identity;
};

/* Steps MSE_STEP_TCB_LEVEL to MSE_STEP_MACHINE. */
void mse_sgx_judge_policy(struct mse_sgx_appraisal *a);

#endif
