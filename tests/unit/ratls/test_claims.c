/* SPDX-License-Identifier: Apache-2.0 */
/* Claims: what is made, what is read, and every refusal by its status. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/cbor.h"
#include "base/util.h"
#include "ratls/claims.h"
#include "ratls/make.h"

/* pubkey-hash and its value, for tables of claims in hexadecimal. */
#define HASH_KEY "6b7075626b65792d68617368"
#define ZERO16   "00000000000000000000000000000000"
#define ZERO32   ZERO16 ZERO16
#define HASH                                                                                       \
    HASH_KEY "5824"                                                                                \
             "82015820" ZERO32
#define ROLE_KEY "686d73652d726f6c65"
#define ROLE     ROLE_KEY "6d7365727665722d737461746963"
#define NONCE    "656e6f6e6365"
#define ORIGIN   "6e6d73652d6b65792d6f726967696e"

static mse_status read_hex(struct mse_ratls_claims *out, const char *hex)
{
    static uint8_t raw[1024];
    struct mse_bytes text = mse_bytes_str(hex);
    assert_true(mse_hex_decode(raw, text.len / 2, text));
    return mse_ratls_claims_read(out, mse_bytes_of(raw, text.len / 2), NULL);
}

#define CA_KEY "6b6d73652d63612d68617368"

/* Whose CA signed the certificate: in the form of pubkey-hash, and ahead of it. */
static void the_hash_of_a_ca(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        mse_status want;
    } cases[] = {
        { "a3" ROLE CA_KEY "582482015820" ZERO32 HASH, MSE_OK },
        { "a3" ROLE HASH CA_KEY "582482015820" ZERO32, MSE_ERR_CLAIMS_MALFORMED },
        { "a3" ROLE CA_KEY "5820" ZERO32 HASH, MSE_ERR_CLAIMS_MALFORMED },
        { "a3" ROLE CA_KEY "583482075830" ZERO32 ZERO16 HASH, MSE_ERR_CLAIMS_HASH },
        { "a3" ROLE CA_KEY "01" HASH, MSE_ERR_CLAIMS_MALFORMED },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct mse_ratls_claims c = { 0 };
        assert_status(read_hex(&c, cases[i].hex), cases[i].want);
        assert_int_equal(c.ca_hash.len, cases[i].want == MSE_OK ? 32 : 0);
    }
    const uint8_t ca[32] = { 7 };
    uint8_t buf[256];
    struct mse_build b;
    struct mse_ratls_claims c = { 0 };
    const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC,
                                               .ca_sha256 = mse_bytes_of(ca, sizeof ca) };
    mse_build_fixed(&b, buf, sizeof buf);
    assert_status(mse_ratls_claims_make(&b, &p), MSE_OK);
    assert_status(mse_ratls_claims_read(&c, mse_build_view(&b), NULL), MSE_OK);
    assert_bytes(c.ca_hash, mse_bytes_of(ca, sizeof ca));
}

static void foreign_claims_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint8_t alg;
        size_t len;
    } good[] = {
        { "a1" HASH, 1, 32 },
        { "a1" HASH_KEY "5834"
          "82075830" ZERO32 ZERO16,
          7, 48 },
        { "a1" HASH_KEY "5844"
          "82085840" ZERO32 ZERO32,
          8, 64 },
        { "a2" HASH NONCE "4101", 1, 32 }, /* keys in another order, a short nonce */
        { "a3" HASH "656b65795f30"
          "4161"
          "01f5",
          1, 32 }, /* keys of others */
        { "a1"
          "780b"
          "7075626b65792d68617368"
          "5824"
          "82015820" ZERO32,
          1, 32 }, /* longer head */
        { "a1" HASH_KEY "5825"
          "8218015820" ZERO32,
          1, 32 },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(good); i++) {
        struct mse_ratls_claims c = { 0 };
        assert_status(read_hex(&c, good[i].hex), MSE_OK);
        assert_int_equal(c.hash_alg, good[i].alg);
        assert_int_equal(c.pubkey_hash.len, good[i].len);
        assert_int_equal(c.role, MSE_ROLE_ABSENT);
    }
}

static const struct {
    const char *hex;
    mse_status want;
} bad[] = {
    { "", MSE_ERR_CLAIMS_MALFORMED },
    { "80", MSE_ERR_CLAIMS_MALFORMED }, /* no map */
    { "a0", MSE_ERR_CLAIMS_MALFORMED }, /* no pubkey-hash */
    { "a1" NONCE "5820" ZERO32, MSE_ERR_CLAIMS_MALFORMED },
    { "a1" HASH "00", MSE_ERR_CLAIMS_MALFORMED }, /* something behind */
    { "a2" HASH HASH, MSE_ERR_CLAIMS_MALFORMED }, /* twice */
    { "bf" HASH "ff", MSE_ERR_CLAIMS_MALFORMED }, /* indefinite length */
    { "a1" HASH_KEY "7824"
      "82015820" ZERO32,
      MSE_ERR_CLAIMS_MALFORMED },                                  /* a text */
    { "a1" HASH_KEY "82015820" ZERO32, MSE_ERR_CLAIMS_MALFORMED }, /* not wrapped */
    { "a1" HASH_KEY "5825"
      "82015820" ZERO32 "00",
      MSE_ERR_CLAIMS_MALFORMED },
    { "a1" HASH_KEY "5825"
      "83015820" ZERO32 "00",
      MSE_ERR_CLAIMS_MALFORMED },
    { "a1" HASH_KEY "5824"
      "82205820" ZERO32,
      MSE_ERR_CLAIMS_MALFORMED },
    { "a1" HASH_KEY "5814"
      "820150" ZERO16 "00",
      MSE_ERR_CLAIMS_MALFORMED },
    { "a1" HASH_KEY "5824"
      "82075820" ZERO32,
      MSE_ERR_CLAIMS_MALFORMED }, /* 7 wants 48 */
    { "a1" HASH_KEY "43"
      "820140",
      MSE_ERR_CLAIMS_MALFORMED },
    { "a1" HASH_KEY "5824"
      "82055820" ZERO32,
      MSE_ERR_CLAIMS_HASH },
    { "a1" HASH_KEY "5824"
      "82005820" ZERO32,
      MSE_ERR_CLAIMS_HASH },
    { "a1" HASH_KEY "582c"
      "821b00000001000000015820" ZERO32,
      MSE_ERR_CLAIMS_HASH },
    { "a2" NONCE "01" HASH, MSE_ERR_CLAIMS_MALFORMED }, /* a number as nonce */
    /* ours: strict */
    { "a2" HASH ROLE, MSE_ERR_CLAIMS_MALFORMED },   /* order */
    { "b802" ROLE HASH, MSE_ERR_CLAIMS_MALFORMED }, /* head */
    { "a2" ROLE_KEY "617a" HASH, MSE_ERR_ROLE },
    { "a2" ROLE_KEY "60" HASH, MSE_ERR_ROLE },
    { "a2" ROLE_KEY "4d7365727665722d737461746963" HASH, MSE_ERR_CLAIMS_MALFORMED },
    { "a1" ROLE, MSE_ERR_CLAIMS_MALFORMED }, /* no pubkey-hash */
    { "a2"
      "686d73652d626f6f74"
      "50" ZERO16 HASH,
      MSE_ERR_CLAIMS_MALFORMED }, /* no role */
    { "a3"
      "676d73652d6e6577"
      "01" ROLE HASH,
      MSE_ERR_CLAIMS_MALFORMED }, /* mse-new */
    { "a3"
      "646d73652d"
      "01" ROLE HASH,
      MSE_ERR_CLAIMS_MALFORMED }, /* mse- */
    { "a3" NONCE "581f" ZERO16 "000000000000000000000000000000" ROLE HASH,
      MSE_ERR_CLAIMS_MALFORMED },
    { "a3" NONCE "40" ROLE HASH, MSE_ERR_CLAIMS_MALFORMED },
    { "a3"
      "686d73652d626f6f74"
      "5820" ZERO32 ROLE HASH,
      MSE_ERR_CLAIMS_MALFORMED },
    { "a2" ROLE HASH_KEY "5834"
      "82075830" ZERO32 ZERO16,
      MSE_ERR_CLAIMS_HASH },
    { "a2" ROLE HASH_KEY "5825"
      "8218015820" ZERO32,
      MSE_ERR_CLAIMS_MALFORMED },
    { "a3" ROLE HASH ORIGIN "63617070", MSE_ERR_CLAIMS_MALFORMED },     /* of nobody */
    { "a3" ROLE HASH ORIGIN "456f776e6572", MSE_ERR_CLAIMS_MALFORMED }, /* not a text */
    { "a3"
      "01f90000" ROLE HASH,
      MSE_ERR_CLAIMS_MALFORMED }, /* a float, in ours */
};

static void refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        struct mse_ratls_claims c = { 0 };
        mse_status st = read_hex(&c, bad[i].hex);
        if (st != bad[i].want) {
            fail_msg("%s: %s, wanted %s", bad[i].hex, mse_status_name(st),
                     mse_status_name(bad[i].want));
        }
        assert_null(c.pubkey_hash.data);
    }
}

static const uint8_t b32[32] = { 1, 2, 3 };

static struct mse_ratls_claims_params full(void)
{
    struct mse_bytes v = mse_bytes_of(b32, 32);
    struct mse_ratls_claims_params p = { .spki_sha256 = { 9 },
                                         .role = MSE_ROLE_SERVER_SESSION,
                                         .nonce = v,
                                         .exporter = v,
                                         .x25519 = v,
                                         .manifest = v,
                                         .boot = mse_bytes_of(b32, 16),
                                         .key_origin = MSE_KEY_ORIGIN_OWNER };
    return p;
}

static struct mse_bytes make(const struct mse_ratls_claims_params *p)
{
    static uint8_t buf[512];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    assert_status(mse_ratls_claims_make(&b, p), MSE_OK);
    return mse_build_view(&b);
}

static void made_claims_are_deterministic_and_read_back(void **state)
{
    (void)state;
    struct mse_ratls_claims_params p = full();
    struct mse_bytes raw = make(&p);
    struct mse_ratls_claims c;
    assert_true(mse_cbor_check(raw, MSE_CBOR_STRICT));
    assert_status(mse_ratls_claims_read(&c, raw, NULL), MSE_OK);
    assert_int_equal(c.hash_alg, 1);
    assert_bytes(c.pubkey_hash, mse_bytes_of(p.spki_sha256, 32));
    assert_int_equal(c.role, MSE_ROLE_SERVER_SESSION);
    assert_bytes(c.nonce, p.nonce);
    assert_bytes(c.exporter, p.exporter);
    assert_bytes(c.x25519, p.x25519);
    assert_bytes(c.manifest, p.manifest);
    assert_bytes(c.boot, p.boot);
    assert_int_equal(c.key_origin, MSE_KEY_ORIGIN_OWNER);
    for (int r = MSE_ROLE_SERVER_STATIC; r <= MSE_ROLE_APP; r++) {
        struct mse_ratls_claims_params only = { .role = (enum mse_ratls_role)r };
        assert_status(mse_ratls_claims_read(&c, make(&only), NULL), MSE_OK);
        assert_int_equal(c.role, r);
        assert_int_equal(c.nonce.len, 0);
        assert_int_equal(c.key_origin, MSE_KEY_ORIGIN_ABSENT);
    }
}

/* The bytes of docs/protocol.md. */
static void the_documented_example(void **state)
{
    (void)state;
    struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    struct mse_bytes raw = make(&p);
    uint8_t want[256];
    struct mse_bytes text = mse_bytes_str("a2" ROLE HASH);
    assert_true(mse_hex_decode(want, text.len / 2, text));
    assert_bytes(raw, mse_bytes_of(want, text.len / 2));
}

static void wrong_parameters_make_nothing(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    struct mse_ratls_claims_params p = full();
    p.role = MSE_ROLE_ABSENT;
    assert_status(mse_ratls_claims_make(&b, &p), MSE_ERR_ARGUMENT);
    for (int i = 0; i < 5; i++) {
        p = full();
        struct mse_bytes *slots[] = { &p.nonce, &p.exporter, &p.x25519, &p.manifest, &p.boot };
        slots[i]->len--;
        assert_status(mse_ratls_claims_make(&b, &p), MSE_ERR_ARGUMENT);
    }
    assert_int_equal(b.len, 0);
    p = full();
    mse_build_fixed(&b, buf, 16);
    assert_status(mse_ratls_claims_make(&b, &p), MSE_ERR_NO_SPACE);
}

static void truncated_appended_flipped(void **state)
{
    (void)state;
    uint8_t raw[512];
    struct mse_ratls_claims_params p = full();
    struct mse_bytes made = make(&p);
    struct mse_ratls_claims c;
    memcpy(raw, made.data, made.len);
    raw[made.len] = 0;
    for (size_t len = 0; len <= made.len + 1; len++) {
        mse_status st = mse_ratls_claims_read(&c, mse_bytes_of(raw, len), NULL);
        assert_status(st, len == made.len ? MSE_OK : MSE_ERR_CLAIMS_MALFORMED);
    }
    for (size_t bit = 0; bit < made.len * 8; bit++) {
        raw[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        (void)!mse_ratls_claims_read(&c, mse_bytes_of(raw, made.len), NULL);
        raw[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_claims_are_read),
        cmocka_unit_test(the_hash_of_a_ca),
        cmocka_unit_test(refusals),
        cmocka_unit_test(made_claims_are_deterministic_and_read_back),
        cmocka_unit_test(the_documented_example),
        cmocka_unit_test(wrong_parameters_make_nothing),
        cmocka_unit_test(truncated_appended_flipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
