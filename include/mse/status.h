/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes and the error object.
 *
 * Every function that can fail returns mse_status; MSE_OK is 0 and is the only success. A function
 * that takes a struct mse_error fills it where the failure happened, once; the caller owns it, it
 * holds no pointer to heap memory and may be NULL. Nothing is written to outputs on failure. */
#ifndef MSE_STATUS_H
#define MSE_STATUS_H

#include <mse/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers hold for one soname of the library, the names (mse_status_name) for ever. The
 * form of an input, a signature and a policy have codes of their own, so that a caller can tell
 * "not evidence" from "evidence, forged" from "genuine, not accepted". */
enum mse_status {
    MSE_OK = 0,

    /* Use of the library and its surroundings. */
    MSE_ERR_ARGUMENT,    /* a parameter is outside its documented range */
    MSE_ERR_NO_SPACE,    /* the caller's buffer is too small, or a documented maximum is exceeded */
    MSE_ERR_MEMORY,      /* out of memory */
    MSE_ERR_IO,          /* a system call failed */
    MSE_ERR_CRYPTO,      /* the cryptographic library failed (not: a signature is wrong) */
    MSE_ERR_TIMEOUT,     /* a peer did not answer in time */
    MSE_ERR_PROTOCOL,    /* a peer answered something that the protocol does not allow */
    MSE_ERR_NOT_FOUND,   /* the thing that was named does not exist */
    MSE_ERR_EXISTS,      /* the thing exists already and is not overwritten */
    MSE_ERR_CONFIG,      /* a configuration file is wrong */
    MSE_ERR_UNSUPPORTED, /* known, but not available here */

    /* Form of evidence. */
    MSE_ERR_MALFORMED,
    MSE_ERR_UNSUPPORTED_VERSION,
    MSE_ERR_UNSUPPORTED_TEE,
    MSE_ERR_UNSUPPORTED_AK_TYPE,
    MSE_ERR_UNSUPPORTED_CERT_TYPE,
    MSE_ERR_UNSUPPORTED_QE_VENDOR,
    MSE_ERR_UNSUPPORTED_ALGORITHM,

    /* PCK certificate chain. */
    MSE_ERR_PCK_CHAIN_MALFORMED,
    MSE_ERR_PCK_CHAIN_SIGNATURE,
    MSE_ERR_PCK_CHAIN_EXPIRED,
    MSE_ERR_PCK_CHAIN_NOT_YET_VALID,
    MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED,
    MSE_ERR_PCK_EXTENSION_MISSING,
    MSE_ERR_PCK_REVOKED,
    MSE_ERR_INTERMEDIATE_REVOKED,

    /* CRL of the PCK certificate's issuer. */
    MSE_ERR_PCK_CRL_MISSING,
    MSE_ERR_PCK_CRL_MALFORMED,
    MSE_ERR_PCK_CRL_ISSUER_MISMATCH,
    MSE_ERR_PCK_CRL_SIGNATURE,
    MSE_ERR_PCK_CRL_EXPIRED,
    MSE_ERR_PCK_CRL_NOT_YET_VALID,

    /* CRL of the root. */
    MSE_ERR_ROOT_CRL_MISSING,
    MSE_ERR_ROOT_CRL_MALFORMED,
    MSE_ERR_ROOT_CRL_ISSUER_MISMATCH,
    MSE_ERR_ROOT_CRL_SIGNATURE,
    MSE_ERR_ROOT_CRL_EXPIRED,
    MSE_ERR_ROOT_CRL_NOT_YET_VALID,

    /* TCB info. */
    MSE_ERR_TCB_INFO_MISSING,
    MSE_ERR_TCB_INFO_MALFORMED,
    MSE_ERR_TCB_INFO_UNSUPPORTED_VERSION,
    MSE_ERR_TCB_INFO_CHAIN_MALFORMED,
    MSE_ERR_TCB_INFO_CHAIN_SIGNATURE,
    MSE_ERR_TCB_INFO_CHAIN_EXPIRED,
    MSE_ERR_TCB_INFO_CHAIN_NOT_YET_VALID,
    MSE_ERR_TCB_INFO_CHAIN_ROOT_UNTRUSTED,
    MSE_ERR_TCB_INFO_CHAIN_REVOKED,
    MSE_ERR_TCB_INFO_SIGNATURE,
    MSE_ERR_TCB_INFO_EXPIRED,
    MSE_ERR_TCB_INFO_NOT_YET_VALID,
    MSE_ERR_TCB_INFO_MISMATCH,

    /* QE identity. */
    MSE_ERR_QE_IDENTITY_MISSING,
    MSE_ERR_QE_IDENTITY_MALFORMED,
    MSE_ERR_QE_IDENTITY_UNSUPPORTED_VERSION,
    MSE_ERR_QE_IDENTITY_CHAIN_MALFORMED,
    MSE_ERR_QE_IDENTITY_CHAIN_SIGNATURE,
    MSE_ERR_QE_IDENTITY_CHAIN_EXPIRED,
    MSE_ERR_QE_IDENTITY_CHAIN_NOT_YET_VALID,
    MSE_ERR_QE_IDENTITY_CHAIN_ROOT_UNTRUSTED,
    MSE_ERR_QE_IDENTITY_CHAIN_REVOKED,
    MSE_ERR_QE_IDENTITY_SIGNATURE,
    MSE_ERR_QE_IDENTITY_EXPIRED,
    MSE_ERR_QE_IDENTITY_NOT_YET_VALID,
    MSE_ERR_QE_IDENTITY_MISMATCH,

    /* Signatures of the quote. */
    MSE_ERR_QE_REPORT_SIGNATURE,
    MSE_ERR_AK_BINDING,
    MSE_ERR_QUOTE_SIGNATURE,

    /* TCB evaluation. */
    MSE_ERR_TDX_MODULE_MISMATCH, /* no identity of the TDX module, or one that it differs from */
    MSE_ERR_TCB_NOT_SUPPORTED,
    MSE_ERR_TCB_REVOKED,
    MSE_ERR_TCB_STATUS,            /* the status found is not an accepted one */
    MSE_ERR_TCB_ADVISORY,          /* an advisory that goes with the status is not accepted */
    MSE_ERR_TCB_DATE,              /* tcbDate earlier than min_tcb_date */
    MSE_ERR_TCB_EVALUATION_NUMBER, /* below min_tcb_evaluation_number */
    MSE_ERR_TCB_EVALUATION_MIXED,  /* TCB info and QE identity of two evaluation numbers */
    MSE_ERR_COLLATERAL_AGE,        /* issued longer ago than max_collateral_age */

    /* Body of the enclave's report, reference values, policy. */
    MSE_ERR_DEBUG,
    MSE_ERR_ATTRIBUTES,
    MSE_ERR_SAMPLE_SIGNER,
    MSE_ERR_FINGERPRINT_MISMATCH, /* of a TD or SEV-SNP guest; SGX: …_MRENCLAVE_… */
    MSE_ERR_MRENCLAVE_MISMATCH,
    MSE_ERR_MRSIGNER_MISMATCH,
    MSE_ERR_ISVPRODID_MISMATCH,
    MSE_ERR_ISVSVN_TOO_LOW,
    MSE_ERR_CONFIG_ID_MISMATCH, /* CONFIGID, or MRCONFIGID of a TD */
    MSE_ERR_MRTD_MISMATCH,
    MSE_ERR_RTMR_MISMATCH,
    MSE_ERR_MROWNER_MISMATCH, /* MROWNER or MROWNERCONFIG */
    MSE_ERR_TDATTRIBUTES_MISMATCH,
    MSE_ERR_XFAM_MISMATCH,
    MSE_ERR_REPORT_DATA_MISMATCH,
    MSE_ERR_MACHINE_NOT_ALLOWED,
    MSE_ERR_FMSPC_NOT_ALLOWED,
    MSE_ERR_SIMULATION,           /* simulated, and the policy does not allow it */
    MSE_ERR_HARDWARE_NOT_ALLOWED, /* the policy trusts a simulated root only */
    MSE_ERR_NOTHING_IDENTIFIES,   /* no reference value: nothing identifies this app */
    MSE_ERR_LEVEL,                /* binding level below require_level */
    MSE_ERR_POLICY,               /* the policy itself is wrong or empty */

    /* RA-TLS certificates. */
    MSE_ERR_NO_EVIDENCE,
    MSE_ERR_UNSUPPORTED_EVIDENCE_TAG,
    MSE_ERR_CLAIMS_MALFORMED,
    MSE_ERR_CLAIMS_HASH,
    MSE_ERR_BINDING,
    MSE_ERR_ROLE,
    MSE_ERR_APP_DATA,
    MSE_ERR_CERTIFICATE_SIGNATURE,
    MSE_ERR_CERTIFICATE_NAME,
    MSE_ERR_CERTIFICATE_EXPIRED,
    MSE_ERR_CERTIFICATE_NOT_YET_VALID,
    MSE_ERR_CERTIFICATE_PROFILE, /* CA:TRUE, wildcard, or another thing our profile forbids */
    MSE_ERR_MANIFEST_MISMATCH,
    MSE_ERR_KEY_ORIGIN, /* the owner holds the key too, and this is no evidence for a session */

    /* The CA that signed an RA-TLS certificate (profile R2). */
    MSE_ERR_CA_MISSING,     /* the claims name a CA, and none came along */
    MSE_ERR_CA_NOT_CLAIMED, /* a CA came along, and the claims name none */
    MSE_ERR_CA_MISMATCH,    /* another CA than the claims name */
    MSE_ERR_CA_PROFILE,     /* no CA, one with more powers than ours have, or of another form */
    MSE_ERR_CA_CONSTRAINTS, /* it may sign for other names than that of the certificate */
    MSE_ERR_CA_VALIDITY,    /* its dates do not cover those of the certificate */
    MSE_ERR_CA_SIGNATURE,   /* it signed neither the certificate nor itself, or only one of them */

    /* Attested sessions (<mse/session.h>). */
    MSE_ERR_FRAME_TOO_LONG,      /* a frame announces more than it may hold */
    MSE_ERR_FRAME_MALFORMED,     /* a frame is cut, not deterministic, or holds something else */
    MSE_ERR_FRAME_VERSION,       /* of a later protocol */
    MSE_ERR_SESSION_TLS_VERSION, /* not TLS 1.3 */
    MSE_ERR_SESSION_RESUMED,     /* the session began from a PSK or with early data */
    MSE_ERR_SESSION_ALPN,        /* the peer did not choose the protocol that was asked for */
    MSE_ERR_SESSION_NONCE,       /* evidence over another nonce: replayed */
    MSE_ERR_SESSION_EXPORTER,    /* evidence for another TLS session: relayed */
    MSE_ERR_SESSION_REFLECTED,   /* the peer shows one's own key */
    MSE_ERR_AUDIT_PATH,          /* the path from the nonce to the root is missing or malformed */
    MSE_ERR_BUSY,                /* the peer has too much to do; try again later */
    MSE_ERR_PEER_REFUSED,        /* the peer answered with another error */

    /* AMD SEV-SNP: the report, the chain of the key that signed it, what the guest allows. */
    MSE_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM,
    MSE_ERR_REPORT_SIGNATURE,
    MSE_ERR_VCEK_MISSING,
    MSE_ERR_VCEK_CHAIN,
    MSE_ERR_VCEK_SIGNATURE,
    MSE_ERR_VCEK_ROOT_UNTRUSTED,
    MSE_ERR_VCEK_EXPIRED,
    MSE_ERR_VCEK_NOT_YET_VALID,
    MSE_ERR_VCEK_CRL_MISSING,
    MSE_ERR_VCEK_CRL_MALFORMED,
    MSE_ERR_VCEK_CRL_ISSUER_MISMATCH,
    MSE_ERR_VCEK_CRL_SIGNATURE,
    MSE_ERR_VCEK_CRL_EXPIRED,
    MSE_ERR_VCEK_CRL_NOT_YET_VALID,
    MSE_ERR_VCEK_ISSUER_REVOKED,
    MSE_ERR_VCEK_EXTENSION,
    MSE_ERR_VCEK_TCB_MISMATCH,             /* the certificate's TCB is not REPORTED_TCB */
    MSE_ERR_VCEK_HWID_MISMATCH,            /* the certificate's HWID is not CHIP_ID */
    MSE_ERR_TCB_OUT_OF_DATE,               /* REPORTED_TCB or COMMITTED_TCB below the minimum */
    MSE_ERR_GUEST_POLICY_RESERVED_BIT_SET, /* or one that must be set is clear */
    MSE_ERR_GUEST_POLICY_MIGRATE_MA_SET,
    MSE_ERR_GUEST_POLICY_SMT,
    MSE_ERR_GUEST_POLICY_ABI,
    MSE_ERR_VMPL,
    MSE_ERR_MEASUREMENT_MISMATCH,
    MSE_ERR_HOST_DATA_MISMATCH,
    MSE_ERR_ID_KEY_DIGEST_MISMATCH,
    MSE_ERR_AUTHOR_KEY_DIGEST_MISMATCH,

    /* Attestation results (EAR). */
    MSE_ERR_EAR_PROFILE,
    MSE_ERR_EAR_NONCE,
    MSE_ERR_EAR_EXPIRED,
    MSE_ERR_EAR_NOT_YET_VALID,
    MSE_ERR_EAR_STATUS, /* worse than what is accepted */

    /* AWS Nitro: the document's signature, the chain of its key, what it says. */
    MSE_ERR_COSE_SIGNATURE,
    MSE_ERR_NITRO_CERTIFICATE_MALFORMED,
    MSE_ERR_NITRO_CERTIFICATE_CHAIN, /* a name, signature or profile in the chain */
    MSE_ERR_NITRO_CERTIFICATE_EXPIRED,
    MSE_ERR_NITRO_CERTIFICATE_NOT_YET_VALID,
    MSE_ERR_NITRO_ROOT_UNTRUSTED,
    MSE_ERR_NITRO_TIMESTAMP, /* made outside its certificate's dates, or later than now */
    MSE_ERR_PCR_MISMATCH,
    MSE_ERR_NONCE_MISMATCH,
    MSE_ERR_USER_DATA_MISMATCH,
    MSE_ERR_PUBLIC_KEY_MISMATCH,

    /* SIGSTRUCT; the first also of an EAR. */
    MSE_ERR_SIGNATURE,
    MSE_ERR_UNSUPPORTED_EXPONENT,
    MSE_ERR_Q1_Q2,

    /* Code packages. */
    MSE_ERR_PACKAGE_KIND, /* plain where encrypted is wanted, or the other way round */
    MSE_ERR_PACKAGE_KEY,
    MSE_ERR_PACKAGE_ORDER,
    MSE_ERR_PACKAGE_TRUNCATED,
    MSE_ERR_PACKAGE_EXTENDED,
    MSE_ERR_PACKAGE_DAMAGED,
    MSE_ERR_CODE_MISMATCH, /* what was unpacked is not the manifest's code_digest */

    /* Certificate chain and key of an app's owner. */
    MSE_ERR_TLS_CHAIN,        /* no PEM chain, cut, too long, or out of order */
    MSE_ERR_TLS_KEY,          /* no unencrypted PEM key of a kind that is served */
    MSE_ERR_TLS_KEY_MISMATCH, /* the key is not that of the certificate */

    /* What an enclave keeps for its next start: its sealed state, and the app's storage. */
    MSE_ERR_STATE_MISSING, /* there was one: the platform's counter says so */
    MSE_ERR_STATE_FOREIGN, /* sealed by another enclave, for another manifest or platform */
    MSE_ERR_STATE_DAMAGED,
    MSE_ERR_STORAGE_MISSING,
    MSE_ERR_STORAGE_FOREIGN, /* of another enclave */
    MSE_ERR_STORAGE_DAMAGED,
    MSE_ERR_STORAGE_ROLLED_BACK, /* whole and authentic, but not what was stored last */
    MSE_ERR_STORAGE_LIMIT,       /* more files, levels or bytes than are kept */

    /* Of a platform of several machines. */
    MSE_ERR_LEASE_LOST, /* what was to be changed is another's now */

    /* A login by OpenID Connect: the token of the issuer, and whose it is. */
    MSE_ERR_TOKEN_ISSUER,
    MSE_ERR_TOKEN_AUDIENCE,
    MSE_ERR_TOKEN_NONCE,
    MSE_ERR_TOKEN_EXPIRED,
    MSE_ERR_TOKEN_NOT_YET_VALID,
    MSE_ERR_TOKEN_KEY,  /* no key of the issuer fits, or one that is too weak */
    MSE_ERR_TOKEN_USED, /* it was there before */
    MSE_ERR_TOKEN_USER, /* nobody here may log in with it */

    /* Handing the storage on to another version of the app. */
    MSE_ERR_UPGRADE_REFUSED,   /* by the rule of one of the two, or by the peer */
    MSE_ERR_UPGRADE_SIGNATURE, /* the owner's key has not signed this upgrade */

    /* Several instances of one app. */
    MSE_ERR_REPLICA_LIMIT,  /* as many as the manifest allows live, or may still do so */
    MSE_ERR_REPLICA_POLICY, /* no usable replica_policy, or no several replicas at all */

    /* A transparency log. */
    MSE_ERR_LOG_FORM,        /* no checkpoint, proof or entry that can be read */
    MSE_ERR_LOG_KEY,         /* no signature of the key that is wanted, or no key */
    MSE_ERR_LOG_WITNESSES,   /* too few cosignatures */
    MSE_ERR_LOG_INCLUSION,   /* the proof does not lead to the root */
    MSE_ERR_LOG_CONSISTENCY, /* not the earlier tree with entries appended: a split view */
    MSE_ERR_LOG_ROLLBACK,    /* fewer entries than were there before */
    MSE_ERR_LOG_ENTRY,       /* the entry is of something else */
    MSE_ERR_LOG_MISSING,     /* there is no proof, or the log has no such entry */
    MSE_ERR_LOG_TILE,        /* what a log serves does not hash to its root */

    MSE_STATUS_COUNT
};
typedef enum mse_status mse_status;

/* mse_status_name returns the stable, lower-case name of st, for instance "pck_crl_expired"; it is
 * the word used in JSON output and in the conformance vectors. Static; never NULL: "unknown" for a
 * value that is none of the above. */
MSE_API const char *mse_status_name(mse_status st);

/* mse_status_text returns a short sentence for people, without a full stop. Static; never NULL. */
MSE_API const char *mse_status_text(mse_status st);

#define MSE_ERROR_TEXT_LEN 512 /* with the NUL */

/* What went wrong, where. Zero it before use: it is filled by the first failure only, so that one
 * object can go through several calls. No heap memory; copy it freely. text may quote input: escape
 * it before a terminal or a page shows it. */
struct mse_error {
    mse_status status; /* MSE_OK: nothing was recorded */
    const char *step;  /* static name of the step or the field, or NULL */
    size_t offset;     /* byte offset in the input where known, else 0 */
    const char *file;  /* source position, static */
    int line;
    char text[MSE_ERROR_TEXT_LEN]; /* NUL-terminated, cut to fit: the thing, what was seen, what was
                                      wanted */
};

#ifdef __cplusplus
}
#endif
#endif
