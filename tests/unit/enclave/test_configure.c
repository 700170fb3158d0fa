/* SPDX-License-Identifier: Apache-2.0 */
/* Phase 1 over real connections: wrong attempts, limits, damaged packages, the start of the app
 * with what it was given, and sudden ends. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "enclave/config_server.h"
#include "net/loop.h"
#include "os/private_dir.h"
#include "unit/enclave/waiting.h"
#include "unit/net/tlspair.h"

static void done(struct world *w)
{
    (void)close(w->package_fd);
    assert_int_equal(kill(w->pid, SIGTERM), 0);
    assert_string_equal(world_event(w), "3 asked to");
    assert_status(world_end(w), MSE_OK);
}

/* Clients. */

static void dial(struct test_client *c, const struct world *w, const char *name)
{
    assert_true(test_client_open(c, w->port, name, "\x08http/1.1", TLS1_3_VERSION));
}

/* The whole answer; "" if there is none. */
static const char *hear(struct test_client *c)
{
    static char answer[4096];
    size_t len = 0;
    size_t got = 0;
    while (len < sizeof answer - 1 &&
           SSL_read_ex(c->ssl, answer + len, sizeof answer - 1 - len, &got) == 1) {
        len += got;
    }
    answer[len] = '\0';
    return answer;
}

static const char *ask(const struct world *w, const char *name, const char *request)
{
    struct test_client c;
    dial(&c, w, name);
    assert_true(test_client_write(&c, request, strlen(request)));
    const char *answer = hear(&c);
    test_client_close(&c);
    return answer;
}

static const char *post(const struct world *w, const char *token, const char *body)
{
    return ask(w, WORLD_CONFIG_NAME, waiting_post(token, body));
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static const char *status_of(const struct world *w)
{
    const char *answer = ask(w, WORLD_CONFIG_NAME, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(begins(answer, "HTTP/1.1 200 OK\r\n"));
    return strstr(answer, "Mse-Status: ");
}

/* Asks until it is no longer Starting. */
static const char *settled(const struct world *w)
{
    const struct timespec pause = { 0, 20000000 };
    const char *status = status_of(w);
    while (begins(status, "Mse-Status: Starting")) {
        (void)nanosleep(&pause, NULL);
        status = status_of(w);
    }
    return status;
}

static void assert_app_has_all(const struct world *w)
{
    assert_true(waiting_has_all(
        w, ask(w, FIXTURE_SAN, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")));
}

/* Tests. */

static void test_configured(void **state)
{
    (void)state;
    struct world w;
    struct test_client c;
    waiting_world(&w);
    world_begin(&w);
    assert_string_equal(world_event(&w), "5 ");
    assert_true(begins(status_of(&w), "Mse-Status: Waiting\r\n"));
    assert_false(test_client_open(&c, w.port, FIXTURE_SAN, NULL, TLS1_3_VERSION));
    test_client_close(&c);
    assert_false(test_client_open(&c, w.port, WORLD_CONFIG_NAME, "\x02h2", TLS1_3_VERSION));
    test_client_close(&c);
    /* Any number of wrong attempts. */
    for (int i = 0; i < 10; i++) {
        assert_true(begins(post(&w, OTHER_HEX, waiting_body(&w, KEY_HEX)), "HTTP/1.1 401 "));
        assert_true(begins(post(&w, TOKEN_HEX, "{}"), "HTTP/1.1 401 "));
        assert_true(begins(post(&w, TOKEN_HEX, "{"), "HTTP/1.1 422 "));
        const char *answer = post(&w, TOKEN_HEX, waiting_body(&w, OTHER_HEX));
        assert_true(begins(answer, "HTTP/1.1 422 "));
        assert_non_null(
            strstr(answer, "{\"error\":\"package_key\",\"field\":\"code_secret_key\"}"));
    }
    const char *good = waiting_body(&w, KEY_HEX);
    const char *answer = post(&w, TOKEN_HEX, good);
    assert_true(begins(answer, "HTTP/1.1 200 "));
    assert_non_null(strstr(answer, "Mse-Status: Starting\r\n"));
    assert_true(begins(post(&w, TOKEN_HEX, good), "HTTP/1.1 409 ")); /* replayed */
    assert_string_equal(world_event(&w), "2 ");
    assert_true(begins(settled(&w), "Mse-Status: Running\r\n"));
    assert_true(begins(post(&w, TOKEN_HEX, good), "HTTP/1.1 409 "));
    assert_true(begins(post(&w, OTHER_HEX, good), "HTTP/1.1 401 "));
    assert_app_has_all(&w);
    done(&w);
}

static void flip(int fd, off_t at)
{
    uint8_t b = 0;
    assert_int_equal(pread(fd, &b, 1, at), 1);
    b ^= 1;
    assert_int_equal(pwrite(fd, &b, 1, at), 1);
}

/* One chunk is bad, the end is missing; then all is well, and the same configuration passes. */
static void test_damaged_packages(void **state)
{
    (void)state;
    struct world w;
    struct stat st;
    uint8_t last[100];
    waiting_world(&w);
    const char *good = waiting_body(&w, KEY_HEX);
    assert_int_equal(fstat(w.package_fd, &st), 0);
    world_begin(&w);
    assert_string_equal(world_event(&w), "5 ");
    flip(w.package_fd, 100000);
    assert_true(begins(post(&w, TOKEN_HEX, good), "HTTP/1.1 200 "));
    const char *status = settled(&w);
    assert_true(begins(status, "Mse-Status: Waiting\r\n"));
    assert_non_null(strstr(status, "{\"status\":\"Waiting\",\"error\":\"package_damaged\"}"));
    flip(w.package_fd, 100000);
    assert_int_equal(pread(w.package_fd, last, sizeof last, st.st_size - 100), 100);
    assert_int_equal(ftruncate(w.package_fd, st.st_size - 100), 0);
    assert_true(begins(post(&w, TOKEN_HEX, good), "HTTP/1.1 200 "));
    assert_non_null(strstr(settled(&w), "\"error\":\"package_truncated\"}"));
    assert_int_equal(pwrite(w.package_fd, last, sizeof last, st.st_size - 100), 100);
    flip(w.package_fd, 20); /* made for another manifest */
    assert_non_null(
        strstr(post(&w, TOKEN_HEX, good), "\"manifest_mismatch\",\"field\":\"package\""));
    flip(w.package_fd, 20);
    assert_true(begins(post(&w, TOKEN_HEX, good), "HTTP/1.1 200 "));
    assert_true(begins(settled(&w), "Mse-Status: Running\r\n"));
    assert_string_equal(world_event(&w), "2 ");
    assert_app_has_all(&w);
    done(&w);
}

static bool ended(struct test_client *c, int within_ms)
{
    struct pollfd p = { c->fd, POLLIN, 0 };
    return poll(&p, 1, within_ms) == 1;
}

/* All places of strangers are taken by those who say nothing; an owner gets in all the same. */
static void test_strangers(void **state)
{
    (void)state;
    struct world w;
    struct test_client strangers[MSE_CONFIG_MAX_STRANGERS];
    struct timespec from;
    struct timespec to;
    waiting_world(&w);
    const char *good = waiting_body(&w, KEY_HEX);
    world_begin(&w);
    assert_string_equal(world_event(&w), "5 ");
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    for (size_t i = 0; i < MSE_CONFIG_MAX_STRANGERS; i++) {
        dial(&strangers[i], &w, WORLD_CONFIG_NAME);
        assert_true(test_client_write(&strangers[i], "POST / HTTP/1.1\r\n", 17));
    }
    bool early = ended(&strangers[0], 100);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true(!early || to.tv_sec - from.tv_sec >= MSE_CONFIG_STRANGER_MS / 1000);
    assert_true(begins(post(&w, TOKEN_HEX, good), "HTTP/1.1 200 "));
    assert_true(ended(&strangers[0], 20000)); /* the oldest made room */
    early = ended(&strangers[MSE_CONFIG_MAX_STRANGERS - 1], 0);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true(!early || to.tv_sec - from.tv_sec >= MSE_CONFIG_STRANGER_MS / 1000);
    assert_true(ended(&strangers[MSE_CONFIG_MAX_STRANGERS - 1], MSE_CONFIG_STRANGER_MS + 20000));
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true(to.tv_sec - from.tv_sec >= MSE_CONFIG_STRANGER_MS / 1000 - 1);
    for (size_t i = 0; i < MSE_CONFIG_MAX_STRANGERS; i++) {
        test_client_close(&strangers[i]);
    }
    assert_true(begins(settled(&w), "Mse-Status: Running\r\n"));
    assert_string_equal(world_event(&w), "2 ");
    done(&w);
}

/* Four at once; of those who send the right thing one is the first. */
static void test_holders(void **state)
{
    (void)state;
    struct world w;
    struct test_client c[MSE_CONFIG_MAX_HOLDERS];
    waiting_world(&w);
    const char *text = waiting_post(TOKEN_HEX, waiting_body(&w, KEY_HEX));
    size_t len = strlen(text);
    world_begin(&w);
    assert_string_equal(world_event(&w), "5 ");
    for (size_t i = 0; i < MSE_CONFIG_MAX_HOLDERS; i++) {
        dial(&c[i], &w, WORLD_CONFIG_NAME);
        assert_true(test_client_write(&c[i], text, len - 1));
        (void)usleep(100000); /* so that it has been read before the next one comes */
    }
    assert_true(begins(ask(&w, WORLD_CONFIG_NAME, text), "HTTP/1.1 503 "));
    for (size_t i = 0; i < MSE_CONFIG_MAX_HOLDERS; i++) {
        assert_true(test_client_write(&c[i], text + len - 1, 1));
        assert_true(begins(hear(&c[i]), i == 0 ? "HTTP/1.1 200 " : "HTTP/1.1 409 "));
        test_client_close(&c[i]);
    }
    assert_string_equal(world_event(&w), "2 ");
    done(&w);
}

static void test_sizes(void **state)
{
    (void)state;
    struct world w;
    char request[12000];
    waiting_world(&w);
    world_begin(&w);
    assert_string_equal(world_event(&w), "5 ");
    assert_true(begins(ask(&w, WORLD_CONFIG_NAME,
                           "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 16777217\r\n"
                           "Authorization: Bearer " TOKEN_HEX "\r\n\r\n"),
                       "HTTP/1.1 413 "));
    assert_true(begins(ask(&w, WORLD_CONFIG_NAME,
                           "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 16777217\r\n\r\n"),
                       "HTTP/1.1 401 "));
    memset(request, 'x', sizeof request - 1);
    request[sizeof request - 1] = '\0';
    assert_true(begins(ask(&w, WORLD_CONFIG_NAME, request), "HTTP/1.1 431 "));
    const char *answer = ask(&w, WORLD_CONFIG_NAME,
                             "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
                             "Authorization: Bearer " TOKEN_HEX "\r\n\r\n");
    assert_true(begins(answer, "HTTP/1.1 422 "));
    done(&w);
}

static void test_failed_app(void **state)
{
    (void)state;
    struct world w;
    waiting_world(&w);
    free(w.m.command.items[2]);
    w.m.command.items[2] = strdup("echo no such luck; exit 4");
    world_begin(&w);
    assert_string_equal(world_event(&w), "5 ");
    assert_true(begins(post(&w, TOKEN_HEX, waiting_body(&w, KEY_HEX)), "HTTP/1.1 200 "));
    assert_true(begins(settled(&w), "Mse-Status: Failed\r\n"));
    assert_string_equal(world_event(&w), "4 the app ended with status 4; it said: no such luck");
    assert_status(world_end(&w), MSE_ERR_PROTOCOL);
    (void)close(w.package_fd);
}

/* Sudden ends. */

static size_t files_in(const char *dir, const char *name)
{
    char path[256];
    size_t num = 0;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    DIR *d = opendir(path);
    for (const struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d)) {
        num += e->d_name[0] != '.' ? 1 : 0;
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return num;
}

/* Whatever the moment: all of the code or none, all of the secrets or none. */
static void test_killed(void **state)
{
    (void)state;
    enum { ROUNDS = 20, STEP_US = 2500 };
    char dir[200];
    for (int i = 0; i < ROUNDS; i++) {
        struct world w;
        struct test_client c;
        waiting_world(&w);
        w.tell_dir = true;
        const char *text = waiting_post(TOKEN_HEX, waiting_body(&w, KEY_HEX));
        world_begin(&w);
        const char *told = world_event(&w);
        (void)snprintf(dir, sizeof dir, "%s", told + 2);
        assert_string_equal(world_event(&w), "5 ");
        dial(&c, &w, WORLD_CONFIG_NAME);
        assert_true(test_client_write(&c, text, strlen(text)));
        (void)usleep((useconds_t)(i * STEP_US));
        assert_int_equal(kill(w.pid, SIGKILL), 0);
        assert_int_equal(waitpid(w.pid, NULL, 0), w.pid);
        test_client_close(&c);
        size_t code = files_in(dir, "code");
        size_t secrets = files_in(dir, "secrets");
        assert_true(code == 0 || code == 2);
        assert_true(secrets == 0 || (secrets == 4 && code == 2));
        assert_true(mse_tree_remove(dir));
        (void)close(w.package_fd);
        world_clear(&w);
    }
}

/* The server alone, in a loop of the test's own. */

static void stop_loop(uv_timer_t *t)
{
    uv_stop(t->loop);
}

/* Runs the loop for so long; the processor time that it took. */
static double run_for(uv_loop_t *loop, unsigned ms)
{
    uv_timer_t end;
    clock_t began = clock();
    assert_int_equal(uv_timer_init(loop, &end), 0);
    assert_int_equal(uv_timer_start(&end, stop_loop, ms, 0), 0);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&end, NULL);
    (void)uv_run(loop, UV_RUN_NOWAIT);
    return (double)(clock() - began) / (double)CLOCKS_PER_SEC;
}

/* Without descriptors nobody is accepted, but the loop does not spin, and goes on when there are
 * some again. */
static void test_out_of_descriptors(void **state)
{
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    char path[256];
    char answer[512] = { 0 };
    char *dir = test_tmpdir();
    uv_loop_t loop;
    struct mse_config_server *s = NULL;
    (void)snprintf(path, sizeof path, "%s/config.sock", dir);
    assert_int_equal(uv_loop_init(&loop), 0);
    const struct mse_config_server_config c = { .loop = &loop, .path = path };
    assert_status(mse_config_server_new(&s, &c, NULL), MSE_OK);
    (void)run_for(&loop, 1); /* what libuv opens when it starts */
    int client = mse_net_connect_unix(path);
    assert_true(client >= 0);
    assert_int_equal(send(client, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    struct rlimit all;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
    int next = dup(client);
    assert_true(next >= 0);
    (void)close(next);
    const struct rlimit none_left = { (rlim_t)next, all.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none_left), 0);
    double busy = run_for(&loop, 500);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
    assert_true(recv(client, answer, sizeof answer - 1, MSG_DONTWAIT) < 0);
    if (busy > 0.1) {
        fail_msg("%.3f s of processor time in 0.5 s", busy);
    }
    (void)run_for(&loop, 500);
    assert_true(recv(client, answer, sizeof answer - 1, MSG_DONTWAIT) > 0);
    assert_non_null(strstr(answer, "HTTP/1.1 "));
    mse_config_server_stop(s);
    mse_net_loop_clear(&loop);
    mse_config_server_free(s);
    (void)close(client);
    test_tmpdir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configured), cmocka_unit_test(test_damaged_packages),
        cmocka_unit_test(test_strangers),  cmocka_unit_test(test_holders),
        cmocka_unit_test(test_sizes),      cmocka_unit_test(test_failed_app),
        cmocka_unit_test(test_killed),     cmocka_unit_test(test_out_of_descriptors),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
