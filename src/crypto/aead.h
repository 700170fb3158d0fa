/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-GCM with 96-bit nonces. The caller keeps nonces apart. OpenSSL is behind this. */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include <mse/status.h>

#define MSE_AEAD_KEY_LEN   32
#define MSE_AEAD_NONCE_LEN 12
#define MSE_AEAD_TAG_LEN   16

/* One key; opaque, heap, wiped on free. Not for two threads at once. */
struct mse_aead;
MSE_MUST_USE mse_status mse_aead_new(struct mse_aead **out, const uint8_t key[32]);
void mse_aead_free(struct mse_aead *a);

/* mse_aead_seal writes the ciphertext and behind it the tag: in.len + 16 bytes. out may be in.data.
 * MSE_ERR_CRYPTO, MSE_ERR_ARGUMENT above 1 GiB. */
MSE_MUST_USE mse_status mse_aead_seal(struct mse_aead *a, uint8_t *out, const uint8_t nonce[12],
                                      struct mse_bytes aad, struct mse_bytes in);
/* mse_aead_open takes ciphertext and tag and writes in.len - 16 bytes; out may not overlap in.
 * MSE_ERR_SIGNATURE if the tag is wrong or in is shorter than one: out is wiped then. */
MSE_MUST_USE mse_status mse_aead_open(struct mse_aead *a, uint8_t *out, const uint8_t nonce[12],
                                      struct mse_bytes aad, struct mse_bytes in);

#endif
