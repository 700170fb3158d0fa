/* SPDX-License-Identifier: Apache-2.0 */
/* Failures of phase 1 come at a constant rate. No clock: the test makes the ticks itself, and looks
 * at who was answered between two of them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "enclave/config_server.h"
#include "lib/testlib.h"
#include "net/loop.h"
#include "unit/enclave/fixture.h"

#define TOKEN "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define WRONG "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define NEVER 1000000000U

struct bench {
    uv_loop_t loop;
    struct mse_manifest m;
    struct mse_config_server *server;
    char *dir;
    char path[200];
    unsigned accepted;
};

static void on_accepted(void *user, struct mse_config *c)
{
    struct bench *b = user;
    b->accepted++;
    mse_config_clear(c);
}

static mse_status any_package(void *arg, const uint8_t *key)
{
    (void)arg;
    (void)key;
    return MSE_OK;
}

static int setup(void **state)
{
    static struct bench b;
    uint8_t token[32];
    (void)signal(SIGPIPE, SIG_IGN);
    memset(&b, 0, sizeof b);
    fixture_manifest(&b.m, NULL);
    b.m.expects = MSE_EXPECT_SECRETS;
    assert_true(mse_hex_decode(token, 32, mse_bytes_str(TOKEN)));
    assert_status(mse_sha256(b.m.config_token_sha256, mse_bytes_of(token, 32)), MSE_OK);
    b.dir = test_tmpdir();
    (void)snprintf(b.path, sizeof b.path, "%s/http", b.dir);
    assert_int_equal(uv_loop_init(&b.loop), 0);
    const struct mse_config_server_config c = {
        .loop = &b.loop,
        .path = b.path,
        .tick_ms = NEVER,
        .rules = { .manifest = &b.m, .check_package = any_package },
        .accepted = on_accepted,
        .user = &b,
    };
    assert_status(mse_config_server_new(&b.server, &c, NULL), MSE_OK);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    mse_config_server_stop(b->server);
    mse_net_loop_clear(&b->loop);
    mse_config_server_free(b->server);
    fixture_manifest_clear(&b->m);
    test_tmpdir_remove(b->dir);
    return 0;
}

/* Everything that can happen without a tick. */
static void settle(struct bench *b)
{
    for (int i = 0; i < 50; i++) {
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
    }
}

static int ask(struct bench *b, const char *request)
{
    int fd = mse_net_connect_unix(b->path);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    settle(b);
    return fd;
}

static int post(struct bench *b, const char *token, const char *body)
{
    char request[600];
    (void)snprintf(request, sizeof request,
                   "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   token, strlen(body), body);
    return ask(b, request);
}

/* The status of the answer, 0 if none came yet. */
static unsigned heard(int fd)
{
    static const char head[] = "HTTP/1.1 ";
    char text[2048] = "";
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_PEEK);
    if (n < 0) {
        assert_int_equal(errno, EAGAIN);
        return 0;
    }
    assert_memory_equal(text, head, sizeof head - 1);
    return (unsigned)strtoul(text + sizeof head - 1, NULL, 10);
}

static void tick(struct bench *b)
{
    mse_config_server_tick(b->server);
    settle(b);
}

static void one_failure_a_tick(void **state)
{
    struct bench *b = *state;
    int fds[6];
    for (size_t i = 0; i < 6; i++) {
        fds[i] = post(b, WRONG, "{}");
    }
    for (size_t done = 0; done <= 6; done++) {
        for (size_t i = 0; i < 6; i++) { /* in the order in which they came */
            assert_int_equal(heard(fds[i]), i < done ? 401 : 0);
        }
        tick(b);
    }
    for (size_t i = 0; i < 6; i++) {
        (void)close(fds[i]);
    }
}

/* Whatever is wrong, and however soon that shows, the answer waits for a tick; success does not. */
static void every_failure_waits(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *request;
        unsigned status;
    } cases[] = {
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 401 },
        { "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 00\r\nContent-Length: 2\r\n\r\n{}",
          401 },
        { "GET /x HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
        { "PUT / HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
        { "nonsense\r\n\r\n", 400 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = ask(b, cases[i].request);
        assert_int_equal(heard(fd), 0);
        tick(b);
        assert_int_equal(heard(fd), cases[i].status);
        (void)close(fd);
    }
    int fd = ask(b, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(heard(fd), 200);
    (void)close(fd);
}

/* Strangers who fail do not delay whoever has the token. */
static void holders_have_their_own(void **state)
{
    struct bench *b = *state;
    int strangers[5];
    for (size_t i = 0; i < 5; i++) {
        strangers[i] = post(b, WRONG, "{}");
    }
    int first = post(b, TOKEN, "{\"uuid\":\"" FIXTURE_APP_ID "\"}");
    int second = post(b, TOKEN, "no JSON");
    assert_int_equal(heard(first), 0);
    tick(b);
    assert_int_equal(heard(first), 422);
    assert_int_equal(heard(second), 0);
    tick(b);
    assert_int_equal(heard(second), 422);
    assert_int_equal(heard(strangers[1]), 401);
    assert_int_equal(heard(strangers[2]), 0);
    int good = post(b, TOKEN, "{\"uuid\":\"" FIXTURE_APP_ID "\",\"app_secrets\":1}");
    assert_int_equal(heard(good), 200); /* no tick */
    assert_int_equal(b->accepted, 1);
    (void)close(good);
    (void)close(first);
    (void)close(second);
    for (size_t i = 0; i < 5; i++) {
        (void)close(strangers[i]);
    }
}

/* Those who go away while they wait cost nothing; more of them than there are places make room. */
static void gone_and_crowded_out(void **state)
{
    struct bench *b = *state;
    int fds[MSE_CONFIG_MAX_STRANGERS + 3];
    for (size_t i = 0; i < MSE_CONFIG_MAX_STRANGERS + 3; i++) {
        fds[i] = post(b, WRONG, "{}");
    }
    char byte = 0;
    for (size_t i = 0; i < 3; i++) { /* the oldest were dropped without an answer */
        ssize_t n = recv(fds[i], &byte, 1, MSG_DONTWAIT);
        assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
    }
    (void)close(fds[3]);
    tick(b);
    tick(b);
    assert_int_equal(heard(fds[4]), 401);
    for (size_t i = 0; i < MSE_CONFIG_MAX_STRANGERS + 3; i++) {
        if (i != 3) {
            (void)close(fds[i]);
        }
    }
    settle(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_failure_a_tick, setup, teardown),
        cmocka_unit_test_setup_teardown(every_failure_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(holders_have_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(gone_and_crowded_out, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
