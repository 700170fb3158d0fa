/* SPDX-License-Identifier: Apache-2.0 */
/* The DER reader (X.690 §10): everything works on a copy of *in and is committed at the end. */
#include "crypto/der.h"

#include "base/bytes.h"
#include "base/util.h"

/* Takes a length in its only DER form: short below 128, else the fewest octets; at most four. */
static bool rd_length(struct mse_bytes *in, size_t *out)
{
    uint8_t first = 0;
    if (!mse_rd_u8(in, &first)) {
        return false;
    }
    if (first < 0x80) {
        *out = first;
        return true;
    }
    unsigned n = first & 0x7fU;
    if (n < 1 || n > 4) {
        return false;
    }
    size_t len = 0;
    for (unsigned i = 0; i < n; i++) {
        uint8_t b = 0;
        if (!mse_rd_u8(in, &b) || (i == 0 && b == 0)) {
            return false;
        }
        len = (len << 8) | b;
    }
    if (len < 0x80) {
        return false;
    }
    *out = len;
    return true;
}

bool mse_der_any(struct mse_bytes *in, uint8_t *tag, struct mse_bytes *content,
                 struct mse_bytes *whole)
{
    struct mse_bytes p = *in;
    uint8_t t = 0;
    size_t len = 0;
    struct mse_bytes c = { 0 };
    if (!mse_rd_u8(&p, &t) || (t & 0x1f) == 0x1f || !rd_length(&p, &len) ||
        !mse_rd_bytes(&p, &c, len)) {
        return false;
    }
    *tag = t;
    *content = c;
    if (whole != NULL) {
        *whole = mse_bytes_of(in->data, in->len - p.len);
    }
    *in = p;
    return true;
}

bool mse_der_get(struct mse_bytes *in, uint8_t tag, struct mse_bytes *content)
{
    struct mse_bytes p = *in;
    uint8_t t = 0;
    struct mse_bytes c = { 0 };
    if (!mse_der_any(&p, &t, &c, NULL) || t != tag) {
        return false;
    }
    *content = c;
    *in = p;
    return true;
}

bool mse_der_opt(struct mse_bytes *in, uint8_t tag, struct mse_bytes *content, bool *present)
{
    if (in->len == 0 || in->data[0] != tag) {
        *present = false;
        return true;
    }
    if (!mse_der_get(in, tag, content)) {
        return false;
    }
    *present = true;
    return true;
}

bool mse_der_biguint(struct mse_bytes *in, struct mse_bytes *out)
{
    struct mse_bytes p = *in;
    struct mse_bytes c = { 0 };
    if (!mse_der_get(&p, MSE_DER_INTEGER, &c) || c.len == 0 || (c.data[0] & 0x80) != 0) {
        return false;
    }
    if (c.len > 1 && c.data[0] == 0) {
        if ((c.data[1] & 0x80) == 0) {
            return false;
        }
        c = mse_bytes_of(c.data + 1, c.len - 1);
    }
    *out = c;
    *in = p;
    return true;
}

bool mse_der_uint(struct mse_bytes *in, struct mse_bytes *out)
{
    struct mse_bytes p = *in;
    struct mse_bytes v = { 0 };
    if (!mse_der_biguint(&p, &v) || v.len > 20) {
        return false;
    }
    *out = v;
    *in = p;
    return true;
}

bool mse_der_uint64(struct mse_bytes *in, uint64_t *out)
{
    struct mse_bytes p = *in;
    struct mse_bytes v = { 0 };
    if (!mse_der_uint(&p, &v) || v.len > 8) {
        return false;
    }
    uint64_t n = 0;
    for (size_t i = 0; i < v.len; i++) {
        n = (n << 8) | v.data[i];
    }
    *out = n;
    *in = p;
    return true;
}

bool mse_der_bits(struct mse_bytes *in, struct mse_bytes *out)
{
    struct mse_bytes p = *in;
    struct mse_bytes c = { 0 };
    uint8_t unused = 0;
    if (!mse_der_get(&p, MSE_DER_BIT_STRING, &c) || !mse_rd_u8(&c, &unused) || unused != 0) {
        return false;
    }
    *out = c;
    *in = p;
    return true;
}

bool mse_der_bool(struct mse_bytes *in, bool *out)
{
    struct mse_bytes p = *in;
    struct mse_bytes c = { 0 };
    uint8_t v = 0;
    if (!mse_der_get(&p, MSE_DER_BOOLEAN, &c) || !mse_rd_u8(&c, &v) || c.len != 0 ||
        (v != 0 && v != 0xff)) {
        return false;
    }
    *out = v != 0;
    *in = p;
    return true;
}

/* Arcs in base 128: none begins with a zero digit, the last one ends. */
static bool oid_content_ok(struct mse_bytes c)
{
    bool first = true; /* of an arc */
    for (size_t i = 0; i < c.len; i++) {
        if (first && c.data[i] == 0x80) {
            return false;
        }
        first = (c.data[i] & 0x80) == 0;
    }
    return c.len > 0 && first;
}

bool mse_der_oid(struct mse_bytes *in, struct mse_bytes *out)
{
    struct mse_bytes p = *in;
    struct mse_bytes c = { 0 };
    if (!mse_der_get(&p, MSE_DER_OID, &c) || !oid_content_ok(c)) {
        return false;
    }
    *out = c;
    *in = p;
    return true;
}

/* Takes two decimal digits. */
static bool rd_2digits(struct mse_bytes *in, int *out)
{
    uint8_t hi = 0;
    uint8_t lo = 0;
    if (!mse_rd_u8(in, &hi) || !mse_rd_u8(in, &lo) || hi < '0' || hi > '9' || lo < '0' ||
        lo > '9') {
        return false;
    }
    *out = (hi - '0') * 10 + (lo - '0');
    return true;
}

/* spec: RFC 5280 §4.1.2.5: UTCTime is 1950 to 2049. */
static bool rd_year(struct mse_bytes *in, uint8_t tag, int *out)
{
    int hi = 0;
    int lo = 0;
    if (tag == MSE_DER_UTC_TIME) {
        if (!rd_2digits(in, &lo)) {
            return false;
        }
        hi = lo < 50 ? 20 : 19;
    } else if (!rd_2digits(in, &hi) || !rd_2digits(in, &lo)) {
        return false;
    }
    *out = hi * 100 + lo;
    return true;
}

bool mse_der_time(struct mse_bytes *in, mse_time *out)
{
    struct mse_bytes p = *in;
    struct mse_bytes c = { 0 };
    uint8_t tag = 0;
    int year = 0;
    int month = 0;
    int day = 0;
    int hour = 0;
    int min = 0;
    int sec = 0;
    uint8_t zone = 0;
    if (!mse_der_any(&p, &tag, &c, NULL) || (tag != MSE_DER_UTC_TIME && tag != MSE_DER_GEN_TIME)) {
        return false;
    }
    bool ok = rd_year(&c, tag, &year) &&   // YY or YYYY
              rd_2digits(&c, &month) &&    // MM
              rd_2digits(&c, &day) &&      // DD
              rd_2digits(&c, &hour) &&     // hh
              rd_2digits(&c, &min) &&      // mm
              rd_2digits(&c, &sec) &&      // ss
              mse_rd_u8(&c, &zone) &&      // Z
              zone == 'Z' && c.len == 0 && //
              mse_time_from_civil(out, year, month, day, hour, min, sec);
    if (ok) {
        *in = p;
    }
    return ok;
}

bool mse_der_oid_is(struct mse_bytes oid, const uint8_t *want, size_t want_len)
{
    return oid.len == want_len && mse_mem_equal(oid.data, want, want_len);
}
