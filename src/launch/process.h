/* SPDX-License-Identifier: Apache-2.0 */
/* A program of the host that holds an enclave (gramine-sgx), and tells on its standard output what
 * the runtime inside does: a line "mse-event N TEXT" for each event. It is believed as little as
 * the host: whoever uses the app verifies it. */
#ifndef LAUNCH_PROCESS_H
#define LAUNCH_PROCESS_H

#include <sys/types.h>

#include "launch/lines.h"

struct mse_process {
    pid_t pid; /* and number of its process group; 0: there is none, or it is reaped */
    int pidfd;
    int out_fd;
    struct mse_event_lines lines;
    uint8_t read[512]; /* what was read last, and how much of it is not looked at yet */
    size_t len;
    size_t at;
};
extern const struct mse_process mse_no_process;

struct mse_process_what {
    const char *const *argv; /* argv[0] is an absolute path */
    const char *const *envp;
    const char *cwd;
    int state_fd; /* inherited as number MSE_LAUNCH_STATE_FD */
};
/* mse_process_start starts it, standard input /dev/null, standard error inherited. It gets SIGTERM
 * when the thread that called this ends. MSE_ERR_NOT_FOUND: there is no such program. */
MSE_MUST_USE mse_status mse_process_start(struct mse_process *out, const struct mse_process_what *w,
                                          struct mse_error *err);
/* As mse_sim_serve. Lines that tell no event are passed over. */
MSE_MUST_USE mse_status mse_process_serve(struct mse_process *p, struct mse_sim_news *out,
                                          int timeout_ms, struct mse_error *err);
/* One SIGTERM; what is left of the group after grace_ms, or after the end of the program, is
 * killed. */
void mse_process_stop(struct mse_process *p, unsigned grace_ms);
/* Ends it first if it is still there. */
void mse_process_clear(struct mse_process *p);

#endif
