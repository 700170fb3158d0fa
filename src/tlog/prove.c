/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/prove.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

#define HASH MSE_SHA256_LEN

/* Leaves that lie side by side: a subtree as RFC 9162 cuts the tree. */
struct range {
    uint64_t from;
    uint64_t len;
};

/* The largest power of two below len; len > 1. */
static uint64_t split_of(uint64_t len)
{
    uint64_t k = 1;
    while (k < len - k) {
        k <<= 1;
    }
    return k;
}

/* The number of the highest bit of n, which is not 0. */
static unsigned top_bit(uint64_t n)
{
    unsigned bit = 0;
    while (n >> bit > 1) {
        bit++;
    }
    return bit;
}

/* Perfect subtrees from the left, each smaller than the one before; hashed up from the right. */
static mse_status root_of(uint8_t out[HASH], const struct mse_log_nodes *n, struct range r,
                          struct mse_error *err)
{
    uint8_t roots[64][HASH];
    size_t num = 0;
    while (r.len > 0) {
        unsigned level = top_bit(r.len);
        mse_status st = n->node(n->user, roots[num++], level, r.from >> level, err);
        if (st != MSE_OK) {
            return st;
        }
        r.from += (uint64_t)1 << level;
        r.len -= (uint64_t)1 << level;
    }
    memcpy(out, roots[--num], HASH);
    while (num > 0) {
        if (mse_log_node_hash(out, roots[--num], out) != MSE_OK) {
            return MSE_FAIL(err, MSE_ERR_CRYPTO, "log", "SHA-256 failed");
        }
    }
    return MSE_OK;
}

mse_status mse_log_root_at(uint8_t out[HASH], const struct mse_log_nodes *n, uint64_t size,
                           struct mse_error *err)
{
    struct mse_bytes nothing = { 0 };
    struct range all = { 0, size };
    return size == 0 ? mse_sha256(out, nothing) : root_of(out, n, all, err);
}

/* The siblings, which were found from the root downwards, in the order of a proof, behind what is
 * there already. */
static mse_status write_siblings(uint8_t (*out)[HASH], size_t *out_num,
                                 const struct mse_log_nodes *n, const struct range *siblings,
                                 size_t num, struct mse_error *err)
{
    mse_status st = MSE_OK;
    while (st == MSE_OK && num > 0) {
        st = root_of(out[*out_num], n, siblings[--num], err);
        *out_num += 1;
    }
    return st;
}

mse_status mse_log_prove_inclusion(uint8_t (*out)[HASH], size_t *out_num,
                                   const struct mse_log_nodes *n, uint64_t index, uint64_t size,
                                   struct mse_error *err)
{
    struct range siblings[64];
    size_t num = 0;
    struct range r = { 0, size };
    MSE_ASSERT(index < size);
    *out_num = 0;
    while (r.len > 1) {
        uint64_t k = split_of(r.len);
        struct range left = { r.from, k };
        struct range right = { r.from + k, r.len - k };
        bool goes_left = index < right.from;
        siblings[num++] = goes_left ? right : left;
        r = goes_left ? left : right;
    }
    return write_siblings(out, out_num, n, siblings, num, err);
}

mse_status mse_log_prove_consistency(uint8_t (*out)[HASH], size_t *out_num,
                                     const struct mse_log_nodes *n, uint64_t before, uint64_t size,
                                     struct mse_error *err)
{
    struct range siblings[64];
    size_t num = 0;
    struct range r = { 0, size };
    MSE_ASSERT(before <= size);
    *out_num = 0;
    if (before == 0 || before == size) {
        return MSE_OK;
    }
    while (r.from + r.len != before) {
        uint64_t k = split_of(r.len);
        struct range left = { r.from, k };
        struct range right = { r.from + k, r.len - k };
        bool goes_left = before <= right.from;
        siblings[num++] = goes_left ? right : left;
        r = goes_left ? left : right;
    }
    mse_status st = MSE_OK;
    if (r.from != 0) { /* else it is the old root, which is known */
        st = root_of(out[0], n, r, err);
        *out_num = 1;
    }
    return st == MSE_OK ? write_siblings(out, out_num, n, siblings, num, err) : st;
}
