/* SPDX-License-Identifier: Apache-2.0 */
/* See private_dir.h. */
#include "os/private_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"

#define PREFIX        "mse-"
#define STALE_AFTER_S 60

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

/* Makes it passable and locks it; -1 on failure. */
static int take(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && (fchmod(fd, 0711) != 0 || flock(fd, LOCK_EX | LOCK_NB) != 0)) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* Tells whether a folder of ours is used by nobody. A young one may be about to be locked. */
static bool is_stale(int parent, const char *name)
{
    struct stat st;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool stale = fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
                 time(NULL) - st.st_ctime > STALE_AFTER_S && flock(fd, LOCK_EX | LOCK_NB) == 0;
    (void)close(fd);
    return stale;
}

static void sweep(const char *parent)
{
    DIR *d = opendir(parent);
    const struct dirent *e = NULL;
    while (d != NULL && (e = readdir(d)) != NULL) {
        char *path = NULL;
        if (strncmp(e->d_name, PREFIX, sizeof PREFIX - 1) != 0 || !is_stale(dirfd(d), e->d_name)) {
            continue;
        }
        if (asprintf(&path, "%s/%s", parent, e->d_name) >= 0) {
            (void)mse_tree_remove(path);
            free(path);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
}

mse_status mse_private_dir_make(char **out, int *out_lock, const char *parent,
                                struct mse_error *err)
{
    mse_status st = check_in_memory(parent, err);
    if (st != MSE_OK) {
        return st;
    }
    sweep(parent);
    char *path = NULL;
    if (asprintf(&path, "%s/" PREFIX "XXXXXX", parent) < 0) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "private storage", "out of memory");
    }
    if (mkdtemp(path) == NULL) {
        int saved = errno;
        free(path);
        return MSE_FAIL(err, MSE_ERR_IO, "private storage", "no new folder in %s: %s", parent,
                        strerror(saved));
    }
    int lock = take(path);
    if (lock < 0) {
        int saved = errno;
        (void)rmdir(path);
        free(path);
        return MSE_FAIL(err, MSE_ERR_IO, "private storage", "lock: %s", strerror(saved));
    }
    *out = path;
    *out_lock = lock;
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
