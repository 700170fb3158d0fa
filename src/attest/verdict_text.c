/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict as text. Every string that goes out is either static or was made printable when it was
 * recorded. */
#include "attest/verdict_print.h"

static void wr_line_hex(struct mse_build *b, const char *name, const uint8_t *p, size_t len)
{
    mse_wr_printf(b, "  %-20s ", name);
    mse_wr_hex(b, p, len);
    mse_wr_u8(b, '\n');
}

static void wr_reason(struct mse_build *b, const struct mse_verdict *v)
{
    const struct mse_check *c = mse_verdict_failure(v);
    if (c == NULL) {
        mse_wr_printf(b, "reason: %s\n", verdict_no_reason);
        return;
    }
    mse_wr_printf(b, "reason: %s (step %s, %s)\n", mse_status_text(c->status),
                  mse_step_name(c->step), mse_status_name(c->status));
    if (c->seen[0] != '\0') {
        mse_wr_printf(b, "  seen:   %s\n", c->seen);
    }
    if (c->wanted[0] != '\0') {
        mse_wr_printf(b, "  wanted: %s\n", c->wanted);
    }
    mse_wr_printf(b, "  policy: %s\n",
                  c->policy_key != NULL ? c->policy_key : "no policy key changes this");
}

static void wr_line_word(struct mse_build *b, const char *name, uint64_t value)
{
    mse_wr_printf(b, "  %-20s ", name);
    verdict_wr_word(b, value);
}

static void wr_td(struct mse_build *b, const struct mse_verdict *v)
{
    static const char *const rtmr[] = { "RTMR0", "RTMR1", "RTMR2", "RTMR3" };
    const struct mse_tdx_report *r = &v->td;
    wr_line_hex(b, "fingerprint", v->fingerprint, sizeof v->fingerprint);
    wr_line_hex(b, "MRTD", r->mr_td, sizeof r->mr_td);
    for (size_t i = 0; i < MSE_ARRAY_LEN(rtmr); i++) {
        wr_line_hex(b, rtmr[i], r->rtmr[i], sizeof r->rtmr[i]);
    }
    wr_line_hex(b, "MRCONFIGID", r->mr_config_id, sizeof r->mr_config_id);
    wr_line_hex(b, "MROWNER", r->mr_owner, sizeof r->mr_owner);
    wr_line_hex(b, "MROWNERCONFIG", r->mr_owner_config, sizeof r->mr_owner_config);
    wr_line_word(b, "TDATTRIBUTES", r->td_attributes);
    mse_wr_str(b, v->debug ? " (debug)\n" : "\n");
    wr_line_word(b, "XFAM", r->xfam);
    mse_wr_u8(b, '\n');
    wr_line_hex(b, "report data", r->report_data, sizeof r->report_data);
    wr_line_hex(b, "TEE TCB SVN", r->tee_tcb_svn, sizeof r->tee_tcb_svn);
    if (r->is_15) {
        wr_line_hex(b, "TEE TCB SVN 2", r->tee_tcb_svn2, sizeof r->tee_tcb_svn2);
        wr_line_hex(b, "MRSERVICETD", r->mr_service_td, sizeof r->mr_service_td);
    }
}

static void wr_enclave(struct mse_build *b, const struct mse_verdict *v)
{
    const struct mse_sgx_report *r = &v->report;
    wr_line_hex(b, "MRENCLAVE", r->mr_enclave, sizeof r->mr_enclave);
    wr_line_hex(b, "MRSIGNER", r->mr_signer, sizeof r->mr_signer);
    mse_wr_printf(b, "  %-20s %u\n  %-20s %u\n", "ISVPRODID", r->isv_prod_id, "ISVSVN", r->isv_svn);
    mse_wr_printf(b, "  %-20s ", "ATTRIBUTES");
    verdict_wr_attributes(b, r);
    mse_wr_str(b, v->debug ? " (debug)\n" : "\n");
    wr_line_hex(b, "report data", r->report_data, sizeof r->report_data);
}

static void wr_snp_tcb(struct mse_build *b, const char *name, const uint8_t raw[8],
                       enum mse_snp_product product)
{
    struct mse_snp_tcb t = mse_snp_tcb_of(raw, product);
    mse_wr_printf(b, "  %-20s ", name);
    if (product == MSE_SNP_TURIN) {
        mse_wr_printf(b, "fmc %u ", t.fmc);
    }
    mse_wr_printf(b, "bl %u tee %u snp %u ucode %u\n", t.bl, t.tee, t.snp, t.ucode);
}

static void wr_snp(struct mse_build *b, const struct mse_verdict *v)
{
    const struct mse_snp_report *r = &v->snp;
    mse_wr_printf(b, "evidence: %s report v%u%s%s\n", mse_tee_name(v->tee), v->quote_version,
                  v->simulated ? ", SIMULATED, not hardware" : "",
                  v->signatures_ok ? "" : ", NOT GENUINE: a signature or the chain failed");
    wr_line_hex(b, "fingerprint", v->fingerprint, sizeof v->fingerprint);
    wr_line_hex(b, "MEASUREMENT", r->measurement, sizeof r->measurement);
    wr_line_hex(b, "HOST_DATA", r->host_data, sizeof r->host_data);
    wr_line_hex(b, "ID_KEY_DIGEST", r->id_key_digest, sizeof r->id_key_digest);
    wr_line_hex(b, "AUTHOR_KEY_DIGEST", r->author_key_digest, sizeof r->author_key_digest);
    mse_wr_printf(b, "  %-20s 0x%llx%s\n  %-20s %u\n", "guest policy",
                  (unsigned long long)r->policy, v->debug ? " (debug)" : "", "VMPL", r->vmpl);
    wr_line_hex(b, "report data", r->report_data, sizeof r->report_data);
    mse_wr_printf(b, "machine: %s, signed by %s\n", mse_snp_product_name(v->snp_product),
                  verdict_snp_key_name(r->signing_key));
    wr_line_hex(b, "CHIP_ID", r->chip_id, sizeof r->chip_id);
    wr_snp_tcb(b, "TCB reported", r->reported_tcb, v->snp_product);
    wr_snp_tcb(b, "TCB committed", r->committed_tcb, v->snp_product);
}

static void wr_evidence(struct mse_build *b, const struct mse_verdict *v)
{
    mse_wr_printf(b, "evidence: %s quote v%u%s%s\n", mse_tee_name(v->tee), v->quote_version,
                  v->simulated ? ", SIMULATED, not hardware" : "",
                  v->signatures_ok ? "" : ", NOT GENUINE: a signature or the chain failed");
    if (v->tee == MSE_TEE_TDX) {
        wr_td(b, v);
    } else {
        wr_enclave(b, v);
    }
}

static void wr_platform(struct mse_build *b, const struct mse_verdict *v)
{
    mse_wr_printf(b, "TCB status: %s (platform %s, quoting enclave %s),",
                  mse_tcb_status_name(v->tcb_status), mse_tcb_status_name(v->platform_tcb_status),
                  mse_tcb_status_name(v->qe_tcb_status));
    if (v->tdx_module_id[0] != '\0') {
        mse_wr_printf(b, " TDX module %s %s,", v->tdx_module_id,
                      mse_tcb_status_name(v->tdx_module_tcb_status));
    }
    mse_wr_printf(b, " evaluation number %u\n", v->tcb_evaluation_number);
    if (v->has_tcb_date) {
        mse_wr_printf(b, "  %-20s ", "TCB date");
        mse_wr_time(b, v->tcb_date);
        mse_wr_u8(b, '\n');
    }
    for (size_t i = 0; i < v->num_advisories; i++) {
        mse_wr_printf(b, "  %-20s %s\n", i == 0 ? "advisories" : "", v->advisories[i]);
    }
    if (v->has_pck) {
        mse_wr_str(b, "machine:\n");
        wr_line_hex(b, "FMSPC", v->pck.fmspc, sizeof v->pck.fmspc);
        wr_line_hex(b, "PPID", v->pck.ppid, sizeof v->pck.ppid);
        if (v->pck.has_platform_instance_id) {
            wr_line_hex(b, "platform instance", v->pck.platform_instance_id, 16);
        }
    }
}

static void wr_dates(struct mse_build *b, const struct mse_verdict *v)
{
    if (v->num_dates == 0) {
        return;
    }
    mse_wr_str(b, "dates:\n");
    for (size_t i = 0; i < v->num_dates; i++) {
        mse_wr_printf(b, "  %-34s ", v->dates[i].what);
        mse_wr_time(b, v->dates[i].from);
        mse_wr_str(b, " to ");
        mse_wr_time(b, v->dates[i].until);
        mse_wr_u8(b, '\n');
    }
    if (v->valid_from > v->valid_until) {
        mse_wr_str(b, "  there is no moment at which all of them are valid\n");
        return;
    }
    mse_wr_printf(b, "  %-34s ", "all of them");
    mse_wr_time(b, v->valid_from);
    mse_wr_str(b, " to ");
    mse_wr_time(b, v->valid_until);
    mse_wr_u8(b, '\n');
}

static void wr_check(struct mse_build *b, const struct mse_check *c)
{
    const char *mark = c->skipped ? "skip" : c->status == MSE_OK ? "ok" : "FAIL";
    mse_wr_printf(b, "  %-4s  %-18s", mark, mse_step_name(c->step));
    if (c->status != MSE_OK) {
        mse_wr_printf(b, " %s:", mse_status_name(c->status));
    } else if (c->waived) {
        mse_wr_printf(b, " waived by %s:", c->policy_key);
    }
    if (c->seen[0] != '\0') {
        mse_wr_printf(b, " %s", c->seen);
    }
    if (c->wanted[0] != '\0' && !c->skipped) {
        /* What passed and was not seen apart is what was wanted. */
        bool alone = c->status == MSE_OK && c->seen[0] == '\0';
        const char *joint = alone ? " " : c->seen[0] == '\0' ? " wanted " : "; wanted ";
        mse_wr_printf(b, "%s%s", joint, c->wanted);
    }
    mse_wr_u8(b, '\n');
}

static void wr_waivers(struct mse_build *b, const struct mse_verdict *v)
{
    for (size_t i = 0; i < v->num_checks; i++) {
        if (verdict_is_new_waiver(v, i)) {
            mse_wr_printf(b, "waived: %s, by the policy\n", v->checks[i].policy_key);
        }
    }
}

mse_status mse_verdict_to_text(char *out, size_t cap, const struct mse_verdict *v)
{
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    mse_wr_printf(&b, "verdict: %s\n", v->accepted ? "accepted" : "refused");
    if (!v->accepted) {
        wr_reason(&b, v);
    }
    if (v->tee != MSE_TEE_NONE) {
        if (v->tee == MSE_TEE_NITRO) {
            mse_verdict_nitro_text(&b, v);
        } else if (v->tee == MSE_TEE_SNP) {
            wr_snp(&b, v);
        } else {
            wr_evidence(&b, v);
            wr_platform(&b, v);
        }
        mse_wr_printf(&b, "binding level: %u\n", v->binding_level);
    }
    wr_waivers(&b, v);
    wr_dates(&b, v);
    mse_wr_str(&b, "checks:\n");
    for (size_t i = 0; i < v->num_checks; i++) {
        wr_check(&b, &v->checks[i]);
    }
    return mse_build_cstr(&b) != NULL ? MSE_OK : MSE_ERR_NO_SPACE;
}
