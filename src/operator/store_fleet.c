/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, their leases, and what is placed on them. Whoever changes where an app is waits for the
 * lock of the audit log, so one after the other; beats wait for nobody. */
#include <stdio.h>

#include "operator/store_sql.h"
#include "package/rules.h"

#define MAX_AT_ONCE 64 /* as the statements say */

/* ---- clocks and counters */

static mse_status read_clock(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    return mse_db_clock_ms(s->db, arg, err);
}

mse_status mse_op_clock_ms(struct mse_op_store *s, int64_t *out, struct mse_error *err)
{
    return op_read(s, read_clock, out, err);
}

mse_status op_fleet_next(struct mse_op_store *s, const char *key, int64_t *out,
                         struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(key) };
    mse_status st = op_change(s, SQL_FLEET_NEXT, OP_ARGS(p), NULL, err);
    return st == MSE_OK ? op_number(s, SQL_FLEET_GET, OP_ARGS(p), out, err) : st;
}

mse_status op_routes_changed(struct mse_op_store *s, struct mse_error *err)
{
    int64_t version = 0;
    return op_fleet_next(s, "routes", &version, err);
}

mse_status op_doer_init(struct op_doer *d, struct mse_op_store *s, const char *node,
                        struct mse_error *err)
{
    (void)snprintf(d->actor, sizeof d->actor, "%s%s",
                   node == NULL ? "fleet" : "node:", node == NULL ? "" : node);
    mse_status st = mse_db_clock_ms(s->db, &d->now_ms, err);
    d->by.actor = d->actor;
    d->by.now = d->now_ms / 1000;
    return st;
}

mse_status op_lease_lost(const char *name, struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_LEASE_LOST, STORE_STEP,
                    "node %s has lost its lease: another epoch began, or it was given up", name);
}

/* ---- rows of nodes */

struct node_row {
    struct mse_op_node n;
    bool gone;
    int64_t lapsed_at;
};

static mse_status node_of(struct node_row *out, const struct mse_db_value *row, size_t num,
                          struct mse_error *err)
{
    struct node_row r = { .gone = false };
    struct mse_op_node *n = &r.n;
    if (num < 12 || !mse_db_copy(n->name, sizeof n->name, &row[0]) ||
        !mse_db_copy(n->id, sizeof n->id, &row[1]) ||
        !mse_db_copy(n->address, sizeof n->address, &row[2]) ||
        !mse_db_copy(n->tee, sizeof n->tee, &row[3]) ||
        !mse_db_copy(n->version, sizeof n->version, &row[4])) {
        return op_bad_row(err);
    }
    n->memory = (uint64_t)mse_db_number(&row[5]);
    n->cores = (uint64_t)mse_db_number(&row[6]);
    n->enclave_memory = (uint64_t)mse_db_number(&row[7]);
    n->epoch = (uint64_t)mse_db_number(&row[8]);
    n->lease_until_ms = mse_db_number(&row[9]);
    n->draining = mse_db_number(&row[10]) != 0;
    r.gone = mse_db_number(&row[11]) != 0;
    r.lapsed_at = num > 12 ? mse_db_number(&row[12]) : 0;
    *out = r;
    return MSE_OK;
}

struct node_find {
    struct node_row row;
    bool found;
};

static mse_status take_node(void *user, const struct mse_db_value *row, size_t num,
                            struct mse_error *err)
{
    struct node_find *f = user;
    f->found = true;
    return node_of(&f->row, row, num, err);
}

static mse_status find_node(struct mse_op_store *s, struct node_find *out, const char *name,
                            struct mse_error *err)
{
    const struct node_find none = { .found = false };
    const struct mse_db_value p[] = { mse_db_text(name) };
    *out = none;
    return op_query(s, SQL_NODE_GET, OP_ARGS(p), take_node, out, err);
}

/* The node, if this is its epoch. */
static mse_status find_epoch(struct mse_op_store *s, struct node_find *out, const char *name,
                             uint64_t epoch, struct mse_error *err)
{
    mse_status st = find_node(s, out, name, err);
    if (st == MSE_OK && (!out->found || out->row.gone || out->row.n.epoch != epoch)) {
        st = op_lease_lost(name, err);
    }
    return st;
}

mse_status op_node_find(struct mse_op_store *s, struct mse_op_node *out, const char *name,
                        uint64_t epoch, struct mse_error *err)
{
    struct node_find f;
    mse_status st = find_epoch(s, &f, name, epoch, err);
    if (st == MSE_OK) {
        *out = f.row.n;
    }
    return st;
}

/* ---- giving up */

struct app_ids {
    size_t num;
    struct mse_op_app apps[MAX_AT_ONCE];
};

static mse_status note_app(void *arg, const struct mse_op_app *a)
{
    struct app_ids *ids = arg;
    if (ids->num < MSE_ARRAY_LEN(ids->apps)) {
        ids->apps[ids->num++] = *a;
    }
    return MSE_OK;
}

/* Ends the apps that a statement answers, as many as there are. */
static mse_status end_apps(struct mse_op_store *s, const struct op_doer *d, enum op_sql which,
                           struct op_args args, const char *why, struct mse_error *err)
{
    struct app_ids *ids = calloc(1, sizeof *ids);
    mse_status st = MSE_OK;
    if (ids == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STORE_STEP, "out of memory");
    }
    do {
        ids->num = 0;
        st = op_app_query(s, which, args, note_app, ids, err);
        for (size_t i = 0; st == MSE_OK && i < ids->num; i++) {
            const struct mse_op_app *a = &ids->apps[i];
            bool asked = a->stop_wanted || a->expires_at <= d->by.now;
            st = op_app_move(s, &d->by, a, asked ? MSE_OP_STOPPED : MSE_OP_ON_ERROR,
                             asked ? "" : why, err);
        }
    } while (st == MSE_OK && ids->num == MSE_ARRAY_LEN(ids->apps));
    free(ids);
    return st;
}

/* What never had an instance goes to another node; what had is lost with it, but for those that
 * have joined a leader: they may join it again from anywhere. */
mse_status op_unplace(struct mse_op_store *s, const char *node, bool all, int64_t now,
                      struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(node), mse_db_int(now), mse_db_int(all ? 1 : 0) };
    const struct mse_db_value key[] = { p[0] };
    mse_status st = op_change(s, SQL_APP_UNPLACE, OP_ARGS(key), NULL, err);
    return st == MSE_OK ? op_change(s, SQL_INSTANCE_UNPLACE, OP_ARGS(p), NULL, err) : st;
}

static mse_status give_up_apps(struct mse_op_store *s, const struct op_doer *d, const char *name,
                               const char *what, struct mse_error *err)
{
    char why[MSE_OP_TEXT_LEN];
    const struct mse_db_value p[] = { mse_db_text(name) };
    (void)snprintf(why, sizeof why, "node %s %s", name, what);
    mse_status st = op_unplace(s, name, true, d->now_ms, err);
    return st == MSE_OK ? end_apps(s, d, SQL_APP_OF_NODE, OP_ARGS(p), why, err) : st;
}

/* ---- joining and beating */

struct node_call {
    const struct mse_op_by *by;
    struct mse_op_node *n;
    const char *name;
    uint64_t epoch;
    int64_t lease_ms;
    bool draining;
    mse_op_node_fn *each;
    void *arg;
};

static mse_status put_node(struct mse_op_store *s, const struct mse_op_node *n,
                           struct mse_error *err)
{
    const struct mse_db_value p[] = {
        mse_db_text(n->name),
        mse_db_text(n->id),
        mse_db_text(n->address),
        mse_db_text(n->tee),
        mse_db_text(n->version),
        mse_db_int((int64_t)n->memory),
        mse_db_int((int64_t)n->cores),
        mse_db_int((int64_t)n->enclave_memory),
        mse_db_int((int64_t)n->epoch),
        mse_db_int(n->lease_until_ms),
        mse_db_int(n->draining ? 1 : 0),
        mse_db_int(0),
    };
    return op_change(s, SQL_NODE_PUT, OP_ARGS(p), NULL, err);
}

/* The one who has the name, if that is another. */
static mse_status succeed(struct mse_op_store *s, const struct op_doer *d, struct node_call *c,
                          struct mse_error *err)
{
    struct node_find f;
    mse_status st = find_node(s, &f, c->n->name, err);
    if (st != MSE_OK || !f.found) {
        return st;
    }
    c->n->draining = f.row.n.draining;
    if (strcmp(f.row.n.id, c->n->id) == 0) {
        return MSE_OK;
    }
    if (!f.row.gone && f.row.n.lease_until_ms > d->now_ms) {
        return MSE_FAIL(err, MSE_ERR_EXISTS, STORE_STEP,
                        "another node with the name %s is there, at %.100s", c->n->name,
                        f.row.n.address);
    }
    return give_up_apps(s, d, c->n->name, "is another machine now", err);
}

static mse_status join(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct node_call *c = arg;
    struct op_doer d = { .now_ms = 0 };
    char detail[MSE_OP_TEXT_LEN];
    int64_t epoch = 0;
    mse_status st = op_doer_init(&d, s, c->n->name, err);
    st = st == MSE_OK ? succeed(s, &d, c, err) : st;
    st = st == MSE_OK ? op_fleet_next(s, "epoch", &epoch, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    c->n->epoch = (uint64_t)epoch;
    c->n->lease_until_ms = d.now_ms + c->lease_ms;
    (void)snprintf(detail, sizeof detail, "epoch %lld at %.200s", (long long)epoch, c->n->address);
    st = put_node(s, c->n, err);
    st = st == MSE_OK ? op_audit(s, &d.by, "node.join", c->n->name, detail, err) : st;
    return st == MSE_OK ? op_routes_changed(s, err) : st;
}

mse_status mse_op_node_join(struct mse_op_store *s, struct mse_op_node *n, int64_t lease_ms,
                            struct mse_error *err)
{
    struct mse_op_node made = *n;
    struct node_call c = { .n = &made, .lease_ms = lease_ms };
    if (!op_is_handle(n->name) || !mse_rule_uuid4(n->id) || !mse_rule_text(n->address, 1, 253) ||
        !op_is_handle(n->tee) || !mse_rule_text(n->version, 1, MSE_OP_NAME_LEN - 1) ||
        n->memory > INT32_MAX || n->cores > INT32_MAX || n->enclave_memory > INT32_MAX ||
        lease_ms <= 0) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                        "name, id, address or capacity of the node are not what they have to be");
    }
    made.draining = false;
    mse_status st = op_write(s, join, &c, err);
    if (st == MSE_OK) {
        *n = made;
    }
    return st;
}

static mse_status beat(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct node_call *c = arg;
    struct node_find f;
    int64_t now = 0;
    uint64_t changed = 0;
    mse_status st = mse_db_clock_ms(s->db, &now, err);
    st = st == MSE_OK ? find_epoch(s, &f, c->name, c->epoch, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    const struct mse_db_value p[] = { mse_db_text(c->name), mse_db_int((int64_t)c->epoch),
                                      mse_db_int(now + c->lease_ms) };
    st = op_change(s, SQL_NODE_BEAT, OP_ARGS(p), &changed, err);
    if (st == MSE_OK && changed == 0) {
        st = op_lease_lost(c->name, err);
    }
    /* Its routes are back. */
    return st == MSE_OK && f.row.n.lease_until_ms <= now ? op_routes_changed(s, err) : st;
}

mse_status mse_op_node_beat(struct mse_op_store *s, const char *name, uint64_t epoch,
                            int64_t lease_ms, struct mse_error *err)
{
    struct node_call c = { .name = name, .epoch = epoch, .lease_ms = lease_ms };
    return op_write_beside(s, beat, &c, err);
}

static mse_status drain(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct node_call *c = arg;
    const struct mse_db_value p[] = { mse_db_text(c->name), mse_db_int(c->draining ? 1 : 0) };
    uint64_t changed = 0;
    mse_status st = op_change(s, SQL_NODE_DRAIN, OP_ARGS(p), &changed, err);
    if (st == MSE_OK && changed == 0) {
        st = MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "there is no node %.64s", c->name);
    }
    return st == MSE_OK ? op_audit(s, c->by, "node.drain", c->name, c->draining ? "on" : "off", err)
                        : st;
}

mse_status mse_op_node_drain(struct mse_op_store *s, const struct mse_op_by *by, const char *name,
                             bool draining, struct mse_error *err)
{
    struct node_call c = { .by = by, .name = name, .draining = draining };
    return op_write(s, drain, &c, err);
}

static mse_status hand_out_node(void *user, const struct mse_db_value *row, size_t num,
                                struct mse_error *err)
{
    const struct node_call *c = user;
    struct node_row r;
    mse_status st = node_of(&r, row, num, err);
    return st == MSE_OK ? c->each(c->arg, &r.n) : st;
}

static mse_status list_nodes(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    return op_query(s, SQL_NODE_LIST, op_none, hand_out_node, arg, err);
}

mse_status mse_op_node_list(struct mse_op_store *s, mse_op_node_fn *each, void *arg,
                            struct mse_error *err)
{
    struct node_call c = { .each = each, .arg = arg };
    return op_read(s, list_nodes, &c, err);
}

/* ---- stopping and removing */

struct end_call {
    const struct mse_op_by *by;
    const char *owner_id;
    const char *id;
};

static bool has_ended(const struct mse_op_app *a)
{
    return a->status == MSE_OP_STOPPED || a->status == MSE_OP_ON_ERROR;
}

static mse_status stop(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct end_call *c = arg;
    struct mse_op_app a = { .status = MSE_OP_SPAWNING };
    uint64_t changed = 0;
    mse_status st = op_app_find(s, &a, c->owner_id, c->id, err);
    if (st != MSE_OK) {
        return st;
    }
    if (has_ended(&a)) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, STORE_STEP, "the app is %s already",
                        mse_op_status_name(a.status));
    }
    const struct mse_db_value p[] = { mse_db_text(a.id) };
    st = op_change(s, SQL_APP_STOP_WANTED, OP_ARGS(p), &changed, err);
    if (st == MSE_OK && changed > 0) {
        st = op_audit(s, c->by, "app.stop", a.id, a.node, err);
    }
    return st == MSE_OK && a.node[0] == '\0' ? op_app_move(s, c->by, &a, MSE_OP_STOPPED, "", err)
                                             : st;
}

mse_status mse_op_app_stop(struct mse_op_store *s, const struct mse_op_by *by, const char *owner_id,
                           const char *id, struct mse_error *err)
{
    struct end_call c = { .by = by, .owner_id = owner_id, .id = id };
    return op_write(s, stop, &c, err);
}

static mse_status remove_app(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    static const enum op_sql parts[] = { SQL_LOG_DELETE,      SQL_LOG_END_DELETE,
                                         SQL_METRIC_DELETE,   SQL_CLIENT_CA_DELETE,
                                         SQL_PIECE_DELETE,    SQL_PACKAGE_DELETE,
                                         SQL_INSTANCE_DELETE, SQL_APP_DELETE };
    const struct end_call *c = arg;
    struct mse_op_app a = { .status = MSE_OP_SPAWNING };
    mse_status st = op_app_find(s, &a, c->owner_id, c->id, err);
    if (st != MSE_OK) {
        return st;
    }
    if (!has_ended(&a)) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, STORE_STEP, "the app is %s: stop it first",
                        mse_op_status_name(a.status));
    }
    const struct mse_db_value p[] = { mse_db_text(a.id) };
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(parts); i++) {
        st = op_change(s, parts[i], OP_ARGS(p), NULL, err);
    }
    return st == MSE_OK ? op_audit(s, c->by, "app.remove", a.id, "", err) : st;
}

mse_status mse_op_app_remove(struct mse_op_store *s, const struct mse_op_by *by,
                             const char *owner_id, const char *id, struct mse_error *err)
{
    struct end_call c = { .by = by, .owner_id = owner_id, .id = id };
    return op_write(s, remove_app, &c, err);
}

/* ---- reaping */

struct late_nodes {
    size_t num;
    struct node_row rows[MAX_AT_ONCE];
};

static mse_status take_late(void *user, const struct mse_db_value *row, size_t num,
                            struct mse_error *err)
{
    struct late_nodes *l = user;
    if (l->num == MSE_ARRAY_LEN(l->rows)) {
        return MSE_OK; /* the next call finds it */
    }
    return node_of(&l->rows[l->num++], row, num, err);
}

/* A beat may come meanwhile: then nothing changes. */
static mse_status reap_node(struct mse_op_store *s, const struct op_doer *d,
                            const struct node_row *r, struct mse_error *err)
{
    const char *name = r->n.name;
    bool first = r->lapsed_at == 0;
    const struct mse_db_value p[] = { mse_db_text(name), mse_db_int((int64_t)r->n.epoch),
                                      mse_db_int(d->now_ms) };
    uint64_t changed = 0;
    mse_status st =
        op_change(s, first ? SQL_NODE_LAPSE : SQL_NODE_GIVE_UP, OP_ARGS(p), &changed, err);
    if (st != MSE_OK || changed == 0) {
        return st;
    }
    st = first ? op_unplace(s, name, false, d->now_ms, err)
               : give_up_apps(s, d, name, "is gone", err);
    st = st == MSE_OK ? op_audit(s, &d->by, first ? "node.lapse" : "node.gone", name, "", err) : st;
    return st == MSE_OK ? op_routes_changed(s, err) : st;
}

static mse_status reap(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct late_nodes *l = arg;
    struct op_doer d = { .now_ms = 0 };
    l->num = 0;
    mse_status st = op_doer_init(&d, s, NULL, err);
    if (st != MSE_OK) {
        return st;
    }
    const struct mse_db_value late[] = { mse_db_int(d.now_ms),
                                         mse_db_int(d.now_ms - MSE_OP_GONE_MS) };
    const struct mse_db_value over[] = { mse_db_int(d.by.now) };
    st = op_query(s, SQL_NODE_LATE, OP_ARGS(late), take_late, l, err);
    for (size_t i = 0; st == MSE_OK && i < l->num; i++) {
        st = reap_node(s, &d, &l->rows[i], err);
    }
    return st == MSE_OK ? end_apps(s, &d, SQL_APP_LEFT_OVER, OP_ARGS(over), "", err) : st;
}

static mse_status count_late(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    int64_t now = 0;
    mse_status st = mse_db_clock_ms(s->db, &now, err);
    const struct mse_db_value p[] = { mse_db_int(now), mse_db_int(now - MSE_OP_GONE_MS),
                                      mse_db_int(now / 1000) };
    return st == MSE_OK ? op_number(s, SQL_NODE_NUM_LATE, OP_ARGS(p), arg, err) : st;
}

mse_status mse_op_reap(struct mse_op_store *s, struct mse_error *err)
{
    int64_t late = 0;
    mse_status st = op_read(s, count_late, &late, err);
    if (st != MSE_OK || late == 0) {
        return st;
    }
    struct late_nodes *l = calloc(1, sizeof *l);
    st = l != NULL ? op_write(s, reap, l, err)
                   : MSE_FAIL(err, MSE_ERR_MEMORY, STORE_STEP, "out of memory");
    free(l);
    return st;
}
