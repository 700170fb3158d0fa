/* SPDX-License-Identifier: Apache-2.0 */
/* A policy in TOML says the same as in JSON. */
#include "base/bytes.h"
#include "base/util.h"
#include "conf/policy_toml.h"
#include "lib/testlib.h"

#define HEX64 "0000000000000000000000000000000000000000000000000000000000000011"

static void test_same_as_json(void **state)
{
    (void)state;
    static const char toml[] = "accepted_tcb_statuses = [\"UpToDate\", \"OutOfDate\"]\n"
                               "accepted_advisories = [\"INTEL-SA-00615\"]\n"
                               "min_tcb_date = 2024-03-13T00:00:00Z\n"
                               "min_tcb_evaluation_number = 16\n"
                               "require_level = 0\nallow_debug = true\n"
                               "[[references]]\nmr_signer = \"" HEX64 "\"\nmin_isv_svn = 2\n";
    static const char json[] =
        "{\"accepted_tcb_statuses\":[\"UpToDate\",\"OutOfDate\"],"
        "\"accepted_advisories\":[\"INTEL-SA-00615\"],"
        "\"min_tcb_date\":\"2024-03-13T00:00:00Z\","
        "\"min_tcb_evaluation_number\":16,\"require_level\":0,"
        "\"allow_debug\":true,\"references\":[{\"mr_signer\":\"" HEX64 "\",\"min_isv_svn\":2}]}";
    struct mse_policy *a = calloc(1, sizeof *a);
    struct mse_policy *b = calloc(1, sizeof *b);
    struct mse_error err = { 0 };
    assert_status(mse_policy_parse_toml(a, "p.toml", mse_bytes_str(toml), &err), MSE_OK);
    assert_status(mse_policy_parse_json(b, mse_bytes_str(json), &err), MSE_OK);
    assert_memory_equal(a, b, sizeof *a);
    assert_int_equal(a->num_references, 1);
    free(a);
    free(b);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        { "allow_debg = true\n",
          "p.toml:1: unknown key \"allow_debg\", did you mean \"allow_debug\"" },
        { "\nallow_debug = 1\n", "p.toml:2:" },
        { "require_level = 4\n", "require_level" },
        { "require_level = -1\n", "require_level" },
        { "accepted_tcb_statuses = \"UpToDate\"\n", "wanted an array of strings" },
        { "accepted_tcb_statuses = [\"Fine\"]\n", "p.toml:1:" },
        { "accepted_tcb_statuses = [\"Revoked\"]\n", "p.toml:1:" },
        { "min_tcb_date = 2024-03-13\n", "min_tcb_date" },
        { "references = 1\n", "wanted an array of tables" },
        { "references = [1]\n", "wanted an array of tables" },
        { "[[references]]\nmr_siner = \"" HEX64 "\"\n", "p.toml:2:" },
        { "[[references]]\nmr_signer = \"00\"\n", "p.toml:2:" },
        { "[[references]]\nmr_signer = [1]\n", "an array" },
        { "grace_days = 1.5\n", "a decimal number" },
        { "x", "not TOML" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        struct mse_policy *p = calloc(1, sizeof *p);
        struct mse_error err = { 0 };
        mse_status st = mse_policy_parse_toml(p, "p.toml", mse_bytes_str(rows[i].text), &err);
        assert_true(st == MSE_ERR_CONFIG || st == MSE_ERR_POLICY);
        if (strstr(err.text, rows[i].says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].says);
        }
        assert_true(mse_mem_is_zero(p, sizeof *p));
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_json),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
