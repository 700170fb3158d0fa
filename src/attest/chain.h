/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate chains, CRLs and signed JSON: each function notes all that it finds in a verdict. */
#ifndef ATTEST_CHAIN_H
#define ATTEST_CHAIN_H

#include "attest/anchors.h"
#include "attest/verdict.h"
#include "crypto/x509.h"

/* A chain: leaf first, whatever the order in which it came. Certificates are views into der. */
#define MSE_CHAIN_MAX_CERTS 3
struct mse_chain {
    size_t num;
    struct mse_cert certs[MSE_CHAIN_MAX_CERTS];
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

/* What every judge needs: where it notes, what it verifies on (see crypto/sign.h, may be NULL), and
 * the time of the appraisal. */
struct mse_judge {
    struct mse_verdict *v;
    const struct mse_curve *curve;
    mse_time at;
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

/* mse_judge_crl reads a CRL and judges issuer, signature and dates. issuer: the certificate that
 * must have issued it; NULL: unknown, for its chain could not be used. False if out was not
 * filled. */
MSE_MUST_USE bool mse_judge_crl(const struct mse_judge *j, struct mse_crl *out,
                                struct mse_bytes der, const struct mse_crl_words *words,
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

/* Signed JSON and what it is judged against. */
struct mse_signed {
    struct mse_bytes body;
    struct mse_bytes signature;
    struct mse_bytes issuer_chain;
    const struct mse_anchor *anchor;  /* the root in which all of this appraisal must end */
    const struct mse_cert *root;      /* the root certificate already judged, or NULL */
    const struct mse_crl *root_crl;   /* NULL: revocation is not judged here */
    const struct mse_cert *good_leaf; /* a signing certificate already judged good, or NULL */
};
/* mse_judge_signed notes missing parts, the chain, the signature over the exact bytes and the
 * signer's revocation. chain is filled as far as it could be read (num 0: not at all). */
void mse_judge_signed(const struct mse_judge *j, struct mse_chain *chain,
                      const struct mse_signed_words *words, const struct mse_signed *s);

#endif
