/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in to the page with an issuer: away to it, and back with a code (decision 32). What a
 * login that is under way has to remember lies in a cookie of this browser and nowhere else: a
 * secret, of which state, nonce and the verifier of PKCE are made. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "httpd/target.h"
#include "operator/api_oidc.h"
#include "operator/login.h"
#include "operator/oidc_site.h"
#include "operator/web.h"

#define FLOW_COOKIE(tls) ((tls) ? "__Host-mse-login" : "mse-login")
#define FLOW_SECONDS     600  /* that a login may take */
#define COOKIE_SECONDS   3600 /* so that one that took longer is told that it did */
#define MAX_NEXT         64
#define MAX_URL          ((size_t)4096)
#define URI_LEN          CLI_URL_LEN
#define STEP             "login"

struct way {
    uint8_t secret[32];
    mse_time began;
    char next[MAX_NEXT]; /* an app's page, or "" */
    char redirect_uri[URI_LEN];
    struct cli_flow flow;
};

/* spec: RFC 7636 §4.1. One value for each purpose, of all that the cookie says. */
static bool derive(char out[CLI_FLOW_SECRET_LEN], const struct way *w, const char *purpose)
{
    uint8_t room[256];
    uint8_t hash[32];
    struct mse_build b;
    mse_build_fixed(&b, room, sizeof room);
    mse_wr_printf(&b, "mse page login v1 %s %lld %s ", purpose, (long long)w->began, w->next);
    mse_wr_copy(&b, w->secret, sizeof w->secret);
    bool good = mse_build_ok(&b) && mse_sha256(hash, mse_build_view(&b)) == MSE_OK;
    if (good) {
        mse_base64url_encode(out, mse_bytes_of(hash, sizeof hash));
    }
    mse_wipe(room, sizeof room);
    return good;
}

static mse_status make_flow(struct way *w, const struct mse_op_oidc *o, struct mse_error *err)
{
    (void)snprintf(w->redirect_uri, sizeof w->redirect_uri, "%s%s", o->page, API_BACK);
    w->flow = (struct cli_flow) { .issuer = o->issuer,
                                  .client_id = o->client_id,
                                  .scopes = o->scopes,
                                  .redirect_uri = w->redirect_uri };
    return derive(w->flow.state, w, "state") && derive(w->flow.nonce, w, "nonce") &&
                   derive(w->flow.verifier, w, "verifier")
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_CRYPTO, STEP, "no SHA-256");
}

/* ---- the cookie: SECRET.SECONDS.NEXT; Lax, as the issuer's site sends the browser back */

static struct mse_reply *with_way(struct api_call *c, struct mse_reply *r, const struct way *w)
{
    char text[256];
    char secret[CLI_FLOW_SECRET_LEN] = "";
    bool tls = web_is_tls(c);
    int seconds = w == NULL ? 0 : COOKIE_SECONDS;
    if (r == NULL) {
        return NULL;
    }
    int n = snprintf(text, sizeof text, "%s=", FLOW_COOKIE(tls));
    if (w != NULL) {
        mse_base64url_encode(secret, mse_bytes_of(w->secret, sizeof w->secret));
        n += snprintf(text + n, sizeof text - (size_t)n, "%s.%lld.%s", secret, (long long)w->began,
                      w->next);
    }
    (void)snprintf(text + n, sizeof text - (size_t)n,
                   "; Path=/; HttpOnly; SameSite=Lax%s; Max-Age=%d", tls ? "; Secure" : "",
                   seconds);
    bool good = mse_reply_add(r, "Set-Cookie", text);
    mse_wipe(text, sizeof text);
    mse_wipe(secret, sizeof secret);
    return mse_reply_finish(r, good);
}

static bool read_way(struct way *w, struct api_call *c)
{
    const char *value = mse_httpd_cookie(c->http, FLOW_COOKIE(web_is_tls(c)));
    struct mse_bytes rest = mse_bytes_str(value == NULL ? "" : value);
    struct mse_bytes secret = cli_flow_cut(&rest, '.');
    struct mse_bytes began = cli_flow_cut(&rest, '.');
    uint64_t seconds = 0;
    size_t len = 0;
    if (!mse_base64url_decode(w->secret, sizeof w->secret, &len, secret) ||
        len != sizeof w->secret || !mse_u64_parse(&seconds, began, INT64_MAX / 2) ||
        rest.len >= sizeof w->next) {
        return false;
    }
    w->began = (mse_time)seconds;
    memcpy(w->next, rest.data, rest.len);
    w->next[rest.len] = '\0';
    return rest.len == 0 || web_may_go(w->next);
}

/* ---- away */

static bool is_asked_by_us(struct api_call *c)
{
    const char *site = mse_httpd_header(c->http, "Sec-Fetch-Site");
    return site == NULL || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
}

static struct mse_reply *refuse(struct api_call *c, mse_status st, const struct mse_error *err,
                                const char *next)
{
    char text[MSE_ERROR_TEXT_LEN];
    char why[MSE_ERROR_TEXT_LEN + 64];
    unsigned status = api_oidc_refusal(text, st, err);
    c->known = false;
    if (status == 0) {
        return with_way(c, web_failed(c, st, err), NULL);
    }
    (void)snprintf(why, sizeof why, "The login is refused: %s.", text);
    return with_way(c, web_login_again(c, status, why, next[0] == '\0' ? NULL : next), NULL);
}

static struct mse_reply *go_away(struct api_call *c, struct way *w, struct mse_build *url)
{
    struct mse_error err = { 0 };
    const struct mse_op_oidc *o = &c->api->cfg->conf->oidc;
    mse_status st = mse_random(w->secret, sizeof w->secret) == MSE_OK
                        ? make_flow(w, o, &err)
                        : MSE_FAIL(&err, MSE_ERR_CRYPTO, STEP, "no random bytes");
    if (st == MSE_OK) {
        st = mse_oidc_site_begin(c->api->site, url, &w->flow, mse_clock_ms(), &err);
    }
    return st == MSE_OK ? with_way(c, web_go(mse_build_cstr(url)), w)
                        : refuse(c, st, &err, w->next);
}

static struct mse_reply *no_issuer(struct api_call *c)
{
    return web_problem(c, HTTP_NOT_FOUND,
                       "This platform has no issuer to log in with on this page.");
}

struct mse_reply *web_oidc_begin(struct api_call *c)
{
    struct way w = { .began = c->now };
    struct mse_build url;
    const char *next = api_value(c, "next");
    if (!web_has_issuer(c)) {
        return no_issuer(c);
    }
    if (!is_asked_by_us(c)) {
        return web_problem(c, HTTP_FORBIDDEN,
                           "Another site led here. Whoever wants to log in begins on this page.");
    }
    struct mse_reply *r = api_limit(c);
    if (r != NULL) {
        return web_refused(c, r);
    }
    if (next != NULL && web_may_go(next)) {
        (void)snprintf(w.next, sizeof w.next, "%s", next);
    }
    mse_build_heap(&url, MAX_URL);
    r = go_away(c, &w, &url);
    mse_build_clear(&url);
    mse_wipe(&w, sizeof w);
    return r;
}

/* ---- and back */

/* The code that the browser brings, if it belongs to this login and came in time. */
static mse_status take_code(char code[CLI_FLOW_CODE_LEN], struct api_call *c, const struct way *w,
                            struct mse_error *err)
{
    struct mse_target t = { .query = { NULL, 0 } };
    (void)!mse_target_split(&t, mse_bytes_str(mse_httpd_target(c->http))); /* it was before */
    struct mse_error why = { 0 };
    mse_status st = cli_flow_answer(code, t.query, w->flow.state, w->flow.issuer, &why);
    bool ours = st != MSE_ERR_TOKEN_NONCE && st != MSE_ERR_MALFORMED;
    if (ours && (c->now < w->began || c->now - w->began > FLOW_SECONDS)) {
        return MSE_FAIL(err, MSE_ERR_TOKEN_EXPIRED, STEP,
                        "it took longer than %d minutes: begin again", FLOW_SECONDS / 60);
    }
    return st == MSE_OK ? MSE_OK : MSE_FAIL(err, st, STEP, "%s", why.text);
}

/* What the issuer says for the code, and whose that is here. */
static mse_status take_user(struct api_call *c, const struct way *w, const char *code,
                            struct mse_op_logged_in *in, struct mse_error *err)
{
    char *id_token = NULL;
    struct mse_oidc_claims claims = { .subject = "" };
    const struct mse_op_oidc *o = &c->api->cfg->conf->oidc;
    int64_t now_ms = mse_clock_ms();
    mse_status st = mse_oidc_site_exchange(c->api->site, &id_token, &w->flow, code, now_ms, err);
    if (st != MSE_OK) {
        return st;
    }
    const struct mse_oidc_want want = {
        .issuer = o->issuer, .client_id = o->client_id, .nonce = w->flow.nonce, .now = c->now
    };
    st = mse_oidc_keys_verify(c->api->issuer, &claims, mse_bytes_str(id_token), &want, now_ms, err);
    mse_wipe(id_token, strlen(id_token));
    free(id_token);
    return st == MSE_OK ? mse_op_login(c->store, o, &claims, c->now, in, err) : st;
}

/* A page that goes on by itself: a redirect would still be the issuer's site's, without the
 * session, which is for this site alone. */
static struct mse_reply *welcome(struct api_call *c, const char *next)
{
    struct web_page p;
    char refresh[MAX_NEXT + 16];
    const char *where = next[0] == '\0' ? "/" : next;
    if (!web_begin(&p, c, HTTP_OK, "Logged in")) {
        return NULL;
    }
    mse_html(p.b,
             "<h1>You are logged in</h1>\n<p class=\"notice good\">This page goes on to <a "
             "href=\"%s\">%s</a>.</p>\n",
             where, next[0] == '\0' ? "your apps" : "the app");
    struct mse_reply *r = web_end(&p);
    (void)snprintf(refresh, sizeof refresh, "0; url=%s", where);
    return r == NULL ? NULL : mse_reply_finish(r, mse_reply_add(r, "Refresh", refresh));
}

static struct mse_reply *come_back(struct api_call *c, struct way *w)
{
    char code[CLI_FLOW_CODE_LEN];
    struct mse_error err = { 0 };
    struct mse_op_logged_in in = { .token = { .name = WEB_SESSION,
                                              .scopes = MSE_OP_SCOPE_READ,
                                              .expires_at = c->now + WEB_SESSION_SECONDS } };
    mse_status st = make_flow(w, &c->api->cfg->conf->oidc, &err);
    if (st == MSE_OK) {
        st = take_code(code, c, w, &err);
    }
    if (st == MSE_OK) {
        st = take_user(c, w, code, &in, &err);
        mse_wipe(code, sizeof code);
    }
    if (st != MSE_OK) {
        return refuse(c, st, &err, w->next);
    }
    struct mse_reply *r =
        web_with_session(c, welcome(c, w->next), in.text, in.token.expires_at - c->now);
    mse_wipe(&in, sizeof in);
    return with_way(c, r, NULL);
}

struct mse_reply *web_oidc_back(struct api_call *c)
{
    struct way w = { .began = 0 };
    if (!web_has_issuer(c)) {
        return no_issuer(c);
    }
    struct mse_reply *r = api_limit(c);
    if (r != NULL) {
        return web_refused(c, r);
    }
    if (!read_way(&w, c)) {
        return with_way(c,
                        web_login_again(c, HTTP_BAD_REQUEST,
                                        "No login is under way in this browser: begin again.",
                                        NULL),
                        NULL);
    }
    r = come_back(c, &w);
    mse_wipe(&w, sizeof w);
    return r;
}
