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

/* The header of every quote (Intel DCAP ECDSA Quote Library API, A.3 and A.4). The attestation key
 * signs it together with the body. */
struct mse_quote_header {
    uint16_t version;      /* 0: 3, 4 or 5 */
    uint16_t att_key_type; /* 2: 2 is ECDSA-256-with-P-256 */
    uint32_t tee_type;     /* 4: MSE_TEE_TYPE_… (reserved and zero in version 3) */
    uint16_t qe_svn;       /* 8: of the quoting enclave, as it says itself: not signed by Intel */
    uint16_t pce_svn;      /* 10: of the provisioning enclave, likewise */
    uint8_t qe_vendor_id[16]; /* 12 */
    uint8_t user_data[20];    /* 28: the first 16 bytes identify the quoting enclave */
};
#define MSE_TEE_TYPE_SGX 0x00U
#define MSE_TEE_TYPE_TDX 0x81U

/* The signature data of every quote: the attestation key's signature, and what vouches for that
 * key (A.4). From version 4 on all behind the key lies in an outer certification data of type 6. */
struct mse_quote_auth {
    uint8_t signature[64];          /* r || s, big-endian */
    uint8_t attestation_key[64];    /* X || Y, big-endian */
    struct mse_bytes qe_report_raw; /* 384 bytes: what the PCK key signed */
    struct mse_sgx_report qe_report;
    uint8_t qe_report_signature[64];
    struct mse_bytes qe_auth_data; /* goes into the QE report's hash with the attestation key */
    uint16_t cert_type;            /* MSE_CERT_TYPE_… */
    struct mse_bytes cert_data;    /* type 5: PEM, leaf first */
};

/* A quote of an SGX enclave, version 3. */
struct mse_sgx_quote {
    struct mse_quote_header header;
    struct mse_sgx_report body;
    struct mse_bytes signed_part; /* header || body, 432 bytes: what the attestation key signed */
    struct mse_quote_auth auth;
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

/* TD attributes (Intel TDX Module Base Architecture Specification, "ATTRIBUTES"). */
#define MSE_TDX_ATTR_DEBUG           (1ULL << 0)
#define MSE_TDX_ATTR_LASS            (1ULL << 27)
#define MSE_TDX_ATTR_SEPT_VE_DISABLE (1ULL << 28)
#define MSE_TDX_ATTR_MIGRATABLE      (1ULL << 29)
#define MSE_TDX_ATTR_PKS             (1ULL << 30)
#define MSE_TDX_ATTR_KL              (1ULL << 31)
#define MSE_TDX_ATTR_PERFMON         (1ULL << 63)

#define MSE_TDX_REPORT10_LEN 584 /* bytes of a TD report body 1.0 */
#define MSE_TDX_REPORT15_LEN 648 /* of 1.5: 1.0 and two members more */

/* A TD report as quotes carry it (Intel TDX DCAP Quoting Library API, A.3.2 "TD Quote Body"; 1.5:
 * "TD Quote Body Descriptor"), offsets as there. The SVNs and MRSEAM are the TDX module's, the rest
 * is the trust domain's. */
struct mse_tdx_report {
    uint8_t tee_tcb_svn[16];     /* 0: [0] module ISVSVN, [1] module version, [2] SEAM loader */
    uint8_t mr_seam[48];         /* 16: measurement of the TDX module */
    uint8_t mr_signer_seam[48];  /* 64: its signer; zero for Intel's */
    uint64_t seam_attributes;    /* 112: zero for a module in production */
    uint64_t td_attributes;      /* 120: MSE_TDX_ATTR_… */
    uint64_t xfam;               /* 128: as XCR0 and IA32_XSS */
    uint8_t mr_td[48];           /* 136: what was built into the TD: its firmware, as a rule */
    uint8_t mr_config_id[48];    /* 184: chosen by the host's owner at the TD's creation */
    uint8_t mr_owner[48];        /* 232: likewise */
    uint8_t mr_owner_config[48]; /* 280: likewise */
    uint8_t rtmr[4][48];         /* 328, 376, 424, 472: extended by the TD while it runs */
    uint8_t report_data[64];     /* 520: what the TD asked to be quoted */
    bool is_15;                  /* the report is 1.5, and the next two are meaningful */
    uint8_t tee_tcb_svn2[16];    /* 584: of the module that runs now; [0] to [2] as above */
    uint8_t mr_service_td[48];   /* 600: the service TDs bound to it, as a hash; zero: none */
};

/* mse_tdx_report_parse reads exactly 584 (1.0) or 648 bytes (1.5). MSE_ERR_MALFORMED otherwise. */
MSE_API MSE_MUST_USE mse_status mse_tdx_report_parse(struct mse_tdx_report *out,
                                                     struct mse_bytes in, struct mse_error *err);

/* A quote of an Intel TDX trust domain, version 4 or 5 (Intel TDX DCAP Quoting Library API, A.3).
 * Version 5 has, between header and body, the type of the body (u16: 2 for a TD report 1.0, 3 for
 * 1.5) and its length (u32). */
struct mse_tdx_quote {
    struct mse_quote_header header;
    struct mse_tdx_report body;
    struct mse_bytes signed_part; /* header to body: what the attestation key signed */
    struct mse_quote_auth auth;
    size_t trailing; /* zero bytes behind the quote; only with mse_tdx_quote_parse_padded */
};

/* mse_tdx_quote_parse reads a quote of version 4 or 5 over a TD report, to the last byte. Errors as
 * mse_sgx_quote_parse. Another TEE type is MSE_ERR_MALFORMED: SGX enclaves are quoted in version 3
 * by everybody, and their quotes of later versions are refused. */
MSE_API MSE_MUST_USE mse_status mse_tdx_quote_parse(struct mse_tdx_quote *out, struct mse_bytes in,
                                                    struct mse_error *err);
/* mse_tdx_quote_parse_padded does the same for files: zero bytes behind the quote are allowed and
 * counted in out->trailing. */
MSE_API MSE_MUST_USE mse_status mse_tdx_quote_parse_padded(struct mse_tdx_quote *out,
                                                           struct mse_bytes in,
                                                           struct mse_error *err);
/* mse_tdx_fingerprint computes the fingerprint of a TD: SHA-256 over "mse-fp-tdx-v1" with its NUL,
 * MRTD, RTMR0 to RTMR3, MRCONFIGID, TDATTRIBUTES and XFAM, as the report has them. MSE_ERR_CRYPTO.
 */
MSE_API MSE_MUST_USE mse_status mse_tdx_fingerprint(uint8_t out[32],
                                                    const struct mse_tdx_report *r);

/* mse_quote_is_tdx tells by the version whether a quote is to be read as one of TDX (4 and later)
 * rather than SGX; it says nothing else of it. */
MSE_API MSE_MUST_USE bool mse_quote_is_tdx(struct mse_bytes quote);
/* mse_quote_report_data reads the report data of a quote of either kind that fills in to the last
 * byte. Errors as mse_sgx_quote_parse and mse_tdx_quote_parse. */
MSE_API MSE_MUST_USE mse_status mse_quote_report_data(uint8_t out[64], struct mse_bytes quote,
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
    uint8_t fmspc[6];  /* family, model, stepping, platform type, SKU: selects the TCB info */
    bool has_sgx_type; /* the profile demands it, no rule of the appraisal needs it */
    uint8_t sgx_type;  /* 0 standard, 1 scalable, 2 scalable with integrity */
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

/* Azure's HCL report, which its confidential VMs read from their vTPM (NV index 0x01400001): a
 * header, the report of the hardware, and runtime data in JSON. Report data of the hardware's
 * report are the hash of the runtime data, then zeros. */
enum mse_hcl_type {
    MSE_HCL_SNP = 2,
    MSE_HCL_TDX = 4, /* a TD report of 1024 bytes: for its own machine, not for others */
};
enum mse_hcl_hash {
    MSE_HCL_SHA256 = 1,
    MSE_HCL_SHA384 = 2,
    MSE_HCL_SHA512 = 3,
};
struct mse_hcl_report {
    uint32_t version; /* 1 or 2 */
    enum mse_hcl_type type;
    enum mse_hcl_hash hash;
    struct mse_bytes hardware_report;
    struct mse_bytes runtime_data; /* JSON, as it was hashed */
    bool has_ak;                   /* the key "HCLAkPub", with which the vTPM signs quotes */
    struct mse_bytes ak_n;         /* base64url, as it stands in the JSON */
    struct mse_bytes ak_e;
};
/* mse_hcl_report_parse reads a report; zero bytes may stand behind it. MSE_ERR_MALFORMED,
 * MSE_ERR_UNSUPPORTED_VERSION, MSE_ERR_UNSUPPORTED_TEE, MSE_ERR_UNSUPPORTED_ALGORITHM. */
MSE_API MSE_MUST_USE mse_status mse_hcl_report_parse(struct mse_hcl_report *out,
                                                     struct mse_bytes in, struct mse_error *err);
/* mse_hcl_report_data computes the report data that the runtime data want. MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_hcl_report_data(uint8_t out[64],
                                                    const struct mse_hcl_report *r);

/* AWS Nitro attestation documents (AWS Nitro Enclaves NSM API, "Attestation process"): COSE_Sign1
 * over a map. */
#define MSE_NITRO_DOC_MAX_LEN  16384 /* bytes of a document */
#define MSE_NITRO_MAX_PCRS     32
#define MSE_NITRO_MAX_CABUNDLE 8    /* real ones have four */
#define MSE_NITRO_MAX_CERT     1024 /* bytes of a certificate */
#define MSE_NITRO_MAX_DATA     1024 /* bytes of public_key, user_data and nonce each */
#define MSE_NITRO_MAX_MODULE   128  /* bytes of module_id */

struct mse_nitro_doc {
    struct mse_bytes protected_header; /* contents of the three byte strings of COSE_Sign1 */
    struct mse_bytes payload;
    struct mse_bytes signature;                /* 96 bytes r || s, big-endian */
    struct mse_bytes module_id;                /* UTF-8 text: instance and enclave */
    uint64_t timestamp_ms;                     /* since 1970 */
    struct mse_bytes pcrs[MSE_NITRO_MAX_PCRS]; /* 32, 48 or 64 bytes; empty: there is none */
    struct mse_bytes certificate;              /* DER, of the key that signed */
    size_t num_cabundle;
    struct mse_bytes cabundle[MSE_NITRO_MAX_CABUNDLE]; /* DER, root first */
    bool has_public_key; /* false: null or absent; user data and nonce may be there and empty */
    bool has_user_data;
    bool has_nonce;
    struct mse_bytes public_key;
    struct mse_bytes user_data;
    struct mse_bytes nonce;
};
/* mse_nitro_doc_parse reads a document, with or without the tag 18, to its last byte; maps and
 * arrays of the payload may have an indefinite length. MSE_ERR_MALFORMED (also for a field that is
 * missing, unknown, there twice or outside its limits), MSE_ERR_UNSUPPORTED_ALGORITHM (another than
 * ES384, or another digest than SHA384). */
MSE_API MSE_MUST_USE mse_status mse_nitro_doc_parse(struct mse_nitro_doc *out, struct mse_bytes in,
                                                    struct mse_error *err);
/* mse_nitro_fingerprint: SHA-256("mse-fp-nitro-v1" and a NUL, PCR0, PCR1, PCR2).
 * MSE_ERR_NOT_FOUND: one of them is missing, has not 48 bytes, or is all zero as in debug mode.
 * MSE_ERR_CRYPTO. */
MSE_API MSE_MUST_USE mse_status mse_nitro_fingerprint(uint8_t out[32],
                                                      const struct mse_nitro_doc *d);

#ifdef __cplusplus
}
#endif
#endif
