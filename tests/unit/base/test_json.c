/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader: what it takes, and everything that it refuses. */
#include <stdlib.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/json.h"
#include "base/util.h"
#include "lib/testlib.h"

static bool accepts(const char *text)
{
    struct mse_json j;
    struct mse_bytes span = { 0 };
    mse_json_init(&j, mse_bytes_str(text));
    return mse_json_skip(&j, &span) && mse_json_end(&j);
}

static void test_accepted(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "-1",
        "1.5",
        "1e5",
        "1E+5",
        "1.25e-7",
        "true",
        "false",
        "null",
        "\"\"",
        " [ 1 , 2 ] ",
        "\t\r\n{\"a\":[{}]}\n",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\xc3\xa9\"",
        "\"\xf0\x9f\x98\x80\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\x7f\"",
        "{\"a\":1,\"a\":2}", /* skipped, not read */
        "[[[[]]],[{}],{\"x\":{}}]",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(good); i++) {
        if (!accepts(good[i])) {
            fail_msg("refused: %s", good[i]);
        }
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{,}",
        "[}",
        "{]",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "tru",
        "True",
        "nul",
        "truefalse",
        "\"",
        "\"a",
        "\"\n\"",
        "\"\t\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u123g\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800x\"",
        "\"\x80\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xe0\x80\x80\"",
        "\"\xc3\"",
        "'a'",
        "1 1",
        "{}{}",
        "[1]x",
        "\xef\xbb\xbf{}",
        "/**/1",
        "[1]//",
        "\v1",
        "\f1",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        if (accepts(bad[i])) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
}

static bool depth_accepted(size_t depth)
{
    char text[2 * 64 + 1];
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = '\0';
    return accepts(text);
}

static void test_depth(void **state)
{
    (void)state;
    assert_true(depth_accepted(MSE_JSON_MAX_DEPTH));
    assert_false(depth_accepted(MSE_JSON_MAX_DEPTH + 1));
}

/* Reads {"n": u64, "s": string, "t": time, "h": hex, "b": bool, "l": [u8…]}. */
struct record {
    uint64_t n;
    uint8_t h[2];
    uint8_t l[4];
    size_t num_l;
    mse_time t;
    bool b;
    struct mse_bytes s;
};

static void read_list(struct mse_json *j, struct record *r)
{
    struct mse_json_array a;
    mse_json_array_begin(j, &a);
    while (mse_json_array_next(j, &a)) {
        if (a.num > 4) {
            (void)mse_json_fail(j);
            return;
        }
        (void)mse_json_u8(j, &r->l[a.num - 1]);
        r->num_l = a.num;
    }
}

static bool read_record(const char *text, struct record *r)
{
    struct mse_json j;
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    mse_json_init(&j, mse_bytes_str(text));
    mse_json_object_begin(&j, &o);
    while (mse_json_object_next(&j, &o, &key)) {
        if (mse_bytes_is_str(key, "n")) {
            (void)mse_json_u64(&j, &r->n, 1000);
        } else if (mse_bytes_is_str(key, "s")) {
            (void)mse_json_plain(&j, &r->s);
        } else if (mse_bytes_is_str(key, "t")) {
            (void)mse_json_time(&j, &r->t);
        } else if (mse_bytes_is_str(key, "h")) {
            (void)mse_json_hex(&j, r->h, sizeof r->h);
        } else if (mse_bytes_is_str(key, "b")) {
            (void)mse_json_bool(&j, &r->b);
        } else if (mse_bytes_is_str(key, "l")) {
            read_list(&j, r);
        } else {
            (void)mse_json_skip(&j, NULL);
        }
    }
    return mse_json_end(&j) && mse_json_object_has(&o, "n");
}

static void test_record(void **state)
{
    (void)state;
    static const char good[] = " { \"s\" : \"x y\" , \"n\":1000,\"t\":\"1970-01-01T00:00:01Z\", "
                               "\"h\":\"Ff0a\",\"b\":true,\"l\":[1,255],\"more\":{\"n\":[null]} } ";
    struct record r = { 0 };
    assert_true(read_record(good, &r));
    assert_int_equal(r.n, 1000);
    assert_int_equal(r.t, 1);
    assert_true(r.b && r.h[0] == 0xff && r.h[1] == 0x0a && r.num_l == 2 && r.l[1] == 255);
    assert_true(mse_bytes_is_str(r.s, "x y"));
    char cut[sizeof good];
    for (size_t len = 0; len < sizeof good - 2; len++) {
        memcpy(cut, good, len);
        cut[len] = '\0';
        assert_false(read_record(cut, &r));
    }
    static const char *const bad[] = {
        "{\"n\":1,\"n\":1}",
        "{\"n\":1001}",
        "{\"n\":-1}",
        "{\"n\":1.0}",
        "{\"n\":1e2}",
        "{\"n\":\"1\"}",
        "{\"n\":null}",
        "{\"n\":01}",
        "{\"s\":\"\"}",
        "{\"n\":1,\"s\":1}",
        "{\"n\":1,\"s\":\"\\n\"}",
        "{\"n\":1,\"t\":\"1970-01-01\"}",
        "{\"n\":1,\"h\":\"ff\"}",
        "{\"n\":1,\"h\":\"fg00\"}",
        "{\"n\":1,\"b\":1}",
        "{\"n\":1,\"l\":[256]}",
        "{\"n\":1,\"l\":[1,2,3,4,5]}",
        "{\"n\":1,\"l\":{}}",
        "{\"\\u006e\":1}",
        "{\"n\":1}{}",
        "[1]",
        "{\"n\":18446744073709551616}",
        "{\"x\":1,\"x\":1,\"n\":1}",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        if (read_record(bad[i], &r)) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
}

static void test_many_keys(void **state)
{
    (void)state;
    for (size_t num = MSE_JSON_MAX_KEYS; num <= MSE_JSON_MAX_KEYS + 1; num++) {
        struct mse_build b;
        struct record r = { 0 };
        mse_build_heap(&b, 65536);
        mse_wr_str(&b, "{\"n\":1");
        for (size_t i = 1; i < num; i++) {
            mse_wr_printf(&b, ",\"k%zu\":0", i);
        }
        mse_wr_str(&b, "}");
        assert_int_equal(read_record(mse_build_cstr(&b), &r), num <= MSE_JSON_MAX_KEYS);
        mse_build_clear(&b);
    }
}

/* An object of num keys that differ in two characters; behind them, once more, that of number twice
 * (num: none). */
static bool reads_keys(unsigned num, unsigned twice)
{
    char text[1024];
    struct mse_build b;
    struct mse_json j;
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    mse_build_fixed(&b, text, sizeof text);
    mse_wr_str(&b, "{");
    for (unsigned i = 0; i < num; i++) {
        mse_wr_printf(&b, "%s\"key%02usvn\":0", i > 0 ? "," : "", i);
    }
    if (twice < num) {
        mse_wr_printf(&b, ",\"key%02usvn\":0", twice);
    }
    mse_wr_str(&b, "}");
    mse_json_init(&j, mse_build_view(&b));
    mse_json_object_begin(&j, &o);
    while (mse_json_object_next(&j, &o, &key)) {
        (void)mse_json_skip(&j, NULL);
    }
    return mse_json_end(&j);
}

/* None may be there twice, wherever it stood before, and no two are taken for one. */
static void test_duplicate_keys(void **state)
{
    (void)state;
    for (unsigned num = 1; num < MSE_JSON_MAX_KEYS; num++) {
        assert_true(reads_keys(num, num));
        for (unsigned twice = 0; twice < num; twice++) {
            assert_false(reads_keys(num, twice));
        }
    }
}

static void test_text(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct mse_build b;
    struct mse_json j;
    struct mse_bytes out = { 0 };
    mse_build_fixed(&b, buf, sizeof buf);
    mse_json_init(&j, mse_bytes_str("[\"plain\",\"a\\n\\u00e9\\u20ac\\ud83d\\ude00\xc3\xa9\\/\"]"));
    struct mse_json_array a;
    mse_json_array_begin(&j, &a);
    assert_true(mse_json_array_next(&j, &a) && mse_json_text(&j, &b, &out));
    assert_true(mse_bytes_is_str(out, "plain"));
    assert_int_equal(b.len, 0); /* borrowed */
    assert_true(mse_json_array_next(&j, &a) && mse_json_text(&j, &b, &out));
    assert_true(mse_bytes_is_str(out, "a\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9/"));
    assert_false(mse_json_array_next(&j, &a));
    assert_true(mse_json_end(&j));
    mse_build_fixed(&b, buf, 1);
    mse_json_init(&j, mse_bytes_str("\"\\n\\n\""));
    assert_false(mse_json_text(&j, &b, &out));
}

static void test_span(void **state)
{
    (void)state;
    struct mse_json j;
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    struct mse_bytes span = { 0 };
    mse_json_init(&j, mse_bytes_str("{\"a\": \t{ \"b\" : [ 1 ] } ,\"c\":1}"));
    mse_json_object_begin(&j, &o);
    assert_true(mse_json_object_next(&j, &o, &key) && mse_json_skip(&j, &span));
    assert_true(mse_bytes_is_str(span, "{ \"b\" : [ 1 ] }"));
    assert_int_equal(mse_json_peek(&j), MSE_JSON_NONE); /* the comma */
    assert_true(mse_json_object_next(&j, &o, &key) && mse_json_skip(&j, &span));
    assert_true(mse_bytes_is_str(span, "1"));
    assert_false(mse_json_object_next(&j, &o, &key));
    assert_true(mse_json_end(&j));
    assert_int_equal(mse_json_offset(&j), 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),     cmocka_unit_test(test_record),
        cmocka_unit_test(test_many_keys), cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_text),      cmocka_unit_test(test_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
