/* SPDX-License-Identifier: Apache-2.0 */
/* See landlock.h. */
#include "os/landlock.h"

#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The rights of the first version, which every kernel with Landlock knows. */
#define ALL_FILES ((UINT64_C(1) << 13) - 1)

bool mse_landlock_all_files(void)
{
    const struct landlock_ruleset_attr rules = { .handled_access_fs = ALL_FILES };
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    if (fd < 0) {
        return false;
    }
    bool good = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    (void)close(fd);
    return good;
}
