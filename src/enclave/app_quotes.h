/* SPDX-License-Identifier: Apache-2.0 */
/* The socket that gives the app quotes over data of its own (docs/protocol.md, "The app's own
 * quotes"). The app is hostile: it gets a few connections, a rate, and one place in the queue that
 * it shares with the clients. */
#ifndef ENCLAVE_APP_QUOTES_H
#define ENCLAVE_APP_QUOTES_H

#include <sys/types.h>

#include "enclave/attest.h"

#define MSE_APP_QUOTES_CONNECTIONS 8
#define MSE_APP_QUOTES_PER_SECOND  5U
#define MSE_APP_QUOTES_BURST       20U
#define MSE_APP_QUOTES_IDLE_MS     5000 /* for the request, and for taking the answer */

/* First byte of an answer. */
enum mse_app_answer {
    MSE_APP_ANSWER_EVIDENCE = 0,
    MSE_APP_ANSWER_BAD_REQUEST = 1,
    MSE_APP_ANSWER_BUSY = 2,
    MSE_APP_ANSWER_FAILED = 3,
};

struct mse_app_quotes;
/* All borrowed. owner: who may connect besides the runtime's user; path: in a folder that only the
 * runtime may write. */
struct mse_app_quotes_config {
    uv_loop_t *loop;
    const char *path;
    uid_t owner;
    bool no_modes; /* sockets are no files here */
    struct mse_attest *attest;
};
/* On failure *out is NULL or to be stopped and freed all the same. */
MSE_MUST_USE mse_status mse_app_quotes_new(struct mse_app_quotes **out,
                                           const struct mse_app_quotes_config *c,
                                           struct mse_error *err);
/* Closes all connections and takes no more. Accepts NULL, like mse_app_quotes_free. */
void mse_app_quotes_stop(struct mse_app_quotes *q);
/* After the loop has run to its end. */
void mse_app_quotes_free(struct mse_app_quotes *q);

#endif
