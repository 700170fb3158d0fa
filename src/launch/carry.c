/* SPDX-License-Identifier: Apache-2.0 */
/* See carry.h. Who serves speaks first: 32 fresh bytes. Who comes answers with 32 of his own and
 * his proof, and gets the other proof; then it is the two enclaves' connection. A thread for each:
 * there are few, and one that is slow holds up nobody else. */
#include "launch/carry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "launch/control.h"

#define STEP     "carrier"
#define FRESH    ((size_t)32)
#define PROOF    ((size_t)32)
#define DEAD_MS  20000U /* a host that is gone without a word */
#define PAUSE_MS 100
#define LINE_MAX 256

/* ---- both sides ---- */

/* Waits for this event until then. */
static bool wait_for(int fd, short events, int64_t until)
{
    struct pollfd p = { .fd = fd, .events = events };
    int n = -1;
    do {
        int64_t left = until - mse_clock_ms();
        n = poll(&p, 1, left > 0 ? (int)left : 0);
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

static mse_status read_until(int fd, uint8_t *out, size_t len, int64_t until)
{
    while (len > 0) {
        if (!wait_for(fd, POLLIN, until)) {
            return MSE_ERR_TIMEOUT;
        }
        ssize_t n = recv(fd, out, len, 0);
        if (n <= 0) {
            return MSE_ERR_IO;
        }
        out += n;
        len -= (size_t)n;
    }
    return MSE_OK;
}

/* fresh: what both drew, of who serves first. */
static bool prove(uint8_t out[PROOF], const uint8_t key[MSE_CARRY_KEY_LEN],
                  const uint8_t fresh[2 * FRESH], bool serves)
{
    const char *info = serves ? "mse carry v1 server" : "mse carry v1 client";
    return mse_hkdf_sha256(out, PROOF, mse_bytes_of(key, MSE_CARRY_KEY_LEN),
                           mse_bytes_of(fresh, 2 * FRESH), mse_bytes_str(info)) == MSE_OK;
}

static void prepare(int fd)
{
    static const int on = 1;
    static const unsigned dead_ms = DEAD_MS;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms);
}

/* What one end has, to the other; false at its end. */
static bool carry(int from, int to)
{
    uint8_t buf[16384];
    ssize_t n = recv(from, buf, sizeof buf, 0);
    return n > 0 && mse_io_write(to, mse_bytes_of(buf, (size_t)n)); /* SIGPIPE is ignored */
}

void mse_carry_all(int a, int b)
{
    struct pollfd p[] = { { a, POLLIN, 0 }, { b, POLLIN, 0 } };
    bool open = true;
    while (open) {
        int n = poll(p, 2, -1);
        if (n < 0 && errno == EINTR) {
            continue; /* what stands there is of an earlier look */
        }
        open = n > 0 && (p[0].revents == 0 || carry(a, b)) && (p[1].revents == 0 || carry(b, a));
    }
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* ---- who serves ---- */

#define SOURCE_LEN 8 /* of an address: an IPv6 network of /64 is one */

struct visit {
    struct server *s;
    int fd;
    uint8_t source[SOURCE_LEN];
};

struct server {
    int dir_fd;
    uint8_t key[MSE_CARRY_KEY_LEN];
    atomic_uint num;
    pthread_mutex_t lock;
    struct visit *asking[MSE_CARRY_MAX_ASKING]; /* in order of arrival */
    size_t num_asking;
};

static void note_source(uint8_t out[SOURCE_LEN], const union address *a)
{
    memset(out, 0, SOURCE_LEN);
    if (a->any.sa_family == AF_INET6) {
        memcpy(out, &a->v6.sin6_addr, SOURCE_LEN);
    } else {
        memcpy(out, &a->v4.sin_addr, sizeof a->v4.sin_addr);
    }
}

static size_t same_source(const struct server *s, const struct visit *v)
{
    size_t num = 0;
    for (size_t i = 0; i < s->num_asking; i++) {
        num += mse_mem_equal(s->asking[i]->source, v->source, SOURCE_LEN) ? 1 : 0;
    }
    return num;
}

/* With the lock. */
static void take_out(struct server *s, size_t at)
{
    s->num_asking--;
    for (size_t i = at; i < s->num_asking; i++) {
        s->asking[i] = s->asking[i + 1];
    }
}

/* With the lock: the oldest of whoever has the most places goes. Who has the key needs his for one
 * way there and back. */
static void make_room(struct server *s)
{
    size_t worst = 0;
    size_t most = 0;
    for (size_t i = 0; i < s->num_asking; i++) {
        size_t num = same_source(s, s->asking[i]);
        worst = num > most ? i : worst;
        most = num > most ? num : most;
    }
    (void)shutdown(s->asking[worst]->fd, SHUT_RDWR);
    take_out(s, worst);
}

static void begin_asking(struct server *s, struct visit *v)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->num_asking == MSE_CARRY_MAX_ASKING) {
        make_room(s);
    }
    s->asking[s->num_asking++] = v;
    (void)pthread_mutex_unlock(&s->lock);
}

/* False: he had to make room. */
static bool end_asking(struct server *s, const struct visit *v)
{
    bool found = false;
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; !found && i < s->num_asking; i++) {
        found = s->asking[i] == v;
        if (found) {
            take_out(s, i);
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    return found;
}

/* Whether he has the key; he is shown it then. */
static bool greet(const struct server *s, int fd)
{
    int64_t until = mse_clock_ms() + MSE_CARRY_PATIENCE_MS;
    uint8_t fresh[2 * FRESH];
    uint8_t seen[PROOF];
    uint8_t proof[PROOF];
    return mse_random(fresh, FRESH) == MSE_OK && mse_io_write(fd, mse_bytes_of(fresh, FRESH)) &&
           read_until(fd, fresh + FRESH, FRESH, until) == MSE_OK &&
           read_until(fd, seen, PROOF, until) == MSE_OK && prove(proof, s->key, fresh, false) &&
           mse_ct_equal(seen, proof, PROOF) && prove(proof, s->key, fresh, true) &&
           mse_io_write(fd, mse_bytes_of(proof, PROOF));
}

static int to_leader(const struct server *s)
{
    struct sockaddr_un a;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && mse_control_address(&a, s->dir_fd, MSE_CARRY_SOCKET) &&
        connect(fd, (const struct sockaddr *)&a, sizeof a) == 0) {
        return fd;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

static void *serve_one(void *arg)
{
    struct visit *v = arg;
    struct server *s = v->s;
    prepare(v->fd);
    bool known = greet(s, v->fd);
    known = end_asking(s, v) && known;
    int to = known ? to_leader(s) : -1;
    if (to >= 0) {
        mse_carry_all(v->fd, to);
        (void)close(to);
    }
    (void)close(v->fd);
    free(v);
    (void)atomic_fetch_sub(&s->num, 1);
    return NULL;
}

/* fd is somebody's, or closed. */
static void take(struct server *s, int fd, const union address *from)
{
    pthread_t thread;
    bool room = atomic_fetch_add(&s->num, 1) < MSE_CARRY_MAX;
    struct visit *v = room ? malloc(sizeof *v) : NULL;
    if (v != NULL) {
        v->s = s;
        v->fd = fd;
        note_source(v->source, from);
        begin_asking(s, v);
        if (pthread_create(&thread, NULL, serve_one, v) == 0) {
            (void)pthread_detach(thread);
            return;
        }
        (void)end_asking(s, v);
    }
    free(v);
    (void)close(fd);
    (void)atomic_fetch_sub(&s->num, 1);
}

_Noreturn void mse_carry_serve(int listen_fd, int dir_fd, const uint8_t key[MSE_CARRY_KEY_LEN])
{
    struct server *s = calloc(1, sizeof *s); /* of the threads, too */
    if (s == NULL || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        pthread_mutex_init(&s->lock, NULL) != 0) {
        _exit(1);
    }
    s->dir_fd = dir_fd;
    memcpy(s->key, key, sizeof s->key);
    for (;;) {
        union address from = { .v6 = { .sin6_family = AF_UNSPEC } };
        socklen_t len = sizeof from;
        int fd = accept4(listen_fd, &from.any, &len, SOCK_CLOEXEC);
        if (fd >= 0) {
            take(s, fd, &from);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            (void)poll(NULL, 0, PAUSE_MS); /* no descriptor is free, say */
        }
    }
}

/* ---- who comes ---- */

struct where {
    union address to;
    socklen_t len;
    uint8_t key[MSE_CARRY_KEY_LEN];
};

static bool set_address(struct where *w, const char *host, uint16_t port)
{
    memset(&w->to, 0, sizeof w->to);
    if (inet_pton(AF_INET, host, &w->to.v4.sin_addr) == 1) {
        w->to.v4.sin_family = AF_INET;
        w->to.v4.sin_port = htons(port);
        w->len = sizeof w->to.v4;
        return true;
    }
    w->to.v6.sin6_family = AF_INET6;
    w->to.v6.sin6_port = htons(port);
    w->len = sizeof w->to.v6;
    return inet_pton(AF_INET6, host, &w->to.v6.sin6_addr) == 1;
}

static mse_status read_where(struct where *out, struct mse_bytes line, struct mse_error *err)
{
    char text[LINE_MAX];
    char *rest = NULL;
    uint64_t port = 0;
    size_t len = line.len;
    len -= len > 0 && line.data[len - 1] == '\n' ? 1 : 0;
    if (len > 0 && len < sizeof text && memchr(line.data, 0, len) == NULL) {
        memcpy(text, line.data, len);
        text[len] = '\0';
        const char *host = strtok_r(text, " ", &rest);
        const char *number = strtok_r(NULL, " ", &rest);
        const char *key = strtok_r(NULL, " ", &rest);
        bool good = host != NULL && number != NULL && key != NULL &&
                    strtok_r(NULL, " ", &rest) == NULL &&
                    mse_u64_parse(&port, mse_bytes_str(number), UINT16_MAX) && port > 0 &&
                    set_address(out, host, (uint16_t)port) &&
                    mse_hex_decode(out->key, sizeof out->key, mse_bytes_str(key));
        mse_wipe(text, sizeof text);
        if (good) {
            return MSE_OK;
        }
    }
    return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "wanted a line: ADDRESS PORT KEY");
}

static mse_status reach(int *out, const struct where *w, int64_t until, struct mse_error *err)
{
    int why = 0;
    socklen_t len = sizeof why;
    int fd = socket(w->to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool good = fd >= 0 && (connect(fd, &w->to.any, w->len) == 0 || errno == EINPROGRESS);
    if (good && !wait_for(fd, POLLOUT, until)) {
        (void)close(fd);
        return MSE_FAIL(err, MSE_ERR_TIMEOUT, STEP, "the leader's host does not answer");
    }
    good = good && getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) == 0;
    why = good ? why : errno;
    if (good && why == 0 && fcntl(fd, F_SETFL, 0) == 0) {
        prepare(fd);
        *out = fd;
        return MSE_OK;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return MSE_FAIL(err, MSE_ERR_IO, STEP, "the leader's host cannot be reached: %s",
                    strerror(why));
}

static mse_status show_key(int fd, const uint8_t key[MSE_CARRY_KEY_LEN], int64_t until,
                           struct mse_error *err)
{
    uint8_t fresh[2 * FRESH];
    uint8_t proof[PROOF];
    uint8_t seen[PROOF];
    mse_status st = mse_random(fresh + FRESH, FRESH);
    st = st == MSE_OK ? read_until(fd, fresh, FRESH, until) : st;
    if (st == MSE_OK && (!prove(proof, key, fresh, false) ||
                         !mse_io_write(fd, mse_bytes_of(fresh + FRESH, FRESH)) ||
                         !mse_io_write(fd, mse_bytes_of(proof, PROOF)))) {
        st = MSE_ERR_IO;
    }
    st = st == MSE_OK ? read_until(fd, seen, PROOF, until) : st;
    if (st == MSE_ERR_IO) {
        return MSE_FAIL(err, MSE_ERR_PEER_REFUSED, STEP,
                        "the leader's host closes: it has another key, or no room");
    }
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STEP, "the leader's host does not answer");
    }
    return prove(proof, key, fresh, true) && mse_ct_equal(seen, proof, PROOF)
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_SIGNATURE, STEP, "this is not the leader's host");
}

mse_status mse_carry_dial(int *out_fd, struct mse_bytes where, struct mse_error *err)
{
    struct where w = { .len = 0 };
    int fd = -1;
    int64_t until = mse_clock_ms() + MSE_CARRY_PATIENCE_MS;
    mse_status st = read_where(&w, where, err);
    st = st == MSE_OK ? reach(&fd, &w, until, err) : st;
    st = st == MSE_OK ? show_key(fd, w.key, until, err) : st;
    mse_wipe(w.key, sizeof w.key);
    if (st == MSE_OK) {
        *out_fd = fd;
    } else if (fd >= 0) {
        (void)close(fd);
    }
    return st;
}
