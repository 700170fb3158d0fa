/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to one of the enclaves of a name: who refuses, or does not answer in his time, is
 * left for another, each once. */
#ifndef OPERATOR_GATE_WAY_H
#define OPERATOR_GATE_WAY_H

#include <uv.h>

#include "operator/gate_table.h"

#define GATE_WAY_SHARE 4 /* of the time that one of several has */

struct gate_way_config {
    uv_loop_t *loop;
    struct gate_table *table;
    unsigned connect_ms; /* for all of them together */
};
/* fd is connected, and the callee's; r is the enclave's route, until this returns. r NULL: nobody
 * takes it. */
typedef void gate_way_fn(void *user, const struct gate_route *r, int fd);
/* Calls done once, perhaps before it returns. False without memory: then it is not called. */
MSE_MUST_USE bool gate_way_find(const struct gate_way_config *c, const char *name,
                                gate_way_fn *done, void *user);

#endif
