/* SPDX-License-Identifier: Apache-2.0 */
/* Operator mode: TLS ends here with the operator's certificate, and begins anew towards the
 * enclave, which must have the key that was verified. Two relays, joined by a pair of sockets for
 * each connection. */
#ifndef OPERATOR_GATE_SEAL_H
#define OPERATOR_GATE_SEAL_H

#include <uv.h>

#include "operator/gate_table.h"

struct gate_seal_config {
    uv_loop_t *loop;
    int listen_fd;
    struct gate_table *table; /* where names go, with the keys; borrowed */
    const struct gate_limits *limits;
};
struct gate_seal;
/* Nothing is answered before there is an identity. */
MSE_MUST_USE mse_status gate_seal_new(struct gate_seal **out, const struct gate_seal_config *c,
                                      struct mse_error *err);
/* From now on new connections get this certificate. */
MSE_MUST_USE mse_status gate_seal_identity(struct gate_seal *s, const struct gate_identity *id,
                                           struct mse_error *err);
/* Accepts no more, ends what is idle; how many connections are left. */
size_t gate_seal_drain(struct gate_seal *s, unsigned idle_ms);
/* Says on the log if enclaves were refused since the last time. */
void gate_seal_report(struct gate_seal *s);

#endif
