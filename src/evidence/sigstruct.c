/* SPDX-License-Identifier: Apache-2.0 */
/* SIGSTRUCT (Intel SDM Vol. 3D, 35.13). */
#include "base/bytes.h"
#include "base/error.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/sign.h"
#include "crypto/x509.h"
#include <mse/evidence.h>

#define MODULUS_LEN 384

static const uint8_t header1[16] = { 0x06, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0 };
static const uint8_t header2[16] = { 1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1, 0, 0, 0 };

/* The first 128 bytes; TYPE, the last word of HEADER, has bit 31 set for debug enclaves. */
static bool rd_head(struct mse_bytes *in, struct mse_sigstruct *s)
{
    uint8_t h1[16];
    uint8_t h2[16];
    bool ok = mse_rd_copy(in, h1, sizeof h1) &&   // 0 HEADER
              mse_rd_u32le(in, &s->vendor) &&     // 16 VENDOR
              mse_rd_u32le(in, &s->date) &&       // 20 DATE
              mse_rd_copy(in, h2, sizeof h2) &&   // 24 HEADER2
              mse_rd_u32le(in, &s->sw_defined) && // 40 SWDEFINED
              mse_rd_zeros(in, 84);               // 44
    if (!ok) {
        return false;
    }
    h1[15] &= 0x7f;
    return mse_mem_equal(h1, header1, sizeof h1) && mse_mem_equal(h2, header2, sizeof h2);
}

static bool rd_body(struct mse_bytes *in, struct mse_sigstruct *s)
{
    return mse_rd_bytes(in, &s->modulus, MODULUS_LEN) &&                     // 128 MODULUS
           mse_rd_u32le(in, &s->exponent) &&                                 // 512 EXPONENT
           mse_rd_bytes(in, &s->signature, MODULUS_LEN) &&                   // 516 SIGNATURE
           mse_rd_u32le(in, &s->misc_select) &&                              // 900 MISCSELECT
           mse_rd_u32le(in, &s->misc_mask) &&                                // 904 MISCMASK
           mse_rd_u8(in, &s->cet_attributes) &&                              // 908
           mse_rd_u8(in, &s->cet_attributes_mask) &&                         // 909
           mse_rd_zeros(in, 2) &&                                            // 910
           mse_rd_copy(in, s->isv_family_id, sizeof s->isv_family_id) &&     // 912 ISVFAMILYID
           mse_rd_u64le(in, &s->attr_flags) &&                               // 928 ATTRIBUTES
           mse_rd_u64le(in, &s->attr_xfrm) &&                                // 936
           mse_rd_u64le(in, &s->attr_mask_flags) &&                          // 944 ATTRIBUTEMASK
           mse_rd_u64le(in, &s->attr_mask_xfrm) &&                           // 952
           mse_rd_copy(in, s->enclave_hash, sizeof s->enclave_hash) &&       // 960 ENCLAVEHASH
           mse_rd_zeros(in, 16) &&                                           // 992
           mse_rd_copy(in, s->isv_ext_prod_id, sizeof s->isv_ext_prod_id) && // 1008 ISVEXTPRODID
           mse_rd_u16le(in, &s->isv_prod_id) &&                              // 1024 ISVPRODID
           mse_rd_u16le(in, &s->isv_svn) &&                                  // 1026 ISVSVN
           mse_rd_zeros(in, 12) &&                                           // 1028
           mse_rd_bytes(in, &s->q1, MODULUS_LEN) &&                          // 1040 Q1
           mse_rd_bytes(in, &s->q2, MODULUS_LEN) &&                          // 1424 Q2
           in->len == 0;
}

mse_status mse_sigstruct_parse(struct mse_sigstruct *out, struct mse_bytes in,
                               struct mse_error *err)
{
    struct mse_sigstruct s = { .raw = in };
    if (in.len != MSE_SIGSTRUCT_LEN) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "SIGSTRUCT", "%zu bytes, wanted %d", in.len,
                        MSE_SIGSTRUCT_LEN);
    }
    if (!rd_head(&in, &s)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "SIGSTRUCT", "HEADER, HEADER2 or reserved bytes");
    }
    if (!rd_body(&in, &s)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "SIGSTRUCT", "reserved bytes are not zero");
    }
    *out = s;
    return MSE_OK;
}

mse_status mse_sigstruct_verify(const struct mse_sigstruct *s, struct mse_error *err)
{
    /* Signed are the first 128 bytes and the 128 from MISCSELECT on. */
    uint8_t message[256];
    uint8_t q1[MODULUS_LEN];
    uint8_t q2[MODULUS_LEN];
    struct mse_bytes raw = s->raw;
    if (!mse_rd_copy(&raw, message, 128) || !mse_rd_skip(&raw, 772) ||
        !mse_rd_copy(&raw, message + 128, 128)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "SIGSTRUCT", "not a parsed one");
    }
    if (s->exponent != 3) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_EXPONENT, "SIGSTRUCT", "exponent %u, wanted 3",
                        s->exponent);
    }
    mse_status st = mse_rsa3_verify_le(s->modulus.data, s->signature.data,
                                       mse_bytes_of(message, sizeof message));
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "SIGSTRUCT", "the RSA signature does not verify");
    }
    st = mse_rsa3_q1_q2(q1, q2, s->modulus.data, s->signature.data);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "SIGSTRUCT", "Q1 and Q2 cannot be computed");
    }
    if (!mse_mem_equal(q1, s->q1.data, sizeof q1) || !mse_mem_equal(q2, s->q2.data, sizeof q2)) {
        return MSE_FAIL(err, MSE_ERR_Q1_Q2, "SIGSTRUCT", "%s is not what the signature gives",
                        mse_mem_equal(q1, s->q1.data, sizeof q1) ? "Q2" : "Q1");
    }
    return MSE_OK;
}

mse_status mse_sigstruct_mrsigner(uint8_t out[32], const struct mse_sigstruct *s)
{
    return mse_sha256(out, s->modulus);
}

/* The modulus of an RSA-3072 key with exponent 3, little-endian. */
static mse_status modulus_le(uint8_t out[MODULUS_LEN], struct mse_bytes spki, struct mse_error *err)
{
    struct mse_pubkey key = { 0 };
    struct mse_bytes seq = { 0 };
    struct mse_bytes n = { 0 };
    uint64_t e = 0;
    bool ok = mse_pubkey_parse(&key, spki) && key.type == MSE_KEY_RSA &&
              mse_der_get(&key.raw, MSE_DER_SEQUENCE, &seq) && key.raw.len == 0 &&
              mse_der_biguint(&seq, &n) && mse_der_uint64(&seq, &e) && seq.len == 0;
    if (!ok || n.len != MODULUS_LEN) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, "signer's public key",
                        "not an RSA-3072 SubjectPublicKeyInfo (modulus of %zu bytes)", n.len);
    }
    if (e != 3) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED_EXPONENT, "signer's public key",
                        "exponent %llu, wanted 3", (unsigned long long)e);
    }
    for (size_t i = 0; i < MODULUS_LEN; i++) {
        out[i] = n.data[MODULUS_LEN - 1 - i];
    }
    return MSE_OK;
}

mse_status mse_mrsigner_of_public_key(uint8_t out[32], struct mse_bytes key, struct mse_error *err)
{
    uint8_t der[1024];
    uint8_t modulus[MODULUS_LEN];
    size_t len = 0;
    if (key.len > 0 && key.data[0] == '-') {
        struct mse_bytes in = key;
        size_t more = 0;
        uint8_t none = 0;
        if (mse_pem_next(&in, "PUBLIC KEY", der, sizeof der, &len) != MSE_OK ||
            mse_pem_next(&in, "PUBLIC KEY", &none, 0, &more) != MSE_ERR_NOT_FOUND) {
            return MSE_FAIL(err, MSE_ERR_MALFORMED, "signer's public key",
                            "not one PEM block PUBLIC KEY");
        }
        key = mse_bytes_of(der, len);
    }
    mse_status st = modulus_le(modulus, key, err);
    if (st != MSE_OK) {
        return st;
    }
    return mse_sha256(out, mse_bytes_of(modulus, sizeof modulus));
}
