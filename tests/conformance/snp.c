/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds that carry a SEV-SNP report: the report alone, and in an RA-TLS certificate. */
#include <mse/ratls.h>

#include "conformance.h"

/* ASK or ASVK and ARK in one buffer, heap: what is DER comes first, as the library reads it. */
static struct mse_bytes join_issuers(struct conf_case *c)
{
    bool vlek = conf_has_role(c, "asvk");
    struct mse_bytes parts[] = { conf_file(c, vlek ? "asvk" : "ask"), conf_file(c, "ark") };
    uint8_t *out = malloc(parts[0].len + parts[1].len + 1);
    struct mse_bytes none = { NULL, 0 };
    size_t len = 0;
    if (!conf_is_der(parts[0]) && conf_is_der(parts[1])) {
        struct mse_bytes first = parts[1];
        parts[1] = parts[0];
        parts[0] = first;
    }
    for (size_t i = 0; out != NULL && i < 2; i++) {
        for (size_t k = 0; k < parts[i].len; k++) {
            out[len++] = parts[i].data[k];
        }
    }
    struct mse_bytes all = { out, len };
    return out != NULL ? all : none;
}

struct mse_collateral conf_snp_collateral(struct conf_case *c)
{
    struct mse_collateral col = {
        .vcek = conf_file(c, conf_has_role(c, "vlek") ? "vlek" : "vcek"),
        .vcek_issuer_chain = join_issuers(c),
        .vcek_crl = conf_file(c, "amd_crl"),
    };
    return col;
}

static void want_number_text(const struct conf_case *c, struct conf_outcome *o, const char *member,
                             uint64_t v)
{
    char text[32];
    (void)snprintf(text, sizeof text, "0x%llx", (unsigned long long)v);
    conf_want_text(c, o, member, text);
}

static void want_firmware(const struct conf_case *c, struct conf_outcome *o, const char *member,
                          const uint8_t v[3])
{
    char text[16];
    (void)snprintf(text, sizeof text, "%u.%u.%u", v[0], v[1], v[2]);
    conf_want_text(c, o, member, text);
}

static void want_part(const struct conf_case *c, struct conf_outcome *o, const char *member,
                      unsigned got)
{
    const json_t *v = json_object_get(json_object_get(c->expected, "reported_tcb_parts"), member);
    if (json_is_integer(v) && json_integer_value(v) != (json_int_t)got) {
        conf_differ(o, member, "the part of the case", "another");
    }
}

static void want_platform(const struct conf_case *c, struct conf_outcome *o,
                          const struct mse_verdict *v)
{
    const struct mse_snp_report *r = &v->snp;
    struct mse_snp_tcb tcb = mse_snp_tcb_of(r->reported_tcb, v->snp_product);
    conf_want_text(c, o, "product", mse_snp_product_name(v->snp_product));
    conf_want_text(c, o, "signing_key", r->signing_key == MSE_SNP_KEY_VLEK ? "vlek" : "vcek");
    conf_want_hex(c, o, "chip_id", r->chip_id, sizeof r->chip_id);
    conf_want_hex(c, o, "reported_tcb", r->reported_tcb, 8);
    conf_want_hex(c, o, "current_tcb", r->current_tcb, 8);
    conf_want_hex(c, o, "committed_tcb", r->committed_tcb, 8);
    conf_want_hex(c, o, "launch_tcb", r->launch_tcb, 8);
    want_part(c, o, "fmc", tcb.fmc);
    want_part(c, o, "bl", tcb.bl);
    want_part(c, o, "tee", tcb.tee);
    want_part(c, o, "snp", tcb.snp);
    want_part(c, o, "ucode", tcb.ucode);
    want_number_text(c, o, "platform_info", r->platform_info);
    want_firmware(c, o, "firmware_current", r->current_version);
    want_firmware(c, o, "firmware_committed", r->committed_version);
    if (r->has_cpuid) {
        char text[16];
        (void)snprintf(text, sizeof text, "%02x/%02x/%02x", r->cpuid_family, r->cpuid_model,
                       r->cpuid_stepping);
        conf_want_text(c, o, "cpuid_fam_mod_step", text);
    }
}

void conf_want_snp(const struct conf_case *c, struct conf_outcome *o, const struct mse_verdict *v)
{
    const struct mse_snp_report *r = &v->snp;
    if (!v->signatures_ok) {
        conf_differ(o, "signatures_ok", "true", "false");
    }
    conf_want_text(c, o, "tee", v->tee == MSE_TEE_SNP ? "sev-snp" : "another");
    conf_want_number(c, o, "report_version", v->quote_version);
    conf_want_number(c, o, "vmpl", r->vmpl);
    conf_want_number(c, o, "guest_svn", r->guest_svn);
    want_number_text(c, o, "policy", r->policy);
    conf_want_bool(c, o, "debug", v->debug);
    conf_want_bool(c, o, "migrate_ma", (r->policy & MSE_SNP_POLICY_MIGRATE_MA) != 0);
    conf_want_hex(c, o, "measurement", r->measurement, sizeof r->measurement);
    conf_want_hex(c, o, "report_data", r->report_data, sizeof r->report_data);
    conf_want_hex(c, o, "host_data", r->host_data, sizeof r->host_data);
    conf_want_hex(c, o, "family_id", r->family_id, sizeof r->family_id);
    conf_want_hex(c, o, "image_id", r->image_id, sizeof r->image_id);
    conf_want_hex(c, o, "id_key_digest", r->id_key_digest, sizeof r->id_key_digest);
    conf_want_hex(c, o, "author_key_digest", r->author_key_digest, sizeof r->author_key_digest);
    want_platform(c, o, v);
    if (v->simulated != c->own_root) {
        conf_differ(o, "simulated", c->own_root ? "true" : "false",
                    v->simulated ? "true" : "false");
    }
}

/* The policy that a case states by its reason: the value that is pinned is not in the case, only
 * that it is another one than the report's. False for a reason that is no policy's. */
static bool state_policy(struct mse_policy *p, const char *reason, const struct mse_verdict *v)
{
    struct mse_snp_tcb tcb = mse_snp_tcb_of(v->snp.reported_tcb, v->snp_product);
    struct mse_reference *r = &p->references[0];
    bool pin = true;
    if (strcmp(reason, "MEASUREMENT_MISMATCH") == 0) {
        r->has_measurement = true;
        r->measurement[0] = (uint8_t)~v->snp.measurement[0];
    } else if (strcmp(reason, "HOST_DATA_MISMATCH") == 0) {
        r->has_host_data = true;
        r->host_data[0] = (uint8_t)~v->snp.host_data[0];
    } else if (strcmp(reason, "ID_KEY_DIGEST_MISMATCH") == 0) {
        r->has_id_key_digest = true;
        r->id_key_digest[0] = (uint8_t)~v->snp.id_key_digest[0];
    } else if (strcmp(reason, "AUTHOR_KEY_DIGEST_MISMATCH") == 0) {
        r->has_author_key_digest = true;
        r->author_key_digest[0] = (uint8_t)~v->snp.author_key_digest[0];
    } else {
        pin = false;
    }
    p->num_references = pin ? 1 : 0;
    if (strcmp(reason, "TCB_OUT_OF_DATE") == 0) {
        p->min_snp_tcb.bl = (uint8_t)(tcb.bl + 1);
        p->min_snp_tcb.ucode = (uint8_t)(tcb.ucode + 1);
        return true;
    }
    if (strcmp(reason, "GUEST_POLICY_RESERVED_BIT_SET") == 0) {
        p->insecure_any_attributes = false;
        return true;
    }
    if (strcmp(reason, "GUEST_POLICY_MIGRATE_MA_SET") == 0) {
        p->allow_migration = false;
        return true;
    }
    return pin;
}

/* A case that only a policy refuses: genuine under the permissive one, refused for its reason under
 * the stated one. */
static void judge_stated_policy(struct conf_case *c, struct conf_outcome *o,
                                const struct mse_collateral *col, struct mse_policy *policy,
                                struct mse_verdict *v)
{
    const char *reason = conf_expected_text(c, "reason");
    if (reason == NULL || !state_policy(policy, reason, v)) {
        conf_differ(o, "reason", "one that a policy can state", reason != NULL ? reason : "none");
        return;
    }
    (void)!conf_appraise(mse_appraise_snp, v, conf_file(c, "report"), col, policy, c->at);
    bool found = false;
    for (size_t i = 0; i < v->num_checks; i++) {
        found = found || (v->checks[i].status != MSE_OK &&
                          conf_is_reason(reason, mse_status_name(v->checks[i].status)));
    }
    if (!found || v->accepted) {
        conf_differ(o, "refusal under the stated policy", reason, mse_status_name(v->status));
    }
}

void conf_run_snp_report(struct conf_case *c, struct conf_outcome *o)
{
    static struct mse_verdict v;
    struct mse_policy policy;
    conf_policy(c, &policy);
    struct mse_collateral col = conf_snp_collateral(c);
    (void)!conf_appraise(mse_appraise_snp, &v, conf_file(c, "report"), &col, &policy, c->at);
    conf_judge_verdict(c, &v, o);
    bool by_policy = strcmp(c->verdict, "reject_by_policy") == 0;
    if (by_policy || strcmp(c->verdict, "ok") == 0) {
        conf_want_snp(c, o, &v);
    }
    if (by_policy) {
        judge_stated_policy(c, o, &col, &policy, &v);
    }
    conf_free(&col.vcek_issuer_chain);
}
