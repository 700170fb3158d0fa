/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures over raw keys, and the private keys that our own programs make. */
#ifndef CRYPTO_SIGN_H
#define CRYPTO_SIGN_H

#include <mse/status.h>

#include "crypto/x509.h"

/* Room for verifications on P-256 and P-384, so that each builds the group and OpenSSL's objects
 * once: they cost a fifth of a verification. Empty when zeroed, filled by the first call that gets
 * it; for one thread at a time. Functions take NULL for room of their own. */
struct mse_curve {
    void *p256;
    void *p384;
};
void mse_curve_clear(struct mse_curve *c);

/* A public key on P-256 or P-384, ready to verify with; never changes, so that threads may share
 * it. key: of either type. NULL if it is not on its curve, of another type, or without memory. */
struct mse_ec_key;
struct mse_ec_key *mse_ec_key_new(const struct mse_pubkey *key);
/* The same of 64 bytes X || Y on P-256. */
struct mse_ec_key *mse_ec_key_of_point(const uint8_t point[64]);
void mse_ec_key_free(struct mse_ec_key *k);
/* sig: r || s, big-endian, twice 32 (with SHA-256) or 48 bytes (with SHA-384). MSE_OK,
 * MSE_ERR_SIGNATURE, MSE_ERR_CRYPTO. */
MSE_MUST_USE mse_status mse_ec_key_verify(const struct mse_ec_key *k, struct mse_bytes sig,
                                          struct mse_bytes message);

/* point: 64 bytes X || Y. sig: 64 bytes r || s, big-endian. MSE_OK, MSE_ERR_SIGNATURE (also for a
 * point off the curve and for r or s out of range), MSE_ERR_CRYPTO. */
MSE_MUST_USE mse_status mse_p256_verify(struct mse_curve *curve, const uint8_t point[64],
                                        const uint8_t sig[64], struct mse_bytes message);
/* P-384 with SHA-384: 96 bytes X || Y, 96 bytes r || s, big-endian. */
MSE_MUST_USE mse_status mse_p384_verify(struct mse_curve *curve, const uint8_t point[96],
                                        const uint8_t sig[96], struct mse_bytes message);
MSE_MUST_USE mse_status mse_p384_verify_digest(struct mse_curve *curve, const uint8_t point[96],
                                               const uint8_t sig[96], const uint8_t digest[48]);
/* DER-encoded ECDSA (strict) or RSA signature over message, by the algorithm that alg names; curve
 * counts for ECDSA. */
MSE_MUST_USE mse_status mse_verify(struct mse_curve *curve, const struct mse_pubkey *key,
                                   enum mse_sig_alg alg, struct mse_bytes signature,
                                   struct mse_bytes message);
/* RSA-3072, e = 3, PKCS#1 v1.5 with SHA-256; modulus and signature little-endian as in SIGSTRUCT.
 */
MSE_MUST_USE mse_status mse_rsa3_verify_le(const uint8_t modulus[384], const uint8_t signature[384],
                                           struct mse_bytes message);
/* Q1 = floor(s^2 / n), Q2 = floor((s^2 - Q1 n) s / n), all little-endian (SDM Vol. 3D, SIGSTRUCT).
 */
MSE_MUST_USE mse_status mse_rsa3_q1_q2(uint8_t q1[384], uint8_t q2[384], const uint8_t modulus[384],
                                       const uint8_t signature[384]);

/* A private key; opaque, heap, wiped on free. */
struct mse_privkey;
MSE_MUST_USE mse_status mse_privkey_generate_p256(struct mse_privkey **out);
MSE_MUST_USE mse_status mse_privkey_generate_rsa3072_e3(struct mse_privkey **out);
/* PKCS#8 or SEC1/PKCS#1 PEM, unencrypted. */
MSE_MUST_USE mse_status mse_privkey_from_pem(struct mse_privkey **out, struct mse_bytes pem,
                                             struct mse_error *err);
/* The same for TLS: P-256, P-384, or RSA of 2048 to 8192 bits. */
MSE_MUST_USE mse_status mse_privkey_from_pem_tls(struct mse_privkey **out, struct mse_bytes pem,
                                                 struct mse_error *err);
/* PKCS#8 PEM appended to b. */
MSE_MUST_USE mse_status mse_privkey_to_pem(const struct mse_privkey *k, struct mse_build *b);
void mse_privkey_free(struct mse_privkey *k);
/* Appends the DER SubjectPublicKeyInfo. */
MSE_MUST_USE mse_status mse_privkey_spki(const struct mse_privkey *k, struct mse_build *b);
/* SHA-256 of it. */
MSE_MUST_USE mse_status mse_privkey_spki_sha256(const struct mse_privkey *k, uint8_t out[32]);
/* P-256 only: 64 bytes X || Y. */
MSE_MUST_USE mse_status mse_privkey_point(const struct mse_privkey *k, uint8_t out[64]);
/* P-256 with SHA-256: 64 bytes r || s. */
MSE_MUST_USE mse_status mse_p256_sign(const struct mse_privkey *k, uint8_t sig[64],
                                      struct mse_bytes message);
/* Appends a DER signature (ECDSA-SHA256) or, for RSA, PKCS#1 v1.5 SHA-256 in big-endian. */
MSE_MUST_USE mse_status mse_privkey_sign(const struct mse_privkey *k, struct mse_build *b,
                                         struct mse_bytes message);
/* RSA-3072: the modulus, little-endian, as SIGSTRUCT wants it. */
MSE_MUST_USE mse_status mse_privkey_rsa_modulus_le(const struct mse_privkey *k, uint8_t out[384]);
/* The OpenSSL EVP_PKEY, borrowed, as void *: for ratls and net, which hand it to libssl. */
void *mse_privkey_evp_borrow(const struct mse_privkey *k);

#endif
