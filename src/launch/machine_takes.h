/* SPDX-License-Identifier: Apache-2.0 */
/* What an app may want of a machine image: for who starts one, and for who deploys to one. */
#ifndef LAUNCH_MACHINE_TAKES_H
#define LAUNCH_MACHINE_TAKES_H

#include <mse/status.h>

/* What a machine has no place for. MSE_ERR_UNSUPPORTED, by its name in the manifest. */
MSE_MUST_USE mse_status mse_machine_takes(struct mse_bytes manifest, struct mse_error *err);

#endif
