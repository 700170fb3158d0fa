/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/api_oidc.h"

#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "operator/api_read.h"
#include "operator/login.h"
#include "operator/oidc_keys.h"

#define DAY ((mse_time)24 * 3600)

struct login_asked {
    struct mse_bytes id_token; /* in the body */
    char nonce[MSE_OIDC_NONCE_LEN];
};

void api_oidc_offer(struct mse_js *j, const struct mse_op_oidc *o)
{
    if (!o->there) {
        return;
    }
    mse_js_open(j, "oidc", '{');
    mse_js_str(j, "issuer", o->issuer);
    mse_js_str(j, "client_id", o->client_id);
    mse_js_str(j, "scopes", o->scopes);
    if (o->redirect_port != 0) {
        mse_js_uint(j, "redirect_port", o->redirect_port);
    }
    mse_js_close(j, '}');
}

static bool read_login(struct api_read *r, struct mse_bytes key, void *out)
{
    struct login_asked *a = out;
    if (mse_bytes_is_str(key, "id_token")) {
        return mse_json_plain(&r->j, &a->id_token);
    }
    if (mse_bytes_is_str(key, "nonce")) {
        return api_read_text(r, a->nonce, sizeof a->nonce);
    }
    return api_read_unknown(r, key);
}

unsigned api_oidc_refusal(char text[MSE_ERROR_TEXT_LEN], mse_status st, const struct mse_error *err)
{
    static const struct {
        mse_status st;
        unsigned status;
    } list[] = {
        { MSE_ERR_MALFORMED, HTTP_UNPROCESSABLE },
        { MSE_ERR_NO_SPACE, HTTP_UNPROCESSABLE },
        { MSE_ERR_UNSUPPORTED_ALGORITHM, HTTP_UNPROCESSABLE },
        { MSE_ERR_SIGNATURE, HTTP_UNAUTHORIZED },
        { MSE_ERR_TOKEN_KEY, HTTP_UNAUTHORIZED },
        { MSE_ERR_TOKEN_ISSUER, HTTP_UNAUTHORIZED },
        { MSE_ERR_TOKEN_AUDIENCE, HTTP_UNAUTHORIZED },
        { MSE_ERR_TOKEN_NONCE, HTTP_UNAUTHORIZED },
        { MSE_ERR_TOKEN_EXPIRED, HTTP_UNAUTHORIZED },
        { MSE_ERR_TOKEN_NOT_YET_VALID, HTTP_UNAUTHORIZED },
        { MSE_ERR_TOKEN_USER, HTTP_FORBIDDEN },
        { MSE_ERR_TOKEN_USED, HTTP_CONFLICT },
        { MSE_ERR_BUSY, HTTP_UNAVAILABLE },
        { MSE_ERR_UNSUPPORTED, HTTP_BAD_GATEWAY },
        { MSE_ERR_PEER_REFUSED, HTTP_FORBIDDEN }, /* of the page's login */
    };
    (void)snprintf(text, MSE_ERROR_TEXT_LEN, "%s",
                   err->text[0] != '\0' ? err->text : mse_status_text(st));
    mse_utf8_printable(text);
    for (size_t i = 0; i < MSE_ARRAY_LEN(list); i++) {
        if (list[i].st == st) {
            mse_log(MSE_LOG_WARN, API_NAME, "login refused: %s: %s", mse_status_name(st), text);
            return list[i].status;
        }
    }
    return 0;
}

static struct mse_reply *refuse(mse_status st, const struct mse_error *err)
{
    char text[MSE_ERROR_TEXT_LEN];
    unsigned status = api_oidc_refusal(text, st, err);
    return status == 0 ? api_failed(st, err)
                       : api_problem_with(status, "reason", mse_status_name(st),
                                          "The login is refused: %s.", text);
}

static struct mse_reply *welcome(const struct mse_op_token *t, const char *text)
{
    struct mse_reply *r = api_json(HTTP_CREATED);
    if (r == NULL) {
        return NULL;
    }
    struct mse_js j = { .b = &r->body };
    mse_js_open(&j, NULL, '{');
    mse_js_str(&j, "token", text);
    mse_js_str(&j, "name", t->name);
    mse_js_str(&j, "user", t->user_name);
    mse_js_time(&j, "expires_at", t->expires_at);
    mse_js_close(&j, '}');
    return api_done(r);
}

struct mse_reply *api_login(struct api_call *c)
{
    static const char *const needed[] = { "id_token", "nonce", NULL };
    const struct mse_op_oidc *o = &c->api->cfg->conf->oidc;
    struct login_asked a = { .nonce = "" };
    struct mse_oidc_claims claims = { .subject = "" };
    struct mse_op_logged_in in = { .token = { .name = MSE_OP_LOGIN_TOKEN,
                                              .scopes = MSE_OP_SCOPES_USER,
                                              .expires_at = c->now + (mse_time)o->days * DAY } };
    struct mse_error err = { 0 };
    if (!o->there) {
        return api_problem(HTTP_NOT_FOUND, "This platform has no issuer to log in with.");
    }
    struct mse_reply *r = api_limit(c);
    if (r == NULL) {
        r = api_read_body(c, read_login, &a, needed);
    }
    if (r != NULL) {
        return r;
    }
    const struct mse_oidc_want want = {
        .issuer = o->issuer, .client_id = o->client_id, .nonce = a.nonce, .now = c->now
    };
    mse_status st =
        mse_oidc_keys_verify(c->api->issuer, &claims, a.id_token, &want, mse_clock_ms(), &err);
    if (st == MSE_OK) {
        st = mse_op_login(c->store, o, &claims, c->now, &in, &err);
    }
    if (st != MSE_OK) {
        return refuse(st, &err);
    }
    r = welcome(&in.token, in.text);
    mse_wipe(&in, sizeof in);
    return r;
}
