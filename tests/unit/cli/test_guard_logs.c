/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs of logs that a proxy holds: what makes it ask, and what ends a proof. */
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/guard_logs.h"
#include "lib/testlib.h"

#define NOW 1000000

static struct cli_log_subject subject(uint8_t which)
{
    struct cli_log_subject s = { .tee = MSE_TEE_SGX };
    memset(s.fingerprint, which, sizeof s.fingerprint);
    return s;
}

/* What is there for it, and whether the log is to be asked. */
static bool take(struct cli_guard_logs *l, uint8_t which, mse_time now, const char *wanted,
                 struct mse_error *why)
{
    struct mse_build text;
    const struct cli_log_subject s = subject(which);
    mse_build_heap(&text, CLI_LOG_MAX_PROOF);
    *why = (struct mse_error) { .status = MSE_OK };
    bool ask = cli_guard_logs_take(l, &text, why, &s, now);
    assert_bytes(mse_build_view(&text), mse_bytes_str(wanted));
    mse_build_clear(&text);
    return ask;
}

static bool put(struct cli_guard_logs *l, uint8_t which, const char *proof, mse_status st)
{
    struct mse_build text;
    struct mse_error err = { .status = MSE_OK };
    const struct cli_log_subject s = subject(which);
    mse_build_heap(&text, CLI_LOG_MAX_PROOF);
    mse_wr_str(&text, proof);
    if (st != MSE_OK) {
        (void)MSE_FAIL(&err, st, "log", "it said no");
    }
    bool other = cli_guard_logs_put(l, &s, &text, st, &err, NOW);
    mse_build_clear(&text);
    return other;
}

static void test_life(void **state)
{
    (void)state;
    struct cli_guard_logs l = { .num = 0 };
    struct cli_guard_logs copy = { .num = 0 };
    struct mse_error why;
    assert_true(take(&l, 1, NOW, "", &why)); /* new: asked for, and refused meanwhile */
    assert_non_null(strstr(why.text, "being asked"));
    assert_true(take(&l, 1, NOW, "", &why));
    assert_true(put(&l, 1, "one", MSE_OK));
    assert_false(take(&l, 1, NOW + 3600, "one", &why));
    assert_false(put(&l, 1, "other", MSE_OK)); /* there was one before */
    assert_false(take(&l, 1, NOW, "other", &why));

    /* Out of reach: the proof stays, and somebody who comes later has the log asked. */
    assert_false(put(&l, 1, "", MSE_ERR_TIMEOUT));
    assert_false(take(&l, 1, NOW + 9, "other", &why));
    assert_true(take(&l, 1, NOW + 10, "other", &why));
    cli_guard_logs_copy(&copy, &l);
    assert_false(take(&copy, 1, NOW, "other", &why));

    /* What is said against it ends it. */
    assert_true(put(&l, 1, "", MSE_ERR_LOG_CONSISTENCY));
    assert_false(take(&l, 1, NOW + 9, "", &why));
    assert_int_equal(why.status, MSE_ERR_LOG_CONSISTENCY);
    assert_string_equal(why.text, "it said no");
    assert_true(take(&l, 1, NOW + 10, "", &why));
    assert_true(take(&l, 1, NOW - 10, "", &why)); /* a clock that was set back */
    assert_true(put(&l, 1, "again", MSE_OK));
    assert_false(take(&l, 1, NOW + 10, "again", &why));
    assert_false(take(&copy, 1, NOW, "other", &why)); /* of its own */
    cli_guard_logs_clear(&l);
    cli_guard_logs_clear(&copy);
}

static void test_room(void **state)
{
    (void)state;
    struct cli_guard_logs l = { .num = 0 };
    struct mse_error why;
    for (uint8_t i = 1; i <= CLI_GUARD_SUBJECTS; i++) {
        assert_true(take(&l, i, NOW, "", &why));
        assert_true(put(&l, i, "proof", MSE_OK));
    }
    assert_true(take(&l, 99, NOW, "", &why)); /* in the place of the oldest */
    assert_int_equal(l.num, CLI_GUARD_SUBJECTS);
    assert_false(put(&l, 1, "late", MSE_OK)); /* nobody waits for it any more */
    assert_false(take(&l, 2, NOW, "proof", &why));
    assert_true(take(&l, 1, NOW, "", &why));
    cli_guard_logs_clear(&l);
    assert_int_equal(l.num, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
