/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral: what is needed to judge evidence. Parsers allocate nothing and borrow from their
 * input. */
#ifndef MSE_COLLATERAL_H
#define MSE_COLLATERAL_H

#include <mse/evidence.h>
#include <mse/status.h>
#include <mse/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* TCB status, in the order of Intel's specification. Bits of a policy: 1U << status. */
enum mse_tcb_status {
    MSE_TCB_NONE = 0, /* no level matched, or not evaluated */
    MSE_TCB_UP_TO_DATE,
    MSE_TCB_SW_HARDENING_NEEDED,
    MSE_TCB_CONFIGURATION_NEEDED,
    MSE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    MSE_TCB_OUT_OF_DATE,
    MSE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    MSE_TCB_TD_RELAUNCH_ADVISED,
    MSE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
    MSE_TCB_REVOKED,
    MSE_TCB_STATUS_COUNT
};
/* "UpToDate" and so on; "None" for MSE_TCB_NONE. Static. */
MSE_API const char *mse_tcb_status_name(enum mse_tcb_status s);
/* Exact, case-sensitive; false for an unknown word. */
MSE_API MSE_MUST_USE bool mse_tcb_status_parse(enum mse_tcb_status *out, struct mse_bytes in);

#define MSE_MAX_TCB_LEVELS   64
#define MSE_MAX_ADVISORIES   64 /* per level, and united in a verdict */
#define MSE_MAX_TDX_MODULES  16
#define MSE_MAX_EVAL_NUMBERS 32

struct mse_tcb_level {
    uint8_t sgx_comp_svn[16];
    bool has_tdx_comp;
    uint8_t tdx_comp_svn[16];
    uint16_t pce_svn;
    mse_time tcb_date;
    enum mse_tcb_status status;
    size_t num_advisories;
    struct mse_bytes advisories[MSE_MAX_ADVISORIES]; /* without the quotes */
};

struct mse_identity_level {
    uint16_t isv_svn;
    mse_time tcb_date;
    enum mse_tcb_status status;
    size_t num_advisories;
    struct mse_bytes advisories[MSE_MAX_ADVISORIES];
};

enum mse_tee_kind {
    MSE_TEE_NONE = 0,
    MSE_TEE_SGX,
    MSE_TEE_TDX,
    MSE_TEE_SNP,
    MSE_TEE_NITRO,
};

struct mse_tdx_module {
    struct mse_bytes id; /* "TDX_03", or empty for tdxModule */
    uint8_t mr_signer[48];
    uint64_t attributes;
    uint64_t attributes_mask;
    size_t first_level; /* into mse_tcb_info.module_levels */
    size_t num_levels;
};

/* TCB info, version 2 (SGX only) or 3. Levels are kept in the order of the document: matching
 * depends on it. */
struct mse_tcb_info {
    enum mse_tee_kind tee;
    uint32_t version;
    mse_time issue_date;
    mse_time next_update;
    uint8_t fmspc[6];
    bool has_pce_id; /* version 2 may lack it: then it matches no platform */
    uint8_t pce_id[2];
    uint32_t tcb_type;
    uint32_t tcb_evaluation_number;
    size_t num_levels;
    struct mse_tcb_level levels[MSE_MAX_TCB_LEVELS];
    bool has_tdx_module;
    struct mse_tdx_module tdx_module;
    size_t num_tdx_modules;
    struct mse_tdx_module tdx_modules[MSE_MAX_TDX_MODULES];
    size_t num_module_levels;
    struct mse_identity_level module_levels[MSE_MAX_TCB_LEVELS];
};
/* body: the signed JSON object, byte for byte (the value of "tcbInfo"). Duplicate keys, missing or
 * mistyped members, values out of range, anything behind the object: MSE_ERR_TCB_INFO_MALFORMED;
 * another version: MSE_ERR_TCB_INFO_UNSUPPORTED_VERSION. Unknown members are ignored, as Intel adds
 * some. *out is large (about 140 KB) and is written in place: on failure it holds no levels; levels
 * and advisories beyond their numbers are left as they were. */
MSE_API MSE_MUST_USE mse_status mse_tcb_info_parse(struct mse_tcb_info *out, struct mse_bytes body,
                                                   struct mse_error *err);

enum mse_identity_id {
    MSE_IDENTITY_QE,
    MSE_IDENTITY_QVE,
    MSE_IDENTITY_TD_QE,
};
struct mse_qe_identity {
    enum mse_identity_id id;
    uint32_t version; /* 2 */
    mse_time issue_date;
    mse_time next_update;
    uint32_t tcb_evaluation_number;
    uint32_t misc_select; /* as the report has it, read little-endian */
    uint32_t misc_select_mask;
    uint8_t attributes[16];
    uint8_t attributes_mask[16];
    uint8_t mr_signer[32];
    uint16_t isv_prod_id;
    size_t num_levels;
    struct mse_identity_level levels[MSE_MAX_TCB_LEVELS];
};
/* body: the value of "enclaveIdentity", byte for byte. Errors as above with QE_IDENTITY, and
 * MSE_ERR_QE_IDENTITY_MISMATCH: an enclave of another name. */
MSE_API MSE_MUST_USE mse_status mse_qe_identity_parse(struct mse_qe_identity *out,
                                                      struct mse_bytes body, struct mse_error *err);

/* tcbEvaluationDataNumbers (PCS v4). */
struct mse_tcb_eval_numbers {
    enum mse_tee_kind tee;
    uint32_t version;
    mse_time issue_date;
    mse_time next_update;
    size_t num;
    struct {
        uint32_t number;
        mse_time recovery_event_date;
        mse_time tcb_date;
    } entries[MSE_MAX_EVAL_NUMBERS];
};
/* body: the value of "tcbEvaluationDataNumbers", byte for byte. Errors as of mse_tcb_info_parse;
 * the version is 1. *out is written on success only. */
MSE_API MSE_MUST_USE mse_status mse_tcb_eval_numbers_parse(struct mse_tcb_eval_numbers *out,
                                                           struct mse_bytes body,
                                                           struct mse_error *err);

/* mse_signed_json_split cuts {"<member>": {…}, "signature": "<128 hex>"} into the exact signed
 * bytes and the raw 64-byte signature. member: "tcbInfo", "enclaveIdentity" or
 * "tcbEvaluationDataNumbers". Any other member, a duplicate, a missing one: MSE_ERR_MALFORMED. */
MSE_API MSE_MUST_USE mse_status mse_signed_json_split(struct mse_bytes *out_body,
                                                      uint8_t out_sig[64],
                                                      struct mse_bytes response, const char *member,
                                                      struct mse_error *err);

/* A CRL, for tools that show one. */
struct mse_crl_info {
    struct mse_bytes issuer; /* DER Name */
    struct mse_bytes issuer_cn;
    mse_time this_update;
    mse_time next_update;
    size_t num_revoked;
    struct mse_bytes revoked; /* walk with mse_crl_info_next */
};
/* mse_crl_info_parse reads a CRL in DER; its signature and dates are not judged. MSE_ERR_MALFORMED.
 */
MSE_API MSE_MUST_USE mse_status mse_crl_info_parse(struct mse_crl_info *out, struct mse_bytes der,
                                                   struct mse_error *err);
/* Start with *it = info->revoked. serial is big-endian without leading zeros. False at the end. */
MSE_API MSE_MUST_USE bool mse_crl_info_next(struct mse_bytes *it, struct mse_bytes *serial);
/* mse_crl_decode turns a CRL in DER, PEM (one block) or hexadecimal text into DER in buf (cap
 * bytes; as many as the input has will do), into which *out_der points. Whether the DER is a CRL is
 * not looked at. MSE_ERR_MALFORMED, also for PEM that does not fit; MSE_ERR_NO_SPACE. */
MSE_API MSE_MUST_USE mse_status mse_crl_decode(struct mse_bytes *out_der, uint8_t *buf, size_t cap,
                                               struct mse_bytes in, struct mse_error *err);

/* A PCK certificate, for tools that show one. */
struct mse_pck_info {
    struct mse_pck_ext ext;
    struct mse_bytes issuer_cn;
    struct mse_bytes serial; /* without leading zero octets */
    mse_time not_before;
    mse_time not_after;
};
/* mse_pck_info_parse reads a PCK certificate in DER; nothing of it is judged. MSE_ERR_MALFORMED;
 * MSE_ERR_PCK_EXTENSION_MISSING: a certificate without Intel's SGX extension. */
MSE_API MSE_MUST_USE mse_status mse_pck_info_parse(struct mse_pck_info *out, struct mse_bytes der,
                                                   struct mse_error *err);

struct mse_prepared; /* opaque */
/* One set of collateral for a DCAP quote; everything borrowed. A member that is absent is empty. */
struct mse_collateral {
    struct mse_bytes tcb_info;              /* signed body, byte for byte */
    struct mse_bytes tcb_info_signature;    /* 64 bytes r || s */
    struct mse_bytes tcb_info_issuer_chain; /* PEM, leaf first */
    struct mse_bytes qe_identity;
    struct mse_bytes qe_identity_signature;
    struct mse_bytes qe_identity_issuer_chain;
    struct mse_bytes pck_crl;              /* DER; mse_crl_decode makes it */
    struct mse_bytes pck_crl_issuer_chain; /* PEM; may be empty: the quote's own chain serves */
    struct mse_bytes root_ca_crl;          /* DER */
    struct mse_bytes
        pck_cert_chain; /* PEM, leaf first; only for quotes that carry none (types 1 to 3) */
    /* SEV-SNP: the certificate of the key that signed, ASK or ASVK and ARK in either order (each
     * DER or PEM, one behind the other), and the ARK's CRL (DER). */
    struct mse_bytes vcek;
    struct mse_bytes vcek_issuer_chain;
    struct mse_bytes vcek_crl;
    /* Set by mse_appraiser_collateral (<mse/appraiser.h>) only; else NULL. */
    const struct mse_prepared *prepared;
};

/* Bundles. One reader for every JSON form: our own evidence.json, our collateral file (the same
 * members without evidence), and the older one {input_args, ratls_certificate, root_ca_crl,
 * pck_platform_crl, tcb_info, qe_identity, tcb_cert, signer_pk}. Members point into `json` or into
 * `scratch`. */
enum mse_bundle_form {
    MSE_BUNDLE_OURS = 1,
    MSE_BUNDLE_OLDER = 2,
};
#define MSE_BUNDLE_MAX_LEN ((size_t)4 * 1024 * 1024)
struct mse_bundle {
    enum mse_bundle_form form;
    struct mse_bytes certificates; /* PEM chain, leaf first; empty in a collateral file */
    struct mse_bytes quote;        /* raw; empty if the certificate carries it */
    struct mse_bytes manifest;     /* exact text; may be empty */
    struct mse_bytes signer_pk;    /* older form only: PEM, the sender's claim and nothing more */
    bool has_collected_at;
    mse_time collected_at;
    struct mse_collateral collateral;
};
/* scratch needs at most 2 * json.len bytes. Errors: MSE_ERR_MALFORMED with the member named;
 * MSE_ERR_NO_SPACE: scratch, or more than MSE_BUNDLE_MAX_LEN bytes. */
MSE_API MSE_MUST_USE mse_status mse_bundle_parse(struct mse_bundle *out, uint8_t *scratch,
                                                 size_t scratch_len, struct mse_bytes json,
                                                 struct mse_error *err);

#ifdef __cplusplus
}
#endif
#endif
