/* SPDX-License-Identifier: Apache-2.0 */
/* Going through a tree in the order of an index. What the app made is hostile: no link is followed,
 * nothing recurses, and there is an end to everything. */
#ifndef ENCLAVE_STORE_WALK_H
#define ENCLAVE_STORE_WALK_H

#include <sys/stat.h>

#include "enclave/store_index.h"

/* One entry: dir_fd and name say where it is, path where in the tree. */
struct mse_store_entry {
    int dir_fd;
    const char *name;
    const char *path;
    struct stat st;
};
/* Any other status than MSE_OK ends the walk. */
typedef mse_status (*mse_store_visit)(void *arg, const struct mse_store_entry *e);
/* Goes through home and keys of dir: folders ahead of what is in them. MSE_ERR_STORAGE_LIMIT: too
 * deep, too many; MSE_ERR_IO: a folder that cannot be read. */
MSE_MUST_USE mse_status mse_store_walk(const char *dir, mse_store_visit visit, void *arg);

#endif
