/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: JSON, problems, pages. */
#include <stdarg.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/util.h"
#include "operator/api.h"

#define MAX_DETAIL 512
#define MAX_LINK   (API_MAX_VALUE + 64)

const char *api_status_words(unsigned status)
{
    static const struct {
        unsigned status;
        const char *words;
    } list[] = {
        { HTTP_OK, "OK" },
        { HTTP_CREATED, "Created" },
        { HTTP_NO_CONTENT, "No Content" },
        { HTTP_SEE_OTHER, "See Other" },
        { HTTP_NOT_MODIFIED, "Not Modified" },
        { HTTP_BAD_REQUEST, "Bad Request" },
        { HTTP_UNAUTHORIZED, "Unauthorized" },
        { HTTP_FORBIDDEN, "Forbidden" },
        { HTTP_NOT_FOUND, "Not Found" },
        { HTTP_NOT_ALLOWED, "Method Not Allowed" },
        { HTTP_TIMEOUT, "Request Timeout" },
        { HTTP_CONFLICT, "Conflict" },
        { HTTP_TOO_LARGE, "Content Too Large" },
        { HTTP_LONG_TARGET, "URI Too Long" },
        { HTTP_UNSUPPORTED, "Unsupported Media Type" },
        { HTTP_UNPROCESSABLE, "Unprocessable Content" },
        { HTTP_TOO_MANY, "Too Many Requests" },
        { HTTP_INTERNAL, "Internal Server Error" },
        { HTTP_BAD_GATEWAY, "Bad Gateway" },
        { HTTP_UNAVAILABLE, "Service Unavailable" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        if (list[i].status == status) {
            return list[i].words;
        }
    }
    return "";
}

/* What every answer says: it is for this client, now, and nothing but what it says it is. */
static struct mse_reply *begin(unsigned status, const char *type)
{
    struct mse_reply *r = mse_reply_new(status);
    if (r == NULL) {
        return NULL;
    }
    bool good = mse_reply_add(r, "Cache-Control", "no-store") &&
                mse_reply_add(r, "X-Content-Type-Options", "nosniff") &&
                (type == NULL || mse_reply_add(r, "Content-Type", type));
    return mse_reply_finish(r, good);
}

bool api_add_retry(struct mse_reply *r, unsigned status)
{
    bool later = status == HTTP_TOO_MANY || status == HTTP_UNAVAILABLE;
    return !later || mse_reply_add(r, "Retry-After", "2");
}

static bool add_more(struct mse_reply *r, unsigned status)
{
    if (status == HTTP_UNAUTHORIZED) {
        return mse_reply_add(r, "WWW-Authenticate", "Bearer realm=\"mse\"");
    }
    return api_add_retry(r, status);
}

static struct mse_reply *problem(unsigned status, const char *member, const char *value,
                                 const char *detail)
{
    struct mse_reply *r = begin(status, "application/problem+json");
    if (r == NULL) {
        return NULL;
    }
    struct mse_js j = { .b = &r->body };
    mse_js_open(&j, NULL, '{');
    mse_js_str(&j, "type", "about:blank");
    mse_js_str(&j, "title", api_status_words(status));
    mse_js_uint(&j, "status", status);
    mse_js_str(&j, "detail", detail);
    if (value != NULL) {
        mse_js_str(&j, member, value);
    }
    mse_js_close(&j, '}');
    mse_wr_str(&r->body, "\n");
    return mse_reply_finish(r, add_more(r, status));
}

struct mse_reply *api_problem(unsigned status, const char *fmt, ...)
{
    char detail[MAX_DETAIL];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    return problem(status, NULL, NULL, detail);
}

struct mse_reply *api_problem_with(unsigned status, const char *member, const char *value,
                                   const char *fmt, ...)
{
    char detail[MAX_DETAIL];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    return problem(status, member, value, detail);
}

/* The store's words as a sentence. */
static struct mse_reply *sentence(unsigned status, const char *text)
{
    size_t len = strlen(text);
    bool whole = len > 0 && text[len - 1] == '.';
    bool small = text[0] >= 'a' && text[0] <= 'z' && text[strcspn(text, " _:")] == ' ';
    return api_problem(status, "%c%s%s", small ? text[0] - 'a' + 'A' : text[0],
                       len > 0 ? text + 1 : "", whole ? "" : ".");
}

struct mse_reply *api_failed(mse_status st, const struct mse_error *err)
{
    static const struct {
        mse_status st;
        unsigned status;
    } list[] = {
        { MSE_ERR_NOT_FOUND, HTTP_NOT_FOUND },    { MSE_ERR_EXISTS, HTTP_CONFLICT },
        { MSE_ERR_NO_SPACE, HTTP_CONFLICT },      { MSE_ERR_CONFIG, HTTP_CONFLICT },
        { MSE_ERR_ARGUMENT, HTTP_UNPROCESSABLE }, { MSE_ERR_MALFORMED, HTTP_UNPROCESSABLE },
        { MSE_ERR_LEASE_LOST, HTTP_CONFLICT },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        if (list[i].st == st) {
            return sentence(list[i].status, err->text[0] != '\0' ? err->text : mse_status_text(st));
        }
    }
    mse_log(MSE_LOG_ERROR, API_NAME, "%s: %s", mse_status_name(st), err->text);
    if (mse_op_may_pass(st)) {
        return api_problem(HTTP_UNAVAILABLE,
                           "The platform's database does not answer as it should.");
    }
    return api_problem(HTTP_INTERNAL, "This should not happen: the operator's log says more.");
}

struct mse_reply *api_json(unsigned status)
{
    return begin(status, "application/json");
}

struct mse_reply *api_done(struct mse_reply *r)
{
    if (r != NULL) {
        mse_wr_str(&r->body, "\n");
    }
    return mse_reply_finish(r, true);
}

struct mse_reply *api_nothing(void)
{
    return begin(HTTP_NO_CONTENT, NULL);
}

/* Pages. */

bool api_page_begin(struct api_page *p, const struct api_call *c, struct mse_reply **out)
{
    const char *text = api_value(c, "page");
    uint64_t page = 1;
    *p = (struct api_page) { .r = NULL };
    *out = NULL;
    if (text != NULL && (!mse_u64_parse(&page, mse_bytes_str(text), 1000000) || page == 0)) {
        *out = api_problem(HTTP_UNPROCESSABLE, "page is %.40s, wanted a number from 1.", text);
        return false;
    }
    p->from = (page - 1) * API_PAGE;
    p->r = api_json(HTTP_OK);
    if (p->r == NULL) {
        return false;
    }
    p->j.b = &p->r->body;
    mse_js_open(&p->j, NULL, '[');
    return true;
}

bool api_page_wants(struct api_page *p)
{
    uint64_t at = p->seen++;
    return at >= p->from && at - p->from < API_PAGE;
}

/* The target with another page. */
static bool write_link(char *out, size_t cap, const char *target, uint64_t page)
{
    struct mse_build b;
    const char *query = strchr(target, '?');
    size_t path = query == NULL ? strlen(target) : (size_t)(query - target);
    mse_build_fixed(&b, out, cap);
    mse_wr_printf(&b, "<%.*s?page=%llu", (int)path, target, (unsigned long long)page);
    while (query != NULL) {
        const char *name = query + 1;
        query = strchr(name, '&');
        size_t len = query == NULL ? strlen(name) : (size_t)(query - name);
        if (len > 0 && strncmp(name, "page=", 5) != 0) {
            mse_wr_printf(&b, "&%.*s", (int)len, name);
        }
    }
    mse_wr_str(&b, ">; rel=\"next\"");
    return mse_build_cstr(&b) != NULL;
}

static struct mse_reply *page_end(struct api_page *p, const struct api_call *c)
{
    char total[24];
    char link[MAX_LINK];
    struct mse_reply *r = p->r;
    mse_js_close(&p->j, ']');
    (void)snprintf(total, sizeof total, "%llu", (unsigned long long)p->seen);
    bool good = mse_reply_add(r, "X-Total-Count", total);
    if (p->seen > p->from + API_PAGE) {
        good = good && write_link(link, sizeof link, c->target, p->from / API_PAGE + 2) &&
               mse_reply_add(r, "Link", link);
    }
    if (!good) {
        mse_reply_unref(r);
        return NULL;
    }
    return api_done(r);
}

static void page_drop(struct api_page *p)
{
    mse_reply_unref(p->r);
    p->r = NULL;
}

struct mse_reply *api_page_of(struct api_page *p, const struct api_call *c, mse_status st,
                              const struct mse_error *err)
{
    if (st == MSE_OK) {
        return page_end(p, c);
    }
    page_drop(p);
    return api_failed(st, err);
}
