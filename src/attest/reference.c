/* SPDX-License-Identifier: Apache-2.0 */
/* Reference values: the set that a report comes closest to, and what in it differs. One table says
 * which member of a set is held against which member of a report. */
#include "attest/dcap.h"
#include "attest/policy_keys.h"
#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"

enum kind {
    BYTES,
    EQUAL_U16,
    LEAST_U16, /* the report's is at least the wanted one */
    EQUAL_U64, /* shown as the eight octets of a report */
};

#define NOWHERE   SIZE_MAX /* this TEE has no such value: a set that wants one does not match */
#define WANT(m)   offsetof(struct mse_reference, has_##m), offsetof(struct mse_reference, m)
#define IN_SGX(m) offsetof(struct mse_verdict, report.m)
#define IN_TDX(m) offsetof(struct mse_verdict, td.m)

static const struct field {
    enum kind kind;
    mse_status status;
    size_t len;
    size_t has; /* into struct mse_reference */
    size_t want;
    size_t sgx; /* into struct mse_verdict */
    size_t tdx;
} fields[] = {
    { BYTES, MSE_ERR_MRSIGNER_MISMATCH, 32, WANT(mr_signer), IN_SGX(mr_signer), NOWHERE },
    { BYTES, MSE_ERR_FINGERPRINT_MISMATCH, 32, WANT(fingerprint),
      offsetof(struct mse_verdict, fingerprint), offsetof(struct mse_verdict, fingerprint) },
    { BYTES, MSE_ERR_MRENCLAVE_MISMATCH, 32, WANT(mr_enclave), IN_SGX(mr_enclave), NOWHERE },
    { EQUAL_U16, MSE_ERR_ISVPRODID_MISMATCH, 2, WANT(isv_prod_id), IN_SGX(isv_prod_id), NOWHERE },
    { LEAST_U16, MSE_ERR_ISVSVN_TOO_LOW, 2, WANT(min_isv_svn), IN_SGX(isv_svn), NOWHERE },
    { BYTES, MSE_ERR_CONFIG_ID_MISMATCH, 64, WANT(config_id), IN_SGX(config_id), NOWHERE },
    { BYTES, MSE_ERR_MRTD_MISMATCH, 48, WANT(mr_td), NOWHERE, IN_TDX(mr_td) },
    { BYTES, MSE_ERR_RTMR_MISMATCH, 48, WANT(rtmr0), NOWHERE, IN_TDX(rtmr[0]) },
    { BYTES, MSE_ERR_RTMR_MISMATCH, 48, WANT(rtmr1), NOWHERE, IN_TDX(rtmr[1]) },
    { BYTES, MSE_ERR_RTMR_MISMATCH, 48, WANT(rtmr2), NOWHERE, IN_TDX(rtmr[2]) },
    { BYTES, MSE_ERR_RTMR_MISMATCH, 48, WANT(rtmr3), NOWHERE, IN_TDX(rtmr[3]) },
    { BYTES, MSE_ERR_CONFIG_ID_MISMATCH, 48, WANT(mr_config_id), NOWHERE, IN_TDX(mr_config_id) },
    { BYTES, MSE_ERR_MROWNER_MISMATCH, 48, WANT(mr_owner), NOWHERE, IN_TDX(mr_owner) },
    { BYTES, MSE_ERR_MROWNER_MISMATCH, 48, WANT(mr_owner_config), NOWHERE,
      IN_TDX(mr_owner_config) },
    { EQUAL_U64, MSE_ERR_TDATTRIBUTES_MISMATCH, 8, WANT(td_attributes), NOWHERE,
      IN_TDX(td_attributes) },
    { EQUAL_U64, MSE_ERR_XFAM_MISMATCH, 8, WANT(xfam), NOWHERE, IN_TDX(xfam) },
    { BYTES, MSE_ERR_REPORT_DATA_MISMATCH, 64, WANT(report_data), IN_SGX(report_data),
      IN_TDX(report_data) },
};

static const void *wanted_value(const struct mse_reference *s, const struct field *f)
{
    return (const uint8_t *)s + f->want;
}

static bool is_wanted(const struct mse_reference *s, const struct field *f)
{
    return *(const bool *)((const uint8_t *)s + f->has);
}

/* NULL if evidence of this kind has no such value. */
static const void *seen_value(const struct mse_verdict *v, const struct field *f)
{
    size_t at = v->tee == MSE_TEE_TDX ? f->tdx : f->sgx;
    return at == NOWHERE ? NULL : (const uint8_t *)v + at;
}

static bool is_equal(const struct field *f, const void *want, const void *seen)
{
    if (seen == NULL) {
        return false;
    }
    switch (f->kind) {
    case EQUAL_U16:
        return *(const uint16_t *)want == *(const uint16_t *)seen;
    case LEAST_U16:
        return *(const uint16_t *)want <= *(const uint16_t *)seen;
    case EQUAL_U64:
        return *(const uint64_t *)want == *(const uint64_t *)seen;
    case BYTES:
        break;
    }
    return mse_mem_equal(want, seen, f->len);
}

static bool differs(const struct mse_verdict *v, const struct mse_reference *s,
                    const struct field *f)
{
    if (!is_wanted(s, f)) {
        return false;
    }
    bool unknown = f->status == MSE_ERR_FINGERPRINT_MISMATCH && !v->has_fingerprint;
    return unknown || !is_equal(f, wanted_value(s, f), seen_value(v, f));
}

static size_t num_mismatches(const struct mse_verdict *v, const struct mse_reference *s)
{
    size_t num = 0;
    for (size_t i = 0; i < MSE_ARRAY_LEN(fields); i++) {
        num += differs(v, s, &fields[i]) ? 1 : 0;
    }
    return num;
}

/* A set that wants none of these would let any app pass. MRTD alone is a TD's firmware: it takes a
 * register behind it, or the configuration, to say which app the firmware started. */
static bool is_identifying(const struct mse_verdict *v, const struct mse_reference *s)
{
    if (v->tee == MSE_TEE_TDX) {
        bool app = s->has_rtmr1 || s->has_rtmr2 || s->has_rtmr3 || s->has_mr_config_id;
        return s->has_fingerprint || (s->has_mr_td && app);
    }
    return s->has_fingerprint || s->has_mr_enclave || s->has_mr_signer;
}

/* The identifying set that the report comes closest to; NULL if there is no such set. */
static const struct mse_reference *closest(const struct mse_dcap *a, size_t *mismatches)
{
    const struct mse_reference *best = NULL;
    for (size_t i = 0; i < a->policy->num_references; i++) {
        const struct mse_reference *s = &a->policy->references[i];
        if ((!is_identifying(a->v, s) && !a->policy->insecure_any_app) || mse_reference_is_snp(s)) {
            continue;
        }
        size_t num = num_mismatches(a->v, s);
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
        (void)snprintf(out, VALUE_LEN, "evidence of a TEE that has no such value");
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

static void tell_mismatch(struct mse_dcap *a, const struct mse_reference *s, const struct field *f)
{
    char seen[VALUE_LEN];
    char value[VALUE_LEN];
    char wanted[MSE_CHECK_TEXT_LEN];
    tell(seen, f, seen_value(a->v, f));
    tell(value, f, wanted_value(s, f));
    (void)snprintf(wanted, sizeof wanted, "%s%s", value, f->kind == LEAST_U16 ? " or more" : "");
    bool signer = f->status == MSE_ERR_MRSIGNER_MISMATCH && a->v->tee == MSE_TEE_SGX;
    struct mse_ask ask = { signer ? MSE_STEP_SIGNER : MSE_STEP_REFERENCE, wanted, "references" };
    mse_note(a->v, &ask, status_of(a->v, f), "%s", seen);
}

void mse_dcap_judge_reference(struct mse_dcap *a)
{
    static const struct mse_ask some = { MSE_STEP_REFERENCE,
                                         "a fingerprint or a signer to compare with",
                                         "references" };
    static const struct mse_ask match = { MSE_STEP_REFERENCE, "the values of one set",
                                          "references" };
    size_t mismatches = 0;
    const struct mse_reference *s = closest(a, &mismatches);
    if (s == NULL) {
        mse_note(a->v, &some, a->policy->insecure_any_app ? MSE_OK : MSE_ERR_NOTHING_IDENTIFIES,
                 "no set of reference values that identifies an app");
        return;
    }
    if (mismatches == 0) {
        a->v->reference_index = (size_t)(s - a->policy->references);
        mse_note(a->v, &match, MSE_OK, NULL);
        return;
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(fields); i++) {
        if (differs(a->v, s, &fields[i])) {
            tell_mismatch(a, s, &fields[i]);
        }
    }
}
