/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's side of the configuration protocol: what is sent to the byte, what is taken. */
#include "base/bytes.h"
#include "base/util.h"
#include "cli/configure.h"
#include "lib/testlib.h"

#define TOKEN "0000000000000000000000000000000000000000000000000000000000000001"

static void test_request(void **state)
{
    (void)state;
    uint8_t key[32];
    struct mse_build out;
    memset(key, 0xab, sizeof key);
    const struct cli_configuration k = { .uuid = "u",
                                         .key = mse_bytes_of(key, sizeof key),
                                         .secrets = mse_bytes_str("{ \"a\": 1 }"),
                                         .sealed = mse_bytes_str("\xff\xfe") };
    mse_build_heap(&out, 4096);
    assert_status(cli_configure_request(&out, "c.localhost", TOKEN, &k, NULL), MSE_OK);
    const char *text = mse_build_cstr(&out);
    const char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    assert_string_equal(body + 4,
                        "{\"uuid\":\"u\",\"code_secret_key\":\"abababababababababababababababab"
                        "abababababababababababababababab\",\"app_secrets\":{ \"a\": 1 },"
                        "\"app_sealed_secrets\":\"__4\"}");
    assert_non_null(strstr(text, "POST / HTTP/1.1\r\nHost: c.localhost\r\n"));
    assert_non_null(strstr(text, "\r\nAuthorization: Bearer " TOKEN "\r\n"));
    char length[64];
    (void)snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", strlen(body + 4));
    assert_non_null(strstr(text, length));
    mse_build_clear(&out);
}

/* Secrets are sent as they stand: what would end them early never is. */
static void test_refuses_secrets(void **state)
{
    (void)state;
    static const char *const wrong[] = { "{", "{\"a\":1},\"uuid\":\"x\"", "{\"a\":1,\"a\":2}",
                                         "a" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(wrong); i++) {
        struct mse_build out;
        const struct cli_configuration k = { .uuid = "u", .secrets = mse_bytes_str(wrong[i]) };
        mse_build_heap(&out, 4096);
        assert_status(cli_configure_request(&out, "h", TOKEN, &k, NULL), MSE_ERR_MALFORMED);
        assert_int_equal(out.len, 0);
        mse_build_clear(&out);
    }
    struct mse_build small;
    const struct cli_configuration k = { .uuid = "u" };
    mse_build_heap(&small, 16);
    assert_status(cli_configure_request(&small, "h", TOKEN, &k, NULL), MSE_ERR_NO_SPACE);
    mse_build_clear(&small);
}

static void test_answer(void **state)
{
    (void)state;
    static const char good[] = "HTTP/1.1 422 Unprocessable Content\r\nContent-Length: 49\r\n\r\n"
                               "{\"error\":\"form\",\"field\":\"uuid\",\"status\":\"Waiting\"}";
    struct cli_configure_answer a;
    assert_status(cli_configure_parse(&a, mse_bytes_str(good), NULL), MSE_OK);
    assert_int_equal(a.status, 422);
    assert_string_equal(a.error, "form");
    assert_string_equal(a.field, "uuid");
    assert_string_equal(a.state, "Waiting");
    const struct cli_configure_answer before = a;
    for (size_t len = 0; len < sizeof good - 1; len++) {
        assert_status(cli_configure_parse(&a, mse_bytes_of(good, len), NULL), MSE_ERR_PROTOCOL);
        assert_memory_equal(&a, &before, sizeof a); /* written on success only */
    }
    assert_status(cli_configure_parse(&a, mse_bytes_of(good, sizeof good), NULL), MSE_ERR_PROTOCOL);
    assert_status(cli_configure_parse(&a, mse_bytes_str("HTTP/1.0 200 OK\r\n\r\n{}"), NULL),
                  MSE_ERR_PROTOCOL);
    assert_status(cli_configure_parse(&a, mse_bytes_str("HTTP/1.1 099 OK\r\n\r\n{}"), NULL),
                  MSE_ERR_PROTOCOL);
    assert_status(cli_configure_parse(&a, mse_bytes_str("HTTP/1.1 200 OK\r\n\r\n[]"), NULL),
                  MSE_ERR_PROTOCOL);
    assert_status(cli_configure_parse(&a, mse_bytes_str("HTTP/1.1 200 OK\r\n\r\n{}"), NULL),
                  MSE_OK);
    assert_string_equal(a.state, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_refuses_secrets),
        cmocka_unit_test(test_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
