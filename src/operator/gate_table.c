/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_table.h. Chains of a hash: names come from the store, not from strangers. */
#include "operator/gate_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define NUM_CHAINS 4096U /* a power of two */

_Static_assert(GATE_INSTANCES <= MSE_PASS_SERVERS, "each has a bit of what was tried");

/* One app. What was counted before is taken off what is counted now. */
struct app {
    struct app *next;
    char id[GATE_APP_LEN];
    unsigned routes;
    struct mse_pass_app *pass;
    struct mse_pass_app before;
    bool told; /* that there are no more connections */
};
struct route {
    struct route *next;
    uint64_t turn; /* when it was chosen last */
    struct gate_route r;
    struct app *app;
};

struct gate_table {
    uint64_t turn;
    struct route *routes[NUM_CHAINS];
    struct app *apps[NUM_CHAINS];
};

static size_t chain_of(const char *text)
{
    uint32_t h = 2166136261U; /* FNV-1a */
    for (; *text != '\0'; text++) {
        h = (h ^ (uint8_t)*text) * 16777619U;
    }
    return h & (NUM_CHAINS - 1);
}

struct gate_table *gate_table_new(void)
{
    return calloc(1, sizeof(struct gate_table));
}

static void app_free(struct app *a)
{
    mse_pass_app_unref(a->pass);
    free(a);
}

void gate_table_free(struct gate_table *t)
{
    for (size_t i = 0; t != NULL && i < NUM_CHAINS; i++) {
        while (t->routes[i] != NULL) {
            struct route *r = t->routes[i];
            t->routes[i] = r->next;
            free(r);
        }
        while (t->apps[i] != NULL) {
            struct app *a = t->apps[i];
            t->apps[i] = a->next;
            app_free(a);
        }
    }
    free(t);
}

static struct route **find_route(struct gate_table *t, const char *name, uint8_t number)
{
    struct route **at = &t->routes[chain_of(name)];
    while (*at != NULL && ((*at)->r.number != number || strcmp((*at)->r.name, name) != 0)) {
        at = &(*at)->next;
    }
    return at;
}

/* Of those that were not tried the one that has waited longest. num: how many there are. */
static struct route *choose(struct gate_table *t, const char *name, uint64_t tried, size_t *num)
{
    struct route *best = NULL;
    *num = 0;
    for (struct route *r = t->routes[chain_of(name)]; r != NULL; r = r->next) {
        if ((tried & 1ULL << r->r.number) != 0 || strcmp(r->r.name, name) != 0) {
            continue;
        }
        ++*num;
        if (best == NULL || r->turn < best->turn) {
            best = r;
        }
    }
    if (best != NULL) {
        best->turn = ++t->turn;
    }
    return best;
}

static struct app *app_of(struct gate_table *t, const char *id)
{
    struct app **chain = &t->apps[chain_of(id)];
    struct app *a = *chain;
    while (a != NULL && strcmp(a->id, id) != 0) {
        a = a->next;
    }
    if (a != NULL) {
        return a;
    }
    a = calloc(1, sizeof *a);
    struct mse_pass_app *pass = mse_pass_app_new();
    if (a == NULL || pass == NULL) {
        mse_pass_app_unref(pass);
        free(a);
        return NULL;
    }
    (void)snprintf(a->id, sizeof a->id, "%s", id);
    a->pass = pass;
    a->told = true;
    a->next = *chain;
    *chain = a;
    return a;
}

bool gate_table_set(struct gate_table *t, const struct gate_route *r)
{
    struct app *a = app_of(t, r->app_id);
    struct route **at = find_route(t, r->name, r->number);
    if (a == NULL) {
        return false;
    }
    if (*at == NULL) {
        *at = calloc(1, sizeof **at);
        if (*at == NULL) {
            return false;
        }
    } else {
        (*at)->app->routes--;
    }
    (*at)->r = *r;
    (*at)->app = a;
    a->routes++;
    return true;
}

void gate_table_remove(struct gate_table *t, const char *name, uint8_t number)
{
    struct route **at = find_route(t, name, number);
    struct route *r = *at;
    if (r != NULL) {
        r->app->routes--;
        *at = r->next;
        free(r);
    }
}

const struct gate_route *gate_table_find(struct gate_table *t, const char *name, uint64_t tried,
                                         bool *others)
{
    size_t num = 0;
    const struct route *r = choose(t, name, tried, &num);
    *others = num > 1;
    return r == NULL ? NULL : &r->r;
}

bool gate_table_route(void *user, const char *name, uint64_t tried, struct mse_pass_to *out)
{
    size_t num = 0;
    const struct route *r = choose(user, name, tried, &num);
    if (r == NULL) {
        return false;
    }
    out->address = r->r.address;
    out->proxy_protocol = r->r.proxy_protocol;
    out->others = num > 1;
    out->number = r->r.number;
    out->app = r->app->pass;
    return true;
}

static void subtract(struct mse_times *out, const struct mse_times *now,
                     const struct mse_times *before)
{
    out->num = now->num - before->num;
    out->sum_us = now->sum_us - before->sum_us;
    for (size_t i = 0; i < MSE_TIMES_BUCKETS; i++) {
        out->buckets[i] = now->buckets[i] - before->buckets[i];
    }
}

static void wr_app(struct app *a, struct mse_build *out)
{
    const struct mse_pass_app *now = a->pass;
    const struct mse_pass_app *before = &a->before;
    struct gate_counts c = {
        .open = now->num,
        .accepted = now->accepted - before->accepted,
        .no_backend = now->no_backend - before->no_backend,
        .bytes_in = now->bytes_in - before->bytes_in,
        .bytes_out = now->bytes_out - before->bytes_out,
    };
    bool quiet = c.open == 0 && c.accepted == 0 && c.bytes_in == 0 && c.bytes_out == 0;
    if (quiet && a->told) {
        return;
    }
    memcpy(c.app_id, a->id, sizeof c.app_id);
    subtract(&c.connect, &now->connect, &before->connect);
    subtract(&c.first_byte, &now->first_byte, &before->first_byte);
    gate_wr_counts(out, &c);
    a->before = *now;
    a->told = quiet;
}

void gate_table_counts(struct gate_table *t, struct mse_build *out)
{
    for (size_t i = 0; i < NUM_CHAINS; i++) {
        struct app **at = &t->apps[i];
        while (*at != NULL) {
            struct app *a = *at;
            wr_app(a, out);
            if (a->routes == 0 && a->pass->num == 0 && a->told) {
                *at = a->next;
                app_free(a);
            } else {
                at = &a->next;
            }
        }
    }
}
