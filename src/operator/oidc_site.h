/* SPDX-License-Identifier: Apache-2.0 */
/* The issuer as the operator's page asks it: where users log in, and what a code is worth.
 * Strangers cannot make this program ask the issuer without end: its document is kept for an hour,
 * and few codes are brought there at a time. Threads may share it. */
#ifndef OPERATOR_OIDC_SITE_H
#define OPERATOR_OIDC_SITE_H

#include "cmd/flow.h"
#include "operator/oidc_keys.h"

struct mse_oidc_site;
/* NULL without memory. issuer is borrowed. */
struct mse_oidc_site *mse_oidc_site_new(const char *issuer);
void mse_oidc_site_free(struct mse_oidc_site *s);
/* mse_oidc_site_begin appends the address where the user logs in. now_ms: of a clock that is never
 * set. MSE_ERR_BUSY: another thread is asking the issuer just now; MSE_ERR_UNSUPPORTED: it could
 * not be asked, err says why. */
MSE_MUST_USE mse_status mse_oidc_site_begin(struct mse_oidc_site *s, struct mse_build *url,
                                            const struct cli_flow *f, int64_t now_ms,
                                            struct mse_error *err);
/* mse_oidc_site_exchange gets the ID token (heap: wipe and free it) for a code. As above, and
 * MSE_ERR_PEER_REFUSED: the issuer does not take the code. */
MSE_MUST_USE mse_status mse_oidc_site_exchange(struct mse_oidc_site *s, char **id_token,
                                               const struct cli_flow *f, const char *code,
                                               int64_t now_ms, struct mse_error *err);

#endif
