/* SPDX-License-Identifier: Apache-2.0 */
/* PCK certificates and CRLs, for those who look at them from outside the library. */
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/x509.h"
#include "evidence/pck.h"
#include <mse/collateral.h>

mse_status mse_pck_info_parse(struct mse_pck_info *out, struct mse_bytes der, struct mse_error *err)
{
    struct mse_cert cert;
    struct mse_pck_info info = { 0 };
    struct mse_bytes value = { 0 };
    mse_status st = mse_cert_parse(&cert, der, err);
    if (st != MSE_OK) {
        return st;
    }
    if (!mse_cert_sgx_extension(&cert, &value)) {
        return MSE_FAIL(err, MSE_ERR_PCK_EXTENSION_MISSING, "PCK certificate",
                        "no SGX extension (1.2.840.113741.1.13.1)");
    }
    st = mse_pck_ext_parse(&info.ext, value, err);
    if (st != MSE_OK) {
        return st;
    }
    info.issuer_cn = mse_name_common_name(cert.issuer);
    info.serial = cert.serial;
    info.not_before = cert.not_before;
    info.not_after = cert.not_after;
    *out = info;
    return MSE_OK;
}

mse_status mse_crl_info_parse(struct mse_crl_info *out, struct mse_bytes der, struct mse_error *err)
{
    struct mse_crl crl;
    mse_status st = mse_crl_parse(&crl, der, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_crl_info info = {
        .issuer = crl.issuer,
        .issuer_cn = mse_name_common_name(crl.issuer),
        .this_update = crl.this_update,
        .next_update = crl.next_update,
        .num_revoked = crl.num_revoked,
        .revoked = crl.revoked,
    };
    *out = info;
    return MSE_OK;
}

bool mse_crl_info_next(struct mse_bytes *it, struct mse_bytes *serial)
{
    mse_time date = 0;
    return mse_crl_next(it, serial, &date);
}

static bool is_eol(uint8_t c)
{
    return c == '\n' || c == '\r';
}

static mse_status decode_pem(size_t *out_len, uint8_t *buf, size_t cap, struct mse_bytes in,
                             struct mse_error *err)
{
    size_t len = 0;
    mse_status st = mse_pem_next(&in, "X509 CRL", buf, cap, &len);
    if (st != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "CRL",
                        "malformed PEM, or it does not fit %zu bytes", cap);
    }
    size_t more = 0;
    uint8_t none = 0;
    if (mse_pem_next(&in, "X509 CRL", &none, 0, &more) != MSE_ERR_NOT_FOUND) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "CRL", "more behind the first PEM block");
    }
    *out_len = len;
    return MSE_OK;
}

mse_status mse_crl_decode(struct mse_bytes *out_der, uint8_t *buf, size_t cap, struct mse_bytes in,
                          struct mse_error *err)
{
    size_t len = 0;
    if (in.len == 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "CRL", "empty");
    }
    if (in.data[0] == '-') {
        mse_status st = decode_pem(&len, buf, cap, in, err);
        if (st != MSE_OK) {
            return st;
        }
        *out_der = mse_bytes_of(buf, len);
        return MSE_OK;
    }
    /* DER begins 30 8x; the text of its hexadecimal form begins with '3' '0' '8'. */
    bool hex = in.len > 2 && in.data[0] == '3' && in.data[1] == '0' && in.data[2] == '8';
    while (hex && in.len > 0 && is_eol(in.data[in.len - 1])) {
        in.len--;
    }
    len = hex ? in.len / 2 : in.len;
    if (len > cap) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "CRL", "%zu bytes, at most %zu", len, cap);
    }
    if (hex && !mse_hex_decode(buf, len, in)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "CRL", "malformed hexadecimal text");
    }
    if (!hex) {
        memcpy(buf, in.data, len);
    }
    *out_der = mse_bytes_of(buf, len);
    return MSE_OK;
}
