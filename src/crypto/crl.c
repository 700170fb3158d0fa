/* SPDX-License-Identifier: Apache-2.0 */
/* The CRL reader (RFC 5280 §5.1). Form only; version 2, complete CRLs of one issuer. */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/sign.h"
#include "crypto/x509.h"
#include "crypto/x509_internal.h"

static const uint8_t oid_crl_number[] = { 0x55, 0x1d, 0x14 };
static const uint8_t oid_aki[] = { 0x55, 0x1d, 0x23 };
static const uint8_t oid_delta[] = { 0x55, 0x1d, 0x1b };
static const uint8_t oid_distribution_point[] = { 0x55, 0x1d, 0x1c };

typedef bool allow_fn(struct mse_bytes oid, bool critical);

/* One SEQUENCE OF Extension and nothing behind it: each allowed, none there twice. */
static bool check_extensions(struct mse_bytes in, allow_fn *allowed)
{
    struct mse_bytes list = { 0 };
    if (!mse_der_get(&in, MSE_DER_SEQUENCE, &list) || in.len != 0 || list.len == 0) {
        return false;
    }
    struct mse_bytes all = list;
    while (list.len > 0) {
        struct mse_bytes oid = { 0 };
        struct mse_bytes value = { 0 };
        bool critical = false;
        size_t before = list.len;
        if (!mse_ext_next(&list, &oid, &critical, &value) || !allowed(oid, critical) ||
            mse_ext_is_too_much(all, before, oid)) {
            return false;
        }
    }
    return true;
}

/* None of an entry's may be critical: a critical certificateIssuer makes the CRL an indirect one.
 */
static bool entry_extension_allowed(struct mse_bytes oid, bool critical)
{
    (void)oid;
    return !critical;
}

bool mse_crl_next(struct mse_bytes *it, struct mse_bytes *serial, mse_time *date)
{
    struct mse_bytes p = *it;
    struct mse_bytes entry = { 0 };
    struct mse_bytes number = { 0 };
    mse_time when = 0;
    if (!mse_der_get(&p, MSE_DER_SEQUENCE, &entry) || !mse_der_uint(&entry, &number) ||
        !mse_der_time(&entry, &when) ||
        (entry.len > 0 && !check_extensions(entry, entry_extension_allowed))) {
        return false;
    }
    *serial = number;
    *date = when;
    *it = p;
    return true;
}

/* revokedCertificates: absent rather than empty (RFC 5280 §5.1.2.6). */
static bool rd_revoked(struct mse_bytes *in, struct mse_crl *c)
{
    bool present = false;
    if (!mse_der_opt(in, MSE_DER_SEQUENCE, &c->revoked, &present)) {
        return false;
    }
    if (!present) {
        return true;
    }
    struct mse_bytes it = c->revoked;
    struct mse_bytes serial = { 0 };
    mse_time date = 0;
    while (it.len > 0) {
        if (!mse_crl_next(&it, &serial, &date)) {
            return false;
        }
        c->num_revoked++;
    }
    return c->num_revoked > 0;
}

static bool extension_allowed(struct mse_bytes oid, bool critical)
{
    if (mse_der_oid_is(oid, oid_delta, sizeof oid_delta) ||
        mse_der_oid_is(oid, oid_distribution_point, sizeof oid_distribution_point)) {
        return false; /* a delta CRL, or one that covers a part only */
    }
    return !critical || mse_der_oid_is(oid, oid_crl_number, sizeof oid_crl_number) ||
           mse_der_oid_is(oid, oid_aki, sizeof oid_aki);
}

static bool rd_extensions(struct mse_bytes *in)
{
    struct mse_bytes outer = { 0 };
    bool present = false;
    if (!mse_der_opt(in, MSE_DER_CONTEXT(0), &outer, &present)) {
        return false;
    }
    return !present || check_extensions(outer, extension_allowed);
}

static bool rd_tbs(struct mse_crl *c, struct mse_bytes in, struct mse_bytes *sig_alg)
{
    uint64_t version = 0;
    return mse_der_uint64(&in, &version) &&      // version
           version == 1 &&                       // v2
           mse_rd_algorithm(&in, sig_alg) &&     // signature
           mse_rd_name(&in, &c->issuer) &&       // issuer
           mse_der_time(&in, &c->this_update) && // thisUpdate
           mse_der_time(&in, &c->next_update) && // nextUpdate
           rd_revoked(&in, c) &&                 // revokedCertificates
           rd_extensions(&in) &&                 // crlExtensions
           in.len == 0;
}

mse_status mse_crl_parse(struct mse_crl *out, struct mse_bytes der, struct mse_error *err)
{
    struct mse_crl c = { .der = der };
    struct mse_bytes in = der;
    struct mse_bytes crl = { 0 };
    struct mse_bytes inner_alg = { 0 };
    struct mse_bytes outer_alg = { 0 };
    struct mse_bytes tbs_content = { 0 };
    if (!mse_der_get(&in, MSE_DER_SEQUENCE, &crl) || in.len != 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "CRL", "not one DER SEQUENCE of %zu bytes",
                        der.len);
    }
    struct mse_bytes tbs = crl;
    if (!mse_rd_whole(&crl, MSE_DER_SEQUENCE, &c.tbs) ||
        !mse_der_get(&tbs, MSE_DER_SEQUENCE, &tbs_content) ||
        !rd_tbs(&c, tbs_content, &inner_alg)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "CRL",
                        "malformed TBSCertList, or not a complete version 2 CRL with nextUpdate");
    }
    if (!mse_rd_algorithm(&crl, &outer_alg) || !mse_der_bits(&crl, &c.signature) || crl.len != 0 ||
        !mse_bytes_equal(inner_alg, outer_alg)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "CRL", "malformed signature");
    }
    c.sig_alg = mse_sig_alg_of(inner_alg);
    *out = c;
    return MSE_OK;
}

mse_status mse_crl_verify(struct mse_curve *curve, const struct mse_crl *crl,
                          const struct mse_pubkey *issuer_key)
{
    return mse_verify(curve, issuer_key, crl->sig_alg, crl->signature, crl->tbs);
}

bool mse_crl_is_revoked(const struct mse_crl *crl, struct mse_bytes serial)
{
    /* The parse has checked every entry: here only serials are read. */
    struct mse_bytes it = crl->revoked;
    struct mse_bytes entry = { 0 };
    struct mse_bytes number = { 0 };
    while (mse_der_get(&it, MSE_DER_SEQUENCE, &entry)) {
        if (!mse_der_uint(&entry, &number) || mse_bytes_equal(number, serial)) {
            return true; /* an unreadable entry counts as this one */
        }
    }
    return it.len != 0;
}
