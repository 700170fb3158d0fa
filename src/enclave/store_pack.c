/* SPDX-License-Identifier: Apache-2.0 */
/* See store_pack.h. */
#include "enclave/store_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "os/dir_file.h"

#define PIECE_MAX (MSE_STORE_CHUNK + MSE_AEAD_TAG_LEN)

struct mse_pack_writer {
    struct mse_aead *aead;
    int dir_fd;
    int fd;
    uint32_t next;
    uint64_t length;
    bool finished;
    uint8_t head[MSE_SEAL_HEAD_LEN];
    uint8_t salt[MSE_SEAL_SALT_LEN];
    char name[MSE_PACK_NAME_LEN];
    uint8_t sealed[PIECE_MAX];
};

struct mse_pack_reader {
    struct mse_aead *aead;
    int fd;
    uint8_t head[MSE_SEAL_HEAD_LEN];
    uint8_t sealed[PIECE_MAX];
};

void mse_pack_name(char out[MSE_PACK_NAME_LEN], const uint8_t salt[32])
{
    out[0] = 'p';
    mse_hex_encode(out + 1, mse_bytes_of(salt, 16));
}

bool mse_pack_is_name(const char *name)
{
    return strlen(name) == MSE_PACK_NAME_LEN - 1 && name[0] == 'p' &&
           strspn(name + 1, "0123456789abcdef") == MSE_PACK_NAME_LEN - 2;
}

static void nonce_of(uint8_t out[MSE_AEAD_NONCE_LEN], uint32_t number)
{
    struct mse_build b;
    mse_build_fixed(&b, out, MSE_AEAD_NONCE_LEN);
    mse_wr_zeros(&b, 8);
    mse_wr_u32be(&b, number);
}

/* ---- writing ---- */

static mse_status write_out(struct mse_pack_writer *w, struct mse_bytes content,
                            struct mse_error *err)
{
    if (!mse_io_write(w->fd, content)) {
        return MSE_FAIL(err, MSE_ERR_IO, "storage", "a pack cannot be written: %s",
                        strerror(errno));
    }
    w->length += content.len;
    return MSE_OK;
}

static mse_status writer_open(struct mse_pack_writer *w, const uint8_t root[32],
                              struct mse_error *err)
{
    mse_status st = mse_random(w->salt, sizeof w->salt);
    st = st == MSE_OK ? mse_seal_head(w->head, root, MSE_SEAL_PACK, w->salt) : st;
    st = st == MSE_OK ? mse_seal_key(&w->aead, root, MSE_SEAL_PACK, w->salt) : st;
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "storage", "no key for a pack");
    }
    mse_pack_name(w->name, w->salt);
    w->fd = openat(w->dir_fd, w->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return w->fd >= 0
               ? write_out(w, mse_bytes_of(w->head, sizeof w->head), err)
               : MSE_FAIL(err, MSE_ERR_IO, "storage", "a pack cannot be made: %s", strerror(errno));
}

mse_status mse_pack_writer_new(struct mse_pack_writer **out, int dir_fd, const uint8_t root[32],
                               struct mse_error *err)
{
    struct mse_pack_writer *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "storage", "out of memory");
    }
    w->dir_fd = dir_fd;
    w->fd = -1;
    mse_status st = writer_open(w, root, err);
    if (st != MSE_OK) {
        mse_pack_writer_free(w);
        return st;
    }
    *out = w;
    return MSE_OK;
}

mse_status mse_pack_put(struct mse_pack_writer *w, struct mse_store_chunk *c,
                        struct mse_bytes piece, struct mse_error *err)
{
    uint8_t nonce[MSE_AEAD_NONCE_LEN];
    MSE_ASSERT(piece.len <= MSE_STORE_CHUNK && w->next < UINT32_MAX);
    nonce_of(nonce, w->next);
    mse_status st =
        mse_aead_seal(w->aead, w->sealed, nonce, mse_bytes_of(w->head, sizeof w->head), piece);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "storage", "a piece cannot be sealed");
    }
    uint64_t offset = w->length;
    st = write_out(w, mse_bytes_of(w->sealed, piece.len + MSE_AEAD_TAG_LEN), err);
    if (st == MSE_OK) {
        c->number = w->next++;
        c->offset = offset;
    }
    return st;
}

mse_status mse_pack_finish(struct mse_pack_writer *w, struct mse_store_pack *out,
                           struct mse_error *err)
{
    static const uint8_t zeros[MSE_STORE_PAGE];
    struct mse_store_chunk unused;
    size_t over = (size_t)((w->length + MSE_AEAD_TAG_LEN) % MSE_STORE_PAGE);
    mse_status st =
        mse_pack_put(w, &unused, mse_bytes_of(zeros, over == 0 ? 0 : MSE_STORE_PAGE - over), err);
    if (st == MSE_OK && (fsync(w->fd) != 0 || fsync(w->dir_fd) != 0)) {
        st = MSE_FAIL(err, MSE_ERR_IO, "storage", "a pack cannot be synced: %s", strerror(errno));
    }
    if (st == MSE_OK) {
        w->finished = true;
        memcpy(out->salt, w->salt, sizeof out->salt);
        out->length = w->length;
    }
    return st;
}

void mse_pack_writer_free(struct mse_pack_writer *w)
{
    if (w == NULL) {
        return;
    }
    if (w->fd >= 0) {
        (void)close(w->fd);
    }
    if (w->fd >= 0 && !w->finished) {
        (void)unlinkat(w->dir_fd, w->name, 0);
    }
    mse_aead_free(w->aead);
    free(w);
}

/* ---- reading ---- */

static mse_status damaged(struct mse_error *err, const char *what)
{
    return MSE_FAIL(err, MSE_ERR_STORAGE_DAMAGED, "storage", "%s", what);
}

static mse_status reader_open(struct mse_pack_reader *r, int dir_fd, const uint8_t root[32],
                              const struct mse_store_pack *pack, struct mse_error *err)
{
    char name[MSE_PACK_NAME_LEN];
    uint8_t salt[MSE_SEAL_SALT_LEN];
    uint64_t len = 0;
    mse_pack_name(name, pack->salt);
    mse_status st = mse_dir_file_open(&r->fd, &len, dir_fd, name, NULL);
    if (st != MSE_OK) {
        return st == MSE_ERR_NOT_FOUND
                   ? MSE_FAIL(err, MSE_ERR_STORAGE_MISSING, "storage", "a pack is gone")
                   : damaged(err, "a pack cannot be read");
    }
    if (!mse_io_read_exact(r->fd, r->head, len < sizeof r->head ? (size_t)len : sizeof r->head)) {
        return damaged(err, "a pack cannot be read");
    }
    st = mse_seal_check_head(
        salt, root, MSE_SEAL_PACK,
        mse_bytes_of(r->head, len < sizeof r->head ? (size_t)len : sizeof r->head));
    if (st == MSE_ERR_STORAGE_FOREIGN) {
        return MSE_FAIL(err, st, "storage", "a pack is of another enclave's storage");
    }
    if (st != MSE_OK || !mse_mem_equal(salt, pack->salt, sizeof salt)) {
        return damaged(err, "a pack is another one than the index names");
    }
    if (len != pack->length) {
        return damaged(err, "a pack has another length than the index says");
    }
    st = mse_seal_key(&r->aead, root, MSE_SEAL_PACK, salt);
    return st == MSE_OK ? st : MSE_FAIL(err, st, "storage", "no key for a pack");
}

mse_status mse_pack_reader_new(struct mse_pack_reader **out, int dir_fd, const uint8_t root[32],
                               const struct mse_store_pack *pack, struct mse_error *err)
{
    struct mse_pack_reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "storage", "out of memory");
    }
    r->fd = -1;
    mse_status st = reader_open(r, dir_fd, root, pack, err);
    if (st != MSE_OK) {
        mse_pack_reader_free(r);
        return st;
    }
    *out = r;
    return MSE_OK;
}

mse_status mse_pack_get(struct mse_pack_reader *r, uint8_t *out, size_t len,
                        const struct mse_store_chunk *c, struct mse_error *err)
{
    uint8_t nonce[MSE_AEAD_NONCE_LEN];
    size_t sealed_len = len + MSE_AEAD_TAG_LEN;
    nonce_of(nonce, c->number);
    if (lseek(r->fd, (off_t)c->offset, SEEK_SET) < 0 ||
        !mse_io_read_exact(r->fd, r->sealed, sealed_len) ||
        mse_aead_open(r->aead, out, nonce, mse_bytes_of(r->head, sizeof r->head),
                      mse_bytes_of(r->sealed, sealed_len)) != MSE_OK) {
        return damaged(err, "a piece of a pack was changed");
    }
    return MSE_OK;
}

void mse_pack_reader_free(struct mse_pack_reader *r)
{
    if (r == NULL) {
        return;
    }
    if (r->fd >= 0) {
        (void)close(r->fd);
    }
    mse_aead_free(r->aead);
    free(r);
}
