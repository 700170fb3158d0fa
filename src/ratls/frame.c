/* SPDX-License-Identifier: Apache-2.0 */
/* See frame.h. */
#include "ratls/frame.h"

#include <string.h>

#include "base/bytes.h"
#include "base/cbor.h"
#include "base/error.h"
#include "base/log.h"

#define STEP          "frame"
#define VERSION       1
#define MAX_RETRY_MS  3600000U
#define MAX_ALL_PAIRS 16

/* The keys, in the order of the maps: the shorter first, then bytewise. */
#define KEY_VERSION    "v"
#define KEY_WANT       "want"
#define KEY_AUDIT      "audit"
#define KEY_ERROR      "error"
#define KEY_NONCE      "nonce"
#define KEY_EVIDENCE   "evidence"
#define KEY_MANIFEST   "manifest"
#define KEY_RETRY_MS   "retry-ms"
#define KEY_COLLATERAL "collateral"

#define WANT_FRESH   "fresh"
#define WANT_SESSION "session"

static mse_status malformed(struct mse_error *err, const char *what)
{
    return MSE_FAIL(err, MSE_ERR_FRAME_MALFORMED, STEP, "%s", what);
}

mse_status mse_frame_len(size_t *out, const uint8_t head[MSE_FRAME_HEAD], size_t max,
                         struct mse_error *err)
{
    struct mse_bytes in = mse_bytes_of(head, MSE_FRAME_HEAD);
    uint32_t len = 0;
    if (!mse_rd_u32be(&in, &len) || len > max) {
        return MSE_FAIL(err, MSE_ERR_FRAME_TOO_LONG, STEP, "%u bytes, wanted at most %zu", len,
                        max);
    }
    *out = len;
    return MSE_OK;
}

/* ---- writing ---- */

static void put_bytes(struct mse_build *b, const char *key, struct mse_bytes v)
{
    if (v.len > 0) {
        mse_cborw_text(b, key);
        mse_cborw_bytes(b, v);
    }
}

static void put_head(struct mse_build *b, size_t pairs)
{
    mse_cborw_map(b, pairs);
    mse_cborw_text(b, KEY_VERSION);
    mse_cborw_uint(b, VERSION);
}

/* Puts the length of what was written since the room for it was made at `at`. */
static mse_status close_frame(struct mse_build *b, size_t at)
{
    if (!mse_build_ok(b)) {
        return MSE_ERR_NO_SPACE;
    }
    size_t len = b->len - at - MSE_FRAME_HEAD;
    if (len > MSE_SESSION_FRAME_MAX) {
        return MSE_ERR_NO_SPACE;
    }
    struct mse_build head;
    mse_build_fixed(&head, b->data + at, MSE_FRAME_HEAD);
    mse_wr_u32be(&head, (uint32_t)len);
    return MSE_OK;
}

mse_status mse_frame_request_write(struct mse_build *out, const struct mse_frame_request *r)
{
    size_t at = out->len;
    mse_wr_zeros(out, MSE_FRAME_HEAD);
    put_head(out, 3);
    mse_cborw_text(out, KEY_WANT);
    mse_cborw_array(out, 1U + (r->collateral ? 1U : 0U) + (r->manifest ? 1U : 0U));
    mse_cborw_text(out, r->fresh ? WANT_FRESH : WANT_SESSION);
    if (r->collateral) {
        mse_cborw_text(out, KEY_COLLATERAL);
    }
    if (r->manifest) {
        mse_cborw_text(out, KEY_MANIFEST);
    }
    put_bytes(out, KEY_NONCE, mse_bytes_of(r->nonce.bytes, sizeof r->nonce.bytes));
    return close_frame(out, at);
}

static void put_audit(struct mse_build *b, const struct mse_nonce_path *p)
{
    mse_cborw_text(b, KEY_AUDIT);
    mse_cborw_array(b, 3);
    mse_cborw_uint(b, p->index);
    mse_cborw_uint(b, p->size);
    mse_cborw_array(b, p->num);
    for (uint32_t i = 0; i < p->num; i++) {
        mse_cborw_bytes(b, mse_bytes_of(p->hashes[i], 32));
    }
}

static bool audit_fits(const struct mse_nonce_path *p)
{
    return p->size > 0 && p->size <= MSE_NONCES_MAX && p->index < p->size &&
           p->num == mse_nonces_path_len(p->index, p->size);
}

/* Lower-case letters and hyphens, so that it can be shown. */
static bool is_word(struct mse_bytes word)
{
    for (size_t i = 0; i < word.len; i++) {
        if ((word.data[i] < 'a' || word.data[i] > 'z') && word.data[i] != '-') {
            return false;
        }
    }
    return word.len <= MSE_FRAME_ERROR_MAX;
}

/* What a response may hold, for writer and reader alike; NULL if it is in order. */
static const char *response_fault(const struct mse_frame_response *r)
{
    bool rest = r->collateral.len > 0 || r->manifest.len > 0 || r->nonce.len > 0 || r->has_audit;
    if (r->error.len > 0) {
        return r->evidence.len > 0 || rest ? "an error, and something beside it" : NULL;
    }
    if (r->evidence.len == 0) {
        return "neither evidence nor an error";
    }
    if (r->retry_ms > 0) {
        return "a time for another try without an error";
    }
    if (r->nonce.len != 0 && (r->nonce.len != MSE_SESSION_NONCE_LEN || r->has_audit)) {
        return "a nonce of another length than 32, or beside an audit path";
    }
    return r->has_audit && !audit_fits(&r->audit) ? "an audit path of another length" : NULL;
}

mse_status mse_frame_response_write(struct mse_build *out, const struct mse_frame_response *r)
{
    size_t at = out->len;
    if (!is_word(r->error) || r->retry_ms > MAX_RETRY_MS || response_fault(r) != NULL) {
        return MSE_ERR_ARGUMENT;
    }
    mse_wr_zeros(out, MSE_FRAME_HEAD);
    put_head(out, 1U + (r->has_audit ? 1U : 0U) + (r->error.len > 0 ? 1U : 0U) +
                      (r->nonce.len > 0 ? 1U : 0U) + (r->evidence.len > 0 ? 1U : 0U) +
                      (r->manifest.len > 0 ? 1U : 0U) + (r->retry_ms > 0 ? 1U : 0U) +
                      (r->collateral.len > 0 ? 1U : 0U));
    if (r->has_audit) {
        put_audit(out, &r->audit);
    }
    if (r->error.len > 0) {
        char word[MSE_FRAME_ERROR_MAX + 1] = "";
        memcpy(word, r->error.data, r->error.len);
        mse_cborw_text(out, KEY_ERROR);
        mse_cborw_text(out, word);
    }
    put_bytes(out, KEY_NONCE, r->nonce);
    put_bytes(out, KEY_EVIDENCE, r->evidence);
    put_bytes(out, KEY_MANIFEST, r->manifest);
    if (r->retry_ms > 0) {
        mse_cborw_text(out, KEY_RETRY_MS);
        mse_cborw_uint(out, r->retry_ms);
    }
    put_bytes(out, KEY_COLLATERAL, r->collateral);
    return close_frame(out, at);
}

/* ---- reading ---- */

/* The map and its version. *pairs: how many follow. */
static mse_status open_frame(struct mse_cbor *r, size_t *pairs, struct mse_bytes body,
                             struct mse_error *err)
{
    struct mse_bytes key;
    uint64_t v = 0;
    if (!mse_cbor_check(body, MSE_CBOR_STRICT)) {
        return malformed(err, "not one CBOR item in the deterministic encoding of RFC 8949 4.2.1");
    }
    *r = mse_cbor_of(body, MSE_CBOR_STRICT);
    bool form = mse_cbor_map(r, pairs) && *pairs > 0 && *pairs <= MAX_ALL_PAIRS && // {
                mse_cbor_text(r, &key) && mse_bytes_is_str(key, KEY_VERSION) &&    //   "v":
                mse_cbor_uint(r, &v);                                              //   1, …
    if (!form) {
        return malformed(err, "not a map that begins with its version");
    }
    if (v != VERSION) {
        return MSE_FAIL(err, MSE_ERR_FRAME_VERSION, STEP, "version %llu, wanted %u",
                        (unsigned long long)v, VERSION);
    }
    (*pairs)--;
    return MSE_OK;
}

static mse_status unknown_key(struct mse_bytes key, struct mse_error *err)
{
    char shown[40];
    return MSE_FAIL(err, MSE_ERR_FRAME_MALFORMED, STEP, "unknown or malformed %s",
                    mse_log_quote(shown, sizeof shown, key));
}

/* The level, then what is wanted beside the evidence; each at most once and in this order. */
static bool rd_want(struct mse_frame_request *q, struct mse_cbor *r)
{
    size_t num = 0;
    struct mse_bytes word;
    if (!mse_cbor_array(r, &num) || num == 0 || !mse_cbor_text(r, &word)) {
        return false;
    }
    q->fresh = mse_bytes_is_str(word, WANT_FRESH);
    if (!q->fresh && !mse_bytes_is_str(word, WANT_SESSION)) {
        return false;
    }
    for (num--; num > 0; num--) {
        if (!mse_cbor_text(r, &word)) {
            return false;
        }
        if (mse_bytes_is_str(word, KEY_COLLATERAL) && !q->collateral && !q->manifest) {
            q->collateral = true;
        } else if (mse_bytes_is_str(word, KEY_MANIFEST) && !q->manifest) {
            q->manifest = true;
        } else {
            return false;
        }
    }
    return true;
}

mse_status mse_frame_request_read(struct mse_frame_request *out, struct mse_bytes body,
                                  struct mse_error *err)
{
    struct mse_cbor r;
    size_t pairs = 0;
    struct mse_bytes key;
    struct mse_bytes nonce = { NULL, 0 };
    struct mse_frame_request q = { .fresh = false };
    mse_status st = open_frame(&r, &pairs, body, err);
    if (st != MSE_OK) {
        return st;
    }
    bool form = pairs == 2 && mse_cbor_text(&r, &key) && mse_bytes_is_str(key, KEY_WANT) &&
                rd_want(&q, &r) &&                                                // "want": […]
                mse_cbor_text(&r, &key) && mse_bytes_is_str(key, KEY_NONCE) &&    // "nonce":
                mse_cbor_bytes(&r, &nonce) && nonce.len == MSE_SESSION_NONCE_LEN; // 32 bytes
    if (!form) {
        return malformed(err, "not a request: {\"v\":1, \"want\":[…], \"nonce\":32 bytes}");
    }
    memcpy(q.nonce.bytes, nonce.data, sizeof q.nonce.bytes);
    *out = q;
    return MSE_OK;
}

static bool rd_u32(struct mse_cbor *r, uint32_t *out, uint32_t max)
{
    uint64_t v = 0;
    if (!mse_cbor_uint(r, &v) || v > max) {
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

static bool rd_audit(struct mse_frame_response *q, struct mse_cbor *r)
{
    size_t num = 0;
    struct mse_nonce_path *p = &q->audit;
    bool form = mse_cbor_array(r, &num) && num == 3 &&              // [
                rd_u32(r, &p->index, MSE_NONCES_MAX - 1) &&         //   index
                rd_u32(r, &p->size, MSE_NONCES_MAX) &&              //   size
                mse_cbor_array(r, &num) && num <= MSE_NONCES_DEPTH; // [hashes] ]
    for (; form && p->num < num; p->num++) {
        struct mse_bytes hash = { NULL, 0 };
        form = mse_cbor_bytes(r, &hash) && hash.len == 32;
        if (form) {
            memcpy(p->hashes[p->num], hash.data, 32);
        }
    }
    q->has_audit = form;
    return form;
}

static bool rd_word(struct mse_bytes *out, struct mse_cbor *r)
{
    return mse_cbor_text(r, out) && out->len > 0 && is_word(*out);
}

static bool rd_nonempty(struct mse_bytes *out, struct mse_cbor *r)
{
    return mse_cbor_bytes(r, out) && out->len > 0;
}

static bool rd_member(struct mse_frame_response *q, struct mse_bytes key, struct mse_cbor *r)
{
    if (mse_bytes_is_str(key, KEY_AUDIT)) {
        return rd_audit(q, r);
    }
    if (mse_bytes_is_str(key, KEY_ERROR)) {
        return rd_word(&q->error, r);
    }
    if (mse_bytes_is_str(key, KEY_NONCE)) {
        return rd_nonempty(&q->nonce, r);
    }
    if (mse_bytes_is_str(key, KEY_EVIDENCE)) {
        return rd_nonempty(&q->evidence, r);
    }
    if (mse_bytes_is_str(key, KEY_MANIFEST)) {
        return rd_nonempty(&q->manifest, r);
    }
    if (mse_bytes_is_str(key, KEY_RETRY_MS)) {
        return rd_u32(r, &q->retry_ms, MAX_RETRY_MS) && q->retry_ms > 0;
    }
    return mse_bytes_is_str(key, KEY_COLLATERAL) && rd_nonempty(&q->collateral, r);
}

mse_status mse_frame_response_read(struct mse_frame_response *out, struct mse_bytes body,
                                   struct mse_error *err)
{
    struct mse_cbor r;
    size_t pairs = 0;
    struct mse_frame_response q = { .retry_ms = 0 };
    mse_status st = open_frame(&r, &pairs, body, err);
    if (st != MSE_OK) {
        return st;
    }
    for (; pairs > 0; pairs--) {
        struct mse_bytes key = { NULL, 0 };
        if (!mse_cbor_text(&r, &key) || !rd_member(&q, key, &r)) {
            return unknown_key(key, err);
        }
    }
    const char *fault = response_fault(&q);
    if (fault != NULL) {
        return malformed(err, fault);
    }
    *out = q;
    return MSE_OK;
}
