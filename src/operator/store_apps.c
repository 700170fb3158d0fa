/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations become apps; apps go through their states. */
#include "base/build.h"
#include "crypto/digest.h"
#include "operator/store_sql.h"
#include "package/manifest.h"
#include "package/rules.h"

#define LABEL_CHARS (MSE_OP_LABEL_LEN - 1)

static const char *const modes[] = {
    [MSE_OP_SELF] = "self", [MSE_OP_OWNER] = "owner", [MSE_OP_OPERATOR] = "operator"
};

static const char *const statuses[MSE_OP_NUM_STATUS] = { [MSE_OP_SPAWNING] = "spawning",
                                                         [MSE_OP_INITIALIZING] = "initializing",
                                                         [MSE_OP_RUNNING] = "running",
                                                         [MSE_OP_STOPPED] = "stopped",
                                                         [MSE_OP_ON_ERROR] = "on_error" };

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

const char *mse_op_status_name(enum mse_op_app_status st)
{
    MSE_ASSERT(st < MSE_OP_NUM_STATUS);
    return statuses[st];
}

bool mse_op_status_parse(enum mse_op_app_status *out, struct mse_bytes text)
{
    for (size_t i = 0; i < MSE_ARRAY_LEN(statuses); i++) {
        if (mse_bytes_is_str(text, statuses[i])) {
            *out = (enum mse_op_app_status)i;
            return true;
        }
    }
    return false;
}

bool mse_op_status_follows(enum mse_op_app_status from, enum mse_op_app_status to)
{
    switch (from) {
    case MSE_OP_SPAWNING:
        return to == MSE_OP_INITIALIZING || to == MSE_OP_STOPPED || to == MSE_OP_ON_ERROR;
    case MSE_OP_INITIALIZING:
        return to == MSE_OP_RUNNING || to == MSE_OP_STOPPED || to == MSE_OP_ON_ERROR;
    case MSE_OP_RUNNING:
        return to == MSE_OP_STOPPED || to == MSE_OP_ON_ERROR;
    case MSE_OP_STOPPED:
    case MSE_OP_ON_ERROR:
    case MSE_OP_NUM_STATUS:
        break;
    }
    return false;
}

/* Reservations. */

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

/* Apps. */

struct app_call {
    const struct mse_op_by *by;
    struct mse_op_app *a;
    struct mse_op_files files;
    const char *owner_id;
    const char *id;
    enum mse_op_app_status to;
    const char *detail;
    const struct mse_op_app_filter *filter;
    struct mse_build *out;
    bool found;
    mse_op_app_fn *each;
    void *arg;
};

static bool texts_of(struct mse_op_app *a, const struct mse_db_value *row)
{
    return mse_db_copy(a->id, sizeof a->id, &row[0]) &&
           mse_db_copy(a->owner_id, sizeof a->owner_id, &row[1]) &&
           mse_db_copy(a->project_id, sizeof a->project_id, &row[2]) &&
           mse_db_copy(a->name, sizeof a->name, &row[3]) &&
           mse_db_copy(a->domain_name, sizeof a->domain_name, &row[4]) &&
           mse_db_copy(a->config_domain_name, sizeof a->config_domain_name, &row[5]) &&
           mse_db_copy(a->hardware, sizeof a->hardware, &row[6]) &&
           mse_op_mode_parse(&a->mode, row[7].bytes) &&
           mse_op_status_parse(&a->status, row[8].bytes) &&
           mse_db_copy(a->detail, sizeof a->detail, &row[9]) &&
           mse_db_copy(a->healthcheck_endpoint, sizeof a->healthcheck_endpoint, &row[16]) &&
           mse_db_copy(a->python_application, sizeof a->python_application, &row[17]) &&
           mse_db_copy(a->command, sizeof a->command, &row[18]) &&
           mse_db_copy(a->node, sizeof a->node, &row[20]);
}

/* What a node said of the instance. */
static bool instance_of(struct mse_op_app *a, const struct mse_db_value *row)
{
    int64_t port = mse_db_number(&row[21]);
    struct mse_bytes fingerprint = row[22].bytes;
    if (port < 0 || port > UINT16_MAX || (row[22].type != MSE_DB_NULL && fingerprint.len != 32)) {
        return false;
    }
    a->port = (uint16_t)port;
    if (row[22].type != MSE_DB_NULL) {
        mse_hex_encode(a->fingerprint, fingerprint);
    }
    a->proxy_protocol = mse_db_number(&row[19]) != 0;
    a->launched = mse_db_number(&row[23]) != 0;
    a->stop_wanted = mse_db_number(&row[24]) != 0;
    a->replicas = (uint32_t)mse_db_number(&row[25]);
    return true;
}

/* What follows where the row is of an instance that joins another one. */
static bool replica_of(struct mse_op_app *a, const struct mse_db_value *row)
{
    struct mse_op_leader *l = &a->leader;
    int64_t port = mse_db_number(&row[29]);
    if (port < 0 || port > UINT16_MAX || !mse_db_copy(l->address, sizeof l->address, &row[28]) ||
        (row[30].type != MSE_DB_NULL && row[30].bytes.len != sizeof l->key)) {
        return false;
    }
    a->number = (uint32_t)mse_db_number(&row[26]);
    l->port = (uint16_t)port;
    l->ready = mse_db_number(&row[27]) != 0 && port != 0 && row[30].type != MSE_DB_NULL;
    if (row[30].type != MSE_DB_NULL) {
        memcpy(l->key, row[30].bytes.data, sizeof l->key);
    }
    a->leave = mse_db_number(&row[31]) != 0;
    return true;
}

static mse_status take_app(void *user, const struct mse_db_value *row, size_t num,
                           struct mse_error *err)
{
    struct app_call *c = user;
    struct mse_op_app a = { 0 };
    if ((num != 26 && num != 32) || !texts_of(&a, row) || !instance_of(&a, row) ||
        (num == 32 && !replica_of(&a, row)) || row[14].type != MSE_DB_BLOB ||
        row[14].bytes.len != sizeof a.package_sha256) {
        return op_bad_row(err);
    }
    a.created_at = mse_db_number(&row[10]);
    a.ready_at = mse_db_number(&row[11]);
    a.stopped_at = mse_db_number(&row[12]);
    a.expires_at = mse_db_number(&row[13]);
    memcpy(a.package_sha256, row[14].bytes.data, sizeof a.package_sha256);
    a.package_size = (uint64_t)mse_db_number(&row[15]);
    c->found = true;
    if (c->a != NULL) {
        *c->a = a;
    }
    return c->each == NULL ? MSE_OK : c->each(c->arg, &a);
}

static mse_status no_app(struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "there is no such app");
}

static mse_status find_app(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct app_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->id),
                                      mse_db_text(c->owner_id == NULL ? "" : c->owner_id) };
    mse_status st = op_query(s, SQL_APP_GET, OP_ARGS(p), take_app, c, err);
    return st != MSE_OK || c->found ? st : no_app(err);
}

mse_status op_app_find(struct mse_op_store *s, struct mse_op_app *out, const char *owner_id,
                       const char *id, struct mse_error *err)
{
    struct app_call c = { .a = out, .owner_id = owner_id, .id = id };
    return mse_rule_uuid4(id) ? find_app(s, &c, err) : no_app(err);
}

mse_status op_app_query(struct mse_op_store *s, enum op_sql which, struct op_args args,
                        mse_op_app_fn *each, void *arg, struct mse_error *err)
{
    struct app_call c = { .each = each, .arg = arg };
    return op_query(s, which, args, take_app, &c, err);
}

mse_status mse_op_app_get(struct mse_op_store *s, struct mse_op_app *out, const char *owner_id,
                          const char *id, struct mse_error *err)
{
    struct app_call c = { .a = out, .owner_id = owner_id, .id = id };
    return mse_rule_uuid4(id) ? op_read(s, find_app, &c, err) : no_app(err);
}

static mse_status find_at(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct app_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->id) };
    mse_status st = op_query(s, SQL_APP_BY_DOMAIN, OP_ARGS(p), take_app, c, err);
    return st != MSE_OK || c->found ? st : no_app(err);
}

mse_status mse_op_app_at(struct mse_op_store *s, struct mse_op_app *out, const char *domain_name,
                         struct mse_error *err)
{
    struct app_call c = { .a = out, .id = domain_name };
    return mse_rule_host(domain_name) ? op_read(s, find_at, &c, err) : no_app(err);
}

static mse_status matches(struct mse_op_store *s, const struct app_call *c, struct mse_error *err)
{
    struct mse_op_reservation r = { 0 };
    struct reserve_call find = {
        .r = &r, .owner_id = c->a->owner_id, .app_id = c->a->id, .now = c->by->now
    };
    mse_status st = find_reservation(s, &find, err);
    if (st == MSE_OK && (strcmp(r.project_id, c->a->project_id) != 0 ||
                         strcmp(r.name, c->a->name) != 0 || r.mode != c->a->mode)) {
        st = MSE_FAIL(err, MSE_ERR_CONFIG, STORE_STEP,
                      "project, name and mode are not those that were reserved");
    }
    return st;
}

/* Room on the hardware, and in this user's share of it. */
static mse_status has_room(struct mse_op_store *s, const struct mse_op_app *a,
                           struct mse_error *err)
{
    struct mse_op_hardware h = { 0 };
    const struct mse_db_value all[] = { mse_db_text(a->hardware), mse_db_text("") };
    const struct mse_db_value own[] = { mse_db_text(a->hardware), mse_db_text(a->owner_id) };
    const struct mse_db_value key[] = { mse_db_text(a->owner_id), mse_db_text(a->hardware) };
    int64_t used = 0;
    int64_t mine = 0;
    int64_t quota = MSE_OP_FOREVER;
    mse_status st = op_hardware_find(s, &h, a->hardware, err);
    if (st == MSE_OK) {
        st = op_number(s, SQL_APP_COUNT, OP_ARGS(all), &used, err);
    }
    if (st == MSE_OK) {
        st = op_number(s, SQL_APP_COUNT, OP_ARGS(own), &mine, err);
    }
    if (st == MSE_OK) {
        st = op_number(s, SQL_QUOTA_GET, OP_ARGS(key), &quota, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    if ((uint64_t)used + a->replicas > h.max_apps) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STORE_STEP, "not enough hardware %s is free",
                        h.name);
    }
    return mine <= quota - (int64_t)a->replicas
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_NO_SPACE, STORE_STEP,
                          "the quota of hardware %s is used up: %lld apps", h.name,
                          (long long)quota);
}

/* In owner mode the name is the owner's choice: the gateway knows one app by it. */
static mse_status domain_is_free(struct mse_op_store *s, const struct mse_op_app *a,
                                 struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(a->domain_name) };
    int64_t lives = 0;
    mse_status st = op_number(s, SQL_APP_DOMAIN_LIVES, OP_ARGS(p), &lives, err);
    return st != MSE_OK || lives == 0
               ? st
               : MSE_FAIL(err, MSE_ERR_EXISTS, STORE_STEP, "an app with the domain name %s lives",
                          a->domain_name);
}

static mse_status insert_app(struct mse_op_store *s, const struct app_call *c,
                             struct mse_error *err)
{
    const struct mse_op_app *a = c->a;
    struct mse_error why = { 0 };
    const struct mse_db_value p[] = {
        mse_db_text(a->id),
        mse_db_text(a->owner_id),
        mse_db_text(a->project_id),
        mse_db_text(a->name),
        mse_db_text(a->domain_name),
        mse_db_text(a->config_domain_name),
        mse_db_text(a->hardware),
        mse_db_text(modes[a->mode]),
        mse_db_text(statuses[MSE_OP_SPAWNING]),
        mse_db_text(""),
        mse_db_int(c->by->now),
        mse_db_int(0),
        mse_db_int(0),
        mse_db_int(a->expires_at),
        mse_db_blob(mse_bytes_of(a->package_sha256, sizeof a->package_sha256)),
        mse_db_int((int64_t)a->package_size),
        mse_db_text(a->healthcheck_endpoint),
        mse_db_text(a->python_application),
        mse_db_text(a->command),
        mse_db_int(a->proxy_protocol ? 1 : 0),
        mse_db_text(""),
        mse_db_int(0),
        mse_db_null(),
        mse_db_int(0),
        mse_db_int(0),
        mse_db_int(a->replicas),
        mse_db_blob(c->files.manifest),
    };
    mse_status st = op_change(s, SQL_APP_ADD, OP_ARGS(p), NULL, &why);
    if (st == MSE_ERR_EXISTS) {
        return MSE_FAIL(err, st, STORE_STEP, "an app of this name lives in the project");
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, STORE_STEP, "%s", why.text);
}

/* The instances that follow the first one. */
static mse_status insert_instances(struct mse_op_store *s, const struct mse_op_app *a,
                                   struct mse_error *err)
{
    int64_t now = 0;
    mse_status st = a->replicas > 1 ? mse_db_clock_ms(s->db, &now, err) : MSE_OK;
    for (uint32_t i = 1; st == MSE_OK && i < a->replicas; i++) {
        const struct mse_db_value p[] = { mse_db_text(a->id), mse_db_int(i), mse_db_int(now) };
        st = op_change(s, SQL_INSTANCE_ADD, OP_ARGS(p), NULL, err);
    }
    return st;
}

/* The package is there, and is the one that this upload put: no app is accepted without. */
static mse_status has_package(struct mse_op_store *s, const struct mse_op_app *a,
                              struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(a->id), mse_db_int((int64_t)a->package_size),
                                      mse_db_blob(mse_bytes_of(a->package_sha256,
                                                               sizeof a->package_sha256)) };
    uint64_t held = 0;
    mse_status st =
        a->package_size > 0 ? op_change(s, SQL_PACKAGE_HOLD, OP_ARGS(p), &held, err) : MSE_OK;
    return st != MSE_OK || a->package_size == 0 || held == 1
               ? st
               : MSE_FAIL(err, MSE_ERR_LEASE_LOST, STORE_STEP,
                          "the package of app %s is not there: another upload of it began", a->id);
}

static mse_status create(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct app_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->a->id), mse_db_int(c->by->now) };
    mse_status st = matches(s, c, err);
    if (st == MSE_OK) {
        st = has_room(s, c->a, err);
    }
    if (st == MSE_OK && c->a->mode == MSE_OP_OWNER) {
        st = domain_is_free(s, c->a, err);
    }
    if (st == MSE_OK) {
        st = has_package(s, c->a, err);
    }
    if (st == MSE_OK) {
        st = insert_app(s, c, err);
    }
    st = st == MSE_OK ? insert_instances(s, c->a, err) : st;
    if (st == MSE_OK && c->files.client_ca.len > 0) {
        const struct mse_db_value ca[] = { mse_db_text(c->a->id), mse_db_blob(c->files.client_ca) };
        st = op_change(s, SQL_CLIENT_CA_ADD, OP_ARGS(ca), NULL, err);
    }
    if (st == MSE_OK) {
        st = op_change(s, SQL_RESERVATION_USE, OP_ARGS(p), NULL, err);
    }
    return st == MSE_OK ? op_audit(s, c->by, "app.create", c->a->id, c->a->hardware, err) : st;
}

mse_status mse_op_app_create(struct mse_op_store *s, const struct mse_op_by *by,
                             struct mse_op_app *a, struct mse_bytes manifest, struct mse_error *err)
{
    const struct mse_op_files f = { .manifest = manifest };
    return mse_op_app_create_with(s, by, a, &f, err);
}

mse_status mse_op_app_create_with(struct mse_op_store *s, const struct mse_op_by *by,
                                  struct mse_op_app *a, const struct mse_op_files *f,
                                  struct mse_error *err)
{
    struct mse_op_app made = *a;
    struct app_call c = { .by = by, .a = &made, .files = *f };
    if (!mse_rule_uuid4(a->id) || !mse_rule_host(a->domain_name) ||
        !mse_rule_host(a->config_domain_name) || !mse_rule_name(a->name) ||
        f->manifest.len > MSE_OP_MAX_MANIFEST || f->client_ca.len > MSE_OP_MAX_MANIFEST ||
        a->expires_at <= by->now || a->package_size > INT64_MAX ||
        a->replicas > MSE_MANIFEST_MAX_REPLICAS ||
        !mse_rule_text(a->healthcheck_endpoint, 0, MSE_OP_LINE_LEN - 1) ||
        !mse_rule_text(a->python_application, 0, MSE_OP_LINE_LEN - 1) ||
        !mse_rule_text(a->command, 0, MSE_OP_LINE_LEN - 1)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "id, names, manifest or expiry of the app are not what they have to be");
    }
    made.status = MSE_OP_SPAWNING;
    made.created_at = by->now;
    made.ready_at = 0;
    made.stopped_at = 0;
    made.detail[0] = '\0';
    made.node[0] = '\0';
    made.port = 0;
    made.fingerprint[0] = '\0';
    made.launched = false;
    made.stop_wanted = false;
    made.replicas = a->replicas == 0 ? 1 : a->replicas;
    mse_status st = op_write(s, create, &c, err);
    if (st == MSE_OK) {
        *a = made;
    }
    return st;
}

mse_status op_app_move(struct mse_op_store *s, const struct mse_op_by *by,
                       const struct mse_op_app *a, enum mse_op_app_status to, const char *detail,
                       struct mse_error *err)
{
    char line[MSE_OP_TEXT_LEN];
    if (!mse_rule_text(detail, 0, MSE_OP_TEXT_LEN - 1)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "detail: wanted at most 255 bytes of "
                        "UTF-8 without control characters");
    }
    if (!mse_op_status_follows(a->status, to)) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, STORE_STEP, "the app is %s, which %s does not follow",
                        mse_op_status_name(a->status), mse_op_status_name(to));
    }
    bool over = to == MSE_OP_STOPPED || to == MSE_OP_ON_ERROR;
    const struct mse_db_value p[] = {
        mse_db_text(a->id),
        mse_db_text(statuses[a->status]),
        mse_db_text(statuses[to]),
        mse_db_text(detail),
        mse_db_int(to == MSE_OP_RUNNING ? by->now : a->ready_at),
        mse_db_int(over ? by->now : 0),
    };
    (void)snprintf(line, sizeof line, "%s: %.200s", statuses[to], detail);
    mse_status st = op_change(s, SQL_APP_MOVE, OP_ARGS(p), NULL, err);
    st = st == MSE_OK ? op_audit(s, by, "app.move", a->id, line, err) : st;
    return st == MSE_OK ? op_routes_changed(s, err) : st;
}

static mse_status move(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct app_call *c = arg;
    struct mse_op_app a = { 0 };
    c->a = &a;
    mse_status st = find_app(s, c, err);
    return st == MSE_OK ? op_app_move(s, c->by, &a, c->to, c->detail, err) : st;
}

mse_status mse_op_app_move(struct mse_op_store *s, const struct mse_op_by *by, const char *id,
                           enum mse_op_app_status to, const char *detail, struct mse_error *err)
{
    struct app_call c = { .by = by, .id = id, .to = to, .detail = detail };
    return mse_rule_uuid4(id) ? op_write(s, move, &c, err) : no_app(err);
}

static mse_status list(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct app_call *c = arg;
    const struct mse_op_app_filter *f = c->filter;
    struct mse_db_value p[10] = {
        mse_db_text(f->owner_id == NULL ? "" : f->owner_id),
        mse_db_text(f->project_id == NULL ? "" : f->project_id),
        mse_db_text(f->name == NULL ? "" : f->name),
    };
    for (unsigned i = 0; i < MSE_OP_NUM_STATUS; i++) {
        bool wanted = f->statuses == 0 || (f->statuses & (1U << i)) != 0;
        p[3 + i] = mse_db_text(wanted ? statuses[i] : "");
    }
    p[8] = mse_db_int((int64_t)f->limit);
    p[9] = mse_db_int((int64_t)f->offset);
    return op_query(s, SQL_APP_LIST, OP_ARGS(p), take_app, c, err);
}

mse_status mse_op_app_list(struct mse_op_store *s, const struct mse_op_app_filter *f,
                           mse_op_app_fn *each, void *arg, struct mse_error *err)
{
    struct app_call c = { .filter = f, .each = each, .arg = arg };
    if (f->limit > INT32_MAX || f->offset > INT32_MAX) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP, "such a page is out of reach");
    }
    return op_read(s, list, &c, err);
}

/* A file of an app's, to the end of what there is. */
static mse_status take_file(void *user, const struct mse_db_value *row, size_t num,
                            struct mse_error *err)
{
    struct app_call *c = user;
    if (num != 1 || row[0].type != MSE_DB_BLOB) {
        return op_bad_row(err);
    }
    mse_wr_bytes(c->out, row[0].bytes);
    c->found = true;
    return mse_build_ok(c->out) ? MSE_OK
                                : MSE_FAIL(err, MSE_ERR_MEMORY, STORE_STEP, "out of memory");
}

static mse_status find_manifest(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct app_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->id) };
    mse_status st = op_query(s, SQL_APP_MANIFEST, OP_ARGS(p), take_file, c, err);
    return st != MSE_OK || c->found ? st : no_app(err);
}

mse_status mse_op_app_manifest(struct mse_op_store *s, struct mse_build *out, const char *id,
                               struct mse_error *err)
{
    struct app_call c = { .out = out, .id = id };
    return mse_rule_uuid4(id) ? op_read(s, find_manifest, &c, err) : no_app(err);
}

static mse_status find_client_ca(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct app_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->id) };
    return op_query(s, SQL_CLIENT_CA_GET, OP_ARGS(p), take_file, c, err);
}

mse_status mse_op_app_client_ca(struct mse_op_store *s, struct mse_build *out, const char *id,
                                struct mse_error *err)
{
    struct app_call c = { .out = out, .id = id };
    return mse_rule_uuid4(id) ? op_read(s, find_client_ca, &c, err) : no_app(err);
}
