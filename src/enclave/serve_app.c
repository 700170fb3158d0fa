/* SPDX-License-Identifier: Apache-2.0 */
/* The app: started, healthy, and then whoever may have its storage or join it. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "enclave/serve_inner.h"

/* Somebody may have the storage: this life ends, and with its last snapshot he begins his. */
static void heir_came(void *user)
{
    serve_begin_stop(user, "its storage is handed on", 0);
}

static mse_status start_heir(struct serve *s)
{
    const struct mse_serve_config *c = s->cfg;
    if (c->heir_fd < 0 || !mse_upgrade_rule_is(&c->manifest->upgrade) || s->keeper == NULL) {
        return MSE_OK;
    }
    const struct mse_heir_config hc = { .loop = &s->loop,
                                        .listen_fd = c->heir_fd,
                                        .me = { c->durable, c->manifest, c->identity },
                                        .limit_ms = MSE_HEIR_LIMIT_MS,
                                        .clock = c->clock,
                                        .wanted = heir_came,
                                        .user = s };
    return mse_heir_new(&s->heir, &hc, s->err);
}

/* On a thread of the leader's: who joins begins with the files of this moment. */
static void store_now(void *arg)
{
    mse_keeper_store(arg);
}

static mse_status start_leader(struct serve *s)
{
    const struct mse_serve_config *c = s->cfg;
    if (c->replicas_fd < 0 || c->manifest->replicas < 2 || s->keeper == NULL) {
        return MSE_OK;
    }
    const struct mse_leader_config lc = { .listen_fd = c->replicas_fd,
                                          .me = { c->durable, c->manifest, c->identity },
                                          .limit_ms = MSE_LEADER_LIMIT_MS,
                                          .times = MSE_LEASE_TIMES,
                                          .clock = c->clock,
                                          .store = store_now,
                                          .arg = s->keeper,
                                          .had_life = c->durable->found == MSE_DURABLE_RESTORED };
    return mse_leader_new(&s->leader, &lc, s->err);
}

static void on_healthy(void *user)
{
    struct serve *s = user;
    s->health_on = false;
    mse_status st = s->configs == NULL ? serve_start_relay(s) : serve_add_public_name(s);
    st = st == MSE_OK ? start_heir(s) : st;
    st = st == MSE_OK ? start_leader(s) : st;
    if (st != MSE_OK) {
        s->result = st;
        serve_stop_app(s);
        return;
    }
    if (s->configs != NULL) {
        mse_config_server_set(s->configs, MSE_CONFIG_RUNNING, NULL);
    }
    serve_enter(s, STATE_SERVING, 0);
    mse_log(MSE_LOG_INFO, SERVE_WHO, "ready");
    serve_tell(s, MSE_TEE_EVENT_READY, "");
}

static mse_status start_quotes(struct serve *s)
{
    const struct mse_app *a = s->cfg->app;
    const struct mse_app_quotes_config c = { .loop = &s->loop,
                                             .path = a->attest_socket,
                                             .owner = mse_app_user(a),
                                             .no_modes = a->library_os,
                                             .attest = s->attest };
    return mse_app_quotes_new(&s->quotes, &c, s->err);
}

static mse_status start_keeper(struct serve *s)
{
    const struct mse_serve_config *c = s->cfg;
    if (c->durable == NULL || c->durable->store == NULL) {
        return MSE_OK;
    }
    const struct mse_keeper_config kc = {
        .loop = &s->loop, .store = c->durable->store, .app = c->app, .clock = c->clock
    };
    if (!mse_store_has_counter(kc.store)) {
        mse_log(MSE_LOG_WARN, SERVE_WHO, "no counter here: an older storage would not be noticed");
    }
    return mse_keeper_new(&s->keeper, &kc, s->err);
}

mse_status serve_start_app(struct serve *s)
{
    const struct mse_serve_config *c = s->cfg;
    int out[2] = { -1, -1 };
    int err[2] = { -1, -1 };
    if (pipe2(out, O_CLOEXEC) != 0) {
        return MSE_FAIL(s->err, MSE_ERR_IO, "app", "pipe: %s", strerror(errno));
    }
    if (pipe2(err, O_CLOEXEC) != 0) {
        (void)close(out[0]);
        (void)close(out[1]);
        return MSE_FAIL(s->err, MSE_ERR_IO, "app", "pipe: %s", strerror(errno));
    }
    const struct mse_logs_config lc = { .loop = &s->loop,
                                        .rule = c->manifest->logs,
                                        .owner_key = c->manifest->logs_key,
                                        .identity = c->identity };
    mse_status st = mse_logs_start(&s->logs, &lc, out[0], err[0], s->err);
    st = st == MSE_OK ? start_quotes(s) : st;
    if (st == MSE_OK) {
        st = mse_app_start(c->app, c->manifest, out[1], err[1], s->err);
    }
    (void)close(out[1]);
    (void)close(err[1]);
    if (st != MSE_OK) {
        return st;
    }
    serve_enter(s, STATE_STARTING, c->start_ms);
    st = start_keeper(s);
    if (st != MSE_OK) {
        return st;
    }
    s->health.on_healthy = on_healthy;
    s->health.user = s;
    s->backend = (struct mse_backend) { .socket = c->app->socket,
                                        .plain = c->app->library_os,
                                        .inside = c->app->inside };
    st = mse_health_start(&s->health, &s->loop, &s->backend, c->manifest->healthcheck_endpoint,
                          c->manifest->san, s->err);
    s->health_on = st == MSE_OK; /* what did not start has no handles to close */
    return st;
}
