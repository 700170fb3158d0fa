/* SPDX-License-Identifier: Apache-2.0 */
/* See sandbox.h. bubblewrap gets an empty environment: the app's is set by env(1) inside, so that
 * nothing the owner writes into the manifest reaches a program outside the sandbox. */
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "os/proc.h"

#define BWRAP     "/usr/bin/bwrap"
#define SHELL     "/bin/sh"
#define ENV       "/usr/bin/env"
#define TMP_SIZE  "536870912"
#define MAX_ARGS  2048
#define SETUP_MS  20000
#define FINISH_MS 5000
#define INFO_LEN  512
#define INNER_UID "64000"
#define HINT_NO_NS                                                                                 \
    "namespaces are forbidden here? (user.max_user_namespaces, "                                   \
    "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns, "             \
    "a container's seccomp profile); --insecure-no-sandbox runs the app without one"

/* Descriptors 3 to 5 of what is started. */
enum { INFO_FD, GATE_FD, LIFE_FD, NUM_FDS };

/* bubblewrap ties the namespace's process 1 to our life late, and a signal that comes before is
 * lost on it. So there is one beside it that ends the process group when we are gone (it holds
 * nothing else open, so that an end of the app's output is seen), until process 1 leaves the group,
 * and */
static const char guard[] = "{ read -r x; kill -s KILL 0; } <&5 >/dev/null 2>&1 3>&- 4<&- 5<&- &\n"
                            "exec \"$@\" 5<&-";
/* from there on one ahead of the app: it goes on only after we have seen that process 1 is tied. */
static const char gate[] = "read -r x <&4 && exec \"$@\" 4<&-";

/* A command line under construction. Strings are borrowed, but for the owned ones. */
struct args {
    const char *items[MAX_ARGS + 1];
    size_t num;
    char *owned[64];
    size_t num_owned;
    bool failed;
};

static void add(struct args *a, const char *s)
{
    if (a->num == MAX_ARGS || s == NULL) {
        a->failed = true;
        return;
    }
    a->items[a->num++] = s;
}

static void add_all(struct args *a, const char *const *list)
{
    for (size_t i = 0; list[i] != NULL; i++) {
        add(a, list[i]);
    }
}

static void add3(struct args *a, const char *x, const char *y, const char *z)
{
    add(a, x);
    add(a, y);
    add(a, z);
}

static const char *own(struct args *a, const char *s)
{
    if (a->num_owned == MSE_ARRAY_LEN(a->owned)) {
        a->failed = true;
        return NULL;
    }
    char *copy = strdup(s);
    if (copy != NULL) {
        a->owned[a->num_owned++] = copy;
    }
    return copy;
}

static void args_free(struct args *a)
{
    if (a == NULL) {
        return;
    }
    for (size_t i = 0; i < a->num_owned; i++) {
        free(a->owned[i]);
    }
    free(a);
}

/* /bin, /lib and their like: links on a merged system, folders elsewhere. */
static void add_system_folder(struct args *a, const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n > 0) {
        target[n] = '\0';
        add3(a, "--symlink", own(a, target), path);
    } else {
        add3(a, "--ro-bind-try", path, path);
    }
}

static void add_python_settings(struct args *a)
{
    glob_t g;
    if (glob("/etc/python3*", GLOB_NOSORT, NULL, &g) != 0) {
        return;
    }
    for (size_t i = 0; i < g.gl_pathc && i < 16; i++) {
        const char *p = own(a, g.gl_pathv[i]);
        add3(a, "--ro-bind-try", p, p);
    }
    globfree(&g);
}

/* What of the host's system the app sees ("rootfs host": simulation only). Of /etc only what
 * programs need to start; nothing that tells of the machine or its users. */
static void add_rootfs(struct args *a)
{
    static const char *const folders[] = { "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32" };
    static const char *const settings[] = {
        "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
        "/etc/ssl/certs",    "/etc/mime.types",  "/etc/localtime",  "/etc/protocols",
        "/etc/services",     "/etc/perl",
    };
    add3(a, "--ro-bind", "/usr", "/usr");
    for (size_t i = 0; i < MSE_ARRAY_LEN(folders); i++) {
        add_system_folder(a, folders[i]);
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(settings); i++) {
        add3(a, "--ro-bind-try", settings[i], settings[i]);
    }
    add_python_settings(a);
}

static void add_isolation(struct args *a)
{
    static const char *const switches[] = {
        SHELL,
        "-c",
        guard,
        "sh",
        BWRAP,
        "--unshare-user",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--disable-userns",
        "--uid",
        INNER_UID,
        "--gid",
        INNER_UID,
        "--hostname",
        "app",
        "--die-with-parent",
        "--new-session",
        "--info-fd",
        "3",
        "--dev",
        "/dev",
        "--perms",
        "1777",
        "--size",
        TMP_SIZE,
        "--tmpfs",
        "/dev/shm",
        "--remount-ro",
        "/dev",
        "--proc",
        "/proc",
        "--cap-drop",
        "ALL",
        "--perms",
        "1777",
        "--size",
        TMP_SIZE,
        "--tmpfs",
        "/tmp",
        NULL,
    };
    add_all(a, switches);
}

static void add_sandbox(struct args *a, const struct mse_sandbox *s)
{
    add_isolation(a);
    add_rootfs(a);
    for (size_t i = 0; i < s->num_binds; i++) {
        const struct mse_sandbox_bind *b = &s->binds[i];
        add3(a, b->writable ? "--bind" : "--ro-bind", b->host, b->inside);
    }
    add3(a, "--remount-ro", "/", "--chdir");
    add(a, s->cwd);
    add3(a, "--", SHELL, "-c");
    add3(a, gate, "sh", ENV);
}

static mse_status build_args(struct args **out, const struct mse_sandbox *s, struct mse_error *err)
{
    if (s->argv[0] == NULL || strchr(s->argv[0], '=') != NULL || s->argv[0][0] == '-') {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "command",
                        "\"%.100s\" cannot be started, wanted a name without \"=\" and \"-\" ahead",
                        s->argv[0] == NULL ? "" : s->argv[0]);
    }
    struct args *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "sandbox", "out of memory");
    }
    if (s->insecure_no_sandbox) {
        add(a, ENV);
    } else {
        add_sandbox(a, s);
    }
    add(a, "-i");
    add_all(a, s->envp);
    add_all(a, s->argv);
    if (a->failed) {
        args_free(a);
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "sandbox",
                        "command and environment have more than %d parts", MAX_ARGS);
    }
    *out = a;
    return MSE_OK;
}

/* Reads what bubblewrap tells about the namespace: one small JSON object, then the end. */
static bool read_init_pid(pid_t *out, int fd)
{
    char text[INFO_LEN];
    size_t len = 0;
    for (;;) {
        struct pollfd p = { fd, POLLIN, 0 };
        if (poll(&p, 1, SETUP_MS) <= 0) {
            return false;
        }
        ssize_t n = read(fd, text + len, sizeof text - 1 - len);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    text[len] = '\0';
    static const char key[] = "\"child-pid\":";
    const char *at = strstr(text, key);
    long pid = at == NULL ? 0 : strtol(at + sizeof key - 1, NULL, 10);
    if (pid <= 1 || pid > INT_MAX) {
        return false;
    }
    *out = (pid_t)pid;
    return true;
}

/* Whether process 1 has a child and waits for it: what it does last before that is to tie itself to
 * its parent's life. */
static bool is_tied(pid_t init)
{
    char path[64];
    char text[INFO_LEN];
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)init, (int)init);
    if (mse_proc_read(text, sizeof text, path) == 0) {
        return false;
    }
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)init);
    return mse_proc_state(path, NULL) == 'S';
}

static bool wait_until_tied(const struct mse_sandbox_app *a)
{
    static const struct timespec pause = { 0, 500000 };
    struct pollfd over = { a->init_fd, POLLIN, 0 };
    struct timespec began = { 0 };
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &began);
    do {
        if (is_tied(a->init)) {
            return true;
        }
        (void)nanosleep(&pause, NULL);
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
    } while (poll(&over, 1, 0) == 0 && now.tv_sec - began.tv_sec < SETUP_MS / 1000);
    return false;
}

/* Lets the app begin. */
static bool set_going(struct mse_sandbox_app *a, int info, int gate_fd)
{
    if (!read_init_pid(&a->init, info)) {
        return false;
    }
    a->init_fd = (int)syscall(SYS_pidfd_open, a->init, 0);
    return wait_until_tied(a) && write(gate_fd, "\n", 1) == 1;
}

static void close_pipes(int fds[NUM_FDS][2])
{
    for (size_t i = 0; i < NUM_FDS; i++) {
        for (size_t k = 0; k < 2; k++) {
            if (fds[i][k] >= 0) {
                (void)close(fds[i][k]);
                fds[i][k] = -1;
            }
        }
    }
}

static mse_status start_sandboxed(struct mse_sandbox_app *out, const struct mse_spawn *plain,
                                  struct mse_error *err)
{
    int fds[NUM_FDS][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
    if (access(BWRAP, X_OK) != 0) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "sandbox", BWRAP ": %s", strerror(errno));
    }
    for (size_t i = 0; i < NUM_FDS; i++) {
        if (pipe2(fds[i], O_CLOEXEC) != 0) {
            mse_status st = MSE_FAIL(err, MSE_ERR_IO, "sandbox", "pipe: %s", strerror(errno));
            close_pipes(fds);
            return st;
        }
    }
    const int theirs[NUM_FDS] = { fds[INFO_FD][1], fds[GATE_FD][0], fds[LIFE_FD][0] };
    struct mse_sandbox_app app = { .sandbox = true, .init_fd = -1, .life_fd = -1 };
    struct mse_spawn sp = *plain;
    sp.extra_fds = theirs;
    sp.num_extra_fds = NUM_FDS;
    mse_status st = mse_spawn(&app.pid, &sp, err);
    (void)close(fds[INFO_FD][1]);
    fds[INFO_FD][1] = -1;
    if (st == MSE_OK && !set_going(&app, fds[INFO_FD][0], fds[GATE_FD][1])) {
        mse_sandbox_kill(&app);
        (void)waitpid(app.pid, NULL, 0);
        mse_sandbox_finish(&app);
        st = MSE_FAIL(err, MSE_ERR_UNSUPPORTED, "sandbox",
                      "the app's sandbox was not set up: " HINT_NO_NS);
    }
    if (st == MSE_OK) {
        app.life_fd = fds[LIFE_FD][1];
        fds[LIFE_FD][1] = -1;
        *out = app;
    }
    close_pipes(fds);
    return st;
}

mse_status mse_sandbox_start(struct mse_sandbox_app *out, const struct mse_sandbox *s,
                             struct mse_error *err)
{
    static const char *const no_env[] = { NULL };
    struct args *a = NULL;
    mse_status st = build_args(&a, s, err);
    if (st != MSE_OK) {
        return st;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct mse_spawn sp = {
        .argv = a->items,
        .envp = no_env,
        .cwd = s->insecure_no_sandbox ? s->cwd : "/",
        .stdin_fd = null,
        .stdout_fd = s->stdout_fd,
        .stderr_fd = s->stderr_fd,
        .uid = s->uid,
        .no_new_privs = true,
        .filter = !s->insecure_no_sandbox,
    };
    if (null < 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "sandbox", "/dev/null: %s", strerror(errno));
    } else if (s->insecure_no_sandbox) {
        struct mse_sandbox_app app = { .init_fd = -1 };
        st = mse_spawn(&app.pid, &sp, err);
        *out = app;
    } else {
        st = start_sandboxed(out, &sp, err);
    }
    if (null >= 0) {
        (void)close(null);
    }
    args_free(a);
    return st;
}

/* A number may have been given to another process since it was read. The descriptor holds on to
 * one process; while that one lives, what /proc says of the number is true of it. */
static void signal_child(pid_t parent, pid_t pid, int sig)
{
    static const char key[] = "\nPPid:\t";
    char path[64];
    char text[1024];
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        return;
    }
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    (void)mse_proc_read(text, sizeof text, path);
    const char *at = strstr(text, key);
    if (at != NULL && strtol(at + sizeof key - 1, NULL, 10) == parent) {
        (void)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
    }
    (void)close(fd);
}

/* The children of the namespace's process 1, which itself only reaps. */
static void signal_children(pid_t init, int sig)
{
    char path[64];
    char text[4096];
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)init, (int)init);
    if (mse_proc_read(text, sizeof text, path) == 0) {
        return;
    }
    char *at = text;
    for (long pid = strtol(at, &at, 10); pid > 1; pid = strtol(at, &at, 10)) {
        signal_child(init, (pid_t)pid, sig);
    }
}

void mse_sandbox_terminate(const struct mse_sandbox_app *a)
{
    if (a->sandbox && a->init > 1) {
        signal_children(a->init, SIGTERM);
    } else if (!a->sandbox && a->pid > 1) {
        (void)kill(a->alone ? a->pid : -a->pid, SIGTERM);
    }
}

/* The kernel ends the whole namespace with its process 1. */
static void kill_init(const struct mse_sandbox_app *a)
{
    if (a->init_fd >= 0) {
        (void)syscall(SYS_pidfd_send_signal, a->init_fd, SIGKILL, NULL, 0);
    } else if (a->sandbox && a->init > 1) {
        (void)kill(a->init, SIGKILL); /* an older kernel */
    }
}

void mse_sandbox_kill(const struct mse_sandbox_app *a)
{
    if (a->pid <= 1) {
        return;
    }
    kill_init(a);
    (void)kill(a->sandbox || a->alone ? a->pid : -a->pid, SIGKILL);
}

void mse_sandbox_finish(struct mse_sandbox_app *a)
{
    if (a->init_fd >= 0) {
        struct pollfd p = { a->init_fd, POLLIN, 0 };
        kill_init(a);
        (void)poll(&p, 1, FINISH_MS); /* process 1 ends last */
        (void)close(a->init_fd);
    }
    if (a->sandbox && a->life_fd >= 0) {
        (void)close(a->life_fd);
    }
    *a = (struct mse_sandbox_app) { .init_fd = -1 };
}
