/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one appraisal of a DCAP quote, SGX or TDX. What both kinds share is dcap.c (what
 * must be genuine), dcap_policy.c (TCB evaluation and what the policy wants) and reference.c; what
 * is special to one of them is sgx_body.c and tdx_body.c. */
#ifndef ATTEST_DCAP_H
#define ATTEST_DCAP_H

#include "attest/chain.h"
#include "attest/prepared.h"
#include "attest/tcb.h"

struct mse_dcap;

/* What differs between the kinds. */
struct mse_dcap_kind {
    enum mse_tee_kind tee;
    enum mse_identity_id qe;
    const char *form; /* texts of what is wanted */
    const char *tcb_info;
    const char *qe_identity;
    /* Fills header, auth, signed_part and the verdict's claims. */
    mse_status (*read)(struct mse_dcap *a, struct mse_bytes quote, struct mse_error *err);
    /* Step tdx_module; NULL if there is no such thing. */
    void (*judge_module)(struct mse_dcap *a);
    /* Steps attributes and signer. */
    void (*judge_body)(struct mse_dcap *a);
};

struct mse_dcap {
    const struct mse_dcap_kind *kind;
    struct mse_verdict *v;
    const struct mse_collateral *collateral;
    const struct mse_policy *policy;
    mse_time at;
    struct mse_judge judge;              /* v and at once more, for chain.h */
    const struct mse_prepared *prepared; /* what is known of the collateral; NULL: nothing */
    struct mse_known_platform platform;  /* and of the quote's own parts */
    struct mse_dcap_room *room;          /* NULL: all of it is known */

    struct mse_bytes signed_part;
    struct mse_quote_auth auth;
    struct mse_anchors anchors;
    const struct mse_chain *pck_chain; /* NULL: could not be read */
    const struct mse_anchor *anchor;   /* where the PCK chain ends; NULL: nowhere */
    struct mse_crl root_crl;
    struct mse_crl pck_crl;
    const struct mse_tcb_level *level;
    const struct mse_identity_level *qe_level;
    /* TDX only. */
    const uint8_t *tee_tcb_svn; /* of the report; NULL for SGX */
    const struct mse_identity_level *module_level;
    bool module_has_levels;
    /* Of both. */
    bool has_root_crl;
    bool has_pck_crl;
    bool has_tcb_info; /* and it is for this kind of TEE */
    bool has_qe_identity;
    bool advisories_fit;
    const struct mse_chain *tcb_chain; /* NULL: could not be read */
    const struct mse_chain *qe_chain;
    const struct mse_tcb_info *tcb_info; /* of the right kind or not; NULL: could not be read */
    const struct mse_qe_identity *qe_identity;
    struct mse_dcap_scratch *scratch;
};

/* What an appraisal of a known platform under a sound policy has no use for: left as it was found,
 * filled when needed. */
struct mse_dcap_scratch {
    struct mse_chain pck_chain;
    struct mse_policy nothing; /* in the policy's place if that makes no sense */
};

/* Where collateral is read to that is not known. */
struct mse_dcap_room {
    struct mse_chain tcb_chain;
    struct mse_chain qe_chain;
    struct mse_tcb_info tcb_info;
    struct mse_qe_identity qe_identity;
};

/* mse_dcap_appraise is the whole appraisal; see mse_appraise_quote. */
MSE_MUST_USE mse_status mse_dcap_appraise(struct mse_dcap *a, struct mse_bytes quote,
                                          struct mse_error *err);

/* Steps MSE_STEP_TDX_MODULE to MSE_STEP_MACHINE. */
void mse_dcap_judge_policy(struct mse_dcap *a);
/* mse_dcap_judge_debug: the debug bit, for kinds' judge_body; flags are for the refusal's text. */
void mse_dcap_judge_debug(struct mse_dcap *a, uint64_t flags);

#endif
