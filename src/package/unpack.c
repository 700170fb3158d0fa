/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking a package. The archive is hostile until code_digest says otherwise: only
 * regular files, only paths of 10-rules 20, each created exclusively below the destination's
 * descriptor, in strictly rising order, up to a total. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "package/code.h"
#include "package/rows.h"
#include "package/rules.h"
#include "package/tree.h"

#define STEP "package"

struct unpack {
    struct archive *a;
    struct mse_sha256_ctx rows;  /* becomes the code digest */
    struct mse_sha256_ctx shape; /* the same without the contents */
    struct mse_stream_in *stream;
    struct mse_bytes first; /* what stands behind code_salt in the first piece */
    struct mse_error *err;
    int dest_fd;
    uint64_t taken; /* bytes that the archive reader got */
    uint64_t left;  /* bytes of content that may still be written */
    char last[MSE_PATH_MAX_LEN + 1];
};

static mse_status read_salt(struct unpack *u, uint8_t salt[32])
{
    mse_status st = mse_stream_read(u->stream, &u->first, u->err);
    if (st == MSE_OK && !mse_rd_copy(&u->first, salt, MSE_CODE_SALT_LEN)) {
        st = MSE_FAIL(u->err, MSE_ERR_PACKAGE_TRUNCATED, STEP, "ends before the tar");
    }
    return st;
}

static la_ssize_t feed(struct archive *a, void *user, const void **out)
{
    struct unpack *u = user;
    struct mse_bytes piece = u->first;
    (void)a;
    u->first = mse_bytes_of(NULL, 0);
    if (piece.len == 0 && mse_stream_read(u->stream, &piece, u->err) != MSE_OK) {
        return -1;
    }
    *out = piece.data;
    u->taken += piece.len;
    return (la_ssize_t)piece.len;
}

/* What the stream found wrong stands in err already and wins. */
static mse_status archive_failed(const struct unpack *u)
{
    const char *why = archive_error_string(u->a);
    struct mse_bytes none;
    mse_status st = mse_stream_read(u->stream, &none, u->err);
    if (st == MSE_OK) {
        st = archive_errno(u->a) == ENOMEM ? MSE_ERR_MEMORY : MSE_ERR_MALFORMED;
    }
    return MSE_FAIL(u->err, st, STEP, "bad archive: %.180s", why == NULL ? "unknown reason" : why);
}

/* Opens the folder `name` of `at`; makes it if it is missing, whatever the umask says. */
static int enter_folder(int at, const char *name)
{
    bool made = mkdirat(at, name, 0700) == 0;
    if (!made && errno != EEXIST) {
        return -1;
    }
    int fd = openat(at, name, O_DIRECTORY | O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && made && fchmod(fd, 0755) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* Opens the folder that holds path, making what is missing. *name: the last part. */
static int open_parent(int dest_fd, const char *path, const char **name)
{
    char part[NAME_MAX + 1];
    int at = fcntl(dest_fd, F_DUPFD_CLOEXEC, 0);
    while (at >= 0) {
        size_t len = strcspn(path, "/");
        if (path[len] == '\0') {
            *name = path;
            return at;
        }
        int next = -1;
        if (len <= NAME_MAX) {
            memcpy(part, path, len);
            part[len] = '\0';
            next = enter_folder(at, part);
        }
        (void)close(at);
        at = next;
        path += len + 1;
    }
    return -1;
}

static int create_file(int dest_fd, const char *path, mode_t mode)
{
    const char *name = NULL;
    int parent = open_parent(dest_fd, path, &name);
    if (parent < 0) {
        return -1;
    }
    int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && fchmod(fd, mode) != 0) {
        (void)close(fd);
        fd = -1;
    }
    (void)close(parent);
    return fd;
}

static mse_status no_hash(const struct unpack *u, mse_status st)
{
    return MSE_FAIL(u->err, st, STEP, "SHA-256: %s", mse_status_text(st));
}

/* The content, without copies: pieces must follow one another, for there are no holes. */
static mse_status copy_data(struct unpack *u, int fd, const char *path, uint64_t size,
                            struct mse_sha256_ctx *c)
{
    uint64_t done = 0;
    for (;;) {
        const void *data = NULL;
        size_t len = 0;
        la_int64_t offset = 0;
        int r = archive_read_data_block(u->a, &data, &len, &offset);
        if (r == ARCHIVE_EOF && done == size) {
            u->left -= size;
            return MSE_OK;
        }
        if (r != ARCHIVE_OK && r != ARCHIVE_EOF) {
            return archive_failed(u);
        }
        if (r == ARCHIVE_EOF || offset < 0 || (uint64_t)offset != done || len > size - done) {
            return MSE_FAIL(u->err, MSE_ERR_MALFORMED, STEP, "%.150s is not of one piece", path);
        }
        if (!mse_io_write(fd, mse_bytes_of(data, len))) {
            return MSE_FAIL(u->err, MSE_ERR_IO, STEP, "%.150s: %s", path, strerror(errno));
        }
        mse_sha256_update(c, data, len);
        done += len;
    }
}

static mse_status check_entry(const struct unpack *u, struct archive_entry *e)
{
    struct mse_error *err = u->err;
    const char *path = archive_entry_pathname(e);
    if (path == NULL || !mse_rule_path(mse_bytes_str(path))) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "bad path %.150s",
                        path == NULL ? "(none)" : path);
    }
    if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) != NULL ||
        archive_entry_symlink(e) != NULL) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%.150s is not a regular file", path);
    }
    if (u->last[0] != '\0' && strcmp(u->last, path) >= 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%.100s behind %.100s: not in order", path,
                        u->last);
    }
    if (archive_entry_size(e) < 0 || (uint64_t)archive_entry_size(e) > u->left) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "more content than allowed, at %.150s", path);
    }
    return MSE_OK;
}

static mse_status write_entry(struct unpack *u, struct mse_code_file *f)
{
    struct mse_sha256_ctx c = { 0 };
    int fd = create_file(u->dest_fd, f->path, f->executable ? 0755 : 0644);
    if (fd < 0) {
        return MSE_FAIL(u->err, MSE_ERR_IO, STEP, "%.150s: %s", f->path, strerror(errno));
    }
    mse_status st = mse_sha256_init(&c);
    st = st == MSE_OK ? copy_data(u, fd, f->path, f->size, &c) : no_hash(u, st);
    if (close(fd) != 0 && st == MSE_OK) {
        st = MSE_FAIL(u->err, MSE_ERR_IO, STEP, "%.150s: %s", f->path, strerror(errno));
    }
    if (st == MSE_OK && mse_sha256_final(&c, f->sha256) != MSE_OK) {
        st = no_hash(u, MSE_ERR_CRYPTO);
    }
    mse_sha256_clear(&c);
    return st;
}

static mse_status take_entry(struct unpack *u, struct archive_entry *e)
{
    mse_status st = check_entry(u, e);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_code_file f = { .path = archive_entry_pathname(e),
                               .executable = (archive_entry_perm(e) & S_IXUSR) != 0,
                               .size = (uint64_t)archive_entry_size(e) };
    mse_rows_add(&u->shape, &f); /* its sha256 is zero here */
    st = write_entry(u, &f);
    if (st == MSE_OK) {
        mse_rows_add(&u->rows, &f);
        memcpy(u->last, f.path, strlen(f.path) + 1);
    }
    return st;
}

/* Nothing may stand behind the end of the archive; and only at its own end is the stream known to
 * be whole. */
static mse_status check_end(struct unpack *u)
{
    la_ssize_t n = 1;
    while (n > 0) {
        n = feed(u->a, u, &(const void *) { NULL });
    }
    uint64_t used = (uint64_t)archive_filter_bytes(u->a, 0);
    if (n == 0 && u->taken > 0 && u->taken == used) {
        return MSE_OK;
    }
    if (n < 0) {
        return archive_failed(u);
    }
    return MSE_FAIL(u->err, MSE_ERR_PACKAGE_EXTENDED, STEP, "%llu bytes behind the archive",
                    (unsigned long long)(u->taken - used));
}

static mse_status read_entries(struct unpack *u, struct archive_entry *e)
{
    for (;;) {
        int r = archive_read_next_header2(u->a, e);
        if (r == ARCHIVE_EOF) {
            return check_end(u);
        }
        if (r != ARCHIVE_OK) {
            return archive_failed(u);
        }
        mse_status st = take_entry(u, e);
        if (st != MSE_OK) {
            return st;
        }
    }
}

/* The shorter calls of libarchive do not look whether they got the memory for this. */
static mse_status read_tar(struct unpack *u)
{
    if (archive_read_support_format_tar(u->a) != ARCHIVE_OK ||
        archive_read_set_read_callback(u->a, feed) != ARCHIVE_OK ||
        archive_read_set_callback_data(u->a, u) != ARCHIVE_OK ||
        archive_read_open1(u->a) != ARCHIVE_OK) {
        return archive_failed(u);
    }
    struct archive_entry *e = archive_entry_new();
    if (e == NULL) {
        return MSE_FAIL(u->err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_status st = read_entries(u, e);
    archive_entry_free(e);
    return st;
}

/* The tree as it lies there: the names, sizes and permissions that were written, no file more and
 * none less. */
static mse_status check_shape(struct unpack *u, const char *dest)
{
    struct mse_tree t;
    struct mse_sha256_ctx c = { 0 };
    uint8_t want[32];
    uint8_t seen[32];
    mse_status st = mse_tree_open(&t, dest, false, u->err);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_sha256_init(&c);
    for (size_t i = 0; st == MSE_OK && i < t.num; i++) {
        mse_rows_add(&c, &(struct mse_code_file) { .path = t.files[i].path,
                                                   .executable = t.files[i].executable,
                                                   .size = t.files[i].size });
    }
    mse_tree_close(&t);
    st = st == MSE_OK ? mse_sha256_final(&c, seen) : st;
    st = st == MSE_OK ? mse_sha256_final(&u->shape, want) : st;
    mse_sha256_clear(&c);
    if (st != MSE_OK) {
        return no_hash(u, st);
    }
    return mse_mem_equal(want, seen, sizeof want)
               ? MSE_OK
               : MSE_FAIL(u->err, MSE_ERR_IO, STEP, "%.150s holds other files than were written",
                          dest);
}

static mse_status unpack_to(struct unpack *u, const char *dest)
{
    u->dest_fd = open(dest, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (u->dest_fd < 0) {
        return MSE_FAIL(u->err, MSE_ERR_IO, STEP, "%.150s: %s", dest, strerror(errno));
    }
    mse_status st = read_tar(u);
    (void)close(u->dest_fd);
    return st == MSE_OK ? check_shape(u, dest) : st;
}

static mse_status begin(struct unpack *u)
{
    u->a = archive_read_new();
    if (u->a == NULL) {
        return MSE_FAIL(u->err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_status st = mse_sha256_init(&u->rows);
    st = st == MSE_OK ? mse_sha256_init(&u->shape) : st;
    return st == MSE_OK ? MSE_OK : no_hash(u, st);
}

mse_status mse_package_unpack(struct mse_unpacked *out, int fd, const char *dest,
                              const struct mse_package *p, struct mse_error *err)
{
    struct mse_unpacked found = { .code_salt = { 0 } };
    struct mse_error own = { 0 };
    struct unpack u = { .err = err != NULL ? err : &own, .left = p->max_total };
    mse_status st = mse_stream_in_new(&u.stream, fd, p, u.err);
    if (st != MSE_OK) {
        return st;
    }
    st = begin(&u);
    if (st == MSE_OK) {
        st = read_salt(&u, found.code_salt);
    }
    if (st == MSE_OK) {
        mse_rows_begin(&u.rows, MSE_CODE_TAG, found.code_salt);
        st = unpack_to(&u, dest);
    }
    if (st == MSE_OK && mse_sha256_final(&u.rows, found.code_digest) != MSE_OK) {
        st = no_hash(&u, MSE_ERR_CRYPTO);
    }
    (void)archive_read_free(u.a);
    mse_stream_in_free(u.stream);
    mse_sha256_clear(&u.rows);
    mse_sha256_clear(&u.shape);
    if (st == MSE_OK) {
        *out = found;
    }
    mse_wipe(&found, sizeof found);
    return st;
}
