/* SPDX-License-Identifier: Apache-2.0 */
/* msed node: starts enclaves and watches them. An enclave belongs to a shepherd, a process of its
 * own that outlives the node: a node that comes back finds it again by the locks in its folder. */
#ifndef OPERATOR_NODE_H
#define OPERATOR_NODE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "operator/fleet.h"
#include "operator/msed.h"

#define NODE_WHO  "node"
#define NODE_PART ".part" /* behind the name of a folder that is being filled */
/* The word of main that makes a process a shepherd. */
#define NODE_SHEPHERD_WORD "shepherd"

struct node_fetch;
/* What one app, or one of its other instances, is to this node. Never twice: its folder is locked
 * by the shepherd (lock) and by the enclave (state), and nothing is started while either is held.
 */
struct node_app {
    struct mse_op_app app; /* as the store said last; app.number is which instance it is */
    char *dir;
    struct node_fetch *fetch; /* of its folder; NULL: none is under way */
    bool listed;              /* the store still names it */
    bool dropped;             /* it has ended, or is another's: only the folder is left */
    uint16_t carry_port;      /* of the last start: where other instances ask to join */
    pid_t child;              /* its shepherd, if this process started it; 0: none */
    bool told;                /* the store knows where this start of it is */
    bool silent;              /* the store knows that there is none */
    int64_t next_look_ms;     /* at what its shepherd says */
    int64_t stop_sent_ms;     /* 0: it was not told to stop */
    int64_t next_ask_ms;      /* to stop */
    int64_t begun_ms;         /* of the last start by this process */
    int64_t not_before_ms;    /* of the next one */
    int64_t dead_ms;          /* 0; since when its enclave is over and its shepherd is not */
    unsigned tries;           /* starts in a row that did not last */
    pid_t enclave;            /* as its shepherd said last */
    int log_fd;
    int64_t log_sent; /* bytes of the log that the store has; -1: not looked up yet */
    int64_t log_freed;
    uint64_t ticks; /* of the processor, at the last measuring */
    int64_t ticks_at_ms;
};

struct node_beater; /* node_beat.c */
struct node {
    struct msed *m;
    struct mse_op_node self;
    char *runtime;
    struct node_beater *beater;
    struct node_app **apps;
    size_t num_apps;
    bool knows;  /* the store has said what is here: before that nothing is ended */
    int lock_fd; /* of the data folder: one node for one folder */
};

int64_t node_now_ms(void); /* monotonic */
/* A failure of the store or the disk, in one line. */
void node_complain(const char *what, const struct mse_error *err);

/* ---- the lease (node_beat.c): a thread with a store of its own, so that long work costs no lease
 */
MSE_MUST_USE mse_status node_beater_start(struct node_beater **out, const char *where,
                                          const struct mse_op_node *self, struct mse_error *err);
/* The lease was lost: join again, and say the new epoch. */
bool node_beater_lost(struct node_beater *b);
void node_beater_epoch(struct node_beater *b, uint64_t epoch);
void node_beater_stop(struct node_beater *b);

/* ---- one app (node_app.c) */
/* Goes one step on with an app. */
void node_app_step(struct node *n, struct node_app *a);
/* Whether a shepherd or an enclave is there. */
bool node_app_lives(const struct node_app *a);
/* Ends what runs, without a word to the store; true when all is gone. */
bool node_app_end(struct node *n, struct node_app *a);
void node_app_free(struct node_app *a);

/* ---- folders (node_fetch.c) */
/* The folder with manifest and package, made as a whole or not at all, by a thread. *ready: it is
 * there; else it is to be asked again, in the next turn. */
MSE_MUST_USE mse_status node_prepare(const struct node *n, struct node_app *a, bool *ready,
                                     struct mse_error *err);
/* Whether the folder is being made now: nothing else can be done for the app. */
bool node_fetch_waits(const struct node_app *a);
/* Waits for its end. Accepts NULL. */
void node_fetch_free(struct node_fetch *f);

/* ---- processes (node_launch.c) */
/* A listening socket at the node's address; port 0: any. */
MSE_MUST_USE mse_status node_listen(int *out_fd, uint16_t *out_port, const struct node *n,
                                    uint16_t port, struct mse_error *err);
/* What a start needs beside the folder. */
struct node_start {
    int listen_fd;
    int carry_fd;          /* of an app with several instances, where others come; -1 */
    uint8_t carry_key[32]; /* for that */
};
MSE_MUST_USE mse_status node_shepherd_start(pid_t *out, const struct node *n,
                                            const struct node_app *a, const struct node_start *s,
                                            struct mse_error *err);
/* main of a shepherd. */
int node_shepherd_main(int argc, char **argv);
/* SHA-256 of the enclave's own key, as the instance shows it. runs: it waits for nothing. */
MSE_MUST_USE mse_status node_spki(uint8_t out[32], const struct node *n, const struct node_app *a,
                                  bool runs, struct mse_error *err);
/* Kills an enclave that has lost its shepherd; which one, its lock of the state tells. */
void node_kill_orphan(const struct node_app *a);

/* ---- logs and metrics (node_watch.c) */
/* Hands the store what the log has gained; last: an unfinished line too. */
void node_log_ship(struct node *n, struct node_app *a, bool last);
void node_measure(struct node *n, struct node_app *a);

#endif
