/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations: what will be an app has its id and its name for a while, and keeps its label. */
#include "crypto/digest.h"
#include "operator/store_sql.h"
#include "package/rules.h"

#define LABEL_CHARS (MSE_OP_LABEL_LEN - 1)

static const char *const modes[] = {
    [MSE_OP_SELF] = "self", [MSE_OP_OWNER] = "owner", [MSE_OP_OPERATOR] = "operator"
};

const char *mse_op_mode_name(enum mse_op_mode m)
{
    return modes[m];
}

bool mse_op_mode_parse(enum mse_op_mode *out, struct mse_bytes text)
{
    for (size_t i = 0; i < MSE_ARRAY_LEN(modes); i++) {
        if (mse_bytes_is_str(text, modes[i])) {
            *out = (enum mse_op_mode)i;
            return true;
        }
    }
    return false;
}

struct reserve_call {
    const struct mse_op_by *by;
    struct mse_op_reservation *r;
    const char *owner_id;
    const char *app_id;
    mse_time now;
    bool found;
};

static mse_status take_reservation(void *user, const struct mse_db_value *row, size_t num,
                                   struct mse_error *err)
{
    struct reserve_call *c = user;
    struct mse_op_reservation *r = c->r;
    if (num != 8 || !mse_db_copy(r->app_id, sizeof r->app_id, &row[0]) ||
        !mse_db_copy(r->owner_id, sizeof r->owner_id, &row[1]) ||
        !mse_db_copy(r->project_id, sizeof r->project_id, &row[2]) ||
        !mse_db_copy(r->name, sizeof r->name, &row[3]) || row[4].type != MSE_DB_TEXT ||
        !mse_op_mode_parse(&r->mode, row[4].bytes) ||
        !mse_db_copy(r->label, sizeof r->label, &row[5])) {
        return op_bad_row(err);
    }
    r->created_at = mse_db_number(&row[6]);
    r->expires_at = mse_db_number(&row[7]);
    c->found = true;
    return MSE_OK;
}

static mse_status find_reservation(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct reserve_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_text(c->owner_id),
                                      mse_db_int(c->now) };
    mse_status st = op_query(s, SQL_RESERVATION_GET, OP_ARGS(p), take_reservation, c, err);
    return st != MSE_OK || c->found
               ? st
               : MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "there is no such reservation");
}

mse_status op_reservation_find(struct mse_op_store *s, struct mse_op_reservation *out,
                               const char *owner_id, const char *app_id, mse_time now,
                               struct mse_error *err)
{
    struct reserve_call c = { .r = out, .owner_id = owner_id, .app_id = app_id, .now = now };
    return find_reservation(s, &c, err);
}

mse_status mse_op_reservation_get(struct mse_op_store *s, struct mse_op_reservation *out,
                                  const char *owner_id, const char *app_id, mse_time now,
                                  struct mse_error *err)
{
    struct mse_op_reservation r = { 0 };
    struct reserve_call c = { .r = &r, .owner_id = owner_id, .app_id = app_id, .now = now };
    if (!mse_rule_uuid4(app_id)) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "there is no such reservation");
    }
    mse_status st = op_read(s, find_reservation, &c, err);
    if (st == MSE_OK) {
        *out = r;
    }
    return st;
}

static mse_status take_label(void *user, const struct mse_db_value *row, size_t num,
                             struct mse_error *err)
{
    struct mse_op_reservation *r = user;
    return num == 1 && mse_db_copy(r->label, sizeof r->label, &row[0]) ? MSE_OK : op_bad_row(err);
}

/* 26 characters of base32 (RFC 4648, lower case): 130 random bits. */
static mse_status make_label(char out[MSE_OP_LABEL_LEN])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t raw[LABEL_CHARS];
    mse_status st = mse_random(raw, sizeof raw);
    for (size_t i = 0; st == MSE_OK && i < LABEL_CHARS; i++) {
        out[i] = alphabet[raw[i] & 31];
    }
    out[LABEL_CHARS] = '\0';
    return st;
}

/* The label that this app had before, or a fresh one that it keeps. */
static mse_status find_label(struct mse_op_store *s, struct mse_op_reservation *r,
                             struct mse_error *err)
{
    const struct mse_db_value key[] = { mse_db_text(r->owner_id), mse_db_text(r->project_id),
                                        mse_db_text(r->name), mse_db_text(modes[r->mode]) };
    r->label[0] = '\0';
    mse_status st = op_query(s, SQL_LABEL_GET, OP_ARGS(key), take_label, r, err);
    if (st != MSE_OK || r->label[0] != '\0') {
        return st;
    }
    if (make_label(r->label) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, STORE_STEP, "no random bytes");
    }
    const struct mse_db_value p[] = { key[0], key[1], key[2], key[3], mse_db_text(r->label) };
    return op_change(s, SQL_LABEL_ADD, OP_ARGS(p), NULL, err);
}

static mse_status few_enough(struct mse_op_store *s, const struct reserve_call *c,
                             struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(c->r->owner_id), mse_db_int(c->by->now) };
    int64_t open = 0;
    mse_status st = op_number(s, SQL_RESERVATION_COUNT, OP_ARGS(p), &open, err);
    if (st == MSE_OK && open >= MSE_OP_MAX_RESERVATIONS) {
        st = MSE_FAIL(err, MSE_ERR_NO_SPACE, STORE_STEP, "%d reservations are open already",
                      (int)open);
    }
    return st;
}

static mse_status insert_reservation(struct mse_op_store *s, const struct mse_op_reservation *r,
                                     struct mse_error *err)
{
    struct mse_error why = { 0 };
    const struct mse_db_value p[] = {
        mse_db_text(r->app_id),    mse_db_text(r->owner_id),    mse_db_text(r->project_id),
        mse_db_text(r->name),      mse_db_text(modes[r->mode]), mse_db_text(r->label),
        mse_db_int(r->created_at), mse_db_int(r->expires_at),
    };
    mse_status st = op_change(s, SQL_RESERVATION_ADD, OP_ARGS(p), NULL, &why);
    if (st == MSE_ERR_EXISTS) {
        return MSE_FAIL(err, st, STORE_STEP, "this app_id was used already");
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, STORE_STEP, "%s", why.text);
}

static mse_status reserve(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct reserve_call *c = arg;
    struct mse_op_reservation *r = c->r;
    struct mse_op_project project = { 0 };
    mse_status st = op_project_find(s, &project, r->owner_id, r->project_id, err);
    if (st == MSE_OK) {
        st = few_enough(s, c, err);
    }
    if (st == MSE_OK) {
        st = find_label(s, r, err);
    }
    if (st == MSE_OK) {
        st = insert_reservation(s, r, err);
    }
    return st == MSE_OK ? op_audit(s, c->by, "app.reserve", r->app_id, modes[r->mode], err) : st;
}

mse_status mse_op_reserve(struct mse_op_store *s, const struct mse_op_by *by,
                          struct mse_op_reservation *r, struct mse_error *err)
{
    struct mse_op_reservation made = *r;
    struct reserve_call c = { .by = by, .r = &made };
    if (made.app_id[0] == '\0' && mse_random_uuid(made.app_id) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, STORE_STEP, "no random bytes");
    }
    if (!mse_rule_uuid4(made.app_id)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "app_id: wanted a UUID of version 4 in lower case");
    }
    if (!mse_rule_name(made.name)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "name: wanted 1 to 255 bytes of UTF-8, no white space at either end");
    }
    if (!mse_rule_uuid4(made.project_id)) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "there is no such project");
    }
    if (made.expires_at <= by->now) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP, "the reservation would be over already");
    }
    made.created_at = by->now;
    mse_status st = op_write(s, reserve, &c, err);
    if (st == MSE_OK) {
        *r = made;
    }
    return st;
}
