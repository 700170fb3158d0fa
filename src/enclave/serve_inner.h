/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of serving know of each other: serve.c has the states, the events and the loop,
 * serve_net.c what clients reach, serve_app.c the app and who may come after it, serve_configs.c
 * what comes before the app where phase 1 does. */
#ifndef ENCLAVE_SERVE_INNER_H
#define ENCLAVE_SERVE_INNER_H

#include "base/error.h"
#include "base/log.h"
#include "enclave/app_quotes.h"
#include "enclave/attest.h"
#include "enclave/config_server.h"
#include "enclave/durable.h"
#include "enclave/health.h"
#include "enclave/heir.h"
#include "enclave/keeper.h"
#include "enclave/leader.h"
#include "enclave/logs.h"
#include "enclave/owner_tls.h"
#include "enclave/serve.h"
#include "net/relay.h"

#define SERVE_WHO "enclave"

enum state {
    STATE_CONFIGURING,
    STATE_INSTALLING,
    STATE_STARTING,
    STATE_SERVING,
    STATE_FAILED, /* those who ask are told so for a while */
    STATE_DRAINING,
    STATE_STOPPING_APP,
};

struct serve {
    const struct mse_serve_config *cfg;
    struct mse_error *err;
    mse_status result;
    enum state state;
    uint64_t deadline_ms; /* of the state, in loop time */
    uv_loop_t loop;
    uv_signal_t signals[3];
    uv_timer_t tick;
    struct mse_health health;
    struct mse_backend backend;
    bool health_on;
    struct mse_logs logs;
    struct mse_tls_server *tls;
    struct mse_relay *relay;
    struct mse_build manifest; /* as it was measured */
    struct mse_attest *attest;
    struct mse_app_quotes *quotes;     /* NULL: the app was not started yet */
    struct mse_config_server *configs; /* NULL: no phase 1 */
    char *configs_path;
    struct mse_keeper *keeper; /* NULL: the app does not run yet, or nothing of it is stored */
    struct mse_heir *heir;     /* NULL: nobody may inherit, or the app does not serve yet */
    struct mse_leader *leader; /* NULL: nobody may join, or the app does not serve yet */
    struct mse_config config;  /* while it is installed */
    struct mse_owner_tls owner;
    uv_work_t install;
    mse_status installed;
    bool no_way_back; /* the other enclave may have ended for it */
    struct mse_error install_err;
};

/* serve.c */
void serve_tell(const struct serve *s, uint8_t event, const char *text);
/* A state, and the time in which it has to end, where check_time looks at it. */
void serve_enter(struct serve *s, enum state state, unsigned within_ms);
/* The end, with s->result. */
void serve_stop_app(struct serve *s);
/* An orderly end, after at most drain_ms. why is a code for the log, never anything of the app's.
 */
void serve_begin_stop(struct serve *s, const char *why, unsigned drain_ms);

/* serve_net.c. Errors are put into s->err. */
MSE_MUST_USE mse_status serve_start_tls(struct serve *s);
MSE_MUST_USE mse_status serve_start_relay(struct serve *s);
/* The app's own name, under its certificate. */
MSE_MUST_USE mse_status serve_add_public_name(struct serve *s);

/* serve_app.c: starts the app with its output into the log; once it is healthy, it is served. */
MSE_MUST_USE mse_status serve_start_app(struct serve *s);

/* serve_configs.c: waits for phase 1, or does what follows it if an earlier life had it. */
MSE_MUST_USE mse_status serve_start_configs(struct serve *s);

#endif
