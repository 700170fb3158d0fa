/* SPDX-License-Identifier: Apache-2.0 */
/* usage: act_node DATABASE COMMAND…: does in the store what a node does, for tests of the API.
 *   claim PORT             joins as "acted", takes the oldest app, says where it is; prints its id
 *   run APP                lets it go through its states to running
 *   log APP TEXT           adds a batch of log
 *   metric APP VALUE       adds a figure
 *   move APP STATUS        moves it on
 *   day APP                adds figures of a whole day
 *   plant USER APP DOMAIN CONFIG MANIFEST  makes an app of these names, without an upload
 *   plant_as USER APP DOMAIN CONFIG MANIFEST NAME  likewise, with a name */
#include <stdio.h>
#include <stdlib.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "cmd/files.h"
#include "operator/fleet.h"

#define NODE     "acted"
#define LEASE_MS 600000

struct act {
    struct mse_op_store *s;
    struct mse_error err;
    uint64_t epoch;
    char **args;
};

static mse_status join(struct act *a)
{
    struct mse_op_node n = { .name = NODE,
                             .id = "0e4e8f3a-9b1c-4d2e-8f00-0123456789ac",
                             .address = "127.0.0.1",
                             .tee = "sim",
                             .version = "0",
                             .memory = 1 << 20,
                             .cores = 64,
                             .enclave_memory = 1 << 20 };
    mse_status st = mse_op_node_join(a->s, &n, LEASE_MS, &a->err);
    a->epoch = n.epoch;
    return st;
}

static mse_status at_port(struct act *a, const char *app, const char *port)
{
    uint64_t n = 0;
    struct mse_op_instance i = { .fingerprint = { 1 }, .spki_sha256 = { 2 } };
    if (!mse_u64_parse(&n, mse_bytes_str(port), UINT16_MAX)) {
        return MSE_ERR_ARGUMENT;
    }
    i.port = (uint16_t)n;
    return mse_op_instance_set(a->s, NODE, a->epoch, app, &i, &a->err);
}

static mse_status claim(struct act *a)
{
    struct mse_op_app app = { .id = "" };
    mse_status st = join(a);
    if (st == MSE_OK) {
        st = mse_op_claim(a->s, NODE, a->epoch, &app, &a->err);
    }
    if (st == MSE_OK) {
        st = at_port(a, app.id, a->args[0]);
    }
    if (st == MSE_OK) {
        (void)puts(app.id);
    }
    return st;
}

static mse_status move_to(struct act *a, const char *app, const char *status)
{
    enum mse_op_app_status to;
    if (!mse_op_status_parse(&to, mse_bytes_str(status))) {
        return MSE_ERR_ARGUMENT;
    }
    return mse_op_node_move(a->s, NODE, a->epoch, app, to, "", &a->err);
}

static mse_status run(struct act *a)
{
    mse_status st = join(a);
    if (st == MSE_OK) {
        st = move_to(a, a->args[0], "initializing");
    }
    return st == MSE_OK ? move_to(a, a->args[0], "running") : st;
}

static mse_status move(struct act *a)
{
    mse_status st = join(a);
    return st == MSE_OK ? move_to(a, a->args[0], a->args[1]) : st;
}

static mse_status add_log(struct act *a)
{
    int64_t now = 0;
    mse_status st = mse_op_clock_ms(a->s, &now, &a->err);
    return st == MSE_OK
               ? mse_op_log_append(a->s, a->args[0], now, mse_bytes_str(a->args[1]), &a->err)
               : st;
}

static mse_status add_metric(struct act *a)
{
    int64_t now = 0;
    uint64_t value = 0;
    mse_status st = mse_op_clock_ms(a->s, &now, &a->err);
    if (st != MSE_OK || !mse_u64_parse(&value, mse_bytes_str(a->args[1]), INT64_MAX)) {
        return st == MSE_OK ? MSE_ERR_ARGUMENT : st;
    }
    const struct mse_op_metric m = { .name = "cpu_usage", .value = (int64_t)value };
    return mse_op_metric_put(a->s, a->args[0], NODE, now, &m, 1, &a->err);
}

/* A day of 240 steps, with a gap. */
static mse_status add_day(struct act *a)
{
    int64_t now = 0;
    mse_status st = mse_op_clock_ms(a->s, &now, &a->err);
    for (int64_t i = 0; st == MSE_OK && i < 240; i++) {
        int64_t wave = i % 48 < 24 ? i % 24 : 24 - i % 24;
        const struct mse_op_metric m[] = {
            { .name = "cpu_usage", .value = 40 + 20 * wave },
            { .name = "memory_usage", .value = 40000000 + 200000 * i },
            { .name = "fs_usage", .value = 9000000 },
            { .name = "amount_of_connection", .value = wave },
            { .name = "throughput_in", .value = 900 * wave },
            { .name = "throughput_out", .value = 3000 * wave },
            { .name = "average_connect_time", .value = 90 + wave },
            { .name = "connect_time_p50", .value = 80 + wave },
            { .name = "connect_time_p99", .value = 200 + 9 * wave },
            { .name = "average_response_time", .value = 1500 + 90 * wave },
            { .name = "response_time_p50", .value = 1200 + 60 * wave },
            { .name = "response_time_p99", .value = 5000 + 400 * wave },
        };
        int64_t at = now - (239 - i) * 360000;
        st = i > 100 && i < 120
                 ? MSE_OK
                 : mse_op_metric_put(a->s, a->args[0], NODE, at, m, MSE_ARRAY_LEN(m), &a->err);
    }
    return st;
}

static mse_status take_project(void *arg, const struct mse_op_project *p)
{
    memcpy(arg, p->id, sizeof p->id);
    return MSE_OK;
}

static mse_status plant(struct act *a)
{
    struct cli_file manifest = { 0 };
    struct mse_op_user user = { .id = "" };
    struct mse_op_reservation r = { .mode = MSE_OP_SELF };
    const char *name = a->args[5] != NULL ? a->args[5] : "planted";
    const struct mse_op_by by = { .actor = "msed:test", .now = (mse_time)time(NULL) };
    mse_status st = mse_op_user_get(a->s, &user, a->args[0], &a->err);
    if (st == MSE_OK) {
        st = cli_file_read(&manifest, a->args[4], MSE_OP_MAX_MANIFEST, &a->err);
    }
    if (st == MSE_OK) {
        st = mse_op_project_list(a->s, user.id, "default", take_project, r.project_id, &a->err);
    }
    memcpy(r.owner_id, user.id, sizeof r.owner_id);
    (void)snprintf(r.name, sizeof r.name, "%s", name);
    (void)snprintf(r.app_id, sizeof r.app_id, "%s", a->args[1]);
    r.expires_at = by.now + 3600;
    if (st == MSE_OK) {
        st = mse_op_reserve(a->s, &by, &r, &a->err);
    }
    struct mse_op_app app = { .mode = MSE_OP_SELF,
                              .hardware = "sim-1",
                              .healthcheck_endpoint = "/",
                              .expires_at = by.now + 3600 };
    memcpy(app.id, r.app_id, sizeof app.id);
    memcpy(app.name, r.name, sizeof app.name);
    memcpy(app.owner_id, r.owner_id, sizeof app.owner_id);
    memcpy(app.project_id, r.project_id, sizeof app.project_id);
    (void)snprintf(app.domain_name, sizeof app.domain_name, "%s", a->args[2]);
    (void)snprintf(app.config_domain_name, sizeof app.config_domain_name, "%s", a->args[3]);
    if (st == MSE_OK) {
        st = mse_op_app_create(a->s, &by, &app, cli_file_view(&manifest), &a->err);
    }
    cli_file_clear(&manifest);
    return st;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int args;
        mse_status (*run)(struct act *a);
    } list[] = {
        { "claim", 1, claim },       { "run", 1, run },        { "log", 2, add_log },
        { "metric", 2, add_metric }, { "move", 2, move },      { "plant", 5, plant },
        { "day", 1, add_day },       { "plant_as", 6, plant },
    };
    struct act a = { .s = NULL };
    mse_status st = MSE_ERR_ARGUMENT;
    for (size_t i = 0; argc > 2 && i < MSE_ARRAY_LEN(list); i++) {
        if (strcmp(argv[2], list[i].name) == 0 && argc == 3 + list[i].args) {
            a.args = argv + 3;
            st = mse_op_store_open(&a.s, argv[1], false, &a.err);
            st = st == MSE_OK ? list[i].run(&a) : st;
        }
    }
    mse_op_store_close(a.s);
    if (st != MSE_OK) {
        (void)fprintf(stderr, "act_node: %s: %s\n", mse_status_name(st), a.err.text);
    }
    return st == MSE_OK ? 0 : 1;
}
