/* SPDX-License-Identifier: Apache-2.0 */
/* Who may use the proxy, and what it passes on. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "proxy/forward.h"
#include "proxy/page.h"
#include "proxy/rules.h"

static void reads_authorities(void **state)
{
    static const char *const bad[] = { "",    ":80",     "a:",    "a:0",   "a:65536", "a:1x",
                                       "u@a", "a b",     "a/b",   "[::1",  "[::1]80", "[]:80",
                                       "::1", "a:80:80", "[a:g]", "a\x7f", "a%00.b",  "a,b" };
    struct mse_authority a;
    (void)state;
    assert_true(mse_authority_read(&a, mse_bytes_str("App.example:8443"), 80));
    assert_true(mse_bytes_is_str(a.host, "App.example") && a.port == 8443);
    assert_true(mse_authority_read(&a, mse_bytes_str("a"), 443) && a.port == 443);
    assert_true(mse_authority_read(&a, mse_bytes_str("[::1]:8080"), 80));
    assert_true(mse_bytes_is_str(a.host, "::1") && a.port == 8080);
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        assert_false(mse_authority_read(&a, mse_bytes_str(bad[i]), 80));
    }
}

static void knows_its_own_names(void **state)
{
    static const char *const here[] = { "localhost:8080", "LOCALHOST:8080", "127.0.0.1:8080",
                                        "[::1]:8080" };
    static const char *const not_here[] = {
        "localhost",           "localhost:8081",   "evil.example:8080",
        "localhost.evil:8080", "localhost.:8080",  "127.0.0.1.nip.io:8080",
        "127.0.0.2:8080",      "0.0.0.0:8080",     "192.168.1.2:8080",
        "[::]:8080",           "x@localhost:8080", "",
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(here); i++) {
        assert_true(mse_rules_is_here(mse_bytes_str(here[i]), 8080, false));
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(not_here); i++) {
        assert_false(mse_rules_is_here(mse_bytes_str(not_here[i]), 8080, false));
    }
    assert_true(mse_rules_is_here(mse_bytes_str("localhost"), 80, false));
    assert_true(mse_rules_is_here(mse_bytes_str("192.168.1.2:8080"), 8080, true));
    assert_true(mse_rules_is_here(mse_bytes_str("[fd00::1]:8080"), 8080, true));
    assert_false(mse_rules_is_here(mse_bytes_str("evil.example:8080"), 8080, true));
}

/* What is said of the page, for http://localhost:8080. */
static bool allowed(const char *fields)
{
    static struct mse_http1_head h;
    static char text[1024];
    struct mse_authority at;
    const char *why = NULL;
    (void)snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: localhost:8080\r\n%s\r\n", fields);
    assert_int_equal(mse_http1_request(&h, mse_bytes_str(text), &why), 200);
    assert_true(mse_authority_read(&at, h.host, 80));
    return mse_rules_page(&h, "http", &at) == NULL;
}

static void lets_the_apps_own_pages(void **state)
{
    (void)state;
    assert_true(allowed(""));
    assert_true(allowed("Origin: http://localhost:8080\r\n"));
    assert_true(allowed("Origin: HTTP://LocalHost:8080\r\n"));
    assert_true(allowed("Origin: http://localhost:8080\r\nSec-Fetch-Site: same-origin\r\n"));
    assert_true(allowed("Sec-Fetch-Site: none\r\n"));
    assert_true(allowed("Referer: http://localhost:8080/page?x\r\n"));
    assert_true(allowed("Sec-Fetch-Site: none\r\nReferer: http://evil.example/\r\n"));
}

static void refuses_other_pages(void **state)
{
    static const char *const bad[] = {
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Origin:\r\n",
        "Origin: http://localhost\r\n",
        "Origin: http://localhost:3000\r\n",
        "Origin: https://localhost:8080\r\n",
        "Origin: http://127.0.0.1:8080\r\n",
        "Origin: http://localhost:8080.evil.example\r\n",
        "Origin: http://localhost:8080/\r\n",
        "Origin: http://x@localhost:8080\r\n",
        "Origin: http://localhost:8080 http://evil.example\r\n",
        "Origin: localhost:8080\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site:\r\n",
        "Sec-Fetch-Site: same-origin, none\r\n",
        "Origin: http://localhost:8080\r\nSec-Fetch-Site: cross-site\r\n",
        "Referer: http://evil.example/\r\n",
        "Referer: http://localhost:8080.evil.example/\r\n",
        "Referer: about:blank\r\n",
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(bad); i++) {
        if (allowed(bad[i])) {
            print_error("case %zu: %s\n", i, bad[i]);
        }
        assert_false(allowed(bad[i]));
    }
}

static const struct mse_forward to = { .scheme = "http",
                                       .here = { (const uint8_t *)"localhost:8080", 14 },
                                       .app = { (const uint8_t *)"app.example", 11 } };

static void forwards_requests(void **state)
{
    static struct mse_http1_head h;
    static const char text[] =
        "POST /a?b HTTP/1.1\r\nHost: localhost:8080\r\nX: 1\r\nOrigin: http://localhost:8080\r\n"
        "Referer: http://localhost:8080/p\r\nConnection: keep-alive, te\r\nKeep-Alive: 5\r\n"
        "TE: trailers\r\nProxy-Authorization: secret\r\nProxy-Connection: x\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: x\r\nCookie: c\r\nTransfer-Encoding: chunked\r\n\r\n";
    uint8_t room[2048];
    struct mse_build b;
    const char *why = NULL;
    (void)state;
    mse_build_fixed(&b, room, sizeof room);
    assert_int_equal(mse_http1_request(&h, mse_bytes_str(text), &why), 200);
    mse_forward_request(&b, &h, &to);
    assert_string_equal(mse_build_cstr(&b),
                        "POST /a?b HTTP/1.1\r\nHost: app.example\r\nOrigin: https://app.example\r\n"
                        "Referer: https://app.example/p\r\nX: 1\r\nCookie: c\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n");
    /* What is written is read the same way. */
    static struct mse_http1_head again;
    assert_int_equal(mse_http1_request(&again, mse_build_view(&b), &why), 200);
    assert_int_equal(again.len, b.len);
    assert_int_equal(again.framing, h.framing);
}

static void forwards_upgrades(void **state)
{
    static struct mse_http1_head h;
    uint8_t room[2048];
    struct mse_build b;
    const char *why = NULL;
    (void)state;
    mse_build_fixed(&b, room, sizeof room);
    assert_int_equal(mse_http1_request(&h,
                                       mse_bytes_str("GET / HTTP/1.1\r\nHost: localhost:8080\r\n"
                                                     "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                                                     "Referer: http://other/\r\n\r\n"),
                                       &why),
                     200);
    mse_forward_request(&b, &h, &to);
    assert_string_equal(mse_build_cstr(&b), "GET / HTTP/1.1\r\nHost: app.example\r\n"
                                            "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

static void forwards_responses(void **state)
{
    static struct mse_http1_head h;
    static const char text[] =
        "HTTP/1.1 302 Over There\r\nLocation: https://app.example/x\r\nConnection: close, X\r\n"
        "Keep-Alive: 5\r\nAlt-Svc: h2=\":443\"\r\nSet-Cookie: c\r\nContent-Length: 0\r\n\r\n";
    static const char other[] = "HTTP/1.1 302 x\r\nLocation: https://app.example.evil/x\r\n\r\n";
    uint8_t room[2048];
    struct mse_build b;
    const char *why = NULL;
    (void)state;
    mse_build_fixed(&b, room, sizeof room);
    assert_int_equal(mse_http1_response(&h, mse_bytes_str(text), mse_bytes_str("GET"), &why), 200);
    mse_forward_response(&b, &h, &to, false);
    assert_string_equal(mse_build_cstr(&b),
                        "HTTP/1.1 302 Over There\r\nLocation: http://localhost:8080/x\r\n"
                        "Set-Cookie: c\r\nContent-Length: 0\r\n\r\n");
    mse_build_reset(&b);
    assert_int_equal(mse_http1_response(&h, mse_bytes_str(other), mse_bytes_str("GET"), &why), 200);
    mse_forward_response(&b, &h, &to, true);
    assert_string_equal(mse_build_cstr(&b),
                        "HTTP/1.1 302 x\r\nLocation: https://app.example.evil/x\r\n"
                        "Connection: close\r\n\r\n");
}

static void writes_pages(void **state)
{
    struct mse_page p = { .status = 502, .title = "T", .num_changes = 1 };
    uint8_t room[8192];
    struct mse_build b;
    (void)state;
    mse_build_fixed(&b, room, sizeof room);
    (void)snprintf(p.detail, sizeof p.detail, "<script>\"&");
    p.changes[0].what = "fingerprint";
    (void)snprintf(p.changes[0].old_value, sizeof p.changes[0].old_value, "aa");
    (void)snprintf(p.changes[0].new_value, sizeof p.changes[0].new_value, "bb");
    mse_page_write(&b, &p, mse_bytes_str("text/html,*/*"), false);
    const char *text = mse_build_cstr(&b);
    assert_non_null(strstr(text, "HTTP/1.1 502 Bad Gateway\r\n"));
    assert_non_null(strstr(text, "&lt;script&gt;&quot;&amp;"));
    assert_null(strstr(text, "<script>"));
    assert_non_null(strstr(text, "default-src 'none'"));
    assert_non_null(strstr(text, "<code>aa</code>"));
    mse_build_reset(&b);
    mse_page_write(&b, &p, mse_bytes_str("*/*"), false);
    text = mse_build_cstr(&b);
    assert_non_null(strstr(text, "application/problem+json"));
    assert_non_null(
        strstr(text, "\"changed\":[{\"what\":\"fingerprint\",\"old\":\"aa\",\"new\":\"bb\"}]"));
    mse_build_reset(&b);
    mse_page_write(&b, &p, mse_bytes_str("text/plain"), true);
    text = mse_build_cstr(&b);
    assert_non_null(strstr(text, "text/plain"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_authorities),       cmocka_unit_test(knows_its_own_names),
        cmocka_unit_test(lets_the_apps_own_pages), cmocka_unit_test(refuses_other_pages),
        cmocka_unit_test(forwards_requests),       cmocka_unit_test(forwards_upgrades),
        cmocka_unit_test(forwards_responses),      cmocka_unit_test(writes_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
