/* SPDX-License-Identifier: Apache-2.0 */
/* See pass.h. The sockets of connections are watched by an epoll of this relay's own, which the
 * loop watches: that is a third of the memory of a handle of the loop for each of them, and they
 * are closed without being taken out one by one. */
#include "net/pass.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "net/ages.h"
#include "net/hello.h"
#include "net/loop.h"
#include "net/sources.h"

#define BUFFER_LEN       ((size_t)65536)
#define EVENTS_PER_TURN  64
#define ACCEPTS_PER_TURN 64
#define CHUNKS_PER_TURN  4
#define ROUNDS_PER_TURN  4
#define STREAM_LEN       ((uint64_t)131072) /* that one side says without a word of the other */
#define REST_NS          50000              /* and the kernel's slack */
#define DRAINS           8                  /* looks at what nobody wants */
#define EVICT_AFTER_MS   1000
#define EVICT_OPEN_MS    60000 /* what serves an app is not thrown out lightly */

_Static_assert(BUFFER_LEN > MSE_HELLO_WIRE_MAX, "one byte more than the longest shows that it is");

/* Where a connection is in its life. Each stage has a list in order of the last activity and a time
 * after which it is closed. */
enum stage {
    STAGE_HELLO,   /* in order of arrival: trickling bytes does not help */
    STAGE_CONNECT, /* likewise */
    STAGE_OPEN,
    STAGE_HALF, /* one side has ended */
    NUM_STAGES,
};

enum { FRONT, BACK };

struct side {
    struct conn *conn;
    int fd;          /* -1: not connected */
    uint32_t events; /* that are watched; nothing else is known to the kernel */
};

struct conn {
    struct mse_aged age; /* first: lists hold it */
    struct mse_pass *pass;
    struct mse_pass_app *app;
    struct mse_source *source;
    struct side sides[2];
    uint64_t mark; /* uv_hrtime of the last thing that is timed */
    uint32_t run;  /* bytes from one side since the other said something, up to STREAM_LEN */
    uint8_t stage;
    uint8_t runner;  /* that side */
    bool watched[2]; /* the epoll knows the socket */
    bool ended[2];   /* nothing more comes from this side */
    bool blocked[2]; /* what comes from this side is not taken by the other one now */
    bool deaf[2];    /* this side takes no more; what is meant for it is dropped */
    bool header;     /* of the PROXY protocol, still to be sent */
    bool answered;   /* the server has said something */
    bool closed;
    uint16_t seen; /* of a ClientHello that is not complete */
};

struct mse_pass {
    struct mse_pass_config cfg;
    uv_poll_t listener;
    uv_poll_t poll;
    uv_timer_t tick;
    unsigned open_handles;
    int epoll_fd;
    bool accepting;
    bool full;      /* and therefore not accepting for now */
    bool streaming; /* one of the connections of this turn is a stream */
    bool closing;
    size_t num;
    struct mse_ages stages[NUM_STAGES];
    struct mse_ages closed; /* freed at the end of the turn: events may still name them */
    struct mse_sources *sources;
    struct mse_pass_stats stats;
    uint8_t scratch[MSE_HELLO_MAX];
    uint8_t buffer[BUFFER_LEN];
};

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

/* Lists. */

static struct conn *conn_of(struct mse_aged *a)
{
    return (struct conn *)a; /* its first member */
}

static void set_stage(struct conn *c, enum stage stage)
{
    struct mse_pass *p = c->pass;
    mse_ages_remove(&p->stages[c->stage], &c->age);
    c->stage = (uint8_t)stage;
    mse_ages_append(&p->stages[stage], &c->age, uv_now(p->cfg.loop));
}

static void touch(struct conn *c)
{
    /* A millisecond's precision is enough, and busy connections come here often. */
    if (c->stage >= STAGE_OPEN && c->age.since != uv_now(c->pass->cfg.loop)) {
        set_stage(c, (enum stage)c->stage);
    }
}

static uint64_t since_mark_us(struct conn *c)
{
    uint64_t now = uv_hrtime();
    uint64_t us = (now - c->mark) / 1000;
    c->mark = now;
    return us;
}

/* The end of a connection. */

/* reset: the peers must not take this for an orderly end. */
static void conn_close(struct conn *c, bool reset)
{
    struct mse_pass *p = c->pass;
    if (c->closed) {
        return;
    }
    c->closed = true;
    for (int s = FRONT; s <= BACK; s++) {
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

static void free_closed(struct mse_pass *p)
{
    while (p->closed.oldest != NULL) {
        struct conn *c = conn_of(p->closed.oldest);
        mse_ages_remove(&p->closed, &c->age);
        free(c);
    }
}

/* Tells the client why, before the end. A socket that just connected takes so few bytes. */
static bool refuse(struct conn *c, enum mse_alert alert)
{
    uint8_t record[MSE_ALERT_LEN];
    ssize_t n = 0;
    if (alert != MSE_ALERT_NONE) {
        mse_alert_write(record, alert);
        n = send(c->sides[FRONT].fd, record, sizeof record, MSG_NOSIGNAL);
    }
    /* What stays unread would make a reset of the end, and the alert would be lost. Who goes on
     * sending loses it. */
    for (int i = 0; i < DRAINS && n >= 0; i++) {
        n = recv(c->sides[FRONT].fd, c->pass->buffer, BUFFER_LEN, MSG_TRUNC);
        n = n == 0 ? -1 : n;
    }
    return false;
}

/* Events. */

static bool watch(struct conn *c, int s)
{
    struct side *d = &c->sides[s];
    struct epoll_event e = { .events = 0, .data.ptr = d };
    if (c->ended[s] && c->deaf[s]) { /* dead, which the kernel would tell over and over again */
        bool gone = !c->watched[s] || epoll_ctl(c->pass->epoll_fd, EPOLL_CTL_DEL, d->fd, &e) == 0;
        c->watched[s] = false;
        return gone;
    }
    bool connected = c->sides[BACK].fd >= 0;
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

static void count(struct conn *c, int from, size_t len)
{
    c->run = c->runner == from ? c->run : 0;
    c->runner = (uint8_t)from;
    c->run = len < STREAM_LEN - c->run ? c->run + (uint32_t)len : STREAM_LEN;
    c->pass->streaming = c->pass->streaming || c->run == STREAM_LEN;
    if (from == FRONT) {
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
static bool end_of(struct conn *c, int from)
{
    int to = 1 - from;
    c->ended[from] = true;
    if (!c->deaf[to]) {
        (void)shutdown(c->sides[to].fd, SHUT_WR);
    }
    set_stage(c, STAGE_HALF);
    return !c->ended[to];
}

/* A server may answer and close before it has read everything: its answer still goes out. */
static bool send_failed(struct conn *c, int to)
{
    if (c->stage == STAGE_CONNECT) {
        c->pass->stats.no_backend++;
        c->app->no_backend++;
        return refuse(c, MSE_ALERT_INTERNAL_ERROR);
    }
    c->deaf[to] = true;
    return to == BACK;
}

/* Sends len bytes of the shared buffer, and takes from the kernel what was sent. *taken 0: the
 * other side takes none now. */
static bool pass_on(struct conn *c, int from, size_t len, size_t *taken)
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
    if (c->stage == STAGE_CONNECT) {
        mse_times_add(&c->app->connect, since_mark_us(c));
        c->pass->stats.passed++;
        set_stage(c, STAGE_OPEN);
    }
    count(c, from, *taken);
    /* Nothing is copied (tcp(7)); the buffer is named for tools that watch over memory. */
    return recv(c->sides[from].fd, c->pass->buffer, *taken, MSG_TRUNC) == (ssize_t)*taken;
}

/* have: so many bytes were looked at already. */
static bool carry(struct conn *c, int from, size_t have)
{
    uint8_t *buffer = c->pass->buffer;
    bool more = true;
    c->blocked[from] = false;
    for (int i = 0; more && i < CHUNKS_PER_TURN; i++) {
        size_t taken = 0;
        ssize_t n =
            have > 0 ? (ssize_t)have : recv(c->sides[from].fd, buffer, BUFFER_LEN, MSG_PEEK);
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
        more = taken == BUFFER_LEN;
    }
    return true;
}

/* Connecting. */

static bool send_header(struct conn *c)
{
    uint8_t header[MSE_PROXY2_MAX];
    union mse_net_address from = { .any = { .sa_family = AF_UNSPEC } };
    union mse_net_address to = { .any = { .sa_family = AF_UNSPEC } };
    socklen_t from_len = sizeof from;
    socklen_t to_len = sizeof to;
    if (getpeername(c->sides[FRONT].fd, &from.any, &from_len) != 0 ||
        getsockname(c->sides[FRONT].fd, &to.any, &to_len) != 0) {
        return false;
    }
    size_t len = mse_proxy2_write(header, &from, &to);
    ssize_t n = send(c->sides[BACK].fd, header, len, MSG_NOSIGNAL | MSG_MORE);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        c->blocked[FRONT] = true;
        return true;
    }
    if (n != (ssize_t)len) { /* a socket that just connected takes them all */
        return send_failed(c, BACK);
    }
    c->header = false;
    return true;
}

/* The ClientHello is the first thing that is carried; that it can be shows that there is a
 * connection. On one machine that is so at once. */
static bool carry_first(struct conn *c, size_t have)
{
    if (c->header && !send_header(c)) {
        return false;
    }
    return c->header || carry(c, FRONT, have);
}

static bool connect_back(struct conn *c, const struct mse_pass_to *to, size_t have)
{
    static const int on = 1;
    struct mse_pass *p = c->pass;
    if (p->cfg.max_per_app > 0 && to->app->num >= p->cfg.max_per_app) {
        p->stats.refused_app++;
        return refuse(c, MSE_ALERT_INTERNAL_ERROR);
    }
    c->app = to->app;
    mse_pass_app_ref(c->app);
    c->app->num++;
    c->app->accepted++;
    c->header = to->proxy_protocol;
    c->mark = uv_hrtime();
    int fd = socket(to->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    c->sides[BACK].fd = fd;
    set_stage(c, STAGE_CONNECT);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        (connect(fd, &to->address.any, mse_net_address_len(&to->address)) != 0 &&
         errno != EINPROGRESS)) {
        return send_failed(c, BACK);
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
static bool want_more(struct conn *c, size_t seen)
{
    int mark = (int)seen + 1;
    if (seen == c->seen) {
        return !has_ended(c->sides[FRONT].fd);
    }
    c->seen = (uint16_t)seen;
    return setsockopt(c->sides[FRONT].fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark) == 0;
}

static bool read_hello(struct conn *c)
{
    static const int one = 1;
    struct mse_pass *p = c->pass;
    struct mse_pass_to to = { .app = NULL };
    char name[MSE_HELLO_NAME_MAX + 1];
    int fd = c->sides[FRONT].fd;
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
    if (!p->cfg.route(p->cfg.user, name, &to)) {
        p->stats.unknown_name++;
        return refuse(c, MSE_ALERT_UNRECOGNIZED_NAME);
    }
    if (c->seen > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one) != 0) {
        return false;
    }
    return connect_back(c, &to, (size_t)n);
}

/* Turns. */

static bool side_work(struct conn *c, int s, uint32_t events)
{
    if (c->sides[BACK].fd < 0) {
        return read_hello(c);
    }
    if (c->stage == STAGE_CONNECT) { /* whatever happened, sending says what it was */
        return s == BACK && carry_first(c, 0);
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

static void conn_turn(struct conn *c, int s, uint32_t events)
{
    if (c->closed) {
        return;
    }
    if (!side_work(c, s, events) || !watch(c, FRONT) || !watch(c, BACK)) {
        /* Both ends, or a refusal, are orderly; all else is not. */
        bool orderly = c->stage < STAGE_OPEN || (c->ended[FRONT] && c->ended[BACK]);
        conn_close(c, !orderly);
    }
}

static void listen_again(struct mse_pass *p);

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
            const struct side *d = events[i].data.ptr;
            conn_turn(d->conn, d == &d->conn->sides[BACK] ? BACK : FRONT, events[i].events);
        }
        free_closed(p);
    }
    if (p->full && p->num < p->cfg.max_connections) {
        listen_again(p);
    }
}

/* Accepting. */

/* Who can go to make room for one more, if that hurts nobody: a client that dawdles, then what has
 * been idle for long. NULL: nobody. */
static struct conn *dispensable(const struct mse_pass *p)
{
    static const struct {
        enum stage stage;
        unsigned age_ms;
    } order[] = {
        { STAGE_HELLO, EVICT_AFTER_MS },
        { STAGE_CONNECT, EVICT_AFTER_MS },
        { STAGE_HALF, EVICT_AFTER_MS },
        { STAGE_OPEN, EVICT_OPEN_MS },
    };
    uint64_t now = uv_now(p->cfg.loop);
    for (size_t i = 0; i < MSE_ARRAY_LEN(order); i++) {
        struct mse_aged *a = mse_ages_over(&p->stages[order[i].stage], now, order[i].age_ms);
        if (a != NULL) {
            return conn_of(a);
        }
    }
    return NULL;
}

/* Takes over fd. */
static void conn_new(struct mse_pass *p, int fd)
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
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        mse_sources_leave(p->sources, source);
        mse_net_reset(fd);
        return;
    }
    c->pass = p;
    c->source = source;
    c->sides[FRONT] = (struct side) { c, fd, 0 };
    c->sides[BACK] = (struct side) { c, -1, 0 };
    c->stage = STAGE_HELLO;
    mse_ages_append(&p->stages[STAGE_HELLO], &c->age, uv_now(p->cfg.loop));
    p->num++;
    conn_turn(c, FRONT, EPOLLIN); /* the ClientHello may have come already */
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
        struct conn *instead = room ? NULL : dispensable(p);
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
            conn_close(instead, true);
        }
        conn_new(p, fd);
    }
    free_closed(p);
}

static void listen_again(struct mse_pass *p)
{
    p->full = false;
    if (p->accepting && !uv_is_active((const uv_handle_t *)&p->listener)) {
        (void)uv_poll_start(&p->listener, UV_READABLE, on_listener);
    }
}

/* Time. */

static unsigned stage_ms(const struct mse_pass *p, enum stage stage)
{
    switch (stage) {
    case STAGE_HELLO:
        return p->cfg.hello_ms;
    case STAGE_CONNECT:
        return p->cfg.connect_ms;
    case STAGE_HALF:
        return p->cfg.half_ms;
    case STAGE_OPEN:
    case NUM_STAGES:
        break;
    }
    return p->cfg.idle_ms;
}

static void give_up(struct conn *c)
{
    if (c->stage == STAGE_HELLO) {
        c->pass->stats.late++;
    }
    if (c->stage == STAGE_CONNECT) {
        (void)send_failed(c, BACK);
    }
    conn_close(c, c->stage >= STAGE_OPEN);
}

static void on_tick(uv_timer_t *h)
{
    struct mse_pass *p = h->data;
    uint64_t now = uv_now(p->cfg.loop);
    for (int s = 0; s < NUM_STAGES; s++) {
        struct mse_aged *a = NULL;
        while ((a = mse_ages_over(&p->stages[s], now, stage_ms(p, (enum stage)s))) != NULL) {
            give_up(conn_of(a));
        }
    }
    free_closed(p);
    listen_again(p);
}

/* The relay itself. */

static void pass_free(struct mse_pass *p)
{
    free_closed(p);
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
    shortest = p->cfg.connect_ms < shortest ? p->cfg.connect_ms : shortest;
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
    for (int s = 0; s < NUM_STAGES; s++) {
        struct mse_aged *a = NULL;
        while ((a = mse_ages_over(&p->stages[s], now, idle_ms)) != NULL) {
            conn_close(conn_of(a), s >= STAGE_OPEN);
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
