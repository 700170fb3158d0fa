/* SPDX-License-Identifier: Apache-2.0 */
/* verify --log: a log must have the fingerprint of what was appraised. Reads --log, --log-url,
 * --log-proof, --log-witness and the log_… keys of the policy. */
#ifndef CLI_TLOG_JUDGE_H
#define CLI_TLOG_JUDGE_H

#include "cli/judge.h"

/* cli_log_judge_init reads the options, and takes what the policy demands of logs over, so that the
 * appraisal leaves it to this. For commands that call cli_log_judge; others refuse such policies.
 */
enum cli_exit cli_log_judge_init(struct cli_judge *j, const struct cli *c);
void cli_log_judge_free(struct cli_log_judge *l);
/* cli_log_judge asks the log, or reads the proof, and adds the check; nothing without a demand. */
void cli_log_judge(struct mse_verdict *v, struct cli_judge *j);
/* The member "log", and the line that says it; nothing without a demand. */
void cli_log_judge_json(json_t *o, const struct cli_judge *j);
void cli_log_judge_say(const struct cli *c, const struct cli_judge *j);

#endif
