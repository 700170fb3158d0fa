/* SPDX-License-Identifier: Apache-2.0 */
/* A file system (FUSE) below a folder of its own, served by a thread. Test code; includers define
 * FUSE_USE_VERSION. */
#ifndef TESTS_LIB_FUSE_MOUNT_H
#define TESTS_LIB_FUSE_MOUNT_H

#include <fuse.h>

#include <mse/types.h>

struct fuse_mount;
/* NULL where this system has no FUSE. */
struct fuse_mount *fuse_mount_start(const struct fuse_operations *operations, void *private_data);
const char *fuse_mount_dir(const struct fuse_mount *m);
/* A new descriptor of its root. */
int fuse_mount_open(const struct fuse_mount *m);
void fuse_mount_stop(struct fuse_mount *m);
/* What a reading of a file with this content gives. */
int fuse_mount_read_part(struct mse_bytes all, char *buf, size_t size, off_t at);

#endif
