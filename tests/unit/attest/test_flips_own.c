/* SPDX-License-Identifier: Apache-2.0 */
/* A quote of our own, cut and flipped. */
#include "lib/testlib.h"

#include "flips.h"
#include "world.h"

static void test_own_quote(void **state)
{
    struct world *w = *state;
    world_make(w);
    struct flips_subject s = { w->quote.data, w->quote.len, &w->collateral, &w->policy, w->at };
    flips_cut_and_flip(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup(test_own_quote, world_defaults) };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
