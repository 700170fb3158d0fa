/* SPDX-License-Identifier: Apache-2.0 */
/* The CBOR reader and writer: the examples of RFC 8949, every refusal, and a comparison with
 * libcbor over documents that are generated and then damaged. */
#include <cbor.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/cbor.h"
#include "base/util.h"
#include "lib/testlib.h"

#define MAX_DOC 4096

struct doc {
    uint8_t data[MAX_DOC];
    size_t len;
};

static struct mse_bytes unhex(struct doc *d, const char *hex)
{
    struct mse_bytes text = mse_bytes_str(hex);
    d->len = text.len / 2;
    assert_true(d->len <= sizeof d->data && mse_hex_decode(d->data, d->len, text));
    return mse_bytes_of(d->data, d->len);
}

static void check_both(const char *hex, bool strict, bool lenient)
{
    struct doc d;
    struct mse_bytes doc = unhex(&d, hex);
    if (mse_cbor_check(doc, MSE_CBOR_STRICT) != strict ||
        mse_cbor_check(doc, MSE_CBOR_LENIENT) != lenient) {
        fail_msg("%s: strict and lenient should be %d %d", hex, strict, lenient);
    }
}

static void takes_deterministic_documents(void **state)
{
    (void)state;
    static const char *const good[] = {
        "00",
        "17",
        "1818",
        "18ff",
        "190100",
        "19ffff",
        "1a00010000",
        "1b0000000100000000",
        "1bffffffffffffffff",
        "20",
        "3863",
        "3bffffffffffffffff",
        "40",
        "4401020304",
        "60",
        "6449455446",
        "62c3bc",
        "63e6b0b4",
        "64f0908591",
        "80",
        "83010203",
        "8301820203820405",
        "a0",
        "a201020304",
        "a26161016162820203",
        "f4",
        "f5",
        "f6",
        "f7",
        "f0",
        "f8ff",
        "c11a514b67b0",
        "d9ea60824101420203",
        "a3010002006161f5", /* integers before texts */
        "a2616200626161f5", /* the shorter text first */
        "8181818181818100", /* eight levels */
        "d818456449455446",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(good); i++) {
        check_both(good[i], true, true);
    }
}

static void lenient_takes_what_strict_refuses(void **state)
{
    (void)state;
    static const char *const loose[] = {
        "1800", /* a longer head than needed, of each length and type */
        "190017",
        "1a0000ffff",
        "1b00000000ffffffff",
        "3800",
        "580161",
        "780161",
        "980100",
        "b8010000",
        "d80100",
        "a203040102", /* keys in another order */
        "a262616100616200",
        "f90000", /* half, single, double */
        "fa47c35000",
        "fb3ff199999999999a",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(loose); i++) {
        check_both(loose[i], false, true);
    }
}

static void both_refuse(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "0000", /* something behind */
        "18",   /* cut head */
        "1901",
        "1a010203",
        "1b01020304050607",
        "1c",
        "1d",
        "1e",
        "1f", /* reserved information, and no length */
        "3f",
        "5c",
        "7d",
        "9e",
        "bc",
        "dd",
        "df",
        "fc",
        "fd",
        "fe",
        "ff",
        "41", /* cut string */
        "6261",
        "5bffffffffffffffff00", /* longer than memory */
        "7bffffffffffffffff00",
        "9bffffffffffffffff00",
        "bbffffffffffffffff00",
        "8200", /* cut array */
        "a100", /* cut map */
        "a1",
        "c1",                 /* a tag and nothing */
        "5f42010243030405ff", /* indefinite lengths */
        "7f657374726561646d696e67ff",
        "9f018202039f0405ffff",
        "bf61610161629f0203ffff",
        "9fff",
        "61ff",   /* not UTF-8 */
        "62c080", /* overlong */
        "63e08080",
        "64f0808080",
        "63eda080",   /* surrogate */
        "64f4908080", /* beyond U+10FFFF */
        "64f5808080",
        "6180",
        "61c3",
        "62c328",
        "f800", /* simple values that fit in one byte */
        "f814",
        "f818",
        "f81f",
        "f8",
        "a201000100", /* duplicate keys */
        "a26161006161f5",
        "a3616100616200616100",
        "a20100180100", /* the same key, once with a longer head */
        "a261610078016100",
        "818181818181818100", /* nine levels */
        "c1c1c1c1c1c1c1c100",
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        check_both(bad[i], false, false);
    }
    /* keys that lenient does not compare */
    check_both("a18000", true, false);
    check_both("a1a000", true, false);
    check_both("a1c10000", true, false);
    check_both("a1f9000000", false, false);
}

static void lenient_maps_have_a_maximum(void **state)
{
    (void)state;
    for (size_t pairs = MSE_CBOR_MAX_LENIENT_PAIRS; pairs <= MSE_CBOR_MAX_LENIENT_PAIRS + 1;
         pairs++) {
        uint8_t buf[1024];
        struct mse_build b;
        mse_build_fixed(&b, buf, sizeof buf);
        mse_cborw_map(&b, pairs);
        for (size_t i = 0; i < pairs; i++) {
            mse_cborw_uint(&b, i);
            mse_cborw_simple(&b, MSE_CBOR_NULL);
        }
        assert_true(mse_build_ok(&b));
        assert_true(mse_cbor_check(mse_build_view(&b), MSE_CBOR_STRICT));
        assert_true(mse_cbor_check(mse_build_view(&b), MSE_CBOR_LENIENT) ==
                    (pairs == MSE_CBOR_MAX_LENIENT_PAIRS));
    }
}

static void write_sample(struct mse_build *b)
{
    mse_cborw_tag(b, 60000);
    mse_cborw_array(b, 8);
    mse_cborw_uint(b, UINT64_MAX);
    mse_cborw_nint(b, 499);
    mse_cborw_bytes(b, mse_bytes_str("bytes"));
    mse_cborw_text(b, "text");
    mse_cborw_map(b, 1);
    mse_cborw_uint(b, 65536);
    mse_cborw_uint(b, 256);
    mse_cborw_simple(b, MSE_CBOR_TRUE);
    mse_cborw_simple(b, 255);
    mse_cborw_array(b, 0);
}

static void pulls_what_was_written(void **state)
{
    (void)state;
    uint8_t buf[128];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    write_sample(&b);
    assert_true(mse_cbor_check(mse_build_view(&b), MSE_CBOR_STRICT));

    struct mse_cbor r = mse_cbor_of(mse_build_view(&b), MSE_CBOR_STRICT);
    uint64_t v = 0;
    size_t num = 0;
    uint8_t s = 0;
    struct mse_bytes str;
    assert_true(mse_cbor_tag(&r, &v) && v == 60000);
    assert_true(mse_cbor_array(&r, &num) && num == 8);
    assert_true(mse_cbor_uint(&r, &v) && v == UINT64_MAX);
    assert_true(mse_cbor_nint(&r, &v) && v == 499);
    assert_true(mse_cbor_bytes(&r, &str));
    assert_bytes(str, mse_bytes_str("bytes"));
    assert_true(mse_cbor_text(&r, &str));
    assert_bytes(str, mse_bytes_str("text"));
    struct mse_cbor at_map = r;
    assert_true(mse_cbor_map(&r, &num) && num == 1);
    assert_true(mse_cbor_uint(&r, &v) && v == 65536);
    assert_true(mse_cbor_uint(&r, &v) && v == 256);
    assert_true(mse_cbor_item(&at_map, &str));
    assert_int_equal(at_map.in.len, r.in.len);
    assert_true(mse_cbor_simple(&r, &s) && s == MSE_CBOR_TRUE);
    assert_true(mse_cbor_simple(&r, &s) && s == 255);
    assert_true(mse_cbor_is(&r, MSE_CBOR_ARRAY) && !mse_cbor_is(&r, MSE_CBOR_MAP));
    assert_true(mse_cbor_array(&r, &num) && num == 0);
    assert_int_equal(r.in.len, 0);
    assert_false(mse_cbor_is(&r, MSE_CBOR_UINT));
}

static void takes_nothing_of_another_type(void **state)
{
    (void)state;
    /* one document of each major type; the getter of the same index must take it and no other */
    static const char *const docs[] = { "01", "20", "4161", "6161", "80", "a0", "c100", "f4" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(docs); i++) {
        struct doc d;
        struct mse_bytes doc = unhex(&d, docs[i]);
        for (size_t j = 0; j < MSE_ARRAY_LEN(docs); j++) {
            struct mse_cbor r = mse_cbor_of(doc, MSE_CBOR_STRICT);
            uint64_t v = 77;
            size_t num = 77;
            uint8_t s = 77;
            struct mse_bytes str = { NULL, 77 };
            bool taken[] = {
                j == 0 && mse_cbor_uint(&r, &v),    j == 1 && mse_cbor_nint(&r, &v),
                j == 2 && mse_cbor_bytes(&r, &str), j == 3 && mse_cbor_text(&r, &str),
                j == 4 && mse_cbor_array(&r, &num), j == 5 && mse_cbor_map(&r, &num),
                j == 6 && mse_cbor_tag(&r, &v),     j == 7 && mse_cbor_simple(&r, &s)
            };
            assert_int_equal(taken[j], i == j);
            if (i != j) {
                assert_int_equal(r.in.len, doc.len);
                assert_true(v == 77 && num == 77 && s == 77 && str.len == 77);
            }
        }
    }
}

static void counts_are_bounded_by_what_is_left(void **state)
{
    (void)state;
    struct doc d;
    size_t num = 0;
    struct mse_cbor r = mse_cbor_of(unhex(&d, "9a7fffffff0000"), MSE_CBOR_STRICT);
    assert_false(mse_cbor_array(&r, &num));
    r = mse_cbor_of(unhex(&d, "a2000000"), MSE_CBOR_STRICT);
    assert_false(mse_cbor_map(&r, &num));
    assert_int_equal(r.in.len, 4);
}

static void truncation_and_an_appended_byte_are_refused(void **state)
{
    (void)state;
    uint8_t buf[128];
    struct mse_build b;
    mse_build_fixed(&b, buf, sizeof buf);
    write_sample(&b);
    size_t len = b.len;
    mse_wr_u8(&b, 0);
    for (size_t i = 0; i <= len + 1; i++) {
        assert_true(mse_cbor_check(mse_bytes_of(buf, i), MSE_CBOR_STRICT) == (i == len));
        assert_true(mse_cbor_check(mse_bytes_of(buf, i), MSE_CBOR_LENIENT) == (i == len));
    }
}

/* ---- comparison with libcbor ---- */

static uint32_t rng(uint32_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 17;
    *s ^= *s << 5;
    return *s;
}

static void generate(struct mse_build *b, uint32_t *s, unsigned depth)
{
    static const char *const texts[] = { "", "a", "nonce", "\xc3\xbc", "\xe6\xb0\xb4" };
    uint32_t kind = rng(s) % (depth == 0 ? 5 : 8);
    uint32_t num = rng(s) % 4;
    switch (kind) {
    case 0:
        mse_cborw_uint(b, rng(s) >> (rng(s) % 32));
        return;
    case 1:
        mse_cborw_nint(b, (uint64_t)rng(s) << (rng(s) % 32));
        return;
    case 2:
        mse_cborw_bytes(b, mse_bytes_of("abcdefgh", rng(s) % 9));
        return;
    case 3:
        mse_cborw_text(b, texts[rng(s) % MSE_ARRAY_LEN(texts)]);
        return;
    case 4:
        mse_cborw_simple(b, (uint8_t)(MSE_CBOR_FALSE + rng(s) % 4));
        return;
    case 5:
        mse_cborw_array(b, num);
        break;
    case 6:
        mse_cborw_map(b, num);
        num *= 2;
        break;
    default:
        mse_cborw_tag(b, rng(s) % 300);
        num = 1;
        break;
    }
    for (; num > 0; num--) {
        generate(b, s, depth - 1);
    }
}

static struct mse_bytes encode(const cbor_item_t *item)
{
    unsigned char *buf = NULL;
    size_t size = 0;
    size_t len = cbor_serialize_alloc(item, &buf, &size);
    assert_true(len > 0);
    return mse_bytes_of(buf, len);
}

static bool key_order_is(const cbor_item_t *a, const cbor_item_t *b, bool strict)
{
    struct mse_bytes x = encode(a);
    struct mse_bytes y = encode(b);
    size_t common = x.len < y.len ? x.len : y.len;
    int cmp = memcmp(x.data, y.data, common);
    bool before = cmp != 0 ? cmp < 0 : x.len < y.len;
    bool equal = x.len == y.len && cmp == 0;
    free((void *)(uintptr_t)x.data);
    free((void *)(uintptr_t)y.data);
    return strict ? before : !equal;
}

static uint64_t int_floor(cbor_int_width w)
{
    static const uint64_t floors[] = { 0, 0x100, 0x10000, 0x100000000 };
    return floors[w];
}

static bool oracle(const cbor_item_t *item, bool strict, unsigned depth);

static bool oracle_map(const cbor_item_t *item, bool strict, unsigned depth)
{
    size_t num = cbor_map_size(item);
    struct cbor_pair *p = cbor_map_handle(item);
    for (size_t i = 0; i < num; i++) {
        if (!oracle(p[i].key, strict, depth) || !oracle(p[i].value, strict, depth)) {
            return false;
        }
        cbor_type t = cbor_typeof(p[i].key);
        bool scalar = t <= CBOR_TYPE_STRING ||
                      (t == CBOR_TYPE_FLOAT_CTRL && cbor_float_get_width(p[i].key) == CBOR_FLOAT_0);
        if (!strict && !scalar) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (!key_order_is(p[j].key, p[i].key, strict)) {
                return false;
            }
        }
    }
    return cbor_map_is_definite(item) && (strict || num <= MSE_CBOR_MAX_LENIENT_PAIRS);
}

/* What our reader should say, from libcbor's tree. The widths of heads other than those of integers
 * are not kept there; strict is therefore judged by encoding again as well. */
static bool oracle(const cbor_item_t *item, bool strict, unsigned depth)
{
    if (depth == 0) {
        return false;
    }
    switch (cbor_typeof(item)) {
    case CBOR_TYPE_UINT:
    case CBOR_TYPE_NEGINT:
        return !strict || cbor_get_int(item) >= int_floor(cbor_int_get_width(item));
    case CBOR_TYPE_BYTESTRING:
        return cbor_bytestring_is_definite(item);
    case CBOR_TYPE_STRING:
        return cbor_string_is_definite(item) &&
               (cbor_string_length(item) == 0 || cbor_string_codepoint_count(item) > 0);
    case CBOR_TYPE_ARRAY:
        for (size_t i = 0; i < cbor_array_size(item); i++) {
            if (!oracle(cbor_array_handle(item)[i], strict, depth - 1)) {
                return false;
            }
        }
        return cbor_array_is_definite(item);
    case CBOR_TYPE_MAP:
        return oracle_map(item, strict, depth - 1);
    case CBOR_TYPE_TAG: {
        cbor_item_t *inner = cbor_tag_item(item);
        bool ok = oracle(inner, strict, depth - 1);
        cbor_decref(&inner);
        return ok;
    }
    case CBOR_TYPE_FLOAT_CTRL:
        return !strict || cbor_float_get_width(item) == CBOR_FLOAT_0;
    }
    return false;
}

/* libcbor 0.8 knows no simple values but false, true, null and undefined, and refuses the tags 6 to
 * 20. */
static bool is_beyond_libcbor(struct mse_cbor *r)
{
    size_t num = 0;
    uint64_t tag = 0;
    uint8_t s = 0;
    struct mse_bytes item;
    if (mse_cbor_simple(r, &s)) {
        return s < MSE_CBOR_FALSE || s > MSE_CBOR_NULL + 1;
    }
    if (mse_cbor_map(r, &num)) {
        num *= 2;
    } else if (mse_cbor_tag(r, &tag)) {
        num = 1;
    } else if (!mse_cbor_array(r, &num)) {
        assert_true(mse_cbor_item(r, &item));
        return false;
    }
    bool odd = tag >= 6 && tag <= 20;
    for (; num > 0; num--) {
        odd |= is_beyond_libcbor(r);
    }
    return odd;
}

static void note_size(void *largest, size_t size)
{
    size_t *l = largest;
    *l = size > *l ? size : *l;
}

/* libcbor allocates what a head promises before it looks at what is there. */
static bool promises_too_much(struct mse_bytes doc)
{
    size_t largest = 0;
    struct cbor_callbacks callbacks = cbor_empty_callbacks;
    callbacks.array_start = note_size;
    callbacks.map_start = note_size;
    struct cbor_decoder_result res = { .status = CBOR_DECODER_FINISHED, .read = 0 };
    for (size_t at = 0; at < doc.len && res.status == CBOR_DECODER_FINISHED; at += res.read) {
        res = cbor_stream_decode(doc.data + at, doc.len - at, &callbacks, &largest);
    }
    return largest > doc.len;
}

static void compare(struct mse_bytes doc)
{
    bool strict = mse_cbor_check(doc, MSE_CBOR_STRICT);
    bool lenient = mse_cbor_check(doc, MSE_CBOR_LENIENT);
    struct cbor_load_result res;
    cbor_item_t *item = promises_too_much(doc) ? NULL : cbor_load(doc.data, doc.len, &res);
    bool whole = item != NULL && res.error.code == CBOR_ERR_NONE && res.read == doc.len;
    bool want_lenient = whole && oracle(item, false, MSE_CBOR_MAX_DEPTH);
    bool want_strict = whole && oracle(item, true, MSE_CBOR_MAX_DEPTH);
    if (want_strict) {
        struct mse_bytes again = encode(item);
        want_strict = mse_bytes_equal(again, doc);
        free((void *)(uintptr_t)again.data);
    }
    if (item != NULL) {
        cbor_decref(&item);
    }
    struct mse_cbor r = mse_cbor_of(doc, lenient ? MSE_CBOR_LENIENT : MSE_CBOR_STRICT);
    if ((strict || lenient) && is_beyond_libcbor(&r)) {
        return;
    }
    if (strict != want_strict || lenient != want_lenient) {
        char hex[2 * MAX_DOC + 1];
        mse_hex_encode(hex, doc);
        fail_msg("%s: strict %d, libcbor %d; lenient %d, libcbor %d", hex, strict, want_strict,
                 lenient, want_lenient);
    }
}

static void agrees_with_libcbor(void **state)
{
    (void)state;
    uint32_t s = 20261122;
    for (int i = 0; i < 20000; i++) {
        uint8_t buf[MAX_DOC];
        struct mse_build b;
        mse_build_fixed(&b, buf, sizeof buf);
        generate(&b, &s, 1 + rng(&s) % 7);
        if (!mse_build_ok(&b)) {
            continue;
        }
        compare(mse_build_view(&b));
        for (int k = 0; k < 4; k++) {
            buf[rng(&s) % b.len] = (uint8_t)rng(&s);
            compare(mse_build_view(&b));
        }
    }
}

static const struct {
    const char *hex;
    bool taken;
} indefinite[] = {
    { "80", true },
    { "9fff", true },
    { "bfff", true },
    { "9f01820203ff", true },
    { "bf61610100f6ff", true }, /* keys of several types in any order */
    { "bf8001ff", false },      /* but no arrays */
    { "bf61619f01ff6162bf0102ffff", true },
    { "c09fff", true },                       /* in a tag */
    { "9f1801f6fb3ff0000000000000ff", true }, /* long heads, null, a floating-point number */
    { "9f9f9f9f9f9f9fffffffffffffff", true },
    { "9f9f9f9f9f9f9f9f9fffffffffffffffff", false }, /* too deep */
    { "9f", false },                                 /* no break */
    { "bf", false },
    { "9f01", false },
    { "9f9fff", false },
    { "bf01ff", false },         /* a key alone */
    { "bf01000100ff", false },   /* a key twice */
    { "bf0100180100ff", false }, /* the same key with a longer head */
    { "ff", false },             /* a break alone */
    { "81ff", false },           /* in the place of an item of a definite length */
    { "a101ff", false },
    { "c0ff", false },
    { "9fffff", false }, /* one behind */
    { "9fff00", false },
    { "5f4101ff", false }, /* strings in pieces */
    { "7f6161ff", false },
    { "9f5f4101ffff", false },
    { "1f", false }, /* of what has no length */
    { "3f", false },
    { "df00", false },
    { "9f61ffff", false }, /* text that is no UTF-8 */
};

static void indefinite_lengths_where_they_are_allowed(void **state)
{
    (void)state;
    struct doc d;
    for (size_t i = 0; i < MSE_ARRAY_LEN(indefinite); i++) {
        struct mse_bytes doc = unhex(&d, indefinite[i].hex);
        if (mse_cbor_check(doc, MSE_CBOR_INDEFINITE) != indefinite[i].taken) {
            fail_msg("%s: should be %d", indefinite[i].hex, indefinite[i].taken);
        }
        bool definite =
            memchr(doc.data, 0x9f, doc.len) == NULL && memchr(doc.data, 0xbf, doc.len) == NULL;
        if (mse_cbor_check(doc, MSE_CBOR_LENIENT) != (indefinite[i].taken && definite)) {
            fail_msg("%s, lenient: should be %d", indefinite[i].hex,
                     indefinite[i].taken && definite);
        }
        for (size_t cut = 0; cut < doc.len; cut++) {
            assert_false(indefinite[i].taken &&
                         mse_cbor_check(mse_bytes_of(doc.data, cut), MSE_CBOR_INDEFINITE));
        }
    }
}

/* The most entries of a map, and one more. */
static void an_indefinite_map_is_bounded(void **state)
{
    (void)state;
    for (size_t num = MSE_CBOR_MAX_LENIENT_PAIRS; num <= MSE_CBOR_MAX_LENIENT_PAIRS + 1; num++) {
        struct mse_build b;
        mse_build_heap(&b, MAX_DOC);
        mse_wr_u8(&b, 0xbf);
        for (size_t i = 0; i < num; i++) {
            mse_cborw_uint(&b, i);
            mse_cborw_simple(&b, MSE_CBOR_NULL);
        }
        mse_wr_u8(&b, 0xff);
        assert_true(mse_build_ok(&b));
        assert_true(mse_cbor_check(mse_build_view(&b), MSE_CBOR_INDEFINITE) ==
                    (num <= MSE_CBOR_MAX_LENIENT_PAIRS));
        mse_build_clear(&b);
    }
}

/* Sum of the unsigned entries; UINT64_MAX if one of them cannot be read. */
static uint64_t sum_of(struct mse_cbor *r, enum mse_cbor_major major)
{
    struct mse_cbor_entries e;
    uint64_t sum = 0;
    assert_true(mse_cbor_entries(r, major, &e));
    while (mse_cbor_next(r, &e)) {
        for (unsigned i = 0; i < (major == MSE_CBOR_MAP ? 2U : 1U); i++) {
            uint64_t v = 0;
            if (!mse_cbor_uint(r, &v)) {
                return UINT64_MAX;
            }
            sum += v;
        }
    }
    return sum;
}

static void entries_are_walked_alike(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum mse_cbor_major major;
        uint64_t sum;
    } rows[] = {
        { "8301020300", MSE_CBOR_ARRAY, 6 },      { "9f010203ff00", MSE_CBOR_ARRAY, 6 },
        { "a20102030400", MSE_CBOR_MAP, 10 },     { "bf01020304ff00", MSE_CBOR_MAP, 10 },
        { "9f0102", MSE_CBOR_ARRAY, UINT64_MAX }, { "bf0102ff00", MSE_CBOR_MAP, 3 },
        { "bf01ff", MSE_CBOR_MAP, UINT64_MAX },
    };
    struct doc d;
    struct mse_cbor_entries e;
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        struct mse_cbor r = mse_cbor_of(unhex(&d, rows[i].hex), MSE_CBOR_INDEFINITE);
        assert_true(sum_of(&r, rows[i].major) == rows[i].sum);
        assert_true(rows[i].sum == UINT64_MAX || (r.in.len == 1 && r.in.data[0] == 0));
    }
    struct mse_cbor r = mse_cbor_of(unhex(&d, "9fff"), MSE_CBOR_INDEFINITE);
    assert_false(mse_cbor_entries(&r, MSE_CBOR_MAP, &e)); /* of the other type: nothing is taken */
    assert_int_equal(r.in.len, 2);
    size_t num = 0;
    assert_false(mse_cbor_array(&r, &num)); /* nor by what wants a number */
    r.mode = MSE_CBOR_LENIENT;
    assert_false(mse_cbor_entries(&r, MSE_CBOR_ARRAY, &e));
    assert_int_equal(r.in.len, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indefinite_lengths_where_they_are_allowed),
        cmocka_unit_test(an_indefinite_map_is_bounded),
        cmocka_unit_test(entries_are_walked_alike),
        cmocka_unit_test(takes_deterministic_documents),
        cmocka_unit_test(lenient_takes_what_strict_refuses),
        cmocka_unit_test(both_refuse),
        cmocka_unit_test(lenient_maps_have_a_maximum),
        cmocka_unit_test(pulls_what_was_written),
        cmocka_unit_test(takes_nothing_of_another_type),
        cmocka_unit_test(counts_are_bounded_by_what_is_left),
        cmocka_unit_test(truncation_and_an_appended_byte_are_refused),
        cmocka_unit_test(agrees_with_libcbor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
