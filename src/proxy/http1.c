/* SPDX-License-Identifier: Apache-2.0 */
/* See http1.h. */
#include "proxy/http1.h"

#include <strings.h>

#include "base/bytes.h"
#include "base/util.h"

#define MAX_LENGTH      ((uint64_t)1 << 62)
#define MAX_METHOD      ((size_t)32)
#define MAX_LINE_EXTRA  256U /* of a chunk's extensions */
#define MAX_TRAILERS    8192U
#define MAX_SIZE_DIGITS 15U

bool mse_http1_is(struct mse_bytes name, const char *word)
{
    return name.len == strlen(word) && strncasecmp((const char *)name.data, word, name.len) == 0;
}

bool mse_http1_hop_by_hop(struct mse_bytes name)
{
    static const char *const names[] = {
        "Connection", "Keep-Alive",     "Proxy-Connection", "Proxy-Authorization", "TE",
        "Upgrade",    "HTTP2-Settings", "Trailer",          "Proxy-Authenticate"
    };
    bool found = false;
    for (size_t i = 0; i < MSE_ARRAY_LEN(names); i++) {
        found = found || mse_http1_is(name, names[i]);
    }
    return found;
}

/* RFC 9110 §5.6.2. */
static bool is_token_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct mse_bytes b)
{
    bool ok = b.len > 0;
    for (size_t i = 0; i < b.len; i++) {
        ok = ok && is_token_char(b.data[i]);
    }
    return ok;
}

/* A byte that a field's value may have: printable, above ASCII, or a tab. */
static bool is_value_char(uint8_t c)
{
    return (c >= ' ' && c != 0x7f) || c == '\t';
}

static bool is_visible(struct mse_bytes b)
{
    bool ok = true;
    for (size_t i = 0; i < b.len; i++) {
        ok = ok && b.data[i] > ' ' && b.data[i] < 0x7f && b.data[i] != '#';
    }
    return ok;
}

/* Ends of lines are CRLF and nothing else: an LF alone, a CR alone or a NUL is wrong as soon as it
 * is there. */
static bool has_stray(struct mse_bytes in)
{
    bool stray = false;
    for (size_t i = 0; i < in.len && !stray; i++) {
        uint8_t c = in.data[i];
        bool lf_alone = c == '\n' && (i == 0 || in.data[i - 1] != '\r');
        bool cr_alone = c == '\r' && i + 1 < in.len && in.data[i + 1] != '\n';
        stray = c == '\0' || lf_alone || cr_alone;
    }
    return stray;
}

static bool take_line(struct mse_bytes *in, struct mse_bytes *line)
{
    size_t len = mse_bytes_find(*in, mse_bytes_str("\r\n"));
    return len != SIZE_MAX && mse_rd_bytes(in, line, len) && mse_rd_skip(in, 2);
}

/* The part of *in before the character, which goes too. */
static bool take_until(struct mse_bytes *in, struct mse_bytes *part, const char *character)
{
    size_t len = mse_bytes_find(*in, mse_bytes_str(character));
    return len != SIZE_MAX && mse_rd_bytes(in, part, len) && mse_rd_skip(in, 1);
}

static struct mse_bytes trim(struct mse_bytes v)
{
    while (v.len > 0 && (v.data[0] == ' ' || v.data[0] == '\t')) {
        v.data++;
        v.len--;
    }
    while (v.len > 0 && (v.data[v.len - 1] == ' ' || v.data[v.len - 1] == '\t')) {
        v.len--;
    }
    return v;
}

/* ---- what fields say ---- */

/* What has been read of the fields that decide; each may come once. */
struct seen {
    bool host;
    bool length;
    bool coding;
    bool referer;
    bool upgrade;
    bool expect;
    bool websocket;
    bool connection_upgrade;
    bool connection_close;
    bool connection_keep;
};

static bool once(bool *seen)
{
    bool first = !*seen;
    *seen = true;
    return first;
}

/* What Connection names is dropped on the way. Nobody may have a field dropped that the app would
 * read, so only those are allowed that concern this connection anyway. */
static bool is_passed_on(struct mse_bytes name)
{
    static const char *const harmless[] = { "close", "keep-alive", "upgrade", "te",
                                            "http2-settings" };
    bool known = false;
    for (size_t i = 0; i < MSE_ARRAY_LEN(harmless); i++) {
        known = known || mse_http1_is(name, harmless[i]);
    }
    return !known;
}

static const char *read_connection(struct seen *s, struct mse_bytes value, bool strict)
{
    while (value.len > 0) {
        struct mse_bytes word = value;
        if (!take_until(&value, &word, ",")) {
            value.len = 0;
        }
        word = trim(word);
        if (word.len > 0 && !is_token(word)) {
            return "Connection is no list of words";
        }
        s->connection_close = s->connection_close || mse_http1_is(word, "close");
        s->connection_keep = s->connection_keep || mse_http1_is(word, "keep-alive");
        s->connection_upgrade = s->connection_upgrade || mse_http1_is(word, "upgrade");
        if (strict && word.len > 0 && is_passed_on(word)) {
            return "Connection names a field that is passed on";
        }
    }
    return NULL;
}

static const char *read_framing(struct mse_http1_head *h, struct seen *s,
                                const struct mse_http1_field *f)
{
    if (mse_http1_is(f->name, "Content-Length")) {
        return once(&s->length) && mse_u64_parse(&h->content_length, f->value, MAX_LENGTH)
                   ? NULL
                   : "Content-Length is there twice, or no number";
    }
    if (mse_http1_is(f->name, "Transfer-Encoding")) {
        return once(&s->coding) && mse_http1_is(f->value, "chunked")
                   ? NULL
                   : "Transfer-Encoding is there twice, or not chunked";
    }
    return NULL;
}

static const char *read_about_site(struct mse_http1_head *h, struct seen *s,
                                   const struct mse_http1_field *f)
{
    if (mse_http1_is(f->name, "Host")) {
        h->host = f->value;
        return once(&s->host) ? NULL : "Host is there twice";
    }
    if (mse_http1_is(f->name, "Origin")) {
        h->origin = f->value;
        return once(&h->has_origin) ? NULL : "Origin is there twice";
    }
    if (mse_http1_is(f->name, "Sec-Fetch-Site")) {
        h->fetch_site = f->value;
        return once(&h->has_fetch_site) ? NULL : "Sec-Fetch-Site is there twice";
    }
    if (mse_http1_is(f->name, "Referer")) {
        h->referer = f->value;
        return once(&s->referer) ? NULL : "Referer is there twice";
    }
    if (mse_http1_is(f->name, "Accept") && h->accept.len == 0) {
        h->accept = f->value;
    }
    return NULL;
}

static const char *read_field(struct mse_http1_head *h, struct seen *s, struct mse_bytes line,
                              bool request)
{
    struct mse_http1_field f;
    if (line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t')) {
        return "a field is folded over several lines";
    }
    if (!take_until(&line, &f.name, ":") || !is_token(f.name)) {
        return "a field has no name, or one with other characters than a name may have";
    }
    if (h->num_fields == MSE_HTTP1_FIELDS_MAX) {
        return "there are too many fields";
    }
    f.value = trim(line);
    for (size_t i = 0; i < f.value.len; i++) {
        if (!is_value_char(f.value.data[i])) {
            return "a field has a control character";
        }
    }
    h->fields[h->num_fields++] = f;
    const char *why = read_framing(h, s, &f);
    if (why == NULL && mse_http1_is(f.name, "Connection")) {
        why = read_connection(s, f.value, request);
    }
    if (why == NULL && mse_http1_is(f.name, "Upgrade")) {
        s->websocket = mse_http1_is(f.value, "websocket");
        why = once(&s->upgrade) ? NULL : "Upgrade is there twice";
    }
    if (why == NULL && request && mse_http1_is(f.name, "Expect")) {
        bool good = once(&s->expect) && mse_http1_is(f.value, "100-continue");
        why = good ? NULL : "Expect asks for what nobody knows";
    }
    return why == NULL && request ? read_about_site(h, s, &f) : why;
}

static const char *read_fields(struct mse_http1_head *h, struct seen *s, struct mse_bytes in,
                               bool request)
{
    struct mse_bytes line;
    const char *why = NULL;
    while (why == NULL && in.len > 0) {
        why = take_line(&in, &line) ? read_field(h, s, line, request) : "a line does not end";
    }
    if (why == NULL && s->coding && s->length) {
        why = "Content-Length and Transfer-Encoding are both there";
    }
    if (why == NULL && s->coding && h->one_zero) {
        why = "Transfer-Encoding in HTTP/1.0";
    }
    h->close = s->connection_close || (h->one_zero && !s->connection_keep);
    h->upgrade = s->connection_upgrade && s->websocket;
    return why;
}

/* ---- first lines ---- */

static bool read_version(struct mse_http1_head *h, struct mse_bytes v)
{
    h->one_zero = mse_bytes_is_str(v, "HTTP/1.0");
    return h->one_zero || mse_bytes_is_str(v, "HTTP/1.1");
}

/* scheme://authority/path: only http is spoken here; whoever asks for https here wants it hidden
 * from us, and is told so. */
static const char *read_absolute(struct mse_http1_head *h, struct mse_bytes target)
{
    static const char scheme[] = "http://";
    size_t len = sizeof scheme - 1;
    if (target.len < len || strncasecmp((const char *)target.data, scheme, len) != 0) {
        return "the target is neither a path nor http://";
    }
    struct mse_bytes rest = mse_bytes_of(target.data + len, target.len - len);
    size_t slash = mse_bytes_find(rest, mse_bytes_str("/"));
    size_t query = mse_bytes_find(rest, mse_bytes_str("?"));
    if (query < slash) {
        return "the target has a query without a path";
    }
    slash = slash == SIZE_MAX ? rest.len : slash;
    h->form = MSE_HTTP1_ABSOLUTE;
    h->authority = mse_bytes_of(rest.data, slash);
    h->path =
        slash == rest.len ? mse_bytes_str("/") : mse_bytes_of(rest.data + slash, rest.len - slash);
    return h->authority.len > 0 ? NULL : "the target names no host";
}

static const char *read_target(struct mse_http1_head *h, struct mse_bytes target)
{
    if (target.len == 0 || !is_visible(target)) {
        return "the target has other characters than a target may have";
    }
    h->path = target;
    if (mse_bytes_is_str(h->method, "CONNECT")) {
        h->form = MSE_HTTP1_AUTHORITY;
        h->authority = target;
        return NULL;
    }
    if (target.data[0] == '/') {
        h->form = MSE_HTTP1_ORIGIN;
        return NULL;
    }
    if (mse_bytes_is_str(target, "*") && mse_bytes_is_str(h->method, "OPTIONS")) {
        h->form = MSE_HTTP1_ASTERISK;
        return NULL;
    }
    return read_absolute(h, target);
}

static unsigned read_request_line(struct mse_http1_head *h, struct mse_bytes line, const char **why)
{
    struct mse_bytes target;
    *why = "the first line is no METHOD TARGET HTTP/1.1";
    if (!take_until(&line, &h->method, " ") || !is_token(h->method) || h->method.len > MAX_METHOD ||
        !take_until(&line, &target, " ")) {
        return 400;
    }
    if (!read_version(h, line)) {
        bool http = line.len == 8 && mse_mem_equal(line.data, "HTTP/", 5);
        *why = http ? "this speaks HTTP/1.1 and HTTP/1.0" : *why;
        return http ? 505 : 400;
    }
    if (mse_bytes_is_str(h->method, "TRACE") || mse_bytes_is_str(h->method, "TRACK")) {
        *why = "TRACE shows a request to whoever asks for it";
        return 501;
    }
    *why = read_target(h, target);
    return *why == NULL ? 200 : 400;
}

/* ---- requests ---- */

/* The head in front of in, without its empty line; 0 or 431 if there is none. */
static unsigned find_end(struct mse_bytes *head, size_t *len, struct mse_bytes in, const char **why)
{
    struct mse_bytes looked = { in.data,
                                in.len < MSE_HTTP1_HEAD_MAX ? in.len : MSE_HTTP1_HEAD_MAX };
    size_t end = mse_bytes_find(looked, mse_bytes_str("\r\n\r\n"));
    struct mse_bytes until = { in.data, end == SIZE_MAX ? looked.len : end + 4 };
    if (has_stray(until)) {
        *why = "a line does not end in CR and LF, or there is a NUL";
        return 400;
    }
    if (end == SIZE_MAX) {
        *why = "the head is too long";
        return looked.len < MSE_HTTP1_HEAD_MAX ? 0 : 431;
    }
    *head = mse_bytes_of(in.data, end + 2);
    *len = end + 4;
    return 200;
}

static unsigned read_request(struct mse_http1_head *h, struct mse_bytes in, const char **why)
{
    struct seen s = { .host = false };
    struct mse_bytes line;
    *why = "a line does not end";
    unsigned status = take_line(&in, &line) ? read_request_line(h, line, why) : 400;
    if (status != 200) {
        return status;
    }
    *why = read_fields(h, &s, in, true);
    if (*why == NULL && !s.host) {
        *why = "there is no Host";
    }
    if (*why != NULL) {
        return 400;
    }
    h->framing = s.coding                            ? MSE_HTTP1_CHUNKED
                 : s.length && h->content_length > 0 ? MSE_HTTP1_LENGTH
                                                     : MSE_HTTP1_NO_BODY;
    bool body = h->framing != MSE_HTTP1_NO_BODY;
    bool get = mse_bytes_is_str(h->method, "GET");
    if (body && (h->upgrade || h->form == MSE_HTTP1_AUTHORITY)) {
        *why = "CONNECT, and a request for another protocol, have no body";
        return 400;
    }
    h->upgrade = h->upgrade && get && !h->one_zero;
    return 200;
}

unsigned mse_http1_request(struct mse_http1_head *out, struct mse_bytes in, const char **why)
{
    struct mse_bytes head;
    size_t len = 0;
    unsigned status = find_end(&head, &len, in, why);
    if (status == 200) {
        *out = (struct mse_http1_head) { .len = len };
        status = read_request(out, head, why);
    }
    return status;
}

/* ---- responses ---- */

static bool read_status_line(struct mse_http1_head *h, struct mse_bytes line)
{
    struct mse_bytes version;
    uint64_t n = 0;
    if (!take_until(&line, &version, " ") || !read_version(h, version) || line.len < 3 ||
        (line.len > 3 && line.data[3] != ' ') ||
        !mse_u64_parse(&n, mse_bytes_of(line.data, 3), 599) || n < 100) {
        return false;
    }
    for (size_t i = 3; i < line.len; i++) {
        if (!is_value_char(line.data[i])) {
            return false;
        }
    }
    h->status = (unsigned)n;
    h->reason = line.len > 4 ? mse_bytes_of(line.data + 4, line.len - 4) : h->reason;
    return true;
}

/* RFC 9112 §6.3. */
static enum mse_http1_framing response_framing(const struct mse_http1_head *h, const struct seen *s,
                                               struct mse_bytes method)
{
    if (mse_bytes_is_str(method, "HEAD") || h->status < 200 || h->status == 204 ||
        h->status == 304) {
        return MSE_HTTP1_NO_BODY;
    }
    if (s->coding) {
        return MSE_HTTP1_CHUNKED;
    }
    if (s->length) {
        return h->content_length > 0 ? MSE_HTTP1_LENGTH : MSE_HTTP1_NO_BODY;
    }
    return MSE_HTTP1_UNTIL_END;
}

unsigned mse_http1_response(struct mse_http1_head *out, struct mse_bytes in,
                            struct mse_bytes method, const char **why)
{
    struct seen s = { .host = false };
    struct mse_bytes head;
    struct mse_bytes line;
    size_t len = 0;
    unsigned status = find_end(&head, &len, in, why);
    if (status != 200) {
        return status == 0 ? 0 : 502;
    }
    *out = (struct mse_http1_head) { .len = len };
    *why = "the first line is no HTTP/1.1 STATUS";
    if (!take_line(&head, &line) || !read_status_line(out, line)) {
        return 502;
    }
    *why = read_fields(out, &s, head, false);
    if (*why != NULL) {
        return 502;
    }
    out->framing = response_framing(out, &s, method);
    return 200;
}

/* ---- bodies ---- */

/* Where in a chunked body it stands. */
enum {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER,
    CHUNK_TRAILER_LF,
    CHUNK_LAST_LF,
};

void mse_http1_body_begin(struct mse_http1_body *b, const struct mse_http1_head *h, bool trailers)
{
    *b = (struct mse_http1_body) { .framing = h->framing,
                                   .trailers = trailers,
                                   .left = h->framing == MSE_HTTP1_LENGTH ? h->content_length : 0 };
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool take_size(struct mse_http1_body *b, uint8_t c)
{
    int digit = hex_digit(c);
    if (digit >= 0) {
        b->left = b->left * 16 + (unsigned)digit;
        return ++b->count <= MAX_SIZE_DIGITS;
    }
    b->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
    bool had_digits = b->count > 0;
    b->count = 0;
    return had_digits && (c == '\r' || c == ';');
}

/* What stands between the size and the end of its line is allowed, and of no meaning. */
static bool take_extension(struct mse_http1_body *b, uint8_t c)
{
    b->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
    return c == '\r' || (is_value_char(c) && ++b->count <= MAX_LINE_EXTRA);
}

/* A field behind the body: at most MAX_TRAILERS bytes of them in all. */
static bool take_trailer(struct mse_http1_body *b, uint8_t c)
{
    if (c == '\r') {
        bool empty = b->count == 0;
        bool good = empty || b->named;
        b->state = empty ? CHUNK_LAST_LF : CHUNK_TRAILER_LF;
        b->count = 0;
        b->named = false;
        return good;
    }
    bool good = b->named ? is_value_char(c) : is_token_char(c) || (c == ':' && b->count > 0);
    b->named = b->named || c == ':';
    b->count++;
    return good && b->trailers && ++b->total <= MAX_TRAILERS;
}

/* One byte outside of the data. */
static bool take_byte(struct mse_http1_body *b, uint8_t c)
{
    switch (b->state) {
    case CHUNK_SIZE:
        return take_size(b, c);
    case CHUNK_EXTENSION:
        return take_extension(b, c);
    case CHUNK_SIZE_LF:
        b->state = b->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        b->count = 0;
        return c == '\n';
    case CHUNK_DATA_CR:
        b->state = CHUNK_DATA_LF;
        return c == '\r';
    case CHUNK_DATA_LF:
        b->state = CHUNK_SIZE;
        return c == '\n';
    case CHUNK_TRAILER:
        return take_trailer(b, c);
    case CHUNK_TRAILER_LF:
        b->state = CHUNK_TRAILER;
        return c == '\n';
    default:
        return c == '\n';
    }
}

static enum mse_http1_step take_chunked(struct mse_http1_body *b, struct mse_bytes in,
                                        size_t *taken)
{
    for (size_t i = 0; i < in.len;) {
        if (b->state == CHUNK_DATA) {
            size_t n = b->left < in.len - i ? (size_t)b->left : in.len - i;
            b->left -= n;
            i += n;
            b->state = b->left == 0 ? CHUNK_DATA_CR : CHUNK_DATA;
            continue;
        }
        bool last = b->state == CHUNK_LAST_LF;
        if (!take_byte(b, in.data[i++])) {
            return MSE_HTTP1_BAD;
        }
        if (last) {
            *taken = i;
            return MSE_HTTP1_END;
        }
    }
    *taken = in.len;
    return MSE_HTTP1_MORE;
}

enum mse_http1_step mse_http1_body_take(struct mse_http1_body *b, struct mse_bytes in,
                                        size_t *taken)
{
    *taken = 0;
    switch (b->framing) {
    case MSE_HTTP1_NO_BODY:
        return MSE_HTTP1_END;
    case MSE_HTTP1_LENGTH:
        *taken = b->left < in.len ? (size_t)b->left : in.len;
        b->left -= *taken;
        return b->left == 0 ? MSE_HTTP1_END : MSE_HTTP1_MORE;
    case MSE_HTTP1_CHUNKED:
        return take_chunked(b, in, taken);
    case MSE_HTTP1_UNTIL_END:
        *taken = in.len;
        return MSE_HTTP1_MORE;
    }
    return MSE_HTTP1_BAD;
}
