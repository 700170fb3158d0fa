/* SPDX-License-Identifier: Apache-2.0 */
/* A login with the authorization code of OpenID Connect and PKCE: what the command line and the
 * operator's page have in common. All but cli_flow_exchange is pure. */
#ifndef CMD_FLOW_H
#define CMD_FLOW_H

#include "base/build.h"
#include "cmd/issuer.h"

#define CLI_FLOW_SECRET_LEN 44   /* 32 bytes in base64url, and NUL */
#define CLI_FLOW_CODE_LEN   2048 /* with NUL */

/* One login that is under way. */
struct cli_flow {
    const char *issuer;
    const char *client_id;
    const char *scopes;
    const char *redirect_uri;
    char state[CLI_FLOW_SECRET_LEN];
    char nonce[CLI_FLOW_SECRET_LEN];
    char verifier[CLI_FLOW_SECRET_LEN];
};
/* cli_flow_url appends the address where the user logs in. MSE_ERR_NO_SPACE, MSE_ERR_CRYPTO. */
MSE_MUST_USE mse_status cli_flow_url(struct mse_build *out, const char *authorization_endpoint,
                                     const struct cli_flow *f, struct mse_error *err);
/* cli_flow_answer reads the query with which the browser comes back. MSE_ERR_MALFORMED;
 * MSE_ERR_TOKEN_NONCE: it answers another login than that of state; MSE_ERR_TOKEN_ISSUER: it is
 * another issuer's; MSE_ERR_PEER_REFUSED: the issuer says why. */
MSE_MUST_USE mse_status cli_flow_answer(char code[CLI_FLOW_CODE_LEN], struct mse_bytes query,
                                        const char *state, const char *issuer,
                                        struct mse_error *err);
/* Appends name, which is as it is to be, and value encoded for a query or a form. */
void cli_flow_put(struct mse_build *b, const char *name, const char *value);
/* Cuts what stands before the first stop off; the whole rest if there is none. */
struct mse_bytes cli_flow_cut(struct mse_bytes *rest, char stop);

/* cli_flow_exchange gets the ID token (heap: wipe and free it) for a code.
 * MSE_ERR_PEER_REFUSED: the issuer does not take the code; MSE_ERR_PROTOCOL: its answer has no
 * token; else as mse_http_ask. */
MSE_MUST_USE mse_status cli_flow_exchange(char **id_token, struct mse_http *h,
                                          const char *token_endpoint, const struct cli_flow *f,
                                          const char *code, struct mse_error *err);

#endif
