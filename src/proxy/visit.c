/* SPDX-License-Identifier: Apache-2.0 */
/* Clients' connections: one request at a time goes to an app and its response comes back, with
 * back-pressure: while a socket has not taken everything, nothing more is read from the other side.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/util.h"
#include "net/loop.h"
#include "proxy/inner.h"

#define SHAKE_MS  10000U   /* for TLS, and for a head from its first byte on */
#define IDLE_MS   60000U   /* between two requests */
#define WAIT_MS   60000U   /* for a connection to the app */
#define BODY_MS   60000U   /* for the next byte of a request's body */
#define ANSWER_MS 600000U  /* for the next byte of a response */
#define TUNNEL_MS 3600000U /* for the next byte either way */
#define LAST_MS   2000U

/* What HTTP/2 begins with (RFC 9113 §3.4). No web page can send that. */
#define PREFACE     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define PREFACE_LEN ((size_t)24)

void visit_enter(struct visit *v, enum visit_stage stage)
{
    v->stage = stage;
    v->since_ms = proxy_now(v->proxy);
    v->moved_ms = v->since_ms;
}

/* ---- bytes ---- */

/* Reads from the client what there is, at most cap bytes. */
static enum mse_io client_read(struct visit *v, void *buf, size_t cap, size_t *n)
{
    if (!v->ready) {
        return MSE_IO_AGAIN;
    }
    if (v->tls != NULL) {
        enum mse_io io = mse_tls_read(v->tls, buf, cap, n);
        v->ready = io == MSE_IO_DONE && mse_tls_pending(v->tls);
        return proxy_flush(v->proxy, v->fd, &v->out) ? io : MSE_IO_ERROR;
    }
    ssize_t got = recv(v->fd, buf, cap, 0);
    v->ready = got == (ssize_t)cap; /* else the socket tells when there is more */
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? MSE_IO_AGAIN : MSE_IO_ERROR;
    }
    *n = (size_t)got;
    return got == 0 ? MSE_IO_EOF : MSE_IO_DONE;
}

bool visit_send(struct visit *v, struct mse_bytes b)
{
    if (v->tls != NULL) {
        while (b.len > 0) {
            struct mse_bytes piece;
            size_t n = b.len < PROXY_PLAIN_LEN ? b.len : PROXY_PLAIN_LEN;
            if (!mse_rd_bytes(&b, &piece, n) ||
                mse_tls_write(v->tls, piece.data, piece.len) != MSE_IO_DONE ||
                !proxy_flush(v->proxy, v->fd, &v->out)) {
                return false;
            }
        }
        return true;
    }
    return b.len == 0 || mse_leftover_add(&v->out, v->fd, b.data, b.len, PROXY_KEEP_MAX);
}

static bool send_up(struct visit *v, struct mse_bytes b)
{
    struct up *u = v->up;
    return b.len == 0 || (mse_tls_write(u->tls, b.data, b.len) == MSE_IO_DONE &&
                          proxy_flush(v->proxy, u->fd, &u->out));
}

void visit_consume(struct mse_build *b, size_t len)
{
    size_t rest = b->len - len;
    if (rest == 0) {
        size_t max = b->max;
        mse_build_clear(b);
        mse_build_heap(b, max);
        return;
    }
    memmove(b->data, b->data + len, rest);
    b->len = rest;
}

/* ---- life ---- */

static void on_visit_closed(uv_handle_t *h)
{
    free(h->data);
}

void visit_close(struct visit *v, bool reset)
{
    if (v->closing) {
        return;
    }
    v->closing = true;
    if (v->app != NULL && v->up == NULL) {
        app_forget(v->app, v);
    }
    if (v->up != NULL) {
        up_close(v->up);
        v->up = NULL;
    }
    mse_ages_remove(&v->proxy->visits, &v->age);
    v->proxy->num_visits--;
    mse_tls_free(v->tls);
    mse_leftover_clear(&v->out);
    mse_build_clear(&v->in);
    mse_build_clear(&v->head);
    mse_build_clear(&v->answer);
    uv_close((uv_handle_t *)&v->poll, on_visit_closed);
    if (reset) {
        mse_net_reset(v->fd);
    } else {
        (void)close(v->fd);
    }
}

/* Nothing more is answered; what is out goes out. */
void visit_begin_last(struct visit *v)
{
    visit_enter(v, VISIT_LAST);
    if (v->tls != NULL) {
        mse_tls_shutdown(v->tls);
        if (!proxy_flush(v->proxy, v->fd, &v->out)) {
            visit_close(v, true);
            return;
        }
    }
    if (v->out.len == 0) {
        (void)shutdown(v->fd, SHUT_WR);
    }
}

void visit_fail(struct visit *v, const struct mse_page *page)
{
    uint8_t room[32768];
    struct mse_build b;
    if (v->closing) {
        return;
    }
    if (v->up != NULL) {
        up_close(v->up);
        v->up = NULL;
    }
    v->app = NULL;
    if (v->response_begun || v->stage == VISIT_LAST || v->h2) {
        visit_close(v, true); /* a truncated answer must not look whole */
        return;
    }
    mse_build_fixed(&b, room, sizeof room);
    mse_page_write(&b, page, mse_bytes_str(v->accept), v->head_only);
    if (!mse_build_ok(&b) || !visit_send(v, mse_build_view(&b))) {
        visit_close(v, true);
        return;
    }
    visit_begin_last(v);
    if (!v->closing) {
        visit_turn(v);
    }
}

void visit_fail_with(struct visit *v, unsigned status, const char *title, const char *why)
{
    struct mse_page p;
    page_set(&p, status, title, "%s", why);
    if (v->app != NULL) {
        (void)snprintf(p.app, sizeof p.app, "%s", v->app->name);
    }
    visit_fail(v, &p);
}

/* ---- heads ---- */

static bool is_preface(const struct visit *v)
{
    struct mse_bytes in = mse_build_view(&v->in);
    size_t len = in.len < PREFACE_LEN ? in.len : PREFACE_LEN;
    return v->tls == NULL && len >= 4 && mse_mem_equal(in.data, PREFACE, len);
}

/* HTTP/2 without a head: everything goes to the app at home, or nothing. */
static void begin_h2(struct visit *v)
{
    struct proxy *p = v->proxy;
    if (p->cfg->home == SIZE_MAX) {
        visit_close(v, true);
        return;
    }
    v->h2 = true;
    v->app = &p->apps[p->cfg->home];
    visit_enter(v, VISIT_WAIT);
    app_want(v->app, v);
}

/* Looks at what is there. False: more has to come, or it is over. */
static bool parse_head(struct visit *v)
{
    struct proxy *p = v->proxy;
    const char *why = NULL;
    if (v->in.len == 0) {
        return false;
    }
    if (is_preface(v)) {
        if (v->in.len >= PREFACE_LEN) {
            begin_h2(v);
        }
        return v->in.len >= PREFACE_LEN;
    }
    unsigned status = mse_http1_request(&p->head, mse_build_view(&v->in), &why);
    if (status == 0) {
        return false;
    }
    v->response_begun = false;
    if (status != 200) {
        mse_log(MSE_LOG_WARN, "proxy", "refused with %u: %s", status, why);
        visit_fail_with(v, status, "This is no clear HTTP request", why);
        return false;
    }
    size_t len = p->head.len;
    request_begin(v, &p->head);
    if (v->closing || v->app == NULL) {
        return !v->closing;
    }
    if (!mse_build_ok(&v->head)) {
        visit_fail_with(v, 431, "The head is too long",
                        "the head does not fit with the app's names in it");
        return false;
    }
    visit_consume(&v->in, len);
    visit_enter(v, VISIT_WAIT);
    app_want(v->app, v);
    return true;
}

/* True if something changed. */
static bool read_head(struct visit *v)
{
    struct proxy *p = v->proxy;
    size_t n = 0;
    if (parse_head(v) || v->closing || v->stage != VISIT_HEAD) {
        return true;
    }
    enum mse_io io = client_read(v, p->plain, MSE_HTTP1_HEAD_MAX, &n);
    if (io == MSE_IO_AGAIN) {
        return false;
    }
    if (io != MSE_IO_DONE) {
        visit_close(v, false);
        return true;
    }
    if (v->in.len == 0) {
        v->since_ms = proxy_now(p); /* trickling does not help */
    }
    mse_wr_copy(&v->in, p->plain, n);
    if (!mse_build_ok(&v->in)) {
        visit_close(v, true);
    }
    return true;
}

/* ---- to the app ---- */

/* The body as far as it is there. */
static void pass_body(struct visit *v, struct mse_bytes bytes)
{
    size_t taken = 0;
    enum mse_http1_step step = mse_http1_body_take(&v->request, bytes, &taken);
    if (step == MSE_HTTP1_BAD) {
        visit_fail_with(v, 400, "This is no clear HTTP request",
                        "the body's chunks are not well formed");
        return;
    }
    v->request_done = step == MSE_HTTP1_END;
    if (!send_up(v, mse_bytes_of(bytes.data, taken))) {
        visit_fail_with(v, 502, "The app ended the connection",
                        "the app does not take the request");
        return;
    }
    if (taken < bytes.len) { /* the next request */
        mse_wr_copy(&v->in, bytes.data + taken, bytes.len - taken);
        if (!mse_build_ok(&v->in)) {
            visit_close(v, true);
        }
    }
}

/* Client to app, in a request's body or in a tunnel. True if something was carried. */
static bool carry_up(struct visit *v)
{
    struct proxy *p = v->proxy;
    bool tunnel = v->stage == VISIT_TUNNEL;
    size_t n = 0;
    if (v->up == NULL || v->up->out.len > 0 || v->in_eof || (!tunnel && v->request_done)) {
        return false;
    }
    if (v->in.len > 0) {
        n = v->in.len < PROXY_PLAIN_LEN ? v->in.len : PROXY_PLAIN_LEN;
        memcpy(p->plain, v->in.data, n);
        visit_consume(&v->in, n);
    } else {
        enum mse_io io = client_read(v, p->plain, PROXY_PLAIN_LEN, &n);
        if (io == MSE_IO_AGAIN) {
            return false;
        }
        if (io != MSE_IO_DONE && !tunnel) {
            visit_close(v, true);
            return true;
        }
        v->in_eof = io != MSE_IO_DONE;
        n = v->in_eof ? 0 : n;
    }
    v->moved_ms = proxy_now(p);
    struct mse_bytes bytes = { p->plain, n };
    if (!tunnel) {
        pass_body(v, bytes);
    } else if (!send_up(v, bytes)) {
        visit_close(v, true);
    }
    return true;
}

/* Ends of a tunnel are passed on once everything before is out. */
static void pass_ends(struct visit *v)
{
    if (v->in_eof && !v->in_told && v->up->out.len == 0) {
        v->in_told = true;
        mse_tls_shutdown(v->up->tls);
        if (!proxy_flush(v->proxy, v->up->fd, &v->up->out)) {
            visit_close(v, true);
            return;
        }
    }
    if (v->up_eof && !v->up_told && v->out.len == 0) {
        v->up_told = true;
        if (v->tls != NULL) {
            mse_tls_shutdown(v->tls);
            (void)!proxy_flush(v->proxy, v->fd, &v->out);
        }
        (void)shutdown(v->fd, SHUT_WR);
    }
    if (v->in_told && v->up_told && v->out.len == 0 && v->up->out.len == 0) {
        visit_close(v, false);
    }
}

void visit_attach(struct visit *v, struct up *u)
{
    v->up = u;
    v->response_body = false;
    visit_enter(v, v->h2 ? VISIT_TUNNEL : VISIT_BUSY);
    mse_build_clear(&v->answer);
    mse_build_heap(&v->answer, PROXY_IN_MAX);
    if (!v->h2 && !send_up(v, mse_build_view(&v->head))) {
        visit_up_ended(v, false);
        return;
    }
    visit_turn(v);
}

/* ---- turns ---- */

static void on_visit(uv_poll_t *h, int status, int events)
{
    struct visit *v = h->data;
    (void)events;
    v->events = status < 0 ? 0 : v->events;
    v->ready = true;
    visit_turn(v);
}

/* Reads and forgets, until the client has seen the end. */
static void last_turn(struct visit *v)
{
    ssize_t n = 1;
    for (int i = 0; i < 16 && n > 0; i++) {
        n = recv(v->fd, v->proxy->plain, PROXY_PLAIN_LEN, 0);
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        visit_close(v, false);
    }
}

/* True if there may be more to do. */
static bool work(struct visit *v)
{
    switch (v->stage) {
    case VISIT_SHAKE: {
        enum mse_io io = mse_tls_handshake(v->tls);
        if (!proxy_flush(v->proxy, v->fd, &v->out) || (io != MSE_IO_DONE && io != MSE_IO_AGAIN)) {
            visit_close(v, false);
        } else if (io == MSE_IO_DONE) {
            v->ready = true; /* the request may have come with the handshake */
            visit_enter(v, VISIT_HEAD);
        }
        return io == MSE_IO_DONE;
    }
    case VISIT_HEAD:
        return v->out.len == 0 && read_head(v);
    case VISIT_BUSY:
    case VISIT_TUNNEL: {
        bool moved = carry_up(v);
        if (v->closing || v->up == NULL) {
            return true;
        }
        moved = visit_carry_down(v) || moved;
        if (!v->closing && v->stage == VISIT_TUNNEL && v->up != NULL) {
            pass_ends(v);
        }
        return moved;
    }
    case VISIT_LAST:
        last_turn(v);
        return false;
    case VISIT_WAIT:
        break;
    }
    return false;
}

/* To be told of bytes that are not wanted now is less than to say so and to take it back, for they
 * hardly ever come: only when they have (ready), it is said. */
static int to_read(bool wanted, bool ready, int now)
{
    return wanted || !ready ? (wanted ? UV_READABLE : now & UV_READABLE) : 0;
}

static void update_interest(struct visit *v)
{
    bool exchange = v->up != NULL;
    bool body = v->stage == VISIT_TUNNEL || !v->request_done;
    bool from_client = v->stage == VISIT_SHAKE || v->stage == VISIT_LAST ||
                       (v->stage == VISIT_HEAD && v->out.len == 0) ||
                       (exchange && body && !v->in_eof && v->up->out.len == 0);
    proxy_watch(&v->poll, &v->events,
                to_read(from_client, v->ready, v->events) | (v->out.len > 0 ? UV_WRITABLE : 0),
                on_visit);
    if (exchange) {
        bool from_app = v->out.len == 0 && !v->up_eof;
        up_watch(v->up, to_read(from_app, v->up->ready, v->up->events) |
                            (v->up->out.len > 0 ? UV_WRITABLE : 0));
    }
}

void visit_turn(struct visit *v)
{
    bool more = true;
    if (v->out.len > 0) {
        if (!mse_leftover_send(&v->out, v->fd)) {
            visit_close(v, true);
            return;
        }
        if (v->out.len == 0 && v->stage == VISIT_LAST) {
            (void)shutdown(v->fd, SHUT_WR);
        }
    }
    if (v->up != NULL && v->up->out.len > 0 && !mse_leftover_send(&v->up->out, v->up->fd)) {
        visit_up_ended(v, false);
    }
    if (v->tls != NULL && !v->closing) {
        mse_tls_begin_turn(v->tls);
    }
    if (v->up != NULL) {
        mse_tls_begin_turn(v->up->tls);
    }
    while (more && !v->closing) {
        more = work(v);
    }
    if (!v->closing) {
        update_interest(v);
    }
}

/* ---- limits ---- */

static bool over(const struct visit *v, uint64_t since, uint64_t limit)
{
    return proxy_now(v->proxy) - since >= limit;
}

static void tick_head(struct visit *v)
{
    if (v->in.len > 0 && over(v, v->since_ms, SHAKE_MS)) {
        visit_fail_with(v, 408, "The request takes too long", "its head was not there in time");
    } else if (v->in.len == 0 && (over(v, v->since_ms, IDLE_MS) || v->proxy->ending)) {
        visit_close(v, false);
    }
}

void visit_tick(struct visit *v)
{
    switch (v->stage) {
    case VISIT_SHAKE:
        if (over(v, v->since_ms, SHAKE_MS)) {
            visit_close(v, true);
        }
        break;
    case VISIT_HEAD:
        tick_head(v);
        break;
    case VISIT_WAIT:
        if (over(v, v->since_ms, WAIT_MS)) {
            app_forget(v->app, v);
            visit_fail_with(v, 504, "The app cannot be reached",
                            "no attested connection to the app was to be had in time");
        }
        break;
    case VISIT_BUSY:
        if (over(v, v->moved_ms, v->request_done ? ANSWER_MS : BODY_MS)) {
            visit_fail_with(v, v->request_done ? 504 : 408, "It takes too long",
                            v->request_done ? "the app's answer did not come in time"
                                            : "the request's body did not come in time");
        }
        break;
    case VISIT_TUNNEL:
        if (over(v, v->moved_ms, TUNNEL_MS)) {
            visit_close(v, true);
        }
        break;
    case VISIT_LAST:
        if (over(v, v->since_ms, LAST_MS) && (v->out.len == 0 || over(v, v->since_ms, SHAKE_MS))) {
            visit_close(v, v->out.len > 0);
        }
        break;
    }
}

bool visit_new(struct proxy *p, int fd)
{
    struct visit *v = calloc(1, sizeof *v);
    if (v == NULL || uv_poll_init_socket(&p->loop, &v->poll, fd) != 0) {
        free(v);
        (void)close(fd);
        return false;
    }
    v->proxy = p;
    v->fd = fd;
    v->poll.data = v;
    v->ready = true;
    mse_build_heap(&v->in, PROXY_IN_MAX);
    mse_build_heap(&v->head, PROXY_IN_MAX);
    mse_build_heap(&v->answer, PROXY_IN_MAX);
    visit_enter(v, VISIT_HEAD);
    mse_ages_append(&p->visits, &v->age, proxy_now(p));
    p->num_visits++;
    visit_turn(v);
    return true;
}
