/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_way.h. */
#include "operator/gate_way.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct way {
    struct gate_way_config cfg;
    gate_way_fn *done;
    void *user;
    uint64_t until_ms;       /* of the loop's clock */
    uint64_t tried;          /* bit n is the instance of number n */
    struct gate_route route; /* the one that is tried: a copy, as it may be taken away meanwhile */
    int fd;
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned open_handles;
};

static int error_of(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 ? errno : error;
}

/* -1: it refuses. Who does so on this machine has by the time that connect returns. */
static int begin_connect(const union mse_net_address *a, bool *there)
{
    static const int on = 1;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    bool good = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
    *there = good && connect(fd, &a->any, mse_net_address_len(a)) == 0;
    if (*there || (good && errno == EINPROGRESS && error_of(fd) == 0)) {
        return fd;
    }
    (void)close(fd);
    return -1;
}

static void on_closed(uv_handle_t *h)
{
    struct way *w = h->data;
    w->open_handles--;
    if (w->open_handles == 0) {
        free(w);
    }
}

/* It is gone in a later turn of the loop. */
static void close_handles(struct way *w)
{
    uv_close((uv_handle_t *)&w->poll, on_closed);
    uv_close((uv_handle_t *)&w->timer, on_closed);
}

static void let_go(struct way *w)
{
    if (w->open_handles == 0) {
        free(w);
    } else {
        close_handles(w);
    }
}

static void go_on(struct way *w);

/* Handles are of one try: the next one has new ones. */
static void try_another(struct way *w)
{
    struct way *next = malloc(sizeof *next);
    (void)close(w->fd);
    if (next == NULL) {
        w->done(w->user, NULL, -1);
    } else {
        memcpy(next, w, sizeof *next);
        next->open_handles = 0;
        go_on(next);
    }
    close_handles(w);
}

static void on_event(uv_poll_t *h, int status, int events)
{
    struct way *w = h->data;
    (void)events;
    (void)uv_poll_stop(h);
    (void)uv_timer_stop(&w->timer);
    if (status < 0 || error_of(w->fd) != 0) {
        try_another(w);
        return;
    }
    close_handles(w); /* before somebody else watches the socket */
    w->done(w->user, &w->route, w->fd);
}

static void on_time(uv_timer_t *h)
{
    struct way *w = h->data;
    (void)uv_poll_stop(&w->poll);
    try_another(w);
}

/* False: it cannot be watched. */
static bool watch(struct way *w, bool others)
{
    uint64_t left = w->until_ms - uv_now(w->cfg.loop);
    uint64_t share = w->cfg.connect_ms / GATE_WAY_SHARE;
    if (uv_poll_init_socket(w->cfg.loop, &w->poll, w->fd) != 0) {
        return false;
    }
    (void)uv_timer_init(w->cfg.loop, &w->timer);
    w->poll.data = w;
    w->timer.data = w;
    w->open_handles = 2;
    (void)uv_timer_start(&w->timer, on_time, others && share < left ? share : left, 0);
    return uv_poll_start(&w->poll, UV_WRITABLE, on_event) == 0;
}

/* From here on w is somebody else's, or gone. */
static void go_on(struct way *w)
{
    const struct gate_route *r = NULL;
    bool others = false;
    while (uv_now(w->cfg.loop) < w->until_ms &&
           (r = gate_table_find(w->cfg.table, w->route.name, w->tried, &others)) != NULL) {
        bool there = false;
        w->tried |= 1ULL << r->number;
        w->route = *r;
        w->fd = begin_connect(&r->address, &there);
        if (w->fd >= 0 && there) {
            w->done(w->user, &w->route, w->fd);
            let_go(w);
            return;
        }
        /* One that is not the first has only its share, too: who waits has waited before. */
        if (w->fd >= 0 && watch(w, others || (w->tried & (w->tried - 1)) != 0)) {
            return;
        }
        if (w->fd >= 0) {
            (void)close(w->fd);
        }
        if (w->open_handles > 0) {
            break;
        }
    }
    w->done(w->user, NULL, -1);
    let_go(w);
}

bool gate_way_find(const struct gate_way_config *c, const char *name, gate_way_fn *done, void *user)
{
    struct way *w = calloc(1, sizeof *w);
    if (w == NULL || strlen(name) >= sizeof w->route.name) {
        free(w);
        return false;
    }
    w->cfg = *c;
    w->done = done;
    w->user = user;
    w->fd = -1;
    w->until_ms = uv_now(c->loop) + c->connect_ms;
    memcpy(w->route.name, name, strlen(name) + 1);
    go_on(w);
    return true;
}
