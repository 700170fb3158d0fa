/* SPDX-License-Identifier: Apache-2.0 */
/* What phase 1 decides, without a connection: heads of requests, who is admitted, what is right. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/json_write.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/x25519.h"
#include "enclave/config.h"
#include "enclave/http_head.h"
#include "enclave/sealed.h"
#include "lib/testlib.h"
#include "unit/enclave/fixture.h"
#include "unit/package/chain_lab.h"

#define KEY_HEX   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TOKEN_HEX "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"

/* Heads. */

static unsigned head(const char *text)
{
    struct mse_http_head h;
    return mse_http_head_read(&h, mse_bytes_str(text));
}

static void test_heads(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *text;
    } cases[] = {
        { 200, "GET / HTTP/1.1\r\nHost: a\r\n\r\n" },
        { 200, "GET / HTTP/1.1\r\nhost:a\r\nX-Y:\t\r\nContent-Length: 0\r\n\r\n" },
        { 200, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" },
        { 200, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: a\r\nnone\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n" },
        { 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" },
        { 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n" },
        { 400, "GET /\r\nHost: a\r\n\r\n" },
        { 400, "\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n" },
        { 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: more\r\n\r\n" },
        { 400, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n" },
        { 404, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n" },
        { 404, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n" },
        { 405, "PUT / HTTP/1.1\r\nHost: a\r\n\r\n" },
        { 411, "POST / HTTP/1.1\r\nHost: a\r\n\r\n" },
        { 411, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: x\r\n\r\n" },
        { 505, "GET / HTTP/1.0\r\nHost: a\r\n\r\n" },
        { 505, "PRI / HTTP/2.0\r\n\r\n" },
        { 0, "" },
        { 0, "GET / HTTP/1.1\r\nHost: a\r\n\r" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        if (head(cases[i].text) != cases[i].status) {
            fail_msg("%s: %u", cases[i].text, head(cases[i].text));
        }
    }
}

static void test_head_limit(void **state)
{
    (void)state;
    static const char end[4] = { '\r', '\n', '\r', '\n' };
    char text[MSE_HTTP_MAX_HEAD + 64];
    struct mse_http_head h;
    int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    assert_true(n > 0);
    memset(text + n, 'x', sizeof text - (size_t)n);
    assert_int_equal(mse_http_head_read(&h, mse_bytes_of(text, MSE_HTTP_MAX_HEAD - 1)), 0);
    assert_int_equal(mse_http_head_read(&h, mse_bytes_of(text, MSE_HTTP_MAX_HEAD)), 431);
    memcpy(text + MSE_HTTP_MAX_HEAD - 4, end, 4);
    assert_int_equal(mse_http_head_read(&h, mse_bytes_of(text, MSE_HTTP_MAX_HEAD)), 200);
    assert_int_equal(h.len, MSE_HTTP_MAX_HEAD);
    text[MSE_HTTP_MAX_HEAD - 4] = 'x';
    memcpy(text + MSE_HTTP_MAX_HEAD - 3, end, 4);
    assert_int_equal(mse_http_head_read(&h, mse_bytes_of(text, sizeof text)), 431);
}

static bool token_in(const char *value)
{
    char text[512];
    struct mse_http_head h;
    (void)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\n\r\n",
                   value);
    assert_int_equal(mse_http_head_read(&h, mse_bytes_str(text)), 200);
    assert_true(!h.has_token || (h.token[0] == 0xa0 && h.token[31] == 0xbf));
    return h.has_token;
}

static void test_tokens(void **state)
{
    (void)state;
    assert_true(token_in("Bearer " TOKEN_HEX));
    assert_true(token_in("bearer " TOKEN_HEX " "));
    assert_false(token_in("Basic " TOKEN_HEX));
    assert_false(token_in("Bearer " TOKEN_HEX "00"));
    assert_false(token_in("Bearer " KEY_HEX "x"));
    assert_false(token_in("Bearer"));
    assert_false(token_in(""));
}

/* Bodies. */

static mse_status package_says;
static const uint8_t *package_key;

static mse_status check_package(void *arg, const uint8_t *key)
{
    (void)arg;
    package_key = key;
    return package_says;
}

struct world {
    struct mse_manifest m;
    uint8_t secret[32];
    uint8_t public[32];
    uint8_t token[32];
    char box[8192];
    struct mse_config_rules rules;
};

static void seal(struct world *w, const char *text)
{
    uint8_t raw[4096];
    size_t len = strlen(text);
    assert_true(len + MSE_SEALED_EXTRA <= sizeof raw);
    assert_true(sodium_init() >= 0);
    assert_int_equal(crypto_box_seal(raw, (const uint8_t *)text, len, w->public), 0);
    mse_base64url_encode(w->box, mse_bytes_of(raw, len + MSE_SEALED_EXTRA));
}

static int setup(void **state)
{
    struct world *w = test_calloc(1, sizeof *w);
    fixture_manifest(&w->m, NULL);
    assert_true(mse_hex_decode(w->token, 32, mse_bytes_str(TOKEN_HEX)));
    assert_status(mse_sha256(w->m.config_token_sha256, mse_bytes_of(w->token, 32)), MSE_OK);
    assert_status(mse_x25519_generate(w->secret, w->public), MSE_OK);
    w->m.package = MSE_PACKAGE_ENCRYPTED;
    w->m.expects = MSE_EXPECT_SECRETS | MSE_EXPECT_SEALED_SECRETS;
    w->rules = (struct mse_config_rules) { .manifest = &w->m,
                                           .x25519_secret = w->secret,
                                           .x25519_public = w->public,
                                           .check_package = check_package };
    package_says = MSE_OK;
    seal(w, "{\"from\":\"afar\"}");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fixture_manifest_clear(&w->m);
    test_free(w);
    return 0;
}

static void test_admission(void **state)
{
    struct world *w = *state;
    struct mse_config_answer a;
    mse_config_admit(&a, &w->rules, MSE_CONFIG_WAITING, w->token);
    assert_int_equal(a.http, 200);
    /* The token comes first: strangers do not even learn the state this way. */
    for (int s = MSE_CONFIG_WAITING; s <= MSE_CONFIG_FAILED; s++) {
        mse_config_admit(&a, &w->rules, (enum mse_config_state)s, NULL);
        assert_int_equal(a.http, 401);
        mse_config_admit(&a, &w->rules, (enum mse_config_state)s, w->public);
        assert_int_equal(a.http, 401);
        assert_string_equal(a.error, "token");
    }
    for (int s = MSE_CONFIG_STARTING; s <= MSE_CONFIG_FAILED; s++) {
        mse_config_admit(&a, &w->rules, (enum mse_config_state)s, w->token);
        assert_int_equal(a.http, 409);
    }
    memset(w->m.config_token_sha256, 0, 32);
    mse_config_admit(&a, &w->rules, MSE_CONFIG_WAITING, w->token);
    assert_int_equal(a.http, 401);
}

static struct mse_config_answer judge(const struct world *w, const char *body)
{
    struct mse_config c = { .has_code_key = false };
    struct mse_config_answer a;
    mse_config_judge(&c, &a, &w->rules, mse_bytes_str(body));
    assert_true(a.http == 200 || (!c.has_code_key && c.secrets.data == NULL));
    mse_config_clear(&c);
    return a;
}

static void assert_judged(const struct world *w, const char *body, unsigned http, const char *error,
                          const char *field)
{
    struct mse_config_answer a = judge(w, body);
    if (a.http != http || strcmp(a.error, error) != 0 || strcmp(a.field, field) != 0) {
        fail_msg("%s: %u %s %s, wanted %u %s %s", body, a.http, a.error, a.field, http, error,
                 field);
    }
}

#define UUID   "\"uuid\":\"" FIXTURE_APP_ID "\""
#define KEY    "\"code_secret_key\":\"" KEY_HEX "\""
#define SECRET "\"app_secrets\":{\"a\": [1, null]}"

static const char *good(const struct world *w)
{
    static uint8_t body[9216];
    struct mse_build b;
    mse_build_fixed(&b, body, sizeof body);
    mse_wr_printf(&b, "{" UUID "," KEY "," SECRET ",\"app_sealed_secrets\":\"%s\"}", w->box);
    return mse_build_cstr(&b);
}

static void test_good(void **state)
{
    struct world *w = *state;
    struct mse_config c = { .has_code_key = false };
    struct mse_config_answer a;
    mse_config_judge(&c, &a, &w->rules, mse_bytes_str(good(w)));
    assert_int_equal(a.http, 200);
    assert_true(c.has_code_key && c.code_key[1] == 0x11);
    assert_true(c.by_owner); /* though there is a box too */
    assert_true(mse_bytes_is_str(mse_build_view(&c.secrets), "{\"a\": [1, null]}"));
    assert_true(mse_bytes_is_str(mse_build_view(&c.sealed), "{\"from\":\"afar\"}"));
    mse_config_clear(&c);
    assert_int_equal(c.code_key[1], 0);
    /* Cut anywhere it is another body, and refused. */
    char *cut = strdup(good(w));
    for (size_t n = strlen(cut) - 1; n > 0; n--) {
        cut[n] = '\0';
        assert_judged(w, cut, 422, "form", "body");
    }
    free(cut);
    package_says = MSE_ERR_PACKAGE_KEY;
    assert_judged(w, good(w), 422, "package_key", "code_secret_key");
    package_says = MSE_ERR_MANIFEST_MISMATCH;
    assert_judged(w, good(w), 422, "manifest_mismatch", "package");
}

static void test_wrong(void **state)
{
    struct world *w = *state;
    static const struct {
        unsigned http;
        const char *error;
        const char *field;
        const char *body;
    } cases[] = {
        { 422, "form", "body", "" },
        { 422, "form", "body", "[]" },
        { 422, "form", "body", "{" UUID "," UUID "}" },
        { 422, "form", "body", "{" UUID "} {}" },
        { 422, "form", "body", "{" UUID ",\"app_secrets\":\"\xff\"}" },
        { 401, "uuid", "", "{}" },
        { 401, "uuid", "", "{\"uuid\":1}" },
        { 401, "uuid", "", "{\"uuid\":\"01234567-89ab-4cde-8f01-23456789abce\"}" },
        { 401, "uuid", "", "{\"uuid\":\"\",\"code_secret_key\":1}" }, /* before the forms */
        { 422, "form", "other", "{" UUID ",\"other\":1}" },
        { 422, "form", "ssl_private_key", "{" UUID ",\"ssl_private_key\":\"\"}" },
        { 422, "form", "ssl_private_key", "{" UUID ",\"ssl_private_key\":1}" },
        { 422, "form", "ssl_certificate_chain", "{" UUID ",\"ssl_certificate_chain\":[]}" },
        { 422, "form", "code_secret_key", "{" UUID ",\"code_secret_key\":1}" },
        { 422, "form", "code_secret_key", "{" UUID ",\"code_secret_key\":\"00\"}" },
        { 422, "form", "code_secret_key", "{" UUID ",\"code_secret_key\":\"" KEY_HEX "0\"}" },
        { 422, "form", "code_secret_key", "{" UUID ",\"code_secret_key\":null}" },
        { 422, "form", "app_sealed_secrets", "{" UUID ",\"app_sealed_secrets\":{}}" },
        { 422, "form", "app_sealed_secrets", "{" UUID ",\"app_sealed_secrets\":\"\"}" },
        { 422, "form", "app_sealed_secrets", "{" UUID ",\"app_sealed_secrets\":\"AA==\"}" },
        { 422, "expected", "code_secret_key", "{" UUID "}" },
        { 422, "expected", "app_secrets", "{" UUID "," KEY "}" },
        { 422, "expected", "app_sealed_secrets", "{" UUID "," KEY "," SECRET "}" },
        { 422, "sealed", "app_sealed_secrets",
          "{" UUID "," KEY "," SECRET ",\"app_sealed_secrets\":\"AAAA\"}" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        assert_judged(w, cases[i].body, cases[i].http, cases[i].error, cases[i].field);
    }
}

/* Whose storage goes on here: said where one is offered, and only there. */
static void test_upgrade(void **state)
{
#define FROM "\"upgrade_from\":\"" KEY_HEX "\""
#define SIGN "\"upgrade_signature\":\"3000\""
    struct world *w = *state;
    struct mse_config c = { .has_code_key = false };
    struct mse_config_answer a;
    w->m.package = MSE_PACKAGE_PLAIN;
    w->m.expects = MSE_EXPECT_SECRETS;
    assert_judged(w, "{" UUID "," SECRET "," FROM "}", 422, "unexpected", "upgrade_from");
    w->rules.offered = true;
    assert_judged(w, "{" UUID "," SECRET "}", 422, "expected", "upgrade_from");
    assert_judged(w, "{" UUID "," SECRET "," SIGN "}", 422, "expected", "upgrade_from");
    assert_judged(w, "{" UUID "," SECRET ",\"upgrade_from\":\"00\"}", 422, "form", "upgrade_from");
    assert_judged(w, "{" UUID "," SECRET ",\"upgrade_from\":1}", 422, "form", "upgrade_from");
    assert_judged(w, "{" UUID "," FROM ",\"upgrade_signature\":\"\"}", 422, "form",
                  "upgrade_signature");
    assert_judged(w, "{" UUID "," FROM ",\"upgrade_signature\":\"300\"}", 422, "form",
                  "upgrade_signature");
    mse_config_judge(&c, &a, &w->rules, mse_bytes_str("{" UUID "," SECRET "," FROM "}"));
    assert_int_equal(a.http, 200);
    assert_true(c.has_upgrade_from && c.upgrade_from[1] == 0x11);
    assert_false(c.by_owner);
    assert_int_equal(c.upgrade_signature_len, 0);
    mse_config_clear(&c);
    mse_config_judge(&c, &a, &w->rules, mse_bytes_str("{" UUID "," SECRET "," FROM "," SIGN "}"));
    assert_int_equal(a.http, 200);
    assert_int_equal(c.upgrade_signature_len, 2);
    assert_int_equal(c.upgrade_signature[0], 0x30);
    mse_config_clear(&c);
    w->rules.signed_for = true; /* the signature says it: the owner need not, and may */
    assert_int_equal(judge(w, "{" UUID "," SECRET "}").http, 200);
    assert_int_equal(judge(w, "{" UUID "," SECRET "," FROM "}").http, 200);
}

static void test_sealed(void **state)
{
    struct world *w = *state;
    char first = w->box[50];
    w->box[50] = first == 'A' ? 'B' : 'A';
    assert_judged(w, good(w), 422, "sealed", "app_sealed_secrets");
    seal(w, "no JSON");
    assert_judged(w, good(w), 422, "sealed", "app_sealed_secrets");
    seal(w, "");
    assert_judged(w, good(w), 422, "sealed", "app_sealed_secrets");
    seal(w, " 1 ");
    assert_int_equal(judge(w, good(w)).http, 200);
    w->secret[5] ^= 1; /* another enclave's */
    assert_judged(w, good(w), 422, "sealed", "app_sealed_secrets");
}

static void test_only_what_is_expected(void **state)
{
    struct world *w = *state;
    w->m.package = MSE_PACKAGE_PLAIN;
    w->m.expects = MSE_EXPECT_SECRETS;
    assert_int_equal(judge(w, "{" UUID "," SECRET "}").http, 200);
    assert_null(package_key);
    assert_judged(w, "{" UUID "," SECRET "," KEY "}", 422, "unexpected", "code_secret_key");
    w->m.package = MSE_PACKAGE_ENCRYPTED;
    w->m.expects = 0;
    assert_int_equal(judge(w, "{" UUID "," KEY "}").http, 200);
    assert_judged(w, "{" UUID "," SECRET "," KEY "}", 422, "unexpected", "app_secrets");
}

/* The body without a key in the open. */
static const char *boxed(struct world *w, const char *content)
{
    static uint8_t body[9216];
    struct mse_build b;
    seal(w, content);
    mse_build_fixed(&b, body, sizeof body);
    mse_wr_printf(&b, "{" UUID ",\"app_sealed_secrets\":\"%s\"}", w->box);
    return mse_build_cstr(&b);
}

static void test_key_in_the_box(void **state)
{
    struct world *w = *state;
    struct mse_config c = { .has_code_key = false };
    struct mse_config_answer a;
    w->m.expects = MSE_EXPECT_SEALED_SECRETS;
    mse_config_judge(&c, &a, &w->rules, mse_bytes_str(boxed(w, "{" KEY ",\"a\":1}")));
    assert_int_equal(a.http, 200);
    assert_true(c.has_code_key && c.code_key[1] == 0x11);
    assert_false(c.by_owner); /* anybody may pass a box on */
    assert_true(mse_bytes_is_str(mse_build_view(&c.sealed), "{" KEY ",\"a\":1}"));
    mse_config_clear(&c);
    assert_judged(w, boxed(w, "{\"a\":1}"), 422, "expected", "code_secret_key");
    assert_judged(w, boxed(w, "[" KEY_HEX "]"), 422, "sealed", "app_sealed_secrets");
    assert_judged(w, boxed(w, "[1]"), 422, "expected", "code_secret_key");
    assert_judged(w, boxed(w, "{" KEY "," KEY "}"), 422, "expected", "code_secret_key");
    assert_judged(w, boxed(w, "{\"code_secret_key\":1}"), 422, "form", "code_secret_key");
    package_says = MSE_ERR_PACKAGE_KEY;
    assert_judged(w, boxed(w, "{" KEY "}"), 422, "package_key", "code_secret_key");
    package_says = MSE_OK;
    /* No sealed secrets for the app: the box brings the key and nothing else. */
    w->m.expects = 0;
    mse_config_judge(&c, &a, &w->rules, mse_bytes_str(boxed(w, "{" KEY "}")));
    assert_int_equal(a.http, 200);
    assert_true(c.has_code_key && c.sealed.len == 0);
    mse_config_clear(&c);
    assert_judged(w, boxed(w, "{" KEY ",\"a\":1}"), 422, "unexpected", "app_sealed_secrets");
    /* Nor is he the owner who says beside a box whose storage goes on here. */
    w->rules.offered = true;
    char *body = NULL;
    assert_true(asprintf(&body, "{" FROM ",%s", boxed(w, "{" KEY "}") + 1) > 0);
    mse_config_judge(&c, &a, &w->rules, mse_bytes_str(body));
    free(body);
    assert_int_equal(a.http, 200);
    assert_true(c.has_code_key && c.has_upgrade_from);
    assert_false(c.by_owner);
    mse_config_clear(&c);
    w->rules.offered = false;
    w->m.package = MSE_PACKAGE_PLAIN;
    assert_judged(w, boxed(w, "{" KEY "}"), 422, "unexpected", "app_sealed_secrets");
}

/* ---- the owner's certificate ---- */

static mse_time owner_now;

static mse_time now(void *arg)
{
    (void)arg;
    return owner_now;
}

static void add_text(struct mse_build *b, const char *name, const char *pem)
{
    struct mse_js j = { .b = b, .comma = true };
    mse_js_str(&j, name, pem);
}

static const char *ssl_body(const char *chain, const char *key, const char *box)
{
    static uint8_t room[3 * CHAIN_LAB_PEM];
    struct mse_build b;
    mse_build_fixed(&b, room, sizeof room);
    mse_wr_str(&b, "{" UUID);
    add_text(&b, "ssl_certificate_chain", chain);
    if (key != NULL) {
        add_text(&b, "ssl_private_key", key);
    }
    if (box != NULL) {
        add_text(&b, "app_sealed_secrets", box);
    }
    mse_wr_u8(&b, '}');
    return mse_build_cstr(&b);
}

static void assert_ssl(const struct world *w, const char *chain, const char *key, const char *error,
                       const char *field)
{
    const char *body = ssl_body(chain, key, NULL);
    if (error != NULL) {
        assert_judged(w, body, 422, error, field);
        return;
    }
    struct mse_config c = { .has_code_key = false };
    struct mse_config_answer a;
    mse_config_judge(&c, &a, &w->rules, mse_bytes_str(body));
    assert_int_equal(a.http, 200);
    assert_true(mse_bytes_is_str(mse_build_view(&c.ssl_key), key));
    assert_true(mse_bytes_is_str(mse_build_view(&c.ssl_chain), chain));
    mse_config_clear(&c);
    assert_null(c.ssl_key.data);
}

static void expect_chain(struct world *w, const char *chain)
{
    assert_status(mse_sha256(w->m.ssl_certificate_chain_sha256, mse_bytes_str(chain)), MSE_OK);
}

static void test_owner(void **state)
{
    struct world *w = *state;
    struct chain_lab own;
    struct chain_lab other;
    char pem[CHAIN_LAB_PEM];
    owner_now = time(NULL);
    chain_lab_init(&own, FIXTURE_SAN);
    chain_lab_init(&other, "other.example.org");
    w->m.package = MSE_PACKAGE_PLAIN;
    w->m.origin = MSE_ORIGIN_OWNER;
    w->m.expects = MSE_EXPECT_SSL_KEY;
    w->rules.now = now;
    assert_judged(w, "{" UUID "}", 422, "expected", "ssl_private_key");
    assert_judged(w, "{" UUID ",\"ssl_private_key\":\"x\"}", 422, "expected",
                  "ssl_certificate_chain");
    expect_chain(w, own.chain);
    assert_ssl(w, own.chain, own.key_pem, NULL, NULL);
    assert_ssl(w, other.chain, other.key_pem, "manifest_mismatch", "ssl_certificate_chain");
    assert_ssl(w, own.chain, other.key_pem, "tls_key_mismatch", "ssl_private_key");
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    chain_lab_key(pem, rsa, NULL);
    assert_ssl(w, own.chain, pem, "tls_key_mismatch", "ssl_private_key");
    EVP_PKEY_free(rsa);
    chain_lab_key(pem, own.key, "password");
    assert_ssl(w, own.chain, pem, "tls_key", "ssl_private_key");
    assert_ssl(w, own.chain, "garbage", "tls_key", "ssl_private_key");
    owner_now += (mse_time)86400 * 2;
    assert_ssl(w, own.chain, own.key_pem, "certificate_expired", "ssl_certificate_chain");
    owner_now -= (mse_time)86400 * 4;
    assert_ssl(w, own.chain, own.key_pem, "certificate_not_yet_valid", "ssl_certificate_chain");
    owner_now += (mse_time)86400 * 2;
    /* Chains that a careless manifest names. */
    expect_chain(w, other.chain);
    assert_ssl(w, other.chain, other.key_pem, "certificate_name", "ssl_certificate_chain");
    expect_chain(w, "garbage");
    assert_ssl(w, "garbage", own.key_pem, "tls_chain", "ssl_certificate_chain");
    pem[0] = '\0';
    chain_lab_add(pem, own.leaf);
    expect_chain(w, pem);
    assert_ssl(w, pem, own.key_pem, "tls_chain", "ssl_certificate_chain");
    /* Not asked for. */
    w->m.expects = MSE_EXPECT_SECRETS;
    assert_judged(w, "{" UUID "," SECRET ",\"ssl_private_key\":\"x\"}", 422, "unexpected",
                  "ssl_private_key");
    chain_lab_clear(&own);
    chain_lab_clear(&other);
}

/* The key in the box instead, which the app does not see. */
static void test_owner_box(void **state)
{
    struct world *w = *state;
    struct chain_lab own;
    static uint8_t content[2 * CHAIN_LAB_PEM];
    struct mse_build b;
    struct mse_config c = { .has_code_key = false };
    struct mse_config_answer a;
    chain_lab_init(&own, FIXTURE_SAN);
    expect_chain(w, own.chain);
    owner_now = time(NULL);
    w->rules.now = now;
    w->m.origin = MSE_ORIGIN_OWNER;
    static const struct {
        unsigned expects;
        const char *start;
        const char *end;
        const char *left; /* for the app; NULL: refused */
        const char *error;
    } cases[] = {
        { MSE_EXPECT_SSL_KEY, KEY, "", "", NULL },
        { MSE_EXPECT_SSL_KEY, KEY, ",\"a\":1", NULL, "unexpected" },
        { MSE_EXPECT_SSL_KEY | MSE_EXPECT_SEALED_SECRETS, KEY ",\"a\":[1, 2]", ",\"b\":\"\"",
          "{" KEY ",\"a\":[1, 2],\"b\":\"\"}", NULL },
        { MSE_EXPECT_SSL_KEY | MSE_EXPECT_SEALED_SECRETS, "\"a\":1", "", NULL, "expected" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        w->m.expects = cases[i].expects;
        mse_build_fixed(&b, content, sizeof content);
        mse_wr_str(&b, "{");
        mse_wr_str(&b, cases[i].start);
        add_text(&b, "ssl_private_key", own.key_pem);
        mse_wr_str(&b, cases[i].end);
        mse_wr_str(&b, "}");
        seal(w, mse_build_cstr(&b));
        mse_config_judge(&c, &a, &w->rules, mse_bytes_str(ssl_body(own.chain, NULL, w->box)));
        assert_int_equal(a.http, cases[i].left != NULL ? 200 : 422);
        if (cases[i].left == NULL) {
            assert_string_equal(a.error, cases[i].error);
            continue;
        }
        assert_true(mse_bytes_is_str(mse_build_view(&c.ssl_key), own.key_pem));
        assert_true(mse_bytes_is_str(mse_build_view(&c.sealed), cases[i].left));
        assert_true(c.has_code_key);
        mse_config_clear(&c);
    }
    seal(w, "{" KEY ",\"ssl_private_key\":1}");
    assert_judged(w, ssl_body(own.chain, NULL, w->box), 422, "form", "ssl_private_key");
    chain_lab_clear(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_head_limit),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test_setup_teardown(test_admission, setup, teardown),
        cmocka_unit_test_setup_teardown(test_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sealed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_upgrade, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_what_is_expected, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_in_the_box, setup, teardown),
        cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(test_owner_box, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
