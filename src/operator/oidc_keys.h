/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of an issuer, kept for an hour. Strangers who bring tokens cannot make this program ask
 * the issuer more often than it says here, nor wait for it. Threads may share it. */
#ifndef OPERATOR_OIDC_KEYS_H
#define OPERATOR_OIDC_KEYS_H

#include "base/build.h"
#include "operator/oidc.h"
#include "operator/oidc_turn.h"

#define MSE_OIDC_AGAIN_MS 60000 /* so soon a key that is not there makes them be fetched anew */

/* Appends the JWKS to out, which takes MSE_OIDC_MAX_KEYS bytes. */
typedef mse_status mse_oidc_fetch_fn(void *user, struct mse_build *out, struct mse_error *err);

struct mse_oidc_keys;
/* NULL without memory. */
struct mse_oidc_keys *mse_oidc_keys_new(mse_oidc_fetch_fn *fetch, void *user);
void mse_oidc_keys_free(struct mse_oidc_keys *k);
/* mse_oidc_keys_verify is mse_oidc_verify with the issuer's keys. now_ms: of a clock that is never
 * set. Beside its errors: MSE_ERR_BUSY: another thread is asking the issuer just now;
 * MSE_ERR_UNSUPPORTED: the issuer could not be asked, err says why. */
MSE_MUST_USE mse_status mse_oidc_keys_verify(struct mse_oidc_keys *k, struct mse_oidc_claims *out,
                                             struct mse_bytes token,
                                             const struct mse_oidc_want *want, int64_t now_ms,
                                             struct mse_error *err);

/* The fetch of real life; user is the issuer's URL (const char *). */
mse_oidc_fetch_fn mse_oidc_fetch;

#endif
