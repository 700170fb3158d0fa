/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and checking an attestation result that somebody signed. Nothing in it is trusted before
 * the signature by the key that the caller names: keys and algorithms that the token brings are not
 * used. */
#include "attest/ear.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"
#include "base/util.h"
#include "crypto/sign.h"
#include "crypto/x509.h"

static const char step[] = "attestation result";

/* The three parts, the first two decoded. */
struct token {
    struct mse_bytes signed_text;
    struct mse_bytes header;
    struct mse_bytes payload;
    uint8_t signature[64];
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool cut_at_dot(struct mse_bytes *rest, struct mse_bytes *part)
{
    size_t at = mse_bytes_find(*rest, mse_bytes_str("."));
    if (at == SIZE_MAX) {
        return false;
    }
    *part = mse_bytes_of(rest->data, at);
    *rest = mse_bytes_of(rest->data + at + 1, rest->len - at - 1);
    return true;
}

/* spec: RFC 7515 §3.1, compact serialisation. */
static bool split_token(struct token *out, uint8_t *scratch, size_t cap, struct mse_bytes jwt)
{
    struct token t = { .signed_text = { NULL, 0 } };
    struct mse_bytes rest = jwt;
    struct mse_bytes head = { NULL, 0 };
    struct mse_bytes body = { NULL, 0 };
    size_t head_len = 0;
    size_t body_len = 0;
    size_t sig_len = 0;
    if (!cut_at_dot(&rest, &head) || !cut_at_dot(&rest, &body) ||
        !mse_base64url_decode(scratch, cap, &head_len, head) ||
        !mse_base64url_decode(scratch + head_len, cap - head_len, &body_len, body) ||
        !mse_base64url_decode(t.signature, sizeof t.signature, &sig_len, rest) ||
        sig_len != sizeof t.signature) {
        return false;
    }
    t.signed_text = mse_bytes_of(jwt.data, head.len + 1 + body.len);
    t.header = mse_bytes_of(scratch, head_len);
    t.payload = mse_bytes_of(scratch + head_len, body_len);
    *out = t;
    return true;
}

/* {"alg":"ES256",…}. Members that could change what is signed are refused. */
static mse_status check_header(struct mse_bytes json, struct mse_error *err)
{
    struct mse_json j;
    struct mse_json_object o;
    struct mse_bytes name;
    struct mse_bytes alg = { NULL, 0 };
    mse_json_init(&j, json);
    for (mse_json_object_begin(&j, &o); mse_json_object_next(&j, &o, &name);) {
        if (mse_bytes_is_str(name, "alg")) {
            (void)mse_json_plain(&j, &alg);
        } else {
            (void)mse_json_skip(&j, NULL);
        }
    }
    if (!mse_json_end(&j) || mse_json_object_has(&o, "crit") || mse_json_object_has(&o, "b64")) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step, "the header of the token is not understood");
    }
    if (!mse_bytes_is_str(alg, "ES256")) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_ALGORITHM, step, "algorithm %.*s, wanted ES256",
                        alg.len < 32 ? (int)alg.len : 32,
                        alg.len > 0 ? (const char *)alg.data : "");
    }
    return MSE_OK;
}

/* The payload. Each reader takes one value and makes j fail if it is none. */

static void rd_text(struct mse_json *j, struct mse_bytes *out)
{
    (void)mse_json_plain(j, out);
}

static void rd_date(struct mse_json *j, mse_time *out)
{
    uint64_t seconds = 0;
    if (mse_json_u64(j, &seconds, INT64_MAX)) {
        *out = (mse_time)seconds;
    }
}

/* spec: draft-ietf-rats-ar4si, §2.3.2: a value lies in -128 to 127. */
static void rd_claim(struct mse_json *j, int8_t *out)
{
    struct mse_bytes span = { NULL, 0 };
    uint64_t n = 0;
    if (mse_json_peek(j) != MSE_JSON_NUMBER || !mse_json_skip(j, &span)) {
        (void)mse_json_fail(j);
        return;
    }
    bool minus = span.len > 0 && span.data[0] == '-';
    struct mse_bytes digits = mse_bytes_of(span.data + (minus ? 1 : 0), span.len - (minus ? 1 : 0));
    if (!mse_u64_parse(&n, digits, minus ? 128 : 127)) {
        (void)mse_json_fail(j);
        return;
    }
    *out = (int8_t)(minus ? -(int)n : (int)n);
}

static void rd_vector(struct mse_json *j, struct mse_ear_vector *out)
{
    struct mse_json_object o;
    struct mse_bytes name;
    for (mse_json_object_begin(j, &o); mse_json_object_next(j, &o, &name);) {
        unsigned c = 0;
        while (c < MSE_EAR_NUM_CLAIMS &&
               !mse_bytes_is_str(name, mse_ear_claim_name((enum mse_ear_claim)c))) {
            c++;
        }
        if (c < MSE_EAR_NUM_CLAIMS) {
            rd_claim(j, &out->claims[c]);
        } else {
            (void)mse_json_fail(j); /* what it would say is not known */
        }
    }
}

static void rd_status(struct mse_json *j, enum mse_ear_tier *out)
{
    struct mse_bytes word = { NULL, 0 };
    rd_text(j, &word);
    for (unsigned t = MSE_EAR_AFFIRMING; t <= MSE_EAR_CONTRAINDICATED; t++) {
        if (mse_bytes_is_str(word, mse_ear_tier_name((enum mse_ear_tier)t))) {
            *out = (enum mse_ear_tier)t;
            return;
        }
    }
    (void)mse_json_fail(j);
}

static void rd_fingerprint(struct mse_json *j, struct mse_ear_submod *s)
{
    struct mse_json_object o;
    struct mse_bytes name;
    for (mse_json_object_begin(j, &o); mse_json_object_next(j, &o, &name);) {
        if (mse_bytes_is_str(name, "fingerprint") && mse_json_peek(j) == MSE_JSON_STRING) {
            s->has_fingerprint = mse_json_hex(j, s->fingerprint, sizeof s->fingerprint);
        } else {
            (void)mse_json_skip(j, NULL);
        }
    }
}

/* The verdict, of which the deciding members are read; its span is kept. */
static void rd_verdict(struct mse_json *j, struct mse_ear_submod *s)
{
    struct mse_json_object o;
    struct mse_bytes name;
    struct mse_json again = *j;
    if (!mse_json_skip(&again, &s->verdict)) {
        (void)mse_json_fail(j);
        return;
    }
    for (mse_json_object_begin(j, &o); mse_json_object_next(j, &o, &name);) {
        if (mse_bytes_is_str(name, "accepted")) {
            (void)mse_json_bool(j, &s->accepted);
        } else if (mse_bytes_is_str(name, "simulated")) {
            (void)mse_json_bool(j, &s->simulated);
        } else if (mse_bytes_is_str(name, "binding_level")) {
            (void)mse_json_u8(j, &s->binding_level);
        } else if (mse_bytes_is_str(name, "measurements")) {
            rd_fingerprint(j, s);
        } else {
            (void)mse_json_skip(j, NULL);
        }
    }
    s->has_verdict =
        !j->failed && mse_json_object_has(&o, "accepted") && mse_json_object_has(&o, "simulated");
    if (!s->has_verdict) {
        (void)mse_json_fail(j);
    }
}

static void rd_submod_member(struct mse_json *j, struct mse_ear_submod *s, struct mse_bytes name)
{
    if (mse_bytes_is_str(name, EAR_STATUS)) {
        rd_status(j, &s->status);
    } else if (mse_bytes_is_str(name, EAR_VECTOR)) {
        rd_vector(j, &s->vector);
    } else if (mse_bytes_is_str(name, EAR_POLICY_ID)) {
        rd_text(j, &s->policy_id);
    } else if (mse_bytes_is_str(name, EAR_MSE_HOST)) {
        rd_text(j, &s->host);
    } else if (mse_bytes_is_str(name, EAR_MSE_EVIDENCE)) {
        s->has_evidence_sha256 = mse_json_hex(j, s->evidence_sha256, 32);
    } else if (mse_bytes_is_str(name, EAR_MSE_CERTIFICATE)) {
        s->has_certificate_sha256 = mse_json_hex(j, s->certificate_sha256, 32);
    } else if (mse_bytes_is_str(name, EAR_MSE_VERDICT)) {
        rd_verdict(j, s);
    } else {
        (void)mse_json_skip(j, NULL);
    }
}

/* spec: draft-ietf-rats-ear, §3.2: the status is no better than the worst of the vector. */
static bool is_consistent(const struct mse_ear_submod *s)
{
    for (size_t i = 0; i < MSE_EAR_NUM_CLAIMS; i++) {
        enum mse_ear_tier t = mse_ear_tier_of(s->vector.claims[i]);
        if (t != MSE_EAR_NONE && t > s->status) {
            return false;
        }
    }
    return !s->has_verdict || s->accepted || s->status == MSE_EAR_CONTRAINDICATED;
}

static void rd_submods(struct mse_json *j, struct mse_ear *out)
{
    struct mse_json_object all;
    struct mse_json_object o;
    struct mse_bytes name;
    struct mse_bytes member;
    for (mse_json_object_begin(j, &all); mse_json_object_next(j, &all, &name);) {
        if (out->num_submods >= MSE_EAR_MAX_SUBMODS) {
            (void)mse_json_fail(j);
            return;
        }
        struct mse_ear_submod *s = &out->submods[out->num_submods++];
        s->name = name;
        for (mse_json_object_begin(j, &o); mse_json_object_next(j, &o, &member);) {
            rd_submod_member(j, s, member);
        }
        if (!j->failed && (!mse_json_object_has(&o, EAR_STATUS) || !is_consistent(s))) {
            (void)mse_json_fail(j);
        }
        out->status = s->status > out->status ? s->status : out->status;
    }
    if (out->num_submods == 0) {
        (void)mse_json_fail(j);
    }
}

static void rd_verifier_id(struct mse_json *j, struct mse_ear *out)
{
    struct mse_json_object o;
    struct mse_bytes name;
    for (mse_json_object_begin(j, &o); mse_json_object_next(j, &o, &name);) {
        if (mse_bytes_is_str(name, "developer")) {
            rd_text(j, &out->developer);
        } else if (mse_bytes_is_str(name, "build")) {
            rd_text(j, &out->build);
        } else {
            (void)mse_json_skip(j, NULL);
        }
    }
}

static void rd_member(struct mse_json *j, struct mse_ear *out, struct mse_bytes name)
{
    if (mse_bytes_is_str(name, "iat")) {
        rd_date(j, &out->issued_at);
    } else if (mse_bytes_is_str(name, "nbf")) {
        rd_date(j, &out->not_before);
    } else if (mse_bytes_is_str(name, "exp")) {
        rd_date(j, &out->expires_at);
        out->has_expires_at = true;
    } else if (mse_bytes_is_str(name, "eat_nonce")) {
        rd_text(j, &out->nonce);
    } else if (mse_bytes_is_str(name, EAR_VERIFIER_ID)) {
        rd_verifier_id(j, out);
    } else if (mse_bytes_is_str(name, "submods")) {
        rd_submods(j, out);
    } else {
        (void)mse_json_skip(j, NULL);
    }
}

static mse_status read_payload(struct mse_ear *out, struct mse_bytes json, struct mse_error *err)
{
    struct mse_json j;
    struct mse_json_object o;
    struct mse_bytes name;
    struct mse_bytes profile = { NULL, 0 };
    mse_json_init(&j, json);
    for (mse_json_object_begin(&j, &o); mse_json_object_next(&j, &o, &name);) {
        if (mse_bytes_is_str(name, "eat_profile")) {
            rd_text(&j, &profile);
        } else {
            rd_member(&j, out, name);
        }
    }
    if (!mse_json_end(&j)) {
        (void)MSE_FAIL(err, MSE_ERR_MALFORMED, step,
                       "the payload is no attestation result that can be read");
        mse_error_offset(err, mse_json_offset(&j));
        return MSE_ERR_MALFORMED;
    }
    if (!mse_bytes_is_str(profile, MSE_EAR_PROFILE)) {
        return MSE_FAIL(err, MSE_ERR_EAR_PROFILE, step,
                        "profile \"%.*s\", wanted \"" MSE_EAR_PROFILE "\"",
                        profile.len < 64 ? (int)profile.len : 64,
                        profile.len > 0 ? (const char *)profile.data : "");
    }
    if (!mse_json_object_has(&o, "iat") || !mse_json_object_has(&o, "submods")) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step,
                        "the payload has no \"iat\" or no \"submods\"");
    }
    out->payload = json;
    return MSE_OK;
}

static mse_status open_token(struct token *out, uint8_t *scratch, size_t scratch_len,
                             struct mse_bytes jwt, struct mse_error *err)
{
    while (jwt.len > 0 && is_space(jwt.data[jwt.len - 1])) {
        jwt.len--;
    }
    if (scratch_len < jwt.len) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, step, "%zu bytes of scratch memory, wanted %zu",
                        scratch_len, jwt.len);
    }
    if (!split_token(out, scratch, scratch_len, jwt)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step,
                        "not a JWT: three parts in base64url, the last of 64 bytes");
    }
    return MSE_OK;
}

mse_status mse_ear_read(struct mse_ear *out, void *scratch, size_t scratch_len,
                        struct mse_bytes jwt, struct mse_error *err)
{
    struct token t = { .signed_text = { NULL, 0 } };
    struct mse_ear ear = { .num_submods = 0 };
    mse_status st = open_token(&t, scratch, scratch_len, jwt, err);
    st = st == MSE_OK ? check_header(t.header, err) : st;
    st = st == MSE_OK ? read_payload(&ear, t.payload, err) : st;
    if (st == MSE_OK) {
        *out = ear;
    }
    return st;
}

static mse_status read_signer(uint8_t point[64], struct mse_bytes pem, struct mse_error *err)
{
    uint8_t der[512];
    uint8_t none = 0;
    size_t len = 0;
    size_t more = 0;
    struct mse_pubkey key;
    if (mse_pem_next(&pem, "PUBLIC KEY", der, sizeof der, &len) != MSE_OK ||
        mse_pem_next(&pem, "PUBLIC KEY", &none, 0, &more) != MSE_ERR_NOT_FOUND ||
        !mse_pubkey_parse(&key, mse_bytes_of(der, len))) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "verifier's public key",
                        "not one PEM block PUBLIC KEY");
    }
    if (key.type != MSE_KEY_P256) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_ALGORITHM, "verifier's public key",
                        "not a key on P-256, which ES256 wants");
    }
    memcpy(point, key.raw.data + 1, 64);
    return MSE_OK;
}

static mse_status check_dates(const struct mse_ear *e, mse_time at, struct mse_error *err)
{
    char now[MSE_TIME_TEXT_LEN];
    char seen[MSE_TIME_TEXT_LEN];
    mse_time_format(now, at);
    mse_time from = e->issued_at > e->not_before ? e->issued_at : e->not_before;
    if (from > at) {
        mse_time_format(seen, from);
        return MSE_FAIL(err, MSE_ERR_EAR_NOT_YET_VALID, step, "valid from %s, and it is %s", seen,
                        now);
    }
    if (e->has_expires_at && e->expires_at < at) {
        mse_time_format(seen, e->expires_at);
        return MSE_FAIL(err, MSE_ERR_EAR_EXPIRED, step, "valid until %s, and it is %s", seen, now);
    }
    return MSE_OK;
}

mse_status mse_ear_verify(struct mse_ear *out, void *scratch, size_t scratch_len,
                          struct mse_bytes jwt, const struct mse_ear_check *check,
                          struct mse_error *err)
{
    struct token t = { .signed_text = { NULL, 0 } };
    struct mse_ear ear = { .num_submods = 0 };
    uint8_t point[64];
    mse_status st = read_signer(point, check->signer_pem, err);
    st = st == MSE_OK ? open_token(&t, scratch, scratch_len, jwt, err) : st;
    st = st == MSE_OK ? check_header(t.header, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    if (mse_p256_verify(NULL, point, t.signature, t.signed_text) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_SIGNATURE, step,
                        "the verifier whose key was given did not sign this");
    }
    st = read_payload(&ear, t.payload, err);
    st = st == MSE_OK ? check_dates(&ear, check->at, err) : st;
    if (st == MSE_OK && check->nonce != NULL && !mse_bytes_is_str(ear.nonce, check->nonce)) {
        st = MSE_FAIL(err, MSE_ERR_EAR_NONCE, step, "nonce \"%.*s\", wanted \"%.88s\"",
                      ear.nonce.len < 88 ? (int)ear.nonce.len : 88,
                      ear.nonce.len > 0 ? (const char *)ear.nonce.data : "", check->nonce);
    }
    if (st == MSE_OK) {
        *out = ear;
    }
    return st;
}
