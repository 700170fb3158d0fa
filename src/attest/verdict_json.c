/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict as JSON. Every string that goes out is either static or was made printable when it was
 * recorded; JSON escapes it all the same. */
#include "attest/verdict_print.h"
#include "base/json_write.h"

static void js_word(struct mse_js *j, const char *key, uint64_t value)
{
    mse_js_key(j, key);
    mse_wr_u8(j->b, '"');
    verdict_wr_word(j->b, value);
    mse_wr_u8(j->b, '"');
}

static void js_check_body(struct mse_js *j, const struct mse_check *c)
{
    mse_js_str(j, "step", mse_step_name(c->step));
    mse_js_str(j, "status", c->skipped ? "skipped" : mse_status_name(c->status));
    mse_js_str(j, "seen", c->seen);
    mse_js_str(j, "wanted", c->wanted);
    mse_js_str(j, "policy_key", c->policy_key);
    mse_js_bool(j, "waived", c->waived);
}

static void js_reason(struct mse_js *j, const struct mse_verdict *v)
{
    const struct mse_check *c = mse_verdict_failure(v);
    if (v->accepted) {
        mse_js_str(j, "reason", NULL);
        return;
    }
    mse_js_open(j, "reason", '{');
    if (c != NULL) {
        js_check_body(j, c);
        mse_js_str(j, "text", mse_status_text(c->status));
    } else {
        mse_js_str(j, "status", mse_status_name(v->status));
        mse_js_str(j, "text", verdict_no_reason);
    }
    mse_js_close(j, '}');
}

static void js_checks(struct mse_js *j, const struct mse_verdict *v)
{
    mse_js_open(j, "checks", '[');
    for (size_t i = 0; i < v->num_checks; i++) {
        mse_js_open(j, NULL, '{');
        js_check_body(j, &v->checks[i]);
        mse_js_close(j, '}');
    }
    mse_js_close(j, ']');
}

static void js_waivers(struct mse_js *j, const struct mse_verdict *v)
{
    mse_js_open(j, "waivers", '[');
    for (size_t i = 0; i < v->num_checks; i++) {
        if (verdict_is_new_waiver(v, i)) {
            mse_js_str(j, NULL, v->checks[i].policy_key);
        }
    }
    mse_js_close(j, ']');
}

static void js_tcb(struct mse_js *j, const struct mse_verdict *v)
{
    mse_js_open(j, "tcb", '{');
    mse_js_str(j, "status", mse_tcb_status_name(v->tcb_status));
    mse_js_str(j, "platform_status", mse_tcb_status_name(v->platform_tcb_status));
    mse_js_str(j, "qe_status", mse_tcb_status_name(v->qe_tcb_status));
    if (v->tee == MSE_TEE_TDX) {
        mse_js_str(j, "tdx_module", v->tdx_module_id[0] != '\0' ? v->tdx_module_id : NULL);
        mse_js_str(j, "tdx_module_status", mse_tcb_status_name(v->tdx_module_tcb_status));
    }
    if (v->has_tcb_date) {
        mse_js_time(j, "date", v->tcb_date);
    } else {
        mse_js_str(j, "date", NULL);
    }
    mse_js_uint(j, "evaluation_number", v->tcb_evaluation_number);
    mse_js_open(j, "advisories", '[');
    for (size_t i = 0; i < v->num_advisories; i++) {
        mse_js_str(j, NULL, v->advisories[i]);
    }
    mse_js_close(j, ']');
    mse_js_uint(j, "platform_advisories", v->num_platform_advisories);
    mse_js_close(j, '}');
}

static void js_td(struct mse_js *j, const struct mse_verdict *v)
{
    static const char *const rtmr[] = { "rtmr0", "rtmr1", "rtmr2", "rtmr3" };
    const struct mse_tdx_report *r = &v->td;
    mse_js_str(j, "td_report", r->is_15 ? "1.5" : "1.0");
    mse_js_hex(j, "mrtd", r->mr_td, sizeof r->mr_td);
    for (size_t i = 0; i < MSE_ARRAY_LEN(rtmr); i++) {
        mse_js_hex(j, rtmr[i], r->rtmr[i], sizeof r->rtmr[i]);
    }
    mse_js_hex(j, "mrconfigid", r->mr_config_id, sizeof r->mr_config_id);
    mse_js_hex(j, "mrowner", r->mr_owner, sizeof r->mr_owner);
    mse_js_hex(j, "mrownerconfig", r->mr_owner_config, sizeof r->mr_owner_config);
    js_word(j, "tdattributes", r->td_attributes);
    js_word(j, "xfam", r->xfam);
    mse_js_bool(j, "debug", v->debug);
    mse_js_hex(j, "report_data", r->report_data, sizeof r->report_data);
    mse_js_hex(j, "tee_tcb_svn", r->tee_tcb_svn, sizeof r->tee_tcb_svn);
    mse_js_hex(j, "mrseam", r->mr_seam, sizeof r->mr_seam);
    mse_js_hex(j, "mrsignerseam", r->mr_signer_seam, sizeof r->mr_signer_seam);
    js_word(j, "seamattributes", r->seam_attributes);
    if (r->is_15) {
        mse_js_hex(j, "tee_tcb_svn2", r->tee_tcb_svn2, sizeof r->tee_tcb_svn2);
        mse_js_hex(j, "mrservicetd", r->mr_service_td, sizeof r->mr_service_td);
    }
}

static void js_enclave(struct mse_js *j, const struct mse_verdict *v)
{
    const struct mse_sgx_report *r = &v->report;
    mse_js_hex(j, "mrenclave", r->mr_enclave, sizeof r->mr_enclave);
    mse_js_hex(j, "mrsigner", r->mr_signer, sizeof r->mr_signer);
    mse_js_uint(j, "isvprodid", r->isv_prod_id);
    mse_js_uint(j, "isvsvn", r->isv_svn);
    mse_js_key(j, "attributes");
    mse_wr_u8(j->b, '"');
    verdict_wr_attributes(j->b, r);
    mse_wr_u8(j->b, '"');
    mse_js_bool(j, "debug", v->debug);
    mse_js_uint(j, "miscselect", r->misc_select);
    mse_js_hex(j, "cpusvn", r->cpu_svn, sizeof r->cpu_svn);
    mse_js_hex(j, "config_id", r->config_id, sizeof r->config_id);
    mse_js_uint(j, "config_svn", r->config_svn);
    mse_js_hex(j, "isv_ext_prod_id", r->isv_ext_prod_id, sizeof r->isv_ext_prod_id);
    mse_js_hex(j, "isv_family_id", r->isv_family_id, sizeof r->isv_family_id);
    mse_js_hex(j, "report_data", r->report_data, sizeof r->report_data);
}

static void js_measurements(struct mse_js *j, const struct mse_verdict *v)
{
    mse_js_open(j, "measurements", '{');
    if (v->has_fingerprint) {
        mse_js_hex(j, "fingerprint", v->fingerprint, sizeof v->fingerprint);
    } else {
        mse_js_str(j, "fingerprint", NULL);
    }
    if (v->tee == MSE_TEE_TDX) {
        js_td(j, v);
    } else {
        js_enclave(j, v);
    }
    mse_js_close(j, '}');
}

static void js_firmware(struct mse_js *j, const char *key, const uint8_t v[3])
{
    char text[12];
    (void)snprintf(text, sizeof text, "%u.%u.%u", v[0], v[1], v[2]);
    mse_js_str(j, key, text);
}

static void js_snp_measurements(struct mse_js *j, const struct mse_verdict *v)
{
    const struct mse_snp_report *r = &v->snp;
    mse_js_open(j, "measurements", '{');
    mse_js_hex(j, "fingerprint", v->fingerprint, sizeof v->fingerprint);
    mse_js_hex(j, "measurement", r->measurement, sizeof r->measurement);
    mse_js_hex(j, "host_data", r->host_data, sizeof r->host_data);
    mse_js_hex(j, "id_key_digest", r->id_key_digest, sizeof r->id_key_digest);
    mse_js_hex(j, "author_key_digest", r->author_key_digest, sizeof r->author_key_digest);
    mse_js_key(j, "policy");
    mse_wr_printf(j->b, "\"0x%llx\"", (unsigned long long)r->policy);
    mse_js_bool(j, "debug", v->debug);
    mse_js_bool(j, "migrate_ma", (r->policy & MSE_SNP_POLICY_MIGRATE_MA) != 0);
    mse_js_bool(j, "smt", (r->policy & MSE_SNP_POLICY_SMT) != 0);
    mse_js_uint(j, "vmpl", r->vmpl);
    mse_js_uint(j, "guest_svn", r->guest_svn);
    mse_js_hex(j, "family_id", r->family_id, sizeof r->family_id);
    mse_js_hex(j, "image_id", r->image_id, sizeof r->image_id);
    mse_js_hex(j, "report_id", r->report_id, sizeof r->report_id);
    mse_js_hex(j, "report_data", r->report_data, sizeof r->report_data);
    mse_js_close(j, '}');
}

static void js_snp_tcb(struct mse_js *j, const char *key, const uint8_t raw[8],
                       enum mse_snp_product product)
{
    struct mse_snp_tcb t = mse_snp_tcb_of(raw, product);
    mse_js_open(j, key, '{');
    if (product == MSE_SNP_TURIN) {
        mse_js_uint(j, "fmc", t.fmc);
    }
    mse_js_uint(j, "bl", t.bl);
    mse_js_uint(j, "tee", t.tee);
    mse_js_uint(j, "snp", t.snp);
    mse_js_uint(j, "ucode", t.ucode);
    mse_js_close(j, '}');
}

static void js_snp_platform(struct mse_js *j, const struct mse_verdict *v)
{
    const struct mse_snp_report *r = &v->snp;
    mse_js_open(j, "platform", '{');
    mse_js_str(j, "product", mse_snp_product_name(v->snp_product));
    mse_js_hex(j, "chip_id", r->chip_id, sizeof r->chip_id);
    mse_js_str(j, "signing_key", verdict_snp_key_name(r->signing_key));
    js_snp_tcb(j, "reported_tcb", r->reported_tcb, v->snp_product);
    js_snp_tcb(j, "committed_tcb", r->committed_tcb, v->snp_product);
    js_snp_tcb(j, "current_tcb", r->current_tcb, v->snp_product);
    js_snp_tcb(j, "launch_tcb", r->launch_tcb, v->snp_product);
    js_firmware(j, "firmware_current", r->current_version);
    js_firmware(j, "firmware_committed", r->committed_version);
    mse_js_key(j, "platform_info");
    mse_wr_printf(j->b, "\"0x%llx\"", (unsigned long long)r->platform_info);
    mse_js_close(j, '}');
}

static void js_platform(struct mse_js *j, const struct mse_verdict *v)
{
    if (!v->has_pck) {
        mse_js_str(j, "platform", NULL);
        return;
    }
    mse_js_open(j, "platform", '{');
    mse_js_hex(j, "fmspc", v->pck.fmspc, sizeof v->pck.fmspc);
    mse_js_hex(j, "pce_id", v->pck.pce_id, sizeof v->pck.pce_id);
    mse_js_uint(j, "pce_svn", v->pck.pce_svn);
    mse_js_hex(j, "cpusvn", v->pck.cpu_svn, sizeof v->pck.cpu_svn);
    mse_js_hex(j, "tcb_components", v->pck.comp_svn, sizeof v->pck.comp_svn);
    mse_js_hex(j, "ppid", v->pck.ppid, sizeof v->pck.ppid);
    if (v->pck.has_platform_instance_id) {
        mse_js_hex(j, "platform_instance_id", v->pck.platform_instance_id, 16);
    } else {
        mse_js_str(j, "platform_instance_id", NULL);
    }
    mse_js_str(j, "sgx_type", v->pck.has_sgx_type ? verdict_sgx_type_name(v->pck.sgx_type) : NULL);
    mse_js_str(j, "pck_ca", v->pck_ca_is_platform ? "platform" : "processor");
    if (v->pck.has_configuration) {
        mse_js_bool(j, "smt_enabled", v->pck.smt_enabled);
    }
    mse_js_close(j, '}');
}

static void js_dates(struct mse_js *j, const struct mse_verdict *v)
{
    mse_js_open(j, "dates", '[');
    for (size_t i = 0; i < v->num_dates; i++) {
        mse_js_open(j, NULL, '{');
        mse_js_str(j, "what", v->dates[i].what);
        mse_js_time(j, "from", v->dates[i].from);
        mse_js_time(j, "until", v->dates[i].until);
        mse_js_close(j, '}');
    }
    mse_js_close(j, ']');
    if (v->num_dates > 0) {
        mse_js_time(j, "valid_from", v->valid_from);
        mse_js_time(j, "valid_until", v->valid_until);
    } else {
        mse_js_str(j, "valid_from", NULL);
        mse_js_str(j, "valid_until", NULL);
    }
}

void mse_verdict_write_json(struct mse_js *j, const char *key, const struct mse_verdict *v)
{
    mse_js_open(j, key, '{');
    mse_js_bool(j, "accepted", v->accepted);
    mse_js_str(j, "status", mse_status_name(v->status));
    js_reason(j, v);
    mse_js_str(j, "tee", mse_tee_name(v->tee));
    mse_js_bool(j, "simulated", v->simulated);
    mse_js_uint(j, "quote_version", v->quote_version);
    mse_js_bool(j, "signatures_ok", v->signatures_ok);
    mse_js_uint(j, "binding_level", v->binding_level);
    if (v->reference_index != SIZE_MAX) {
        mse_js_uint(j, "reference", v->reference_index);
    } else {
        mse_js_str(j, "reference", NULL);
    }
    js_waivers(j, v);
    js_tcb(j, v);
    if (v->tee == MSE_TEE_NITRO) {
        mse_verdict_nitro_json(j, v);
    } else if (v->tee == MSE_TEE_SNP) {
        js_snp_measurements(j, v);
        js_snp_platform(j, v);
    } else {
        js_measurements(j, v);
        js_platform(j, v);
    }
    js_dates(j, v);
    js_checks(j, v);
    mse_js_close(j, '}');
}

mse_status mse_verdict_to_json(char *out, size_t cap, const struct mse_verdict *v)
{
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    struct mse_js j = { .b = &b };
    mse_verdict_write_json(&j, NULL, v);
    return mse_build_cstr(&b) != NULL ? MSE_OK : MSE_ERR_NO_SPACE;
}
