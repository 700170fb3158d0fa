/* SPDX-License-Identifier: Apache-2.0 */
/* A collateral set with what is known of it, and what an appraiser knows of platforms: see known.h
 * for what may be remembered at all. */
#ifndef ATTEST_PREPARED_H
#define ATTEST_PREPARED_H

#include <mse/collateral.h>

#include "attest/chain.h"
#include "base/memo.h"
#include "crypto/sign.h"

/* The memo that the collateral sets of one appraiser share. */
struct mse_facts {
    struct mse_shared shared;
    struct mse_memo *memo;
};

struct mse_prepared {
    struct mse_shared shared;
    struct mse_prepared *self;
    struct mse_collateral view; /* into bytes; view.prepared is this object */
    uint8_t *bytes;
    struct mse_facts *facts;
    /* NULL: nothing is known. */
    struct mse_known_signed *tcb;
    struct mse_known_signed *qe;
    struct mse_tcb_info *tcb_info;
    struct mse_qe_identity *qe_identity;
    struct mse_known_crl *pck_crl;
    struct mse_known_crl *root_crl;
    struct mse_known_crl *vcek_crl;
    struct mse_chain *vcek_chain;
    struct mse_ec_key *vcek_key; /* of vcek_chain's leaf */
};
/* mse_prepared_new copies the set and finds out what can be known of it alone. NULL without memory.
 */
struct mse_prepared *mse_prepared_new(const struct mse_collateral *c, struct mse_facts *facts);
/* mse_prepared_key: the digest of a set, over each member and its length. */
MSE_MUST_USE mse_status mse_prepared_key(uint8_t key[32], const struct mse_collateral *c);
/* The counter of its users, which may change when nothing else may. */
struct mse_shared *mse_prepared_shared(const struct mse_prepared *p);
/* What is known of these very bytes: NULL also if a member of the set was changed since. */
const struct mse_prepared *mse_prepared_of(const struct mse_collateral *c);
/* All that a DCAP appraisal reads of it is known. */
MSE_MUST_USE bool mse_prepared_has_dcap(const struct mse_prepared *p);

/* What is known of the platform that made one quote: its PCK chain, and that the chain's leaf
 * signed the QE report that names the attestation key. Zeroed: nothing; for one appraisal. */
struct mse_known_chain;
struct mse_known_qe;
struct mse_known_platform {
    struct mse_memo *memo;   /* NULL: nothing is remembered */
    uint8_t chain_place[32]; /* where the chain is looked for */
    uint8_t chain_key[32];   /* its digest */
    uint8_t qe_place[32];
    struct mse_known_chain *chain;
    struct mse_known_qe *qe;
};
/* mse_platform_find_chain returns the verified chain of these bytes, or NULL. k may be NULL. */
const struct mse_chain *mse_platform_find_chain(struct mse_known_platform *p,
                                                const struct mse_prepared *k, struct mse_bytes pem);
/* What the PCK certificate says of its platform. */
struct mse_pck_leaf {
    bool has_ext; /* it has an SGX extension that reads well */
    struct mse_pck_ext ext;
    bool ca_is_platform; /* its issuer, by name; else Processor */
};
/* mse_pck_leaf_read fills *out from a chain with an SGX extension. */
void mse_pck_leaf_read(struct mse_pck_leaf *out, const struct mse_chain *c, struct mse_error *err);
/* The same of the known chain; NULL if none is known, or if there is an error to be told. */
const struct mse_pck_leaf *mse_platform_leaf(const struct mse_known_platform *p);
/* For a chain that was just found to be verified. */
void mse_platform_learn_chain(struct mse_known_platform *p, struct mse_bytes pem);
/* mse_platform_find_qe tells whether the leaf of the chain is known to have signed this QE report.
 */
MSE_MUST_USE bool mse_platform_find_qe(struct mse_known_platform *p,
                                       const struct mse_quote_auth *auth);
/* For a QE report whose signature was just found good. */
void mse_platform_learn_qe(struct mse_known_platform *p, const struct mse_quote_auth *auth);
/* The attestation key of the QE that was found or learned; NULL if there is none. */
const struct mse_ec_key *mse_platform_attestation_key(const struct mse_known_platform *p);
void mse_platform_clear(struct mse_known_platform *p);

#endif
