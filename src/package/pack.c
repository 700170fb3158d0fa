/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a package: code_salt and a deterministic pax tar of the code tree, through the stream. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

#include "base/bytes.h"
#include "base/error.h"
#include "package/code.h"
#include "package/tree.h"

#define STEP "package"

static la_ssize_t take(struct archive *a, void *user, const void *data, size_t len)
{
    (void)a;
    return mse_stream_write(user, mse_bytes_of(data, len)) == MSE_OK ? (la_ssize_t)len : -1;
}

static mse_status archive_failed(struct archive *a, struct mse_error *err)
{
    const char *why = archive_error_string(a);
    return MSE_FAIL(err, MSE_ERR_IO, STEP, "cannot be written: %.180s",
                    why == NULL ? strerror(errno) : why);
}

struct packing {
    struct archive *a;
    const struct mse_package *p;
    uint64_t done; /* bytes of content */
    uint64_t total;
};

static mse_status data_piece(void *user, struct mse_bytes piece)
{
    struct packing *k = user;
    la_ssize_t n = archive_write_data(k->a, piece.data, piece.len);
    k->done += piece.len;
    if (k->p->progress != NULL) {
        k->p->progress(k->p->user, k->done, k->total);
    }
    return n == (la_ssize_t)piece.len ? MSE_OK : MSE_ERR_IO;
}

static mse_status write_file(struct packing *k, const struct mse_tree *t,
                             const struct mse_tree_file *f, struct mse_error *err)
{
    struct archive_entry *e = archive_entry_new();
    if (e == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    archive_entry_copy_pathname(e, f->path);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, f->executable ? 0755 : 0644);
    archive_entry_set_size(e, (la_int64_t)f->size);
    archive_entry_set_mtime(e, 0, 0);
    mse_status st = MSE_OK;
    if (archive_write_header(k->a, e) != ARCHIVE_OK) {
        st = archive_failed(k->a, err);
    } else {
        st = mse_tree_read(t, f, data_piece, k, err);
    }
    archive_entry_free(e);
    return st;
}

static mse_status write_tar(struct mse_stream_out *to, const struct mse_tree *t,
                            const struct mse_package *p, struct mse_error *err)
{
    struct archive *a = archive_write_new();
    if (a == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_status st = MSE_OK;
    /* Names are bytes here and there: no conversion by the locale. Unbuffered: the stream is. */
    if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
        archive_write_add_filter_none(a) != ARCHIVE_OK ||
        archive_write_set_options(a, "hdrcharset=BINARY") != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
        archive_write_open(a, to, NULL, take, NULL) != ARCHIVE_OK) {
        st = archive_failed(a, err);
    }
    struct packing k = { .a = a, .p = p };
    for (size_t i = 0; i < t->num; i++) {
        k.total += t->files[i].size; /* at most what a file system holds */
    }
    for (size_t i = 0; st == MSE_OK && i < t->num; i++) {
        st = write_file(&k, t, &t->files[i], err);
    }
    if (st == MSE_OK && archive_write_close(a) != ARCHIVE_OK) {
        st = archive_failed(a, err);
    }
    (void)archive_write_free(a);
    return st;
}

static mse_status write_stream(struct mse_stream_out *to, const struct mse_tree *t,
                               const uint8_t salt[32], const struct mse_package *p,
                               struct mse_error *err)
{
    mse_status st = mse_stream_write(to, mse_bytes_of(salt, MSE_CODE_SALT_LEN));
    if (st == MSE_OK) {
        st = write_tar(to, t, p, err);
    }
    if (st == MSE_OK) {
        st = mse_stream_finish(to);
    }
    return st == MSE_OK
               ? MSE_OK
               : MSE_FAIL(err, st, STEP, "cannot be written: %s", strerror(errno)); /* if new */
}

mse_status mse_package_write(int fd, const char *dir, const uint8_t salt[32],
                             const struct mse_package *p, struct mse_error *err)
{
    struct mse_tree t;
    struct mse_stream_out *to = NULL;
    mse_status st = mse_tree_open(&t, dir, true, err);
    if (st != MSE_OK) {
        return st;
    }
    st = mse_stream_out_new(&to, fd, p, err);
    if (st == MSE_OK) {
        st = write_stream(to, &t, salt, p, err);
    }
    mse_stream_out_free(to);
    mse_tree_close(&t);
    return st;
}
