/* SPDX-License-Identifier: Apache-2.0 */
/* The DER writer. An element is written with room for its length and moved when that is known. */
#include "crypto/der_write.h"

#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/der.h"

size_t mse_derw_open(struct mse_build *b, uint8_t tag)
{
    mse_wr_u8(b, tag);
    return b->len;
}

/* Length octets for len, most significant first; returns how many. */
static size_t length_octets(uint8_t out[5], size_t len)
{
    MSE_ASSERT(len <= UINT32_MAX);
    if (len < 0x80) {
        out[0] = (uint8_t)len;
        return 1;
    }
    size_t n = 1;
    while (n < 4 && len >> (8 * n) != 0) {
        n++;
    }
    out[0] = (uint8_t)(0x80 | n);
    for (size_t i = 0; i < n; i++) {
        out[1 + i] = (uint8_t)(len >> (8 * (n - 1 - i)));
    }
    return n + 1;
}

void mse_derw_close(struct mse_build *b, size_t mark)
{
    if (!mse_build_ok(b)) {
        return;
    }
    MSE_ASSERT(mark <= b->len);
    uint8_t octets[5];
    size_t len = b->len - mark;
    size_t n = length_octets(octets, len);
    if (mse_wr_space(b, n) == NULL) {
        return;
    }
    memmove(b->data + mark + n, b->data + mark, len);
    memcpy(b->data + mark, octets, n);
}

void mse_derw_prim(struct mse_build *b, uint8_t tag, struct mse_bytes content)
{
    uint8_t octets[5];
    mse_wr_u8(b, tag);
    mse_wr_copy(b, octets, length_octets(octets, content.len));
    mse_wr_bytes(b, content);
}

void mse_derw_oid(struct mse_build *b, const uint8_t *content, size_t len)
{
    mse_derw_prim(b, MSE_DER_OID, mse_bytes_of(content, len));
}

void mse_derw_bool(struct mse_build *b, bool v)
{
    uint8_t octet = v ? 0xff : 0;
    mse_derw_prim(b, MSE_DER_BOOLEAN, mse_bytes_of(&octet, 1));
}

void mse_derw_uint(struct mse_build *b, struct mse_bytes be)
{
    while (be.len > 0 && be.data[0] == 0) {
        be = mse_bytes_of(be.data + 1, be.len - 1);
    }
    size_t mark = mse_derw_open(b, MSE_DER_INTEGER);
    if (be.len == 0 || (be.data[0] & 0x80) != 0) {
        mse_wr_u8(b, 0);
    }
    mse_wr_bytes(b, be);
    mse_derw_close(b, mark);
}

void mse_derw_uint64(struct mse_build *b, uint64_t v)
{
    uint8_t be[8];
    for (size_t i = 0; i < sizeof be; i++) {
        be[i] = (uint8_t)(v >> (8 * (7 - i)));
    }
    mse_derw_uint(b, mse_bytes_of(be, sizeof be));
}

void mse_derw_bits(struct mse_build *b, struct mse_bytes content)
{
    size_t mark = mse_derw_open(b, MSE_DER_BIT_STRING);
    mse_wr_u8(b, 0);
    mse_wr_bytes(b, content);
    mse_derw_close(b, mark);
}

void mse_derw_time(struct mse_build *b, mse_time t)
{
    const mse_time first_of_2050 = 2524608000;
    char text[MSE_TIME_TEXT_LEN];
    mse_time_format(text, t); /* YYYY-MM-DDThh:mm:ssZ */
    bool utc = t < first_of_2050;
    size_t mark = mse_derw_open(b, utc ? MSE_DER_UTC_TIME : MSE_DER_GEN_TIME);
    for (size_t i = utc ? 2 : 0; text[i] != '\0'; i++) {
        if (text[i] != '-' && text[i] != 'T' && text[i] != ':') {
            mse_wr_u8(b, (uint8_t)text[i]);
        }
    }
    mse_derw_close(b, mark);
}

void mse_derw_name(struct mse_build *b, const struct mse_derw_attr *attrs, size_t num)
{
    size_t name = mse_derw_open(b, MSE_DER_SEQUENCE);
    for (size_t i = 0; i < num; i++) {
        size_t rdn = mse_derw_open(b, MSE_DER_SET);
        size_t attr = mse_derw_open(b, MSE_DER_SEQUENCE);
        mse_derw_oid(b, attrs[i].oid, attrs[i].oid_len);
        mse_derw_prim(b, MSE_DER_UTF8, mse_bytes_str(attrs[i].text));
        mse_derw_close(b, attr);
        mse_derw_close(b, rdn);
    }
    mse_derw_close(b, name);
}
