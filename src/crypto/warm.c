/* SPDX-License-Identifier: Apache-2.0 */
/* See warm.h. In OpenSSL 3.0 a provider's algorithms of one kind are made together, at the first
 * fetch of any of them, and the provider is marked as asked even if memory ran out in between. */
#include "crypto/warm.h"

#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/util.h"

typedef bool fetch_fn(const char *name);

/* A type has no parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */
#define FETCH(function, type, fetch, release)                                                      \
    static bool function(const char *name)                                                         \
    {                                                                                              \
        type *found = (fetch)(NULL, name, NULL);                                                   \
        (release)(found);                                                                          \
        return found != NULL;                                                                      \
    }

/* NOLINTEND(bugprone-macro-parentheses) */
FETCH(has_digest, EVP_MD, EVP_MD_fetch, EVP_MD_free)
FETCH(has_cipher, EVP_CIPHER, EVP_CIPHER_fetch, EVP_CIPHER_free)
FETCH(has_mac, EVP_MAC, EVP_MAC_fetch, EVP_MAC_free)
FETCH(has_kdf, EVP_KDF, EVP_KDF_fetch, EVP_KDF_free)
FETCH(has_random, EVP_RAND, EVP_RAND_fetch, EVP_RAND_free)
FETCH(has_key_type, EVP_KEYMGMT, EVP_KEYMGMT_fetch, EVP_KEYMGMT_free)
FETCH(has_exchange, EVP_KEYEXCH, EVP_KEYEXCH_fetch, EVP_KEYEXCH_free)
FETCH(has_signature, EVP_SIGNATURE, EVP_SIGNATURE_fetch, EVP_SIGNATURE_free)
FETCH(has_asym_cipher, EVP_ASYM_CIPHER, EVP_ASYM_CIPHER_fetch, EVP_ASYM_CIPHER_free)
FETCH(has_kem, EVP_KEM, EVP_KEM_fetch, EVP_KEM_free)
FETCH(has_encoder, OSSL_ENCODER, OSSL_ENCODER_fetch, OSSL_ENCODER_free)
FETCH(has_decoder, OSSL_DECODER, OSSL_DECODER_fetch, OSSL_DECODER_free)

/* What serving, attesting, sealing and reading keys use; the last of each kind, too, as they are
 * made in an order of their own. */
static const struct {
    fetch_fn *has;
    const char *name;
} wanted[] = {
    { has_digest, "SHA1" },
    { has_digest, "SHA2-256" },
    { has_digest, "SHA2-384" },
    { has_digest, "SHA2-512" },
    { has_cipher, "AES-128-GCM" },
    { has_cipher, "AES-256-GCM" },
    { has_cipher, "AES-256-CTR" }, /* of the random generators */
    { has_cipher, "ChaCha20-Poly1305" },
    { has_mac, "HMAC" },
    { has_kdf, "HKDF" },
    { has_kdf, "TLS13-KDF" },
    { has_random, "CTR-DRBG" },
    { has_random, "SEED-SRC" },
    { has_key_type, "EC" },
    { has_key_type, "RSA" },
    { has_key_type, "RSA-PSS" },
    { has_key_type, "X25519" },
    { has_key_type, "ED25519" },
    { has_exchange, "ECDH" },
    { has_exchange, "X25519" },
    { has_signature, "ECDSA" },
    { has_signature, "RSA" },
    { has_signature, "ED25519" },
    { has_asym_cipher, "RSA" },
    { has_kem, "RSA" },
    { has_encoder, "EC" },
    { has_encoder, "RSA" },
    { has_encoder, "X25519" },
    { has_encoder, "ED25519" },
    { has_decoder, "EC" },
    { has_decoder, "RSA" },
    { has_decoder, "X25519" },
    { has_decoder, "ED25519" },
    { has_decoder, "DER" },
};

static mse_status start(struct mse_error *err)
{
    static const uint64_t tables = OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS |
                                   OPENSSL_INIT_ADD_ALL_DIGESTS;
    uint8_t some[1];
    /* Without its default context libcrypto would crash, not fail. */
    return OPENSSL_init_crypto(tables, NULL) == 1 && OSSL_LIB_CTX_get0_global_default() != NULL &&
                   RAND_bytes(some, 1) == 1 && RAND_priv_bytes(some, 1) == 1
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_CRYPTO, "start", "libcrypto cannot be initialised");
}

mse_status mse_crypto_warm(struct mse_error *err)
{
    mse_status st = start(err);
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(wanted); i++) {
        if (!wanted[i].has(wanted[i].name)) {
            st = MSE_FAIL(err, MSE_ERR_CRYPTO, "start", "libcrypto has no %s", wanted[i].name);
        }
    }
    ERR_clear_error();
    return st;
}
