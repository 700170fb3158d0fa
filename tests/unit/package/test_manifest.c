/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "lib/testlib.h"
#include "package/context.h"
#include "package/manifest.h"

/* A complete manifest; also what a runtime's tests may use. */
#define MEMBERS_FRONT                                                                              \
    "{\"alpn\":[\"http/1.1\"],\"app_id\":\"0e4e8f3a-9b1c-4d2e-8f00-0123456789ab\","                \
    "\"certificate\":\"leaf\",\"code_digest\":"                                                    \
    "\"0101010101010101010101010101010101010101010101010101010101010101\","
#define MEMBERS_BACK                                                                               \
    "\"config_domain_name\":\"cfg.mse.localhost\",\"created_at\":\"2026-01-02T03:04:05Z\","        \
    "\"egress\":false,\"enclave_size\":1073741824,\"env\":{\"A\":\"1\",\"B\":\"x\\ny\"},"          \
    "\"expires_at\":\"2026-02-02T03:04:05Z\",\"healthcheck_endpoint\":\"/health\",\"ignore\":1,"   \
    "\"legacy_extension\":false,\"logs\":\"plain\",\"name\":\"hello\",\"package\":\"plain\","
#define MEMBERS_END                                                                                \
    "\"replicas\":1,\"restart\":\"never\",\"rootfs\":{\"name\":\"host\"},\"runtime\":"             \
    "\"0202020202020202020202020202020202020202020202020202020202020202\","                        \
    "\"san\":\"hello.mse.localhost\",\"ssl_certificate_origin\":\"self\","                         \
    "\"upgrade\":{\"none\":true},\"version\":1,\"workers\":1}"
#define COMMAND "\"command\":[\"./server\",\"--x\"],"
#define PYTHON  "\"python_application\":\"app:app\","

static const char with_command[] = MEMBERS_FRONT COMMAND MEMBERS_BACK MEMBERS_END;
static const char with_python[] = MEMBERS_FRONT MEMBERS_BACK PYTHON MEMBERS_END;

static mse_status parse(const char *json)
{
    struct mse_manifest m = { 0 };
    struct mse_error err = { 0 };
    mse_status st = mse_manifest_parse(&m, mse_bytes_str(json), &err);
    if (st != MSE_OK) {
        assert_true(err.text[0] != '\0');
    }
    mse_manifest_clear(&m);
    return st;
}

static void test_read(void **state)
{
    (void)state;
    struct mse_manifest m = { 0 };
    assert_status(mse_manifest_parse(&m, mse_bytes_str(with_command), NULL), MSE_OK);
    assert_string_equal(m.app_id, "0e4e8f3a-9b1c-4d2e-8f00-0123456789ab");
    assert_string_equal(m.name, "hello");
    assert_int_equal(m.command.num, 2);
    assert_string_equal(m.command.items[1], "--x");
    assert_null(m.python_application);
    assert_int_equal(m.num_env, 2);
    assert_string_equal(m.env[1].name, "B");
    assert_string_equal(m.env[1].value, "x\ny");
    assert_int_equal(m.enclave_size, 1073741824);
    assert_int_equal(m.expires_at - m.created_at, 31 * 86400);
    assert_int_equal(m.runtime[31], 2);
    assert_string_equal(m.san, "hello.mse.localhost");
    mse_manifest_clear(&m);
    assert_status(mse_manifest_parse(&m, mse_bytes_str(with_python), NULL), MSE_OK);
    assert_string_equal(m.python_application, "app:app");
    assert_int_equal(m.command.num, 0);
    mse_manifest_clear(&m);
}

static void test_write_gives_the_same_bytes(void **state)
{
    (void)state;
    struct mse_manifest m = { 0 };
    struct mse_build b;
    mse_build_heap(&b, MSE_MANIFEST_MAX_LEN);
    assert_status(mse_manifest_parse(&m, mse_bytes_str(with_python), NULL), MSE_OK);
    assert_status(mse_manifest_write(&b, &m, NULL), MSE_OK);
    assert_bytes(mse_build_view(&b), mse_bytes_str(with_python));
    mse_build_clear(&b);
    mse_manifest_clear(&m);
}

/* Replaces `from` by `to` in the good manifest and parses. */
static mse_status parse_with(const char *from, const char *to)
{
    const char *at = strstr(with_command, from);
    assert_non_null(at);
    char *text = NULL;
    assert_true(asprintf(&text, "%.*s%s%s", (int)(at - with_command), with_command, to,
                         at + strlen(from)) > 0);
    mse_status st = parse(text);
    free(text);
    return st;
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "\"workers\":1", "\"workers\":2,\"x\":1" },
        { ",\"workers\":1", "" },
        { "\"workers\":1", "\"workers\":1,\"workers\":1" },
        { "\"workers\":1", "\"workers\": 1" },
        { "\"workers\":1", "\"workers\":1.0" },
        { "\"workers\":1", "\"workers\":0" },
        { "\"workers\":1", "\"workers\":-1" },
        { "\"workers\":1", "\"workers\":\"1\"" },
        { "\"workers\":1", "\"workers\":99999999999999999999" },
        { "\"version\":1", "\"version\":2" },
        { "\"egress\":false", "\"egress\":true" },
        { "\"logs\":\"plain\"", "\"logs\":\"owner\"" },
        { "\"package\":\"plain\"", "\"package\":\"encrypted\"" },
        { "\"restart\":\"never\"", "\"restart\":\"sealed\"" },
        { "\"certificate\":\"leaf\"", "\"certificate\":\"ca\"" },
        { "\"replicas\":1", "\"replicas\":2" },
        { "\"ignore\":1", "\"ignore\":2" },
        { "{\"name\":\"host\"}", "{\"name\":\"debian\"}" },
        { "{\"name\":\"host\"}", "{\"name\":\"host\",\"x\":1}" },
        { "{\"none\":true}", "{\"none\":false}" },
        { "{\"none\":true}", "{}" },
        { "\"self\"", "\"owner\"" },
        { "\"self\"", "\"operator\"" },
        { "0101", "010" },
        { "0202", "02A2" },
        { "-4d2e-", "-1d2e-" },
        { "\"/health\"", "\"health\"" },
        { "hello.mse.localhost", "Hello.mse.localhost" },
        { "cfg.mse.localhost", "*.mse.localhost" },
        { "\"hello\"", "\" hello\"" },
        { "\"hello\"", "\"hel\\u0000lo\"" },
        { "\"hello\"", "\"h\\u0065llo\"" },
        { "\"A\":\"1\",\"B\":\"x\\ny\"", "\"B\":\"x\\ny\",\"A\":\"1\"" },
        { "\"A\":\"1\"", "\"A\":1" },
        { "\"A\":\"1\"", "\"HOME\":\"1\"" },
        { "\"A\":\"1\"", "\"MSE_SOCKET\":\"1\"" },
        { "\"A\":\"1\"", "\"\":\"1\"" },
        { "x\\ny", "x\\u000ay" },
        { "[\"http/1.1\"]", "[]" },
        { "[\"http/1.1\"]", "[\"http/1.1\",\"http/1.1\"]" },
        { "[\"http/1.1\"]", "[\"h3\"]" },
        { "1073741824", "1073741825" },
        { "2026-02-02", "2026-01-01" },
        { "2026-02-02", "2026-02-30" },
        { COMMAND, "" },
        { COMMAND, "\"command\":[]," },
        { COMMAND, "\"command\":[\"\"]," },
        { "\"package\":\"plain\",", "\"package\":\"plain\"," PYTHON },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (parse_with(rows[i][0], rows[i][1]) != MSE_ERR_MALFORMED) {
            fail_msg("%s instead of %s was not refused as malformed", rows[i][1], rows[i][0]);
        }
    }
}

static void test_every_truncation_and_flip(void **state)
{
    (void)state;
    size_t len = sizeof with_command - 1;
    uint8_t copy[sizeof with_command];
    for (size_t i = 0; i < len; i++) {
        struct mse_manifest m = { 0 };
        assert_status(mse_manifest_parse(&m, mse_bytes_of(with_command, i), NULL),
                      MSE_ERR_MALFORMED);
    }
    for (size_t bit = 0; bit < len * 8; bit++) {
        struct mse_manifest m = { 0 };
        struct mse_build b;
        memcpy(copy, with_command, len);
        copy[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        mse_status st = mse_manifest_parse(&m, mse_bytes_of(copy, len), NULL);
        mse_build_heap(&b, MSE_MANIFEST_MAX_LEN);
        if (st == MSE_OK) { /* another value, but then in its canonical form */
            assert_status(mse_manifest_write(&b, &m, NULL), MSE_OK);
            assert_bytes(mse_build_view(&b), mse_bytes_of(copy, len));
        }
        mse_build_clear(&b);
        mse_manifest_clear(&m);
    }
    memcpy(copy, with_command, len);
    copy[len] = ' ';
    struct mse_manifest m = { 0 };
    assert_status(mse_manifest_parse(&m, mse_bytes_of(copy, len + 1), NULL), MSE_ERR_MALFORMED);
}

static void test_too_long(void **state)
{
    (void)state;
    struct mse_manifest m = { 0 };
    char *text = malloc(MSE_MANIFEST_MAX_LEN + 1);
    assert_non_null(text);
    memset(text, ' ', MSE_MANIFEST_MAX_LEN + 1);
    assert_status(mse_manifest_parse(&m, mse_bytes_of(text, MSE_MANIFEST_MAX_LEN + 1), NULL),
                  MSE_ERR_MALFORMED);
    free(text);
}

static void test_write_names_the_field(void **state)
{
    (void)state;
    struct mse_manifest m = { 0 };
    struct mse_build b;
    struct mse_error err = { 0 };
    mse_build_heap(&b, MSE_MANIFEST_MAX_LEN);
    assert_status(mse_manifest_parse(&m, mse_bytes_str(with_command), NULL), MSE_OK);
    m.workers = 1000;
    assert_status(mse_manifest_write(&b, &m, &err), MSE_ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "workers"));
    assert_non_null(strstr(err.text, "1000"));
    assert_int_equal(b.len, 0);
    mse_manifest_clear(&m);
    mse_build_clear(&b);
}

static void test_context_text(void **state)
{
    (void)state;
    struct mse_context c = { .manifest = strdup("{\"a\":\"b\\\\\"}"),
                             .id = "0e4e8f3a-9b1c-4d2e-8f00-0123456789ab",
                             .domain_name = strdup("a.mse.localhost:1"),
                             .config_domain_name = strdup("c.mse.localhost"),
                             .tee_kind = strdup("sgx"),
                             .layout = strdup("sim-1"),
                             .runtime_version = strdup("0.1.0"),
                             .created_at = 1767323045 };
    struct mse_build b;
    mse_build_heap(&b, 65536);
    assert_status(mse_context_write(&b, &c), MSE_OK);
    const char *text = mse_build_cstr(&b);
    assert_non_null(strstr(text, "json = \"{\\\"a\\\":\\\"b\\\\\\\\\\\"}\"\n"));
    assert_non_null(strstr(text, "created_at = 2026-01-02T03:04:05Z\n"));
    assert_null(strstr(text, "signer"));
    mse_build_clear(&b);
    mse_context_clear(&c);
    assert_status(mse_context_write(&b, &c), MSE_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),         cmocka_unit_test(test_write_gives_the_same_bytes),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_every_truncation_and_flip),
        cmocka_unit_test(test_too_long),     cmocka_unit_test(test_write_names_the_field),
        cmocka_unit_test(test_context_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
