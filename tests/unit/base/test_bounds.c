/* SPDX-License-Identifier: Apache-2.0 */
/* Reader and writer, each with the one bounds check that everything else leans on, against a model
 * of them: every sequence of operations up to a length, on every buffer up to a size. What is read
 * or written lies in a block of exactly that size, so that AddressSanitizer and valgrind see a byte
 * too many. It is what a bounded model checker would go through. */
#include <stdlib.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"

#define MAX_LEN ((size_t)9)
#define STEPS   ((size_t)3)

/* A number that the operations count down, one digit for each step. */
static size_t digit(size_t *number, size_t base)
{
    size_t d = *number % base;
    *number /= base;
    return d;
}

static size_t power(size_t base, size_t to)
{
    return to == 0 ? 1 : base * power(base, to - 1);
}

/* ---- reading ---- */

struct model {
    const uint8_t *data;
    size_t at;
    size_t len;
};

static uint64_t model_number(const struct model *m, size_t n, bool big)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | m->data[m->at + (big ? i : n - 1 - i)];
    }
    return v;
}

static bool model_zeros(const struct model *m, size_t n)
{
    size_t i = 0;
    while (i < n && m->data[m->at + i] == 0) {
        i++;
    }
    return i == n;
}

#define MARK 0xa5a5a5a5a5a5a5a5U

/* What a reader of a number gives, widened; what it did not write keeps the mark. */
#define READ(type, reader)                                                                         \
    {                                                                                              \
        type v = (type)MARK;                                                                       \
        good = reader(in, &v);                                                                     \
        number = v;                                                                                \
        mark = (type)MARK;                                                                         \
    }

enum number_op { U8, U16LE, U32LE, U64LE, U16BE, U24BE, U32BE, U64BE, NUM_NUMBERS };

static void read_number(struct model *m, struct mse_bytes *in, size_t op)
{
    static const size_t sizes[NUM_NUMBERS] = { 1, 2, 4, 8, 2, 3, 4, 8 };
    uint64_t number = 0;
    uint64_t mark = 0;
    bool good = false;
    switch ((enum number_op)op) {
    case U8:
        READ(uint8_t, mse_rd_u8)
        break;
    case U16LE:
        READ(uint16_t, mse_rd_u16le)
        break;
    case U32LE:
        READ(uint32_t, mse_rd_u32le)
        break;
    case U64LE:
        READ(uint64_t, mse_rd_u64le)
        break;
    case U16BE:
        READ(uint16_t, mse_rd_u16be)
        break;
    case U24BE:
        READ(uint32_t, mse_rd_u24be)
        break;
    case U32BE:
        READ(uint32_t, mse_rd_u32be)
        break;
    case U64BE:
        READ(uint64_t, mse_rd_u64be)
        break;
    case NUM_NUMBERS:
        break;
    }
    bool fits = sizes[op] <= m->len - m->at;
    assert_int_equal(good, fits);
    assert_int_equal(number, fits ? model_number(m, sizes[op], op >= U16BE) : mark);
    m->at += fits ? sizes[op] : 0;
}

enum block_op { BYTES, SKIP, COPY, ZEROS, NUM_BLOCKS };

static void read_block(struct model *m, struct mse_bytes *in, size_t op, size_t len)
{
    uint8_t copy[MAX_LEN + 1] = { 0xa5 };
    struct mse_bytes part = { copy, 77 };
    bool fits = len <= m->len - m->at;
    bool good = false;
    switch ((enum block_op)op) {
    case BYTES:
        good = mse_rd_bytes(in, &part, len);
        assert_int_equal(part.len, fits ? len : 77);
        assert_true(!fits || len == 0 || part.data == m->data + m->at);
        break;
    case SKIP:
        good = mse_rd_skip(in, len);
        break;
    case COPY:
        good = mse_rd_copy(in, copy, len);
        assert_true(!fits || mse_mem_equal(copy, m->data + m->at, len));
        assert_true((fits && len > 0) || copy[0] == 0xa5);
        break;
    case ZEROS:
        good = mse_rd_zeros(in, len);
        fits = fits && model_zeros(m, len);
        break;
    case NUM_BLOCKS:
        break;
    }
    assert_int_equal(good, fits);
    m->at += fits ? len : 0;
}

#define NUM_LENGTHS (MAX_LEN + 4)
static size_t length_of(size_t i)
{
    static const size_t far[] = { SIZE_MAX, SIZE_MAX - MAX_LEN, (size_t)1 << 63 };
    return i <= MAX_LEN ? i : far[i - MAX_LEN - 1];
}

#define NUM_READS ((size_t)NUM_NUMBERS + (size_t)NUM_BLOCKS * NUM_LENGTHS)

static void read_in_order(const uint8_t *data, size_t len, size_t order)
{
    struct model m = { data, 0, len };
    struct mse_bytes in = mse_bytes_of(data, len);
    for (size_t i = 0; i < STEPS; i++) {
        size_t op = digit(&order, NUM_READS);
        if (op < NUM_NUMBERS) {
            read_number(&m, &in, op);
        } else {
            op -= NUM_NUMBERS;
            read_block(&m, &in, op % NUM_BLOCKS, length_of(op / NUM_BLOCKS));
        }
        assert_int_equal(in.len, m.len - m.at);
        assert_true(in.len == 0 || in.data == data + m.at);
    }
}

static void reads(void **state)
{
    (void)state;
    for (size_t len = 0; len <= MAX_LEN; len++) {
        uint8_t *data = malloc(len == 0 ? 1 : len);
        assert_non_null(data);
        for (size_t i = 0; i < len; i++) {
            data[i] = (uint8_t)(i % 5 == 0 ? 0 : 0x81 + i);
        }
        for (size_t order = 0; order < power(NUM_READS, STEPS); order += test_stride(1)) {
            read_in_order(data, len, order);
        }
        free(data);
    }
}

/* ---- writing ---- */

/* What is to be there. */
struct written {
    uint8_t data[STEPS * (MAX_LEN + 8)];
    size_t len;
    bool failed;
};

static void expect(struct written *w, size_t max, const uint8_t *p, size_t len)
{
    if (w->failed || len > max - w->len) {
        w->failed = true;
        return;
    }
    if (len > 0) {
        memcpy(w->data + w->len, p, len);
    }
    w->len += len;
}

static void expect_number(struct written *w, size_t max, uint64_t v, size_t n, bool big)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++) {
        bytes[big ? n - 1 - i : i] = (uint8_t)(v >> (8 * i));
    }
    expect(w, max, bytes, n);
}

#define NUMBER 0x8182838485868788U
static const uint8_t block[MAX_LEN + 1] = { 9, 8, 7, 6, 5, 4, 3, 2, 1, 0 };

enum write_op { COPIED, ZEROED, FILLED, NUM_FILLS };

static void write_block(struct mse_build *b, struct written *w, size_t max, size_t op, size_t len)
{
    static const uint8_t zeros[MAX_LEN + 1];
    uint8_t *space = NULL;
    switch ((enum write_op)op) {
    case COPIED:
        mse_wr_copy(b, block, len);
        expect(w, max, block, len);
        break;
    case ZEROED:
        mse_wr_zeros(b, len);
        expect(w, max, zeros, len);
        break;
    case FILLED:
        space = mse_wr_space(b, len);
        expect(w, max, block, len);
        assert_true(space == NULL ? w->failed || w->len == 0 : !w->failed);
        if (space != NULL && len > 0) {
            memcpy(space, block, len);
        }
        break;
    case NUM_FILLS:
        break;
    }
}

/* A NUL behind it that is not counted. */
static void write_end(struct mse_build *b, struct written *w, size_t max)
{
    const char *text = mse_build_cstr(b);
    w->failed = w->failed || w->len == max;
    assert_int_equal(text == NULL, w->failed);
    assert_true(text == NULL || text[w->len] == '\0');
}

static void write_number(struct mse_build *b, struct written *w, size_t max, size_t op)
{
    static const size_t sizes[] = { 1, 2, 4, 8, 2, 4, 8 };
    switch (op) {
    case 0:
        mse_wr_u8(b, (uint8_t)NUMBER);
        break;
    case 1:
        mse_wr_u16le(b, (uint16_t)NUMBER);
        break;
    case 2:
        mse_wr_u32le(b, (uint32_t)NUMBER);
        break;
    case 3:
        mse_wr_u64le(b, NUMBER);
        break;
    case 4:
        mse_wr_u16be(b, (uint16_t)NUMBER);
        break;
    case 5:
        mse_wr_u32be(b, (uint32_t)NUMBER);
        break;
    default:
        mse_wr_u64be(b, NUMBER);
        break;
    }
    expect_number(w, max, NUMBER, sizes[op], op > 3);
}

#define NUM_WIDTHS  ((size_t)7)
#define NUM_WRITTEN (NUM_WIDTHS + 1 + NUM_FILLS * NUM_LENGTHS)

static void write_in_order(struct mse_build *b, size_t max, size_t order)
{
    struct written w = { .len = 0 };
    for (size_t i = 0; i < STEPS; i++) {
        size_t op = digit(&order, NUM_WRITTEN);
        if (op < NUM_WIDTHS) {
            write_number(b, &w, max, op);
        } else if (op == NUM_WIDTHS) {
            write_end(b, &w, max);
        } else {
            op -= NUM_WIDTHS + 1;
            write_block(b, &w, max, op % NUM_FILLS, length_of(op / NUM_FILLS));
        }
        struct mse_bytes seen = mse_build_view(b);
        assert_int_equal(mse_build_ok(b), !w.failed);
        assert_int_equal(seen.len, w.len);
        assert_true(mse_mem_equal(seen.data, w.data, w.len));
    }
}

static void writes(void **state)
{
    (void)state;
    for (size_t max = 0; max <= MAX_LEN; max++) {
        uint8_t *room = malloc(max == 0 ? 1 : max);
        assert_non_null(room);
        for (size_t order = 0; order < power(NUM_WRITTEN, STEPS); order += test_stride(1)) {
            struct mse_build b;
            mse_build_fixed(&b, room, max);
            write_in_order(&b, max, order);
        }
        free(room);
    }
}

static void writes_that_grow(void **state)
{
    (void)state;
    for (size_t max = 0; max <= MAX_LEN; max += 3) {
        for (size_t order = 0; order < power(NUM_WRITTEN, STEPS); order += test_stride(7)) {
            struct mse_build b;
            mse_build_heap(&b, max);
            write_in_order(&b, max, order);
            mse_build_clear(&b);
        }
    }
}

/* Around the sizes at which the buffer is made anew, up to a maximum that is no power of two. */
static void growth(void **state)
{
    (void)state;
    uint8_t piece[300];
    memset(piece, 0x5a, sizeof piece);
    for (size_t max = 250; max <= 1100; max += test_stride(1)) {
        for (size_t step = 1; step <= sizeof piece; step += 23) {
            struct mse_build b;
            size_t len = 0;
            mse_build_heap(&b, max);
            for (; len + step <= max; len += step) {
                mse_wr_copy(&b, piece, step);
                assert_true(mse_build_ok(&b) && b.len == len + step && b.cap >= b.len);
            }
            mse_wr_copy(&b, piece, step);
            assert_true(!mse_build_ok(&b) && b.len == len);
            mse_build_clear(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(writes),
        cmocka_unit_test(writes_that_grow),
        cmocka_unit_test(growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
