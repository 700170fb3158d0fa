/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

static bool child_files(const struct cli_child *k)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
           (k->stdout_fd < 0 || dup2(k->stdout_fd, STDOUT_FILENO) >= 0) &&
           (k->stderr_fd < 0 || dup2(k->stderr_fd, STDERR_FILENO) >= 0) &&
           (k->cwd == NULL || chdir(k->cwd) == 0);
}

static bool child_env(const char *const *env)
{
    for (; env != NULL && env[0] != NULL; env += 2) {
        if (setenv(env[0], env[1], 1) != 0) { /* NOLINT(concurrency-mt-unsafe) */
            return false;
        }
    }
    return true;
}

/* In the child; tells why it failed through the pipe, which closes when the program runs. */
_Noreturn static void child(const struct cli_child *k, int report_fd, pid_t parent)
{
    struct sigaction def = { .sa_handler = SIG_DFL };
    (void)sigemptyset(&def.sa_mask);
    (void)sigaction(SIGPIPE, &def, NULL);
    bool ok = prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent &&
              (!k->own_group || setpgid(0, 0) == 0) && child_files(k) && child_env(k->env);
    if (ok) {
        char **argv = NULL;
        memcpy(&argv, &k->argv, sizeof argv); /* execvp takes no const; it changes nothing */
        (void)execvp(argv[0], argv);
    }
    int why = errno;
    (void)!write(report_fd, &why, sizeof why);
    _exit(127);
}

mse_status cli_child_start(pid_t *out, const struct cli_child *k, struct mse_error *err)
{
    int report[2];
    int why = 0;
    pid_t parent = getpid();
    if (pipe2(report, O_CLOEXEC) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "start", "no pipe: %s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        child(k, report[1], parent);
    }
    int fork_errno = errno;
    (void)close(report[1]);
    ssize_t n = 0;
    do {
        n = pid < 0 ? 0 : read(report[0], &why, sizeof why);
    } while (n < 0 && errno == EINTR);
    (void)close(report[0]);
    if (pid < 0 || n != 0) {
        why = pid < 0 ? fork_errno : why;
        if (pid > 0) {
            (void)cli_child_wait(pid);
        }
        return MSE_FAIL(err, why == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO, "start",
                        "%.100s cannot be run: %s", k->argv[0], strerror(why));
    }
    *out = pid;
    return MSE_OK;
}

int cli_child_wait(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return 127;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
