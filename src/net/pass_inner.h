/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the pass-through relay know of each other: pass.c accepts connections and ends
 * them in time, pass_conn.c is one of them. */
#ifndef NET_PASS_INNER_H
#define NET_PASS_INNER_H

#include "net/ages.h"
#include "net/hello.h"
#include "net/pass.h"
#include "net/sources.h"

#define PASS_BUFFER_LEN ((size_t)65536)

/* Where a connection is in its life. Each stage has a list in order of the last activity and a time
 * after which it is closed. */
enum pass_stage {
    PASS_HELLO,   /* in order of arrival: trickling bytes does not help */
    PASS_TRY,     /* connecting to one of several: each try anew */
    PASS_CONNECT, /* connecting, in order of arrival */
    PASS_OPEN,
    PASS_HALF, /* one side has ended */
    PASS_STAGES,
};

#define PASS_TRY_SHARE 4 /* of the time to connect that one of several has */

enum { PASS_FRONT, PASS_BACK };

struct pass_side {
    struct pass_conn *conn;
    int fd;          /* -1: not connected */
    uint32_t events; /* that are watched; nothing else is known to the kernel */
};

struct pass_conn {
    struct mse_aged age; /* first: lists hold it */
    struct mse_pass *pass;
    struct mse_pass_app *app;
    struct mse_source *source;
    struct pass_side sides[2];
    uint64_t mark;  /* uv_hrtime of the last thing that is timed */
    uint64_t tried; /* servers: bit n is the one of number n */
    uint32_t run;   /* bytes from one side since the other said something, up to STREAM_LEN */
    uint8_t stage;
    uint8_t runner;  /* that side */
    bool watched[2]; /* the epoll knows the socket */
    bool ended[2];   /* nothing more comes from this side */
    bool blocked[2]; /* what comes from this side is not taken by the other one now */
    bool deaf[2];    /* this side takes no more; what is meant for it is dropped */
    bool header;     /* of the PROXY protocol, still to be sent */
    bool answered;   /* the server has said something */
    bool missed;     /* the server did not take the connection */
    bool closed;
    uint16_t seen; /* of a ClientHello that is not complete */
};

struct mse_pass {
    struct mse_pass_config cfg;
    uv_poll_t listener;
    uv_poll_t poll;
    uv_timer_t tick;
    unsigned open_handles;
    int epoll_fd;
    bool accepting;
    bool full;      /* and therefore not accepting for now */
    bool streaming; /* one of the connections of this turn is a stream */
    bool closing;
    size_t num;
    struct mse_ages stages[PASS_STAGES];
    struct mse_ages closed; /* freed at the end of the turn: events may still name them */
    struct mse_sources *sources;
    struct mse_pass_stats stats;
    uint8_t scratch[MSE_HELLO_MAX];
    uint8_t buffer[PASS_BUFFER_LEN];
};

struct pass_conn *pass_conn_of(struct mse_aged *a);
/* Takes over fd. */
void pass_conn_new(struct mse_pass *p, int fd);
/* Does what can be done on one side. */
void pass_conn_turn(struct pass_conn *c, int s, uint32_t events);
/* Its time is over. */
void pass_conn_give_up(struct pass_conn *c);
/* reset: the peers must not take this for an orderly end. */
void pass_conn_close(struct pass_conn *c, bool reset);
/* At the end of a turn. */
void pass_free_closed(struct mse_pass *p);

#endif
