/* SPDX-License-Identifier: Apache-2.0 */
/* See loop.h. */
#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/util.h"

/* Connects to the very file that at refers to: its path could have been changed since. */
static int connect_to(int at)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    (void)snprintf(addr.sun_path, sizeof addr.sun_path, "/proc/self/fd/%d", at);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (connect(fd, (const struct sockaddr *)&addr, sizeof addr) != 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

int mse_net_connect_unix(const char *path)
{
    struct stat st;
    int fd = -1;
    int at = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0) {
        return -1;
    }
    if (fstat(at, &st) == 0 && S_ISSOCK(st.st_mode)) {
        fd = connect_to(at);
    } else {
        errno = ENOTSOCK;
    }
    int saved = errno;
    (void)close(at);
    errno = saved;
    return fd;
}

int mse_net_listen_unix(const char *path, int backlog)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof a.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(a.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 &&
        (bind(fd, (const struct sockaddr *)&a, sizeof a) != 0 || listen(fd, backlog) != 0)) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

void mse_net_accept_failed(uv_poll_t *listener, int error)
{
    if (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS) {
        (void)uv_poll_stop(listener);
    }
}

bool mse_net_prepare_fd(int fd)
{
    int fl = fcntl(fd, F_GETFL);
    return fl >= 0 && fcntl(fd, F_SETFL, fl | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static void close_one(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h)) {
        uv_close(h, NULL);
    }
}

void mse_net_loop_clear(uv_loop_t *loop)
{
    uv_walk(loop, close_one, NULL);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    MSE_ASSERT(uv_loop_close(loop) == 0);
}
