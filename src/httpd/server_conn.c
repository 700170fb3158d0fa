/* SPDX-License-Identifier: Apache-2.0 */
/* Connections, and how long they may take for what. */
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/util.h"
#include "httpd/server_inner.h"
#include "net/loop.h"

#define MAX_LAST_WORD ((size_t)8 * 1024)

static time_t seconds(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1; /* never 0 */
}

/* Inside the lock. */
static bool has_room(const struct mse_httpd *h, const uint8_t source[16])
{
    unsigned num = 0;
    if (h->cfg.max_per_source == 0 || mse_net_is_loopback(source)) {
        return true;
    }
    for (const struct httpd_conn *c = h->conns; c != NULL; c = c->next) {
        num += mse_mem_equal(c->source, source, sizeof c->source) ? 1 : 0;
    }
    return num < h->cfg.max_per_source;
}

static struct httpd_conn *conn_new(struct mse_httpd *h, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct httpd_conn *c = info == NULL ? NULL : calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->fd = info->connect_fd;
    c->until = seconds() + HTTPD_SPEAK_SECONDS;
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

static void conn_free(struct mse_httpd *h, struct httpd_conn *c)
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

void httpd_on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
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

bool httpd_set_time(const struct mse_httpd_request *r, time_t within, time_t idle,
                    struct mse_reply *late)
{
    struct mse_httpd *h = r->http;
    struct httpd_conn *c = r->conn;
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

void httpd_set_paused(const struct mse_httpd_request *r, bool paused)
{
    struct httpd_conn *c = r->conn;
    (void)pthread_mutex_lock(&r->http->lock);
    time_t now = seconds();
    if (!paused && c->paused != 0) {
        c->until += c->until != 0 ? now - c->paused : 0;
        c->last = now;
    }
    c->paused = !paused ? 0 : c->paused != 0 ? c->paused : now;
    (void)pthread_mutex_unlock(&r->http->lock);
}

void httpd_touch(const struct mse_httpd_request *r)
{
    (void)pthread_mutex_lock(&r->http->lock);
    r->conn->last = seconds();
    (void)pthread_mutex_unlock(&r->http->lock);
}

/* Nothing of an answer was sent yet, or late would be NULL. */
static void end_conn(struct httpd_conn *c)
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
static bool has_left(struct httpd_conn *c)
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
    for (struct httpd_conn *c = h->conns; c != NULL; c = c->next) {
        bool slow = c->until != 0 && c->until < now;
        bool still = c->idle != 0 && c->last + c->idle < now;
        if (!c->over && c->paused == 0 && (has_left(c) || slow || still)) {
            end_conn(c);
        }
    }
    (void)pthread_mutex_unlock(&h->lock);
}
