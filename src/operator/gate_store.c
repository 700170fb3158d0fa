/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_store.h. */
#include "operator/gate_store.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/log.h"
#include "ratls/resolve.h"

#define WHO "gateway"

static bool set_address(union mse_net_address *out, const struct mse_op_route *r)
{
    struct mse_addresses found = { .num = 0 };
    if (mse_resolve(&found, r->address, r->port, NULL) != MSE_OK || found.num == 0 ||
        found.list[0].len > sizeof *out) {
        return false;
    }
    memset(out, 0, sizeof *out);
    memcpy(out, &found.list[0].addr, found.list[0].len);
    return true;
}

/* A route that leads nowhere is left out; the others are not to suffer. */
static mse_status take_route(void *arg, const struct mse_op_route *r)
{
    struct gate_store *g = arg;
    struct gate_route item = { .number = (uint8_t)r->number, .proxy_protocol = r->proxy_protocol };
    bool sealed = r->mode == MSE_OP_OPERATOR && !r->config;
    if (r->number >= GATE_INSTANCES) {
        mse_log(MSE_LOG_WARN, WHO, "%s has no instance %u", r->server_name, r->number);
        return MSE_OK;
    }
    if (!set_address(&item.address, r)) {
        mse_log(MSE_LOG_WARN, WHO, "the node of %s has no address: %s", r->server_name, r->address);
        return MSE_OK;
    }
    (void)snprintf(item.name, sizeof item.name, "%s", r->server_name);
    (void)snprintf(item.app_id, sizeof item.app_id, "%s", r->app_id);
    if (sealed) {
        memcpy(item.spki_sha256, r->spki_sha256, sizeof item.spki_sha256);
    }
    return gate_routes_add(sealed ? &g->sealed : &g->routes, &item) ? MSE_OK : MSE_ERR_MEMORY;
}

static mse_status read_routes(struct gate_store *g, struct mse_error *err)
{
    uint64_t version = 0;
    mse_status st = mse_op_routes_version(g->store, &version, err);
    if (st != MSE_OK || (g->any && version == g->version)) {
        return st;
    }
    gate_routes_clear(&g->routes);
    gate_routes_clear(&g->sealed);
    st = mse_op_routes(g->store, &version, take_route, g, err);
    if (st == MSE_OK) {
        gate_routes_sort(&g->routes);
        gate_routes_sort(&g->sealed);
        g->version = version;
        g->any = true;
        g->changed = true;
    }
    return st;
}

static mse_status write_one(struct gate_store *g, const struct gate_record *r, int64_t now,
                            struct mse_error *err)
{
    struct mse_op_metric m[GATE_NUM_VALUES];
    for (size_t i = 0; i < r->num; i++) {
        m[i] = (struct mse_op_metric) { .name = r->values[i].name, .value = r->values[i].value };
    }
    mse_status st = mse_op_metric_put(g->store, r->app_id, g->source, now, m, r->num, err);
    return st == MSE_ERR_NOT_FOUND ? MSE_OK : st; /* the app was removed meanwhile */
}

static mse_status write_records(struct gate_store *g, struct mse_error *err)
{
    int64_t now = 0;
    mse_status st = g->num_records == 0 ? MSE_OK : mse_op_clock_ms(g->store, &now, err);
    for (size_t i = 0; st == MSE_OK && i < g->num_records; i++) {
        st = write_one(g, &g->records[i], now, err);
    }
    return st;
}

void gate_store_turn(struct gate_store *g)
{
    g->changed = false;
    g->err = (struct mse_error) { 0 };
    g->st = g->store != NULL ? MSE_OK : mse_op_store_open(&g->store, g->where, false, &g->err);
    if (g->st == MSE_OK) {
        g->st = read_routes(g, &g->err);
    }
    if (g->st == MSE_OK) {
        g->st = write_records(g, &g->err);
    }
}

void gate_store_clear(struct gate_store *g)
{
    mse_op_store_close(g->store);
    g->store = NULL;
    free(g->records);
    g->records = NULL;
    gate_routes_clear(&g->routes);
    gate_routes_clear(&g->sealed);
}
