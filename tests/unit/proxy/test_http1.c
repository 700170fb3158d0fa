/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and bodies of HTTP/1.1: what is plain is read, what could be read in two ways is refused.
 */
#include "lib/testlib.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/util.h"
#include "proxy/http1.h"

static struct mse_http1_head head;

/* From memory of its own, so that a byte too much is found by the sanitizer. */
static unsigned read_bytes(struct mse_bytes in, bool response)
{
    const char *why = NULL;
    uint8_t *copy = malloc(in.len + 1);
    assert_non_null(copy);
    memcpy(copy, in.data, in.len);
    unsigned status =
        response ? mse_http1_response(&head, mse_bytes_of(copy, in.len), mse_bytes_str("GET"), &why)
                 : mse_http1_request(&head, mse_bytes_of(copy, in.len), &why);
    assert_true((status == 0 || status == 200) || why != NULL);
    free(copy);
    return status;
}

static unsigned request(const char *text)
{
    return read_bytes(mse_bytes_str(text), false);
}

static unsigned keep_request(const char *text)
{
    const char *why = NULL;
    return mse_http1_request(&head, mse_bytes_str(text), &why);
}

static unsigned response(const char *text, const char *method)
{
    const char *why = NULL;
    return mse_http1_response(&head, mse_bytes_str(text), mse_bytes_str(method), &why);
}

static void reads_a_request(void **state)
{
    (void)state;
    assert_int_equal(
        keep_request("POST /a?b=c HTTP/1.1\r\nHost: localhost:80\r\nOrigin: http://x\r\n"
                     "Sec-Fetch-Site: none\r\nReferer:  http://y/ \r\nAccept: a/b\r\n"
                     "Content-Length: 12\r\nConnection: close\r\n\r\nrest"),
        200);
    assert_true(mse_bytes_is_str(head.method, "POST"));
    assert_true(mse_bytes_is_str(head.path, "/a?b=c"));
    assert_true(mse_bytes_is_str(head.host, "localhost:80"));
    assert_true(mse_bytes_is_str(head.origin, "http://x") && head.has_origin);
    assert_true(mse_bytes_is_str(head.referer, "http://y/"));
    assert_true(mse_bytes_is_str(head.fetch_site, "none") && head.has_fetch_site);
    assert_true(mse_bytes_is_str(head.accept, "a/b"));
    assert_int_equal(head.framing, MSE_HTTP1_LENGTH);
    assert_int_equal(head.content_length, 12);
    assert_int_equal(head.form, MSE_HTTP1_ORIGIN);
    assert_true(head.close);
    assert_int_equal(head.num_fields, 7);
}

static void reads_the_forms_of_targets(void **state)
{
    (void)state;
    assert_int_equal(keep_request("GET http://a.b:81/x?y HTTP/1.1\r\nHost: a.b:81\r\n\r\n"), 200);
    assert_int_equal(head.form, MSE_HTTP1_ABSOLUTE);
    assert_true(mse_bytes_is_str(head.authority, "a.b:81"));
    assert_true(mse_bytes_is_str(head.path, "/x?y"));
    assert_int_equal(keep_request("GET HTTP://a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    assert_true(mse_bytes_is_str(head.path, "/"));
    assert_int_equal(keep_request("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), 200);
    assert_int_equal(head.form, MSE_HTTP1_AUTHORITY);
    assert_int_equal(keep_request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    assert_int_equal(head.form, MSE_HTTP1_ASTERISK);
    assert_int_equal(request("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(request("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(request("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(request("GET http://a?x/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(request("GET a/b HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(request("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(request("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

static void knows_who_closes(void **state)
{
    (void)state;
    assert_int_equal(keep_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    assert_true(!head.close && !head.one_zero);
    assert_int_equal(keep_request("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), 200);
    assert_true(head.close && head.one_zero);
    assert_int_equal(keep_request("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n"),
                     200);
    assert_false(head.close);
    assert_int_equal(keep_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
                                  "Upgrade: WebSocket\r\n\r\n"),
                     200);
    assert_true(head.upgrade && !head.close);
    assert_int_equal(
        keep_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                     "Upgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n"),
        200);
    assert_false(head.upgrade);
}

static const struct {
    const char *text;
    unsigned status;
} bad_requests[] = {
    { "GET / HTTP/1.1\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400 },
    { "GET / HTTP/1.1\nHost: a\n\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\rX: y\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\n\tX: a\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nOrigin: x\r\nOrigin: x\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nReferer: x\r\nReferer: x\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: none\r\nSec-Fetch-Site: none\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nExpect: nothing\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: Host\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: a b\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 01\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
      "chunked\r\n\r\n",
      400 },
    { "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: upgrade\r\nUpgrade: "
      "websocket\r\n\r\n",
      400 },
    { "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", 400 },
    { "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400 },
    { " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET / http/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET /\r\n\r\n", 400 },
    { "G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505 },
    { "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505 },
    { "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
};

static void refuses_what_is_not_clear(void **state)
{
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad_requests); i++) {
        if (request(bad_requests[i].text) != bad_requests[i].status) {
            print_error("case %zu: %s\n", i, bad_requests[i].text);
        }
        assert_int_equal(request(bad_requests[i].text), bad_requests[i].status);
    }
    struct mse_bytes nul = { (const uint8_t *)"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29 };
    assert_int_equal(read_bytes(nul, false), 400);
}

/* Cut at each byte a head is not there yet, or it is wrong already; never whole. */
static void waits_for_the_rest(void **state)
{
    static const char text[] =
        "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct mse_bytes whole = mse_bytes_str(text);
    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        assert_int_equal(read_bytes(mse_bytes_of(whole.data, len), false), 0);
    }
    assert_int_equal(read_bytes(whole, false), 200);
}

/* Whatever bit is flipped: no crash, and a status that is one. */
static void survives_flips(void **state)
{
    static const char text[] =
        "POST /x HTTP/1.1\r\nHost: localhost:80\r\nContent-Length: 3\r\n\r\nabc";
    uint8_t copy[sizeof text];
    (void)state;
    for (size_t bit = 0; bit < 8 * (sizeof text - 1); bit++) {
        memcpy(copy, text, sizeof text);
        copy[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        unsigned status = read_bytes(mse_bytes_of(copy, sizeof text - 1), false);
        assert_true(status == 0 || status == 200 || (status >= 400 && status <= 505));
    }
}

static void has_limits(void **state)
{
    size_t cap = MSE_HTTP1_HEAD_MAX + 10;
    char *long_head = malloc(cap + 1);
    (void)state;
    assert_non_null(long_head);
    memset(long_head, 'a', cap);
    long_head[cap] = '\0';
    memcpy(long_head, "GET /", 5);
    assert_int_equal(request(long_head), 431);
    free(long_head);
    char many[20 + 8 * (MSE_HTTP1_FIELDS_MAX + 2)];
    size_t len = (size_t)snprintf(many, sizeof many, "GET / HTTP/1.1\r\n");
    for (size_t i = 0; i < MSE_HTTP1_FIELDS_MAX; i++) {
        len += (size_t)snprintf(many + len, sizeof many - len, i == 0 ? "Host:a\r\n" : "X: y\r\n");
    }
    (void)snprintf(many + len, sizeof many - len, "\r\n");
    assert_int_equal(request(many), 200);
    (void)snprintf(many + len, sizeof many - len, "X: y\r\n\r\n");
    assert_int_equal(request(many), 400);
    assert_int_equal(request("METHODMETHODMETHODMETHODMETHODMETHOD / HTTP/1.1\r\nHost: a\r\n\r\n"),
                     400);
}

static void reads_responses(void **state)
{
    (void)state;
    assert_int_equal(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "GET"), 200);
    assert_int_equal(head.status, 200);
    assert_true(mse_bytes_is_str(head.reason, "OK"));
    assert_int_equal(head.framing, MSE_HTTP1_LENGTH);
    assert_int_equal(response("HTTP/1.1 200\r\n\r\n", "GET"), 200);
    assert_int_equal(head.framing, MSE_HTTP1_UNTIL_END);
    assert_int_equal(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD"), 200);
    assert_int_equal(head.framing, MSE_HTTP1_NO_BODY);
    assert_int_equal(response("HTTP/1.1 304 \r\nContent-Length: 3\r\n\r\n", "GET"), 200);
    assert_int_equal(head.framing, MSE_HTTP1_NO_BODY);
    assert_int_equal(response("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", "GET"), 200);
    assert_int_equal(head.framing, MSE_HTTP1_NO_BODY);
    assert_int_equal(response("HTTP/1.1 100 Continue\r\n\r\n", "GET"), 200);
    assert_int_equal(head.framing, MSE_HTTP1_NO_BODY);
    assert_int_equal(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", "GET"), 200);
    assert_int_equal(head.framing, MSE_HTTP1_CHUNKED);
    assert_int_equal(response("HTTP/1.1 200 OK\r\nConnection: X-Other\r\n\r\n", "GET"), 200);
    assert_int_equal(response("HTTP/1.1 200 OK\r\nCo", "GET"), 0);
}

static void refuses_responses(void **state)
{
    static const char *const bad[] = {
        "HTTP/1.1 99 x\r\n\r\n",
        "HTTP/1.1 600 x\r\n\r\n",
        "HTTP/1.1 2000 x\r\n\r\n",
        "HTTP/1.1 +20 x\r\n\r\n",
        "HTTP/2 200 x\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 \x01\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\nX: a\n\n",
        "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_int_equal(read_bytes(mse_bytes_str(bad[i]), true), 502);
    }
}

/* How much of a chunked body is taken, in pieces of this size. */
static enum mse_http1_step feed(const char *text, size_t step, bool trailers, size_t *taken)
{
    struct mse_http1_head h = { .framing = MSE_HTTP1_CHUNKED };
    struct mse_http1_body b;
    struct mse_bytes in = mse_bytes_str(text);
    enum mse_http1_step s = MSE_HTTP1_MORE;
    mse_http1_body_begin(&b, &h, trailers);
    *taken = 0;
    while (s == MSE_HTTP1_MORE && *taken < in.len) {
        size_t n = 0;
        size_t len = in.len - *taken < step ? in.len - *taken : step;
        s = mse_http1_body_take(&b, mse_bytes_of(in.data + *taken, len), &n);
        *taken += n;
    }
    return s;
}

static void takes_chunks(void **state)
{
    static const char text[] = "5\r\nhello\r\n0a;x=\"y\"\r\n0123456789\r\n0\r\n\r\nGET";
    (void)state;
    for (size_t step = 1; step < sizeof text; step++) {
        size_t taken = 0;
        assert_int_equal(feed(text, step, false, &taken), MSE_HTTP1_END);
        assert_int_equal(taken, sizeof text - 1 - 3);
    }
    for (size_t len = 0; len < sizeof text - 4; len++) {
        char cut[sizeof text];
        size_t taken = 0;
        (void)snprintf(cut, sizeof cut, "%.*s", (int)len, text);
        assert_int_equal(feed(cut, 100, false, &taken), MSE_HTTP1_MORE);
    }
}

static void refuses_chunks(void **state)
{
    static const char *const bad[] = {
        "\r\n",
        "g\r\n",
        " 5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "-1\r\n",
        "0x5\r\nhello",
        ";x\r\n",
        "5\nhello\r\n",
        "5\rhello\r\n",
        "5;\nhello\r\n",
        "5;\x01\r\nhello\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "1000000000000000\r\n",
        "0\r\nX: y\r\n\r\n",
        "0\r\n\n",
    };
    size_t taken = 0;
    char extension[400];
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        if (feed(bad[i], 1, false, &taken) != MSE_HTTP1_BAD) {
            print_error("case %zu: %s\n", i, bad[i]);
        }
        assert_int_equal(feed(bad[i], 1, false, &taken), MSE_HTTP1_BAD);
    }
    memset(extension, 'x', sizeof extension - 1);
    memcpy(extension, "5;", 2);
    extension[sizeof extension - 1] = '\0';
    assert_int_equal(feed(extension, 7, false, &taken), MSE_HTTP1_BAD);
}

static void takes_trailers_of_responses(void **state)
{
    size_t taken = 0;
    (void)state;
    assert_int_equal(feed("0\r\nX: y\r\nZ:\r\n\r\n", 1, true, &taken), MSE_HTTP1_END);
    assert_int_equal(taken, 15);
    assert_int_equal(feed("0\r\nX y\r\n\r\n", 1, true, &taken), MSE_HTTP1_BAD);
    assert_int_equal(feed("0\r\n: y\r\n\r\n", 1, true, &taken), MSE_HTTP1_BAD);
    assert_int_equal(feed("0\r\nX\r\n\r\n", 1, true, &taken), MSE_HTTP1_BAD);
    assert_int_equal(feed("0\r\nX: \x01\r\n\r\n", 1, true, &taken), MSE_HTTP1_BAD);
    char *many = malloc(9002);
    assert_non_null(many);
    memset(many, 'x', 9001);
    memcpy(many, "0\r\nX:", 5);
    many[9001] = '\0';
    assert_int_equal(feed(many, 100, true, &taken), MSE_HTTP1_BAD);
    free(many);
}

static void counts_lengths(void **state)
{
    struct mse_http1_head h = { .framing = MSE_HTTP1_LENGTH, .content_length = 10 };
    struct mse_http1_body b;
    size_t n = 0;
    (void)state;
    mse_http1_body_begin(&b, &h, false);
    assert_int_equal(mse_http1_body_take(&b, mse_bytes_str("1234"), &n), MSE_HTTP1_MORE);
    assert_int_equal(n, 4);
    assert_int_equal(mse_http1_body_take(&b, mse_bytes_str("567890GET"), &n), MSE_HTTP1_END);
    assert_int_equal(n, 6);
    h.framing = MSE_HTTP1_NO_BODY;
    mse_http1_body_begin(&b, &h, false);
    assert_int_equal(mse_http1_body_take(&b, mse_bytes_str("GET"), &n), MSE_HTTP1_END);
    assert_int_equal(n, 0);
    h.framing = MSE_HTTP1_UNTIL_END;
    mse_http1_body_begin(&b, &h, false);
    assert_int_equal(mse_http1_body_take(&b, mse_bytes_str("abc"), &n), MSE_HTTP1_MORE);
    assert_int_equal(n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_request),    cmocka_unit_test(reads_the_forms_of_targets),
        cmocka_unit_test(knows_who_closes),   cmocka_unit_test(refuses_what_is_not_clear),
        cmocka_unit_test(waits_for_the_rest), cmocka_unit_test(survives_flips),
        cmocka_unit_test(has_limits),         cmocka_unit_test(reads_responses),
        cmocka_unit_test(refuses_responses),  cmocka_unit_test(takes_chunks),
        cmocka_unit_test(refuses_chunks),     cmocka_unit_test(takes_trailers_of_responses),
        cmocka_unit_test(counts_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
