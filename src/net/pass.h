/* SPDX-License-Identifier: Apache-2.0 */
/* The pass-through relay: reads whom a TLS client wants to reach, connects to where that name is
 * served, and carries bytes both ways, with back-pressure and half-close. It takes no part in TLS.
 *
 * One loop, one thread, one buffer for all connections: bytes are looked at where the kernel keeps
 * them, sent on, and only then taken. So a connection holds no byte here, however slow either side
 * is, and costs a few hundred bytes of memory. */
#ifndef NET_PASS_H
#define NET_PASS_H

#include <uv.h>

#include <mse/status.h>

#include "net/proxy2.h"
#include "net/times.h"

/* One app: what its connections have in common. Connections outlive routes, so references are
 * counted. */
struct mse_pass_app {
    unsigned refs;
    unsigned num; /* open connections */
    uint64_t accepted;
    uint64_t no_backend;         /* none of its servers took the connection */
    uint64_t bytes_in;           /* from clients */
    uint64_t bytes_out;          /* to clients */
    struct mse_times connect;    /* until its server took the connection */
    struct mse_times first_byte; /* from then on, until it said something */
};
struct mse_pass_app *mse_pass_app_new(void); /* one reference; NULL without memory */
void mse_pass_app_ref(struct mse_pass_app *a);
void mse_pass_app_unref(struct mse_pass_app *a); /* accepts NULL */

/* Where the connections of a name go. */
struct mse_pass_to {
    union mse_net_address address;
    bool proxy_protocol;      /* begin with who the client is */
    bool others;              /* there are more that this connection has not tried */
    uint8_t number;           /* of the one that it is, below MSE_PASS_SERVERS */
    struct mse_pass_app *app; /* borrowed; a reference is taken */
};

#define MSE_PASS_SERVERS 64 /* of one name */

struct mse_pass_config {
    uv_loop_t *loop;
    int listen_fd; /* bound and listening TCP socket, non-blocking; borrowed */
    /* Asks where a name goes (in lower case); false: nobody has it, but those that did not take
     * this connection: bit n of tried is the one of number n. */
    bool (*route)(void *user, const char *name, uint64_t tried, struct mse_pass_to *out);
    void *user;
    unsigned max_connections; /* whoever comes when there are so many, all busy, is left to the
                                 other processes that share the socket, or waits */
    unsigned max_per_source;  /* 0: no such limit */
    unsigned max_per_app;     /* 0: no such limit */
    unsigned hello_ms;        /* for the whole ClientHello */
    unsigned connect_ms;      /* for a server to take the connection; of several each has a
                                 quarter of it at most, and all together have no more */
    unsigned idle_ms;         /* without a byte in either direction */
    unsigned half_ms;         /* the same, when one side has ended already */
};

/* Counters since the start. */
struct mse_pass_stats {
    uint64_t accepted;
    uint64_t passed;         /* reached a server */
    uint64_t full;           /* times that the table was full of busy connections */
    uint64_t refused_source; /* too many of this source */
    uint64_t refused_app;    /* too many of this app */
    uint64_t evicted;        /* idle ones that were closed to make room */
    uint64_t bad_hello;
    uint64_t unknown_name;
    uint64_t late;       /* did not send a ClientHello in time */
    uint64_t elsewhere;  /* times that a server did not take a connection, and another was tried */
    uint64_t no_backend; /* no server took the connection */
};

struct mse_pass;
/* Starts to accept. Everything in the configuration outlives the relay. */
MSE_MUST_USE mse_status mse_pass_new(struct mse_pass **out, const struct mse_pass_config *c,
                                     struct mse_error *err);
void mse_pass_stop_accepting(struct mse_pass *p);
/* Closes the connections that have been idle for at least this long: the way to drain. */
void mse_pass_close_idle(struct mse_pass *p, unsigned idle_ms);
size_t mse_pass_num_connections(const struct mse_pass *p);
const struct mse_pass_stats *mse_pass_stats_borrow(const struct mse_pass *p);
/* Stops, closes all connections, and frees the relay once the loop has run its close callbacks: p
 * is not to be used any more. Accepts NULL. */
void mse_pass_close(struct mse_pass *p);

#endif
