/* SPDX-License-Identifier: Apache-2.0 */
/* The step "log": what a policy with log_keys refuses, and what it takes. */
#include <stdlib.h>

#include "lib/testlib.h"

#include "attest/verdict.h"
#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/ed25519.h"
#include "tlog/note.h"

#define NUM_WITNESSES 3

/* A log with one entry beside another leaf; every knob may be turned before make(). */
struct world {
    struct mse_verdict v;
    struct mse_policy policy;
    struct mse_log_proof room;
    struct mse_log_entry entry;
    uint8_t secrets[1 + NUM_WITNESSES][32];
    struct mse_log_key keys[1 + NUM_WITNESSES];
    unsigned cosigned; /* one bit each */
    uint8_t sibling;
    struct mse_build proof;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    mse_verdict_begin(&w->v, MSE_TEE_SGX);
    for (unsigned s = MSE_STEP_FORM; s <= MSE_STEP_MACHINE; s++) {
        mse_verdict_add(&w->v, (enum mse_step)s, MSE_OK, NULL, NULL, NULL);
    }
    w->v.signatures_ok = true;
    w->v.has_fingerprint = true;
    memset(w->v.fingerprint, 0x11, 32);
    mse_policy_default(&w->policy);
    w->entry.name = mse_bytes_str("app");
    memset(w->entry.fingerprint, 0x11, 32);
    for (size_t i = 0; i < MSE_ARRAY_LEN(w->keys); i++) {
        static const char *const names[] = { "log.example", "a.example", "b.example", "c.example" };
        uint8_t public[32];
        w->secrets[i][0] = (uint8_t)(i + 1);
        assert_status(mse_ed25519_public(public, w->secrets[i]), MSE_OK);
        assert_status(mse_log_key_make(&w->keys[i], names[i],
                                       i == 0 ? MSE_LOG_KEY_LOG : MSE_LOG_KEY_WITNESS, public,
                                       NULL),
                      MSE_OK);
    }
    w->policy.num_log_keys = 1;
    w->policy.log_keys[0] = w->keys[0];
    mse_build_heap(&w->proof, 65536);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    mse_build_clear(&w->proof);
    free(w);
    return 0;
}

static void wr_base64_line(struct mse_build *b, struct mse_bytes in)
{
    static char text[2048];
    mse_base64_encode(text, in);
    mse_wr_printf(b, "%s\n", text);
}

static void sign(struct world *w, struct mse_bytes text, unsigned who)
{
    uint8_t raw[76];
    uint8_t message[MSE_LOG_COSIGNED_LEN];
    struct mse_build r;
    size_t len = 0;
    mse_build_fixed(&r, raw, sizeof raw);
    mse_wr_u32be(&r, w->keys[who].id);
    if (who > 0) {
        mse_wr_u64be(&r, 5);
        assert_true(mse_log_cosigned_message(message, &len, 5, text));
        text = mse_bytes_of(message, len);
    }
    assert_status(mse_ed25519_sign(mse_wr_space(&r, 64), w->secrets[who], text), MSE_OK);
    mse_wr_printf(&w->proof, "\xe2\x80\x94 %s ", w->keys[who].name);
    wr_base64_line(&w->proof, mse_build_view(&r));
}

static void make(struct world *w)
{
    uint8_t entry[MSE_LOG_MAX_ENTRY];
    uint8_t leaf[32];
    uint8_t sibling[32];
    uint8_t root[32];
    char text[256];
    char base64[48];
    size_t len = 0;
    assert_status(mse_log_entry_write(entry, &len, &w->entry, NULL), MSE_OK);
    assert_status(mse_log_leaf_hash(leaf, mse_bytes_of(entry, len)), MSE_OK);
    memset(sibling, 7, sizeof sibling);
    assert_status(mse_log_node_hash(root, leaf, sibling), MSE_OK);
    memset(sibling, 7 + w->sibling, sizeof sibling);
    mse_base64_encode(base64, mse_bytes_of(root, 32));
    (void)snprintf(text, sizeof text, "log.example\n2\n%s\n", base64);
    mse_build_reset(&w->proof);
    mse_wr_str(&w->proof, "c2sp.org/tlog-proof@v1\nextra ");
    wr_base64_line(&w->proof, mse_bytes_of(entry, len));
    mse_wr_str(&w->proof, "index 0\n");
    wr_base64_line(&w->proof, mse_bytes_of(sibling, 32));
    mse_wr_printf(&w->proof, "\n%s\n", text);
    for (unsigned i = 0; i < MSE_ARRAY_LEN(w->keys); i++) {
        if (i == 0 || (w->cosigned & 1U << i) != 0) {
            sign(w, mse_bytes_str(text), i);
        }
    }
    assert_true(mse_build_ok(&w->proof));
}

static void expect(struct world *w, mse_status st)
{
    assert_status(mse_verdict_set_log(&w->v, &w->room, &w->policy, mse_build_view(&w->proof)), st);
    assert_status(w->v.status, st);
    assert_true(w->v.accepted == (st == MSE_OK));
    if (st != MSE_OK) {
        assert_int_equal(mse_verdict_failure(&w->v)->step, MSE_STEP_LOG);
        assert_string_equal(mse_verdict_failure(&w->v)->policy_key, "log_keys");
    }
}

/* One of several: the first that is good, and what is told if none is. */
static void test_several(void **state)
{
    struct world *w = *state;
    struct mse_build other;
    make(w);
    mse_build_heap(&other, 65536);
    mse_wr_bytes(&other, mse_build_view(&w->proof));
    memset(w->entry.fingerprint, 0x22, 32);
    make(w); /* of another version */
    struct mse_bytes items[3] = { mse_build_view(&w->proof), mse_build_view(&other),
                                  mse_bytes_str("no proof") };
    struct mse_log_proofs given = { items, 3 };
    assert_status(mse_verdict_set_logs(&w->v, &w->room, &w->policy, &given), MSE_OK);
    assert_true(w->v.accepted);
    given.num = 1;
    assert_status(mse_verdict_set_logs(&w->v, &w->room, &w->policy, &given), MSE_ERR_LOG_ENTRY);
    items[1] = items[2];
    given.num = 2;
    assert_status(mse_verdict_set_logs(&w->v, &w->room, &w->policy, &given), MSE_ERR_LOG_FORM);
    assert_status(w->v.status, MSE_ERR_LOG_FORM);
    given.num = 0;
    assert_status(mse_verdict_set_logs(&w->v, &w->room, &w->policy, &given), MSE_ERR_LOG_MISSING);
    w->policy.num_log_keys = 0;
    assert_status(mse_verdict_set_logs(&w->v, &w->room, &w->policy, &given), MSE_OK);
    assert_true(w->v.accepted);
    mse_build_clear(&other);
}

static void test_taken(void **state)
{
    struct world *w = *state;
    make(w);
    expect(w, MSE_OK);
    assert_bytes(w->room.checkpoint.origin, mse_bytes_str("log.example"));
    w->policy.num_log_keys = 2; /* the key was changed: either is good */
    w->policy.log_keys[1] = w->keys[0];
    w->policy.log_keys[0].key[0] ^= 1;
    w->policy.log_keys[0].id ^= 1;
    expect(w, MSE_OK);
    w->policy.num_log_keys = 0; /* nothing is asked for */
    mse_build_reset(&w->proof);
    expect(w, MSE_OK);
}

static void test_missing(void **state)
{
    struct world *w = *state;
    mse_note_log(&w->v, &w->policy);
    mse_verdict_decide(&w->v);
    assert_status(w->v.status, MSE_ERR_LOG_MISSING);
    assert_false(w->v.accepted);
    expect(w, MSE_ERR_LOG_MISSING);
    make(w);
    expect(w, MSE_OK);
    mse_build_reset(&w->proof);
    expect(w, MSE_ERR_LOG_MISSING); /* the last word counts */
}

static void test_form(void **state)
{
    struct world *w = *state;
    make(w);
    mse_wr_str(&w->proof, "x");
    expect(w, MSE_ERR_LOG_FORM);
}

static void test_keys(void **state)
{
    struct world *w = *state;
    make(w);
    w->policy.log_keys[0].id ^= 1;
    expect(w, MSE_ERR_LOG_KEY);
    w->policy.log_keys[0].id ^= 1;
    w->policy.log_keys[0].key[0] ^= 1;
    mse_status st = mse_verdict_set_log(&w->v, &w->room, &w->policy, mse_build_view(&w->proof));
    assert_true(st == MSE_ERR_SIGNATURE || st == MSE_ERR_CRYPTO);
    w->policy.log_keys[0] = w->keys[1];
    expect(w, MSE_ERR_LOG_KEY);
}

static void test_witnesses(void **state)
{
    struct world *w = *state;
    w->policy.num_log_witnesses = NUM_WITNESSES;
    for (size_t i = 0; i < NUM_WITNESSES; i++) {
        w->policy.log_witnesses[i] = w->keys[1 + i];
    }
    for (unsigned cosigned = 0; cosigned < 1U << (1 + NUM_WITNESSES); cosigned += 2) {
        unsigned num = (cosigned >> 1 & 1) + (cosigned >> 2 & 1) + (cosigned >> 3 & 1);
        w->cosigned = cosigned;
        make(w);
        for (unsigned wanted = 0; wanted <= NUM_WITNESSES; wanted++) { /* 0: all */
            w->policy.min_log_witnesses = wanted;
            unsigned least = wanted == 0 ? NUM_WITNESSES : wanted;
            expect(w, num >= least ? MSE_OK : MSE_ERR_LOG_WITNESSES);
        }
    }
    /* One witness under two names is one. */
    w->policy.num_log_witnesses = 2;
    w->policy.min_log_witnesses = 2;
    w->policy.log_witnesses[1] = w->policy.log_witnesses[0];
    expect(w, MSE_ERR_LOG_WITNESSES);
}

static void test_inclusion(void **state)
{
    struct world *w = *state;
    w->sibling = 1;
    make(w);
    expect(w, MSE_ERR_LOG_INCLUSION);
}

static void test_entry(void **state)
{
    struct world *w = *state;
    w->entry.fingerprint[31] ^= 1;
    make(w);
    expect(w, MSE_ERR_LOG_ENTRY);
    w->entry.fingerprint[31] ^= 1;
    static const struct {
        enum mse_tee_kind tee;
        enum mse_log_kind kind;
        bool simulated;
    } kinds[] = {
        { MSE_TEE_SGX, MSE_LOG_SGX, false }, { MSE_TEE_TDX, MSE_LOG_TDX, false },
        { MSE_TEE_SNP, MSE_LOG_SNP, false }, { MSE_TEE_NITRO, MSE_LOG_NITRO, false },
        { MSE_TEE_SGX, MSE_LOG_SIM, true },  { MSE_TEE_NONE, MSE_LOG_KIND_COUNT, false },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(kinds); i++) {
        w->v.tee = kinds[i].tee;
        w->v.simulated = kinds[i].simulated;
        for (unsigned k = 0; k < MSE_LOG_KIND_COUNT; k++) {
            w->entry.kind = (enum mse_log_kind)k;
            make(w);
            mse_status st =
                mse_verdict_set_log(&w->v, &w->room, &w->policy, mse_build_view(&w->proof));
            assert_status(st, w->entry.kind == kinds[i].kind ? MSE_OK : MSE_ERR_LOG_ENTRY);
        }
    }
    w->v.tee = MSE_TEE_SGX;
    w->v.simulated = false;
    w->entry.kind = MSE_LOG_SGX;
    make(w);
    w->v.signatures_ok = false; /* a fingerprint that nobody vouches for */
    expect(w, MSE_ERR_LOG_ENTRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_several, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_form, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_witnesses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inclusion, setup, teardown),
        cmocka_unit_test_setup_teardown(test_entry, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
