/* SPDX-License-Identifier: Apache-2.0 */
/* mse show: decodes for people. Form only: nothing here says that anything is genuine. */
#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/ear.h"
#include "cli/judge.h"
#include "cli/show_files.h"
#include "cli/target.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "ratls/check.h"
#include "ratls/claims.h"
#include "ratls/profile.h"

static void put(json_t *o, const char *key, json_t *v)
{
    (void)json_object_set_new(o, key, v == NULL ? json_null() : v);
}

static json_t *hex(const void *p, size_t len)
{
    char *text = malloc(2 * len + 1);
    if (text == NULL) {
        return NULL;
    }
    mse_hex_encode(text, mse_bytes_of(p, len));
    json_t *v = json_string(text);
    free(text);
    return v;
}

static json_t *hex_of(struct mse_bytes b)
{
    return hex(b.data, b.len);
}

static json_t *when(mse_time t)
{
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, t);
    return json_string(text);
}

static json_t *text_of(struct mse_bytes b)
{
    json_t *v = json_stringn((const char *)b.data, b.len);
    return v == NULL ? hex_of(b) : v;
}

static json_t *number(uint64_t v)
{
    return json_integer((json_int_t)v);
}

static json_t *flags_words(uint64_t flags)
{
    static const struct {
        uint64_t bit;
        const char *word;
    } words[] = { { MSE_SGX_FLAG_INIT, "INIT" },
                  { MSE_SGX_FLAG_DEBUG, "DEBUG" },
                  { MSE_SGX_FLAG_MODE64BIT, "MODE64BIT" },
                  { MSE_SGX_FLAG_PROVISION_KEY, "PROVISION_KEY" },
                  { MSE_SGX_FLAG_EINITTOKEN_KEY, "EINITTOKEN_KEY" },
                  { MSE_SGX_FLAG_KSS, "KSS" } };
    json_t *a = json_array();
    for (size_t i = 0; i < MSE_ARRAY_LEN(words); i++) {
        if ((flags & words[i].bit) != 0) {
            (void)json_array_append_new(a, json_string(words[i].word));
        }
    }
    return a;
}

static json_t *show_report(const struct mse_sgx_report *r)
{
    json_t *o = json_object();
    put(o, "mrenclave", hex(r->mr_enclave, 32));
    put(o, "mrsigner", hex(r->mr_signer, 32));
    put(o, "isv_prod_id", number(r->isv_prod_id));
    put(o, "isv_svn", number(r->isv_svn));
    put(o, "attributes", flags_words(r->attr_flags));
    put(o, "xfrm", number(r->attr_xfrm));
    put(o, "misc_select", number(r->misc_select));
    put(o, "cpu_svn", hex(r->cpu_svn, 16));
    put(o, "config_id", hex(r->config_id, 64));
    put(o, "report_data", hex(r->report_data, 64));
    return o;
}

/* Eight octets in the order of the report. */
static json_t *word(uint64_t v)
{
    uint8_t octets[8];
    struct mse_build b;
    mse_build_fixed(&b, octets, sizeof octets);
    mse_wr_u64le(&b, v);
    return hex(octets, sizeof octets);
}

static json_t *show_td_report(const struct mse_tdx_report *r)
{
    static const char *const rtmr[] = { "rtmr0", "rtmr1", "rtmr2", "rtmr3" };
    uint8_t fingerprint[32];
    json_t *o = json_object();
    put(o, "td_report", json_string(r->is_15 ? "1.5" : "1.0"));
    if (mse_tdx_fingerprint(fingerprint, r) == MSE_OK) {
        put(o, "fingerprint", hex(fingerprint, 32));
    }
    put(o, "mrtd", hex(r->mr_td, 48));
    for (size_t i = 0; i < MSE_ARRAY_LEN(rtmr); i++) {
        put(o, rtmr[i], hex(r->rtmr[i], 48));
    }
    put(o, "mrconfigid", hex(r->mr_config_id, 48));
    put(o, "mrowner", hex(r->mr_owner, 48));
    put(o, "mrownerconfig", hex(r->mr_owner_config, 48));
    put(o, "tdattributes", word(r->td_attributes));
    put(o, "xfam", word(r->xfam));
    put(o, "tee_tcb_svn", hex(r->tee_tcb_svn, 16));
    put(o, "mrseam", hex(r->mr_seam, 48));
    put(o, "mrsignerseam", hex(r->mr_signer_seam, 48));
    put(o, "seamattributes", word(r->seam_attributes));
    if (r->is_15) {
        put(o, "tee_tcb_svn2", hex(r->tee_tcb_svn2, 16));
        put(o, "mrservicetd", hex(r->mr_service_td, 48));
    }
    put(o, "report_data", hex(r->report_data, 64));
    return o;
}

/* What quotes of both kinds have around their report. */
static void show_around(json_t *o, const struct mse_quote_header *h, const struct mse_quote_auth *a,
                        json_t *report)
{
    put(o, "version", number(h->version));
    put(o, "qe_svn", number(h->qe_svn));
    put(o, "pce_svn", number(h->pce_svn));
    put(o, "qe_vendor_id", hex(h->qe_vendor_id, 16));
    put(o, "report", report);
    put(o, "attestation_key", hex(a->attestation_key, 64));
    put(o, "quoting_enclave", show_report(&a->qe_report));
    put(o, "certification_data_type", number(a->cert_type));
}

static json_t *show_quote(struct mse_bytes raw, size_t padding)
{
    struct mse_sgx_quote sgx;
    struct mse_tdx_quote tdx;
    struct mse_error err = { 0 };
    json_t *o = json_object();
    bool is_tdx = mse_quote_is_tdx(raw);
    mse_status st =
        is_tdx ? mse_tdx_quote_parse(&tdx, raw, &err) : mse_sgx_quote_parse(&sgx, raw, &err);
    if (st != MSE_OK) {
        put(o, "unreadable", json_string(err.text));
        return o;
    }
    put(o, "length", number(raw.len));
    if (padding > 0) {
        put(o, "zero_bytes_behind", number(padding));
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
    put(o, "raw", hex(raw, 8));
    if (product == MSE_SNP_TURIN) {
        put(o, "fmc", number(t.fmc));
    }
    put(o, "bl", number(t.bl));
    put(o, "tee", number(t.tee));
    put(o, "snp", number(t.snp));
    put(o, "ucode", number(t.ucode));
    return o;
}

static json_t *policy_words(uint64_t policy)
{
    static const struct {
        uint64_t bit;
        const char *word;
    } words[] = { { MSE_SNP_POLICY_SMT, "SMT" },
                  { MSE_SNP_POLICY_MIGRATE_MA, "MIGRATE_MA" },
                  { MSE_SNP_POLICY_DEBUG, "DEBUG" } };
    json_t *a = json_array();
    for (size_t i = 0; i < MSE_ARRAY_LEN(words); i++) {
        if ((policy & words[i].bit) != 0) {
            (void)json_array_append_new(a, json_string(words[i].word));
        }
    }
    return a;
}

static void show_snp_platform(json_t *o, const struct mse_snp_report *r)
{
    /* Turin stores its TCB in another order; only the family of version 3 and later tells. */
    enum mse_snp_product p =
        r->has_cpuid && r->cpuid_family == 0x1a ? MSE_SNP_TURIN : MSE_SNP_MILAN;
    put(o, "chip_id", hex(r->chip_id, 64));
    put(o, "signing_key", number(r->signing_key));
    put(o, "platform_info", number(r->platform_info));
    put(o, "current_tcb", show_snp_tcb(r->current_tcb, p));
    put(o, "reported_tcb", show_snp_tcb(r->reported_tcb, p));
    put(o, "committed_tcb", show_snp_tcb(r->committed_tcb, p));
    put(o, "launch_tcb", show_snp_tcb(r->launch_tcb, p));
    if (r->has_cpuid) {
        const uint8_t cpuid[3] = { r->cpuid_family, r->cpuid_model, r->cpuid_stepping };
        put(o, "cpuid_family_model_stepping", hex(cpuid, sizeof cpuid));
    }
}

static json_t *show_snp_report(struct mse_bytes raw)
{
    struct mse_snp_report r;
    struct mse_error err = { 0 };
    uint8_t fingerprint[32];
    char policy[24];
    json_t *o = json_object();
    if (mse_snp_report_parse(&r, raw, &err) != MSE_OK) {
        put(o, "unreadable", json_string(err.text));
        return o;
    }
    (void)snprintf(policy, sizeof policy, "0x%llx", (unsigned long long)r.policy);
    put(o, "version", number(r.version));
    if (mse_snp_fingerprint(fingerprint, &r) == MSE_OK) {
        put(o, "fingerprint", hex(fingerprint, 32));
    }
    put(o, "measurement", hex(r.measurement, 48));
    put(o, "host_data", hex(r.host_data, 32));
    put(o, "policy", json_string(policy));
    put(o, "policy_bits", policy_words(r.policy));
    put(o, "vmpl", number(r.vmpl));
    put(o, "guest_svn", number(r.guest_svn));
    put(o, "family_id", hex(r.family_id, 16));
    put(o, "image_id", hex(r.image_id, 16));
    put(o, "id_key_digest", hex(r.id_key_digest, 48));
    put(o, "author_key_digest", hex(r.author_key_digest, 48));
    put(o, "report_id", hex(r.report_id, 32));
    put(o, "report_data", hex(r.report_data, 64));
    show_snp_platform(o, &r);
    return o;
}

static json_t *show_hcl(struct mse_bytes raw)
{
    struct mse_hcl_report r;
    struct mse_error err = { 0 };
    uint8_t wanted[64];
    json_t *o = json_object();
    if (mse_hcl_report_parse(&r, raw, &err) != MSE_OK) {
        put(o, "unreadable", json_string(err.text));
        return o;
    }
    put(o, "version", number(r.version));
    put(o, "runtime_data", json_stringn((const char *)r.runtime_data.data, r.runtime_data.len));
    if (mse_hcl_report_data(wanted, &r) == MSE_OK) {
        put(o, "report_data_wanted", hex(wanted, sizeof wanted));
    }
    if (r.type == MSE_HCL_SNP) {
        put(o, "report", show_snp_report(r.hardware_report));
    } else {
        put(o, "td_report", hex(r.hardware_report.data, r.hardware_report.len));
    }
    return o;
}

static json_t *optional_hex(bool has, struct mse_bytes b)
{
    return has ? hex(b.data, b.len) : json_null();
}

static json_t *show_nitro(struct mse_bytes raw)
{
    struct mse_nitro_doc d;
    struct mse_error err = { 0 };
    uint8_t fingerprint[32];
    json_t *o = json_object();
    if (mse_nitro_doc_parse(&d, raw, &err) != MSE_OK) {
        put(o, "unreadable", json_string(err.text));
        return o;
    }
    put(o, "module_id", json_stringn((const char *)d.module_id.data, d.module_id.len));
    put(o, "timestamp", when((mse_time)(d.timestamp_ms / 1000)));
    put(o, "timestamp_ms", json_integer((json_int_t)d.timestamp_ms));
    if (mse_nitro_fingerprint(fingerprint, &d) == MSE_OK) {
        put(o, "fingerprint", hex(fingerprint, 32));
    }
    for (unsigned i = 0; i < MSE_NITRO_MAX_PCRS; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "pcr%u", i);
        if (d.pcrs[i].len > 0) {
            put(o, name, hex(d.pcrs[i].data, d.pcrs[i].len));
        }
    }
    put(o, "public_key", optional_hex(d.has_public_key, d.public_key));
    put(o, "user_data", optional_hex(d.has_user_data, d.user_data));
    put(o, "nonce", optional_hex(d.has_nonce, d.nonce));
    put(o, "certificates", number(d.num_cabundle + 1));
    return o;
}

static json_t *show_pck(const struct mse_pck_ext *e)
{
    json_t *o = json_object();
    put(o, "fmspc", hex(e->fmspc, 6));
    put(o, "pce_id", hex(e->pce_id, 2));
    put(o, "ppid", hex(e->ppid, 16));
    put(o, "tcb_components", hex(e->comp_svn, 16));
    put(o, "pce_svn", number(e->pce_svn));
    put(o, "cpu_svn", hex(e->cpu_svn, 16));
    if (e->has_platform_instance_id) {
        put(o, "platform_instance_id", hex(e->platform_instance_id, 16));
    }
    return o;
}

static const char *role_text(enum mse_ratls_role role)
{
    const char *name = mse_ratls_role_name(role);
    return name != NULL ? name : "absent";
}

/* What a certificate carries, by its kind. */
static void show_carried(json_t *o, const struct mse_ratls_cert *c)
{
    uint8_t *room = malloc(MSE_NITRO_DOC_MAX_LEN);
    struct mse_bytes document = c->quote;
    size_t len = c->quote.len / 2;
    if (c->form == MSE_RATLS_NITRO && room != NULL && len <= MSE_NITRO_DOC_MAX_LEN &&
        mse_hex_decode(room, len, c->quote)) {
        document = mse_bytes_of(room, len);
    }
    if (c->tee == MSE_TEE_NITRO) {
        put(o, "document", show_nitro(document));
    } else if (c->tee == MSE_TEE_SNP) {
        put(o, "report", show_snp_report(c->quote));
    } else {
        put(o, "quote", show_quote(c->quote, 0));
    }
    free(room);
}

static json_t *show_claims(const struct mse_ratls_claims *c)
{
    json_t *k = json_object();
    put(k, "role", json_string(role_text(c->role)));
    put(k, "pubkey_hash", hex_of(c->pubkey_hash));
    put(k, "manifest", hex_of(c->manifest));
    if (c->app_data.len > 0) {
        put(k, "app_data", hex_of(c->app_data));
    } else {
        put(k, "x25519", hex_of(c->x25519));
        put(k, "key_origin", json_string(mse_ratls_key_origin_name(c->key_origin)));
    }
    if (c->ca_hash.len > 0) {
        put(k, "ca_hash", hex_of(c->ca_hash));
    }
    return k;
}

/* What an app, or a client of a session, was given. */
static json_t *show_loose_evidence(struct mse_bytes evidence)
{
    struct mse_ratls_cert r;
    json_t *o = json_object();
    if (mse_ratls_read_loose_evidence(&r, evidence, NULL) == MSE_OK) { /* was read before */
        put(o, "claims", show_claims(&r.claims));
        show_carried(o, &r);
    }
    return o;
}

/* What every certificate says; false if it cannot be read. */
static bool show_names(json_t *o, struct mse_bytes der)
{
    struct mse_cert cert;
    struct mse_error err = { 0 };
    uint8_t sum[32];
    if (mse_cert_parse(&cert, der, &err) != MSE_OK) {
        put(o, "unreadable", json_string(err.text));
        return false;
    }
    put(o, "subject", text_of(mse_name_common_name(cert.subject)));
    put(o, "issuer", text_of(mse_name_common_name(cert.issuer)));
    put(o, "serial", hex_of(cert.serial));
    put(o, "not_before", when(cert.not_before));
    put(o, "not_after", when(cert.not_after));
    if (mse_sha256(sum, der) == MSE_OK) {
        put(o, "sha256", hex(sum, 32));
    }
    if (mse_sha256(sum, cert.key.spki) == MSE_OK) {
        put(o, "public_key_sha256", hex(sum, 32));
    }
    return true;
}

/* The CA that came along, and whether it is the one that it should be. */
static void show_ca(json_t *o, const struct mse_ratls_cert *c)
{
    struct mse_error err = { 0 };
    put(o, "ca_check",
        json_string(mse_ratls_check_ca(c, &err) == MSE_OK ? "made for this certificate alone"
                                                          : err.text));
    if (c->ca.len > 0) {
        json_t *ca = json_object();
        (void)show_names(ca, c->ca);
        put(o, "ca", ca);
    }
}

static void show_evidence(json_t *o, struct mse_bytes der)
{
    struct mse_ratls_cert r;
    struct mse_error err = { 0 };
    mse_status st = mse_ratls_read(&r, der, &err);
    if (st != MSE_OK) {
        put(o, "evidence", json_string(st == MSE_ERR_NO_EVIDENCE ? "none" : err.text));
        return;
    }
    put(o, "evidence", json_string(mse_ratls_form_name(r.form)));
    if (r.claims_raw.len > 0) {
        put(o, "claims", show_claims(&r.claims));
    }
    if (r.claims.ca_hash.len > 0) {
        show_ca(o, &r);
    }
    show_carried(o, &r);
}

static json_t *show_cert(struct mse_bytes der)
{
    struct mse_pck_info pck;
    struct mse_bytes leaf = der;
    struct mse_bytes ca;
    json_t *o = json_object();
    (void)!mse_ratls_split(&leaf, &ca, der);
    if (!show_names(o, leaf)) {
        return o;
    }
    if (mse_pck_info_parse(&pck, leaf, NULL) == MSE_OK) {
        put(o, "pck", show_pck(&pck.ext));
    } else {
        show_evidence(o, der);
    }
    return o;
}

static json_t *show_crl(struct mse_bytes der)
{
    struct mse_crl_info crl;
    struct mse_error err = { 0 };
    struct mse_bytes serial;
    json_t *o = json_object();
    if (mse_crl_info_parse(&crl, der, &err) != MSE_OK) {
        put(o, "unreadable", json_string(err.text));
        return o;
    }
    put(o, "issuer", text_of(crl.issuer_cn));
    put(o, "this_update", when(crl.this_update));
    put(o, "next_update", when(crl.next_update));
    json_t *serials = json_array();
    struct mse_bytes it = crl.revoked;
    while (mse_crl_info_next(&it, &serial)) {
        (void)json_array_append_new(serials, hex_of(serial));
    }
    put(o, "revoked", serials);
    return o;
}

static json_t *advisories(const struct mse_bytes *list, size_t num)
{
    json_t *a = json_array();
    for (size_t i = 0; i < num; i++) {
        (void)json_array_append_new(a, text_of(list[i]));
    }
    return a;
}

static json_t *show_tcb_info(struct mse_bytes body)
{
    struct mse_tcb_info *t = calloc(1, sizeof *t);
    struct mse_error err = { 0 };
    json_t *o = json_object();
    if (t == NULL || mse_tcb_info_parse(t, body, &err) != MSE_OK) {
        put(o, "unreadable", json_string(err.text));
        free(t);
        return o;
    }
    put(o, "tee", json_string(t->tee == MSE_TEE_TDX ? "tdx" : "sgx"));
    put(o, "version", number(t->version));
    put(o, "issue_date", when(t->issue_date));
    put(o, "next_update", when(t->next_update));
    put(o, "fmspc", hex(t->fmspc, 6));
    put(o, "pce_id", hex(t->pce_id, 2));
    put(o, "evaluation_number", number(t->tcb_evaluation_number));
    json_t *levels = json_array();
    for (size_t i = 0; i < t->num_levels; i++) {
        const struct mse_tcb_level *l = &t->levels[i];
        json_t *row = json_object();
        put(row, "components", hex(l->sgx_comp_svn, 16));
        if (l->has_tdx_comp) {
            put(row, "tdx_components", hex(l->tdx_comp_svn, 16));
        }
        put(row, "pce_svn", number(l->pce_svn));
        put(row, "date", when(l->tcb_date));
        put(row, "status", json_string(mse_tcb_status_name(l->status)));
        put(row, "advisories", advisories(l->advisories, l->num_advisories));
        (void)json_array_append_new(levels, row);
    }
    put(o, "levels", levels);
    free(t);
    return o;
}

static json_t *show_qe_identity(struct mse_bytes body)
{
    struct mse_qe_identity *q = calloc(1, sizeof *q);
    struct mse_error err = { 0 };
    json_t *o = json_object();
    if (q == NULL || mse_qe_identity_parse(q, body, &err) != MSE_OK) {
        put(o, "unreadable", json_string(err.text));
        free(q);
        return o;
    }
    put(o, "issue_date", when(q->issue_date));
    put(o, "next_update", when(q->next_update));
    put(o, "evaluation_number", number(q->tcb_evaluation_number));
    put(o, "mrsigner", hex(q->mr_signer, 32));
    put(o, "isv_prod_id", number(q->isv_prod_id));
    json_t *levels = json_array();
    for (size_t i = 0; i < q->num_levels; i++) {
        const struct mse_identity_level *l = &q->levels[i];
        json_t *row = json_object();
        put(row, "isv_svn", number(l->isv_svn));
        put(row, "date", when(l->tcb_date));
        put(row, "status", json_string(mse_tcb_status_name(l->status)));
        put(row, "advisories", advisories(l->advisories, l->num_advisories));
        (void)json_array_append_new(levels, row);
    }
    put(o, "levels", levels);
    free(q);
    return o;
}

/* The signed body out of a response, or the body itself. */
static struct mse_bytes body_of(struct mse_bytes in, const char *member)
{
    struct mse_bytes body;
    uint8_t sig[64];
    return mse_signed_json_split(&body, sig, in, member, NULL) == MSE_OK ? body : in;
}

static json_t *show_sigstruct(struct mse_bytes in)
{
    struct mse_sigstruct s;
    struct mse_error err = { 0 };
    uint8_t mr[32];
    json_t *o = json_object();
    if (mse_sigstruct_parse(&s, in, &err) != MSE_OK) {
        put(o, "unreadable", json_string(err.text));
        return o;
    }
    mse_status st = mse_sigstruct_verify(&s, &err);
    put(o, "mrenclave", hex(s.enclave_hash, 32));
    if (mse_sigstruct_mrsigner(mr, &s) == MSE_OK) {
        put(o, "mrsigner", hex(mr, 32));
    }
    char date[16];
    (void)snprintf(date, sizeof date, "%08x", s.date);
    put(o, "date", json_string(date));
    put(o, "isv_prod_id", number(s.isv_prod_id));
    put(o, "isv_svn", number(s.isv_svn));
    put(o, "attributes", flags_words(s.attr_flags));
    put(o, "signature", json_string(st == MSE_OK ? "good" : mse_status_text(st)));
    return o;
}

static json_t *show_bundle(const struct cli_target *t)
{
    const struct mse_bundle *b = &t->bundle;
    uint8_t mr[32];
    json_t *o = json_object();
    put(o, "form", json_string(b->form == MSE_BUNDLE_OLDER ? "older" : "mse"));
    if (b->has_collected_at) {
        put(o, "collected_at", when(b->collected_at));
    }
    if (t->der.len > 0) {
        put(o, "certificate", show_cert(t->der));
    }
    if (b->quote.len > 0) {
        put(o, "quote", show_quote(b->quote, 0));
    }
    if (b->manifest.len > 0) {
        put(o, "manifest", json_loadb((const char *)b->manifest.data, b->manifest.len, 0, NULL));
    }
    if (b->signer_pk.len > 0 && mse_mrsigner_of_public_key(mr, b->signer_pk, NULL) == MSE_OK) {
        put(o, "signer_claimed_by_sender", hex(mr, 32));
    }
    if (b->collateral.tcb_info.len > 0) {
        put(o, "tcb_info", show_tcb_info(b->collateral.tcb_info));
    }
    if (b->collateral.qe_identity.len > 0) {
        put(o, "qe_identity", show_qe_identity(b->collateral.qe_identity));
    }
    if (b->collateral.pck_crl.len > 0) {
        put(o, "pck_crl", show_crl(b->collateral.pck_crl));
    }
    if (b->collateral.root_ca_crl.len > 0) {
        put(o, "root_ca_crl", show_crl(b->collateral.root_ca_crl));
    }
    return o;
}

static json_t *show_manifest(struct mse_bytes json)
{
    struct mse_manifest m = { 0 };
    struct mse_error err = { 0 };
    uint8_t sum[32];
    json_t *o = json_loadb((const char *)json.data, json.len, 0, NULL);
    mse_status st = mse_manifest_parse(&m, json, &err);
    put(o, "valid", json_string(st == MSE_OK ? "yes" : err.text));
    if (mse_sha256(sum, json) == MSE_OK) {
        put(o, "sha256", hex(sum, 32));
    }
    mse_manifest_clear(&m);
    return o;
}

static json_t *show_context(const char *path)
{
    struct cli_app a = { 0 };
    struct mse_error err = { 0 };
    json_t *o = json_object();
    if (cli_app_load(&a, path, &err) != MSE_OK) {
        put(o, "unreadable", json_string(err.text));
        return o;
    }
    put(o, "id", json_string(a.context.id));
    put(o, "domain_name", json_string(a.context.domain_name));
    put(o, "created_at", when(a.context.created_at));
    put(o, "layout", json_string(a.context.layout));
    put(o, "runtime", hex(a.context.runtime_digest, 32));
    put(o, "runtime_version", json_string(a.context.runtime_version));
    if (!mse_mem_is_zero(a.context.loader_digest, 32)) {
        put(o, "loader", hex(a.context.loader_digest, 32));
    }
    put(o, "code_salt", hex(a.context.code_salt, 32));
    put(o, "signer_claimed_by_owner",
        a.context.signer == NULL ? NULL : json_string(a.context.signer));
    put(o, "manifest", show_manifest(mse_bytes_str(a.context.manifest)));
    cli_app_clear(&a);
    return o;
}

static json_t *decode(const struct cli_target *t, const char **kind)
{
    struct mse_bytes in = cli_file_view(&t->file);
    switch (t->kind) {
    case CLI_TARGET_CERTIFICATE:
        *kind = "certificate";
        return show_cert(t->der);
    case CLI_TARGET_QUOTE:
        *kind = mse_quote_is_tdx(t->quote) ? "tdx_quote" : "sgx_quote";
        return show_quote(t->quote, t->padding);
    case CLI_TARGET_SNP_REPORT:
        *kind = "snp_report";
        return show_snp_report(t->quote);
    case CLI_TARGET_HCL:
        *kind = "hcl_report";
        return show_hcl(t->quote);
    case CLI_TARGET_NITRO:
        *kind = "nitro_document";
        return show_nitro(t->quote);
    case CLI_TARGET_EVIDENCE:
        *kind = "evidence";
        return show_loose_evidence(in);
    case CLI_TARGET_BUNDLE:
        *kind = "bundle";
        return show_bundle(t);
    case CLI_TARGET_SIGSTRUCT:
        *kind = "sigstruct";
        return show_sigstruct(in);
    case CLI_TARGET_CRL:
        *kind = "crl";
        return show_crl(t->der);
    case CLI_TARGET_TCB_INFO:
        *kind = "tcb_info";
        return show_tcb_info(body_of(in, "tcbInfo"));
    case CLI_TARGET_QE_IDENTITY:
        *kind = "qe_identity";
        return show_qe_identity(body_of(in, "enclaveIdentity"));
    case CLI_TARGET_MANIFEST:
        *kind = "manifest";
        return show_manifest(in);
    case CLI_TARGET_CONTEXT:
        *kind = "context";
        return show_context(t->name);
    case CLI_TARGET_EAR:
        *kind = "attestation_result";
        return cli_ear_show(in);
    case CLI_TARGET_UNKNOWN:
        break;
    }
    *kind = "unknown";
    return json_object();
}

static enum cli_exit print(const struct cli *c, const char *kind, json_t *members)
{
    json_t *v = json_object();
    put(v, "kind", json_string(kind)); /* first: it says how to read the rest */
    (void)json_object_update(v, members);
    json_decref(members);
    bool bad = json_object_get(v, "unreadable") != NULL;
    if (c->json) {
        cli_json(c, v);
    } else {
        cli_print_tree(v, 0);
        json_decref(v);
        cli_say(c, "(decoded only: nothing here was verified; mse verify does that)");
    }
    return bad ? CLI_TROUBLE : CLI_DONE;
}

enum cli_exit cmd_show(struct cli *c)
{
    struct cli_target t;
    struct mse_error err = { 0 };
    const char *kind = NULL;
    json_t *file = cli_show_file(&kind, c->args[0]); /* however large it is */
    if (file != NULL) {
        return print(c, kind, file);
    }
    mse_status st = cli_target_open(&t, c, c->args[0], &err);
    if (st != MSE_OK) {
        cli_target_close(&t);
        return cli_target_failed(c, c->args[0], st, &err);
    }
    json_t *members = decode(&t, &kind);
    enum cli_exit e = print(c, kind, members);
    cli_target_close(&t);
    return e;
}
