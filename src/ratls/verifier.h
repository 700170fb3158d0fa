/* SPDX-License-Identifier: Apache-2.0 */
/* What sessions need of a verifier beyond <mse/ratls.h>. */
#ifndef RATLS_VERIFIER_H
#define RATLS_VERIFIER_H

#include <mse/ratls.h>

/* The policy, collateral and proofs of logs that a verifier goes by now, and the time. */
struct mse_verifier_now {
    const struct mse_policy *policy;
    const struct mse_collateral *collateral;
    struct mse_log_proofs logs;
    mse_time at;
    void *held[2];
};
/* mse_verifier_hold keeps them from being freed until mse_verifier_release. */
void mse_verifier_hold(struct mse_verifier_now *out, const struct mse_ratls_verifier *v);
void mse_verifier_release(const struct mse_ratls_verifier *v, struct mse_verifier_now *n);

/* mse_verifier_defer: the coming handshake of ssl takes any certificate, as the caller judges the
 * peer by its session before a byte of an application is sent. For this one handshake; no peer is
 * judged in it (mse_ratls_ssl_peer). False without memory. */
MSE_MUST_USE bool mse_verifier_defer(const struct mse_ratls_verifier *v, struct ssl_st *ssl);
/* That handshake is over: one that broke before there was a certificate leaves nothing for the next
 * use of ssl. */
void mse_verifier_defer_end(const struct mse_ratls_verifier *v, struct ssl_st *ssl);

#endif
