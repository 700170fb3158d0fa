/* SPDX-License-Identifier: Apache-2.0 */
/* The writer. reserve() holds its only bounds check. */
#include "base/build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"

void mse_build_fixed(struct mse_build *b, void *buf, size_t cap)
{
    struct mse_build init = { .data = buf, .cap = cap, .max = cap };
    *b = init;
}

void mse_build_heap(struct mse_build *b, size_t max)
{
    struct mse_build init = { .max = max, .heap = true };
    *b = init;
}

void mse_build_clear(struct mse_build *b)
{
    if (b->heap && b->data != NULL) {
        mse_wipe(b->data, b->cap);
        free(b->data);
    }
    struct mse_build empty = { 0 };
    *b = empty;
}

void mse_build_reset(struct mse_build *b)
{
    b->len = 0;
    b->failed = false;
}

/* Moves the content to a buffer of at least `need` bytes. realloc would leave a copy behind. */
static bool grow(struct mse_build *b, size_t need)
{
    size_t cap = b->cap < 256 ? 256 : b->cap;
    while (cap < need) {
        cap = cap > b->max / 2 ? b->max : cap * 2;
    }
    uint8_t *p = malloc(cap);
    if (p == NULL) {
        return false;
    }
    if (b->len > 0) {
        memcpy(p, b->data, b->len);
    }
    if (b->data != NULL) {
        mse_wipe(b->data, b->cap);
        free(b->data);
    }
    b->data = p;
    b->cap = cap;
    return true;
}

static uint8_t *reserve(struct mse_build *b, size_t len)
{
    size_t need = 0;
    if (b->failed || !mse_add_size(b->len, len, &need) || need > b->max) {
        b->failed = true;
        return NULL;
    }
    if (need > b->cap && (!b->heap || !grow(b, need))) {
        b->failed = true;
        return NULL;
    }
    /* Nothing written to nothing: C forbids even NULL + 0. */
    uint8_t *p = b->data == NULL ? NULL : b->data + b->len;
    b->len = need;
    return p;
}

static void write_le(struct mse_build *b, uint64_t v, size_t n)
{
    uint8_t *p = reserve(b, n);
    for (size_t i = 0; p != NULL && i < n; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

static void write_be(struct mse_build *b, uint64_t v, size_t n)
{
    uint8_t *p = reserve(b, n);
    for (size_t i = 0; p != NULL && i < n; i++) {
        p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    }
}

void mse_wr_u8(struct mse_build *b, uint8_t v)
{
    write_le(b, v, 1);
}

void mse_wr_u16le(struct mse_build *b, uint16_t v)
{
    write_le(b, v, 2);
}

void mse_wr_u32le(struct mse_build *b, uint32_t v)
{
    write_le(b, v, 4);
}

void mse_wr_u64le(struct mse_build *b, uint64_t v)
{
    write_le(b, v, 8);
}

void mse_wr_u16be(struct mse_build *b, uint16_t v)
{
    write_be(b, v, 2);
}

void mse_wr_u32be(struct mse_build *b, uint32_t v)
{
    write_be(b, v, 4);
}

void mse_wr_u64be(struct mse_build *b, uint64_t v)
{
    write_be(b, v, 8);
}

void mse_wr_copy(struct mse_build *b, const void *p, size_t len)
{
    uint8_t *to = reserve(b, len);
    if (to != NULL && len > 0) {
        memcpy(to, p, len);
    }
}

void mse_wr_bytes(struct mse_build *b, struct mse_bytes s)
{
    mse_wr_copy(b, s.data, s.len);
}

void mse_wr_zeros(struct mse_build *b, size_t len)
{
    uint8_t *to = reserve(b, len);
    if (to != NULL && len > 0) {
        memset(to, 0, len);
    }
}

void mse_wr_str(struct mse_build *b, const char *s)
{
    mse_wr_copy(b, s, strlen(s));
}

void mse_wr_toml_text(struct mse_build *b, const char *value)
{
    mse_wr_u8(b, '"');
    for (const char *s = value; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\') {
            mse_wr_u8(b, '\\');
            mse_wr_u8(b, (uint8_t)*s);
        } else if ((uint8_t)*s < 0x20 || *s == 0x7f) {
            mse_wr_printf(b, "\\u%04X", (unsigned)(uint8_t)*s);
        } else {
            mse_wr_u8(b, (uint8_t)*s);
        }
    }
    mse_wr_u8(b, '"');
}

void mse_wr_toml(struct mse_build *b, const char *key, const char *value)
{
    mse_wr_printf(b, "%s = ", key);
    mse_wr_toml_text(b, value);
    mse_wr_str(b, "\n");
}

void mse_wr_printf(struct mse_build *b, const char *fmt, ...)
{
    /* vsnprintf ends with a NUL that may not fit any more, so the text is made aside. */
    char small[512];
    char *text = small;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof small) {
        va_start(ap, fmt);
        n = vasprintf(&text, fmt, ap);
        va_end(ap);
    }
    if (n < 0) {
        b->failed = true;
        return;
    }
    mse_wr_copy(b, text, (size_t)n);
    if (text != small) {
        mse_wipe(text, (size_t)n);
        free(text);
    }
}

uint8_t *mse_wr_space(struct mse_build *b, size_t len)
{
    return reserve(b, len);
}

bool mse_build_ok(const struct mse_build *b)
{
    return !b->failed;
}

struct mse_bytes mse_build_view(const struct mse_build *b)
{
    struct mse_bytes v = { b->data, b->len };
    return v;
}

const char *mse_build_cstr(struct mse_build *b)
{
    mse_wr_u8(b, 0);
    if (b->failed) {
        return NULL;
    }
    b->len--;
    return (const char *)b->data;
}

void mse_wr_hex(struct mse_build *b, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char digits[3];
        mse_hex_encode(digits, mse_bytes_of(p + i, 1));
        mse_wr_str(b, digits);
    }
}

void mse_wr_time(struct mse_build *b, mse_time t)
{
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, t);
    mse_wr_str(b, text);
}
