/* SPDX-License-Identifier: Apache-2.0 */
/* What is demanded of transparency logs, and a proof for one fingerprint: made out of a log that is
 * asked, or read from a file; checked, and held against what this user has seen of the log. */
#ifndef CLI_TLOG_ASK_H
#define CLI_TLOG_ASK_H

#include <stdatomic.h>

#include <mse/attest.h>

#include "base/build.h"

#define CLI_LOG_MAX_PROOF ((size_t)128 * 1024)

struct cli_log_demand {
    struct mse_policy policy; /* of which the logs count */
    char *url;                /* of the log, or its folder; heap; NULL: it is not asked */
    char *file;               /* with a proof; heap; NULL: none */
    unsigned timeout_ms;
    const atomic_bool *ends; /* NULL: it is asked to the end */
};
void cli_log_demand_clear(struct cli_log_demand *d);

/* Whether a status says something against a log or a proof; others are trouble on the way. */
MSE_MUST_USE bool cli_log_is_refusal(mse_status st);

/* What a log is to have. */
struct cli_log_subject {
    enum mse_tee_kind tee;
    bool simulated;
    uint8_t fingerprint[MSE_SHA256_LEN];
};
/* False if the evidence proves no fingerprint, or nobody can be asked for a proof. */
MSE_MUST_USE bool cli_log_subject_of(struct cli_log_subject *out, const struct cli_log_demand *d,
                                     const struct mse_verdict *v);

/* cli_log_obtain puts the proof into *out, or leaves nothing in it; its checkpoint is remembered as
 * seen. MSE_ERR_LOG_…, MSE_ERR_SIGNATURE: refused; those of files and connections; MSE_ERR_BUSY:
 * others have asked the log at the same time again and again. Takes no lock while it waits; may be
 * called from several threads. */
MSE_MUST_USE mse_status cli_log_obtain(struct mse_build *out, const struct cli_log_demand *d,
                                       const struct cli_log_subject *s, struct mse_error *err);

#endif
