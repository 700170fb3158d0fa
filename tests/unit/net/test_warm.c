/* SPDX-License-Identifier: Apache-2.0 */
/* The first use of libcrypto and libssl when the system fails it: either it fails, or connections
 * are made later. Each run is a process that has not used them. */
#include "lib/testlib.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fault_sweep.h"
#include "net/tls.h"

#define FEW 24 /* places of each kind, without MSE_FAULTS=all */

enum { GOOD, REFUSED, BROKEN, WRONG_STATUS };

static int first_use(const struct fault_run *r)
{
    struct mse_error err = { 0 };
    if (!mse_tls_no_config()) {
        return WRONG_STATUS;
    }
    fault_run_arm(r);
    mse_status st = mse_tls_warm(&err);
    fault_disarm();
    if (st != MSE_OK) {
        bool said = err.status == st && err.text[0] != '\0';
        return said && (st == MSE_ERR_CRYPTO || st == MSE_ERR_MEMORY) ? REFUSED : WRONG_STATUS;
    }
    return mse_tls_warm(&err) == MSE_OK ? GOOD : BROKEN;
}

static int run(const struct fault_run *r)
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGSEGV, SIG_DFL); /* cmocka's would go on with the next test, here */
        _exit(first_use(r));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static enum fault_end try_run(void *arg, struct fault_run *r)
{
    static const char *const how[] = { "good", "refused", "no connection later",
                                       "without a word of what failed" };
    int end = run(r);
    (void)arg;
    if (end == GOOD || end == REFUSED) {
        return FAULT_CLEAN;
    }
    fault_run_print(r, end > 0 && end <= WRONG_STATUS ? how[end] : "it crashed");
    return FAULT_DIRTY;
}

static void try_kind(enum fault_kind kind)
{
    struct fault_sweep *s = fault_sweep_new();
    struct fault_run first = fault_sweep_first(s);
    assert_int_equal(run(&first), GOOD);
    struct fault_totals t = fault_sweep_kind(s, kind, FEW, try_run, NULL);
    print_message("# %zu places, %zu calls failed\n", t.places, t.met);
    assert_int_equal(t.dirty, 0);
    fault_sweep_free(s);
}

static void test_memory(void **state)
{
    (void)state;
    try_kind(FAULT_MEMORY);
}

static void test_calls(void **state)
{
    (void)state;
    try_kind(FAULT_CALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
