/* SPDX-License-Identifier: Apache-2.0 */
/* See plain.h. Between fork and exec only async-signal-safe calls are made, and execvp(3), which is
 * one here: it allocates on its stack. */
#include "os/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"

/* execve takes what it does not change as not const. */
static char **for_exec(const char *const *list)
{
    union {
        const char *const *in;
        char **out;
    } u = { .in = list };
    return u.out;
}

/* The runtime's own dispositions are gone with exec; what it blocks and ignores is not. */
static bool own_signals(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    return signal(SIGPIPE, SIG_DFL) != SIG_ERR && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

_Noreturn static void child(const struct mse_sandbox *s, int report)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    bool ok = null >= 0 && own_signals() && dup2(null, STDIN_FILENO) >= 0 &&
              dup2(s->stdout_fd, STDOUT_FILENO) >= 0 && dup2(s->stderr_fd, STDERR_FILENO) >= 0 &&
              chdir(s->cwd) == 0;
    if (ok) {
        environ = for_exec(s->envp); /* its PATH counts */
        (void)execvp(s->argv[0], for_exec(s->argv));
    }
    int e = errno;
    (void)!write(report, &e, sizeof e);
    _exit(127);
}

mse_status mse_plain_start(struct mse_sandbox_app *out, const struct mse_sandbox *s,
                           struct mse_error *err)
{
    int fds[2];
    int e = 0;
    size_t said = 0;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "app", "pipe: %s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        child(s, fds[1]);
    }
    int saved = errno;
    (void)close(fds[1]);
    bool heard = pid < 0 || mse_io_read(fds[0], (uint8_t *)&e, sizeof e, &said);
    (void)close(fds[0]);
    if (pid < 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "app", "fork: %s", strerror(saved));
    }
    if (!heard || said != 0) {
        (void)kill(pid, SIGKILL); /* it may live, if nothing was heard */
        (void)waitpid(pid, NULL, 0);
        return MSE_FAIL(err, e == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO, "app",
                        "%.150s cannot be started: %s", s->argv[0], strerror(e));
    }
    *out = (struct mse_sandbox_app) { .pid = pid, .init_fd = -1, .life_fd = -1, .alone = true };
    return MSE_OK;
}
