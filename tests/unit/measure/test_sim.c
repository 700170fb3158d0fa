/* SPDX-License-Identifier: Apache-2.0 */
/* Layout sim-1. The expected values come from an implementation of docs/measurement.md of its own,
 * in another language. */
#include <mse/measure.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "synth.h"

static void known_measurements(void **state)
{
    (void)state;
    static char page[4097];
    memset(page, 'x', 4096);
    const struct {
        size_t image;
        struct mse_bytes manifest;
        uint64_t size;
        uint32_t threads;
        const char *wanted;
    } cases[] = {
        { 0, mse_bytes_str("{\"v\":1}"), 1U << 24, 1,
          "c8463bf7a2bbb6337155eb05e05cb437561301f42a77654415a4292da7e89e03" },
        { 1, mse_bytes_str("{\"v\":1}"), 1U << 26, 16,
          "291fe17fdfdac2590880cc17ce54dd471a5400ce6f83b238ba7dd163f9d8099e" },
        { 0, mse_bytes_of(page, 4095), 1U << 24, 1,
          "3359d00d66715e57004b235ec0dc6a68ed76ad814302f82dc4587ca0b2f2c6b9" },
        { 0, mse_bytes_of(page, 4096), 1U << 24, 1,
          "b7152efa0f2d86bfa6ade9f946977d70358d5c9dcf7a0f53d5951e2634f4976a" },
        { 0, mse_bytes_of(NULL, 0), 1U << 24, 2,
          "adf1c0ea5725c9f5d0dd412dc54bdf1b3154320147552a9c3995d4706a8f2a5b" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        uint8_t buf[SYNTH_MAX_LEN];
        struct mse_sim_layout l = { synth_make(buf, &synth_images[cases[i].image]),
                                    cases[i].manifest, cases[i].size, cases[i].threads };
        uint8_t out[32];
        char hex[65];
        assert_status(mse_measure_sim(out, &l, NULL), MSE_OK);
        mse_hex_encode(hex, mse_bytes_of(out, 32));
        assert_string_equal(hex, cases[i].wanted);
    }
}

static struct mse_sim_layout base(uint8_t buf[SYNTH_MAX_LEN])
{
    struct mse_sim_layout l = { synth_make(buf, &synth_images[0]), mse_bytes_str("{\"v\":1}"),
                                1U << 24, 1 };
    return l;
}

/* One bit anywhere in what is loaded changes the result. */
static void everything_counts(void **state)
{
    (void)state;
    uint8_t buf[SYNTH_MAX_LEN];
    struct mse_sim_layout l = base(buf);
    uint8_t first[32];
    uint8_t other[32];
    assert_status(mse_measure_sim(first, &l, NULL), MSE_OK);
    static const size_t places[] = { 0x300, 0x17ff, 0x1e38, 0x23ff };
    for (size_t i = 0; i < MSE_ARRAY_LEN(places); i++) {
        buf[places[i]] ^= 1;
        assert_status(mse_measure_sim(other, &l, NULL), MSE_OK);
        assert_false(mse_mem_equal(first, other, 32));
        buf[places[i]] ^= 1;
    }
    buf[0x1800] ^= 1; /* behind the first segment, before the second: never loaded */
    assert_status(mse_measure_sim(other, &l, NULL), MSE_OK);
    assert_true(mse_mem_equal(first, other, 32));
    l.manifest = mse_bytes_str("{\"v\":2}");
    assert_status(mse_measure_sim(other, &l, NULL), MSE_OK);
    assert_false(mse_mem_equal(first, other, 32));
    l = base(buf);
    l.threads = 2;
    assert_status(mse_measure_sim(other, &l, NULL), MSE_OK);
    assert_false(mse_mem_equal(first, other, 32));
    l = base(buf);
    l.enclave_size *= 2;
    assert_status(mse_measure_sim(other, &l, NULL), MSE_OK);
    assert_false(mse_mem_equal(first, other, 32));
}

/* A NUL at the end of the manifest is not the NUL that the layout adds. */
static void manifest_length_counts(void **state)
{
    (void)state;
    uint8_t buf[SYNTH_MAX_LEN];
    struct mse_sim_layout l = base(buf);
    uint8_t with[32];
    uint8_t without[32];
    l.manifest = mse_bytes_of("{}\0", 2);
    assert_status(mse_measure_sim(without, &l, NULL), MSE_OK);
    l.manifest = mse_bytes_of("{}\0", 3);
    assert_status(mse_measure_sim(with, &l, NULL), MSE_OK);
    assert_false(mse_mem_equal(with, without, 32));
}

/* The same things under Gramine's layout measure differently. */
static void is_not_gramine(void **state)
{
    (void)state;
    uint8_t buf[SYNTH_MAX_LEN];
    struct mse_sim_layout l = base(buf);
    uint8_t a[32];
    uint8_t b[32];
    l.manifest = mse_bytes_str("sgx.enclave_size = \"16M\"\nsgx.max_threads = 1\n");
    assert_status(mse_measure_sim(a, &l, NULL), MSE_OK);
    assert_status(mse_measure_gramine(b, l.runtime, l.manifest, NULL), MSE_OK);
    assert_false(mse_mem_equal(a, b, 32));
}

static void refusals(void **state)
{
    (void)state;
    uint8_t buf[SYNTH_MAX_LEN];
    uint8_t out[32] = { 9 };
    struct mse_sim_layout l = base(buf);
    l.enclave_size = 3U << 20;
    assert_status(mse_measure_sim(out, &l, NULL), MSE_ERR_ARGUMENT);
    l.enclave_size = 1ULL << 41;
    assert_status(mse_measure_sim(out, &l, NULL), MSE_ERR_ARGUMENT);
    l = base(buf);
    l.threads = 0;
    assert_status(mse_measure_sim(out, &l, NULL), MSE_ERR_ARGUMENT);
    l.threads = 4097;
    assert_status(mse_measure_sim(out, &l, NULL), MSE_ERR_ARGUMENT);
    l = base(buf);
    l.enclave_size = 1U << 18;
    assert_status(mse_measure_sim(out, &l, NULL), MSE_ERR_NO_SPACE);
    l = base(buf);
    l.runtime = mse_bytes_of(buf, 63);
    assert_status(mse_measure_sim(out, &l, NULL), MSE_ERR_MALFORMED);
    l = base(buf);
    l.runtime = synth_make(buf, &synth_images[2]);
    assert_status(mse_measure_sim(out, &l, NULL), MSE_ERR_UNSUPPORTED);
    assert_int_equal(out[0], 9);
}

/* A real executable, as the launcher measures one. */
static void measures_this_program(void **state)
{
    (void)state;
    struct mse_bytes file = test_read_file("/proc/self/exe");
    struct mse_sim_layout l = { file, mse_bytes_str("{}"), 1U << 28, 16 };
    uint8_t out[32];
    assert_status(mse_measure_sim(out, &l, NULL), MSE_OK);
    free((void *)(uintptr_t)file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_measurements),
        cmocka_unit_test(everything_counts),
        cmocka_unit_test(manifest_length_counts),
        cmocka_unit_test(is_not_gramine),
        cmocka_unit_test(refusals),
        cmocka_unit_test(measures_this_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
