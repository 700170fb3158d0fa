/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys: P-256 and RSA-3072, for our own programs, and for whoever signs attestation
 * results. */
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/sign.h"

#define MAX_SIGNATURE 1024
#define MAX_SPKI      2048

struct mse_privkey {
    EVP_PKEY *evp;
};

/* Takes evp in any case. */
static mse_status wrap_take(struct mse_privkey **out, EVP_PKEY *evp)
{
    if (evp == NULL) {
        return MSE_ERR_CRYPTO;
    }
    struct mse_privkey *k = calloc(1, sizeof *k);
    if (k == NULL) {
        EVP_PKEY_free(evp);
        return MSE_ERR_MEMORY;
    }
    k->evp = evp;
    *out = k;
    return MSE_OK;
}

void mse_privkey_free(struct mse_privkey *k)
{
    if (k == NULL) {
        return;
    }
    EVP_PKEY_free(k->evp); /* wipes the numbers */
    free(k);
}

mse_status mse_privkey_generate_p256(struct mse_privkey **out)
{
    return wrap_take(out, EVP_EC_gen("P-256"));
}

mse_status mse_privkey_generate_rsa3072_e3(struct mse_privkey **out)
{
    EVP_PKEY *evp = NULL;
    BIGNUM *e = BN_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    bool ok = e != NULL && ctx != NULL && BN_set_word(e, 3) == 1 &&
              EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 3072) == 1 &&
              EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) == 1 && EVP_PKEY_generate(ctx, &evp) == 1;
    EVP_PKEY_CTX_free(ctx);
    BN_free(e);
    if (!ok) {
        EVP_PKEY_free(evp);
        return MSE_ERR_CRYPTO;
    }
    return wrap_take(out, evp);
}

static bool is_curve(const EVP_PKEY *evp, const char *name)
{
    char group[64];
    size_t len = 0;
    return EVP_PKEY_is_a(evp, "EC") &&
           EVP_PKEY_get_utf8_string_param(evp, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                          &len) == 1 &&
           mse_bytes_is_str(mse_bytes_of(group, len), name);
}

static bool is_p256(const EVP_PKEY *evp)
{
    return is_curve(evp, "prime256v1");
}

static bool is_rsa(const EVP_PKEY *evp)
{
    return EVP_PKEY_is_a(evp, "RSA");
}

/* Never asks anybody for a password: an encrypted key is refused. */
static int no_password(char *buf, int size, int rwflag, void *u)
{
    (void)rwflag;
    (void)u;
    if (size > 0) {
        buf[0] = '\0';
    }
    return -1;
}

static mse_status load_pem(EVP_PKEY **out, struct mse_bytes pem, struct mse_error *err)
{
    if (pem.len == 0 || pem.len > INT_MAX) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "private key", "empty or too large");
    }
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    if (bio == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "private key", "out of memory");
    }
    (void)ERR_set_mark();
    *out = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    (void)ERR_pop_to_mark();
    BIO_free(bio);
    return *out != NULL ? MSE_OK
                        : MSE_FAIL(err, MSE_ERR_MALFORMED, "private key",
                                   "not an unencrypted private key in PEM");
}

mse_status mse_privkey_from_pem(struct mse_privkey **out, struct mse_bytes pem,
                                struct mse_error *err)
{
    EVP_PKEY *evp = NULL;
    mse_status st = load_pem(&evp, pem, err);
    if (st != MSE_OK) {
        return st;
    }
    if (!is_p256(evp) && !is_rsa(evp)) {
        EVP_PKEY_free(evp);
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_ALGORITHM, "private key",
                        "neither a P-256 nor an RSA key");
    }
    return wrap_take(out, evp);
}

mse_status mse_privkey_from_pem_tls(struct mse_privkey **out, struct mse_bytes pem,
                                    struct mse_error *err)
{
    EVP_PKEY *evp = NULL;
    mse_status st = load_pem(&evp, pem, err);
    if (st != MSE_OK) {
        return st;
    }
    int bits = EVP_PKEY_get_bits(evp);
    if (!is_curve(evp, "prime256v1") && !is_curve(evp, "secp384r1") &&
        (!is_rsa(evp) || bits < 2048 || bits > 8192)) {
        EVP_PKEY_free(evp);
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_ALGORITHM, "private key",
                        "neither a P-256 nor a P-384 key, nor one of RSA with 2048 to 8192 bits");
    }
    return wrap_take(out, evp);
}

mse_status mse_privkey_to_pem(const struct mse_privkey *k, struct mse_build *b)
{
    mse_status st = MSE_ERR_CRYPTO;
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, k->evp, NULL, NULL, 0, NULL, NULL) == 1) {
        long len = BIO_get_mem_data(bio, &text);
        if (len > 0) {
            mse_wr_copy(b, text, (size_t)len);
            mse_wipe(text, (size_t)len);
            st = mse_build_ok(b) ? MSE_OK : MSE_ERR_NO_SPACE;
        }
    }
    BIO_free(bio);
    return st;
}

mse_status mse_privkey_spki(const struct mse_privkey *k, struct mse_build *b)
{
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(k->evp, &der);
    if (len <= 0) {
        return MSE_ERR_CRYPTO;
    }
    mse_wr_copy(b, der, (size_t)len);
    OPENSSL_free(der);
    return mse_build_ok(b) ? MSE_OK : MSE_ERR_NO_SPACE;
}

mse_status mse_privkey_spki_sha256(const struct mse_privkey *k, uint8_t out[32])
{
    uint8_t buf[MAX_SPKI];
    struct mse_build spki;
    mse_build_fixed(&spki, buf, sizeof buf);
    mse_status st = mse_privkey_spki(k, &spki);
    return st == MSE_OK ? mse_sha256(out, mse_build_view(&spki)) : st;
}

mse_status mse_privkey_point(const struct mse_privkey *k, uint8_t out[64])
{
    uint8_t octets[65];
    size_t len = 0;
    if (!is_p256(k->evp)) {
        return MSE_ERR_UNSUPPORTED_ALGORITHM;
    }
    if (EVP_PKEY_get_octet_string_param(k->evp, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, octets,
                                        sizeof octets, &len) != 1 ||
        len != sizeof octets || octets[0] != 4) {
        return MSE_ERR_CRYPTO;
    }
    memcpy(out, octets + 1, 64);
    return MSE_OK;
}

static mse_status sign_sha256(const struct mse_privkey *k, uint8_t *out, size_t *out_len,
                              struct mse_bytes message)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->evp) == 1 &&
              EVP_DigestSign(ctx, out, out_len, message.data, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? MSE_OK : MSE_ERR_CRYPTO;
}

mse_status mse_privkey_sign(const struct mse_privkey *k, struct mse_build *b,
                            struct mse_bytes message)
{
    uint8_t sig[MAX_SIGNATURE];
    size_t len = sizeof sig;
    mse_status st = sign_sha256(k, sig, &len, message);
    if (st != MSE_OK) {
        return st;
    }
    mse_wr_copy(b, sig, len);
    return mse_build_ok(b) ? MSE_OK : MSE_ERR_NO_SPACE;
}

mse_status mse_p256_sign(const struct mse_privkey *k, uint8_t sig[64], struct mse_bytes message)
{
    uint8_t der[MAX_SIGNATURE];
    size_t len = sizeof der;
    if (!is_p256(k->evp)) {
        return MSE_ERR_UNSUPPORTED_ALGORITHM;
    }
    mse_status st = sign_sha256(k, der, &len, message);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_bytes in = { der, len };
    struct mse_bytes seq = { 0 };
    struct mse_bytes r = { 0 };
    struct mse_bytes s = { 0 };
    if (!mse_der_get(&in, MSE_DER_SEQUENCE, &seq) || !mse_der_biguint(&seq, &r) ||
        !mse_der_biguint(&seq, &s) || r.len > 32 || s.len > 32) {
        return MSE_ERR_CRYPTO;
    }
    memset(sig, 0, 64);
    memcpy(sig + (32 - r.len), r.data, r.len);
    memcpy(sig + 32 + (32 - s.len), s.data, s.len);
    return MSE_OK;
}

mse_status mse_privkey_rsa_modulus_le(const struct mse_privkey *k, uint8_t out[384])
{
    BIGNUM *n = NULL;
    if (!is_rsa(k->evp) || EVP_PKEY_get_bits(k->evp) != 3072) {
        return MSE_ERR_UNSUPPORTED_ALGORITHM;
    }
    bool ok = EVP_PKEY_get_bn_param(k->evp, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
              BN_bn2lebinpad(n, out, 384) == 384;
    BN_free(n);
    return ok ? MSE_OK : MSE_ERR_CRYPTO;
}

void *mse_privkey_evp_borrow(const struct mse_privkey *k)
{
    return k->evp;
}
