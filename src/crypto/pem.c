/* SPDX-License-Identifier: Apache-2.0 */
/* PEM (RFC 7468 §3, the strict form): one text for one content, so that no bit of an armour can
 * change unnoticed. */
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/x509.h"

#define LINE_CHARS      64
#define LINE_BYTES      48
#define WIDE_LINE_CHARS 76 /* MIME's width: some quoting libraries put such chains into quotes */

/* Takes one LF or CRLF. */
static bool take_eol(struct mse_bytes *in)
{
    if (in->len > 0 && in->data[0] == '\n') {
        return mse_rd_skip(in, 1);
    }
    return in->len > 1 && in->data[0] == '\r' && in->data[1] == '\n' && mse_rd_skip(in, 2);
}

/* Takes the characters of s. */
static bool take_str(struct mse_bytes *in, const char *s)
{
    struct mse_bytes want = mse_bytes_str(s);
    struct mse_bytes probe = *in;
    struct mse_bytes seen = { 0 };
    if (!mse_rd_bytes(&probe, &seen, want.len) || !mse_bytes_equal(seen, want)) {
        return false;
    }
    *in = probe;
    return true;
}

/* Takes "-----BEGIN label-----" or END; what ends the line is left. */
static bool take_boundary(struct mse_bytes *in, const char *which, const char *label)
{
    return take_str(in, "-----") && take_str(in, which) && take_str(in, " ") &&
           take_str(in, label) && take_str(in, "-----");
}

/* Number of characters before the end of the line, at most one more than a line may have. */
static size_t line_chars(struct mse_bytes in)
{
    size_t most = in.len < WIDE_LINE_CHARS + 1 ? in.len : WIDE_LINE_CHARS + 1;
    const uint8_t *end = most == 0 ? NULL : memchr(in.data, '\n', most);
    size_t n = end == NULL ? most : (size_t)(end - in.data);
    return n > 0 && in.data[n - 1] == '\r' ? n - 1 : n;
}

/* Takes the base64 lines: all as long as the first, but the last may be shorter. */
static bool take_body(struct mse_bytes *in, uint8_t *out, size_t cap, size_t *out_len)
{
    size_t total = 0;
    size_t width = line_chars(*in) == WIDE_LINE_CHARS ? WIDE_LINE_CHARS : LINE_CHARS;
    bool last = false;
    while (in->len > 0 && in->data[0] != '-') {
        struct mse_bytes line = { 0 };
        size_t n = 0;
        size_t chars = line_chars(*in);
        if (last || chars == 0 || chars > width || !mse_rd_bytes(in, &line, chars) ||
            !take_eol(in) || !mse_base64_decode(out + total, cap - total, &n, line)) {
            return false;
        }
        total += n;
        last = n < width / 4 * 3;
    }
    *out_len = total;
    return total > 0;
}

/* True if only ends of lines, and perhaps one NUL at the very end, are left. */
static bool skip_between(struct mse_bytes *in)
{
    while (take_eol(in)) {
    }
    return in->len == 0 || (in->len == 1 && in->data[0] == 0);
}

mse_status mse_pem_next(struct mse_bytes *in, const char *label, uint8_t *out, size_t cap,
                        size_t *out_len)
{
    struct mse_bytes p = *in;
    size_t len = 0;
    if (skip_between(&p)) {
        return MSE_ERR_NOT_FOUND;
    }
    if (!take_boundary(&p, "BEGIN", label) || !take_eol(&p) || !take_body(&p, out, cap, &len) ||
        !take_boundary(&p, "END", label)) {
        return MSE_ERR_MALFORMED;
    }
    /* The end of the line may be missing: at the end, and before the next block (some chains are
     * just joined). */
    struct mse_bytes rest = p;
    if (!take_eol(&rest) && !skip_between(&p) && !take_boundary(&rest, "BEGIN", label)) {
        return MSE_ERR_MALFORMED;
    }
    *out_len = len;
    *in = p;
    return MSE_OK;
}

void mse_pem_write(struct mse_build *b, const char *label, struct mse_bytes der)
{
    char line[LINE_CHARS + 1];
    struct mse_bytes part = { 0 };
    mse_wr_printf(b, "-----BEGIN %s-----\n", label);
    while (mse_rd_bytes(&der, &part, der.len < LINE_BYTES ? der.len : LINE_BYTES) && part.len > 0) {
        mse_base64_encode(line, part);
        mse_wr_str(b, line);
        mse_wr_u8(b, '\n');
    }
    mse_wr_printf(b, "-----END %s-----\n", label);
}
