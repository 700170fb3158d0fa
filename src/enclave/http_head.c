/* SPDX-License-Identifier: Apache-2.0 */
/* See http_head.h. What is not plainly right is refused: there is one way to read a request. */
#include "enclave/http_head.h"

#include <strings.h>

#include "base/bytes.h"
#include "base/util.h"

#define MAX_LENGTH ((uint64_t)1 << 40)

/* Which fields came: none of them may come twice. */
struct fields {
    bool host;
    bool authorization;
    bool length;
    bool coding;
};

static bool is_word(struct mse_bytes b, const char *word)
{
    return b.len == strlen(word) && strncasecmp((const char *)b.data, word, b.len) == 0;
}

/* A line without its end; false if there is none, or it holds anything but printable ASCII, bytes
 * above it and tabs. */
static bool take_line(struct mse_bytes *in, struct mse_bytes *line)
{
    size_t len = mse_bytes_find(*in, mse_bytes_str("\r\n"));
    if (len == SIZE_MAX || !mse_rd_bytes(in, line, len) || !mse_rd_skip(in, 2)) {
        return false;
    }
    bool ok = true;
    for (size_t i = 0; i < line->len; i++) {
        uint8_t c = line->data[i];
        ok = ok && ((c >= ' ' && c != 0x7f) || c == '\t');
    }
    return ok;
}

/* The part of *in before the character, which goes too. */
static bool take_until(struct mse_bytes *in, struct mse_bytes *part, const char *character)
{
    size_t len = mse_bytes_find(*in, mse_bytes_str(character));
    return len != SIZE_MAX && len > 0 && mse_rd_bytes(in, part, len) && mse_rd_skip(in, 1);
}

static unsigned read_request_line(struct mse_http_head *h, struct mse_bytes line)
{
    struct mse_bytes method;
    struct mse_bytes target;
    if (!take_until(&line, &method, " ") || !take_until(&line, &target, " ") || line.len != 8 ||
        !mse_mem_equal(line.data, "HTTP/", 5)) {
        return 400;
    }
    if (!mse_bytes_is_str(line, "HTTP/1.1")) {
        return 505;
    }
    if (!mse_bytes_is_str(target, "/")) {
        return 404;
    }
    h->post = mse_bytes_is_str(method, "POST");
    return h->post || mse_bytes_is_str(method, "GET") ? 200 : 405;
}

static void trim(struct mse_bytes *v)
{
    while (v->len > 0 && (v->data[0] == ' ' || v->data[0] == '\t')) {
        v->data++;
        v->len--;
    }
    while (v->len > 0 && (v->data[v->len - 1] == ' ' || v->data[v->len - 1] == '\t')) {
        v->len--;
    }
}

static bool name_ok(struct mse_bytes name)
{
    bool ok = true;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        ok = ok && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_');
    }
    return ok;
}

/* Another scheme or form is no token: the answer is that of a wrong one. */
static void read_token(struct mse_http_head *h, struct mse_bytes value)
{
    struct mse_bytes scheme;
    h->has_token = take_until(&value, &scheme, " ") && is_word(scheme, "Bearer") &&
                   mse_hex_decode(h->token, sizeof h->token, value);
}

static bool once(bool *seen)
{
    bool first = !*seen;
    *seen = true;
    return first;
}

static unsigned read_field(struct mse_http_head *h, struct fields *f, struct mse_bytes line)
{
    struct mse_bytes name;
    if (!take_until(&line, &name, ":") || !name_ok(name)) {
        return 400;
    }
    trim(&line);
    bool ok = true;
    if (is_word(name, "Host")) {
        ok = once(&f->host);
    } else if (is_word(name, "Authorization")) {
        ok = once(&f->authorization);
        read_token(h, line);
    } else if (is_word(name, "Content-Length")) {
        ok = once(&f->length) && mse_u64_parse(&h->content_length, line, MAX_LENGTH);
    } else if (is_word(name, "Transfer-Encoding")) {
        f->coding = true;
    } else if (is_word(name, "Expect")) {
        ok = is_word(line, "100-continue");
        h->wants_continue = ok;
    }
    return ok ? 200 : 400;
}

static unsigned read_lines(struct mse_http_head *h, struct mse_bytes in)
{
    struct fields f = { false, false, false, false };
    struct mse_bytes line;
    if (!take_line(&in, &line)) {
        return 400;
    }
    unsigned status = read_request_line(h, line);
    while (status == 200 && in.len > 0) {
        status = take_line(&in, &line) ? read_field(h, &f, line) : 400;
    }
    if (status != 200) {
        return status;
    }
    if (f.coding || (h->post && !f.length)) {
        return 411;
    }
    return f.host && (h->post || h->content_length == 0) ? 200 : 400;
}

unsigned mse_http_head_read(struct mse_http_head *out, struct mse_bytes in)
{
    struct mse_bytes seen = { in.data, in.len < MSE_HTTP_MAX_HEAD ? in.len : MSE_HTTP_MAX_HEAD };
    size_t end = mse_bytes_find(seen, mse_bytes_str("\r\n\r\n"));
    if (end == SIZE_MAX) {
        return in.len < MSE_HTTP_MAX_HEAD ? 0 : 431;
    }
    struct mse_http_head h = { .len = end + 4 };
    unsigned status = read_lines(&h, mse_bytes_of(in.data, end + 2));
    if (status == 200) {
        *out = h;
    }
    mse_wipe(h.token, sizeof h.token);
    return status;
}
