/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_stats.h. */
#include "operator/gate_stats.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "operator/gate_routes.h"

static struct gate_stat *stat_of(struct gate_stats *s, const char *app_id)
{
    struct gate_stat *a = s->apps;
    while (a != NULL && strcmp(a->app_id, app_id) != 0) {
        a = a->next;
    }
    if (a != NULL || s->num >= GATE_MAX_ROUTES) {
        return a;
    }
    a = calloc(1, sizeof *a);
    if (a != NULL) {
        (void)snprintf(a->app_id, sizeof a->app_id, "%s", app_id);
        a->next = s->apps;
        s->apps = a;
        s->num++;
    }
    return a;
}

bool gate_stats_has(const struct gate_stats *s, const char *app_id)
{
    const struct gate_stat *a = s->apps;
    while (a != NULL && strcmp(a->app_id, app_id) != 0) {
        a = a->next;
    }
    return a != NULL;
}

bool gate_stats_add(struct gate_stats *s, size_t worker, const struct gate_counts *c)
{
    MSE_ASSERT(worker < GATE_MAX_WORKERS);
    struct gate_stat *a = stat_of(s, c->app_id);
    if (a == NULL) {
        return false;
    }
    a->fresh = true;
    a->open[worker] = c->open;
    a->sum.accepted += c->accepted;
    a->sum.no_backend += c->no_backend;
    a->sum.bytes_in += c->bytes_in;
    a->sum.bytes_out += c->bytes_out;
    mse_times_merge(&a->sum.connect, &c->connect);
    mse_times_merge(&a->sum.first_byte, &c->first_byte);
    return true;
}

void gate_stats_worker_ended(struct gate_stats *s, size_t worker)
{
    for (struct gate_stat *a = s->apps; a != NULL; a = a->next) {
        a->fresh = a->fresh || a->open[worker] > 0;
        a->open[worker] = 0;
    }
}

uint64_t gate_stat_open(const struct gate_stat *a)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < GATE_MAX_WORKERS; i++) {
        sum += a->open[i];
    }
    return sum;
}

void gate_stats_reset(struct gate_stats *s)
{
    struct gate_stat **at = &s->apps;
    while (*at != NULL) {
        struct gate_stat *a = *at;
        if (gate_stat_open(a) == 0) {
            *at = a->next;
            s->num--;
            free(a);
        } else {
            memset(&a->sum, 0, sizeof a->sum);
            a->fresh = false;
            at = &a->next;
        }
    }
}

void gate_stats_clear(struct gate_stats *s)
{
    while (s->apps != NULL) {
        struct gate_stat *a = s->apps;
        s->apps = a->next;
        free(a);
    }
    s->num = 0;
}

static size_t put(struct gate_value *out, size_t num, const char *name, uint64_t value)
{
    out[num].name = name;
    out[num].value = value > INT64_MAX ? INT64_MAX : (int64_t)value;
    return num + 1;
}

static uint64_t per_second(uint64_t n, uint64_t elapsed_ms)
{
    return n > UINT64_MAX / 1000 || elapsed_ms == 0 ? 0 : n * 1000 / elapsed_ms;
}

size_t gate_stat_values(struct gate_value out[GATE_NUM_VALUES], const struct gate_stat *a,
                        uint64_t elapsed_ms)
{
    const struct mse_times *c = &a->sum.connect;
    const struct mse_times *f = &a->sum.first_byte;
    size_t num = put(out, 0, "amount_of_connection", gate_stat_open(a));
    num = put(out, num, "throughput_in", per_second(a->sum.bytes_in, elapsed_ms));
    num = put(out, num, "throughput_out", per_second(a->sum.bytes_out, elapsed_ms));
    if (c->num > 0) {
        num = put(out, num, "average_connect_time", c->sum_us / c->num);
        num = put(out, num, "connect_time_p50", mse_times_quantile(c, 500));
        num = put(out, num, "connect_time_p99", mse_times_quantile(c, 990));
    }
    if (f->num > 0) {
        num = put(out, num, "average_response_time", f->sum_us / f->num);
        num = put(out, num, "response_time_p50", mse_times_quantile(f, 500));
        num = put(out, num, "response_time_p99", mse_times_quantile(f, 990));
    }
    return num;
}
