/* SPDX-License-Identifier: Apache-2.0 */
/* From the start of the app to the end of everything: health, relay, logs, signals, expiry. */
#ifndef ENCLAVE_SERVE_H
#define ENCLAVE_SERVE_H

#include "enclave/app.h"
#include "enclave/clock.h"
#include "enclave/identity.h"

struct mse_durable;
struct mse_inherit_offer;
struct mse_lease;
/* All borrowed. The app is prepared; its code is
 * installed and its secrets are there, unless phase 1 comes first (mse_config_needed, and nothing
 * was restored). SIGTERM,
 * SIGINT and SIGCHLD are blocked by the caller; the serving unblocks them. */
struct mse_serve_config {
    const struct mse_manifest *manifest;
    const struct mse_identity *identity;
    const struct mse_enclave_tee *tee;
    const struct mse_enclave_clock *clock;
    struct mse_app *app;
    struct mse_durable *durable; /* NULL: nothing outlives a restart */
    int listen_fd;
    int package_fd; /* of an app that phase 1 comes before: its code, not installed yet; else unused
                     */
    const uint8_t *manifest_digest;
    int control_fd;             /* the launcher's socket: its end stops the runtime; -1: none */
    struct mse_bytes client_ca; /* DER of who certifies clients; empty: they need no certificate */
    int heir_fd;     /* a listening socket, where an heir of the storage may come; -1: none */
    int replicas_fd; /* the same for other instances of the app */
    struct mse_lease *lease; /* this one has joined a leader; NULL: it is one, or alone */
    /* The storage of an earlier version, for an app that phase 1 comes before; NULL: none. */
    struct mse_inherit_offer *offer;
    unsigned start_ms; /* the app has to be healthy by then */
};
/* Serves until stopped or expired (MSE_OK), or until the app fails: MSE_ERR_TIMEOUT if it never got
 * healthy, MSE_ERR_PROTOCOL if it ended, with its last lines in err. The app does not run when this
 * returns. */
MSE_MUST_USE mse_status mse_serve(const struct mse_serve_config *c, struct mse_error *err);

#endif
