/* SPDX-License-Identifier: Apache-2.0 */
/* See dir_file.h. */
#include "os/dir_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"

static mse_status failed(struct mse_error *err, const char *name)
{
    return MSE_FAIL(err, errno == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO, "storage", "%.100s: %s",
                    name, strerror(errno));
}

mse_status mse_dir_open(int *out, int dir_fd, const char *name, bool make, struct mse_error *err)
{
    if (make && mkdirat(dir_fd, name, 0700) != 0 && errno != EEXIST) {
        return failed(err, name);
    }
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return failed(err, name);
    }
    *out = fd;
    return MSE_OK;
}

mse_status mse_dir_file_open(int *out, uint64_t *out_len, int dir_fd, const char *name,
                             struct mse_error *err)
{
    struct stat st;
    /* O_NONBLOCK: a FIFO put there must not hold us up; regular files do not care. */
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return failed(err, name);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0) {
        (void)close(fd);
        return MSE_FAIL(err, MSE_ERR_IO, "storage", "%.100s is no regular file", name);
    }
    *out = fd;
    *out_len = (uint64_t)st.st_size;
    return MSE_OK;
}

mse_status mse_dir_file_read(struct mse_build *out, int dir_fd, const char *name,
                             struct mse_error *err)
{
    int fd = -1;
    uint64_t len = 0;
    mse_status st = mse_dir_file_open(&fd, &len, dir_fd, name, err);
    if (st != MSE_OK) {
        return st;
    }
    uint8_t *room = len > out->max ? NULL : mse_wr_space(out, (size_t)len);
    if (room == NULL && len > 0) {
        st = MSE_FAIL(err, MSE_ERR_NO_SPACE, "storage", "%.100s has %llu bytes, wanted at most %zu",
                      name, (unsigned long long)len, out->max);
    } else if (!mse_io_read_exact(fd, room, (size_t)len)) {
        st = MSE_FAIL(err, MSE_ERR_IO, "storage", "%.100s cannot be read", name);
    }
    (void)close(fd);
    return st;
}

static bool write_new(int dir_fd, const char *name, struct mse_bytes content)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && mse_io_write(fd, content) && fsync(fd) == 0;
    if (fd >= 0) {
        ok = close(fd) == 0 && ok;
    }
    return ok;
}

mse_status mse_dir_file_replace(int dir_fd, const char *name, struct mse_bytes content,
                                struct mse_error *err)
{
    char fresh[80];
    int n = snprintf(fresh, sizeof fresh, "%s.new", name);
    if (n < 0 || (size_t)n >= sizeof fresh) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "storage", "%.40s...: name too long", name);
    }
    (void)unlinkat(dir_fd, fresh, 0); /* what an earlier life left */
    if (!write_new(dir_fd, fresh, content) || renameat(dir_fd, fresh, dir_fd, name) != 0 ||
        fsync(dir_fd) != 0) {
        mse_status st = MSE_FAIL(err, MSE_ERR_IO, "storage", "%.60s cannot be stored: %s", name,
                                 strerror(errno));
        (void)unlinkat(dir_fd, fresh, 0);
        return st;
    }
    return MSE_OK;
}
