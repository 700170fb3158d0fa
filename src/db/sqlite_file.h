/* SPDX-License-Identifier: Apache-2.0 */
/* A file of SQLite that is ours: made private, recognised, whole, of a version that this program
 * knows, and set up so that hostile content of it stays data. */
#ifndef DB_SQLITE_FILE_H
#define DB_SQLITE_FILE_H

#include <sqlite3.h>

#include <mse/status.h>

/* What a program keeps in its files. */
struct mse_sqlite_kind {
    const char *what;       /* for errors: "is no " what */
    int32_t application_id; /* as PRAGMA application_id, not 0 */
    int newest;             /* version of the schema */
    /* The step from each version to the next. Never edited once released: a change is a new one. */
    const char *const *migrations;
};

/* mse_sqlite_open opens path, makes it (0600) if create is set and it is not there, and brings its
 * schema to the newest version, in one transaction. MSE_ERR_NOT_FOUND, MSE_ERR_IO,
 * MSE_ERR_MALFORMED (of another program, damaged), MSE_ERR_UNSUPPORTED_VERSION. Close with
 * sqlite3_close_v2. One thread at a time. */
MSE_MUST_USE mse_status mse_sqlite_open(sqlite3 **out, const struct mse_sqlite_kind *kind,
                                        const char *path, bool create, struct mse_error *err);
MSE_MUST_USE mse_status mse_sqlite_exec(sqlite3 *db, const char *sql, struct mse_error *err);
/* MSE_ERR_IO with the library's words. */
mse_status mse_sqlite_failed(sqlite3 *db, struct mse_error *err);

/* Bound bytes are borrowed; NULL and empty are the same. Columns live until the next step. */
void mse_sqlite_bind(sqlite3_stmt *q, int at, struct mse_bytes v);
struct mse_bytes mse_sqlite_column(sqlite3_stmt *q, int at);

#endif
