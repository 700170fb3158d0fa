/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of RFC 9162: known roots, every proof of every size up to 300, and that no other proof
 * passes. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "lib/testlib.h"
#include "tlog/prove.h"

#define MAX_SIZE 300
#define HASH     MSE_SHA256_LEN

/* All perfect subtrees over MAX_SIZE leaves, and the root of each size. */
struct forest {
    uint8_t nodes[10][MAX_SIZE][HASH];
    uint8_t roots[MAX_SIZE + 1][HASH];
};

static mse_status get_node(void *user, uint8_t out[HASH], unsigned level, uint64_t index,
                           struct mse_error *err)
{
    const struct forest *f = user;
    (void)err;
    assert_true(level < 10 && ((index + 1) << level) <= MAX_SIZE);
    memcpy(out, f->nodes[level][index], HASH);
    return MSE_OK;
}

static int setup(void **state)
{
    struct forest *f = calloc(1, sizeof *f);
    struct mse_log_tree t = { 0 };
    assert_non_null(f);
    for (uint64_t i = 0; i < MAX_SIZE; i++) {
        uint8_t entry[2] = { (uint8_t)(i >> 8), (uint8_t)i };
        assert_status(mse_log_leaf_hash(f->nodes[0][i], mse_bytes_of(entry, 2)), MSE_OK);
        assert_status(mse_log_tree_root(f->roots[i], &t), MSE_OK);
        assert_status(mse_log_tree_add(&t, f->nodes[0][i]), MSE_OK);
    }
    assert_status(mse_log_tree_root(f->roots[MAX_SIZE], &t), MSE_OK);
    for (unsigned level = 1; level < 10; level++) {
        for (size_t i = 0; (i + 1) << level <= MAX_SIZE; i++) {
            assert_status(mse_log_node_hash(f->nodes[level][i], f->nodes[level - 1][2 * i],
                                            f->nodes[level - 1][2 * i + 1]),
                          MSE_OK);
        }
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static struct mse_bytes view(uint8_t (*hashes)[HASH], size_t num)
{
    return mse_bytes_of(hashes, num * HASH);
}

/* The eight leaves and roots that implementations of RFC 6962 have in common. */
static void test_known_roots(void **state)
{
    static const char *const leaves[] = { "",
                                          "00",
                                          "10",
                                          "2021",
                                          "3031",
                                          "40414243",
                                          "5051525354555657",
                                          "606162636465666768696a6b6c6d6e6f" };
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    (void)state;
    struct mse_log_tree t = { 0 };
    for (size_t i = 0;; i++) {
        uint8_t root[HASH];
        uint8_t entry[16];
        uint8_t leaf[HASH];
        char hex[2 * HASH + 1];
        assert_status(mse_log_tree_root(root, &t), MSE_OK);
        mse_hex_encode(hex, mse_bytes_of(root, HASH));
        assert_string_equal(hex, roots[i]);
        if (i == MSE_ARRAY_LEN(leaves)) {
            break;
        }
        size_t len = strlen(leaves[i]) / 2;
        assert_true(mse_hex_decode(entry, len, mse_bytes_str(leaves[i])));
        assert_status(mse_log_leaf_hash(leaf, mse_bytes_of(entry, len)), MSE_OK);
        assert_status(mse_log_tree_add(&t, leaf), MSE_OK);
    }
    assert_int_equal(t.size, 8);
}

/* One bit of each hash, another one each time; every bit where that is cheap. */
static void flip_path(const struct forest *f, uint64_t index, uint64_t size, struct mse_bytes path)
{
    uint8_t copy[MSE_LOG_MAX_PATH * HASH];
    size_t step = size <= 12 ? 1 : 8 * HASH;
    size_t first = size <= 12 ? 0 : (size * 7 + index) % ((size_t)8 * HASH);
    memcpy(copy, path.data, path.len);
    for (size_t bit = first; bit < 8 * path.len; bit += step) {
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_status(mse_log_verify_inclusion(f->nodes[0][index], index, size,
                                               mse_bytes_of(copy, path.len), f->roots[size]),
                      MSE_ERR_LOG_INCLUSION);
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

static void test_inclusion(void **state)
{
    struct forest *f = *state;
    const struct mse_log_nodes n = { get_node, f };
    for (uint64_t size = 1; size <= MAX_SIZE; size++) {
        uint8_t root[HASH];
        assert_status(mse_log_root_at(root, &n, size, NULL), MSE_OK);
        assert_bytes(mse_bytes_of(root, HASH), mse_bytes_of(f->roots[size], HASH));
        for (uint64_t i = 0; i < size; i++) {
            uint8_t path[MSE_LOG_MAX_PATH + 1][HASH] = { 0 };
            size_t num = 0;
            const uint8_t *leaf = f->nodes[0][i];
            assert_status(mse_log_prove_inclusion(path, &num, &n, i, size, NULL), MSE_OK);
            assert_status(mse_log_verify_inclusion(leaf, i, size, view(path, num), root), MSE_OK);
            assert_status(mse_log_verify_inclusion(leaf, i, size, view(path, num + 1), root),
                          MSE_ERR_LOG_INCLUSION);
            if (num > 0) {
                assert_status(mse_log_verify_inclusion(leaf, i, size, view(path, num - 1), root),
                              MSE_ERR_LOG_INCLUSION);
                assert_status(mse_log_verify_inclusion(leaf, i, size,
                                                       mse_bytes_of(path, num * HASH - 1), root),
                              MSE_ERR_LOG_INCLUSION);
            }
            assert_status(mse_log_verify_inclusion(leaf, i + 1, size, view(path, num), root),
                          MSE_ERR_LOG_INCLUSION);
            assert_status(
                mse_log_verify_inclusion(leaf, i, size, view(path, num), f->roots[size - 1]),
                MSE_ERR_LOG_INCLUSION);
            flip_path(f, i, size, view(path, num));
        }
    }
    assert_status(mse_log_verify_inclusion(f->nodes[0][0], 0, 0, view(NULL, 0), f->roots[0]),
                  MSE_ERR_LOG_INCLUSION);
}

static void flip_link(const struct mse_log_head *a, const struct mse_log_head *b,
                      struct mse_bytes proof)
{
    uint8_t copy[MSE_LOG_MAX_LINK * HASH];
    size_t step = b->size <= 12 ? 1 : 8 * HASH;
    size_t first = b->size <= 12 ? 0 : (size_t)(b->size * 7 + a->size) % ((size_t)8 * HASH);
    memcpy(copy, proof.data, proof.len);
    for (size_t bit = first; bit < 8 * proof.len; bit += step) {
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_status(mse_log_verify_consistency(a, b, mse_bytes_of(copy, proof.len)),
                      MSE_ERR_LOG_CONSISTENCY);
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

static struct mse_log_head head(const struct forest *f, uint64_t size)
{
    struct mse_log_head h = { .size = size };
    memcpy(h.root, f->roots[size], HASH);
    return h;
}

static void test_consistency(void **state)
{
    struct forest *f = *state;
    const struct mse_log_nodes n = { get_node, f };
    for (uint64_t size = 0; size <= MAX_SIZE; size++) {
        struct mse_log_head b = head(f, size);
        for (uint64_t before = 0; before <= size; before++) {
            uint8_t proof[MSE_LOG_MAX_LINK + 1][HASH] = { 0 };
            size_t num = 0;
            struct mse_log_head a = head(f, before);
            assert_status(mse_log_prove_consistency(proof, &num, &n, before, size, NULL), MSE_OK);
            assert_status(mse_log_verify_consistency(&a, &b, view(proof, num)), MSE_OK);
            assert_status(mse_log_verify_consistency(&a, &b, view(proof, num + 1)),
                          MSE_ERR_LOG_CONSISTENCY);
            if (num > 0) {
                assert_status(mse_log_verify_consistency(&a, &b, view(proof, num - 1)),
                              MSE_ERR_LOG_CONSISTENCY);
                assert_status(
                    mse_log_verify_consistency(&a, &b, mse_bytes_of(proof, num * HASH - 1)),
                    MSE_ERR_LOG_CONSISTENCY);
            }
            flip_link(&a, &b, view(proof, num));
            if (before != size) {
                assert_status(mse_log_verify_consistency(&b, &a, view(proof, num)),
                              MSE_ERR_LOG_ROLLBACK);
            }
            a.root[before % HASH] ^= 0x40;
            assert_status(mse_log_verify_consistency(&a, &b, view(proof, num)),
                          MSE_ERR_LOG_CONSISTENCY);
            if (before != 0) { /* nothing is told of what extends nothing */
                a.root[before % HASH] ^= 0x40;
                b.root[size % HASH] ^= 1;
                assert_status(mse_log_verify_consistency(&a, &b, view(proof, num)),
                              MSE_ERR_LOG_CONSISTENCY);
                b.root[size % HASH] ^= 1;
            }
        }
    }
}

/* Sizes at the end of what a number holds: refused, not run through. */
static void test_huge(void **state)
{
    const struct forest *f = *state;
    uint8_t zeros[MSE_LOG_MAX_LINK * HASH] = { 0 };
    struct mse_log_head a = { .size = UINT64_MAX - 1 };
    struct mse_log_head b = { .size = UINT64_MAX };
    for (size_t num = 0; num <= MSE_LOG_MAX_LINK; num++) {
        struct mse_bytes proof = mse_bytes_of(zeros, num * HASH);
        assert_status(mse_log_verify_inclusion(f->nodes[0][0], UINT64_MAX - 1, UINT64_MAX, proof,
                                               f->roots[1]),
                      MSE_ERR_LOG_INCLUSION);
        assert_status(mse_log_verify_consistency(&a, &b, proof), MSE_ERR_LOG_CONSISTENCY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_roots),
        cmocka_unit_test(test_inclusion),
        cmocka_unit_test(test_consistency),
        cmocka_unit_test(test_huge),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
