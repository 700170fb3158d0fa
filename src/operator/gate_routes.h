/* SPDX-License-Identifier: Apache-2.0 */
/* The routes that the feeder knows, in order of their names and numbers, and what two states of
 * them differ in. */
#ifndef OPERATOR_GATE_ROUTES_H
#define OPERATOR_GATE_ROUTES_H

#include "operator/gate_wire.h"

#define GATE_MAX_ROUTES ((size_t)1 << 18)

/* Whether two routes are the same but for their names and numbers. */
bool gate_route_same(const struct gate_route *a, const struct gate_route *b);

struct gate_routes {
    struct gate_route *items;
    size_t num;
    size_t cap;
};
/* False without memory, or if there are GATE_MAX_ROUTES. */
MSE_MUST_USE bool gate_routes_add(struct gate_routes *r, const struct gate_route *item);
/* Puts them in order. Of several with one name and number one stays. */
void gate_routes_sort(struct gate_routes *r);
/* The apps that a list leads to, to be asked for. */
struct gate_ids {
    char (*ids)[GATE_APP_LEN];
    size_t num;
};
/* In the place of what is there; false without memory, and nothing has changed. */
MSE_MUST_USE bool gate_ids_take(struct gate_ids *ids, const struct gate_routes *r);
bool gate_ids_has(const struct gate_ids *ids, const char *app_id);
void gate_ids_clear(struct gate_ids *ids);
void gate_routes_clear(struct gate_routes *r);
/* Appends the frames that lead from one state to the other, both in order. */
void gate_routes_diff(struct mse_build *out, const struct gate_routes *from,
                      const struct gate_routes *to);

#endif
