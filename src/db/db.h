/* SPDX-License-Identifier: Apache-2.0 */
/* One SQL database, whichever it is: a file of SQLite or a server of PostgreSQL. Statements are
 * prepared, their texts come from a const table, and every use is inside a transaction.
 *
 * A text is written once for both: parameters are $1, $2, …; types are BIGINT, TEXT and BYTEA;
 * there is nothing that only one of them knows. */
#ifndef DB_DB_H
#define DB_DB_H

#include <mse/status.h>

enum mse_db_type {
    MSE_DB_NULL,
    MSE_DB_INT,
    MSE_DB_TEXT, /* UTF-8 without NUL */
    MSE_DB_BLOB,
};
struct mse_db_value {
    enum mse_db_type type;
    int64_t number;         /* INT */
    struct mse_bytes bytes; /* TEXT, BLOB */
};
struct mse_db_value mse_db_int(int64_t n);
struct mse_db_value mse_db_text(const char *s); /* NULL of SQL for NULL */
struct mse_db_value mse_db_blob(struct mse_bytes b);
struct mse_db_value mse_db_null(void);
/* Number of an INT column; 0 for NULL. */
int64_t mse_db_number(const struct mse_db_value *v);
/* Copies a TEXT column, "" for NULL; false if it does not fit. */
MSE_MUST_USE bool mse_db_copy(char *out, size_t cap, const struct mse_db_value *v);

#define MSE_DB_MAX_COLUMNS 32

/* What a program keeps in its database, and the statements that it runs. */
struct mse_db_kind {
    const char *what;       /* for errors: "is no " what */
    int32_t application_id; /* of SQLite's file, and of the lock of a migration */
    const char *meta;       /* PostgreSQL: the table that tells the version; a name of letters */
    int newest;             /* version of the schema */
    /* The step from each version to the next, for either. Never edited once released. */
    const char *const *sqlite_steps;
    const char *const *postgres_steps;
    const char *postgres_lock; /* makes one writer wait for another: SQL behind BEGIN */
    const char *const *texts;  /* of the statements */
    size_t num_texts;
};

struct mse_db;
/* mse_db_open opens where: "postgresql://…" or "postgres://…", else the path of a file. create: a
 * database that is not there, or empty, is made. MSE_ERR_NOT_FOUND, MSE_ERR_IO, MSE_ERR_MALFORMED
 * (holds something else), MSE_ERR_UNSUPPORTED_VERSION (a newer program's). One thread at a time. */
MSE_MUST_USE mse_status mse_db_open(struct mse_db **out, const struct mse_db_kind *kind,
                                    const char *where, bool create, struct mse_error *err);
void mse_db_close(struct mse_db *db);
/* So many seconds for the answer to a statement, from here on; 60 before. A server that needs
 * longer undoes it (MSE_ERR_IO); one that says nothing at all loses the connection
 * (MSE_ERR_TIMEOUT). Outside of transactions. A file has no such bound. */
MSE_MUST_USE mse_status mse_db_patience(struct mse_db *db, unsigned seconds, struct mse_error *err);
MSE_MUST_USE bool mse_db_is_postgres(const char *where);

enum mse_db_access {
    MSE_DB_READ,         /* sees one state of all tables */
    MSE_DB_WRITE,        /* waits for all other writers of this kind, and they for it */
    MSE_DB_WRITE_BESIDE, /* waits for those only that write to the same rows, where it can */
};
/* mse_db_begin begins a transaction. A lost connection is made anew here. MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_db_begin(struct mse_db *db, enum mse_db_access access,
                                     struct mse_error *err);
/* mse_db_end commits if st is MSE_OK, else undoes everything; returns st, or why committing
 * failed. */
MSE_MUST_USE mse_status mse_db_end(struct mse_db *db, mse_status st, struct mse_error *err);

/* Called for each row; its columns live until it returns. It runs no statement of the same
 * database. What it returns ends the query. */
typedef mse_status mse_db_row_fn(void *user, const struct mse_db_value *row, size_t num,
                                 struct mse_error *err);
struct mse_db_query {
    size_t which; /* index into kind->texts */
    const struct mse_db_value *params;
    size_t num_params;
    mse_db_row_fn *row; /* NULL: rows are not looked at */
    void *user;
    uint64_t *changed; /* rows that were inserted, updated, deleted; may be NULL */
};
/* mse_db_run runs a statement inside a transaction. MSE_ERR_EXISTS: something of this key is there;
 * MSE_ERR_CONFIG: a condition of the schema does not hold; MSE_ERR_IO; what row returned. */
MSE_MUST_USE mse_status mse_db_run(struct mse_db *db, const struct mse_db_query *q,
                                   struct mse_error *err);
/* The database's clock, in milliseconds since 1970, inside a transaction: that of the server, which
 * is one for all machines; of a file: this machine's. */
MSE_MUST_USE mse_status mse_db_clock_ms(struct mse_db *db, int64_t *out, struct mse_error *err);
/* mse_db_exec runs SQL that is not prepared and returns nothing, inside a transaction; for
 * statements of the schema. The text is the program's, never anybody's input. */
MSE_MUST_USE mse_status mse_db_exec(struct mse_db *db, const char *sqlite, const char *postgres,
                                    struct mse_error *err);
/* mse_db_prepare_all prepares every statement now, for tests: otherwise each is prepared when it is
 * run first. */
MSE_MUST_USE mse_status mse_db_prepare_all(struct mse_db *db, struct mse_error *err);

#endif
