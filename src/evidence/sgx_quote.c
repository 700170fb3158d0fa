/* SPDX-License-Identifier: Apache-2.0 */
/* SGX reports and quotes, version 3 (Intel SGX ECDSA QuoteLibReference DCAP API, A.4). */
#include <mse/evidence.h>

#include "base/bytes.h"
#include "base/error.h"

#define SIGNED_LEN 432 /* header and body */

static bool rd_report(struct mse_bytes *in, struct mse_sgx_report *r)
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
    if (in.len != MSE_SGX_REPORT_LEN || !rd_report(&in, &r)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "report", "%zu bytes, wanted %d", in.len,
                        MSE_SGX_REPORT_LEN);
    }
    *out = r;
    return MSE_OK;
}

/* Quote header, 48 bytes, little-endian; the version was taken already. */
static bool rd_header(struct mse_bytes *in, struct mse_sgx_quote *q, uint32_t *reserved)
{
    return mse_rd_u16le(in, &q->att_key_type) &&                       // 2
           mse_rd_u32le(in, reserved) &&                               // 4
           mse_rd_u16le(in, &q->qe_svn) &&                             // 8
           mse_rd_u16le(in, &q->pce_svn) &&                            // 10
           mse_rd_copy(in, q->qe_vendor_id, sizeof q->qe_vendor_id) && // 12
           mse_rd_copy(in, q->user_data, sizeof q->user_data);         // 28
}

static mse_status check_header(const struct mse_sgx_quote *q, uint32_t reserved,
                               struct mse_error *err)
{
    static const uint8_t intel_qe[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                          0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
    if (q->att_key_type != 2) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_AK_TYPE, "quote header",
                        "attestation key type %u, wanted 2 (ECDSA P-256)", q->att_key_type);
    }
    if (reserved != 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "quote header",
                        "reserved field (TEE type) is 0x%08x, wanted 0", reserved);
    }
    if (!mse_mem_equal(q->qe_vendor_id, intel_qe, sizeof intel_qe)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_QE_VENDOR, "quote header",
                        "the quoting enclave is not Intel's (vendor id begins %02x%02x%02x%02x, "
                        "wanted 939a7233)",
                        q->qe_vendor_id[0], q->qe_vendor_id[1], q->qe_vendor_id[2],
                        q->qe_vendor_id[3]);
    }
    return MSE_OK;
}

/* Signature data, to its last byte. */
static bool rd_signature_data(struct mse_bytes in, struct mse_sgx_quote *q)
{
    uint16_t auth_len = 0;
    uint32_t cert_len = 0;
    struct mse_bytes report = { 0 };
    bool ok = mse_rd_copy(&in, q->signature, sizeof q->signature) &&                     // 0
              mse_rd_copy(&in, q->attestation_key, sizeof q->attestation_key) &&         // 64
              mse_rd_bytes(&in, &q->qe_report_raw, MSE_SGX_REPORT_LEN) &&                // 128
              mse_rd_copy(&in, q->qe_report_signature, sizeof q->qe_report_signature) && // 512
              mse_rd_u16le(&in, &auth_len) &&                                            // 576
              mse_rd_bytes(&in, &q->qe_auth_data, auth_len) &&                           // 578
              mse_rd_u16le(&in, &q->cert_type) &&                                        //
              mse_rd_u32le(&in, &cert_len) &&                                            //
              mse_rd_bytes(&in, &q->cert_data, cert_len) &&                              //
              in.len == 0 && cert_len > 0;
    report = q->qe_report_raw;
    return ok && rd_report(&report, &q->qe_report);
}

static mse_status parse(struct mse_sgx_quote *out, struct mse_bytes in, bool padded,
                        struct mse_error *err)
{
    struct mse_sgx_quote q = { 0 };
    struct mse_bytes whole = in;
    uint32_t reserved = 0;
    if (!mse_rd_u16le(&in, &q.version)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "quote header", "%zu bytes", whole.len);
    }
    if (q.version != 3) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_VERSION, "quote header", "version %u, wanted 3",
                        q.version);
    }
    if (!rd_header(&in, &q, &reserved)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "quote header", "%zu bytes, wanted 48 and more",
                        whole.len);
    }
    mse_status st = check_header(&q, reserved, err);
    if (st != MSE_OK) {
        return st;
    }
    uint32_t sig_len = 0;
    struct mse_bytes sig = { 0 };
    if (!rd_report(&in, &q.body) || !mse_rd_u32le(&in, &sig_len) ||
        !mse_rd_bytes(&in, &sig, sig_len)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "quote",
                        "cut off: %zu bytes with signature data of %u", whole.len, sig_len);
    }
    q.signed_part = mse_bytes_of(whole.data, SIGNED_LEN);
    q.trailing = in.len;
    if (in.len != 0 && (!padded || !mse_mem_is_zero(in.data, in.len))) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "quote", "%zu bytes behind the quote", in.len);
    }
    if (!rd_signature_data(sig, &q)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "quote signature data",
                        "lengths inside do not fill its %u bytes", sig_len);
    }
    if (q.cert_type < MSE_CERT_TYPE_PPID_PLAIN || q.cert_type > MSE_CERT_TYPE_PCK_CHAIN) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_CERT_TYPE, "quote signature data",
                        "certification data type %u, wanted 1 to 5", q.cert_type);
    }
    *out = q;
    return MSE_OK;
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
