/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is to ask an issuer for something that is kept for an hour: one thread at a time,
 * and not again at once where it failed. The caller holds a lock of its own around each call, and
 * none while the issuer is asked. */
#ifndef OPERATOR_OIDC_TURN_H
#define OPERATOR_OIDC_TURN_H

#include <mse/status.h>
#include <mse/types.h>

#define MSE_OIDC_KEYS_MS  3600000 /* as long what an issuer said is used */
#define MSE_OIDC_RETRY_MS 5000    /* so soon an issuer that failed is asked again */

/* Begins as zeros. */
struct mse_oidc_turn {
    bool there;
    bool asking;
    bool asked;      /* ever */
    int64_t ask_ms;  /* when the last time began */
    int64_t have_ms; /* when what is there was asked for */
};
bool mse_oidc_turn_fresh(const struct mse_oidc_turn *t, int64_t now_ms);
/* Takes the right to ask. MSE_ERR_BUSY: another thread asks, err says busy; MSE_ERR_UNSUPPORTED:
 * it failed lately, err says so. */
MSE_MUST_USE mse_status mse_oidc_turn_begin(struct mse_oidc_turn *t, int64_t now_ms,
                                            const char *busy, const char *lately,
                                            struct mse_error *err);
/* good: what was asked for is there. */
void mse_oidc_turn_end(struct mse_oidc_turn *t, bool good);

#endif
