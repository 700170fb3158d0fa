/* SPDX-License-Identifier: Apache-2.0 */
/* The policy: defaults, every key, and what is refused, with the key named. */
#include "lib/testlib.h"

#include <mse/policy.h>

#include "attest/policy_keys.h"
#include "base/bytes.h"

static struct mse_error err;

static mse_status parse(struct mse_policy *p, const char *json)
{
    struct mse_error none = { .status = MSE_OK };
    err = none;
    return mse_policy_parse_json(p, mse_bytes_str(json), &err);
}

static void test_default(void **state)
{
    (void)state;
    struct mse_policy p;
    mse_policy_default(&p);
    struct mse_policy zero = { .accepted_tcb_statuses = MSE_TCB_BIT(MSE_TCB_UP_TO_DATE) };
    assert_memory_equal(&p, &zero, sizeof p);
    assert_status(parse(&p, "{}"), MSE_OK);
    assert_memory_equal(&p, &zero, sizeof p);
    assert_status(parse(&p, " { } \n"), MSE_OK);
}

#define HEX8(s)  s s s s s s s s
#define HEX32(s) HEX8(s) HEX8(s) HEX8(s) HEX8(s)

#define SNP_REFERENCE                                                                              \
    "{\"measurement\":\"" HEX32("07") HEX8("07")                                                   \
        HEX8("0d") "\",\"host_data\":\"" HEX32("08") "\",\"id_key_digest\":\"" HEX32("09")         \
            HEX8("09") HEX8("09") "\",\"author_key_digest\":\"" HEX32("0a") HEX8("0a")             \
                HEX8("0a") "\"}"
#define SNP_KEYS                                                                                   \
    "\"allow_migration\":true,\"max_vmpl\":1,\"min_tcb_fmc\":1,\"min_tcb_bl\":2,"                  \
    "\"min_tcb_tee\":3,\"min_tcb_snp\":4,\"min_tcb_ucode\":255,\"min_snp_abi_major\":1,"           \
    "\"min_snp_abi_minor\":31,\"simulation_root_sha256\":\"" HEX32("0d") "\""

/* Keys of 32 zero bytes. */
#define LOG_KEY     "log.example+f3e73440+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define WITNESS_KEY "w.example+00df7ba9+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const char everything[] =
    "{\"accepted_tcb_statuses\":[\"SWHardeningNeeded\",\"OutOfDate\"],"
    "\"accepted_advisories\":[\"INTEL-SA-00615\"],\"insecure_any_advisory\":true,"
    "\"min_tcb_date\":\"2025-01-31T00:00:00Z\",\"min_tcb_evaluation_number\":19,"
    "\"allow_mixed_evaluation_numbers\":true,\"grace_days\":30,\"grace_reference\":\"issue_date\","
    "\"max_collateral_age\":2678400,"
    "\"allowed_machines\":[\"000102030405060708090a0b0c0d0e0f\",\"" HEX32("ab") "\",\"" HEX32("c1") HEX32(
        "c2") "\"],"
              "\"allowed_fmspc\":[\"00606A000000\"],\"allow_debug\":true,\"allow_sample_signer\":"
              "true,"
              "\"allow_smt\":true,\"insecure_any_attributes\":true,\"insecure_any_app\":true,"
              "\"allow_simulation\":true,\"simulation_root\":\"" HEX32("0c") HEX32(
                  "0d") "\","
                        "\"simulation_only\":true,\"require_level\":2,"
                        "\"log_keys\":[\"" LOG_KEY "\"],\"log_witnesses\":[\"" WITNESS_KEY
                        "\"],\"min_log_witnesses\":1,"
                        "\"references\":[{\"mr_enclave\":\"" HEX32(
                            "01") "\",\"mr_signer\":\"" HEX32("02") "\","
                                                                    "\"isv_prod_id\":3,\"min_isv_"
                                                                    "svn\":4,\"config_id\":"
                                                                    "\"" HEX32("05") HEX32(
                                                                        "05") "\","
                                                                              "\"report_data\":"
                                                                              "\"" HEX32("06") HEX32(
                                                                                  "06") "\"},{\"mr_"
                                                                                        "signer\":"
                                                                                        "\"" HEX32(
                                                                                            "07") "\"}," SNP_REFERENCE
                                                                                                  "]," SNP_KEYS
                                                                                                  "}";

static void test_every_key(void **state)
{
    (void)state;
    struct mse_policy p;
    assert_status(parse(&p, everything), MSE_OK);
    assert_int_equal(p.accepted_tcb_statuses,
                     MSE_TCB_BIT(MSE_TCB_SW_HARDENING_NEEDED) | MSE_TCB_BIT(MSE_TCB_OUT_OF_DATE));
    assert_string_equal(p.accepted_advisories[0], "INTEL-SA-00615");
    assert_int_equal(p.num_accepted_advisories, 1);
    assert_true(p.insecure_any_advisory && p.has_min_tcb_date);
    assert_int_equal(p.min_tcb_date, 1738281600);
    assert_int_equal(p.min_tcb_evaluation_number, 19);
    assert_true(p.allow_mixed_evaluation_numbers);
    assert_int_equal(p.grace_days, 30);
    assert_int_equal(p.grace_reference, MSE_GRACE_ISSUE_DATE);
    assert_int_equal(p.max_collateral_age, 2678400);
    assert_int_equal(p.num_allowed_machines, 3);
    assert_int_equal(p.allowed_machines[0].len, 16);
    assert_int_equal(p.allowed_machines[1].len, 32);
    assert_int_equal(p.allowed_fmspc[0][2], 0x6a);
    assert_true(p.allow_debug && p.allow_sample_signer && p.allow_smt);
    assert_true(p.insecure_any_attributes && p.insecure_any_app);
    assert_true(p.allow_simulation && p.simulation_only);
    assert_int_equal(p.simulation_root[63], 0x0d);
    assert_int_equal(p.require_level, 2);
    assert_int_equal(p.num_log_keys, 1);
    assert_string_equal(p.log_keys[0].name, "log.example");
    assert_int_equal(p.num_log_witnesses, 1);
    assert_int_equal(p.min_log_witnesses, 1);
    assert_int_equal(p.num_references, 3);
    const struct mse_reference *r = p.references;
    assert_true(r[0].has_mr_enclave && r[0].has_mr_signer && r[0].has_isv_prod_id);
    assert_true(r[0].has_min_isv_svn && r[0].has_config_id && r[0].has_report_data);
    assert_int_equal(r[0].min_isv_svn, 4);
    assert_true(r[1].has_mr_signer && !r[1].has_mr_enclave);
    assert_true(r[2].has_measurement && r[2].has_host_data);
    assert_true(r[2].has_id_key_digest && r[2].has_author_key_digest);
    assert_int_equal(r[2].measurement[47], 0x0d);
    assert_int_equal(p.allowed_machines[2].len, 32);
    assert_true(p.allow_migration);
    assert_int_equal(p.max_vmpl, 1);
    assert_int_equal(p.min_snp_tcb.fmc, 1);
    assert_int_equal(p.min_snp_tcb.bl, 2);
    assert_int_equal(p.min_snp_tcb.tee, 3);
    assert_int_equal(p.min_snp_tcb.snp, 4);
    assert_int_equal(p.min_snp_tcb.ucode, 255);
    assert_int_equal(p.min_snp_abi_major, 1);
    assert_int_equal(p.min_snp_abi_minor, 31);
    assert_int_equal(p.simulation_root_sha256[31], 0x0d);
}

/* Every key of the table stands in the document above: none is forgotten by the test. */
static void test_table(void **state)
{
    (void)state;
    size_t num = 0;
    for (const struct mse_policy_key *k; (k = mse_policy_key_at(num)) != NULL; num++) {
        assert_ptr_equal(mse_policy_key_find(mse_bytes_str(k->name)), k);
        assert_non_null(strstr(everything, k->name));
    }
    assert_int_equal(num, 34);
    assert_null(mse_policy_key_find(mse_bytes_str("allow_debu")));
    assert_null(mse_policy_key_find(mse_bytes_str("")));
}

static void test_truncated(void **state)
{
    (void)state;
    struct mse_policy p;
    for (size_t len = 0; len + 1 < sizeof everything; len++) {
        assert_status(mse_policy_parse_json(&p, mse_bytes_of(everything, len), NULL),
                      MSE_ERR_POLICY);
    }
    char more[sizeof everything + 1];
    (void)snprintf(more, sizeof more, "%s}", everything);
    assert_status(parse(&p, more), MSE_ERR_POLICY);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *names; /* what the error must name */
    } bad[] = {
        { "[]", "object" },
        { "{\"colour\":1}", "colour" },
        { "{\"allow_debug\":true,\"allow_debug\":true}", "twice" },
        { "{\"allow_debug\":1}", "allow_debug" },
        { "{\"allow_debug\":\"true\"}", "allow_debug" },
        { "{\"allow_debug\":null}", "allow_debug" },
        { "{\"accepted_tcb_statuses\":[\"Revoked\"]}", "accepted_tcb_statuses" },
        { "{\"accepted_tcb_statuses\":[\"None\"]}", "accepted_tcb_statuses" },
        { "{\"accepted_tcb_statuses\":[\"uptodate\"]}", "accepted_tcb_statuses" },
        { "{\"accepted_tcb_statuses\":\"UpToDate\"}", "accepted_tcb_statuses" },
        { "{\"accepted_advisories\":[\"\"]}", "accepted_advisories" },
        { "{\"accepted_advisories\":[\"INTEL-SA-000000000000000\"]}", "accepted_advisories" },
        { "{\"accepted_advisories\":[\"INTEL SA\"]}", "accepted_advisories" },
        { "{\"max_collateral_age\":4294967296}", "max_collateral_age" },
        { "{\"min_tcb_date\":\"2025-01-31\"}", "min_tcb_date" },
        { "{\"min_tcb_evaluation_number\":-1}", "min_tcb_evaluation_number" },
        { "{\"min_tcb_evaluation_number\":4294967296}", "min_tcb_evaluation_number" },
        { "{\"grace_days\":3}", "grace_reference" },
        { "{\"grace_reference\":\"tcb_date\"}", "grace_days" },
        { "{\"grace_days\":3,\"grace_reference\":\"today\"}", "grace_reference" },
        { "{\"grace_days\":3651,\"grace_reference\":\"tcb_date\"}", "grace_days" },
        { "{\"max_collateral_age\":2678399}", "max_collateral_age" },
        { "{\"allowed_machines\":[\"00\"]}", "allowed_machines" },
        { "{\"allowed_machines\":[\"00000000000000000000000000000000\"]}", "allowed_machines" },
        { "{\"allowed_fmspc\":[\"00606A00000\"]}", "allowed_fmspc" },
        { "{\"simulation_root\":\"00\"}", "simulation_root" },
        { "{\"simulation_root\":\"" HEX32("00") HEX32("00") "\"}", "simulation_root" },
        { "{\"simulation_only\":true}", "simulation_only" },
        { "{\"require_level\":4}", "require_level" },
        { "{\"max_vmpl\":4}", "max_vmpl" },
        { "{\"min_tcb_fmc\":256}", "min_tcb_fmc" },
        { "{\"min_tcb_bl\":256}", "min_tcb_bl" },
        { "{\"min_tcb_tee\":256}", "min_tcb_tee" },
        { "{\"min_tcb_snp\":256}", "min_tcb_snp" },
        { "{\"min_tcb_ucode\":256}", "min_tcb_ucode" },
        { "{\"min_snp_abi_major\":256}", "min_snp_abi_major" },
        { "{\"min_snp_abi_minor\":256}", "min_snp_abi_minor" },
        { "{\"simulation_root_sha256\":\"" HEX32("00") "\"}", "simulation_root_sha256" },
        { "{\"log_keys\":[\"log.example\"]}", "log_keys" },
        { "{\"log_keys\":[\"" WITNESS_KEY "\"]}", "log_keys" },
        { "{\"log_witnesses\":[\"" LOG_KEY "\"]}", "log_witnesses" },
        { "{\"log_witnesses\":[\"" WITNESS_KEY "\"]}", "log_keys" },
        { "{\"min_log_witnesses\":1}", "min_log_witnesses" },
        { "{\"min_log_witnesses\":17}", "min_log_witnesses" },
        { "{\"references\":[{\"measurement\":\"00\"}]}", "measurement" },
        { "{\"references\":[{\"host_data\":\"00\"}]}", "host_data" },
        { "{\"references\":[{\"id_key_digest\":\"00\"}]}", "id_key_digest" },
        { "{\"references\":[{\"author_key_digest\":\"00\"}]}", "author_key_digest" },
        { "{\"references\":{}}", "references" },
        { "{\"references\":[{\"mrenclave\":\"00\"}]}", "mrenclave" },
        { "{\"references\":[{\"mr_enclave\":\"00\"}]}", "mr_enclave" },
        { "{\"references\":[{\"isv_prod_id\":65536}]}", "isv_prod_id" },
        { "{\"references\":[{\"isv_prod_id\":1,\"isv_prod_id\":1}]}", "references" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct mse_policy p = { .require_level = 3 };
        assert_status(parse(&p, bad[i].json), MSE_ERR_POLICY);
        if (strstr(err.text, bad[i].names) == NULL) {
            fail_msg("%s: \"%s\" does not name %s", bad[i].json, err.text, bad[i].names);
        }
        assert_int_equal(p.require_level, 3);
    }
}

/* Lists end where their arrays end. */
static void test_limits(void **state)
{
    (void)state;
    struct mse_policy p;
    static const struct {
        const char *key;
        const char *element;
        size_t max;
    } lists[] = {
        { "accepted_advisories", "\"A\"", MSE_MAX_POLICY_ADVISORIES },
        { "allowed_machines", "\"000102030405060708090a0b0c0d0e0f\"", MSE_MAX_MACHINES },
        { "allowed_fmspc", "\"00606A000000\"", MSE_MAX_FMSPC },
        { "references", "{}", MSE_MAX_REFERENCES },
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (size_t num = lists[i].max; num <= lists[i].max + 1; num++) {
            static char json[8192];
            size_t len = (size_t)snprintf(json, sizeof json, "{\"%s\":[", lists[i].key);
            for (size_t k = 0; k < num; k++) {
                len += (size_t)snprintf(json + len, sizeof json - len, "%s%s", k > 0 ? "," : "",
                                        lists[i].element);
            }
            (void)snprintf(json + len, sizeof json - len, "]}");
            assert_status(parse(&p, json), num > lists[i].max ? MSE_ERR_POLICY : MSE_OK);
        }
    }
}

/* JSON and TOML refuse a second key of one name by themselves; a reader that does not is refused by
 * the table. */
static void test_reader_refuses_twice(void **state)
{
    (void)state;
    static struct mse_policy p;
    struct mse_policy_reader r;
    const struct mse_policy_key *key = mse_policy_key_find(mse_bytes_str("allow_debug"));
    const struct mse_policy_value svn = { .kind = MSE_POLICY_UINT, .number = 3 };
    mse_policy_read_begin(&r, &p);
    memset(&err, 0, sizeof err);
    assert_status(mse_policy_key_use(&r, key, NULL), MSE_OK);
    assert_status(mse_policy_key_use(&r, key, &err), MSE_ERR_POLICY);
    assert_non_null(strstr(err.text, "allow_debug"));
    struct mse_bytes name = mse_bytes_str("min_isv_svn");
    assert_status(mse_policy_reference_begin(&r, NULL), MSE_OK);
    assert_status(mse_policy_reference_set(&r, name, &svn, NULL), MSE_OK);
    memset(&err, 0, sizeof err);
    assert_status(mse_policy_reference_set(&r, name, &svn, &err), MSE_ERR_POLICY);
    assert_non_null(strstr(err.text, "min_isv_svn"));
    assert_status(mse_policy_reference_begin(&r, NULL), MSE_OK);
    assert_status(mse_policy_reference_set(&r, name, &svn, NULL), MSE_OK);
}

static void test_simulation_root_of_pem(void **state)
{
    (void)state;
    uint8_t point[64] = { 1 };
    static const char junk[] = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    assert_status(mse_simulation_root_of_pem(point, mse_bytes_str(""), NULL), MSE_ERR_MALFORMED);
    assert_status(mse_simulation_root_of_pem(point, mse_bytes_str(junk), NULL), MSE_ERR_MALFORMED);
    assert_int_equal(point[0], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_reader_refuses_twice),
        cmocka_unit_test(test_simulation_root_of_pem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
