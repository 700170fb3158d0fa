/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud login by an issuer: what the operator says of it, the user's browser, and the token
 * that the operator gives for what comes of it. */
#include "cli/cloud.h"
#include "cli/login_oidc.h"
#include "cmd/issuer.h"

#include "base/util.h"

#define ID_LEN   256
#define MAX_MADE ((size_t)256)

struct offer {
    char issuer[CLI_URL_LEN];
    char client_id[ID_LEN];
    char scopes[ID_LEN];
    json_int_t port;
};

static bool read_offer(struct offer *o, const json_t *v)
{
    const json_t *port = json_object_get(v, "redirect_port");
    o->port = json_integer_value(port);
    return json_is_object(v) && cloud_text(o->issuer, sizeof o->issuer, v, "issuer", true) &&
           cloud_text(o->client_id, sizeof o->client_id, v, "client_id", true) &&
           cloud_text(o->scopes, sizeof o->scopes, v, "scopes", true) && cli_issuer_ok(o->issuer) &&
           (port == NULL || (json_is_integer(port) && o->port > 0 && o->port <= UINT16_MAX));
}

static enum cli_exit take_token(struct cloud *k, const struct cloud_answer *a)
{
    char token[MAX_MADE];
    if (a->status != 201) {
        return cloud_refused(k, a);
    }
    if (!cloud_text(token, sizeof token, a->body, "token", true) || !cloud_token_ok(token)) {
        return cloud_nonsense(k, "its answer to the login", "it holds no token");
    }
    k->token = strdup(token);
    mse_wipe(token, sizeof token);
    return k->token != NULL ? CLI_DONE : cli_trouble(k->c, "out of memory");
}

static enum cli_exit hand_over(struct cloud *k, const struct login_oidc_token *t)
{
    struct cloud_answer a;
    json_t *body = json_pack("{s:s, s:s}", "id_token", t->id_token, "nonce", t->nonce);
    const struct cloud_ask q = { .path = "/auth/oidc", .json = body };
    enum cli_exit e = body == NULL ? cli_trouble(k->c, "out of memory") : cloud_ask(k, &q, &a);
    json_decref(body);
    if (e == CLI_DONE) {
        e = take_token(k, &a);
        cloud_answer_clear(&a);
    }
    return e;
}

enum cli_exit cloud_login_issuer(struct cloud *k, const json_t *oidc)
{
    struct offer o = { .issuer = "" };
    struct login_oidc_token t = { .id_token = NULL };
    if (!read_offer(&o, oidc)) {
        return cloud_nonsense(k, "the issuer to log in with", "it is none that can be asked");
    }
    const struct login_oidc asked = { .issuer = o.issuer,
                                      .client_id = o.client_id,
                                      .scopes = o.scopes,
                                      .redirect_port = (uint16_t)o.port,
                                      .no_browser = cli_has(k->c, "no-browser") };
    enum cli_exit e = login_oidc(k->c, &asked, &t);
    e = e == CLI_DONE ? hand_over(k, &t) : e;
    login_oidc_clear(&t);
    return e;
}
