/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the runtime with nothing but what it is given. */
#ifndef SIM_SPAWN_H
#define SIM_SPAWN_H

#include <sys/types.h>

#include <mse/status.h>

#define MSE_SIM_MORE_FD  8
#define MSE_SIM_MAX_MORE ((size_t)8)

struct mse_sim_spawn {
    int exec_fd;         /* the sealed runtime */
    int control_fd;      /* becomes 3 */
    int manifest_fd;     /* becomes 4 */
    int package_fd;      /* becomes 5; -1: none */
    int listen_fd;       /* becomes 6; -1: none */
    int state_fd;        /* becomes 7; -1: none */
    const int *more_fds; /* become MSE_SIM_MORE_FD and so on; -1: none */
    size_t num_more;
    const char *const *argv; /* NULL-terminated */
};
/* mse_sim_spawn starts it in a process group of its own with an empty environment, default signals,
 * the working directory /, stdin /dev/null, and a SIGTERM when this thread's process dies. All
 * descriptors are borrowed. The caller reaps *out_pid and closes *out_pidfd. */
MSE_MUST_USE mse_status mse_sim_spawn(pid_t *out_pid, int *out_pidfd, const struct mse_sim_spawn *s,
                                      struct mse_error *err);

#endif
