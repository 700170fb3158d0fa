/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader. Failure is sticky; after it nothing more is taken. */
#include "base/json.h"

#include <string.h>

#include "base/bytes.h"
#include "base/util.h"

void mse_json_init(struct mse_json *j, struct mse_bytes text)
{
    struct mse_json init = { .rest = text, .total = text.len };
    *j = init;
}

bool mse_json_fail(struct mse_json *j)
{
    j->failed = true;
    return false;
}

size_t mse_json_offset(const struct mse_json *j)
{
    return j->total - j->rest.len;
}

/* The next byte without taking it; 0 at the end (0 begins nothing in JSON). */
static uint8_t peek(const struct mse_json *j)
{
    return j->rest.len > 0 ? j->rest.data[0] : 0;
}

static bool take(struct mse_json *j, size_t len)
{
    return mse_rd_skip(&j->rest, len) || mse_json_fail(j);
}

static void skip_space(struct mse_json *j)
{
    uint8_t c = peek(j);
    while (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
        if (!take(j, 1)) {
            return;
        }
        c = peek(j);
    }
}

/* Takes one structural character. */
static bool take_char(struct mse_json *j, char want)
{
    if (j->failed) {
        return false;
    }
    skip_space(j);
    return peek(j) == (uint8_t)want ? take(j, 1) : mse_json_fail(j);
}

bool mse_json_end(struct mse_json *j)
{
    if (j->failed) {
        return false;
    }
    skip_space(j);
    return j->rest.len == 0 && j->depth == 0 ? true : mse_json_fail(j);
}

enum mse_json_type mse_json_peek(struct mse_json *j)
{
    if (j->failed) {
        return MSE_JSON_NONE;
    }
    skip_space(j);
    uint8_t c = peek(j);
    switch (c) {
    case '{':
        return MSE_JSON_OBJECT;
    case '[':
        return MSE_JSON_ARRAY;
    case '"':
        return MSE_JSON_STRING;
    case 't':
    case 'f':
        return MSE_JSON_BOOL;
    case 'n':
        return MSE_JSON_NULL;
    default:
        return c == '-' || (c >= '0' && c <= '9') ? MSE_JSON_NUMBER : MSE_JSON_NONE;
    }
}

static bool open_nested(struct mse_json *j, char bracket)
{
    if (j->depth >= MSE_JSON_MAX_DEPTH) {
        return mse_json_fail(j);
    }
    if (!take_char(j, bracket)) {
        return false;
    }
    j->depth++;
    return true;
}

/* Before an element: takes the comma if it is not the first, or the closing bracket. True if an
 * element follows. */
static bool next_element(struct mse_json *j, size_t num, char close)
{
    if (j->failed) {
        return false;
    }
    skip_space(j);
    if (peek(j) == (uint8_t)close) {
        (void)take(j, 1);
        j->depth--;
        return false;
    }
    return num == 0 || take_char(j, ',');
}

void mse_json_object_begin(struct mse_json *j, struct mse_json_object *o)
{
    o->num = 0;
    o->marks = 0;
    (void)open_nested(j, '{');
}

bool mse_json_object_has(const struct mse_json_object *o, const char *key)
{
    for (size_t i = 0; i < o->num; i++) {
        if (mse_bytes_is_str(o->keys[i], key)) {
            return true;
        }
    }
    return false;
}

/* The same for the same key: of its last characters, where lists of keys count. */
static uint64_t mark_of(struct mse_bytes key)
{
    unsigned sum = 0;
    for (size_t i = key.len > 8 ? key.len - 8 : 0; i < key.len; i++) {
        sum = sum * 31 + key.data[i];
    }
    return (uint64_t)1 << (sum % 64);
}

static bool is_duplicate(const struct mse_json_object *o, uint64_t mark, struct mse_bytes key)
{
    if ((o->marks & mark) == 0) {
        return false;
    }
    for (size_t i = 0; i < o->num; i++) {
        if (mse_bytes_equal(o->keys[i], key)) {
            return true;
        }
    }
    return false;
}

bool mse_json_object_next(struct mse_json *j, struct mse_json_object *o, struct mse_bytes *key)
{
    struct mse_bytes name = { 0 };
    if (!next_element(j, o->num, '}') || !mse_json_plain(j, &name) || !take_char(j, ':')) {
        return false;
    }
    uint64_t mark = mark_of(name);
    if (o->num >= MSE_JSON_MAX_KEYS || is_duplicate(o, mark, name)) {
        return mse_json_fail(j);
    }
    o->marks |= mark;
    o->keys[o->num++] = name;
    *key = name;
    return true;
}

void mse_json_array_begin(struct mse_json *j, struct mse_json_array *a)
{
    a->num = 0;
    (void)open_nested(j, '[');
}

bool mse_json_array_next(struct mse_json *j, struct mse_json_array *a)
{
    if (!next_element(j, a->num, ']')) {
        return false;
    }
    a->num++;
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes four hexadecimal digits. */
static bool take_hex4(struct mse_bytes *in, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = 0;
        if (!mse_rd_u8(in, &c) || hex_digit(c) < 0) {
            return false;
        }
        v = v * 16 + (uint32_t)hex_digit(c);
    }
    *out = v;
    return true;
}

/* Takes what follows "\u": one code point, a surrogate only as a proper pair. */
static bool take_unicode(struct mse_bytes *in, uint32_t *out)
{
    uint32_t hi = 0;
    if (!take_hex4(in, &hi) || (hi >= 0xdc00 && hi <= 0xdfff)) {
        return false;
    }
    if (hi < 0xd800 || hi > 0xdbff) {
        *out = hi;
        return true;
    }
    uint8_t backslash = 0;
    uint8_t u = 0;
    uint32_t lo = 0;
    if (!mse_rd_u8(in, &backslash) || !mse_rd_u8(in, &u) || backslash != '\\' || u != 'u' ||
        !take_hex4(in, &lo) || lo < 0xdc00 || lo > 0xdfff) {
        return false;
    }
    *out = 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00);
    return true;
}

/* Takes what follows a backslash. */
static bool take_escape(struct mse_bytes *in, uint32_t *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    uint8_t c = 0;
    if (!mse_rd_u8(in, &c)) {
        return false;
    }
    if (c == 'u') {
        return take_unicode(in, out);
    }
    for (size_t i = 0; from[i] != '\0'; i++) {
        if (c == (uint8_t)from[i]) {
            *out = (uint8_t)to[i];
            return true;
        }
    }
    return false;
}

/* Takes the next byte if it is a or b. */
static bool take_either(struct mse_bytes *in, char a, char b)
{
    bool is = in->len > 0 && (in->data[0] == (uint8_t)a || in->data[0] == (uint8_t)b);
    return is && mse_rd_skip(in, 1);
}

/* Takes the characters up to the closing quote, which it takes too. */
static bool take_chars(struct mse_bytes *in, bool *escaped)
{
    for (;;) {
        uint32_t code = 0;
        if (!mse_rd_skip(in, mse_plain_run(*in))) {
            return false;
        }
        if (take_either(in, '"', '"')) {
            return true;
        }
        if (!mse_rd_utf8(in, &code) || code < 0x20) {
            return false;
        }
        if (code == '\\') {
            *escaped = true;
            if (!take_escape(in, &code)) {
                return false;
            }
        }
    }
}

bool mse_json_string(struct mse_json *j, struct mse_bytes *out, bool *escaped)
{
    bool has_escape = false;
    if (!take_char(j, '"')) {
        return false;
    }
    struct mse_bytes start = j->rest;
    if (!take_chars(&j->rest, &has_escape)) {
        return mse_json_fail(j);
    }
    *out = mse_bytes_of(start.data, start.len - j->rest.len - 1);
    if (escaped != NULL) {
        *escaped = has_escape;
    }
    return true;
}

bool mse_json_plain(struct mse_json *j, struct mse_bytes *out)
{
    bool escaped = false;
    struct mse_bytes s = { 0 };
    if (!mse_json_string(j, &s, &escaped)) {
        return false;
    }
    if (escaped) {
        return mse_json_fail(j);
    }
    *out = s;
    return true;
}

static void write_utf8(struct mse_build *b, uint32_t v)
{
    if (v < 0x80) {
        mse_wr_u8(b, (uint8_t)v);
    } else if (v < 0x800) {
        mse_wr_u8(b, (uint8_t)(0xc0 | (v >> 6)));
        mse_wr_u8(b, (uint8_t)(0x80 | (v & 0x3f)));
    } else if (v < 0x10000) {
        mse_wr_u8(b, (uint8_t)(0xe0 | (v >> 12)));
        mse_wr_u8(b, (uint8_t)(0x80 | ((v >> 6) & 0x3f)));
        mse_wr_u8(b, (uint8_t)(0x80 | (v & 0x3f)));
    } else {
        mse_wr_u8(b, (uint8_t)(0xf0 | (v >> 18)));
        mse_wr_u8(b, (uint8_t)(0x80 | ((v >> 12) & 0x3f)));
        mse_wr_u8(b, (uint8_t)(0x80 | ((v >> 6) & 0x3f)));
        mse_wr_u8(b, (uint8_t)(0x80 | (v & 0x3f)));
    }
}

/* Appends s, which take_chars has checked, with its escapes decoded. */
static void write_decoded(struct mse_build *b, struct mse_bytes s)
{
    while (s.len > 0) {
        struct mse_bytes run = { 0 };
        uint8_t c = 0;
        uint32_t code = 0;
        if (mse_rd_bytes(&s, &run, mse_plain_run(s))) {
            mse_wr_bytes(b, run);
        }
        if (!mse_rd_u8(&s, &c)) {
            return;
        }
        if (c != '\\') {
            mse_wr_u8(b, c);
        } else if (take_escape(&s, &code)) {
            write_utf8(b, code);
        }
    }
}

bool mse_json_text(struct mse_json *j, struct mse_build *b, struct mse_bytes *out)
{
    bool escaped = false;
    struct mse_bytes s = { 0 };
    if (!mse_json_string(j, &s, &escaped)) {
        return false;
    }
    if (!escaped) {
        *out = s;
        return true;
    }
    size_t before = b->len;
    write_decoded(b, s);
    if (!mse_build_ok(b)) {
        return mse_json_fail(j);
    }
    *out = mse_bytes_of(b->data + before, b->len - before);
    return true;
}

bool mse_json_hex(struct mse_json *j, uint8_t *out, size_t len)
{
    struct mse_bytes s = { 0 };
    return mse_json_plain(j, &s) && (mse_hex_decode(out, len, s) || mse_json_fail(j));
}

bool mse_json_time(struct mse_json *j, mse_time *out)
{
    struct mse_bytes s = { 0 };
    return mse_json_plain(j, &s) && (mse_time_parse(out, s) || mse_json_fail(j));
}

static size_t digits_run(struct mse_bytes in)
{
    size_t i = 0;
    while (i < in.len && in.data[i] >= '0' && in.data[i] <= '9') {
        i++;
    }
    return i;
}

/* Takes one or more digits. */
static bool take_digits(struct mse_bytes *in)
{
    size_t n = digits_run(*in);
    return n > 0 && mse_rd_skip(in, n);
}

/* Takes a number in any form that the RFC allows. */
static bool take_number(struct mse_bytes *in)
{
    (void)take_either(in, '-', '-');
    bool zero = take_either(in, '0', '0');
    if (zero ? digits_run(*in) > 0 : !take_digits(in)) {
        return false;
    }
    if (take_either(in, '.', '.') && !take_digits(in)) {
        return false;
    }
    if (take_either(in, 'e', 'E')) {
        (void)take_either(in, '+', '-');
        return take_digits(in);
    }
    return true;
}

bool mse_json_u64(struct mse_json *j, uint64_t *out, uint64_t max)
{
    if (mse_json_peek(j) != MSE_JSON_NUMBER) {
        return mse_json_fail(j);
    }
    struct mse_bytes start = j->rest;
    if (!take_number(&j->rest)) {
        return mse_json_fail(j);
    }
    struct mse_bytes number = mse_bytes_of(start.data, start.len - j->rest.len);
    return mse_u64_parse(out, number, max) || mse_json_fail(j);
}

bool mse_json_u32(struct mse_json *j, uint32_t *out)
{
    uint64_t v = 0;
    if (!mse_json_u64(j, &v, UINT32_MAX)) {
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

bool mse_json_u16(struct mse_json *j, uint16_t *out)
{
    uint64_t v = 0;
    if (!mse_json_u64(j, &v, UINT16_MAX)) {
        return false;
    }
    *out = (uint16_t)v;
    return true;
}

bool mse_json_u8(struct mse_json *j, uint8_t *out)
{
    uint64_t v = 0;
    if (!mse_json_u64(j, &v, UINT8_MAX)) {
        return false;
    }
    *out = (uint8_t)v;
    return true;
}

/* Takes the word if it comes next. */
static bool take_word(struct mse_json *j, const char *word)
{
    struct mse_bytes want = mse_bytes_str(word);
    struct mse_bytes probe = j->rest;
    struct mse_bytes seen = { 0 };
    if (!mse_rd_bytes(&probe, &seen, want.len) || !mse_bytes_equal(seen, want)) {
        return false;
    }
    j->rest = probe;
    return true;
}

bool mse_json_bool(struct mse_json *j, bool *out)
{
    if (mse_json_peek(j) != MSE_JSON_BOOL) {
        return mse_json_fail(j);
    }
    bool is_true = take_word(j, "true");
    if (!is_true && !take_word(j, "false")) {
        return mse_json_fail(j);
    }
    *out = is_true;
    return true;
}

bool mse_json_null(struct mse_json *j)
{
    return (mse_json_peek(j) == MSE_JSON_NULL && take_word(j, "null")) || mse_json_fail(j);
}

static bool skip_scalar(struct mse_json *j, enum mse_json_type type)
{
    struct mse_bytes s = { 0 };
    bool b = false;
    switch (type) {
    case MSE_JSON_STRING:
        return mse_json_string(j, &s, NULL);
    case MSE_JSON_NUMBER:
        return take_number(&j->rest) || mse_json_fail(j);
    case MSE_JSON_BOOL:
        return mse_json_bool(j, &b);
    case MSE_JSON_NULL:
        return mse_json_null(j);
    case MSE_JSON_NONE:
    case MSE_JSON_OBJECT:
    case MSE_JSON_ARRAY:
        break;
    }
    return mse_json_fail(j);
}

/* What is open while a nested value is skipped: one bit a level, set for an object. */
struct nest {
    uint64_t objects;
    unsigned depth;
};
_Static_assert(MSE_JSON_MAX_DEPTH <= 64, "one bit a level");

static bool nest_in_object(const struct nest *n)
{
    return (n->objects & 1) != 0;
}

/* Takes the key and colon of the next member, or nothing in an array. */
static bool skip_key(struct mse_json *j, const struct nest *n)
{
    struct mse_bytes key = { 0 };
    return !nest_in_object(n) || (mse_json_string(j, &key, NULL) && take_char(j, ':'));
}

/* Opens the object or array that comes next and takes its first key. *value tells whether a value
 * follows (it was not empty). */
static bool nest_open(struct mse_json *j, struct nest *n, bool object, bool *value)
{
    if (!open_nested(j, object ? '{' : '[')) {
        return false;
    }
    n->objects = (n->objects << 1) | (object ? 1U : 0U);
    n->depth++;
    *value = next_element(j, 0, object ? '}' : ']');
    return !j->failed && (!*value || skip_key(j, n));
}

/* Behind a value: closes what ends here, takes the comma and the key of the next member. Does
 * nothing more when the outermost one was closed. */
static bool nest_continue(struct mse_json *j, struct nest *n, bool closed)
{
    while (n->depth > 0) {
        if (!closed && next_element(j, 1, nest_in_object(n) ? '}' : ']')) {
            return skip_key(j, n);
        }
        if (j->failed) {
            return false;
        }
        closed = false;
        n->objects >>= 1;
        n->depth--;
    }
    return true;
}

bool mse_json_skip(struct mse_json *j, struct mse_bytes *span)
{
    struct nest n = { 0 };
    enum mse_json_type type = mse_json_peek(j);
    struct mse_bytes start = j->rest;
    do {
        bool nested = type == MSE_JSON_OBJECT || type == MSE_JSON_ARRAY;
        bool value = false;
        if (nested ? !nest_open(j, &n, type == MSE_JSON_OBJECT, &value) : !skip_scalar(j, type)) {
            return mse_json_fail(j);
        }
        if (!value && !nest_continue(j, &n, nested)) {
            return mse_json_fail(j);
        }
        type = n.depth > 0 ? mse_json_peek(j) : MSE_JSON_NONE;
    } while (n.depth > 0);
    if (span != NULL) {
        *span = mse_bytes_of(start.data, start.len - j->rest.len);
    }
    return true;
}
