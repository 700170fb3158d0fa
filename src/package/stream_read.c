/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the stream of a package. A chunk that does not authenticate ends the reading; what is
 * tried after that only says why, so that people look at the right thing. */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "package/stream_key.h"

#define STEP      "package"
#define WIRE_LEN  (MSE_PACKAGE_CHUNK_LEN + MSE_AEAD_TAG_LEN)
#define MAX_MOVE  1024U /* how far away a chunk that stands in a wrong place is looked for */
#define TAR_BLOCK 512U

struct mse_stream_in {
    int fd;
    struct mse_aead *aead; /* NULL: plain */
    uint64_t number;
    bool ended;
    bool file;
    mse_status failed;
    size_t have; /* bytes in wire: one more than a chunk unless the file ends before */
    uint8_t header[MSE_PACKAGE_HEAD_LEN];
    uint8_t wire[WIRE_LEN + 1];
    uint8_t plain[WIRE_LEN];
};

void mse_stream_in_free(struct mse_stream_in *s)
{
    if (s == NULL) {
        return;
    }
    mse_aead_free(s->aead);
    mse_wipe(s->plain, sizeof s->plain);
    free(s);
}

static mse_status check_kind(struct mse_bytes magic, const struct mse_package *p,
                             struct mse_error *err)
{
    bool encrypted = p->key != NULL;
    if (p->file) {
        return mse_mem_equal(magic.data, MSE_FILE_MAGIC, 8)
                   ? MSE_OK
                   : MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "not an encrypted file (MSEFILE)");
    }
    bool is_plain = mse_mem_equal(magic.data, MSE_PLAIN_MAGIC, 8);
    if (!is_plain && !mse_mem_equal(magic.data, MSE_ENCRYPTED_MAGIC, 8)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "not a package (MSEPKG0 or MSEPKG1)");
    }
    if (is_plain && encrypted) {
        return MSE_FAIL(err, MSE_ERR_PACKAGE_KIND, STEP, "plain, wanted an encrypted one");
    }
    if (!is_plain && !encrypted) {
        return MSE_FAIL(err, MSE_ERR_PACKAGE_KIND, STEP,
                        "encrypted, but the manifest says plain: wanted a plain one");
    }
    return MSE_OK;
}

static mse_status read_header(struct mse_stream_in *s, const struct mse_package *p,
                              struct mse_error *err)
{
    struct mse_bytes in = mse_bytes_of(s->header, sizeof s->header);
    struct mse_bytes magic;
    struct mse_bytes digest;
    struct mse_bytes salt;
    size_t got = 0;
    if (!mse_io_read(s->fd, s->header, sizeof s->header, &got)) {
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "cannot be read: %s", strerror(errno));
    }
    if (got < sizeof s->header) {
        return MSE_FAIL(err, MSE_ERR_PACKAGE_TRUNCATED, STEP,
                        "%zu bytes, shorter than its header of %zu", got, sizeof s->header);
    }
    bool form = mse_rd_bytes(&in, &magic, 8) &&   // 0 magic
                mse_rd_bytes(&in, &digest, 32) && // 8 SHA-256 of the manifest
                mse_rd_bytes(&in, &salt, 32);     // 40 salt of the key
    MSE_ASSERT(form && in.len == 0);
    mse_status st = check_kind(magic, p, err);
    if (st != MSE_OK) {
        return st;
    }
    if (!mse_mem_equal(digest.data, p->manifest_digest, digest.len)) {
        return MSE_FAIL(err, MSE_ERR_MANIFEST_MISMATCH, STEP, "made for another manifest");
    }
    if (p->key == NULL) {
        return mse_mem_is_zero(salt.data, salt.len)
                   ? MSE_OK
                   : MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "plain, with a salt for a key");
    }
    st = mse_stream_key(&s->aead, p, salt.data);
    return st == MSE_OK ? MSE_OK : MSE_FAIL(err, st, STEP, "no key for AES-256-GCM");
}

mse_status mse_stream_in_new(struct mse_stream_in **out, int fd, const struct mse_package *p,
                             struct mse_error *err)
{
    struct mse_stream_in *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    s->fd = fd;
    s->file = p->file;
    mse_status st = read_header(s, p, err);
    if (st != MSE_OK) {
        mse_stream_in_free(s);
        return st;
    }
    *out = s;
    return MSE_OK;
}

static bool opens(struct mse_stream_in *s, size_t len, uint64_t number, bool last)
{
    uint8_t nonce[MSE_AEAD_NONCE_LEN];
    mse_stream_nonce(nonce, number, last);
    return mse_aead_open(s->aead, s->plain, nonce, mse_bytes_of(s->header, sizeof s->header),
                         mse_bytes_of(s->wire, len)) == MSE_OK;
}

/* Whether the chunk is a good one of another place. */
static bool find_place(struct mse_stream_in *s, size_t len, uint64_t *place)
{
    uint64_t from = s->number > MAX_MOVE ? s->number - MAX_MOVE : 0;
    for (uint64_t n = from; n <= s->number + MAX_MOVE; n++) {
        if (n != s->number && (opens(s, len, n, false) || opens(s, len, n, true))) {
            *place = n;
            return true;
        }
    }
    return false;
}

/* Whether the chunk begins with the last one, which ends where a block of the tar does: 32 bytes,
 * those of code_salt, behind a multiple of 512. */
static bool find_end(struct mse_stream_in *s, size_t len)
{
    for (size_t n = MSE_CODE_SALT_LEN + MSE_AEAD_TAG_LEN; n < len; n += TAR_BLOCK) {
        if (opens(s, n, s->number, true)) {
            return true;
        }
    }
    return false;
}

static bool fits_tar(size_t len)
{
    size_t front = MSE_CODE_SALT_LEN + MSE_AEAD_TAG_LEN;
    return len > front && (len - front) % TAR_BLOCK == 0;
}

/* The first len bytes of wire are no chunk of this place. at_end: the file ends behind them. */
static mse_status explain(struct mse_stream_in *s, size_t len, bool at_end, struct mse_error *err)
{
    unsigned long long number = s->number;
    uint64_t place = 0;
    bool cut = at_end && opens(s, len, s->number, false);
    bool more = !at_end && opens(s, len, s->number, true);
    if (more || (!s->file && find_end(s, len))) {
        return MSE_FAIL(err, MSE_ERR_PACKAGE_EXTENDED, STEP, "bytes behind its last chunk");
    }
    if (cut || (!s->file && at_end && !fits_tar(len))) {
        return MSE_FAIL(err, MSE_ERR_PACKAGE_TRUNCATED, STEP, "ends in or behind chunk %llu",
                        number);
    }
    if (find_place(s, len, &place)) {
        return MSE_FAIL(err, MSE_ERR_PACKAGE_ORDER, STEP, "chunk %llu stands where %llu belongs",
                        (unsigned long long)place, number);
    }
    if (number == 0) {
        return MSE_FAIL(err, MSE_ERR_PACKAGE_KEY, STEP, "the %s (or its beginning is damaged)",
                        s->file ? "key is not the one of this file"
                                : "code key is not the one of this package");
    }
    return MSE_FAIL(err, MSE_ERR_PACKAGE_DAMAGED, STEP, "chunk %llu is damaged", number);
}

static mse_status next_chunk(struct mse_stream_in *s, struct mse_bytes *out, struct mse_error *err)
{
    size_t got = 0;
    if (!mse_io_read(s->fd, s->wire + s->have, sizeof s->wire - s->have, &got)) {
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "cannot be read: %s", strerror(errno));
    }
    s->have += got;
    bool last = s->have < sizeof s->wire;
    size_t len = last ? s->have : WIRE_LEN;
    size_t least = s->file && s->number == 0 ? 0 : 1; /* a file may be empty */
    if (len < MSE_AEAD_TAG_LEN + least) {
        return MSE_FAIL(err, MSE_ERR_PACKAGE_TRUNCATED, STEP, "ends before chunk %llu",
                        (unsigned long long)s->number);
    }
    if (!opens(s, len, s->number, last)) {
        mse_status st = explain(s, len, last, err);
        mse_wipe(s->plain, sizeof s->plain);
        return st;
    }
    s->number++;
    s->ended = last;
    s->have -= len;
    s->wire[0] = s->wire[WIRE_LEN]; /* the byte that was read ahead, if any */
    *out = mse_bytes_of(s->plain, len - MSE_AEAD_TAG_LEN);
    return MSE_OK;
}

static mse_status next_plain(struct mse_stream_in *s, struct mse_bytes *out, struct mse_error *err)
{
    size_t got = 0;
    if (!mse_io_read(s->fd, s->plain, MSE_PACKAGE_CHUNK_LEN, &got)) {
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "cannot be read: %s", strerror(errno));
    }
    s->ended = got < MSE_PACKAGE_CHUNK_LEN;
    *out = mse_bytes_of(s->plain, got);
    return MSE_OK;
}

mse_status mse_stream_read(struct mse_stream_in *s, struct mse_bytes *out, struct mse_error *err)
{
    if (s->failed != MSE_OK) {
        return MSE_FAIL(err, s->failed, STEP, "refused before");
    }
    if (s->ended) {
        *out = mse_bytes_of(s->plain, 0);
        return MSE_OK;
    }
    s->failed = s->aead == NULL ? next_plain(s, out, err) : next_chunk(s, out, err);
    return s->failed;
}
