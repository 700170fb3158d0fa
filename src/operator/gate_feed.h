/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's feeder: it has the database, keeps the workers alive and tells them where names go.
 * No stranger ever talks to it. */
#ifndef OPERATOR_GATE_FEED_H
#define OPERATOR_GATE_FEED_H

#include "operator/gate_judge.h"
#include "operator/gate_store.h"

#define GATE_API "api" /* in the place of an app's id */

/* Operator mode. */
struct gate_feed_tls {
    int listen_fd;                 /* of the loopback, for the worker that ends TLS; borrowed */
    union mse_net_address address; /* where that is */
    const char *certificate;       /* paths; read again when they change */
    const char *key;
    const struct gate_judge *judge; /* of enclaves */
};

struct gate_feed_config {
    int listen_fd;                   /* shared by the workers; borrowed */
    const char *database;            /* borrowed */
    const char *source;              /* who writes metrics; borrowed */
    size_t num_workers;              /* 1 to GATE_MAX_WORKERS - 1 */
    struct gate_limits limits;       /* of each worker */
    unsigned max_files;              /* of each worker */
    const struct gate_route *api;    /* the API's own name; NULL: it has none. app_id: GATE_API */
    const struct gate_feed_tls *tls; /* NULL: names in operator mode are unknown here */
    /* The workers accept: the gateway is there. */
    void (*ready)(void *user);
    void *user;
};
/* Runs until SIGTERM or SIGINT, and then until the connections have ended, for some seconds at
 * most. An error: it could not begin, which is nobody's fault but the configuration's. */
MSE_MUST_USE mse_status gate_feed_run(const struct gate_feed_config *c, struct mse_error *err);

#endif
