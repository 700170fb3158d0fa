/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up the machine's files. */
#ifndef OS_LANDLOCK_H
#define OS_LANDLOCK_H

#include <mse/status.h>

/* From now on this process, and what it starts, opens, makes and runs no file by its path; what is
 * open stays open. no_new_privs must be set. False: the kernel has no Landlock. */
MSE_MUST_USE bool mse_landlock_all_files(void);

#endif
