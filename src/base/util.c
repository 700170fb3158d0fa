/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal, base64, constant time, wiping, checked arithmetic, assertions. */
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mse_assert_failed(const char *what, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
    abort();
}

bool mse_add_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

bool mse_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool mse_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

void mse_hex_encode(char *out, struct mse_bytes in)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = digits[in.data[i] >> 4];
        out[2 * i + 1] = digits[in.data[i] & 15];
    }
    out[2 * in.len] = '\0';
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool mse_hex_decode(uint8_t *out, size_t len, struct mse_bytes in)
{
    if (in.len % 2 != 0 || in.len / 2 != len) {
        return false;
    }
    for (size_t i = 0; i < in.len; i++) {
        if (hex_value(in.data[i]) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(hex_value(in.data[2 * i]) * 16 + hex_value(in.data[2 * i + 1]));
    }
    return true;
}

static const char alphabet_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of a digit in its lower six bits; above them a mark of the digits that only one of the
 * alphabets has. What is no digit has both marks. */
#define STD_ONLY 0x40U
#define URL_ONLY 0x80U
static const uint8_t base64_values[128] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7e, 0xff, 0xbe, 0xff, 0x7f,
    0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e,
    0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0xff, 0xff, 0xff, 0xff, 0xbf,
    0xff, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33, 0xff, 0xff, 0xff, 0xff, 0xff,
};

/* Up to four digits as the upper bits of 24; *marks gathers theirs. */
static uint32_t group_value(const uint8_t *digits, size_t num, uint32_t *marks)
{
    uint32_t group = 0;
    for (size_t i = 0; i < num; i++) {
        uint8_t c = digits[i];
        uint32_t v = c < sizeof base64_values ? base64_values[c] : STD_ONLY | URL_ONLY;
        *marks |= v;
        group |= (v & 63) << (18 - 6 * i);
    }
    return group;
}

/* Decodes text without padding, of the alphabet that has no digit with this mark; the unused low
 * bits of the last digit must be zero. */
static bool decode_digits(uint8_t *out, size_t cap, size_t *out_len, struct mse_bytes in,
                          uint32_t foreign)
{
    size_t whole = in.len / 4 * 3;
    size_t tail = in.len % 4;
    size_t len = whole + (tail == 0 ? 0 : tail - 1);
    if (tail == 1 || len > cap) {
        return false;
    }
    uint32_t marks = 0;
    const uint8_t *digits = in.data;
    size_t n = 0;
    for (; n < whole; n += 3, digits += 4) {
        uint32_t group = group_value(digits, 4, &marks);
        out[n] = (uint8_t)(group >> 16);
        out[n + 1] = (uint8_t)(group >> 8);
        out[n + 2] = (uint8_t)group;
    }
    uint32_t last = group_value(digits, tail, &marks);
    for (; n < len; n++, last <<= 8) {
        out[n] = (uint8_t)(last >> 16);
    }
    if ((marks & foreign) != 0 || (last & 0xffffff) != 0) {
        return false;
    }
    *out_len = len;
    return true;
}

bool mse_base64_decode(uint8_t *out, size_t cap, size_t *out_len, struct mse_bytes in)
{
    if (in.len % 4 != 0) {
        return false;
    }
    for (int i = 0; i < 2 && in.len > 0 && in.data[in.len - 1] == '='; i++) {
        in.len--;
    }
    return decode_digits(out, cap, out_len, in, URL_ONLY);
}

bool mse_base64url_decode(uint8_t *out, size_t cap, size_t *out_len, struct mse_bytes in)
{
    return decode_digits(out, cap, out_len, in, STD_ONLY);
}

static size_t encode_digits(char *out, struct mse_bytes in, const char *alphabet)
{
    uint32_t acc = 0;
    unsigned bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        acc = (acc << 8) | in.data[i];
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            out[n++] = alphabet[(acc >> bits) & 63];
        }
        acc &= (1U << bits) - 1;
    }
    if (bits > 0) {
        out[n++] = alphabet[(acc << (6 - bits)) & 63];
    }
    return n;
}

void mse_base64_encode(char *out, struct mse_bytes in)
{
    size_t n = encode_digits(out, in, alphabet_std);
    while (n % 4 != 0) {
        out[n++] = '=';
    }
    out[n] = '\0';
}

void mse_base64url_encode(char *out, struct mse_bytes in)
{
    out[encode_digits(out, in, alphabet_url)] = '\0';
}

bool mse_ct_equal(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t diff = 0;
    for (size_t i = 0; i < len; i++) {
        diff |= (uint8_t)(x[i] ^ y[i]);
    }
    return diff == 0;
}

void mse_wipe(void *p, size_t len)
{
    if (len > 0) {
        explicit_bzero(p, len);
    }
}

bool mse_u64_parse(uint64_t *out, struct mse_bytes in, uint64_t max)
{
    if (in.len == 0 || in.len > 20 || (in.len > 1 && in.data[0] == '0')) {
        return false;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < in.len; i++) {
        if (in.data[i] < '0' || in.data[i] > '9' || __builtin_mul_overflow(v, 10ULL, &v) ||
            __builtin_add_overflow(v, (uint64_t)(in.data[i] - '0'), &v)) {
            return false;
        }
    }
    if (v > max) {
        return false;
    }
    *out = v;
    return true;
}
