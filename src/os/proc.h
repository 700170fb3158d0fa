/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of processes. */
#ifndef OS_PROC_H
#define OS_PROC_H

#include <stddef.h>
#include <sys/types.h>

/* mse_proc_read reads a file whole, or its first cap - 1 bytes, and ends it with a NUL. Returns the
 * length; what cannot be read is empty. */
size_t mse_proc_read(char *text, size_t cap, const char *path);
/* mse_proc_state returns the letter of the state that the file stat of a process or thread names,
 * NUL if it is gone. *parent, which may be NULL, is the parent's number then. */
char mse_proc_state(const char *path, long *parent);

#endif
