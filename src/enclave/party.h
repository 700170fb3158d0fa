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
/* mse_peers_open with the driver held. */
MSE_MUST_USE mse_status mse_party_peers(struct mse_peers *out, const struct mse_party *p,
                                        struct mse_bytes collateral, mse_time at,
                                        struct mse_error *err);
/* One's own part of a handover, but for fd, peers and quiet_ms. text, an initialised heap builder,
 * holds what it borrows: clear it also after failures. */
MSE_MUST_USE mse_status mse_party_handover(struct mse_handover *out, struct mse_build *text,
                                           const struct mse_party *p, struct mse_error *err);

#endif
