/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR (RFC 8949), bounded: a reader that borrows and allocates nothing, and a writer.
 *
 * Three modes. Strict is the core deterministic encoding of RFC 8949 4.2.1: shortest heads, keys in
 * bytewise order, no duplicates. Lenient is for what others wrote: heads may be longer than needed
 * and keys in any order, but duplicate keys are still refused. Indefinite is lenient, and arrays
 * and maps may have an indefinite length (never strings, which would have to be put together); the
 * other two take definite lengths only. All take valid UTF-8, at most MSE_CBOR_MAX_DEPTH levels.
 * Floating-point numbers do not occur in our documents: strict refuses them, lenient skips them as
 * values. */
#ifndef BASE_CBOR_H
#define BASE_CBOR_H

#include <mse/types.h>

#include "base/build.h"

#define MSE_CBOR_MAX_DEPTH 8
/* Entries of one map in lenient mode, where looking for duplicates is quadratic. */
#define MSE_CBOR_MAX_LENIENT_PAIRS 128

enum mse_cbor_mode {
    MSE_CBOR_STRICT,
    MSE_CBOR_LENIENT,
    MSE_CBOR_INDEFINITE,
};

/* Major types (RFC 8949 3.1). */
enum mse_cbor_major {
    MSE_CBOR_UINT = 0,
    MSE_CBOR_NINT = 1,
    MSE_CBOR_BYTES = 2,
    MSE_CBOR_TEXT = 3,
    MSE_CBOR_ARRAY = 4,
    MSE_CBOR_MAP = 5,
    MSE_CBOR_TAG = 6,
    MSE_CBOR_SIMPLE = 7,
};

#define MSE_CBOR_FALSE 20
#define MSE_CBOR_TRUE  21
#define MSE_CBOR_NULL  22

/* A position in a document. Like mse_rd_*: each call takes from the front, and returns false with
 * nothing taken and nothing written if what stands there is something else. */
struct mse_cbor {
    struct mse_bytes in;
    enum mse_cbor_mode mode;
};

/* mse_cbor_check tells whether doc is exactly one well-formed item of the mode, down to its deepest
 * part, with nothing behind it. */
MSE_MUST_USE bool mse_cbor_check(struct mse_bytes doc, enum mse_cbor_mode mode);

struct mse_cbor mse_cbor_of(struct mse_bytes doc, enum mse_cbor_mode mode);
/* mse_cbor_is tells whether an item of this major type comes next; nothing is taken. */
MSE_MUST_USE bool mse_cbor_is(const struct mse_cbor *r, enum mse_cbor_major major);
MSE_MUST_USE bool mse_cbor_uint(struct mse_cbor *r, uint64_t *out);
/* The encoded value n of the negative integer -1 - n. */
MSE_MUST_USE bool mse_cbor_nint(struct mse_cbor *r, uint64_t *out);
MSE_MUST_USE bool mse_cbor_bytes(struct mse_cbor *r, struct mse_bytes *out);
MSE_MUST_USE bool mse_cbor_text(struct mse_cbor *r, struct mse_bytes *out);
/* The heads of an array and of a map: the items (or keys and values) follow and are read one by
 * one. The number never exceeds what the bytes that are left could hold. */
MSE_MUST_USE bool mse_cbor_array(struct mse_cbor *r, size_t *out_num);
MSE_MUST_USE bool mse_cbor_map(struct mse_cbor *r, size_t *out_pairs);
/* The same for entries of arrays and maps of either kind of length, in mode MSE_CBOR_INDEFINITE:
 *   if (!mse_cbor_entries(r, MSE_CBOR_MAP, &e)) …   while (mse_cbor_next(r, &e)) { key, value }
 * mse_cbor_next tells whether an entry follows, and takes the break behind the last one; where the
 * bytes end ahead of it, it says that one follows, which then cannot be read. */
struct mse_cbor_entries {
    bool until_break;
    size_t left;
};
MSE_MUST_USE bool mse_cbor_entries(struct mse_cbor *r, enum mse_cbor_major major,
                                   struct mse_cbor_entries *out);
MSE_MUST_USE bool mse_cbor_next(struct mse_cbor *r, struct mse_cbor_entries *e);
/* The number of a tag; the tagged item follows. */
MSE_MUST_USE bool mse_cbor_tag(struct mse_cbor *r, uint64_t *out);
/* A simple value: MSE_CBOR_FALSE, MSE_CBOR_TRUE, MSE_CBOR_NULL or another number. */
MSE_MUST_USE bool mse_cbor_simple(struct mse_cbor *r, uint8_t *out);
/* One whole item of any type, checked to its deepest part. */
MSE_MUST_USE bool mse_cbor_item(struct mse_cbor *r, struct mse_bytes *out);

/* The writer: shortest heads; the keys of a map must be written in order by the caller (bytewise,
 * which for texts of different lengths means shorter first). */
void mse_cborw_uint(struct mse_build *b, uint64_t v);
void mse_cborw_nint(struct mse_build *b, uint64_t n);
void mse_cborw_bytes(struct mse_build *b, struct mse_bytes v);
/* The head alone: the caller puts len bytes behind it. */
void mse_cborw_bytes_head(struct mse_build *b, size_t len);
void mse_cborw_text(struct mse_build *b, const char *v);
void mse_cborw_array(struct mse_build *b, size_t num);
void mse_cborw_map(struct mse_build *b, size_t pairs);
void mse_cborw_tag(struct mse_build *b, uint64_t tag);
void mse_cborw_simple(struct mse_build *b, uint8_t v);

#endif
