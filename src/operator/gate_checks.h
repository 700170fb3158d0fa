/* SPDX-License-Identifier: Apache-2.0 */
/* Which enclaves in operator mode were verified. A route is passed on only with the key that its
 * enclave proved to have; another address, or another key as its node says, is another enclave. */
#ifndef OPERATOR_GATE_CHECKS_H
#define OPERATOR_GATE_CHECKS_H

#include "operator/gate_routes.h"

#define GATE_CHECK_AGAIN_MS 5000U           /* after one that failed */
#define GATE_CHECK_OLD_MS   (3600U * 1000U) /* one that succeeded is made again */

struct gate_check {
    struct gate_route route; /* as the store has it */
    uint8_t pin[32];
    bool good;
    uint64_t next_ms; /* when to look (again) */
};
struct gate_checks {
    struct gate_check *items;
    size_t num;
};
/* Keeps what is known of these routes, in order, and forgets the others. False without memory. */
MSE_MUST_USE bool gate_checks_take(struct gate_checks *c, const struct gate_routes *wanted);
/* The one whose time has come first; NULL: none has. */
struct gate_check *gate_checks_due(const struct gate_checks *c, uint64_t now_ms);
/* Where a check is written down. False if nobody asks for this route any more. first: whether it
 * is news, for the log. */
bool gate_checks_put(struct gate_checks *c, const struct gate_route *route, const uint8_t *pin,
                     uint64_t now_ms, bool *first);
void gate_checks_clear(struct gate_checks *c);
/* Appends to sealed the routes that were verified, with their keys, and to passed where the worker
 * that ends TLS listens for the same names. */
MSE_MUST_USE bool gate_checks_routes(const struct gate_checks *c, struct gate_routes *sealed,
                                     struct gate_routes *passed,
                                     const union mse_net_address *ends_tls);

#endif
