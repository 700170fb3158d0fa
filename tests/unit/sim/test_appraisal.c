/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulated platform makes, judged by the appraisal that judges hardware: accepted only
 * when simulation is allowed, and each variation refused for its own reason. */
#include "lib/testlib.h"

#include <mse/attest.h>

#include "base/bytes.h"
#include "base/util.h"
#include "sim/platform.h"

#define NOW ((mse_time)1767225600) /* 2026-01-01 */
#define DAY ((mse_time)86400)

struct fixture {
    char *dir;
    char sim[256];
    struct mse_sim_platform *platform;
    struct mse_policy policy;
    struct mse_sim_report report;
    struct mse_verdict verdict;
    struct mse_error err;
};

static struct mse_bytes read_of(const struct fixture *f, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", f->sim, name);
    struct mse_bytes b = test_read_file(path);
    assert_non_null(b.data);
    return b;
}

static void release(struct mse_bytes b)
{
    free((void *)(uintptr_t)b.data);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct mse_sim_options o = { .now = NOW };
    assert_non_null(f);
    f->dir = test_tmpdir();
    (void)snprintf(f->sim, sizeof f->sim, "%s/sim", f->dir);
    assert_status(mse_sim_init(f->sim, &o, NULL), MSE_OK);
    assert_status(mse_sim_load(&f->platform, f->sim, NULL), MSE_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    mse_sim_free(f->platform);
    test_tmpdir_remove(f->dir);
    free(f);
    return 0;
}

/* Before each test: fresh collateral, a strict policy that allows this simulation. */
static int setup_each(void **state)
{
    struct fixture *f = *state;
    struct mse_sim_options o = { .now = NOW };
    struct mse_sim_report report = { .mr_enclave = { 1, 2, 3 }, .attr_flags = 5 };
    struct mse_bytes root = read_of(f, "root.pem");
    assert_status(mse_sim_refresh(f->sim, &o, NULL), MSE_OK);
    mse_policy_default(&f->policy);
    f->policy.allow_simulation = true;
    assert_status(mse_simulation_root_of_pem(f->policy.simulation_root, root, NULL), MSE_OK);
    release(root);
    f->report = report;
    assert_status(mse_sim_mrsigner(f->platform, f->report.mr_signer), MSE_OK);
    f->policy.num_references = 1;
    f->policy.references[0].has_mr_enclave = true;
    memcpy(f->policy.references[0].mr_enclave, f->report.mr_enclave, 32);
    f->policy.references[0].has_mr_signer = true;
    memcpy(f->policy.references[0].mr_signer, f->report.mr_signer, 32);
    return 0;
}

static mse_status appraise(struct fixture *f, mse_time at)
{
    struct mse_build quote;
    struct mse_bundle bundle;
    struct mse_error err = { 0 };
    struct mse_bytes json = read_of(f, "collateral.json");
    uint8_t *scratch = malloc(2 * json.len);
    assert_non_null(scratch);
    assert_status(mse_bundle_parse(&bundle, scratch, 2 * json.len, json, NULL), MSE_OK);
    mse_build_heap(&quote, 65536);
    assert_status(mse_sim_quote(f->platform, &quote, &f->report, NULL), MSE_OK);
    mse_status st = mse_appraise_sgx(&f->verdict, mse_build_view(&quote), &bundle.collateral,
                                     &f->policy, at, &err);
    f->err = err;
    mse_build_clear(&quote);
    free(scratch);
    release(json);
    return st;
}

static void refresh(const struct fixture *f, struct mse_sim_options o)
{
    o.now = NOW;
    assert_status(mse_sim_refresh(f->sim, &o, NULL), MSE_OK);
}

static void test_accepted(void **state)
{
    struct fixture *f = *state;
    mse_status st = appraise(f, NOW);
    if (st != MSE_OK) {
        static char text[65536];
        assert_status(mse_verdict_to_text(text, sizeof text, &f->verdict), MSE_OK);
        fail_msg("%s: %s\n%s", mse_status_name(st), f->err.text, text);
    }
    assert_true(f->verdict.accepted);
    assert_true(f->verdict.simulated);
    assert_true(f->verdict.signatures_ok);
    assert_true(f->verdict.pck_ca_is_platform);
    assert_int_equal(f->verdict.tcb_status, MSE_TCB_UP_TO_DATE);
    assert_int_equal(f->verdict.num_advisories, 0);
    assert_status(appraise(f, NOW + 30 * DAY), MSE_OK);
    f->policy.simulation_only = true;
    assert_status(appraise(f, NOW), MSE_OK);
}

static void test_refused_without_permission(void **state)
{
    struct fixture *f = *state;
    f->policy.allow_simulation = false;
    assert_status(appraise(f, NOW), MSE_ERR_SIMULATION);
    assert_true(f->verdict.simulated);
    memset(f->policy.simulation_root, 0, sizeof f->policy.simulation_root);
    assert_status(appraise(f, NOW), MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
}

/* Another platform's root, with the same names, is not this one's. */
static void test_refused_under_another_root(void **state)
{
    struct fixture *f = *state;
    struct fixture other = { 0 };
    struct mse_sim_options o = { .now = NOW };
    (void)snprintf(other.sim, sizeof other.sim, "%s/other", f->dir);
    assert_status(mse_sim_init(other.sim, &o, NULL), MSE_OK);
    struct mse_bytes root = read_of(&other, "root.pem");
    assert_status(mse_simulation_root_of_pem(f->policy.simulation_root, root, NULL), MSE_OK);
    release(root);
    assert_status(appraise(f, NOW), MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
}

static void test_dates(void **state)
{
    struct fixture *f = *state;
    assert_status(appraise(f, NOW - 1), MSE_ERR_PCK_CRL_NOT_YET_VALID);
    assert_status(appraise(f, NOW + 30 * DAY + 1), MSE_ERR_PCK_CRL_EXPIRED);
    assert_status(appraise(f, NOW - 2 * DAY), MSE_ERR_PCK_CHAIN_NOT_YET_VALID);
    assert_status(appraise(f, NOW + DAY * 365 * 13), MSE_ERR_PCK_CHAIN_EXPIRED);
    struct mse_sim_options later = { .now = NOW + DAY * 365 * 11 };
    assert_status(mse_sim_refresh(f->sim, &later, NULL), MSE_OK);
    assert_status(appraise(f, later.now), MSE_OK);
}

static void test_expired_tcb_info(void **state)
{
    struct fixture *f = *state;
    struct mse_sim_options o = { .expired_tcb_info = true };
    refresh(f, o);
    assert_status(appraise(f, NOW), MSE_ERR_TCB_INFO_EXPIRED);
}

static void test_revoked_pck(void **state)
{
    struct fixture *f = *state;
    struct mse_sim_options o = { .revoke_pck = true };
    refresh(f, o);
    assert_status(appraise(f, NOW), MSE_ERR_PCK_REVOKED);
}

static void test_statuses(void **state)
{
    struct fixture *f = *state;
    static const enum mse_tcb_status all[] = {
        MSE_TCB_SW_HARDENING_NEEDED,
        MSE_TCB_CONFIGURATION_NEEDED,
        MSE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
        MSE_TCB_OUT_OF_DATE,
        MSE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(all); i++) {
        struct mse_sim_options o = { .status = all[i] };
        refresh(f, o);
        f->policy.accepted_tcb_statuses = MSE_TCB_BIT(MSE_TCB_UP_TO_DATE);
        f->policy.insecure_any_advisory = false;
        assert_status(appraise(f, NOW), MSE_ERR_TCB_STATUS);
        assert_int_equal(f->verdict.tcb_status, all[i]);
        assert_true(f->verdict.num_advisories > 0);
        f->policy.accepted_tcb_statuses |= MSE_TCB_BIT(all[i]);
        assert_status(appraise(f, NOW), MSE_ERR_TCB_ADVISORY);
        f->policy.insecure_any_advisory = true;
        assert_status(appraise(f, NOW), MSE_OK);
    }
}

static void test_revoked_tcb(void **state)
{
    struct fixture *f = *state;
    struct mse_sim_options o = { .status = MSE_TCB_REVOKED };
    refresh(f, o);
    for (int i = MSE_TCB_UP_TO_DATE; i < MSE_TCB_REVOKED; i++) {
        f->policy.accepted_tcb_statuses |= MSE_TCB_BIT(i);
    }
    f->policy.insecure_any_advisory = true;
    assert_status(appraise(f, NOW), MSE_ERR_TCB_REVOKED);
    struct mse_sim_options healthy = { .status = MSE_TCB_UP_TO_DATE };
    refresh(f, healthy);
    assert_status(appraise(f, NOW), MSE_OK);
}

static void test_debug(void **state)
{
    struct fixture *f = *state;
    f->report.attr_flags |= MSE_SGX_FLAG_DEBUG;
    assert_status(appraise(f, NOW), MSE_ERR_DEBUG);
    f->policy.allow_debug = true;
    assert_status(appraise(f, NOW), MSE_OK);
}

static void test_other_enclave(void **state)
{
    struct fixture *f = *state;
    f->report.mr_enclave[0] ^= 1;
    assert_status(appraise(f, NOW), MSE_ERR_MRENCLAVE_MISMATCH);
    f->report.mr_enclave[0] ^= 1;
    f->report.mr_signer[0] ^= 1;
    assert_status(appraise(f, NOW), MSE_ERR_MRSIGNER_MISMATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_accepted, setup_each),
        cmocka_unit_test_setup(test_refused_without_permission, setup_each),
        cmocka_unit_test_setup(test_refused_under_another_root, setup_each),
        cmocka_unit_test_setup(test_dates, setup_each),
        cmocka_unit_test_setup(test_expired_tcb_info, setup_each),
        cmocka_unit_test_setup(test_revoked_pck, setup_each),
        cmocka_unit_test_setup(test_statuses, setup_each),
        cmocka_unit_test_setup(test_revoked_tcb, setup_each),
        cmocka_unit_test_setup(test_debug, setup_each),
        cmocka_unit_test_setup(test_other_enclave, setup_each),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
