/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway's feeder and its workers tell each other over a socket: frames, u32be length ||
 * u8 kind || body. Pure. What a worker says is not trusted: it is the one that strangers talk to.
 */
#ifndef OPERATOR_GATE_WIRE_H
#define OPERATOR_GATE_WIRE_H

#include "base/build.h"
#include "net/hello.h"
#include "net/proxy2.h"
#include "net/times.h"

#define GATE_APP_LEN   37 /* UUID and NUL, as the store has it */
#define GATE_FRAME_MAX ((size_t)49152)
#define GATE_PEM_MAX   ((size_t)24000) /* each of the operator's certificate chain and key */

enum gate_kind {
    GATE_LIMITS = 1, /* to the worker: the first frame */
    GATE_SET,        /* a route, in the place of the one of this name and number */
    GATE_REMOVE,     /* the route of a name and number */
    GATE_GO,         /* all routes were said: accept */
    GATE_DRAIN,      /* accept no more, end when no connection is left or the time is up */
    GATE_IDENTITY,   /* to the worker that ends TLS: the operator's certificate and key */
    GATE_COUNTS,     /* to the feeder: of one app, since the last time */
};

struct gate_limits {
    uint32_t max_connections;
    uint32_t max_per_source; /* 0: none */
    uint32_t max_per_app;    /* 0: none */
    uint32_t hello_ms;
    uint32_t connect_ms;
    uint32_t idle_ms;
    uint32_t half_ms;
};
#define GATE_INSTANCES 64 /* numbers of one name: below */

struct gate_route {
    char name[MSE_HELLO_NAME_MAX + 1];
    uint8_t number; /* of the app's instances: each has a route of this name */
    char app_id[GATE_APP_LEN];
    union mse_net_address address;
    bool proxy_protocol;
    uint8_t spki_sha256[32]; /* for the worker that ends TLS: who alone it may be; else zeros */
};
struct gate_identity {
    struct mse_bytes chain_pem; /* not empty */
    struct mse_bytes key_pem;   /* likewise */
};
struct gate_counts {
    char app_id[GATE_APP_LEN];
    uint32_t open; /* now */
    uint64_t accepted;
    uint64_t no_backend;
    uint64_t bytes_in;
    uint64_t bytes_out;
    struct mse_times connect;
    struct mse_times first_byte;
};

/* Each appends one frame. */
void gate_wr_limits(struct mse_build *b, const struct gate_limits *l);
void gate_wr_set(struct mse_build *b, const struct gate_route *r);
void gate_wr_remove(struct mse_build *b, const char *name, uint8_t number);
void gate_wr_go(struct mse_build *b);
void gate_wr_drain(struct mse_build *b, uint32_t ms);
void gate_wr_identity(struct mse_build *b, const struct gate_identity *i);
void gate_wr_counts(struct mse_build *b, const struct gate_counts *c);

/* gate_next takes one frame from the front of *in. *kind 0: there is no whole one yet. False: what
 * is there is no frame. */
MSE_MUST_USE bool gate_next(struct mse_bytes *in, uint8_t *kind, struct mse_bytes *body);
/* Bodies; false if one is not exactly that. */
MSE_MUST_USE bool gate_rd_limits(struct gate_limits *out, struct mse_bytes body);
MSE_MUST_USE bool gate_rd_set(struct gate_route *out, struct mse_bytes body);
MSE_MUST_USE bool gate_rd_remove(char name[MSE_HELLO_NAME_MAX + 1], uint8_t *number,
                                 struct mse_bytes body);
MSE_MUST_USE bool gate_rd_drain(uint32_t *ms, struct mse_bytes body);
/* Borrows. */
MSE_MUST_USE bool gate_rd_identity(struct gate_identity *out, struct mse_bytes body);
MSE_MUST_USE bool gate_rd_counts(struct gate_counts *out, struct mse_bytes body);

#endif
