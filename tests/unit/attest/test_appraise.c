/* SPDX-License-Identifier: Apache-2.0 */
/* Every refusal of the SGX appraisal, provoked alone and named. */
#include "lib/refusal.h"
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "world.h"

static void test_healthy(void **state)
{
    struct world *w = *state;
    mse_status st = world_appraise(w);
    assert_string_equal(w->err.text, "");
    assert_status(st, MSE_OK);
    assert_null(mse_verdict_failure(&w->verdict));
    assert_true(w->verdict.simulated && w->verdict.signatures_ok && w->verdict.has_pck);
    assert_true(w->verdict.pck_ca_is_platform);
    assert_int_equal(w->verdict.tcb_status, MSE_TCB_UP_TO_DATE);
    assert_int_equal(w->verdict.tcb_evaluation_number, 17);
    assert_int_equal(w->verdict.reference_index, 0);
    assert_int_equal(w->verdict.valid_from, WORLD_NOW - WORLD_DAY);
    assert_int_equal(w->verdict.valid_until, WORLD_NOW + 29 * WORLD_DAY);
    w->signing_root = false;
    assert_status(world_appraise(w), MSE_OK);
    w->chain[1] = WORLD_ROOT;
    w->chain[2] = WORLD_CA;
    assert_status(world_appraise(w), MSE_OK);
}

/* Nothing may pass under a policy of zeros. */
static void test_zeroed_policy(void **state)
{
    struct world *w = *state;
    struct mse_policy zero = { .accepted_tcb_statuses = 0 };
    w->policy = zero;
    world_wants(w, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    assert_true(world_failed_with(w, MSE_ERR_TCB_STATUS));
    assert_true(world_failed_with(w, MSE_ERR_NOTHING_IDENTIFIES));
}

static void test_senseless_policy(void **state)
{
    struct world *w = *state;
    w->policy.accepted_tcb_statuses |= MSE_TCB_BIT(MSE_TCB_REVOKED);
    world_wants(w, MSE_ERR_POLICY);
    (void)world_defaults(state);
    w->policy.num_references = MSE_MAX_REFERENCES + 1;
    world_wants(w, MSE_ERR_POLICY);
    (void)world_defaults(state);
    w->policy.max_collateral_age = 30 * WORLD_DAY;
    world_wants(w, MSE_ERR_POLICY);
}

static void test_form(void **state)
{
    struct world *w = *state;
    world_make(w);
    w->quote.data[0] = 2;
    assert_status(world_judge(w), MSE_ERR_UNSUPPORTED_VERSION);
    w->quote.data[0] = 3;
    w->quote.len--;
    assert_status(world_judge(w), MSE_ERR_MALFORMED);
    assert_int_equal(w->verdict.tcb_status, MSE_TCB_NONE);
    for (size_t i = 0; i < w->verdict.num_checks; i++) {
        assert_true(w->verdict.checks[i].step == MSE_STEP_FORM || w->verdict.checks[i].skipped);
    }
}

/* Certification data without a chain: only with the right size, and only with a chain beside. */
static void test_certification_data(void **state)
{
    struct world *w = *state;
    static const uint16_t types[] = { 1, 2, 3, 4, 6, 7 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(types); i++) {
        w->cert_type = types[i];
        world_wants(w, MSE_ERR_UNSUPPORTED_CERT_TYPE);
        w->collateral.pck_cert_chain = mse_build_view(&w->chain_pem);
        assert_status(world_judge(w), MSE_ERR_UNSUPPORTED_CERT_TYPE);
    }
}

static void test_chain_shape(void **state)
{
    struct world *w = *state;
    w->chain_len = 2;
    world_wants(w, MSE_ERR_PCK_CHAIN_MALFORMED);
    w->chain[1] = WORLD_ROOT;
    world_wants(w, MSE_ERR_PCK_CHAIN_SIGNATURE);
    w->chain[0] = WORLD_CA;
    world_wants(w, MSE_ERR_PCK_EXTENSION_MISSING);
    w->chain_len = 0;
    world_wants(w, MSE_ERR_MALFORMED);
    w->chain_len = 4;
    w->chain[0] = WORLD_PCK;
    w->chain[1] = WORLD_CA;
    w->chain[3] = WORLD_ROOT;
    world_wants(w, MSE_ERR_PCK_CHAIN_MALFORMED);
    assert_false(w->verdict.signatures_ok);
}

static void test_chain_signatures(void **state)
{
    struct world *w = *state;
    static const enum world_cert members[] = { WORLD_ROOT, WORLD_CA, WORLD_PCK };
    for (size_t i = 0; i < MSE_ARRAY_LEN(members); i++) {
        bool root = members[i] == WORLD_ROOT; /* the right key in a certificate that is not its */
        mse_status st = root ? MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED : MSE_ERR_PCK_CHAIN_SIGNATURE;
        (void)world_defaults(state);
        w->certs[members[i]].issuer_key = w->keys[WORLD_KEY_OTHER];
        world_wants(w, st);
        (void)world_defaults(state);
        w->certs[members[i]].issuer_cn = "Somebody Else";
        world_wants(w, st);
    }
}

static void test_chain_profile(void **state)
{
    struct world *w = *state;
    w->certs[WORLD_CA].path_len = MSE_SIM_NOT_A_CA;
    world_wants(w, MSE_ERR_PCK_CHAIN_MALFORMED);
    (void)world_defaults(state);
    w->certs[WORLD_ROOT].path_len = 0;
    world_wants(w, MSE_ERR_PCK_CHAIN_MALFORMED);
    (void)world_defaults(state);
    w->certs[WORLD_PCK].path_len = 0;
    world_wants(w, MSE_ERR_PCK_EXTENSION_MISSING);
}

static void test_chain_dates(void **state)
{
    struct world *w = *state;
    for (int i = WORLD_ROOT; i <= WORLD_PCK; i++) {
        (void)world_defaults(state);
        w->certs[i].not_after = WORLD_NOW - 1;
        world_wants(w, MSE_ERR_PCK_CHAIN_EXPIRED);
        w->certs[i].not_after = WORLD_NOW;
        assert_status(world_appraise(w), MSE_OK);
        w->certs[i].not_after = WORLD_NOW + WORLD_DAY;
        w->certs[i].not_before = WORLD_NOW + 1;
        world_wants(w, MSE_ERR_PCK_CHAIN_NOT_YET_VALID);
    }
}

static void test_root(void **state)
{
    struct world *w = *state;
    w->policy.simulation_root[5] ^= 1;
    world_wants(w, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    assert_true(world_failed_with(w, MSE_ERR_TCB_INFO_CHAIN_ROOT_UNTRUSTED));
    (void)world_defaults(state);
    w->policy.allow_simulation = false;
    world_wants(w, MSE_ERR_SIMULATION);
    memset(w->policy.simulation_root, 0, 64);
    world_wants(w, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    assert_true(w->verdict.simulated);
}

static void test_extension(void **state)
{
    struct world *w = *state;
    static const uint8_t broken[] = { 0x30, 0x03, 0x02, 0x01, 0x01 };
    w->certs[WORLD_PCK].sgx = mse_bytes_of(broken, sizeof broken);
    world_wants(w, MSE_ERR_PCK_CHAIN_MALFORMED);
    assert_int_equal(mse_verdict_failure(&w->verdict)->step, MSE_STEP_PCK_EXTENSION);
    assert_false(w->verdict.has_pck);
}

static void test_pck_crl(void **state)
{
    struct world *w = *state;
    w->pck_crl_revokes = WORLD_PCK;
    world_wants(w, MSE_ERR_PCK_REVOKED);
    w->pck_crl_revokes = WORLD_CA;
    assert_status(world_appraise(w), MSE_OK);
    w->pck_crl.issuer_cn = "Somebody Else";
    world_wants(w, MSE_ERR_PCK_CRL_ISSUER_MISMATCH);
    (void)world_defaults(state);
    w->pck_crl.issuer_key = w->keys[WORLD_KEY_OTHER];
    world_wants(w, MSE_ERR_PCK_CRL_SIGNATURE);
    (void)world_defaults(state);
    w->pck_crl.next_update = WORLD_NOW - 1;
    world_wants(w, MSE_ERR_PCK_CRL_EXPIRED);
    w->pck_crl.next_update = WORLD_NOW;
    assert_status(world_appraise(w), MSE_OK);
    w->pck_crl.this_update = WORLD_NOW + 1;
    w->pck_crl.next_update = WORLD_NOW + 2;
    world_wants(w, MSE_ERR_PCK_CRL_NOT_YET_VALID);
    w->collateral.pck_crl.len = 0;
    assert_status(world_judge(w), MSE_ERR_PCK_CRL_MISSING);
    w->collateral.pck_crl.len = 20;
    assert_status(world_judge(w), MSE_ERR_PCK_CRL_MALFORMED);
}

static void test_root_crl(void **state)
{
    struct world *w = *state;
    w->root_crl_revokes = WORLD_CA;
    world_wants(w, MSE_ERR_INTERMEDIATE_REVOKED);
    w->root_crl_revokes = WORLD_TCB;
    world_wants(w, MSE_ERR_TCB_INFO_CHAIN_REVOKED);
    assert_true(world_failed_with(w, MSE_ERR_QE_IDENTITY_CHAIN_REVOKED));
    (void)world_defaults(state);
    w->root_crl.issuer_cn = "Somebody Else";
    world_wants(w, MSE_ERR_ROOT_CRL_ISSUER_MISMATCH);
    (void)world_defaults(state);
    w->root_crl.issuer_key = w->keys[WORLD_KEY_OTHER];
    world_wants(w, MSE_ERR_ROOT_CRL_SIGNATURE);
    (void)world_defaults(state);
    w->root_crl.next_update = WORLD_NOW - 1;
    world_wants(w, MSE_ERR_ROOT_CRL_EXPIRED);
    w->root_crl.this_update = WORLD_NOW + 1;
    w->root_crl.next_update = WORLD_NOW + 2;
    world_wants(w, MSE_ERR_ROOT_CRL_NOT_YET_VALID);
    w->collateral.root_ca_crl.len = 0;
    assert_status(world_judge(w), MSE_ERR_ROOT_CRL_MISSING);
    w->collateral.root_ca_crl.len = 20;
    assert_status(world_judge(w), MSE_ERR_ROOT_CRL_MALFORMED);
}

static void test_signing_chain(void **state)
{
    struct world *w = *state;
    w->certs[WORLD_TCB].issuer_key = w->keys[WORLD_KEY_OTHER];
    world_wants(w, MSE_ERR_TCB_INFO_CHAIN_SIGNATURE);
    assert_true(world_failed_with(w, MSE_ERR_QE_IDENTITY_CHAIN_SIGNATURE));
    w->signing_root = false;
    world_wants(w, MSE_ERR_TCB_INFO_CHAIN_SIGNATURE);
    (void)world_defaults(state);
    w->signing_root = false;
    w->certs[WORLD_TCB].issuer_cn = "Another root of the same key";
    world_wants(w, MSE_ERR_TCB_INFO_CHAIN_SIGNATURE);
    assert_true(world_failed_with(w, MSE_ERR_QE_IDENTITY_CHAIN_SIGNATURE));
    (void)world_defaults(state);
    w->certs[WORLD_TCB].path_len = 0;
    world_wants(w, MSE_ERR_TCB_INFO_CHAIN_MALFORMED);
    (void)world_defaults(state);
    w->certs[WORLD_TCB].not_after = WORLD_NOW - 1;
    world_wants(w, MSE_ERR_TCB_INFO_CHAIN_EXPIRED);
    assert_true(world_failed_with(w, MSE_ERR_QE_IDENTITY_CHAIN_EXPIRED));
    (void)world_defaults(state);
    w->certs[WORLD_TCB].not_before = WORLD_NOW + 1;
    world_wants(w, MSE_ERR_TCB_INFO_CHAIN_NOT_YET_VALID);
    assert_true(world_failed_with(w, MSE_ERR_QE_IDENTITY_CHAIN_NOT_YET_VALID));
    (void)world_defaults(state);
    world_make(w);
    w->collateral.tcb_info_issuer_chain.len -= 40;
    assert_status(world_judge(w), MSE_ERR_TCB_INFO_CHAIN_MALFORMED);
    world_make(w);
    w->collateral.qe_identity_issuer_chain.len -= 40;
    assert_status(world_judge(w), MSE_ERR_QE_IDENTITY_CHAIN_MALFORMED);
}

/* A signing chain of another root, which the policy does not name. */
static void test_mixed_roots(void **state)
{
    struct world *w = *state;
    w->certs[WORLD_TCB].issuer_key = w->keys[WORLD_KEY_OTHER];
    world_make(w);
    static uint8_t other[32768];
    struct mse_build pem;
    mse_build_fixed(&pem, other, sizeof other);
    mse_pem_write(&pem, "CERTIFICATE", mse_build_view(&w->der[WORLD_TCB]));
    w->certs[WORLD_ROOT].key = w->keys[WORLD_KEY_OTHER];
    w->certs[WORLD_ROOT].issuer_key = w->keys[WORLD_KEY_OTHER];
    struct mse_build root;
    mse_build_heap(&root, MSE_SIM_MAX_DER);
    assert_status(mse_sim_cert_make(&root, &w->certs[WORLD_ROOT]), MSE_OK);
    mse_pem_write(&pem, "CERTIFICATE", mse_build_view(&root));
    mse_build_clear(&root);
    w->collateral.tcb_info_issuer_chain = mse_build_view(&pem);
    w->collateral.qe_identity_issuer_chain = mse_build_view(&pem);
    assert_status(world_judge(w), MSE_ERR_TCB_INFO_CHAIN_ROOT_UNTRUSTED);
    assert_true(world_failed_with(w, MSE_ERR_QE_IDENTITY_CHAIN_ROOT_UNTRUSTED));
}

static void edit_tcb(struct world *w, const char *from, const char *to, bool after)
{
    struct world_edit e = { from, to, after };
    (void)world_defaults((void **)&w);
    w->tcb_edit = e;
}

static void edit_qe(struct world *w, const char *from, const char *to, bool after)
{
    struct world_edit e = { from, to, after };
    (void)world_defaults((void **)&w);
    w->qe_edit = e;
}

static void test_tcb_info(void **state)
{
    struct world *w = *state;
    edit_tcb(w, "UpToDate", "UpToDate ", true);
    world_wants(w, MSE_ERR_TCB_INFO_SIGNATURE);
    edit_tcb(w, "\"version\":3", "\"version\": 3", true);
    world_wants(w, MSE_ERR_TCB_INFO_SIGNATURE);
    edit_tcb(w, "\"version\":3", "\"version\":4", false);
    world_wants(w, MSE_ERR_TCB_INFO_UNSUPPORTED_VERSION);
    edit_tcb(w, "\"fmspc\"", "\"fmspd\"", false);
    world_wants(w, MSE_ERR_TCB_INFO_MALFORMED);
    edit_tcb(w, "00606A000001", "00606A000002", false);
    world_wants(w, MSE_ERR_TCB_INFO_MISMATCH);
    edit_tcb(w, "\"pceId\":\"0000\"", "\"pceId\":\"0001\"", false);
    world_wants(w, MSE_ERR_TCB_INFO_MISMATCH);
    edit_tcb(w, "2026-01-30", "2025-12-31", false);
    world_wants(w, MSE_ERR_TCB_INFO_EXPIRED);
    edit_tcb(w, "2025-12-31", "2026-01-02", false);
    world_wants(w, MSE_ERR_TCB_INFO_NOT_YET_VALID);
    (void)world_defaults(state);
    world_make(w);
    w->collateral.tcb_info.len = 0;
    assert_status(world_judge(w), MSE_ERR_TCB_INFO_MISSING);
    world_make(w);
    w->collateral.tcb_info_signature.len = 63;
    assert_status(world_judge(w), MSE_ERR_TCB_INFO_MISSING);
}

static void test_qe_identity(void **state)
{
    struct world *w = *state;
    edit_qe(w, "UpToDate", "UpToDate ", true);
    world_wants(w, MSE_ERR_QE_IDENTITY_SIGNATURE);
    edit_qe(w, "\"version\":2", "\"version\":3", false);
    world_wants(w, MSE_ERR_QE_IDENTITY_UNSUPPORTED_VERSION);
    edit_qe(w, "\"mrsigner\"", "\"mrsignor\"", false);
    world_wants(w, MSE_ERR_QE_IDENTITY_MALFORMED);
    edit_qe(w, "2026-01-30", "2025-12-31", false);
    world_wants(w, MSE_ERR_QE_IDENTITY_EXPIRED);
    edit_qe(w, "2025-12-31", "2026-01-02", false);
    world_wants(w, MSE_ERR_QE_IDENTITY_NOT_YET_VALID);
    edit_qe(w, "\"id\":\"QE\"", "\"id\":\"QVE\"", false);
    world_wants(w, MSE_ERR_QE_IDENTITY_MISMATCH);
    (void)world_defaults(state);
    world_make(w);
    w->collateral.qe_identity_issuer_chain.len = 0;
    assert_status(world_judge(w), MSE_ERR_QE_IDENTITY_MISSING);
}

/* The QE report against the identity, with masks on both sides. */
static void test_qe_match(void **state)
{
    struct world *w = *state;
    w->qe.mr_signer[31] = 1;
    world_wants(w, MSE_ERR_QE_IDENTITY_MISMATCH);
    (void)world_defaults(state);
    w->qe.isv_prod_id = 2;
    world_wants(w, MSE_ERR_QE_IDENTITY_MISMATCH);
    (void)world_defaults(state);
    w->qe.misc_select = 1;
    world_wants(w, MSE_ERR_QE_IDENTITY_MISMATCH);
    (void)world_defaults(state);
    w->qe.attr_flags |= MSE_SGX_FLAG_DEBUG;
    world_wants(w, MSE_ERR_QE_IDENTITY_MISMATCH);
    (void)world_defaults(state);
    w->qe.attr_flags |= MSE_SGX_FLAG_MODE64BIT;
    w->qe.attr_xfrm = 0xe7;
    assert_status(world_appraise(w), MSE_OK);
}

static void test_signatures(void **state)
{
    struct world *w = *state;
    static const struct {
        size_t at;
        mse_status st;
    } flips[] = {
        { 30, MSE_ERR_QUOTE_SIGNATURE },      /* header */
        { 48 + 64, MSE_ERR_QUOTE_SIGNATURE }, /* MRENCLAVE */
        { 436, MSE_ERR_QUOTE_SIGNATURE },     /* signature */
        { 436 + 64, MSE_ERR_AK_BINDING },     /* attestation key */
        { 436 + 128, MSE_ERR_QE_REPORT_SIGNATURE },
        { 436 + 128 + 384, MSE_ERR_QE_REPORT_SIGNATURE },
        { 436 + 128 + 384 + 64 + 2, MSE_ERR_AK_BINDING }, /* authentication data */
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(flips); i++) {
        world_make(w);
        w->quote.data[flips[i].at] ^= 0x40;
        assert_status(world_judge(w), flips[i].st);
        assert_false(w->verdict.signatures_ok);
    }
}

static void test_tcb_levels(void **state)
{
    struct world *w = *state;
    w->ext.comp_svn[7] = 3;
    w->ext.pce_svn = 10;
    world_wants(w, MSE_ERR_TCB_STATUS);
    assert_int_equal(w->verdict.tcb_status, MSE_TCB_OUT_OF_DATE);
    assert_string_equal(w->verdict.advisories[0], "INTEL-SA-00001");
    w->ext.pce_svn = 9;
    world_wants(w, MSE_ERR_TCB_NOT_SUPPORTED);
    (void)world_defaults(state);
    w->ext.pce_svn = 10;
    world_wants(w, MSE_ERR_TCB_STATUS);
    (void)world_defaults(state);
    w->ext.comp_svn[0] = 2;
    world_wants(w, MSE_ERR_TCB_NOT_SUPPORTED);
    (void)world_defaults(state);
    w->qe.isv_svn = 5;
    world_wants(w, MSE_ERR_TCB_NOT_SUPPORTED);
    assert_int_equal(w->verdict.tcb_status, MSE_TCB_NONE);
}

static void test_status(void **state)
{
    struct world *w = *state;
    w->tcb_status = MSE_TCB_SW_HARDENING_NEEDED;
    w->qe_status = MSE_TCB_OUT_OF_DATE;
    world_wants(w, MSE_ERR_TCB_STATUS);
    assert_int_equal(w->verdict.tcb_status, MSE_TCB_OUT_OF_DATE);
    assert_int_equal(w->verdict.num_advisories, 2);
    assert_int_equal(w->verdict.num_platform_advisories, 1);
    assert_string_equal(mse_verdict_failure(&w->verdict)->policy_key, "accepted_tcb_statuses");
    w->policy.accepted_tcb_statuses |= MSE_TCB_BIT(MSE_TCB_OUT_OF_DATE);
    world_wants(w, MSE_ERR_TCB_ADVISORY);
    w->policy.num_accepted_advisories = 2;
    (void)snprintf(w->policy.accepted_advisories[0], MSE_ADVISORY_LEN, "INTEL-SA-00001");
    (void)snprintf(w->policy.accepted_advisories[1], MSE_ADVISORY_LEN, "INTEL-SA-0000");
    world_wants(w, MSE_ERR_TCB_ADVISORY);
    (void)snprintf(w->policy.accepted_advisories[1], MSE_ADVISORY_LEN, "INTEL-SA-00002");
    assert_status(world_appraise(w), MSE_OK);
    w->qe_status = MSE_TCB_REVOKED;
    w->policy.insecure_any_advisory = true;
    world_wants(w, MSE_ERR_TCB_REVOKED);
}

static void test_grace(void **state)
{
    struct world *w = *state;
    w->tcb_status = MSE_TCB_OUT_OF_DATE; /* tcbDate 2025-04-01: 275 days ago */
    w->policy.insecure_any_advisory = true;
    w->policy.grace_reference = MSE_GRACE_TCB_DATE;
    w->policy.grace_days = 274;
    world_wants(w, MSE_ERR_TCB_STATUS);
    w->policy.grace_days = 275;
    assert_status(world_appraise(w), MSE_OK);
    assert_waived(&w->verdict, "grace_days", MSE_EAR_HARDWARE);
    assert_waived(&w->verdict, "insecure_any_advisory", MSE_EAR_HARDWARE);
    w->policy.grace_reference = MSE_GRACE_ISSUE_DATE;
    w->policy.grace_days = 1;
    assert_status(world_appraise(w), MSE_OK);
    w->at = WORLD_NOW + 1;
    world_wants(w, MSE_ERR_TCB_STATUS);
    w->at = WORLD_NOW;
    w->tcb_status = MSE_TCB_CONFIGURATION_NEEDED;
    world_wants(w, MSE_ERR_TCB_STATUS);
    w->tcb_status = MSE_TCB_REVOKED;
    world_wants(w, MSE_ERR_TCB_REVOKED);
    w->tcb_status = MSE_TCB_UP_TO_DATE;
    w->policy.grace_reference = MSE_GRACE_NONE;
    world_wants(w, MSE_ERR_POLICY);
}

static void test_numbers_and_dates(void **state)
{
    struct world *w = *state;
    w->policy.min_tcb_evaluation_number = 18;
    world_wants(w, MSE_ERR_TCB_EVALUATION_NUMBER);
    edit_qe(w, "Number\":17", "Number\":18", false);
    world_wants(w, MSE_ERR_TCB_EVALUATION_MIXED);
    w->policy.allow_mixed_evaluation_numbers = true;
    assert_status(world_appraise(w), MSE_OK);
    assert_waived(&w->verdict, "allow_mixed_evaluation_numbers", MSE_EAR_HARDWARE);
    (void)world_defaults(state);
    w->policy.has_min_tcb_date = true;
    w->policy.min_tcb_date = w->verdict.tcb_date;
    assert_status(world_appraise(w), MSE_OK);
    w->policy.min_tcb_date++;
    world_wants(w, MSE_ERR_TCB_DATE);
    edit_tcb(w, "2025-12-31", "2025-11-30", false);
    w->policy.max_collateral_age = 32 * WORLD_DAY;
    assert_status(world_appraise(w), MSE_OK);
    w->policy.max_collateral_age = 31 * WORLD_DAY;
    world_wants(w, MSE_ERR_COLLATERAL_AGE);
}

static void test_attributes(void **state)
{
    struct world *w = *state;
    w->body.attr_flags |= MSE_SGX_FLAG_DEBUG;
    world_wants(w, MSE_ERR_DEBUG);
    w->policy.allow_debug = true;
    assert_status(world_appraise(w), MSE_OK);
    assert_waived(&w->verdict, "allow_debug", MSE_EAR_CONFIGURATION);
    static const uint64_t bad[] = { 0, MSE_SGX_FLAG_INIT, MSE_SGX_FLAG_MODE64BIT, 0x15, 0x25 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        w->body.attr_flags = bad[i];
        w->policy.insecure_any_attributes = false;
        world_wants(w, MSE_ERR_ATTRIBUTES);
        w->policy.insecure_any_attributes = true;
        assert_status(world_appraise(w), MSE_OK);
        assert_waived(&w->verdict, "insecure_any_attributes", MSE_EAR_CONFIGURATION);
    }
}

static void test_sample_signer(void **state)
{
    struct world *w = *state;
    assert_true(mse_hex_decode(
        w->body.mr_signer, 32,
        mse_bytes_str("83d719e77deaca1470f6baf62a4d774303c899db69020f9c70ee1dfc08c7ce9e")));
    memcpy(w->policy.references[0].mr_signer, w->body.mr_signer, 32);
    world_wants(w, MSE_ERR_SAMPLE_SIGNER);
    w->policy.allow_sample_signer = true;
    assert_status(world_appraise(w), MSE_OK);
    assert_waived(&w->verdict, "allow_sample_signer", MSE_EAR_EXECUTABLES);
}

static void test_references(void **state)
{
    struct world *w = *state;
    struct mse_reference *r = &w->policy.references[0];
    w->body.mr_enclave[0] ^= 1;
    world_wants(w, MSE_ERR_MRENCLAVE_MISMATCH);
    w->body.mr_enclave[0] ^= 1;
    w->body.mr_signer[0] ^= 1;
    world_wants(w, MSE_ERR_MRSIGNER_MISMATCH);
    w->body.mr_signer[0] ^= 1;
    r->has_isv_prod_id = true;
    r->isv_prod_id = 8;
    world_wants(w, MSE_ERR_ISVPRODID_MISMATCH);
    r->isv_prod_id = 7;
    r->has_min_isv_svn = true;
    r->min_isv_svn = 6;
    world_wants(w, MSE_ERR_ISVSVN_TOO_LOW);
    r->min_isv_svn = 5;
    r->has_config_id = true;
    world_wants(w, MSE_ERR_CONFIG_ID_MISMATCH);
    r->config_id[0] = 0x33;
    r->has_report_data = true;
    world_wants(w, MSE_ERR_REPORT_DATA_MISMATCH);
    r->report_data[0] = 0x44;
    assert_status(world_appraise(w), MSE_OK);
}

/* One of several sets is enough; a set that names no enclave counts for nothing. */
static void test_reference_sets(void **state)
{
    struct world *w = *state;
    struct mse_reference other = { .has_mr_enclave = true, .mr_enclave = { 9 } };
    struct mse_reference vague = { .has_isv_prod_id = true, .isv_prod_id = 7 };
    struct mse_reference empty = { .has_mr_enclave = false };
    w->policy.references[1] = w->policy.references[0];
    w->policy.references[0] = other;
    w->policy.num_references = 2;
    assert_status(world_appraise(w), MSE_OK);
    assert_int_equal(w->verdict.reference_index, 1);
    w->policy.references[0] = vague;
    w->policy.references[1] = empty;
    world_wants(w, MSE_ERR_NOTHING_IDENTIFIES);
    w->policy.insecure_any_app = true;
    assert_status(world_appraise(w), MSE_OK);
    assert_int_not_equal(w->verdict.reference_index, SIZE_MAX);
    assert_waived(&w->verdict, "insecure_any_app", MSE_EAR_EXECUTABLES);
    w->policy.num_references = 0;
    assert_status(world_appraise(w), MSE_OK);
    assert_waived(&w->verdict, "insecure_any_app", MSE_EAR_EXECUTABLES);
    w->policy.insecure_any_app = false;
    world_wants(w, MSE_ERR_NOTHING_IDENTIFIES);
}

static void test_machines(void **state)
{
    struct world *w = *state;
    struct mse_machine m = { .id = { 0x66, 2 }, .len = 16 };
    w->policy.allowed_machines[0] = m;
    w->policy.num_allowed_machines = 1;
    world_wants(w, MSE_ERR_MACHINE_NOT_ALLOWED);
    w->policy.allowed_machines[0].id[1] = 1; /* the PPID */
    assert_status(world_appraise(w), MSE_OK);
    w->policy.allowed_machines[0].len = 32;
    world_wants(w, MSE_ERR_MACHINE_NOT_ALLOWED);
    assert_status(
        mse_sha256(w->policy.allowed_machines[0].id, mse_bytes_of(w->ext.platform_instance_id, 16)),
        MSE_OK);
    assert_status(world_appraise(w), MSE_OK);
    struct mse_machine zero = { .len = 16 };
    w->policy.allowed_machines[0] = zero;
    memset(w->ext.ppid, 0, 16);
    world_wants(w, MSE_ERR_MACHINE_NOT_ALLOWED);
    (void)world_defaults(state);
    w->policy.num_allowed_fmspc = 1;
    world_wants(w, MSE_ERR_FMSPC_NOT_ALLOWED);
    memcpy(w->policy.allowed_fmspc[0], w->ext.fmspc, 6);
    assert_status(world_appraise(w), MSE_OK);
}

/* A level that is demanded and that nobody proved is a refusal. */
static void test_level(void **state)
{
    struct world *w = *state;
    w->policy.require_level = 2;
    world_wants(w, MSE_ERR_LEVEL);
    mse_verdict_set_level(&w->verdict, 1, &w->policy);
    assert_status(w->verdict.status, MSE_ERR_LEVEL);
    mse_verdict_set_level(&w->verdict, 2, &w->policy);
    assert_status(w->verdict.status, MSE_OK);
    assert_true(w->verdict.accepted);
    assert_int_equal(w->verdict.binding_level, 2);
}

/* Verification is of the exact inputs: Intel's root is refused where only the simulated one is
 * trusted, and the other way round. */
static void test_simulation_only(void **state)
{
    struct world *w = *state;
    w->policy.simulation_only = true;
    assert_status(world_appraise(w), MSE_OK);
    w->policy.allow_simulation = false;
    world_wants(w, MSE_ERR_POLICY);
}

static void test_tools(void **state)
{
    struct world *w = *state;
    const uint8_t *root = w->policy.simulation_root;
    world_make(w);
    struct mse_bytes chain = mse_build_view(&w->signing_pem);
    struct mse_bytes body = mse_build_view(&w->tcb_body);
    assert_status(mse_verify_signed_json(body, w->tcb_sig, chain, "tcbInfo", root, WORLD_NOW, NULL),
                  MSE_OK);
    assert_status(
        mse_verify_signed_json(body, w->tcb_sig, chain, "signature", root, WORLD_NOW, NULL),
        MSE_ERR_ARGUMENT);
    assert_status(mse_verify_signed_json(body, w->qe_sig, chain, "tcbInfo", root, WORLD_NOW, NULL),
                  MSE_ERR_TCB_INFO_SIGNATURE);
    assert_status(mse_verify_signed_json(body, w->tcb_sig, chain, "enclaveIdentity",
                                         mse_intel_root_point(), WORLD_NOW, NULL),
                  MSE_ERR_QE_IDENTITY_CHAIN_ROOT_UNTRUSTED);
    static uint8_t pem[32768];
    struct mse_build issuers;
    mse_build_fixed(&issuers, pem, sizeof pem);
    mse_pem_write(&issuers, "CERTIFICATE", mse_build_view(&w->der[WORLD_CA]));
    mse_pem_write(&issuers, "CERTIFICATE", mse_build_view(&w->der[WORLD_ROOT]));
    struct mse_bytes leaf = mse_build_view(&w->der[WORLD_PCK]);
    struct mse_bytes crl = mse_build_view(&w->pck_crl_der);
    struct mse_bytes ca = mse_build_view(&issuers);
    assert_status(mse_verify_pck(leaf, ca, root, WORLD_NOW, NULL), MSE_OK);
    assert_status(mse_verify_pck(leaf, ca, mse_intel_root_point(), WORLD_NOW, NULL),
                  MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    assert_status(mse_verify_crl(crl, ca, root, WORLD_NOW, NULL), MSE_OK);
    assert_status(mse_verify_crl(crl, ca, root, WORLD_NOW + 90 * WORLD_DAY, NULL),
                  MSE_ERR_PCK_CRL_EXPIRED);
    assert_status(mse_verify_crl(mse_build_view(&w->root_crl_der), ca, root, WORLD_NOW, NULL),
                  MSE_ERR_PCK_CRL_ISSUER_MISMATCH);
}

#define T(f) cmocka_unit_test_setup(f, world_defaults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_healthy),
        T(test_zeroed_policy),
        T(test_senseless_policy),
        T(test_form),
        T(test_certification_data),
        T(test_chain_shape),
        T(test_chain_signatures),
        T(test_chain_profile),
        T(test_chain_dates),
        T(test_root),
        T(test_extension),
        T(test_pck_crl),
        T(test_root_crl),
        T(test_signing_chain),
        T(test_mixed_roots),
        T(test_tcb_info),
        T(test_qe_identity),
        T(test_qe_match),
        T(test_signatures),
        T(test_tcb_levels),
        T(test_status),
        T(test_grace),
        T(test_numbers_and_dates),
        T(test_attributes),
        T(test_sample_signer),
        T(test_references),
        T(test_reference_sets),
        T(test_machines),
        T(test_level),
        T(test_simulation_only),
        T(test_tools),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
