/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/known.h"

#include "base/bytes.h"

enum state {
    EMPTY = 0,
    WRITING,
    READY,
};

bool mse_known_key_is(const struct mse_known_key *k, struct mse_bytes key)
{
    return atomic_load_explicit(&k->state, memory_order_acquire) == READY &&
           mse_bytes_equal(key, mse_bytes_of(k->key, k->len));
}

void mse_known_key_set(struct mse_known_key *k, struct mse_bytes key)
{
    int empty = EMPTY;
    if (key.len == 0 || key.len > sizeof k->key ||
        !atomic_compare_exchange_strong(&k->state, &empty, WRITING)) {
        return;
    }
    size_t len = key.len;
    if (mse_rd_copy(&key, k->key, len)) {
        k->len = len;
        atomic_store_explicit(&k->state, READY, memory_order_release);
    }
}
