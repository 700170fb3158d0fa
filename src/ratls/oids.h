/* SPDX-License-Identifier: Apache-2.0 */
/* Object identifiers of certificates and of attestation extensions, as the content of their DER. */
#ifndef RATLS_OIDS_H
#define RATLS_OIDS_H

#include "base/bytes.h"

#define MSE_OID(array) mse_bytes_of((array), sizeof(array))

/* TCG DICE tagged evidence: 2.23.133.5.4.9 */
static const uint8_t mse_oid_dice[] = { 0x67, 0x81, 0x05, 0x05, 0x04, 0x09 };
/* Raw evidence: 1.2.840.113741.1337.6 (SGX), .7 (SNP), .8 (TDX) */
static const uint8_t mse_oid_legacy_sgx[] = {
    0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x8a, 0x39, 0x06
};
static const uint8_t mse_oid_legacy_snp[] = {
    0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x8a, 0x39, 0x07
};
static const uint8_t mse_oid_legacy_tdx[] = {
    0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x8a, 0x39, 0x08
};
/* The same as .6 with its own tag and length inside, as Gramine writes it */
static const uint8_t mse_oid_legacy_gramine[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                  0xf8, 0x4d, 0x8a, 0x39, 0x06 };
/* Open Enclave: 1.2.840.113556.10.1.1 */
static const uint8_t mse_oid_open_enclave[] = {
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x0a, 0x01, 0x01
};
/* Intel's SDK sample: 1.2.840.113741.1.13.1, which PCK certificates use for other content */
static const uint8_t mse_oid_sdk_sample[] = {
    0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01
};

/* RFC 5280, RFC 5758 */
static const uint8_t mse_oid_common_name[] = { 0x55, 0x04, 0x03 };
static const uint8_t mse_oid_subject_key_id[] = { 0x55, 0x1d, 0x0e };
static const uint8_t mse_oid_key_usage[] = { 0x55, 0x1d, 0x0f };
static const uint8_t mse_oid_subject_alt_name[] = { 0x55, 0x1d, 0x11 };
static const uint8_t mse_oid_basic_constraints[] = { 0x55, 0x1d, 0x13 };
static const uint8_t mse_oid_name_constraints[] = { 0x55, 0x1d, 0x1e };
static const uint8_t mse_oid_authority_key_id[] = { 0x55, 0x1d, 0x23 };
static const uint8_t mse_oid_ext_key_usage[] = { 0x55, 0x1d, 0x25 };
static const uint8_t mse_oid_server_auth[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01 };
static const uint8_t mse_oid_ecdsa_sha256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };

#endif
