/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher of the simulated TEE: copies the runtime into a sealed memfd, measures exactly those
 * bytes and the manifest, starts that memfd, and answers quote and key requests for that process
 * only. */
#ifndef SIM_LAUNCHER_H
#define SIM_LAUNCHER_H

#include "sim/platform.h"

struct mse_sim_launch {
    const struct mse_sim_platform *platform;
    const char *runtime_path;  /* mse-enclave */
    struct mse_bytes manifest; /* canonical JSON */
    uint64_t enclave_size;     /* as in the manifest */
    uint32_t threads;
    int package_fd; /* the code package, read by the runtime; borrowed */
    int listen_fd;  /* a bound, listening TCP socket; borrowed */
    bool debug;     /* sets the DEBUG attribute in every quote */
    const char *const
        *extra_argv; /* NULL-terminated runtime switches that are not measured, or NULL */
};
struct mse_sim_enclave;
/* The child gets: argv `mse-enclave --tee sim --control-fd 3 --manifest-fd 4 --package-fd 5
 * --listen-fd 6` and extra_argv, an empty environment, those descriptors and stdin /dev/null,
 * stdout and stderr inherited; nothing else. */
MSE_MUST_USE mse_status mse_sim_start(struct mse_sim_enclave **out, const struct mse_sim_launch *l,
                                      struct mse_error *err);
const uint8_t *mse_sim_enclave_measurement(const struct mse_sim_enclave *e); /* MRENCLAVE, 32 */
int mse_sim_enclave_pid(const struct mse_sim_enclave *e);
/* mse_sim_serve answers requests until an event arrives or timeout_ms (-1: none) passes or
 * the runtime ends. *event gets MSE_TEE_EVENT_*, 0 on timeout, 255 when the process ended (then
 * *status_out is its wait status). text: what came with the event, cut to text_len. Interrupted by
 * signals: returns MSE_OK with event 254. */
MSE_MUST_USE mse_status mse_sim_serve(struct mse_sim_enclave *e, int timeout_ms, uint8_t *event,
                                      char *text, size_t text_len, int *status_out,
                                      struct mse_error *err);
/* SIGTERM, then after grace_ms SIGKILL; reaps. */
void mse_sim_stop(struct mse_sim_enclave *e, unsigned grace_ms);
void mse_sim_enclave_free(struct mse_sim_enclave *e); /* stops it first if it still runs */

#endif
