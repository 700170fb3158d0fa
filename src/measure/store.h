/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian stores into records and pages of fixed layout; the caller owns the room. */
#ifndef MEASURE_STORE_H
#define MEASURE_STORE_H

#include <stdint.h>

static inline void mse_store_u16le(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

/* Written out, so that compilers make one store of it. */
static inline void mse_store_u32le(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline void mse_store_u64le(uint8_t *p, uint64_t v)
{
    mse_store_u32le(p, (uint32_t)v);
    mse_store_u32le(p + 4, (uint32_t)(v >> 32));
}

#endif
