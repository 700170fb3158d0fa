/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the plain package: a fixed header, then a deterministic pax tar of the code tree. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "package/code.h"
#include "package/plain.h"
#include "package/tree.h"

static mse_status write_all(int fd, struct mse_bytes b)
{
    while (b.len > 0) {
        ssize_t n = write(fd, b.data, b.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return MSE_ERR_IO;
        }
        b = mse_bytes_of(b.data + n, b.len - (size_t)n);
    }
    return MSE_OK;
}

static mse_status write_header(int fd, const uint8_t salt[32], const uint8_t manifest_digest[32],
                               struct mse_error *err)
{
    uint8_t buf[MSE_PLAIN_HEADER_LEN];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    mse_wr_copy(&b, MSE_PLAIN_MAGIC, sizeof MSE_PLAIN_MAGIC);
    mse_wr_copy(&b, manifest_digest, 32);
    mse_wr_zeros(&b, 32);
    mse_wr_copy(&b, salt, 32);
    if (!mse_build_ok(&b) || write_all(fd, mse_build_view(&b)) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_IO, "package", "cannot be written: %s", strerror(errno));
    }
    return MSE_OK;
}

static mse_status archive_failed(struct archive *a, struct mse_error *err)
{
    const char *why = archive_error_string(a);
    return MSE_FAIL(err, MSE_ERR_IO, "package", "cannot be written: %.180s",
                    why == NULL ? "unknown reason" : why);
}

static mse_status data_piece(void *user, struct mse_bytes piece)
{
    la_ssize_t n = archive_write_data(user, piece.data, piece.len);
    return n == (la_ssize_t)piece.len ? MSE_OK : MSE_ERR_IO;
}

static mse_status write_file(struct archive *a, const struct mse_tree *t,
                             const struct mse_tree_file *f, struct mse_error *err)
{
    struct archive_entry *e = archive_entry_new();
    if (e == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "package", "out of memory");
    }
    archive_entry_copy_pathname(e, f->path);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, f->executable ? 0755 : 0644);
    archive_entry_set_size(e, (la_int64_t)f->size);
    archive_entry_set_mtime(e, 0, 0);
    mse_status st = MSE_OK;
    if (archive_write_header(a, e) != ARCHIVE_OK) {
        st = archive_failed(a, err);
    } else {
        st = mse_tree_read(t, f, data_piece, a, err);
    }
    archive_entry_free(e);
    return st;
}

static mse_status write_tar(int fd, const struct mse_tree *t, struct mse_error *err)
{
    struct archive *a = archive_write_new();
    if (a == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "package", "out of memory");
    }
    mse_status st = MSE_OK;
    /* Names are bytes here and there: no conversion by the locale. */
    if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
        archive_write_add_filter_none(a) != ARCHIVE_OK ||
        archive_write_set_options(a, "hdrcharset=BINARY") != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
        archive_write_open_fd(a, fd) != ARCHIVE_OK) {
        st = archive_failed(a, err);
    }
    for (size_t i = 0; st == MSE_OK && i < t->num; i++) {
        st = write_file(a, t, &t->files[i], err);
    }
    if (st == MSE_OK && archive_write_close(a) != ARCHIVE_OK) {
        st = archive_failed(a, err);
    }
    (void)archive_write_free(a);
    return st;
}

mse_status mse_package_write_plain(int fd, const char *dir, const uint8_t salt[32],
                                   const uint8_t manifest_digest[32], struct mse_error *err)
{
    struct mse_tree t;
    mse_status st = mse_tree_open(&t, dir, true, err);
    if (st != MSE_OK) {
        return st;
    }
    st = write_header(fd, salt, manifest_digest, err);
    if (st == MSE_OK) {
        st = write_tar(fd, &t, err);
    }
    mse_tree_close(&t);
    return st;
}
