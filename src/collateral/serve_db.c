/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite, as a file that one process at a time owns. */
#include "collateral/serve_db.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define APPLICATION_ID 0x4d534563 /* "MSEc" */
#define BUSY_MS        5000
#define MAX_VALUE_LEN  (16 * 1024 * 1024)
#define PRAGMA_LEN     64
#define ERROR_NOT_A_DB "is no database of collateral"
#define MAX_CASCADE    4 /* a foreign key's action counts as a trigger */
#define META_ROOT      "root"
#define NEWEST         MSE_SERVE_SCHEMA
#define STORE_STEP     "database"
#define MODE_PRIVATE   0600
#define ROOT_LEN       ((size_t)64)
#define SQLITE_FLAGS   (SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX)

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
    return MSE_FAIL(err, MSE_ERR_IO, STORE_STEP, "%.200s", sqlite3_errmsg(s->db));
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

void mse_serve_bind(sqlite3_stmt *q, int at, struct mse_bytes v)
{
    (void)sqlite3_bind_blob64(q, at, v.len == 0 ? (const void *)"" : v.data, v.len, SQLITE_STATIC);
}

struct mse_bytes mse_serve_column(sqlite3_stmt *q, int at)
{
    const void *p = sqlite3_column_blob(q, at);
    int len = sqlite3_column_bytes(q, at);
    return p == NULL ? mse_bytes_of("", 0) : mse_bytes_of(p, (size_t)len);
}

/* Opening. */

static mse_status exec(struct mse_serve_store *s, const char *sql, struct mse_error *err)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? MSE_OK
                                                                   : mse_serve_sql_failed(s, err);
}

/* One number or word that a pragma answers. */
static mse_status ask(struct mse_serve_store *s, const char *sql, char out[PRAGMA_LEN],
                      struct mse_error *err)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK ||
        sqlite3_step(q) != SQLITE_ROW) {
        mse_status st = MSE_FAIL(err, MSE_ERR_MALFORMED, STORE_STEP, "%s (%.100s)", ERROR_NOT_A_DB,
                                 sqlite3_errmsg(s->db));
        (void)sqlite3_finalize(q);
        return st;
    }
    const unsigned char *text = sqlite3_column_text(q, 0);
    (void)snprintf(out, PRAGMA_LEN, "%s", text == NULL ? "" : (const char *)text);
    (void)sqlite3_finalize(q);
    return MSE_OK;
}

static mse_status ask_number(struct mse_serve_store *s, const char *sql, uint64_t *out,
                             struct mse_error *err)
{
    char text[PRAGMA_LEN];
    mse_status st = ask(s, sql, text, err);
    if (st == MSE_OK && !mse_u64_parse(out, mse_bytes_str(text), INT32_MAX)) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, STORE_STEP, "%s", ERROR_NOT_A_DB);
    }
    return st;
}

static mse_status settings(struct mse_serve_store *s, struct mse_error *err)
{
    int on = 0;
    (void)sqlite3_extended_result_codes(s->db, 1);
    (void)sqlite3_busy_timeout(s->db, BUSY_MS);
    (void)sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, MAX_VALUE_LEN);
    (void)sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_limit(s->db, SQLITE_LIMIT_TRIGGER_DEPTH, MAX_CASCADE);
    if (sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, &on) != SQLITE_OK ||
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, &on) != SQLITE_OK ||
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, &on) != SQLITE_OK) {
        return mse_serve_sql_failed(s, err);
    }
    return exec(s,
                "PRAGMA cell_size_check = ON; PRAGMA journal_mode = WAL;"
                " PRAGMA synchronous = FULL; PRAGMA secure_delete = ON",
                err);
}

/* A file of ours, or an empty one, in a state that can be read. */
static mse_status identify(struct mse_serve_store *s, uint64_t *version, struct mse_error *err)
{
    char text[PRAGMA_LEN];
    uint64_t id = 0;
    uint64_t tables = 0;
    mse_status st = ask_number(s, "PRAGMA application_id", &id, err);
    if (st == MSE_OK) {
        st = ask_number(s, "PRAGMA user_version", version, err);
    }
    if (st == MSE_OK) {
        st = ask_number(s, "SELECT count(*) FROM sqlite_schema", &tables, err);
    }
    if (st == MSE_OK && id != APPLICATION_ID && (id != 0 || tables != 0 || *version != 0)) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, STORE_STEP, "%s: another program's", ERROR_NOT_A_DB);
    }
    if (st == MSE_OK && *version > NEWEST) {
        st = MSE_FAIL(err, MSE_ERR_UNSUPPORTED_VERSION, STORE_STEP,
                      "schema version %u, wanted at most %d: a newer mse wrote it",
                      (unsigned)*version, NEWEST);
    }
    if (st == MSE_OK) {
        st = ask(s, "PRAGMA integrity_check(1)", text, err);
    }
    if (st == MSE_OK && strcmp(text, "ok") != 0) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, STORE_STEP, "damaged: %s", text);
    }
    return st;
}

/* All steps in one transaction: an old schema, or the new one. */
static mse_status migrate(struct mse_serve_store *s, uint64_t version, struct mse_error *err)
{
    char sql[PRAGMA_LEN];
    if (version == NEWEST) {
        return MSE_OK;
    }
    mse_status st = exec(s, "BEGIN EXCLUSIVE", err);
    for (uint64_t v = version; st == MSE_OK && v < NEWEST; v++) {
        st = exec(s, migrations[v], err);
    }
    if (st == MSE_OK) {
        (void)snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                       APPLICATION_ID, NEWEST);
        st = exec(s, sql, err);
    }
    if (st == MSE_OK) {
        st = exec(s, "COMMIT", err);
    }
    if (st != MSE_OK && sqlite3_get_autocommit(s->db) == 0) {
        mse_status undone = exec(s, "ROLLBACK", err);
        (void)undone;
    }
    return st;
}

static mse_status prepare(struct mse_serve_store *s, struct mse_error *err)
{
    for (size_t i = 0; i < SQL_NUM; i++) {
        if (sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmts[i],
                               NULL) != SQLITE_OK) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, STORE_STEP, "%s (%.150s)", ERROR_NOT_A_DB,
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
        struct mse_bytes seen = mse_serve_column(q, 0);
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
    mse_serve_bind(q, 2, mse_bytes_of(s->root_point, ROOT_LEN));
    return mse_serve_run_sql(s, SQL_META_SET, err);
}

/* The file is made here, so that nobody else can read it for a moment. */
static mse_status make_file(const char *path, struct mse_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, MODE_PRIVATE);
    if (fd < 0) {
        return MSE_FAIL(err, MSE_ERR_IO, STORE_STEP, "%.150s: %s", path, strerror(errno));
    }
    struct stat st;
    bool fits = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    (void)close(fd);
    return fits ? MSE_OK : MSE_FAIL(err, MSE_ERR_IO, STORE_STEP, "%.150s is no file", path);
}

static mse_status open_file(struct mse_serve_store *s, const char *path, struct mse_error *err)
{
    uint64_t version = 0;
    mse_status st = MSE_OK;
    if (sqlite3_open_v2(path, &s->db, SQLITE_FLAGS, NULL) != SQLITE_OK) {
        return mse_serve_sql_failed(s, err);
    }
    st = identify(s, &version, err);
    if (st == MSE_OK) {
        st = settings(s, err);
    }
    if (st == MSE_OK) {
        st = migrate(s, version, err);
    }
    if (st == MSE_OK) {
        st = prepare(s, err);
    }
    return st == MSE_OK ? bind_root(s, err) : st;
}

static mse_status open_all(struct mse_serve_store *s, const char *path, struct mse_error *err)
{
    struct mse_error why = { .status = MSE_OK };
    mse_status st = make_file(path, err);
    if (st != MSE_OK) {
        return st;
    }
    st = open_file(s, path, &why);
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
