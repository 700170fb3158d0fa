/* SPDX-License-Identifier: Apache-2.0 */
/* Making a SIGSTRUCT. spec: Intel SDM Vol. 3D, "SIGSTRUCT". */
#include "measure/sigstruct_make.h"

#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define KEY_LEN  384U
#define HEAD_LEN 0x80U  /* the first signed part: from the start */
#define BODY_AT  0x384U /* the second signed part */
#define BODY_LEN 0x80U
#define SIG_AT   0x204U
#define Q1_AT    0x410U
#define Q2_AT    0x590U
#define EXPONENT 3U

static const uint8_t header[16] = { 6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0 };
static const uint8_t header2[16] = { 1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1, 0, 0, 0 };

/* DATE: yyyymmdd, one decimal digit in four bits. */
static uint32_t bcd_date(mse_time t)
{
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, t);
    uint32_t v = 0;
    for (size_t i = 0; i < sizeof "yyyy-mm-dd" - 1; i++) {
        if (text[i] != '-') {
            v = v << 4 | (uint32_t)(text[i] - '0');
        }
    }
    return v;
}

static void write_unsigned(struct mse_build *b, const struct mse_sigstruct_params *p,
                           const uint8_t modulus[KEY_LEN])
{
    mse_wr_copy(b, header, sizeof header);           // 0 HEADER
    mse_wr_u32le(b, 0);                              // 16 VENDOR
    mse_wr_u32le(b, bcd_date(p->date));              // 20 DATE
    mse_wr_copy(b, header2, sizeof header2);         // 24 HEADER2
    mse_wr_zeros(b, 4 + 84);                         // 40 SWDEFINED, reserved
    mse_wr_copy(b, modulus, KEY_LEN);                // 128 MODULUS
    mse_wr_u32le(b, EXPONENT);                       // 512 EXPONENT
    mse_wr_zeros(b, KEY_LEN);                        // 516 SIGNATURE
    mse_wr_u32le(b, p->misc_select);                 // 900 MISCSELECT
    mse_wr_u32le(b, p->misc_mask);                   // 904 MISCMASK
    mse_wr_zeros(b, 1 + 1 + 2 + 16);                 // 908 CET_ATTRIBUTES to ISVFAMILYID
    mse_wr_u64le(b, p->attr_flags);                  // 928 ATTRIBUTES
    mse_wr_u64le(b, p->attr_xfrm);                   // 936
    mse_wr_u64le(b, p->attr_mask_flags);             // 944 ATTRIBUTEMASK
    mse_wr_u64le(b, p->attr_mask_xfrm);              // 952
    mse_wr_copy(b, p->enclave_hash, MSE_SHA256_LEN); // 960 ENCLAVEHASH
    mse_wr_zeros(b, 16 + 16);                        // 992 reserved, ISVEXTPRODID
    mse_wr_u16le(b, p->isv_prod_id);                 // 1024 ISVPRODID
    mse_wr_u16le(b, p->isv_svn);                     // 1026 ISVSVN
    mse_wr_zeros(b, 12 + 2 * KEY_LEN);               // 1028 reserved, Q1, Q2
}

/* Signs the message and checks the result with exponent 3: a key with another one makes signatures
 * that no CPU would accept. */
static mse_status sign(uint8_t out[KEY_LEN], const struct mse_privkey *key,
                       const uint8_t modulus[KEY_LEN], struct mse_bytes message)
{
    uint8_t be[KEY_LEN];
    struct mse_build b;
    mse_build_fixed(&b, be, sizeof be);
    mse_status st = mse_privkey_sign(key, &b, message);
    if (st != MSE_OK) {
        return st;
    }
    MSE_ASSERT(b.len == KEY_LEN); /* as long as the modulus */
    for (size_t i = 0; i < KEY_LEN; i++) {
        out[i] = be[KEY_LEN - 1 - i];
    }
    st = mse_rsa3_verify_le(modulus, out, message);
    return st == MSE_ERR_SIGNATURE ? MSE_ERR_UNSUPPORTED_EXPONENT : st;
}

mse_status mse_sigstruct_make(uint8_t out[MSE_SIGSTRUCT_LEN], const struct mse_sigstruct_params *p,
                              const struct mse_privkey *key)
{
    uint8_t modulus[KEY_LEN];
    mse_status st = mse_privkey_rsa_modulus_le(key, modulus);
    if (st != MSE_OK) {
        return st;
    }
    uint8_t raw[MSE_SIGSTRUCT_LEN];
    struct mse_build b;
    mse_build_fixed(&b, raw, sizeof raw);
    write_unsigned(&b, p, modulus);
    MSE_ASSERT(mse_build_ok(&b) && b.len == MSE_SIGSTRUCT_LEN);
    uint8_t message[HEAD_LEN + BODY_LEN];
    memcpy(message, raw, HEAD_LEN);
    memcpy(message + HEAD_LEN, raw + BODY_AT, BODY_LEN);
    st = sign(raw + SIG_AT, key, modulus, mse_bytes_of(message, sizeof message));
    if (st != MSE_OK) {
        return st;
    }
    st = mse_rsa3_q1_q2(raw + Q1_AT, raw + Q2_AT, modulus, raw + SIG_AT);
    if (st != MSE_OK) {
        return st;
    }
    memcpy(out, raw, sizeof raw);
    return MSE_OK;
}

void mse_sigstruct_gramine(struct mse_sigstruct_params *p)
{
    p->attr_flags = MSE_SGX_FLAG_MODE64BIT;
    p->attr_mask_flags = UINT64_MAX;
    p->attr_xfrm = MSE_GRAMINE_XFRM;
    p->attr_mask_xfrm = MSE_GRAMINE_XFRM_MASK;
    p->misc_select = 0;
    p->misc_mask = UINT32_MAX;
}

mse_status mse_sigstruct_sign(uint8_t out[MSE_SIGSTRUCT_LEN], uint8_t mrsigner[32],
                              const struct mse_sigstruct_params *p, const struct mse_privkey *key,
                              struct mse_error *err)
{
    struct mse_sigstruct s;
    mse_status st = mse_sigstruct_make(out, p, key);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "signer", "wanted a key of RSA-3072 with exponent 3");
    }
    st = mse_sigstruct_parse(&s, mse_bytes_of(out, MSE_SIGSTRUCT_LEN), err);
    st = st == MSE_OK ? mse_sigstruct_verify(&s, err) : st;
    return st == MSE_OK ? mse_sigstruct_mrsigner(mrsigner, &s) : st;
}
