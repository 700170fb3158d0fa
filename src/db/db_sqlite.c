/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite behind the interface. Several processes may have the file open (WAL). */
#include <time.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "db/backend.h"
#include "db/sqlite_file.h"

#define STEP "database"

struct stmt {
    sqlite3_stmt *s; /* NULL: not prepared yet */
};

struct file {
    sqlite3 *db;
    const struct mse_db_kind *kind;
    struct stmt *stmts; /* as kind->texts */
};

static void close_file(void *impl)
{
    struct file *f = impl;
    for (size_t i = 0; f->stmts != NULL && i < f->kind->num_texts; i++) {
        (void)sqlite3_finalize(f->stmts[i].s);
    }
    free(f->stmts);
    (void)sqlite3_close_v2(f->db);
    free(f);
}

static mse_status open_it(void **out, const struct mse_db_kind *kind, const char *where,
                          bool create, struct mse_error *err)
{
    const struct mse_sqlite_kind sqlite = { .what = kind->what,
                                            .application_id = kind->application_id,
                                            .newest = kind->newest,
                                            .migrations = kind->sqlite_steps };
    struct file *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    f->kind = kind;
    f->stmts = calloc(kind->num_texts, sizeof *f->stmts);
    mse_status st = f->stmts != NULL ? mse_sqlite_open(&f->db, &sqlite, where, create, err)
                                     : MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    if (st != MSE_OK) {
        close_file(f);
        return st;
    }
    *out = f;
    return MSE_OK;
}

static mse_status begin(void *impl, enum mse_db_access access, struct mse_error *err)
{
    const struct file *f = impl;
    return mse_sqlite_exec(f->db, access == MSE_DB_READ ? "BEGIN" : "BEGIN IMMEDIATE", err);
}

static mse_status commit(void *impl, struct mse_error *err)
{
    const struct file *f = impl;
    return mse_sqlite_exec(f->db, "COMMIT", err);
}

static void rollback(void *impl)
{
    const struct file *f = impl;
    if (sqlite3_get_autocommit(f->db) == 0) {
        mse_status undone = mse_sqlite_exec(f->db, "ROLLBACK", NULL);
        (void)undone; /* what failed first is what is told */
    }
}

static mse_status prepare(void *impl, size_t which, struct mse_error *err)
{
    struct file *f = impl;
    if (f->stmts[which].s != NULL) {
        return MSE_OK;
    }
    return sqlite3_prepare_v3(f->db, f->kind->texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                              &f->stmts[which].s, NULL) == SQLITE_OK
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "is no %s (%.150s)", f->kind->what,
                          sqlite3_errmsg(f->db));
}

static mse_status failed(const struct file *f, int rc, struct mse_error *err)
{
    if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY) {
        return MSE_FAIL(err, MSE_ERR_EXISTS, STEP, "%.200s", sqlite3_errmsg(f->db));
    }
    if ((rc & 0xff) == SQLITE_CONSTRAINT) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, STEP, "%.200s", sqlite3_errmsg(f->db));
    }
    return mse_sqlite_failed(f->db, err);
}

/* Names, for SQLite numbers "$1" by where it stands first. */
static void bind(sqlite3_stmt *s, const struct mse_db_value *params, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        char name[24];
        const struct mse_db_value *v = &params[i];
        (void)snprintf(name, sizeof name, "$%zu", i + 1);
        int at = sqlite3_bind_parameter_index(s, name);
        MSE_ASSERT(at > 0);
        switch (v->type) {
        case MSE_DB_NULL:
            (void)sqlite3_bind_null(s, at);
            break;
        case MSE_DB_INT:
            (void)sqlite3_bind_int64(s, at, v->number);
            break;
        case MSE_DB_TEXT:
            (void)sqlite3_bind_text64(s, at, v->bytes.len == 0 ? "" : (const char *)v->bytes.data,
                                      v->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
            break;
        case MSE_DB_BLOB:
            mse_sqlite_bind(s, at, v->bytes);
            break;
        }
    }
}

static struct mse_db_value column(sqlite3_stmt *s, int at)
{
    struct mse_db_value v = { .type = MSE_DB_NULL };
    switch (sqlite3_column_type(s, at)) {
    case SQLITE_INTEGER:
        return mse_db_int(sqlite3_column_int64(s, at));
    case SQLITE_TEXT:
        v.type = MSE_DB_TEXT;
        v.bytes = mse_sqlite_column(s, at);
        return v;
    case SQLITE_BLOB:
        return mse_db_blob(mse_sqlite_column(s, at));
    default:
        return v;
    }
}

static mse_status take_row(const struct mse_db_query *q, sqlite3_stmt *s, struct mse_error *err)
{
    struct mse_db_value row[MSE_DB_MAX_COLUMNS];
    int num = sqlite3_column_count(s);
    MSE_ASSERT(num <= MSE_DB_MAX_COLUMNS);
    for (int i = 0; i < num; i++) {
        row[i] = column(s, i);
    }
    return q->row == NULL ? MSE_OK : q->row(q->user, row, (size_t)num, err);
}

static mse_status run(void *impl, const struct mse_db_query *q, struct mse_error *err)
{
    const struct file *f = impl;
    sqlite3_stmt *s = f->stmts[q->which].s;
    mse_status st = MSE_OK;
    int rc = SQLITE_ROW;
    bind(s, q->params, q->num_params);
    while (st == MSE_OK && rc == SQLITE_ROW) {
        rc = sqlite3_step(s);
        if (rc == SQLITE_ROW) {
            st = take_row(q, s, err);
        } else if (rc != SQLITE_DONE) {
            st = failed(f, rc, err);
        }
    }
    if (st == MSE_OK && q->changed != NULL) {
        *q->changed = (uint64_t)sqlite3_changes64(f->db);
    }
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return st;
}

static mse_status exec(void *impl, const char *sql, struct mse_error *err)
{
    const struct file *f = impl;
    return mse_sqlite_exec(f->db, sql, err);
}

static mse_status clock_ms(void *impl, int64_t *out, struct mse_error *err)
{
    struct timespec ts = { 0 };
    (void)impl;
    if (clock_gettime(CLOCK_REALTIME, &ts) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "there is no clock");
    }
    *out = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
    return MSE_OK;
}

const struct mse_db_backend mse_db_sqlite = {
    .open = open_it,
    .close = close_file,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .prepare = prepare,
    .run = run,
    .exec = exec,
    .clock_ms = clock_ms,
};
