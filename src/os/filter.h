/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that no app needs and that have let apps out before. */
#ifndef OS_FILTER_H
#define OS_FILTER_H

#include <mse/status.h>

/* From now on, and across exec, these calls fail with ENOSYS, so that libraries take another way:
 * keyrings, bpf, performance events, userfaultfd, io_uring, modules, file handles, the calls of
 * other ABIs. no_new_privs must be set. Async-signal-safe. False: the kernel has no filters. */
MSE_MUST_USE bool mse_filter_calls(void);
/* From now on, in all threads to come, whatever is not needed to relay TCP connections fails with
 * ENOSYS: files, programs, processes, sockets of other families. no_new_privs must be set. False:
 * the kernel has no filters. */
MSE_MUST_USE bool mse_filter_to_relay(void);

#endif
