/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes by the low-level interface: OpenSSL 3.0's EVP fetch costs more than hashing a report. */
#include "crypto/digest.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"

mse_status mse_sha256(uint8_t out[32], struct mse_bytes in)
{
    return mse_sha256_parts(out, &in, 1);
}

mse_status mse_sha256_2(uint8_t out[32], struct mse_bytes a, struct mse_bytes b)
{
    const struct mse_bytes parts[] = { a, b };
    return mse_sha256_parts(out, parts, MSE_ARRAY_LEN(parts));
}

mse_status mse_sha256_parts(uint8_t out[32], const struct mse_bytes *parts, size_t num)
{
    SHA256_CTX ctx;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    bool ok = SHA256_Init(&ctx) == 1;
    for (size_t i = 0; i < num; i++) {
        ok = ok && SHA256_Update(&ctx, parts[i].data, parts[i].len) == 1;
    }
    ok = ok && SHA256_Final(digest, &ctx) == 1;
    mse_wipe(&ctx, sizeof ctx);
    if (!ok) {
        return MSE_ERR_CRYPTO;
    }
    memcpy(out, digest, sizeof digest);
    return MSE_OK;
}

typedef int init_fn(SHA512_CTX *);

static mse_status sha512_any(uint8_t *out, size_t out_len, init_fn *init,
                             const struct mse_bytes *parts, size_t num)
{
    SHA512_CTX ctx;
    uint8_t digest[SHA512_DIGEST_LENGTH];
    bool ok = init(&ctx) == 1;
    for (size_t i = 0; i < num; i++) {
        ok = ok && SHA512_Update(&ctx, parts[i].data, parts[i].len) == 1;
    }
    ok = ok && SHA512_Final(digest, &ctx) == 1;
    mse_wipe(&ctx, sizeof ctx);
    if (!ok) {
        return MSE_ERR_CRYPTO;
    }
    memcpy(out, digest, out_len);
    return MSE_OK;
}

mse_status mse_sha384(uint8_t out[48], struct mse_bytes in)
{
    return sha512_any(out, 48, SHA384_Init, &in, 1);
}

mse_status mse_sha512(uint8_t out[64], struct mse_bytes in)
{
    return sha512_any(out, 64, SHA512_Init, &in, 1);
}

mse_status mse_sha384_parts(uint8_t out[48], const struct mse_bytes *parts, size_t num)
{
    return sha512_any(out, 48, SHA384_Init, parts, num);
}

mse_status mse_sha256_init(struct mse_sha256_ctx *c)
{
    c->impl = NULL;
    c->failed = true;
    SHA256_CTX *ctx = OPENSSL_malloc(sizeof *ctx);
    if (ctx == NULL) {
        return MSE_ERR_MEMORY;
    }
    if (SHA256_Init(ctx) != 1) {
        OPENSSL_free(ctx);
        return MSE_ERR_CRYPTO;
    }
    c->impl = ctx;
    c->failed = false;
    return MSE_OK;
}

void mse_sha256_update(struct mse_sha256_ctx *c, const void *p, size_t len)
{
    if (c->failed || SHA256_Update(c->impl, p, len) != 1) {
        c->failed = true;
    }
}

mse_status mse_sha256_final(struct mse_sha256_ctx *c, uint8_t out[32])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    bool ok = !c->failed && SHA256_Final(digest, c->impl) == 1;
    c->failed = true; /* nothing can follow */
    if (!ok) {
        return MSE_ERR_CRYPTO;
    }
    memcpy(out, digest, sizeof digest);
    return MSE_OK;
}

void mse_sha256_clear(struct mse_sha256_ctx *c)
{
    OPENSSL_clear_free(c->impl, sizeof(SHA256_CTX));
    c->impl = NULL;
    c->failed = true;
}

mse_status mse_sha384_init(struct mse_sha384_ctx *c)
{
    SHA512_CTX *ctx = OPENSSL_malloc(sizeof *ctx);
    bool ok = ctx != NULL && SHA384_Init(ctx) == 1;
    c->impl = ctx;
    c->failed = !ok;
    return ok ? MSE_OK : ctx == NULL ? MSE_ERR_MEMORY : MSE_ERR_CRYPTO;
}

void mse_sha384_update(struct mse_sha384_ctx *c, const void *p, size_t len)
{
    c->failed = c->failed || SHA384_Update(c->impl, p, len) != 1;
}

mse_status mse_sha384_final(struct mse_sha384_ctx *c, uint8_t out[48])
{
    uint8_t digest[SHA384_DIGEST_LENGTH];
    bool ok = !c->failed && SHA384_Final(digest, c->impl) == 1;
    c->failed = true; /* nothing can follow */
    if (!ok) {
        return MSE_ERR_CRYPTO;
    }
    memcpy(out, digest, sizeof digest);
    return MSE_OK;
}

void mse_sha384_clear(struct mse_sha384_ctx *c)
{
    OPENSSL_clear_free(c->impl, sizeof(SHA512_CTX));
    c->impl = NULL;
    c->failed = true;
}

static bool hmac(uint8_t out[32], const uint8_t *key, size_t key_len, struct mse_bytes message)
{
    unsigned len = 0;
    return key_len <= INT_MAX &&
           HMAC(EVP_sha256(), key, (int)key_len, message.data, message.len, out, &len) != NULL &&
           len == 32;
}

/* spec: RFC 5869 §2.2, §2.3 */
mse_status mse_hkdf_sha256(uint8_t *out, size_t out_len, struct mse_bytes ikm,
                           struct mse_bytes salt, struct mse_bytes info)
{
    static const uint8_t no_salt[32] = { 0 };
    uint8_t prk[32];
    uint8_t t[32];
    uint8_t block[32 + 256 + 1];
    mse_status st = MSE_ERR_CRYPTO;
    if (out_len > (size_t)255 * 32 || info.len > 256) {
        return MSE_ERR_ARGUMENT;
    }
    bool ok = salt.len > 0 ? hmac(prk, salt.data, salt.len, ikm)
                           : hmac(prk, no_salt, sizeof no_salt, ikm);
    size_t prev = 0;
    for (size_t done = 0, i = 1; ok && done < out_len; i++) {
        memcpy(block, t, prev);
        if (info.len > 0) {
            memcpy(block + prev, info.data, info.len);
        }
        block[prev + info.len] = (uint8_t)i;
        struct mse_bytes message = { block, prev + info.len + 1 };
        ok = hmac(t, prk, sizeof prk, message);
        size_t n = out_len - done < 32 ? out_len - done : 32;
        memcpy(out + done, t, n);
        done += n;
        prev = 32;
    }
    if (ok) {
        st = MSE_OK;
    } else {
        mse_wipe(out, out_len);
    }
    mse_wipe(prk, sizeof prk);
    mse_wipe(t, sizeof t);
    mse_wipe(block, sizeof block);
    return st;
}

mse_status mse_random(void *out, size_t len)
{
    if (len > INT_MAX) {
        return MSE_ERR_ARGUMENT;
    }
    return len == 0 || RAND_bytes(out, (int)len) == 1 ? MSE_OK : MSE_ERR_CRYPTO;
}

mse_status mse_random_uuid(char out[MSE_UUID_LEN])
{
    uint8_t b[16];
    char hex[33];
    mse_status st = mse_random(b, sizeof b);
    if (st != MSE_OK) {
        return st;
    }
    b[6] = (uint8_t)(0x40 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    mse_hex_encode(hex, mse_bytes_of(b, sizeof b));
    (void)snprintf(out, MSE_UUID_LEN, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                   hex + 20);
    return MSE_OK;
}
