/* SPDX-License-Identifier: Apache-2.0 */
/* The workers of a gateway as processes: started, told, listened to, started again. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "operator/gate_feed_inner.h"
#include "operator/msed.h"
#include "os/spawn.h"

#define BACKOFF_MIN 200U
#define BACKOFF_MAX 5000U
#define LIVED_MS    10000U

static void watch(struct worker *w);

void gate_crew_kill(const struct worker *w)
{
    if (w->pid > 0) {
        (void)kill(w->pid, SIGKILL); /* our child, not waited for yet */
    }
}

void gate_crew_send(struct worker *w, const struct mse_build *frames)
{
    if (w->fd < 0 || frames->len == 0) {
        return;
    }
    if (!mse_build_ok(frames) ||
        !mse_leftover_add(&w->out, w->fd, frames->data, frames->len, GATE_OUTPUT_MAX)) {
        mse_log(MSE_LOG_ERROR, GATE_WHO, "worker %zu does not listen, and is ended", w->index);
        gate_crew_kill(w);
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
            mse_log(MSE_LOG_ERROR, GATE_WHO, "worker %zu does not make sense, and is ended",
                    w->index);
            gate_crew_kill(w);
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
    mse_build_heap(&frames, GATE_OUTPUT_MAX);
    gate_wr_limits(&frames, &w->feed->cfg->limits);
    if (ends_tls(w)) {
        gate_files_write(&w->feed->files, &frames);
    }
    gate_routes_diff(&frames, &none, ends_tls(w) ? &w->feed->sealed : &w->feed->routes);
    gate_wr_go(&frames);
    gate_crew_send(w, &frames);
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
        gate_crew_start(w);
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

void gate_crew_ended(struct worker *w, int status)
{
    struct feed *f = w->feed;
    w->pid = 0;
    gate_stats_worker_ended(&f->stats, w->index);
    uv_close((uv_handle_t *)&w->poll, on_poll_closed);
    if (f->stopping) {
        return;
    }
    if (WIFSIGNALED(status)) {
        mse_log(MSE_LOG_ERROR, GATE_WHO, "worker %zu was ended by signal %d", w->index,
                WTERMSIG(status));
    } else {
        mse_log(MSE_LOG_ERROR, GATE_WHO, "worker %zu ended with status %d", w->index,
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

void gate_crew_start(struct worker *w)
{
    struct mse_error err = { 0 };
    w->begun = uv_now(&w->feed->loop);
    if (spawn(w, &err) != MSE_OK) {
        mse_log(MSE_LOG_ERROR, GATE_WHO, "worker %zu: %s", w->index, err.text);
        worker_again(w);
        return;
    }
    MSE_ASSERT(uv_poll_init(&w->feed->loop, &w->poll, w->fd) == 0);
    watch(w);
    tell_all(w);
}
