/* SPDX-License-Identifier: Apache-2.0 */
/* The appraisal of TDX quotes: every refusal that SGX does not have, provoked alone and named; and
 * that neither kind passes for the other. */
#include <jansson.h>

#include "lib/refusal.h"
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "world.h"

/* Healthy again, with a reference set that follows the body. */
static void follow(struct world *w)
{
    assert_status(mse_tdx_fingerprint(w->policy.references[0].fingerprint, &w->td), MSE_OK);
}

static void test_healthy(void **state)
{
    struct world *w = *state;
    world_wants(w, MSE_OK);
    const struct mse_verdict *v = &w->verdict;
    assert_int_equal(v->tee, MSE_TEE_TDX);
    assert_int_equal(v->quote_version, 4);
    assert_true(v->simulated && v->signatures_ok && v->has_pck && v->has_fingerprint);
    assert_string_equal(v->tdx_module_id, "TDX_01");
    assert_int_equal(v->tdx_module_tcb_status, MSE_TCB_UP_TO_DATE);
    assert_int_equal(v->tcb_status, MSE_TCB_UP_TO_DATE);
    assert_memory_equal(v->td.rtmr, w->td.rtmr, sizeof v->td.rtmr);
    w->tdx_version = 5;
    world_wants(w, MSE_OK);
    assert_int_equal(w->verdict.quote_version, 5);
    assert_false(w->verdict.td.is_15);
    w->td.is_15 = true;
    w->td.mr_service_td[47] = 9;
    world_wants(w, MSE_OK);
    assert_true(w->verdict.td.is_15);
    assert_int_equal(w->verdict.td.mr_service_td[47], 9);
}

/* Each of the two functions takes its own kind only. */
static void test_kinds_are_kept_apart(void **state)
{
    struct world *w = *state;
    struct mse_bytes quote;
    world_make(w);
    quote = mse_build_view(&w->quote);
    assert_status(mse_appraise_sgx(&w->verdict, quote, &w->collateral, &w->policy, w->at, NULL),
                  MSE_ERR_UNSUPPORTED_VERSION);
    assert_status(mse_appraise_tdx(&w->verdict, quote, &w->collateral, &w->policy, w->at, NULL),
                  MSE_OK);
    (void)world_defaults(state);
    world_make(w);
    quote = mse_build_view(&w->quote);
    assert_status(mse_appraise_tdx(&w->verdict, quote, &w->collateral, &w->policy, w->at, NULL),
                  MSE_ERR_UNSUPPORTED_VERSION);
    assert_status(mse_appraise_sgx(&w->verdict, quote, &w->collateral, &w->policy, w->at, NULL),
                  MSE_OK);
}

static void test_form(void **state)
{
    struct world *w = *state;
    static const struct {
        size_t at;
        uint8_t value;
        mse_status status;
    } changes[] = {
        { 0, 3, MSE_ERR_MALFORMED }, /* version 3 has no TEE type */
        { 0, 2, MSE_ERR_UNSUPPORTED_VERSION },
        { 0, 6, MSE_ERR_UNSUPPORTED_VERSION },
        { 0, 5, MSE_ERR_MALFORMED },
        { 2, 3, MSE_ERR_UNSUPPORTED_AK_TYPE },
        { 4, 0, MSE_ERR_MALFORMED },
        { 4, 2, MSE_ERR_MALFORMED },
        { 12, 0, MSE_ERR_UNSUPPORTED_QE_VENDOR },
        { 48 + 584 + 4 + 128, 5, MSE_ERR_MALFORMED },  /* outer certification data */
        { 48 + 584 + 4 + 130, 99, MSE_ERR_MALFORMED }, /* its length */
        { 48 + 584 + 4 + 134 + 448 + 2 + 32, 7, MSE_ERR_UNSUPPORTED_CERT_TYPE },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(changes); i++) {
        world_make(w);
        w->quote.data[changes[i].at] = changes[i].value;
        assert_status(world_judge(w), changes[i].status);
        for (size_t k = 0; k < w->verdict.num_checks; k++) {
            assert_true(w->verdict.checks[k].skipped || w->verdict.checks[k].step == MSE_STEP_FORM);
        }
    }
    world_make(w);
    mse_wr_u8(&w->quote, 0);
    assert_status(world_judge(w), MSE_ERR_MALFORMED);
}

static void test_form_v5(void **state)
{
    struct world *w = *state;
    w->tdx_version = 5;
    w->td.is_15 = true;
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = { { 48, 1 }, { 48, 2 }, { 48, 4 }, { 50, 0x48 }, { 53, 1 } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(changes); i++) {
        world_make(w);
        w->quote.data[changes[i].at] = changes[i].value;
        assert_status(world_judge(w), MSE_ERR_MALFORMED);
    }
}

static void test_signatures(void **state)
{
    struct world *w = *state;
    world_make(w);
    w->quote.data[48 + 136] ^= 1; /* MRTD */
    assert_status(world_judge(w), MSE_ERR_QUOTE_SIGNATURE);
    world_make(w);
    w->quote.data[48 + 584 + 4 + 64] ^= 1; /* the attestation key */
    assert_status(world_judge(w), MSE_ERR_AK_BINDING);
    world_make(w);
    w->quote.data[48 + 584 + 4 + 134] ^= 1; /* the QE report */
    assert_status(world_judge(w), MSE_ERR_QE_REPORT_SIGNATURE);
}

/* Collateral of the other kind is not this kind's. */
static void test_collateral_of_sgx(void **state)
{
    struct world *w = *state;
    w->qe_edit = (struct world_edit) { "\"TD_QE\"", "\"QE\"", false };
    world_wants(w, MSE_ERR_QE_IDENTITY_MISMATCH);
    w->qe_edit = (struct world_edit) { "\"TD_QE\"", "\"QVE\"", false };
    world_wants(w, MSE_ERR_QE_IDENTITY_MISMATCH);
    (void)world_defaults_tdx(state);
    world_make(w);
    static struct mse_build tdx_quote;
    mse_build_heap(&tdx_quote, 65536);
    mse_wr_bytes(&tdx_quote, mse_build_view(&w->quote));
    w->tdx = false;
    world_make(w); /* TCB info and identity for SGX, by the same vendor */
    assert_status(mse_appraise_quote(&w->verdict, mse_build_view(&tdx_quote), &w->collateral,
                                     &w->policy, w->at, NULL),
                  MSE_ERR_TCB_INFO_MISMATCH);
    assert_true(world_failed_with(w, MSE_ERR_QE_IDENTITY_MISMATCH));
    mse_build_clear(&tdx_quote);
}

static void test_module(void **state)
{
    struct world *w = *state;
    w->td.mr_signer_seam[47] = 1;
    world_wants(w, MSE_ERR_TDX_MODULE_MISMATCH);
    (void)world_defaults_tdx(state);
    w->td.seam_attributes = 1ULL << 63;
    world_wants(w, MSE_ERR_TDX_MODULE_MISMATCH);
    /* A mask does not make a debug module good. */
    w->tcb_edit =
        (struct world_edit) { "\"TDX_01\",\"mrsigner\":\"000000000000000000000000000000000"
                              "000000000000000000000000000000000000000000000000000000000000"
                              "000\",\"attributes\":\"0000000000000000\",\"attributesMask\":"
                              "\"FFFFFFFFFFFFFFFF\"",
                              "\"TDX_01\",\"mrsigner\":\"000000000000000000000000000000000"
                              "000000000000000000000000000000000000000000000000000000000000"
                              "000\",\"attributes\":\"0000000000000000\",\"attributesMask\":"
                              "\"0000000000000000\"",
                              false };
    world_wants(w, MSE_ERR_TDX_MODULE_MISMATCH);
}

/* No identity for the version that the report names: refused, whatever the rest says. */
static void test_missing_module_identity(void **state)
{
    struct world *w = *state;
    static const char *const ids[] = { "\"TDX_02\"", "\"TDX_1\"", "\"TDX_001\"", "\"tdx_01\"",
                                       "\"01\"" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(ids); i++) {
        w->tcb_edit = (struct world_edit) { "\"TDX_01\"", ids[i], false };
        world_wants(w, MSE_ERR_TDX_MODULE_MISMATCH);
        assert_int_equal(w->verdict.tcb_status, MSE_TCB_NONE);
    }
    (void)world_defaults_tdx(state);
    w->td.tee_tcb_svn[1] = 0xab;
    world_wants(w, MSE_ERR_TDX_MODULE_MISMATCH);
    assert_string_equal(w->verdict.tdx_module_id, "TDX_AB");
    w->tcb_edit = (struct world_edit) { "\"TDX_01\"", "\"TDX_ab\"", false };
    world_wants(w, MSE_OK);
}

/* Module version 0: "tdxModule" describes it, and the first two components count. */
static void test_module_version_0(void **state)
{
    struct world *w = *state;
    w->td.tee_tcb_svn[1] = 0;
    w->td.tee_tcb_svn[0] = 4;
    world_wants(w, MSE_OK);
    assert_string_equal(w->verdict.tdx_module_id, "");
    w->td.tee_tcb_svn[0] = 3;
    world_wants(w, MSE_ERR_TCB_STATUS);
    assert_int_equal(w->verdict.tcb_status, MSE_TCB_OUT_OF_DATE);
    w->td.tee_tcb_svn[0] = 2;
    world_wants(w, MSE_ERR_TCB_NOT_SUPPORTED);
    w->td.tee_tcb_svn[0] = 4;
    w->td.mr_signer_seam[0] = 1;
    world_wants(w, MSE_ERR_TDX_MODULE_MISMATCH);
}

static void test_levels(void **state)
{
    struct world *w = *state;
    w->td.tee_tcb_svn[2] = 3; /* the second level */
    world_wants(w, MSE_ERR_TCB_STATUS);
    assert_int_equal(w->verdict.platform_tcb_status, MSE_TCB_OUT_OF_DATE);
    w->td.tee_tcb_svn[2] = 2;
    world_wants(w, MSE_ERR_TCB_NOT_SUPPORTED);
    (void)world_defaults_tdx(state);
    w->td.tee_tcb_svn[0] = 4; /* the module's second level */
    world_wants(w, MSE_ERR_TCB_STATUS);
    assert_int_equal(w->verdict.platform_tcb_status, MSE_TCB_UP_TO_DATE);
    assert_int_equal(w->verdict.tdx_module_tcb_status, MSE_TCB_OUT_OF_DATE);
    assert_int_equal(w->verdict.tcb_status, MSE_TCB_OUT_OF_DATE);
    assert_string_equal(w->verdict.advisories[0], "INTEL-SA-00003");
    assert_int_equal(w->verdict.num_platform_advisories, 0);
    w->td.tee_tcb_svn[0] = 2;
    world_wants(w, MSE_ERR_TCB_NOT_SUPPORTED);
    (void)world_defaults_tdx(state);
    w->module_status = MSE_TCB_REVOKED;
    world_wants(w, MSE_ERR_TCB_REVOKED);
    (void)world_defaults_tdx(state);
    w->ext.comp_svn[0] = 2;
    world_wants(w, MSE_ERR_TCB_NOT_SUPPORTED);
}

/* Grace for a module that is out of date counts from its own level's date. */
static void test_grace(void **state)
{
    struct world *w = *state;
    w->td.tee_tcb_svn[0] = 4;
    follow(w);
    w->policy.insecure_any_advisory = true;
    w->policy.grace_reference = MSE_GRACE_TCB_DATE;
    w->policy.grace_days = 306; /* 2025-03-01 to 2026-01-01 */
    world_wants(w, MSE_OK);
    w->policy.grace_days = 305;
    world_wants(w, MSE_ERR_TCB_STATUS);
}

/* TD relaunch: launched under an older module, the current one runs. */
static void test_relaunch(void **state)
{
    struct world *w = *state;
    static const struct {
        uint8_t svn2[3];
        enum mse_tcb_status platform;
        enum mse_tcb_status qe;
        enum mse_tcb_status result;
    } cases[] = {
        { { 5, 1, 4 }, MSE_TCB_UP_TO_DATE, MSE_TCB_UP_TO_DATE, MSE_TCB_TD_RELAUNCH_ADVISED },
        { { 9, 1, 9 },
          MSE_TCB_SW_HARDENING_NEEDED,
          MSE_TCB_UP_TO_DATE,
          MSE_TCB_TD_RELAUNCH_ADVISED },
        { { 5, 1, 4 },
          MSE_TCB_CONFIGURATION_NEEDED,
          MSE_TCB_UP_TO_DATE,
          MSE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED },
        { { 4, 1, 4 }, MSE_TCB_UP_TO_DATE, MSE_TCB_UP_TO_DATE, MSE_TCB_OUT_OF_DATE },
        { { 5, 1, 3 }, MSE_TCB_UP_TO_DATE, MSE_TCB_UP_TO_DATE, MSE_TCB_OUT_OF_DATE },
        { { 4, 0, 4 }, MSE_TCB_UP_TO_DATE, MSE_TCB_UP_TO_DATE, MSE_TCB_TD_RELAUNCH_ADVISED },
        { { 3, 0, 4 }, MSE_TCB_UP_TO_DATE, MSE_TCB_UP_TO_DATE, MSE_TCB_OUT_OF_DATE },
        { { 5, 1, 4 }, MSE_TCB_OUT_OF_DATE, MSE_TCB_UP_TO_DATE, MSE_TCB_OUT_OF_DATE },
        { { 5, 1, 4 }, MSE_TCB_UP_TO_DATE, MSE_TCB_OUT_OF_DATE, MSE_TCB_OUT_OF_DATE },
        { { 5, 1, 4 }, MSE_TCB_UP_TO_DATE, MSE_TCB_REVOKED, MSE_TCB_REVOKED },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        (void)world_defaults_tdx(state);
        w->tdx_version = 5;
        w->td.is_15 = true;
        w->td.tee_tcb_svn[0] = 4;
        w->td.tee_tcb_svn2[0] = cases[i].svn2[0];
        w->td.tee_tcb_svn2[1] = cases[i].svn2[1];
        w->td.tee_tcb_svn2[2] = cases[i].svn2[2];
        w->tcb_status = cases[i].platform;
        w->qe_status = cases[i].qe;
        world_wants(w,
                    cases[i].result == MSE_TCB_REVOKED ? MSE_ERR_TCB_REVOKED : MSE_ERR_TCB_STATUS);
        assert_int_equal(w->verdict.tcb_status, cases[i].result);
    }
    w->policy.accepted_tcb_statuses |= MSE_TCB_BIT(MSE_TCB_TD_RELAUNCH_ADVISED);
    w->policy.insecure_any_advisory = true;
    w->qe_status = MSE_TCB_UP_TO_DATE;
    world_wants(w, MSE_OK);
    w->td.tee_tcb_svn2[1] = 7; /* a module that nobody describes */
    world_wants(w, MSE_ERR_TDX_MODULE_MISMATCH);
}

static void test_attributes(void **state)
{
    struct world *w = *state;
    static const unsigned allowed[] = { 27, 28, 30, 31, 63 };
    for (unsigned bit = 0; bit < 64; bit++) {
        mse_status st = bit == 0 ? MSE_ERR_DEBUG : MSE_ERR_ATTRIBUTES;
        for (size_t i = 0; i < MSE_ARRAY_LEN(allowed); i++) {
            st = bit == allowed[i] ? MSE_OK : st;
        }
        w->td.td_attributes = 1ULL << bit;
        follow(w);
        world_wants(w, st);
    }
    w->td.td_attributes = MSE_TDX_ATTR_DEBUG;
    follow(w);
    w->policy.allow_debug = true;
    world_wants(w, MSE_OK);
    assert_true(w->verdict.debug);
    w->td.td_attributes = MSE_TDX_ATTR_MIGRATABLE;
    follow(w);
    w->policy.insecure_any_attributes = true;
    world_wants(w, MSE_OK);
    assert_waived(&w->verdict, "insecure_any_attributes", MSE_EAR_CONFIGURATION);
    assert_waived(&w->verdict, "insecure_any_attributes", MSE_EAR_RUNTIME_OPAQUE);
}

static void test_xfam(void **state)
{
    struct world *w = *state;
    const uint64_t allowed = 0x6dbe7;
    for (unsigned bit = 2; bit < 64; bit++) {
        w->td.xfam = 3 | 1ULL << bit;
        follow(w);
        world_wants(w, (allowed >> bit & 1) != 0 ? MSE_OK : MSE_ERR_ATTRIBUTES);
    }
    for (uint64_t low = 0; low < 3; low++) {
        w->td.xfam = low;
        follow(w);
        world_wants(w, MSE_ERR_ATTRIBUTES);
    }
}

/* Every reference value: equal passes, another is refused by its own name. */
static void test_reference_values(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *key;
        const char *good; /* of the first octets; the rest is zero */
        size_t len;
        mse_status status;
    } keys[] = {
        { "mr_td", "13", 48, MSE_ERR_MRTD_MISMATCH },
        { "mr_config_id", "14", 48, MSE_ERR_CONFIG_ID_MISMATCH },
        { "mr_owner", "15", 48, MSE_ERR_MROWNER_MISMATCH },
        { "mr_owner_config", "16", 48, MSE_ERR_MROWNER_MISMATCH },
        { "rtmr0", "17", 48, MSE_ERR_RTMR_MISMATCH },
        { "rtmr1", "18", 48, MSE_ERR_RTMR_MISMATCH },
        { "rtmr2", "19", 48, MSE_ERR_RTMR_MISMATCH },
        { "rtmr3", "1a", 48, MSE_ERR_RTMR_MISMATCH },
        { "td_attributes", "00000010", 8, MSE_ERR_TDATTRIBUTES_MISMATCH },
        { "xfam", "e71806", 8, MSE_ERR_XFAM_MISMATCH },
        { "report_data", "1b", 64, MSE_ERR_REPORT_DATA_MISMATCH },
        { "mr_enclave", "", 32, MSE_ERR_MRENCLAVE_MISMATCH }, /* a TD has none: never equal */
        { "mr_signer", "", 32, MSE_ERR_MRSIGNER_MISMATCH },
        { "config_id", "", 64, MSE_ERR_CONFIG_ID_MISMATCH },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(keys); i++) {
        for (int bad = 0; bad < 2; bad++) {
            char hex[129];
            char json[512];
            struct mse_policy read;
            struct mse_error err = { .status = MSE_OK };
            memset(hex, '0', sizeof hex);
            memcpy(hex, keys[i].good, strlen(keys[i].good));
            hex[2 * keys[i].len] = '\0';
            hex[2 * keys[i].len - 1] = bad != 0 ? '1' : '0';
            (void)snprintf(json, sizeof json, "{\"references\":[{\"%s\":\"%s\"}]}", keys[i].key,
                           hex);
            assert_status(mse_policy_parse_json(&read, mse_bytes_str(json), &err), MSE_OK);
            read.references[0].has_fingerprint = true;
            memcpy(read.references[0].fingerprint, w->policy.references[0].fingerprint, 32);
            w->policy.references[0] = read.references[0];
            follow(w);
            bool passes = bad == 0 && keys[i].good[0] != '\0';
            world_wants(w, passes ? MSE_OK : keys[i].status);
        }
    }
}

static void test_fingerprint(void **state)
{
    struct world *w = *state;
    w->policy.references[0].fingerprint[31] ^= 1;
    world_wants(w, MSE_ERR_FINGERPRINT_MISMATCH);
    /* What it covers, and what not. */
    (void)world_defaults_tdx(state);
    uint8_t *const covered[] = { w->td.mr_td,   w->td.rtmr[0], w->td.rtmr[1],
                                 w->td.rtmr[2], w->td.rtmr[3], w->td.mr_config_id };
    for (size_t i = 0; i < MSE_ARRAY_LEN(covered); i++) {
        covered[i][47] ^= 1;
        world_wants(w, MSE_ERR_FINGERPRINT_MISMATCH);
        covered[i][47] ^= 1;
    }
    w->td.td_attributes |= MSE_TDX_ATTR_PKS;
    world_wants(w, MSE_ERR_FINGERPRINT_MISMATCH);
    w->td.td_attributes ^= MSE_TDX_ATTR_PKS;
    w->td.xfam = 3;
    world_wants(w, MSE_ERR_FINGERPRINT_MISMATCH);
    w->td.xfam = 0x618e7;
    w->td.mr_owner[0] ^= 1;
    w->td.report_data[0] ^= 1;
    world_wants(w, MSE_OK);
}

/* The bytes that are hashed, written out once more. */
static void test_fingerprint_bytes(void **state)
{
    (void)state;
    uint8_t in[14 + 6 * 48 + 16] = "mse-fp-tdx-v1";
    uint8_t want_digest[32];
    uint8_t digest[32];
    struct mse_tdx_report r = { .td_attributes = 0x8000000010000001, .xfam = 0x618e7 };
    for (size_t i = 0; i < 48; i++) {
        r.mr_td[i] = in[14 + i] = (uint8_t)i;
        for (size_t k = 0; k < 4; k++) {
            r.rtmr[k][i] = in[14 + 48 * (k + 1) + i] = (uint8_t)(i + k + 1);
        }
        r.mr_config_id[i] = in[14 + 48 * 5 + i] = (uint8_t)(i + 99);
    }
    static const uint8_t tail[16] = { 1, 0, 0, 0x10, 0, 0, 0, 0x80, 0xe7, 0x18, 6 };
    memcpy(in + 14 + (size_t)6 * 48, tail, sizeof tail);
    assert_status(mse_sha256(want_digest, mse_bytes_of(in, sizeof in)), MSE_OK);
    assert_status(mse_tdx_fingerprint(digest, &r), MSE_OK);
    assert_memory_equal(digest, want_digest, 32);
}

/* MRTD alone is the firmware: it says nothing of the app. */
static void test_what_identifies(void **state)
{
    struct world *w = *state;
    struct mse_reference r = { .has_mr_td = true, .mr_td = { 0x13 } };
    w->policy.references[0] = r;
    world_wants(w, MSE_ERR_NOTHING_IDENTIFIES);
    r.has_rtmr0 = true;
    r.rtmr0[0] = 0x17;
    w->policy.references[0] = r;
    world_wants(w, MSE_ERR_NOTHING_IDENTIFIES);
    r.has_rtmr2 = true;
    r.rtmr2[0] = 0x19;
    w->policy.references[0] = r;
    world_wants(w, MSE_OK);
    /* A set for SGX does not identify a TD, nor the other way round. */
    struct mse_reference sgx = { .has_mr_enclave = true };
    w->policy.references[0] = sgx;
    world_wants(w, MSE_ERR_NOTHING_IDENTIFIES);
    (void)world_defaults(state);
    w->policy.references[0] = r;
    world_wants(w, MSE_ERR_NOTHING_IDENTIFIES);
    r.has_mr_enclave = true;
    r.mr_enclave[0] = 0x11;
    w->policy.references[0] = r;
    world_wants(w, MSE_ERR_MRTD_MISMATCH);
    /* The fingerprint of an enclave is its MRENCLAVE. */
    struct mse_reference fp = { .has_fingerprint = true, .fingerprint = { 0x11 } };
    w->policy.references[0] = fp;
    world_wants(w, MSE_OK);
    w->policy.references[0].fingerprint[1] = 1;
    world_wants(w, MSE_ERR_MRENCLAVE_MISMATCH);
}

static void test_printing(void **state)
{
    struct world *w = *state;
    static char text[65536];
    w->tdx_version = 5;
    w->td.is_15 = true;
    world_wants(w, MSE_OK);
    assert_status(mse_verdict_to_text(text, sizeof text, &w->verdict), MSE_OK);
    assert_non_null(strstr(text, "tdx quote v5"));
    assert_non_null(strstr(text, "RTMR3"));
    assert_non_null(strstr(text, "TDX module TDX_01 UpToDate"));
    assert_non_null(strstr(text, "MRSERVICETD"));
    assert_status(mse_verdict_to_json(text, sizeof text, &w->verdict), MSE_OK);
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "tee")), "tdx");
    const json_t *m = json_object_get(j, "measurements");
    char hex[65];
    mse_hex_encode(hex, mse_bytes_of(w->policy.references[0].fingerprint, 32));
    assert_string_equal(json_string_value(json_object_get(m, "fingerprint")), hex);
    assert_string_equal(json_string_value(json_object_get(m, "tdattributes")), "0000001000000000");
    assert_string_equal(json_string_value(json_object_get(m, "xfam")), "e718060000000000");
    assert_string_equal(json_string_value(json_object_get(m, "td_report")), "1.5");
    assert_null(json_object_get(m, "mrenclave"));
    const json_t *tcb = json_object_get(j, "tcb");
    assert_string_equal(json_string_value(json_object_get(tcb, "tdx_module")), "TDX_01");
    json_decref(j);
}

static void test_report_data(void **state)
{
    struct world *w = *state;
    uint8_t data[64];
    world_make(w);
    assert_status(mse_quote_report_data(data, mse_build_view(&w->quote), NULL), MSE_OK);
    assert_memory_equal(data, w->td.report_data, 64);
    w->quote.len--;
    assert_status(mse_quote_report_data(data, mse_build_view(&w->quote), NULL), MSE_ERR_MALFORMED);
    (void)world_defaults(state);
    world_make(w);
    assert_status(mse_quote_report_data(data, mse_build_view(&w->quote), NULL), MSE_OK);
    assert_memory_equal(data, w->body.report_data, 64);
}

#define TEST(f) cmocka_unit_test_setup(f, world_defaults_tdx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_healthy),
        TEST(test_kinds_are_kept_apart),
        TEST(test_form),
        TEST(test_form_v5),
        TEST(test_signatures),
        TEST(test_collateral_of_sgx),
        TEST(test_module),
        TEST(test_missing_module_identity),
        TEST(test_module_version_0),
        TEST(test_levels),
        TEST(test_grace),
        TEST(test_relaunch),
        TEST(test_attributes),
        TEST(test_xfam),
        TEST(test_reference_values),
        TEST(test_fingerprint),
        TEST(test_fingerprint_bytes),
        TEST(test_what_identifies),
        TEST(test_printing),
        TEST(test_report_data),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
