/* SPDX-License-Identifier: Apache-2.0 */
/* Appraisal of a DCAP quote, first half: is every input genuine, current and about this platform?
 * Each step notes what it finds and goes on; a step whose input could not be read is noted as
 * skipped. What the policy wants of it all is dcap_policy.c. */
#include "attest/dcap.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/sign.h"
#include "evidence/pck.h"

static const char no_chain[] = "the PCK chain could not be read";

/* Step form. */

static bool judge_form(struct mse_dcap *a, struct mse_bytes quote)
{
    const struct mse_ask ask = { MSE_STEP_FORM, a->kind->form, NULL };
    struct mse_error err = { .status = MSE_OK };
    mse_status st = a->kind->read(a, quote, &err);
    mse_note(a->v, &ask, st, "%s", err.text);
    return st == MSE_OK;
}

/* Types 1 to 3 name the machine only; the PCK chain then comes with the collateral. */
static bool names_its_machine(const struct mse_quote_auth *q)
{
    switch (q->cert_type) {
    case MSE_CERT_TYPE_PPID_PLAIN: /* PPID 16, CPUSVN 16, PCESVN 2, PCEID 2 or left out */
        return q->cert_data.len == 34 || q->cert_data.len == 36;
    case MSE_CERT_TYPE_PPID_RSA2048:
        return q->cert_data.len == 256 + 20;
    case MSE_CERT_TYPE_PPID_RSA3072:
        return q->cert_data.len == 384 + 20;
    default:
        return false;
    }
}

/* Where the PCK chain is to be read from; empty if nowhere. */
static struct mse_bytes find_pck_chain(struct mse_dcap *a)
{
    static const struct mse_ask ask = {
        MSE_STEP_FORM, "a PCK chain: certification data 5, or 1 to 3 and the chain as collateral",
        NULL
    };
    const struct mse_quote_auth *q = &a->auth;
    bool carried = q->cert_type == MSE_CERT_TYPE_PCK_CHAIN;
    bool beside = names_its_machine(q) && a->collateral->pck_cert_chain.len > 0;
    mse_note(a->v, &ask, carried || beside ? MSE_OK : MSE_ERR_UNSUPPORTED_CERT_TYPE,
             "certification data %u of %zu bytes", q->cert_type, q->cert_data.len);
    struct mse_bytes none = { 0 };
    struct mse_bytes chain = carried ? q->cert_data : a->collateral->pck_cert_chain;
    return carried || beside ? chain : none;
}

/* Steps pck_chain and pck_extension. */

static void judge_chain(struct mse_dcap *a, struct mse_bytes pem)
{
    static const struct mse_ask ask = { MSE_STEP_PCK_CHAIN, "leaf, CA, root in PEM", NULL };
    if (pem.len == 0) {
        mse_note_skip(a->v, MSE_STEP_PCK_CHAIN, "there is no PCK chain");
        return;
    }
    struct mse_error err = { .status = MSE_OK };
    const struct mse_chain *c = mse_platform_find_chain(&a->platform, a->prepared, pem);
    if (c == NULL && mse_chain_read(&a->scratch->pck_chain, pem, &err) != MSE_OK) {
        mse_note(a->v, &ask, MSE_ERR_PCK_CHAIN_MALFORMED, "%s", err.text);
        return;
    }
    a->pck_chain = c != NULL ? c : &a->scratch->pck_chain;
    a->anchor = mse_judge_pck_chain(&a->judge, a->pck_chain, &a->anchors);
    if (c == NULL && mse_verdict_step_ok(a->v, MSE_STEP_PCK_CHAIN)) {
        mse_platform_learn_chain(&a->platform, pem);
    }
    const uint8_t *point = mse_point_of(&a->pck_chain->certs[a->pck_chain->num - 1].key);
    a->v->simulated = point == NULL || !mse_mem_equal(point, mse_intel_root_point(), 64);
}

static bool has_whole_chain(const struct mse_dcap *a)
{
    return a->pck_chain != NULL && a->pck_chain->num == MSE_CHAIN_MAX_CERTS;
}

/* The PCK certificate; NULL if no chain could be read. */
static const struct mse_cert *pck_leaf(const struct mse_dcap *a)
{
    return a->pck_chain != NULL ? &a->pck_chain->certs[0] : NULL;
}

/* The CA that issued the PCK certificate; NULL if the chain has another shape. */
static const struct mse_cert *pck_ca(const struct mse_dcap *a)
{
    return has_whole_chain(a) ? &a->pck_chain->certs[1] : NULL;
}

static const struct mse_cert *root(const struct mse_dcap *a)
{
    return has_whole_chain(a) ? &a->pck_chain->certs[2] : NULL;
}

static void judge_extension(struct mse_dcap *a)
{
    static const struct mse_ask ask = { MSE_STEP_PCK_EXTENSION, "a complete SGX extension", NULL };
    if (a->pck_chain == NULL || !a->pck_chain->has_sgx_extension) {
        mse_note_skip(a->v, MSE_STEP_PCK_EXTENSION, "there is no SGX extension");
        return;
    }
    struct mse_error err = { .status = MSE_OK };
    struct mse_pck_leaf own;
    const struct mse_pck_leaf *leaf = mse_platform_leaf(&a->platform);
    if (leaf == NULL) {
        mse_pck_leaf_read(&own, a->pck_chain, &err);
        leaf = &own;
    }
    mse_note(a->v, &ask, leaf->has_ext ? MSE_OK : MSE_ERR_PCK_CHAIN_MALFORMED, "%s", err.text);
    a->v->has_pck = leaf->has_ext;
    if (leaf->has_ext) {
        a->v->pck = leaf->ext;
    }
    a->v->pck_ca_is_platform = leaf->ca_is_platform;
}

/* A quote that names its machine in the clear must name the one of the certificate. */
static void judge_named_machine(struct mse_dcap *a)
{
    static const struct mse_ask ask = { MSE_STEP_PCK_EXTENSION, "the PPID that the quote names",
                                        NULL };
    if (a->auth.cert_type != MSE_CERT_TYPE_PPID_PLAIN || !a->v->has_pck) {
        return;
    }
    bool same =
        a->auth.cert_data.len >= 16 && mse_mem_equal(a->auth.cert_data.data, a->v->pck.ppid, 16);
    mse_note(a->v, &ask, same ? MSE_OK : MSE_ERR_PCK_CHAIN_MALFORMED,
             "a PCK certificate of another machine");
}

/* Steps pck_crl and root_crl. */

static void judge_crls(struct mse_dcap *a)
{
    static const struct mse_ask leaf = { MSE_STEP_PCK_CRL, "a PCK certificate that is not revoked",
                                         NULL };
    static const struct mse_ask ca = { MSE_STEP_ROOT_CRL, "a PCK CA that is not revoked", NULL };
    const struct mse_prepared *k = a->prepared;
    const struct mse_crl_source pck_crl = { a->collateral->pck_crl, k != NULL ? k->pck_crl : NULL };
    const struct mse_crl_source root_crl = { a->collateral->root_ca_crl,
                                             k != NULL ? k->root_crl : NULL };
    a->has_pck_crl = mse_judge_crl(&a->judge, &a->pck_crl, &pck_crl, &mse_pck_crl_words, pck_ca(a));
    mse_judge_revoked(&a->judge, a->has_pck_crl ? &a->pck_crl : NULL, pck_leaf(a), &leaf,
                      MSE_ERR_PCK_REVOKED);
    a->has_root_crl =
        mse_judge_crl(&a->judge, &a->root_crl, &root_crl, &mse_root_crl_words, root(a));
    mse_judge_revoked(&a->judge, a->has_root_crl ? &a->root_crl : NULL, pck_ca(a), &ca,
                      MSE_ERR_INTERMEDIATE_REVOKED);
}

/* Steps tcb_info and qe_identity. */

static struct mse_signed signed_part(const struct mse_dcap *a)
{
    struct mse_signed s = {
        .anchor = a->anchor != NULL || a->anchors.num == 0 ? a->anchor : &a->anchors.keys[0],
        .root = root(a),
        .root_crl = a->has_root_crl ? &a->root_crl : NULL,
    };
    return s;
}

static void judge_signer(struct mse_dcap *a, const struct mse_chain *chain,
                         const struct mse_signed_words *words)
{
    struct mse_ask ask = { words->step, "a signing certificate that is not revoked", NULL };
    mse_judge_revoked(&a->judge, a->has_root_crl ? &a->root_crl : NULL,
                      chain != NULL ? &chain->certs[0] : NULL, &ask, words->revoked);
}

static void judge_tcb_info_platform(struct mse_dcap *a)
{
    const struct mse_ask kind = { MSE_STEP_TCB_INFO, a->kind->tcb_info, NULL };
    static const struct mse_ask same = { MSE_STEP_TCB_INFO, "the platform's FMSPC and PCEID",
                                         NULL };
    const struct mse_tcb_info *info = a->tcb_info;
    bool right = info->tee == a->kind->tee && info->tcb_type == 0;
    mse_note(a->v, &kind, right ? MSE_OK : MSE_ERR_TCB_INFO_MISMATCH,
             "TCB info for another kind of TEE (type %u)", info->tcb_type);
    if (!a->v->has_pck) {
        mse_note_skip(a->v, MSE_STEP_TCB_INFO, no_chain);
        return;
    }
    const struct mse_pck_ext *pck = &a->v->pck;
    bool ours = mse_mem_equal(info->fmspc, pck->fmspc, 6) && info->has_pce_id &&
                mse_mem_equal(info->pce_id, pck->pce_id, 2);
    char seen[13] = "";
    char want[13] = "";
    if (!ours) {
        mse_hex_encode(seen, mse_bytes_of(info->fmspc, 6));
        mse_hex_encode(want, mse_bytes_of(pck->fmspc, 6));
    }
    mse_note(a->v, &same, ours ? MSE_OK : MSE_ERR_TCB_INFO_MISMATCH,
             "TCB info of FMSPC %s, PCK certificate of FMSPC %s", seen, want);
}

static mse_status read_tcb_info(struct mse_dcap *a, struct mse_error *err)
{
    if (a->prepared != NULL && a->prepared->tcb_info != NULL) {
        a->tcb_info = a->prepared->tcb_info;
        return MSE_OK;
    }
    mse_status st = mse_tcb_info_parse(&a->room->tcb_info, a->collateral->tcb_info, err);
    a->tcb_info = st == MSE_OK ? &a->room->tcb_info : NULL;
    return st;
}

static void judge_tcb_info(struct mse_dcap *a)
{
    static const struct mse_ask ask = { MSE_STEP_TCB_INFO, "TCB info, version 2 or 3", NULL };
    struct mse_signed s = signed_part(a);
    s.body = a->collateral->tcb_info;
    s.signature = a->collateral->tcb_info_signature;
    s.issuer_chain = a->collateral->tcb_info_issuer_chain;
    s.known = a->prepared != NULL ? a->prepared->tcb : NULL;
    s.room = a->room != NULL ? &a->room->tcb_chain : NULL;
    a->tcb_chain = mse_judge_signed(&a->judge, &mse_tcb_info_words, &s);
    judge_signer(a, a->tcb_chain, &mse_tcb_info_words);
    if (s.body.len == 0) {
        return; /* noted as missing */
    }
    struct mse_error err = { .status = MSE_OK };
    mse_status st = read_tcb_info(a, &err);
    mse_note(a->v, &ask, st, "%s", err.text);
    if (st != MSE_OK || a->tcb_info == NULL) {
        return;
    }
    a->has_tcb_info = a->tcb_info->tee == a->kind->tee;
    a->v->tcb_evaluation_number = a->tcb_info->tcb_evaluation_number;
    struct mse_window w = { .what = "tcb_info",
                            .from = a->tcb_info->issue_date,
                            .until = a->tcb_info->next_update,
                            .early = MSE_ERR_TCB_INFO_NOT_YET_VALID,
                            .late = MSE_ERR_TCB_INFO_EXPIRED };
    mse_note_window(a->v, MSE_STEP_TCB_INFO, &w, a->judge.now);
    judge_tcb_info_platform(a);
}

static mse_status read_qe_identity(struct mse_dcap *a, struct mse_error *err)
{
    if (a->prepared != NULL && a->prepared->qe_identity != NULL) {
        a->qe_identity = a->prepared->qe_identity;
        return MSE_OK;
    }
    mse_status st = mse_qe_identity_parse(&a->room->qe_identity, a->collateral->qe_identity, err);
    a->qe_identity = st == MSE_OK ? &a->room->qe_identity : NULL;
    return st;
}

static void judge_qe_identity(struct mse_dcap *a)
{
    static const struct mse_ask ask = { MSE_STEP_QE_IDENTITY, "an enclave identity, version 2",
                                        NULL };
    const struct mse_ask id = { MSE_STEP_QE_IDENTITY, a->kind->qe_identity, NULL };
    struct mse_signed s = signed_part(a);
    s.body = a->collateral->qe_identity;
    s.signature = a->collateral->qe_identity_signature;
    s.issuer_chain = a->collateral->qe_identity_issuer_chain;
    bool known = mse_verdict_step_ok(a->v, MSE_STEP_TCB_INFO) && a->tcb_chain != NULL;
    s.good_leaf = known ? &a->tcb_chain->certs[0] : NULL;
    s.known = a->prepared != NULL ? a->prepared->qe : NULL;
    s.room = a->room != NULL ? &a->room->qe_chain : NULL;
    bool same =
        a->room != NULL && mse_bytes_equal(s.issuer_chain, a->collateral->tcb_info_issuer_chain);
    s.read = same ? a->tcb_chain : NULL;
    a->qe_chain = mse_judge_signed(&a->judge, &mse_qe_identity_words, &s);
    judge_signer(a, a->qe_chain, &mse_qe_identity_words);
    if (s.body.len == 0) {
        return; /* noted as missing */
    }
    struct mse_error err = { .status = MSE_OK };
    mse_status st = read_qe_identity(a, &err);
    mse_note(a->v, &ask, st, "%s", err.text);
    if (st != MSE_OK) {
        return;
    }
    a->has_qe_identity = true;
    struct mse_window w = { .what = "qe_identity",
                            .from = a->qe_identity->issue_date,
                            .until = a->qe_identity->next_update,
                            .early = MSE_ERR_QE_IDENTITY_NOT_YET_VALID,
                            .late = MSE_ERR_QE_IDENTITY_EXPIRED };
    mse_note_window(a->v, MSE_STEP_QE_IDENTITY, &w, a->judge.now);
    mse_note(a->v, &id, a->qe_identity->id == a->kind->qe ? MSE_OK : MSE_ERR_QE_IDENTITY_MISMATCH,
             "the identity of another enclave");
}

/* Steps qe_report, ak_binding, quote_signature. */

static bool is_qe_signed(const struct mse_dcap *a)
{
    const uint8_t *point = mse_point_of(&pck_leaf(a)->key);
    return point != NULL && mse_p256_verify(a->judge.curve, point, a->auth.qe_report_signature,
                                            a->auth.qe_report_raw) == MSE_OK;
}

static void judge_qe_report(struct mse_dcap *a)
{
    static const struct mse_ask ask = { MSE_STEP_QE_REPORT, "a signature of the PCK key", NULL };
    if (a->pck_chain == NULL) {
        mse_note_skip(a->v, MSE_STEP_QE_REPORT, no_chain);
        return;
    }
    bool known = mse_platform_find_qe(&a->platform, &a->auth);
    bool good = known || is_qe_signed(a);
    if (!known && good && mse_verdict_step_ok(a->v, MSE_STEP_PCK_CHAIN)) {
        mse_platform_learn_qe(&a->platform, &a->auth);
    }
    mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_QE_REPORT_SIGNATURE,
             "a QE report that another key signed, or that was changed");
}

static void judge_ak_binding(struct mse_dcap *a)
{
    static const struct mse_ask ask = {
        MSE_STEP_AK_BINDING, "QE report data SHA-256(attestation key, authentication data), zeros",
        NULL
    };
    const struct mse_quote_auth *q = &a->auth;
    uint8_t digest[32];
    struct mse_bytes key = mse_bytes_of(q->attestation_key, sizeof q->attestation_key);
    bool good = mse_sha256_2(digest, key, q->qe_auth_data) == MSE_OK &&
                mse_mem_equal(q->qe_report.report_data, digest, 32) &&
                mse_mem_is_zero(q->qe_report.report_data + 32, 32);
    mse_note(a->v, &ask, good ? MSE_OK : MSE_ERR_AK_BINDING, "another key or other data");
}

static void judge_quote_signature(struct mse_dcap *a)
{
    static const struct mse_ask ask = { MSE_STEP_QUOTE_SIGNATURE,
                                        "a signature of the attestation key", NULL };
    const struct mse_quote_auth *q = &a->auth;
    const struct mse_ec_key *key = mse_platform_attestation_key(&a->platform);
    mse_status st =
        key != NULL
            ? mse_ec_key_verify(key, mse_bytes_of(q->signature, sizeof q->signature),
                                a->signed_part)
            : mse_p256_verify(a->judge.curve, q->attestation_key, q->signature, a->signed_part);
    mse_note(a->v, &ask, st == MSE_OK ? MSE_OK : MSE_ERR_QUOTE_SIGNATURE,
             "a quote that another key signed, or that was changed");
}

/* Step qe_match: the quoting enclave is the one that Intel describes; masks lie on both sides. */

static bool attributes_match(const struct mse_qe_identity *id, const struct mse_sgx_report *r)
{
    const uint64_t have[2] = { r->attr_flags, r->attr_xfrm };
    for (size_t i = 0; i < 16; i++) {
        uint8_t byte = (uint8_t)(have[i / 8] >> (8 * (i % 8)));
        if (((byte ^ id->attributes[i]) & id->attributes_mask[i]) != 0) {
            return false;
        }
    }
    return true;
}

static void judge_qe_match(struct mse_dcap *a)
{
    static const struct mse_ask signer = { MSE_STEP_QE_MATCH, "MRSIGNER of the QE identity", NULL };
    static const struct mse_ask product = { MSE_STEP_QE_MATCH, "ISVPRODID of the QE identity",
                                            NULL };
    static const struct mse_ask select = { MSE_STEP_QE_MATCH, "MISCSELECT of the QE identity",
                                           NULL };
    static const struct mse_ask attributes = { MSE_STEP_QE_MATCH, "ATTRIBUTES of the QE identity",
                                               NULL };
    if (!a->has_qe_identity) {
        mse_note_skip(a->v, MSE_STEP_QE_MATCH, "the QE identity could not be read");
        return;
    }
    const struct mse_qe_identity *id = a->qe_identity;
    const struct mse_sgx_report *r = &a->auth.qe_report;
    const mse_status bad = MSE_ERR_QE_IDENTITY_MISMATCH;
    bool same = mse_mem_equal(r->mr_signer, id->mr_signer, 32);
    mse_note(a->v, &signer, same ? MSE_OK : bad, "a QE of another signer");
    mse_note(a->v, &product, r->isv_prod_id == id->isv_prod_id ? MSE_OK : bad, "%u, wanted %u",
             r->isv_prod_id, id->isv_prod_id);
    bool misc = ((r->misc_select ^ id->misc_select) & id->misc_select_mask) == 0;
    mse_note(a->v, &select, misc ? MSE_OK : bad, "0x%08x, wanted 0x%08x under mask 0x%08x",
             r->misc_select, id->misc_select, id->misc_select_mask);
    mse_note(a->v, &attributes, attributes_match(id, r) ? MSE_OK : bad, "flags 0x%llx",
             (unsigned long long)r->attr_flags);
}

/* All steps, and the decision. */

static void skip_all(struct mse_verdict *v)
{
    for (unsigned s = MSE_STEP_PCK_CHAIN; s <= MSE_STEP_MACHINE; s++) {
        if (mse_verdict_step_applies(v->tee, (enum mse_step)s)) {
            mse_note_skip(v, (enum mse_step)s, "the quote could not be read");
        }
    }
}

static void judge(struct mse_dcap *a, struct mse_bytes quote)
{
    static const enum mse_step signatures[] = { MSE_STEP_PCK_CHAIN, MSE_STEP_QE_REPORT,
                                                MSE_STEP_AK_BINDING, MSE_STEP_QUOTE_SIGNATURE };
    a->policy = mse_note_policy(a->v, &a->scratch->nothing, a->policy);
    a->anchors = mse_anchors_of(a->policy);
    if (!judge_form(a, quote)) {
        skip_all(a->v);
        return;
    }
    judge_chain(a, find_pck_chain(a));
    judge_extension(a);
    judge_named_machine(a);
    judge_crls(a);
    judge_tcb_info(a);
    judge_qe_identity(a);
    judge_qe_report(a);
    judge_ak_binding(a);
    judge_quote_signature(a);
    judge_qe_match(a);
    mse_dcap_judge_policy(a);
    a->v->signatures_ok = mse_verdict_steps_ok(a->v, signatures, MSE_ARRAY_LEN(signatures));
}

/* The room is too large for the stacks of threads (musl: 128 KiB), and where all is known there is
 * no need for it. */
static void judge_in_room(struct mse_dcap *a, struct mse_bytes quote)
{
    static const struct mse_ask ask = { MSE_STEP_FORM, "memory to read collateral to", NULL };
    a->room = malloc(sizeof *a->room);
    if (a->room == NULL) {
        mse_note(a->v, &ask, MSE_ERR_MEMORY, "none");
        skip_all(a->v);
        return;
    }
    judge(a, quote);
    free(a->room);
    a->room = NULL;
}

mse_status mse_dcap_appraise(struct mse_dcap *a, struct mse_bytes quote, struct mse_error *err)
{
    const struct mse_policy *policy = a->policy;
    struct mse_curve curve = { NULL, NULL };
    struct mse_moment now = mse_moment_of(a->at);
    struct mse_judge j = { .v = a->v, .curve = &curve, .now = &now };
    struct mse_dcap_scratch scratch MSE_UNINITIALIZED;
    mse_verdict_begin(a->v, a->kind->tee);
    a->judge = j;
    a->scratch = &scratch;
    a->prepared = mse_prepared_of(a->collateral);
    if (mse_prepared_has_dcap(a->prepared)) {
        judge(a, quote);
    } else {
        judge_in_room(a, quote);
    }
    mse_platform_clear(&a->platform);
    a->judge.curve = NULL;
    a->judge.now = NULL;
    a->scratch = NULL;
    mse_curve_clear(&curve);
    /* A quote alone is bound to nothing; the caller who knows better says so afterwards. */
    if (policy->require_level > 0) {
        mse_verdict_set_level(a->v, 0, policy);
    }
    mse_verdict_decide(a->v);
    return mse_verdict_tell(a->v, err);
}

mse_status mse_appraise_quote(struct mse_verdict *out, struct mse_bytes quote,
                              const struct mse_collateral *collateral,
                              const struct mse_policy *policy, mse_time at, struct mse_error *err)
{
    return mse_quote_is_tdx(quote) ? mse_appraise_tdx(out, quote, collateral, policy, at, err)
                                   : mse_appraise_sgx(out, quote, collateral, policy, at, err);
}
