/* SPDX-License-Identifier: Apache-2.0 */
/* Every place of a run fails once, in a run of its own; runs are processes, several at a time. */
#ifndef TESTS_LIB_FAULT_SWEEP_H
#define TESTS_LIB_FAULT_SWEEP_H

#include <stdbool.h>

#include "lib/faults.h"

/* One run of a sweep. */
struct fault_run {
    enum fault_kind kind;
    uint64_t chain; /* 0: any place */
    size_t nth;     /* 0: none fails */
    struct fault_report *report;
    struct fault_list *list; /* not NULL: places are to be listed, and none fails */
};

enum fault_end {
    FAULT_CLEAN,
    FAULT_DIRTY,
    FAULT_ENDED, /* a library of others ended the process, as it is known to do */
};

struct fault_sweep;
/* Shared with processes that are forked later. */
struct fault_sweep *fault_sweep_new(void);
void fault_sweep_free(struct fault_sweep *s);
/* For the run that lists the places. */
struct fault_run fault_sweep_first(struct fault_sweep *s);
/* How many there are; 0: too many to list. */
size_t fault_sweep_places(const struct fault_sweep *s);

/* To be called where faults are to begin; r as above. */
void fault_run_arm(const struct fault_run *r);
/* KIND:PLACE:N, for those who want to see one run again. */
void fault_run_read(struct fault_run *r, bool *given);
/* Says on stdout which run it was, and how it went. */
void fault_run_print(const struct fault_run *r, const char *how);

/* A run, in a process of its own for all that it leaves behind. */
typedef enum fault_end fault_try_fn(void *arg, struct fault_run *r);
struct fault_totals {
    size_t places; /* of that kind */
    size_t met;    /* runs in which the call failed */
    size_t dirty;
    size_t ended;
};
/* The call that a place makes first fails in one run, the fourth, the sixteenth and so on in
 * others; without MSE_FAULTS=all the first one of some few places. */
struct fault_totals fault_sweep_kind(struct fault_sweep *s, enum fault_kind kind, size_t few,
                                     fault_try_fn *try, void *arg);

#endif
