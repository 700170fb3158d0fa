/* SPDX-License-Identifier: Apache-2.0 */
/* ID tokens of OpenID Connect: from the bytes of one, and the keys of its issuer, to who logs in.
 * Pure: no clock, no network. The signature is libcjose's to check; which algorithm and which key
 * may be used is decided here, before. */
#ifndef OPERATOR_OIDC_H
#define OPERATOR_OIDC_H

#include <mse/status.h>

#include "operator/store.h"

#define MSE_OIDC_MAX_TOKEN ((size_t)16 * 1024)
#define MSE_OIDC_MAX_KEYS  ((size_t)64 * 1024) /* bytes of a JWKS */
#define MSE_OIDC_NUM_KEYS  64
#define MSE_OIDC_NONCE_LEN 256 /* with NUL */
#define MSE_OIDC_MAX_AGE   600 /* seconds since a token was made */
#define MSE_OIDC_LEEWAY    60  /* seconds by which clocks may differ */

/* What a token must say. */
struct mse_oidc_want {
    const char *issuer;
    const char *client_id;
    const char *nonce;
    mse_time now;
};
/* Who logs in. Texts that are missing, too long or no text are empty, but the subject. */
struct mse_oidc_claims {
    char subject[MSE_OP_TEXT_LEN]; /* who, for this issuer; printable ASCII */
    char email[MSE_OP_TEXT_LEN]; /* lower case; empty unless the issuer says that it verified it */
    char given_name[MSE_OP_TEXT_LEN];
    char family_name[MSE_OP_TEXT_LEN];
    char name[MSE_OP_TEXT_LEN]; /* preferred_username: a proposal, nothing more */
    mse_time over_at;           /* from when on the token is refused in any case */
    uint8_t sha256[32];         /* of what was signed: the same for each form of one token */
};
/* mse_oidc_verify checks token (compact JWS) by keys (a JWKS) and against want.
 * MSE_ERR_MALFORMED, MSE_ERR_NO_SPACE (longer than the maximum), MSE_ERR_UNSUPPORTED_ALGORITHM
 * (neither RS256 nor ES256), MSE_ERR_TOKEN_KEY (none of keys is the one: fetch them anew, once),
 * MSE_ERR_SIGNATURE, MSE_ERR_TOKEN_ISSUER, MSE_ERR_TOKEN_AUDIENCE, MSE_ERR_TOKEN_NONCE,
 * MSE_ERR_TOKEN_EXPIRED, MSE_ERR_TOKEN_NOT_YET_VALID. */
MSE_MUST_USE mse_status mse_oidc_verify(struct mse_oidc_claims *out, struct mse_bytes token,
                                        struct mse_bytes keys, const struct mse_oidc_want *want,
                                        struct mse_error *err);
/* Whether this is a JWKS, of no more keys than are looked at. */
MSE_MUST_USE bool mse_oidc_is_key_set(struct mse_bytes keys);
/* mse_oidc_read_claims is the part behind the signature, for tests: payload is what was signed. It
 * leaves sha256 alone. */
MSE_MUST_USE mse_status mse_oidc_read_claims(struct mse_oidc_claims *out, struct mse_bytes payload,
                                             const struct mse_oidc_want *want,
                                             struct mse_error *err);

#endif
