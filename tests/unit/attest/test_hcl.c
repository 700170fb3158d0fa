/* SPDX-License-Identifier: Apache-2.0 */
/* Azure's HCL reports, made by the test around SEV-SNP reports of its own. */
#include "lib/testlib.h"
#include "snp_world.h"

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"

static const char runtime[] =
    "{\"keys\":[{\"kid\":\"HCLAkPub\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"abc\"},"
    "{\"kid\":\"HCLEkPub\",\"n\":\"x\"}],\"vm-configuration\":{\"secure-boot\":true}}";

static uint8_t buf[4096];
static struct mse_build hcl;

static void make(struct snp_world *w, uint32_t type, uint32_t hash, const char *json)
{
    mse_build_fixed(&hcl, buf, sizeof buf);
    mse_wr_str(&hcl, "HCLA");
    mse_wr_u32le(&hcl, 2);
    mse_wr_zeros(&hcl, 24);
    mse_wr_copy(&hcl, w->report, sizeof w->report);
    mse_wr_u32le(&hcl, (uint32_t)strlen(json) + 20);
    mse_wr_u32le(&hcl, 1);
    mse_wr_u32le(&hcl, type);
    mse_wr_u32le(&hcl, hash);
    mse_wr_u32le(&hcl, (uint32_t)strlen(json));
    mse_wr_str(&hcl, json);
    assert_true(mse_build_ok(&hcl));
}

static void make_snp(struct snp_world *w, uint32_t hash)
{
    struct mse_bytes in = mse_bytes_str(runtime);
    memset(w->report_data, 0, 64);
    assert_status(hash == 1   ? mse_sha256(w->report_data, in)
                  : hash == 2 ? mse_sha384(w->report_data, in)
                              : mse_sha512(w->report_data, in),
                  MSE_OK);
    snp_make(w);
    make(w, MSE_HCL_SNP, hash, runtime);
}

static mse_status judge(struct snp_world *w)
{
    return mse_appraise_hcl(&w->verdict, mse_build_view(&hcl), &w->collateral, &w->policy, w->at,
                            NULL);
}

static mse_status parse(void)
{
    struct mse_hcl_report r;
    return mse_hcl_report_parse(&r, mse_build_view(&hcl), NULL);
}

static void test_accepts(void **state)
{
    struct snp_world *w = *state;
    struct mse_hcl_report r;
    for (uint32_t hash = 1; hash <= 3; hash++) {
        make_snp(w, hash);
        assert_status(judge(w), MSE_OK);
        assert_true(w->verdict.accepted);
    }
    assert_status(mse_hcl_report_parse(&r, mse_build_view(&hcl), NULL), MSE_OK);
    assert_true(r.has_ak && mse_bytes_is_str(r.ak_n, "abc") && mse_bytes_is_str(r.ak_e, "AQAB"));
    mse_wr_zeros(&hcl, 100);
    assert_status(judge(w), MSE_OK);
    mse_wr_u8(&hcl, 1);
    assert_status(judge(w), MSE_ERR_MALFORMED);
}

static void test_binding(void **state)
{
    struct snp_world *w = *state;
    make_snp(w, 1);
    make(w, MSE_HCL_SNP, 1, "{}");
    assert_status(judge(w), MSE_ERR_BINDING);
    make(w, MSE_HCL_SNP, 2, runtime);
    assert_status(judge(w), MSE_ERR_BINDING);
    w->report_data[63] = 1;
    snp_make(w);
    make(w, MSE_HCL_SNP, 1, runtime);
    assert_status(judge(w), MSE_ERR_BINDING);
    assert_false(w->verdict.accepted);
    w->signed_by_other = true;
    make_snp(w, 1);
    assert_status(judge(w), MSE_ERR_REPORT_SIGNATURE);
}

static void test_form(void **state)
{
    struct snp_world *w = *state;
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{}{}",
        "{\"keys\":1}",
        "{\"keys\":[1]}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[{\"kid\":\"HCLAkPub\"}]}",
        ("{\"keys\":[{\"kid\":\"HCLAkPub\",\"n\":\"a\",\"e\":\"b\"},"
         "{\"kid\":\"HCLAkPub\",\"n\":\"c\",\"e\":\"d\"}]}"),
    };
    make_snp(w, 1);
    for (size_t len = 0; len < hcl.len; len++) {
        struct mse_hcl_report r;
        assert_status(mse_hcl_report_parse(&r, mse_bytes_of(buf, len), NULL), MSE_ERR_MALFORMED);
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        make(w, MSE_HCL_SNP, 1, bad[i]);
        assert_status(parse(), MSE_ERR_MALFORMED);
    }
    make(w, 1, 1, runtime);
    assert_status(parse(), MSE_ERR_UNSUPPORTED_TEE);
    make(w, MSE_HCL_SNP, 0, runtime);
    assert_status(parse(), MSE_ERR_UNSUPPORTED_ALGORITHM);
    make(w, MSE_HCL_SNP, 4, runtime);
    assert_status(parse(), MSE_ERR_UNSUPPORTED_ALGORITHM);
    make(w, MSE_HCL_TDX, 1, runtime);
    assert_status(parse(), MSE_OK);
    assert_status(judge(w), MSE_ERR_UNSUPPORTED_TEE);
    buf[4] = 3;
    assert_status(parse(), MSE_ERR_UNSUPPORTED_VERSION);
    buf[0] = 'h';
    assert_status(parse(), MSE_ERR_MALFORMED);
}

#define T(f) cmocka_unit_test_setup(f, snp_defaults)

int main(void)
{
    const struct CMUnitTest tests[] = { T(test_accepts), T(test_binding), T(test_form) };
    return cmocka_run_group_tests(tests, snp_setup, snp_teardown);
}
