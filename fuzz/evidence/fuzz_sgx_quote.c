/* SPDX-License-Identifier: Apache-2.0 */
/* SGX quotes: what is accepted was read to the last byte, and the padded form differs only in
 * trailing zeros. */
#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/util.h"

static bool inside(struct mse_bytes part, const uint8_t *data, size_t size)
{
    size_t at = (size_t)(part.data - data);
    return at <= size && part.len <= size - at;
}

static void check_quote(const struct mse_sgx_quote *q, const uint8_t *data, size_t size)
{
    MSE_ASSERT(q->trailing == 0 && q->header.version == 3);
    MSE_ASSERT(size ==
               436 + 64 + 64 + 384 + 64 + 2 + q->auth.qe_auth_data.len + 6 + q->auth.cert_data.len);
    MSE_ASSERT(q->signed_part.data == data && q->signed_part.len == 432);
    struct mse_sgx_report body;
    MSE_ASSERT(mse_sgx_report_parse(&body, mse_bytes_of(data + 48, 384), NULL) == MSE_OK);
    MSE_ASSERT(mse_mem_equal(body.mr_enclave, q->body.mr_enclave, sizeof body.mr_enclave));
    MSE_ASSERT(inside(q->auth.qe_report_raw, data, size) &&
               inside(q->auth.qe_auth_data, data, size) && inside(q->auth.cert_data, data, size));
}

/* What the padded reader accepts is a quote and zeros. */
static mse_status check_padded(const uint8_t *data, size_t size)
{
    struct mse_sgx_quote q;
    mse_status st = mse_sgx_quote_parse_padded(&q, mse_bytes_of(data, size), NULL);
    if (st == MSE_OK) {
        size_t len = size - q.trailing;
        MSE_ASSERT(mse_mem_is_zero(data + len, q.trailing));
        MSE_ASSERT(mse_sgx_quote_parse(&q, mse_bytes_of(data, len), NULL) == MSE_OK);
    }
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_sgx_quote q;
    struct mse_error err = { 0 };
    mse_status st = mse_sgx_quote_parse(&q, mse_bytes_of(data, size), &err);
    MSE_ASSERT(err.status == st);
    mse_status padded = check_padded(data, size);
    if (st == MSE_OK) {
        MSE_ASSERT(padded == MSE_OK);
        check_quote(&q, data, size);
        st = mse_sgx_quote_parse(&q, mse_bytes_of(data, size - 1), NULL);
        MSE_ASSERT(st == MSE_ERR_MALFORMED);
    }
    return 0;
}
