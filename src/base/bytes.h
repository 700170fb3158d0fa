/* SPDX-License-Identifier: Apache-2.0 */
/* Reader over untrusted bytes. Each mse_rd_* takes from the front of *in and returns false, with
 * nothing taken and nothing written, if too little is left. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <string.h>

#include <mse/types.h>

static inline struct mse_bytes mse_bytes_of(const void *data, size_t len)
{
    struct mse_bytes b = { data, len };
    return b;
}
/* mse_bytes_str borrows the characters of s without the NUL. */
struct mse_bytes mse_bytes_str(const char *s);

/* The only bounds check on untrusted input in the whole tree: everything below goes through it. It
 * is here, with the three most used readers, so that parsers get it inlined. */
MSE_MUST_USE static inline bool mse_rd_take(struct mse_bytes *in, size_t len, const uint8_t **out)
{
    if (len > in->len) {
        return false;
    }
    *out = in->data;
    if (len > 0) {
        in->data += len;
    }
    in->len -= len;
    return true;
}

MSE_MUST_USE static inline bool mse_rd_u8(struct mse_bytes *in, uint8_t *out)
{
    const uint8_t *p = NULL;
    if (!mse_rd_take(in, 1, &p)) {
        return false;
    }
    *out = *p;
    return true;
}

/* mse_rd_bytes borrows len bytes into *out. */
MSE_MUST_USE static inline bool mse_rd_bytes(struct mse_bytes *in, struct mse_bytes *out,
                                             size_t len)
{
    const uint8_t *p = NULL;
    if (!mse_rd_take(in, len, &p)) {
        return false;
    }
    *out = mse_bytes_of(p, len);
    return true;
}

MSE_MUST_USE static inline bool mse_rd_skip(struct mse_bytes *in, size_t len)
{
    const uint8_t *p = NULL;
    return mse_rd_take(in, len, &p);
}

MSE_MUST_USE bool mse_rd_u16le(struct mse_bytes *in, uint16_t *out);
MSE_MUST_USE bool mse_rd_u32le(struct mse_bytes *in, uint32_t *out);
MSE_MUST_USE bool mse_rd_u64le(struct mse_bytes *in, uint64_t *out);
MSE_MUST_USE bool mse_rd_u16be(struct mse_bytes *in, uint16_t *out);
MSE_MUST_USE bool mse_rd_u24be(struct mse_bytes *in, uint32_t *out);
MSE_MUST_USE bool mse_rd_u32be(struct mse_bytes *in, uint32_t *out);
MSE_MUST_USE bool mse_rd_u64be(struct mse_bytes *in, uint64_t *out);
/* mse_rd_copy copies len bytes to out. */
MSE_MUST_USE bool mse_rd_copy(struct mse_bytes *in, void *out, size_t len);
/* mse_rd_zeros takes len bytes and fails unless all of them are zero. */
MSE_MUST_USE bool mse_rd_zeros(struct mse_bytes *in, size_t len);

/* mse_rd_utf8 takes one code point: no overlong form, no surrogate, at most U+10FFFF (RFC 3629). */
MSE_MUST_USE bool mse_rd_utf8(struct mse_bytes *in, uint32_t *out);
MSE_MUST_USE bool mse_utf8_valid(struct mse_bytes s);
/* mse_utf8_cut returns the length of s without a character that was cut off at its end. */
size_t mse_utf8_cut(struct mse_bytes s);
/* mse_utf8_printable makes a text of a stranger fit for a terminal and a log, in place: what is not
 * UTF-8, control characters, and characters that are not seen or that turn the direction of writing
 * become '?'; a character cut off at the end is dropped. */
void mse_utf8_printable(char *text);

/* mse_plain_run returns the number of leading characters that are printable ASCII and neither a
 * quote nor a backslash: what nearly every text is made of, found eight at a time. */
size_t mse_plain_run(struct mse_bytes in);

/* For public values only (measurements, hashes of certificates): not constant time. */
MSE_MUST_USE static inline bool mse_mem_equal(const void *a, const void *b, size_t len)
{
    return len == 0 || memcmp(a, b, len) == 0;
}
MSE_MUST_USE static inline bool mse_bytes_equal(struct mse_bytes a, struct mse_bytes b)
{
    return a.len == b.len && mse_mem_equal(a.data, b.data, a.len);
}
MSE_MUST_USE bool mse_mem_is_zero(const void *p, size_t len);
/* mse_bytes_is_str tells whether b is exactly the characters of s. */
MSE_MUST_USE static inline bool mse_bytes_is_str(struct mse_bytes b, const char *s)
{
    size_t len = strlen(s);
    return b.len == len && mse_mem_equal(b.data, s, len);
}
/* mse_bytes_find returns the offset of the first occurrence of what in b, or SIZE_MAX. */
size_t mse_bytes_find(struct mse_bytes b, struct mse_bytes what);

#endif
