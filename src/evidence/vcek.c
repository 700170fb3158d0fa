/* SPDX-License-Identifier: Apache-2.0 */
/* VCEK and VLEK certificates: AMD's extensions (AMD publication 57230, "VCEK Certificate
 * Definition"). */
#include "evidence/vcek.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"

#define STEP       "VCEK extensions"
#define IA5_STRING 0x16

/* 1.3.6.1.4.1.3704.1, and the last numbers below it. */
#define AMD 0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01

static bool find(const struct mse_cert *cert, const uint8_t *oid, size_t len,
                 struct mse_bytes *value)
{
    return mse_cert_extension(cert, mse_bytes_of(oid, len), value, NULL);
}

/* Product names have a stepping behind them, as in "Milan-B0". */
static enum mse_snp_product product_of(struct mse_bytes name)
{
    static const struct {
        const char *name;
        enum mse_snp_product product;
    } known[] = {
        { "Milan", MSE_SNP_MILAN }, { "Genoa", MSE_SNP_GENOA }, { "Bergamo", MSE_SNP_GENOA },
        { "Siena", MSE_SNP_GENOA }, { "Turin", MSE_SNP_TURIN },
    };
    struct mse_bytes first = name;
    struct mse_bytes dash = mse_bytes_str("-");
    size_t at = mse_bytes_find(name, dash);
    first.len = at != SIZE_MAX ? at : name.len;
    for (size_t i = 0; i < MSE_ARRAY_LEN(known); i++) {
        if (mse_bytes_is_str(first, known[i].name)) {
            return known[i].product;
        }
    }
    return MSE_SNP_PRODUCT_NONE;
}

static bool rd_product(struct mse_vcek *v, const struct mse_cert *cert)
{
    static const uint8_t oid[] = { AMD, 2 };
    struct mse_bytes value = { 0 };
    struct mse_bytes name = { 0 };
    if (!find(cert, oid, sizeof oid, &value) || !mse_der_get(&value, IA5_STRING, &name) ||
        value.len != 0) {
        return false;
    }
    v->product = product_of(name);
    return true;
}

/* One SVN: an INTEGER of one byte. */
static bool rd_svn(const struct mse_cert *cert, uint8_t last, uint8_t *out)
{
    const uint8_t oid[] = { AMD, 3, last };
    struct mse_bytes value = { 0 };
    uint64_t svn = 0;
    if (!find(cert, oid, sizeof oid, &value) || !mse_der_uint64(&value, &svn) || value.len != 0 ||
        svn > UINT8_MAX) {
        return false;
    }
    *out = (uint8_t)svn;
    return true;
}

static bool rd_svns(struct mse_vcek *v, const struct mse_cert *cert)
{
    static const uint8_t fmc[] = { AMD, 3, 9 };
    struct mse_bytes value = { 0 };
    v->has_fmc = find(cert, fmc, sizeof fmc, &value);
    return rd_svn(cert, 1, &v->tcb.bl) && rd_svn(cert, 2, &v->tcb.tee) &&
           rd_svn(cert, 3, &v->tcb.snp) && rd_svn(cert, 8, &v->tcb.ucode) &&
           (!v->has_fmc || rd_svn(cert, 9, &v->tcb.fmc));
}

/* Raw bytes: 64, on Turin 8. */
static bool rd_hwid(struct mse_vcek *v, const struct mse_cert *cert)
{
    static const uint8_t oid[] = { AMD, 4 };
    struct mse_bytes value = { 0 };
    if (!find(cert, oid, sizeof oid, &value)) {
        return true;
    }
    v->hwid_len = value.len;
    return (value.len == 8 || value.len == 64) && mse_rd_copy(&value, v->hwid, value.len);
}

mse_status mse_vcek_parse(struct mse_vcek *out, const struct mse_cert *cert, struct mse_error *err)
{
    struct mse_vcek v = { 0 };
    if (!rd_product(&v, cert)) {
        return MSE_FAIL(err, MSE_ERR_VCEK_EXTENSION, STEP, "no product name, or malformed");
    }
    if (!rd_svns(&v, cert)) {
        return MSE_FAIL(err, MSE_ERR_VCEK_EXTENSION, STEP, "an SVN is missing or malformed");
    }
    if (!rd_hwid(&v, cert)) {
        return MSE_FAIL(err, MSE_ERR_VCEK_EXTENSION, STEP, "an HWID of %zu bytes, wanted 8 or 64",
                        v.hwid_len);
    }
    *out = v;
    return MSE_OK;
}
