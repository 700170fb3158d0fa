/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian stores into records and pages of fixed layout; the caller owns the room. */
#ifndef MEASURE_STORE_H
#define MEASURE_STORE_H

#include <stdint.h>

static inline void mse_store_u32le(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

static inline void mse_store_u64le(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

#endif
