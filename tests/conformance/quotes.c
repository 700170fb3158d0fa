/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds that carry a quote of SGX or TDX: the quote alone, an RA-TLS certificate, an older evidence
 * bundle. */
#include <mse/ratls.h>

#include "conformance.h"

static bool starts_with(const char *s, const char *start)
{
    return s != NULL && strncmp(s, start, strlen(start)) == 0;
}

static bool is_accepting(const struct conf_case *c)
{
    return strcmp(c->verdict, "ok") == 0 || strcmp(c->verdict, "reject_by_policy") == 0;
}

void conf_run_sgx_quote(struct conf_case *c, struct conf_outcome *o)
{
    struct mse_policy policy;
    conf_policy(c, &policy);
    struct mse_collateral col = conf_collateral(c);
    static struct mse_verdict v;
    (void)!conf_appraise(mse_appraise_sgx, &v, conf_file(c, "quote"), &col, &policy, c->at);
    conf_judge_verdict(c, &v, o);
    if (is_accepting(c)) {
        conf_want_dcap(c, o, &v);
    }
}

/* The policy that a case states ("expected.policy") over the permissive one; the status with which
 * it must refuse. */

static mse_status add_statuses(const json_t *list, struct mse_policy *p)
{
    size_t i;
    const json_t *item;
    p->accepted_tcb_statuses = 0;
    json_array_foreach(list, i, item)
    {
        enum mse_tcb_status s = MSE_TCB_NONE;
        const char *word = json_is_string(item) ? json_string_value(item) : "";
        word = strcmp(word, "OK") == 0 ? "UpToDate" : word;
        struct mse_bytes text = { (const uint8_t *)word, strlen(word) };
        if (mse_tcb_status_parse(&s, text)) {
            p->accepted_tcb_statuses |= MSE_TCB_BIT(s);
        }
    }
    return MSE_ERR_TCB_STATUS;
}

/* The members of a stated policy that pin a value, the library's key for it and its refusal. */
static const struct pin {
    const char *member;
    const char *key;
    mse_status status;
} pins[] = {
    { "expected_mrtd_hex", "mr_td", MSE_ERR_MRTD_MISMATCH },
    { "expected_mr_td_hex", "mr_td", MSE_ERR_MRTD_MISMATCH },
    { "expected_rtmr0_hex", "rtmr0", MSE_ERR_RTMR_MISMATCH },
    { "expected_rtmr1_hex", "rtmr1", MSE_ERR_RTMR_MISMATCH },
    { "expected_rtmr2_hex", "rtmr2", MSE_ERR_RTMR_MISMATCH },
    { "expected_rtmr3_hex", "rtmr3", MSE_ERR_RTMR_MISMATCH },
    { "expected_mr_config_id_hex", "mr_config_id", MSE_ERR_CONFIG_ID_MISMATCH },
    { "expected_mr_owner_hex", "mr_owner", MSE_ERR_MROWNER_MISMATCH },
    { "expected_mr_owner_config_hex", "mr_owner_config", MSE_ERR_MROWNER_MISMATCH },
    { "expected_report_data_hex", "report_data", MSE_ERR_REPORT_DATA_MISMATCH },
    { "expected_td_attributes_hex", "td_attributes", MSE_ERR_TDATTRIBUTES_MISMATCH },
    { "expected_xfam_hex", "xfam", MSE_ERR_XFAM_MISMATCH },
};

/* A set of reference values in the library's own form, read by its own reader. MSE_OK: no member
 * that pins a value, or none that it takes. */
static mse_status add_reference(const char *member, const json_t *value, struct mse_policy *p)
{
    static struct mse_policy read;
    const struct pin *pin = NULL;
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        pin = strcmp(member, pins[i].member) == 0 ? &pins[i] : pin;
    }
    char text[CONF_TEXT_LEN];
    int n = snprintf(text, sizeof text, "{\"references\":[{\"%s\":\"%s\"}]}",
                     pin != NULL ? pin->key : "",
                     json_is_string(value) ? json_string_value(value) : "");
    struct mse_bytes json = { (const uint8_t *)text, n > 0 ? (size_t)n : 0 };
    if (pin == NULL || mse_policy_parse_json(&read, json, NULL) != MSE_OK) {
        return MSE_OK;
    }
    p->references[0] = read.references[0];
    p->num_references = 1;
    return pin->status;
}

/* MSE_OK: nothing in it that is known here. */
static mse_status stated_policy(const struct conf_case *c, struct mse_policy *p)
{
    json_t *stated = json_object_get(c->expected, "policy");
    const char *reason = conf_expected_text(c, "reason");
    mse_status st = MSE_OK;
    const char *key;
    json_t *value;
    json_object_foreach(stated, key, value)
    {
        if (strcmp(key, "accepted_tcb_statuses") == 0 || strcmp(key, "accepted_qv_results") == 0) {
            st = add_statuses(value, p);
        } else if (strcmp(key, "min_tcb_evaluation_data_number") == 0) {
            p->min_tcb_evaluation_number = (uint32_t)json_integer_value(value);
            st = MSE_ERR_TCB_EVALUATION_NUMBER;
        } else if (strcmp(key, "enforce_spec_defaults") == 0) {
            p->allow_debug = false;
            p->insecure_any_attributes = false;
            st = reason != NULL && strstr(reason, "DEBUG") != NULL ? MSE_ERR_DEBUG
                                                                   : MSE_ERR_ATTRIBUTES;
        } else if (strncmp(key, "expected_", 9) == 0) {
            st = add_reference(key, value, p);
        }
    }
    return st;
}

/* Some files have more behind their quote, and their cases are about the quote: the file as it is
 * must be refused, the quote in it is judged. Read here by hand, so that the library does not vouch
 * for itself: version 4, header 48, body 584, length of the signature data. */
static struct mse_bytes quote_in_file(struct mse_bytes file, struct conf_outcome *o)
{
    const size_t at = 48 + 584;
    static struct mse_verdict v;
    static const struct mse_collateral none;
    static const struct mse_policy nothing;
    if (file.len < at + 4 || file.data[0] != 4) {
        return file;
    }
    size_t len = at + 4;
    for (size_t i = 0; i < 4; i++) {
        len += (size_t)file.data[at + i] << (8 * i);
    }
    if (len >= file.len) {
        return file;
    }
    mse_status st = mse_appraise_quote(&v, file, &none, &nothing, 0, NULL);
    if (st == MSE_OK || mse_verdict_failure(&v)->step != MSE_STEP_FORM) {
        conf_differ(o, "a file with bytes behind its quote", "refused at form",
                    mse_status_name(v.status));
    }
    conf_say(o->got, "the file refused for %zu bytes behind its quote; the quote alone",
             file.len - len);
    struct mse_bytes quote = { file.data, len };
    return quote;
}

void conf_run_tdx_quote(struct conf_case *c, struct conf_outcome *o)
{
    static struct mse_verdict v;
    struct mse_policy policy;
    conf_policy(c, &policy);
    struct mse_collateral col = conf_collateral(c);
    o->result = CONF_PASS;
    struct mse_bytes quote = quote_in_file(conf_file(c, "quote"), o);
    bool whole = o->result == CONF_PASS;
    (void)!conf_appraise(mse_appraise_quote, &v, quote, &col, &policy, c->at);
    bool by_policy = strcmp(c->verdict, "reject_by_policy") == 0;
    /* A case made of evidence that is refused in any case says nothing of it without its policy. */
    if (!by_policy || conf_expected_text(c, "verdict_without_policy") != NULL) {
        conf_judge_verdict(c, &v, o);
    }
    if (is_accepting(c)) {
        conf_want_dcap(c, o, &v);
    }
    if (by_policy) {
        mse_status wanted = stated_policy(c, &policy);
        (void)!conf_appraise(mse_appraise_quote, &v, quote, &col, &policy, c->at);
        conf_judge_policy(c, &v, wanted, o);
    }
    o->result = whole ? o->result : CONF_FAIL;
}

/* The vectors' words for what the key hash covers. */
static const char *binding_word(enum mse_ratls_binding b)
{
    switch (b) {
    case MSE_BINDING_SPKI:
        return "sha256(spki)";
    case MSE_BINDING_POINT:
        return "sha256(point)";
    case MSE_BINDING_PKCS1:
        return "sha256(pkcs1)";
    case MSE_BINDING_PEM_NUL:
        return "sha256(pem+nul)";
    case MSE_BINDING_SPKI_PLAIN:
    case MSE_BINDING_CLAIMS:
        return "claims: pubkey-hash alg ";
    case MSE_BINDING_NONE:
        break;
    }
    return "none";
}

/* One key hash can match several descriptions: any one of the list will do. */
static void want_binding(const struct conf_case *c, struct conf_outcome *o,
                         enum mse_ratls_binding b)
{
    const json_t *list = json_object_get(c->expected, "binding_matched");
    const char *word = binding_word(b);
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        if (starts_with(json_string_value(item), word)) {
            return;
        }
    }
    if (json_array_size(list) > 0) {
        conf_differ(o, "binding_matched", json_string_value(json_array_get(list, 0)), word);
    }
}

/* The OID is the first word of the member, where it is a plain one. */
static void want_form(const struct conf_case *c, struct conf_outcome *o, enum mse_ratls_form f)
{
    const char *oid = conf_expected_text(c, "evidence_oid");
    if (oid == NULL) {
        return;
    }
    bool good = true;
    if (starts_with(oid, "2.23.133.5.4.9")) {
        good = f == MSE_RATLS_DICE;
    } else if (starts_with(oid, "1.2.840.113741.1337.6")) {
        good = f == MSE_RATLS_LEGACY;
    } else if (starts_with(oid, "1.2.840.113741.1337.7")) {
        good = f == MSE_RATLS_SNP;
    } else if (starts_with(oid, "1.2.840.113556.10.1.1")) {
        good = f == MSE_RATLS_OPEN_ENCLAVE;
    } else if (starts_with(oid, "06 09 2A 86 48 86 F8 4D 8A 39 06")) {
        good = f == MSE_RATLS_LEGACY_GRAMINE;
    }
    if (!good) {
        conf_differ(o, "evidence_oid", oid, mse_ratls_form_name(f));
    }
}

static void want_certificate(const struct conf_case *c, struct conf_outcome *o,
                             const struct mse_ratls_cert *cert)
{
    uint8_t digest[32];
    conf_sha256(digest, cert->spki.data, cert->spki.len);
    conf_want_hex(c, o, "spki_sha256", digest, sizeof digest);
    conf_want_number(c, o, "certificate_valid_from", cert->not_before);
    conf_want_number(c, o, "certificate_valid_to", cert->not_after);
    want_form(c, o, cert->form);
}

static bool has_older(struct conf_case *c, struct mse_ratls_cert *cert)
{
    return mse_ratls_read_legacy(cert, conf_file(c, "certificate"), NULL) == MSE_OK;
}

/* A case may be about the older extension of a certificate that has tagged evidence as well; where
 * it must be refused it does not say so, and its reason may be that of either. */
static bool is_about_older(struct conf_case *c, struct mse_ratls_cert *cert)
{
    const char *oid = conf_expected_text(c, "evidence_oid");
    return oid != NULL && starts_with(oid, "06 09 2A") && has_older(c, cert);
}

static void judge_older(struct mse_verdict *v, enum mse_ratls_binding *binding,
                        const struct mse_ratls_cert *cert, const struct mse_collateral *col,
                        const struct mse_policy *policy, mse_time at)
{
    (void)!conf_appraise(mse_appraise_sgx, v, cert->quote, col, policy, at);
    (void)!mse_ratls_judge(v, binding, cert, NULL, at, NULL);
}

void conf_run_ratls(struct conf_case *c, struct conf_outcome *o)
{
    struct mse_policy policy;
    conf_policy(c, &policy);
    bool snp = conf_has_role(c, "vcek");
    struct mse_collateral col = snp ? conf_snp_collateral(c) : conf_collateral(c);
    static struct mse_verdict v;
    struct mse_ratls_cert cert = { .form = MSE_RATLS_DICE };
    enum mse_ratls_binding binding = MSE_BINDING_NONE;
    bool older = is_about_older(c, &cert);
    if (older) {
        judge_older(&v, &binding, &cert, &col, &policy, c->at);
    } else {
        (void)!mse_ratls_appraise(&v, &cert, &binding, conf_file(c, "certificate"), NULL, &col,
                                  &policy, c->at, NULL);
    }
    conf_judge_verdict(c, &v, o);
    if (o->result != CONF_PASS && !older && !v.accepted && has_older(c, &cert)) {
        judge_older(&v, &binding, &cert, &col, &policy, c->at);
        conf_judge_verdict(c, &v, o);
    }
    if (is_accepting(c)) {
        if (snp) {
            conf_want_snp(c, o, &v);
        } else if (v.tee == MSE_TEE_NITRO) {
            conf_want_nitro(c, o, &v);
        } else {
            conf_want_dcap(c, o, &v);
        }
        want_certificate(c, o, &cert);
        want_binding(c, o, binding);
    }
    if (snp) {
        conf_free(&col.vcek_issuer_chain);
    }
}

/* The expected signer is the one whose key came with the bundle: what the older clients compare. */
static mse_status add_signer(const struct mse_bundle *b, struct mse_policy *p,
                             struct mse_error *err)
{
    struct mse_reference *r = &p->references[p->num_references++];
    p->insecure_any_app = false;
    r->has_mr_signer = true;
    return mse_mrsigner_of_public_key(r->mr_signer, b->signer_pk, err);
}

static void judge_bundle(struct conf_case *c, struct conf_outcome *o, const struct mse_bundle *b)
{
    struct mse_error err = { .status = MSE_OK };
    struct mse_policy policy;
    conf_policy(c, &policy);
    mse_status st = add_signer(b, &policy, &err);
    if (st != MSE_OK) {
        conf_judge_status(c, st, err.text, o);
        return;
    }
    static struct mse_verdict v;
    struct mse_bytes der = conf_first_certificate(b->certificates);
    (void)!mse_ratls_appraise(&v, NULL, NULL, der, NULL, &b->collateral, &policy, c->at, &err);
    conf_judge_verdict(c, &v, o);
    /* A bundle that fails by its dates alone is compared too. */
    if (is_accepting(c) || conf_expected_text(c, "verdict_ignoring_dates") != NULL) {
        conf_want_dcap(c, o, &v);
        conf_want_hex(c, o, "mrsigner_from_signer_pk", policy.references[0].mr_signer, 32);
    }
    conf_free(&der);
}

void conf_run_older_bundle(struct conf_case *c, struct conf_outcome *o)
{
    struct mse_bytes json = conf_file(c, "evidence");
    struct mse_error err = { .status = MSE_OK };
    struct mse_bundle b;
    uint8_t *scratch = malloc(2 * json.len + 1);
    if (scratch == NULL) {
        conf_say(o->got, "out of memory");
        return;
    }
    mse_status st = mse_bundle_parse(&b, scratch, 2 * json.len, json, &err);
    if (st != MSE_OK) {
        conf_judge_status(c, st, err.text, o);
    } else {
        judge_bundle(c, o, &b);
    }
    free(scratch);
}
