/* SPDX-License-Identifier: Apache-2.0 */
/* The stream relay: accepts connections, terminates TLS, and carries bytes both ways between each
 * of them and a connection of its own to a unix socket, with back-pressure and half-close. It looks
 * at no byte of the stream. One loop, one thread; a connection that is idle holds no buffer. */
#ifndef NET_RELAY_H
#define NET_RELAY_H

#include <uv.h>

#include "net/tls.h"

struct mse_relay_config {
    uv_loop_t *loop;
    int listen_fd;              /* bound and listening TCP socket; borrowed */
    struct mse_tls_server *tls; /* borrowed */
    const char *backend;        /* path of the unix socket; borrowed */
    unsigned max_connections;
    unsigned handshake_ms; /* for the handshake, and for the backend to take the connection */
    unsigned idle_ms;      /* without a byte in either direction */
    unsigned half_ms;      /* the same, when one side has ended already */
};

/* Counters since the start; text of logs and tests. */
struct mse_relay_stats {
    uint64_t accepted;
    uint64_t refused;    /* at once, since the table was full of busy connections */
    uint64_t evicted;    /* the longest idle one, closed to make room */
    uint64_t handshakes; /* completed */
    uint64_t failed;     /* handshakes that failed or took too long */
    uint64_t no_backend; /* the app did not take the connection */
};

struct mse_relay;
/* Starts to accept. Everything in the configuration outlives the relay. */
MSE_MUST_USE mse_status mse_relay_new(struct mse_relay **out, const struct mse_relay_config *c,
                                      struct mse_error *err);
void mse_relay_stop_accepting(struct mse_relay *r);
/* Closes the connections that have been idle for at least this long: the way to drain. */
void mse_relay_close_idle(struct mse_relay *r, unsigned idle_ms);
size_t mse_relay_num_connections(const struct mse_relay *r);
const struct mse_relay_stats *mse_relay_stats_borrow(const struct mse_relay *r);
/* Stops, closes all connections, and frees the relay once the loop has run its close callbacks: r
 * is not to be used any more. Accepts NULL. */
void mse_relay_close(struct mse_relay *r);

#endif
