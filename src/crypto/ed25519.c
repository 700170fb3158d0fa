/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ed25519.h"

#include <string.h>

#include <openssl/evp.h>

mse_status mse_ed25519_verify(const uint8_t public[32], const uint8_t sig[64],
                              struct mse_bytes message)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, 32);
    EVP_MD_CTX *c = key == NULL ? NULL : EVP_MD_CTX_new();
    bool ready = c != NULL && EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1;
    bool good = ready && EVP_DigestVerify(c, sig, 64, message.data, message.len) == 1;
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
    if (good) {
        return MSE_OK;
    }
    return ready ? MSE_ERR_SIGNATURE : MSE_ERR_CRYPTO;
}

mse_status mse_ed25519_sign(uint8_t sig[64], const uint8_t secret[32], struct mse_bytes message)
{
    uint8_t raw[64] = { 0 };
    size_t len = sizeof raw;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);
    EVP_MD_CTX *c = key == NULL ? NULL : EVP_MD_CTX_new();
    bool ok = c != NULL && EVP_DigestSignInit(c, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(c, raw, &len, message.data, message.len) == 1 && len == sizeof raw;
    if (ok) {
        memcpy(sig, raw, sizeof raw);
    }
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
    return ok ? MSE_OK : MSE_ERR_CRYPTO;
}

mse_status mse_raw_key_public(uint8_t public[32], const uint8_t secret[32], int type)
{
    uint8_t raw[32];
    size_t len = sizeof raw;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(type, NULL, secret, 32);
    bool ok = key != NULL && EVP_PKEY_get_raw_public_key(key, raw, &len) == 1 && len == sizeof raw;
    if (ok) {
        memcpy(public, raw, sizeof raw);
    }
    EVP_PKEY_free(key);
    return ok ? MSE_OK : MSE_ERR_CRYPTO;
}

mse_status mse_ed25519_public(uint8_t public[32], const uint8_t secret[32])
{
    return mse_raw_key_public(public, secret, EVP_PKEY_ED25519);
}
