/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer and the reader of a package share: the key, the nonces, the header. Internal to
 * package/. */
#ifndef PACKAGE_STREAM_KEY_H
#define PACKAGE_STREAM_KEY_H

#include "crypto/aead.h"
#include "package/stream.h"

/* The key of one package: HKDF-SHA256(p->key, salt, "mse package v1"), of a file "mse file v1". */
MSE_MUST_USE mse_status mse_stream_key(struct mse_aead **out, const struct mse_package *p,
                                       const uint8_t salt[32]);
/* The first 8 bytes of such a stream. */
const char *mse_stream_magic(const struct mse_package *p);
/* u88 big-endian number of the chunk, then 1 on the last one. */
void mse_stream_nonce(uint8_t out[12], uint64_t number, bool last);

#endif
