/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/oidc_site.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "http/http.h"

#define MAX_CODES 2U /* that are brought to the issuer at a time */

static const char step[] = "issuer";

struct mse_oidc_site {
    const char *url;
    pthread_mutex_t lock; /* of all below; never held while the issuer is asked */
    struct cli_issuer issuer;
    struct mse_oidc_turn turn;
    unsigned codes;
};

struct mse_oidc_site *mse_oidc_site_new(const char *issuer)
{
    struct mse_oidc_site *s = calloc(1, sizeof *s);
    if (s == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        return NULL;
    }
    s->url = issuer;
    return s;
}

void mse_oidc_site_free(struct mse_oidc_site *s)
{
    if (s != NULL) {
        (void)pthread_mutex_destroy(&s->lock);
        free(s);
    }
}

/* Takes what is kept, or the right to ask. With the lock. */
static mse_status look(struct mse_oidc_site *s, struct cli_issuer *out, bool *ask, int64_t now_ms,
                       struct mse_error *err)
{
    if (mse_oidc_turn_fresh(&s->turn, now_ms)) {
        *out = s->issuer;
        return MSE_OK;
    }
    mse_status st = mse_oidc_turn_begin(&s->turn, now_ms, "it is being asked: try again",
                                        "it could not be asked a moment ago", err);
    *ask = st == MSE_OK;
    return st;
}

static mse_status ask(struct mse_oidc_site *s, struct cli_issuer *out, struct mse_error *err)
{
    struct cli_issuer found = { .jwks_uri = "" };
    struct mse_error why = { 0 };
    struct mse_http *h = NULL;
    mse_status st = mse_http_new(&h, &why);
    if (st == MSE_OK) {
        st = cli_issuer_fetch(&found, h, s->url, &why);
    }
    mse_http_free(h);
    (void)pthread_mutex_lock(&s->lock);
    mse_oidc_turn_end(&s->turn, st == MSE_OK);
    if (st == MSE_OK) {
        s->issuer = found;
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (st != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_UNSUPPORTED, step, "%.300s",
                        why.text[0] != '\0' ? why.text : mse_status_text(st));
    }
    *out = found;
    return MSE_OK;
}

static mse_status get(struct mse_oidc_site *s, struct cli_issuer *out, int64_t now_ms,
                      struct mse_error *err)
{
    bool wanted = false;
    (void)pthread_mutex_lock(&s->lock);
    mse_status st = look(s, out, &wanted, now_ms, err);
    (void)pthread_mutex_unlock(&s->lock);
    return st == MSE_OK && wanted ? ask(s, out, err) : st;
}

mse_status mse_oidc_site_begin(struct mse_oidc_site *s, struct mse_build *url,
                               const struct cli_flow *f, int64_t now_ms, struct mse_error *err)
{
    struct cli_issuer issuer = { .jwks_uri = "" };
    mse_status st = get(s, &issuer, now_ms, err);
    return st == MSE_OK ? cli_flow_url(url, issuer.authorization_endpoint, f, err) : st;
}

static bool take_place(struct mse_oidc_site *s, int change)
{
    (void)pthread_mutex_lock(&s->lock);
    bool free_place = change < 0 || s->codes < MAX_CODES;
    if (free_place) {
        s->codes += (unsigned)change;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return free_place;
}

mse_status mse_oidc_site_exchange(struct mse_oidc_site *s, char **id_token,
                                  const struct cli_flow *f, const char *code, int64_t now_ms,
                                  struct mse_error *err)
{
    struct cli_issuer issuer = { .jwks_uri = "" };
    struct mse_http *h = NULL;
    struct mse_error why = { 0 };
    mse_status st = get(s, &issuer, now_ms, err);
    if (st != MSE_OK) {
        return st;
    }
    if (!take_place(s, 1)) {
        return MSE_FAIL(err, MSE_ERR_BUSY, step, "too many log in at this moment: try again");
    }
    st = mse_http_new(&h, &why);
    if (st == MSE_OK) {
        st = cli_flow_exchange(id_token, h, issuer.token_endpoint, f, code, &why);
    }
    mse_http_free(h);
    (void)take_place(s, -1);
    return st == MSE_OK ? MSE_OK
                        : MSE_FAIL(err, st == MSE_ERR_PEER_REFUSED ? st : MSE_ERR_UNSUPPORTED, step,
                                   "%.300s", why.text[0] != '\0' ? why.text : mse_status_text(st));
}
