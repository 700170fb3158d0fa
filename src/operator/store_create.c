/* SPDX-License-Identifier: Apache-2.0 */
/* A reservation becomes an app. */
#include "operator/store_sql.h"
#include "package/manifest.h"
#include "package/rules.h"

struct create_call {
    const struct mse_op_by *by;
    const struct mse_op_app *a;
    struct mse_op_files files;
};

static mse_status matches(struct mse_op_store *s, const struct create_call *c,
                          struct mse_error *err)
{
    struct mse_op_reservation r = { 0 };
    mse_status st = op_reservation_find(s, &r, c->a->owner_id, c->a->id, c->by->now, err);
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

static mse_status insert_app(struct mse_op_store *s, const struct create_call *c,
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
        mse_db_text(mse_op_mode_name(a->mode)),
        mse_db_text(mse_op_status_name(MSE_OP_SPAWNING)),
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
    const struct create_call *c = arg;
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
    struct create_call c = { .by = by, .a = &made, .files = *f };
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
