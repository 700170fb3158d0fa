/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs of libmse for an implementation of others (rfc9162.py against).
 * usage: log_proofs make N    every inclusion and consistency proof of the trees of up to N leaves
 *        log_proofs judge     the status of each proof on stdin
 * A line: i INDEX SIZE LEAF ROOT PROOF, or c BEFORE SIZE ROOT_BEFORE ROOT PROOF; hashes in
 * hexadecimal, those of a proof one behind the other behind a "=". The leaves are the numbers from
 * 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "tlog/prove.h"

#define HASH     MSE_SHA256_LEN
#define MAX_SIZE 256
#define MAX_LINE 8192

struct tree {
    uint8_t leaves[MAX_SIZE][HASH];
};

static mse_status get_node(void *user, uint8_t out[HASH], unsigned level, uint64_t index,
                           struct mse_error *err)
{
    const struct tree *t = user;
    struct mse_log_tree sub = { .size = 0 };
    mse_status st = MSE_OK;
    (void)err;
    for (uint64_t i = index << level; st == MSE_OK && i < (index + 1) << level; i++) {
        st = mse_log_tree_add(&sub, t->leaves[i]);
    }
    return st == MSE_OK ? mse_log_tree_root(out, &sub) : st;
}

static void print_line(const char *head, const uint8_t *first, const uint8_t *root,
                       uint8_t (*proof)[HASH], size_t num)
{
    char hex[2 * HASH + 1];
    mse_hex_encode(hex, mse_bytes_of(first, HASH));
    (void)printf("%s %s", head, hex);
    mse_hex_encode(hex, mse_bytes_of(root, HASH));
    (void)printf(" %s =", hex);
    for (size_t i = 0; i < num; i++) {
        mse_hex_encode(hex, mse_bytes_of(proof[i], HASH));
        (void)printf("%s", hex);
    }
    (void)printf("\n");
}

static bool make_size(struct tree *t, unsigned size)
{
    const struct mse_log_nodes n = { get_node, t };
    uint8_t proof[MSE_LOG_MAX_LINK][HASH];
    uint8_t root[HASH];
    uint8_t before[HASH];
    char head[64];
    size_t num = 0;
    bool good = mse_log_root_at(root, &n, size, NULL) == MSE_OK;
    for (unsigned i = 0; good && i < size; i++) {
        (void)snprintf(head, sizeof head, "i %u %u", i, size);
        good = mse_log_prove_inclusion(proof, &num, &n, i, size, NULL) == MSE_OK;
        print_line(head, t->leaves[i], root, proof, num);
    }
    for (unsigned m = 0; good && m <= size; m++) {
        (void)snprintf(head, sizeof head, "c %u %u", m, size);
        good = mse_log_root_at(before, &n, m, NULL) == MSE_OK &&
               mse_log_prove_consistency(proof, &num, &n, m, size, NULL) == MSE_OK;
        print_line(head, before, root, proof, num);
    }
    return good;
}

static bool make(const char *text)
{
    static struct tree t;
    uint64_t size = 0;
    bool good = mse_u64_parse(&size, mse_bytes_str(text), MAX_SIZE);
    for (unsigned i = 0; good && i < size; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%u", i);
        good = mse_log_leaf_hash(t.leaves[i], mse_bytes_str(name)) == MSE_OK;
    }
    for (unsigned n = 1; good && n <= size; n++) {
        good = make_size(&t, n);
    }
    return good;
}

static bool judge_line(char *line)
{
    uint8_t proof[(MSE_LOG_MAX_LINK + 2) * HASH];
    struct mse_log_head a = { .size = 0 };
    struct mse_log_head b = { .size = 0 };
    char *save = NULL;
    const char *word[6];
    for (size_t i = 0; i < MSE_ARRAY_LEN(word); i++) {
        word[i] = strtok_r(i == 0 ? line : NULL, " \n", &save);
        if (word[i] == NULL) {
            return false;
        }
    }
    size_t len = strlen(word[5] + 1) / 2;
    if (!mse_u64_parse(&a.size, mse_bytes_str(word[1]), UINT64_MAX) ||
        !mse_u64_parse(&b.size, mse_bytes_str(word[2]), UINT64_MAX) ||
        !mse_hex_decode(a.root, HASH, mse_bytes_str(word[3])) ||
        !mse_hex_decode(b.root, HASH, mse_bytes_str(word[4])) || len > sizeof proof ||
        !mse_hex_decode(proof, len, mse_bytes_str(word[5] + 1))) {
        return false;
    }
    struct mse_bytes p = { proof, len };
    mse_status st = word[0][0] == 'i' ? mse_log_verify_inclusion(a.root, a.size, b.size, p, b.root)
                                      : mse_log_verify_consistency(&a, &b, p);
    (void)printf("%s\n", mse_status_name(st));
    return true;
}

int main(int argc, char **argv)
{
    static char line[MAX_LINE];
    bool good = true;
    if (argc == 3 && strcmp(argv[1], "make") == 0) {
        good = make(argv[2]);
    } else if (argc == 2 && strcmp(argv[1], "judge") == 0) {
        while (good && fgets(line, sizeof line, stdin) != NULL) {
            good = judge_line(line);
        }
    } else {
        good = false;
    }
    return good && fflush(stdout) == 0 ? 0 : 1;
}
