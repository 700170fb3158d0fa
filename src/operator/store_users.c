/* SPDX-License-Identifier: Apache-2.0 */
/* Users. */
#include "crypto/digest.h"
#include "operator/store_sql.h"
#include "package/rules.h"

struct user_call {
    const struct mse_op_by *by;
    struct mse_op_user *u;
    const char *name;
    bool all;
    bool found;
    mse_op_user_fn *each;
    void *arg;
};

bool op_user_of(struct mse_op_user *u, const struct mse_db_value *row)
{
    u->admin = mse_db_number(&row[5]) == 1;
    u->created_at = mse_db_number(&row[6]);
    u->removed_at = mse_db_number(&row[7]);
    return mse_db_copy(u->id, sizeof u->id, &row[0]) &&
           mse_db_copy(u->name, sizeof u->name, &row[1]) &&
           mse_db_copy(u->email, sizeof u->email, &row[2]) &&
           mse_db_copy(u->given_name, sizeof u->given_name, &row[3]) &&
           mse_db_copy(u->family_name, sizeof u->family_name, &row[4]);
}

static mse_status take_user(void *user, const struct mse_db_value *row, size_t num,
                            struct mse_error *err)
{
    struct user_call *c = user;
    struct mse_op_user u = { 0 };
    if (num != 8 || !op_user_of(&u, row)) {
        return op_bad_row(err);
    }
    c->found = true;
    if (c->u != NULL) {
        *c->u = u;
    }
    return c->each == NULL ? MSE_OK : c->each(c->arg, &u);
}

mse_status op_user_find(struct mse_op_store *s, struct mse_op_user *out, const char *name,
                        struct mse_error *err)
{
    struct user_call c = { .u = out };
    const struct mse_db_value p[] = { mse_db_text(name) };
    if (!op_is_handle(name)) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "no user has this name");
    }
    mse_status st = op_query(s, SQL_USER_GET, OP_ARGS(p), take_user, &c, err);
    return st != MSE_OK || c.found
               ? st
               : MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "no user is called %s", name);
}

mse_status op_user_by_id(struct mse_op_store *s, struct mse_op_user *out, const char *id,
                         struct mse_error *err)
{
    struct user_call c = { .u = out };
    const struct mse_db_value p[] = { mse_db_text(id) };
    mse_status st = op_query(s, SQL_USER_BY_ID, OP_ARGS(p), take_user, &c, err);
    return st != MSE_OK || c.found
               ? st
               : MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "there is no such user");
}

static mse_status check_user(const struct mse_op_user *u, struct mse_error *err)
{
    if (!op_is_handle(u->name)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "the name \"%.64s\", wanted 1 to 64 of a-z 0-9, and inside . _ -", u->name);
    }
    const char *const texts[] = { u->email, u->given_name, u->family_name };
    for (size_t i = 0; i < MSE_ARRAY_LEN(texts); i++) {
        if (!mse_rule_text(texts[i], 0, MSE_OP_TEXT_LEN - 1)) {
            return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                            "%s: wanted UTF-8 without control characters",
                            i == 0 ? "the e-mail address" : "a name");
        }
    }
    const char *at = strchr(u->email, '@');
    if (u->email[0] != '\0' &&
        (at == NULL || at == u->email || at[1] == '\0' || strpbrk(u->email, " \"<>") != NULL)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP, "\"%.80s\" is no e-mail address",
                        u->email);
    }
    return MSE_OK;
}

static mse_status insert(struct mse_op_store *s, const struct mse_op_by *by, struct mse_op_user *u,
                         struct mse_error *err)
{
    const struct mse_db_value p[] = {
        mse_db_text(u->id),          mse_db_text(u->name),
        mse_db_text(u->email),       mse_db_text(u->given_name),
        mse_db_text(u->family_name), mse_db_int(u->admin ? 1 : 0),
        mse_db_int(u->created_at),   mse_db_int(0),
    };
    struct mse_op_project project = { .name = "default", .is_default = true };
    struct mse_error why = { 0 };
    mse_status st = op_change(s, SQL_USER_ADD, OP_ARGS(p), NULL, &why);
    if (st == MSE_ERR_EXISTS) {
        return MSE_FAIL(err, st, STORE_STEP, "there is a user %s already", u->name);
    }
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STORE_STEP, "%s", why.text);
    }
    memcpy(project.owner_id, u->id, sizeof project.owner_id);
    st = op_project_insert(s, &project, by->now, err);
    return st == MSE_OK ? op_audit(s, by, "user.add", u->id, u->admin ? "admin" : "user", err) : st;
}

mse_status op_user_insert(struct mse_op_store *s, const struct mse_op_by *by, struct mse_op_user *u,
                          struct mse_error *err)
{
    struct mse_op_user made = *u;
    mse_status st = check_user(u, err);
    if (st != MSE_OK) {
        return st;
    }
    made.created_at = by->now;
    made.removed_at = 0;
    if (mse_random_uuid(made.id) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, STORE_STEP, "no random bytes");
    }
    st = insert(s, by, &made, err);
    if (st == MSE_OK) {
        *u = made;
    }
    return st;
}

static mse_status add(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct user_call *c = arg;
    return op_user_insert(s, c->by, c->u, err);
}

mse_status mse_op_user_add(struct mse_op_store *s, const struct mse_op_by *by,
                           struct mse_op_user *u, struct mse_error *err)
{
    struct mse_op_user made = *u;
    struct user_call c = { .by = by, .u = &made };
    mse_status st = op_write(s, add, &c, err);
    if (st == MSE_OK) {
        *u = made;
    }
    return st;
}

static mse_status may_go(struct mse_op_store *s, const struct mse_op_user *u, struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(u->id) };
    int64_t apps = 0;
    int64_t admins = 0;
    mse_status st = op_number(s, SQL_USER_LIVE_APPS, OP_ARGS(p), &apps, err);
    if (st == MSE_OK) {
        st = op_number(s, SQL_USER_NUM_ADMINS, op_none, &admins, err);
    }
    if (st == MSE_OK && apps > 0) {
        st = MSE_FAIL(err, MSE_ERR_EXISTS, STORE_STEP, "%s has %d live apps: stop them first",
                      u->name, (int)apps);
    }
    if (st == MSE_OK && u->admin && admins < 2) {
        st = MSE_FAIL(err, MSE_ERR_EXISTS, STORE_STEP, "%s is the only administrator", u->name);
    }
    return st;
}

static mse_status remove_user(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct user_call *c = arg;
    struct mse_op_user u = { 0 };
    mse_status st = op_user_find(s, &u, c->name, err);
    if (st == MSE_OK) {
        st = may_go(s, &u, err);
    }
    const struct mse_db_value p[] = { mse_db_text(u.id), mse_db_int(c->by->now) };
    if (st == MSE_OK) {
        st = op_change(s, SQL_USER_REMOVE, OP_ARGS(p), NULL, err);
    }
    if (st == MSE_OK) {
        st = op_change(s, SQL_TOKEN_REVOKE_ALL, OP_ARGS(p), NULL, err);
    }
    return st == MSE_OK ? op_audit(s, c->by, "user.remove", u.id, "", err) : st;
}

mse_status mse_op_user_remove(struct mse_op_store *s, const struct mse_op_by *by, const char *name,
                              struct mse_error *err)
{
    struct user_call c = { .by = by, .name = name };
    return op_write(s, remove_user, &c, err);
}

static mse_status get(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct user_call *c = arg;
    return op_user_find(s, c->u, c->name, err);
}

mse_status mse_op_user_get(struct mse_op_store *s, struct mse_op_user *out, const char *name,
                           struct mse_error *err)
{
    struct user_call c = { .u = out, .name = name };
    return op_read(s, get, &c, err);
}

static mse_status list(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct user_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->all ? "all" : "") };
    return op_query(s, SQL_USER_LIST, OP_ARGS(p), take_user, c, err);
}

mse_status mse_op_user_list(struct mse_op_store *s, bool all, mse_op_user_fn *each, void *arg,
                            struct mse_error *err)
{
    struct user_call c = { .all = all, .each = each, .arg = arg };
    return op_read(s, list, &c, err);
}
