/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the command line that need no process of their own. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/progress.h"
#include "cli/target.h"
#include "cli/words.h"
#include "cmd/files.h"
#include "cmd/listen.h"
#include "lib/testlib.h"

static void test_split_host(void **state)
{
    (void)state;
    char host[64];
    uint16_t port = 0;
    assert_true(cli_split_host(host, sizeof host, &port, "A.example.org", 443));
    assert_string_equal(host, "a.example.org");
    assert_int_equal(port, 443);
    assert_true(cli_split_host(host, sizeof host, &port, "a:8443", 443));
    assert_int_equal(port, 8443);
    assert_true(cli_split_host(host, sizeof host, &port, "[::1]:8443", 443));
    assert_string_equal(host, "::1");
    static const char *const bad[] = { "",    ":1",  "a:",   "a:0",    "a:65536", "a:x",
                                       "a b", "a/b", "[::1", "[::1]x", "a\n",     "a:1:2" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_false(cli_split_host(host, sizeof host, &port, bad[i], 443));
    }
    assert_false(cli_split_host(host, sizeof host, &port, "a", 0));
}

static void test_write_is_atomic(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    char *path = cli_join(dir, "f");
    struct mse_error err = { 0 };
    struct stat sb;
    assert_status(cli_file_write(path, mse_bytes_str("one"), 0644, &err), MSE_OK);
    assert_status(cli_file_write(path, mse_bytes_str("two"), 0600, &err), MSE_OK);
    struct mse_bytes got = test_read_file(path);
    assert_bytes(got, mse_bytes_str("two"));
    free((void *)(uintptr_t)got.data);
    assert_int_equal(stat(path, &sb), 0);
    assert_int_equal(sb.st_mode & 07777, 0600);
    char *nowhere = cli_join(dir, "none/f");
    assert_status(cli_file_write(nowhere, mse_bytes_str("x"), 0600, &err), MSE_ERR_IO);
    assert_non_null(strstr(err.text, "none/f"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left in it */
    free(nowhere);
    free(path);
    free(dir);
}

static void test_read_limits(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    char *path = cli_join(dir, "f");
    struct cli_file f = { 0 };
    test_write_file(path, mse_bytes_str("12345"));
    assert_status(cli_file_read(&f, path, 5, NULL), MSE_OK);
    assert_int_equal(f.len, 5);
    cli_file_clear(&f);
    assert_status(cli_file_read(&f, path, 4, NULL), MSE_ERR_NO_SPACE);
    assert_status(cli_file_read(&f, dir, 4, NULL), MSE_ERR_IO);
    assert_status(cli_file_read(&f, "/nonexistent/x", 4, NULL), MSE_ERR_NOT_FOUND);
    free(path);
    test_tmpdir_remove(dir);
}

static const char manifest[] =
    "{\"alpn\":[\"http/1.1\"],\"app_id\":\"0e4e8f3a-9b1c-4d2e-8f00-0123456789ab\",\"certificate\":"
    "\"leaf\",\"code_digest\":\"0101010101010101010101010101010101010101010101010101010101010101\","
    "\"command\":[\"./server\"],\"config_domain_name\":\"cfg.mse.localhost\",\"created_at\":"
    "\"2026-01-02T03:04:05Z\",\"egress\":false,\"enclave_size\":1073741824,\"env\":{},"
    "\"expects\":[],\"expires_at\":\"2026-02-02T03:04:05Z\",\"healthcheck_endpoint\":\"/"
    "health\",\"ignore\":1,"
    "\"legacy_extension\":false,\"logs\":\"plain\",\"name\":\"hello\",\"package\":\"plain\","
    "\"proxy_protocol\":false,"
    "\"replicas\":1,\"restart\":\"never\",\"rootfs\":{\"name\":\"host\"},\"runtime\":"
    "\"0202020202020202020202020202020202020202020202020202020202020202\",\"san\":"
    "\"hello.mse.localhost\",\"ssl_certificate_origin\":\"self\",\"upgrade\":{\"none\":true},"
    "\"version\":1,\"workers\":1}";

static void write_context(const char *path, const char *domain, uint8_t runtime)
{
    struct mse_context c = { .manifest = strdup(manifest),
                             .id = "0e4e8f3a-9b1c-4d2e-8f00-0123456789ab",
                             .domain_name = strdup(domain),
                             .config_domain_name = strdup("cfg.mse.localhost"),
                             .tee_kind = strdup("sgx"),
                             .layout = strdup("sim-1"),
                             .runtime_version = strdup("0.1.0"),
                             .created_at = 1767323045 };
    struct mse_build b;
    memset(c.runtime_digest, runtime, sizeof c.runtime_digest);
    memset(c.code_salt, 7, sizeof c.code_salt);
    mse_build_heap(&b, 65536);
    assert_status(mse_context_write(&b, &c), MSE_OK);
    test_write_file(path, mse_build_view(&b));
    mse_build_clear(&b);
    mse_context_clear(&c);
}

static void test_context_round_trip(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    char *path = cli_join(dir, "context.toml");
    struct cli_app a = { 0 };
    struct mse_error err = { 0 };
    write_context(path, "hello.mse.localhost:8443", 2);
    assert_status(cli_app_load(&a, path, &err), MSE_OK);
    assert_string_equal(a.context.manifest, manifest);
    assert_string_equal(a.context.domain_name, "hello.mse.localhost:8443");
    assert_int_equal(a.context.code_salt[31], 7);
    assert_int_equal(a.context.created_at, 1767323045);
    assert_string_equal(a.manifest.name, "hello");
    assert_null(a.context.signer);
    cli_app_clear(&a);
    write_context(path, "other.mse.localhost:8443", 2);
    assert_status(cli_app_load(&a, path, &err), MSE_ERR_CONFIG);
    assert_non_null(strstr(err.text, "domain_name"));
    struct mse_error second = { 0 };
    write_context(path, "hello.mse.localhost:8443", 3);
    assert_status(cli_app_load(&a, path, &second), MSE_ERR_CONFIG);
    assert_non_null(strstr(second.text, "runtime"));
    free(path);
    test_tmpdir_remove(dir);
}

static void test_listen(void **state)
{
    (void)state;
    int fd = -1;
    uint16_t port = 0;
    char why[128];
    assert_true(cli_listen(&fd, &port, "127.0.0.1:0", why, sizeof why));
    assert_true(port > 0);
    assert_int_equal(close(fd), 0);
    static const char *const bad[] = { "127.0.0.1",       ":1", "localhost:1", "127.0.0.1:x",
                                       "127.0.0.1:65536", "" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_false(cli_listen(&fd, &port, bad[i], why, sizeof why));
    }
}

static void test_words(void **state)
{
    (void)state;
    /* A command and its words, joined by '|'. */
    static const char *const good[][2] = {
        { "python3 -m unittest", "python3|-m|unittest" },
        { "  a\t b\n", "a|b" },
        { "a 'b c' \"d e\"", "a|b c|d e" },
        { "a'b'\"c\"d", "abcd" },
        { "'' x \"\"", "|x|" },
        { "a\\ b \\\\", "a b|\\" },
        { "'\\' \"\\\" \\x \\$\"", "\\|\" \\x $" },
        { "$HOME `id` *", "$HOME|`id`|*" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(good); i++) {
        struct cli_words w;
        char joined[64] = "";
        size_t len = 0;
        assert_int_equal(cli_words_split(&w, good[i][0], NULL), MSE_OK);
        for (size_t j = 0; j < w.num; j++) {
            len += (size_t)snprintf(joined + len, sizeof joined - len, "%s%s", j == 0 ? "" : "|",
                                    w.argv[j]);
        }
        assert_string_equal(joined, good[i][1]);
        assert_null(w.argv[w.num]);
        cli_words_clear(&w);
    }
    static const char *const bad[] = { "", " ", "'a", "a \"b", "a\\", "\"\\\"" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        struct cli_words w;
        assert_int_equal(cli_words_split(&w, bad[i], NULL), MSE_ERR_CONFIG);
    }
    enum { FULL = 2 * CLI_MAX_WORDS };
    char many[FULL + 3];
    struct cli_words w;
    for (size_t i = 0; i < sizeof many; i++) {
        many[i] = i % 2 == 0 ? 'x' : ' ';
    }
    many[FULL] = '\0';
    assert_int_equal(cli_words_split(&w, many, NULL), MSE_OK);
    assert_int_equal(w.num, CLI_MAX_WORDS);
    cli_words_clear(&w);
    many[FULL] = 'x';
    many[FULL + 1] = '\0';
    assert_int_equal(cli_words_split(&w, many, NULL), MSE_ERR_CONFIG);
}

static void want_line(const struct cli_progress *p, uint64_t bytes, uint64_t total,
                      const char *want)
{
    char line[CLI_PROGRESS_LEN];
    cli_progress_line(line, p, bytes, total, 3000);
    assert_string_equal(line, want);
}

static void test_progress(void **state)
{
    struct cli_progress p = { .what = "Fetching", .started = 1000, .turn = 1 };
    (void)state;
    want_line(&p, 0, 0, "/ Fetching... 2 s");
    want_line(&p, 1000, 0, "/ Fetching... 1000 B, 500 B/s");
    want_line(&p, 12595, 0, "/ Fetching... 12.2 KiB, 6.1 KiB/s");
    want_line(&p, (uint64_t)3 << 20, (uint64_t)4 << 20,
              "Fetching [##################......] 75% 3.0 MiB, 1.5 MiB/s");
    want_line(&p, 5, 5, "Fetching [########################] 100% 5 B, 2 B/s");
    want_line(&p, 6, 5, "/ Fetching... 6 B, 3 B/s"); /* more than was said */
    /* A clock that did not move, a size that overflows nothing. */
    char line[CLI_PROGRESS_LEN];
    cli_progress_line(line, &p, UINT64_MAX / 1000, UINT64_MAX / 1000, 1000);
    assert_true(strlen(line) < CLI_PROGRESS_LEN);
    /* Nothing is drawn where no terminal is. */
    cli_progress_step(&p, 1, 2);
    assert_false(p.drawn);
    cli_progress_end(&p);
}

static void test_table_fits(void **state)
{
    (void)state;
    for (const struct cli_command *k = mse_program.commands; k->name != NULL; k++) {
        size_t n = 0;
        while (k->options[n].name != NULL) {
            n++;
        }
        assert_true(n <= CLI_MAX_OPTIONS);
        assert_true(k->group == NULL || cli_is_group(&mse_program, k->group));
        assert_non_null(k->run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_host),  cmocka_unit_test(test_write_is_atomic),
        cmocka_unit_test(test_read_limits), cmocka_unit_test(test_context_round_trip),
        cmocka_unit_test(test_listen),      cmocka_unit_test(test_table_fits),
        cmocka_unit_test(test_words),       cmocka_unit_test(test_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
