/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed boxes of libsodium, which is loaded by name when one is made or opened. */
#ifndef CLI_SEALED_BOX_H
#define CLI_SEALED_BOX_H

#include "base/build.h"
#include <mse/status.h>

/* Both append to out. MSE_ERR_UNSUPPORTED: no libsodium; MSE_ERR_ARGUMENT: the public key is none
 * that anything could be sealed to; MSE_ERR_NO_SPACE. */
MSE_MUST_USE mse_status cli_seal(struct mse_build *out, struct mse_bytes in,
                                 const uint8_t public[32], struct mse_error *err);
/* MSE_ERR_SIGNATURE: the box is damaged or for another key; MSE_ERR_MALFORMED: shorter than one. */
MSE_MUST_USE mse_status cli_unseal(struct mse_build *out, struct mse_bytes box,
                                   const uint8_t secret[32], struct mse_error *err);
/* A file of 32 bytes, as mse home keygen makes them. The caller wipes out. */
MSE_MUST_USE mse_status cli_key_read(uint8_t out[32], const char *path, struct mse_error *err);

#endif
