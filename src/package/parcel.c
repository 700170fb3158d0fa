/* SPDX-License-Identifier: Apache-2.0 */
#include "package/parcel.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "package/code.h"

#define STEP      "package"
#define FRONT_LEN 12U    /* magic, u32be length of the head */
#define PIECE     65536U /* of copying */

static const uint8_t none[32] = { 0 };

/* The tests are a plain package for no manifest and without a salt: nothing of them is secret. */
static const struct mse_package tests_package = { .manifest_digest = none,
                                                  .max_total = MSE_PARCEL_MAX_TESTS };

static mse_status io_failed(struct mse_error *err, const char *what)
{
    return MSE_FAIL(err, MSE_ERR_IO, STEP, "cannot be %s: %s", what, strerror(errno));
}

/* Copies from where from stands, at most max bytes; *digest may be NULL. *copied: how many. */
static mse_status copy(int to, int from, uint64_t max, struct mse_sha256_ctx *digest,
                       uint64_t *copied, struct mse_error *err)
{
    uint8_t *buf = malloc(PIECE);
    mse_status st = buf != NULL ? MSE_OK : MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    *copied = 0;
    size_t got = 1;
    while (st == MSE_OK && got > 0 && *copied < max) {
        uint64_t left = max - *copied;
        if (!mse_io_read(from, buf, left < PIECE ? (size_t)left : PIECE, &got)) {
            st = io_failed(err, "read");
        } else if (!mse_io_write(to, mse_bytes_of(buf, got))) {
            st = io_failed(err, "written");
        } else if (digest != NULL) {
            mse_sha256_update(digest, buf, got);
        }
        *copied += got;
    }
    free(buf);
    return st;
}

/* The same with the digest of what was copied. */
static mse_status copy_hashed(uint8_t sha256[32], int to, int from, uint64_t max, uint64_t *copied,
                              struct mse_error *err)
{
    struct mse_sha256_ctx c = { 0 };
    mse_status st = mse_sha256_init(&c);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STEP, "SHA-256 is not available");
    }
    st = copy(to, from, max, &c, copied, err);
    if (st == MSE_OK) {
        st = mse_sha256_final(&c, sha256);
    }
    mse_sha256_clear(&c);
    return st;
}

static mse_status room(int *out, struct mse_error *err)
{
    *out = memfd_create("tests", MFD_CLOEXEC);
    return *out >= 0 ? MSE_OK : io_failed(err, "held in memory");
}

/* The tests as a package in memory, and its size and digest. */
static mse_status pack_tests(struct mse_parcel *p, int fd, const char *dir, struct mse_error *err)
{
    struct mse_sha256_ctx c = { 0 };
    mse_status st = MSE_OK;
    if (dir != NULL) {
        st = mse_package_write(fd, dir, none, &tests_package, err);
    }
    off_t size = lseek(fd, 0, SEEK_END);
    if (st == MSE_OK && (size < 0 || (uint64_t)size > MSE_PARCEL_MAX_TESTS)) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "tests", "the tests are more than %llu MiB",
                        (unsigned long long)(MSE_PARCEL_MAX_TESTS >> 20));
    }
    p->tests_size = (uint64_t)size;
    uint8_t *at = size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (st == MSE_OK && at == MAP_FAILED) {
        return io_failed(err, "read");
    }
    st = st == MSE_OK ? mse_sha256_init(&c) : st;
    if (st == MSE_OK) {
        mse_sha256_update(&c, at, (size_t)size);
        st = mse_sha256_final(&c, p->tests_sha256);
    }
    mse_sha256_clear(&c);
    if (at != NULL && at != MAP_FAILED) {
        (void)munmap(at, (size_t)size);
    }
    return st;
}

static mse_status write_front(struct mse_parcel *p, int fd, struct mse_error *err)
{
    struct mse_build head;
    uint8_t raw[FRONT_LEN];
    struct mse_build front;
    mse_build_heap(&head, MSE_PARCEL_MAX_HEAD);
    mse_parcel_head_write(&head, p);
    mse_status st = MSE_OK;
    if (!mse_build_ok(&head)) {
        st = MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "mse.toml is longer than the head may be");
    }
    mse_build_fixed(&front, raw, sizeof raw);
    mse_wr_copy(&front, MSE_PARCEL_MAGIC, 8);
    mse_wr_u32be(&front, (uint32_t)head.len);
    st = st == MSE_OK ? mse_sha256(p->head_sha256, mse_build_view(&head)) : st;
    if (st == MSE_OK &&
        (!mse_io_write(fd, mse_build_view(&front)) || !mse_io_write(fd, mse_build_view(&head)))) {
        st = io_failed(err, "written");
    }
    mse_build_clear(&head);
    return st;
}

static mse_status write_all(struct mse_parcel *p, int fd, int tests,
                            const struct mse_parcel_parts *parts, struct mse_error *err)
{
    uint64_t copied = 0;
    mse_status st = pack_tests(p, tests, parts->tests_dir, err);
    st = st == MSE_OK ? write_front(p, fd, err) : st;
    if (st == MSE_OK && lseek(tests, 0, SEEK_SET) != 0) {
        st = io_failed(err, "read");
    }
    st = st == MSE_OK ? copy(fd, tests, p->tests_size, NULL, &copied, err) : st;
    const struct mse_package code = { .manifest_digest = p->head_sha256, .key = parts->key };
    return st == MSE_OK ? mse_package_write(fd, parts->code_dir, parts->salt, &code, err) : st;
}

/* Nothing becomes NULL, unless it is needed. */
static bool copy_text(char **out, struct mse_bytes text, bool needed)
{
    if (text.len > 0 || needed) {
        *out = strndup(text.len > 0 ? (const char *)text.data : "", text.len);
    }
    return *out != NULL || !(text.len > 0 || needed);
}

mse_status mse_parcel_write(uint8_t code_digest[32], int fd, const struct mse_parcel_parts *parts,
                            struct mse_error *err)
{
    struct mse_parcel p = { .encrypted = parts->key != NULL };
    int tests = -1;
    mse_status st = mse_code_digest(p.code_digest, parts->code_dir, parts->salt, true, err);
    if (st == MSE_OK && !(copy_text(&p.mse_toml, parts->mse_toml, true) &&
                          copy_text(&p.ssl_chain, parts->ssl_chain, false) &&
                          copy_text(&p.client_ca, parts->client_ca, false))) {
        st = MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    st = st == MSE_OK ? room(&tests, err) : st;
    st = st == MSE_OK ? write_all(&p, fd, tests, parts, err) : st;
    if (st == MSE_OK) {
        memcpy(code_digest, p.code_digest, 32);
    }
    if (tests >= 0) {
        (void)close(tests);
    }
    mse_parcel_clear(&p);
    return st;
}

/* Exactly len bytes. */
static mse_status take(int fd, uint8_t *buf, size_t len, struct mse_error *err)
{
    size_t got = 0;
    if (!mse_io_read(fd, buf, len, &got)) {
        return io_failed(err, "read");
    }
    return got == len ? MSE_OK
                      : MSE_FAIL(err, MSE_ERR_PACKAGE_TRUNCATED, STEP,
                                 "ends in front of the package of the code");
}

static mse_status read_head(struct mse_parcel *p, int fd, size_t len, struct mse_error *err)
{
    uint8_t *json = malloc(len);
    if (json == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_status st = take(fd, json, len, err);
    st = st == MSE_OK ? mse_parcel_head_parse(p, mse_bytes_of(json, len), err) : st;
    free(json);
    return st;
}

static mse_status check_code(const struct mse_parcel *p, int fd, struct mse_error *err)
{
    uint8_t header[MSE_PACKAGE_HEAD_LEN];
    if (lseek(fd, (off_t)p->code_at, SEEK_SET) < 0) {
        return io_failed(err, "read");
    }
    mse_status st = take(fd, header, sizeof header, err);
    if (st != MSE_OK) {
        return st;
    }
    const char *magic = p->encrypted ? MSE_ENCRYPTED_MAGIC : MSE_PLAIN_MAGIC;
    if (!mse_mem_equal(header, magic, 8)) {
        return MSE_FAIL(err, MSE_ERR_PACKAGE_KIND, STEP,
                        "the package of the code is not %s, as the head says",
                        p->encrypted ? "encrypted" : "plain");
    }
    return mse_mem_equal(header + 8, p->head_sha256, 32)
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, STEP,
                          "the package of the code was made with another head: one of them was "
                          "changed");
}

mse_status mse_parcel_read(struct mse_parcel *out, int fd, struct mse_error *err)
{
    uint8_t raw[FRONT_LEN];
    uint32_t len = 0;
    struct mse_parcel p = { 0 };
    if (lseek(fd, 0, SEEK_SET) != 0) {
        return io_failed(err, "read");
    }
    mse_status st = take(fd, raw, sizeof raw, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_bytes front = mse_bytes_of(raw + 8, 4);
    if (!mse_mem_equal(raw, MSE_PARCEL_MAGIC, 8) || !mse_rd_u32be(&front, &len) || len == 0 ||
        len > MSE_PARCEL_MAX_HEAD) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "not a file of mse home package (MSEHOME)");
    }
    st = read_head(&p, fd, len, err);
    p.code_at = FRONT_LEN + len + p.tests_size;
    st = st == MSE_OK ? check_code(&p, fd, err) : st;
    if (st != MSE_OK) {
        mse_parcel_clear(&p);
        return st;
    }
    *out = p;
    return MSE_OK;
}

mse_status mse_parcel_tests(const struct mse_parcel *p, int fd, const char *dest,
                            struct mse_error *err)
{
    uint8_t seen[32];
    struct mse_unpacked found; /* the tests carry no digest of their own: the whole was hashed */
    uint64_t copied = 0;
    int tests = -1;
    if (p->tests_size == 0) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "tests", "there are no tests in it");
    }
    mse_status st = room(&tests, err);
    if (st != MSE_OK) {
        return st;
    }
    if (lseek(fd, (off_t)(p->code_at - p->tests_size), SEEK_SET) < 0) {
        st = io_failed(err, "read");
    }
    st = st == MSE_OK ? copy_hashed(seen, tests, fd, p->tests_size, &copied, err) : st;
    if (st == MSE_OK && (copied != p->tests_size || !mse_mem_equal(seen, p->tests_sha256, 32))) {
        st = MSE_FAIL(err, MSE_ERR_PACKAGE_DAMAGED, "tests", "the tests are not those of the head");
    }
    if (st == MSE_OK && lseek(tests, 0, SEEK_SET) != 0) {
        st = io_failed(err, "read");
    }
    st = st == MSE_OK ? mse_package_unpack(&found, tests, dest, &tests_package, err) : st;
    (void)close(tests);
    return st;
}

mse_status mse_parcel_code(const struct mse_parcel *p, int fd, int to, struct mse_error *err)
{
    uint64_t copied = 0;
    if (lseek(fd, (off_t)p->code_at, SEEK_SET) < 0) {
        return io_failed(err, "read");
    }
    return copy(to, fd, UINT64_MAX, NULL, &copied, err);
}
