/* SPDX-License-Identifier: Apache-2.0 */
/* See fault_trial.h. */
#include "lib/fault_trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lib/faults.h"
#include "lib/testlib.h"

#define FEW 10 /* allocations, without MSE_FAULTS=all */

static struct fault_output wanted;
static struct fault_output seen;

void fault_give(struct fault_output *o, mse_status st, const void *p, size_t len)
{
    const unsigned char *b = p;
    if (st == MSE_OK) {
        assert_true(len <= sizeof o->bytes - o->len);
        memcpy(o->bytes + o->len, b, len);
        o->len += len;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        o->touched = o->touched || b[i] != FAULT_UNTOUCHED;
    }
}

bool fault_memory_fails(void)
{
    struct fault_report r = { .calls = 0 };
    fault_arm(FAULT_MEMORY, 0, &r);
    void *volatile p = malloc(1);
    fault_disarm();
    free(p);
    return r.calls > 0;
}

/* What a thread of libcrypto keeps for itself goes first: it is made anew. */
static mse_status call_once(fault_call_fn *call, void *world, struct fault_output *o, long *lost)
{
    OPENSSL_thread_stop();
    long before = fault_live();
    o->err = (struct mse_error) { .status = MSE_OK };
    o->touched = false;
    o->wrong = false;
    o->keeps = 0;
    o->len = 0;
    mse_status st = call(world, o);
    fault_disarm();
    OPENSSL_thread_stop();
    *lost = fault_live() - before;
    return st;
}

static const char *judge(mse_status st, mse_status want, long lost)
{
    bool same = seen.len == wanted.len && memcmp(seen.bytes, wanted.bytes, wanted.len) == 0;
    if (seen.wrong) {
        return "something that is never to be";
    }
    if (seen.touched) {
        return "an output was written";
    }
    if (st == MSE_OK && want != MSE_OK) {
        return "ACCEPTED what is refused without a fault";
    }
    if (st == MSE_OK && !same) {
        return "another output";
    }
    return lost > seen.keeps ? "memory was lost" : NULL;
}

/* A signature that could not be checked is also called one that is wrong. */
static bool is_exact(mse_status st, mse_status want)
{
    return st == want || st == MSE_ERR_MEMORY || st == MSE_ERR_CRYPTO;
}

size_t fault_try_each(const char *name, fault_call_fn *call, void *world)
{
    const char *asked = getenv("MSE_FAULTS");
    struct fault_report r = { .calls = 0 };
    size_t failed = 0;
    size_t exact = 0;
    size_t bad = 0;
    long lost = 0;
    (void)call_once(call, world, &wanted, &lost); /* what libcrypto makes once is there now */
    mse_status want = call_once(call, world, &wanted, &lost);
    fault_arm(FAULT_MEMORY, 0, &r);
    assert_status(call_once(call, world, &seen, &lost), want);
    const char *plain = judge(want, want, lost);
    if (plain != NULL) {
        print_message("# %s, without a fault: %s (%ld)\n", name, plain, lost);
        bad++;
    }
    bool all = asked != NULL && strcmp(asked, "all") == 0;
    size_t stride = all || r.calls <= FEW ? 1 : r.calls / FEW;
    for (size_t n = 1; n <= r.calls; n += stride) {
        struct fault_report one = { .calls = 0 };
        mse_status st = MSE_OK;
        const char *what = NULL;
        /* What stays the first time may be a cache; a loss happens again. */
        for (int i = 0; i < 3 && (i == 0 || what != NULL); i++) {
            one.name[0] = '\0';
            fault_arm(FAULT_MEMORY, n, &one);
            st = call_once(call, world, &seen, &lost);
            what = judge(st, want, lost);
        }
        failed += one.name[0] != '\0' ? 1 : 0;
        exact += one.name[0] != '\0' && is_exact(st, want) ? 1 : 0;
        if (what != NULL) {
            print_message("# %s, allocation %zu (%s of %s): %s: %s, wanted %s (%ld)\n", name, n,
                          one.name, one.file, what, mse_status_name(st), mse_status_name(want),
                          lost);
            bad++;
        }
    }
    print_message("# %s: %zu allocations, %zu failed, %zu of them known as such\n", name, r.calls,
                  failed, exact);
    assert_int_equal(bad, 0);
    return failed;
}
