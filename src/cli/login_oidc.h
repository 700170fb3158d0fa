/* SPDX-License-Identifier: Apache-2.0 */
/* A login by OpenID Connect: authorization code with PKCE, over the user's browser and back to a
 * port of this machine (RFC 8252, RFC 7636). */
#ifndef CLI_LOGIN_OIDC_H
#define CLI_LOGIN_OIDC_H

#include "cli/cli.h"

#define LOGIN_NONCE_LEN 44 /* with NUL */

struct login_oidc {
    const char *issuer;
    const char *client_id;
    const char *scopes;
    uint16_t redirect_port; /* 0: any */
    bool no_browser;        /* print the page's address only */
    unsigned seconds;       /* that the user has; 0: five minutes */
};
struct login_oidc_token {
    char *id_token; /* heap; what the operator judges: nobody did here */
    char nonce[LOGIN_NONCE_LEN];
};
/* login_oidc asks the user. What it prints goes to stderr. CLI_TROUBLE after an error message;
 * release *out with login_oidc_clear in any case. */
MSE_MUST_USE enum cli_exit login_oidc(const struct cli *c, const struct login_oidc *o,
                                      struct login_oidc_token *out);
void login_oidc_clear(struct login_oidc_token *t);

#endif
