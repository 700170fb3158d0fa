/* SPDX-License-Identifier: Apache-2.0 */
/* The first instance of an app with several: waits on threads of its own for those that may join,
 * gives them what they need, and counts who lives. Each connection begins with collateral
 * (mse_party_read_collateral). */
#ifndef ENCLAVE_LEADER_H
#define ENCLAVE_LEADER_H

#include "enclave/clock.h"
#include "enclave/lease.h"
#include "enclave/party.h"

#define MSE_LEADER_LIMIT_MS 60000 /* for one connection until it has asked to join */
#define MSE_LEADER_SPARE    4     /* connections at a time that have not joined */

/* All borrowed until mse_leader_free. */
struct mse_leader_config {
    int listen_fd; /* a listening stream socket */
    struct mse_party me;
    unsigned limit_ms;
    struct mse_lease_times times;
    const struct mse_enclave_clock *clock;
    void (*store)(void *arg); /* before what is stored is given; NULL: nothing is to be done */
    void *arg;
    bool had_life; /* instances that joined an earlier life of this one may still serve */
};
struct mse_leader;
MSE_MUST_USE mse_status mse_leader_new(struct mse_leader **out, const struct mse_leader_config *c,
                                       struct mse_error *err);
/* How many have joined and live, or may still live; this one is not among them. */
unsigned mse_leader_count(struct mse_leader *l);
/* All sessions end, so that those who joined stop. While the driver can still be held. Accepts
 * NULL. */
void mse_leader_free(struct mse_leader *l);

#endif
