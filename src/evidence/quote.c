/* SPDX-License-Identifier: Apache-2.0 */
/* Header and signature data of quotes (Intel SGX ECDSA QuoteLibReference DCAP API, A.4; Intel TDX
 * DCAP Quoting Library API, A.3). */
#include "evidence/quote.h"

#include "base/bytes.h"
#include "base/error.h"

static const char step_header[] = "quote header";
static const char step_auth[] = "quote signature data";

mse_status mse_quote_rd_version(struct mse_quote_reader *r, struct mse_quote_header *h,
                                uint16_t first, uint16_t last)
{
    if (!mse_rd_u16le(&r->in, &h->version)) { // 0
        return MSE_FAIL(r->err, MSE_ERR_MALFORMED, step_header, "%zu bytes", r->whole.len);
    }
    if (h->version >= first && h->version <= last) {
        return MSE_OK;
    }
    if (first == last) {
        return MSE_FAIL(r->err, MSE_ERR_UNSUPPORTED_VERSION, step_header, "version %u, wanted %u",
                        h->version, first);
    }
    return MSE_FAIL(r->err, MSE_ERR_UNSUPPORTED_VERSION, step_header, "version %u, wanted %u to %u",
                    h->version, first, last);
}

static mse_status check_header(const struct mse_quote_header *h, uint32_t tee_type,
                               struct mse_error *err)
{
    static const uint8_t intel_qe[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                          0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
    if (h->att_key_type != 2) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_AK_TYPE, step_header,
                        "attestation key type %u, wanted 2 (ECDSA P-256)", h->att_key_type);
    }
    if (h->tee_type != tee_type) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, step_header,
                        "TEE type 0x%08x in version %u, wanted 0x%02x", h->tee_type, h->version,
                        tee_type);
    }
    if (!mse_mem_equal(h->qe_vendor_id, intel_qe, sizeof intel_qe)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_QE_VENDOR, step_header,
                        "the quoting enclave is not Intel's (vendor id begins %02x%02x%02x%02x, "
                        "wanted 939a7233)",
                        h->qe_vendor_id[0], h->qe_vendor_id[1], h->qe_vendor_id[2],
                        h->qe_vendor_id[3]);
    }
    return MSE_OK;
}

mse_status mse_quote_rd_header(struct mse_quote_reader *r, struct mse_quote_header *h,
                               uint32_t tee_type)
{
    struct mse_bytes *in = &r->in;
    bool ok = mse_rd_u16le(in, &h->att_key_type) &&                       // 2
              mse_rd_u32le(in, &h->tee_type) &&                           // 4
              mse_rd_u16le(in, &h->qe_svn) &&                             // 8
              mse_rd_u16le(in, &h->pce_svn) &&                            // 10
              mse_rd_copy(in, h->qe_vendor_id, sizeof h->qe_vendor_id) && // 12
              mse_rd_copy(in, h->user_data, sizeof h->user_data);         // 28
    if (!ok) {
        return MSE_FAIL(r->err, MSE_ERR_MALFORMED, step_header, "%zu bytes, wanted 48 and more",
                        r->whole.len);
    }
    return check_header(h, tee_type, r->err);
}

struct mse_bytes mse_quote_read_part(const struct mse_quote_reader *r)
{
    return mse_bytes_of(r->whole.data, r->whole.len - r->in.len);
}

/* What vouches for the attestation key, to its last byte. */
static bool rd_certification(struct mse_bytes in, struct mse_quote_auth *a)
{
    uint16_t auth_len = 0;
    uint32_t cert_len = 0;
    bool ok = mse_rd_bytes(&in, &a->qe_report_raw, MSE_SGX_REPORT_LEN) &&                // 0
              mse_rd_copy(&in, a->qe_report_signature, sizeof a->qe_report_signature) && // 384
              mse_rd_u16le(&in, &auth_len) &&                                            // 448
              mse_rd_bytes(&in, &a->qe_auth_data, auth_len) &&                           // 450
              mse_rd_u16le(&in, &a->cert_type) &&                                        //
              mse_rd_u32le(&in, &cert_len) &&                                            //
              mse_rd_bytes(&in, &a->cert_data, cert_len) &&                              //
              in.len == 0 && cert_len > 0;
    struct mse_bytes report = a->qe_report_raw;
    return ok && mse_quote_rd_sgx_report(&report, &a->qe_report);
}

/* Outer certification data, from version 4 on: type 6, and its length to the end. */
static bool rd_wrapper(struct mse_bytes *in)
{
    uint16_t type = 0;
    uint32_t len = 0;
    return mse_rd_u16le(in, &type) && // 0
           mse_rd_u32le(in, &len) &&  // 2
           type == MSE_CERT_TYPE_QE_REPORT && len == in->len;
}

static bool rd_signature_data(struct mse_bytes in, struct mse_quote_auth *a, bool wrapped)
{
    return mse_rd_copy(&in, a->signature, sizeof a->signature) &&             // 0
           mse_rd_copy(&in, a->attestation_key, sizeof a->attestation_key) && // 64
           (!wrapped || rd_wrapper(&in)) &&                                   // 128
           rd_certification(in, a);
}

mse_status mse_quote_rd_rest(struct mse_quote_reader *r, struct mse_quote_auth *auth,
                             size_t *trailing, bool wrapped)
{
    uint32_t len = 0;
    struct mse_bytes data = { 0 };
    if (!mse_rd_u32le(&r->in, &len) || !mse_rd_bytes(&r->in, &data, len)) {
        return MSE_FAIL(r->err, MSE_ERR_MALFORMED, "quote",
                        "cut off: %zu bytes with signature data of %u", r->whole.len, len);
    }
    *trailing = r->in.len;
    if (r->in.len != 0 && (!r->padded || !mse_mem_is_zero(r->in.data, r->in.len))) {
        return MSE_FAIL(r->err, MSE_ERR_MALFORMED, "quote", "%zu bytes behind the quote",
                        r->in.len);
    }
    if (!rd_signature_data(data, auth, wrapped)) {
        return MSE_FAIL(r->err, MSE_ERR_MALFORMED, step_auth,
                        "lengths inside do not fill its %u bytes%s", len,
                        wrapped ? ", or it is not wrapped in certification data 6" : "");
    }
    if (auth->cert_type < MSE_CERT_TYPE_PPID_PLAIN || auth->cert_type > MSE_CERT_TYPE_PCK_CHAIN) {
        return MSE_FAIL(r->err, MSE_ERR_UNSUPPORTED_CERT_TYPE, step_auth,
                        "certification data type %u, wanted 1 to 5", auth->cert_type);
    }
    return MSE_OK;
}

bool mse_quote_is_tdx(struct mse_bytes quote)
{
    uint16_t version = 0;
    return mse_rd_u16le(&quote, &version) && version >= 4;
}

mse_status mse_quote_report_data(uint8_t out[64], struct mse_bytes quote, struct mse_error *err)
{
    struct mse_sgx_quote sgx;
    struct mse_tdx_quote tdx;
    bool is_tdx = mse_quote_is_tdx(quote);
    mse_status st =
        is_tdx ? mse_tdx_quote_parse(&tdx, quote, err) : mse_sgx_quote_parse(&sgx, quote, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_bytes data = mse_bytes_of(is_tdx ? tdx.body.report_data : sgx.body.report_data, 64);
    (void)!mse_rd_copy(&data, out, 64);
    return MSE_OK;
}
