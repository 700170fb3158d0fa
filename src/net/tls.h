/* SPDX-License-Identifier: Apache-2.0 */
/* The server side of TLS 1.3, one object per connection, without blocking: bytes come from a
 * non-blocking socket, records to send are appended to a builder that the caller sends. No tickets,
 * no resumption, no 0-RTT, no renegotiation; only groups that are cheap for the server. A client
 * that announces a long ClientHello or changes keys without end is an error. Not thread-safe. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <mse/status.h>

#include "base/build.h"

/* What every input or output step can say. */
enum mse_io {
    MSE_IO_DONE,
    MSE_IO_AGAIN, /* nothing more now; wait for the socket */
    MSE_IO_EOF,   /* the peer ended its side in order */
    MSE_IO_ERROR, /* the connection is of no more use */
};

/* The most that one record adds to its content, and the most content of one record. */
#define MSE_TLS_RECORD_MAX      ((size_t)16384)
#define MSE_TLS_RECORD_OVERHEAD ((size_t)64)

/* mse_tls_no_config keeps libcrypto and libssl from reading their configuration file: it belongs to
 * the machine, and may load code and change what TLS allows. To be called before anything else of
 * either library. */
MSE_MUST_USE bool mse_tls_no_config(void);
/* mse_tls_warm makes what both libraries make when they are first used (crypto/warm.h), up to a
 * whole handshake with a key of nobody, so that memory that is missing later costs one connection,
 * not all that would follow. Fails with MSE_ERR_CRYPTO: then the process can only end. What was
 * forked before does not know the state of the random generators. */
MSE_MUST_USE mse_status mse_tls_warm(struct mse_error *err);
/* mse_tls_lock_keys keeps the private keys that are made from now on in locked memory that core
 * dumps leave out. Returns false if the memory could not be locked (the keys are then on the plain
 * heap). Call it once, before the first key. */
bool mse_tls_lock_keys(void);

/* The identities and rules of a server; outlives its connections. */
struct mse_tls_server;
/* alpn: num_alpn names in order of preference, at least one; a client that offers ALPN but none of
 * them is refused. */
MSE_MUST_USE mse_status mse_tls_server_new(struct mse_tls_server **out, const char *const *alpn,
                                           size_t num_alpn, struct mse_error *err);
/* Adds the certificate (DER; others that go along right behind it) that answers for exactly this
 * server name; evp_pkey as mse_privkey_evp_borrow gives it (a reference is taken). A ClientHello
 * for any other name, or for none, gets an alert. */
MSE_MUST_USE mse_status mse_tls_server_add(struct mse_tls_server *s, const char *name,
                                           struct mse_bytes cert_der, void *evp_pkey,
                                           struct mse_error *err);
/* The same with a chain (PEM, leaf first) that was checked before, for a name that its own
 * certificate need not be exact about. */
MSE_MUST_USE mse_status mse_tls_server_add_chain(struct mse_tls_server *s, const char *name,
                                                 struct mse_bytes chain_pem, void *evp_pkey,
                                                 struct mse_error *err);
/* The protocols of one of the added names, where they are not those of the server. */
MSE_MUST_USE mse_status mse_tls_server_set_alpn(struct mse_tls_server *s, const char *name,
                                                const char *const *alpn, size_t num_alpn,
                                                struct mse_error *err);
/* From now on clients of this name, which was added, need a certificate that chains to ca (DER), at
 * most MSE_TLS_CLIENT_DEPTH issuers above it; others get an alert. Not those who choose the
 * protocol open (NULL: none): whoever serves that gives them nothing that needs one. Revocation is
 * not looked at; the time is the system's. */
#define MSE_TLS_CLIENT_DEPTH 3
MSE_MUST_USE mse_status mse_tls_server_demand(struct mse_tls_server *s, const char *name,
                                              struct mse_bytes ca, const char *open,
                                              struct mse_error *err);
/* Adds the certificate chain (PEM, leaf first) and key (PEM, unencrypted, of any kind that libssl
 * takes) that answer for every other name and for none: for a service that is no enclave. Once. */
MSE_MUST_USE mse_status mse_tls_server_add_any(struct mse_tls_server *s, struct mse_bytes chain_pem,
                                               struct mse_bytes key_pem, struct mse_error *err);
/* mse_tls_server_try makes handshakes in memory, by each cipher and group that s takes, with
 * whoever answers for name: MSE_OK tells that clients can connect. For a server that is to live
 * long, when all is added: libssl leaves out what it gets no memory for. */
MSE_MUST_USE mse_status mse_tls_server_try(struct mse_tls_server *s, const char *name,
                                           struct mse_error *err);
void mse_tls_server_free(struct mse_tls_server *s);

struct mse_tls;
/* Begins a connection on fd (borrowed, non-blocking). out: where records to send are appended;
 * the caller empties it after every call. NULL on failure. */
struct mse_tls *mse_tls_accept(struct mse_tls_server *s, int fd, struct mse_build *out);
void mse_tls_free(struct mse_tls *t);
/* The other side: clients that speak one protocol (ALPN) with servers of which they know the key.
 */
struct mse_tls_client;
MSE_MUST_USE mse_status mse_tls_client_new(struct mse_tls_client **out, const char *alpn,
                                           struct mse_error *err);
void mse_tls_client_free(struct mse_tls_client *c); /* accepts NULL */
struct mse_tls_peer {
    const char *name;           /* what is asked for */
    const uint8_t *spki_sha256; /* 32: whoever has another key is refused; nothing else counts */
};
/* As mse_tls_accept; c outlives it. */
struct mse_tls *mse_tls_connect(struct mse_tls_client *c, const struct mse_tls_peer *peer, int fd,
                                struct mse_build *out);
/* mse_tls_adopt goes on with a session of which somebody else made the handshake: ssl (libssl's
 * SSL, as void *) and early, ciphertext that came before, which is copied. Takes ssl over, also on
 * failure (NULL); c lends its way to read sockets, and outlives it. */
struct mse_tls *mse_tls_adopt(struct mse_tls_client *c, void *ssl, struct mse_bytes early, int fd,
                              struct mse_build *out);
/* Gives memory back that the next record needs again: for connections that are idle. To do so after
 * every record costs a tenth of carrying a small one. */
void mse_tls_rest(struct mse_tls *t);
/* Allows t to take MSE_TLS_TURN_MAX more bytes from the socket, at most; then it says MSE_IO_AGAIN
 * and leaves the rest in the socket. Without that bound a client could send what carries no content
 * (key updates, empty records) as fast as it is read, and nobody else would have a turn. */
#define MSE_TLS_TURN_MAX ((size_t)512 * 1024)
void mse_tls_begin_turn(struct mse_tls *t);
/* MSE_IO_DONE when the handshake is complete. On MSE_IO_ERROR out may hold an alert. */
enum mse_io mse_tls_handshake(struct mse_tls *t);
/* The protocol that was chosen (ALPN), borrowed; empty if the client offered none. */
struct mse_bytes mse_tls_alpn(const struct mse_tls *t);
/* Tells whether the client asked for this server name. */
bool mse_tls_named(const struct mse_tls *t, const char *name);
/* The name that the client asked for, borrowed; NULL: none. */
const char *mse_tls_name(const struct mse_tls *t);
/* mse_tls_export: 32 bytes that only the two ends of this session can compute (RFC 8446 §7.5). */
MSE_MUST_USE bool mse_tls_export(struct mse_tls *t, uint8_t out[32], const char *label,
                                 struct mse_bytes context);
/* Reads plaintext; *n is set with MSE_IO_DONE only. An end without close_notify is an error. */
enum mse_io mse_tls_read(struct mse_tls *t, void *buf, size_t cap, size_t *n);
/* Tells whether bytes of the peer wait inside t, which the socket does not show. */
bool mse_tls_pending(const struct mse_tls *t);
/* Appends len bytes as records, all or none (MSE_IO_ERROR). out needs room for len and
 * MSE_TLS_RECORD_OVERHEAD for each begun MSE_TLS_RECORD_MAX. */
enum mse_io mse_tls_write(struct mse_tls *t, const void *buf, size_t len);
/* Appends close_notify. */
void mse_tls_shutdown(struct mse_tls *t);

#endif
