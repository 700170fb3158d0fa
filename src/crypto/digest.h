/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes, HMAC/HKDF, random bytes. OpenSSL is behind this. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <mse/status.h>

MSE_MUST_USE mse_status mse_sha256(uint8_t out[32], struct mse_bytes in);
MSE_MUST_USE mse_status mse_sha384(uint8_t out[48], struct mse_bytes in);
MSE_MUST_USE mse_status mse_sha512(uint8_t out[64], struct mse_bytes in);
/* Over the parts, one behind the other. */
MSE_MUST_USE mse_status mse_sha256_parts(uint8_t out[32], const struct mse_bytes *parts,
                                         size_t num);
MSE_MUST_USE mse_status mse_sha384_parts(uint8_t out[48], const struct mse_bytes *parts,
                                         size_t num);
/* SHA-256 over a || b. */
MSE_MUST_USE mse_status mse_sha256_2(uint8_t out[32], struct mse_bytes a, struct mse_bytes b);

/* Streaming SHA-256. init allocates (the library's context); clear releases, accepts the empty
 * state. Errors are sticky and reported by final, so update returns nothing. */
struct mse_sha256_ctx {
    void *impl;
    bool failed;
};
MSE_MUST_USE mse_status mse_sha256_init(struct mse_sha256_ctx *c);
void mse_sha256_update(struct mse_sha256_ctx *c, const void *p, size_t len);
MSE_MUST_USE mse_status mse_sha256_final(struct mse_sha256_ctx *c, uint8_t out[32]);
void mse_sha256_clear(struct mse_sha256_ctx *c);

/* Streaming SHA-384, in the same way. */
struct mse_sha384_ctx {
    void *impl;
    bool failed;
};
MSE_MUST_USE mse_status mse_sha384_init(struct mse_sha384_ctx *c);
void mse_sha384_update(struct mse_sha384_ctx *c, const void *p, size_t len);
MSE_MUST_USE mse_status mse_sha384_final(struct mse_sha384_ctx *c, uint8_t out[48]);
void mse_sha384_clear(struct mse_sha384_ctx *c);

MSE_MUST_USE mse_status mse_hkdf_sha256(uint8_t *out, size_t out_len, struct mse_bytes ikm,
                                        struct mse_bytes salt, struct mse_bytes info);
MSE_MUST_USE mse_status mse_random(void *out, size_t len);
/* A fresh UUID of version 4, as text. */
#define MSE_UUID_LEN 37
MSE_MUST_USE mse_status mse_random_uuid(char out[MSE_UUID_LEN]);

#endif
