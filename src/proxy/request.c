/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a request: for which app it is, whether it may be, and how it goes on. */
#include <stdio.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/log.h"
#include "proxy/inner.h"

/* The client's side of a request that is judged. */
struct face {
    struct app *app;
    const char *scheme;
    struct mse_authority at; /* as the client calls it */
    struct mse_bytes here;   /* the same, as it wrote it */
};

static void refuse(struct visit *v, unsigned status, const char *title, const char *detail,
                   const char *hint)
{
    struct mse_page p;
    page_set(&p, status, title, "%s", detail);
    (void)snprintf(p.hint, sizeof p.hint, "%s", hint);
    mse_log(MSE_LOG_WARN, "proxy", "refused with %u: %s", status, detail);
    visit_fail(v, &p);
}

static struct app *find_app(struct proxy *p, const struct mse_authority *a, bool any_usual)
{
    struct app *found = NULL;
    for (size_t i = 0; i < p->cfg->num_apps && found == NULL; i++) {
        struct app *k = &p->apps[i];
        bool port = a->port == k->config->port || (any_usual && a->port == 80);
        found = port && mse_http1_is(a->host, k->config->domain) ? k : NULL;
    }
    return found;
}

static void refuse_stranger(struct visit *v, struct mse_bytes name)
{
    struct mse_page p;
    char quoted[200];
    (void)mse_log_quote(quoted, sizeof quoted, name);
    page_set(&p, 403, "This proxy is for trusted apps only",
             "%s is no app that this proxy was told to trust.", quoted);
    (void)snprintf(
        p.hint, sizeof p.hint,
        "Name it when the proxy is started (mse proxy DOMAIN…), or add it with mse trust "
        "add.");
    mse_log(MSE_LOG_WARN, "proxy", "refused with 403: %s", p.detail);
    visit_fail(v, &p);
}

/* A path: for the app at home. */
static bool face_home(struct face *f, struct visit *v, const struct mse_http1_head *h)
{
    struct proxy *p = v->proxy;
    if (!mse_rules_is_here(h->host, p->cfg->port, p->cfg->any_address)) {
        refuse(v, 403, "Wrong Host",
               "The request's Host is not this proxy's (localhost, 127.0.0.1 or [::1], with its "
               "port): another name may be somebody's who points it here.",
               "Use http://localhost:PORT/ as the proxy said when it started.");
        return false;
    }
    if (p->cfg->home == SIZE_MAX) {
        refuse(v, 404, "Which app?",
               "This proxy is for several apps, and a path alone names none of them.",
               "Use it as http_proxy, with http://DOMAIN/PATH; or start one for each app.");
        return false;
    }
    f->app = &p->apps[p->cfg->home];
    f->scheme = "http";
    f->here = h->host;
    return mse_authority_read(&f->at, h->host, 80);
}

/* http://DOMAIN/PATH of a client that has this as its HTTP proxy. */
static bool face_proxy(struct face *f, struct visit *v, const struct mse_http1_head *h)
{
    struct mse_authority host;
    if (!mse_authority_read(&f->at, h->authority, 80) || !mse_authority_read(&host, h->host, 80) ||
        !mse_authority_equal(&f->at, &host)) {
        refuse(v, 400, "Two hosts", "The target and Host do not name the same host and port.", "");
        return false;
    }
    f->app = find_app(v->proxy, &f->at, true);
    f->scheme = "http";
    f->here = h->authority;
    if (f->app == NULL) {
        refuse_stranger(v, h->authority);
    }
    return f->app != NULL;
}

/* Inside of CONNECT. */
static bool face_tunnel(struct face *f, struct visit *v, const struct mse_http1_head *h)
{
    bool form = h->form == MSE_HTTP1_ORIGIN || h->form == MSE_HTTP1_ASTERISK;
    if (!form || !mse_authority_read(&f->at, h->host, 443) ||
        find_app(v->proxy, &f->at, false) != v->tunnel) {
        refuse(v, 403, "Wrong Host", "The request's Host is not the one of the tunnel.", "");
        return false;
    }
    f->app = v->tunnel;
    f->scheme = "https";
    f->here = h->host;
    return true;
}

static void begin_tunnel(struct visit *v, const struct mse_http1_head *h)
{
    static const char yes[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    struct mse_authority a;
    struct app *k =
        mse_authority_read(&a, h->authority, 443) ? find_app(v->proxy, &a, false) : NULL;
    if (k == NULL) {
        refuse_stranger(v, h->authority);
        return;
    }
    if (k->server == NULL || v->tls != NULL) {
        refuse(v, 403, "No CONNECT",
               "This proxy sees the requests that it attests: it passes no TLS on.",
               "Use http:// in the URL (the proxy makes attested TLS of it), or start it with "
               "--local-ca and import its CA.");
        return;
    }
    if (v->in.len > h->len) {
        refuse(v, 400, "Too early", "There are bytes behind CONNECT before it was answered.", "");
        return;
    }
    mse_build_clear(&v->in);
    mse_build_heap(&v->in, MSE_HTTP1_HEAD_MAX + PROXY_PLAIN_LEN);
    v->tls = mse_tls_accept(k->server, v->fd, &v->proxy->cipher);
    if (v->tls == NULL ||
        !mse_leftover_add(&v->out, v->fd, (const uint8_t *)yes, sizeof yes - 1, PROXY_KEEP_MAX)) {
        visit_close(v, true);
        return;
    }
    v->tunnel = k;
    v->server = k->server;
    v->stage = VISIT_SHAKE;
    v->since_ms = proxy_now(v->proxy);
}

static void remember(struct visit *v, const struct mse_http1_head *h, const struct face *f)
{
    bool safe = mse_bytes_is_str(h->method, "GET") || mse_bytes_is_str(h->method, "HEAD") ||
                mse_bytes_is_str(h->method, "OPTIONS");
    size_t len = f->here.len < sizeof v->here - 1 ? f->here.len : sizeof v->here - 1;
    memcpy(v->here, f->here.data, len);
    v->here[len] = '\0';
    v->upgrade = h->upgrade;
    v->one_zero = h->one_zero;
    v->h2 = false;
    v->close = h->close;
    v->repeatable = safe && h->framing == MSE_HTTP1_NO_BODY && !h->upgrade;
    v->repeated = false;
    mse_http1_body_begin(&v->request, h, false);
    v->request_done = h->framing == MSE_HTTP1_NO_BODY;
    v->response_begun = false;
    v->response_body = false;
    v->up_close = false;
    v->ends = false;
}

static void note_accept(struct visit *v, const struct mse_http1_head *h)
{
    size_t len = h->accept.len < sizeof v->accept - 1 ? h->accept.len : sizeof v->accept - 1;
    if (len > 0) {
        memcpy(v->accept, h->accept.data, len);
    }
    v->accept[len] = '\0';
    v->head_only = mse_bytes_is_str(h->method, "HEAD");
}

void request_begin(struct visit *v, const struct mse_http1_head *h)
{
    struct face f = { .app = NULL };
    note_accept(v, h);
    if (h->form == MSE_HTTP1_AUTHORITY) {
        begin_tunnel(v, h);
        return;
    }
    bool mine = v->tunnel != NULL               ? face_tunnel(&f, v, h)
                : h->form == MSE_HTTP1_ABSOLUTE ? face_proxy(&f, v, h)
                                                : face_home(&f, v, h);
    if (!mine) {
        return;
    }
    const char *why = mse_rules_page(h, f.scheme, &f.at);
    if (why != NULL) {
        char text[256];
        (void)snprintf(text, sizeof text, "No other web page may use this proxy: %s.", why);
        refuse(v, 403, "Another page made this request", text,
               "Type the address, or open it from a page of the app itself.");
        return;
    }
    remember(v, h, &f);
    const struct mse_forward to = { .scheme = f.scheme,
                                    .here = mse_bytes_str(v->here),
                                    .app = mse_bytes_str(f.app->host) };
    mse_build_reset(&v->head);
    mse_forward_request(&v->head, h, &to);
    v->app = f.app;
}
