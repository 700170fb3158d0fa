/* SPDX-License-Identifier: Apache-2.0 */
/* verify --log: a log must have the fingerprint of what was appraised. Reads --log, --log-url,
 * --log-proof, --log-witness, the log_… keys of the policy, and what the user's store of verified
 * apps demands. */
#ifndef CLI_TLOG_JUDGE_H
#define CLI_TLOG_JUDGE_H

#include "cli/judge.h"
#include "cli/tlog_ask.h"

/* cli_log_judge_init reads the options, and takes what the policy demands of logs over, so that the
 * appraisal leaves it to this. a: the entry of the store that the policy is of, which says where
 * proofs come from if the options do not; may be NULL. For commands that judge logs; others refuse
 * such policies. */
enum cli_exit cli_log_judge_init(struct cli_judge *j, const struct cli *c,
                                 const struct mse_trust_app *a);
void cli_log_judge_free(struct cli_log_judge *l);
/* What was judged so far is not in the copy. NULL without memory. */
struct cli_log_judge *cli_log_judge_copy(const struct cli_log_judge *l);
/* Once this is true, no log is waited for any more. Does nothing without a demand. */
void cli_log_judge_end_with(struct cli_judge *j, const atomic_bool *ends);
/* What is demanded; NULL: nothing. Borrowed. */
const struct cli_log_demand *cli_log_judge_demand(const struct cli_judge *j);

/* cli_log_judge_join adds what an entry of the store demands, which pinned has: not less than that
 * is judged. Sources that disagree are a refusal. */
enum cli_exit cli_log_judge_join(struct cli_judge *j, const struct cli *c,
                                 const struct mse_policy *pinned, const struct mse_trust_app *a);
/* cli_log_judge_entry puts what was demanded beside the policy into a new entry. False without
 * memory, or if a place is gone. */
MSE_MUST_USE bool cli_log_judge_entry(struct mse_trust_app *a, const struct cli_judge *j);

/* cli_log_judge asks the log, or reads the proof, and adds the check; nothing without a demand. */
void cli_log_judge(struct mse_verdict *v, struct cli_judge *j);
/* The check, when there is no proof to judge. */
void cli_log_judge_refuse(struct mse_verdict *v, mse_status st, const char *why);
/* The member "log", and the line that says it; nothing without a demand. */
void cli_log_judge_json(json_t *o, const struct cli_judge *j);
void cli_log_judge_say(const struct cli *c, const struct cli_judge *j);

#endif
