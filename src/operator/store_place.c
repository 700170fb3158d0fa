/* SPDX-License-Identifier: Apache-2.0 */
/* Where apps are, and the instances of those that have several: placing, telling, giving back. */
#include "operator/store_sql.h"
#include "package/rules.h"

struct place_call {
    const char *name;
    uint64_t epoch;
    const char *app_id;
    uint32_t number;
    const struct mse_op_instance *i;
    enum mse_op_app_status to;
    const char *detail;
    struct mse_op_app *a;
    bool found;
    mse_op_app_fn *each;
    mse_op_place_fn *each_place;
    void *arg;
};

static mse_status lost_app(const struct place_call *c, struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_LEASE_LOST, STORE_STEP, "app %.36s is not on node %s", c->app_id,
                    c->name);
}

/* ---- claiming */

/* What is left of a node, and when it is. */
struct room {
    struct mse_op_node n;
    int64_t now_ms;
    int64_t memory;
    int64_t cores;
    int64_t enclave;
};

/* What this node has left of one thing. */
static mse_status left_of(struct mse_op_store *s, const char *name, enum op_sql which,
                          uint64_t whole, int64_t *out, struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(name) };
    int64_t used = 0;
    mse_status st = op_number(s, which, OP_ARGS(p), &used, err);
    if (st == MSE_OK) {
        *out = (int64_t)whole - used;
    }
    return st;
}

static mse_status find_room(struct mse_op_store *s, struct room *r, const struct place_call *c,
                            struct mse_error *err)
{
    mse_status st = mse_db_clock_ms(s->db, &r->now_ms, err);
    st = st == MSE_OK ? op_node_find(s, &r->n, c->name, c->epoch, err) : st;
    if (st == MSE_OK && r->n.lease_until_ms <= r->now_ms) {
        st = op_lease_lost(c->name, err);
    }
    const struct mse_op_node *n = &r->n;
    st = st == MSE_OK ? left_of(s, c->name, SQL_APP_USED_MEMORY, n->memory, &r->memory, err) : st;
    st = st == MSE_OK ? left_of(s, c->name, SQL_APP_USED_CORES, n->cores, &r->cores, err) : st;
    return st == MSE_OK
               ? left_of(s, c->name, SQL_APP_USED_ENCLAVE, n->enclave_memory, &r->enclave, err)
               : st;
}

static mse_status take_claimable(void *arg, const struct mse_op_app *a)
{
    struct place_call *c = arg;
    *c->a = *a;
    c->found = true;
    return MSE_OK;
}

static mse_status take_instance(void *user, const struct mse_db_value *row, size_t num,
                                struct mse_error *err)
{
    struct place_call *c = user;
    if (num != 2 || !mse_db_copy(c->a->id, sizeof c->a->id, &row[0])) {
        return op_bad_row(err);
    }
    c->a->number = (uint32_t)mse_db_number(&row[1]);
    c->found = true;
    return MSE_OK;
}

/* a: the app; or id and number of an instance. */
static mse_status find_claimable(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct place_call *c = arg;
    struct room r = { .now_ms = 0 };
    mse_status st = find_room(s, &r, c, err);
    const struct mse_db_value p[] = {
        mse_db_text(r.n.tee),
        mse_db_int(r.memory),
        mse_db_int(r.cores),
        mse_db_int(r.enclave),
        mse_db_int(r.now_ms / 1000),
        mse_db_text(c->name),
        mse_db_int(r.now_ms - MSE_OP_SPREAD_MS),
        mse_db_int(r.now_ms),
    };
    c->found = false;
    c->a->number = 0;
    if (st == MSE_OK && !r.n.draining) {
        st = op_app_query(s, SQL_APP_CLAIMABLE, op_args_of(p, 5), take_claimable, c, err);
        if (st == MSE_OK && !c->found) {
            st = op_query(s, SQL_INSTANCE_CLAIMABLE, OP_ARGS(p), take_instance, c, err);
        }
    }
    return st != MSE_OK || c->found
               ? st
               : MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "no app waits for node %s", c->name);
}

/* The whole of an instance that is here. */
static mse_status read_instance(struct mse_op_store *s, struct place_call *c, int64_t now_ms,
                                struct mse_error *err)
{
    const struct mse_db_value p[] = { mse_db_text(c->name), mse_db_int(now_ms),
                                      mse_db_text(c->app_id), mse_db_int(c->number) };
    c->found = false;
    mse_status st = op_app_query(s, SQL_INSTANCE_GET, OP_ARGS(p), take_claimable, c, err);
    return st == MSE_OK && !c->found ? lost_app(c, err) : st;
}

static mse_status place(struct mse_op_store *s, struct place_call *c, int64_t now_ms,
                        struct mse_error *err)
{
    char id[MSE_OP_ID_LEN];
    uint64_t changed = 0;
    c->number = c->a->number;
    memcpy(id, c->a->id, sizeof id);
    c->app_id = id;
    const struct mse_db_value app[] = { mse_db_text(id), mse_db_text(c->name) };
    const struct mse_db_value instance[] = { app[0], mse_db_int(c->number), app[1] };
    const struct mse_db_value begin[] = { app[0], mse_db_int(now_ms) };
    mse_status st = c->number == 0
                        ? op_change(s, SQL_APP_PLACE, OP_ARGS(app), &changed, err)
                        : op_change(s, SQL_INSTANCE_PLACE, OP_ARGS(instance), &changed, err);
    if (st == MSE_OK && changed != 1) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STORE_STEP, "another node was faster");
    }
    if (st == MSE_OK && c->number == 0) {
        (void)snprintf(c->a->node, sizeof c->a->node, "%s", c->name);
        /* From now on others are looked for. */
        st = op_change(s, SQL_INSTANCE_BEGIN, OP_ARGS(begin), NULL, err);
    } else if (st == MSE_OK) {
        st = read_instance(s, c, now_ms, err);
    }
    c->app_id = NULL;
    return st;
}

/* For the log: a text, and which instance, where it is not the first one. */
static void name_instance(char out[MSE_OP_TEXT_LEN], const char *text, uint32_t number)
{
    if (number == 0) {
        (void)snprintf(out, MSE_OP_TEXT_LEN, "%.250s", text);
    } else {
        (void)snprintf(out, MSE_OP_TEXT_LEN, "instance %u: %.200s", (unsigned)number, text);
    }
}

static mse_status claim(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct place_call *c = arg;
    struct op_doer d = { .now_ms = 0 };
    char detail[MSE_OP_TEXT_LEN];
    mse_status st = op_doer_init(&d, s, c->name, err);
    st = st == MSE_OK ? find_claimable(s, arg, err) : st;
    st = st == MSE_OK ? place(s, c, d.now_ms, err) : st;
    name_instance(detail, c->name, c->number);
    return st == MSE_OK ? op_audit(s, &d.by, "app.place", c->a->id, detail, err) : st;
}

mse_status mse_op_claim(struct mse_op_store *s, const char *name, uint64_t epoch,
                        struct mse_op_app *out, struct mse_error *err)
{
    struct mse_op_app a = { .status = MSE_OP_SPAWNING };
    struct place_call c = { .name = name, .epoch = epoch, .a = &a };
    /* Nothing is written, and nobody waits, while there is nothing to do. */
    mse_status st = op_read(s, find_claimable, &c, err);
    st = st == MSE_OK ? op_write(s, claim, &c, err) : st;
    if (st == MSE_OK) {
        *out = a;
    }
    return st;
}

/* ---- what a node has */

static mse_status list_apps(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct place_call *c = arg;
    int64_t now = 0;
    mse_status st = mse_db_clock_ms(s->db, &now, err);
    const struct mse_db_value p[] = { mse_db_text(c->name), mse_db_int(now) };
    st = st == MSE_OK ? op_app_query(s, SQL_APP_OF_NODE, op_args_of(p, 1), c->each, c->arg, err)
                      : st;
    return st == MSE_OK ? op_app_query(s, SQL_INSTANCE_OF_NODE, OP_ARGS(p), c->each, c->arg, err)
                        : st;
}

mse_status mse_op_node_apps(struct mse_op_store *s, const char *name, mse_op_app_fn *each,
                            void *arg, struct mse_error *err)
{
    struct place_call c = { .name = name, .each = each, .arg = arg };
    return op_read(s, list_apps, &c, err);
}

static mse_status take_place(void *user, const struct mse_db_value *row, size_t num,
                             struct mse_error *err)
{
    const struct place_call *c = user;
    struct mse_op_place p = { .number = num == 4 ? (uint32_t)mse_db_number(&row[0]) : 0 };
    if (num != 4 || !mse_db_copy(p.node, sizeof p.node, &row[1]) ||
        !mse_db_copy(p.state, sizeof p.state, &row[2]) ||
        !mse_db_copy(p.detail, sizeof p.detail, &row[3])) {
        return op_bad_row(err);
    }
    return c->each_place(c->arg, &p);
}

static mse_status list_places(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    struct place_call *c = arg;
    int64_t now = 0;
    mse_status st = mse_db_clock_ms(s->db, &now, err);
    const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_int(now) };
    return st == MSE_OK ? op_query(s, SQL_INSTANCE_LIST, OP_ARGS(p), take_place, c, err) : st;
}

mse_status mse_op_app_places(struct mse_op_store *s, const char *app_id, mse_op_place_fn *each,
                             void *arg, struct mse_error *err)
{
    struct place_call c = { .app_id = app_id, .each_place = each, .arg = arg };
    return op_read(s, list_places, &c, err);
}

/* ---- what a node says */

/* The app, if its first instance is on this node in this epoch. */
static mse_status find_mine(struct mse_op_store *s, struct mse_op_app *out,
                            const struct place_call *c, struct mse_error *err)
{
    struct mse_op_node n;
    struct mse_error why = { 0 };
    mse_status st = op_node_find(s, &n, c->name, c->epoch, err);
    if (st != MSE_OK) {
        return st;
    }
    st = op_app_find(s, out, NULL, c->app_id, &why);
    if (st == MSE_ERR_NOT_FOUND || (st == MSE_OK && strcmp(out->node, c->name) != 0)) {
        return lost_app(c, err);
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, STORE_STEP, "%s", why.text);
}

static struct mse_db_value hash_or_null(const uint8_t hash[32])
{
    static const uint8_t zeros[32] = { 0 };
    return mse_bytes_equal(mse_bytes_of(hash, 32), mse_bytes_of(zeros, 32))
               ? mse_db_null()
               : mse_db_blob(mse_bytes_of(hash, 32));
}

static mse_status set_first(struct mse_op_store *s, const struct place_call *c,
                            struct mse_error *err)
{
    struct mse_op_app a = { .status = MSE_OP_SPAWNING };
    const struct mse_op_instance *i = c->i;
    uint64_t changed = 0;
    mse_status st = find_mine(s, &a, c, err);
    if (st != MSE_OK) {
        return st;
    }
    const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_text(c->name),
                                      mse_db_int(i->port), hash_or_null(i->fingerprint),
                                      hash_or_null(i->spki_sha256) };
    const struct mse_db_value carry[] = { p[0], p[1], mse_db_int(i->carry_port),
                                          mse_db_blob(mse_bytes_of(i->carry_key, 32)) };
    st = op_change(s, SQL_APP_INSTANCE, OP_ARGS(p), &changed, err);
    if (st == MSE_OK && changed == 0) {
        return MSE_FAIL(err, MSE_ERR_LEASE_LOST, STORE_STEP, "app %.36s has ended", c->app_id);
    }
    return st == MSE_OK && i->carry_port != 0
               ? op_change(s, SQL_APP_CARRY, OP_ARGS(carry), NULL, err)
               : st;
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static mse_status set_other(struct mse_op_store *s, const struct place_call *c, int64_t now_ms,
                            struct mse_error *err)
{
    const struct mse_op_instance *i = c->i;
    struct mse_op_app a = { .status = MSE_OP_SPAWNING };
    struct mse_op_node n;
    struct place_call find = *c;
    find.a = &a;
    const struct mse_db_value p[] = {
        mse_db_text(c->app_id), mse_db_int(i->number),        mse_db_text(c->name),
        mse_db_int(i->port),    hash_or_null(i->spki_sha256), mse_db_text(or_empty(i->detail))
    };
    mse_status st = op_node_find(s, &n, c->name, c->epoch, err);
    st = st == MSE_OK ? read_instance(s, &find, now_ms, err) : st;
    return st == MSE_OK ? op_change(s, SQL_INSTANCE_SET, OP_ARGS(p), NULL, err) : st;
}

static mse_status set_instance(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct place_call *c = arg;
    struct op_doer d = { .now_ms = 0 };
    char hex[MSE_OP_HASH_LEN];
    char detail[MSE_OP_TEXT_LEN];
    mse_status st = op_doer_init(&d, s, c->name, err);
    if (st == MSE_OK) {
        st = c->number == 0 ? set_first(s, c, err) : set_other(s, c, d.now_ms, err);
    }
    mse_hex_encode(hex, mse_bytes_of(c->i->fingerprint, 32));
    name_instance(detail, c->number == 0 ? hex : c->name, c->number);
    st = st == MSE_OK ? op_audit(s, &d.by, "app.instance", c->app_id, detail, err) : st;
    return st == MSE_OK ? op_routes_changed(s, err) : st;
}

mse_status mse_op_instance_set(struct mse_op_store *s, const char *name, uint64_t epoch,
                               const char *app_id, const struct mse_op_instance *i,
                               struct mse_error *err)
{
    struct place_call c = {
        .name = name, .epoch = epoch, .app_id = app_id, .number = i->number, .i = i
    };
    return mse_rule_text(or_empty(i->detail), 0, MSE_OP_TEXT_LEN - 1)
               ? op_write(s, set_instance, &c, err)
               : MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                          "detail: wanted at most 255 bytes of UTF-8 without control characters");
}

static mse_status release(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct place_call *c = arg;
    struct op_doer d = { .now_ms = 0 };
    struct mse_op_node n;
    char detail[MSE_OP_TEXT_LEN];
    uint64_t changed = 0;
    mse_status st = op_doer_init(&d, s, c->name, err);
    st = st == MSE_OK ? op_node_find(s, &n, c->name, c->epoch, err) : st;
    const struct mse_db_value p[] = { mse_db_text(c->app_id), mse_db_int(c->number),
                                      mse_db_text(c->name), mse_db_int(d.now_ms),
                                      mse_db_text(c->detail) };
    st = st == MSE_OK ? op_change(s, SQL_INSTANCE_RELEASE, OP_ARGS(p), &changed, err) : st;
    if (st == MSE_OK && changed == 0) {
        return lost_app(c, err);
    }
    name_instance(detail, c->detail, c->number);
    st = st == MSE_OK ? op_audit(s, &d.by, "app.release", c->app_id, detail, err) : st;
    return st == MSE_OK ? op_routes_changed(s, err) : st;
}

/* Which node and epoch, which instance of which app, and why.
 * NOLINTNEXTLINE(readability-function-size) */
mse_status mse_op_instance_release(struct mse_op_store *s, const char *name, uint64_t epoch,
                                   const char *app_id, uint32_t number, const char *detail,
                                   struct mse_error *err)
{
    struct place_call c = {
        .name = name, .epoch = epoch, .app_id = app_id, .number = number, .detail = detail
    };
    return mse_rule_text(detail, 0, MSE_OP_TEXT_LEN - 1)
               ? op_write(s, release, &c, err)
               : MSE_FAIL(err, MSE_ERR_ARGUMENT, STORE_STEP,
                          "detail: wanted at most 255 bytes of UTF-8 without control characters");
}

static mse_status move(struct mse_op_store *s, void *arg, struct mse_error *err)
{
    const struct place_call *c = arg;
    struct mse_op_app a = { .status = MSE_OP_SPAWNING };
    struct op_doer d = { .now_ms = 0 };
    mse_status st = op_doer_init(&d, s, c->name, err);
    st = st == MSE_OK ? find_mine(s, &a, c, err) : st;
    return st == MSE_OK ? op_app_move(s, &d.by, &a, c->to, c->detail, err) : st;
}

/* Which node and epoch, which app, and what of it. NOLINTNEXTLINE(readability-function-size) */
mse_status mse_op_node_move(struct mse_op_store *s, const char *name, uint64_t epoch,
                            const char *app_id, enum mse_op_app_status to, const char *detail,
                            struct mse_error *err)
{
    struct place_call c = {
        .name = name, .epoch = epoch, .app_id = app_id, .to = to, .detail = detail
    };
    return op_write(s, move, &c, err);
}
