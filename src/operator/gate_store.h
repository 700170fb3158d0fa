/* SPDX-License-Identifier: Apache-2.0 */
/* The feeder's talk with the store, in a thread of its own turn: a database that does not answer
 * holds up nothing but that. */
#ifndef OPERATOR_GATE_STORE_H
#define OPERATOR_GATE_STORE_H

#include "operator/fleet.h"
#include "operator/gate_routes.h"
#include "operator/gate_stats.h"

/* One thing to write down. */
struct gate_record {
    char app_id[GATE_APP_LEN];
    struct gate_value values[GATE_NUM_VALUES];
    size_t num;
};
struct gate_store {
    const char *where; /* of the database; borrowed */
    char source[MSE_OP_NAME_LEN];
    struct mse_op_store *store; /* NULL: not open */
    uint64_t version;           /* of the routes that were read last */
    bool any;                   /* some were */
    /* What the next turn has to do, and what came of it. */
    struct gate_record *records;
    size_t num_records;
    mse_status st;
    struct mse_error err;
    bool changed; /* routes are new */
    struct gate_routes routes;
    struct gate_routes sealed; /* in operator mode: with the key that the node says */
};
/* gate_store_turn writes the records down, and reads the routes if they are others. st tells what
 * came of it. */
void gate_store_turn(struct gate_store *g);
void gate_store_clear(struct gate_store *g);

#endif
