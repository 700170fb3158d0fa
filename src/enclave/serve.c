/* SPDX-License-Identifier: Apache-2.0 */
/* See serve.h. One loop, one thread, one state:
 * CONFIGURING <-> INSTALLING -> STARTING -> SERVING -> DRAINING -> STOPPING_APP -> the loop ends.
 * Any of them may go straight to STOPPING_APP. */
#include "enclave/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "enclave/app_quotes.h"
#include "enclave/attest.h"
#include "enclave/config_server.h"
#include "enclave/durable.h"
#include "enclave/health.h"
#include "enclave/heir.h"
#include "enclave/inherit.h"
#include "enclave/keeper.h"
#include "enclave/leader.h"
#include "enclave/logs.h"
#include "enclave/owner_tls.h"
#include "net/loop.h"
#include "net/relay.h"
#include "ratls/session.h"

#define WHO             "enclave"
#define TICK_MS         100
#define DRAIN_MS        5000
#define DRAIN_IDLE_MS   300 /* a connection without traffic for so long is not worth waiting for */
#define APP_STOP_MS     5000
#define FAILED_MS       5000
#define HANDSHAKE_MS    10000
#define IDLE_MS         300000
#define HALF_MS         30000
#define MAX_CONNECTIONS 10000
#define MAX_PER_SOURCE  1000
#define RESERVED_FILES  ((rlim_t)64)
#define MAX_ALPN        16
#define NUM_ATTESTED    3 /* protocols of attested sessions */

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

/* Time. */

static uint64_t monotonic_ms(void)
{
    return uv_hrtime() / 1000000;
}

void mse_enclave_clock_init(struct mse_enclave_clock *c, mse_time seen)
{
    mse_time host = time(NULL);
    c->base = host > seen ? host : seen;
    c->base_ms = monotonic_ms();
}

mse_time mse_enclave_now(const struct mse_enclave_clock *c)
{
    mse_time counted = c->base + (mse_time)((monotonic_ms() - c->base_ms) / 1000);
    mse_time host = time(NULL);
    return host > counted ? host : counted;
}

/* Going from state to state. */

static void tell(const struct serve *s, uint8_t event, const char *text)
{
    mse_attest_hold_tee(s->attest);
    s->cfg->tee->ops->event(s->cfg->tee->t, event, text);
    mse_attest_release_tee(s->attest);
}

static void enter(struct serve *s, enum state state, unsigned within_ms)
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

static void stop_app(struct serve *s)
{
    stop_health(s);
    mse_relay_close(s->relay);
    s->relay = NULL;
    enter(s, STATE_STOPPING_APP, APP_STOP_MS);
    if (s->cfg->app->running) {
        mse_sandbox_terminate(&s->cfg->app->proc);
    } else {
        uv_stop(&s->loop);
    }
}

/* An orderly end. why is a code for the log, never anything of the app's. */
static void begin_stop(struct serve *s, const char *why, unsigned drain_ms)
{
    if (s->state >= STATE_DRAINING) {
        return;
    }
    mse_log(MSE_LOG_INFO, WHO, "stopping: %s", why);
    tell(s, MSE_TEE_EVENT_STOPPING, why);
    if (s->relay == NULL || drain_ms == 0) {
        stop_app(s);
        return;
    }
    stop_health(s);
    mse_relay_stop_accepting(s->relay);
    enter(s, STATE_DRAINING, drain_ms);
}

static void fail(struct serve *s, mse_status st, const char *what)
{
    char last[MSE_ERROR_TEXT_LEN];
    mse_logs_flush(&s->logs);
    mse_logs_last(&s->logs, last, sizeof last);
    s->result =
        MSE_FAIL(s->err, st, "app", "%s%s%s", what, last[0] == '\0' ? "" : "; it said: ", last);
    if (s->configs == NULL) {
        stop_app(s);
        return;
    }
    stop_health(s);
    mse_config_server_set(s->configs, MSE_CONFIG_FAILED, NULL);
    enter(s, STATE_FAILED, FAILED_MS);
}

static mse_status add_certificate(struct serve *s)
{
    const struct mse_owner_tls *o = &s->owner;
    if (o->key != NULL) {
        mse_attest_set_owner(s->attest, s->cfg->manifest->san, o->spki_sha256);
        return mse_tls_server_add_chain(s->tls, s->cfg->manifest->san, mse_build_view(&o->chain),
                                        mse_privkey_evp_borrow(o->key), s->err);
    }
    return mse_tls_server_add(s->tls, s->cfg->manifest->san,
                              mse_build_view(&s->cfg->identity->cert),
                              mse_privkey_evp_borrow(s->cfg->identity->key), s->err);
}

/* Evidence is for everybody: who may be a client comes after it. */
static mse_status add_public_name(struct serve *s)
{
    mse_status st = add_certificate(s);
    if (st == MSE_OK && s->cfg->client_ca.len > 0) {
        st = mse_tls_server_demand(s->tls, s->cfg->manifest->san, s->cfg->client_ca,
                                   MSE_SESSION_ALPN, s->err);
    }
    return st;
}

/* Under a library OS; the configuration protocol has a socket of its own. */
static int dial_plainly(void *user, const struct mse_relay_conn *c)
{
    struct serve *s = user;
    return s->configs != NULL && mse_relay_conn_named(c, s->cfg->manifest->config_domain_name)
               ? mse_backend_connect_plain(s->configs_path)
               : mse_backend_dial(&s->backend);
}

static mse_status start_relay(struct serve *s)
{
    const struct mse_serve_config *c = s->cfg;
    struct rlimit files = { 1024, 1024 };
    (void)getrlimit(RLIMIT_NOFILE, &files);
    rlim_t most = files.rlim_cur > 4 * RESERVED_FILES ? (files.rlim_cur - RESERVED_FILES) / 2 : 32;
    struct mse_relay_config rc = {
        .loop = &s->loop,
        .listen_fd = c->listen_fd,
        .tls = s->tls,
        .dial = mse_backend_dial,
        .dial_user = &s->backend,
        .max_connections = most > MAX_CONNECTIONS ? MAX_CONNECTIONS : (unsigned)most,
        .proxy_protocol = c->manifest->proxy_protocol,
        /* Without it all are the gateway. */
        .max_per_source = c->manifest->proxy_protocol ? MAX_PER_SOURCE : 0,
        .handshake_ms = HANDSHAKE_MS,
        .idle_ms = IDLE_MS,
        .half_ms = HALF_MS,
        .asks = mse_attest_asks(s->attest),
    };
    if (c->app->library_os) {
        rc.dial_for = dial_plainly;
        rc.dial_user = s;
    } else if (s->configs != NULL) {
        rc.own_name = c->manifest->config_domain_name;
        rc.own_backend = s->configs_path;
    }
    return mse_relay_new(&s->relay, &rc, s->err);
}

/* Somebody may have the storage: this life ends, and with its last snapshot he begins his. */
static void heir_came(void *user)
{
    begin_stop(user, "its storage is handed on", 0);
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
    mse_status st = s->configs == NULL ? start_relay(s) : add_public_name(s);
    st = st == MSE_OK ? start_heir(s) : st;
    st = st == MSE_OK ? start_leader(s) : st;
    if (st != MSE_OK) {
        s->result = st;
        stop_app(s);
        return;
    }
    if (s->configs != NULL) {
        mse_config_server_set(s->configs, MSE_CONFIG_RUNNING, NULL);
    }
    enter(s, STATE_SERVING, 0);
    mse_log(MSE_LOG_INFO, WHO, "ready");
    tell(s, MSE_TEE_EVENT_READY, "");
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

static void on_signal(uv_signal_t *h, int signum)
{
    struct serve *s = h->data;
    int wait_status = 0;
    if (signum != SIGCHLD) {
        begin_stop(s, "asked to", DRAIN_MS);
    } else if (mse_app_ended(s->cfg->app, &wait_status)) {
        app_ended(s, wait_status);
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
            stop_app(s);
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
            stop_app(s);
        }
        break;
    case STATE_STOPPING_APP:
        if (late) {
            mse_sandbox_kill(&s->cfg->app->proc); /* its end comes as SIGCHLD */
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
        begin_stop(s, "expired", 0);
    } else if (launcher_gone(s->cfg->control_fd)) {
        begin_stop(s, "the launcher is gone", DRAIN_MS);
    } else if (s->cfg->lease != NULL && mse_lease_is_lost(s->cfg->lease)) {
        begin_stop(s, "its leader is gone", 0);
    }
}

/* Beginning. */

/* The protocols that are offered. Ours first, so that a client who knows them gets them; with a
 * stream behind only what the app speaks. */
static size_t list_protocols(const char *out[NUM_ATTESTED + MAX_ALPN],
                             const struct mse_str_list *app)
{
    static const struct {
        const char *name;
        const char *stream;
    } ours[] = { { MSE_SESSION_ALPN_H2, "h2" }, { MSE_SESSION_ALPN_HTTP11, "http/1.1" } };
    size_t num = 0;
    out[num++] = MSE_SESSION_ALPN;
    for (size_t i = 0; i < MSE_ARRAY_LEN(ours); i++) {
        for (size_t k = 0; k < app->num; k++) {
            if (strcmp(app->items[k], ours[i].stream) == 0) {
                out[num++] = ours[i].name;
                break;
            }
        }
    }
    for (size_t k = 0; k < app->num; k++) {
        out[num++] = app->items[k];
    }
    return num;
}

/* Who configures speaks HTTP/1.1, whatever the app does. */
static mse_status add_config_name(struct serve *s)
{
    static const char *const alpn[] = { MSE_SESSION_ALPN, MSE_SESSION_ALPN_HTTP11, "http/1.1" };
    const char *name = s->cfg->manifest->config_domain_name;
    mse_status st = mse_tls_server_add(s->tls, name, mse_build_view(&s->cfg->identity->config_cert),
                                       mse_privkey_evp_borrow(s->cfg->identity->key), s->err);
    return st == MSE_OK ? mse_tls_server_set_alpn(s->tls, name, alpn, MSE_ARRAY_LEN(alpn), s->err)
                        : st;
}

static mse_status start_tls(struct serve *s)
{
    const struct mse_manifest *m = s->cfg->manifest;
    const char *alpn[NUM_ATTESTED + MAX_ALPN];
    if (m->alpn.num > MAX_ALPN) {
        return MSE_FAIL(s->err, MSE_ERR_UNSUPPORTED, "alpn", "%zu names, at most %d", m->alpn.num,
                        MAX_ALPN);
    }
    mse_status st = mse_tls_server_new(&s->tls, alpn, list_protocols(alpn, &m->alpn), s->err);
    if (st != MSE_OK) {
        return st;
    }
    return mse_config_needed(m) ? add_config_name(s) : add_public_name(s);
}

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
        mse_log(MSE_LOG_WARN, WHO, "no counter here: an older storage would not be noticed");
    }
    return mse_keeper_new(&s->keeper, &kc, s->err);
}

/* Starts the app with its output into the log. */
static mse_status start_app(struct serve *s)
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
    enter(s, STATE_STARTING, c->start_ms);
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

/* Phase 1. */

static mse_status check_package(void *arg, const uint8_t *key)
{
    const struct serve *s = arg;
    const struct mse_code_package p = { .fd = s->cfg->package_fd,
                                        .key = key,
                                        .manifest_digest = s->cfg->manifest_digest };
    return mse_code_check_key(&p, s->cfg->manifest, NULL);
}

static mse_status inherit(struct serve *s, struct mse_error *err)
{
    const struct mse_serve_config *c = s->cfg;
    if (c->offer == NULL || c->offer->fd < 0) {
        return MSE_OK;
    }
    const struct mse_inheritor to = {
        .me = { c->durable, c->manifest, c->identity },
        .named = s->config.has_upgrade_from ? s->config.upgrade_from : NULL,
        .by_owner = s->config.by_owner,
        .signature = mse_bytes_of(s->config.upgrade_signature, s->config.upgrade_signature_len),
        .dir = c->app->data,
        .owner = mse_app_user(c->app),
        .now = mse_enclave_now(c->clock)
    };
    s->no_way_back = true;
    return mse_inherit(c->offer, &to, err);
}

/* On a thread of the pool: everything is there already, and the loop does not touch it. */
static void install(uv_work_t *work)
{
    struct serve *s = work->data;
    const struct mse_serve_config *c = s->cfg;
    const struct mse_code_package p = { .fd = c->package_fd,
                                        .key = s->config.has_code_key ? s->config.code_key : NULL,
                                        .manifest_digest = c->manifest_digest,
                                        .in_place = c->app->library_os };
    const struct mse_app_secrets secrets = { .secrets = mse_build_view(&s->config.secrets),
                                             .sealed = mse_build_view(&s->config.sealed),
                                             .x25519_secret = c->identity->x25519_secret,
                                             .x25519_public = c->identity->x25519_public };
    s->installed = mse_code_install(c->app->code, &p, c->manifest, &s->install_err);
    if (s->installed == MSE_OK) {
        s->installed = inherit(s, &s->install_err);
    }
    if (s->installed == MSE_OK) { /* before anything is sealed: a key that does not load is none */
        s->installed = mse_owner_tls_take(&s->owner, &s->config, &s->install_err);
    }
    if (s->installed == MSE_OK) {
        s->installed = mse_durable_commit(c->durable, c->identity, &s->config,
                                          mse_enclave_now(c->clock), &s->install_err);
    }
    if (s->installed == MSE_OK) {
        s->installed = mse_app_put_secrets(c->app, &secrets, &s->install_err);
    }
}

static void install_ended(uv_work_t *work, int cancelled)
{
    struct serve *s = work->data;
    mse_config_clear(&s->config);
    if (s->state != STATE_INSTALLING || cancelled != 0) {
        return; /* stopped meanwhile */
    }
    if (s->installed != MSE_OK) {
        /* Its text may hold names out of an encrypted package: the host reads a code only. */
        mse_log(MSE_LOG_WARN, WHO, "the configuration is void: %s", mse_status_name(s->installed));
        if (s->no_way_back) {
            s->result = MSE_FAIL(s->err, s->installed, "upgrade",
                                 "nothing was inherited: %s; if the other instance has ended, "
                                 "restart it, then restart this one and configure it anew",
                                 mse_status_text(s->installed));
            stop_app(s);
            return;
        }
        enter(s, STATE_CONFIGURING, 0);
        mse_config_server_set(s->configs, MSE_CONFIG_WAITING, mse_status_name(s->installed));
        return;
    }
    mse_log(MSE_LOG_INFO, WHO, "configured");
    mse_status st = start_app(s);
    if (st != MSE_OK) {
        s->result = st;
        stop_app(s);
    }
}

static void accepted(void *user, struct mse_config *c)
{
    struct serve *s = user;
    s->config = *c;
    s->install.data = s;
    s->install_err = (struct mse_error) { .status = MSE_OK };
    enter(s, STATE_INSTALLING, 0);
    if (uv_queue_work(&s->loop, &s->install, install, install_ended) != 0) {
        s->installed = MSE_FAIL(&s->install_err, MSE_ERR_MEMORY, "config", "out of memory");
        install_ended(&s->install, 0);
    }
}

static mse_time now(void *arg)
{
    const struct serve *s = arg;
    return mse_enclave_now(s->cfg->clock);
}

/* The owner's certificate and key, if phase 1 brought them in an earlier life. */
static mse_status restore_owner(struct serve *s)
{
    struct mse_config c = { .has_code_key = false };
    struct mse_durable *d = s->cfg->durable;
    mse_build_heap(&c.ssl_key, d->state.ssl_key.len);
    mse_build_heap(&c.ssl_chain, d->state.ssl_chain.len);
    mse_wr_bytes(&c.ssl_key, d->state.ssl_key);
    mse_wr_bytes(&c.ssl_chain, d->state.ssl_chain);
    mse_status st = mse_owner_tls_take(&s->owner, &c, s->err);
    mse_config_clear(&c);
    mse_durable_forget(d);
    return st;
}

static bool is_restored(const struct mse_serve_config *c)
{
    return c->durable != NULL &&
           (c->durable->found == MSE_DURABLE_RESTORED || c->durable->found == MSE_DURABLE_JOINED);
}

static mse_status start_configs(struct serve *s)
{
    const struct mse_serve_config *c = s->cfg;
    if (asprintf(&s->configs_path, "%s/http", c->app->config) < 0) {
        s->configs_path = NULL;
        return MSE_FAIL(s->err, MSE_ERR_MEMORY, "config", "out of memory");
    }
    const struct mse_config_server_config cc = {
        .loop = &s->loop,
        .path = s->configs_path,
        .rules = { .manifest = c->manifest,
                   .x25519_secret = c->identity->x25519_secret,
                   .x25519_public = c->identity->x25519_public,
                   .now = now,
                   .check_package = check_package,
                   .arg = s,
                   .offered = c->offer != NULL && c->offer->fd >= 0,
                   .signed_for = c->offer != NULL && c->offer->signature_len > 0 },
        .accepted = accepted,
        .user = s,
    };
    mse_status st = mse_config_server_new(&s->configs, &cc, s->err);
    st = st == MSE_OK ? start_relay(s) : st;
    if (st != MSE_OK) {
        return st;
    }
    if (is_restored(c)) {
        mse_config_server_set(s->configs, MSE_CONFIG_STARTING, NULL);
        mse_log(MSE_LOG_INFO, WHO, "configured before");
        st = restore_owner(s);
        return st == MSE_OK ? start_app(s) : st;
    }
    const char *lost = c->durable != NULL && c->durable->found == MSE_DURABLE_LOST
                           ? mse_status_name(c->durable->lost)
                           : NULL;
    enter(s, STATE_CONFIGURING, 0);
    mse_config_server_set(s->configs, MSE_CONFIG_WAITING, lost);
    mse_log(MSE_LOG_INFO, WHO, "waiting for its configuration");
    tell(s, MSE_TEE_EVENT_WAITING, lost == NULL ? "" : lost);
    return MSE_OK;
}

static mse_status run(struct serve *s)
{
    mse_status st = start_attest(s);
    if (st == MSE_OK) {
        st = start_signals(s);
    }
    if (st == MSE_OK) {
        st = start_tls(s);
    }
    if (st == MSE_OK) {
        st = mse_config_needed(s->cfg->manifest) ? start_configs(s) : start_app(s);
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
