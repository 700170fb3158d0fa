/* SPDX-License-Identifier: Apache-2.0 */
/* The CRL reader against OpenSSL's. What ours takes, theirs takes, and both read the same. The
 * other way round: a CRL that OpenSSL writes by what the input says (behind an octet that no CRL
 * begins with) is taken, unless it is one of those that ours refuses on purpose, which are named
 * below. */
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <mse/collateral.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/x509.h"
#include "unit/crypto/diff.h"

/* Why ours is stricter. */
enum strictness {
    NO_NEXT_UPDATE = 1,
    NOT_VERSION_2 = 2,
    DELTA = 4,              /* deltaCRLIndicator */
    A_PART_ONLY = 8,        /* issuingDistributionPoint */
    CRITICAL_UNKNOWN = 16,  /* a critical extension that is no CRL number and no key identifier */
    CRITICAL_IN_ENTRY = 32, /* as in indirect CRLs */
    NO_REASON = 64,         /* extensions that change nothing */
};
#define ANY_STRICTNESS                                                                             \
    (NO_NEXT_UPDATE | NOT_VERSION_2 | DELTA | A_PART_ONLY | CRITICAL_UNKNOWN | CRITICAL_IN_ENTRY)

static EVP_PKEY *signer(void)
{
    static EVP_PKEY *key;
    if (key == NULL) {
        key = EVP_EC_gen("P-256");
    }
    MSE_ASSERT(key != NULL);
    return key;
}

static void add_extension(X509_CRL *x, int nid, const char *oid, bool critical)
{
    static const unsigned char value[] = { 0x02, 0x01, 0x05 };
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
    ASN1_OBJECT *id = nid != NID_undef ? OBJ_nid2obj(nid) : OBJ_txt2obj(oid, 1);
    MSE_ASSERT(s != NULL && id != NULL && ASN1_OCTET_STRING_set(s, value, sizeof value) == 1);
    X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, id, critical ? 1 : 0, s);
    MSE_ASSERT(e != NULL && X509_CRL_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(s);
    ASN1_OBJECT_free(id);
}

static void add_entry(X509_CRL *x, struct mse_bytes serial, bool critical)
{
    X509_REVOKED *r = X509_REVOKED_new();
    BIGNUM *n = BN_bin2bn(serial.data, (int)serial.len, NULL);
    ASN1_INTEGER *i = n != NULL ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
    ASN1_TIME *t = ASN1_TIME_set(NULL, 1767225600);
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
    MSE_ASSERT(r != NULL && i != NULL && t != NULL && reason != NULL);
    MSE_ASSERT(ASN1_ENUMERATED_set(reason, 1) == 1 && X509_REVOKED_set_serialNumber(r, i) == 1 &&
               X509_REVOKED_set_revocationDate(r, t) == 1 &&
               X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, reason, critical ? 1 : 0, 0) == 1 &&
               X509_CRL_add0_revoked(x, r) == 1);
    ASN1_ENUMERATED_free(reason);
    ASN1_TIME_free(t);
    ASN1_INTEGER_free(i);
    BN_free(n);
}

/* spec: 0: strictness; 1: length of the serial numbers and how many; 2 to 9: dates; then the
 * issuer's name, up to 32 octets, and the serial numbers. */
static X509_CRL *write_crl(struct mse_bytes spec, unsigned why)
{
    uint8_t shape = 0;
    uint32_t from = 0;
    uint32_t until = 0;
    struct mse_bytes cn = { 0 };
    struct mse_bytes serial = { 0 };
    X509_CRL *x = X509_CRL_new();
    X509_NAME *name = X509_NAME_new();
    (void)!(mse_rd_u8(&spec, &shape) && mse_rd_u32le(&spec, &from) && mse_rd_u32le(&spec, &until));
    (void)!mse_rd_bytes(&spec, &cn, spec.len < 32 ? spec.len : 32);
    ASN1_TIME *t = ASN1_TIME_set(NULL, from);
    ASN1_TIME *u = ASN1_TIME_set(NULL, until);
    MSE_ASSERT(x != NULL && name != NULL && t != NULL && u != NULL);
    MSE_ASSERT(X509_NAME_add_entry_by_txt(name, "C", MBSTRING_ASC, (const unsigned char *)"US", 2,
                                          -1, 0) == 1);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, cn.data, (int)cn.len, -1, 0);
    MSE_ASSERT(X509_CRL_set_version(x, (why & NOT_VERSION_2) != 0 ? 0 : 1) == 1 &&
               X509_CRL_set_issuer_name(x, name) == 1 && X509_CRL_set1_lastUpdate(x, t) == 1);
    MSE_ASSERT((why & NO_NEXT_UPDATE) != 0 || X509_CRL_set1_nextUpdate(x, u) == 1);
    size_t len = (size_t)1 + (shape % 20U);
    for (unsigned num = 0; num < 64 && mse_rd_bytes(&spec, &serial, len); num++) {
        /* At most twenty octets, the sign among them. */
        bool fits = len < 20 || serial.data[0] < 0x80;
        add_entry(x, fits ? serial : mse_bytes_of(serial.data + 1, len - 1),
                  (why & CRITICAL_IN_ENTRY) != 0);
    }
    ASN1_TIME_free(u);
    ASN1_TIME_free(t);
    X509_NAME_free(name);
    return x;
}

static void check_written(struct mse_bytes spec)
{
    uint8_t flags = 0;
    uint8_t *der = NULL;
    struct mse_crl c;
    if (!mse_rd_u8(&spec, &flags)) {
        return;
    }
    unsigned why = flags;
    X509_CRL *x = write_crl(spec, why);
    bool entries = X509_CRL_get_REVOKED(x) != NULL;
    why &= entries ? ~0U : ~(unsigned)CRITICAL_IN_ENTRY;
    if ((why & DELTA) != 0) {
        add_extension(x, NID_delta_crl, NULL, true);
    }
    if ((why & A_PART_ONLY) != 0) {
        add_extension(x, NID_issuing_distribution_point, NULL, false);
    }
    if ((why & CRITICAL_UNKNOWN) != 0) {
        add_extension(x, NID_undef, "1.2.3.4", true);
    }
    if ((why & NO_REASON) != 0) {
        add_extension(x, NID_crl_number, NULL, (flags & 0x80) != 0);
        add_extension(x, NID_undef, "1.2.3.5", false);
    }
    MSE_ASSERT(X509_CRL_sign(x, signer(), EVP_sha256()) > 0);
    int len = i2d_X509_CRL(x, &der);
    MSE_ASSERT(len > 0);
    bool taken = diff_crl(mse_bytes_of(der, (size_t)len));
    MSE_ASSERT(taken == ((why & ANY_STRICTNESS) == 0));
    MSE_ASSERT(!taken || mse_crl_parse(&c, mse_bytes_of(der, (size_t)len), NULL) == MSE_OK);
    OPENSSL_free(der);
    X509_CRL_free(x);
}

/* What tools show of one is what the appraisal reads. */
static void check_shown(struct mse_bytes der, const struct mse_crl *c)
{
    static uint8_t buf[65536];
    struct mse_crl_info info;
    struct mse_bytes serial = { 0 };
    struct mse_bytes again = { 0 };
    size_t num = 0;
    MSE_ASSERT(mse_crl_info_parse(&info, der, NULL) == MSE_OK);
    struct mse_bytes it = info.revoked;
    for (; mse_crl_info_next(&it, &serial); num++) {
        MSE_ASSERT(serial.len > 0 && serial.len <= 20);
    }
    MSE_ASSERT(num == info.num_revoked && num == c->num_revoked);
    MSE_ASSERT(info.this_update == c->this_update && info.next_update == c->next_update);
    if (mse_crl_decode(&again, buf, sizeof buf, der, NULL) == MSE_OK) {
        MSE_ASSERT(mse_bytes_equal(again, der));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_crl c;
    struct mse_crl_info info;
    struct mse_bytes in = mse_bytes_of(data, size);
    if (size > 0 && data[0] == 0xc7) {
        check_written(mse_bytes_of(data + 1, size - 1));
        return 0;
    }
    if (!diff_crl(in)) {
        MSE_ASSERT(mse_crl_info_parse(&info, in, NULL) != MSE_OK);
        return 0;
    }
    MSE_ASSERT(mse_crl_parse(&c, mse_bytes_of(data, size - 1), NULL) == MSE_ERR_MALFORMED);
    MSE_ASSERT(mse_crl_parse(&c, in, NULL) == MSE_OK);
    check_shown(in, &c);
    return 0;
}
