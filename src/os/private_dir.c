/* SPDX-License-Identifier: Apache-2.0 */
/* See private_dir.h. */
#include "os/private_dir.h"

#include <errno.h>
#include <ftw.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"

static mse_status check_in_memory(const char *parent, struct mse_error *err)
{
    struct statfs fs;
    if (statfs(parent, &fs) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "private storage", "%s: %s", parent, strerror(errno));
    }
    if (fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "private storage",
                        "%s has file system type 0x%llx, wanted tmpfs: plain code must not reach a "
                        "disk",
                        parent, (unsigned long long)fs.f_type);
    }
    return MSE_OK;
}

mse_status mse_private_dir_make(char **out, const char *parent, struct mse_error *err)
{
    mse_status st = check_in_memory(parent, err);
    if (st != MSE_OK) {
        return st;
    }
    char *path = NULL;
    if (asprintf(&path, "%s/mse-XXXXXX", parent) < 0) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "private storage", "out of memory");
    }
    if (mkdtemp(path) == NULL) {
        int saved = errno;
        free(path);
        return MSE_FAIL(err, MSE_ERR_IO, "private storage", "no new folder in %s: %s", parent,
                        strerror(saved));
    }
    if (chmod(path, 0711) != 0) {
        int saved = errno;
        (void)rmdir(path);
        free(path);
        return MSE_FAIL(err, MSE_ERR_IO, "private storage", "chmod: %s", strerror(saved));
    }
    *out = path;
    return MSE_OK;
}

mse_status mse_private_subdir(char **out_path, const char *dir, const char *name, uid_t owner,
                              mode_t mode, struct mse_error *err)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "private storage", "out of memory");
    }
    /* chmod behind mkdir: the mode must not depend on the umask. */
    if (mkdir(path, 0700) != 0 || chmod(path, mode) != 0 ||
        (owner != geteuid() && chown(path, owner, owner) != 0)) {
        mse_status st =
            MSE_FAIL(err, MSE_ERR_IO, "private storage", "%s: %s", name, strerror(errno));
        free(path);
        return st;
    }
    *out_path = path;
    return MSE_OK;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st;
    (void)flag;
    (void)at;
    (void)remove(path); /* what stays makes the parent stay, which the caller sees */
    return 0;
}

bool mse_tree_remove(const char *dir)
{
    (void)nftw(dir, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    return access(dir, F_OK) != 0 && errno == ENOENT;
}
