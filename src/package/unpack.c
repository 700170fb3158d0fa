/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking the plain package. The archive is hostile until code_digest says otherwise: only
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
#include "package/code.h"
#include "package/plain.h"
#include "package/rules.h"

#define STEP "package"

struct unpack {
    struct archive *a;
    int src_fd;
    int dest_fd;
    uint64_t taken; /* bytes that the archive reader got */
    uint64_t left;  /* bytes of content that may still be written */
    char last[MSE_PATH_MAX_LEN + 1];
    uint8_t buf[65536];
};

static ssize_t read_some(int fd, uint8_t *buf, size_t len)
{
    ssize_t n = 0;
    do {
        n = read(fd, buf, len);
    } while (n < 0 && errno == EINTR);
    return n;
}

static bool read_exact(int fd, uint8_t *buf, size_t len)
{
    while (len > 0) {
        ssize_t n = read_some(fd, buf, len);
        if (n <= 0) {
            return false;
        }
        buf += n;
        len -= (size_t)n;
    }
    return true;
}

static mse_status read_header(uint8_t salt[32], int fd, const uint8_t manifest_digest[32],
                              struct mse_error *err)
{
    uint8_t buf[MSE_PLAIN_HEADER_LEN] = { 0 };
    uint8_t digest[32];
    struct mse_bytes in = mse_bytes_of(buf, sizeof buf);
    struct mse_bytes magic;
    if (!read_exact(fd, buf, sizeof buf)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "shorter than its header of %zu bytes",
                        sizeof buf);
    }
    bool form = mse_rd_bytes(&in, &magic, 8) &&            // 0 magic
                mse_rd_copy(&in, digest, sizeof digest) && // 8 SHA-256 of the manifest
                mse_rd_zeros(&in, 32) &&                   // 40 no salt for a key
                mse_rd_copy(&in, salt, 32);                // 72 code_salt
    if (!form || !mse_mem_equal(magic.data, MSE_PLAIN_MAGIC, sizeof MSE_PLAIN_MAGIC)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "not a plain package (MSEPKG0)");
    }
    if (!mse_mem_equal(digest, manifest_digest, sizeof digest)) {
        return MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, STEP, "made for another manifest");
    }
    return MSE_OK;
}

static la_ssize_t feed(struct archive *a, void *user, const void **out)
{
    struct unpack *u = user;
    (void)a;
    ssize_t n = read_some(u->src_fd, u->buf, sizeof u->buf);
    *out = u->buf;
    u->taken += n > 0 ? (uint64_t)n : 0;
    return n;
}

static mse_status archive_failed(const struct unpack *u, struct mse_error *err)
{
    const char *why = archive_error_string(u->a);
    return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "bad archive: %.180s",
                    why == NULL ? "unknown reason" : why);
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

static bool write_piece(int fd, const uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static mse_status copy_data(struct unpack *u, int fd, const char *path, struct mse_error *err)
{
    uint8_t buf[16384];
    for (;;) {
        la_ssize_t n = archive_read_data(u->a, buf, sizeof buf);
        if (n == 0) {
            return MSE_OK;
        }
        if (n < 0) {
            return archive_failed(u, err);
        }
        if ((uint64_t)n > u->left) {
            return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "more content than allowed, at %.150s",
                            path);
        }
        u->left -= (uint64_t)n;
        if (!write_piece(fd, buf, (size_t)n)) {
            return MSE_FAIL(err, MSE_ERR_IO, STEP, "%.150s: %s", path, strerror(errno));
        }
    }
}

static mse_status check_entry(const struct unpack *u, struct archive_entry *e,
                              struct mse_error *err)
{
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

static mse_status take_entry(struct unpack *u, struct archive_entry *e, struct mse_error *err)
{
    mse_status st = check_entry(u, e, err);
    if (st != MSE_OK) {
        return st;
    }
    const char *path = archive_entry_pathname(e);
    mode_t mode = (archive_entry_perm(e) & S_IXUSR) != 0 ? 0755 : 0644;
    int fd = create_file(u->dest_fd, path, mode);
    if (fd < 0) {
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "%.150s: %s", path, strerror(errno));
    }
    st = copy_data(u, fd, path, err);
    if (close(fd) != 0 && st == MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_IO, STEP, "%.150s: %s", path, strerror(errno));
    }
    if (st == MSE_OK) {
        memcpy(u->last, path, strlen(path) + 1);
    }
    return st;
}

/* Nothing may stand behind the end of the archive. */
static mse_status check_end(struct unpack *u, struct mse_error *err)
{
    while (feed(u->a, u, &(const void *) { NULL }) > 0) {
        /* count what is left */
    }
    uint64_t used = (uint64_t)archive_filter_bytes(u->a, 0);
    if (u->taken == 0 || u->taken != used) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%llu bytes behind the archive",
                        (unsigned long long)(u->taken - used));
    }
    return MSE_OK;
}

static mse_status read_tar(struct unpack *u, struct mse_error *err)
{
    if (archive_read_support_format_tar(u->a) != ARCHIVE_OK ||
        archive_read_open(u->a, u, NULL, feed, NULL) != ARCHIVE_OK) {
        return archive_failed(u, err);
    }
    for (;;) {
        struct archive_entry *e = NULL;
        int r = archive_read_next_header(u->a, &e);
        if (r == ARCHIVE_EOF) {
            return check_end(u, err);
        }
        if (r != ARCHIVE_OK) {
            return archive_failed(u, err);
        }
        mse_status st = take_entry(u, e, err);
        if (st != MSE_OK) {
            return st;
        }
    }
}

mse_status mse_package_unpack_plain(uint8_t out_salt[32], int fd, const char *dest,
                                    const uint8_t manifest_digest[32], uint64_t max_total,
                                    struct mse_error *err)
{
    uint8_t salt[32];
    mse_status st = read_header(salt, fd, manifest_digest, err);
    if (st != MSE_OK) {
        return st;
    }
    struct unpack *u = calloc(1, sizeof *u);
    struct archive *a = archive_read_new();
    if (u == NULL || a == NULL) {
        (void)archive_read_free(a);
        free(u);
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    u->a = a;
    u->src_fd = fd;
    u->left = max_total;
    u->dest_fd = open(dest, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (u->dest_fd < 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, STEP, "%.150s: %s", dest, strerror(errno));
    } else {
        st = read_tar(u, err);
        (void)close(u->dest_fd);
    }
    (void)archive_read_free(a);
    free(u);
    if (st == MSE_OK) {
        memcpy(out_salt, salt, sizeof salt);
    }
    return st;
}
