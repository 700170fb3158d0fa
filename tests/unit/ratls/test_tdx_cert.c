/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that carry TDX quotes: tagged evidence, and the raw extension with its padding. The
 * quotes come from the made-up vendor of the appraisal's tests. */
#include "lab.h"

#include "attest/world.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "ratls/oids.h"

struct both {
    struct lab *lab;
    struct world *world;
    struct mse_build padded;
};

static struct mse_verdict verdict;

static int setup(void **state)
{
    struct both *b = calloc(1, sizeof *b);
    void *part = NULL;
    assert_non_null(b);
    (void)lab_setup(&part);
    b->lab = part;
    (void)world_setup(&part);
    b->world = part;
    mse_build_heap(&b->padded, 65536);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct both *b = *state;
    void *part = b->lab;
    (void)lab_teardown(&part);
    part = b->world;
    (void)world_teardown(&part);
    mse_build_clear(&b->padded);
    free(b);
    return 0;
}

static int defaults(void **state)
{
    struct both *b = *state;
    void *part = b->world;
    return world_defaults_tdx(&part);
}

static mse_status judge(struct both *b, enum mse_ratls_binding *binding)
{
    struct world *w = b->world;
    *binding = MSE_BINDING_NONE;
    return mse_ratls_appraise(&verdict, NULL, binding, mse_build_view(&b->lab->cert), NULL,
                              &w->collateral, &w->policy, w->at, NULL);
}

/* A certificate with the raw extension, filled with the octet to len bytes in all. */
static void forge_raw(struct both *b, size_t len, uint8_t filling)
{
    struct mse_build *value = &b->padded;
    world_make(b->world);
    mse_build_reset(value);
    mse_wr_bytes(value, mse_build_view(&b->world->quote));
    while (value->len < len) {
        mse_wr_u8(value, filling);
    }
    const struct lab_ext ext = { .oid = MSE_OID(mse_oid_legacy_tdx),
                                 .value = mse_build_view(value) };
    lab_forge(b->lab, &ext, 1);
}

static void tagged_evidence(void **state)
{
    struct both *b = *state;
    struct lab *l = b->lab;
    enum mse_ratls_binding binding;
    struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    memcpy(p.spki_sha256, l->spki_sha256, 32);
    mse_build_reset(&l->claims);
    assert_status(mse_ratls_claims_make(&l->claims, &p), MSE_OK);
    assert_status(mse_ratls_report_data(b->world->td.report_data, mse_build_view(&l->claims)),
                  MSE_OK);
    for (uint16_t version = 4; version <= 5; version++) {
        b->world->tdx_version = version;
        world_make(b->world);
        mse_build_reset(&l->evidence);
        assert_status(mse_ratls_evidence_make(&l->evidence, mse_build_view(&b->world->quote),
                                              mse_build_view(&l->claims)),
                      MSE_OK);
        lab_cert(l);
        assert_status(judge(b, &binding), MSE_OK);
        assert_int_equal(binding, MSE_BINDING_CLAIMS);
        assert_int_equal(verdict.tee, MSE_TEE_TDX);
    }
    b->world->td.report_data[63] = 1;
    world_make(b->world);
    mse_build_reset(&l->evidence);
    assert_status(mse_ratls_evidence_make(&l->evidence, mse_build_view(&b->world->quote),
                                          mse_build_view(&l->claims)),
                  MSE_OK);
    lab_cert(l);
    assert_status(judge(b, &binding), MSE_ERR_CLAIMS_HASH);
    assert_int_equal(binding, MSE_BINDING_NONE);
}

static void raw_extension(void **state)
{
    struct both *b = *state;
    enum mse_ratls_binding binding;
    struct mse_ratls_cert c;
    memcpy(b->world->td.report_data, b->lab->spki_sha256, 32);
    b->world->td.report_data[0] ^= 1;
    b->world->td.report_data[63] = 0;
    forge_raw(b, 0, 0);
    assert_status(judge(b, &binding), MSE_ERR_BINDING);
    memset(b->world->td.report_data, 0, 64);
    memcpy(b->world->td.report_data, b->lab->spki_sha256, 32);
    forge_raw(b, 0, 0);
    assert_status(judge(b, &binding), MSE_OK);
    assert_int_equal(binding, MSE_BINDING_SPKI);
    assert_status(mse_ratls_read(&c, mse_build_view(&b->lab->cert), NULL), MSE_OK);
    assert_int_equal(c.form, MSE_RATLS_TDX);
    /* Zeros to 8192 bytes and to no other length; nothing but zeros. */
    forge_raw(b, 8192, 0);
    assert_status(judge(b, &binding), MSE_OK);
    assert_status(mse_ratls_read(&c, mse_build_view(&b->lab->cert), NULL), MSE_OK);
    assert_int_equal(c.quote.len, b->world->quote.len);
    static const size_t lengths[] = { 8191, 8193, 16384 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(lengths); i++) {
        forge_raw(b, lengths[i], 0);
        assert_status(judge(b, &binding), MSE_ERR_MALFORMED);
    }
    forge_raw(b, 8192, 1);
    assert_status(judge(b, &binding), MSE_ERR_MALFORMED);
}

/* The hash of the bare point, with an X25519 key behind it. */
static void raw_extension_over_the_point(void **state)
{
    struct both *b = *state;
    enum mse_ratls_binding binding;
    uint8_t point[65] = { 4 };
    assert_status(mse_privkey_point(b->lab->key, point + 1), MSE_OK);
    assert_status(mse_sha256(b->world->td.report_data, mse_bytes_of(point, sizeof point)), MSE_OK);
    memset(b->world->td.report_data + 32, 0x25, 32);
    forge_raw(b, 8192, 0);
    assert_status(judge(b, &binding), MSE_OK);
    assert_int_equal(binding, MSE_BINDING_POINT);
}

/* The extension for SGX holds no TDX quote, padded or not, nor the one for TDX one of SGX. */
static void each_extension_has_its_kind(void **state)
{
    struct both *b = *state;
    enum mse_ratls_binding binding;
    memset(b->world->td.report_data, 0, 64);
    memcpy(b->world->td.report_data, b->lab->spki_sha256, 32);
    world_make(b->world);
    struct lab_ext ext = { .oid = MSE_OID(mse_oid_legacy_sgx),
                           .value = mse_build_view(&b->world->quote) };
    lab_forge(b->lab, &ext, 1);
    assert_status(judge(b, &binding), MSE_ERR_UNSUPPORTED_VERSION);
    b->world->tdx = false;
    memset(b->world->body.report_data, 0, 64);
    memcpy(b->world->body.report_data, b->lab->spki_sha256, 32);
    forge_raw(b, 0, 0);
    assert_status(judge(b, &binding), MSE_ERR_UNSUPPORTED_VERSION);
}

#define TEST(f) cmocka_unit_test_setup(f, defaults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tagged_evidence),
        TEST(raw_extension),
        TEST(raw_extension_over_the_point),
        TEST(each_extension_has_its_kind),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
