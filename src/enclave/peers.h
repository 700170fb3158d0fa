/* SPDX-License-Identifier: Apache-2.0 */
/* Judging other enclaves from inside. One's own platform comes first, by the same policy and with
 * the same collateral: whoever runs on what he would not accept gives nothing to others, and what
 * a peer's evidence has to end in is what one's own ends in. */
#ifndef ENCLAVE_PEERS_H
#define ENCLAVE_PEERS_H

#include <mse/attest.h>

#include "enclave/load.h"

struct mse_peers {
    struct mse_policy policy; /* strict; for any app: whom it is about is the caller's matter */
    struct mse_build json;    /* the collateral, and what its parts point into */
    uint8_t *scratch;
    struct mse_bundle bundle;
    mse_time at;
    uint8_t own_fingerprint[32];
};
/* collateral: a bundle in JSON that somebody brought; only its signatures are believed. Of a
 * simulated platform nothing but its own root is accepted, which is taken out of one's own quote;
 * of any other the compiled-in roots alone. The statuses are those of the appraisal of one's own
 * quote; MSE_ERR_SIMULATION: it is simulated where the driver is not, or the other way round. The
 * driver is held by the caller. Release with mse_peers_clear, which accepts all zero. */
MSE_MUST_USE mse_status mse_peers_open(struct mse_peers *out, const struct mse_enclave_tee *tee,
                                       struct mse_bytes collateral, mse_time at,
                                       struct mse_error *err);
/* The same by a manifest's rule for replicas, in place of the strict default's TCB statuses, least
 * evaluation number and open list of machines: one's own platform is held to it first.
 * MSE_ERR_REPLICA_POLICY: it has no machine or no status, or one that there is not. */
struct mse_replica_policy;
MSE_MUST_USE mse_status mse_peers_open_replicas(struct mse_peers *out,
                                                const struct mse_enclave_tee *tee,
                                                const struct mse_replica_policy *rule,
                                                struct mse_bytes collateral, mse_time at,
                                                struct mse_error *err);
/* The policy that accepts this one enclave only; heap, NULL without memory. */
struct mse_policy *mse_peers_only(const struct mse_peers *p, const uint8_t fingerprint[32]);
void mse_peers_clear(struct mse_peers *p);

#endif
