/* SPDX-License-Identifier: Apache-2.0 */
/* Judging from inside: one's own platform first, then a peer on the same root or none. */
#include "base/bytes.h"
#include "base/util.h"
#include "enclave/peers.h"
#include "package/manifest.h"
#include "unit/ratls/lab.h"

struct mse_tee {
    struct lab *lab;
    mse_status fails;
    bool garbage;
};

static mse_status fake_quote(struct mse_tee *t, struct mse_build *out,
                             const uint8_t report_data[64], struct mse_error *err)
{
    (void)err;
    lab_quote(t->lab, report_data);
    mse_wr_copy(out, t->lab->quote.data, t->lab->quote.len - (t->garbage ? 1 : 0));
    return t->fails;
}

static const struct mse_tee_ops simulated = {
    .name = "fake", .kind = MSE_TEE_SGX, .simulated = true, .quote = fake_quote
};
static const struct mse_tee_ops hardware = { .name = "hard",
                                             .kind = MSE_TEE_SGX,
                                             .quote = fake_quote };

static mse_status open_at(struct mse_peers *p, struct mse_tee *t, const struct mse_tee_ops *ops,
                          struct mse_bytes json, mse_time at)
{
    const struct mse_enclave_tee tee = { .ops = ops, .t = t };
    struct mse_error err = { .status = MSE_OK };
    mse_status st = mse_peers_open(p, &tee, json, at, &err);
    assert_int_equal(st, err.status);
    return st;
}

static void refused(struct lab *l, mse_time at, mse_status want)
{
    struct mse_tee t = { .lab = l };
    static struct mse_peers p;
    assert_status(open_at(&p, &t, &simulated, l->json, at), want);
}

static mse_status judge(const struct mse_peers *p, struct lab *peer)
{
    static struct mse_verdict v;
    const uint8_t report_data[64] = { 1 };
    lab_quote(peer, report_data);
    return mse_appraise_quote(&v, mse_build_view(&peer->quote), &p->bundle.collateral, &p->policy,
                              p->at, NULL);
}

static void a_good_platform_judges_its_like(void **state)
{
    struct lab *l = *state;
    struct lab *other = NULL;
    struct mse_tee t = { .lab = l };
    const uint8_t mr_enclave[32] = { 1, 2, 3 };
    static struct mse_peers p;
    assert_int_equal(lab_setup((void **)&other), 0);
    assert_status(open_at(&p, &t, &simulated, l->json, LAB_NOW), MSE_OK);
    assert_memory_equal(p.own_fingerprint, mr_enclave, 32);
    assert_true(p.policy.simulation_only);
    assert_status(judge(&p, l), MSE_OK);
    assert_status(judge(&p, other), MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    mse_peers_clear(&p);
    assert_int_equal(lab_teardown((void **)&other), 0);
}

/* Nothing that a host says makes a simulated root one of hardware. */
static void hardware_ends_in_a_vendors_root(void **state)
{
    struct lab *l = *state;
    struct mse_tee t = { .lab = l };
    static struct mse_peers p;
    assert_status(open_at(&p, &t, &hardware, l->json, LAB_NOW), MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
}

static void ones_own_platform_comes_first(void **state)
{
    static const struct {
        struct mse_sim_options o;
        mse_status want;
    } cases[] = {
        { { .now = LAB_NOW, .status = MSE_TCB_OUT_OF_DATE }, MSE_ERR_TCB_STATUS },
        { { .now = LAB_NOW, .status = MSE_TCB_SW_HARDENING_NEEDED }, MSE_ERR_TCB_STATUS },
        { { .now = LAB_NOW, .revoke_pck = true }, MSE_ERR_PCK_REVOKED },
        { { .now = LAB_NOW, .expired_tcb_info = true }, MSE_ERR_TCB_INFO_EXPIRED },
    };
    struct lab *l = *state;
    struct mse_bytes good = l->json;
    char path[512];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)snprintf(path, sizeof path, "%s/sim", l->dir);
        assert_status(mse_sim_refresh(path, &cases[i].o, NULL), MSE_OK);
        (void)snprintf(path, sizeof path, "%s/sim/collateral.json", l->dir);
        l->json = test_read_file(path);
        refused(l, LAB_NOW, cases[i].want);
        free((void *)(uintptr_t)l->json.data);
        l->json = good;
    }
}

static void other_times_are_refused(void **state)
{
    refused(*state, LAB_NOW - 400 * LAB_DAY, MSE_ERR_PCK_CHAIN_NOT_YET_VALID);
    refused(*state, LAB_NOW + 400 * LAB_DAY, MSE_ERR_PCK_CRL_EXPIRED);
}

static void what_a_host_may_send_instead(void **state)
{
    struct lab *l = *state;
    struct mse_tee t = { .lab = l };
    static struct mse_peers p;
    assert_status(open_at(&p, &t, &simulated, mse_bytes_str(""), LAB_NOW), MSE_ERR_MALFORMED);
    assert_status(open_at(&p, &t, &simulated, mse_bytes_str("{}"), LAB_NOW), MSE_ERR_MALFORMED);
    t.garbage = true;
    assert_status(open_at(&p, &t, &simulated, l->json, LAB_NOW), MSE_ERR_MALFORMED);
    t.garbage = false;
    t.fails = MSE_ERR_PROTOCOL;
    const struct mse_enclave_tee tee = { .ops = &simulated, .t = &t };
    assert_status(mse_peers_open(&p, &tee, l->json, LAB_NOW, NULL), MSE_ERR_PROTOCOL);
}

/* ---- the manifest's rule for replicas ---- */

static mse_status open_rule(struct lab *l, const struct mse_replica_policy *rule,
                            struct mse_error *err)
{
    struct mse_tee t = { .lab = l };
    const struct mse_enclave_tee tee = { .ops = &simulated, .t = &t };
    static struct mse_peers p;
    mse_status st = mse_peers_open_replicas(&p, &tee, rule, l->json, LAB_NOW, err);
    if (st == MSE_OK) {
        mse_peers_clear(&p);
    }
    return st;
}

static char *machine_of(struct lab *l)
{
    static char hex[33];
    static struct mse_verdict v;
    const uint8_t report_data[64] = { 1 };
    lab_quote(l, report_data);
    assert_status(mse_appraise_quote(&v, mse_build_view(&l->quote), &l->bundle.collateral,
                                     &l->policy, LAB_NOW, NULL),
                  MSE_OK);
    mse_hex_encode(hex, mse_bytes_of(v.pck.platform_instance_id, 16));
    return hex;
}

/* One's own platform is held to it like a peer's. */
static void the_rule_for_replicas_is_the_whole_rule(void **state)
{
    struct lab *l = *state;
    char other[] = "000102030405060708090a0b0c0d0e0f";
    char up[] = "UpToDate";
    char old[] = "OutOfDate";
    char *machines[] = { machine_of(l) };
    char *statuses[] = { up };
    struct mse_replica_policy rule = { .machines = { machines, 1 }, .statuses = { statuses, 1 } };
    assert_status(open_rule(l, &rule, NULL), MSE_OK);
    rule.min_tcb_evaluation_number = 20;
    assert_status(open_rule(l, &rule, NULL), MSE_OK);
    rule.min_tcb_evaluation_number = 21;
    assert_status(open_rule(l, &rule, NULL), MSE_ERR_TCB_EVALUATION_NUMBER);
    rule.min_tcb_evaluation_number = 0;
    statuses[0] = old;
    assert_status(open_rule(l, &rule, NULL), MSE_ERR_TCB_STATUS);
    statuses[0] = up;
    machines[0] = other;
    assert_status(open_rule(l, &rule, NULL), MSE_ERR_MACHINE_NOT_ALLOWED);
}

static void a_rule_that_is_none_is_refused(void **state)
{
    struct lab *l = *state;
    char none[] = "None";
    char revoked[] = "Revoked";
    char unknown[] = "Fine";
    char up[] = "UpToDate";
    char short_id[] = "00010203";
    char zeros[] = "00000000000000000000000000000000";
    char *bad_statuses[] = { none, revoked, unknown };
    char *bad_machines[] = { short_id, zeros };
    char *machines[] = { machine_of(l) };
    char *statuses[] = { up };
    const struct mse_replica_policy good = { .machines = { machines, 1 },
                                             .statuses = { statuses, 1 } };
    struct mse_replica_policy rule = good;
    rule.machines.num = 0;
    assert_status(open_rule(l, &rule, NULL), MSE_ERR_REPLICA_POLICY);
    rule = good;
    rule.statuses.num = 0;
    assert_status(open_rule(l, &rule, NULL), MSE_ERR_REPLICA_POLICY);
    rule = good;
    for (size_t i = 0; i < sizeof bad_statuses / sizeof *bad_statuses; i++) {
        struct mse_error err = { .status = MSE_OK };
        statuses[0] = bad_statuses[i];
        assert_status(open_rule(l, &rule, &err), MSE_ERR_REPLICA_POLICY);
        assert_non_null(strstr(err.text, bad_statuses[i]));
    }
    statuses[0] = up;
    for (size_t i = 0; i < sizeof bad_machines / sizeof *bad_machines; i++) {
        machines[0] = bad_machines[i];
        assert_status(open_rule(l, &rule, NULL), MSE_ERR_REPLICA_POLICY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_platform_judges_its_like),
        cmocka_unit_test(hardware_ends_in_a_vendors_root),
        cmocka_unit_test(ones_own_platform_comes_first),
        cmocka_unit_test(other_times_are_refused),
        cmocka_unit_test(what_a_host_may_send_instead),
        cmocka_unit_test(the_rule_for_replicas_is_the_whole_rule),
        cmocka_unit_test(a_rule_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
