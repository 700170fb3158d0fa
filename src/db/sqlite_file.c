/* SPDX-License-Identifier: Apache-2.0 */
#include "db/sqlite_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define BUSY_MS       5000
#define MAX_VALUE_LEN (16 * 1024 * 1024)
#define PRAGMA_LEN    64
#define MAX_CASCADE   4 /* a foreign key's action counts as a trigger */
#define STEP          "database"
#define MODE_PRIVATE  0600
#define OPEN_FLAGS    (SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX)

struct opening {
    sqlite3 *db;
    const struct mse_sqlite_kind *kind;
};

mse_status mse_sqlite_failed(sqlite3 *db, struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_IO, STEP, "%.200s", sqlite3_errmsg(db));
}

mse_status mse_sqlite_exec(sqlite3 *db, const char *sql, struct mse_error *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? MSE_OK
                                                                : mse_sqlite_failed(db, err);
}

void mse_sqlite_bind(sqlite3_stmt *q, int at, struct mse_bytes v)
{
    (void)sqlite3_bind_blob64(q, at, v.len == 0 ? (const void *)"" : v.data, v.len, SQLITE_STATIC);
}

struct mse_bytes mse_sqlite_column(sqlite3_stmt *q, int at)
{
    const void *p = sqlite3_column_blob(q, at);
    int len = sqlite3_column_bytes(q, at);
    return p == NULL ? mse_bytes_of("", 0) : mse_bytes_of(p, (size_t)len);
}

/* One number or word that a pragma answers. */
static mse_status ask(const struct opening *o, const char *sql, char out[PRAGMA_LEN],
                      struct mse_error *err)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(o->db, sql, -1, &q, NULL) != SQLITE_OK ||
        sqlite3_step(q) != SQLITE_ROW) {
        mse_status st = MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "is no %s (%.100s)", o->kind->what,
                                 sqlite3_errmsg(o->db));
        (void)sqlite3_finalize(q);
        return st;
    }
    const unsigned char *text = sqlite3_column_text(q, 0);
    (void)snprintf(out, PRAGMA_LEN, "%s", text == NULL ? "" : (const char *)text);
    (void)sqlite3_finalize(q);
    return MSE_OK;
}

static mse_status ask_number(const struct opening *o, const char *sql, uint64_t *out,
                             struct mse_error *err)
{
    char text[PRAGMA_LEN];
    mse_status st = ask(o, sql, text, err);
    if (st == MSE_OK && !mse_u64_parse(out, mse_bytes_str(text), INT32_MAX)) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "is no %s", o->kind->what);
    }
    return st;
}

static mse_status settings(const struct opening *o, struct mse_error *err)
{
    int on = 0;
    (void)sqlite3_extended_result_codes(o->db, 1);
    (void)sqlite3_limit(o->db, SQLITE_LIMIT_LENGTH, MAX_VALUE_LEN);
    (void)sqlite3_limit(o->db, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_limit(o->db, SQLITE_LIMIT_TRIGGER_DEPTH, MAX_CASCADE);
    if (sqlite3_db_config(o->db, SQLITE_DBCONFIG_DEFENSIVE, 1, &on) != SQLITE_OK ||
        sqlite3_db_config(o->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, &on) != SQLITE_OK ||
        sqlite3_db_config(o->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, &on) != SQLITE_OK) {
        return mse_sqlite_failed(o->db, err);
    }
    return mse_sqlite_exec(o->db,
                           "PRAGMA cell_size_check = ON; PRAGMA journal_mode = WAL;"
                           " PRAGMA synchronous = FULL; PRAGMA secure_delete = ON",
                           err);
}

static mse_status identify(const struct opening *o, uint64_t *version, struct mse_error *err)
{
    uint64_t id = 0;
    uint64_t tables = 0;
    mse_status st = ask_number(o, "PRAGMA application_id", &id, err);
    if (st == MSE_OK) {
        st = ask_number(o, "PRAGMA user_version", version, err);
    }
    if (st == MSE_OK) {
        st = ask_number(o, "SELECT count(*) FROM sqlite_schema", &tables, err);
    }
    if (st == MSE_OK && id != (uint64_t)o->kind->application_id &&
        (id != 0 || tables != 0 || *version != 0)) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "is no %s: another program's", o->kind->what);
    }
    if (st == MSE_OK && *version > (uint64_t)o->kind->newest) {
        st = MSE_FAIL(err, MSE_ERR_UNSUPPORTED_VERSION, STEP,
                      "schema version %u, wanted at most %d: a newer mse wrote it",
                      (unsigned)*version, o->kind->newest);
    }
    return st;
}

/* A file of ours, or an empty one, in a state that can be read. */
static mse_status inspect(const struct opening *o, uint64_t *version, struct mse_error *err)
{
    char text[PRAGMA_LEN];
    mse_status st = identify(o, version, err);
    if (st == MSE_OK) {
        st = ask(o, "PRAGMA integrity_check(1)", text, err);
    }
    if (st == MSE_OK && strcmp(text, "ok") != 0) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "damaged: %s", text);
    }
    return st;
}

/* The steps that are missing, in a transaction: another process may have taken them meanwhile. */
static mse_status take_steps(const struct opening *o, struct mse_error *err)
{
    char sql[2 * PRAGMA_LEN];
    uint64_t version = 0;
    mse_status st = identify(o, &version, err);
    for (uint64_t v = version; st == MSE_OK && v < (uint64_t)o->kind->newest; v++) {
        st = mse_sqlite_exec(o->db, o->kind->migrations[v], err);
    }
    if (st == MSE_OK) {
        (void)snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                       o->kind->application_id, o->kind->newest);
        st = mse_sqlite_exec(o->db, sql, err);
    }
    return st;
}

/* An old schema, or the new one. */
static mse_status migrate(const struct opening *o, struct mse_error *err)
{
    mse_status st = mse_sqlite_exec(o->db, "BEGIN EXCLUSIVE", err);
    if (st == MSE_OK) {
        st = take_steps(o, err);
    }
    if (st == MSE_OK) {
        st = mse_sqlite_exec(o->db, "COMMIT", err);
    }
    if (st != MSE_OK && sqlite3_get_autocommit(o->db) == 0) {
        mse_status undone = mse_sqlite_exec(o->db, "ROLLBACK", err);
        (void)undone; /* what failed first is what is told */
    }
    return st;
}

/* The file is made here, so that nobody else can read it for a moment. One that is there is never
 * opened but by SQLite: closing it would take this process's locks off it, and with them those of
 * other connections of this process. */
static mse_status make_file(const char *path, bool create, struct mse_error *err)
{
    struct stat st;
    int fd = create ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, MODE_PRIVATE) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (lstat(path, &st) != 0) {
        return MSE_FAIL(err, errno == ENOENT && !create ? MSE_ERR_NOT_FOUND : MSE_ERR_IO, STEP,
                        "%s", strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "it is no file");
    }
    return access(path, R_OK | W_OK) == 0 ? MSE_OK
                                          : MSE_FAIL(err, MSE_ERR_IO, STEP, "%s", strerror(errno));
}

static mse_status open_file(struct opening *o, const char *path, bool create, struct mse_error *err)
{
    uint64_t version = 0;
    mse_status st = make_file(path, create, err);
    if (st != MSE_OK) {
        return st;
    }
    if (sqlite3_open_v2(path, &o->db, OPEN_FLAGS, NULL) != SQLITE_OK) {
        return mse_sqlite_failed(o->db, err);
    }
    (void)sqlite3_busy_timeout(o->db, BUSY_MS);
    st = inspect(o, &version, err);
    if (st == MSE_OK && version == 0 && !create) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "is no %s: it is empty", o->kind->what);
    }
    if (st == MSE_OK) {
        st = settings(o, err);
    }
    return st == MSE_OK && version < (uint64_t)o->kind->newest ? migrate(o, err) : st;
}

mse_status mse_sqlite_open(sqlite3 **out, const struct mse_sqlite_kind *kind, const char *path,
                           bool create, struct mse_error *err)
{
    struct opening o = { .kind = kind };
    struct mse_error why = { .status = MSE_OK };
    mse_status st = open_file(&o, path, create, &why);
    if (st != MSE_OK) {
        (void)sqlite3_close_v2(o.db);
        return MSE_FAIL(err, st, STEP, "%.100s: %s", path, why.text);
    }
    *out = o.db;
    return MSE_OK;
}
