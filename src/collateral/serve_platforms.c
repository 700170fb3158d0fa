/* SPDX-License-Identifier: Apache-2.0 */
/* Platforms, their PCK certificates, and those that wait for an administrator. */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "collateral/serve_db.h"

#define MAX_HEX ((size_t)2 * MSE_SERVE_PPID_LEN + 1)

void mse_serve_cert_init(struct mse_serve_cert *c)
{
    struct mse_serve_cert empty = { 0 };
    *c = empty;
    mse_build_heap(&c->pem, MSE_FETCH_MAX_CHAIN);
    mse_build_heap(&c->chain, MSE_FETCH_MAX_CHAIN);
}

void mse_serve_cert_clear(struct mse_serve_cert *c)
{
    mse_build_clear(&c->pem);
    mse_build_clear(&c->chain);
}

static struct mse_bytes tcbm_of(const struct mse_serve_pck_facts *f)
{
    return mse_bytes_of(f->tcbm, sizeof f->tcbm);
}

static uint16_t pce_svn_of(const uint8_t raw[2])
{
    return (uint16_t)(raw[0] | (raw[1] << 8));
}

/* Storing. */

struct judged {
    size_t num;
    struct mse_serve_pck_facts facts[MSE_SERVE_MAX_CERTS];
};

/* Certificates of one machine: genuine each, and alike in all that is not TCB. */
static mse_status judge_certs(struct mse_serve_store *s, struct judged *out,
                              const struct mse_serve_certs *c, mse_time now, struct mse_error *err)
{
    struct mse_serve_crls crls;
    struct mse_serve_trust trust;
    mse_status st = MSE_OK;
    mse_serve_crls_load(s, &crls, &trust, now);
    for (size_t i = 0; st == MSE_OK && i < c->num; i++) {
        struct mse_serve_pck_facts *f = &out->facts[i];
        st = mse_serve_check_pck(f, c->pem[i], c->chain, &trust, now, err);
        if (st == MSE_OK && !mse_mem_equal(f->pce_id, c->platform->pce_id, sizeof f->pce_id)) {
            st = MSE_FAIL(err, MSE_ERR_ARGUMENT, "pce_id",
                          "certificate %zu is of another PCE-ID than the platform", i + 1);
        }
        if (st == MSE_OK && (!mse_mem_equal(f->ppid, out->facts[0].ppid, sizeof f->ppid) ||
                             !mse_mem_equal(f->fmspc, out->facts[0].fmspc, sizeof f->fmspc))) {
            st = MSE_FAIL(err, MSE_ERR_ARGUMENT, "ppid",
                          "certificate %zu is of another machine than the first", i + 1);
        }
    }
    mse_serve_crls_clear(&crls);
    out->num = c->num;
    return st;
}

static mse_status put_chain(struct mse_serve_store *s, bool platform_ca, struct mse_bytes chain,
                            struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_CHAIN_PUT);
    (void)sqlite3_bind_int(q, 1, platform_ca ? 1 : 0);
    mse_sqlite_bind(q, 2, chain);
    return mse_serve_run_sql(s, SQL_CHAIN_PUT, err);
}

static mse_status put_platform(struct mse_serve_store *s, int64_t *id,
                               const struct mse_serve_platform *p,
                               const struct mse_serve_pck_facts *f, bool complete,
                               struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_PLATFORM_PUT);
    mse_sqlite_bind(q, 1, mse_bytes_of(p->qe_id, sizeof p->qe_id));
    mse_sqlite_bind(q, 2, mse_bytes_of(p->pce_id, sizeof p->pce_id));
    mse_sqlite_bind(q, 3, mse_bytes_of(f->fmspc, sizeof f->fmspc));
    (void)sqlite3_bind_int(q, 4, f->platform_ca ? 1 : 0);
    (void)sqlite3_bind_int(q, 5, complete ? 1 : 0);
    if (sqlite3_step(q) != SQLITE_ROW) {
        return mse_serve_sql_failed(s, err);
    }
    *id = sqlite3_column_int64(q, 0);
    (void)sqlite3_reset(q);
    return MSE_OK;
}

static mse_status run_with_id(struct mse_serve_store *s, enum mse_serve_sql which, int64_t id,
                              struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, which);
    (void)sqlite3_bind_int64(q, 1, id);
    return mse_serve_run_sql(s, which, err);
}

static mse_status put_cert(struct mse_serve_store *s, int64_t id, struct mse_bytes tcbm,
                           struct mse_bytes pem, struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_CERT_PUT);
    (void)sqlite3_bind_int64(q, 1, id);
    mse_sqlite_bind(q, 2, tcbm);
    mse_sqlite_bind(q, 3, pem);
    return mse_serve_run_sql(s, SQL_CERT_PUT, err);
}

static mse_status put_tcb(struct mse_serve_store *s, int64_t id, const struct mse_serve_platform *p,
                          struct mse_bytes tcbm, struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_TCB_PUT);
    (void)sqlite3_bind_int64(q, 1, id);
    mse_sqlite_bind(q, 2, mse_bytes_of(p->cpu_svn, sizeof p->cpu_svn));
    mse_sqlite_bind(q, 3, mse_bytes_of(p->pce_svn, sizeof p->pce_svn));
    mse_sqlite_bind(q, 4, tcbm);
    return mse_serve_run_sql(s, SQL_TCB_PUT, err);
}

/* What is known of a platform. */
struct known {
    int64_t id; /* 0: nothing */
    bool platform_ca;
    bool complete;
    uint8_t fmspc[6];
};

static mse_status find_platform(struct mse_serve_store *s, struct known *out,
                                const struct mse_serve_platform *p, struct mse_error *err)
{
    struct known k = { 0 };
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_PLATFORM_GET);
    mse_sqlite_bind(q, 1, mse_bytes_of(p->qe_id, sizeof p->qe_id));
    mse_sqlite_bind(q, 2, mse_bytes_of(p->pce_id, sizeof p->pce_id));
    int rc = sqlite3_step(q);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return mse_serve_sql_failed(s, err);
    }
    if (rc == SQLITE_ROW) {
        struct mse_bytes fmspc = mse_sqlite_column(q, 1);
        if (fmspc.len == sizeof k.fmspc) {
            memcpy(k.fmspc, fmspc.data, sizeof k.fmspc);
        }
        k.id = sqlite3_column_int64(q, 0);
        k.platform_ca = sqlite3_column_int(q, 2) != 0;
        k.complete = sqlite3_column_int(q, 3) != 0;
    }
    (void)sqlite3_reset(q);
    *out = k;
    return MSE_OK;
}

/* Anybody may ask for a certificate under a QE-ID that is not theirs, with the PPID of a machine
 * that is: what comes for one TCB has to be of the machine that the platform's certificates are of.
 */
static mse_status same_machine(struct mse_serve_store *s, int64_t id,
                               const struct mse_serve_pck_facts *f, struct mse_error *err)
{
    struct mse_serve_pck_facts old;
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_CERTS_GET);
    (void)sqlite3_bind_int64(q, 1, id);
    int rc = sqlite3_step(q);
    mse_status st = MSE_OK;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        st = mse_serve_sql_failed(s, err);
    } else if (rc == SQLITE_ROW && mse_serve_read_pck(&old, mse_sqlite_column(q, 1)) == MSE_OK &&
               (!mse_mem_equal(old.ppid, f->ppid, sizeof f->ppid) ||
                !mse_mem_equal(old.fmspc, f->fmspc, sizeof f->fmspc))) {
        st = MSE_FAIL(err, MSE_ERR_EXISTS, "ppid",
                      "the platform has certificates of another machine already");
    }
    (void)sqlite3_reset(q);
    return st;
}

static mse_status write_certs(struct mse_serve_store *s, const struct mse_serve_certs *c,
                              const struct judged *j, struct mse_error *err)
{
    struct known old = { .id = 0 };
    int64_t id = 0;
    mse_status st = find_platform(s, &old, c->platform, err);
    if (st == MSE_OK && old.id != 0 && !c->all) {
        st = same_machine(s, old.id, &j->facts[0], err);
    }
    if (st == MSE_OK) {
        st = put_chain(s, j->facts[0].platform_ca, c->chain, err);
    }
    if (st == MSE_OK) {
        st = put_platform(s, &id, c->platform, &j->facts[0], c->all || old.complete, err);
    }
    if (st == MSE_OK && c->all) {
        st = run_with_id(s, SQL_TCBS_CLEAR, id, err);
        if (st == MSE_OK) {
            st = run_with_id(s, SQL_CERTS_CLEAR, id, err);
        }
    }
    for (size_t i = 0; st == MSE_OK && i < c->num; i++) {
        st = put_cert(s, id, tcbm_of(&j->facts[i]), c->pem[i], err);
    }
    if (st == MSE_OK && !c->all) {
        st = put_tcb(s, id, c->platform, tcbm_of(&j->facts[0]), err);
    }
    return st;
}

mse_status mse_serve_store_put_certs(struct mse_serve_store *s, const struct mse_serve_certs *c,
                                     mse_time now, struct mse_error *err)
{
    if (c->num == 0 || c->num > MSE_SERVE_MAX_CERTS || (!c->all && c->num != 1)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "certs", "%zu certificates, wanted 1 to %d", c->num,
                        MSE_SERVE_MAX_CERTS);
    }
    struct judged *j = malloc(sizeof *j);
    if (j == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "certs", "out of memory");
    }
    mse_status st = judge_certs(s, j, c, now, err);
    if (st == MSE_OK) {
        (void)mse_serve_stmt(s, SQL_BEGIN);
        st = mse_serve_run_sql(s, SQL_BEGIN, err);
        if (st == MSE_OK) {
            st = mse_serve_end(s, write_certs(s, c, j, err), err);
        }
    }
    free(j);
    return st;
}

/* Finding. */

/* The certificate that was chosen for this raw TCB before. */
static mse_status find_chosen(struct mse_serve_store *s, struct mse_build *pem, int64_t id,
                              const struct mse_serve_platform *p, struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_TCB_GET);
    (void)sqlite3_bind_int64(q, 1, id);
    mse_sqlite_bind(q, 2, mse_bytes_of(p->cpu_svn, sizeof p->cpu_svn));
    mse_sqlite_bind(q, 3, mse_bytes_of(p->pce_svn, sizeof p->pce_svn));
    int rc = sqlite3_step(q);
    if (rc == SQLITE_ROW) {
        mse_wr_bytes(pem, mse_sqlite_column(q, 0));
    }
    (void)sqlite3_reset(q);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return mse_serve_sql_failed(s, err);
    }
    return rc == SQLITE_ROW ? MSE_OK : MSE_ERR_NOT_FOUND;
}

/* The TCB info that orders the certificates: the early one is the one with all levels. */
static mse_status load_levels(struct mse_serve_store *s, struct mse_tcb_info *out,
                              const uint8_t fmspc[6], mse_time now, struct mse_error *err)
{
    struct mse_serve_key k = { .kind = MSE_SERVE_TCB_SGX, .set = MSE_SERVE_EARLY };
    struct mse_fetched o;
    struct mse_bytes body;
    uint8_t sig[64];
    mse_fetched_init(&o);
    memcpy(k.fmspc, fmspc, sizeof k.fmspc);
    mse_status st = mse_serve_store_get(s, &o, &k, now, NULL);
    if (st != MSE_OK) {
        k.set = MSE_SERVE_STANDARD;
        st = mse_serve_store_get(s, &o, &k, now, err);
    }
    if (st == MSE_OK) {
        st = mse_signed_json_split(&body, sig, mse_build_view(&o.body), "tcbInfo", err);
    }
    if (st == MSE_OK) {
        st = mse_tcb_info_parse(out, body, err);
    }
    mse_fetched_clear(&o);
    return st;
}

/* The TCBs of a platform's certificates, as their rows name them. */
static mse_status load_candidates(struct mse_serve_store *s, struct mse_serve_candidate *out,
                                  size_t *num, int64_t id, struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_CERTS_GET);
    int rc = SQLITE_DONE;
    size_t n = 0;
    (void)sqlite3_bind_int64(q, 1, id);
    while (n < MSE_SERVE_MAX_CERTS && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        struct mse_bytes tcbm = mse_sqlite_column(q, 0);
        uint8_t pce[2];
        if (mse_rd_copy(&tcbm, out[n].cpu_svn, sizeof out[n].cpu_svn) &&
            mse_rd_copy(&tcbm, pce, sizeof pce) && tcbm.len == 0) {
            out[n++].pce_svn = pce_svn_of(pce);
        }
    }
    (void)sqlite3_reset(q);
    *num = n;
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? MSE_OK : mse_serve_sql_failed(s, err);
}

static mse_status choose(struct mse_serve_store *s, const struct known *k,
                         const struct mse_serve_platform *p, mse_time now, struct mse_error *err)
{
    struct mse_serve_candidate certs[MSE_SERVE_MAX_CERTS];
    uint8_t tcbm[18];
    size_t num = 0;
    size_t best = SIZE_MAX;
    struct mse_tcb_info *info = malloc(sizeof *info);
    mse_status st = info == NULL ? MSE_ERR_MEMORY : load_levels(s, info, k->fmspc, now, err);
    if (st == MSE_OK) {
        st = load_candidates(s, certs, &num, k->id, err);
    }
    if (st == MSE_OK) {
        best = mse_serve_select(certs, num, p->cpu_svn, pce_svn_of(p->pce_svn), info);
    }
    free(info);
    if (st != MSE_OK || best == SIZE_MAX) {
        return st != MSE_OK ? st
                            : MSE_FAIL(err, MSE_ERR_NOT_FOUND, "pckcert",
                                       "the platform reaches the TCB of no certificate");
    }
    memcpy(tcbm, certs[best].cpu_svn, 16);
    tcbm[16] = (uint8_t)(certs[best].pce_svn & 0xff);
    tcbm[17] = (uint8_t)(certs[best].pce_svn >> 8);
    return put_tcb(s, k->id, p, mse_bytes_of(tcbm, sizeof tcbm), err);
}

static mse_status load_chain(struct mse_serve_store *s, struct mse_build *out, bool platform_ca,
                             struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_CHAIN_GET);
    (void)sqlite3_bind_int(q, 1, platform_ca ? 1 : 0);
    int rc = sqlite3_step(q);
    if (rc == SQLITE_ROW) {
        mse_wr_bytes(out, mse_sqlite_column(q, 0));
    }
    (void)sqlite3_reset(q);
    return rc == SQLITE_ROW && mse_build_ok(out) ? MSE_OK : mse_serve_sql_failed(s, err);
}

static mse_status find_cert(struct mse_serve_store *s, struct mse_serve_cert *out,
                            const struct mse_serve_platform *p, mse_time now, struct mse_error *err)
{
    struct known k = { .id = 0 };
    mse_status st = find_platform(s, &k, p, err);
    if (st != MSE_OK || k.id == 0) {
        return st != MSE_OK
                   ? st
                   : MSE_FAIL(err, MSE_ERR_NOT_FOUND, "pckcert", "the platform is not known");
    }
    st = find_chosen(s, &out->pem, k.id, p, err);
    if (st == MSE_ERR_NOT_FOUND && k.complete) {
        st = choose(s, &k, p, now, err);
        if (st == MSE_OK) {
            st = find_chosen(s, &out->pem, k.id, p, err);
        }
    }
    if (st == MSE_ERR_NOT_FOUND) {
        return MSE_FAIL(err, st, "pckcert", "no certificate for this TCB");
    }
    return st == MSE_OK ? load_chain(s, &out->chain, k.platform_ca, err) : st;
}

mse_status mse_serve_store_get_cert(struct mse_serve_store *s, struct mse_serve_cert *out,
                                    const struct mse_serve_platform *p, mse_time now,
                                    struct mse_error *err)
{
    struct mse_serve_cert c;
    struct mse_serve_crls crls;
    struct mse_serve_trust trust;
    mse_serve_cert_init(&c);
    mse_status st = find_cert(s, &c, p, now, err);
    if (st == MSE_OK) {
        mse_serve_crls_load(s, &crls, &trust, now);
        st = mse_serve_check_pck(&c.facts, mse_build_view(&c.pem), mse_build_view(&c.chain), &trust,
                                 now, err);
        mse_serve_crls_clear(&crls);
    }
    if (st != MSE_OK) {
        mse_serve_cert_clear(&c);
        return st;
    }
    mse_serve_cert_clear(out);
    *out = c;
    return MSE_OK;
}

/* Those that wait. */

static void bind_raw(sqlite3_stmt *q, const struct mse_serve_platform *p)
{
    mse_sqlite_bind(q, 1, mse_bytes_of(p->qe_id, sizeof p->qe_id));
    mse_sqlite_bind(q, 2, mse_bytes_of(p->pce_id, sizeof p->pce_id));
    mse_sqlite_bind(q, 3, mse_bytes_of(p->cpu_svn, sizeof p->cpu_svn));
    mse_sqlite_bind(q, 4, mse_bytes_of(p->pce_svn, sizeof p->pce_svn));
}

mse_status mse_serve_store_register(struct mse_serve_store *s, const struct mse_serve_platform *p,
                                    struct mse_bytes manifest, enum mse_serve_source state,
                                    struct mse_error *err)
{
    sqlite3_stmt *q = mse_serve_stmt(s, SQL_REG_COUNT);
    if (sqlite3_step(q) != SQLITE_ROW) {
        return mse_serve_sql_failed(s, err);
    }
    int64_t num = sqlite3_column_int64(q, 0);
    (void)sqlite3_reset(q);
    if (num >= MSE_SERVE_MAX_REGISTERED || manifest.len > MSE_SERVE_MAX_MANIFEST) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "platforms",
                        "%lld platforms wait already, or the manifest is too long", (long long)num);
    }
    q = mse_serve_stmt(s, SQL_REG_PUT);
    bind_raw(q, p);
    mse_sqlite_bind(q, 5,
                    mse_bytes_of(p->encrypted_ppid, p->has_ppid ? sizeof p->encrypted_ppid : 0));
    mse_sqlite_bind(q, 6, manifest);
    (void)sqlite3_bind_int(q, 7, (int)state);
    return mse_serve_run_sql(s, SQL_REG_PUT, err);
}

mse_status mse_serve_store_forget(struct mse_serve_store *s, const struct mse_serve_platform *p,
                                  struct mse_error *err)
{
    bind_raw(mse_serve_stmt(s, SQL_REG_DELETE), p);
    return mse_serve_run_sql(s, SQL_REG_DELETE, err);
}

static void write_member(struct mse_build *out, const char *name, struct mse_bytes value)
{
    char hex[MAX_HEX];
    if (2 * value.len < sizeof hex) {
        mse_hex_encode(hex, value);
        mse_wr_printf(out, "%s\"%s\":\"%s\"", out->data[out->len - 1] == '{' ? "" : ",", name, hex);
    }
}

static void write_platform(struct mse_build *out, sqlite3_stmt *q)
{
    static const char *const names[] = { "qe_id", "pce_id", "cpu_svn", "pce_svn", "enc_ppid" };
    mse_wr_str(out, out->data[out->len - 1] == '[' ? "{" : ",{");
    for (int i = 0; i < (int)MSE_ARRAY_LEN(names) && mse_build_ok(out); i++) {
        write_member(out, names[i], mse_sqlite_column(q, i));
    }
    mse_wr_str(out, ",\"platform_manifest\":\"");
    mse_wr_bytes(out, mse_sqlite_column(q, 5)); /* hexadecimal digits, checked when it came */
    mse_wr_str(out, "\"}");
}

static bool wanted(sqlite3_stmt *q, const struct mse_serve_request *r)
{
    if (r->source != MSE_SERVE_CACHED || r->num_fmspcs == 0) {
        return true;
    }
    struct mse_bytes fmspc = mse_sqlite_column(q, 6);
    for (size_t i = 0; i < r->num_fmspcs; i++) {
        if (mse_bytes_equal(fmspc, mse_bytes_of(r->fmspcs[i], sizeof r->fmspcs[i]))) {
            return true;
        }
    }
    return false;
}

static mse_status list_rows(struct mse_serve_store *s, struct mse_build *out, size_t *num,
                            const struct mse_serve_request *r, struct mse_error *err)
{
    bool cached = r->source == MSE_SERVE_CACHED;
    sqlite3_stmt *q = mse_serve_stmt(s, cached ? SQL_PLATFORM_LIST : SQL_REG_LIST);
    size_t n = 0;
    int rc = SQLITE_DONE;
    if (!cached) {
        (void)sqlite3_bind_int(q, 1, (int)r->source);
    }
    mse_wr_str(out, "[");
    while (mse_build_ok(out) && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        if (wanted(q, r)) {
            write_platform(out, q);
            n++;
        }
    }
    mse_wr_str(out, "]");
    (void)sqlite3_reset(q);
    *num = n;
    if (!mse_build_ok(out)) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "platforms", "the list is too long");
    }
    return rc == SQLITE_DONE ? MSE_OK : mse_serve_sql_failed(s, err);
}

mse_status mse_serve_store_list(struct mse_serve_store *s, struct mse_build *out, size_t *num,
                                const struct mse_serve_request *q, struct mse_error *err)
{
    (void)mse_serve_stmt(s, SQL_BEGIN);
    mse_status st = mse_serve_run_sql(s, SQL_BEGIN, err);
    if (st != MSE_OK) {
        return st;
    }
    st = list_rows(s, out, num, q, err);
    if (st == MSE_OK && q->source != MSE_SERVE_CACHED) {
        (void)sqlite3_bind_int(mse_serve_stmt(s, SQL_REG_CLEAR), 1, (int)q->source);
        st = mse_serve_run_sql(s, SQL_REG_CLEAR, err);
    }
    return mse_serve_end(s, st, err);
}
