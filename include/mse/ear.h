/* SPDX-License-Identifier: Apache-2.0 */
/* Attestation results for third parties: a verdict as EAT attestation result (EAR), a JWT that a
 * verifier signs with ES256 and that anybody with the verifier's public key can check.
 *
 * Claims: those of draft-ietf-rats-ear under the profile MSE_EAR_PROFILE, values of
 * draft-ietf-rats-ar4si, one submodule named after the kind of TEE; our own begin with "mse." and
 * are listed in docs/protocol.md. Nothing here reads a clock. */
#ifndef MSE_EAR_H
#define MSE_EAR_H

#include <mse/attest.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MSE_EAR_PROFILE "tag:github.com,2023:veraison/ear"
/* Bytes that hold every EAR of one verdict, with the NUL. */
#define MSE_EAR_MAX_LEN ((size_t)128 * 1024)

/* Trustworthiness tiers, from best to worst; mse_ear_tier_name gives the word of the claim. */
enum mse_ear_tier {
    MSE_EAR_AFFIRMING = 0,
    MSE_EAR_NONE,
    MSE_EAR_WARNING,
    MSE_EAR_CONTRAINDICATED,
};
MSE_API const char *mse_ear_tier_name(enum mse_ear_tier t);

/* The trustworthiness vector; mse_ear_claim_name gives the name of a claim. */
enum mse_ear_claim {
    MSE_EAR_INSTANCE_IDENTITY = 0,
    MSE_EAR_CONFIGURATION,
    MSE_EAR_EXECUTABLES,
    MSE_EAR_FILE_SYSTEM,
    MSE_EAR_HARDWARE,
    MSE_EAR_RUNTIME_OPAQUE,
    MSE_EAR_STORAGE_OPAQUE,
    MSE_EAR_SOURCED_DATA,
    MSE_EAR_NUM_CLAIMS
};
MSE_API const char *mse_ear_claim_name(enum mse_ear_claim c);
/* The tier of a value of the vector. */
MSE_API enum mse_ear_tier mse_ear_tier_of(int8_t value);

struct mse_ear_vector {
    int8_t claims[MSE_EAR_NUM_CLAIMS]; /* AR4SI values; 0: nothing is claimed */
};
/* mse_ear_vector_of says what a verdict means. A refused verdict is contraindicated whatever the
 * vector says; simulated hardware is not recognized (97), so that it is contraindicated to all who
 * do not ask for it; an accepted TCB status other than UpToDate is a warning, debug memory that
 * anybody reads is contraindicated; no claim is better than a warning whose check passed by a
 * waiver only. Returns the status that belongs to both. */
MSE_API enum mse_ear_tier mse_ear_vector_of(struct mse_ear_vector *out,
                                            const struct mse_verdict *v);

struct mse_ear_params {
    struct mse_bytes key_pem; /* P-256, PKCS#8 or SEC1, not encrypted */
    mse_time issued_at;
    /* Of an accepted verdict; 0: when the verdict changes (valid_until). A refusal has no end. */
    mse_time expires_at;
    mse_time appraised_at;
    /* What follows may be NULL or empty, and is then left out. */
    const char *nonce;            /* of whom the result is for: 8 to 88 characters of base64url */
    const char *policy_id;        /* "ear.appraisal-policy-id" */
    const char *developer;        /* of "ear.verifier-id"; NULL: "mse" */
    const char *host;             /* the name that was judged with the certificate */
    struct mse_bytes evidence;    /* its SHA-256 is told, and that of the next */
    struct mse_bytes certificate; /* DER */
};
/* mse_verdict_to_ear writes the JWT as text with a NUL. MSE_ERR_NO_SPACE; MSE_ERR_ARGUMENT for a
 * nonce of another form; MSE_ERR_MALFORMED and MSE_ERR_UNSUPPORTED_ALGORITHM for the key;
 * MSE_ERR_CRYPTO. The content of out is undefined after a failure. */
MSE_API MSE_MUST_USE mse_status mse_verdict_to_ear(char *out, size_t cap,
                                                   const struct mse_verdict *v,
                                                   const struct mse_ear_params *params,
                                                   struct mse_error *err);

/* An EAR that was read. Slices point into the scratch memory. */
#define MSE_EAR_MAX_SUBMODS 8
struct mse_ear_submod {
    struct mse_bytes name;
    enum mse_ear_tier status;
    struct mse_ear_vector vector;
    struct mse_bytes policy_id; /* empty: none */
    /* Our own claims; of an EAR of another maker, none. */
    struct mse_bytes verdict; /* "mse.verdict", the JSON of mse_verdict_to_json */
    bool has_verdict;
    bool accepted;
    bool simulated;
    uint8_t binding_level;
    bool has_fingerprint;
    uint8_t fingerprint[32];
    struct mse_bytes host;
    bool has_evidence_sha256;
    uint8_t evidence_sha256[32];
    bool has_certificate_sha256;
    uint8_t certificate_sha256[32];
};
struct mse_ear {
    enum mse_ear_tier status; /* the worst of the submodules */
    mse_time issued_at;
    mse_time not_before; /* 0: none */
    bool has_expires_at;
    mse_time expires_at;
    struct mse_bytes nonce; /* empty: none */
    struct mse_bytes developer;
    struct mse_bytes build;
    size_t num_submods; /* at least 1 */
    struct mse_ear_submod submods[MSE_EAR_MAX_SUBMODS];
    struct mse_bytes payload; /* the JSON */
};

/* mse_ear_read reads a JWT without checking who signed it: to look, not to believe. White space
 * behind it is ignored. scratch: as many bytes as the JWT has. MSE_ERR_MALFORMED,
 * MSE_ERR_UNSUPPORTED_ALGORITHM (another than ES256), MSE_ERR_EAR_PROFILE, MSE_ERR_NO_SPACE. */
MSE_API MSE_MUST_USE mse_status mse_ear_read(struct mse_ear *out, void *scratch, size_t scratch_len,
                                             struct mse_bytes jwt, struct mse_error *err);
struct mse_ear_check {
    struct mse_bytes signer_pem; /* one PEM block PUBLIC KEY, P-256 */
    const char *nonce;           /* that the EAR must have; NULL: not asked for */
    mse_time at;
};
/* mse_ear_verify reads it and checks the signature, the nonce, and the dates.
 * Besides the above: MSE_ERR_SIGNATURE, MSE_ERR_EAR_EXPIRED, MSE_ERR_EAR_NOT_YET_VALID,
 * MSE_ERR_EAR_NONCE. It does not judge the status: that is for the caller to do. */
MSE_API MSE_MUST_USE mse_status mse_ear_verify(struct mse_ear *out, void *scratch,
                                               size_t scratch_len, struct mse_bytes jwt,
                                               const struct mse_ear_check *check,
                                               struct mse_error *err);

#ifdef __cplusplus
}
#endif
#endif
