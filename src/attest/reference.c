/* SPDX-License-Identifier: Apache-2.0 */
/* Reference values: the set that a report comes closest to, and what in it differs. One table says
 * which member of a set is held against which member of a report. */
#include "attest/reference.h"

#include "attest/verdict.h"
#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"

enum kind {
    BYTES,
    EQUAL_U16,
    LEAST_U16, /* the report's is at least the wanted one */
    EQUAL_U64, /* shown as the eight octets of a report */
    PCR,       /* of a struct mse_nitro_pcr */
    DATA,      /* the SHA-256 of a struct mse_nitro_data */
};

#define NOWHERE SIZE_MAX /* this TEE has no such value: a set that wants one does not match */
#define WANT(m) offsetof(struct mse_reference, has_##m), offsetof(struct mse_reference, m)
#define WANT_PCR(n)                                                                                \
    offsetof(struct mse_reference, has_pcr[n]), offsetof(struct mse_reference, pcr[n])
#define AT(m) offsetof(struct mse_verdict, m)
#define SGX(m)                                                                                     \
    {                                                                                              \
        AT(report.m), NOWHERE, NOWHERE, NOWHERE                                                    \
    }
#define TDX(m)                                                                                     \
    {                                                                                              \
        NOWHERE, AT(td.m), NOWHERE, NOWHERE                                                        \
    }
#define SNP(m)                                                                                     \
    {                                                                                              \
        NOWHERE, NOWHERE, AT(snp.m), NOWHERE                                                       \
    }
#define NITRO(m)                                                                                   \
    {                                                                                              \
        NOWHERE, NOWHERE, NOWHERE, AT(nitro.m)                                                     \
    }
#define ALL(m)                                                                                     \
    {                                                                                              \
        AT(m), AT(m), AT(m), AT(m)                                                                 \
    }
#define ROW_PCR(n)                                                                                 \
    {                                                                                              \
        "PCR" #n, PCR, MSE_ERR_PCR_MISMATCH, 48, WANT_PCR(n), NITRO(pcrs[n])                       \
    }

/* Columns of a row: where the value is in struct mse_verdict. */
enum column {
    COLUMN_SGX,
    COLUMN_TDX,
    COLUMN_SNP,
    COLUMN_NITRO,
    NUM_COLUMNS,
};

static const struct field {
    const char *name;
    enum kind kind;
    mse_status status;
    size_t len;
    size_t has; /* into struct mse_reference */
    size_t want;
    size_t at[NUM_COLUMNS];
} fields[] = {
    { "MRSIGNER", BYTES, MSE_ERR_MRSIGNER_MISMATCH, 32, WANT(mr_signer), SGX(mr_signer) },
    { "AUTHOR_KEY_DIGEST", BYTES, MSE_ERR_AUTHOR_KEY_DIGEST_MISMATCH, 48, WANT(author_key_digest),
      SNP(author_key_digest) },
    { "ID_KEY_DIGEST", BYTES, MSE_ERR_ID_KEY_DIGEST_MISMATCH, 48, WANT(id_key_digest),
      SNP(id_key_digest) },
    { "fingerprint", BYTES, MSE_ERR_FINGERPRINT_MISMATCH, 32, WANT(fingerprint), ALL(fingerprint) },
    { "MRENCLAVE", BYTES, MSE_ERR_MRENCLAVE_MISMATCH, 32, WANT(mr_enclave), SGX(mr_enclave) },
    { "ISVPRODID", EQUAL_U16, MSE_ERR_ISVPRODID_MISMATCH, 2, WANT(isv_prod_id), SGX(isv_prod_id) },
    { "ISVSVN", LEAST_U16, MSE_ERR_ISVSVN_TOO_LOW, 2, WANT(min_isv_svn), SGX(isv_svn) },
    { "CONFIGID", BYTES, MSE_ERR_CONFIG_ID_MISMATCH, 64, WANT(config_id), SGX(config_id) },
    { "MRTD", BYTES, MSE_ERR_MRTD_MISMATCH, 48, WANT(mr_td), TDX(mr_td) },
    { "RTMR0", BYTES, MSE_ERR_RTMR_MISMATCH, 48, WANT(rtmr0), TDX(rtmr[0]) },
    { "RTMR1", BYTES, MSE_ERR_RTMR_MISMATCH, 48, WANT(rtmr1), TDX(rtmr[1]) },
    { "RTMR2", BYTES, MSE_ERR_RTMR_MISMATCH, 48, WANT(rtmr2), TDX(rtmr[2]) },
    { "RTMR3", BYTES, MSE_ERR_RTMR_MISMATCH, 48, WANT(rtmr3), TDX(rtmr[3]) },
    { "MRCONFIGID", BYTES, MSE_ERR_CONFIG_ID_MISMATCH, 48, WANT(mr_config_id), TDX(mr_config_id) },
    { "MROWNER", BYTES, MSE_ERR_MROWNER_MISMATCH, 48, WANT(mr_owner), TDX(mr_owner) },
    { "MROWNERCONFIG", BYTES, MSE_ERR_MROWNER_MISMATCH, 48, WANT(mr_owner_config),
      TDX(mr_owner_config) },
    { "TDATTRIBUTES", EQUAL_U64, MSE_ERR_TDATTRIBUTES_MISMATCH, 8, WANT(td_attributes),
      TDX(td_attributes) },
    { "XFAM", EQUAL_U64, MSE_ERR_XFAM_MISMATCH, 8, WANT(xfam), TDX(xfam) },
    { "MEASUREMENT", BYTES, MSE_ERR_MEASUREMENT_MISMATCH, 48, WANT(measurement), SNP(measurement) },
    { "HOST_DATA", BYTES, MSE_ERR_HOST_DATA_MISMATCH, 32, WANT(host_data), SNP(host_data) },
    ROW_PCR(0),
    ROW_PCR(1),
    ROW_PCR(2),
    ROW_PCR(3),
    ROW_PCR(4),
    ROW_PCR(5),
    ROW_PCR(6),
    ROW_PCR(7),
    ROW_PCR(8),
    ROW_PCR(9),
    ROW_PCR(10),
    ROW_PCR(11),
    ROW_PCR(12),
    ROW_PCR(13),
    ROW_PCR(14),
    ROW_PCR(15),
    { "nonce, its SHA-256", DATA, MSE_ERR_NONCE_MISMATCH, 32, WANT(nonce), NITRO(nonce) },
    { "user data, their SHA-256", DATA, MSE_ERR_USER_DATA_MISMATCH, 32, WANT(user_data),
      NITRO(user_data) },
    { "public key, its SHA-256", DATA, MSE_ERR_PUBLIC_KEY_MISMATCH, 32, WANT(public_key),
      NITRO(public_key) },
    { "report data",
      BYTES,
      MSE_ERR_REPORT_DATA_MISMATCH,
      64,
      WANT(report_data),
      { AT(report.report_data), AT(td.report_data), AT(snp.report_data), NOWHERE } },
};

static const void *wanted_value(const struct mse_reference *s, const struct field *f)
{
    return (const uint8_t *)s + f->want;
}

static bool is_wanted(const struct mse_reference *s, const struct field *f)
{
    return *(const bool *)((const uint8_t *)s + f->has);
}

static enum column column_of(enum mse_tee_kind tee)
{
    return tee == MSE_TEE_NITRO ? COLUMN_NITRO
           : tee == MSE_TEE_SNP ? COLUMN_SNP
           : tee == MSE_TEE_TDX ? COLUMN_TDX
                                : COLUMN_SGX;
}

/* NULL if this evidence has no such value. */
static const void *seen_value(const struct mse_verdict *v, const struct field *f)
{
    size_t at = f->at[column_of(v->tee)];
    if (at == NOWHERE || (at == AT(fingerprint) && !v->has_fingerprint)) {
        return NULL;
    }
    const uint8_t *p = (const uint8_t *)v + at;
    if (f->kind == PCR) {
        const struct mse_nitro_pcr *pcr = (const void *)p;
        return pcr->len == f->len ? pcr->value : NULL;
    }
    if (f->kind == DATA) {
        const struct mse_nitro_data *data = (const void *)p;
        return data->present ? data->sha256 : NULL;
    }
    return p;
}

static bool is_equal(const struct field *f, const void *want, const void *seen)
{
    switch (f->kind) {
    case EQUAL_U16:
        return *(const uint16_t *)want == *(const uint16_t *)seen;
    case LEAST_U16:
        return *(const uint16_t *)want <= *(const uint16_t *)seen;
    case EQUAL_U64:
        return *(const uint64_t *)want == *(const uint64_t *)seen;
    case BYTES:
    case PCR:
    case DATA:
        break;
    }
    return mse_mem_equal(want, seen, f->len);
}

static bool differs(const struct mse_verdict *v, const struct mse_reference *s,
                    const struct field *f)
{
    const void *seen = seen_value(v, f);
    return is_wanted(s, f) && (seen == NULL || !is_equal(f, wanted_value(s, f), seen));
}

static size_t num_mismatches(const struct mse_verdict *v, const struct mse_reference *s)
{
    size_t num = 0;
    for (size_t i = 0; i < MSE_ARRAY_LEN(fields); i++) {
        num += differs(v, s, &fields[i]) ? 1 : 0;
    }
    return num;
}

static bool is_key(bool has, const uint8_t digest[48])
{
    return has && !mse_mem_is_zero(digest, 48);
}

/* Of a Nitro enclave: the image as a whole, its two parts, or who signed it. */
static bool is_identifying_nitro(const struct mse_reference *s)
{
    return is_key(s->has_pcr[0], s->pcr[0]) || is_key(s->has_pcr[8], s->pcr[8]) ||
           (is_key(s->has_pcr[1], s->pcr[1]) && is_key(s->has_pcr[2], s->pcr[2]));
}

/* A set that wants none of these would let any app pass. MRTD alone is a TD's firmware: it takes a
 * register behind it, or the configuration, to say which app the firmware started. A digest of
 * zeros is nobody's. */
static bool is_identifying(const struct mse_verdict *v, const struct mse_reference *s)
{
    bool app = s->has_rtmr1 || s->has_rtmr2 || s->has_rtmr3 || s->has_mr_config_id;
    bool found = false;
    switch (column_of(v->tee)) {
    case COLUMN_TDX:
        found = s->has_mr_td && app;
        break;
    case COLUMN_SNP:
        found = s->has_measurement || is_key(s->has_author_key_digest, s->author_key_digest) ||
                is_key(s->has_id_key_digest, s->id_key_digest);
        break;
    case COLUMN_NITRO:
        found = is_identifying_nitro(s);
        break;
    case COLUMN_SGX:
    case NUM_COLUMNS:
        found = s->has_mr_enclave || s->has_mr_signer;
        break;
    }
    return s->has_fingerprint || found;
}

/* Whether a set wants something that only SEV-SNP, or only Nitro has: it is for others then. */
static bool is_for_others(const struct mse_verdict *v, const struct mse_reference *s)
{
    enum column own = column_of(v->tee);
    for (size_t i = 0; i < MSE_ARRAY_LEN(fields); i++) {
        const struct field *f = &fields[i];
        bool intel = f->at[COLUMN_SGX] != NOWHERE || f->at[COLUMN_TDX] != NOWHERE;
        if (!intel && f->at[own] == NOWHERE && is_wanted(s, f)) {
            return true;
        }
    }
    return false;
}

/* The identifying set that the evidence comes closest to; NULL if there is no such set. */
static const struct mse_reference *closest(const struct mse_verdict *v, const struct mse_policy *p,
                                           size_t *mismatches)
{
    const struct mse_reference *best = NULL;
    for (size_t i = 0; i < p->num_references; i++) {
        const struct mse_reference *s = &p->references[i];
        if ((!is_identifying(v, s) && !p->insecure_any_app) || is_for_others(v, s)) {
            continue;
        }
        size_t num = num_mismatches(v, s);
        if (best == NULL || num < *mismatches) {
            best = s;
            *mismatches = num;
        }
    }
    return best;
}

#define VALUE_LEN (2 * 64 + 1)

static void tell(char out[VALUE_LEN], const struct field *f, const void *value)
{
    uint8_t octets[8];
    struct mse_build b;
    if (value == NULL) {
        (void)snprintf(out, VALUE_LEN, "evidence that has no such value");
        return;
    }
    switch (f->kind) {
    case EQUAL_U16:
    case LEAST_U16:
        (void)snprintf(out, VALUE_LEN, "%u", *(const uint16_t *)value);
        return;
    case EQUAL_U64:
        mse_build_fixed(&b, octets, sizeof octets);
        mse_wr_u64le(&b, *(const uint64_t *)value);
        mse_hex_encode(out, mse_build_view(&b));
        return;
    case BYTES:
    case PCR:
    case DATA:
        mse_hex_encode(out, mse_bytes_of(value, f->len));
        return;
    }
}

/* An SGX fingerprint is MRENCLAVE and is called so. */
static mse_status status_of(const struct mse_verdict *v, const struct field *f)
{
    bool sgx_fingerprint = f->status == MSE_ERR_FINGERPRINT_MISMATCH && v->tee == MSE_TEE_SGX;
    return sgx_fingerprint ? MSE_ERR_MRENCLAVE_MISMATCH : f->status;
}

static bool is_signer(const struct field *f)
{
    return f->status == MSE_ERR_MRSIGNER_MISMATCH ||
           f->status == MSE_ERR_AUTHOR_KEY_DIGEST_MISMATCH ||
           f->status == MSE_ERR_ID_KEY_DIGEST_MISMATCH;
}

static void tell_mismatch(struct mse_verdict *v, const struct mse_reference *s,
                          const struct field *f)
{
    char seen[VALUE_LEN];
    char value[VALUE_LEN];
    char wanted[MSE_CHECK_TEXT_LEN];
    tell(seen, f, seen_value(v, f));
    tell(value, f, wanted_value(s, f));
    (void)snprintf(wanted, sizeof wanted, "%s%s", value, f->kind == LEAST_U16 ? " or more" : "");
    bool signer = is_signer(f) && f->at[column_of(v->tee)] != NOWHERE;
    struct mse_ask ask = { signer ? MSE_STEP_SIGNER : MSE_STEP_REFERENCE, wanted, "references" };
    mse_note(v, &ask, status_of(v, f), "%s %s", f->name, seen);
}

void mse_judge_reference(struct mse_verdict *v, const struct mse_policy *policy)
{
    static const struct mse_ask some = { MSE_STEP_REFERENCE,
                                         "a fingerprint, a measurement or a signer to compare with",
                                         "references" };
    static const struct mse_ask any = { MSE_STEP_REFERENCE, "values that identify an app",
                                        "insecure_any_app" };
    static const struct mse_ask match = { MSE_STEP_REFERENCE, "the values of one set",
                                          "references" };
    size_t mismatches = 0;
    const struct mse_reference *s = closest(v, policy, &mismatches);
    if (s == NULL) {
        mse_note_waivable(v, policy->insecure_any_app ? &any : &some, MSE_ERR_NOTHING_IDENTIFIES,
                          policy->insecure_any_app,
                          "no set of reference values that identifies an app");
        return;
    }
    if (mismatches == 0) {
        v->reference_index = (size_t)(s - policy->references);
        v->nitro.nonce_checked = s->has_nonce;
        bool identified = is_identifying(v, s);
        mse_note_waivable(v, identified ? &match : &any,
                          identified ? MSE_OK : MSE_ERR_NOTHING_IDENTIFIES,
                          policy->insecure_any_app, "a set that identifies no app");
        return;
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(fields); i++) {
        if (differs(v, s, &fields[i])) {
            tell_mismatch(v, s, &fields[i]);
        }
    }
}
