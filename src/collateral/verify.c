/* SPDX-License-Identifier: Apache-2.0 */
/* Is it genuine, in date, and what was asked for? Intel's kinds; AMD's are verify_amd.c. The
 * appraisal judges everything once more: here nothing wrong is let into a cache or a file. */
#include "collateral/verify.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/sign.h"
#include <mse/attest.h>

static const uint8_t *root_of(const struct mse_fetch_config *c)
{
    return c->root_point != NULL ? c->root_point : mse_intel_root_point();
}

mse_status mse_fetched_in_date(const struct mse_fetched *o, const struct mse_fetch_window *w,
                               mse_time at, struct mse_error *err)
{
    char from[MSE_TIME_TEXT_LEN];
    char until[MSE_TIME_TEXT_LEN];
    if (o->from <= at && at <= o->until) {
        return MSE_OK;
    }
    mse_time_format(from, o->from);
    mse_time_format(until, o->until);
    return MSE_FAIL(err, at < o->from ? w->early : w->late, w->what,
                    "%s is valid from %s until %s, which is not now", w->what, from, until);
}

static mse_status mismatch(const char *what, mse_status st, struct mse_error *err)
{
    return MSE_FAIL(err, st, what, "%s of another platform, TEE or set than was asked for", what);
}

/* CRLs. */

/* Turns whatever form the service uses into DER. */
static mse_status crl_to_der(struct mse_fetched *o, mse_status malformed, struct mse_error *err)
{
    struct mse_error why = { 0 };
    struct mse_build der;
    struct mse_bytes view = { 0 };
    if (o->body.len == 0) {
        return MSE_FAIL(err, malformed, "CRL", "empty");
    }
    mse_build_heap(&der, MSE_FETCH_MAX_BODY);
    uint8_t *room = mse_wr_space(&der, o->body.len);
    mse_status st = MSE_ERR_MEMORY;
    if (room != NULL) {
        st = mse_crl_decode(&view, room, o->body.len, mse_build_view(&o->body), &why);
    }
    if (st != MSE_OK) {
        mse_build_clear(&der);
        return MSE_FAIL(err, st == MSE_ERR_MEMORY ? st : malformed, "CRL", "%s", why.text);
    }
    der.len = view.len;
    mse_build_clear(&o->body);
    o->body = der;
    return MSE_OK;
}

static mse_status verify_root_crl(struct mse_fetched *o, const struct mse_fetch_config *c,
                                  struct mse_error *err)
{
    static const struct mse_fetch_window window = { "the root CRL", MSE_ERR_ROOT_CRL_NOT_YET_VALID,
                                                    MSE_ERR_ROOT_CRL_EXPIRED };
    uint8_t raw[65] = { 4 };
    struct mse_pubkey key = { .type = MSE_KEY_P256, .raw = mse_bytes_of(raw, sizeof raw) };
    struct mse_crl crl;
    struct mse_error why = { 0 };
    mse_status st = crl_to_der(o, MSE_ERR_ROOT_CRL_MALFORMED, err);
    if (st != MSE_OK) {
        return st;
    }
    if (mse_crl_parse(&crl, mse_build_view(&o->body), &why) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_ROOT_CRL_MALFORMED, "root CRL", "%s", why.text);
    }
    memcpy(raw + 1, root_of(c), 64);
    st = mse_crl_verify(NULL, &crl, &key);
    if (st != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_ROOT_CRL_SIGNATURE, "root CRL",
                        "not signed by the trusted root");
    }
    o->from = crl.this_update;
    o->until = crl.next_update;
    return mse_fetched_in_date(o, &window, c->at, err);
}

static mse_status verify_pck_crl(struct mse_fetched *o, const struct mse_fetch_key *key,
                                 const struct mse_fetch_config *c, struct mse_error *err)
{
    const char *ca = key->ca == MSE_FETCH_CA_PLATFORM ? "Platform" : "Processor";
    struct mse_crl_info info;
    struct mse_error why = { 0 };
    mse_status st = crl_to_der(o, MSE_ERR_PCK_CRL_MALFORMED, err);
    if (st != MSE_OK) {
        return st;
    }
    if (mse_crl_info_parse(&info, mse_build_view(&o->body), &why) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_PCK_CRL_MALFORMED, "PCK CRL", "%s", why.text);
    }
    if (mse_bytes_find(info.issuer_cn, mse_bytes_str(ca)) == SIZE_MAX) {
        return MSE_FAIL(err, MSE_ERR_PCK_CRL_ISSUER_MISMATCH, "PCK CRL",
                        "not the one of the %s CA, which was asked for", ca);
    }
    o->from = info.this_update;
    o->until = info.next_update;
    return mse_verify_crl(mse_build_view(&o->body), mse_build_view(&o->chain), root_of(c), c->at,
                          err);
}

/* Signed JSON. */

static mse_status verify_signed(struct mse_bytes *body, const struct mse_fetched *o,
                                const char *member, const struct mse_fetch_config *c,
                                struct mse_error *err)
{
    uint8_t sig[64];
    mse_status st = mse_signed_json_split(body, sig, mse_build_view(&o->body), member, err);
    if (st != MSE_OK) {
        return st;
    }
    return mse_verify_signed_json(*body, sig, mse_build_view(&o->chain), member, root_of(c), c->at,
                                  err);
}

static bool is_number(const struct mse_fetch_key *key, uint32_t seen)
{
    return key->update != MSE_FETCH_NUMBERED || key->evaluation_number == seen;
}

static mse_status verify_tcb_info(struct mse_fetched *o, const struct mse_fetch_key *key,
                                  const struct mse_fetch_config *c, struct mse_error *err)
{
    static const struct mse_fetch_window window = { "TCB info", MSE_ERR_TCB_INFO_NOT_YET_VALID,
                                                    MSE_ERR_TCB_INFO_EXPIRED };
    struct mse_bytes body = { 0 };
    mse_status st = verify_signed(&body, o, "tcbInfo", c, err);
    struct mse_tcb_info *info = st == MSE_OK ? calloc(1, sizeof *info) : NULL;
    if (st == MSE_OK) {
        st = info == NULL ? MSE_ERR_MEMORY : mse_tcb_info_parse(info, body, err);
    }
    if (st == MSE_OK) {
        o->from = info->issue_date;
        o->until = info->next_update;
        o->evaluation_number = info->tcb_evaluation_number;
        bool same = info->tee == key->tee && mse_mem_equal(info->fmspc, key->fmspc, 6) &&
                    is_number(key, info->tcb_evaluation_number);
        st = same ? mse_fetched_in_date(o, &window, c->at, err)
                  : mismatch("TCB info", MSE_ERR_TCB_INFO_MISMATCH, err);
    }
    free(info);
    return st;
}

static mse_status verify_identity(struct mse_fetched *o, const struct mse_fetch_key *key,
                                  const struct mse_fetch_config *c, struct mse_error *err)
{
    static const struct mse_fetch_window window = { "the QE identity",
                                                    MSE_ERR_QE_IDENTITY_NOT_YET_VALID,
                                                    MSE_ERR_QE_IDENTITY_EXPIRED };
    enum mse_identity_id want = key->kind == MSE_FETCH_QVE_IDENTITY ? MSE_IDENTITY_QVE
                                : key->tee == MSE_TEE_TDX           ? MSE_IDENTITY_TD_QE
                                                                    : MSE_IDENTITY_QE;
    struct mse_bytes body = { 0 };
    mse_status st = verify_signed(&body, o, "enclaveIdentity", c, err);
    struct mse_qe_identity *id = st == MSE_OK ? calloc(1, sizeof *id) : NULL;
    if (st == MSE_OK) {
        st = id == NULL ? MSE_ERR_MEMORY : mse_qe_identity_parse(id, body, err);
    }
    if (st == MSE_OK) {
        o->from = id->issue_date;
        o->until = id->next_update;
        o->evaluation_number = id->tcb_evaluation_number;
        bool same = id->id == want && is_number(key, id->tcb_evaluation_number);
        st = same ? mse_fetched_in_date(o, &window, c->at, err)
                  : mismatch("QE identity", MSE_ERR_QE_IDENTITY_MISMATCH, err);
    }
    free(id);
    return st;
}

static mse_status verify_numbers(struct mse_fetched *o, const struct mse_fetch_key *key,
                                 const struct mse_fetch_config *c, struct mse_error *err)
{
    static const struct mse_fetch_window window = { "the list of evaluation numbers",
                                                    MSE_ERR_TCB_INFO_NOT_YET_VALID,
                                                    MSE_ERR_TCB_INFO_EXPIRED };
    struct mse_tcb_eval_numbers n;
    struct mse_bytes body = { 0 };
    mse_status st = verify_signed(&body, o, "tcbEvaluationDataNumbers", c, err);
    st = st == MSE_OK ? mse_tcb_eval_numbers_parse(&n, body, err) : st;
    if (st != MSE_OK) {
        return st;
    }
    o->from = n.issue_date;
    o->until = n.next_update;
    if (n.tee != key->tee) {
        return mismatch("list of evaluation numbers", MSE_ERR_TCB_INFO_MISMATCH, err);
    }
    return mse_fetched_in_date(o, &window, c->at, err);
}

/* PCK certificates. */

static mse_status verify_pck(struct mse_fetched *o, const struct mse_fetch_key *key,
                             const struct mse_fetch_config *c, struct mse_error *err)
{
    struct mse_bytes pem = mse_build_view(&o->body);
    struct mse_pck_info info;
    uint8_t der[4096];
    size_t len = 0;
    if (mse_pem_next(&pem, "CERTIFICATE", der, sizeof der, &len) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_PCK_CHAIN_MALFORMED, "PCK certificate", "no PEM certificate");
    }
    struct mse_bytes cert = mse_bytes_of(der, len);
    mse_status st = mse_pck_info_parse(&info, cert, err);
    if (st != MSE_OK) {
        return st;
    }
    if (!mse_mem_equal(info.ext.pce_id, key->pck_request.pce_id, 2)) {
        return mismatch("PCK certificate", MSE_ERR_PCK_CHAIN_MALFORMED, err);
    }
    o->from = info.not_before;
    o->until = info.not_after;
    return mse_verify_pck(cert, mse_build_view(&o->chain), root_of(c), c->at, err);
}

mse_status mse_fetched_verify(struct mse_fetched *o, const struct mse_fetch_key *key,
                              const struct mse_fetch_config *c, struct mse_error *err)
{
    switch (key->kind) {
    case MSE_FETCH_ROOT_CRL:
        return verify_root_crl(o, c, err);
    case MSE_FETCH_PCK_CRL:
        return verify_pck_crl(o, key, c, err);
    case MSE_FETCH_TCB_INFO:
        return verify_tcb_info(o, key, c, err);
    case MSE_FETCH_QE_IDENTITY:
    case MSE_FETCH_QVE_IDENTITY:
        return verify_identity(o, key, c, err);
    case MSE_FETCH_EVAL_NUMBERS:
        return verify_numbers(o, key, c, err);
    case MSE_FETCH_PCK_CERT:
        return verify_pck(o, key, c, err);
    case MSE_FETCH_VCEK:
    case MSE_FETCH_AMD_CHAIN:
    case MSE_FETCH_AMD_CRL:
        return mse_fetched_verify_amd(o, key, c, err);
    }
    return MSE_FAIL(err, MSE_ERR_ARGUMENT, "key", "no kind of object");
}
