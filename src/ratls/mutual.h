/* SPDX-License-Identifier: Apache-2.0 */
/* A mutual session of level 2 between two enclaves, over a connected stream socket: TLS 1.3, the
 * three frames of <mse/session.h>, then messages of known length. Blocking. */
#ifndef RATLS_MUTUAL_H
#define RATLS_MUTUAL_H

#include <mse/session.h>

#include "crypto/sign.h"

/* Everything is borrowed until the call returns. */
struct mse_mutual_config {
    const struct mse_privkey *key;
    struct mse_bytes cert; /* DER, of that key; its CA's behind it, if it has one */
    struct mse_session_self self;
    struct mse_session_judge judge; /* host: a client's question; NULL for a server */
    const char *alpn;               /* offered, and demanded, as the only one */
    unsigned quiet_ms;              /* a peer that is silent for so long is given up */
};

struct mse_mutual;
/* fd is blocking and borrowed until mse_mutual_free. Success means that both have judged and
 * accepted each other as far as this end can know: a client learns from its first read that it was
 * refused. Statuses of mse_session_client and mse_session_server; MSE_ERR_PROTOCOL also if the TLS
 * handshake failed, or the server demands no evidence. *out is written on success only; verdict
 * (may be NULL) on a refusal too, if one was reached. */
MSE_MUST_USE mse_status mse_mutual_client(struct mse_mutual **out, struct mse_verdict *verdict,
                                          int fd, const struct mse_mutual_config *c,
                                          struct mse_error *err);
MSE_MUST_USE mse_status mse_mutual_server(struct mse_mutual **out, struct mse_verdict *verdict,
                                          int fd, const struct mse_mutual_config *c,
                                          struct mse_error *err);
/* Exactly len bytes. MSE_ERR_PROTOCOL: the peer ended; MSE_ERR_IO: the connection broke, or was
 * silent for too long. */
MSE_MUST_USE mse_status mse_mutual_read(struct mse_mutual *m, void *buf, size_t len,
                                        struct mse_error *err);
MSE_MUST_USE mse_status mse_mutual_write(struct mse_mutual *m, const void *buf, size_t len,
                                         struct mse_error *err);
/* Says goodbye. Accepts NULL. */
void mse_mutual_free(struct mse_mutual *m);

#endif
