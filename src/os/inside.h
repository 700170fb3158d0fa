/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets inside the app's network namespace, for the runtime outside it: made there by a helper
 * process, which is forked before anything secret exists, and handed over. */
#ifndef OS_INSIDE_H
#define OS_INSIDE_H

#include <sys/types.h>

#include <mse/status.h>

struct mse_inside {
    pid_t pid; /* 0: there is no helper */
    int fd;    /* to it; -1: none */
    bool joined;
};
/* Forks the helper. It ends with this process, and holds nothing of it. */
MSE_MUST_USE mse_status mse_inside_start(struct mse_inside *out, struct mse_error *err);
/* Has the helper enter the network namespace of the process pid, for good, and give up every right
 * that it gained by that. pidfd refers to the same process, so that no other one is meant.
 * MSE_ERR_UNSUPPORTED: that is not possible here, or the namespace is our own. */
MSE_MUST_USE mse_status mse_inside_join(struct mse_inside *s, pid_t pid, int pidfd,
                                        struct mse_error *err);
/* A fresh TCP socket (IPv4) of the namespace, non-blocking and close-on-exec; -1 with errno. */
int mse_inside_socket(struct mse_inside *s);
/* Ends the helper; accepts the empty state. */
void mse_inside_clear(struct mse_inside *s);

#endif
