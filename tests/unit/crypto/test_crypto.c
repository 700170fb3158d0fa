/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes, DER, PEM, signatures, keys: known answers and refusals. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/aead.h"
#include "crypto/der.h"
#include "crypto/der_write.h"
#include "crypto/digest.h"
#include "crypto/sign.h"
#include "crypto/x25519.h"
#include "crypto/x509.h"
#include "crypto/x509_internal.h"
#include "lib/testlib.h"

static struct mse_bytes hex(uint8_t *buf, const char *text)
{
    size_t len = strlen(text) / 2;
    assert_true(mse_hex_decode(buf, len, mse_bytes_str(text)));
    return mse_bytes_of(buf, len);
}

static void assert_hex(const uint8_t *seen, size_t len, const char *wanted)
{
    uint8_t buf[128];
    assert_bytes(mse_bytes_of(seen, len), hex(buf, wanted));
}

/* FIPS 180-4: "abc". */
static void test_hashes(void **state)
{
    (void)state;
    uint8_t out[64];
    struct mse_bytes abc = mse_bytes_str("abc");
    const char *sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_status(mse_sha256(out, abc), MSE_OK);
    assert_hex(out, 32, sha256);
    assert_status(mse_sha256_2(out, mse_bytes_str("a"), mse_bytes_str("bc")), MSE_OK);
    assert_hex(out, 32, sha256);
    assert_status(mse_sha384(out, abc), MSE_OK);
    assert_hex(out, 48,
               "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
               "8086072ba1e7cc2358baeca134c825a7");
    assert_status(mse_sha512(out, abc), MSE_OK);
    assert_hex(out, 64,
               "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
               "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    struct mse_sha256_ctx c;
    assert_status(mse_sha256_init(&c), MSE_OK);
    mse_sha256_update(&c, "ab", 2);
    mse_sha256_update(&c, "c", 1);
    assert_status(mse_sha256_final(&c, out), MSE_OK);
    assert_hex(out, 32, sha256);
    mse_sha256_update(&c, "d", 1);
    assert_status(mse_sha256_final(&c, out), MSE_ERR_CRYPTO);
    mse_sha256_clear(&c);
    mse_sha256_clear(&c);
}

/* RFC 5869, A.1 and A.3. */
/* Test case 14 of "The Galois/Counter Mode of Operation"; then everything that must not open. */
static void test_aead(void **state)
{
    (void)state;
    uint8_t key[32] = { 0 };
    uint8_t nonce[12] = { 0 };
    uint8_t in[16] = { 0 };
    uint8_t out[32];
    uint8_t back[16];
    uint8_t want[32];
    struct mse_aead *a = NULL;
    struct mse_bytes none = { 0 };
    assert_status(mse_aead_new(&a, key), MSE_OK);
    assert_status(mse_aead_seal(a, out, nonce, none, mse_bytes_of(in, sizeof in)), MSE_OK);
    assert_bytes(mse_bytes_of(out, sizeof out),
                 hex(want, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"));
    assert_status(mse_aead_open(a, back, nonce, none, mse_bytes_of(out, sizeof out)), MSE_OK);
    assert_bytes(mse_bytes_of(back, 16), mse_bytes_of(in, 16));
    struct mse_bytes aad = mse_bytes_str("header");
    assert_status(mse_aead_open(a, back, nonce, aad, mse_bytes_of(out, sizeof out)),
                  MSE_ERR_SIGNATURE);
    for (size_t i = 0; i < sizeof out; i++) {
        memset(back, 0xaa, sizeof back);
        out[i] ^= 1;
        assert_status(mse_aead_open(a, back, nonce, none, mse_bytes_of(out, sizeof out)),
                      MSE_ERR_SIGNATURE);
        assert_true(mse_mem_is_zero(back, sizeof back)); /* nothing that is not authentic stays */
        out[i] ^= 1;
    }
    assert_status(mse_aead_open(a, back, nonce, none, mse_bytes_of(out, 15)), MSE_ERR_SIGNATURE);
    nonce[11] = 1;
    assert_status(mse_aead_open(a, back, nonce, none, mse_bytes_of(out, 32)), MSE_ERR_SIGNATURE);
    mse_aead_free(a);
    mse_aead_free(NULL);
}

static void test_hkdf(void **state)
{
    (void)state;
    uint8_t ikm[22];
    uint8_t salt[16];
    uint8_t info[16];
    uint8_t out[42];
    memset(ikm, 0x0b, sizeof ikm);
    struct mse_bytes k = { ikm, sizeof ikm };
    struct mse_bytes none = { 0 };
    assert_status(mse_hkdf_sha256(out, sizeof out, k, hex(salt, "000102030405060708090a0b0c"),
                                  hex(info, "f0f1f2f3f4f5f6f7f8f9")),
                  MSE_OK);
    assert_hex(
        out, sizeof out,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_status(mse_hkdf_sha256(out, sizeof out, k, none, none), MSE_OK);
    assert_hex(
        out, sizeof out,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    uint8_t big[1];
    assert_status(mse_hkdf_sha256(big, 255 * 32 + 1, k, none, none), MSE_ERR_ARGUMENT);
    uint8_t a[32] = { 0 };
    uint8_t b[32] = { 0 };
    assert_status(mse_random(a, sizeof a), MSE_OK);
    assert_status(mse_random(b, sizeof b), MSE_OK);
    assert_false(mse_mem_equal(a, b, sizeof a));
}

static bool der_any(const char *text)
{
    uint8_t buf[512];
    struct mse_bytes in = hex(buf, text);
    struct mse_bytes before = in;
    struct mse_bytes content = { 0 };
    uint8_t tag = 0;
    bool ok = mse_der_any(&in, &tag, &content, NULL);
    assert_true(ok || (in.data == before.data && in.len == before.len));
    return ok;
}

static void test_der_lengths(void **state)
{
    (void)state;
    assert_true(der_any("0400"));
    assert_true(der_any("040100"));
    assert_false(der_any(""));
    assert_false(der_any("04"));
    assert_false(der_any("0401"));
    assert_false(der_any("3080040100"));     /* indefinite */
    assert_false(der_any("04810100"));       /* long form of a short length */
    assert_false(der_any("0482000100"));     /* leading zero */
    assert_false(der_any("04850000000100")); /* five octets */
    assert_false(der_any("1f0100"));         /* high tag number */
}

static bool der_uint(const char *text, const char *wanted)
{
    uint8_t buf[64];
    uint8_t want[64];
    struct mse_bytes in = hex(buf, text);
    struct mse_bytes out = { 0 };
    if (!mse_der_uint(&in, &out)) {
        return false;
    }
    assert_bytes(out, hex(want, wanted));
    return true;
}

static void test_der_values(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct mse_bytes out = { 0 };
    assert_true(der_uint("020100", "00"));
    assert_true(der_uint("02017f", "7f"));
    assert_true(der_uint("02020080", "80"));
    assert_true(der_uint("021500ffffffffffffffffffffffffffffffffffffffff",
                         "ffffffffffffffffffffffffffffffffffffffff"));
    assert_false(der_uint("0200", ""));
    assert_false(der_uint("020180", ""));                                         /* negative */
    assert_false(der_uint("0202007f", ""));                                       /* not minimal */
    assert_false(der_uint("0215010000000000000000000000000000000000000000", "")); /* 21 octets */
    uint64_t n = 0;
    struct mse_bytes in = hex(buf, "02030100ff");
    assert_true(mse_der_uint64(&in, &n));
    assert_int_equal(n, 0x100ff);
    in = hex(buf, "0209010000000000000000");
    assert_false(mse_der_uint64(&in, &n));
    in = hex(buf, "030200ff");
    assert_true(mse_der_bits(&in, &out));
    in = hex(buf, "030201fe"); /* unused bits */
    assert_false(mse_der_bits(&in, &out));
    in = hex(buf, "0300");
    assert_false(mse_der_bits(&in, &out));
    bool b = false;
    in = hex(buf, "0101ff");
    assert_true(mse_der_bool(&in, &b) && b);
    in = hex(buf, "010101");
    assert_false(mse_der_bool(&in, &b));
    in = hex(buf, "06032a0304");
    assert_true(mse_der_oid(&in, &out));
    in = hex(buf, "06032a8003"); /* leading zero digit */
    assert_false(mse_der_oid(&in, &out));
    in = hex(buf, "06022a83"); /* does not end */
    assert_false(mse_der_oid(&in, &out));
    in = hex(buf, "0600");
    assert_false(mse_der_oid(&in, &out));
}

static bool der_time(uint8_t tag, const char *text, mse_time wanted)
{
    uint8_t buf[64];
    struct mse_build b;
    mse_time t = 0;
    mse_build_fixed(&b, buf, sizeof buf);
    mse_derw_prim(&b, tag, mse_bytes_str(text));
    struct mse_bytes in = mse_build_view(&b);
    if (!mse_der_time(&in, &t)) {
        return false;
    }
    assert_int_equal(t, wanted);
    return true;
}

static void test_der_time(void **state)
{
    (void)state;
    assert_true(der_time(MSE_DER_UTC_TIME, "700101000000Z", 0));
    assert_true(der_time(MSE_DER_UTC_TIME, "491231235959Z", 2524607999));
    assert_true(der_time(MSE_DER_GEN_TIME, "20500101000000Z", 2524608000));
    assert_true(der_time(MSE_DER_GEN_TIME, "99991231235959Z", 253402300799));
    assert_false(der_time(MSE_DER_UTC_TIME, "500101000000Z", 0)); /* 1950 */
    assert_false(der_time(MSE_DER_UTC_TIME, "7001010000Z", 0));
    assert_false(der_time(MSE_DER_UTC_TIME, "700101000000", 0));
    assert_false(der_time(MSE_DER_UTC_TIME, "700101000000+0000", 0));
    assert_false(der_time(MSE_DER_UTC_TIME, "700230000000Z", 0));
    assert_false(der_time(MSE_DER_GEN_TIME, "20500101000000.5Z", 0));
    assert_false(der_time(MSE_DER_OCTETS, "20500101000000Z", 0));
}

static void test_der_write(void **state)
{
    (void)state;
    static const uint8_t cn[] = { 0x55, 0x04, 0x03 };
    uint8_t buf[1024];
    uint8_t content[300] = { 0 };
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    size_t seq = mse_derw_open(&b, MSE_DER_SEQUENCE);
    mse_derw_uint64(&b, 0);
    mse_derw_uint64(&b, 0x80);
    mse_derw_bool(&b, true);
    mse_derw_time(&b, 2524607999);
    mse_derw_time(&b, 2524608000);
    mse_derw_bits(&b, mse_bytes_of(content, sizeof content));
    mse_derw_prim(&b, MSE_DER_OCTETS, mse_bytes_of(content, 130));
    struct mse_derw_attr attr = { cn, sizeof cn, "Test" };
    mse_derw_name(&b, &attr, 1);
    mse_derw_close(&b, seq);
    assert_true(mse_build_ok(&b));
    struct mse_bytes in = mse_build_view(&b);
    struct mse_bytes s = { 0 };
    struct mse_bytes v = { 0 };
    uint64_t n = 1;
    bool flag = false;
    mse_time t = 0;
    assert_true(mse_der_get(&in, MSE_DER_SEQUENCE, &s) && in.len == 0);
    assert_true(mse_der_uint64(&s, &n) && n == 0);
    assert_true(mse_der_uint64(&s, &n) && n == 0x80);
    assert_true(mse_der_bool(&s, &flag) && flag);
    assert_true(mse_der_time(&s, &t) && t == 2524607999);
    assert_true(mse_der_time(&s, &t) && t == 2524608000);
    assert_true(mse_der_bits(&s, &v) && v.len == 300);
    assert_true(mse_der_get(&s, MSE_DER_OCTETS, &v) && v.len == 130);
    assert_bytes(mse_name_common_name(s), mse_bytes_str("Test"));
    mse_build_fixed(&b, buf, 4); /* no room */
    seq = mse_derw_open(&b, MSE_DER_SEQUENCE);
    mse_derw_bits(&b, mse_bytes_of(content, 4));
    mse_derw_close(&b, seq);
    assert_false(mse_build_ok(&b));
}

/* 50 bytes of zeros: one full line and a short one. */
#define BODY64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static mse_status pem(const char *text, size_t text_len, size_t *len)
{
    uint8_t out[256];
    struct mse_bytes in = mse_bytes_of(text, text_len);
    return mse_pem_next(&in, "X", out, sizeof out, len);
}

static mse_status pem_str(const char *text)
{
    size_t len = 0;
    return pem(text, strlen(text), &len);
}

static void test_pem(void **state)
{
    (void)state;
    size_t len = 0;
    static const char with_nul[] = "-----BEGIN X-----\n" BODY64 "\nAAA=\n-----END X-----\n";
    assert_status(pem(with_nul, sizeof with_nul, &len), MSE_OK);
    assert_int_equal(len, 50);
    assert_status(pem_str("-----BEGIN X-----\r\nAAAA\r\n-----END X-----\r\n"), MSE_OK);
    assert_status(pem_str("\n\n-----BEGIN X-----\nAAAA\n-----END X-----"), MSE_OK);
    assert_status(pem_str(""), MSE_ERR_NOT_FOUND);
    assert_status(pem_str("\r\n\n"), MSE_ERR_NOT_FOUND);
    /* Joined blocks; lines of 76 columns. */
    assert_status(pem_str("-----BEGIN X-----\nAAAA\n-----END X----------BEGIN X-----\nAAAA\n"
                          "-----END X-----"),
                  MSE_OK);
    static const char wide[] =
        "-----BEGIN X-----\n" BODY64 "AAAAAAAAAAAA\n" BODY64 "\n-----END X-----\n";
    static const char between[] =
        "-----BEGIN X-----\n" BODY64 "AAAAAAAA\n" BODY64 "\n-----END X-----\n";
    static const char widening[] =
        "-----BEGIN X-----\n" BODY64 "\n" BODY64 "AAAAAAAAAAAA\n-----END X-----\n";
    assert_status(pem_str(wide), MSE_OK);
    static const char long_line[] = "-----BEGIN X-----\n" BODY64 "AAAA\n-----END X-----\n";
    static const char *const refused[] = {
        between,
        widening,
        "-----BEGIN X-----\nAAAA\n-----END X----------BEGIN Y-----\nAAAA\n-----END Y-----",
        " -----BEGIN X-----\nAAAA\n-----END X-----\n",
        "-----BEGIN Y-----\nAAAA\n-----END Y-----\n",
        "-----BEGIN X-----\nAAAA\n-----END Y-----\n",
        "-----BEGIN X-----\n-----END X-----\n",             /* empty */
        "-----BEGIN X-----\nAAAA-----END X-----\n",         /* no end of line */
        "-----BEGIN X-----AAAA\n-----END X-----\n",         /* same */
        "-----BEGIN X-----\nAAAA\n\n-----END X-----\n",     /* blank line inside */
        "-----BEGIN X-----\nAAAA \n-----END X-----\n",      /* space */
        "-----BEGIN X-----\nAAAA\nAAAA\n-----END X-----\n", /* short line before the last */
        long_line,                                          /* long line */
        "-----BEGIN X-----\nAAB=\n-----END X-----\n",       /* unused bits are not zero */
        "-----BEGIN X-----\nAA=\n-----END X-----\n",        /* padding */
        "-----BEGIN X-----\nAA==\nAAAA\n-----END X-----\n", /* padding inside */
        "-----BEGIN X-----\nAAAA\n-----END X-----x\n",      /* text behind */
        "-----BEGIN X-----\nAAAA\n-----END X----\n",        /* short armour */
        "-----BEGIN X-----\nAAAA\n",                        /* no end */
        "-----BEGIN X-----\nProc-Type: 4\n\nAAAA\n-----END X-----\n",
        "text\n-----BEGIN X-----\nAAAA\n-----END X-----\n",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(refused); i++) {
        if (pem_str(refused[i]) != MSE_ERR_MALFORMED) {
            fail_msg("accepted: %s", refused[i]);
        }
    }
}

/* Each flip of a bit of a PEM text is refused or changes the content. */
static void test_pem_flips(void **state)
{
    (void)state;
    static const char text[] = "-----BEGIN X-----\n" BODY64 "\nAAAAAA==\n-----END X-----\n";
    static const uint8_t zeros[64];
    char copy[sizeof text];
    uint8_t out[256];
    for (size_t bit = 0; bit < 8 * sizeof text; bit++) {
        memcpy(copy, text, sizeof text);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
        struct mse_bytes in = mse_bytes_of(copy, sizeof copy);
        size_t len = 0;
        mse_status st = mse_pem_next(&in, "X", out, sizeof out, &len);
        size_t more = 0;
        uint8_t none = 0;
        bool whole = st == MSE_OK && mse_pem_next(&in, "X", &none, 0, &more) == MSE_ERR_NOT_FOUND;
        assert_false(whole && len == 52 && mse_mem_equal(out, zeros, len));
    }
    for (size_t cut = 0; cut < sizeof text - 2; cut++) {
        struct mse_bytes in = mse_bytes_of(text, cut);
        size_t len = 0;
        assert_int_not_equal(mse_pem_next(&in, "X", out, sizeof out, &len), MSE_OK);
    }
}

static void test_pem_write(void **state)
{
    (void)state;
    uint8_t der[200];
    uint8_t back[200];
    uint8_t text[512];
    for (size_t i = 0; i < sizeof der; i++) {
        der[i] = (uint8_t)(i * 7);
    }
    for (size_t n = 1; n <= sizeof der; n++) {
        struct mse_build b;
        size_t len = 0;
        mse_build_fixed(&b, text, sizeof text);
        mse_pem_write(&b, "A B", mse_bytes_of(der, n));
        assert_true(mse_build_ok(&b));
        struct mse_bytes in = mse_build_view(&b);
        assert_status(mse_pem_next(&in, "A B", back, sizeof back, &len), MSE_OK);
        assert_bytes(mse_bytes_of(back, len), mse_bytes_of(der, n));
    }
}

static void test_p256(void **state)
{
    (void)state;
    struct mse_privkey *k = NULL;
    uint8_t point[64];
    uint8_t sig[64];
    struct mse_bytes m = mse_bytes_str("message");
    assert_status(mse_privkey_generate_p256(&k), MSE_OK);
    assert_status(mse_privkey_point(k, point), MSE_OK);
    assert_status(mse_p256_sign(k, sig, m), MSE_OK);
    assert_status(mse_p256_verify(NULL, point, sig, m), MSE_OK);
    assert_status(mse_p256_verify(NULL, point, sig, mse_bytes_str("massage")), MSE_ERR_SIGNATURE);
    for (size_t i = 0; i < 512; i += 5) {
        sig[i / 8] ^= (uint8_t)(1U << (i % 8));
        assert_status(mse_p256_verify(NULL, point, sig, m), MSE_ERR_SIGNATURE);
        sig[i / 8] ^= (uint8_t)(1U << (i % 8));
        point[i / 8] ^= (uint8_t)(1U << (i % 8)); /* off the curve, or another key */
        assert_status(mse_p256_verify(NULL, point, sig, m), MSE_ERR_SIGNATURE);
        point[i / 8] ^= (uint8_t)(1U << (i % 8));
    }
    uint8_t zero[64] = { 0 };
    uint8_t ones[64];
    memset(ones, 0xff, sizeof ones);
    assert_status(mse_p256_verify(NULL, point, zero, m), MSE_ERR_SIGNATURE);
    assert_status(mse_p256_verify(NULL, point, ones, m), MSE_ERR_SIGNATURE);
    assert_status(mse_p256_verify(NULL, zero, sig, m), MSE_ERR_SIGNATURE);
    assert_status(mse_p256_verify(NULL, ones, sig, m), MSE_ERR_SIGNATURE);
    mse_privkey_free(k);
    mse_privkey_free(NULL);
}

/* One prepared curve for many keys, of which none leaves a trace in it. */
static void test_prepared_curve(void **state)
{
    (void)state;
    struct mse_curve curve = { 0 };
    struct mse_privkey *keys[2] = { NULL, NULL };
    uint8_t points[2][64];
    uint8_t sigs[2][64];
    struct mse_bytes m = mse_bytes_str("message");
    for (size_t i = 0; i < 2; i++) {
        assert_status(mse_privkey_generate_p256(&keys[i]), MSE_OK);
        assert_status(mse_privkey_point(keys[i], points[i]), MSE_OK);
        assert_status(mse_p256_sign(keys[i], sigs[i], m), MSE_OK);
    }
    uint8_t off_curve[64] = { 1 };
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 2; i++) {
            assert_status(mse_p256_verify(&curve, points[i], sigs[i], m), MSE_OK);
            assert_status(mse_p256_verify(&curve, points[i], sigs[1 - i], m), MSE_ERR_SIGNATURE);
            assert_status(mse_p256_verify(&curve, off_curve, sigs[i], m), MSE_ERR_SIGNATURE);
        }
    }
    /* A key on P-384 is judged on its own curve. */
    static const uint8_t p384[97] = { 4 };
    static const uint8_t sig[] = { 0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01 };
    struct mse_pubkey other = { .type = MSE_KEY_P384, .raw = { p384, sizeof p384 } };
    assert_status(
        mse_verify(&curve, &other, MSE_SIG_ECDSA_SHA384, mse_bytes_of(sig, sizeof sig), m),
        MSE_ERR_SIGNATURE);
    mse_privkey_free(keys[0]);
    mse_privkey_free(keys[1]);
    mse_curve_clear(&curve);
    mse_curve_clear(&curve);
}

/* A key that is ready to verify with says what the plain functions say. */
static void test_ec_key(void **state)
{
    (void)state;
    struct mse_privkey *k = NULL;
    uint8_t octets[65] = { 4 };
    uint8_t sig[65] = { 0 };
    struct mse_bytes m = mse_bytes_str("message");
    struct mse_bytes s = mse_bytes_of(sig, 64);
    assert_status(mse_privkey_generate_p256(&k), MSE_OK);
    assert_status(mse_privkey_point(k, octets + 1), MSE_OK);
    assert_status(mse_p256_sign(k, sig, m), MSE_OK);
    struct mse_pubkey pub = { .type = MSE_KEY_P256, .raw = { octets, sizeof octets } };
    struct mse_ec_key *keys[2] = { mse_ec_key_new(&pub), mse_ec_key_of_point(octets + 1) };
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(keys[i]);
        assert_status(mse_ec_key_verify(keys[i], s, m), MSE_OK);
        assert_status(mse_ec_key_verify(keys[i], s, mse_bytes_str("massage")), MSE_ERR_SIGNATURE);
        assert_status(mse_ec_key_verify(keys[i], mse_bytes_of(sig, 63), m), MSE_ERR_SIGNATURE);
        assert_status(mse_ec_key_verify(keys[i], mse_bytes_of(sig, 65), m), MSE_ERR_SIGNATURE);
        sig[7] ^= 1;
        assert_status(mse_ec_key_verify(keys[i], s, m), MSE_ERR_SIGNATURE);
        sig[7] ^= 1;
        mse_ec_key_free(keys[i]);
    }
    octets[9] ^= 1; /* off the curve */
    assert_null(mse_ec_key_new(&pub));
    assert_null(mse_ec_key_of_point(octets + 1));
    pub.type = MSE_KEY_RSA;
    assert_null(mse_ec_key_new(&pub));
    mse_ec_key_free(NULL);
    mse_privkey_free(k);
}

/* A key's SPKI and a signature by it go through mse_verify. */
static void check_verify(const struct mse_privkey *k, enum mse_sig_alg alg)
{
    uint8_t spki_buf[1024];
    uint8_t sig_buf[1024];
    struct mse_build spki;
    struct mse_build sig;
    struct mse_pubkey key;
    struct mse_bytes m = mse_bytes_str("message");
    mse_build_fixed(&spki, spki_buf, sizeof spki_buf);
    mse_build_fixed(&sig, sig_buf, sizeof sig_buf);
    assert_status(mse_privkey_spki(k, &spki), MSE_OK);
    assert_status(mse_privkey_sign(k, &sig, m), MSE_OK);
    assert_true(mse_pubkey_parse(&key, mse_build_view(&spki)));
    struct mse_bytes s = mse_build_view(&sig);
    assert_status(mse_verify(NULL, &key, alg, s, m), MSE_OK);
    assert_status(mse_verify(NULL, &key, alg, s, mse_bytes_str("x")), MSE_ERR_SIGNATURE);
    for (size_t i = 0; i < s.len; i++) {
        sig_buf[i] ^= 1;
        assert_status(mse_verify(NULL, &key, alg, s, m), MSE_ERR_SIGNATURE);
        sig_buf[i] ^= 1;
        assert_status(mse_verify(NULL, &key, alg, mse_bytes_of(s.data, i), m), MSE_ERR_SIGNATURE);
    }
    assert_status(mse_verify(NULL, &key, alg, mse_bytes_of(s.data, s.len + 1), m),
                  MSE_ERR_SIGNATURE);
    assert_status(mse_verify(NULL, &key, MSE_SIG_OTHER, s, m), MSE_ERR_UNSUPPORTED_ALGORITHM);
    enum mse_sig_alg other = key.type == MSE_KEY_RSA ? MSE_SIG_ECDSA_SHA256 : MSE_SIG_RSA_SHA256;
    assert_status(mse_verify(NULL, &key, other, s, m), MSE_ERR_UNSUPPORTED_ALGORITHM);
}

static void test_keys(void **state)
{
    (void)state;
    struct mse_privkey *k = NULL;
    struct mse_privkey *again = NULL;
    struct mse_build b;
    struct mse_error err = { 0 };
    uint8_t point[64];
    uint8_t point2[64];
    uint8_t modulus[384];
    assert_status(mse_privkey_generate_p256(&k), MSE_OK);
    check_verify(k, MSE_SIG_ECDSA_SHA256);
    assert_status(mse_privkey_rsa_modulus_le(k, modulus), MSE_ERR_UNSUPPORTED_ALGORITHM);
    mse_build_heap(&b, 8192);
    assert_status(mse_privkey_to_pem(k, &b), MSE_OK);
    assert_status(mse_privkey_from_pem(&again, mse_build_view(&b), &err), MSE_OK);
    assert_status(mse_privkey_point(k, point), MSE_OK);
    assert_status(mse_privkey_point(again, point2), MSE_OK);
    assert_bytes(mse_bytes_of(point, 64), mse_bytes_of(point2, 64));
    assert_non_null(mse_privkey_evp_borrow(k));
    mse_privkey_free(again);
    again = NULL;
    mse_build_clear(&b);
    assert_status(mse_privkey_from_pem(&again, mse_bytes_str("nonsense"), &err), MSE_ERR_MALFORMED);
    assert_null(again);
    mse_privkey_free(k);
}

static void test_rsa3(void **state)
{
    (void)state;
    struct mse_privkey *k = NULL;
    struct mse_build b;
    uint8_t sig_buf[512];
    uint8_t modulus[384];
    uint8_t sig[384];
    uint8_t q1[384];
    uint8_t q2[384];
    struct mse_bytes m = mse_bytes_str("message");
    assert_status(mse_privkey_generate_rsa3072_e3(&k), MSE_OK);
    check_verify(k, MSE_SIG_RSA_SHA256);
    uint8_t point[64];
    assert_status(mse_privkey_point(k, point), MSE_ERR_UNSUPPORTED_ALGORITHM);
    assert_status(mse_privkey_rsa_modulus_le(k, modulus), MSE_OK);
    mse_build_fixed(&b, sig_buf, sizeof sig_buf);
    assert_status(mse_privkey_sign(k, &b, m), MSE_OK);
    assert_int_equal(mse_build_view(&b).len, 384);
    for (size_t i = 0; i < 384; i++) {
        sig[i] = sig_buf[383 - i];
    }
    assert_status(mse_rsa3_verify_le(modulus, sig, m), MSE_OK);
    assert_status(mse_rsa3_verify_le(modulus, sig, mse_bytes_str("x")), MSE_ERR_SIGNATURE);
    assert_status(mse_rsa3_q1_q2(q1, q2, modulus, sig), MSE_OK);
    sig[0] ^= 1;
    assert_status(mse_rsa3_verify_le(modulus, sig, m), MSE_ERR_SIGNATURE);
    memset(modulus, 0, sizeof modulus);
    assert_status(mse_rsa3_verify_le(modulus, sig, m), MSE_ERR_SIGNATURE);
    assert_status(mse_rsa3_q1_q2(q1, q2, modulus, sig), MSE_ERR_SIGNATURE);
    mse_privkey_free(k);
}

/* Any pair agrees with any other on a secret, whichever side computes it (RFC 7748 §6.1). */
static void x25519_pairs(void **state)
{
    (void)state;
    uint8_t secret[2][32];
    uint8_t public[2][32];
    uint8_t shared[2][32];
    for (size_t i = 0; i < 2; i++) {
        assert_status(mse_x25519_generate(secret[i], public[i]), MSE_OK);
    }
    for (size_t i = 0; i < 2; i++) {
        size_t len = 32;
        EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret[i], 32);
        EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public[1 - i], 32);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
        assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
        assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
        assert_int_equal(EVP_PKEY_derive(ctx, shared[i], &len), 1);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(peer);
        EVP_PKEY_free(own);
    }
    assert_memory_equal(shared[0], shared[1], 32);
    assert_memory_not_equal(secret[0], secret[1], 32);
}

/* Each extension is held against all before it, and certificates come from strangers: 100 KB of
 * them would be a second's work. Built here up to the last that is taken, and one more. */
static void test_too_many_extensions(void **state)
{
    (void)state;
    uint8_t list[9 * (MSE_MAX_EXTENSIONS + 1)];
    for (size_t i = 0; i <= MSE_MAX_EXTENSIONS; i++) {
        const uint8_t one[9] = { 0x30, 7, 0x06, 3, 0x2a, 3, (uint8_t)i, 0x04, 0 };
        memcpy(list + 9 * i, one, sizeof one);
    }
    struct mse_bytes all = mse_bytes_of(list, sizeof list);
    struct mse_bytes in = all;
    for (size_t i = 0; i <= MSE_MAX_EXTENSIONS; i++) {
        struct mse_bytes oid = { 0 };
        struct mse_bytes value = { 0 };
        bool critical = false;
        size_t before = in.len;
        assert_true(mse_ext_next(&in, &oid, &critical, &value));
        assert_true(mse_ext_is_too_much(all, before, oid) == (i == MSE_MAX_EXTENSIONS));
    }
    list[6] = 5; /* the first is now as the sixth */
    in = mse_bytes_of(list + (size_t)9 * 5, 9);
    assert_true(mse_ext_is_too_much(all, sizeof list - (size_t)9 * 5, mse_bytes_of(list + 49, 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x25519_pairs),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_aead),
        cmocka_unit_test(test_hkdf),
        cmocka_unit_test(test_der_lengths),
        cmocka_unit_test(test_der_values),
        cmocka_unit_test(test_der_time),
        cmocka_unit_test(test_der_write),
        cmocka_unit_test(test_pem),
        cmocka_unit_test(test_pem_flips),
        cmocka_unit_test(test_pem_write),
        cmocka_unit_test(test_p256),
        cmocka_unit_test(test_prepared_curve),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_rsa3),
        cmocka_unit_test(test_ec_key),
        cmocka_unit_test(test_too_many_extensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
