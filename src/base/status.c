/* SPDX-License-Identifier: Apache-2.0 */
/* Names and texts of the status codes. The names are part of the JSON output: never change one. */
#include <mse/status.h>

#include <string.h>

/* Name and text in one string, NUL between: half the pointers for the loader to relocate. */
#define ENTRY(name, text) name "\0" text
static const char *const table[MSE_STATUS_COUNT] = {
    [MSE_OK] = ENTRY("ok", "accepted"),
    [MSE_ERR_ARGUMENT] = ENTRY("argument", "a parameter is outside its range"),
    [MSE_ERR_NO_SPACE] = ENTRY("no_space", "too large for the space that was given"),
    [MSE_ERR_MEMORY] = ENTRY("memory", "out of memory"),
    [MSE_ERR_IO] = ENTRY("io", "a system call failed"),
    [MSE_ERR_CRYPTO] = ENTRY("crypto", "the cryptographic library failed"),
    [MSE_ERR_TIMEOUT] = ENTRY("timeout", "no answer in time"),
    [MSE_ERR_PROTOCOL] = ENTRY("protocol", "the peer broke the protocol"),
    [MSE_ERR_NOT_FOUND] = ENTRY("not_found", "not found"),
    [MSE_ERR_EXISTS] = ENTRY("exists", "exists already"),
    [MSE_ERR_CONFIG] = ENTRY("config", "the configuration is wrong"),
    [MSE_ERR_UNSUPPORTED] = ENTRY("unsupported", "not available here"),
    [MSE_ERR_MALFORMED] = ENTRY("malformed", "the evidence is malformed"),
    [MSE_ERR_UNSUPPORTED_VERSION] = ENTRY("unsupported_version", "unknown version"),
    [MSE_ERR_UNSUPPORTED_TEE] = ENTRY("unsupported_tee", "unknown kind of TEE"),
    [MSE_ERR_UNSUPPORTED_AK_TYPE] = ENTRY("unsupported_ak_type", "unknown type of attestation key"),
    [MSE_ERR_UNSUPPORTED_CERT_TYPE] =
        ENTRY("unsupported_cert_type", "this type of certification data "
                                       "carries no PCK certificate"),
    [MSE_ERR_UNSUPPORTED_QE_VENDOR] =
        ENTRY("unsupported_qe_vendor", "the quoting enclave is not of a known vendor"),
    [MSE_ERR_UNSUPPORTED_ALGORITHM] = ENTRY("unsupported_algorithm", "unknown algorithm"),
    [MSE_ERR_PCK_CHAIN_MALFORMED] =
        ENTRY("pck_chain_malformed", "the PCK certificate chain is malformed"),
    [MSE_ERR_PCK_CHAIN_SIGNATURE] =
        ENTRY("pck_chain_signature", "the PCK certificate chain has a wrong signature"),
    [MSE_ERR_PCK_CHAIN_EXPIRED] =
        ENTRY("pck_chain_expired", "the PCK certificate chain has expired"),
    [MSE_ERR_PCK_CHAIN_NOT_YET_VALID] =
        ENTRY("pck_chain_not_yet_valid", "the PCK certificate chain is not valid yet"),
    [MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED] =
        ENTRY("pck_chain_root_untrusted", "the PCK certificate chain does not end in a trusted "
                                          "root"),
    [MSE_ERR_PCK_EXTENSION_MISSING] =
        ENTRY("pck_extension_missing", "the PCK certificate has no SGX extension"),
    [MSE_ERR_PCK_REVOKED] = ENTRY("pck_revoked", "the PCK certificate is revoked"),
    [MSE_ERR_INTERMEDIATE_REVOKED] =
        ENTRY("intermediate_revoked", "the PCK CA certificate is revoked"),
    [MSE_ERR_PCK_CRL_MISSING] =
        ENTRY("pck_crl_missing", "the CRL of the PCK certificate's issuer is missing"),
    [MSE_ERR_PCK_CRL_MALFORMED] =
        ENTRY("pck_crl_malformed", "the CRL of the PCK certificate's issuer is malformed"),
    [MSE_ERR_PCK_CRL_ISSUER_MISMATCH] =
        ENTRY("pck_crl_issuer_mismatch", "the CRL of the PCK certificate's issuer is of another "
                                         "issuer"),
    [MSE_ERR_PCK_CRL_SIGNATURE] =
        ENTRY("pck_crl_signature", "the CRL of the PCK certificate's issuer "
                                   "has a wrong signature"),
    [MSE_ERR_PCK_CRL_EXPIRED] =
        ENTRY("pck_crl_expired", "the CRL of the PCK certificate's issuer has expired"),
    [MSE_ERR_PCK_CRL_NOT_YET_VALID] =
        ENTRY("pck_crl_not_yet_valid", "the CRL of the PCK certificate's "
                                       "issuer is not valid yet"),
    [MSE_ERR_ROOT_CRL_MISSING] = ENTRY("root_crl_missing", "the CRL of the root is missing"),
    [MSE_ERR_ROOT_CRL_MALFORMED] = ENTRY("root_crl_malformed", "the CRL of the root is malformed"),
    [MSE_ERR_ROOT_CRL_ISSUER_MISMATCH] =
        ENTRY("root_crl_issuer_mismatch", "the CRL of the root is of another issuer"),
    [MSE_ERR_ROOT_CRL_SIGNATURE] =
        ENTRY("root_crl_signature", "the CRL of the root has a wrong signature"),
    [MSE_ERR_ROOT_CRL_EXPIRED] = ENTRY("root_crl_expired", "the CRL of the root has expired"),
    [MSE_ERR_ROOT_CRL_NOT_YET_VALID] =
        ENTRY("root_crl_not_yet_valid", "the CRL of the root is not valid yet"),
    [MSE_ERR_TCB_INFO_MISSING] = ENTRY("tcb_info_missing", "the TCB info is missing"),
    [MSE_ERR_TCB_INFO_MALFORMED] = ENTRY("tcb_info_malformed", "the TCB info is malformed"),
    [MSE_ERR_TCB_INFO_UNSUPPORTED_VERSION] =
        ENTRY("tcb_info_unsupported_version", "the TCB info has an unknown version"),
    [MSE_ERR_TCB_INFO_CHAIN_MALFORMED] =
        ENTRY("tcb_info_chain_malformed", "the signing chain of the TCB info is malformed"),
    [MSE_ERR_TCB_INFO_CHAIN_SIGNATURE] =
        ENTRY("tcb_info_chain_signature", "the signing chain of the TCB info has a wrong "
                                          "signature"),
    [MSE_ERR_TCB_INFO_CHAIN_EXPIRED] =
        ENTRY("tcb_info_chain_expired", "the signing chain of the TCB info has expired"),
    [MSE_ERR_TCB_INFO_CHAIN_NOT_YET_VALID] =
        ENTRY("tcb_info_chain_not_yet_valid", "the signing chain of the TCB info is not valid "
                                              "yet"),
    [MSE_ERR_TCB_INFO_CHAIN_ROOT_UNTRUSTED] =
        ENTRY("tcb_info_chain_root_untrusted", "the signing chain of the TCB info does not end in "
                                               "a trusted root"),
    [MSE_ERR_TCB_INFO_CHAIN_REVOKED] =
        ENTRY("tcb_info_chain_revoked", "the signing chain of the TCB info holds a revoked "
                                        "certificate"),
    [MSE_ERR_TCB_INFO_SIGNATURE] =
        ENTRY("tcb_info_signature", "the TCB info has a wrong signature"),
    [MSE_ERR_TCB_INFO_EXPIRED] = ENTRY("tcb_info_expired", "the TCB info has expired"),
    [MSE_ERR_TCB_INFO_NOT_YET_VALID] =
        ENTRY("tcb_info_not_yet_valid", "the TCB info is not valid yet"),
    [MSE_ERR_TCB_INFO_MISMATCH] =
        ENTRY("tcb_info_mismatch", "the TCB info does not match the platform"),
    [MSE_ERR_QE_IDENTITY_MISSING] = ENTRY("qe_identity_missing", "the QE identity is missing"),
    [MSE_ERR_QE_IDENTITY_MALFORMED] =
        ENTRY("qe_identity_malformed", "the QE identity is malformed"),
    [MSE_ERR_QE_IDENTITY_UNSUPPORTED_VERSION] =
        ENTRY("qe_identity_unsupported_version", "the QE identity has an unknown version"),
    [MSE_ERR_QE_IDENTITY_CHAIN_MALFORMED] =
        ENTRY("qe_identity_chain_malformed", "the signing chain of the QE identity is malformed"),
    [MSE_ERR_QE_IDENTITY_CHAIN_SIGNATURE] =
        ENTRY("qe_identity_chain_signature", "the signing chain of the QE identity has a wrong "
                                             "signature"),
    [MSE_ERR_QE_IDENTITY_CHAIN_EXPIRED] =
        ENTRY("qe_identity_chain_expired", "the signing chain of the QE identity has expired"),
    [MSE_ERR_QE_IDENTITY_CHAIN_NOT_YET_VALID] =
        ENTRY("qe_identity_chain_not_yet_valid", "the signing chain of the QE identity is not "
                                                 "valid yet"),
    [MSE_ERR_QE_IDENTITY_CHAIN_ROOT_UNTRUSTED] =
        ENTRY("qe_identity_chain_root_untrusted", "the signing chain of the QE identity does not "
                                                  "end in a trusted root"),
    [MSE_ERR_QE_IDENTITY_CHAIN_REVOKED] =
        ENTRY("qe_identity_chain_revoked", "the signing chain of the QE identity holds a revoked "
                                           "certificate"),
    [MSE_ERR_QE_IDENTITY_SIGNATURE] =
        ENTRY("qe_identity_signature", "the QE identity has a wrong signature"),
    [MSE_ERR_QE_IDENTITY_EXPIRED] = ENTRY("qe_identity_expired", "the QE identity has expired"),
    [MSE_ERR_QE_IDENTITY_NOT_YET_VALID] =
        ENTRY("qe_identity_not_yet_valid", "the QE identity is not valid yet"),
    [MSE_ERR_QE_IDENTITY_MISMATCH] =
        ENTRY("qe_identity_mismatch", "the QE identity does not match the quoting enclave"),
    [MSE_ERR_QE_REPORT_SIGNATURE] =
        ENTRY("qe_report_signature", "the QE report is not signed by the PCK certificate"),
    [MSE_ERR_AK_BINDING] =
        ENTRY("ak_binding", "the QE report does not vouch for this attestation key"),
    [MSE_ERR_QUOTE_SIGNATURE] = ENTRY("quote_signature", "the signature of the quote is wrong"),
    [MSE_ERR_TDX_MODULE_MISMATCH] =
        ENTRY("tdx_module_mismatch", "the TDX module is not one that the TCB info describes"),
    [MSE_ERR_TCB_NOT_SUPPORTED] = ENTRY("tcb_not_supported", "no TCB level matches this platform"),
    [MSE_ERR_TCB_REVOKED] = ENTRY("tcb_revoked", "the TCB level is revoked"),
    [MSE_ERR_TCB_STATUS] = ENTRY("tcb_status", "the TCB status is not accepted"),
    [MSE_ERR_TCB_ADVISORY] = ENTRY("tcb_advisory", "an advisory is not accepted"),
    [MSE_ERR_TCB_DATE] = ENTRY("tcb_date", "the TCB date is too early"),
    [MSE_ERR_TCB_EVALUATION_NUMBER] =
        ENTRY("tcb_evaluation_number", "the TCB evaluation number is too low"),
    [MSE_ERR_TCB_EVALUATION_MIXED] =
        ENTRY("tcb_evaluation_mixed", "TCB info and QE identity are of "
                                      "different evaluation numbers"),
    [MSE_ERR_COLLATERAL_AGE] = ENTRY("collateral_age", "the collateral is older than allowed"),
    [MSE_ERR_DEBUG] = ENTRY("debug", "the enclave runs in debug mode"),
    [MSE_ERR_ATTRIBUTES] =
        ENTRY("attributes", "the enclave or TD has attributes that are not allowed"),
    [MSE_ERR_SAMPLE_SIGNER] = ENTRY("sample_signer", "signed with the public sample key"),
    [MSE_ERR_FINGERPRINT_MISMATCH] =
        ENTRY("fingerprint_mismatch", "the fingerprint is not the expected one"),
    [MSE_ERR_MRTD_MISMATCH] = ENTRY("mrtd_mismatch", "MRTD is not the expected one"),
    [MSE_ERR_RTMR_MISMATCH] = ENTRY("rtmr_mismatch", "an RTMR is not the expected one"),
    [MSE_ERR_MROWNER_MISMATCH] =
        ENTRY("mrowner_mismatch", "MROWNER or MROWNERCONFIG is not the expected one"),
    [MSE_ERR_TDATTRIBUTES_MISMATCH] =
        ENTRY("tdattributes_mismatch", "the TD's attributes are not the expected ones"),
    [MSE_ERR_XFAM_MISMATCH] = ENTRY("xfam_mismatch", "XFAM is not the expected one"),
    [MSE_ERR_MRENCLAVE_MISMATCH] = ENTRY("mrenclave_mismatch", "the code fingerprint is wrong"),
    [MSE_ERR_MRSIGNER_MISMATCH] = ENTRY("mrsigner_mismatch", "the enclave signer is wrong"),
    [MSE_ERR_ISVPRODID_MISMATCH] = ENTRY("isvprodid_mismatch", "the product id is wrong"),
    [MSE_ERR_ISVSVN_TOO_LOW] = ENTRY("isvsvn_too_low", "the security version is too low"),
    [MSE_ERR_CONFIG_ID_MISMATCH] = ENTRY("config_id_mismatch", "the configuration id is wrong"),
    [MSE_ERR_REPORT_DATA_MISMATCH] = ENTRY("report_data_mismatch", "the report data is wrong"),
    [MSE_ERR_MACHINE_NOT_ALLOWED] = ENTRY("machine_not_allowed", "the machine is not on the list"),
    [MSE_ERR_FMSPC_NOT_ALLOWED] =
        ENTRY("fmspc_not_allowed", "the platform family is not on the list"),
    [MSE_ERR_SIMULATION] = ENTRY("simulation", "simulated, not hardware"),
    [MSE_ERR_HARDWARE_NOT_ALLOWED] =
        ENTRY("hardware_not_allowed", "only simulated evidence is trusted here"),
    [MSE_ERR_NOTHING_IDENTIFIES] = ENTRY("nothing_identifies", "nothing identifies this app"),
    [MSE_ERR_LEVEL] = ENTRY("level", "the binding level is too low"),
    [MSE_ERR_POLICY] = ENTRY("policy", "the policy is wrong or empty"),
    [MSE_ERR_NO_EVIDENCE] = ENTRY("no_evidence", "the certificate carries no attestation evidence"),
    [MSE_ERR_UNSUPPORTED_EVIDENCE_TAG] =
        ENTRY("unsupported_evidence_tag", "unknown tag in front of the evidence"),
    [MSE_ERR_CLAIMS_MALFORMED] = ENTRY("claims_malformed", "the claims are malformed"),
    [MSE_ERR_CLAIMS_HASH] = ENTRY("claims_hash", "the quote does not vouch for these claims"),
    [MSE_ERR_BINDING] = ENTRY("binding", "the evidence was made for another key"),
    [MSE_ERR_ROLE] = ENTRY("role", "the evidence was made for another role"),
    [MSE_ERR_APP_DATA] = ENTRY("app-data", "the app asked for this evidence over other data"),
    [MSE_ERR_CERTIFICATE_SIGNATURE] =
        ENTRY("certificate_signature", "the certificate's own signature is wrong"),
    [MSE_ERR_CERTIFICATE_NAME] = ENTRY("certificate_name", "the certificate is for another name"),
    [MSE_ERR_CERTIFICATE_EXPIRED] = ENTRY("certificate_expired", "the certificate has expired"),
    [MSE_ERR_CERTIFICATE_NOT_YET_VALID] =
        ENTRY("certificate_not_yet_valid", "the certificate is not valid yet"),
    [MSE_ERR_CERTIFICATE_PROFILE] =
        ENTRY("certificate_profile", "the certificate has a form that is not allowed"),
    [MSE_ERR_CA_MISSING] =
        ENTRY("ca_missing", "the CA that the evidence names did not come with the certificate"),
    [MSE_ERR_CA_NOT_CLAIMED] =
        ENTRY("ca_not_claimed", "the certificate is signed by a CA that the evidence does not "
                                "name"),
    [MSE_ERR_CA_MISMATCH] = ENTRY("ca_mismatch", "the evidence names another CA"),
    [MSE_ERR_CA_PROFILE] = ENTRY("ca_profile", "the CA has a form that is not allowed"),
    [MSE_ERR_CA_CONSTRAINTS] =
        ENTRY("ca_constraints", "the CA is not restricted to the certificate's name"),
    [MSE_ERR_CA_VALIDITY] =
        ENTRY("ca_validity", "the CA is not valid for as long as the certificate"),
    [MSE_ERR_CA_SIGNATURE] = ENTRY("ca_signature", "the CA's signature is wrong"),
    [MSE_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM] =
        ENTRY("unsupported_signature_algorithm", "the report is signed with another algorithm"),
    [MSE_ERR_REPORT_SIGNATURE] = ENTRY("report_signature", "the report's signature is wrong"),
    [MSE_ERR_VCEK_MISSING] = ENTRY("vcek_missing", "no VCEK or VLEK certificate was given"),
    [MSE_ERR_VCEK_CHAIN] =
        ENTRY("vcek_chain", "the chain of the VCEK or VLEK is malformed or broken"),
    [MSE_ERR_VCEK_SIGNATURE] =
        ENTRY("vcek_signature", "the signature of the VCEK or VLEK certificate is wrong"),
    [MSE_ERR_VCEK_ROOT_UNTRUSTED] =
        ENTRY("vcek_root_untrusted", "the chain of the VCEK or VLEK ends in an untrusted key"),
    [MSE_ERR_VCEK_EXPIRED] = ENTRY("vcek_expired", "the VCEK or VLEK, or its chain, has expired"),
    [MSE_ERR_VCEK_NOT_YET_VALID] =
        ENTRY("vcek_not_yet_valid", "the VCEK or VLEK, or its chain, is not valid yet"),
    [MSE_ERR_VCEK_CRL_MISSING] = ENTRY("vcek_crl_missing", "the ARK's CRL is missing"),
    [MSE_ERR_VCEK_CRL_MALFORMED] = ENTRY("vcek_crl_malformed", "the ARK's CRL is malformed"),
    [MSE_ERR_VCEK_CRL_ISSUER_MISMATCH] =
        ENTRY("vcek_crl_issuer_mismatch", "the CRL is of another issuer than this ARK"),
    [MSE_ERR_VCEK_CRL_SIGNATURE] =
        ENTRY("vcek_crl_signature", "the signature of the ARK's CRL is wrong"),
    [MSE_ERR_VCEK_CRL_EXPIRED] = ENTRY("vcek_crl_expired", "the ARK's CRL has expired"),
    [MSE_ERR_VCEK_CRL_NOT_YET_VALID] =
        ENTRY("vcek_crl_not_yet_valid", "the ARK's CRL is not valid yet"),
    [MSE_ERR_VCEK_ISSUER_REVOKED] = ENTRY("vcek_issuer_revoked", "the ASK or ASVK is revoked"),
    [MSE_ERR_VCEK_EXTENSION] =
        ENTRY("vcek_extension", "an extension of the VCEK or VLEK is missing or malformed"),
    [MSE_ERR_VCEK_TCB_MISMATCH] =
        ENTRY("vcek_tcb_mismatch", "the TCB of the VCEK or VLEK is not the reported one"),
    [MSE_ERR_VCEK_HWID_MISMATCH] =
        ENTRY("vcek_hwid_mismatch", "the VCEK is not of the chip that the report names"),
    [MSE_ERR_TCB_OUT_OF_DATE] = ENTRY("tcb_out_of_date", "the TCB is below the minimum"),
    [MSE_ERR_GUEST_POLICY_RESERVED_BIT_SET] =
        ENTRY("guest_policy_reserved_bit_set", "reserved bits of the guest policy are wrong"),
    [MSE_ERR_GUEST_POLICY_MIGRATE_MA_SET] =
        ENTRY("guest_policy_migrate_ma_set", "the guest may be migrated"),
    [MSE_ERR_GUEST_POLICY_SMT] = ENTRY("guest_policy_smt", "the guest may run with SMT"),
    [MSE_ERR_GUEST_POLICY_ABI] =
        ENTRY("guest_policy_abi", "the guest takes firmware with an older ABI"),
    [MSE_ERR_VMPL] = ENTRY("vmpl", "the report was asked for at another privilege level"),
    [MSE_ERR_MEASUREMENT_MISMATCH] =
        ENTRY("measurement_mismatch", "MEASUREMENT is not the expected one"),
    [MSE_ERR_HOST_DATA_MISMATCH] = ENTRY("host_data_mismatch", "HOST_DATA is not the expected one"),
    [MSE_ERR_ID_KEY_DIGEST_MISMATCH] =
        ENTRY("id_key_digest_mismatch", "ID_KEY_DIGEST is not the expected one"),
    [MSE_ERR_AUTHOR_KEY_DIGEST_MISMATCH] =
        ENTRY("author_key_digest_mismatch", "AUTHOR_KEY_DIGEST is not the expected one"),
    [MSE_ERR_MANIFEST_MISMATCH] = ENTRY("manifest_mismatch", "the manifest is another one"),
    [MSE_ERR_KEY_ORIGIN] =
        ENTRY("key_origin", "the owner also holds this key: only an attested session counts"),
    [MSE_ERR_FRAME_TOO_LONG] = ENTRY("frame_too_long", "the peer's message is too long"),
    [MSE_ERR_FRAME_MALFORMED] = ENTRY("frame_malformed", "the peer's message is malformed"),
    [MSE_ERR_FRAME_VERSION] = ENTRY("frame_version", "the peer's message is of another version"),
    [MSE_ERR_SESSION_TLS_VERSION] = ENTRY("session_tls_version", "the session is not TLS 1.3"),
    [MSE_ERR_SESSION_RESUMED] =
        ENTRY("session_resumed", "the session was resumed, or began with early data"),
    [MSE_ERR_SESSION_ALPN] = ENTRY("session_alpn", "the peer did not choose the attested protocol"),
    [MSE_ERR_SESSION_NONCE] = ENTRY("session_nonce", "the evidence answers another nonce"),
    [MSE_ERR_SESSION_EXPORTER] =
        ENTRY("session_exporter", "the evidence was made for another TLS session"),
    [MSE_ERR_SESSION_REFLECTED] = ENTRY("session_reflected", "the peer shows one's own key"),
    [MSE_ERR_AUDIT_PATH] = ENTRY("audit_path", "no path leads from the nonce to the evidence"),
    [MSE_ERR_BUSY] = ENTRY("busy", "the peer is busy"),
    [MSE_ERR_PEER_REFUSED] = ENTRY("peer_refused", "the peer refused the request"),
    [MSE_ERR_EAR_PROFILE] = ENTRY("ear_profile", "not an attestation result of a known profile"),
    [MSE_ERR_EAR_NONCE] = ENTRY("ear_nonce", "the attestation result has another nonce"),
    [MSE_ERR_EAR_EXPIRED] = ENTRY("ear_expired", "the attestation result has expired"),
    [MSE_ERR_EAR_NOT_YET_VALID] =
        ENTRY("ear_not_yet_valid", "the attestation result is of the future"),
    [MSE_ERR_EAR_STATUS] = ENTRY("ear_status", "the attestation result is not affirming"),
    [MSE_ERR_COSE_SIGNATURE] =
        ENTRY("cose_signature", "the attestation document has a wrong signature"),
    [MSE_ERR_NITRO_CERTIFICATE_MALFORMED] =
        ENTRY("nitro_certificate_malformed", "a certificate of the document is malformed"),
    [MSE_ERR_NITRO_CERTIFICATE_CHAIN] =
        ENTRY("nitro_certificate_chain", "the certificates of the document are no chain"),
    [MSE_ERR_NITRO_CERTIFICATE_EXPIRED] =
        ENTRY("nitro_certificate_expired", "a certificate of the document has expired"),
    [MSE_ERR_NITRO_CERTIFICATE_NOT_YET_VALID] =
        ENTRY("nitro_certificate_not_yet_valid", "a certificate of the document is not valid "
                                                 "yet"),
    [MSE_ERR_NITRO_ROOT_UNTRUSTED] =
        ENTRY("nitro_root_untrusted", "the certificates of the document "
                                      "do not end in a trusted root"),
    [MSE_ERR_NITRO_TIMESTAMP] =
        ENTRY("nitro_timestamp", "the document was made at an impossible time"),
    [MSE_ERR_PCR_MISMATCH] = ENTRY("pcr_mismatch", "a PCR is not the expected one"),
    [MSE_ERR_NONCE_MISMATCH] = ENTRY("nonce_mismatch", "the nonce is not the expected one"),
    [MSE_ERR_USER_DATA_MISMATCH] =
        ENTRY("user_data_mismatch", "the user data are not the expected ones"),
    [MSE_ERR_PUBLIC_KEY_MISMATCH] =
        ENTRY("public_key_mismatch", "the public key is not the expected one"),
    [MSE_ERR_SIGNATURE] = ENTRY("signature", "the signature is wrong"),
    [MSE_ERR_UNSUPPORTED_EXPONENT] = ENTRY("unsupported_exponent", "the RSA exponent is not 3"),
    [MSE_ERR_Q1_Q2] = ENTRY("q1_q2", "Q1 or Q2 is wrong"),
    [MSE_ERR_PACKAGE_KIND] =
        ENTRY("package_kind", "the manifest asks for the other kind of package"),
    [MSE_ERR_PACKAGE_KEY] = ENTRY("package_key", "the code key is not the one of the package"),
    [MSE_ERR_PACKAGE_ORDER] = ENTRY("package_order", "the package's chunks are out of order"),
    [MSE_ERR_PACKAGE_TRUNCATED] = ENTRY("package_truncated", "the package was cut"),
    [MSE_ERR_PACKAGE_EXTENDED] = ENTRY("package_extended", "something stands behind the package"),
    [MSE_ERR_PACKAGE_DAMAGED] = ENTRY("package_damaged", "the package is damaged"),
    [MSE_ERR_CODE_MISMATCH] =
        ENTRY("code_mismatch", "the code is not the one that the manifest names"),
    [MSE_ERR_TLS_CHAIN] = ENTRY("tls_chain", "this is no usable certificate chain"),
    [MSE_ERR_TLS_KEY] = ENTRY("tls_key", "this is no private key that can be used"),
    [MSE_ERR_TLS_KEY_MISMATCH] =
        ENTRY("tls_key_mismatch", "the private key is not that of the certificate"),
    [MSE_ERR_STATE_MISSING] = ENTRY("state_missing", "the sealed state is gone"),
    [MSE_ERR_STATE_FOREIGN] = ENTRY("state_foreign", "the sealed state is that of another enclave"),
    [MSE_ERR_STATE_DAMAGED] = ENTRY("state_damaged", "the sealed state is damaged"),
    [MSE_ERR_STORAGE_MISSING] = ENTRY("storage_missing", "the storage is gone"),
    [MSE_ERR_STORAGE_FOREIGN] = ENTRY("storage_foreign", "the storage is that of another enclave"),
    [MSE_ERR_STORAGE_DAMAGED] = ENTRY("storage_damaged", "the storage is damaged"),
    [MSE_ERR_STORAGE_ROLLED_BACK] =
        ENTRY("storage_rolled_back", "the storage is not what was stored last"),
    [MSE_ERR_STORAGE_LIMIT] = ENTRY("storage_limit", "the storage would hold more than it may"),
    [MSE_ERR_LEASE_LOST] = ENTRY("lease_lost", "another has it now"),
    [MSE_ERR_TOKEN_ISSUER] = ENTRY("token_issuer", "the token is of another issuer"),
    [MSE_ERR_TOKEN_AUDIENCE] = ENTRY("token_audience", "the token is for another client"),
    [MSE_ERR_TOKEN_NONCE] = ENTRY("token_nonce", "the token is of another login"),
    [MSE_ERR_TOKEN_EXPIRED] = ENTRY("token_expired", "the token has expired"),
    [MSE_ERR_TOKEN_NOT_YET_VALID] = ENTRY("token_not_yet_valid", "the token is not valid yet"),
    [MSE_ERR_TOKEN_KEY] = ENTRY("token_key", "no key of the issuer fits the token"),
    [MSE_ERR_TOKEN_USED] = ENTRY("token_used", "the token was used before"),
    [MSE_ERR_TOKEN_USER] = ENTRY("token_user", "nobody here may log in with this token"),
    [MSE_ERR_UPGRADE_REFUSED] =
        ENTRY("upgrade_refused", "the storage is not to be handed on to this app"),
    [MSE_ERR_UPGRADE_SIGNATURE] =
        ENTRY("upgrade_signature", "the owner's key has not signed this upgrade"),
    [MSE_ERR_REPLICA_LIMIT] =
        ENTRY("replica_limit", "as many instances as the manifest allows live, or may still live"),
    [MSE_ERR_REPLICA_POLICY] =
        ENTRY("replica_policy", "the manifest has no usable rule for several instances"),
    [MSE_ERR_LOG_FORM] =
        ENTRY("log_form", "no checkpoint, proof or entry of a transparency log that can be read"),
    [MSE_ERR_LOG_KEY] = ENTRY("log_key", "the log's key that is wanted has not signed this"),
    [MSE_ERR_LOG_WITNESSES] =
        ENTRY("log_witnesses", "fewer witnesses than wanted have cosigned the log's checkpoint"),
    [MSE_ERR_LOG_INCLUSION] =
        ENTRY("log_inclusion", "the proof does not lead from the entry to the root of the log"),
    [MSE_ERR_LOG_CONSISTENCY] =
        ENTRY("log_consistency", "the log does not extend the tree that was seen before"),
    [MSE_ERR_LOG_ROLLBACK] = ENTRY("log_rollback", "the log has fewer entries than before"),
    [MSE_ERR_LOG_ENTRY] = ENTRY("log_entry", "the log's entry is of something else"),
    [MSE_ERR_LOG_MISSING] = ENTRY("log_missing", "nothing shows that the log has this fingerprint"),
    [MSE_ERR_LOG_TILE] = ENTRY("log_tile", "what the log serves does not hash to its root"),
};

const char *mse_status_name(mse_status st)
{
    bool known = (unsigned)st < MSE_STATUS_COUNT && table[st] != NULL;
    return known ? table[st] : ENTRY("unknown", "unknown status");
}

const char *mse_status_text(mse_status st)
{
    const char *name = mse_status_name(st);
    return name + strlen(name) + 1;
}
