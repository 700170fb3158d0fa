/* SPDX-License-Identifier: Apache-2.0 */
/* The file of mse home: round trip, and every way to spoil it. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "package/code.h"
#include "package/parcel.h"

static const uint8_t salt[32] = { 1 };
static const uint8_t key[32] = { 2 };
static const char toml[] = "name = \"h\303\251llo\"\n# \"quoted\"\\\n";

static char *at(const char *dir, const char *name)
{
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static char *folder(const char *name, const char *content)
{
    char *dir = test_tmpdir();
    test_write_file(at(dir, name), mse_bytes_str(content));
    return dir;
}

static int memfd_of(struct mse_bytes b)
{
    int fd = memfd_create("parcel", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, b.data, b.len), (ssize_t)b.len);
    return fd;
}

/* A whole one on the heap. */
static struct mse_bytes made(const uint8_t *code_key, bool tests)
{
    char *code = folder("app.py", "print('hello')\n");
    char *with = folder("test_app.py", "assert True\n");
    const struct mse_parcel_parts parts = { .mse_toml = mse_bytes_str(toml),
                                            .code_dir = code,
                                            .tests_dir = tests ? with : NULL,
                                            .salt = salt,
                                            .key = code_key };
    uint8_t digest[32];
    uint8_t wanted[32];
    int fd = memfd_create("parcel", MFD_CLOEXEC);
    assert_status(mse_parcel_write(digest, fd, &parts, NULL), MSE_OK);
    assert_status(mse_code_digest(wanted, code, salt, true, NULL), MSE_OK);
    assert_memory_equal(digest, wanted, 32);
    test_tmpdir_remove(code);
    test_tmpdir_remove(with);
    return test_take_file(fd);
}

static void drop(struct mse_bytes b)
{
    free((void *)(uintptr_t)b.data);
}

static mse_status read_it(struct mse_bytes b)
{
    struct mse_parcel p = { 0 };
    struct mse_error err = { 0 };
    int fd = memfd_of(b);
    mse_status st = mse_parcel_read(&p, fd, &err);
    assert_true((st == MSE_OK) == (p.mse_toml != NULL));
    assert_true((st == MSE_OK) == (err.text[0] == '\0'));
    mse_parcel_clear(&p);
    assert_int_equal(close(fd), 0);
    return st;
}

static void check_round_trip(const uint8_t *code_key)
{
    struct mse_bytes b = made(code_key, true);
    struct mse_parcel p = { 0 };
    uint8_t seen[32];
    char *dest = test_tmpdir();
    char *tests = test_tmpdir();
    struct stat info;
    int fd = memfd_of(b);
    int code = memfd_create("code", MFD_CLOEXEC);
    assert_status(mse_parcel_read(&p, fd, NULL), MSE_OK);
    assert_string_equal(p.mse_toml, toml);
    assert_true(p.encrypted == (code_key != NULL));
    assert_status(mse_parcel_tests(&p, fd, tests, NULL), MSE_OK);
    assert_int_equal(stat(at(tests, "test_app.py"), &info), 0);
    assert_status(mse_parcel_code(&p, fd, code, NULL), MSE_OK);
    assert_int_equal(lseek(code, 0, SEEK_SET), 0);
    const struct mse_package package = { .manifest_digest = p.head_sha256,
                                         .key = code_key,
                                         .max_total = 1 << 20 };
    struct mse_unpacked found;
    assert_status(mse_package_unpack(&found, code, dest, &package, NULL), MSE_OK);
    assert_memory_equal(found.code_salt, salt, 32);
    assert_memory_equal(found.code_digest, p.code_digest, 32);
    assert_status(mse_code_digest(seen, dest, salt, false, NULL), MSE_OK);
    assert_memory_equal(seen, p.code_digest, 32);
    assert_int_equal(close(code), 0);
    assert_int_equal(close(fd), 0);
    mse_parcel_clear(&p);
    test_tmpdir_remove(dest);
    test_tmpdir_remove(tests);
    drop(b);
}

static void test_round_trips(void **state)
{
    (void)state;
    check_round_trip(key);
    check_round_trip(NULL);
}

/* The same input gives the same file; only what is encrypted has a fresh salt. */
static void test_deterministic(void **state)
{
    (void)state;
    struct mse_bytes one = made(NULL, true);
    struct mse_bytes two = made(NULL, true);
    assert_true(mse_bytes_equal(one, two));
    drop(one);
    drop(two);
}

static void test_no_tests(void **state)
{
    (void)state;
    struct mse_bytes b = made(NULL, false);
    struct mse_parcel p = { 0 };
    int fd = memfd_of(b);
    assert_status(mse_parcel_read(&p, fd, NULL), MSE_OK);
    assert_int_equal(p.tests_size, 0);
    assert_status(mse_parcel_tests(&p, fd, "/nowhere", NULL), MSE_ERR_NOT_FOUND);
    mse_parcel_clear(&p);
    assert_int_equal(close(fd), 0);
    drop(b);
}

/* Up to the end of the code's header every cut is seen here; behind it the enclave sees it. */
static void test_cuts(void **state)
{
    (void)state;
    struct mse_bytes b = made(key, false);
    struct mse_parcel p = { 0 };
    int fd = memfd_of(b);
    assert_status(mse_parcel_read(&p, fd, NULL), MSE_OK);
    assert_int_equal(close(fd), 0);
    for (size_t n = 0; n < p.code_at + 72; n++) {
        assert_status(read_it(mse_bytes_of(b.data, n)), MSE_ERR_PACKAGE_TRUNCATED);
    }
    assert_status(read_it(mse_bytes_of(b.data, p.code_at + 72)), MSE_OK);
    mse_parcel_clear(&p);
    drop(b);
}

/* Every bit of front, head and the code's header counts, but for the salt of the key, which the
 * enclave finds wrong. */
static void test_flips(void **state)
{
    (void)state;
    struct mse_bytes b = made(key, false);
    uint8_t *raw = (uint8_t *)(uintptr_t)b.data;
    size_t end = mse_bytes_find(b, mse_bytes_of("MSEPKG1", 8)) + 40;
    for (size_t i = 0; i < end * 8; i++) {
        raw[i / 8] ^= (uint8_t)(1U << (i % 8));
        assert_int_not_equal(read_it(b), MSE_OK);
        raw[i / 8] ^= (uint8_t)(1U << (i % 8));
    }
    assert_status(read_it(b), MSE_OK);
    drop(b);
}

/* A head of other content before the same code. */
static void test_other_head(void **state)
{
    (void)state;
    struct mse_bytes b = made(key, false);
    uint8_t *raw = (uint8_t *)(uintptr_t)b.data;
    size_t at_name = mse_bytes_find(b, mse_bytes_str("llo"));
    raw[at_name] = 'L';
    assert_status(read_it(b), MSE_ERR_MANIFEST_MISMATCH);
    raw[at_name] = 'l';
    size_t at_code = mse_bytes_find(b, mse_bytes_of("MSEPKG1", 8));
    raw[at_code + 6] = '0';
    assert_status(read_it(b), MSE_ERR_PACKAGE_KIND);
    raw[at_code + 6] = '1';
    raw[0] = 'X';
    assert_status(read_it(b), MSE_ERR_MALFORMED);
    drop(b);
}

static void test_damaged_tests(void **state)
{
    (void)state;
    struct mse_bytes b = made(NULL, true);
    uint8_t *raw = (uint8_t *)(uintptr_t)b.data;
    char *dest = test_tmpdir();
    struct mse_parcel p = { 0 };
    raw[mse_bytes_find(b, mse_bytes_str("assert True"))] = 'X';
    int fd = memfd_of(b);
    assert_status(mse_parcel_read(&p, fd, NULL), MSE_OK);
    assert_status(mse_parcel_tests(&p, fd, dest, NULL), MSE_ERR_PACKAGE_DAMAGED);
    mse_parcel_clear(&p);
    assert_int_equal(close(fd), 0);
    test_tmpdir_remove(dest);
    drop(b);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define HEAD(package, size, version)                                                               \
    "{\"code_digest\":\"" ZEROS "\",\"mse_toml\":\"x\",\"package\":" package                       \
    ",\"tests_sha256\":\"" ZEROS "\",\"tests_size\":" size ",\"version\":" version "}"

static void test_heads(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        mse_status wanted;
    } rows[] = {
        { HEAD("\"plain\"", "0", "1"), MSE_OK },
        { HEAD("\"encrypted\"", "67108864", "1"), MSE_OK },
        { HEAD("\"plain\"", "67108865", "1"), MSE_ERR_MALFORMED },
        { HEAD("\"plain\"", "-1", "1"), MSE_ERR_MALFORMED },
        { HEAD("\"plain\"", "\"0\"", "1"), MSE_ERR_MALFORMED },
        { HEAD("\"other\"", "0", "1"), MSE_ERR_MALFORMED },
        { HEAD("1", "0", "1"), MSE_ERR_MALFORMED },
        { HEAD("\"plain\"", "0", "2"), MSE_ERR_UNSUPPORTED_VERSION },
        { HEAD("\"plain\"", "0", "1") " ", MSE_ERR_MALFORMED },
        { HEAD("\"plain\"", "0", "1,\"more\":1"), MSE_ERR_MALFORMED },
        { HEAD("\"plain\"", "0", "1,\"version\":1"), MSE_ERR_MALFORMED },
        { "{\"version\":1}", MSE_ERR_MALFORMED },
        { "{}", MSE_ERR_MALFORMED },
        { "[]", MSE_ERR_MALFORMED },
        { "", MSE_ERR_MALFORMED },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        struct mse_parcel p = { 0 };
        assert_status(mse_parcel_head_parse(&p, mse_bytes_str(rows[i].json), NULL), rows[i].wanted);
        mse_parcel_clear(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),   cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_no_tests),      cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_flips),         cmocka_unit_test(test_other_head),
        cmocka_unit_test(test_damaged_tests), cmocka_unit_test(test_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
