/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_feed.h. */
#include "operator/gate_feed_inner.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "net/loop.h"
#include "os/spawn.h"

#define POLL_MS   250U
#define RECORD_MS 5000U
#define DRAIN_MS  5000U
#define LOST_MS   2000U /* beyond the workers' time: then they are killed */
#define FIRST_UID 63990 /* of workers, where there is root to choose */
#define LAST_UID  63999

/* The store. */

static void begin_workers(struct feed *f)
{
    f->started = true;
    for (size_t i = 0; i < f->num_workers; i++) {
        gate_crew_start(&f->workers[i]);
    }
    f->cfg->ready(f->cfg->user);
}

/* Sends what is new of a list that the workers first to last know, and makes it what they know. */
static void replace(struct feed *f, struct gate_routes *known, struct gate_routes *now,
                    size_t first, size_t last)
{
    struct mse_build frames;
    mse_build_heap(&frames, GATE_OUTPUT_MAX);
    gate_routes_sort(now);
    gate_routes_diff(&frames, known, now);
    gate_routes_clear(known);
    *known = *now;
    for (size_t i = first; i < last; i++) {
        gate_crew_send(&f->workers[i], &frames);
    }
    mse_build_clear(&frames);
}

/* The routes that there are now, to the workers. */
static void spread(struct feed *f)
{
    struct gate_routes routes = { NULL, 0, 0 };
    struct gate_routes sealed = { NULL, 0, 0 };
    bool good = true;
    for (size_t i = 0; good && i < f->plain.num; i++) {
        good = gate_routes_add(&routes, &f->plain.items[i]);
    }
    if (f->cfg->api != NULL) {
        good = good && gate_routes_add(&routes, f->cfg->api);
    }
    if (f->cfg->tls != NULL) {
        good = good && gate_checks_routes(&f->checks, &sealed, &routes, &f->cfg->tls->address);
    }
    if (!good) {
        mse_log(MSE_LOG_ERROR, GATE_WHO, "out of memory: the routes stay as they were");
        gate_routes_clear(&routes);
        gate_routes_clear(&sealed);
        return;
    }
    /* Who ends TLS knows a name before it is sent there. */
    replace(f, &f->sealed, &sealed, f->cfg->num_workers, f->num_workers);
    replace(f, &f->routes, &routes, 0, f->cfg->num_workers);
    if (!gate_ids_take(&f->ids, &f->routes)) {
        mse_log(MSE_LOG_ERROR, GATE_WHO, "out of memory: what new apps do is not counted");
    }
}

static void take_routes(struct feed *f)
{
    struct gate_store *g = &f->store;
    gate_routes_clear(&f->plain);
    f->plain = g->routes;
    g->routes = (struct gate_routes) { NULL, 0, 0 };
    if (f->cfg->tls == NULL && g->sealed.num > 0) {
        mse_log(MSE_LOG_WARN, GATE_WHO,
                "%s and %zu more names are in operator mode: [gateway] has no certificate",
                g->sealed.items[0].name, g->sealed.num - 1);
    } else if (!gate_checks_take(&f->checks, &g->sealed)) {
        mse_log(MSE_LOG_ERROR, GATE_WHO, "out of memory: the enclaves stay as they were");
    }
    spread(f);
}

static void fail(struct feed *f, mse_status st, const struct mse_error *err)
{
    f->st = st;
    if (f->err != NULL) {
        *f->err = *err;
    }
    f->stopping = true;
    uv_stop(&f->loop);
}

static void on_job_done(uv_work_t *job, int status)
{
    struct feed *f = job->data;
    struct gate_store *g = &f->store;
    (void)status;
    f->busy = false;
    if (g->st == MSE_OK && g->changed) {
        take_routes(f);
    }
    if (g->st == MSE_OK) {
        free(g->records);
        g->records = NULL;
        g->num_records = 0;
    }
    if (g->st != MSE_OK && !f->started) {
        fail(f, g->st, &g->err);
    } else if (!f->started && !f->stopping) {
        begin_workers(f);
    }
    if (f->lost != (g->st != MSE_OK)) {
        f->lost = !f->lost;
        mse_log(f->lost ? MSE_LOG_ERROR : MSE_LOG_INFO, GATE_WHO,
                f->lost ? "the database does not answer, all routes stay: %s"
                        : "the database answers again%s",
                f->lost ? g->err.text : "");
    }
}

static void on_job(uv_work_t *job)
{
    struct feed *f = job->data;
    gate_store_turn(&f->store);
}

/* What was counted becomes records. What the last ones were that could not be written is lost. */
static void make_records(struct feed *f, uint64_t elapsed_ms)
{
    struct gate_store *g = &f->store;
    free(g->records);
    g->num_records = 0;
    g->records = calloc(f->stats.num + 1, sizeof *g->records);
    for (const struct gate_stat *a = f->stats.apps; g->records != NULL && a != NULL; a = a->next) {
        struct gate_record *r = &g->records[g->num_records];
        if (a->fresh && strcmp(a->app_id, GATE_API) != 0) {
            memcpy(r->app_id, a->app_id, sizeof r->app_id);
            r->num = gate_stat_values(r->values, a, elapsed_ms);
            g->num_records++;
        }
    }
    gate_stats_reset(&f->stats);
}

/* Operator mode. */

static void on_trial(uv_work_t *job)
{
    struct feed *f = job->data;
    struct trial *t = &f->trial;
    t->err = (struct mse_error) { 0 };
    t->st = gate_judge_check(t->judge, &t->route, t->pin, &t->err);
}

static void on_trial_done(uv_work_t *job, int status)
{
    struct feed *f = job->data;
    const struct trial *t = &f->trial;
    bool good = status == 0 && t->st == MSE_OK;
    bool news = false;
    f->judges = false;
    if (!gate_checks_put(&f->checks, &t->route, good ? t->pin : NULL, uv_now(&f->loop) + 1,
                         &news)) {
        return;
    }
    if (news && good) {
        mse_log(MSE_LOG_INFO, GATE_WHO, "%s is an enclave that was verified", t->route.name);
    } else if (news) {
        mse_log(MSE_LOG_ERROR, GATE_WHO, "%s is refused: %s", t->route.name,
                t->err.text[0] != '\0' ? t->err.text : mse_status_text(t->st));
    }
    spread(f);
}

static void judge_next(struct feed *f)
{
    const struct gate_check *due = gate_checks_due(&f->checks, uv_now(&f->loop));
    if (f->judges || due == NULL) {
        return;
    }
    f->trial.judge = f->cfg->tls->judge;
    f->trial.route = due->route;
    f->judging.data = f;
    f->judges = uv_queue_work(&f->loop, &f->judging, on_trial, on_trial_done) == 0;
}

static void look_at_files(struct feed *f)
{
    struct mse_error err = { 0 };
    struct mse_build frame;
    bool changed = false;
    mse_status st = gate_files_read(&f->files, &changed, &err);
    if (st != MSE_OK && !f->files.bad) {
        mse_log(MSE_LOG_ERROR, GATE_WHO, "the certificate stays as it was: %s", err.text);
    }
    f->files.bad = st != MSE_OK;
    if (st != MSE_OK || !changed || !f->started) {
        return;
    }
    mse_build_heap(&frame, GATE_FRAME_MAX + 8);
    gate_files_write(&f->files, &frame);
    gate_crew_send(&f->workers[f->cfg->num_workers], &frame);
    mse_build_clear(&frame);
    mse_log(MSE_LOG_INFO, GATE_WHO, "the operator's certificate is a new one");
}

static void on_turn(uv_timer_t *h)
{
    struct feed *f = h->data;
    uint64_t now = uv_now(&f->loop);
    if (f->cfg->tls != NULL && !f->stopping) {
        judge_next(f);
        look_at_files(f);
    }
    if (f->busy || f->stopping) {
        return;
    }
    if (now - f->recorded >= RECORD_MS) {
        make_records(f, now - f->recorded);
        f->recorded = now;
    }
    f->busy = uv_queue_work(&f->loop, &f->job, on_job, on_job_done) == 0;
}

/* Signals. */

static void on_patience(uv_timer_t *h)
{
    const struct feed *f = h->data;
    for (size_t i = 0; i < f->num_workers; i++) {
        gate_crew_kill(&f->workers[i]);
    }
}

static void stop(struct feed *f)
{
    struct mse_build frame;
    uint8_t buf[32];
    bool any = false;
    bool again = f->stopping;
    f->stopping = true;
    mse_build_fixed(&frame, buf, sizeof buf);
    gate_wr_drain(&frame, again ? 0 : DRAIN_MS);
    for (size_t i = 0; i < f->num_workers; i++) {
        gate_crew_send(&f->workers[i], &frame);
        any = any || f->workers[i].pid > 0;
    }
    (void)uv_timer_start(&f->patience, on_patience, DRAIN_MS + LOST_MS, 0);
    if (!any) {
        uv_stop(&f->loop);
    }
}

static void on_signal(uv_signal_t *h, int number)
{
    struct feed *f = h->data;
    if (number != SIGCHLD) {
        stop(f);
        return;
    }
    for (size_t i = 0; i < f->num_workers; i++) {
        struct worker *w = &f->workers[i];
        int status = 0;
        if (w->pid > 0 && waitpid(w->pid, &status, WNOHANG) == w->pid) {
            gate_crew_ended(w, status);
        }
    }
}

static void set_up(struct feed *f)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGCHLD };
    for (size_t i = 0; i < MSE_ARRAY_LEN(numbers); i++) {
        (void)uv_signal_init(&f->loop, &f->signals[i]);
        f->signals[i].data = f;
        (void)uv_signal_start(&f->signals[i], on_signal, numbers[i]);
    }
    for (size_t i = 0; i < f->num_workers; i++) {
        struct worker *w = &f->workers[i];
        *w = (struct worker) { .feed = f, .index = i, .fd = -1 };
        w->poll.data = w;
        (void)uv_timer_init(&f->loop, &w->again);
        w->again.data = w;
    }
    (void)uv_timer_init(&f->loop, &f->patience);
    (void)uv_timer_init(&f->loop, &f->turn);
    f->patience.data = f;
    f->turn.data = f;
    f->job.data = f;
    f->recorded = uv_now(&f->loop);
    (void)uv_timer_start(&f->turn, on_turn, 0, POLL_MS);
}

static mse_status choose_user(struct feed *f, struct mse_error *err)
{
    f->uid = MSE_SPAWN_SAME_USER;
    f->uid_lock = -1;
    return mse_owns_uids(FIRST_UID, LAST_UID)
               ? mse_reserve_uid(&f->uid, &f->uid_lock, FIRST_UID, LAST_UID, err)
               : MSE_OK;
}

/* A database that hangs must not hold up the end: the thread that waits for it ends with us. */
static void leave(struct feed *f)
{
    if (f->busy || f->judges) {
        _exit(f->st == MSE_OK ? 0 : 2);
    }
    mse_net_loop_clear(&f->loop);
    gate_store_clear(&f->store);
    gate_routes_clear(&f->plain);
    gate_routes_clear(&f->routes);
    gate_ids_clear(&f->ids);
    gate_routes_clear(&f->sealed);
    gate_checks_clear(&f->checks);
    gate_files_clear(&f->files);
    gate_stats_clear(&f->stats);
    free(f->workers);
    if (f->uid_lock >= 0) {
        (void)close(f->uid_lock);
    }
}

mse_status gate_feed_run(const struct gate_feed_config *c, struct mse_error *err)
{
    struct feed f = { .cfg = c, .err = err, .store = { .where = c->database } };
    MSE_ASSERT(c->num_workers > 0 && c->num_workers < GATE_MAX_WORKERS);
    (void)snprintf(f.store.source, sizeof f.store.source, "%s", c->source);
    bool changed = false;
    mse_status st = choose_user(&f, err);
    f.num_workers = c->num_workers + (c->tls != NULL ? 1 : 0);
    f.workers = calloc(f.num_workers, sizeof *f.workers);
    if (st == MSE_OK && c->tls != NULL) {
        gate_files_init(&f.files, c->tls->certificate, c->tls->key);
        st = gate_files_read(&f.files, &changed, err);
    }
    if (st != MSE_OK || f.workers == NULL || uv_loop_init(&f.loop) != 0) {
        free(f.workers);
        return st != MSE_OK ? st : MSE_FAIL(err, MSE_ERR_MEMORY, "gateway", "out of memory");
    }
    set_up(&f);
    (void)uv_run(&f.loop, UV_RUN_DEFAULT);
    leave(&f);
    return f.st;
}
