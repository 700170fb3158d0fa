/* SPDX-License-Identifier: Apache-2.0 */
/* The appraisals of SGX, TDX, SEV-SNP and Nitro behind signatures that all hold (the linker puts
 * the functions below in the place of the real ones, in this target alone): what the fuzzer changes
 * gets past the cryptography, to everything that judges content. The first byte chooses the kind of
 * evidence, the next two are the length of each part, in order, and of the root; what is left is
 * the evidence. */
#include <mse/attest.h>

#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/sign.h"

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl*): the linker's names */
mse_status __wrap_mse_p256_verify(const struct mse_curve *c, const uint8_t point[64],
                                  const uint8_t sig[64], struct mse_bytes message);
mse_status __wrap_mse_p384_verify(const uint8_t point[96], const uint8_t sig[96],
                                  struct mse_bytes message);
mse_status __wrap_mse_p384_verify_digest(const struct mse_curve *c, const uint8_t point[96],
                                         const uint8_t sig[96], const uint8_t digest[48]);
mse_status __wrap_mse_verify(const struct mse_curve *c, const struct mse_pubkey *key,
                             enum mse_sig_alg alg, struct mse_bytes sig, struct mse_bytes message);

mse_status __wrap_mse_p256_verify(const struct mse_curve *c, const uint8_t point[64],
                                  const uint8_t sig[64], struct mse_bytes message)
{
    (void)c;
    (void)point;
    (void)sig;
    (void)message;
    return MSE_OK;
}

mse_status __wrap_mse_p384_verify(const uint8_t point[96], const uint8_t sig[96],
                                  struct mse_bytes message)
{
    (void)point;
    (void)sig;
    (void)message;
    return MSE_OK;
}

mse_status __wrap_mse_p384_verify_digest(const struct mse_curve *c, const uint8_t point[96],
                                         const uint8_t sig[96], const uint8_t digest[48])
{
    (void)c;
    (void)point;
    (void)sig;
    (void)digest;
    return MSE_OK;
}

mse_status __wrap_mse_verify(const struct mse_curve *c, const struct mse_pubkey *key,
                             enum mse_sig_alg alg, struct mse_bytes sig, struct mse_bytes message)
{
    (void)c;
    (void)key;
    (void)alg;
    (void)sig;
    (void)message;
    return MSE_OK;
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl*): as above */

static struct mse_bytes part(struct mse_bytes *in)
{
    struct mse_bytes out = { NULL, 0 };
    uint16_t len = 0;
    if (mse_rd_u16le(in, &len)) {
        (void)!mse_rd_bytes(in, &out, len < in->len ? len : in->len);
    }
    return out;
}

static void read_collateral(struct mse_collateral *c, struct mse_bytes *in)
{
    static const uint8_t sig[64] = { 1 };
    c->tcb_info = part(in);
    c->tcb_info_issuer_chain = part(in);
    c->qe_identity = part(in);
    c->qe_identity_issuer_chain = c->tcb_info_issuer_chain;
    c->tcb_info_signature = mse_bytes_of(sig, sizeof sig);
    c->qe_identity_signature = c->tcb_info_signature;
    c->pck_crl = part(in);
    c->root_ca_crl = part(in);
    c->vcek = part(in);
    c->vcek_issuer_chain = part(in);
    c->vcek_crl = c->root_ca_crl;
}

/* Whatever is accepted went through every step that its kind demands. */
static void check(const struct mse_verdict *v)
{
    static char text[65536];
    for (unsigned s = 0; v->accepted && s < MSE_STEP_COUNT; s++) {
        MSE_ASSERT(!mse_verdict_step_applies(v->tee, (enum mse_step)s) ||
                   mse_verdict_step_ok(v, (enum mse_step)s));
    }
    MSE_ASSERT(v->num_checks > 0 && v->num_checks <= MSE_MAX_CHECKS);
    MSE_ASSERT(mse_verdict_to_json(text, sizeof text, v) == MSE_OK);
    MSE_ASSERT(mse_verdict_to_text(text, sizeof text, v) == MSE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mse_verdict v;
    static struct mse_policy policy;
    struct mse_bytes in = mse_bytes_of(data, size);
    struct mse_collateral c = { .tcb_info = { NULL, 0 } };
    uint8_t kind = 0;
    if (!mse_rd_u8(&in, &kind)) {
        return 0;
    }
    read_collateral(&c, &in);
    mse_policy_default(&policy);
    policy.insecure_any_app = (kind & 2) != 0;
    /* The root is the fuzzer's own too. */
    struct mse_bytes root = part(&in);
    policy.allow_simulation =
        mse_simulation_root_sha256_of_pem(policy.simulation_root_sha256, root, NULL) == MSE_OK;
    (void)!mse_simulation_root_of_pem(policy.simulation_root, root, NULL);
    mse_status st = (kind & 4) != 0   ? mse_appraise_nitro(&v, in, &policy, 1767225600, NULL)
                    : (kind & 1) != 0 ? mse_appraise_snp(&v, in, &c, &policy, 1767225600, NULL)
                                      : mse_appraise_quote(&v, in, &c, &policy, 1767225600, NULL);
    MSE_ASSERT(v.status == st && v.accepted == (st == MSE_OK));
    check(&v);
    return 0;
}
