/* SPDX-License-Identifier: Apache-2.0 */
/* msed run: starts the roles of this machine as processes of their own, starts again what dies, and
 * stops all of them with itself. It opens no database and no port. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "base/error.h"
#include "base/io.h"
#include "base/log.h"
#include "base/util.h"
#include "net/loop.h"
#include "operator/msed.h"
#include "os/spawn.h"

#define WHO         "msed"
#define MAX_ROLES   4
#define OUTPUT_LEN  512
#define BACKOFF_MIN 200U
#define BACKOFF_MAX 5000U
#define LIVED_MS    10000U /* who lived for so long is started again at once */
#define STOP_MS     15000U
#define MAX_FILES   1048576U

/* In this order, those that the program knows. */
static const char *const names[MAX_ROLES] = { "api", "node", "gateway", NULL };

struct run;
struct role {
    struct run *run;
    const char *name;
    pid_t pid; /* 0: does not run */
    int out;   /* the end of its stdout that we read; -1: none */
    uv_poll_t poll;
    uv_timer_t again;
    bool ready; /* it once was: what stops it now is not the configuration */
    unsigned backoff_ms;
    uint64_t begun;
};

struct run {
    const struct cli *c;
    const char *config;
    uv_loop_t loop;
    uv_signal_t signals[3];
    uv_timer_t patience;
    struct role roles[MAX_ROLES];
    size_t num_roles;
    bool stopping;
    enum cli_exit status;
};

static void role_start(struct role *r);

static bool any_runs(const struct run *u)
{
    bool any = false;
    for (size_t i = 0; i < u->num_roles; i++) {
        any = any || u->roles[i].pid > 0;
    }
    return any;
}

static void kill_all(const struct run *u, int number)
{
    for (size_t i = 0; i < u->num_roles; i++) {
        if (u->roles[i].pid > 0) {
            (void)kill(u->roles[i].pid, number); /* our child, not waited for yet */
        }
    }
}

static void on_patience(uv_timer_t *h)
{
    struct run *u = h->data;
    mse_log(MSE_LOG_WARN, WHO, "some did not stop in time, and are killed");
    kill_all(u, SIGKILL);
}

static void stop(struct run *u, enum cli_exit status)
{
    if (!u->stopping) {
        u->stopping = true;
        u->status = status;
        (void)uv_timer_start(&u->patience, on_patience, STOP_MS, 0);
    }
    kill_all(u, SIGTERM);
    if (!any_runs(u)) {
        uv_stop(&u->loop);
    }
}

/* What a role prints is passed on. The first of it says that it is ready. */
static void on_output(uv_poll_t *h, int status, int events)
{
    struct role *r = h->data;
    uint8_t text[OUTPUT_LEN];
    (void)events;
    ssize_t n = status < 0 ? 0 : read(r->out, text, sizeof text);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        (void)uv_poll_stop(h);
        return;
    }
    r->ready = true;
    if (!mse_io_write(STDOUT_FILENO, (struct mse_bytes) { text, (size_t)n })) {
        mse_log(MSE_LOG_WARN, WHO, "stdout: %s", strerror(errno));
    }
}

static void on_poll_closed(uv_handle_t *h)
{
    struct role *r = h->data;
    struct run *u = r->run;
    (void)close(r->out);
    r->out = -1;
    if (u->stopping && !any_runs(u)) {
        uv_stop(&u->loop);
    }
}

static void on_again(uv_timer_t *h)
{
    struct role *r = h->data;
    if (!r->run->stopping) {
        role_start(r);
    }
}

static void role_ended(struct role *r, int status)
{
    struct run *u = r->run;
    r->pid = 0;
    on_output(&r->poll, 0, 0); /* what it said last */
    uv_close((uv_handle_t *)&r->poll, on_poll_closed);
    if (u->stopping) {
        return;
    }
    if (WIFSIGNALED(status)) {
        mse_log(MSE_LOG_ERROR, WHO, "%s was ended by signal %d", r->name, WTERMSIG(status));
    } else {
        mse_log(MSE_LOG_ERROR, WHO, "%s ended with status %d", r->name, WEXITSTATUS(status));
    }
    if (!r->ready && WIFEXITED(status)) {
        mse_log(MSE_LOG_ERROR, WHO, "%s could not start, so nothing does", r->name);
        stop(u, CLI_TROUBLE);
        return;
    }
    unsigned next = r->backoff_ms * 2;
    r->backoff_ms = uv_now(&u->loop) - r->begun >= LIVED_MS || next == 0 ? BACKOFF_MIN
                    : next > BACKOFF_MAX                                 ? BACKOFF_MAX
                                                                         : next;
    (void)uv_timer_start(&r->again, on_again, r->backoff_ms, 0);
}

static void reap(struct run *u)
{
    for (size_t i = 0; i < u->num_roles; i++) {
        struct role *r = &u->roles[i];
        int status = 0;
        if (r->pid > 0 && waitpid(r->pid, &status, WNOHANG) == r->pid) {
            role_ended(r, status);
        }
    }
}

static void on_signal(uv_signal_t *h, int number)
{
    struct run *u = h->data;
    if (number == SIGCHLD) {
        reap(u);
    } else if (u->stopping) {
        kill_all(u, SIGKILL);
    } else {
        stop(u, CLI_DONE);
    }
}

/* Its stdout is a pipe, so that it is known when it is ready. */
static mse_status spawn(struct role *r, int *out, struct mse_error *err)
{
    const char *const argv[] = { MSED_SELF, r->name, "--config", r->run->config, NULL };
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "run", "pipe: %s", strerror(errno));
    }
    const struct mse_spawn s = {
        .argv = argv,
        .envp = (const char *const *)environ,
        .cwd = ".",
        .stdin_fd = STDIN_FILENO,
        .stdout_fd = fds[1],
        .stderr_fd = STDERR_FILENO,
        .uid = MSE_SPAWN_SAME_USER,
        .max_files = MAX_FILES,
    };
    mse_status st = mse_spawn(&r->pid, &s, err);
    (void)close(fds[1]);
    if (st != MSE_OK || !mse_net_prepare_fd(fds[0])) {
        (void)close(fds[0]);
        return st;
    }
    *out = fds[0];
    return MSE_OK;
}

static void role_start(struct role *r)
{
    struct mse_error err = { 0 };
    struct run *u = r->run;
    r->begun = uv_now(&u->loop);
    mse_status st = spawn(r, &r->out, &err);
    if (st == MSE_OK && (uv_poll_init(&u->loop, &r->poll, r->out) != 0 ||
                         uv_poll_start(&r->poll, UV_READABLE, on_output) != 0)) {
        st = MSE_FAIL(&err, MSE_ERR_IO, "run", "the event loop refused");
    }
    if (st != MSE_OK) {
        mse_log(MSE_LOG_ERROR, WHO, "%s: %s", r->name, err.text);
        stop(u, CLI_TROUBLE);
    }
}

static bool knows(const char *name)
{
    bool found = false;
    for (const struct cli_command *k = msed_program.commands; k->name != NULL; k++) {
        found = found || (k->group == NULL && strcmp(k->name, name) == 0);
    }
    return found;
}

static void set_up(struct run *u)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGCHLD };
    for (size_t i = 0; i < MSE_ARRAY_LEN(numbers); i++) {
        (void)uv_signal_init(&u->loop, &u->signals[i]);
        u->signals[i].data = u;
        (void)uv_signal_start(&u->signals[i], on_signal, numbers[i]);
    }
    (void)uv_timer_init(&u->loop, &u->patience);
    u->patience.data = u;
    for (size_t i = 0; names[i] != NULL; i++) {
        if (knows(names[i])) {
            struct role *r = &u->roles[u->num_roles++];
            *r = (struct role) { .run = u, .name = names[i], .out = -1 };
            (void)uv_timer_init(&u->loop, &r->again);
            r->again.data = r;
            r->poll.data = r;
        }
    }
}

enum cli_exit cmd_run(struct cli *c)
{
    struct msed m;
    struct run u = { .c = c,
                     .config = cli_has(c, "config") ? cli_value(c, "config") : MSED_CONFIG };
    enum cli_exit e = msed_configure(&m, c); /* what is wrong with it is said once */
    msed_close(&m);
    if (e != CLI_DONE) {
        return e;
    }
    if (uv_loop_init(&u.loop) != 0) {
        return cli_trouble(c, "no event loop");
    }
    set_up(&u);
    for (size_t i = 0; i < u.num_roles && !u.stopping; i++) {
        role_start(&u.roles[i]);
    }
    (void)uv_run(&u.loop, UV_RUN_DEFAULT);
    mse_net_loop_clear(&u.loop);
    return u.status;
}
