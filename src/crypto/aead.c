/* SPDX-License-Identifier: Apache-2.0 */
/* See aead.h. */
#include "crypto/aead.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/util.h"

#define MAX_LEN ((size_t)1 << 30)

struct mse_aead {
    EVP_CIPHER_CTX *seal; /* the key schedule is made once for each direction */
    EVP_CIPHER_CTX *open;
};

static EVP_CIPHER_CTX *new_context(const uint8_t key[32], int encrypt)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    if (c != NULL && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, NULL, encrypt) != 1) {
        EVP_CIPHER_CTX_free(c);
        c = NULL;
    }
    return c;
}

mse_status mse_aead_new(struct mse_aead **out, const uint8_t key[32])
{
    struct mse_aead *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return MSE_ERR_MEMORY;
    }
    a->seal = new_context(key, 1);
    a->open = new_context(key, 0);
    if (a->seal == NULL || a->open == NULL) {
        mse_aead_free(a);
        return MSE_ERR_CRYPTO;
    }
    *out = a;
    return MSE_OK;
}

void mse_aead_free(struct mse_aead *a)
{
    if (a == NULL) {
        return;
    }
    EVP_CIPHER_CTX_free(a->seal); /* wipes the key */
    EVP_CIPHER_CTX_free(a->open);
    free(a);
}

static bool begin(EVP_CIPHER_CTX *c, const uint8_t nonce[12], struct mse_bytes aad)
{
    int n = 0;
    return EVP_CipherInit_ex(c, NULL, NULL, NULL, nonce, -1) == 1 &&
           (aad.len == 0 || EVP_CipherUpdate(c, NULL, &n, aad.data, (int)aad.len) == 1);
}

mse_status mse_aead_seal(struct mse_aead *a, uint8_t *out, const uint8_t nonce[12],
                         struct mse_bytes aad, struct mse_bytes in)
{
    int n = 0;
    int last = 0;
    if (in.len > MAX_LEN || aad.len > MAX_LEN) {
        return MSE_ERR_ARGUMENT;
    }
    bool ok =
        begin(a->seal, nonce, aad) &&
        (in.len == 0 || EVP_EncryptUpdate(a->seal, out, &n, in.data, (int)in.len) == 1) &&
        EVP_EncryptFinal_ex(a->seal, out + n, &last) == 1 &&
        EVP_CIPHER_CTX_ctrl(a->seal, EVP_CTRL_AEAD_GET_TAG, MSE_AEAD_TAG_LEN, out + in.len) == 1;
    return ok ? MSE_OK : MSE_ERR_CRYPTO;
}

mse_status mse_aead_open(struct mse_aead *a, uint8_t *out, const uint8_t nonce[12],
                         struct mse_bytes aad, struct mse_bytes in)
{
    uint8_t tag[MSE_AEAD_TAG_LEN];
    int n = 0;
    int last = 0;
    if (in.len < sizeof tag) {
        return MSE_ERR_SIGNATURE;
    }
    size_t len = in.len - sizeof tag;
    if (len > MAX_LEN || aad.len > MAX_LEN) {
        return MSE_ERR_ARGUMENT;
    }
    for (size_t i = 0; i < sizeof tag; i++) {
        tag[i] = in.data[len + i];
    }
    if (!begin(a->open, nonce, aad) ||
        (len > 0 && EVP_DecryptUpdate(a->open, out, &n, in.data, (int)len) != 1) ||
        EVP_CIPHER_CTX_ctrl(a->open, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1) {
        mse_wipe(out, len);
        return MSE_ERR_CRYPTO;
    }
    if (EVP_DecryptFinal_ex(a->open, out + n, &last) != 1) {
        mse_wipe(out, len);
        return MSE_ERR_SIGNATURE;
    }
    return MSE_OK;
}
