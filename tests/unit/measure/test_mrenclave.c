/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: known hashes of single records, independence of batching, refusals. */
#include <mse/measure.h>

#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "lib/testlib.h"

static void assert_hash(const uint8_t seen[32], const char *wanted)
{
    char hex[65];
    mse_hex_encode(hex, mse_bytes_of(seen, 32));
    assert_string_equal(hex, wanted);
}

static struct mse_mrenclave *fresh(uint32_t ssa, uint64_t size)
{
    struct mse_mrenclave *m = NULL;
    assert_status(mse_mrenclave_new(&m, ssa, size), MSE_OK);
    return m;
}

static void known_hash_of_ecreate(void **state)
{
    (void)state;
    struct mse_mrenclave *m = fresh(4, 16U << 20);
    uint8_t out[32];
    assert_status(mse_mrenclave_final(m, out), MSE_OK);
    assert_hash(out, "2147c033a0aa05d9d60491bc53f393a3488f463597415dffedef06d8d388dabe");
    mse_mrenclave_free(m);
}

static void known_hash_of_ecreate_and_eadd(void **state)
{
    (void)state;
    struct mse_mrenclave *m = fresh(4, 16U << 20);
    uint8_t out[32];
    mse_mrenclave_eadd(m, 0xfff000, MSE_SECINFO_REG | MSE_SECINFO_R);
    assert_status(mse_mrenclave_final(m, out), MSE_OK);
    assert_hash(out, "719917f5c99e84c1e9e0302a39fb67ee00fbeb42b555817ba9424fa7c592751d");
    mse_mrenclave_free(m);
}

static void hash_record(struct mse_sha256_ctx *c, const char *tag, uint64_t a, uint64_t b)
{
    uint8_t r[64] = { 0 };
    for (size_t i = 0; tag[i] != '\0'; i++) {
        r[i] = (uint8_t)tag[i];
    }
    for (unsigned i = 0; i < 8; i++) {
        r[8 + i] = (uint8_t)(a >> (8 * i));
        r[16 + i] = (uint8_t)(b >> (8 * i));
    }
    mse_sha256_update(c, r, sizeof r);
}

/* The same records one by one: many batches, records across their borders, pages and zeros. */
static void batches_do_not_show(void **state)
{
    (void)state;
    static uint8_t pages[3][MSE_SGX_PAGE];
    for (size_t i = 0; i < sizeof pages; i++) {
        pages[i / MSE_SGX_PAGE][i % MSE_SGX_PAGE] = (uint8_t)(i * 31 + i / 251);
    }
    memset(pages[2], 0, sizeof pages[2]);
    struct mse_mrenclave *m = fresh(1, 16U << 20);
    struct mse_sha256_ctx c = { 0 };
    assert_status(mse_sha256_init(&c), MSE_OK);
    /* SSAFRAMESIZE and SIZE are not aligned to eight: 1 | 0x1000000 << 32. */
    hash_record(&c, "ECREATE", 1ULL | 0x1000000ULL << 32, 0);
    for (uint64_t n = 0; n < 4096; n++) {
        mse_mrenclave_eadd(m, n * MSE_SGX_PAGE, MSE_SECINFO_REG | MSE_SECINFO_R);
        hash_record(&c, "EADD", n * MSE_SGX_PAGE, MSE_SECINFO_REG | MSE_SECINFO_R);
        if (n % 7 > 2) {
            continue;
        }
        mse_mrenclave_eextend(m, n * MSE_SGX_PAGE, n % 7 == 2 ? NULL : pages[n % 7]);
        for (uint64_t i = 0; i < 16; i++) {
            hash_record(&c, "EEXTEND", n * MSE_SGX_PAGE + i * 256, 0);
            mse_sha256_update(&c, pages[n % 7] + i * 256, 256);
        }
    }
    uint8_t seen[32];
    uint8_t wanted[32];
    assert_status(mse_mrenclave_final(m, seen), MSE_OK);
    assert_status(mse_sha256_final(&c, wanted), MSE_OK);
    assert_bytes(mse_bytes_of(seen, 32), mse_bytes_of(wanted, 32));
    mse_sha256_clear(&c);
    mse_mrenclave_free(m);
}

static void wrong_enclaves_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t ssa;
        uint64_t size;
    } bad[] = { { 0, 1U << 20 }, { 1, 0 }, { 1, 4096 }, { 1, 0x3000 }, { 1, UINT64_MAX } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        struct mse_mrenclave *m = NULL;
        assert_status(mse_mrenclave_new(&m, bad[i].ssa, bad[i].size), MSE_ERR_ARGUMENT);
        assert_null(m);
    }
    struct mse_mrenclave *m = fresh(1, 1ULL << 63);
    mse_mrenclave_free(m);
    mse_mrenclave_free(NULL);
}

/* A wrong page makes the whole measurement fail, at the end, and nothing is written. */
static void wrong_pages_stick(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset;
        uint64_t flags;
    } bad[] = {
        { 1, 0x203 },        /* not aligned */
        { 0x100000, 0x203 }, /* behind the end */
        { UINT64_MAX - 4095, 0x203 } /* far behind */,
        { 0, 0 },     /* no page type: SECS */
        { 0, 0x103 }, /* a TCS has no permissions */
        { 0, 0x202 }, /* writable, not readable */
        { 0, 0x206 },
        { 0, 0x20b },              /* PENDING */
        { 0, 0x303 },              /* VA page */
        { 0, 0x203 | 1ULL << 32 }, /* reserved */
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        struct mse_mrenclave *m = fresh(1, 1U << 20);
        uint8_t out[32] = { 7 };
        mse_mrenclave_eadd(m, bad[i].offset, bad[i].flags);
        mse_mrenclave_eadd(m, 0, 0x203);
        assert_status(mse_mrenclave_final(m, out), MSE_ERR_ARGUMENT);
        assert_int_equal(out[0], 7);
        mse_mrenclave_free(m);
    }
    static const uint64_t chunks[] = { 256, 0x100000 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(chunks); i++) {
        struct mse_mrenclave *m = fresh(1, 1U << 20);
        uint8_t out[32];
        mse_mrenclave_eextend(m, chunks[i], NULL);
        assert_status(mse_mrenclave_final(m, out), MSE_ERR_ARGUMENT);
        mse_mrenclave_free(m);
    }
}

static void final_works_once(void **state)
{
    (void)state;
    struct mse_mrenclave *m = fresh(1, 1U << 20);
    uint8_t out[32];
    assert_status(mse_mrenclave_final(m, out), MSE_OK);
    assert_status(mse_mrenclave_final(m, out), MSE_ERR_ARGUMENT);
    mse_mrenclave_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_hash_of_ecreate), cmocka_unit_test(known_hash_of_ecreate_and_eadd),
        cmocka_unit_test(batches_do_not_show),   cmocka_unit_test(wrong_enclaves_are_refused),
        cmocka_unit_test(wrong_pages_stick),     cmocka_unit_test(final_works_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
