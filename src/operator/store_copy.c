/* SPDX-License-Identifier: Apache-2.0 */
/* Everything of one store into another, row by row, inside one transaction of each. */
#include "operator/store_sql.h"

/* The guard of the log steps aside for those who replace the whole of it, inside the transaction
 * that does. */
#define SQLITE_UNGUARD "DROP TRIGGER audit_no_delete"
#define SQLITE_GUARD                                                                               \
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"                                        \
    " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
#define POSTGRES_UNGUARD "ALTER TABLE audit DISABLE TRIGGER audit_guard"
#define POSTGRES_GUARD   "ALTER TABLE audit ENABLE TRIGGER audit_guard"

struct copy {
    struct mse_op_store *to;
    const struct mse_op_copy *how;
    struct mse_op_audit_head head;
    enum op_sql table; /* that is being read */
    uint64_t rows;
};

static mse_status count_row(void *user, const struct mse_db_value *row, size_t num,
                            struct mse_error *err)
{
    struct copy *c = user;
    (void)row;
    (void)num;
    (void)err;
    c->rows++;
    return MSE_OK;
}

static mse_status copy_row(void *user, const struct mse_db_value *row, size_t num,
                           struct mse_error *err)
{
    struct copy *c = user;
    c->rows++;
    return op_change(c->to, c->table + 1, op_args_of(row, num), NULL, err);
}

static mse_status copy_table(struct mse_op_store *from, struct copy *c, struct mse_error *err)
{
    mse_status st = op_query(from, c->table, op_none, copy_row, c, err);
    uint64_t wanted = c->rows;
    c->rows = 0;
    if (st == MSE_OK) {
        st = op_query(c->to, c->table, op_none, count_row, c, err);
    }
    if (st == MSE_OK && c->rows != wanted) {
        st = MSE_FAIL(err, MSE_ERR_IO, "copy", "%llu rows arrived of %llu",
                      (unsigned long long)c->rows, (unsigned long long)wanted);
    }
    c->rows = 0;
    return st;
}

/* The other way round than they are filled: rows name rows of earlier tables. */
static mse_status clear(struct mse_op_store *s, struct mse_error *err)
{
    mse_status st = mse_db_exec(s->db, SQLITE_UNGUARD, POSTGRES_UNGUARD, err);
    for (unsigned i = OP_NUM_TABLES; st == MSE_OK && i > 0; i--) {
        st = op_change(s, SQL_COPY_FIRST + 3 * (i - 1) + 2, op_none, NULL, err);
    }
    return st == MSE_OK ? mse_db_exec(s->db, SQLITE_GUARD, POSTGRES_GUARD, err) : st;
}

static mse_status make_room(struct copy *c, struct mse_error *err)
{
    for (unsigned i = 0; i < OP_NUM_TABLES; i++) {
        mse_status st = op_query(c->to, SQL_COPY_FIRST + 3 * i, op_none, count_row, c, err);
        if (st != MSE_OK) {
            return st;
        }
    }
    bool empty = c->rows == 0;
    c->rows = 0;
    if (!empty && !c->how->replace) {
        return MSE_FAIL(err, MSE_ERR_EXISTS, "copy", "the database is not empty");
    }
    return empty ? MSE_OK : clear(c->to, err);
}

static mse_status fill(struct mse_op_store *from, void *arg, struct mse_error *err)
{
    struct copy *c = arg;
    struct mse_op_audit_head source = { 0 };
    mse_status st = MSE_OK;
    for (unsigned i = 0; st == MSE_OK && i < OP_NUM_TABLES; i++) {
        c->table = SQL_COPY_FIRST + 3 * i;
        st = copy_table(from, c, err);
    }
    if (st == MSE_OK) {
        st = op_audit_head(from, &source, err);
    }
    if (st == MSE_OK) {
        st = op_audit_head(c->to, &c->head, err);
    }
    if (st == MSE_OK &&
        (source.seq != c->head.seq ||
         !mse_bytes_equal(mse_bytes_of(source.hash, 32), mse_bytes_of(c->head.hash, 32)))) {
        st = MSE_FAIL(err, MSE_ERR_IO, "copy", "the audit log arrived otherwise");
    }
    return st;
}

/* The transaction of the target is inside that of the source, which reads only. */
static mse_status copy_all(struct mse_op_store *from, void *arg, struct mse_error *err)
{
    struct copy *c = arg;
    mse_status st = mse_db_begin(c->to->db, MSE_DB_WRITE, err);
    if (st != MSE_OK) {
        return st;
    }
    st = make_room(c, err);
    if (st == MSE_OK) {
        st = fill(from, c, err);
    }
    if (st == MSE_OK && c->how->action != NULL) {
        st = op_audit(c->to, c->how->by, c->how->action, "", "", err);
        st = st == MSE_OK ? op_audit_head(c->to, &c->head, err) : st;
        st = st == MSE_OK ? op_routes_changed(c->to, err) : st;
    }
    return mse_db_end(c->to->db, st, err);
}

mse_status mse_op_store_copy(struct mse_op_store *to, struct mse_op_store *from,
                             const struct mse_op_copy *how, struct mse_op_audit_head *out,
                             struct mse_error *err)
{
    struct copy c = { .to = to, .how = how };
    mse_status st = op_read(from, copy_all, &c, err);
    if (st == MSE_OK) {
        *out = c.head;
    }
    return st;
}
