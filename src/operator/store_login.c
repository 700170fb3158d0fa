/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digest.h"
#include "operator/login.h"
#include "operator/store_sql.h"

#define MAX_NAMES 100 /* of people who would all like to be called the same */

struct login_call {
    const struct mse_op_oidc *o;
    const struct mse_oidc_claims *claims;
    struct mse_op_by by;
    struct mse_op_user user;
    unsigned found; /* users */
    struct mse_op_token *t;
    char *text;
};

static mse_status take_user(void *arg, const struct mse_db_value *row, size_t num,
                            struct mse_error *err)
{
    struct login_call *c = arg;
    struct mse_op_user u = { 0 };
    if (num != 8 || !op_user_of(&u, row)) {
        return op_bad_row(err);
    }
    c->user = u;
    c->found++;
    return MSE_OK;
}

/* An ID token is good for one login, whoever carries it. */
static mse_status use_token(struct mse_op_store *s, const struct login_call *c,
                            struct mse_error *err)
{
    const struct mse_db_value now[] = { mse_db_int(c->by.now) };
    const struct mse_db_value p[] = { mse_db_blob(mse_bytes_of(c->claims->sha256, 32)),
                                      mse_db_int(c->claims->over_at) };
    struct mse_error why = { 0 };
    if (c->claims->over_at <= c->by.now) {
        return MSE_FAIL(err, MSE_ERR_TOKEN_EXPIRED, STORE_STEP, "the ID token is over");
    }
    mse_status st = op_change(s, SQL_LOGIN_SWEEP, OP_ARGS(now), NULL, err);
    if (st != MSE_OK) {
        return st;
    }
    st = op_change(s, SQL_LOGIN_ADD, OP_ARGS(p), NULL, &why);
    if (st == MSE_ERR_EXISTS) {
        return MSE_FAIL(err, MSE_ERR_TOKEN_USED, STORE_STEP,
                        "this ID token was used for a login before");
    }
    return st == MSE_OK ? MSE_OK : MSE_FAIL(err, st, STORE_STEP, "%s", why.text);
}

static mse_status find_known(struct mse_op_store *s, struct login_call *c, struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(c->o->issuer), mse_db_text(c->claims->subject) };
    c->found = 0;
    return op_query(s, SQL_IDENTITY_GET, OP_ARGS(p), take_user, c, err);
}

/* The one user with this address. An address that the issuer gave to somebody else meanwhile opens
 * nothing: who logged in as another subject before stays that one. */
static mse_status find_by_email(struct mse_op_store *s, struct login_call *c, struct mse_error *err)
{
    const struct mse_db_value address[] = { mse_db_text(c->claims->email) };
    int64_t others = 0;
    c->found = 0;
    if (!c->o->link_by_email || c->claims->email[0] == '\0') {
        return MSE_OK;
    }
    mse_status st = op_query(s, SQL_IDENTITY_EMAIL, OP_ARGS(address), take_user, c, err);
    if (st != MSE_OK || c->found == 0) {
        return st;
    }
    const struct mse_db_value p[] = { mse_db_text(c->o->issuer), mse_db_text(c->user.id) };
    st = op_number(s, SQL_IDENTITY_COUNT, OP_ARGS(p), &others, err);
    if (st == MSE_OK && (c->found > 1 || others > 0)) {
        st = MSE_FAIL(err, MSE_ERR_TOKEN_USER, STORE_STEP,
                      c->found > 1 ? "more than one user has the e-mail address of the ID token"
                                   : "the user with the e-mail address of the ID token logs in as "
                                     "somebody else of this issuer");
    }
    return st;
}

/* A name of the alphabet here, out of what the issuer proposes; empty if nothing is left. */
static void make_handle(char out[MSE_OP_NAME_LEN], const char *proposed)
{
    size_t len = 0;
    for (; *proposed != '\0' && *proposed != '@' && len < MSE_OP_NAME_LEN - 8; proposed++) {
        bool upper = *proposed >= 'A' && *proposed <= 'Z';
        char ch = (char)(upper ? *proposed - 'A' + 'a' : *proposed);
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
        if (plain || (len > 0 && strchr("._-", ch) != NULL)) {
            out[len++] = ch;
        }
    }
    while (len > 0 && strchr("._-", out[len - 1]) != NULL) {
        len--;
    }
    out[len] = '\0';
}

/* The name itself, or with a number behind it, if it is somebody's. */
static mse_status free_name(struct mse_op_store *s, struct mse_op_user *u, const char *wanted,
                            struct mse_error *err)
{
    for (unsigned i = 1; i <= MAX_NAMES; i++) {
        struct mse_op_user other = { 0 };
        struct mse_error why = { 0 };
        int n = i == 1 ? snprintf(u->name, sizeof u->name, "%s", wanted)
                       : snprintf(u->name, sizeof u->name, "%.56s-%u", wanted, i);
        mse_status st = n > 0 ? op_user_find(s, &other, u->name, &why) : MSE_ERR_NO_SPACE;
        if (st == MSE_ERR_NOT_FOUND) {
            return MSE_OK;
        }
        if (st != MSE_OK) {
            return MSE_FAIL(err, st, STORE_STEP, "%s", why.text);
        }
    }
    return MSE_FAIL(err, MSE_ERR_EXISTS, STORE_STEP, "too many users are called %s", wanted);
}

static mse_status make_user(struct mse_op_store *s, struct login_call *c, struct mse_error *err)
{
    const struct mse_oidc_claims *k = c->claims;
    struct mse_op_user u = { .admin = false };
    char wanted[MSE_OP_NAME_LEN];
    make_handle(wanted, k->name);
    if (wanted[0] == '\0') {
        make_handle(wanted, k->email);
    }
    if (wanted[0] == '\0') {
        make_handle(wanted, "user");
    }
    memcpy(u.email, k->email, sizeof u.email);
    memcpy(u.given_name, k->given_name, sizeof u.given_name);
    memcpy(u.family_name, k->family_name, sizeof u.family_name);
    mse_status st = free_name(s, &u, wanted, err);
    if (st == MSE_OK) {
        st = op_user_insert(s, &c->by, &u, err);
    }
    if (st == MSE_OK) {
        c->user = u;
        c->found = 1;
    }
    return st;
}

static mse_status link_user(struct mse_op_store *s, const struct login_call *c,
                            struct mse_error *err)
{
    char detail[MSE_OP_TEXT_LEN];
    const struct mse_db_value p[] = { mse_db_text(c->o->issuer), mse_db_text(c->claims->subject),
                                      mse_db_text(c->user.id), mse_db_int(c->by.now) };
    mse_status st = op_change(s, SQL_IDENTITY_SET, OP_ARGS(p), NULL, err);
    (void)snprintf(detail, sizeof detail, "subject %.240s", c->claims->subject);
    return st == MSE_OK ? op_audit(s, &c->by, "user.link", c->user.id, detail, err) : st;
}

/* The user of the token, old or new. Whoever was removed does not come back by himself. */
static mse_status find_user(struct mse_op_store *s, struct login_call *c, struct mse_error *err)
{
    mse_status st = find_known(s, c, err);
    bool removed = c->found > 0 && c->user.removed_at != 0;
    if (st != MSE_OK || (c->found > 0 && !removed)) {
        return st;
    }
    st = find_by_email(s, c, err);
    if (st == MSE_OK && c->found == 0 && !removed && c->o->create_users) {
        st = make_user(s, c, err);
    }
    if (st == MSE_OK && c->found == 0) {
        st = MSE_FAIL(err, MSE_ERR_TOKEN_USER, STORE_STEP,
                      removed ? "the user that this ID token is of was removed"
                              : "no user here is who this ID token is of: ask the operator");
    }
    return st == MSE_OK ? link_user(s, c, err) : st;
}

static mse_status log_in(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct login_call *c = arg;
    mse_status st = use_token(s, c, err);
    if (st == MSE_OK) {
        st = find_user(s, c, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    const struct mse_op_by self = { .actor = c->user.id, .now = c->by.now };
    memcpy(c->t->user_id, c->user.id, sizeof c->t->user_id);
    return op_token_insert(s, &self, c->t, c->text, err);
}

mse_status mse_op_login(struct mse_op_store *s, const struct mse_op_oidc *o,
                        const struct mse_oidc_claims *claims, mse_time now,
                        struct mse_op_logged_in *out, struct mse_error *err)
{
    struct mse_op_logged_in made = *out;
    MSE_ASSERT((made.token.scopes & MSE_OP_SCOPE_ADMIN) == 0);
    struct login_call c = { .o = o,
                            .claims = claims,
                            .by = { .actor = "oidc", .now = now },
                            .t = &made.token,
                            .text = made.text };
    mse_status st = op_write(s, log_in, &c, err);
    if (st == MSE_OK) {
        *out = made;
    }
    mse_wipe(&made, sizeof made);
    return st;
}
