/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict: deciding, adding, levels, printing; and the arithmetic of TCB statuses. */
#include "lib/testlib.h"

#include <jansson.h>

#include "attest/anchors.h"
#include "attest/tcb.h"
#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "world.h"

/* A verdict in which every step that SGX demands passed. */
static void pass_all(struct mse_verdict *v)
{
    struct mse_verdict empty = { .tee = MSE_TEE_SGX, .reference_index = SIZE_MAX };
    *v = empty;
    for (unsigned s = MSE_STEP_FORM; s <= MSE_STEP_MACHINE; s++) {
        mse_verdict_add(v, (enum mse_step)s, MSE_OK, NULL, NULL, NULL);
    }
}

/* The steps that a kind of evidence does without: those of others, and one of its own. */
static bool is_foreign(enum mse_tee_kind tee, unsigned step)
{
    if (tee == MSE_TEE_NITRO) {
        return step != MSE_STEP_FORM && step != MSE_STEP_NITRO_CHAIN &&
               step != MSE_STEP_COSE_SIGNATURE && step != MSE_STEP_SIMULATION &&
               step != MSE_STEP_ATTRIBUTES && step != MSE_STEP_REFERENCE &&
               step != MSE_STEP_MACHINE;
    }
    return (step >= MSE_STEP_VCEK_CHAIN && step <= MSE_STEP_COSE_SIGNATURE) ||
           step == (tee == MSE_TEE_SGX ? MSE_STEP_TDX_MODULE : MSE_STEP_SIGNER);
}

static void all_steps_needed(enum mse_tee_kind tee)
{
    static struct mse_verdict v;
    for (unsigned left_out = MSE_STEP_FORM; left_out <= MSE_STEP_MACHINE; left_out++) {
        struct mse_verdict empty = { .tee = tee };
        v = empty;
        for (unsigned s = MSE_STEP_FORM; s <= MSE_STEP_MACHINE; s++) {
            if (s != left_out) {
                mse_verdict_add(&v, (enum mse_step)s, MSE_OK, NULL, NULL, NULL);
            }
        }
        bool foreign = is_foreign(tee, left_out);
        assert_true(v.accepted == foreign);
        assert_status(v.status, foreign ? MSE_OK : MSE_ERR_NO_EVIDENCE);
        mse_note_skip(&v, (enum mse_step)left_out, "left out");
        mse_verdict_decide(&v);
        assert_false(v.accepted);
    }
}

static void test_all_steps_needed(void **state)
{
    (void)state;
    static struct mse_verdict v;
    pass_all(&v);
    assert_true(v.accepted);
    assert_status(v.status, MSE_OK);
    all_steps_needed(MSE_TEE_SGX);
    all_steps_needed(MSE_TEE_TDX);
    all_steps_needed(MSE_TEE_NITRO);
}

static void test_unknown_kind_is_never_accepted(void **state)
{
    (void)state;
    static const enum mse_tee_kind kinds[] = { MSE_TEE_NONE, (enum mse_tee_kind)9 };
    static struct mse_verdict v;
    for (size_t i = 0; i < MSE_ARRAY_LEN(kinds); i++) {
        pass_all(&v);
        v.tee = kinds[i];
        mse_verdict_decide(&v);
        assert_false(v.accepted);
        assert_status(v.status, MSE_ERR_NO_EVIDENCE);
    }
}

static void test_first_failure(void **state)
{
    (void)state;
    static struct mse_verdict v;
    pass_all(&v);
    mse_verdict_add(&v, MSE_STEP_NAME, MSE_ERR_CERTIFICATE_NAME, "a", "b", "key");
    assert_status(v.status, MSE_ERR_CERTIFICATE_NAME);
    mse_verdict_add(&v, MSE_STEP_BINDING, MSE_ERR_BINDING, "c\x1b[31m\xff", "d", NULL);
    assert_status(v.status, MSE_ERR_BINDING);
    assert_string_equal(mse_verdict_failure(&v)->seen, "c?[31m?");
    mse_verdict_add(&v, MSE_STEP_BINDING, MSE_ERR_ROLE, "e", "f", NULL);
    assert_status(v.status, MSE_ERR_BINDING);
}

/* Whatever a text is made of and however long it is, what is kept can be printed. */
static void test_texts_are_printable(void **state)
{
    (void)state;
    static struct mse_verdict v;
    struct mse_ask ask = { MSE_STEP_NAME, "a \"b\" \\ \x1b[2J", "references" };
    char longer[3 * MSE_CHECK_TEXT_LEN];
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    mse_note(&v, &ask, MSE_ERR_CERTIFICATE_NAME, "%s", ask.wanted);
    assert_string_equal(v.checks[0].wanted, "a 'b' ? ?[2J");
    assert_string_equal(v.checks[0].seen, "a 'b' ? ?[2J");
    mse_verdict_add(&v, MSE_STEP_NAME, MSE_OK, ask.wanted, ask.wanted, NULL);
    assert_string_equal(v.checks[1].wanted, "a 'b' ? ?[2J");
    assert_string_equal(v.checks[1].seen, "a 'b' ? ?[2J");
    ask.wanted = longer;
    mse_note(&v, &ask, MSE_OK, NULL);
    assert_int_equal(strlen(v.checks[2].wanted), MSE_CHECK_TEXT_LEN - 1);
    const struct mse_window w = { longer, 0, 1, MSE_ERR_MALFORMED, MSE_ERR_MALFORMED };
    const struct mse_moment now = mse_moment_of(0);
    mse_note_window(&v, MSE_STEP_NAME, &w, &now);
    assert_int_equal(strlen(v.checks[3].wanted), MSE_CHECK_TEXT_LEN - 1);
    const uint8_t octets[MSE_NOTE_MAX_OCTETS + 1] = { 0xab };
    ask.wanted = "c";
    mse_note_octets(&v, &ask, MSE_OK, "d ", mse_bytes_of(octets, 1));
    mse_note_octets(&v, &ask, MSE_ERR_MALFORMED, "d ", mse_bytes_of(octets, 1));
    mse_note_octets(&v, &ask, MSE_ERR_MALFORMED, "", mse_bytes_of(octets, sizeof octets));
    assert_string_equal(v.checks[4].seen, "");
    assert_string_equal(v.checks[5].seen, "d ab");
    assert_int_equal(strlen(v.checks[6].seen), 2 * MSE_NOTE_MAX_OCTETS);
}

/* However many checks there are, a failure is never lost. */
static void test_overflow(void **state)
{
    (void)state;
    static struct mse_verdict v;
    pass_all(&v);
    for (size_t i = 0; i < (size_t)2 * MSE_MAX_CHECKS; i++) {
        mse_verdict_add(&v, MSE_STEP_NAME, MSE_OK, NULL, NULL, NULL);
    }
    assert_true(v.accepted);
    mse_verdict_add(&v, MSE_STEP_NAME, MSE_ERR_CERTIFICATE_NAME, "a", "b", NULL);
    assert_false(v.accepted);
    mse_note_skip(&v, MSE_STEP_SESSION, "no room for it, and none is needed");
    assert_int_equal(v.checks[MSE_MAX_CHECKS - 1].status, MSE_ERR_CERTIFICATE_NAME);
    assert_false(v.accepted);
    assert_int_equal(v.num_checks, MSE_MAX_CHECKS);
    v.num_checks = MSE_MAX_CHECKS + 1;
    mse_verdict_decide(&v);
    assert_false(v.accepted);
}

/* The level is judged anew as it is learned: what it replaces in a full list must be no failure. */
static void test_level_hides_no_failure(void **state)
{
    (void)state;
    static struct mse_verdict v;
    static const struct mse_policy policy = { .require_level = 2 };
    for (unsigned before = 0; before <= 1; before++) {
        pass_all(&v);
        while (v.num_checks < MSE_MAX_CHECKS) {
            mse_verdict_add(&v, MSE_STEP_NAME, MSE_OK, NULL, NULL, NULL);
        }
        if (before != 0) {
            mse_verdict_set_level(&v, 0, &policy);
        }
        mse_verdict_add(&v, MSE_STEP_NAME, MSE_ERR_CERTIFICATE_NAME, "a", "b", NULL);
        mse_verdict_set_level(&v, 0, &policy);
        assert_false(v.accepted);
        mse_verdict_set_level(&v, 2, &policy);
        assert_false(v.accepted);
        assert_status(v.status, MSE_ERR_CERTIFICATE_NAME);
    }
}

static void test_window(void **state)
{
    (void)state;
    static struct mse_verdict v;
    struct mse_window w = { "x", 100, 200, MSE_ERR_TCB_INFO_NOT_YET_VALID,
                            MSE_ERR_TCB_INFO_EXPIRED };
    static const struct {
        mse_time at;
        mse_status st;
    } times[] = { { 99, MSE_ERR_TCB_INFO_NOT_YET_VALID },
                  { 100, MSE_OK },
                  { 200, MSE_OK },
                  { 201, MSE_ERR_TCB_INFO_EXPIRED } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(times); i++) {
        v.num_checks = 0;
        const struct mse_moment now = mse_moment_of(times[i].at);
        mse_note_window(&v, MSE_STEP_TCB_INFO, &w, &now);
        assert_status(v.checks[0].status, times[i].st);
        assert_int_equal(v.checks[0].seen[0] == '\0', times[i].st == MSE_OK);
    }
    assert_string_equal(v.checks[0].wanted, "x valid at 1970-01-01T00:03:21Z");
    assert_string_equal(v.checks[0].seen,
                        "valid from 1970-01-01T00:01:40Z until 1970-01-01T00:03:20Z");
    struct mse_window narrow = { "y", 150, 160, MSE_ERR_TCB_INFO_NOT_YET_VALID,
                                 MSE_ERR_TCB_INFO_EXPIRED };
    const struct mse_moment then = mse_moment_of(155);
    mse_note_window(&v, MSE_STEP_TCB_INFO, &narrow, &then);
    assert_int_equal(v.valid_from, 150);
    assert_int_equal(v.valid_until, 160);
}

static void test_json(void **state)
{
    struct world *w = *state;
    static char text[65536];
    w->tcb_status = MSE_TCB_OUT_OF_DATE;
    assert_status(world_appraise(w), MSE_ERR_TCB_STATUS);
    assert_status(mse_verdict_to_json(text, sizeof text, &w->verdict), MSE_OK);
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    assert_true(json_is_false(json_object_get(j, "accepted")));
    assert_true(json_is_true(json_object_get(j, "simulated")));
    assert_string_equal(json_string_value(json_object_get(j, "status")), "tcb_status");
    const json_t *reason = json_object_get(j, "reason");
    assert_string_equal(json_string_value(json_object_get(reason, "seen")), "OutOfDate");
    assert_string_equal(json_string_value(json_object_get(reason, "wanted")), "UpToDate");
    assert_string_equal(json_string_value(json_object_get(reason, "policy_key")),
                        "accepted_tcb_statuses");
    assert_int_equal(json_array_size(json_object_get(j, "checks")), w->verdict.num_checks);
    assert_int_equal(json_array_size(json_object_get(j, "dates")), w->verdict.num_dates);
    json_decref(j);
    w->tcb_status = MSE_TCB_UP_TO_DATE;
    assert_status(world_appraise(w), MSE_OK);
    assert_status(mse_verdict_to_json(text, sizeof text, &w->verdict), MSE_OK);
    j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_null(json_object_get(j, "reason")));
    json_decref(j);
}

/* Too little room is said, never written past. */
static void test_room(void **state)
{
    struct world *w = *state;
    static char text[65536];
    assert_status(world_appraise(w), MSE_OK);
    assert_status(mse_verdict_to_json(text, sizeof text, &w->verdict), MSE_OK);
    size_t json = strlen(text);
    assert_status(mse_verdict_to_json(text, json, &w->verdict), MSE_ERR_NO_SPACE);
    assert_status(mse_verdict_to_json(text, json + 1, &w->verdict), MSE_OK);
    assert_status(mse_verdict_to_text(text, sizeof text, &w->verdict), MSE_OK);
    assert_non_null(strstr(text, "verdict: accepted"));
    assert_non_null(strstr(text, "SIMULATED"));
    assert_status(mse_verdict_to_text(text, 10, &w->verdict), MSE_ERR_NO_SPACE);
    static struct mse_verdict full;
    struct mse_verdict empty = { .tee = MSE_TEE_SGX };
    full = empty;
    for (size_t i = 0; i < MSE_MAX_CHECKS; i++) {
        char filler[MSE_CHECK_TEXT_LEN];
        memset(filler, '"', sizeof filler - 1);
        filler[sizeof filler - 1] = '\0';
        mse_verdict_add(&full, MSE_STEP_NAME, MSE_ERR_CERTIFICATE_NAME, filler, filler, "key");
    }
    assert_status(mse_verdict_to_json(text, sizeof text, &full), MSE_OK);
    assert_status(mse_verdict_to_text(text, sizeof text, &full), MSE_OK);
}

/* What a stranger wrote reaches JSON as valid UTF-8, and whole characters only. */
static void test_texts_of_strangers(void **state)
{
    (void)state;
    static struct mse_verdict v;
    static char text[65536];
    struct mse_verdict empty = { .tee = MSE_TEE_SGX };
    struct mse_ask ask = { MSE_STEP_PCK_CHAIN, "SIMULATION \xe2\x80\x93 NOT HARDWARE", NULL };
    for (size_t lead = 0; lead < 4; lead++) {
        char seen[MSE_CHECK_TEXT_LEN + 16] = "";
        memset(seen, 'a', lead);
        for (size_t i = lead; i + 3 < sizeof seen; i += 3) {
            memcpy(seen + i, "\xe2\x80\x93", 4);
        }
        v = empty;
        mse_note(&v, &ask, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED, "%s", seen);
        assert_string_equal(v.checks[0].wanted, ask.wanted);
        size_t len = strlen(v.checks[0].seen);
        assert_true(len > MSE_CHECK_TEXT_LEN - 4 && (len - lead) % 3 == 0);
        mse_note(&v, &ask, MSE_ERR_PCK_CHAIN_ROOT_UNTRUSTED, "\xe2\x80\xae\x1b\xff\"\\");
        assert_string_equal(v.checks[1].seen, "\?\?\?'?");
        struct mse_bytes advisory = mse_bytes_str("SA\xe2\x80\xae\xc2\x9b");
        assert_true(mse_tcb_add_advisories(&v, &advisory, 1));
        assert_string_equal(v.advisories[0], "SA??");
        assert_status(mse_verdict_to_json(text, sizeof text, &v), MSE_OK);
        assert_true(mse_utf8_valid(mse_bytes_str(text)));
        assert_non_null(strstr(text, ask.wanted));
        json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(j);
        json_decref(j);
        assert_status(mse_verdict_to_text(text, sizeof text, &v), MSE_OK);
        assert_true(mse_utf8_valid(mse_bytes_str(text)));
    }
}

static void test_step_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MSE_STEP_COUNT; i++) {
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(mse_step_name((enum mse_step)i),
                                    mse_step_name((enum mse_step)k));
        }
    }
    assert_string_equal(mse_step_name(MSE_STEP_COUNT), "unknown");
}

static void test_converge(void **state)
{
    (void)state;
    static const struct {
        enum mse_tcb_status a;
        enum mse_tcb_status b;
        enum mse_tcb_status both;
    } cases[] = {
        { MSE_TCB_UP_TO_DATE, MSE_TCB_UP_TO_DATE, MSE_TCB_UP_TO_DATE },
        { MSE_TCB_UP_TO_DATE, MSE_TCB_OUT_OF_DATE, MSE_TCB_OUT_OF_DATE },
        { MSE_TCB_SW_HARDENING_NEEDED, MSE_TCB_OUT_OF_DATE, MSE_TCB_OUT_OF_DATE },
        { MSE_TCB_CONFIGURATION_NEEDED, MSE_TCB_OUT_OF_DATE,
          MSE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED },
        { MSE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED, MSE_TCB_OUT_OF_DATE,
          MSE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED },
        { MSE_TCB_CONFIGURATION_NEEDED, MSE_TCB_SW_HARDENING_NEEDED,
          MSE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED },
        { MSE_TCB_TD_RELAUNCH_ADVISED, MSE_TCB_CONFIGURATION_NEEDED,
          MSE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED },
        { MSE_TCB_TD_RELAUNCH_ADVISED, MSE_TCB_OUT_OF_DATE, MSE_TCB_OUT_OF_DATE },
        { MSE_TCB_REVOKED, MSE_TCB_UP_TO_DATE, MSE_TCB_REVOKED },
        { MSE_TCB_NONE, MSE_TCB_UP_TO_DATE, MSE_TCB_NONE },
        { MSE_TCB_NONE, MSE_TCB_REVOKED, MSE_TCB_NONE },
        { MSE_TCB_STATUS_COUNT, MSE_TCB_UP_TO_DATE, MSE_TCB_NONE },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        assert_int_equal(mse_tcb_converge(cases[i].a, cases[i].b), cases[i].both);
        assert_int_equal(mse_tcb_converge(cases[i].b, cases[i].a), cases[i].both);
    }
    for (int s = MSE_TCB_UP_TO_DATE; s <= MSE_TCB_REVOKED; s++) {
        enum mse_tcb_status status = (enum mse_tcb_status)s;
        assert_int_equal(mse_tcb_converge(status, status), status);
    }
}

static void test_advisories(void **state)
{
    (void)state;
    static struct mse_verdict v;
    struct mse_bytes ids[] = { mse_bytes_str("A"), mse_bytes_str("B"), mse_bytes_str("A") };
    assert_true(mse_tcb_add_advisories(&v, ids, 3));
    assert_true(mse_tcb_add_advisories(&v, ids, 2));
    assert_int_equal(v.num_advisories, 2);
    struct mse_bytes longest = mse_bytes_str("AAAAAAAAAAAAAAAAAAAAAAA");
    struct mse_bytes too_long = mse_bytes_str("AAAAAAAAAAAAAAAAAAAAAAAA");
    assert_true(mse_tcb_add_advisories(&v, &longest, 1));
    assert_false(mse_tcb_add_advisories(&v, &too_long, 1));
    v.num_advisories = MSE_MAX_ADVISORIES;
    struct mse_bytes one = mse_bytes_str("ONE MORE");
    assert_false(mse_tcb_add_advisories(&v, &one, 1));
}

/* The compiled-in root: SHA-256 of the point as it stands in Intel's published certificate. */
static void test_anchor(void **state)
{
    (void)state;
    uint8_t digest[32];
    uint8_t wanted[32];
    assert_true(mse_hex_decode(
        wanted, 32,
        mse_bytes_str("08cb5397a6281bbacc9c4232859b840f56868ed592d68c6eae4ce22ce23ea341")));
    assert_status(mse_sha256(digest, mse_bytes_of(mse_intel_root_point(), 64)), MSE_OK);
    assert_memory_equal(digest, wanted, 32);
    struct mse_policy p = { .simulation_only = false };
    struct mse_anchors a = mse_anchors_of(&p);
    assert_int_equal(a.num, 1);
    assert_false(a.keys[0].simulated);
    /* Intel's key stays hardware, whatever a policy says. */
    memcpy(p.simulation_root, mse_intel_root_point(), 64);
    a = mse_anchors_of(&p);
    assert_int_equal(a.num, 1);
    p.simulation_only = true;
    assert_int_equal(mse_anchors_of(&p).num, 0);
}

#define T(f) cmocka_unit_test_setup(f, world_defaults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_all_steps_needed),
        T(test_unknown_kind_is_never_accepted),
        T(test_first_failure),
        T(test_texts_are_printable),
        T(test_overflow),
        T(test_level_hides_no_failure),
        T(test_window),
        T(test_json),
        T(test_room),
        T(test_texts_of_strangers),
        T(test_step_names),
        T(test_converge),
        T(test_advisories),
        T(test_anchor),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
