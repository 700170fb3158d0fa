/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of evidence: form only, no verdict: what they return is what the bytes say, not what is
 * true. They allocate nothing; every struct mse_bytes in a result borrows from the input, which
 * must outlive it. err may be NULL everywhere. All integers in quotes are little-endian. */
#ifndef MSE_EVIDENCE_H
#define MSE_EVIDENCE_H

#include <mse/status.h>
#include <mse/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* SECS.ATTRIBUTES.FLAGS (Intel SDM Vol. 3D, "ATTRIBUTES"). */
#define MSE_SGX_FLAG_INIT           0x01ULL
#define MSE_SGX_FLAG_DEBUG          0x02ULL
#define MSE_SGX_FLAG_MODE64BIT      0x04ULL
#define MSE_SGX_FLAG_PROVISION_KEY  0x10ULL
#define MSE_SGX_FLAG_EINITTOKEN_KEY 0x20ULL
#define MSE_SGX_FLAG_KSS            0x80ULL

#define MSE_SGX_REPORT_LEN 384 /* bytes of a report body */

/* The REPORT body (Intel SDM Vol. 3D, "REPORT"), offsets as there. Reserved bytes are not kept. */
struct mse_sgx_report {
    uint8_t cpu_svn[16];         /* 0: security version of the processor */
    uint32_t misc_select;        /* 16 */
    uint8_t isv_ext_prod_id[16]; /* 32 */
    uint64_t attr_flags;         /* 48: MSE_SGX_FLAG_… */
    uint64_t attr_xfrm;          /* 56: as XCR0 */
    uint8_t mr_enclave[32];      /* 64: measurement of the code */
    uint8_t mr_signer[32];       /* 128: who signed the enclave */
    uint8_t config_id[64];       /* 192 */
    uint16_t isv_prod_id;        /* 256: product, chosen by the signer */
    uint16_t isv_svn;            /* 258: its security version */
    uint16_t config_svn;         /* 260 */
    uint8_t isv_family_id[16];   /* 304 */
    uint8_t report_data[64];     /* 320: what the enclave asked to be quoted */
};

/* mse_sgx_report_parse reads exactly 384 bytes. MSE_ERR_MALFORMED otherwise. */
MSE_API MSE_MUST_USE mse_status mse_sgx_report_parse(struct mse_sgx_report *out,
                                                     struct mse_bytes in, struct mse_error *err);

/* Certification data types (Intel DCAP ECDSA Quote Library API, A.4). */
#define MSE_CERT_TYPE_PPID_PLAIN   1
#define MSE_CERT_TYPE_PPID_RSA2048 2
#define MSE_CERT_TYPE_PPID_RSA3072 3
#define MSE_CERT_TYPE_PCK_LEAF     4
#define MSE_CERT_TYPE_PCK_CHAIN    5
#define MSE_CERT_TYPE_QE_REPORT    6
#define MSE_CERT_TYPE_PLATFORM     7

/* A quote with its signature data (Intel DCAP ECDSA Quote Library API, A.4). */
struct mse_sgx_quote {
    uint16_t version;      /* 3 */
    uint16_t att_key_type; /* 2: ECDSA-256-with-P-256 */
    uint16_t qe_svn;       /* of the quoting enclave, as the header says: not signed by Intel */
    uint16_t pce_svn;      /* of the provisioning enclave, likewise */
    uint8_t qe_vendor_id[16];
    uint8_t user_data[20]; /* the first 16 bytes identify the quoting enclave */
    struct mse_sgx_report body;
    struct mse_bytes signed_part;   /* header || body, 432 bytes: what the attestation key signed */
    uint8_t signature[64];          /* r || s, big-endian */
    uint8_t attestation_key[64];    /* X || Y, big-endian */
    struct mse_bytes qe_report_raw; /* 384 bytes: what the PCK key signed */
    struct mse_sgx_report qe_report;
    uint8_t qe_report_signature[64];
    struct mse_bytes qe_auth_data; /* goes into the QE report's hash with the attestation key */
    uint16_t cert_type;            /* MSE_CERT_TYPE_… */
    struct mse_bytes cert_data;    /* type 5: PEM, leaf first */
    size_t trailing; /* zero bytes behind the quote; only with mse_sgx_quote_parse_padded */
};

/* mse_sgx_quote_parse reads a version 3 quote that fills in to the last byte.
 * Errors: MSE_ERR_MALFORMED, MSE_ERR_UNSUPPORTED_VERSION, _AK_TYPE, _QE_VENDOR, _CERT_TYPE (a type
 * outside 1 to 5: 6 belongs to version 4, 7 is nobody's). Types 1 to 4 are parsed; whether a PCK
 * certificate is at hand is the appraisal's matter. */
MSE_API MSE_MUST_USE mse_status mse_sgx_quote_parse(struct mse_sgx_quote *out, struct mse_bytes in,
                                                    struct mse_error *err);
/* mse_sgx_quote_parse_padded does the same for files: zero bytes behind the quote are allowed and
 * counted in out->trailing. */
MSE_API MSE_MUST_USE mse_status mse_sgx_quote_parse_padded(struct mse_sgx_quote *out,
                                                           struct mse_bytes in,
                                                           struct mse_error *err);

/* SIGSTRUCT (Intel SDM Vol. 3D, "SIGSTRUCT"): what the enclave's signer signed. */
#define MSE_SIGSTRUCT_LEN 1808 /* bytes */
struct mse_sigstruct {
    uint32_t vendor; /* 0, or 0x8086 for Intel's own enclaves */
    uint32_t date;   /* BCD yyyymmdd, as stored */
    uint32_t sw_defined;
    struct mse_bytes modulus; /* 384, little-endian */
    uint32_t exponent;
    struct mse_bytes signature; /* 384, little-endian */
    uint32_t misc_select;
    uint32_t misc_mask;
    uint8_t cet_attributes;
    uint8_t cet_attributes_mask;
    uint8_t isv_family_id[16];
    uint64_t attr_flags;
    uint64_t attr_xfrm;
    uint64_t attr_mask_flags;
    uint64_t attr_mask_xfrm;
    uint8_t enclave_hash[32]; /* MRENCLAVE */
    uint8_t isv_ext_prod_id[16];
    uint16_t isv_prod_id;
    uint16_t isv_svn;
    struct mse_bytes q1;
    struct mse_bytes q2;
    struct mse_bytes raw; /* all 1808 bytes */
};
/* mse_sigstruct_parse reads exactly MSE_SIGSTRUCT_LEN bytes. MSE_ERR_MALFORMED (length, HEADER,
 * HEADER2, reserved bytes not zero). */
MSE_API MSE_MUST_USE mse_status mse_sigstruct_parse(struct mse_sigstruct *out, struct mse_bytes in,
                                                    struct mse_error *err);
/* mse_sigstruct_verify checks exponent 3, the RSA-3072 signature (PKCS#1 v1.5, SHA-256) by the
 * structure's own key, and Q1 and Q2. Whose key it is, mse_sigstruct_mrsigner tells.
 * Errors: MSE_ERR_UNSUPPORTED_EXPONENT, MSE_ERR_SIGNATURE, MSE_ERR_Q1_Q2, MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_sigstruct_verify(const struct mse_sigstruct *s,
                                                     struct mse_error *err);
/* mse_sigstruct_mrsigner computes MRSIGNER: SHA-256 of the 384-byte little-endian modulus.
 * MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_sigstruct_mrsigner(uint8_t out[32],
                                                       const struct mse_sigstruct *s);
/* mse_mrsigner_of_public_key computes MRSIGNER from an RSA-3072 public key, a SubjectPublicKeyInfo
 * in PEM or DER. MSE_ERR_MALFORMED: anything else, a private key among it;
 * MSE_ERR_UNSUPPORTED_EXPONENT: not 3; MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_mrsigner_of_public_key(uint8_t out[32], struct mse_bytes key,
                                                           struct mse_error *err);

/* What Intel's SGX extension of a PCK certificate says (OID 1.2.840.113741.1.13.1; Intel SGX PCK
 * Certificate and CRL Profile Specification). */
struct mse_pck_ext {
    uint8_t ppid[16];     /* identifies the processor package */
    uint8_t comp_svn[16]; /* TCB components 1 to 16 */
    uint16_t pce_svn;
    uint8_t cpu_svn[16];
    uint8_t pce_id[2];
    uint8_t fmspc[6]; /* family, model, stepping, platform type, SKU: selects the TCB info */
    uint8_t sgx_type; /* 0 standard, 1 scalable, 2 scalable with integrity */
    bool has_platform_instance_id;
    uint8_t platform_instance_id[16];
    bool has_configuration; /* multi-package platforms: the next three are meaningful */
    bool dynamic_platform;
    bool cached_keys;
    bool smt_enabled;
};
/* mse_pck_ext_parse reads value, the content of the extension's extnValue. Duplicate or missing
 * mandatory fields, anything behind it: MSE_ERR_MALFORMED. */
MSE_API MSE_MUST_USE mse_status mse_pck_ext_parse(struct mse_pck_ext *out, struct mse_bytes value,
                                                  struct mse_error *err);

/* AMD SEV-SNP (SEV Secure Nested Paging Firmware ABI Specification, publication 56860,
 * "ATTESTATION_REPORT"), versions 2 to 5. */
#define MSE_SNP_REPORT_LEN 1184

/* Bits of the guest policy. */
#define MSE_SNP_POLICY_SMT        (1ULL << 16)
#define MSE_SNP_POLICY_MUST_BE_1  (1ULL << 17)
#define MSE_SNP_POLICY_MIGRATE_MA (1ULL << 18)
#define MSE_SNP_POLICY_DEBUG      (1ULL << 19)
#define MSE_SNP_POLICY_RESERVED   (~0ULL << 26) /* must be zero */

/* Which key signed. */
enum mse_snp_key {
    MSE_SNP_KEY_VCEK = 0, /* of one chip */
    MSE_SNP_KEY_VLEK = 1, /* of a cloud provider */
    MSE_SNP_KEY_NONE = 7, /* not signed */
};

struct mse_snp_report {
    uint32_t version;
    uint32_t guest_svn;
    uint64_t policy; /* MSE_SNP_POLICY_…; bits 0 to 15 are the least ABI, minor and major */
    uint8_t family_id[16];
    uint8_t image_id[16];
    uint32_t vmpl;          /* 0 to 3; 0xffffffff: the host asked for the report */
    uint8_t current_tcb[8]; /* as stored; mse_snp_tcb_of tells the parts */
    uint64_t platform_info;
    bool author_key_enabled;
    bool chip_key_masked;
    enum mse_snp_key signing_key;
    uint8_t report_data[64];
    uint8_t measurement[48];
    uint8_t host_data[32];
    uint8_t id_key_digest[48];
    uint8_t author_key_digest[48];
    uint8_t report_id[32];
    uint8_t report_id_ma[32];
    uint8_t reported_tcb[8];
    bool has_cpuid; /* version 3 and later */
    uint8_t cpuid_family;
    uint8_t cpuid_model;
    uint8_t cpuid_stepping;
    uint8_t chip_id[64];
    uint8_t committed_tcb[8];
    uint8_t current_version[3]; /* firmware: major, minor, build */
    uint8_t committed_version[3];
    uint8_t launch_tcb[8];
    uint64_t launch_mitigations; /* version 5 */
    uint64_t current_mitigations;
    struct mse_bytes signed_part; /* bytes 0 to 0x29f: what the VCEK or VLEK signed */
    struct mse_bytes signature_r; /* 72 bytes each, little-endian, as stored */
    struct mse_bytes signature_s;
};
/* mse_snp_report_parse reads exactly 1184 bytes. MSE_ERR_MALFORMED (length, reserved bytes),
 * MSE_ERR_UNSUPPORTED_VERSION, MSE_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM. */
MSE_API MSE_MUST_USE mse_status mse_snp_report_parse(struct mse_snp_report *out,
                                                     struct mse_bytes in, struct mse_error *err);

/* mse_snp_fingerprint: SHA-256("mse-fp-snp-v1" and a NUL, MEASUREMENT, HOST_DATA, u64le POLICY,
 * u32le VMPL). MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_snp_fingerprint(uint8_t out[32],
                                                    const struct mse_snp_report *r);

enum mse_snp_product {
    MSE_SNP_PRODUCT_NONE = 0,
    MSE_SNP_MILAN,
    MSE_SNP_GENOA, /* and Bergamo, Siena */
    MSE_SNP_TURIN,
};
/* "Milan" and so on; "unknown" for MSE_SNP_PRODUCT_NONE. Static. */
MSE_API const char *mse_snp_product_name(enum mse_snp_product p);

/* The parts of a TCB version. Only Turin has fmc. */
struct mse_snp_tcb {
    uint8_t fmc;
    uint8_t bl;
    uint8_t tee;
    uint8_t snp;
    uint8_t ucode;
};
/* mse_snp_tcb_of takes the parts out of eight bytes as this product stores them. */
MSE_API struct mse_snp_tcb mse_snp_tcb_of(const uint8_t raw[8], enum mse_snp_product product);

/* What the extensions of a VCEK or VLEK certificate say (AMD publication 57230). */
struct mse_vcek {
    enum mse_snp_product product; /* by the product name; NONE for a name that is not known */
    struct mse_snp_tcb tcb;
    bool has_fmc;
    size_t hwid_len; /* 0: there is none, as in every VLEK */
    uint8_t hwid[64];
};

#ifdef __cplusplus
}
#endif
#endif
