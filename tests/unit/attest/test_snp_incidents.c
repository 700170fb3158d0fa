/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong in other verifiers of SEV-SNP reports, one test for each class, named after it;
 * and the policy key that each refusal of a policy names. */
#include "lib/refusal.h"
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "snp_world.h"

static void refused(struct snp_world *w, mse_status st)
{
    assert_status(snp_judge(w), st);
    assert_false(w->verdict.accepted);
}

static void refused_anew(struct snp_world *w, mse_status st)
{
    snp_make(w);
    refused(w, st);
}

static void list_chip(struct snp_world *w)
{
    w->policy.num_allowed_machines = 1;
    w->policy.allowed_machines[0].len = 32;
    assert_status(mse_sha256(w->policy.allowed_machines[0].id, mse_bytes_of(w->chip_id, 64)),
                  MSE_OK);
}

/* The patch level of the report instead of that in the certificate. */
static void tcb_was_self_reported(void **state)
{
    struct snp_world *w = *state;
    w->policy.min_snp_tcb.ucode = 250;
    w->reported_tcb[7] = 255;
    w->committed_tcb[7] = 255;
    refused_anew(w, MSE_ERR_VCEK_TCB_MISMATCH);
}

static void committed_tcb_was_not_looked_at(void **state)
{
    struct snp_world *w = *state;
    w->policy.min_snp_tcb.ucode = 219;
    assert_status(snp_appraise(w), MSE_OK);
    w->committed_tcb[7] = 218;
    refused_anew(w, MSE_ERR_TCB_OUT_OF_DATE);
}

/* All names are right, the chain is consistent: the key is another. */
static void root_of_the_same_name_was_trusted(void **state)
{
    struct snp_world *w = *state;
    struct mse_policy trusted = w->policy;
    void *own = w->keys[SNP_ARK];
    w->keys[SNP_ARK] = w->keys[SNP_ASK];
    (void)snp_defaults(state);
    assert_status(snp_appraise(w), MSE_OK); /* its own policy trusts it */
    w->policy = trusted;
    refused(w, MSE_ERR_VCEK_ROOT_UNTRUSTED);
    w->keys[SNP_ARK] = own;
}

static void anchor_was_taken_from_the_evidence(void **state)
{
    struct snp_world *w = *state;
    memset(w->policy.simulation_root_sha256, 0, 32);
    refused_anew(w, MSE_ERR_VCEK_ROOT_UNTRUSTED);
}

static void revocation_was_off_by_default(void **state)
{
    struct snp_world *w = *state;
    snp_make(w);
    w->collateral.vcek_crl = mse_bytes_of(NULL, 0);
    refused(w, MSE_ERR_VCEK_CRL_MISSING);
    w->revoked = SNP_ASK;
    refused_anew(w, MSE_ERR_VCEK_ISSUER_REVOKED);
}

static void a_crl_of_another_issuer_served(void **state)
{
    struct snp_world *w = *state;
    w->crl_issuer = "ARK-Milan";
    refused_anew(w, MSE_ERR_VCEK_CRL_ISSUER_MISMATCH);
    (void)snp_defaults(state);
    w->crl_signer = SNP_ASK;
    refused_anew(w, MSE_ERR_VCEK_CRL_SIGNATURE);
}

static void an_end_of_validity_was_only_logged(void **state)
{
    struct snp_world *w = *state;
    w->crl_until = SNP_NOW - 1;
    refused_anew(w, MSE_ERR_VCEK_CRL_EXPIRED);
    (void)snp_defaults(state);
    w->certs[SNP_VCEK].until = SNP_NOW - 1;
    refused_anew(w, MSE_ERR_VCEK_EXPIRED);
}

static void collateral_of_the_future_was_taken(void **state)
{
    struct snp_world *w = *state;
    w->crl_from = SNP_NOW + 1;
    refused_anew(w, MSE_ERR_VCEK_CRL_NOT_YET_VALID);
    (void)snp_defaults(state);
    w->certs[SNP_VCEK].from = SNP_NOW + 1;
    refused_anew(w, MSE_ERR_VCEK_NOT_YET_VALID);
}

static void a_path_was_longer_than_allowed(void **state)
{
    struct snp_world *w = *state;
    w->certs[SNP_ARK].path_len = 0;
    refused_anew(w, MSE_ERR_VCEK_CHAIN);
    (void)snp_defaults(state);
    w->certs[SNP_ASK].is_ca = false;
    w->certs[SNP_ASK].path_len = -1;
    refused_anew(w, MSE_ERR_VCEK_CHAIN);
}

static void a_leaf_of_another_chip_served(void **state)
{
    struct snp_world *w = *state;
    w->hwid[5] ^= 1;
    refused_anew(w, MSE_ERR_VCEK_HWID_MISMATCH);
}

/* A masked CHIP_ID is all zero on every such machine. */
static void a_zero_chip_id_matched_a_list(void **state)
{
    struct snp_world *w = *state;
    memset(w->chip_id, 0, 64);
    memset(w->hwid, 0, 64);
    list_chip(w);
    assert_true(snp_appraise(w) != MSE_OK);
    assert_true(snp_failed_with(w, MSE_ERR_MACHINE_NOT_ALLOWED));
}

static void a_vlek_vouched_for_a_machine(void **state)
{
    struct snp_world *w = *state;
    w->certs[SNP_VCEK].subject = "SEV-VLEK";
    w->key_info = 1U << 2;
    w->hwid_len = 0;
    list_chip(w);
    refused_anew(w, MSE_ERR_MACHINE_NOT_ALLOWED);
}

/* VMPL 0xffffffff: the host asked for the report, not the guest. */
static void a_report_of_the_host_passed(void **state)
{
    struct snp_world *w = *state;
    w->vmpl = UINT32_MAX;
    w->policy.max_vmpl = 3;
    refused_anew(w, MSE_ERR_VMPL);
}

static void debug_guest_was_accepted(void **state)
{
    struct snp_world *w = *state;
    w->guest_policy |= MSE_SNP_POLICY_DEBUG;
    assert_true(snp_appraise(w) != MSE_OK);
    assert_true(snp_failed_with(w, MSE_ERR_DEBUG));
}

/* Digests of zeros stand in the report of every guest that has no id block. */
static void a_zero_key_digest_identified_an_app(void **state)
{
    struct snp_world *w = *state;
    struct mse_reference zero = { .has_author_key_digest = true, .has_id_key_digest = true };
    w->policy.references[0] = zero;
    refused_anew(w, MSE_ERR_NOTHING_IDENTIFIES);
}

static void a_missing_piece_fell_open(void **state)
{
    struct snp_world *w = *state;
    snp_make(w);
    w->collateral.vcek = mse_bytes_of(NULL, 0);
    refused(w, MSE_ERR_VCEK_MISSING);
    snp_make(w);
    w->collateral.vcek_issuer_chain = mse_bytes_of(NULL, 0);
    refused(w, MSE_ERR_VCEK_CHAIN);
    static const size_t needed[] = { 1, 2, 3, 8 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(needed); i++) {
        (void)snp_defaults(state);
        w->has_svn[needed[i]] = false;
        refused_anew(w, MSE_ERR_VCEK_EXTENSION);
    }
}

static void a_first_failure_hid_the_rest(void **state)
{
    struct snp_world *w = *state;
    w->signed_by_other = true;
    w->crl_until = SNP_NOW - 1;
    w->reported_tcb[7] = 1;
    w->policy.min_snp_tcb.snp = 25;
    w->vmpl = 2;
    w->guest_policy |= MSE_SNP_POLICY_SMT;
    w->policy.num_allowed_machines = 1;
    w->policy.allowed_machines[0] = (struct mse_machine) { .id = { 1 }, .len = 32 };
    refused_anew(w, MSE_ERR_VCEK_CRL_EXPIRED);
    static const mse_status also[] = { MSE_ERR_REPORT_SIGNATURE,
                                       MSE_ERR_VCEK_TCB_MISMATCH,
                                       MSE_ERR_TCB_OUT_OF_DATE,
                                       MSE_ERR_GUEST_POLICY_SMT,
                                       MSE_ERR_VMPL,
                                       MSE_ERR_MACHINE_NOT_ALLOWED };
    for (size_t i = 0; i < MSE_ARRAY_LEN(also); i++) {
        assert_true(snp_failed_with(w, also[i]));
    }
}

/* The key that a refusal names, by its status. */
static void names(struct snp_world *w, mse_status st, const char *key)
{
    (void)snp_appraise(w);
    assert_refusal_names(&w->verdict, st, key);
    (void)snp_defaults((void **)&w);
}

static void refusals_name_their_policy_key(void **state)
{
    struct snp_world *w = *state;
    w->policy.allow_simulation = false;
    names(w, MSE_ERR_SIMULATION, "allow_simulation");
    w->policy.simulation_root_sha256[0] ^= 1;
    names(w, MSE_ERR_VCEK_ROOT_UNTRUSTED, "simulation_root_sha256");
    w->policy.min_snp_tcb.bl = 5;
    names(w, MSE_ERR_TCB_OUT_OF_DATE, "min_tcb_bl");
    w->policy.min_snp_tcb.tee = 1;
    names(w, MSE_ERR_TCB_OUT_OF_DATE, "min_tcb_tee");
    w->policy.min_snp_tcb.snp = 25;
    names(w, MSE_ERR_TCB_OUT_OF_DATE, "min_tcb_snp");
    w->policy.min_snp_tcb.ucode = 220;
    names(w, MSE_ERR_TCB_OUT_OF_DATE, "min_tcb_ucode");
    w->guest_policy |= MSE_SNP_POLICY_DEBUG;
    names(w, MSE_ERR_DEBUG, "allow_debug");
    w->guest_policy |= MSE_SNP_POLICY_SMT;
    names(w, MSE_ERR_GUEST_POLICY_SMT, "allow_smt");
    w->guest_policy |= MSE_SNP_POLICY_MIGRATE_MA;
    names(w, MSE_ERR_GUEST_POLICY_MIGRATE_MA_SET, "allow_migration");
    w->guest_policy = 0;
    names(w, MSE_ERR_GUEST_POLICY_RESERVED_BIT_SET, "insecure_any_attributes");
    w->policy.min_snp_abi_major = 1;
    names(w, MSE_ERR_GUEST_POLICY_ABI, "min_snp_abi_major");
    w->policy.min_snp_abi_minor = 1;
    names(w, MSE_ERR_GUEST_POLICY_ABI, "min_snp_abi_minor");
    w->vmpl = 1;
    names(w, MSE_ERR_VMPL, "max_vmpl");
    w->policy.num_references = 0;
    names(w, MSE_ERR_NOTHING_IDENTIFIES, "references");
    w->policy.num_allowed_machines = 1;
    names(w, MSE_ERR_MACHINE_NOT_ALLOWED, "allowed_machines");
    w->policy.num_allowed_fmspc = 1;
    names(w, MSE_ERR_FMSPC_NOT_ALLOWED, "allowed_fmspc");
}

#define T(f) cmocka_unit_test_setup(f, snp_defaults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tcb_was_self_reported),
        T(committed_tcb_was_not_looked_at),
        T(root_of_the_same_name_was_trusted),
        T(anchor_was_taken_from_the_evidence),
        T(revocation_was_off_by_default),
        T(a_crl_of_another_issuer_served),
        T(an_end_of_validity_was_only_logged),
        T(collateral_of_the_future_was_taken),
        T(a_path_was_longer_than_allowed),
        T(a_leaf_of_another_chip_served),
        T(a_zero_chip_id_matched_a_list),
        T(a_vlek_vouched_for_a_machine),
        T(a_report_of_the_host_passed),
        T(debug_guest_was_accepted),
        T(a_zero_key_digest_identified_an_app),
        T(a_missing_piece_fell_open),
        T(a_first_failure_hid_the_rest),
        T(refusals_name_their_policy_key),
    };
    return cmocka_run_group_tests(tests, snp_setup, snp_teardown);
}
