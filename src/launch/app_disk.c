/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/app_disk.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "launch/machine.h"

static bool copy_all(int to, int from, uint64_t len)
{
    uint8_t chunk[16384];
    for (uint64_t done = 0; done < len;) {
        size_t part = len - done < sizeof chunk ? (size_t)(len - done) : sizeof chunk;
        ssize_t n = pread(from, chunk, part, (off_t)done);
        if (n <= 0 || !mse_io_write(to, mse_bytes_of(chunk, (size_t)n))) {
            errno = n == 0 ? ENODATA : errno;
            return false;
        }
        done += (uint64_t)n;
    }
    return true;
}

static bool write_disk(int fd, struct mse_bytes manifest, int package_fd, uint64_t package)
{
    const struct mse_app_disk head = { .magic = MSE_APP_DISK_MAGIC,
                                       .manifest = htole64(manifest.len),
                                       .package = htole64(package) };
    uint64_t len = sizeof head + manifest.len + package;
    uint64_t whole = (len + MSE_APP_DISK_SECTOR - 1) / MSE_APP_DISK_SECTOR * MSE_APP_DISK_SECTOR;
    return mse_io_write(fd, mse_bytes_of(&head, sizeof head)) && mse_io_write(fd, manifest) &&
           copy_all(fd, package_fd, package) && ftruncate(fd, (off_t)whole) == 0;
}

mse_status mse_machine_disk(const char *path, struct mse_bytes manifest, int package_fd,
                            struct mse_error *err)
{
    struct stat sb = { 0 };
    if (fstat(package_fd, &sb) != 0 || sb.st_size < 0 || (uint64_t)sb.st_size > MSE_APP_DISK_MAX) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "machine", "the package is larger than 4 GiB");
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && write_disk(fd, manifest, package_fd, (uint64_t)sb.st_size);
    mse_status st =
        good ? MSE_OK : MSE_FAIL(err, MSE_ERR_IO, "machine", "%.150s: %s", path, strerror(errno));
    if (fd >= 0) {
        (void)close(fd);
    }
    return st;
}
