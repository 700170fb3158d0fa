/* SPDX-License-Identifier: Apache-2.0 */
/* Writing HTML: nothing that comes from elsewhere becomes markup, hides, or moves what stands
 * beside it. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "base/util.h"
#include "httpd/html.h"

static void expect(const char *text, size_t len, const char *want)
{
    char out[1024];
    struct mse_build b;
    mse_build_fixed(&b, out, sizeof out);
    mse_html_text(&b, mse_bytes_of(text, len));
    assert_string_equal(mse_build_cstr(&b), want);
}

static void escapes(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } list[] = {
        { "", "" },
        { "a b-c_9", "a b-c_9" },
        { "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;" },
        { "\" onload='x' & &amp;", "&quot; onload=&#39;x&#39; &amp; &amp;amp;" },
        { "tab\there\nline", "tab\there\nline" },
        { "\x01\x1b[31m\r\x7f", "[U+0001][U+001B][31m[U+000D][U+007F]" },
        { "\xc2\x85\xc2\xad", "[U+0085][U+00AD]" }, /* C1, soft hyphen */
        { "a\xe2\x80\xae"
          "b\xe2\x81\xa6",
          "a[U+202E]b[U+2066]" },                                           /* RLO, LRI */
        { "\xe2\x80\x8b\xe2\x80\x8f\xd8\x9c", "[U+200B][U+200F][U+061C]" }, /* ZWSP, RLM, ALM */
        { "\xe2\x80\xa8\xef\xbb\xbf", "[U+2028][U+FEFF]" },                 /* LS, BOM */
        { "\xf3\xa0\x81\x81\xee\x80\x80", "[U+E0041][U+E000]" },            /* tag, private */
        { "L\xc3\xa4"
          "den \xd7\xa9 \xe6\xbc\xa2 \xf0\x9f\x91\x8d",
          "L\xc3\xa4"
          "den \xd7\xa9 \xe6\xbc\xa2 \xf0\x9f\x91\x8d" },
        { "\xff", "\xef\xbf\xbd" },
        { "a\xc3", "a\xef\xbf\xbd" },               /* cut */
        { "\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd" }, /* '<' the long way */
        { "\xe0\x80\xbc", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* surrogate */
        { "\xf4\x90\x80\x80<", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd&lt;" },
        { "\xc3<", "\xef\xbf\xbd&lt;" }, /* eats nothing */
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        print_message("# %zu\n", i);
        expect(list[i].text, strlen(list[i].text), list[i].want);
    }
    expect("a\0b", 3, "a[U+0000]b");
}

/* Whatever the bytes are, what comes out is UTF-8 without markup. */
static void holds_for_all_bytes(void **state)
{
    char out[4096];
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned c = 0; c < 256; c++) {
            const char in[] = { (char)a, (char)c, '<', (char)a };
            struct mse_build b;
            mse_build_fixed(&b, out, sizeof out);
            mse_html_text(&b, mse_bytes_of(in, sizeof in));
            const char *text = mse_build_cstr(&b);
            assert_non_null(text);
            assert_null(strpbrk(text, "<>\"'"));
            assert_non_null(strstr(text, "&lt;"));
        }
    }
}

static void formats(void **state)
{
    char out[256];
    struct mse_build b;
    (void)state;
    mse_build_fixed(&b, out, sizeof out);
    mse_html(&b, "<a title=\"%s\">%u %llu %lld 100%%</a>%s", "\"<>", 7U, 8ULL, -9LL, "");
    assert_string_equal(mse_build_cstr(&b), "<a title=\"&quot;&lt;&gt;\">7 8 -9 100%</a>");
    mse_build_reset(&b);
    mse_html_url(&b, "a.b/../c d\"<\xc3\xa4~");
    assert_string_equal(mse_build_cstr(&b), "a.b%2F..%2Fc%20d%22%3C%C3%A4~");
    mse_build_fixed(&b, out, 5);
    mse_html(&b, "<b>%s", "<<<<");
    assert_false(mse_build_ok(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes),
        cmocka_unit_test(holds_for_all_bytes),
        cmocka_unit_test(formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
