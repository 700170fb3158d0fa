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
#include <unwind.h>

static struct {
    _Atomic int kind;
    atomic_size_t nth;
    atomic_size_t calls;
    uint64_t chain; /* 0: any */
    struct fault_report *report;
    _Atomic(struct fault_list *) list;
    atomic_flag listing;
} armed = { .listing = ATOMIC_FLAG_INIT };

/* What looks at a chain calls the C library, too. */
static _Thread_local bool looking;

void fault_arm_at(enum fault_kind kind, uint64_t chain, size_t nth, struct fault_report *report)
{
    atomic_store(&armed.kind, FAULT_NONE);
    atomic_store(&armed.list, NULL);
    armed.report = report;
    armed.chain = chain;
    atomic_store(&armed.nth, nth);
    atomic_store(&armed.calls, 0);
    atomic_store(&armed.kind, kind);
}

void fault_arm(enum fault_kind kind, size_t nth, struct fault_report *report)
{
    fault_arm_at(kind, 0, nth, report);
}

void fault_watch(struct fault_list *list)
{
    fault_disarm();
    atomic_store(&armed.list, list);
}

void fault_disarm(void)
{
    atomic_store(&armed.kind, FAULT_NONE);
    atomic_store(&armed.list, NULL);
}

/* ---- places */

/* Links: the functions below, libcrypto's own for memory, and the callers that tell places apart.
 */
#define CHAIN_MAX  9
#define OWN_LINKS  2 /* fails_for and the function below */
#define CHAIN_SKIP 2 /* chain_now and fails_for: the same everywhere */

struct chain {
    uint64_t hash;
    unsigned num;
};

static _Unwind_Reason_Code add_link(struct _Unwind_Context *context, void *arg)
{
    struct chain *c = arg;
    struct dl_find_object where;
    uintptr_t at = _Unwind_GetIP(context);
    uintptr_t base = 0;
    void *p = NULL;
    if (c->num++ < CHAIN_SKIP) {
        return _URC_NO_REASON;
    }
    memcpy(&p, &at, sizeof p);
    if (_dl_find_object(p, &where) == 0) {
        memcpy(&base, &where.dlfo_map_start, sizeof base); /* lies elsewhere in each run */
    }
    for (size_t i = 0; i < sizeof at; i++) { /* FNV-1a */
        c->hash = (c->hash ^ (((at - base) >> (8 * i)) & 0xff)) * 0x100000001b3;
    }
    return c->num < CHAIN_MAX ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

__attribute__((noinline)) static uint64_t chain_now(void)
{
    struct chain c = { 0xcbf29ce484222325, 0 };
    int before = errno;
    looking = true;
    (void)_Unwind_Backtrace(add_link, &c);
    looking = false;
    errno = before;
    return c.hash;
}

static void put(char *out, size_t cap, const char *text)
{
    size_t i = 0;
    for (; i < cap - 1 && text[i] != '\0'; i++) {
        out[i] = text[i];
    }
    out[i] = '\0';
}

/* A signal may come in between, and its handler writes. */
static void list_place(struct fault_list *list, enum fault_kind kind, uint64_t chain,
                       const char *name)
{
    size_t i = chain % FAULT_PLACES;
    looking = true;
    while (atomic_flag_test_and_set(&armed.listing)) {
    }
    while (list->places[i].count > 0 &&
           (list->places[i].chain != chain || list->places[i].kind != kind)) {
        i = (i + 1) % FAULT_PLACES;
    }
    if (list->places[i].count == 0 && list->num < FAULT_PLACES - 1) {
        list->places[i] = (struct fault_place) { .chain = chain, .kind = kind };
        put(list->places[i].name, sizeof list->places[i].name, name);
        list->num++;
    }
    list->places[i].count++;
    atomic_flag_clear(&armed.listing);
    looking = false;
}

/* The first behind the functions below that is not the C library itself, on whose behalf it calls.
 */
static _Unwind_Reason_Code find_owner(struct _Unwind_Context *context, void *arg)
{
    struct fault_report *r = arg;
    Dl_info whose;
    uintptr_t at = _Unwind_GetIP(context);
    void *p = NULL;
    memcpy(&p, &at, sizeof p);
    if (r->passed++ < OWN_LINKS || dladdr(p, &whose) == 0 || whose.dli_fname == NULL) {
        return _URC_NO_REASON;
    }
    const char *slash = strrchr(whose.dli_fname, '/');
    const char *file = slash == NULL ? whose.dli_fname : slash + 1;
    if (strncmp(file, "libc.so", 7) == 0 || strncmp(file, "ld-linux", 8) == 0) {
        return _URC_NO_REASON;
    }
    put(r->file, sizeof r->file, file);
    return _URC_NORMAL_STOP;
}

__attribute__((noinline)) static bool fails_for(enum fault_kind kind, const char *name)
{
    struct fault_list *list = atomic_load(&armed.list);
    bool of_kind = atomic_load(&armed.kind) == (int)kind;
    if (looking || (list == NULL && !of_kind)) {
        return false;
    }
    uint64_t chain = list != NULL || armed.chain != 0 ? chain_now() : 0;
    if (list != NULL) {
        list_place(list, kind, chain, name);
    }
    if (!of_kind || chain != armed.chain) {
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
        put(r->name, sizeof r->name, name);
        looking = true;
        (void)_Unwind_Backtrace(find_owner, r);
        looking = false;
    }
    return true;
}

#define fails(kind, name) fails_for((kind), (name))

/* ---- memory: by names of glibc's own, as finding the next function allocates; a sanitizer's,
 * where there is one */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *__libc_malloc(size_t len);
void *__libc_calloc(size_t num, size_t len);
void *__libc_realloc(void *p, size_t len);
void __libc_free(void *p);
__attribute__((weak)) void *__interceptor_malloc(size_t len);
__attribute__((weak)) void *__interceptor_calloc(size_t num, size_t len);
__attribute__((weak)) void *__interceptor_realloc(void *p, size_t len);
__attribute__((weak)) void __interceptor_free(void *p);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* Parameters have names of our own.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

static atomic_long live;

long fault_live(void)
{
    return atomic_load(&live);
}

static void *none(void)
{
    errno = ENOMEM;
    return NULL;
}

static void *counted(void *p)
{
    (void)atomic_fetch_add(&live, p != NULL ? 1 : 0);
    return p;
}

#define REAL(name) (__interceptor_##name != NULL ? __interceptor_##name : __libc_##name)

void *malloc(size_t len)
{
    return fails(FAULT_MEMORY, "malloc") ? none() : counted(REAL(malloc)(len));
}

void *calloc(size_t num, size_t len)
{
    return fails(FAULT_MEMORY, "calloc") ? none() : counted(REAL(calloc)(num, len));
}

void *realloc(void *p, size_t len)
{
    if (fails(FAULT_MEMORY, "realloc")) {
        return none();
    }
    return p == NULL ? counted(REAL(realloc)(p, len)) : REAL(realloc)(p, len);
}

void free(void *p)
{
    (void)atomic_fetch_sub(&live, p != NULL ? 1 : 0);
    REAL(free)(p);
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
    bool asked = atomic_load(&armed.kind) == FAULT_SHORT || atomic_load(&armed.list) != NULL;
    if (!asked || looking) {
        return false;
    }
    looking = true; /* not ours to fail */
    bool may = fstat(fd, &s) == 0 && (S_ISSOCK(s.st_mode) || S_ISREG(s.st_mode));
    looking = false;
    return may;
}

/* A pipe has no disk that could be full or broken: what libuv writes to its own it gets through,
 * and waits for without end otherwise. */
static bool may_break(int fd)
{
    struct stat s;
    if (looking || (atomic_load(&armed.kind) != FAULT_CALL && atomic_load(&armed.list) == NULL)) {
        return false;
    }
    looking = true; /* not ours to fail */
    bool may = fstat(fd, &s) != 0 || !S_ISFIFO(s.st_mode);
    looking = false;
    return may;
}

/* One that moves len bytes, or fewer. */
#define MOVE(name, parameters, arguments, number)                                                  \
    ssize_t name parameters                                                                        \
    {                                                                                              \
        NEXT(name)                                                                                 \
        bool broken = may_break(fd) && fails(FAULT_CALL, #name);                                   \
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

int fcntl64(int fd, int what, ...) { LAST(fcntl64) }

pid_t fork(void)
{
    NEXT(fork)
    if (fails(FAULT_CALL, "fork")) {
        errno = EAGAIN;
        return -1;
    }
    pid_t pid = next();
    if (pid == 0) {
        atomic_flag_clear(&armed.listing); /* of a thread that is not here */
    }
    return pid;
}

int pthread_create(pthread_t *out, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
    NEXT(pthread_create)
    return fails(FAULT_CALL, "pthread_create") ? EAGAIN : next(out, a, run, arg);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
