/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd parses, this keeps the time and connects it with the application. */
#include "httpd/server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "net/loop.h"

#define IDLE_SECONDS    60U /* libmicrohttpd's own bound, behind all of ours */
#define SPEAK_SECONDS   30  /* for a whole request, however it trickles */
#define LISTEN_SECONDS  120 /* for a whole answer, however slowly it is taken */
#define REFUSED_SECONDS 10  /* for the rest of a body that is not wanted */
#define HEAD_MEMORY     ((size_t)32 * 1024)
#define STREAM_BLOCK    ((size_t)8 * 1024)
#define MAX_LAST_WORD   ((size_t)8 * 1024)
#define ID_LEN          33

/* A connection, in a list of all. */
struct conn {
    int fd;
    uint8_t source[16];
    time_t until; /* it may speak, or take its answer; 0: it waits for us */
    time_t idle;  /* between two pieces of a body; 0: no bound */
    time_t last;
    time_t paused;          /* since when its time stands still; 0: it does not */
    struct mse_reply *late; /* what is said if the time is over; NULL: nothing */
    bool left;              /* the peer was seen to have closed, in the middle of a request */
    bool over;
    struct conn *prev;
    struct conn *next;
};

struct mse_httpd {
    struct MHD_Daemon *daemon;
    struct mse_httpd_config cfg;
    int listen_fd;        /* -1: with the daemon */
    pthread_mutex_t lock; /* of the list and what is in it */
    struct conn *conns;
    _Atomic unsigned busy;
};

struct mse_httpd_request {
    struct mse_httpd *http;
    struct MHD_Connection *connection;
    struct conn *conn; /* NULL: it could not be made, and there is no answer */
    char *method;
    char *target;
    struct timespec begun;
    void *context;
    bool headed;               /* the head was seen */
    bool waits;                /* what came is being judged */
    bool head_waits;           /* likewise, and of the head is told again */
    struct mse_reply *refusal; /* to be given once the body is over */
    struct mse_reply *stream;  /* that is being sent */
    pthread_mutex_t lock;      /* of the next two */
    bool resumed;
    bool suspended;
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

/* Inside the lock. */
static bool has_room(const struct mse_httpd *h, const uint8_t source[16])
{
    unsigned num = 0;
    if (h->cfg.max_per_source == 0 || mse_net_is_loopback(source)) {
        return true;
    }
    for (const struct conn *c = h->conns; c != NULL; c = c->next) {
        num += mse_mem_equal(c->source, source, sizeof c->source) ? 1 : 0;
    }
    return num < h->cfg.max_per_source;
}

static struct conn *conn_new(struct mse_httpd *h, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct conn *c = info == NULL ? NULL : calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->fd = info->connect_fd;
    c->until = seconds() + SPEAK_SECONDS;
    mse_net_source(c->fd, c->source);
    (void)pthread_mutex_lock(&h->lock);
    bool good = has_room(h, c->source);
    if (good) {
        c->next = h->conns;
        if (h->conns != NULL) {
            h->conns->prev = c;
        }
        h->conns = c;
    }
    (void)pthread_mutex_unlock(&h->lock);
    if (!good) {
        (void)shutdown(c->fd, SHUT_RDWR);
        free(c);
        c = NULL;
    }
    return c;
}

static void conn_free(struct mse_httpd *h, struct conn *c)
{
    (void)pthread_mutex_lock(&h->lock);
    *(c->prev != NULL ? &c->prev->next : &h->conns) = c->next;
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    (void)pthread_mutex_unlock(&h->lock);
    mse_reply_unref(c->late);
    free(c);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct mse_httpd *h = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = conn_new(h, connection);
    } else if (*socket_context != NULL) {
        conn_free(h, *socket_context);
        *socket_context = NULL;
    }
}

/* within 0: without a bound. late: what is said at the end of it. False: it was ended already. */
static bool set_time(const struct mse_httpd_request *r, time_t within, time_t idle,
                     struct mse_reply *late)
{
    struct mse_httpd *h = r->http;
    struct conn *c = r->conn;
    struct mse_reply *before = NULL;
    (void)pthread_mutex_lock(&h->lock);
    bool good = !c->over;
    if (good) {
        c->last = seconds();
        c->until = within > 0 ? c->last + within : 0;
        c->idle = idle;
        before = c->late;
        c->late = late == NULL ? NULL : mse_reply_ref(late);
    }
    (void)pthread_mutex_unlock(&h->lock);
    mse_reply_unref(before);
    return good;
}

static void set_paused(const struct mse_httpd_request *r, bool paused)
{
    struct conn *c = r->conn;
    (void)pthread_mutex_lock(&r->http->lock);
    time_t now = seconds();
    if (!paused && c->paused != 0) {
        c->until += c->until != 0 ? now - c->paused : 0;
        c->last = now;
    }
    c->paused = !paused ? 0 : c->paused != 0 ? c->paused : now;
    (void)pthread_mutex_unlock(&r->http->lock);
}

static void touch(const struct mse_httpd_request *r)
{
    (void)pthread_mutex_lock(&r->http->lock);
    r->conn->last = seconds();
    (void)pthread_mutex_unlock(&r->http->lock);
}

/* Nothing of an answer was sent yet, or late would be NULL. */
static void end_conn(struct conn *c)
{
    struct mse_build b;
    mse_build_heap(&b, MAX_LAST_WORD);
    if (c->late != NULL) {
        mse_reply_write(&b, c->late);
        ssize_t n = mse_build_ok(&b) ? send(c->fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        (void)n; /* who does not listen either, hears nothing */
    }
    mse_build_clear(&b);
    c->over = true;
    (void)shutdown(c->fd, SHUT_RDWR);
}

/* The peer sends no more, and all that it sent was read, while its request is not whole:
 * libmicrohttpd overlooks an end that came together with data. Seen twice, for it may be about to
 * take the last of it. */
static bool has_left(struct conn *c)
{
    uint8_t byte = 0;
    bool before = c->left;
    c->left = c->late != NULL && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    return c->left && before;
}

void mse_httpd_tick(struct mse_httpd *h)
{
    time_t now = seconds();
    (void)pthread_mutex_lock(&h->lock);
    for (struct conn *c = h->conns; c != NULL; c = c->next) {
        bool slow = c->until != 0 && c->until < now;
        bool still = c->idle != 0 && c->last + c->idle < now;
        if (!c->over && c->paused == 0 && (has_left(c) || slow || still)) {
            end_conn(c);
        }
    }
    (void)pthread_mutex_unlock(&h->lock);
}

/* Requests. */

static void request_free(struct mse_httpd_request *r)
{
    mse_reply_unref(r->refusal);
    mse_reply_unref(r->stream);
    (void)pthread_mutex_lock(&r->lock); /* who resumed it last has left */
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_mutex_destroy(&r->lock);
    free(r->method);
    free(r->target);
    free(r);
}

/* Called with the request line's target, before anything else. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct mse_httpd_request *r =
        info == NULL || info->socket_context == NULL ? NULL : calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    r->http = cls;
    r->conn = info->socket_context;
    r->connection = connection;
    r->target = strdup(target);
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)clock_gettime(CLOCK_MONOTONIC, &r->begun);
    if (r->target == NULL || !set_time(r, SPEAK_SECONDS, 0, r->http->cfg.slow)) {
        request_free(r);
        return NULL;
    }
    return r;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode code)
{
    struct mse_httpd *h = cls;
    struct mse_httpd_request *r = *con_cls;
    (void)connection;
    (void)code;
    if (r == NULL) {
        return;
    }
    /* The next request of this connection may begin, if it was not ended. */
    if (!set_time(r, SPEAK_SECONDS, 0, NULL) && r->status == 0 && r->conn->late != NULL) {
        r->status = r->conn->late->status;
    }
    if (r->headed) {
        h->cfg.app->over(h->cfg.user, r);
        (void)atomic_fetch_sub(&h->busy, 1);
    }
    request_free(r);
    *con_cls = NULL;
}

static void on_sent(void *cls)
{
    mse_reply_unref(cls);
}

/* Suspends the connection, unless it was resumed already. */
static bool suspend(struct mse_httpd_request *r)
{
    (void)pthread_mutex_lock(&r->lock);
    bool wait = !r->resumed;
    r->resumed = false;
    if (wait) {
        r->suspended = true;
        MHD_suspend_connection(r->connection);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return wait;
}

void mse_httpd_resume(struct mse_httpd_request *r)
{
    set_paused(r, false); /* the library may not come again before the peer says something */
    (void)pthread_mutex_lock(&r->lock);
    bool resume = r->suspended;
    r->suspended = false;
    r->resumed = !resume;
    if (resume) {
        MHD_resume_connection(r->connection);
    }
    (void)pthread_mutex_unlock(&r->lock);
}

static ssize_t on_read(void *cls, uint64_t pos, char *to, size_t cap)
{
    struct mse_httpd_request *r = cls;
    const struct mse_reply_stream *s = &r->stream->stream;
    (void)pos;
    for (;;) {
        ssize_t n = s->read(s->user, to, cap);
        if (n < 0) {
            return MHD_CONTENT_READER_END_OF_STREAM;
        }
        bool later = n == 0 && suspend(r);
        if (n > 0 || later) {
            return set_time(r, later ? 0 : LISTEN_SECONDS, 0, NULL)
                       ? n
                       : MHD_CONTENT_READER_END_WITH_ERROR;
        }
    }
}

void mse_httpd_wait(struct mse_httpd_request *r)
{
    r->waits = true;
}

static bool is_suspended(struct mse_httpd_request *r)
{
    (void)pthread_mutex_lock(&r->lock);
    bool suspended = r->suspended;
    (void)pthread_mutex_unlock(&r->lock);
    return suspended;
}

/* After mse_httpd_wait; woken: not for the first time. False: the request is suspended. What was
 * done is looked at only behind the resuming, so that nobody needs r any more once it is over. */
static bool is_judged(struct mse_httpd_request *r, bool woken, struct mse_reply **out)
{
    const struct mse_httpd_config *c = &r->http->cfg;
    /* The library may come with the next chunk of a body in the meantime. */
    if (woken && is_suspended(r)) {
        return false;
    }
    set_paused(r, true);
    while (!woken || !c->app->judged(c->user, r, out)) {
        if (suspend(r)) {
            return false;
        }
        woken = true;
    }
    r->waits = false;
    set_paused(r, false);
    return true;
}

/* Takes the reference over. */
static struct MHD_Response *response_of(struct mse_httpd_request *r, struct mse_reply *reply)
{
    struct MHD_Response *m = NULL;
    if (reply->stream.read != NULL) {
        r->stream = reply;
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_read, r, NULL);
    }
    m = MHD_create_response_from_buffer_with_free_callback_cls(reply->body.len, reply->body.data,
                                                               on_sent, reply);
    if (m == NULL) {
        mse_reply_unref(reply);
    }
    return m;
}

/* Queues a reply and drops the reference to it. */
static enum MHD_Result queue(struct mse_httpd_request *r, struct mse_reply *reply)
{
    uint8_t raw[16] = { 0 };
    if (reply == NULL || mse_random(raw, sizeof raw) != MSE_OK) {
        mse_reply_unref(reply);
        return MHD_NO;
    }
    mse_hex_encode(r->id, mse_bytes_of(raw, sizeof raw));
    struct mse_reply *kept = mse_reply_ref(reply);
    struct MHD_Response *m = response_of(r, reply);
    enum MHD_Result good = m == NULL ? MHD_NO : MHD_add_response_header(m, "Request-ID", r->id);
    for (size_t i = 0; good == MHD_YES && i < kept->num_headers; i++) {
        good = MHD_add_response_header(m, kept->headers[i].name, kept->headers[i].value);
    }
    if (good == MHD_YES && set_time(r, LISTEN_SECONDS, 0, NULL)) {
        r->status = kept->status;
        good = MHD_queue_response(r->connection, kept->status, m);
    } else {
        good = MHD_NO;
    }
    if (m != NULL) {
        MHD_destroy_response(m);
    }
    mse_reply_unref(kept);
    return good;
}

static enum MHD_Result on_head(struct mse_httpd_request *r, const char *method)
{
    const struct mse_httpd_config *c = &r->http->cfg;
    r->method = strdup(method);
    if (r->method == NULL) {
        return MHD_NO;
    }
    r->headed = true;
    (void)atomic_fetch_add(&r->http->busy, 1);
    struct mse_reply *reply = c->app->head(c->user, r);
    r->head_waits = r->waits && reply == NULL && !is_judged(r, false, &reply);
    return reply != NULL ? queue(r, reply) : MHD_YES;
}

/* Behind a head that was suspended. */
static enum MHD_Result on_head_again(struct mse_httpd_request *r)
{
    struct mse_reply *reply = NULL;
    r->head_waits = !is_judged(r, true, &reply);
    return reply != NULL ? queue(r, reply) : MHD_YES;
}

static void refuse(struct mse_httpd_request *r, struct mse_reply *reply)
{
    r->refusal = reply;
    (void)set_time(r, REFUSED_SECONDS, 0, reply);
}

/* What was judged meanwhile. False: nothing was yet, and the request is suspended. */
static bool catch_up(struct mse_httpd_request *r, bool woken)
{
    struct mse_reply *reply = NULL;
    if (!r->waits) {
        return true;
    }
    bool judged = is_judged(r, woken, &reply);
    if (reply != NULL) {
        refuse(r, reply);
    }
    return judged;
}

/* False: the piece was not taken, it comes again. */
static bool on_body(struct mse_httpd_request *r, struct mse_bytes piece)
{
    const struct mse_httpd_config *c = &r->http->cfg;
    if (!catch_up(r, true)) {
        return false;
    }
    if (r->refusal != NULL) {
        return true;
    }
    touch(r);
    struct mse_reply *reply = c->app->body(c->user, r, piece);
    if (reply != NULL) {
        refuse(r, reply);
    } else {
        (void)catch_up(r, false);
    }
    return true;
}

static enum MHD_Result on_whole(struct mse_httpd_request *r)
{
    const struct mse_httpd_config *c = &r->http->cfg;
    if (!catch_up(r, true)) {
        return MHD_YES;
    }
    struct mse_reply *reply = r->refusal;
    r->refusal = NULL;
    if (!set_time(r, 0, 0, NULL)) {
        mse_reply_unref(reply);
        return MHD_NO;
    }
    while (reply == NULL) {
        if (c->app->whole(c->user, r, &reply)) {
            break;
        }
        if (suspend(r)) {
            return MHD_YES;
        }
    }
    return queue(r, reply);
}

/* The parameters are libmicrohttpd's. NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **con_cls)
{
    struct mse_httpd_request *r = *con_cls;
    (void)cls;
    (void)connection;
    (void)url;
    (void)version;
    if (r == NULL) {
        return MHD_NO;
    }
    if (!r->headed) {
        return on_head(r, method);
    }
    if (r->head_waits) {
        return on_head_again(r);
    }
    if (*len > 0) {
        *len = on_body(r, mse_bytes_of((const uint8_t *)data, *len)) ? 0 : *len;
        return MHD_YES;
    }
    return on_whole(r);
}

/* What a request is. */

const char *mse_httpd_method(const struct mse_httpd_request *r)
{
    return r->method;
}

const char *mse_httpd_target(const struct mse_httpd_request *r)
{
    return r->target;
}

const char *mse_httpd_header(struct mse_httpd_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

struct cookie {
    const char *name;
    const char *value;
    unsigned num;
};

static enum MHD_Result take_cookie(void *cls, enum MHD_ValueKind kind, const char *key,
                                   const char *value)
{
    struct cookie *c = cls;
    (void)kind;
    if (strcmp(key, c->name) == 0) {
        c->value = value;
        c->num++;
    }
    return MHD_YES;
}

/* libmicrohttpd would take "__host-" for "__Host-", which not all browsers keep others from. */
const char *mse_httpd_cookie(struct mse_httpd_request *r, const char *name)
{
    struct cookie c = { .name = name };
    (void)MHD_get_connection_values(r->connection, MHD_COOKIE_KIND, take_cookie, &c);
    return c.num == 1 ? c.value : NULL;
}

struct count {
    const char *name;
    unsigned num;
};

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    struct count *c = cls;
    (void)kind;
    (void)value;
    c->num += strcasecmp(key, c->name) == 0 ? 1 : 0;
    return MHD_YES;
}

unsigned mse_httpd_num_headers(struct mse_httpd_request *r, const char *name)
{
    struct count c = { .name = name };
    (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, count_header, &c);
    return c.num;
}

void mse_httpd_source(const struct mse_httpd_request *r, uint8_t out[16])
{
    memcpy(out, r->conn->source, sizeof r->conn->source);
}

void **mse_httpd_context(struct mse_httpd_request *r)
{
    return &r->context;
}

const char *mse_httpd_id(const struct mse_httpd_request *r)
{
    return r->id;
}

unsigned mse_httpd_status(const struct mse_httpd_request *r)
{
    return r->status;
}

long mse_httpd_us(const struct mse_httpd_request *r)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - r->begun.tv_sec) * 1000000 + (now.tv_nsec - r->begun.tv_nsec) / 1000;
}

void mse_httpd_allow(struct mse_httpd_request *r, unsigned within, unsigned idle)
{
    (void)set_time(r, within, idle, r->http->cfg.slow);
}

/* The life of the server. */

/* The library's own messages. */
static void on_message(void *cls, const char *fmt, va_list ap) MSE_PRINTF(2, 0);
static void on_message(void *cls, const char *fmt, va_list ap)
{
    char text[256];
    const struct mse_httpd *h = cls;
    (void)vsnprintf(text, sizeof text, fmt, ap);
    mse_log(MSE_LOG_DEBUG, h->cfg.name, "http: %s", text);
}

mse_status mse_httpd_new(struct mse_httpd **out, const struct mse_httpd_config *c,
                         struct mse_error *err)
{
    struct mse_httpd *h = calloc(1, sizeof *h);
    if (h == NULL) {
        (void)close(c->listen_fd);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "http", "out of memory");
    }
    h->cfg = *c;
    h->listen_fd = c->listen_fd;
    (void)pthread_mutex_init(&h->lock, NULL);
    const unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_ITC;
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_message, h,
        MHD_OPTION_LISTEN_SOCKET, c->listen_fd, MHD_OPTION_THREAD_POOL_SIZE, c->threads,
        MHD_OPTION_CONNECTION_LIMIT, c->max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
        IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MEMORY, MHD_OPTION_URI_LOG_CALLBACK,
        on_target, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, h, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (h->daemon == NULL) {
        mse_httpd_free(h);
        return MSE_FAIL(err, MSE_ERR_IO, "http", "libmicrohttpd does not start");
    }
    h->listen_fd = -1;
    *out = h;
    return MSE_OK;
}

void mse_httpd_quiesce(struct mse_httpd *h)
{
    MHD_socket fd = MHD_quiesce_daemon(h->daemon);
    if (fd != MHD_INVALID_SOCKET) {
        (void)close(fd);
    }
}

unsigned mse_httpd_busy(struct mse_httpd *h)
{
    return atomic_load(&h->busy);
}

void mse_httpd_free(struct mse_httpd *h)
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
