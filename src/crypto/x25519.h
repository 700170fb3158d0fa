/* SPDX-License-Identifier: Apache-2.0 */
/* X25519 key pairs (RFC 7748), as sealed boxes use them: raw bytes. */
#ifndef CRYPTO_X25519_H
#define CRYPTO_X25519_H

#include <mse/status.h>

/* A fresh pair. secret: the caller wipes it. */
MSE_MUST_USE mse_status mse_x25519_generate(uint8_t secret[32], uint8_t public[32]);
/* The public key of a private one. */
MSE_MUST_USE mse_status mse_x25519_public(uint8_t public[32], const uint8_t secret[32]);
/* mse_x25519_shared computes what two pairs share. MSE_ERR_ARGUMENT: public is no key of use (all
 * zeros come of it). The caller wipes it. */
MSE_MUST_USE mse_status mse_x25519_shared(uint8_t shared[32], const uint8_t secret[32],
                                          const uint8_t public[32]);

#endif
