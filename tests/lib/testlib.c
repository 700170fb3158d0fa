/* SPDX-License-Identifier: Apache-2.0 */
/* See testlib.h. */
#include "lib/testlib.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what, const char *which)
{
    (void)fprintf(stderr, "testlib: %s: %s\n", what, which);
    abort();
}

struct mse_bytes test_take_file(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    uint8_t *p = malloc((size_t)size);
    assert_non_null(p);
    assert_int_equal(pread(fd, p, (size_t)size, 0), size);
    assert_int_equal(close(fd), 0);
    return (struct mse_bytes) { p, (size_t)size };
}

size_t test_stride(size_t normal)
{
    const char *text = getenv("MSE_TEST_STRIDE");
    unsigned long n = text != NULL ? strtoul(text, NULL, 10) : normal;
    if (n == 0) {
        die("MSE_TEST_STRIDE", text != NULL ? text : "0");
    }
    return n;
}

struct mse_bytes test_read_file(const char *path)
{
    struct mse_bytes out = { NULL, 0 };
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return out;
    }
    struct stat st;
    if (fstat(fileno(f), &st) != 0 || st.st_size < 0) {
        die("cannot stat", path);
    }
    size_t len = (size_t)st.st_size;
    uint8_t *p = malloc(len + 1);
    if (p == NULL || fread(p, 1, len, f) != len) {
        die("cannot read", path);
    }
    p[len] = 0;
    (void)fclose(f);
    out.data = p;
    out.len = len;
    return out;
}

void test_write_file(const char *path, struct mse_bytes content)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(content.data, 1, content.len, f) != content.len || fclose(f) != 0) {
        die("cannot write", path);
    }
}

const char *test_vectors(void)
{
    const char *dir = getenv("MSE_VECTORS");
    if (dir == NULL || access(dir, R_OK) != 0) {
        return NULL;
    }
    return dir;
}

char *test_tmpdir(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/mse-test-XXXXXX", base == NULL ? "/tmp" : base) < 0) {
        die("out of memory", "test_tmpdir");
    }
    if (mkdtemp(path) == NULL) {
        die("cannot make a folder", path);
    }
    return path;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void test_tmpdir_remove(char *dir)
{
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

static void dump(const char *name, struct mse_bytes b)
{
    (void)fprintf(stderr, "  %s (%zu):", name, b.len);
    for (size_t i = 0; i < b.len && i < 256; i++) {
        (void)fprintf(stderr, "%s%02x", i % 32 == 0 ? "\n    " : "", b.data[i]);
    }
    (void)fprintf(stderr, "\n");
}

void test_assert_bytes(struct mse_bytes seen, struct mse_bytes wanted, const char *file, int line)
{
    if (seen.len == wanted.len &&
        (seen.len == 0 || memcmp(seen.data, wanted.data, seen.len) == 0)) {
        return;
    }
    dump("seen", seen);
    dump("wanted", wanted);
    _fail(file, line);
}
