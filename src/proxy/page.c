/* SPDX-License-Identifier: Apache-2.0 */
/* See page.h. */
#include "proxy/page.h"

#include "base/bytes.h"
#include "base/json_write.h"

#define BODY_MAX ((size_t)16384)

static const char *reason_of(unsigned status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 408:
        return "Request Timeout";
    case 417:
        return "Expectation Failed";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Bad Gateway";
    }
}

/* Text as the content of an element. */
static void put_html(struct mse_build *b, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            mse_wr_str(b, "&lt;");
            break;
        case '>':
            mse_wr_str(b, "&gt;");
            break;
        case '&':
            mse_wr_str(b, "&amp;");
            break;
        case '"':
            mse_wr_str(b, "&quot;");
            break;
        default:
            mse_wr_u8(b, (uint8_t)*text);
        }
    }
}

static void put_paragraph(struct mse_build *b, const char *text)
{
    if (text[0] != '\0') {
        mse_wr_str(b, "<p>");
        put_html(b, text);
        mse_wr_str(b, "</p>\n");
    }
}

static void write_html(struct mse_build *b, const struct mse_page *p)
{
    mse_wr_str(b, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>");
    put_html(b, p->title);
    mse_wr_str(b, "</title>\n<h1>");
    put_html(b, p->title);
    mse_wr_str(b, "</h1>\n");
    put_paragraph(b, p->detail);
    if (p->num_changes > 0) {
        mse_wr_str(b, "<table>\n<tr><th>what<th>it was<th>it is now\n");
    }
    for (size_t i = 0; i < p->num_changes; i++) {
        mse_wr_str(b, "<tr><td>");
        put_html(b, p->changes[i].what);
        mse_wr_str(b, "<td><code>");
        put_html(b, p->changes[i].old_value);
        mse_wr_str(b, "</code><td><code>");
        put_html(b, p->changes[i].new_value);
        mse_wr_str(b, "</code>\n");
    }
    mse_wr_str(b, p->num_changes > 0 ? "</table>\n" : "");
    put_paragraph(b, p->hint);
    mse_wr_str(b, "<p>mse proxy</p>\n</html>\n");
}

static void write_text(struct mse_build *b, const struct mse_page *p)
{
    mse_wr_printf(b, "mse proxy: %s\n%s\n", p->title, p->detail);
    for (size_t i = 0; i < p->num_changes; i++) {
        mse_wr_printf(b, "%s: was %s, is %s\n", p->changes[i].what, p->changes[i].old_value,
                      p->changes[i].new_value);
    }
    if (p->hint[0] != '\0') {
        mse_wr_printf(b, "%s\n", p->hint);
    }
}

static void write_json(struct mse_build *b, const struct mse_page *p)
{
    struct mse_js j = { .b = b };
    mse_js_open(&j, NULL, '{');
    mse_js_str(&j, "type", "about:blank");
    mse_js_uint(&j, "status", p->status);
    mse_js_str(&j, "title", p->title);
    mse_js_str(&j, "detail", p->detail);
    if (p->hint[0] != '\0') {
        mse_js_str(&j, "hint", p->hint);
    }
    if (p->app[0] != '\0') {
        mse_js_str(&j, "app", p->app);
    }
    if (p->num_changes > 0) {
        mse_js_open(&j, "changed", '[');
        for (size_t i = 0; i < p->num_changes; i++) {
            mse_js_open(&j, NULL, '{');
            mse_js_str(&j, "what", p->changes[i].what);
            mse_js_str(&j, "old", p->changes[i].old_value);
            mse_js_str(&j, "new", p->changes[i].new_value);
            mse_js_close(&j, '}');
        }
        mse_js_close(&j, ']');
    }
    mse_js_close(&j, '}');
    mse_wr_str(b, "\n");
}

void mse_page_write(struct mse_build *out, const struct mse_page *p, struct mse_bytes accept,
                    bool without_body)
{
    uint8_t room[BODY_MAX];
    struct mse_build body;
    const char *type = "application/problem+json";
    mse_build_fixed(&body, room, sizeof room);
    if (mse_bytes_find(accept, mse_bytes_str("text/html")) != SIZE_MAX) {
        type = "text/html; charset=utf-8";
        write_html(&body, p);
    } else if (mse_bytes_find(accept, mse_bytes_str("text/plain")) != SIZE_MAX) {
        type = "text/plain; charset=utf-8";
        write_text(&body, p);
    } else {
        write_json(&body, p);
    }
    mse_wr_printf(out,
                  "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                  "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                  "Content-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n",
                  p->status, reason_of(p->status), type, body.len);
    if (!without_body) {
        mse_wr_bytes(out, mse_build_view(&body));
    }
}
