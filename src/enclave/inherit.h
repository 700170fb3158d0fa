/* SPDX-License-Identifier: Apache-2.0 */
/* Beginning with the storage of an earlier version of the app: gets what opens it from the enclave
 * that has it, and writes the files into the app's folders (docs/protocol.md, "Upgrade"). */
#ifndef ENCLAVE_INHERIT_H
#define ENCLAVE_INHERIT_H

#include <sys/types.h>

#include "enclave/party.h"

/* What the host offers; none of it is believed. All zero but the descriptors: nothing. */
struct mse_inherit_offer {
    int fd;            /* a connection to the other enclave; -1: nothing is offered */
    int state_fd;      /* the folder in which its storage lies */
    int collateral_fd; /* a bundle in JSON, at its start */
    const char *name;  /* of its certificate */
    uint8_t from[32];  /* its fingerprint */
    uint8_t signature[1024];
    size_t signature_len; /* of an owner_key; 0: none */
};
/* Who wants it; all borrowed. */
struct mse_inheritor {
    struct mse_party me;
    const uint8_t *named; /* 32 bytes: the fingerprint that the configuration names; NULL: none */
    bool by_owner;        /* who sent the configuration has shown the key of the package */
    struct mse_bytes signature; /* that came with it; empty: the offered one counts */
    const char *dir;            /* with the empty folders home and keys */
    uid_t owner;                /* of what is written */
    mse_time now;
};
/* On success the files are there, and me.durable says so to its next commit. The offer is used up:
 * its descriptors are closed in any case. Statuses of mse_peers_open, mse_handover_take,
 * mse_store_inherit; MSE_ERR_CONFIG: nothing outlives a restart here, so that what is inherited
 * would be lost. */
MSE_MUST_USE mse_status mse_inherit(struct mse_inherit_offer *offer, const struct mse_inheritor *to,
                                    struct mse_error *err);

#endif
