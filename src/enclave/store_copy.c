/* SPDX-License-Identifier: Apache-2.0 */
/* See store_copy.h, and mse_store_export in store.h. What travels is what the host has anyway:
 * sealed files. */
#include "enclave/store_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "os/dir_file.h"

#define STEP     "storage"
#define PIECE    ((size_t)64 * 1024)
#define HEAD_MAX (1 + MSE_PACK_NAME_LEN + 8)

mse_status mse_store_name(char out[MSE_STORE_NAME_LEN], const uint8_t root[32])
{
    uint8_t id[MSE_SEAL_ID_LEN];
    mse_status st = mse_seal_id(id, root);
    if (st == MSE_OK) {
        memcpy(out, "store-", sizeof "store-" - 1);
        mse_hex_encode(out + sizeof "store-" - 1, mse_bytes_of(id, sizeof id));
    }
    return st;
}

void mse_store_close_files(struct mse_store_file *files, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        (void)close(files[i].fd);
    }
    free(files);
}

/* ---- out ---- */

static mse_status send_head(const struct mse_store_file *f, mse_store_out_fn *out, void *arg,
                            struct mse_error *err)
{
    uint8_t head[HEAD_MAX];
    struct mse_build b;
    mse_build_fixed(&b, head, sizeof head);
    mse_wr_u8(&b, (uint8_t)strlen(f->name));
    mse_wr_str(&b, f->name);
    mse_wr_u64be(&b, f->len);
    return out(arg, mse_build_view(&b), err);
}

static mse_status send_file(const struct mse_store_file *f, uint8_t *piece, mse_store_out_fn *out,
                            void *arg, struct mse_error *err)
{
    mse_status st = send_head(f, out, arg, err);
    for (uint64_t left = f->len; st == MSE_OK && left > 0;) {
        size_t n = left < PIECE ? (size_t)left : PIECE;
        if (!mse_io_read_exact(f->fd, piece, n)) {
            return MSE_FAIL(err, MSE_ERR_STORAGE_DAMAGED, STEP, "%s is shorter than it was",
                            f->name);
        }
        st = out(arg, mse_bytes_of(piece, n), err);
        left -= n;
    }
    return st;
}

mse_status mse_store_export(struct mse_store *s, mse_store_out_fn *out, void *arg,
                            struct mse_error *err)
{
    struct mse_store_file *files = NULL;
    size_t num = 0;
    uint8_t count[2];
    struct mse_build b;
    uint8_t *piece = malloc(PIECE);
    mse_status st = piece == NULL ? MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory")
                                  : mse_store_open_files(s, &files, &num, err);
    if (st == MSE_OK) {
        mse_build_fixed(&b, count, sizeof count);
        mse_wr_u16be(&b, (uint16_t)num); /* at most MSE_STORE_MAX_PACKS + 1 */
        st = out(arg, mse_build_view(&b), err);
    }
    for (size_t i = 0; st == MSE_OK && i < num; i++) {
        st = send_file(&files[i], piece, out, arg, err);
    }
    mse_store_close_files(files, num);
    free(piece);
    return st;
}

/* ---- in ---- */

struct import {
    const struct mse_store_import *i;
    uint64_t left; /* of what may come */
    int dir_fd;
    uint8_t *piece;
    struct mse_sha256_ctx digest; /* of the index */
};

static mse_status read_head(struct import *m, bool first, char name[MSE_PACK_NAME_LEN],
                            uint64_t *len, struct mse_error *err)
{
    uint8_t num = 0;
    uint8_t wire[8];
    mse_status st = m->i->in(m->i->arg, &num, 1, err);
    if (st == MSE_OK && (num == 0 || num >= MSE_PACK_NAME_LEN)) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "a name of %u bytes", num);
    }
    st = st == MSE_OK ? m->i->in(m->i->arg, name, num, err) : st;
    st = st == MSE_OK ? m->i->in(m->i->arg, wire, sizeof wire, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    name[num] = '\0';
    struct mse_bytes in = mse_bytes_of(wire, sizeof wire);
    bool good = mse_rd_u64be(&in, len) && strlen(name) == num &&
                (first ? strcmp(name, INDEX_NAME) == 0 : mse_pack_is_name(name));
    if (!good) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "a file that no storage has");
    }
    if (*len > m->left) {
        return MSE_FAIL(err, MSE_ERR_STORAGE_LIMIT, STEP, "more than %llu bytes",
                        (unsigned long long)m->i->max);
    }
    m->left -= *len;
    return MSE_OK;
}

static mse_status read_content(struct import *m, int fd, uint64_t len, bool first,
                               struct mse_error *err)
{
    mse_status st = MSE_OK;
    for (uint64_t left = len; st == MSE_OK && left > 0;) {
        size_t n = left < PIECE ? (size_t)left : PIECE;
        st = m->i->in(m->i->arg, m->piece, n, err);
        if (st == MSE_OK && !mse_io_write(fd, mse_bytes_of(m->piece, n))) {
            st = MSE_FAIL(err, MSE_ERR_IO, STEP, "cannot be kept: %s", strerror(errno));
        }
        if (first) {
            mse_sha256_update(&m->digest, m->piece, n);
        }
        left -= n;
    }
    return st;
}

static mse_status read_file(struct import *m, bool first, struct mse_error *err)
{
    char name[MSE_PACK_NAME_LEN];
    uint64_t len = 0;
    mse_status st = read_head(m, first, name, &len, err);
    if (st != MSE_OK) {
        return st;
    }
    int fd = openat(m->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return MSE_FAIL(err, errno == EEXIST ? MSE_ERR_PROTOCOL : MSE_ERR_IO, STEP, "%s: %s", name,
                        strerror(errno));
    }
    st = read_content(m, fd, len, first, err);
    (void)close(fd);
    return st;
}

static mse_status read_all(struct import *m, uint8_t pin[32], struct mse_error *err)
{
    uint8_t wire[2];
    uint16_t num = 0;
    mse_status st = m->i->in(m->i->arg, wire, sizeof wire, err);
    struct mse_bytes in = mse_bytes_of(wire, sizeof wire);
    if (st == MSE_OK && (!mse_rd_u16be(&in, &num) || num == 0 || num > MSE_STORE_MAX_PACKS + 1)) {
        st = MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "%u files", num);
    }
    for (unsigned k = 0; st == MSE_OK && k < num; k++) {
        st = read_file(m, k == 0, err);
    }
    return st == MSE_OK ? mse_sha256_final(&m->digest, pin) : st;
}

mse_status mse_store_import(const struct mse_store_import *i, uint8_t pin[32],
                            struct mse_error *err)
{
    char name[MSE_STORE_NAME_LEN];
    struct import m = { .i = i, .left = i->max, .dir_fd = -1, .piece = malloc(PIECE) };
    mse_status st = m.piece == NULL ? MSE_ERR_MEMORY : mse_store_name(name, i->root);
    st = st == MSE_OK ? mse_sha256_init(&m.digest) : st;
    if (st != MSE_OK) {
        (void)MSE_FAIL(err, st, STEP, "cannot be read");
    }
    st = st == MSE_OK ? mse_dir_open(&m.dir_fd, i->dir_fd, name, true, err) : st;
    st = st == MSE_OK ? read_all(&m, pin, err) : st;
    if (m.dir_fd >= 0) {
        (void)close(m.dir_fd);
    }
    mse_sha256_clear(&m.digest);
    free(m.piece);
    return st;
}
