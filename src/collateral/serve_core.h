/* SPDX-License-Identifier: Apache-2.0 */
/* The service without its sockets: requests become answers, what is missing is fetched by threads
 * of its own, what is old is fetched again. */
#ifndef COLLATERAL_SERVE_CORE_H
#define COLLATERAL_SERVE_CORE_H

#include "collateral/serve.h"
#include "collateral/serve_reply.h"

struct mse_serve_core;
/* mse_serve_core_new opens the store, imports, and starts the threads (none in mode offline). The
 * configuration is borrowed. */
MSE_MUST_USE mse_status mse_serve_core_new(struct mse_serve_core **out,
                                           const struct mse_serve_config *c, struct mse_error *err);
/* Ends all waits with MSE_ERR_TIMEOUT; nothing is fetched any more. */
void mse_serve_core_stop(struct mse_serve_core *s);
/* Accepts NULL. Waits some seconds for fetches under way; if one goes on, its memory is left to the
 * end of the process. */
void mse_serve_core_free(struct mse_serve_core *s);
/* To be called about once a second: begins to fetch again what is old. */
void mse_serve_core_tick(struct mse_serve_core *s, mse_time now);

enum mse_serve_method {
    MSE_SERVE_GET,
    MSE_SERVE_POST,
    MSE_SERVE_PUT,
    MSE_SERVE_OTHER,
};
struct mse_serve_ask {
    enum mse_serve_method method;
    const char *target;
    const char *user_token; /* NULL: none came */
    const char *admin_token;
    struct mse_bytes body;
    /* Of the second round: what the fetching said. */
    bool fetched;
    mse_status fetch_status;
};

/* Who is told, once, by another thread, when something was fetched or not. */
struct mse_serve_waiter {
    void (*done)(void *user, mse_status st);
    void *user;
};

/* mse_serve_ready: an answer that is at hand, or NULL. */
struct mse_reply *mse_serve_ready(struct mse_serve_core *s, const struct mse_serve_ask *ask,
                                  mse_time now);
/* mse_serve_admit judges what can be judged before a body is read: NULL if it may come. */
struct mse_reply *mse_serve_admit(struct mse_serve_core *s, const struct mse_serve_ask *ask);
/* mse_serve_answer answers. NULL: w was queued, and the same question is to be asked again with
 * fetched when it is called (it may be called before this returns); NULL with *no_memory: nothing
 * can be said. */
struct mse_reply *mse_serve_answer(struct mse_serve_core *s, const struct mse_serve_ask *ask,
                                   const struct mse_serve_waiter *w, mse_time now, bool *no_memory);

#endif
