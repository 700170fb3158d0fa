/* SPDX-License-Identifier: Apache-2.0 */
/* TDX quotes: what is accepted was read to the last byte, the padded form differs only in trailing
 * zeros, and no quote is of both kinds. */
#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/util.h"

static bool inside(struct mse_bytes part, const uint8_t *data, size_t size)
{
    size_t at = (size_t)(part.data - data);
    return at <= size && part.len <= size - at;
}

static void check_quote(const struct mse_tdx_quote *q, const uint8_t *data, size_t size)
{
    const struct mse_quote_auth *a = &q->auth;
    const size_t body = q->body.is_15 ? MSE_TDX_REPORT15_LEN : MSE_TDX_REPORT10_LEN;
    size_t signed_len = 48 + (q->header.version == 5 ? 6U : 0U) + body;
    MSE_ASSERT(q->trailing == 0 && q->header.tee_type == MSE_TEE_TYPE_TDX);
    MSE_ASSERT(q->header.version == 5 || (q->header.version == 4 && !q->body.is_15));
    MSE_ASSERT(q->signed_part.data == data && q->signed_part.len == signed_len);
    MSE_ASSERT(size == signed_len + 4 + 64 + 64 + 6 + 384 + 64 + 2 + a->qe_auth_data.len + 6 +
                           a->cert_data.len);
    MSE_ASSERT(inside(a->qe_report_raw, data, size) && inside(a->qe_auth_data, data, size) &&
               inside(a->cert_data, data, size));
    struct mse_tdx_report r;
    struct mse_bytes raw = mse_bytes_of(data + signed_len - body, body);
    MSE_ASSERT(mse_tdx_report_parse(&r, raw, NULL) == MSE_OK);
    MSE_ASSERT(mse_mem_equal(r.report_data, q->body.report_data, 64));
}

/* What the padded reader accepts is a quote and zeros. */
static mse_status check_padded(const uint8_t *data, size_t size)
{
    struct mse_tdx_quote q;
    mse_status st = mse_tdx_quote_parse_padded(&q, mse_bytes_of(data, size), NULL);
    if (st == MSE_OK) {
        size_t len = size - q.trailing;
        MSE_ASSERT(mse_mem_is_zero(data + len, q.trailing));
        MSE_ASSERT(mse_tdx_quote_parse(&q, mse_bytes_of(data, len), NULL) == MSE_OK);
    }
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = mse_bytes_of(data, size);
    struct mse_tdx_quote q;
    struct mse_sgx_quote sgx;
    struct mse_error err = { 0 };
    uint8_t report_data[64];
    mse_status st = mse_tdx_quote_parse(&q, in, &err);
    MSE_ASSERT(err.status == st);
    mse_status padded = check_padded(data, size);
    mse_status either = mse_quote_report_data(report_data, in, NULL);
    bool is_sgx = mse_sgx_quote_parse(&sgx, in, NULL) == MSE_OK;
    MSE_ASSERT((either == MSE_OK) == (st == MSE_OK || is_sgx));
    if (st == MSE_OK) {
        MSE_ASSERT(padded == MSE_OK && !is_sgx && mse_quote_is_tdx(in));
        MSE_ASSERT(mse_mem_equal(report_data, q.body.report_data, 64));
        check_quote(&q, data, size);
        st = mse_tdx_quote_parse(&q, mse_bytes_of(data, size - 1), NULL);
        MSE_ASSERT(st == MSE_ERR_MALFORMED);
    }
    return 0;
}
