/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "cmd/cmd.h"
#include "cmd/files.h"

static mse_status failed(const struct cli_newfile *f, struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_IO, "file", "%.180s cannot be written: %s", f->path,
                    strerror(errno));
}

static mse_status exists(const struct cli_newfile *f, struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_EXISTS, "file", "%.180s is there already", f->path);
}

mse_status cli_newfile_open(struct cli_newfile *out, const char *path, bool force,
                            struct mse_error *err)
{
    struct cli_newfile f = { .fd = -1, .path = path, .force = force };
    struct stat info;
    if (strcmp(path, "-") == 0) {
        f.path = "standard output";
        f.fd = memfd_create("output", MFD_CLOEXEC);
    } else if (!force && lstat(path, &info) == 0) {
        return exists(&f, err);
    } else if (asprintf(&f.temp, "%s.XXXXXX", path) < 0) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "file", "out of memory");
    } else {
        f.fd = mkostemp(f.temp, O_CLOEXEC);
    }
    if (f.fd < 0) {
        mse_status st = failed(&f, err);
        free(f.temp);
        return st;
    }
    *out = f;
    return MSE_OK;
}

/* What was held back goes out. */
static bool print(int fd)
{
    uint8_t buf[16384];
    ssize_t n = lseek(fd, 0, SEEK_SET) == 0 ? 1 : -1;
    while (n > 0) {
        n = read(fd, buf, sizeof buf);
        if (n > 0 && !mse_io_write(STDOUT_FILENO, mse_bytes_of(buf, (size_t)n))) {
            return false;
        }
    }
    return n == 0;
}

static bool name_it(const struct cli_newfile *f, unsigned mode)
{
    return fchmod(f->fd, mode) == 0 && fsync(f->fd) == 0 &&
           renameat2(AT_FDCWD, f->temp, AT_FDCWD, f->path, f->force ? 0 : RENAME_NOREPLACE) == 0;
}

mse_status cli_newfile_keep(struct cli_newfile *f, unsigned mode, struct mse_error *err)
{
    mse_status st = MSE_OK;
    if (!(f->temp == NULL ? print(f->fd) : name_it(f, mode))) {
        st = errno == EEXIST ? exists(f, err) : failed(f, err);
        cli_newfile_drop(f);
        return st;
    }
    (void)close(f->fd);
    free(f->temp);
    f->temp = NULL;
    f->fd = -1;
    return MSE_OK;
}

void cli_newfile_drop(struct cli_newfile *f)
{
    if (f->fd < 0) {
        return;
    }
    (void)close(f->fd);
    f->fd = -1;
    if (f->temp != NULL) {
        (void)unlink(f->temp);
        free(f->temp);
        f->temp = NULL;
    }
}

mse_status cli_newfile_put(const char *path, struct mse_bytes content, unsigned mode, bool force,
                           struct mse_error *err)
{
    struct cli_newfile f = { .fd = -1, .path = path };
    mse_status st = cli_newfile_open(&f, path, force, err);
    if (st != MSE_OK) {
        return st;
    }
    if (!mse_io_write(f.fd, content)) {
        st = failed(&f, err);
        cli_newfile_drop(&f);
        return st;
    }
    return cli_newfile_keep(&f, mode, err);
}

enum cli_exit cli_newfile_failed(const struct cli *c, mse_status st, const struct mse_error *err)
{
    enum cli_exit e = cli_failed(c, st, err);
    if (st == MSE_ERR_EXISTS) {
        cli_hint(c, "-f writes over it");
    }
    return e;
}
