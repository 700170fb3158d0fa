/* SPDX-License-Identifier: Apache-2.0 */
/* The appraiser: two memos, one of collateral sets and one of facts about platforms, and batches.
 */
#include <mse/appraiser.h>

#include <stdlib.h>

#include "attest/prepared.h"
#include "base/error.h"
#include "base/threads.h"

#define DEFAULT_COLLATERALS 32
#define DEFAULT_FACTS       1024

struct mse_appraiser {
    struct mse_memo *collaterals;
    struct mse_facts *facts;
};

static void destroy_facts(struct mse_shared *self)
{
    struct mse_facts *f = (struct mse_facts *)self;
    mse_memo_free(f->memo);
    free(f);
}

static struct mse_facts *facts_new(size_t max)
{
    struct mse_facts *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return NULL;
    }
    mse_shared_init(&f->shared, destroy_facts);
    f->memo = mse_memo_new(max);
    if (f->memo == NULL) {
        mse_shared_unref(&f->shared);
        return NULL;
    }
    return f;
}

struct mse_appraiser *mse_appraiser_new(const struct mse_appraiser_limits *limits)
{
    size_t sets = limits != NULL ? limits->max_collaterals : 0;
    size_t facts = limits != NULL ? limits->max_facts : 0;
    struct mse_appraiser *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return NULL;
    }
    a->collaterals = mse_memo_new(sets != 0 ? sets : DEFAULT_COLLATERALS);
    a->facts = facts_new(facts != 0 ? facts : DEFAULT_FACTS);
    if (a->collaterals == NULL || a->facts == NULL) {
        mse_appraiser_free(a);
        return NULL;
    }
    return a;
}

void mse_appraiser_free(struct mse_appraiser *a)
{
    if (a == NULL) {
        return;
    }
    mse_memo_free(a->collaterals);
    if (a->facts != NULL) {
        mse_shared_unref(&a->facts->shared);
    }
    free(a);
}

mse_status mse_appraiser_collateral(struct mse_appraiser *a, const struct mse_collateral **out,
                                    const struct mse_collateral *in, struct mse_error *err)
{
    uint8_t key[MSE_MEMO_KEY_LEN];
    if (mse_prepared_key(key, in) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "collateral", "it could not be hashed");
    }
    struct mse_prepared *p = (struct mse_prepared *)mse_memo_get(a->collaterals, key);
    if (p == NULL) {
        p = mse_prepared_new(in, a->facts);
        if (p == NULL) {
            return MSE_FAIL(err, MSE_ERR_MEMORY, "collateral", "no memory for a copy");
        }
        mse_memo_put(a->collaterals, key, &p->shared);
    }
    *out = &p->view;
    return MSE_OK;
}

void mse_appraiser_release(const struct mse_collateral *c)
{
    if (c != NULL && c->prepared != NULL) {
        /* Only the count of its users changes. */
        mse_shared_unref(mse_prepared_shared(c->prepared));
    }
}

void mse_appraiser_count(struct mse_appraiser *a, struct mse_appraiser_stats *out)
{
    struct mse_memo_counts sets;
    struct mse_memo_counts facts;
    mse_memo_count(a->collaterals, &sets);
    mse_memo_count(a->facts->memo, &facts);
    struct mse_appraiser_stats s = { .num_collaterals = sets.entries,
                                     .num_facts = facts.entries,
                                     .hits = facts.hits,
                                     .misses = facts.misses };
    *out = s;
}

/* Batches. */

struct batch {
    struct mse_appraisal *list;
    size_t num;
    _Atomic size_t next;
    _Atomic size_t accepted;
};

static void appraise(struct mse_appraisal *one)
{
    one->status = one->snp ? mse_appraise_snp(one->verdict, one->evidence, one->collateral,
                                              one->policy, one->at, NULL)
                           : mse_appraise_quote(one->verdict, one->evidence, one->collateral,
                                                one->policy, one->at, NULL);
}

/* Each thread takes the next one until none is left. */
static void work(void *arg)
{
    struct batch *b = arg;
    size_t accepted = 0;
    for (;;) {
        size_t i = atomic_fetch_add_explicit(&b->next, 1, memory_order_relaxed);
        if (i >= b->num) {
            break;
        }
        appraise(&b->list[i]);
        accepted += b->list[i].status == MSE_OK ? 1 : 0;
    }
    (void)atomic_fetch_add(&b->accepted, accepted);
}

size_t mse_appraise_batch(struct mse_appraisal *list, size_t num, unsigned num_threads)
{
    struct batch b = { .list = list, .num = num };
    size_t threads = num_threads < num ? num_threads : num;
    mse_threads_run(threads, work, &b);
    return atomic_load(&b.accepted);
}
