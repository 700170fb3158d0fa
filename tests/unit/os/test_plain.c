/* SPDX-License-Identifier: Apache-2.0 */
/* Programs as they are started under a library OS, here on a kernel. */
#include "lib/testlib.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/faults.h"
#include "os/plain.h"

/* Its output, whole; *status as waitpid gives it. */
static mse_status run(char *out, size_t cap, int *status, const char *const *argv,
                      const char *const *envp, struct mse_error *err)
{
    int fds[2];
    size_t len = 0;
    ssize_t n = 0;
    struct mse_sandbox_app app = { .pid = -1 };
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    const struct mse_sandbox s = {
        .argv = argv, .envp = envp, .cwd = "/", .stdout_fd = fds[1], .stderr_fd = fds[1]
    };
    mse_status st = mse_plain_start(&app, &s, err);
    (void)close(fds[1]);
    while ((n = read(fds[0], out + len, cap - 1 - len)) > 0) {
        len += (size_t)n;
    }
    out[len] = '\0';
    (void)close(fds[0]);
    if (st == MSE_OK) {
        assert_true(app.alone);
        assert_int_equal(waitpid(app.pid, status, 0), app.pid);
    }
    return st;
}

/* Exactly its environment, its folder, and no signal blocked. */
static void what_it_gets(void **state)
{
    (void)state;
    static const char script[] = "pwd; /usr/bin/env -u PWD -u SHLVL -u _ | sort; "
                                 "grep SigBlk /proc/self/status; exit 7";
    const char *const argv[] = { "sh", "-c", script, NULL };
    const char *const envp[] = { "PATH=/usr/bin:/bin", "A=b", NULL };
    char out[1024];
    int status = 0;
    sigset_t term;
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &term, NULL), 0);
    assert_status(run(out, sizeof out, &status, argv, envp, NULL), MSE_OK);
    assert_string_equal(out, "/\nA=b\nPATH=/usr/bin:/bin\nSigBlk:\t0000000000000000\n");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void no_such_program(void **state)
{
    (void)state;
    const char *const envp[] = { "PATH=/nowhere", NULL };
    const char *const argv[] = { "sh", NULL };
    const char *const text[] = { "/etc/passwd", NULL };
    char out[64];
    int status = 0;
    struct mse_error err = { 0 };
    assert_status(run(out, sizeof out, &status, argv, envp, &err), MSE_ERR_NOT_FOUND);
    assert_string_equal(err.text, "sh cannot be started: No such file or directory");
    assert_status(run(out, sizeof out, &status, text, envp, NULL), MSE_ERR_IO);
}

/* A signal while it is being started is no failure of its start. */
static void interrupted(void **state)
{
    (void)state;
    const char *const argv[] = { "true", NULL };
    const char *const envp[] = { "PATH=/usr/bin:/bin", NULL };
    const struct mse_sandbox s = { .argv = argv,
                                   .envp = envp,
                                   .cwd = "/",
                                   .stdout_fd = STDOUT_FILENO,
                                   .stderr_fd = STDERR_FILENO };
    struct mse_sandbox_app app = { .pid = -1 };
    struct fault_report seen = { .calls = 0 };
    int status = -1;
    fault_arm(FAULT_INTERRUPTED, 1, &seen);
    mse_status st = mse_plain_start(&app, &s, NULL);
    fault_disarm();
    assert_string_equal(seen.name, "read");
    assert_status(st, MSE_OK);
    assert_int_equal(waitpid(app.pid, &status, 0), app.pid);
    assert_int_equal(status, 0);
}

/* A signal for it is for nobody else. */
static void signals(void **state)
{
    (void)state;
    const char *const argv[] = { "sleep", "600", NULL };
    const char *const envp[] = { "PATH=/usr/bin:/bin", NULL };
    void (*const end[])(const struct mse_sandbox_app *) = { mse_sandbox_terminate,
                                                            mse_sandbox_kill };
    const int wanted[] = { SIGTERM, SIGKILL };
    const struct mse_sandbox s = { .argv = argv,
                                   .envp = envp,
                                   .cwd = "/",
                                   .stdout_fd = STDOUT_FILENO,
                                   .stderr_fd = STDERR_FILENO };
    for (size_t i = 0; i < 2; i++) {
        struct mse_sandbox_app app = { .pid = -1 };
        int status = 0;
        assert_status(mse_plain_start(&app, &s, NULL), MSE_OK);
        end[i](&app);
        assert_int_equal(waitpid(app.pid, &status, 0), app.pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), wanted[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_gets),
        cmocka_unit_test(no_such_program),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
