/* SPDX-License-Identifier: Apache-2.0 */
/* Requests become answers. */
#include "collateral/serve_core.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "collateral/serve_fill.h"
#include "collateral/serve_import.h"
#include "crypto/digest.h"

#define MAX_LIST     ((size_t)64 * 1024 * 1024)
#define REFRESH_TICK ((mse_time)60)

/* Statuses, those above 459 as a PCCS has them: the quote provider library knows them. */
enum {
    HTTP_OK = 200,
    HTTP_BAD_REQUEST = 400,
    HTTP_UNAUTHORIZED = 401,
    HTTP_NOT_FOUND = 404,
    HTTP_METHOD = 405,
    HTTP_GONE = 410,
    HTTP_INTEGRITY = 460,
    HTTP_UNKNOWN_PLATFORM = 461,
    HTTP_INTERNAL = 500,
    HTTP_UPSTREAM = 502,
    HTTP_BUSY = 503,
};

struct mse_serve_core {
    struct mse_serve_shared shared;
    struct mse_fill *fill; /* NULL: mode offline */
    mse_time next_refresh;
};

/* One request on its way. */
struct asking {
    struct mse_serve_core *core;
    const struct mse_serve_ask *ask;
    const struct mse_serve_request *request;
    const struct mse_serve_waiter *waiter;
    mse_time now;
    bool waits; /* the waiter was queued */
};

/* Beginning and end. */

static mse_status import_all(struct mse_serve_core *s, struct mse_error *err)
{
    const struct mse_serve_config *c = s->shared.config;
    for (size_t i = 0; i < c->num_imports; i++) {
        struct mse_error why = { 0 };
        size_t num = 0;
        mse_status st = mse_serve_import(s->shared.store, &num, c->imports[i].content,
                                         (mse_time)time(NULL), &why);
        if (st != MSE_OK) {
            return MSE_FAIL(err, st, "import", "%.100s%s: %s", c->imports[i].name,
                            st == MSE_ERR_MALFORMED ? " is no collateral" : "", why.text);
        }
        mse_log(MSE_LOG_INFO, "serve", "imported %s: %zu new", c->imports[i].name, num);
    }
    return MSE_OK;
}

mse_status mse_serve_core_new(struct mse_serve_core **out, const struct mse_serve_config *c,
                              struct mse_error *err)
{
    struct mse_serve_core *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "serve", "out of memory");
    }
    s->shared.config = c;
    (void)pthread_mutex_init(&s->shared.lock, NULL);
    s->shared.replies = mse_replies_new();
    mse_status st = s->shared.replies != NULL
                        ? mse_serve_store_open(&s->shared.store, c->database, c->root_point, err)
                        : MSE_FAIL(err, MSE_ERR_MEMORY, "serve", "out of memory");
    if (st == MSE_OK) {
        st = import_all(s, err);
    }
    if (st == MSE_OK && c->mode != MSE_SERVE_OFFLINE) {
        st = mse_fill_new(&s->fill, &s->shared, err);
    }
    if (st != MSE_OK) {
        mse_serve_core_free(s);
        return st;
    }
    *out = s;
    return MSE_OK;
}

void mse_serve_core_stop(struct mse_serve_core *s)
{
    if (s->fill != NULL) {
        mse_fill_stop(s->fill);
    }
}

void mse_serve_core_free(struct mse_serve_core *s)
{
    if (s == NULL || (s->fill != NULL && !mse_fill_free(s->fill))) {
        return;
    }
    mse_serve_store_close(s->shared.store);
    mse_replies_free(s->shared.replies);
    (void)pthread_mutex_destroy(&s->shared.lock);
    free(s);
}

void mse_serve_core_tick(struct mse_serve_core *s, mse_time now)
{
    if (s->fill == NULL || now < s->next_refresh) {
        return;
    }
    s->next_refresh = now + REFRESH_TICK;
    const struct mse_fill_order o = {
        .what = MSE_FILL_REFRESH,
        .before = now - (mse_time)s->shared.config->refresh_seconds,
    };
    bool queued = mse_fill_order(s->fill, &o, NULL);
    (void)queued; /* the next tick tries again */
}

/* Rights. */

static bool is_token(const char *token, bool has, const uint8_t sha512[MSE_SERVE_TOKEN_LEN])
{
    uint8_t seen[MSE_SERVE_TOKEN_LEN];
    return has && token != NULL && mse_sha512(seen, mse_bytes_str(token)) == MSE_OK &&
           mse_ct_equal(seen, sha512, sizeof seen);
}

static bool is_user(const struct asking *a)
{
    const struct mse_serve_config *c = a->core->shared.config;
    return is_token(a->ask->user_token, c->has_user, c->user_sha512);
}

static bool is_admin(const struct asking *a)
{
    const struct mse_serve_config *c = a->core->shared.config;
    return is_token(a->ask->admin_token, c->has_admin, c->admin_sha512);
}

/* Answers. */

static struct mse_reply *reply_of_status(unsigned http, const char *what,
                                         const struct mse_error *err)
{
    char text[MSE_ERROR_TEXT_LEN + 64];
    if (err == NULL || err->text[0] == '\0') {
        return mse_reply_text(http, what);
    }
    (void)snprintf(text, sizeof text, "%s: %s", what, err->text);
    return mse_reply_text(http, text);
}

/* What is left to say when something is not at hand and was, or could not be, fetched. */
static struct mse_reply *missing(const struct asking *a, unsigned http, const struct mse_error *err)
{
    if (!a->ask->fetched || a->ask->fetch_status == MSE_ERR_NOT_FOUND ||
        a->ask->fetch_status == MSE_OK) {
        return reply_of_status(http, "not in the cache", err);
    }
    if (a->ask->fetch_status == MSE_ERR_TIMEOUT) {
        return mse_reply_text(HTTP_UPSTREAM, "the source did not answer in time");
    }
    return mse_reply_text(HTTP_UPSTREAM, "the source gave nothing that could be used");
}

/* NULL: the waiter is in the queue. */
static struct mse_reply *wait_for(struct asking *a, const struct mse_fill_order *o)
{
    a->waits = mse_fill_order(a->core->fill, o, a->waiter);
    return a->waits ? NULL : mse_reply_text(HTTP_BUSY, "too much is being fetched already");
}

static bool may_fetch(const struct asking *a)
{
    return a->core->fill != NULL && !a->ask->fetched &&
           a->core->shared.config->mode == MSE_SERVE_LAZY;
}

static struct mse_reply *keep(const struct asking *a, struct mse_reply *r, uint64_t epoch)
{
    if (r != NULL && r->status == HTTP_OK) {
        mse_replies_put(a->core->shared.replies, a->ask->target, r, epoch);
    }
    return r;
}

static struct mse_reply *answer_object(struct asking *a)
{
    struct mse_serve_shared *sh = &a->core->shared;
    struct mse_error err = { 0 };
    struct mse_fetched o;
    uint64_t epoch = mse_replies_epoch(sh->replies);
    mse_fetched_init(&o);
    (void)pthread_mutex_lock(&sh->lock);
    mse_status st = mse_serve_store_get(sh->store, &o, &a->request->key, a->now, &err);
    (void)pthread_mutex_unlock(&sh->lock);
    struct mse_reply *r = NULL;
    if (st == MSE_OK) {
        r = keep(a, mse_reply_of_object(a->request, &o), epoch);
    } else if (may_fetch(a)) {
        const struct mse_fill_order order = { .what = MSE_FILL_OBJECT, .key = a->request->key };
        r = wait_for(a, &order);
    } else {
        r = missing(a, HTTP_NOT_FOUND, &err);
    }
    mse_fetched_clear(&o);
    return r;
}

static struct mse_reply *answer_cert(struct asking *a)
{
    struct mse_serve_shared *sh = &a->core->shared;
    const struct mse_serve_platform *p = &a->request->platform;
    struct mse_error err = { 0 };
    struct mse_serve_cert c;
    uint64_t epoch = mse_replies_epoch(sh->replies);
    mse_serve_cert_init(&c);
    (void)pthread_mutex_lock(&sh->lock);
    mse_status st = mse_serve_store_get_cert(sh->store, &c, p, a->now, &err);
    (void)pthread_mutex_unlock(&sh->lock);
    struct mse_reply *r = NULL;
    if (st == MSE_OK) {
        r = keep(a, mse_reply_of_cert(a->request, &c), epoch);
    } else if (may_fetch(a) && p->has_ppid) {
        const struct mse_fill_order order = { .what = MSE_FILL_CERT, .platform = *p };
        r = wait_for(a, &order);
    } else {
        bool lazy = sh->config->mode == MSE_SERVE_LAZY;
        r = missing(a, st == MSE_ERR_NOT_FOUND && !lazy ? HTTP_UNKNOWN_PLATFORM : HTTP_NOT_FOUND,
                    &err);
    }
    mse_serve_cert_clear(&c);
    return r;
}

static mse_status with_store(struct asking *a, const struct mse_serve_platform *p,
                             struct mse_bytes manifest, enum mse_serve_source state,
                             struct mse_error *err)
{
    struct mse_serve_shared *sh = &a->core->shared;
    (void)pthread_mutex_lock(&sh->lock);
    mse_status st = mse_serve_store_register(sh->store, p, manifest, state, err);
    (void)pthread_mutex_unlock(&sh->lock);
    return st;
}

/* After the fetching for a platform. */
static struct mse_reply *registered(struct asking *a, const struct mse_serve_platform *p,
                                    struct mse_bytes manifest)
{
    struct mse_serve_shared *sh = &a->core->shared;
    struct mse_error err = { 0 };
    mse_status st = MSE_OK;
    if (a->ask->fetch_status == MSE_OK) {
        (void)pthread_mutex_lock(&sh->lock);
        st = mse_serve_store_forget(sh->store, p, &err);
        (void)pthread_mutex_unlock(&sh->lock);
        return st == MSE_OK ? mse_reply_text(HTTP_OK, "registered")
                            : mse_reply_text(HTTP_INTERNAL, "the database failed");
    }
    if (sh->config->mode == MSE_SERVE_REQ) {
        st = with_store(a, p, manifest, MSE_SERVE_NOT_AVAILABLE, &err);
    }
    return st == MSE_OK ? missing(a, HTTP_NOT_FOUND, NULL)
                        : mse_reply_text(HTTP_INTERNAL, "the database failed");
}

static struct mse_reply *register_platform(struct asking *a)
{
    struct mse_error err = { 0 };
    struct mse_fill_order order = { .what = MSE_FILL_PLATFORM };
    struct mse_bytes manifest = { 0 };
    if (!is_user(a)) {
        return mse_reply_text(HTTP_UNAUTHORIZED, "wanted the header user-token with its token");
    }
    mse_status st = mse_serve_platform_parse(&order.platform, &manifest, a->ask->body, &err);
    if (st != MSE_OK) {
        return reply_of_status(HTTP_BAD_REQUEST, "registration", &err);
    }
    if (a->ask->fetched) {
        return registered(a, &order.platform, manifest);
    }
    if (a->core->shared.config->mode != MSE_SERVE_LAZY) {
        st = with_store(a, &order.platform, manifest, MSE_SERVE_REGISTERED, &err);
    }
    if (st != MSE_OK) {
        return reply_of_status(st == MSE_ERR_NO_SPACE ? HTTP_BUSY : HTTP_INTERNAL, "registration",
                               &err);
    }
    return a->core->fill == NULL ? mse_reply_text(HTTP_OK, "registered") : wait_for(a, &order);
}

static struct mse_reply *list_platforms(struct asking *a)
{
    struct mse_serve_shared *sh = &a->core->shared;
    struct mse_error err = { 0 };
    char count[24];
    size_t num = 0;
    struct mse_build out;
    mse_build_heap(&out, MAX_LIST);
    (void)pthread_mutex_lock(&sh->lock);
    mse_status st = mse_serve_store_list(sh->store, &out, &num, a->request, &err);
    (void)pthread_mutex_unlock(&sh->lock);
    struct mse_reply *r = mse_reply_new(st == MSE_OK ? HTTP_OK : HTTP_INTERNAL);
    (void)snprintf(count, sizeof count, "%zu", num);
    if (r != NULL && st == MSE_OK) {
        r->body = out;
        struct mse_build none = { 0 };
        out = none;
        if (!mse_reply_add(r, "Content-Type", "application/json") ||
            !mse_reply_add(r, "platform-count", count)) {
            mse_reply_unref(r);
            r = NULL;
        }
    }
    mse_build_clear(&out);
    return r;
}

static struct mse_reply *answer_platforms(struct asking *a)
{
    return a->ask->method == MSE_SERVE_POST ? register_platform(a) : list_platforms(a);
}

static struct mse_reply *put_collateral(struct asking *a)
{
    struct mse_serve_shared *sh = &a->core->shared;
    struct mse_error err = { 0 };
    size_t num = 0;
    (void)pthread_mutex_lock(&sh->lock);
    mse_status st = mse_serve_import(sh->store, &num, a->ask->body, a->now, &err);
    (void)pthread_mutex_unlock(&sh->lock);
    if (num > 0) {
        mse_replies_forget(sh->replies);
    }
    mse_log(st == MSE_OK ? MSE_LOG_INFO : MSE_LOG_WARN, "serve", "put collateral: %zu new: %s %s",
            num, mse_status_name(st), err.text);
    if (st == MSE_OK) {
        return mse_reply_text(HTTP_OK, "stored");
    }
    unsigned http = HTTP_INTEGRITY; /* it was not genuine, or not in date */
    if (st == MSE_ERR_MALFORMED || st == MSE_ERR_NO_SPACE) {
        http = HTTP_BAD_REQUEST;
    } else if (st == MSE_ERR_IO || st == MSE_ERR_MEMORY) {
        http = HTTP_INTERNAL;
    }
    return reply_of_status(http, "collateral", &err);
}

static struct mse_reply *answer_refresh(struct asking *a)
{
    const struct mse_fill_order order = { .what = MSE_FILL_REFRESH, .before = a->now + 1 };
    if (a->core->fill == NULL) {
        return mse_reply_text(HTTP_BUSY, "there is no source in mode offline");
    }
    if (!a->ask->fetched) {
        return wait_for(a, &order);
    }
    return a->ask->fetch_status == MSE_OK
               ? mse_reply_text(HTTP_OK, "refreshed")
               : mse_reply_text(HTTP_UPSTREAM, "not all could be fetched");
}

static struct mse_reply *answer_health(const struct asking *a)
{
    struct mse_serve_shared *sh = &a->core->shared;
    uint64_t objects = 0;
    uint64_t platforms = 0;
    uint64_t waiting = 0;
    (void)pthread_mutex_lock(&sh->lock);
    mse_status st = mse_serve_store_count(sh->store, &objects, &platforms, &waiting, NULL);
    (void)pthread_mutex_unlock(&sh->lock);
    struct mse_reply *r = mse_reply_new(st == MSE_OK ? HTTP_OK : HTTP_BUSY);
    if (r != NULL) {
        mse_wr_printf(&r->body,
                      "{\"status\":\"%s\",\"objects\":%llu,\"platforms\":%llu,"
                      "\"registered\":%llu}\n",
                      st == MSE_OK ? "UP" : "DOWN", (unsigned long long)objects,
                      (unsigned long long)platforms, (unsigned long long)waiting);
    }
    if (r != NULL && !mse_reply_add(r, "Content-Type", "application/json")) {
        mse_reply_unref(r);
        r = NULL;
    }
    return r;
}

/* Which methods an endpoint has. */
static const char *allowed(enum mse_serve_endpoint e)
{
    switch (e) {
    case MSE_SERVE_OBJECT:
    case MSE_SERVE_PCK_CERT:
    case MSE_SERVE_HEALTH:
        return "GET";
    case MSE_SERVE_PLATFORMS:
    case MSE_SERVE_REFRESH:
        return "GET, POST";
    case MSE_SERVE_PLATFORM_COLLATERAL:
        return "PUT";
    }
    return "";
}

static struct mse_reply *refuse_method(const struct asking *a)
{
    static const char *const words[] = { "GET", "POST", "PUT", "-" };
    const char *list = allowed(a->request->endpoint);
    if (strstr(list, words[a->ask->method]) != NULL) {
        return NULL;
    }
    struct mse_reply *r = mse_reply_text(HTTP_METHOD, "this path has other methods");
    if (r != NULL && !mse_reply_add(r, "Allow", list)) {
        mse_reply_unref(r);
        return NULL;
    }
    return r;
}

static bool needs_admin(const struct asking *a)
{
    return a->request->endpoint == MSE_SERVE_PLATFORM_COLLATERAL ||
           a->request->endpoint == MSE_SERVE_REFRESH ||
           (a->request->endpoint == MSE_SERVE_PLATFORMS && a->ask->method == MSE_SERVE_GET);
}

/* Everything that the head of a request tells: path, parameters, method, rights. */
static struct mse_reply *judge_head(struct asking *a, struct mse_serve_request *q)
{
    struct mse_error err = { 0 };
    a->request = q;
    mse_status st = mse_serve_request_parse(q, mse_bytes_str(a->ask->target), &err);
    if (st == MSE_ERR_NOT_FOUND) {
        return mse_reply_text(HTTP_NOT_FOUND, err.text);
    }
    if (st == MSE_ERR_UNSUPPORTED) {
        return mse_reply_text(HTTP_GONE, err.text);
    }
    if (st != MSE_OK) {
        return mse_reply_text(HTTP_BAD_REQUEST, err.text);
    }
    struct mse_reply *r = refuse_method(a);
    if (r == NULL && needs_admin(a) && !is_admin(a)) {
        r = mse_reply_text(HTTP_UNAUTHORIZED, "wanted the header admin-token with its token");
    }
    if (r == NULL && q->endpoint == MSE_SERVE_PLATFORMS && a->ask->method == MSE_SERVE_POST &&
        !is_user(a)) {
        r = mse_reply_text(HTTP_UNAUTHORIZED, "wanted the header user-token with its token");
    }
    return r;
}

struct mse_reply *mse_serve_ready(struct mse_serve_core *s, const struct mse_serve_ask *ask,
                                  mse_time now)
{
    return ask->method == MSE_SERVE_GET ? mse_replies_get(s->shared.replies, ask->target, now)
                                        : NULL;
}

struct mse_reply *mse_serve_admit(struct mse_serve_core *s, const struct mse_serve_ask *ask)
{
    struct mse_serve_request q = { 0 };
    struct asking a = { .core = s, .ask = ask };
    return judge_head(&a, &q);
}

static struct mse_reply *dispatch(struct asking *a)
{
    switch (a->request->endpoint) {
    case MSE_SERVE_OBJECT:
        return answer_object(a);
    case MSE_SERVE_PCK_CERT:
        return answer_cert(a);
    case MSE_SERVE_PLATFORMS:
        return answer_platforms(a);
    case MSE_SERVE_PLATFORM_COLLATERAL:
        return put_collateral(a);
    case MSE_SERVE_REFRESH:
        return answer_refresh(a);
    case MSE_SERVE_HEALTH:
        return answer_health(a);
    }
    return NULL;
}

struct mse_reply *mse_serve_answer(struct mse_serve_core *s, const struct mse_serve_ask *ask,
                                   const struct mse_serve_waiter *w, mse_time now, bool *no_memory)
{
    struct mse_serve_request q = { 0 };
    struct asking a = { .core = s, .ask = ask, .waiter = w, .now = now };
    struct mse_reply *r = judge_head(&a, &q);
    if (r == NULL) {
        r = dispatch(&a);
    }
    *no_memory = r == NULL && !a.waits;
    return r;
}
