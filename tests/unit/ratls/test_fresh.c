/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to a relayed nonce in a bundle: what is read, and each thing that is not. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "ratls/fresh.h"

#define HASH    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define AUDIT   "\"audit\":{\"index\":1,\"size\":2,\"path\":[\"" HASH "\"]}"
#define SESSION "{\"level\":1,\"nonce\":\"x\",\"evidence\":\"2epg\"," AUDIT "}"
#define BUNDLE  "{\"version\":1,\"session\":" SESSION ",\"manifest\":\"{}\"}"

static mse_status rd(struct mse_frame_response *r, const char *json, size_t len)
{
    struct mse_error err = { .status = MSE_OK };
    static uint8_t scratch[1024];
    mse_status st =
        mse_fresh_read(r, scratch, sizeof scratch, mse_bytes_of((const uint8_t *)json, len), &err);
    assert_int_equal(st, err.status);
    return st;
}

static void in_order(void **state)
{
    struct mse_frame_response r;
    (void)state;
    assert_status(rd(&r, BUNDLE, sizeof BUNDLE - 1), MSE_OK);
    assert_bytes(r.evidence, mse_bytes_str("\xd9\xea\x60"));
    assert_true(r.has_audit);
    assert_int_equal(r.audit.index, 1);
    assert_int_equal(r.audit.size, 2);
    assert_int_equal(r.audit.num, 1);
    assert_int_equal(r.audit.hashes[0][31], 0x1f);
    assert_int_equal(r.error.len + r.manifest.len + r.collateral.len + r.nonce.len, 0);
}

static void refused(void **state)
{
    static const struct {
        const char *json;
        mse_status status;
    } cases[] = {
        { "{\"version\":1}", MSE_ERR_NOT_FOUND },
        { "{\"session\":null}", MSE_ERR_MALFORMED },
        { "{\"session\":{}}", MSE_ERR_MALFORMED },
        { "{\"session\":{\"level\":1}}", MSE_ERR_MALFORMED },
        { "{\"session\":{\"evidence\":\"2epg\"}}", MSE_ERR_MALFORMED },
        /* another level */
        { "{\"session\":{\"level\":0,\"evidence\":\"2epg\"}}", MSE_ERR_MALFORMED },
        { "{\"session\":{\"level\":2,\"evidence\":\"2epg\"}}", MSE_ERR_MALFORMED },
        /* no evidence, or not base64 */
        { "{\"session\":{\"level\":1,\"evidence\":\"\"}}", MSE_ERR_MALFORMED },
        { "{\"session\":{\"level\":1,\"evidence\":\"2ep\"}}", MSE_ERR_MALFORMED },
        { "{\"session\":{\"level\":1,\"evidence\":7}}", MSE_ERR_MALFORMED },
        /* an audit path without its parts, or of other types */
        { "{\"session\":{\"level\":1,\"evidence\":\"2epg\",\"audit\":[]}}", MSE_ERR_MALFORMED },
        { "{\"session\":{\"level\":1,\"evidence\":\"2epg\",\"audit\":{\"index\":0,\"size\":1}}}",
          MSE_ERR_MALFORMED },
        { "{\"session\":{\"level\":1,\"evidence\":\"2epg\",\"audit\":{\"index\":-1,\"size\":1,"
          "\"path\":[]}}}",
          MSE_ERR_MALFORMED },
        { "{\"session\":{\"level\":1,\"evidence\":\"2epg\",\"audit\":{\"index\":0,\"size\":1,"
          "\"path\":[\"00\"]}}}",
          MSE_ERR_MALFORMED },
        /* twice */
        { "{\"session\":" SESSION ",\"session\":" SESSION "}", MSE_ERR_MALFORMED },
        { BUNDLE "x", MSE_ERR_MALFORMED },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        struct mse_frame_response r = { .retry_ms = 7 };
        assert_status(rd(&r, cases[i].json, strlen(cases[i].json)), cases[i].status);
        assert_int_equal(r.retry_ms, 7);
    }
}

static void a_path_has_an_end(void **state)
{
    char json[2048] = "{\"session\":{\"level\":1,\"evidence\":\"2epg\",\"audit\":{\"index\":0,"
                      "\"size\":256,\"path\":[\"" HASH "\"";
    struct mse_frame_response r;
    size_t len = strlen(json);
    (void)state;
    for (size_t i = 1; i <= MSE_NONCES_DEPTH; i++) {
        int end = snprintf(json + len, sizeof json - len, "]}}}");
        assert_status(rd(&r, json, len + (size_t)end), MSE_OK);
        assert_int_equal(r.audit.num, i);
        len += (size_t)snprintf(json + len, sizeof json - len, ",\"%s\"", HASH);
    }
    int end = snprintf(json + len, sizeof json - len, "]}}}");
    assert_status(rd(&r, json, len + (size_t)end), MSE_ERR_MALFORMED);
}

static void every_cut(void **state)
{
    struct mse_frame_response r;
    (void)state;
    for (size_t len = 0; len < sizeof BUNDLE - 1; len++) {
        char *part = malloc(len + 1);
        assert_non_null(part);
        memcpy(part, BUNDLE, len);
        assert_status(rd(&r, part, len), MSE_ERR_MALFORMED);
        free(part);
    }
}

/* Base64 has slashes, which some write as "\/": the text is kept beside what it says. */
static void room_that_is_enough(void **state)
{
    static const char json[] = "{\"session\":{\"level\":1,\"evidence\":\"\\/"
                               "aaabbbbccccddddeeeeffffgggghhhhiiiijjjjkkkkllllmmmmnnnnoooopppp"
                               "qqqqrrrrssssttttuuuuvvvvwwwwxxxxyyyyzzzz\"}}";
    uint8_t scratch[2 * (sizeof json - 1)];
    struct mse_frame_response r;
    (void)state;
    assert_status(mse_fresh_read(&r, scratch, sizeof scratch, mse_bytes_str(json), NULL), MSE_OK);
    assert_int_equal(r.evidence.len, 78);
}

static void room_that_is_too_small(void **state)
{
    uint8_t scratch[2];
    struct mse_frame_response r;
    (void)state;
    assert_status(mse_fresh_read(&r, scratch, sizeof scratch, mse_bytes_str(BUNDLE), NULL),
                  MSE_ERR_NO_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(refused),
        cmocka_unit_test(a_path_has_an_end),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(room_that_is_enough),
        cmocka_unit_test(room_that_is_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
