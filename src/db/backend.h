/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind struct mse_db. Only src/db includes this. */
#ifndef DB_BACKEND_H
#define DB_BACKEND_H

#include "db/db.h"

struct mse_db_backend {
    mse_status (*open)(void **out, const struct mse_db_kind *kind, const char *where, bool create,
                       struct mse_error *err);
    void (*close)(void *impl);
    mse_status (*begin)(void *impl, enum mse_db_access access, struct mse_error *err);
    mse_status (*commit)(void *impl, struct mse_error *err);
    void (*rollback)(void *impl);
    mse_status (*prepare)(void *impl, size_t which, struct mse_error *err);
    mse_status (*run)(void *impl, const struct mse_db_query *q, struct mse_error *err);
    mse_status (*exec)(void *impl, const char *sql, struct mse_error *err);
    mse_status (*clock_ms)(void *impl, int64_t *out, struct mse_error *err);
    mse_status (*patience)(void *impl, unsigned seconds, struct mse_error *err); /* NULL: none */
};
extern const struct mse_db_backend mse_db_sqlite;
extern const struct mse_db_backend mse_db_postgres;

#endif
