/* SPDX-License-Identifier: Apache-2.0 */
/* Appraisal of a DCAP quote, second half: TCB evaluation, and what the policy wants of status,
 * dates and machine. */
#include "attest/dcap.h"
#include "attest/reference.h"
#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"

/* Step tcb_level. */

static void judge_tcb_level(struct mse_dcap *a)
{
    static const struct mse_ask platform = { MSE_STEP_TCB_LEVEL,
                                             "a TCB level that the platform reaches", NULL };
    static const struct mse_ask qe = { MSE_STEP_TCB_LEVEL, "a TCB level that the QE reaches",
                                       NULL };
    struct mse_verdict *v = a->v;
    if (!a->has_tcb_info || !v->has_pck) {
        mse_note_skip(v, MSE_STEP_TCB_LEVEL, "no TCB info for this TEE or no SGX extension");
    } else {
        a->level = mse_tcb_match(a->tcb_info, &v->pck, a->tee_tcb_svn);
        mse_note(v, &platform, a->level != NULL ? MSE_OK : MSE_ERR_TCB_NOT_SUPPORTED,
                 "no level for these components, PCESVN %u", v->pck.pce_svn);
    }
    if (!a->has_qe_identity) {
        mse_note_skip(v, MSE_STEP_TCB_LEVEL, "no QE identity");
    } else {
        uint16_t svn = a->auth.qe_report.isv_svn;
        a->qe_level = mse_identity_match(a->qe_identity, svn);
        mse_note(v, &qe, a->qe_level != NULL ? MSE_OK : MSE_ERR_TCB_NOT_SUPPORTED,
                 "no level for QE ISVSVN %u", svn);
    }
}

/* A platform in which all but the TDX module's running version is current: mse_tcb_relaunch. */
static enum mse_tcb_status converge(struct mse_dcap *a)
{
    struct mse_verdict *v = a->v;
    enum mse_tcb_status s = v->platform_tcb_status;
    if (a->module_has_levels) {
        s = mse_tcb_converge(s, v->tdx_module_tcb_status);
    }
    if (v->tee == MSE_TEE_TDX && v->td.is_15 && s != MSE_TCB_NONE) {
        struct mse_tcb_relaunch r = { .info = a->tcb_info,
                                      .pck = &v->pck,
                                      .tee_tcb_svn2 = v->td.tee_tcb_svn2,
                                      .tdx = s,
                                      .module = v->tdx_module_tcb_status,
                                      .qe = v->qe_tcb_status };
        static const struct mse_ask ask = {
            MSE_STEP_TDX_MODULE, "an identity of the TDX module that runs now (tee_tcb_svn2)", NULL
        };
        bool known = mse_tcb_relaunch(&s, &r);
        mse_note(v, &ask, known ? MSE_OK : MSE_ERR_TDX_MODULE_MISMATCH, "module version %u",
                 v->td.tee_tcb_svn2[1]);
    }
    return mse_tcb_converge(s, v->qe_tcb_status);
}

static void add_identity_advisories(struct mse_dcap *a, const struct mse_identity_level *l)
{
    a->advisories_fit =
        (l == NULL || mse_tcb_add_advisories(a->v, l->advisories, l->num_advisories)) &&
        a->advisories_fit;
}

/* What the levels say goes into the verdict. */
static void record_levels(struct mse_dcap *a)
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
    if (a->module_level != NULL) {
        v->tdx_module_tcb_status = a->module_level->status;
    }
    add_identity_advisories(a, a->module_level);
    if (a->qe_level != NULL) {
        v->qe_tcb_status = a->qe_level->status;
    }
    add_identity_advisories(a, a->qe_level);
    v->tcb_status = converge(a);
}

/* Step evaluation_number. */

static void judge_evaluation_number(struct mse_dcap *a)
{
    if (!a->has_tcb_info || !a->has_qe_identity) {
        mse_note_skip(a->v, MSE_STEP_EVALUATION_NUMBER, "TCB info or QE identity missing");
        return;
    }
    static const struct mse_ask same = { MSE_STEP_EVALUATION_NUMBER,
                                         "TCB info and QE identity of one evaluation number",
                                         "allow_mixed_evaluation_numbers" };
    uint32_t tcb = a->tcb_info->tcb_evaluation_number;
    uint32_t qe = a->qe_identity->tcb_evaluation_number;
    mse_note_waivable(a->v, &same, tcb == qe ? MSE_OK : MSE_ERR_TCB_EVALUATION_MIXED,
                      a->policy->allow_mixed_evaluation_numbers, "%u and %u", tcb, qe);
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
static mse_time grace_start(const struct mse_dcap *a)
{
    bool by_tcb_date = a->policy->grace_reference == MSE_GRACE_TCB_DATE;
    mse_time start = INT64_MAX;
    if (a->level != NULL && is_out_of_date(a->level->status)) {
        start = by_tcb_date ? a->level->tcb_date : a->tcb_info->issue_date;
    }
    if (a->module_level != NULL && is_out_of_date(a->module_level->status)) {
        mse_time module = by_tcb_date ? a->module_level->tcb_date : a->tcb_info->issue_date;
        start = module < start ? module : start;
    }
    if (a->qe_level != NULL && is_out_of_date(a->qe_level->status)) {
        mse_time qe = by_tcb_date ? a->qe_level->tcb_date : a->qe_identity->issue_date;
        start = qe < start ? qe : start;
    }
    return start;
}

static bool is_in_grace(const struct mse_dcap *a)
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

static void judge_status(struct mse_dcap *a)
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
    bool grace = !good && is_in_grace(a);
    char text[512];
    struct mse_build b;
    mse_build_fixed(&b, text, sizeof text);
    const char *wanted = wanted_statuses(&b, a->policy->accepted_tcb_statuses);
    struct mse_ask ask = { MSE_STEP_TCB_STATUS, wanted,
                           grace ? "grace_days" : "accepted_tcb_statuses" };
    mse_note_waivable(a->v, &ask, good ? MSE_OK : MSE_ERR_TCB_STATUS, grace, "%s",
                      mse_tcb_status_name(s));
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

static void judge_advisories(struct mse_dcap *a)
{
    static const struct mse_ask ask = { MSE_STEP_TCB_STATUS, "accepted advisories only",
                                        "accepted_advisories" };
    static const struct mse_ask any = { MSE_STEP_TCB_STATUS, "accepted advisories only",
                                        "insecure_any_advisory" };
    const struct mse_verdict *v = a->v;
    if (!a->advisories_fit) {
        mse_note(a->v, &ask, MSE_ERR_TCB_ADVISORY, "more advisories than can be held");
        return;
    }
    const char *bad = NULL;
    bool current = v->tcb_status == MSE_TCB_UP_TO_DATE;
    for (size_t i = 0; !current && bad == NULL && i < v->num_advisories; i++) {
        bad = is_accepted_advisory(a->policy, v->advisories[i]) ? NULL : v->advisories[i];
    }
    bool waived = a->policy->insecure_any_advisory;
    mse_note_waivable(a->v, waived ? &any : &ask, bad == NULL ? MSE_OK : MSE_ERR_TCB_ADVISORY,
                      waived, "%s", bad != NULL ? bad : "");
}

static void judge_tcb_date(struct mse_dcap *a)
{
    char wanted[MSE_TIME_TEXT_LEN] = "any date";
    char seen[MSE_TIME_TEXT_LEN] = "";
    bool good = !a->policy->has_min_tcb_date || a->v->tcb_date >= a->policy->min_tcb_date;
    if (a->policy->has_min_tcb_date) {
        mse_time_format(wanted, a->policy->min_tcb_date);
        mse_time_format(seen, a->v->tcb_date);
    }
    struct mse_ask ask = { MSE_STEP_TCB_STATUS, wanted, "min_tcb_date" };
    mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_TCB_DATE, "%s", seen);
}

static void judge_tcb_status(struct mse_dcap *a)
{
    if (a->v->tcb_status == MSE_TCB_NONE) {
        mse_note_skip(a->v, MSE_STEP_TCB_STATUS, "no TCB level was found");
        return;
    }
    judge_status(a);
    judge_advisories(a);
    judge_tcb_date(a);
}

/* Step collateral_age. The root CRL is left out: it is issued once a year. */

static void judge_age(struct mse_dcap *a, const char *what, mse_time issued)
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

static void judge_collateral_age(struct mse_dcap *a)
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
    judge_age(a, "TCB info", a->tcb_info->issue_date);
    judge_age(a, "QE identity", a->qe_identity->issue_date);
    judge_age(a, "PCK CRL", a->pck_crl.this_update);
}

/* Step simulation: decided by the root key alone. */

static void judge_simulation(struct mse_dcap *a)
{
    const struct mse_root root = { .trusted = a->anchor != NULL,
                                   .compiled_in = a->pck_chain != NULL && !a->v->simulated };
    mse_note_simulation(a->v, &root, a->policy, "the PCK chain ends in no trusted root");
}

/* Step attributes. */

void mse_dcap_judge_debug(struct mse_dcap *a, uint64_t flags)
{
    static const struct mse_ask debug = { MSE_STEP_ATTRIBUTES, "DEBUG clear", "allow_debug" };
    mse_note_waivable(a->v, &debug, a->v->debug ? MSE_ERR_DEBUG : MSE_OK, a->policy->allow_debug,
                      "flags 0x%llx: DEBUG set", (unsigned long long)flags);
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

static void judge_machine(struct mse_dcap *a)
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
    bool ours = is_allowed_machine(a->policy, pck);
    mse_note_octets(a->v, &machine, ours ? MSE_OK : MSE_ERR_MACHINE_NOT_ALLOWED, "PPID ",
                    mse_bytes_of(pck->ppid, sizeof pck->ppid));
    ours = is_allowed_fmspc(a->policy, pck);
    mse_note_octets(a->v, &family, ours ? MSE_OK : MSE_ERR_FMSPC_NOT_ALLOWED, "FMSPC ",
                    mse_bytes_of(pck->fmspc, sizeof pck->fmspc));
}

void mse_dcap_judge_policy(struct mse_dcap *a)
{
    if (a->kind->judge_module != NULL) {
        a->kind->judge_module(a);
    }
    judge_tcb_level(a);
    record_levels(a);
    judge_evaluation_number(a);
    judge_tcb_status(a);
    judge_collateral_age(a);
    judge_simulation(a);
    a->kind->judge_body(a);
    mse_judge_reference(a->v, a->policy);
    judge_machine(a);
}
