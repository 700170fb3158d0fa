/* SPDX-License-Identifier: Apache-2.0 */
/* How often a source may have something: a bucket of tokens for each, in a table of fixed size. A
 * source that has not been seen for long loses its place first; whoever has many addresses is bound
 * by the queue alone. */
#ifndef ENCLAVE_RATE_H
#define ENCLAVE_RATE_H

#include <mse/types.h>

#define MSE_RATE_SETS 64
#define MSE_RATE_WAYS 4

struct mse_rate {
    uint32_t per_second;
    uint32_t burst;
    uint64_t seed; /* random: nobody outside knows who shares a set */
    struct mse_rate_source {
        uint8_t net[8]; /* the first half of an IPv6 address, or the whole IPv4 one */
        uint64_t seen_ms;
        uint64_t millitokens;
        bool used;
    } sources[MSE_RATE_SETS][MSE_RATE_WAYS];
};
void mse_rate_init(struct mse_rate *r, uint32_t per_second, uint32_t burst, uint64_t seed);
/* Takes a token of the source at address (IPv6, or IPv4 mapped into it). 0: it got one; else the
 * milliseconds until there is another. */
uint32_t mse_rate_take(struct mse_rate *r, const uint8_t address[16], uint64_t now_ms);

#endif
