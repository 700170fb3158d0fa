/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes, reports and documents of TEEs for mse show. */
#include <mse/evidence.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "cli/json_of.h"
#include "cli/show.h"

struct bit_word {
    uint64_t bit;
    const char *word;
};

static const struct bit_word sgx_flags[] = {
    { MSE_SGX_FLAG_INIT, "INIT" },
    { MSE_SGX_FLAG_DEBUG, "DEBUG" },
    { MSE_SGX_FLAG_MODE64BIT, "MODE64BIT" },
    { MSE_SGX_FLAG_PROVISION_KEY, "PROVISION_KEY" },
    { MSE_SGX_FLAG_EINITTOKEN_KEY, "EINITTOKEN_KEY" },
    { MSE_SGX_FLAG_KSS, "KSS" },
};
static const struct bit_word snp_policy[] = {
    { MSE_SNP_POLICY_SMT, "SMT" },
    { MSE_SNP_POLICY_MIGRATE_MA, "MIGRATE_MA" },
    { MSE_SNP_POLICY_DEBUG, "DEBUG" },
};

/* The words of the bits that are set. */
static json_t *words_of(uint64_t bits, const struct bit_word *words, size_t num)
{
    json_t *a = json_array();
    for (size_t i = 0; i < num; i++) {
        if ((bits & words[i].bit) != 0) {
            (void)json_array_append_new(a, json_string(words[i].word));
        }
    }
    return a;
}

static json_t *show_report(const struct mse_sgx_report *r)
{
    json_t *o = json_object();
    cli_put(o, "mrenclave", cli_hex(r->mr_enclave, 32));
    cli_put(o, "mrsigner", cli_hex(r->mr_signer, 32));
    cli_put(o, "isv_prod_id", cli_number(r->isv_prod_id));
    cli_put(o, "isv_svn", cli_number(r->isv_svn));
    cli_put(o, "attributes", words_of(r->attr_flags, sgx_flags, MSE_ARRAY_LEN(sgx_flags)));
    cli_put(o, "xfrm", cli_number(r->attr_xfrm));
    cli_put(o, "misc_select", cli_number(r->misc_select));
    cli_put(o, "cpu_svn", cli_hex(r->cpu_svn, 16));
    cli_put(o, "config_id", cli_hex(r->config_id, 64));
    cli_put(o, "report_data", cli_hex(r->report_data, 64));
    return o;
}

/* Eight octets in the order of the report. */
static json_t *word(uint64_t v)
{
    uint8_t octets[8];
    struct mse_build b;
    mse_build_fixed(&b, octets, sizeof octets);
    mse_wr_u64le(&b, v);
    return cli_hex(octets, sizeof octets);
}

static json_t *show_td_report(const struct mse_tdx_report *r)
{
    static const char *const rtmr[] = { "rtmr0", "rtmr1", "rtmr2", "rtmr3" };
    uint8_t fingerprint[32];
    json_t *o = json_object();
    cli_put(o, "td_report", json_string(r->is_15 ? "1.5" : "1.0"));
    if (mse_tdx_fingerprint(fingerprint, r) == MSE_OK) {
        cli_put(o, "fingerprint", cli_hex(fingerprint, 32));
    }
    cli_put(o, "mrtd", cli_hex(r->mr_td, 48));
    for (size_t i = 0; i < MSE_ARRAY_LEN(rtmr); i++) {
        cli_put(o, rtmr[i], cli_hex(r->rtmr[i], 48));
    }
    cli_put(o, "mrconfigid", cli_hex(r->mr_config_id, 48));
    cli_put(o, "mrowner", cli_hex(r->mr_owner, 48));
    cli_put(o, "mrownerconfig", cli_hex(r->mr_owner_config, 48));
    cli_put(o, "tdattributes", word(r->td_attributes));
    cli_put(o, "xfam", word(r->xfam));
    cli_put(o, "tee_tcb_svn", cli_hex(r->tee_tcb_svn, 16));
    cli_put(o, "mrseam", cli_hex(r->mr_seam, 48));
    cli_put(o, "mrsignerseam", cli_hex(r->mr_signer_seam, 48));
    cli_put(o, "seamattributes", word(r->seam_attributes));
    if (r->is_15) {
        cli_put(o, "tee_tcb_svn2", cli_hex(r->tee_tcb_svn2, 16));
        cli_put(o, "mrservicetd", cli_hex(r->mr_service_td, 48));
    }
    cli_put(o, "report_data", cli_hex(r->report_data, 64));
    return o;
}

/* What quotes of both kinds have around their report. */
static void show_around(json_t *o, const struct mse_quote_header *h, const struct mse_quote_auth *a,
                        json_t *report)
{
    cli_put(o, "version", cli_number(h->version));
    cli_put(o, "qe_svn", cli_number(h->qe_svn));
    cli_put(o, "pce_svn", cli_number(h->pce_svn));
    cli_put(o, "qe_vendor_id", cli_hex(h->qe_vendor_id, 16));
    cli_put(o, "report", report);
    cli_put(o, "attestation_key", cli_hex(a->attestation_key, 64));
    cli_put(o, "quoting_enclave", show_report(&a->qe_report));
    cli_put(o, "certification_data_type", cli_number(a->cert_type));
}

json_t *cli_show_quote(struct mse_bytes raw, size_t padding)
{
    struct mse_sgx_quote sgx;
    struct mse_tdx_quote tdx;
    struct mse_error err = { 0 };
    json_t *o = json_object();
    bool is_tdx = mse_quote_is_tdx(raw);
    mse_status st =
        is_tdx ? mse_tdx_quote_parse(&tdx, raw, &err) : mse_sgx_quote_parse(&sgx, raw, &err);
    if (st != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        return o;
    }
    cli_put(o, "length", cli_number(raw.len));
    if (padding > 0) {
        cli_put(o, "zero_bytes_behind", cli_number(padding));
    }
    if (is_tdx) {
        show_around(o, &tdx.header, &tdx.auth, show_td_report(&tdx.body));
    } else {
        show_around(o, &sgx.header, &sgx.auth, show_report(&sgx.body));
    }
    return o;
}

static json_t *show_snp_tcb(const uint8_t raw[8], enum mse_snp_product product)
{
    struct mse_snp_tcb t = mse_snp_tcb_of(raw, product);
    json_t *o = json_object();
    cli_put(o, "raw", cli_hex(raw, 8));
    if (product == MSE_SNP_TURIN) {
        cli_put(o, "fmc", cli_number(t.fmc));
    }
    cli_put(o, "bl", cli_number(t.bl));
    cli_put(o, "tee", cli_number(t.tee));
    cli_put(o, "snp", cli_number(t.snp));
    cli_put(o, "ucode", cli_number(t.ucode));
    return o;
}

static void show_snp_platform(json_t *o, const struct mse_snp_report *r)
{
    /* Turin stores its TCB in another order; only the family of version 3 and later tells. */
    enum mse_snp_product p =
        r->has_cpuid && r->cpuid_family == 0x1a ? MSE_SNP_TURIN : MSE_SNP_MILAN;
    cli_put(o, "chip_id", cli_hex(r->chip_id, 64));
    cli_put(o, "signing_key", cli_number(r->signing_key));
    cli_put(o, "platform_info", cli_number(r->platform_info));
    cli_put(o, "current_tcb", show_snp_tcb(r->current_tcb, p));
    cli_put(o, "reported_tcb", show_snp_tcb(r->reported_tcb, p));
    cli_put(o, "committed_tcb", show_snp_tcb(r->committed_tcb, p));
    cli_put(o, "launch_tcb", show_snp_tcb(r->launch_tcb, p));
    if (r->has_cpuid) {
        const uint8_t cpuid[3] = { r->cpuid_family, r->cpuid_model, r->cpuid_stepping };
        cli_put(o, "cpuid_family_model_stepping", cli_hex(cpuid, sizeof cpuid));
    }
}

json_t *cli_show_snp_report(struct mse_bytes raw)
{
    struct mse_snp_report r;
    struct mse_error err = { 0 };
    uint8_t fingerprint[32];
    char policy[24];
    json_t *o = json_object();
    if (mse_snp_report_parse(&r, raw, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        return o;
    }
    (void)snprintf(policy, sizeof policy, "0x%llx", (unsigned long long)r.policy);
    cli_put(o, "version", cli_number(r.version));
    if (mse_snp_fingerprint(fingerprint, &r) == MSE_OK) {
        cli_put(o, "fingerprint", cli_hex(fingerprint, 32));
    }
    cli_put(o, "measurement", cli_hex(r.measurement, 48));
    cli_put(o, "host_data", cli_hex(r.host_data, 32));
    cli_put(o, "policy", json_string(policy));
    cli_put(o, "policy_bits", words_of(r.policy, snp_policy, MSE_ARRAY_LEN(snp_policy)));
    cli_put(o, "vmpl", cli_number(r.vmpl));
    cli_put(o, "guest_svn", cli_number(r.guest_svn));
    cli_put(o, "family_id", cli_hex(r.family_id, 16));
    cli_put(o, "image_id", cli_hex(r.image_id, 16));
    cli_put(o, "id_key_digest", cli_hex(r.id_key_digest, 48));
    cli_put(o, "author_key_digest", cli_hex(r.author_key_digest, 48));
    cli_put(o, "report_id", cli_hex(r.report_id, 32));
    cli_put(o, "report_data", cli_hex(r.report_data, 64));
    show_snp_platform(o, &r);
    return o;
}

json_t *cli_show_hcl(struct mse_bytes raw)
{
    struct mse_hcl_report r;
    struct mse_error err = { 0 };
    uint8_t wanted[64];
    json_t *o = json_object();
    if (mse_hcl_report_parse(&r, raw, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        return o;
    }
    cli_put(o, "version", cli_number(r.version));
    cli_put(o, "runtime_data", json_stringn((const char *)r.runtime_data.data, r.runtime_data.len));
    if (mse_hcl_report_data(wanted, &r) == MSE_OK) {
        cli_put(o, "report_data_wanted", cli_hex(wanted, sizeof wanted));
    }
    if (r.type == MSE_HCL_SNP) {
        cli_put(o, "report", cli_show_snp_report(r.hardware_report));
    } else {
        cli_put(o, "td_report", cli_hex(r.hardware_report.data, r.hardware_report.len));
    }
    return o;
}

static json_t *optional_hex(bool has, struct mse_bytes b)
{
    return has ? cli_hex(b.data, b.len) : json_null();
}

json_t *cli_show_nitro(struct mse_bytes raw)
{
    struct mse_nitro_doc d;
    struct mse_error err = { 0 };
    uint8_t fingerprint[32];
    json_t *o = json_object();
    if (mse_nitro_doc_parse(&d, raw, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        return o;
    }
    cli_put(o, "module_id", json_stringn((const char *)d.module_id.data, d.module_id.len));
    cli_put(o, "timestamp", cli_when((mse_time)(d.timestamp_ms / 1000)));
    cli_put(o, "timestamp_ms", json_integer((json_int_t)d.timestamp_ms));
    if (mse_nitro_fingerprint(fingerprint, &d) == MSE_OK) {
        cli_put(o, "fingerprint", cli_hex(fingerprint, 32));
    }
    for (unsigned i = 0; i < MSE_NITRO_MAX_PCRS; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "pcr%u", i);
        if (d.pcrs[i].len > 0) {
            cli_put(o, name, cli_hex(d.pcrs[i].data, d.pcrs[i].len));
        }
    }
    cli_put(o, "public_key", optional_hex(d.has_public_key, d.public_key));
    cli_put(o, "user_data", optional_hex(d.has_user_data, d.user_data));
    cli_put(o, "nonce", optional_hex(d.has_nonce, d.nonce));
    cli_put(o, "certificates", cli_number(d.num_cabundle + 1));
    return o;
}

json_t *cli_show_sigstruct(struct mse_bytes in)
{
    struct mse_sigstruct s;
    struct mse_error err = { 0 };
    uint8_t mr[32];
    json_t *o = json_object();
    if (mse_sigstruct_parse(&s, in, &err) != MSE_OK) {
        cli_put(o, "unreadable", json_string(err.text));
        return o;
    }
    mse_status st = mse_sigstruct_verify(&s, &err);
    cli_put(o, "mrenclave", cli_hex(s.enclave_hash, 32));
    if (mse_sigstruct_mrsigner(mr, &s) == MSE_OK) {
        cli_put(o, "mrsigner", cli_hex(mr, 32));
    }
    char date[16];
    (void)snprintf(date, sizeof date, "%08x", s.date);
    cli_put(o, "date", json_string(date));
    cli_put(o, "isv_prod_id", cli_number(s.isv_prod_id));
    cli_put(o, "isv_svn", cli_number(s.isv_svn));
    cli_put(o, "attributes", words_of(s.attr_flags, sgx_flags, MSE_ARRAY_LEN(sgx_flags)));
    cli_put(o, "signature", json_string(st == MSE_OK ? "good" : mse_status_text(st)));
    return o;
}
