/* SPDX-License-Identifier: Apache-2.0 */
/* The reader. mse_rd_take() holds the only bounds check on untrusted input in the whole tree. */
#include "base/bytes.h"

#include <endian.h>
#include <string.h>

#include "base/util.h"

/* Reads n <= 8 bytes, least significant first. */
static bool take_le(struct mse_bytes *in, size_t n, uint64_t *out)
{
    const uint8_t *p = NULL;
    if (!mse_rd_take(in, n, &p)) {
        return false;
    }
    uint64_t v = 0;
    for (size_t i = n; i > 0; i--) {
        v = (v << 8) | p[i - 1];
    }
    *out = v;
    return true;
}

static bool take_be(struct mse_bytes *in, size_t n, uint64_t *out)
{
    const uint8_t *p = NULL;
    if (!mse_rd_take(in, n, &p)) {
        return false;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = (v << 8) | p[i];
    }
    *out = v;
    return true;
}

struct mse_bytes mse_bytes_str(const char *s)
{
    return mse_bytes_of(s, strlen(s));
}

bool mse_rd_u16le(struct mse_bytes *in, uint16_t *out)
{
    uint64_t v = 0;
    if (!take_le(in, 2, &v)) {
        return false;
    }
    *out = (uint16_t)v;
    return true;
}

bool mse_rd_u32le(struct mse_bytes *in, uint32_t *out)
{
    uint64_t v = 0;
    if (!take_le(in, 4, &v)) {
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

bool mse_rd_u64le(struct mse_bytes *in, uint64_t *out)
{
    return take_le(in, 8, out);
}

bool mse_rd_u16be(struct mse_bytes *in, uint16_t *out)
{
    uint64_t v = 0;
    if (!take_be(in, 2, &v)) {
        return false;
    }
    *out = (uint16_t)v;
    return true;
}

bool mse_rd_u24be(struct mse_bytes *in, uint32_t *out)
{
    uint64_t v = 0;
    if (!take_be(in, 3, &v)) {
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

bool mse_rd_u32be(struct mse_bytes *in, uint32_t *out)
{
    uint64_t v = 0;
    if (!take_be(in, 4, &v)) {
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

bool mse_rd_u64be(struct mse_bytes *in, uint64_t *out)
{
    return take_be(in, 8, out);
}

bool mse_rd_copy(struct mse_bytes *in, void *out, size_t len)
{
    const uint8_t *p = NULL;
    if (!mse_rd_take(in, len, &p)) {
        return false;
    }
    if (len > 0) {
        memcpy(out, p, len);
    }
    return true;
}

bool mse_rd_zeros(struct mse_bytes *in, size_t len)
{
    struct mse_bytes probe = *in;
    const uint8_t *p = NULL;
    if (!mse_rd_take(&probe, len, &p) || !mse_mem_is_zero(p, len)) {
        return false;
    }
    *in = probe;
    return true;
}

/* How many bytes follow the first one, its payload, and the least value of that length. */
static bool utf8_lead(uint8_t c, size_t *more, uint32_t *v, uint32_t *least)
{
    if (c < 0x80) {
        *more = 0;
        *v = c;
        *least = 0;
    } else if (c >= 0xc2 && c <= 0xdf) {
        *more = 1;
        *v = c & 0x1fU;
        *least = 0x80;
    } else if (c >= 0xe0 && c <= 0xef) {
        *more = 2;
        *v = c & 0x0fU;
        *least = 0x800;
    } else if (c >= 0xf0 && c <= 0xf4) {
        *more = 3;
        *v = c & 0x07U;
        *least = 0x10000;
    } else {
        return false;
    }
    return true;
}

bool mse_rd_utf8(struct mse_bytes *in, uint32_t *out)
{
    struct mse_bytes p = *in;
    uint8_t c = 0;
    size_t more = 0;
    uint32_t v = 0;
    uint32_t least = 0;
    if (!mse_rd_u8(&p, &c) || !utf8_lead(c, &more, &v, &least)) {
        return false;
    }
    for (; more > 0; more--) {
        if (!mse_rd_u8(&p, &c) || (c & 0xc0) != 0x80) {
            return false;
        }
        v = (v << 6) | (c & 0x3fU);
    }
    if (v < least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) {
        return false;
    }
    *out = v;
    *in = p;
    return true;
}

bool mse_utf8_valid(struct mse_bytes s)
{
    uint32_t code = 0;
    while (mse_rd_skip(&s, mse_plain_run(s)) && s.len > 0) {
        if (!mse_rd_utf8(&s, &code)) {
            return false;
        }
    }
    return true;
}

size_t mse_utf8_cut(struct mse_bytes s)
{
    size_t more = 0;
    uint32_t v = 0;
    uint32_t least = 0;
    for (size_t i = 1; i <= 3 && i <= s.len; i++) {
        uint8_t c = s.data[s.len - i];
        if ((c & 0xc0) != 0x80) {
            return utf8_lead(c, &more, &v, &least) && more >= i ? s.len - i : s.len;
        }
    }
    return s.len;
}

/* Controls, marks of direction, joiners and other characters without a look of their own. */
static bool is_visible(uint32_t c)
{
    static const struct {
        uint32_t first;
        uint32_t last;
    } unseen[] = { { 0x0000, 0x001f },   { 0x007f, 0x009f }, { 0x00ad, 0x00ad }, { 0x061c, 0x061c },
                   { 0x180b, 0x180f },   { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
                   { 0xe000, 0xf8ff },   { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xfff0, 0xffff },
                   { 0xe0000, 0x10ffff } };
    for (size_t i = 0; i < MSE_ARRAY_LEN(unseen); i++) {
        if (c >= unseen[i].first && c <= unseen[i].last) {
            return false;
        }
    }
    return true;
}

void mse_utf8_printable(char *text)
{
    struct mse_bytes in = mse_bytes_str(text);
    size_t plain = mse_plain_run(in);
    char *to = text + plain;
    in = mse_bytes_of(in.data + plain, in.len - plain);
    while (mse_utf8_cut(in) > 0) {
        struct mse_bytes at = in;
        uint32_t c = 0;
        bool good = mse_rd_utf8(&in, &c);
        if (!good && !mse_rd_skip(&in, 1)) {
            break;
        }
        if (good && is_visible(c)) {
            memmove(to, at.data, at.len - in.len);
            to += at.len - in.len;
        } else {
            *to++ = '?';
        }
    }
    *to = '\0';
}

/* Eight octets as a number, the first one lowest. */
static uint64_t eight(const uint8_t *p)
{
    uint64_t x = 0;
    memcpy(&x, p, sizeof x);
    return le64toh(x);
}

/* The top bit of each octet that is not printable ASCII, or a quote or a backslash. A borrow may
 * set one above such an octet too: of those that are set only the lowest counts. */
static uint64_t not_plain(uint64_t x)
{
    const uint64_t ones = 0x0101010101010101;
    uint64_t quote = x ^ (ones * '"');
    uint64_t backslash = x ^ (ones * '\\');
    uint64_t del = x ^ (ones * 0x7f);
    uint64_t found = x | ((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) |
                     ((backslash - ones) & ~backslash) | ((del - ones) & ~del);
    return found & (ones << 7);
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

size_t mse_plain_run(struct mse_bytes in)
{
    size_t i = 0;
    for (; in.len - i >= 8; i += 8) {
        uint64_t found = not_plain(eight(in.data + i));
        if (found != 0) {
            return i + (size_t)__builtin_ctzll(found) / 8;
        }
    }
    while (i < in.len && is_plain(in.data[i])) {
        i++;
    }
    return i;
}

bool mse_mem_is_zero(const void *p, size_t len)
{
    const uint8_t *b = p;
    uint8_t acc = 0;
    for (size_t i = 0; i < len; i++) {
        acc |= b[i];
    }
    return acc == 0;
}

size_t mse_bytes_find(struct mse_bytes b, struct mse_bytes what)
{
    if (what.len == 0 || what.len > b.len) {
        return SIZE_MAX;
    }
    const uint8_t *hit = memmem(b.data, b.len, what.data, what.len);
    return hit == NULL ? SIZE_MAX : (size_t)(hit - b.data);
}
