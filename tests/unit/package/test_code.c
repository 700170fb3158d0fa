/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of a code tree, and packages that are not encrypted. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "lib/testlib.h"
#include "package/code.h"
#include "package/rules.h"

static const uint8_t salt[32] = { 1, 2, 3 };
static const uint8_t digest[32] = { 9, 8, 7 };
static const struct mse_package plain = { .manifest_digest = digest, .max_total = 1000 };

static char *at(const char *dir, const char *name)
{
    static char path[8192];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *dir, const char *name, const char *text, mode_t mode)
{
    test_write_file(at(dir, name), mse_bytes_str(text));
    assert_int_equal(chmod(at(dir, name), mode), 0);
}

static char *sample(void)
{
    char *dir = test_tmpdir();
    assert_int_equal(mkdir(at(dir, "a"), 0755), 0);
    assert_int_equal(mkdir(at(dir, "empty"), 0755), 0);
    put(dir, "a/b.txt", "bee", 0644);
    put(dir, "a.txt", "", 0600);
    put(dir, "run.sh", "#!/bin/sh\n", 0755);
    put(dir, "\xc3\xa9", "e acute", 0644);
    return dir;
}

static void row(struct mse_build *b, const char *path, uint8_t exec, const char *content)
{
    uint8_t sum[32];
    assert_status(mse_sha256(sum, mse_bytes_str(content)), MSE_OK);
    mse_wr_u32le(b, (uint32_t)strlen(path));
    mse_wr_str(b, path);
    mse_wr_u8(b, exec);
    mse_wr_u64le(b, strlen(content));
    mse_wr_copy(b, sum, sizeof sum);
}

/* The definition, written out a second time: "a.txt" < "a/b.txt" since '.' < '/'. */
static void test_digest_definition(void **state)
{
    (void)state;
    char *dir = sample();
    uint8_t seen[32];
    uint8_t want[32];
    struct mse_build b;
    mse_build_heap(&b, 65536);
    mse_wr_copy(&b, "mse-code-v1", 12);
    mse_wr_copy(&b, salt, sizeof salt);
    row(&b, "a.txt", 0, "");
    row(&b, "a/b.txt", 0, "bee");
    row(&b, "run.sh", 1, "#!/bin/sh\n");
    row(&b, "\xc3\xa9", 0, "e acute");
    assert_status(mse_sha256(want, mse_build_view(&b)), MSE_OK);
    assert_status(mse_code_digest(seen, dir, salt, true, NULL), MSE_OK);
    assert_bytes(mse_bytes_of(seen, 32), mse_bytes_of(want, 32));
    assert_status(mse_code_digest(seen, dir, salt, false, NULL), MSE_OK);
    assert_bytes(mse_bytes_of(seen, 32), mse_bytes_of(want, 32));
    mse_build_clear(&b);
    test_tmpdir_remove(dir);
}

static void digest_of(uint8_t out[32], const char *dir)
{
    assert_status(mse_code_digest(out, dir, salt, true, NULL), MSE_OK);
}

static void test_digest_changes(void **state)
{
    (void)state;
    char *dir = sample();
    uint8_t before[32];
    uint8_t after[32];
    digest_of(before, dir);
    put(dir, "a/b.txt", "bef", 0644);
    digest_of(after, dir);
    assert_false(mse_mem_equal(before, after, 32));
    put(dir, "a/b.txt", "bee", 0744);
    digest_of(after, dir);
    assert_false(mse_mem_equal(before, after, 32));
    put(dir, "a/b.txt", "bee", 0655); /* x for others only: not executable */
    digest_of(after, dir);
    assert_true(mse_mem_equal(before, after, 32));
    assert_int_equal(rename(at(dir, "a.txt"), "/nonexistent/x"), -1);
    put(dir, "new", "", 0644);
    digest_of(after, dir);
    assert_false(mse_mem_equal(before, after, 32));
    test_tmpdir_remove(dir);
}

static mse_status names(void *user, const struct mse_code_file *f)
{
    struct mse_build *b = user;
    mse_wr_str(b, f->path);
    mse_wr_str(b, "\n");
    return MSE_OK;
}

static void assert_names(const char *dir, bool ignore, const char *want)
{
    char buf[4096];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    assert_status(mse_code_walk(dir, ignore, names, &b, NULL), MSE_OK);
    assert_string_equal(mse_build_cstr(&b), want);
}

static void test_ignore_in_the_walk(void **state)
{
    (void)state;
    char *dir = sample();
    put(dir, "mse.toml", "", 0644);
    assert_names(dir, true, "a.txt\na/b.txt\nrun.sh\n\xc3\xa9\n");
    assert_names(dir, false, "a.txt\na/b.txt\nmse.toml\nrun.sh\n\xc3\xa9\n");
    put(dir, ".mseignore", "*\n!a\n!b.txt\n", 0644); /* the file itself is always included */
    assert_names(dir, true, ".mseignore\na/b.txt\n");
    put(dir, ".mseignore", "a/\n!a/b.txt\n", 0644); /* nothing comes back out of a folder */
    assert_names(dir, true, ".mseignore\na.txt\nmse.toml\nrun.sh\n\xc3\xa9\n");
    test_tmpdir_remove(dir);
}

static void assert_refused(const char *dir, mse_status want, const char *name)
{
    uint8_t out[32];
    struct mse_error err = { 0 };
    assert_status(mse_code_digest(out, dir, salt, true, &err), want);
    assert_non_null(strstr(err.text, name));
}

static void test_refused_kinds(void **state)
{
    (void)state;
    char *dir = sample();
    assert_int_equal(symlink("a.txt", at(dir, "a/link")), 0);
    assert_refused(dir, MSE_ERR_MALFORMED, "a/link is a symbolic link");
    put(dir, ".mseignore", "link\n", 0644);
    uint8_t out[32];
    digest_of(out, dir);
    assert_int_equal(mkfifo(at(dir, "pipe"), 0600), 0);
    assert_refused(dir, MSE_ERR_MALFORMED, "pipe is a pipe");
    assert_int_equal(unlink(at(dir, "pipe")), 0);
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    (void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s/sock", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_refused(dir, MSE_ERR_MALFORMED, "sock is a socket");
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(at(dir, "sock")), 0);
    put(dir, "\xff", "", 0644);
    assert_refused(dir, MSE_ERR_MALFORMED, "UTF-8");
    test_tmpdir_remove(dir);
    assert_refused("/nonexistent/dir", MSE_ERR_NOT_FOUND, "/nonexistent/dir");
}

static void test_ignore_file_must_be_regular(void **state)
{
    (void)state;
    char *dir = sample();
    assert_int_equal(symlink("a.txt", at(dir, ".mseignore")), 0);
    assert_refused(dir, MSE_ERR_IO, ".mseignore");
    test_tmpdir_remove(dir);
}

static void test_hard_links_are_files(void **state)
{
    (void)state;
    char *dir = sample();
    char to[4096];
    (void)snprintf(to, sizeof to, "%s/hard", dir);
    assert_int_equal(link(at(dir, "run.sh"), to), 0);
    assert_names(dir, true, "a.txt\na/b.txt\nhard\nrun.sh\n\xc3\xa9\n");
    test_tmpdir_remove(dir);
}

static int memfd(void)
{
    int fd = memfd_create("package", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int packed(const char *dir)
{
    int fd = memfd();
    assert_status(mse_package_write(fd, dir, salt, &plain, NULL), MSE_OK);
    return fd;
}

struct told {
    uint64_t bytes;
    uint64_t total;
    unsigned times;
};

static void on_progress(void *user, uint64_t bytes, uint64_t total)
{
    struct told *t = user;
    assert_true(bytes > t->bytes && bytes <= total);
    assert_true(t->times == 0 || total == t->total);
    *t = (struct told) { bytes, total, t->times + 1 };
}

/* Who packs is told how far it is, in bytes of content. */
static void test_progress(void **state)
{
    struct told t = { 0 };
    char *dir = test_tmpdir();
    char path[4096];
    static const uint8_t content[200000] = { 1 };
    const struct mse_package p = { .manifest_digest = digest, .progress = on_progress, .user = &t };
    (void)state;
    (void)snprintf(path, sizeof path, "%s/large", dir);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, sizeof content, f), sizeof content);
    assert_int_equal(fclose(f), 0);
    int fd = memfd();
    assert_status(mse_package_write(fd, dir, salt, &p, NULL), MSE_OK);
    assert_true(t.times > 0 && t.bytes == sizeof content && t.total == sizeof content);
    (void)close(fd);
    test_tmpdir_remove(dir);
}

static mse_status unpack(int fd, uint64_t max)
{
    char *dest = test_tmpdir();
    struct mse_unpacked got;
    struct mse_error err = { 0 };
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    const struct mse_package p = { .manifest_digest = digest, .max_total = max };
    mse_status st = mse_package_unpack(&got, fd, dest, &p, &err);
    if (st == MSE_OK) {
        uint8_t lies[32];
        assert_true(mse_mem_equal(got.code_salt, salt, 32));
        assert_status(mse_code_digest(lies, dest, salt, false, NULL), MSE_OK);
        assert_true(mse_mem_equal(got.code_digest, lies, 32));
    } else {
        assert_true(err.text[0] != '\0');
    }
    test_tmpdir_remove(dest);
    return st;
}

static void test_round_trip(void **state)
{
    (void)state;
    char *dir = sample();
    char *dest = test_tmpdir();
    char deep[400];
    memset(deep, 'd', 200);
    deep[200] = '\0';
    put(dir, deep, "long name", 0755);
    uint8_t before[32];
    uint8_t after[32];
    struct mse_unpacked got;
    digest_of(before, dir);
    int fd = packed(dir);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    mode_t old =
        umask(0077); /* as in the runtime; the app's user must read the tree all the same */
    assert_status(mse_package_unpack(&got, fd, dest, &plain, NULL), MSE_OK);
    (void)umask(old);
    assert_true(mse_mem_equal(got.code_salt, salt, 32));
    assert_status(mse_code_digest(after, dest, got.code_salt, false, NULL), MSE_OK);
    assert_bytes(mse_bytes_of(after, 32), mse_bytes_of(before, 32));
    assert_bytes(mse_bytes_of(got.code_digest, 32), mse_bytes_of(before, 32));
    struct stat st;
    assert_int_equal(stat(at(dest, "run.sh"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(stat(at(dest, "a.txt"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(stat(at(dest, "a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(stat(at(dest, "empty"), &st), -1);
    assert_int_equal(close(fd), 0);
    test_tmpdir_remove(dest);
    test_tmpdir_remove(dir);
}

/* Opens a folder 15 * 256 bytes below dir; makes it if there is none. */
static int enter_deep(const char *dir)
{
    char name[256];
    memset(name, 'd', 255);
    name[255] = '\0';
    int fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    for (unsigned i = 0; i < 15; i++) {
        assert_true(mkdirat(fd, name, 0755) == 0 || errno == EEXIST);
        int next = openat(fd, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        assert_true(next >= 0);
        assert_int_equal(close(fd), 0);
        fd = next;
    }
    assert_true(mkdirat(fd, "d", 0755) == 0 || errno == EEXIST);
    return fd;
}

static void drop_deep(char *dir, const char *name)
{
    int fd = enter_deep(dir);
    assert_int_equal(unlinkat(fd, name, 0), 0);
    assert_int_equal(close(fd), 0);
    test_tmpdir_remove(dir);
}

/* A path of 4096 bytes, which no system call takes, goes through; a longer one is refused. */
static void test_longest_path(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    char *dest = test_tmpdir();
    char longest[300];
    char longer[300];
    struct mse_unpacked got;
    uint8_t before[32];
    (void)snprintf(longest, sizeof longest, "d/%0254d", 0);
    (void)snprintf(longer, sizeof longer, "d/%0255d", 0);
    int deep = enter_deep(dir);
    int fd = openat(deep, longest, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(close(fd), 0);
    digest_of(before, dir);
    int package = packed(dir);
    assert_int_equal(lseek(package, 0, SEEK_SET), 0);
    assert_status(mse_package_unpack(&got, package, dest, &plain, NULL), MSE_OK);
    assert_bytes(mse_bytes_of(got.code_digest, 32), mse_bytes_of(before, 32));
    assert_int_equal(close(package), 0);
    assert_int_equal(renameat(deep, longest, deep, longer), 0);
    assert_refused(dir, MSE_ERR_MALFORMED, "at most 4096 bytes");
    assert_int_equal(close(deep), 0);
    drop_deep(dir, longer);
    drop_deep(dest, longest);
}

/* The same files once more, made in another order, with other modes, times and links. */
static char *sample_again(void)
{
    static const struct timespec times[2] = { { 1, 2 }, { 1000000000, 3 } };
    static const char *const names[] = { "\xc3\xa9", "run.sh", "a.txt", "a/b.txt", "a" };
    char *dir = test_tmpdir();
    mode_t old = umask(0);
    put(dir, "\xc3\xa9", "e acute", 0606);
    put(dir, "run.sh", "#!/bin/sh\n", 0700);
    put(dir, "a.txt", "", 04444);
    assert_int_equal(mkdir(at(dir, "a"), 01777), 0);
    put(dir, "a/b.txt", "bee", 0666);
    (void)umask(old);
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        assert_int_equal(utimensat(AT_FDCWD, at(dir, names[i]), times, 0), 0);
    }
    if (geteuid() == 0) { /* another user's */
        assert_int_equal(chown(at(dir, "run.sh"), 12345, 54321), 0);
    }
    return dir;
}

static void test_deterministic(void **state)
{
    (void)state;
    char *one = sample();
    char *two = sample_again();
    int a = packed(one);
    (void)umask(0077);
    int b = packed(two);
    (void)umask(0022);
    off_t len = lseek(a, 0, SEEK_END);
    assert_int_equal(lseek(b, 0, SEEK_END), len);
    uint8_t *x = mmap(NULL, (size_t)len, PROT_READ, MAP_PRIVATE, a, 0);
    uint8_t *y = mmap(NULL, (size_t)len, PROT_READ, MAP_PRIVATE, b, 0);
    assert_bytes(mse_bytes_of(x, (size_t)len), mse_bytes_of(y, (size_t)len));
    assert_int_equal(munmap(x, (size_t)len) + munmap(y, (size_t)len), 0);
    assert_int_equal(close(a) + close(b), 0);
    test_tmpdir_remove(one);
    test_tmpdir_remove(two);
}

/* What lies in the destination beside what was written is noticed. */
static void test_other_files(void **state)
{
    (void)state;
    static const char *const names[] = { "0", "b.txt", "zz", "run.sh.bak" };
    struct mse_unpacked got;
    struct mse_error err = { 0 };
    char *dir = sample();
    int fd = packed(dir);
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        char *dest = test_tmpdir();
        put(dest, names[i], "", 0644);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_status(mse_package_unpack(&got, fd, dest, &plain, &err), MSE_ERR_IO);
        assert_non_null(strstr(err.text, "holds other files than were written"));
        test_tmpdir_remove(dest);
    }
    assert_int_equal(close(fd), 0);
    test_tmpdir_remove(dir);
}

static void test_total_limit(void **state)
{
    (void)state;
    char *dir = sample();
    int fd = packed(dir);
    assert_status(unpack(fd, 20), MSE_OK);
    assert_status(unpack(fd, 19), MSE_ERR_NO_SPACE);
    assert_int_equal(close(fd), 0);
    test_tmpdir_remove(dir);
}

static void test_header_refusals(void **state)
{
    (void)state;
    char *dir = sample();
    int fd = packed(dir);
    static const struct {
        off_t offset;
        mse_status want;
    } rows[] = { { 0, MSE_ERR_MALFORMED },          { 6, MSE_ERR_PACKAGE_KIND },
                 { 7, MSE_ERR_MALFORMED },          { 8, MSE_ERR_MANIFEST_MISMATCH },
                 { 39, MSE_ERR_MANIFEST_MISMATCH }, { 40, MSE_ERR_MALFORMED },
                 { 71, MSE_ERR_MALFORMED } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        uint8_t c = 0;
        assert_int_equal(pread(fd, &c, 1, rows[i].offset), 1);
        c ^= 1;
        assert_int_equal(pwrite(fd, &c, 1, rows[i].offset), 1);
        assert_status(unpack(fd, 1000), rows[i].want);
        c ^= 1;
        assert_int_equal(pwrite(fd, &c, 1, rows[i].offset), 1);
    }
    assert_status(unpack(fd, 1000), MSE_OK);
    assert_int_equal(close(fd), 0);
    test_tmpdir_remove(dir);
}

static void test_truncation_and_tail(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    put(dir, "f", "content", 0644);
    int fd = packed(dir);
    off_t len = lseek(fd, 0, SEEK_END);
    assert_int_equal(pwrite(fd, "x", 1, len), 1);
    assert_status(unpack(fd, 1000), MSE_ERR_PACKAGE_EXTENDED);
    assert_int_equal(pwrite(fd, "\0", 1, len), 1);
    assert_status(unpack(fd, 1000), MSE_ERR_PACKAGE_EXTENDED);
    for (off_t n = len - 1; n >= 0; n -= n > 110 ? 13 : 1) {
        assert_int_equal(ftruncate(fd, n), 0);
        if (unpack(fd, 1000) == MSE_OK) {
            fail_msg("cut to %ld of %ld bytes was taken", (long)n, (long)len);
        }
    }
    assert_int_equal(close(fd), 0);
    test_tmpdir_remove(dir);
}

/* A package around an archive with the entries that `kind` stands for. */
static void add(struct archive *a, const char *path, unsigned type, const char *target)
{
    struct archive_entry *e = archive_entry_new();
    archive_entry_copy_pathname(e, path);
    archive_entry_set_filetype(e, type == 0 ? AE_IFREG : type);
    archive_entry_set_perm(e, 0644);
    if (type == AE_IFLNK) {
        archive_entry_copy_symlink(e, target);
    } else if (target != NULL) {
        archive_entry_copy_hardlink(e, target);
    }
    if (type == 0 && target == NULL) {
        archive_entry_set_size(e, 1);
    }
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    if (type == 0 && target == NULL) {
        assert_int_equal(archive_write_data(a, "x", 1), 1);
    }
    archive_entry_free(e);
}

static void header(int fd)
{
    struct mse_build b;
    uint8_t buf[MSE_PACKAGE_HEAD_LEN + MSE_CODE_SALT_LEN];
    mse_build_fixed(&b, buf, sizeof buf);
    mse_wr_copy(&b, MSE_PLAIN_MAGIC, 8);
    mse_wr_copy(&b, digest, 32);
    mse_wr_zeros(&b, 32);
    mse_wr_copy(&b, salt, 32);
    assert_int_equal(write(fd, buf, sizeof buf), sizeof buf);
}

struct hostile {
    const char *path;
    unsigned type; /* 0: a file of one byte */
    const char *target;
};

static mse_status unpack_hostile(const struct hostile *h, size_t num)
{
    int fd = memfd();
    header(fd);
    struct archive *a = archive_write_new();
    assert_int_equal(archive_write_set_format_pax_restricted(a), ARCHIVE_OK);
    assert_int_equal(archive_write_set_options(a, "hdrcharset=BINARY"), ARCHIVE_OK);
    assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
    assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
    for (size_t i = 0; i < num; i++) {
        add(a, h[i].path, h[i].type, h[i].target);
    }
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    assert_int_equal(archive_write_free(a), ARCHIVE_OK);
    mse_status st = unpack(fd, 1000);
    assert_int_equal(close(fd), 0);
    return st;
}

static void test_hostile_entries(void **state)
{
    (void)state;
    static const struct hostile rows[] = {
        { "../x", 0, NULL },       { "/etc/x", 0, NULL },   { "a/../x", 0, NULL },
        { "./x", 0, NULL },        { "a//x", 0, NULL },     { "\xff", 0, NULL },
        { "l", AE_IFLNK, "/etc" }, { "d", AE_IFDIR, NULL }, { "p", AE_IFIFO, NULL },
        { "h", 0, "target" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        if (unpack_hostile(&rows[i], 1) != MSE_ERR_MALFORMED) {
            fail_msg("%s was not refused", rows[i].path);
        }
    }
    static const struct hostile good[] = { { "a", 0, NULL }, { "b/c", 0, NULL } };
    assert_status(unpack_hostile(good, 2), MSE_OK);
    static const struct hostile twice[] = { { "a", 0, NULL }, { "a", 0, NULL } };
    assert_status(unpack_hostile(twice, 2), MSE_ERR_MALFORMED);
    static const struct hostile order[] = { { "b", 0, NULL }, { "a", 0, NULL } };
    assert_status(unpack_hostile(order, 2), MSE_ERR_MALFORMED);
    static const struct hostile both[] = { { "a", 0, NULL }, { "a/b", 0, NULL } };
    assert_status(unpack_hostile(both, 2), MSE_ERR_IO);
}

static void test_empty_tree(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    int fd = packed(dir);
    assert_status(unpack(fd, 0), MSE_OK);
    assert_int_equal(close(fd), 0);
    test_tmpdir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_definition),
        cmocka_unit_test(test_digest_changes),
        cmocka_unit_test(test_ignore_in_the_walk),
        cmocka_unit_test(test_refused_kinds),
        cmocka_unit_test(test_ignore_file_must_be_regular),
        cmocka_unit_test(test_hard_links_are_files),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_longest_path),
        cmocka_unit_test(test_total_limit),
        cmocka_unit_test(test_header_refusals),
        cmocka_unit_test(test_truncation_and_tail),
        cmocka_unit_test(test_hostile_entries),
        cmocka_unit_test(test_empty_tree),
        cmocka_unit_test(test_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
