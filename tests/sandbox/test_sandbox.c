/* SPDX-License-Identifier: Apache-2.0 */
/* What an app in the sandbox can and cannot do: each test runs a small script inside and reads what
 * it says. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/testlib.h"
#include "os/private_dir.h"
#include "os/sandbox.h"

#define FIRST_UID   64900
#define LAST_UID    64999
#define KILL_ROUNDS 60
#define GONE_MS     60000

struct world {
    char *dir;
    char *code;
    char *home;
    uid_t uid;
    int uid_lock;
    int dir_lock;
    bool available;
    char out[16384];
};

/* A secret in this process' memory and descriptors, which the app must not find. */
static char secret[] = "the runtime's private key";

static bool run(struct world *w, bool insecure, const char *script)
{
    const struct mse_sandbox_bind binds[] = {
        { w->code, "/mse/code", false },
        { w->home, "/mse/home", true },
    };
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    const char *envp[] = { "HOME=/mse/home", "GREETING=hello app", NULL };
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    struct mse_sandbox s = {
        .argv = argv,
        .envp = envp,
        .binds = binds,
        .num_binds = 2,
        .cwd = insecure ? w->code : "/mse/code",
        .uid = w->uid,
        .stdout_fd = fds[1],
        .stderr_fd = fds[1],
        .insecure_no_sandbox = insecure,
    };
    struct mse_sandbox_app app;
    struct mse_error err = { 0 };
    mse_status st = mse_sandbox_start(&app, &s, &err);
    (void)close(fds[1]);
    size_t len = 0;
    ssize_t n = 0;
    while ((n = read(fds[0], w->out + len, sizeof w->out - 1 - len)) > 0) {
        len += (size_t)n;
    }
    w->out[len] = '\0';
    (void)close(fds[0]);
    if (st != MSE_OK) {
        print_message("# %s: %s\n", err.text, w->out);
        return false;
    }
    assert_int_equal(waitpid(app.pid, NULL, 0), app.pid);
    mse_sandbox_finish(&app);
    return true;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    struct mse_error err = { 0 };
    w->uid = MSE_SPAWN_SAME_USER;
    w->uid_lock = -1;
    if (mse_owns_uids(FIRST_UID, LAST_UID)) {
        assert_status(mse_reserve_uid(&w->uid, &w->uid_lock, FIRST_UID, LAST_UID, &err), MSE_OK);
    }
    uid_t owner = w->uid == MSE_SPAWN_SAME_USER ? geteuid() : w->uid;
    assert_status(mse_private_dir_make(&w->dir, &w->dir_lock, MSE_PRIVATE_DIR_PARENT, &err),
                  MSE_OK);
    assert_status(mse_private_subdir(&w->code, w->dir, "code", geteuid(), 0755, &err), MSE_OK);
    assert_status(mse_private_subdir(&w->home, w->dir, "home", owner, 0700, &err), MSE_OK);
    char path[256];
    (void)snprintf(path, sizeof path, "%s/app.py", w->code);
    test_write_file(path, (struct mse_bytes) { (const uint8_t *)"code\n", 5 });
    (void)chmod(path, 0644);
    w->available = run(w, false, "true");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    if (w->uid_lock >= 0) {
        (void)close(w->uid_lock);
    }
    assert_true(mse_tree_remove(w->dir));
    (void)close(w->dir_lock);
    free(w->dir);
    free(w->code);
    free(w->home);
    free(w);
    return 0;
}

/* Runs in the sandbox or skips the test. */
static const char *inside(void **state, const char *script)
{
    struct world *w = *state;
    if (!w->available || !run(w, false, script)) {
        skip();
    }
    return w->out;
}

static void test_environment_is_exactly_what_is_given(void **state)
{
    assert_int_equal(setenv("HOST_SECRET", "leak", 1), 0);
    assert_string_equal(inside(state, "/usr/bin/tr '\\0' '\\n' < /proc/$$/environ"),
                        "HOME=/mse/home\nGREETING=hello app\n");
}

static void test_no_network_but_loopback(void **state)
{
    assert_string_equal(inside(state, "cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '"),
                        "lo\n");
    assert_string_equal(inside(state, "wc -l < /proc/net/route"), "1\n");
}

static void test_user_is_another_one(void **state)
{
    const struct world *w = *state;
    assert_string_equal(inside(state, "id -u; id -g; id -G"), "64000\n64000\n64000\n");
    if (w->uid == MSE_SPAWN_SAME_USER) {
        return;
    }
    assert_string_equal(inside(state, "echo x > /mse/home/mine"), "");
    char path[256];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/mine", w->home);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, w->uid);
}

static void test_no_privileges(void **state)
{
    assert_string_equal(
        inside(state, "grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs)' /proc/self/status"
                      " | awk '{print $2}' | sort -u"),
        "0000000000000000\n1\n");
    assert_non_null(strstr(inside(state, "unshare -U true 2>&1"), "unshare failed"));
    assert_non_null(strstr(inside(state, "mount -t tmpfs none /mnt 2>&1; echo $?"), "32"));
    assert_string_equal(inside(state, "ulimit -c"), "0\n");
}

static void test_code_is_read_only(void **state)
{
    assert_string_equal(inside(state, "cat app.py; (echo x >> app.py) 2>/dev/null || echo refused;"
                                      "(: > new) 2>/dev/null || echo refused;"
                                      "mv app.py other 2>/dev/null || echo refused;"
                                      "mount -o remount,rw /mse/code 2>/dev/null || echo refused"),
                        "code\nrefused\nrefused\nrefused\nrefused\n");
    assert_string_equal(inside(state, "(: > /usr/x) 2>/dev/null || echo refused;"
                                      "(: > /x) 2>/dev/null || echo refused"),
                        "refused\nrefused\n");
}

static void test_home_and_tmp_are_writable(void **state)
{
    assert_string_equal(inside(state,
                               "echo a > /mse/home/f && echo b > /tmp/f && cat /mse/home/f /tmp/f"
                               " && df --output=fstype /tmp /mse/home | sort -u"),
                        "a\nb\nType\ntmpfs\n");
}

static void test_nothing_else_of_the_host(void **state)
{
    struct world *w = *state;
    char script[1024];
    char *other = test_tmpdir();
    (void)snprintf(script, sizeof script,
                   "ls %s %s 2>/dev/null; ls /root /home /var /sys /run /etc/passwd /etc/hostname "
                   "2>/dev/null; hostname 2>/dev/null || uname -n",
                   other, w->dir);
    const char *said = inside(state, script);
    assert_string_equal(said, "app\n");
    test_tmpdir_remove(other);
}

static void test_runtime_is_out_of_sight(void **state)
{
    char script[1024];
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    /* Only the reaper, the shell and what it starts. */
    const char *said = inside(state, "ls -d /proc/[0-9]* | wc -l");
    assert_true(strtol(said, NULL, 10) <= 5);
    (void)snprintf(script, sizeof script,
                   "kill -0 %d 2>/dev/null && echo seen; cat /proc/%d/mem 2>/dev/null && echo read;"
                   "cat /proc/*/environ /proc/*/cmdline 2>/dev/null | grep -a 'test_sandb[o]x'",
                   (int)getpid(), (int)getpid());
    assert_string_equal(inside(state, script), "");
    assert_true(strlen(secret) > 0);
}

/* Without namespaces the user id alone protects the runtime. */
static void test_memory_is_unreadable_without_a_sandbox(void **state)
{
    struct world *w = *state;
    char script[1024];
    if (geteuid() == 0 && w->uid == MSE_SPAWN_SAME_USER) {
        skip(); /* root of a user namespace without other user ids */
    }
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)snprintf(script, sizeof script,
                   "for f in mem maps environ fd/0; do (cat /proc/%d/$f >/dev/null) 2>/dev/null && "
                   "echo read $f; done; true",
                   (int)getpid());
    assert_true(run(w, true, script));
    assert_string_equal(w->out, "");
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void test_descriptors_are_closed(void **state)
{
    int leak = open("/etc/hostname", O_RDONLY); /* without close-on-exec */
    const char *said =
        inside(state, "for n in $(seq 0 99); do [ ! -e /proc/$$/fd/$n ] || echo $n; done");
    assert_string_equal(said, "0\n1\n2\n");
    if (leak >= 0) {
        (void)close(leak);
    }
}

static void test_terminate_reaches_the_app(void **state)
{
    struct world *w = *state;
    if (!w->available) {
        skip();
    }
    for (int insecure = 0; insecure < 2; insecure++) {
        const struct mse_sandbox_bind binds[] = { { w->code, "/mse/code", false } };
        const char *argv[] = {
            "/bin/sh", "-c",
            "trap 'echo stopped; exit 7' TERM; echo ready; while :; do sleep 0.05; done", NULL
        };
        const char *envp[] = { NULL };
        int fds[2];
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        struct mse_sandbox s = { .argv = argv,
                                 .envp = envp,
                                 .binds = binds,
                                 .num_binds = 1,
                                 .cwd = "/",
                                 .uid = w->uid,
                                 .stdout_fd = fds[1],
                                 .stderr_fd = fds[1],
                                 .insecure_no_sandbox = insecure != 0 };
        struct mse_sandbox_app app;
        assert_status(mse_sandbox_start(&app, &s, NULL), MSE_OK);
        (void)close(fds[1]);
        char text[64] = { 0 };
        assert_int_equal(read(fds[0], text, 6), 6);
        mse_sandbox_terminate(&app);
        int status = 0;
        assert_int_equal(waitpid(app.pid, &status, 0), app.pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 7);
        mse_sandbox_finish(&app);
        (void)close(fds[0]);
    }
}

/* Starts a shell of this script, which prints "ready" and its line break first; what it prints
 * behind that comes out of the pipe that is returned. */
static int start_ready(struct mse_sandbox_app *app, const struct world *w, const char *script)
{
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    const char *envp[] = { NULL };
    char text[6];
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    struct mse_sandbox s = { .argv = argv,
                             .envp = envp,
                             .cwd = "/",
                             .uid = w->uid,
                             .stdout_fd = fds[1],
                             .stderr_fd = fds[1] };
    assert_status(mse_sandbox_start(app, &s, NULL), MSE_OK);
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], text, sizeof text), sizeof text);
    return fds[0];
}

static void test_kill_ends_every_process(void **state)
{
    struct world *w = *state;
    struct mse_sandbox_app app;
    char byte;
    if (!w->available) {
        skip();
    }
    int fd = start_ready(&app, w, "trap '' TERM; (setsid sleep 1000 &) ; echo ready; sleep 1000");
    mse_sandbox_kill(&app);
    assert_int_equal(waitpid(app.pid, NULL, 0), app.pid);
    mse_sandbox_finish(&app);
    /* The pipe ends only when the last process that holds it is gone. */
    assert_int_equal(read(fd, &byte, 1), 0);
    (void)close(fd);
}

/* What the app leaves behind must not change folders that root is about to remove. */
static void test_nothing_outlives_the_app(void **state)
{
    struct world *w = *state;
    if (!w->available) {
        skip();
    }
    for (int i = 0; i < 20; i++) {
        struct mse_sandbox_app app;
        char byte;
        int fd = start_ready(&app, w, "trap '' TERM HUP; (setsid sleep 1000 &) ; echo ready");
        assert_int_equal(waitpid(app.pid, NULL, 0), app.pid);
        mse_sandbox_finish(&app);
        assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        assert_int_equal(read(fd, &byte, 1), 0); /* not EAGAIN */
        (void)close(fd);
    }
}

/* Killed at any moment of the start, the runtime takes with it all that it had started: neither the
 * app begins without it, nor does a half-made sandbox stay. The end of the pipe tells. */
static void test_nothing_outlives_the_runtime(void **state)
{
    struct world *w = *state;
    if (!w->available) {
        skip();
    }
    const char *argv[] = { "/bin/sh", "-c", "sleep 60", NULL };
    const char *envp[] = { NULL };
    for (long i = 0; i < KILL_ROUNDS; i++) {
        const struct timespec delay = { 0, i * 1000000L };
        int fds[2];
        char c = 0;
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid_t runtime = fork();
        assert_true(runtime >= 0);
        if (runtime == 0) {
            const struct mse_sandbox s = { .argv = argv,
                                           .envp = envp,
                                           .cwd = "/",
                                           .uid = w->uid,
                                           .stdout_fd = fds[1],
                                           .stderr_fd = fds[1] };
            struct mse_sandbox_app app;
            if (mse_sandbox_start(&app, &s, NULL) == MSE_OK) {
                (void)pause();
            }
            _exit(1);
        }
        (void)close(fds[1]);
        (void)nanosleep(&delay, NULL);
        assert_int_equal(kill(runtime, SIGKILL), 0);
        assert_int_equal(waitpid(runtime, NULL, 0), runtime);
        struct pollfd p = { fds[0], POLLIN, 0 };
        assert_int_equal(poll(&p, 1, GONE_MS), 1);
        assert_int_equal(read(fds[0], &c, 1), 0);
        (void)close(fds[0]);
    }
}

static void test_devices_are_not_a_store(void **state)
{
    assert_string_equal(inside(state, "(: > /dev/x) 2>/dev/null || echo refused;"
                                      "echo a > /dev/shm/x && cat /dev/shm/x;"
                                      "df -k --output=size /dev/shm /tmp | sort -u;"
                                      "echo b > /dev/null"),
                        "refused\na\n   524288\n1K-blocks\n");
}

static void test_processes_are_limited(void **state)
{
    const struct world *w = *state;
    const char *said = inside(state, "awk '/^Max processes/ { print $4 }' /proc/self/limits");
    assert_true(w->uid == MSE_SPAWN_SAME_USER || strtol(said, NULL, 10) <= 16384);
}

/* Refused as if the kernel had never heard of them; 425 is io_uring_setup everywhere. */
static void test_dangerous_calls_are_refused(void **state)
{
    assert_string_equal(inside(state, "awk '/^Seccomp:/ { print $2 }' /proc/self/status"), "2\n");
    struct world *w = *state;
    if (access("/usr/bin/python3", X_OK) != 0) {
        skip();
    }
    assert_true(run(w, false,
                    "/usr/bin/python3 -c 'import ctypes, os; c = ctypes.CDLL(None, use_errno=True);"
                    "print(c.syscall(425, 1, None), ctypes.get_errno());"
                    "print(c.syscall(39) == os.getpid() or c.syscall(172) == os.getpid())'"));
    assert_string_equal(w->out, "-1 38\nTrue\n");
}

/* A session key of who starts us, as a login may hold for encrypted folders or tickets. */
static void test_keys_of_the_session_are_not_passed_on(void **state)
{
    long id = syscall(SYS_add_key, "user", "mse-test-of-session", "secret", (size_t)6, -3);
    if (id < 0) {
        skip();
    }
    char script[256];
    (void)snprintf(script, sizeof script,
                   "grep -c mse-test-of-session /proc/keys; grep -c '^%08lx ' /proc/keys; true",
                   id);
    const char *said = inside(state, script);
    assert_string_equal(said, "0\n0\n");
    (void)syscall(SYS_keyctl, 9L /* KEYCTL_UNLINK */, id, -3L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment_is_exactly_what_is_given),
        cmocka_unit_test(test_no_network_but_loopback),
        cmocka_unit_test(test_user_is_another_one),
        cmocka_unit_test(test_no_privileges),
        cmocka_unit_test(test_code_is_read_only),
        cmocka_unit_test(test_home_and_tmp_are_writable),
        cmocka_unit_test(test_nothing_else_of_the_host),
        cmocka_unit_test(test_runtime_is_out_of_sight),
        cmocka_unit_test(test_memory_is_unreadable_without_a_sandbox),
        cmocka_unit_test(test_descriptors_are_closed),
        cmocka_unit_test(test_terminate_reaches_the_app),
        cmocka_unit_test(test_kill_ends_every_process),
        cmocka_unit_test(test_nothing_outlives_the_app),
        cmocka_unit_test(test_nothing_outlives_the_runtime),
        cmocka_unit_test(test_devices_are_not_a_store),
        cmocka_unit_test(test_processes_are_limited),
        cmocka_unit_test(test_dangerous_calls_are_refused),
        cmocka_unit_test(test_keys_of_the_session_are_not_passed_on),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
