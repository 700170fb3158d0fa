/* SPDX-License-Identifier: Apache-2.0 */
/* See diff.h. */
#include "unit/crypto/diff.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <mse/status.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/x509.h"
#include "unit/crypto/stricter.h"

static void need(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "differs from OpenSSL: %s\n", what);
        ERR_print_errors_fp(stderr);
        abort();
    }
}

static void same_time(mse_time ours, const ASN1_TIME *theirs, const char *what)
{
    struct tm tm;
    need(ASN1_TIME_to_tm(theirs, &tm) == 1 && timegm(&tm) == ours, what);
}

static void same_bytes(struct mse_bytes ours, const uint8_t *theirs, int len, const char *what)
{
    need(len >= 0 && mse_bytes_equal(ours, mse_bytes_of(theirs, (size_t)len)), what);
}

static void same_serial(struct mse_bytes ours, const ASN1_INTEGER *theirs)
{
    BIGNUM *bn = ASN1_INTEGER_to_BN(theirs, NULL);
    uint8_t be[64];
    need(bn != NULL && BN_num_bytes(bn) <= (int)sizeof be && BN_is_negative(bn) == 0, "serial");
    int len = BN_bn2bin(bn, be);
    if (len == 0) {
        be[len++] = 0; /* ours keeps one octet */
    }
    same_bytes(ours, be, len, "serial");
    BN_free(bn);
}

static void same_name(struct mse_bytes ours, const X509_NAME *theirs, const char *what)
{
    uint8_t *der = NULL;
    int len = i2d_X509_NAME(theirs, &der);
    same_bytes(ours, der, len, what);
    OPENSSL_free(der);
}

static void same_key(const struct mse_cert *c, const X509 *x)
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);
    if (c->key.type != MSE_KEY_OTHER) {
        same_bytes(c->key.raw, bits->data, bits->length, "public key");
    }
    uint8_t *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    same_bytes(c->key.spki, der, len, "SubjectPublicKeyInfo");
    OPENSSL_free(der);
}

static void same_extensions(const struct mse_cert *c, const X509 *x)
{
    struct mse_bytes in = c->extensions;
    int num = 0;
    for (; in.len > 0; num++) {
        struct mse_bytes ext = { 0 };
        need(mse_der_get(&in, MSE_DER_SEQUENCE, &ext), "extension");
        X509_EXTENSION *e = X509_get_ext(x, num);
        need(e != NULL, "number of extensions");
        const ASN1_OBJECT *id = X509_EXTENSION_get_object(e);
        struct mse_bytes oid = { OBJ_get0_data(id), OBJ_length(id) };
        struct mse_bytes value = { 0 };
        bool critical = false;
        need(mse_cert_extension(c, oid, &value, &critical), "extension is missing");
        need(critical == (X509_EXTENSION_get_critical(e) == 1), "critical");
        const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(e);
        same_bytes(value, data->data, data->length, "extension value");
    }
    need(X509_get_ext_count(x) == num, "number of extensions");
}

static void same_constraints(const struct mse_cert *c, const X509 *x)
{
    BASIC_CONSTRAINTS *bc = X509_get_ext_d2i(x, NID_basic_constraints, NULL, NULL);
    need((bc != NULL) == c->has_basic_constraints, "basicConstraints");
    if (bc != NULL) {
        need((bc->ca != 0) == c->is_ca, "cA");
        need((bc->pathlen != NULL) == c->has_path_len, "pathLen");
        BASIC_CONSTRAINTS_free(bc);
    }
    ASN1_BIT_STRING *ku = X509_get_ext_d2i(x, NID_key_usage, NULL, NULL);
    need((ku != NULL) == c->has_key_usage, "keyUsage");
    for (int i = 0; ku != NULL && i < 16; i++) {
        need((ASN1_BIT_STRING_get_bit(ku, i) != 0) == ((c->key_usage & (1U << i)) != 0),
             "keyUsage bit");
    }
    ASN1_BIT_STRING_free(ku);
}

static void same_common_name(struct mse_bytes ours, const X509_NAME *theirs)
{
    int last = -1;
    for (int i = -1; (i = X509_NAME_get_index_by_NID(theirs, NID_commonName, i)) >= 0;) {
        last = i;
    }
    if (last < 0) {
        need(ours.len == 0, "commonName");
        return;
    }
    const ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(theirs, last));
    same_bytes(ours, ASN1_STRING_get0_data(s), ASN1_STRING_length(s), "commonName");
}

bool diff_certificate(struct mse_bytes der)
{
    struct mse_cert c;
    if (mse_cert_parse(&c, der, NULL) != MSE_OK) {
        need(stricter_certificate(der) != NULL, "we refuse a certificate for an unknown reason");
        return false;
    }
    const uint8_t *p = der.data;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    need(x != NULL, "OpenSSL refuses the certificate");
    need(p == der.data + der.len, "length");
    const ASN1_BIT_STRING *sig = NULL;
    X509_get0_signature(&sig, NULL, x);
    same_serial(c.serial, X509_get0_serialNumber(x));
    same_time(c.not_before, X509_get0_notBefore(x), "notBefore");
    same_time(c.not_after, X509_get0_notAfter(x), "notAfter");
    same_name(c.issuer, X509_get_issuer_name(x), "issuer");
    same_name(c.subject, X509_get_subject_name(x), "subject");
    same_common_name(mse_name_common_name(c.issuer), X509_get_issuer_name(x));
    same_common_name(mse_name_common_name(c.subject), X509_get_subject_name(x));
    same_bytes(c.signature, sig->data, sig->length, "signature");
    same_key(&c, x);
    same_extensions(&c, x);
    same_constraints(&c, x);
    X509_free(x);
    ERR_clear_error();
    return true;
}

bool diff_crl(struct mse_bytes der)
{
    struct mse_crl c;
    if (mse_crl_parse(&c, der, NULL) != MSE_OK) {
        need(stricter_crl(der) != NULL, "we refuse a CRL for an unknown reason");
        return false;
    }
    const uint8_t *p = der.data;
    X509_CRL *x = d2i_X509_CRL(NULL, &p, (long)der.len);
    need(x != NULL, "OpenSSL refuses the CRL");
    need(p == der.data + der.len, "length");
    same_time(c.this_update, X509_CRL_get0_lastUpdate(x), "thisUpdate");
    same_time(c.next_update, X509_CRL_get0_nextUpdate(x), "nextUpdate");
    same_name(c.issuer, X509_CRL_get_issuer(x), "issuer");
    STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(x);
    int num = list == NULL ? 0 : sk_X509_REVOKED_num(list);
    need((size_t)num == c.num_revoked, "number of revoked certificates");
    struct mse_bytes it = c.revoked;
    for (int i = 0; i < num; i++) {
        struct mse_bytes serial = { 0 };
        mse_time date = 0;
        const X509_REVOKED *r = sk_X509_REVOKED_value(list, i);
        need(mse_crl_next(&it, &serial, &date), "entry");
        same_serial(serial, X509_REVOKED_get0_serialNumber(r));
        same_time(date, X509_REVOKED_get0_revocationDate(r), "revocationDate");
        need(mse_crl_is_revoked(&c, serial), "is revoked");
    }
    X509_CRL_free(x);
    ERR_clear_error();
    return true;
}
