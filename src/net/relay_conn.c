/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of the relay: TLS in front, plain behind, back-pressure between. */
#include "net/relay_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "net/loop.h"

#define CHUNKS_PER_TURN 4

/* Lists. */

struct mse_relay_conn *relay_conn_of(struct mse_aged *a)
{
    return (struct mse_relay_conn *)a; /* its first member */
}

static void list_remove(struct mse_relay_conn *c)
{
    mse_ages_remove(&c->relay->stages[c->stage], &c->age);
}

static void list_append(struct mse_relay_conn *c, enum relay_stage stage)
{
    c->stage = stage;
    mse_ages_append(&c->relay->stages[stage], &c->age, uv_now(c->relay->cfg.loop));
}

void relay_set_stage(struct mse_relay_conn *c, enum relay_stage stage)
{
    list_remove(c);
    list_append(c, stage);
}

static void touch(struct mse_relay_conn *c)
{
    c->resting = false;
    /* A millisecond's precision is enough, and busy connections come here often. */
    if (c->stage >= RELAY_OPEN && !c->back_dead && c->age.since != uv_now(c->relay->cfg.loop)) {
        relay_set_stage(c, c->stage);
    }
}

static void on_again(uv_idle_t *h);

void relay_hungry(struct mse_relay_conn *c)
{
    struct mse_relay *r = c->relay;
    if (!c->hungry) {
        c->hungry = true;
        c->next_hungry = r->hungry;
        r->hungry = c;
        (void)uv_idle_start(&r->again, on_again);
    }
}

static void hungry_remove(struct mse_relay_conn *c)
{
    struct mse_relay_conn **p = &c->relay->hungry;
    while (c->hungry && *p != NULL) {
        if (*p == c) {
            *p = c->next_hungry;
            c->hungry = false;
        } else {
            p = &(*p)->next_hungry;
        }
    }
}

/* Sending. */

/* Sends what the TLS calls of this turn appended. */
bool relay_flush(struct mse_relay_conn *c)
{
    struct mse_build *b = &c->relay->cipher;
    bool ok = mse_build_ok(b) &&
              (b->len == 0 ||
               mse_leftover_add(&c->to_front, c->front_fd, b->data, b->len, RELAY_LEFTOVER_MAX));
    mse_build_reset(b);
    return ok;
}

/* Carrying. What returns bool returns false when the connection is of no more use. */

/* Passes the end of a side on, once everything before it is out. */
static void pass_end_on(struct mse_relay_conn *c)
{
    if (c->back_eof && c->to_front.len == 0) {
        (void)shutdown(c->front_fd, SHUT_WR);
    }
    if (c->front_eof && c->to_back.len == 0) {
        (void)shutdown(c->back_fd, SHUT_WR);
    }
}

/* An app may answer and close before it has read everything: its answer still goes out. */
static void send_back(struct mse_relay_conn *c, const uint8_t *p, size_t len)
{
    if (!c->back_dead && !mse_leftover_add(&c->to_back, c->back_fd, p, len, RELAY_LEFTOVER_MAX)) {
        c->back_dead = true;
    }
}

/* Fills the shared buffer from TLS. *more: input may be left inside. */
static enum mse_io read_front(struct mse_relay_conn *c, size_t *len, bool *more)
{
    struct mse_relay *r = c->relay;
    enum mse_io io = MSE_IO_DONE;
    *len = 0;
    *more = true;
    while (*more && io == MSE_IO_DONE && RELAY_PLAIN_LEN - *len >= MSE_TLS_RECORD_MAX) {
        size_t n = 0;
        io = mse_tls_read(c->tls, r->plain + *len, RELAY_PLAIN_LEN - *len, &n);
        *len += io == MSE_IO_DONE ? n : 0;
        *more = io == MSE_IO_DONE && mse_tls_pending(c->tls);
    }
    return io;
}

/* Client to app. */
static bool carry_up(struct mse_relay_conn *c)
{
    bool more = true;
    for (int i = 0; more && i < CHUNKS_PER_TURN && !c->front_eof && c->to_back.len == 0; i++) {
        size_t len = 0;
        enum mse_io io = read_front(c, &len, &more);
        if (!relay_flush(c) || io == MSE_IO_ERROR) {
            return false;
        }
        if (len > 0) {
            send_back(c, c->relay->plain, len);
        }
        if (io == MSE_IO_EOF) {
            c->front_eof = true;
            relay_set_stage(c, RELAY_HALF);
            pass_end_on(c);
        }
    }
    if (more && !c->front_eof && c->to_back.len == 0) {
        relay_hungry(c);
    }
    return true;
}

/* App to client. */
static bool carry_down(struct mse_relay_conn *c)
{
    struct mse_relay *r = c->relay;
    if (c->back_eof || c->to_front.len > 0) {
        return true;
    }
    ssize_t n = recv(c->back_fd, r->plain, RELAY_PLAIN_LEN, 0);
    if (n < 0 && errno != ECONNRESET) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (n > 0) {
        return mse_tls_write(c->tls, r->plain, (size_t)n) == MSE_IO_DONE && relay_flush(c);
    }
    c->back_eof = true;
    relay_set_stage(c, RELAY_HALF);
    if (n == 0) { /* after a reset the client must not take the end for an orderly one */
        mse_tls_shutdown(c->tls);
    }
    if (!relay_flush(c)) {
        return false;
    }
    pass_end_on(c);
    return true;
}

/* Interest in events. */

/* After an error libuv has stopped watching; reading then says what the error was. */
static void on_front(uv_poll_t *h, int status, int events)
{
    struct mse_relay_conn *c = h->data;
    c->front_events = status < 0 ? 0 : c->front_events;
    relay_conn_turn(c, status < 0 || (events & UV_READABLE) != 0, false);
}

static void on_back(uv_poll_t *h, int status, int events)
{
    struct mse_relay_conn *c = h->data;
    c->back_events = status < 0 ? 0 : c->back_events;
    relay_conn_turn(c, false, status < 0 || (events & UV_READABLE) != 0);
}

static void watch(uv_poll_t *h, int *now, int wanted, uv_poll_cb cb)
{
    if (*now != wanted) {
        *now = wanted;
        MSE_ASSERT((wanted == 0 ? uv_poll_stop(h) : uv_poll_start(h, wanted, cb)) == 0);
    }
}

static void update_interest(struct mse_relay_conn *c)
{
    bool connected = c->back_fd >= 0;
    bool read_front_side = c->stage == RELAY_HANDSHAKE ||
                           (c->ask != NULL && c->ask->have < c->ask->want) ||
                           (connected && !c->front_eof && c->to_back.len == 0);
    bool read_back_side = connected && !c->back_eof && c->to_front.len == 0;
    watch(&c->front, &c->front_events,
          (read_front_side ? UV_READABLE : 0) | (c->to_front.len > 0 ? UV_WRITABLE : 0), on_front);
    if (connected) {
        watch(&c->back, &c->back_events,
              (read_back_side ? UV_READABLE : 0) | (c->to_back.len > 0 ? UV_WRITABLE : 0), on_back);
    }
}

/* Life of a connection. */

static void on_conn_closed(uv_handle_t *h)
{
    struct mse_relay_conn *c = h->data;
    if (--c->open_handles == 0) {
        free(c);
    }
}

void relay_conn_close(struct mse_relay_conn *c)
{
    if (c->closing) {
        return;
    }
    c->closing = true;
    if (c->ask != NULL && c->ask->have == c->ask->want && !c->ask->answered) {
        c->relay->cfg.asks->gone(c->relay->cfg.asks->user, c);
    }
    relay_ask_free(c);
    free(c->header);
    c->header = NULL;
    mse_sources_leave(c->relay->sources, c->counts);
    list_remove(c);
    hungry_remove(c);
    c->relay->num--;
    mse_tls_free(c->tls);
    c->tls = NULL;
    mse_leftover_clear(&c->to_front);
    mse_leftover_clear(&c->to_back);
    uv_close((uv_handle_t *)&c->front, on_conn_closed);
    (void)close(c->front_fd);
    if (c->given_fd >= 0) {
        (void)close(c->given_fd);
    }
    if (c->back_fd >= 0) {
        uv_close((uv_handle_t *)&c->back, on_conn_closed);
        (void)close(c->back_fd);
    }
}

/* Turns. */

/* The handshake goes on; true when all is well, complete or not. */
static bool handshake(struct mse_relay_conn *c)
{
    struct mse_relay *r = c->relay;
    enum mse_io io = mse_tls_handshake(c->tls);
    bool sent = relay_flush(c);
    if (io == MSE_IO_AGAIN) {
        return sent;
    }
    if (io != MSE_IO_DONE || !sent) {
        r->stats.failed++;
        (void)shutdown(c->front_fd, SHUT_WR); /* so that an alert arrives before the end */
        return false;
    }
    r->stats.handshakes++;
    bool then_stream = false;
    if (relay_asks_first(c, &then_stream)) {
        return relay_ask_begin(c, then_stream);
    }
    relay_set_stage(c, RELAY_CONNECT);
    return relay_connect_back(c);
}

/* Sends what was left over; false when the front is of no more use. */
static bool send_leftovers(struct mse_relay_conn *c)
{
    if (!mse_leftover_send(&c->to_front, c->front_fd)) {
        return false;
    }
    if (!mse_leftover_send(&c->to_back, c->back_fd)) {
        c->back_dead = true;
        mse_leftover_clear(&c->to_back);
    }
    pass_end_on(c);
    return true;
}

static bool conn_work(struct mse_relay_conn *c, bool front_ready, bool back_ready)
{
    if ((c->to_front.len > 0 || c->to_back.len > 0) && !send_leftovers(c)) {
        return false;
    }
    if (c->stage == RELAY_HANDSHAKE) {
        if (front_ready && c->header != NULL && !relay_header_read(c)) {
            c->relay->stats.failed++;
            return false;
        }
        if (front_ready && c->header == NULL && !handshake(c)) {
            return false;
        }
        front_ready = false;
    } else if (c->stage == RELAY_ASK && !relay_ask_work(c, front_ready)) {
        return false;
    }
    if (c->back_fd < 0) {
        return true;
    }
    /* The socket does not show what TLS has read ahead. */
    front_ready = front_ready || (c->to_back.len == 0 && mse_tls_pending(c->tls));
    if ((back_ready && !carry_down(c)) || (front_ready && !carry_up(c))) {
        return false;
    }
    return !(c->front_eof && c->back_eof && c->to_front.len == 0 && c->to_back.len == 0);
}

void relay_conn_turn(struct mse_relay_conn *c, bool front_ready, bool back_ready)
{
    if (c->closing) {
        return;
    }
    touch(c);
    mse_tls_begin_turn(c->tls);
    if (conn_work(c, front_ready, back_ready)) {
        update_interest(c);
    } else {
        relay_conn_close(c);
    }
}

static void on_again(uv_idle_t *h)
{
    struct mse_relay *r = h->data;
    struct mse_relay_conn *c = r->hungry;
    r->hungry = NULL;
    (void)uv_idle_stop(h);
    while (c != NULL) {
        struct mse_relay_conn *next = c->next_hungry;
        c->hungry = false;
        relay_conn_turn(c, true, false); /* closes at most c itself */
        c = next;
    }
}

/* New ones. */

/* Takes over fd. NULL without memory. */
static struct mse_relay_conn *conn_new(struct mse_relay *r, int fd)
{
    struct mse_relay_conn *c = calloc(1, sizeof *c);
    if (c == NULL || uv_poll_init_socket(r->cfg.loop, &c->front, fd) != 0) {
        free(c);
        (void)close(fd);
        return NULL;
    }
    c->relay = r;
    c->front_fd = fd;
    c->back_fd = -1;
    c->given_fd = -1;
    c->front.data = c;
    c->open_handles = 1;
    mse_net_source(fd, c->source);
    list_append(c, RELAY_HANDSHAKE);
    r->num++;
    return c;
}

void relay_conn_accept(struct mse_relay *r, int fd)
{
    struct mse_relay_conn *c = conn_new(r, fd);
    if (c == NULL) {
        return;
    }
    if (!(r->cfg.proxy_protocol ? relay_header_expect(c) : relay_count_source(c))) {
        relay_conn_close(c);
        return;
    }
    c->tls = mse_tls_accept(r->cfg.tls, fd, &r->cipher);
    if (c->tls == NULL) {
        relay_conn_close(c);
        return;
    }
    update_interest(c);
}

bool mse_relay_adopt(struct mse_relay *r, struct mse_tls_client *client,
                     const struct mse_tls_peer *peer, const struct mse_relay_way *w)
{
    struct mse_relay_conn *c = NULL;
    if (r->num >= r->cfg.max_connections) {
        (void)close(w->fd);
    } else {
        c = conn_new(r, w->fd);
    }
    if (c == NULL) {
        (void)close(w->back_fd);
        return false;
    }
    c->given_fd = w->back_fd;
    c->tls = mse_tls_connect(client, peer, w->fd, &r->cipher);
    if (c->tls == NULL ||
        (w->greeting.len > 0 && !mse_leftover_add(&c->to_front, w->fd, w->greeting.data,
                                                  w->greeting.len, RELAY_LEFTOVER_MAX))) {
        relay_conn_close(c);
        return false;
    }
    relay_hungry(c); /* its first turn, which sends the ClientHello */
    return true;
}

/* What others may ask. */

bool mse_relay_conn_export(struct mse_relay_conn *c, uint8_t out[32], const char *label,
                           struct mse_bytes context)
{
    return mse_tls_export(c->tls, out, label, context);
}

const char *mse_relay_conn_name(const struct mse_relay_conn *c)
{
    return mse_tls_name(c->tls);
}

bool mse_relay_conn_named(const struct mse_relay_conn *c, const char *name)
{
    return mse_tls_named(c->tls, name);
}

void mse_relay_conn_source(const struct mse_relay_conn *c, uint8_t out[16])
{
    memcpy(out, c->source, sizeof c->source);
}
