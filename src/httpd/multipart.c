/* SPDX-License-Identifier: Apache-2.0 */
#include "httpd/multipart.h"

#include <strings.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define STEP         "multipart"
#define MAX_BOUNDARY 70

enum state {
    FIRST,     /* the delimiter without its CR LF */
    DELIMITED, /* CR LF before a part, - - behind the last */
    HEADER,    /* lines, up to an empty one */
    DATA,
    LAST, /* nothing, or CR LF */
    OVER,
};

/* Parameters of a header. */

static bool is_token(char c)
{
    return c > 0x20 && c < 0x7f && strchr("()<>@,;:\\\"/[]?={}", c) == NULL;
}

static void skip_space(const char **p)
{
    while (**p == ' ' || **p == '\t') {
        (*p)++;
    }
}

/* A quoted text, from its first quote on. What is escaped stays so. */
static bool quoted(const char **p, struct mse_bytes *out)
{
    const char *from = ++*p;
    while (**p != '\0' && **p != '"') {
        *p += **p == '\\' && (*p)[1] != '\0' ? 2 : 1;
    }
    *out = mse_bytes_of((const uint8_t *)from, (size_t)(*p - from));
    return *(*p)++ == '"';
}

static struct mse_bytes token(const char **p)
{
    const char *from = *p;
    while (is_token(**p)) {
        (*p)++;
    }
    return mse_bytes_of((const uint8_t *)from, (size_t)(*p - from));
}

static bool is_word(struct mse_bytes b, const char *word)
{
    return b.len == strlen(word) && strncasecmp((const char *)b.data, word, b.len) == 0;
}

/* "; name=value; …" from p on: the value of the parameter wanted, which is there once. */
static bool parameter(const char *p, const char *wanted, struct mse_bytes *out)
{
    bool found = false;
    for (skip_space(&p); *p == ';'; skip_space(&p)) {
        struct mse_bytes value = { 0 };
        p++;
        skip_space(&p);
        struct mse_bytes name = token(&p);
        if (name.len == 0 || *p++ != '=') {
            return false;
        }
        if (*p == '"') {
            if (!quoted(&p, &value)) {
                return false;
            }
        } else {
            value = token(&p);
        }
        if (is_word(name, wanted)) {
            if (found) {
                return false;
            }
            found = true;
            *out = value;
        }
    }
    return found && *p == '\0';
}

static bool is_boundary(struct mse_bytes b)
{
    if (b.len == 0 || b.len > MAX_BOUNDARY || b.data[b.len - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < b.len; i++) {
        char c = (char)b.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || strchr("'()+_,-./:=? ", c) == NULL)) {
            return false;
        }
    }
    return true;
}

mse_status mse_multipart_init(struct mse_multipart *m, const char *content_type,
                              const struct mse_multipart_events *events, void *user,
                              struct mse_error *err)
{
    static const char type[] = "multipart/form-data";
    struct mse_bytes boundary = { 0 };
    if (content_type == NULL || strncasecmp(content_type, type, sizeof type - 1) != 0 ||
        is_token(content_type[sizeof type - 1])) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, STEP, "Content-Type: wanted %s", type);
    }
    if (!parameter(content_type + sizeof type - 1, "boundary", &boundary) ||
        !is_boundary(boundary)) {
        return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "Content-Type: wanted a boundary");
    }
    memset(m, 0, sizeof *m);
    m->events = events;
    m->user = user;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.data, boundary.len);
    m->delimiter_len = 4 + boundary.len;
    m->matched = 2; /* the first one begins without CR LF */
    return MSE_OK;
}

/* The states. Each takes what it can from the front of in, at least a byte. */

static mse_status malformed(struct mse_error *err, const char *what)
{
    return MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "%s", what);
}

static void advance(struct mse_bytes *in, size_t len)
{
    *in = mse_bytes_of(in->data + len, in->len - len);
}

static mse_status take_first(struct mse_multipart *m, struct mse_bytes *in, struct mse_error *err)
{
    if (in->data[0] != (uint8_t)m->delimiter[m->matched]) {
        return malformed(err, "the body does not begin with its boundary");
    }
    advance(in, 1);
    if (++m->matched == m->delimiter_len) {
        m->state = DELIMITED;
        m->matched = 0;
    }
    return MSE_OK;
}

static mse_status take_delimited(struct mse_multipart *m, struct mse_bytes *in,
                                 struct mse_error *err)
{
    char c = (char)in->data[0];
    advance(in, 1);
    if (m->matched == 0 && (c == '\r' || c == '-')) {
        m->line[0] = c;
        m->matched = 1;
        return MSE_OK;
    }
    if (m->matched == 0 || c != (m->line[0] == '\r' ? '\n' : '-')) {
        return malformed(err, "there is something behind a boundary");
    }
    m->state = m->line[0] == '\r' ? HEADER : LAST;
    m->matched = 0;
    m->line_len = 0;
    m->num_headers = 0;
    m->named = false;
    return MSE_OK;
}

static mse_status read_disposition(struct mse_multipart *m, const char *value,
                                   struct mse_error *err)
{
    struct mse_bytes name = { 0 };
    struct mse_bytes kind = token(&value);
    if (m->named || !is_word(kind, "form-data") || !parameter(value, "name", &name) ||
        name.len == 0 || name.len > MSE_MULTIPART_MAX_NAME) {
        return malformed(err, "Content-Disposition: wanted form-data with a name, once in a part");
    }
    memcpy(m->name, name.data, name.len);
    m->name[name.len] = '\0';
    m->named = true;
    return MSE_OK;
}

/* A whole line, without its end. */
static mse_status read_line(struct mse_multipart *m, struct mse_error *err)
{
    static const char wanted[] = "content-disposition";
    m->line[m->line_len] = '\0';
    const char *p = m->line;
    struct mse_bytes name = token(&p);
    if (name.len == 0 || *p++ != ':') {
        return malformed(err, "a header of a part is none");
    }
    if (++m->num_headers > MSE_MULTIPART_MAX_HEADERS) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "a part has more than %d headers",
                        MSE_MULTIPART_MAX_HEADERS);
    }
    skip_space(&p);
    return is_word(name, wanted) ? read_disposition(m, p, err) : MSE_OK;
}

static mse_status end_of_line(struct mse_multipart *m, struct mse_error *err)
{
    if (m->line_len == 0 || m->line[m->line_len - 1] != '\r') {
        return malformed(err, "a line of a part's header ends without CR");
    }
    m->line_len--;
    if (m->line_len > 0) {
        mse_status st = read_line(m, err);
        m->line_len = 0;
        return st;
    }
    if (!m->named) {
        return malformed(err, "a part has no name");
    }
    m->state = DATA;
    m->matched = 0;
    return m->events->begin(m->user, m->name, err);
}

static mse_status take_header(struct mse_multipart *m, struct mse_bytes *in, struct mse_error *err)
{
    char c = (char)in->data[0];
    advance(in, 1);
    if (c == '\n') {
        return end_of_line(m, err);
    }
    if (c == '\0') {
        return malformed(err, "a header of a part holds a NUL");
    }
    if (m->line_len + 1 >= sizeof m->line) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, STEP, "a header of a part is longer than %zu bytes",
                        sizeof m->line);
    }
    m->line[m->line_len++] = c;
    return MSE_OK;
}

/* CR stands only at the start of the delimiter: what fails to be one can only begin one anew. */
static mse_status take_data(struct mse_multipart *m, struct mse_bytes *in, struct mse_error *err)
{
    if (m->matched == 0) {
        const uint8_t *cr = memchr(in->data, '\r', in->len);
        size_t len = cr == NULL ? in->len : (size_t)(cr - in->data);
        struct mse_bytes piece = mse_bytes_of(in->data, len);
        m->matched = cr == NULL ? 0 : 1;
        advance(in, cr == NULL ? len : len + 1);
        return len > 0 ? m->events->data(m->user, piece, err) : MSE_OK;
    }
    if (in->data[0] != (uint8_t)m->delimiter[m->matched]) {
        struct mse_bytes piece = mse_bytes_of((const uint8_t *)m->delimiter, m->matched);
        m->matched = 0;
        return m->events->data(m->user, piece, err);
    }
    advance(in, 1);
    if (++m->matched < m->delimiter_len) {
        return MSE_OK;
    }
    m->state = DELIMITED;
    m->matched = 0;
    return m->events->end(m->user, err);
}

static mse_status take_last(struct mse_multipart *m, struct mse_bytes *in, struct mse_error *err)
{
    if (in->data[0] != (m->matched == 0 ? '\r' : '\n')) {
        return malformed(err, "there is something behind the last part");
    }
    advance(in, 1);
    m->state = ++m->matched == 2 ? OVER : LAST;
    return MSE_OK;
}

static mse_status step(struct mse_multipart *m, struct mse_bytes *in, struct mse_error *err)
{
    switch ((enum state)m->state) {
    case FIRST:
        return take_first(m, in, err);
    case DELIMITED:
        return take_delimited(m, in, err);
    case HEADER:
        return take_header(m, in, err);
    case DATA:
        return take_data(m, in, err);
    case LAST:
        return take_last(m, in, err);
    case OVER:
        break;
    }
    return malformed(err, "there is something behind the last part");
}

mse_status mse_multipart_feed(struct mse_multipart *m, struct mse_bytes piece,
                              struct mse_error *err)
{
    if (m->failed != MSE_OK) {
        return MSE_FAIL(err, m->failed, STEP, "it failed before");
    }
    while (m->failed == MSE_OK && piece.len > 0) {
        m->failed = step(m, &piece, err);
    }
    return m->failed;
}

mse_status mse_multipart_finish(const struct mse_multipart *m, struct mse_error *err)
{
    bool whole = m->state == OVER || (m->state == LAST && m->matched == 0);
    if (m->failed == MSE_OK && whole) {
        return MSE_OK;
    }
    return malformed(err, "the body ends before its last boundary");
}
