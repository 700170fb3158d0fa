/* SPDX-License-Identifier: Apache-2.0 */
/* See inside.h. One byte asks: with a namespace's descriptor to join it, without one for a socket.
 * One byte answers, the errno, with the socket if it is 0. */
#include "os/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "os/filter.h"
#include "os/spawn.h"

#define STEP    "namespace"
#define WAIT_MS 5000
#define OWN_FD  3

/* ---- both sides ---- */

/* One byte, and a descriptor unless it is -1. */
static bool put(int to, uint8_t byte, int fd)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = { &byte, 1 };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
    memset(&control, 0, sizeof control);
    if (fd >= 0) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof control.room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    return sendmsg(to, &m, MSG_NOSIGNAL) == 1;
}

/* The same; *fd is -1 if none came. */
static bool get(int from, uint8_t *byte, int *fd)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    uint8_t got = 0;
    struct iovec iov = { &got, 1 };
    struct msghdr m = { .msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = control.room,
                        .msg_controllen = sizeof control.room };
    memset(&control, 0, sizeof control);
    *fd = -1;
    ssize_t n = 0;
    do {
        n = recvmsg(from, &m, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n != 1) {
        return false;
    }
    *byte = got;
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof *fd)) {
        memcpy(fd, CMSG_DATA(c), sizeof *fd);
    }
    return true;
}

/* ---- the helper ---- */

/* As root at once; else by way of the user namespace that the other one belongs to, which is ours
 * to enter as whoever made it. */
static bool enter(int ns)
{
    if (setns(ns, CLONE_NEWNET) == 0) {
        return true;
    }
    int user = errno == EPERM ? ioctl(ns, NS_GET_USERNS) : -1;
    bool ok = user >= 0 && setns(user, CLONE_NEWUSER) == 0 && setns(ns, CLONE_NEWNET) == 0;
    if (user >= 0) {
        (void)close(user);
    }
    return ok;
}

static bool give_up_rights(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2];
    memset(none, 0, sizeof none);
    return syscall(SYS_capset, &head, none) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           mse_filter_calls();
}

static uint8_t join(int ns)
{
    errno = 0;
    bool ok = enter(ns) && give_up_rights();
    return ok ? 0 : (uint8_t)(errno > 0 && errno < 256 ? errno : EPERM);
}

static bool serve_one(bool *joined)
{
    uint8_t byte = 0;
    int fd = -1;
    if (!get(OWN_FD, &byte, &fd)) {
        return false;
    }
    if (fd >= 0) {
        byte = *joined ? EEXIST : join(fd);
        *joined = *joined || byte == 0;
        (void)close(fd);
        return put(OWN_FD, byte, -1) && byte == 0;
    }
    int made = *joined ? socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    bool ok = put(OWN_FD, made >= 0 ? 0 : EMFILE, made);
    if (made >= 0) {
        (void)close(made);
    }
    return ok;
}

_Noreturn static void helper(int fd, pid_t parent)
{
    bool joined = false;
    sigset_t none;
    (void)sigemptyset(&none);
    /* Nothing of the runtime's but the way to it. */
    int high = fcntl(fd, F_DUPFD_CLOEXEC, OWN_FD + 1);
    bool ok = high >= 0 && dup2(high, OWN_FD) >= 0 &&
              syscall(SYS_close_range, OWN_FD + 1, ~0U, 0) == 0 &&
              prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
              sigprocmask(SIG_SETMASK, &none, NULL) == 0;
    while (ok) {
        ok = serve_one(&joined);
    }
    _exit(0);
}

/* ---- the runtime ---- */

mse_status mse_inside_start(struct mse_inside *out, struct mse_error *err)
{
    int fds[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "socketpair: %s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        helper(fds[1], parent);
    }
    int saved = errno;
    (void)close(fds[1]);
    if (pid < 0) {
        (void)close(fds[0]);
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "fork: %s", strerror(saved));
    }
    *out = (struct mse_inside) { .pid = pid, .fd = fds[0] };
    return MSE_OK;
}

/* The helper is ours and does no work that could take long. */
static bool ask(struct mse_inside *s, int with, uint8_t *answer, int *fd)
{
    struct pollfd p = { s->fd, POLLIN, 0 };
    *fd = -1;
    return put(s->fd, 0, with) && poll(&p, 1, WAIT_MS) == 1 && get(s->fd, answer, fd);
}

static int open_net(pid_t pid, int pidfd)
{
    char path[64];
    struct pollfd gone = { pidfd, POLLIN, 0 };
    struct stat theirs;
    struct stat ours;
    (void)snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    int ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0) {
        return -1;
    }
    /* While that process lives its number is nobody else's. */
    bool right = poll(&gone, 1, 0) == 0 && fstat(ns, &theirs) == 0 &&
                 stat("/proc/self/ns/net", &ours) == 0 &&
                 (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev);
    if (!right) {
        (void)close(ns);
        errno = ESRCH;
        return -1;
    }
    return ns;
}

mse_status mse_inside_join(struct mse_inside *s, pid_t pid, int pidfd, struct mse_error *err)
{
    uint8_t answer = EPIPE;
    int none = -1;
    int ns = s->pid > 0 && pidfd >= 0 ? open_net(pid, pidfd) : -1;
    if (ns < 0) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "the app has no network of its own: %s",
                        strerror(errno));
    }
    bool asked = ask(s, ns, &answer, &none);
    (void)close(ns);
    if (none >= 0) {
        (void)close(none);
    }
    s->joined = asked && answer == 0;
    return s->joined ? MSE_OK
                     : MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP,
                                "the app's network cannot be entered: %s", strerror(answer));
}

int mse_inside_socket(struct mse_inside *s)
{
    uint8_t answer = 0;
    int fd = -1;
    if (!s->joined || !ask(s, -1, &answer, &fd)) {
        s->joined = false; /* what it may still say would be the answer to something else */
        errno = EPIPE;
        return -1;
    }
    if (answer != 0 || fd < 0) {
        errno = answer != 0 ? answer : EPROTO;
        return -1;
    }
    return fd;
}

void mse_inside_clear(struct mse_inside *s)
{
    if (s->pid > 0) {
        (void)close(s->fd);
        (void)kill(s->pid, SIGKILL);
        (void)waitpid(s->pid, NULL, 0);
    }
    *s = (struct mse_inside) { .fd = -1 };
}
