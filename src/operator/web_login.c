/* SPDX-License-Identifier: Apache-2.0 */
/* The session of a page (decision 26): a token of its own, which may only read and lives for hours,
 * in a cookie that no script sees. */
#include <strings.h>

#include "base/bytes.h"
#include "base/util.h"
#include "httpd/target.h"
#include "operator/web.h"
#include "package/rules.h"

#define MAX_NEXT 128

bool web_is_tls(const struct api_call *c)
{
    return c->api->cfg->chain.len > 0;
}

/* One header of this name, or NULL. */
static const char *only(struct api_call *c, const char *name)
{
    return mse_httpd_num_headers(c->http, name) == 1 ? mse_httpd_header(c->http, name) : NULL;
}

bool web_is_own(bool tls, const char *host, const char *origin, const char *site)
{
    static const char *const schemes[] = { "https://", "http://" };
    if (host == NULL || origin == NULL || (site != NULL && strcmp(site, "same-origin") != 0)) {
        return false;
    }
    /* Without TLS of our own there may be somebody before us who has it. */
    for (size_t i = 0; i < (tls ? 1U : 2U); i++) {
        size_t len = strlen(schemes[i]);
        if (strncmp(origin, schemes[i], len) == 0 && strcasecmp(origin + len, host) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_own(struct api_call *c)
{
    return web_is_own(web_is_tls(c), only(c, "Host"), only(c, "Origin"),
                      mse_httpd_header(c->http, "Sec-Fetch-Site"));
}

void web_cookie(char out[160], bool tls, const char *token, int64_t seconds)
{
    (void)snprintf(out, 160, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s; Max-Age=%lld",
                   API_COOKIE(tls), token, tls ? "; Secure" : "", (long long)seconds);
}

struct mse_reply *web_with_session(struct api_call *c, struct mse_reply *r, const char *token,
                                   int64_t seconds)
{
    char cookie[160];
    web_cookie(cookie, web_is_tls(c), token, seconds);
    bool good = r != NULL && mse_reply_add(r, "Set-Cookie", cookie);
    mse_wipe(cookie, sizeof cookie);
    return r == NULL ? NULL : mse_reply_finish(r, good);
}

/* An app's page: the only ones that need a session, but for the list. */
bool web_may_go(const char *path)
{
    static const char before[] = "/app/";
    return strncmp(path, before, sizeof before - 1) == 0 &&
           mse_rule_uuid4(path + sizeof before - 1);
}

bool web_has_issuer(const struct api_call *c)
{
    const struct mse_op_oidc *o = &c->api->cfg->conf->oidc;
    return o->there && o->page != NULL;
}

/* By a link, as no form may lead away from here: browsers hold redirects to form-action, too. */
static void write_issuer(struct web_page *p, const char *next)
{
    const char *issuer = p->c->api->cfg->conf->oidc.issuer;
    const char *host = strstr(issuer, "://") + 3;
    mse_html(p->b, "<p><a class=\"button main\" href=\"/login/oidc");
    if (next != NULL) {
        mse_html(p->b, "?next=");
        mse_html_url(p->b, next);
    }
    mse_html(p->b, "\">Log in with ");
    mse_html_text(p->b, mse_bytes_of(host, strcspn(host, "/")));
    mse_html(p->b, "</a></p>\n<p class=\"or\">or with a token:</p>\n");
}

void web_login_form(struct web_page *p, const char *next)
{
    struct mse_build *b = p->b;
    if (web_has_issuer(p->c)) {
        write_issuer(p, next);
    }
    mse_html(b, "<form class=\"login\" method=\"post\" action=\"/login\">\n"
                "<label for=\"token\">Access token</label>\n"
                "<input id=\"token\" name=\"token\" type=\"password\" required "
                "autocomplete=\"off\" spellcheck=\"false\" aria-describedby=\"token-help\">\n");
    if (next != NULL) {
        mse_html(b, "<input type=\"hidden\" name=\"next\" value=\"%s\">\n", next);
    }
    mse_html(b, web_has_issuer(p->c) ? "<button>" : "<button class=\"main\">");
    mse_html(b, "Log in</button>\n"
                "<p id=\"token-help\" class=\"hint\">Begins with <code>mset_</code>. The token "
                "itself is not kept: this page gets one of its own, which can only read and ends "
                "after 12 hours.</p>\n</form>\n");
}

struct mse_reply *web_login_again(struct api_call *c, unsigned status, const char *why,
                                  const char *next)
{
    struct web_page p;
    if (!web_begin(&p, c, status, "Log in")) {
        return NULL;
    }
    mse_html(p.b, "<h1>Log in</h1>\n<p class=\"notice bad\" role=\"alert\">%s</p>\n", why);
    web_login_form(&p, next);
    struct mse_reply *r = web_end(&p);
    bool good = r != NULL && (status != HTTP_UNAUTHORIZED ||
                              mse_reply_add(r, "WWW-Authenticate", "Bearer realm=\"mse\""));
    return r == NULL ? NULL : mse_reply_finish(r, good);
}

/* A refusal that knows nothing of who asks. */
static struct mse_reply *refuse(struct api_call *c, struct mse_reply *r, const char *next)
{
    c->known = false;
    if (r->status != HTTP_UNAUTHORIZED && r->status != HTTP_FORBIDDEN) {
        return web_refused(c, r);
    }
    unsigned status = r->status;
    mse_reply_unref(r);
    return web_login_again(c, status,
                           status == HTTP_FORBIDDEN
                               ? "This token may not read: it lacks the scope read."
                               : "This is no valid access token.",
                           next);
}

struct mse_reply *web_auth(struct api_call *c)
{
    struct mse_bytes token = { 0 };
    const char *next = web_may_go(c->target) ? c->target : NULL;
    if (!api_session(c, &token)) {
        return web_login_again(c, HTTP_UNAUTHORIZED, "This page is for users who are logged in.",
                               next);
    }
    struct mse_reply *r = api_auth_by(c, token);
    if (r == NULL || r->status != HTTP_UNAUTHORIZED) {
        return r == NULL ? NULL : refuse(c, r, next);
    }
    mse_reply_unref(r);
    return web_with_session(
        c, web_login_again(c, HTTP_UNAUTHORIZED, "Your session is over. Log in again.", next), "",
        0);
}

void web_greet(struct api_call *c)
{
    struct mse_bytes token = { 0 };
    struct mse_error err = { 0 };
    c->known = api_session(c, &token) &&
               mse_op_token_check(c->store, &c->token, &c->user, token, c->now, &err) == MSE_OK &&
               (c->token.scopes & MSE_OP_SCOPE_READ) != 0;
}

/* The fields of the form. */

struct fields {
    char token[API_MAX_VALUE];
    char next[MAX_NEXT];
};

static bool read_fields(struct fields *f, const struct api_call *c)
{
    struct mse_bytes rest = mse_build_view(&c->body);
    struct mse_bytes name = { 0 };
    struct mse_bytes value = { 0 };
    bool good = true;
    while (good && mse_target_parameter(&rest, &name, &value)) {
        if (mse_bytes_is_str(name, "token")) {
            good = mse_target_decode(f->token, sizeof f->token, value, true);
        } else if (mse_bytes_is_str(name, "next")) {
            good = mse_target_decode(f->next, sizeof f->next, value, true);
        }
    }
    return good;
}

static struct mse_bytes trimmed(const char *text)
{
    static const char space[] = " \t\r\n";
    text += strspn(text, space);
    size_t len = strlen(text);
    while (len > 0 && strchr(space, text[len - 1]) != NULL) {
        len--;
    }
    return mse_bytes_of(text, len);
}

/* The page's own token, for the one that was given. */
static struct mse_reply *begin_session(struct api_call *c, const char *next)
{
    struct mse_error err = { 0 };
    char text[MSE_OP_TOKEN_LEN];
    mse_time end = c->now + WEB_SESSION_SECONDS;
    struct mse_op_token t = { .name = WEB_SESSION, .scopes = MSE_OP_SCOPE_READ };
    memcpy(t.user_id, c->user.id, sizeof t.user_id);
    memcpy(t.parent, c->token.id, sizeof t.parent);
    t.expires_at = c->token.expires_at < end ? c->token.expires_at : end;
    mse_status st = mse_op_token_create(c->store, &c->by, &t, text, &err);
    if (st != MSE_OK) {
        return web_failed(c, st, &err);
    }
    struct mse_reply *r =
        web_with_session(c, web_go(web_may_go(next) ? next : "/"), text, t.expires_at - c->now);
    mse_wipe(text, sizeof text);
    return r;
}

struct mse_reply *web_login(struct api_call *c)
{
    struct fields f = { .token = "" };
    if (!is_own(c)) {
        return web_problem(c, HTTP_FORBIDDEN, "This form was not sent by a page of this site.");
    }
    if (!read_fields(&f, c)) {
        return web_problem(c, HTTP_BAD_REQUEST, "The fields of the form cannot be read.");
    }
    const char *next = web_may_go(f.next) ? f.next : NULL;
    struct mse_reply *r = api_auth_by(c, trimmed(f.token));
    if (r == NULL && (c->token.scopes & MSE_OP_SCOPE_READ) == 0) {
        r = api_problem(HTTP_FORBIDDEN, "read");
    }
    r = r != NULL ? refuse(c, r, next) : begin_session(c, f.next);
    mse_wipe(&f, sizeof f);
    return r;
}

struct mse_reply *web_logout(struct api_call *c)
{
    struct mse_error err = { 0 };
    if (!is_own(c)) {
        return web_problem(c, HTTP_FORBIDDEN, "This form was not sent by a page of this site.");
    }
    web_greet(c);
    if (c->known && strcmp(c->token.name, WEB_SESSION) == 0) {
        const struct mse_op_by by = { .actor = c->user.id, .now = c->now };
        mse_status st = mse_op_token_revoke(c->store, &by, c->user.id, c->token.id, &err);
        if (st != MSE_OK) {
            return web_failed(c, st, &err);
        }
    }
    return web_with_session(c, web_go("/"), "", 0);
}
