/* SPDX-License-Identifier: Apache-2.0 */
#define FUSE_USE_VERSION 31
#include "lib/fuse_mount.h"

#include "lib/testlib.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct fuse_mount {
    char *dir;
    struct fuse *fuse;
    pthread_t thread;
};

/* Two requests that libfuse 3.14 does not free when its loop ends: no leak of ours.
 * NOLINTBEGIN(bugprone-reserved-identifier): the sanitizer's name */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfuse3\n";
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* It ends the waiting for a request, of which none may come. An unmounting does not: other
 * processes may have the mount in views of their own. */
static void on_wake_up(int number)
{
    (void)number;
}

static void *serve(void *arg)
{
    struct fuse_mount *m = arg;
    (void)fuse_loop(m->fuse);
    return NULL;
}

struct fuse_mount *fuse_mount_start(const struct fuse_operations *operations, void *private_data)
{
    const struct sigaction wake_up = { .sa_handler = on_wake_up };
    char *argv[] = { (char[]) { "tests" }, NULL };
    struct fuse_args args = FUSE_ARGS_INIT(1, argv);
    struct fuse_mount *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->dir = test_tmpdir();
    m->fuse = fuse_new(&args, operations, sizeof *operations, private_data);
    fuse_opt_free_args(&args);
    if (m->fuse == NULL || fuse_mount(m->fuse, m->dir) != 0) {
        if (m->fuse != NULL) {
            fuse_destroy(m->fuse);
        }
        test_tmpdir_remove(m->dir);
        free(m);
        return NULL;
    }
    assert_int_equal(sigaction(SIGUSR1, &wake_up, NULL), 0);
    assert_int_equal(pthread_create(&m->thread, NULL, serve, m), 0);
    return m;
}

const char *fuse_mount_dir(const struct fuse_mount *m)
{
    return m->dir;
}

int fuse_mount_open(const struct fuse_mount *m)
{
    int fd = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

void fuse_mount_stop(struct fuse_mount *m)
{
    static const struct timespec pause = { 0, 5000000 };
    fuse_exit(m->fuse);
    while (pthread_tryjoin_np(m->thread, NULL) != 0) {
        (void)pthread_kill(m->thread, SIGUSR1);
        (void)nanosleep(&pause, NULL);
    }
    fuse_unmount(m->fuse);
    fuse_destroy(m->fuse);
    test_tmpdir_remove(m->dir);
    free(m);
}

int fuse_mount_read_part(struct mse_bytes all, char *buf, size_t size, off_t at)
{
    if (at < 0 || (size_t)at >= all.len) {
        return 0;
    }
    size_t len = all.len - (size_t)at < size ? all.len - (size_t)at : size;
    memcpy(buf, all.data + at, len);
    return (int)len;
}
