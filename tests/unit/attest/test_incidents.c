/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong in other verifiers, one test for each class, named after it. Each begins from
 * evidence that is accepted and makes the one change that those verifiers let pass. */
#include "lib/refusal.h"
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/sign.h"
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
    struct world_edit e = { from, to, false };
    assert_int_equal(world_defaults((void **)&w), 0);
    w->tcb_edit = e;
}

static void edit_qe(struct world *w, const char *from, const char *to)
{
    struct world_edit e = { from, to, false };
    assert_int_equal(world_defaults((void **)&w), 0);
    w->qe_edit = e;
}

/* Any enclave on a genuine platform can have a report signed like this; it is no quoting enclave.
 */
static void qe_identity_was_not_checked(void **state)
{
    struct world *w = *state;
    w->qe.mr_signer[0] ^= 1;
    refused_anew(w, MSE_ERR_QE_IDENTITY_MISMATCH);
    assert_true(w->verdict.signatures_ok);
    edit_qe(w, "\"id\":\"QE\"", "\"id\":\"TD_QE\"");
    refused_anew(w, MSE_ERR_QE_IDENTITY_MISMATCH);
}

/* What a platform says of itself counts for nothing: its SVNs are those of the certificate. */
static void tcb_was_self_reported(void **state)
{
    struct world *w = *state;
    memset(w->body.cpu_svn, 0xff, sizeof w->body.cpu_svn);
    memset(w->qe.cpu_svn, 0xff, sizeof w->qe.cpu_svn);
    memset(w->ext.cpu_svn, 0xff, sizeof w->ext.cpu_svn);
    assert_status(world_appraise(w), MSE_OK);
    w->ext.comp_svn[0] = 3;
    refused_anew(w, MSE_ERR_TCB_STATUS);
    assert_int_equal(w->verdict.tcb_status, MSE_TCB_OUT_OF_DATE);
    w->ext.comp_svn[0] = 2;
    refused_anew(w, MSE_ERR_TCB_NOT_SUPPORTED);
}

/* Same names, same shapes, consistent in itself: only the key is another. */
static void root_of_the_same_name_was_trusted(void **state)
{
    struct world *w = *state;
    struct mse_privkey *own = w->keys[WORLD_KEY_ROOT];
    w->keys[WORLD_KEY_ROOT] = w->keys[WORLD_KEY_OTHER];
    struct mse_policy trusted = w->policy;
    assert_int_equal(world_defaults(state), 0);
    world_make(w);
    assert_status(world_judge(w), MSE_OK); /* its own policy trusts it */
    w->policy = trusted;
    refused(w, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    w->keys[WORLD_KEY_ROOT] = own;
}

/* A policy without a root of its own takes none from what it judges. */
static void anchor_was_taken_from_the_evidence(void **state)
{
    struct world *w = *state;
    memset(w->policy.simulation_root, 0, sizeof w->policy.simulation_root);
    refused_anew(w, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED);
    assert_true(world_failed_with(w, MSE_ERR_TCB_INFO_CHAIN_ROOT_UNTRUSTED));
    assert_true(world_failed_with(w, MSE_ERR_QE_IDENTITY_CHAIN_ROOT_UNTRUSTED));
}

static void serial_of_the_leaf_was_not_looked_up(void **state)
{
    struct world *w = *state;
    w->pck_crl_revokes = WORLD_PCK;
    refused_anew(w, MSE_ERR_PCK_REVOKED);
}

static void signature_of_the_json_was_not_checked(void **state)
{
    struct world *w = *state;
    world_make(w);
    w->tcb_sig[40] ^= 1;
    refused(w, MSE_ERR_TCB_INFO_SIGNATURE);
    world_make(w);
    w->qe_sig[40] ^= 1;
    refused(w, MSE_ERR_QE_IDENTITY_SIGNATURE);
    world_make(w); /* the signature of the other document, by the same signer */
    w->collateral.qe_identity_signature = mse_bytes_of(w->tcb_sig, 64);
    refused(w, MSE_ERR_QE_IDENTITY_SIGNATURE);
}

/* The same members in another form: a verifier that writes the JSON anew does not notice. */
static void json_was_serialised_again(void **state)
{
    struct world *w = *state;
    struct world_edit space = { "\"version\":3,", "\"version\":3, ", true };
    w->tcb_edit = space;
    refused_anew(w, MSE_ERR_TCB_INFO_SIGNATURE);
    struct world_edit number = { "\"tcbEvaluationDataNumber\":17",
                                 "\"tcbEvaluationDataNumber\":17.0", true };
    w->tcb_edit = number;
    refused_anew(w, MSE_ERR_TCB_INFO_SIGNATURE);
}

static void an_end_of_validity_was_only_logged(void **state)
{
    struct world *w = *state;
    w->at = WORLD_NOW + 29 * WORLD_DAY;
    assert_status(world_appraise(w), MSE_OK);
    w->at++;
    refused_anew(w, MSE_ERR_PCK_CRL_EXPIRED);
    assert_true(world_failed_with(w, MSE_ERR_ROOT_CRL_EXPIRED));
    assert_true(world_failed_with(w, MSE_ERR_TCB_INFO_EXPIRED));
    assert_true(world_failed_with(w, MSE_ERR_QE_IDENTITY_EXPIRED));
}

static void collateral_of_the_future_was_taken(void **state)
{
    struct world *w = *state;
    w->at = WORLD_NOW - WORLD_DAY;
    assert_status(world_appraise(w), MSE_OK);
    w->at--;
    refused_anew(w, MSE_ERR_PCK_CRL_NOT_YET_VALID);
    assert_true(world_failed_with(w, MSE_ERR_ROOT_CRL_NOT_YET_VALID));
    assert_true(world_failed_with(w, MSE_ERR_TCB_INFO_NOT_YET_VALID));
    assert_true(world_failed_with(w, MSE_ERR_QE_IDENTITY_NOT_YET_VALID));
}

/* As text "2026-9…" comes after "2026-10…", and a zone is not seen: one form of a date is read. */
static void dates_were_compared_as_text(void **state)
{
    struct world *w = *state;
    static const char *const forms[] = { "2026-1-30", "2026-01-30T00:00:00+14:00\",\"x\":\"",
                                         "2026-01-32", "26-01-30", "12026-01-30" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(forms); i++) {
        edit_tcb(w, "2026-01-30", forms[i]);
        refused_anew(w, MSE_ERR_TCB_INFO_MALFORMED);
        edit_qe(w, "2026-01-30", forms[i]);
        refused_anew(w, MSE_ERR_QE_IDENTITY_MALFORMED);
    }
}

/* One bad answer is no reason to leave out the other questions. */
static void a_first_failure_hid_the_rest(void **state)
{
    struct world *w = *state;
    w->tcb_status = MSE_TCB_OUT_OF_DATE;
    w->qe.mr_signer[0] ^= 1;
    w->body.attr_flags |= MSE_SGX_FLAG_DEBUG;
    w->policy.references[0].mr_enclave[0] ^= 1;
    w->pck_crl_revokes = WORLD_PCK;
    refused_anew(w, MSE_ERR_PCK_REVOKED);
    assert_true(world_failed_with(w, MSE_ERR_QE_IDENTITY_MISMATCH));
    assert_true(world_failed_with(w, MSE_ERR_TCB_STATUS));
    assert_true(world_failed_with(w, MSE_ERR_DEBUG));
    assert_true(world_failed_with(w, MSE_ERR_MRENCLAVE_MISMATCH));
}

/* Whatever is missing, nothing falls open. */
static void a_missing_piece_fell_open(void **state)
{
    struct world *w = *state;
    static const mse_status want[] = { MSE_ERR_TCB_INFO_MISSING,    MSE_ERR_TCB_INFO_MISSING,
                                       MSE_ERR_TCB_INFO_MISSING,    MSE_ERR_QE_IDENTITY_MISSING,
                                       MSE_ERR_QE_IDENTITY_MISSING, MSE_ERR_QE_IDENTITY_MISSING,
                                       MSE_ERR_PCK_CRL_MISSING,     MSE_ERR_ROOT_CRL_MISSING };
    for (size_t i = 0; i < MSE_ARRAY_LEN(want); i++) {
        world_make(w);
        struct mse_bytes *const pieces[] = {
            &w->collateral.tcb_info,
            &w->collateral.tcb_info_signature,
            &w->collateral.tcb_info_issuer_chain,
            &w->collateral.qe_identity,
            &w->collateral.qe_identity_signature,
            &w->collateral.qe_identity_issuer_chain,
            &w->collateral.pck_crl,
            &w->collateral.root_ca_crl,
        };
        struct mse_bytes none = { NULL, 0 };
        *pieces[i] = none;
        refused(w, want[i]);
    }
}

static void an_unaccepted_status_was_dropped(void **state)
{
    struct world *w = *state;
    for (unsigned s = MSE_TCB_SW_HARDENING_NEEDED; s < MSE_TCB_STATUS_COUNT; s++) {
        w->tcb_status = (enum mse_tcb_status)s;
        refused_anew(w, s == MSE_TCB_REVOKED ? MSE_ERR_TCB_REVOKED : MSE_ERR_TCB_STATUS);
    }
    edit_tcb(w, "\"UpToDate\"", "\"uptodate\"");
    refused_anew(w, MSE_ERR_TCB_INFO_MALFORMED);
    edit_tcb(w, "\"UpToDate\"", "\"MostlyFine\"");
    refused_anew(w, MSE_ERR_TCB_INFO_MALFORMED);
}

/* The ISVSVN of the QE equal to a level's belongs to that level; one less does not. */
static void an_svn_was_off_by_one(void **state)
{
    struct world *w = *state;
    w->qe.isv_svn = 6;
    assert_status(world_appraise(w), MSE_OK);
    w->qe.isv_svn = 5;
    refused_anew(w, MSE_ERR_TCB_NOT_SUPPORTED);
}

/* Two readers see two documents in one. */
static void keys_stood_there_twice(void **state)
{
    struct world *w = *state;
    edit_tcb(w, "\"tcbType\":0", "\"tcbType\":0,\"fmspc\":\"00606A000001\"");
    refused_anew(w, MSE_ERR_TCB_INFO_MALFORMED);
    edit_tcb(w, "\"tcbType\":0", "\"tcbType\":0,\"\\u0066mspc\":\"00606A000001\"");
    refused_anew(w, MSE_ERR_TCB_INFO_MALFORMED);
    edit_tcb(w, "{\"svn\":4}", "{\"svn\":0,\"svn\":4}");
    refused_anew(w, MSE_ERR_TCB_INFO_MALFORMED);
    edit_qe(w, "\"isvprodid\":1", "\"isvprodid\":9,\"isvprodid\":1");
    refused_anew(w, MSE_ERR_QE_IDENTITY_MALFORMED);
}

/* Lists have an end that the reader knows. */
static void a_vector_was_unbounded(void **state)
{
    struct world *w = *state;
    char to[2048];
    size_t len = 0;
    for (unsigned i = 0; i < MSE_MAX_ADVISORIES + 1; i++) {
        len += (size_t)snprintf(to + len, sizeof to - len, "%s\"SA-%u\"", i > 0 ? "," : "", i);
    }
    edit_tcb(w, "\"INTEL-SA-00001\"", to);
    refused_anew(w, MSE_ERR_TCB_INFO_MALFORMED);
    edit_tcb(w, "[{\"svn\":4}", "[{\"svn\":4},{\"svn\":4}");
    refused_anew(w, MSE_ERR_TCB_INFO_MALFORMED);
    assert_int_equal(world_defaults(state), 0);
    world_make(w);
    w->quote.data[432] = w->quote.data[433] = w->quote.data[434] = w->quote.data[435] = 0xff;
    refused(w, MSE_ERR_MALFORMED);
    world_make(w);
    w->quote.data[436 + 576] = w->quote.data[436 + 577] = 0xff; /* authentication data */
    refused(w, MSE_ERR_MALFORMED);
}

/* The attestation key and the authentication data are hashed one behind the other: no byte may move
 * from one to the other, nor from there to what follows. */
static void a_concatenation_was_signed_without_lengths(void **state)
{
    struct world *w = *state;
    world_make(w);
    const size_t auth_len = 436 + 576;
    for (int by = -1; by <= 1; by += 2) {
        w->quote.data[auth_len] = (uint8_t)(w->quote.data[auth_len] + by);
        assert_true(world_judge(w) != MSE_OK);
        w->quote.data[auth_len] = (uint8_t)(w->quote.data[auth_len] - by);
        w->quote.data[432] = (uint8_t)(w->quote.data[432] + by);
        refused(w, MSE_ERR_MALFORMED);
        w->quote.data[432] = (uint8_t)(w->quote.data[432] - by);
    }
    assert_status(world_judge(w), MSE_OK);
}

static void a_path_was_longer_than_allowed(void **state)
{
    struct world *w = *state;
    w->chain_len = 4; /* a CA below the CA that may have none */
    w->chain[1] = WORLD_CA;
    w->chain[2] = WORLD_CA;
    w->chain[3] = WORLD_ROOT;
    refused_anew(w, MSE_ERR_PCK_CHAIN_MALFORMED);
    assert_int_equal(world_defaults(state), 0);
    w->certs[WORLD_ROOT].path_len = 0;
    refused_anew(w, MSE_ERR_PCK_CHAIN_MALFORMED);
    /* An end entity signs no certificate: its own serves as nobody's issuer. */
    assert_int_equal(world_defaults(state), 0);
    w->chain[1] = WORLD_TCB;
    refused_anew(w, MSE_ERR_PCK_CHAIN_SIGNATURE);
}

static void a_crl_of_another_issuer_served(void **state)
{
    struct world *w = *state;
    world_make(w);
    struct mse_bytes pck = w->collateral.pck_crl;
    w->collateral.pck_crl = w->collateral.root_ca_crl;
    refused(w, MSE_ERR_PCK_CRL_ISSUER_MISMATCH);
    w->collateral.root_ca_crl = pck;
    refused(w, MSE_ERR_PCK_CRL_ISSUER_MISMATCH);
    assert_true(world_failed_with(w, MSE_ERR_ROOT_CRL_ISSUER_MISMATCH));
    /* The right name, the wrong key. */
    w->pck_crl.issuer_key = w->keys[WORLD_KEY_ROOT];
    refused_anew(w, MSE_ERR_PCK_CRL_SIGNATURE);
}

static void bytes_stood_behind_the_end(void **state)
{
    struct world *w = *state;
    world_make(w);
    mse_wr_u8(&w->quote, 0);
    refused(w, MSE_ERR_MALFORMED);
    world_make(w);
    mse_wr_u8(&w->pck_crl_der, 0);
    w->collateral.pck_crl = mse_build_view(&w->pck_crl_der);
    refused(w, MSE_ERR_PCK_CRL_MALFORMED);
    edit_tcb(w, "]}]}", "]}]}{}");
    refused_anew(w, MSE_ERR_TCB_INFO_MALFORMED);
    edit_qe(w, "]}]}", "]}]}x");
    refused_anew(w, MSE_ERR_QE_IDENTITY_MALFORMED);
}

/* An FMSPC names a family of processors: whoever lists machines wants this very one. */
static void a_family_passed_for_a_machine(void **state)
{
    struct world *w = *state;
    struct mse_machine m = { .id = { 0x66, 2 }, .len = 16 };
    w->policy.num_allowed_fmspc = 1;
    memcpy(w->policy.allowed_fmspc[0], w->ext.fmspc, 6);
    assert_status(world_appraise(w), MSE_OK);
    w->policy.num_allowed_machines = 1;
    w->policy.allowed_machines[0] = m;
    refused_anew(w, MSE_ERR_MACHINE_NOT_ALLOWED);
}

/* The key that a refusal names, by its status. */
static void names(struct world *w, mse_status st, const char *key)
{
    (void)world_appraise(w);
    assert_refusal_names(&w->verdict, st, key);
    (void)world_defaults((void **)&w);
}

/* That all refusals name step, seen and wanted is asked of every verdict (refusal.h). */
static void refusals_name_their_policy_key(void **state)
{
    struct world *w = *state;
    w->policy.allow_simulation = false;
    names(w, MSE_ERR_SIMULATION, "allow_simulation");
    w->tcb_status = MSE_TCB_SW_HARDENING_NEEDED;
    names(w, MSE_ERR_TCB_STATUS, "accepted_tcb_statuses");
    w->tcb_status = MSE_TCB_OUT_OF_DATE;
    names(w, MSE_ERR_TCB_ADVISORY, "accepted_advisories");
    w->policy.has_min_tcb_date = true;
    w->policy.min_tcb_date = WORLD_NOW;
    names(w, MSE_ERR_TCB_DATE, "min_tcb_date");
    w->policy.min_tcb_evaluation_number = 99;
    names(w, MSE_ERR_TCB_EVALUATION_NUMBER, "min_tcb_evaluation_number");
    edit_qe(w, "\"tcbEvaluationDataNumber\":17", "\"tcbEvaluationDataNumber\":18");
    names(w, MSE_ERR_TCB_EVALUATION_MIXED, "allow_mixed_evaluation_numbers");
    w->policy.max_collateral_age = 31 * WORLD_DAY;
    w->tcb_edit =
        (struct world_edit) { "\"issueDate\":\"2025-12-31", "\"issueDate\":\"2025-11-30", false };
    names(w, MSE_ERR_COLLATERAL_AGE, "max_collateral_age");
    w->body.attr_flags |= MSE_SGX_FLAG_DEBUG;
    names(w, MSE_ERR_DEBUG, "allow_debug");
    w->body.attr_flags |= MSE_SGX_FLAG_PROVISION_KEY;
    names(w, MSE_ERR_ATTRIBUTES, "insecure_any_attributes");
    w->policy.references[0].mr_enclave[0] ^= 1;
    names(w, MSE_ERR_MRENCLAVE_MISMATCH, "references");
    w->policy.num_references = 0;
    names(w, MSE_ERR_NOTHING_IDENTIFIES, "references");
    w->policy.num_allowed_machines = 1;
    names(w, MSE_ERR_MACHINE_NOT_ALLOWED, "allowed_machines");
    w->policy.num_allowed_fmspc = 1;
    names(w, MSE_ERR_FMSPC_NOT_ALLOWED, "allowed_fmspc");
}

#define T(f) cmocka_unit_test_setup(f, world_defaults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(qe_identity_was_not_checked),
        T(tcb_was_self_reported),
        T(root_of_the_same_name_was_trusted),
        T(anchor_was_taken_from_the_evidence),
        T(serial_of_the_leaf_was_not_looked_up),
        T(signature_of_the_json_was_not_checked),
        T(json_was_serialised_again),
        T(an_end_of_validity_was_only_logged),
        T(collateral_of_the_future_was_taken),
        T(dates_were_compared_as_text),
        T(a_first_failure_hid_the_rest),
        T(a_missing_piece_fell_open),
        T(an_unaccepted_status_was_dropped),
        T(an_svn_was_off_by_one),
        T(keys_stood_there_twice),
        T(a_vector_was_unbounded),
        T(a_concatenation_was_signed_without_lengths),
        T(a_path_was_longer_than_allowed),
        T(a_crl_of_another_issuer_served),
        T(bytes_stood_behind_the_end),
        T(a_family_passed_for_a_machine),
        T(refusals_name_their_policy_key),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
