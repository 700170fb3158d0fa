/* SPDX-License-Identifier: Apache-2.0 */
/* The folder that drivers find their system in, which tests put elsewhere. */
#ifndef TEE_ROOT_H
#define TEE_ROOT_H

#include <mse/status.h>

/* Of control_fd of an open (tee/driver.h): *fd becomes close-on-exec, and that of "/" where it is
 * -1. MSE_ERR_IO. */
MSE_MUST_USE mse_status mse_tee_root(int *fd, struct mse_error *err);

#endif
