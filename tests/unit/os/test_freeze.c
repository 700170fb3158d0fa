/* SPDX-License-Identifier: Apache-2.0 */
/* Making processes stand still, and file systems of one's own. */
#include "os/freeze.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/testlib.h"
#include "os/memory.h"

#define NUM 6

/* Counters in shared memory, raised by processes without end. */
static volatile unsigned long *counters;

_Noreturn static void count_forever(size_t i)
{
    for (;;) {
        counters[i]++;
    }
}

static void *count_in_thread(void *arg)
{
    (void)arg;
    count_forever(1);
}

/* A process with a second thread, a child, a grandchild, and one that starts others all the time.
 */
_Noreturn static void app(void)
{
    pthread_t t;
    if (fork() == 0) {
        if (fork() == 0) {
            count_forever(3);
        }
        count_forever(2);
    }
    if (fork() == 0) {
        (void)signal(SIGCHLD, SIG_IGN);
        for (;;) {
            counters[4]++;
            if (fork() == 0) {
                counters[5]++;
                _exit(0);
            }
        }
    }
    if (pthread_create(&t, NULL, count_in_thread, NULL) != 0) {
        _exit(1);
    }
    count_forever(0);
}

static pid_t start_app(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)setpgid(0, 0);
        app();
    }
    (void)setpgid(pid, pid);
    for (size_t i = 0; i < NUM; i++) {
        while (counters[i] == 0) {
            (void)poll(NULL, 0, 1);
        }
    }
    return pid;
}

static void stop_app(pid_t pid)
{
    (void)kill(-pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void read_counters(unsigned long out[NUM])
{
    for (size_t i = 0; i < NUM; i++) {
        out[i] = counters[i];
    }
}

static void test_all_stand_still(void **state)
{
    (void)state;
    pid_t pid = start_app();
    const struct mse_sandbox_app a = { .pid = pid, .init_fd = -1 };
    for (int turn = 0; turn < 5; turn++) {
        struct mse_freeze *f = NULL;
        unsigned long before[NUM];
        unsigned long after[NUM];
        assert_status(mse_freeze_app(&f, &a, 60000, NULL), MSE_OK);
        read_counters(before);
        (void)poll(NULL, 0, 20);
        read_counters(after);
        assert_memory_equal(before, after, sizeof before);
        mse_freeze_end(f);
        for (size_t i = 0; i < NUM; i++) {
            while (counters[i] == before[i]) {
                (void)poll(NULL, 0, 1);
            }
        }
    }
    stop_app(pid);
}

/* What the app had stopped itself stays so. */
static void test_stopped_stays(void **state)
{
    (void)state;
    struct mse_freeze *f = NULL;
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        (void)raise(SIGSTOP);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    const struct mse_sandbox_app a = { .pid = pid, .init_fd = -1 };
    assert_status(mse_freeze_app(&f, &a, 60000, NULL), MSE_OK);
    mse_freeze_end(f);
    assert_int_equal(waitpid(pid, &status, WNOHANG | WCONTINUED), 0);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void test_gone(void **state)
{
    (void)state;
    struct mse_freeze *f = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    const struct mse_sandbox_app a = { .pid = pid, .init_fd = -1 };
    while (waitpid(pid, NULL, 0) != pid) {
    }
    assert_status(mse_freeze_app(&f, &a, 1000, NULL), MSE_OK);
    mse_freeze_end(f);
    mse_freeze_end(NULL);
}

static void test_mapped(void **state)
{
    (void)state;
    struct mse_freeze *f = NULL;
    struct stat mapped;
    struct stat not_mapped;
    char *dir = test_tmpdir();
    char path[2][300];
    int fds[2];
    int ready[2];
    char byte = 0;
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path[i], sizeof path[i], "%s/%zu", dir, i);
        fds[i] = open(path[i], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(ftruncate(fds[i], 4096), 0);
    }
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        void *w = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
        void *r = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fds[1], 0);
        ssize_t n = write(ready[1], w == MAP_FAILED || r == MAP_FAILED ? "n" : "y", 1);
        (void)n;
        for (;;) {
            (void)pause();
        }
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    const struct mse_sandbox_app a = { .pid = pid, .init_fd = -1 };
    assert_status(mse_freeze_app(&f, &a, 60000, NULL), MSE_OK);
    assert_int_equal(fstat(fds[0], &mapped), 0);
    assert_int_equal(fstat(fds[1], &not_mapped), 0);
    assert_true(mse_freeze_is_mapped(f, (uint64_t)mapped.st_ino));
    assert_false(mse_freeze_is_mapped(f, (uint64_t)not_mapped.st_ino));
    mse_freeze_end(f);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    for (size_t i = 0; i < 2; i++) {
        (void)close(fds[i]);
        (void)close(ready[i]);
    }
    test_tmpdir_remove(dir);
}

/* In a process of its own: what it mounts nobody else sees. */
static int try_memory(const char *dir)
{
    char path[300];
    static char block[65536];
    if (!mse_memory_enter()) {
        return 77; /* forbidden here */
    }
    if (mse_memory_mount(dir, 1 << 20, 16, NULL) != MSE_OK) {
        return 1;
    }
    (void)snprintf(path, sizeof path, "%s/file", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    size_t written = 0;
    ssize_t n = 0;
    while (written < ((size_t)4 << 20) && (n = write(fd, block, sizeof block)) > 0) {
        written += (size_t)n;
    }
    (void)close(fd);
    if (written != (size_t)1 << 20) {
        return 2;
    }
    unsigned files = 0;
    for (; files < 64; files++) {
        (void)snprintf(path, sizeof path, "%s/%u", dir, files);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            break;
        }
        (void)close(fd);
    }
    if (files >= 16) {
        return 3;
    }
    (void)snprintf(path, sizeof path, "%s/file", dir);
    mse_memory_unmount(dir);
    return access(path, F_OK) == 0 ? 4 : 0;
}

static void test_memory(void **state)
{
    (void)state;
    char path[300];
    int status = 0;
    char *dir = test_tmpdir();
    pid_t pid = fork();
    if (pid == 0) {
        _exit(try_memory(dir));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    (void)snprintf(path, sizeof path, "%s/file", dir);
    assert_int_equal(access(path, F_OK), -1);
    test_tmpdir_remove(dir);
    if (WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_stand_still),
        cmocka_unit_test(test_stopped_stays),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_memory),
    };
    counters = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return counters == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
