/* SPDX-License-Identifier: Apache-2.0 */
/* Folders that live in memory only, for the unpacked code and the app's files. */
#ifndef OS_PRIVATE_DIR_H
#define OS_PRIVATE_DIR_H

#include <sys/types.h>

#include <mse/status.h>

#define MSE_PRIVATE_DIR_PARENT "/dev/shm"

/* mse_private_dir_make makes a fresh folder below parent, which must be a file system in memory
 * (tmpfs or ramfs; MSE_ERR_UNSUPPORTED if it is not). Mode 0711: other users can pass, and not
 * look. *out is heap. The folder is in use while *out_lock is open; one whose process ended without
 * removing it is removed by the next call of the same user. */
MSE_MUST_USE mse_status mse_private_dir_make(char **out, int *out_lock, const char *parent,
                                             struct mse_error *err);
/* Makes dir/name with this owner and mode, or leaves nothing there; *out_path is heap. */
MSE_MUST_USE mse_status mse_private_subdir(char **out_path, const char *dir, const char *name,
                                           uid_t owner, mode_t mode, struct mse_error *err);
/* Removes the folder and everything in it; follows no link. False if something is left. */
bool mse_tree_remove(const char *dir);

#endif
