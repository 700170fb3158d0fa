/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed boxes of libsodium: to an X25519 key, from nobody in particular. */
#ifndef ENCLAVE_SEALED_H
#define ENCLAVE_SEALED_H

#include "base/build.h"

/* What a box is longer than its content. */
#define MSE_SEALED_EXTRA ((size_t)48)

/* Appends the content of the box to out; false if it is none for this pair, and out has failed if
 * it has no room. The caller wipes out. */
MSE_MUST_USE bool mse_sealed_open(struct mse_build *out, struct mse_bytes box,
                                  const uint8_t secret[32], const uint8_t public[32]);
/* Appends a box with in for this public key; false if it is none, or without room. */
MSE_MUST_USE bool mse_sealed_make(struct mse_build *out, struct mse_bytes in,
                                  const uint8_t public[32]);

#endif
