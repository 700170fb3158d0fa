/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration path when the system fails it: the runtime waits, is configured, starts its
 * app, serves and ends, and in each run one call of the C library fails, another one each time.
 * Then it has all that was given or nothing runs; it ends by itself, with a status, and leaves no
 * code behind. Which call is the nth differs from run to run: MSE_TEST_FULL tries them, otherwise
 * there is the run without a fault. MSE_FAULT=KIND:N tries the nth one of that kind alone. */
#include "unit/enclave/waiting.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/faults.h"
#include "os/private_dir.h"
#include "unit/net/tlspair.h"

#define POINTS     300 /* of each kind, with MSE_TEST_FULL */
#define PATIENCE_S 120 /* for one run */
#define TRIES      400 /* for an answer, each after a pause */

struct fault {
    enum fault_kind kind;
    size_t nth;
    struct fault_report *report;
};

static void arm(void *arg)
{
    const struct fault *f = arg;
    fault_arm(f->kind, f->nth, f->report);
}

struct outcome {
    bool served;      /* the app answered, with all that it was given */
    bool wrong;       /* it answered with anything else */
    int wait_status;  /* as waitpid tells it */
    bool hung;        /* it had to be killed */
    bool said_failed; /* an event says why it ended */
    char dir[200];
};

static void pause_a_little(void)
{
    const struct timespec t = { 0, 10000000 };
    (void)nanosleep(&t, NULL);
}

/* One request; false if no whole answer came. Nothing of it may fail the test: the server may. */
static bool ask(char *out, size_t cap, const struct world *w, const char *name, const char *request)
{
    const struct timeval limit = { 20, 0 };
    struct test_client c;
    size_t len = 0;
    size_t got = 0;
    int fd = test_connect(w->port);
    if (fd < 0) {
        return false;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    bool good = test_client_open_on(&c, fd, name, "\x08http/1.1", TLS1_3_VERSION) &&
                test_client_write(&c, request, strlen(request));
    while (good && len < cap - 1 && SSL_read_ex(c.ssl, out + len, cap - 1 - len, &got) == 1) {
        len += got;
    }
    out[len] = '\0';
    test_client_close(&c);
    return good && strncmp(out, "HTTP/1.1 ", 9) == 0;
}

static bool has_ended(const struct world *w, struct outcome *o)
{
    return waitpid(w->pid, &o->wait_status, WNOHANG) == w->pid;
}

/* Sends the configuration until it is taken, or the runtime is gone. One fault is one refusal: the
 * second attempt has to pass. */
static bool configure(const struct world *w, struct outcome *o, bool *gone)
{
    char answer[4096];
    const char *body = waiting_body(w, KEY_HEX);
    for (int i = 0; i < TRIES && !*gone; i++) {
        if (ask(answer, sizeof answer, w, WORLD_CONFIG_NAME, waiting_post(TOKEN_HEX, body)) &&
            (strncmp(answer + 9, "200", 3) == 0 || strncmp(answer + 9, "409", 3) == 0)) {
            return true;
        }
        *gone = has_ended(w, o);
        pause_a_little();
    }
    return false;
}

/* Whether the app serves; asks until it does, fails for good, or goes back to waiting. */
static void look(const struct world *w, struct outcome *o, bool *gone)
{
    char answer[4096];
    for (int i = 0; i < TRIES && !*gone && !o->served && !o->wrong; i++) {
        if (ask(answer, sizeof answer, w, WORLD_CONFIG_NAME, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")) {
            if (strstr(answer, "Mse-Status: Waiting") != NULL) {
                (void)configure(w, o, gone);
            } else if (strstr(answer, "Mse-Status: Running") != NULL &&
                       ask(answer, sizeof answer, w, FIXTURE_SAN,
                           "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) {
                o->served = waiting_has_all(w, answer);
                o->wrong = strncmp(answer, "HTTP/1.1 200", 12) == 0 && !o->served;
            }
        }
        *gone = *gone || has_ended(w, o);
        pause_a_little();
    }
}

static void reap(const struct world *w, struct outcome *o)
{
    for (int i = 0; i < PATIENCE_S * 100; i++) {
        if (has_ended(w, o)) {
            return;
        }
        pause_a_little();
    }
    o->hung = true;
    (void)kill(w->pid, SIGKILL);
    (void)waitpid(w->pid, &o->wait_status, 0);
}

/* What the runtime said; it is gone, or does not say more. */
static void hear_events(const struct world *w, struct outcome *o)
{
    struct pollfd p = { w->events[0], POLLIN, 0 };
    const char *line = "";
    do {
        if (poll(&p, 1, 0) != 1) {
            return;
        }
        line = world_event(w);
        o->said_failed = o->said_failed || strncmp(line, "4 ", 2) == 0;
    } while (*line != '\0');
}

static void run(struct outcome *o, struct fault *f)
{
    struct world w;
    bool gone = false;
    *o = (struct outcome) { .served = false };
    memset(f->report, 0, sizeof *f->report);
    waiting_world(&w);
    w.tell_dir = true;
    w.in_child = arm;
    w.in_child_arg = f;
    world_begin(&w);
    const char *told = world_event(&w);
    (void)snprintf(o->dir, sizeof o->dir, "%s", strlen(told) > 2 ? told + 2 : "");
    if (configure(&w, o, &gone)) {
        look(&w, o, &gone);
    }
    if (!gone) {
        (void)kill(w.pid, SIGTERM);
        reap(&w, o);
    }
    hear_events(&w, o);
    (void)close(w.package_fd);
    world_clear(&w);
}

/* A sanitizer stands between all callers and the library of faults, so that nobody knows them. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

/* libuv ends the process where it gets no memory for its tables, or cannot wake itself up. */
static bool is_abort_of_libuv(const struct fault *f, const struct outcome *o)
{
    return (SANITIZED || strncmp(f->report->file, "libuv.so", 8) == 0) && !o->hung && !o->wrong &&
           WIFSIGNALED(o->wait_status) && WTERMSIG(o->wait_status) == SIGABRT;
}

/* OpenSSL keeps some failures of its first use for good: then no connection is ever made. */
static bool is_shut(const struct fault *f, const struct outcome *o)
{
    return f->kind == FAULT_MEMORY && !o->served &&
           (strncmp(f->report->file, "libcrypto.so", 12) == 0 ||
            strncmp(f->report->file, "libssl.so", 9) == 0);
}

static bool is_clean(const struct fault *f, const struct outcome *o)
{
    if (is_abort_of_libuv(f, o)) {
        return o->dir[0] == '\0' || mse_tree_remove(o->dir);
    }
    /* A wrong argument is a fault of ours; its number is also what sanitizers end with. */
    bool ended = !o->hung && WIFEXITED(o->wait_status) &&
                 WEXITSTATUS(o->wait_status) != (int)MSE_ERR_ARGUMENT;
    bool left = o->dir[0] != '\0' && access(o->dir, F_OK) == 0;
    bool transient = f->kind == FAULT_INTERRUPTED || f->kind == FAULT_SHORT;
    if (ended && !o->wrong && !left &&
        (o->served || is_shut(f, o) ||
         (!transient && (WEXITSTATUS(o->wait_status) != MSE_OK || o->said_failed)))) {
        return true;
    }
    print_message("# kind %d, call %zu (%s of %s):%s%s%s%s status %x, %s\n", (int)f->kind, f->nth,
                  f->report->name, f->report->file, o->served ? " served" : "",
                  o->wrong ? " WRONG" : "", o->hung ? " HUNG" : "", left ? " LEFT" : "",
                  (unsigned)o->wait_status, o->said_failed ? "said why" : "said nothing");
    return false;
}

static struct fault_report *shared_report(void)
{
    void *p = mmap(NULL, sizeof(struct fault_report), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

static void every(enum fault_kind kind)
{
    struct fault f = { kind, 0, shared_report() };
    struct outcome o;
    size_t dirty = 0;
    size_t met = 0;
    run(&o, &f);
    assert_true(o.served && is_clean(&f, &o)); /* without a fault */
    size_t all = f.report->calls;
    bool many = getenv("MSE_TEST_FULL") != NULL && getenv("MSE_TEST_STRIDE") == NULL;
    size_t stride = all <= POINTS ? 1 : all / POINTS;
    for (size_t n = stride == 1 ? 1 : 1 + stride / 2; many && n <= all; n += stride) {
        f.nth = n;
        run(&o, &f);
        met += f.report->name[0] != '\0' ? 1 : 0;
        dirty += is_clean(&f, &o) ? 0 : 1;
    }
    print_message("# %zu calls could fail, %zu did\n", all, met);
    assert_true(!many || all == 0 || met > 0);
    assert_int_equal(dirty, 0);
    (void)munmap(f.report, sizeof *f.report);
}

static void test_memory(void **state)
{
    (void)state;
    every(FAULT_MEMORY);
}

static void test_calls(void **state)
{
    (void)state;
    every(FAULT_CALL);
}

static void test_interrupted(void **state)
{
    (void)state;
    every(FAULT_INTERRUPTED);
}

static void test_short(void **state)
{
    (void)state;
    every(FAULT_SHORT);
}

/* KIND:N of the environment; false if there is none. */
static bool only(void)
{
    const char *text = getenv("MSE_FAULT");
    struct fault f = { FAULT_NONE, 0, NULL };
    struct outcome o;
    char *end = NULL;
    unsigned long kind = text == NULL ? 0 : strtoul(text, &end, 10);
    if (text == NULL || kind > FAULT_SHORT || *end != ':') {
        return false;
    }
    f.nth = strtoul(end + 1, NULL, 10);
    f.kind = (enum fault_kind)kind;
    f.report = shared_report();
    run(&o, &f);
    print_message("# %s of %s: %s\n", f.report->name, f.report->file,
                  is_clean(&f, &o) ? "clean" : "not clean");
    return true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_short),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    if (only()) {
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
