/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of the three manifest values: every spelling that it takes, every one that it does
 * not. */
#include "measure/gramine_manifest.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"

#define M (1ULL << 20)

static const struct {
    const char *text;
    uint64_t size;
    uint32_t threads;
    bool edmm;
} good[] = {
    /* defaults */
    { "", 256 * M, 4, false },
    { "\n# nothing\r\n", 256 * M, 4, false },
    { "sgx.edmm_enable = true", M << 20, 4, true },
    { "sgx.edmm_enable = true\nsgx.enclave_size = '64M'", 64 * M, 4, true },
    /* spellings of the keys */
    { "sgx.enclave_size = \"16M\" # \"32M\"\nsgx.max_threads=2\nsgx.edmm_enable=false", 16 * M, 2,
      false },
    { "[sgx]\nenclave_size = \"16M\"\nmax_threads = 8\nedmm_enable = true\n", 16 * M, 8, true },
    { " [ sgx ] # t\n\tenclave_size\t=\t\"16M\"\r\n", 16 * M, 4, false },
    { "\"sgx\" . 'enclave_size' = '16M'", 16 * M, 4, false },
    { "[ \"sgx\" ]\n\"max_threads\" = 3", 256 * M, 3, false },
    /* spellings of the values */
    { "sgx.enclave_size = '0x2000000'", 32 * M, 4, false },
    { "sgx.enclave_size = '0x20M'", 32 * M, 4, false },
    { "sgx.enclave_size = '8K'", 8192, 4, false },
    { "sgx.enclave_size = '1024G'", M << 20, 4, false },
    { "sgx.enclave_size = '1099511627776'", M << 20, 4, false },
    { "sgx.enclave_size = '0x0000000000002000'", 8192, 4, false },
    { "sgx.max_threads = 0x10", 256 * M, 16, false },
    { "sgx.max_threads = 4096", 256 * M, 4096, false },
    /* the words elsewhere: another table, strings, comments, arrays, deeper or longer keys */
    { "[loader]\nsgx.enclave_size = \"16M\"\nenclave_size = \"16M\"\n", 256 * M, 4, false },
    { "[sgx.x]\nenclave_size = \"16M\"\n[[sgx.trusted_files]]\nmax_threads = 1", 256 * M, 4,
      false },
    { "[x.sgx]\nenclave_size = \"16M\"", 256 * M, 4, false },
    { "a = \"\"\"\nsgx.enclave_size = '16M'\n\\\"\"\"\\\\\"\"\"\"\"\nb = 1", 256 * M, 4, false },
    { "a = '''\n[sgx]\nmax_threads = 1\n''''\nb = ''''''''", 256 * M, 4, false },
    { "a = [\n 'x', # ]\n [\"]\", []],\n { sgx.max_threads = 1, b = {} },\n]\n", 256 * M, 4,
      false },
    { "a = \"\\\"\\nsgx.max_threads = 1\"", 256 * M, 4, false },
    { "sgx.enclave_size_ = 1\nsgx.max_thread = 1\nsgx.Max_threads = 1\nsgx_.max_threads = 1",
      256 * M, 4, false },
    { "sgx.a.max_threads = 9\nx.sgx.max_threads = 9", 256 * M, 4, false },
    { "t = 1979-05-27T07:32:00.5+01:00\nf = -1.5e+3\n", 256 * M, 4, false },
};

static void accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(good); i++) {
        struct mse_gramine_params p = { 0 };
        struct mse_error err = { 0 };
        mse_status st = mse_gramine_params_parse(&p, mse_bytes_str(good[i].text), &err);
        if (st != MSE_OK) {
            print_error("case %zu: %s\n", i, err.text);
        }
        assert_status(st, MSE_OK);
        assert_true(p.enclave_size == good[i].size);
        assert_int_equal(p.threads, good[i].threads);
        assert_int_equal(p.edmm, good[i].edmm);
    }
}

/* The text, the line that the error names and a word of it. */
static const struct {
    const char *text;
    const char *line;
    const char *word;
} bad[] = {
    /* sizes */
    { "sgx.enclave_size = 16", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"M\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"0\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"4K\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"3M\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"16m\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"16MB\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"16 M\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \" 16M\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"+16M\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"-16M\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"016M\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"0o20M\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"0x\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"0X10M\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"0x-1\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"1_6M\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"1T\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"2048G\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"18446744073709551616\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"0x10000000000000000\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"17179869184G\"", "line 1:", "enclave_size" }, /* 2^64 */
    { "sgx.enclave_size = \"16\\u004d\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = \"\"\"16M\"\"\"", "line 1:", "enclave_size" },
    { "sgx.enclave_size = [\"16M\"]", "line 1:", "enclave_size" },
    /* threads */
    { "\nsgx.max_threads = 0", "line 2:", "max_threads" },
    { "\nsgx.max_threads = 4097", "line 2:", "max_threads" },
    { "\nsgx.max_threads = -1", "line 2:", "max_threads" },
    { "\nsgx.max_threads = +4", "line 2:", "max_threads" },
    { "\nsgx.max_threads = 04", "line 2:", "max_threads" },
    { "\nsgx.max_threads = 0o4", "line 2:", "max_threads" },
    { "\nsgx.max_threads = 0b1", "line 2:", "max_threads" },
    { "\nsgx.max_threads = 1_0", "line 2:", "max_threads" },
    { "\nsgx.max_threads = 4.0", "line 2:", "max_threads" },
    { "\nsgx.max_threads = \"4\"", "line 2:", "max_threads" },
    { "\nsgx.max_threads = true", "line 2:", "max_threads" },
    /* EDMM */
    { "sgx.edmm_enable = 1", "line 1:", "edmm_enable" },
    { "sgx.edmm_enable = \"true\"", "line 1:", "edmm_enable" },
    { "sgx.edmm_enable = True", "line 1:", "edmm_enable" },
    /* twice, or in a form that readers may understand differently */
    { "sgx.max_threads = 1\nsgx.max_threads = 1", "line 2:", "twice" },
    { "sgx.max_threads = 1\n\"sgx\".'max_threads' = 2", "line 2:", "twice" },
    { "sgx.enclave_size = '1G'\nsgx.enclave_size = '1G'", "line 2:", "twice" },
    { "[sgx]\nedmm_enable = true\nedmm_enable = true", "line 3:", "twice" },
    { "[sgx]\nmax_threads = 1\n[x]\n[sgx]\n", "line 4:", "twice" },
    { "sgx.debug = true\n[sgx]\nmax_threads = 1", "line 2:", "twice" },
    { "[[sgx]]\nmax_threads = 1", "line 1:", "array of tables" },
    { "sgx = { max_threads = 1 }", "line 1:", "one value" },
    { "sgx = 1", "line 1:", "one value" },
    { "sgx.max_threads.x = 1", "line 1:", "as a table" },
    { "[sgx.max_threads]", "line 1:", "as a table" },
    { "[sgx]\nenclave_size.x = 1", "line 2:", "as a table" },
    { "\"\\u0073gx\".max_threads = 1", "line 1:", "escape in a key" },
    /* not TOML */
    { " = 1", "line 1:", "not a key" },
    { "a", "line 1:", "without a value" },
    { "a =", "line 1:", "not a value" },
    { "a = 1 b = 2", "line 1:", "behind" },
    { "a = 1\rb = 2", "line 1:", "behind" },
    { "a = \"x", "line 1:", "without its end" },
    { "a = \"x\ny\"", "line 1:", "without its end" },
    { "a = 'x\\'y'", "line 1:", "behind" },
    { "a = \"x\\", "line 1:", "ends early" },
    { "a = \"\"\"x\"\"", "line 1:", "without its end" },
    { "a = '''x\x01'''", "line 1:", "control" },
    { "a = [1, 2", "line 1:", "without its end" },
    { "a = [1 2]", "line 1:", "without its end" },
    { "a = [,]", "line 1:", "not a value" },
    { "a = {b = 1", "line 1:", "without its end" },
    { "a = {b = 1,}", "line 1:", "not a key" },
    { "a = {b = 1,\nc = 2}", "line 1:", "not a key" },
    { "a = {b}", "line 1:", "without a value" },
    { "[a", "line 1:", "without its end" },
    { "[[a]", "line 1:", "without its end" },
    { "[a] b = 1", "line 1:", "behind" },
    { "# \x7f", "line 1:", "control" },
    { "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q = 1", "line 1:", "16 parts" },
    { "a = [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", "line 1:", "16 deep" },
    { "\xef\xbb\xbf"
      "a = 1",
      "line 1:", "not a key" },
    { "\xc3\xa9 = 1", "line 1:", "not a key" },
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        struct mse_gramine_params p = { .threads = 77 };
        struct mse_error err = { 0 };
        mse_status st = mse_gramine_params_parse(&p, mse_bytes_str(bad[i].text), &err);
        if (st == MSE_OK || strstr(err.text, bad[i].line) == NULL ||
            strstr(err.text, bad[i].word) == NULL) {
            print_error("case %zu (%s): %s\n", i, bad[i].text, err.text);
            fail();
        }
        assert_status(st, MSE_ERR_CONFIG);
        assert_int_equal(p.threads, 77);
    }
}

/* Gramine's loader reads the manifest as a C string: what stands behind a NUL would not count. */
static void nul_is_refused_everywhere(void **state)
{
    (void)state;
    static const char text[] = "a = 'b' # c\nd = \"\"\"e\n\"\"\"\nf = '''g'''\n[h]\ni = [1, 2]\n";
    for (size_t i = 0; i < sizeof text; i++) {
        char copy[sizeof text + 1];
        memcpy(copy, text, i);
        copy[i] = '\0';
        memcpy(copy + i + 1, text + i, sizeof text - 1 - i);
        struct mse_gramine_params p;
        assert_status(mse_gramine_params_parse(&p, mse_bytes_of(copy, sizeof text), NULL),
                      MSE_ERR_CONFIG);
    }
}

/* A cut document is read to its end and never beyond it. */
static void every_cut_stays_in_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(good); i++) {
        size_t whole = strlen(good[i].text);
        for (size_t len = 0; len < whole; len++) {
            uint8_t *copy = malloc(len + (len == 0));
            assert_non_null(copy);
            memcpy(copy, good[i].text, len);
            struct mse_gramine_params p = { 0 };
            mse_status st = mse_gramine_params_parse(&p, mse_bytes_of(copy, len), NULL);
            assert_true(st == MSE_OK || st == MSE_ERR_CONFIG);
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(refused),
        cmocka_unit_test(nul_is_refused_everywhere),
        cmocka_unit_test(every_cut_stays_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
