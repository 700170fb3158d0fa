/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x25519.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/util.h"
#include "crypto/ed25519.h"

mse_status mse_x25519_generate(uint8_t secret[32], uint8_t public[32])
{
    uint8_t pair[2][32];
    size_t len[2] = { 32, 32 };
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    bool ok = key != NULL && EVP_PKEY_get_raw_private_key(key, pair[0], &len[0]) == 1 &&
              EVP_PKEY_get_raw_public_key(key, pair[1], &len[1]) == 1 && len[0] == 32 &&
              len[1] == 32;
    if (ok) {
        memcpy(secret, pair[0], 32);
        memcpy(public, pair[1], 32);
    }
    mse_wipe(pair, sizeof pair);
    EVP_PKEY_free(key);
    return ok ? MSE_OK : MSE_ERR_CRYPTO;
}

mse_status mse_x25519_public(uint8_t public[32], const uint8_t secret[32])
{
    return mse_raw_key_public(public, secret, EVP_PKEY_X25519);
}

mse_status mse_x25519_shared(uint8_t shared[32], const uint8_t secret[32], const uint8_t public[32])
{
    uint8_t raw[32] = { 0 };
    size_t len = sizeof raw;
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, 32);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public, 32);
    EVP_PKEY_CTX *c = own == NULL ? NULL : EVP_PKEY_CTX_new(own, NULL);
    bool ready = c != NULL && peer != NULL && EVP_PKEY_derive_init(c) == 1 &&
                 EVP_PKEY_derive_set_peer(c, peer) == 1;
    bool ok = ready && EVP_PKEY_derive(c, raw, &len) == 1 && len == sizeof raw;
    if (ok) {
        memcpy(shared, raw, sizeof raw);
    }
    mse_wipe(raw, sizeof raw);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    if (ok) {
        return MSE_OK;
    }
    return ready ? MSE_ERR_ARGUMENT : MSE_ERR_CRYPTO;
}
