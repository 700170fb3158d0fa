/* SPDX-License-Identifier: Apache-2.0 */
/* The socket of the app's own quotes, with the app as hostile as it can be. The loop runs on the
 * test's own thread: nothing happens but what the test lets happen. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "enclave/app_quotes.h"
#include "net/loop.h"
#include "unit/enclave/fake_tee.h"
#include "unit/ratls/lab.h"

#define MANIFEST "{}"

struct world {
    struct lab *l;
    struct mse_tee tee;
    struct mse_enclave_tee handle;
    struct mse_identity id;
    uv_loop_t loop;
    struct mse_attest *attest;
    struct mse_app_quotes *quotes;
    char *dir;
    char path[100];
};

/* Keys take time: one platform for all tests. */
static int setup_group(void **state)
{
    const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(lab_setup((void **)&w->l), 0);
    lab_evidence(w->l, &p);
    lab_cert(w->l);
    *state = w;
    return 0;
}

static int teardown_group(void **state)
{
    struct world *w = *state;
    assert_int_equal(lab_teardown((void **)&w->l), 0);
    free(w);
    return 0;
}

static int setup(void **state)
{
    struct world *w = *state;
    w->tee.lab = w->l;
    w->tee.quotes = 0;
    assert_int_equal(pthread_mutex_init(&w->tee.hold, NULL), 0);
    w->handle = (struct mse_enclave_tee) { &fake_tee_ops, &w->tee };
    memcpy(w->id.spki_sha256, w->l->spki_sha256, 32);
    struct mse_attest_config ac = {
        .loop = &w->loop, .tee = &w->handle, .identity = &w->id, .manifest = mse_bytes_str(MANIFEST)
    };
    assert_status(mse_sha256(ac.manifest_digest, ac.manifest), MSE_OK);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_status(mse_attest_new(&w->attest, &ac, NULL), MSE_OK);
    w->dir = test_tmpdir();
    (void)snprintf(w->path, sizeof w->path, "%s/quotes", w->dir);
    const struct mse_app_quotes_config qc = {
        .loop = &w->loop, .path = w->path, .owner = geteuid(), .attest = w->attest
    };
    assert_status(mse_app_quotes_new(&w->quotes, &qc, NULL), MSE_OK);
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fake_tee_release(&w->tee);
    mse_attest_stop(w->attest);
    mse_app_quotes_stop(w->quotes);
    mse_net_loop_clear(&w->loop);
    mse_attest_free(w->attest);
    mse_app_quotes_free(w->quotes);
    test_tmpdir_remove(w->dir);
    (void)pthread_mutex_destroy(&w->tee.hold);
    return 0;
}

/* ---- the app ---- */

static int dial(const struct world *w)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", w->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) == 0);
    return fd;
}

static int ask(const struct world *w, const void *request, size_t len)
{
    int fd = dial(w);
    assert_int_equal(write(fd, request, len), len);
    return fd;
}

static int ask_for(const struct world *w, uint8_t byte)
{
    const uint8_t request[] = { 2, 'a', byte };
    return ask(w, request, sizeof request);
}

/* The whole answer, in static memory: the loop runs until it is there. */
static struct mse_bytes answer_of(struct world *w, int fd)
{
    static uint8_t buf[100000];
    size_t len = 0;
    for (;;) {
        ssize_t n = recv(fd, buf + len, sizeof buf - len, MSG_DONTWAIT);
        if (n > 0) {
            len += (size_t)n;
        } else if (n == 0 || errno == ECONNRESET) {
            break;
        } else {
            assert_int_equal(errno, EAGAIN);
            (void)uv_run(&w->loop, UV_RUN_ONCE);
        }
    }
    (void)close(fd);
    return mse_bytes_of(buf, len);
}

static uint8_t code_of(struct world *w, int fd)
{
    struct mse_bytes a = answer_of(w, fd);
    uint8_t code = 0xff;
    uint32_t len = 0;
    assert_true(mse_rd_u8(&a, &code) && mse_rd_u32be(&a, &len) && a.len == len);
    return code;
}

static mse_status appraise(const struct world *w, struct mse_bytes evidence, struct mse_bytes data)
{
    struct mse_verdict v;
    const struct mse_ratls_app_ask a = { .data = data,
                                         .certificate = mse_build_view(&w->l->cert),
                                         .manifest = mse_bytes_str(MANIFEST),
                                         .collateral = &w->l->bundle.collateral,
                                         .policy = &w->l->policy,
                                         .at = LAB_NOW };
    return mse_ratls_appraise_app(&v, NULL, evidence, &a, NULL);
}

/* ---- tests ---- */

static void lengths(void **state)
{
    struct world *w = *state;
    uint8_t request[65];
    static const uint8_t lens[] = { 1, 32, 64 };
    memset(request, 0x5a, sizeof request);
    for (size_t i = 0; i < sizeof lens; i++) {
        request[0] = lens[i];
        struct mse_bytes a = answer_of(w, ask(w, request, 1U + lens[i]));
        assert_true(a.len > 5 && a.data[0] == MSE_APP_ANSWER_EVIDENCE);
        struct mse_bytes evidence = mse_bytes_of(a.data + 5, a.len - 5);
        assert_status(appraise(w, evidence, mse_bytes_of(request + 1, lens[i])), MSE_OK);
    }
}

static void slow_bytes_and_half_close(void **state)
{
    struct world *w = *state;
    int fd = dial(w);
    for (const char *p = "\x03xyz"; *p != '\0'; p++) {
        assert_int_equal(write(fd, p, 1), 1);
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    struct mse_bytes a = answer_of(w, fd);
    assert_true(a.len > 5 && a.data[0] == MSE_APP_ANSWER_EVIDENCE);
    assert_status(appraise(w, mse_bytes_of(a.data + 5, a.len - 5), mse_bytes_str("xyz")), MSE_OK);
}

static void bad_requests(void **state)
{
    struct world *w = *state;
    uint8_t big[4096];
    memset(big, 65, sizeof big);
    assert_int_equal(code_of(w, ask(w, big, 66)), MSE_APP_ANSWER_BAD_REQUEST); /* 65 bytes */
    assert_int_equal(code_of(w, ask(w, big, sizeof big)), MSE_APP_ANSWER_BAD_REQUEST);
    big[0] = 64;
    assert_int_equal(code_of(w, ask(w, big, 66)), MSE_APP_ANSWER_BAD_REQUEST); /* one too many */
    big[0] = 0;
    assert_int_equal(code_of(w, ask(w, big, 1)), MSE_APP_ANSWER_BAD_REQUEST);
    big[0] = 255;
    assert_int_equal(code_of(w, ask(w, big, 1)), MSE_APP_ANSWER_BAD_REQUEST);
    int fd = ask(w, "\x05xy", 3); /* a part, then the end */
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_int_equal(answer_of(w, fd).len, 0);
    assert_int_equal(w->tee.quotes, 0);
}

static void only_its_user(void **state)
{
    const struct world *w = *state;
    struct stat st;
    assert_int_equal(stat(w->path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* One job at a time in the queue that it shares: those who come behind wait, and get theirs. */
static void one_at_a_time(void **state)
{
    struct world *w = *state;
    int fds[MSE_APP_QUOTES_CONNECTIONS];
    fake_tee_hold(&w->tee);
    for (size_t i = 0; i < MSE_APP_QUOTES_CONNECTIONS; i++) {
        fds[i] = ask_for(w, (uint8_t)i);
    }
    for (int i = 0; i < 20; i++) {
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(code_of(w, ask_for(w, 99)), MSE_APP_ANSWER_BUSY); /* no place */
    assert_false(mse_attest_app(w->attest, mse_bytes_str("x"), NULL, NULL));
    assert_int_equal(w->tee.quotes, 0);
    (void)close(fds[3]); /* does not wait for its turn */
    fake_tee_release(&w->tee);
    for (size_t i = 0; i < MSE_APP_QUOTES_CONNECTIONS; i++) {
        const uint8_t data[] = { 'a', (uint8_t)i };
        if (i == 3) {
            continue;
        }
        struct mse_bytes a = answer_of(w, fds[i]);
        assert_true(a.len > 5 && a.data[0] == MSE_APP_ANSWER_EVIDENCE);
        assert_status(appraise(w, mse_bytes_of(a.data + 5, a.len - 5), mse_bytes_of(data, 2)),
                      MSE_OK);
    }
}

static void rate(void **state)
{
    struct world *w = *state;
    unsigned busy = 0;
    for (unsigned i = 0; i < 10 * MSE_APP_QUOTES_BURST && busy == 0; i++) {
        struct mse_bytes a = answer_of(w, ask_for(w, (uint8_t)i));
        assert_true(a.len >= 5);
        if (a.data[0] == MSE_APP_ANSWER_BUSY) {
            uint32_t retry = 0;
            busy++;
            assert_true(mse_rd_skip(&a, 5) && mse_rd_u32be(&a, &retry) && a.len == 0);
            assert_true(retry > 0 && retry <= 1000);
        }
    }
    assert_int_equal(busy, 1);
}

static void driver_fails(void **state)
{
    struct world *w = *state;
    w->tee.fails = true;
    assert_int_equal(code_of(w, ask_for(w, 1)), MSE_APP_ANSWER_FAILED);
    w->tee.fails = false;
    assert_int_equal(code_of(w, ask_for(w, 1)), MSE_APP_ANSWER_EVIDENCE);
}

static void stopped_in_the_middle(void **state)
{
    struct world *w = *state;
    fake_tee_hold(&w->tee);
    int one = ask_for(w, 1);
    int two = ask_for(w, 2);
    for (int i = 0; i < 20; i++) {
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    mse_attest_stop(w->attest);
    mse_app_quotes_stop(w->quotes);
    fake_tee_release(&w->tee);
    assert_int_equal(answer_of(w, one).len, 0);
    assert_int_equal(answer_of(w, two).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lengths, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_bytes_and_half_close, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(only_its_user, setup, teardown),
        cmocka_unit_test_setup_teardown(one_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(rate, setup, teardown),
        cmocka_unit_test_setup_teardown(driver_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(stopped_in_the_middle, setup, teardown),
    };
    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
