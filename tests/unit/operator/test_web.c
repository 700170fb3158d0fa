/* SPDX-License-Identifier: Apache-2.0 */
/* The pages without their server: who may send a form, cookies, where a login leads, plots, times.
 */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "operator/web.h"

static void knows_its_own_forms(void **state)
{
    static const struct {
        bool tls;
        const char *host;
        const char *origin;
        const char *site;
        bool own;
    } list[] = {
        { true, "api.a.org", "https://api.a.org", "same-origin", true },
        { true, "api.a.org", "https://api.a.org", NULL, true },
        { true, "api.a.org:7443", "https://API.a.org:7443", "same-origin", true },
        { true, "api.a.org", "http://api.a.org", "same-origin", false },
        { true, "api.a.org", "https://api.a.org", "same-site", false },
        { true, "api.a.org", "https://api.a.org", "cross-site", false },
        { true, "api.a.org", "https://api.a.org", "none", false },
        { true, "api.a.org", "https://app.a.org", "same-origin", false },
        { true, "api.a.org", "https://api.a.org:444", NULL, false },
        { true, "api.a.org", "https://api.a.org.evil", NULL, false },
        { true, "api.a.org", "https://evil/https://api.a.org", NULL, false },
        { true, "api.a.org", "null", NULL, false },
        { true, "api.a.org", "", NULL, false },
        { true, "api.a.org", NULL, "same-origin", false },
        { true, NULL, "https://api.a.org", "same-origin", false },
        { false, "127.0.0.1:7443", "http://127.0.0.1:7443", "same-origin", true },
        { false, "127.0.0.1:7443", "https://127.0.0.1:7443", NULL, true },
        { false, "127.0.0.1:7443", "http://127.0.0.1:7444", NULL, false },
        { false, "127.0.0.1:7443", "ftp://127.0.0.1:7443", NULL, false },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        print_message("# %zu\n", i);
        assert_true(web_is_own(list[i].tls, list[i].host, list[i].origin, list[i].site) ==
                    list[i].own);
    }
}

static void leads_to_apps_only(void **state)
{
    (void)state;
    assert_true(web_may_go("/app/31e26b59-2cbc-4cdc-a3bc-148a0bdf6eb4"));
    assert_false(web_may_go("/app/31e26b59-2cbc-4cdc-a3bc-148a0bdf6eb4/x"));
    assert_false(web_may_go("/app/x"));
    assert_false(web_may_go("//evil.org/app/31e26b59-2cbc-4cdc-a3bc-148a0bdf6eb4"));
    assert_false(web_may_go("https://evil.org/"));
    assert_false(web_may_go("/app/31e26b59-2cbc-4cdc-a3bc-148a0bdf6eb4\r\nX: y"));
    assert_false(web_may_go(""));
}

static void keeps_its_cookie_close(void **state)
{
    char out[160];
    (void)state;
    web_cookie(out, true, "mset_x", 60);
    assert_string_equal(out,
                        "__Host-mse=mset_x; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=60");
    web_cookie(out, false, "", 0);
    assert_string_equal(out, "mse-session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
}

static void says_values(void **state)
{
    static const struct {
        enum web_unit unit;
        double v;
        const char *text;
        double top;
    } list[] = {
        { WEB_COUNT, 0, "0", 1 },
        { WEB_COUNT, 3, "3", 5 },
        { WEB_COUNT, 1.5, "1.5", 2 },
        { WEB_COUNT, 1234, "1234", 2000 },
        { WEB_CORES, 123, "12.3 %", 200 },
        { WEB_CORES, 0, "0.0 %", 10 },
        { WEB_BYTES, 1023, "1023 B", 1024 },
        { WEB_BYTES, 1536, "1.5 KiB", 2048 },
        { WEB_BYTES, 3 * 1048576.0, "3.0 MiB", 5 * 1048576.0 },
        { WEB_BYTES_SECOND, 2048, "2.0 KiB/s", 2048 },
        { WEB_US, 999, "999 \xc2\xb5s", 1000 },
        { WEB_US, 1500, "1.5 ms", 2000 },
        { WEB_US, 2500000, "2.50 s", 5000000 },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        char out[32];
        print_message("# %s\n", list[i].text);
        assert_string_equal(web_value(out, list[i].unit, list[i].v), list[i].text);
        assert_true(web_scale(list[i].unit, list[i].v) == list[i].top);
    }
    char out[32];
    assert_string_equal(web_value(out, WEB_COUNT, 1e300), "\xe2\x80\x93");
}

static void says_how_long(void **state)
{
    static const struct {
        mse_time t;
        const char *text;
    } list[] = {
        { 1000000, "just now" },
        { 1000001, "in a moment" },
        { 1000000 - 119, "just now" },
        { 1000000 - 120, "2 minutes ago" },
        { 1000000 + 7200, "in 2 hours" },
        { 1000000 + 2 * 86400, "in 2 days" },
        { 1000000 + 800 * (mse_time)86400, "in 2 years" },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        char out[32];
        assert_string_equal(web_relative(out, list[i].t, 1000000), list[i].text);
    }
}

static void plots(void **state)
{
    static struct web_series s = { .name = "<b>" };
    struct mse_build b;
    struct web_plot p = { .title = "A & B",
                          .unit = WEB_COUNT,
                          .since_ms = 0,
                          .step_ms = 360000,
                          .num = 1,
                          .series = { &s } };
    (void)state;
    mse_build_heap(&b, (size_t)1 << 20);
    web_plot(&b, &p);
    assert_non_null(strstr(mse_build_cstr(&b), "Nothing was measured"));
    mse_build_reset(&b);
    s.there[3] = s.there[4] = s.there[9] = true;
    s.values[3] = 1;
    s.values[4] = 2;
    web_plot(&b, &p);
    const char *text = mse_build_cstr(&b);
    assert_non_null(strstr(text, "<h3>A &amp; B</h3>"));
    assert_non_null(strstr(text, "&lt;b&gt;: last 0, at most 2"));
    /* A line where there are values, a gap where there are none, a dot for one alone. */
    assert_non_null(strstr(text, "d=\"M3 50.0h1L4 0.0M9 100.0h1\""));
    assert_non_null(strstr(text, "data-values=\"-1 -1 -1 1 2 -1"));
    assert_non_null(strstr(text, "<th scope=\"row\">1970-01-01 00:00</th><td>1</td>"));
    assert_null(strstr(text, "style="));
    mse_build_reset(&b);
    p.bars = true;
    web_plot(&b, &p);
    assert_non_null(strstr(mse_build_cstr(&b), "in all 3, at most 2"));
    mse_build_clear(&b);
}

static void shows_hostile_texts(void **state)
{
    struct mse_build b;
    (void)state;
    mse_build_heap(&b, (size_t)1 << 16);
    web_fact_text(&b, "x", "</dd><script>\xe2\x80\xae");
    web_fact_hex(&b, "\"><img>", "ab");
    web_command(&b, "a\"b", "$(x) <y>");
    const char *text = mse_build_cstr(&b);
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "<img"));
    assert_null(strstr(text, "<y>"));
    assert_non_null(strstr(text, "&lt;/dd&gt;&lt;script&gt;[U+202E]"));
    assert_non_null(strstr(text, "aria-label=\"a&quot;b\""));
    mse_build_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_its_own_forms),    cmocka_unit_test(leads_to_apps_only),
        cmocka_unit_test(keeps_its_cookie_close), cmocka_unit_test(says_values),
        cmocka_unit_test(says_how_long),          cmocka_unit_test(plots),
        cmocka_unit_test(shows_hostile_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
