/* SPDX-License-Identifier: Apache-2.0 */
/* SGX reports and quotes, version 3 (Intel SGX ECDSA QuoteLibReference DCAP API, A.4). */
#include "base/bytes.h"
#include "base/error.h"
#include "evidence/quote.h"

bool mse_quote_rd_sgx_report(struct mse_bytes *in, struct mse_sgx_report *r)
{
    return mse_rd_copy(in, r->cpu_svn, sizeof r->cpu_svn) &&                 // 0
           mse_rd_u32le(in, &r->misc_select) &&                              // 16
           mse_rd_skip(in, 12) &&                                            // 20 reserved
           mse_rd_copy(in, r->isv_ext_prod_id, sizeof r->isv_ext_prod_id) && // 32
           mse_rd_u64le(in, &r->attr_flags) &&                               // 48
           mse_rd_u64le(in, &r->attr_xfrm) &&                                // 56
           mse_rd_copy(in, r->mr_enclave, sizeof r->mr_enclave) &&           // 64
           mse_rd_skip(in, 32) &&                                            // 96 reserved
           mse_rd_copy(in, r->mr_signer, sizeof r->mr_signer) &&             // 128
           mse_rd_skip(in, 32) &&                                            // 160 reserved
           mse_rd_copy(in, r->config_id, sizeof r->config_id) &&             // 192
           mse_rd_u16le(in, &r->isv_prod_id) &&                              // 256
           mse_rd_u16le(in, &r->isv_svn) &&                                  // 258
           mse_rd_u16le(in, &r->config_svn) &&                               // 260
           mse_rd_skip(in, 42) &&                                            // 262 reserved
           mse_rd_copy(in, r->isv_family_id, sizeof r->isv_family_id) &&     // 304
           mse_rd_copy(in, r->report_data, sizeof r->report_data);           // 320
}

mse_status mse_sgx_report_parse(struct mse_sgx_report *out, struct mse_bytes in,
                                struct mse_error *err)
{
    struct mse_sgx_report r = { 0 };
    if (in.len != MSE_SGX_REPORT_LEN || !mse_quote_rd_sgx_report(&in, &r)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "report", "%zu bytes, wanted %d", in.len,
                        MSE_SGX_REPORT_LEN);
    }
    *out = r;
    return MSE_OK;
}

static mse_status parse(struct mse_sgx_quote *out, struct mse_bytes in, bool padded,
                        struct mse_error *err)
{
    struct mse_sgx_quote q = { .trailing = 0 };
    struct mse_quote_reader r = { .whole = in, .in = in, .padded = padded, .err = err };
    mse_status st = mse_quote_rd_version(&r, &q.header, 3, 3);
    if (st == MSE_OK) {
        st = mse_quote_rd_header(&r, &q.header, MSE_TEE_TYPE_SGX);
    }
    if (st != MSE_OK) {
        return st;
    }
    if (!mse_quote_rd_sgx_report(&r.in, &q.body)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "quote", "cut off in its report: %zu bytes",
                        in.len);
    }
    q.signed_part = mse_quote_read_part(&r);
    st = mse_quote_rd_rest(&r, &q.auth, &q.trailing, false);
    if (st == MSE_OK) {
        *out = q;
    }
    return st;
}

mse_status mse_sgx_quote_parse(struct mse_sgx_quote *out, struct mse_bytes in,
                               struct mse_error *err)
{
    return parse(out, in, false, err);
}

mse_status mse_sgx_quote_parse_padded(struct mse_sgx_quote *out, struct mse_bytes in,
                                      struct mse_error *err)
{
    return parse(out, in, true, err);
}
