/* SPDX-License-Identifier: Apache-2.0 */
/* The reader by way of mse.toml and operators.toml. */
#include "base/bytes.h"
#include "base/util.h"
#include "conf/operators.h"
#include "conf/project.h"
#include "conf/toml_shim.h"
#include "lib/testlib.h"

#define HEAD "name = \"a\"\npython_application = \"app:app\"\nhealthcheck_endpoint = \"/\"\n"

static void test_full_project(void **state)
{
    (void)state;
    struct mse_project p = { 0 };
    struct mse_error err = { 0 };
    static const char text[] = "name = \"hello\"\n"
                               "command = [\"./server\", \"-x\"]\n"
                               "healthcheck_endpoint = \"/health\"\n"
                               "alpn = [\"h2\"]\n"
                               "workers = 4\n"
                               "tests_cmd = \"true\"\n"
                               "tests_requirements = [\"pytest\"]\n"
                               "[env]\nB = \"2\"\nA = \"1\"\n"
                               "[cloud]\ncode = \"src\"\ntests = \"t\"\nproject = \"p\"\n"
                               "hardware = \"4g\"\nsecrets = \"s.json\"\n"
                               "expiration_date = 2030-01-31T14:00:00+02:00\n"
                               "[cloud.ssl]\ndomain_name = \"d\"\nprivate_key = \"k\"\n"
                               "certificate = \"c\"\n"
                               "[enclave]\nenclave_size = 16777216\nlegacy_extension = true\n"
                               "logs = \"plain\"\nrestart = \"never\"\ncertificate = \"leaf\"\n"
                               "replicas = 1\negress = false\n";
    assert_status(mse_project_parse(&p, "mse.toml", mse_bytes_str(text), &err), MSE_OK);
    assert_string_equal(p.command.items[1], "-x");
    assert_null(p.python_application);
    assert_int_equal(p.workers, 4);
    assert_int_equal(p.env.num, 2);
    assert_string_equal(p.env.items[0].name, "A");
    assert_string_equal(p.code, "src");
    assert_true(p.has_ssl);
    assert_string_equal(p.ssl_domain_name, "d");
    assert_int_equal(p.enclave_size, 16777216);
    assert_true(p.legacy_extension);
    mse_time want = 0;
    assert_true(mse_time_parse(&want, mse_bytes_str("2030-01-31T12:00:00Z")));
    assert_int_equal(p.expiration_date, want);
    mse_project_clear(&p);
}

static void test_defaults(void **state)
{
    (void)state;
    struct mse_project p = { 0 };
    assert_status(mse_project_parse(&p, "mse.toml", mse_bytes_str(HEAD), NULL), MSE_OK);
    assert_int_equal(p.workers, 1);
    assert_int_equal(p.alpn.num, 0);
    assert_int_equal(p.enclave_size, 1ULL << 30);
    assert_false(p.has_cloud);
    assert_false(p.has_ssl);
    assert_null(p.code);
    mse_project_clear(&p);
}

/* Each text is refused, and the message says this. */
static void test_refusals(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { HEAD "worker = 2\n", "mse.toml:4: unknown key \"worker\", did you mean \"workers\"?" },
        { HEAD "healtcheck_endpoint = \"/\"\n", "did you mean \"healthcheck_endpoint\"?" },
        { HEAD "zzzzzzzzzz = 1\n", "mse.toml:4: unknown key \"zzzzzzzzzz\"" },
        { HEAD "[cloud]\ncod = \"x\"\n",
          "mse.toml:5: unknown key \"cod\", did you mean \"code\"?" },
        { HEAD "[cloud.ssl]\ndomain_name = \"x\"\n", "private_key is missing" },
        { HEAD "workers = \"2\"\n", "mse.toml:4: workers is a string, wanted an integer" },
        { HEAD "workers = 0\n", "workers is 0, wanted 1 to 256" },
        { HEAD "workers = 257\n", "wanted 1 to 256" },
        { HEAD "workers = -1\n", "workers is -1" },
        { HEAD "workers = 1.5\n", "a decimal number" },
        { HEAD "alpn = \"h2\"\n", "alpn is a string, wanted an array of strings" },
        { HEAD "alpn = [1]\n", "alpn is an integer, wanted a string" },
        { HEAD "env = 1\n", "env is an integer, wanted a table of strings" },
        { HEAD "[env]\nA = 1\n", "A is an integer, wanted a string" },
        { HEAD "cloud = 1\n", "cloud is an integer, wanted a table" },
        { HEAD "[cloud]\nexpiration_date = 2030-01-31\n", "wanted a date and time" },
        { HEAD "[cloud]\nexpiration_date = 2030-01-31T12:00:00\n", "without an offset" },
        { HEAD "[cloud]\nexpiration_date = \"soon\"\n", "expiration_date is a string" },
        { HEAD "[enclave]\nlogs = \"all\"\n",
          "enclave.logs is all, wanted plain or owner or none" },
        { HEAD "[enclave]\nrestart = \"always\"\n", "enclave.restart is always" },
        { HEAD "[enclave]\ncertificate = \"root\"\n", "enclave.certificate is root" },
        { HEAD "[enclave]\npackage = \"zip\"\n",
          "enclave.package is zip, wanted plain or encrypted" },
        { HEAD "[enclave]\nreplicas = 65\n", "replicas" },
        { HEAD "[enclave]\nignore = 2\n", "ignore" },
        { HEAD "[enclave]\negress = 1\n", "wanted true or false" },
        { HEAD "[enclave]\nlogs_key = \"00\"\n", "logs_key" },
        { HEAD "[enclave.rootfs]\nversion = \"1\"\n", "name is missing" },
        { HEAD "[enclave.upgrade]\nfingerprint = [\"0\"]\n", "fingerprints" },
        { HEAD "[enclave.replica_policy]\nstatus = [\"0\"]\n", "statuses" },
        { HEAD "[enclave]\nlegacy_extension = 1\n", "wanted true or false" },
        { HEAD "command = [\"x\"]\n", "exactly one of python_application and command" },
        { "name = \"a\"\nhealthcheck_endpoint = \"/\"\n", "exactly one of" },
        { "python_application = \"a:b\"\nhealthcheck_endpoint = \"/\"\n", "name is missing" },
        { "name = \"a\"\npython_application = \"a:b\"\n", "healthcheck_endpoint is missing" },
        { "name = \"\"\npython_application = \"a:b\"\nhealthcheck_endpoint = \"/\"\n",
          "name is 0 bytes long" },
        { "name = \" a\"\npython_application = \"a:b\"\nhealthcheck_endpoint = \"/\"\n",
          "no space at either end" },
        { "name = \"a\"\npython_application = \"a:b\"\nhealthcheck_endpoint = \"x\"\n",
          "wanted a path that begins /" },
        { "name = \"a\\u0000b\"\npython_application = \"a:b\"\nhealthcheck_endpoint = \"/\"\n",
          "holds a NUL" },
        { HEAD "name = \"b\"\n", "mse.toml:4: not TOML" },
        { "name = \n", "mse.toml:1: not TOML" },
        { "\xff", "not TOML" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        struct mse_project p = { 0 };
        struct mse_error err = { 0 };
        mse_status st = mse_project_parse(&p, "mse.toml", mse_bytes_str(rows[i][0]), &err);
        assert_status(st, MSE_ERR_CONFIG);
        if (strstr(err.text, rows[i][1]) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i][1]);
        }
    }
}

static void test_every_truncation(void **state)
{
    (void)state;
    static const char text[] = HEAD "[env]\nA = \"1\"\n[cloud]\ncode = \"x\"\n";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        struct mse_project p = { 0 };
        if (mse_project_parse(&p, "mse.toml", mse_bytes_of(text, i), NULL) == MSE_OK) {
            mse_project_clear(&p);
        }
    }
}

static void assert_operator(const char *text, const char *host, const char *want)
{
    char *signer = NULL;
    assert_status(mse_operators_find(&signer, "operators.toml", mse_bytes_str(text), host, NULL),
                  MSE_OK);
    if (want == NULL) {
        assert_null(signer);
    } else {
        assert_string_equal(signer, want);
    }
    free(signer);
}

static void test_operators(void **state)
{
    (void)state;
    static const char text[] = "[\"*.example.org\"]\nsigner = \"wide\"\n"
                               "[\"*.b.example.org\"]\nsigner = \"narrow\"\n"
                               "[\"x.b.example.org\"]\nsigner = \"exact\"\n";
    assert_operator(text, "a.example.org", "wide");
    assert_operator(text, "A.Example.ORG", "wide");
    assert_operator(text, "c.b.example.org", "narrow");
    assert_operator(text, "x.b.example.org", "exact");
    assert_operator(text, "example.org", NULL);
    assert_operator(text, "badexample.org", NULL);
    assert_operator(text, ".example.org", NULL);
    assert_operator("", "a.org", NULL);
}

static void test_operators_refusals(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "a = 1\n", "wanted a table" },
        { "[\"a\"]\nsiner = \"x\"\n", "unknown key \"siner\"" },
        { "[\"a\"]\n", "wanted signer" },
        { "[\"a\"]\nsigner = 1\n", "wanted signer" },
        { "[\"a\"]\nsigner = \"\"\n", "wanted signer" },
        { "[\"a\"\n", "not TOML" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        char *signer = NULL;
        struct mse_error err = { 0 };
        assert_status(mse_operators_find(&signer, "operators.toml", mse_bytes_str(rows[i][0]),
                                         "other.org", &err),
                      MSE_ERR_CONFIG);
        assert_non_null(strstr(err.text, rows[i][1]));
    }
}

/* What is not there has no members. */
static void test_members_of_nothing(void **state)
{
    (void)state;
    assert_null(mse_toml_get(NULL, "key"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_of_nothing), cmocka_unit_test(test_full_project),
        cmocka_unit_test(test_defaults),           cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_every_truncation),   cmocka_unit_test(test_operators),
        cmocka_unit_test(test_operators_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
