/* SPDX-License-Identifier: Apache-2.0 */
/* See config.h. */
#include "enclave/config.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/json.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "enclave/sealed.h"
#include "package/owner_chain.h"

enum member {
    MEMBER_UUID,
    MEMBER_CODE_KEY,
    MEMBER_SECRETS,
    MEMBER_SEALED,
    MEMBER_SSL_KEY,
    MEMBER_SSL_CHAIN,
    MEMBER_UPGRADE,
    MEMBER_SIGNATURE,
    NUM_MEMBERS,
};

static const char *const member_names[NUM_MEMBERS] = { "uuid",
                                                       "code_secret_key",
                                                       "app_secrets",
                                                       "app_sealed_secrets",
                                                       "ssl_private_key",
                                                       "ssl_certificate_chain",
                                                       "upgrade_from",
                                                       "upgrade_signature" };

/* The exact bytes of each member; empty: not there. */
struct spans {
    struct mse_bytes of[NUM_MEMBERS];
    struct mse_bytes unknown; /* the name of the first one */
};

const char *mse_config_state_name(enum mse_config_state state)
{
    static const char *const names[] = { "Waiting", "Starting", "Running", "Failed" };
    return names[state];
}

bool mse_config_needed(const struct mse_manifest *m)
{
    return mse_manifest_waits(m);
}

void mse_config_clear(struct mse_config *c)
{
    mse_wipe(c->code_key, sizeof c->code_key);
    c->has_code_key = false;
    c->by_owner = false;
    mse_build_clear(&c->secrets);
    mse_build_clear(&c->sealed);
    mse_build_clear(&c->ssl_key);
    mse_build_clear(&c->ssl_chain);
}

static bool answer(struct mse_config_answer *a, unsigned http, const char *error,
                   struct mse_bytes field)
{
    size_t len = field.len < sizeof a->field - 1 ? field.len : sizeof a->field - 1;
    *a = (struct mse_config_answer) { .http = http, .error = error };
    if (len > 0) {
        memcpy(a->field, field.data, len);
    }
    mse_utf8_printable(a->field);
    return http == 200;
}

static bool refuse(struct mse_config_answer *a, const char *error, const char *field)
{
    return answer(a, 422, error, mse_bytes_str(field));
}

void mse_config_admit(struct mse_config_answer *out, const struct mse_config_rules *r,
                      enum mse_config_state state, const uint8_t *token)
{
    const uint8_t *wanted = r->manifest->config_token_sha256;
    uint8_t digest[32] = { 0 };
    /* All zeros: open to nobody. */
    bool known = token != NULL && mse_sha256(digest, mse_bytes_of(token, 32)) == MSE_OK &&
                 mse_ct_equal(digest, wanted, sizeof digest) &&
                 !mse_mem_is_zero(wanted, sizeof digest);
    if (!known) {
        (void)answer(out, 401, "token", mse_bytes_str(""));
    } else if (state != MSE_CONFIG_WAITING) {
        (void)answer(out, 409, "state", mse_bytes_str(""));
    } else {
        (void)answer(out, 200, NULL, mse_bytes_str(""));
    }
}

/* ---- forms ---- */

static bool read_spans(struct spans *out, struct mse_bytes body)
{
    struct mse_json j;
    struct mse_json_object o;
    struct mse_bytes key;
    *out = (struct spans) { .unknown = { NULL, 0 } };
    mse_json_init(&j, body);
    for (mse_json_object_begin(&j, &o); mse_json_object_next(&j, &o, &key);) {
        struct mse_bytes span = { NULL, 0 };
        size_t i = 0;
        (void)mse_json_skip(&j, &span);
        while (i < NUM_MEMBERS && !mse_bytes_is_str(key, member_names[i])) {
            i++;
        }
        if (i < NUM_MEMBERS) {
            out->of[i] = span;
        } else if (out->unknown.data == NULL) {
            out->unknown = key;
        }
    }
    return mse_json_end(&j);
}

/* The characters of a string without escapes. */
static bool plain_text(struct mse_bytes *out, struct mse_bytes span)
{
    struct mse_json j;
    mse_json_init(&j, span);
    return mse_json_plain(&j, out) && mse_json_end(&j);
}

static bool uuid_ok(const struct mse_manifest *m, struct mse_bytes span)
{
    struct mse_bytes text;
    return plain_text(&text, span) && mse_bytes_is_str(text, m->app_id);
}

static bool read_key(struct mse_config *c, struct mse_bytes span)
{
    struct mse_bytes text;
    c->has_code_key =
        plain_text(&text, span) && mse_hex_decode(c->code_key, sizeof c->code_key, text);
    return c->has_code_key;
}

static bool read_upgrade(struct mse_config *c, struct mse_bytes span)
{
    struct mse_bytes text;
    c->has_upgrade_from =
        plain_text(&text, span) && mse_hex_decode(c->upgrade_from, sizeof c->upgrade_from, text);
    return c->has_upgrade_from;
}

static bool read_signature(struct mse_config *c, struct mse_bytes span)
{
    struct mse_bytes text;
    bool good = plain_text(&text, span) && text.len > 0 &&
                text.len / 2 <= sizeof c->upgrade_signature &&
                mse_hex_decode(c->upgrade_signature, text.len / 2, text);
    c->upgrade_signature_len = good ? text.len / 2 : 0;
    return good;
}

/* The box, decoded, in box. */
static bool read_box(struct mse_build *box, struct mse_bytes span)
{
    struct mse_bytes text;
    size_t len = 0;
    if (!plain_text(&text, span) || text.len == 0) {
        return false;
    }
    mse_build_heap(box, text.len);
    uint8_t *room = mse_wr_space(box, text.len);
    bool ok = room != NULL && mse_base64url_decode(room, text.len, &len, text);
    box->len = ok ? len : 0;
    return ok;
}

/* A text of some length, its escapes decoded. */
static bool read_text(struct mse_build *out, struct mse_bytes span)
{
    struct mse_json j;
    struct mse_bytes text;
    struct mse_build room;
    mse_build_heap(&room, span.len);
    mse_build_heap(out, MSE_OWNER_CHAIN_MAX);
    mse_json_init(&j, span);
    bool ok = mse_json_text(&j, &room, &text) && mse_json_end(&j) && text.len > 0;
    if (ok) {
        mse_wr_bytes(out, text);
    }
    mse_build_clear(&room);
    return ok && mse_build_ok(out);
}

/* What has a form, in the order of the protocol. */
static bool check_forms(struct mse_config *c, struct mse_build *box, struct mse_config_answer *a,
                        const struct spans *s)
{
    if (s->unknown.data != NULL) {
        return answer(a, 422, "form", s->unknown);
    }
    if (s->of[MEMBER_CODE_KEY].len > 0 && !read_key(c, s->of[MEMBER_CODE_KEY])) {
        return refuse(a, "form", member_names[MEMBER_CODE_KEY]);
    }
    c->by_owner = c->has_code_key;
    if (s->of[MEMBER_UPGRADE].len > 0 && !read_upgrade(c, s->of[MEMBER_UPGRADE])) {
        return refuse(a, "form", member_names[MEMBER_UPGRADE]);
    }
    if (s->of[MEMBER_SIGNATURE].len > 0 && !read_signature(c, s->of[MEMBER_SIGNATURE])) {
        return refuse(a, "form", member_names[MEMBER_SIGNATURE]);
    }
    if (s->of[MEMBER_SEALED].len > 0 && !read_box(box, s->of[MEMBER_SEALED])) {
        return refuse(a, "form", member_names[MEMBER_SEALED]);
    }
    if (s->of[MEMBER_SSL_KEY].len > 0 && !read_text(&c->ssl_key, s->of[MEMBER_SSL_KEY])) {
        return refuse(a, "form", member_names[MEMBER_SSL_KEY]);
    }
    if (s->of[MEMBER_SSL_CHAIN].len > 0 && !read_text(&c->ssl_chain, s->of[MEMBER_SSL_CHAIN])) {
        return refuse(a, "form", member_names[MEMBER_SSL_CHAIN]);
    }
    return true;
}

/* ---- what the manifest expects ---- */

static bool expects_sealed(const struct mse_manifest *m)
{
    return (m->expects & MSE_EXPECT_SEALED_SECRETS) != 0;
}

/* The code key stands in the open, or in the box: never in both, never in none. */
static bool check_expects(struct mse_config_answer *a, const struct spans *s,
                          const struct mse_config_rules *r)
{
    const struct mse_manifest *m = r->manifest;
    bool named = s->of[MEMBER_UPGRADE].len > 0;
    bool has_signed = s->of[MEMBER_SIGNATURE].len > 0;
    bool encrypted = m->package == MSE_PACKAGE_ENCRYPTED;
    bool ssl = (m->expects & MSE_EXPECT_SSL_KEY) != 0;
    bool box = s->of[MEMBER_SEALED].len > 0;
    bool code_in_box = encrypted && s->of[MEMBER_CODE_KEY].len == 0 && box;
    bool ssl_in_box = ssl && s->of[MEMBER_SSL_KEY].len == 0 && box;
    const bool wanted[NUM_MEMBERS] = {
        [MEMBER_UUID] = true,
        [MEMBER_CODE_KEY] = encrypted && !code_in_box,
        [MEMBER_SECRETS] = (m->expects & MSE_EXPECT_SECRETS) != 0,
        [MEMBER_SEALED] = expects_sealed(m) || code_in_box || ssl_in_box,
        [MEMBER_SSL_KEY] = ssl && !ssl_in_box,
        [MEMBER_SSL_CHAIN] = ssl,
        [MEMBER_UPGRADE] = r->offered && (named || !r->signed_for),
        [MEMBER_SIGNATURE] = r->offered && named && has_signed,
    };
    for (size_t i = 0; i < NUM_MEMBERS; i++) {
        bool there = s->of[i].len > 0;
        if (there != wanted[i]) {
            return refuse(a, wanted[i] ? "expected" : "unexpected", member_names[i]);
        }
    }
    return true;
}

static bool is_json(struct mse_bytes text)
{
    struct mse_json j;
    mse_json_init(&j, text);
    (void)mse_json_skip(&j, NULL);
    return mse_json_end(&j);
}

/* The keys that may stand in the box, and which of them have to. */
struct box_keys {
    bool code;
    bool ssl;
};

static bool take_keys(struct mse_config *c, struct mse_config_answer *a, const struct box_keys *k,
                      const struct spans *s)
{
    const struct {
        bool wanted;
        enum member member;
    } rows[] = { { k->code, MEMBER_CODE_KEY }, { k->ssl, MEMBER_SSL_KEY } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        struct mse_bytes span = s->of[rows[i].member];
        if (!rows[i].wanted) {
            continue;
        }
        if (span.len == 0) {
            return refuse(a, "expected", member_names[rows[i].member]);
        }
        bool good =
            rows[i].member == MEMBER_CODE_KEY ? read_key(c, span) : read_text(&c->ssl_key, span);
        if (!good) {
            return refuse(a, "form", member_names[rows[i].member]);
        }
    }
    return true;
}

/* One more member of what is left for the app. */
static void leave_member(struct mse_build *rest, struct mse_bytes name, struct mse_bytes span)
{
    mse_wr_u8(rest, rest->len == 0 ? '{' : ',');
    mse_wr_u8(rest, '"');
    mse_wr_bytes(rest, name); /* one without escapes */
    mse_wr_str(rest, "\":");
    mse_wr_bytes(rest, span);
}

/* What the app gets of the box: all but the key of TLS, with which it could stand in for the
 * runtime; nothing where the manifest expects no sealed secrets. */
static void keep_rest(struct mse_config *c, struct mse_build *rest, bool ssl, bool expected)
{
    if (ssl && expected) {
        mse_wr_str(rest, rest->len == 0 ? "{}" : "}");
        mse_build_clear(&c->sealed);
        c->sealed = *rest;
        *rest = (struct mse_build) { .data = NULL };
    } else if (!expected) {
        mse_build_clear(&c->sealed);
    }
}

/* The keys among the members of what was in the box. Where the manifest expects no sealed secrets
 * they are the only members. */
static bool keys_from_box(struct mse_config *c, struct mse_config_answer *a,
                          const struct box_keys *k, const struct mse_manifest *m)
{
    struct mse_json j;
    struct mse_json_object o;
    struct mse_bytes name;
    struct spans s = { .unknown = { NULL, 0 } };
    struct mse_build rest;
    bool others = false;
    mse_build_heap(&rest, 2 * c->sealed.len + 2);
    mse_json_init(&j, mse_build_view(&c->sealed));
    for (mse_json_object_begin(&j, &o); mse_json_object_next(&j, &o, &name);) {
        struct mse_bytes span = { NULL, 0 };
        bool code = k->code && mse_bytes_is_str(name, member_names[MEMBER_CODE_KEY]);
        bool ssl = k->ssl && mse_bytes_is_str(name, member_names[MEMBER_SSL_KEY]);
        (void)mse_json_skip(&j, &span);
        if (code || ssl) {
            s.of[code ? MEMBER_CODE_KEY : MEMBER_SSL_KEY] = span;
        }
        others = others || (!code && !ssl);
        if (!ssl) {
            leave_member(&rest, name, span);
        }
    }
    bool good = mse_json_end(&j);
    if (!good) {
        (void)refuse(a, "expected", member_names[k->code ? MEMBER_CODE_KEY : MEMBER_SSL_KEY]);
    }
    good = good && take_keys(c, a, k, &s);
    if (good && others && !expects_sealed(m)) {
        good = refuse(a, "unexpected", member_names[MEMBER_SEALED]);
    }
    if (good) {
        keep_rest(c, &rest, k->ssl, expects_sealed(m));
        good = mse_build_ok(&c->sealed) || answer(a, 503, "memory", mse_bytes_str(""));
    }
    mse_build_clear(&rest);
    return good;
}

static bool open_box(struct mse_config *c, struct mse_bytes box, struct mse_config_answer *a,
                     const struct mse_config_rules *r)
{
    const struct mse_manifest *m = r->manifest;
    const struct box_keys k = {
        .code = m->package == MSE_PACKAGE_ENCRYPTED && !c->has_code_key,
        .ssl = (m->expects & MSE_EXPECT_SSL_KEY) != 0 && c->ssl_key.len == 0,
    };
    if (box.len == 0) {
        return true;
    }
    mse_build_heap(&c->sealed, box.len);
    if (!mse_sealed_open(&c->sealed, box, r->x25519_secret, r->x25519_public) ||
        !is_json(mse_build_view(&c->sealed))) {
        return refuse(a, "sealed", member_names[MEMBER_SEALED]);
    }
    return (!k.code && !k.ssl) || keys_from_box(c, a, &k, m);
}

static bool keep_secrets(struct mse_config *c, struct mse_bytes span, struct mse_config_answer *a)
{
    mse_build_heap(&c->secrets, MSE_CONFIG_MAX_BODY);
    mse_wr_bytes(&c->secrets, span);
    return mse_build_ok(&c->secrets) || answer(a, 503, "memory", mse_bytes_str(""));
}

static bool check_package(const struct mse_config *c, struct mse_config_answer *a,
                          const struct mse_config_rules *r)
{
    mse_status st = r->check_package(r->arg, c->has_code_key ? c->code_key : NULL);
    if (st == MSE_OK) {
        return true;
    }
    return refuse(a, mse_status_name(st),
                  st == MSE_ERR_PACKAGE_KEY ? member_names[MEMBER_CODE_KEY] : "package");
}

/* The chain that the manifest names, and that clients will take; then the key that goes with it. */
static bool check_ssl(const struct mse_config *c, struct mse_config_answer *a,
                      const struct mse_config_rules *r)
{
    const struct mse_manifest *m = r->manifest;
    struct mse_owner_chain chain = { .not_after = 0 };
    struct mse_privkey *key = NULL;
    uint8_t sha256[32];
    if ((m->expects & MSE_EXPECT_SSL_KEY) == 0) {
        return true;
    }
    mse_status st = mse_sha256(sha256, mse_build_view(&c->ssl_chain));
    if (st == MSE_OK && !mse_mem_equal(sha256, m->ssl_certificate_chain_sha256, sizeof sha256)) {
        st = MSE_ERR_MANIFEST_MISMATCH;
    }
    st = st == MSE_OK ? mse_owner_chain_read(&chain, mse_build_view(&c->ssl_chain), NULL) : st;
    st = st == MSE_OK ? mse_owner_chain_suits(&chain, m->san, r->now(r->arg), NULL) : st;
    enum member which = MEMBER_SSL_CHAIN;
    if (st == MSE_OK) {
        which = MEMBER_SSL_KEY;
        st = mse_owner_chain_key(&key, &chain, mse_build_view(&c->ssl_key), NULL);
    }
    mse_privkey_free(key);
    mse_owner_chain_clear(&chain);
    return st == MSE_OK || refuse(a, mse_status_name(st), member_names[which]);
}

static bool judge(struct mse_config *c, struct mse_build *box, struct mse_config_answer *a,
                  const struct mse_config_rules *r, struct mse_bytes body)
{
    struct spans s;
    if (body.len > MSE_CONFIG_MAX_BODY) {
        return answer(a, 413, "body", mse_bytes_str(""));
    }
    if (!read_spans(&s, body)) {
        return refuse(a, "form", "body");
    }
    if (!uuid_ok(r->manifest, s.of[MEMBER_UUID])) {
        return answer(a, 401, "uuid", mse_bytes_str(""));
    }
    return check_forms(c, box, a, &s) && check_expects(a, &s, r) &&
           open_box(c, mse_build_view(box), a, r) && keep_secrets(c, s.of[MEMBER_SECRETS], a) &&
           check_package(c, a, r) && check_ssl(c, a, r) && answer(a, 200, NULL, mse_bytes_str(""));
}

void mse_config_judge(struct mse_config *config_out, struct mse_config_answer *out,
                      const struct mse_config_rules *r, struct mse_bytes body)
{
    struct mse_config c = { .has_code_key = false };
    struct mse_build box = { .data = NULL };
    if (judge(&c, &box, out, r, body)) {
        *config_out = c;
        mse_wipe(c.code_key, sizeof c.code_key);
    } else {
        mse_config_clear(&c);
    }
    mse_build_clear(&box);
}
