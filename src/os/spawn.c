/* SPDX-License-Identifier: Apache-2.0 */
/* See spawn.h. Between fork and exec only async-signal-safe calls are made. */
#include "os/spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "os/filter.h"

#define MAX_FILES     8192
#define MAX_PROCESSES 16384 /* of an app that has a user id of its own */
#define MAX_FD        (1 << 20)
#define JOIN_SESSION  1 /* KEYCTL_JOIN_SESSION_KEYRING */

/* What the child tells over the pipe when it does not come to exec. */
enum step {
    STEP_SIGNALS,
    STEP_FDS,
    STEP_LIMITS,
    STEP_USER,
    STEP_KEYRING,
    STEP_PARENT,
    STEP_PRIVS,
    STEP_FILTER,
    STEP_CWD,
    STEP_EXEC,
};

struct failure {
    int step;
    int error;
};

static const char *step_name(int step)
{
    static const char *const names[] = { "signals", "descriptors", "limits",       "user id",
                                         "keyring", "parent",      "no_new_privs", "system calls",
                                         "folder",  "exec" };
    return step >= 0 && (size_t)step < MSE_ARRAY_LEN(names) ? names[step] : "unknown step";
}

/* Between fork and exec too, so no folder is read. Kernels before 5.11 have no call for it. */
bool mse_cloexec_from(int lowest)
{
    if (syscall(SYS_close_range, (unsigned)lowest, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) == 0) {
        return true;
    }
    bool ok = errno == ENOSYS || errno == EINVAL;
    for (int fd = lowest; ok && fd < MAX_FD; fd++) {
        ok = fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 || errno == EBADF;
    }
    return ok;
}

bool mse_std_fds(void)
{
    int fd = 0;
    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0) {
        return false;
    }
    (void)close(fd);
    return true;
}

static bool child_signals(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    for (int sig = 1; sig < NSIG; sig++) {
        if (sig != SIGKILL && sig != SIGSTOP) {
            (void)signal(sig, SIG_DFL); /* fails for those that libc keeps */
        }
    }
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

/* Moves the given descriptors to 0, 1, ... They may stand in each other's place, so all are copied
 * out of the way first. */
static bool child_fds(const struct mse_spawn *s)
{
    int from[3 + MSE_SPAWN_MAX_EXTRA] = { s->stdin_fd, s->stdout_fd, s->stderr_fd, -1, -1, -1 };
    int high[MSE_ARRAY_LEN(from)];
    for (size_t i = 0; i < s->num_extra_fds; i++) {
        from[3 + i] = s->extra_fds[i];
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(from); i++) {
        high[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, 10);
        if (from[i] >= 0 && high[i] < 0) {
            return false;
        }
    }
    if (!mse_cloexec_from(3)) {
        return false;
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(from); i++) {
        if (high[i] >= 0 && dup2(high[i], (int)i) < 0) {
            return false;
        }
    }
    return true;
}

static bool child_limits(uid_t uid, rlim_t max_files)
{
    static const struct rlimit no_core = { 0, 0 };
    struct rlimit processes = { MAX_PROCESSES, MAX_PROCESSES };
    struct rlimit files;
    struct rlimit now;
    /* The count is that of the user id: with ours, it would be other people's processes too. */
    if (uid != MSE_SPAWN_SAME_USER &&
        (getrlimit(RLIMIT_NPROC, &now) != 0 ||
         (now.rlim_max > MAX_PROCESSES && setrlimit(RLIMIT_NPROC, &processes) != 0))) {
        return false;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return false;
    }
    files.rlim_max = files.rlim_max > max_files ? max_files : files.rlim_max;
    files.rlim_cur = files.rlim_max;
    return setrlimit(RLIMIT_CORE, &no_core) == 0 && setrlimit(RLIMIT_NOFILE, &files) == 0;
}

static bool child_user(uid_t uid)
{
    return uid == MSE_SPAWN_SAME_USER ||
           (setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 &&
            setresuid(uid, uid, uid) == 0);
}

/* The keys of the session that started us are none of the app's business. Where the call is
 * forbidden, it is for the app too. */
static bool child_keyring(void)
{
    return syscall(SYS_keyctl, JOIN_SESSION, NULL) >= 0 || errno == ENOSYS || errno == EPERM;
}

static enum step child_prepare(const struct mse_spawn *s, pid_t parent)
{
    if (!child_signals() || setsid() < 0) {
        return STEP_SIGNALS;
    }
    (void)umask(0077);
    if (!child_fds(s)) {
        return STEP_FDS;
    }
    if (!child_limits(s->uid, s->max_files > 0 ? s->max_files : MAX_FILES)) {
        return STEP_LIMITS;
    }
    if (!child_user(s->uid)) {
        return STEP_USER;
    }
    if (!child_keyring()) {
        return STEP_KEYRING;
    }
    /* Behind the change of the user, which resets it. The parent may have died before. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        return STEP_PARENT;
    }
    if (s->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return STEP_PRIVS;
    }
    if (s->filter && !mse_filter_calls()) {
        return STEP_FILTER;
    }
    return chdir(s->cwd) == 0 ? STEP_EXEC : STEP_CWD;
}

/* execve takes what it does not change as not const. */
static char *const *for_exec(const char *const *list)
{
    union {
        const char *const *in;
        char *const *out;
    } u = { .in = list };
    return u.out;
}

_Noreturn static void child(const struct mse_spawn *s, int report, pid_t parent)
{
    struct failure f = { (int)child_prepare(s, parent), 0 };
    if (f.step == STEP_EXEC) {
        (void)execve(s->argv[0], for_exec(s->argv), for_exec(s->envp));
    }
    f.error = errno;
    ssize_t n = write(report, &f, sizeof f);
    (void)n;
    _exit(127);
}

/* What the child says of its failure; 0: nothing, as it runs. */
static ssize_t hear(int fd, struct failure *out)
{
    ssize_t n = 0;
    do {
        n = read(fd, out, sizeof *out);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* It may run, where nobody heard that it does. */
static void end_child(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

mse_status mse_spawn(pid_t *out, const struct mse_spawn *s, struct mse_error *err)
{
    int fds[2];
    MSE_ASSERT(s->num_extra_fds <= MSE_SPAWN_MAX_EXTRA);
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "spawn", "pipe: %s", strerror(errno));
    }
    /* Out of the way of those which the child moves its descriptors to. */
    int report = fcntl(fds[1], F_DUPFD_CLOEXEC, 10);
    (void)close(fds[1]);
    pid_t parent = getpid();
    pid_t pid = report < 0 ? -1 : fork();
    if (pid == 0) {
        child(s, report, parent);
    }
    int saved = errno;
    (void)close(report);
    struct failure f = { -1, 0 };
    ssize_t n = pid < 0 ? 0 : hear(fds[0], &f);
    saved = n < 0 ? errno : saved;
    (void)close(fds[0]);
    if (pid < 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "spawn", "fork: %s", strerror(saved));
    }
    if (n != 0) {
        end_child(pid);
    }
    if (n < 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "spawn", "%s: whether it runs: %s", s->argv[0],
                        strerror(saved));
    }
    if (n != 0) {
        return MSE_FAIL(err, f.error == ENOENT ? MSE_ERR_NOT_FOUND : MSE_ERR_IO, "spawn",
                        "%s: %s: %s", s->argv[0], step_name(f.step), strerror(f.error));
    }
    *out = pid;
    return MSE_OK;
}

/* User ids. */

bool mse_owns_uids(uid_t first, uid_t last)
{
    FILE *map = geteuid() == 0 ? fopen("/proc/self/uid_map", "re") : NULL;
    char line[128];
    bool found = false;
    while (map != NULL && !found && fgets(line, sizeof line, map) != NULL) {
        char *at = line;
        unsigned long inside = strtoul(at, &at, 10);
        (void)strtoul(at, &at, 10); /* what they are called outside */
        unsigned long count = strtoul(at, &at, 10);
        found = first >= inside && count > 0 && last - inside <= count - 1;
    }
    if (map != NULL) {
        (void)fclose(map);
    }
    return found;
}

/* One process at a time can hold an abstract address; it vanishes with its holder. */
static int lock_uid(uid_t uid)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int n = snprintf(addr.sun_path + 1, sizeof addr.sun_path - 1, "mse-uid-%u", (unsigned)uid);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    if (bind(fd, (const struct sockaddr *)&addr, len) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static bool uid_has_process(uid_t uid)
{
    DIR *d = opendir("/proc");
    bool found = d == NULL; /* what cannot be seen counts as taken */
    const struct dirent *e = NULL;
    while (!found && (e = readdir(d)) != NULL) {
        struct stat st;
        found = e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
                fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == uid;
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return found;
}

mse_status mse_reserve_uid(uid_t *out, int *out_lock, uid_t first, uid_t last,
                           struct mse_error *err)
{
    for (uid_t uid = first; uid <= last; uid++) {
        int lock = lock_uid(uid);
        if (lock < 0) {
            continue;
        }
        if (!uid_has_process(uid)) {
            *out = uid;
            *out_lock = lock;
            return MSE_OK;
        }
        (void)close(lock);
    }
    return MSE_FAIL(err, MSE_ERR_IO, "user id", "no free user id between %u and %u",
                    (unsigned)first, (unsigned)last);
}
