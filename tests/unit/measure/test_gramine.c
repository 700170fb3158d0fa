/* SPDX-License-Identifier: Apache-2.0 */
/* The Gramine 1.9 layout: hashes that gramine-sgx-sign 1.9 computes for the made-up images, its
 * places of the loader, refusals; the shared vectors where they are present. */
#include <mse/measure.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "lib/testlib.h"
#include "measure/gramine_manifest.h"
#include "measure/layout.h"
#include "synth.h"

#define MAX_MANIFEST 8192U

static void assert_hex(const uint8_t seen[32], const char *wanted)
{
    char hex[65];
    mse_hex_encode(hex, mse_bytes_of(seen, 32));
    assert_string_equal(hex, wanted);
}

static void assert_sha256(struct mse_bytes in, const char *wanted)
{
    uint8_t out[32];
    assert_status(mse_sha256(out, in), MSE_OK);
    assert_hex(out, wanted);
}

/* The recipe is the one that the expected values were computed from. */
static void recipe_is_right(void **state)
{
    (void)state;
    uint8_t buf[SYNTH_MAX_LEN];
    assert_sha256(synth_make(buf, &synth_images[0]),
                  "7480df885563152c025d56946f33112c47c8e46b0a26e2a52d171ef027d31610");
    assert_sha256(synth_make(buf, &synth_images[1]),
                  "ef17324fd40fad7fd55bb113ac68a561fd1817c6d7afd63a249cd4f7bb1e48e4");
    assert_sha256(synth_make(buf, &synth_images[2]),
                  "47db59f6f9f59ee8606b839438789eb4d4a77f19ac4a15f89cab72f841c05f39");
    struct mse_build b;
    mse_build_heap(&b, MAX_MANIFEST);
    assert_sha256(synth_manifest(&b, 1),
                  "d52f8d7605db3c55a46c2b39c7fd3da8ece3bd0f38cd997535439ace56882220");
    assert_sha256(synth_manifest(&b, 4),
                  "7bbd30ef323cbf727a5a30f967e8f93e742dde4827c6cfd578fa59028ac7ed05");
    assert_sha256(synth_manifest(&b, 7),
                  "460ea5a0de504768e928211481d0ff1036cd66ef7e3384241df247a4eb772fbe");
    assert_sha256(synth_manifest(&b, 8),
                  "7ac2257cf2c90f166edde7d238cf975127d55fcbfba216765409cbc9718893e0");
    mse_build_clear(&b);
}

static const struct {
    int manifest;
    const char *mr_enclave[3]; /* synth1 to synth3 */
} known[] = {
    { 1,
      { "778903e487045e0dcfd7515edd8daf0e9ce078d7ab6d3daae9a221c14ffb7e68",
        "e225f0fb5228dcb21434e9a409351078e1cbaffe94bb3b9a48dabcf0ab00d02e",
        "70f5d4a8454923413ae919b23c6bce8d7274cd8dc0f1bb247351739c693e8ca3" } },
    { 2,
      { "5d00259fe0dfe4209aef41b8eb6c4f5cd2226e43b9cc45f49629a74988b261dc",
        "18bf11d17256f4f02e852b3d909b4a90cf974dde9f0387b14eb2a5aed2c10458",
        "571af68fa10be6a40fff4ebc782b11d3559d66290edd15ca80445101e51fcd7d" } },
    { 3,
      { "e95be162eb699323c3b92c3c62ebc5ce1eb6885890502f3b4fe55ecd229fd691",
        "f2ac2ed0d643ceb46c3462ce90191240aeffe11fee18a4558177796ea6babcf0",
        "e4d9bbde5a1f65c8ffba70acd1d39d2185c36af940df6c7cf6038e5c60e19664" } },
    { 5,
      { "67c01c08e4a13a9014d3b7800909f6b5319ecbd8edc565f570f33c132c6601c1",
        "fe6d8110ef7bc600c088a439acdcff00c80b5770c41b74ce8acbfa4ecfdc1da5",
        "12bb14fbabe05cddcdd3392e19b9030451dd0279e88245733c9385946d580699" } },
    { 7,
      { "f6c8f1cb4b423d2bfd7bb1e7aa5c60d4d0dc86f5c4f557c0396c730386c32a6e",
        "f1691e33a50c62be2834108ce1f6bd82d8b053843fef5c1da6266e8e5fe64cce",
        "8d0b02169f4806c4a087fd9dd94cb633728299b253d3fb643c7b23e2d63d6a5d" } },
};

static void known_measurements(void **state)
{
    (void)state;
    struct mse_build b;
    mse_build_heap(&b, MAX_MANIFEST);
    for (size_t i = 0; i < MSE_ARRAY_LEN(known); i++) {
        struct mse_bytes manifest = synth_manifest(&b, known[i].manifest);
        for (size_t k = 0; k < 3; k++) {
            uint8_t buf[SYNTH_MAX_LEN];
            uint8_t out[32];
            struct mse_bytes image = synth_make(buf, &synth_images[k]);
            assert_status(mse_measure_gramine(out, image, manifest, NULL), MSE_OK);
            assert_hex(out, known[i].mr_enclave[k]);
        }
    }
    mse_build_clear(&b);
}

static void known_places_of_the_loader(void **state)
{
    (void)state;
    static const struct {
        size_t image;
        int manifest;
        uint64_t at;
    } cases[] = {
        { 0, 1, 0xfa0000 }, { 0, 3, 0x1e92000 }, { 1, 6, 0xfee9000 }, { 2, 1, 0x400000 }
    };
    struct mse_build b;
    mse_build_heap(&b, MAX_MANIFEST);
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        uint8_t buf[SYNTH_MAX_LEN];
        struct mse_bytes manifest = synth_manifest(&b, cases[i].manifest);
        struct mse_gramine_params p;
        struct mse_layout l;
        assert_status(mse_gramine_params_parse(&p, manifest, NULL), MSE_OK);
        assert_status(mse_layout_place(&l, synth_make(buf, &synth_images[cases[i].image]), manifest,
                                       p.enclave_size, p.threads, NULL),
                      MSE_OK);
        assert_true(l.image_at == cases[i].at);
    }
    mse_build_clear(&b);
}

/* The NUL behind the manifest is measured: at 4096 bytes it needs a page of its own. */
static void manifest_of_a_whole_page(void **state)
{
    (void)state;
    uint8_t buf[SYNTH_MAX_LEN];
    struct mse_bytes image = synth_make(buf, &synth_images[0]);
    struct mse_build b;
    mse_build_heap(&b, MAX_MANIFEST);
    struct mse_layout l;
    assert_status(mse_layout_place(&l, image, synth_manifest(&b, 7), 1U << 24, 1, NULL), MSE_OK);
    assert_true(l.manifest_at == (1U << 24) - 0x1000);
    assert_status(mse_layout_place(&l, image, synth_manifest(&b, 8), 1U << 24, 1, NULL), MSE_OK);
    assert_true(l.manifest_at == (1U << 24) - 0x2000);
    mse_build_clear(&b);
}

static mse_status measure_text(struct mse_error *err, const char *manifest)
{
    uint8_t buf[SYNTH_MAX_LEN];
    uint8_t out[32];
    return mse_measure_gramine(out, synth_make(buf, &synth_images[0]), mse_bytes_str(manifest),
                               err);
}

static void refusals_name_their_reason(void **state)
{
    (void)state;
    struct mse_error err = { 0 };
    assert_status(measure_text(&err, "sgx.enclave_size = \"1M\"\nsgx.max_threads = 4"),
                  MSE_ERR_NO_SPACE);
    assert_non_null(strstr(err.text, "4 threads"));
    memset(&err, 0, sizeof err);
    assert_status(measure_text(&err, "sgx.max_threads = 0"), MSE_ERR_CONFIG);
    assert_non_null(strstr(err.text, "max_threads"));
    memset(&err, 0, sizeof err);
    uint8_t out[32] = { 9 };
    assert_status(mse_measure_gramine(out, mse_bytes_str("MZ"), mse_bytes_str(""), &err),
                  MSE_ERR_MALFORMED);
    assert_int_equal(out[0], 9);
}

/* An image with an address of its own must lie between the heap's start and the last area. */
static void fixed_address_must_fit(void **state)
{
    (void)state;
    static const struct {
        uint64_t vaddr;
        mse_status status;
    } cases[] = {
        { 0x1000, MSE_ERR_NO_SPACE },
        { 0xf000, MSE_ERR_NO_SPACE },
        { 0x10000, MSE_OK },
        { 0xfa4000, MSE_OK }, /* just below the last signal stack */
        { 0xfa5000, MSE_ERR_NO_SPACE },
        /* in it */ { 0x1000000, MSE_ERR_NO_SPACE },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        uint8_t buf[SYNTH_MAX_LEN];
        uint8_t out[32];
        struct synth_image image = {
            0x1000, cases[i].vaddr, 1, { { 0, cases[i].vaddr, 64, 64, 5 } }
        };
        assert_status(mse_measure_gramine(
                          out, synth_make(buf, &image),
                          mse_bytes_str("sgx.enclave_size = \"16M\"\nsgx.max_threads = 1"), NULL),
                      cases[i].status);
    }
}

static void places_refuse_wrong_sizes(void **state)
{
    (void)state;
    uint8_t buf[SYNTH_MAX_LEN];
    struct mse_bytes image = synth_make(buf, &synth_images[0]);
    struct mse_bytes none = mse_bytes_str("");
    struct mse_layout l;
    assert_status(mse_layout_place(&l, image, none, 0, 1, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_layout_place(&l, image, none, 0x1800000, 1, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_layout_place(&l, image, none, 1ULL << 41, 1, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_layout_place(&l, image, none, 1U << 24, 0, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_layout_place(&l, image, none, 1U << 24, 4097, NULL), MSE_ERR_ARGUMENT);
    assert_status(mse_layout_place(&l, image, none, 1ULL << 31, 4096, NULL), MSE_OK);
    assert_status(mse_layout_place(&l, image, mse_bytes_of(buf, SIZE_MAX), 1U << 24, 1, NULL),
                  MSE_ERR_NO_SPACE);
}

/* All cases of the shared folder, found by its own list: {"pal": …, "manifest": …, "mrenclave"}. */
static struct mse_bytes string_after(struct mse_bytes *json, const char *key)
{
    size_t at = mse_bytes_find(*json, mse_bytes_str(key));
    struct mse_bytes out = { NULL, 0 };
    if (at == SIZE_MAX || !mse_rd_skip(json, at + strlen(key)) ||
        !mse_rd_bytes(json, &out, mse_bytes_find(*json, mse_bytes_str("\"")))) {
        return mse_bytes_of(NULL, 0);
    }
    return out;
}

static struct mse_bytes read_in(const char *dir, struct mse_bytes name)
{
    char path[4096];
    struct mse_build b;
    mse_build_fixed(&b, path, sizeof path);
    mse_wr_str(&b, dir);
    mse_wr_str(&b, "/measure/");
    mse_wr_bytes(&b, name);
    assert_non_null(mse_build_cstr(&b));
    return test_read_file(path);
}

static void shared_vectors(void **state)
{
    (void)state;
    const char *dir = test_vectors();
    struct mse_bytes list = { NULL, 0 };
    if (dir != NULL) {
        list = read_in(dir, mse_bytes_str("gramine-1.9.json"));
    }
    if (list.data == NULL) {
        skip();
    }
    struct mse_bytes rest = list;
    unsigned num = 0;
    for (;;) {
        struct mse_bytes pal = string_after(&rest, "\"pal\": \"");
        if (pal.data == NULL) {
            break;
        }
        struct mse_bytes manifest = string_after(&rest, "\"manifest\": \"");
        struct mse_bytes wanted = string_after(&rest, "\"mrenclave\": \"");
        struct mse_bytes image = read_in(dir, pal);
        struct mse_bytes text = read_in(dir, manifest);
        uint8_t out[32];
        char hex[65];
        assert_status(mse_measure_gramine(out, image, text, NULL), MSE_OK);
        mse_hex_encode(hex, mse_bytes_of(out, 32));
        assert_bytes(mse_bytes_str(hex), wanted);
        free((void *)(uintptr_t)image.data);
        free((void *)(uintptr_t)text.data);
        num++;
    }
    assert_int_equal(num, 15);
    free((void *)(uintptr_t)list.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipe_is_right),
        cmocka_unit_test(known_measurements),
        cmocka_unit_test(known_places_of_the_loader),
        cmocka_unit_test(manifest_of_a_whole_page),
        cmocka_unit_test(refusals_name_their_reason),
        cmocka_unit_test(fixed_address_must_fit),
        cmocka_unit_test(places_refuse_wrong_sizes),
        cmocka_unit_test(shared_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
