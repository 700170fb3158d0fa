/* SPDX-License-Identifier: Apache-2.0 */
/* How long something took, many times: number, sum, and quantiles to within a factor of the square
 * root of two. */
#ifndef NET_TIMES_H
#define NET_TIMES_H

#include <mse/types.h>

#define MSE_TIMES_BUCKETS 56 /* two for each power of two, up to four minutes */
struct mse_times {
    uint64_t num;
    uint64_t sum_us;
    uint32_t buckets[MSE_TIMES_BUCKETS];
};
void mse_times_add(struct mse_times *t, uint64_t us);
/* The time below which this share (of 1,000) of them lies, at most; 0 if there are none. */
uint64_t mse_times_quantile(const struct mse_times *t, unsigned per_mille);
void mse_times_merge(struct mse_times *into, const struct mse_times *t);

#endif
