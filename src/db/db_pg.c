/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL behind the interface: rows one at a time, values in binary. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <libpq-fe.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/util.h"
#include "db/backend.h"

#define STEP           "database"
#define OLDEST_SERVER  130000
#define MAX_SQL        256
#define ADDRESS_LEN    64
#define UNIQUE_BROKEN  "23505"
#define CLASS_BROKEN   "23"   /* integrity constraint violation */
#define CONNECT_WITHIN 10U    /* seconds */
#define SILENT_MS      "4000" /* without an acknowledgement by the server's machine */
#define PATIENCE       60U    /* seconds for a statement, unless somebody has less */
#define GRACE_MS       1000   /* behind which a server that says nothing is given up */

/* Types of columns, as the server numbers them. */
enum {
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT4 = 23,
    OID_TEXT = 25,
};

struct server {
    PGconn *pg;
    const struct mse_db_kind *kind;
    char *where;               /* may hold a password */
    char address[ADDRESS_LEN]; /* of the server, when it was reached last; "": not known */
    bool *prepared;            /* as kind->texts, in this session */
    unsigned patience;
    bool silent; /* the last answer did not come in time */
};

static mse_status no_memory(struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
}

/* The first line of what the server or the library says. */
static mse_status failed(const struct server *s, const PGresult *r, struct mse_error *err)
{
    const char *state = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    mse_status st = MSE_ERR_IO;
    if (s->silent) {
        return MSE_FAIL(err, MSE_ERR_TIMEOUT, STEP, "PostgreSQL gave no answer for %u s",
                        s->patience);
    }
    if (text == NULL) {
        text = PQerrorMessage(s->pg);
    }
    if (state != NULL && strcmp(state, UNIQUE_BROKEN) == 0) {
        st = MSE_ERR_EXISTS;
    } else if (state != NULL && strncmp(state, CLASS_BROKEN, strlen(CLASS_BROKEN)) == 0) {
        st = MSE_ERR_CONFIG;
    }
    return MSE_FAIL(err, st, STEP, "PostgreSQL: %.*s", (int)strcspn(text, "\n"), text);
}

/* Waiting: the library itself would wait for as long as the server takes. */

/* False: nothing happened on the connection until then. */
static bool wait_until(const struct server *s, int64_t end, bool sending)
{
    for (;;) {
        struct pollfd p = { .fd = PQsocket(s->pg),
                            .events = (short)(POLLIN | (sending ? POLLOUT : 0)) };
        int64_t left = end - mse_clock_ms();
        int n = left <= 0 ? 0 : poll(&p, 1, (int)left);
        if (n >= 0 || errno != EINTR) {
            return n > 0;
        }
    }
}

/* Sends what is to be sent, until an answer is there. A server that gives none loses the
 * connection: what the library says next is that it is gone. */
static void await_answer(struct server *s)
{
    int64_t end = mse_clock_ms() + (int64_t)s->patience * 1000 + GRACE_MS;
    int more = PQflush(s->pg);
    while (more > 0 || (more == 0 && PQisBusy(s->pg) == 1)) {
        if (!wait_until(s, end, more > 0)) {
            s->silent = true;
            (void)shutdown(PQsocket(s->pg), SHUT_RDWR);
            return;
        }
        if (PQconsumeInput(s->pg) != 1) {
            return;
        }
        more = PQflush(s->pg);
    }
}

/* NULL: there is none any more. */
static PGresult *next_result(struct server *s)
{
    await_answer(s);
    return PQgetResult(s->pg);
}

static bool is_good(const PGresult *r)
{
    ExecStatusType got = PQresultStatus(r);
    return got == PGRES_COMMAND_OK || got == PGRES_TUPLES_OK;
}

/* The last result of what was sent, or the first that is not good; sent: what sending said. */
static PGresult *answer(struct server *s, int sent)
{
    PGresult *kept = NULL;
    for (PGresult *r = sent == 1 ? next_result(s) : NULL; r != NULL; r = next_result(s)) {
        bool keep = kept == NULL || is_good(kept);
        PQclear(keep ? kept : r);
        kept = keep ? r : kept;
    }
    return kept;
}

static mse_status exec_on(struct server *s, const char *sql, struct mse_error *err)
{
    PGresult *r = answer(s, PQsendQuery(s->pg, sql));
    mse_status st = is_good(r) ? MSE_OK : failed(s, r, err);
    PQclear(r);
    return st;
}

/* A query of the program's own that answers one number; NULL counts as 0. */
static mse_status ask(struct server *s, const char *sql, int64_t *out, struct mse_error *err)
{
    PGresult *r = answer(s, PQsendQuery(s->pg, sql));
    mse_status st = MSE_OK;
    uint64_t n = 0;
    if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) > 1) {
        st = failed(s, r, err);
    } else if (PQntuples(r) == 1 && !PQgetisnull(r, 0, 0) &&
               !mse_u64_parse(&n, mse_bytes_str(PQgetvalue(r, 0, 0)), INT64_MAX)) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "is no %s", s->kind->what);
    } else {
        *out = (int64_t)n;
    }
    PQclear(r);
    return st;
}

static void ignore_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

static mse_status set_patience(struct server *s, struct mse_error *err)
{
    char sql[MAX_SQL];
    (void)snprintf(sql, sizeof sql, "SET statement_timeout = '%us'", s->patience);
    return exec_on(s, sql, err);
}

/* What holds for a session. */
static mse_status settings(struct server *s, struct mse_error *err)
{
    const char *encoding = PQparameterStatus(s->pg, "server_encoding");
    if (PQserverVersion(s->pg) < OLDEST_SERVER) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_VERSION, STEP, "PostgreSQL %d, wanted 13 or later",
                        PQserverVersion(s->pg) / 10000);
    }
    if (encoding == NULL || strcmp(encoding, "UTF8") != 0) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, STEP,
                        "the encoding of the database is %.40s, wanted "
                        "UTF8",
                        encoding == NULL ? "unknown" : encoding);
    }
    if (PQsetnonblocking(s->pg, 1) != 0) {
        return failed(s, NULL, err);
    }
    mse_status st = exec_on(
        s,
        "SET client_encoding = 'UTF8'; SET client_min_messages = warning;"
        " SET synchronous_commit = on; SET default_transaction_isolation = 'read committed';"
        " SET lock_timeout = '5s';"
        " SET idle_in_transaction_session_timeout = '3s';" /* shorter than a node's lease */
        /* The other way round: the session of a machine that is gone ends, and leaves its place. */
        " SET tcp_user_timeout = 4000; SET tcp_keepalives_idle = 5;"
        " SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3",
        err);
    return st == MSE_OK ? set_patience(s, err) : st;
}

/* The version of the schema: -1 if there is none. Fails if there is something else. */
static mse_status version_of(struct server *s, int64_t *out, struct mse_error *err)
{
    char sql[MAX_SQL];
    int64_t ours = 0;
    int64_t tables = 0;
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
                   " AND tablename = '%s'",
                   s->kind->meta);
    mse_status st = ask(s, sql, &ours, err);
    if (st == MSE_OK && ours == 0) {
        st = ask(s,
                 "SELECT count(*) FROM pg_catalog.pg_tables"
                 " WHERE schemaname = current_schema()",
                 &tables, err);
        if (st == MSE_OK && tables > 0) {
            st = MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "is no %s: it holds %d other tables",
                          s->kind->what, (int)tables);
        }
        *out = -1;
        return st;
    }
    (void)snprintf(sql, sizeof sql, "SELECT version FROM %s", s->kind->meta);
    if (st == MSE_OK) {
        st = ask(s, sql, out, err);
    }
    if (st == MSE_OK && *out > s->kind->newest) {
        st = MSE_FAIL(err, MSE_ERR_UNSUPPORTED_VERSION, STEP,
                      "schema version %d, wanted at most %d: a newer mse wrote it", (int)*out,
                      s->kind->newest);
    }
    return st;
}

/* Inside a transaction that holds the lock: nobody else takes steps now. */
static mse_status take_steps(struct server *s, bool create, struct mse_error *err)
{
    char sql[MAX_SQL];
    int64_t version = -1;
    mse_status st = version_of(s, &version, err);
    if (st == MSE_OK && version < 0 && !create) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STEP, "is no %s: it is empty", s->kind->what);
    }
    if (st == MSE_OK && version < 0) {
        (void)snprintf(sql, sizeof sql,
                       "CREATE TABLE %s(version BIGINT NOT NULL); INSERT INTO %s VALUES(0)",
                       s->kind->meta, s->kind->meta);
        st = exec_on(s, sql, err);
        version = 0;
    }
    if (st != MSE_OK || version == s->kind->newest) {
        return st;
    }
    for (int64_t v = version; st == MSE_OK && v < s->kind->newest; v++) {
        st = exec_on(s, s->kind->postgres_steps[v], err);
    }
    (void)snprintf(sql, sizeof sql, "UPDATE %s SET version = %d", s->kind->meta, s->kind->newest);
    return st == MSE_OK ? exec_on(s, sql, err) : st;
}

static mse_status migrate(struct server *s, bool create, struct mse_error *err)
{
    char sql[MAX_SQL];
    (void)snprintf(sql, sizeof sql, "BEGIN; SELECT pg_advisory_xact_lock(%d)",
                   (int)s->kind->application_id);
    mse_status st = exec_on(s, sql, err);
    if (st == MSE_OK) {
        st = take_steps(s, create, err);
    }
    if (st == MSE_OK) {
        return exec_on(s, "COMMIT", err);
    }
    mse_status undone = exec_on(s, "ROLLBACK", NULL);
    (void)undone; /* what failed first is what is told */
    return st;
}

static void close_server(void *impl)
{
    struct server *s = impl;
    PQfinish(s->pg);
    free(s->prepared);
    if (s->where != NULL) {
        mse_wipe(s->where, strlen(s->where));
    }
    free(s->where);
    free(s);
}

/* What the address says comes later and wins. A server that fell silent is given up soon, so that
 * the next transaction begins on a connection that works. address: of the server, "": its name is
 * resolved, for as long as that takes. */
static void connect_once(struct server *s, const char *address)
{
    static const char *const keys[] = { "connect_timeout",
                                        "tcp_user_timeout",
                                        "keepalives_idle",
                                        "keepalives_interval",
                                        "keepalives_count",
                                        "application_name",
                                        "hostaddr",
                                        "dbname",
                                        NULL };
    char within[16];
    const char *const values[] = {
        within, SILENT_MS, "2", "1", "3", "msed", address, s->where, NULL
    };
    unsigned limit = s->patience < CONNECT_WITHIN ? s->patience : CONNECT_WITHIN;
    (void)snprintf(within, sizeof within, "%u", limit);
    for (size_t i = 0; i < s->kind->num_texts; i++) {
        s->prepared[i] = false;
    }
    PQfinish(s->pg);
    s->pg = PQconnectdbParams(keys, values, 1);
}

/* One name with one address; several, which libpq tries in turn, are resolved each time. */
static void remember_address(struct server *s)
{
    const char *host = PQhost(s->pg);
    const char *address = PQhostaddr(s->pg);
    bool one = host != NULL && address != NULL && host[0] != '/' &&
               strstr(s->where, "hostaddr=") == NULL &&
               strcspn(s->where, ",") == strlen(s->where) && strlen(address) < sizeof s->address;
    (void)snprintf(s->address, sizeof s->address, "%s", one ? address : "");
}

/* Where it was before all else: whoever resolves names may be silent. */
static mse_status reach(struct server *s, struct mse_error *err)
{
    if (s->address[0] != '\0') {
        connect_once(s, s->address);
    }
    if (s->address[0] == '\0' || (s->pg != NULL && PQstatus(s->pg) != CONNECTION_OK)) {
        connect_once(s, "");
    }
    if (s->pg == NULL) {
        return no_memory(err);
    }
    if (PQstatus(s->pg) != CONNECTION_OK) {
        return failed(s, NULL, err);
    }
    remember_address(s);
    return MSE_OK;
}

static mse_status connect_to(struct server *s, bool create, struct mse_error *err)
{
    mse_status st = reach(s, err);
    if (st != MSE_OK) {
        return st;
    }
    (void)PQsetNoticeReceiver(s->pg, ignore_notice, NULL);
    st = settings(s, err);
    return st == MSE_OK ? migrate(s, create, err) : st;
}

static mse_status open_it(void **out, const struct mse_db_kind *kind, const char *where,
                          bool create, struct mse_error *err)
{
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return no_memory(err);
    }
    s->kind = kind;
    s->patience = PATIENCE;
    s->where = strdup(where);
    s->prepared = calloc(kind->num_texts, sizeof *s->prepared);
    mse_status st =
        s->where == NULL || s->prepared == NULL ? no_memory(err) : connect_to(s, create, err);
    if (st != MSE_OK) {
        close_server(s);
        return st;
    }
    *out = s;
    return MSE_OK;
}

/* Transactions. */

static mse_status begin_once(struct server *s, enum mse_db_access access, struct mse_error *err)
{
    static const char read[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    mse_status st = exec_on(s, access == MSE_DB_READ ? read : "BEGIN", err);
    return st == MSE_OK && access == MSE_DB_WRITE ? exec_on(s, s->kind->postgres_lock, err) : st;
}

static void rollback(void *impl)
{
    struct server *s = impl;
    if (PQtransactionStatus(s->pg) != PQTRANS_IDLE) {
        mse_status undone = exec_on(s, "ROLLBACK", NULL);
        (void)undone; /* what failed first is what is told */
    }
}

/* A connection that was lost while nothing was under way is made anew: nothing is done twice. Not
 * at once where the server said nothing: nobody waits twice. */
static mse_status begin(void *impl, enum mse_db_access access, struct mse_error *err)
{
    struct server *s = impl;
    struct mse_error why = { .status = MSE_OK };
    s->silent = false;
    mse_status st = begin_once(s, access, &why);
    if (st != MSE_OK && !s->silent && PQstatus(s->pg) != CONNECTION_OK) {
        st = connect_to(s, false, err);
        return st == MSE_OK ? begin_once(s, access, err) : st;
    }
    if (st != MSE_OK) {
        rollback(s);
        return MSE_FAIL(err, st, STEP, "%s", why.text);
    }
    return MSE_OK;
}

/* COMMIT of a transaction that failed rolls back and says so by its name only. */
static mse_status commit(void *impl, struct mse_error *err)
{
    struct server *s = impl;
    PGresult *r = answer(s, PQsendQuery(s->pg, "COMMIT"));
    mse_status st = MSE_OK;
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        st = failed(s, r, err);
    } else if (strcmp(PQcmdStatus(r), "COMMIT") != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, STEP, "PostgreSQL: the transaction was undone");
    }
    PQclear(r);
    return st;
}

/* Statements. */

static void name_of(char out[24], size_t which)
{
    (void)snprintf(out, 24, "s%zu", which);
}

static mse_status prepare(void *impl, size_t which, struct mse_error *err)
{
    struct server *s = impl;
    char name[24];
    if (s->prepared[which]) {
        return MSE_OK;
    }
    name_of(name, which);
    PGresult *r = answer(s, PQsendPrepare(s->pg, name, s->kind->texts[which], 0, NULL));
    mse_status st = PQresultStatus(r) == PGRES_COMMAND_OK ? MSE_OK : failed(s, r, err);
    s->prepared[which] = st == MSE_OK;
    PQclear(r);
    return st;
}

/* Parameters as libpq wants them. Numbers as text, so that the server may take them for any type;
 * bytes and text in binary, where a length counts. */
struct params {
    const char *values[MSE_DB_MAX_COLUMNS];
    int lengths[MSE_DB_MAX_COLUMNS];
    int formats[MSE_DB_MAX_COLUMNS];
    char numbers[MSE_DB_MAX_COLUMNS][24];
};

static mse_status params_of(struct params *p, const struct mse_db_query *q, struct mse_error *err)
{
    for (size_t i = 0; i < q->num_params; i++) {
        const struct mse_db_value *v = &q->params[i];
        p->values[i] = NULL;
        p->lengths[i] = 0;
        p->formats[i] = 0;
        if (v->type == MSE_DB_INT) {
            (void)snprintf(p->numbers[i], sizeof p->numbers[i], "%lld", (long long)v->number);
            p->values[i] = p->numbers[i];
        } else if (v->type != MSE_DB_NULL) {
            if (v->bytes.len > INT32_MAX) {
                return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "a value of more than 2 GiB");
            }
            p->values[i] = v->bytes.len == 0 ? "" : (const char *)v->bytes.data;
            p->lengths[i] = (int)v->bytes.len;
            p->formats[i] = 1;
        }
    }
    return MSE_OK;
}

static mse_status column(struct mse_db_value *out, const PGresult *r, int at, struct mse_error *err)
{
    struct mse_db_value v = { .type = MSE_DB_NULL };
    if (PQgetisnull(r, 0, at)) {
        *out = v;
        return MSE_OK;
    }
    v.bytes = mse_bytes_of(PQgetvalue(r, 0, at), (size_t)PQgetlength(r, 0, at));
    struct mse_bytes b = v.bytes;
    uint64_t n = 0;
    uint32_t small = 0;
    bool good = true;
    switch (PQftype(r, at)) {
    case OID_INT8:
        good = mse_rd_u64be(&b, &n) && b.len == 0;
        v = mse_db_int((int64_t)n);
        break;
    case OID_INT4:
        good = mse_rd_u32be(&b, &small) && b.len == 0;
        v = mse_db_int((int32_t)small);
        break;
    case OID_TEXT:
        v.type = MSE_DB_TEXT;
        break;
    case OID_BYTEA:
        v.type = MSE_DB_BLOB;
        break;
    default:
        good = false;
    }
    if (!good) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "column %d has type %u", at,
                        (unsigned)PQftype(r, at));
    }
    *out = v;
    return MSE_OK;
}

static mse_status take_row(const struct mse_db_query *q, const PGresult *r, struct mse_error *err)
{
    struct mse_db_value row[MSE_DB_MAX_COLUMNS];
    int num = PQnfields(r);
    mse_status st = MSE_OK;
    MSE_ASSERT(num <= MSE_DB_MAX_COLUMNS);
    if (q->row == NULL) {
        return MSE_OK;
    }
    for (int i = 0; st == MSE_OK && i < num; i++) {
        st = column(&row[i], r, i, err);
    }
    return st == MSE_OK ? q->row(q->user, row, (size_t)num, err) : st;
}

static void count_changed(const struct mse_db_query *q, PGresult *r)
{
    uint64_t n = 0;
    if (q->changed != NULL && !mse_u64_parse(&n, mse_bytes_str(PQcmdTuples(r)), INT64_MAX)) {
        n = 0; /* nothing that changes rows */
    }
    if (q->changed != NULL) {
        *q->changed = n;
    }
}

static mse_status take_result(const struct server *s, const struct mse_db_query *q, PGresult *r,
                              struct mse_error *err)
{
    ExecStatusType got = PQresultStatus(r);
    if (got == PGRES_SINGLE_TUPLE) {
        return take_row(q, r, err);
    }
    if (got != PGRES_TUPLES_OK && got != PGRES_COMMAND_OK) {
        return failed(s, r, err);
    }
    count_changed(q, r);
    return MSE_OK;
}

static mse_status run(void *impl, const struct mse_db_query *q, struct mse_error *err)
{
    struct server *s = impl;
    struct params p;
    char name[24];
    name_of(name, q->which);
    mse_status st = params_of(&p, q, err);
    if (st != MSE_OK) {
        return st;
    }
    if (PQsendQueryPrepared(s->pg, name, (int)q->num_params, p.values, p.lengths, p.formats, 1) !=
            1 ||
        PQsetSingleRowMode(s->pg) != 1) {
        return failed(s, NULL, err);
    }
    for (PGresult *r = next_result(s); r != NULL; r = next_result(s)) {
        if (st == MSE_OK) {
            st = take_result(s, q, r, err);
        }
        PQclear(r);
    }
    return st;
}

static mse_status exec(void *impl, const char *sql, struct mse_error *err)
{
    return exec_on(impl, sql, err);
}

static mse_status patience(void *impl, unsigned seconds, struct mse_error *err)
{
    struct server *s = impl;
    s->patience = seconds;
    return set_patience(s, err);
}

static mse_status clock_ms(void *impl, int64_t *out, struct mse_error *err)
{
    return ask(impl, "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)",
               out, err);
}

const struct mse_db_backend mse_db_postgres = {
    .open = open_it,
    .close = close_server,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .prepare = prepare,
    .run = run,
    .exec = exec,
    .clock_ms = clock_ms,
    .patience = patience,
};
