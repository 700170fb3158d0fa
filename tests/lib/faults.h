/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the C library that fail once, by order of a test. The functions stand in the program,
 * before libc and before what a sanitizer puts there, so that whatever this process links calls
 * them: our own code, libcrypto, libssl, libuv. Valgrind alone owns malloc: there memory does not
 * fail. */
#ifndef TESTS_LIB_FAULTS_H
#define TESTS_LIB_FAULTS_H

#include <stddef.h>
#include <stdint.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_MEMORY,      /* malloc, calloc, realloc give nothing */
    FAULT_CALL,        /* a system call fails for good: no descriptor, no space, a broken disk */
    FAULT_INTERRUPTED, /* one that waits says EINTR, and would work if it were called again */
    FAULT_SHORT,       /* a transfer moves one byte of many */
};

/* Shared with processes that are forked later: what one of them met. */
struct fault_report {
    size_t calls;  /* that could have failed since fault_arm */
    char name[32]; /* of the one that failed; empty: none yet */
    char file[64]; /* of the library or program that wanted it, also through libc */
    unsigned passed;
};

/* A place: the chain of calls that leads to one, the same in each run of one build. */
struct fault_place {
    uint64_t chain;
    enum fault_kind kind;
    size_t count; /* how often it was come by */
    char name[24];
};

#define FAULT_PLACES 16384
struct fault_list {
    size_t num;                              /* more than FAULT_PLACES: some have no room here */
    struct fault_place places[FAULT_PLACES]; /* as they were met */
};

/* In this process, and those that it forks, the nth call of that kind from now on fails, counted by
 * each for itself; 0: none, but they are counted. report may be NULL. */
void fault_arm(enum fault_kind kind, size_t nth, struct fault_report *report);
/* The same, counting calls from this place only. */
void fault_arm_at(enum fault_kind kind, uint64_t chain, size_t nth, struct fault_report *report);
/* None fails; each place is listed. */
void fault_watch(struct fault_list *list);
void fault_disarm(void);
/* How many pieces of memory are in use, where memory fails. */
long fault_live(void);

#endif
