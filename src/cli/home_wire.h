/* SPDX-License-Identifier: Apache-2.0 */
/* Between mse home and the supervisor of an instance: one word on the unix socket home/NAME/control
 * (0600), one JSON object back, then the end. */
#ifndef CLI_HOME_WIRE_H
#define CLI_HOME_WIRE_H

#include <stdbool.h>
#include <sys/un.h>

#define HOME_ASK_STATUS "status"
#define HOME_ASK_STOP   "stop"
#define HOME_END        "end.json" /* what the last supervisor says of its end */

/* The address of the socket in the folder that dir_fd is open on. */
bool home_socket_address(struct sockaddr_un *out, int dir_fd);

#endif
