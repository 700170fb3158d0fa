/* SPDX-License-Identifier: Apache-2.0 */
/* The table of what the API has. Requests are found by it, and the OpenAPI document is made of it:
 * neither can say what the other does not. */
#include "base/bytes.h"
#include "base/util.h"
#include "httpd/target.h"
#include "operator/api.h"
#include "operator/api_schemas.h"
#include "operator/web.h"
#include <mse/version.h>

#define UUID "{\"type\":\"string\",\"format\":\"uuid\"}"
#define TEXT "{\"type\":\"string\",\"maxLength\":255}"
#define PAGE                                                                                       \
    {                                                                                              \
        "page", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000000}", "of 50 each"           \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, NULL                                                                           \
    }
#define JSON    "application/json"
#define HTML    "text/html; charset=utf-8"
#define FIELDS  "application/x-www-form-urlencoded"
#define R(...)  ((const unsigned short[]) { __VA_ARGS__, 0 })
#define READ    MSE_OP_SCOPE_READ
#define DEPLOY  MSE_OP_SCOPE_DEPLOY
#define ACCOUNT MSE_OP_SCOPE_ACCOUNT
#define ADMIN   MSE_OP_SCOPE_ADMIN

static const struct api_param paged[] = { PAGE, END };
static const struct api_param project_list[] = { { "name", TEXT, "the one of this name" },
                                                 PAGE,
                                                 END };
static const struct api_param app_list[] = {
    { "project", TEXT, "id or name of a project" },
    { "status", TEXT, "states, with commas between" },
    { "name", TEXT, "apps of this name" },
    PAGE,
    END,
};
static const struct api_param log_params[] = {
    { "follow", "{\"enum\":[\"0\",\"1\",\"true\",\"false\"]}",
      "a stream of lines of JSON until the app has ended, with empty lines while nothing happens" },
    { "after", "{\"type\":\"integer\",\"minimum\":0,\"maximum\":9007199254740991}",
      "only what came behind this number" },
    END,
};
static const struct api_param metric_params[] = {
    { "since", "{\"type\":\"string\",\"format\":\"date-time\"}",
      "a time in UTC; by default an hour ago" },
    END,
};
static const struct api_param evidence_params[] = {
    { "nonce", "{\"type\":\"string\",\"pattern\":\"^[0-9a-fA-F]{64}$\"}",
      "evidence that is fresh: it answers this" },
    END,
};

/* Of pages: what is not here is not looked at. */
static const struct api_param home_params[] = { PAGE, { "show", TEXT, "live, ended" }, END };
static const struct api_param app_page_params[] = { { "hours", TEXT, "1, 6, 24" }, END };
static const struct api_param next_params[] = { { "next", TEXT, "an app's page" }, END };
static const struct api_param verify_params[] = { { "app", TEXT, "an id or a name" }, END };

const struct api_route api_routes[] = {
    { "GET", "/users/me", "getMe", "who the token belongs to", READ, API_NO_BODY, API_SHORT, NULL,
      NULL, HTTP_OK, JSON, "User", NULL, api_user_me },
    { "GET", "/users/me/tokens", "listTokens", "one's tokens, without what they are", ACCOUNT,
      API_NO_BODY, API_SHORT, NULL, paged, HTTP_OK, JSON, "[Token]", NULL, api_token_list },
    { "POST", "/users/me/tokens", "createToken", "make a token; its text is in this answer only",
      ACCOUNT, API_JSON, API_SHORT, "TokenAsked", NULL, HTTP_CREATED, JSON, "NewToken",
      R(HTTP_CONFLICT), api_token_create },
    { "DELETE", "/users/me/tokens/{id}", "revokeToken", "take a token back", ACCOUNT, API_NO_BODY,
      API_SHORT, NULL, NULL, HTTP_NO_CONTENT, NULL, NULL, R(HTTP_NOT_FOUND), api_token_revoke },
    { "GET", "/projects", "listProjects", "one's projects", READ, API_NO_BODY, API_SHORT, NULL,
      project_list, HTTP_OK, JSON, "[Project]", NULL, api_project_list },
    { "POST", "/projects", "createProject", "make a project", ACCOUNT, API_JSON, API_SHORT,
      "ProjectAsked", NULL, HTTP_CREATED, JSON, "Project", R(HTTP_CONFLICT), api_project_create },
    { "GET", "/projects/{id}", "getProject", "one project", READ, API_NO_BODY, API_SHORT, NULL,
      NULL, HTTP_OK, JSON, "Project", R(HTTP_NOT_FOUND), api_project_get },
    { "GET", "/hardwares", "listHardwares", "what apps can run on", READ, API_NO_BODY, API_SHORT,
      NULL, paged, HTTP_OK, JSON, "[Hardware]", NULL, api_hardware_list },
    { "GET", "/hardwares/{name}", "getHardware", "one kind of hardware", READ, API_NO_BODY,
      API_SHORT, NULL, NULL, HTTP_OK, JSON, "Hardware", R(HTTP_NOT_FOUND), api_hardware_get },
    { "GET", "/apps/default", "getDefaults", "what is taken if nothing is said", READ, API_NO_BODY,
      API_SHORT, NULL, NULL, HTTP_OK, JSON, "Defaults", R(HTTP_NOT_FOUND), api_app_default },
    { "POST", "/apps/reservations", "reserve", "the names of an app that will be deployed", DEPLOY,
      API_JSON, API_SHORT, "ReservationAsked", NULL, HTTP_CREATED, JSON, "Reservation",
      R(HTTP_NOT_FOUND, HTTP_CONFLICT), api_app_reserve },
    { "GET", "/apps", "listApps", "one's apps, newest first", READ, API_NO_BODY, API_SHORT, NULL,
      app_list, HTTP_OK, JSON, "[App]", R(HTTP_NOT_FOUND), api_app_list },
    { "POST", "/apps", "deploy",
      "deploy what was reserved: parts conf, manifest, code, in this order", DEPLOY, API_FORM,
      API_LONG, "AppAsked", NULL, HTTP_CREATED, JSON, "App",
      R(HTTP_NOT_FOUND, HTTP_TIMEOUT, HTTP_CONFLICT), api_app_create },
    { "GET", "/apps/{id}", "getApp", "one app", READ, API_NO_BODY, API_SHORT, NULL, NULL, HTTP_OK,
      JSON, "App", R(HTTP_NOT_FOUND), api_app_get },
    { "DELETE", "/apps/{id}", "removeApp", "remove an app that has ended, with its logs", DEPLOY,
      API_NO_BODY, API_SHORT, NULL, NULL, HTTP_NO_CONTENT, NULL, NULL,
      R(HTTP_NOT_FOUND, HTTP_CONFLICT), api_app_delete },
    { "GET", "/apps/{id}/metrics", "getMetrics", "figures of the last hours", READ, API_NO_BODY,
      API_SHORT, NULL, metric_params, HTTP_OK, JSON, "Metrics", R(HTTP_NOT_FOUND),
      api_app_metrics },
    { "GET", "/apps/{id}/logs", "getLogs", "what the app wrote", READ, API_NO_BODY, API_SHORT, NULL,
      log_params, HTTP_OK, JSON, "Logs", R(HTTP_NOT_FOUND), api_app_logs },
    { "POST", "/apps/{id}/stop", "stopApp", "stop an app", DEPLOY, API_NO_BODY, API_SHORT, NULL,
      NULL, HTTP_NO_CONTENT, NULL, NULL, R(HTTP_NOT_FOUND, HTTP_CONFLICT), api_app_stop },
    { "GET", "/apps/{id}/evidence", "getEvidence",
      "evidence of the instance, with collateral: judged by nobody but the one who asks", 0,
      API_NO_BODY, API_LONG, NULL, evidence_params, HTTP_OK, JSON, "Evidence",
      R(HTTP_NOT_FOUND, HTTP_CONFLICT, HTTP_TOO_MANY, HTTP_BAD_GATEWAY), api_app_evidence },
    { "POST", "/auth/oidc", "logIn", "an ID token of the platform's issuer becomes a token", 0,
      API_JSON, API_LONG, "LoginAsked", NULL, HTTP_CREATED, JSON, "Login",
      R(HTTP_UNAUTHORIZED, HTTP_FORBIDDEN, HTTP_NOT_FOUND, HTTP_CONFLICT, HTTP_TOO_MANY,
        HTTP_BAD_GATEWAY),
      api_login },
    { "GET", "/metrics", "metrics", "figures of this process, for Prometheus", ADMIN, API_NO_BODY,
      API_SHORT, NULL, NULL, HTTP_OK, "text/plain; version=0.0.4", NULL, NULL, api_metrics },
    { "GET", "/healthz", "health", "whether this process and its database answer", 0, API_NO_BODY,
      API_NOW, NULL, NULL, HTTP_OK, JSON, "Health", NULL, api_health },
    { "GET", "/version", "version", "what this platform says of itself", 0, API_NO_BODY, API_SHORT,
      NULL, NULL, HTTP_OK, JSON, "Version", NULL, api_version },
    { "GET", "/openapi.json", "openapi", "this document", 0, API_NO_BODY, API_NOW, NULL, NULL,
      HTTP_OK, JSON, NULL, NULL, api_openapi },

    { "GET", "/", "pageHome", NULL, 0, API_NO_BODY, API_SHORT, NULL, home_params, HTTP_OK, HTML,
      NULL, NULL, web_home },
    { "POST", "/login", "pageLogin", NULL, 0, API_FIELDS, API_LONG, FIELDS, NULL, HTTP_SEE_OTHER,
      HTML, NULL, NULL, web_login },
    { "POST", "/logout", "pageLogout", NULL, 0, API_FIELDS, API_LONG, FIELDS, NULL, HTTP_SEE_OTHER,
      HTML, NULL, NULL, web_logout },
    { "GET", "/login/oidc", "pageLoginAway", NULL, 0, API_NO_BODY, API_LONG, NULL, next_params,
      HTTP_SEE_OTHER, HTML, NULL, NULL, web_oidc_begin },
    { "GET", API_BACK, "pageLoginBack", NULL, 0, API_NO_BODY, API_LONG, NULL, NULL, HTTP_OK, HTML,
      NULL, NULL, web_oidc_back },
    { "GET", "/app/{id}", "pageApp", NULL, READ, API_NO_BODY, API_LONG, NULL, app_page_params,
      HTTP_OK, HTML, NULL, NULL, web_app },
    { "GET", "/verify", "pageVerifyAny", NULL, 0, API_NO_BODY, API_SHORT, NULL, verify_params,
      HTTP_OK, HTML, NULL, NULL, web_verify_any },
    { "GET", "/verify/{id}", "pageVerify", NULL, 0, API_NO_BODY, API_SHORT, NULL, NULL, HTTP_OK,
      HTML, NULL, NULL, web_verify },
    { "GET", "/verify/{id}/evidence", "pageEvidence", NULL, 0, API_NO_BODY, API_LONG, NULL, NULL,
      HTTP_OK, HTML, NULL, NULL, web_evidence },
    { "GET", "/assets/{name}", "pageAsset", NULL, 0, API_NO_BODY, API_NOW, NULL, NULL, HTTP_OK,
      "*/*", NULL, NULL, web_asset },
    { "GET", "/assets/appraise/{name}", "pageAppraise", NULL, 0, API_NO_BODY, API_NOW, NULL, NULL,
      HTTP_OK, "*/*", NULL, NULL, web_asset_given },
};
const size_t api_num_routes = MSE_ARRAY_LEN(api_routes);

bool api_is_page(const struct api_route *r)
{
    return r->summary == NULL;
}

_Static_assert(MSE_ARRAY_LEN(api_routes) <= API_MAX_ROUTES, "counters for each route");

/* Finding. */

/* Compares the paths; a segment in braces takes any that is not empty and can be decoded. */
static bool fits(const struct api_route *r, struct mse_bytes path, char *id, bool *literal)
{
    struct mse_bytes pattern = mse_bytes_str(r->path);
    struct mse_bytes want = { 0 };
    struct mse_bytes seen = { 0 };
    *literal = true;
    while (mse_target_segment(&pattern, &want)) {
        if (!mse_target_segment(&path, &seen)) {
            return false;
        }
        if (want.len > 0 && want.data[0] == '{') {
            *literal = false;
            if (seen.len == 0 || !mse_target_decode(id, API_MAX_VALUE, seen, false)) {
                return false;
            }
        } else if (seen.len != want.len || !mse_mem_equal(seen.data, want.data, want.len)) {
            return false;
        }
    }
    return path.len == 0;
}

static void add_method(struct mse_build *allow, const char *method)
{
    mse_wr_printf(allow, "%s%s", allow->len == 0 ? "" : ", ", method);
    if (strcmp(method, "GET") == 0) {
        mse_wr_str(allow, ", HEAD");
    }
}

const struct api_route *api_route_find(const char *method, struct mse_bytes path, char *id,
                                       struct mse_build *allow)
{
    const struct api_route *found = NULL;
    bool exact = false;
    bool literal = false;
    const char *as = strcmp(method, "HEAD") == 0 ? "GET" : method;
    char part[API_MAX_VALUE] = "";
    id[0] = '\0';
    for (size_t i = 0; i < api_num_routes; i++) {
        const struct api_route *r = &api_routes[i];
        if (!fits(r, path, part, &literal)) {
            continue;
        }
        if (strcmp(r->method, as) != 0) {
            add_method(allow, r->method);
        } else if (!exact) { /* "/apps/default" goes before "/apps/{id}" */
            found = r;
            exact = literal;
            memcpy(id, part, strlen(part) + 1);
        }
    }
    return found;
}

/* The document. */

static void write_schema(struct mse_js *j, const struct api_schema *s)
{
    bool more = false;
    mse_js_open(j, s->name, '{');
    mse_js_str(j, "type", "object");
    mse_js_open(j, "properties", '{');
    for (const struct api_member *m = s->members; m->name != NULL; m++) {
        mse_js_key(j, m->name);
        mse_wr_str(j->b, m->schema);
        j->comma = true;
        more = more || m->required;
    }
    mse_js_close(j, '}');
    if (more) {
        mse_js_open(j, "required", '[');
        for (const struct api_member *m = s->members; m->name != NULL; m++) {
            if (m->required) {
                mse_js_str(j, NULL, m->name);
            }
        }
        mse_js_close(j, ']');
    }
    if (s->others != NULL) {
        mse_js_key(j, "additionalProperties");
        mse_wr_str(j->b, s->others);
        j->comma = true;
    }
    mse_js_close(j, '}');
}

/* "X", "[X]", or nothing to say. */
static void write_ref(struct mse_js *j, const char *name)
{
    char ref[80];
    struct mse_build b;
    bool list = name[0] == '[';
    size_t len = list ? strlen(name) - 2 : strlen(name);
    mse_build_fixed(&b, ref, sizeof ref);
    mse_wr_str(&b, "#/components/schemas/");
    mse_wr_copy(&b, name + (list ? 1 : 0), len);
    mse_js_open(j, "schema", '{');
    if (list) {
        mse_js_str(j, "type", "array");
        mse_js_open(j, "items", '{');
    }
    mse_js_str(j, "$ref", mse_build_cstr(&b));
    if (list) {
        mse_js_close(j, '}');
    }
    mse_js_close(j, '}');
}

static void write_content(struct mse_js *j, const char *type, const char *schema)
{
    mse_js_open(j, "content", '{');
    mse_js_open(j, type, '{');
    if (schema != NULL) {
        write_ref(j, schema);
    } else {
        mse_js_open(j, "schema", '{');
        mse_js_close(j, '}');
    }
    mse_js_close(j, '}');
    mse_js_close(j, '}');
}

static void write_answer(struct mse_js *j, unsigned status, const char *type, const char *schema)
{
    char key[16];
    (void)snprintf(key, sizeof key, "%u", status);
    mse_js_open(j, key, '{');
    mse_js_str(j, "description", api_status_words(status));
    if (type != NULL) {
        write_content(j, type, schema);
    }
    mse_js_close(j, '}');
}

static void write_refusal(struct mse_js *j, unsigned status)
{
    write_answer(j, status, "application/problem+json", "Problem");
}

static void write_answers(struct mse_js *j, const struct api_route *r)
{
    mse_js_open(j, "responses", '{');
    write_answer(j, r->status, r->type, r->gives);
    write_refusal(j, HTTP_BAD_REQUEST);
    write_refusal(j, HTTP_TOO_LARGE);
    write_refusal(j, HTTP_LONG_TARGET);
    write_refusal(j, HTTP_UNPROCESSABLE); /* also of a parameter that it does not have */
    if (r->body != API_NO_BODY) {
        write_refusal(j, HTTP_UNSUPPORTED);
    }
    if (r->scope != 0) {
        write_refusal(j, HTTP_UNAUTHORIZED);
        write_refusal(j, HTTP_FORBIDDEN);
        write_refusal(j, HTTP_TOO_MANY);
    }
    for (const unsigned short *s = r->refusals; s != NULL && *s != 0; s++) {
        write_refusal(j, *s);
    }
    write_refusal(j, HTTP_UNAVAILABLE);
    mse_js_close(j, '}');
}

static void write_param(struct mse_js *j, const char *where, const struct api_param *p)
{
    mse_js_open(j, NULL, '{');
    mse_js_str(j, "name", p->name);
    mse_js_str(j, "in", where);
    mse_js_bool(j, "required", strcmp(where, "path") == 0);
    mse_js_str(j, "description", p->text);
    mse_js_key(j, "schema");
    mse_wr_str(j->b, p->schema);
    j->comma = true;
    mse_js_close(j, '}');
}

static void write_params(struct mse_js *j, const struct api_route *r)
{
    const char *open = strchr(r->path, '{');
    if (open == NULL && r->params == NULL) {
        return;
    }
    mse_js_open(j, "parameters", '[');
    if (open != NULL) {
        bool id = strncmp(open, "{id}", 4) == 0;
        const struct api_param p = { id ? "id" : "name", id ? UUID : TEXT,
                                     id ? "its id" : "its name" };
        write_param(j, "path", &p);
    }
    for (const struct api_param *p = r->params; p != NULL && p->name != NULL; p++) {
        write_param(j, "query", p);
    }
    mse_js_close(j, ']');
}

static void write_operation(struct mse_js *j, const struct api_route *r)
{
    char method[8];
    size_t n = 0;
    for (; r->method[n] != '\0'; n++) {
        method[n] = (char)(r->method[n] - 'A' + 'a');
    }
    method[n] = '\0';
    mse_js_open(j, method, '{');
    mse_js_str(j, "operationId", r->name);
    mse_js_str(j, "summary", r->summary);
    mse_js_open(j, "security", '[');
    if (r->scope != 0) {
        char scope[MSE_OP_SCOPES_LEN];
        mse_op_scopes_format(scope, r->scope);
        mse_js_open(j, NULL, '{');
        mse_js_open(j, "token", '[');
        mse_js_str(j, NULL, scope);
        mse_js_close(j, ']');
        mse_js_close(j, '}');
        if (r->scope == READ && strcmp(r->method, "GET") == 0) {
            mse_js_open(j, NULL, '{');
            mse_js_open(j, "session", '[');
            mse_js_close(j, ']');
            mse_js_close(j, '}');
        }
    }
    mse_js_close(j, ']');
    write_params(j, r);
    if (r->body != API_NO_BODY) {
        mse_js_open(j, "requestBody", '{');
        mse_js_bool(j, "required", true);
        write_content(j, r->body == API_JSON ? JSON : "multipart/form-data", r->takes);
        mse_js_close(j, '}');
    }
    write_answers(j, r);
    mse_js_close(j, '}');
}

/* The operations of one path stand together. */
static void write_paths(struct mse_js *j)
{
    mse_js_open(j, "paths", '{');
    for (size_t i = 0; i < api_num_routes; i++) {
        bool first = true;
        if (api_is_page(&api_routes[i])) {
            continue;
        }
        for (size_t k = 0; k < i; k++) {
            first = first && strcmp(api_routes[k].path, api_routes[i].path) != 0;
        }
        if (!first) {
            continue;
        }
        mse_js_open(j, api_routes[i].path, '{');
        for (size_t k = i; k < api_num_routes; k++) {
            if (strcmp(api_routes[k].path, api_routes[i].path) == 0) {
                write_operation(j, &api_routes[k]);
            }
        }
        mse_js_close(j, '}');
    }
    mse_js_close(j, '}');
}

void api_openapi_write(struct mse_build *out)
{
    struct mse_js j = { .b = out };
    mse_js_open(&j, NULL, '{');
    mse_js_str(&j, "openapi", "3.1.0");
    mse_js_open(&j, "info", '{');
    mse_js_str(&j, "title", "A platform for confidential web apps");
    mse_js_str(&j, "version", mse_version());
    mse_js_close(&j, '}');
    write_paths(&j);
    mse_js_open(&j, "components", '{');
    mse_js_open(&j, "securitySchemes", '{');
    mse_js_open(&j, "token", '{');
    mse_js_str(&j, "type", "http");
    mse_js_str(&j, "scheme", "bearer");
    mse_js_close(&j, '}');
    mse_js_open(&j, "session", '{');
    mse_js_str(&j, "type", "apiKey");
    mse_js_str(&j, "in", "cookie");
    mse_js_str(&j, "name", API_COOKIE(true));
    mse_js_str(&j, "description",
               "the session of the operator's web page: it reads, and only for that page itself");
    mse_js_close(&j, '}');
    mse_js_close(&j, '}');
    mse_js_open(&j, "schemas", '{');
    for (const struct api_schema *s = api_schemas; s->name != NULL; s++) {
        write_schema(&j, s);
    }
    mse_js_close(&j, '}');
    mse_js_close(&j, '}');
    mse_js_close(&j, '}');
    mse_wr_str(out, "\n");
}
