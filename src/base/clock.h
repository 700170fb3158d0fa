/* SPDX-License-Identifier: Apache-2.0 */
/* How long something takes. libmse has no clock, and by a function in a header it gets none: this
 * is for the others. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* mse_clock_ms: milliseconds since some moment, never set back (CLOCK_MONOTONIC); not negative. */
static inline int64_t mse_clock_ms(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
