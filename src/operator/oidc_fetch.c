/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of an issuer over HTTP: its document says where they are. */
#include "base/error.h"
#include "cmd/issuer.h"
#include "http/http.h"
#include "operator/oidc_keys.h"

mse_status mse_oidc_fetch(void *user, struct mse_build *out, struct mse_error *err)
{
    struct cli_issuer issuer = { .jwks_uri = "" };
    struct mse_http_reply reply = { 0 };
    struct mse_http *h = NULL;
    mse_status st = mse_http_new(&h, err);
    if (st == MSE_OK) {
        st = cli_issuer_fetch(&issuer, h, user, err);
    }
    if (st == MSE_OK) {
        st = cli_issuer_get(&reply, h, issuer.jwks_uri, MSE_OIDC_MAX_KEYS, err);
    }
    if (st == MSE_OK) {
        mse_wr_bytes(out, mse_build_view(&reply.body));
    }
    mse_http_reply_clear(&reply);
    mse_http_free(h);
    return st;
}
