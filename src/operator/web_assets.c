/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are served as they are: those of web/page, which are in this program, and those of the
 * appraisal in the browser, which are in a folder. Each has its hash for a name of its version. */
#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "operator/web.h"

struct template
{
    const char *path;
    struct mse_bytes content;
};
#include "page_files.h"

#define TAG_LEN     (2 + 64 + 1) /* with quotes and NUL */
#define THE_LIBRARY "appraise.mjs"
#define THE_PROGRAM "mse.wasm"

struct asset {
    const char *name;
    struct mse_bytes bytes;
    char tag[TAG_LEN];
};
struct web {
    size_t num_own;
    size_t num;
    struct asset assets[];
};

static bool add(struct web *w, const char *name, struct mse_bytes bytes)
{
    uint8_t sum[32];
    struct asset *a = &w->assets[w->num];
    if (mse_sha256(sum, bytes) != MSE_OK) {
        return false;
    }
    a->name = name;
    a->bytes = bytes;
    a->tag[0] = '"';
    mse_hex_encode(a->tag + 1, mse_bytes_of(sum, sizeof sum));
    a->tag[TAG_LEN - 2] = '"';
    a->tag[TAG_LEN - 1] = '\0';
    w->num++;
    return true;
}

struct web *web_new(const struct api_config *c)
{
    size_t num = MSE_ARRAY_LEN(templates) + c->num_files;
    struct web *w = calloc(1, sizeof *w + num * sizeof w->assets[0]);
    bool good = w != NULL;
    for (size_t i = 0; good && i < MSE_ARRAY_LEN(templates); i++) {
        good = add(w, templates[i].path, templates[i].content);
    }
    if (good) {
        w->num_own = w->num;
    }
    for (size_t i = 0; good && i < c->num_files; i++) {
        good = add(w, c->files[i].name, c->files[i].bytes);
    }
    if (!good) {
        free(w);
        w = NULL;
    }
    return w;
}

void web_free(struct web *w)
{
    free(w);
}

static const struct asset *find(const struct web *w, size_t from, size_t to, const char *name)
{
    for (size_t i = from; i < to; i++) {
        if (strcmp(w->assets[i].name, name) == 0) {
            return &w->assets[i];
        }
    }
    return NULL;
}

bool web_appraises(const struct web *w)
{
    return find(w, w->num_own, w->num, THE_LIBRARY) != NULL &&
           find(w, w->num_own, w->num, THE_PROGRAM) != NULL;
}

/* Never one that the browser would run as something else. */
static const char *type_of(const char *name)
{
    static const struct {
        const char *end;
        const char *type;
    } list[] = { { ".css", "text/css; charset=utf-8" },
                 { ".js", "text/javascript; charset=utf-8" },
                 { ".mjs", "text/javascript; charset=utf-8" },
                 { ".svg", "image/svg+xml" },
                 { ".wasm", "application/wasm" } };
    const char *end = strrchr(name, '.');
    for (size_t i = 0; end != NULL && i < MSE_ARRAY_LEN(list); i++) {
        if (strcmp(list[i].end, end) == 0) {
            return list[i].type;
        }
    }
    return "application/octet-stream";
}

static bool has_it(struct api_call *c, const struct asset *a)
{
    const char *seen = mse_httpd_header(c->http, "If-None-Match");
    return seen != NULL && (strstr(seen, a->tag) != NULL || strcmp(seen, "*") == 0);
}

static struct mse_reply *give(struct api_call *c, const struct asset *a)
{
    if (a == NULL) {
        return web_problem(c, HTTP_NOT_FOUND, "There is nothing at this address.");
    }
    bool known = has_it(c, a);
    struct mse_reply *r = mse_reply_new(known ? HTTP_NOT_MODIFIED : HTTP_OK);
    if (r == NULL) {
        return NULL;
    }
    bool good =
        mse_reply_add(r, "ETag", a->tag) &&
        mse_reply_add(r, "Cache-Control", "no-cache") && /* ask, whether it is another one */
        mse_reply_add(r, "X-Content-Type-Options", "nosniff") &&
        mse_reply_add(r, "Cross-Origin-Resource-Policy", "same-origin") &&
        mse_reply_add(r, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'") &&
        mse_reply_add(r, "Content-Type", type_of(a->name));
    if (!known) {
        mse_wr_bytes(&r->body, a->bytes);
    }
    return mse_reply_finish(r, good);
}

struct mse_reply *web_asset(struct api_call *c)
{
    const struct web *w = c->api->web;
    return give(c, find(w, 0, w->num_own, c->id));
}

struct mse_reply *web_asset_given(struct api_call *c)
{
    const struct web *w = c->api->web;
    return give(c, find(w, w->num_own, w->num, c->id));
}
