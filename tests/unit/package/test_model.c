/* SPDX-License-Identifier: Apache-2.0 */
/* Code of the size of a model: one file of $MSE_TEST_MODEL_GIB GiB (1 unless it says otherwise),
 * and 100,000 small files. Its digest, packing and unpacking, each in a process of its own, take at
 * most 16 MiB more than a process that does nothing. The package goes through a pipe: what is
 * stored is the unpacked tree only. Rates are the business of bench/. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "package/code.h"

#define GIB        ((uint64_t)1 << 30)
#define STEP       ((uint64_t)64 << 20) /* a few bytes stand at each: the rest are holes */
#define MAX_GROWTH (16L * 1024)         /* KiB */
#define NUM_SMALL  100000U

static const uint8_t salt[32] = { 1 };
static const uint8_t key[32] = { 2 };
static const uint8_t manifest[32] = { 3 };

/* What the processes tell one another. */
struct shared {
    uint8_t digest[32];
    struct mse_unpacked unpacked;
};

struct job {
    struct shared *shared;
    char *code;
    char *dest;
    uint64_t total;
    int pipe[2];
};

typedef bool work(struct job *j);

static char *at(const char *dir, const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static bool idle(struct job *j)
{
    return j->shared != NULL;
}

static bool digest(struct job *j)
{
    return mse_code_digest(j->shared->digest, j->code, salt, true, NULL) == MSE_OK;
}

static bool pack(struct job *j)
{
    const struct mse_package p = { .manifest_digest = manifest, .key = key };
    return close(j->pipe[0]) == 0 &&
           mse_package_write(j->pipe[1], j->code, salt, &p, NULL) == MSE_OK;
}

static bool unpack(struct job *j)
{
    const struct mse_package p = { .manifest_digest = manifest, .key = key, .max_total = j->total };
    return close(j->pipe[1]) == 0 &&
           mse_package_unpack(&j->shared->unpacked, j->pipe[0], j->dest, &p, NULL) == MSE_OK;
}

static pid_t begin(struct job *j, work *w)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(w(j) ? 0 : 1);
    }
    return pid;
}

/* The peak of its memory, KiB. */
static long end(pid_t pid)
{
    int status = 0;
    struct rusage u;
    assert_int_equal(wait4(pid, &status, 0, &u), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return u.ru_maxrss;
}

static void run(struct job *j)
{
    long limit = end(begin(j, idle)) + MAX_GROWTH;
    assert_in_range(end(begin(j, digest)), 1, limit);
    assert_int_equal(pipe2(j->pipe, O_CLOEXEC), 0);
    pid_t packs = begin(j, pack);
    pid_t unpacks = begin(j, unpack);
    assert_int_equal(close(j->pipe[0]) + close(j->pipe[1]), 0);
    assert_in_range(end(packs), 1, limit);
    assert_in_range(end(unpacks), 1, limit);
    assert_bytes(mse_bytes_of(j->shared->unpacked.code_digest, 32),
                 mse_bytes_of(j->shared->digest, 32));
    assert_memory_equal(j->shared->unpacked.code_salt, salt, 32);
}

static bool has_room(const char *dir, uint64_t len)
{
    struct statvfs fs;
    return statvfs(dir, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize >= len + GIB;
}

/* In memory, unless it is a lot. */
static void job_init(struct job *j)
{
    const char *was = getenv("TMPDIR");
    if (j->total <= GIB && has_room("/dev/shm", j->total)) {
        was = "/dev/shm";
    }
    assert_int_equal(setenv("TMPDIR", was == NULL ? "/tmp" : was, 1), 0);
    j->code = test_tmpdir();
    j->dest = test_tmpdir();
    j->shared =
        mmap(NULL, sizeof *j->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(j->shared != MAP_FAILED);
}

static void job_clear(struct job *j)
{
    assert_int_equal(munmap(j->shared, sizeof *j->shared), 0);
    test_tmpdir_remove(j->code);
    test_tmpdir_remove(j->dest);
}

static uint64_t model_size(void)
{
    const char *text = getenv("MSE_TEST_MODEL_GIB");
    uint64_t gib = 1;
    assert_true(text == NULL || mse_u64_parse(&gib, mse_bytes_str(text), 1000));
    return gib * GIB;
}

static void test_one_file(void **state)
{
    (void)state;
    struct job j = { .total = model_size() };
    struct stat st;
    job_init(&j);
    if (!has_room(j.dest, j.total)) {
        print_message("%s has too little room for %llu bytes\n", j.dest,
                      (unsigned long long)j.total);
        job_clear(&j);
        skip();
    }
    int fd = open(at(j.code, "model"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)j.total), 0);
    for (uint64_t off = 0; off < j.total; off += STEP) {
        assert_int_equal(pwrite(fd, &off, sizeof off, (off_t)(off + off / STEP)), sizeof off);
    }
    assert_int_equal(close(fd), 0);
    run(&j);
    assert_int_equal(stat(at(j.dest, "model"), &st), 0);
    assert_true((uint64_t)st.st_size == j.total);
    job_clear(&j);
}

static void test_many_files(void **state)
{
    (void)state;
    struct job j = { .total = NUM_SMALL };
    char name[64];
    job_init(&j);
    for (unsigned i = 0; i < NUM_SMALL; i++) {
        if (i % 1000 == 0) {
            (void)snprintf(name, sizeof name, "package-%u", i / 1000);
            assert_int_equal(mkdir(at(j.code, name), 0700), 0);
        }
        (void)snprintf(name, sizeof name, "package-%u/module_%u.py", i / 1000, i);
        int fd = open(at(j.code, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "\n", 1), 1);
        assert_int_equal(close(fd), 0);
    }
    run(&j);
    job_clear(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_file),
        cmocka_unit_test(test_many_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
