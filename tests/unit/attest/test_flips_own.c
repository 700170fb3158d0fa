/* SPDX-License-Identifier: Apache-2.0 */
/* A quote of our own, cut and flipped. */
#include "lib/testlib.h"

#include "flips.h"
#include "world.h"

static void test_own_quote(void **state)
{
    struct world *w = *state;
    world_make(w);
    /* What a TDX quote shares with one of SGX was flipped there, bit by bit. */
    unsigned stride = w->tdx ? 7 : 0;
    struct flips_subject s = { w->quote.data, w->quote.len, &w->collateral,
                               &w->policy,    w->at,        stride };
    flips_cut_and_flip(&s);
}

static void test_own_tdx_quote_v5(void **state)
{
    struct world *w = *state;
    w->tdx_version = 5;
    w->td.is_15 = true;
    test_own_quote(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_own_quote, world_defaults),
        cmocka_unit_test_setup(test_own_quote, world_defaults_tdx),
        cmocka_unit_test_setup(test_own_tdx_quote_v5, world_defaults_tdx),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
