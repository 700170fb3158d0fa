/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about collateral share. */
#ifndef CLI_COLLATERAL_H
#define CLI_COLLATERAL_H

#include "cli/judge.h"

/* cli_collateral_json describes a set: each part with dates and what it says, and which ends first.
 * at: the time for which "days_left" counts. NULL without memory. */
json_t *cli_collateral_json(const struct mse_bundle *b, const struct mse_policy *policy,
                            mse_time at);
/* The same in lines, one for each part. */
void cli_collateral_say(const struct cli *c, const json_t *description);

#endif
