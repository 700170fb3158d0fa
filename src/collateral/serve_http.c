/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd parses, this connects it with the core. A request that waits for upstream is
 * suspended: it costs no thread. */
#include "collateral/serve_http.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "collateral/serve_import.h"
#include "crypto/digest.h"

#define POOL_THREADS   2U
#define IDLE_SECONDS   15U
#define SPEAK_SECONDS  30  /* for a whole request, however it trickles */
#define LISTEN_SECONDS 120 /* for a whole answer, however slowly it is taken */
#define HEAD_MEMORY    ((size_t)32 * 1024)
#define MAX_ADMIN_BODY MSE_SERVE_MAX_IMPORT
#define MAX_USER_BODY  ((size_t)1024 * 1024)
#define ID_LEN         33
#define HTTP_TOO_LARGE 413U
#define HTTP_INTERNAL  500U

/* A connection, in a list of all. */
struct conn {
    int fd;
    time_t until; /* it may speak, or take its answer; 0: it waits for us */
    struct conn *prev;
    struct conn *next;
};

struct mse_serve_http {
    struct MHD_Daemon *daemon;
    struct mse_serve_core *core;
    int listen_fd;        /* -1: with the daemon */
    pthread_mutex_t lock; /* of the list */
    struct conn *conns;
    _Atomic unsigned busy;
};

struct request {
    struct mse_serve_http *http;
    struct MHD_Connection *connection;
    char *target;
    struct timespec begun;
    bool headed; /* the head was judged */
    bool counted;
    struct mse_build body;
    struct mse_reply *refusal; /* to be given once the body is over */
    pthread_mutex_t lock;      /* of the next three, between this and the fetching thread */
    bool done;
    bool suspended;
    mse_status fetch_status;
    bool fetched;
    char id[ID_LEN];
    unsigned status;
};

static time_t seconds(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1; /* never 0 */
}

/* Connections. */

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct mse_serve_http *h = cls;
    struct conn *c = *socket_context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        c = calloc(1, sizeof *c);
        if (c == NULL || info == NULL) {
            free(c);
            return; /* served without a deadline of ours: the idle timeout holds */
        }
        c->fd = info->connect_fd;
        c->until = seconds() + SPEAK_SECONDS;
        (void)pthread_mutex_lock(&h->lock);
        c->next = h->conns;
        if (h->conns != NULL) {
            h->conns->prev = c;
        }
        h->conns = c;
        (void)pthread_mutex_unlock(&h->lock);
        *socket_context = c;
    } else if (c != NULL) {
        (void)pthread_mutex_lock(&h->lock);
        *(c->prev != NULL ? &c->prev->next : &h->conns) = c->next;
        if (c->next != NULL) {
            c->next->prev = c->prev;
        }
        (void)pthread_mutex_unlock(&h->lock);
        free(c);
        *socket_context = NULL;
    }
}

/* 0: without a bound. */
static void set_time(struct mse_serve_http *h, struct MHD_Connection *connection, time_t within)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct conn *c = info == NULL ? NULL : info->socket_context;
    if (c != NULL) {
        (void)pthread_mutex_lock(&h->lock);
        c->until = within > 0 ? seconds() + within : 0;
        (void)pthread_mutex_unlock(&h->lock);
    }
}

void mse_serve_http_tick(struct mse_serve_http *h)
{
    time_t now = seconds();
    (void)pthread_mutex_lock(&h->lock);
    for (const struct conn *c = h->conns; c != NULL; c = c->next) {
        if (c->until != 0 && c->until < now) {
            (void)shutdown(c->fd, SHUT_RDWR);
        }
    }
    (void)pthread_mutex_unlock(&h->lock);
}

/* Requests. */

static void request_free(struct request *r)
{
    if (r != NULL) {
        mse_build_clear(&r->body);
        mse_reply_unref(r->refusal);
        (void)pthread_mutex_destroy(&r->lock);
        free(r->target);
        free(r);
    }
}

/* Called with the request line's target, before anything else. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct request *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    r->http = cls;
    r->connection = connection;
    r->target = strdup(target);
    mse_build_heap(&r->body, MAX_ADMIN_BODY);
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)clock_gettime(CLOCK_MONOTONIC, &r->begun);
    if (r->target == NULL) {
        request_free(r);
        return NULL;
    }
    return r;
}

static void log_request(const struct request *r)
{
    struct timespec now = { 0 };
    char target[256];
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    long us = (now.tv_sec - r->begun.tv_sec) * 1000000 + (now.tv_nsec - r->begun.tv_nsec) / 1000;
    mse_log(MSE_LOG_INFO, "serve", "request=%s target=\"%s\" status=%u us=%ld", r->id,
            mse_log_quote(target, sizeof target, mse_bytes_str(r->target)), r->status, us);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode code)
{
    struct mse_serve_http *h = cls;
    struct request *r = *con_cls;
    (void)code;
    set_time(h, connection, SPEAK_SECONDS); /* the next request of this connection may begin */
    if (r != NULL) {
        if (r->counted) {
            (void)atomic_fetch_sub(&h->busy, 1);
        }
        if (r->status != 0) {
            log_request(r);
        }
        request_free(r);
        *con_cls = NULL;
    }
}

static void on_sent(void *cls)
{
    mse_reply_unref(cls);
}

/* Queues a reply and drops the reference to it. */
static enum MHD_Result queue(struct request *r, struct mse_reply *reply)
{
    uint8_t raw[16] = { 0 };
    if (reply == NULL || mse_random(raw, sizeof raw) != MSE_OK) {
        mse_reply_unref(reply);
        return MHD_NO;
    }
    mse_hex_encode(r->id, mse_bytes_of(raw, sizeof raw));
    r->status = reply->status;
    struct MHD_Response *m = MHD_create_response_from_buffer_with_free_callback_cls(
        reply->body.len, reply->body.data, on_sent, reply);
    if (m == NULL) {
        mse_reply_unref(reply);
        return MHD_NO;
    }
    enum MHD_Result good = MHD_add_response_header(m, "Request-ID", r->id);
    for (size_t i = 0; good == MHD_YES && i < reply->num_headers; i++) {
        good = MHD_add_response_header(m, reply->headers[i].name, reply->headers[i].value);
    }
    set_time(r->http, r->connection, LISTEN_SECONDS);
    if (good == MHD_YES) {
        good = MHD_queue_response(r->connection, reply->status, m);
    }
    MHD_destroy_response(m);
    return good;
}

static struct mse_serve_ask ask_of(struct request *r, const char *method)
{
    struct mse_serve_ask a = {
        .method = MSE_SERVE_OTHER,
        .target = r->target,
        .user_token = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "user-token"),
        .admin_token = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "admin-token"),
        .body = mse_build_view(&r->body),
        .fetched = r->fetched,
        .fetch_status = r->fetch_status,
    };
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
    bool resume = r->suspended;
    (void)pthread_mutex_unlock(&r->lock);
    if (resume) {
        MHD_resume_connection(r->connection);
    }
}

/* Suspends the connection, unless the answer to the order has come already. */
static bool suspend(struct request *r)
{
    (void)pthread_mutex_lock(&r->lock);
    bool wait = !r->done;
    if (wait) {
        r->suspended = true;
        MHD_suspend_connection(r->connection);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return wait;
}

static enum MHD_Result answer(struct request *r, const char *method)
{
    const struct mse_serve_waiter w = { .done = on_fetched, .user = r };
    bool no_memory = false;
    (void)pthread_mutex_lock(&r->lock);
    r->fetched = r->done;
    (void)pthread_mutex_unlock(&r->lock);
    for (;;) {
        struct mse_serve_ask ask = ask_of(r, method);
        struct mse_reply *reply = mse_serve_ready(r->http->core, &ask, (mse_time)time(NULL));
        if (reply != NULL) {
            return queue(r, reply);
        }
        reply = mse_serve_answer(r->http->core, &ask, &w, (mse_time)time(NULL), &no_memory);
        if (reply != NULL || no_memory) {
            return queue(r, reply);
        }
        if (suspend(r)) {
            return MHD_YES;
        }
        r->fetched = true;
    }
}

/* The head is complete. A reply now ends the connection, for the body that may follow is not read:
 * it is for those who may not send one. */
static enum MHD_Result on_head(struct request *r, const char *method)
{
    struct mse_serve_ask ask = ask_of(r, method);
    r->headed = true;
    r->counted = true;
    (void)atomic_fetch_add(&r->http->busy, 1);
    if (ask.method == MSE_SERVE_GET) {
        return MHD_YES;
    }
    struct mse_reply *reply = mse_serve_admit(r->http->core, &ask);
    return reply != NULL ? queue(r, reply) : MHD_YES;
}

static size_t max_body(const char *method)
{
    if (strcmp(method, "PUT") == 0) {
        return MAX_ADMIN_BODY;
    }
    return strcmp(method, "POST") == 0 ? MAX_USER_BODY : 0;
}

static void on_body(struct request *r, const char *method, const char *data, size_t len)
{
    size_t max = max_body(method);
    if (r->refusal == NULL && (len > max || r->body.len > max - len)) {
        r->refusal = mse_reply_text(HTTP_TOO_LARGE, "the body is too large");
    }
    if (r->refusal == NULL) {
        mse_wr_copy(&r->body, data, len);
        if (!mse_build_ok(&r->body)) {
            r->refusal = mse_reply_text(HTTP_INTERNAL, "out of memory");
        }
    }
}

/* The parameters are libmicrohttpd's. NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **con_cls)
{
    struct request *r = *con_cls;
    (void)cls;
    (void)url;
    (void)version;
    if (r == NULL) {
        return MHD_NO;
    }
    if (!r->headed) {
        return on_head(r, method);
    }
    if (*len > 0) {
        on_body(r, method, data, *len);
        *len = 0;
        return MHD_YES;
    }
    set_time(r->http, connection, 0);
    if (r->refusal != NULL) {
        struct mse_reply *refusal = r->refusal;
        r->refusal = NULL;
        return queue(r, refusal);
    }
    return answer(r, method);
}

/* The library's own messages. */
static void on_message(void *cls, const char *fmt, va_list ap) MSE_PRINTF(2, 0);
static void on_message(void *cls, const char *fmt, va_list ap)
{
    char text[256];
    (void)cls;
    (void)vsnprintf(text, sizeof text, fmt, ap);
    mse_log(MSE_LOG_DEBUG, "serve", "http: %s", text);
}

mse_status mse_serve_http_new(struct mse_serve_http **out, struct mse_serve_core *core,
                              int listen_fd, unsigned max_connections, struct mse_error *err)
{
    struct mse_serve_http *h = calloc(1, sizeof *h);
    if (h == NULL) {
        (void)close(listen_fd);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "http", "out of memory");
    }
    h->core = core;
    h->listen_fd = listen_fd;
    (void)pthread_mutex_init(&h->lock, NULL);
    const unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_ITC;
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
        MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_THREAD_POOL_SIZE, POOL_THREADS,
        MHD_OPTION_CONNECTION_LIMIT, max_connections, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, on_target, h,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        h, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (h->daemon == NULL) {
        mse_serve_http_free(h);
        return MSE_FAIL(err, MSE_ERR_IO, "http", "libmicrohttpd does not start");
    }
    h->listen_fd = -1;
    *out = h;
    return MSE_OK;
}

void mse_serve_http_quiesce(struct mse_serve_http *h)
{
    MHD_socket fd = MHD_quiesce_daemon(h->daemon);
    if (fd != MHD_INVALID_SOCKET) {
        (void)close(fd);
    }
}

unsigned mse_serve_http_busy(struct mse_serve_http *h)
{
    return atomic_load(&h->busy);
}

void mse_serve_http_free(struct mse_serve_http *h)
{
    if (h == NULL) {
        return;
    }
    if (h->daemon != NULL) {
        MHD_stop_daemon(h->daemon);
    }
    if (h->listen_fd >= 0) {
        (void)close(h->listen_fd);
    }
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
}
