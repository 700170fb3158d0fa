/* SPDX-License-Identifier: Apache-2.0 */
/* See ages.h. */
#include "net/ages.h"

void mse_ages_remove(struct mse_ages *l, struct mse_aged *a)
{
    *(a->older != NULL ? &a->older->newer : &l->oldest) = a->newer;
    *(a->newer != NULL ? &a->newer->older : &l->newest) = a->older;
    a->older = NULL;
    a->newer = NULL;
}

void mse_ages_append(struct mse_ages *l, struct mse_aged *a, uint64_t now)
{
    a->since = now;
    a->older = l->newest;
    a->newer = NULL;
    *(l->newest != NULL ? &l->newest->newer : &l->oldest) = a;
    l->newest = a;
}

struct mse_aged *mse_ages_over(const struct mse_ages *l, uint64_t now, uint64_t age_ms)
{
    return l->oldest != NULL && now - l->oldest->since >= age_ms ? l->oldest : NULL;
}
