/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking: the input is what stands behind the header. Whatever it is, nothing appears beside the
 * destination, what was unpacked can be walked and is within the limit, and its digest is the one
 * that was made while it was written. */
#include <dirent.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "package/code.h"

#define LIMIT 100000U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int num_entries(const char *dir)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, NULL, NULL);
    for (int i = 0; i < n; i++) {
        free(names[i]);
    }
    free(names);
    return n;
}

static mse_status add(void *user, const struct mse_code_file *f)
{
    uint64_t *total = user;
    *total += f->size;
    return MSE_OK;
}

static void put(int fd, const void *p, size_t len)
{
    MSE_ASSERT(write(fd, p, len) == (ssize_t)len);
}

/* The package in a file of its own, at its start. */
static int package(const uint8_t digest[32], const uint8_t *data, size_t size)
{
    static const uint8_t zeros[64];
    int fd = memfd_create("package", MFD_CLOEXEC);
    MSE_ASSERT(fd >= 0);
    put(fd, "MSEPKG0", 8);
    put(fd, digest, 32);
    put(fd, zeros, sizeof zeros);
    put(fd, data, size);
    MSE_ASSERT(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void check_tree(const char *dest, const struct mse_unpacked *found)
{
    uint64_t total = 0;
    uint8_t seen[32];
    MSE_ASSERT(mse_code_digest(seen, dest, found->code_salt, false, NULL) == MSE_OK);
    MSE_ASSERT(mse_mem_equal(seen, found->code_digest, sizeof seen));
    MSE_ASSERT(mse_code_walk(dest, false, add, &total, NULL) == MSE_OK);
    MSE_ASSERT(total <= LIMIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t digest[32] = { 1 };
    char top[] = "/dev/shm/mse-fuzz-XXXXXX"; /* memory: two folders are made for each input */
    char dest[64];
    struct mse_unpacked found;
    MSE_ASSERT(mkdtemp(top) != NULL);
    (void)snprintf(dest, sizeof dest, "%s/d", top);
    MSE_ASSERT(mkdir(dest, 0700) == 0);
    int fd = package(digest, data, size);
    const struct mse_package p = { .manifest_digest = digest, .max_total = LIMIT };
    if (mse_package_unpack(&found, fd, dest, &p, NULL) == MSE_OK) {
        check_tree(dest, &found);
    }
    MSE_ASSERT(close(fd) == 0);
    MSE_ASSERT(num_entries(top) == 3); /* ".", ".." and the destination */
    MSE_ASSERT(nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    return 0;
}
