/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS 1.3 connection without PKI checks, from which the certificate that the peer presented (and
 * proved to own) is taken. Used by the CLI; blocking, with one deadline for everything. */
#ifndef RATLS_CONNECT_H
#define RATLS_CONNECT_H

#include <mse/session.h>

#include "base/build.h"

struct mse_ratls_conn;
/* host: DNS name or literal address (IPv6 without brackets); *.localhost is resolved to loopback
 * here (RFC 6761), ::1 first. SNI is host, but for an address. The deadline covers connection and
 * handshake; looking up a DNS name has the limits of the C library's resolver. Errors:
 * MSE_ERR_NOT_FOUND (no address), MSE_ERR_IO, MSE_ERR_TIMEOUT, MSE_ERR_PROTOCOL (TLS). */
MSE_MUST_USE mse_status mse_ratls_connect(struct mse_ratls_conn **out, const char *host,
                                          uint16_t port, unsigned timeout_ms,
                                          struct mse_error *err);
/* The same with protocols to offer (ALPN, wire form: length-prefixed names). A server that knows
 * none of them may choose none, or refuse: MSE_ERR_SESSION_ALPN. */
MSE_MUST_USE mse_status mse_ratls_connect_alpn(struct mse_ratls_conn **out, const char *host,
                                               uint16_t port, struct mse_bytes alpn,
                                               unsigned timeout_ms, struct mse_error *err);
/* The same at an address of one's own choice, for names that are not, or not yet, in the DNS. */
struct mse_ratls_dial {
    const char *host;    /* SNI */
    const char *address; /* what is connected to; NULL: host */
    uint16_t port;
    struct mse_bytes alpn;     /* may be empty */
    struct mse_bytes greeting; /* sent before TLS, as it is; may be empty */
    unsigned timeout_ms;
};
MSE_MUST_USE mse_status mse_ratls_dial(struct mse_ratls_conn **out, const struct mse_ratls_dial *d,
                                       struct mse_error *err);
/* Whether a failure of a connection or of its attestation is the network's or this machine's, as
 * against a peer that is refused. */
bool mse_ratls_is_trouble(mse_status st);
/* The protocol that was chosen; empty if none was. */
struct mse_bytes mse_ratls_conn_alpn(const struct mse_ratls_conn *c);
/* mse_session_client on this connection, within timeout_ms (MSE_ERR_TIMEOUT). */
MSE_MUST_USE mse_status mse_ratls_conn_attest(struct mse_session **out, struct mse_ratls_conn *c,
                                              const struct mse_session_client_config *cfg,
                                              unsigned timeout_ms, struct mse_error *err);
/* mse_ratls_conn_exchange sends a request and appends to reply what the peer answers until it
 * closes. Errors: those of a connection; MSE_ERR_NO_SPACE, reply is full. A connection that breaks
 * off counts as closed: whoever reads the reply knows how long it is to be. */
MSE_MUST_USE mse_status mse_ratls_conn_exchange(struct mse_ratls_conn *c, struct mse_build *reply,
                                                struct mse_bytes request, unsigned timeout_ms,
                                                struct mse_error *err);
/* The leaf's DER, borrowed from the connection; with that of the one certificate that came along,
 * if it was one, right behind. */
struct mse_bytes mse_ratls_conn_cert(const struct mse_ratls_conn *c);
/* mse_ratls_conn_take hands the connection on: its SSL (as void *, for net) and its descriptor,
 * which the caller owns then; what the peer sent and nobody read yet is appended to early, as it
 * came. c is to be freed as ever. NULL: out of memory, nothing was taken. */
void *mse_ratls_conn_take(struct mse_ratls_conn *c, int *out_fd, struct mse_build *early);
void mse_ratls_conn_free(struct mse_ratls_conn *c);

#endif
