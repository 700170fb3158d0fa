/* SPDX-License-Identifier: Apache-2.0 */
/* The disk by which a machine image gets its app: this head, the manifest, the package, zeros up to
 * whole sectors. No file system: the kernel parses nothing of the host's. Also for the image's
 * process 1 (packaging/image/init.c), which has nothing of ours but this. */
#ifndef LAUNCH_APP_DISK_H
#define LAUNCH_APP_DISK_H

#include <stdint.h>

#define MSE_APP_DISK_MAGIC  "mse-app-disk-v1" /* and its NUL */
#define MSE_APP_DISK_SECTOR 512U
#define MSE_APP_DISK_MAX    ((uint64_t)1 << 32) /* of either part */

/* Little-endian. */
struct mse_app_disk {
    char magic[16];
    uint64_t manifest; /* bytes */
    uint64_t package;
};

#endif
