/* SPDX-License-Identifier: Apache-2.0 */
/* The appraisal policy. A zeroed policy accepts nothing; mse_policy_default makes the strict
 * default. */
#ifndef MSE_POLICY_H
#define MSE_POLICY_H

#include <mse/collateral.h>
#include <mse/log.h>
#include <mse/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MSE_MAX_REFERENCES        16
#define MSE_MAX_POLICY_ADVISORIES 64
#define MSE_MAX_MACHINES          64
#define MSE_MAX_FMSPC             32
#define MSE_MAX_PCR_REFERENCES    16 /* PCR0 to PCR15 */
#define MSE_MAX_LOG_KEYS          4
#define MSE_MAX_LOG_WITNESSES     16
#define MSE_ADVISORY_LEN          24 /* "INTEL-SA-00615" and longer ones, NUL-terminated */

#define MSE_TCB_BIT(status) (1U << (unsigned)(status))

/* One set of reference values. Evidence passes if it equals every value of at least one set; a
 * value that its kind of TEE does not have never matches. A set that identifies nothing counts only
 * with insecure_any_app: SGX wants fingerprint, mr_enclave or mr_signer; TDX wants fingerprint, or
 * mr_td (the firmware) and one of rtmr1 to rtmr3 and mr_config_id (what it started); SEV-SNP wants
 * fingerprint, measurement or a key digest; Nitro wants fingerprint, PCR0 (the image), PCR1 with
 * PCR2 (its parts) or PCR8 (who signed it), and zeros identify nobody. */
struct mse_reference {
    /* Of any kind: MRENCLAVE, or the value of mse_tdx_fingerprint, mse_snp_fingerprint or
     * mse_nitro_fingerprint. */
    bool has_fingerprint;
    uint8_t fingerprint[32];
    bool has_report_data; /* not of Nitro */
    uint8_t report_data[64];
    /* SGX. */
    bool has_mr_enclave;
    uint8_t mr_enclave[32];
    bool has_mr_signer;
    uint8_t mr_signer[32];
    bool has_isv_prod_id;
    uint16_t isv_prod_id;
    bool has_min_isv_svn;
    uint16_t min_isv_svn;
    bool has_config_id;
    uint8_t config_id[64];
    /* TDX. */
    bool has_mr_td;
    uint8_t mr_td[48];
    bool has_rtmr0;
    uint8_t rtmr0[48];
    bool has_rtmr1;
    uint8_t rtmr1[48];
    bool has_rtmr2;
    uint8_t rtmr2[48];
    bool has_rtmr3;
    uint8_t rtmr3[48];
    bool has_mr_config_id;
    uint8_t mr_config_id[48];
    bool has_mr_owner;
    uint8_t mr_owner[48];
    bool has_mr_owner_config;
    uint8_t mr_owner_config[48];
    bool has_td_attributes;
    uint64_t td_attributes;
    bool has_xfam;
    uint64_t xfam;
    /* SEV-SNP; a set with one of these is for SEV-SNP only. All-zero key digests identify nobody.
     */
    bool has_measurement;
    uint8_t measurement[48];
    bool has_host_data;
    uint8_t host_data[32];
    bool has_id_key_digest;
    uint8_t id_key_digest[48];
    bool has_author_key_digest;
    uint8_t author_key_digest[48];
    /* Nitro; a set with one of these is for Nitro only. Of nonce, user data and public key the
     * SHA-256 is held here; one that the document does not have never matches. */
    bool has_pcr[MSE_MAX_PCR_REFERENCES];
    uint8_t pcr[MSE_MAX_PCR_REFERENCES][48];
    bool has_nonce;
    uint8_t nonce[32];
    bool has_user_data;
    uint8_t user_data[32];
    bool has_public_key;
    uint8_t public_key[32];
};

enum mse_grace_reference {
    MSE_GRACE_NONE = 0,
    MSE_GRACE_TCB_DATE,
    MSE_GRACE_ISSUE_DATE,
};

/* A machine: PPID or platform instance id (16 bytes each), or the SHA-256 of one or of a CHIP_ID.
 */
struct mse_machine {
    uint8_t id[32];
    uint8_t len; /* 16, or 32 for a hash */
};

struct mse_policy {
    uint32_t accepted_tcb_statuses; /* MSE_TCB_BIT(...); Revoked is never accepted */
    /* A status other than UpToDate passes only if it is accepted and, when this list is not empty
     * or any_advisory is false, every advisory that goes with it is listed. */
    size_t num_accepted_advisories;
    char accepted_advisories[MSE_MAX_POLICY_ADVISORIES][MSE_ADVISORY_LEN];
    bool insecure_any_advisory;
    bool has_min_tcb_date;
    mse_time min_tcb_date;
    uint32_t min_tcb_evaluation_number;
    bool allow_mixed_evaluation_numbers;
    /* OutOfDate and OutOfDateConfigurationNeeded pass for so many days after the reference: the
     * tcbDate of the level that is out of date, or the issueDate of the set in which it is.
     * Advisories are judged all the same. Both or neither. */
    uint32_t grace_days;
    enum mse_grace_reference grace_reference;
    int64_t max_collateral_age; /* seconds; 0: unset; otherwise at least 31 days */
    size_t num_allowed_machines;
    struct mse_machine allowed_machines[MSE_MAX_MACHINES];
    size_t num_allowed_fmspc;
    uint8_t allowed_fmspc[MSE_MAX_FMSPC][6];
    bool allow_debug;
    bool allow_sample_signer;
    bool allow_smt; /* SEV-SNP; an SGX platform's SMT shows in its TCB status */
    /* SGX: INIT, MODE64BIT and the key bits are not judged; TDX: nothing in the TD's attributes but
     * DEBUG, nor XFAM. */
    bool insecure_any_attributes;
    bool insecure_any_app; /* no reference value is needed */
    /* Simulation: the P-256 point (X || Y) of the one simulated root that is trusted, given by the
     * user, never taken from evidence. "Simulated" means: the chain ends in this key and not in a
     * compiled-in one. */
    bool allow_simulation;
    uint8_t simulation_root[64];
    bool simulation_only;  /* trust no compiled-in root */
    uint8_t require_level; /* 0 to 3 */
    size_t num_references;
    struct mse_reference references[MSE_MAX_REFERENCES];
    /* SEV-SNP. */
    bool allow_migration;           /* guest policy MIGRATE_MA */
    uint8_t max_vmpl;               /* 0 to 3 */
    struct mse_snp_tcb min_snp_tcb; /* held against REPORTED_TCB and COMMITTED_TCB */
    uint8_t min_snp_abi_major;      /* of the guest policy */
    uint8_t min_snp_abi_minor;
    /* The simulated root of evidence whose root is no P-256 key: SHA-256 of the DER
     * SubjectPublicKeyInfo; all zero: none. allow_simulation and simulation_only hold for it too.
     */
    uint8_t simulation_root_sha256[32];
    /* Transparency logs: with keys here, evidence passes only if one of these logs has its
     * fingerprint (mse_verdict_set_log), in a checkpoint that so many of these witnesses have
     * cosigned; 0: all of them. */
    size_t num_log_keys;
    struct mse_log_key log_keys[MSE_MAX_LOG_KEYS];
    size_t num_log_witnesses;
    struct mse_log_key log_witnesses[MSE_MAX_LOG_WITNESSES];
    uint32_t min_log_witnesses;
};

/* mse_policy_default: only UpToDate, nothing weakened, no reference values (so that nothing passes
 * until one is added). */
MSE_API void mse_policy_default(struct mse_policy *out);
/* mse_policy_parse_json reads the keys of docs/usage (the member names above, with "references" an
 * array of objects, statuses as words, binary values as hexadecimal, dates as RFC 3339) over the
 * defaults. Unknown and duplicate keys are errors that name the key. MSE_ERR_POLICY. */
MSE_API MSE_MUST_USE mse_status mse_policy_parse_json(struct mse_policy *out, struct mse_bytes json,
                                                      struct mse_error *err);
/* mse_simulation_root_of_pem reads the P-256 point (X || Y) of the one root certificate in a PEM
 * text, for simulation_root. MSE_ERR_MALFORMED: no certificate, several, none of a CA that signed
 * itself, another key, or more than 4096 bytes. */
MSE_API MSE_MUST_USE mse_status mse_simulation_root_of_pem(uint8_t out[64], struct mse_bytes pem,
                                                           struct mse_error *err);
/* The same for simulation_root_sha256, whatever the key is. MSE_ERR_CRYPTO besides. */
MSE_API MSE_MUST_USE mse_status mse_simulation_root_sha256_of_pem(uint8_t out[32],
                                                                  struct mse_bytes pem,
                                                                  struct mse_error *err);

#ifdef __cplusplus
}
#endif
#endif
