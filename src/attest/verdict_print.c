/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict as JSON and as text. Every string that goes out is either static or was made printable
 * when it was recorded; JSON escapes it all the same. */
#include <mse/attest.h>

#include "attest/verdict.h"
#include "base/build.h"
#include "base/json_write.h"
#include "base/util.h"

/* Names of members that text and JSON share. */
const char *mse_tee_name(enum mse_tee_kind tee)
{
    static const char *const names[] = {
        [MSE_TEE_NONE] = "none", [MSE_TEE_SGX] = "sgx",     [MSE_TEE_TDX] = "tdx",
        [MSE_TEE_SNP] = "snp",   [MSE_TEE_NITRO] = "nitro",
    };
    return (unsigned)tee < MSE_ARRAY_LEN(names) ? names[tee] : "none";
}

/* The 16 bytes of ATTRIBUTES as the report has them. */
static void wr_attributes(struct mse_build *b, const struct mse_sgx_report *r)
{
    uint8_t raw[16];
    struct mse_build le;
    mse_build_fixed(&le, raw, sizeof raw);
    mse_wr_u64le(&le, r->attr_flags);
    mse_wr_u64le(&le, r->attr_xfrm);
    mse_wr_hex(b, raw, sizeof raw);
}

/* Eight octets as a TD report has them. */
static void wr_word(struct mse_build *b, uint64_t value)
{
    uint8_t raw[8];
    struct mse_build le;
    mse_build_fixed(&le, raw, sizeof raw);
    mse_wr_u64le(&le, value);
    mse_wr_hex(b, raw, sizeof raw);
}

static const char *sgx_type_name(uint8_t type)
{
    static const char *const names[] = { "standard", "scalable", "scalable_with_integrity" };
    return type < MSE_ARRAY_LEN(names) ? names[type] : "unknown";
}

static const char *const no_reason = "a check that is needed did not run";

/* JSON. */

static void js_word(struct mse_js *j, const char *key, uint64_t value)
{
    mse_js_key(j, key);
    mse_wr_u8(j->b, '"');
    wr_word(j->b, value);
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
        mse_js_str(j, "text", no_reason);
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

/* The first check that a policy key waived: each key is told once. */
static bool is_new_waiver(const struct mse_verdict *v, size_t i)
{
    bool found = v->checks[i].waived;
    for (size_t k = 0; found && k < i; k++) {
        const struct mse_check *c = &v->checks[k];
        found = !c->waived || strcmp(c->policy_key, v->checks[i].policy_key) != 0;
    }
    return found;
}

static void js_waivers(struct mse_js *j, const struct mse_verdict *v)
{
    mse_js_open(j, "waivers", '[');
    for (size_t i = 0; i < v->num_checks; i++) {
        if (is_new_waiver(v, i)) {
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
    wr_attributes(j->b, r);
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

static const char *snp_key_name(enum mse_snp_key k)
{
    return k == MSE_SNP_KEY_VCEK ? "vcek" : k == MSE_SNP_KEY_VLEK ? "vlek" : "none";
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
    mse_js_str(j, "signing_key", snp_key_name(r->signing_key));
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
    mse_js_str(j, "sgx_type", v->pck.has_sgx_type ? sgx_type_name(v->pck.sgx_type) : NULL);
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

const char *mse_level_text(uint8_t level)
{
    static const char *const texts[] = {
        ("the key of the certificate was made in such a TEE at some time; that this very "
         "connection ends in it now is not proven"),
        "a TEE that holds the key of the certificate answered a fresh nonce",
        "this TLS session ends in the TEE",
        "this TLS session ends in the TEE, on a machine of the list",
    };
    return level < MSE_ARRAY_LEN(texts) ? texts[level] : "unknown";
}

static mse_status finish(struct mse_build *b)
{
    return mse_build_cstr(b) != NULL ? MSE_OK : MSE_ERR_NO_SPACE;
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
    return finish(&b);
}

/* Text. */

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
        mse_wr_printf(b, "reason: %s\n", no_reason);
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
    wr_word(b, value);
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
    wr_attributes(b, r);
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
                  snp_key_name(r->signing_key));
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
        if (is_new_waiver(v, i)) {
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
    return finish(&b);
}
