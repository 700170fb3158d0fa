/* SPDX-License-Identifier: Apache-2.0 */
/* A listening TCP socket out of ADDR:PORT. */
#ifndef CLI_LISTEN_H
#define CLI_LISTEN_H

#include <mse/types.h>

/* where: literal IPv4 address, or IPv6 in brackets, and a port; 0 takes any free one, which *port
 * gets. False with the reason in why. */
MSE_MUST_USE bool cli_listen(int *out_fd, uint16_t *port, const char *where, char *why,
                             size_t why_len);
/* The port that a socket is bound to. */
MSE_MUST_USE bool cli_port_of(int fd, uint16_t *port);

#endif
