/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypted files: round trips, and every way to spoil one, each with its own status. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "package/code.h"
#include "package/file.h"

#define HEAD  ((size_t)72)
#define CHUNK ((size_t)65552)

static const uint8_t key[32] = { 1 };
static const uint8_t other[32] = { 2 };

static int memfd_of(struct mse_bytes b)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    assert_true(fd >= 0);
    if (b.len > 0) {
        assert_int_equal(write(fd, b.data, b.len), (ssize_t)b.len);
    }
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static struct mse_bytes content_of(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    uint8_t *p = malloc((size_t)size + 1);
    assert_non_null(p);
    assert_int_equal(pread(fd, p, (size_t)size, 0), size);
    assert_int_equal(close(fd), 0);
    return mse_bytes_of(p, (size_t)size);
}

static struct mse_bytes plain_of(size_t len)
{
    uint8_t *p = malloc(len + 1);
    assert_non_null(p);
    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t)(i * 7 + i / 253);
    }
    return mse_bytes_of(p, len);
}

static void drop(struct mse_bytes b)
{
    free((void *)(uintptr_t)b.data);
}

static struct mse_bytes encrypted(size_t len)
{
    struct mse_bytes plain = plain_of(len);
    int from = memfd_of(plain);
    int to = memfd_create("file", MFD_CLOEXEC);
    assert_status(mse_file_encrypt(to, from, key, NULL), MSE_OK);
    assert_int_equal(close(from), 0);
    drop(plain);
    return content_of(to);
}

static mse_status open_it(struct mse_bytes b, const uint8_t k[32], size_t wanted)
{
    struct mse_error err = { 0 };
    int from = memfd_of(b);
    int to = memfd_create("file", MFD_CLOEXEC);
    mse_status st = mse_file_decrypt(to, from, k, &err);
    assert_true((st == MSE_OK) == (err.text[0] == '\0'));
    assert_int_equal(close(from), 0);
    struct mse_bytes seen = content_of(to);
    if (st == MSE_OK) {
        struct mse_bytes plain = plain_of(wanted);
        assert_true(mse_bytes_equal(seen, plain));
        drop(plain);
    }
    drop(seen);
    return st;
}

static void test_round_trips(void **state)
{
    (void)state;
    static const size_t lens[] = { 0, 1, 511, 65535, 65536, 65537, 131072, 200000 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(lens); i++) {
        struct mse_bytes b = encrypted(lens[i]);
        size_t chunks = lens[i] == 0 ? 1 : (lens[i] + 65535) / 65536;
        assert_int_equal(b.len, HEAD + lens[i] + 16 * chunks);
        assert_status(open_it(b, key, lens[i]), MSE_OK);
        assert_status(open_it(b, other, lens[i]), MSE_ERR_PACKAGE_KEY);
        drop(b);
    }
}

static void test_small_spoilt(void **state)
{
    (void)state;
    struct mse_bytes b = encrypted(5);
    uint8_t *raw = (uint8_t *)(uintptr_t)b.data;
    for (size_t n = 0; n < b.len; n++) {
        mse_status wanted = n < HEAD + 16 ? MSE_ERR_PACKAGE_TRUNCATED : MSE_ERR_PACKAGE_KEY;
        assert_status(open_it(mse_bytes_of(raw, n), key, 0), wanted);
    }
    for (size_t bit = 0; bit < b.len * 8; bit++) {
        raw[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        mse_status st = open_it(b, key, 0);
        mse_status wanted = bit < 64                 ? MSE_ERR_MALFORMED
                            : bit < (size_t)(40 * 8) ? MSE_ERR_MANIFEST_MISMATCH
                                                     : MSE_ERR_PACKAGE_KEY;
        assert_status(st, wanted);
        raw[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    drop(b);
}

/* Three chunks, of which something is cut, moved, changed or added. */
static void test_chunks(void **state)
{
    (void)state;
    struct mse_bytes b = encrypted(150000);
    uint8_t *raw = malloc(b.len + 1);
    assert_non_null(raw);
    memcpy(raw, b.data, b.len);
    raw[b.len] = 0;
    assert_status(open_it(mse_bytes_of(raw, HEAD + CHUNK), key, 0), MSE_ERR_PACKAGE_TRUNCATED);
    assert_status(open_it(mse_bytes_of(raw, HEAD + 2 * CHUNK), key, 0), MSE_ERR_PACKAGE_TRUNCATED);
    assert_status(open_it(mse_bytes_of(raw, b.len - 1), key, 0), MSE_ERR_PACKAGE_DAMAGED);
    assert_status(open_it(mse_bytes_of(raw, b.len + 1), key, 0), MSE_ERR_PACKAGE_DAMAGED);
    raw[HEAD + CHUNK + 9] ^= 1;
    assert_status(open_it(mse_bytes_of(raw, b.len), key, 0), MSE_ERR_PACKAGE_DAMAGED);
    memcpy(raw + HEAD, b.data + HEAD + CHUNK, CHUNK);
    memcpy(raw + HEAD + CHUNK, b.data + HEAD, CHUNK);
    assert_status(open_it(mse_bytes_of(raw, b.len), key, 0), MSE_ERR_PACKAGE_ORDER);
    free(raw);
    drop(b);
    b = encrypted(65536);
    raw = malloc(b.len + 1);
    assert_non_null(raw);
    memcpy(raw, b.data, b.len);
    raw[b.len] = 0;
    assert_status(open_it(mse_bytes_of(raw, b.len + 1), key, 0), MSE_ERR_PACKAGE_EXTENDED);
    free(raw);
    drop(b);
}

/* A package is no file, though the key be the same, and the other way round. */
static void test_kinds(void **state)
{
    (void)state;
    static const uint8_t zeros[32] = { 0 };
    struct mse_bytes b = encrypted(100);
    struct mse_unpacked got;
    char *dir = test_tmpdir();
    const struct mse_package p = { .manifest_digest = zeros, .key = key, .max_total = 1 << 20 };
    int fd = memfd_of(b);
    assert_status(mse_package_unpack(&got, fd, dir, &p, NULL), MSE_ERR_MALFORMED);
    assert_int_equal(close(fd), 0);
    uint8_t *raw = (uint8_t *)(uintptr_t)b.data;
    memcpy(raw, "MSEPKG1", 8);
    assert_status(open_it(b, key, 0), MSE_ERR_MALFORMED);
    test_tmpdir_remove(dir);
    drop(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_small_spoilt),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
