/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict on evidence: read, the quote judged in attest/, and the rest in judge.c. */
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "ratls/binding.h"
#include "ratls/check.h"
#include "ratls/claims.h"
#include "ratls/judge.h"

/* Which step a refusal of the reader belongs to. */
static enum mse_step step_of_reading(mse_status st)
{
    bool claims = st == MSE_ERR_CLAIMS_MALFORMED || st == MSE_ERR_CLAIMS_HASH || st == MSE_ERR_ROLE;
    return claims ? MSE_STEP_BINDING : MSE_STEP_FORM;
}

static void refuse_reading(struct mse_verdict *v, mse_status st, const struct mse_error *e,
                           struct mse_error *err)
{
    memset(v, 0, sizeof *v);
    v->reference_index = SIZE_MAX;
    mse_verdict_add(v, step_of_reading(st), st, e->text, "a certificate with readable evidence",
                    NULL);
    if (err != NULL && err->status == MSE_OK) {
        *err = *e;
    }
}

/* Certificates that came along stand in for those that the collateral lacks; they are judged all
 * the same. */
static void appraise_snp(struct mse_verdict *out, const struct mse_ratls_cert *c,
                         const struct mse_ratls_ask *ask, struct mse_error *err)
{
    struct mse_collateral k = *ask->collateral;
    struct mse_bytes rest = c->certificates;
    struct mse_bytes leaf = { NULL, 0 };
    struct mse_bytes content = { NULL, 0 };
    uint8_t tag = 0;
    if (k.vcek.len == 0 && mse_der_any(&rest, &tag, &content, &leaf)) {
        k.vcek = leaf;
        k.vcek_issuer_chain = rest.len > 0 ? rest : k.vcek_issuer_chain;
    }
    (void)!mse_appraise_snp(out, c->quote, &k, ask->policy, ask->at, err);
}

static void appraise_nitro(struct mse_verdict *out, const struct mse_ratls_cert *c,
                           const struct mse_ratls_ask *ask, struct mse_error *err)
{
    uint8_t room[MSE_NITRO_DOC_MAX_LEN];
    struct mse_bytes document = c->quote;
    if (c->form == MSE_RATLS_NITRO && !mse_ratls_nitro_document(&document, room, c->quote)) {
        document.len = 0; /* was read before, so that this does not happen */
    }
    (void)!mse_appraise_nitro(out, document, ask->policy, ask->at, err);
}

static void appraise_quote(struct mse_verdict *out, const struct mse_ratls_cert *c,
                           const struct mse_ratls_ask *ask, struct mse_error *err)
{
    switch ((int)c->tee) {
    case MSE_TEE_SNP:
        appraise_snp(out, c, ask, err);
        return;
    case MSE_TEE_NITRO:
        appraise_nitro(out, c, ask, err);
        return;
    default:
        (void)!mse_appraise_quote(out, c->quote, ask->collateral, ask->policy, ask->at, err);
        return;
    }
}

/* The nine parameters are what an appraisal is a function of, and a public contract. */
mse_status mse_ratls_appraise(struct mse_verdict *out, // NOLINT(readability-function-size)
                              struct mse_ratls_cert *cert_out, enum mse_ratls_binding *binding_out,
                              struct mse_bytes der, const char *host,
                              const struct mse_collateral *collateral,
                              const struct mse_policy *policy, mse_time at, struct mse_error *err)
{
    struct mse_ratls_cert c;
    struct mse_error e = { .status = MSE_OK };
    mse_status st = mse_ratls_read(&c, der, &e);
    if (st != MSE_OK) {
        refuse_reading(out, st, &e, err);
        return st;
    }
    const struct mse_ratls_ask ask = { .collateral = collateral, .policy = policy, .at = at };
    appraise_quote(out, &c, &ask, err);
    st = mse_ratls_judge(out, binding_out, &c, host, at, err);
    if (cert_out != NULL) {
        *cert_out = c;
    }
    return st;
}

bool mse_ratls_appraise_evidence(struct mse_verdict *out, struct mse_ratls_cert *cert_out,
                                 struct mse_bytes der, struct mse_bytes evidence,
                                 const struct mse_ratls_ask *ask, struct mse_error *err)
{
    struct mse_ratls_cert c = { 0 };
    struct mse_error e = { .status = MSE_OK };
    mse_status st = mse_ratls_read_evidence(&c, der, evidence, &e);
    if (st != MSE_OK) {
        refuse_reading(out, st, &e, err);
        return false;
    }
    appraise_quote(out, &c, ask, err);
    (void)judge_all((struct judge) {
        .v = out, .c = &c, .role = ask->role, .at = ask->at, .host = ask->host, .err = err });
    if (ask->host == NULL) {
        mse_ratls_judge_dates(out, &c, ask->at, err);
    }
    *cert_out = c;
    return true;
}

/* ---- evidence that an app asked for ---- */

static void judge_app_binding(struct judge *j, bool has_certificate)
{
    uint8_t report_data[64];
    struct mse_error e = { .status = MSE_OK };
    mse_status st = judge_report_data(report_data, j, &e);
    if (st == MSE_OK) {
        st = has_certificate ? mse_ratls_check_claims(j->c, report_data, &e)
                             : mse_ratls_check_claims_hash(j->c, report_data, &e);
    }
    const char *made = has_certificate ? "claims with the certificate's key"
                                       : "claims; no certificate to compare their key with";
    judge_add(j, MSE_STEP_BINDING, st, st == MSE_OK ? made : e.text,
              has_certificate ? "a quote over claims with the certificate's key"
                              : "a quote over the claims");
}

static void judge_app_data(struct judge *j, struct mse_bytes want)
{
    char seen[2 * MSE_CLAIM_APP_MAX + 1] = "none";
    char wanted[2 * MSE_CLAIM_APP_MAX + 1] = "1 to 64 bytes of data";
    struct mse_bytes got = j->c->claims.app_data;
    bool ok = want.len > 0 && want.len <= MSE_CLAIM_APP_MAX && mse_bytes_equal(got, want);
    if (got.len > 0) {
        mse_hex_encode(seen, got);
    }
    if (want.len > 0 && want.len <= MSE_CLAIM_APP_MAX) {
        mse_hex_encode(wanted, want);
    }
    judge_add(j, MSE_STEP_BINDING, ok ? MSE_OK : MSE_ERR_APP_DATA, seen, wanted);
}

static void judge_app_manifest(struct judge *j, struct mse_bytes manifest)
{
    uint8_t hash[32] = { 0 };
    bool ok = mse_sha256(hash, manifest) == MSE_OK &&
              mse_bytes_equal(j->c->claims.manifest, mse_bytes_of(hash, sizeof hash));
    judge_add(j, MSE_STEP_MANIFEST, ok ? MSE_OK : MSE_ERR_MANIFEST_MISMATCH,
              ok ? "the digest of this manifest" : "the digest of another manifest, or none",
              "evidence made under this manifest");
}

mse_status mse_ratls_appraise_app(struct mse_verdict *out, struct mse_ratls_cert *evidence_out,
                                  struct mse_bytes evidence, const struct mse_ratls_app_ask *ask,
                                  struct mse_error *err)
{
    struct mse_ratls_cert c = { 0 };
    struct mse_error e = { .status = MSE_OK };
    bool has_certificate = ask->certificate.len > 0;
    mse_status st = has_certificate ? mse_ratls_read_evidence(&c, ask->certificate, evidence, &e)
                                    : mse_ratls_read_loose_evidence(&c, evidence, &e);
    if (st != MSE_OK) {
        refuse_reading(out, st, &e, err);
        return st;
    }
    const struct mse_ratls_ask quote = { .collateral = ask->collateral,
                                         .policy = ask->policy,
                                         .at = ask->at };
    appraise_quote(out, &c, &quote, err);
    struct judge j = { .v = out, .c = &c, .role = MSE_ROLE_APP, .at = ask->at, .err = err };
    judge_app_binding(&j, has_certificate);
    judge_role(&j);
    judge_app_data(&j, ask->data);
    if (ask->manifest.len > 0) {
        judge_app_manifest(&j, ask->manifest);
    }
    if (evidence_out != NULL) {
        *evidence_out = c;
    }
    return out->status;
}
