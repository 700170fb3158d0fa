/* SPDX-License-Identifier: Apache-2.0 */
/* The table is split into sets of a few ways, as a processor's cache is: a look-up compares sixteen
 * words under a read lock that is held for some nanoseconds; nothing is computed, allocated or
 * freed under any lock. */
#include "base/memo.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define MAX_WAYS 16

struct way {
    uint8_t key[MSE_MEMO_KEY_LEN];
    struct mse_shared *value; /* NULL: free */
};

struct set {
    pthread_rwlock_t lock;
    unsigned hand; /* where the next look for room begins */
    _Atomic uint64_t hits;
    _Atomic uint64_t misses;
    atomic_bool used[MAX_WAYS]; /* since the hand went by */
    uint64_t tags[MAX_WAYS];    /* the first eight bytes of each key */
    struct way ways[MAX_WAYS];
};

struct mse_memo {
    size_t num_sets;
    size_t num_ways;
    size_t num_ready; /* sets whose locks exist */
    struct set *sets;
};

void mse_shared_init(struct mse_shared *s, void (*destroy)(struct mse_shared *self))
{
    atomic_init(&s->refs, 1);
    s->destroy = destroy;
}

void mse_shared_ref(struct mse_shared *s)
{
    (void)atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

void mse_shared_unref(struct mse_shared *s)
{
    if (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1) {
        s->destroy(s);
    }
}

struct mse_memo *mse_memo_new(size_t max)
{
    struct mse_memo *m = max == 0 ? NULL : calloc(1, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->num_ways = max < MAX_WAYS ? max : MAX_WAYS;
    m->num_sets = max / m->num_ways;
    m->sets = calloc(m->num_sets, sizeof *m->sets);
    for (; m->sets != NULL && m->num_ready < m->num_sets; m->num_ready++) {
        if (pthread_rwlock_init(&m->sets[m->num_ready].lock, NULL) != 0) {
            break;
        }
    }
    if (m->num_ready < m->num_sets) {
        mse_memo_free(m);
        return NULL;
    }
    return m;
}

void mse_memo_free(struct mse_memo *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->num_ready; i++) {
        struct set *s = &m->sets[i];
        for (size_t w = 0; w < m->num_ways; w++) {
            mse_shared_unref(s->ways[w].value);
        }
        (void)pthread_rwlock_destroy(&s->lock);
    }
    free(m->sets);
    free(m);
}

static uint64_t tag_of(const uint8_t *key)
{
    uint64_t tag = 0;
    memcpy(&tag, key, sizeof tag);
    return tag;
}

static struct set *set_of(struct mse_memo *m, const uint8_t *key)
{
    return &m->sets[tag_of(key) % m->num_sets];
}

/* The way that holds the key; MAX_WAYS if none does. The lock is held. */
static size_t find(const struct mse_memo *m, const struct set *s, const uint8_t *key)
{
    uint64_t tag = tag_of(key);
    for (size_t w = 0; w < m->num_ways; w++) {
        if (s->tags[w] == tag && s->ways[w].value != NULL &&
            mse_mem_equal(s->ways[w].key, key, MSE_MEMO_KEY_LEN)) {
            return w;
        }
    }
    return MAX_WAYS;
}

struct mse_shared *mse_memo_get(struct mse_memo *m, const uint8_t key[MSE_MEMO_KEY_LEN])
{
    struct set *s = set_of(m, key);
    struct mse_shared *value = NULL;
    (void)pthread_rwlock_rdlock(&s->lock);
    size_t w = find(m, s, key);
    if (w < MAX_WAYS) {
        value = s->ways[w].value;
        mse_shared_ref(value);
        /* Looked at first: a line that is only read stays in every processor's cache. */
        if (!atomic_load_explicit(&s->used[w], memory_order_relaxed)) {
            atomic_store_explicit(&s->used[w], true, memory_order_relaxed);
        }
    }
    (void)pthread_rwlock_unlock(&s->lock);
    (void)atomic_fetch_add_explicit(value != NULL ? &s->hits : &s->misses, 1, memory_order_relaxed);
    return value;
}

/* A free way, else the first behind the hand that was not used; the second time round all are
 * unused. The lock is held for writing. */
static size_t make_room(const struct mse_memo *m, struct set *s)
{
    for (size_t w = 0; w < m->num_ways; w++) {
        if (s->ways[w].value == NULL) {
            return w;
        }
    }
    for (;;) {
        size_t w = s->hand;
        s->hand = (unsigned)((s->hand + 1) % m->num_ways);
        if (!atomic_exchange_explicit(&s->used[w], false, memory_order_relaxed)) {
            return w;
        }
    }
}

void mse_memo_put(struct mse_memo *m, const uint8_t key[MSE_MEMO_KEY_LEN], struct mse_shared *value)
{
    struct set *s = set_of(m, key);
    struct mse_shared *old = NULL;
    (void)pthread_rwlock_wrlock(&s->lock);
    if (find(m, s, key) == MAX_WAYS) {
        size_t w = make_room(m, s);
        old = s->ways[w].value;
        mse_shared_ref(value);
        s->ways[w].value = value;
        s->tags[w] = tag_of(key);
        memcpy(s->ways[w].key, key, MSE_MEMO_KEY_LEN);
        atomic_store_explicit(&s->used[w], false, memory_order_relaxed);
    }
    (void)pthread_rwlock_unlock(&s->lock);
    mse_shared_unref(old);
}

void mse_memo_count(struct mse_memo *m, struct mse_memo_counts *out)
{
    struct mse_memo_counts c = { .max = m->num_sets * m->num_ways };
    for (size_t i = 0; i < m->num_sets; i++) {
        struct set *s = &m->sets[i];
        (void)pthread_rwlock_rdlock(&s->lock);
        for (size_t w = 0; w < m->num_ways; w++) {
            c.entries += s->ways[w].value != NULL ? 1 : 0;
        }
        (void)pthread_rwlock_unlock(&s->lock);
        c.hits += atomic_load_explicit(&s->hits, memory_order_relaxed);
        c.misses += atomic_load_explicit(&s->misses, memory_order_relaxed);
    }
    *out = c;
}
