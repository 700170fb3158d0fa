/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a program with exactly what it is given: descriptors, environment, user, limits. */
#ifndef OS_SPAWN_H
#define OS_SPAWN_H

#include <sys/types.h>

#include <mse/status.h>

#define MSE_SPAWN_SAME_USER ((uid_t)-1)
#define MSE_SPAWN_MAX_EXTRA 3

struct mse_spawn {
    const char *const *argv; /* argv[0] is the absolute path of the program; NULL-terminated */
    const char *const *envp; /* NULL-terminated */
    const char *cwd;
    int stdin_fd;
    int stdout_fd;
    int stderr_fd;
    const int *extra_fds; /* become descriptors 3, 4, ...; -1: none */
    size_t num_extra_fds; /* at most MSE_SPAWN_MAX_EXTRA */
    uid_t uid;            /* user and only group; MSE_SPAWN_SAME_USER: no change */
    bool no_new_privs;
    bool filter;        /* of system calls (os/filter.h); wants no_new_privs */
    unsigned max_files; /* bound on descriptors; 0: enough for an app */
};
/* Starts it in a session of its own, with a keyring of its own, without core dumps, and with a
 * bound on descriptors and, with a user id of its own, on processes. All other descriptors are
 * closed. It is killed when the calling thread ends. Returns once the program is executed;
 * MSE_ERR_NOT_FOUND if there is no such program, MSE_ERR_IO with the step that failed otherwise. */
MSE_MUST_USE mse_status mse_spawn(pid_t *out, const struct mse_spawn *s, struct mse_error *err);

/* Opens /dev/null as every one of the descriptors 0 to 2 that is closed: otherwise the next socket
 * could become the one that the log is written to. */
MSE_MUST_USE bool mse_std_fds(void);
/* Marks every descriptor from lowest on close-on-exec. */
MSE_MUST_USE bool mse_cloexec_from(int lowest);

/* Tells whether this process may give all these user ids to others: it is root, and not of a user
 * namespace that lacks them. */
bool mse_owns_uids(uid_t first, uid_t last);
/* A user id between first and last that no process has; it stays reserved for this process, among
 * all that call this, until *out_lock is closed. Root only. */
MSE_MUST_USE mse_status mse_reserve_uid(uid_t *out, int *out_lock, uid_t first, uid_t last,
                                        struct mse_error *err);

#endif
