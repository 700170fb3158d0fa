/* SPDX-License-Identifier: Apache-2.0 */
/* See sources.h. A table of chains; where an address falls is a secret of this process, so that
 * nobody can fill one chain. */
#include "net/sources.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/util.h"

#define NUM_CHAINS 4096U /* a power of two */

struct mse_source {
    struct mse_source *next;
    uint64_t key[2];
    unsigned num;
};

struct mse_sources {
    uint64_t secret[3];
    struct mse_source *chains[NUM_CHAINS];
};

struct mse_sources *mse_sources_new(void)
{
    struct mse_sources *s = calloc(1, sizeof *s);
    if (s != NULL && getrandom(s->secret, sizeof s->secret, 0) != (ssize_t)sizeof s->secret) {
        free(s);
        return NULL;
    }
    return s;
}

void mse_sources_free(struct mse_sources *s)
{
    for (size_t i = 0; s != NULL && i < NUM_CHAINS; i++) {
        MSE_ASSERT(s->chains[i] == NULL);
    }
    free(s);
}

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= UINT64_C(0x9fb21c651e98df25);
    return h ^ (h >> 29);
}

static struct mse_source **chain_of(struct mse_sources *s, const uint64_t key[2])
{
    uint64_t h = mix(key[0] ^ s->secret[0]) * (s->secret[1] | 1);
    h = mix(h ^ key[1]) * (s->secret[2] | 1);
    return &s->chains[(h >> 40) & (NUM_CHAINS - 1)];
}

struct mse_source *mse_sources_enter(struct mse_sources *s, const uint8_t address[16], unsigned max)
{
    uint64_t key[2];
    memcpy(key, address, sizeof key);
    if (!mse_mem_is_zero(address, 10)) {
        key[1] = 0; /* IPv6 */
    }
    struct mse_source **chain = chain_of(s, key);
    struct mse_source *e = *chain;
    while (e != NULL && (e->key[0] != key[0] || e->key[1] != key[1])) {
        e = e->next;
    }
    if (e == NULL && max > 0) {
        e = calloc(1, sizeof *e);
        if (e == NULL) {
            return NULL;
        }
        memcpy(e->key, key, sizeof key);
        e->next = *chain;
        *chain = e;
    }
    if (e == NULL || e->num >= max) {
        return NULL;
    }
    e->num++;
    return e;
}

void mse_sources_leave(struct mse_sources *s, struct mse_source *source)
{
    if (source == NULL || --source->num > 0) {
        return;
    }
    struct mse_source **at = chain_of(s, source->key);
    while (*at != source) {
        at = &(*at)->next;
    }
    *at = source->next;
    free(source);
}
