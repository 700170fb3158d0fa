/* SPDX-License-Identifier: Apache-2.0 */
/* libmse-ratls.so beside libmse.so, as its users see it. */
#include <mse/ratls.h>

#include "lib/testlib.h"

static void names(void **state)
{
    (void)state;
    assert_non_null(mse_ratls_form_name(MSE_RATLS_DICE));
    assert_non_null(mse_ratls_binding_name(MSE_BINDING_CLAIMS));
}

static void refuses_what_is_no_certificate(void **state)
{
    (void)state;
    static const struct mse_policy none;
    static const struct mse_collateral nothing;
    static struct mse_verdict v;
    struct mse_ratls_cert cert;
    struct mse_error err = { 0 };
    struct mse_bytes der = { (const uint8_t *)"\x30\x00", 2 };
    assert_status(mse_ratls_read(&cert, der, &err), MSE_ERR_MALFORMED);
    assert_true(mse_ratls_appraise(&v, NULL, NULL, der, NULL, &nothing, &none, 0, NULL) != MSE_OK);
    assert_false(v.accepted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(refuses_what_is_no_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
