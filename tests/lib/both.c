/* SPDX-License-Identifier: Apache-2.0 */
/* See both.h. */
#include "lib/both.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum memory {
    NEW,  /* made for this one appraisal */
    TINY, /* one set, one fact: what is found is soon gone */
    OLD,  /* the same for the whole program */
    COUNT,
};

static struct mse_appraiser *kept[COUNT];

static void forget(void)
{
    for (size_t i = 0; i < COUNT; i++) {
        mse_appraiser_free(kept[i]);
        kept[i] = NULL;
    }
}

static struct mse_appraiser *appraiser_of(enum memory m)
{
    const struct mse_appraiser_limits tiny = { .max_collaterals = 1, .max_facts = 1 };
    if (kept[OLD] == NULL && kept[TINY] == NULL && kept[NEW] == NULL) {
        (void)atexit(forget);
    }
    if (m == NEW) {
        mse_appraiser_free(kept[NEW]);
        kept[NEW] = NULL;
    }
    if (kept[m] == NULL) {
        kept[m] = mse_appraiser_new(m == TINY ? &tiny : NULL);
    }
    if (kept[m] == NULL) {
        abort();
    }
    return kept[m];
}

static void differ(const char *what, size_t round, const struct mse_verdict *want,
                   const struct mse_verdict *seen)
{
    const unsigned char *a = (const unsigned char *)want;
    const unsigned char *b = (const unsigned char *)seen;
    size_t at = 0;
    while (at < sizeof *want && a[at] == b[at]) {
        at++;
    }
    (void)fprintf(stderr, "an appraiser's %s differs (byte %zu, round %zu): %s, without it %s\n",
                  what, at, round, mse_status_name(seen->status), mse_status_name(want->status));
    abort();
}

static bool same(const void *a, const void *b, size_t len)
{
    return memcmp(a, b, len) == 0;
}

static void compare(const struct mse_verdict *want, const struct mse_error *want_err,
                    const struct both_case *c, enum memory m)
{
    static struct mse_verdict seen;
    const struct mse_collateral *k = NULL;
    if (mse_appraiser_collateral(appraiser_of(m), &k, c->collateral, NULL) != MSE_OK) {
        abort();
    }
    for (size_t round = 0; round < 2; round++) {
        struct mse_error err = { .status = MSE_OK };
        memset(&seen, 0, sizeof seen); /* as in both_appraise: what is not used stays */
        mse_status st = c->appraise(&seen, c->evidence, k, c->policy, c->at, &err);
        if (st != seen.status || !same(want, &seen, sizeof seen)) {
            differ("verdict", round, want, &seen);
        }
        if (err.status != want_err->status || !same(err.text, want_err->text, sizeof err.text)) {
            differ("error", round, want, &seen);
        }
    }
    mse_appraiser_release(k);
}

mse_status both_appraise(struct mse_verdict *out, const struct both_case *c, struct mse_error *err)
{
    struct mse_error own = { .status = MSE_OK };
    memset(out, 0, sizeof *out);
    mse_status st = c->appraise(out, c->evidence, c->collateral, c->policy, c->at, &own);
    for (unsigned m = 0; m < COUNT; m++) {
        compare(out, &own, c, (enum memory)m);
    }
    if (err != NULL && own.status != MSE_OK) {
        *err = own;
    }
    return st;
}
