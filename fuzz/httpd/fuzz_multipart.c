/* SPDX-License-Identifier: Apache-2.0 */
/* A form in parts says the same, however it is cut into pieces; the first byte is where. */
#include <stddef.h>
#include <stdint.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "httpd/multipart.h"

static mse_status on_begin(void *user, const char *name, struct mse_error *err)
{
    (void)err;
    MSE_ASSERT(strlen(name) >= 1 && strlen(name) <= MSE_MULTIPART_MAX_NAME);
    mse_wr_str(user, name);
    mse_wr_u8(user, 0);
    return MSE_OK;
}

static mse_status on_data(void *user, struct mse_bytes piece, struct mse_error *err)
{
    (void)err;
    MSE_ASSERT(piece.len > 0);
    mse_wr_bytes(user, piece);
    return MSE_OK;
}

static mse_status on_end(void *user, struct mse_error *err)
{
    (void)err;
    mse_wr_u8(user, 1);
    return MSE_OK;
}

static mse_status read_form(struct mse_build *out, struct mse_bytes text, size_t step)
{
    static const struct mse_multipart_events events = { on_begin, on_data, on_end };
    struct mse_multipart m;
    mse_status st = mse_multipart_init(&m, "multipart/form-data; boundary=b", &events, out, NULL);
    MSE_ASSERT(st == MSE_OK);
    while (st == MSE_OK && text.len > 0) {
        size_t len = text.len < step ? text.len : step;
        st = mse_multipart_feed(&m, mse_bytes_of(text.data, len), NULL);
        text = mse_bytes_of(text.data + len, text.len - len);
    }
    return st == MSE_OK ? mse_multipart_finish(&m, NULL) : st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_build whole;
    struct mse_build pieces;
    if (size == 0) {
        return 0;
    }
    const struct mse_bytes text = mse_bytes_of(data + 1, size - 1);
    mse_build_heap(&whole, 2 * size + 16);
    mse_build_heap(&pieces, 2 * size + 16);
    mse_status st = read_form(&whole, text, size);
    MSE_ASSERT(read_form(&pieces, text, (size_t)data[0] + 1) == st);
    MSE_ASSERT(mse_build_ok(&whole) && whole.len == pieces.len);
    MSE_ASSERT(whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0);
    mse_build_clear(&whole);
    mse_build_clear(&pieces);
    return 0;
}
