/* SPDX-License-Identifier: Apache-2.0 */
#include "package/file.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/util.h"
#include "package/stream.h"

#define STEP "file"

static const uint8_t none[32] = { 0 };

static mse_status io_failed(struct mse_error *err, const char *what)
{
    return MSE_FAIL(err, MSE_ERR_IO, STEP, "cannot be %s: %s", what, strerror(errno));
}

static mse_status write_all(struct mse_stream_out *s, int from, uint8_t *buf, struct mse_error *err)
{
    mse_status st = MSE_OK;
    size_t got = 1;
    while (st == MSE_OK && got > 0) {
        if (!mse_io_read(from, buf, MSE_PACKAGE_CHUNK_LEN, &got)) {
            return io_failed(err, "read");
        }
        st = mse_stream_write(s, mse_bytes_of(buf, got));
    }
    st = st == MSE_OK ? mse_stream_finish(s) : st;
    return st == MSE_ERR_IO ? io_failed(err, "written") : st;
}

mse_status mse_file_encrypt(int to, int from, const uint8_t key[32], struct mse_error *err)
{
    const struct mse_package p = { .manifest_digest = none, .key = key, .file = true };
    struct mse_stream_out *s = NULL;
    uint8_t *buf = malloc(MSE_PACKAGE_CHUNK_LEN);
    if (buf == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_status st = mse_stream_out_new(&s, to, &p, err);
    if (st == MSE_OK) {
        st = write_all(s, from, buf, err);
    }
    mse_stream_out_free(s);
    mse_wipe(buf, MSE_PACKAGE_CHUNK_LEN);
    free(buf);
    return st;
}

mse_status mse_file_decrypt(int to, int from, const uint8_t key[32], struct mse_error *err)
{
    const struct mse_package p = { .manifest_digest = none, .key = key, .file = true };
    struct mse_stream_in *s = NULL;
    struct mse_bytes piece = { none, 1 };
    mse_status st = mse_stream_in_new(&s, from, &p, err);
    while (st == MSE_OK && piece.len > 0) {
        st = mse_stream_read(s, &piece, err);
        if (st == MSE_OK && !mse_io_write(to, piece)) {
            st = io_failed(err, "written");
        }
    }
    mse_stream_in_free(s);
    return st;
}
