/* SPDX-License-Identifier: Apache-2.0 */
/* msed node: starts enclaves and watches them. An enclave belongs to a shepherd, a process of its
 * own that outlives the node: a node that comes back finds it again by the locks in its folder. */
#ifndef OPERATOR_NODE_H
#define OPERATOR_NODE_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "operator/fleet.h"
#include "operator/msed.h"

#define NODE_WHO  "node"
#define NODE_PART ".part" /* behind the name of a folder that is being filled */
/* The word of main that makes a process a shepherd. */
#define NODE_SHEPHERD_WORD "shepherd"

struct node_fetch;

/* ---- what others are asked for (node_lane.c): by threads of their own, so that a store that is
 * silent, a name that nobody resolves, an enclave that hangs hold up no app */
enum node_word {
    NODE_SET,     /* where an instance is; i, and text, what people are told */
    NODE_MOVE,    /* an app goes on; to, text */
    NODE_RELEASE, /* another node may have it; text */
    NODE_SHIP,    /* its log; last: an unfinished line too, as with the two before */
    NODE_MEASURE, /* enclave */
    NODE_KEY,     /* i.spki_sha256 is the answer; runs: it waits for nothing */
    NODE_FIND,    /* host is the answer: where its leader's node is */
};
#define NODE_HOST_LEN 64 /* of a literal address */
struct node_ask {
    enum node_word word;
    struct mse_op_instance i;
    enum mse_op_app_status to;
    char text[MSE_OP_TEXT_LEN];
    bool last;
    bool runs;
    bool forget; /* nobody comes for the answer */
    pid_t enclave;
    char host[NODE_HOST_LEN];
};
enum node_slot_state { NODE_IDLE, NODE_WAITS, NODE_ANSWERED };
/* One thing that is asked for an app; while it waits it is the thread's. */
struct node_slot {
    struct node_ask ask;
    struct mse_op_app app; /* of the moment in which it was asked */
    struct node_watched *watched;
    enum node_slot_state state;
    bool wanted; /* somebody came for the answer since node_slot_tidy */
    mse_status st;
    struct mse_error err;
    struct node_slot *next;
};
/* What is read off an app's folder and processes; of the thread that tells the store. */
struct node_watched {
    char id[MSE_OP_ID_LEN];
    uint32_t number;
    const char *dir;
    int log_fd;
    int64_t log_sent; /* bytes of the log that the store has; -1: not looked up yet */
    int64_t log_freed;
    uint64_t ticks; /* of the processor, at the last measuring */
    int64_t ticks_at_ms;
};
/* What is placed here and has not ended, as the store said. */
struct node_list {
    size_t num;
    struct mse_op_app *apps;
    bool disowned; /* it is another machine's: nothing is */
};

/* What a start needs beside the folder. */
struct node_start {
    int listen_fd;              /* -1: none is under way */
    int carry_fd;               /* of an app with several instances, where others come; -1 */
    uint8_t carry_key[32];      /* for that */
    char leader[NODE_HOST_LEN]; /* of one that follows: where its leader is; "": not known yet */
    struct mse_op_instance at;
    bool in_place; /* where it was: the store knows that */
    int64_t since_ms;
};
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
    struct node_start start;  /* that is being prepared */
    struct node_slot store;   /* what the store is told */
    struct node_slot key;     /* what its enclave is asked */
    struct node_slot name;    /* what the resolver is */
    struct node_watched watched;
    char why[MSE_OP_TEXT_LEN];  /* it cannot be here: the store is to know that */
    char hush[MSE_OP_TEXT_LEN]; /* why there is none, for the store */
    bool hushes;                /* the store is to know that there is none */
    bool has_key;               /* spki_sha256 is of this start */
    uint8_t spki_sha256[32];
    bool told;             /* the store knows where this start of it is */
    bool silent;           /* the store knows that there is none */
    int64_t next_look_ms;  /* at what its shepherd says */
    int64_t stop_sent_ms;  /* 0: it was not told to stop */
    int64_t next_ask_ms;   /* to stop */
    int64_t begun_ms;      /* of the last start by this process */
    int64_t not_before_ms; /* of the next one */
    int64_t dead_ms;       /* 0; since when its enclave is over and its shepherd is not */
    unsigned tries;        /* starts in a row that did not last */
    pid_t enclave;         /* as its shepherd said last */
};

struct node_beater; /* node_beat.c */
struct node_lane;   /* node_lane.c */
struct node {
    struct msed *m;          /* its store belongs to the lane of the store */
    struct mse_op_node self; /* likewise its epoch */
    char *runtime;
    struct node_beater *beater;
    struct node_lane *store;
    struct node_lane *keys;
    struct node_lane *names;
    struct node_app **apps;
    size_t num_apps;
    bool knows;  /* the store has said what is here: before that nothing is ended */
    int wake_fd; /* somebody has answered */
    int lock_fd; /* of the data folder: one node for one folder */
};

/* A failure of the store or the disk, in one line. */
void node_complain(const char *what, const struct mse_error *err);

/* ---- the lease (node_beat.c): a thread with a store of its own, so that long work costs no lease
 */
MSE_MUST_USE mse_status node_beater_start(struct node_beater **out, const char *where,
                                          const struct mse_op_node *self, struct mse_error *err);
/* The lease was lost: join again, and say the new epoch. */
bool node_beater_lost(struct node_beater *b);
void node_beater_epoch(struct node_beater *b, uint64_t epoch);
/* False: it waits for the store. Accepts NULL. */
bool node_beater_stop(struct node_beater *b);
/* Whether the thread ended within 5 s. */
bool node_thread_ends(pthread_t thread);

/* ---- lanes (node_lane.c) */
MSE_MUST_USE mse_status node_join(struct node *n, struct mse_error *err);
/* lists: it tells the store, and asks it what is here. */
MSE_MUST_USE mse_status node_lane_start(struct node_lane **out, struct node *n, bool lists,
                                        struct mse_error *err);
/* False: it waits for somebody, and goes on to use the node. Accepts NULL. */
bool node_lane_stop(struct node_lane *lane);
/* What the store said last, once; NULL: nothing new. */
struct node_list *node_lane_list(struct node_lane *lane);
void node_list_free(struct node_list *l); /* accepts NULL */
enum node_said { NODE_PENDING, NODE_DONE, NODE_FAILED };
/* Asks; to be called again with the same until it is not pending: then *q is the answer. Whoever
 * asks something else meanwhile gives that up, though it may still be done. */
enum node_said node_lane_ask(struct node_lane *lane, struct node_slot *s, const struct node_app *a,
                             struct node_ask *q, struct mse_error *err);
/* Asks if nothing else is, and forgets it. */
void node_lane_hint(struct node_lane *lane, struct node_slot *s, const struct node_app *a,
                    struct node_ask *q);
bool node_slot_waits(struct node_lane *lane, const struct node_slot *s);
/* Gives an answer up that nobody came for since the last call: what was asked shows in the list of
 * the store by now, and nothing else could be asked or hinted. */
void node_slot_tidy(struct node_lane *lane, struct node_slot *s);

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
MSE_MUST_USE mse_status node_shepherd_start(pid_t *out, const struct node *n,
                                            const struct node_app *a, const struct node_start *s,
                                            struct mse_error *err);
/* main of a shepherd. */
int node_shepherd_main(int argc, char **argv);
/* SHA-256 of the enclave's own key, as the instance shows it. runs: it waits for nothing. */
MSE_MUST_USE mse_status node_spki(uint8_t out[32], const struct node *n,
                                  const struct mse_op_app *app, bool runs, struct mse_error *err);
/* What others show the carrier of its last start. */
MSE_MUST_USE bool node_carry_key(uint8_t out[32], const char *dir);
/* Kills an enclave that has lost its shepherd; which one, its lock of the state tells. */
void node_kill_orphan(const struct node_app *a);

/* ---- its kind of TEE (node_tee.c) */
/* Replaces a path of a file that is there by its absolute one: a shepherd may be asked from
 * elsewhere. MSE_ERR_NOT_FOUND: it is not, and stays as it was. */
MSE_MUST_USE mse_status node_make_absolute(char **path, struct mse_error *err);
/* What the launcher is told (mse_instance_set), from the configuration. NULL without memory. */
json_t *node_options(const struct mse_op_config *c, const char *runtime, uint64_t size);
/* Looks for what the configuration names, and sets tee and enclave_memory of n->self; memory is
 * set. MSE_ERR_NOT_FOUND; MSE_ERR_UNSUPPORTED: the machine has no memory for enclaves. */
MSE_MUST_USE mse_status node_find_tee(struct node *n, struct mse_error *err);

/* ---- logs and metrics (node_watch.c) */
/* Hands the store what the log has gained; last: an unfinished line too. */
void node_log_ship(struct mse_op_store *s, struct node_watched *w, bool last);
/* node: its name. */
void node_measure(struct mse_op_store *s, const char *node, struct node_watched *w, pid_t enclave);

#endif
