/* SPDX-License-Identifier: Apache-2.0 */
/* Names and texts of the status codes. The names are part of the JSON output: never change one. */
#include <mse/status.h>

struct entry {
    const char *name;
    const char *text;
};

static const struct entry table[MSE_STATUS_COUNT] = {
    [MSE_OK] = { "ok", "accepted" },
    [MSE_ERR_ARGUMENT] = { "argument", "a parameter is outside its range" },
    [MSE_ERR_NO_SPACE] = { "no_space", "too large for the space that was given" },
    [MSE_ERR_MEMORY] = { "memory", "out of memory" },
    [MSE_ERR_IO] = { "io", "a system call failed" },
    [MSE_ERR_CRYPTO] = { "crypto", "the cryptographic library failed" },
    [MSE_ERR_TIMEOUT] = { "timeout", "no answer in time" },
    [MSE_ERR_PROTOCOL] = { "protocol", "the peer broke the protocol" },
    [MSE_ERR_NOT_FOUND] = { "not_found", "not found" },
    [MSE_ERR_EXISTS] = { "exists", "exists already" },
    [MSE_ERR_CONFIG] = { "config", "the configuration is wrong" },
    [MSE_ERR_UNSUPPORTED] = { "unsupported", "not available here" },
    [MSE_ERR_MALFORMED] = { "malformed", "the evidence is malformed" },
    [MSE_ERR_UNSUPPORTED_VERSION] = { "unsupported_version", "unknown version" },
    [MSE_ERR_UNSUPPORTED_TEE] = { "unsupported_tee", "unknown kind of TEE" },
    [MSE_ERR_UNSUPPORTED_AK_TYPE] = { "unsupported_ak_type", "unknown type of attestation key" },
    [MSE_ERR_UNSUPPORTED_CERT_TYPE] = { "unsupported_cert_type", "this type of certification data "
                                                                 "carries no PCK certificate" },
    [MSE_ERR_UNSUPPORTED_QE_VENDOR] = { "unsupported_qe_vendor",
                                        "the quoting enclave is not of a known vendor" },
    [MSE_ERR_UNSUPPORTED_ALGORITHM] = { "unsupported_algorithm", "unknown algorithm" },
    [MSE_ERR_PCK_CHAIN_MALFORMED] = { "pck_chain_malformed",
                                      "the PCK certificate chain is malformed" },
    [MSE_ERR_PCK_CHAIN_SIGNATURE] = { "pck_chain_signature",
                                      "the PCK certificate chain has a wrong signature" },
    [MSE_ERR_PCK_CHAIN_EXPIRED] = { "pck_chain_expired", "the PCK certificate chain has expired" },
    [MSE_ERR_PCK_CHAIN_NOT_YET_VALID] = { "pck_chain_not_yet_valid",
                                          "the PCK certificate chain is not valid yet" },
    [MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED] = { "pck_chain_root_untrusted",
                                           "the PCK certificate chain does not end in a trusted "
                                           "root" },
    [MSE_ERR_PCK_EXTENSION_MISSING] = { "pck_extension_missing",
                                        "the PCK certificate has no SGX extension" },
    [MSE_ERR_PCK_REVOKED] = { "pck_revoked", "the PCK certificate is revoked" },
    [MSE_ERR_INTERMEDIATE_REVOKED] = { "intermediate_revoked",
                                       "the PCK CA certificate is revoked" },
    [MSE_ERR_PCK_CRL_MISSING] = { "pck_crl_missing",
                                  "the CRL of the PCK certificate's issuer is missing" },
    [MSE_ERR_PCK_CRL_MALFORMED] = { "pck_crl_malformed",
                                    "the CRL of the PCK certificate's issuer is malformed" },
    [MSE_ERR_PCK_CRL_ISSUER_MISMATCH] = { "pck_crl_issuer_mismatch",
                                          "the CRL of the PCK certificate's issuer is of another "
                                          "issuer" },
    [MSE_ERR_PCK_CRL_SIGNATURE] = { "pck_crl_signature", "the CRL of the PCK certificate's issuer "
                                                         "has a wrong signature" },
    [MSE_ERR_PCK_CRL_EXPIRED] = { "pck_crl_expired",
                                  "the CRL of the PCK certificate's issuer has expired" },
    [MSE_ERR_PCK_CRL_NOT_YET_VALID] = { "pck_crl_not_yet_valid", "the CRL of the PCK certificate's "
                                                                 "issuer is not valid yet" },
    [MSE_ERR_ROOT_CRL_MISSING] = { "root_crl_missing", "the CRL of the root is missing" },
    [MSE_ERR_ROOT_CRL_MALFORMED] = { "root_crl_malformed", "the CRL of the root is malformed" },
    [MSE_ERR_ROOT_CRL_ISSUER_MISMATCH] = { "root_crl_issuer_mismatch",
                                           "the CRL of the root is of another issuer" },
    [MSE_ERR_ROOT_CRL_SIGNATURE] = { "root_crl_signature",
                                     "the CRL of the root has a wrong signature" },
    [MSE_ERR_ROOT_CRL_EXPIRED] = { "root_crl_expired", "the CRL of the root has expired" },
    [MSE_ERR_ROOT_CRL_NOT_YET_VALID] = { "root_crl_not_yet_valid",
                                         "the CRL of the root is not valid yet" },
    [MSE_ERR_TCB_INFO_MISSING] = { "tcb_info_missing", "the TCB info is missing" },
    [MSE_ERR_TCB_INFO_MALFORMED] = { "tcb_info_malformed", "the TCB info is malformed" },
    [MSE_ERR_TCB_INFO_UNSUPPORTED_VERSION] = { "tcb_info_unsupported_version",
                                               "the TCB info has an unknown version" },
    [MSE_ERR_TCB_INFO_CHAIN_MALFORMED] = { "tcb_info_chain_malformed",
                                           "the signing chain of the TCB info is malformed" },
    [MSE_ERR_TCB_INFO_CHAIN_SIGNATURE] = { "tcb_info_chain_signature",
                                           "the signing chain of the TCB info has a wrong "
                                           "signature" },
    [MSE_ERR_TCB_INFO_CHAIN_EXPIRED] = { "tcb_info_chain_expired",
                                         "the signing chain of the TCB info has expired" },
    [MSE_ERR_TCB_INFO_CHAIN_NOT_YET_VALID] = { "tcb_info_chain_not_yet_valid",
                                               "the signing chain of the TCB info is not valid "
                                               "yet" },
    [MSE_ERR_TCB_INFO_CHAIN_ROOT_UNTRUSTED] = { "tcb_info_chain_root_untrusted",
                                                "the signing chain of the TCB info does not end in "
                                                "a trusted root" },
    [MSE_ERR_TCB_INFO_CHAIN_REVOKED] = { "tcb_info_chain_revoked",
                                         "the signing chain of the TCB info holds a revoked "
                                         "certificate" },
    [MSE_ERR_TCB_INFO_SIGNATURE] = { "tcb_info_signature", "the TCB info has a wrong signature" },
    [MSE_ERR_TCB_INFO_EXPIRED] = { "tcb_info_expired", "the TCB info has expired" },
    [MSE_ERR_TCB_INFO_NOT_YET_VALID] = { "tcb_info_not_yet_valid",
                                         "the TCB info is not valid yet" },
    [MSE_ERR_TCB_INFO_MISMATCH] = { "tcb_info_mismatch",
                                    "the TCB info does not match the platform" },
    [MSE_ERR_QE_IDENTITY_MISSING] = { "qe_identity_missing", "the QE identity is missing" },
    [MSE_ERR_QE_IDENTITY_MALFORMED] = { "qe_identity_malformed", "the QE identity is malformed" },
    [MSE_ERR_QE_IDENTITY_UNSUPPORTED_VERSION] = { "qe_identity_unsupported_version",
                                                  "the QE identity has an unknown version" },
    [MSE_ERR_QE_IDENTITY_CHAIN_MALFORMED] = { "qe_identity_chain_malformed",
                                              "the signing chain of the QE identity is malformed" },
    [MSE_ERR_QE_IDENTITY_CHAIN_SIGNATURE] = { "qe_identity_chain_signature",
                                              "the signing chain of the QE identity has a wrong "
                                              "signature" },
    [MSE_ERR_QE_IDENTITY_CHAIN_EXPIRED] = { "qe_identity_chain_expired",
                                            "the signing chain of the QE identity has expired" },
    [MSE_ERR_QE_IDENTITY_CHAIN_NOT_YET_VALID] = { "qe_identity_chain_not_yet_valid",
                                                  "the signing chain of the QE identity is not "
                                                  "valid yet" },
    [MSE_ERR_QE_IDENTITY_CHAIN_ROOT_UNTRUSTED] = { "qe_identity_chain_root_untrusted",
                                                   "the signing chain of the QE identity does not "
                                                   "end in a trusted root" },
    [MSE_ERR_QE_IDENTITY_CHAIN_REVOKED] = { "qe_identity_chain_revoked",
                                            "the signing chain of the QE identity holds a revoked "
                                            "certificate" },
    [MSE_ERR_QE_IDENTITY_SIGNATURE] = { "qe_identity_signature",
                                        "the QE identity has a wrong signature" },
    [MSE_ERR_QE_IDENTITY_EXPIRED] = { "qe_identity_expired", "the QE identity has expired" },
    [MSE_ERR_QE_IDENTITY_NOT_YET_VALID] = { "qe_identity_not_yet_valid",
                                            "the QE identity is not valid yet" },
    [MSE_ERR_QE_IDENTITY_MISMATCH] = { "qe_identity_mismatch",
                                       "the QE identity does not match the quoting enclave" },
    [MSE_ERR_QE_REPORT_SIGNATURE] = { "qe_report_signature",
                                      "the QE report is not signed by the PCK certificate" },
    [MSE_ERR_AK_BINDING] = { "ak_binding",
                             "the QE report does not vouch for this attestation key" },
    [MSE_ERR_QUOTE_SIGNATURE] = { "quote_signature", "the signature of the quote is wrong" },
    [MSE_ERR_TDX_MODULE_MISMATCH] = { "tdx_module_mismatch",
                                      "the TDX module is not one that the TCB info describes" },
    [MSE_ERR_TCB_NOT_SUPPORTED] = { "tcb_not_supported", "no TCB level matches this platform" },
    [MSE_ERR_TCB_REVOKED] = { "tcb_revoked", "the TCB level is revoked" },
    [MSE_ERR_TCB_STATUS] = { "tcb_status", "the TCB status is not accepted" },
    [MSE_ERR_TCB_ADVISORY] = { "tcb_advisory", "an advisory is not accepted" },
    [MSE_ERR_TCB_DATE] = { "tcb_date", "the TCB date is too early" },
    [MSE_ERR_TCB_EVALUATION_NUMBER] = { "tcb_evaluation_number",
                                        "the TCB evaluation number is too low" },
    [MSE_ERR_TCB_EVALUATION_MIXED] = { "tcb_evaluation_mixed", "TCB info and QE identity are of "
                                                               "different evaluation numbers" },
    [MSE_ERR_COLLATERAL_AGE] = { "collateral_age", "the collateral is older than allowed" },
    [MSE_ERR_DEBUG] = { "debug", "the enclave runs in debug mode" },
    [MSE_ERR_ATTRIBUTES] = { "attributes",
                             "the enclave or TD has attributes that are not allowed" },
    [MSE_ERR_SAMPLE_SIGNER] = { "sample_signer", "signed with the public sample key" },
    [MSE_ERR_FINGERPRINT_MISMATCH] = { "fingerprint_mismatch",
                                       "the fingerprint is not the expected one" },
    [MSE_ERR_MRTD_MISMATCH] = { "mrtd_mismatch", "MRTD is not the expected one" },
    [MSE_ERR_RTMR_MISMATCH] = { "rtmr_mismatch", "an RTMR is not the expected one" },
    [MSE_ERR_MROWNER_MISMATCH] = { "mrowner_mismatch",
                                   "MROWNER or MROWNERCONFIG is not the expected one" },
    [MSE_ERR_TDATTRIBUTES_MISMATCH] = { "tdattributes_mismatch",
                                        "the TD's attributes are not the expected ones" },
    [MSE_ERR_XFAM_MISMATCH] = { "xfam_mismatch", "XFAM is not the expected one" },
    [MSE_ERR_MRENCLAVE_MISMATCH] = { "mrenclave_mismatch", "the code fingerprint is wrong" },
    [MSE_ERR_MRSIGNER_MISMATCH] = { "mrsigner_mismatch", "the enclave signer is wrong" },
    [MSE_ERR_ISVPRODID_MISMATCH] = { "isvprodid_mismatch", "the product id is wrong" },
    [MSE_ERR_ISVSVN_TOO_LOW] = { "isvsvn_too_low", "the security version is too low" },
    [MSE_ERR_CONFIG_ID_MISMATCH] = { "config_id_mismatch", "the configuration id is wrong" },
    [MSE_ERR_REPORT_DATA_MISMATCH] = { "report_data_mismatch", "the report data is wrong" },
    [MSE_ERR_MACHINE_NOT_ALLOWED] = { "machine_not_allowed", "the machine is not on the list" },
    [MSE_ERR_FMSPC_NOT_ALLOWED] = { "fmspc_not_allowed", "the platform family is not on the list" },
    [MSE_ERR_SIMULATION] = { "simulation", "simulated, not hardware" },
    [MSE_ERR_HARDWARE_NOT_ALLOWED] = { "hardware_not_allowed",
                                       "only simulated evidence is trusted here" },
    [MSE_ERR_NOTHING_IDENTIFIES] = { "nothing_identifies", "nothing identifies this app" },
    [MSE_ERR_LEVEL] = { "level", "the binding level is too low" },
    [MSE_ERR_POLICY] = { "policy", "the policy is wrong or empty" },
    [MSE_ERR_NO_EVIDENCE] = { "no_evidence", "the certificate carries no attestation evidence" },
    [MSE_ERR_UNSUPPORTED_EVIDENCE_TAG] = { "unsupported_evidence_tag",
                                           "unknown tag in front of the evidence" },
    [MSE_ERR_CLAIMS_MALFORMED] = { "claims_malformed", "the claims are malformed" },
    [MSE_ERR_CLAIMS_HASH] = { "claims_hash", "the quote does not vouch for these claims" },
    [MSE_ERR_BINDING] = { "binding", "the evidence was made for another key" },
    [MSE_ERR_ROLE] = { "role", "the evidence was made for another role" },
    [MSE_ERR_CERTIFICATE_SIGNATURE] = { "certificate_signature",
                                        "the certificate's own signature is wrong" },
    [MSE_ERR_CERTIFICATE_NAME] = { "certificate_name", "the certificate is for another name" },
    [MSE_ERR_CERTIFICATE_EXPIRED] = { "certificate_expired", "the certificate has expired" },
    [MSE_ERR_CERTIFICATE_NOT_YET_VALID] = { "certificate_not_yet_valid",
                                            "the certificate is not valid yet" },
    [MSE_ERR_CERTIFICATE_PROFILE] = { "certificate_profile",
                                      "the certificate has a form that is not allowed" },
    [MSE_ERR_MANIFEST_MISMATCH] = { "manifest_mismatch", "the manifest is another one" },
    [MSE_ERR_SIGNATURE] = { "signature", "the signature is wrong" },
    [MSE_ERR_UNSUPPORTED_EXPONENT] = { "unsupported_exponent", "the RSA exponent is not 3" },
    [MSE_ERR_Q1_Q2] = { "q1_q2", "Q1 or Q2 is wrong" },
};

static const struct entry *find(mse_status st)
{
    static const struct entry unknown = { "unknown", "unknown status" };
    bool known = (unsigned)st < MSE_STATUS_COUNT && table[st].name != NULL;
    return known ? &table[st] : &unknown;
}

const char *mse_status_name(mse_status st)
{
    return find(st)->name;
}

const char *mse_status_text(mse_status st)
{
    return find(st)->text;
}
