/* SPDX-License-Identifier: Apache-2.0 */
/* See pass.h. The sockets of connections are watched by an epoll of this relay's own, which the
 * loop watches: that is a third of the memory of a handle of the loop for each of them, and they
 * are closed without being taken out one by one. */
#include "net/pass_inner.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "net/loop.h"

#define EVENTS_PER_TURN  64
#define ACCEPTS_PER_TURN 64
#define ROUNDS_PER_TURN  4
#define REST_NS          50000 /* and the kernel's slack */
#define EVICT_AFTER_MS   1000
#define EVICT_OPEN_MS    60000 /* what serves an app is not thrown out lightly */

/* Apps. */

struct mse_pass_app *mse_pass_app_new(void)
{
    struct mse_pass_app *a = calloc(1, sizeof *a);
    if (a != NULL) {
        a->refs = 1;
    }
    return a;
}

void mse_pass_app_ref(struct mse_pass_app *a)
{
    a->refs++;
}

void mse_pass_app_unref(struct mse_pass_app *a)
{
    if (a != NULL && --a->refs == 0) {
        free(a);
    }
}

/* Accepting. */

/* Who can go to make room for one more, if that hurts nobody: a client that dawdles, then what has
 * been idle for long. NULL: nobody. */
static struct pass_conn *dispensable(const struct mse_pass *p)
{
    static const struct {
        enum pass_stage stage;
        unsigned age_ms;
    } order[] = {
        { PASS_HELLO, EVICT_AFTER_MS },   { PASS_TRY, EVICT_AFTER_MS },
        { PASS_CONNECT, EVICT_AFTER_MS }, { PASS_HALF, EVICT_AFTER_MS },
        { PASS_OPEN, EVICT_OPEN_MS },
    };
    uint64_t now = uv_now(p->cfg.loop);
    for (size_t i = 0; i < MSE_ARRAY_LEN(order); i++) {
        struct mse_aged *a = mse_ages_over(&p->stages[order[i].stage], now, order[i].age_ms);
        if (a != NULL) {
            return pass_conn_of(a);
        }
    }
    return NULL;
}

/* Leaves who comes now to the others that share the socket; if they are full too, to the kernel's
 * queue. */
static void leave_to_others(struct mse_pass *p)
{
    p->full = true;
    p->stats.full++;
    (void)uv_poll_stop(&p->listener);
}

static void on_listener(uv_poll_t *h, int status, int events)
{
    struct mse_pass *p = h->data;
    (void)events;
    for (int i = 0; status == 0 && i < ACCEPTS_PER_TURN; i++) {
        bool room = p->num < p->cfg.max_connections;
        struct pass_conn *instead = room ? NULL : dispensable(p);
        if (!room && instead == NULL) {
            leave_to_others(p);
            break;
        }
        int fd = accept4(p->cfg.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            mse_net_accept_failed(h, errno);
            break;
        }
        p->stats.accepted++;
        if (instead != NULL) {
            p->stats.evicted++;
            pass_conn_close(instead, true);
        }
        pass_conn_new(p, fd);
    }
    pass_free_closed(p);
}

static void listen_again(struct mse_pass *p)
{
    p->full = false;
    if (p->accepting && !uv_is_active((const uv_handle_t *)&p->listener)) {
        (void)uv_poll_start(&p->listener, UV_READABLE, on_listener);
    }
}

/* Events. */

/* What comes in a stream, comes in pieces, as fast as the sender makes them: being woken for each
 * of them costs more than carrying it does. So before the loop sleeps, as nothing more is there, a
 * moment passes, and what comes meanwhile is carried at once. Nobody waits for longer than that. */
static int next_events(struct mse_pass *p, struct epoll_event *events)
{
    static const struct timespec rest = { .tv_nsec = REST_NS };
    int n = epoll_wait(p->epoll_fd, events, EVENTS_PER_TURN, 0);
    if (n == 0 && p->streaming) {
        (void)nanosleep(&rest, NULL);
        n = epoll_wait(p->epoll_fd, events, EVENTS_PER_TURN, 0);
    }
    return n;
}

static void on_events(uv_poll_t *h, int status, int flags)
{
    struct mse_pass *p = h->data;
    struct epoll_event events[EVENTS_PER_TURN];
    (void)status;
    (void)flags;
    p->streaming = false;
    for (int round = 0; round == 0 || (p->streaming && round < ROUNDS_PER_TURN); round++) {
        int n = next_events(p, events);
        p->streaming = false;
        for (int i = 0; i < n; i++) {
            const struct pass_side *d = events[i].data.ptr;
            pass_conn_turn(d->conn, d == &d->conn->sides[PASS_BACK] ? PASS_BACK : PASS_FRONT,
                           events[i].events);
        }
        pass_free_closed(p);
    }
    if (p->full && p->num < p->cfg.max_connections) {
        listen_again(p);
    }
}

/* Time. */

static unsigned stage_ms(const struct mse_pass *p, enum pass_stage stage)
{
    switch (stage) {
    case PASS_HELLO:
        return p->cfg.hello_ms;
    case PASS_TRY:
        return p->cfg.connect_ms / PASS_TRY_SHARE;
    case PASS_CONNECT:
        return p->cfg.connect_ms;
    case PASS_HALF:
        return p->cfg.half_ms;
    case PASS_OPEN:
    case PASS_STAGES:
        break;
    }
    return p->cfg.idle_ms;
}

static void on_tick(uv_timer_t *h)
{
    struct mse_pass *p = h->data;
    uint64_t now = uv_now(p->cfg.loop);
    for (int s = 0; s < PASS_STAGES; s++) {
        struct mse_aged *a = NULL;
        while ((a = mse_ages_over(&p->stages[s], now, stage_ms(p, (enum pass_stage)s))) != NULL) {
            pass_conn_give_up(pass_conn_of(a));
        }
    }
    pass_free_closed(p);
    listen_again(p);
}

/* The relay itself. */

static void pass_free(struct mse_pass *p)
{
    pass_free_closed(p);
    mse_sources_free(p->sources);
    if (p->epoll_fd >= 0) {
        (void)close(p->epoll_fd);
    }
    mse_wipe(p->buffer, sizeof p->buffer);
    free(p);
}

static void on_pass_closed(uv_handle_t *h)
{
    struct mse_pass *p = h->data;
    if (--p->open_handles == 0) {
        pass_free(p);
    }
}

static void handle_own(struct mse_pass *p, uv_handle_t *h)
{
    h->data = p;
    p->open_handles++;
}

/* Accepted sockets inherit these: answers do not wait for acknowledgements, and who vanished
 * without a word is noticed. */
static bool prepare_listener(int fd)
{
    static const int on = 1;
    static const int idle_s = 120;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s) == 0;
}

static bool start(struct mse_pass *p)
{
    unsigned shortest = p->cfg.hello_ms < p->cfg.half_ms ? p->cfg.hello_ms : p->cfg.half_ms;
    shortest = p->cfg.idle_ms < shortest ? p->cfg.idle_ms : shortest;
    unsigned try_ms = stage_ms(p, PASS_TRY);
    shortest = try_ms < shortest ? try_ms : shortest;
    uint64_t tick_ms = shortest / 4 > 1000 ? 1000 : shortest / 4 + 1;
    return uv_timer_start(&p->tick, on_tick, tick_ms, tick_ms) == 0 &&
           uv_poll_start(&p->poll, UV_READABLE, on_events) == 0 &&
           uv_poll_start(&p->listener, UV_READABLE, on_listener) == 0;
}

static bool init(struct mse_pass *p)
{
    p->sources = mse_sources_new();
    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return p->sources != NULL && p->epoll_fd >= 0 && prepare_listener(p->cfg.listen_fd);
}

mse_status mse_pass_new(struct mse_pass **out, const struct mse_pass_config *cfg,
                        struct mse_error *err)
{
    struct mse_pass *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "relay", "out of memory");
    }
    p->cfg = *cfg;
    p->epoll_fd = -1;
    if (!init(p)) {
        mse_status st = MSE_FAIL(err, MSE_ERR_IO, "relay", "descriptor %d: %s", cfg->listen_fd,
                                 strerror(errno));
        pass_free(p);
        return st;
    }
    (void)uv_timer_init(cfg->loop, &p->tick); /* cannot fail */
    handle_own(p, (uv_handle_t *)&p->tick);
    bool good = uv_poll_init(cfg->loop, &p->listener, cfg->listen_fd) == 0;
    if (good) {
        handle_own(p, (uv_handle_t *)&p->listener);
        good = uv_poll_init(cfg->loop, &p->poll, p->epoll_fd) == 0;
    }
    if (good) {
        handle_own(p, (uv_handle_t *)&p->poll);
        p->accepting = true;
        good = start(p);
    }
    if (!good) {
        mse_pass_close(p);
        return MSE_FAIL(err, MSE_ERR_IO, "relay", "the event loop refused to start");
    }
    *out = p;
    return MSE_OK;
}

static void handle_close(uv_handle_t *h)
{
    if (h->data != NULL) {
        uv_close(h, on_pass_closed);
    }
}

void mse_pass_stop_accepting(struct mse_pass *p)
{
    p->accepting = false;
    (void)uv_poll_stop(&p->listener);
}

void mse_pass_close_idle(struct mse_pass *p, unsigned idle_ms)
{
    uint64_t now = uv_now(p->cfg.loop);
    for (int s = 0; s < PASS_STAGES; s++) {
        struct mse_aged *a = NULL;
        while ((a = mse_ages_over(&p->stages[s], now, idle_ms)) != NULL) {
            pass_conn_close(pass_conn_of(a), s >= PASS_OPEN);
        }
    }
}

size_t mse_pass_num_connections(const struct mse_pass *p)
{
    return p->num;
}

const struct mse_pass_stats *mse_pass_stats_borrow(const struct mse_pass *p)
{
    return &p->stats;
}

void mse_pass_close(struct mse_pass *p)
{
    if (p == NULL || p->closing) {
        return;
    }
    p->closing = true;
    mse_pass_close_idle(p, 0);
    p->accepting = false;
    handle_close((uv_handle_t *)&p->listener);
    handle_close((uv_handle_t *)&p->poll);
    handle_close((uv_handle_t *)&p->tick);
}
