/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of TLS know of each other: tls.c one connection, tls_server.c and tls_client.c the
 * rules of either side. */
#ifndef NET_TLS_INNER_H
#define NET_TLS_INNER_H

#include <openssl/ssl.h>

#include "net/tls.h"

#define TLS_ALPN_LEN 512
#define TLS_NAMES    4 /* of one server */

struct tls_alpn {
    uint8_t wire[TLS_ALPN_LEN]; /* length-prefixed names */
    unsigned len;
};

/* Follows the bytes of the handshake that are not encrypted, across records. */
struct tls_guard {
    uint8_t head[5]; /* of the record */
    size_t head_len;
    size_t record_left;
    uint8_t msg[4]; /* type and length of the message */
    size_t msg_len;
    size_t msg_left;
};

struct mse_tls {
    SSL *ssl;
    int fd;
    struct mse_build *out;
    size_t turn_left;
    unsigned key_updates;
    bool shaken;     /* the handshake is done, the guard's work too */
    uint8_t pin[32]; /* of a client: SHA-256 of the server's SPKI */
    uint8_t *early;  /* what was read from the socket before t was made; NULL: nothing */
    size_t early_at;
    size_t early_len;
    struct tls_guard guard;
};

struct tls_identity {
    char *name;
    SSL_CTX *ctx;
    struct tls_alpn alpn; /* empty: the server's */
    bool demands;         /* a certificate of clients */
    char *open;           /* but of those who choose this protocol; NULL: none */
};

struct mse_tls_server {
    SSL_CTX *base; /* what a connection starts with; holds no certificate */
    BIO_METHOD *bio;
    struct tls_identity ids[TLS_NAMES];
    size_t num_ids;
    SSL_CTX *any; /* answers for all other names; NULL: nobody does */
    struct tls_alpn alpn;
};

/* How sockets are read, and how what is to be sent is appended; NULL without memory. */
BIO_METHOD *tls_bio_method(void);
/* A connection over ssl, which it takes also on failure; the side is still to be chosen. */
struct mse_tls *tls_over(SSL *ssl, BIO_METHOD *method, int fd, struct mse_build *out);
/* The same over a new SSL of ctx. */
struct mse_tls *tls_begin(SSL_CTX *ctx, BIO_METHOD *method, int fd, struct mse_build *out);
/* The names in the form of the wire. */
MSE_MUST_USE mse_status tls_alpn_make(struct tls_alpn *out, const char *const *names, size_t num,
                                      struct mse_error *err);

#endif
