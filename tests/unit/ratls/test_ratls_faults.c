/* SPDX-License-Identifier: Apache-2.0 */
/* libmse-ratls without memory: each allocation of a call fails once, as in test_libmse_faults. */
#include "lab.h"

#include "base/bytes.h"
#include "lib/fault_trial.h"

static struct mse_verdict verdict;

static mse_status call_appraise(void *world, struct fault_output *o)
{
    struct lab *l = world;
    memset(&verdict, 0, sizeof verdict);
    mse_status st = mse_ratls_appraise(&verdict, NULL, NULL, mse_build_view(&l->cert), LAB_HOST,
                                       &l->bundle.collateral, &l->policy, LAB_NOW, &o->err);
    o->wrong = verdict.accepted != (st == MSE_OK) || verdict.status != st;
    if (st == MSE_OK) {
        fault_give(o, st, &verdict, sizeof verdict);
    }
    return st;
}

static mse_status call_verifier(void *world, struct fault_output *o)
{
    struct lab *l = world;
    struct mse_ratls_verifier *v = NULL;
    const struct mse_ratls_verifier_params p = { .policy = &l->policy,
                                                 .collateral = &l->bundle.collateral };
    mse_status st = mse_ratls_verifier_new(&v, &p, &o->err);
    o->wrong = (st == MSE_OK) != (v != NULL);
    o->keeps = 1; /* an index of its objects */
    if (st == MSE_OK) {
        st = mse_ratls_verifier_update(v, &l->policy, &l->bundle.collateral, &o->err);
    }
    mse_ratls_verifier_free(v);
    return st;
}

static mse_status quote(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err)
{
    const struct lab *l = arg;
    struct mse_sim_report r = { .attr_flags = MSE_SGX_FLAG_INIT | MSE_SGX_FLAG_MODE64BIT };
    struct mse_build b;
    memcpy(r.report_data, report_data, 64);
    mse_build_fixed(&b, out, cap);
    mse_status st = mse_sim_quote(l->platform, &b, &r, err);
    *out_len = b.len;
    return st;
}

static mse_status call_identity(void *world, struct fault_output *o)
{
    struct lab *l = world;
    struct mse_ratls_identity *id = NULL;
    const struct mse_ratls_identity_params p = { .quote = quote,
                                                 .quote_arg = l,
                                                 .name = LAB_HOST,
                                                 .not_before = LAB_NOW - 3600,
                                                 .not_after = LAB_NOW + 30 * LAB_DAY };
    mse_status st = mse_ratls_identity_new(&id, &p, &o->err);
    o->wrong = (st == MSE_OK) != (id != NULL);
    mse_ratls_identity_free(id);
    return st;
}

static void try_each(const char *name, fault_call_fn *call, struct lab *l)
{
    assert_true(fault_try_each(name, call, l) > 0 || !fault_memory_fails());
}

static void test_certificate(void **state)
{
    const struct mse_ratls_claims_params p = { .role = MSE_ROLE_SERVER_STATIC };
    struct lab *l = *state;
    lab_evidence(l, &p);
    lab_cert(l);
    try_each("appraise a certificate", call_appraise, l);
    l->cert.data[l->cert.len - 3] ^= 1;
    try_each("appraise a certificate, bad signature", call_appraise, l);
    lab_cert(l);
    l->policy.num_references = 0;
    l->policy.insecure_any_app = false;
    try_each("appraise a certificate, another app", call_appraise, l);
}

static void test_contexts(void **state)
{
    try_each("a verifier", call_verifier, *state);
    try_each("an identity", call_identity, *state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_certificate),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
