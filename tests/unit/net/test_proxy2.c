/* SPDX-License-Identifier: Apache-2.0 */
/* The header of the PROXY protocol as it is read: what is written is read, nothing else is. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lib/testlib.h"
#include "net/proxy2.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4        SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x07\x7f\0\0\x01\xd4\x31\x01\xbb"
#define V6_LEN    52

static struct mse_bytes text(const char *p, size_t len)
{
    return mse_bytes_of(p, len);
}
#define TEXT(literal) text(literal, sizeof(literal) - 1)

/* In a block of its own, so that tools see each byte too many. */
static bool read_copy(struct mse_proxy2 *out, const void *p, size_t len)
{
    uint8_t *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, p, len);
    bool good = mse_proxy2_read(out, mse_bytes_of(copy, len));
    free(copy);
    return good;
}

static void assert_refused(const void *p, size_t len)
{
    struct mse_proxy2 out = { .port = 4711 };
    assert_false(read_copy(&out, p, len));
    assert_int_equal(out.port, 4711); /* nothing was written */
}

static void test_written_is_read(void **state)
{
    static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 7 };
    union mse_net_address from = { .v4 = { .sin_family = AF_INET, .sin_port = htons(54321) } };
    union mse_net_address to = { .v4 = { .sin_family = AF_INET, .sin_port = htons(443) } };
    uint8_t wire[MSE_PROXY2_MAX];
    struct mse_proxy2 p;
    (void)state;
    from.v4.sin_addr.s_addr = htonl(0xc0000207);
    size_t len = mse_proxy2_write(wire, &from, &to);
    assert_int_equal(mse_proxy2_len(wire), len);
    assert_true(read_copy(&p, wire, len));
    assert_true(p.known);
    assert_int_equal(p.port, 54321);
    assert_memory_equal(p.source, mapped, sizeof mapped);

    from = (union mse_net_address) { .v6 = { .sin6_family = AF_INET6, .sin6_port = htons(9) } };
    to = from;
    memset(&from.v6.sin6_addr, 0x2a, 16);
    len = mse_proxy2_write(wire, &from, &to);
    assert_int_equal(len, V6_LEN);
    assert_true(read_copy(&p, wire, len));
    assert_true(p.known);
    assert_int_equal(p.port, 9);
    assert_memory_equal(p.source, &from.v6.sin6_addr, 16);

    to.any.sa_family = AF_INET; /* both families: neither is said */
    len = mse_proxy2_write(wire, &from, &to);
    assert_true(read_copy(&p, wire, len));
    assert_false(p.known);
}

static void test_local(void **state)
{
    struct mse_bytes l = mse_proxy2_local(true);
    struct mse_proxy2 p = { .known = true };
    (void)state;
    assert_int_equal(mse_proxy2_local(false).len, 0);
    assert_true(read_copy(&p, l.data, l.len));
    assert_false(p.known);
    /* A proxy may say of itself what it likes. */
    p.known = true;
    assert_true(read_copy(&p,
                          SIGNATURE "\x20\x31\0\x03"
                                    "abc",
                          19));
    assert_false(p.known);
}

static void test_extensions(void **state)
{
    struct mse_proxy2 p;
    (void)state;
    struct mse_bytes two =
        TEXT(SIGNATURE "\x21\x11\0\x15\xc0\0\x02\x07\x7f\0\0\x01\xd4\x31\x01\xbb\x04\0\x03"
                       "abc"
                       "\xee\0\0");
    assert_true(read_copy(&p, two.data, two.len));
    assert_true(p.known);
    uint8_t bad[64];
    memcpy(bad, two.data, two.len);
    bad[30] = 4; /* one that is longer than what is left, then one byte too few of a head */
    assert_refused(bad, two.len);
    bad[30] = 5;
    assert_refused(bad, two.len);
    struct mse_bytes none = TEXT(SIGNATURE "\x21\0\0\x03\x04\0\0");
    assert_true(read_copy(&p, none.data, none.len));
    assert_false(p.known);
}

static void test_cut_and_appended(void **state)
{
    uint8_t longer[64];
    struct mse_bytes v4 = TEXT(V4);
    (void)state;
    for (size_t len = 0; len < v4.len; len++) {
        assert_refused(v4.data, len);
    }
    memcpy(longer, v4.data, v4.len);
    longer[v4.len] = 0;
    assert_refused(longer, v4.len + 1);
}

/* Each bit of the first 16 bytes makes it another header, most of them none. */
static void test_flipped(void **state)
{
    struct mse_bytes v4 = TEXT(V4);
    uint8_t changed[64];
    struct mse_proxy2 p;
    (void)state;
    for (size_t bit = 0; bit < MSE_PROXY2_HEAD * 8; bit++) {
        memcpy(changed, v4.data, v4.len);
        changed[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        bool local = changed[12] == 0x20;
        assert_int_equal(read_copy(&p, changed, v4.len), local);
        assert_true(bit / 8 >= 14 || local || mse_proxy2_len(changed) == 0);
    }
}

static void test_length(void **state)
{
    static uint8_t wire[MSE_PROXY2_READ_MAX + 1] = V4;
    struct mse_proxy2 p;
    (void)state;
    size_t rest = MSE_PROXY2_READ_MAX - MSE_PROXY2_HEAD;
    wire[14] = (uint8_t)(rest >> 8);
    wire[15] = (uint8_t)rest;
    wire[28] = 4; /* one extension takes it all */
    wire[29] = (uint8_t)((rest - 15) >> 8);
    wire[30] = (uint8_t)(rest - 15);
    assert_int_equal(mse_proxy2_len(wire), MSE_PROXY2_READ_MAX);
    assert_true(read_copy(&p, wire, MSE_PROXY2_READ_MAX));
    wire[14] = (uint8_t)((rest + 1) >> 8);
    wire[15] = (uint8_t)(rest + 1);
    assert_int_equal(mse_proxy2_len(wire), 0);
    assert_refused(wire, sizeof wire);
    struct mse_bytes v4 = TEXT(V4);
    memcpy(wire, v4.data, v4.len);
    wire[15] = 11; /* too short for its addresses */
    assert_int_equal(mse_proxy2_len(wire), 0);
    wire[13] = 0x21;
    wire[15] = 35;
    assert_int_equal(mse_proxy2_len(wire), 0);
    wire[15] = 36;
    assert_int_equal(mse_proxy2_len(wire), V6_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_is_read), cmocka_unit_test(test_local),
        cmocka_unit_test(test_extensions),      cmocka_unit_test(test_cut_and_appended),
        cmocka_unit_test(test_flipped),         cmocka_unit_test(test_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
