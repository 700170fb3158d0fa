/* SPDX-License-Identifier: Apache-2.0 */
/* What the two parts of the feed know of each other: gate_feed.c has the loop, the store and
 * operator mode, gate_crew.c the workers' processes and what is said to them. */
#ifndef OPERATOR_GATE_FEED_INNER_H
#define OPERATOR_GATE_FEED_INNER_H

#include <sys/types.h>

#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "net/leftover.h"
#include "operator/gate_checks.h"
#include "operator/gate_feed.h"
#include "operator/gate_files.h"
#include "operator/gate_worker.h"

#define GATE_WHO        "gateway"
#define GATE_INPUT_LEN  ((size_t)16384)
#define GATE_OUTPUT_MAX ((size_t)128 * 1024 * 1024) /* all routes */

struct feed;
struct worker {
    struct feed *feed;
    size_t index;
    pid_t pid; /* 0: does not run */
    int fd;    /* to it; -1: none */
    uv_poll_t poll;
    uv_timer_t again;
    int events;
    struct mse_leftover out;
    uint64_t begun;
    unsigned backoff_ms;
    size_t have;
    uint8_t in[GATE_INPUT_LEN];
};

/* One enclave that is looked at. */
struct trial {
    const struct gate_judge *judge;
    struct gate_route route;
    uint8_t pin[32];
    mse_status st;
    struct mse_error err;
};

struct feed {
    const struct gate_feed_config *cfg;
    uv_loop_t loop;
    uv_signal_t signals[3];
    uv_timer_t turn;
    uv_timer_t patience;
    uv_work_t job;
    bool busy; /* the job runs, and owns store */
    uv_work_t judging;
    bool judges; /* that job runs, and owns trial */
    struct trial trial;
    bool started; /* workers were */
    bool stopping;
    bool lost; /* the database did not answer the last time */
    struct gate_store store;
    struct gate_routes plain;  /* what the store has but for operator mode */
    struct gate_checks checks; /* and that */
    struct gate_routes routes; /* what the workers know */
    struct gate_routes sealed; /* what the one that ends TLS knows */
    struct gate_files files;   /* of its certificate */
    size_t num_workers;        /* with that one, which is the last */
    struct gate_ids ids;       /* whom those lead to */
    struct gate_stats stats;
    uint64_t recorded; /* when stats began */
    uid_t uid;
    int uid_lock;
    struct worker *workers;
    mse_status st;
    struct mse_error *err;
};

/* gate_crew.c */
/* Starts a worker's process, now or, if that fails, in a while, and tells it all that it needs. */
void gate_crew_start(struct worker *w);
/* Sends frames, after those that wait still. A worker that does not listen is ended. */
void gate_crew_send(struct worker *w, const struct mse_build *frames);
void gate_crew_kill(const struct worker *w);
/* Its process has ended and was waited for: another one is started, unless the feed stops. */
void gate_crew_ended(struct worker *w, int status);

#endif
