/* SPDX-License-Identifier: Apache-2.0 */
/* This enclave, as it meets another one: what a session of the two is made of. */
#ifndef ENCLAVE_PARTY_H
#define ENCLAVE_PARTY_H

#include "enclave/durable.h"
#include "enclave/handover.h"

/* All borrowed. */
struct mse_party {
    struct mse_durable *durable; /* has the driver */
    const struct mse_manifest *manifest;
    const struct mse_identity *identity;
};
/* u32be length || a bundle in JSON, in the open, with which a connection begins: who judges a
 * platform today needs the collateral of today. quiet_ms: longer silence ends it. MSE_ERR_IO,
 * MSE_ERR_PROTOCOL. */
MSE_MUST_USE mse_status mse_party_read_collateral(struct mse_build *out, int fd, unsigned quiet_ms,
                                                  struct mse_error *err);
/* The same out of a file, from its start; MSE_ERR_NO_SPACE. */
MSE_MUST_USE mse_status mse_party_load_collateral(struct mse_build *out, int fd,
                                                  struct mse_error *err);
/* The name of the certificate that one shows in such a session. */
const char *mse_party_name(const struct mse_manifest *m);
/* mse_peers_open, or with the manifest's rule for replicas mse_peers_open_replicas, with the driver
 * held. */
MSE_MUST_USE mse_status mse_party_peers(struct mse_peers *out, const struct mse_party *p,
                                        struct mse_bytes collateral, mse_time at,
                                        struct mse_error *err);
MSE_MUST_USE mse_status mse_party_replicas(struct mse_peers *out, const struct mse_party *p,
                                           struct mse_bytes collateral, mse_time at,
                                           struct mse_error *err);
/* One's own part of a handover, but for fd, peers and quiet_ms. text, an initialised heap builder,
 * holds what it borrows: clear it also after failures. */
MSE_MUST_USE mse_status mse_party_handover(struct mse_handover *out, struct mse_build *text,
                                           const struct mse_party *p, struct mse_error *err);

#endif
