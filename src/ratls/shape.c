/* SPDX-License-Identifier: Apache-2.0 */
/* See shape.h. */
#include "ratls/shape.h"

#include "base/bytes.h"
#include "base/cbor.h"
#include "crypto/x509.h"
#include "ratls/claims.h"
#include "ratls/profile.h"

static bool begins(struct mse_bytes b, const char *s)
{
    struct mse_bytes start = mse_bytes_str(s);
    return b.len >= start.len && mse_bytes_equal(mse_bytes_of(b.data, start.len), start);
}

struct mse_bytes mse_shape_text(struct mse_bytes in)
{
    while (in.len > 0 && (in.data[0] == ' ' || (in.data[0] >= '\t' && in.data[0] <= '\r'))) {
        in = mse_bytes_of(in.data + 1, in.len - 1);
    }
    return in;
}

static bool is_tagged(struct mse_bytes in)
{
    struct mse_cbor r = mse_cbor_of(in, MSE_CBOR_LENIENT);
    uint64_t tag = 0;
    return mse_cbor_tag(&r, &tag) &&
           (tag == MSE_TAG_QUOTE || tag == MSE_TAG_SNP || tag == MSE_TAG_NITRO);
}

/* COSE_Sign1, with or without its tag: an array of four that begins with a short byte string. */
static bool is_nitro(struct mse_bytes in)
{
    struct mse_bytes cose = begins(in, "\xd2") ? mse_bytes_of(in.data + 1, in.len - 1) : in;
    return begins(cose, "\x84\x44\xa1\x01");
}

static bool is_snp_report(struct mse_bytes in)
{
    uint32_t version = 0;
    return in.len == MSE_SNP_REPORT_LEN && mse_rd_u32le(&in, &version) && version >= 2 &&
           version <= 5;
}

static bool is_quote(struct mse_bytes in)
{
    uint16_t version = 0;
    return mse_rd_u16le(&in, &version) && version >= 3 && version <= 5;
}

static bool is_certificate(struct mse_bytes in)
{
    struct mse_cert cert;
    struct mse_bytes leaf;
    struct mse_bytes ca;
    return mse_ratls_split(&leaf, &ca, in) && mse_cert_parse(&cert, leaf, NULL) == MSE_OK;
}

enum mse_shape mse_shape_of(struct mse_bytes in)
{
    struct mse_bytes text = mse_shape_text(in);
    if (begins(text, "{")) {
        return MSE_SHAPE_JSON;
    }
    if (begins(text, "-----BEGIN CERTIFICATE-----")) {
        return MSE_SHAPE_PEM;
    }
    if (begins(in, "HCLA")) {
        return MSE_SHAPE_HCL;
    }
    if (is_tagged(in)) {
        return MSE_SHAPE_TAGGED;
    }
    if (is_nitro(in)) {
        return MSE_SHAPE_NITRO;
    }
    if (is_snp_report(in)) {
        return MSE_SHAPE_SNP_REPORT;
    }
    if (is_quote(in)) {
        return MSE_SHAPE_QUOTE;
    }
    return is_certificate(in) ? MSE_SHAPE_CERTIFICATE : MSE_SHAPE_UNKNOWN;
}
