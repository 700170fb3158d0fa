/* SPDX-License-Identifier: Apache-2.0 */
/* See fault_sweep.h. */
#include "lib/fault_sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT_ONCE 4

struct fault_sweep {
    struct fault_list list;
    struct fault_report reports[AT_ONCE];
    struct fault_totals totals[AT_ONCE];
};

struct fault_sweep *fault_sweep_new(void)
{
    void *p = mmap(NULL, sizeof(struct fault_sweep), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        abort();
    }
    return p;
}

void fault_sweep_free(struct fault_sweep *s)
{
    (void)munmap(s, sizeof *s);
}

struct fault_run fault_sweep_first(struct fault_sweep *s)
{
    return (struct fault_run) { .report = &s->reports[0], .list = &s->list };
}

size_t fault_sweep_places(const struct fault_sweep *s)
{
    return s->list.num < FAULT_PLACES / 2 ? s->list.num : 0;
}

void fault_run_arm(const struct fault_run *r)
{
    if (r->list != NULL) {
        fault_watch(r->list);
    } else {
        fault_arm_at(r->kind, r->chain, r->nth, r->report);
    }
}

/* A number and what stands behind it. */
static uint64_t take_number(const char **text, int base, char behind, bool *good)
{
    char *end = NULL;
    uint64_t n = strtoull(*text, &end, base);
    *good = *good && end != *text && *end == behind;
    *text = *good && behind != '\0' ? end + 1 : end;
    return n;
}

void fault_run_read(struct fault_run *r, bool *given)
{
    const char *text = getenv("MSE_FAULT");
    *given = text != NULL;
    if (text != NULL) {
        uint64_t kind = take_number(&text, 10, ':', given);
        r->chain = *given ? take_number(&text, 16, ':', given) : 0;
        r->nth = *given ? (size_t)take_number(&text, 10, '\0', given) : 0;
        *given = *given && kind <= FAULT_SHORT;
        r->kind = *given ? (enum fault_kind)kind : FAULT_NONE;
    }
}

void fault_run_print(const struct fault_run *r, const char *how)
{
    (void)printf("# MSE_FAULT=%d:%" PRIx64 ":%zu (%s of %s): %s\n", (int)r->kind, r->chain, r->nth,
                 r->report->name, r->report->file, how);
    (void)fflush(stdout); /* whoever forked ends without that */
}

struct share {
    struct fault_sweep *s;
    enum fault_kind kind;
    size_t worker;
    size_t thin; /* of how many places one is taken; 1: all that each of them makes */
    fault_try_fn *try;
    void *arg;
};

static void try_one(const struct share *w, const struct fault_place *p, size_t nth)
{
    struct fault_report *report = &w->s->reports[w->worker];
    struct fault_totals *t = &w->s->totals[w->worker];
    struct fault_run r = { p->kind, p->chain, nth, report, NULL };
    *report = (struct fault_report) { .calls = 0 };
    enum fault_end end = w->try(w->arg, &r);
    t->met += report->name[0] != '\0' ? 1 : 0;
    t->dirty += end == FAULT_DIRTY ? 1 : 0;
    t->ended += end == FAULT_ENDED ? 1 : 0;
}

static void work(const struct share *w)
{
    size_t at = 0;
    size_t runs = 0;
    for (size_t i = 0; i < FAULT_PLACES; i++) {
        const struct fault_place *p = &w->s->list.places[i];
        if (p->count == 0 || p->kind != w->kind || at++ % w->thin != w->thin / 2) {
            continue;
        }
        for (size_t nth = 1; nth <= p->count && (w->thin == 1 || nth == 1); nth *= 4) {
            if (runs++ % AT_ONCE == w->worker) {
                try_one(w, p, nth);
            }
        }
    }
}

static pid_t start(const struct share *w)
{
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) {
        abort();
    }
    if (pid == 0) {
        work(w);
        _exit(0);
    }
    return pid;
}

struct fault_totals fault_sweep_kind(struct fault_sweep *s, enum fault_kind kind, size_t few,
                                     fault_try_fn *try, void *arg)
{
    pid_t workers[AT_ONCE];
    struct fault_totals all = { .places = 0 };
    for (size_t i = 0; i < FAULT_PLACES; i++) {
        all.places += s->list.places[i].count > 0 && s->list.places[i].kind == kind ? 1 : 0;
    }
    const char *asked = getenv("MSE_FAULTS");
    bool many = asked != NULL && strcmp(asked, "all") == 0;
    struct share w = { s, kind, 0, many || all.places <= few ? 1 : all.places / few, try, arg };
    for (size_t i = 0; i < AT_ONCE; i++) {
        s->totals[i] = (struct fault_totals) { .places = 0 };
        w.worker = i;
        workers[i] = start(&w);
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        int status = -1;
        if (waitpid(workers[i], &status, 0) != workers[i] || status != 0) {
            all.dirty++;
        }
        all.met += s->totals[i].met;
        all.dirty += s->totals[i].dirty;
        all.ended += s->totals[i].ended;
    }
    return all;
}
