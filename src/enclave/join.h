/* SPDX-License-Identifier: Apache-2.0 */
/* Beginning as one more instance of an app: asks its leader (docs/protocol.md, "Replicas"). */
#ifndef ENCLAVE_JOIN_H
#define ENCLAVE_JOIN_H

#include "enclave/app.h"
#include "enclave/clock.h"
#include "enclave/lease.h"
#include "enclave/party.h"

/* Borrowed, but the descriptors, which are used up. */
struct mse_joiner {
    struct mse_party me;
    int fd;                    /* a connection to the leader, carried by the host */
    int collateral_fd;         /* a bundle in JSON, at its start */
    const struct mse_app *app; /* prepared */
    struct mse_enclave_clock *clock;
};
/* On success *identity, which is that of me, is the leader's, me.durable has its state, and the
 * app's folders its last snapshot; *out is to be freed when nothing is served any more. Statuses of
 * mse_party_replicas and mse_replica_join; MSE_ERR_REPLICA_POLICY: the manifest wants one
 * instance. */
MSE_MUST_USE mse_status mse_join(struct mse_lease **out, const struct mse_joiner *j,
                                 struct mse_identity *identity, struct mse_error *err);

#endif
