/* SPDX-License-Identifier: Apache-2.0 */
/* Targets of requests: segments, parameters, escapes. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "httpd/target.h"

static void splits(void **state)
{
    struct mse_target t;
    struct mse_bytes one = { 0 };
    struct mse_bytes two = { 0 };
    (void)state;
    assert_true(mse_target_split(&t, mse_bytes_str("/apps//x?a=1&&b&c=2=3&=")));
    assert_true(mse_target_segment(&t.path, &one) && mse_bytes_is_str(one, "apps"));
    assert_true(mse_target_segment(&t.path, &one) && one.len == 0);
    assert_true(mse_target_segment(&t.path, &one) && mse_bytes_is_str(one, "x"));
    assert_false(mse_target_segment(&t.path, &one));
    assert_true(mse_target_parameter(&t.query, &one, &two) && mse_bytes_is_str(one, "a") &&
                mse_bytes_is_str(two, "1"));
    assert_true(mse_target_parameter(&t.query, &one, &two) && mse_bytes_is_str(one, "b") &&
                two.len == 0);
    assert_true(mse_target_parameter(&t.query, &one, &two) && mse_bytes_is_str(two, "2=3"));
    assert_true(mse_target_parameter(&t.query, &one, &two) && one.len == 0 && two.len == 0);
    assert_false(mse_target_parameter(&t.query, &one, &two));
    assert_true(mse_target_split(&t, mse_bytes_str("/")) && t.query.len == 0);
    assert_true(mse_target_segment(&t.path, &one) && one.len == 0);
    assert_false(mse_target_segment(&t.path, &one));
}

static void refuses_other_targets(void **state)
{
    static const char *const bad[] = { "",       "*",         "apps", "http://x/", "/a b",
                                       "/a\x7f", "/\xc3\xa4", "/a#b", "/a?b\n" };
    struct mse_target t;
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_false(mse_target_split(&t, mse_bytes_str(bad[i])));
    }
}

static void decodes(void **state)
{
    static const char *const bad[] = { "%", "%4", "%zz", "%00", "a%c3", "%ff", "%ed%a0%80" };
    char out[8];
    (void)state;
    assert_true(mse_target_decode(out, sizeof out, mse_bytes_str("a+%2B%C3%A4"), true));
    assert_string_equal(out, "a +\xc3\xa4");
    assert_true(mse_target_decode(out, sizeof out, mse_bytes_str("a+%2b"), false));
    assert_string_equal(out, "a++");
    assert_true(mse_target_decode(out, sizeof out, mse_bytes_str("1234567"), true));
    assert_false(mse_target_decode(out, sizeof out, mse_bytes_str("12345678"), true));
    assert_true(mse_target_decode(out, 1, mse_bytes_str(""), true));
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_false(mse_target_decode(out, sizeof out, mse_bytes_str(bad[i]), true));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits),
        cmocka_unit_test(refuses_other_targets),
        cmocka_unit_test(decodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
