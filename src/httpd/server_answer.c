/* SPDX-License-Identifier: Apache-2.0 */
/* A request is taken, judged and answered, piece by piece. */
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "httpd/server_inner.h"

#define LISTEN_SECONDS  120 /* for a whole answer, however slowly it is taken */
#define REFUSED_SECONDS 10  /* for the rest of a body that is not wanted */
#define STREAM_BLOCK    ((size_t)8 * 1024)

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
void *httpd_on_target(void *cls, const char *target, struct MHD_Connection *connection)
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
    if (r->target == NULL || !httpd_set_time(r, HTTPD_SPEAK_SECONDS, 0, r->http->cfg.slow)) {
        request_free(r);
        return NULL;
    }
    return r;
}

void httpd_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
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
    if (!httpd_set_time(r, HTTPD_SPEAK_SECONDS, 0, NULL) && r->status == 0 &&
        r->conn->late != NULL) {
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
    httpd_set_paused(r, false); /* the library may not come again before the peer says something */
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
            return httpd_set_time(r, later ? 0 : LISTEN_SECONDS, 0, NULL)
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
    httpd_set_paused(r, true);
    while (!woken || !c->app->judged(c->user, r, out)) {
        if (suspend(r)) {
            return false;
        }
        woken = true;
    }
    r->waits = false;
    httpd_set_paused(r, false);
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
    if (good == MHD_YES && httpd_set_time(r, LISTEN_SECONDS, 0, NULL)) {
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
    (void)httpd_set_time(r, REFUSED_SECONDS, 0, reply);
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
    httpd_touch(r);
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
    if (!httpd_set_time(r, 0, 0, NULL)) {
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
enum MHD_Result httpd_on_request(void *cls, struct MHD_Connection *connection, const char *url,
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
