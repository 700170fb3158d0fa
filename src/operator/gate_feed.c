/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_feed.h. */
#include "operator/gate_feed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "net/leftover.h"
#include "net/loop.h"
#include "operator/gate_checks.h"
#include "operator/gate_files.h"
#include "operator/gate_worker.h"
#include "operator/msed.h"
#include "os/spawn.h"

#define WHO         "gateway"
#define INPUT_LEN   ((size_t)16384)
#define OUTPUT_MAX  ((size_t)128 * 1024 * 1024) /* all routes */
#define POLL_MS     250U
#define RECORD_MS   5000U
#define BACKOFF_MIN 200U
#define BACKOFF_MAX 5000U
#define LIVED_MS    10000U
#define DRAIN_MS    5000U
#define LOST_MS     2000U /* beyond the workers' time: then they are killed */
#define FIRST_UID   63990 /* of workers, where there is root to choose */
#define LAST_UID    63999

struct feed;
struct worker {
    struct feed *feed;
    size_t index;
    pid_t pid; /* 0: does not run */
    int fd;    /* to it; -1: none */
    uv_poll_t poll;
    uv_timer_t again;
    int events;
    struct mse_leftover out;
    uint64_t begun;
    unsigned backoff_ms;
    size_t have;
    uint8_t in[INPUT_LEN];
};

/* One enclave that is looked at. */
struct trial {
    const struct gate_judge *judge;
    struct gate_route route;
    uint8_t pin[32];
    mse_status st;
    struct mse_error err;
};

struct feed {
    const struct gate_feed_config *cfg;
    uv_loop_t loop;
    uv_signal_t signals[3];
    uv_timer_t turn;
    uv_timer_t patience;
    uv_work_t job;
    bool busy; /* the job runs, and owns store */
    uv_work_t judging;
    bool judges; /* that job runs, and owns trial */
    struct trial trial;
    bool started; /* workers were */
    bool stopping;
    bool lost; /* the database did not answer the last time */
    struct gate_store store;
    struct gate_routes plain;  /* what the store has but for operator mode */
    struct gate_checks checks; /* and that */
    struct gate_routes routes; /* what the workers know */
    struct gate_routes sealed; /* what the one that ends TLS knows */
    struct gate_files files;   /* of its certificate */
    size_t num_workers;        /* with that one, which is the last */
    struct gate_ids ids;       /* whom those lead to */
    struct gate_stats stats;
    uint64_t recorded; /* when stats began */
    uid_t uid;
    int uid_lock;
    struct worker *workers;
    mse_status st;
    struct mse_error *err;
};

static void worker_start(struct worker *w);
static void watch(struct worker *w);

/* Talking to a worker. */

static void worker_kill(const struct worker *w)
{
    if (w->pid > 0) {
        (void)kill(w->pid, SIGKILL); /* our child, not waited for yet */
    }
}

static void worker_send(struct worker *w, const struct mse_build *frames)
{
    if (w->fd < 0 || frames->len == 0) {
        return;
    }
    if (!mse_build_ok(frames) ||
        !mse_leftover_add(&w->out, w->fd, frames->data, frames->len, OUTPUT_MAX)) {
        mse_log(MSE_LOG_ERROR, WHO, "worker %zu does not listen, and is ended", w->index);
        worker_kill(w);
        return;
    }
    watch(w);
}

/* Of apps that it was told of, or that still have connections: a worker is nobody's word for
 * others. */
static bool take_counts(struct worker *w, struct mse_bytes body)
{
    struct feed *f = w->feed;
    struct gate_counts counts;
    if (!gate_rd_counts(&counts, body)) {
        return false;
    }
    return (!gate_ids_has(&f->ids, counts.app_id) && !gate_stats_has(&f->stats, counts.app_id)) ||
           gate_stats_add(&f->stats, w->index, &counts);
}

static void take_frames(struct worker *w)
{
    struct mse_bytes in = mse_bytes_of(w->in, w->have);
    struct mse_bytes body;
    uint8_t kind = 0;
    do {
        if (!gate_next(&in, &kind, &body) || (kind != 0 && kind != GATE_COUNTS) ||
            (kind != 0 && !take_counts(w, body))) {
            mse_log(MSE_LOG_ERROR, WHO, "worker %zu does not make sense, and is ended", w->index);
            worker_kill(w);
            return;
        }
    } while (kind != 0);
    memmove(w->in, in.data, in.len);
    w->have = in.len;
}

static void on_worker(uv_poll_t *h, int status, int events)
{
    struct worker *w = h->data;
    bool good = status >= 0;
    if (good && (events & UV_WRITABLE) != 0) {
        good = mse_leftover_send(&w->out, w->fd);
    }
    if (good && (events & UV_READABLE) != 0) {
        ssize_t n = recv(w->fd, w->in + w->have, sizeof w->in - w->have, 0);
        good = n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
        if (n > 0) {
            w->have += (size_t)n;
            take_frames(w);
        }
    }
    if (good) {
        watch(w);
    } else {
        (void)uv_poll_stop(h); /* the end of the process tells the rest */
        w->events = 0;
    }
}

static void watch(struct worker *w)
{
    int wanted = UV_READABLE | (w->out.len > 0 ? UV_WRITABLE : 0);
    if (wanted != w->events) {
        w->events = wanted;
        (void)uv_poll_start(&w->poll, wanted, on_worker);
    }
}

/* Life of a worker. */

static bool ends_tls(const struct worker *w)
{
    return w->index == w->feed->cfg->num_workers;
}

static void tell_all(struct worker *w)
{
    static const struct gate_routes none = { NULL, 0, 0 };
    struct mse_build frames;
    mse_build_heap(&frames, OUTPUT_MAX);
    gate_wr_limits(&frames, &w->feed->cfg->limits);
    if (ends_tls(w)) {
        gate_files_write(&w->feed->files, &frames);
    }
    gate_routes_diff(&frames, &none, ends_tls(w) ? &w->feed->sealed : &w->feed->routes);
    gate_wr_go(&frames);
    worker_send(w, &frames);
    mse_build_clear(&frames);
}

static void on_poll_closed(uv_handle_t *h)
{
    struct worker *w = h->data;
    struct feed *f = w->feed;
    (void)close(w->fd);
    w->fd = -1;
    w->have = 0;
    w->events = 0;
    mse_leftover_clear(&w->out);
    bool any = false;
    for (size_t i = 0; i < f->num_workers; i++) {
        any = any || f->workers[i].pid > 0 || f->workers[i].fd >= 0;
    }
    if (f->stopping && !any) {
        uv_stop(&f->loop);
    }
}

static void on_again(uv_timer_t *h)
{
    struct worker *w = h->data;
    if (!w->feed->stopping) {
        worker_start(w);
    }
}

static void worker_again(struct worker *w)
{
    unsigned next = w->backoff_ms == 0 || uv_now(&w->feed->loop) - w->begun >= LIVED_MS
                        ? BACKOFF_MIN
                        : w->backoff_ms * 2;
    w->backoff_ms = next > BACKOFF_MAX ? BACKOFF_MAX : next;
    (void)uv_timer_start(&w->again, on_again, w->backoff_ms, 0);
}

static void worker_ended(struct worker *w, int status)
{
    struct feed *f = w->feed;
    w->pid = 0;
    gate_stats_worker_ended(&f->stats, w->index);
    uv_close((uv_handle_t *)&w->poll, on_poll_closed);
    if (f->stopping) {
        return;
    }
    if (WIFSIGNALED(status)) {
        mse_log(MSE_LOG_ERROR, WHO, "worker %zu was ended by signal %d", w->index,
                WTERMSIG(status));
    } else {
        mse_log(MSE_LOG_ERROR, WHO, "worker %zu ended with status %d", w->index,
                WEXITSTATUS(status));
    }
    worker_again(w);
}

static mse_status spawn(struct worker *w, struct mse_error *err)
{
    const char *const argv[] = { MSED_SELF, ends_tls(w) ? GATE_TLS_WORD : GATE_WORKER_WORD, NULL };
    static const char *const envp[] = { NULL };
    const struct feed *f = w->feed;
    int pair[2];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        mse_status st = MSE_FAIL(err, MSE_ERR_IO, "worker", "%s", strerror(errno));
        if (null >= 0) {
            (void)close(null);
        }
        return st;
    }
    const int extra[] = { pair[1], ends_tls(w) ? f->cfg->tls->listen_fd : f->cfg->listen_fd };
    const struct mse_spawn s = {
        .argv = argv,
        .envp = envp,
        .cwd = "/",
        .stdin_fd = null,
        .stdout_fd = null,
        .stderr_fd = STDERR_FILENO,
        .extra_fds = extra,
        .num_extra_fds = MSE_ARRAY_LEN(extra),
        .uid = f->uid,
        .no_new_privs = true,
        .max_files = f->cfg->max_files,
    };
    mse_status st = mse_spawn(&w->pid, &s, err);
    (void)close(null);
    (void)close(pair[1]);
    if (st != MSE_OK) {
        w->pid = 0;
        (void)close(pair[0]);
        return st;
    }
    w->fd = pair[0];
    return MSE_OK;
}

static void worker_start(struct worker *w)
{
    struct mse_error err = { 0 };
    w->begun = uv_now(&w->feed->loop);
    if (spawn(w, &err) != MSE_OK) {
        mse_log(MSE_LOG_ERROR, WHO, "worker %zu: %s", w->index, err.text);
        worker_again(w);
        return;
    }
    MSE_ASSERT(uv_poll_init(&w->feed->loop, &w->poll, w->fd) == 0);
    watch(w);
    tell_all(w);
}

/* The store. */

static void begin_workers(struct feed *f)
{
    f->started = true;
    for (size_t i = 0; i < f->num_workers; i++) {
        worker_start(&f->workers[i]);
    }
    f->cfg->ready(f->cfg->user);
}

/* Sends what is new of a list that the workers first to last know, and makes it what they know. */
static void replace(struct feed *f, struct gate_routes *known, struct gate_routes *now,
                    size_t first, size_t last)
{
    struct mse_build frames;
    mse_build_heap(&frames, OUTPUT_MAX);
    gate_routes_sort(now);
    gate_routes_diff(&frames, known, now);
    gate_routes_clear(known);
    *known = *now;
    for (size_t i = first; i < last; i++) {
        worker_send(&f->workers[i], &frames);
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
        mse_log(MSE_LOG_ERROR, WHO, "out of memory: the routes stay as they were");
        gate_routes_clear(&routes);
        gate_routes_clear(&sealed);
        return;
    }
    /* Who ends TLS knows a name before it is sent there. */
    replace(f, &f->sealed, &sealed, f->cfg->num_workers, f->num_workers);
    replace(f, &f->routes, &routes, 0, f->cfg->num_workers);
    if (!gate_ids_take(&f->ids, &f->routes)) {
        mse_log(MSE_LOG_ERROR, WHO, "out of memory: what new apps do is not counted");
    }
}

static void take_routes(struct feed *f)
{
    struct gate_store *g = &f->store;
    gate_routes_clear(&f->plain);
    f->plain = g->routes;
    g->routes = (struct gate_routes) { NULL, 0, 0 };
    if (f->cfg->tls == NULL && g->sealed.num > 0) {
        mse_log(MSE_LOG_WARN, WHO,
                "%s and %zu more names are in operator mode: [gateway] has no certificate",
                g->sealed.items[0].name, g->sealed.num - 1);
    } else if (!gate_checks_take(&f->checks, &g->sealed)) {
        mse_log(MSE_LOG_ERROR, WHO, "out of memory: the enclaves stay as they were");
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
        mse_log(f->lost ? MSE_LOG_ERROR : MSE_LOG_INFO, WHO,
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
        mse_log(MSE_LOG_INFO, WHO, "%s is an enclave that was verified", t->route.name);
    } else if (news) {
        mse_log(MSE_LOG_ERROR, WHO, "%s is refused: %s", t->route.name,
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
        mse_log(MSE_LOG_ERROR, WHO, "the certificate stays as it was: %s", err.text);
    }
    f->files.bad = st != MSE_OK;
    if (st != MSE_OK || !changed || !f->started) {
        return;
    }
    mse_build_heap(&frame, GATE_FRAME_MAX + 8);
    gate_files_write(&f->files, &frame);
    worker_send(&f->workers[f->cfg->num_workers], &frame);
    mse_build_clear(&frame);
    mse_log(MSE_LOG_INFO, WHO, "the operator's certificate is a new one");
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
        worker_kill(&f->workers[i]);
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
        worker_send(&f->workers[i], &frame);
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
            worker_ended(w, status);
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
