/* SPDX-License-Identifier: Apache-2.0 */
/* File systems in memory that nobody but this process and its children sees, and that are gone when
 * they are. */
#ifndef OS_MEMORY_H
#define OS_MEMORY_H

#include <mse/status.h>

/* From now on this process has a view of file systems of its own; as another user than root it has
 * a user namespace of its own for that, whose capabilities it has, and loses with exec. Before any
 * thread is started and while the process is dumpable. False: the system forbids it. */
MSE_MUST_USE bool mse_memory_enter(void);
/* Mounts a fresh file system of at most size bytes and nodes files over an existing folder, after
 * mse_memory_enter; where the system allows it, it never goes to swap. What it holds shows the
 * times of reading, too. */
MSE_MUST_USE mse_status mse_memory_mount(const char *dir, uint64_t size, uint64_t nodes,
                                         struct mse_error *err);
/* Takes it away, with all that it holds. */
void mse_memory_unmount(const char *dir);

#endif
