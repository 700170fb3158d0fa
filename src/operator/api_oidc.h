/* SPDX-License-Identifier: Apache-2.0 */
/* POST /auth/oidc: an ID token becomes a token of this platform. Only api_*.c and web_oidc.c
 * include this. */
#ifndef OPERATOR_API_OIDC_H
#define OPERATOR_API_OIDC_H

#include "operator/api.h"

/* The member "oidc" of what the platform says of itself, if there is an issuer. */
void api_oidc_offer(struct mse_js *j, const struct mse_op_oidc *o);
/* The HTTP status of a login that is refused, which is logged; text: why, for people. 0: nothing of
 * a login. */
unsigned api_oidc_refusal(char text[MSE_ERROR_TEXT_LEN], mse_status st,
                          const struct mse_error *err);

#endif
