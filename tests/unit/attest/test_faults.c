/* SPDX-License-Identifier: Apache-2.0 */
/* What an appraisal does when memory or a hash fails it: each call that can fail does so once, one
 * after the other (the linker puts the functions below before the real ones). Evidence that is
 * refused is then refused all the same, and good evidence is accepted or refused, never without a
 * word. And what is compiled in: a hash that is made to lie lets our own roots be AMD's and AWS's.
 */
#include "lib/testlib.h"

#include <mse/appraiser.h>
#include <mse/ear.h>

#include <openssl/sha.h>
#include <stdlib.h>

#include "attest/anchors.h"
#include "attest/prepared.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/sign.h"
#include "crypto/x509.h"
#include "nitro_world.h"
#include "snp_world.h"
#include "world.h"

/* 0: nothing fails; n: the nth call from now on does. */
static struct {
    size_t fail_at;
    size_t calls;
    struct mse_bytes lie_of; /* its SHA-256 is lie */
    uint8_t lie[32];
} faults;

static bool fails(void)
{
    return faults.fail_at != 0 && ++faults.calls == faults.fail_at;
}

/* The names are the linker's. NOLINTBEGIN(bugprone-reserved-identifier,cert-*) */
void *__real_malloc(size_t len);
void *__real_calloc(size_t num, size_t len);
void *__real_CRYPTO_malloc(size_t len, const char *file, int line);
int __real_SHA256_Init(SHA256_CTX *c);
int __real_SHA384_Init(SHA512_CTX *c);
mse_status __real_mse_sha256(uint8_t out[32], struct mse_bytes in);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t num, size_t len);
void *__wrap_CRYPTO_malloc(size_t len, const char *file, int line);
int __wrap_SHA256_Init(SHA256_CTX *c);
int __wrap_SHA384_Init(SHA512_CTX *c);
mse_status __wrap_mse_sha256(uint8_t out[32], struct mse_bytes in);

void *__wrap_malloc(size_t len)
{
    return fails() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t num, size_t len)
{
    return fails() ? NULL : __real_calloc(num, len);
}

void *__wrap_CRYPTO_malloc(size_t len, const char *file, int line)
{
    return fails() ? NULL : __real_CRYPTO_malloc(len, file, line);
}

int __wrap_SHA256_Init(SHA256_CTX *c)
{
    return fails() ? 0 : __real_SHA256_Init(c);
}

int __wrap_SHA384_Init(SHA512_CTX *c)
{
    return fails() ? 0 : __real_SHA384_Init(c);
}

mse_status __wrap_mse_sha256(uint8_t out[32], struct mse_bytes in)
{
    if (faults.lie_of.len > 0 && mse_bytes_equal(in, faults.lie_of)) {
        memcpy(out, faults.lie, sizeof faults.lie);
        return MSE_OK;
    }
    return __real_mse_sha256(out, in);
}

/* NOLINTEND(bugprone-reserved-identifier,cert-*) */

struct worlds {
    struct world *intel;
    struct snp_world *snp;
    struct nitro_world *nitro;
};

static int setup(void **state)
{
    static struct worlds all;
    void *intel = NULL;
    void *snp = NULL;
    void *nitro = NULL;
    bool made = world_setup(&intel) == 0 && snp_setup(&snp) == 0 && nitro_setup(&nitro) == 0;
    struct worlds w = { intel, snp, nitro };
    all = w;
    *state = &all;
    return made ? 0 : -1;
}

static int teardown(void **state)
{
    struct worlds *all = *state;
    void *intel = all->intel;
    void *snp = all->snp;
    void *nitro = all->nitro;
    return world_teardown(&intel) | snp_teardown(&snp) | nitro_teardown(&nitro);
}

static int defaults(void **state)
{
    struct worlds *all = *state;
    void *intel = all->intel;
    void *snp = all->snp;
    void *nitro = all->nitro;
    return world_defaults(&intel) | snp_defaults(&snp) | nitro_defaults(&nitro);
}

/* One appraisal, as often as it has calls that can fail. */
struct trial {
    const struct worlds *all;
    mse_status (*judge)(const struct worlds *all, struct mse_verdict *out);
    mse_status wanted; /* without faults */
    size_t num_refused;
    size_t num_memory; /* refused for want of memory, and because a hash failed */
    size_t num_crypto;
};

static void count(struct trial *t, const struct mse_verdict *v, mse_status st)
{
    assert_true(v->accepted == (st == MSE_OK));
    if (st == MSE_OK) {
        assert_status(t->wanted, MSE_OK);
        return;
    }
    t->num_refused++;
    t->num_memory += st == MSE_ERR_MEMORY ? 1 : 0;
    t->num_crypto += st == MSE_ERR_CRYPTO ? 1 : 0;
}

static void try_faults(struct trial *t)
{
    static struct mse_verdict v;
    assert_status(t->judge(t->all, &v), t->wanted);
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        memset(&v, 0xa5, sizeof v);
        faults.calls = 0;
        faults.fail_at = n;
        mse_status st = t->judge(t->all, &v);
        faults.fail_at = 0;
        failed = faults.calls >= n;
        count(t, &v, st);
    }
}

static mse_status judge_intel(const struct worlds *all, struct mse_verdict *out)
{
    const struct world *w = all->intel;
    return mse_appraise_quote(out, mse_build_view(&w->quote), &w->collateral, &w->policy, w->at,
                              NULL);
}

/* Two appraisals by an appraiser of their own: what the first did not learn, the second does. */
static mse_status judge_with_appraiser(const struct worlds *all, struct mse_verdict *out)
{
    const struct world *w = all->intel;
    const struct mse_collateral *c = NULL;
    out->accepted = false;
    struct mse_appraiser *a = mse_appraiser_new(NULL);
    if (a == NULL) {
        return MSE_ERR_MEMORY;
    }
    mse_status st = mse_appraiser_collateral(a, &c, &w->collateral, NULL);
    for (size_t i = 0; st == MSE_OK && i < 2; i++) {
        st = mse_appraise_quote(out, mse_build_view(&w->quote), c, &w->policy, w->at, NULL);
    }
    mse_appraiser_release(c);
    mse_appraiser_free(a);
    return st;
}

static mse_status judge_snp(const struct worlds *all, struct mse_verdict *out)
{
    const struct snp_world *w = all->snp;
    return mse_appraise_snp(out, mse_bytes_of(w->report, sizeof w->report), &w->collateral,
                            &w->policy, w->at, NULL);
}

static mse_status judge_nitro(const struct worlds *all, struct mse_verdict *out)
{
    const struct nitro_world *w = all->nitro;
    return mse_appraise_nitro(out, mse_build_view(&w->document), &w->policy, w->at, NULL);
}

/* Evidence of Intel's, in both ways. */
static void try_intel(const struct worlds *all, mse_status wanted)
{
    struct trial plain = { .all = all, .judge = judge_intel, .wanted = wanted };
    struct trial fast = { .all = all, .judge = judge_with_appraiser, .wanted = wanted };
    try_faults(&plain);
    try_faults(&fast);
    assert_true(plain.num_memory >= 1 && plain.num_crypto + plain.num_refused >= 2);
    assert_true(fast.num_memory >= 4);
}

static void test_intel(void **state)
{
    struct worlds *all = *state;
    world_make(all->intel);
    try_intel(all, MSE_OK);
    all->intel->quote.data[all->intel->quote.len - 3] ^= 1; /* in a certificate */
    assert_int_not_equal(judge_intel(all, &all->intel->verdict), MSE_OK);
    try_intel(all, all->intel->verdict.status);
}

static void test_intel_refused(void **state)
{
    struct worlds *all = *state;
    struct world *w = all->intel;
    w->pck_crl_revokes = WORLD_PCK;
    world_make(w);
    try_intel(all, MSE_ERR_PCK_REVOKED);
    void *self = w;
    (void)world_defaults(&self);
    world_make(w);
    w->quote.data[436] ^= 1;
    try_intel(all, MSE_ERR_QUOTE_SIGNATURE);
    (void)world_defaults(&self);
    w->policy.references[0].mr_enclave[0] ^= 1;
    world_make(w);
    try_intel(all, MSE_ERR_MRENCLAVE_MISMATCH);
}

static void test_snp(void **state)
{
    struct worlds *all = *state;
    struct trial good = { .all = all, .judge = judge_snp, .wanted = MSE_OK };
    snp_make(all->snp);
    try_faults(&good);
    assert_true(good.num_refused > 0);
    all->snp->signed_by_other = true;
    snp_make(all->snp);
    struct trial bad = { .all = all, .judge = judge_snp, .wanted = snp_judge(all->snp) };
    assert_int_not_equal(bad.wanted, MSE_OK);
    try_faults(&bad);
}

static void test_nitro(void **state)
{
    struct worlds *all = *state;
    struct trial good = { .all = all, .judge = judge_nitro, .wanted = MSE_OK };
    nitro_make(all->nitro);
    try_faults(&good);
    assert_true(good.num_crypto > 0);
    all->nitro->signed_by_other = true;
    nitro_make(all->nitro);
    struct trial bad = { .all = all, .judge = judge_nitro, .wanted = MSE_ERR_COSE_SIGNATURE };
    try_faults(&bad);
}

/* Each allocation of an appraiser and of a set that it prepares. */
static void test_appraiser_without_memory(void **state)
{
    struct worlds *all = *state;
    struct mse_error err = { 0 };
    const struct mse_collateral *c = NULL;
    world_make(all->intel);
    for (size_t n = 1; n <= 3; n++) {
        faults.calls = 0;
        faults.fail_at = n;
        struct mse_appraiser *none = mse_appraiser_new(NULL);
        faults.fail_at = 0;
        assert_null(none);
    }
    struct mse_appraiser *a = mse_appraiser_new(NULL);
    assert_non_null(a);
    faults.calls = 0;
    faults.fail_at = 1; /* the hash */
    mse_status st = mse_appraiser_collateral(a, &c, &all->intel->collateral, &err);
    faults.fail_at = 0;
    assert_status(st, MSE_ERR_CRYPTO);
    assert_status(err.status, MSE_ERR_CRYPTO);
    assert_null(c);
    struct mse_collateral endless = { .tcb_info = { all->intel->collateral.tcb_info.data,
                                                    SIZE_MAX } };
    assert_null(mse_prepared_new(&endless, NULL)); /* lengths whose sum does not fit */
    mse_appraiser_free(a);
}

/* A result is whole, or there is none. */
static void test_ear(void **state)
{
    struct worlds *all = *state;
    static char token[MSE_EAR_MAX_LEN];
    struct mse_build pem;
    world_make(all->intel);
    assert_status(world_judge(all->intel), MSE_OK);
    mse_build_heap(&pem, 4096);
    assert_status(mse_privkey_to_pem(all->intel->keys[WORLD_KEY_OTHER], &pem), MSE_OK);
    const struct mse_ear_params p = { .key_pem = mse_build_view(&pem),
                                      .evidence = mse_build_view(&all->intel->quote),
                                      .certificate = mse_bytes_str("certificate") };
    const size_t thin = test_stride(1);
    size_t num_refused = 0;
    bool failed = true;
    for (size_t n = 1; failed; n += n < 64 ? 1 : thin) {
        faults.calls = 0;
        faults.fail_at = n;
        mse_status st = mse_verdict_to_ear(token, sizeof token, &all->intel->verdict, &p, NULL);
        faults.fail_at = 0;
        failed = faults.calls >= n;
        /* A static libcrypto fails too, and does without some of what it asks for. */
        bool refused = st == MSE_ERR_CRYPTO || st == MSE_ERR_MEMORY;
        num_refused += refused ? 1 : 0;
        assert_true(refused ? failed : st == MSE_OK);
    }
    assert_true(num_refused >= 2);
    mse_build_clear(&pem);
}

static void test_root_certificate_without_hash(void **state)
{
    struct worlds *all = *state;
    struct mse_bytes der = mse_bytes_str("not a certificate");
    (void)all;
    faults.calls = 0;
    faults.fail_at = 1;
    bool is_root = mse_is_intel_root_certificate(der);
    faults.fail_at = 0;
    assert_false(is_root);
}

/* Our root's SubjectPublicKeyInfo hashes to what is compiled in. */
static void pretend(struct mse_bytes root_der, const uint8_t digest[32])
{
    static struct mse_cert root;
    assert_status(mse_cert_parse(&root, root_der, NULL), MSE_OK);
    faults.lie_of = root.key.spki;
    memcpy(faults.lie, digest, sizeof faults.lie);
}

/* A compiled-in root is trusted without a word of the policy, is no simulation, and is refused if
 * the policy wants simulation only. */
static void test_compiled_in_root(void **state)
{
    struct worlds *all = *state;
    struct nitro_world *w = all->nitro;
    struct mse_bytes none = { 0 };
    w->policy.allow_simulation = false;
    nitro_make(w);
    assert_status(nitro_judge(w), MSE_ERR_SIMULATION);
    pretend(mse_build_view(&w->der[NITRO_ROOT]), mse_nitro_root_sha256());
    assert_status(nitro_judge(w), MSE_OK);
    assert_false(w->verdict.simulated);
    memset(w->policy.simulation_root_sha256, 0, sizeof w->policy.simulation_root_sha256);
    assert_status(nitro_judge(w), MSE_OK);
    w->policy.allow_simulation = true;
    w->policy.simulation_only = true;
    memset(w->policy.simulation_root_sha256, 7, sizeof w->policy.simulation_root_sha256);
    mse_status st = nitro_judge(w);
    faults.lie_of = none;
    assert_int_not_equal(st, MSE_OK);
    assert_true(nitro_failed_with(w, MSE_ERR_HARDWARE_NOT_ALLOWED));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, defaults)
    const struct CMUnitTest tests[] = {
        T(test_intel),
        T(test_intel_refused),
        T(test_snp),
        T(test_nitro),
        T(test_appraiser_without_memory),
        T(test_ear),
        T(test_root_certificate_without_hash),
        T(test_compiled_in_root),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
