/* SPDX-License-Identifier: Apache-2.0 */
/* Logins by OpenID Connect: whose the claims of an ID token are, here. */
#ifndef OPERATOR_LOGIN_H
#define OPERATOR_LOGIN_H

#include "operator/config.h"
#include "operator/oidc.h"
#include "operator/store.h"

#define MSE_OP_LOGIN_TOKEN "oidc" /* what that of the command line is called */

struct mse_op_logged_in {
    struct mse_op_token token;
    char text[MSE_OP_TOKEN_LEN]; /* the only copy: wipe it */
};
/* mse_op_login makes the token that out->token asks for (name, scopes, expires_at) for the user
 * that (o->issuer, claims->subject) is. One that is not known yet becomes, if o says so, the one
 * user who has the verified e-mail address and is nobody else for this issuer; else, if o says so,
 * a new user. The scope admin is never to be asked for. MSE_ERR_TOKEN_USED: this ID token was here
 * before; MSE_ERR_TOKEN_USER: it is nobody's, or of a user who was removed; MSE_ERR_TOKEN_EXPIRED.
 */
MSE_MUST_USE mse_status mse_op_login(struct mse_op_store *s, const struct mse_op_oidc *o,
                                     const struct mse_oidc_claims *claims, mse_time now,
                                     struct mse_op_logged_in *out, struct mse_error *err);

#endif
