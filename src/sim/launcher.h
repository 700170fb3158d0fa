/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher of the simulated TEE: copies the runtime into a sealed memfd, measures exactly those
 * bytes and the manifest, starts that memfd, and answers quote and key requests for that process
 * only. */
#ifndef SIM_LAUNCHER_H
#define SIM_LAUNCHER_H

#include "sim/platform.h"

struct mse_sim_launch {
    const struct mse_sim_platform *platform; /* must outlive the enclave */
    const char *runtime_path;                /* mse-enclave */
    struct mse_bytes manifest;               /* canonical JSON */
    uint64_t enclave_size;                   /* as in the manifest */
    uint32_t threads;
    int package_fd; /* the code package, read by the runtime; borrowed; -1: none, no switch */
    int listen_fd;  /* a bound, listening TCP socket; borrowed; -1: none, no switch */
    int state_fd; /* the folder that keeps what the enclave seals; borrowed; -1: none, no switch */
    const int *more_fds; /* borrowed; numbered from 8 in the runtime, and named by extra_argv; -1:
                            none */
    size_t num_more;     /* at most 8 */
    bool debug;          /* sets the DEBUG attribute in every quote */
    const char *const
        *extra_argv; /* NULL-terminated runtime switches that are not measured, or NULL */
};
struct mse_sim_enclave;
/* The child gets: argv `mse-enclave --tee sim --control-fd 3 --manifest-fd 4 --package-fd 5
 * --listen-fd 6 --state-fd 7` and extra_argv, an empty environment, those descriptors and stdin
 * /dev/null, stdout and stderr inherited, the working directory /, default signals and a process
 * group of its own; nothing else. When the thread that called this dies, the runtime gets SIGTERM.
 * Refuses what cannot be measured (MSE_ERR_MALFORMED) or is not there (MSE_ERR_NOT_FOUND). */
MSE_MUST_USE mse_status mse_sim_start(struct mse_sim_enclave **out, const struct mse_sim_launch *l,
                                      struct mse_error *err);
const uint8_t *mse_sim_enclave_measurement(const struct mse_sim_enclave *e); /* MRENCLAVE, 32 */
int mse_sim_enclave_pid(const struct mse_sim_enclave *e);
/* What mse_sim_serve came back with. */
#define MSE_SIM_NOTHING     0   /* the time is over */
#define MSE_SIM_INTERRUPTED 254 /* by a signal */
#define MSE_SIM_ENDED       255 /* the process is gone and reaped */
struct mse_sim_news {
    uint8_t event;  /* MSE_TEE_EVENT_*, or one of the above */
    int status;     /* MSE_SIM_ENDED: its wait status */
    char text[256]; /* what came with an event; printable, other bytes are quoted */
};
/* mse_sim_serve answers requests until an event arrives, timeout_ms (-1: none) passes, the runtime
 * ends or a signal interrupts. MSE_ERR_PROTOCOL: the runtime broke the protocol; it gets no answers
 * any more and should be stopped. */
MSE_MUST_USE mse_status mse_sim_serve(struct mse_sim_enclave *e, struct mse_sim_news *out,
                                      int timeout_ms, struct mse_error *err);
/* SIGTERM, answering meanwhile; after grace_ms SIGKILL to its process group; reaps. */
void mse_sim_stop(struct mse_sim_enclave *e, unsigned grace_ms);
void mse_sim_enclave_free(struct mse_sim_enclave *e); /* stops it first if it still runs */

#endif
