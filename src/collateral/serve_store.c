/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that belong to no single platform. */
#include "collateral/serve_db.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

static void bind_key(sqlite3_stmt *q, const struct mse_serve_key *k)
{
    (void)sqlite3_bind_int(q, 1, (int)k->kind);
    mse_sqlite_bind(q, 2, mse_bytes_of(k->fmspc, sizeof k->fmspc));
    (void)sqlite3_bind_int64(q, 3, k->set);
}

/* The row of exactly this key, as it stands there. */
static mse_status read_row(struct mse_serve_store *s, struct mse_fetched *out,
                           const struct mse_serve_key *k, struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_OBJECT_GET);
    bind_key(q, k);
    int rc = sqlite3_step(q);
    if (rc == SQLITE_DONE) {
        (void)sqlite3_reset(q);
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "store", "it is not in the cache");
    }
    if (rc != SQLITE_ROW) {
        return mse_serve_sql_failed(s, err);
    }
    mse_build_reset(&out->body);
    mse_build_reset(&out->chain);
    mse_wr_bytes(&out->body, mse_sqlite_column(q, 0));
    mse_wr_bytes(&out->chain, mse_sqlite_column(q, 1));
    out->from = sqlite3_column_int64(q, 2);
    out->evaluation_number = (uint32_t)sqlite3_column_int64(q, 3);
    (void)sqlite3_reset(q);
    return mse_build_ok(&out->body) && mse_build_ok(&out->chain)
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_MEMORY, "store", "out of memory");
}

/* A CRL that is genuine and in date now, or nothing. */
static struct mse_bytes load_crl(struct mse_serve_store *s, struct mse_fetched *o,
                                 enum mse_serve_kind kind, const struct mse_serve_trust *t,
                                 mse_time now)
{
    struct mse_serve_key k = { .kind = kind, .set = MSE_SERVE_STANDARD };
    struct mse_bytes none = { 0 };
    mse_fetched_init(o);
    if (read_row(s, o, &k, NULL) != MSE_OK || mse_serve_check(o, &k, t, now, NULL) != MSE_OK) {
        return none;
    }
    return mse_build_view(&o->body);
}

void mse_serve_crls_load(struct mse_serve_store *s, struct mse_serve_crls *out,
                         struct mse_serve_trust *trust, mse_time now)
{
    struct mse_serve_trust t = { .root_point = s->root_point };
    t.root_crl = load_crl(s, &out->root, MSE_SERVE_CRL_ROOT, &t, now);
    t.platform_crl = load_crl(s, &out->platform, MSE_SERVE_CRL_PLATFORM, &t, now);
    t.processor_crl = load_crl(s, &out->processor, MSE_SERVE_CRL_PROCESSOR, &t, now);
    *trust = t;
}

void mse_serve_crls_clear(struct mse_serve_crls *c)
{
    mse_fetched_clear(&c->root);
    mse_fetched_clear(&c->platform);
    mse_fetched_clear(&c->processor);
}

static mse_status judge(struct mse_serve_store *s, struct mse_fetched *o,
                        const struct mse_serve_key *k, mse_time now, struct mse_error *err)
{
    struct mse_serve_crls crls;
    struct mse_serve_trust trust;
    mse_serve_crls_load(s, &crls, &trust, now);
    mse_status st = mse_serve_check(o, k, &trust, now, err);
    mse_serve_crls_clear(&crls);
    return st;
}

/* What is there may only be replaced by what is newer. */
static mse_status may_replace(struct mse_serve_store *s, const struct mse_serve_key *k,
                              const struct mse_fetched *o, struct mse_error *err)
{
    struct mse_fetched old;
    char date[2][MSE_TIME_TEXT_LEN];
    mse_fetched_init(&old);
    mse_status st = read_row(s, &old, k, NULL);
    if (st == MSE_ERR_NOT_FOUND) {
        st = MSE_OK;
    } else if (st != MSE_OK) {
        st = MSE_FAIL(err, st, "store", "the old object could not be read");
    } else if (o->evaluation_number < old.evaluation_number) {
        st = MSE_FAIL(err, MSE_ERR_TCB_EVALUATION_NUMBER, "tcbEvaluationDataNumber",
                      "%u, wanted at least %u, which is there", o->evaluation_number,
                      old.evaluation_number);
    } else if (o->evaluation_number == old.evaluation_number && o->from < old.from) {
        mse_time_format(date[0], o->from);
        mse_time_format(date[1], old.from);
        st = MSE_FAIL(err, MSE_ERR_EXISTS, "issueDate", "%s, but one of %s is there", date[0],
                      date[1]);
    }
    mse_fetched_clear(&old);
    return st;
}

static mse_status write_row(struct mse_serve_store *s, const struct mse_serve_key *k,
                            const struct mse_fetched *o, mse_time now, struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_OBJECT_PUT);
    bind_key(q, k);
    mse_sqlite_bind(q, 4, mse_build_view(&o->body));
    mse_sqlite_bind(q, 5, mse_build_view(&o->chain));
    (void)sqlite3_bind_int64(q, 6, o->from);
    (void)sqlite3_bind_int64(q, 7, o->until);
    (void)sqlite3_bind_int64(q, 8, o->evaluation_number);
    (void)sqlite3_bind_int64(q, 9, now);
    return mse_serve_run_sql(s, SQL_OBJECT_PUT, err);
}

mse_status mse_serve_store_put(struct mse_serve_store *s, const struct mse_serve_key *k,
                               struct mse_fetched *o, mse_time now, struct mse_error *err)
{
    if (o->body.len > MSE_FETCH_MAX_BODY || o->chain.len > MSE_FETCH_MAX_CHAIN) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "store", "%zu bytes, wanted at most %zu",
                        o->body.len, MSE_FETCH_MAX_BODY);
    }
    mse_status st = judge(s, o, k, now, err);
    if (st != MSE_OK) {
        return st;
    }
    (void)mse_serve_stmt(s, SQL_BEGIN);
    st = mse_serve_run_sql(s, SQL_BEGIN, err);
    if (st != MSE_OK) {
        return st;
    }
    st = may_replace(s, k, o, err);
    if (st == MSE_OK) {
        st = write_row(s, k, o, now, err);
    }
    return mse_serve_end(s, st, err);
}

/* A numbered set may lie under another name. */
static mse_status find_number(struct mse_serve_store *s, struct mse_fetched *out,
                              const struct mse_serve_key *k, struct mse_error *err)
{
    struct mse_serve_key found = *k;
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_OBJECT_BY_NUMBER);
    bind_key(q, k);
    int rc = sqlite3_step(q);
    if (rc == SQLITE_ROW) {
        found.set = sqlite3_column_int64(q, 0);
    }
    (void)sqlite3_reset(q);
    return read_row(s, out, &found, err);
}

mse_status mse_serve_store_get(struct mse_serve_store *s, struct mse_fetched *out,
                               const struct mse_serve_key *k, mse_time now, struct mse_error *err)
{
    struct mse_fetched o;
    mse_fetched_init(&o);
    mse_status st = k->set >= 0 ? find_number(s, &o, k, err) : read_row(s, &o, k, err);
    if (st == MSE_OK) {
        st = judge(s, &o, k, now, err);
    }
    if (st != MSE_OK) {
        mse_fetched_clear(&o);
        return st;
    }
    mse_fetched_clear(out);
    *out = o;
    return MSE_OK;
}

mse_status mse_serve_store_each(struct mse_serve_store *s, mse_time fetched_before,
                                bool (*each)(void *user, const struct mse_serve_key *k), void *user,
                                struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_OBJECT_OLD);
    (void)sqlite3_bind_int64(q, 1, fetched_before);
    int rc = SQLITE_ROW;
    bool more = true;
    while (more && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        struct mse_serve_key k = { .kind = (enum mse_serve_kind)sqlite3_column_int(q, 0),
                                   .set = sqlite3_column_int64(q, 2) };
        struct mse_bytes fmspc = mse_sqlite_column(q, 1);
        if (fmspc.len == sizeof k.fmspc && k.kind >= 1 && k.kind < MSE_SERVE_KIND_END) {
            memcpy(k.fmspc, fmspc.data, sizeof k.fmspc);
            more = each(user, &k);
        }
    }
    mse_status st = rc == SQLITE_ROW || rc == SQLITE_DONE ? MSE_OK : mse_serve_sql_failed(s, err);
    (void)sqlite3_reset(q);
    return st;
}
