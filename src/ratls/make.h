/* SPDX-License-Identifier: Apache-2.0 */
/* Making certificates (ref-certificates 5, 10-rules 23) with TCG DICE evidence: R1, and R2 with its
 * CA. Used by the runtime. */
#ifndef RATLS_MAKE_H
#define RATLS_MAKE_H

#include <mse/ratls.h>

#include "base/build.h"
#include "crypto/sign.h"

/* The deterministic claims map (RFC 8949 4.2.1). Optional slices are left out when empty. */
struct mse_ratls_claims_params {
    uint8_t spki_sha256[32];
    enum mse_ratls_role role; /* not MSE_ROLE_ABSENT */
    struct mse_bytes nonce;
    struct mse_bytes exporter;
    struct mse_bytes x25519;
    struct mse_bytes manifest;
    struct mse_bytes boot;
    struct mse_bytes app_data;            /* 1 to 64 bytes; with the role app only */
    enum mse_ratls_key_origin key_origin; /* ABSENT: left out */
    struct mse_bytes ca_sha256;           /* of the SubjectPublicKeyInfo of the CA */
};
MSE_MUST_USE mse_status mse_ratls_claims_make(struct mse_build *out,
                                              const struct mse_ratls_claims_params *p);
/* report_data = SHA-256(claims) || 32 zero bytes. */
MSE_MUST_USE mse_status mse_ratls_report_data(uint8_t out[64], struct mse_bytes claims);
/* CBOR 60000([quote, claims]); for a report of SEV-SNP, and certificates behind it, what
 * mse_ratls_evidence_make_tagged makes of them. */
MSE_MUST_USE mse_status mse_ratls_evidence_make(struct mse_build *out, struct mse_bytes quote,
                                                struct mse_bytes claims);
/* The same for SEV-SNP and Nitro: CBOR 0x6d7301 or 0x6d7302([report, claims, certificates]);
 * certificates: DER, leaf first, one behind the other; may be empty. MSE_ERR_ARGUMENT: other TEEs.
 * The user data of a Nitro document are the 64 bytes of mse_ratls_report_data. */
MSE_MUST_USE mse_status mse_ratls_evidence_make_tagged(struct mse_build *out, enum mse_tee_kind tee,
                                                       struct mse_bytes report,
                                                       struct mse_bytes claims,
                                                       struct mse_bytes certificates);

struct mse_ratls_cert_params {
    const struct mse_privkey *key; /* P-256, born in the TEE */
    const char *dns_name;          /* the one SAN; exact host */
    mse_time not_before;
    mse_time not_after;
    struct mse_bytes evidence;     /* DICE extension value */
    bool no_evidence;              /* wanted so: nobody accepts it, for the attack kit */
    struct mse_bytes legacy_quote; /* empty: no legacy extension */
    const struct mse_privkey *ca;  /* NULL: signed by key itself (R1); else R2 */
};
/* Appends the DER. CN "RA-TLS <32 hex of the SPKI hash>", random 128-bit serial, CA:FALSE,
 * digitalSignature, serverAuth, SAN, SKI, evidence non-critical. */
MSE_MUST_USE mse_status mse_ratls_cert_make(struct mse_build *out,
                                            const struct mse_ratls_cert_params *p,
                                            struct mse_error *err);

/* The CA of one R2 certificate. */
struct mse_ratls_ca_params {
    const struct mse_privkey *key; /* P-256, born in the TEE, to be erased after it has signed */
    const char *dns_name;          /* the one name that it may sign for */
    mse_time not_before;
    mse_time not_after;
};
/* Appends the DER of a CA that is harmless in anybody's store: CN "RA-TLS CA <32 hex of the SPKI
 * hash>", pathlen 0, keyCertSign, serverAuth, critical nameConstraints, SKI; no evidence. */
MSE_MUST_USE mse_status mse_ratls_ca_make(struct mse_build *out,
                                          const struct mse_ratls_ca_params *p,
                                          struct mse_error *err);

/* The user's own: what his proxy shows to his browser. No evidence is in it. */
struct mse_ratls_local_params {
    const struct mse_privkey *key; /* P-256 */
    const struct mse_bytes *names; /* DNS names, exact */
    size_t num_names;
    const struct mse_privkey *ca; /* of a leaf, for the first name; NULL: key is the CA's, which may
                                     sign for the names and nothing else */
    mse_time not_before;
    mse_time not_after;
};
/* Appends the DER. MSE_ERR_ARGUMENT: a name that is none. */
MSE_MUST_USE mse_status mse_ratls_local_make(struct mse_build *out,
                                             const struct mse_ratls_local_params *p,
                                             struct mse_error *err);

#endif
