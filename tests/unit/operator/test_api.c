/* SPDX-License-Identifier: Apache-2.0 */
/* The API without its sockets: routes, the document that is made of them, bodies, problems, pages.
 */
#include "lib/testlib.h"

#include <jansson.h>

#include "base/bytes.h"
#include "base/util.h"
#include "operator/api.h"
#include "operator/api_read.h"

static const struct api_route *find(const char *method, const char *path, char *id, char *allow,
                                    size_t cap)
{
    struct mse_build b;
    mse_build_fixed(&b, allow, cap);
    const struct api_route *r = api_route_find(method, mse_bytes_str(path), id, &b);
    assert_non_null(mse_build_cstr(&b));
    return r;
}

static void finds_routes(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        const char *name; /* NULL: there is none */
        const char *id;
        const char *allow;
    } list[] = {
        { "GET", "/users/me", "getMe", "", "" },
        { "HEAD", "/users/me", "getMe", "", "" },
        { "GET", "/apps", "listApps", "", NULL },
        { "GET", "/apps/default", "getDefaults", "", NULL },
        { "GET", "/apps/x", "getApp", "x", NULL },
        { "GET", "/apps/a%2Fb", "getApp", "a/b", NULL },
        { "GET", "/apps/x/logs", "getLogs", "x", "" },
        { "DELETE", "/users/me/tokens/x", "revokeToken", "x", "" },
        { "PUT", "/apps", NULL, "", "GET, HEAD, POST" },
        { "GET", "/apps/x/stop", NULL, "", "POST" },
        { "get", "/users/me", NULL, "", "GET, HEAD" },
        { "GET", "/", "pageHome", "", "" },
        { "GET", "/app/x", "pageApp", "x", "" },
        { "GET", "/app", NULL, "", "" },
        { "GET", "/verify/a.example.org", "pageVerify", "a.example.org", "" },
        { "GET", "/verify/x/evidence", "pageEvidence", "x", "" },
        { "GET", "/assets/page.css", "pageAsset", "page.css", "" },
        { "GET", "/assets/..%2Fx", "pageAsset", "../x", "" },
        { "GET", "/assets/appraise/x", "pageAppraise", "x", "" },
        { "GET", "/login", NULL, "", "POST" },
        { "GET", "/apps/", NULL, "", "" },
        { "GET", "/apps//logs", NULL, "", "" },
        { "GET", "/apps/x/", NULL, "", "" },
        { "GET", "/apps/x/logs/y", NULL, "", "" },
        { "GET", "/apps/%", NULL, "", "" },
        { "GET", "/apps/%00", NULL, "", "" },
        { "GET", "/Users/me", NULL, "", "" },
        { "GET", "/users/m%65", NULL, "", "" },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        char id[API_MAX_VALUE];
        char allow[64];
        print_message("# %s %s\n", list[i].method, list[i].path);
        const struct api_route *r = find(list[i].method, list[i].path, id, allow, sizeof allow);
        assert_true((r == NULL) == (list[i].name == NULL));
        if (r != NULL) {
            assert_string_equal(r->name, list[i].name);
            assert_string_equal(id, list[i].id);
        }
        if (list[i].allow != NULL) {
            assert_string_equal(allow, list[i].allow);
        }
    }
}

static void has_a_sound_table(void **state)
{
    (void)state;
    assert_true(api_num_routes <= API_MAX_ROUTES);
    for (size_t i = 0; i < api_num_routes; i++) {
        const struct api_route *r = &api_routes[i];
        size_t params = 0;
        while (r->params != NULL && r->params[params].name != NULL) {
            params++;
        }
        print_message("# %s\n", r->name);
        assert_true(params <= API_MAX_PARAMS);
        assert_non_null(r->run);
        assert_true((r->body == API_NO_BODY) == (r->takes == NULL));
        assert_true((r->type == NULL) == (r->status == HTTP_NO_CONTENT));
        /* What changes something is never for everybody. */
        assert_true(r->scope != 0 || strcmp(r->method, "GET") == 0 || r->lane == API_LONG);
        /* Pages are for people: of what is somebody's own they only read. */
        assert_true(!api_is_page(r) || r->scope == 0 || strcmp(r->method, "GET") == 0);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(api_routes[k].name, r->name);
        }
    }
}

/* Every $ref leads to a schema. */
static void follow(const json_t *v, const json_t *schemas)
{
    static const char before[] = "#/components/schemas/";
    const char *key = NULL;
    json_t *member = NULL;
    size_t i = 0;
    if (json_is_array(v)) {
        json_array_foreach(v, i, member)
        {
            follow(member, schemas);
        }
    }
    void *at = json_is_object(v) ? json_object_iter((json_t *)(uintptr_t)v) : NULL;
    for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
        key = json_object_iter_key(at);
        member = json_object_iter_value(at);
        if (strcmp(key, "$ref") == 0) {
            const char *ref = json_string_value(member);
            assert_memory_equal(ref, before, sizeof before - 1);
            assert_non_null(json_object_get(schemas, ref + sizeof before - 1));
        }
        follow(member, schemas);
    }
}

static void writes_the_document(void **state)
{
    struct mse_build b;
    json_error_t err;
    (void)state;
    mse_build_heap(&b, (size_t)256 * 1024);
    api_openapi_write(&b);
    assert_true(mse_build_ok(&b));
    json_t *v = json_loadb((const char *)b.data, b.len, JSON_REJECT_DUPLICATES, &err);
    print_message("# %s\n", v == NULL ? err.text : "parsed");
    assert_non_null(v);
    const json_t *schemas = json_object_get(json_object_get(v, "components"), "schemas");
    follow(v, schemas);
    for (size_t i = 0; i < api_num_routes; i++) {
        bool there = json_object_get(json_object_get(v, "paths"), api_routes[i].path) != NULL;
        assert_true(there != api_is_page(&api_routes[i]));
    }
    json_decref(v);
    mse_build_clear(&b);
}

struct pair {
    char text[8];
    uint64_t number;
};

static bool read_pair(struct api_read *r, struct mse_bytes key, void *out)
{
    struct pair *p = out;
    if (mse_bytes_is_str(key, "text")) {
        return api_read_text(r, p->text, sizeof p->text);
    }
    return mse_bytes_is_str(key, "number") ? mse_json_u64(&r->j, &p->number, 9)
                                           : api_read_unknown(r, key);
}

static void reads_bodies(void **state)
{
    static const char *const needed[] = { "text", NULL };
    static const struct {
        const char *body;
        unsigned status; /* 0: it is good */
        const char *why;
    } list[] = {
        { "{\"text\":\"a\\u00e4\",\"number\":9}", 0, "" },
        { "{\"text\":\"1234567\"}", 0, "" },
        { "{\"text\":\"12345678\"}", HTTP_UNPROCESSABLE, "text is not" },
        { "{\"text\":\"\\n\"}", HTTP_UNPROCESSABLE, "text is not" },
        { "{\"text\":\"\\u0000\"}", HTTP_UNPROCESSABLE, "text is not" },
        { "{\"text\":\"a\",\"number\":10}", HTTP_UNPROCESSABLE, "number is not" },
        { "{\"text\":\"a\",\"other\":1}", HTTP_UNPROCESSABLE, "no member other" },
        { "{\"number\":1}", HTTP_UNPROCESSABLE, "text is missing" },
        { "{\"text\":\"a\",\"text\":\"b\"}", HTTP_BAD_REQUEST, "no JSON at byte" },
        { "{\"text\":\"a\"} x", HTTP_BAD_REQUEST, "no JSON at byte" },
        { "{\"text\":\"a\"", HTTP_BAD_REQUEST, "no JSON at byte" },
        { "[]", HTTP_BAD_REQUEST, "no JSON object" },
        { "", HTTP_BAD_REQUEST, "no JSON object" },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        struct pair p = { .text = "" };
        print_message("# %s\n", list[i].body);
        struct mse_reply *r = api_read_object(mse_bytes_str(list[i].body), read_pair, &p, needed);
        assert_true((r == NULL) == (list[i].status == 0));
        if (r != NULL) {
            assert_int_equal(r->status, list[i].status);
            assert_non_null(mse_build_cstr(&r->body));
            assert_non_null(strstr((const char *)r->body.data, list[i].why));
        }
        mse_reply_unref(r);
    }
}

static void says_what_failed(void **state)
{
    static const struct {
        mse_status st;
        unsigned status;
        const char *text;
        const char *detail;
    } list[] = {
        { MSE_ERR_NOT_FOUND, HTTP_NOT_FOUND, "there is no such app", "There is no such app." },
        { MSE_ERR_EXISTS, HTTP_CONFLICT, "", NULL },
        { MSE_ERR_NO_SPACE, HTTP_CONFLICT, "the quota is used up", "The quota is used up." },
        { MSE_ERR_CONFIG, HTTP_CONFLICT, "x", NULL },
        { MSE_ERR_ARGUMENT, HTTP_UNPROCESSABLE, "name: wanted a name", "name: wanted a name." },
        { MSE_ERR_IO, HTTP_UNAVAILABLE, "secret of the database",
          "The platform's database does not answer as it should." },
        { MSE_ERR_CRYPTO, HTTP_INTERNAL, "secret", NULL },
    };
    (void)state;
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        struct mse_error err = { .status = list[i].st };
        (void)snprintf(err.text, sizeof err.text, "%s", list[i].text);
        struct mse_reply *r = api_failed(list[i].st, &err);
        assert_non_null(r);
        assert_int_equal(r->status, list[i].status);
        json_t *v = json_loadb((const char *)r->body.data, r->body.len, 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(v, "status")), list[i].status);
        const char *detail = json_string_value(json_object_get(v, "detail"));
        if (list[i].detail != NULL) {
            assert_string_equal(detail, list[i].detail);
        }
        assert_null(strstr(detail, "secret"));
        json_decref(v);
        mse_reply_unref(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_routes),        cmocka_unit_test(has_a_sound_table),
        cmocka_unit_test(writes_the_document), cmocka_unit_test(reads_bodies),
        cmocka_unit_test(says_what_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
