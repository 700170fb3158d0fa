/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: a token becomes a user. Whatever is wrong with it has one answer; whoever fails too
 * often, or asks too often what costs an enclave work, has to wait. */
#include <strings.h>

#include "base/bytes.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "operator/api.h"

#define SLOTS       4096U /* a power of two */
#define BURST       30
#define STEP_SECOND 1 /* one is forgiven each second */

/* What one source did: those that hash alike share the count. */
struct slot {
    unsigned num;
    mse_time since;
};
struct api_limits {
    pthread_mutex_t lock;
    uint8_t secret[32]; /* of this process: nobody knows whose slot he shares */
    struct slot slots[SLOTS];
};

struct api_limits *api_limits_new(void)
{
    struct api_limits *l = calloc(1, sizeof *l);
    if (l != NULL && mse_random(l->secret, sizeof l->secret) != MSE_OK) {
        free(l);
        return NULL;
    }
    if (l != NULL) {
        (void)pthread_mutex_init(&l->lock, NULL);
    }
    return l;
}

void api_limits_free(struct api_limits *l)
{
    if (l != NULL) {
        (void)pthread_mutex_destroy(&l->lock);
        free(l);
    }
}

/* An IPv6 network has /64 of addresses: they count as one. */
static struct slot *slot_of(struct api_limits *l, const uint8_t source[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    size_t len = mse_mem_equal(source, mapped, sizeof mapped) ? 16 : 8;
    uint8_t hash[32] = { 0 };
    (void)!mse_sha256_2(hash, mse_bytes_of(l->secret, sizeof l->secret), mse_bytes_of(source, len));
    return &l->slots[((unsigned)hash[0] << 8 | hash[1]) & (SLOTS - 1)];
}

static bool is_over(struct api_limits *l, const uint8_t source[16], mse_time now, unsigned add)
{
    (void)pthread_mutex_lock(&l->lock);
    struct slot *s = slot_of(l, source);
    mse_time passed = now > s->since ? (now - s->since) / STEP_SECOND : 0;
    s->num = passed >= (mse_time)s->num ? 0 : s->num - (unsigned)passed;
    s->since = now;
    s->num += s->num < 2 * BURST ? add : 0;
    bool over = s->num > BURST;
    (void)pthread_mutex_unlock(&l->lock);
    return over;
}

static struct mse_reply *nobody(struct api_call *c, const uint8_t source[16])
{
    (void)is_over(c->api->limits, source, c->now, 1);
    return api_problem_with(HTTP_UNAUTHORIZED, "hint", "mse cloud login",
                            "A valid access token is needed.");
}

/* The token of the header; false if there is none that could be one. */
static bool bearer(struct mse_httpd_request *r, struct mse_bytes *out)
{
    static const char scheme[] = "Bearer ";
    const char *value = mse_httpd_header(r, "Authorization");
    if (value == NULL || mse_httpd_num_headers(r, "Authorization") != 1 ||
        strncasecmp(value, scheme, sizeof scheme - 1) != 0) {
        return false;
    }
    *out = mse_bytes_str(value + sizeof scheme - 1);
    return true;
}

struct mse_reply *api_limit(struct api_call *c)
{
    uint8_t source[16];
    mse_httpd_source(c->http, source);
    return is_over(c->api->public_limits, source, c->now, 1)
               ? api_problem(HTTP_TOO_MANY, "Too many requests came from this address.")
               : NULL;
}

bool api_session(struct api_call *c, struct mse_bytes *out)
{
    const char *value = mse_httpd_cookie(c->http, API_COOKIE(c->api->cfg->chain.len > 0));
    if (value != NULL) {
        *out = mse_bytes_str(value);
    }
    return value != NULL;
}

/* The page's own scripts read with its session. Apps have names below the same domain, so their
 * pages are "same-site": what SameSite lets pass is not enough. */
static bool reads_from_page(struct api_call *c, struct mse_bytes *out)
{
    const char *from = mse_httpd_header(c->http, "Sec-Fetch-Site");
    return strcmp(c->route->method, "GET") == 0 && c->route->scope == MSE_OP_SCOPE_READ &&
           from != NULL && strcmp(from, "same-origin") == 0 &&
           mse_httpd_header(c->http, "Authorization") == NULL && api_session(c, out);
}

struct mse_reply *api_auth(struct api_call *c)
{
    struct mse_bytes text = { 0 };
    bool there = reads_from_page(c, &text) || bearer(c->http, &text);
    return api_auth_by(c, there ? text : mse_bytes_str(""));
}

struct mse_reply *api_auth_by(struct api_call *c, struct mse_bytes text)
{
    uint8_t source[16];
    struct mse_error err = { 0 };
    char scopes[MSE_OP_SCOPES_LEN];
    mse_httpd_source(c->http, source);
    if (is_over(c->api->limits, source, c->now, 0)) {
        return api_problem(HTTP_TOO_MANY,
                           "Too many requests without a valid token came from this address.");
    }
    mse_status st = mse_op_token_check(c->store, &c->token, &c->user, text, c->now, &err);
    if (st == MSE_ERR_NOT_FOUND) {
        return nobody(c, source);
    }
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    c->known = true;
    c->by = (struct mse_op_by) { .actor = c->user.id, .now = c->now };
    if (c->route->scope != 0 && (c->token.scopes & c->route->scope) == 0) {
        mse_op_scopes_format(scopes, c->route->scope);
        return api_problem(HTTP_FORBIDDEN, "The token does not have the scope %s.", scopes);
    }
    return NULL;
}
