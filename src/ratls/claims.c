/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the claims of TCG DICE evidence. What vouches for them is judged in check.c. */
#include "ratls/claims.h"

#include "base/bytes.h"
#include "base/cbor.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"

#define OUR_PREFIX "mse-"
#define SHOWN_LEN  40

static const char *const role_names[] = {
    [MSE_ROLE_ABSENT] = NULL,
    [MSE_ROLE_SERVER_STATIC] = "server-static",
    [MSE_ROLE_SERVER_FRESH] = "server-fresh",
    [MSE_ROLE_SERVER_SESSION] = "server-session",
    [MSE_ROLE_CLIENT_SESSION] = "client-session",
    [MSE_ROLE_REPLICA_SERVER] = "replica-server",
    [MSE_ROLE_REPLICA_CLIENT] = "replica-client",
    [MSE_ROLE_APP] = "app",
};

const char *mse_ratls_role_name(enum mse_ratls_role role)
{
    return (unsigned)role < MSE_ARRAY_LEN(role_names) ? role_names[role] : NULL;
}

static const char *const origin_names[] = {
    [MSE_KEY_ORIGIN_ABSENT] = NULL,
    [MSE_KEY_ORIGIN_ENCLAVE] = "enclave",
    [MSE_KEY_ORIGIN_OWNER] = "owner",
};

const char *mse_ratls_key_origin_name(enum mse_ratls_key_origin origin)
{
    return (unsigned)origin < MSE_ARRAY_LEN(origin_names) ? origin_names[origin] : NULL;
}

static mse_status malformed(struct mse_error *err, const char *what)
{
    return MSE_FAIL(err, MSE_ERR_CLAIMS_MALFORMED, "claims", "%s", what);
}

static size_t hash_len(uint64_t alg)
{
    switch (alg) {
    case MSE_HASH_ALG_SHA256:
        return 32;
    case MSE_HASH_ALG_SHA384:
        return 48;
    case MSE_HASH_ALG_SHA512:
        return 64;
    default:
        return 0;
    }
}

/* The array [algorithm, hash] inside the byte string of pubkey-hash. */
static mse_status rd_key_hash(uint8_t *out_alg, struct mse_bytes *out, struct mse_bytes value,
                              enum mse_cbor_mode mode, struct mse_error *err)
{
    struct mse_cbor r = mse_cbor_of(value, mode);
    size_t num = 0;
    uint64_t alg = 0;
    struct mse_bytes hash = { NULL, 0 };
    bool form = mse_cbor_array(&r, &num) && num == 2 && // [
                mse_cbor_uint(&r, &alg) &&              //   algorithm
                mse_cbor_bytes(&r, &hash) &&            //   hash ]
                r.in.len == 0;
    if (!form) {
        return malformed(err, "a hash of a key is not an encoded [algorithm, hash]");
    }
    size_t want = mode == MSE_CBOR_STRICT && alg != MSE_HASH_ALG_SHA256 ? 0 : hash_len(alg);
    if (want == 0) {
        return MSE_FAIL(err, MSE_ERR_CLAIMS_HASH, "claims",
                        "a hash of a key has hash algorithm %llu, wanted %s",
                        (unsigned long long)alg, mode == MSE_CBOR_STRICT ? "1" : "1, 7 or 8");
    }
    if (hash.len != want) {
        return MSE_FAIL(err, MSE_ERR_CLAIMS_MALFORMED, "claims",
                        "a hash of a key has %zu bytes, wanted %zu", hash.len, want);
    }
    *out_alg = (uint8_t)alg;
    *out = hash;
    return MSE_OK;
}

static mse_status rd_role(struct mse_ratls_claims *c, struct mse_cbor *r, struct mse_error *err)
{
    struct mse_bytes text;
    if (!mse_cbor_text(r, &text)) {
        return malformed(err, "mse-role is not a text");
    }
    for (size_t i = MSE_ROLE_ABSENT + 1; i < MSE_ARRAY_LEN(role_names); i++) {
        if (mse_bytes_is_str(text, role_names[i])) {
            c->role = (enum mse_ratls_role)i;
            return MSE_OK;
        }
    }
    char shown[SHOWN_LEN];
    return MSE_FAIL(err, MSE_ERR_ROLE, "claims", "role %s, wanted one that is known",
                    mse_log_quote(shown, sizeof shown, text));
}

static mse_status rd_origin(struct mse_ratls_claims *c, struct mse_cbor *r, struct mse_error *err)
{
    struct mse_bytes text;
    if (!mse_cbor_text(r, &text)) {
        return malformed(err, "mse-key-origin is not a text");
    }
    for (size_t i = MSE_KEY_ORIGIN_ABSENT + 1; i < MSE_ARRAY_LEN(origin_names); i++) {
        if (mse_bytes_is_str(text, origin_names[i])) {
            c->key_origin = (enum mse_ratls_key_origin)i;
            return MSE_OK;
        }
    }
    return malformed(err, "mse-key-origin is neither enclave nor owner");
}

/* Where a claim that is a byte string goes; NULL if key is none of these. */
static struct mse_bytes *slot_of(struct mse_ratls_claims *c, struct mse_bytes key, size_t *len)
{
    *len = MSE_CLAIM_LEN;
    if (mse_bytes_is_str(key, MSE_CLAIM_NONCE)) {
        return &c->nonce;
    }
    if (mse_bytes_is_str(key, MSE_CLAIM_EXPORTER)) {
        return &c->exporter;
    }
    if (mse_bytes_is_str(key, MSE_CLAIM_X25519)) {
        return &c->x25519;
    }
    if (mse_bytes_is_str(key, MSE_CLAIM_MANIFEST)) {
        return &c->manifest;
    }
    if (mse_bytes_is_str(key, MSE_CLAIM_BOOT)) {
        *len = MSE_CLAIM_BOOT_LEN;
        return &c->boot;
    }
    return NULL;
}

/* What an app said: of any length that it may have. */
static mse_status rd_app_data(struct mse_ratls_claims *c, struct mse_cbor *r, struct mse_error *err)
{
    struct mse_bytes value;
    if (!mse_cbor_bytes(r, &value)) {
        return malformed(err, MSE_CLAIM_APP_DATA " is not a byte string");
    }
    if (value.len == 0 || value.len > MSE_CLAIM_APP_MAX) {
        return MSE_FAIL(err, MSE_ERR_CLAIMS_MALFORMED, "claims",
                        MSE_CLAIM_APP_DATA " has %zu bytes, wanted 1 to %d", value.len,
                        MSE_CLAIM_APP_MAX);
    }
    c->app_data = value;
    return MSE_OK;
}

static mse_status rd_slot(struct mse_bytes *slot, size_t len, struct mse_bytes key,
                          struct mse_cbor *r, struct mse_error *err)
{
    char shown[SHOWN_LEN];
    struct mse_bytes value;
    if (!mse_cbor_bytes(r, &value)) {
        return MSE_FAIL(err, MSE_ERR_CLAIMS_MALFORMED, "claims", "%s is not a byte string",
                        mse_log_quote(shown, sizeof shown, key));
    }
    if (r->mode == MSE_CBOR_STRICT && value.len != len) {
        return MSE_FAIL(err, MSE_ERR_CLAIMS_MALFORMED, "claims", "%s has %zu bytes, wanted %zu",
                        mse_log_quote(shown, sizeof shown, key), value.len, len);
    }
    *slot = value;
    return MSE_OK;
}

static bool is_ours(struct mse_bytes key)
{
    struct mse_bytes prefix;
    return mse_rd_bytes(&key, &prefix, sizeof OUR_PREFIX - 1) &&
           mse_bytes_is_str(prefix, OUR_PREFIX);
}

static mse_status rd_claim(struct mse_ratls_claims *c, struct mse_bytes key, struct mse_cbor *r,
                           struct mse_error *err)
{
    size_t len = 0;
    struct mse_bytes value;
    struct mse_bytes *slot = slot_of(c, key, &len);
    if (slot != NULL) {
        return rd_slot(slot, len, key, r, err);
    }
    if (mse_bytes_is_str(key, MSE_CLAIM_ROLE)) {
        return rd_role(c, r, err);
    }
    if (mse_bytes_is_str(key, MSE_CLAIM_APP_DATA)) {
        return rd_app_data(c, r, err);
    }
    if (mse_bytes_is_str(key, MSE_CLAIM_KEY_ORIGIN)) {
        return rd_origin(c, r, err);
    }
    if (mse_bytes_is_str(key, MSE_CLAIM_PUBKEY_HASH)) {
        return mse_cbor_bytes(r, &value)
                   ? rd_key_hash(&c->hash_alg, &c->pubkey_hash, value, r->mode, err)
                   : malformed(err, "pubkey-hash is not a byte string");
    }
    if (mse_bytes_is_str(key, MSE_CLAIM_CA_HASH)) {
        uint8_t alg = 0;
        return mse_cbor_bytes(r, &value)
                   ? rd_key_hash(&alg, &c->ca_hash, value, r->mode, err)
                   : malformed(err, MSE_CLAIM_CA_HASH " is not a byte string");
    }
    if (is_ours(key)) {
        char shown[SHOWN_LEN];
        return MSE_FAIL(err, MSE_ERR_CLAIMS_MALFORMED, "claims", "unknown claim %s",
                        mse_log_quote(shown, sizeof shown, key));
    }
    return mse_cbor_item(r, &value) ? MSE_OK : malformed(err, "a claim has no value");
}

/* Tells whether any key of the map, which was checked before, begins with "mse-". */
static bool any_ours(struct mse_cbor r)
{
    size_t pairs = 0;
    bool more = mse_cbor_map(&r, &pairs);
    for (; more && pairs > 0; pairs--) {
        struct mse_bytes key;
        struct mse_bytes skipped;
        bool is_text = mse_cbor_text(&r, &key);
        if (is_text && is_ours(key)) {
            return true;
        }
        more = (is_text || mse_cbor_item(&r, &skipped)) && mse_cbor_item(&r, &skipped);
    }
    return false;
}

static mse_status rd_all(struct mse_ratls_claims *c, struct mse_cbor r, struct mse_error *err)
{
    size_t pairs = 0;
    if (!mse_cbor_map(&r, &pairs)) {
        return malformed(err, "they are not a map");
    }
    mse_status st = MSE_OK;
    for (; pairs > 0 && st == MSE_OK; pairs--) {
        struct mse_bytes key;
        struct mse_bytes value;
        if (mse_cbor_text(&r, &key)) {
            st = rd_claim(c, key, &r, err);
        } else if (!mse_cbor_item(&r, &key) || !mse_cbor_item(&r, &value)) {
            st = malformed(err, "a claim is cut");
        }
    }
    return st;
}

/* A CA of the enclave's is of certificates of the enclave's. */
static bool may_have_ca(const struct mse_ratls_claims *c)
{
    return c->role != MSE_ROLE_APP && c->key_origin != MSE_KEY_ORIGIN_OWNER;
}

mse_status mse_ratls_claims_read(struct mse_ratls_claims *out, struct mse_bytes raw,
                                 struct mse_error *err)
{
    if (!mse_cbor_check(raw, MSE_CBOR_LENIENT)) {
        return malformed(err, "they are not one well-formed CBOR item without duplicate keys");
    }
    bool ours = any_ours(mse_cbor_of(raw, MSE_CBOR_LENIENT));
    if (ours && !mse_cbor_check(raw, MSE_CBOR_STRICT)) {
        return malformed(err, "they are not in the deterministic encoding of RFC 8949 4.2.1");
    }
    struct mse_ratls_claims c = { 0 };
    mse_status st = rd_all(&c, mse_cbor_of(raw, ours ? MSE_CBOR_STRICT : MSE_CBOR_LENIENT), err);
    if (st != MSE_OK) {
        return st;
    }
    if (c.hash_alg == 0) {
        return malformed(err, "pubkey-hash is missing");
    }
    if (ours && c.role == MSE_ROLE_ABSENT) {
        return malformed(err, "mse-role is missing");
    }
    if (c.app_data.len > 0 && c.role != MSE_ROLE_APP) {
        return malformed(err, MSE_CLAIM_APP_DATA " with another role than app");
    }
    if (c.ca_hash.len > 0 && !may_have_ca(&c)) {
        return malformed(err, MSE_CLAIM_CA_HASH " with the role app, or a key of the owner's");
    }
    *out = c;
    return MSE_OK;
}
