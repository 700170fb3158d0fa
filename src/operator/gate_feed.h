/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's feeder: it has the database, keeps the workers alive and tells them where names go.
 * No stranger ever talks to it. */
#ifndef OPERATOR_GATE_FEED_H
#define OPERATOR_GATE_FEED_H

#include "operator/gate_store.h"

struct gate_feed_config {
    int listen_fd;             /* shared by the workers; borrowed */
    const char *database;      /* borrowed */
    const char *source;        /* who writes metrics; borrowed */
    size_t num_workers;        /* 1 to GATE_MAX_WORKERS */
    struct gate_limits limits; /* of each worker */
    unsigned max_files;        /* of each worker */
    /* The workers accept: the gateway is there. */
    void (*ready)(void *user);
    void *user;
};
/* Runs until SIGTERM or SIGINT, and then until the connections have ended, for some seconds at
 * most. An error: it could not begin, which is nobody's fault but the configuration's. */
MSE_MUST_USE mse_status gate_feed_run(const struct gate_feed_config *c, struct mse_error *err);

#endif
