/* SPDX-License-Identifier: Apache-2.0 */
/* A store for a test: a file of SQLite, or, where MSE_TEST_POSTGRES names a server, a schema of its
 * own there. */
#ifndef TESTS_UNIT_OPERATOR_BENCH_H
#define TESTS_UNIT_OPERATOR_BENCH_H

#include "lib/testlib.h"

#include "operator/store.h"

#define NOW ((mse_time)1800000000)

struct op_bench {
    char *dir;
    bool postgres;
    char where[512]; /* the store's address */
    struct mse_op_store *s;
    struct mse_op_by by;
};
int op_bench_set_up(void **state);
int op_bench_tear_down(void **state);
/* Closes the store and opens it again. */
mse_status op_bench_reopen(struct op_bench *b);
/* The address of another store, which is not there yet. */
void op_bench_fresh(struct op_bench *b, char out[512]);
/* SQL past the store, as somebody with the database's password could. true if it was taken. */
bool op_bench_sql(struct op_bench *b, const char *sqlite, const char *postgres);
/* A user, for tests that need one. */
struct mse_op_user op_bench_user(struct op_bench *b, const char *name, bool admin);
/* The id of the user's project "default". */
void op_bench_project(struct op_bench *b, const char *owner_id, char out[MSE_OP_ID_LEN]);

#endif
