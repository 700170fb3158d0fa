/* SPDX-License-Identifier: Apache-2.0 */
/* The appraiser: a verdict with it is the verdict without it, whatever was seen before, whenever it
 * is asked, and on however many threads. That every other test of an appraisal holds too is what
 * lib/both.c does. */
#include "lib/testlib.h"

#include <pthread.h>
#include <stdatomic.h>

#include "lib/both.h"

#include "base/bytes.h"
#include "base/threads.h"
#include "base/util.h"
#include "world.h"

static mse_status both(struct world *w, mse_time at)
{
    const struct both_case c = { mse_appraise_quote, mse_build_view(&w->quote), &w->collateral,
                                 &w->policy, at };
    return both_appraise(&w->verdict, &c, NULL);
}

/* At, and one second around, each date that counts; forwards and backwards. */
static void test_any_time(void **state)
{
    struct world *w = *state;
    mse_time times[6 * MSE_MAX_DATES + 2] = { 0, INT64_MAX };
    size_t num = 2;
    size_t accepted = 0;
    assert_status(world_appraise(w), MSE_OK);
    for (size_t i = 0; i < w->verdict.num_dates; i++) {
        for (mse_time d = -1; d <= 1; d++) {
            times[num++] = w->verdict.dates[i].from + d;
            times[num++] = w->verdict.dates[i].until + d;
        }
    }
    for (size_t i = 0; i < 2 * num; i++) {
        mse_time at = times[i < num ? i : 2 * num - 1 - i];
        accepted += both(w, at) == MSE_OK ? 1 : 0;
        assert_status(both(w, w->at), MSE_OK);
    }
    assert_true(accepted > 0 && accepted < 2 * num);
}

/* What one policy trusts helps no evidence under another. */
static void test_any_policy(void **state)
{
    struct world *w = *state;
    assert_status(world_appraise(w), MSE_OK);
    struct mse_policy good = w->policy;
    w->policy.simulation_root[0] ^= 1;
    assert_status(both(w, w->at), MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    memset(w->policy.simulation_root, 0, 64);
    assert_status(both(w, w->at), MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    w->policy = good;
    w->policy.allow_simulation = false;
    assert_status(both(w, w->at), MSE_ERR_SIMULATION);
    w->policy = good;
    w->policy.accepted_tcb_statuses = 0;
    assert_status(both(w, w->at), MSE_ERR_TCB_STATUS);
    w->policy = good;
    w->policy.min_tcb_evaluation_number = UINT32_MAX;
    assert_status(both(w, w->at), MSE_ERR_TCB_EVALUATION_NUMBER);
    memset(&w->policy, 0, sizeof w->policy);
    assert_true(both(w, w->at) != MSE_OK);
    w->policy = good;
    assert_status(both(w, w->at), MSE_OK);
}

/* Collateral with one bit wrong is another set: what was known of the good one does not serve. */
static void test_flipped_collateral(void **state)
{
    struct world *w = *state;
    assert_status(world_appraise(w), MSE_OK);
    const struct mse_collateral *c = &w->collateral;
    const struct mse_bytes parts[] = {
        c->tcb_info, c->tcb_info_signature, c->qe_identity,          c->qe_identity_signature,
        c->pck_crl,  c->root_ca_crl,        c->tcb_info_issuer_chain
    };
    const size_t step = test_stride(97);
    for (size_t i = 0; i < MSE_ARRAY_LEN(parts); i++) {
        uint8_t *p = (uint8_t *)(uintptr_t)parts[i].data;
        for (size_t bit = i; bit < 8 * parts[i].len; bit += step) {
            uint8_t mask = (uint8_t)(1U << (bit % 8));
            p[bit / 8] ^= mask;
            (void)both(w, w->at);
            p[bit / 8] ^= mask;
        }
    }
    assert_status(both(w, w->at), MSE_OK);
}

static void test_missing_collateral(void **state)
{
    struct world *w = *state;
    assert_status(world_appraise(w), MSE_OK);
    const struct mse_collateral good = w->collateral;
    struct mse_bytes *parts[] = { &w->collateral.tcb_info,
                                  &w->collateral.tcb_info_signature,
                                  &w->collateral.qe_identity,
                                  &w->collateral.qe_identity_signature,
                                  &w->collateral.pck_crl,
                                  &w->collateral.root_ca_crl,
                                  &w->collateral.tcb_info_issuer_chain };
    for (size_t i = 0; i < MSE_ARRAY_LEN(parts); i++) {
        struct mse_bytes none = { 0 };
        *parts[i] = none;
        assert_true(both(w, w->at) != MSE_OK);
        w->collateral = good;
    }
    struct mse_collateral empty = { 0 };
    w->collateral = empty;
    assert_true(both(w, w->at) != MSE_OK);
    w->collateral = good;
}

/* A set that was changed behind the appraiser's back is judged by its bytes. */
static void test_changed_set(void **state)
{
    struct world *w = *state;
    const struct mse_collateral *k = NULL;
    struct mse_appraiser *a = mse_appraiser_new(NULL);
    assert_status(world_appraise(w), MSE_OK);
    assert_status(mse_appraiser_collateral(a, &k, &w->collateral, NULL), MSE_OK);
    struct mse_collateral copy = *k;
    struct mse_bytes quote = mse_build_view(&w->quote);
    assert_status(mse_appraise_quote(&w->verdict, quote, &copy, &w->policy, w->at, NULL), MSE_OK);
    copy.tcb_info = copy.qe_identity;
    assert_status(mse_appraise_quote(&w->verdict, quote, &copy, &w->policy, w->at, NULL),
                  MSE_ERR_TCB_INFO_SIGNATURE);
    copy = *k;
    copy.tcb_info_signature.len--;
    assert_status(mse_appraise_quote(&w->verdict, quote, &copy, &w->policy, w->at, NULL),
                  MSE_ERR_TCB_INFO_MISSING);
    mse_appraiser_release(k);
    mse_appraiser_free(a);
}

/* Something is remembered indeed, within the bounds, and only of what was good. */
static void test_what_is_remembered(void **state)
{
    struct world *w = *state;
    const struct mse_collateral *k = NULL;
    const struct mse_collateral *again = NULL;
    struct mse_appraiser_stats s;
    struct mse_appraiser *a = mse_appraiser_new(NULL);
    world_make(w);
    struct mse_bytes quote = mse_build_view(&w->quote);
    assert_status(mse_appraiser_collateral(a, &k, &w->collateral, NULL), MSE_OK);
    assert_status(mse_appraiser_collateral(a, &again, &w->collateral, NULL), MSE_OK);
    assert_ptr_equal(k, again); /* hashed again, made once */
    mse_appraiser_release(again);
    w->policy.simulation_root[0] ^= 1;
    assert_true(mse_appraise_quote(&w->verdict, quote, k, &w->policy, w->at, NULL) != MSE_OK);
    mse_appraiser_count(a, &s);
    assert_int_equal(s.num_collaterals, 1);
    assert_int_equal(s.num_facts, 0);
    assert_int_equal(s.hits, 0);
    w->policy.simulation_root[0] ^= 1;
    assert_status(mse_appraise_quote(&w->verdict, quote, k, &w->policy, w->at, NULL), MSE_OK);
    mse_appraiser_count(a, &s);
    assert_int_equal(s.num_facts, 2); /* chain and QE report */
    assert_int_equal(s.hits, 0);
    assert_status(mse_appraise_quote(&w->verdict, quote, k, &w->policy, w->at, NULL), MSE_OK);
    mse_appraiser_count(a, &s);
    assert_int_equal(s.num_facts, 2);
    assert_int_equal(s.hits, 2);
    /* A set outlives its appraiser. */
    mse_appraiser_free(a);
    assert_status(mse_appraise_quote(&w->verdict, quote, k, &w->policy, w->at, NULL), MSE_OK);
    mse_appraiser_release(k);
    mse_appraiser_release(NULL);
    mse_appraiser_free(NULL);
}

/* Batches: good quotes and bad ones, known sets and plain ones, on several threads. */
#define NUM 60

static void damage(uint8_t *quote, size_t len, size_t i)
{
    if (i % 3 == 1) {
        quote[48 + i] ^= 1; /* the body */
    } else if (i % 3 == 2) {
        quote[len - 100 - i] ^= 1; /* the chain */
    }
}

static void test_batch(void **state)
{
    struct world *w = *state;
    static struct mse_verdict want[NUM];
    static struct mse_verdict seen[NUM];
    static uint8_t quotes[NUM][16384];
    struct mse_appraisal list[NUM];
    const struct mse_collateral *k = NULL;
    struct mse_appraiser *a = mse_appraiser_new(NULL);
    memset(want, 0, sizeof want); /* from the kind before */
    world_make(w);
    struct mse_bytes quote = mse_build_view(&w->quote);
    assert_true(quote.len <= sizeof quotes[0]);
    assert_status(mse_appraiser_collateral(a, &k, &w->collateral, NULL), MSE_OK);
    size_t accepted = 0;
    for (size_t i = 0; i < NUM; i++) {
        memcpy(quotes[i], quote.data, quote.len);
        damage(quotes[i], quote.len, i);
        struct mse_bytes in = mse_bytes_of(quotes[i], quote.len);
        mse_time at = i % 5 == 4 ? 0 : w->at;
        struct mse_appraisal one = { in,         false, i % 7 == 6 ? &w->collateral : k,
                                     &w->policy, at,    &seen[i],
                                     MSE_OK };
        list[i] = one;
        accepted += mse_appraise_quote(&want[i], in, &w->collateral, &w->policy, at, NULL) == MSE_OK
                        ? 1
                        : 0;
    }
    assert_true(accepted > 10 && accepted < NUM);
    for (unsigned threads = 0; threads <= 8; threads += 2) {
        memset(seen, 0, sizeof seen); /* as want was: what is not used stays */
        assert_int_equal(mse_appraise_batch(list, NUM, threads), accepted);
        for (size_t i = 0; i < NUM; i++) {
            assert_status(list[i].status, want[i].status);
            assert_true(mse_mem_equal(&want[i], &seen[i], sizeof seen[i]));
        }
    }
    assert_int_equal(mse_appraise_batch(list, 0, 2), 0);
    mse_appraiser_release(k);
    mse_appraiser_free(a);
}

/* Threads that make appraisals, sets and room for them, all at once, of two small memos. */
struct crowd {
    struct world *w;
    struct mse_appraiser *a;
    _Atomic size_t wrong;
};

static void mingle(void *arg)
{
    struct crowd *c = arg;
    struct mse_verdict *v = calloc(1, sizeof *v);
    struct mse_collateral sets[3] = { c->w->collateral, c->w->collateral, c->w->collateral };
    sets[1].pck_crl_issuer_chain = mse_bytes_str("other");
    sets[2].root_ca_crl.len = 0;
    for (size_t i = 0; v != NULL && i < 24; i++) {
        const struct mse_collateral *k = NULL;
        if (mse_appraiser_collateral(c->a, &k, &sets[i % 3], NULL) != MSE_OK) {
            (void)atomic_fetch_add(&c->wrong, 1);
            continue;
        }
        mse_status st =
            mse_appraise_quote(v, mse_build_view(&c->w->quote), k, &c->w->policy, c->w->at, NULL);
        mse_status want = i % 3 == 2 ? MSE_ERR_ROOT_CRL_MISSING : MSE_OK;
        (void)atomic_fetch_add(&c->wrong, st == want ? 0 : 1);
        mse_appraiser_release(k);
    }
    (void)atomic_fetch_add(&c->wrong, v == NULL ? 1 : 0);
    free(v);
}

static void test_threads(void **state)
{
    struct world *w = *state;
    const struct mse_appraiser_limits small = { .max_collaterals = 2, .max_facts = 1 };
    const struct mse_appraiser_limits *const limits[] = { NULL, &small };
    world_make(w);
    for (size_t i = 0; i < 2; i++) {
        struct crowd c = { .w = w, .a = mse_appraiser_new(limits[i]) };
        assert_non_null(c.a);
        mse_threads_run(4, mingle, &c);
        assert_int_equal(atomic_load(&c.wrong), 0);
        mse_appraiser_free(c.a);
    }
}

/* Threads are given as little as musl's 128 KiB of stack; the batch's own are among them. */

struct small {
    struct world *w;
    mse_status status;
};

static void *appraise_small(void *arg)
{
    struct small *s = arg;
    struct world *w = s->w;
    s->status = mse_appraise_quote(&w->verdict, mse_build_view(&w->quote), &w->collateral,
                                   &w->policy, w->at, &w->err);
    return NULL;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SMALL_STACK ((size_t)128 << 10)
#else /* which make frames larger, and keep what is theirs there */
#define SMALL_STACK ((size_t)512 << 10)
#endif

static void test_fits_a_small_stack(void **state)
{
    struct world *w = *state;
    struct small s = { .w = w, .status = MSE_ERR_CRYPTO };
    pthread_attr_t attr;
    pthread_t thread;
    world_make(w);
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, SMALL_STACK), 0);
    assert_int_equal(pthread_create(&thread, &attr, appraise_small, &s), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pthread_attr_destroy(&attr), 0);
    assert_status(s.status, MSE_OK);
}

/* Each kind of evidence gets to the appraisal that is for it. */
static void test_batch_of_snp(void **state)
{
    struct world *w = *state;
    static struct mse_verdict want;
    static struct mse_verdict seen[2];
    static const uint8_t report[MSE_SNP_REPORT_LEN] = { 9 };
    struct mse_bytes in = mse_bytes_of(report, sizeof report);
    world_make(w);
    struct mse_appraisal list[] = {
        { in, true, &w->collateral, &w->policy, w->at, &seen[0], MSE_OK },
        { mse_build_view(&w->quote), false, &w->collateral, &w->policy, w->at, &seen[1], MSE_OK },
    };
    memset(&want, 0, sizeof want);
    memset(seen, 0, sizeof seen);
    assert_int_equal(mse_appraise_batch(list, 2, 2), 1);
    assert_int_not_equal(mse_appraise_snp(&want, in, &w->collateral, &w->policy, w->at, NULL),
                         MSE_OK);
    assert_status(list[0].status, want.status);
    assert_true(mse_mem_equal(&want, &seen[0], sizeof want));
    assert_status(list[1].status, MSE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_fits_a_small_stack, world_defaults),
        cmocka_unit_test_setup(test_fits_a_small_stack, world_defaults_tdx),
        cmocka_unit_test_setup(test_any_time, world_defaults),
        cmocka_unit_test_setup(test_any_time, world_defaults_tdx),
        cmocka_unit_test_setup(test_any_policy, world_defaults),
        cmocka_unit_test_setup(test_flipped_collateral, world_defaults),
        cmocka_unit_test_setup(test_flipped_collateral, world_defaults_tdx),
        cmocka_unit_test_setup(test_missing_collateral, world_defaults),
        cmocka_unit_test_setup(test_changed_set, world_defaults),
        cmocka_unit_test_setup(test_what_is_remembered, world_defaults),
        cmocka_unit_test_setup(test_batch, world_defaults),
        cmocka_unit_test_setup(test_batch, world_defaults_tdx),
        cmocka_unit_test_setup(test_batch_of_snp, world_defaults),
        cmocka_unit_test_setup(test_threads, world_defaults),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
