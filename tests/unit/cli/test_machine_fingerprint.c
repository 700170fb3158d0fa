/* SPDX-License-Identifier: Apache-2.0 */
/* The fingerprint of an app on a machine, out of options: what goes into it, byte by byte, and each
 * option that is missing or wrong by its name. The files: integration test launch. */
#include "lib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "cli/machine.h"
#include "cli/options.h"
#include "crypto/digest.h"

#define ZEROS "0000000000000000000000000000000000000000000000"
#define A     "a1" ZEROS ZEROS "01"
#define B     "b2" ZEROS ZEROS "02"
#define C     "c3" ZEROS ZEROS "03"
#define D     "d4" ZEROS ZEROS "04"
#define TDX   "mr_td = \"" A "\"\nrtmr1 = \"" B "\"\nrtmr2 = \"" C "\"\n"
#define SNP   "measurement = \"" A "\"\n"
#define QUOTE "rtmr0=" D " xfam=0x618e7"

static char *dir;

static int make_dir(void **state)
{
    (void)state;
    dir = test_tmpdir();
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    test_tmpdir_remove(dir);
    return 0;
}

/* The path of a file with these measurements. */
static void put(char path[256], const char *text)
{
    (void)snprintf(path, 256, "%s/measurements", dir);
    test_write_file(path, mse_bytes_str(text));
}

/* words: NAME=VALUE with spaces between; measurements: their text, NULL: no such option. */
static mse_status load(struct cli_machine *m, bool is_tdx, const char *measurements,
                       const char *words, struct mse_error *err)
{
    static const struct cli_command command = { .options = cli_cloud_fingerprint_options };
    struct cli *c = calloc(1, sizeof *c);
    char text[1024];
    char path[256];
    assert_non_null(c);
    c->command = &command;
    if (measurements != NULL) {
        put(path, measurements);
    }
    (void)snprintf(text, sizeof text, "%s%s %s",
                   measurements == NULL ? "" : "measurements=", measurements == NULL ? "" : path,
                   words);
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        size_t i = 0;
        assert_non_null(value);
        *value++ = '\0';
        while (command.options[i].name != NULL && strcmp(command.options[i].name, word) != 0) {
            i++;
        }
        assert_non_null(command.options[i].name);
        c->values[i][0] = value;
        c->num_values[i] = 1;
    }
    *err = (struct mse_error) { .status = MSE_OK };
    mse_status st = cli_machine_load(m, c, is_tdx, err);
    free(c);
    return st;
}

static void refused(bool is_tdx, const char *measurements, const char *words, mse_status wanted,
                    const char *says)
{
    struct cli_machine m;
    struct mse_error err;
    memset(&m, 0x5a, sizeof m);
    struct cli_machine before = m;
    assert_status(load(&m, is_tdx, measurements, words, &err), wanted);
    if (strstr(err.text, says) == NULL) {
        fail_msg("%s, wanted %s", err.text, says);
    }
    assert_memory_equal(&m, &before, sizeof m);
}

static void wr_hex(struct mse_build *b, const char *hex)
{
    uint8_t raw[48];
    assert_true(mse_hex_decode(raw, sizeof raw, mse_bytes_str(hex)));
    mse_wr_copy(b, raw, sizeof raw);
}

static void wants(const struct cli_machine *m, const char *manifest, const struct mse_build *b)
{
    uint8_t seen[32];
    uint8_t wanted[32];
    assert_true(mse_build_ok(b));
    assert_status(mse_sha256(wanted, mse_build_view(b)), MSE_OK);
    assert_status(cli_machine_fingerprint(seen, m, mse_bytes_str(manifest)), MSE_OK);
    assert_memory_equal(seen, wanted, sizeof seen);
}

/* 10-rules 15. */
static void tdx_is_all_registers(void **state)
{
    (void)state;
    static const char manifest[] = "{\"the\":\"manifest\"}";
    uint8_t raw[512];
    uint8_t id[48];
    struct mse_build b;
    struct cli_machine m;
    struct mse_error err;
    assert_status(mse_sha384(id, mse_bytes_str(manifest)), MSE_OK);
    for (unsigned attributes = 0; attributes < 2; attributes++) {
        mse_build_fixed(&b, raw, sizeof raw);
        mse_wr_copy(&b, (const uint8_t *)"mse-fp-tdx-v1", 14);
        wr_hex(&b, A);
        wr_hex(&b, D);
        wr_hex(&b, B);
        wr_hex(&b, C);
        mse_wr_zeros(&b, 48);
        mse_wr_copy(&b, id, sizeof id);
        mse_wr_u64le(&b, attributes == 0 ? 0x10000000 : 0x40000000);
        mse_wr_u64le(&b, 0x618e7);
        assert_status(
            load(&m, true, TDX, attributes == 0 ? QUOTE : QUOTE " td-attributes=0x40000000", &err),
            MSE_OK);
        wants(&m, manifest, &b);
    }
}

static void snp_is_measurement_and_policy(void **state)
{
    (void)state;
    static const char manifest[] = "{\"the\":\"manifest\"}";
    uint8_t raw[512];
    uint8_t data[32];
    struct mse_build b;
    struct cli_machine m;
    struct mse_error err;
    assert_status(mse_sha256(data, mse_bytes_str(manifest)), MSE_OK);
    for (unsigned policy = 0; policy < 2; policy++) {
        mse_build_fixed(&b, raw, sizeof raw);
        mse_wr_copy(&b, (const uint8_t *)"mse-fp-snp-v1", 14);
        wr_hex(&b, A);
        mse_wr_copy(&b, data, sizeof data);
        mse_wr_u64le(&b, policy == 0 ? 0x30000 : 0x20000);
        mse_wr_u32le(&b, 0);
        assert_status(load(&m, false, SNP, policy == 0 ? "" : "guest-policy=131072", &err), MSE_OK);
        wants(&m, manifest, &b);
    }
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    refused(true, NULL, QUOTE, MSE_ERR_ARGUMENT, "--firmware is missing");
    refused(true, NULL, "firmware=none " QUOTE, MSE_ERR_ARGUMENT, "--kernel is missing");
    refused(true, TDX, "xfam=0", MSE_ERR_ARGUMENT, "--rtmr0 is missing");
    refused(true, TDX, "rtmr0=" D, MSE_ERR_ARGUMENT, "--xfam is missing");
    refused(false, NULL, "", MSE_ERR_ARGUMENT, "--firmware is missing");
    refused(false, NULL, "firmware=none kernel=none", MSE_ERR_ARGUMENT, "--cpu is missing");
    refused(false, NULL, "firmware=/nonexistent kernel=/nonexistent cpu=EPYC-v4", MSE_ERR_NOT_FOUND,
            "/nonexistent");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    refused(true, TDX, "rtmr0=12 xfam=0", MSE_ERR_ARGUMENT, "--rtmr0 is 12, wanted 96");
    refused(true, TDX, "rtmr0=" D "00 xfam=0", MSE_ERR_ARGUMENT, "wanted 96 hexadecimal digits");
    refused(true, TDX, "rtmr0=" D " xfam=", MSE_ERR_ARGUMENT, "--xfam is , wanted a number");
    refused(true, TDX, "rtmr0=" D " xfam=0x11111111111111111", MSE_ERR_ARGUMENT, "--xfam");
    refused(true, TDX, QUOTE " td-attributes=-1", MSE_ERR_ARGUMENT, "--td-attributes is -1");
    refused(false, SNP, "guest-policy=x", MSE_ERR_ARGUMENT, "--guest-policy is x");
}

static void measurements_are_alone(void **state)
{
    (void)state;
    static const char *const others[] = { "firmware", "kernel", "initrd",         "append",
                                          "cpu",      "vcpus",  "guest-features", "old-linux" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(others); i++) {
        char words[64];
        char says[64];
        (void)snprintf(words, sizeof words, "%s=1", others[i]);
        (void)snprintf(says, sizeof says, "--measurements and --%s exclude", others[i]);
        refused(false, SNP, words, MSE_ERR_ARGUMENT, says);
    }
}

static void measurements_are_exact(void **state)
{
    (void)state;
    refused(true, SNP, QUOTE, MSE_ERR_CONFIG, "measurement");
    refused(false, TDX, "", MSE_ERR_CONFIG, "mr_td");
    refused(true, "mr_td = \"" A "\"\nrtmr1 = \"" B "\"\n", QUOTE, MSE_ERR_CONFIG, "rtmr2");
    refused(true, TDX "rtmr0 = \"" D "\"\n", QUOTE, MSE_ERR_CONFIG, "rtmr0");
    refused(false, "measurement = 1\n", "", MSE_ERR_CONFIG, "measurement");
    refused(false, "", "", MSE_ERR_CONFIG, "measurement");
    refused(false, "measurement = \"" A "00\"\n", "", MSE_ERR_ARGUMENT, "measurement is a1");
    refused(true, "mr_td = \"\"\nrtmr1 = \"" B "\"\nrtmr2 = \"" C "\"\n", QUOTE, MSE_ERR_ARGUMENT,
            "mr_td is ");
    refused(true, "mr_td = \"" A "\"\nrtmr1 = \"x\"\nrtmr2 = \"" C "\"\n", QUOTE, MSE_ERR_ARGUMENT,
            "rtmr1 is x");
    refused(true, "mr_td = \"" A "\"\nrtmr1 = \"" B "\"\nrtmr2 = \"y\"\n", QUOTE, MSE_ERR_ARGUMENT,
            "rtmr2 is y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tdx_is_all_registers),     cmocka_unit_test(snp_is_measurement_and_policy),
        cmocka_unit_test(what_is_missing_is_named), cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(measurements_are_alone),   cmocka_unit_test(measurements_are_exact),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
