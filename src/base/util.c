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

static int base64_value(uint8_t c, const char *alphabet)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == (uint8_t)alphabet[62]) {
        return 62;
    }
    return c == (uint8_t)alphabet[63] ? 63 : -1;
}

/* Decodes text without padding; the unused low bits of the last digit must be zero. */
static bool decode_digits(uint8_t *out, size_t cap, size_t *out_len, struct mse_bytes in,
                          const char *alphabet)
{
    size_t len = in.len / 4 * 3 + (in.len % 4 == 0 ? 0 : in.len % 4 - 1);
    if (in.len % 4 == 1 || len > cap) {
        return false;
    }
    uint32_t acc = 0;
    unsigned bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        int v = base64_value(in.data[i], alphabet);
        if (v < 0) {
            return false;
        }
        acc = (acc << 6) | (uint32_t)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (uint8_t)(acc >> bits);
            acc &= (1U << bits) - 1;
        }
    }
    if (acc != 0) {
        return false;
    }
    *out_len = n;
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
    return decode_digits(out, cap, out_len, in, alphabet_std);
}

bool mse_base64url_decode(uint8_t *out, size_t cap, size_t *out_len, struct mse_bytes in)
{
    return decode_digits(out, cap, out_len, in, alphabet_url);
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
