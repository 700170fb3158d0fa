/* SPDX-License-Identifier: Apache-2.0 */
/* See nonces.h. spec: RFC 9162 §2.1.1 (tree), §2.1.3.1 (path), §2.1.3.2 (following it) */
#include "ratls/nonces.h"

#include <string.h>

#include "base/bytes.h"
#include "crypto/digest.h"

#define LEAF 0x00
#define NODE 0x01

static mse_status hash_leaf(uint8_t out[32], const uint8_t nonce[32])
{
    static const uint8_t leaf = LEAF;
    return mse_sha256_2(out, mse_bytes_of(&leaf, 1), mse_bytes_of(nonce, 32));
}

static mse_status hash_node(uint8_t out[32], const uint8_t left[32], const uint8_t right[32])
{
    uint8_t buf[1 + 64] = { NODE };
    memcpy(buf + 1, left, 32);
    memcpy(buf + 33, right, 32);
    return mse_sha256(out, mse_bytes_of(buf, sizeof buf));
}

/* Replaces a row of the tree by the one above it: pairs are joined, a last one alone moves up. */
static mse_status row_up(uint8_t (*row)[32], size_t *num)
{
    size_t half = *num / 2;
    for (size_t i = 0; i < half; i++) {
        mse_status st = hash_node(row[i], row[2 * i], row[2 * i + 1]);
        if (st != MSE_OK) {
            return st;
        }
    }
    if (*num % 2 == 1) {
        memmove(row[half], row[*num - 1], 32);
    }
    *num = half + *num % 2;
    return MSE_OK;
}

static mse_status leaves(uint8_t (*row)[32], const struct mse_nonce *nonces, size_t num)
{
    if (num == 0 || num > MSE_NONCES_MAX) {
        return MSE_ERR_ARGUMENT;
    }
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < num; i++) {
        st = hash_leaf(row[i], nonces[i].bytes);
    }
    return st;
}

mse_status mse_nonces_root(uint8_t out[32], const struct mse_nonce *nonces, size_t num)
{
    uint8_t row[MSE_NONCES_MAX][32];
    mse_status st = leaves(row, nonces, num);
    while (st == MSE_OK && num > 1) {
        st = row_up(row, &num);
    }
    if (st == MSE_OK) {
        memcpy(out, row[0], 32);
    }
    return st;
}

mse_status mse_nonces_path(struct mse_nonce_path *out, const struct mse_nonce *nonces, size_t num,
                           size_t index)
{
    uint8_t row[MSE_NONCES_MAX][32];
    if (index >= num) {
        return MSE_ERR_ARGUMENT;
    }
    struct mse_nonce_path p = { .index = (uint32_t)index, .size = (uint32_t)num };
    mse_status st = leaves(row, nonces, num);
    while (st == MSE_OK && num > 1) {
        size_t sibling = index ^ 1U;
        if (sibling < num) {
            memcpy(p.hashes[p.num++], row[sibling], 32);
        }
        st = row_up(row, &num);
        index /= 2;
    }
    if (st == MSE_OK) {
        *out = p;
    }
    return st;
}

uint32_t mse_nonces_path_len(uint32_t index, uint32_t size)
{
    uint32_t len = 0;
    for (; size > 1; size = size / 2 + size % 2) {
        len += (index ^ 1U) < size ? 1 : 0;
        index /= 2;
    }
    return len;
}

mse_status mse_nonces_follow(uint8_t out[32], const uint8_t nonce[32],
                             const struct mse_nonce_path *path)
{
    if (path->size == 0 || path->size > MSE_NONCES_MAX || path->index >= path->size ||
        path->num != mse_nonces_path_len(path->index, path->size)) {
        return MSE_ERR_AUDIT_PATH;
    }
    uint8_t at[32];
    mse_status st = hash_leaf(at, nonce);
    uint32_t index = path->index;
    uint32_t used = 0;
    for (uint32_t size = path->size; st == MSE_OK && size > 1; size = size / 2 + size % 2) {
        if ((index ^ 1U) < size) {
            const uint8_t *other = path->hashes[used++];
            bool right = (index & 1U) != 0;
            st = hash_node(at, right ? other : at, right ? at : other);
        }
        index /= 2;
    }
    if (st == MSE_OK) {
        memcpy(out, at, 32);
    }
    return st;
}
