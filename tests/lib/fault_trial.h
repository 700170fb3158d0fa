/* SPDX-License-Identifier: Apache-2.0 */
/* One call of a library, as often as it allocates; each time another allocation fails. */
#ifndef TESTS_LIB_FAULT_TRIAL_H
#define TESTS_LIB_FAULT_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include <mse/status.h>

#define FAULT_UNTOUCHED 0xa5 /* what outputs are filled with before a call */

/* What a call gave. */
struct fault_output {
    struct mse_error err;
    bool touched; /* an output was written, though the call failed */
    bool wrong;   /* anything else that is never to be */
    long keeps;   /* what libcrypto takes for good in each call */
    size_t len;
    unsigned char bytes[1 << 18];
};

/* The output of a call that came to st: to be compared with that of a run without faults. */
void fault_give(struct fault_output *o, mse_status st, const void *p, size_t len);

/* Makes the call. What it allocated is released when it returns. */
typedef mse_status fault_call_fn(void *world, struct fault_output *o);

/* Each allocation fails once; without MSE_FAULTS=all some few of them. Then the call fails and has
 * written nothing, or it comes to what it comes to otherwise, with the same outputs; what fails
 * without a fault never passes, and nothing is lost. Fails the test else. Returns how many failed:
 * none where it allocates nothing, or where memory does not fail. */
size_t fault_try_each(const char *name, fault_call_fn *call, void *world);
/* Whether memory fails here at all: under valgrind it does not. */
bool fault_memory_fails(void);

#endif
