/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one SEV-SNP appraisal, shared by snp.c (what must be genuine) and snp_policy.c (what
 * the policy wants). */
#ifndef ATTEST_SNP_H
#define ATTEST_SNP_H

#include "attest/chain.h"
#include "attest/prepared.h"

struct mse_snp_appraisal {
    struct mse_verdict *v;
    const struct mse_collateral *collateral;
    const struct mse_policy *policy;
    struct mse_policy nothing;           /* in its place if it makes no sense */
    struct mse_judge judge;              /* v once more, for chain.h */
    const struct mse_prepared *prepared; /* what is known of the collateral; NULL: nothing */
    const struct mse_chain *chain;       /* all three certificates; NULL: could not be read */
    struct mse_root root;                /* of the chain's ARK */
    bool has_crl;
    struct mse_crl crl;
    struct mse_chain room;
};

/* Steps MSE_STEP_TCB_STATUS to MSE_STEP_MACHINE. */
void mse_snp_judge_policy(struct mse_snp_appraisal *a);

#endif
