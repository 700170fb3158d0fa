/* SPDX-License-Identifier: Apache-2.0 */
/* See gramine_manifest.h. spec: TOML 1.0.0; Gramine 1.9, "Manifest syntax". */
#include "measure/gramine_manifest.h"

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define STEP      "Gramine manifest"
#define MAX_PARTS 16U
#define MAX_DEPTH 16U
#define END       (-1)

/* A dotted key or the name of a table; parts borrow from the manifest, without quotes. */
struct path {
    size_t num;
    struct mse_bytes parts[MAX_PARTS];
};

enum kind {
    KIND_STRING, /* of one line and without escapes: text is what it says */
    KIND_SCALAR, /* text as written */
    KIND_OTHER,
};

struct value {
    enum kind kind;
    struct mse_bytes text;
};

struct reader {
    struct mse_bytes in; /* what is left */
    const char *wrong;   /* what was refused; static */
    bool in_sgx;         /* the current table is [sgx] */
    bool in_root;
    bool seen_dotted; /* sgx.… at the root */
    bool seen_table;  /* [sgx] */
    bool has_size;
    bool has_threads;
    bool has_edmm;
    struct mse_gramine_params p;
};

/* Records the first thing that was wrong. */
static bool refuse(struct reader *r, const char *what)
{
    if (r->wrong == NULL) {
        r->wrong = what;
    }
    return false;
}

static int peek_at(const struct reader *r, size_t ahead)
{
    struct mse_bytes probe = r->in;
    uint8_t c = 0;
    return mse_rd_skip(&probe, ahead) && mse_rd_u8(&probe, &c) ? c : END;
}

static int peek(const struct reader *r)
{
    return peek_at(r, 0);
}

static bool skip(struct reader *r, size_t len)
{
    return mse_rd_skip(&r->in, len) || refuse(r, "the document ends early");
}

static bool take_char(struct reader *r, int c, const char *what)
{
    return peek(r) == c ? skip(r, 1) : refuse(r, what);
}

/* What stands between mark and the place reached. */
static struct mse_bytes since(const struct reader *r, struct mse_bytes mark)
{
    return mse_bytes_of(mark.data, mark.len - r->in.len);
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_bare(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

static bool is_scalar(int c)
{
    return is_bare(c) || c == '+' || c == '.' || c == ':';
}

/* Control characters, the NUL among them, at which Gramine's loader would stop reading. */
static bool is_control(int c)
{
    return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f;
}

static void skip_blanks(struct reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t') {
        (void)skip(r, 1);
    }
}

static bool skip_newline(struct reader *r)
{
    if (peek(r) == '\r' && peek_at(r, 1) == '\n') {
        return skip(r, 2);
    }
    return take_char(r, '\n', "something stands behind the value");
}

static bool skip_comment(struct reader *r)
{
    int c = peek(r);
    while (c != END && c != '\n' && !(c == '\r' && peek_at(r, 1) == '\n')) {
        if (is_control(c)) {
            return refuse(r, "control character in a comment");
        }
        (void)skip(r, 1);
        c = peek(r);
    }
    return true;
}

/* Blanks, a comment, then the end of the line or of the document. */
static bool skip_line_end(struct reader *r)
{
    skip_blanks(r);
    if (peek(r) == '#' && !skip_comment(r)) {
        return false;
    }
    return peek(r) == END || skip_newline(r);
}

/* Blanks, comments and newlines, as allowed between the items of an array. */
static bool skip_gap(struct reader *r)
{
    for (;;) {
        skip_blanks(r);
        int c = peek(r);
        if (c != '#' && c != '\n' && c != '\r') {
            return true;
        }
        if (!skip_line_end(r)) {
            return false;
        }
    }
}

/* A string of one line, quotes included; *out is its text if it has no escape. */
static bool read_line_string(struct reader *r, struct value *out)
{
    int quote = peek(r);
    (void)skip(r, 1);
    struct mse_bytes mark = r->in;
    out->kind = KIND_STRING;
    for (int c = peek(r); c != quote; c = peek(r)) {
        if (c == END || is_control(c)) {
            return refuse(r, "string without its end, or with a control character");
        }
        bool escape = c == '\\' && quote == '"';
        if (escape) {
            out->kind = KIND_OTHER;
        }
        if (!skip(r, escape ? 2 : 1)) {
            return false;
        }
    }
    out->text = since(r, mark);
    return skip(r, 1);
}

static bool at_triple(const struct reader *r, int quote)
{
    return peek(r) == quote && peek_at(r, 1) == quote && peek_at(r, 2) == quote;
}

/* The three quotes that end it may have up to two more before them, which belong to the text. */
static bool skip_block_string(struct reader *r)
{
    int quote = peek(r);
    (void)skip(r, 3);
    while (!at_triple(r, quote)) {
        int c = peek(r);
        bool newline = c == '\n' || (c == '\r' && peek_at(r, 1) == '\n');
        if (c == END || (is_control(c) && !newline)) {
            return refuse(r, "string without its end, or with a control character");
        }
        if (!skip(r, c == '\\' && quote == '"' ? 2 : 1)) {
            return false;
        }
    }
    (void)skip(r, 3);
    for (unsigned i = 0; i < 2 && peek(r) == quote; i++) {
        (void)skip(r, 1);
    }
    return true;
}

static bool read_key_part(struct reader *r, struct mse_bytes *out)
{
    int c = peek(r);
    if (c == '"' || c == '\'') {
        struct value v = { KIND_OTHER, { NULL, 0 } };
        if (!read_line_string(r, &v)) {
            return false;
        }
        *out = v.text;
        return v.kind == KIND_STRING || refuse(r, "escape in a key");
    }
    struct mse_bytes mark = r->in;
    while (is_bare(peek(r))) {
        (void)skip(r, 1);
    }
    *out = since(r, mark);
    return out->len > 0 || refuse(r, "not a key");
}

static bool read_path(struct reader *r, struct path *out)
{
    out->num = 0;
    for (;;) {
        if (out->num == MAX_PARTS) {
            return refuse(r, "key of more than 16 parts");
        }
        skip_blanks(r);
        if (!read_key_part(r, &out->parts[out->num])) {
            return false;
        }
        out->num++;
        skip_blanks(r);
        if (peek(r) != '.') {
            return true;
        }
        (void)skip(r, 1);
    }
}

static bool read_value(struct reader *r, struct value *out, unsigned depth);

static bool skip_array(struct reader *r, unsigned depth)
{
    (void)skip(r, 1);
    if (!skip_gap(r)) {
        return false;
    }
    while (peek(r) != ']') {
        struct value v = { KIND_OTHER, { NULL, 0 } };
        if (!read_value(r, &v, depth + 1) || !skip_gap(r)) {
            return false;
        }
        if (peek(r) == ']') {
            break;
        }
        if (!take_char(r, ',', "array without its end") || !skip_gap(r)) {
            return false;
        }
    }
    return skip(r, 1);
}

static bool skip_inline_table(struct reader *r, unsigned depth)
{
    (void)skip(r, 1);
    skip_blanks(r);
    if (peek(r) == '}') {
        return skip(r, 1);
    }
    for (;;) {
        struct path key;
        struct value v = { KIND_OTHER, { NULL, 0 } };
        if (!read_path(r, &key) || !take_char(r, '=', "key without a value") ||
            !read_value(r, &v, depth + 1)) {
            return false;
        }
        skip_blanks(r);
        if (peek(r) == '}') {
            return skip(r, 1);
        }
        if (!take_char(r, ',', "inline table without its end")) {
            return false;
        }
    }
}

static bool read_scalar(struct reader *r, struct value *out)
{
    struct mse_bytes mark = r->in;
    while (is_scalar(peek(r))) {
        (void)skip(r, 1);
    }
    out->kind = KIND_SCALAR;
    out->text = since(r, mark);
    return out->text.len > 0 || refuse(r, "not a value");
}

static bool read_value(struct reader *r, struct value *out, unsigned depth)
{
    if (depth > MAX_DEPTH) {
        return refuse(r, "nested more than 16 deep");
    }
    out->kind = KIND_OTHER;
    skip_blanks(r);
    int c = peek(r);
    if (c == '"' || c == '\'') {
        return at_triple(r, c) ? skip_block_string(r) : read_line_string(r, out);
    }
    if (c == '[') {
        return skip_array(r, depth);
    }
    if (c == '{') {
        return skip_inline_table(r, depth);
    }
    return read_scalar(r, out);
}

/* Decimal without leading zeros, or 0x and hexadecimal digits. Python, C and TOML read these two
 * forms alike; they do not agree on "010", "0o10", "1_000" or " 1". */
static bool parse_number(uint64_t *out, struct mse_bytes text, uint64_t max)
{
    uint8_t zero = 0;
    uint8_t x = 0;
    struct mse_bytes in = text;
    if (!mse_rd_u8(&in, &zero) || !mse_rd_u8(&in, &x) || zero != '0' || x != 'x') {
        return mse_u64_parse(out, text, max);
    }
    uint8_t raw[8] = { 0 };
    char digits[] = "0000000000000000";
    if (in.len == 0 || in.len > 16 || !mse_rd_copy(&in, digits + 16 - in.len, in.len) ||
        !mse_hex_decode(raw, sizeof raw, mse_bytes_of(digits, 16))) {
        return false;
    }
    struct mse_bytes be = mse_bytes_of(raw, sizeof raw);
    return mse_rd_u64be(&be, out) && *out <= max;
}

static unsigned suffix_shift(struct mse_bytes text)
{
    uint8_t last = 0;
    if (text.len == 0 || !mse_rd_skip(&text, text.len - 1) || !mse_rd_u8(&text, &last)) {
        return 0;
    }
    switch (last) {
    case 'K':
        return 10;
    case 'M':
        return 20;
    case 'G':
        return 30;
    default:
        return 0;
    }
}

static bool parse_size(uint64_t *out, struct mse_bytes text)
{
    unsigned shift = suffix_shift(text);
    if (shift > 0) {
        text.len--;
    }
    uint64_t v = 0;
    if (!parse_number(&v, text, MSE_GRAMINE_MAX_SIZE >> shift)) {
        return false;
    }
    *out = v << shift;
    return *out >= 2ULL * MSE_SGX_PAGE && (*out & (*out - 1)) == 0;
}

static bool set_size(struct reader *r, const struct value *v)
{
    if (r->has_size) {
        return refuse(r, "sgx.enclave_size stands twice");
    }
    r->has_size = true;
    return (v->kind == KIND_STRING && parse_size(&r->p.enclave_size, v->text)) ||
           refuse(r, "sgx.enclave_size: wanted a string, decimal or 0x hexadecimal, suffix K, M or "
                     "G, a power of two from \"8K\" to \"1024G\"");
}

static bool set_threads(struct reader *r, const struct value *v)
{
    if (r->has_threads) {
        return refuse(r, "sgx.max_threads stands twice");
    }
    r->has_threads = true;
    uint64_t n = 0;
    if (v->kind != KIND_SCALAR || !parse_number(&n, v->text, MSE_GRAMINE_MAX_THREADS) || n == 0) {
        return refuse(r, "sgx.max_threads: wanted an integer, 1 to 4096, decimal or 0x "
                         "hexadecimal");
    }
    r->p.threads = (uint32_t)n;
    return true;
}

static bool set_edmm(struct reader *r, const struct value *v)
{
    if (r->has_edmm) {
        return refuse(r, "sgx.edmm_enable stands twice");
    }
    r->has_edmm = true;
    r->p.edmm = v->kind == KIND_SCALAR && mse_bytes_is_str(v->text, "true");
    return r->p.edmm || (v->kind == KIND_SCALAR && mse_bytes_is_str(v->text, "false")) ||
           refuse(r, "sgx.edmm_enable: wanted true or false");
}

typedef bool setter(struct reader *r, const struct value *v);

/* The setter of one of the three keys; NULL for any other. */
static setter *find_setter(struct mse_bytes name)
{
    static const struct {
        const char *name;
        setter *set;
    } keys[] = {
        { "enclave_size", set_size },
        { "max_threads", set_threads },
        { "edmm_enable", set_edmm },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(keys); i++) {
        if (mse_bytes_is_str(name, keys[i].name)) {
            return keys[i].set;
        }
    }
    return NULL;
}

/* key->parts[first] is the first part behind sgx. */
static bool set_sgx(struct reader *r, const struct path *key, size_t first, const struct value *v)
{
    setter *set = find_setter(key->parts[first]);
    if (set == NULL) {
        return true;
    }
    return key->num == first + 1 ? set(r, v) : refuse(r, "a value of [sgx] is used as a table");
}

static bool read_pair(struct reader *r)
{
    struct path key;
    struct value v = { KIND_OTHER, { NULL, 0 } };
    if (!read_path(r, &key) || !take_char(r, '=', "key without a value") || !read_value(r, &v, 0)) {
        return false;
    }
    if (r->in_sgx) {
        return set_sgx(r, &key, 0, &v);
    }
    if (!r->in_root || !mse_bytes_is_str(key.parts[0], "sgx")) {
        return true;
    }
    r->seen_dotted = true;
    return key.num > 1 ? set_sgx(r, &key, 1, &v)
                       : refuse(r, "sgx as one value; wanted dotted keys or a table [sgx]");
}

static bool open_sgx(struct reader *r, const struct path *name, bool array)
{
    if (name->num > 1) {
        return find_setter(name->parts[1]) == NULL ||
               refuse(r, "a value of [sgx] is used as a table");
    }
    if (array || r->seen_table || r->seen_dotted) {
        return refuse(r, "sgx is defined twice, or as an array of tables");
    }
    r->seen_table = true;
    r->in_sgx = true;
    return true;
}

static bool read_header(struct reader *r)
{
    (void)skip(r, 1);
    bool array = peek(r) == '[';
    if (array) {
        (void)skip(r, 1);
    }
    struct path name;
    if (!read_path(r, &name) || !take_char(r, ']', "table name without its end") ||
        (array && !take_char(r, ']', "table name without its end"))) {
        return false;
    }
    r->in_root = false;
    r->in_sgx = false;
    return !mse_bytes_is_str(name.parts[0], "sgx") || open_sgx(r, &name, array);
}

static bool read_document(struct reader *r)
{
    while (r->in.len > 0) {
        if (!skip_gap(r)) {
            return false;
        }
        int c = peek(r);
        bool ok = c == END || (c == '[' ? read_header(r) : read_pair(r));
        if (!ok || !skip_line_end(r)) {
            return false;
        }
    }
    return true;
}

static unsigned line_of(struct mse_bytes text)
{
    unsigned line = 1;
    uint8_t c = 0;
    while (mse_rd_u8(&text, &c)) {
        line += c == '\n';
    }
    return line;
}

mse_status mse_gramine_params_parse(struct mse_gramine_params *out, struct mse_bytes manifest,
                                    struct mse_error *err)
{
    struct reader r = { .in = manifest, .in_root = true };
    if (!read_document(&r)) {
        struct mse_bytes before = since(&r, manifest);
        mse_status st =
            MSE_FAIL(err, MSE_ERR_CONFIG, STEP, "line %u: %s", line_of(before), r.wrong);
        mse_error_offset(err, before.len);
        return st;
    }
    if (!r.has_size) {
        r.p.enclave_size = r.p.edmm ? 1024ULL << 30 : 256ULL << 20;
    }
    if (!r.has_threads) {
        r.p.threads = 4;
    }
    *out = r.p;
    return MSE_OK;
}
