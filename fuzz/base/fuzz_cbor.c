/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR: what is accepted is accounted for to the byte, and a deterministic document that is read
 * item by item and written again gives the same bytes. */
#include "base/bytes.h"
#include "base/cbor.h"
#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_OUT ((size_t)1 << 20)

static void copy_item(struct mse_build *out, struct mse_cbor *r);

static void copy_many(struct mse_build *out, struct mse_cbor *r, size_t num)
{
    for (; num > 0; num--) {
        copy_item(out, r);
    }
}

static bool copy_scalar(struct mse_build *out, struct mse_cbor *r)
{
    uint64_t v = 0;
    uint8_t s = 0;
    struct mse_bytes str;
    if (mse_cbor_uint(r, &v)) {
        mse_cborw_uint(out, v);
    } else if (mse_cbor_nint(r, &v)) {
        mse_cborw_nint(out, v);
    } else if (mse_cbor_bytes(r, &str)) {
        mse_cborw_bytes(out, str);
    } else if (mse_cbor_simple(r, &s)) {
        mse_cborw_simple(out, s);
    } else {
        return false;
    }
    return true;
}

static void copy_item(struct mse_build *out, struct mse_cbor *r)
{
    size_t num = 0;
    uint64_t tag = 0;
    struct mse_bytes text;
    if (copy_scalar(out, r)) {
        return;
    }
    if (mse_cbor_array(r, &num)) {
        mse_cborw_array(out, num);
        copy_many(out, r, num);
    } else if (mse_cbor_map(r, &num)) {
        mse_cborw_map(out, num);
        copy_many(out, r, 2 * num);
    } else if (mse_cbor_tag(r, &tag)) {
        mse_cborw_tag(out, tag);
        copy_many(out, r, 1);
    } else {
        MSE_ASSERT(mse_cbor_item(r, &text)); /* a text: copied as it is */
        mse_wr_bytes(out, text);
    }
}

static size_t count_entries(const struct mse_cbor *r, enum mse_cbor_major major)
{
    struct mse_cbor copy = *r;
    struct mse_cbor_entries e;
    struct mse_bytes item;
    size_t num = 0;
    for (bool more = mse_cbor_entries(&copy, major, &e); more && mse_cbor_next(&copy, &e); num++) {
        MSE_ASSERT(mse_cbor_item(&copy, &item));
        MSE_ASSERT(major == MSE_CBOR_ARRAY || mse_cbor_item(&copy, &item));
    }
    return num;
}

/* The same with definite lengths. */
static void settle(struct mse_build *out, struct mse_cbor *r)
{
    struct mse_cbor_entries e;
    struct mse_bytes item;
    uint64_t tag = 0;
    size_t num = count_entries(r, mse_cbor_is(r, MSE_CBOR_MAP) ? MSE_CBOR_MAP : MSE_CBOR_ARRAY);
    if (mse_cbor_entries(r, MSE_CBOR_ARRAY, &e)) {
        mse_cborw_array(out, num);
        while (mse_cbor_next(r, &e)) {
            settle(out, r);
        }
    } else if (mse_cbor_entries(r, MSE_CBOR_MAP, &e)) {
        mse_cborw_map(out, num);
        while (mse_cbor_next(r, &e)) {
            settle(out, r);
            settle(out, r);
        }
    } else if (mse_cbor_tag(r, &tag)) {
        mse_cborw_tag(out, tag);
        settle(out, r);
    } else {
        MSE_ASSERT(mse_cbor_item(r, &item));
        mse_wr_bytes(out, item);
    }
}

/* Indefinite lengths are a way to write: with definite ones the lenient reader takes the document
 * too, and what that one takes, this one takes. */
static void check_indefinite(struct mse_bytes doc, bool lenient)
{
    bool taken = mse_cbor_check(doc, MSE_CBOR_INDEFINITE);
    MSE_ASSERT(taken || !lenient);
    if (!taken) {
        return;
    }
    struct mse_build out;
    mse_build_heap(&out, MAX_OUT);
    struct mse_cbor r = mse_cbor_of(doc, MSE_CBOR_INDEFINITE);
    settle(&out, &r);
    MSE_ASSERT(r.in.len == 0 && mse_build_ok(&out));
    MSE_ASSERT(mse_cbor_check(mse_build_view(&out), MSE_CBOR_LENIENT));
    MSE_ASSERT(!mse_cbor_check(mse_bytes_of(doc.data, doc.len - 1), MSE_CBOR_INDEFINITE));
    mse_build_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes doc = mse_bytes_of(data, size);
    bool lenient = mse_cbor_check(doc, MSE_CBOR_LENIENT);
    struct mse_cbor r = mse_cbor_of(doc, MSE_CBOR_LENIENT);
    struct mse_bytes item;
    check_indefinite(doc, lenient);
    if (lenient) {
        MSE_ASSERT(mse_cbor_item(&r, &item) && r.in.len == 0 && item.len == size);
    }
    if (mse_cbor_check(doc, MSE_CBOR_STRICT)) {
        struct mse_build out;
        mse_build_heap(&out, MAX_OUT);
        r = mse_cbor_of(doc, MSE_CBOR_STRICT);
        copy_item(&out, &r);
        MSE_ASSERT(r.in.len == 0 && mse_build_ok(&out));
        MSE_ASSERT(mse_bytes_equal(mse_build_view(&out), doc));
        mse_build_clear(&out);
    }
    return 0;
}
