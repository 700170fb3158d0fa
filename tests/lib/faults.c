/* SPDX-License-Identifier: Apache-2.0 */
/* See faults.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "lib/faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    _Atomic int kind;
    atomic_size_t nth;
    atomic_size_t calls;
    struct fault_report *report;
} armed;

void fault_arm(enum fault_kind kind, size_t nth, struct fault_report *report)
{
    atomic_store(&armed.kind, FAULT_NONE);
    armed.report = report;
    atomic_store(&armed.nth, nth);
    atomic_store(&armed.calls, 0);
    atomic_store(&armed.kind, kind);
}

void fault_disarm(void)
{
    atomic_store(&armed.kind, FAULT_NONE);
}

static void put(char *out, size_t cap, const char *text)
{
    size_t i = 0;
    for (; i < cap - 1 && text[i] != '\0'; i++) {
        out[i] = text[i];
    }
    out[i] = '\0';
}

/* caller: an address in the code that wants the function. */
static bool fails_for(enum fault_kind kind, const char *name, void *caller)
{
    if (atomic_load(&armed.kind) != (int)kind) {
        return false;
    }
    size_t n = atomic_fetch_add(&armed.calls, 1) + 1;
    struct fault_report *r = armed.report;
    if (r != NULL) {
        r->calls = n > r->calls ? n : r->calls;
    }
    if (n != atomic_load(&armed.nth)) {
        return false;
    }
    if (r != NULL) {
        Dl_info whose;
        put(r->name, sizeof r->name, name);
        if (dladdr(caller, &whose) != 0 && whose.dli_fname != NULL) {
            const char *slash = strrchr(whose.dli_fname, '/');
            put(r->file, sizeof r->file, slash == NULL ? whose.dli_fname : slash + 1);
        }
    }
    return true;
}

#define fails(kind, name) fails_for((kind), (name), __builtin_return_address(0))

/* ---- memory: by glibc's own names, as finding the next function allocates */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *__libc_malloc(size_t len);
void *__libc_calloc(size_t num, size_t len);
void *__libc_realloc(void *p, size_t len);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* Parameters have names of our own.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

static void *none(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t len)
{
    return fails(FAULT_MEMORY, "malloc") ? none() : __libc_malloc(len);
}

void *calloc(size_t num, size_t len)
{
    return fails(FAULT_MEMORY, "calloc") ? none() : __libc_calloc(num, len);
}

void *realloc(void *p, size_t len)
{
    return fails(FAULT_MEMORY, "realloc") ? none() : __libc_realloc(p, len);
}

/* ---- calls */

#define NEXT(name)                                                                                 \
    static __typeof__(&(name)) next;                                                               \
    if (next == NULL) {                                                                            \
        void *found = dlsym(RTLD_NEXT, #name);                                                     \
        memcpy(&next, &found, sizeof next);                                                        \
    }

/* One that fails with this errno. */
#define CALL(type, name, parameters, arguments, bad, number)                                       \
    type name parameters                                                                           \
    {                                                                                              \
        NEXT(name)                                                                                 \
        if (fails(FAULT_CALL, #name)) {                                                            \
            errno = (number);                                                                      \
            return bad;                                                                            \
        }                                                                                          \
        return next arguments;                                                                     \
    }

/* One that may also be interrupted. */
#define WAIT(type, name, parameters, arguments, bad, number)                                       \
    type name parameters                                                                           \
    {                                                                                              \
        NEXT(name)                                                                                 \
        bool broken = fails(FAULT_CALL, #name);                                                    \
        if (broken || fails(FAULT_INTERRUPTED, #name)) {                                           \
            errno = broken ? (number) : EINTR;                                                     \
            return bad;                                                                            \
        }                                                                                          \
        return next arguments;                                                                     \
    }

/* One that can only be interrupted. */
#define STIR(type, name, parameters, arguments)                                                    \
    type name parameters                                                                           \
    {                                                                                              \
        NEXT(name)                                                                                 \
        if (fails(FAULT_INTERRUPTED, #name)) {                                                     \
            errno = EINTR;                                                                         \
            return -1;                                                                             \
        }                                                                                          \
        return next arguments;                                                                     \
    }

/* Streams and files only: an eventfd has eight bytes, and small writes to a pipe are whole. */
static bool may_be_short(int fd)
{
    struct stat s;
    return atomic_load(&armed.kind) == FAULT_SHORT && fstat(fd, &s) == 0 &&
           (S_ISSOCK(s.st_mode) || S_ISREG(s.st_mode));
}

/* One that moves len bytes, or fewer. */
#define MOVE(name, parameters, arguments, number)                                                  \
    ssize_t name parameters                                                                        \
    {                                                                                              \
        NEXT(name)                                                                                 \
        bool broken = fails(FAULT_CALL, #name);                                                    \
        if (broken || fails(FAULT_INTERRUPTED, #name)) {                                           \
            errno = broken ? (number) : EINTR;                                                     \
            return -1;                                                                             \
        }                                                                                          \
        if (len > 1 && may_be_short(fd) && fails(FAULT_SHORT, #name)) {                            \
            len = 1;                                                                               \
        }                                                                                          \
        return next arguments;                                                                     \
    }

/* clang-format off */
MOVE(read, (int fd, void *p, size_t len), (fd, p, len), EIO)
MOVE(write, (int fd, const void *p, size_t len), (fd, p, len), ENOSPC)
MOVE(pread, (int fd, void *p, size_t len, off_t at), (fd, p, len, at), EIO)
MOVE(pread64, (int fd, void *p, size_t len, off64_t at), (fd, p, len, at), EIO)
MOVE(pwrite, (int fd, const void *p, size_t len, off_t at), (fd, p, len, at), ENOSPC)
MOVE(pwrite64, (int fd, const void *p, size_t len, off64_t at), (fd, p, len, at), ENOSPC)
MOVE(recv, (int fd, void *p, size_t len, int flags), (fd, p, len, flags), ECONNRESET)
MOVE(send, (int fd, const void *p, size_t len, int flags), (fd, p, len, flags), ECONNRESET)
WAIT(ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n), -1, EIO)
WAIT(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), -1, EPIPE)
WAIT(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags), -1, ECONNRESET)
WAIT(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), -1, EPIPE)
WAIT(int, accept, (int fd, __SOCKADDR_ARG a, socklen_t *n), (fd, a, n), -1, EMFILE)
WAIT(int, accept4, (int fd, __SOCKADDR_ARG a, socklen_t *n, int flags), (fd, a, n, flags), -1, EMFILE)
WAIT(int, poll, (struct pollfd *p, nfds_t n, int ms), (p, n, ms), -1, ENOMEM)
STIR(int, epoll_wait, (int fd, struct epoll_event *e, int n, int ms), (fd, e, n, ms))
STIR(int, epoll_pwait, (int fd, struct epoll_event *e, int n, int ms, const sigset_t *s), (fd, e, n, ms, s))
WAIT(int, connect, (int fd, __CONST_SOCKADDR_ARG a, socklen_t n), (fd, a, n), -1, ECONNREFUSED)
STIR(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))
WAIT(int, fsync, (int fd), (fd), -1, EIO)
WAIT(int, ftruncate, (int fd, off_t len), (fd, len), -1, ENOSPC)
CALL(int, socket, (int family, int type, int protocol), (family, type, protocol), -1, EMFILE)
CALL(int, socketpair, (int family, int type, int protocol, int fds[2]), (family, type, protocol, fds), -1, EMFILE)
CALL(int, bind, (int fd, __CONST_SOCKADDR_ARG a, socklen_t n), (fd, a, n), -1, EADDRINUSE)
CALL(int, listen, (int fd, int n), (fd, n), -1, EADDRINUSE)
CALL(int, getsockopt, (int fd, int l, int o, void *p, socklen_t *n), (fd, l, o, p, n), -1, ENOBUFS)
CALL(int, setsockopt, (int fd, int l, int o, const void *p, socklen_t n), (fd, l, o, p, n), -1, ENOBUFS)
CALL(int, getsockname, (int fd, __SOCKADDR_ARG a, socklen_t *n), (fd, a, n), -1, ENOBUFS)
CALL(int, getpeername, (int fd, __SOCKADDR_ARG a, socklen_t *n), (fd, a, n), -1, ENOTCONN)
CALL(int, fstat, (int fd, struct stat *s), (fd, s), -1, EIO)
CALL(int, stat, (const char *path, struct stat *s), (path, s), -1, EIO)
CALL(int, lstat, (const char *path, struct stat *s), (path, s), -1, EIO)
CALL(int, fstatat, (int fd, const char *path, struct stat *s, int f), (fd, path, s, f), -1, EIO)
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, ENOSPC)
CALL(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), -1, ENOSPC)
CALL(int, rename, (const char *from, const char *to), (from, to), -1, ENOSPC)
CALL(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), -1, ENOSPC)
CALL(int, chmod, (const char *path, mode_t mode), (path, mode), -1, EPERM)
CALL(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EPERM)
CALL(int, fchmodat, (int fd, const char *path, mode_t mode, int f), (fd, path, mode, f), -1, EPERM)
CALL(int, chown, (const char *path, uid_t u, gid_t g), (path, u, g), -1, EPERM)
CALL(int, fchown, (int fd, uid_t u, gid_t g), (fd, u, g), -1, EPERM)
CALL(int, fchownat, (int fd, const char *p, uid_t u, gid_t g, int f), (fd, p, u, g, f), -1, EPERM)
CALL(off_t, lseek, (int fd, off_t at, int from), (fd, at, from), -1, EIO)
CALL(void *, mmap, (void *p, size_t n, int prot, int flags, int fd, off_t at), (p, n, prot, flags, fd, at), MAP_FAILED, ENOMEM)
CALL(int, mprotect, (void *p, size_t n, int prot), (p, n, prot), -1, ENOMEM)
CALL(int, mlock, (const void *p, size_t n), (p, n), -1, ENOMEM)
CALL(pid_t, fork, (void), (), -1, EAGAIN)
CALL(int, pipe2, (int fds[2], int flags), (fds, flags), -1, EMFILE)
CALL(int, dup, (int fd), (fd), -1, EMFILE)
CALL(int, dup2, (int fd, int to), (fd, to), -1, EMFILE)
CALL(int, dup3, (int fd, int to, int flags), (fd, to, flags), -1, EMFILE)
CALL(int, epoll_create1, (int flags), (flags), -1, EMFILE)
CALL(int, epoll_ctl, (int fd, int op, int to, struct epoll_event *e), (fd, op, to, e), -1, ENOSPC)
CALL(int, eventfd, (unsigned n, int flags), (n, flags), -1, EMFILE)
CALL(ssize_t, getrandom, (void *p, size_t n, unsigned flags), (p, n, flags), -1, ENOSYS)
/* clang-format on */

/* Those with an argument that may not be there. */
#define OPEN(name, parameters, ...)                                                                \
    int name parameters                                                                            \
    {                                                                                              \
        NEXT(name)                                                                                 \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;             \
        va_end(more);                                                                              \
        if (fails(FAULT_CALL, #name)) {                                                            \
            errno = EMFILE;                                                                        \
            return -1;                                                                             \
        }                                                                                          \
        return next(__VA_ARGS__, mode);                                                            \
    }
OPEN(open, (const char *path, int flags, ...), path, flags)
OPEN(open64, (const char *path, int flags, ...), path, flags)
OPEN(openat, (int fd, const char *path, int flags, ...), fd, path, flags)
OPEN(openat64, (int fd, const char *path, int flags, ...), fd, path, flags)

#define LAST(name)                                                                                 \
    NEXT(name)                                                                                     \
    va_list more;                                                                                  \
    va_start(more, what);                                                                          \
    void *last = va_arg(more, void *);                                                             \
    va_end(more);                                                                                  \
    if (fails(FAULT_CALL, #name)) {                                                                \
        errno = EINVAL;                                                                            \
        return -1;                                                                                 \
    }                                                                                              \
    return next(fd, what, last);

int fcntl(int fd, int what, ...)
{
    LAST(fcntl)
}

int fcntl64(int fd, int what, ...)
{
    LAST(fcntl64)
}

int pthread_create(pthread_t *out, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
    NEXT(pthread_create)
    return fails(FAULT_CALL, "pthread_create") ? EAGAIN : next(out, a, run, arg);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
