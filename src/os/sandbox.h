/* SPDX-License-Identifier: Apache-2.0 */
/* The app's sandbox: bubblewrap with a user, process, mount, network, IPC and UTS namespace of its
 * own, no capability, no new privileges, the system's programs and libraries read-only, the folders
 * it is given, and nothing else of the host. As root the app has a user id of its own outside too.
 */
#ifndef OS_SANDBOX_H
#define OS_SANDBOX_H

#include "os/spawn.h"

struct mse_sandbox_bind {
    const char *host;   /* folder outside */
    const char *inside; /* where the app sees it */
    bool writable;
};

struct mse_sandbox {
    const char *const *argv; /* program as the app's environment finds it; NULL-terminated */
    const char *const *envp; /* exactly the app's environment, "NAME=value"; NULL-terminated */
    const struct mse_sandbox_bind *binds;
    size_t num_binds;
    const char *cwd; /* inside */
    uid_t uid;       /* outside; MSE_SPAWN_SAME_USER if not root */
    int stdout_fd;
    int stderr_fd;
    /* No namespaces at all: paths of binds are the host's then, and must be equal to inside. */
    bool insecure_no_sandbox;
};

struct mse_sandbox_app {
    pid_t pid;  /* our child: reap it; its end is the app's end */
    pid_t init; /* process 1 of the app's namespace as seen here, 0 without a sandbox */
    bool sandbox;
    int init_fd; /* of that process, so that no other one is meant by its number; -1: none */
    int life_fd; /* with a sandbox: when its last copy is closed, all of it ends */
    bool alone;  /* it leads no process group: signals go to it alone (os/plain.h) */
};

/* The user id that the app sees itself as having. */
#define MSE_SANDBOX_INNER_UID 64000

/* However early the caller is killed, nothing of what it started stays, and the app does not begin
 * without it. MSE_ERR_NOT_FOUND: no bubblewrap. MSE_ERR_UNSUPPORTED: the system forbids what the
 * sandbox needs; bubblewrap's own words went to stderr_fd. */
MSE_MUST_USE mse_status mse_sandbox_start(struct mse_sandbox_app *out, const struct mse_sandbox *s,
                                          struct mse_error *err);
/* Asks the app to end (SIGTERM). */
void mse_sandbox_terminate(const struct mse_sandbox_app *a);
/* Ends every process of the app at once. The caller reaps a->pid. */
void mse_sandbox_kill(const struct mse_sandbox_app *a);
/* After a->pid was reaped: waits until no process of the sandbox is left, and releases what *a
 * holds. bubblewrap itself may end before those that the app has left behind. */
void mse_sandbox_finish(struct mse_sandbox_app *a);

#endif
