/* SPDX-License-Identifier: Apache-2.0 */
/* Who the enclave is: keys born inside, and the RA-TLS certificate that says so. */
#ifndef ENCLAVE_IDENTITY_H
#define ENCLAVE_IDENTITY_H

#include "crypto/sign.h"
#include "enclave/load.h"

struct mse_identity {
    struct mse_privkey *key;
    struct mse_build cert;        /* DER of the certificate for the manifest's public name, of its
                                     CA's behind it with R2; empty where that is served under the
                                     owner's */
    struct mse_build config_cert; /* the same for config_domain_name; empty without a phase 1 */
    uint8_t spki_sha256[32];
    bool has_ca;               /* the two are R2, signed by one key, which is gone */
    uint8_t ca_sha256[32];     /* of its SubjectPublicKeyInfo */
    uint8_t x25519_secret[32]; /* for sealed boxes; never leaves */
    uint8_t x25519_public[32];
    uint8_t boot[16]; /* drawn at each start */
};
/* Makes the keys, evidence for them and the certificate. Release with mse_identity_clear. */
MSE_MUST_USE mse_status mse_identity_make(struct mse_identity *out, const struct mse_manifest *m,
                                          const uint8_t manifest_digest[32],
                                          const struct mse_enclave_tee *tee, struct mse_error *err);
/* Who the enclave was before a restart: the keys and certificates that it sealed. Only the boot is
 * new. MSE_ERR_STATE_DAMAGED if they make no sense. */
struct mse_state;
MSE_MUST_USE mse_status mse_identity_restore(struct mse_identity *out, const struct mse_state *s,
                                             struct mse_error *err);
/* Wipes the keys; accepts the empty state. */
void mse_identity_clear(struct mse_identity *id);

#endif
