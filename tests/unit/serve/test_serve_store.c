/* SPDX-License-Identifier: Apache-2.0 */
/* What the served store takes, what it refuses and with which status, and what its file survives.
 */
#include "lib/testlib.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/bytes.h"
#include "base/util.h"
#include "collateral/serve_import.h"
#include "unit/serve/world.h"

#define NOW ((mse_time)1800000000)

struct bench {
    struct world w;
    char *dir;
    char path[200];
    struct mse_serve_store *s;
};

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    world_init(&b->w, NOW);
    b->dir = test_tmpdir();
    (void)snprintf(b->path, sizeof b->path, "%s/db.sqlite", b->dir);
    assert_status(mse_serve_store_open(&b->s, b->path, b->w.root_point, NULL), MSE_OK);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    mse_serve_store_close(b->s);
    world_clear(&b->w);
    test_tmpdir_remove(b->dir);
    free(b);
    return 0;
}

static mse_status reopen(struct bench *b)
{
    struct mse_error err = { 0 };
    mse_serve_store_close(b->s);
    b->s = NULL;
    mse_status st = mse_serve_store_open(&b->s, b->path, b->w.root_point, &err);
    assert_status(err.status, st);
    return st;
}

static mse_status put_at(struct bench *b, enum mse_serve_kind kind, int64_t set, uint32_t number,
                         mse_time issued)
{
    struct mse_fetched o;
    struct mse_serve_key k = world_key(&b->w, kind, set);
    world_object(&o, &b->w, &k, number, issued);
    mse_status st = mse_serve_store_put(b->s, &k, &o, NOW, NULL);
    mse_fetched_clear(&o);
    return st;
}

static mse_status put(struct bench *b, enum mse_serve_kind kind)
{
    return put_at(b, kind, MSE_SERVE_STANDARD, 20, NOW);
}

static mse_status get_at(struct bench *b, enum mse_serve_kind kind, int64_t set, mse_time at,
                         uint32_t *number)
{
    struct mse_fetched o;
    struct mse_serve_key k = world_key(&b->w, kind, set);
    mse_fetched_init(&o);
    mse_status st = mse_serve_store_get(b->s, &o, &k, at, NULL);
    if (number != NULL) {
        *number = o.evaluation_number;
    }
    mse_fetched_clear(&o);
    return st;
}

static mse_status get(struct bench *b, enum mse_serve_kind kind)
{
    return get_at(b, kind, MSE_SERVE_STANDARD, NOW, NULL);
}

/* Objects. */

static void keeps_every_kind(void **state)
{
    struct bench *b = *state;
    for (enum mse_serve_kind k = 1; k < MSE_SERVE_KIND_END; k++) {
        assert_status(get(b, k), MSE_ERR_NOT_FOUND);
        assert_status(put(b, k), MSE_OK);
        assert_status(get(b, k), MSE_OK);
    }
    assert_status(reopen(b), MSE_OK);
    for (enum mse_serve_kind k = 1; k < MSE_SERVE_KIND_END; k++) {
        struct mse_fetched wanted;
        struct mse_fetched seen;
        struct mse_serve_key key = world_key(&b->w, k, MSE_SERVE_STANDARD);
        world_object(&wanted, &b->w, &key, 20, NOW);
        mse_fetched_init(&seen);
        assert_status(mse_serve_store_get(b->s, &seen, &key, NOW, NULL), MSE_OK);
        assert_bytes(mse_build_view(&seen.chain), mse_build_view(&wanted.chain));
        mse_fetched_clear(&wanted);
        mse_fetched_clear(&seen);
    }
}

static void takes_crls_in_any_form(void **state)
{
    struct bench *b = *state;
    struct mse_fetched o;
    struct mse_fetched hex;
    struct mse_serve_key k = world_key(&b->w, MSE_SERVE_CRL_PLATFORM, MSE_SERVE_STANDARD);
    world_object(&o, &b->w, &k, 0, NOW);
    mse_fetched_init(&hex);
    mse_wr_hex(&hex.body, o.body.data, o.body.len);
    mse_wr_bytes(&hex.chain, mse_build_view(&o.chain));
    assert_status(mse_serve_store_put(b->s, &k, &hex, NOW, NULL), MSE_OK);
    assert_bytes(mse_build_view(&hex.body), mse_build_view(&o.body));
    mse_fetched_clear(&o);
    mse_fetched_clear(&hex);
}

static void refuses_lower_numbers_and_older_dates(void **state)
{
    struct bench *b = *state;
    uint32_t number = 0;
    assert_status(put_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD, 20, NOW - 10), MSE_OK);
    assert_status(put_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD, 19, NOW),
                  MSE_ERR_TCB_EVALUATION_NUMBER);
    assert_status(put_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD, 20, NOW - 11), MSE_ERR_EXISTS);
    assert_status(put_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD, 20, NOW - 10), MSE_OK);
    assert_status(put_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD, 21, NOW - 20), MSE_OK);
    assert_status(put_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_EARLY, 19, NOW), MSE_OK);
    assert_status(get_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD, NOW, &number), MSE_OK);
    assert_int_equal(number, 21);
    assert_status(put_at(b, MSE_SERVE_QE_SGX, MSE_SERVE_STANDARD, 20, NOW), MSE_OK);
    assert_status(put_at(b, MSE_SERVE_QE_SGX, MSE_SERVE_STANDARD, 19, NOW),
                  MSE_ERR_TCB_EVALUATION_NUMBER);
    assert_status(put_at(b, MSE_SERVE_CRL_ROOT, MSE_SERVE_STANDARD, 0, NOW), MSE_OK);
    assert_status(put_at(b, MSE_SERVE_CRL_ROOT, MSE_SERVE_STANDARD, 0, NOW - 1), MSE_ERR_EXISTS);
}

static void finds_numbered_sets(void **state)
{
    struct bench *b = *state;
    assert_status(put_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD, 20, NOW), MSE_OK);
    assert_status(put_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_EARLY, 22, NOW), MSE_OK);
    assert_status(put_at(b, MSE_SERVE_TCB_SGX, 19, 19, NOW), MSE_OK);
    assert_status(put_at(b, MSE_SERVE_TCB_SGX, 18, 19, NOW), MSE_ERR_TCB_INFO_MISMATCH);
    assert_status(put_at(b, MSE_SERVE_QE_SGX, 18, 19, NOW), MSE_ERR_QE_IDENTITY_MISMATCH);
    for (uint32_t n = 18; n <= 23; n++) {
        uint32_t number = 0;
        mse_status st = get_at(b, MSE_SERVE_TCB_SGX, n, NOW, &number);
        bool there = n == 19 || n == 20 || n == 22;
        assert_status(st, there ? MSE_OK : MSE_ERR_NOT_FOUND);
        assert_int_equal(number, there ? n : 0);
    }
}

static void hands_out_nothing_past_its_end(void **state)
{
    struct bench *b = *state;
    static const mse_status late[MSE_SERVE_KIND_END] = {
        [MSE_SERVE_TCB_SGX] = MSE_ERR_TCB_INFO_EXPIRED,
        [MSE_SERVE_QE_TDX] = MSE_ERR_QE_IDENTITY_EXPIRED,
        [MSE_SERVE_QVE] = MSE_ERR_QE_IDENTITY_EXPIRED,
        [MSE_SERVE_NUMBERS_SGX] = MSE_ERR_TCB_INFO_EXPIRED,
        [MSE_SERVE_CRL_PLATFORM] = MSE_ERR_PCK_CRL_EXPIRED,
        [MSE_SERVE_CRL_ROOT] = MSE_ERR_ROOT_CRL_EXPIRED,
    };
    for (enum mse_serve_kind k = 1; k < MSE_SERVE_KIND_END; k++) {
        if (late[k] == MSE_OK) {
            continue;
        }
        assert_status(put(b, k), MSE_OK);
        assert_status(get_at(b, k, MSE_SERVE_STANDARD, NOW + 30 * WORLD_DAY, NULL), MSE_OK);
        assert_status(get_at(b, k, MSE_SERVE_STANDARD, NOW + 30 * WORLD_DAY + 1, NULL), late[k]);
        assert_status(put_at(b, k, MSE_SERVE_STANDARD, 21, NOW - 31 * WORLD_DAY), late[k]);
    }
    assert_status(put_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD, 21, NOW + 1),
                  MSE_ERR_TCB_INFO_NOT_YET_VALID);
    assert_status(put_at(b, MSE_SERVE_CRL_PLATFORM, MSE_SERVE_STANDARD, 0, NOW + 1),
                  MSE_ERR_PCK_CRL_NOT_YET_VALID);
}

/* An object of one key under another. */
static mse_status put_as(struct bench *b, enum mse_serve_kind made, enum mse_serve_kind kind)
{
    struct mse_fetched o;
    struct mse_serve_key k = world_key(&b->w, made, MSE_SERVE_STANDARD);
    struct mse_serve_key as = world_key(&b->w, kind, MSE_SERVE_STANDARD);
    world_object(&o, &b->w, &k, 20, NOW);
    mse_status st = mse_serve_store_put(b->s, &as, &o, NOW, NULL);
    mse_fetched_clear(&o);
    return st;
}

static void refuses_other_things(void **state)
{
    struct bench *b = *state;
    struct mse_fetched o;
    struct mse_serve_key k = world_key(&b->w, MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD);
    assert_status(put_as(b, MSE_SERVE_TCB_TDX, MSE_SERVE_TCB_SGX), MSE_ERR_TCB_INFO_MISMATCH);
    assert_status(put_as(b, MSE_SERVE_QE_TDX, MSE_SERVE_QE_SGX), MSE_ERR_QE_IDENTITY_MISMATCH);
    assert_status(put_as(b, MSE_SERVE_QE_SGX, MSE_SERVE_QVE), MSE_ERR_QE_IDENTITY_MISMATCH);
    assert_status(put_as(b, MSE_SERVE_NUMBERS_TDX, MSE_SERVE_NUMBERS_SGX),
                  MSE_ERR_TCB_INFO_MISMATCH);
    assert_status(put_as(b, MSE_SERVE_CRL_PROCESSOR, MSE_SERVE_CRL_PLATFORM),
                  MSE_ERR_PCK_CRL_ISSUER_MISMATCH);
    assert_status(put_as(b, MSE_SERVE_CRL_PLATFORM, MSE_SERVE_CRL_ROOT),
                  MSE_ERR_ROOT_CRL_SIGNATURE);
    world_object(&o, &b->w, &k, 20, NOW);
    k.fmspc[0] ^= 1;
    assert_status(mse_serve_store_put(b->s, &k, &o, NOW, NULL), MSE_ERR_TCB_INFO_MISMATCH);
    mse_fetched_clear(&o);
}

static void refuses_forgeries(void **state)
{
    struct bench *b = *state;
    struct world other;
    struct mse_fetched o;
    world_init(&other, NOW);
    struct mse_serve_key k = world_key(&b->w, MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD);
    struct mse_serve_key crl = world_key(&b->w, MSE_SERVE_CRL_PLATFORM, MSE_SERVE_STANDARD);
    struct mse_serve_key root = world_key(&b->w, MSE_SERVE_CRL_ROOT, MSE_SERVE_STANDARD);
    /* Another root of the same name, and its objects below the right chain. */
    world_object(&o, &other, &k, 20, NOW);
    assert_status(mse_serve_store_put(b->s, &k, &o, NOW, NULL),
                  MSE_ERR_TCB_INFO_CHAIN_ROOT_UNTRUSTED);
    mse_build_reset(&o.chain);
    mse_wr_bytes(&o.chain, mse_build_view(&b->w.tcb_chain));
    assert_status(mse_serve_store_put(b->s, &k, &o, NOW, NULL), MSE_ERR_TCB_INFO_SIGNATURE);
    /* The chain that clients get has to be whole. */
    mse_fetched_clear(&o);
    world_object(&o, &b->w, &k, 20, NOW);
    o.chain.len -= b->w.root.len;
    assert_status(mse_serve_store_put(b->s, &k, &o, NOW, NULL), MSE_ERR_TCB_INFO_CHAIN_MALFORMED);
    mse_fetched_clear(&o);
    world_object(&o, &other, &crl, 0, NOW);
    assert_status(mse_serve_store_put(b->s, &crl, &o, NOW, NULL), MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    mse_fetched_clear(&o);
    world_object(&o, &other, &root, 0, NOW);
    assert_status(mse_serve_store_put(b->s, &root, &o, NOW, NULL), MSE_ERR_ROOT_CRL_SIGNATURE);
    mse_fetched_clear(&o);
    world_clear(&other);
}

static void refuses_each_flip(void **state)
{
    struct bench *b = *state;
    struct mse_fetched o;
    struct mse_serve_key k = world_key(&b->w, MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD);
    world_object(&o, &b->w, &k, 20, NOW);
    size_t stride = test_stride(7);
    for (size_t i = 0; i < o.body.len; i += stride) {
        o.body.data[i] ^= 1;
        assert_int_not_equal(mse_serve_store_put(b->s, &k, &o, NOW, NULL), MSE_OK);
        o.body.data[i] ^= 1;
    }
    size_t len = o.body.len;
    for (o.body.len = 0; o.body.len < len; o.body.len += stride) {
        assert_int_not_equal(mse_serve_store_put(b->s, &k, &o, NOW, NULL), MSE_OK);
    }
    o.body.len = len;
    mse_wr_str(&o.body, "x");
    assert_int_not_equal(mse_serve_store_put(b->s, &k, &o, NOW, NULL), MSE_OK);
    mse_fetched_clear(&o);
    assert_status(get(b, MSE_SERVE_TCB_SGX), MSE_ERR_NOT_FOUND);
}

/* The file is not believed either. */
static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void checks_again_what_it_reads(void **state)
{
    struct bench *b = *state;
    assert_status(put(b, MSE_SERVE_QE_SGX), MSE_OK);
    assert_status(put(b, MSE_SERVE_QE_TDX), MSE_OK);
    run_sql(b->path, "UPDATE objects SET body = replace(cast(body AS TEXT), 'UpToDate', "
                     "'Revoked!') WHERE kind = 3");
    assert_status(get(b, MSE_SERVE_QE_SGX), MSE_ERR_QE_IDENTITY_SIGNATURE);
    run_sql(b->path, "DELETE FROM objects WHERE kind = 3; UPDATE objects SET kind = 3");
    assert_status(get(b, MSE_SERVE_QE_SGX), MSE_ERR_QE_IDENTITY_MISMATCH);
}

static void refuses_revoked_signers(void **state)
{
    struct bench *b = *state;
    struct mse_fetched o;
    struct mse_serve_key root = world_key(&b->w, MSE_SERVE_CRL_ROOT, MSE_SERVE_STANDARD);
    assert_status(put(b, MSE_SERVE_TCB_SGX), MSE_OK);
    mse_fetched_init(&o);
    /* The first certificate of the chain, the signer, stands in the root's CRL now. */
    world_revoking_crl(&o.body, &b->w, MSE_SERVE_CRL_ROOT,
                       mse_bytes_of(b->w.tcb_chain.data, b->w.tcb_chain.len - b->w.root.len));
    assert_status(mse_serve_store_put(b->s, &root, &o, NOW, NULL), MSE_OK);
    mse_fetched_clear(&o);
    assert_status(get(b, MSE_SERVE_TCB_SGX), MSE_ERR_TCB_INFO_CHAIN_REVOKED);
    assert_status(put(b, MSE_SERVE_TCB_TDX), MSE_ERR_TCB_INFO_CHAIN_REVOKED);
    assert_status(put(b, MSE_SERVE_QVE), MSE_ERR_QE_IDENTITY_CHAIN_REVOKED);
    assert_status(put(b, MSE_SERVE_CRL_PLATFORM), MSE_OK);
}

static bool collect(void *user, const struct mse_serve_key *k)
{
    unsigned *seen = user;
    *seen |= 1U << k->kind;
    return true;
}

static void tells_what_is_old(void **state)
{
    struct bench *b = *state;
    unsigned seen = 0;
    uint64_t n[3];
    assert_status(put(b, MSE_SERVE_QE_SGX), MSE_OK);
    assert_status(put(b, MSE_SERVE_CRL_ROOT), MSE_OK);
    assert_status(mse_serve_store_each(b->s, NOW, collect, &seen, NULL), MSE_OK);
    assert_int_equal(seen, 0);
    assert_status(mse_serve_store_each(b->s, NOW + 1, collect, &seen, NULL), MSE_OK);
    assert_int_equal(seen, 1U << MSE_SERVE_QE_SGX | 1U << MSE_SERVE_CRL_ROOT);
    assert_status(mse_serve_store_count(b->s, &n[0], &n[1], &n[2], NULL), MSE_OK);
    assert_int_equal(n[0], 2);
    assert_int_equal(n[1], 0);
}

/* Platforms. */

struct pems {
    size_t num;
    struct mse_build pem[4];
    struct mse_bytes views[4];
};

static void add_pck(struct pems *p, const struct world *w, uint8_t svn, uint16_t pce,
                    uint8_t machine)
{
    world_pck(&p->pem[p->num], w, svn, pce, true, machine);
    p->views[p->num] = mse_build_view(&p->pem[p->num]);
    p->num++;
}

static void clear_pems(struct pems *p)
{
    for (size_t i = 0; i < p->num; i++) {
        mse_build_clear(&p->pem[i]);
    }
}

static mse_status put_certs(struct bench *b, const struct pems *p,
                            const struct mse_serve_platform *platform, bool all)
{
    const struct mse_serve_certs c = { .platform = platform,
                                       .num = p->num,
                                       .pem = p->views,
                                       .chain = mse_build_view(&b->w.platform_chain),
                                       .all = all };
    return mse_serve_store_put_certs(b->s, &c, NOW, NULL);
}

/* The SVN of the certificate that a platform gets; 0: none. */
static uint8_t svn_for(struct bench *b, uint8_t svn, uint16_t pce, mse_status wanted)
{
    struct mse_serve_cert c;
    struct mse_serve_platform p = world_platform(svn, pce, 1);
    mse_serve_cert_init(&c);
    assert_status(mse_serve_store_get_cert(b->s, &c, &p, NOW, NULL), wanted);
    uint8_t got = c.facts.cpu_svn[0];
    mse_serve_cert_clear(&c);
    return got;
}

static void chooses_certificates(void **state)
{
    struct bench *b = *state;
    struct pems p = { 0 };
    struct mse_serve_platform any = world_platform(0, 0, 1);
    (void)svn_for(b, 5, 10, MSE_ERR_NOT_FOUND);
    add_pck(&p, &b->w, 3, 10, 1);
    add_pck(&p, &b->w, 5, 10, 1);
    add_pck(&p, &b->w, 7, 11, 1);
    assert_status(put_certs(b, &p, &any, true), MSE_OK);
    (void)svn_for(b, 5, 10, MSE_ERR_NOT_FOUND); /* no TCB info orders them yet */
    assert_status(put(b, MSE_SERVE_TCB_SGX), MSE_OK);
    assert_int_equal(svn_for(b, 3, 10, MSE_OK), 3);
    assert_int_equal(svn_for(b, 4, 10, MSE_OK), 3);
    assert_int_equal(svn_for(b, 5, 10, MSE_OK), 5);
    assert_int_equal(svn_for(b, 9, 10, MSE_OK), 5); /* the third one needs another PCE */
    assert_int_equal(svn_for(b, 9, 11, MSE_OK), 7);
    assert_int_equal(svn_for(b, 9, 11, MSE_OK), 7); /* as chosen before */
    (void)svn_for(b, 2, 10, MSE_ERR_NOT_FOUND);
    (void)svn_for(b, 3, 9, MSE_ERR_NOT_FOUND);
    assert_status(reopen(b), MSE_OK);
    assert_int_equal(svn_for(b, 9, 11, MSE_OK), 7);
    p.num = 2; /* a new set takes the place of the old one, and of what was chosen from it */
    assert_status(put_certs(b, &p, &any, true), MSE_OK);
    assert_int_equal(svn_for(b, 9, 11, MSE_OK), 5);
    p.num = 3;
    clear_pems(&p);
}

static void keeps_one_certificate_for_one_tcb(void **state)
{
    struct bench *b = *state;
    struct pems p = { 0 };
    struct mse_serve_platform platform = world_platform(6, 12, 1);
    add_pck(&p, &b->w, 5, 10, 1);
    assert_status(put_certs(b, &p, &platform, false), MSE_OK);
    assert_int_equal(svn_for(b, 6, 12, MSE_OK), 5);
    (void)svn_for(b, 6, 13, MSE_ERR_NOT_FOUND);
    clear_pems(&p);
}

/* Whoever asks chooses the QE-ID and the PPID. */
static void mixes_no_machines(void **state)
{
    struct bench *b = *state;
    struct pems own = { 0 };
    struct pems strange = { 0 };
    struct mse_serve_platform platform = world_platform(6, 12, 1);
    struct mse_serve_platform later = world_platform(7, 12, 1);
    add_pck(&own, &b->w, 5, 10, 1);
    add_pck(&strange, &b->w, 4, 10, 2);
    assert_status(put_certs(b, &own, &platform, false), MSE_OK);
    assert_status(put_certs(b, &strange, &later, false), MSE_ERR_EXISTS);
    (void)svn_for(b, 7, 12, MSE_ERR_NOT_FOUND);
    assert_int_equal(svn_for(b, 6, 12, MSE_OK), 5);
    assert_status(put_certs(b, &own, &later, false), MSE_OK);
    assert_int_equal(svn_for(b, 7, 12, MSE_OK), 5);
    assert_status(put_certs(b, &strange, &later, true), MSE_OK); /* an administrator knows better */
    clear_pems(&strange);
    clear_pems(&own);
}

static void refuses_certificates(void **state)
{
    struct bench *b = *state;
    struct world other;
    struct pems p = { 0 };
    struct pems strange = { 0 };
    struct mse_serve_platform platform = world_platform(5, 10, 1);
    world_init(&other, NOW);
    add_pck(&p, &b->w, 5, 10, 1);
    add_pck(&p, &b->w, 5, 10, 2);
    assert_status(put_certs(b, &p, &platform, true), MSE_ERR_ARGUMENT); /* of two machines */
    assert_status(put_certs(b, &p, &platform, false), MSE_ERR_ARGUMENT);
    add_pck(&strange, &other, 5, 10, 1);
    assert_int_not_equal(put_certs(b, &strange, &platform, true), MSE_OK);
    clear_pems(&strange);
    strange.num = 0;
    assert_status(put_certs(b, &strange, &platform, true), MSE_ERR_ARGUMENT);
    platform.pce_id[0] = 1;
    p.num = 1;
    assert_status(put_certs(b, &p, &platform, true), MSE_ERR_ARGUMENT);
    platform.pce_id[0] = 0;
    p.views[0].len -= 40;
    assert_status(put_certs(b, &p, &platform, true), MSE_ERR_PCK_CHAIN_MALFORMED);
    p.views[0] = mse_build_view(&b->w.platform_chain); /* two certificates, none of them a PCK */
    assert_status(put_certs(b, &p, &platform, true), MSE_ERR_PCK_CHAIN_MALFORMED);
    p.num = 2;
    clear_pems(&p);
    world_clear(&other);
}

static void hands_out_no_revoked_certificate(void **state)
{
    struct bench *b = *state;
    struct pems p = { 0 };
    struct mse_fetched o;
    struct mse_serve_platform platform = world_platform(5, 10, 1);
    struct mse_serve_key k = world_key(&b->w, MSE_SERVE_CRL_PLATFORM, MSE_SERVE_STANDARD);
    add_pck(&p, &b->w, 5, 10, 1);
    assert_status(put_certs(b, &p, &platform, false), MSE_OK);
    mse_fetched_init(&o);
    world_revoking_crl(&o.body, &b->w, MSE_SERVE_CRL_PLATFORM, p.views[0]);
    mse_wr_bytes(&o.chain, mse_build_view(&b->w.platform_chain));
    assert_status(mse_serve_store_put(b->s, &k, &o, NOW, NULL), MSE_OK);
    (void)svn_for(b, 5, 10, MSE_ERR_PCK_REVOKED);
    assert_status(put_certs(b, &p, &platform, false), MSE_ERR_PCK_REVOKED);
    mse_fetched_clear(&o);
    clear_pems(&p);
}

static void hands_platforms_over_once(void **state)
{
    struct bench *b = *state;
    struct mse_serve_platform p[2] = { world_platform(5, 10, 1), world_platform(5, 10, 2) };
    struct mse_serve_request q = { .source = MSE_SERVE_REGISTERED };
    struct mse_build list;
    size_t num = 0;
    mse_build_heap(&list, 100000);
    for (size_t i = 0; i < 3; i++) {
        assert_status(mse_serve_store_register(b->s, &p[i % 2], mse_bytes_str("abcd"),
                                               MSE_SERVE_REGISTERED, NULL),
                      MSE_OK);
    }
    assert_status(mse_serve_store_list(b->s, &list, &num, &q, NULL), MSE_OK);
    assert_int_equal(num, 2);
    assert_non_null(strstr(mse_build_cstr(&list), "\"platform_manifest\":\"abcd\"},{\"qe_id\":"));
    mse_build_reset(&list);
    assert_status(mse_serve_store_list(b->s, &list, &num, &q, NULL), MSE_OK);
    assert_int_equal(num, 0);
    assert_string_equal(mse_build_cstr(&list), "[]");
    mse_build_clear(&list);
}

/* The file. */

static void is_bound_to_one_root(void **state)
{
    struct bench *b = *state;
    b->w.root_point[0] ^= 1;
    assert_status(reopen(b), MSE_ERR_CONFIG);
}

static void refuses_other_files(void **state)
{
    struct bench *b = *state;
    static const char text[] = "this is not a database, whatever its name says about it: no header";
    mse_serve_store_close(b->s);
    b->s = NULL;
    test_write_file(b->path, mse_bytes_str(text));
    assert_status(reopen(b), MSE_ERR_MALFORMED);
    assert_int_equal(unlink(b->path), 0);
    run_sql(b->path, "CREATE TABLE mine(x); PRAGMA application_id = 7");
    assert_status(reopen(b), MSE_ERR_MALFORMED);
    assert_int_equal(unlink(b->path), 0);
    assert_int_equal(symlink("/dev/null", b->path), 0);
    assert_status(reopen(b), MSE_ERR_IO);
}

static void refuses_newer_schemas(void **state)
{
    struct bench *b = *state;
    mse_serve_store_close(b->s);
    b->s = NULL;
    run_sql(b->path, "PRAGMA user_version = 3");
    assert_status(reopen(b), MSE_ERR_UNSUPPORTED_VERSION);
}

/* A file as the first schema had it. */
static void brings_the_first_schema_up_to_date(void **state)
{
    struct bench *b = *state;
    assert_status(put(b, MSE_SERVE_QE_SGX), MSE_OK);
    mse_serve_store_close(b->s);
    b->s = NULL;
    run_sql(b->path,
            "DROP TABLE registered; DROP TABLE tcbs; DROP TABLE certs; DROP INDEX platforms_fmspc;"
            "DROP TABLE platforms; DROP TABLE chains; DROP INDEX objects_fetched;"
            "ALTER TABLE objects DROP COLUMN fetched; PRAGMA user_version = 1");
    assert_status(reopen(b), MSE_OK);
    assert_status(get(b, MSE_SERVE_QE_SGX), MSE_OK);
    keeps_one_certificate_for_one_tcb(state);
    assert_status(reopen(b), MSE_OK);
}

static void sees_damage(void **state)
{
    struct bench *b = *state;
    for (enum mse_serve_kind k = 1; k < MSE_SERVE_KIND_END; k++) {
        assert_status(put(b, k), MSE_OK);
    }
    mse_serve_store_close(b->s);
    b->s = NULL;
    struct mse_bytes file = test_read_file(b->path);
    uint8_t *copy = malloc(file.len);
    assert_non_null(copy);
    memcpy(copy, file.data, file.len);
    for (size_t i = 4096; i + 64 <= file.len && i < (size_t)3 * 4096; i += 1024) {
        memset(copy + i, 0x5a, 64);
    }
    test_write_file(b->path, mse_bytes_of(copy, file.len));
    assert_status(reopen(b), MSE_ERR_MALFORMED);
    free(copy);
    free((void *)(uintptr_t)file.data);
}

/* Writes until it is killed, a byte into the pipe for each object. */
static void write_for_ever(struct bench *b, int pipe_fd)
{
    struct mse_serve_store *s = NULL;
    if (mse_serve_store_open(&s, b->path, b->w.root_point, NULL) != MSE_OK) {
        _exit(1);
    }
    b->s = s;
    for (uint32_t n = 1;; n++) {
        if (put_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_EARLY, n, NOW) != MSE_OK ||
            write(pipe_fd, "x", 1) != 1 ||
            put_at(b, MSE_SERVE_QE_SGX, MSE_SERVE_EARLY, n, NOW) != MSE_OK) {
            _exit(1);
        }
    }
}

/* Begins with a fresh file, lets a child write so many objects, and kills it in the middle. */
static void write_and_kill(struct bench *b, uint32_t objects)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char path[220];
    int fds[2];
    int status = 0;
    char byte;
    for (size_t i = 0; i < MSE_ARRAY_LEN(ends); i++) {
        (void)snprintf(path, sizeof path, "%s%s", b->path, ends[i]);
        (void)unlink(path);
    }
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        write_for_ever(b, fds[1]);
    }
    (void)close(fds[1]);
    for (uint32_t n = 0; n < objects; n++) {
        assert_int_equal(read(fds[0], &byte, 1), 1);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    (void)close(fds[0]);
}

static void survives_kill_9(void **state)
{
    struct bench *b = *state;
    mse_serve_store_close(b->s);
    b->s = NULL;
    for (uint32_t objects = 1; objects <= 40; objects += (uint32_t)test_stride(2)) {
        uint32_t number = 0;
        write_and_kill(b, objects);
        assert_status(reopen(b), MSE_OK);
        assert_status(get_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_EARLY, NOW, &number), MSE_OK);
        assert_true(number >= objects); /* nothing that was stored is lost */
        assert_status(put_at(b, MSE_SERVE_TCB_SGX, MSE_SERVE_EARLY, 1000000, NOW), MSE_OK);
        mse_serve_store_close(b->s);
        b->s = NULL;
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_every_kind),
        TEST(takes_crls_in_any_form),
        TEST(refuses_lower_numbers_and_older_dates),
        TEST(finds_numbered_sets),
        TEST(hands_out_nothing_past_its_end),
        TEST(refuses_other_things),
        TEST(refuses_forgeries),
        TEST(refuses_each_flip),
        TEST(checks_again_what_it_reads),
        TEST(refuses_revoked_signers),
        TEST(tells_what_is_old),
        TEST(chooses_certificates),
        TEST(keeps_one_certificate_for_one_tcb),
        TEST(mixes_no_machines),
        TEST(refuses_certificates),
        TEST(hands_out_no_revoked_certificate),
        TEST(hands_platforms_over_once),
        TEST(is_bound_to_one_root),
        TEST(refuses_other_files),
        TEST(refuses_newer_schemas),
        TEST(brings_the_first_schema_up_to_date),
        TEST(sees_damage),
        TEST(survives_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
