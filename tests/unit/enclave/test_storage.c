/* SPDX-License-Identifier: Apache-2.0 */
/* The storage: what comes back, what is written anew, and what a host can do to it. */
#include "enclave/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "enclave/store_index.h"
#include "enclave/store_pack.h"
#include "lib/testlib.h"
#include "os/memory.h"

#define NOW ((mse_time)1800000000)

struct lab {
    char *dir;
    char data[160]; /* what the app sees */
    char host[160]; /* the host's folder */
    int host_fd;
    struct mse_store_config c;
    struct mse_store *store;
    uint64_t count; /* of the platform */
    bool no_counter;
    bool stuck; /* the counter cannot be raised */
};

static mse_status count(void *arg, uint64_t *out, bool advance, struct mse_error *err)
{
    struct lab *l = arg;
    (void)err;
    if (l->no_counter) {
        return MSE_ERR_UNSUPPORTED;
    }
    if (advance && l->stuck) {
        return MSE_ERR_IO;
    }
    l->count += advance ? 1 : 0;
    *out = l->count;
    return MSE_OK;
}

static void fresh_data(struct lab *l)
{
    char path[256];
    static const char *const names[] = { "", "/home", "/keys" };
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/bin/rm", "rm", "-rf", l->data, NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof path, "%s%s", l->data, names[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
}

static void lab_open(struct lab *l, mse_status wanted)
{
    struct mse_error err = { 0 };
    assert_status(mse_store_open(&l->store, &l->c, &err), wanted);
    assert_true((err.text[0] == '\0') == (wanted == MSE_OK));
}

static int setup(void **state)
{
    struct lab *l = calloc(1, sizeof *l);
    assert_non_null(l);
    l->dir = test_tmpdir();
    (void)snprintf(l->data, sizeof l->data, "%s/data", l->dir);
    (void)snprintf(l->host, sizeof l->host, "%s/host", l->dir);
    assert_int_equal(mkdir(l->host, 0700), 0);
    l->host_fd = open(l->host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    l->c = (struct mse_store_config) { .state_fd = l->host_fd, .count = count, .arg = l };
    memset(l->c.root, 0x5a, sizeof l->c.root);
    fresh_data(l);
    assert_status(mse_store_create(&l->store, &l->c, NOW, NULL), MSE_OK);
    assert_status(mse_store_settle(l->store, NULL), MSE_OK);
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    struct lab *l = *state;
    mse_store_free(l->store);
    (void)close(l->host_fd);
    test_tmpdir_remove(l->dir);
    free(l);
    return 0;
}

static char *at(const struct lab *l, const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", l->data, name);
    return path;
}

static void put(const struct lab *l, const char *name, const char *text)
{
    test_write_file(at(l, name), mse_bytes_str(text));
}

static void put_bytes(const struct lab *l, const char *name, size_t len, unsigned seed)
{
    uint8_t *b = malloc(len);
    assert_non_null(b);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1103515245U + 12345U;
        b[i] = (uint8_t)(seed >> 16);
    }
    test_write_file(at(l, name), mse_bytes_of(b, len));
    free(b);
}

static struct mse_store_report snap(struct lab *l)
{
    struct mse_store_report r = { .stored = false };
    assert_status(mse_store_snapshot(l->store,
                                     &(const struct mse_store_take) { l->data, NULL, NOW, false },
                                     &r, NULL),
                  MSE_OK);
    return r;
}

static void snap_fails(struct lab *l, mse_status wanted)
{
    struct mse_store_report r = { .stored = false };
    struct mse_error err = { 0 };
    assert_status(mse_store_snapshot(l->store,
                                     &(const struct mse_store_take) { l->data, NULL, NOW, false },
                                     &r, &err),
                  wanted);
    assert_true(err.text[0] != '\0');
}

/* Another life. */
static void again(struct lab *l)
{
    mse_store_free(l->store);
    l->store = NULL;
    fresh_data(l);
    lab_open(l, MSE_OK);
    assert_status(mse_store_restore(l->store, l->data, geteuid(), NOW, NULL), MSE_OK);
}

static void assert_text(const struct lab *l, const char *name, const char *wanted)
{
    struct mse_bytes seen = test_read_file(at(l, name));
    assert_non_null(seen.data);
    assert_bytes(seen, mse_bytes_str(wanted));
    free((void *)(uintptr_t)seen.data);
}

/* The folder of the storage, which has the only name there. */
static const char *store_dir(const struct lab *l)
{
    static char path[512];
    DIR *d = opendir(l->host);
    const struct dirent *e = NULL;
    path[0] = '\0';
    while ((e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        if (strncmp(e->d_name, "store-", 6) == 0) {
            (void)snprintf(path, sizeof path, "%s/%s", l->host, e->d_name);
        }
    }
    (void)closedir(d);
    assert_true(path[0] != '\0');
    return path;
}

/* The packs, one at a time; NULL at the end. The result is the caller's to free. */
static char *nth_pack(const struct lab *l, size_t n)
{
    struct dirent **list = NULL;
    char *found = NULL;
    int num = scandir(store_dir(l), &list, NULL, alphasort);
    assert_true(num >= 0);
    for (int i = 0; i < num; i++) {
        if (mse_pack_is_name(list[i]->d_name) && n-- == 0) {
            assert_true(asprintf(&found, "%s/%s", store_dir(l), list[i]->d_name) > 0);
        }
        free(list[i]);
    }
    free(list);
    return found;
}

static size_t num_packs(const struct lab *l)
{
    size_t n = 0;
    char *path = NULL;
    while ((path = nth_pack(l, n)) != NULL) {
        free(path);
        n++;
    }
    return n;
}

/* ---- what comes back ---- */

static void test_round_trip(void **state)
{
    struct lab *l = *state;
    struct stat st;
    char target[64];
    put(l, "home/a", "one");
    put(l, "home/empty", "");
    put(l, "keys/k", "key");
    assert_int_equal(mkdir(at(l, "home/d"), 0750), 0);
    assert_int_equal(mkdir(at(l, "home/d/e"), 0700), 0);
    put(l, "home/d/e/deep", "deep");
    put(l, "home/d-e", "sorts between"); /* '-' is less than '/' */
    assert_int_equal(chmod(at(l, "home/a"), 0640), 0);
    assert_int_equal(symlink("../../etc/passwd", at(l, "home/link")), 0);
    put_bytes(l, "home/big", 3 * MSE_STORE_CHUNK + 5, 1);
    const struct timespec times[2] = { { .tv_sec = 5 }, { .tv_sec = 1234567, .tv_nsec = 89 } };
    assert_int_equal(utimensat(AT_FDCWD, at(l, "home/a"), times, 0), 0);
    assert_true(mse_store_changed(l->store, l->data));
    assert_true(snap(l).stored);
    struct mse_bytes big = test_read_file(at(l, "home/big"));
    again(l);
    assert_text(l, "home/a", "one");
    assert_text(l, "home/empty", "");
    assert_text(l, "keys/k", "key");
    assert_text(l, "home/d/e/deep", "deep");
    assert_text(l, "home/d-e", "sorts between");
    assert_int_equal(stat(at(l, "home/a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(st.st_mtim.tv_sec, 1234567);
    assert_int_equal(st.st_mtim.tv_nsec, 89);
    assert_int_equal(stat(at(l, "home/d"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_int_equal(readlink(at(l, "home/link"), target, sizeof target), 16);
    assert_memory_equal(target, "../../etc/passwd", 16);
    struct mse_bytes seen = test_read_file(at(l, "home/big"));
    assert_bytes(seen, big);
    free((void *)(uintptr_t)seen.data);
    free((void *)(uintptr_t)big.data);
    assert_int_equal(mse_store_floor(l->store), NOW);
}

static void test_what_changed_is_sealed(void **state)
{
    struct lab *l = *state;
    put_bytes(l, "home/big", 8 * MSE_STORE_CHUNK, 2);
    put_bytes(l, "home/other", 1000, 3);
    assert_int_equal(snap(l).new_bytes, 8 * MSE_STORE_CHUNK + 1000);
    assert_false(snap(l).stored);
    /* One chunk of the file, through a descriptor. */
    int fd = open(at(l, "home/big"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "x", 1, (off_t)(3 * MSE_STORE_CHUNK + 7)), 1);
    (void)close(fd);
    struct mse_store_report r = snap(l);
    assert_true(r.stored);
    assert_int_equal(r.new_bytes, MSE_STORE_CHUNK);
    /* A file that moved is read again. A mode alone costs an index. */
    assert_int_equal(chmod(at(l, "home/other"), 0600), 0);
    r = snap(l);
    assert_int_equal(r.new_bytes, 0);
    again(l);
    struct mse_bytes big = test_read_file(at(l, "home/big"));
    assert_int_equal(big.len, 8 * MSE_STORE_CHUNK);
    assert_int_equal(big.data[3 * MSE_STORE_CHUNK + 7], 'x');
    free((void *)(uintptr_t)big.data);
}

static void test_zeros_cost_nothing(void **state)
{
    struct lab *l = *state;
    int fd = open(at(l, "home/sparse"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, (off_t)1 << 32), 0);
    assert_int_equal(pwrite(fd, "end", 3, ((off_t)1 << 32) - 3), 3);
    (void)close(fd);
    assert_int_equal(snap(l).new_bytes, MSE_STORE_CHUNK);
    again(l);
    struct stat st;
    assert_int_equal(stat(at(l, "home/sparse"), &st), 0);
    assert_int_equal(st.st_size, (off_t)1 << 32);
    assert_true(st.st_blocks < 1024);
}

static void test_old_packs_go(void **state)
{
    struct lab *l = *state;
    for (unsigned i = 0; i < 20; i++) {
        put_bytes(l, "home/f", 200000, i);
        assert_true(snap(l).stored);
        assert_int_equal(num_packs(l), 1);
    }
    /* Mostly dead: the rest is sealed again, and the pack goes. */
    put_bytes(l, "home/small", 10000, 77);
    put_bytes(l, "home/f", 200000, 78);
    (void)snap(l);
    assert_int_equal(unlink(at(l, "home/f")), 0);
    (void)snap(l);
    put(l, "home/x", "x");
    (void)snap(l);
    assert_int_equal(num_packs(l), 1);
    again(l);
    assert_text(l, "home/x", "x");
}

static void test_left_out(void **state)
{
    struct lab *l = *state;
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    assert_int_equal(mkfifo(at(l, "home/fifo"), 0600), 0);
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%.100s", at(l, "home/sock"));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    put(l, "home/file", "file");
    assert_int_equal(snap(l).left_out, 2);
    (void)close(fd);
    again(l);
    assert_text(l, "home/file", "file");
    assert_int_equal(access(at(l, "home/fifo"), F_OK), -1);
    assert_int_equal(access(at(l, "home/sock"), F_OK), -1);
}

/* Nothing is followed out of the tree. */
static void test_links_are_not_followed(void **state)
{
    struct lab *l = *state;
    assert_int_equal(symlink("/", at(l, "home/root")), 0);
    assert_int_equal(symlink("self", at(l, "home/self")), 0);
    assert_int_equal(snap(l).new_bytes, 0);
    again(l);
    struct stat st;
    assert_int_equal(lstat(at(l, "home/root"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
}

static void test_too_deep(void **state)
{
    struct lab *l = *state;
    char path[8 + 2 * MSE_STORE_MAX_DEPTH + 2] = "home";
    put(l, "home/good", "good");
    (void)snap(l);
    for (size_t i = 1; i < MSE_STORE_MAX_DEPTH; i++) {
        memcpy(path + 4 + 2 * (i - 1), "/d", 3);
        assert_int_equal(mkdir(at(l, path), 0700), 0);
    }
    assert_true(snap(l).stored);
    memcpy(path + strlen(path), "/d", 3);
    assert_int_equal(mkdir(at(l, path), 0700), 0);
    snap_fails(l, MSE_ERR_STORAGE_LIMIT);
    again(l); /* the last snapshot is as it was */
    assert_text(l, "home/good", "good");
}

static void test_too_long(void **state)
{
    struct lab *l = *state;
    int fd = open(at(l, "home/endless"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, (off_t)(MSE_STORE_MAX_CHUNKS * MSE_STORE_CHUNK)), 0);
    (void)close(fd);
    assert_true(snap(l).stored);
    put(l, "home/more", "one chunk more than is kept");
    snap_fails(l, MSE_ERR_STORAGE_LIMIT);
    if (truncate(at(l, "home/endless"), (off_t)(MSE_STORE_MAX_CHUNKS * MSE_STORE_CHUNK) + 1) == 0) {
        assert_int_equal(unlink(at(l, "home/more")), 0);
        snap_fails(l, MSE_ERR_STORAGE_LIMIT);
    }
}

/* In a process of its own, for the file system: 0 as wanted, 77 none to be had. */
static int bounded(struct lab *l)
{
    static uint8_t content[600 * 1024];
    char path[256];
    static const char *const names[] = { "/home", "/keys" };
    if (!mse_memory_enter() || mse_memory_mount(l->data, 1 << 20, 64, NULL) != MSE_OK) {
        return 77;
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof path, "%s%s", l->data, names[i]);
        if (mkdir(path, 0700) != 0) {
            return 1;
        }
    }
    memset(content, 'x', sizeof content);
    (void)snprintf(path, sizeof path, "%s/home/again", l->data);
    test_write_file(at(l, "home/large"), mse_bytes_of(content, sizeof content));
    const struct mse_store_take take = { l->data, NULL, NOW, true };
    struct mse_store_report r;
    bool alone = mse_store_snapshot(l->store, &take, &r, NULL) == MSE_OK;
    bool linked = link(at(l, "home/large"), path) == 0;
    mse_status twice = mse_store_snapshot(l->store, &take, &r, NULL);
    bool gone = unlink(path) == 0;
    mse_status after = mse_store_snapshot(l->store, &take, &r, NULL);
    return alone && linked && twice == MSE_ERR_STORAGE_LIMIT && gone && after == MSE_OK ? 0 : 1;
}

/* A file of many names comes back as many: what would not fit back then is not stored. */
static void test_more_than_fits_back(void **state)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(bounded(*state));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* What was never finished is no harm, and goes. */
static void test_leftovers(void **state)
{
    struct lab *l = *state;
    char path[700];
    put(l, "home/a", "a");
    (void)snap(l);
    (void)snprintf(path, sizeof path, "%s/p00112233445566778899aabbccddeeff", store_dir(l));
    test_write_file(path, mse_bytes_str("half a pack"));
    (void)snprintf(path, sizeof path, "%s/index.new", store_dir(l));
    test_write_file(path, mse_bytes_str("half an index"));
    again(l);
    assert_text(l, "home/a", "a");
    assert_int_equal(num_packs(l), 1);
}

/* ---- the host ---- */

static void reopen(struct lab *l, mse_status wanted)
{
    mse_store_free(l->store);
    l->store = NULL;
    lab_open(l, wanted);
}

static void restore_fails(struct lab *l, mse_status wanted)
{
    struct mse_error err = { 0 };
    reopen(l, MSE_OK);
    fresh_data(l);
    assert_status(mse_store_restore(l->store, l->data, geteuid(), NOW, &err), wanted);
    assert_true(err.text[0] != '\0');
}

static void copy_file(const char *from, const char *to)
{
    struct mse_bytes b = test_read_file(from);
    assert_non_null(b.data);
    test_write_file(to, b);
    free((void *)(uintptr_t)b.data);
}

static char *index_path(const struct lab *l, const char *suffix)
{
    static char path[2][600]; /* two at a time */
    static unsigned turn;
    char *p = path[turn++ % 2];
    (void)snprintf(p, sizeof path[0], "%s/index%s", store_dir(l), suffix);
    return p;
}

static void test_index_changed(void **state)
{
    struct lab *l = *state;
    put(l, "home/a", "a");
    (void)snap(l);
    struct mse_bytes good = test_read_file(index_path(l, ""));
    uint8_t *bad = malloc(good.len + 1);
    assert_non_null(bad);
    for (size_t i = 0; i < good.len; i += i < 80 ? 1 : test_stride(97)) {
        memcpy(bad, good.data, good.len);
        bad[i] ^= 1;
        test_write_file(index_path(l, ""), mse_bytes_of(bad, good.len));
        /* The id of the root is at 8 to 24: another one is another enclave's. */
        reopen(l, i >= 8 && i < 24 ? MSE_ERR_STORAGE_FOREIGN : MSE_ERR_STORAGE_DAMAGED);
    }
    for (size_t len = 0; len < good.len; len += len < 80 ? 1 : test_stride(97)) {
        test_write_file(index_path(l, ""), mse_bytes_of(good.data, len));
        reopen(l, MSE_ERR_STORAGE_DAMAGED);
    }
    memcpy(bad, good.data, good.len);
    bad[good.len] = 0;
    test_write_file(index_path(l, ""), mse_bytes_of(bad, good.len + 1));
    reopen(l, MSE_ERR_STORAGE_DAMAGED);
    assert_int_equal(unlink(index_path(l, "")), 0);
    reopen(l, MSE_ERR_STORAGE_MISSING);
    assert_int_equal(symlink("/etc/passwd", index_path(l, "")), 0);
    reopen(l, MSE_ERR_STORAGE_DAMAGED);
    assert_int_equal(unlink(index_path(l, "")), 0);
    assert_int_equal(mkfifo(index_path(l, ""), 0600), 0);
    reopen(l, MSE_ERR_STORAGE_DAMAGED);
    assert_int_equal(unlink(index_path(l, "")), 0);
    test_write_file(index_path(l, ""), good);
    reopen(l, MSE_OK);
    free(bad);
    free((void *)(uintptr_t)good.data);
}

static void test_pack_changed(void **state)
{
    struct lab *l = *state;
    put(l, "home/a", "some text");
    (void)snap(l);
    char *path = nth_pack(l, 0);
    struct mse_bytes good = test_read_file(path);
    uint8_t *bad = malloc(good.len + 1);
    assert_non_null(bad);
    for (size_t i = 0; i < 81; i++) {
        memcpy(bad, good.data, good.len);
        bad[i] ^= 0x80;
        test_write_file(path, mse_bytes_of(bad, good.len));
        restore_fails(l, i >= 8 && i < 24 ? MSE_ERR_STORAGE_FOREIGN : MSE_ERR_STORAGE_DAMAGED);
    }
    const size_t lens[] = { 0, 1, 55, 56, 57, good.len - 1 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(lens); i++) {
        test_write_file(path, mse_bytes_of(good.data, lens[i]));
        restore_fails(l, MSE_ERR_STORAGE_DAMAGED);
    }
    memcpy(bad, good.data, good.len);
    bad[good.len] = 0;
    test_write_file(path, mse_bytes_of(bad, good.len + 1));
    restore_fails(l, MSE_ERR_STORAGE_DAMAGED);
    assert_int_equal(unlink(path), 0);
    restore_fails(l, MSE_ERR_STORAGE_MISSING);
    assert_int_equal(mkdir(path, 0700), 0);
    restore_fails(l, MSE_ERR_STORAGE_DAMAGED);
    assert_int_equal(rmdir(path), 0);
    test_write_file(path, good);
    reopen(l, MSE_OK);
    free(bad);
    free((void *)(uintptr_t)good.data);
    free(path);
}

/* One pack in another's place, an older one in a newer one's. */
static void test_packs_swapped(void **state)
{
    struct lab *l = *state;
    put_bytes(l, "home/a", 30000, 1);
    (void)snap(l);
    put_bytes(l, "home/b", 30000, 2);
    (void)snap(l);
    assert_int_equal(num_packs(l), 2);
    char *first = nth_pack(l, 0);
    char *second = nth_pack(l, 1);
    copy_file(first, index_path(l, ".saved"));
    copy_file(second, first);
    restore_fails(l, MSE_ERR_STORAGE_DAMAGED);
    copy_file(index_path(l, ".saved"), first);
    free(first);
    free(second);
    reopen(l, MSE_OK);
}

static void test_another_enclaves(void **state)
{
    struct lab *l = *state;
    struct lab other = *l;
    put(l, "home/a", "mine");
    (void)snap(l);
    char saved[200];
    (void)snprintf(saved, sizeof saved, "%s/saved", l->host);
    copy_file(index_path(l, ""), saved);
    memset(other.c.root, 0xa5, sizeof other.c.root);
    other.store = NULL;
    lab_open(&other, MSE_ERR_STORAGE_MISSING);
    assert_status(mse_store_create(&other.store, &other.c, NOW, NULL), MSE_OK);
    mse_store_free(other.store);
    other.store = NULL;
    /* Its index under the name of the other's. */
    char theirs[1024];
    uint8_t id[MSE_SEAL_ID_LEN];
    char hex[33];
    assert_status(mse_seal_id(id, other.c.root), MSE_OK);
    mse_hex_encode(hex, mse_bytes_of(id, sizeof id));
    (void)snprintf(theirs, sizeof theirs, "%s/store-%s/index", l->host, hex);
    copy_file(saved, theirs);
    lab_open(&other, MSE_ERR_STORAGE_FOREIGN);
}

/* ---- the counter ---- */

static void test_rollback(void **state)
{
    struct lab *l = *state;
    put(l, "home/a", "first");
    (void)snap(l);
    copy_file(index_path(l, ""), index_path(l, ".saved"));
    char *pack = nth_pack(l, 0);
    char saved[700];
    (void)snprintf(saved, sizeof saved, "%s/saved", l->host);
    copy_file(pack, saved);
    put(l, "home/a", "second");
    (void)snap(l);
    copy_file(index_path(l, ".saved"), index_path(l, ""));
    copy_file(saved, pack);
    reopen(l, MSE_ERR_STORAGE_ROLLED_BACK);
    free(pack);
}

/* A fork: two lives out of one snapshot, of which only one goes on. */
static void test_fork(void **state)
{
    struct lab *l = *state;
    put(l, "home/a", "trunk");
    (void)snap(l);
    struct lab twin = *l; /* of one counter */
    reopen(l, MSE_OK);
    twin.store = NULL;
    lab_open(&twin, MSE_OK);
    fresh_data(l);
    assert_status(mse_store_restore(l->store, l->data, geteuid(), NOW, NULL), MSE_OK);
    put(&twin, "home/a", "branch");
    struct mse_store_report r;
    assert_status(mse_store_snapshot(twin.store,
                                     &(const struct mse_store_take) { l->data, NULL, NOW, true },
                                     &r, NULL),
                  MSE_ERR_STORAGE_ROLLED_BACK);
    mse_store_free(twin.store);
}

/* Killed between the rename and the counting: what is there is good, and nothing else is. */
static void test_killed_before_counting(void **state)
{
    struct lab *l = *state;
    struct mse_store_report r;
    put(l, "home/a", "one");
    (void)snap(l);
    copy_file(index_path(l, ""), index_path(l, ".saved"));
    l->stuck = true;
    put(l, "home/a", "two, longer");
    assert_status(mse_store_snapshot(l->store,
                                     &(const struct mse_store_take) { l->data, NULL, NOW, true },
                                     &r, NULL),
                  MSE_ERR_IO);
    l->stuck = false;
    again(l);
    assert_text(l, "home/a", "two, longer");
    copy_file(index_path(l, ".saved"), index_path(l, ""));
    reopen(l, MSE_ERR_STORAGE_ROLLED_BACK);
}

/* A counter that begins anew, or is gone, is one that was turned back. */
static void test_counter_lost(void **state)
{
    struct lab *l = *state;
    put(l, "home/a", "one");
    (void)snap(l);
    put(l, "home/a", "two, longer");
    (void)snap(l);
    l->count = 0;
    reopen(l, MSE_ERR_STORAGE_ROLLED_BACK);
    l->no_counter = true;
    reopen(l, MSE_ERR_STORAGE_ROLLED_BACK);
}

static void test_without_a_counter(void **state)
{
    struct lab *l = *state;
    char gone[200];
    (void)snprintf(gone, sizeof gone, "%s/gone", l->host);
    l->no_counter = true;
    mse_store_free(l->store);
    assert_int_equal(rename(store_dir(l), gone), 0);
    memset(l->c.root, 0x77, sizeof l->c.root);
    assert_status(mse_store_create(&l->store, &l->c, NOW, NULL), MSE_OK);
    assert_status(mse_store_settle(l->store, NULL), MSE_OK);
    assert_false(mse_store_has_counter(l->store));
    put(l, "home/a", "one");
    (void)snap(l);
    again(l);
    assert_text(l, "home/a", "one");
    copy_file(index_path(l, ""), index_path(l, ".saved"));
    /* From where there is one, it counts, */
    l->no_counter = false;
    l->count = 0;
    again(l);
    assert_true(mse_store_has_counter(l->store));
    assert_text(l, "home/a", "one");
    /* and what was not counted is older than what was. */
    copy_file(index_path(l, ".saved"), index_path(l, ""));
    reopen(l, MSE_ERR_STORAGE_ROLLED_BACK);
}

/* ---- standing still ---- */

struct gate {
    int stops;
    int goes;
    bool refuses;
    uint64_t mapped;
};

static mse_status gate_stop(void *arg, struct mse_error *err)
{
    struct gate *g = arg;
    (void)err;
    g->stops++;
    return g->refuses ? MSE_ERR_TIMEOUT : MSE_OK;
}

static void gate_go(void *arg)
{
    struct gate *g = arg;
    g->goes++;
}

static bool gate_mapped(void *arg, uint64_t ino)
{
    const struct gate *g = arg;
    return g->mapped == ino;
}

static void test_hold(void **state)
{
    struct lab *l = *state;
    struct gate g = { .stops = 0 };
    const struct mse_store_hold hold = {
        .stop = gate_stop, .go = gate_go, .is_mapped = gate_mapped, .arg = &g
    };
    struct mse_store_report r;
    struct stat st;
    put(l, "home/a", "one");
    g.refuses = true;
    assert_status(mse_store_snapshot(l->store,
                                     &(const struct mse_store_take) { l->data, &hold, NOW, false },
                                     &r, NULL),
                  MSE_ERR_TIMEOUT);
    assert_int_equal(g.stops, 1);
    assert_int_equal(g.goes, 0);
    g.refuses = false;
    assert_status(mse_store_snapshot(l->store,
                                     &(const struct mse_store_take) { l->data, &hold, NOW, false },
                                     &r, NULL),
                  MSE_OK);
    assert_int_equal(g.stops, 2);
    assert_int_equal(g.goes, 1);
    /* A file that is mapped is read, whatever its times say, now and once more. */
    assert_int_equal(stat(at(l, "home/a"), &st), 0);
    g.mapped = (uint64_t)st.st_ino;
    assert_status(mse_store_snapshot(l->store,
                                     &(const struct mse_store_take) { l->data, &hold, NOW, false },
                                     &r, NULL),
                  MSE_OK);
    assert_false(r.stored);
    assert_true(mse_store_changed(l->store, l->data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_round_trip),
        T(test_what_changed_is_sealed),
        T(test_zeros_cost_nothing),
        T(test_old_packs_go),
        T(test_left_out),
        T(test_links_are_not_followed),
        T(test_too_deep),
        T(test_too_long),
        T(test_more_than_fits_back),
        T(test_leftovers),
        T(test_index_changed),
        T(test_pack_changed),
        T(test_packs_swapped),
        T(test_another_enclaves),
        T(test_rollback),
        T(test_fork),
        T(test_killed_before_counting),
        T(test_counter_lost),
        T(test_without_a_counter),
        T(test_hold),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
