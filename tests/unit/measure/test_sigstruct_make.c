/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer makes, the reader takes: every field, the signature, Q1 and Q2. */
#include "measure/sigstruct_make.h"

#include <openssl/pem.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "lib/testlib.h"

static struct mse_privkey *key; /* made once: an RSA key takes a while */
static bool q1_q2_fail;

/* The names are the linker's. NOLINTBEGIN(bugprone-reserved-identifier,cert-*) */
mse_status __real_mse_rsa3_q1_q2(uint8_t q1[384], uint8_t q2[384], const uint8_t modulus[384],
                                 const uint8_t signature[384]);
mse_status __wrap_mse_rsa3_q1_q2(uint8_t q1[384], uint8_t q2[384], const uint8_t modulus[384],
                                 const uint8_t signature[384]);

mse_status __wrap_mse_rsa3_q1_q2(uint8_t q1[384], uint8_t q2[384], const uint8_t modulus[384],
                                 const uint8_t signature[384])
{
    return q1_q2_fail ? MSE_ERR_CRYPTO : __real_mse_rsa3_q1_q2(q1, q2, modulus, signature);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-*) */

static int make_key(void **state)
{
    (void)state;
    return mse_privkey_generate_rsa3072_e3(&key) == MSE_OK ? 0 : -1;
}

static int free_key(void **state)
{
    (void)state;
    mse_privkey_free(key);
    return 0;
}

static struct mse_sigstruct_params some_params(void)
{
    struct mse_sigstruct_params p = {
        .attr_flags = 4,
        .attr_xfrm = 3,
        .attr_mask_flags = ~2ULL,
        .attr_mask_xfrm = 0xfffffffffff9ff1b,
        .misc_select = 1,
        .misc_mask = 0xfffffffe,
        .isv_prod_id = 0x1234,
        .isv_svn = 0x5678,
        .date = 1795305600, /* 2026-11-22 */
    };
    for (unsigned i = 0; i < sizeof p.enclave_hash; i++) {
        p.enclave_hash[i] = (uint8_t)(i + 1);
    }
    return p;
}

static void round_trip(void **state)
{
    (void)state;
    struct mse_sigstruct_params p = some_params();
    uint8_t raw[MSE_SIGSTRUCT_LEN];
    assert_status(mse_sigstruct_make(raw, &p, key), MSE_OK);
    struct mse_sigstruct s;
    assert_status(mse_sigstruct_parse(&s, mse_bytes_of(raw, sizeof raw), NULL), MSE_OK);
    assert_status(mse_sigstruct_verify(&s, NULL), MSE_OK);
    assert_int_equal(s.vendor, 0);
    assert_int_equal(s.date, 0x20261122);
    assert_int_equal(s.sw_defined, 0);
    assert_int_equal(s.exponent, 3);
    assert_int_equal(s.misc_select, 1);
    assert_int_equal(s.misc_mask, 0xfffffffe);
    assert_true(s.attr_flags == p.attr_flags && s.attr_xfrm == p.attr_xfrm);
    assert_true(s.attr_mask_flags == p.attr_mask_flags && s.attr_mask_xfrm == p.attr_mask_xfrm);
    assert_int_equal(s.isv_prod_id, 0x1234);
    assert_int_equal(s.isv_svn, 0x5678);
    assert_memory_equal(s.enclave_hash, p.enclave_hash, 32);
    assert_true(mse_mem_is_zero(s.isv_family_id, 16) && mse_mem_is_zero(s.isv_ext_prod_id, 16));

    uint8_t modulus[384];
    uint8_t wanted[32];
    uint8_t seen[32];
    assert_status(mse_privkey_rsa_modulus_le(key, modulus), MSE_OK);
    assert_bytes(s.modulus, mse_bytes_of(modulus, sizeof modulus));
    assert_status(mse_sha256(wanted, mse_bytes_of(modulus, sizeof modulus)), MSE_OK);
    assert_status(mse_sigstruct_mrsigner(seen, &s), MSE_OK);
    assert_memory_equal(seen, wanted, 32);
}

/* As without memory for the large numbers. */
static void quotients_cannot_be_computed(void **state)
{
    (void)state;
    struct mse_sigstruct_params p = some_params();
    uint8_t raw[MSE_SIGSTRUCT_LEN];
    struct mse_sigstruct s;
    assert_status(mse_sigstruct_make(raw, &p, key), MSE_OK);
    assert_status(mse_sigstruct_parse(&s, mse_bytes_of(raw, sizeof raw), NULL), MSE_OK);
    q1_q2_fail = true;
    mse_status verified = mse_sigstruct_verify(&s, NULL);
    mse_status made = mse_sigstruct_make(raw, &p, key);
    q1_q2_fail = false;
    assert_status(verified, MSE_ERR_CRYPTO);
    assert_status(made, MSE_ERR_CRYPTO);
    assert_status(mse_sigstruct_verify(&s, NULL), MSE_OK);
}

/* Every bit is covered: what parses after a change does not verify. */
static void every_byte_counts(void **state)
{
    (void)state;
    struct mse_sigstruct_params p = some_params();
    uint8_t raw[MSE_SIGSTRUCT_LEN];
    assert_status(mse_sigstruct_make(raw, &p, key), MSE_OK);
    for (size_t i = 0; i < sizeof raw; i++) {
        raw[i] ^= (uint8_t)(1U << (i % 8));
        struct mse_sigstruct s;
        mse_status st = mse_sigstruct_parse(&s, mse_bytes_of(raw, sizeof raw), NULL);
        bool refused = st != MSE_OK || mse_sigstruct_verify(&s, NULL) != MSE_OK;
        if (!refused) {
            print_error("byte %zu\n", i);
        }
        assert_true(refused);
        raw[i] ^= (uint8_t)(1U << (i % 8));
    }
}

static void signing_is_repeatable(void **state)
{
    (void)state;
    struct mse_sigstruct_params p = some_params();
    uint8_t a[MSE_SIGSTRUCT_LEN];
    uint8_t b[MSE_SIGSTRUCT_LEN];
    assert_status(mse_sigstruct_make(a, &p, key), MSE_OK);
    assert_status(mse_sigstruct_make(b, &p, key), MSE_OK);
    assert_memory_equal(a, b, sizeof a);
}

/* An RSA-3072 key with the usual exponent, 65537, which the library itself never makes. */
static struct mse_privkey *other_exponent(void)
{
    EVP_PKEY *pkey = EVP_RSA_gen(3072);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    struct mse_privkey *out = NULL;
    assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &text);
    assert_status(mse_privkey_from_pem(&out, mse_bytes_of(text, (size_t)len), NULL), MSE_OK);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return out;
}

static void wrong_keys_are_refused(void **state)
{
    (void)state;
    struct mse_sigstruct_params p = some_params();
    uint8_t raw[MSE_SIGSTRUCT_LEN] = { 9 };
    struct mse_privkey *wrong = NULL;
    assert_status(mse_privkey_generate_p256(&wrong), MSE_OK);
    assert_status(mse_sigstruct_make(raw, &p, wrong), MSE_ERR_UNSUPPORTED_ALGORITHM);
    mse_privkey_free(wrong);
    wrong = other_exponent();
    assert_status(mse_sigstruct_make(raw, &p, wrong), MSE_ERR_UNSUPPORTED_EXPONENT);
    mse_privkey_free(wrong);
    assert_int_equal(raw[0], 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(quotients_cannot_be_computed),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(signing_is_repeatable),
        cmocka_unit_test(wrong_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, make_key, free_key);
}
