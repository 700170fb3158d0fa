/* SPDX-License-Identifier: Apache-2.0 */
/* The apps: who waits for a connection, connections that are made for those who will come, and what
 * happens when an app is not what it was. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/util.h"
#include "proxy/inner.h"

#define MAX_OPENING 8U
#define KEEP_IDLE   16U     /* of those that have been used */
#define WARM_FOR_MS 300000U /* after the last request */
#define QUIET_MS    2000U   /* after a refusal, and between tries of its own accord */
#define RETRY_MS    30000U  /* of a judgement that could not be made */

/* Connecting and judging, in a thread of its own. */
struct job {
    uv_work_t work;
    struct app *app;
    bool h2;
    unsigned generation;
    struct mse_proxy_link link;
    mse_status status;
    struct mse_error err;
};

static void fill(struct app *a);

void page_set(struct mse_page *p, unsigned status, const char *title, const char *fmt, ...)
{
    va_list ap;
    *p = (struct mse_page) { .status = status, .title = title };
    va_start(ap, fmt);
    (void)vsnprintf(p->detail, sizeof p->detail, fmt, ap);
    va_end(ap);
}

/* ---- waiting ---- */

static struct visit *take_waiting(struct app *a, bool h2)
{
    struct visit *before = NULL;
    struct visit *v = a->first_waiting;
    while (v != NULL && v->h2 != h2) {
        before = v;
        v = v->next_waiting;
    }
    if (v != NULL) {
        *(before == NULL ? &a->first_waiting : &before->next_waiting) = v->next_waiting;
        a->last_waiting = a->last_waiting == v ? before : a->last_waiting;
        v->next_waiting = NULL;
    }
    return v;
}

void app_forget(struct app *a, struct visit *v)
{
    struct visit *before = NULL;
    struct visit *at = a->first_waiting;
    while (at != NULL && at != v) {
        before = at;
        at = at->next_waiting;
    }
    if (at != NULL) {
        *(before == NULL ? &a->first_waiting : &before->next_waiting) = v->next_waiting;
        a->last_waiting = a->last_waiting == v ? before : a->last_waiting;
        v->next_waiting = NULL;
    }
}

static void fail_waiting(struct app *a, const struct mse_page *page)
{
    while (a->first_waiting != NULL) {
        struct visit *v = take_waiting(a, a->first_waiting->h2);
        visit_fail(v, page);
    }
}

static void give(struct up *u, struct visit *v)
{
    u->visit = v;
    up_list(u);
    visit_attach(v, u);
}

static struct up *take_idle(struct app *a, bool h2)
{
    struct mse_aged *at = a->idle.newest; /* the older ones may be near their end */
    while (at != NULL) {
        struct up *u = (struct up *)at;
        at = at->older;
        if (up_is_aged(u)) {
            up_close(u); /* it was idle for less than that */
        } else if (u->h2 == h2) {
            up_unlist(u);
            return u;
        }
    }
    return NULL;
}

static bool is_quiet(const struct app *a)
{
    return a->refused_ms != 0 && proxy_now(a->proxy) - a->refused_ms < QUIET_MS;
}

void app_want(struct app *a, struct visit *v)
{
    a->used_ms = proxy_now(a->proxy);
    struct up *u = take_idle(a, v->h2);
    if (u != NULL) {
        give(u, v);
        fill(a);
        return;
    }
    if (is_quiet(a)) {
        visit_fail(v, &a->refusal);
        return;
    }
    *(a->last_waiting == NULL ? &a->first_waiting : &a->last_waiting->next_waiting) = v;
    a->last_waiting = v;
    fill(a);
}

void up_return(struct up *u, bool reusable)
{
    struct app *a = u->app;
    up_unlist(u);
    u->visit = NULL;
    struct visit *v = a->first_waiting == NULL ? NULL : take_waiting(a, u->h2);
    bool old = u->generation != a->proxy->generation || up_is_aged(u);
    bool room = v != NULL || a->num_idle < KEEP_IDLE;
    if (reusable && !old && room && v != NULL) {
        give(u, v);
        return;
    }
    up_list(u);
    if (!reusable || old || !room) {
        up_close(u);
    } else {
        up_watch(u, UV_READABLE);
    }
    if (v != NULL) {
        app_want(a, v);
    } else {
        fill(a);
    }
}

/* ---- identity ---- */

static void add_change(struct mse_page *p, const char *what, const uint8_t old_value[32],
                       const uint8_t new_value[32])
{
    if (mse_mem_equal(old_value, new_value, 32) || p->num_changes == MSE_PAGE_MAX_CHANGES) {
        return;
    }
    struct mse_page_change *c = &p->changes[p->num_changes++];
    c->what = what;
    mse_hex_encode(c->old_value, mse_bytes_of(old_value, 32));
    mse_hex_encode(c->new_value, mse_bytes_of(new_value, 32));
}

static void compare(struct mse_page *p, const struct mse_proxy_identity *was,
                    const struct mse_proxy_identity *is)
{
    add_change(p, "fingerprint", was->fingerprint, is->fingerprint);
    add_change(p, "signer", was->signer, is->signer);
    add_change(p, "manifest", was->manifest, is->manifest);
    add_change(p, "public key", was->key, is->key);
}

static void log_refusal(const struct app *a)
{
    const struct mse_page *p = &a->refusal;
    mse_log(MSE_LOG_ERROR, "proxy", "%s: %s", a->name, p->detail);
    for (size_t i = 0; i < p->num_changes; i++) {
        mse_log(MSE_LOG_ERROR, "proxy", "%s: %s: was %s, is %s", a->name, p->changes[i].what,
                p->changes[i].old_value, p->changes[i].new_value);
    }
}

/* By the user's own rule. What was opened before is not used any more. */
static void move_on(struct app *a, const struct mse_page *p,
                    const struct mse_proxy_identity *identity)
{
    for (size_t i = 0; i < p->num_changes; i++) {
        mse_log(MSE_LOG_WARN, "proxy", "%s: another version: %s: was %s, is %s", a->name,
                p->changes[i].what, p->changes[i].old_value, p->changes[i].new_value);
    }
    a->identity = *identity;
    app_outdate(a);
}

static void refuse(struct app *a)
{
    bool first = a->refused_ms == 0;
    a->refused_ms = proxy_now(a->proxy);
    (void)snprintf(a->refusal.app, sizeof a->refusal.app, "%s", a->name);
    if (first) {
        log_refusal(a);
    }
    app_drop(a, &a->refusal);
}

/* True if it is who it was. */
static bool same_identity(struct app *a, const struct job *j)
{
    struct mse_page p;
    page_set(
        &p, 502, "The app is not the one that it was",
        "What answers for %s is genuine, but not what answered when the proxy started: nothing "
        "is sent to it.",
        a->name);
    compare(&p, &a->identity, &j->link.identity);
    if (p.num_changes == 0) {
        return true;
    }
    if (j->link.moves) {
        move_on(a, &p, &j->link.identity);
        return true;
    }
    (void)snprintf(p.hint, sizeof p.hint,
                   "If its owner has announced a new version, verify it (mse cloud verify) and "
                   "start the proxy again.");
    a->refusal = p;
    refuse(a);
    return false;
}

static void fail_h2(struct app *a)
{
    struct mse_page p;
    struct visit *v = NULL;
    page_set(&p, 502, "The app speaks no HTTP/2", "%s offers no attested HTTP/2.", a->name);
    mse_log(MSE_LOG_WARN, "proxy", "%s", p.detail);
    while ((v = take_waiting(a, true)) != NULL) {
        visit_fail(v, &p);
    }
}

static void job_failed(struct app *a, const struct job *j)
{
    const char *why = j->err.text[0] != '\0' ? j->err.text : mse_status_text(j->status);
    struct mse_page p;
    if (j->h2 && j->status == MSE_ERR_SESSION_ALPN) {
        fail_h2(a);
        return;
    }
    if (mse_ratls_is_trouble(j->status)) {
        page_set(&p, j->status == MSE_ERR_TIMEOUT ? 504 : 502, "The app cannot be reached", "%s",
                 why);
        (void)snprintf(p.app, sizeof p.app, "%s", a->name);
        if (a->first_waiting != NULL) {
            mse_log(MSE_LOG_WARN, "proxy", "%s: %s", a->name, why);
        }
        fail_waiting(a, &p);
        return;
    }
    page_set(&p, 502, "The app is refused", "%s", why);
    if (a->pinned && j->link.known) {
        compare(&p, &a->identity, &j->link.identity);
    }
    (void)snprintf(p.hint, sizeof p.hint, "Nothing was sent to it. mse cloud verify %s says more.",
                   a->name);
    a->refusal = p;
    refuse(a);
}

/* ---- jobs ---- */

static void on_job(uv_work_t *w)
{
    struct job *j = w->data;
    const struct mse_proxy_config *c = j->app->proxy->cfg;
    j->status = c->open(c->user, &j->link, j->app->index,
                        j->h2 ? MSE_SESSION_ALPN_H2 : MSE_SESSION_ALPN_HTTP11, &j->err);
}

static void take_link(struct app *a, struct job *j)
{
    if (!a->pinned) {
        a->pinned = true;
        a->identity = j->link.identity;
    }
    if (!same_identity(a, j)) {
        return;
    }
    if (a->refused_ms != 0) {
        mse_log(MSE_LOG_INFO, "proxy", "%s: is what it was again", a->name);
    }
    a->refused_ms = 0;
    a->attested_ms = proxy_now(a->proxy);
    struct up *u = up_new(a, &j->link, j->h2, j->generation);
    if (u == NULL) {
        return; /* who waits is tried again by the next tick */
    }
    struct visit *v = take_waiting(a, u->h2);
    if (v != NULL) {
        give(u, v);
    } else {
        up_idle(u);
    }
}

static void job_over(uv_work_t *w, int status)
{
    struct job *j = w->data;
    struct app *a = j->app;
    a->opening[j->h2 ? 1 : 0]--;
    a->proxy->jobs--;
    if (status == 0 && !a->proxy->ending) {
        bool outdated = j->generation != a->proxy->generation; /* other rules said so */
        if (!outdated && j->status == MSE_OK) {
            take_link(a, j);
        } else if (!outdated) {
            job_failed(a, j);
        }
        fill(a);
    }
    mse_ratls_conn_free(j->link.conn);
    free(j);
}

static bool start(struct app *a, bool h2)
{
    struct job *j = calloc(1, sizeof *j);
    if (j == NULL) {
        return false;
    }
    j->work.data = j;
    j->app = a;
    j->h2 = h2;
    j->generation = a->proxy->generation;
    if (uv_queue_work(&a->proxy->loop, &j->work, on_job, job_over) != 0) {
        free(j);
        return false;
    }
    a->tried_ms = proxy_now(a->proxy);
    a->opening[h2 ? 1 : 0]++;
    a->proxy->jobs++;
    return true;
}

static size_t num_waiting(const struct app *a, bool h2)
{
    size_t n = 0;
    for (const struct visit *v = a->first_waiting; v != NULL; v = v->next_waiting) {
        n += v->h2 == h2 ? 1 : 0;
    }
    return n;
}

static bool is_in_use(const struct app *a)
{
    return proxy_now(a->proxy) - a->used_ms < WARM_FOR_MS;
}

/* Connections for those who wait, and for those who will come. */
static void fill(struct app *a)
{
    bool more = !a->proxy->ending;
    for (int h2 = 0; h2 < 2; h2++) {
        size_t want = num_waiting(a, h2 == 1);
        bool spare = h2 == 0 && a->refused_ms == 0 && is_in_use(a) &&
                     a->num_idle < a->proxy->cfg->warm &&
                     proxy_now(a->proxy) - a->tried_ms >= QUIET_MS;
        want += spare ? a->proxy->cfg->warm - a->num_idle : 0;
        while (more && a->opening[h2] < want && a->opening[0] + a->opening[1] < MAX_OPENING) {
            more = start(a, h2 == 1);
        }
    }
}

/* ---- life ---- */

void app_drop(struct app *a, const struct mse_page *why)
{
    while (a->idle.oldest != NULL) {
        up_close((struct up *)a->idle.oldest);
    }
    fail_waiting(a, why);
    while (a->busy.oldest != NULL) {
        visit_fail(((struct up *)a->busy.oldest)->visit, why);
    }
}

void app_outdate(struct app *a)
{
    struct mse_aged *next = NULL;
    while (a->idle.oldest != NULL) {
        up_close((struct up *)a->idle.oldest);
    }
    for (struct mse_aged *at = a->busy.oldest; at != NULL; at = next) {
        struct up *u = (struct up *)at;
        next = at->newer;
        if (u->visit->stage == VISIT_TUNNEL) {
            visit_close(u->visit, true);
        }
    }
    /* A long answer goes on, if the app is accepted once more: that is due now. */
    a->attested_ms = proxy_now(a->proxy) - a->proxy->cfg->reattest_ms;
    fill(a);
}

/* What lasts is judged again: the app has to answer anew, and to be what it was. */
static void rejudge(struct app *a)
{
    uint64_t now = proxy_now(a->proxy);
    uint64_t age = now - a->attested_ms;
    uint64_t limit = a->proxy->cfg->reattest_ms;
    struct mse_page p;
    if (a->busy.oldest == NULL || age < limit) {
        return;
    }
    if (age >= 2 * limit) {
        page_set(&p, 502, "The app was not attested for too long",
                 "No attestation of %s has succeeded for %u minutes.", a->name,
                 (unsigned)(age / 60000));
        mse_log(MSE_LOG_ERROR, "proxy", "%s: %s", a->name, p.detail);
        app_drop(a, &p);
        return;
    }
    if (a->opening[0] + a->opening[1] == 0 &&
        now - a->tried_ms >= (limit < RETRY_MS ? limit : RETRY_MS)) {
        (void)start(a, ((struct up *)a->busy.oldest)->h2);
    }
}

void app_tick(struct app *a)
{
    uint64_t limit = a->proxy->cfg->reattest_ms;
    struct mse_aged *at = NULL;
    while ((at = mse_ages_over(&a->idle, proxy_now(a->proxy), limit)) != NULL) {
        up_close((struct up *)at);
    }
    rejudge(a);
    fill(a);
}

/* A connection does not outlive its server. */
static void close_users(struct proxy *p, const struct mse_tls_server *s)
{
    struct mse_aged *next = NULL;
    for (struct mse_aged *at = p->visits.oldest; s != NULL && at != NULL; at = next) {
        struct visit *v = (struct visit *)at;
        next = at->newer;
        if (v->server == s) {
            visit_close(v, true);
        }
    }
}

static mse_status make_server(struct app *a, struct mse_error *err)
{
    static const char *const alpn[] = { "http/1.1" };
    struct mse_tls_server *s = NULL;
    if (a->config->leaf_chain.len == 0) {
        return MSE_OK;
    }
    mse_status st = mse_tls_server_new(&s, alpn, 1, err);
    if (st == MSE_OK) {
        st = mse_tls_server_add_chain(s, a->config->domain, a->config->leaf_chain,
                                      a->config->leaf_key, err);
    }
    if (st != MSE_OK) {
        mse_tls_server_free(s);
        return st;
    }
    close_users(a->proxy, a->old_server); /* their leaf is the one before the last */
    mse_tls_server_free(a->old_server);
    a->old_server = a->server;
    a->server = s;
    return MSE_OK;
}

bool app_renew(struct app *a, struct mse_error *err)
{
    return make_server(a, err) == MSE_OK;
}

mse_status app_init(struct app *a, struct proxy *p, size_t index, struct mse_error *err)
{
    struct mse_proxy_app *c = &p->cfg->apps[index];
    bool usual = c->port == 443;
    *a = (struct app) { .proxy = p, .index = index, .config = c };
    (void)snprintf(a->name, sizeof a->name, "%s:%u", c->domain, c->port);
    (void)snprintf(a->host, sizeof a->host, "%s", usual ? c->domain : a->name);
    a->used_ms = proxy_now(p);
    a->tried_ms = proxy_now(p);
    mse_status st = make_server(a, err);
    if (st == MSE_OK && c->first.conn != NULL) {
        struct job j = { .app = a, .link = c->first };
        take_link(a, &j);
        mse_ratls_conn_free(c->first.conn);
        c->first.conn = NULL;
    }
    return st;
}

void app_clear(struct app *a)
{
    mse_tls_server_free(a->server);
    mse_tls_server_free(a->old_server);
    a->server = NULL;
    a->old_server = NULL;
}
