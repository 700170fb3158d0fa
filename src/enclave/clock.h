/* SPDX-License-Identifier: Apache-2.0 */
/* Time inside: never before what was seen already, advanced by the monotonic clock. Good for expiry
 * only, as best effort; nothing is accepted because of it. */
#ifndef ENCLAVE_CLOCK_H
#define ENCLAVE_CLOCK_H

#include <mse/types.h>

struct mse_enclave_clock {
    mse_time base;
    uint64_t base_ms; /* monotonic */
};
/* seen: a signed or measured date that cannot lie in the future. */
void mse_enclave_clock_init(struct mse_enclave_clock *c, mse_time seen);
mse_time mse_enclave_now(const struct mse_enclave_clock *c);

#endif
