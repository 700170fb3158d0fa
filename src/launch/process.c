/* SPDX-License-Identifier: Apache-2.0 */
/* See process.h. */
#include "launch/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "launch/launcher.h"
#include "tee/driver.h"

#define STEP           "launch"
#define REPORT_FD      8 /* of the child until it is executed; the one behind the state's */
#define STATUS_UNKNOWN 0xff00
#define TURN_MS        50
#define SAFE_FD        64 /* above all fixed numbers */

const struct mse_process mse_no_process = { .pidfd = -1, .out_fd = -1 };

/* ---- starting ---- */

/* execve takes what it does not change as not const. */
static char **for_exec(const char *const *list)
{
    union {
        const char *const *in;
        char **out;
    } u = { .in = list };
    return u.out;
}

/* 0 to 2, the state's and, until the program is executed, the report's; nothing else. */
static bool place_fds(const struct mse_process_what *w, int out_fd, int report)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int state = fcntl(w->state_fd, F_DUPFD_CLOEXEC, SAFE_FD);
    int said = fcntl(report, F_DUPFD_CLOEXEC, SAFE_FD);
    return null >= 0 && state >= 0 && said >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
           dup2(out_fd, STDOUT_FILENO) >= 0 &&
           dup2(state, MSE_LAUNCH_STATE_FD) == MSE_LAUNCH_STATE_FD &&
           dup3(said, REPORT_FD, O_CLOEXEC) == REPORT_FD &&
           syscall(SYS_close_range, 3, MSE_LAUNCH_STATE_FD - 1, 0) == 0 &&
           syscall(SYS_close_range, REPORT_FD + 1, ~0U, 0) == 0;
}

static bool own_signals(void)
{
    const struct sigaction sa = { .sa_handler = SIG_DFL };
    sigset_t none;
    for (int number = 1; number < NSIG; number++) {
        (void)sigaction(number, &sa, NULL); /* fails for some, which have no other */
    }
    return sigemptyset(&none) == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static _Noreturn void child(const struct mse_process_what *w, int out_fd, int report, pid_t parent)
{
    bool ok = place_fds(w, out_fd, report);
    report = ok ? REPORT_FD : report;
    /* Asking for the parent after prctl closes the gap in which it might have died. */
    ok = ok && setpgid(0, 0) == 0 && chdir(w->cwd) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 &&
         getppid() == parent && own_signals();
    if (ok) {
        (void)execve(w->argv[0], for_exec(w->argv), for_exec(w->envp));
    }
    int e = errno;
    (void)!write(report, &e, sizeof e);
    _exit(127);
}

static pid_t start_child(const struct mse_process_what *w, int out_fd, int report)
{
    sigset_t all;
    sigset_t old;
    pid_t parent = getpid();
    /* No handler of ours may run in the child. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &old);
    pid_t pid = fork();
    if (pid == 0) {
        child(w, out_fd, report, parent);
    }
    int why = errno;
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    errno = why;
    return pid;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

/* 0 once the program is executed. */
static int exec_result(int report)
{
    int e = 0;
    size_t said = 0;
    bool heard = mse_io_read(report, (uint8_t *)&e, sizeof e, &said);
    return !heard ? errno : said == 0 ? 0 : said == sizeof e && e != 0 ? e : EIO;
}

mse_status mse_process_start(struct mse_process *out, const struct mse_process_what *w,
                             struct mse_error *err)
{
    struct mse_process p = mse_no_process;
    int report[2] = { -1, -1 };
    int lines[2] = { -1, -1 };
    int e = 0;
    if (pipe2(report, O_CLOEXEC) != 0 || pipe2(lines, O_CLOEXEC) != 0) {
        e = errno;
    } else {
        p.pid = start_child(w, lines[1], report[1]);
        e = p.pid < 0 ? errno : 0;
        close_fd(&report[1]);
        e = e == 0 ? exec_result(report[0]) : e;
        p.pidfd = e == 0 ? (int)syscall(SYS_pidfd_open, p.pid, 0) : -1;
        e = e == 0 && (p.pidfd < 0 || fcntl(lines[0], F_SETFL, O_NONBLOCK) != 0) ? errno : e;
    }
    close_fd(&report[0]);
    close_fd(&report[1]);
    close_fd(&lines[1]);
    if (e == 0) {
        p.out_fd = lines[0];
        *out = p;
        return MSE_OK;
    }
    if (p.pid > 0) {
        (void)kill(p.pid, SIGKILL);
        (void)waitpid(p.pid, NULL, 0);
    }
    close_fd(&p.pidfd);
    close_fd(&lines[0]);
    return MSE_FAIL(err, e == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO, STEP,
                    "%.150s cannot be started: %s", w->argv[0], strerror(e));
}

/* ---- what it says ---- */

/* The next event of what was read so far, of those that a runtime tells: that it has ended, say,
 * is no word of its own. */
static bool next_event(struct mse_process *p, struct mse_sim_news *out)
{
    struct mse_sim_news news = { 0 };
    struct mse_bytes in = mse_bytes_of(p->read + p->at, p->len - p->at);
    bool told = false;
    while (!told && mse_event_lines_next(&news, &p->lines, &in)) {
        told = news.event >= MSE_TEE_EVENT_STARTING && news.event <= MSE_TEE_EVENT_WAITING;
    }
    p->at = p->len - in.len;
    if (told) {
        *out = news;
    }
    return told;
}

/* False at the end of the output. */
static bool receive(struct mse_process *p)
{
    ssize_t n = read(p->out_fd, p->read, sizeof p->read);
    p->len = n > 0 ? (size_t)n : 0;
    p->at = 0;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* The rest of its group dies with it: before the reaping, because until then the group's number
 * cannot be anybody else's. */
static int reap(struct mse_process *p)
{
    int status = 0;
    pid_t got = 0;
    (void)kill(-p->pid, SIGKILL);
    (void)kill(p->pid, SIGKILL); /* which may have left its group */
    do {
        got = waitpid(p->pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    status = got == p->pid ? status : STATUS_UNKNOWN;
    p->pid = 0;
    return status;
}

/* Waits for output or the end; what is left of the output at the end is read first. */
static void wait_for(struct mse_process *p, struct mse_sim_news *out, int64_t deadline)
{
    int64_t left = deadline - mse_clock_ms();
    struct pollfd fds[] = { { .fd = p->pidfd, .events = POLLIN },
                            { .fd = p->out_fd, .events = POLLIN } };
    int n = poll(fds, 2, left <= 0 ? 0 : left > INT32_MAX ? -1 : (int)left);
    if (n < 0) {
        out->event = MSE_SIM_INTERRUPTED;
        return;
    }
    bool gone = fds[0].revents != 0;
    if (gone) {
        (void)kill(-p->pid, SIGKILL); /* or others of the group might go on talking */
    }
    bool open = fds[1].revents == 0 || receive(p);
    if (!open) {
        close_fd(&p->out_fd);
    }
    if (next_event(p, out)) {
        return;
    }
    if (gone && (fds[1].revents == 0 || !open)) {
        *out = (struct mse_sim_news) { .event = MSE_SIM_ENDED, .status = reap(p) };
    }
}

mse_status mse_process_serve(struct mse_process *p, struct mse_sim_news *out, int timeout_ms,
                             struct mse_error *err)
{
    int64_t deadline = timeout_ms < 0 ? INT64_MAX : mse_clock_ms() + timeout_ms;
    struct mse_sim_news news = { .event = MSE_SIM_ENDED };
    if (p->pid == 0) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "it has ended");
    }
    bool told = next_event(p, &news);
    if (!told) {
        news.event = MSE_SIM_NOTHING;
    }
    while (news.event == MSE_SIM_NOTHING) {
        wait_for(p, &news, deadline);
        if (mse_clock_ms() >= deadline) {
            break;
        }
    }
    *out = news;
    return MSE_OK;
}

/* ---- the end ---- */

void mse_process_stop(struct mse_process *p, unsigned grace_ms)
{
    int64_t deadline = mse_clock_ms() + (int64_t)grace_ms;
    if (p->pid == 0) {
        return;
    }
    (void)syscall(SYS_pidfd_send_signal, p->pidfd, SIGTERM, NULL, 0);
    while (p->pid != 0 && mse_clock_ms() < deadline) {
        struct mse_sim_news news = { .event = MSE_SIM_NOTHING };
        wait_for(p, &news, deadline);
        if (news.event == MSE_SIM_INTERRUPTED) {
            (void)poll(NULL, 0, TURN_MS);
        }
    }
    if (p->pid != 0) {
        (void)reap(p);
    }
}

void mse_process_clear(struct mse_process *p)
{
    mse_process_stop(p, 0);
    close_fd(&p->pidfd);
    close_fd(&p->out_fd);
}
