/* SPDX-License-Identifier: Apache-2.0 */
/* Where browsers keep their certificates: profiles.ini in every form, and the folders. What
 * certutil does with them is tested from outside. */
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/browsers.h"
#include "cmd/files.h"
#include "lib/testlib.h"

static char *dir;

static int enter(void **state)
{
    (void)state;
    dir = test_tmpdir();
    return 0;
}

static int leave(void **state)
{
    (void)state;
    test_tmpdir_remove(dir);
    return 0;
}

/* A file in dir, with the folders that lead to it. */
static void put(const char *name, const char *text)
{
    char *path = cli_join(dir, name);
    assert_status(cli_make_parents(path, NULL), MSE_OK);
    test_write_file(path, mse_bytes_str(text));
    free(path);
}

static void assert_folder(const struct cli_stores *s, size_t at, enum cli_browser b,
                          const char *name)
{
    char *path = cli_join(dir, name);
    assert_true(at < s->num);
    assert_int_equal(s->items[at].browser, b);
    assert_string_equal(s->items[at].folder, path);
    free(path);
}

static const char ini[] = "Path=before\n[General]\nPath=general\n"
                          "[Profile0]\r\nName=one\r\nPath=one\r\n"
                          "[Profile1]\nName=two\nIsRelative=1\nPath=two\nDefault=1\n"
                          "[Profile2]\nName=gone\nPath=gone\n"
                          "[Profile3]\nName=none\n"
                          "[Install1]\nDefault=one\nPath=two\n"
                          "[Profile4]\nPath=one";

static void test_profiles(void **state)
{
    (void)state;
    struct cli_stores s = { .num = 0 };
    put("one/x", "");
    put("two/x", "");
    put("before/x", "");
    put("general/x", "");
    assert_status(cli_profiles_add(&s, dir, mse_bytes_str(ini), NULL, NULL), MSE_OK);
    assert_int_equal(s.num, 2); /* each once */
    assert_folder(&s, 0, CLI_FIREFOX, "one");
    assert_folder(&s, 1, CLI_FIREFOX, "two");
    cli_stores_clear(&s);
    assert_status(cli_profiles_add(&s, dir, mse_bytes_str(ini), "two", NULL), MSE_OK);
    assert_int_equal(s.num, 1);
    assert_folder(&s, 0, CLI_FIREFOX, "two");
    cli_stores_clear(&s);
}

static void test_absolute(void **state)
{
    (void)state;
    struct cli_stores s = { .num = 0 };
    char text[512];
    put("else/x", "");
    (void)snprintf(text, sizeof text, "[Profile0]\nIsRelative=0\nPath=%s/else\n", dir);
    assert_status(cli_profiles_add(&s, "/nowhere", mse_bytes_str(text), NULL, NULL), MSE_OK);
    assert_int_equal(s.num, 1);
    assert_folder(&s, 0, CLI_FIREFOX, "else");
    cli_stores_clear(&s);
}

static void test_hostile(void **state)
{
    (void)state;
    static char longest[20000] = "[Profile0]\nPath=";
    struct cli_stores s = { .num = 0 };
    put("one/x", "");
    for (size_t len = 0; len < sizeof ini; len++) { /* its NUL too */
        assert_status(cli_profiles_add(&s, dir, mse_bytes_of(ini, len), NULL, NULL), MSE_OK);
        assert_true(s.num <= 1);
        cli_stores_clear(&s);
    }
    memset(longest + strlen(longest), 'a', sizeof longest - 1 - strlen(longest));
    assert_status(cli_profiles_add(&s, dir, mse_bytes_str(longest), NULL, NULL), MSE_OK);
    assert_status(
        cli_profiles_add(&s, dir, mse_bytes_of("[Profile0]\nPath=o\0e\n", 20), NULL, NULL), MSE_OK);
    assert_int_equal(s.num, 0);
}

static void test_most(void **state)
{
    (void)state;
    struct cli_stores s = { .num = 0 };
    struct mse_error err = { 0 };
    char name[32];
    for (unsigned i = 0; i < CLI_MAX_STORES; i++) {
        (void)snprintf(name, sizeof name, "/p%u", i);
        assert_status(cli_stores_add(&s, CLI_FIREFOX, name, &err), MSE_OK);
    }
    assert_status(cli_stores_add(&s, CLI_FIREFOX, "/p0", &err), MSE_OK); /* known */
    assert_status(cli_stores_add(&s, CLI_CHROMIUM, "/p0", &err), MSE_ERR_NO_SPACE);
    cli_stores_clear(&s);
}

/* The older folder of Chromium shadows that of XDG; packages have homes of their own. */
static void test_folders(void **state)
{
    (void)state;
    struct cli_stores s = { .num = 0 };
    assert_status(cli_stores_find(&s, dir, NULL, NULL, NULL), MSE_OK);
    assert_int_equal(s.num, 1);
    assert_folder(&s, 0, CLI_CHROMIUM, ".local/share/pki/nssdb");
    cli_stores_clear(&s);
    assert_status(cli_stores_find(&s, dir, "/data", NULL, NULL), MSE_OK);
    assert_string_equal(s.items[0].folder, "/data/pki/nssdb");
    cli_stores_clear(&s);
    put(".pki/nssdb/x", "");
    put("snap/chromium/current/x", "");
    put(".var/app/org.chromium.Chromium/x", "");
    put("snap/firefox/common/.mozilla/firefox/profiles.ini", "[Profile0]\nPath=p\n");
    put("snap/firefox/common/.mozilla/firefox/p/x", "");
    put(".config/mozilla/firefox/profiles.ini", "[Profile0]\nPath=q\n");
    put(".config/mozilla/firefox/q/x", "");
    assert_status(cli_stores_find(&s, dir, "/data", NULL, NULL), MSE_OK);
    assert_int_equal(s.num, 5);
    assert_folder(&s, 0, CLI_CHROMIUM, ".pki/nssdb");
    assert_folder(&s, 1, CLI_CHROMIUM, "snap/chromium/current/.local/share/pki/nssdb");
    assert_folder(&s, 2, CLI_CHROMIUM, ".var/app/org.chromium.Chromium/data/pki/nssdb");
    assert_folder(&s, 3, CLI_FIREFOX, "snap/firefox/common/.mozilla/firefox/p");
    assert_folder(&s, 4, CLI_FIREFOX, ".config/mozilla/firefox/q");
    cli_stores_clear(&s);
}

static void test_flags(void **state)
{
    (void)state;
    assert_string_equal(cli_import_flags(CLI_CHROMIUM, false), "P,,");
    assert_string_equal(cli_import_flags(CLI_CHROMIUM, true), "C,,");
    assert_string_equal(cli_import_flags(CLI_FIREFOX, false), "C,,");
    assert_string_equal(cli_import_flags(CLI_FIREFOX, true), "C,,");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_profiles, enter, leave),
        cmocka_unit_test_setup_teardown(test_absolute, enter, leave),
        cmocka_unit_test_setup_teardown(test_hostile, enter, leave),
        cmocka_unit_test(test_most),
        cmocka_unit_test_setup_teardown(test_folders, enter, leave),
        cmocka_unit_test(test_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
