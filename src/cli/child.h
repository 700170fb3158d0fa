/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that a command runs and waits for: the user's tests, mse itself. */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <sys/types.h>

#include <mse/status.h>

struct cli_child {
    const char *const *argv; /* argv[0] is looked for in PATH; NULL-terminated */
    const char *const *env;  /* pairs of name and value, ended by NULL, over the environment */
    const char *cwd;         /* NULL: here */
    int stdout_fd;           /* -1: this process's own */
    int stderr_fd;
    bool own_group; /* a Ctrl-C on the terminal does not reach it */
};
/* Starts it with stdin from /dev/null; it gets SIGTERM when the calling thread ends. Returns once
 * it is executed. MSE_ERR_NOT_FOUND: there is no such program; MSE_ERR_IO. */
MSE_MUST_USE mse_status cli_child_start(pid_t *out, const struct cli_child *k,
                                        struct mse_error *err);
/* Waits for its end, through interruptions. Its exit status, 128 + n if signal n ended it. */
int cli_child_wait(pid_t pid);

#endif
