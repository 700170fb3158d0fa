/* SPDX-License-Identifier: Apache-2.0 */
/* Appraisal: a pure function (evidence, collateral, policy, time) -> verdict. No clock, network,
 * environment or global state. Every check runs that can run; then the verdict is decided. */
#ifndef MSE_ATTEST_H
#define MSE_ATTEST_H

#include <mse/collateral.h>
#include <mse/evidence.h>
#include <mse/policy.h>
#include <mse/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The steps, in the order in which a refusal is reported. mse_step_name gives the word of JSON and
 * text. */
enum mse_step {
    MSE_STEP_FORM = 0,
    MSE_STEP_VCEK_CHAIN,
    MSE_STEP_VCEK_CRL,
    MSE_STEP_REPORT_SIGNATURE,
    MSE_STEP_VCEK_EXTENSION,
    MSE_STEP_NITRO_CHAIN,
    MSE_STEP_COSE_SIGNATURE,
    MSE_STEP_PCK_CHAIN,
    MSE_STEP_PCK_CRL,
    MSE_STEP_ROOT_CRL,
    MSE_STEP_PCK_EXTENSION,
    MSE_STEP_TCB_INFO,
    MSE_STEP_QE_IDENTITY,
    MSE_STEP_QE_REPORT,
    MSE_STEP_AK_BINDING,
    MSE_STEP_QUOTE_SIGNATURE,
    MSE_STEP_QE_MATCH,
    MSE_STEP_TDX_MODULE, /* TDX only */
    MSE_STEP_TCB_LEVEL,
    MSE_STEP_EVALUATION_NUMBER,
    MSE_STEP_TCB_STATUS,
    MSE_STEP_COLLATERAL_AGE,
    MSE_STEP_SIMULATION,
    MSE_STEP_ATTRIBUTES,
    MSE_STEP_SIGNER,
    MSE_STEP_REFERENCE,
    MSE_STEP_MACHINE,
    MSE_STEP_BINDING,
    MSE_STEP_CERTIFICATE,
    MSE_STEP_NAME,
    MSE_STEP_MANIFEST,
    MSE_STEP_SESSION, /* levels 1 and 2 only */
    MSE_STEP_LEVEL,
    MSE_STEP_LOG, /* only if the policy names logs */
    MSE_STEP_COUNT
};
/* Static; "unknown" for none of them. */
MSE_API const char *mse_step_name(enum mse_step s);

#define MSE_CHECK_TEXT_LEN 160
struct mse_check {
    enum mse_step step;
    mse_status status; /* MSE_OK: passed */
    bool skipped;      /* could not run because an earlier one failed; never counts as passed */
    bool waived;       /* passed only because policy_key says so: seen is what was let through */
    const char *policy_key; /* static; NULL if no policy key changes this check */
    char wanted[MSE_CHECK_TEXT_LEN];
    char seen[MSE_CHECK_TEXT_LEN];
};
#define MSE_MAX_CHECKS 96

/* A date at which the result would change, and of what. */
#define MSE_MAX_DATES 16
struct mse_verdict_date {
    const char
        *what; /* static: "tcb_info", "qe_identity", "pck_crl", "root_ca_crl", "pck_certificate"… */
    mse_time from;
    mse_time until;
};

/* What a Nitro document says, copied out of it. */
struct mse_nitro_pcr {
    uint8_t len; /* 32, 48 or 64; 0: there is none */
    uint8_t value[64];
};
struct mse_nitro_data {
    bool present;
    size_t len; /* may be 0 */
    uint8_t data[MSE_NITRO_MAX_DATA];
    uint8_t sha256[32];
};
struct mse_nitro_claims {
    char module_id[MSE_NITRO_MAX_MODULE + 1]; /* made printable */
    uint64_t timestamp_ms;                    /* when the document was made */
    struct mse_nitro_pcr pcrs[MSE_NITRO_MAX_PCRS];
    struct mse_nitro_data public_key;
    struct mse_nitro_data user_data;
    struct mse_nitro_data nonce;
    /* The nonce is the one of the set that matched. Without that the document proves no freshness:
     * whoever kept it can show it again, and one that is checked at its own timestamp for ever. */
    bool nonce_checked;
};

struct mse_verdict { /* NOLINT(clang-analyzer-optin.performance.Padding): to be read */
    bool accepted;
    mse_status
        status; /* MSE_OK iff accepted; else of the first failed check in the order of the steps */
    size_t num_checks;
    struct mse_check checks[MSE_MAX_CHECKS]; /* those behind num_checks hold nothing */

    enum mse_tee_kind tee;
    bool simulated; /* the chain ends in a root that is not compiled in */
    uint16_t quote_version;
    bool signatures_ok; /* all of PCK chain, QE report, AK binding, quote signature passed */

    /* Claims. Meaningless unless signatures_ok. */
    struct mse_sgx_report report; /* tee is MSE_TEE_SGX */
    struct mse_tdx_report td;     /* tee is MSE_TEE_TDX */
    bool debug;
    bool has_fingerprint;
    uint8_t fingerprint[32]; /* MRENCLAVE, or what mse_…_fingerprint says */

    /* Platform. */
    bool has_pck;
    struct mse_pck_ext pck;
    bool pck_ca_is_platform;        /* else Processor */
    enum mse_tcb_status tcb_status; /* converged */
    enum mse_tcb_status platform_tcb_status;
    enum mse_tcb_status qe_tcb_status;
    char tdx_module_id[8]; /* "TDX_01"; empty: SGX, or the TDX module of version 0 */
    enum mse_tcb_status tdx_module_tcb_status; /* MSE_TCB_NONE: as before, or no level matched */
    bool has_tcb_date;
    mse_time tcb_date; /* of the platform level that matched */
    uint32_t tcb_evaluation_number;
    /* United: first those of the platform's level, then what the levels of the TDX module and of
     * the QE add. */
    size_t num_advisories;
    size_t num_platform_advisories;
    char advisories[MSE_MAX_ADVISORIES][MSE_ADVISORY_LEN]; /* likewise */

    size_t num_dates;
    struct mse_verdict_date dates[MSE_MAX_DATES];
    mse_time valid_from;  /* latest "from" */
    mse_time valid_until; /* earliest "until" */

    size_t reference_index; /* the set that matched; SIZE_MAX if none */

    uint8_t binding_level; /* 0 to 3: what ties the evidence to a connection; set by the caller */

    /* SEV-SNP: claims and platform. Slices of snp borrow from the report that was appraised. */
    bool has_vcek;
    enum mse_snp_product snp_product;
    struct mse_vcek vcek;
    struct mse_snp_report snp;

    struct mse_nitro_claims nitro; /* tee is MSE_TEE_NITRO */
};

/* mse_appraise_sgx judges an SGX quote of version 3, mse_appraise_tdx one of TDX of version 4 or 5,
 * mse_appraise_quote whichever of them it is. Returns out->status; *out is always filled and says,
 * in checks, what was judged. err (may be NULL) gets the refusal in words: step, seen, wanted,
 * policy key. An appraisal of any kind takes less than 64 KiB of stack; verdict and policy, 42 and
 * 31 KiB, need not lie there. MSE_ERR_MEMORY (step "form") if 220 KiB could not be had to read
 * collateral that an appraiser does not know. */
MSE_API MSE_MUST_USE mse_status mse_appraise_sgx(struct mse_verdict *out, struct mse_bytes quote,
                                                 const struct mse_collateral *collateral,
                                                 const struct mse_policy *policy, mse_time at,
                                                 struct mse_error *err);
MSE_API MSE_MUST_USE mse_status mse_appraise_tdx(struct mse_verdict *out, struct mse_bytes quote,
                                                 const struct mse_collateral *collateral,
                                                 const struct mse_policy *policy, mse_time at,
                                                 struct mse_error *err);
MSE_API MSE_MUST_USE mse_status mse_appraise_quote(struct mse_verdict *out, struct mse_bytes quote,
                                                   const struct mse_collateral *collateral,
                                                   const struct mse_policy *policy, mse_time at,
                                                   struct mse_error *err);

/* mse_appraise_snp does the same for a SEV-SNP report; of the collateral it uses vcek,
 * vcek_issuer_chain and vcek_crl. */
MSE_API MSE_MUST_USE mse_status mse_appraise_snp(struct mse_verdict *out, struct mse_bytes report,
                                                 const struct mse_collateral *collateral,
                                                 const struct mse_policy *policy, mse_time at,
                                                 struct mse_error *err);

/* mse_appraise_hcl does the same for Azure's HCL report with a SEV-SNP report in it, and judges
 * (step binding) whether the runtime data belong to it. */
MSE_API MSE_MUST_USE mse_status mse_appraise_hcl(struct mse_verdict *out, struct mse_bytes report,
                                                 const struct mse_collateral *collateral,
                                                 const struct mse_policy *policy, mse_time at,
                                                 struct mse_error *err);

/* mse_appraise_nitro does the same for an AWS Nitro attestation document, which brings its
 * certificates along. They are valid for about three hours; `at` may be the document's own
 * timestamp, which then proves no freshness (see nonce_checked). */
MSE_API MSE_MUST_USE mse_status mse_appraise_nitro(struct mse_verdict *out,
                                                   struct mse_bytes document,
                                                   const struct mse_policy *policy, mse_time at,
                                                   struct mse_error *err);

/* For checks that belong to the caller's side (certificate, binding, name, level): appends one and
 * decides again. seen and wanted (copied, cut to MSE_CHECK_TEXT_LEN with the NUL) may be NULL;
 * policy_key is static, or NULL. */
MSE_API void mse_verdict_add(struct mse_verdict *v, enum mse_step step, mse_status status,
                             const char *seen, const char *wanted, const char *policy_key);
/* mse_verdict_set_level records the binding level that was reached and judges require_level. */
MSE_API void mse_verdict_set_level(struct mse_verdict *v, uint8_t level,
                                   const struct mse_policy *policy);
/* mse_verdict_set_log judges what the policy demands of transparency logs; until then a policy with
 * log_keys refuses (MSE_ERR_LOG_MISSING), as it does with an empty proof. The proof (C2SP
 * tlog-proof) must bring the entry along: of this kind of TEE, with the verdict's fingerprint, in
 * a checkpoint that is signed by one of the keys and cosigned as the policy wants. Only a part is
 * new each time: the last call counts. It cannot see that a log shows others another tree: compare
 * the checkpoint with one that was seen before (mse_log_verify_consistency). *p is room for the
 * proof and holds it afterwards. Returns the status of this check. Without log_keys nothing is
 * judged: MSE_OK, and *p is zeroed. */
MSE_API mse_status mse_verdict_set_log(struct mse_verdict *v, struct mse_log_proof *p,
                                       const struct mse_policy *policy, struct mse_bytes proof);
/* mse_verdict_set_logs is the same with several proofs: the first that is good counts. Without one
 * the check tells of the first that is wrong in itself; if all are of other evidence, of the first.
 * *p holds the one that is told of. */
MSE_API mse_status mse_verdict_set_logs(struct mse_verdict *v, struct mse_log_proof *p,
                                        const struct mse_policy *policy,
                                        const struct mse_log_proofs *proofs);
/* The first failed check in the order of the steps; NULL if accepted. */
MSE_API const struct mse_check *mse_verdict_failure(const struct mse_verdict *v);

/* Printing. Both write at most cap bytes including the NUL and return MSE_ERR_NO_SPACE if it does
 * not fit (64 KiB always do). JSON: one object, stable keys, documented in mse-verify(1). */
MSE_API MSE_MUST_USE mse_status mse_verdict_to_json(char *out, size_t cap,
                                                    const struct mse_verdict *v);
MSE_API MSE_MUST_USE mse_status mse_verdict_to_text(char *out, size_t cap,
                                                    const struct mse_verdict *v);

/* SHA-256 of the SubjectPublicKeyInfo of the compiled-in AWS Nitro Enclaves root (G1), 32 bytes.
 * Static. */
MSE_API const uint8_t *mse_nitro_root_sha256(void);
/* The point (X || Y) of the compiled-in Intel SGX Root CA key, 64 bytes. Static. */
MSE_API const uint8_t *mse_intel_root_point(void);

/* mse_verify_signed_json checks a PCS signing chain (PEM, leaf first, root may be left out) to a
 * trusted root key and the signature over the exact body; for tools that look at collateral alone.
 * member: "tcbInfo" and "tcbEvaluationDataNumbers" (statuses TCB_INFO_*) or "enclaveIdentity"
 * (QE_IDENTITY_*). The content, its dates and the signer's revocation are not judged. */
MSE_API MSE_MUST_USE mse_status mse_verify_signed_json(struct mse_bytes body, const uint8_t sig[64],
                                                       struct mse_bytes issuer_chain,
                                                       const char *member,
                                                       const uint8_t root_point[64], mse_time at,
                                                       struct mse_error *err);
/* mse_verify_pck checks a PCK certificate (DER) and its issuer chain (PEM: CA, root) to the root
 * key: form, names, dates, signatures (PCK_CHAIN_*, PCK_EXTENSION_MISSING). mse_verify_crl: a CRL
 * (DER) by its issuer's chain (PEM: the root alone, or CA and root; ROOT_CRL_* and PCK_CRL_*, and
 * PCK_CHAIN_* for the chain). No revocation look-up. */
MSE_API MSE_MUST_USE mse_status mse_verify_pck(struct mse_bytes der, struct mse_bytes issuer_chain,
                                               const uint8_t root_point[64], mse_time at,
                                               struct mse_error *err);
MSE_API MSE_MUST_USE mse_status mse_verify_crl(struct mse_bytes der, struct mse_bytes issuer_chain,
                                               const uint8_t root_point[64], mse_time at,
                                               struct mse_error *err);

#ifdef __cplusplus
}
#endif
#endif
