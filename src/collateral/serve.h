/* SPDX-License-Identifier: Apache-2.0 */
/* mse collateral serve: a cache of collateral that speaks the protocol of Intel's PCCS. This is the
 * whole interface of the module that holds it. */
#ifndef COLLATERAL_SERVE_H
#define COLLATERAL_SERVE_H

#include "collateral/fetch.h"

/* When the cache is filled, as a PCCS has it. */
enum mse_serve_mode {
    MSE_SERVE_LAZY,    /* when something is asked for that is not there */
    MSE_SERVE_REQ,     /* when a platform is registered */
    MSE_SERVE_OFFLINE, /* by imports only: there is no upstream */
};

struct mse_serve_import {
    const char *name; /* for messages */
    struct mse_bytes content;
};

#define MSE_SERVE_TOKEN_LEN 64 /* SHA-512 */
struct mse_serve_config {
    int listen_fd; /* bound and listening; closed by mse_serve_run */
    const char *database;
    enum mse_serve_mode mode;
    const uint8_t *root_point;               /* X || Y */
    const struct mse_fetch_config *upstream; /* trust and time are set anew for each fetch */
    bool has_user;
    uint8_t user_sha512[MSE_SERVE_TOKEN_LEN];
    bool has_admin;
    uint8_t admin_sha512[MSE_SERVE_TOKEN_LEN];
    struct mse_bytes tls_chain; /* PEM; both empty: plain HTTP */
    struct mse_bytes tls_key;
    size_t num_imports;
    const struct mse_serve_import *imports;
    unsigned max_connections;
    unsigned refresh_seconds;  /* what was seen at its source longer ago is fetched again */
    void (*ready)(void *user); /* called when requests are taken; may be NULL */
    void *user;
};

/* mse_serve_run serves until SIGTERM or SIGINT, which must be blocked in all threads; then it
 * drains. Logs to stderr. One call per process. */
typedef mse_status (*mse_serve_run_fn)(const struct mse_serve_config *c, struct mse_error *err);
MSE_API MSE_MUST_USE mse_status mse_serve_run(const struct mse_serve_config *c,
                                              struct mse_error *err);

/* mse_serve_tokens_parse reads a file of lines "user SHA512" and "admin SHA512" (hexadecimal) into
 * the configuration; '#' begins a comment. MSE_ERR_CONFIG. */
MSE_MUST_USE mse_status mse_serve_tokens_parse(struct mse_serve_config *c, struct mse_bytes text,
                                               struct mse_error *err);

#endif
