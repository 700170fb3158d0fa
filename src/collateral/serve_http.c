/* SPDX-License-Identifier: Apache-2.0 */
/* Connects the HTTP server with the core. A request that waits for upstream costs no thread. */
#include "collateral/serve_http.h"

#include <pthread.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "collateral/serve_import.h"

#define POOL_THREADS   2U
#define MAX_ADMIN_BODY MSE_SERVE_MAX_IMPORT
#define MAX_USER_BODY  ((size_t)1024 * 1024)
#define HTTP_TOO_LARGE 413U
#define HTTP_INTERNAL  500U

struct request {
    struct mse_httpd_request *http;
    struct mse_build body;
    pthread_mutex_t lock; /* of the next two, between this and the fetching thread */
    bool done;
    mse_status fetch_status;
};

static struct request *context(struct mse_httpd_request *h)
{
    return *mse_httpd_context(h);
}

static struct mse_serve_ask ask_of(struct mse_httpd_request *h)
{
    struct request *r = context(h);
    const char *method = mse_httpd_method(h);
    struct mse_serve_ask a = {
        .method = MSE_SERVE_OTHER,
        .target = mse_httpd_target(h),
        .user_token = mse_httpd_header(h, "user-token"),
        .admin_token = mse_httpd_header(h, "admin-token"),
        .body = mse_build_view(&r->body),
    };
    (void)pthread_mutex_lock(&r->lock);
    a.fetched = r->done;
    a.fetch_status = r->fetch_status;
    (void)pthread_mutex_unlock(&r->lock);
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
        a.method = MSE_SERVE_GET;
    } else if (strcmp(method, "POST") == 0) {
        a.method = MSE_SERVE_POST;
    } else if (strcmp(method, "PUT") == 0) {
        a.method = MSE_SERVE_PUT;
    }
    return a;
}

/* By a thread that fetched. */
static void on_fetched(void *user, mse_status st)
{
    struct request *r = user;
    (void)pthread_mutex_lock(&r->lock);
    r->done = true;
    r->fetch_status = st;
    (void)pthread_mutex_unlock(&r->lock);
    mse_httpd_resume(r->http);
}

static struct mse_reply *on_head(void *user, struct mse_httpd_request *h)
{
    struct request *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return mse_reply_text(HTTP_INTERNAL, "out of memory");
    }
    r->http = h;
    mse_build_heap(&r->body, MAX_ADMIN_BODY);
    (void)pthread_mutex_init(&r->lock, NULL);
    *mse_httpd_context(h) = r;
    struct mse_serve_ask ask = ask_of(h);
    /* A reply now is for those who may not send a body. */
    return ask.method == MSE_SERVE_GET ? NULL : mse_serve_admit(user, &ask);
}

static size_t max_body(const char *method)
{
    if (strcmp(method, "PUT") == 0) {
        return MAX_ADMIN_BODY;
    }
    return strcmp(method, "POST") == 0 ? MAX_USER_BODY : 0;
}

static struct mse_reply *on_body(void *user, struct mse_httpd_request *h, struct mse_bytes piece)
{
    struct request *r = context(h);
    size_t max = max_body(mse_httpd_method(h));
    (void)user;
    if (piece.len > max || r->body.len > max - piece.len) {
        return mse_reply_text(HTTP_TOO_LARGE, "the body is too large");
    }
    mse_wr_bytes(&r->body, piece);
    return mse_build_ok(&r->body) ? NULL : mse_reply_text(HTTP_INTERNAL, "out of memory");
}

static bool on_whole(void *user, struct mse_httpd_request *h, struct mse_reply **out)
{
    struct mse_serve_core *core = user;
    struct mse_serve_ask ask = ask_of(h);
    const struct mse_serve_waiter w = { .done = on_fetched, .user = context(h) };
    bool no_memory = false;
    *out = mse_serve_ready(core, &ask, (mse_time)time(NULL));
    if (*out == NULL) {
        *out = mse_serve_answer(core, &ask, &w, (mse_time)time(NULL), &no_memory);
    }
    return *out != NULL || no_memory;
}

static void on_over(void *user, struct mse_httpd_request *h)
{
    struct request *r = context(h);
    char target[256];
    (void)user;
    if (mse_httpd_status(h) != 0) {
        mse_log(MSE_LOG_INFO, "serve", "request=%s target=\"%s\" status=%u us=%ld", mse_httpd_id(h),
                mse_log_quote(target, sizeof target, mse_bytes_str(mse_httpd_target(h))),
                mse_httpd_status(h), mse_httpd_us(h));
    }
    if (r != NULL) {
        mse_build_clear(&r->body);
        (void)pthread_mutex_destroy(&r->lock);
        free(r);
    }
}

mse_status mse_serve_http_new(struct mse_httpd **out, struct mse_serve_core *core, int listen_fd,
                              unsigned max_connections, struct mse_error *err)
{
    static const struct mse_httpd_app app = {
        .head = on_head, .body = on_body, .whole = on_whole, .over = on_over
    };
    const struct mse_httpd_config c = {
        .listen_fd = listen_fd,
        .threads = POOL_THREADS,
        .max_connections = max_connections,
        .name = "serve",
        .app = &app,
        .user = core,
    };
    return mse_httpd_new(out, &c, err);
}
