/* SPDX-License-Identifier: Apache-2.0 */
/* Appraisal of a SEV-SNP report, first half: is the report signed by a key that AMD certified for
 * this chip, or for this provider, at the TCB that the report names? What the policy wants of it
 * all is snp_policy.c. */
#include "attest/snp.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/sign.h"
#include "evidence/vcek.h"

#define NUM_CERTS MSE_CHAIN_MAX_CERTS
#define RSA_4096  512 /* bytes of the modulus */

static const char no_chain[] = "the chain of the VCEK could not be read";

/* Step form. */

static bool judge_form(struct mse_snp_appraisal *a, struct mse_bytes report)
{
    static const struct mse_ask ask = { MSE_STEP_FORM, "a SEV-SNP report, version 2 to 5", NULL };
    struct mse_error err = { .status = MSE_OK };
    struct mse_verdict *v = a->v;
    mse_status st = mse_snp_report_parse(&v->snp, report, &err);
    if (st == MSE_OK) {
        st = mse_snp_fingerprint(v->fingerprint, &v->snp);
    }
    mse_note(v, &ask, st, "%s", err.text);
    if (st != MSE_OK) {
        return false;
    }
    v->has_fingerprint = true;
    v->quote_version = (uint16_t)v->snp.version;
    v->debug = (v->snp.policy & MSE_SNP_POLICY_DEBUG) != 0;
    return true;
}

/* Step vcek_chain. */

static bool is_named(const struct mse_cert *c, const struct mse_cert *issuer)
{
    return mse_bytes_equal(c->issuer, issuer->subject);
}

static bool is_rsa_4096(const struct mse_pubkey *key)
{
    struct mse_bytes in = key->raw;
    struct mse_bytes seq = { 0 };
    struct mse_bytes n = { 0 };
    return key->type == MSE_KEY_RSA && mse_der_get(&in, MSE_DER_SEQUENCE, &seq) &&
           mse_der_biguint(&seq, &n) && n.len == RSA_4096;
}

/* AMD's CAs say what their keys are for; where a CA leaves that out nothing is forbidden to it. */
static bool is_ca_profile(const struct mse_cert *c, uint64_t below)
{
    return c->is_ca && (!c->has_path_len || c->path_len >= below) && !c->has_unknown_critical &&
           (!c->has_key_usage || (c->key_usage & MSE_KU_KEY_CERT_SIGN) != 0) &&
           is_rsa_4096(&c->key) && c->sig_alg == MSE_SIG_RSA_PSS_SHA384;
}

static bool is_leaf_profile(const struct mse_cert *c)
{
    return !c->is_ca && !c->has_unknown_critical && c->key.type == MSE_KEY_P384 &&
           c->sig_alg == MSE_SIG_RSA_PSS_SHA384;
}

static void judge_links(struct mse_snp_appraisal *a)
{
    static const struct mse_ask ask = { MSE_STEP_VCEK_CHAIN,
                                        "each certificate named and signed by the next", NULL };
    static const struct mse_ask leaf = { MSE_STEP_VCEK_CHAIN,
                                         "a VCEK or VLEK signed by its ASK or ASVK", NULL };
    const struct mse_cert *c = a->chain->certs;
    bool named = is_named(&c[0], &c[1]) && is_named(&c[1], &c[2]) && is_named(&c[2], &c[2]);
    bool known = a->chain->verified;
    struct mse_curve *curve = a->judge.curve;
    bool good = named && (known || (mse_cert_verify(curve, &c[1], &c[2].key) == MSE_OK &&
                                    mse_cert_verify(curve, &c[2], &c[2].key) == MSE_OK));
    mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_VCEK_CHAIN, "%s",
             named ? "an ASK or ARK with a wrong signature" : "certificates of several chains");
    if (named) {
        good = known || mse_cert_verify(curve, &c[0], &c[1].key) == MSE_OK;
        mse_note(a->v, &leaf, good ? MSE_OK : MSE_ERR_VCEK_SIGNATURE,
                 "a signature that the issuer's key did not make");
    }
}

static void judge_profile(struct mse_snp_appraisal *a)
{
    static const struct mse_ask profile = {
        MSE_STEP_VCEK_CHAIN, "a P-384 leaf below CAs of RSA-4096, all signed RSA-PSS with SHA-384",
        NULL
    };
    const struct mse_cert *c = a->chain->certs;
    bool good = is_leaf_profile(&c[0]) && is_ca_profile(&c[1], 0) && is_ca_profile(&c[2], 1);
    mse_note(a->v, &profile, good ? MSE_OK : MSE_ERR_VCEK_CHAIN,
             "a certificate with another profile");
}

/* The report says which kind of key signed it; the certificate's name must say the same. */
static void judge_kind(struct mse_snp_appraisal *a)
{
    bool vlek = a->v->snp.signing_key == MSE_SNP_KEY_VLEK;
    struct mse_ask ask = { MSE_STEP_VCEK_CHAIN, vlek ? "SEV-VLEK" : "SEV-VCEK", NULL };
    struct mse_bytes cn = mse_name_common_name(a->chain->certs[0].subject);
    mse_note(a->v, &ask, mse_bytes_is_str(cn, ask.wanted) ? MSE_OK : MSE_ERR_VCEK_CHAIN,
             "a certificate of \"%.*s\"", cn.len < 64 ? (int)cn.len : 64, (const char *)cn.data);
}

static void judge_root(struct mse_snp_appraisal *a)
{
    static const struct mse_ask ask = { MSE_STEP_VCEK_CHAIN, "the key of a trusted ARK",
                                        "simulation_root_sha256" };
    const struct mse_cert *ark = &a->chain->certs[NUM_CERTS - 1];
    struct mse_bytes cn = mse_name_common_name(ark->subject);
    a->root = mse_root_of(a->policy, MSE_TEE_SNP, &ark->key);
    a->v->simulated = !a->root.compiled_in;
    mse_note(a->v, &ask, a->root.trusted ? MSE_OK : MSE_ERR_VCEK_ROOT_UNTRUSTED,
             "another key, in a certificate that calls itself \"%.*s\"",
             cn.len < 64 ? (int)cn.len : 64, (const char *)cn.data);
}

static void judge_dates(struct mse_snp_appraisal *a)
{
    static const char *const what[NUM_CERTS] = { "vcek_certificate", "ask_certificate",
                                                 "ark_certificate" };
    for (size_t i = 0; i < NUM_CERTS; i++) {
        struct mse_window w = { .what = what[i],
                                .from = a->chain->certs[i].not_before,
                                .until = a->chain->certs[i].not_after,
                                .early = MSE_ERR_VCEK_NOT_YET_VALID,
                                .late = MSE_ERR_VCEK_EXPIRED };
        mse_note_window(a->v, MSE_STEP_VCEK_CHAIN, &w, a->judge.now);
    }
}

static bool read_chain(struct mse_snp_appraisal *a)
{
    static const struct mse_ask given = { MSE_STEP_VCEK_CHAIN, "the VCEK or VLEK certificate",
                                          NULL };
    static const struct mse_ask shape = { MSE_STEP_VCEK_CHAIN, "VCEK or VLEK, ASK or ASVK, ARK",
                                          NULL };
    const struct mse_collateral *c = a->collateral;
    struct mse_error err = { .status = MSE_OK };
    if (c->vcek.len == 0) {
        mse_note(a->v, &given, MSE_ERR_VCEK_MISSING, "none");
        return false;
    }
    const struct mse_chain *chain = a->prepared != NULL ? a->prepared->vcek_chain : NULL;
    if (chain == NULL) {
        if (mse_chain_read_mixed(&a->room, c->vcek, c->vcek_issuer_chain, &err) != MSE_OK) {
            mse_note(a->v, &shape, MSE_ERR_VCEK_CHAIN, "%s", err.text);
            return false;
        }
        chain = &a->room;
    }
    bool good = chain->num == NUM_CERTS;
    mse_note(a->v, &shape, good ? MSE_OK : MSE_ERR_VCEK_CHAIN, "%zu certificates", chain->num);
    a->chain = good ? chain : NULL;
    return good;
}

static void judge_chain(struct mse_snp_appraisal *a)
{
    if (!read_chain(a)) {
        return;
    }
    judge_links(a);
    judge_profile(a);
    judge_kind(a);
    judge_root(a);
    judge_dates(a);
}

/* Step vcek_crl: the ARK revokes ASKs and ASVKs; AMD does not revoke single VCEKs. */

static const struct mse_crl_words crl_words = {
    .step = MSE_STEP_VCEK_CRL,
    .what = "vcek_crl",
    .missing = MSE_ERR_VCEK_CRL_MISSING,
    .malformed = MSE_ERR_VCEK_CRL_MALFORMED,
    .issuer_mismatch = MSE_ERR_VCEK_CRL_ISSUER_MISMATCH,
    .signature = MSE_ERR_VCEK_CRL_SIGNATURE,
    .early = MSE_ERR_VCEK_CRL_NOT_YET_VALID,
    .late = MSE_ERR_VCEK_CRL_EXPIRED,
};

static void judge_crl(struct mse_snp_appraisal *a)
{
    static const struct mse_ask ask = { MSE_STEP_VCEK_CRL, "an ASK or ASVK that is not revoked",
                                        NULL };
    const struct mse_crl_source crl = { a->collateral->vcek_crl,
                                        a->prepared != NULL ? a->prepared->vcek_crl : NULL };
    bool chain = a->chain != NULL;
    a->has_crl =
        mse_judge_crl(&a->judge, &a->crl, &crl, &crl_words, chain ? &a->chain->certs[2] : NULL);
    mse_judge_revoked(&a->judge, a->has_crl ? &a->crl : NULL, chain ? &a->chain->certs[1] : NULL,
                      &ask, MSE_ERR_VCEK_ISSUER_REVOKED);
}

/* Step report_signature. */

/* A number of 72 bytes, little-endian, into 48, big-endian. */
static bool turn_number(uint8_t out[48], struct mse_bytes le)
{
    if (le.len != 72 || !mse_mem_is_zero(le.data + 48, 24)) {
        return false;
    }
    for (size_t i = 0; i < 48; i++) {
        out[i] = le.data[47 - i];
    }
    return true;
}

static bool is_signed_by(const struct mse_snp_appraisal *a, const struct mse_pubkey *key,
                         const uint8_t rs[96])
{
    struct mse_bytes report = a->v->snp.signed_part;
    if (a->prepared != NULL && a->prepared->vcek_key != NULL) {
        return mse_ec_key_verify(a->prepared->vcek_key, mse_bytes_of(rs, 96), report) == MSE_OK;
    }
    return mse_p384_verify(a->judge.curve, key->raw.data + 1, rs, report) == MSE_OK;
}

static void judge_signature(struct mse_snp_appraisal *a)
{
    static const struct mse_ask key = { MSE_STEP_REPORT_SIGNATURE, "a report that a key signed",
                                        NULL };
    static const struct mse_ask ask = { MSE_STEP_REPORT_SIGNATURE,
                                        "a signature of the VCEK or VLEK", NULL };
    const struct mse_snp_report *r = &a->v->snp;
    bool is_signed = r->signing_key != MSE_SNP_KEY_NONE && !r->chip_key_masked;
    mse_note(a->v, &key, is_signed ? MSE_OK : MSE_ERR_REPORT_SIGNATURE,
             "a report that says that no key signed it");
    if (a->chain == NULL) {
        mse_note_skip(a->v, MSE_STEP_REPORT_SIGNATURE, no_chain);
        return;
    }
    const struct mse_pubkey *k = &a->chain->certs[0].key;
    uint8_t rs[96];
    bool good = k->type == MSE_KEY_P384 && turn_number(rs, r->signature_r) &&
                turn_number(rs + 48, r->signature_s) && is_signed_by(a, k, rs);
    mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_REPORT_SIGNATURE,
             "a report that another key signed, or that was changed");
}

/* Step vcek_extension. */

/* Family and model, as CPUID gives them; AMD publication 57230. */
static enum mse_snp_product product_of_cpuid(const struct mse_snp_report *r)
{
    if (r->cpuid_family == 0x19) {
        return r->cpuid_model < 0x10 ? MSE_SNP_MILAN : MSE_SNP_GENOA;
    }
    return r->cpuid_family == 0x1a ? MSE_SNP_TURIN : MSE_SNP_PRODUCT_NONE;
}

/* Which product it is decides how a TCB is laid out: the ARK's key says it, for a simulated one the
 * VCEK's product name; what else names a product must not name another. */
static void judge_product(struct mse_snp_appraisal *a)
{
    struct mse_verdict *v = a->v;
    enum mse_snp_product p = a->root.compiled_in ? a->root.product : v->vcek.product;
    enum mse_snp_product named = v->vcek.product;
    bool cpu = !v->snp.has_cpuid || product_of_cpuid(&v->snp) == p;
    bool good = p != MSE_SNP_PRODUCT_NONE && (named == p || named == MSE_SNP_PRODUCT_NONE) && cpu &&
                v->vcek.has_fmc == (p == MSE_SNP_TURIN);
    char wanted[MSE_CHECK_TEXT_LEN];
    (void)snprintf(wanted, sizeof wanted, "one product in ARK, certificate and report: %s",
                   mse_snp_product_name(p));
    struct mse_ask ask = { MSE_STEP_VCEK_EXTENSION, wanted, NULL };
    v->snp_product = p;
    mse_note(v, &ask, good ? MSE_OK : MSE_ERR_VCEK_EXTENSION,
             "a certificate of %s, a report of family 0x%02x model 0x%02x",
             mse_snp_product_name(named), v->snp.cpuid_family, v->snp.cpuid_model);
}

static bool same_tcb(const struct mse_snp_tcb *a, const struct mse_snp_tcb *b)
{
    return a->fmc == b->fmc && a->bl == b->bl && a->tee == b->tee && a->snp == b->snp &&
           a->ucode == b->ucode;
}

/* What the report says of its TCB counts only because AMD certified the key for this very TCB. */
static void judge_tcb(struct mse_snp_appraisal *a)
{
    const struct mse_verdict *v = a->v;
    struct mse_snp_tcb have = v->vcek.tcb;
    struct mse_snp_tcb want = mse_snp_tcb_of(v->snp.reported_tcb, v->snp_product);
    char wanted[MSE_CHECK_TEXT_LEN];
    (void)snprintf(wanted, sizeof wanted,
                   "a certificate for REPORTED_TCB: fmc %u bl %u tee %u snp %u ucode %u", want.fmc,
                   want.bl, want.tee, want.snp, want.ucode);
    struct mse_ask ask = { MSE_STEP_VCEK_EXTENSION, wanted, NULL };
    mse_note(a->v, &ask, same_tcb(&have, &want) ? MSE_OK : MSE_ERR_VCEK_TCB_MISMATCH,
             "fmc %u bl %u tee %u snp %u ucode %u", have.fmc, have.bl, have.tee, have.snp,
             have.ucode);
}

static bool is_hwid_of_chip(const struct mse_verdict *v)
{
    const uint8_t *chip = v->snp.chip_id;
    size_t len = v->snp_product == MSE_SNP_TURIN ? 8 : 64;
    return v->vcek.hwid_len == len && !mse_mem_is_zero(v->vcek.hwid, len) &&
           mse_mem_equal(v->vcek.hwid, chip, len) && mse_mem_is_zero(chip + len, 64 - len);
}

static void judge_hwid(struct mse_snp_appraisal *a)
{
    static const struct mse_ask vcek = { MSE_STEP_VCEK_EXTENSION, "an HWID equal to CHIP_ID",
                                         NULL };
    static const struct mse_ask vlek = { MSE_STEP_VCEK_EXTENSION, "no HWID in a VLEK", NULL };
    const struct mse_verdict *v = a->v;
    bool provider = v->snp.signing_key == MSE_SNP_KEY_VLEK;
    bool good = provider ? v->vcek.hwid_len == 0 : is_hwid_of_chip(v);
    char seen[17];
    mse_hex_encode(seen, mse_bytes_of(v->vcek.hwid, 8));
    mse_note(a->v, provider ? &vlek : &vcek, good ? MSE_OK : MSE_ERR_VCEK_HWID_MISMATCH,
             "%zu bytes of HWID, beginning %s", v->vcek.hwid_len, seen);
}

static void judge_extension(struct mse_snp_appraisal *a)
{
    static const struct mse_ask ask = { MSE_STEP_VCEK_EXTENSION,
                                        "product name, SVNs and HWID in the certificate", NULL };
    if (a->chain == NULL) {
        mse_note_skip(a->v, MSE_STEP_VCEK_EXTENSION, no_chain);
        return;
    }
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_vcek_parse(&a->v->vcek, &a->chain->certs[0], &err);
    mse_note(a->v, &ask, st, "%s", err.text);
    a->v->has_vcek = st == MSE_OK;
    if (st == MSE_OK) {
        judge_product(a);
        judge_tcb(a);
        judge_hwid(a);
    }
}

/* All steps, and the decision. */

static void skip_all(struct mse_verdict *v)
{
    for (unsigned s = MSE_STEP_VCEK_CHAIN; s <= MSE_STEP_VCEK_EXTENSION; s++) {
        mse_note_skip(v, (enum mse_step)s, "the report could not be read");
    }
}

static void judge(struct mse_snp_appraisal *a, struct mse_bytes report)
{
    static const enum mse_step signatures[] = { MSE_STEP_VCEK_CHAIN, MSE_STEP_REPORT_SIGNATURE,
                                                MSE_STEP_VCEK_EXTENSION };
    a->policy = mse_note_policy(a->v, &a->nothing, a->policy);
    if (!judge_form(a, report)) {
        skip_all(a->v);
        return;
    }
    judge_chain(a);
    judge_crl(a);
    judge_signature(a);
    judge_extension(a);
    mse_snp_judge_policy(a);
    a->v->signatures_ok = mse_verdict_steps_ok(a->v, signatures, MSE_ARRAY_LEN(signatures));
}

mse_status mse_appraise_snp(struct mse_verdict *out, struct mse_bytes report,
                            const struct mse_collateral *collateral,
                            const struct mse_policy *policy, mse_time at, struct mse_error *err)
{
    struct mse_curve curve = { NULL, NULL };
    struct mse_moment now = mse_moment_of(at);
    struct mse_snp_appraisal a = { .v = out,
                                   .collateral = collateral,
                                   .policy = policy,
                                   .judge = { .v = out, .curve = &curve, .now = &now },
                                   .prepared = mse_prepared_of(collateral) };
    mse_verdict_begin(out, MSE_TEE_SNP);
    judge(&a, report);
    mse_curve_clear(&curve);
    /* A report alone is bound to nothing; the caller who knows better says so afterwards. */
    if (policy->require_level > 0) {
        mse_verdict_set_level(out, 0, policy);
    }
    mse_verdict_decide(out);
    return mse_verdict_tell(out, err);
}
