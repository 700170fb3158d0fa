/* SPDX-License-Identifier: Apache-2.0 */
/* What the roles of a fleet share through the store: packages, nodes and what is placed on them,
 * routes, logs, metrics. Any number of APIs, gateways and nodes do this at once, on any number of
 * machines; the store alone decides.
 *
 * Times whose name ends in _ms are of the database's clock (mse_op_clock_ms), in milliseconds. */
#ifndef OPERATOR_FLEET_H
#define OPERATOR_FLEET_H

#include "operator/store.h"

MSE_MUST_USE mse_status mse_op_clock_ms(struct mse_op_store *s, int64_t *out,
                                        struct mse_error *err);

/* ---- packages: in the database, so that every API and every node has them */

#define MSE_OP_PIECE_LEN ((size_t)1024 * 1024)
/* mse_op_package_put stores size bytes of fd, from where it stands. Nobody gets a package before
 * all of it is there. One of this app that came earlier goes, unless the app exists:
 * MSE_ERR_EXISTS. MSE_ERR_ARGUMENT: app_id; MSE_ERR_MALFORMED: fd ends early, or the hash is
 * another one; MSE_ERR_LEASE_LOST: another upload for this app began meanwhile. */
MSE_MUST_USE mse_status mse_op_package_put(struct mse_op_store *s, const char *app_id, int fd,
                                           uint64_t size, const uint8_t sha256[32],
                                           struct mse_error *err);
/* mse_op_package_get writes it to fd; what was written counts only with MSE_OK. MSE_ERR_NOT_FOUND:
 * there is none, or not all of it; MSE_ERR_PACKAGE_TRUNCATED: pieces are missing;
 * MSE_ERR_PACKAGE_DAMAGED: it is not the one that was put. */
MSE_MUST_USE mse_status mse_op_package_get(struct mse_op_store *s, const char *app_id, int fd,
                                           struct mse_error *err);
/* Removing what is not there is no error. MSE_ERR_EXISTS: its app lives, and keeps it. */
MSE_MUST_USE mse_status mse_op_package_remove(struct mse_op_store *s, const char *app_id,
                                              struct mse_error *err);
/* Removes those whose app has ended, and those that no app came for since older_than_ms. */
MSE_MUST_USE mse_status mse_op_package_sweep(struct mse_op_store *s, int64_t older_than_ms,
                                             struct mse_error *err);

/* ---- nodes: each holds a lease, which its beats prolong */

#define MSE_OP_LEASE_MS 4000  /* beats come each second */
#define MSE_OP_GONE_MS  60000 /* so long after its lease was seen to be over a node is given up */
struct mse_op_node {
    char name[MSE_OP_NAME_LEN]; /* as a user's name */
    char id[MSE_OP_ID_LEN]; /* UUID of its data folder: the same name elsewhere is another node */
    char address[MSE_OP_DOMAIN_LEN]; /* where gateways reach its enclaves: IP address or host */
    char tee[MSE_OP_NAME_LEN];       /* sim, sgx, tdx, sev-snp */
    char version[MSE_OP_NAME_LEN];   /* of msed */
    bool draining;                   /* takes no more apps */
    uint64_t memory;                 /* MiB, for all apps here together */
    uint64_t cores;                  /* likewise */
    uint64_t enclave_memory;         /* MiB, likewise */
    uint64_t epoch;                  /* of this joining; larger than all that any node had before */
    int64_t lease_until_ms;
};
/* mse_op_node_join begins an epoch; n->epoch, lease_until_ms and draining are set. What was placed
 * on this name stays. MSE_ERR_ARGUMENT; MSE_ERR_EXISTS: another id has this name and a lease. */
MSE_MUST_USE mse_status mse_op_node_join(struct mse_op_store *s, struct mse_op_node *n,
                                         int64_t lease_ms, struct mse_error *err);
/* mse_op_node_beat prolongs the lease. MSE_ERR_LEASE_LOST: another epoch began, or the node was
 * given up. */
MSE_MUST_USE mse_status mse_op_node_beat(struct mse_op_store *s, const char *name, uint64_t epoch,
                                         int64_t lease_ms, struct mse_error *err);
/* MSE_ERR_NOT_FOUND. */
MSE_MUST_USE mse_status mse_op_node_drain(struct mse_op_store *s, const struct mse_op_by *by,
                                          const char *name, bool draining, struct mse_error *err);
typedef mse_status mse_op_node_fn(void *arg, const struct mse_op_node *n);
/* Also those that were given up: their lease_until_ms is over. By name. */
MSE_MUST_USE mse_status mse_op_node_list(struct mse_op_store *s, mse_op_node_fn *each, void *arg,
                                         struct mse_error *err);

/* ---- placement; everything below fails with MSE_ERR_LEASE_LOST in another epoch, and when the app
 * is not this node's (any more) */

/* mse_op_claim gives this node the oldest app that is spawning, has no node, wants this node's TEE
 * and fits beside those that are here; else an instance of an app whose leader has a node.
 * Instances of one app spread: who has fewer of them comes first, for MSE_OP_SPREAD_MS.
 * MSE_ERR_NOT_FOUND: there is none; also when draining. */
#define MSE_OP_SPREAD_MS 3000
MSE_MUST_USE mse_status mse_op_claim(struct mse_op_store *s, const char *name, uint64_t epoch,
                                     struct mse_op_app *out, struct mse_error *err);
/* What is placed here and has not ended: apps (their leaders), then other instances; by id. */
MSE_MUST_USE mse_status mse_op_node_apps(struct mse_op_store *s, const char *name,
                                         mse_op_app_fn *each, void *arg, struct mse_error *err);
struct mse_op_instance {
    uint32_t number;         /* of the app's instances */
    uint16_t port;           /* 0: it cannot be reached now */
    uint8_t fingerprint[32]; /* zeros: not known yet; of number 0 only */
    uint8_t spki_sha256[32]; /* of its TLS key, likewise */
    uint16_t carry_port;     /* number 0: where others ask to join; 0: that stays as it is */
    uint8_t carry_key[32];   /* likewise */
    const char *detail;      /* others: for people; NULL: nothing */
};
/* mse_op_instance_set says where an instance is; the first time before it is launched: from then on
 * an app is never placed anew, and another instance not before its node is given up. */
MSE_MUST_USE mse_status mse_op_instance_set(struct mse_op_store *s, const char *name,
                                            uint64_t epoch, const char *app_id,
                                            const struct mse_op_instance *i, struct mse_error *err);
/* mse_op_instance_release: an instance (not number 0) that is not here any more may be placed
 * elsewhere, or here if nobody else takes it for MSE_OP_SPREAD_MS. detail: why, for people. */
MSE_MUST_USE mse_status mse_op_instance_release(struct mse_op_store *s, const char *name,
                                                uint64_t epoch, const char *app_id, uint32_t number,
                                                const char *detail, struct mse_error *err);
struct mse_op_place {
    uint32_t number;
    char node[MSE_OP_NAME_LEN]; /* "": none */
    char state[16];             /* waiting, starting, running, unreachable, ended */
    char detail[MSE_OP_TEXT_LEN];
};
typedef mse_status mse_op_place_fn(void *arg, const struct mse_op_place *p);
/* All instances of an app, by number. */
MSE_MUST_USE mse_status mse_op_app_places(struct mse_op_store *s, const char *app_id,
                                          mse_op_place_fn *each, void *arg, struct mse_error *err);
/* As mse_op_app_move, by the node. */
MSE_MUST_USE mse_status mse_op_node_move(struct mse_op_store *s, const char *name, uint64_t epoch,
                                         const char *app_id, enum mse_op_app_status to,
                                         const char *detail, struct mse_error *err);

/* mse_op_app_stop stops an app without a node at once, and has the node stop it otherwise
 * (stop_wanted). owner_id NULL: anybody's. MSE_ERR_NOT_FOUND; MSE_ERR_CONFIG: it has ended. */
MSE_MUST_USE mse_status mse_op_app_stop(struct mse_op_store *s, const struct mse_op_by *by,
                                        const char *owner_id, const char *id,
                                        struct mse_error *err);
/* mse_op_app_remove removes an app that has ended, with its logs, metrics and package.
 * MSE_ERR_NOT_FOUND; MSE_ERR_CONFIG: it lives. */
MSE_MUST_USE mse_status mse_op_app_remove(struct mse_op_store *s, const struct mse_op_by *by,
                                          const char *owner_id, const char *id,
                                          struct mse_error *err);
/* mse_op_reap looks at nodes whose lease is over: apps that were placed there and have no instance
 * yet may be placed anew at once; MSE_OP_GONE_MS after that was seen first the node is given up,
 * and what is placed on it is on_error, but for instances that follow a leader elsewhere: they have
 * ended without it by then, and may be placed anew. Apps without a node that have expired are
 * stopped. Any API calls it each second; it costs one read when there is nothing to do. */
MSE_MUST_USE mse_status mse_op_reap(struct mse_op_store *s, struct mse_error *err);

/* ---- routes: what gateways do with a name */

struct mse_op_route {
    char server_name[MSE_OP_DOMAIN_LEN];
    uint32_t number;                 /* of the instance: several may have one name */
    bool config;                     /* the configuration name: always passed through */
    char address[MSE_OP_DOMAIN_LEN]; /* of the node */
    uint16_t port;
    enum mse_op_mode mode;
    char app_id[MSE_OP_ID_LEN];
    bool proxy_protocol;
    uint8_t spki_sha256[32]; /* of the enclave's TLS key, as its node saw it */
};
typedef mse_status mse_op_route_fn(void *arg, const struct mse_op_route *r);
/* mse_op_routes hands out the routes of apps that are initializing (configuration name) or running
 * (both names) on nodes with a lease, whose key the node has seen since it was started there, and
 * what mse_op_routes_version says at that moment. Of several instances each has a route of the
 * public name, and the leader that of the configuration name. */
MSE_MUST_USE mse_status mse_op_routes(struct mse_op_store *s, uint64_t *version,
                                      mse_op_route_fn *each, void *arg, struct mse_error *err);
/* A number that is another one whenever the routes may be others, also because a lease ended. */
MSE_MUST_USE mse_status mse_op_routes_version(struct mse_op_store *s, uint64_t *version,
                                              struct mse_error *err);

/* ---- logs: what an enclave says, in order, the last of it */

#define MSE_OP_LOG_MAX     ((size_t)64 * 1024)          /* in one call */
#define MSE_OP_LOG_RING    ((uint64_t)16 * 1024 * 1024) /* bytes of one app */
#define MSE_OP_LOG_KEEP_MS ((int64_t)4 * 24 * 3600 * 1000)
/* mse_op_log_append adds bytes, which begin and, where lines are not too long, end with whole
 * lines. The oldest go when the ring is full. MSE_ERR_ARGUMENT, MSE_ERR_NOT_FOUND (no such app). */
MSE_MUST_USE mse_status mse_op_log_append(struct mse_op_store *s, const char *app_id, int64_t at_ms,
                                          struct mse_bytes bytes, struct mse_error *err);
struct mse_op_log {
    uint64_t seq; /* grows by 1, from 1 */
    int64_t at_ms;
    struct mse_bytes bytes; /* until each returns */
};
typedef mse_status mse_op_log_fn(void *arg, const struct mse_op_log *l);
/* mse_op_log_read hands out at most max, oldest first, of those behind after_seq. */
MSE_MUST_USE mse_status mse_op_log_read(struct mse_op_store *s, const char *app_id,
                                        uint64_t after_seq, uint64_t max, mse_op_log_fn *each,
                                        void *arg, struct mse_error *err);
/* The last of it: at most max, oldest first. */
MSE_MUST_USE mse_status mse_op_log_tail(struct mse_op_store *s, const char *app_id, uint32_t max,
                                        mse_op_log_fn *each, void *arg, struct mse_error *err);
/* Removes those from before older_than_ms. */
MSE_MUST_USE mse_status mse_op_log_sweep(struct mse_op_store *s, int64_t older_than_ms,
                                         struct mse_error *err);

/* ---- metrics */

#define MSE_OP_METRIC_KEEP_MS ((int64_t)24 * 3600 * 1000)
#define MSE_OP_MAX_METRICS    16
/* Whole numbers: times in microseconds, memory and files in bytes, throughput in bytes per second,
 * cpu_usage in thousandths of a core. */
struct mse_op_metric {
    const char *name; /* [a-z0-9_], until each returns */
    int64_t value;
    int64_t at_ms;      /* mse_op_metric_get */
    const char *source; /* likewise: who measured; as a user's name */
};
/* mse_op_metric_put stores num (at most MSE_OP_MAX_METRICS) values; a second one of the same moment
 * takes the place of the first. MSE_ERR_ARGUMENT, MSE_ERR_NOT_FOUND (no such app). */
MSE_MUST_USE mse_status mse_op_metric_put(struct mse_op_store *s, const char *app_id,
                                          const char *source, int64_t at_ms,
                                          const struct mse_op_metric *m, size_t num,
                                          struct mse_error *err);
typedef mse_status mse_op_metric_fn(void *arg, const struct mse_op_metric *m);
/* Those from since_ms on, by name, time, source; of more than so many the newest. */
#define MSE_OP_MAX_READ 20000
MSE_MUST_USE mse_status mse_op_metric_get(struct mse_op_store *s, const char *app_id,
                                          int64_t since_ms, mse_op_metric_fn *each, void *arg,
                                          struct mse_error *err);
/* For plots: one value for each step that has any, at the step's beginning (a multiple of step_ms);
 * by name, time, source. */
struct mse_op_steps {
    int64_t since_ms;
    int64_t step_ms; /* more than 0 */
};
/* The mean of each source in each step. */
MSE_MUST_USE mse_status mse_op_metric_series(struct mse_op_store *s, const char *app_id,
                                             const struct mse_op_steps *steps,
                                             mse_op_metric_fn *each, void *arg,
                                             struct mse_error *err);
/* Bytes of log in each step, as a metric "log_bytes". */
MSE_MUST_USE mse_status mse_op_log_volume(struct mse_op_store *s, const char *app_id,
                                          const struct mse_op_steps *steps, mse_op_metric_fn *each,
                                          void *arg, struct mse_error *err);
/* Removes those from before older_than_ms. */
MSE_MUST_USE mse_status mse_op_metric_sweep(struct mse_op_store *s, int64_t older_than_ms,
                                            struct mse_error *err);

#endif
