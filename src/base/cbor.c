/* SPDX-License-Identifier: Apache-2.0 */
/* See cbor.h. The one place that decides what a head is: rd_head. No schema here: what a document
 * must hold is decided where it is read. */
#include "base/cbor.h"

#include <string.h>

#include "base/bytes.h"
#include "base/util.h"

/* The head of an item (RFC 8949 3): major type, additional information, argument. */
struct head {
    enum mse_cbor_major major;
    uint8_t info;
    uint64_t arg;
};

#define INFO_INDEFINITE 31
#define BREAK           0xff

#define INFO_1BYTE 24
#define INFO_8BYTE 27

/* spec: RFC 8949 §3 */
static bool rd_argument(struct mse_bytes *in, uint8_t info, uint64_t *out)
{
    if (info < INFO_1BYTE) {
        *out = info;
        return true;
    }
    if (info > INFO_8BYTE) {
        return false; /* 28 to 30 are reserved, 31 is an indefinite length */
    }
    uint64_t v = 0;
    for (size_t left = (size_t)1 << (info - INFO_1BYTE); left > 0; left--) {
        uint8_t byte = 0;
        if (!mse_rd_u8(in, &byte)) {
            return false;
        }
        v = v << 8 | byte;
    }
    *out = v;
    return true;
}

/* spec: RFC 8949 §4.2.1 */
static bool is_shortest(uint8_t info, uint64_t arg)
{
    static const uint64_t least[] = { 24, 0x100, 0x10000, 0x100000000 };
    return info < INFO_1BYTE || arg >= least[info - INFO_1BYTE];
}

/* In major type 7 the argument is no integer: a simple value in two bytes starts at 32 in every
 * mode, and what is longer is a floating-point number. spec: RFC 8949 §3.3 */
static bool simple_is_allowed(const struct head *h, enum mse_cbor_mode mode)
{
    if (h->info == INFO_1BYTE) {
        return h->arg >= 32;
    }
    return h->info < INFO_1BYTE || mode != MSE_CBOR_STRICT;
}

/* spec: RFC 8949 §3.2 */
static bool is_indefinite(const struct head *h, enum mse_cbor_mode mode)
{
    return h->info == INFO_INDEFINITE && mode == MSE_CBOR_INDEFINITE &&
           (h->major == MSE_CBOR_ARRAY || h->major == MSE_CBOR_MAP);
}

static bool rd_head(struct mse_bytes *in, struct head *out, enum mse_cbor_mode mode)
{
    struct mse_bytes r = *in;
    struct head h = { 0 };
    uint8_t first = 0;
    if (!mse_rd_u8(&r, &first)) {
        return false;
    }
    h.major = (enum mse_cbor_major)(first >> 5);
    h.info = first & 0x1f;
    if (is_indefinite(&h, mode)) {
        *in = r;
        *out = h;
        return true;
    }
    if (!rd_argument(&r, h.info, &h.arg)) {
        return false;
    }
    if (h.major == MSE_CBOR_SIMPLE) {
        if (!simple_is_allowed(&h, mode)) {
            return false;
        }
    } else if (mode == MSE_CBOR_STRICT && !is_shortest(h.info, h.arg)) {
        return false;
    }
    *in = r;
    *out = h;
    return true;
}

static bool rd_string(struct mse_bytes *in, const struct head *h, struct mse_bytes *out)
{
    struct mse_bytes r = *in;
    struct mse_bytes s = { NULL, 0 };
    if (h->arg > SIZE_MAX || !mse_rd_bytes(&r, &s, (size_t)h->arg)) {
        return false;
    }
    if (h->major == MSE_CBOR_TEXT && !mse_utf8_valid(s)) {
        return false;
    }
    *in = r;
    *out = s;
    return true;
}

static bool skip_item(struct mse_bytes *in, enum mse_cbor_mode mode, unsigned depth);

/* a < b in bytewise order; a proper prefix comes first, but no encoding is one of another. */
static bool is_before(struct mse_bytes a, struct mse_bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < common; i++) {
        if (a.data[i] != b.data[i]) {
            return a.data[i] < b.data[i];
        }
    }
    return a.len < b.len;
}

static bool skip_strict_map(struct mse_bytes *in, uint64_t pairs, unsigned depth)
{
    struct mse_bytes last = { NULL, 0 };
    for (uint64_t i = 0; i < pairs; i++) {
        struct mse_bytes key = *in;
        if (!skip_item(in, MSE_CBOR_STRICT, depth)) {
            return false;
        }
        key.len -= in->len;
        if (i > 0 && !is_before(last, key)) {
            return false;
        }
        last = key;
        if (!skip_item(in, MSE_CBOR_STRICT, depth)) {
            return false;
        }
    }
    return true;
}

/* A key of a lenient map: an integer, a string or a simple value, so that two spellings of one key
 * can be told to be equal. */
struct key {
    struct head h;
    struct mse_bytes string;
};

static bool rd_key(struct mse_bytes *in, struct key *out)
{
    struct key k = { 0 };
    if (!rd_head(in, &k.h, MSE_CBOR_LENIENT)) {
        return false;
    }
    *out = k;
    switch (k.h.major) {
    case MSE_CBOR_UINT:
    case MSE_CBOR_NINT:
        return true;
    case MSE_CBOR_BYTES:
    case MSE_CBOR_TEXT:
        return rd_string(in, &k.h, &out->string);
    case MSE_CBOR_SIMPLE:
        return k.h.info <= INFO_1BYTE;
    case MSE_CBOR_ARRAY:
    case MSE_CBOR_MAP:
    case MSE_CBOR_TAG:
        return false;
    }
    return false;
}

static bool same_key(const struct key *a, const struct key *b)
{
    return a->h.major == b->h.major && a->h.arg == b->h.arg &&
           mse_bytes_equal(a->string, b->string);
}

/* Whether an entry follows; the break behind the last is taken. Where the bytes end too early the
 * entry that "follows" cannot be read. */
static bool next_entry(struct mse_bytes *in, struct mse_cbor_entries *e)
{
    if (!e->until_break) {
        bool follows = e->left > 0;
        e->left -= follows ? 1 : 0;
        return follows;
    }
    if (in->len > 0 && in->data[0] == BREAK) {
        *in = mse_bytes_of(in->data + 1, in->len - 1);
        return false;
    }
    return true;
}

static struct mse_cbor_entries entries_of(const struct head *h)
{
    struct mse_cbor_entries e = { .until_break = h->info == INFO_INDEFINITE,
                                  .left = (size_t)h->arg };
    return e;
}

static bool skip_lenient_map(struct mse_bytes *in, const struct head *h, enum mse_cbor_mode mode,
                             unsigned depth)
{
    struct key keys[MSE_CBOR_MAX_LENIENT_PAIRS];
    if (h->arg > MSE_ARRAY_LEN(keys)) {
        return false;
    }
    struct mse_cbor_entries e = entries_of(h);
    for (size_t i = 0; next_entry(in, &e); i++) {
        if (i == MSE_ARRAY_LEN(keys) || !rd_key(in, &keys[i])) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (same_key(&keys[j], &keys[i])) {
                return false;
            }
        }
        if (!skip_item(in, mode, depth)) {
            return false;
        }
    }
    return true;
}

static bool skip_items(struct mse_bytes *in, const struct head *h, enum mse_cbor_mode mode,
                       unsigned depth)
{
    struct mse_cbor_entries e = entries_of(h);
    if (h->arg > in->len) {
        return false; /* an item has at least one byte */
    }
    while (next_entry(in, &e)) {
        if (!skip_item(in, mode, depth)) {
            return false;
        }
    }
    return true;
}

/* Takes one item whole; on failure *in is anywhere, its callers hold a copy. depth: levels that may
 * still be opened. */
static bool skip_item(struct mse_bytes *in, enum mse_cbor_mode mode, unsigned depth)
{
    struct head h = { 0 };
    struct mse_bytes string;
    if (depth == 0 || !rd_head(in, &h, mode)) {
        return false;
    }
    switch (h.major) {
    case MSE_CBOR_UINT:
    case MSE_CBOR_NINT:
    case MSE_CBOR_SIMPLE:
        return true;
    case MSE_CBOR_BYTES:
    case MSE_CBOR_TEXT:
        return rd_string(in, &h, &string);
    case MSE_CBOR_ARRAY:
        return skip_items(in, &h, mode, depth - 1);
    case MSE_CBOR_MAP:
        return mode == MSE_CBOR_STRICT ? skip_strict_map(in, h.arg, depth - 1)
                                       : skip_lenient_map(in, &h, mode, depth - 1);
    case MSE_CBOR_TAG:
        return skip_item(in, mode, depth - 1);
    }
    return false;
}

bool mse_cbor_check(struct mse_bytes doc, enum mse_cbor_mode mode)
{
    return skip_item(&doc, mode, MSE_CBOR_MAX_DEPTH) && doc.len == 0;
}

struct mse_cbor mse_cbor_of(struct mse_bytes doc, enum mse_cbor_mode mode)
{
    struct mse_cbor r = { doc, mode };
    return r;
}

bool mse_cbor_is(const struct mse_cbor *r, enum mse_cbor_major major)
{
    return r->in.len > 0 && r->in.data[0] >> 5 == (int)major;
}

/* Takes a head of this major type. */
static bool take_head(struct mse_cbor *r, enum mse_cbor_major major, struct head *out)
{
    return mse_cbor_is(r, major) && rd_head(&r->in, out, r->mode);
}

static bool take_argument(struct mse_cbor *r, enum mse_cbor_major major, uint64_t *out)
{
    struct head h = { 0 };
    struct mse_cbor copy = *r;
    if (!take_head(&copy, major, &h) || h.info == INFO_INDEFINITE) {
        return false;
    }
    *r = copy;
    *out = h.arg;
    return true;
}

static bool take_string(struct mse_cbor *r, enum mse_cbor_major major, struct mse_bytes *out)
{
    struct mse_cbor copy = *r;
    struct head h = { 0 };
    if (!take_head(&copy, major, &h) || !rd_string(&copy.in, &h, out)) {
        return false;
    }
    *r = copy;
    return true;
}

/* least: bytes that each of the counted entries needs at the very least. */
static bool take_count(struct mse_cbor *r, enum mse_cbor_major major, size_t least, size_t *out)
{
    struct mse_cbor copy = *r;
    uint64_t num = 0;
    if (!take_argument(&copy, major, &num) || num > copy.in.len / least) {
        return false;
    }
    *r = copy;
    *out = (size_t)num;
    return true;
}

bool mse_cbor_uint(struct mse_cbor *r, uint64_t *out)
{
    return take_argument(r, MSE_CBOR_UINT, out);
}

bool mse_cbor_nint(struct mse_cbor *r, uint64_t *out)
{
    return take_argument(r, MSE_CBOR_NINT, out);
}

bool mse_cbor_bytes(struct mse_cbor *r, struct mse_bytes *out)
{
    return take_string(r, MSE_CBOR_BYTES, out);
}

bool mse_cbor_text(struct mse_cbor *r, struct mse_bytes *out)
{
    return take_string(r, MSE_CBOR_TEXT, out);
}

bool mse_cbor_array(struct mse_cbor *r, size_t *out_num)
{
    return take_count(r, MSE_CBOR_ARRAY, 1, out_num);
}

bool mse_cbor_map(struct mse_cbor *r, size_t *out_pairs)
{
    return take_count(r, MSE_CBOR_MAP, 2, out_pairs);
}

bool mse_cbor_entries(struct mse_cbor *r, enum mse_cbor_major major, struct mse_cbor_entries *out)
{
    struct mse_cbor copy = *r;
    struct head h = { 0 };
    size_t least = major == MSE_CBOR_MAP ? 2 : 1;
    MSE_ASSERT(major == MSE_CBOR_ARRAY || major == MSE_CBOR_MAP);
    if (!take_head(&copy, major, &h) || h.arg > copy.in.len / least) {
        return false;
    }
    *r = copy;
    *out = entries_of(&h);
    return true;
}

bool mse_cbor_next(struct mse_cbor *r, struct mse_cbor_entries *e)
{
    return next_entry(&r->in, e);
}

bool mse_cbor_tag(struct mse_cbor *r, uint64_t *out)
{
    return take_argument(r, MSE_CBOR_TAG, out);
}

bool mse_cbor_simple(struct mse_cbor *r, uint8_t *out)
{
    struct mse_cbor copy = *r;
    struct head h = { 0 };
    if (!take_head(&copy, MSE_CBOR_SIMPLE, &h) || h.info > INFO_1BYTE) {
        return false;
    }
    *r = copy;
    *out = (uint8_t)h.arg;
    return true;
}

bool mse_cbor_item(struct mse_cbor *r, struct mse_bytes *out)
{
    struct mse_bytes rest = r->in;
    if (!skip_item(&rest, r->mode, MSE_CBOR_MAX_DEPTH)) {
        return false;
    }
    out->data = r->in.data;
    out->len = r->in.len - rest.len;
    r->in = rest;
    return true;
}

static void wr_head(struct mse_build *b, enum mse_cbor_major major, uint64_t arg)
{
    uint8_t top = (uint8_t)((unsigned)major << 5);
    if (arg < INFO_1BYTE) {
        mse_wr_u8(b, (uint8_t)(top | arg));
    } else if (arg <= UINT8_MAX) {
        mse_wr_u8(b, top | INFO_1BYTE);
        mse_wr_u8(b, (uint8_t)arg);
    } else if (arg <= UINT16_MAX) {
        mse_wr_u8(b, top | (INFO_1BYTE + 1));
        mse_wr_u16be(b, (uint16_t)arg);
    } else if (arg <= UINT32_MAX) {
        mse_wr_u8(b, top | (INFO_1BYTE + 2));
        mse_wr_u32be(b, (uint32_t)arg);
    } else {
        mse_wr_u8(b, top | INFO_8BYTE);
        mse_wr_u64be(b, arg);
    }
}

void mse_cborw_uint(struct mse_build *b, uint64_t v)
{
    wr_head(b, MSE_CBOR_UINT, v);
}

void mse_cborw_nint(struct mse_build *b, uint64_t n)
{
    wr_head(b, MSE_CBOR_NINT, n);
}

void mse_cborw_bytes(struct mse_build *b, struct mse_bytes v)
{
    wr_head(b, MSE_CBOR_BYTES, v.len);
    mse_wr_bytes(b, v);
}

void mse_cborw_bytes_head(struct mse_build *b, size_t len)
{
    wr_head(b, MSE_CBOR_BYTES, len);
}

void mse_cborw_text(struct mse_build *b, const char *v)
{
    wr_head(b, MSE_CBOR_TEXT, strlen(v));
    mse_wr_str(b, v);
}

void mse_cborw_array(struct mse_build *b, size_t num)
{
    wr_head(b, MSE_CBOR_ARRAY, num);
}

void mse_cborw_map(struct mse_build *b, size_t pairs)
{
    wr_head(b, MSE_CBOR_MAP, pairs);
}

void mse_cborw_tag(struct mse_build *b, uint64_t tag)
{
    wr_head(b, MSE_CBOR_TAG, tag);
}

void mse_cborw_simple(struct mse_build *b, uint8_t v)
{
    MSE_ASSERT(v < INFO_1BYTE || v >= 32);
    wr_head(b, MSE_CBOR_SIMPLE, v);
}
