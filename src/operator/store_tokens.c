/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: 256 random bits, so that their bare SHA-256 is enough to recognise them by. */
#include "crypto/digest.h"
#include "operator/store_sql.h"
#include "package/rules.h"

#define PREFIX     "mset_"
#define PREFIX_LEN (sizeof PREFIX - 1)
#define RAW_LEN    32
#define NO_RIGHT   "the token gives no right here"

struct token_call {
    const struct mse_op_by *by;
    struct mse_op_token *t;
    struct mse_op_user *u;
    const uint8_t *sha256;
    const char *owner_id;
    const char *id;
    char *text; /* of a new one */
    bool found;
    mse_op_token_fn *each;
    void *arg;
};

static const struct {
    unsigned bit;
    const char *word;
} scopes[] = {
    { MSE_OP_SCOPE_READ, "read" },
    { MSE_OP_SCOPE_DEPLOY, "deploy" },
    { MSE_OP_SCOPE_ACCOUNT, "account" },
    { MSE_OP_SCOPE_ADMIN, "admin" },
};

void mse_op_scopes_format(char out[MSE_OP_SCOPES_LEN], unsigned bits)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < MSE_ARRAY_LEN(scopes); i++) {
        if ((bits & scopes[i].bit) != 0) {
            int n = snprintf(out + at, MSE_OP_SCOPES_LEN - at, "%s%s", at == 0 ? "" : ",",
                             scopes[i].word);
            at += n < 0 ? 0 : (size_t)n;
        }
    }
}

static unsigned scope_of(struct mse_bytes word)
{
    for (size_t i = 0; i < MSE_ARRAY_LEN(scopes); i++) {
        if (mse_bytes_is_str(word, scopes[i].word)) {
            return scopes[i].bit;
        }
    }
    return 0;
}

bool mse_op_scopes_parse(unsigned *out, struct mse_bytes text)
{
    unsigned bits = 0;
    for (;;) {
        const uint8_t *comma = text.len == 0 ? NULL : memchr(text.data, ',', text.len);
        size_t len = comma == NULL ? text.len : (size_t)(comma - text.data);
        unsigned bit = scope_of(mse_bytes_of(text.data, len));
        if (bit == 0 || (bits & bit) != 0) {
            return false;
        }
        bits |= bit;
        if (comma == NULL) {
            *out = bits;
            return true;
        }
        text = mse_bytes_of(comma + 1, text.len - len - 1);
    }
}

bool mse_op_token_parse(uint8_t out_sha256[32], struct mse_bytes text)
{
    uint8_t raw[RAW_LEN + 1];
    size_t len = 0;
    if (text.len != MSE_OP_TOKEN_LEN - 1 ||
        !mse_bytes_is_str(mse_bytes_of(text.data, PREFIX_LEN), PREFIX)) {
        return false;
    }
    bool good = mse_base64url_decode(raw, sizeof raw, &len,
                                     mse_bytes_of(text.data + PREFIX_LEN, text.len - PREFIX_LEN)) &&
                len == RAW_LEN && mse_sha256(out_sha256, text) == MSE_OK;
    mse_wipe(raw, sizeof raw);
    return good;
}

static bool token_of(struct mse_op_token *t, const struct mse_db_value *row)
{
    int64_t bits = mse_db_number(&row[4]);
    t->scopes = (unsigned)bits & (MSE_OP_SCOPES_USER | MSE_OP_SCOPE_ADMIN);
    t->created_at = mse_db_number(&row[5]);
    t->expires_at = mse_db_number(&row[6]);
    t->revoked_at = mse_db_number(&row[7]);
    return mse_db_copy(t->id, sizeof t->id, &row[0]) &&
           mse_db_copy(t->user_id, sizeof t->user_id, &row[1]) &&
           mse_db_copy(t->user_name, sizeof t->user_name, &row[2]) &&
           mse_db_copy(t->name, sizeof t->name, &row[3]);
}

static mse_status take_token(void *user, const struct mse_db_value *row, size_t num,
                             struct mse_error *err)
{
    struct token_call *c = user;
    struct mse_op_token t = { 0 };
    if (num < 8 || !token_of(&t, row)) {
        return op_bad_row(err);
    }
    c->found = true;
    if (c->t != NULL) {
        *c->t = t;
    }
    return c->each == NULL ? MSE_OK : c->each(c->arg, &t);
}

/* Making. */

static mse_status find_owner(struct mse_op_store *s, const struct token_call *c,
                             struct mse_error *err)
{
    mse_status st = op_user_by_id(s, c->u, c->t->user_id, err);
    if (st == MSE_OK && (c->t->scopes & MSE_OP_SCOPE_ADMIN) != 0 && !c->u->admin) {
        st = MSE_FAIL(err, MSE_ERR_CONFIG, STORE_STEP,
                      "the scope admin is for administrators, and %s is none", c->u->name);
    }
    return st;
}

static mse_status must_live(struct mse_op_store *s, const char *id, mse_time now,
                            struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(id), mse_db_int(now) };
    int64_t num = 0;
    mse_status st = op_number(s, SQL_TOKEN_LIVES, OP_ARGS(p), &num, err);
    return st != MSE_OK || num > 0 ? st : MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, NO_RIGHT);
}

static mse_status insert(struct mse_op_store *s, const struct token_call *c, struct mse_error *err)
{
    const struct mse_op_token *t = c->t;
    char detail[MSE_OP_TEXT_LEN];
    char words[MSE_OP_SCOPES_LEN];
    const struct mse_db_value p[] = {
        mse_db_text(t->id),
        mse_db_text(t->user_id),
        mse_db_blob(mse_bytes_of(c->sha256, 32)),
        mse_db_text(t->name),
        mse_db_int(t->scopes),
        mse_db_int(t->created_at),
        mse_db_int(t->expires_at),
        mse_db_int(0),
        mse_db_text(t->parent),
    };
    const struct mse_db_value valid[] = { mse_db_text(t->user_id), mse_db_int(c->by->now) };
    int64_t num = 0;
    mse_status st = find_owner(s, c, err);
    if (st == MSE_OK && t->parent[0] != '\0') {
        st = must_live(s, t->parent, c->by->now, err);
    }
    st = st == MSE_OK ? op_number(s, SQL_TOKEN_COUNT, OP_ARGS(valid), &num, err) : st;
    if (st == MSE_OK && num >= MSE_OP_MAX_TOKENS) {
        st = MSE_FAIL(err, MSE_ERR_NO_SPACE, STORE_STEP, "there are %d valid tokens already",
                      MSE_OP_MAX_TOKENS);
    }
    if (st == MSE_OK) {
        st = op_change(s, SQL_TOKEN_ADD, OP_ARGS(p), NULL, err);
    }
    mse_op_scopes_format(words, t->scopes);
    (void)snprintf(detail, sizeof detail, "user %.36s, scopes %s", t->user_id, words);
    return st == MSE_OK ? op_audit(s, c->by, "token.create", t->id, detail, err) : st;
}

static mse_status make_text(char text[MSE_OP_TOKEN_LEN], uint8_t sha256[32])
{
    uint8_t raw[RAW_LEN];
    mse_status st = mse_random(raw, sizeof raw);
    if (st == MSE_OK) {
        memcpy(text, PREFIX, PREFIX_LEN);
        mse_base64url_encode(text + PREFIX_LEN, mse_bytes_of(raw, sizeof raw));
        st = mse_sha256(sha256, mse_bytes_str(text));
    }
    mse_wipe(raw, sizeof raw);
    return st;
}

static mse_status check_token(const struct mse_op_token *t, mse_time now, struct mse_error *err)
{
    if (!mse_rule_text(t->name, 0, MSE_OP_NAME_LEN - 1)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "the token's name: wanted UTF-8 without control characters");
    }
    if (t->scopes == 0 || (t->scopes & ~(unsigned)(MSE_OP_SCOPES_USER | MSE_OP_SCOPE_ADMIN)) != 0) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "scopes: wanted some of read, deploy, account, admin");
    }
    if (t->expires_at <= now) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP, "the token would be over already");
    }
    return MSE_OK;
}

mse_status op_token_insert(struct mse_op_store *s, const struct mse_op_by *by,
                           struct mse_op_token *t, char text[MSE_OP_TOKEN_LEN],
                           struct mse_error *err)
{
    struct mse_op_token made = *t;
    struct mse_op_user owner = { 0 };
    uint8_t sha256[32];
    char fresh[MSE_OP_TOKEN_LEN] = { 0 };
    struct token_call c = { .by = by, .t = &made, .u = &owner, .sha256 = sha256 };
    mse_status st = check_token(t, by->now, err);
    if (st != MSE_OK) {
        return st;
    }
    made.created_at = by->now;
    made.revoked_at = 0;
    if (mse_random_uuid(made.id) != MSE_OK || make_text(fresh, sha256) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, STORE_STEP, "no random bytes");
    }
    st = insert(s, &c, err);
    if (st == MSE_OK) {
        memcpy(made.user_name, owner.name, sizeof made.user_name);
        *t = made;
        memcpy(text, fresh, sizeof fresh);
    }
    mse_wipe(fresh, sizeof fresh);
    return st;
}

static mse_status add(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct token_call *c = arg;
    return op_token_insert(s, c->by, c->t, c->text, err);
}

mse_status mse_op_token_create(struct mse_op_store *s, const struct mse_op_by *by,
                               struct mse_op_token *t, char text[MSE_OP_TOKEN_LEN],
                               struct mse_error *err)
{
    struct mse_op_token made = *t;
    char fresh[MSE_OP_TOKEN_LEN] = { 0 };
    struct token_call c = { .by = by, .t = &made, .text = fresh };
    mse_status st = op_write(s, add, &c, err);
    if (st == MSE_OK) {
        *t = made;
        memcpy(text, fresh, sizeof fresh);
    }
    mse_wipe(fresh, sizeof fresh);
    return st;
}

/* Taking back. */

static mse_status revoke(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct token_call *c = arg;
    uint64_t changed = 0;
    uint64_t made = 0;
    char detail[64] = "";
    const struct mse_db_value which[] = { mse_db_text(c->id),
                                          mse_db_text(c->owner_id == NULL ? "" : c->owner_id) };
    const struct mse_db_value p[] = { mse_db_text(c->id), mse_db_int(c->by->now) };
    mse_status st = op_query(s, SQL_TOKEN_GET, OP_ARGS(which), take_token, c, err);
    if (st == MSE_OK && !c->found) {
        st = MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "there is no such token");
    }
    if (st == MSE_OK) {
        st = op_change(s, SQL_TOKEN_REVOKE, OP_ARGS(p), &changed, err);
    }
    if (st == MSE_OK) {
        st = op_change(s, SQL_TOKEN_REVOKE_MADE, OP_ARGS(p), &made, err);
    }
    if (made > 0) {
        (void)snprintf(detail, sizeof detail, "and %llu made with it", (unsigned long long)made);
    }
    return st == MSE_OK && changed > 0 ? op_audit(s, c->by, "token.revoke", c->id, detail, err)
                                       : st;
}

mse_status mse_op_token_revoke(struct mse_op_store *s, const struct mse_op_by *by,
                               const char *owner_id, const char *id, struct mse_error *err)
{
    struct token_call c = { .by = by, .owner_id = owner_id, .id = id };
    if (!mse_rule_uuid4(id)) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "there is no such token");
    }
    return op_write(s, revoke, &c, err);
}

static mse_status list(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct token_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->owner_id == NULL ? "" : c->owner_id) };
    return op_query(s, SQL_TOKEN_LIST, OP_ARGS(p), take_token, c, err);
}

mse_status mse_op_token_list(struct mse_op_store *s, const char *owner_id, mse_op_token_fn *each,
                             void *arg, struct mse_error *err)
{
    struct token_call c = { .owner_id = owner_id, .each = each, .arg = arg };
    return op_read(s, list, &c, err);
}

/* Checking. */

static mse_status take_checked(void *user, const struct mse_db_value *row, size_t num,
                               struct mse_error *err)
{
    struct token_call *c = user;
    if (num != 17 || row[16].type != MSE_DB_BLOB || row[16].bytes.len != 32) {
        return op_bad_row(err);
    }
    if (!op_user_of(c->u, row + 8)) {
        return op_bad_row(err);
    }
    mse_status st = take_token(c, row, 8, err);
    c->found = st == MSE_OK && mse_ct_equal(row[16].bytes.data, c->sha256, 32);
    return st;
}

static mse_status check(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct token_call *c = arg;
    const struct mse_db_value p[] = { mse_db_blob(mse_bytes_of(c->sha256, 32)) };
    return op_query(s, SQL_TOKEN_CHECK, OP_ARGS(p), take_checked, c, err);
}

mse_status mse_op_token_check(struct mse_op_store *s, struct mse_op_token *out_token,
                              struct mse_op_user *out_user, struct mse_bytes text, mse_time now,
                              struct mse_error *err)
{
    uint8_t sha256[32];
    struct mse_op_token t = { 0 };
    struct mse_op_user u = { 0 };
    struct token_call c = { .t = &t, .u = &u, .sha256 = sha256 };
    if (!mse_op_token_parse(sha256, text)) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, NO_RIGHT);
    }
    mse_status st = op_read(s, check, &c, err);
    if (st == MSE_OK &&
        (!c.found || t.revoked_at != 0 || t.expires_at <= now || u.removed_at != 0)) {
        st = MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, NO_RIGHT);
    }
    if (st == MSE_OK) {
        if (!u.admin) {
            t.scopes &= ~(unsigned)MSE_OP_SCOPE_ADMIN;
        }
        *out_token = t;
        *out_user = u;
    }
    return st;
}

struct lives_call {
    const char *id;
    mse_time now;
};

static mse_status look_again(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct lives_call *c = arg;
    return must_live(s, c->id, c->now, err);
}

mse_status mse_op_token_lives(struct mse_op_store *s, const char *id, mse_time now,
                              struct mse_error *err)
{
    struct lives_call c = { .id = id, .now = now };
    return op_read(s, look_again, &c, err);
}
