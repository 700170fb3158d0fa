/* SPDX-License-Identifier: Apache-2.0 */
/* See clock.h. */
#include "enclave/clock.h"

#include <time.h>
#include <uv.h>

static uint64_t monotonic_ms(void)
{
    return uv_hrtime() / 1000000;
}

void mse_enclave_clock_init(struct mse_enclave_clock *c, mse_time seen)
{
    mse_time host = time(NULL);
    c->base = host > seen ? host : seen;
    c->base_ms = monotonic_ms();
}

mse_time mse_enclave_now(const struct mse_enclave_clock *c)
{
    mse_time counted = c->base + (mse_time)((monotonic_ms() - c->base_ms) / 1000);
    mse_time host = time(NULL);
    return host > counted ? host : counted;
}
