/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the app, or to whoever is behind a connection. */
#include "net/relay_inner.h"

#include <errno.h>
#include <unistd.h>

#include "net/loop.h"

#define RETRY_MS 10

static bool wants_own(const struct mse_relay_conn *c)
{
    const char *name = c->relay->cfg.own_name;
    return name != NULL && mse_tls_named(c->tls, name);
}

static int dial_back(struct mse_relay_conn *c)
{
    const struct mse_relay_config *cfg = &c->relay->cfg;
    uint8_t source[16];
    if (c->given_fd >= 0) {
        int fd = c->given_fd;
        c->given_fd = -1;
        return fd;
    }
    if (cfg->dial_for != NULL) {
        return cfg->dial_for(cfg->dial_user, c);
    }
    if (wants_own(c)) {
        return mse_net_connect_unix(cfg->own_backend);
    }
    if (cfg->dial != NULL) {
        return cfg->dial(cfg->dial_user);
    }
    if (!cfg->tell_source) {
        return mse_net_connect_unix(cfg->backend);
    }
    mse_relay_conn_source(c, source);
    return mse_net_connect_unix_for(cfg->backend, source);
}

static void on_retry(uv_timer_t *h);

/* Connects to the app, or leaves that to the retry timer while its queue is full. */
bool relay_connect_back(struct mse_relay_conn *c)
{
    struct mse_relay *r = c->relay;
    int fd = dial_back(c);
    if (fd < 0 && errno == EAGAIN) {
        return uv_is_active((const uv_handle_t *)&r->retry) != 0 ||
               uv_timer_start(&r->retry, on_retry, RETRY_MS, RETRY_MS) == 0;
    }
    if (fd < 0) {
        r->stats.no_backend++;
        return false;
    }
    if (uv_poll_init_socket(r->cfg.loop, &c->back, fd) != 0) {
        (void)close(fd);
        return false;
    }
    c->back.data = c;
    c->back_fd = fd;
    c->open_handles++;
    relay_set_stage(c, RELAY_OPEN);
    return true;
}

/* A queue that is full for one is full for all behind it that want to the same backend. */
static void on_retry(uv_timer_t *h)
{
    struct mse_relay *r = h->data;
    struct mse_aged *next = NULL;
    bool full[2] = { false, false }; /* the app's, the relay's own */
    for (struct mse_aged *a = r->stages[RELAY_CONNECT].oldest; a != NULL; a = next) {
        struct mse_relay_conn *c = relay_conn_of(a);
        next = a->newer;
        size_t to = wants_own(c) ? 1 : 0;
        if (full[to]) {
            continue;
        }
        if (!relay_connect_back(c)) {
            relay_conn_close(c);
        } else if (c->back_fd >= 0) {
            relay_hungry(c);
        } else {
            full[to] = true;
        }
    }
    if (r->stages[RELAY_CONNECT].oldest == NULL) {
        (void)uv_timer_stop(h);
    }
}
