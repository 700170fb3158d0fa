/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines, the calendar, constant-time comparison, wiping, checked arithmetic, and properties of
 * the writer. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/util.h"
#include "lib/testlib.h"

static void quoting(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        size_t cap;
        const char *wanted;
    } cases[] = {
        { "plain text", 10, 64, "plain text" },
        { "a\nb\r\x1b[31m", 9, 64, "a\\x0ab\\x0d\\x1b[31m" },
        { "\"\\", 2, 64, "\\x22\\x5c" },
        { "\0\x7f\xff", 3, 64, "\\x00\\x7f\\xff" },
        { "\xc3\xa9", 2, 64, "\\xc3\\xa9" },
        { "", 0, 64, "" },
        { "", 0, 1, "" },
        { "x", 1, 1, "" },
        { "abcdef", 6, 8, "abc" }, /* never half an escape: room for one is kept */
        { "a\nb", 3, 7, "a\\x0a" },
        { "\n", 1, 5, "" },
        { "\n", 1, 6, "\\x0a" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(cases); i++) {
        char out[64];
        memset(out, 'Z', sizeof out);
        const char *seen =
            mse_log_quote(out, cases[i].cap, mse_bytes_of(cases[i].in, cases[i].len));
        assert_ptr_equal(seen, out);
        assert_string_equal(out, cases[i].wanted);
        for (size_t k = cases[i].cap; k < sizeof out; k++) {
            assert_int_equal(out[k], 'Z');
        }
    }
}

/* What mse_log writes to stderr, read back from a pipe. */
static void capture(char *out, size_t cap, const char *text)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    int keep = dup(STDERR_FILENO);
    assert_true(keep >= 0 && dup2(fds[1], STDERR_FILENO) >= 0);
    mse_log(MSE_LOG_WARN, "test", "%s", text);
    assert_true(dup2(keep, STDERR_FILENO) >= 0);
    (void)close(keep);
    (void)close(fds[1]);
    ssize_t n = read(fds[0], out, cap - 1);
    assert_true(n > 0);
    out[n] = '\0';
    (void)close(fds[0]);
}

static void log_lines_are_lines(void **state)
{
    (void)state;
    char out[2048];
    capture(out, sizeof out, "hello");
    assert_string_equal(out, "test: warning: hello\n");
    capture(out, sizeof out, "a\nerror: forged\r\x1b[2J\x7f");
    assert_string_equal(out, "test: warning: a error: forged  [2J \n");
    char big[3000];
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\0';
    capture(out, sizeof out, big);
    assert_int_equal(strlen(out), 1023);
    assert_int_equal(out[1022], '\n');
}

/* Every day of eight centuries, counted one by one. */
static void every_day_follows_the_one_before(void **state)
{
    (void)state;
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    mse_time expected = 0;
    for (int year = 1970; year < 2770; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            int days = lengths[month - 1] + (month == 2 && leap ? 1 : 0);
            for (int day = 1; day <= days; day++) {
                mse_time t = -1;
                char text[MSE_TIME_TEXT_LEN];
                mse_time again = -1;
                assert_true(mse_time_from_civil(&t, year, month, day, 0, 0, 0));
                assert_true(t == expected);
                mse_time_format(text, t);
                assert_true(mse_time_parse(&again, mse_bytes_str(text)) && again == t);
                expected += 86400;
            }
            mse_time t = -1;
            assert_false(mse_time_from_civil(&t, year, month, days + 1, 0, 0, 0));
            assert_true(t == -1);
        }
    }
}

static void civil_fields_are_bounded(void **state)
{
    (void)state;
    static const int bad[][6] = {
        { 1969, 12, 31, 23, 59, 59 }, { 10000, 1, 1, 0, 0, 0 }, { 2000, 0, 1, 0, 0, 0 },
        { 2000, 13, 1, 0, 0, 0 },     { 2000, 1, 0, 0, 0, 0 },  { 2000, 1, -1, 0, 0, 0 },
        { 2000, 1, 1, -1, 0, 0 },     { 2000, 1, 1, 24, 0, 0 }, { 2000, 1, 1, 0, 60, 0 },
        { 2000, 1, 1, 0, -1, 0 },     { 2000, 1, 1, 0, 0, 60 }, { 2000, 1, 1, 0, 0, -1 },
        { 1900, 2, 29, 0, 0, 0 },     { 2100, 2, 29, 0, 0, 0 },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        const int *b = bad[i];
        mse_time t = 77;
        assert_false(mse_time_from_civil(&t, b[0], b[1], b[2], b[3], b[4], b[5]));
        assert_true(t == 77);
    }
}

static void formatting_clamps(void **state)
{
    (void)state;
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, INT64_MIN);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    mse_time_format(text, INT64_MAX);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
}

/* Equal, and every single bit that may differ. */
static void ct_equal_sees_every_bit(void **state)
{
    (void)state;
    uint8_t a[40];
    uint8_t b[40];
    memset(a, 0x5a, sizeof a);
    memcpy(b, a, sizeof b);
    assert_true(mse_ct_equal(a, b, sizeof a));
    assert_true(mse_ct_equal(a, b, 0));
    for (size_t bit = 0; bit < sizeof a * 8; bit++) {
        b[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_false(mse_ct_equal(a, b, sizeof a));
        assert_true(mse_ct_equal(a, b, bit / 8));
        b[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
}

static void wiping(void **state)
{
    (void)state;
    uint8_t a[9];
    memset(a, 7, sizeof a);
    mse_wipe(a, 8);
    assert_true(mse_mem_is_zero(a, 8));
    assert_int_equal(a[8], 7);
    mse_wipe(a, 0);
    assert_int_equal(a[8], 7);
}

static void arithmetic_is_checked(void **state)
{
    (void)state;
    size_t s = 0;
    uint64_t v = 0;
    assert_true(mse_add_size(SIZE_MAX - 1, 1, &s) && s == SIZE_MAX);
    assert_false(mse_add_size(SIZE_MAX, 1, &s));
    assert_true(mse_mul_size(SIZE_MAX / 2, 2, &s) && s == SIZE_MAX - 1);
    assert_false(mse_mul_size(SIZE_MAX / 2 + 1, 2, &s));
    assert_true(mse_mul_size(0, SIZE_MAX, &s) && s == 0);
    assert_true(mse_add_u64(UINT64_MAX, 0, &v) && v == UINT64_MAX);
    assert_false(mse_add_u64(UINT64_MAX, UINT64_MAX, &v));
}

static void finding(void **state)
{
    (void)state;
    struct mse_bytes b = mse_bytes_str("abcabd");
    assert_int_equal(mse_bytes_find(b, mse_bytes_str("abd")), 3);
    assert_int_equal(mse_bytes_find(b, mse_bytes_str("a")), 0);
    assert_true(mse_bytes_find(b, mse_bytes_str("x")) == SIZE_MAX);
    assert_true(mse_bytes_find(b, mse_bytes_str("")) == SIZE_MAX);
    assert_true(mse_bytes_find(b, mse_bytes_str("abcabda")) == SIZE_MAX);
    assert_true(mse_bytes_find(mse_bytes_of(NULL, 0), mse_bytes_str("a")) == SIZE_MAX);
}

/* A repeatable stream of numbers; the quality does not matter. */
static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static void write_one(struct mse_build *b, unsigned op, uint64_t v, size_t len)
{
    static const uint8_t block[64] = { 1, 2, 3 };
    switch (op) {
    case 0:
        mse_wr_u8(b, (uint8_t)v);
        break;
    case 1:
        mse_wr_u16le(b, (uint16_t)v);
        break;
    case 2:
        mse_wr_u32be(b, (uint32_t)v);
        break;
    case 3:
        mse_wr_u64le(b, v);
        break;
    case 4:
        mse_wr_zeros(b, len);
        break;
    case 5:
        mse_wr_printf(b, "%u", (unsigned)(v & 0xffff));
        break;
    default:
        mse_wr_copy(b, block, len);
        break;
    }
}

static bool read_one(struct mse_bytes *in, unsigned op, uint64_t v, size_t len)
{
    uint8_t a = 0;
    uint16_t s = 0;
    uint32_t w = 0;
    uint64_t d = 0;
    struct mse_bytes part = { NULL, 0 };
    char text[16];
    switch (op) {
    case 0:
        return mse_rd_u8(in, &a) && a == (uint8_t)v;
    case 1:
        return mse_rd_u16le(in, &s) && s == (uint16_t)v;
    case 2:
        return mse_rd_u32be(in, &w) && w == (uint32_t)v;
    case 3:
        return mse_rd_u64le(in, &d) && d == v;
    case 4:
        return mse_rd_zeros(in, len);
    case 5:
        (void)snprintf(text, sizeof text, "%u", (unsigned)(v & 0xffff));
        return mse_rd_bytes(in, &part, strlen(text)) && mse_bytes_is_str(part, text);
    default:
        return mse_rd_bytes(in, &part, len) && (len == 0 || part.data[0] == 1);
    }
}

/* Any series of writes reads back, in a heap buffer and in a fixed one of exactly that size; in one
 * that is a byte too small the writer says so and keeps what fitted. */
static void what_is_written_reads_back(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 300; round++) {
        struct mse_build heap;
        mse_build_heap(&heap, 4096);
        uint32_t seed = round;
        for (unsigned i = 0; i < 40; i++) {
            unsigned op = next(&seed) % 7;
            uint64_t v = (uint64_t)next(&seed) << 32 | next(&seed);
            write_one(&heap, op, v, next(&seed) % 64);
        }
        assert_true(mse_build_ok(&heap));

        uint8_t buf[4096];
        struct mse_build fixed;
        struct mse_build small;
        uint8_t less[4096];
        mse_build_fixed(&fixed, buf, heap.len);
        mse_build_fixed(&small, less, heap.len - 1);
        struct mse_bytes in = mse_build_view(&heap);
        seed = round;
        for (unsigned i = 0; i < 40; i++) {
            unsigned op = next(&seed) % 7;
            uint64_t v = (uint64_t)next(&seed) << 32 | next(&seed);
            size_t len = next(&seed) % 64;
            write_one(&fixed, op, v, len);
            write_one(&small, op, v, len);
            assert_true(read_one(&in, op, v, len));
        }
        assert_int_equal(in.len, 0);
        assert_true(mse_build_ok(&fixed));
        assert_bytes(mse_build_view(&fixed), mse_build_view(&heap));
        assert_false(mse_build_ok(&small));
        assert_true(small.len < heap.len && mse_mem_equal(less, heap.data, small.len));
        mse_build_clear(&heap);
    }
}

static void writer_corners(void **state)
{
    (void)state;
    struct mse_build b;
    mse_build_heap(&b, 8);
    mse_build_clear(&b); /* nothing was allocated */
    mse_build_heap(&b, 8);
    assert_string_equal(mse_build_cstr(&b), "");
    uint8_t *p = mse_wr_space(&b, 3);
    assert_non_null(p);
    p[0] = 'a';
    p[1] = 'b';
    p[2] = 'c';
    assert_string_equal(mse_build_cstr(&b), "abc");
    assert_int_equal(b.len, 3);
    assert_null(mse_wr_space(&b, 6));
    assert_false(mse_build_ok(&b));
    assert_null(mse_build_cstr(&b));
    mse_build_reset(&b);
    assert_true(mse_build_ok(&b) && b.len == 0);
    mse_wr_zeros(&b, SIZE_MAX);
    assert_false(mse_build_ok(&b));
    mse_build_clear(&b);
    mse_build_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quoting),
        cmocka_unit_test(log_lines_are_lines),
        cmocka_unit_test(every_day_follows_the_one_before),
        cmocka_unit_test(civil_fields_are_bounded),
        cmocka_unit_test(formatting_clamps),
        cmocka_unit_test(ct_equal_sees_every_bit),
        cmocka_unit_test(wiping),
        cmocka_unit_test(arithmetic_is_checked),
        cmocka_unit_test(finding),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(writer_corners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
