/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong in other verifiers of TDX quotes, one test for each class, named after it.
 * Classes that TDX shares with SGX are tested here on a TD; the rest is in test_incidents. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "world.h"

static void refused(struct world *w, mse_status st)
{
    assert_status(world_judge(w), st);
    assert_false(w->verdict.accepted);
}

static void refused_anew(struct world *w, mse_status st)
{
    world_make(w);
    refused(w, st);
}

static void edit_tcb(struct world *w, const char *from, const char *to)
{
    assert_int_equal(world_defaults_tdx((void **)&w), 0);
    w->tcb_edit = (struct world_edit) { from, to, false };
}

/* The collateral knows no module of the version that the report names. */
static void missing_tdx_module_identity_fell_open(void **state)
{
    struct world *w = *state;
    edit_tcb(w, "\"TDX_01\"", "\"TDX_09\"");
    refused_anew(w, MSE_ERR_TDX_MODULE_MISMATCH);
    assert_int_equal(w->verdict.tcb_status, MSE_TCB_NONE);
    edit_tcb(w, "\"tdxModuleIdentities\"", "\"tdxModuleIdentitiez\"");
    assert_true(world_appraise(w) != MSE_OK);
    edit_tcb(w, "\"tdxModule\"", "\"tdxModulo\"");
    assert_true(world_appraise(w) != MSE_OK);
}

static void seam_attributes_were_not_masked(void **state)
{
    struct world *w = *state;
    w->td.seam_attributes = 1;
    refused_anew(w, MSE_ERR_TDX_MODULE_MISMATCH);
    (void)world_defaults_tdx(state);
    w->td.mr_signer_seam[0] = 1;
    refused_anew(w, MSE_ERR_TDX_MODULE_MISMATCH);
}

static void qe_identity_was_not_checked(void **state)
{
    struct world *w = *state;
    w->qe.mr_signer[0] ^= 1;
    refused_anew(w, MSE_ERR_QE_IDENTITY_MISMATCH);
    (void)world_defaults_tdx(state);
    w->qe.isv_prod_id ^= 1;
    refused_anew(w, MSE_ERR_QE_IDENTITY_MISMATCH);
    (void)world_defaults_tdx(state);
    w->qe_edit = (struct world_edit) { "\"id\":\"TD_QE\"", "\"id\":\"QE\"", false };
    refused_anew(w, MSE_ERR_QE_IDENTITY_MISMATCH);
}

/* Collateral of SGX has no TDX components: every TD would be current under it. */
static void tcb_info_of_sgx_served(void **state)
{
    struct world *w = *state;
    edit_tcb(w, "\"id\":\"TDX\"", "\"id\":\"SGX\"");
    assert_true(world_appraise(w) != MSE_OK);
    assert_true(world_failed_with(w, MSE_ERR_TCB_INFO_MISMATCH) ||
                world_failed_with(w, MSE_ERR_TCB_INFO_MALFORMED));
}

/* The SVNs of SGX are those of the certificate; a report that calls itself newer changes nothing,
 * and those of the TD are under the quote's signature. */
static void tcb_was_self_reported(void **state)
{
    struct world *w = *state;
    memset(w->ext.cpu_svn, 0xff, sizeof w->ext.cpu_svn);
    w->ext.comp_svn[0] = 2;
    refused_anew(w, MSE_ERR_TCB_NOT_SUPPORTED);
    (void)world_defaults_tdx(state);
    world_make(w);
    w->quote.data[48] ^= 8; /* TEE_TCB_SVN of the body */
    refused(w, MSE_ERR_QUOTE_SIGNATURE);
}

static void an_out_of_date_module_passed(void **state)
{
    struct world *w = *state;
    w->module_status = MSE_TCB_OUT_OF_DATE;
    refused_anew(w, MSE_ERR_TCB_STATUS);
    assert_int_equal(w->verdict.platform_tcb_status, MSE_TCB_UP_TO_DATE);
    w->module_status = MSE_TCB_REVOKED;
    w->policy.accepted_tcb_statuses = UINT32_MAX & ~MSE_TCB_BIT(MSE_TCB_REVOKED);
    w->policy.insecure_any_advisory = true;
    refused_anew(w, MSE_ERR_TCB_REVOKED);
}

static void relaunch_advice_passed_for_up_to_date(void **state)
{
    struct world *w = *state;
    w->tdx_version = 5;
    w->td.is_15 = true;
    w->td.tee_tcb_svn[0] = 4;
    w->td.tee_tcb_svn2[0] = 5;
    w->td.tee_tcb_svn2[1] = 1;
    w->td.tee_tcb_svn2[2] = 4;
    refused_anew(w, MSE_ERR_TCB_STATUS);
    assert_int_equal(w->verdict.tcb_status, MSE_TCB_TD_RELAUNCH_ADVISED);
}

static void debug_td_was_accepted(void **state)
{
    struct world *w = *state;
    w->td.td_attributes |= MSE_TDX_ATTR_DEBUG;
    assert_status(mse_tdx_fingerprint(w->policy.references[0].fingerprint, &w->td), MSE_OK);
    refused_anew(w, MSE_ERR_DEBUG);
}

/* MRTD is the firmware alone: everybody's app runs on it. */
static void firmware_alone_identified_an_app(void **state)
{
    struct world *w = *state;
    struct mse_reference r = { .has_mr_td = true, .has_rtmr0 = true };
    memcpy(r.mr_td, w->td.mr_td, sizeof r.mr_td);
    memcpy(r.rtmr0, w->td.rtmr[0], sizeof r.rtmr0);
    w->policy.references[0] = r;
    refused_anew(w, MSE_ERR_NOTHING_IDENTIFIES);
}

static void root_of_the_same_name_was_trusted(void **state)
{
    struct world *w = *state;
    struct mse_privkey *own = w->keys[WORLD_KEY_ROOT];
    struct mse_policy trusted = w->policy;
    w->keys[WORLD_KEY_ROOT] = w->keys[WORLD_KEY_OTHER];
    (void)world_defaults_tdx(state);
    w->policy = trusted;
    refused_anew(w, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    w->keys[WORLD_KEY_ROOT] = own;
}

static void collateral_of_the_future_was_taken(void **state)
{
    struct world *w = *state;
    w->at = WORLD_NOW - WORLD_DAY - 1;
    refused_anew(w, MSE_ERR_PCK_CRL_NOT_YET_VALID);
    assert_true(world_failed_with(w, MSE_ERR_TCB_INFO_NOT_YET_VALID));
    assert_true(world_failed_with(w, MSE_ERR_QE_IDENTITY_NOT_YET_VALID));
}

static void keys_stood_there_twice(void **state)
{
    struct world *w = *state;
    edit_tcb(w, "\"tcbType\":0", "\"tcbType\":0,\"tdxModule\":{}");
    refused_anew(w, MSE_ERR_TCB_INFO_MALFORMED);
    edit_tcb(w, "\"id\":\"TDX\"", "\"id\":\"TDX\",\"id\":\"TDX\"");
    refused_anew(w, MSE_ERR_TCB_INFO_MALFORMED);
}

/* Sizes that the sender writes: of the body (version 5), of the signature data, of the
 * certification data inside. */
static void a_vector_was_unbounded(void **state)
{
    struct world *w = *state;
    static const size_t sizes[] = { 48 + 584, 48 + 584 + 4 + 128 + 2 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(sizes); i++) {
        world_make(w);
        memset(w->quote.data + sizes[i], 0xff, 4);
        refused(w, MSE_ERR_MALFORMED);
    }
    w->tdx_version = 5;
    w->td.is_15 = true;
    world_make(w);
    memset(w->quote.data + 50, 0xff, 4);
    refused(w, MSE_ERR_MALFORMED);
}

static void bytes_stood_behind_the_end(void **state)
{
    struct world *w = *state;
    world_make(w);
    mse_wr_u8(&w->quote, 0);
    refused(w, MSE_ERR_MALFORMED);
}

static void a_first_failure_hid_the_rest(void **state)
{
    struct world *w = *state;
    w->tcb_status = MSE_TCB_OUT_OF_DATE;
    w->qe.mr_signer[0] ^= 1;
    w->td.seam_attributes = 1;
    w->td.td_attributes |= MSE_TDX_ATTR_DEBUG;
    w->td.mr_td[0] ^= 1;
    w->pck_crl_revokes = WORLD_PCK;
    w->policy.num_allowed_machines = 1;
    w->policy.allowed_machines[0] = (struct mse_machine) { .id = { 1 }, .len = 16 };
    refused_anew(w, MSE_ERR_PCK_REVOKED);
    static const mse_status also[] = { MSE_ERR_QE_IDENTITY_MISMATCH, MSE_ERR_TDX_MODULE_MISMATCH,
                                       MSE_ERR_TCB_STATUS,           MSE_ERR_DEBUG,
                                       MSE_ERR_FINGERPRINT_MISMATCH, MSE_ERR_MACHINE_NOT_ALLOWED };
    for (size_t i = 0; i < MSE_ARRAY_LEN(also); i++) {
        assert_true(world_failed_with(w, also[i]));
    }
}

#define T(f) cmocka_unit_test_setup(f, world_defaults_tdx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(missing_tdx_module_identity_fell_open),
        T(seam_attributes_were_not_masked),
        T(qe_identity_was_not_checked),
        T(tcb_info_of_sgx_served),
        T(tcb_was_self_reported),
        T(an_out_of_date_module_passed),
        T(relaunch_advice_passed_for_up_to_date),
        T(debug_td_was_accepted),
        T(firmware_alone_identified_an_app),
        T(root_of_the_same_name_was_trusted),
        T(collateral_of_the_future_was_taken),
        T(keys_stood_there_twice),
        T(a_vector_was_unbounded),
        T(bytes_stood_behind_the_end),
        T(a_first_failure_hid_the_rest),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
