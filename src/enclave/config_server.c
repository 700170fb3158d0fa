/* SPDX-License-Identifier: Apache-2.0 */
/* See config_server.h. One request per connection; strangers and holders of the token have places
 * of their own, so that the ones cannot take those of the others. */
#include "enclave/config_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/util.h"
#include "enclave/http_head.h"
#include "net/leftover.h"
#include "net/loop.h"

#define BACKLOG     64
#define NUM_PLACES  (MSE_CONFIG_MAX_STRANGERS + MSE_CONFIG_MAX_HOLDERS)
#define MAX_ANSWER  ((size_t)2048)
#define READ_LEN    ((size_t)16384)
#define MAX_DISCARD MSE_HTTP_MAX_HEAD

enum step {
    STEP_HEAD,
    STEP_BODY,
    STEP_DUE,    /* failed, which is said at a tick */
    STEP_ANSWER, /* what is said is on its way; what comes is thrown away */
};

struct conn {
    struct mse_config_server *server;
    uv_poll_t poll;
    int fd;
    enum step step;
    bool holder;
    uint64_t number; /* in the order in which they came */
    uint64_t began;
    uint64_t last;
    size_t have;
    uint8_t head[MSE_HTTP_MAX_HEAD];
    struct mse_http_head http;
    struct mse_build body;
    struct mse_config_answer due;
    uint64_t due_number;
    struct mse_leftover out;
    size_t discarded;
};

struct mse_config_server {
    struct mse_config_server_config cfg;
    enum mse_config_state state;
    const char *error;
    int fd;
    bool stopped;
    uv_poll_t listener;
    uv_timer_t tick;
    uint64_t next_number;
    uint64_t next_due;
    struct conn *places[NUM_PLACES]; /* of strangers, then of holders */
};

/* ---- places ---- */

static void leave_place(const struct conn *c)
{
    for (size_t i = 0; i < NUM_PLACES; i++) {
        if (c->server->places[i] == c) {
            c->server->places[i] = NULL;
        }
    }
}

static struct conn **free_place(struct mse_config_server *s, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (s->places[i] == NULL) {
            return &s->places[i];
        }
    }
    return NULL;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

static void conn_close(struct conn *c)
{
    leave_place(c);
    mse_wipe(c->head, sizeof c->head);
    mse_wipe(&c->http, sizeof c->http);
    mse_build_clear(&c->body);
    mse_leftover_clear(&c->out);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    (void)close(c->fd);
}

/* A place for one who has shown nothing yet: at the worst that of the oldest of his kind. */
static struct conn **place_for_stranger(struct mse_config_server *s)
{
    struct conn **place = free_place(s, 0, MSE_CONFIG_MAX_STRANGERS);
    if (place != NULL) {
        return place;
    }
    place = &s->places[0];
    for (size_t i = 1; i < MSE_CONFIG_MAX_STRANGERS; i++) {
        place = s->places[i]->number < (*place)->number ? &s->places[i] : place;
    }
    conn_close(*place);
    return place;
}

static bool make_holder(struct conn *c)
{
    struct conn **place = free_place(c->server, MSE_CONFIG_MAX_STRANGERS, NUM_PLACES);
    if (place == NULL) {
        return false;
    }
    leave_place(c);
    *place = c;
    c->holder = true;
    return true;
}

/* ---- answers ---- */

static const char *reason(unsigned http)
{
    static const struct {
        unsigned http;
        const char *text;
    } rows[] = {
        { 200, "OK" },
        { 401, "Unauthorized" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 409, "Conflict" },
        { 411, "Length Required" },
        { 413, "Content Too Large" },
        { 422, "Unprocessable Content" },
        { 431, "Request Header Fields Too Large" },
        { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        if (rows[i].http == http) {
            return rows[i].text;
        }
    }
    return "Bad Request";
}

static void write_body(struct mse_build *b, const struct mse_config_server *s,
                       const struct mse_config_answer *a)
{
    struct mse_js j = { .b = b };
    mse_js_open(&j, NULL, '{');
    if (a->http == 200) {
        mse_js_str(&j, "status", mse_config_state_name(s->state));
    }
    const char *error = a->http == 200 ? s->error : a->error;
    if (error != NULL) {
        mse_js_str(&j, "error", error);
    }
    if (a->field[0] != '\0') {
        mse_js_str(&j, "field", a->field);
    }
    mse_js_close(&j, '}');
}

static void forget_request(struct conn *c)
{
    mse_build_clear(&c->body);
    mse_wipe(c->head, sizeof c->head);
    mse_wipe(&c->http, sizeof c->http);
}

static void say_now(struct conn *c, const struct mse_config_answer *a)
{
    uint8_t text[MAX_ANSWER];
    uint8_t body_text[MAX_ANSWER / 2];
    struct mse_build b;
    struct mse_build body;
    mse_build_fixed(&b, text, sizeof text);
    mse_build_fixed(&body, body_text, sizeof body_text);
    write_body(&body, c->server, a);
    mse_wr_printf(&b,
                  "HTTP/1.1 %u %s\r\nMse-Status: %s\r\nContent-Type: application/json\r\n"
                  "Content-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
                  a->http, reason(a->http), mse_config_state_name(c->server->state), body.len);
    mse_wr_bytes(&b, mse_build_view(&body));
    MSE_ASSERT(mse_build_ok(&body) && mse_build_ok(&b));
    c->step = STEP_ANSWER;
    c->last = uv_now(c->server->cfg.loop);
    forget_request(c);
    /* A failure shows when the socket is read. */
    if (!mse_leftover_add(&c->out, c->fd, b.data, b.len, MAX_ANSWER) || c->out.len == 0) {
        (void)shutdown(c->fd, SHUT_WR);
    }
}

/* A failure waits for its tick; meanwhile nothing is read. */
static void say(struct conn *c, const struct mse_config_answer *a)
{
    if (a->http == 200) {
        say_now(c, a);
        return;
    }
    c->due = *a;
    c->due_number = c->server->next_due++;
    c->step = STEP_DUE;
    forget_request(c);
    (void)uv_poll_stop(&c->poll);
}

static void say_status(struct conn *c, unsigned http)
{
    const struct mse_config_answer a = { .http = http, .error = http == 200 ? NULL : "request" };
    say(c, &a);
}

/* ---- requests ---- */

static void judge(struct conn *c)
{
    struct mse_config_server *s = c->server;
    struct mse_config config = { .has_code_key = false };
    struct mse_config_answer a;
    /* Once more: another one may have been faster. */
    mse_config_admit(&a, &s->cfg.rules, s->state, c->http.token);
    if (a.http == 200) {
        mse_config_judge(&config, &a, &s->cfg.rules, mse_build_view(&c->body));
    }
    if (a.http == 200) {
        mse_config_server_set(s, MSE_CONFIG_STARTING, NULL);
        s->cfg.accepted(s->cfg.user, &config);
    }
    mse_wipe(&config, sizeof config);
    say(c, &a);
}

/* The head is here, and post: may this one send a body? */
static void admit(struct conn *c)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct mse_config_server *s = c->server;
    struct mse_config_answer a;
    mse_config_admit(&a, &s->cfg.rules, s->state, c->http.has_token ? c->http.token : NULL);
    if (a.http != 200) {
        say(c, &a);
        return;
    }
    if (c->http.content_length > MSE_CONFIG_MAX_BODY || !make_holder(c)) {
        say_status(c, c->http.content_length > MSE_CONFIG_MAX_BODY ? 413 : 503);
        return;
    }
    size_t want = (size_t)c->http.content_length;
    size_t came = c->have - c->http.len < want ? c->have - c->http.len : want;
    c->step = STEP_BODY;
    mse_build_heap(&c->body, want);
    mse_wr_copy(&c->body, c->head + c->http.len, came);
    mse_wipe(c->head, sizeof c->head);
    if (c->http.wants_continue && came == 0) {
        (void)send(c->fd, go_on, sizeof go_on - 1, MSG_NOSIGNAL);
    }
}

static void read_head(struct conn *c)
{
    unsigned http = mse_http_head_read(&c->http, mse_bytes_of(c->head, c->have));
    if (http == 0) {
        return;
    }
    if (http != 200 || !c->http.post) {
        say_status(c, http);
        return;
    }
    admit(c);
}

static void take(struct conn *c, const uint8_t *p, size_t len)
{
    if (c->step == STEP_HEAD) {
        size_t n = sizeof c->head - c->have < len ? sizeof c->head - c->have : len;
        memcpy(c->head + c->have, p, n);
        c->have += n;
        read_head(c);
    } else {
        size_t left = (size_t)c->http.content_length - c->body.len;
        mse_wr_copy(&c->body, p, len < left ? len : left);
    }
    if (c->step != STEP_BODY) {
        return;
    }
    if (!mse_build_ok(&c->body)) {
        say_status(c, 503);
    } else if (c->body.len == c->http.content_length) {
        judge(c);
    }
}

/* False when the connection is of no more use. */
static bool read_some(struct conn *c)
{
    uint8_t piece[READ_LEN];
    size_t want = c->step == STEP_HEAD ? sizeof c->head - c->have : sizeof piece;
    ssize_t n = recv(c->fd, piece, want, 0);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (n == 0) {
        return c->step == STEP_ANSWER && c->out.len > 0; /* he may have ended his side only */
    }
    if (c->step == STEP_ANSWER) {
        c->discarded += (size_t)n;
        return c->discarded < MAX_DISCARD || c->out.len > 0;
    }
    c->last = uv_now(c->server->cfg.loop);
    take(c, piece, (size_t)n);
    mse_wipe(piece, (size_t)n);
    return true;
}

static void on_conn(uv_poll_t *h, int status, int events)
{
    struct conn *c = h->data;
    bool ok = status == 0;
    if (ok && c->out.len > 0) {
        ok = mse_leftover_send(&c->out, c->fd);
        if (ok && c->out.len == 0) {
            (void)shutdown(c->fd, SHUT_WR);
        }
    }
    if (ok && (events & UV_READABLE) != 0) {
        ok = read_some(c);
    }
    if (ok && c->step == STEP_DUE) {
        return;
    }
    int wanted = c->out.len > 0 ? UV_WRITABLE : UV_READABLE;
    if (!ok || uv_poll_start(&c->poll, wanted, on_conn) != 0) {
        conn_close(c);
    }
}

/* ---- connections ---- */

/* Takes over fd. */
static void conn_new(struct mse_config_server *s, int fd)
{
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL || uv_poll_init(s->cfg.loop, &c->poll, fd) != 0) {
        free(c);
        (void)close(fd);
        return;
    }
    c->server = s;
    c->fd = fd;
    c->poll.data = c;
    c->number = s->next_number++;
    c->began = uv_now(s->cfg.loop);
    c->last = c->began;
    *place_for_stranger(s) = c;
    if (uv_poll_start(&c->poll, UV_READABLE, on_conn) != 0) {
        conn_close(c);
    }
}

static void on_listener(uv_poll_t *h, int status, int events)
{
    struct mse_config_server *s = h->data;
    (void)events;
    for (int i = 0; status == 0 && i < MSE_CONFIG_MAX_STRANGERS; i++) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            mse_net_accept_failed(h, errno);
            return;
        }
        conn_new(s, fd);
    }
}

static bool too_late(const struct conn *c, uint64_t now)
{
    if (c->step == STEP_DUE) {
        return false; /* its tick comes */
    }
    if (c->step == STEP_ANSWER && c->out.len == 0) {
        return now - c->last >= MSE_CONFIG_LINGER_MS;
    }
    if (!c->holder) {
        return now - c->began >= MSE_CONFIG_STRANGER_MS;
    }
    return now - c->last >= MSE_CONFIG_IDLE_MS || now - c->began >= MSE_CONFIG_TOTAL_MS;
}

static struct conn *longest_due(const struct mse_config_server *s, size_t from, size_t to)
{
    struct conn *first = NULL;
    for (size_t i = from; i < to; i++) {
        struct conn *c = s->places[i];
        if (c != NULL && c->step == STEP_DUE &&
            (first == NULL || c->due_number < first->due_number)) {
            first = c;
        }
    }
    return first;
}

static void say_due(struct conn *c)
{
    if (c == NULL) {
        return;
    }
    say_now(c, &c->due);
    if (uv_poll_start(&c->poll, c->out.len > 0 ? UV_WRITABLE : UV_READABLE, on_conn) != 0) {
        conn_close(c);
    }
}

void mse_config_server_tick(struct mse_config_server *s)
{
    say_due(longest_due(s, 0, MSE_CONFIG_MAX_STRANGERS));
    say_due(longest_due(s, MSE_CONFIG_MAX_STRANGERS, NUM_PLACES));
    for (size_t i = 0; i < NUM_PLACES; i++) {
        if (s->places[i] != NULL && too_late(s->places[i], uv_now(s->cfg.loop))) {
            conn_close(s->places[i]);
        }
    }
    if (!s->stopped && !uv_is_active((const uv_handle_t *)&s->listener)) {
        (void)uv_poll_start(&s->listener, UV_READABLE, on_listener);
    }
}

static void on_tick(uv_timer_t *h)
{
    mse_config_server_tick(h->data);
}

/* ---- life ---- */

mse_status mse_config_server_new(struct mse_config_server **out,
                                 const struct mse_config_server_config *c, struct mse_error *err)
{
    struct mse_config_server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "config", "out of memory");
    }
    unsigned tick_ms = c->tick_ms == 0 ? MSE_CONFIG_TICK_MS : c->tick_ms;
    s->cfg = *c;
    s->fd = mse_net_listen_unix(c->path, BACKLOG);
    *out = s;
    s->listener.data = s;
    s->tick.data = s;
    if (s->fd < 0 || uv_poll_init(c->loop, &s->listener, s->fd) != 0 ||
        uv_poll_start(&s->listener, UV_READABLE, on_listener) != 0 ||
        uv_timer_init(c->loop, &s->tick) != 0 ||
        uv_timer_start(&s->tick, on_tick, tick_ms, tick_ms) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "config", "no socket to listen at: %s", strerror(errno));
    }
    return MSE_OK;
}

void mse_config_server_set(struct mse_config_server *s, enum mse_config_state state,
                           const char *error)
{
    s->state = state;
    s->error = error;
}

void mse_config_server_stop(struct mse_config_server *s)
{
    if (s == NULL || s->stopped) {
        return;
    }
    s->stopped = true;
    for (size_t i = 0; i < NUM_PLACES; i++) {
        if (s->places[i] != NULL) {
            conn_close(s->places[i]);
        }
    }
    if (s->fd >= 0 && s->listener.loop != NULL) {
        (void)uv_poll_stop(&s->listener);
    }
}

void mse_config_server_free(struct mse_config_server *s)
{
    if (s == NULL) {
        return;
    }
    if (s->fd >= 0) {
        (void)close(s->fd);
    }
    free(s);
}
