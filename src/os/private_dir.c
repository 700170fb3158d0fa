/* SPDX-License-Identifier: Apache-2.0 */
/* See private_dir.h. */
#include "os/private_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"

#define PREFIX        "mse-app-"
#define TEMPLATE      PREFIX "XXXXXX"
#define MODE          0711
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
    if (fd >= 0 && (fchmod(fd, MODE) != 0 || flock(fd, LOCK_EX | LOCK_NB) != 0)) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static bool is_our_name(const char *name)
{
    return strlen(name) == sizeof TEMPLATE - 1 && strncmp(name, PREFIX, sizeof PREFIX - 1) == 0;
}

/* Tells whether a folder of ours is used by nobody. A young one may be about to be locked. */
static bool is_stale(int parent, const char *name)
{
    struct stat st;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool stale = fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 07777) == MODE &&
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
        if (!is_our_name(e->d_name) || !is_stale(dirfd(d), e->d_name)) {
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
    if (asprintf(&path, "%s/" TEMPLATE, parent) < 0) {
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
    bool made = mkdir(path, 0700) == 0;
    /* chmod behind mkdir: the mode must not depend on the umask. */
    if (!made || chmod(path, mode) != 0 || (owner != geteuid() && chown(path, owner, owner) != 0)) {
        mse_status st =
            MSE_FAIL(err, MSE_ERR_IO, "private storage", "%s: %s", name, strerror(errno));
        if (made) {
            (void)rmdir(path); /* so that it can be tried again */
        }
        free(path);
        return st;
    }
    *out_path = path;
    return MSE_OK;
}

/* Removing. What the app left there is hostile: links, folders that it locked, and folders in
 * folders beyond what a path or a stack can hold. So nothing is reached by path, nothing recurses:
 * a folder inside a folder is moved to the top first. */

struct removal {
    int top;
    dev_t dev;
    uint64_t next_name;
    bool progress;
};

/* Opens a folder, not through a link, and makes it ours to change. -1: left alone. */
static int open_folder(const struct removal *r, int at, const char *name)
{
    char self[32];
    struct stat st;
    int fd = -1;
    int path = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (path < 0) {
        return -1;
    }
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", path);
    if (fstat(path, &st) == 0 && st.st_dev == r->dev) {
        (void)chmod(self, 0700); /* where it matters and fails, the opening fails too */
        fd = open(self, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    (void)close(path);
    return fd;
}

static void move_up(struct removal *r, int from, const char *name)
{
    char to[32];
    int fd = open_folder(r, from, name); /* a folder that cannot be changed cannot be moved */
    if (fd >= 0) {
        (void)close(fd);
    }
    int rc = 0;
    do {
        (void)snprintf(to, sizeof to, "%llu", (unsigned long long)r->next_name++);
        rc = renameat2(from, name, r->top, to, RENAME_NOREPLACE);
    } while (rc != 0 && errno == EEXIST);
    r->progress = r->progress || rc == 0;
}

typedef void (*folder_fn)(struct removal *r, int at, const char *name);

/* Removes what is no folder below fd, which is taken over; on_folder sees the others. */
static void remove_files(struct removal *r, int fd, folder_fn on_folder)
{
    DIR *d = fdopendir(fd);
    const struct dirent *e = NULL;
    if (d == NULL) {
        (void)close(fd);
        return;
    }
    /* The stream is this function's own. */
    while ((e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        if (unlinkat(dirfd(d), e->d_name, 0) == 0) {
            r->progress = true;
        } else if (errno == EISDIR) {
            on_folder(r, dirfd(d), e->d_name);
        }
    }
    (void)closedir(d);
}

static void remove_folder(struct removal *r, int at, const char *name)
{
    int fd = open_folder(r, at, name);
    if (fd >= 0) {
        remove_files(r, fd, move_up);
    }
    r->progress = unlinkat(at, name, AT_REMOVEDIR) == 0 || r->progress;
}

bool mse_tree_remove(const char *dir)
{
    struct stat st;
    struct removal r = { .top = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) };
    if (r.top >= 0 && fstat(r.top, &st) == 0) {
        r.dev = st.st_dev;
        do {
            r.progress = false;
            int fd = openat(r.top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (fd >= 0) {
                remove_files(&r, fd, remove_folder);
            }
        } while (r.progress);
        (void)close(r.top);
    }
    (void)rmdir(dir); /* what stays makes it stay, which the caller sees */
    return access(dir, F_OK) != 0 && errno == ENOENT;
}
