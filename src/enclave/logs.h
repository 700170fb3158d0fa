/* SPDX-License-Identifier: Apache-2.0 */
/* The app's stdout and stderr: read line by line, limited in rate, written to the log as the
 * manifest says: as they are, sealed for the owner, or not at all. Of plain ones the last are kept
 * for the report of a failure. A fast writer loses lines, it never waits. */
#ifndef ENCLAVE_LOGS_H
#define ENCLAVE_LOGS_H

#include <uv.h>

#include "enclave/identity.h"

#define MSE_LOGS_LINE_LEN   400 /* longer lines are cut into several */
#define MSE_LOGS_KEPT       5
#define MSE_LOGS_PER_SECOND 200
#define MSE_LOGS_BURST      1000
#define MSE_LOGS_BURST_BOX  200 /* a box takes the loop some 0.1 ms */

struct mse_log_stream {
    struct mse_logs *logs;
    const char *name; /* "out" or "err" */
    int fd;
    uv_poll_t poll;
    char line[MSE_LOGS_LINE_LEN];
    size_t len;
};

/* Borrowed. */
struct mse_logs_config {
    uv_loop_t *loop;
    enum mse_logs_rule rule;
    const uint8_t *owner_key; /* 32 bytes, with MSE_LOGS_OWNER */
    const struct mse_identity *identity;
};

/* Stays where it is while its handles are open. */
struct mse_logs {
    struct mse_logs_config cfg;
    uint8_t shared[32]; /* with the owner */
    uint64_t sequence;
    struct mse_log_stream out;
    struct mse_log_stream err;
    char kept[MSE_LOGS_KEPT][MSE_LOGS_LINE_LEN + 1];
    size_t num_kept; /* lines so far; the ring's position */
    uint64_t tokens;
    uint64_t refilled_ms;
    uint64_t dropped; /* since the last line that was written */
    uint64_t dropped_total;
};
/* Takes over the read ends out_fd and err_fd. */
MSE_MUST_USE mse_status mse_logs_start(struct mse_logs *l, const struct mse_logs_config *c,
                                       int out_fd, int err_fd, struct mse_error *err);
/* Reads what is there, writes unfinished lines. */
void mse_logs_flush(struct mse_logs *l);
/* The last lines if they are plain, oldest first, joined by " | " and cut to cap. */
void mse_logs_last(const struct mse_logs *l, char *out, size_t cap);
/* Closes the handles and descriptors, wipes; the loop must run once more. */
void mse_logs_stop(struct mse_logs *l);

#endif
