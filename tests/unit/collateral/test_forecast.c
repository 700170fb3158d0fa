/* SPDX-License-Identifier: Apache-2.0 */
/* What is short of a level. */
#include "lib/testlib.h"

#include "collateral/forecast.h"
#include <mse/policy.h>

struct fixture {
    struct mse_svns svns;
    struct mse_tcb_info info;
    struct mse_qe_identity qe;
    struct mse_short out[MSE_MAX_SHORT];
};

/* A platform at 5 everywhere; levels: 6 OutOfDate's better, as in the tests. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    memset(f->svns.pck.comp_svn, 5, 16);
    f->svns.pck.pce_svn = 11;
    memset(f->svns.tee_tcb_svn, 5, 16);
    f->svns.qe_isv_svn = 8;
    f->info.num_levels = 2;
    for (size_t i = 0; i < 2; i++) {
        struct mse_tcb_level *l = &f->info.levels[i];
        memset(l->sgx_comp_svn, 5, 16);
        l->pce_svn = 11;
        l->has_tdx_comp = true;
        memset(l->tdx_comp_svn, 5, 16);
        l->status = i == 0 ? MSE_TCB_UP_TO_DATE : MSE_TCB_OUT_OF_DATE;
    }
    f->info.num_tdx_modules = 1;
    static const uint8_t id[] = "TDX_05";
    f->info.tdx_modules[0].id.data = id;
    f->info.tdx_modules[0].id.len = 6;
    f->info.tdx_modules[0].num_levels = 1;
    f->info.num_module_levels = 1;
    f->info.module_levels[0].isv_svn = 5;
    f->info.module_levels[0].status = MSE_TCB_UP_TO_DATE;
    f->qe.num_levels = 2;
    f->qe.levels[0].isv_svn = 8;
    f->qe.levels[0].status = MSE_TCB_UP_TO_DATE;
    f->qe.levels[1].isv_svn = 6;
    f->qe.levels[1].status = MSE_TCB_OUT_OF_DATE;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static size_t run(struct fixture *f, enum mse_tcb_status accepted)
{
    return mse_forecast(f->out, &f->svns, &f->info, &f->qe, MSE_TCB_BIT(accepted));
}

static void want(const struct mse_short *s, enum mse_short_kind kind, unsigned index, unsigned have,
                 unsigned wanted)
{
    assert_int_equal(s->kind, kind);
    assert_int_equal(s->index, index);
    assert_int_equal(s->have, have);
    assert_int_equal(s->want, wanted);
    assert_string_not_equal(mse_short_name(s->kind), "");
}

static void test_nothing_short(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, MSE_TCB_UP_TO_DATE), 0);
    f->svns.tdx = true;
    assert_int_equal(run(f, MSE_TCB_UP_TO_DATE), 0);
}

static void test_sgx(void **state)
{
    struct fixture *f = *state;
    f->info.levels[0].sgx_comp_svn[0] = 6;
    f->info.levels[0].sgx_comp_svn[15] = 255;
    f->info.levels[0].sgx_comp_svn[1] = 4;
    f->info.levels[0].tdx_comp_svn[3] = 9; /* not TDX */
    f->info.levels[0].pce_svn = 13;
    f->qe.levels[0].isv_svn = 9;
    assert_int_equal(run(f, MSE_TCB_UP_TO_DATE), 4);
    want(&f->out[0], MSE_SHORT_SGX_COMPONENT, 1, 5, 6);
    want(&f->out[1], MSE_SHORT_SGX_COMPONENT, 16, 5, 255);
    want(&f->out[2], MSE_SHORT_PCE, 0, 11, 13);
    want(&f->out[3], MSE_SHORT_QE, 0, 8, 9);
    /* A policy for which the lower level is good enough. */
    assert_int_equal(run(f, MSE_TCB_OUT_OF_DATE), 0);
    /* One for which no level is: the first one counts. */
    assert_int_equal(run(f, MSE_TCB_CONFIGURATION_NEEDED), 4);
}

static void test_tdx(void **state)
{
    struct fixture *f = *state;
    f->svns.tdx = true;
    memset(f->info.levels[0].tdx_comp_svn, 6, 16);
    f->info.module_levels[0].isv_svn = 7;
    /* A module with a version: the first two components are its identity's matter. */
    assert_int_equal(run(f, MSE_TCB_UP_TO_DATE), 14 + 1);
    want(&f->out[0], MSE_SHORT_TDX_COMPONENT, 3, 5, 6);
    want(&f->out[14], MSE_SHORT_TDX_MODULE, 0, 5, 7);
    f->svns.tee_tcb_svn[1] = 0;
    assert_int_equal(run(f, MSE_TCB_UP_TO_DATE), 16);
    want(&f->out[1], MSE_SHORT_TDX_COMPONENT, 2, 0, 6);
    f->svns.tee_tcb_svn[1] = 6; /* no identity of this module: the appraisal refuses it */
    assert_int_equal(run(f, MSE_TCB_UP_TO_DATE), 14);
}

/* Everything at once fits. */
static void test_most(void **state)
{
    struct fixture *f = *state;
    f->svns.tdx = true;
    memset(f->svns.pck.comp_svn, 0, 16);
    memset(f->svns.tee_tcb_svn, 0, 16);
    f->svns.pck.pce_svn = 0;
    f->svns.qe_isv_svn = 0;
    assert_int_equal(run(f, MSE_TCB_UP_TO_DATE), 16 + 1 + 16 + 1);
    f->info.num_levels = 0;
    f->qe.num_levels = 0;
    assert_int_equal(run(f, MSE_TCB_UP_TO_DATE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_short, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sgx, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tdx, setup, teardown),
        cmocka_unit_test_setup_teardown(test_most, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
