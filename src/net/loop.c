/* SPDX-License-Identifier: Apache-2.0 */
/* See loop.h. */
#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"

/* The name of a socket that stands for somebody else: an abstract one, which nobody else has. */
#define FOR_MARK     "\0mse:"
#define FOR_MARK_LEN ((size_t)5)
#define FOR_LEN      (FOR_MARK_LEN + 16 + sizeof(uint64_t))

static void stand_for(int fd, const uint8_t source[16])
{
    static _Atomic uint64_t count;
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    uint64_t unique = ((uint64_t)getpid() << 40) + atomic_fetch_add(&count, 1);
    memcpy(a.sun_path, FOR_MARK, FOR_MARK_LEN);
    memcpy(a.sun_path + FOR_MARK_LEN, source, 16);
    memcpy(a.sun_path + FOR_MARK_LEN + 16, &unique, sizeof unique);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + FOR_LEN);
    (void)bind(fd, (const struct sockaddr *)&a, len); /* else the source is not known */
}

void mse_net_source(int fd, uint8_t out[16])
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } a = { .any = { .sa_family = AF_UNSPEC } };
    socklen_t len = sizeof a;
    memset(out, 0, 16);
    if (getpeername(fd, &a.any, &len) != 0) {
        return;
    }
    if (a.any.sa_family == AF_INET6) {
        memcpy(out, &a.v6.sin6_addr, 16);
    } else if (a.any.sa_family == AF_INET) {
        out[10] = 0xff;
        out[11] = 0xff;
        memcpy(out + 12, &a.v4.sin_addr, 4);
    } else if (a.any.sa_family == AF_UNIX &&
               len == offsetof(struct sockaddr_un, sun_path) + FOR_LEN &&
               mse_mem_equal(a.un.sun_path, FOR_MARK, FOR_MARK_LEN)) {
        memcpy(out, a.un.sun_path + FOR_MARK_LEN, 16);
    }
}

bool mse_net_is_loopback(const uint8_t source[16])
{
    static const uint8_t v4[13] = { [10] = 0xff, [11] = 0xff, [12] = 127 };
    static const uint8_t v6[16] = { [15] = 1 };
    return mse_mem_equal(source, v4, sizeof v4) || mse_mem_equal(source, v6, sizeof v6);
}

/* Connects to the very file that at refers to: its path could have been changed since. source: may
 * be NULL. */
static int connect_to(int at, const uint8_t *source)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    (void)snprintf(addr.sun_path, sizeof addr.sun_path, "/proc/self/fd/%d", at);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (source != NULL) {
        stand_for(fd, source);
    }
    if (connect(fd, (const struct sockaddr *)&addr, sizeof addr) != 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int connect_unix(const char *path, const uint8_t *source)
{
    struct stat st;
    int fd = -1;
    int at = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0) {
        return -1;
    }
    if (fstat(at, &st) == 0 && S_ISSOCK(st.st_mode)) {
        fd = connect_to(at, source);
    } else {
        errno = ENOTSOCK;
    }
    int saved = errno;
    (void)close(at);
    errno = saved;
    return fd;
}

int mse_net_connect_unix(const char *path)
{
    return connect_unix(path, NULL);
}

int mse_net_connect_unix_for(const char *path, const uint8_t source[16])
{
    return connect_unix(path, source);
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

void mse_net_reset(int fd)
{
    static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    (void)close(fd);
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
