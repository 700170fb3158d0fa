/* SPDX-License-Identifier: Apache-2.0 */
/* fork and execveat. Between the two only async-signal-safe calls are made. */
#include "sim/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"

#define FIRST_FD  3
#define EXEC_FD   16 /* close-on-exec */
#define REPORT_FD 17 /* close-on-exec: the errno of what failed, or nothing */
#define PAST_FDS  18
#define SAFE_FD   64 /* above all fixed numbers */

/* Puts fd at `number`, or closes `number` if there is none. */
static bool place(int fd, int number, bool keep)
{
    if (fd < 0) {
        (void)close(number);
        return true;
    }
    return dup3(fd, number, keep ? 0 : O_CLOEXEC) == number;
}

static bool place_all(const struct mse_sim_spawn *s, int report_fd)
{
    int fds[PAST_FDS - FIRST_FD] = { s->control_fd, s->manifest_fd, s->package_fd, s->listen_fd,
                                     s->state_fd };
    int high[MSE_ARRAY_LEN(fds)];
    for (size_t i = 0; i < MSE_SIM_MAX_MORE; i++) {
        fds[MSE_SIM_MORE_FD - FIRST_FD + i] = i < s->num_more ? s->more_fds[i] : -1;
    }
    fds[EXEC_FD - FIRST_FD] = s->exec_fd;
    fds[REPORT_FD - FIRST_FD] = report_fd;
    /* First out of the way of each other. */
    for (size_t i = 0; i < MSE_ARRAY_LEN(fds); i++) {
        high[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, SAFE_FD);
        if (fds[i] >= 0 && high[i] < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(fds); i++) {
        int number = FIRST_FD + (int)i;
        if (!place(high[i], number, number < EXEC_FD)) {
            return false;
        }
    }
    /* Gets a number that is free, 5 or 6 perhaps: it must not stay. */
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) != STDIN_FILENO ||
        fcntl(STDIN_FILENO, F_SETFD, 0) != 0) { /* dup2 does nothing when it got number 0 */
        return false;
    }
    return syscall(SYS_close_range, PAST_FDS, ~0U, 0) == 0;
}

static bool reset_signals(void)
{
    struct sigaction sa = { 0 };
    sa.sa_handler = SIG_DFL;
    for (int sig = 1; sig < NSIG; sig++) {
        /* Fails for SIGKILL, SIGSTOP and what libc keeps for itself. */
        (void)sigaction(sig, &sa, NULL);
    }
    sigset_t none;
    return sigemptyset(&none) == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static _Noreturn void child(const struct mse_sim_spawn *s, int report_fd, pid_t parent)
{
    static const char *const no_environment[] = { NULL };
    bool ok = place_all(s, report_fd);
    report_fd = ok ? REPORT_FD : report_fd;
    /* Asking for the parent after prctl closes the gap in which it might have died. */
    ok = ok && setpgid(0, 0) == 0 && chdir("/") == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 &&
         getppid() == parent && reset_signals();
    if (ok) {
        /* The call itself: libc's wants argv without const. */
        (void)syscall(SYS_execveat, EXEC_FD, "", s->argv, no_environment, AT_EMPTY_PATH);
    }
    int e = errno;
    ssize_t n = write(report_fd, &e, sizeof e);
    (void)n;
    _exit(127);
}

/* Waits until the child has executed (end of file) or told its errno. */
static int exec_result(int report_fd)
{
    int e = 0;
    ssize_t n = 0;
    do {
        n = read(report_fd, &e, sizeof e);
    } while (n < 0 && errno == EINTR);
    return n == 0 ? 0 : (n == (ssize_t)sizeof e && e != 0 ? e : EIO);
}

static mse_status finish(pid_t *out_pid, int *out_pidfd, pid_t pid, int report_fd,
                         struct mse_error *err)
{
    int e = exec_result(report_fd);
    int pidfd = e == 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd < 0) {
        e = e == 0 ? errno : e;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return MSE_FAIL(err, MSE_ERR_IO, "runtime", "could not be started: %s", strerror(e));
    }
    *out_pid = pid;
    *out_pidfd = pidfd;
    return MSE_OK;
}

mse_status mse_sim_spawn(pid_t *out_pid, int *out_pidfd, const struct mse_sim_spawn *s,
                         struct mse_error *err)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "runtime", "pipe: %s", strerror(errno));
    }
    /* No handler of ours may run in the child. */
    sigset_t all;
    sigset_t old;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &old);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        child(s, report[1], parent);
    }
    int e = errno;
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    (void)close(report[1]);
    mse_status st = MSE_OK;
    if (pid < 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "runtime", "fork: %s", strerror(e));
    } else {
        st = finish(out_pid, out_pidfd, pid, report[0], err);
    }
    (void)close(report[0]);
    return st;
}
