/* SPDX-License-Identifier: Apache-2.0 */
/* Private folders, user ids, spawning. What the sandbox does is shown in tests/sandbox. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/magic.h>

#include "lib/testlib.h"
#include "os/private_dir.h"
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
                                 .extra_fd = -1,
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
    struct mse_sandbox_app app = { 0, 0, false };
    mse_status st = mse_sandbox_start(&app, &s, NULL);
    if (st == MSE_OK) {
        mse_sandbox_kill(&app);
        assert_int_equal(waitpid(app.pid, NULL, 0), app.pid);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private_dir), cmocka_unit_test(test_private_dir_wants_memory),
        cmocka_unit_test(test_uids_differ), cmocka_unit_test(test_own_uids),
        cmocka_unit_test(test_spawn),       cmocka_unit_test(test_commands_that_env_would_misread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
