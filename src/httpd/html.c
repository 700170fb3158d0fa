/* SPDX-License-Identifier: Apache-2.0 */
#include "httpd/html.h"

#include <stdarg.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"

#define NO_CHARACTER 0xfffdU

/* One character of UTF-8 from the front; a byte that begins none is NO_CHARACTER. */
static uint32_t next_character(struct mse_bytes *text)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const uint8_t *p = text->data;
    uint8_t first = p[0];
    size_t len = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    bool good = len > 0 && first < 0xf8 && len <= text->len;
    uint32_t c = len < 2 ? first : first & (0x7fU >> len);
    for (size_t i = 1; good && i < len; i++) {
        good = (p[i] & 0xc0) == 0x80;
        c = c << 6 | (p[i] & 0x3fU);
    }
    good = good && c >= least[len] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
    size_t taken = good ? len : 1;
    *text = mse_bytes_of(p + taken, text->len - taken);
    return good ? c : NO_CHARACTER;
}

/* Characters that a reader does not see, or that move others. */
static bool deceives(uint32_t c)
{
    static const struct {
        uint32_t from;
        uint32_t to;
    } ranges[] = {
        { 0x00, 0x08 },     { 0x0b, 0x1f },     { 0x7f, 0x9f },       { 0xad, 0xad },
        { 0x034f, 0x034f }, { 0x061c, 0x061c }, { 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },
        { 0x180b, 0x180f }, { 0x200b, 0x200b }, { 0x200e, 0x200f },   { 0x2028, 0x202e },
        { 0x2060, 0x206f }, { 0x3164, 0x3164 }, { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },
        { 0xfff0, 0xfffb }, { 0xe000, 0xf8ff }, { 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(ranges); i++) {
        if (c >= ranges[i].from && c <= ranges[i].to) {
            return true;
        }
    }
    return false;
}

static const char *entity(uint32_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void mse_html_text(struct mse_build *b, struct mse_bytes text)
{
    while (text.len > 0) {
        const uint8_t *at = text.data;
        uint32_t c = next_character(&text);
        const char *e = entity(c);
        if (e != NULL) {
            mse_wr_str(b, e);
        } else if (c == NO_CHARACTER) {
            mse_wr_str(b, "\xef\xbf\xbd");
        } else if (deceives(c)) {
            mse_wr_printf(b, "[U+%04X]", (unsigned)c);
        } else {
            mse_wr_copy(b, at, (size_t)(text.data - at));
        }
    }
}

/* The one after a percent sign; what it takes is consumed. */
static const char *convert(struct mse_build *b, const char *at, va_list *ap)
{
    switch (at[0]) {
    case '%':
        mse_wr_str(b, "%");
        return at + 1;
    case 's':
        mse_html_text(b, mse_bytes_str(va_arg(*ap, const char *)));
        return at + 1;
    case 'u':
        mse_wr_printf(b, "%u", va_arg(*ap, unsigned));
        return at + 1;
    default:
        break;
    }
    MSE_ASSERT(at[0] == 'l' && at[1] == 'l' && (at[2] == 'u' || at[2] == 'd'));
    if (at[2] == 'u') {
        mse_wr_printf(b, "%llu", va_arg(*ap, unsigned long long));
    } else {
        mse_wr_printf(b, "%lld", va_arg(*ap, long long));
    }
    return at + 3;
}

void mse_html(struct mse_build *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    while (*fmt != '\0') {
        size_t plain = strcspn(fmt, "%");
        mse_wr_copy(b, fmt, plain);
        fmt += plain;
        if (*fmt == '%') {
            fmt = convert(b, fmt + 1, &ap);
        }
    }
    va_end(ap);
}

void mse_html_url(struct mse_build *b, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL) {
            mse_wr_copy(b, text, 1);
        } else {
            mse_wr_printf(b, "%%%02X", (unsigned)(uint8_t)*text);
        }
    }
}
