/* SPDX-License-Identifier: Apache-2.0 */
/* See backend.h. */
#include "enclave/backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/loop.h"

static int dial_port(struct mse_backend *b)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(MSE_APP_PORT),
                             .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int one = 1;
    int fd = mse_inside_socket(b->inside);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) != 0 && errno != EINPROGRESS) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

int mse_backend_connect_plain(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof a.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(a.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int connect_socket(const struct mse_backend *b)
{
    return b->plain ? mse_backend_connect_plain(b->socket) : mse_net_connect_unix(b->socket);
}

int mse_backend_dial(void *backend)
{
    struct mse_backend *b = backend;
    int fd = -1;
    b->tried = MSE_BACKEND_SOCKET;
    if (b->kind != MSE_BACKEND_PORT) {
        fd = connect_socket(b);
    }
    bool port = b->inside != NULL && b->kind != MSE_BACKEND_SOCKET &&
                (b->kind == MSE_BACKEND_PORT || (fd < 0 && errno != EAGAIN));
    if (port) {
        b->tried = MSE_BACKEND_PORT;
        fd = dial_port(b);
    }
    return fd;
}

void mse_backend_settle(struct mse_backend *b)
{
    b->kind = b->tried;
    if (b->tried == MSE_BACKEND_PORT) {
        /* It may have begun to listen at both between our two attempts. */
        int fd = connect_socket(b);
        if (fd >= 0 || errno == EAGAIN) {
            b->kind = MSE_BACKEND_SOCKET;
        }
        if (fd >= 0) {
            (void)close(fd);
        }
    }
}
