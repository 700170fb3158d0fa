/* SPDX-License-Identifier: Apache-2.0 */
/* File access for the platform's folder. Everything goes through the folder's descriptor. */
#include "sim/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"

mse_status mse_sim_dir_open(int *out, const char *path, struct mse_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        mse_status st = errno == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO;
        return MSE_FAIL(err, st, "platform", "%s: %s", path, strerror(errno));
    }
    *out = fd;
    return MSE_OK;
}

static mse_status read_all(struct mse_build *out, int fd, size_t len)
{
    if (len == 0) {
        return MSE_OK;
    }
    uint8_t *to = mse_wr_space(out, len);
    if (to == NULL) {
        return MSE_ERR_NO_SPACE;
    }
    return mse_io_read_exact(fd, to, len) ? MSE_OK : MSE_ERR_IO;
}

mse_status mse_sim_file_read(struct mse_build *out, int dir_fd, const char *name,
                             struct mse_error *err)
{
    /* O_NONBLOCK: a FIFO put there must not hang us; regular files do not care. */
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        mse_status st = errno == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO;
        return MSE_FAIL(err, st, name, "%s: %s", name, strerror(errno));
    }
    struct stat sb;
    mse_status st = MSE_OK;
    if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
        st = MSE_FAIL(err, MSE_ERR_IO, name, "%s: not a regular file", name);
    } else if (sb.st_size < 0 || (uint64_t)sb.st_size > MSE_SIM_FILE_MAX) {
        st = MSE_FAIL(err, MSE_ERR_NO_SPACE, name, "%s: %lld bytes, at most %zu", name,
                      (long long)sb.st_size, MSE_SIM_FILE_MAX);
    } else {
        st = read_all(out, fd, (size_t)sb.st_size);
        if (st != MSE_OK) {
            st = MSE_FAIL(err, st, name, "%s: could not be read", name);
        }
    }
    (void)close(fd);
    return st;
}

mse_status mse_sim_file_write(int dir_fd, const char *name, unsigned mode, struct mse_bytes content,
                              struct mse_error *err)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) {
        mse_status st = errno == EEXIST ? MSE_ERR_EXISTS : MSE_ERR_IO;
        return MSE_FAIL(err, st, name, "%s: %s", name, strerror(errno));
    }
    mse_status st = mse_io_write(fd, content) && fsync(fd) == 0 ? MSE_OK : MSE_ERR_IO;
    if (close(fd) != 0) {
        st = MSE_ERR_IO;
    }
    if (st != MSE_OK) {
        (void)unlinkat(dir_fd, name, 0);
        return MSE_FAIL(err, st, name, "%s: could not be written", name);
    }
    return MSE_OK;
}

mse_status mse_sim_file_replace(int dir_fd, const char *name, unsigned mode,
                                struct mse_bytes content, struct mse_error *err)
{
    char tmp[128];
    int n = snprintf(tmp, sizeof tmp, ".%s.%ld", name, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof tmp) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, name, "%s: name too long", name);
    }
    /* What an earlier process of this number left behind. */
    (void)unlinkat(dir_fd, tmp, 0);
    mse_status st = mse_sim_file_write(dir_fd, tmp, mode, content, err);
    if (st != MSE_OK) {
        return st;
    }
    if (renameat(dir_fd, tmp, dir_fd, name) != 0 || fsync(dir_fd) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, name, "%s: %s", name, strerror(errno));
        (void)unlinkat(dir_fd, tmp, 0);
    }
    return st;
}

mse_status mse_sim_key_read(struct mse_privkey **out, int dir_fd, const char *name,
                            struct mse_error *err)
{
    struct mse_build pem;
    mse_build_heap(&pem, MSE_SIM_FILE_MAX);
    mse_status st = mse_sim_file_read(&pem, dir_fd, name, err);
    if (st == MSE_OK) {
        st = mse_privkey_from_pem(out, mse_build_view(&pem), err);
    }
    mse_build_clear(&pem);
    return st;
}
