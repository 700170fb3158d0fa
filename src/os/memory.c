/* SPDX-License-Identifier: Apache-2.0 */
/* See memory.h. */
#include "os/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) {
        (void)close(fd);
    }
    return ok;
}

static bool map_one(const char *path, unsigned id)
{
    char line[64];
    (void)snprintf(line, sizeof line, "%u %u 1", id, id);
    return write_text(path, line);
}

/* The same names for ourselves, and no others. */
static bool own_user_namespace(void)
{
    unsigned uid = (unsigned)geteuid();
    unsigned gid = (unsigned)getegid();
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_text("/proc/self/setgroups", "deny") && map_one("/proc/self/uid_map", uid) &&
           map_one("/proc/self/gid_map", gid);
}

bool mse_memory_enter(void)
{
    bool ok = geteuid() == 0 ? unshare(CLONE_NEWNS) == 0 : own_user_namespace();
    return ok && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

mse_status mse_memory_mount(const char *dir, uint64_t size, uint64_t nodes, struct mse_error *err)
{
    static const char *const swap[] = { ",noswap", "" };
    char options[128];
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(options, sizeof options, "mode=0711,size=%llu,nr_inodes=%llu%s",
                       (unsigned long long)size, (unsigned long long)nodes, swap[i]);
        if (mount("mse", dir, "tmpfs", MS_NOSUID | MS_NODEV | MS_STRICTATIME, options) == 0) {
            return MSE_OK;
        }
    }
    return MSE_FAIL(err, MSE_ERR_IO, "private storage", "no file system in memory: %s",
                    strerror(errno));
}

void mse_memory_unmount(const char *dir)
{
    (void)umount2(dir, MNT_DETACH);
}
