/* SPDX-License-Identifier: Apache-2.0 */
/* Trust anchors: keys, never names. The compiled-in ones, and the one simulated root that a policy
 * may name. Nothing that arrives with evidence gets in here. */
#ifndef ATTEST_ANCHORS_H
#define ATTEST_ANCHORS_H

#include <mse/policy.h>

#include "attest/verdict.h"
#include "crypto/x509.h"

struct mse_anchor {
    const uint8_t *point; /* 64 bytes X || Y */
    bool simulated;
};
struct mse_anchors {
    size_t num;
    struct mse_anchor keys[2];
};
/* mse_anchors_of lists the roots to which evidence may chain: the compiled-in one unless the policy
 * trusts a simulated root only, and the policy's simulated root if it names one (whether simulation
 * is allowed is judged later). Borrows from p. */
struct mse_anchors mse_anchors_of(const struct mse_policy *p);
/* The anchor with this key, or NULL. */
const struct mse_anchor *mse_anchors_find(const struct mse_anchors *a,
                                          const struct mse_pubkey *key);

/* Roots whose keys are no P-256 points: they are known by the SHA-256 of their
 * SubjectPublicKeyInfo. */
struct mse_root {
    bool trusted;
    bool compiled_in;             /* else simulated, whoever made it */
    enum mse_snp_product product; /* of a compiled-in ARK */
};
struct mse_root mse_root_of(const struct mse_policy *p, enum mse_tee_kind tee,
                            const struct mse_pubkey *key);

/* mse_note_simulation notes step simulation for evidence that chains to such a root, of whatever
 * kind of key. nowhere: what to say of a root that nobody trusts. */
void mse_note_simulation(struct mse_verdict *v, const struct mse_root *root,
                         const struct mse_policy *p, const char *nowhere);

/* mse_point_of borrows the 64 bytes X || Y of a P-256 key; NULL for another kind of key. */
const uint8_t *mse_point_of(const struct mse_pubkey *key);

/* mse_is_intel_root_certificate tells whether der is, byte for byte, one of Intel's two root
 * certificates: their self-signatures need no checking again. */
MSE_MUST_USE bool mse_is_intel_root_certificate(struct mse_bytes der);
/* The same for the AWS Nitro root. */
MSE_MUST_USE bool mse_is_nitro_root_certificate(struct mse_bytes der);

#endif
