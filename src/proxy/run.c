/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the proxy: start, clients, once a second, the end. */
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "net/loop.h"
#include "proxy/inner.h"

#define TICK_MS          1000U
#define DRAIN_MS         10000U
#define RENEW_MS         3600000U
#define ACCEPTS_PER_TURN 64

/* The longest idle one makes room. */
static bool make_room(struct proxy *p)
{
    struct mse_aged *next = NULL;
    for (struct mse_aged *a = p->visits.oldest; a != NULL; a = next) {
        struct visit *v = (struct visit *)a;
        next = a->newer;
        if (v->stage == VISIT_HEAD && v->in.len == 0) {
            visit_close(v, false);
            return true;
        }
    }
    return false;
}

static void on_listener(uv_poll_t *h, int status, int events)
{
    struct proxy *p = h->data;
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && p->accepting; i++) {
        int fd = accept4(p->cfg->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            mse_net_accept_failed(h, errno);
            return;
        }
        if (p->num_visits >= p->cfg->max_connections && !make_room(p)) {
            mse_net_reset(fd);
        } else {
            (void)visit_new(p, fd);
        }
    }
}

static void stop_accepting(struct proxy *p)
{
    if (p->accepting) {
        p->accepting = false;
        (void)uv_poll_stop(&p->listener);
        (void)shutdown(p->cfg->listen_fd, SHUT_RDWR); /* who comes now is refused at once */
    }
}

static void on_signal(uv_signal_t *h, int number)
{
    struct proxy *p = h->data;
    mse_log(MSE_LOG_INFO, "proxy", "signal %d: ending", number);
    p->ending_ms = p->ending ? 0 : proxy_now(p); /* the second time at once */
    p->ending = true;
    stop_accepting(p);
    (void)uv_timer_start(&p->tick, p->tick.timer_cb, 1, 50);
}

/* ---- rules ---- */

static void on_look(uv_work_t *w)
{
    struct proxy_look *l = w->data;
    l->other = l->run(l->proxy->cfg->user);
}

static void look_over(uv_work_t *w, int status)
{
    struct proxy_look *l = w->data;
    struct proxy *p = l->proxy;
    l->busy = false;
    p->jobs--;
    if (status != 0 || !l->other || p->ending) {
        return;
    }
    p->generation++;
    mse_log(MSE_LOG_INFO, "proxy", "other rules count from now on");
    for (size_t i = 0; i < p->cfg->num_apps; i++) {
        p->apps[i].refused_ms = 0;
        app_outdate(&p->apps[i]);
    }
}

static void look(struct proxy *p, struct proxy_look *l, bool (*is_due)(void *user),
                 bool (*run)(void *user))
{
    if (l->busy || is_due == NULL || !is_due(p->cfg->user)) {
        return;
    }
    l->proxy = p;
    l->run = run;
    l->work.data = l;
    l->busy = uv_queue_work(&p->loop, &l->work, on_look, look_over) == 0;
    p->jobs += l->busy ? 1 : 0;
}

static void renew_leaves(struct proxy *p)
{
    struct mse_error err = { .status = MSE_OK };
    if (p->cfg->renew == NULL || proxy_now(p) - p->renewed_ms < RENEW_MS) {
        return;
    }
    p->renewed_ms = proxy_now(p);
    for (size_t i = 0; i < p->cfg->num_apps; i++) {
        if (p->cfg->renew(p->cfg->user, i) && !app_renew(&p->apps[i], &err)) {
            mse_log(MSE_LOG_ERROR, "proxy", "the local certificate is not renewed: %s", err.text);
        }
    }
}

/* ---- life ---- */

static void on_tick(uv_timer_t *h)
{
    struct proxy *p = h->data;
    struct mse_aged *next = NULL;
    for (struct mse_aged *a = p->visits.oldest; a != NULL; a = next) {
        next = a->newer;
        visit_tick((struct visit *)a);
    }
    if (p->ending) {
        if (p->num_visits == 0 || proxy_now(p) - p->ending_ms >= DRAIN_MS) {
            uv_stop(&p->loop);
        }
        return;
    }
    if (uv_is_active((uv_handle_t *)&p->listener) == 0) { /* it was out of descriptors */
        (void)uv_poll_start(&p->listener, UV_READABLE, on_listener);
    }
    for (size_t i = 0; i < p->cfg->num_apps; i++) {
        app_tick(&p->apps[i]);
    }
    look(p, &p->rules, p->cfg->stale, p->cfg->reload);
    look(p, &p->others, p->cfg->due, p->cfg->ask);
    renew_leaves(p);
}

static bool begin(struct proxy *p)
{
    static const int numbers[] = { SIGTERM, SIGINT };
    static const int on = 1;
    bool ok = true;
    for (size_t i = 0; i < MSE_ARRAY_LEN(numbers); i++) {
        ok = ok && uv_signal_init(&p->loop, &p->signals[i]) == 0;
        p->signals[i].data = p;
        ok = ok && uv_signal_start(&p->signals[i], on_signal, numbers[i]) == 0;
    }
    p->tick.data = p;
    p->listener.data = p;
    p->accepting = true;
    return ok && setsockopt(p->cfg->listen_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           uv_timer_init(&p->loop, &p->tick) == 0 &&
           uv_timer_start(&p->tick, on_tick, TICK_MS, TICK_MS) == 0 &&
           uv_poll_init_socket(&p->loop, &p->listener, p->cfg->listen_fd) == 0 &&
           uv_poll_start(&p->listener, UV_READABLE, on_listener) == 0;
}

static mse_status start(struct proxy *p, struct mse_error *err)
{
    mse_status st = mse_tls_client_new(&p->client, "http/1.1", err);
    for (size_t i = 0; st == MSE_OK && i < p->cfg->num_apps; i++) {
        st = app_init(&p->apps[i], p, i, err);
    }
    if (st == MSE_OK && !begin(p)) {
        st = MSE_FAIL(err, MSE_ERR_IO, "proxy", "the event loop refused to start");
    }
    return st;
}

static void end(struct proxy *p)
{
    static const struct mse_page over = { .status = 503, .title = "The proxy ends" };
    p->ending = true;
    if (p->cfg->stop != NULL) {
        p->cfg->stop(p->cfg->user);
    }
    for (size_t i = 0; i < p->cfg->num_apps; i++) {
        if (p->apps[i].proxy != NULL) {
            app_drop(&p->apps[i], &over);
        }
    }
    while (p->visits.oldest != NULL) {
        visit_close((struct visit *)p->visits.oldest, true);
    }
    mse_net_loop_clear(&p->loop); /* waits for the jobs too */
    for (size_t i = 0; i < p->cfg->num_apps; i++) {
        app_clear(&p->apps[i]);
    }
    mse_tls_client_free(p->client);
}

mse_status mse_proxy_run(const struct mse_proxy_config *c, struct mse_error *err)
{
    struct proxy *p = calloc(1, sizeof *p);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setenv("UV_THREADPOOL_SIZE", "16", 0); /* each app that does not answer holds one */
    if (p == NULL || uv_loop_init(&p->loop) != 0) {
        free(p);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "proxy", "out of memory");
    }
    p->cfg = c;
    mse_build_fixed(&p->cipher, p->cipher_buf, sizeof p->cipher_buf);
    mse_status st = mse_net_prepare_fd(c->listen_fd)
                        ? start(p, err)
                        : MSE_FAIL(err, MSE_ERR_IO, "listen", "%s", strerror(errno));
    if (st == MSE_OK) {
        if (c->ready != NULL) {
            c->ready(c->user);
        }
        (void)uv_run(&p->loop, UV_RUN_DEFAULT);
    }
    end(p);
    (void)close(c->listen_fd);
    mse_wipe(p->plain, sizeof p->plain);
    free(p);
    return st;
}
