/* SPDX-License-Identifier: Apache-2.0 */
/* VCEKs, the chains of AMD's CAs and their CRLs: down to an ARK that is compiled in or pinned. The
 * certificates' profile is the appraisal's matter. */
#include "attest/chain.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "collateral/verify.h"
#include "evidence/vcek.h"

static const struct mse_fetch_window certificates = { "the certificate", MSE_ERR_VCEK_NOT_YET_VALID,
                                                      MSE_ERR_VCEK_EXPIRED };

static mse_status bad_chain(const char *what, struct mse_error *err)
{
    return MSE_FAIL(err, MSE_ERR_VCEK_CHAIN, "AMD chain", "%s", what);
}

static bool is_signed(const struct mse_cert *c, const struct mse_cert *issuer)
{
    return mse_bytes_equal(c->issuer, issuer->subject) && issuer->is_ca &&
           mse_cert_verify(NULL, c, &issuer->key) == MSE_OK;
}

static bool is_trusted(const struct mse_cert *ark, const struct mse_fetch_key *key,
                       const struct mse_fetch_config *c)
{
    if (c->policy == NULL) {
        return false;
    }
    struct mse_root root = mse_root_of(c->policy, MSE_TEE_SNP, &ark->key);
    return root.trusted && (!root.compiled_in || root.product == key->product);
}

/* ASK and ARK at the end of the chain; dates of the whole chain to o. */
static mse_status verify_cas(struct mse_fetched *o, const struct mse_chain *chain,
                             const struct mse_fetch_key *key, const struct mse_fetch_config *c,
                             struct mse_error *err)
{
    const struct mse_cert *ask = &chain->certs[chain->num - 2];
    const struct mse_cert *ark = &chain->certs[chain->num - 1];
    if (!is_signed(ask, ark) || !is_signed(ark, ark)) {
        return bad_chain("an ASK or ARK with a wrong name or signature", err);
    }
    if (!is_trusted(ark, key, c)) {
        return MSE_FAIL(err, MSE_ERR_VCEK_ROOT_UNTRUSTED, "AMD chain",
                        "it does not end in the trusted ARK of %s",
                        mse_snp_product_name(key->product));
    }
    o->from = chain->certs[0].not_before;
    o->until = chain->certs[0].not_after;
    for (size_t i = 1; i < chain->num; i++) {
        const struct mse_cert *one = &chain->certs[i];
        o->from = one->not_before > o->from ? one->not_before : o->from;
        o->until = one->not_after < o->until ? one->not_after : o->until;
    }
    return mse_fetched_in_date(o, &certificates, c->at, err);
}

static mse_status verify_chain(struct mse_fetched *o, const struct mse_fetch_key *key,
                               const struct mse_fetch_config *c, struct mse_error *err)
{
    struct mse_chain chain;
    struct mse_error why = { 0 };
    if (mse_chain_read(&chain, mse_build_view(&o->body), &why) != MSE_OK || chain.num != 2) {
        return bad_chain("not the PEM certificates of an ASK or ASVK and an ARK", err);
    }
    struct mse_bytes cn = mse_name_common_name(chain.certs[0].subject);
    bool vlek = mse_bytes_find(cn, mse_bytes_str("VLEK")) != SIZE_MAX;
    if (vlek != key->vlek) {
        return bad_chain("the other one of VCEK's and VLEK's chains", err);
    }
    return verify_cas(o, &chain, key, c, err);
}

static bool is_hwid(const struct mse_vcek *v, const struct mse_fetch_key *key)
{
    size_t len = key->product == MSE_SNP_TURIN ? 8 : 64;
    return v->hwid_len == len && mse_mem_equal(v->hwid, key->hwid, len);
}

static bool is_tcb(const struct mse_vcek *v, const struct mse_fetch_key *key)
{
    const struct mse_snp_tcb *a = &v->tcb;
    const struct mse_snp_tcb *b = &key->tcb;
    return a->bl == b->bl && a->tee == b->tee && a->snp == b->snp && a->ucode == b->ucode &&
           (key->product != MSE_SNP_TURIN || (v->has_fmc && a->fmc == b->fmc));
}

static mse_status verify_vcek(struct mse_fetched *o, const struct mse_fetch_key *key,
                              const struct mse_fetch_config *c, struct mse_error *err)
{
    struct mse_chain chain;
    struct mse_vcek vcek;
    struct mse_error why = { 0 };
    struct mse_bytes leaf = mse_build_view(&o->body);
    if (mse_chain_read_mixed(&chain, leaf, mse_build_view(&o->chain), &why) != MSE_OK ||
        chain.num != MSE_CHAIN_MAX_CERTS) {
        return bad_chain("not a VCEK below an ASK and an ARK", err);
    }
    if (!is_signed(&chain.certs[0], &chain.certs[1])) {
        return MSE_FAIL(err, MSE_ERR_VCEK_SIGNATURE, "VCEK", "not signed by the ASK");
    }
    mse_status st = mse_vcek_parse(&vcek, &chain.certs[0], err);
    if (st != MSE_OK) {
        return st;
    }
    if (!is_hwid(&vcek, key)) {
        return MSE_FAIL(err, MSE_ERR_VCEK_HWID_MISMATCH, "VCEK", "of another chip");
    }
    if (!is_tcb(&vcek, key)) {
        return MSE_FAIL(err, MSE_ERR_VCEK_TCB_MISMATCH, "VCEK", "for another TCB");
    }
    return verify_cas(o, &chain, key, c, err);
}

static mse_status verify_crl(struct mse_fetched *o, const struct mse_fetch_key *key,
                             const struct mse_fetch_config *c, struct mse_error *err)
{
    static const struct mse_fetch_window window = { "the ARK's CRL", MSE_ERR_VCEK_CRL_NOT_YET_VALID,
                                                    MSE_ERR_VCEK_CRL_EXPIRED };
    struct mse_chain chain;
    struct mse_crl crl;
    struct mse_error why = { 0 };
    if (mse_chain_read(&chain, mse_build_view(&o->chain), &why) != MSE_OK || chain.num != 2) {
        return bad_chain("not the PEM certificates of an ASK or ASVK and an ARK", err);
    }
    mse_status st = verify_cas(o, &chain, key, c, err);
    if (st != MSE_OK) {
        return st;
    }
    if (mse_crl_parse(&crl, mse_build_view(&o->body), &why) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_VCEK_CRL_MALFORMED, "CRL", "%s", why.text);
    }
    const struct mse_cert *ark = &chain.certs[1];
    if (!mse_bytes_equal(crl.issuer, ark->subject)) {
        return MSE_FAIL(err, MSE_ERR_VCEK_CRL_ISSUER_MISMATCH, "CRL", "of another issuer");
    }
    if (mse_crl_verify(NULL, &crl, &ark->key) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_VCEK_CRL_SIGNATURE, "CRL", "not signed by the ARK");
    }
    o->from = crl.this_update;
    o->until = crl.next_update;
    return mse_fetched_in_date(o, &window, c->at, err);
}

mse_status mse_fetched_verify_amd(struct mse_fetched *o, const struct mse_fetch_key *key,
                                  const struct mse_fetch_config *c, struct mse_error *err)
{
    switch ((int)key->kind) {
    case MSE_FETCH_VCEK:
        return verify_vcek(o, key, c, err);
    case MSE_FETCH_AMD_CHAIN:
        return verify_chain(o, key, c, err);
    default:
        return verify_crl(o, key, c, err);
    }
}
