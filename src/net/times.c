/* SPDX-License-Identifier: Apache-2.0 */
/* See times.h. Bucket 2k holds [2^k, 1.5 * 2^k), bucket 2k + 1 the rest up to 2^(k + 1). */
#include "net/times.h"

void mse_times_add(struct mse_times *t, uint64_t us)
{
    unsigned k = 0;
    while (us >> k > 1 && k < MSE_TIMES_BUCKETS / 2 - 1) {
        k++;
    }
    size_t at = (size_t)2 * k + (k > 0 && ((us >> (k - 1)) & 1) != 0 ? 1 : 0);
    t->num++;
    t->sum_us += us;
    t->buckets[at]++;
}

uint64_t mse_times_quantile(const struct mse_times *t, unsigned per_mille)
{
    uint64_t wanted = (t->num * per_mille + 999) / 1000;
    uint64_t seen = 0;
    for (unsigned i = 0; i < MSE_TIMES_BUCKETS && t->num > 0; i++) {
        seen += t->buckets[i];
        if (seen >= wanted && seen > 0) {
            uint64_t low = UINT64_C(1) << (i / 2);
            return i % 2 == 0 ? low + low / 2 : 2 * low;
        }
    }
    return 0;
}

void mse_times_merge(struct mse_times *into, const struct mse_times *t)
{
    into->num += t->num;
    into->sum_us += t->sum_us;
    for (unsigned i = 0; i < MSE_TIMES_BUCKETS; i++) {
        into->buckets[i] += t->buckets[i];
    }
}
