/* SPDX-License-Identifier: Apache-2.0 */
/* memfd_create(2) and its seals. */
#include "sim/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"

#define MAX_LEN ((size_t)512 * 1024 * 1024)
#define SEALS   (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Since Linux 6.3; not in the headers of Debian 12. */
#define EXECUTABLE   0x0010U
#define NOT_EXECUTED 0x0008U

static int create(const char *name, unsigned kind)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create(name, flags | kind);
    /* An older kernel knows neither kind, and makes executable ones. */
    return fd < 0 && errno == EINVAL ? memfd_create(name, flags) : fd;
}

static mse_status copy_all(int to, int from)
{
    uint8_t chunk[32768];
    size_t total = 0;
    for (;;) {
        ssize_t n = read(from, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return MSE_ERR_IO;
        }
        if (n == 0) {
            return MSE_OK;
        }
        total += (size_t)n;
        if (total > MAX_LEN) {
            return MSE_ERR_NO_SPACE;
        }
        if (!mse_io_write(to, mse_bytes_of(chunk, (size_t)n))) {
            return MSE_ERR_IO;
        }
    }
}

static mse_status seal(int fd)
{
    bool ok = lseek(fd, 0, SEEK_SET) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0 &&
              (fcntl(fd, F_GET_SEALS) & SEALS) == SEALS;
    return ok ? MSE_OK : MSE_ERR_IO;
}

mse_status mse_sim_memfd_of_file(int *out, const char *path, struct mse_error *err)
{
    struct stat sb;
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from < 0) {
        mse_status st = errno == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO;
        return MSE_FAIL(err, st, "runtime", "%s: %s", path, strerror(errno));
    }
    int fd = create("mse-enclave", EXECUTABLE);
    mse_status st = MSE_ERR_IO;
    if (fd >= 0 && fstat(from, &sb) == 0 && S_ISREG(sb.st_mode)) {
        st = copy_all(fd, from);
    }
    if (st == MSE_OK) {
        st = seal(fd);
    }
    (void)close(from);
    if (st != MSE_OK) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return MSE_FAIL(err, st, "runtime",
                        "%s: no regular file, or could not be copied and sealed", path);
    }
    *out = fd;
    return MSE_OK;
}

mse_status mse_sim_memfd_of_bytes(int *out, const char *name, struct mse_bytes content,
                                  struct mse_error *err)
{
    int fd = create(name, NOT_EXECUTED);
    mse_status st = MSE_ERR_IO;
    if (fd >= 0 && mse_io_write(fd, content)) {
        st = MSE_OK;
    }
    if (st == MSE_OK) {
        st = seal(fd);
    }
    if (st != MSE_OK) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return MSE_FAIL(err, st, name, "%s: could not be written and sealed", name);
    }
    *out = fd;
    return MSE_OK;
}

mse_status mse_sim_memfd_map(struct mse_sim_map *out, int fd, struct mse_error *err)
{
    struct stat sb;
    if (fstat(fd, &sb) != 0 || sb.st_size <= 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "runtime", "the file is empty");
    }
    void *p = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "runtime", "mmap: %s", strerror(errno));
    }
    out->data = p;
    out->len = (size_t)sb.st_size;
    return MSE_OK;
}

void mse_sim_memfd_unmap(struct mse_sim_map *map)
{
    if (map->data != NULL) {
        (void)munmap(map->data, map->len);
    }
    map->data = NULL;
    map->len = 0;
}
