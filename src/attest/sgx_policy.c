/* SPDX-License-Identifier: Apache-2.0 */
/* Appraisal of an SGX quote, second half: TCB evaluation, and what the policy wants of status,
 * dates, attributes, signer, reference values and machine. */
#include "attest/policy_keys.h"
#include "attest/sgx.h"
#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"

/* Step tcb_level. */

static void judge_tcb_level(struct mse_sgx_appraisal *a)
{
    static const struct mse_ask platform = { MSE_STEP_TCB_LEVEL,
                                             "a TCB level that the platform reaches", NULL };
    static const struct mse_ask qe = { MSE_STEP_TCB_LEVEL, "a TCB level that the QE reaches",
                                       NULL };
    struct mse_verdict *v = a->v;
    if (!a->has_tcb_info || !v->has_pck || a->tcb_info.tee != MSE_TEE_SGX) {
        mse_note_skip(v, MSE_STEP_TCB_LEVEL, "no TCB info or no SGX extension for SGX");
    } else {
        a->level = mse_tcb_match(&a->tcb_info, &v->pck);
        mse_note(v, &platform, a->level != NULL ? MSE_OK : MSE_ERR_TCB_NOT_SUPPORTED,
                 "no level for these components, PCESVN %u", v->pck.pce_svn);
    }
    if (!a->has_qe_identity) {
        mse_note_skip(v, MSE_STEP_TCB_LEVEL, "no QE identity");
    } else {
        uint16_t svn = a->quote.qe_report.isv_svn;
        a->qe_level = mse_identity_match(&a->qe_identity, svn);
        mse_note(v, &qe, a->qe_level != NULL ? MSE_OK : MSE_ERR_TCB_NOT_SUPPORTED,
                 "no level for QE ISVSVN %u", svn);
    }
}

/* What the levels say goes into the verdict. */
static void record_levels(struct mse_sgx_appraisal *a)
{
    struct mse_verdict *v = a->v;
    a->advisories_fit = true;
    if (a->level != NULL) {
        v->platform_tcb_status = a->level->status;
        v->has_tcb_date = true;
        v->tcb_date = a->level->tcb_date;
        a->advisories_fit =
            mse_tcb_add_advisories(v, a->level->advisories, a->level->num_advisories);
    }
    v->num_platform_advisories = v->num_advisories;
    if (a->qe_level != NULL) {
        v->qe_tcb_status = a->qe_level->status;
        a->advisories_fit =
            a->advisories_fit &&
            mse_tcb_add_advisories(v, a->qe_level->advisories, a->qe_level->num_advisories);
    }
    v->tcb_status = mse_tcb_converge(v->platform_tcb_status, v->qe_tcb_status);
}

/* Step evaluation_number. */

static void judge_evaluation_number(struct mse_sgx_appraisal *a)
{
    if (!a->has_tcb_info || !a->has_qe_identity) {
        mse_note_skip(a->v, MSE_STEP_EVALUATION_NUMBER, "TCB info or QE identity missing");
        return;
    }
    static const struct mse_ask same = { MSE_STEP_EVALUATION_NUMBER,
                                         "TCB info and QE identity of one evaluation number",
                                         "allow_mixed_evaluation_numbers" };
    uint32_t tcb = a->tcb_info.tcb_evaluation_number;
    uint32_t qe = a->qe_identity.tcb_evaluation_number;
    bool one = tcb == qe || a->policy->allow_mixed_evaluation_numbers;
    mse_note(a->v, &same, one ? MSE_OK : MSE_ERR_TCB_EVALUATION_MIXED, "%u and %u", tcb, qe);
    char wanted[MSE_CHECK_TEXT_LEN];
    uint32_t min = a->policy->min_tcb_evaluation_number;
    (void)snprintf(wanted, sizeof wanted, "%u or more", min);
    struct mse_ask least = { MSE_STEP_EVALUATION_NUMBER, wanted, "min_tcb_evaluation_number" };
    uint32_t lower = tcb < qe ? tcb : qe;
    mse_note(a->v, &least, lower >= min ? MSE_OK : MSE_ERR_TCB_EVALUATION_NUMBER, "%u", lower);
}

/* Step tcb_status. */

static bool is_out_of_date(enum mse_tcb_status s)
{
    return s == MSE_TCB_OUT_OF_DATE || s == MSE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

/* The date from which grace counts: the earliest of the parts that are out of date. */
static mse_time grace_start(const struct mse_sgx_appraisal *a)
{
    bool by_tcb_date = a->policy->grace_reference == MSE_GRACE_TCB_DATE;
    mse_time start = INT64_MAX;
    if (a->level != NULL && is_out_of_date(a->level->status)) {
        start = by_tcb_date ? a->level->tcb_date : a->tcb_info.issue_date;
    }
    if (a->qe_level != NULL && is_out_of_date(a->qe_level->status)) {
        mse_time qe = by_tcb_date ? a->qe_level->tcb_date : a->qe_identity.issue_date;
        start = qe < start ? qe : start;
    }
    return start;
}

static bool is_in_grace(const struct mse_sgx_appraisal *a)
{
    if (a->policy->grace_days == 0 || a->policy->grace_reference == MSE_GRACE_NONE ||
        !is_out_of_date(a->v->tcb_status)) {
        return false;
    }
    mse_time start = grace_start(a);
    mse_time length = (mse_time)a->policy->grace_days * 86400;
    return start <= INT64_MAX - length && a->at <= start + length;
}

/* The statuses that would have passed, in words; cut where a check's text ends. */
static const char *wanted_statuses(struct mse_build *b, uint32_t accepted)
{
    for (unsigned s = MSE_TCB_UP_TO_DATE; s < MSE_TCB_REVOKED; s++) {
        if ((accepted & MSE_TCB_BIT(s)) != 0) {
            mse_wr_str(b, b->len > 0 ? ", " : "");
            mse_wr_str(b, mse_tcb_status_name((enum mse_tcb_status)s));
        }
    }
    if (b->len == 0) {
        return "nothing: the policy accepts no status";
    }
    const char *text = mse_build_cstr(b);
    return text != NULL ? text : "an accepted status";
}

static void judge_status(struct mse_sgx_appraisal *a)
{
    enum mse_tcb_status s = a->v->tcb_status;
    static const struct mse_ask revoked = { MSE_STEP_TCB_STATUS, "a status other than Revoked",
                                            NULL };
    mse_note(a->v, &revoked, s == MSE_TCB_REVOKED ? MSE_ERR_TCB_REVOKED : MSE_OK, "%s",
             mse_tcb_status_name(s));
    if (s == MSE_TCB_REVOKED) {
        return;
    }
    bool good = s != MSE_TCB_NONE && (a->policy->accepted_tcb_statuses & MSE_TCB_BIT(s)) != 0;
    good = good || is_in_grace(a);
    char text[512];
    struct mse_build b;
    mse_build_fixed(&b, text, sizeof text);
    const char *wanted = wanted_statuses(&b, a->policy->accepted_tcb_statuses);
    struct mse_ask ask = { MSE_STEP_TCB_STATUS, wanted, "accepted_tcb_statuses" };
    mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_TCB_STATUS, "%s", mse_tcb_status_name(s));
}

static bool is_accepted_advisory(const struct mse_policy *p, const char *id)
{
    for (size_t i = 0; i < p->num_accepted_advisories; i++) {
        if (mse_bytes_is_str(mse_bytes_str(p->accepted_advisories[i]), id)) {
            return true;
        }
    }
    return false;
}

static void judge_advisories(struct mse_sgx_appraisal *a)
{
    static const struct mse_ask ask = { MSE_STEP_TCB_STATUS, "accepted advisories only",
                                        "accepted_advisories" };
    const struct mse_verdict *v = a->v;
    if (!a->advisories_fit) {
        mse_note(a->v, &ask, MSE_ERR_TCB_ADVISORY, "more advisories than can be held");
        return;
    }
    const char *bad = NULL;
    bool any = a->policy->insecure_any_advisory || v->tcb_status == MSE_TCB_UP_TO_DATE;
    for (size_t i = 0; !any && bad == NULL && i < v->num_advisories; i++) {
        bad = is_accepted_advisory(a->policy, v->advisories[i]) ? NULL : v->advisories[i];
    }
    mse_note(a->v, &ask, bad == NULL ? MSE_OK : MSE_ERR_TCB_ADVISORY, "%s", bad != NULL ? bad : "");
}

static void judge_tcb_date(struct mse_sgx_appraisal *a)
{
    char wanted[MSE_TIME_TEXT_LEN] = "any date";
    char seen[MSE_TIME_TEXT_LEN];
    bool good = !a->policy->has_min_tcb_date || a->v->tcb_date >= a->policy->min_tcb_date;
    if (a->policy->has_min_tcb_date) {
        mse_time_format(wanted, a->policy->min_tcb_date);
    }
    mse_time_format(seen, a->v->tcb_date);
    struct mse_ask ask = { MSE_STEP_TCB_STATUS, wanted, "min_tcb_date" };
    mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_TCB_DATE, "%s", seen);
}

static void judge_tcb_status(struct mse_sgx_appraisal *a)
{
    if (a->level == NULL || a->qe_level == NULL) {
        mse_note_skip(a->v, MSE_STEP_TCB_STATUS, "no TCB level was found");
        return;
    }
    judge_status(a);
    judge_advisories(a);
    judge_tcb_date(a);
}

/* Step collateral_age. The root CRL is left out: it is issued once a year. */

static void judge_age(struct mse_sgx_appraisal *a, const char *what, mse_time issued)
{
    int64_t max = a->policy->max_collateral_age;
    char wanted[MSE_CHECK_TEXT_LEN];
    (void)snprintf(wanted, sizeof wanted, "%s issued at most %lld days ago", what,
                   (long long)(max / 86400));
    struct mse_ask ask = { MSE_STEP_COLLATERAL_AGE, wanted, "max_collateral_age" };
    char seen[MSE_TIME_TEXT_LEN];
    mse_time_format(seen, issued);
    bool good = a->at < issued || a->at - issued <= max;
    mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_COLLATERAL_AGE, "issued %s", seen);
}

static void judge_collateral_age(struct mse_sgx_appraisal *a)
{
    static const struct mse_ask any = { MSE_STEP_COLLATERAL_AGE, "any age", "max_collateral_age" };
    if (!a->has_tcb_info || !a->has_qe_identity || !a->has_pck_crl) {
        mse_note_skip(a->v, MSE_STEP_COLLATERAL_AGE, "some collateral could not be read");
        return;
    }
    if (a->policy->max_collateral_age == 0) {
        mse_note(a->v, &any, MSE_OK, NULL);
        return;
    }
    judge_age(a, "TCB info", a->tcb_info.issue_date);
    judge_age(a, "QE identity", a->qe_identity.issue_date);
    judge_age(a, "PCK CRL", a->pck_crl.this_update);
}

/* Step simulation: decided by the root key alone. */

static void judge_simulation(struct mse_sgx_appraisal *a)
{
    static const struct mse_ask hardware = { MSE_STEP_SIMULATION, "a root of hardware",
                                             "allow_simulation" };
    static const struct mse_ask simulated = { MSE_STEP_SIMULATION, "the simulated root",
                                              "simulation_only" };
    if (a->anchor != NULL) {
        bool good = !a->anchor->simulated || a->policy->allow_simulation;
        mse_note(a->v, &hardware, good ? MSE_OK : MSE_ERR_SIMULATION,
                 "a root that is not compiled in");
        return;
    }
    const struct mse_chain *c = &a->pck_chain;
    const uint8_t *root = c->num > 0 ? mse_point_of(&c->certs[c->num - 1].key) : NULL;
    if (a->policy->simulation_only && root != NULL &&
        mse_mem_equal(root, mse_intel_root_point(), 64)) {
        mse_note(a->v, &simulated, MSE_ERR_HARDWARE_NOT_ALLOWED, "the root of hardware");
        return;
    }
    mse_note_skip(a->v, MSE_STEP_SIMULATION, "the PCK chain ends in no trusted root");
}

/* Step attributes. */

static void judge_attributes(struct mse_sgx_appraisal *a)
{
    static const struct mse_ask debug = { MSE_STEP_ATTRIBUTES, "DEBUG clear", "allow_debug" };
    static const struct mse_ask bits = {
        MSE_STEP_ATTRIBUTES, "INIT and MODE64BIT set, PROVISION_KEY and EINITTOKEN_KEY clear",
        "insecure_any_attributes"
    };
    const uint64_t must = MSE_SGX_FLAG_INIT | MSE_SGX_FLAG_MODE64BIT;
    const uint64_t must_not = MSE_SGX_FLAG_PROVISION_KEY | MSE_SGX_FLAG_EINITTOKEN_KEY;
    uint64_t flags = a->v->report.attr_flags;
    mse_note(a->v, &debug, !a->v->debug || a->policy->allow_debug ? MSE_OK : MSE_ERR_DEBUG,
             "flags 0x%llx: DEBUG set", (unsigned long long)flags);
    bool good = (flags & must) == must && (flags & must_not) == 0;
    mse_note(a->v, &bits, good || a->policy->insecure_any_attributes ? MSE_OK : MSE_ERR_ATTRIBUTES,
             "flags 0x%llx", (unsigned long long)flags);
}

/* Step signer: MRSIGNERs whose private key everybody has. */

static const uint8_t sample_signers[][32] = {
    /* The key of the Intel SGX SDK's sample code. */
    { 0x83, 0xd7, 0x19, 0xe7, 0x7d, 0xea, 0xca, 0x14, 0x70, 0xf6, 0xba,
      0xf6, 0x2a, 0x4d, 0x77, 0x43, 0x03, 0xc8, 0x99, 0xdb, 0x69, 0x02,
      0x0f, 0x9c, 0x70, 0xee, 0x1d, 0xfc, 0x08, 0xc7, 0xce, 0x9e },
    /* The debug key of the Open Enclave SDK. */
    { 0xca, 0x9a, 0xd7, 0x33, 0x14, 0x48, 0x98, 0x0a, 0xa2, 0x88, 0x90,
      0xce, 0x73, 0xe4, 0x33, 0x63, 0x83, 0x77, 0xf1, 0x79, 0xab, 0x44,
      0x56, 0xb2, 0xfe, 0x23, 0x71, 0x93, 0x19, 0x3a, 0x8d, 0x0a },
};

static void judge_sample_signer(struct mse_sgx_appraisal *a)
{
    static const struct mse_ask ask = { MSE_STEP_SIGNER, "a signer whose key is not public",
                                        "allow_sample_signer" };
    bool sample = false;
    for (size_t i = 0; i < MSE_ARRAY_LEN(sample_signers); i++) {
        sample = sample || mse_mem_equal(a->v->report.mr_signer, sample_signers[i], 32);
    }
    char seen[65];
    mse_hex_encode(seen, mse_bytes_of(a->v->report.mr_signer, 32));
    mse_note(a->v, &ask, !sample || a->policy->allow_sample_signer ? MSE_OK : MSE_ERR_SAMPLE_SIGNER,
             "MRSIGNER %s", seen);
}

/* Step reference (and step signer for the MRSIGNER of a set). */

/* What one set wants of the report: a list of comparisons, the same for judging and for telling. */
struct comparison {
    bool wanted;
    bool equal;
    mse_status status;
};
#define NUM_COMPARISONS 6

static void compare(struct comparison out[NUM_COMPARISONS], const struct mse_reference *s,
                    const struct mse_sgx_report *r)
{
    const struct comparison list[NUM_COMPARISONS] = {
        { s->has_mr_signer, mse_mem_equal(s->mr_signer, r->mr_signer, 32),
          MSE_ERR_MRSIGNER_MISMATCH },
        { s->has_mr_enclave, mse_mem_equal(s->mr_enclave, r->mr_enclave, 32),
          MSE_ERR_MRENCLAVE_MISMATCH },
        { s->has_isv_prod_id, s->isv_prod_id == r->isv_prod_id, MSE_ERR_ISVPRODID_MISMATCH },
        { s->has_min_isv_svn, s->min_isv_svn <= r->isv_svn, MSE_ERR_ISVSVN_TOO_LOW },
        { s->has_config_id, mse_mem_equal(s->config_id, r->config_id, 64),
          MSE_ERR_CONFIG_ID_MISMATCH },
        { s->has_report_data, mse_mem_equal(s->report_data, r->report_data, 64),
          MSE_ERR_REPORT_DATA_MISMATCH },
    };
    for (size_t i = 0; i < NUM_COMPARISONS; i++) {
        out[i] = list[i];
    }
}

static size_t num_mismatches(const struct mse_reference *s, const struct mse_sgx_report *r)
{
    struct comparison c[NUM_COMPARISONS];
    compare(c, s, r);
    size_t num = 0;
    for (size_t i = 0; i < NUM_COMPARISONS; i++) {
        num += c[i].wanted && !c[i].equal ? 1 : 0;
    }
    return num;
}

/* A set that wants neither of these would let any enclave pass. */
static bool is_identifying(const struct mse_reference *s)
{
    return s->has_mr_enclave || s->has_mr_signer;
}

/* The identifying set that the report comes closest to; NULL if there is no such set. */
static const struct mse_reference *closest(const struct mse_sgx_appraisal *a, size_t *mismatches)
{
    const struct mse_reference *best = NULL;
    for (size_t i = 0; i < a->policy->num_references; i++) {
        const struct mse_reference *s = &a->policy->references[i];
        if ((!is_identifying(s) && !a->policy->insecure_any_app) || mse_reference_is_snp(s)) {
            continue;
        }
        size_t num = num_mismatches(s, &a->v->report);
        if (best == NULL || num < *mismatches) {
            best = s;
            *mismatches = num;
        }
    }
    return best;
}

static void tell_values(char seen[2 * 64 + 1], char wanted[2 * 64 + 1], mse_status status,
                        const struct mse_reference *s, const struct mse_sgx_report *r)
{
    const uint8_t *have = r->report_data;
    const uint8_t *want = s->report_data;
    size_t len = 64;
    if (status == MSE_ERR_MRSIGNER_MISMATCH || status == MSE_ERR_MRENCLAVE_MISMATCH) {
        bool signer = status == MSE_ERR_MRSIGNER_MISMATCH;
        have = signer ? r->mr_signer : r->mr_enclave;
        want = signer ? s->mr_signer : s->mr_enclave;
        len = 32;
    } else if (status == MSE_ERR_CONFIG_ID_MISMATCH) {
        have = r->config_id;
        want = s->config_id;
    } else if (status == MSE_ERR_ISVPRODID_MISMATCH || status == MSE_ERR_ISVSVN_TOO_LOW) {
        bool product = status == MSE_ERR_ISVPRODID_MISMATCH;
        unsigned number = product ? r->isv_prod_id : r->isv_svn;
        unsigned least = product ? s->isv_prod_id : s->min_isv_svn;
        (void)snprintf(seen, 2 * 64 + 1, "%u", number);
        (void)snprintf(wanted, 2 * 64 + 1, product ? "%u" : "%u or more", least);
        return;
    }
    mse_hex_encode(seen, mse_bytes_of(have, len));
    mse_hex_encode(wanted, mse_bytes_of(want, len));
}

static void tell_mismatches(struct mse_sgx_appraisal *a, const struct mse_reference *s)
{
    struct comparison c[NUM_COMPARISONS];
    compare(c, s, &a->v->report);
    for (size_t i = 0; i < NUM_COMPARISONS; i++) {
        if (!c[i].wanted || c[i].equal) {
            continue;
        }
        char seen[2 * 64 + 1];
        char wanted[2 * 64 + 1];
        tell_values(seen, wanted, c[i].status, s, &a->v->report);
        bool signer = c[i].status == MSE_ERR_MRSIGNER_MISMATCH;
        struct mse_ask ask = { signer ? MSE_STEP_SIGNER : MSE_STEP_REFERENCE, wanted,
                               "references" };
        mse_note(a->v, &ask, c[i].status, "%s", seen);
    }
}

static void judge_reference(struct mse_sgx_appraisal *a)
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
    tell_mismatches(a, s);
}

/* Step machine. */

static bool is_machine(const struct mse_machine *m, const uint8_t id[16])
{
    uint8_t digest[32];
    if (mse_mem_is_zero(id, 16) || mse_mem_is_zero(m->id, sizeof m->id)) {
        return false;
    }
    if (m->len == 16) {
        return mse_mem_equal(m->id, id, 16);
    }
    return m->len == 32 && mse_sha256(digest, mse_bytes_of(id, 16)) == MSE_OK &&
           mse_mem_equal(m->id, digest, 32);
}

static bool is_allowed_machine(const struct mse_policy *p, const struct mse_pck_ext *pck)
{
    for (size_t i = 0; i < p->num_allowed_machines; i++) {
        const struct mse_machine *m = &p->allowed_machines[i];
        if (is_machine(m, pck->ppid) ||
            (pck->has_platform_instance_id && is_machine(m, pck->platform_instance_id))) {
            return true;
        }
    }
    return p->num_allowed_machines == 0;
}

static bool is_allowed_fmspc(const struct mse_policy *p, const struct mse_pck_ext *pck)
{
    for (size_t i = 0; i < p->num_allowed_fmspc; i++) {
        if (mse_mem_equal(p->allowed_fmspc[i], pck->fmspc, 6)) {
            return true;
        }
    }
    return p->num_allowed_fmspc == 0;
}

static void judge_machine(struct mse_sgx_appraisal *a)
{
    static const struct mse_ask machine = { MSE_STEP_MACHINE,
                                            "a machine of the list, if there is one",
                                            "allowed_machines" };
    static const struct mse_ask family = { MSE_STEP_MACHINE,
                                           "an FMSPC of the list, if there is one",
                                           "allowed_fmspc" };
    if (!a->v->has_pck) {
        mse_note_skip(a->v, MSE_STEP_MACHINE, "no SGX extension");
        return;
    }
    const struct mse_pck_ext *pck = &a->v->pck;
    char ppid[33];
    char fmspc[13];
    mse_hex_encode(ppid, mse_bytes_of(pck->ppid, 16));
    mse_hex_encode(fmspc, mse_bytes_of(pck->fmspc, 6));
    mse_note(a->v, &machine,
             is_allowed_machine(a->policy, pck) ? MSE_OK : MSE_ERR_MACHINE_NOT_ALLOWED, "PPID %s",
             ppid);
    mse_note(a->v, &family, is_allowed_fmspc(a->policy, pck) ? MSE_OK : MSE_ERR_FMSPC_NOT_ALLOWED,
             "FMSPC %s", fmspc);
}

void mse_sgx_judge_policy(struct mse_sgx_appraisal *a)
{
    judge_tcb_level(a);
    record_levels(a);
    judge_evaluation_number(a);
    judge_tcb_status(a);
    judge_collateral_age(a);
    judge_simulation(a);
    judge_attributes(a);
    judge_sample_signer(a);
    judge_reference(a);
    judge_machine(a);
}
