/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_checks.h. */
#include "operator/gate_checks.h"

#include <stdlib.h>
#include <string.h>

static struct gate_check *find(const struct gate_checks *c, const struct gate_route *r)
{
    for (size_t i = 0; i < c->num; i++) {
        if (c->items[i].route.number == r->number && strcmp(c->items[i].route.name, r->name) == 0 &&
            gate_route_same(&c->items[i].route, r)) {
            return &c->items[i];
        }
    }
    return NULL;
}

bool gate_checks_take(struct gate_checks *c, const struct gate_routes *wanted)
{
    struct gate_check *items = calloc(wanted->num + 1, sizeof *items);
    if (items == NULL) {
        return false;
    }
    for (size_t i = 0; i < wanted->num; i++) {
        const struct gate_check *known = find(c, &wanted->items[i]);
        if (known != NULL) {
            items[i] = *known;
        } else {
            items[i].route = wanted->items[i];
        }
    }
    free(c->items);
    c->items = items;
    c->num = wanted->num;
    return true;
}

struct gate_check *gate_checks_due(const struct gate_checks *c, uint64_t now_ms)
{
    struct gate_check *due = NULL;
    for (size_t i = 0; i < c->num; i++) {
        struct gate_check *k = &c->items[i];
        if (k->next_ms <= now_ms && (due == NULL || k->next_ms < due->next_ms)) {
            due = k;
        }
    }
    return due;
}

bool gate_checks_put(struct gate_checks *c, const struct gate_route *route, const uint8_t *pin,
                     uint64_t now_ms, bool *first)
{
    struct gate_check *k = find(c, route);
    if (k == NULL) {
        return false;
    }
    bool good = pin != NULL;
    *first = k->next_ms == 0 || k->good != good;
    k->good = good;
    k->next_ms = now_ms + (good ? GATE_CHECK_OLD_MS : GATE_CHECK_AGAIN_MS);
    memset(k->pin, 0, sizeof k->pin);
    if (good) {
        memcpy(k->pin, pin, sizeof k->pin);
    }
    return true;
}

void gate_checks_clear(struct gate_checks *c)
{
    free(c->items);
    *c = (struct gate_checks) { NULL, 0 };
}

bool gate_checks_routes(const struct gate_checks *c, struct gate_routes *sealed,
                        struct gate_routes *passed, const union mse_net_address *ends_tls)
{
    bool good = true;
    for (size_t i = 0; good && i < c->num; i++) {
        struct gate_route r = c->items[i].route;
        if (c->items[i].good) {
            memcpy(r.spki_sha256, c->items[i].pin, sizeof r.spki_sha256);
            good = gate_routes_add(sealed, &r);
            memset(r.spki_sha256, 0, sizeof r.spki_sha256);
            r.address = *ends_tls;
            r.number = 0;            /* which of them, that worker chooses */
            r.proxy_protocol = true; /* it wants to know who it is */
            good = good && gate_routes_add(passed, &r);
        }
    }
    return good;
}
