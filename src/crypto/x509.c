/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate reader (RFC 5280 §4.1). Form only. */
#include "crypto/x509.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/sign.h"
#include "crypto/x509_internal.h"

static const uint8_t oid_basic_constraints[] = { 0x55, 0x1d, 0x13 };
static const uint8_t oid_key_usage[] = { 0x55, 0x1d, 0x0f };
static const uint8_t oid_san[] = { 0x55, 0x1d, 0x11 };
static const uint8_t oid_ski[] = { 0x55, 0x1d, 0x0e };
static const uint8_t oid_aki[] = { 0x55, 0x1d, 0x23 };

/* AlgorithmIdentifiers, whole. ECDSA without parameters, RSA with NULL (RFC 5758, RFC 4055). */
static const uint8_t alg_ecdsa_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                            0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
static const uint8_t alg_ecdsa_sha384[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                            0x48, 0xce, 0x3d, 0x04, 0x03, 0x03 };
/* The NULL that RFC 5758 forbids, as mbedTLS writes it (Gramine, Open Enclave). */
static const uint8_t alg_ecdsa_sha256_null[] = { 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                                 0xce, 0x3d, 0x04, 0x03, 0x02, 0x05, 0x00 };
static const uint8_t alg_rsa_sha1[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                        0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00 };
static const uint8_t alg_rsa_sha256[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                          0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00 };
static const uint8_t alg_rsa_sha384[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                          0xf7, 0x0d, 0x01, 0x01, 0x0c, 0x05, 0x00 };
static const uint8_t alg_rsa_sha512[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                          0xf7, 0x0d, 0x01, 0x01, 0x0d, 0x05, 0x00 };
/* RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt 48; with the default trailer left out, as DER wants
 * it, and written out, as AMD does. */
static const uint8_t alg_pss_sha384[] = {
    0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30,
    0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
    0x02, 0x02, 0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
    0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
    0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x30
};
static const uint8_t alg_pss_sha384_trailer[] = {
    0x30, 0x46, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x39,
    0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02,
    0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
    0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02,
    0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x30, 0xa3, 0x03, 0x02, 0x01, 0x01
};

enum mse_sig_alg mse_sig_alg_of(struct mse_bytes whole)
{
    static const struct {
        const uint8_t *der;
        size_t len;
        enum mse_sig_alg alg;
    } known[] = {
        { alg_ecdsa_sha256, sizeof alg_ecdsa_sha256, MSE_SIG_ECDSA_SHA256 },
        { alg_ecdsa_sha256_null, sizeof alg_ecdsa_sha256_null, MSE_SIG_ECDSA_SHA256 },
        { alg_ecdsa_sha384, sizeof alg_ecdsa_sha384, MSE_SIG_ECDSA_SHA384 },
        { alg_rsa_sha1, sizeof alg_rsa_sha1, MSE_SIG_RSA_SHA1 },
        { alg_rsa_sha256, sizeof alg_rsa_sha256, MSE_SIG_RSA_SHA256 },
        { alg_rsa_sha384, sizeof alg_rsa_sha384, MSE_SIG_RSA_SHA384 },
        { alg_rsa_sha512, sizeof alg_rsa_sha512, MSE_SIG_RSA_SHA512 },
        { alg_pss_sha384, sizeof alg_pss_sha384, MSE_SIG_RSA_PSS_SHA384 },
        { alg_pss_sha384_trailer, sizeof alg_pss_sha384_trailer, MSE_SIG_RSA_PSS_SHA384 },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(known); i++) {
        if (mse_bytes_equal(whole, mse_bytes_of(known[i].der, known[i].len))) {
            return known[i].alg;
        }
    }
    return MSE_SIG_OTHER;
}

bool mse_pubkey_parse(struct mse_pubkey *out, struct mse_bytes spki)
{
    /* AlgorithmIdentifiers of keys, whole (RFC 5480, RFC 3279). */
    static const uint8_t p256[] = { 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
                                    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
    static const uint8_t p384[] = { 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                    0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
    static const uint8_t rsa[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                   0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
    struct mse_pubkey key = { .spki = spki };
    struct mse_bytes in = spki;
    struct mse_bytes content = { 0 };
    struct mse_bytes alg = { 0 };
    struct mse_bytes bits = { 0 };
    if (!mse_der_get(&in, MSE_DER_SEQUENCE, &content) || in.len != 0 ||
        !mse_rd_algorithm(&content, &alg) || !mse_der_bits(&content, &bits) || content.len != 0) {
        return false;
    }
    bool point = bits.len > 0 && bits.data[0] == 4;
    if (mse_bytes_equal(alg, mse_bytes_of(p256, sizeof p256)) && point && bits.len == 65) {
        key.type = MSE_KEY_P256;
        key.raw = bits;
    } else if (mse_bytes_equal(alg, mse_bytes_of(p384, sizeof p384)) && point && bits.len == 97) {
        key.type = MSE_KEY_P384;
        key.raw = bits;
    } else if (mse_bytes_equal(alg, mse_bytes_of(rsa, sizeof rsa))) {
        key.type = MSE_KEY_RSA;
        key.raw = bits;
    }
    *out = key;
    return true;
}

bool mse_ext_next(struct mse_bytes *in, struct mse_bytes *oid, bool *critical,
                  struct mse_bytes *value)
{
    struct mse_bytes p = *in;
    struct mse_bytes ext = { 0 };
    struct mse_bytes id = { 0 };
    struct mse_bytes v = { 0 };
    bool crit = false;
    if (!mse_der_get(&p, MSE_DER_SEQUENCE, &ext) || !mse_der_oid(&ext, &id)) {
        return false;
    }
    if (ext.len > 0 && ext.data[0] == MSE_DER_BOOLEAN && !mse_der_bool(&ext, &crit)) {
        return false;
    }
    if (!mse_der_get(&ext, MSE_DER_OCTETS, &v) || ext.len != 0) {
        return false;
    }
    *oid = id;
    *critical = crit;
    *value = v;
    *in = p;
    return true;
}

bool mse_ext_is_too_much(struct mse_bytes all, size_t before, struct mse_bytes oid)
{
    struct mse_bytes id = { 0 };
    struct mse_bytes value = { 0 };
    bool critical = false;
    size_t num = 0;
    while (all.len > before && mse_ext_next(&all, &id, &critical, &value)) {
        num++;
        if (num >= MSE_MAX_EXTENSIONS || mse_bytes_equal(id, oid)) {
            return true;
        }
    }
    return false;
}

static bool rd_basic_constraints(struct mse_cert *c, struct mse_bytes in)
{
    struct mse_bytes seq = { 0 };
    bool ca = false;
    if (!mse_der_get(&in, MSE_DER_SEQUENCE, &seq) || in.len != 0) {
        return false;
    }
    if (seq.len > 0 && seq.data[0] == MSE_DER_BOOLEAN && !mse_der_bool(&seq, &ca)) {
        return false;
    }
    c->has_path_len = seq.len > 0;
    if (c->has_path_len && !mse_der_uint64(&seq, &c->path_len)) {
        return false;
    }
    c->has_basic_constraints = true;
    c->is_ca = ca;
    return seq.len == 0;
}

/* The bits are numbered from the most significant one of the first octet. */
static bool rd_key_usage(struct mse_cert *c, struct mse_bytes in)
{
    struct mse_bytes bits = { 0 };
    uint8_t unused = 0;
    if (!mse_der_get(&in, MSE_DER_BIT_STRING, &bits) || in.len != 0 || !mse_rd_u8(&bits, &unused) ||
        unused > 7 || bits.len > 2 || (bits.len == 0 && unused != 0)) {
        return false;
    }
    uint32_t usage = 0;
    for (size_t i = 0; i < bits.len * 8; i++) {
        if ((bits.data[i / 8] & (0x80U >> (i % 8))) == 0) {
            continue;
        }
        if (i >= bits.len * 8 - unused) {
            return false; /* X.690 §11.2.1: unused bits are zero */
        }
        usage |= 1U << i;
    }
    c->has_key_usage = true;
    c->key_usage = usage;
    return true;
}

static bool rd_extension(struct mse_cert *c, struct mse_bytes oid, bool critical,
                         struct mse_bytes value)
{
    if (mse_der_oid_is(oid, oid_basic_constraints, sizeof oid_basic_constraints)) {
        return rd_basic_constraints(c, value);
    }
    if (mse_der_oid_is(oid, oid_key_usage, sizeof oid_key_usage)) {
        return rd_key_usage(c, value);
    }
    bool known = mse_der_oid_is(oid, oid_san, sizeof oid_san) ||
                 mse_der_oid_is(oid, oid_ski, sizeof oid_ski) ||
                 mse_der_oid_is(oid, oid_aki, sizeof oid_aki);
    if (critical && !known) {
        c->has_unknown_critical = true;
    }
    return true;
}

static bool rd_extensions(struct mse_cert *c, struct mse_bytes *in)
{
    struct mse_bytes outer = { 0 };
    bool present = false;
    if (!mse_der_opt(in, MSE_DER_CONTEXT(3), &outer, &present)) {
        return false;
    }
    if (!present) {
        return true;
    }
    struct mse_bytes list = { 0 };
    if (!mse_der_get(&outer, MSE_DER_SEQUENCE, &list) || outer.len != 0 || list.len == 0) {
        return false;
    }
    c->extensions = list;
    while (list.len > 0) {
        struct mse_bytes oid = { 0 };
        struct mse_bytes value = { 0 };
        bool critical = false;
        size_t before = list.len;
        if (!mse_ext_next(&list, &oid, &critical, &value) ||
            mse_ext_is_too_much(c->extensions, before, oid) ||
            !rd_extension(c, oid, critical, value)) {
            return false;
        }
    }
    return true;
}

/* [0] EXPLICIT Version: 1 or 2; version 1 is expressed by leaving it out. */
static bool rd_version(struct mse_bytes *in, uint64_t *out)
{
    struct mse_bytes c = { 0 };
    bool present = false;
    uint64_t v = 0;
    if (!mse_der_opt(in, MSE_DER_CONTEXT(0), &c, &present)) {
        return false;
    }
    if (present && (!mse_der_uint64(&c, &v) || c.len != 0 || v < 1 || v > 2)) {
        return false;
    }
    *out = v;
    return true;
}

static bool rd_validity(struct mse_bytes *in, struct mse_cert *c)
{
    struct mse_bytes v = { 0 };
    return mse_der_get(in, MSE_DER_SEQUENCE, &v) && mse_der_time(&v, &c->not_before) &&
           mse_der_time(&v, &c->not_after) && v.len == 0;
}

static bool rd_tbs(struct mse_cert *c, struct mse_bytes in, struct mse_bytes *sig_alg)
{
    uint64_t version = 0;
    struct mse_bytes spki = { 0 };
    bool ok = rd_version(&in, &version) &&                  // version
              mse_der_uint(&in, &c->serial) &&              // serialNumber
              mse_rd_algorithm(&in, sig_alg) &&             // signature
              mse_rd_name(&in, &c->issuer) &&               // issuer
              rd_validity(&in, c) &&                        // validity
              mse_rd_name(&in, &c->subject) &&              // subject
              mse_rd_whole(&in, MSE_DER_SEQUENCE, &spki) && // subjectPublicKeyInfo
              mse_pubkey_parse(&c->key, spki) &&            //
              (version != 2 || rd_extensions(c, &in)) &&    // extensions
              in.len == 0;
    return ok;
}

mse_status mse_cert_parse(struct mse_cert *out, struct mse_bytes der, struct mse_error *err)
{
    struct mse_cert c = { .der = der };
    struct mse_bytes in = der;
    struct mse_bytes cert = { 0 };
    struct mse_bytes inner_alg = { 0 };
    struct mse_bytes outer_alg = { 0 };
    if (!mse_der_get(&in, MSE_DER_SEQUENCE, &cert) || in.len != 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "certificate", "not one DER SEQUENCE of %zu bytes",
                        der.len);
    }
    struct mse_bytes tbs = cert;
    struct mse_bytes tbs_content = { 0 };
    if (!mse_rd_whole(&cert, MSE_DER_SEQUENCE, &c.tbs) ||
        !mse_der_get(&tbs, MSE_DER_SEQUENCE, &tbs_content) ||
        !rd_tbs(&c, tbs_content, &inner_alg)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "certificate", "malformed TBSCertificate");
    }
    if (!mse_rd_algorithm(&cert, &outer_alg) || !mse_der_bits(&cert, &c.signature) ||
        cert.len != 0) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "certificate", "malformed signature");
    }
    if (!mse_bytes_equal(inner_alg, outer_alg)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "certificate",
                        "two different signature algorithms in one certificate");
    }
    c.sig_alg = mse_sig_alg_of(inner_alg);
    *out = c;
    return MSE_OK;
}

bool mse_cert_extension(const struct mse_cert *c, struct mse_bytes oid, struct mse_bytes *value,
                        bool *critical)
{
    struct mse_bytes in = c->extensions;
    struct mse_bytes id = { 0 };
    struct mse_bytes v = { 0 };
    bool crit = false;
    while (in.len > 0 && mse_ext_next(&in, &id, &crit, &v)) {
        if (!mse_bytes_equal(id, oid)) {
            continue;
        }
        *value = v;
        if (critical != NULL) {
            *critical = crit;
        }
        return true;
    }
    return false;
}

mse_status mse_cert_verify(struct mse_curve *curve, const struct mse_cert *c,
                           const struct mse_pubkey *issuer_key)
{
    return mse_verify(curve, issuer_key, c->sig_alg, c->signature, c->tbs);
}
