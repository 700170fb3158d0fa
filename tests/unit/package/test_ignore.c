/* SPDX-License-Identifier: Apache-2.0 */
/* Ignore rules. Each row was compared with `git check-ignore --no-index`. */
#include "base/bytes.h"
#include "lib/testlib.h"
#include "package/ignore.h"

struct row {
    const char *rules;
    const char *path; /* a '/' at the end: a folder */
    bool ignored;
};

static const struct row rows[] = {
    { "foo", "foo", true },
    { "foo", "a/foo", true },
    { "foo", "foobar", false },
    { "foo/", "foo", false },
    { "foo/", "foo/", true },
    { "foo/", "a/foo/", true },
    { "/foo", "foo", true },
    { "/foo", "a/foo", false },
    { "a/foo", "a/foo", true },
    { "a/foo", "b/a/foo", false },
    { "/a/foo/", "a/foo/", true },
    { "*.py", "x.py", true },
    { "*.py", "a/b/x.py", true },
    { "*.py[cod]", "x.pyc", true },
    { "*.py[cod]", "x.py", false },
    { "/*.py", "a/x.py", false },
    { "a/*.py", "a/x.py", true },
    { "a/*.py", "a/b/x.py", false },
    { "a/*", "a/b/", true },
    { "a*b", "a/b", false },
    { "x/a*b", "x/a/b", false },
    { "a?c", "abc", true },
    { "x/a?c", "x/a/c", false },
    { "**/foo", "foo", true },
    { "**/foo", "a/b/foo", true },
    { "**/a/foo", "b/c/a/foo", true },
    { "a/**", "a/b", true },
    { "a/**", "a/b/c", true },
    { "a/**", "a/", false },
    { "a/**/b", "a/b", true },
    { "a/**/b", "a/x/b", true },
    { "a/**/b", "a/x/y/b", true },
    { "a/**/b", "a/x/y/c", false },
    { "a/**/b/**/c", "a/b/x/b/y/c", true },
    { "a**b", "axxb", true },
    { "x/a**b", "x/a/b", false },
    { "**", "a", true },
    { "*\n!keep", "keep", false },
    { "*\n!keep", "drop", true },
    { "!keep\n*", "keep", true },
    { "*.log\n!a/*.log", "a/x.log", false },
    { "*.log\n!a/*.log", "b/x.log", true },
    { "# note\nfoo", "# note", false },
    { "\\#foo", "#foo", true },
    { "\\!foo", "!foo", true },
    { "foo ", "foo", true },
    { "foo\\ ", "foo ", true },
    { "foo\\ ", "foo", false },
    { "foo\r\nbar\r\n", "foo", true },
    { "foo\r\nbar\r\n", "bar", true },
    { "\xef\xbb\xbf"
      "foo",
      "foo", true },
    { "\n\n", "a", false },
    { "[a-c]x", "bx", true },
    { "[!a-c]x", "bx", false },
    { "[^a-c]x", "dx", true },
    { "[]]x", "]x", true },
    { "[a-]x", "-x", true },
    { "[[:digit:]]x", "5x", true },
    { "[[:digit:]]x", "ax", false },
    { "[[:alpha:][:digit:]]x", "ax", true },
    { "[\\]]x", "]x", true },
    { "[abc", "[abc", false },
    { "[abc", "a", false },
    { "\\*", "*", true },
    { "\\*", "a", false },
    { "a\\", "a", false },
    { "*a*b*c*", "xxaxxbxxcxx", true },
    { "*a*b*c*", "xxaxxcxxbxx", false },
    { "foo/*\n!foo/bar", "foo/bar", false },
    { "foo/*\n!foo/bar", "foo/baz", true },
    { "/", "a", false },
    { "***/x", "a/x", true },
    { "a\\/b", "a/b", true },
    { "[c-a]x", "cx", true },
    { "[c-a]x", "bx", false },
    { "!", "a", false },
};

static bool judge(const char *rules, const char *path)
{
    struct mse_ignore ig = { 0 };
    assert_status(mse_ignore_parse(&ig, mse_bytes_str(rules), NULL), MSE_OK);
    struct mse_bytes p = mse_bytes_str(path);
    bool folder = p.data[p.len - 1] == '/';
    p.len -= folder ? 1 : 0;
    bool ignored = mse_ignore_match(&ig, p, folder);
    mse_ignore_clear(&ig);
    return ignored;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (judge(rows[i].rules, rows[i].path) != rows[i].ignored) {
            fail_msg("rules \"%s\", path \"%s\": wanted %d", rows[i].rules, rows[i].path,
                     rows[i].ignored);
        }
    }
}

static void test_default_list(void **state)
{
    (void)state;
    struct mse_ignore ig = { 0 };
    assert_status(mse_ignore_parse(&ig, mse_ignore_default(), NULL), MSE_OK);
    assert_true(mse_ignore_match(&ig, mse_bytes_str("mse.toml"), false));
    assert_false(mse_ignore_match(&ig, mse_bytes_str("pkg/mse.toml"), false));
    assert_true(mse_ignore_match(&ig, mse_bytes_str("secrets.json"), false));
    assert_true(mse_ignore_match(&ig, mse_bytes_str(".git"), true));
    assert_true(mse_ignore_match(&ig, mse_bytes_str("a/__pycache__"), true));
    assert_true(mse_ignore_match(&ig, mse_bytes_str("a/b.pyc"), false));
    assert_false(mse_ignore_match(&ig, mse_bytes_str("app.py"), false));
    mse_ignore_clear(&ig);
}

static void test_maxima(void **state)
{
    (void)state;
    struct mse_ignore ig = { 0 };
    char *text = malloc(MSE_IGNORE_MAX_LEN + 1);
    assert_non_null(text);
    memset(text, 'a', MSE_IGNORE_MAX_LEN + 1);
    assert_status(mse_ignore_parse(&ig, mse_bytes_of(text, MSE_IGNORE_MAX_LEN + 1), NULL),
                  MSE_ERR_NO_SPACE);
    assert_status(mse_ignore_parse(&ig, mse_bytes_of(text, MSE_IGNORE_MAX_LEN), NULL), MSE_OK);
    mse_ignore_clear(&ig);
    memset(text, '\n', MSE_IGNORE_MAX_LEN);
    assert_status(mse_ignore_parse(&ig, mse_bytes_of(text, MSE_IGNORE_MAX_NUM), NULL),
                  MSE_ERR_NO_SPACE);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_default_list),
        cmocka_unit_test(test_maxima),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
