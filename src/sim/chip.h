/* SPDX-License-Identifier: Apache-2.0 */
/* What the processor is to one enclave of the simulated TEE: it has measured it, and answers it on
 * a socket, and nobody else. */
#ifndef SIM_CHIP_H
#define SIM_CHIP_H

#include <mse/measure.h>

#include "sim/platform.h"
#include "sim/session.h"

/* Not to be moved once it was made. */
struct mse_sim_chip {
    const struct mse_sim_platform *platform; /* must outlive it */
    struct mse_sim_session session;
    uint8_t mr_enclave[32];
    uint64_t attr_flags;
    int fd; /* to the runtime, set by whoever starts it, closed by the chip; -1: none */
};
/* mse_sim_chip_make measures the layout, has the platform's signer sign it, and checks the
 * signature as EINIT would. Release with mse_sim_chip_clear also after failures. */
MSE_MUST_USE mse_status mse_sim_chip_make(struct mse_sim_chip *out,
                                          const struct mse_sim_platform *platform,
                                          const struct mse_sim_layout *layout, bool debug,
                                          struct mse_error *err);
/* One pass: what is there is sent, handled, received; without waiting. *more: there may be more to
 * do at once. MSE_ERR_PROTOCOL: the runtime broke the protocol; it gets no answers any more. */
MSE_MUST_USE mse_status mse_sim_chip_pass(struct mse_sim_chip *chip, struct mse_sim_note *note,
                                          bool *more, struct mse_error *err);
/* What to wait for on fd: POLLIN or POLLOUT. */
short mse_sim_chip_waits(const struct mse_sim_chip *chip);
void mse_sim_chip_clear(struct mse_sim_chip *chip);

#endif
