/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals that need a quote or collateral of a rarer kind than test_appraise makes. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "world.h"

/* Where the certification data begin: behind header, report, lengths, signatures, keys, QE report
 * and 32 bytes of authentication data. */
#define LENGTH_AT (48 + 384)
#define CERT_AT   (LENGTH_AT + 4 + 64 + 64 + 384 + 64 + 2 + 32)
#define NAMED     (16 + 16 + 2 + 2)

static uint8_t chain_beside[32768];

/* Puts the machine's name in the place of the chain, which goes beside. None of it is signed. */
static void name_machine(struct world *w, uint16_t type, size_t len)
{
    struct mse_build b;
    world_make(w);
    assert_true(w->chain_pem.len <= sizeof chain_beside);
    memcpy(chain_beside, w->chain_pem.data, w->chain_pem.len);
    w->collateral.pck_cert_chain = mse_bytes_of(chain_beside, w->chain_pem.len);
    w->quote.len = CERT_AT;
    mse_wr_u16le(&w->quote, type);
    mse_wr_u32le(&w->quote, (uint32_t)len);
    mse_wr_copy(&w->quote, w->ext.ppid, sizeof w->ext.ppid);
    mse_wr_zeros(&w->quote, len - sizeof w->ext.ppid);
    assert_true(mse_build_ok(&w->quote));
    mse_build_fixed(&b, w->quote.data + LENGTH_AT, 4);
    mse_wr_u32le(&b, (uint32_t)(w->quote.len - LENGTH_AT - 4));
}

static void test_named_machine(void **state)
{
    struct world *w = *state;
    static const struct {
        size_t len;
        mse_status status;
        uint16_t type;
    } cases[] = {
        { NAMED, MSE_OK, 1 },
        { NAMED - 2, MSE_OK, 1 },
        { NAMED - 1, MSE_ERR_UNSUPPORTED_CERT_TYPE, 1 },
        { 256 + 20, MSE_ERR_UNSUPPORTED_CERT_TYPE, 1 },
        { 256 + 20, MSE_OK, 2 },
        { NAMED, MSE_ERR_UNSUPPORTED_CERT_TYPE, 2 },
        { 384 + 20, MSE_OK, 3 },
        { 384 + 21, MSE_ERR_UNSUPPORTED_CERT_TYPE, 3 },
        { NAMED, MSE_ERR_UNSUPPORTED_CERT_TYPE, 4 },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        name_machine(w, cases[i].type, cases[i].len);
        assert_status(world_judge(w), cases[i].status);
        w->collateral.pck_cert_chain.len = 0;
        assert_status(world_judge(w), MSE_ERR_UNSUPPORTED_CERT_TYPE);
    }
}

static void test_named_another(void **state)
{
    struct world *w = *state;
    name_machine(w, MSE_CERT_TYPE_PPID_PLAIN, NAMED);
    w->quote.data[CERT_AT + 6] ^= 1;
    assert_status(world_judge(w), MSE_ERR_PCK_CHAIN_MALFORMED);
    assert_int_equal(mse_verdict_failure(&w->verdict)->step, MSE_STEP_PCK_EXTENSION);
}

/* Both the platform and the QE are out of date: grace counts from the earlier of them. */
static void test_grace_of_both(void **state)
{
    struct world *w = *state;
    w->tcb_status = MSE_TCB_OUT_OF_DATE;
    w->qe_status = MSE_TCB_OUT_OF_DATE;
    w->policy.insecure_any_advisory = true;
    w->policy.grace_reference = MSE_GRACE_ISSUE_DATE;
    w->policy.grace_days = 1;
    assert_status(world_appraise(w), MSE_OK);
    struct world_edit older = { "2025-12-31", "2025-12-30", false };
    w->qe_edit = older;
    assert_status(world_appraise(w), MSE_ERR_TCB_STATUS);
    w->tcb_status = MSE_TCB_UP_TO_DATE;
    assert_status(world_appraise(w), MSE_ERR_TCB_STATUS);
    w->policy.grace_days = 2;
    assert_status(world_appraise(w), MSE_OK);
}

/* An advisory too long for a verdict is not cut: nothing could be said of it. */
static void test_advisory_that_does_not_fit(void **state)
{
    struct world *w = *state;
    char text[2 * MSE_ADVISORY_LEN];
    struct world_edit e = { "INTEL-SA-00001", text, false };
    w->tcb_status = MSE_TCB_SW_HARDENING_NEEDED;
    w->policy.accepted_tcb_statuses |= MSE_TCB_BIT(MSE_TCB_SW_HARDENING_NEEDED);
    w->policy.insecure_any_advisory = true;
    memset(text, 'A', sizeof text);
    text[MSE_ADVISORY_LEN - 1] = '\0';
    w->tcb_edit = e;
    assert_status(world_appraise(w), MSE_OK);
    text[MSE_ADVISORY_LEN - 1] = 'A';
    text[MSE_ADVISORY_LEN] = '\0';
    assert_status(world_appraise(w), MSE_ERR_TCB_ADVISORY);
    e.to = "INTEL\\nSA";
    w->tcb_edit = e;
    assert_status(world_appraise(w), MSE_ERR_TCB_INFO_MALFORMED);
}

static struct mse_bytes pem_of(struct mse_build *b, struct mse_bytes der)
{
    mse_pem_write(b, "CERTIFICATE", der);
    return mse_build_view(b);
}

static void test_simulation_root(void **state)
{
    struct world *w = *state;
    struct mse_build b;
    uint8_t point[64] = { 0 };
    world_make(w);
    mse_build_heap(&b, 65536);
    assert_status(
        mse_simulation_root_of_pem(point, pem_of(&b, mse_build_view(&w->der[WORLD_ROOT])), NULL),
        MSE_OK);
    assert_memory_equal(point, w->policy.simulation_root, 64);
    assert_status(
        mse_simulation_root_of_pem(point, pem_of(&b, mse_build_view(&w->der[WORLD_CA])), NULL),
        MSE_ERR_MALFORMED);
    static const enum world_cert others[] = { WORLD_CA, WORLD_PCK, WORLD_TCB };
    for (size_t i = 0; i < MSE_ARRAY_LEN(others); i++) {
        struct mse_error err = { .status = MSE_OK };
        mse_build_reset(&b);
        assert_status(
            mse_simulation_root_of_pem(point, pem_of(&b, mse_build_view(&w->der[others[i]])), &err),
            MSE_ERR_MALFORMED);
        assert_non_null(strstr(err.text, "self-signed"));
    }
    mse_build_clear(&b);
}

static void test_tools_refuse(void **state)
{
    struct world *w = *state;
    const uint8_t *root = w->policy.simulation_root;
    static uint8_t big[65536];
    world_make(w);
    struct mse_bytes leaf = mse_build_view(&w->der[WORLD_PCK]);
    struct mse_bytes chain = mse_build_view(&w->signing_pem);
    struct mse_bytes junk = mse_bytes_str("-----BEGIN CERTIFICATE-----\nMAA\n");
    struct mse_bytes crl = mse_build_view(&w->root_crl_der);
    struct mse_bytes none = { 0 };
    assert_status(mse_verify_pck(mse_bytes_of(big, sizeof big), chain, root, WORLD_NOW, NULL),
                  MSE_ERR_PCK_CHAIN_MALFORMED);
    assert_status(mse_verify_pck(none, chain, root, WORLD_NOW, NULL), MSE_ERR_PCK_CHAIN_MALFORMED);
    assert_status(mse_verify_pck(leaf, junk, root, WORLD_NOW, NULL), MSE_ERR_PCK_CHAIN_MALFORMED);
    assert_status(mse_verify_crl(crl, junk, root, WORLD_NOW, NULL), MSE_ERR_PCK_CHAIN_MALFORMED);
    assert_status(mse_verify_crl(crl, none, root, WORLD_NOW, NULL), MSE_ERR_PCK_CHAIN_MALFORMED);
    struct mse_build b;
    mse_build_heap(&b, 65536);
    struct mse_bytes alone = pem_of(&b, mse_build_view(&w->der[WORLD_ROOT]));
    assert_status(mse_verify_crl(crl, alone, root, WORLD_NOW, NULL), MSE_OK);
    assert_status(mse_verify_crl(crl, chain, root, WORLD_NOW, NULL), MSE_ERR_PCK_CHAIN_MALFORMED);
    assert_status(mse_verify_crl(mse_bytes_of(crl.data, crl.len - 1), alone, root, WORLD_NOW, NULL),
                  MSE_ERR_ROOT_CRL_MALFORMED);
    assert_status(mse_verify_crl(none, alone, root, WORLD_NOW, NULL), MSE_ERR_ROOT_CRL_MISSING);
    mse_build_clear(&b);
}

/* A verdict fits its buffer or is none, wherever the buffer ends; each 13th place will do. */
static void test_output_buffers(void **state)
{
    struct world *w = *state;
    static char out[65536];
    w->body.mr_enclave[0] ^= 1;
    w->ext.has_platform_instance_id = false;
    assert_status(world_appraise(w), MSE_ERR_MRENCLAVE_MISMATCH);
    assert_status(mse_verdict_to_json(out, sizeof out, &w->verdict), MSE_OK);
    size_t json = strlen(out) + 1;
    assert_status(mse_verdict_to_text(out, sizeof out, &w->verdict), MSE_OK);
    size_t text = strlen(out) + 1;
    for (size_t cap = 0; cap < json; cap += 13) {
        assert_status(mse_verdict_to_json(out, cap, &w->verdict), MSE_ERR_NO_SPACE);
    }
    for (size_t cap = 0; cap < text; cap += 13) {
        assert_status(mse_verdict_to_text(out, cap, &w->verdict), MSE_ERR_NO_SPACE);
    }
    assert_status(mse_verdict_to_json(out, json, &w->verdict), MSE_OK);
    assert_status(mse_verdict_to_text(out, text, &w->verdict), MSE_OK);
}

static void check_outputs(const struct mse_verdict *v, const char *in_json, const char *in_text)
{
    static char out[65536];
    assert_status(mse_verdict_to_json(out, sizeof out, v), MSE_OK);
    assert_non_null(strstr(out, in_json));
    assert_status(mse_verdict_to_text(out, sizeof out, v), MSE_OK);
    assert_non_null(strstr(out, in_text));
}

static void test_outputs(void **state)
{
    struct world *w = *state;
    static const struct mse_verdict undecided;
    check_outputs(&undecided, "\"text\":\"a check that is needed did not run\"",
                  "reason: a check that is needed did not run\n");
    w->ext.has_configuration = true;
    w->ext.smt_enabled = true;
    assert_status(world_appraise(w), MSE_OK);
    check_outputs(&w->verdict, "\"smt_enabled\":true", "all of them");
    /* The PCK certificate ended before the CRL begins. */
    w->certs[WORLD_PCK].not_after = WORLD_NOW - 2 * WORLD_DAY;
    assert_status(world_appraise(w), MSE_ERR_PCK_CHAIN_EXPIRED);
    check_outputs(&w->verdict, "\"accepted\":false", "no moment at which all of them are valid\n");
}

/* What JSON cannot say and a caller in C can. */
static void test_senseless_policies(void **state)
{
    struct world *w = *state;
    w->policy.require_level = 4;
    assert_status(world_appraise(w), MSE_ERR_POLICY);
    (void)world_defaults(state);
    w->policy.num_allowed_fmspc = MSE_MAX_FMSPC + 1;
    assert_status(world_appraise(w), MSE_ERR_POLICY);
    (void)world_defaults(state);
    w->policy.num_allowed_machines = MSE_MAX_MACHINES + 1;
    assert_status(world_appraise(w), MSE_ERR_POLICY);
    (void)world_defaults(state);
    w->policy.num_accepted_advisories = MSE_MAX_POLICY_ADVISORIES + 1;
    assert_status(world_appraise(w), MSE_ERR_POLICY);
}

#define T(f) cmocka_unit_test_setup(f, world_defaults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_named_machine),      T(test_named_another),
        T(test_grace_of_both),      T(test_advisory_that_does_not_fit),
        T(test_simulation_root),    T(test_tools_refuse),
        T(test_output_buffers),     T(test_outputs),
        T(test_senseless_policies),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
