/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs that logs have what answers, for who judges one app again and again: asked for beside the
 * connections, and held until the log is asked the next time. */
#ifndef CLI_GUARD_LOGS_H
#define CLI_GUARD_LOGS_H

#include "cli/tlog_judge.h"

/* Versions of one app at the same time: a proof of each. */
#define CLI_GUARD_SUBJECTS 8

struct cli_guard_proof {
    struct cli_log_subject subject;
    bool asked;            /* else the rest says nothing yet */
    mse_status status;     /* of the last answer */
    struct mse_build text; /* empty: there is none, and why says why */
    char why[MSE_ERROR_TEXT_LEN];
    mse_time asked_at;
};
struct cli_guard_logs {
    size_t num;
    struct cli_guard_proof items[CLI_GUARD_SUBJECTS]; /* oldest first */
};
void cli_guard_logs_clear(struct cli_guard_logs *l);
/* With the proofs, into an empty one. */
void cli_guard_logs_copy(struct cli_guard_logs *out, const struct cli_guard_logs *in);

/* cli_guard_logs_take copies the proof for a subject to *text, and says why there is none. A
 * subject that is new is put on the list. True: the log is to be asked, as there is no good proof,
 * and the last question was some time ago. */
MSE_MUST_USE bool cli_guard_logs_take(struct cli_guard_logs *l, struct mse_build *text,
                                      struct mse_error *why, const struct cli_log_subject *s,
                                      mse_time now);
/* cli_guard_logs_put takes an answer over: the text if st is MSE_OK. What could not be asked leaves
 * a good proof as it is, what was refused does not. True: there is a proof now and was none, or the
 * other way round. */
MSE_MUST_USE bool cli_guard_logs_put(struct cli_guard_logs *l, const struct cli_log_subject *s,
                                     struct mse_build *text, mse_status st,
                                     const struct mse_error *err, mse_time now);

#endif
