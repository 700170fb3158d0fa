/* SPDX-License-Identifier: Apache-2.0 */
/* How an operator judges an instance of his own before he gives it anything: his platform's root,
 * or the policy that it was spawned with, collateral, and the fingerprint that was measured at
 * launch. */
#ifndef CLI_HOME_JUDGE_H
#define CLI_HOME_JUDGE_H

#include <mse/policy.h>

#include "cli/home.h"
#include "cli/own.h"

struct home_judge {
    struct mse_policy *policy; /* without a least level */
    struct cli_file collateral;
    struct mse_bundle bundle;
    uint8_t *scratch;
};
/* Release with home_judge_clear also after failures. */
MSE_MUST_USE mse_status home_judge_init(struct home_judge *j, const struct home *h,
                                        struct mse_error *err);
void home_judge_clear(struct home_judge *j);
/* Root and policy alone. */
MSE_MUST_USE mse_status home_judge_policy(struct mse_policy *out, const struct home *h,
                                          struct mse_error *err);
/* The path of the collateral, heap: the platform's, or, of SGX, what was collected with the last
 * evidence. */
char *home_judge_collateral(const struct home *h);

#endif
