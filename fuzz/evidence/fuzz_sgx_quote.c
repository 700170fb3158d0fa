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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = { data, size };
    struct mse_sgx_quote q;
    struct mse_sgx_quote padded;
    struct mse_error err = { 0 };
    mse_status st = mse_sgx_quote_parse(&q, in, &err);
    MSE_ASSERT(err.status == st);
    mse_status st_padded = mse_sgx_quote_parse_padded(&padded, in, NULL);
    if (st_padded == MSE_OK) {
        size_t len = size - padded.trailing;
        MSE_ASSERT(mse_mem_is_zero(data + len, padded.trailing));
        MSE_ASSERT(mse_sgx_quote_parse(&padded, mse_bytes_of(data, len), NULL) == MSE_OK);
    }
    if (st != MSE_OK) {
        return 0;
    }
    MSE_ASSERT(st_padded == MSE_OK && q.trailing == 0 && q.version == 3);
    MSE_ASSERT(size == 436 + 64 + 64 + 384 + 64 + 2 + q.qe_auth_data.len + 6 + q.cert_data.len);
    MSE_ASSERT(q.signed_part.data == data && q.signed_part.len == 432);
    MSE_ASSERT(inside(q.qe_report_raw, data, size) && inside(q.qe_auth_data, data, size) &&
               inside(q.cert_data, data, size));
    MSE_ASSERT(mse_sgx_quote_parse(&q, mse_bytes_of(data, size - 1), NULL) == MSE_ERR_MALFORMED);
    return 0;
}
