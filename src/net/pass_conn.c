/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of the pass-through relay: whom the client wants to reach, the way there, and the
 * bytes of both sides. */
#include "net/pass_inner.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "net/loop.h"

#define CHUNKS_PER_TURN 4
#define DRAINS          8                  /* looks at what nobody wants */
#define STREAM_LEN      ((uint64_t)131072) /* that one side says without a word of the other */

_Static_assert(PASS_BUFFER_LEN > MSE_HELLO_WIRE_MAX,
               "one byte more than the longest shows that it is");

/* Lists. */

struct pass_conn *pass_conn_of(struct mse_aged *a)
{
    return (struct pass_conn *)a; /* its first member */
}

static void set_stage(struct pass_conn *c, enum pass_stage stage)
{
    struct mse_pass *p = c->pass;
    mse_ages_remove(&p->stages[c->stage], &c->age);
    c->stage = (uint8_t)stage;
    mse_ages_append(&p->stages[stage], &c->age, uv_now(p->cfg.loop));
}

static void touch(struct pass_conn *c)
{
    /* A millisecond's precision is enough, and busy connections come here often. */
    if (c->stage >= PASS_OPEN && c->age.since != uv_now(c->pass->cfg.loop)) {
        set_stage(c, (enum pass_stage)c->stage);
    }
}

static uint64_t since_mark_us(struct pass_conn *c)
{
    uint64_t now = uv_hrtime();
    uint64_t us = (now - c->mark) / 1000;
    c->mark = now;
    return us;
}

/* The end of a connection. */

/* reset: the peers must not take this for an orderly end. */
void pass_conn_close(struct pass_conn *c, bool reset)
{
    struct mse_pass *p = c->pass;
    if (c->closed) {
        return;
    }
    c->closed = true;
    for (int s = PASS_FRONT; s <= PASS_BACK; s++) {
        if (c->sides[s].fd >= 0 && reset) {
            mse_net_reset(c->sides[s].fd);
        } else if (c->sides[s].fd >= 0) {
            (void)close(c->sides[s].fd);
        }
    }
    if (c->app != NULL) {
        c->app->num--;
        mse_pass_app_unref(c->app);
    }
    mse_sources_leave(p->sources, c->source);
    mse_ages_remove(&p->stages[c->stage], &c->age);
    mse_ages_append(&p->closed, &c->age, 0);
    p->num--;
}

void pass_free_closed(struct mse_pass *p)
{
    while (p->closed.oldest != NULL) {
        struct pass_conn *c = pass_conn_of(p->closed.oldest);
        mse_ages_remove(&p->closed, &c->age);
        free(c);
    }
}

/* Tells the client why, before the end. A socket that just connected takes so few bytes. */
static bool refuse(struct pass_conn *c, enum mse_alert alert)
{
    uint8_t record[MSE_ALERT_LEN];
    ssize_t n = 0;
    if (alert != MSE_ALERT_NONE) {
        mse_alert_write(record, alert);
        n = send(c->sides[PASS_FRONT].fd, record, sizeof record, MSG_NOSIGNAL);
    }
    /* What stays unread would make a reset of the end, and the alert would be lost. Who goes on
     * sending loses it. */
    for (int i = 0; i < DRAINS && n >= 0; i++) {
        n = recv(c->sides[PASS_FRONT].fd, c->pass->buffer, PASS_BUFFER_LEN, MSG_TRUNC);
        n = n == 0 ? -1 : n;
    }
    return false;
}

/* Events. */

static bool watch(struct pass_conn *c, int s)
{
    struct pass_side *d = &c->sides[s];
    struct epoll_event e = { .events = 0, .data.ptr = d };
    if (c->ended[s] && c->deaf[s]) { /* dead, which the kernel would tell over and over again */
        bool gone = !c->watched[s] || epoll_ctl(c->pass->epoll_fd, EPOLL_CTL_DEL, d->fd, &e) == 0;
        c->watched[s] = false;
        return gone;
    }
    bool connected = c->sides[PASS_BACK].fd >= 0;
    bool wants_in = !c->ended[s] && !c->blocked[s];
    e.events = (wants_in ? (uint32_t)EPOLLIN : 0) |
               (connected && c->blocked[1 - s] ? (uint32_t)EPOLLOUT : 0);
    if (d->fd < 0 || (c->watched[s] && e.events == d->events)) {
        return true;
    }
    int op = c->watched[s] ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    c->watched[s] = true;
    d->events = e.events;
    return epoll_ctl(c->pass->epoll_fd, op, d->fd, &e) == 0;
}

/* Carrying. What returns bool returns false when the connection is of no more use. */

static void count(struct pass_conn *c, int from, size_t len)
{
    c->run = c->runner == from ? c->run : 0;
    c->runner = (uint8_t)from;
    c->run = len < STREAM_LEN - c->run ? c->run + (uint32_t)len : STREAM_LEN;
    c->pass->streaming = c->pass->streaming || c->run == STREAM_LEN;
    if (from == PASS_FRONT) {
        c->app->bytes_in += len;
        return;
    }
    c->app->bytes_out += len;
    if (!c->answered) {
        c->answered = true;
        mse_times_add(&c->app->first_byte, since_mark_us(c));
    }
}

/* Nothing more comes from this side. */
static bool end_of(struct pass_conn *c, int from)
{
    int to = 1 - from;
    c->ended[from] = true;
    if (!c->deaf[to]) {
        (void)shutdown(c->sides[to].fd, SHUT_WR);
    }
    set_stage(c, PASS_HALF);
    return !c->ended[to];
}

static bool is_connecting(const struct pass_conn *c)
{
    return c->stage == PASS_TRY || c->stage == PASS_CONNECT;
}

/* A server may answer and close before it has read everything: its answer still goes out. One that
 * does not take the connection has had nothing of it, and another one can. */
static bool send_failed(struct pass_conn *c, int to)
{
    if (is_connecting(c)) {
        c->missed = true;
        return false;
    }
    c->deaf[to] = true;
    return to == PASS_BACK;
}

/* Sends len bytes of the shared buffer, and takes from the kernel what was sent. *taken 0: the
 * other side takes none now. */
static bool pass_on(struct pass_conn *c, int from, size_t len, size_t *taken)
{
    int to = 1 - from;
    *taken = 0;
    if (!c->deaf[to]) {
        ssize_t n = send(c->sides[to].fd, c->pass->buffer, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR && !send_failed(c, to)) {
            return false;
        }
        *taken = n < 0 ? 0 : (size_t)n;
        c->blocked[from] = *taken < len && !c->deaf[to];
    }
    if (c->deaf[to]) {
        *taken = len;
    }
    if (*taken == 0) {
        return true;
    }
    if (is_connecting(c)) {
        mse_times_add(&c->app->connect, since_mark_us(c));
        c->pass->stats.passed++;
        set_stage(c, PASS_OPEN);
    }
    count(c, from, *taken);
    /* Nothing is copied (tcp(7)); the buffer is named for tools that watch over memory. */
    return recv(c->sides[from].fd, c->pass->buffer, *taken, MSG_TRUNC) == (ssize_t)*taken;
}

/* have: so many bytes were looked at already. */
static bool carry(struct pass_conn *c, int from, size_t have)
{
    uint8_t *buffer = c->pass->buffer;
    bool more = true;
    c->blocked[from] = false;
    for (int i = 0; more && i < CHUNKS_PER_TURN; i++) {
        size_t taken = 0;
        ssize_t n =
            have > 0 ? (ssize_t)have : recv(c->sides[from].fd, buffer, PASS_BUFFER_LEN, MSG_PEEK);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        if (n == 0) {
            return end_of(c, from);
        }
        if (!pass_on(c, from, (size_t)n, &taken)) {
            return false;
        }
        have = 0;
        more = taken == PASS_BUFFER_LEN;
    }
    return true;
}

/* Connecting. */

static bool send_header(struct pass_conn *c)
{
    uint8_t header[MSE_PROXY2_MAX];
    union mse_net_address from = { .any = { .sa_family = AF_UNSPEC } };
    union mse_net_address to = { .any = { .sa_family = AF_UNSPEC } };
    socklen_t from_len = sizeof from;
    socklen_t to_len = sizeof to;
    if (getpeername(c->sides[PASS_FRONT].fd, &from.any, &from_len) != 0 ||
        getsockname(c->sides[PASS_FRONT].fd, &to.any, &to_len) != 0) {
        return false;
    }
    size_t len = mse_proxy2_write(header, &from, &to);
    ssize_t n = send(c->sides[PASS_BACK].fd, header, len, MSG_NOSIGNAL | MSG_MORE);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        c->blocked[PASS_FRONT] = true;
        return true;
    }
    if (n != (ssize_t)len) { /* a socket that just connected takes them all */
        return send_failed(c, PASS_BACK);
    }
    c->header = false;
    return true;
}

/* The ClientHello is the first thing that is carried; that it can be shows that there is a
 * connection. On one machine that is so at once. */
static bool carry_first(struct pass_conn *c, size_t have)
{
    if (c->header && !send_header(c)) {
        return false;
    }
    return c->header || carry(c, PASS_FRONT, have);
}

/* Nobody takes it. */
static bool no_backend(struct pass_conn *c)
{
    c->pass->stats.no_backend++;
    c->app->no_backend++;
    return refuse(c, MSE_ALERT_INTERNAL_ERROR);
}

/* A connection is one of its app, however many servers it tries. */
static bool enter_app(struct pass_conn *c, const struct mse_pass_to *to)
{
    struct mse_pass *p = c->pass;
    if (p->cfg.max_per_app > 0 && to->app->num >= p->cfg.max_per_app) {
        p->stats.refused_app++;
        return refuse(c, MSE_ALERT_INTERNAL_ERROR);
    }
    c->app = to->app;
    mse_pass_app_ref(c->app);
    c->app->num++;
    c->app->accepted++;
    c->mark = uv_hrtime();
    return true;
}

static bool connect_back(struct pass_conn *c, const struct mse_pass_to *to, size_t have)
{
    static const int on = 1;
    bool again = c->tried != 0;
    c->pass->stats.elsewhere += again ? 1 : 0;
    c->tried |= 1ULL << to->number;
    c->header = to->proxy_protocol;
    int fd = socket(to->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    c->sides[PASS_BACK].fd = fd;
    set_stage(c, again || to->others ? PASS_TRY : PASS_CONNECT);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        (connect(fd, &to->address.any, mse_net_address_len(&to->address)) != 0 &&
         errno != EINPROGRESS)) {
        return send_failed(c, PASS_BACK);
    }
    return carry_first(c, have);
}

/* The ClientHello. */

/* Whether nothing more comes: the rare question why a socket is readable that has nothing new. */
static bool has_ended(int fd)
{
    struct tcp_info i = { 0 };
    socklen_t len = sizeof i;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len) != 0 || i.tcpi_state != TCP_ESTABLISHED;
}

/* Has the kernel wake us when there is more than was seen. */
static bool want_more(struct pass_conn *c, size_t seen)
{
    int mark = (int)seen + 1;
    if (seen == c->seen) {
        return !has_ended(c->sides[PASS_FRONT].fd);
    }
    c->seen = (uint16_t)seen;
    return setsockopt(c->sides[PASS_FRONT].fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark) == 0;
}

/* Whether a connection that was tried elsewhere may go there. */
static bool is_next(const struct pass_conn *c, const struct mse_pass_to *to)
{
    return to->app == c->app && to->number < MSE_PASS_SERVERS &&
           (c->tried & 1ULL << to->number) == 0;
}

static bool read_hello(struct pass_conn *c)
{
    static const int one = 1;
    struct mse_pass *p = c->pass;
    struct mse_pass_to to = { .app = NULL };
    char name[MSE_HELLO_NAME_MAX + 1];
    int fd = c->sides[PASS_FRONT].fd;
    ssize_t n = recv(fd, p->buffer, MSE_HELLO_WIRE_MAX + 1, MSG_PEEK);
    if (n <= 0) {
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
    enum mse_hello h = mse_hello_read(name, mse_bytes_of(p->buffer, (size_t)n), p->scratch);
    if (h == MSE_HELLO_MORE) {
        return want_more(c, (size_t)n);
    }
    if (h != MSE_HELLO_DONE) {
        p->stats.bad_hello++;
        return refuse(c, mse_hello_alert(h));
    }
    bool known = p->cfg.route(p->cfg.user, name, c->tried, &to);
    if (c->tried != 0) {
        return known && is_next(c, &to) ? connect_back(c, &to, (size_t)n) : no_backend(c);
    }
    if (!known) {
        p->stats.unknown_name++;
        return refuse(c, MSE_ALERT_UNRECOGNIZED_NAME);
    }
    if (c->seen > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one) != 0) {
        return false;
    }
    return enter_app(c, &to) && connect_back(c, &to, (size_t)n);
}

/* The server did not take the connection. The ClientHello is still where it was, in the kernel, and
 * goes to one that was not tried, if there is one, and time for it. */
static bool go_elsewhere(struct pass_conn *c)
{
    struct mse_pass *p = c->pass;
    struct pass_side *back = &c->sides[PASS_BACK];
    uint64_t used_ms = (uv_hrtime() - c->mark) / 1000000;
    c->missed = false;
    if (used_ms > p->cfg.connect_ms - p->cfg.connect_ms / PASS_TRY_SHARE) {
        return no_backend(c);
    }
    if (back->fd >= 0) {
        (void)close(back->fd); /* which takes it out of the epoll, too */
    }
    *back = (struct pass_side) { c, -1, 0 };
    c->watched[PASS_BACK] = false;
    c->blocked[PASS_FRONT] = false;
    return read_hello(c);
}

/* Turns. */

static bool side_work(struct pass_conn *c, int s, uint32_t events)
{
    if (c->sides[PASS_BACK].fd < 0) {
        return read_hello(c);
    }
    if (is_connecting(c)) { /* whatever happened, sending says what it was */
        return s == PASS_BACK && carry_first(c, 0);
    }
    touch(c);
    if ((events & EPOLLOUT) != 0 && c->blocked[1 - s] && !carry(c, 1 - s, 0)) {
        return false;
    }
    /* An error is found by reading, or by sending where nothing is read. */
    bool readable = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    if (readable && !c->ended[s] && !c->blocked[s]) {
        return carry(c, s, 0);
    }
    return (events & EPOLLERR) == 0;
}

/* After something was done with it. good: it is of use as it is. */
static void settle(struct pass_conn *c, bool good)
{
    while (!good && c->missed) { /* each time one server fewer is left */
        good = go_elsewhere(c);
    }
    if (!good || !watch(c, PASS_FRONT) || !watch(c, PASS_BACK)) {
        /* Both ends, or a refusal, are orderly; all else is not. */
        bool orderly = c->stage < PASS_OPEN || (c->ended[PASS_FRONT] && c->ended[PASS_BACK]);
        pass_conn_close(c, !orderly);
    }
}

void pass_conn_turn(struct pass_conn *c, int s, uint32_t events)
{
    if (!c->closed) {
        settle(c, side_work(c, s, events));
    }
}

/* Takes over fd. */
void pass_conn_new(struct mse_pass *p, int fd)
{
    uint8_t address[16];
    struct mse_source *source = NULL;
    if (p->cfg.max_per_source > 0) {
        mse_net_source(fd, address);
        source = mse_sources_enter(p->sources, address, p->cfg.max_per_source);
        if (source == NULL) {
            p->stats.refused_source++;
            mse_net_reset(fd);
            return;
        }
    }
    struct pass_conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        mse_sources_leave(p->sources, source);
        mse_net_reset(fd);
        return;
    }
    c->pass = p;
    c->source = source;
    c->sides[PASS_FRONT] = (struct pass_side) { c, fd, 0 };
    c->sides[PASS_BACK] = (struct pass_side) { c, -1, 0 };
    c->stage = PASS_HELLO;
    mse_ages_append(&p->stages[PASS_HELLO], &c->age, uv_now(p->cfg.loop));
    p->num++;
    pass_conn_turn(c, PASS_FRONT, EPOLLIN); /* the ClientHello may have come already */
}

void pass_conn_give_up(struct pass_conn *c)
{
    if (c->stage == PASS_HELLO) {
        c->pass->stats.late++;
    }
    if (is_connecting(c)) {
        settle(c, send_failed(c, PASS_BACK));
        return;
    }
    pass_conn_close(c, c->stage >= PASS_OPEN);
}
