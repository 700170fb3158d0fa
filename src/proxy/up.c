/* SPDX-License-Identifier: Apache-2.0 */
/* Attested connections to apps: taken over from whoever made them, idle or busy. */

#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "proxy/inner.h"

void proxy_watch(uv_poll_t *h, int *now, int wanted, uv_poll_cb cb)
{
    if (*now != wanted) {
        *now = wanted;
        MSE_ASSERT((wanted == 0 ? uv_poll_stop(h) : uv_poll_start(h, wanted, cb)) == 0);
    }
}

bool proxy_flush(struct proxy *p, int fd, struct mse_leftover *out)
{
    struct mse_build *b = &p->cipher;
    bool ok = mse_build_ok(b) &&
              (b->len == 0 || mse_leftover_add(out, fd, b->data, b->len, PROXY_KEEP_MAX));
    mse_build_reset(b);
    return ok;
}

static void on_up_closed(uv_handle_t *h)
{
    free(h->data);
}

void up_unlist(struct up *u)
{
    mse_ages_remove(u->visit == NULL ? &u->app->idle : &u->app->busy, &u->age);
    u->app->num_idle -= u->visit == NULL ? 1 : 0;
}

void up_list(struct up *u)
{
    uint64_t now = proxy_now(u->app->proxy);
    mse_ages_append(u->visit == NULL ? &u->app->idle : &u->app->busy, &u->age, now);
    u->app->num_idle += u->visit == NULL ? 1 : 0;
}

void up_close(struct up *u)
{
    struct proxy *p = u->app->proxy;
    if (u->closing) {
        return;
    }
    u->closing = true;
    up_unlist(u);
    if (u->out.len == 0) {
        mse_tls_shutdown(u->tls);
        (void)!proxy_flush(p, u->fd, &u->out);
    }
    mse_tls_free(u->tls);
    mse_leftover_clear(&u->out);
    uv_close((uv_handle_t *)&u->poll, on_up_closed);
    (void)close(u->fd);
}

/* Whatever an app says before it is asked ends the connection. */
static void idle_turn(struct up *u)
{
    uint8_t byte = 0;
    size_t n = 0;
    mse_tls_begin_turn(u->tls);
    enum mse_io io = mse_tls_read(u->tls, &byte, sizeof byte, &n);
    bool sent = proxy_flush(u->app->proxy, u->fd, &u->out);
    if (io != MSE_IO_AGAIN || !sent || u->out.len > 0) {
        up_close(u);
    }
}

static void on_up(uv_poll_t *h, int status, int events)
{
    struct up *u = h->data;
    (void)events;
    u->events = status < 0 ? 0 : u->events;
    u->ready = true;
    if (u->visit == NULL) {
        idle_turn(u);
    } else {
        visit_turn(u->visit);
    }
}

void up_watch(struct up *u, int wanted)
{
    proxy_watch(&u->poll, &u->events, wanted, on_up);
}

/* In HTTP/2 the app speaks first: such a connection does not idle. */
void up_idle(struct up *u)
{
    up_list(u);
    if (u->h2) {
        up_close(u);
    } else {
        up_watch(u, UV_READABLE);
    }
}

/* Attested too long ago to be used again. */
bool up_is_aged(const struct up *u)
{
    const struct proxy *p = u->app->proxy;
    return proxy_now(p) - u->made_ms >= p->cfg->reattest_ms;
}

struct up *up_new(struct app *a, const struct mse_proxy_link *link, bool h2, unsigned generation)
{
    static const int on = 1;
    struct proxy *p = a->proxy;
    struct mse_build early;
    struct up *u = calloc(1, sizeof *u);
    if (u == NULL) {
        return NULL;
    }
    mse_build_heap(&early, MSE_SESSION_FRAME_MAX);
    void *ssl = mse_ratls_conn_take(link->conn, &u->fd, &early);
    u->tls = ssl == NULL ? NULL
                         : mse_tls_adopt(p->client, ssl, mse_build_view(&early), u->fd, &p->cipher);
    mse_build_clear(&early);
    if (u->tls == NULL || uv_poll_init_socket(&p->loop, &u->poll, u->fd) != 0) {
        mse_tls_free(u->tls);
        if (ssl != NULL) {
            (void)close(u->fd);
        }
        free(u);
        return NULL;
    }
    (void)setsockopt(u->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    u->poll.data = u;
    u->ready = true; /* of what came with the handshake the socket shows nothing */
    u->app = a;
    u->h2 = h2;
    u->generation = generation;
    u->made_ms = proxy_now(p);
    return u;
}
