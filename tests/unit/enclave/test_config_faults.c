/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration path when the system fails it: the runtime waits, is configured, starts its
 * app, serves and ends, and in each run one call of the C library fails, another one each time.
 * Then it has all that was given or nothing runs; it ends by itself, with a status, and leaves no
 * code behind. A run without faults lists the places that make such calls, each with its callers;
 * the call that a place makes first fails in one run, the fourth, the sixteenth and so on in
 * others. MSE_FAULTS=all tries all of them, otherwise a few of each kind. MSE_FAULT=KIND:PLACE:N
 * tries one.
 */
#include "unit/enclave/waiting.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/fault_sweep.h"
#include "os/private_dir.h"
#include "unit/net/tlspair.h"

#define FEW        4   /* places of each kind, without MSE_FAULTS=all */
#define PATIENCE_S 120 /* for one run */
#define TRIES      400 /* for an answer, each after a pause */

static void arm(void *arg)
{
    fault_run_arm(arg);
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

static time_t now(void)
{
    struct timespec t = { 0, 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* Each answer has a limit of its own; a runtime that is deaf would take all of them. */
static bool is_late(time_t since)
{
    return now() - since > PATIENCE_S;
}

/* -1 where nobody listens any more. */
static int dial(uint16_t port)
{
    const struct timeval limit = { 20, 0 };
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(port),
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* One request; false if no whole answer came. Nothing of it may fail the test: the server may. */
static bool ask(char *out, size_t cap, const struct world *w, const char *name, const char *request)
{
    struct test_client c;
    size_t len = 0;
    size_t got = 0;
    int fd = dial(w->port);
    if (fd < 0) {
        return false;
    }
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
    time_t since = now();
    for (int i = 0; i < TRIES && !*gone && !is_late(since); i++) {
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
    time_t since = now();
    for (int i = 0; i < TRIES && !*gone && !o->served && !o->wrong && !is_late(since); i++) {
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

/* Asks it to end, each second again: a pipe of libuv's that breaks loses the signal in it. */
static void reap(const struct world *w, struct outcome *o)
{
    for (int i = 0; i < PATIENCE_S * 100; i++) {
        if (i % 100 == 0) {
            (void)kill(w->pid, SIGTERM);
        }
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

static void run(struct outcome *o, struct fault_run *f)
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
    (void)close(w.listen_fd); /* who connects when it is gone is told so */
    w.listen_fd = -1;
    const char *told = world_event(&w);
    (void)snprintf(o->dir, sizeof o->dir, "%s", strlen(told) > 2 ? told + 2 : "");
    if (configure(&w, o, &gone)) {
        look(&w, o, &gone);
    }
    if (!gone) {
        reap(&w, o);
    }
    hear_events(&w, o);
    (void)close(w.package_fd);
    world_clear(&w);
}

/* libuv ends the process where it gets no memory for its tables or threads, or cannot wake itself
 * up; libarchive where it gets none for a text. */
static bool is_abort_of_library(const struct fault_run *f, const struct outcome *o)
{
    return (strncmp(f->report->file, "libuv.so", 8) == 0 ||
            strncmp(f->report->file, "libarchive.so", 13) == 0) &&
           !o->hung && !o->wrong && WIFSIGNALED(o->wait_status) &&
           WTERMSIG(o->wait_status) == SIGABRT;
}

static bool is_clean(const struct fault_run *f, const struct outcome *o)
{
    if (is_abort_of_library(f, o)) {
        return o->dir[0] == '\0' || mse_tree_remove(o->dir);
    }
    /* A wrong argument is a fault of ours; its number is also what sanitizers end with. */
    bool ended = !o->hung && WIFEXITED(o->wait_status) &&
                 WEXITSTATUS(o->wait_status) != (int)MSE_ERR_ARGUMENT;
    bool left = o->dir[0] != '\0' && access(o->dir, F_OK) == 0;
    bool transient = f->kind == FAULT_INTERRUPTED || f->kind == FAULT_SHORT;
    if (ended && !o->wrong && !left &&
        (o->served || (!transient && (WEXITSTATUS(o->wait_status) != MSE_OK || o->said_failed)))) {
        return true;
    }
    char how[160];
    (void)snprintf(how, sizeof how, "%s%s%s%sstatus %x, %s", o->served ? "served, " : "",
                   o->wrong ? "WRONG, " : "", o->hung ? "HUNG, " : "", left ? "LEFT, " : "",
                   (unsigned)o->wait_status, o->said_failed ? "said why" : "said nothing");
    fault_run_print(f, how);
    return false;
}

static int setup(void **state)
{
    struct fault_sweep *s = fault_sweep_new();
    struct fault_run f = fault_sweep_first(s);
    struct outcome o;
    run(&o, &f);
    bool good = o.served && is_clean(&f, &o); /* without a fault */
    print_message("# %zu places\n", fault_sweep_places(s));
    *state = s;
    return good && fault_sweep_places(s) > 0 ? 0 : -1;
}

static int teardown(void **state)
{
    fault_sweep_free(*state);
    return 0;
}

static enum fault_end try_run(void *arg, struct fault_run *f)
{
    struct outcome o;
    (void)arg;
    run(&o, f);
    if (!is_clean(f, &o)) {
        return FAULT_DIRTY;
    }
    return is_abort_of_library(f, &o) ? FAULT_ENDED : FAULT_CLEAN;
}

static void every(struct fault_sweep *s, enum fault_kind kind)
{
    struct fault_totals t = fault_sweep_kind(s, kind, FEW, try_run, NULL);
    print_message("# %zu places, %zu calls failed, libraries ended %zu runs\n", t.places, t.met,
                  t.ended);
    assert_true(t.places == 0 || t.met > 0);
    assert_int_equal(t.dirty, 0);
}

static void test_memory(void **state)
{
    every(*state, FAULT_MEMORY);
}

static void test_calls(void **state)
{
    every(*state, FAULT_CALL);
}

static void test_interrupted(void **state)
{
    every(*state, FAULT_INTERRUPTED);
}

static void test_short(void **state)
{
    every(*state, FAULT_SHORT);
}

/* The one of the environment; false if there is none. */
static bool only(void)
{
    struct fault_sweep *s = fault_sweep_new();
    struct fault_run f = fault_sweep_first(s);
    struct outcome o;
    bool given = false;
    f.list = NULL;
    fault_run_read(&f, &given);
    if (given) {
        run(&o, &f);
        fault_run_print(&f, is_clean(&f, &o) ? "clean" : "not clean");
    }
    fault_sweep_free(s);
    return given;
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
    return cmocka_run_group_tests(tests, setup, teardown);
}
