/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's routes: from server names to addresses, and the apps that connections are counted
 * for. */
#ifndef OPERATOR_GATE_TABLE_H
#define OPERATOR_GATE_TABLE_H

#include "net/pass.h"
#include "operator/gate_wire.h"

struct gate_table;
struct gate_table *gate_table_new(void);    /* NULL without memory */
void gate_table_free(struct gate_table *t); /* accepts NULL */
/* False without memory. */
MSE_MUST_USE bool gate_table_set(struct gate_table *t, const struct gate_route *r);
void gate_table_remove(struct gate_table *t, const char *name, uint8_t number);
/* The route of a name, borrowed; NULL: there is none. Of several each has its turn; those whose
 * number is a bit of tried have had it. *others: there is one more. */
const struct gate_route *gate_table_find(struct gate_table *t, const char *name, uint64_t tried,
                                         bool *others);
/* The same as mse_pass_config wants it; user is the table. */
bool gate_table_route(void *user, const char *name, uint64_t tried, struct mse_pass_to *out);
/* Appends a frame for each app that has connections or had some since the last call, and forgets
 * the apps that have neither routes nor connections. */
void gate_table_counts(struct gate_table *t, struct mse_build *out);

#endif
