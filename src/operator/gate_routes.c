/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_routes.h. */
#include "operator/gate_routes.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

bool gate_routes_add(struct gate_routes *r, const struct gate_route *item)
{
    if (r->num == r->cap) {
        size_t cap = r->cap == 0 ? 64 : r->cap * 2;
        struct gate_route *items =
            cap > GATE_MAX_ROUTES ? NULL : realloc(r->items, cap * sizeof *items);
        if (items == NULL) {
            return false;
        }
        r->items = items;
        r->cap = cap;
    }
    r->items[r->num++] = *item;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct gate_route *x = a;
    const struct gate_route *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (int)x->number - (int)y->number;
}

void gate_routes_sort(struct gate_routes *r)
{
    size_t kept = 0;
    if (r->num > 1) {
        qsort(r->items, r->num, sizeof *r->items, by_name);
    }
    for (size_t i = 0; i < r->num; i++) {
        if (kept == 0 || by_name(&r->items[i], &r->items[kept - 1]) != 0) {
            r->items[kept++] = r->items[i];
        }
    }
    r->num = kept;
}

void gate_routes_clear(struct gate_routes *r)
{
    free(r->items);
    *r = (struct gate_routes) { NULL, 0, 0 };
}

static int by_id(const void *a, const void *b)
{
    return strcmp(a, b);
}

bool gate_ids_take(struct gate_ids *ids, const struct gate_routes *r)
{
    char(*all)[GATE_APP_LEN] = calloc(r->num + 1, sizeof *all);
    if (all == NULL) {
        return false;
    }
    for (size_t i = 0; i < r->num; i++) {
        memcpy(all[i], r->items[i].app_id, sizeof all[i]);
    }
    if (r->num > 1) {
        qsort(all, r->num, sizeof *all, by_id);
    }
    free(ids->ids);
    ids->ids = all;
    ids->num = r->num;
    return true;
}

bool gate_ids_has(const struct gate_ids *ids, const char *app_id)
{
    return ids->num > 0 && bsearch(app_id, ids->ids, ids->num, sizeof *ids->ids, by_id) != NULL;
}

void gate_ids_clear(struct gate_ids *ids)
{
    free(ids->ids);
    *ids = (struct gate_ids) { NULL, 0 };
}

static bool same_address(const union mse_net_address *a, const union mse_net_address *b)
{
    if (a->any.sa_family != b->any.sa_family) {
        return false;
    }
    if (a->any.sa_family == AF_INET6) {
        return a->v6.sin6_port == b->v6.sin6_port &&
               mse_mem_equal(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr);
    }
    return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

bool gate_route_same(const struct gate_route *a, const struct gate_route *b)
{
    return strcmp(a->app_id, b->app_id) == 0 && a->proxy_protocol == b->proxy_protocol &&
           same_address(&a->address, &b->address) &&
           mse_mem_equal(a->spki_sha256, b->spki_sha256, sizeof a->spki_sha256);
}

void gate_routes_diff(struct mse_build *out, const struct gate_routes *from,
                      const struct gate_routes *to)
{
    size_t i = 0;
    size_t k = 0;
    while (i < from->num || k < to->num) {
        int order = i == from->num ? 1
                    : k == to->num ? -1
                                   : by_name(&from->items[i], &to->items[k]);
        if (order < 0) {
            gate_wr_remove(out, from->items[i].name, from->items[i].number);
        } else if (order > 0 || !gate_route_same(&from->items[i], &to->items[k])) {
            gate_wr_set(out, &to->items[k]);
        }
        i += order <= 0 ? 1 : 0;
        k += order >= 0 ? 1 : 0;
    }
}
