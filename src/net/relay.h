/* SPDX-License-Identifier: Apache-2.0 */
/* The stream relay: accepts connections, terminates TLS, and carries bytes both ways between each
 * of them and a connection of its own to a unix socket, with back-pressure and half-close. It looks
 * at no byte of the stream. One loop, one thread; a connection that is idle holds no buffer. */
#ifndef NET_RELAY_H
#define NET_RELAY_H

#include <uv.h>

#include "net/tls.h"

/* Protocols of which the runtime answers the first message itself: the client sends one question,
 * u32be length || body, gets an answer, and then either the connection ends or the stream to the
 * backend begins. */
struct mse_relay_conn;
struct mse_relay_asks {
    /* The protocol (ALPN) that ends after the answer; with "+" and more behind it, the one after
     * which the stream begins. */
    const char *protocol;
    /* A question came, whole; body is borrowed, and empty if it announced more than
     * MSE_RELAY_QUESTION_MAX. Each is answered with mse_relay_answer, now or later. then_stream: of
     * the second kind. */
    void (*question)(void *user, struct mse_relay_conn *c, struct mse_bytes body, bool then_stream);
    /* c, whose question is not answered yet, is gone. */
    void (*gone)(void *user, struct mse_relay_conn *c);
    void *user;
};
#define MSE_RELAY_QUESTION_MAX ((size_t)256)

struct mse_relay_config {
    uv_loop_t *loop;
    int listen_fd;              /* bound and listening TCP socket; borrowed. -1: connections are
                                   adopted only */
    struct mse_tls_server *tls; /* borrowed; NULL without listen_fd */
    const char *backend;        /* path of the unix socket; borrowed */
    int (*dial)(void *user);    /* connects in its place, as mse_net_connect_unix does; or NULL */
    /* The same for a backend that depends on the connection; or NULL. */
    int (*dial_for)(void *user, const struct mse_relay_conn *c);
    void *dial_user;
    bool tell_source;     /* backend learns who is at the other end: mse_net_source */
    const char *own_name; /* the server name whose connections go to own_backend instead; NULL:
                             there is none; both borrowed */
    const char *own_backend;
    /* Each connection begins with a header of the PROXY protocol, version 2, which says who the
     * client is; without one it is closed. */
    bool proxy_protocol;
    unsigned max_connections;
    unsigned max_per_source; /* 0: no such limit */
    bool spare_loopback;     /* this machine has none */
    unsigned handshake_ms;   /* for the handshake, and for the backend to take the connection */
    unsigned idle_ms;        /* without a byte in either direction */
    unsigned half_ms;        /* the same, when one side has ended already */
    const struct mse_relay_asks *asks; /* borrowed; NULL: there are no such protocols */
};

/* Counters since the start; text of logs and tests. */
struct mse_relay_stats {
    uint64_t accepted;
    uint64_t refused;        /* at once, since the table was full of busy connections */
    uint64_t refused_source; /* too many of this source */
    uint64_t evicted;        /* the longest idle one, closed to make room */
    uint64_t handshakes;     /* completed */
    uint64_t failed;         /* handshakes that failed or took too long */
    uint64_t answers;        /* to questions */
    uint64_t no_backend;     /* the app did not take the connection */
};

struct mse_relay;
/* Starts to accept. Everything in the configuration outlives the relay. */
MSE_MUST_USE mse_status mse_relay_new(struct mse_relay **out, const struct mse_relay_config *c,
                                      struct mse_error *err);
/* mse_relay_answer sends what answer holds, which is taken over. go_on: the stream may begin. c is
 * not to be used any more. */
void mse_relay_answer(struct mse_relay_conn *c, struct mse_build *answer, bool go_on);
/* mse_tls_export of the session of c. */
MSE_MUST_USE bool mse_relay_conn_export(struct mse_relay_conn *c, uint8_t out[32],
                                        const char *label, struct mse_bytes context);
/* Tells whether c asked for this server name. */
MSE_MUST_USE bool mse_relay_conn_named(const struct mse_relay_conn *c, const char *name);
/* The name that c asked for, borrowed; NULL: none. */
const char *mse_relay_conn_name(const struct mse_relay_conn *c);
/* mse_relay_adopt begins a connection in the other direction: TLS as a client on fd, a TCP socket
 * that is connected or being connected; once the server is known to be peer, between it and
 * back_fd, plain. Takes both over, also on failure. False: out of memory, or the table is full. */
struct mse_relay_way {
    int fd;
    int back_fd;
    struct mse_bytes greeting; /* sent before TLS, as it is; may be empty */
};
MSE_MUST_USE bool mse_relay_adopt(struct mse_relay *r, struct mse_tls_client *client,
                                  const struct mse_tls_peer *peer, const struct mse_relay_way *w);
/* Connections from now on get this server, which outlives them, instead of the one before. */
void mse_relay_set_server(struct mse_relay *r, struct mse_tls_server *tls);
/* Who is at the other end, or whom the proxy there named: the IPv6 address, or the IPv4 one mapped
 * into it; zeros if unknown. */
void mse_relay_conn_source(const struct mse_relay_conn *c, uint8_t out[16]);
void mse_relay_stop_accepting(struct mse_relay *r);
/* Closes the connections that have been idle for at least this long: the way to drain. */
void mse_relay_close_idle(struct mse_relay *r, unsigned idle_ms);
size_t mse_relay_num_connections(const struct mse_relay *r);
const struct mse_relay_stats *mse_relay_stats_borrow(const struct mse_relay *r);
/* Stops, closes all connections, and frees the relay once the loop has run its close callbacks: r
 * is not to be used any more. Accepts NULL. */
void mse_relay_close(struct mse_relay *r);

#endif
