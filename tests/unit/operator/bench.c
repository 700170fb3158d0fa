/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/operator/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>
#include <sqlite3.h>

#include "base/bytes.h"
#include "crypto/digest.h"

void op_bench_fresh(struct op_bench *b, char out[512])
{
    const char *server = getenv("MSE_TEST_POSTGRES");
    char id[MSE_UUID_LEN];
    assert_status(mse_random_uuid(id), MSE_OK);
    if (server == NULL) {
        (void)snprintf(out, 512, "%s/%.8s.sqlite", b->dir, id);
        return;
    }
    char sql[64];
    (void)snprintf(sql, sizeof sql, "CREATE SCHEMA s%.8s", id);
    PGconn *pg = PQconnectdb(server);
    PGresult *r = PQexec(pg, sql);
    assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
    PQclear(r);
    PQfinish(pg);
    (void)snprintf(out, 512, "%s&options=-csearch_path%%3Ds%.8s", server, id);
}

int op_bench_set_up(void **state)
{
    struct op_bench *b = calloc(1, sizeof *b);
    struct mse_error err = { 0 };
    b->dir = test_tmpdir();
    b->postgres = getenv("MSE_TEST_POSTGRES") != NULL;
    b->by.actor = "msed:test";
    b->by.now = NOW;
    op_bench_fresh(b, b->where);
    mse_status st = mse_op_store_open(&b->s, b->where, true, &err);
    if (st != MSE_OK) {
        print_message("# %s\n", err.text);
    }
    assert_status(st, MSE_OK);
    *state = b;
    return 0;
}

int op_bench_tear_down(void **state)
{
    struct op_bench *b = *state;
    mse_op_store_close(b->s);
    test_tmpdir_remove(b->dir);
    free(b);
    return 0;
}

mse_status op_bench_reopen(struct op_bench *b)
{
    struct mse_error err = { 0 };
    mse_op_store_close(b->s);
    b->s = NULL;
    mse_status st = mse_op_store_open(&b->s, b->where, false, &err);
    assert_status(err.status, st);
    return st;
}

bool op_bench_sql(struct op_bench *b, const char *sqlite, const char *postgres)
{
    bool good = false;
    if (b->postgres) {
        PGconn *pg = PQconnectdb(b->where);
        PGresult *r = PQexec(pg, postgres);
        good = PQresultStatus(r) == PGRES_COMMAND_OK;
        PQclear(r);
        PQfinish(pg);
    } else {
        sqlite3 *db = NULL;
        assert_int_equal(sqlite3_open(b->where, &db), SQLITE_OK);
        good = sqlite3_exec(db, sqlite, NULL, NULL, NULL) == SQLITE_OK;
        (void)sqlite3_close(db);
    }
    return good;
}

struct mse_op_user op_bench_user(struct op_bench *b, const char *name, bool admin)
{
    struct mse_op_user u = { .admin = admin };
    (void)snprintf(u.name, sizeof u.name, "%s", name);
    assert_status(mse_op_user_add(b->s, &b->by, &u, NULL), MSE_OK);
    return u;
}

static mse_status take_id(void *arg, const struct mse_op_project *p)
{
    memcpy(arg, p->id, sizeof p->id);
    return MSE_OK;
}

void op_bench_project(struct op_bench *b, const char *owner_id, char out[MSE_OP_ID_LEN])
{
    assert_status(mse_op_project_list(b->s, owner_id, "default", take_id, out, NULL), MSE_OK);
}
