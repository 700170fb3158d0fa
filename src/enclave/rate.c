/* SPDX-License-Identifier: Apache-2.0 */
/* See rate.h. */
#include "enclave/rate.h"

#include <string.h>

#include "base/bytes.h"

#define TOKEN 1000U

void mse_rate_init(struct mse_rate *r, uint32_t per_second, uint32_t burst, uint64_t seed)
{
    memset(r, 0, sizeof *r);
    r->per_second = per_second;
    r->burst = burst;
    r->seed = seed;
}

/* One subscriber has a /64 at least; of the mapped addresses the last four bytes count. */
static void net_of(uint8_t net[8], const uint8_t address[16])
{
    bool mapped = mse_mem_is_zero(address, 10) && address[10] == 0xff && address[11] == 0xff;
    memcpy(net, mapped ? address + 8 : address, 8);
}

/* FNV-1a from a secret start: places, not secrets. */
static size_t set_of(const struct mse_rate *r, const uint8_t net[8])
{
    uint64_t h = r->seed;
    for (size_t i = 0; i < 8; i++) {
        h = (h ^ net[i]) * 0x100000001b3U;
    }
    return (size_t)((h ^ (h >> 32)) % MSE_RATE_SETS);
}

static struct mse_rate_source *find(struct mse_rate *r, const uint8_t net[8])
{
    struct mse_rate_source *set = r->sources[set_of(r, net)];
    struct mse_rate_source *oldest = &set[0];
    for (size_t i = 0; i < MSE_RATE_WAYS; i++) {
        if (set[i].used && mse_mem_equal(set[i].net, net, 8)) {
            return &set[i];
        }
        if (!set[i].used || (oldest->used && set[i].seen_ms < oldest->seen_ms)) {
            oldest = &set[i];
        }
    }
    oldest->used = false;
    return oldest;
}

uint32_t mse_rate_take(struct mse_rate *r, const uint8_t address[16], uint64_t now_ms)
{
    uint8_t net[8];
    uint64_t full = (uint64_t)r->burst * TOKEN;
    net_of(net, address);
    struct mse_rate_source *s = find(r, net);
    if (!s->used) {
        memcpy(s->net, net, sizeof net);
        s->used = true;
        s->millitokens = full;
    } else {
        uint64_t gained = (now_ms - s->seen_ms) * r->per_second; /* per thousand, per millisecond */
        s->millitokens = gained > full - s->millitokens ? full : s->millitokens + gained;
    }
    s->seen_ms = now_ms;
    if (s->millitokens < TOKEN) {
        return (uint32_t)((TOKEN - s->millitokens) / r->per_second) + 1;
    }
    s->millitokens -= TOKEN;
    return 0;
}
