/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 (RFC 8032) over raw keys. OpenSSL is behind this. */
#ifndef CRYPTO_ED25519_H
#define CRYPTO_ED25519_H

#include <mse/status.h>

/* MSE_OK, MSE_ERR_SIGNATURE, MSE_ERR_CRYPTO. */
MSE_MUST_USE mse_status mse_ed25519_verify(const uint8_t public[32], const uint8_t sig[64],
                                           struct mse_bytes message);
/* secret: the 32 random bytes that everything else comes from. */
MSE_MUST_USE mse_status mse_ed25519_sign(uint8_t sig[64], const uint8_t secret[32],
                                         struct mse_bytes message);
MSE_MUST_USE mse_status mse_ed25519_public(uint8_t public[32], const uint8_t secret[32]);
/* The public key of 32 bytes that belongs to a secret one; type: EVP_PKEY_ED25519 or _X25519. */
MSE_MUST_USE mse_status mse_raw_key_public(uint8_t public[32], const uint8_t secret[32], int type);

#endif
