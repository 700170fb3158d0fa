/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the relay know of each other: relay.c accepts connections and ends them in
 * time, relay_conn.c is one of them, relay_back.c its way to the app, relay_ask.c what comes before
 * the stream. */
#ifndef NET_RELAY_INNER_H
#define NET_RELAY_INNER_H

#include "net/ages.h"
#include "net/leftover.h"
#include "net/proxy2.h"
#include "net/relay.h"
#include "net/sources.h"

#define RELAY_PLAIN_LEN     ((size_t)65536)
#define RELAY_PLAIN_RECORDS (RELAY_PLAIN_LEN / MSE_TLS_RECORD_MAX)
#define RELAY_CIPHER_LEN                                                                           \
    (RELAY_PLAIN_LEN + RELAY_PLAIN_RECORDS * MSE_TLS_RECORD_OVERHEAD + (size_t)65536)
#define RELAY_LEFTOVER_MAX                                                                         \
    (RELAY_CIPHER_LEN + (size_t)4096) /* one turn's output, alerts and replies behind it */
#define RELAY_QUESTION_HEAD ((size_t)4)

/* Where a connection is in its life. Each stage has a list in order of the last activity and a time
 * after which it is closed. */
enum relay_stage {
    RELAY_HANDSHAKE, /* in order of arrival: trickling bytes does not help */
    RELAY_ASK,       /* a question is read, thought about or answered */
    RELAY_CONNECT,   /* the handshake is done, the app has not taken the connection yet */
    RELAY_OPEN,
    RELAY_HALF, /* one side has ended */
    RELAY_STAGES,
};

/* A question and its answer; only connections of such a protocol have one. */
struct relay_ask {
    uint8_t in[RELAY_QUESTION_HEAD + MSE_RELAY_QUESTION_MAX];
    size_t have;
    size_t want;
    bool then_stream;
    bool asking;   /* the callback runs */
    bool answered; /* out is what goes out */
    bool go_on;
    struct mse_build out;
    size_t sent;
};

/* What comes before TLS, where it does. */
struct relay_header {
    uint8_t in[MSE_PROXY2_READ_MAX];
    size_t have;
    size_t want;
};

struct mse_relay_conn {
    struct mse_aged age; /* first: lists hold it */
    struct mse_relay *relay;
    enum relay_stage stage;
    struct mse_tls *tls;
    struct relay_header *header; /* while it is read */
    struct mse_source *counts;   /* as whose it counts */
    uint8_t source[16];
    struct relay_ask *ask; /* in RELAY_ASK */
    int front_fd;
    int back_fd;  /* -1: not connected */
    int given_fd; /* what will be back_fd, of a connection that was adopted; else -1 */
    uv_poll_t front;
    uv_poll_t back;
    struct mse_leftover to_front; /* ciphertext */
    struct mse_leftover to_back;  /* plaintext */
    int front_events;
    int back_events;
    unsigned open_handles;
    bool front_eof;
    bool back_eof;
    bool back_dead; /* the app takes no more bytes; what the client still sends is dropped */
    bool resting;   /* TLS holds no buffers for it */
    bool hungry;    /* input waits inside TLS although its turn is over */
    bool closing;
    struct mse_relay_conn *next_hungry;
};

struct mse_relay {
    struct mse_relay_config cfg;
    uv_poll_t listener;
    uv_timer_t tick;
    uv_timer_t retry;
    uv_idle_t again;
    unsigned open_handles;
    bool accepting;
    bool closing;
    size_t num;
    struct mse_ages stages[RELAY_STAGES];
    struct mse_sources *sources; /* NULL: they have no limit */
    struct mse_relay_conn *hungry;
    struct mse_relay_stats stats;
    struct mse_build cipher;
    uint8_t plain[RELAY_PLAIN_LEN];
    uint8_t cipher_buf[RELAY_CIPHER_LEN];
};

/* ---- relay_conn.c. What returns bool returns false when the connection is of no more use. */
struct mse_relay_conn *relay_conn_of(struct mse_aged *a);
void relay_set_stage(struct mse_relay_conn *c, enum relay_stage stage);
/* Gives it another turn soon: there is something to read that no socket shows. */
void relay_hungry(struct mse_relay_conn *c);
/* Sends what the TLS calls of this turn appended. */
MSE_MUST_USE bool relay_flush(struct mse_relay_conn *c);
/* Takes over fd. */
void relay_conn_accept(struct mse_relay *r, int fd);
void relay_conn_turn(struct mse_relay_conn *c, bool front_ready, bool back_ready);
void relay_conn_close(struct mse_relay_conn *c);

/* ---- relay_back.c */
/* Connects to the app, or leaves that to the retry timer while its queue is full. */
MSE_MUST_USE bool relay_connect_back(struct mse_relay_conn *c);

/* ---- relay_ask.c */
/* Tells whether the protocol that was chosen begins with a question. */
bool relay_asks_first(const struct mse_relay_conn *c, bool *then_stream);
MSE_MUST_USE bool relay_ask_begin(struct mse_relay_conn *c, bool then_stream);
MSE_MUST_USE bool relay_ask_work(struct mse_relay_conn *c, bool front_ready);
void relay_ask_free(struct mse_relay_conn *c);
/* The header of the PROXY protocol. */
MSE_MUST_USE bool relay_header_expect(struct mse_relay_conn *c);
/* Reads it, and not a byte behind it. False if it is none. */
MSE_MUST_USE bool relay_header_read(struct mse_relay_conn *c);
/* The source of c is known now. False: it has too many connections. */
MSE_MUST_USE bool relay_count_source(struct mse_relay_conn *c);

#endif
