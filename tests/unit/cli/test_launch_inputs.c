/* SPDX-License-Identifier: Apache-2.0 */
/* Lint: everything that decides what runs is measured. A key of mse.toml that
 * the manifest does not have fails here: give it a member, or say below why it needs none. The
 * switches of mse-enclave are tested by tests/unit/enclave/check_switches. */
#include "base/bytes.h"
#include "base/util.h"
#include "conf/project.h"
#include "lib/testlib.h"
#include "package/manifest.h"

static bool is_one_of(const char *const *list, const char *name)
{
    for (size_t i = 0; list[i] != NULL; i++) {
        if (strcmp(list[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_member(const char *name)
{
    for (size_t i = 0; mse_manifest_member_name(i) != NULL; i++) {
        if (strcmp(mse_manifest_member_name(i), name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_key(const char *name)
{
    static const char *const tables[] = { NULL, "enclave" };
    for (size_t t = 0; t < MSE_ARRAY_LEN(tables); t++) {
        for (size_t i = 0; mse_project_key_name(tables[t], i) != NULL; i++) {
            if (strcmp(mse_project_key_name(tables[t], i), name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void want_members(const char *table)
{
    /* Tests run outside; [cloud] is where and how long; [enclave] is a table. */
    static const char *const outside[] = { "tests_cmd", "tests_requirements", "cloud", "enclave",
                                           NULL };
    size_t i = 0;
    for (; mse_project_key_name(table, i) != NULL; i++) {
        const char *name = mse_project_key_name(table, i);
        if (!is_member(name) && !is_one_of(outside, name)) {
            fail_msg("%s of mse.toml decides what runs, and the manifest does not have it", name);
        }
    }
    assert_true(i > 5);
}

static void test_keys_are_members(void **state)
{
    (void)state;
    want_members(NULL);
    want_members("enclave");
    assert_null(mse_project_key_name("nothing", 0));
}

static void test_members_have_keys(void **state)
{
    (void)state;
    /* What mse computes: nobody writes them down. */
    static const char *const computed[] = { "version",
                                            "app_id",
                                            "runtime",
                                            "code_digest",
                                            "san",
                                            "config_domain_name",
                                            "created_at",
                                            "expires_at",
                                            "package_header",
                                            "ssl_certificate_origin",
                                            "ssl_certificate_chain_sha256",
                                            NULL };
    const char *before = "";
    for (size_t i = 0; mse_manifest_member_name(i) != NULL; i++) {
        const char *name = mse_manifest_member_name(i);
        assert_true(strcmp(before, name) < 0); /* the order of RFC 8785 */
        if (!is_key(name) && !is_one_of(computed, name)) {
            fail_msg("%s of the manifest has no key in mse.toml", name);
        }
        before = name;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_members),
        cmocka_unit_test(test_members_have_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
