/* SPDX-License-Identifier: Apache-2.0 */
/* See io.h. */
#include "base/io.h"

#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"

bool mse_io_write(int fd, struct mse_bytes b)
{
    while (b.len > 0) {
        ssize_t n = write(fd, b.data, b.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        b = mse_bytes_of(b.data + n, b.len - (size_t)n);
    }
    return true;
}

bool mse_io_read(int fd, uint8_t *buf, size_t len, size_t *got)
{
    *got = 0;
    while (*got < len) {
        ssize_t n = read(fd, buf + *got, len - *got);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return false;
        }
        if (n == 0) {
            return true;
        }
        *got += (size_t)n;
    }
    return true;
}

bool mse_io_read_exact(int fd, void *buf, size_t len)
{
    size_t got = 0;
    return mse_io_read(fd, buf, len, &got) && got == len;
}
