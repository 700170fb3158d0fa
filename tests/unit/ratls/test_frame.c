/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of mse-attest/1: the examples of docs/protocol.md byte by byte, every cut, flip and
 * appended byte, the maxima; and the tree over nonces. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/cbor.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "ratls/frame.h"

#define ROOM ((size_t)8192)

/* The request of docs/protocol.md, head and all. */
static const char request_hex[] = "00000043"
                                  "a3"
                                  "617601"
                                  "6477616e7482" // want
                                  "6773657373696f6e"
                                  "686d616e6966657374"
                                  "656e6f6e6365" // nonce
                                  "5820"
                                  "000102030405060708090a0b0c0d0e0f"
                                  "101112131415161718191a1b1c1d1e1f";

static size_t unhex(uint8_t *out, size_t cap, const char *hex)
{
    size_t len = strlen(hex) / 2;
    assert_true(len <= cap);
    assert_true(mse_hex_decode(out, len, mse_bytes_str(hex)));
    return len;
}

static mse_status read_request(const uint8_t *body, size_t len)
{
    struct mse_frame_request q;
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_frame_request_read(&q, mse_bytes_of(body, len), &err);
    assert_int_equal(st, err.status);
    return st;
}

static mse_status read_response(const uint8_t *body, size_t len)
{
    struct mse_frame_response r;
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_frame_response_read(&r, mse_bytes_of(body, len), &err);
    assert_int_equal(st, err.status);
    return st;
}

static void request_of_the_document(void **state)
{
    (void)state;
    uint8_t want[128];
    uint8_t buf[128];
    size_t body = 0;
    struct mse_build b;
    struct mse_frame_request q = { .manifest = true };
    size_t len = unhex(want, sizeof want, request_hex);
    for (uint8_t i = 0; i < 32; i++) {
        q.nonce.bytes[i] = i;
    }
    mse_build_fixed(&b, buf, sizeof buf);
    assert_status(mse_frame_request_write(&b, &q), MSE_OK);
    assert_bytes(mse_build_view(&b), mse_bytes_of(want, len));
    assert_status(mse_frame_len(&body, buf, MSE_FRAME_REQUEST_MAX, NULL), MSE_OK);
    assert_int_equal(body, len - MSE_FRAME_HEAD);
    struct mse_frame_request r;
    assert_status(mse_frame_request_read(&r, mse_bytes_of(buf + 4, body), NULL), MSE_OK);
    assert_memory_equal(r.nonce.bytes, q.nonce.bytes, 32);
    assert_true(r.manifest && !r.collateral && !r.fresh);
}

/* No cut is a frame; an appended byte neither; a flipped bit is one only where it changes a nonce
 * or a piece of evidence. */
static void sweep(const uint8_t *body, size_t len, mse_status (*read)(const uint8_t *, size_t))
{
    uint8_t copy[ROOM];
    assert_true(len < sizeof copy);
    assert_status(read(body, len), MSE_OK);
    for (size_t i = 0; i < len; i++) {
        assert_status(read(body, i), MSE_ERR_FRAME_MALFORMED);
    }
    memcpy(copy, body, len);
    copy[len] = 0xf6;
    assert_status(read(copy, len + 1), MSE_ERR_FRAME_MALFORMED);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        memcpy(copy, body, len);
        copy[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        mse_status st = read(copy, len);
        assert_true(st == MSE_OK || st == MSE_ERR_FRAME_MALFORMED || st == MSE_ERR_FRAME_VERSION);
    }
}

static void requests_are_strict(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        mse_status want;
    } cases[] = {
        { "", MSE_ERR_FRAME_MALFORMED },
        { "a0", MSE_ERR_FRAME_MALFORMED },
        { "a1617601", MSE_ERR_FRAME_MALFORMED },
        { "8101", MSE_ERR_FRAME_MALFORMED },
        /* version 2, 0 and as text */
        { "a1617602", MSE_ERR_FRAME_VERSION },
        { "a1617600", MSE_ERR_FRAME_VERSION },
        { "a161766131", MSE_ERR_FRAME_MALFORMED },
        /* the version in two bytes, an indefinite map, a key twice */
        { "a161761801", MSE_ERR_FRAME_MALFORMED },
        { "bf617601ff", MSE_ERR_FRAME_MALFORMED },
        { "a2617601617601", MSE_ERR_FRAME_MALFORMED },
        /* nothing, and something unknown, is wanted */
        { "a36176016477616e7480656e6f6e63655820"
          "0000000000000000000000000000000000000000000000000000000000000000",
          MSE_ERR_FRAME_MALFORMED },
        { "a36176016477616e748163616c6c656e6f6e63655820"
          "0000000000000000000000000000000000000000000000000000000000000000",
          MSE_ERR_FRAME_MALFORMED },
        /* "session" twice; "manifest" before "session"; "manifest" before "collateral" */
        { "a36176016477616e74826773657373696f6e6773657373696f6e656e6f6e63655820"
          "0000000000000000000000000000000000000000000000000000000000000000",
          MSE_ERR_FRAME_MALFORMED },
        { "a36176016477616e7482686d616e69666573746773657373696f6e656e6f6e63655820"
          "0000000000000000000000000000000000000000000000000000000000000000",
          MSE_ERR_FRAME_MALFORMED },
        { "a36176016477616e74836773657373696f6e686d616e69666573746a636f6c6c61746572616c"
          "656e6f6e636558200000000000000000000000000000000000000000000000000000000000000000",
          MSE_ERR_FRAME_MALFORMED },
        /* a nonce of 31 bytes */
        { "a36176016477616e74816773657373696f6e656e6f6e6365581f"
          "00000000000000000000000000000000000000000000000000000000000000",
          MSE_ERR_FRAME_MALFORMED },
        /* an unknown key behind */
        { "a46176016477616e74816773657373696f6e656e6f6e63655820"
          "0000000000000000000000000000000000000000000000000000000000000000"
          "657a7a7a7a7a01",
          MSE_ERR_FRAME_MALFORMED },
    };
    uint8_t body[256];
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        size_t len = unhex(body, sizeof body, cases[i].hex);
        assert_status(read_request(body, len), cases[i].want);
    }
    size_t len = unhex(body, sizeof body, request_hex);
    sweep(body + MSE_FRAME_HEAD, len - MSE_FRAME_HEAD, read_request);
}

static void write_response(struct mse_build *b, const struct mse_frame_response *r)
{
    mse_build_reset(b);
    assert_status(mse_frame_response_write(b, r), MSE_OK);
}

static void responses_round_trip(void **state)
{
    (void)state;
    uint8_t buf[ROOM];
    struct mse_build b;
    struct mse_frame_response out;
    const struct mse_nonce nonces[3] = { { { 1 } }, { { 2 } }, { { 3 } } };
    uint8_t nonce[32] = { 9 };
    mse_build_fixed(&b, buf, sizeof buf);
    struct mse_frame_response r = { .evidence = mse_bytes_str("evidence"),
                                    .collateral = mse_bytes_str("{}"),
                                    .manifest = mse_bytes_str("manifest"),
                                    .nonce = mse_bytes_of(nonce, 32) };
    write_response(&b, &r);
    assert_status(mse_frame_response_read(&out, mse_bytes_of(buf + 4, b.len - 4), NULL), MSE_OK);
    assert_bytes(out.evidence, r.evidence);
    assert_bytes(out.collateral, r.collateral);
    assert_bytes(out.manifest, r.manifest);
    assert_bytes(out.nonce, r.nonce);
    sweep(buf + 4, b.len - 4, read_response);

    r = (struct mse_frame_response) { .evidence = mse_bytes_str("e"), .has_audit = true };
    assert_status(mse_nonces_path(&r.audit, nonces, 3, 1), MSE_OK);
    write_response(&b, &r);
    assert_status(mse_frame_response_read(&out, mse_bytes_of(buf + 4, b.len - 4), NULL), MSE_OK);
    assert_true(out.has_audit && out.audit.index == 1 && out.audit.size == 3 && out.audit.num == 2);
    assert_memory_equal(out.audit.hashes, r.audit.hashes, 64);
    sweep(buf + 4, b.len - 4, read_response);

    r = (struct mse_frame_response) { .error = mse_bytes_str("busy"), .retry_ms = 250 };
    write_response(&b, &r);
    uint8_t want[64];
    size_t len = unhex(want, sizeof want,
                       "0000001a"
                       "a3"
                       "617601"
                       "656572726f72"
                       "6462757379"
                       "6872657472792d6d73"
                       "18fa");
    assert_bytes(mse_build_view(&b), mse_bytes_of(want, len));
    sweep(buf + 4, b.len - 4, read_response);
}

static void responses_are_strict(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "a1617601",                       /* nothing in it */
        "a2617601656572726f7260",         /* an empty error */
        "a2617601656572726f7264427573f0", /* not UTF-8 */
        "a2617601656572726f726442555359", /* capitals */
        "a26176016865766964656e636540",   /* empty evidence */
        "a2617601"
        "6865766964656e6365"
        "6165", /* evidence as text */
        "a3617601"
        "656572726f72"
        "6462757379"
        "6865766964656e6365"
        "4165", /* error and evidence */
        "a3617601"
        "6865766964656e6365"
        "4165"
        "6872657472792d6d73"
        "01", /* retry, no error */
        "a3617601"
        "656e6f6e6365"
        "4101"
        "6865766964656e6365"
        "4165", /* a short nonce */
        "a3617601"
        "656572726f72"
        "6462757379"
        "6872657472792d6d73"
        "00", /* retry at once */
        /* index outside, tree of none, a hash too many, a hash too few */
        "a3617601"
        "656175646974"
        "83010180"
        "6865766964656e6365"
        "4165",
        "a3617601"
        "656175646974"
        "83000080"
        "6865766964656e6365"
        "4165",
        "a3617601"
        "656175646974"
        "83000281"
        "41006865766964656e6365"
        "4165",
        "a3617601"
        "656175646974"
        "83000280"
        "6865766964656e6365"
        "4165",
        /* an audit path as a map; keys in another order */
        "a3617601"
        "656175646974"
        "a0"
        "6865766964656e6365"
        "4165",
        "a3617601"
        "6865766964656e6365"
        "4165"
        "656e6f6e6365"
        "4101",
    };
    uint8_t body[256];
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        size_t len = unhex(body, sizeof body, cases[i]);
        assert_status(read_response(body, len), MSE_ERR_FRAME_MALFORMED);
    }
    size_t len = unhex(body, sizeof body, "a2617602656572726f726462757379");
    assert_status(read_response(body, len), MSE_ERR_FRAME_VERSION);
}

static void writers_write_what_readers_take(void **state)
{
    (void)state;
    uint8_t buf[ROOM];
    uint8_t nonce[32] = { 0 };
    struct mse_build b;
    const struct mse_bytes e = mse_bytes_str("e");
    const struct mse_frame_response bad[] = {
        { .retry_ms = 0 },
        { .error = mse_bytes_str("Busy") },
        { .error = mse_bytes_str("busy"), .evidence = e },
        { .error = mse_bytes_str("busy"), .retry_ms = 3600001 },
        { .evidence = e, .retry_ms = 1 },
        { .evidence = e, .nonce = mse_bytes_of(nonce, 31) },
        { .evidence = e, .has_audit = true },
        { .evidence = e, .has_audit = true, .audit = { .size = 2 } },
        { .evidence = e, .has_audit = true, .audit = { .size = 1 }, .nonce = { nonce, 32 } },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        mse_build_fixed(&b, buf, sizeof buf);
        assert_status(mse_frame_response_write(&b, &bad[i]), MSE_ERR_ARGUMENT);
    }
    const struct mse_frame_response good = { .evidence = e };
    mse_build_fixed(&b, buf, 10);
    assert_status(mse_frame_response_write(&b, &good), MSE_ERR_NO_SPACE);
}

static void lengths(void **state)
{
    (void)state;
    size_t len = 0;
    struct mse_error err = { .status = MSE_OK };
    const uint8_t most[4] = { 0x00, 0x20, 0x00, 0x00 };
    const uint8_t more[4] = { 0x00, 0x20, 0x00, 0x01 };
    const uint8_t all[4] = { 0xff, 0xff, 0xff, 0xff };
    assert_status(mse_frame_len(&len, most, MSE_SESSION_FRAME_MAX, &err), MSE_OK);
    assert_int_equal(len, 2097152);
    assert_status(mse_frame_len(&len, more, MSE_SESSION_FRAME_MAX, &err), MSE_ERR_FRAME_TOO_LONG);
    assert_int_equal(err.status, MSE_ERR_FRAME_TOO_LONG);
    assert_status(mse_frame_len(&len, all, MSE_SESSION_FRAME_MAX, NULL), MSE_ERR_FRAME_TOO_LONG);
    assert_status(mse_frame_len(&len, most, MSE_FRAME_REQUEST_MAX, NULL), MSE_ERR_FRAME_TOO_LONG);
    assert_int_equal(len, 2097152);
    /* The largest frame there can be, and one byte more. */
    uint8_t *big = calloc(1, MSE_SESSION_FRAME_MAX + 1);
    assert_non_null(big);
    struct mse_build b;
    const size_t around = 1 + 3 + 9 + 5; /* map, version, key, head of the byte string */
    struct mse_frame_response r = { .evidence = { big, MSE_SESSION_FRAME_MAX - around } };
    mse_build_heap(&b, 2 * MSE_SESSION_FRAME_MAX);
    write_response(&b, &r);
    assert_int_equal(b.len, MSE_FRAME_HEAD + MSE_SESSION_FRAME_MAX);
    assert_status(read_response(b.data + 4, b.len - 4), MSE_OK);
    mse_build_reset(&b);
    r.evidence.len++;
    assert_status(mse_frame_response_write(&b, &r), MSE_ERR_NO_SPACE);
    mse_build_clear(&b);
    free(big);
}

/* ---- the tree ---- */

/* RFC 9162 §2.1.1 as it is written, recursion and all. */
static void tree_hash(uint8_t out[32], const struct mse_nonce *d, size_t n)
{
    uint8_t buf[65];
    if (n == 1) {
        buf[0] = 0;
        memcpy(buf + 1, d[0].bytes, 32);
        assert_status(mse_sha256(out, mse_bytes_of(buf, 33)), MSE_OK);
        return;
    }
    size_t k = 1;
    while (2 * k < n) {
        k *= 2;
    }
    buf[0] = 1;
    tree_hash(buf + 1, d, k);
    tree_hash(buf + 33, d + k, n - k);
    assert_status(mse_sha256(out, mse_bytes_of(buf, 65)), MSE_OK);
}

static void every_nonce_finds_the_root(void **state)
{
    (void)state;
    static struct mse_nonce nonces[MSE_NONCES_MAX + 1];
    const size_t last[] = { 127, 128, 129, 255, 256 };
    for (size_t i = 0; i <= MSE_NONCES_MAX; i++) {
        nonces[i].bytes[0] = (uint8_t)i;
        nonces[i].bytes[1] = (uint8_t)(i >> 8);
    }
    for (size_t k = 0; k < 40 + MSE_ARRAY_LEN(last); k++) {
        size_t n = k < 40 ? k + 1 : last[k - 40];
        uint8_t want[32];
        uint8_t root[32];
        tree_hash(want, nonces, n);
        assert_status(mse_nonces_root(root, nonces, n), MSE_OK);
        assert_memory_equal(root, want, 32);
        for (size_t i = 0; i < n; i++) {
            struct mse_nonce_path p;
            assert_status(mse_nonces_path(&p, nonces, n, i), MSE_OK);
            assert_status(mse_nonces_follow(root, nonces[i].bytes, &p), MSE_OK);
            assert_memory_equal(root, want, 32);
        }
    }
    uint8_t root[32];
    struct mse_nonce_path p;
    assert_status(mse_nonces_root(root, nonces, 0), MSE_ERR_ARGUMENT);
    assert_status(mse_nonces_root(root, nonces, MSE_NONCES_MAX + 1), MSE_ERR_ARGUMENT);
    assert_status(mse_nonces_path(&p, nonces, 3, 3), MSE_ERR_ARGUMENT);
}

static void roots_of_the_document(void **state)
{
    (void)state;
    struct mse_nonce nonces[2];
    uint8_t root[32];
    uint8_t want[32];
    for (uint8_t i = 0; i < 32; i++) {
        nonces[0].bytes[i] = i;
    }
    memset(nonces[1].bytes, 0xff, 32);
    unhex(want, 32, "699cacdb4c39d8e0bb1223352765a7f7acdc51dec6694f7b54c3d0a47f0cc409");
    assert_status(mse_nonces_root(root, nonces, 1), MSE_OK);
    assert_memory_equal(root, want, 32);
    unhex(want, 32, "ccbaa33d25462aa9f74a64abf947c001bec2c80baff64f6afe2e979d2c99d0f2");
    assert_status(mse_nonces_root(root, nonces, 2), MSE_OK);
    assert_memory_equal(root, want, 32);
}

static void other_paths_lead_elsewhere(void **state)
{
    (void)state;
    const struct mse_nonce nonces[5] = { { { 1 } }, { { 2 } }, { { 3 } }, { { 4 } }, { { 5 } } };
    uint8_t want[32];
    uint8_t root[32];
    struct mse_nonce_path p;
    assert_status(mse_nonces_root(want, nonces, 5), MSE_OK);
    assert_status(mse_nonces_path(&p, nonces, 5, 2), MSE_OK);
    assert_status(mse_nonces_follow(root, nonces[3].bytes, &p), MSE_OK);
    assert_memory_not_equal(root, want, 32);
    for (uint32_t i = 0; i < p.num; i++) {
        struct mse_nonce_path other = p;
        other.hashes[i][31] ^= 1;
        assert_status(mse_nonces_follow(root, nonces[2].bytes, &other), MSE_OK);
        assert_memory_not_equal(root, want, 32);
    }
    struct mse_nonce_path bad = p;
    bad.num--;
    assert_status(mse_nonces_follow(root, nonces[2].bytes, &bad), MSE_ERR_AUDIT_PATH);
    bad = p;
    bad.num++;
    assert_status(mse_nonces_follow(root, nonces[2].bytes, &bad), MSE_ERR_AUDIT_PATH);
    bad = p;
    bad.index = 5;
    assert_status(mse_nonces_follow(root, nonces[2].bytes, &bad), MSE_ERR_AUDIT_PATH);
    bad = p;
    bad.size = MSE_NONCES_MAX + 1;
    assert_status(mse_nonces_follow(root, nonces[2].bytes, &bad), MSE_ERR_AUDIT_PATH);
    bad = p;
    bad.size = 0;
    assert_status(mse_nonces_follow(root, nonces[2].bytes, &bad), MSE_ERR_AUDIT_PATH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_of_the_document),
        cmocka_unit_test(requests_are_strict),
        cmocka_unit_test(responses_round_trip),
        cmocka_unit_test(responses_are_strict),
        cmocka_unit_test(writers_write_what_readers_take),
        cmocka_unit_test(lengths),
        cmocka_unit_test(every_nonce_finds_the_root),
        cmocka_unit_test(roots_of_the_document),
        cmocka_unit_test(other_paths_lead_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
