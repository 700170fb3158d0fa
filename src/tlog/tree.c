/* SPDX-License-Identifier: Apache-2.0 */
/* The Merkle tree of RFC 9162: hashes, roots, and the verification of proofs. */
#include <mse/log.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"

#define HASH MSE_SHA256_LEN

mse_status mse_log_leaf_hash(uint8_t out[HASH], struct mse_bytes entry)
{
    static const uint8_t tag = 0x00;
    return mse_sha256_2(out, mse_bytes_of(&tag, 1), entry);
}

mse_status mse_log_node_hash(uint8_t out[HASH], const uint8_t left[HASH], const uint8_t right[HASH])
{
    static const uint8_t tag = 0x01;
    const struct mse_bytes parts[] = { mse_bytes_of(&tag, 1), mse_bytes_of(left, HASH),
                                       mse_bytes_of(right, HASH) };
    return mse_sha256_parts(out, parts, MSE_ARRAY_LEN(parts));
}

/* The number of perfect subtrees of a tree: one for each bit of its size. */
static unsigned num_roots(uint64_t size)
{
    unsigned n = 0;
    for (; size != 0; size &= size - 1) {
        n++;
    }
    return n;
}

mse_status mse_log_tree_add(struct mse_log_tree *t, const uint8_t leaf[HASH])
{
    uint8_t hash[HASH];
    unsigned n = num_roots(t->size);
    memcpy(hash, leaf, HASH);
    for (uint64_t size = t->size; (size & 1) != 0; size >>= 1) {
        mse_status st = mse_log_node_hash(hash, t->roots[n - 1], hash);
        if (st != MSE_OK) {
            return st;
        }
        n--;
    }
    memcpy(t->roots[n], hash, HASH);
    t->size++;
    return MSE_OK;
}

mse_status mse_log_tree_root(uint8_t out[HASH], const struct mse_log_tree *t)
{
    uint8_t hash[HASH];
    unsigned n = num_roots(t->size);
    struct mse_bytes nothing = { 0 };
    if (n == 0) {
        return mse_sha256(out, nothing);
    }
    memcpy(hash, t->roots[--n], HASH);
    while (n > 0) {
        mse_status st = mse_log_node_hash(hash, t->roots[--n], hash);
        if (st != MSE_OK) {
            return st;
        }
    }
    memcpy(out, hash, HASH);
    return MSE_OK;
}

/* Where a proof is: node and last node of a level of the tree. */
struct place {
    uint64_t node;
    uint64_t last;
};

static void up(struct place *p)
{
    p->node >>= 1;
    p->last >>= 1;
}

/* The node is the right one of its pair, or has no sibling here; then its place is that below the
 * level where it gets one from the left. */
static bool sibling_is_left(struct place *p)
{
    if ((p->node & 1) == 0 && p->node != p->last) {
        return false;
    }
    while ((p->node & 1) == 0 && p->node != 0) {
        up(p);
    }
    return true;
}

/* spec: RFC 9162 §2.1.3.2 */
mse_status mse_log_verify_inclusion(const uint8_t leaf[HASH], uint64_t index, uint64_t size,
                                    struct mse_bytes path, const uint8_t root[HASH])
{
    uint8_t hash[HASH];
    const uint8_t *sibling = NULL;
    if (index >= size || path.len % HASH != 0) {
        return MSE_ERR_LOG_INCLUSION;
    }
    struct place p = { index, size - 1 };
    memcpy(hash, leaf, HASH);
    while (mse_rd_take(&path, HASH, &sibling)) {
        if (p.last == 0) {
            return MSE_ERR_LOG_INCLUSION;
        }
        bool left = sibling_is_left(&p);
        mse_status st = mse_log_node_hash(hash, left ? sibling : hash, left ? hash : sibling);
        if (st != MSE_OK) {
            return st;
        }
        up(&p);
    }
    return p.last == 0 && mse_mem_equal(hash, root, HASH) ? MSE_OK : MSE_ERR_LOG_INCLUSION;
}

static bool same_root(const struct mse_log_head *a, const uint8_t root[HASH])
{
    return mse_mem_equal(a->root, root, HASH);
}

/* The roots of both trees out of the proof, whose first hash both begin with. */
static mse_status rebuild(uint8_t before[HASH], uint8_t now[HASH], struct place *p,
                          struct mse_bytes proof)
{
    const uint8_t *sibling = NULL;
    while (mse_rd_take(&proof, HASH, &sibling)) {
        if (p->last == 0) {
            return MSE_ERR_LOG_CONSISTENCY;
        }
        bool left = sibling_is_left(p);
        mse_status st = left ? mse_log_node_hash(before, sibling, before) : MSE_OK;
        if (st == MSE_OK) {
            st = mse_log_node_hash(now, left ? sibling : now, left ? now : sibling);
        }
        if (st != MSE_OK) {
            return st;
        }
        up(p);
    }
    return p->last == 0 ? MSE_OK : MSE_ERR_LOG_CONSISTENCY;
}

/* A tree that is empty, or the same one: there is nothing to prove. */
static mse_status verify_trivial(const struct mse_log_head *before, const struct mse_log_head *now,
                                 struct mse_bytes proof)
{
    uint8_t empty[HASH];
    struct mse_bytes nothing = { 0 };
    mse_status st = mse_sha256(empty, nothing);
    if (st != MSE_OK) {
        return st;
    }
    bool good = proof.len == 0 && (before->size != 0 || same_root(before, empty)) &&
                (before->size != now->size || same_root(now, before->root));
    return good ? MSE_OK : MSE_ERR_LOG_CONSISTENCY;
}

/* spec: RFC 9162 §2.1.4.2 */
mse_status mse_log_verify_consistency(const struct mse_log_head *before,
                                      const struct mse_log_head *now, struct mse_bytes proof)
{
    uint8_t old_root[HASH];
    uint8_t new_root[HASH];
    const uint8_t *first = before->root;
    if (before->size > now->size) {
        return MSE_ERR_LOG_ROLLBACK;
    }
    if (before->size == 0 || before->size == now->size) {
        return verify_trivial(before, now, proof);
    }
    struct place p = { before->size - 1, now->size - 1 };
    bool perfect = (before->size & (before->size - 1)) == 0;
    if (proof.len == 0 || proof.len % HASH != 0 ||
        (!perfect && !mse_rd_take(&proof, HASH, &first))) {
        return MSE_ERR_LOG_CONSISTENCY;
    }
    while ((p.node & 1) != 0) {
        up(&p);
    }
    memcpy(old_root, first, HASH);
    memcpy(new_root, first, HASH);
    mse_status st = rebuild(old_root, new_root, &p, proof);
    if (st != MSE_OK) {
        return st;
    }
    return same_root(before, old_root) && same_root(now, new_root) ? MSE_OK
                                                                   : MSE_ERR_LOG_CONSISTENCY;
}
