/* SPDX-License-Identifier: Apache-2.0 */
/* The token is cut and its header judged here, strictly; then the key is chosen, by the header's
 * "kid" and by what the key says that it is for; then libcjose checks the signature; and only then
 * the claims are read, from what libcjose says was signed. */
#include "operator/oidc.h"

#include <stdlib.h>

#include <cjose/jwk.h>
#include <cjose/jws.h>
#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "package/rules.h"

static const char step[] = "id token";

#define KID_LEN   256
#define ES256_LEN 64 /* r || s */

/* ---- the token's form */

struct header {
    bool rsa; /* RS256; else ES256 */
    bool has_kid;
    char kid[KID_LEN];
};
struct token {
    struct mse_bytes all;
    struct mse_bytes signed_text;
    struct header header;
};

static json_t *load_object(struct mse_bytes text)
{
    json_t *v = text.len == 0
                    ? NULL
                    : json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(v)) {
        json_decref(v);
        return NULL;
    }
    return v;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* spec: RFC 7515 §4.1. What could change what is signed, or bring a key along, is no part of this
 * protocol; "typ" keeps other tokens of the same issuer out. */
static mse_status judge_header(struct header *out, const json_t *h, struct mse_error *err)
{
    struct header found = { .rsa = false };
    const char *alg = text_of(h, "alg");
    const char *typ = text_of(h, "typ");
    const json_t *kid = json_object_get(h, "kid");
    if (json_object_get(h, "crit") != NULL || json_object_get(h, "b64") != NULL) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step, "its header wants more than is known here");
    }
    if (json_object_get(h, "typ") != NULL && (typ == NULL || strcasecmp(typ, "JWT") != 0)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step, "it is a \"%.32s\", wanted \"JWT\"",
                        typ == NULL ? "" : typ);
    }
    if (alg == NULL || (strcmp(alg, "RS256") != 0 && strcmp(alg, "ES256") != 0)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_ALGORITHM, step,
                        "it is signed with \"%.32s\", wanted RS256 or ES256",
                        alg == NULL ? "" : alg);
    }
    if (kid != NULL && (!json_is_string(kid) || json_string_length(kid) >= KID_LEN)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step, "its \"kid\" is no short text");
    }
    found.rsa = alg[0] == 'R';
    found.has_kid = kid != NULL;
    if (kid != NULL) {
        (void)snprintf(found.kid, sizeof found.kid, "%s", json_string_value(kid));
    }
    *out = found;
    return MSE_OK;
}

/* Cuts what stands before the next dot off, which must be base64url; decodes it into room. */
static bool take_part(struct mse_bytes *rest, uint8_t *room, size_t cap, struct mse_bytes *part)
{
    size_t at = mse_bytes_find(*rest, mse_bytes_str("."));
    size_t len = 0;
    at = at == SIZE_MAX ? rest->len : at;
    if (at == 0 || !mse_base64url_decode(room, cap, &len, mse_bytes_of(rest->data, at))) {
        return false;
    }
    *part = mse_bytes_of(room, len);
    size_t skip = at < rest->len ? at + 1 : at;
    *rest = mse_bytes_of(rest->data + skip, rest->len - skip);
    return true;
}

static bool has_three_parts(struct mse_bytes token)
{
    size_t dots = 0;
    for (size_t i = 0; i < token.len; i++) {
        dots += token.data[i] == '.' ? 1 : 0;
    }
    return dots == 2;
}

static mse_status read_form(struct token *t, uint8_t *room, struct mse_error *err)
{
    struct mse_bytes rest = t->all;
    struct mse_bytes head = { NULL, 0 };
    struct mse_bytes part = { NULL, 0 };
    size_t cap = MSE_OIDC_MAX_TOKEN;
    json_t *h = NULL;
    if (has_three_parts(t->all) && take_part(&rest, room, cap, &head)) {
        h = load_object(head);
    }
    bool good = h != NULL && take_part(&rest, room, cap, &part);
    if (good) {
        t->signed_text = mse_bytes_of(t->all.data, (size_t)(rest.data - t->all.data) - 1);
        /* "none" has no signature: it is refused by that name. */
        part.len = 0;
        good = rest.len == 0 || (take_part(&rest, room, cap, &part) && rest.len == 0);
    }
    mse_status st = good ? judge_header(&t->header, h, err)
                         : MSE_FAIL(err, MSE_ERR_MALFORMED, step,
                                    "wanted three parts in base64url, the first a JSON object");
    json_decref(h);
    /* libcjose takes what stands behind the two numbers too. */
    if (st == MSE_OK && !t->header.rsa && part.len != ES256_LEN) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, step, "its signature has %zu bytes, wanted %d",
                      part.len, ES256_LEN);
    }
    return st;
}

/* ---- the key */

/* The length of a number of a key, in bytes, without zeros ahead; 0 if it is none. */
static size_t number_len(const json_t *key, const char *name)
{
    uint8_t room[1024 + 1];
    size_t len = 0;
    size_t zeros = 0;
    const char *text = text_of(key, name);
    if (text == NULL || !mse_base64url_decode(room, sizeof room, &len, mse_bytes_str(text))) {
        return 0;
    }
    while (zeros < len && room[zeros] == 0) {
        zeros++;
    }
    return len - zeros;
}

/* RSA of 2048 to 8192 bits with a short exponent. */
static bool is_rsa(const json_t *key)
{
    size_t modulus = number_len(key, "n");
    size_t exponent = number_len(key, "e");
    return modulus >= 256 && modulus <= 1024 && exponent >= 1 && exponent <= 4;
}

static bool is_p256(const json_t *key)
{
    const char *curve = text_of(key, "crv");
    size_t x = number_len(key, "x");
    size_t y = number_len(key, "y");
    return curve != NULL && strcmp(curve, "P-256") == 0 && x >= 1 && x <= 32 && y >= 1 && y <= 32;
}

/* Whether this key may have signed the token: of the type, for signatures, of the algorithm, and a
 * public one: a key whose private half the issuer publishes vouches for nobody. */
static bool fits(const json_t *key, const struct header *h)
{
    const char *kty = text_of(key, "kty");
    const char *use = text_of(key, "use");
    const char *alg = text_of(key, "alg");
    if (!json_is_object(key) || kty == NULL || strcmp(kty, h->rsa ? "RSA" : "EC") != 0 ||
        (use != NULL && strcmp(use, "sig") != 0) ||
        (alg != NULL && strcmp(alg, h->rsa ? "RS256" : "ES256") != 0) ||
        json_object_get(key, "d") != NULL || json_object_get(key, "k") != NULL) {
        return false;
    }
    return h->rsa ? is_rsa(key) : is_p256(key);
}

/* The key of that kid. A token without one is taken only if there is one key that fits (OpenID
 * Connect Core 1.0, section 10.1). Borrowed. */
static json_t *choose(const json_t *keys, const struct header *h)
{
    json_t *found = NULL;
    size_t num = 0;
    size_t i = 0;
    json_t *key = NULL;
    json_array_foreach(keys, i, key)
    {
        const char *kid = text_of(key, "kid");
        bool named = !h->has_kid || (kid != NULL && strcmp(kid, h->kid) == 0);
        if (named && fits(key, h)) {
            found = key;
            num++;
        }
    }
    return num == 1 ? found : NULL;
}

/* The object that holds the array "keys"; NULL if it is none. */
static json_t *load_key_set(struct mse_bytes text)
{
    json_t *set = text.len > MSE_OIDC_MAX_KEYS ? NULL : load_object(text);
    const json_t *keys = json_object_get(set, "keys");
    if (!json_is_array(keys) || json_array_size(keys) > MSE_OIDC_NUM_KEYS) {
        json_decref(set);
        return NULL;
    }
    return set;
}

bool mse_oidc_is_key_set(struct mse_bytes keys)
{
    json_t *set = load_key_set(keys);
    bool good = set != NULL;
    json_decref(set);
    return good;
}

static mse_status find_key(cjose_jwk_t **out, struct mse_bytes text, const struct header *h,
                           struct mse_error *err)
{
    cjose_err why = { .code = CJOSE_ERR_NONE };
    json_t *set = load_key_set(text);
    if (set == NULL) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step,
                        "the issuer's keys: wanted a JWKS of at most %d keys", MSE_OIDC_NUM_KEYS);
    }
    json_t *key = choose(json_object_get(set, "keys"), h);
    cjose_jwk_t *made = key == NULL ? NULL : cjose_jwk_import_json(key, &why);
    json_decref(set);
    if (made == NULL) {
        return MSE_FAIL(err, MSE_ERR_TOKEN_KEY, step,
                        "the issuer has no key \"%.64s\" for %s, or more than one",
                        h->has_kid ? h->kid : "", h->rsa ? "RS256" : "ES256");
    }
    *out = made;
    return MSE_OK;
}

/* ---- the claims */

/* A text for people: empty if it is none. */
static void take_text(char out[MSE_OP_TEXT_LEN], const json_t *claims, const char *name)
{
    const char *text = text_of(claims, name);
    bool good = text != NULL && mse_rule_text(text, 1, MSE_OP_TEXT_LEN - 1);
    (void)snprintf(out, MSE_OP_TEXT_LEN, "%s", good ? text : "");
}

/* Printable ASCII, so that it is one text for both databases and for whoever reads the log. */
static bool is_ascii(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s <= ' ' || *s > '~') {
            return false;
        }
    }
    return true;
}

static void take_email(char out[MSE_OP_TEXT_LEN], const json_t *claims)
{
    take_text(out, claims, "email");
    if (!json_is_true(json_object_get(claims, "email_verified")) || !is_ascii(out) ||
        strchr(out, '@') == NULL) {
        out[0] = '\0';
    }
    for (char *p = out; *p != '\0'; p++) {
        bool upper = *p >= 'A' && *p <= 'Z';
        *p = (char)(upper ? *p - 'A' + 'a' : *p);
    }
}

/* spec: RFC 7519 §4.1.3: a text, or an array of texts. */
static bool names_client(const json_t *aud, const char *client_id)
{
    size_t i = 0;
    const json_t *one = NULL;
    if (json_is_string(aud)) {
        return strcmp(json_string_value(aud), client_id) == 0;
    }
    json_array_foreach(aud, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), client_id) == 0) {
            return true;
        }
    }
    return false;
}

static mse_status check_audience(const json_t *c, const struct mse_oidc_want *want,
                                 struct mse_error *err)
{
    const json_t *aud = json_object_get(c, "aud");
    const json_t *azp = json_object_get(c, "azp");
    const char *party = json_string_value(azp);
    if (!names_client(aud, want->client_id)) {
        return MSE_FAIL(err, MSE_ERR_TOKEN_AUDIENCE, step, "it is not for the client \"%.64s\"",
                        want->client_id);
    }
    bool needed = json_is_array(aud) && json_array_size(aud) > 1;
    if ((azp != NULL || needed) && (party == NULL || strcmp(party, want->client_id) != 0)) {
        return MSE_FAIL(err, MSE_ERR_TOKEN_AUDIENCE, step,
                        "it was given to \"%.64s\", wanted \"%.64s\"", party == NULL ? "" : party,
                        want->client_id);
    }
    return MSE_OK;
}

/* spec: OpenID Connect Core 1.0, 3.1.3.7 */
static mse_status check_party(const json_t *c, const struct mse_oidc_want *want,
                              struct mse_error *err)
{
    const char *issuer = text_of(c, "iss");
    const char *nonce = text_of(c, "nonce");
    if (issuer == NULL || strcmp(issuer, want->issuer) != 0) {
        return MSE_FAIL(err, MSE_ERR_TOKEN_ISSUER, step, "it is of \"%.120s\", wanted \"%.120s\"",
                        issuer == NULL ? "" : issuer, want->issuer);
    }
    mse_status st = check_audience(c, want, err);
    if (st == MSE_OK &&
        (nonce == NULL || want->nonce[0] == '\0' || strlen(nonce) != strlen(want->nonce) ||
         !mse_ct_equal(nonce, want->nonce, strlen(nonce)))) {
        st = MSE_FAIL(err, MSE_ERR_TOKEN_NONCE, step, "its nonce is not that of this login");
    }
    return st;
}

static bool take_date(mse_time *out, const json_t *claims, const char *name)
{
    const json_t *v = json_object_get(claims, name);
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < 0 || n > INT64_MAX / 2) {
        return false;
    }
    *out = (mse_time)n;
    return true;
}

static mse_status check_times(mse_time *over_at, const json_t *c, const struct mse_oidc_want *want,
                              struct mse_error *err)
{
    mse_time made = 0;
    mse_time over = 0;
    mse_time from = 0;
    bool has_from = json_object_get(c, "nbf") != NULL;
    if (!take_date(&made, c, "iat") || !take_date(&over, c, "exp") ||
        (has_from && !take_date(&from, c, "nbf"))) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step,
                        "its dates: wanted \"iat\" and \"exp\" in whole seconds");
    }
    if (made > want->now + MSE_OIDC_LEEWAY || from > want->now + MSE_OIDC_LEEWAY) {
        return MSE_FAIL(err, MSE_ERR_TOKEN_NOT_YET_VALID, step,
                        "it is valid %lld s from now on: do the clocks agree?",
                        (long long)((made > from ? made : from) - want->now));
    }
    mse_time oldest = made + MSE_OIDC_MAX_AGE;
    mse_time end = (over < oldest ? over : oldest) + MSE_OIDC_LEEWAY;
    if (end <= want->now) {
        return MSE_FAIL(err, MSE_ERR_TOKEN_EXPIRED, step, "it is over since %lld s",
                        (long long)(want->now - end + MSE_OIDC_LEEWAY));
    }
    *over_at = end;
    return MSE_OK;
}

static mse_status judge_claims(struct mse_oidc_claims *out, const json_t *c,
                               const struct mse_oidc_want *want, struct mse_error *err)
{
    mse_status st = check_party(c, want, err);
    if (st == MSE_OK) {
        st = check_times(&out->over_at, c, want, err);
    }
    take_text(out->subject, c, "sub");
    if (st == MSE_OK && (out->subject[0] == '\0' || !is_ascii(out->subject))) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, step,
                      "its subject: wanted 1 to 255 printable characters of ASCII");
    }
    take_email(out->email, c);
    take_text(out->given_name, c, "given_name");
    take_text(out->family_name, c, "family_name");
    take_text(out->name, c, "preferred_username");
    return st;
}

mse_status mse_oidc_read_claims(struct mse_oidc_claims *out, struct mse_bytes payload,
                                const struct mse_oidc_want *want, struct mse_error *err)
{
    struct mse_oidc_claims found = { .subject = "" };
    json_t *c = payload.len > MSE_OIDC_MAX_TOKEN ? NULL : load_object(payload);
    if (c == NULL) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step, "it holds no JSON object");
    }
    mse_status st = judge_claims(&found, c, want, err);
    json_decref(c);
    if (st == MSE_OK) {
        memcpy(found.sha256, out->sha256, sizeof found.sha256);
        *out = found;
    }
    return st;
}

/* ---- all of it */

static mse_status check_signature(struct mse_oidc_claims *out, const struct token *t,
                                  const cjose_jwk_t *key, const struct mse_oidc_want *want,
                                  struct mse_error *err)
{
    cjose_err why = { .code = CJOSE_ERR_NONE };
    uint8_t *payload = NULL; /* the JWS's */
    size_t len = 0;
    cjose_jws_t *jws = cjose_jws_import((const char *)t->all.data, t->all.len, &why);
    if (jws == NULL) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step, "libcjose: %.80s", why.message);
    }
    mse_status st = MSE_OK;
    if (!cjose_jws_verify(jws, key, &why)) {
        st = why.code == CJOSE_ERR_NO_MEMORY
                 ? MSE_FAIL(err, MSE_ERR_MEMORY, step, "out of memory")
                 : MSE_FAIL(err, MSE_ERR_SIGNATURE, step, "its signature is wrong");
    } else if (!cjose_jws_get_plaintext(jws, &payload, &len, &why)) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, step, "libcjose: %.80s", why.message);
    } else {
        st = mse_oidc_read_claims(out, mse_bytes_of(payload, len), want, err);
    }
    cjose_jws_release(jws);
    return st;
}

mse_status mse_oidc_verify(struct mse_oidc_claims *out, struct mse_bytes token,
                           struct mse_bytes keys, const struct mse_oidc_want *want,
                           struct mse_error *err)
{
    struct token t = { .all = token };
    struct mse_oidc_claims found = { .subject = "" };
    cjose_jwk_t *key = NULL;
    if (token.len > MSE_OIDC_MAX_TOKEN) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, step, "%zu bytes, wanted at most %zu", token.len,
                        MSE_OIDC_MAX_TOKEN);
    }
    uint8_t *room = malloc(MSE_OIDC_MAX_TOKEN);
    if (room == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, step, "out of memory");
    }
    mse_status st = read_form(&t, room, err);
    free(room);
    if (st == MSE_OK) {
        st = find_key(&key, keys, &t.header, err);
    }
    if (st == MSE_OK && mse_sha256(found.sha256, t.signed_text) != MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_CRYPTO, step, "no SHA-256");
    }
    if (st == MSE_OK) {
        st = check_signature(&found, &t, key, want, err);
    }
    (void)cjose_jwk_release(key);
    if (st == MSE_OK) {
        *out = found;
    }
    return st;
}
