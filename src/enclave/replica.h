/* SPDX-License-Identifier: Apache-2.0 */
/* Several instances of one app (docs/protocol.md, "Replicas"): what the first one, the leader,
 * gives to another that joins, over a mutual session of level 2. Blocking. */
#ifndef ENCLAVE_REPLICA_H
#define ENCLAVE_REPLICA_H

#include "enclave/durable.h"
#include "enclave/handover.h"

/* What the leader answers. */
enum mse_replica_answer {
    MSE_REPLICA_GIVEN = 0,
    MSE_REPLICA_REFUSED = 1, /* its log says why */
    MSE_REPLICA_FULL = 2,
};

/* Both sides fill in peers (of mse_party_replicas), fd and quiet_ms of *h, and the rest by
 * mse_party_handover. Each accepts evidence of its own fingerprint only. */

/* The leader's side: *out is a session with one that asks to join; *verdict on him. Statuses of
 * mse_mutual_server; MSE_ERR_PROTOCOL: another question. */
MSE_MUST_USE mse_status mse_replica_meet(struct mse_mutual **out, struct mse_handover *h,
                                         struct mse_error *err);
/* Tells him that he does not get it. */
void mse_replica_refuse(struct mse_mutual *m, enum mse_replica_answer why);
/* Gives him keys, configuration and the last snapshot. now: of the clock inside. */
MSE_MUST_USE mse_status mse_replica_give(struct mse_mutual *m, const struct mse_durable *d,
                                         mse_time now, struct mse_error *err);

/* The joining one's side. */
struct mse_replica_room {
    const char *name;    /* of the leader's certificate */
    const char *scratch; /* a folder that is made, and removed again, in memory of one's own */
    const char *dir;     /* with the empty folders home and keys */
    uid_t owner;         /* of what is written there */
    uint64_t max;        /* of the storage's files, bytes */
};
/* On success *d has the state (MSE_DURABLE_JOINED), dir the files, *now what the leader's clock
 * says; *out is kept open for as long as the instance serves. Statuses of mse_mutual_client,
 * mse_store_import, mse_store_inherit; MSE_ERR_REPLICA_LIMIT; MSE_ERR_PEER_REFUSED: the leader's
 * log says why; MSE_ERR_PROTOCOL. */
MSE_MUST_USE mse_status mse_replica_join(struct mse_mutual **out, mse_time *now,
                                         struct mse_durable *d, struct mse_handover *h,
                                         const struct mse_replica_room *room,
                                         struct mse_error *err);

#endif
