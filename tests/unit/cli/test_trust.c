/* SPDX-License-Identifier: Apache-2.0 */
/* The user's store of verified apps: what it holds, every way to write it wrongly, which policy
 * follows, and two writers at once. */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/trust.h"
#include "cmd/files.h"
#include "lib/testlib.h"

#define A64     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define Z64     "0000000000000000000000000000000000000000000000000000000000000000"
#define M32     "00112233445566778899aabbccddeeff"
#define LOG     "log.example+0463ec37+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"
#define WITNESS "witness.example+a03d0989+BAkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ"
#define HEAD                                                                                       \
    "[[app]]\ndomain = \"app.example.org\"\ntee = \"sgx\"\nspki_sha256 = \"" B64                   \
    "\"\nverified_at = 2026-01-31T12:00:00Z\n"
#define LEAST HEAD "fingerprint = \"" A64 "\"\nsimulated = false\nlevel = 2\n"

static mse_status parse(struct mse_trust *out, const char *text, struct mse_error *err)
{
    return mse_trust_parse(out, "trust.toml", mse_bytes_str(text), err);
}

static const char whole[] = "[[app]]\n"
                            "domain = \"sim.example.org\"\n"
                            "port = 8443\n"
                            "tee = \"sgx\"\n"
                            "fingerprint = \"" A64 "\"\n"
                            "spki_sha256 = \"" B64 "\"\n"
                            "signer = \"" B64 "\"\n"
                            "manifest_sha256 = \"" A64 "\"\n"
                            "machines = [\"" M32 "\", \"" A64 "\"]\n"
                            "simulated = true\n"
                            "simulation_root_sha256 = \"" A64 "\"\n"
                            "simulation_root = \"" A64 B64 "\"\n"
                            "level = 3\n"
                            "verified_at = 2026-01-31T12:00:00Z\n"
                            "rule = \"signer\"\n"
                            "context = \"/home/u/c \\\"1\\\".toml\"\n"
                            "log_keys = [\"" LOG "\"]\n"
                            "log_witnesses = [\"" WITNESS "\"]\n"
                            "log_url = \"https://log.example\"\n" LEAST;

/* What is read is written so that it is read again. */
static void test_round_trip(void **state)
{
    (void)state;
    struct mse_trust t = { 0 };
    struct mse_trust again = { 0 };
    struct mse_build first;
    struct mse_build second;
    mse_build_heap(&first, 65536);
    mse_build_heap(&second, 65536);
    assert_status(parse(&t, whole, NULL), MSE_OK);
    assert_int_equal(t.num, 2);
    assert_string_equal(t.apps[0].domain, "app.example.org"); /* in order */
    const struct mse_trust_app *a = mse_trust_find(&t, "SIM.example.org", 8443);
    assert_non_null(a);
    assert_int_equal(a->rule, MSE_TRUST_SIGNER);
    assert_int_equal(a->level, 3);
    assert_int_equal(a->machines.num, 2);
    assert_int_equal(a->log_keys.num, 1);
    assert_string_equal(a->log_witnesses.items[0], WITNESS);
    assert_string_equal(a->log_url, "https://log.example");
    assert_string_equal(a->context, "/home/u/c \"1\".toml");
    assert_int_equal(a->verified_at, 1769860800);
    assert_int_equal(t.apps[0].port, 443);
    assert_int_equal(t.apps[0].rule, MSE_TRUST_ASK);
    assert_false(mse_trust_has(t.apps[0].signer));
    assert_null(mse_trust_find(&t, "sim.example.org", 443));
    assert_null(mse_trust_find(&t, "sim.example.orgs", 8443));
    mse_trust_write(&first, &t);
    assert_true(mse_build_ok(&first));
    assert_status(mse_trust_parse(&again, "again", mse_build_view(&first), NULL), MSE_OK);
    mse_trust_write(&second, &again);
    assert_bytes(mse_build_view(&second), mse_build_view(&first));
    mse_trust_clear(&t);
    mse_trust_clear(&again);
    mse_build_clear(&first);
    mse_build_clear(&second);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        { "apps = 1\n", "[[app]]" },
        { "app = 1\n", "[[app]]" },
        { "app = [1]\n", "[[app]]" },
        { LEAST "[other]\nx = 1\n", "[[app]]" },
        { LEAST "colour = \"red\"\n", "unknown key" },
        { LEAST LEAST, "twice" },
        { LEAST "port = 443\n" LEAST, "twice" },
        { LEAST "port = 0\n", "port" },
        { LEAST "port = 65536\n", "port" },
        { LEAST "signer = \"aa\"\n", "signer" },
        { LEAST "rule = \"always\"\n", "rule is \"always\"" },
        { LEAST "rule = \"signer\"\n", "needs a signer" },
        { LEAST "machines = [\"aa\"]\n", "machines" },
        { LEAST "machines = [\"00000000000000000000000000000000\"]\n", "machines" },
        { LEAST "machines = [7]\n", "machines" },
        { LEAST "log_keys = [\"" LOG "x\"]\n", "log_keys" },
        { LEAST "log_keys = [\"" WITNESS "\"]\n", "log_keys" },
        { LEAST "log_keys = [\"" LOG "\", \"" LOG "\", \"" LOG "\", \"" LOG "\", \"" LOG "\"]\n",
          "log_keys" },
        { LEAST "log_keys = [\"" LOG "\"]\nlog_witnesses = [\"" LOG "\"]\n", "log_witnesses" },
        { LEAST "log_witnesses = [\"" WITNESS "\"]\n", "need log_keys" },
        { LEAST "log_url = \"https://log.example\"\n", "need log_keys" },
        { LEAST "log_proof = \"/p\"\n", "need log_keys" },
        { LEAST "log_keys = [\"" LOG "\"]\nlog_url = \"u\"\nlog_proof = \"/p\"\n", "exclude" },
        { LEAST "simulation_root_sha256 = \"" A64 "\"\n", "go together" },
        { LEAST "simulation_root = \"" A64 A64 "\"\n", "beside" },
        { HEAD "fingerprint = \"" A64 "\"\nsimulated = true\nlevel = 2\n", "go together" },
        { HEAD "fingerprint = \"" A64 "\"\nsimulated = true\nlevel = 2\nsimulation_root = \"xx\"\n",
          "simulation_root" },
        { HEAD "fingerprint = \"" A64
               "\"\nsimulated = true\nlevel = 2\nsimulation_root_sha256 = \"" A64
               "\"\nsimulation_root = \"zz" A64
               "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"\n",
          "128 hexadecimal" },
        { HEAD "fingerprint = \"" A64 "\"\nsimulated = false\nlevel = 3\n", "needs machines" },
        { HEAD "fingerprint = \"" A64 "\"\nsimulated = false\nlevel = 4\n", "level" },
        { HEAD "fingerprint = \"" Z64 "\"\nsimulated = false\nlevel = 2\n", "nobody's" },
        { HEAD "fingerprint = \"" A64 "\"\nsimulated = 0\nlevel = 2\n", "simulated" },
        { HEAD "fingerprint = \"" A64 "\"\nlevel = 2\n", "simulated is missing" },
        { HEAD "simulated = false\nlevel = 2\n", "fingerprint is missing" },
        { HEAD "fingerprint = \"" A64 "\"\nsimulated = false\n", "level is missing" },
        { "[[app]]\n", "missing" },
        { "[[app]]\ndomain = \"../../etc\"\ntee = \"sgx\"\nfingerprint = \"" A64
          "\"\nspki_sha256 = \"" A64
          "\"\nsimulated = false\nlevel = 0\nverified_at = 2026-01-31T12:00:00Z\n",
          "no host name" },
        { "[[app]]\ndomain = \"A.example.org\"\ntee = \"sgx\"\nfingerprint = \"" A64
          "\"\nspki_sha256 = \"" A64
          "\"\nsimulated = false\nlevel = 0\nverified_at = 2026-01-31T12:00:00Z\n",
          "no host name" },
        { "[[app", "trust.toml:1" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        struct mse_trust t = { 0 };
        struct mse_error err = { 0 };
        assert_status(parse(&t, rows[i].text, &err), MSE_ERR_CONFIG);
        if (strstr(err.text, rows[i].says) == NULL) {
            print_message("row %zu: %s\n", i, err.text);
        }
        assert_non_null(strstr(err.text, rows[i].says));
        assert_non_null(strstr(err.text, "trust.toml"));
        assert_null(t.apps);
    }
}

/* Cut at each byte: an answer, and never more apps than before. */
static void test_cut(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        struct mse_trust t = { 0 };
        if (mse_trust_parse(&t, "cut", mse_bytes_of(whole, len), NULL) == MSE_OK) {
            assert_true(t.num <= 2);
            mse_trust_clear(&t);
        }
    }
}

static void test_put_and_remove(void **state)
{
    (void)state;
    struct mse_trust t = { 0 };
    struct mse_trust other = { 0 };
    struct mse_error err = { 0 };
    assert_status(parse(&t, whole, NULL), MSE_OK);
    assert_status(parse(&other, LEAST "rule = \"never\"\n", NULL), MSE_OK);
    assert_status(mse_trust_put(&t, &other.apps[0], NULL), MSE_OK);
    assert_null(other.apps[0].domain); /* taken over */
    assert_int_equal(t.num, 2);
    assert_int_equal(mse_trust_find(&t, "app.example.org", 443)->rule, MSE_TRUST_NEVER);
    mse_trust_clear(&other);
    assert_status(parse(&other, LEAST, NULL), MSE_OK);
    other.apps[0].rule = MSE_TRUST_SIGNER;
    assert_status(mse_trust_put(&t, &other.apps[0], &err), MSE_ERR_CONFIG);
    assert_non_null(other.apps[0].domain); /* still ours */
    mse_trust_clear(&other);
    assert_false(mse_trust_remove(&t, "app.example.org", 8443));
    assert_true(mse_trust_remove(&t, "App.example.org", 443));
    assert_int_equal(t.num, 1);
    assert_true(mse_trust_remove(&t, "sim.example.org", 8443));
    assert_int_equal(t.num, 0);
    mse_trust_clear(&t);
}

static void test_most_apps(void **state)
{
    (void)state;
    struct mse_trust t = { 0 };
    struct mse_error err = { 0 };
    for (unsigned i = 0; i <= MSE_TRUST_MAX_APPS; i++) {
        struct mse_trust one = { 0 };
        assert_status(parse(&one, LEAST, NULL), MSE_OK);
        one.apps[0].port = i + 1;
        mse_status st = mse_trust_put(&t, &one.apps[0], &err);
        assert_status(st, i < MSE_TRUST_MAX_APPS ? MSE_OK : MSE_ERR_NO_SPACE);
        mse_trust_clear(&one);
    }
    mse_trust_clear(&t);
}

static struct mse_policy policy;

static void test_policy_of_hardware(void **state)
{
    (void)state;
    struct mse_trust t = { 0 };
    assert_status(parse(&t, LEAST "signer = \"" B64 "\"\n", NULL), MSE_OK);
    assert_status(mse_trust_policy(&policy, &t.apps[0], NULL), MSE_OK);
    assert_int_equal(policy.num_references, 1);
    assert_true(policy.references[0].has_fingerprint && policy.references[0].has_mr_signer);
    assert_int_equal(policy.references[0].fingerprint[0], 0xaa);
    assert_int_equal(policy.references[0].mr_signer[0], 0xbb);
    assert_false(policy.allow_simulation || policy.insecure_any_app);
    assert_int_equal(policy.require_level, 2);
    assert_int_equal(policy.num_allowed_machines, 0);
    t.apps[0].rule = MSE_TRUST_SIGNER;
    assert_status(mse_trust_policy(&policy, &t.apps[0], NULL), MSE_OK);
    assert_false(policy.references[0].has_fingerprint);
    assert_true(policy.references[0].has_mr_signer);
    mse_trust_clear(&t);
}

static void test_policy_of_simulation(void **state)
{
    (void)state;
    struct mse_trust t = { 0 };
    assert_status(parse(&t, whole, NULL), MSE_OK);
    const struct mse_trust_app *a = mse_trust_find(&t, "sim.example.org", 8443);
    assert_non_null(a);
    assert_status(mse_trust_base(&policy, a, NULL), MSE_OK);
    assert_true(policy.allow_simulation && policy.simulation_only);
    assert_int_equal(policy.simulation_root_sha256[31], 0xaa);
    assert_int_equal(policy.simulation_root[63], 0xbb);
    assert_int_equal(policy.num_allowed_machines, 2);
    assert_int_equal(policy.require_level, 3);
    assert_int_equal(policy.num_references, 0); /* nothing identifies the app */
    assert_int_equal(policy.num_log_keys, 1);
    assert_int_equal(policy.num_log_witnesses, 1);
    mse_trust_clear(&t);
}

/* The policy file of an entry is read again; the entry is stricter than it. */
static void test_policy_file(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    char *path = cli_join(dir, "p.toml");
    struct mse_trust t = { 0 };
    struct mse_error err = { 0 };
    assert_status(parse(&t, LEAST, NULL), MSE_OK);
    t.apps[0].policy = strdup(path);
    assert_status(mse_trust_policy(&policy, &t.apps[0], &err), MSE_ERR_NOT_FOUND);
    test_write_file(path, mse_bytes_str("accepted_tcb_statuses = [\"OutOfDate\"]\n"
                                        "allow_simulation = true\nrequire_level = 1\n"
                                        "simulation_root_sha256 = \"" A64 "\"\n"));
    assert_status(mse_trust_policy(&policy, &t.apps[0], &err), MSE_OK);
    assert_int_equal(policy.accepted_tcb_statuses, MSE_TCB_BIT(MSE_TCB_OUT_OF_DATE));
    assert_false(policy.allow_simulation);
    assert_true(mse_mem_is_zero(policy.simulation_root_sha256, 32));
    assert_int_equal(policy.require_level, 2);
    test_write_file(path, mse_bytes_str("[[references]]\nmr_enclave = \"" B64 "\"\n"));
    err.status = MSE_OK;
    assert_status(mse_trust_policy(&policy, &t.apps[0], &err), MSE_ERR_POLICY);
    assert_non_null(strstr(err.text, "app.example.org"));
    test_write_file(path, mse_bytes_str("nonsense = 1\n"));
    assert_status(mse_trust_policy(&policy, &t.apps[0], &err), MSE_ERR_CONFIG);
    mse_trust_clear(&t);

    /* Logs of both; what cannot be said of both at once is refused. */
    const char *both = "log_keys = [\"" LOG "\"]\nlog_witnesses = [\"" WITNESS "\"]\n";
    assert_status(parse(&t, LEAST "log_keys = [\"" LOG "\"]\n", NULL), MSE_OK);
    t.apps[0].policy = strdup(path);
    test_write_file(path, mse_bytes_str(both));
    assert_status(mse_trust_policy(&policy, &t.apps[0], &err), MSE_OK);
    assert_int_equal(policy.num_log_keys, 2);
    assert_int_equal(policy.num_log_witnesses, 1);
    assert_true(mse_trust_list_add(&t.apps[0].log_witnesses, WITNESS));
    assert_status(mse_trust_policy(&policy, &t.apps[0], &err), MSE_OK);
    test_write_file(path, mse_bytes_str("min_log_witnesses = 1\nlog_keys = [\"" LOG "\"]\n"
                                        "log_witnesses = [\"" WITNESS "\"]\n"));
    assert_status(mse_trust_policy(&policy, &t.apps[0], &err), MSE_ERR_CONFIG);
    mse_trust_clear(&t);
    free(path);
    test_tmpdir_remove(dir);
}

/* ---- the file */

static char *folder;

static int enter(void **state)
{
    (void)state;
    folder = test_tmpdir();
    return setenv("MSE_CONF_PATH", folder, 1);
}

static int leave(void **state)
{
    (void)state;
    test_tmpdir_remove(folder);
    return unsetenv("MSE_CONF_PATH");
}

static mse_status add(unsigned port, struct mse_error *err)
{
    struct mse_trust_edit e;
    struct mse_trust one = { 0 };
    mse_status st = mse_trust_begin(&e, err);
    if (st != MSE_OK) {
        return st;
    }
    st = parse(&one, LEAST, err);
    if (st == MSE_OK) {
        one.apps[0].port = port;
        st = mse_trust_put(&e.store, &one.apps[0], err);
    }
    st = st == MSE_OK ? mse_trust_save(&e, err) : st;
    mse_trust_clear(&one);
    mse_trust_end(&e);
    return st;
}

static void test_file(void **state)
{
    (void)state;
    struct mse_trust t = { 0 };
    struct mse_error err = { 0 };
    struct stat sb;
    char *path = cli_join(folder, "trust.toml");
    char *aside = cli_join(folder, "aside");
    assert_status(mse_trust_load(&t, &err), MSE_OK);
    assert_int_equal(t.num, 0);
    assert_status(add(443, &err), MSE_OK);
    assert_int_equal(stat(path, &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0600);
    assert_status(mse_trust_load(&t, &err), MSE_OK);
    assert_int_equal(t.num, 1);
    mse_trust_clear(&t);
    assert_int_equal(chmod(path, 0620), 0);
    assert_status(mse_trust_load(&t, &err), MSE_ERR_CONFIG);
    assert_non_null(strstr(err.text, "written to by others"));
    assert_status(add(444, &err), MSE_ERR_CONFIG);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(stat(folder, &sb), 0);
    assert_int_equal(chmod(folder, 0770), 0);
    err = (struct mse_error) { 0 };
    assert_status(mse_trust_load(&t, &err), MSE_ERR_CONFIG);
    assert_non_null(strstr(err.text, "mode 770, wanted 700"));
    assert_status(add(444, &err), MSE_ERR_CONFIG);
    /* An empty store there may be one that was taken away. */
    assert_int_equal(rename(path, aside), 0);
    assert_status(mse_trust_load(&t, &err), MSE_ERR_CONFIG);
    assert_int_equal(rename(aside, path), 0);
    assert_int_equal(chmod(folder, sb.st_mode & 07777), 0);
    assert_status(mse_trust_load(&t, &err), MSE_OK);
    mse_trust_clear(&t);
    test_write_file(path, mse_bytes_str("[[app"));
    assert_status(add(444, &err), MSE_ERR_CONFIG); /* and it is not overwritten */
    struct mse_bytes text = test_read_file(path);
    assert_bytes(text, mse_bytes_str("[[app"));
    free((void *)(uintptr_t)text.data);
    free(aside);
    free(path);
}

#define WRITERS 4
#define EACH    25

/* What one process adds no other one loses. */
static void test_writers(void **state)
{
    (void)state;
    pid_t pids[WRITERS];
    for (unsigned w = 0; w < WRITERS; w++) {
        pids[w] = fork();
        assert_true(pids[w] >= 0);
        for (unsigned i = 0; pids[w] == 0 && i < EACH; i++) {
            if (add(1 + w * EACH + i, NULL) != MSE_OK) {
                _exit(1);
            }
        }
        if (pids[w] == 0) {
            _exit(0);
        }
    }
    for (unsigned w = 0; w < WRITERS; w++) {
        int status = -1;
        assert_int_equal(waitpid(pids[w], &status, 0), pids[w]);
        assert_int_equal(status, 0);
    }
    struct mse_trust t = { 0 };
    assert_status(mse_trust_load(&t, NULL), MSE_OK);
    assert_int_equal(t.num, WRITERS * EACH);
    mse_trust_clear(&t);
}

static void test_certificate_path(void **state)
{
    (void)state;
    char *wanted = cli_join(folder, "trust/app.example.org.pem");
    char *path = mse_trust_certificate_path("App.example.org", 443);
    assert_string_equal(path, wanted);
    free(path);
    free(wanted);
    wanted = cli_join(folder, "trust/app.example.org_8443.pem");
    path = mse_trust_certificate_path("app.example.org", 8443);
    assert_string_equal(path, wanted);
    free(path);
    free(wanted);
    assert_null(mse_trust_certificate_path("../x", 443));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_put_and_remove),
        cmocka_unit_test(test_most_apps),
        cmocka_unit_test(test_policy_of_hardware),
        cmocka_unit_test(test_policy_of_simulation),
        cmocka_unit_test(test_policy_file),
        cmocka_unit_test_setup_teardown(test_file, enter, leave),
        cmocka_unit_test_setup_teardown(test_writers, enter, leave),
        cmocka_unit_test_setup_teardown(test_certificate_path, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
