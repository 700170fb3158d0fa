/* SPDX-License-Identifier: Apache-2.0 */
/* See stricter.h. */
#include "unit/crypto/stricter.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/util.h"

/* What a certificate and a CRL have in common. */
struct facts {
    struct mse_bytes der;
    long version;
    const X509_ALGOR *algs[3];
    const ASN1_BIT_STRING *bits[2];
    const X509_NAME *names[2];
    const ASN1_TIME *times[2];
    const ASN1_INTEGER *serial;
    const STACK_OF(X509_EXTENSION) * extensions;
};

/* ---- the encoding ---- */

/* Whether OpenSSL's tokenizer finds DER only, as far down as elements are built of others: the
 * fewest octets for each length, tags of one octet, BOOLEANs of 0 or 255, no string in pieces, and
 * no SET without a member. */
static bool is_der(struct mse_bytes in, unsigned depth)
{
    while (in.len > 0) {
        const uint8_t *p = in.data;
        long len = 0;
        int tag = 0;
        int class = 0;
        int got = ASN1_get_object(&p, &len, &tag, &class, (long)in.len);
        bool built = (got & V_ASN1_CONSTRUCTED) != 0;
        size_t all = (size_t)(p - in.data) + (size_t)len;
        bool universal = class == V_ASN1_UNIVERSAL;
        bool list = universal && (tag == V_ASN1_SEQUENCE || tag == V_ASN1_SET);
        if ((got & 0x81) != 0 || tag >= 31 || depth > 30 ||
            ASN1_object_size(built ? 1 : 0, (int)len, tag) != (int)all ||
            (universal && built != list) || (universal && tag == V_ASN1_SET && len == 0) ||
            (universal && tag == V_ASN1_BOOLEAN && (len != 1 || (p[0] != 0 && p[0] != 255))) ||
            (built && !is_der(mse_bytes_of(p, (size_t)len), depth + 1))) {
            return false;
        }
        in = mse_bytes_of(in.data + all, in.len - all);
    }
    return true;
}

static bool not_der(const struct facts *f)
{
    return !is_der(f->der, 0);
}

/* ---- parts ---- */

/* Absent, NULL, a curve or a structure. */
static bool odd_parameters(const struct facts *f)
{
    bool odd = false;
    for (size_t i = 0; i < MSE_ARRAY_LEN(f->algs) && f->algs[i] != NULL; i++) {
        int type = V_ASN1_UNDEF;
        X509_ALGOR_get0(NULL, &type, NULL, f->algs[i]);
        odd = odd || (type != V_ASN1_UNDEF && type != V_ASN1_NULL && type != V_ASN1_OBJECT &&
                      type != V_ASN1_SEQUENCE);
    }
    return odd;
}

static bool two_algorithms(const struct facts *f)
{
    return X509_ALGOR_cmp(f->algs[0], f->algs[1]) != 0;
}

static bool unused_bits(const struct facts *f)
{
    bool any = false;
    for (size_t i = 0; i < MSE_ARRAY_LEN(f->bits) && f->bits[i] != NULL; i++) {
        any = any || (f->bits[i]->flags & 7) != 0;
    }
    return any;
}

static bool is_utf8(const ASN1_STRING *s)
{
    const uint8_t *p = ASN1_STRING_get0_data(s);
    int len = ASN1_STRING_length(s);
    while (len > 0) {
        unsigned long c = 0;
        int n = UTF8_getc(p, len, &c);
        if (n <= 0 || c > 0x10ffff) {
            return false;
        }
        p += n;
        len -= n;
    }
    return true;
}

static bool odd_text(const struct facts *f)
{
    bool odd = false;
    for (size_t k = 0; k < MSE_ARRAY_LEN(f->names) && f->names[k] != NULL; k++) {
        for (int i = 0; i < X509_NAME_entry_count(f->names[k]); i++) {
            const ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(f->names[k], i));
            int type = ASN1_STRING_type(s);
            odd = odd || !(type == V_ASN1_NUMERICSTRING || type == V_ASN1_PRINTABLESTRING ||
                           type == V_ASN1_T61STRING || type == V_ASN1_IA5STRING ||
                           (type == V_ASN1_UTF8STRING && is_utf8(s)));
        }
    }
    return odd;
}

/* YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ. */
static bool is_odd_time(const ASN1_TIME *t)
{
    struct tm tm;
    int len = ASN1_STRING_length(t);
    int want = ASN1_STRING_type(t) == V_ASN1_UTCTIME ? 13 : 15;
    return len != want || ASN1_STRING_get0_data(t)[len - 1] != 'Z' ||
           ASN1_TIME_to_tm(t, &tm) != 1 || tm.tm_year < 70;
}

static bool odd_time(const struct facts *f)
{
    return is_odd_time(f->times[0]) || (f->times[1] != NULL && is_odd_time(f->times[1]));
}

static bool is_odd_serial(const ASN1_INTEGER *s)
{
    return ASN1_STRING_type(s) == V_ASN1_NEG_INTEGER || ASN1_STRING_length(s) > 20;
}

static bool odd_serial(const struct facts *f)
{
    return f->serial != NULL && is_odd_serial(f->serial);
}

/* ---- extensions ---- */

static bool has_odd_number(const STACK_OF(X509_EXTENSION) * list)
{
    int num = sk_X509_EXTENSION_num(list);
    bool odd = list != NULL && (num == 0 || num > 64);
    for (int i = 0; !odd && i < num; i++) {
        X509_EXTENSION *e = sk_X509_EXTENSION_value(list, i);
        odd = X509v3_get_ext_by_OBJ(list, X509_EXTENSION_get_object(e), i) >= 0;
    }
    return odd;
}

static bool odd_number_of_extensions(const struct facts *f)
{
    return has_odd_number(f->extensions);
}

/* What stands in these two is read at once. Both are written anew as they were, but for a default
 * that is written out; bits that are unused and a number of nine octets are not what we take. */
static bool is_odd_extension(X509_EXTENSION *x)
{
    const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(x);
    int nid = OBJ_obj2nid(X509_EXTENSION_get_object(x));
    const uint8_t *p = data->data;
    uint8_t *again = NULL;
    bool odd = false;
    if (nid == NID_key_usage) {
        ASN1_BIT_STRING *bits = d2i_ASN1_BIT_STRING(NULL, &p, data->length);
        int len = bits == NULL ? -1 : i2d_ASN1_BIT_STRING(bits, &again);
        odd = bits == NULL || len != data->length || bits->length > 2 ||
              !mse_mem_equal(again, data->data, (size_t)len);
        ASN1_BIT_STRING_free(bits);
    } else if (nid == NID_basic_constraints) {
        BASIC_CONSTRAINTS *bc = d2i_BASIC_CONSTRAINTS(NULL, &p, data->length);
        odd = bc == NULL || p != data->data + data->length ||
              !is_der(mse_bytes_of(data->data, (size_t)data->length), 0) ||
              (bc->pathlen != NULL && (ASN1_STRING_type(bc->pathlen) == V_ASN1_NEG_INTEGER ||
                                       ASN1_STRING_length(bc->pathlen) > 8));
        BASIC_CONSTRAINTS_free(bc);
    }
    OPENSSL_free(again);
    return odd;
}

static bool odd_extension(const struct facts *f)
{
    bool odd = false;
    for (int i = 0; i < sk_X509_EXTENSION_num(f->extensions); i++) {
        odd = odd || is_odd_extension(sk_X509_EXTENSION_value(f->extensions, i));
    }
    return odd;
}

/* ---- the lists ---- */

typedef bool reason_fn(const struct facts *f);
struct reason {
    reason_fn *is_so;
    const char *text;
};

static const struct reason common[] = {
    { not_der, "an encoding that is BER, but not DER; an empty SET" },
    { odd_parameters, "parameters of an algorithm that are no NULL, curve or structure" },
    { two_algorithms, "two different signature algorithms" },
    { unused_bits, "a signature or a key that ends within an octet" },
    { odd_text, "a name with other strings than UTF-8, numeric, printable, T61 and IA5 ones" },
    { odd_time, "a time without seconds, with another zone than Z, with fractions, before 1970" },
    { odd_serial, "a serial number below zero or of more than 20 octets" },
    { odd_number_of_extensions, "no extensions in their place, one twice, more than 64" },
};

static const char *find(const struct facts *f, const struct reason *list, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (list[i].is_so(f)) {
            return list[i].text;
        }
    }
    return NULL;
}

/* ---- certificates ---- */

/* Version 1 is the one that is not written. */
static bool odd_version(const struct facts *f)
{
    const uint8_t *p = f->der.data;
    const uint8_t *end = p + f->der.len;
    long len = 0;
    int tag = 0;
    int class = 0;
    for (int i = 0; i < 3; i++) { /* Certificate, TBSCertificate, [0] */
        (void)ASN1_get_object(&p, &len, &tag, &class, end - p);
    }
    bool written = class == V_ASN1_CONTEXT_SPECIFIC && tag == 0;
    return f->version > 2 || f->version < (written ? 1 : 0);
}

static bool early_extensions(const struct facts *f)
{
    return f->extensions != NULL && f->version != 2;
}

static const struct reason of_certificates[] = {
    { odd_version, "a version that is not there or not the one that DER leaves out" },
    { early_extensions, "extensions before version 3" },
    { odd_extension, "basicConstraints or keyUsage that are not DER, or out of bounds" },
};

static const char *judge_certificate(const X509 *x, struct mse_bytes der)
{
    const ASN1_BIT_STRING *sig = NULL;
    const ASN1_BIT_STRING *ids[2] = { NULL, NULL };
    X509_ALGOR *of_key = NULL;
    struct facts f = {
        .der = der,
        .version = X509_get_version(x),
        .algs = { X509_get0_tbs_sigalg(x) },
        .names = { X509_get_issuer_name(x), X509_get_subject_name(x) },
        .times = { X509_get0_notBefore(x), X509_get0_notAfter(x) },
        .serial = X509_get0_serialNumber(x),
        .extensions = X509_get0_extensions(x),
    };
    X509_get0_signature(&sig, &f.algs[1], x);
    (void)X509_PUBKEY_get0_param(NULL, NULL, NULL, &of_key, X509_get_X509_PUBKEY(x));
    f.algs[2] = of_key;
    f.bits[0] = sig;
    f.bits[1] = X509_get0_pubkey_bitstr(x);
    X509_get0_uids(x, &ids[0], &ids[1]);
    if (ids[0] != NULL || ids[1] != NULL) {
        return "unique identifiers";
    }
    const char *why = find(&f, common, MSE_ARRAY_LEN(common));
    return why != NULL ? why : find(&f, of_certificates, MSE_ARRAY_LEN(of_certificates));
}

const char *stricter_certificate(struct mse_bytes der)
{
    const uint8_t *p = der.data;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    const char *why = "OpenSSL refuses it, too";
    if (x != NULL && p == der.data + der.len) {
        why = judge_certificate(x, der);
    }
    X509_free(x);
    ERR_clear_error();
    return why;
}

/* ---- CRLs ---- */

static bool not_version_2(const struct facts *f)
{
    return f->version != 1;
}

static bool no_next_update(const struct facts *f)
{
    return f->times[1] == NULL;
}

static bool not_whole(const struct facts *f)
{
    bool any = false;
    for (int i = 0; i < sk_X509_EXTENSION_num(f->extensions); i++) {
        X509_EXTENSION *e = sk_X509_EXTENSION_value(f->extensions, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));
        any = any || nid == NID_delta_crl || nid == NID_issuing_distribution_point ||
              (X509_EXTENSION_get_critical(e) == 1 && nid != NID_crl_number &&
               nid != NID_authority_key_identifier);
    }
    return any;
}

static const struct reason of_crls[] = {
    { not_version_2, "a CRL that is not version 2" },
    { no_next_update, "a CRL without nextUpdate" },
    { not_whole, "a CRL that is a delta or a part, or with a critical extension" },
};

static bool is_odd_entry(const X509_REVOKED *r)
{
    const STACK_OF(X509_EXTENSION) *list = X509_REVOKED_get0_extensions(r);
    bool odd = is_odd_serial(X509_REVOKED_get0_serialNumber(r)) ||
               is_odd_time(X509_REVOKED_get0_revocationDate(r)) || has_odd_number(list);
    for (int i = 0; !odd && i < sk_X509_EXTENSION_num(list); i++) {
        odd = X509_EXTENSION_get_critical(sk_X509_EXTENSION_value(list, i)) == 1;
    }
    return odd;
}

/* That of TBSCertList, which there is no function for. */
static X509_ALGOR *inner_algorithm(struct mse_bytes der)
{
    const uint8_t *p = der.data;
    const uint8_t *end = p + der.len;
    long len = 0;
    int tag = 0;
    int class = 0;
    for (int i = 0; i < 2; i++) { /* CertificateList, TBSCertList */
        (void)ASN1_get_object(&p, &len, &tag, &class, end - p);
    }
    const uint8_t *first = p;
    (void)ASN1_get_object(&p, &len, &tag, &class, end - p);
    p = tag == V_ASN1_INTEGER ? p + len : first;
    return d2i_X509_ALGOR(NULL, &p, end - p);
}

static const char *judge_crl(X509_CRL *x, struct mse_bytes der)
{
    struct facts f = {
        .der = der,
        .version = X509_CRL_get_version(x),
        .names = { X509_CRL_get_issuer(x) },
        .times = { X509_CRL_get0_lastUpdate(x), X509_CRL_get0_nextUpdate(x) },
        .extensions = X509_CRL_get0_extensions(x),
    };
    X509_CRL_get0_signature(x, &f.bits[0], &f.algs[1]);
    const STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(x);
    if (list != NULL && sk_X509_REVOKED_num(list) == 0) {
        return "a list of revoked certificates that is there and empty";
    }
    for (int i = 0; i < sk_X509_REVOKED_num(list); i++) {
        if (is_odd_entry(sk_X509_REVOKED_value(list, i))) {
            return "an entry with a serial number, a date or extensions as above, or a critical "
                   "one";
        }
    }
    X509_ALGOR *inner = inner_algorithm(der);
    f.algs[0] = inner;
    const char *why = "an algorithm in TBSCertList that nobody finds";
    if (inner != NULL) {
        why = find(&f, of_crls, MSE_ARRAY_LEN(of_crls));
        why = why != NULL ? why : find(&f, common, MSE_ARRAY_LEN(common));
    }
    X509_ALGOR_free(inner);
    return why;
}

const char *stricter_crl(struct mse_bytes der)
{
    const uint8_t *p = der.data;
    X509_CRL *x = d2i_X509_CRL(NULL, &p, (long)der.len);
    const char *why = "OpenSSL refuses it, too";
    if (x != NULL && p == der.data + der.len) {
        why = judge_crl(x, der);
    }
    X509_CRL_free(x);
    ERR_clear_error();
    return why;
}
