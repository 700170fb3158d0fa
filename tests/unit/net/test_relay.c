/* SPDX-License-Identifier: Apache-2.0 */
/* The relay, from outside: it runs in a thread of its own, an app behind it in others, the test is
 * the client. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "lib/testlib.h"
#include "net/loop.h"
#include "net/relay.h"
#include "unit/net/tlspair.h"

#define NAME "app.example.org"
#define HTTP "\x08http/1.1"

typedef void (*app_fn)(int fd);

struct world {
    char *dir;
    char path[200];
    uint16_t port;
    int listen_fd;
    int app_fd;
    app_fn app;
    struct test_cert cert;
    struct mse_tls_server *tls;
    uv_loop_t loop;
    uv_async_t stop;
    struct mse_relay *relay;
    struct mse_relay_config cfg;
    struct mse_relay_stats stats; /* as they were at the end */
    pthread_t relay_thread;
    pthread_t app_thread;
};

/* The app's side. */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* whoever holds it keeps the app away */
static bool gate_shut;

struct app_conn {
    app_fn fn;
    int fd;
};

static void *app_conn_main(void *arg)
{
    struct app_conn *c = arg;
    c->fn(c->fd);
    (void)close(c->fd);
    free(c);
    return NULL;
}

static void *app_main(void *arg)
{
    const struct world *w = arg;
    for (;;) {
        int fd = accept(w->app_fd, NULL, NULL);
        (void)pthread_mutex_lock(&gate);
        (void)pthread_mutex_unlock(&gate);
        if (fd < 0) {
            return NULL;
        }
        struct app_conn *c = malloc(sizeof *c);
        pthread_t t;
        assert_non_null(c);
        *c = (struct app_conn) { w->app, fd };
        assert_int_equal(pthread_create(&t, NULL, app_conn_main, c), 0);
        (void)pthread_detach(t);
    }
}

static bool write_all(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static void app_echo(int fd)
{
    char buf[16384];
    ssize_t n = 0;
    while ((n = recv(fd, buf, sizeof buf, 0)) > 0 && write_all(fd, buf, (size_t)n)) {
    }
}

/* Answers with the number of bytes, once the client has ended its side. */
static void app_count(int fd)
{
    static char buf[65536];
    unsigned long long total = 0;
    ssize_t n = 0;
    while ((n = recv(fd, buf, sizeof buf, 0)) > 0) {
        total += (unsigned long long)n;
    }
    int len = snprintf(buf, sizeof buf, "%llu\n", total);
    (void)write_all(fd, buf, (size_t)len);
}

#define BLOB_LEN ((size_t)8 * 1024 * 1024)

/* Sends much, then ends. */
static void app_blob(int fd)
{
    char *blob = malloc(BLOB_LEN);
    if (blob == NULL) {
        return;
    }
    (void)recv(fd, blob, 1, 0); /* what stays unread would make a reset of the end */
    for (size_t i = 0; i < BLOB_LEN; i++) {
        blob[i] = (char)(i * 31 + i / 251);
    }
    (void)write_all(fd, blob, BLOB_LEN);
    free(blob);
}

/* Answers and goes before it has read what the client sends. */
static void app_impatient(int fd)
{
    char c = 0;
    (void)recv(fd, &c, 1, 0);
    (void)write_all(fd, "too large", 9);
}

/* Reads and says nothing. */
static void app_silent(int fd)
{
    char c = 0;
    while (recv(fd, &c, 1, 0) > 0) {
    }
}

/* The relay's side. */

static void on_stop(uv_async_t *a)
{
    struct world *w = a->data;
    w->stats = *mse_relay_stats_borrow(w->relay);
    mse_relay_close(w->relay);
    uv_close((uv_handle_t *)a, NULL);
}

static void *relay_main(void *arg)
{
    struct world *w = arg;
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    return NULL;
}

static struct world *begin_with(app_fn app, const struct mse_relay_config *limits)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    (void)signal(SIGPIPE, SIG_IGN);
    w->app = app;
    w->dir = test_tmpdir();
    (void)snprintf(w->path, sizeof w->path, "%s/app.sock", w->dir);
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    assert_true(strlen(w->path) < sizeof a.sun_path);
    memcpy(a.sun_path, w->path, strlen(w->path));
    w->app_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->app_fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(w->app_fd, 4), 0);
    assert_int_equal(pthread_create(&w->app_thread, NULL, app_main, w), 0);

    w->listen_fd = test_listen(&w->port);
    assert_true(mse_net_prepare_fd(w->listen_fd));
    test_cert_make(&w->cert, NAME);
    const char *alpn[] = { "h2", "http/1.1" };
    assert_status(mse_tls_server_new(&w->tls, alpn, 2, NULL), MSE_OK);
    assert_status(mse_tls_server_add(w->tls, NAME, mse_bytes_of(w->cert.der, w->cert.der_len),
                                     w->cert.key, NULL),
                  MSE_OK);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(uv_async_init(&w->loop, &w->stop, on_stop), 0);
    w->stop.data = w;
    w->cfg = *limits;
    w->cfg.loop = &w->loop;
    w->cfg.listen_fd = w->listen_fd;
    w->cfg.tls = w->tls;
    w->cfg.backend = w->path;
    assert_status(mse_relay_new(&w->relay, &w->cfg, NULL), MSE_OK);
    assert_int_equal(pthread_create(&w->relay_thread, NULL, relay_main, w), 0);
    return w;
}

static struct world *begin(app_fn app)
{
    static const struct mse_relay_config limits = {
        .max_connections = 600, .handshake_ms = 60000, .idle_ms = 60000, .half_ms = 60000
    };
    return begin_with(app, &limits);
}

static struct mse_relay_stats end(struct world *w)
{
    assert_int_equal(uv_async_send(&w->stop), 0);
    assert_int_equal(pthread_join(w->relay_thread, NULL), 0);
    mse_net_loop_clear(&w->loop);
    mse_tls_server_free(w->tls);
    test_cert_clear(&w->cert);
    (void)shutdown(w->app_fd, SHUT_RDWR);
    assert_int_equal(pthread_join(w->app_thread, NULL), 0);
    (void)close(w->app_fd);
    (void)close(w->listen_fd);
    test_tmpdir_remove(w->dir);
    struct mse_relay_stats stats = w->stats;
    free(w);
    return stats;
}

static void open_ok(struct test_client *c, const struct world *w)
{
    assert_true(test_client_open(c, w->port, NAME, HTTP, TLS1_3_VERSION));
}

/* Tests. */

static void test_echo(void **state)
{
    (void)state;
    struct world *w = begin(app_echo);
    struct test_client c;
    open_ok(&c, w);
    const unsigned char *proto = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(c.ssl, &proto, &len);
    assert_int_equal(len, 8);
    for (int i = 0; i < 100; i++) {
        char buf[6];
        assert_true(test_client_write(&c, "hello!", 6));
        assert_true(test_client_read(&c, buf, 6));
        assert_memory_equal(buf, "hello!", 6);
    }
    assert_int_equal(SSL_session_reused(c.ssl), 0);
    test_client_close(&c);
    struct mse_relay_stats s = end(w);
    assert_int_equal(s.handshakes, 1);
    assert_int_equal(s.failed, 0);
}

static void test_no_tickets(void **state)
{
    (void)state;
    struct world *w = begin(app_echo);
    struct test_client c;
    char buf[2];
    open_ok(&c, w);
    assert_true(test_client_write(&c, "ab", 2));
    assert_true(test_client_read(&c, buf, 2));
    assert_false(SSL_SESSION_is_resumable(SSL_get_session(c.ssl)));
    test_client_close(&c);
    (void)end(w);
}

struct upload {
    struct test_client *c;
    const char *data;
    size_t len;
    bool ok;
};

static void *uploader(void *arg)
{
    struct upload *u = arg;
    size_t at = 0;
    size_t n = 0;
    while (at < u->len && SSL_write_ex(u->c->ssl, u->data + at,
                                       u->len - at > 65536 ? 65536 : u->len - at, &n) == 1) {
        at += n;
    }
    u->ok = at == u->len;
    return NULL;
}

/* Much upward, then the client ends its side, then the answer. */
static void test_large_upload_and_half_close(void **state)
{
    (void)state;
    struct world *w = begin(app_count);
    struct test_client c;
    open_ok(&c, w);
    char *data = calloc(1, BLOB_LEN);
    assert_non_null(data);
    struct upload u = { &c, data, BLOB_LEN, false };
    (void)uploader(&u);
    assert_true(u.ok);
    assert_int_equal(SSL_shutdown(c.ssl), 0);
    char want[32];
    char got[32] = { 0 };
    int n = snprintf(want, sizeof want, "%zu\n", BLOB_LEN);
    assert_true(test_client_read(&c, got, (size_t)n));
    assert_string_equal(got, want);
    size_t rest = 0;
    assert_true(test_client_drain(&c, &rest));
    assert_int_equal(rest, 0);
    free(data);
    test_client_close(&c);
    (void)end(w);
}

static void test_large_download_to_slow_client(void **state)
{
    (void)state;
    struct world *w = begin(app_blob);
    struct test_client c;
    open_ok(&c, w);
    assert_true(test_client_write(&c, "x", 1));
    (void)usleep(300000); /* everything is full by now */
    size_t at = 0;
    bool same = true;
    while (at < BLOB_LEN) {
        char buf[10000];
        size_t n = 0;
        assert_int_equal(SSL_read_ex(c.ssl, buf, sizeof buf, &n), 1);
        for (size_t i = 0; i < n; i++, at++) {
            same = same && buf[i] == (char)(at * 31 + at / 251);
        }
        if (at % 7 == 0) {
            (void)usleep(1000);
        }
    }
    assert_true(same);
    assert_int_equal(at, BLOB_LEN);
    size_t rest = 0;
    assert_true(test_client_drain(&c, &rest));
    assert_int_equal(rest, 0);
    test_client_close(&c);
    (void)end(w);
}

/* Raw bytes in both directions at once, more than all buffers hold. */
static void test_both_ways_at_once(void **state)
{
    (void)state;
    struct world *w = begin(app_echo);
    struct test_client c;
    open_ok(&c, w);
    char *data = malloc(BLOB_LEN);
    char *back = malloc(BLOB_LEN);
    assert_non_null(data);
    assert_non_null(back);
    for (size_t i = 0; i < BLOB_LEN; i++) {
        data[i] = (char)(i * 7 + i / 1021);
    }
    /* One SSL object is for one thread: send in pieces that fit, and read them back. */
    for (size_t at = 0; at < BLOB_LEN; at += 131072) {
        assert_true(test_client_write(&c, data + at, 131072));
        assert_true(test_client_read(&c, back + at, 131072));
    }
    assert_memory_equal(data, back, BLOB_LEN);
    free(data);
    free(back);
    test_client_close(&c);
    (void)end(w);
}

static void test_answer_before_the_request_is_read(void **state)
{
    (void)state;
    struct world *w = begin(app_impatient);
    struct test_client c;
    open_ok(&c, w);
    static char data[300000];
    (void)test_client_write(&c, data, sizeof data);
    char got[9];
    assert_true(test_client_read(&c, got, sizeof got));
    assert_memory_equal(got, "too large", 9);
    test_client_close(&c);
    (void)end(w);
}

static void test_many_connections(void **state)
{
    (void)state;
    enum { NUM = 200 };
    struct world *w = begin(app_echo); /* whose queue holds four: connecting has to be retried */
    static struct test_client c[NUM];
    for (int i = 0; i < NUM; i++) {
        open_ok(&c[i], w);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < NUM; i++) {
            assert_true(test_client_write(&c[i], &i, sizeof i));
        }
        for (int i = NUM - 1; i >= 0; i--) {
            int got = -1;
            assert_true(test_client_read(&c[i], &got, sizeof got));
            assert_int_equal(got, i);
        }
    }
    for (int i = 0; i < NUM; i++) {
        test_client_close(&c[i]);
    }
    assert_int_equal(end(w).handshakes, NUM);
}

static void refused(const char *sni, const char *alpn, int version, int alert)
{
    struct world *w = begin(app_echo);
    struct test_client c;
    assert_false(test_client_open(&c, w->port, sni, alpn, version));
    assert_int_equal(c.alert, alert);
    test_client_close(&c);
    struct mse_relay_stats s = end(w);
    assert_int_equal(s.handshakes, 0);
    assert_int_equal(s.failed, 1);
}

static void test_wrong_name(void **state)
{
    (void)state;
    refused("other.example.org", HTTP, TLS1_3_VERSION, SSL_AD_UNRECOGNIZED_NAME);
    refused("app.example.org.evil", HTTP, TLS1_3_VERSION, SSL_AD_UNRECOGNIZED_NAME);
    refused("pp.example.org", HTTP, TLS1_3_VERSION, SSL_AD_UNRECOGNIZED_NAME);
}

static void test_no_name(void **state)
{
    (void)state;
    refused(NULL, HTTP, TLS1_3_VERSION, SSL_AD_MISSING_EXTENSION);
}

static void test_name_in_other_case(void **state)
{
    (void)state;
    struct world *w = begin(app_echo);
    struct test_client c;
    assert_true(test_client_open(&c, w->port, "APP.Example.ORG", NULL, TLS1_3_VERSION));
    test_client_close(&c);
    (void)end(w);
}

static void test_older_tls(void **state)
{
    (void)state;
    refused(NAME, HTTP, TLS1_2_VERSION, SSL_AD_PROTOCOL_VERSION);
}

static void test_no_common_protocol(void **state)
{
    (void)state;
    refused(NAME,
            "\x03"
            "foo",
            TLS1_3_VERSION, SSL_AD_NO_APPLICATION_PROTOCOL);
}

static void test_garbage(void **state)
{
    (void)state;
    struct world *w = begin(app_echo);
    static const char *const junk[] = { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\xff\xff",
                                        "\x16\x03\x01", "" };
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        int fd = test_connect(w->port);
        assert_true(write_all(fd, junk[i], strlen(junk[i])));
        (void)shutdown(fd, SHUT_WR);
        char buf[256];
        while (recv(fd, buf, sizeof buf, 0) > 0) {
        }
        (void)close(fd);
    }
    struct test_client c;
    open_ok(&c, w); /* nobody else is hurt */
    test_client_close(&c);
    assert_int_equal(end(w).failed, 4);
}

/* A record that does not authenticate ends the connection, and the app gets nothing of it. */
static void test_damaged_record(void **state)
{
    (void)state;
    struct world *w = begin(app_echo);
    struct test_client c;
    open_ok(&c, w);
    assert_true(write_all(c.fd,
                          "\x17\x03\x03\x00\x15"
                          "aaaaaaaaaaaaaaaaaaaaa",
                          26));
    size_t len = 0;
    assert_false(test_client_drain(&c, &len));
    assert_int_equal(len, 0);
    assert_int_equal(c.alert, SSL_AD_BAD_RECORD_MAC);
    test_client_close(&c);
    (void)end(w);
}

static void test_handshake_timeout(void **state)
{
    (void)state;
    static const struct mse_relay_config limits = {
        .max_connections = 10, .handshake_ms = 200, .idle_ms = 20000, .half_ms = 20000
    };
    struct world *w = begin_with(app_echo, &limits);
    int fd = test_connect(w->port);
    char c = 0;
    for (int i = 0; i < 4; i++) { /* trickling does not help */
        (void)send(fd, "\x16", 1, MSG_NOSIGNAL);
        (void)usleep(100000);
    }
    assert_true(recv(fd, &c, 1, 0) <= 0);
    (void)close(fd);
    assert_int_equal(end(w).failed, 1);
}

static uint64_t now_ms(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void test_idle_timeout(void **state)
{
    (void)state;
    enum { IDLE_MS = 400 };
    static const struct mse_relay_config limits = {
        .max_connections = 10, .handshake_ms = 20000, .idle_ms = IDLE_MS, .half_ms = 20000
    };
    struct world *w = begin_with(app_silent, &limits);
    struct test_client c;
    uint64_t last = now_ms();
    open_ok(&c, w);
    bool held_up = false;                     /* a machine that is so slow makes the client idle */
    for (int i = 0; i < 6 && !held_up; i++) { /* what is busy stays */
        bool written = test_client_write(&c, "x", 1);
        held_up = now_ms() - last > IDLE_MS / 2;
        assert_true(written || held_up);
        last = now_ms();
        (void)usleep(150000);
    }
    size_t len = 0;
    assert_false(test_client_drain(&c, &len)); /* then it ends, without close_notify */
    test_client_close(&c);
    (void)end(w);
}

/* A full table: idle connections make room, busy ones are not disturbed. */
static bool limit_holds(void)
{
    static const struct mse_relay_config limits = {
        .max_connections = 2, .handshake_ms = 20000, .idle_ms = 60000, .half_ms = 20000
    };
    struct world *w = begin_with(app_echo, &limits);
    struct test_client c[3];
    char buf[2];
    uint64_t begun = now_ms();
    for (int i = 0; i < 2; i++) {
        open_ok(&c[i], w);
        assert_true(test_client_write(&c[i], "ab", 2));
        assert_true(test_client_read(&c[i], buf, 2));
    }
    bool third = test_client_open(&c[2], w->port, NAME, HTTP, TLS1_3_VERSION);
    test_client_close(&c[2]);
    if (third) { /* the first was idle for a second meanwhile */
        assert_true(now_ms() - begun >= 1000);
        test_client_close(&c[0]);
        test_client_close(&c[1]);
        (void)end(w);
        return false;
    }
    (void)usleep(1100000);
    assert_true(test_client_write(&c[1], "cd", 2));
    assert_true(test_client_read(&c[1], buf, 2));
    open_ok(&c[2], w); /* in place of the first, which was idle for longest */
    assert_true(test_client_write(&c[2], "ef", 2));
    assert_true(test_client_read(&c[2], buf, 2));
    size_t len = 0;
    assert_false(test_client_drain(&c[0], &len));
    assert_true(test_client_write(&c[1], "gh", 2));
    assert_true(test_client_read(&c[1], buf, 2));
    for (int i = 0; i < 3; i++) {
        test_client_close(&c[i]);
    }
    struct mse_relay_stats s = end(w);
    assert_int_equal(s.refused, 1);
    assert_int_equal(s.evicted, 1);
    return true;
}

/* Three handshakes that take a second, on a slow machine, show nothing. */
static void test_connection_limit(void **state)
{
    (void)state;
    for (int i = 0; i < 100 && !limit_holds(); i++) {
    }
}

/* Answers whose connection it is. */
static void app_source(int fd)
{
    uint8_t source[16];
    mse_net_source(fd, source);
    (void)write_all(fd, (const char *)source, sizeof source);
    app_silent(fd);
}

static struct world *begin_behind_proxy(unsigned max_per_source)
{
    const struct mse_relay_config limits = { .proxy_protocol = true,
                                             .tell_source = true,
                                             .max_per_source = max_per_source,
                                             .max_connections = 600,
                                             .handshake_ms = 60000,
                                             .idle_ms = 60000,
                                             .half_ms = 60000 };
    return begin_with(app_source, &limits);
}

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define BY_LAST(x)                                                                                 \
    SIGNATURE "\x21\x11\0\x0c\xc0\0\x02" x "\x7f\0\0\x01\xd4\x31\x01\xbb" /* 192.0.2.x */

/* Sends what a proxy would send first, in two pieces, then a client's handshake. */
static bool open_behind(struct test_client *c, const struct world *w, const char *header,
                        size_t len)
{
    int fd = test_connect(w->port);
    size_t half = len / 2;
    (void)write_all(fd, header, half);
    (void)write_all(fd, header + half, len - half); /* the relay may have had enough */
    return test_client_open_on(c, fd, NAME, HTTP, TLS1_3_VERSION);
}

static void test_proxy_header(void **state)
{
    static const uint8_t seen[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 7 };
    static const uint8_t me[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
    static const char local[] = SIGNATURE "\x20\0\0\x03"
                                          "abc";
    uint8_t got[16];
    struct test_client c;
    (void)state;
    struct world *w = begin_behind_proxy(0);
    assert_true(open_behind(&c, w, BY_LAST("\x07"), 28));
    assert_true(test_client_read(&c, got, sizeof got));
    assert_memory_equal(got, seen, sizeof seen);
    test_client_close(&c);
    assert_true(open_behind(&c, w, local, sizeof local - 1));
    assert_true(test_client_read(&c, got, sizeof got));
    assert_memory_equal(got, me, sizeof me);
    test_client_close(&c);
    struct mse_relay_stats s = end(w);
    assert_int_equal(s.handshakes, 2);
    assert_int_equal(s.failed, 0);
}

static void test_no_proxy_header(void **state)
{
    /* None, of another version, of UDP, cut short by TLS, of version 1. */
    static const struct {
        const char *p;
        size_t len;
    } bad[] = { { "", 0 },
                { SIGNATURE "\x11\0\0\0", 16 },
                { SIGNATURE "\x21\x12\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02", 28 },
                { BY_LAST("\x07"), 20 },
                { "PROXY TCP4 192.0.2.7 127.0.0.1 54321 443\r\n", 42 } };
    (void)state;
    struct world *w = begin_behind_proxy(0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct test_client c;
        assert_false(open_behind(&c, w, bad[i].p, bad[i].len));
        test_client_close(&c);
    }
    struct mse_relay_stats s = end(w);
    assert_int_equal(s.handshakes, 0);
    assert_int_equal(s.failed, sizeof bad / sizeof bad[0]);
}

static void test_source_limit(void **state)
{
    uint8_t got[16];
    struct test_client c[3];
    struct test_client more;
    (void)state;
    struct world *w = begin_behind_proxy(2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(open_behind(&c[i], w, BY_LAST("\x07"), 28));
        assert_true(test_client_read(&c[i], got, sizeof got));
    }
    assert_false(open_behind(&more, w, BY_LAST("\x07"), 28));
    test_client_close(&more);
    assert_true(open_behind(&c[2], w, BY_LAST("\x08"), 28));
    assert_true(test_client_read(&c[2], got, sizeof got));
    for (size_t i = 0; i < 3; i++) {
        test_client_close(&c[i]);
    }
    assert_int_equal(end(w).refused_source, 1);
}

/* Sources count before a byte is read, where nobody announces them. */
static void test_source_limit_spares_loopback(void **state)
{
    (void)state;
    for (int spare = 0; spare < 2; spare++) {
        const struct mse_relay_config limits = { .max_per_source = 1,
                                                 .spare_loopback = spare == 1,
                                                 .max_connections = 600,
                                                 .handshake_ms = 60000,
                                                 .idle_ms = 60000,
                                                 .half_ms = 60000 };
        struct world *w = begin_with(app_echo, &limits);
        struct test_client first;
        struct test_client second;
        open_ok(&first, w);
        bool good = test_client_open(&second, w->port, NAME, HTTP, TLS1_3_VERSION);
        assert_int_equal(good, spare == 1);
        test_client_close(&second);
        test_client_close(&first);
        assert_int_equal(end(w).refused_source, 1 - spare);
    }
}

static void test_no_app(void **state)
{
    (void)state;
    struct world *w = begin(app_echo);
    assert_int_equal(unlink(w->path), 0);
    struct test_client c;
    size_t len = 0;
    open_ok(&c, w);
    assert_false(test_client_drain(&c, &len));
    test_client_close(&c);
    assert_int_equal(end(w).no_backend, 1);
}

#define MAX_FILL 64

/* Connects to a unix socket until its queue takes no more. */
static size_t fill_queue(const char *path, int fds[MAX_FILL])
{
    size_t num = 0;
    while (num < MAX_FILL && (fds[num] = mse_net_connect_unix(path)) >= 0) {
        num++;
    }
    assert_int_equal(errno, EAGAIN);
    return num;
}

static void close_all(const int *fds, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        (void)close(fds[i]);
    }
}

/* Also behind a test that failed: the apps of the others would wait for ever. */
static int open_gate(void **state)
{
    (void)state;
    if (gate_shut) {
        gate_shut = false;
        (void)pthread_mutex_unlock(&gate);
    }
    return 0;
}

/* Two backends: that the one takes no more is no reason not to try the other again. */
static void test_one_full_backend(void **state)
{
    (void)state;
    char path[256];
    char *dir = test_tmpdir();
    (void)snprintf(path, sizeof path, "%s/own.sock", dir);
    const struct mse_relay_config limits = { .max_connections = 600,
                                             .handshake_ms = 10000,
                                             .idle_ms = 20000,
                                             .half_ms = 20000,
                                             .own_name = "own.example.org",
                                             .own_backend = path };
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    assert_true(strlen(path) < sizeof a.sun_path);
    memcpy(a.sun_path, path, strlen(path));
    int own = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(own, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(own, 0), 0);
    struct world *w = begin_with(app_echo, &limits);
    struct test_cert cert;
    test_cert_make(&cert, limits.own_name);
    assert_status(mse_tls_server_add(w->tls, limits.own_name, mse_bytes_of(cert.der, cert.der_len),
                                     cert.key, NULL),
                  MSE_OK);
    int own_fds[MAX_FILL];
    int app_fds[MAX_FILL];
    size_t num_own = fill_queue(path, own_fds);
    (void)pthread_mutex_lock(&gate);
    gate_shut = true;
    int first = mse_net_connect_unix(w->path); /* the one that the app takes before it waits */
    (void)usleep(50000);
    size_t num_app = fill_queue(w->path, app_fds);
    struct test_client waits; /* for ever, and is the older one */
    struct test_client c;
    assert_true(test_client_open(&waits, w->port, limits.own_name, HTTP, TLS1_3_VERSION));
    open_ok(&c, w);
    assert_true(test_client_write(&c, "hello!", 6));
    (void)usleep(50000);
    (void)open_gate(NULL);
    char buf[6] = { 0 };
    assert_true(test_client_read(&c, buf, 6));
    assert_memory_equal(buf, "hello!", 6);
    test_client_close(&c);
    test_client_close(&waits);
    close_all(own_fds, num_own);
    close_all(app_fds, num_app);
    (void)close(first);
    (void)end(w);
    (void)close(own);
    test_cert_clear(&cert);
    test_tmpdir_remove(dir);
}

static void test_client_vanishes(void **state)
{
    (void)state;
    static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
    struct world *w = begin(app_blob);
    for (int i = 0; i < 20; i++) {
        struct test_client c;
        open_ok(&c, w);
        assert_true(test_client_write(&c, "x", 1));
        if (i % 2 == 0) {
            assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
        }
        test_client_close(&c);
    }
    (void)usleep(200000);
    assert_int_equal(end(w).handshakes, 20);
}

static void test_key_updates(void **state)
{
    (void)state;
    struct world *w = begin(app_echo);
    struct test_client c;
    open_ok(&c, w);
    for (int i = 0; i < 20; i++) {
        char buf[4];
        assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_true(test_client_write(&c, "ping", 4));
        assert_true(test_client_read(&c, buf, 4));
    }
    test_client_close(&c);
    (void)end(w);
}

static void test_key_updates_without_end(void **state)
{
    (void)state;
    struct world *w = begin(app_echo);
    struct test_client c;
    open_ok(&c, w);
    /* None of them carries anything, and each would cost as much as a long record. */
    for (int i = 0; i < 1000 && SSL_key_update(c.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
                    SSL_do_handshake(c.ssl) == 1;
         i++) {
    }
    char buf[4];
    assert_false(test_client_write(&c, "ping", 4) && test_client_read(&c, buf, 4));
    test_client_close(&c);
    open_ok(&c, w); /* the others are served */
    assert_true(test_client_write(&c, "ping", 4));
    assert_true(test_client_read(&c, buf, 4));
    test_client_close(&c);
    (void)end(w);
}

/* Tells whether the relay ends the connection at these bytes, long before the handshake's limit. */
static bool refused_at(const struct world *w, const void *p, size_t len)
{
    static const struct timeval limit = { 2, 0 };
    char buf[64];
    int fd = test_connect(w->port);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(send(fd, p, len, MSG_NOSIGNAL), (ssize_t)len);
    ssize_t n = 0;
    do {
        n = recv(fd, buf, sizeof buf, 0);
    } while (n > 0);
    bool refused = n == 0 || errno == ECONNRESET;
    (void)close(fd);
    return refused;
}

/* libssl would reserve 128 KiB for the nine bytes. */
static void test_long_hello_is_only_announced(void **state)
{
    (void)state;
    static const uint8_t fits[] = { 22, 3, 1, 0x10, 0, 1, 0, 0x40, 0 };
    static const uint8_t one_more[] = { 22, 3, 1, 0x10, 0, 1, 0, 0x40, 1 };
    static const uint8_t huge[] = { 22, 3, 1, 0x10, 0, 1, 1, 0, 0 };
    static const uint8_t in_pieces[] = { 22, 3, 1, 0, 2, 1, 1, 22, 3, 1, 0, 2, 0, 0 };
    struct world *w = begin(app_echo);
    assert_false(refused_at(w, fits, sizeof fits));
    assert_true(refused_at(w, one_more, sizeof one_more));
    assert_true(refused_at(w, huge, sizeof huge));
    assert_true(refused_at(w, in_pieces, sizeof in_pieces));
    (void)end(w);
}

static bool opens_with_groups(const struct world *w, const char *groups)
{
    /* OpenSSL's macros cast const away. */
    char list[64];
    char name[] = NAME;
    assert_true(snprintf(list, sizeof list, "%s", groups) < (int)sizeof list);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_set1_groups_list(ctx, list), 1);
    SSL *ssl = SSL_new(ctx);
    int fd = test_connect(w->port);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    assert_int_equal(SSL_set_tlsext_host_name(ssl, name), 1);
    bool ok = SSL_connect(ssl) == 1;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    (void)close(fd);
    return ok;
}

static void test_groups(void **state)
{
    (void)state;
    struct world *w = begin(app_echo);
    assert_true(opens_with_groups(w, "P-256"));
    assert_true(opens_with_groups(w, "ffdhe2048:X25519")); /* asked again */
    assert_false(opens_with_groups(w, "ffdhe8192:ffdhe2048"));
    assert_false(opens_with_groups(w, "P-521:X448"));
    (void)end(w);
}

/* The app owns the folder of its socket. A link in its place would make the runtime connect
 * strangers to any socket of the machine. */
static void test_link_instead_of_socket(void **state)
{
    (void)state;
    struct world *w = begin(app_echo);
    struct test_client c;
    char other[220];
    char buf[4];
    (void)snprintf(other, sizeof other, "%s-moved", w->path);
    assert_int_equal(rename(w->path, other), 0);
    assert_int_equal(symlink(other, w->path), 0);
    assert_true(mse_net_connect_unix(w->path) < 0);
    assert_int_equal(errno, ENOTSOCK);
    open_ok(&c, w);
    assert_false(test_client_write(&c, "ping", 4) && test_client_read(&c, buf, 4));
    test_client_close(&c);
    assert_int_equal(unlink(w->path), 0);
    assert_int_equal(rename(other, w->path), 0);
    open_ok(&c, w);
    assert_true(test_client_write(&c, "ping", 4));
    assert_true(test_client_read(&c, buf, 4));
    test_client_close(&c);
    assert_int_equal(end(w).no_backend, 1);
}

/* First of all tests: the libraries must not have been initialised. */
static void test_configuration_of_the_machine(void **state)
{
    (void)state;
    static const char text[] = "openssl_conf = a\n[a]\nalg_section = b\n[b]\n"
                               "default_properties = fips=yes\n";
    char *dir = test_tmpdir();
    char path[200];
    struct test_cert cert;
    (void)snprintf(path, sizeof path, "%s/openssl.cnf", dir);
    test_write_file(path, mse_bytes_str(text));
    assert_int_equal(setenv("OPENSSL_CONF", path, 1), 0);
    assert_true(mse_tls_no_config());
    test_cert_make(&cert, NAME); /* aborts if nothing but FIPS is allowed */
    test_cert_clear(&cert);
    assert_int_equal(unsetenv("OPENSSL_CONF"), 0);
    test_tmpdir_remove(dir);
}

static void test_server_arguments(void **state)
{
    (void)state;
    struct mse_tls_server *s = NULL;
    const char *empty[] = { "" };
    const char *alpn[] = { "http/1.1" };
    assert_status(mse_tls_server_new(&s, empty, 1, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_tls_server_new(&s, alpn, 0, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_tls_server_new(&s, alpn, 1, NULL), MSE_OK);
    struct test_cert a;
    struct test_cert b;
    test_cert_make(&a, NAME);
    test_cert_make(&b, NAME);
    struct mse_bytes der = mse_bytes_of(a.der, a.der_len);
    assert_status(mse_tls_server_add(s, NAME, der, b.key, NULL), MSE_ERR_CRYPTO);
    for (int i = 0; i < 4; i++) {
        assert_status(mse_tls_server_add(s, NAME, der, a.key, NULL), MSE_OK);
    }
    assert_status(mse_tls_server_add(s, NAME, der, a.key, NULL), MSE_ERR_NO_SPACE);
    test_cert_clear(&a);
    test_cert_clear(&b);
    mse_tls_server_free(s);
    struct mse_relay *r = NULL;
    const struct mse_relay_config cfg = { .listen_fd = 1 << 20 };
    assert_status(mse_relay_new(&r, &cfg, NULL), MSE_ERR_IO);
    mse_relay_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configuration_of_the_machine),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_no_tickets),
        cmocka_unit_test(test_large_upload_and_half_close),
        cmocka_unit_test(test_large_download_to_slow_client),
        cmocka_unit_test(test_both_ways_at_once),
        cmocka_unit_test(test_answer_before_the_request_is_read),
        cmocka_unit_test(test_many_connections),
        cmocka_unit_test(test_wrong_name),
        cmocka_unit_test(test_no_name),
        cmocka_unit_test(test_name_in_other_case),
        cmocka_unit_test(test_older_tls),
        cmocka_unit_test(test_no_common_protocol),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_damaged_record),
        cmocka_unit_test(test_handshake_timeout),
        cmocka_unit_test(test_idle_timeout),
        cmocka_unit_test(test_connection_limit),
        cmocka_unit_test(test_proxy_header),
        cmocka_unit_test(test_no_proxy_header),
        cmocka_unit_test(test_source_limit),
        cmocka_unit_test(test_source_limit_spares_loopback),
        cmocka_unit_test(test_no_app),
        cmocka_unit_test_teardown(test_one_full_backend, open_gate),
        cmocka_unit_test(test_client_vanishes),
        cmocka_unit_test(test_key_updates),
        cmocka_unit_test(test_key_updates_without_end),
        cmocka_unit_test(test_long_hello_is_only_announced),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_link_instead_of_socket),
        cmocka_unit_test(test_server_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
