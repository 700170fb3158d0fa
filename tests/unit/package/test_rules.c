/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "lib/testlib.h"
#include "package/rules.h"

#define REP16(s) s s s s s s s s s s s s s s s s

static void test_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x92\xa9", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"
    };
    static const char *const bad[] = { "\x80",         "\xc3",         "\xc0\xaf",
                                       "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                       "\xf8\x88\x80", "\xc3(",        "\xff" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(mse_utf8_valid(mse_bytes_str(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(mse_utf8_valid(mse_bytes_str(bad[i])));
    }
}

static void test_path(void **state)
{
    (void)state;
    static const char *const good[] = { "a", "a/b", ".a", "a..b", "...", "a/.b/c" };
    static const char *const bad[] = { "",   "/",    "/a",   "a/",  "a//b",  ".",
                                       "..", "a/..", "../a", "./a", "a/./b", "a/\xff" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(mse_rule_path(mse_bytes_str(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(mse_rule_path(mse_bytes_str(bad[i])));
    }
    assert_false(mse_rule_path(mse_bytes_of("a\0b", 3)));
    char longest[MSE_PATH_MAX_LEN + 1];
    memset(longest, 'a', sizeof longest);
    assert_true(mse_rule_path(mse_bytes_of(longest, MSE_PATH_MAX_LEN)));
    assert_false(mse_rule_path(mse_bytes_of(longest, MSE_PATH_MAX_LEN + 1)));
}

static void test_host(void **state)
{
    (void)state;
    assert_true(mse_rule_host("a"));
    assert_true(mse_rule_host("abc.mse.localhost"));
    assert_true(mse_rule_host("0-a.example.org"));
    assert_true(mse_rule_host("1.2.3.a4"));
    assert_true(mse_rule_host(REP16("aaa") "aaaaaaaaaaaaaaa.org"));
    assert_false(mse_rule_host(REP16("aaaa") ".org"));
    assert_false(mse_rule_host(""));
    assert_false(mse_rule_host("a..b"));
    assert_false(mse_rule_host("a."));
    assert_false(mse_rule_host(".a"));
    assert_false(mse_rule_host("-a.org"));
    assert_false(mse_rule_host("a-.org"));
    assert_false(mse_rule_host("A.org"));
    assert_false(mse_rule_host("*.org"));
    assert_false(mse_rule_host("a_b.org"));
    assert_false(mse_rule_host("127.0.0.1"));
    assert_false(mse_rule_host("a.org:443"));
}

static void test_words(void **state)
{
    (void)state;
    assert_true(mse_rule_uuid4("0e4e8f3a-9b1c-4d2e-8f00-0123456789ab"));
    assert_false(mse_rule_uuid4("0e4e8f3a-9b1c-1d2e-8f00-0123456789ab"));
    assert_false(mse_rule_uuid4("0e4e8f3a-9b1c-4d2e-7f00-0123456789ab"));
    assert_false(mse_rule_uuid4("0E4e8f3a-9b1c-4d2e-8f00-0123456789ab"));
    assert_false(mse_rule_uuid4("0e4e8f3a-9b1c-4d2e-8f00-0123456789a"));
    assert_true(mse_rule_python_application("app:app"));
    assert_true(mse_rule_python_application("a.b_1:c.d"));
    assert_false(mse_rule_python_application("app"));
    assert_false(mse_rule_python_application("app:"));
    assert_false(mse_rule_python_application(":app"));
    assert_false(mse_rule_python_application("a:b:c"));
    assert_false(mse_rule_python_application("a..b:c"));
    assert_false(mse_rule_python_application("a-b:c"));
    assert_true(mse_rule_endpoint("/"));
    assert_true(mse_rule_endpoint("/health?x=1"));
    assert_false(mse_rule_endpoint("health"));
    assert_false(mse_rule_endpoint("/a b"));
    assert_false(mse_rule_endpoint("/a\r\nX: y"));
    assert_true(mse_rule_env_name("_A1"));
    assert_false(mse_rule_env_name("1A"));
    assert_false(mse_rule_env_name("A.B"));
    assert_false(mse_rule_env_name("A=B"));
    assert_false(mse_rule_env_name(""));
    assert_true(mse_rule_env_reserved("HOME"));
    assert_true(mse_rule_env_reserved("MSE_ANYTHING"));
    assert_false(mse_rule_env_reserved("HOMER"));
    assert_true(mse_rule_name("My app"));
    assert_false(mse_rule_name(" x"));
    assert_false(mse_rule_name("x "));
    assert_false(mse_rule_name(""));
    assert_false(mse_rule_name("a\nb"));
}

static void test_enclave_size(void **state)
{
    (void)state;
    assert_true(mse_rule_enclave_size(1ULL << 24));
    assert_true(mse_rule_enclave_size(1ULL << 40));
    assert_false(mse_rule_enclave_size(1ULL << 23));
    assert_false(mse_rule_enclave_size(1ULL << 41));
    assert_false(mse_rule_enclave_size((1ULL << 30) + 4096));
    assert_false(mse_rule_enclave_size(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),         cmocka_unit_test(test_path),
        cmocka_unit_test(test_host),         cmocka_unit_test(test_words),
        cmocka_unit_test(test_enclave_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
