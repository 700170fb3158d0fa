/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite, as a file that one process at a time owns. */
#include "collateral/serve_db.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "db/sqlite_file.h"

#define APPLICATION_ID 0x4d534563 /* "MSEc" */
#define WHAT           "database of collateral"
#define META_ROOT      "root"
#define NEWEST         MSE_SERVE_SCHEMA
#define STORE_STEP     "database"
#define ROOT_LEN       ((size_t)64)

/* The step from each version to the next. Never edited once released: a change is a new step. */
static const char *const migrations[NEWEST] = {
    /* 1: what belongs to no single platform. */
    "CREATE TABLE meta(name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE objects(kind INTEGER NOT NULL, fmspc BLOB NOT NULL, choice INTEGER NOT NULL,"
    " body BLOB NOT NULL, chain BLOB NOT NULL, issued INTEGER NOT NULL,"
    " next_update INTEGER NOT NULL, number INTEGER NOT NULL,"
    " PRIMARY KEY(kind, fmspc, choice));",
    /* 2: platforms; when an object was last seen at its source. */
    "ALTER TABLE objects ADD COLUMN fetched INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX objects_fetched ON objects(fetched);"
    "CREATE TABLE chains(platform_ca INTEGER PRIMARY KEY NOT NULL, pem BLOB NOT NULL);"
    "CREATE TABLE platforms(id INTEGER PRIMARY KEY, qe_id BLOB NOT NULL, pce_id BLOB NOT NULL,"
    " fmspc BLOB NOT NULL, platform_ca INTEGER NOT NULL REFERENCES chains(platform_ca),"
    " complete INTEGER NOT NULL, UNIQUE(qe_id, pce_id));"
    "CREATE INDEX platforms_fmspc ON platforms(fmspc);"
    "CREATE TABLE certs(platform INTEGER NOT NULL REFERENCES platforms(id) ON DELETE CASCADE,"
    " tcbm BLOB NOT NULL, pem BLOB NOT NULL, PRIMARY KEY(platform, tcbm));"
    "CREATE TABLE tcbs(platform INTEGER NOT NULL, cpu_svn BLOB NOT NULL, pce_svn BLOB NOT NULL,"
    " tcbm BLOB NOT NULL, PRIMARY KEY(platform, cpu_svn, pce_svn),"
    " FOREIGN KEY(platform, tcbm) REFERENCES certs(platform, tcbm) ON DELETE CASCADE);"
    "CREATE TABLE registered(qe_id BLOB NOT NULL, pce_id BLOB NOT NULL, cpu_svn BLOB NOT NULL,"
    " pce_svn BLOB NOT NULL, ppid BLOB NOT NULL, manifest BLOB NOT NULL, state INTEGER NOT NULL,"
    " PRIMARY KEY(qe_id, pce_id, cpu_svn, pce_svn));",
};

static const struct mse_sqlite_kind kind = {
    .what = WHAT, .application_id = APPLICATION_ID, .newest = NEWEST, .migrations = migrations
};

static const char *const texts[SQL_NUM] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_META_GET] = "SELECT value FROM meta WHERE name = ?1",
    [SQL_META_SET] = "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)",
    [SQL_OBJECT_GET] = "SELECT body, chain, issued, number FROM objects"
                       " WHERE kind = ?1 AND fmspc = ?2 AND choice = ?3",
    [SQL_OBJECT_PUT] = "INSERT OR REPLACE INTO objects(kind, fmspc, choice, body, chain, issued,"
                       " next_update, number, fetched) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [SQL_OBJECT_BY_NUMBER] = "SELECT choice FROM objects WHERE kind = ?1 AND fmspc = ?2"
                             " AND number = ?3 ORDER BY choice DESC",
    [SQL_OBJECT_OLD] = "SELECT kind, fmspc, choice FROM objects WHERE fetched < ?1"
                       " ORDER BY fetched",
    [SQL_COUNT] = "SELECT (SELECT count(*) FROM objects), (SELECT count(*) FROM platforms),"
                  " (SELECT count(*) FROM registered)",
    [SQL_PLATFORM_GET] = "SELECT id, fmspc, platform_ca, complete FROM platforms"
                         " WHERE qe_id = ?1 AND pce_id = ?2",
    [SQL_PLATFORM_PUT] = "INSERT INTO platforms(qe_id, pce_id, fmspc, platform_ca, complete)"
                         " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(qe_id, pce_id) DO UPDATE SET"
                         " fmspc = ?3, platform_ca = ?4, complete = ?5 RETURNING id",
    [SQL_CERTS_CLEAR] = "DELETE FROM certs WHERE platform = ?1",
    [SQL_TCBS_CLEAR] = "DELETE FROM tcbs WHERE platform = ?1",
    [SQL_CERT_PUT] = "INSERT INTO certs(platform, tcbm, pem) VALUES(?1, ?2, ?3)"
                     " ON CONFLICT(platform, tcbm) DO UPDATE SET pem = ?3",
    [SQL_CERTS_GET] = "SELECT tcbm, pem FROM certs WHERE platform = ?1",
    [SQL_TCB_PUT] = "INSERT OR REPLACE INTO tcbs(platform, cpu_svn, pce_svn, tcbm)"
                    " VALUES(?1, ?2, ?3, ?4)",
    [SQL_TCB_GET] = "SELECT c.pem FROM tcbs t JOIN certs c"
                    " ON c.platform = t.platform AND c.tcbm = t.tcbm"
                    " WHERE t.platform = ?1 AND t.cpu_svn = ?2 AND t.pce_svn = ?3",
    [SQL_CHAIN_PUT] = "INSERT INTO chains(platform_ca, pem) VALUES(?1, ?2)"
                      " ON CONFLICT(platform_ca) DO UPDATE SET pem = ?2",
    [SQL_CHAIN_GET] = "SELECT pem FROM chains WHERE platform_ca = ?1",
    [SQL_REG_COUNT] = "SELECT count(*) FROM registered",
    [SQL_REG_PUT] = "INSERT OR REPLACE INTO registered(qe_id, pce_id, cpu_svn, pce_svn, ppid,"
                    " manifest, state) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_REG_DELETE] = "DELETE FROM registered WHERE qe_id = ?1 AND pce_id = ?2 AND cpu_svn = ?3"
                       " AND pce_svn = ?4",
    [SQL_REG_LIST] = "SELECT qe_id, pce_id, cpu_svn, pce_svn, ppid, manifest FROM registered"
                     " WHERE state = ?1 ORDER BY qe_id, pce_id, cpu_svn, pce_svn",
    [SQL_REG_CLEAR] = "DELETE FROM registered WHERE state = ?1",
    [SQL_PLATFORM_LIST] = "SELECT p.qe_id, p.pce_id, t.cpu_svn, t.pce_svn, x'', x'', p.fmspc"
                          " FROM platforms p LEFT JOIN tcbs t ON t.platform = p.id"
                          " ORDER BY p.qe_id, p.pce_id, t.cpu_svn, t.pce_svn",
};

mse_status mse_serve_sql_failed(const struct mse_serve_store *s, struct mse_error *err)
{
    return mse_sqlite_failed(s->db, err);
}

sqlite3_stmt *mse_serve_stmt(struct mse_serve_store *s, enum mse_serve_sql which)
{
    (void)sqlite3_reset(s->stmts[which]);
    (void)sqlite3_clear_bindings(s->stmts[which]);
    return s->stmts[which];
}

mse_status mse_serve_run_sql(struct mse_serve_store *s, enum mse_serve_sql which,
                             struct mse_error *err)
{
    int rc = sqlite3_step(s->stmts[which]);
    mse_status st = rc == SQLITE_DONE || rc == SQLITE_ROW ? MSE_OK : mse_serve_sql_failed(s, err);
    (void)sqlite3_reset(s->stmts[which]);
    return st;
}

mse_status mse_serve_end(struct mse_serve_store *s, mse_status st, struct mse_error *err)
{
    if (st == MSE_OK) {
        (void)mse_serve_stmt(s, SQL_COMMIT);
        st = mse_serve_run_sql(s, SQL_COMMIT, err);
    }
    if (st != MSE_OK && sqlite3_get_autocommit(s->db) == 0) {
        (void)mse_serve_stmt(s, SQL_ROLLBACK);
        mse_status undone = mse_serve_run_sql(s, SQL_ROLLBACK, err);
        (void)undone; /* what failed first is what is told */
    }
    return st;
}

/* Opening. */

static mse_status prepare(struct mse_serve_store *s, struct mse_error *err)
{
    for (size_t i = 0; i < SQL_NUM; i++) {
        if (sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmts[i],
                               NULL) != SQLITE_OK) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, STORE_STEP, "is no %s (%.150s)", WHAT,
                            sqlite3_errmsg(s->db));
        }
    }
    return MSE_OK;
}

/* A store serves one root: what was judged by one is nothing to another. */
static mse_status bind_root(struct mse_serve_store *s, struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_META_GET);
    (void)sqlite3_bind_text(q, 1, META_ROOT, -1, SQLITE_STATIC);
    int rc = sqlite3_step(q);
    if (rc == SQLITE_ROW) {
        struct mse_bytes seen = mse_sqlite_column(q, 0);
        bool same = mse_bytes_equal(seen, mse_bytes_of(s->root_point, ROOT_LEN));
        (void)sqlite3_reset(q);
        return same ? MSE_OK
                    : MSE_FAIL(err, MSE_ERR_CONFIG, STORE_STEP,
                               "it holds the collateral of another root: use another file");
    }
    if (rc != SQLITE_DONE) {
        return mse_serve_sql_failed(s, err);
    }
    q = mse_serve_stmt(s, SQL_META_SET);
    (void)sqlite3_bind_text(q, 1, META_ROOT, -1, SQLITE_STATIC);
    mse_sqlite_bind(q, 2, mse_bytes_of(s->root_point, ROOT_LEN));
    return mse_serve_run_sql(s, SQL_META_SET, err);
}

static mse_status open_all(struct mse_serve_store *s, const char *path, struct mse_error *err)
{
    struct mse_error why = { .status = MSE_OK };
    mse_status st = mse_sqlite_open(&s->db, &kind, path, true, err);
    if (st != MSE_OK) {
        return st;
    }
    st = prepare(s, &why);
    if (st == MSE_OK) {
        st = bind_root(s, &why);
    }
    return st == MSE_OK ? MSE_OK : MSE_FAIL(err, st, STORE_STEP, "%.100s: %s", path, why.text);
}

mse_status mse_serve_store_open(struct mse_serve_store **out, const char *path,
                                const uint8_t root_point[64], struct mse_error *err)
{
    struct mse_serve_store *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STORE_STEP, "out of memory");
    }
    memcpy(s->root_point, root_point, sizeof s->root_point);
    mse_status st = open_all(s, path, err);
    if (st != MSE_OK) {
        mse_serve_store_close(s);
        return st;
    }
    *out = s;
    return MSE_OK;
}

void mse_serve_store_close(struct mse_serve_store *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < SQL_NUM; i++) {
        (void)sqlite3_finalize(s->stmts[i]);
    }
    (void)sqlite3_close_v2(s->db);
    free(s);
}

mse_status mse_serve_store_count(struct mse_serve_store *s, uint64_t *objects, uint64_t *platforms,
                                 uint64_t *registered, struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_COUNT);
    if (sqlite3_step(q) != SQLITE_ROW) {
        return mse_serve_sql_failed(s, err);
    }
    *objects = (uint64_t)sqlite3_column_int64(q, 0);
    *platforms = (uint64_t)sqlite3_column_int64(q, 1);
    *registered = (uint64_t)sqlite3_column_int64(q, 2);
    (void)sqlite3_reset(q);
    return MSE_OK;
}
