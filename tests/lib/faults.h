/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the C library that fail once, by order of a test. The library stands before libc, so
 * that whatever this process links calls it: our own code, libcrypto, libssl, libuv. Where a
 * sanitizer or valgrind owns malloc, memory does not fail. */
#ifndef TESTS_LIB_FAULTS_H
#define TESTS_LIB_FAULTS_H

#include <stddef.h>

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
    char file[64]; /* of the library or program that had called it */
};

/* In this process, and those that it forks, the nth call of that kind from now on fails, counted by
 * each for itself; 0: none, but they are counted. report may be NULL. */
void fault_arm(enum fault_kind kind, size_t nth, struct fault_report *report);
void fault_disarm(void);

#endif
