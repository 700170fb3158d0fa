/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the stream of a package. A full chunk waits until more comes, for the last one is marked.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "package/stream_key.h"

#define STEP "package"

struct mse_stream_out {
    int fd;
    struct mse_aead *aead; /* NULL: plain */
    uint64_t number;
    size_t len; /* of plaintext that waits in buf */
    uint8_t header[MSE_PACKAGE_HEAD_LEN];
    uint8_t buf[MSE_PACKAGE_CHUNK_LEN + MSE_AEAD_TAG_LEN];
};

void mse_stream_out_free(struct mse_stream_out *s)
{
    if (s == NULL) {
        return;
    }
    mse_aead_free(s->aead);
    mse_wipe(s->buf, sizeof s->buf);
    free(s);
}

static mse_status begin(struct mse_stream_out *s, const struct mse_package *p)
{
    static const uint8_t none[32] = { 0 };
    uint8_t fresh[32];
    const uint8_t *salt = p->key == NULL ? none : p->key_salt;
    if (salt == NULL) {
        if (mse_random(fresh, sizeof fresh) != MSE_OK) {
            return MSE_ERR_CRYPTO;
        }
        salt = fresh;
    }
    struct mse_build b;
    mse_build_fixed(&b, s->header, sizeof s->header);
    mse_wr_copy(&b, mse_stream_magic(p), 8);
    mse_wr_copy(&b, p->manifest_digest, 32);
    mse_wr_copy(&b, salt, 32);
    return p->key == NULL ? MSE_OK : mse_stream_key(&s->aead, p, salt);
}

mse_status mse_stream_out_new(struct mse_stream_out **out, int fd, const struct mse_package *p,
                              struct mse_error *err)
{
    struct mse_stream_out *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    s->fd = fd;
    mse_status st = begin(s, p);
    if (st != MSE_OK) {
        st = MSE_FAIL(err, st, STEP, "no random bytes, or no AES-256-GCM");
    } else if (!mse_io_write(fd, mse_bytes_of(s->header, sizeof s->header))) {
        st = MSE_FAIL(err, MSE_ERR_IO, STEP, "cannot be written: %s", strerror(errno));
    }
    if (st != MSE_OK) {
        mse_stream_out_free(s);
        return st;
    }
    *out = s;
    return MSE_OK;
}

static mse_status flush(struct mse_stream_out *s, bool last)
{
    uint8_t nonce[MSE_AEAD_NONCE_LEN];
    size_t len = s->len;
    if (s->aead != NULL) {
        mse_stream_nonce(nonce, s->number++, last);
        mse_status st =
            mse_aead_seal(s->aead, s->buf, nonce, mse_bytes_of(s->header, sizeof s->header),
                          mse_bytes_of(s->buf, s->len));
        if (st != MSE_OK) {
            return st;
        }
        len += MSE_AEAD_TAG_LEN;
    }
    s->len = 0;
    return mse_io_write(s->fd, mse_bytes_of(s->buf, len)) ? MSE_OK : MSE_ERR_IO;
}

mse_status mse_stream_write(struct mse_stream_out *s, struct mse_bytes piece)
{
    while (piece.len > 0) {
        if (s->len == MSE_PACKAGE_CHUNK_LEN) {
            mse_status st = flush(s, false);
            if (st != MSE_OK) {
                return st;
            }
        }
        size_t room = MSE_PACKAGE_CHUNK_LEN - s->len;
        size_t n = piece.len < room ? piece.len : room;
        memcpy(s->buf + s->len, piece.data, n);
        s->len += n;
        piece = mse_bytes_of(piece.data + n, piece.len - n);
    }
    return MSE_OK;
}

mse_status mse_stream_finish(struct mse_stream_out *s)
{
    return flush(s, true);
}
