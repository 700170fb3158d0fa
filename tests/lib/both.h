/* SPDX-License-Identifier: Apache-2.0 */
/* Every appraisal twice: as a pure function, and with an appraiser that is new, that has seen much,
 * and that has room for nearly nothing. The verdicts must be the same to the byte, or the program
 * aborts and says where they differ. Public interface only. */
#ifndef TESTS_LIB_BOTH_H
#define TESTS_LIB_BOTH_H

#include <mse/appraiser.h>

/* mse_appraise_quote, mse_appraise_snp and their like. */
typedef mse_status both_fn(struct mse_verdict *out, struct mse_bytes evidence,
                           const struct mse_collateral *collateral, const struct mse_policy *policy,
                           mse_time at, struct mse_error *err);
struct both_case {
    both_fn *appraise;
    struct mse_bytes evidence;
    const struct mse_collateral *collateral;
    const struct mse_policy *policy;
    mse_time at;
};
mse_status both_appraise(struct mse_verdict *out, const struct both_case *c, struct mse_error *err);

#endif
