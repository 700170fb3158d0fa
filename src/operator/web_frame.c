/* SPDX-License-Identifier: Apache-2.0 */
/* What all pages have: headers that forbid whatever they do not need, head, navigation, foot; pages
 * about what went wrong. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/web.h"
#include <mse/version.h>

/* Nothing inline, nothing of anybody else, no eval, in no frame. */
#define POLICY(scripts)                                                                            \
    "default-src 'none'; script-src " scripts "; style-src 'self'; img-src 'self'; "               \
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

static bool add_headers(struct mse_reply *r, bool appraises)
{
    static const struct {
        const char *name;
        const char *value;
    } list[] = {
        { "Content-Type", "text/html; charset=utf-8" },
        { "Cache-Control", "no-store" },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "same-origin" },
        { "Cross-Origin-Opener-Policy", "same-origin" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
        { "Permissions-Policy", "camera=(), geolocation=(), microphone=()" },
    };
    bool good = mse_reply_add(r, "Content-Security-Policy",
                              appraises ? POLICY("'self' 'wasm-unsafe-eval'") : POLICY("'self'"));
    for (size_t i = 0; good && i < MSE_ARRAY_LEN(list); i++) {
        good = mse_reply_add(r, list[i].name, list[i].value);
    }
    return good;
}

static void write_head(struct web_page *p, const char *title, bool appraises)
{
    mse_html(p->b,
             "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n"
             "<title>%s · %s</title>\n"
             "<link rel=\"icon\" href=\"/assets/icon.svg\" type=\"image/svg+xml\">\n"
             "<link rel=\"stylesheet\" href=\"/assets/page.css\">\n"
             "<script type=\"module\" src=\"/assets/page.js\"></script>\n",
             title, p->c->api->cfg->conf->domain);
    if (appraises) {
        mse_html(p->b, "<script type=\"module\" src=\"/assets/verify.js\"></script>\n");
    }
    mse_html(p->b, "</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n");
}

static void write_bar(struct web_page *p)
{
    const struct api_call *c = p->c;
    mse_html(p->b,
             "<header>\n<a class=\"brand\" href=\"/\">"
             "<svg aria-hidden=\"true\" width=\"20\" height=\"20\" viewBox=\"0 0 20 20\">"
             "<path d=\"M10 1 3 4v5c0 5 3 8 7 10 4-2 7-5 7-10V4z\"/></svg> "
             "<span>%s</span></a>\n"
             "<nav aria-label=\"Main\"><a href=\"/\">Apps</a> <a href=\"/verify\">Verify an app</a>"
             "</nav>\n",
             c->api->cfg->conf->domain);
    if (c->known) {
        mse_html(p->b,
                 "<form class=\"who\" method=\"post\" action=\"/logout\"><span>Logged in as "
                 "<bdi>%s</bdi></span> <button>Log out</button></form>\n",
                 c->user.name);
    }
    mse_html(p->b, "</header>\n<main id=\"main\" tabindex=\"-1\">\n");
}

static bool begin(struct web_page *p, struct api_call *c, unsigned status, const char *title,
                  bool appraises)
{
    struct mse_reply *r = mse_reply_new(status);
    *p = (struct web_page) { .c = c };
    if (r == NULL || !add_headers(r, appraises)) {
        mse_reply_unref(r);
        return false;
    }
    p->r = r;
    p->b = &r->body;
    write_head(p, title, appraises);
    write_bar(p);
    return true;
}

bool web_begin(struct web_page *p, struct api_call *c, unsigned status, const char *title)
{
    return begin(p, c, status, title, false);
}

bool web_begin_appraisal(struct web_page *p, struct api_call *c, const char *title)
{
    return begin(p, c, HTTP_OK, title, true);
}

struct mse_reply *web_end(struct web_page *p)
{
    mse_html(p->b,
             "</main>\n<footer><p>What these pages say is what the operator of %s says. Only "
             "verification by your own program shows what runs in an enclave.</p>"
             "<p>msed %s · <a href=\"/openapi.json\">API</a> · <a href=\"/version\">Version</a>"
             "</p></footer>\n</body>\n</html>\n",
             p->c->api->cfg->conf->domain, mse_version());
    return mse_reply_finish(p->r, true);
}

struct mse_reply *web_problem(struct api_call *c, unsigned status, const char *text)
{
    struct web_page p;
    if (!web_begin(&p, c, status, api_status_words(status))) {
        return NULL;
    }
    mse_html(p.b,
             "<h1>%s</h1>\n<p class=\"notice bad\">%s</p>\n"
             "<p><a href=\"/\">To the apps</a> · <a href=\"/verify\">Verify an app</a></p>\n",
             api_status_words(status), text);
    struct mse_reply *r = web_end(&p);
    return r == NULL ? NULL : mse_reply_finish(r, api_add_retry(r, status));
}

struct mse_reply *web_failed(struct api_call *c, mse_status st, const struct mse_error *err)
{
    if (st == MSE_ERR_NOT_FOUND) {
        return web_problem(c, HTTP_NOT_FOUND, "There is no such app, or it is not yours.");
    }
    return web_refused(c, api_failed(st, err));
}

struct mse_reply *web_refused(struct api_call *c, struct mse_reply *r)
{
    const char *accept = mse_httpd_header(c->http, "Accept");
    bool people = c->route != NULL ? api_is_page(c->route)
                                   : accept != NULL && strstr(accept, "text/html") != NULL;
    if (r == NULL || !people) {
        return r;
    }
    unsigned status = r->status;
    const char *text =
        status == HTTP_NOT_FOUND     ? "There is nothing at this address."
        : status == HTTP_NOT_ALLOWED ? "This address cannot be asked this way."
        : status == HTTP_UNAVAILABLE ? "The platform cannot answer just now. Try again in a moment."
        : status == HTTP_TOO_MANY    ? "Too many requests came from your address. Wait a moment."
                                     : "The request is not one that this address takes.";
    mse_reply_unref(r);
    return web_problem(c, status, text);
}

struct mse_reply *web_go(const char *path)
{
    struct mse_reply *r = mse_reply_new(HTTP_SEE_OTHER);
    return r == NULL
               ? NULL
               : mse_reply_finish(r, add_headers(r, false) && mse_reply_add(r, "Location", path));
}
