/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded table from digests to immutable values that threads share. It forgets at any time: what
 * is in it must be what could be computed again. */
#ifndef BASE_MEMO_H
#define BASE_MEMO_H

#include <stdatomic.h>

#include <mse/types.h>

/* The head of every shared value: embedded as its first member. The value never changes while two
 * can see it. */
struct mse_shared {
    _Atomic size_t refs;
    void (*destroy)(struct mse_shared *self); /* called when the last reference goes */
};
/* mse_shared_init gives the caller the first reference. */
void mse_shared_init(struct mse_shared *s, void (*destroy)(struct mse_shared *self));
void mse_shared_ref(struct mse_shared *s);
void mse_shared_unref(struct mse_shared *s); /* NULL is allowed */

struct mse_memo;
#define MSE_MEMO_KEY_LEN 32
/* At most max entries, in sets of up to 16 with a reader-writer lock each: readers of different
 * sets never meet, readers of one share its lock. NULL if max is 0 or without memory. */
struct mse_memo *mse_memo_new(size_t max);
/* Drops the table's references; nobody may be using it. NULL is allowed. */
void mse_memo_free(struct mse_memo *m);
/* A reference of the caller's own, or NULL. key: a cryptographic digest. */
struct mse_shared *mse_memo_get(struct mse_memo *m, const uint8_t key[MSE_MEMO_KEY_LEN]);
/* Takes a reference of its own. What is there under the key stays; where the set is full, an entry
 * goes that was not asked for since the last time that room was needed. */
void mse_memo_put(struct mse_memo *m, const uint8_t key[MSE_MEMO_KEY_LEN],
                  struct mse_shared *value);

struct mse_memo_counts {
    size_t entries;
    size_t max;
    uint64_t hits;
    uint64_t misses;
};
void mse_memo_count(struct mse_memo *m, struct mse_memo_counts *out);

#endif
