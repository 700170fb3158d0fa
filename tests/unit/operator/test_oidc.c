/* SPDX-License-Identifier: Apache-2.0 */
/* ID tokens that the test signs itself: each way to be refused, by its name; and what an issuer's
 * document may say. */
#include "lib/testlib.h"

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/issuer.h"
#include "crypto/digest.h"
#include "crypto/sign.h"
#include "operator/oidc_keys.h"

#define NOW    ((mse_time)1800000000)
#define ISSUER "https://id.example.org/realm"
#define CLIENT "mse-cli"
#define NONCE  "n-0S6_WzA2Mj"

#define ES_HEADER "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"e1\"}"
#define RS_HEADER "{\"alg\":\"RS256\",\"kid\":\"r1\"}"
#define DATES     "\"iat\":1799999990,\"exp\":1800000300"
#define BASE                                                                                       \
    "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"nonce\":\"" NONCE "\",\"sub\":\"s-1\","

static struct {
    struct mse_privkey *ec;
    struct mse_privkey *rsa;
    struct mse_privkey *other;
    char ec_x[64];
    char ec_y[64];
    char rsa_n[600];
    char keys[4096];
} world;

static const struct mse_oidc_want want = {
    .issuer = ISSUER, .client_id = CLIENT, .nonce = NONCE, .now = NOW
};

static int setup(void **state)
{
    uint8_t point[64];
    uint8_t little[384];
    uint8_t big[384];
    (void)state;
    assert_status(mse_privkey_generate_p256(&world.ec), MSE_OK);
    assert_status(mse_privkey_generate_p256(&world.other), MSE_OK);
    assert_status(mse_privkey_generate_rsa3072_e3(&world.rsa), MSE_OK);
    assert_status(mse_privkey_point(world.ec, point), MSE_OK);
    assert_status(mse_privkey_rsa_modulus_le(world.rsa, little), MSE_OK);
    for (size_t i = 0; i < sizeof big; i++) {
        big[i] = little[sizeof little - 1 - i];
    }
    mse_base64url_encode(world.ec_x, mse_bytes_of(point, 32));
    mse_base64url_encode(world.ec_y, mse_bytes_of(point + 32, 32));
    mse_base64url_encode(world.rsa_n, mse_bytes_of(big, sizeof big));
    (void)snprintf(
        world.keys, sizeof world.keys,
        "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"e1\",\"crv\":\"P-256\",\"use\":\"sig\","
        "\"x\":\"%s\",\"y\":\"%s\"},{\"kty\":\"RSA\",\"kid\":\"r1\",\"alg\":\"RS256\","
        "\"n\":\"%s\",\"e\":\"Aw\"},{\"kty\":\"oct\",\"kid\":\"h1\",\"k\":\"c2VjcmV0\"}]}",
        world.ec_x, world.ec_y, world.rsa_n);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mse_privkey_free(world.ec);
    mse_privkey_free(world.rsa);
    mse_privkey_free(world.other);
    return 0;
}

static void put_part(struct mse_build *b, struct mse_bytes part)
{
    uint8_t *room = mse_wr_space(b, 4 * ((part.len + 2) / 3) + 1);
    assert_non_null(room);
    mse_base64url_encode((char *)room, part);
    b->len = (size_t)(room - b->data) + strlen((char *)room);
}

static void put_signature(struct mse_build *b, const struct mse_privkey *key)
{
    uint8_t room[512];
    struct mse_build sig;
    mse_build_fixed(&sig, room, sizeof room);
    if (key == world.rsa) {
        assert_status(mse_privkey_sign(key, &sig, mse_build_view(b)), MSE_OK);
    } else {
        assert_status(mse_p256_sign(key, mse_wr_space(&sig, 64), mse_build_view(b)), MSE_OK);
    }
    mse_wr_str(b, ".");
    put_part(b, mse_build_view(&sig));
}

/* header.payload.signature, in b. */
static void make(struct mse_build *b, const char *header, const char *payload,
                 const struct mse_privkey *key)
{
    mse_build_heap(b, 65536);
    put_part(b, mse_bytes_str(header));
    mse_wr_str(b, ".");
    put_part(b, mse_bytes_str(payload));
    put_signature(b, key);
    assert_true(mse_build_ok(b));
}

static mse_status verify(struct mse_oidc_claims *out, struct mse_bytes token, const char *keys)
{
    struct mse_error err = { 0 };
    mse_status st = mse_oidc_verify(out, token, mse_bytes_str(keys), &want, &err);
    assert_int_equal(err.status, st);
    assert_true(st == MSE_OK || err.text[0] != '\0');
    return st;
}

static mse_status try(const char *header, const char *payload, const struct mse_privkey *key,
                      const char *keys)
{
    struct mse_oidc_claims c = { .subject = "as it was" };
    struct mse_build b;
    make(&b, header, payload, key);
    mse_status st = verify(&c, mse_build_view(&b), keys);
    mse_build_clear(&b);
    assert_true(st == MSE_OK || strcmp(c.subject, "as it was") == 0);
    return st;
}

static mse_status claims(struct mse_oidc_claims *out, const char *payload)
{
    struct mse_error err = { 0 };
    mse_status st = mse_oidc_read_claims(out, mse_bytes_str(payload), &want, &err);
    assert_int_equal(err.status, st);
    return st;
}

static void refused(const char *payload, mse_status st)
{
    struct mse_oidc_claims c = { .subject = "as it was" };
    assert_status(claims(&c, payload), st);
    assert_string_equal(c.subject, "as it was");
    assert_status(try(ES_HEADER, payload, world.ec, world.keys), st);
}

static void test_good(void **state)
{
    struct mse_oidc_claims c = { .subject = "" };
    struct mse_build b;
    uint8_t hash[32];
    (void)state;
    make(&b, ES_HEADER,
         BASE DATES ",\"email\":\"Alice@Example.ORG\",\"email_verified\":true,"
                    "\"given_name\":\"Al\\u00efce\",\"family_name\":\"B\","
                    "\"preferred_username\":\"alice\"}",
         world.ec);
    assert_status(verify(&c, mse_build_view(&b), world.keys), MSE_OK);
    assert_string_equal(c.subject, "s-1");
    assert_string_equal(c.email, "alice@example.org");
    assert_string_equal(c.given_name, "Al\xc3\xaf"
                                      "ce");
    assert_string_equal(c.family_name, "B");
    assert_string_equal(c.name, "alice");
    assert_int_equal(c.over_at, 1800000300 + MSE_OIDC_LEEWAY);
    size_t dot = b.len;
    while (b.data[dot - 1] != '.') {
        dot--;
    }
    assert_status(mse_sha256(hash, mse_bytes_of(b.data, dot - 1)), MSE_OK);
    assert_memory_equal(hash, c.sha256, sizeof hash);
    mse_build_clear(&b);
    assert_status(try(RS_HEADER, BASE DATES "}", world.rsa, world.keys), MSE_OK);
}

/* Only an e-mail address that the issuer verified counts; texts for people that are no texts are
 * left out. */
static void test_soft_claims(void **state)
{
    static const char *const unverified[] = {
        ",\"email\":\"a@b.c\"}",
        ",\"email\":\"a@b.c\",\"email_verified\":false}",
        ",\"email\":\"a@b.c\",\"email_verified\":\"true\"}",
        ",\"email\":\"a@b.c\",\"email_verified\":1}",
        ",\"email\":\"no address\",\"email_verified\":true}",
        ",\"email\":\"\\u00e4@b.c\",\"email_verified\":true}",
        ",\"email\":[\"a@b.c\"],\"email_verified\":true}",
        ",\"given_name\":7,\"family_name\":\"a\\nb\",\"preferred_username\":null}",
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(unverified); i++) {
        struct mse_oidc_claims c = { .email = "x", .given_name = "x", .family_name = "x" };
        char text[1024];
        (void)snprintf(text, sizeof text, "%s%s", BASE DATES, unverified[i]);
        assert_status(claims(&c, text), MSE_OK);
        assert_string_equal(c.email, "");
        assert_string_equal(c.given_name, "");
        assert_string_equal(c.family_name, "");
        assert_string_equal(c.name, "");
    }
}

static void test_algorithms(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\",\"kid\":\"e1\"}",
        "{\"alg\":\"HS256\",\"kid\":\"h1\"}",
        "{\"alg\":\"HS256\",\"kid\":\"r1\"}",
        "{\"alg\":\"ES384\",\"kid\":\"e1\"}",
        "{\"alg\":\"RS512\",\"kid\":\"r1\"}",
        "{\"alg\":\"PS256\",\"kid\":\"r1\"}",
        "{\"alg\":\"EdDSA\",\"kid\":\"e1\"}",
        "{\"alg\":\"es256\",\"kid\":\"e1\"}",
        "{\"alg\":7,\"kid\":\"e1\"}",
        "{\"kid\":\"e1\"}",
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(headers); i++) {
        assert_status(try(headers[i], BASE DATES "}", world.ec, world.keys),
                      MSE_ERR_UNSUPPORTED_ALGORITHM);
    }
}

/* The public key as the secret of an HMAC, as libraries were talked into once. */
static void test_public_key_as_secret(void **state)
{
    struct mse_oidc_claims c = { .subject = "" };
    struct mse_build b;
    (void)state;
    make(&b, "{\"alg\":\"HS256\",\"kid\":\"r1\"}", BASE DATES "}", world.other);
    assert_status(verify(&c, mse_build_view(&b), world.keys), MSE_ERR_UNSUPPORTED_ALGORITHM);
    mse_build_clear(&b);
}

static void test_headers(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"ES256\",\"kid\":\"e1\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"ES256\",\"kid\":\"e1\",\"b64\":true}",
        "{\"alg\":\"ES256\",\"kid\":\"e1\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"ES256\",\"kid\":\"e1\",\"typ\":7}",
        "{\"alg\":\"ES256\",\"kid\":1}",
        "{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"e1\"}",
        "[\"ES256\"]",
        "{",
        "{}x",
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(headers); i++) {
        assert_status(try(headers[i], BASE DATES "}", world.ec, world.keys), MSE_ERR_MALFORMED);
    }
}

static void test_keys(void **state)
{
    char keys[8192];
    (void)state;
    /* Of another key; of another type than the kid's; unknown. */
    assert_status(try(ES_HEADER, BASE DATES "}", world.other, world.keys), MSE_ERR_SIGNATURE);
    assert_status(try("{\"alg\":\"ES256\",\"kid\":\"r1\"}", BASE DATES "}", world.ec, world.keys),
                  MSE_ERR_TOKEN_KEY);
    assert_status(try("{\"alg\":\"ES256\",\"kid\":\"e2\"}", BASE DATES "}", world.ec, world.keys),
                  MSE_ERR_TOKEN_KEY);
    /* Without a kid there must be one that fits. */
    assert_status(try("{\"alg\":\"ES256\"}", BASE DATES "}", world.ec, world.keys), MSE_OK);
    (void)snprintf(keys, sizeof keys,
                   "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"},"
                   "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}]}",
                   world.ec_x, world.ec_y, world.ec_y, world.ec_x);
    assert_status(try("{\"alg\":\"ES256\"}", BASE DATES "}", world.ec, keys), MSE_ERR_TOKEN_KEY);
    assert_status(try(ES_HEADER, BASE DATES "}", world.ec, "{\"keys\":[]}"), MSE_ERR_TOKEN_KEY);
}

/* Keys that say they are for something else, or that anybody could have. */
static void test_unfit_keys(void **state)
{
    static const char *const more[] = {
        "\"use\":\"enc\"", "\"alg\":\"ES384\"", "\"alg\":\"RS256\"", "\"d\":\"AQ\"", "\"k\":\"AQ\"",
    };
    char keys[8192];
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(more); i++) {
        (void)snprintf(keys, sizeof keys,
                       "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"e1\",\"crv\":\"P-256\",\"x\":\"%s\","
                       "\"y\":\"%s\",%s}]}",
                       world.ec_x, world.ec_y, more[i]);
        assert_status(try(ES_HEADER, BASE DATES "}", world.ec, keys), MSE_ERR_TOKEN_KEY);
    }
    (void)snprintf(keys, sizeof keys,
                   "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"e1\",\"crv\":\"P-384\",\"x\":\"%s\","
                   "\"y\":\"%s\"}]}",
                   world.ec_x, world.ec_y);
    assert_status(try(ES_HEADER, BASE DATES "}", world.ec, keys), MSE_ERR_TOKEN_KEY);
    /* A point off the curve. */
    (void)snprintf(keys, sizeof keys,
                   "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"e1\",\"crv\":\"P-256\",\"x\":\"%s\","
                   "\"y\":\"%s\"}]}",
                   world.ec_x, world.ec_x);
    assert_status(try(ES_HEADER, BASE DATES "}", world.ec, keys), MSE_ERR_TOKEN_KEY);
    /* RSA of 1024 bits, and with an exponent as long as the modulus. */
    (void)snprintf(keys, sizeof keys,
                   "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r1\",\"n\":\"%.171s\",\"e\":\"Aw\"}]}",
                   world.rsa_n);
    assert_status(try(RS_HEADER, BASE DATES "}", world.rsa, keys), MSE_ERR_TOKEN_KEY);
    (void)snprintf(keys, sizeof keys,
                   "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r1\",\"n\":\"%s\",\"e\":\"%s\"}]}",
                   world.rsa_n, world.rsa_n);
    assert_status(try(RS_HEADER, BASE DATES "}", world.rsa, keys), MSE_ERR_TOKEN_KEY);
}

static void test_key_sets(void **state)
{
    static const char *const sets[] = {
        "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]", "nonsense"
    };
    char many[4096] = "{\"keys\":[1";
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(sets); i++) {
        assert_status(try(ES_HEADER, BASE DATES "}", world.ec, sets[i]), MSE_ERR_MALFORMED);
    }
    struct mse_build b;
    mse_build_fixed(&b, many, sizeof many);
    b.len = strlen(many);
    for (size_t i = 0; i < MSE_OIDC_NUM_KEYS; i++) {
        mse_wr_str(&b, ",1");
    }
    mse_wr_str(&b, "]}");
    assert_status(try(ES_HEADER, BASE DATES "}", world.ec, mse_build_cstr(&b)), MSE_ERR_MALFORMED);
}

static void test_party(void **state)
{
    (void)state;
    refused("{\"iss\":\"https://evil.example\",\"aud\":\"" CLIENT "\",\"nonce\":\"" NONCE
            "\",\"sub\":\"s\"," DATES "}",
            MSE_ERR_TOKEN_ISSUER);
    refused("{\"iss\":\"" ISSUER "/\",\"aud\":\"" CLIENT "\",\"nonce\":\"" NONCE
            "\",\"sub\":\"s\"," DATES "}",
            MSE_ERR_TOKEN_ISSUER);
    refused("{\"aud\":\"" CLIENT "\",\"nonce\":\"" NONCE "\",\"sub\":\"s\"," DATES "}",
            MSE_ERR_TOKEN_ISSUER);
    static const char *const audiences[] = {
        "\"another\"",
        "[]",
        "[\"another\"]",
        "7",
        "[7]",
        "\"" CLIENT "\",\"azp\":\"another\"",
        "\"" CLIENT "\",\"azp\":7",
        "[\"" CLIENT "\",\"another\"]",
        "[\"" CLIENT "\",\"another\"],\"azp\":\"another\"",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(audiences); i++) {
        char text[1024];
        (void)snprintf(text, sizeof text,
                       "{\"iss\":\"" ISSUER "\",\"aud\":%s,\"nonce\":\"" NONCE
                       "\",\"sub\":\"s\"," DATES "}",
                       audiences[i]);
        refused(text, MSE_ERR_TOKEN_AUDIENCE);
    }
    assert_status(try(ES_HEADER,
                      "{\"iss\":\"" ISSUER "\",\"aud\":[\"x\",\"" CLIENT "\"],\"azp\":\"" CLIENT
                      "\",\"nonce\":\"" NONCE "\",\"sub\":\"s\"," DATES "}",
                      world.ec, world.keys),
                  MSE_OK);
}

static void test_nonce(void **state)
{
    static const char *const nonces[] = { "\"nonce\":\"another\",", "\"nonce\":7,", "",
                                          "\"nonce\":\"\"," };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(nonces); i++) {
        char text[1024];
        (void)snprintf(text, sizeof text,
                       "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",%s\"sub\":\"s\"," DATES "}",
                       nonces[i]);
        refused(text, MSE_ERR_TOKEN_NONCE);
    }
    /* A login without a nonce is none. */
    struct mse_oidc_want none = want;
    struct mse_oidc_claims c = { .subject = "" };
    none.nonce = "";
    assert_status(mse_oidc_read_claims(&c,
                                       mse_bytes_str("{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT
                                                     "\",\"nonce\":\"\",\"sub\":\"s\"," DATES "}"),
                                       &none, NULL),
                  MSE_ERR_TOKEN_NONCE);
}

static void test_times(void **state)
{
    (void)state;
    /* The last second, with the leeway, and the first one behind it. */
    assert_status(
        try(ES_HEADER, BASE "\"iat\":1799999900,\"exp\":1799999941}", world.ec, world.keys),
        MSE_OK);
    refused(BASE "\"iat\":1799999900,\"exp\":1799999940}", MSE_ERR_TOKEN_EXPIRED);
    /* However long it is good for: it was made for this login. */
    assert_status(
        try(ES_HEADER, BASE "\"iat\":1799999341,\"exp\":1900000000}", world.ec, world.keys),
        MSE_OK);
    refused(BASE "\"iat\":1799999340,\"exp\":1900000000}", MSE_ERR_TOKEN_EXPIRED);
    assert_status(
        try(ES_HEADER, BASE "\"iat\":1800000060,\"exp\":1800000300}", world.ec, world.keys),
        MSE_OK);
    refused(BASE "\"iat\":1800000061,\"exp\":1800000300}", MSE_ERR_TOKEN_NOT_YET_VALID);
    refused(BASE DATES ",\"nbf\":1800000061}", MSE_ERR_TOKEN_NOT_YET_VALID);
    static const char *const dates[] = {
        "\"exp\":1800000300}",
        "\"iat\":1799999990}",
        "\"iat\":\"1799999990\",\"exp\":1800000300}",
        "\"iat\":1799999990,\"exp\":1800000300.5}",
        "\"iat\":-1,\"exp\":1800000300}",
        "\"iat\":1799999990,\"exp\":9223372036854775807}",
        "\"iat\":1799999990,\"exp\":1800000300,\"nbf\":\"x\"}",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(dates); i++) {
        char text[1024];
        (void)snprintf(text, sizeof text, BASE "%s", dates[i]);
        refused(text, MSE_ERR_MALFORMED);
    }
}

static void test_subject(void **state)
{
    char long_one[300];
    memset(long_one, 's', sizeof long_one);
    long_one[sizeof long_one - 1] = '\0';
    const char *const subjects[] = {
        "",
        "\"sub\":\"\",",
        "\"sub\":7,",
        "\"sub\":\"a b\",",
        "\"sub\":\"\\u00e4\",",
        "\"sub\":\"a\\u0000b\",",
    };
    char text[1024];
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(subjects); i++) {
        (void)snprintf(text, sizeof text,
                       "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"nonce\":\"" NONCE
                       "\",%s" DATES "}",
                       subjects[i]);
        refused(text, MSE_ERR_MALFORMED);
    }
    (void)snprintf(text, sizeof text,
                   "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"nonce\":\"" NONCE
                   "\",\"sub\":\"%s\"," DATES "}",
                   long_one);
    refused(text, MSE_ERR_MALFORMED);
}

/* Each byte cut off, each byte changed, one more: nothing of it is accepted. */
static void test_damage(void **state)
{
    struct mse_oidc_claims c = { .subject = "" };
    struct mse_build b;
    (void)state;
    make(&b, ES_HEADER, BASE DATES "}", world.ec);
    for (size_t i = 0; i < b.len; i++) {
        assert_true(verify(&c, mse_bytes_of(b.data, i), world.keys) != MSE_OK);
    }
    for (size_t i = 0; i < b.len; i++) {
        b.data[i] ^= 1;
        assert_true(verify(&c, mse_build_view(&b), world.keys) != MSE_OK);
        b.data[i] ^= 1;
    }
    mse_wr_str(&b, "A");
    assert_status(verify(&c, mse_build_view(&b), world.keys), MSE_ERR_MALFORMED);
    b.data[b.len - 1] = '.';
    assert_status(verify(&c, mse_build_view(&b), world.keys), MSE_ERR_MALFORMED);
    mse_build_clear(&b);
}

static void test_size(void **state)
{
    struct mse_oidc_claims c = { .subject = "" };
    uint8_t *big = calloc(1, MSE_OIDC_MAX_TOKEN + 1);
    (void)state;
    assert_non_null(big);
    assert_status(verify(&c, mse_bytes_of(big, MSE_OIDC_MAX_TOKEN + 1), world.keys),
                  MSE_ERR_NO_SPACE);
    assert_status(verify(&c, mse_bytes_of(big, MSE_OIDC_MAX_TOKEN), world.keys), MSE_ERR_MALFORMED);
    free(big);
}

static void test_urls(void **state)
{
    static const char *const good[] = {
        "https://id.example.org",
        "https://id.example.org/",
        "https://id.example.org:8443/a/b",
        "https://[2001:db8::1]:443/",
        "http://127.0.0.1:4593/api",
        "http://[::1]:1/",
        "http://localhost/x",
    };
    static const char *const bad[] = {
        "",
        "https://",
        "https:///x",
        "https://:443/",
        "http://id.example.org/",
        "http://127.0.0.1.example.org/",
        "http://127.0.0.1@example.org/",
        "http://localhost.example.org/",
        "https://user@id.example.org/",
        "https://id.example.org/#f",
        "https://id.example.org/a b",
        "https://id.example.org:0/",
        "https://id.example.org:65536/",
        "https://id.example.org:/",
        "https://[::1/",
        "https://[::1]x/",
        "HTTPS://id.example.org/",
        "ftp://id.example.org/",
        "https://id.example.org/\"",
        "file:///etc/passwd",
        "javascript:alert(1)",
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(good); i++) {
        assert_true(cli_url_ok(good[i]));
        assert_true(cli_issuer_ok(good[i]));
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_false(cli_url_ok(bad[i]));
    }
    assert_true(cli_url_ok("https://id.example.org/?a=b"));
    assert_false(cli_issuer_ok("https://id.example.org/?a=b"));
}

#define DOC(issuer, auth, tok, jwks)                                                               \
    "{\"issuer\":\"" issuer "\",\"authorization_endpoint\":\"" auth "\",\"token_endpoint\":\"" tok \
    "\",\"jwks_uri\":\"" jwks "\"}"

static void test_document(void **state)
{
    struct cli_issuer found = { .jwks_uri = "" };
    char url[CLI_URL_LEN];
    (void)state;
    const char *good =
        DOC(ISSUER, "https:\\/\\/a.example/a", "https://a.example/t", "https://a.example/k");
    assert_status(cli_issuer_parse(&found, mse_bytes_str(good), ISSUER, NULL), MSE_OK);
    assert_string_equal(found.authorization_endpoint, "https://a.example/a");
    assert_string_equal(found.token_endpoint, "https://a.example/t");
    assert_string_equal(found.jwks_uri, "https://a.example/k");
    assert_status(cli_issuer_parse(&found, mse_bytes_str(good), ISSUER "/", NULL),
                  MSE_ERR_TOKEN_ISSUER);
    for (size_t i = 0; i < strlen(good); i++) {
        assert_status(cli_issuer_parse(&found, mse_bytes_of(good, i), ISSUER, NULL),
                      MSE_ERR_MALFORMED);
    }
    static const char *const bad[] = {
        DOC(ISSUER, "http://a.example/a", "https://a.example/t", "https://a.example/k"),
        DOC(ISSUER, "https://a.example/a", "file:///t", "https://a.example/k"),
        DOC(ISSUER, "https://a.example/a", "https://a.example/t", "http://a.example/k"),
        "{\"issuer\":\"" ISSUER "\"}",
        "[]",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_status(cli_issuer_parse(&found, mse_bytes_str(bad[i]), ISSUER, NULL),
                      MSE_ERR_MALFORMED);
    }
    assert_true(cli_issuer_document_url(url, ISSUER "/"));
    assert_string_equal(url, ISSUER "/.well-known/openid-configuration");
}

/* The keys of an issuer that is asked. */

struct issuer {
    const char *answer; /* NULL: none */
    unsigned asked;
    struct mse_oidc_keys *keys; /* not NULL: another login comes while it is asked */
};

static mse_status come(struct mse_oidc_keys *k, const char *header, const struct mse_privkey *key,
                       int64_t now_ms)
{
    struct mse_oidc_claims c = { .subject = "" };
    struct mse_error err = { 0 };
    struct mse_build b;
    make(&b, header, BASE DATES "}", key);
    mse_status st = mse_oidc_keys_verify(k, &c, mse_build_view(&b), &want, now_ms, &err);
    assert_int_equal(err.status, st);
    assert_true(st == MSE_OK || err.text[0] != '\0');
    mse_build_clear(&b);
    return st;
}

static mse_status answer(void *user, struct mse_build *out, struct mse_error *err)
{
    struct issuer *i = user;
    i->asked++;
    if (i->keys != NULL) {
        assert_status(come(i->keys, ES_HEADER, world.ec, 0), MSE_ERR_BUSY);
    }
    if (i->answer == NULL) {
        return MSE_FAIL(err, MSE_ERR_TIMEOUT, "test", "no answer");
    }
    mse_wr_str(out, i->answer);
    return MSE_OK;
}

static void test_keys_are_kept(void **state)
{
    struct issuer i = { .answer = world.keys };
    struct mse_oidc_keys *k = mse_oidc_keys_new(answer, &i);
    (void)state;
    assert_non_null(k);
    for (int64_t t = 0; t < MSE_OIDC_KEYS_MS; t += MSE_OIDC_KEYS_MS / 4) {
        assert_status(come(k, ES_HEADER, world.ec, t), MSE_OK);
        assert_int_equal(i.asked, 1);
    }
    /* A wrong signature asks nobody. */
    assert_status(come(k, ES_HEADER, world.other, MSE_OIDC_KEYS_MS - 1), MSE_ERR_SIGNATURE);
    assert_int_equal(i.asked, 1);
    assert_status(come(k, ES_HEADER, world.ec, MSE_OIDC_KEYS_MS), MSE_OK);
    assert_int_equal(i.asked, 2);
    mse_oidc_keys_free(k);
}

/* A new key is found, but strangers with keys that nobody has make no more than one request in a
 * minute of it. */
static void test_keys_change(void **state)
{
    struct issuer i = { .answer = "{\"keys\":[]}" };
    struct mse_oidc_keys *k = mse_oidc_keys_new(answer, &i);
    (void)state;
    assert_status(come(k, ES_HEADER, world.ec, 0), MSE_ERR_TOKEN_KEY);
    i.answer = world.keys;
    assert_status(come(k, ES_HEADER, world.ec, MSE_OIDC_AGAIN_MS - 1), MSE_ERR_TOKEN_KEY);
    assert_int_equal(i.asked, 1);
    assert_status(come(k, ES_HEADER, world.ec, MSE_OIDC_AGAIN_MS), MSE_OK);
    assert_int_equal(i.asked, 2);
    for (int64_t t = 1; t < 50; t++) {
        assert_status(come(k, "{\"alg\":\"ES256\",\"kid\":\"x\"}", world.ec, MSE_OIDC_AGAIN_MS + t),
                      MSE_ERR_TOKEN_KEY);
    }
    assert_int_equal(i.asked, 2);
    mse_oidc_keys_free(k);
}

static void test_issuer_fails(void **state)
{
    struct issuer i = { .answer = NULL };
    struct mse_oidc_keys *k = mse_oidc_keys_new(answer, &i);
    (void)state;
    assert_status(come(k, ES_HEADER, world.ec, 0), MSE_ERR_UNSUPPORTED);
    i.answer = "<html>";
    assert_status(come(k, ES_HEADER, world.ec, MSE_OIDC_RETRY_MS - 1), MSE_ERR_UNSUPPORTED);
    assert_int_equal(i.asked, 1);
    assert_status(come(k, ES_HEADER, world.ec, MSE_OIDC_RETRY_MS), MSE_ERR_UNSUPPORTED);
    assert_int_equal(i.asked, 2);
    i.answer = world.keys;
    i.keys = k;
    assert_status(come(k, ES_HEADER, world.ec, MSE_OIDC_RETRY_MS + MSE_OIDC_RETRY_MS), MSE_OK);
    /* Keys that are over are not used because there are no others. */
    i.keys = NULL;
    i.answer = NULL;
    assert_status(
        come(k, ES_HEADER, world.ec, MSE_OIDC_RETRY_MS + MSE_OIDC_RETRY_MS + MSE_OIDC_KEYS_MS),
        MSE_ERR_UNSUPPORTED);
    mse_oidc_keys_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),          cmocka_unit_test(test_soft_claims),
        cmocka_unit_test(test_algorithms),    cmocka_unit_test(test_public_key_as_secret),
        cmocka_unit_test(test_headers),       cmocka_unit_test(test_keys),
        cmocka_unit_test(test_unfit_keys),    cmocka_unit_test(test_key_sets),
        cmocka_unit_test(test_party),         cmocka_unit_test(test_nonce),
        cmocka_unit_test(test_times),         cmocka_unit_test(test_subject),
        cmocka_unit_test(test_damage),        cmocka_unit_test(test_size),
        cmocka_unit_test(test_urls),          cmocka_unit_test(test_document),
        cmocka_unit_test(test_keys_are_kept), cmocka_unit_test(test_keys_change),
        cmocka_unit_test(test_issuer_fails),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
