/* SPDX-License-Identifier: Apache-2.0 */
/* Pull reader over untrusted JSON (RFC 8259): no allocation, no recursion, each byte is read once.
 *
 * A reader takes the next value if it has the wanted type; otherwise it fails, and from then on
 * everything fails: check once, at the end, with mse_json_end. Strict: UTF-8 is checked, white
 * space is what the RFC says, nothing may stand behind the document. Objects that are read refuse
 * duplicate keys; keys with escapes are refused, for they could hide one. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <mse/types.h>

#include "base/build.h"

#define MSE_JSON_MAX_DEPTH 32
#define MSE_JSON_MAX_KEYS  48 /* in one object that is read (not skipped) */

struct mse_json {
    struct mse_bytes rest;
    size_t total; /* length of the document: total - rest.len is the offset of a failure */
    unsigned depth;
    bool failed;
};

enum mse_json_type {
    MSE_JSON_NONE = 0, /* the end, or something that begins no value */
    MSE_JSON_OBJECT,
    MSE_JSON_ARRAY,
    MSE_JSON_STRING,
    MSE_JSON_NUMBER,
    MSE_JSON_BOOL,
    MSE_JSON_NULL,
};

/* An object or array that is being read. */
struct mse_json_object {
    size_t num;
    uint64_t marks; /* one bit of 64 for each key: most are told apart by it */
    struct mse_bytes keys[MSE_JSON_MAX_KEYS];
};
struct mse_json_array {
    size_t num;
};

void mse_json_init(struct mse_json *j, struct mse_bytes text);
/* mse_json_end tells whether the whole document was read without a failure. */
MSE_MUST_USE bool mse_json_end(struct mse_json *j);
/* mse_json_fail makes the reader fail, for values that the caller refuses. Returns false. */
bool mse_json_fail(struct mse_json *j);
/* mse_json_offset is where the reader stands. */
size_t mse_json_offset(const struct mse_json *j);
/* mse_json_peek skips white space and tells the type of the next value by its first byte. */
enum mse_json_type mse_json_peek(struct mse_json *j);

/* Use: for (mse_json_object_begin(j, &o); mse_json_object_next(j, &o, &key);) { read one value }
 * The loop ends at the end of the object and on failure. */
void mse_json_object_begin(struct mse_json *j, struct mse_json_object *o);
MSE_MUST_USE bool mse_json_object_next(struct mse_json *j, struct mse_json_object *o,
                                       struct mse_bytes *key);
/* mse_json_object_has tells, after the loop, whether the object had this key. */
MSE_MUST_USE bool mse_json_object_has(const struct mse_json_object *o, const char *key);
void mse_json_array_begin(struct mse_json *j, struct mse_json_array *a);
MSE_MUST_USE bool mse_json_array_next(struct mse_json *j, struct mse_json_array *a);

/* The characters between the quotes, escapes as they stand; *escaped (may be NULL) tells whether
 * there are any. */
bool mse_json_string(struct mse_json *j, struct mse_bytes *out, bool *escaped);
/* A string without escapes. */
bool mse_json_plain(struct mse_json *j, struct mse_bytes *out);
/* A string with its escapes decoded: appended to b if it has any, else borrowed from the document.
 * *out points to where it lies; b must be a fixed builder or *out dies with the next append. */
bool mse_json_text(struct mse_json *j, struct mse_build *b, struct mse_bytes *out);
/* A string of exactly 2 * len hexadecimal digits of either case. */
bool mse_json_hex(struct mse_json *j, uint8_t *out, size_t len);
/* A date, RFC 3339 in UTC with Z. */
bool mse_json_time(struct mse_json *j, mse_time *out);
/* A non-negative integer without fraction or exponent, at most max. */
bool mse_json_u64(struct mse_json *j, uint64_t *out, uint64_t max);
bool mse_json_u32(struct mse_json *j, uint32_t *out);
bool mse_json_u16(struct mse_json *j, uint16_t *out);
bool mse_json_u8(struct mse_json *j, uint8_t *out);
bool mse_json_bool(struct mse_json *j, bool *out);
bool mse_json_null(struct mse_json *j);
/* Any value, checked and skipped; *span (may be NULL) gets its exact bytes. Duplicate keys in what
 * is skipped are not looked for. */
bool mse_json_skip(struct mse_json *j, struct mse_bytes *span);

#endif
