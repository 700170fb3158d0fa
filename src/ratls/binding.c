/* SPDX-License-Identifier: Apache-2.0 */
/* How a certificate's key is bound to evidence: claims that name it, or one of the encodings that
 * producers hash. */
#include "ratls/binding.h"

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "ratls/claims.h"

#define MAX_PEM  ((size_t)4096)
#define HALF     32 /* of report_data */
#define HEX_HALF (2 * HALF + 1)

static const char *const form_names[] = {
    [MSE_RATLS_DICE] = "tcg-dice",
    [MSE_RATLS_LEGACY] = "legacy",
    [MSE_RATLS_LEGACY_GRAMINE] = "legacy-gramine",
    [MSE_RATLS_OPEN_ENCLAVE] = "open-enclave",
    [MSE_RATLS_OLD_QUOTE_OID] = "sdk-sample",
    [MSE_RATLS_SNP] = "sev-snp",
    [MSE_RATLS_TDX] = "tdx",
    [MSE_RATLS_NITRO] = "nitro",
};

static const char *const binding_names[] = {
    [MSE_BINDING_NONE] = "none",
    [MSE_BINDING_SPKI] = "spki",
    [MSE_BINDING_POINT] = "point",
    [MSE_BINDING_PKCS1] = "pkcs1",
    [MSE_BINDING_PEM_NUL] = "pem",
    [MSE_BINDING_CLAIMS] = "claims",
    [MSE_BINDING_SPKI_PLAIN] = "spki-plain",
};

const char *mse_ratls_form_name(enum mse_ratls_form f)
{
    bool known = (unsigned)f < MSE_ARRAY_LEN(form_names) && form_names[f] != NULL;
    return known ? form_names[f] : "unknown";
}

const char *mse_ratls_binding_name(enum mse_ratls_binding b)
{
    return (unsigned)b < MSE_ARRAY_LEN(binding_names) ? binding_names[b] : "unknown";
}

static mse_status hash_by_alg(uint8_t out[64], size_t *len, uint8_t alg, struct mse_bytes in)
{
    switch (alg) {
    case MSE_HASH_ALG_SHA256:
        *len = 32;
        return mse_sha256(out, in);
    case MSE_HASH_ALG_SHA384:
        *len = 48;
        return mse_sha384(out, in);
    case MSE_HASH_ALG_SHA512:
        *len = 64;
        return mse_sha512(out, in);
    default:
        return MSE_ERR_CLAIMS_HASH;
    }
}

/* That the quote covers exactly these claims. */
mse_status mse_ratls_check_claims_hash(const struct mse_ratls_cert *c,
                                       const uint8_t report_data[64], struct mse_error *err)
{
    uint8_t hash[32] = { 0 };
    mse_status st = mse_sha256(hash, c->claims_raw);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "binding", "SHA-256 failed");
    }
    char seen[HEX_HALF];
    char wanted[HEX_HALF];
    if (!mse_mem_is_zero(report_data + HALF, HALF)) {
        mse_hex_encode(seen, mse_bytes_of(report_data + HALF, HALF));
        return MSE_FAIL(err, MSE_ERR_CLAIMS_HASH, "binding",
                        "report_data[32:64] is %s, wanted zeros", seen);
    }
    if (!mse_mem_equal(report_data, hash, HALF)) {
        mse_hex_encode(seen, mse_bytes_of(report_data, HALF));
        mse_hex_encode(wanted, mse_bytes_of(hash, HALF));
        return MSE_FAIL(err, MSE_ERR_CLAIMS_HASH, "binding",
                        "report_data is %s, wanted the hash of the claims %s", seen, wanted);
    }
    return MSE_OK;
}

mse_status mse_ratls_check_claims(const struct mse_ratls_cert *c, const uint8_t report_data[64],
                                  struct mse_error *err)
{
    uint8_t hash[64] = { 0 };
    size_t len = 0;
    char seen[HEX_HALF];
    char wanted[HEX_HALF];
    mse_status st = mse_ratls_check_claims_hash(c, report_data, err);
    if (st != MSE_OK) {
        return st;
    }
    st = hash_by_alg(hash, &len, c->claims.hash_alg, c->spki);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "binding", "hash algorithm %u", c->claims.hash_alg);
    }
    if (!mse_bytes_equal(c->claims.pubkey_hash, mse_bytes_of(hash, len))) {
        mse_hex_encode(wanted, mse_bytes_of(hash, HALF));
        MSE_ASSERT(c->claims.pubkey_hash.len >= HALF);
        mse_hex_encode(seen, mse_bytes_of(c->claims.pubkey_hash.data, HALF));
        return MSE_FAIL(err, MSE_ERR_BINDING, "binding", "key %s, the certificate's: %s", seen,
                        wanted);
    }
    return MSE_OK;
}

static mse_status hash_pem_nul(uint8_t out[32], struct mse_bytes spki)
{
    uint8_t buf[MAX_PEM];
    struct mse_build pem;
    mse_build_fixed(&pem, buf, sizeof buf);
    mse_pem_write(&pem, "PUBLIC KEY", spki);
    mse_wr_u8(&pem, 0);
    return mse_build_ok(&pem) ? mse_sha256(out, mse_build_view(&pem)) : MSE_ERR_NO_SPACE;
}

static bool has_point(const struct mse_pubkey *key)
{
    return key->type == MSE_KEY_P256 || key->type == MSE_KEY_P384;
}

/* SHA-256 over the key as this binding encodes it; *applies is false where it does not fit the kind
 * of key. */
static mse_status hash_key(uint8_t out[32], bool *applies, enum mse_ratls_binding b,
                           const struct mse_pubkey *key)
{
    *applies = true;
    switch (b) {
    case MSE_BINDING_SPKI:
        return mse_sha256(out, key->spki);
    case MSE_BINDING_PEM_NUL:
        return hash_pem_nul(out, key->spki);
    case MSE_BINDING_POINT:
        *applies = has_point(key);
        return *applies ? mse_sha256(out, key->raw) : MSE_OK;
    case MSE_BINDING_PKCS1:
        *applies = key->type == MSE_KEY_RSA;
        return *applies ? mse_sha256(out, key->raw) : MSE_OK;
    case MSE_BINDING_NONE:
    case MSE_BINDING_CLAIMS:
    case MSE_BINDING_SPKI_PLAIN:
        break;
    }
    *applies = false;
    return MSE_OK;
}

#define BIT(b) (1U << (unsigned)(b))
#define ALL_BINDINGS                                                                               \
    (BIT(MSE_BINDING_SPKI) | BIT(MSE_BINDING_POINT) | BIT(MSE_BINDING_PKCS1) |                     \
     BIT(MSE_BINDING_PEM_NUL))

/* Which encodings producers of a form hash. */
static unsigned bindings_of(enum mse_ratls_form form)
{
    switch (form) {
    case MSE_RATLS_LEGACY:
    case MSE_RATLS_SNP:
        return BIT(MSE_BINDING_SPKI) | BIT(MSE_BINDING_POINT) | BIT(MSE_BINDING_PKCS1);
    case MSE_RATLS_TDX:
        return BIT(MSE_BINDING_SPKI) | BIT(MSE_BINDING_POINT);
    case MSE_RATLS_LEGACY_GRAMINE:
        return BIT(MSE_BINDING_SPKI);
    case MSE_RATLS_OPEN_ENCLAVE:
        return BIT(MSE_BINDING_PEM_NUL);
    case MSE_RATLS_OLD_QUOTE_OID:
        return ALL_BINDINGS;
    case MSE_RATLS_DICE:
    case MSE_RATLS_NITRO:
        break;
    }
    return 0;
}

/* The upper half is zero, but for the producer that hashes the bare point: there it may hold an
 * X25519 key. */
static bool upper_half_ok(enum mse_ratls_binding b, const uint8_t report_data[64])
{
    return b == MSE_BINDING_POINT || mse_mem_is_zero(report_data + HALF, HALF);
}

static mse_status check_key_hash(enum mse_ratls_binding *out, const struct mse_ratls_cert *c,
                                 const uint8_t report_data[64], struct mse_error *err)
{
    struct mse_pubkey key;
    if (!mse_pubkey_parse(&key, c->spki)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "binding", "the public key is malformed");
    }
    unsigned allowed = bindings_of(c->form);
    for (enum mse_ratls_binding b = MSE_BINDING_SPKI; b <= MSE_BINDING_PEM_NUL; b++) {
        uint8_t hash[32] = { 0 };
        bool applies = false;
        mse_status st = (allowed & BIT(b)) != 0 ? hash_key(hash, &applies, b, &key) : MSE_OK;
        if (st != MSE_OK) {
            return MSE_FAIL(err, st, "binding", "the public key cannot be hashed");
        }
        if (applies && mse_mem_equal(hash, report_data, HALF) && upper_half_ok(b, report_data)) {
            *out = b;
            return MSE_OK;
        }
    }
    char seen[HEX_HALF];
    mse_hex_encode(seen, mse_bytes_of(report_data, HALF));
    return MSE_FAIL(err, MSE_ERR_BINDING, "binding",
                    "report_data is %s, wanted the hash of the certificate's key", seen);
}

mse_status mse_ratls_check_binding(enum mse_ratls_binding *out, const struct mse_ratls_cert *c,
                                   const uint8_t report_data[64], struct mse_error *err)
{
    if (c->form != MSE_RATLS_DICE) {
        return check_key_hash(out, c, report_data, err);
    }
    mse_status st = mse_ratls_check_claims(c, report_data, err);
    if (st == MSE_OK) {
        *out = MSE_BINDING_CLAIMS;
    }
    return st;
}
