/* SPDX-License-Identifier: Apache-2.0 */
/* See serve.h. One loop, one thread, one state:
 * CONFIGURING <-> INSTALLING -> STARTING -> SERVING -> DRAINING -> STOPPING_APP -> the loop ends.
 * Any of them may go straight to STOPPING_APP. */
#include "enclave/serve_inner.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/util.h"
#include "crypto/digest.h"
#include "enclave/lease.h"
#include "net/loop.h"

#define TICK_MS       100
#define DRAIN_MS      5000
#define DRAIN_IDLE_MS 300 /* a connection without traffic for so long is not worth waiting for */
#define APP_STOP_MS   5000
#define FAILED_MS     5000

/* Going from state to state. */

void serve_tell(const struct serve *s, uint8_t event, const char *text)
{
    mse_attest_hold_tee(s->attest);
    s->cfg->tee->ops->event(s->cfg->tee->t, event, text);
    mse_attest_release_tee(s->attest);
}

void serve_enter(struct serve *s, enum state state, unsigned within_ms)
{
    s->state = state;
    s->deadline_ms = uv_now(&s->loop) + within_ms;
}

static void stop_health(struct serve *s)
{
    if (s->health_on) {
        mse_health_stop(&s->health);
        s->health_on = false;
    }
}

void serve_stop_app(struct serve *s)
{
    stop_health(s);
    mse_relay_close(s->relay);
    s->relay = NULL;
    serve_enter(s, STATE_STOPPING_APP, APP_STOP_MS);
    if (s->cfg->app->running) {
        mse_sandbox_terminate(&s->cfg->app->proc);
    } else {
        uv_stop(&s->loop);
    }
}

void serve_begin_stop(struct serve *s, const char *why, unsigned drain_ms)
{
    if (s->state >= STATE_DRAINING) {
        return;
    }
    mse_log(MSE_LOG_INFO, SERVE_WHO, "stopping: %s", why);
    serve_tell(s, MSE_TEE_EVENT_STOPPING, why);
    if (s->relay == NULL || drain_ms == 0) {
        serve_stop_app(s);
        return;
    }
    stop_health(s);
    mse_relay_stop_accepting(s->relay);
    serve_enter(s, STATE_DRAINING, drain_ms);
}

static void fail(struct serve *s, mse_status st, const char *what)
{
    char last[MSE_ERROR_TEXT_LEN];
    mse_logs_flush(&s->logs);
    mse_logs_last(&s->logs, last, sizeof last);
    s->result =
        MSE_FAIL(s->err, st, "app", "%s%s%s", what, last[0] == '\0' ? "" : "; it said: ", last);
    if (s->configs == NULL) {
        serve_stop_app(s);
        return;
    }
    stop_health(s);
    mse_config_server_set(s->configs, MSE_CONFIG_FAILED, NULL);
    serve_enter(s, STATE_FAILED, FAILED_MS);
}

/* Events. */

static void app_ended(struct serve *s, int wait_status)
{
    char what[80];
    if (s->state == STATE_STOPPING_APP) {
        uv_stop(&s->loop);
        return;
    }
    if (s->state == STATE_FAILED) {
        return;
    }
    if (WIFSIGNALED(wait_status)) {
        (void)snprintf(what, sizeof what, "the app was ended by signal %d", WTERMSIG(wait_status));
    } else {
        (void)snprintf(what, sizeof what, "the app ended with status %d", WEXITSTATUS(wait_status));
    }
    fail(s, MSE_ERR_PROTOCOL, what);
}

static void look_for_end(struct serve *s)
{
    int wait_status = 0;
    if (mse_app_ended(s->cfg->app, &wait_status)) {
        app_ended(s, wait_status);
    }
}

static void on_signal(uv_signal_t *h, int signum)
{
    struct serve *s = h->data;
    if (signum != SIGCHLD) {
        serve_begin_stop(s, "asked to", DRAIN_MS);
    } else {
        look_for_end(s);
    }
}

/* What the launcher may have sent, and nobody asked for, must not hide that it is gone. */
static bool launcher_gone(int fd)
{
    struct pollfd p = { fd, POLLRDHUP, 0 };
    return fd >= 0 && poll(&p, 1, 0) == 1;
}

static void check_time(struct serve *s)
{
    bool late = uv_now(&s->loop) >= s->deadline_ms;
    switch (s->state) {
    case STATE_CONFIGURING:
    case STATE_INSTALLING:
        break;
    case STATE_FAILED:
        if (late) {
            serve_stop_app(s);
        }
        break;
    case STATE_STARTING:
        if (late) {
            char what[96];
            (void)snprintf(what, sizeof what, "not healthy within %u s (last answer: %u)",
                           s->cfg->start_ms / 1000, s->health.last_status);
            fail(s, MSE_ERR_TIMEOUT, what);
        }
        break;
    case STATE_SERVING:
        break;
    case STATE_DRAINING:
        mse_relay_close_idle(s->relay, DRAIN_IDLE_MS);
        if (late || mse_relay_num_connections(s->relay) == 0) {
            serve_stop_app(s);
        }
        break;
    case STATE_STOPPING_APP:
        if (late) {
            mse_sandbox_kill(&s->cfg->app->proc); /* its end comes as SIGCHLD, or that got lost */
            look_for_end(s);
        }
        break;
    }
}

static void on_tick(uv_timer_t *h)
{
    struct serve *s = h->data;
    check_time(s);
    if (s->state >= STATE_DRAINING) {
        return;
    }
    if (mse_enclave_now(s->cfg->clock) >= s->cfg->manifest->expires_at) {
        serve_begin_stop(s, "expired", 0);
    } else if (launcher_gone(s->cfg->control_fd)) {
        serve_begin_stop(s, "the launcher is gone", DRAIN_MS);
    } else if (s->cfg->lease != NULL && mse_lease_is_lost(s->cfg->lease)) {
        serve_begin_stop(s, "its leader is gone", 0);
    }
}

/* Beginning. */

static void hold_tee(void *arg)
{
    mse_attest_hold_tee(arg);
}

static void release_tee(void *arg)
{
    mse_attest_release_tee(arg);
}

/* The manifest's bytes are those that it is written as: it was refused otherwise. */
static mse_status start_attest(struct serve *s)
{
    mse_status st = mse_manifest_write(&s->manifest, s->cfg->manifest, s->err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_attest_config c = { .loop = &s->loop,
                                   .tee = s->cfg->tee,
                                   .identity = s->cfg->identity,
                                   .manifest = mse_build_view(&s->manifest) };
    st = mse_sha256(c.manifest_digest, c.manifest);
    st = st == MSE_OK ? mse_attest_new(&s->attest, &c, s->err) : st;
    if (st == MSE_OK && s->cfg->durable != NULL) {
        s->cfg->durable->hold_tee = hold_tee;
        s->cfg->durable->release_tee = release_tee;
        s->cfg->durable->tee_arg = s->attest;
    }
    return st;
}

static mse_status start_signals(struct serve *s)
{
    static const int which[] = { SIGTERM, SIGINT, SIGCHLD };
    sigset_t set;
    (void)sigemptyset(&set);
    bool ok = true;
    for (size_t i = 0; i < MSE_ARRAY_LEN(which); i++) {
        s->signals[i].data = s;
        ok = ok && uv_signal_init(&s->loop, &s->signals[i]) == 0 &&
             uv_signal_start(&s->signals[i], on_signal, which[i]) == 0;
        (void)sigaddset(&set, which[i]);
    }
    s->tick.data = s;
    ok = ok && uv_timer_init(&s->loop, &s->tick) == 0 &&
         uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS) == 0 &&
         sigprocmask(SIG_UNBLOCK, &set, NULL) == 0;
    return ok ? MSE_OK : MSE_FAIL(s->err, MSE_ERR_IO, "loop", "signals cannot be watched");
}

static mse_status run(struct serve *s)
{
    mse_status st = start_attest(s);
    if (st == MSE_OK) {
        st = start_signals(s);
    }
    if (st == MSE_OK) {
        st = serve_start_tls(s);
    }
    if (st == MSE_OK) {
        st = mse_config_needed(s->cfg->manifest) ? serve_start_configs(s) : serve_start_app(s);
    }
    if (st != MSE_OK) {
        return st;
    }
    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    return s->result;
}

mse_status mse_serve(const struct mse_serve_config *c, struct mse_error *err)
{
    struct serve *s = calloc(1, sizeof *s);
    if (s == NULL || uv_loop_init(&s->loop) != 0) {
        free(s);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "loop", "out of memory");
    }
    s->cfg = c;
    s->err = err;
    s->logs.out.fd = -1;
    s->logs.err.fd = -1;
    mse_build_heap(&s->manifest, MSE_MANIFEST_MAX_LEN);
    mse_status st = run(s);
    if (st != MSE_OK) {
        mse_logs_flush(&s->logs);
    }
    mse_relay_close(s->relay);
    stop_health(s);
    mse_attest_stop(s->attest);
    mse_app_quotes_stop(s->quotes);
    mse_keeper_stop(s->keeper);
    mse_config_server_stop(s->configs);
    s->state = STATE_STOPPING_APP; /* what still runs has nothing to begin */
    mse_logs_stop(&s->logs);
    mse_heir_close(s->heir);
    mse_net_loop_clear(&s->loop);
    mse_leader_free(s->leader);
    mse_status stored = mse_keeper_finish(s->keeper);
    (void)mse_heir_end(s->heir, st == MSE_OK ? stored : st);
    if (c->durable != NULL) {
        c->durable->hold_tee = NULL;
    }
    mse_attest_free(s->attest);
    mse_app_quotes_free(s->quotes);
    mse_config_server_free(s->configs);
    mse_config_clear(&s->config);
    free(s->configs_path);
    mse_tls_server_free(s->tls);
    mse_owner_tls_clear(&s->owner);
    mse_build_clear(&s->manifest);
    free(s);
    return st;
}
