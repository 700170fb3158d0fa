/* SPDX-License-Identifier: Apache-2.0 */
/* The relay. Each connection is a pair: front (TCP, TLS) and back (unix socket, plain). All of them
 * share one plaintext buffer and one ciphertext buffer; only what a socket did not take at once is
 * kept with the connection, and while it is kept nothing more is read from the other side. That is
 * the whole back-pressure. */
#include "net/relay_inner.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/util.h"
#include "net/loop.h"

#define ACCEPTS_PER_TURN 64
#define REST_AFTER_MS    1000
#define EVICT_AFTER_MS   1000 /* what was idle for so long may make room for a new connection */

/* Accepting. */

/* Makes room for one more, if that hurts nobody: a handshake that dawdles, then the connection that
 * was idle for longest. */
static bool make_room(struct mse_relay *r)
{
    static const enum relay_stage order[] = { RELAY_HANDSHAKE, RELAY_ASK, RELAY_HALF, RELAY_OPEN };
    uint64_t now = uv_now(r->cfg.loop);
    for (size_t i = 0; i < MSE_ARRAY_LEN(order); i++) {
        struct mse_aged *a = mse_ages_over(&r->stages[order[i]], now, EVICT_AFTER_MS);
        if (a != NULL) {
            r->stats.evicted++;
            relay_conn_close(relay_conn_of(a));
            return true;
        }
    }
    return false;
}

static void refuse(struct mse_relay *r, int fd)
{
    mse_net_reset(fd);
    r->stats.refused++;
}

static void on_listener(uv_poll_t *h, int status, int events)
{
    struct mse_relay *r = h->data;
    (void)events;
    for (int i = 0; status == 0 && i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(r->cfg.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            mse_net_accept_failed(h, errno);
            return;
        }
        r->stats.accepted++;
        if (r->num >= r->cfg.max_connections && !make_room(r)) {
            refuse(r, fd);
        } else {
            relay_conn_accept(r, fd);
        }
    }
}

void mse_relay_set_server(struct mse_relay *r, struct mse_tls_server *tls)
{
    r->cfg.tls = tls;
}

/* Time. */

static unsigned stage_ms(const struct mse_relay *r, enum relay_stage stage)
{
    switch (stage) {
    case RELAY_HANDSHAKE:
    case RELAY_ASK:
    case RELAY_CONNECT:
        return r->cfg.handshake_ms;
    case RELAY_HALF:
        return r->cfg.half_ms;
    case RELAY_OPEN:
    case RELAY_STAGES:
        break;
    }
    return r->cfg.idle_ms;
}

/* Takes the buffers of those that have just become idle. Whoever has been idle for longer was here
 * before. */
static void rest_idle(struct mse_relay *r, uint64_t now)
{
    for (struct mse_aged *a = r->stages[RELAY_OPEN].newest; a != NULL; a = a->older) {
        struct mse_relay_conn *c = relay_conn_of(a);
        if (now - a->since < REST_AFTER_MS) {
            continue;
        }
        if (c->resting) {
            return;
        }
        c->resting = true;
        mse_tls_rest(c->tls);
    }
}

static void on_tick(uv_timer_t *h)
{
    struct mse_relay *r = h->data;
    uint64_t now = uv_now(r->cfg.loop);
    rest_idle(r, now);
    for (int s = 0; s < RELAY_STAGES; s++) {
        struct mse_aged *a = NULL;
        while ((a = mse_ages_over(&r->stages[s], now, stage_ms(r, (enum relay_stage)s))) != NULL) {
            r->stats.failed += s == RELAY_HANDSHAKE ? 1 : 0;
            relay_conn_close(relay_conn_of(a));
        }
    }
    if (r->accepting && !uv_is_active((const uv_handle_t *)&r->listener)) {
        (void)uv_poll_start(&r->listener, UV_READABLE, on_listener);
    }
}

/* The relay itself. */

static void relay_free(struct mse_relay *r)
{
    mse_sources_free(r->sources);
    mse_wipe(r->plain, sizeof r->plain);
    free(r);
}

static void on_relay_closed(uv_handle_t *h)
{
    struct mse_relay *r = h->data;
    if (--r->open_handles == 0) {
        relay_free(r);
    }
}

static void handle_own(struct mse_relay *r, uv_handle_t *h)
{
    h->data = r;
    r->open_handles++;
}

static bool start(struct mse_relay *r)
{
    unsigned shortest = r->cfg.handshake_ms < r->cfg.half_ms ? r->cfg.handshake_ms : r->cfg.half_ms;
    shortest = r->cfg.idle_ms < shortest ? r->cfg.idle_ms : shortest;
    uint64_t tick_ms = shortest / 4 > 1000 ? 1000 : shortest / 4 + 1;
    return uv_timer_start(&r->tick, on_tick, tick_ms, tick_ms) == 0 &&
           (r->cfg.listen_fd < 0 || uv_poll_start(&r->listener, UV_READABLE, on_listener) == 0);
}

/* Accepted sockets inherit what is set here. Without it answers wait for delayed
 * acknowledgements. */
static bool init_listener(struct mse_relay *r)
{
    static const int on = 1;
    int fd = r->cfg.listen_fd;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        uv_poll_init_socket(r->cfg.loop, &r->listener, fd) != 0) {
        return false;
    }
    handle_own(r, (uv_handle_t *)&r->listener);
    return true;
}

mse_status mse_relay_new(struct mse_relay **out, const struct mse_relay_config *cfg,
                         struct mse_error *err)
{
    struct mse_relay *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "relay", "out of memory");
    }
    r->cfg = *cfg;
    mse_build_fixed(&r->cipher, r->cipher_buf, sizeof r->cipher_buf);
    r->sources = cfg->max_per_source > 0 ? mse_sources_new() : NULL;
    if (cfg->max_per_source > 0 && r->sources == NULL) {
        relay_free(r);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "relay", "out of memory");
    }
    if (cfg->listen_fd >= 0 && !init_listener(r)) {
        relay_free(r);
        return MSE_FAIL(err, MSE_ERR_IO, "relay", "descriptor %d is no listening TCP socket",
                        cfg->listen_fd);
    }
    (void)uv_timer_init(cfg->loop, &r->tick); /* these three cannot fail */
    handle_own(r, (uv_handle_t *)&r->tick);
    (void)uv_timer_init(cfg->loop, &r->retry);
    handle_own(r, (uv_handle_t *)&r->retry);
    (void)uv_idle_init(cfg->loop, &r->again);
    handle_own(r, (uv_handle_t *)&r->again);
    r->accepting = cfg->listen_fd >= 0;
    if (!start(r)) {
        mse_relay_close(r);
        return MSE_FAIL(err, MSE_ERR_IO, "relay", "the event loop refused to start");
    }
    *out = r;
    return MSE_OK;
}

void mse_relay_stop_accepting(struct mse_relay *r)
{
    r->accepting = false;
    if (r->cfg.listen_fd >= 0) {
        (void)uv_poll_stop(&r->listener);
    }
}

void mse_relay_close_idle(struct mse_relay *r, unsigned idle_ms)
{
    uint64_t now = uv_now(r->cfg.loop);
    for (int s = 0; s < RELAY_STAGES; s++) {
        struct mse_aged *a = NULL;
        while ((a = mse_ages_over(&r->stages[s], now, idle_ms)) != NULL) {
            relay_conn_close(relay_conn_of(a));
        }
    }
}

size_t mse_relay_num_connections(const struct mse_relay *r)
{
    return r->num;
}

const struct mse_relay_stats *mse_relay_stats_borrow(const struct mse_relay *r)
{
    return &r->stats;
}

void mse_relay_close(struct mse_relay *r)
{
    if (r == NULL || r->closing) {
        return;
    }
    r->closing = true;
    mse_relay_stop_accepting(r);
    for (int s = 0; s < RELAY_STAGES; s++) {
        while (r->stages[s].oldest != NULL) {
            relay_conn_close(relay_conn_of(r->stages[s].oldest));
        }
    }
    if (r->cfg.listen_fd >= 0) {
        uv_close((uv_handle_t *)&r->listener, on_relay_closed);
    }
    uv_close((uv_handle_t *)&r->tick, on_relay_closed);
    uv_close((uv_handle_t *)&r->retry, on_relay_closed);
    uv_close((uv_handle_t *)&r->again, on_relay_closed);
}
