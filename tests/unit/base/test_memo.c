/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded table of shared values: what is in it, what goes, and who frees it. */
#include "lib/testlib.h"

#include "base/memo.h"
#include "base/threads.h"

struct value {
    struct mse_shared shared;
    unsigned number;
};

static _Atomic size_t alive;

static void destroy(struct mse_shared *self)
{
    (void)atomic_fetch_sub(&alive, 1);
    free(self);
}

static struct value *value_new(unsigned number)
{
    struct value *v = calloc(1, sizeof *v);
    assert_non_null(v);
    mse_shared_init(&v->shared, destroy);
    v->number = number;
    (void)atomic_fetch_add(&alive, 1);
    return v;
}

static void key_of(uint8_t key[32], unsigned number)
{
    memset(key, 0, 32);
    memcpy(key, &number, sizeof number);
    key[31] = 7;
}

static void put(struct mse_memo *m, unsigned number)
{
    uint8_t key[32];
    struct value *v = value_new(number);
    key_of(key, number);
    mse_memo_put(m, key, &v->shared);
    mse_shared_unref(&v->shared);
}

/* Whether the number is there. */
static bool has(struct mse_memo *m, unsigned number)
{
    uint8_t key[32];
    key_of(key, number);
    struct mse_shared *s = mse_memo_get(m, key);
    if (s == NULL) {
        return false;
    }
    assert_int_equal(((struct value *)s)->number, number);
    mse_shared_unref(s);
    return true;
}

static void test_get_and_put(void **state)
{
    (void)state;
    struct mse_memo *m = mse_memo_new(64);
    assert_non_null(m);
    assert_false(has(m, 1));
    put(m, 1);
    assert_true(has(m, 1));
    put(m, 1); /* the first stays */
    assert_int_equal(atomic_load(&alive), 1);
    /* The whole key counts, not only what chooses its place. */
    uint8_t other[32];
    key_of(other, 1);
    other[31] = 8;
    assert_null(mse_memo_get(m, other));
    struct mse_memo_counts c;
    mse_memo_count(m, &c);
    assert_int_equal(c.entries, 1);
    assert_int_equal(c.max, 64);
    assert_int_equal(c.hits, 1);
    assert_int_equal(c.misses, 2);
    mse_memo_free(m);
    mse_memo_free(NULL);
    assert_int_equal(atomic_load(&alive), 0);
    assert_null(mse_memo_new(0));
}

static void test_it_is_bounded(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 3, 16, 17, 100 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct mse_memo *m = mse_memo_new(sizes[i]);
        assert_non_null(m);
        for (unsigned n = 0; n < 1000; n++) {
            put(m, n);
            assert_true(has(m, n));
            assert_true(atomic_load(&alive) <= sizes[i]);
        }
        mse_memo_free(m);
        assert_int_equal(atomic_load(&alive), 0);
    }
}

/* What is asked for again and again outlives what came once. */
static void test_used_ones_stay(void **state)
{
    (void)state;
    struct mse_memo *m = mse_memo_new(16);
    put(m, 0);
    for (unsigned n = 1; n < 1000; n++) {
        assert_true(has(m, 0));
        put(m, n);
    }
    assert_true(has(m, 0));
    mse_memo_free(m);
}

/* A value lives as long as somebody holds it. */
static void test_held_values_survive(void **state)
{
    (void)state;
    uint8_t key[32];
    struct mse_memo *m = mse_memo_new(1);
    put(m, 5);
    key_of(key, 5);
    struct mse_shared *held = mse_memo_get(m, key);
    assert_non_null(held);
    put(m, 6);
    put(m, 7);
    assert_false(has(m, 5));
    assert_int_equal(((struct value *)held)->number, 5);
    mse_memo_free(m);
    assert_int_equal(((struct value *)held)->number, 5);
    mse_shared_unref(held);
    mse_shared_unref(NULL);
    assert_int_equal(atomic_load(&alive), 0);
}

struct crowd {
    struct mse_memo *memo;
    _Atomic unsigned next;
    _Atomic size_t wrong;
};

static void mingle(void *arg)
{
    struct crowd *c = arg;
    unsigned seed = atomic_fetch_add(&c->next, 1);
    for (unsigned i = 0; i < 4000; i++) {
        seed = seed * 1664525U + 1013904223U;
        unsigned number = (seed >> 16) % 60;
        uint8_t key[32];
        key_of(key, number);
        struct mse_shared *s = mse_memo_get(c->memo, key);
        if (s == NULL) {
            put(c->memo, number);
            continue;
        }
        if (((struct value *)s)->number != number) {
            (void)atomic_fetch_add(&c->wrong, 1);
        }
        mse_shared_unref(s);
    }
}

static void test_threads(void **state)
{
    (void)state;
    struct crowd c = { .memo = mse_memo_new(32) };
    mse_threads_run(4, mingle, &c);
    assert_int_equal(atomic_load(&c.next), 4);
    assert_int_equal(atomic_load(&c.wrong), 0);
    assert_true(atomic_load(&alive) <= 32);
    mse_memo_free(c.memo);
    assert_int_equal(atomic_load(&alive), 0);
}

static void count(void *arg)
{
    (void)atomic_fetch_add((_Atomic size_t *)arg, 1);
}

static void test_threads_run(void **state)
{
    (void)state;
    _Atomic size_t n = 0;
    mse_threads_run(0, count, &n); /* the caller's thread at least */
    assert_int_equal(atomic_load(&n), 1);
    mse_threads_run(3, count, &n);
    assert_int_equal(atomic_load(&n), 4);
    mse_threads_run(SIZE_MAX, count, &n);
    assert_true(atomic_load(&n) <= 4 + MSE_MAX_THREADS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_and_put),    cmocka_unit_test(test_it_is_bounded),
        cmocka_unit_test(test_used_ones_stay), cmocka_unit_test(test_held_values_survive),
        cmocka_unit_test(test_threads),        cmocka_unit_test(test_threads_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
