/* SPDX-License-Identifier: Apache-2.0 */
/* What certificates of our profiles R1 and R2 consist of (docs/protocol.md, "Certificate"), for
 * those who make them and those who judge them. Nothing of the appraisal is in here. */
#ifndef RATLS_PROFILE_H
#define RATLS_PROFILE_H

#include <mse/ratls.h>

#include "base/build.h"

#define MSE_PROFILE_KEY_ID_LEN   20
#define MSE_PROFILE_MAX_DNS_NAME 253
#define MSE_PROFILE_CN           "RA-TLS "    /* and 32 digits of the key's SHA-256 */
#define MSE_PROFILE_CN_CA        "RA-TLS CA " /* the same */
/* Of what a user's own proxy makes for the user's own browser: no evidence is in these. */
#define MSE_PROFILE_CN_LOCAL    "mse proxy "
#define MSE_PROFILE_CN_LOCAL_CA "mse proxy CA "
#define MSE_PROFILE_CN_MAX      16 /* of these, with a NUL */

/* mse_ratls_split takes apart what stands for a certificate everywhere in ratls: its DER, or its
 * DER and that of its CA right behind. *ca is empty without one. False if it is neither. Of the
 * certificates only the outermost lengths are looked at. */
MSE_MUST_USE bool mse_ratls_split(struct mse_bytes *leaf, struct mse_bytes *ca,
                                  struct mse_bytes ders);
/* mse_ratls_ca_sha256 hashes the SubjectPublicKeyInfo of the CA in ders: the claim mse-ca-hash.
 * *has_ca is false without one. MSE_ERR_MALFORMED. */
MSE_MUST_USE mse_status mse_ratls_ca_sha256(uint8_t out[32], bool *has_ca, struct mse_bytes ders);

/* mse_ratls_put_pem appends a certificate, and the one right behind it if there is one, as PEM. */
void mse_ratls_put_pem(struct mse_build *pem, struct mse_bytes ders);
/* mse_ratls_get_pem decodes the first certificate of a PEM text into room (cap bytes; pem.len are
 * enough), and the one behind it if there are exactly two: its CA's, perhaps. *out borrows room.
 * MSE_ERR_NOT_FOUND: there is none; MSE_ERR_MALFORMED. */
MSE_MUST_USE mse_status mse_ratls_get_pem(struct mse_bytes *out, uint8_t *room, size_t cap,
                                          struct mse_bytes pem);

/* mse_profile_is_dns_name: an exact host name, as certificates of ours have: labels of lower-case
 * letters, digits and inner hyphens, no wildcard. */
MSE_MUST_USE bool mse_profile_is_dns_name(struct mse_bytes name);

/* mse_profile_key_id: of a public key's bits (04 || X || Y). */
MSE_MUST_USE mse_status mse_profile_key_id(uint8_t out[MSE_PROFILE_KEY_ID_LEN],
                                           struct mse_bytes point);
/* mse_profile_name appends the Name with the one CN that is a key's. */
void mse_profile_name(struct mse_build *b, const char *prefix, const uint8_t spki_sha256[32]);

/* Opens an extension up to and with its OCTET STRING; mse_profile_ext_end closes both. */
struct mse_profile_ext {
    size_t sequence;
    size_t value;
};
struct mse_profile_ext mse_profile_ext(struct mse_build *b, struct mse_bytes oid, bool critical);
void mse_profile_ext_end(struct mse_build *b, struct mse_profile_ext e);
/* extKeyUsage: serverAuth and nothing else. */
void mse_profile_put_server_auth(struct mse_build *b);
void mse_profile_put_key_id(struct mse_build *b, const uint8_t key_id[MSE_PROFILE_KEY_ID_LEN]);

/* mse_profile_constraints appends the value of nameConstraints: this DNS name only, none below it,
 * and no address. */
void mse_profile_constraints(struct mse_build *b, struct mse_bytes dns_name);
/* The same for several names. Where one of them is below another, all names below that other one
 * are allowed: constraints cannot tell them apart. */
void mse_profile_constraints_all(struct mse_build *b, const struct mse_bytes *names, size_t num);
/* Tells whether one of the names is below parent. */
bool mse_profile_has_below(struct mse_bytes parent, const struct mse_bytes *names, size_t num);
/* mse_profile_ca_extensions appends all extensions of the CA: the content of their SEQUENCE. */
void mse_profile_ca_extensions(struct mse_build *b, struct mse_bytes dns_name,
                               const uint8_t key_id[MSE_PROFILE_KEY_ID_LEN]);
void mse_profile_ca_extensions_all(struct mse_build *b, const struct mse_bytes *names, size_t num,
                                   const uint8_t key_id[MSE_PROFILE_KEY_ID_LEN]);

#endif
