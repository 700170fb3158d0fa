/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of mse-attest/1 in both directions: the first byte says which. What is read lies inside
 * the input and, written again, gives the same bytes: there is one encoding of everything. */
#include "base/bytes.h"
#include "base/cbor.h"
#include "base/util.h"
#include "ratls/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct mse_bytes part, struct mse_bytes in)
{
    return part.len == 0 || (part.data >= in.data && part.len <= in.len &&
                             (size_t)(part.data - in.data) <= in.len - part.len);
}

static void same_again(const struct mse_build *b, struct mse_bytes in)
{
    size_t len = 0;
    MSE_ASSERT(mse_frame_len(&len, b->data, MSE_SESSION_FRAME_MAX, NULL) == MSE_OK);
    MSE_ASSERT(len == in.len && mse_mem_equal(b->data + MSE_FRAME_HEAD, in.data, len));
}

static void request(struct mse_bytes in, struct mse_build *b)
{
    struct mse_frame_request q;
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_frame_request_read(&q, in, &err);
    MSE_ASSERT(st == err.status);
    if (st == MSE_OK) {
        MSE_ASSERT(in.len <= MSE_FRAME_REQUEST_MAX);
        MSE_ASSERT(mse_frame_request_write(b, &q) == MSE_OK);
        same_again(b, in);
    }
}

static void response(struct mse_bytes in, struct mse_build *b)
{
    struct mse_frame_response r;
    struct mse_error err = { .status = MSE_OK };
    uint8_t root[32];
    uint8_t nonce[32] = { 0 };
    mse_status st = mse_frame_response_read(&r, in, &err);
    MSE_ASSERT(st == err.status);
    if (st != MSE_OK) {
        return;
    }
    MSE_ASSERT((r.error.len > 0) != (r.evidence.len > 0));
    MSE_ASSERT(is_inside(r.error, in) && is_inside(r.evidence, in) && is_inside(r.manifest, in) &&
               is_inside(r.collateral, in) && is_inside(r.nonce, in));
    MSE_ASSERT(!r.has_audit || mse_nonces_follow(root, nonce, &r.audit) == MSE_OK);
    MSE_ASSERT(mse_frame_response_write(b, &r) == MSE_OK);
    same_again(b, in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_build b;
    if (size == 0 || size > MSE_SESSION_FRAME_MAX) {
        return 0;
    }
    mse_build_heap(&b, MSE_FRAME_HEAD + MSE_SESSION_FRAME_MAX);
    struct mse_bytes in = mse_bytes_of(data + 1, size - 1);
    if ((data[0] & 1) == 0) {
        request(in, &b);
    } else {
        response(in, &b);
    }
    mse_build_clear(&b);
    return 0;
}
