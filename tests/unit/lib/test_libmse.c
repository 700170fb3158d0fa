/* SPDX-License-Identifier: Apache-2.0 */
/* libmse.so as its users see it: the public headers, the exported functions, nothing else. */
#include <mse/attest.h>
#include <mse/measure.h>
#include <mse/version.h>

#include <string.h>

#include "lib/testlib.h"

const char *test_version_from_cxx(void);

static void versions_agree(void **state)
{
    (void)state;
    assert_string_equal(mse_version(), MSE_VERSION);
    assert_string_equal(test_version_from_cxx(), MSE_VERSION);
}

static void a_zeroed_policy_accepts_nothing(void **state)
{
    (void)state;
    static struct mse_verdict v;
    static const struct mse_policy none;
    static const struct mse_collateral nothing;
    struct mse_error err = { 0 };
    struct mse_bytes quote = { (const uint8_t *)"x", 1 };
    mse_status st = mse_appraise_sgx(&v, quote, &nothing, &none, 0, &err);
    assert_true(st != MSE_OK);
    assert_false(v.accepted);
    assert_int_equal(st, v.status);
}

static void measures(void **state)
{
    (void)state;
    struct mse_mrenclave *m = NULL;
    uint8_t out[32];
    assert_status(mse_mrenclave_new(&m, 4, 1U << 24), MSE_OK);
    mse_mrenclave_eadd(m, 0, MSE_SECINFO_REG | MSE_SECINFO_R);
    assert_status(mse_mrenclave_final(m, out), MSE_OK);
    mse_mrenclave_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_agree),
        cmocka_unit_test(a_zeroed_policy_accepts_nothing),
        cmocka_unit_test(measures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
