/* SPDX-License-Identifier: Apache-2.0 */
/* Handing the app's storage on to another version of the app (docs/protocol.md, "Upgrade"): a
 * mutual session of level 2, the rules of both, then what opens the last snapshot. Blocking. */
#ifndef ENCLAVE_HANDOVER_H
#define ENCLAVE_HANDOVER_H

#include "enclave/identity.h"
#include "enclave/peers.h"
#include "package/upgrade.h"
#include "ratls/mutual.h"

#define MSE_UPGRADE_ALPN "mse-attest/1+mse-upgrade/1"
#define MSE_REPLICA_ALPN "mse-attest/1+mse-replica/1" /* docs/protocol.md, "Replicas" */

/* What opens exactly one snapshot. Wiped by who has it. */
struct mse_legacy {
    uint8_t root[32];         /* of the storage */
    uint8_t index_sha256[32]; /* of the file "index", as it lies there */
    mse_time floor;           /* it was not earlier */
};

#define MSE_LEGACY_LEN        72 /* root, digest, time */
#define MSE_QUESTION_HEAD_LEN 3  /* version, length of the signature */
/* The messages; both reads: MSE_ERR_PROTOCOL, and *out as it was. */
void mse_question_write(struct mse_build *b, struct mse_bytes signature);
MSE_MUST_USE mse_status mse_question_head_read(size_t *signature_len,
                                               const uint8_t head[MSE_QUESTION_HEAD_LEN],
                                               struct mse_error *err);
void mse_legacy_write(uint8_t out[MSE_LEGACY_LEN], const struct mse_legacy *l);
MSE_MUST_USE mse_status mse_legacy_read(struct mse_legacy *out, const uint8_t from[MSE_LEGACY_LEN],
                                        struct mse_error *err);

/* Who one is, and by what the other one is judged; all borrowed. */
struct mse_handover {
    int fd; /* a connected stream socket, blocking */
    const struct mse_peers *peers;
    const struct mse_identity *identity;
    struct mse_bytes cert; /* DER, of the identity's key */
    struct mse_session_self self;
    const struct mse_upgrade_rule *rule; /* of one's own manifest */
    unsigned quiet_ms;
};

/* The session that it is: host is the name of the server's certificate, for its client. */
struct mse_mutual_config mse_handover_session(const struct mse_handover *h,
                                              const struct mse_policy *policy, const char *host);

/* The old enclave's side. ready is called once, when the peer is known to be the one that may
 * inherit: from then on the app writes nothing more. Only on success something has left; statuses
 * of mse_mutual_server, mse_upgrade_allowed and ready, MSE_ERR_PROTOCOL. */
typedef mse_status mse_handover_ready_fn(void *arg, struct mse_legacy *out, struct mse_error *err);
MSE_MUST_USE mse_status mse_handover_give(const struct mse_handover *h,
                                          mse_handover_ready_fn *ready, void *arg,
                                          struct mse_error *err);

/* The new enclave's side. Nothing of it, not even evidence, goes to any other enclave than from. */
struct mse_handover_source {
    const char *name;           /* of its certificate and manifest */
    const uint8_t *from;        /* its fingerprint, as the host says */
    const uint8_t *named;       /* and as the configuration does; NULL: it does not */
    bool by_owner;              /* whoever configured it proved to be the owner */
    struct mse_bytes signature; /* of the owner_key of one of the two; or empty */
};
/* Statuses of mse_upgrade_wanted and mse_mutual_client; MSE_ERR_UPGRADE_REFUSED: by the other one's
 * rule. */
MSE_MUST_USE mse_status mse_handover_take(struct mse_legacy *out, const struct mse_handover *h,
                                          const struct mse_handover_source *s,
                                          struct mse_error *err);

#endif
