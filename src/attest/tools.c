/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of single pieces of collateral, for tools. The judging is chain.c's; here its notes are
 * boiled down to one status. */
#include "attest/chain.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

static mse_status boil_down(const struct mse_verdict *v, struct mse_error *err)
{
    const struct mse_check *c = mse_verdict_failure(v);
    if (c == NULL) {
        return MSE_OK;
    }
    return MSE_FAIL(err, c->status, mse_step_name(c->step), "%s: seen %s; wanted %s",
                    mse_status_text(c->status), c->seen, c->wanted);
}

static struct mse_anchors one_root(const uint8_t point[64])
{
    struct mse_anchors a = { .num = 1, .keys = { { .point = point, .simulated = false } } };
    return a;
}

/* NOLINTNEXTLINE(readability-function-size): seven parameters; the public API is what it is */
mse_status mse_verify_signed_json(struct mse_bytes body, const uint8_t sig[64],
                                  struct mse_bytes issuer_chain, const char *member,
                                  const uint8_t root_point[64], mse_time at, struct mse_error *err)
{
    struct mse_bytes name = mse_bytes_str(member);
    bool identity = mse_bytes_is_str(name, "enclaveIdentity");
    if (!identity && !mse_bytes_is_str(name, "tcbInfo") &&
        !mse_bytes_is_str(name, "tcbEvaluationDataNumbers")) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "member", "\"%s\" is no signed member", member);
    }
    struct mse_anchors root = one_root(root_point);
    struct mse_signed s = { .body = body,
                            .signature = mse_bytes_of(sig, 64),
                            .issuer_chain = issuer_chain,
                            .anchor = &root.keys[0] };
    struct mse_verdict v = { .tee = MSE_TEE_NONE };
    struct mse_moment now = mse_moment_of(at);
    struct mse_judge j = { .v = &v, .now = &now };
    struct mse_chain chain;
    s.room = &chain;
    (void)mse_judge_signed(&j, identity ? &mse_qe_identity_words : &mse_tcb_info_words, &s);
    return boil_down(&v, err);
}

mse_status mse_verify_pck(struct mse_bytes der, struct mse_bytes issuer_chain,
                          const uint8_t root_point[64], mse_time at, struct mse_error *err)
{
    struct mse_anchors root = one_root(root_point);
    struct mse_chain chain;
    if (mse_chain_read_split(&chain, der, issuer_chain, err) != MSE_OK) {
        return MSE_ERR_PCK_CHAIN_MALFORMED;
    }
    struct mse_verdict v = { .tee = MSE_TEE_NONE };
    struct mse_moment now = mse_moment_of(at);
    struct mse_judge j = { .v = &v, .now = &now };
    (void)mse_judge_pck_chain(&j, &chain, &root);
    return boil_down(&v, err);
}

mse_status mse_verify_crl(struct mse_bytes der, struct mse_bytes issuer_chain,
                          const uint8_t root_point[64], mse_time at, struct mse_error *err)
{
    struct mse_anchors root = one_root(root_point);
    struct mse_chain chain;
    if (mse_chain_read(&chain, issuer_chain, err) != MSE_OK) {
        return MSE_ERR_PCK_CHAIN_MALFORMED;
    }
    struct mse_verdict v = { .tee = MSE_TEE_NONE };
    struct mse_moment now = mse_moment_of(at);
    struct mse_judge j = { .v = &v, .now = &now };
    struct mse_crl crl;
    mse_judge_ca_chain(&j, &chain, &root);
    const struct mse_crl_words *words = chain.num == 1 ? &mse_root_crl_words : &mse_pck_crl_words;
    const struct mse_crl_source in = { der, NULL };
    bool judged = mse_judge_crl(&j, &crl, &in, words, &chain.certs[0]);
    mse_status st = boil_down(&v, err);
    MSE_ASSERT(judged || st != MSE_OK); /* what was not judged was noted */
    return st;
}
