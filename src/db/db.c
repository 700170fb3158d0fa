/* SPDX-License-Identifier: Apache-2.0 */
#include "db/db.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "db/backend.h"

#define STEP "database"

struct mse_db {
    const struct mse_db_backend *backend;
    const struct mse_db_kind *kind;
    void *impl;
    bool inside; /* a transaction */
};

struct mse_db_value mse_db_int(int64_t n)
{
    const struct mse_db_value v = { .type = MSE_DB_INT, .number = n };
    return v;
}

struct mse_db_value mse_db_text(const char *s)
{
    const struct mse_db_value v = { .type = s == NULL ? MSE_DB_NULL : MSE_DB_TEXT,
                                    .bytes = mse_bytes_str(s == NULL ? "" : s) };
    return v;
}

struct mse_db_value mse_db_blob(struct mse_bytes b)
{
    const struct mse_db_value v = { .type = MSE_DB_BLOB, .bytes = b };
    return v;
}

struct mse_db_value mse_db_null(void)
{
    const struct mse_db_value v = { .type = MSE_DB_NULL };
    return v;
}

int64_t mse_db_number(const struct mse_db_value *v)
{
    return v->type == MSE_DB_INT ? v->number : 0;
}

bool mse_db_copy(char *out, size_t cap, const struct mse_db_value *v)
{
    size_t len = v->type == MSE_DB_TEXT ? v->bytes.len : 0;
    if (len >= cap || (len > 0 && memchr(v->bytes.data, '\0', len) != NULL)) {
        return false;
    }
    if (len > 0) {
        memcpy(out, v->bytes.data, len);
    }
    out[len] = '\0';
    return true;
}

bool mse_db_is_postgres(const char *where)
{
    return strncmp(where, "postgresql://", 13) == 0 || strncmp(where, "postgres://", 11) == 0;
}

mse_status mse_db_open(struct mse_db **out, const struct mse_db_kind *kind, const char *where,
                       bool create, struct mse_error *err)
{
    struct mse_db *db = calloc(1, sizeof *db);
    if (db == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    db->backend = mse_db_is_postgres(where) ? &mse_db_postgres : &mse_db_sqlite;
    db->kind = kind;
    mse_status st = db->backend->open(&db->impl, kind, where, create, err);
    if (st != MSE_OK) {
        free(db);
        return st;
    }
    *out = db;
    return MSE_OK;
}

void mse_db_close(struct mse_db *db)
{
    if (db != NULL) {
        db->backend->close(db->impl);
        free(db);
    }
}

mse_status mse_db_patience(struct mse_db *db, unsigned seconds, struct mse_error *err)
{
    MSE_ASSERT(!db->inside && seconds > 0);
    return db->backend->patience == NULL ? MSE_OK : db->backend->patience(db->impl, seconds, err);
}

mse_status mse_db_begin(struct mse_db *db, enum mse_db_access access, struct mse_error *err)
{
    MSE_ASSERT(!db->inside);
    mse_status st = db->backend->begin(db->impl, access, err);
    db->inside = st == MSE_OK;
    return st;
}

mse_status mse_db_end(struct mse_db *db, mse_status st, struct mse_error *err)
{
    MSE_ASSERT(db->inside);
    if (st == MSE_OK) {
        st = db->backend->commit(db->impl, err);
    }
    if (st != MSE_OK) {
        db->backend->rollback(db->impl);
    }
    db->inside = false;
    return st;
}

mse_status mse_db_run(struct mse_db *db, const struct mse_db_query *q, struct mse_error *err)
{
    MSE_ASSERT(db->inside && q->which < db->kind->num_texts);
    MSE_ASSERT(q->num_params <= MSE_DB_MAX_COLUMNS);
    mse_status st = db->backend->prepare(db->impl, q->which, err);
    return st == MSE_OK ? db->backend->run(db->impl, q, err) : st;
}

mse_status mse_db_clock_ms(struct mse_db *db, int64_t *out, struct mse_error *err)
{
    MSE_ASSERT(db->inside);
    return db->backend->clock_ms(db->impl, out, err);
}

mse_status mse_db_exec(struct mse_db *db, const char *sqlite, const char *postgres,
                       struct mse_error *err)
{
    MSE_ASSERT(db->inside);
    return db->backend->exec(db->impl, db->backend == &mse_db_sqlite ? sqlite : postgres, err);
}

mse_status mse_db_prepare_all(struct mse_db *db, struct mse_error *err)
{
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < db->kind->num_texts; i++) {
        st = db->backend->prepare(db->impl, i, err);
    }
    return st;
}
