/* SPDX-License-Identifier: Apache-2.0 */
/* Azure's HCL report: its SEV-SNP report appraised as any other, and the runtime data bound to it.
 * A TD report is authenticated for its own machine only: whoever has one needs a quote over it. */
#include "attest/verdict.h"
#include "base/error.h"

static void refuse(struct mse_verdict *out, mse_status st, const char *text)
{
    mse_verdict_begin(out, MSE_TEE_NONE);
    mse_verdict_add(out, MSE_STEP_FORM, st, text, "an HCL report with a SEV-SNP report", NULL);
}

mse_status mse_appraise_hcl(struct mse_verdict *out, struct mse_bytes report,
                            const struct mse_collateral *collateral,
                            const struct mse_policy *policy, mse_time at, struct mse_error *err)
{
    struct mse_hcl_report r;
    struct mse_error e = { .status = MSE_OK };
    uint8_t wanted[64];
    mse_status st = mse_hcl_report_parse(&r, report, &e);
    if (st == MSE_OK && r.type != MSE_HCL_SNP) {
        st = MSE_FAIL(&e, MSE_ERR_UNSUPPORTED_TEE, "HCL report",
                      "a TD report, which no other machine can check: a quote is needed");
    }
    if (st != MSE_OK) {
        refuse(out, st, e.text);
        return mse_verdict_tell(out, err);
    }
    (void)!mse_appraise_snp(out, r.hardware_report, collateral, policy, at, NULL);
    st = mse_hcl_report_data(wanted, &r);
    if (st == MSE_OK && !mse_mem_equal(wanted, out->snp.report_data, sizeof wanted)) {
        st = MSE_ERR_BINDING;
    }
    mse_verdict_add(out, MSE_STEP_BINDING, st,
                    st == MSE_OK ? NULL : "runtime data that the report was not made for",
                    "report data that are the hash of the runtime data", NULL);
    return mse_verdict_tell(out, err);
}
