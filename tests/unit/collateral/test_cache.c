/* SPDX-License-Identifier: Apache-2.0 */
/* The cache: what is kept comes back, what is damaged counts as absent, older sets are refused. */
#include "lib/testlib.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "collateral/store.h"

#define NOW ((mse_time)1767225600) /* 2026-01-01 */

struct fixture {
    char *dir;
    char path[300];
    struct mse_cache *cache;
    struct mse_cache_root root;
    struct mse_fetch_key key;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->dir = test_tmpdir();
    (void)snprintf(f->path, sizeof f->path, "%s/a/b", f->dir);
    assert_status(mse_cache_open(&f->cache, f->path, true, NULL), MSE_OK);
    memset(f->root.id, 7, sizeof f->root.id);
    f->key.kind = MSE_FETCH_TCB_INFO;
    f->key.tee = MSE_TEE_SGX;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    mse_cache_close(f->cache);
    test_tmpdir_remove(f->dir);
    free(f);
    return 0;
}

static void make(struct mse_fetched *o, const char *text, uint32_t number)
{
    mse_fetched_init(o);
    mse_wr_str(&o->body, text);
    mse_wr_str(&o->chain, "chain");
    o->from = NOW;
    o->until = NOW + 86400;
    o->evaluation_number = number;
}

static mse_status put(struct fixture *f, const char *text, uint32_t number)
{
    struct mse_fetched o;
    make(&o, text, number);
    mse_status st = mse_cache_put(f->cache, &f->root, &f->key, &o, NOW, NULL);
    mse_fetched_clear(&o);
    return st;
}

/* NULL: it must not be there. */
static void want(struct fixture *f, const char *text)
{
    struct mse_fetched o;
    mse_time at = 0;
    mse_fetched_init(&o);
    mse_status st = mse_cache_get(&o, &at, f->cache, &f->root, &f->key);
    assert_status(st, text == NULL ? MSE_ERR_NOT_FOUND : MSE_OK);
    if (text != NULL) {
        assert_bytes(mse_build_view(&o.body), mse_bytes_str(text));
        assert_bytes(mse_build_view(&o.chain), mse_bytes_str("chain"));
        assert_int_equal(at, NOW);
        assert_int_equal(o.until, NOW + 86400);
    }
    mse_fetched_clear(&o);
}

static size_t each_file(const struct fixture *f, const char *prefix, char out[600])
{
    DIR *d = opendir(f->path);
    const struct dirent *e = NULL;
    size_t num = 0;
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        if (strncmp(e->d_name, prefix, strlen(prefix)) == 0) {
            (void)snprintf(out, 600, "%s/%s", f->path, e->d_name);
            num++;
        }
    }
    (void)closedir(d);
    return num;
}

static void test_keeps(void **state)
{
    struct fixture *f = *state;
    struct stat sb;
    char file[600] = "";
    want(f, NULL);
    assert_status(put(f, "one", 20), MSE_OK);
    want(f, "one");
    assert_status(put(f, "two", 20), MSE_OK);
    want(f, "two");
    assert_int_equal(each_file(f, "tcb-info-", file), 1);
    assert_int_equal(stat(file, &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0600);
    assert_int_equal(stat(f->path, &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0700);
    /* Another object, another root. */
    f->key.fmspc[0]++;
    want(f, NULL);
    f->key.fmspc[0]--;
    f->root.id[0]++;
    want(f, NULL);
}

static void test_floor(void **state)
{
    struct fixture *f = *state;
    uint32_t n = 0;
    mse_time since = 0;
    assert_false(mse_cache_floor(&n, &since, f->cache, &f->root, MSE_TEE_SGX));
    assert_status(put(f, "twenty", 20), MSE_OK);
    assert_status(put(f, "nineteen", 19), MSE_ERR_TCB_EVALUATION_NUMBER);
    want(f, "twenty");
    assert_true(mse_cache_floor(&n, &since, f->cache, &f->root, MSE_TEE_SGX));
    assert_int_equal(n, 20);
    assert_int_equal(since, NOW);
    /* The other half of the set counts too; the other TEE and what was asked for by name do not. */
    f->key.kind = MSE_FETCH_QE_IDENTITY;
    assert_status(put(f, "identity", 21), MSE_OK);
    f->key.kind = MSE_FETCH_TCB_INFO;
    want(f, NULL);
    assert_status(put(f, "twenty", 20), MSE_ERR_TCB_EVALUATION_NUMBER);
    f->key.tee = MSE_TEE_TDX;
    assert_status(put(f, "tdx", 5), MSE_OK);
    f->key.tee = MSE_TEE_SGX;
    f->key.update = MSE_FETCH_NUMBERED;
    f->key.evaluation_number = 3;
    assert_status(put(f, "three", 3), MSE_OK);
    want(f, "three");
    f->key.update = MSE_FETCH_EARLY;
    assert_status(put(f, "early", 30), MSE_OK);
    assert_true(mse_cache_floor(&n, &since, f->cache, &f->root, MSE_TEE_SGX));
    assert_int_equal(n, 21);
}

/* Cut at each byte, each byte changed, one appended: absent, never another content. */
static void test_damage(void **state)
{
    struct fixture *f = *state;
    char file[600] = "";
    f->key.kind = MSE_FETCH_ROOT_CRL;
    assert_status(put(f, "content", 0), MSE_OK);
    assert_int_equal(each_file(f, "root-crl-", file), 1);
    struct mse_bytes whole = test_read_file(file);
    uint8_t *copy = malloc(whole.len + 1);
    assert_non_null(copy);
    for (size_t i = 0; i <= whole.len; i++) {
        memcpy(copy, whole.data, whole.len);
        copy[whole.len] = 0;
        if (i < whole.len) {
            test_write_file(file, mse_bytes_of(copy, i));
            want(f, NULL);
            copy[i] ^= 0x10;
        }
        test_write_file(file, mse_bytes_of(copy, i < whole.len ? whole.len : whole.len + 1));
        want(f, NULL);
    }
    assert_status(put(f, "again", 0), MSE_OK);
    want(f, "again");
    free(copy);
    free((void *)(uintptr_t)whole.data);
}

static void test_foreign_things(void **state)
{
    struct fixture *f = *state;
    struct mse_cache *c = NULL;
    char file[600] = "";
    char none[400];
    f->key.kind = MSE_FETCH_ROOT_CRL;
    assert_status(put(f, "content", 0), MSE_OK);
    assert_int_equal(each_file(f, "root-crl-", file), 1);
    /* A link or a folder in the place of a file is not followed. */
    assert_int_equal(unlink(file), 0);
    assert_int_equal(symlink("/etc/passwd", file), 0);
    want(f, NULL);
    assert_status(put(f, "content", 0), MSE_OK);
    want(f, "content");
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkdir(file, 0700), 0);
    want(f, NULL);
    assert_status(put(f, "content", 0), MSE_ERR_IO);
    /* A folder into which others may write. */
    assert_int_equal(chmod(f->path, 0777), 0);
    assert_status(mse_cache_open(&c, f->path, true, NULL), MSE_ERR_CONFIG);
    assert_int_equal(chmod(f->path, 0700), 0);
    (void)snprintf(none, sizeof none, "%s/none", f->path);
    assert_status(mse_cache_open(&c, none, false, NULL), MSE_ERR_NOT_FOUND);
    (void)snprintf(none, sizeof none, "%s/lock/none", f->path);
    assert_status(mse_cache_open(&c, none, true, NULL), MSE_ERR_IO);
    assert_null(c);
}

static void test_leftovers_go(void **state)
{
    struct fixture *f = *state;
    char file[600] = "";
    (void)snprintf(file, sizeof file, "%s/.new-0123456789abcdef", f->path);
    test_write_file(file, mse_bytes_str("half of someth"));
    assert_status(put(f, "one", 20), MSE_OK);
    assert_int_equal(each_file(f, ".new-", file), 0);
}

static void test_waiting_is_bounded(void **state)
{
    struct fixture *f = *state;
    char file[600] = "";
    (void)snprintf(file, sizeof file, "%s/lock", f->path);
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_status(put(f, "one", 20), MSE_ERR_TIMEOUT);
    assert_int_equal(close(fd), 0);
    assert_status(put(f, "one", 20), MSE_OK);
}

/* Writers that are killed in the middle of it, a reader after each. */
static void test_killed_writers(void **state)
{
    struct fixture *f = *state;
    size_t rounds = test_stride(1) > 1 ? 5 : 40;
    char text[40000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_status(put(f, text, 20), MSE_OK);
    for (size_t i = 0; i < rounds; i++) {
        int go[2];
        char byte = 0;
        assert_int_equal(pipe(go), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)!write(go[1], "x", 1);
            for (uint32_t n = 0;; n++) {
                (void)!put(f, text, 20 + n / 64);
            }
        }
        assert_int_equal(read(go[0], &byte, 1), 1);
        struct timespec t = { .tv_nsec = (long)(i * 137 % 5000) * 1000 };
        (void)nanosleep(&t, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        (void)close(go[0]);
        (void)close(go[1]);
        /* What is there is whole; or the floor was raised and what is below it does not count. */
        uint32_t floor = 0;
        mse_time since = 0;
        assert_true(mse_cache_floor(&floor, &since, f->cache, &f->root, MSE_TEE_SGX));
        assert_status(put(f, text, floor), MSE_OK);
        want(f, text);
    }
}

static void test_roots_differ(void **state)
{
    struct mse_fetch_config c = { .root_point = NULL };
    struct mse_cache_root intel;
    struct mse_cache_root amd;
    struct mse_cache_root sim;
    static const uint8_t point[64] = { 1 };
    struct mse_policy *p = calloc(1, sizeof *p);
    (void)state;
    assert_non_null(p);
    assert_status(mse_cache_root_of(&intel, &c, false), MSE_OK);
    assert_status(mse_cache_root_of(&amd, &c, true), MSE_OK);
    assert_memory_not_equal(intel.id, amd.id, 32);
    c.root_point = point;
    assert_status(mse_cache_root_of(&sim, &c, false), MSE_OK);
    assert_memory_not_equal(intel.id, sim.id, 32);
    c.policy = p;
    assert_status(mse_cache_root_of(&sim, &c, true), MSE_OK);
    assert_memory_equal(amd.id, sim.id, 32);
    p->simulation_root_sha256[0] = 1;
    assert_status(mse_cache_root_of(&sim, &c, true), MSE_OK);
    assert_memory_not_equal(amd.id, sim.id, 32);
    free(p);
}

/* The store without a network: what is valid serves, what is not does not. */
static void test_offline_store(void **state)
{
    struct fixture *f = *state;
    struct mse_fetched o;
    struct mse_store s = { .cache = f->cache, .offline = true };
    struct mse_error err = { 0 };
    mse_fetch_config_default(&s.config);
    assert_status(mse_cache_root_of(&f->root, &s.config, false), MSE_OK);
    mse_fetched_init(&o);
    s.config.at = NOW + 10;
    assert_status(mse_store_get(&o, &s, &f->key, &err), MSE_ERR_NOT_FOUND);
    assert_status(put(f, "one", 20), MSE_OK);
    assert_status(mse_store_get(&o, &s, &f->key, NULL), MSE_OK);
    assert_int_equal(s.num_cached, 1);
    assert_int_equal(s.oldest, NOW);
    s.config.at = NOW + 86400; /* the last second */
    assert_status(mse_store_get(&o, &s, &f->key, NULL), MSE_OK);
    s.config.at++;
    assert_status(mse_store_get(&o, &s, &f->key, &err), MSE_ERR_NOT_FOUND);
    s.config.at = NOW - 1;
    assert_status(mse_store_get(&o, &s, &f->key, &err), MSE_ERR_NOT_FOUND);
    mse_fetched_clear(&o);
    mse_store_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keeps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_floor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_things, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leftovers_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiting_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_writers, setup, teardown),
        cmocka_unit_test(test_roots_differ),
        cmocka_unit_test_setup_teardown(test_offline_store, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
