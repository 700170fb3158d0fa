/* SPDX-License-Identifier: Apache-2.0 */
/* What mse cloud makes of an operator's answers, and of a name server's. */
#include "lib/testlib.h"

#include "base/bytes.h"
#include "cli/cloud.h"
#include "cli/cloud_names.h"

#define APP   "0f8fad5b-d9cb-469f-a165-70867728950e"
#define LABEL "abcdefghijklmnopqrstuvwxyz"

static json_t *parsed(const char *text)
{
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    return v;
}

/* ---- reservations ---- */

#define RESERVATION                                                                                \
    "{\"app_id\":\"" APP "\",\"domain_name\":\"" LABEL                                             \
    ".apps.example.org\",\"config_domain_name\":\"" APP                                            \
    ".apps.example.org\",\"port\":443,\"expires_default\":\"2027-01-01T00:00:00Z\"}"

static bool reserved(const char *text, const char *mode, const char *domain, const char *wanted)
{
    struct cloud_reservation r = { .port = 0 };
    char why[CLOUD_TEXT_LEN] = "";
    json_t *v = parsed(text);
    bool good = cloud_reservation_read(&r, v, APP, mode, domain, why);
    json_decref(v);
    assert_int_equal(r.port, good ? 443 : 0);
    if (!good && strstr(why, wanted) == NULL) {
        fail_msg("it says: %s", why);
    }
    return good;
}

static void test_reservation(void **state)
{
    (void)state;
    assert_true(reserved(RESERVATION, "self", "apps.example.org", ""));
    assert_false(reserved(RESERVATION, "operator", "dev.example.org", "directly below dev.exa"));
    assert_false(reserved(RESERVATION, "owner", "apps.example.org", "wanted none"));
    assert_false(reserved("[]", "self", "apps.example.org", "a member is missing"));
}

/* One member has another value. */
static void replaced(const char *key, json_t *value, const char *wanted)
{
    struct cloud_reservation r;
    char why[CLOUD_TEXT_LEN] = "";
    json_t *v = parsed(RESERVATION);
    if (value == NULL) {
        (void)json_object_del(v, key);
    } else {
        (void)json_object_set_new(v, key, value);
    }
    assert_false(cloud_reservation_read(&r, v, APP, "self", "apps.example.org", why));
    assert_non_null(strstr(why, wanted));
    json_decref(v);
}

static void test_reservation_lies(void **state)
{
    (void)state;
    static const char *const names[] = {
        "www.bank.example",
        LABEL "a.apps.example.org", /* 27 */
        "bcdefghijklmnopqrstuvwxyz.apps.example.org",
        "Abcdefghijklmnopqrstuvwxyz.apps.example.org",
        "abcdefghijklmnopqrstuvwxy1.apps.example.org",
        LABEL ".x.apps.example.org",
        LABEL ".apps.example.org.",
        LABEL ".apps.example.orgx",
        LABEL ".xapps.example.org",
        LABEL,
        "*.apps.example.org",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        replaced("domain_name", json_string(names[i]), "its public name is");
    }
    replaced("domain_name", json_integer(1), "a member is missing, or none");
    replaced("domain_name", NULL, "a member is missing, or none");
    replaced("config_domain_name", json_string("config.example.org"), "its configuration name is");
    replaced("config_domain_name", json_string(APP), "its configuration name is");
    replaced("config_domain_name", json_string(APP ".com"), "its configuration name is");
    replaced("config_domain_name", json_string(APP "x.example.org"), "its configuration name is");
    replaced("app_id", json_string("12345678-1234-4234-8234-123456789abc"), "it is of the app");
    replaced("port", json_integer(0), "a member is missing, or none");
    replaced("port", json_integer(65536), "a member is missing, or none");
    replaced("port", json_integer(-1), "a member is missing, or none");
    replaced("port", json_string("443"), "a member is missing, or none");
    replaced("expires_default", json_string("tomorrow"), "a member is missing, or none");
}

static void test_domain(void **state)
{
    (void)state;
    static const char *const good[] = { "mse.localhost",   "example.org", "apps.example.co.uk",
                                        "a.b.c.d.example", "co.example",  "example.uk" };
    static const char *const bad[] = { "com",     "localhost", "co.uk",        "com.au", "org.uk",
                                       "A.org",   "",          "a..b",         ".org",   "a b.org",
                                       "*.a.org", "127.0.0.1", "example.org.", "ac.uk" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(cloud_domain_ok(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(cloud_domain_ok(bad[i]));
    }
}

/* ---- apps ---- */

#define THE_APP                                                                                    \
    "{\"id\":\"" APP "\",\"name\":\"shop\",\"project_id\":\"" APP "\",\"owner_id\":\"x\","         \
    "\"domain_name\":\"shop.example.org\",\"config_domain_name\":\"" APP ".example.org\","         \
    "\"created_at\":\"2026-11-23T00:00:00Z\",\"status\":\"running\",\"hardware_name\":\"sim-1\","  \
    "\"ssl_certificate_origin\":\"self\",\"expires_at\":\"2027-11-23T00:00:00Z\",\"port\":8443,"   \
    "\"ready_at\":\"2026-11-23T00:00:01Z\",\"stopped_at\":null,\"command\":[\"./server\",\"-x\"]," \
    "\"healthcheck_endpoint\":\"/\",\"fingerprint\":null,\"further\":1}"

static void test_app(void **state)
{
    (void)state;
    struct cloud_app a;
    char why[CLOUD_TEXT_LEN];
    json_t *v = parsed(THE_APP);
    assert_true(cloud_app_read(&a, v, why));
    assert_string_equal(a.id, APP);
    assert_string_equal(a.application, "./server ...");
    assert_string_equal(a.fingerprint, "");
    assert_int_equal(a.port, 8443);
    assert_int_equal(a.stopped_at, 0);
    assert_int_equal(a.ready_at - a.created_at, 1);
    assert_true(cloud_app_lives(&a));
    json_decref(v);
}

static void test_app_lies(void **state)
{
    (void)state;
    const struct {
        const char *key;
        json_t *value;
    } rows[] = {
        { "id", json_string("../../etc") },
        { "id", NULL },
        { "name", json_string("") },
        { "name", json_stringn("a\0b", 3) },
        { "project_id", json_string(APP APP) },
        { "domain_name", json_string("a b") },
        { "config_domain_name", json_string("other.example.org") },
        { "hardware_name", json_null() },
        { "ssl_certificate_origin", json_string("nobody") },
        { "status", json_string("fine") },
        { "status", json_integer(1) },
        { "fingerprint", json_string("00") },
        { "port", json_integer(70000) },
        { "created_at", json_string("now") },
        { "expires_at", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cloud_app a;
        char why[CLOUD_TEXT_LEN] = "";
        json_t *v = parsed(THE_APP);
        if (rows[i].value == NULL) {
            (void)json_object_del(v, rows[i].key);
        } else {
            (void)json_object_set_new(v, rows[i].key, rows[i].value);
        }
        assert_false(cloud_app_read(&a, v, why));
        assert_memory_equal(why, rows[i].key, strlen(rows[i].key));
        json_decref(v);
    }
}

static void test_text(void **state)
{
    (void)state;
    char out[8];
    json_t *v = parsed("{\"a\":\"\\u001b[1m\",\"b\":\"1234567\",\"c\":\"12345678\",\"n\":null}");
    assert_true(cloud_text(out, sizeof out, v, "a", true));
    assert_string_equal(out, "?[1m");
    assert_true(cloud_text(out, sizeof out, v, "b", true));
    assert_false(cloud_text(out, sizeof out, v, "c", true));
    assert_true(cloud_text(out, sizeof out, v, "n", false));
    assert_false(cloud_text(out, sizeof out, v, "n", true));
    assert_true(cloud_text(out, sizeof out, v, "x", false));
    assert_false(cloud_text(out, sizeof out, NULL, "x", true));
    json_decref(v);
    char query[32];
    cloud_query(query, sizeof query, "a b&c=\xc3\xa9");
    assert_string_equal(query, "a%20b%26c%3D%C3%A9");
    cloud_query(out, sizeof out, "      ");
    assert_string_equal(out, "%20%20");
    assert_true(cloud_token_ok("mset_aA0-_.~"));
    assert_false(cloud_token_ok(""));
    assert_false(cloud_token_ok("a\r\nX: y"));
    assert_false(cloud_token_ok("a\"b"));
}

/* ---- CAA ---- */

/* An answer to one question, with these records of type 257. */
static size_t answer(uint8_t *out, size_t cap, const char *const *values, size_t num)
{
    static const uint8_t head[] = { 0, 1, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0 };
    static const uint8_t question[] = { 4, 's', 'h', 'o', 'p', 3, 'o', 'r', 'g', 0, 1, 1, 0, 1 };
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    mse_wr_copy(&b, head, sizeof head);
    mse_wr_copy(&b, question, sizeof question);
    for (size_t i = 0; i < num; i++) {
        static const uint8_t front[] = { 0xc0, 12, 1, 1, 0, 1, 0, 0, 0, 60, 0 };
        size_t len = strlen(values[i]);
        mse_wr_copy(&b, front, sizeof front);
        mse_wr_u8(&b, (uint8_t)(7 + len));
        mse_wr_copy(&b, "\0\5issue", 7);
        mse_wr_str(&b, values[i]);
    }
    assert_true(mse_build_ok(&b));
    out[7] = (uint8_t)num;
    return b.len;
}

static struct cloud_caa caa_of(const char *first, const char *second)
{
    uint8_t text[512];
    struct cloud_caa caa = { .any = false };
    const char *const values[] = { first, second };
    size_t num = first == NULL ? 0 : second == NULL ? 1 : 2;
    size_t len = answer(text, sizeof text, values, num);
    assert_true(cloud_caa_read(&caa, mse_bytes_of(text, len)));
    for (size_t cut = 0; cut < len; cut++) {
        struct cloud_caa unused;
        bool read = cloud_caa_read(&unused, mse_bytes_of(text, cut));
        assert_false(read);
    }
    return caa;
}

static void test_caa(void **state)
{
    (void)state;
    static const char full[] = "ca.example; accounturi=https://ca/1; validationmethods=dns-01";
    static const char account[] = "ca.example; accounturi=https://ca/1";
    struct cloud_caa c = caa_of(NULL, NULL);
    assert_false(c.any);
    c = caa_of(full, NULL);
    assert_true(c.any && c.account && c.dns01_alone);
    c = caa_of(full, account);
    assert_true(c.any && c.account && !c.dns01_alone);
    c = caa_of("ca.example", full);
    assert_true(c.any && !c.account && !c.dns01_alone);
    c = caa_of(";", NULL);
    assert_true(c.any && c.account && c.dns01_alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reservation), cmocka_unit_test(test_reservation_lies),
        cmocka_unit_test(test_domain),      cmocka_unit_test(test_app),
        cmocka_unit_test(test_app_lies),    cmocka_unit_test(test_text),
        cmocka_unit_test(test_caa),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
