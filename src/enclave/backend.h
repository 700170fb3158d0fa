/* SPDX-License-Identifier: Apache-2.0 */
/* Where the app listens: at its unix socket, or at a port of its own loopback. Until it is healthy
 * the socket is tried first, each time, and the port where nobody listens at it; what answered then
 * is it, for good. */
#ifndef ENCLAVE_BACKEND_H
#define ENCLAVE_BACKEND_H

#include "os/inside.h"

#define MSE_APP_PORT      8080
#define MSE_APP_PORT_TEXT "8080"

struct mse_backend {
    const char *socket;        /* its path; borrowed */
    bool plain;                /* under a library OS, which finds sockets by their paths alone */
    struct mse_inside *inside; /* NULL: no sandbox, no port; borrowed */
    enum mse_backend_kind {
        MSE_BACKEND_UNKNOWN,
        MSE_BACKEND_SOCKET,
        MSE_BACKEND_PORT,
    } kind;
    enum mse_backend_kind tried; /* by the last dial */
};
/* A non-blocking, close-on-exec connection to the app (struct mse_backend *); -1 with errno.
 * EAGAIN: its queue is full. */
int mse_backend_dial(void *backend);
/* Connects to the socket of that path, as mse_net_connect_unix does, in a folder that nobody else
 * may write: the path is not looked at. */
int mse_backend_connect_plain(const char *path);
/* The last connection is the one that answered. An app that listens at both by now is reached at
 * its socket. */
void mse_backend_settle(struct mse_backend *b);

#endif
