/* SPDX-License-Identifier: Apache-2.0 */
/* Things in order of their last activity, the oldest first: what has a time limit is found without
 * a search. Embed struct mse_aged as the first member. */
#ifndef NET_AGES_H
#define NET_AGES_H

#include <mse/types.h>

struct mse_aged {
    struct mse_aged *older;
    struct mse_aged *newer;
    uint64_t since; /* of the loop's clock, ms */
};
struct mse_ages {
    struct mse_aged *oldest;
    struct mse_aged *newest;
};
void mse_ages_remove(struct mse_ages *l, struct mse_aged *a);
/* a is in no list. */
void mse_ages_append(struct mse_ages *l, struct mse_aged *a, uint64_t now);
/* The oldest, if it is at least this old; else NULL. */
struct mse_aged *mse_ages_over(const struct mse_ages *l, uint64_t now, uint64_t age_ms);

#endif
