/* SPDX-License-Identifier: Apache-2.0 */
/* The host's part in an upgrade, and in joining a leader: it carries bytes between two instances,
 * and believes nothing of them any more than they believe it. */
#ifndef LAUNCH_OFFER_H
#define LAUNCH_OFFER_H

#include "launch/instance.h"

#define MSE_OFFER_MAX_SWITCHES 20
#define MSE_OFFER_FDS          6

/* What the runtime of an instance is given for it; -1 where there is nothing. */
struct mse_offer {
    int fds[MSE_OFFER_FDS]; /* where an heir may come; connection, folder, collateral; where
                               replicas may come; connection to the leader */
    char numbers[MSE_OFFER_FDS][12];
};
/* Nothing is offered. */
extern const struct mse_offer mse_no_offer;
/* mse_offer_open makes the sockets that the manifest asks for, and a way to i->from, unless the
 * instance has a state of its own already. Release with mse_offer_clear also after
 * failures. */
MSE_MUST_USE mse_status mse_offer_open(struct mse_offer *out, const struct mse_instance *i,
                                       struct mse_bytes manifest, struct mse_error *err);
/* Appends the switches to a NULL-terminated list with room for MSE_OFFER_MAX_SWITCHES more; fds[0]
 * gets the number MSE_SIM_MORE_FD in the runtime. */
void mse_offer_switches(const char *list[], struct mse_offer *o, const struct mse_instance *i);
void mse_offer_clear(struct mse_offer *o);

#endif
