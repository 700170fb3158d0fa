/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of machines and of known digests: what they say, and every way to write them wrongly. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "conf/lists.h"
#include "crypto/digest.h"

#define D16 "00112233445566778899aabbccddeeff"
#define D32 D16 D16
#define D64 D32 D32

static struct mse_policy policy;

static mse_status machines(const char *text, struct mse_error *err)
{
    return mse_machines_parse(&policy, "m.toml", mse_bytes_str(text), err);
}

static int fresh(void **state)
{
    (void)state;
    mse_policy_default(&policy);
    return 0;
}

static void test_machines(void **state)
{
    (void)state;
    uint8_t chip[64];
    uint8_t sum[32];
    assert_status(machines("[[machine]]\nname = \"rack 4\"\npiid = \"" D16 "\"\n"
                           "[[machine]]\nppid = \"" D16 "\"\n[[machine]]\nsha256 = \"" D32 "\"\n"
                           "[[machine]]\nchip_id = \"" D64 "\"\n",
                           NULL),
                  MSE_OK);
    assert_int_equal(policy.num_allowed_machines, 4);
    assert_int_equal(policy.allowed_machines[0].len, 16);
    assert_int_equal(policy.allowed_machines[0].id[1], 0x11);
    assert_int_equal(policy.allowed_machines[2].len, 32);
    assert_true(mse_hex_decode(chip, sizeof chip, mse_bytes_str(D64)));
    assert_status(mse_sha256(sum, mse_bytes_of(chip, sizeof chip)), MSE_OK);
    assert_int_equal(policy.allowed_machines[3].len, 32);
    assert_memory_equal(policy.allowed_machines[3].id, sum, 32);
}

static void test_machines_refused(void **state)
{
    (void)state;
    static const char zeros[] = "[[machine]]\nchip_id = \"0000000000000000000000000000000000000000"
                                "00000000000000000000000000000000000000000000000000000000000000000"
                                "00000000000000000000000\"\n";
    static const char *const texts[] = {
        "",
        "machine = []\n",
        "machine = 7\n",
        "machine = [7]\n",
        "[machine]\npiid = \"" D16 "\"\n",
        "machines = []\n",
        "[[machine]]\nname = \"nobody\"\n",
        "[[machine]]\npiid = \"" D16 "\"\nppid = \"" D16 "\"\n",
        "[[machine]]\npiid = \"" D32 "\"\n",
        "[[machine]]\npiid = \"00112233445566778899aabbccddeefg\"\n",
        "[[machine]]\npiid = 7\n",
        "[[machine]]\nfmspc = \"00606a000000\"\n",
        "[[machine]]\npiid = \"00000000000000000000000000000000\"\n",
        zeros,
        "[[machine]]\npiid = \"" D16 "\"\n[[machine]]\n",
        "[[machine",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(texts); i++) {
        struct mse_error err = { 0 };
        assert_status(machines(texts[i], &err), MSE_ERR_CONFIG);
        assert_non_null(strstr(err.text, "m.toml"));
        assert_int_equal(policy.num_allowed_machines, 0);
    }
}

static void test_most_machines(void **state)
{
    (void)state;
    static char text[(MSE_MAX_MACHINES + 1) * 64 + 1];
    size_t len = 0;
    for (unsigned i = 0; i < MSE_MAX_MACHINES; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "[[machine]]\nppid = \"%032x\"\n",
                                i + 1);
    }
    assert_status(machines(text, NULL), MSE_OK);
    assert_int_equal(policy.num_allowed_machines, MSE_MAX_MACHINES);
    (void)fresh(NULL);
    (void)snprintf(text + len, sizeof text - len, "[[machine]]\nppid = \"%032x\"\n", 99999U);
    struct mse_error err = { 0 };
    assert_status(machines(text, &err), MSE_ERR_CONFIG);
    assert_non_null(strstr(err.text, "more than 64"));
    assert_int_equal(policy.num_allowed_machines, 0);
}

static void test_digests(void **state)
{
    (void)state;
    static const char list[] =
        "[[digest]]\nkind = \"runtime\"\nname = \"r\"\nsha256 = \"" D32 "\"\n"
        "[[digest]]\nkind = \"loader\"\nsha256 = \"1111111111111111111111"
        "111111111111111111111111111111111111111111\"\n";
    uint8_t sum[32];
    uint8_t other[32];
    bool found = false;
    assert_true(mse_hex_decode(sum, sizeof sum, mse_bytes_str(D32)));
    memset(other, 0x11, sizeof other);
    struct mse_bytes text = mse_bytes_str(list);
    assert_status(mse_digests_find(&found, "r.toml", text, "runtime", sum, NULL), MSE_OK);
    assert_true(found);
    assert_status(mse_digests_find(&found, "r.toml", text, "runtime", other, NULL), MSE_OK);
    assert_false(found); /* that one is a loader */
    assert_status(mse_digests_find(&found, "r.toml", text, "loader", other, NULL), MSE_OK);
    assert_true(found);
}

static void test_digests_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[[digest]]\n",
        "[[digest]]\nkind = \"runtime\"\n",
        "[[digest]]\nsha256 = \"" D32 "\"\n",
        "[[digest]]\nkind = \"kernel\"\nsha256 = \"" D32 "\"\n",
        "[[digest]]\nkind = \"image\"\nsha256 = \"" D32 "\"\n", /* compared with nothing */
        "[[digest]]\nkind = \"runtime\"\nsha256 = \"" D16 "\"\n",
        "[[digest]]\nkind = \"runtime\"\nsha256 = 7\n",
        "[[digest]]\nkind = \"runtime\"\nsha256 = \"" D32 "\"\nmore = \"x\"\n",
        "[[digest]]\nkind = \"runtime\"\nsha256 = \"" D32 "\"\n[[digest]]\nkind = \"x\"\n",
        "digest = [\"" D32 "\"]\n",
        "version = 1\n[[digest]]\nkind = \"runtime\"\nsha256 = \"" D32 "\"\n",
        "[[digest",
    };
    uint8_t sum[32];
    assert_true(mse_hex_decode(sum, sizeof sum, mse_bytes_str(D32)));
    for (size_t i = 0; i < MSE_ARRAY_LEN(texts); i++) {
        bool found = true;
        struct mse_error err = { 0 };
        assert_status(
            mse_digests_find(&found, "r.toml", mse_bytes_str(texts[i]), "runtime", sum, &err),
            MSE_ERR_CONFIG);
        assert_true(found); /* untouched */
        assert_non_null(strstr(err.text, "r.toml"));
        assert_true(strstr(texts[i], "kernel") == NULL || strstr(err.text, "kind is \"kernel\""));
        assert_true(strstr(texts[i], "image") == NULL || strstr(err.text, "kind is \"image\""));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_machines, fresh),
        cmocka_unit_test_setup(test_machines_refused, fresh),
        cmocka_unit_test_setup(test_most_machines, fresh),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_digests_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
