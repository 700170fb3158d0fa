/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the API. The threads of the HTTP server read requests and wait for nothing; two lanes
 * of workers (api_lanes.c) answer them: one for what is quick, one for what may take long. */
#include <errno.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/log.h"
#include "base/util.h"
#include "httpd/front.h"
#include "httpd/target.h"
#include "net/loop.h"
#include "net/tls.h"
#include "operator/api.h"
#include "operator/oidc_site.h"
#include "operator/web.h"

#define HTTP_THREADS    2U
#define MAX_CONNECTIONS 1000U
#define MAX_PER_SOURCE  256U
#define DRAIN_SECONDS   10
#define MAX_DOCUMENT    ((size_t)256 * 1024)

/* Requests. */

static struct api_call *call_of(struct mse_httpd_request *r)
{
    return *mse_httpd_context(r);
}

const char *api_value(const struct api_call *c, const char *name)
{
    for (size_t i = 0; c->route->params != NULL && c->route->params[i].name != NULL; i++) {
        if (strcmp(c->route->params[i].name, name) == 0) {
            return c->given[i] ? c->values[i] : NULL;
        }
    }
    return NULL;
}

static struct mse_reply *read_parameter(struct api_call *c, struct mse_bytes raw,
                                        struct mse_bytes value)
{
    char name[64];
    char shown[80];
    const struct api_param *list = c->route->params;
    size_t i = 0;
    bool good = mse_target_decode(name, sizeof name, raw, true);
    while (good && list != NULL && list[i].name != NULL && strcmp(list[i].name, name) != 0) {
        i++;
    }
    bool known = good && list != NULL && list[i].name != NULL;
    if (!known && api_is_page(c->route)) {
        return NULL; /* links to pages get all kinds of things from those who pass them on */
    }
    if (!known) {
        return api_problem(HTTP_UNPROCESSABLE, "There is no parameter %s here.",
                           mse_log_quote(shown, sizeof shown, raw));
    }
    if (c->given[i]) {
        return api_problem(HTTP_UNPROCESSABLE, "The parameter %s is there twice.", name);
    }
    if (!mse_target_decode(c->values[i], sizeof c->values[i], value, true)) {
        return api_problem(HTTP_UNPROCESSABLE, "The parameter %s is no text.", name);
    }
    c->given[i] = true;
    return NULL;
}

static struct mse_reply *no_route(struct mse_build *allow)
{
    const char *methods = mse_build_cstr(allow);
    if (methods == NULL || methods[0] == '\0') {
        return api_problem(HTTP_NOT_FOUND, "There is nothing here.");
    }
    struct mse_reply *r = api_problem(HTTP_NOT_ALLOWED, "Wanted one of %s.", methods);
    return r == NULL ? NULL : mse_reply_finish(r, mse_reply_add(r, "Allow", methods));
}

static struct mse_reply *read_target(struct api_call *c)
{
    struct mse_target t;
    struct mse_bytes name = { 0 };
    struct mse_bytes value = { 0 };
    struct mse_build allow;
    char methods[64];
    const char *text = mse_httpd_target(c->http);
    bool back = strncmp(text, API_BACK "?", sizeof API_BACK) == 0;
    size_t max = back ? API_MAX_BACK : sizeof c->target;
    if (strlen(text) >= max) {
        return api_problem(HTTP_LONG_TARGET, "The target has more than %zu bytes.", max - 1);
    }
    (void)snprintf(c->target, sizeof c->target, "%s", back ? API_BACK : text);
    if (!mse_target_split(&t, mse_bytes_str(text))) {
        return api_problem(HTTP_BAD_REQUEST, "The target is none.");
    }
    mse_build_fixed(&allow, methods, sizeof methods);
    c->route = api_route_find(mse_httpd_method(c->http), t.path, c->id, &allow);
    if (c->route == NULL) {
        return no_route(&allow);
    }
    while (mse_target_parameter(&t.query, &name, &value)) {
        struct mse_reply *r = read_parameter(c, name, value);
        if (r != NULL) {
            return r;
        }
    }
    return NULL;
}

/* A body that is announced longer than it may be is not waited for. */
static bool too_long(struct mse_httpd_request *r, uint64_t max)
{
    const char *text = mse_httpd_header(r, "Content-Length");
    uint64_t n = 0;
    return text != NULL && (!mse_u64_parse(&n, mse_bytes_str(text), INT64_MAX) || n > max);
}

static bool is_of_type(struct mse_httpd_request *r, const char *wanted)
{
    const char *type = mse_httpd_header(r, "Content-Type");
    size_t len = strlen(wanted);
    return type != NULL && strncasecmp(type, wanted, len) == 0 &&
           (type[len] == '\0' || strchr("; \t", type[len]) != NULL);
}

static struct mse_reply *judge_body(struct api_call *c)
{
    if (c->route->body == API_FORM) {
        return api_ask_early(c, api_upload_begin);
    }
    if (too_long(c->http, API_MAX_BODY)) {
        return api_problem(HTTP_TOO_LARGE, "The body has more than %zu bytes.", API_MAX_BODY);
    }
    const char *wanted = c->route->body == API_JSON     ? "application/json"
                         : c->route->body == API_FIELDS ? c->route->takes
                                                        : NULL;
    return wanted == NULL || is_of_type(c->http, wanted)
               ? NULL
               : api_problem(HTTP_UNSUPPORTED, "Content-Type: wanted %s.", wanted);
}

static struct mse_reply *on_head(void *user, struct mse_httpd_request *http)
{
    struct api_call *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return api_problem(HTTP_UNAVAILABLE, "The server is out of memory.");
    }
    c->api = user;
    c->http = http;
    mse_build_heap(&c->body, API_MAX_BODY);
    *mse_httpd_context(http) = c;
    struct mse_reply *r = read_target(c);
    r = r != NULL ? r : judge_body(c);
    return r != NULL ? web_refused(c, r) : NULL;
}

static struct mse_reply *on_body(void *user, struct mse_httpd_request *http, struct mse_bytes piece)
{
    struct api_call *c = call_of(http);
    (void)user;
    switch (c->route->body) {
    case API_FORM:
        return api_upload_data(c, piece);
    case API_NO_BODY:
        return api_problem(HTTP_BAD_REQUEST, "This takes no body.");
    case API_JSON:
    case API_FIELDS:
        break;
    }
    if (piece.len > API_MAX_BODY - c->body.len) {
        return api_problem(HTTP_TOO_LARGE, "The body has more than %zu bytes.", API_MAX_BODY);
    }
    mse_wr_bytes(&c->body, piece);
    return mse_build_ok(&c->body) ? NULL
                                  : api_problem(HTTP_UNAVAILABLE, "The server is out of memory.");
}

struct mse_reply *api_ask_early(struct api_call *c, api_fn *what)
{
    c->early = what;
    struct mse_reply *r = api_enqueue(c, API_SHORT);
    if (r == NULL) {
        mse_httpd_wait(c->http);
    }
    return r;
}

static void take_answer(struct api_call *c, struct mse_reply **out)
{
    *out = c->reply;
    c->reply = NULL;
    c->early = NULL;
    atomic_store(&c->done, false);
}

static bool on_judged(void *user, struct mse_httpd_request *http, struct mse_reply **out)
{
    struct api_call *c = call_of(http);
    (void)user;
    bool done = atomic_load(&c->done);
    if (done) {
        take_answer(c, out);
    }
    return done;
}

static bool on_whole(void *user, struct mse_httpd_request *http, struct mse_reply **out)
{
    struct api_call *c = call_of(http);
    (void)user;
    if (c->route->lane == API_NOW) {
        *out = c->route->run(c);
        return true;
    }
    if (!c->queued) {
        c->queued = true;
        *out = api_enqueue(c, c->route->lane);
        return *out != NULL;
    }
    if (!atomic_load(&c->done)) {
        return false;
    }
    take_answer(c, out);
    return true;
}

static void count(struct api *a, const struct api_call *c, unsigned status, long us)
{
    size_t at = c == NULL || c->route == NULL ? api_num_routes : (size_t)(c->route - api_routes);
    size_t hundreds = status / 100 > 5 ? 0 : status / 100;
    (void)atomic_fetch_add(&a->counts.answers[at][hundreds], 1);
    (void)atomic_fetch_add(&a->counts.us[at], (uint64_t)(us < 0 ? 0 : us));
}

/* One line for each request; paths of apps and queries stay out of it, and so do tokens. */
static void log_call(const struct api_call *c, struct mse_httpd_request *http, unsigned status,
                     long us)
{
    struct mse_build b;
    char line[1024];
    mse_build_fixed(&b, line, sizeof line);
    struct mse_js j = { .b = &b };
    mse_js_open(&j, NULL, '{');
    mse_js_time(&j, "at", (mse_time)time(NULL));
    mse_js_str(&j, "request", mse_httpd_id(http));
    mse_js_str(&j, "method", c == NULL || c->route == NULL ? "" : c->route->method);
    mse_js_str(&j, "route", c == NULL || c->route == NULL ? "" : c->route->path);
    mse_js_uint(&j, "status", status);
    mse_js_int(&j, "ms", us / 1000);
    if (c != NULL && c->known) {
        mse_js_str(&j, "user", c->user.id);
    }
    mse_js_close(&j, '}');
    mse_wr_str(&b, "\n");
    bool written = mse_build_ok(&b) && mse_io_write(STDERR_FILENO, mse_build_view(&b));
    (void)written; /* there is nowhere else to say it */
}

static void on_over(void *user, struct mse_httpd_request *http)
{
    struct api *a = user;
    struct api_call *c = call_of(http);
    unsigned status = mse_httpd_status(http);
    long us = mse_httpd_us(http);
    count(a, c, status, us);
    log_call(c, http, status, us);
    if (c != NULL) {
        api_follow_end(c);
        api_upload_free(c);
        mse_reply_unref(c->reply);
        mse_build_clear(&c->body);
        mse_wipe(&c->token, sizeof c->token);
        free(c);
    }
}

/* The life of the whole. */

static mse_status api_init(struct api *a, const struct api_config *c, struct mse_error *err)
{
    a->cfg = c;
    (void)pthread_mutex_init(&a->uploads_lock, NULL);
    mse_build_heap(&a->openapi, MAX_DOCUMENT);
    api_openapi_write(&a->openapi);
    a->web = web_new(c);
    a->slow = api_problem(HTTP_TIMEOUT, "The request did not come in the time that it has.");
    a->limits = api_limits_new();
    a->public_limits = api_limits_new();
    if (c->conf->oidc.there) {
        a->issuer = mse_oidc_keys_new(mse_oidc_fetch, c->conf->oidc.issuer);
        a->site = mse_oidc_site_new(c->conf->oidc.issuer);
    }
    if (!mse_build_ok(&a->openapi) || a->slow == NULL || a->web == NULL || a->limits == NULL ||
        a->public_limits == NULL ||
        (c->conf->oidc.there && (a->issuer == NULL || a->site == NULL))) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "api", "out of memory");
    }
    mse_status st = api_followers_new(&a->followers, a, err);
    for (size_t i = 0; st == MSE_OK && i < API_NUM_LANES; i++) {
        st = api_lane_start(a, &a->lanes[i], err);
    }
    return st;
}

static void api_clear(struct api *a)
{
    api_followers_free(a->followers);
    api_limits_free(a->limits);
    api_limits_free(a->public_limits);
    mse_oidc_keys_free(a->issuer);
    mse_oidc_site_free(a->site);
    mse_reply_unref(a->slow);
    mse_build_clear(&a->openapi);
    web_free(a->web);
    (void)pthread_mutex_destroy(&a->uploads_lock);
}

static mse_status listen_http(struct api *a, struct mse_httpd_front **front, struct mse_error *err)
{
    static const struct mse_httpd_app app = {
        .head = on_head, .body = on_body, .judged = on_judged, .whole = on_whole, .over = on_over
    };
    const struct mse_httpd_front_config f = { .listen_fd = a->cfg->listen_fd,
                                              .chain = a->cfg->chain,
                                              .key = a->cfg->key,
                                              .max_connections = MAX_CONNECTIONS,
                                              .max_per_source = MAX_PER_SOURCE };
    bool tls = a->cfg->chain.len > 0;
    int fd = tls ? -1 : dup(a->cfg->listen_fd);
    mse_status st = tls ? mse_httpd_front_new(front, &fd, &f, err) : MSE_OK;
    if (st == MSE_OK && fd < 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "listen", "%s", strerror(errno));
    }
    if (st != MSE_OK) {
        return st;
    }
    const struct mse_httpd_config c = { .listen_fd = fd,
                                        .threads = HTTP_THREADS,
                                        .max_connections = MAX_CONNECTIONS,
                                        .max_per_source = MAX_PER_SOURCE,
                                        .name = API_NAME,
                                        .app = &app,
                                        .user = a,
                                        .slow = a->slow };
    st = mse_httpd_new(&a->http, &c, err);
    return st == MSE_OK && tls ? mse_httpd_front_start(*front, err) : st;
}

/* What renews the certificate writes two files, one after the other. */
static void look_at_files(const struct api *a, struct mse_httpd_front *front)
{
    struct gate_files *f = a->cfg->tls_files;
    struct mse_error err = { 0 };
    bool changed = false;
    if (f == NULL || front == NULL) {
        return;
    }
    mse_status st = gate_files_read(f, &changed, &err);
    if (st == MSE_OK && changed) {
        st = mse_httpd_front_renew(front, mse_build_view(&f->content[0]),
                                   mse_build_view(&f->content[1]), &err);
    }
    if (st == MSE_OK && changed) {
        mse_log(MSE_LOG_INFO, API_NAME, "the certificate is a new one");
    } else if (st != MSE_OK && (changed || !f->bad)) {
        mse_log(MSE_LOG_ERROR, API_NAME, "the certificate stays as it was: %s", err.text);
    }
    f->bad = st != MSE_OK;
}

static void wait_for_the_end(struct api *a, struct mse_httpd_front *front)
{
    const struct timespec second = { .tv_sec = 1 };
    sigset_t end;
    (void)sigemptyset(&end);
    (void)sigaddset(&end, SIGTERM);
    (void)sigaddset(&end, SIGINT);
    while (sigtimedwait(&end, NULL, &second) < 0) {
        mse_httpd_tick(a->http);
        look_at_files(a, front);
    }
}

/* Who is being answered gets the answer. */
static void drain(struct api *a)
{
    const struct timespec tick = { .tv_nsec = 50L * 1000 * 1000 };
    mse_httpd_quiesce(a->http);
    (void)shutdown(a->cfg->listen_fd, SHUT_RDWR); /* who comes now is refused at once */
    api_followers_stop(a->followers);
    for (int i = 0; i < DRAIN_SECONDS * 20 && mse_httpd_busy(a->http) > 0; i++) {
        (void)nanosleep(&tick, NULL);
    }
}

static mse_status serve(struct api *a, struct mse_error *err)
{
    struct mse_httpd_front *front = NULL;
    mse_status st = api_keepers_start(a, err);
    if (st == MSE_OK) {
        st = listen_http(a, &front, err);
    }
    if (st == MSE_OK) {
        a->cfg->ready(a->cfg->user);
        wait_for_the_end(a, front);
        drain(a);
    }
    api_keepers_stop(a);
    api_followers_stop(a->followers);
    for (size_t i = 0; i < API_NUM_LANES; i++) {
        api_lane_stop(&a->lanes[i]);
    }
    mse_httpd_front_free(front);
    mse_httpd_free(a->http);
    return st;
}

mse_status api_run(const struct api_config *c, struct mse_error *err)
{
    struct api *a = calloc(1, sizeof *a);
    if (a == NULL) {
        (void)close(c->listen_fd);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "api", "out of memory");
    }
    (void)signal(SIGPIPE, SIG_IGN);
    bool good = mse_tls_no_config() && mse_net_prepare_fd(c->listen_fd);
    mse_status st =
        good ? api_init(a, c, err) : MSE_FAIL(err, MSE_ERR_IO, "listen", "%s", strerror(errno));
    if (st == MSE_OK) {
        st = serve(a, err);
    } else {
        for (size_t i = 0; i < API_NUM_LANES; i++) {
            api_lane_stop(&a->lanes[i]);
        }
    }
    api_clear(a);
    free(a);
    (void)close(c->listen_fd);
    return st;
}
