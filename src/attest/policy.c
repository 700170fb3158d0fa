/* SPDX-License-Identifier: Apache-2.0 */
/* A policy: its defaults, and what must hold in it, wherever it came from. Its keys: policy_keys.c.
 */
#include <mse/policy.h>

#include "attest/policy_keys.h"
#include "attest/verdict.h"
#include "base/error.h"

static const char step[] = "policy";

void mse_policy_default(struct mse_policy *out)
{
    struct mse_policy p = { .accepted_tcb_statuses = MSE_TCB_BIT(MSE_TCB_UP_TO_DATE) };
    *out = p;
}

static bool counts_fit(const struct mse_policy *p)
{
    return p->num_accepted_advisories <= MSE_MAX_POLICY_ADVISORIES &&
           p->num_allowed_machines <= MSE_MAX_MACHINES && p->num_allowed_fmspc <= MSE_MAX_FMSPC &&
           p->num_references <= MSE_MAX_REFERENCES && p->num_log_keys <= MSE_MAX_LOG_KEYS &&
           p->num_log_witnesses <= MSE_MAX_LOG_WITNESSES;
}

mse_status mse_policy_judge(const struct mse_policy *p, struct mse_error *err)
{
    if (!counts_fit(p)) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step, "a list is longer than its array");
    }
    if ((p->accepted_tcb_statuses & MSE_TCB_BIT(MSE_TCB_REVOKED)) != 0) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step,
                        "\"accepted_tcb_statuses\" has Revoked, which is never accepted");
    }
    if (p->require_level > 3) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step, "\"require_level\" is %u, wanted 0 to 3",
                        p->require_level);
    }
    if (p->max_collateral_age != 0 && p->max_collateral_age < MSE_POLICY_MIN_COLLATERAL_AGE) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step,
                        "\"max_collateral_age\" is %lld s, wanted 0 or at least 31 days",
                        (long long)p->max_collateral_age);
    }
    if ((p->grace_days != 0) != (p->grace_reference != MSE_GRACE_NONE)) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step,
                        "\"grace_days\" and \"grace_reference\" go together");
    }
    if (p->max_vmpl > 3) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step, "\"max_vmpl\" is %u, wanted 0 to 3",
                        p->max_vmpl);
    }
    if (p->min_log_witnesses > p->num_log_witnesses ||
        (p->num_log_witnesses > 0 && p->num_log_keys == 0)) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step,
                        "\"min_log_witnesses\" (%u) needs as many \"log_witnesses\" (%zu), and "
                        "those need \"log_keys\" (%zu)",
                        p->min_log_witnesses, p->num_log_witnesses, p->num_log_keys);
    }
    bool no_root = mse_mem_is_zero(p->simulation_root, sizeof p->simulation_root) &&
                   mse_mem_is_zero(p->simulation_root_sha256, sizeof p->simulation_root_sha256);
    if (p->simulation_only && (no_root || !p->allow_simulation)) {
        return MSE_FAIL(err, MSE_ERR_POLICY, step,
                        "\"simulation_only\" needs \"allow_simulation\" and \"simulation_root\"");
    }
    return MSE_OK;
}

const struct mse_policy *mse_note_policy(struct mse_verdict *v, struct mse_policy *nothing,
                                         const struct mse_policy *p)
{
    static const struct mse_ask ask = { MSE_STEP_FORM, "a policy that makes sense", NULL };
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_policy_judge(p, &err);
    mse_note(v, &ask, st, "%s", err.text);
    if (st == MSE_OK) {
        mse_note_log(v, p);
        return p;
    }
    memset(nothing, 0, sizeof *nothing);
    return nothing;
}
