/* SPDX-License-Identifier: Apache-2.0 */
/* The pass-through relay over real sockets, in one thread: the loop is turned between the steps of
 * client and server. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "net/hello.h"
#include "net/loop.h"
#include "net/pass.h"
#include "net/sources.h"
#include "unit/net/hello_lab.h"

#define PATIENCE_MS 10000
#define MANY        ((size_t)32 * 1024 * 1024)

struct world {
    uv_loop_t loop;
    int listen_fd;
    int server_fd;
    struct mse_pass_config cfg;
    struct mse_pass *pass;
    struct mse_pass_to to;
    struct mse_pass_to more[3]; /* servers of the same name, of numbers 1 to 3 */
    size_t num_more;
    bool stubborn; /* the route is the same, whatever was tried */
    bool known;    /* the name */
    struct mse_build hello;
};

static int listen_on(union mse_net_address *a, int family)
{
    socklen_t len = sizeof *a;
    memset(a, 0, sizeof *a);
    a->any.sa_family = (sa_family_t)family;
    if (family == AF_INET6) {
        a->v6.sin6_addr = in6addr_loopback;
    } else {
        a->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &a->any, mse_net_address_len(a)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, &a->any, &len), 0);
    return fd;
}

static bool on_route(void *user, const char *name, uint64_t tried, struct mse_pass_to *out)
{
    const struct world *w = user;
    bool found = false;
    if (!w->known || strcmp(name, HELLO_NAME) != 0) {
        return false;
    }
    tried = w->stubborn ? 0 : tried;
    for (size_t i = w->num_more + 1; i-- > 0;) {
        if ((tried & 1ULL << i) == 0) {
            *out = i == 0 ? w->to : w->more[i - 1];
            out->number = (uint8_t)i;
            out->others = found;
            found = true;
        }
    }
    return found;
}

static void world_open(struct world *w, int family)
{
    union mse_net_address front;
    assert_int_equal(uv_loop_init(&w->loop), 0);
    w->listen_fd = listen_on(&front, family);
    w->server_fd = listen_on(&w->to.address, AF_INET);
    w->num_more = 0;
    w->stubborn = false;
    w->to.proxy_protocol = false;
    w->to.app = mse_pass_app_new();
    assert_non_null(w->to.app);
    w->known = true;
    hello_make(&w->hello, &(struct hello_parts) { .name = NULL }, 16384);
    w->cfg = (struct mse_pass_config) {
        .loop = &w->loop,
        .listen_fd = w->listen_fd,
        .route = on_route,
        .user = w,
        .max_connections = 100,
        .hello_ms = 60000,
        .connect_ms = 60000,
        .idle_ms = 60000,
        .half_ms = 60000,
    };
}

static void start(struct world *w)
{
    assert_status(mse_pass_new(&w->pass, &w->cfg, NULL), MSE_OK);
}

static void world_close(struct world *w)
{
    mse_pass_close(w->pass);
    mse_net_loop_clear(&w->loop);
    assert_int_equal(w->to.app->refs, 1); /* no connection is left */
    assert_int_equal(w->to.app->num, 0);
    mse_pass_app_unref(w->to.app);
    mse_build_clear(&w->hello);
    (void)close(w->listen_fd);
    (void)close(w->server_fd);
}

static void turn(struct world *w)
{
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
}

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

#define UNTIL(w, condition)                                                                        \
    do {                                                                                           \
        uint64_t begun_at = now_ms();                                                              \
        while (!(condition)) {                                                                     \
            assert_true(now_ms() - begun_at < PATIENCE_MS);                                        \
            turn(w);                                                                               \
        }                                                                                          \
    } while (0)

static int client(struct world *w)
{
    union mse_net_address a = { .any = { .sa_family = AF_UNSPEC } };
    socklen_t len = sizeof a;
    assert_int_equal(getsockname(w->listen_fd, &a.any, &len), 0);
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &a.any, len), 0);
    assert_true(mse_net_prepare_fd(fd));
    return fd;
}

static int try_accept(struct world *w, int *fd)
{
    *fd = accept4(w->server_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return *fd >= 0;
}

static void put(struct world *w, int fd, const void *data, size_t len)
{
    const uint8_t *p = data;
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        assert_true(n > 0 || errno == EAGAIN);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
        turn(w);
    }
}

/* Reads exactly len bytes. */
static void get(struct world *w, int fd, void *out, size_t len)
{
    uint8_t *p = out;
    uint64_t begun = now_ms();
    while (len > 0) {
        ssize_t n = recv(fd, p, len, 0);
        assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
        assert_true(now_ms() - begun < PATIENCE_MS);
        turn(w);
    }
}

/* What recv says at last: 0 at an orderly end, -1 with errno otherwise. */
static ssize_t end_of(struct world *w, int fd)
{
    uint8_t byte = 0;
    ssize_t n = 0;
    UNTIL(w, (n = recv(fd, &byte, 1, 0)) >= 0 || errno != EAGAIN);
    return n;
}

/* A connection that has reached the server. */
static void open_pair(struct world *w, int *front, int *back)
{
    uint8_t seen[4096];
    *front = client(w);
    put(w, *front, w->hello.data, w->hello.len);
    UNTIL(w, try_accept(w, back));
    get(w, *back, seen, w->hello.len);
    assert_true(mse_mem_equal(seen, w->hello.data, w->hello.len));
}

static void close_pair(int front, int back)
{
    (void)close(front);
    (void)close(back);
}

static void assert_alert(struct world *w, int fd, enum mse_alert alert)
{
    uint8_t seen[MSE_ALERT_LEN];
    uint8_t wanted[MSE_ALERT_LEN];
    mse_alert_write(wanted, alert);
    get(w, fd, seen, sizeof seen);
    assert_bytes(mse_bytes_of(seen, sizeof seen), mse_bytes_of(wanted, sizeof wanted));
    assert_int_equal(end_of(w, fd), 0);
    (void)close(fd);
}

/* Tests. */

static void test_both_ways(void **state)
{
    struct world w;
    char text[8];
    int front = -1;
    int back = -1;
    (void)state;
    world_open(&w, AF_INET);
    start(&w);
    open_pair(&w, &front, &back);
    put(&w, back, "answer", 6);
    get(&w, front, text, 6);
    assert_memory_equal(text, "answer", 6);
    put(&w, front, "more", 4);
    get(&w, back, text, 4);
    assert_memory_equal(text, "more", 4);
    /* the client ends its side, the server goes on, and ends too */
    assert_int_equal(shutdown(front, SHUT_WR), 0);
    assert_int_equal(end_of(&w, back), 0);
    put(&w, back, "last", 4);
    get(&w, front, text, 4);
    assert_int_equal(shutdown(back, SHUT_WR), 0);
    assert_int_equal(end_of(&w, front), 0);
    UNTIL(&w, mse_pass_num_connections(w.pass) == 0);
    assert_int_equal(w.to.app->accepted, 1);
    assert_int_equal(w.to.app->bytes_in, w.hello.len + 4);
    assert_int_equal(w.to.app->bytes_out, 10);
    assert_int_equal(w.to.app->connect.num, 1);
    assert_int_equal(w.to.app->first_byte.num, 1);
    assert_int_equal(mse_pass_stats_borrow(w.pass)->passed, 1);
    close_pair(front, back);
    world_close(&w);
}

static void test_server_ends_first(void **state)
{
    struct world w;
    char text[8];
    int front = -1;
    int back = -1;
    (void)state;
    world_open(&w, AF_INET6);
    start(&w);
    open_pair(&w, &front, &back);
    put(&w, back, "bye", 3);
    assert_int_equal(shutdown(back, SHUT_WR), 0);
    get(&w, front, text, 3);
    assert_int_equal(end_of(&w, front), 0);
    put(&w, front, "why", 3);
    get(&w, back, text, 3);
    (void)close(front);
    assert_int_equal(end_of(&w, back), 0);
    UNTIL(&w, mse_pass_num_connections(w.pass) == 0);
    (void)close(back);
    world_close(&w);
}

/* In pieces of one byte over the wire; the records are in pieces, too. */
static void test_split_hello(void **state)
{
    struct world w;
    struct mse_build hello;
    uint8_t seen[8192];
    int back = -1;
    (void)state;
    world_open(&w, AF_INET);
    start(&w);
    hello_make(&hello, &(struct hello_parts) { .grease = true, .ech = true }, 7);
    assert_true(hello.len <= sizeof seen);
    int front = client(&w);
    for (size_t i = 0; i < hello.len; i++) {
        assert_int_equal(try_accept(&w, &back), 0);
        put(&w, front, hello.data + i, 1);
        turn(&w);
    }
    UNTIL(&w, try_accept(&w, &back));
    get(&w, back, seen, hello.len);
    assert_true(mse_mem_equal(seen, hello.data, hello.len));
    put(&w, front, "x", 1); /* single bytes arrive again */
    get(&w, back, seen, 1);
    mse_build_clear(&hello);
    close_pair(front, back);
    world_close(&w);
}

static void test_large_hello(void **state)
{
    static uint8_t seen[MSE_HELLO_WIRE_MAX];
    struct world w;
    struct mse_build hello;
    int back = -1;
    (void)state;
    world_open(&w, AF_INET);
    start(&w);
    hello_make(&hello, &(struct hello_parts) { .padding = 16000 }, 1000);
    int front = client(&w);
    put(&w, front, hello.data, hello.len);
    UNTIL(&w, try_accept(&w, &back));
    get(&w, back, seen, hello.len);
    assert_true(mse_mem_equal(seen, hello.data, hello.len));
    mse_build_clear(&hello);
    close_pair(front, back);
    world_close(&w);
}

static void assert_refused(struct world *w, const struct hello_parts *p, enum mse_alert alert)
{
    struct mse_build hello;
    int fd = client(w);
    hello_make(&hello, p, 16384);
    put(w, fd, hello.data, hello.len);
    assert_alert(w, fd, alert);
    mse_build_clear(&hello);
}

static void test_refused(void **state)
{
    struct world w;
    uint8_t byte = 0;
    (void)state;
    world_open(&w, AF_INET);
    start(&w);
    assert_refused(&w, &(struct hello_parts) { .name = "other.org" }, MSE_ALERT_UNRECOGNIZED_NAME);
    assert_refused(&w, &(struct hello_parts) { .no_name = true }, MSE_ALERT_MISSING_EXTENSION);
    assert_refused(&w, &(struct hello_parts) { .twice = true }, MSE_ALERT_ILLEGAL_PARAMETER);
    assert_refused(&w, &(struct hello_parts) { .padding = 20000 }, MSE_ALERT_DECODE_ERROR);
    int fd = client(&w);
    put(&w, fd, "GET / HTTP/1.1\r\n\r\n", 18);
    assert_int_equal(end_of(&w, fd), 0); /* not a byte is said to who does not speak TLS */
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    (void)close(fd);
    const struct mse_pass_stats *s = mse_pass_stats_borrow(w.pass);
    assert_int_equal(s->unknown_name, 1);
    assert_int_equal(s->bad_hello, 4);
    assert_int_equal(mse_pass_num_connections(w.pass), 0);
    world_close(&w);
}

/* A client that says half of it and goes; one that says half and waits. */
static void test_late(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, AF_INET);
    w.cfg.hello_ms = 50;
    start(&w);
    int fd = client(&w);
    put(&w, fd, w.hello.data, 20);
    (void)shutdown(fd, SHUT_WR);
    (void)end_of(&w, fd);
    assert_int_equal(mse_pass_stats_borrow(w.pass)->late, 0);
    (void)close(fd);
    fd = client(&w);
    put(&w, fd, w.hello.data, 20);
    (void)end_of(&w, fd);
    assert_int_equal(mse_pass_stats_borrow(w.pass)->late, 1);
    (void)close(fd);
    world_close(&w);
}

static void test_no_server(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, AF_INET);
    start(&w);
    (void)close(w.server_fd);
    w.server_fd = -1;
    int fd = client(&w);
    put(&w, fd, w.hello.data, w.hello.len);
    assert_alert(&w, fd, MSE_ALERT_INTERNAL_ERROR);
    assert_int_equal(mse_pass_stats_borrow(w.pass)->no_backend, 1);
    assert_int_equal(w.to.app->no_backend, 1);
    world_close(&w);
}

/* The servers of a name: the first ones refuse; the one that world_open made comes last. */
static void refuse_first(struct world *w, size_t num)
{
    assert_true(num > 0 && num <= MSE_ARRAY_LEN(w->more));
    w->num_more = num;
    w->more[num - 1] = w->to;
    for (size_t i = 0; i < num; i++) {
        struct mse_pass_to *to = i == 0 ? &w->to : &w->more[i - 1];
        *to = w->more[num - 1];
        (void)close(listen_on(&to->address, AF_INET));
    }
}

/* Whoever meets servers that are gone is served by the one that is there, and counts once. */
static void test_elsewhere(void **state)
{
    struct world w;
    uint8_t seen[4096];
    char text[8];
    int front[3];
    int back[3];
    (void)state;
    world_open(&w, AF_INET);
    w.cfg.max_per_app = 2;
    start(&w);
    open_pair(&w, &front[0], &back[0]);
    refuse_first(&w, 3);
    w.to.proxy_protocol = true;
    open_pair(&w, &front[1], &back[1]); /* no header: this one wants none */
    const struct mse_pass_stats *s = mse_pass_stats_borrow(w.pass);
    assert_int_equal(s->elsewhere, 3);
    assert_int_equal(s->passed, 2);
    assert_int_equal(w.to.app->num, 2);
    assert_int_equal(w.to.app->accepted, 2);
    assert_int_equal(w.to.app->connect.num, 2);
    assert_refused(&w, &(struct hello_parts) { .name = NULL }, MSE_ALERT_INTERNAL_ERROR);
    assert_int_equal(s->refused_app, 1);
    close_pair(front[1], back[1]);
    UNTIL(&w, mse_pass_num_connections(w.pass) == 1);
    w.to.proxy_protocol = false;
    w.more[2].proxy_protocol = true;
    front[2] = client(&w);
    put(&w, front[2], w.hello.data, w.hello.len);
    UNTIL(&w, try_accept(&w, &back[2]));
    get(&w, back[2], seen, 28 + w.hello.len);
    assert_memory_equal(seen, "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16);
    assert_true(mse_mem_equal(seen + 28, w.hello.data, w.hello.len));
    for (int i = 0; i < 3; i += 2) {
        put(&w, front[i], "more", 4);
        get(&w, back[i], text, 4);
        put(&w, back[i], "here", 4);
        get(&w, front[i], text, 4);
        close_pair(front[i], back[i]);
    }
    UNTIL(&w, mse_pass_num_connections(w.pass) == 0);
    assert_int_equal(w.to.app->bytes_in, 3 * w.hello.len + 8);
    assert_true(s->no_backend == 0 && w.to.app->no_backend == 0 && s->elsewhere == 6);
    world_close(&w);
}

static void test_all_refuse(void **state)
{
    struct world w;
    struct mse_pass_app other = { .refs = 1 };
    (void)state;
    world_open(&w, AF_INET);
    start(&w);
    refuse_first(&w, 3);
    w.num_more = 2;
    const struct mse_pass_stats *s = mse_pass_stats_borrow(w.pass);
    assert_refused(&w, &(struct hello_parts) { .name = NULL }, MSE_ALERT_INTERNAL_ERROR);
    assert_true(s->no_backend == 1 && w.to.app->no_backend == 1 && s->elsewhere == 2);
    /* a route that leads to the same one over and over again */
    w.stubborn = true;
    assert_refused(&w, &(struct hello_parts) { .name = NULL }, MSE_ALERT_INTERNAL_ERROR);
    assert_true(s->no_backend == 2 && s->elsewhere == 2);
    /* the name is another app's by now */
    w.stubborn = false;
    w.num_more = 3;
    w.more[0].app = &other;
    assert_refused(&w, &(struct hello_parts) { .name = NULL }, MSE_ALERT_INTERNAL_ERROR);
    assert_true(s->no_backend == 3 && s->elsewhere == 2 && other.accepted == 0);
    assert_true(w.to.app->no_backend == 3 && w.to.app->accepted == 3);
    assert_true(s->passed == 0 && s->unknown_name == 0);
    assert_int_equal(mse_pass_num_connections(w.pass), 0);
    world_close(&w);
}

/* A server that lets everybody wait: its queue is full. */
static int mute(union mse_net_address *a, int callers[4])
{
    int fd = listen_on(a, AF_INET);
    assert_int_equal(listen(fd, 0), 0);
    for (int i = 0; i < 4; i++) {
        callers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(callers[i] >= 0);
        (void)connect(callers[i], &a->any, mse_net_address_len(a));
    }
    return fd;
}

static void test_mute_server(void **state)
{
    struct world w;
    int callers[4];
    int back = -1;
    (void)state;
    world_open(&w, AF_INET);
    w.cfg.connect_ms = 6000;
    start(&w);
    w.num_more = 1;
    w.more[0] = w.to;
    int dead = mute(&w.to.address, callers);
    int fd = client(&w);
    put(&w, fd, w.hello.data, w.hello.len);
    uint64_t begun = now_ms();
    while (!try_accept(&w, &back)) { /* it goes on elsewhere before its time is over */
        assert_true(now_ms() - begun < PATIENCE_MS);
        (void)uv_run(&w.loop, UV_RUN_ONCE);
    }
    UNTIL(&w, mse_pass_stats_borrow(w.pass)->passed == 1);
    assert_int_equal(mse_pass_stats_borrow(w.pass)->elsewhere, 1);
    assert_int_equal(w.to.app->accepted, 1);
    close_pair(fd, back);
    mse_pass_close(w.pass);
    w.cfg.connect_ms = 100;
    start(&w);
    w.more[0].address = w.to.address; /* now there is no other */
    fd = client(&w);
    put(&w, fd, w.hello.data, w.hello.len);
    assert_alert(&w, fd, MSE_ALERT_INTERNAL_ERROR);
    assert_int_equal(mse_pass_stats_borrow(w.pass)->no_backend, 1);
    for (int i = 0; i < 4; i++) {
        (void)close(callers[i]);
    }
    (void)close(dead);
    world_close(&w);
}

/* Sends MANY bytes from one side while the other reads them in bites; nothing is lost, and the
 * relay keeps none of it. */
static void flood(struct world *w, int from, int to)
{
    static uint8_t out[100000];
    static uint8_t in[70001];
    size_t sent = 0;
    size_t got = 0;
    for (size_t i = 0; i < sizeof out; i++) {
        out[i] = (uint8_t)(i * 31 + i / 251);
    }
    uint64_t begun = now_ms();
    while (got < MANY) {
        size_t at = sent % sizeof out;
        size_t len = sizeof out - at < MANY - sent ? sizeof out - at : MANY - sent;
        ssize_t n = len == 0 ? 0 : send(from, out + at, len, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        turn(w);
        n = sent < MANY && n > 0 ? 0 : recv(to, in, sizeof in, 0); /* only once all is full */
        for (ssize_t i = 0; i < n; i += 97) {
            assert_int_equal(in[i], out[(got + (size_t)i) % sizeof out]);
        }
        got += n > 0 ? (size_t)n : 0;
        assert_true(now_ms() - begun < PATIENCE_MS);
    }
}

static void test_back_pressure(void **state)
{
    struct world w;
    int front = -1;
    int back = -1;
    (void)state;
    world_open(&w, AF_INET);
    start(&w);
    open_pair(&w, &front, &back);
    flood(&w, front, back);
    flood(&w, back, front);
    assert_int_equal(w.to.app->bytes_in, MANY + w.hello.len);
    assert_int_equal(w.to.app->bytes_out, MANY);
    close_pair(front, back);
    UNTIL(&w, mse_pass_num_connections(w.pass) == 0);
    world_close(&w);
}

/* A server that answers and goes before it has read all: the answer arrives. */
static void test_impatient_server(void **state)
{
    struct world w;
    char text[8];
    uint8_t zeros[1000] = { 0 };
    int front = -1;
    int back = -1;
    (void)state;
    world_open(&w, AF_INET);
    start(&w);
    open_pair(&w, &front, &back);
    put(&w, front, zeros, sizeof zeros);
    put(&w, back, "too big", 7);
    (void)close(back); /* with bytes unread: a reset */
    for (int i = 0; i < 20; i++) {
        (void)send(front, zeros, sizeof zeros, MSG_NOSIGNAL);
        turn(&w);
    }
    get(&w, front, text, 7);
    (void)end_of(&w, front);
    (void)close(front);
    UNTIL(&w, mse_pass_num_connections(w.pass) == 0);
    world_close(&w);
}

static void test_reset_is_passed_on(void **state)
{
    struct world w;
    int front = -1;
    int back = -1;
    (void)state;
    world_open(&w, AF_INET);
    start(&w);
    open_pair(&w, &front, &back);
    mse_net_reset(front);
    assert_int_equal(end_of(&w, back), -1);
    assert_int_equal(errno, ECONNRESET);
    (void)close(back);
    open_pair(&w, &front, &back);
    mse_net_reset(back);
    assert_int_equal(end_of(&w, front), -1);
    assert_int_equal(errno, ECONNRESET);
    (void)close(front);
    assert_int_equal(mse_pass_num_connections(w.pass), 0);
    world_close(&w);
}

static void test_proxy_protocol(void **state)
{
    struct world w;
    uint8_t seen[4096];
    struct sockaddr_in6 me;
    socklen_t len = sizeof me;
    int back = -1;
    (void)state;
    world_open(&w, AF_INET6);
    w.to.proxy_protocol = true;
    start(&w);
    int front = client(&w);
    assert_int_equal(getsockname(front, (struct sockaddr *)&me, &len), 0);
    put(&w, front, w.hello.data, w.hello.len);
    UNTIL(&w, try_accept(&w, &back));
    get(&w, back, seen, 52 + w.hello.len);
    assert_memory_equal(seen, "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24", 16);
    assert_memory_equal(seen + 16, &in6addr_loopback, 16);
    assert_memory_equal(seen + 48, &me.sin6_port, 2);
    assert_true(mse_mem_equal(seen + 52, w.hello.data, w.hello.len));
    close_pair(front, back);
    world_close(&w);
}

static void test_route_changes(void **state)
{
    struct world w;
    char text[8];
    int front = -1;
    int back = -1;
    (void)state;
    world_open(&w, AF_INET);
    start(&w);
    open_pair(&w, &front, &back);
    w.known = false;
    assert_refused(&w, &(struct hello_parts) { .name = NULL }, MSE_ALERT_UNRECOGNIZED_NAME);
    put(&w, front, "still", 5);
    get(&w, back, text, 5);
    put(&w, back, "here", 4);
    get(&w, front, text, 4);
    close_pair(front, back);
    world_close(&w);
}

static void test_limits(void **state)
{
    struct world w;
    int front[3];
    int back[3];
    (void)state;
    world_open(&w, AF_INET);
    w.cfg.max_per_source = 3;
    w.cfg.max_per_app = 2;
    start(&w);
    open_pair(&w, &front[0], &back[0]);
    open_pair(&w, &front[1], &back[1]);
    assert_refused(&w, &(struct hello_parts) { .name = NULL }, MSE_ALERT_INTERNAL_ERROR);
    front[2] = client(&w); /* the third of this source says nothing */
    UNTIL(&w, mse_pass_num_connections(w.pass) == 3);
    int fd = client(&w);
    assert_int_equal(end_of(&w, fd), -1);
    (void)close(fd);
    const struct mse_pass_stats *s = mse_pass_stats_borrow(w.pass);
    assert_int_equal(s->refused_app, 1);
    assert_int_equal(s->refused_source, 1);
    (void)close(front[2]);
    UNTIL(&w, mse_pass_num_connections(w.pass) == 2);
    close_pair(front[0], back[0]);
    UNTIL(&w, mse_pass_num_connections(w.pass) == 1);
    open_pair(&w, &front[0], &back[0]);
    close_pair(front[0], back[0]);
    close_pair(front[1], back[1]);
    world_close(&w);
}

/* A full table: at once nobody goes, and who comes waits; then whoever has dawdled makes room. */
static void test_full(void **state)
{
    struct world w;
    int idle[2];
    int back = -1;
    (void)state;
    world_open(&w, AF_INET);
    w.cfg.max_connections = 2;
    start(&w);
    idle[0] = client(&w);
    idle[1] = client(&w);
    UNTIL(&w, mse_pass_num_connections(w.pass) == 2);
    int fd = client(&w);
    put(&w, fd, w.hello.data, w.hello.len);
    UNTIL(&w, try_accept(&w, &back));
    assert_true(mse_pass_stats_borrow(w.pass)->full > 0);
    assert_true(mse_pass_stats_borrow(w.pass)->evicted > 0);
    close_pair(fd, back);
    (void)close(idle[0]);
    (void)close(idle[1]);
    world_close(&w);
}

/* Two that share a listening socket: who is full of busy connections leaves new ones to the other;
 * when both are, nobody is turned away, and the first to have room takes over. */
static void test_full_beside_another(void **state)
{
    struct world w;
    struct mse_pass *other = NULL;
    int front[3];
    int back[3];
    uint8_t byte = 0;
    (void)state;
    world_open(&w, AF_INET);
    w.cfg.max_connections = 2;
    start(&w);
    struct mse_pass_config cfg = w.cfg;
    cfg.max_connections = 1;
    cfg.listen_fd = dup(w.listen_fd);
    assert_true(cfg.listen_fd >= 0);
    assert_status(mse_pass_new(&other, &cfg, NULL), MSE_OK);
    for (int i = 0; i < 3; i++) {
        open_pair(&w, &front[i], &back[i]);
    }
    assert_int_equal(mse_pass_num_connections(w.pass), 2);
    assert_int_equal(mse_pass_num_connections(other), 1);
    int fd = client(&w);
    put(&w, fd, w.hello.data, w.hello.len);
    UNTIL(&w, mse_pass_stats_borrow(w.pass)->full > 0 && mse_pass_stats_borrow(other)->full > 0);
    assert_true(recv(fd, &byte, 1, 0) < 0 && errno == EAGAIN);
    close_pair(front[1], back[1]);
    UNTIL(&w, try_accept(&w, &back[1]));
    close_pair(fd, back[1]);
    close_pair(front[0], back[0]);
    close_pair(front[2], back[2]);
    mse_pass_close(other);
    (void)close(cfg.listen_fd);
    world_close(&w);
}

static void test_idle_and_drain(void **state)
{
    struct world w;
    int front = -1;
    int back = -1;
    (void)state;
    world_open(&w, AF_INET);
    w.cfg.idle_ms = 50;
    w.cfg.half_ms = 50;
    start(&w);
    open_pair(&w, &front, &back);
    (void)end_of(&w, front);
    assert_int_equal(mse_pass_num_connections(w.pass), 0);
    close_pair(front, back);
    open_pair(&w, &front, &back);
    assert_int_equal(shutdown(front, SHUT_WR), 0);
    (void)end_of(&w, back);
    UNTIL(&w, mse_pass_num_connections(w.pass) == 0);
    close_pair(front, back);
    world_close(&w);

    world_open(&w, AF_INET);
    start(&w);
    open_pair(&w, &front, &back);
    mse_pass_stop_accepting(w.pass);
    int late = client(&w);
    turn(&w);
    mse_pass_close_idle(w.pass, 30000); /* nobody was idle for so long */
    assert_int_equal(mse_pass_num_connections(w.pass), 1);
    mse_pass_close_idle(w.pass, 0);
    assert_int_equal(mse_pass_num_connections(w.pass), 0);
    (void)close(late);
    close_pair(front, back);
    world_close(&w);
}

static void test_sources(void **state)
{
    uint8_t a[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1 };
    uint8_t v4[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 };
    struct mse_sources *s = mse_sources_new();
    (void)state;
    assert_non_null(s);
    assert_null(mse_sources_enter(s, a, 0));
    struct mse_source *one = mse_sources_enter(s, a, 2);
    assert_non_null(one);
    a[15] = 2; /* of the same network */
    assert_ptr_equal(mse_sources_enter(s, a, 2), one);
    assert_null(mse_sources_enter(s, a, 2));
    a[7] = 2;
    struct mse_source *other = mse_sources_enter(s, a, 2);
    assert_true(other != NULL && other != one);
    struct mse_source *four = mse_sources_enter(s, v4, 1);
    v4[15] = 2; /* another host */
    struct mse_source *five = mse_sources_enter(s, v4, 1);
    assert_true(four != NULL && five != NULL && four != five);
    mse_sources_leave(s, one);
    mse_sources_leave(s, one);
    mse_sources_leave(s, other);
    mse_sources_leave(s, four);
    mse_sources_leave(s, five);
    mse_sources_leave(s, NULL);
    mse_sources_free(s);
    mse_sources_free(NULL);
}

static void test_times(void **state)
{
    struct mse_times t = { 0 };
    struct mse_times sum = { 0 };
    (void)state;
    assert_int_equal(mse_times_quantile(&t, 500), 0);
    for (uint64_t us = 1; us <= 1000; us++) {
        mse_times_add(&t, us);
    }
    assert_int_equal(t.num, 1000);
    assert_int_equal(t.sum_us, 500500);
    assert_in_range(mse_times_quantile(&t, 500), 500, 768);
    assert_in_range(mse_times_quantile(&t, 990), 990, 1536);
    assert_in_range(mse_times_quantile(&t, 1), 1, 2);
    mse_times_add(&t, 0);
    mse_times_add(&t, UINT64_MAX / 2); /* longer than all buckets */
    mse_times_merge(&sum, &t);
    mse_times_merge(&sum, &t);
    assert_int_equal(sum.num, 2 * t.num);
    assert_int_equal(mse_times_quantile(&sum, 500), mse_times_quantile(&t, 500));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_server_ends_first),
        cmocka_unit_test(test_split_hello),
        cmocka_unit_test(test_large_hello),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_no_server),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_all_refuse),
        cmocka_unit_test(test_mute_server),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_impatient_server),
        cmocka_unit_test(test_reset_is_passed_on),
        cmocka_unit_test(test_proxy_protocol),
        cmocka_unit_test(test_route_changes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_full_beside_another),
        cmocka_unit_test(test_idle_and_drain),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
