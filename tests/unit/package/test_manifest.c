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
    "\"expects\":[],"                                                                              \
    "\"expires_at\":\"2026-02-02T03:04:05Z\",\"healthcheck_endpoint\":\"/health\",\"ignore\":1,"   \
    "\"legacy_extension\":false,\"logs\":\"plain\",\"name\":\"hello\",\"package\":\"plain\","      \
    "\"proxy_protocol\":false,"
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
        { "\"logs\":\"plain\"", "\"logs\":\"owner\"" },
        { "\"package\":\"plain\"", "\"package\":\"encrypted\"" },
        { "\"replicas\":1", "\"replicas\":2" },
        { "\"ignore\":1", "\"ignore\":2" },
        { "{\"name\":\"host\"}", "{\"name\":\"debian\"}" },
        { "{\"name\":\"host\"}", "{\"name\":\"host\",\"x\":1}" },
        { "{\"none\":true}", "{\"none\":false}" },
        { "{\"none\":true}", "{}" },
        { "\"self\"", "\"owner\"" },
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
        { "\"package\":\"plain\",", "\"package\":\"plain\"," PYTHON }, /* both */
        { "\"egress\":false", "\"egress\":0" },
        { "\"restart\":\"never\"", "\"restart\":\"always\"" },
        { "\"certificate\":\"leaf\"", "\"certificate\":\"root\"" },
        { "\"expects\":[]", "\"expects\":[\"secrets\"]" }, /* and no token */
        { "\"expects\":[]", "\"expects\":[\"x\"]" },
        { "\"expects\":[]", "\"expects\":{}" },
        { "\"proxy_protocol\":false", "\"proxy_protocol\":null" },
        { ",\"proxy_protocol\":false", "" },
        { "\"replicas\":1", "\"replicas\":65" },
        { "{\"none\":true}", "{\"fingerprints\":[]}" },
        { "{\"none\":true}", "{\"fingerprints\":[\"00\"]}" },
        { "{\"none\":true}", "{\"owner_key\":\"3059\"}" },
        { "{\"none\":true}", "{\"none\":true,\"owner_key\":\"3059\"}" },
        { "{\"name\":\"host\"}", "{\"digest\":\"00\",\"name\":\"d\",\"version\":\"1\"}" },
        { "{\"name\":\"host\"}", "{\"name\":\"d\",\"version\":\"1\"}" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (parse_with(rows[i][0], rows[i][1]) != MSE_ERR_MALFORMED) {
            fail_msg("%s instead of %s was not refused as malformed", rows[i][1], rows[i][0]);
        }
    }
}

#define D32(d) d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d

/* Every member with another value than the usual one. */
static const char
    with_all[] =
        "{\"alpn\":[\"h2\",\"http/1.1\"],\"app_id\":\"0e4e8f3a-9b1c-4d2e-8f00-0123456789ab\","
        "\"certificate\":\"ca\",\"client_ca\":\"" D32("0a") "\",\"code_digest\":\"" D32(
            "01") "\",\"command\":[\"./server\"],\"config_domain_name\":\"cfg.mse.localhost\","
                  "\"config_token_sha256\":\"" D32(
                      "0b") "\",\"created_at\":\"2026-01-02T03:04:05Z\","
                            "\"egress\":true,\"enclave_size\":1073741824,\"env\":{},"
                            "\"expects\":[\"sealed_secrets\",\"secrets\",\"ssl_key\"],"
                            "\"expires_at\":\"2026-02-02T03:04:05Z\",\"healthcheck_endpoint\":"
                            "\"/health\","
                            "\"ignore\":1,\"legacy_extension\":true,\"logs\":\"owner\",\"logs_"
                            "key\":\"" D32("0c") "\",\"name\":\"hello\",\"package\":"
                                                 "\"encrypted\",\"package_header\":\"" D32("0d") "\",\"proxy_protocol\":true,\"replica_policy\":{\"machines\":[\"" D32(
                                                     "0e") "\"],"
                                                           "\"min_tcb_evaluation_number\":17,"
                                                           "\"statuses\":["
                                                           "\"SWHardeningNeeded\",\"UpToDate\"]"
                                                           "},"
                                                           "\"replicas\":3,\"restart\":"
                                                           "\"sealed\",\"rootfs\":{\"digest\":"
                                                           "\"" D32(
                                                               "0f") "\","
                                                                     "\"name\":\"debian\","
                                                                     "\"version\":\"12.1\"},"
                                                                     "\"runtime\":\"" D32(
                                                                         "02") "\","
                                                                               "\"san\":"
                                                                               "\"hello.mse."
                                                                               "localhost\","
                                                                               "\"ssl_"
                                                                               "certificate_"
                                                                               "chain_sha256\":"
                                                                               "\"" D32(
                                                                                   "10") "\","
                                                                                         "\"ssl"
                                                                                         "_cert"
                                                                                         "ifica"
                                                                                         "te_"
                                                                                         "origi"
                                                                                         "n\":"
                                                                                         "\"own"
                                                                                         "er\","
                                                                                         "\"upg"
                                                                                         "rade"
                                                                                         "\":{"
                                                                                         "\"fin"
                                                                                         "gerpr"
                                                                                         "ints"
                                                                                         "\":["
                                                                                         "\"" D32("11") "\",\"" D32(
                                                                                             "1"
                                                                                             "2") "\"]},\"version\":1,\"workers\":2}";

static void test_every_member(void **state)
{
    (void)state;
    struct mse_manifest m = { 0 };
    struct mse_build b;
    struct mse_error err = { 0 };
    mse_build_heap(&b, MSE_MANIFEST_MAX_LEN);
    if (mse_manifest_parse(&m, mse_bytes_str(with_all), &err) != MSE_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(m.certificate, MSE_CERTIFICATE_CA);
    assert_int_equal(m.client_ca[31], 0x0a);
    assert_int_equal(m.config_token_sha256[0], 0x0b);
    assert_true(m.egress && m.proxy_protocol && m.legacy_extension);
    assert_int_equal(m.expects, 7);
    assert_int_equal(m.logs, MSE_LOGS_OWNER);
    assert_int_equal(m.logs_key[3], 0x0c);
    assert_int_equal(m.package, MSE_PACKAGE_ENCRYPTED);
    assert_int_equal(m.package_header[3], 0x0d);
    assert_int_equal(m.replicas, 3);
    assert_int_equal(m.replica_policy.min_tcb_evaluation_number, 17);
    assert_string_equal(m.replica_policy.statuses.items[1], "UpToDate");
    assert_int_equal(m.restart, MSE_RESTART_SEALED);
    assert_string_equal(m.rootfs.version, "12.1");
    assert_int_equal(m.origin, MSE_ORIGIN_OWNER);
    assert_int_equal(m.upgrade.fingerprints.num, 2);
    assert_status(mse_manifest_write(&b, &m, NULL), MSE_OK);
    assert_bytes(mse_build_view(&b), mse_bytes_str(with_all));
    mse_build_clear(&b);
    mse_manifest_clear(&m);
}

/* What goes with a value of another member is neither missing nor there without it. */
static void test_members_that_go_together(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "\"logs\":\"owner\"", "\"logs\":\"none\"" },
        { "\"ssl_certificate_origin\":\"owner\"", "\"ssl_certificate_origin\":\"self\"" },
        { ",\"ssl_key\"", "" },
        { "\"config_token_sha256\":\"" D32("0b") "\",", "" },
        { "\"logs_key\":\"" D32("0c") "\",", "" },
        { "\"replicas\":3", "\"replicas\":1" },
        { "\"SWHardeningNeeded\",\"UpToDate\"", "\"UpToDate\",\"SWHardeningNeeded\"" },
        { "\"SWHardeningNeeded\",\"UpToDate\"", "\"UpToDate\",\"UpToDate\"" },
        { "\"SWHardeningNeeded\",\"UpToDate\"", "\"Up To Date\"" },
        { "[\"SWHardeningNeeded\",\"UpToDate\"]", "[]" },
        { "\"sealed_secrets\",\"secrets\"", "\"secrets\",\"sealed_secrets\"" },
        { "\"name\":\"debian\"", "\"name\":\"host\"" },
        { "\"client_ca\":\"" D32("0a"), "\"client_ca\":\"" D32("00") },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *at = strstr(with_all, rows[i][0]);
        assert_non_null(at);
        char *text = NULL;
        assert_true(asprintf(&text, "%.*s%s%s", (int)(at - with_all), with_all, rows[i][1],
                             at + strlen(rows[i][0])) > 0);
        if (parse(text) != MSE_ERR_MALFORMED) {
            fail_msg("%s instead of %s was not refused as malformed", rows[i][1], rows[i][0]);
        }
        free(text);
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
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_write_gives_the_same_bytes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_every_truncation_and_flip),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_write_names_the_field),
        cmocka_unit_test(test_context_text),
        cmocka_unit_test(test_every_member),
        cmocka_unit_test(test_members_that_go_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
