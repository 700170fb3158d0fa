/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers counted, by app, between two times that it is written down. */
#ifndef OPERATOR_GATE_STATS_H
#define OPERATOR_GATE_STATS_H

#include "operator/gate_wire.h"

#define GATE_MAX_WORKERS 16

struct gate_stat {
    struct gate_stat *next;
    char app_id[GATE_APP_LEN];
    uint32_t open[GATE_MAX_WORKERS]; /* now */
    struct gate_counts sum;          /* since the last time */
    bool fresh;                      /* something was counted */
};
struct gate_stats {
    struct gate_stat *apps;
    size_t num;
};
/* Adds what a worker said. False without memory, or for more apps than there can be routes. */
MSE_MUST_USE bool gate_stats_has(const struct gate_stats *s, const char *app_id);
bool gate_stats_add(struct gate_stats *s, size_t worker, const struct gate_counts *c);
/* The worker ended, and its connections with it. */
void gate_stats_worker_ended(struct gate_stats *s, size_t worker);
uint64_t gate_stat_open(const struct gate_stat *a);
/* Begins a new time: what was counted is forgotten, and apps without connections are. */
void gate_stats_reset(struct gate_stats *s);
void gate_stats_clear(struct gate_stats *s);

/* The values that are written down, of what was counted in elapsed_ms. */
#define GATE_NUM_VALUES 9
struct gate_value {
    const char *name;
    int64_t value;
};
/* Returns how many there are: times only where something was timed. */
size_t gate_stat_values(struct gate_value out[GATE_NUM_VALUES], const struct gate_stat *a,
                        uint64_t elapsed_ms);

#endif
