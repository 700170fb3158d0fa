/* SPDX-License-Identifier: Apache-2.0 */
/* What is special to TDX in an appraisal: versions 4 and 5, the TDX module and its identity, the
 * TD's attributes.
 * spec: Intel TDX Module Base Architecture Specification, "ATTRIBUTES" and "XFAM" */
#include "attest/dcap.h"
#include "base/bytes.h"
#include "base/util.h"

static mse_status read_quote(struct mse_dcap *a, struct mse_bytes quote, struct mse_error *err)
{
    struct mse_tdx_quote q;
    mse_status st = mse_tdx_quote_parse(&q, quote, err);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_verdict *v = a->v;
    a->signed_part = q.signed_part;
    a->auth = q.auth;
    v->quote_version = q.header.version;
    v->td = q.body;
    v->debug = (q.body.td_attributes & MSE_TDX_ATTR_DEBUG) != 0;
    v->has_fingerprint = mse_tdx_fingerprint(v->fingerprint, &v->td) == MSE_OK;
    a->tee_tcb_svn = v->td.tee_tcb_svn;
    return MSE_OK;
}

/* Step tdx_module: the module under which the TD was launched is one that Intel describes. */

static void compare_module(struct mse_dcap *a, const struct mse_tdx_module *m)
{
    static const struct mse_ask signer = { MSE_STEP_TDX_MODULE,
                                           "MRSIGNERSEAM of the TDX module's identity", NULL };
    static const struct mse_ask bits = { MSE_STEP_TDX_MODULE,
                                         "SEAMATTRIBUTES of the TDX module's identity", NULL };
    const struct mse_tdx_report *r = &a->v->td;
    bool same = mse_mem_equal(r->mr_signer_seam, m->mr_signer, sizeof m->mr_signer);
    mse_note_octets(a->v, &signer, same ? MSE_OK : MSE_ERR_TDX_MODULE_MISMATCH, "",
                    mse_bytes_of(r->mr_signer_seam, sizeof r->mr_signer_seam));
    bool good = ((r->seam_attributes ^ m->attributes) & m->attributes_mask) == 0;
    mse_note(a->v, &bits, good ? MSE_OK : MSE_ERR_TDX_MODULE_MISMATCH,
             "0x%llx, wanted 0x%llx under mask 0x%llx", (unsigned long long)r->seam_attributes,
             (unsigned long long)m->attributes, (unsigned long long)m->attributes_mask);
}

static void judge_module_level(struct mse_dcap *a, const struct mse_tdx_module *m)
{
    static const struct mse_ask ask = { MSE_STEP_TCB_LEVEL,
                                        "a TCB level that the TDX module reaches", NULL };
    uint8_t isv_svn = a->tee_tcb_svn[0];
    a->module_has_levels = true;
    a->module_level = mse_tcb_module_match(a->tcb_info, m, isv_svn);
    mse_note(a->v, &ask, a->module_level != NULL ? MSE_OK : MSE_ERR_TCB_NOT_SUPPORTED,
             "no level for ISVSVN %u of the TDX module", isv_svn);
}

static void judge_module(struct mse_dcap *a)
{
    static const struct mse_ask known = { MSE_STEP_TDX_MODULE,
                                          "an identity of the TDX module in the TCB info", NULL };
    static const struct mse_ask zero = { MSE_STEP_TDX_MODULE, "SEAMATTRIBUTES zero", NULL };
    struct mse_verdict *v = a->v;
    mse_note(v, &zero, v->td.seam_attributes == 0 ? MSE_OK : MSE_ERR_TDX_MODULE_MISMATCH, "0x%llx",
             (unsigned long long)v->td.seam_attributes);
    if (!a->has_tcb_info) {
        mse_note_skip(v, MSE_STEP_TDX_MODULE, "no TCB info for TDX");
        return;
    }
    uint8_t version = a->tee_tcb_svn[1];
    const struct mse_tdx_module *m = &a->tcb_info->tdx_module;
    if (version > 0) {
        (void)snprintf(v->tdx_module_id, sizeof v->tdx_module_id, "TDX_%02X", version);
        m = mse_tcb_module(a->tcb_info, version);
        a->module_has_levels = true;
    }
    mse_note(v, &known, m != NULL ? MSE_OK : MSE_ERR_TDX_MODULE_MISMATCH, "none for %s",
             v->tdx_module_id);
    if (m == NULL) {
        return;
    }
    compare_module(a, m);
    if (version > 0) {
        judge_module_level(a, m);
    }
}

/* Step attributes. */

/* What a TD may have without weakening itself. MIGRATABLE is not among them: another machine's
 * module would then hold the TD's memory; nor are the profiling bits of the first byte. */
#define HARMLESS                                                                                   \
    (MSE_TDX_ATTR_LASS | MSE_TDX_ATTR_SEPT_VE_DISABLE | MSE_TDX_ATTR_PKS | MSE_TDX_ATTR_KL |       \
     MSE_TDX_ATTR_PERFMON)
#define XFAM_FIXED1 0x3ULL     /* x87 and SSE must be there */
#define XFAM_FIXED0 0x6dbe7ULL /* nothing else may be */

static void judge_body(struct mse_dcap *a)
{
    static const struct mse_ask bits = { MSE_STEP_ATTRIBUTES,
                                         "no profiling, no migration, no reserved bit",
                                         "insecure_any_attributes" };
    static const struct mse_ask xfam = { MSE_STEP_ATTRIBUTES,
                                         "XFAM with bits 0 and 1 and none outside 0x6dbe7",
                                         "insecure_any_attributes" };
    const struct mse_tdx_report *r = &a->v->td;
    bool any = a->policy->insecure_any_attributes;
    mse_dcap_judge_debug(a, r->td_attributes);
    bool good = (r->td_attributes & ~(HARMLESS | MSE_TDX_ATTR_DEBUG)) == 0;
    mse_note_waivable(a->v, &bits, good ? MSE_OK : MSE_ERR_ATTRIBUTES, any, "TD attributes 0x%llx",
                      (unsigned long long)r->td_attributes);
    good = (r->xfam & XFAM_FIXED1) == XFAM_FIXED1 && (r->xfam & ~XFAM_FIXED0) == 0;
    mse_note_waivable(a->v, &xfam, good ? MSE_OK : MSE_ERR_ATTRIBUTES, any, "XFAM 0x%llx",
                      (unsigned long long)r->xfam);
}

static const struct mse_dcap_kind tdx_kind = {
    .tee = MSE_TEE_TDX,
    .qe = MSE_IDENTITY_TD_QE,
    .form = "a TDX quote, version 4 or 5, ECDSA-P256",
    .tcb_info = "TCB info for TDX",
    .qe_identity = "the identity 'TD_QE'",
    .read = read_quote,
    .judge_module = judge_module,
    .judge_body = judge_body,
};

mse_status mse_appraise_tdx(struct mse_verdict *out, struct mse_bytes quote,
                            const struct mse_collateral *collateral,
                            const struct mse_policy *policy, mse_time at, struct mse_error *err)
{
    struct mse_dcap a = {
        .kind = &tdx_kind, .v = out, .collateral = collateral, .policy = policy, .at = at
    };
    return mse_dcap_appraise(&a, quote, err);
}
