/* SPDX-License-Identifier: Apache-2.0 */
/* See proc.h. */
#include "os/proc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

#define STAT_LEN ((size_t)512)

size_t mse_proc_read(char *text, size_t cap, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    if (fd >= 0 && !mse_io_read(fd, (uint8_t *)text, cap - 1, &len)) {
        len = 0; /* it ended meanwhile */
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    text[len] = '\0';
    return len;
}

/* "pid (name) S ppid ..." */
char mse_proc_state(const char *path, long *parent)
{
    char text[STAT_LEN];
    const char *at = mse_proc_read(text, sizeof text, path) == 0 ? NULL : strrchr(text, ')');
    if (at == NULL || strlen(at) < 4) {
        return '\0';
    }
    if (parent != NULL) {
        *parent = strtol(at + 3, NULL, 10);
    }
    return at[2];
}
