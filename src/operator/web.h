/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of msed api: HTML that is made here and reads without JavaScript; style and scripts are
 * files of web/page, which the build embeds. Only api_routes.c, api_serve.c and web_*.c include
 * this. */
#ifndef OPERATOR_WEB_H
#define OPERATOR_WEB_H

#include "httpd/html.h"
#include "operator/api.h"

/* ---- the files (web_assets.c) */

struct web;
/* The files of c are borrowed. NULL without memory. */
struct web *web_new(const struct api_config *c);
void web_free(struct web *w);
/* The appraisal in the browser was installed. */
bool web_appraises(const struct web *w);

/* ---- a page (web_frame.c) */

struct web_page {
    struct mse_reply *r;
    struct mse_build *b; /* of its body */
    struct api_call *c;
};
/* Begins a page up to its content; false without memory. */
MSE_MUST_USE bool web_begin(struct web_page *p, struct api_call *c, unsigned status,
                            const char *title);
/* The same of a page that may run WebAssembly. */
MSE_MUST_USE bool web_begin_appraisal(struct web_page *p, struct api_call *c, const char *title);
struct mse_reply *web_end(struct web_page *p);
/* A page that says what is wrong; text in one sentence. */
struct mse_reply *web_problem(struct api_call *c, unsigned status, const char *text);
/* Of what the store said. */
struct mse_reply *web_failed(struct api_call *c, mse_status st, const struct mse_error *err);
/* The refusal of a request, as a page if a page was asked for; r is taken over. */
struct mse_reply *web_refused(struct api_call *c, struct mse_reply *r);
/* To another page of ours; path begins with one '/'. */
struct mse_reply *web_go(const char *path);

/* ---- pieces (web_words.c) */

/* <time> with the moment in UTC and how long ago that is; a dash for 0. */
void web_time(struct mse_build *b, mse_time t, mse_time now);
/* "in 3 days"; out has 32 bytes. */
const char *web_relative(char out[32], mse_time t, mse_time now);
/* A status as a coloured word. */
void web_status(struct mse_build *b, enum mse_op_app_status st);
/* A row of a list of facts: <dt> and, open, <dd>. */
void web_fact(struct mse_build *b, const char *name);
/* A fact that is text; a dash for "". */
void web_fact_text(struct mse_build *b, const char *name, const char *value);
/* A fact in hexadecimal that can be copied. */
void web_fact_hex(struct mse_build *b, const char *name, const char *hex);
void web_fact_bytes(struct mse_build *b, const char *name, const uint8_t *p, size_t len);
void web_fact_time(struct mse_build *b, const char *name, mse_time t, mse_time now);
/* Text that can be copied, as a command. */
void web_command(struct mse_build *b, const char *label, const char *text);
/* "name:8443", or the name alone for the port of HTTPS; out has WEB_PLACE_LEN bytes. */
#define WEB_PLACE_LEN (MSE_OP_DOMAIN_LEN + 8)
const char *web_place(char out[WEB_PLACE_LEN], const struct api_call *c, const char *domain);
/* Who holds the key of the certificate that users see, in a sentence. */
const char *web_origin_words(enum mse_op_mode m);

/* ---- plots (web_plot.c) */

#define WEB_STEPS  240
#define WEB_SERIES 3
enum web_unit {
    WEB_COUNT,
    WEB_CORES, /* thousandths of a core */
    WEB_BYTES,
    WEB_BYTES_SECOND,
    WEB_US,
};
struct web_series {
    const char *name; /* for people */
    double values[WEB_STEPS];
    bool there[WEB_STEPS];
};
struct web_plot {
    const char *title;
    enum web_unit unit;
    bool bars;
    int64_t since_ms; /* of the first step */
    int64_t step_ms;
    size_t num;
    const struct web_series *series[WEB_SERIES];
};
/* A figure: what it shows in words, the picture, the values as a table. */
void web_plot(struct mse_build *b, const struct web_plot *p);
/* out has 32 bytes. */
const char *web_value(char out[32], enum web_unit unit, double v);
/* The end of the scale: the least of 1, 2, 5 times a power that is not below max. */
double web_scale(enum web_unit unit, double max);

/* ---- who asks (web_login.c) */

/* The user of the page's session, or a page where one can log in. NULL: go on. */
struct mse_reply *web_auth(struct api_call *c);
/* The user of the session, if there is a valid one; for pages that are for everybody. */
void web_greet(struct api_call *c);
/* The ways to log in; next: where that leads, or NULL. */
void web_login_form(struct web_page *p, const char *next);
/* A page that says why not, and has them again. */
struct mse_reply *web_login_again(struct api_call *c, unsigned status, const char *why,
                                  const char *next);
/* What the token of a session is called, and how long it lasts. */
#define WEB_SESSION         "page"
#define WEB_SESSION_SECONDS ((mse_time)12 * 3600)
/* Adds the session's cookie to r, which is taken over; token "": the end of it. */
struct mse_reply *web_with_session(struct api_call *c, struct mse_reply *r, const char *token,
                                   int64_t seconds);
/* TLS is ours. */
bool web_is_tls(const struct api_call *c);
/* An issuer is there to log in with on a page. */
bool web_has_issuer(const struct api_call *c);

api_fn web_home, web_login, web_logout, web_oidc_begin, web_oidc_back, web_app, web_verify_any,
    web_verify, web_evidence, web_asset, web_asset_given;
/* One app in a page: of its owner (web_app.c). */
void web_list_apps(struct web_page *p);

/* ---- what tests look at */

/* Whether a form may lead there. */
bool web_may_go(const char *path);
/* Whether a request that changes something comes from a page of ours. host, origin, site: headers,
 * NULL if they are not there (once). */
bool web_is_own(bool tls, const char *host, const char *origin, const char *site);
/* The value of Set-Cookie; token "": the end of it. out has 160 bytes. */
void web_cookie(char out[160], bool tls, const char *token, int64_t seconds);

#endif
