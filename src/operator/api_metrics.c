/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of this process, and of the fleet, in the text format of Prometheus. */
#include "base/bytes.h"
#include "operator/api.h"

static void write_requests(struct mse_build *b, struct api *a)
{
    static const char *const classes[] = { "none", "1xx", "2xx", "3xx", "4xx", "5xx" };
    mse_wr_str(b, "# HELP msed_api_requests_total Requests, by route and what was answered.\n"
                  "# TYPE msed_api_requests_total counter\n");
    for (size_t i = 0; i <= api_num_routes; i++) {
        bool known = i < api_num_routes;
        for (size_t k = 0; k < 6; k++) {
            unsigned long long n = atomic_load(&a->counts.answers[i][k]);
            if (n > 0) {
                mse_wr_printf(b,
                              "msed_api_requests_total{method=\"%s\",route=\"%s\",code=\"%s\"} "
                              "%llu\n",
                              known ? api_routes[i].method : "", known ? api_routes[i].path : "",
                              classes[k], n);
            }
        }
    }
    mse_wr_str(b, "# HELP msed_api_request_seconds_total Time that requests took.\n"
                  "# TYPE msed_api_request_seconds_total counter\n");
    for (size_t i = 0; i < api_num_routes; i++) {
        unsigned long long us = atomic_load(&a->counts.us[i]);
        if (us > 0) {
            mse_wr_printf(b,
                          "msed_api_request_seconds_total{method=\"%s\",route=\"%s\"} "
                          "%llu.%06llu\n",
                          api_routes[i].method, api_routes[i].path, us / 1000000, us % 1000000);
        }
    }
}

static void write_gauge(struct mse_build *b, const char *name, const char *help, unsigned value)
{
    mse_wr_printf(b, "# HELP %s %s\n# TYPE %s gauge\n%s %u\n", name, help, name, name, value);
}

struct fleet {
    int64_t now_ms;
    unsigned living;
    unsigned gone;
    unsigned apps[MSE_OP_NUM_STATUS];
};

static mse_status count_node(void *arg, const struct mse_op_node *n)
{
    struct fleet *f = arg;
    *(n->lease_until_ms > f->now_ms ? &f->living : &f->gone) += 1;
    return MSE_OK;
}

static mse_status count_app(void *arg, const struct mse_op_app *a)
{
    struct fleet *f = arg;
    f->apps[a->status]++;
    return MSE_OK;
}

static mse_status count_fleet(struct fleet *f, struct mse_op_store *s, struct mse_error *err)
{
    const struct mse_op_app_filter alive = {
        .statuses = 1U << MSE_OP_SPAWNING | 1U << MSE_OP_INITIALIZING | 1U << MSE_OP_RUNNING,
        .limit = INT32_MAX,
    };
    mse_status st = mse_op_clock_ms(s, &f->now_ms, err);
    if (st == MSE_OK) {
        st = mse_op_node_list(s, count_node, f, err);
    }
    return st == MSE_OK ? mse_op_app_list(s, &alive, count_app, f, err) : st;
}

static void write_fleet(struct mse_build *b, const struct fleet *f)
{
    mse_wr_printf(b,
                  "# HELP msed_nodes Nodes of the fleet, by whether they hold a lease.\n"
                  "# TYPE msed_nodes gauge\n"
                  "msed_nodes{state=\"living\"} %u\nmsed_nodes{state=\"gone\"} %u\n"
                  "# HELP msed_apps Apps that live, by status.\n# TYPE msed_apps gauge\n",
                  f->living, f->gone);
    for (unsigned i = 0; i <= MSE_OP_RUNNING; i++) {
        mse_wr_printf(b, "msed_apps{status=\"%s\"} %u\n",
                      mse_op_status_name((enum mse_op_app_status)i), f->apps[i]);
    }
}

struct mse_reply *api_metrics(struct api_call *c)
{
    struct fleet f = { .living = 0 };
    struct mse_error err = { 0 };
    struct api *a = c->api;
    mse_status st = count_fleet(&f, c->store, &err);
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    struct mse_reply *r = mse_reply_new(HTTP_OK);
    if (r == NULL) {
        return NULL;
    }
    write_requests(&r->body, a);
    write_gauge(&r->body, "msed_api_uploads", "Uploads under way.",
                atomic_load(&a->counts.uploads));
    write_gauge(&r->body, "msed_api_followers", "Streams of logs.",
                atomic_load(&a->counts.followers));
    write_fleet(&r->body, &f);
    return mse_reply_finish(r, mse_reply_add(r, "Content-Type", "text/plain; version=0.0.4") &&
                                   mse_reply_add(r, "Cache-Control", "no-store"));
}
