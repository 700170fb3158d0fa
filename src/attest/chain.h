/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate chains, CRLs and signed JSON: each function notes all that it finds in a verdict. */
#ifndef ATTEST_CHAIN_H
#define ATTEST_CHAIN_H

#include "attest/anchors.h"
#include "attest/known.h"
#include "attest/verdict.h"
#include "crypto/x509.h"

/* A chain: leaf first, whatever the order in which it came. Certificates are views into der. */
#define MSE_CHAIN_MAX_CERTS 3
struct mse_chain {
    size_t num;
    struct mse_cert certs[MSE_CHAIN_MAX_CERTS];
    bool verified;          /* known: each is named and signed by the next, the last by itself */
    bool has_sgx_extension; /* the leaf: Intel's, whose value is not looked into */
    struct mse_bytes sgx_extension;
    size_t der_len;
    uint8_t der[8192];
};
/* mse_chain_read decodes 1 to 3 PEM certificates. MSE_ERR_MALFORMED. */
MSE_MUST_USE mse_status mse_chain_read(struct mse_chain *out, struct mse_bytes pem,
                                       struct mse_error *err);
/* The same for a leaf in DER and the PEM chain of its issuers. */
MSE_MUST_USE mse_status mse_chain_read_split(struct mse_chain *out, struct mse_bytes leaf_der,
                                             struct mse_bytes issuers, struct mse_error *err);

/* The same for a leaf and its issuers, each DER or PEM, one certificate behind the other. */
MSE_MUST_USE mse_status mse_chain_read_mixed(struct mse_chain *out, struct mse_bytes leaf,
                                             struct mse_bytes issuers, struct mse_error *err);

/* mse_chain_verify sets c->verified if that is what it is. */
void mse_chain_verify(struct mse_chain *c, struct mse_curve *curve);

/* What every judge needs: where it notes, what it verifies with (see crypto/sign.h, may be NULL),
 * and the time of the appraisal. */
struct mse_judge {
    struct mse_verdict *v;
    struct mse_curve *curve;
    const struct mse_moment *now;
};

/* mse_judge_pck_chain: leaf, Platform or Processor CA, root; step MSE_STEP_PCK_CHAIN. Returns the
 * anchor in which it ends, NULL if in none. */
const struct mse_anchor *mse_judge_pck_chain(const struct mse_judge *j, const struct mse_chain *c,
                                             const struct mse_anchors *anchors);

/* mse_judge_ca_chain: the chain of a CRL's issuer, the root alone or a CA and the root. */
void mse_judge_ca_chain(const struct mse_judge *j, const struct mse_chain *c,
                        const struct mse_anchors *anchors);

/* The words of one kind of CRL. */
struct mse_crl_words {
    enum mse_step step;
    const char *what;
    mse_status missing;
    mse_status malformed;
    mse_status issuer_mismatch;
    mse_status signature;
    mse_status early;
    mse_status late;
};
extern const struct mse_crl_words mse_pck_crl_words;
extern const struct mse_crl_words mse_root_crl_words;

/* What is known of the bytes of a CRL: its form, and one key under which its signature is good. */
struct mse_known_crl {
    bool parsed;
    struct mse_crl crl;
    struct mse_known_key signer;
};
struct mse_crl_source {
    struct mse_bytes der;
    struct mse_known_crl *known; /* NULL: nothing */
};
/* mse_judge_crl reads a CRL and judges issuer, signature and dates. issuer: the certificate that
 * must have issued it; NULL: unknown, for its chain could not be used. False if out was not
 * filled. */
MSE_MUST_USE bool mse_judge_crl(const struct mse_judge *j, struct mse_crl *out,
                                const struct mse_crl_source *in, const struct mse_crl_words *words,
                                const struct mse_cert *issuer);
/* mse_judge_revoked notes whether a certificate stands in crl (NULL: skipped). */
void mse_judge_revoked(const struct mse_judge *j, const struct mse_crl *crl,
                       const struct mse_cert *cert, const struct mse_ask *ask, mse_status revoked);

/* The words of one kind of signed JSON. */
struct mse_signed_words {
    enum mse_step step;
    const char *what; /* of the signing certificate's dates */
    mse_status missing;
    mse_status malformed; /* of the chain, and so on */
    mse_status chain_signature;
    mse_status chain_early;
    mse_status chain_late;
    mse_status untrusted;
    mse_status revoked;
    mse_status signature;
};
extern const struct mse_signed_words mse_tcb_info_words;
extern const struct mse_signed_words mse_qe_identity_words;

/* What is known of the bytes of a body, its signature and its chain. */
struct mse_known_signed {
    struct mse_chain chain;      /* num 0: nothing */
    bool signed_by_leaf;         /* the body, by the chain's first certificate */
    struct mse_known_key issuer; /* of that certificate, where no root came with it */
};

/* Signed JSON and what it is judged against. */
struct mse_signed {
    struct mse_bytes body;
    struct mse_bytes signature;
    struct mse_bytes issuer_chain;
    const struct mse_anchor *anchor;  /* the root in which all of this appraisal must end */
    const struct mse_cert *root;      /* the root certificate already judged, or NULL */
    const struct mse_crl *root_crl;   /* NULL: revocation is not judged here */
    const struct mse_cert *good_leaf; /* a signing certificate already judged good, or NULL */
    const struct mse_chain *read;     /* the chain, if its very bytes were read before, or NULL */
    struct mse_known_signed *known;   /* of these very bytes; NULL: nothing */
    struct mse_chain *room;           /* for the chain; may be NULL if the chain is known */
};
/* mse_judge_signed notes missing parts, the chain, the signature over the exact bytes and the
 * signer's revocation. Returns the chain; NULL if it could not be read. */
const struct mse_chain *mse_judge_signed(const struct mse_judge *j,
                                         const struct mse_signed_words *words,
                                         const struct mse_signed *s);

#endif
