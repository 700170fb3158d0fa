/* SPDX-License-Identifier: Apache-2.0 */
/* Apps: what is known of them, and how they go through their states. */
#include "base/build.h"
#include "operator/store_sql.h"
#include "package/rules.h"

static const char *const statuses[MSE_OP_NUM_STATUS] = { [MSE_OP_SPAWNING] = "spawning",
                                                         [MSE_OP_INITIALIZING] = "initializing",
                                                         [MSE_OP_RUNNING] = "running",
                                                         [MSE_OP_STOPPED] = "stopped",
                                                         [MSE_OP_ON_ERROR] = "on_error" };

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

struct app_call {
    const struct mse_op_by *by;
    struct mse_op_app *a;
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
        row[14].bytes.len != sizeof a.package_sha256 ||
        !mse_rule_uuid4(a.id)) { /* nodes name folders by it */
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
