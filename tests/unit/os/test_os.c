/* SPDX-License-Identifier: Apache-2.0 */
/* Private folders, user ids, spawning. What the sandbox does is shown in tests/sandbox. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/magic.h>

#include "lib/testlib.h"
#include "os/private_dir.h"
#include "os/proc.h"
#include "os/sandbox.h"
#include "os/spawn.h"

static void test_private_dir(void **state)
{
    (void)state;
    char *dir = NULL;
    char *sub = NULL;
    int lock = -1;
    struct stat st;
    assert_status(mse_private_dir_make(&dir, &lock, MSE_PRIVATE_DIR_PARENT, NULL), MSE_OK);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
    assert_status(mse_private_subdir(&sub, dir, "a", geteuid(), 0750, NULL), MSE_OK);
    assert_int_equal(stat(sub, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    char *again = NULL;
    assert_status(mse_private_subdir(&again, dir, "a", geteuid(), 0750, NULL), MSE_ERR_IO);
    char path[300];
    (void)snprintf(path, sizeof path, "%s/link", sub);
    assert_int_equal(symlink("/etc", path), 0);
    assert_true(mse_tree_remove(dir));
    assert_int_equal(access("/etc/passwd", F_OK), 0);
    assert_true(mse_tree_remove(dir)); /* gone already */
    (void)close(lock);
    free(sub);
    free(dir);
}

/* What an app may leave behind so that it cannot be removed. */
static void test_hostile_tree_is_removed(void **state)
{
    (void)state;
    char *dir = NULL;
    int lock = -1;
    assert_status(mse_private_dir_make(&dir, &lock, MSE_PRIVATE_DIR_PARENT, NULL), MSE_OK);
    int top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(top >= 0);
    /* Deeper than any path can say. */
    int at = dup(top);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(at, "deeper", 0700), 0);
        int next = openat(at, "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void)close(at);
        at = next;
    }
    assert_int_equal(mknodat(at, "file", S_IFREG | 0600, 0), 0);
    (void)close(at);
    /* Names that moving up would want, a locked folder, a link to a folder. */
    assert_int_equal(mkdirat(top, "0", 0700), 0);
    assert_int_equal(mkdirat(top, "1", 0700), 0);
    assert_int_equal(mkdirat(top, "0/locked", 0700), 0);
    assert_int_equal(mkdirat(top, "0/locked/in", 0700), 0);
    assert_int_equal(fchmodat(top, "0/locked/in", 0, 0), 0);
    assert_int_equal(fchmodat(top, "0/locked", 0, 0), 0);
    char *other = test_tmpdir();
    char kept[200];
    (void)snprintf(kept, sizeof kept, "%s/kept", other);
    assert_int_equal(mkdir(kept, 0755), 0);
    assert_int_equal(symlinkat(other, top, "1/link"), 0);
    assert_int_equal(symlinkat("loop", top, "loop"), 0);
    (void)close(top);
    assert_true(mse_tree_remove(dir));
    struct stat st;
    assert_int_equal(stat(kept, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    test_tmpdir_remove(other);
    (void)close(lock);
    free(dir);
}

static void test_private_dir_wants_memory(void **state)
{
    (void)state;
    char *dir = NULL;
    int lock = -1;
    struct statfs fs;
    assert_status(mse_private_dir_make(&dir, &lock, "/nowhere", NULL), MSE_ERR_IO);
    if (statfs("/proc", &fs) != 0 || fs.f_type == TMPFS_MAGIC) {
        skip();
    }
    assert_status(mse_private_dir_make(&dir, &lock, "/proc", NULL), MSE_ERR_UNSUPPORTED);
    assert_null(dir);
}

static void test_uids_differ(void **state)
{
    (void)state;
    uid_t a = 0;
    uid_t b = 0;
    int lock_a = -1;
    int lock_b = -1;
    assert_status(mse_reserve_uid(&a, &lock_a, 64800, 64810, NULL), MSE_OK);
    assert_status(mse_reserve_uid(&b, &lock_b, 64800, 64810, NULL), MSE_OK);
    assert_int_not_equal(a, b);
    uid_t c = 0;
    int lock_c = -1;
    assert_status(mse_reserve_uid(&c, &lock_c, a, a, NULL), MSE_ERR_IO);
    (void)close(lock_a);
    assert_status(mse_reserve_uid(&c, &lock_c, a, a, NULL), MSE_OK);
    (void)close(lock_b);
    (void)close(lock_c);
}

static void test_own_uids(void **state)
{
    (void)state;
    assert_true(geteuid() == 0 || !mse_owns_uids(64000, 64999));
    assert_true(geteuid() != 0 || mse_owns_uids(0, 0));
}

static mse_status spawn(const char *program, const char *cwd, int *exit_status)
{
    const char *argv[] = { program, "-c", "exit 5", NULL };
    const char *envp[] = { NULL };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct mse_spawn s = { .argv = argv,
                                 .envp = envp,
                                 .cwd = cwd,
                                 .stdin_fd = null,
                                 .stdout_fd = null,
                                 .stderr_fd = null,
                                 .uid = MSE_SPAWN_SAME_USER,
                                 .no_new_privs = true };
    pid_t pid = 0;
    int status = 0;
    mse_status st = mse_spawn(&pid, &s, NULL);
    if (st == MSE_OK) {
        assert_int_equal(waitpid(pid, &status, 0), pid);
        *exit_status = WEXITSTATUS(status);
    }
    (void)close(null);
    return st;
}

static void test_spawn(void **state)
{
    (void)state;
    int status = 0;
    assert_status(spawn("/bin/sh", "/", &status), MSE_OK);
    assert_int_equal(status, 5);
    assert_status(spawn("/nowhere/sh", "/", &status), MSE_ERR_NOT_FOUND);
    assert_status(spawn("/etc/passwd", "/", &status), MSE_ERR_IO);
    assert_status(spawn("/bin/sh", "/nowhere", &status), MSE_ERR_NOT_FOUND);
}

/* An app must not outlive its runtime. The pipe's end tells of its own. */
static void test_child_dies_with_its_parent(void **state)
{
    (void)state;
    const char *argv[] = { "/bin/sleep", "1000", NULL };
    const char *envp[] = { NULL };
    int fds[2];
    char c = 0;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        const struct mse_spawn s = { .argv = argv,
                                     .envp = envp,
                                     .cwd = "/",
                                     .stdin_fd = -1,
                                     .stdout_fd = fds[1],
                                     .stderr_fd = fds[1],
                                     .uid = MSE_SPAWN_SAME_USER };
        pid_t pid = 0;
        if (mse_spawn(&pid, &s, NULL) == MSE_OK && write(fds[1], "x", 1) == 1) {
            (void)pause();
        }
        _exit(1);
    }
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &c, 1), 1);
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    assert_int_equal(read(fds[0], &c, 1), 0);
    (void)close(fds[0]);
}

static void test_closed_standard_descriptors(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(0);
        (void)close(2);
        bool ok = mse_std_fds() && fcntl(0, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0;
        int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
        _exit(ok && next > 2 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static mse_status start(const char *command)
{
    const char *argv[] = { command, NULL };
    const char *envp[] = { NULL };
    const struct mse_sandbox s = { .argv = argv,
                                   .envp = envp,
                                   .cwd = "/",
                                   .uid = MSE_SPAWN_SAME_USER,
                                   .stdout_fd = STDERR_FILENO,
                                   .stderr_fd = STDERR_FILENO,
                                   .insecure_no_sandbox = true };
    struct mse_sandbox_app app = { .init_fd = -1 };
    mse_status st = mse_sandbox_start(&app, &s, NULL);
    if (st == MSE_OK) {
        mse_sandbox_kill(&app);
        assert_int_equal(waitpid(app.pid, NULL, 0), app.pid);
        mse_sandbox_finish(&app);
    }
    return st;
}

static void test_commands_that_env_would_misread(void **state)
{
    (void)state;
    assert_status(start("A=b"), MSE_ERR_UNSUPPORTED);
    assert_status(start("-u"), MSE_ERR_UNSUPPORTED);
    assert_status(start(NULL), MSE_ERR_UNSUPPORTED);
    assert_status(start("sleep"), MSE_OK);
}

/* A name with brackets and spaces in it, a text that does not fit, a process that is gone. */
static void test_what_proc_says(void **state)
{
    (void)state;
    char text[5] = "xxxx";
    long parent = -1;
    assert_int_equal(prctl(PR_SET_NAME, "a) Z 1 (b"), 0);
    assert_int_equal(mse_proc_state("/proc/thread-self/stat", &parent), 'R');
    assert_int_equal(parent, getppid());
    assert_int_equal(mse_proc_read(text, sizeof text, "/proc/self/status"), 4);
    assert_string_equal(text, "Name");
    assert_int_equal(mse_proc_read(text, sizeof text, "/proc/0/stat"), 0);
    assert_string_equal(text, "");
    assert_int_equal(mse_proc_state("/proc/0/stat", &parent), '\0');
    assert_int_equal(parent, getppid());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private_dir),
        cmocka_unit_test(test_private_dir_wants_memory),
        cmocka_unit_test(test_uids_differ),
        cmocka_unit_test(test_own_uids),
        cmocka_unit_test(test_hostile_tree_is_removed),
        cmocka_unit_test(test_child_dies_with_its_parent),
        cmocka_unit_test(test_closed_standard_descriptors),
        cmocka_unit_test(test_spawn),
        cmocka_unit_test(test_commands_that_env_would_misread),
        cmocka_unit_test(test_what_proc_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
