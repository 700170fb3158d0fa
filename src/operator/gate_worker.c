/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_worker.h. */
#include "operator/gate_worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/util.h"
#include "net/leftover.h"
#include "net/loop.h"
#include "net/tls.h"
#include "operator/gate_seal.h"
#include "operator/gate_table.h"
#include "os/filter.h"
#include "os/landlock.h"

#define WHO        "gateway"
#define INPUT_LEN  ((size_t)65536)
#define REPORT_MS  2000
#define OUTPUT_MAX ((size_t)4 * 1024 * 1024) /* what the feeder did not take of the reports */
#define DRAIN_MS   100
#define DRAIN_IDLE 1000U

struct worker {
    uv_loop_t loop;
    uv_poll_t control;
    uv_timer_t report;
    uv_timer_t drain;
    struct gate_table *table;
    struct gate_limits limits;
    bool limited;
    bool ends_tls;
    struct mse_pass *pass; /* one of the two */
    struct gate_seal *seal;
    uint64_t drain_until;
    struct mse_leftover out;
    struct mse_build frames;
    struct mse_build identity; /* body of the last frame of that kind */
    size_t have;
    uint8_t in[INPUT_LEN];
};

static _Noreturn void end(const char *why)
{
    if (why != NULL) {
        mse_log(MSE_LOG_ERROR, WHO, "worker: %s", why);
    }
    _exit(why == NULL ? 0 : 1); /* nothing is held that anybody needs back */
}

static void on_report(uv_timer_t *h)
{
    struct worker *w = h->data;
    mse_build_reset(&w->frames);
    if (w->out.len > 0 && !mse_leftover_send(&w->out, GATE_WORKER_CONTROL)) {
        end(NULL); /* the feeder is gone */
    }
    if (w->out.len > 0) {
        return; /* it has not read the last report yet; the next one tells more */
    }
    if (w->seal != NULL) {
        gate_seal_report(w->seal); /* its connections were counted where they came in */
        return;
    }
    gate_table_counts(w->table, &w->frames);
    if (!mse_build_ok(&w->frames) ||
        (w->frames.len > 0 && !mse_leftover_add(&w->out, GATE_WORKER_CONTROL, w->frames.data,
                                                w->frames.len, OUTPUT_MAX))) {
        end("the report does not go out");
    }
}

static void on_drain(uv_timer_t *h)
{
    struct worker *w = h->data;
    size_t left = 0;
    if (w->ends_tls) {
        left = gate_seal_drain(w->seal, DRAIN_IDLE);
    } else {
        mse_pass_close_idle(w->pass, DRAIN_IDLE);
        left = mse_pass_num_connections(w->pass);
    }
    if (left == 0 || uv_now(&w->loop) >= w->drain_until) {
        on_report(&w->report);
        end(NULL);
    }
}

static bool begin_drain(struct worker *w, struct mse_bytes body)
{
    uint32_t ms = 0;
    if (!gate_rd_drain(&ms, body)) {
        return false;
    }
    if (w->pass == NULL && w->seal == NULL) {
        end(NULL);
    }
    if (!w->ends_tls) {
        mse_pass_stop_accepting(w->pass);
    }
    w->drain_until = uv_now(&w->loop) + ms;
    return uv_timer_start(&w->drain, on_drain, 0, DRAIN_MS) == 0;
}

/* The last certificate that came. One that is of no use leaves the one before in its place. */
static bool take_identity(struct worker *w)
{
    struct gate_identity id;
    struct mse_error err = { 0 };
    if (!gate_rd_identity(&id, mse_build_view(&w->identity))) {
        return false;
    }
    if (gate_seal_identity(w->seal, &id, &err) != MSE_OK) {
        mse_log(MSE_LOG_ERROR, WHO, "the operator's certificate is not used: %s", err.text);
    }
    return true;
}

static bool keep_identity(struct worker *w, struct mse_bytes body)
{
    mse_build_clear(&w->identity);
    mse_build_heap(&w->identity, GATE_FRAME_MAX);
    mse_wr_bytes(&w->identity, body);
    if (!w->ends_tls || !mse_build_ok(&w->identity)) {
        return false;
    }
    return w->seal == NULL || take_identity(w);
}

static bool begin_tls(struct worker *w)
{
    const struct gate_seal_config c = {
        .loop = &w->loop,
        .listen_fd = GATE_WORKER_LISTEN,
        .table = w->table,
        .limits = &w->limits,
    };
    struct mse_error err = { 0 };
    if (w->identity.len == 0) {
        return false;
    }
    if (gate_seal_new(&w->seal, &c, &err) != MSE_OK) {
        end(err.text);
    }
    return take_identity(w);
}

static bool begin_pass(struct worker *w)
{
    const struct gate_limits *l = &w->limits;
    const struct mse_pass_config c = {
        .loop = &w->loop,
        .listen_fd = GATE_WORKER_LISTEN,
        .route = gate_table_route,
        .user = w->table,
        .max_connections = l->max_connections,
        .max_per_source = l->max_per_source,
        .max_per_app = l->max_per_app,
        .hello_ms = l->hello_ms,
        .connect_ms = l->connect_ms,
        .idle_ms = l->idle_ms,
        .half_ms = l->half_ms,
    };
    struct mse_error err = { 0 };
    if (mse_pass_new(&w->pass, &c, &err) != MSE_OK) {
        end(err.text);
    }
    return true;
}

static bool begin(struct worker *w)
{
    if (!w->limited || w->pass != NULL || w->seal != NULL) {
        return false;
    }
    return w->ends_tls ? begin_tls(w) : begin_pass(w);
}

static bool obey(struct worker *w, uint8_t kind, struct mse_bytes body)
{
    struct gate_route r;
    char name[MSE_HELLO_NAME_MAX + 1];
    uint8_t number = 0;
    switch ((enum gate_kind)kind) {
    case GATE_LIMITS:
        w->limited = gate_rd_limits(&w->limits, body);
        return w->limited;
    case GATE_SET:
        return gate_rd_set(&r, body) && gate_table_set(w->table, &r);
    case GATE_REMOVE:
        if (!gate_rd_remove(name, &number, body)) {
            return false;
        }
        gate_table_remove(w->table, name, number);
        return true;
    case GATE_GO:
        return body.len == 0 && begin(w);
    case GATE_DRAIN:
        return begin_drain(w, body);
    case GATE_IDENTITY:
        return keep_identity(w, body);
    case GATE_COUNTS:
        break;
    }
    return false;
}

static void take_frames(struct worker *w)
{
    struct mse_bytes in = mse_bytes_of(w->in, w->have);
    struct mse_bytes body;
    uint8_t kind = 0;
    do {
        if (!gate_next(&in, &kind, &body) || (kind != 0 && !obey(w, kind, body))) {
            end("the feeder does not make sense");
        }
    } while (kind != 0);
    memmove(w->in, in.data, in.len);
    mse_wipe(w->in + in.len, w->have - in.len); /* it may have been a key */
    w->have = in.len;
}

static void on_control(uv_poll_t *h, int status, int events)
{
    struct worker *w = h->data;
    (void)events;
    ssize_t n =
        status < 0 ? 0 : recv(GATE_WORKER_CONTROL, w->in + w->have, sizeof w->in - w->have, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        end(NULL); /* without the feeder routes would grow old */
    }
    w->have += (size_t)n;
    take_frames(w);
}

static bool set_up(struct worker *w)
{
    mse_build_heap(&w->frames, OUTPUT_MAX);
    w->table = gate_table_new();
    if (w->table == NULL || uv_loop_init(&w->loop) != 0) {
        return false;
    }
    (void)uv_timer_init(&w->loop, &w->report);
    (void)uv_timer_init(&w->loop, &w->drain);
    w->control.data = w;
    w->report.data = w;
    w->drain.data = w;
    return mse_net_prepare_fd(GATE_WORKER_CONTROL) && mse_net_prepare_fd(GATE_WORKER_LISTEN) &&
           uv_poll_init(&w->loop, &w->control, GATE_WORKER_CONTROL) == 0 &&
           uv_poll_start(&w->control, UV_READABLE, on_control) == 0 &&
           uv_timer_start(&w->report, on_report, REPORT_MS, REPORT_MS) == 0;
}

int gate_worker_main(bool ends_tls)
{
    struct worker *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return 1;
    }
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || !set_up(w)) {
        end("no memory, or no event loop");
    }
    w->ends_tls = ends_tls;
    if (ends_tls && (!mse_tls_no_config() || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)) {
        end("libcrypto cannot be initialised");
    }
    if (ends_tls && !mse_tls_lock_keys()) {
        mse_log(MSE_LOG_WARN, WHO, "the operator's key is not in locked memory");
    }
    if (!mse_landlock_all_files()) {
        mse_log(MSE_LOG_WARN, WHO, "no Landlock here: only the filter of system calls holds");
    }
    if (!mse_filter_to_relay()) {
        end("no filter of system calls");
    }
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    end("the event loop ended");
}
