/* SPDX-License-Identifier: Apache-2.0 */
/* TD reports and TDX quotes, versions 4 and 5.
 * spec: Intel TDX DCAP quote, A.3 */
#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "evidence/quote.h"

#define BODY_TD_REPORT10 2
#define BODY_TD_REPORT15 3

static bool rd_report(struct mse_bytes *in, struct mse_tdx_report *r)
{
    return mse_rd_copy(in, r->tee_tcb_svn, sizeof r->tee_tcb_svn) &&         // 0
           mse_rd_copy(in, r->mr_seam, sizeof r->mr_seam) &&                 // 16
           mse_rd_copy(in, r->mr_signer_seam, sizeof r->mr_signer_seam) &&   // 64
           mse_rd_u64le(in, &r->seam_attributes) &&                          // 112
           mse_rd_u64le(in, &r->td_attributes) &&                            // 120
           mse_rd_u64le(in, &r->xfam) &&                                     // 128
           mse_rd_copy(in, r->mr_td, sizeof r->mr_td) &&                     // 136
           mse_rd_copy(in, r->mr_config_id, sizeof r->mr_config_id) &&       // 184
           mse_rd_copy(in, r->mr_owner, sizeof r->mr_owner) &&               // 232
           mse_rd_copy(in, r->mr_owner_config, sizeof r->mr_owner_config) && // 280
           mse_rd_copy(in, r->rtmr[0], sizeof r->rtmr[0]) &&                 // 328
           mse_rd_copy(in, r->rtmr[1], sizeof r->rtmr[1]) &&                 // 376
           mse_rd_copy(in, r->rtmr[2], sizeof r->rtmr[2]) &&                 // 424
           mse_rd_copy(in, r->rtmr[3], sizeof r->rtmr[3]) &&                 // 472
           mse_rd_copy(in, r->report_data, sizeof r->report_data);           // 520
}

/* What 1.5 adds. */
static bool rd_report15(struct mse_bytes *in, struct mse_tdx_report *r)
{
    r->is_15 = true;
    return mse_rd_copy(in, r->tee_tcb_svn2, sizeof r->tee_tcb_svn2) && // 584
           mse_rd_copy(in, r->mr_service_td, sizeof r->mr_service_td); // 600
}

mse_status mse_tdx_report_parse(struct mse_tdx_report *out, struct mse_bytes in,
                                struct mse_error *err)
{
    struct mse_tdx_report r = { .is_15 = false };
    size_t len = in.len;
    bool is_15 = len == MSE_TDX_REPORT15_LEN;
    if ((len != MSE_TDX_REPORT10_LEN && !is_15) || !rd_report(&in, &r) ||
        (is_15 && !rd_report15(&in, &r))) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "TD report", "%zu bytes, wanted %d or %d", len,
                        MSE_TDX_REPORT10_LEN, MSE_TDX_REPORT15_LEN);
    }
    *out = r;
    return MSE_OK;
}

/* How long the body is: fixed in version 4, said by version 5. */
static mse_status rd_body_len(struct mse_quote_reader *r, uint16_t version, uint32_t *len)
{
    uint16_t type = 0;
    if (version == 4) {
        *len = MSE_TDX_REPORT10_LEN;
        return MSE_OK;
    }
    bool read = mse_rd_u16le(&r->in, &type) && // 48
                mse_rd_u32le(&r->in, len);     // 50
    bool good = (type == BODY_TD_REPORT10 && *len == MSE_TDX_REPORT10_LEN) ||
                (type == BODY_TD_REPORT15 && *len == MSE_TDX_REPORT15_LEN);
    if (!read || !good) {
        return MSE_FAIL(r->err, MSE_ERR_MALFORMED, "quote",
                        "body of type %u and %u bytes, wanted 2 (TD report 1.0) and %d or 3 (1.5) "
                        "and %d",
                        type, *len, MSE_TDX_REPORT10_LEN, MSE_TDX_REPORT15_LEN);
    }
    return MSE_OK;
}

static mse_status rd_body(struct mse_quote_reader *r, struct mse_tdx_quote *q)
{
    uint32_t len = 0;
    struct mse_bytes body = { 0 };
    mse_status st = rd_body_len(r, q->header.version, &len);
    if (st != MSE_OK) {
        return st;
    }
    if (!mse_rd_bytes(&r->in, &body, len)) {
        return MSE_FAIL(r->err, MSE_ERR_MALFORMED, "quote", "cut off in its TD report: %zu bytes",
                        r->whole.len);
    }
    q->signed_part = mse_quote_read_part(r);
    return mse_tdx_report_parse(&q->body, body, r->err);
}

static mse_status parse(struct mse_tdx_quote *out, struct mse_bytes in, bool padded,
                        struct mse_error *err)
{
    struct mse_tdx_quote q = { .trailing = 0 };
    struct mse_quote_reader r = { .whole = in, .in = in, .padded = padded, .err = err };
    mse_status st = mse_quote_rd_version(&r, &q.header, 4, 5);
    if (st == MSE_OK) {
        st = mse_quote_rd_header(&r, &q.header, MSE_TEE_TYPE_TDX);
    }
    if (st == MSE_OK) {
        st = rd_body(&r, &q);
    }
    if (st == MSE_OK) {
        st = mse_quote_rd_rest(&r, &q.auth, &q.trailing, true);
    }
    if (st == MSE_OK) {
        *out = q;
    }
    return st;
}

mse_status mse_tdx_quote_parse(struct mse_tdx_quote *out, struct mse_bytes in,
                               struct mse_error *err)
{
    return parse(out, in, false, err);
}

mse_status mse_tdx_quote_parse_padded(struct mse_tdx_quote *out, struct mse_bytes in,
                                      struct mse_error *err)
{
    return parse(out, in, true, err);
}

mse_status mse_tdx_fingerprint(uint8_t out[32], const struct mse_tdx_report *r)
{
    static const char tag[] = "mse-fp-tdx-v1"; /* with its NUL */
    uint8_t buf[sizeof tag + 6 * sizeof r->mr_td + 16];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    mse_wr_copy(&b, tag, sizeof tag);
    mse_wr_copy(&b, r->mr_td, sizeof r->mr_td);
    for (size_t i = 0; i < MSE_ARRAY_LEN(r->rtmr); i++) {
        mse_wr_copy(&b, r->rtmr[i], sizeof r->rtmr[i]);
    }
    mse_wr_copy(&b, r->mr_config_id, sizeof r->mr_config_id);
    mse_wr_u64le(&b, r->td_attributes);
    mse_wr_u64le(&b, r->xfam);
    MSE_ASSERT(mse_build_ok(&b) && b.len == sizeof buf);
    return mse_sha256(out, mse_build_view(&b));
}
