/* SPDX-License-Identifier: Apache-2.0 */
/* JSON against Jansson: what ours accepts as a document, Jansson accepts too, and the other way
 * round within our limits; reading value by value agrees with skipping. */
#include <jansson.h>

#include "base/bytes.h"
#include "base/json.h"
#include "base/util.h"

static void read_any(struct mse_json *j, unsigned depth);

static void read_object(struct mse_json *j, unsigned depth)
{
    struct mse_json_object o;
    struct mse_bytes key = { 0 };
    mse_json_object_begin(j, &o);
    MSE_ASSERT(j->failed || depth <= MSE_JSON_MAX_DEPTH);
    while (mse_json_object_next(j, &o, &key)) {
        MSE_ASSERT(mse_utf8_valid(key));
        read_any(j, depth + 1);
    }
}

static void read_array(struct mse_json *j, unsigned depth)
{
    struct mse_json_array a;
    mse_json_array_begin(j, &a);
    MSE_ASSERT(j->failed || depth <= MSE_JSON_MAX_DEPTH);
    while (mse_json_array_next(j, &a)) {
        read_any(j, depth + 1);
    }
}

/* Reads whatever comes, in the way that a parser would; recursion ends with the reader's depth. */
static void read_any(struct mse_json *j, unsigned depth)
{
    uint64_t n = 0;
    switch (mse_json_peek(j)) {
    case MSE_JSON_OBJECT:
        read_object(j, depth);
        break;
    case MSE_JSON_ARRAY:
        read_array(j, depth);
        break;
    case MSE_JSON_NUMBER:
        (void)mse_json_u64(j, &n, UINT64_MAX);
        break;
    case MSE_JSON_NONE:
    case MSE_JSON_STRING:
    case MSE_JSON_BOOL:
    case MSE_JSON_NULL:
        (void)mse_json_skip(j, NULL);
        break;
    }
}

static void check_text(struct mse_bytes in)
{
    static uint8_t buf[65536];
    struct mse_json j;
    struct mse_build b;
    struct mse_bytes text = { 0 };
    mse_json_init(&j, in);
    mse_build_fixed(&b, buf, sizeof buf);
    if (!mse_json_text(&j, &b, &text) || !mse_json_end(&j)) {
        return;
    }
    MSE_ASSERT(mse_utf8_valid(text));
    json_t *theirs =
        json_loadb((const char *)in.data, in.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    MSE_ASSERT(json_is_string(theirs));
    MSE_ASSERT(
        mse_bytes_equal(text, mse_bytes_of(json_string_value(theirs), json_string_length(theirs))));
    json_decref(theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mse_bytes in = { data, size };
    struct mse_json j;
    struct mse_bytes span = { 0 };
    mse_json_init(&j, in);
    bool whole = mse_json_skip(&j, &span) && mse_json_end(&j);
    json_error_t e;
    json_t *theirs = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    /* Jansson's own limits: numbers that overflow, and \u0000 in a key, which ours skips in a
     * member that it does not know and never takes for one that it does. */
    MSE_ASSERT(!whole || theirs != NULL || json_error_code(&e) == json_error_numeric_overflow ||
               json_error_code(&e) == json_error_null_byte_in_key);
    /* Ours: depth. And Jansson takes a NUL byte behind the document for its end. */
    bool has_nul = size > 0 && memchr(data, 0, size) != NULL;
    MSE_ASSERT(whole || theirs == NULL || j.depth >= MSE_JSON_MAX_DEPTH || has_nul);
    json_decref(theirs);
    struct mse_json r;
    mse_json_init(&r, in);
    read_any(&r, 1);
    MSE_ASSERT(!mse_json_end(&r) || whole);
    check_text(in);
    return 0;
}
