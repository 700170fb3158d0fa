/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a platform's folder: read whole, written exclusively or replaced at once, always
 * synced. */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include <mse/status.h>

#include "base/build.h"
#include "crypto/sign.h"

#define MSE_SIM_FILE_MAX ((size_t)1024 * 1024)

/* mse_sim_dir_open opens an existing folder; the caller closes *out. MSE_ERR_NOT_FOUND, MSE_ERR_IO.
 */
MSE_MUST_USE mse_status mse_sim_dir_open(int *out, const char *path, struct mse_error *err);
/* mse_sim_file_read appends a regular file of at most MSE_SIM_FILE_MAX bytes to out. */
MSE_MUST_USE mse_status mse_sim_file_read(struct mse_build *out, int dir_fd, const char *name,
                                          struct mse_error *err);
/* mse_sim_file_write creates the file, which must not exist, and syncs it. */
MSE_MUST_USE mse_status mse_sim_file_write(int dir_fd, const char *name, unsigned mode,
                                           struct mse_bytes content, struct mse_error *err);
/* mse_sim_file_replace puts a file in another's place, at once or not at all. */
MSE_MUST_USE mse_status mse_sim_file_replace(int dir_fd, const char *name, unsigned mode,
                                             struct mse_bytes content, struct mse_error *err);
/* mse_sim_key_read reads a private key in PEM; the caller frees *out. The text is wiped. */
MSE_MUST_USE mse_status mse_sim_key_read(struct mse_privkey **out, int dir_fd, const char *name,
                                         struct mse_error *err);

#endif
