/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that bring what is missing or old from upstream into the store. Equal orders are one
 * piece of work, whoever waits for it. */
#ifndef COLLATERAL_SERVE_FILL_H
#define COLLATERAL_SERVE_FILL_H

#include <pthread.h>

#include "collateral/serve_core.h"

/* What the threads share with those who answer. */
struct mse_serve_shared {
    const struct mse_serve_config *config;
    pthread_mutex_t lock; /* of the store */
    struct mse_serve_store *store;
    struct mse_replies *replies;
};

struct mse_fill;
MSE_MUST_USE mse_status mse_fill_new(struct mse_fill **out, struct mse_serve_shared *shared,
                                     struct mse_error *err);
/* Ends all waits with MSE_ERR_TIMEOUT and takes no more orders. */
void mse_fill_stop(struct mse_fill *f);
/* After mse_fill_stop. False if a thread did not end in time: then nothing was freed. */
MSE_MUST_USE bool mse_fill_free(struct mse_fill *f);

enum mse_fill_what {
    MSE_FILL_OBJECT = 1,
    MSE_FILL_CERT,     /* the certificate for a platform's TCB */
    MSE_FILL_PLATFORM, /* that, and whatever a verifier needs to judge the platform */
    MSE_FILL_REFRESH,  /* all that was seen at its source before */
};
struct mse_fill_order {
    enum mse_fill_what what;
    struct mse_serve_key key;
    struct mse_serve_platform platform;
    mse_time before;
};
/* mse_fill_order queues. w may be NULL. False if the queue is full or stopped: w is not called. */
MSE_MUST_USE bool mse_fill_order(struct mse_fill *f, const struct mse_fill_order *o,
                                 const struct mse_serve_waiter *w);

#endif
