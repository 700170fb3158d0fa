/* SPDX-License-Identifier: Apache-2.0 */
/* The database below the store: opening, the schema and its versions, prepared statements. */
#ifndef COLLATERAL_SERVE_DB_H
#define COLLATERAL_SERVE_DB_H

#include <sqlite3.h>

#include "collateral/serve_store.h"
#include "db/sqlite_file.h"

/* Every statement that is ever run, prepared once. */
enum mse_serve_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_META_GET,
    SQL_META_SET,
    SQL_OBJECT_GET,
    SQL_OBJECT_PUT,
    SQL_OBJECT_BY_NUMBER,
    SQL_OBJECT_OLD,
    SQL_COUNT,
    SQL_PLATFORM_GET,
    SQL_PLATFORM_PUT,
    SQL_CERTS_CLEAR,
    SQL_TCBS_CLEAR,
    SQL_CERT_PUT,
    SQL_CERTS_GET,
    SQL_TCB_PUT,
    SQL_TCB_GET,
    SQL_CHAIN_PUT,
    SQL_CHAIN_GET,
    SQL_REG_COUNT,
    SQL_REG_PUT,
    SQL_REG_DELETE,
    SQL_REG_LIST,
    SQL_REG_CLEAR,
    SQL_PLATFORM_LIST,
    SQL_NUM
};

struct mse_serve_store {
    sqlite3 *db;
    sqlite3_stmt *stmts[SQL_NUM];
    uint8_t root_point[64];
};

/* mse_serve_stmt resets a statement and hands it out, without bindings. */
sqlite3_stmt *mse_serve_stmt(struct mse_serve_store *s, enum mse_serve_sql which);
/* Runs one that returns no row. MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_serve_run_sql(struct mse_serve_store *s, enum mse_serve_sql which,
                                          struct mse_error *err);
mse_status mse_serve_sql_failed(const struct mse_serve_store *s, struct mse_error *err);
/* Ends a transaction: commits after MSE_OK, else rolls back and returns st. */
mse_status mse_serve_end(struct mse_serve_store *s, mse_status st, struct mse_error *err);
/* The CRLs in the store that are genuine now, for checks of chains; heap, cleared by the caller. */
struct mse_serve_crls {
    struct mse_fetched root;
    struct mse_fetched platform;
    struct mse_fetched processor;
};
void mse_serve_crls_load(struct mse_serve_store *s, struct mse_serve_crls *out,
                         struct mse_serve_trust *trust, mse_time now);
void mse_serve_crls_clear(struct mse_serve_crls *c);

#endif
