/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's answers to those who ask for evidence: relay, queue and driver in one loop on a
 * thread, with quotes of the simulated platform; the test is all the clients. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "enclave/attest.h"
#include "enclave/rate.h"
#include "net/loop.h"
#include "ratls/frame.h"
#include "ratls/session.h"
#include "unit/enclave/fake_tee.h"
#include "unit/net/tlspair.h"
#include "unit/ratls/lab.h"

#define MANY         (MSE_ATTEST_MAX_QUEUE + 6) /* more than wait: however slow, some are too many */
#define MANIFEST_LEN ((size_t)128 * 1024) /* as long as one can be: several turns of the relay */

struct world {
    struct lab *l;
    struct mse_tee tee;
    struct mse_enclave_tee handle;
    struct mse_identity id;
    struct mse_tls_server *tls;
    uv_loop_t loop;
    uv_async_t stop;
    struct mse_build manifest;
    struct mse_attest *attest;
    struct mse_relay *relay;
    char *dir;
    char backend[100];
    int backend_fd;
    int listen_fd;
    uint16_t port;
    bool stopped;
    pthread_t thread;
    pthread_t app;
};

/* The app: each connection gets back what it sends. */
static void *echo_one(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buf[256];
    ssize_t n = 0;
    while ((n = read(fd, buf, sizeof buf)) > 0 && write(fd, buf, (size_t)n) == n) {
    }
    (void)close(fd);
    return NULL;
}

static void *app(void *arg)
{
    const struct world *w = arg;
    int fd = -1;
    while ((fd = accept(w->backend_fd, NULL, NULL)) >= 0) {
        pthread_t t;
        if (pthread_create(&t, NULL, echo_one, (void *)(intptr_t)fd) == 0) {
            (void)pthread_detach(t);
        }
    }
    return NULL;
}

static void on_stop(uv_async_t *h)
{
    struct world *w = h->data;
    mse_relay_close(w->relay);
    mse_attest_stop(w->attest);
    uv_stop(&w->loop);
}

static void *serve(void *arg)
{
    struct world *w = arg;
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    mse_net_loop_clear(&w->loop);
    return NULL;
}

static void start_app(struct world *w)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    w->dir = test_tmpdir();
    (void)snprintf(w->backend, sizeof w->backend, "%s/app", w->dir);
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", w->backend);
    w->backend_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->backend_fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(w->backend_fd, 64), 0);
    assert_int_equal(pthread_create(&w->app, NULL, app, w), 0);
}

static void make_manifest(struct world *w)
{
    static const char end[] = "\",\"san\":\"" LAB_HOST "\"}";
    mse_build_heap(&w->manifest, MANIFEST_LEN);
    mse_wr_str(&w->manifest, "{\"name\":\"");
    while (w->manifest.len < MANIFEST_LEN - (sizeof end - 1)) {
        mse_wr_u8(&w->manifest, 'x');
    }
    mse_wr_str(&w->manifest, end);
    assert_true(mse_build_ok(&w->manifest));
}

static void start_relay(struct world *w)
{
    static const char *const alpn[] = { MSE_SESSION_ALPN, MSE_SESSION_ALPN_HTTP11, "http/1.1" };
    assert_status(mse_tls_server_new(&w->tls, alpn, 3, NULL), MSE_OK);
    assert_status(mse_tls_server_add(w->tls, LAB_HOST, mse_build_view(&w->l->cert),
                                     mse_privkey_evp_borrow(w->l->key), NULL),
                  MSE_OK);
    w->handle = (struct mse_enclave_tee) { &fake_tee_ops, &w->tee };
    memcpy(w->id.spki_sha256, w->l->spki_sha256, 32);
    struct mse_attest_config ac = { .loop = &w->loop,
                                    .tee = &w->handle,
                                    .identity = &w->id,
                                    .manifest = mse_build_view(&w->manifest) };
    assert_status(mse_sha256(ac.manifest_digest, ac.manifest), MSE_OK);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(uv_async_init(&w->loop, &w->stop, on_stop), 0);
    w->stop.data = w;
    assert_status(mse_attest_new(&w->attest, &ac, NULL), MSE_OK);
    w->listen_fd = test_listen(&w->port);
    assert_true(mse_net_prepare_fd(w->listen_fd));
    const struct mse_relay_config rc = { .loop = &w->loop,
                                         .listen_fd = w->listen_fd,
                                         .tls = w->tls,
                                         .backend = w->backend,
                                         .max_connections = 500,
                                         .handshake_ms = 20000,
                                         .idle_ms = 20000,
                                         .half_ms = 20000,
                                         .asks = mse_attest_asks(w->attest) };
    assert_status(mse_relay_new(&w->relay, &rc, NULL), MSE_OK);
    assert_int_equal(pthread_create(&w->thread, NULL, serve, w), 0);
}

static int setup(void **state)
{
    const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(lab_setup((void **)&w->l), 0);
    lab_evidence(w->l, &p);
    lab_cert(w->l);
    w->tee.lab = w->l;
    assert_int_equal(pthread_mutex_init(&w->tee.hold, NULL), 0);
    make_manifest(w);
    start_app(w);
    start_relay(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fake_tee_release(&w->tee);
    if (!w->stopped) {
        (void)uv_async_send(&w->stop);
    }
    (void)pthread_join(w->thread, NULL);
    mse_attest_free(w->attest);
    mse_build_clear(&w->manifest);
    mse_tls_server_free(w->tls);
    (void)close(w->listen_fd);
    (void)shutdown(w->backend_fd, SHUT_RDWR);
    (void)pthread_join(w->app, NULL);
    (void)close(w->backend_fd);
    test_tmpdir_remove(w->dir);
    (void)pthread_mutex_destroy(&w->tee.hold);
    assert_int_equal(lab_teardown((void **)&w->l), 0);
    free(w);
    return 0;
}

/* ---- clients ---- */

#define ONLY   "\x0cmse-attest/1"
#define STREAM "\x15mse-attest/1+http/1.1"
#define PLAIN  "\x08http/1.1"

static void open_client(const struct world *w, struct test_client *c, const char *alpn)
{
    assert_true(test_client_open(c, w->port, LAB_HOST, alpn, TLS1_3_VERSION));
}

static struct mse_session_client_config config(const struct world *w, uint8_t level)
{
    const struct mse_session_client_config c = {
        .judge = { .policy = &w->l->policy,
                   .collateral = &w->l->bundle.collateral,
                   .at = LAB_NOW,
                   .host = LAB_HOST },
        .level = level,
    };
    return c;
}

static void echoes(struct test_client *c)
{
    char buf[5] = "";
    assert_true(test_client_write(c, "hello", 5));
    assert_true(test_client_read(c, buf, 5));
    assert_memory_equal(buf, "hello", 5);
}

static void one_session(const struct world *w, uint8_t level, const char *wire, const char *alpn)
{
    struct test_client c;
    struct mse_session *s = NULL;
    struct mse_error err = { .status = MSE_OK };
    struct mse_session_client_config cfg = config(w, level);
    cfg.alpn = alpn;
    open_client(w, &c, wire);
    if (mse_session_client(&s, c.ssl, &cfg, &err) != MSE_OK) {
        fail_msg("%s", err.text);
    }
    const struct mse_ratls_claims *k = mse_session_claims(s);
    assert_int_equal(mse_session_verdict(s)->binding_level, level);
    assert_bytes(mse_session_manifest(s), mse_build_view(&w->manifest));
    assert_true(k->x25519.len == 32 && k->boot.len == 16 && k->manifest.len == 32);
    if (strcmp(alpn, MSE_SESSION_ALPN) != 0) {
        echoes(&c);
    } else {
        size_t more = 0;
        assert_true(test_client_drain(&c, &more)); /* an orderly end, and nothing before it */
        assert_int_equal(more, 0);
    }
    mse_session_free(s);
    test_client_close(&c);
}

static void both_levels(void **state)
{
    const struct world *w = *state;
    one_session(w, 1, ONLY, MSE_SESSION_ALPN);
    one_session(w, 2, ONLY, MSE_SESSION_ALPN);
    one_session(w, 2, STREAM, MSE_SESSION_ALPN_HTTP11);
}

static void plain_protocols_are_as_before(void **state)
{
    struct test_client c;
    open_client(*state, &c, PLAIN);
    echoes(&c);
    test_client_close(&c);
    open_client(*state, &c, NULL);
    echoes(&c);
    test_client_close(&c);
}

static void send_request(struct test_client *c, bool fresh, uint8_t nonce)
{
    uint8_t buf[256];
    struct mse_build b;
    struct mse_frame_request q = { .fresh = fresh };
    memset(q.nonce.bytes, nonce, 32);
    mse_build_fixed(&b, buf, sizeof buf);
    assert_status(mse_frame_request_write(&b, &q), MSE_OK);
    assert_true(test_client_write(c, b.data, b.len));
}

/* buf: room for the answer, which r borrows from. */
static void read_response(struct test_client *c, struct mse_frame_response *r, uint8_t buf[65536])
{
    size_t len = 0;
    assert_true(test_client_read(c, buf, MSE_FRAME_HEAD));
    assert_status(mse_frame_len(&len, buf, 60000, NULL), MSE_OK);
    assert_true(test_client_read(c, buf, len));
    assert_status(mse_frame_response_read(r, mse_bytes_of(buf, len), NULL), MSE_OK);
}

static void expect_error(struct test_client *c, const char *word)
{
    static uint8_t buf[65536];
    struct mse_frame_response r;
    size_t more = 0;
    read_response(c, &r, buf);
    assert_bytes(r.error, mse_bytes_str(word));
    assert_true(test_client_drain(c, &more)); /* not even on a protocol with a stream */
    assert_int_equal(more, 0);
    test_client_close(c);
}

static void bad_requests(void **state)
{
    struct test_client c;
    open_client(*state, &c, ONLY);
    assert_true(test_client_write(&c, "\x00\x00\x01\x01", 4)); /* too long */
    expect_error(&c, "bad-request");
    open_client(*state, &c, STREAM);
    assert_true(test_client_write(&c, "GET / HTTP/1.1\r\n", 4));
    expect_error(&c, "bad-request");
    open_client(*state, &c, STREAM);
    assert_true(test_client_write(&c, "\x00\x00\x00\x00", 4));
    expect_error(&c, "bad-request");
    open_client(*state, &c, STREAM); /* a stream after level 1 */
    send_request(&c, true, 1);
    expect_error(&c, "bad-request");
    open_client(*state, &c, ONLY); /* gone in the middle of a request */
    assert_true(test_client_write(&c, "\x00\x00\x00\x40zz", 6));
    test_client_close(&c);
    plain_protocols_are_as_before(state);
}

static void drivers_that_fail(void **state)
{
    struct world *w = *state;
    struct test_client c;
    atomic_store(&w->tee.fails, true);
    open_client(w, &c, STREAM);
    send_request(&c, false, 1);
    expect_error(&c, "failed");
    open_client(w, &c, ONLY);
    send_request(&c, true, 1);
    expect_error(&c, "failed");
    atomic_store(&w->tee.fails, false);
    one_session(w, 2, ONLY, MSE_SESSION_ALPN);
}

static void nonces_of_one_moment_share_a_quote(void **state)
{
    struct world *w = *state;
    static struct test_client c[8];
    static uint8_t buf[65536];
    bool shared = false;
    for (size_t i = 0; i < 8; i++) {
        open_client(w, &c[i], ONLY);
    }
    unsigned before = atomic_load(&w->tee.quotes);
    for (size_t i = 0; i < 8; i++) {
        send_request(&c[i], true, (uint8_t)i);
    }
    for (size_t i = 0; i < 8; i++) {
        struct mse_frame_response r;
        uint8_t root[32];
        uint8_t nonce[32];
        memset(nonce, (int)i, sizeof nonce);
        read_response(&c[i], &r, buf);
        assert_true(r.has_audit);
        shared = shared || r.audit.size > 1;
        assert_status(mse_nonces_follow(root, nonce, &r.audit), MSE_OK);
        /* The nonce of the claims stands right behind its key: 65 nonce 5820. */
        size_t at = mse_bytes_find(r.evidence, mse_bytes_of("enonce\x58\x20", 8));
        assert_true(at != SIZE_MAX && at + 40 <= r.evidence.len);
        assert_memory_equal(r.evidence.data + at + 8, root, 32);
        test_client_close(&c[i]);
    }
    assert_true(shared);
    assert_true(atomic_load(&w->tee.quotes) - before < 8);
}

static void wait_readable(const struct test_client *c)
{
    struct pollfd p = { c->fd, POLLIN, 0 };
    assert_int_equal(poll(&p, 1, 20000), 1);
}

/* One of them has an answer: which, hangs on how fast they came. */
static void wait_one_readable(const struct test_client *c, nfds_t num)
{
    struct pollfd p[MANY];
    for (nfds_t i = 0; i < num; i++) {
        p[i] = (struct pollfd) { c[i].fd, POLLIN, 0 };
    }
    assert_true(poll(p, num, 60000) >= 1);
}

/* While the driver hangs: a source gets so many, the others hear when to come again, and what needs
 * no quote goes on. Those who leave are forgotten. */
static void busy_under_flood(void **state)
{
    struct world *w = *state;
    static struct test_client c[MANY];
    static uint8_t buf[65536];
    unsigned busy = 0;
    unsigned served = 0;
    fake_tee_hold(&w->tee);
    for (size_t i = 0; i < MANY; i++) {
        open_client(w, &c[i], ONLY);
        send_request(&c[i], false, (uint8_t)i);
    }
    wait_one_readable(c, MANY); /* over the rate, or the queue is full */
    plain_protocols_are_as_before(state);
    for (size_t i = 0; i < 10; i++) {
        test_client_close(&c[i]);
    }
    fake_tee_release(&w->tee);
    for (size_t i = 10; i < MANY; i++) {
        struct mse_frame_response r;
        read_response(&c[i], &r, buf);
        if (r.error.len > 0) {
            assert_bytes(r.error, mse_bytes_str("busy"));
            assert_true(r.retry_ms >= 100 && r.retry_ms <= 10000);
            busy++;
        } else {
            served++;
        }
        test_client_close(&c[i]);
    }
    assert_true(busy > 0);
    assert_true(served >= MSE_ATTEST_BURST - 10 - 10);
    plain_protocols_are_as_before(state);
}

/* The end of everything while a quote is being made and others wait. */
static void stopping_in_the_middle(void **state)
{
    struct world *w = NULL;
    static struct test_client c[4];
    (void)state;
    assert_int_equal(setup((void **)&w), 0);
    fake_tee_hold(&w->tee);
    for (size_t i = 0; i < 4; i++) {
        open_client(w, &c[i], ONLY);
        send_request(&c[i], i == 3, 1);
    }
    struct test_client last;
    open_client(w, &last, PLAIN); /* the requests before it were read */
    echoes(&last);
    test_client_close(&last);
    (void)uv_async_send(&w->stop);
    w->stopped = true;
    for (size_t i = 0; i < 4; i++) {
        wait_readable(&c[i]);
        test_client_close(&c[i]);
    }
    fake_tee_release(&w->tee);
    assert_int_equal(teardown((void **)&w), 0);
}

/* ---- the rate ---- */

static void rates(void **state)
{
    (void)state;
    static struct mse_rate r;
    uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1 };
    uint8_t v4[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1 };
    mse_rate_init(&r, 20, 3, 12345);
    for (int i = 0; i < 3; i++) {
        v6[15] = (uint8_t)i; /* one /64 is one source */
        assert_int_equal(mse_rate_take(&r, v6, 1000), 0);
    }
    assert_int_equal(mse_rate_take(&r, v6, 1000), 51);
    assert_int_equal(mse_rate_take(&r, v4, 1000), 0); /* another is another */
    v4[15] = 2;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mse_rate_take(&r, v4, 1000), 0);
    }
    assert_true(mse_rate_take(&r, v4, 1000) > 0);
    assert_true(mse_rate_take(&r, v6, 1049) > 0);
    assert_int_equal(mse_rate_take(&r, v6, 1050), 0);
    assert_true(mse_rate_take(&r, v6, 1050) > 0);
    for (int i = 0; i < 3; i++) { /* never more than the burst, however long it waited */
        assert_int_equal(mse_rate_take(&r, v6, UINT64_MAX / 1000), 0);
    }
    assert_true(mse_rate_take(&r, v6, UINT64_MAX / 1000) > 0);
    for (unsigned i = 0; i < 100000; i++) { /* more sources than places */
        uint8_t a[16] = { 0x20, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
        assert_int_equal(mse_rate_take(&r, a, UINT64_MAX / 1000 + i), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates),
        cmocka_unit_test(both_levels),
        cmocka_unit_test(plain_protocols_are_as_before),
        cmocka_unit_test(bad_requests),
        cmocka_unit_test(drivers_that_fail),
        cmocka_unit_test(nonces_of_one_moment_share_a_quote),
        cmocka_unit_test(busy_under_flood),
        cmocka_unit_test(stopping_in_the_middle),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
