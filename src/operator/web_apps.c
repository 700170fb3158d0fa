/* SPDX-License-Identifier: Apache-2.0 */
/* The first page: one's apps, or what this is and where one logs in. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/web.h"

#define LIVE  (1U << MSE_OP_SPAWNING | 1U << MSE_OP_INITIALIZING | 1U << MSE_OP_RUNNING)
#define ENDED (1U << MSE_OP_STOPPED | 1U << MSE_OP_ON_ERROR)

static const struct view {
    const char *name;
    const char *title;
    unsigned statuses;
} views[] = { { "all", "All", 0 }, { "live", "Living", LIVE }, { "ended", "Ended", ENDED } };

struct listing {
    struct web_page *page;
    unsigned num;
};

static void write_table(struct mse_build *b)
{
    mse_html(b, "<table class=\"apps\"><caption class=\"aside\">Your apps, newest first"
                "</caption><thead><tr><th scope=\"col\">App</th><th scope=\"col\">State</th>"
                "<th scope=\"col\">Name</th><th scope=\"col\">Hardware</th>"
                "<th scope=\"col\">Made</th><th scope=\"col\">Expires</th></tr></thead>\n"
                "<tbody>\n");
}

static mse_status write_app(void *arg, const struct mse_op_app *a)
{
    struct listing *l = arg;
    struct mse_build *b = l->page->b;
    const struct api_call *c = l->page->c;
    if (l->num++ == API_PAGE) {
        return MSE_OK; /* there is one more page */
    }
    if (l->num == 1) {
        write_table(b);
    }
    mse_html(b,
             "<tr><th scope=\"row\"><a href=\"/app/%s\"><bdi>%s</bdi></a></th><td data-label="
             "\"State\">",
             a->id, a->name);
    web_status(b, a->status);
    mse_html(b,
             "</td><td data-label=\"Name\"><span class=\"name\">%s</span></td>"
             "<td data-label=\"Hardware\">%s</td><td data-label=\"Made\">",
             a->domain_name, a->hardware);
    web_time(b, a->created_at, c->now);
    mse_html(b, "</td><td data-label=\"Expires\">");
    web_time(b, a->expires_at, c->now);
    mse_html(b, "</td></tr>\n");
    return MSE_OK;
}

static const struct view *wanted_view(const struct api_call *c)
{
    const char *show = api_value(c, "show");
    for (size_t i = 0; show != NULL && i < MSE_ARRAY_LEN(views); i++) {
        if (strcmp(views[i].name, show) == 0) {
            return &views[i];
        }
    }
    return &views[0];
}

static void write_views(struct mse_build *b, const struct view *now)
{
    mse_html(b, "<nav class=\"views\" aria-label=\"Which apps\">");
    for (size_t i = 0; i < MSE_ARRAY_LEN(views); i++) {
        mse_html(b, "<a href=\"/?show=%s\"", views[i].name);
        if (&views[i] == now) {
            mse_html(b, " aria-current=\"page\"");
        }
        mse_html(b, ">%s</a> ", views[i].title);
    }
    mse_html(b, "</nav>\n");
}

static uint64_t page_number(const struct api_call *c)
{
    uint64_t n = 1;
    const char *text = api_value(c, "page");
    return text != NULL && mse_u64_parse(&n, mse_bytes_str(text), 1000000) && n > 0 ? n : 1;
}

static void write_pages(struct mse_build *b, const struct view *v, uint64_t page, bool more)
{
    if (page == 1 && !more) {
        return;
    }
    mse_html(b, "<nav class=\"pages\" aria-label=\"Pages\">");
    if (page > 1) {
        mse_html(b, "<a rel=\"prev\" href=\"/?show=%s&amp;page=%llu\">Newer</a> ", v->name,
                 (unsigned long long)page - 1);
    }
    mse_html(b, "<span>Page %llu</span>", (unsigned long long)page);
    if (more) {
        mse_html(b, " <a rel=\"next\" href=\"/?show=%s&amp;page=%llu\">Older</a>", v->name,
                 (unsigned long long)page + 1);
    }
    mse_html(b, "</nav>\n");
}

static struct mse_reply *list(struct api_call *c)
{
    struct web_page p;
    struct mse_error err = { 0 };
    const struct view *v = wanted_view(c);
    uint64_t page = page_number(c);
    const struct mse_op_app_filter f = { .owner_id = c->user.id,
                                         .statuses = v->statuses,
                                         .offset = (page - 1) * API_PAGE,
                                         .limit = API_PAGE + 1 };
    if (!web_begin(&p, c, HTTP_OK, "Apps")) {
        return NULL;
    }
    struct listing l = { .page = &p };
    mse_html(p.b, "<h1>Apps</h1>\n");
    write_views(p.b, v);
    mse_status st = mse_op_app_list(c->store, &f, write_app, &l, &err);
    if (st != MSE_OK) {
        mse_reply_unref(p.r);
        return web_failed(c, st, &err);
    }
    mse_html(p.b, l.num > 0 ? "</tbody></table>\n" : "");
    if (l.num == 0) {
        mse_html(p.b, "<p class=\"empty\">There is no app here. An app is deployed with "
                      "<code>mse cloud deploy</code>.</p>\n");
    }
    write_pages(p.b, v, page, l.num > API_PAGE);
    return web_end(&p);
}

static struct mse_reply *welcome(struct api_call *c)
{
    struct web_page p;
    if (!web_begin(&p, c, HTTP_OK, "Confidential web apps")) {
        return NULL;
    }
    mse_html(p.b,
             "<h1>Confidential web apps on <span class=\"name\">%s</span></h1>\n"
             "<p class=\"lead\">Apps of this platform run in enclaves: neither its operator nor "
             "whoever else has access to its machines can read what they compute. You need not "
             "believe that: verify it.</p>\n<div class=\"columns\">\n"
             "<section aria-labelledby=\"use\"><h2 id=\"use\">You use an app</h2>\n"
             "<p>No account is needed to verify an app.</p>\n",
             c->api->cfg->conf->domain);
    mse_html(p.b, "<form class=\"find\" action=\"/verify\"><label for=\"app\">Name or id of the app"
                  "</label>\n<input id=\"app\" name=\"app\" required autocomplete=\"off\" "
                  "autocapitalize=\"none\" spellcheck=\"false\"> <button>How to verify it"
                  "</button></form></section>\n"
                  "<section aria-labelledby=\"own\"><h2 id=\"own\">You own apps here</h2>\n");
    web_login_form(&p, NULL);
    mse_html(p.b, "</section>\n</div>\n");
    return web_end(&p);
}

struct mse_reply *web_home(struct api_call *c)
{
    web_greet(c);
    return c->known ? list(c) : welcome(c);
}
