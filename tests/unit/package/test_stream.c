/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of encrypted packages: known answer, round trips, and every way to spoil it, each with
 * its own status. */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "lib/testlib.h"
#include "package/code.h"

#define WIRE ((size_t)65552)

/* The fixed inputs of the known answer in docs/protocol.md: bytes that count up from these. */
static uint8_t key[32];
static uint8_t salt[32];
static uint8_t key_salt[32];
static uint8_t digest[32];
static uint8_t other[32];

static struct mse_package good = {
    .manifest_digest = digest, .key = key, .key_salt = key_salt, .max_total = 1 << 24
};

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < 32; i++) {
        key[i] = (uint8_t)i;
        key_salt[i] = (uint8_t)(0x20 + i);
        digest[i] = (uint8_t)(0x40 + i);
        salt[i] = (uint8_t)(0x60 + i);
        other[i] = (uint8_t)(0x80 + i);
    }
    return 0;
}

static int memfd(void)
{
    int fd = memfd_create("package", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static char *at(const char *dir, const char *name)
{
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* A tree whose tar has about len bytes. */
static char *tree(size_t len)
{
    char *dir = test_tmpdir();
    uint8_t *big = malloc(len + 1);
    assert_non_null(big);
    for (size_t i = 0; i < len; i++) {
        big[i] = (uint8_t)(i * 31 + i / 251);
    }
    test_write_file(at(dir, "app.py"), mse_bytes_str("print('hello')\n"));
    assert_int_equal(chmod(at(dir, "app.py"), 0644), 0);
    if (len > 0) {
        test_write_file(at(dir, "model.bin"), mse_bytes_of(big, len));
        assert_int_equal(chmod(at(dir, "model.bin"), 0644), 0);
    }
    free(big);
    return dir;
}

/* The whole package of a tree, on the heap. */
static struct mse_bytes packed(size_t len)
{
    char *dir = tree(len);
    int fd = memfd();
    assert_status(mse_package_write(fd, dir, salt, &good, NULL), MSE_OK);
    test_tmpdir_remove(dir);
    return test_take_file(fd);
}

static mse_status unpack(struct mse_bytes package, const struct mse_package *p)
{
    char *dest = test_tmpdir();
    struct mse_unpacked got;
    struct mse_error err = { 0 };
    int fd = memfd();
    assert_int_equal(write(fd, package.data, package.len), (ssize_t)package.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    mse_status st = mse_package_unpack(&got, fd, dest, p, &err);
    assert_true((st == MSE_OK) == (err.text[0] == '\0'));
    assert_true(st == MSE_OK ? mse_mem_equal(got.code_salt, salt, 32) : err.status == st);
    assert_int_equal(close(fd), 0);
    test_tmpdir_remove(dest);
    return st;
}

static void test_known_answer(void **state)
{
    (void)state;
    struct mse_bytes p = packed(0);
    uint8_t sum[32];
    char hex[65];
    assert_status(mse_sha256(sum, p), MSE_OK);
    mse_hex_encode(hex, mse_bytes_of(sum, 32));
    assert_int_equal(p.len, 72 + 32 + 1024 + 512 + 512 + 1024 + 16); /* pax header */
    assert_string_equal(hex, "5969ac5f23903bf109cf1651b01d22f92dd44797ca2f65929ef4d3c28ab28a5b");
    free((void *)(uintptr_t)p.data);
}

static void test_round_trips(void **state)
{
    (void)state;
    /* Sizes around the ends of chunks, which the tar moves in steps of 512. */
    static const size_t sizes[] = {
        0, 1, 62000, 62464, 62976, 63488, 64000, 127488, 128000, 400000
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(sizes); i++) {
        struct mse_bytes p = packed(sizes[i]);
        assert_status(unpack(p, &good), MSE_OK);
        free((void *)(uintptr_t)p.data);
    }
}

static void test_fresh_salt(void **state)
{
    (void)state;
    struct mse_package fresh = good;
    fresh.key_salt = NULL;
    char *dir = tree(0);
    uint8_t heads[2][72];
    for (size_t i = 0; i < 2; i++) {
        int fd = memfd();
        assert_status(mse_package_write(fd, dir, salt, &fresh, NULL), MSE_OK);
        assert_int_equal(pread(fd, heads[i], 72, 0), 72);
        assert_int_equal(close(fd), 0);
    }
    assert_true(mse_mem_equal(heads[0], heads[1], 40));
    assert_false(mse_mem_equal(heads[0] + 40, heads[1] + 40, 32));
    test_tmpdir_remove(dir);
}

static void test_wrong_key_manifest_kind(void **state)
{
    (void)state;
    struct mse_bytes p = packed(200000);
    struct mse_package wrong = good;
    wrong.key = other;
    assert_status(unpack(p, &wrong), MSE_ERR_PACKAGE_KEY);
    wrong = good;
    wrong.manifest_digest = other;
    assert_status(unpack(p, &wrong), MSE_ERR_MANIFEST_MISMATCH);
    wrong = good;
    wrong.key = NULL;
    assert_status(unpack(p, &wrong), MSE_ERR_PACKAGE_KIND);
    uint8_t *bytes = (uint8_t *)(uintptr_t)p.data;
    bytes[6] = '0'; /* MSEPKG0 where encrypted is wanted */
    assert_status(unpack(p, &good), MSE_ERR_PACKAGE_KIND);
    bytes[6] = '2';
    assert_status(unpack(p, &good), MSE_ERR_MALFORMED);
    free(bytes);
}

static void test_flips(void **state)
{
    (void)state;
    struct mse_bytes p = packed(200000);
    uint8_t *bytes = (uint8_t *)(uintptr_t)p.data;
    const struct {
        size_t offset;
        mse_status want;
    } rows[] = {
        { 8, MSE_ERR_MANIFEST_MISMATCH },
        { 39, MSE_ERR_MANIFEST_MISMATCH },
        { 40, MSE_ERR_PACKAGE_KEY }, /* another salt is another key */
        { 71, MSE_ERR_PACKAGE_KEY },
        { 72, MSE_ERR_PACKAGE_KEY },
        { 72 + WIRE - 1, MSE_ERR_PACKAGE_KEY },
        { 72 + WIRE, MSE_ERR_PACKAGE_DAMAGED },
        { 72 + 2 * WIRE - 1, MSE_ERR_PACKAGE_DAMAGED },
        { 72 + 2 * WIRE + 5, MSE_ERR_PACKAGE_DAMAGED },
        { p.len - 1, MSE_ERR_PACKAGE_DAMAGED },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        bytes[rows[i].offset] ^= 1;
        assert_status(unpack(p, &good), rows[i].want);
        bytes[rows[i].offset] ^= 1;
    }
    assert_status(unpack(p, &good), MSE_OK);
    free(bytes);
}

/* Header and first chunk alone. */
static mse_status first_piece(struct mse_bytes package)
{
    struct mse_stream_in *in = NULL;
    struct mse_bytes piece;
    int fd = memfd();
    assert_int_equal(write(fd, package.data, package.len), (ssize_t)package.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    mse_status st = mse_stream_in_new(&in, fd, &good, NULL);
    if (st == MSE_OK) {
        st = mse_stream_read(in, &piece, NULL);
    }
    mse_stream_in_free(in);
    assert_int_equal(close(fd), 0);
    return st;
}

static void test_cuts(void **state)
{
    (void)state;
    struct mse_bytes p = packed(200000);
    size_t last = 72 + 3 * WIRE;
    const size_t cuts[] = { 0,         1,
                            71,        72,
                            73,        88,
                            100,       72 + WIRE - 7,
                            72 + WIRE, 72 + WIRE + 1,
                            last - 1,  last,
                            last + 1,  last + 16,
                            last + 48, p.len - 1 };
    assert_true(p.len > last + 600);
    for (size_t i = 0; i < MSE_ARRAY_LEN(cuts); i++) {
        assert_status(unpack(mse_bytes_of(p.data, cuts[i]), &good), MSE_ERR_PACKAGE_TRUNCATED);
    }
    free((void *)(uintptr_t)p.data);
    p = packed(0);
    for (size_t n = 0; n < p.len; n++) { /* a cut at the end of a block looks like damage */
        mse_status want =
            n > 120 && (n - 120) % 512 == 0 ? MSE_ERR_PACKAGE_KEY : MSE_ERR_PACKAGE_TRUNCATED;
        assert_status(first_piece(mse_bytes_of(p.data, n)), want);
    }
    free((void *)(uintptr_t)p.data);
}

static void test_extended(void **state)
{
    (void)state;
    struct mse_bytes p = packed(200000);
    static const size_t more[] = { 1, 16, 512, 70000 };
    uint8_t *longer = calloc(1, p.len + 70000);
    assert_non_null(longer);
    memcpy(longer, p.data, p.len);
    for (size_t i = 0; i < MSE_ARRAY_LEN(more); i++) {
        assert_status(unpack(mse_bytes_of(longer, p.len + more[i]), &good),
                      MSE_ERR_PACKAGE_EXTENDED);
    }
    free(longer);
    free((void *)(uintptr_t)p.data);
}

/* Two chunks change places; one is left out; one comes twice. */
static void test_order(void **state)
{
    (void)state;
    struct mse_bytes p = packed(300000);
    uint8_t *bytes = malloc(p.len + WIRE);
    assert_non_null(bytes);
    for (size_t i = 0; i < 3; i++) {
        uint8_t *chunk = bytes + 72 + i * WIRE;
        memcpy(bytes, p.data, p.len);
        memcpy(chunk, p.data + 72 + (i + 1) * WIRE, WIRE);
        memcpy(chunk + WIRE, p.data + 72 + i * WIRE, WIRE);
        assert_status(unpack(mse_bytes_of(bytes, p.len), &good), MSE_ERR_PACKAGE_ORDER);
    }
    size_t cut = 72 + WIRE;
    memcpy(bytes, p.data, cut);
    memcpy(bytes + cut, p.data + cut + WIRE, p.len - cut - WIRE);
    assert_status(unpack(mse_bytes_of(bytes, p.len - WIRE), &good), MSE_ERR_PACKAGE_ORDER);
    memcpy(bytes + cut, p.data + cut - WIRE, p.len - cut + WIRE);
    assert_status(unpack(mse_bytes_of(bytes, p.len + WIRE), &good), MSE_ERR_PACKAGE_ORDER);
    /* Only the last one of all is left. */
    memcpy(bytes + 72, p.data + 72 + 4 * WIRE, p.len - 72 - 4 * WIRE);
    assert_status(unpack(mse_bytes_of(bytes, p.len - 4 * WIRE), &good), MSE_ERR_PACKAGE_ORDER);
    free(bytes);
    free((void *)(uintptr_t)p.data);
}

/* 64 MiB through both sides; the process grows by less than 16 MiB. */
static void test_memory(void **state)
{
    (void)state;
    struct rusage before;
    struct rusage after;
    char *dir = test_tmpdir();
    char *dest = test_tmpdir();
    struct mse_unpacked got;
    int model = memfd();
    assert_int_equal(close(model), 0);
    test_write_file(at(dir, "model"), mse_bytes_str(""));
    assert_int_equal(truncate(at(dir, "model"), 64 << 20), 0);
    FILE *file = tmpfile();
    assert_non_null(file);
    struct mse_package big = good;
    big.max_total = 64 << 20;
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    assert_status(mse_package_write(fileno(file), dir, salt, &big, NULL), MSE_OK);
    assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
    assert_status(mse_package_unpack(&got, fileno(file), dest, &big, NULL), MSE_OK);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_true(after.ru_maxrss - before.ru_maxrss < (long)16 * 1024);
    assert_int_equal(fclose(file), 0);
    test_tmpdir_remove(dest);
    test_tmpdir_remove(dir);
}

static void test_disk_full(void **state)
{
    (void)state;
    struct mse_error err = { 0 };
    char *dir = tree(100000);
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_status(mse_package_write(fileno(full), dir, salt, &good, &err), MSE_ERR_IO);
    assert_non_null(strstr(err.text, "No space left"));
    assert_int_equal(fclose(full), 0);
    test_tmpdir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answer), cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_fresh_salt),   cmocka_unit_test(test_wrong_key_manifest_kind),
        cmocka_unit_test(test_flips),        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_extended),     cmocka_unit_test(test_order),
        cmocka_unit_test(test_memory),       cmocka_unit_test(test_disk_full),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
