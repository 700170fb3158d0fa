/* SPDX-License-Identifier: Apache-2.0 */
/* Between the supervisor of an instance and whoever asks it: one word on the unix socket "control"
 * (0600) in its folder, one JSON object back, then the end. */
#ifndef LAUNCH_CONTROL_H
#define LAUNCH_CONTROL_H

#include <stdbool.h>
#include <sys/un.h>

#define MSE_CONTROL_STATUS "status"
#define MSE_CONTROL_STOP   "stop"

#define MSE_CONTROL_SOCKET "control"

/* The address of the socket of this name in the folder that dir_fd is open on. */
bool mse_control_address(struct sockaddr_un *out, int dir_fd, const char *name);

#endif
