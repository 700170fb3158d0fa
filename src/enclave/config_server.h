/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration protocol on a unix socket behind the relay (docs/protocol.md,
 * "Configuration"): connections, their limits and times. What is right is decided by config.h. */
#ifndef ENCLAVE_CONFIG_SERVER_H
#define ENCLAVE_CONFIG_SERVER_H

#include <uv.h>

#include "enclave/config.h"

#define MSE_CONFIG_MAX_STRANGERS 16 /* connections without a valid token */
#define MSE_CONFIG_MAX_HOLDERS   4
#define MSE_CONFIG_STRANGER_MS   5000
#define MSE_CONFIG_IDLE_MS       10000
#define MSE_CONFIG_TOTAL_MS      60000
#define MSE_CONFIG_LINGER_MS     1000
#define MSE_CONFIG_TICK_MS       100 /* between two failures that are answered */

struct mse_config_server;
/* All borrowed. */
struct mse_config_server_config {
    uv_loop_t *loop;
    const char *path; /* of the socket that is made; other users must not reach it */
    unsigned tick_ms; /* 0: MSE_CONFIG_TICK_MS */
    struct mse_config_rules rules;
    /* A configuration was accepted; it is taken over. The state is MSE_CONFIG_STARTING already. */
    void (*accepted)(void *user, struct mse_config *c);
    void *user;
};
/* On failure what was begun in the loop is closed with it; *out is set all the same, if there was
 * memory for it. */
MSE_MUST_USE mse_status mse_config_server_new(struct mse_config_server **out,
                                              const struct mse_config_server_config *c,
                                              struct mse_error *err);
/* What the timer does: answers one failure of a stranger and one of a holder, the longest waiting
 * ones, and ends who is too late. Failures come at this rate whatever was wrong and however soon it
 * showed, so that they tell nothing more, and nobody can guess faster. */
void mse_config_server_tick(struct mse_config_server *s);
/* What is said from now on; error: a word for those who ask, a constant, or NULL. */
void mse_config_server_set(struct mse_config_server *s, enum mse_config_state state,
                           const char *error);
/* Closes all connections and takes no more. Accepts NULL, like mse_config_server_free. */
void mse_config_server_stop(struct mse_config_server *s);
/* After the loop has run to its end. */
void mse_config_server_free(struct mse_config_server *s);

#endif
