/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes between two hosts: who has the key gets through, and nobody else gets anywhere. */
#include "lib/testlib.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/util.h"
#include "launch/carry.h"
#include "launch/control.h"

#define PATIENCE_MS 60000

static const uint8_t key[MSE_CARRY_KEY_LEN] = { 1, 2, 3 };
static const uint8_t other[MSE_CARRY_KEY_LEN] = { 1, 2, 4 };

/* A leader's host: who serves is a process of its own, the leader is this one. */
struct bench {
    char *dir;
    int dir_fd;
    int listen_fd; /* the leader's socket */
    pid_t server;
    uint16_t port;
};

static int listen_here(uint16_t *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    struct sockaddr_un a;
    assert_non_null(b);
    b->dir = test_tmpdir();
    b->dir_fd = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    b->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(mse_control_address(&a, b->dir_fd, MSE_CARRY_SOCKET));
    assert_int_equal(bind(b->listen_fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(b->listen_fd, 16), 0);
    int fd = listen_here(&b->port);
    (void)fflush(NULL);
    b->server = fork();
    if (b->server == 0) {
        mse_carry_serve(fd, b->dir_fd, key);
    }
    assert_true(b->server > 0);
    (void)close(fd);
    (void)signal(SIGPIPE, SIG_IGN);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    (void)kill(b->server, SIGKILL); /* our child, not waited for yet */
    (void)waitpid(b->server, NULL, 0);
    (void)close(b->listen_fd);
    (void)close(b->dir_fd);
    test_tmpdir_remove(b->dir);
    free(b);
    return 0;
}

static mse_status dial(int *fd, uint16_t port, const uint8_t with[MSE_CARRY_KEY_LEN])
{
    char hex[2 * MSE_CARRY_KEY_LEN + 1];
    char line[128];
    struct mse_error err = { 0 };
    mse_hex_encode(hex, mse_bytes_of(with, MSE_CARRY_KEY_LEN));
    (void)snprintf(line, sizeof line, "127.0.0.1 %u %s\n", port, hex);
    mse_status st = mse_carry_dial(fd, mse_bytes_str(line), &err);
    assert_status(err.status, st);
    return st;
}

static int64_t now_ms(void)
{
    struct timespec t = { 0 };
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_readable(int fd, int ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, ms) > 0;
}

static int the_leader_accepts(const struct bench *b)
{
    assert_true(is_readable(b->listen_fd, PATIENCE_MS));
    int fd = accept4(b->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int stranger(const struct bench *b)
{
    const struct sockaddr_in a = { .sin_family = AF_INET,
                                   .sin_port = htons(b->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* Nothing comes but the end. */
static bool is_closed(int fd)
{
    uint8_t byte = 0;
    return is_readable(fd, PATIENCE_MS) && recv(fd, &byte, 1, 0) <= 0;
}

static void who_has_the_key_gets_through(void **state)
{
    const struct bench *b = *state;
    int fd = -1;
    uint8_t *much = malloc((size_t)1 << 20);
    uint8_t *back = malloc((size_t)1 << 20);
    uint8_t word[4];
    assert_status(dial(&fd, b->port, key), MSE_OK);
    int leader = the_leader_accepts(b);
    assert_true(mse_io_write(fd, mse_bytes_str("ask?")));
    assert_true(mse_io_read_exact(leader, word, sizeof word));
    assert_memory_equal(word, "ask?", sizeof word);
    memset(much, 7, (size_t)1 << 20);
    pid_t child = fork();
    if (child == 0) {
        _exit(mse_io_write(leader, mse_bytes_of(much, (size_t)1 << 20)) ? 0 : 1);
    }
    assert_true(mse_io_read_exact(fd, back, (size_t)1 << 20));
    assert_memory_equal(back, much, (size_t)1 << 20);
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)close(leader); /* the end of one is the end of the other */
    assert_true(is_closed(fd));
    (void)close(fd);
    assert_status(dial(&fd, b->port, key), MSE_OK);
    leader = the_leader_accepts(b);
    (void)close(fd);
    assert_true(is_closed(leader));
    (void)close(leader);
    free(much);
    free(back);
}

static void who_has_another_key_does_not(void **state)
{
    const struct bench *b = *state;
    int fd = -1;
    assert_status(dial(&fd, b->port, other), MSE_ERR_PEER_REFUSED);
    assert_int_equal(fd, -1);
    assert_false(is_readable(b->listen_fd, 0));
    assert_status(dial(&fd, b->port, key), MSE_OK);
    (void)close(fd);
}

/* What was seen of another one does not open it again. */
static void a_proof_is_for_one_connection(void **state)
{
    const struct bench *b = *state;
    uint16_t port = 0;
    uint8_t fresh[32];
    uint8_t said[64];
    uint8_t answer[32];
    int between = listen_here(&port);
    int status = 1;
    pid_t child = fork();
    if (child == 0) {
        int fd = -1;
        mse_status st = dial(&fd, port, key);
        _exit(st == MSE_OK ? 0 : 1);
    }
    int fd = accept4(between, NULL, NULL, SOCK_CLOEXEC);
    int real = stranger(b);
    assert_true(mse_io_read_exact(real, fresh, sizeof fresh));
    assert_true(mse_io_write(fd, mse_bytes_of(fresh, sizeof fresh)));
    assert_true(mse_io_read_exact(fd, said, sizeof said));
    assert_true(mse_io_write(real, mse_bytes_of(said, sizeof said)));
    assert_true(mse_io_read_exact(real, answer, sizeof answer)); /* carried by a stranger: fine */
    int again = stranger(b);
    assert_true(mse_io_read_exact(again, fresh, sizeof fresh));
    assert_true(mse_io_write(again, mse_bytes_of(said, sizeof said)));
    assert_true(is_closed(again));
    assert_true(mse_io_write(fd, mse_bytes_of(answer, sizeof answer)));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)close(again);
    (void)close(real);
    (void)close(fd);
    (void)close(between);
}

/* A host that takes the connection and answers with these bytes. */
static mse_status dial_to(const uint8_t *answer, size_t len)
{
    uint16_t port = 0;
    int fd = -1;
    int listener = listen_here(&port);
    pid_t child = fork();
    if (child == 0) {
        uint8_t said[64];
        int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        bool good = mse_io_write(peer, mse_bytes_of(answer, len < 32 ? len : 32));
        if (good && len > 32) {
            good = mse_io_read_exact(peer, said, sizeof said) &&
                   mse_io_write(peer, mse_bytes_of(answer + 32, len - 32));
        }
        _exit(good ? 0 : 1);
    }
    (void)close(listener);
    mse_status st = dial(&fd, port, key);
    (void)waitpid(child, NULL, 0);
    return st;
}

static void who_serves_has_to_have_the_key_too(void **state)
{
    static const uint8_t wrong[64] = { 0 };
    uint16_t port = 0;
    int fd = -1;
    (void)state;
    assert_status(dial_to(wrong, 64), MSE_ERR_SIGNATURE);
    assert_status(dial_to(wrong, 63), MSE_ERR_PEER_REFUSED);
    assert_status(dial_to(wrong, 32), MSE_ERR_PEER_REFUSED);
    assert_status(dial_to(wrong, 0), MSE_ERR_PEER_REFUSED);
    (void)close(listen_here(&port));
    assert_status(dial(&fd, port, key), MSE_ERR_IO);
}

/* A stranger at an address of this machine. */
static int stranger_from(const struct bench *b, const char *address)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(b->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && inet_pton(AF_INET, address, &a.sin_addr) == 1);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void strangers_keep_nobody_away(void **state)
{
    const struct bench *b = *state;
    int fds[2 * MSE_CARRY_MAX_ASKING];
    uint8_t fresh[32];
    int fd = -1;
    int64_t begun = now_ms();
    int quiet = stranger_from(b, "127.0.0.2");
    assert_true(mse_io_read_exact(quiet, fresh, sizeof fresh));
    for (size_t i = 0; i < MSE_ARRAY_LEN(fds); i++) {
        fds[i] = stranger_from(b, "127.0.0.3");
        assert_true(mse_io_read_exact(fds[i], fresh, sizeof fresh));
    }
    /* The oldest of those who have the most places made room; who has one only did not, unless all
     * this took so long that his time is over. */
    assert_true(is_closed(fds[0]));
    bool gone = is_readable(quiet, 0);
    assert_true(!gone || now_ms() - begun >= MSE_CARRY_PATIENCE_MS);
    assert_status(dial(&fd, b->port, key), MSE_OK);
    (void)close(fd);
    assert_true(is_closed(quiet)); /* in his time */
    for (size_t i = 0; i < MSE_ARRAY_LEN(fds); i++) {
        assert_true(is_closed(fds[i]));
        (void)close(fds[i]);
    }
    (void)close(quiet);
}

static void a_leader_that_is_not_there_is_an_end(void **state)
{
    const struct bench *b = *state;
    int fd = -1;
    assert_int_equal(unlinkat(b->dir_fd, MSE_CARRY_SOCKET, 0), 0);
    assert_status(dial(&fd, b->port, key), MSE_OK);
    assert_true(is_closed(fd));
    (void)close(fd);
}

static void where_is_a_line(void **state)
{
#define HEX "0102030000000000000000000000000000000000000000000000000000000000"
    static const char *const bad[] = {
        "",
        "\n",
        "127.0.0.1",
        "127.0.0.1 1",
        "127.0.0.1 0 " HEX,
        "127.0.0.1 65536 " HEX,
        "127.0.0.1 -1 " HEX,
        "localhost 1 " HEX,
        "127.0.0.1 1 " HEX "0",
        "127.0.0.1 1 " HEX " more",
        "127.0.0.1 1 x102030000000000000000000000000000000000000000000000000000000000",
        "127.0.0.1:1 " HEX,
    };
    char text[512];
    int fd = -1;
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_status(mse_carry_dial(&fd, mse_bytes_str(bad[i]), NULL), MSE_ERR_MALFORMED);
    }
    (void)snprintf(text, sizeof text, "127.0.0.1 1 " HEX);
    for (size_t len = 0; len < strlen(text); len++) {
        assert_status(mse_carry_dial(&fd, mse_bytes_of(text, len), NULL), MSE_ERR_MALFORMED);
    }
    assert_status(mse_carry_dial(&fd, mse_bytes_of(text, strlen(text) + 1), NULL),
                  MSE_ERR_MALFORMED);
    memset(text, '1', sizeof text);
    assert_status(mse_carry_dial(&fd, mse_bytes_of(text, sizeof text), NULL), MSE_ERR_MALFORMED);
    assert_int_equal(fd, -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_has_the_key_gets_through),  TEST(who_has_another_key_does_not),
        TEST(a_proof_is_for_one_connection), cmocka_unit_test(who_serves_has_to_have_the_key_too),
        TEST(strangers_keep_nobody_away),    TEST(a_leader_that_is_not_there_is_an_end),
        cmocka_unit_test(where_is_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
