/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the evidence in a certificate, in every form of the field (docs/protocol.md,
 * "Certificate"). Form only: whether the evidence vouches for the key is judged in check.c. The
 * extension is found by walking the certificate, never by looking for bytes. */
#include "base/bytes.h"
#include "base/cbor.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/x509.h"
#include "ratls/check.h"
#include "ratls/claims.h"
#include "ratls/oids.h"
#include "ratls/profile.h"

#define STEP "evidence"

/* A quote in a certificate ends where its extension ends: no padding, nothing behind. */
static mse_status check_sgx_quote(struct mse_bytes quote, struct mse_error *err)
{
    struct mse_sgx_quote parsed;
    return mse_sgx_quote_parse(&parsed, quote, err);
}

/* What stands behind a report in the field: the host's certificate table, as a count and entries of
 * length, GUID and certificate. Its form is checked; the certificates that count are those of the
 * collateral. */
static bool skip_certificates(struct mse_bytes in)
{
    const uint32_t guid_len = 16;
    uint32_t num = 0;
    if (!mse_rd_u32le(&in, &num) || num > 8) {
        return false;
    }
    for (; num > 0; num--) {
        uint32_t len = 0;
        if (!mse_rd_u32le(&in, &len) || len < guid_len || !mse_rd_skip(&in, len)) {
            return false;
        }
    }
    return in.len == 0;
}

/* SEV-SNP has the report where the others have the quote. */
static mse_status rd_snp(struct mse_ratls_cert *c, struct mse_bytes value, struct mse_error *err)
{
    struct mse_snp_report parsed;
    struct mse_bytes rest = value;
    c->form = MSE_RATLS_SNP;
    c->tee = MSE_TEE_SNP;
    c->quote = value;
    if (value.len > MSE_SNP_REPORT_LEN) {
        if (!mse_rd_bytes(&rest, &c->quote, MSE_SNP_REPORT_LEN) || !skip_certificates(rest)) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                            "%zu bytes behind a report that are no certificate table",
                            value.len - MSE_SNP_REPORT_LEN);
        }
    }
    return mse_snp_report_parse(&parsed, c->quote, err);
}

/* Of SGX or TDX. */
static mse_status check_quote(struct mse_bytes quote, struct mse_error *err)
{
    uint8_t report_data[64];
    return mse_quote_report_data(report_data, quote, err);
}

/* Which TEE a tag stands for; false if for none. */
static bool tee_of_tag(enum mse_tee_kind *out, uint64_t tag, struct mse_bytes quote)
{
    switch (tag) {
    case MSE_TAG_QUOTE:
        *out = mse_quote_is_tdx(quote) ? MSE_TEE_TDX : MSE_TEE_SGX;
        return true;
    case MSE_TAG_SNP:
        *out = MSE_TEE_SNP;
        return true;
    case MSE_TAG_NITRO:
        *out = MSE_TEE_NITRO;
        return true;
    default:
        return false;
    }
}

/* The form of what the tag says it is. */
static mse_status check_evidence(const struct mse_ratls_cert *c, struct mse_error *err)
{
    struct mse_snp_report report;
    struct mse_nitro_doc doc;
    switch ((int)c->tee) {
    case MSE_TEE_SNP:
        return mse_snp_report_parse(&report, c->quote, err);
    case MSE_TEE_NITRO:
        return mse_nitro_doc_parse(&doc, c->quote, err);
    default:
        return check_quote(c->quote, err);
    }
}

/* 60000([quote, claims]), or another tag over [report, claims, certificates]. The tag is looked at
 * first: what it stands for decides what follows. */
static mse_status rd_dice(struct mse_ratls_cert *c, struct mse_bytes value, struct mse_error *err)
{
    struct mse_cbor r = mse_cbor_of(value, MSE_CBOR_LENIENT);
    uint64_t tag = 0;
    size_t num = 0;
    if (!mse_cbor_tag(&r, &tag)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "the tagged evidence is no CBOR tag");
    }
    if (!tee_of_tag(&c->tee, tag, c->quote)) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_EVIDENCE_TAG, STEP, "CBOR tag %llu, wanted %u",
                        (unsigned long long)tag, MSE_TAG_QUOTE);
    }
    bool own_tag = tag != MSE_TAG_QUOTE;
    bool form = mse_cbor_array(&r, &num) && num == (own_tag ? 3 : 2) && // [
                mse_cbor_bytes(&r, &c->quote) &&                        //   quote
                mse_cbor_bytes(&r, &c->claims_raw) &&                   //   claims
                (!own_tag || mse_cbor_bytes(&r, &c->certificates)) &&   //   certificates ]
                r.in.len == 0;
    if (!form) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "the tagged evidence is not [quote, claims%s] and nothing else",
                        own_tag ? ", certificates" : "");
    }
    (void)tee_of_tag(&c->tee, tag, c->quote);
    mse_status st = mse_ratls_claims_read(&c->claims, c->claims_raw, err);
    if (st != MSE_OK) {
        return st;
    }
    if (own_tag && c->claims.role == MSE_ROLE_ABSENT) {
        return MSE_FAIL(err, MSE_ERR_CLAIMS_MALFORMED, STEP, "claims without a role under our tag");
    }
    if (c->claims.role != MSE_ROLE_ABSENT && !mse_cbor_check(value, MSE_CBOR_STRICT)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "the tagged evidence is not in the deterministic encoding");
    }
    c->form = MSE_RATLS_DICE;
    return check_evidence(c, err);
}

/* Open Enclave's report header: version 1, type 2 (remote), size of what follows. */
static mse_status rd_open_enclave(struct mse_ratls_cert *c, struct mse_bytes value,
                                  struct mse_error *err)
{
    uint32_t version = 0;
    uint32_t type = 0;
    uint64_t size = 0;
    bool form = mse_rd_u32le(&value, &version) && // 0 version
                mse_rd_u32le(&value, &type) &&    // 4 report_type
                mse_rd_u64le(&value, &size);      // 8 report_size
    if (!form || version != 1 || type != 2 || size != value.len) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "Open Enclave header: version %u type %u size %llu before %zu bytes, "
                        "wanted version 1 type 2 and their number",
                        version, type, (unsigned long long)size, value.len);
    }
    c->form = MSE_RATLS_OPEN_ENCLAVE;
    c->tee = MSE_TEE_SGX;
    c->quote = value;
    return check_sgx_quote(value, err);
}

/* The one exception to "no padding": a producer of TDX certificates fills up to 8192 bytes. */
#define TDX_PADDED_LEN 8192
static mse_status rd_tdx(struct mse_ratls_cert *c, struct mse_bytes value, struct mse_error *err)
{
    struct mse_tdx_quote q;
    mse_status st = value.len == TDX_PADDED_LEN ? mse_tdx_quote_parse_padded(&q, value, err)
                                                : mse_tdx_quote_parse(&q, value, err);
    if (st != MSE_OK) {
        return st;
    }
    c->form = MSE_RATLS_TDX;
    c->tee = MSE_TEE_TDX;
    c->quote = mse_bytes_of(value.data, value.len - q.trailing);
    return MSE_OK;
}

static mse_status rd_raw(struct mse_ratls_cert *c, enum mse_ratls_form form, struct mse_bytes value,
                         struct mse_error *err)
{
    c->form = form;
    c->tee = MSE_TEE_SGX;
    c->quote = value;
    return check_sgx_quote(value, err);
}

/* PCK certificates use the OID of the SDK's sample for a SEQUENCE; a quote begins with its
 * version, 3, and the type of its key, 2. */
static bool looks_like_quote(struct mse_bytes value)
{
    uint16_t version = 0;
    uint16_t key_type = 0;
    return mse_rd_u16le(&value, &version) && mse_rd_u16le(&value, &key_type) && version == 3 &&
           key_type == 2;
}

/* One older extension; the first that is there counts. */
static bool find_older(const struct mse_cert *x, enum mse_ratls_form *form, struct mse_bytes *value)
{
    if (mse_cert_extension(x, MSE_OID(mse_oid_legacy_sgx), value, NULL)) {
        *form = MSE_RATLS_LEGACY;
        return true;
    }
    if (mse_cert_extension(x, MSE_OID(mse_oid_legacy_gramine), value, NULL)) {
        *form = MSE_RATLS_LEGACY_GRAMINE;
        return true;
    }
    if (mse_cert_extension(x, MSE_OID(mse_oid_open_enclave), value, NULL)) {
        *form = MSE_RATLS_OPEN_ENCLAVE;
        return true;
    }
    if (mse_cert_extension(x, MSE_OID(mse_oid_sdk_sample), value, NULL) &&
        looks_like_quote(*value)) {
        *form = MSE_RATLS_OLD_QUOTE_OID;
        return true;
    }
    if (mse_cert_extension(x, MSE_OID(mse_oid_legacy_tdx), value, NULL)) {
        *form = MSE_RATLS_TDX;
        return true;
    }
    if (mse_cert_extension(x, MSE_OID(mse_oid_legacy_snp), value, NULL)) {
        *form = MSE_RATLS_SNP;
        return true;
    }
    return false;
}

static mse_status rd_older(struct mse_ratls_cert *c, enum mse_ratls_form form,
                           struct mse_bytes value, struct mse_error *err)
{
    switch (form) {
    case MSE_RATLS_OPEN_ENCLAVE:
        return rd_open_enclave(c, value, err);
    case MSE_RATLS_SNP:
        return rd_snp(c, value, err);
    case MSE_RATLS_TDX:
        return rd_tdx(c, value, err);
    case MSE_RATLS_DICE:
    case MSE_RATLS_LEGACY:
    case MSE_RATLS_LEGACY_GRAMINE:
    case MSE_RATLS_OLD_QUOTE_OID:
    case MSE_RATLS_NITRO:
        break;
    }
    return rd_raw(c, form, value, err);
}

/* A Nitro document as lower-case hexadecimal digits, the first label of a DNS name: COSE_Sign1 with
 * ES384 begins 84 44 a1 01 38 22. */
static bool find_nitro_name(const struct mse_cert *x, struct mse_bytes *digits)
{
    struct mse_bytes start = mse_bytes_str("8444a1013822");
    struct mse_bytes value;
    struct mse_bytes names;
    if (!mse_cert_extension(x, MSE_OID(mse_oid_subject_alt_name), &value, NULL) ||
        !mse_der_get(&value, MSE_DER_SEQUENCE, &names)) {
        return false;
    }
    uint8_t tag = 0;
    struct mse_bytes name;
    while (mse_der_any(&names, &tag, &name, NULL)) {
        if (tag == MSE_DER_CONTEXTP(2) && mse_bytes_find(name, start) == 0) {
            size_t dot = mse_bytes_find(name, mse_bytes_str("."));
            *digits = mse_bytes_of(name.data, dot != SIZE_MAX ? dot : name.len);
            return true;
        }
    }
    return false;
}

static mse_status rd_nitro_name(struct mse_ratls_cert *c, struct mse_bytes digits,
                                struct mse_error *err)
{
    uint8_t room[MSE_NITRO_DOC_MAX_LEN];
    struct mse_bytes document;
    struct mse_nitro_doc doc;
    if (!mse_ratls_nitro_document(&document, room, digits)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP,
                        "a DNS name that begins as a Nitro document and is none");
    }
    c->form = MSE_RATLS_NITRO;
    c->tee = MSE_TEE_NITRO;
    c->quote = digits;
    return mse_nitro_doc_parse(&doc, document, err);
}

bool mse_ratls_nitro_document(struct mse_bytes *out, uint8_t room[MSE_NITRO_DOC_MAX_LEN],
                              struct mse_bytes digits)
{
    size_t len = digits.len / 2;
    if (len > MSE_NITRO_DOC_MAX_LEN || !mse_hex_decode(room, len, digits)) {
        return false;
    }
    *out = mse_bytes_of(room, len);
    return true;
}

static mse_status rd_without_extension(struct mse_ratls_cert *c, const struct mse_cert *x,
                                       struct mse_error *err)
{
    struct mse_bytes digits;
    if (find_nitro_name(x, &digits)) {
        return rd_nitro_name(c, digits, err);
    }
    return MSE_FAIL(err, MSE_ERR_NO_EVIDENCE, STEP, "%s",
                    x->is_ca ? "a CA's certificate: evidence is in those that it signed"
                             : "an ordinary certificate without evidence");
}

static void fill_common(struct mse_ratls_cert *c, const struct mse_cert *x)
{
    c->der = x->der;
    c->spki = x->key.spki;
    c->not_before = x->not_before;
    c->not_after = x->not_after;
}

static mse_status read_cert(struct mse_ratls_cert *c, const struct mse_cert *x,
                            struct mse_error *err)
{
    struct mse_bytes dice;
    struct mse_bytes older;
    enum mse_ratls_form form = MSE_RATLS_LEGACY;
    bool has_older = find_older(x, &form, &older);
    fill_common(c, x);
    if (mse_cert_extension(x, MSE_OID(mse_oid_dice), &dice, NULL)) {
        c->also_legacy = has_older;
        return rd_dice(c, dice, err); /* whatever it is: no fall-back */
    }
    return has_older ? rd_older(c, form, older, err) : rd_without_extension(c, x, err);
}

/* The certificate in ders, and which one came right behind it. */
static mse_status parse_first(struct mse_ratls_cert *c, struct mse_cert *x, struct mse_bytes ders,
                              struct mse_error *err)
{
    struct mse_bytes leaf;
    if (!mse_ratls_split(&leaf, &c->ca, ders)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "certificate",
                        "not one DER SEQUENCE, nor two, of %zu bytes", ders.len);
    }
    return mse_cert_parse(x, leaf, err);
}

mse_status mse_ratls_read(struct mse_ratls_cert *out, struct mse_bytes der, struct mse_error *err)
{
    struct mse_cert x = { .is_ca = false };
    struct mse_ratls_cert c = { 0 };
    mse_status st = parse_first(&c, &x, der, err);
    if (st == MSE_OK) {
        st = read_cert(&c, &x, err);
    }
    if (st == MSE_OK) {
        *out = c;
    }
    return st;
}

mse_status mse_ratls_read_evidence(struct mse_ratls_cert *out, struct mse_bytes der,
                                   struct mse_bytes evidence, struct mse_error *err)
{
    struct mse_cert x = { .is_ca = false };
    struct mse_ratls_cert c = { 0 };
    mse_status st = parse_first(&c, &x, der, err);
    if (st == MSE_OK) {
        fill_common(&c, &x);
        st = rd_dice(&c, evidence, err);
    }
    if (st == MSE_OK) {
        *out = c;
    }
    return st;
}

mse_status mse_ratls_read_loose_evidence(struct mse_ratls_cert *out, struct mse_bytes evidence,
                                         struct mse_error *err)
{
    struct mse_ratls_cert c = { 0 };
    mse_status st = rd_dice(&c, evidence, err);
    if (st == MSE_OK) {
        *out = c;
    }
    return st;
}

mse_status mse_ratls_read_legacy(struct mse_ratls_cert *out, struct mse_bytes der,
                                 struct mse_error *err)
{
    struct mse_cert x = { .is_ca = false };
    struct mse_ratls_cert dice;
    struct mse_ratls_cert c = { 0 };
    struct mse_bytes value = { NULL, 0 };
    enum mse_ratls_form form = MSE_RATLS_LEGACY;
    mse_status st = mse_ratls_read(&dice, der, err);
    if (st == MSE_OK) {
        st = parse_first(&c, &x, der, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    if (dice.form != MSE_RATLS_DICE || !find_older(&x, &form, &value)) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, STEP,
                        "no older extension beside tagged evidence in this certificate");
    }
    fill_common(&c, &x);
    st = rd_older(&c, form, value, err);
    if (st == MSE_OK) {
        *out = c;
    }
    return st;
}
