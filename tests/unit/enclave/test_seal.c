/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed files, the state and the index in them: known bytes, cut, changed, extended, foreign. The
 * known bytes are those of docs/protocol.md, which check_storage makes too. */
#include "enclave/seal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "enclave/state.h"
#include "enclave/store_index.h"
#include "lib/testlib.h"

static const uint8_t root[32] = { 1, 2, 3 };
static const uint8_t other_root[32] = { 1, 2, 4 };

static struct mse_build heap(size_t max)
{
    struct mse_build b;
    mse_build_heap(&b, max);
    return b;
}

/* ---- sealed files ---- */

static void test_seal(void **state)
{
    (void)state;
    struct mse_build file = heap(4096);
    struct mse_build again = heap(4096);
    struct mse_build plain = heap(4096);
    assert_status(mse_seal(&file, root, MSE_SEAL_STATE, mse_bytes_str("content")), MSE_OK);
    assert_int_equal(file.len, 7 + MSE_SEAL_EXTRA);
    assert_status(mse_unseal(&plain, root, MSE_SEAL_STATE, mse_build_view(&file)), MSE_OK);
    assert_bytes(mse_build_view(&plain), mse_bytes_str("content"));
    /* Another salt each time. */
    assert_status(mse_seal(&again, root, MSE_SEAL_STATE, mse_bytes_str("content")), MSE_OK);
    assert_memory_equal(file.data, again.data, 24);
    assert_memory_not_equal(file.data + 24, again.data + 24, 32);
    /* Nothing too. */
    mse_build_reset(&file);
    mse_build_reset(&plain);
    assert_status(mse_seal(&file, root, MSE_SEAL_STATE, mse_bytes_str("")), MSE_OK);
    assert_status(mse_unseal(&plain, root, MSE_SEAL_STATE, mse_build_view(&file)), MSE_OK);
    assert_int_equal(plain.len, 0);
    mse_build_clear(&file);
    mse_build_clear(&again);
    mse_build_clear(&plain);
}

/* docs/protocol.md, "Storage". */
static void test_known_answers(void **state)
{
    (void)state;
    static const char *const known[] = {
        [MSE_SEAL_STATE] =
            "4d53455354415431d937e3b039adf38e72704415b381cfb5202122232425262728292a2b2c2d2e"
            "2f303132333435363738393a3b3c3d3e3ffde7a2c239acd957224e054c2871f55cf01abf20ae",
        [MSE_SEAL_INDEX] =
            "4d5345494e445831d937e3b039adf38e72704415b381cfb5202122232425262728292a2b2c2d2e"
            "2f303132333435363738393a3b3c3d3e3fb8755fbd3294d0609e205bd9f19187170919add3f6",
    };
    uint8_t base[32];
    uint8_t id[MSE_SEAL_ID_LEN];
    char hex[33];
    for (size_t i = 0; i < sizeof base; i++) {
        base[i] = (uint8_t)i;
    }
    assert_status(mse_seal_counter_id(id, base), MSE_OK);
    mse_hex_encode(hex, mse_bytes_of(id, sizeof id));
    assert_string_equal(hex, "b09c952231c1b3679b9dfed18b21c863");
    for (size_t i = 0; i < MSE_ARRAY_LEN(known); i++) {
        uint8_t file[MSE_SEAL_EXTRA + 5];
        uint8_t room[8];
        struct mse_build out;
        mse_build_fixed(&out, room, sizeof room);
        assert_true(mse_hex_decode(file, sizeof file, mse_bytes_str(known[i])));
        assert_status(
            mse_unseal(&out, base, (enum mse_seal_kind)i, mse_bytes_of(file, sizeof file)), MSE_OK);
        assert_bytes(mse_build_view(&out), mse_bytes_str("hello"));
    }
}

static mse_status known_key(struct mse_tee *t, uint8_t out[32], const uint8_t *version,
                            struct mse_error *err)
{
    (void)t;
    (void)err;
    (void)version;
    for (size_t i = 0; i < 32; i++) {
        out[i] = (uint8_t)(0x60 + i);
    }
    return MSE_OK;
}

static void test_root(void **state)
{
    (void)state;
    static const struct mse_tee_ops ops = { .name = "sim", .seal_key = known_key };
    const struct mse_enclave_tee tee = { .ops = &ops };
    uint8_t manifest[32];
    struct mse_seal_root out;
    struct mse_error err = { 0 };
    char hex[65];
    for (size_t i = 0; i < sizeof manifest; i++) {
        manifest[i] = (uint8_t)(0x40 + i);
    }
    assert_status(mse_seal_root(&out, &tee, manifest, NULL, NULL), MSE_OK);
    assert_false(out.has_version);
    mse_hex_encode(hex, mse_bytes_of(out.key, sizeof out.key));
    assert_string_equal(hex, "55cbb9e9b12958592b5013eb391e0c14dab175eb633917ad47cbd71be69b53c5");
    static const struct mse_tee_ops no_key = { .name = "tdx" };
    const struct mse_enclave_tee guest = { .ops = &no_key };
    assert_status(mse_seal_root(&out, &guest, manifest, NULL, NULL), MSE_ERR_UNSUPPORTED);
    /* A head with a version is of another kind of platform than one without. */
    assert_status(mse_seal_root(&out, &tee, manifest, root, &err), MSE_ERR_STATE_FOREIGN);
    assert_non_null(strstr(err.text, "another kind of platform than sim"));
}

static void test_known_state(void **state)
{
    (void)state;
    static const char known[] =
        "4d53455354415432a0a1a2a3a4a5a6a7a8a9aaabacadaeafd937e3b039adf38e72704415b381cfb5"
        "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f07e2f3bba345b64d"
        "3eb7c7752bf3af26ff418896ae";
    struct mse_seal_root base = { .has_version = true };
    uint8_t file[MSE_SEAL_STATE_EXTRA + 5];
    uint8_t room[8];
    struct mse_build out;
    for (size_t i = 0; i < sizeof base.key; i++) {
        base.key[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof base.version; i++) {
        base.version[i] = (uint8_t)(0xa0 + i);
    }
    mse_build_fixed(&out, room, sizeof room);
    assert_true(mse_hex_decode(file, sizeof file, mse_bytes_str(known)));
    assert_memory_equal(mse_seal_state_version(mse_bytes_of(file, sizeof file)), base.version, 16);
    assert_status(mse_unseal_state(&out, &base, mse_bytes_of(file, sizeof file)), MSE_OK);
    assert_bytes(mse_build_view(&out), mse_bytes_str("hello"));
}

static void refused(struct mse_bytes file, const uint8_t *by, enum mse_seal_kind kind,
                    mse_status wanted)
{
    uint8_t room[64];
    struct mse_build out;
    mse_build_fixed(&out, room, sizeof room);
    assert_status(mse_unseal(&out, by, kind, file), wanted);
    assert_int_equal(out.len, 0);
}

static void test_seal_refused(void **state)
{
    (void)state;
    struct mse_build file = heap(4096);
    assert_status(mse_seal(&file, root, MSE_SEAL_STATE, mse_bytes_str("content")), MSE_OK);
    const struct mse_bytes good = mse_build_view(&file);
    refused(good, other_root, MSE_SEAL_STATE, MSE_ERR_STATE_FOREIGN);
    refused(good, root, MSE_SEAL_INDEX, MSE_ERR_MALFORMED);
    for (size_t len = 0; len < good.len; len++) {
        refused(mse_bytes_of(good.data, len), root, MSE_SEAL_STATE,
                len < MSE_SEAL_EXTRA ? MSE_ERR_MALFORMED : MSE_ERR_SIGNATURE);
    }
    for (size_t i = 0; i < 8 * good.len; i++) {
        file.data[i / 8] ^= (uint8_t)(1U << i % 8);
        refused(good, root, MSE_SEAL_STATE,
                i / 8 < 8    ? MSE_ERR_MALFORMED
                : i / 8 < 24 ? MSE_ERR_STATE_FOREIGN
                             : MSE_ERR_SIGNATURE);
        file.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    mse_wr_u8(&file, 0);
    refused(mse_build_view(&file), root, MSE_SEAL_STATE, MSE_ERR_SIGNATURE);
    mse_build_clear(&file);
    /* The kinds have keys of their own: a head that says another kind does not help. */
    mse_build_heap(&file, 4096);
    assert_status(mse_seal(&file, root, MSE_SEAL_INDEX, mse_bytes_str("content")), MSE_OK);
    memcpy(file.data, "MSESTAT1", 8);
    refused(mse_build_view(&file), root, MSE_SEAL_STATE, MSE_ERR_SIGNATURE);
    mse_build_clear(&file);
}

static void state_file_refused(const struct mse_build *file, const struct mse_seal_root *by,
                               mse_status wanted)
{
    uint8_t room[64];
    struct mse_build out;
    mse_build_fixed(&out, room, sizeof room);
    assert_status(mse_unseal_state(&out, by, mse_build_view(file)), wanted);
    assert_int_equal(out.len, 0);
}

/* A head that tells of a version: it is under the authentication, whole. */
static void test_versions(void **state)
{
    (void)state;
    struct mse_seal_root at = { .has_version = true, .version = { 4, 5, 6 } };
    struct mse_seal_root none = { .has_version = false };
    struct mse_build file = heap(4096);
    struct mse_build plain = heap(4096);
    memcpy(at.key, root, sizeof at.key);
    memcpy(none.key, root, sizeof none.key);
    assert_status(mse_seal_state(&file, &none, mse_bytes_str("content")), MSE_OK);
    assert_null(mse_seal_state_version(mse_build_view(&file)));
    state_file_refused(&file, &at, MSE_ERR_MALFORMED);
    mse_build_reset(&file);
    assert_status(mse_seal_state(&file, &at, mse_bytes_str("content")), MSE_OK);
    assert_int_equal(file.len, 7 + MSE_SEAL_STATE_EXTRA);
    assert_memory_equal(mse_seal_state_version(mse_build_view(&file)), at.version, 16);
    state_file_refused(&file, &none, MSE_ERR_MALFORMED);
    assert_status(mse_unseal_state(&plain, &at, mse_build_view(&file)), MSE_OK);
    assert_bytes(mse_build_view(&plain), mse_bytes_str("content"));
    for (size_t len = 0; len < file.len; len++) {
        struct mse_build part = file;
        part.len = len;
        assert_true((mse_seal_state_version(mse_build_view(&part)) != NULL) == (len >= 24));
        state_file_refused(&part, &at,
                           len < MSE_SEAL_STATE_EXTRA ? MSE_ERR_MALFORMED : MSE_ERR_SIGNATURE);
    }
    for (size_t i = 0; i < 8 * file.len; i++) {
        file.data[i / 8] ^= (uint8_t)(1U << i % 8);
        state_file_refused(&file, &at,
                           i / 8 < 8    ? MSE_ERR_MALFORMED
                           : i / 8 < 40 ? MSE_ERR_STATE_FOREIGN
                                        : MSE_ERR_SIGNATURE);
        file.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    /* Even if two versions had one key, what tells the other would not open. */
    at.version[0] ^= 1;
    file.data[8] ^= 1;
    state_file_refused(&file, &at, MSE_ERR_SIGNATURE);
    mse_build_clear(&file);
    mse_build_clear(&plain);
}

/* ---- the state ---- */

static const struct mse_state *some_state(void)
{
    static const uint8_t key[32] = { 7 };
    static struct mse_state s;
    s = (struct mse_state) { .floor = 1800000000,
                             .storage_root = mse_bytes_of(root, 32),
                             .x25519 = mse_bytes_of(key, 32),
                             .key = mse_bytes_str("key"),
                             .cert = mse_bytes_str("certificate"),
                             .config_cert = mse_bytes_str("another"),
                             .code_key = mse_bytes_of(key, 32),
                             .secrets = mse_bytes_str("{}"),
                             .sealed = mse_bytes_str("[1]"),
                             .ssl_key = mse_bytes_str("pem"),
                             .ssl_chain = mse_bytes_str("chain") };
    return &s;
}

static void test_state(void **state)
{
    (void)state;
    struct mse_build b = heap(4096);
    struct mse_state seen;
    mse_state_write(&b, some_state());
    assert_status(mse_state_parse(&seen, mse_build_view(&b)), MSE_OK);
    assert_int_equal(seen.floor, 1800000000);
    assert_bytes(seen.storage_root, some_state()->storage_root);
    assert_bytes(seen.x25519, some_state()->x25519);
    assert_bytes(seen.key, mse_bytes_str("key"));
    assert_bytes(seen.cert, mse_bytes_str("certificate"));
    assert_bytes(seen.config_cert, mse_bytes_str("another"));
    assert_bytes(seen.code_key, some_state()->code_key);
    assert_bytes(seen.secrets, mse_bytes_str("{}"));
    assert_bytes(seen.sealed, mse_bytes_str("[1]"));
    assert_bytes(seen.ssl_key, mse_bytes_str("pem"));
    assert_bytes(seen.ssl_chain, mse_bytes_str("chain"));
    for (size_t len = 0; len < b.len; len++) {
        assert_status(mse_state_parse(&seen, mse_bytes_of(b.data, len)), MSE_ERR_MALFORMED);
    }
    mse_wr_u8(&b, 0);
    assert_status(mse_state_parse(&seen, mse_build_view(&b)), MSE_ERR_MALFORMED);
    b.len--;
    b.data[0] = 2;
    assert_status(mse_state_parse(&seen, mse_build_view(&b)), MSE_ERR_MALFORMED);
    mse_build_clear(&b);
}

static void state_refused(const struct mse_state *s)
{
    struct mse_build b = heap(4096);
    struct mse_state seen;
    mse_state_write(&b, s);
    assert_status(mse_state_parse(&seen, mse_build_view(&b)), MSE_ERR_MALFORMED);
    mse_build_clear(&b);
}

static void test_state_rules(void **state)
{
    (void)state;
    struct mse_state s = *some_state();
    s.key.len = 0;
    state_refused(&s);
    s = *some_state();
    s.cert.len = 0;
    s.ssl_key.len = 0;
    s.ssl_chain.len = 0;
    state_refused(&s); /* under the owner's there is none */
    s = *some_state();
    s.code_key.len = 31;
    state_refused(&s);
    s = *some_state();
    s.floor = 253402300800;
    state_refused(&s);
    s = *some_state();
    s.ssl_chain.len = 0;
    state_refused(&s);
    s = *some_state();
    s.ssl_key.len = 0;
    state_refused(&s);
}

/* ---- the index ---- */

static void add_pack(struct mse_store_index *x, uint64_t length)
{
    struct mse_store_pack *more = realloc(x->packs, (x->num_packs + 1) * sizeof *more);
    assert_non_null(more);
    x->packs = more;
    x->packs[x->num_packs] =
        (struct mse_store_pack) { .salt = { (uint8_t)x->num_packs }, .length = length };
    x->num_packs++;
}

static struct mse_store_node *add(struct mse_store_index *x, enum mse_store_type type,
                                  const char *path, uint64_t size)
{
    struct mse_store_node n = { .type = type, .mode = 0640, .mtime = 12, .mtime_ns = 34 };
    n.path = strdup(path);
    n.target = type == MSE_STORE_LINK ? strdup("to") : NULL;
    n.size = size;
    n.chunks = size == 0 ? NULL : calloc(mse_store_num_chunks(size), sizeof *n.chunks);
    for (size_t i = 0; i < mse_store_num_chunks(size); i++) {
        MSE_ASSERT(n.chunks != NULL);
        n.chunks[i] = (struct mse_store_chunk) { .pack = MSE_STORE_NO_PACK };
    }
    assert_status(mse_store_add(x, &n), MSE_OK);
    return &x->nodes[x->num_nodes - 1];
}

static void some_index(struct mse_store_index *x)
{
    *x = (struct mse_store_index) { .generation = 5, .counter = 6, .floor = 1800000000 };
    add_pack(x, 4096);
    (void)add(x, MSE_STORE_DIR, "home", 0);
    struct mse_store_node *n = add(x, MSE_STORE_FILE, "home/a", 65537);
    n->chunks[1] =
        (struct mse_store_chunk) { .pack = 0, .number = 3, .offset = 100, .hash = { 9 } };
    (void)add(x, MSE_STORE_DIR, "home/d", 0);
    (void)add(x, MSE_STORE_LINK, "home/d/l", 0);
    (void)add(x, MSE_STORE_FILE, "home/d-e", 0);
    (void)add(x, MSE_STORE_DIR, "keys", 0);
}

static mse_status parse(const struct mse_store_index *x)
{
    struct mse_build b = heap(MSE_STORE_MAX_LEN);
    struct mse_store_index seen = { .nodes = NULL };
    mse_store_index_write(&b, x);
    assert_int_equal(b.len % MSE_STORE_PAGE, 0);
    mse_status st = mse_store_index_parse(&seen, mse_build_view(&b));
    mse_store_index_clear(&seen);
    mse_build_clear(&b);
    return st;
}

static void test_index(void **state)
{
    (void)state;
    struct mse_store_index x;
    struct mse_store_index seen;
    struct mse_build b = heap(MSE_STORE_MAX_LEN);
    struct mse_build again = heap(MSE_STORE_MAX_LEN);
    some_index(&x);
    mse_store_index_write(&b, &x);
    assert_status(mse_store_index_parse(&seen, mse_build_view(&b)), MSE_OK);
    assert_int_equal(seen.num_nodes, 6);
    assert_int_equal(seen.generation, 5);
    assert_int_equal(seen.counter, 6);
    mse_store_index_write(&again, &seen);
    assert_bytes(mse_build_view(&again), mse_build_view(&b));
    mse_store_index_clear(&seen);
    for (size_t len = 0; len < b.len; len++) {
        assert_status(mse_store_index_parse(&seen, mse_bytes_of(b.data, len)), MSE_ERR_MALFORMED);
    }
    mse_wr_u8(&b, 0);
    assert_status(mse_store_index_parse(&seen, mse_build_view(&b)), MSE_ERR_MALFORMED);
    mse_wr_zeros(&b, MSE_STORE_PAGE - 1);
    assert_status(mse_store_index_parse(&seen, mse_build_view(&b)), MSE_ERR_MALFORMED);
    /* Whatever else is changed: it is refused, or it says what it says. */
    b.len = again.len;
    for (size_t i = 0; i < 8 * (size_t)500; i++) {
        b.data[i / 8] ^= (uint8_t)(1U << i % 8);
        if (mse_store_index_parse(&seen, mse_build_view(&b)) == MSE_OK) {
            mse_build_reset(&again);
            mse_store_index_write(&again, &seen);
            assert_bytes(mse_build_view(&again), mse_build_view(&b));
            mse_store_index_clear(&seen);
        }
        b.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    b.data[b.len - 1] = 1;
    assert_status(mse_store_index_parse(&seen, mse_build_view(&b)), MSE_ERR_MALFORMED);
    mse_store_index_clear(&x);
    mse_build_clear(&b);
    mse_build_clear(&again);
}

/* One of its nodes, changed. */
static void path_refused(size_t node, const char *path)
{
    struct mse_store_index x;
    some_index(&x);
    free(x.nodes[node].path);
    x.nodes[node].path = strdup(path);
    assert_status(parse(&x), MSE_ERR_MALFORMED);
    mse_store_index_clear(&x);
}

static void test_index_paths(void **state)
{
    (void)state;
    static const char *const bad[] = { "home/",   "home//a", "home/.",  "home/..", "home/../x",
                                       "/home/a", "",        "other/a", "a",       "home",
                                       "home/d",  "keys/a",  "home/x/y" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        path_refused(1, bad[i]);
    }
    path_refused(0, "hom");
    path_refused(2, "home/a/b"); /* in what is a file */
    path_refused(4, "home/d");   /* twice */
    path_refused(4, "home/b");   /* out of order */
    char name[5 + 256 + 1] = "home/";
    memset(name + 5, 'n', 256);
    path_refused(1, name);
}

static void test_index_rules(void **state)
{
    (void)state;
    struct mse_store_index x;
    some_index(&x);
    struct mse_store_node *a = &x.nodes[1];
    assert_status(parse(&x), MSE_OK);
#define REFUSED(what, was)                                                                         \
    do {                                                                                           \
        what;                                                                                      \
        assert_status(parse(&x), MSE_ERR_MALFORMED);                                               \
        was;                                                                                       \
    } while (0)
    REFUSED(a->mode = 010000, a->mode = 0640);
    REFUSED(a->mtime_ns = 1000000000U, a->mtime_ns = 0);
    REFUSED(a->mtime = 253402300800, a->mtime = 0);
    REFUSED(x.floor = 253402300800, x.floor = 0);
    REFUSED(x.packs[0].length = 4097, x.packs[0].length = 4096);
    REFUSED(x.packs[0].length = 0, x.packs[0].length = 4096);
    REFUSED(a->chunks[1].pack = 1, a->chunks[1].pack = 0);
    REFUSED(a->chunks[1].offset = 55, a->chunks[1].offset = 56);
    REFUSED(a->chunks[1].offset = 4096 - 16, a->chunks[1].offset = 4096 - 17);
    REFUSED(a->chunks[1].offset = UINT64_MAX, a->chunks[1].offset = 4096 - 17);
    REFUSED(a->chunks[0].number = 1, a->chunks[0].number = 0);
    REFUSED(a->chunks[0].offset = 1, a->chunks[0].offset = 0);
    REFUSED(a->chunks[0].hash[31] = 1, a->chunks[0].hash[31] = 0);
#undef REFUSED
    assert_status(parse(&x), MSE_OK);
    mse_store_index_clear(&x);
}

/* Numbers that would be too many. */
static void test_index_maxima(void **state)
{
    (void)state;
    struct mse_store_index x;
    struct mse_store_index seen;
    struct mse_build b = heap(MSE_STORE_MAX_LEN);
    struct mse_store_node n = { .type = MSE_STORE_FILE };
    some_index(&x);
    mse_store_index_write(&b, &x);
    static const size_t at[] = { 25, 29 }; /* packs, nodes */
    for (size_t i = 0; i < MSE_ARRAY_LEN(at); i++) {
        memset(b.data + at[i], 0xff, 4);
        assert_status(mse_store_index_parse(&seen, mse_build_view(&b)), MSE_ERR_MALFORMED);
        mse_build_reset(&b);
        mse_store_index_write(&b, &x);
    }
    n.size = (uint64_t)(MSE_STORE_MAX_CHUNKS - 1) * MSE_STORE_CHUNK;
    assert_status(mse_store_add(&x, &n), MSE_ERR_STORAGE_LIMIT);
    mse_build_clear(&b);
    mse_store_index_clear(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seal),          cmocka_unit_test(test_seal_refused),
        cmocka_unit_test(test_known_state),   cmocka_unit_test(test_versions),
        cmocka_unit_test(test_known_answers), cmocka_unit_test(test_root),
        cmocka_unit_test(test_state),         cmocka_unit_test(test_state_rules),
        cmocka_unit_test(test_index),         cmocka_unit_test(test_index_paths),
        cmocka_unit_test(test_index_rules),   cmocka_unit_test(test_index_maxima),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
