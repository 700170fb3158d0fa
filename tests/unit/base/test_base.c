/* SPDX-License-Identifier: Apache-2.0 */
/* The reader, the writer, hexadecimal, base64, dates, numbers, errors. */
#include <stdio.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "lib/testlib.h"

static void reader_takes_in_order(void **state)
{
    (void)state;
    const uint8_t raw[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0 };
    struct mse_bytes in = mse_bytes_of(raw, sizeof raw);
    uint8_t a = 0;
    uint16_t b = 0;
    uint32_t c = 0;
    uint16_t d = 0;
    assert_true(mse_rd_u8(&in, &a) && mse_rd_u16le(&in, &b) && mse_rd_u32le(&in, &c) &&
                mse_rd_u16be(&in, &d));
    assert_int_equal(a, 1);
    assert_int_equal(b, 0x0302);
    assert_int_equal(c, 0x07060504);
    assert_int_equal(d, 0x0809);
    assert_true(mse_rd_zeros(&in, 2));
    assert_int_equal(in.len, 0);
    assert_true(mse_rd_skip(&in, 0));
    assert_false(mse_rd_u8(&in, &a));
}

static void reader_fails_without_taking(void **state)
{
    (void)state;
    const uint8_t raw[] = { 1, 2, 3 };
    struct mse_bytes in = mse_bytes_of(raw, sizeof raw);
    uint32_t v = 77;
    uint64_t w = 77;
    struct mse_bytes s = { NULL, 9 };
    assert_false(mse_rd_u32le(&in, &v) || mse_rd_u64be(&in, &w) || mse_rd_bytes(&in, &s, 4) ||
                 mse_rd_bytes(&in, &s, SIZE_MAX) || mse_rd_zeros(&in, 1));
    assert_int_equal(v, 77);
    assert_int_equal(w, 77);
    assert_int_equal(s.len, 9);
    assert_int_equal(in.len, 3);
}

static void writer_writes_and_fails_once_full(void **state)
{
    (void)state;
    uint8_t buf[8];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    mse_wr_u16be(&b, 0x0102);
    mse_wr_u32le(&b, 0x06050403);
    assert_true(mse_build_ok(&b));
    const uint8_t want[] = { 1, 2, 3, 4, 5, 6 };
    assert_bytes(mse_build_view(&b), mse_bytes_of(want, sizeof want));
    mse_wr_u32le(&b, 0);
    assert_false(mse_build_ok(&b));
    mse_wr_u8(&b, 0);
    assert_int_equal(b.len, 6);
}

static void writer_grows_to_its_maximum(void **state)
{
    (void)state;
    struct mse_build b;
    mse_build_heap(&b, 1000);
    for (int i = 0; i < 100; i++) {
        mse_wr_printf(&b, "%09d,", i);
    }
    assert_true(mse_build_ok(&b));
    assert_int_equal(b.len, 1000);
    assert_null(mse_build_cstr(&b));
    mse_build_clear(&b);
    assert_null(b.data);
}

static void hex_round_trip_and_refusals(void **state)
{
    (void)state;
    uint8_t out[4];
    char text[9];
    assert_true(mse_hex_decode(out, 4, mse_bytes_str("00fFA109")));
    mse_hex_encode(text, mse_bytes_of(out, 4));
    assert_string_equal(text, "00ffa109");
    static const char *const bad[] = { "00ffa10", "00ffa1091", "00ffa10g", "00ffa1 9", "" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_false(mse_hex_decode(out, 4, mse_bytes_str(bad[i])));
    }
}

static void base64_vectors(void **state)
{
    (void)state;
    /* RFC 4648 section 10 */
    static const char *const cases[][2] = { { "", "" },
                                            { "f", "Zg==" },
                                            { "fo", "Zm8=" },
                                            { "foo", "Zm9v" },
                                            { "foob", "Zm9vYg==" },
                                            { "fooba", "Zm9vYmE=" },
                                            { "foobar", "Zm9vYmFy" } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        char text[16];
        uint8_t raw[16];
        size_t len = 0;
        mse_base64_encode(text, mse_bytes_str(cases[i][0]));
        assert_string_equal(text, cases[i][1]);
        assert_true(mse_base64_decode(raw, sizeof raw, &len, mse_bytes_str(cases[i][1])));
        assert_bytes(mse_bytes_of(raw, len), mse_bytes_str(cases[i][0]));
    }
    /* not canonical, not padded, foreign characters, too long for the buffer */
    static const char *const bad[] = { "Zh==",  "Zg=",    "Zg", "Z",    "Zm9=",
                                       "Zm 9v", "Zm9v\n", "=",  "====", "Zg==Zg==" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        uint8_t raw[16];
        size_t len = 0;
        assert_false(mse_base64_decode(raw, sizeof raw, &len, mse_bytes_str(bad[i])));
    }
    uint8_t two[2];
    size_t len = 0;
    assert_false(mse_base64_decode(two, sizeof two, &len, mse_bytes_str("Zm9v")));
    assert_true(mse_base64url_decode(two, sizeof two, &len, mse_bytes_str("-_8")));
}

/* Every octet at every place of a group: it reads iff it stands in the alphabet. */
static void base64_alphabets(void **state)
{
    (void)state;
    static const char common[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (unsigned c = 0; c < 256; c++) {
        bool both = c != 0 && strchr(common, (int)c) != NULL;
        for (size_t at = 0; at < 8; at++) {
            uint8_t text[8];
            uint8_t raw[6];
            size_t len = 0;
            memset(text, 'A', sizeof text);
            text[at] = (uint8_t)c;
            struct mse_bytes in = mse_bytes_of(text, sizeof text);
            bool url = mse_base64url_decode(raw, sizeof raw, &len, in);
            assert_int_equal(url, both || c == '-' || c == '_');
            bool padding = c == '=' && at == 7;
            bool std = mse_base64_decode(raw, sizeof raw, &len, in);
            assert_int_equal(std, both || c == '+' || c == '/' || padding);
        }
    }
    /* The bits of a group that is cut off count up to the last octet, the rest are zero. */
    uint8_t raw[2];
    size_t len = 0;
    for (unsigned i = 0; i < 62; i++) {
        char cut[4] = { 'A', common[i], '\0', '\0' };
        assert_int_equal(mse_base64url_decode(raw, sizeof raw, &len, mse_bytes_str(cut)),
                         i % 16 == 0);
        cut[2] = cut[1];
        cut[1] = 'A';
        assert_int_equal(mse_base64url_decode(raw, sizeof raw, &len, mse_bytes_str(cut)),
                         i % 4 == 0);
    }
}

/* Every octet at every place of a text of every length up to three words. */
static void plain_runs(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
        for (size_t len = 1; len <= 24; len++) {
            for (size_t at = 0; at < len; at++) {
                uint8_t text[24];
                memset(text, '!', sizeof text); /* next to the quote */
                text[at] = (uint8_t)c;
                assert_int_equal(mse_plain_run(mse_bytes_of(text, len)), plain ? len : at);
            }
        }
    }
    assert_int_equal(mse_plain_run(mse_bytes_of(NULL, 0)), 0);
}

static void time_round_trip_and_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mse_time t;
    } good[] = { { "1970-01-01T00:00:00Z", 0 },
                 { "2000-02-29T12:34:56Z", 951827696 },
                 { "2026-11-22T00:00:00Z", 1795305600 },
                 { "9999-12-31T23:59:59Z", 253402300799 } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(good); i++) {
        mse_time t = -1;
        char text[MSE_TIME_TEXT_LEN];
        assert_true(mse_time_parse(&t, mse_bytes_str(good[i].text)));
        assert_int_equal(t, good[i].t);
        mse_time_format(text, t);
        assert_string_equal(text, good[i].text);
    }
    static const char *const bad[] = {
        "2001-02-29T00:00:00Z",  "2000-13-01T00:00:00Z", "2000-01-01T24:00:00Z",
        "2000-01-01T00:00:60Z",  "2000-01-01 00:00:00Z", "2000-01-01T00:00:00",
        "2000-01-01T00:00:00Zx", "1969-12-31T23:59:59Z", ""
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        mse_time t = 0;
        assert_false(mse_time_parse(&t, mse_bytes_str(bad[i])));
    }
}

static void numbers(void **state)
{
    (void)state;
    uint64_t v = 0;
    assert_true(mse_u64_parse(&v, mse_bytes_str("18446744073709551615"), UINT64_MAX));
    assert_true(v == UINT64_MAX);
    static const char *const bad[] = { "18446744073709551616", "01", "", "-1", "1 ", "1e3", "256" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_false(mse_u64_parse(&v, mse_bytes_str(bad[i]), i == 6 ? 255 : UINT64_MAX));
    }
}

static void first_error_wins(void **state)
{
    (void)state;
    struct mse_error err = { 0 };
    assert_status(MSE_FAIL(&err, MSE_ERR_DEBUG, "a", "seen %d", 1), MSE_ERR_DEBUG);
    assert_status(MSE_FAIL(&err, MSE_ERR_IO, "b", "other"), MSE_ERR_IO);
    assert_status(err.status, MSE_ERR_DEBUG);
    assert_string_equal(err.text, "seen 1");
    assert_status(MSE_FAIL(NULL, MSE_ERR_IO, "b", "x"), MSE_ERR_IO);
}

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < MSE_STATUS_COUNT; i++) {
        assert_string_not_equal(mse_status_name((mse_status)i), "unknown");
        assert_true(strlen(mse_status_text((mse_status)i)) > 5);
    }
    assert_string_equal(mse_status_name((mse_status)9999), "unknown");
}

static void utf8_cut_keeps_whole_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t kept;
    } cases[] = {
        { "", 0 },
        { "a", 1 },
        { "a\xe2\x80\x93", 4 }, /* en dash */
        { "a\xe2\x80", 1 },
        { "a\xe2", 1 },
        { "a\xc3", 1 },
        { "\xf0\x9f\x98\x80", 4 },
        { "\xf0\x9f\x98", 0 },
        { "a\x80\x80\x80\x80", 5 }, /* not UTF-8 at all: nothing was cut */
        { "a\xff", 2 },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        assert_int_equal(mse_utf8_cut(mse_bytes_str(cases[i].text)), cases[i].kept);
    }
}

static void utf8_of_strangers_is_made_printable(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "", "" },
        { "plain \"text\"", "plain \"text\"" },
        { "SIMULATION \xe2\x80\x93 NOT HARDWARE", "SIMULATION \xe2\x80\x93 NOT HARDWARE" },
        { "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80" },
        { "a\x1b[2Jb\n\r\x7f", "a?[2Jb\?\?\?" }, /* C0 */
        { "\xc2\x9b"
          "2J\xc2\x80",
          "?2J?" },                                           /* C1 */
        { "\xe2\x80\x8b\xe2\x80\x8f\xe2\x80\x8e", "\?\?\?" }, /* U+200B to U+200F */
        { "\xe2\x80\xa8\xe2\x80\xae", "??" },                 /* U+2028 to U+202E */
        { "\xe2\x81\xa0\xe2\x81\xa6\xe2\x81\xaf", "\?\?\?" }, /* U+2060 to U+206F */
        { "\xef\xbb\xbfx", "?x" },                            /* U+FEFF */
        { "\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf", "\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf" },
        { "\xc0\xafx", "??x" },       /* overlong */
        { "\xed\xa0\x80", "\?\?\?" }, /* a surrogate */
        { "\xff\xfe\x80y", "\?\?\?y" },
        { "cut \xe2\x80", "cut " },
        { "\xff\xe2\x80", "?" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s", cases[i][0]);
        mse_utf8_printable(text);
        assert_string_equal(text, cases[i][1]);
        assert_true(mse_utf8_valid(mse_bytes_str(text)));
    }
}

static void errors_hold_nothing_that_a_terminal_obeys(void **state)
{
    (void)state;
    struct mse_error err = { .status = MSE_OK };
    assert_status(MSE_FAIL(&err, MSE_ERR_MALFORMED, "step", "key \"%s\"", "\x1b[2J\xe2\x80\xae"),
                  MSE_ERR_MALFORMED);
    assert_string_equal(err.text, "key \"?[2J?\"");
    /* An en dash wherever the text ends: never half of one. */
    for (size_t start = 0; start < 3; start++) {
        char longer[sizeof err.text + 8];
        memset(longer, 'a', sizeof longer);
        longer[sizeof longer - 1] = '\0';
        memcpy(longer + sizeof err.text - 1 - start, "\xe2\x80\x93", 3);
        struct mse_error e = { .status = MSE_OK };
        assert_status(MSE_FAIL(&e, MSE_ERR_MALFORMED, "step", "%s", longer), MSE_ERR_MALFORMED);
        assert_int_equal(strlen(e.text), sizeof e.text - 1 - start);
        assert_true(mse_utf8_valid(mse_bytes_str(e.text)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_takes_in_order),
        cmocka_unit_test(reader_fails_without_taking),
        cmocka_unit_test(writer_writes_and_fails_once_full),
        cmocka_unit_test(writer_grows_to_its_maximum),
        cmocka_unit_test(hex_round_trip_and_refusals),
        cmocka_unit_test(base64_vectors),
        cmocka_unit_test(base64_alphabets),
        cmocka_unit_test(plain_runs),
        cmocka_unit_test(time_round_trip_and_refusals),
        cmocka_unit_test(numbers),
        cmocka_unit_test(utf8_cut_keeps_whole_characters),
        cmocka_unit_test(utf8_of_strangers_is_made_printable),
        cmocka_unit_test(errors_hold_nothing_that_a_terminal_obeys),
        cmocka_unit_test(first_error_wins),
        cmocka_unit_test(every_status_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
