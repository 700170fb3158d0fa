/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying signatures. Keys are built from their raw numbers with OpenSSL's low-level interface:
 * in 3.0 the decoders cost more than the verification. */
#include "crypto/sign.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/der.h"
#include "crypto/digest.h"

#define MAX_RSA_BYTES 1024 /* 8192 bits */
#define MIN_RSA_BYTES 256

/* An ECDSA signature as two numbers, each padded to the length of the curve's order. */
struct rs {
    uint8_t bytes[2 * 48];
    size_t half;
};

/* OpenSSL's object for a signature, whose numbers change from call to call. */
struct numbers {
    ECDSA_SIG *sig;
    BIGNUM *r; /* sig's */
    BIGNUM *s;
};

static void numbers_free(struct numbers *n)
{
    if (n != NULL) {
        ECDSA_SIG_free(n->sig);
    }
    free(n);
}

static struct numbers *numbers_new(void)
{
    struct numbers *n = calloc(1, sizeof *n);
    if (n == NULL) {
        return NULL;
    }
    n->sig = ECDSA_SIG_new();
    n->r = BN_new();
    n->s = BN_new();
    if (n->sig == NULL || n->r == NULL || n->s == NULL || ECDSA_SIG_set0(n->sig, n->r, n->s) != 1) {
        BN_free(n->r);
        BN_free(n->s);
        numbers_free(n);
        return NULL;
    }
    return n;
}

/* OpenSSL's objects for one curve. key has the group; its point changes from call to call. */
struct room {
    EC_KEY *key;
    struct numbers *numbers;
};

static void room_free(struct room *room)
{
    if (room != NULL) {
        EC_KEY_free(room->key);
        numbers_free(room->numbers);
    }
    free(room);
}

static struct room *room_new(int nid)
{
    struct room *room = calloc(1, sizeof *room);
    if (room == NULL) {
        return NULL;
    }
    room->key = EC_KEY_new_by_curve_name(nid);
    room->numbers = numbers_new();
    if (room->key == NULL || room->numbers == NULL) {
        room_free(room);
        return NULL;
    }
    return room;
}

/* NULL without memory. */
static struct room *room_of(struct mse_curve *c, int nid)
{
    void **place = nid == NID_X9_62_prime256v1 ? &c->p256 : &c->p384;
    if (*place == NULL) {
        *place = room_new(nid);
    }
    return *place;
}

void mse_curve_clear(struct mse_curve *c)
{
    room_free(c->p256);
    room_free(c->p384);
    c->p256 = NULL;
    c->p384 = NULL;
}

/* spec: FIPS 186-5 §6.4.2. OpenSSL reads the key only, whatever its signature says. */
static bool verify_with(EC_KEY *key, const struct numbers *n, struct mse_bytes digest)
{
    return ECDSA_do_verify(digest.data, (int)digest.len, n->sig, key) == 1;
}

static bool set_numbers(struct numbers *n, const struct rs *rs)
{
    return BN_bin2bn(rs->bytes, (int)rs->half, n->r) != NULL &&
           BN_bin2bn(rs->bytes + rs->half, (int)rs->half, n->s) != NULL;
}

/* point: 04 || X || Y. */
static mse_status ecdsa_verify(struct mse_curve *curve, int nid, struct mse_bytes point,
                               const struct rs *rs, struct mse_bytes digest)
{
    struct mse_curve own = { NULL, NULL };
    struct room *room = room_of(curve != NULL ? curve : &own, nid);
    mse_status st = MSE_ERR_CRYPTO;
    if (room != NULL && set_numbers(room->numbers, rs)) {
        (void)ERR_set_mark();
        /* oct2key refuses a point that is not on the curve. */
        bool good = EC_KEY_oct2key(room->key, point.data, point.len, NULL) == 1 &&
                    verify_with(room->key, room->numbers, digest);
        (void)ERR_pop_to_mark();
        st = good ? MSE_OK : MSE_ERR_SIGNATURE;
    }
    mse_curve_clear(&own);
    return st;
}

/* Numbers that nobody uses now: those of the last verification serve the next one, on whichever
 * thread, as to make them takes longer than all else around a verification. */
struct spare {
    _Atomic(struct numbers *) numbers;
};

struct mse_ec_key {
    EC_KEY *key;
    size_t half; /* bytes of a coordinate */
    struct spare *spare;
};

static struct mse_ec_key *ec_key_new(int nid, struct mse_bytes point)
{
    struct mse_ec_key *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return NULL;
    }
    k->half = point.len / 2;
    k->key = EC_KEY_new_by_curve_name(nid);
    k->spare = calloc(1, sizeof *k->spare);
    (void)ERR_set_mark();
    bool good = k->key != NULL && k->spare != NULL &&
                EC_KEY_oct2key(k->key, point.data, point.len, NULL) == 1;
    (void)ERR_pop_to_mark();
    if (!good) {
        mse_ec_key_free(k);
        return NULL;
    }
    return k;
}

struct mse_ec_key *mse_ec_key_new(const struct mse_pubkey *key)
{
    if (key->type != MSE_KEY_P256 && key->type != MSE_KEY_P384) {
        return NULL;
    }
    return ec_key_new(key->type == MSE_KEY_P256 ? NID_X9_62_prime256v1 : NID_secp384r1, key->raw);
}

struct mse_ec_key *mse_ec_key_of_point(const uint8_t point[64])
{
    uint8_t octets[65] = { 4 };
    memcpy(octets + 1, point, 64);
    return ec_key_new(NID_X9_62_prime256v1, mse_bytes_of(octets, sizeof octets));
}

void mse_ec_key_free(struct mse_ec_key *k)
{
    if (k != NULL) {
        EC_KEY_free(k->key);
        numbers_free(k->spare != NULL ? atomic_load(&k->spare->numbers) : NULL);
        free(k->spare);
    }
    free(k);
}

static struct numbers *take_numbers(struct spare *spare)
{
    struct numbers *n = atomic_exchange(&spare->numbers, NULL);
    return n != NULL ? n : numbers_new();
}

/* NULL is allowed. */
static void leave_numbers(struct spare *spare, struct numbers *n)
{
    numbers_free(atomic_exchange(&spare->numbers, n));
}

mse_status mse_ec_key_verify(const struct mse_ec_key *k, struct mse_bytes sig,
                             struct mse_bytes message)
{
    uint8_t digest[48];
    struct rs rs = { .half = k->half };
    if (!mse_rd_copy(&sig, rs.bytes, 2 * k->half) || sig.len != 0) {
        return MSE_ERR_SIGNATURE;
    }
    mse_status st = k->half == 32 ? mse_sha256(digest, message) : mse_sha384(digest, message);
    if (st != MSE_OK) {
        return st;
    }
    struct numbers *numbers = take_numbers(k->spare);
    st = MSE_ERR_CRYPTO;
    if (numbers != NULL && set_numbers(numbers, &rs)) {
        (void)ERR_set_mark();
        bool good = verify_with(k->key, numbers, mse_bytes_of(digest, k->half));
        (void)ERR_pop_to_mark();
        st = good ? MSE_OK : MSE_ERR_SIGNATURE;
    }
    leave_numbers(k->spare, numbers);
    return st;
}

/* half: the octets of a coordinate and of a number of the signature, and those of the digest. */
static mse_status verify_digest(struct mse_curve *curve, size_t half, const uint8_t *point,
                                const uint8_t *sig, const uint8_t *digest)
{
    uint8_t octets[1 + 2 * 48] = { 4 };
    struct rs rs = { .half = half };
    memcpy(octets + 1, point, 2 * half);
    memcpy(rs.bytes, sig, 2 * half);
    return ecdsa_verify(curve, half == 32 ? NID_X9_62_prime256v1 : NID_secp384r1,
                        mse_bytes_of(octets, 1 + 2 * half), &rs, mse_bytes_of(digest, half));
}

static mse_status p256_verify_digest(struct mse_curve *curve, const uint8_t point[64],
                                     const uint8_t sig[64], const uint8_t digest[32])
{
    return verify_digest(curve, 32, point, sig, digest);
}

mse_status mse_p256_verify(struct mse_curve *curve, const uint8_t point[64], const uint8_t sig[64],
                           struct mse_bytes message)
{
    uint8_t digest[32];
    mse_status st = mse_sha256(digest, message);
    if (st != MSE_OK) {
        return st;
    }
    return p256_verify_digest(curve, point, sig, digest);
}

mse_status mse_p384_verify(struct mse_curve *curve, const uint8_t point[96], const uint8_t sig[96],
                           struct mse_bytes message)
{
    uint8_t digest[48];
    mse_status st = mse_sha384(digest, message);
    return st == MSE_OK ? mse_p384_verify_digest(curve, point, sig, digest) : st;
}

mse_status mse_p384_verify_digest(struct mse_curve *curve, const uint8_t point[96],
                                  const uint8_t sig[96], const uint8_t digest[48])
{
    return verify_digest(curve, 48, point, sig, digest);
}

static bool put_padded(uint8_t *out, size_t len, struct mse_bytes be)
{
    if (be.len > len) {
        return false;
    }
    memset(out, 0, len - be.len);
    memcpy(out + (len - be.len), be.data, be.len);
    return true;
}

/* ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }, strictly. */
static bool rd_ecdsa_sig(struct rs *out, size_t half, struct mse_bytes in)
{
    struct mse_bytes seq = { 0 };
    struct mse_bytes r = { 0 };
    struct mse_bytes s = { 0 };
    out->half = half;
    return mse_der_get(&in, MSE_DER_SEQUENCE, &seq) && in.len == 0 && mse_der_biguint(&seq, &r) &&
           mse_der_biguint(&seq, &s) && seq.len == 0 && put_padded(out->bytes, half, r) &&
           put_padded(out->bytes + half, half, s);
}

static mse_status verify_ec(struct mse_curve *curve, const struct mse_pubkey *key,
                            struct mse_bytes signature, struct mse_bytes digest)
{
    struct rs rs = { 0 };
    bool p256 = key->type == MSE_KEY_P256;
    if (!rd_ecdsa_sig(&rs, p256 ? 32 : 48, signature)) {
        return MSE_ERR_SIGNATURE;
    }
    return ecdsa_verify(curve, p256 ? NID_X9_62_prime256v1 : NID_secp384r1, key->raw, &rs, digest);
}

/* Numbers of an RSA key, big-endian. */
struct rsa_numbers {
    struct mse_bytes n;
    struct mse_bytes e;
};

static bool rd_rsa_key(struct rsa_numbers *out, struct mse_bytes in)
{
    struct mse_bytes seq = { 0 };
    struct rsa_numbers k = { 0 };
    if (!mse_der_get(&in, MSE_DER_SEQUENCE, &seq) || in.len != 0 || !mse_der_biguint(&seq, &k.n) ||
        !mse_der_biguint(&seq, &k.e) || seq.len != 0 || k.n.len < MIN_RSA_BYTES ||
        k.n.len > MAX_RSA_BYTES || k.e.len > 8) {
        return false;
    }
    *out = k;
    return true;
}

static RSA *new_rsa(const struct rsa_numbers *k)
{
    RSA *rsa = RSA_new();
    BIGNUM *n = BN_bin2bn(k->n.data, (int)k->n.len, NULL);
    BIGNUM *e = BN_bin2bn(k->e.data, (int)k->e.len, NULL);
    if (rsa == NULL || n == NULL || e == NULL || RSA_set0_key(rsa, n, e, NULL) != 1) {
        BN_free(n);
        BN_free(e);
        RSA_free(rsa);
        return NULL;
    }
    return rsa;
}

static bool verify_pss_sha384(RSA *rsa, struct mse_bytes signature, struct mse_bytes digest)
{
    const int salt_len = 48;
    uint8_t padded[MAX_RSA_BYTES];
    int len = RSA_public_decrypt((int)signature.len, signature.data, padded, rsa, RSA_NO_PADDING);
    return len == RSA_size(rsa) && RSA_verify_PKCS1_PSS_mgf1(rsa, digest.data, EVP_sha384(),
                                                             EVP_sha384(), padded, salt_len) == 1;
}

/* nid: of the hash for PKCS#1 v1.5; NID_undef for PSS with SHA-384. */
static mse_status verify_rsa(const struct rsa_numbers *k, int nid, struct mse_bytes signature,
                             struct mse_bytes digest)
{
    if (signature.len != k->n.len) {
        return MSE_ERR_SIGNATURE;
    }
    RSA *rsa = new_rsa(k);
    if (rsa == NULL) {
        return MSE_ERR_CRYPTO;
    }
    (void)ERR_set_mark();
    bool good = nid == NID_undef ? verify_pss_sha384(rsa, signature, digest)
                                 : RSA_verify(nid, digest.data, (unsigned)digest.len,
                                              signature.data, (unsigned)signature.len, rsa) == 1;
    (void)ERR_pop_to_mark();
    RSA_free(rsa);
    return good ? MSE_OK : MSE_ERR_SIGNATURE;
}

/* What an algorithm hashes with, and what key it wants. */
struct alg_info {
    size_t digest_len;
    int nid; /* of the hash, for PKCS#1 v1.5 */
    bool ec;
};

static bool alg_info(struct alg_info *out, enum mse_sig_alg alg)
{
    static const struct alg_info table[] = {
        [MSE_SIG_ECDSA_SHA256] = { 32, NID_sha256, true },
        [MSE_SIG_ECDSA_SHA384] = { 48, NID_sha384, true },
        [MSE_SIG_RSA_SHA1] = { 20, NID_sha1, false },
        [MSE_SIG_RSA_SHA256] = { 32, NID_sha256, false },
        [MSE_SIG_RSA_SHA384] = { 48, NID_sha384, false },
        [MSE_SIG_RSA_SHA512] = { 64, NID_sha512, false },
        [MSE_SIG_RSA_PSS_SHA384] = { 48, NID_undef, false },
    };
    if ((size_t)alg >= MSE_ARRAY_LEN(table) || table[alg].digest_len == 0) {
        return false;
    }
    *out = table[alg];
    return true;
}

static mse_status hash(uint8_t out[64], size_t len, struct mse_bytes message)
{
    switch (len) {
    case 20:
        return SHA1(message.data, message.len, out) != NULL ? MSE_OK : MSE_ERR_CRYPTO;
    case 32:
        return mse_sha256(out, message);
    case 48:
        return mse_sha384(out, message);
    default:
        return mse_sha512(out, message);
    }
}

mse_status mse_verify(struct mse_curve *curve, const struct mse_pubkey *key, enum mse_sig_alg alg,
                      struct mse_bytes signature, struct mse_bytes message)
{
    uint8_t digest[64];
    struct alg_info info = { 0 };
    struct rsa_numbers numbers = { 0 };
    bool ec_key = key->type == MSE_KEY_P256 || key->type == MSE_KEY_P384;
    bool usable = alg_info(&info, alg) &&
                  (info.ec ? ec_key : key->type == MSE_KEY_RSA && rd_rsa_key(&numbers, key->raw));
    if (!usable) {
        return MSE_ERR_UNSUPPORTED_ALGORITHM;
    }
    mse_status st = hash(digest, info.digest_len, message);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_bytes d = { digest, info.digest_len };
    return info.ec ? verify_ec(curve, key, signature, d)
                   : verify_rsa(&numbers, info.nid, signature, d);
}

static void reverse(uint8_t out[384], const uint8_t in[384])
{
    for (size_t i = 0; i < 384; i++) {
        out[i] = in[383 - i];
    }
}

mse_status mse_rsa3_verify_le(const uint8_t modulus[384], const uint8_t signature[384],
                              struct mse_bytes message)
{
    static const uint8_t three[] = { 3 };
    uint8_t n[384];
    uint8_t s[384];
    uint8_t digest[32];
    reverse(n, modulus);
    reverse(s, signature);
    if ((n[0] & 0x80) == 0) {
        return MSE_ERR_SIGNATURE; /* not 3072 bits */
    }
    mse_status st = mse_sha256(digest, message);
    if (st != MSE_OK) {
        return st;
    }
    struct rsa_numbers k = { mse_bytes_of(n, sizeof n), mse_bytes_of(three, sizeof three) };
    return verify_rsa(&k, NID_sha256, mse_bytes_of(s, sizeof s), mse_bytes_of(digest, 32));
}

mse_status mse_rsa3_q1_q2(uint8_t q1[384], uint8_t q2[384], const uint8_t modulus[384],
                          const uint8_t signature[384])
{
    mse_status st = MSE_ERR_CRYPTO;
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = BN_lebin2bn(modulus, 384, NULL);
    BIGNUM *s = BN_lebin2bn(signature, 384, NULL);
    BIGNUM *square = BN_new();
    BIGNUM *a = BN_new();
    BIGNUM *rem = BN_new();
    BIGNUM *b = BN_new();
    if (ctx == NULL || n == NULL || s == NULL || square == NULL || a == NULL || rem == NULL ||
        b == NULL) {
        goto out;
    }
    if (BN_is_zero(n) || BN_cmp(s, n) >= 0) {
        st = MSE_ERR_SIGNATURE; /* the quotients might not fit, and no signature is like that */
        goto out;
    }
    /* q1 = s^2 / n; rem = s^2 - q1 n; q2 = rem s / n */
    if (BN_sqr(square, s, ctx) != 1 || BN_div(a, rem, square, n, ctx) != 1 ||
        BN_mul(square, rem, s, ctx) != 1 || BN_div(b, NULL, square, n, ctx) != 1) {
        goto out;
    }
    if (BN_bn2lebinpad(a, q1, 384) == 384 && BN_bn2lebinpad(b, q2, 384) == 384) {
        st = MSE_OK;
    }
out:
    BN_free(b);
    BN_free(rem);
    BN_free(a);
    BN_free(square);
    BN_free(s);
    BN_free(n);
    BN_CTX_free(ctx);
    return st;
}
