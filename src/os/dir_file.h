/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a folder that others may write to: no link is followed, regular files only, and what is
 * written takes the old one's place at once. */
#ifndef OS_DIR_FILE_H
#define OS_DIR_FILE_H

#include <mse/status.h>

#include "base/build.h"

/* Opens a folder below dir_fd for reading its entries; *out is the caller's to close. make: it is
 * made (0700) if it is missing. MSE_ERR_NOT_FOUND, MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_dir_open(int *out, int dir_fd, const char *name, bool make,
                                     struct mse_error *err);
/* Opens a regular file for reading; *out_len is its length. MSE_ERR_NOT_FOUND, MSE_ERR_IO also for
 * what is no regular file. */
MSE_MUST_USE mse_status mse_dir_file_open(int *out, uint64_t *out_len, int dir_fd, const char *name,
                                          struct mse_error *err);
/* Appends the whole file to out. MSE_ERR_NO_SPACE if it does not fit. */
MSE_MUST_USE mse_status mse_dir_file_read(struct mse_build *out, int dir_fd, const char *name,
                                          struct mse_error *err);
/* Puts a file (0600) in the place of the one of that name, which stays if this fails. When this
 * returns MSE_OK, the new one outlives a loss of power. */
MSE_MUST_USE mse_status mse_dir_file_replace(int dir_fd, const char *name, struct mse_bytes content,
                                             struct mse_error *err);

#endif
