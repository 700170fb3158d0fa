/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of TCG DICE evidence: the keys, and reading them. Internal to ratls. */
#ifndef RATLS_CLAIMS_H
#define RATLS_CLAIMS_H

#include <mse/ratls.h>

#define MSE_CLAIM_PUBKEY_HASH "pubkey-hash"
#define MSE_CLAIM_CA_HASH     "mse-ca-hash"
#define MSE_CLAIM_ROLE        "mse-role"
#define MSE_CLAIM_NONCE       "nonce"
#define MSE_CLAIM_EXPORTER    "mse-exporter"
#define MSE_CLAIM_X25519      "mse-x25519"
#define MSE_CLAIM_MANIFEST    "mse-manifest"
#define MSE_CLAIM_BOOT        "mse-boot"
#define MSE_CLAIM_APP_DATA    "mse-app-data"
#define MSE_CLAIM_KEY_ORIGIN  "mse-key-origin"

#define MSE_CLAIM_LEN      32
#define MSE_CLAIM_BOOT_LEN 16
#define MSE_CLAIM_APP_MAX  64

/* IANA named information hash algorithms. */
#define MSE_HASH_ALG_SHA256 1
#define MSE_HASH_ALG_SHA384 7
#define MSE_HASH_ALG_SHA512 8

/* CBOR tag of Intel TEE evidence [quote, claims], and the private ones for SNP and Nitro. */
#define MSE_TAG_QUOTE 60000U
#define MSE_TAG_SNP   0x6d7301U
#define MSE_TAG_NITRO 0x6d7302U

/* mse_ratls_nitro_document decodes the digits of a certificate of form MSE_RATLS_NITRO into room,
 * which *out borrows. */
MSE_MUST_USE bool mse_ratls_nitro_document(struct mse_bytes *out,
                                           uint8_t room[MSE_NITRO_DOC_MAX_LEN],
                                           struct mse_bytes digits);

/* "server-static" and so on; NULL for MSE_ROLE_ABSENT. Static. */
const char *mse_ratls_role_name(enum mse_ratls_role role);
/* "enclave", "owner"; NULL for MSE_KEY_ORIGIN_ABSENT. Static. */
const char *mse_ratls_key_origin_name(enum mse_ratls_key_origin origin);

/* mse_ratls_claims_read reads the claims of one quote. Claims with any key "mse-..." are ours and
 * must be deterministic, complete and hold no unknown key of ours; others are foreign.
 * MSE_ERR_CLAIMS_MALFORMED; MSE_ERR_CLAIMS_HASH (unknown hash algorithm); MSE_ERR_ROLE (unknown
 * role). */
MSE_MUST_USE mse_status mse_ratls_claims_read(struct mse_ratls_claims *out, struct mse_bytes raw,
                                              struct mse_error *err);

#endif
