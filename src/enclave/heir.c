/* SPDX-License-Identifier: Apache-2.0 */
/* See heir.h. The thread and the loop share what stands behind the lock; the connection is the
 * thread's, but for its end. */
#include "enclave/heir.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io.h"
#include "base/log.h"

#define WHO             "enclave"
#define STEP            "upgrade"
#define ACCEPT_AGAIN_MS 1000

struct mse_heir {
    struct mse_heir_config c;
    uv_thread_t thread;
    uv_async_t async; /* wanted, or fd, has changed */
    uv_timer_t limit; /* of the connection; the loop's alone, like told */
    bool told;
    uv_mutex_t lock;
    uv_cond_t changed;
    int wake_fd;
    /* behind the lock */
    int fd;      /* the connection; -1: none */
    bool closed; /* the loop is about to go: nobody comes any more */
    bool wanted;
    bool ended;
    mse_status stored; /* once it has ended */
    bool given;
};

/* ---- on the thread ---- */

/* The app ends, and its storage is stored once more. */
static mse_status wait_until_stored(void *arg, struct mse_legacy *out, struct mse_error *err)
{
    struct mse_heir *h = arg;
    uv_mutex_lock(&h->lock);
    h->wanted = !h->closed;
    if (h->wanted) {
        (void)uv_async_send(&h->async);
    }
    while (!h->ended) {
        uv_cond_wait(&h->changed, &h->lock);
    }
    mse_status st = h->wanted ? h->stored : MSE_ERR_STORAGE_MISSING;
    uv_mutex_unlock(&h->lock);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, STEP, "the last snapshot could not be taken");
    }
    mse_store_pin(h->c.me.durable->store, out->root, out->index_sha256);
    out->floor = mse_store_floor(h->c.me.durable->store);
    return MSE_OK;
}

static mse_status hand_over(struct mse_heir *h, int fd, const struct mse_peers *peers,
                            struct mse_error *err)
{
    struct mse_build text;
    struct mse_handover to;
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    mse_status st = mse_party_handover(&to, &text, &h->c.me, err);
    if (st == MSE_OK) {
        to.fd = fd;
        to.peers = peers;
        to.quiet_ms = MSE_HEIR_QUIET_MS;
        st = mse_handover_give(&to, wait_until_stored, h, err);
    }
    mse_build_clear(&text);
    return st;
}

static mse_status meet(struct mse_heir *h, int fd, struct mse_error *err)
{
    struct mse_build json;
    struct mse_peers *peers = calloc(1, sizeof *peers); /* too large for the stack */
    if (peers == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_build_heap(&json, MSE_BUNDLE_MAX_LEN);
    mse_status st = mse_party_read_collateral(&json, fd, MSE_HEIR_QUIET_MS, err);
    if (st == MSE_OK) {
        st = mse_party_peers(peers, &h->c.me, mse_build_view(&json), mse_enclave_now(h->c.clock),
                             err);
    }
    mse_build_clear(&json);
    st = st == MSE_OK ? hand_over(h, fd, peers, err) : st;
    mse_peers_clear(peers);
    free(peers);
    return st;
}

/* False: it is over. */
static bool set_connection(struct mse_heir *h, int fd)
{
    uv_mutex_lock(&h->lock);
    bool go_on = !h->closed;
    h->fd = go_on ? fd : -1;
    if (go_on) {
        (void)uv_async_send(&h->async);
    }
    uv_mutex_unlock(&h->lock);
    return go_on;
}

static void serve(struct mse_heir *h, int fd)
{
    struct mse_error err = { .status = MSE_OK };
    mse_status st = set_connection(h, fd) ? meet(h, fd, &err) : MSE_ERR_IO;
    if (st == MSE_OK) {
        mse_log(MSE_LOG_INFO, WHO, "the storage was handed on");
    } else {
        mse_log(MSE_LOG_WARN, WHO, "the storage is not handed on: %s: %s", mse_status_name(st),
                err.text);
    }
    uv_mutex_lock(&h->lock);
    h->fd = -1;
    h->given = st == MSE_OK;
    uv_mutex_unlock(&h->lock);
    (void)close(fd);
}

static bool is_closed(struct mse_heir *h)
{
    uv_mutex_lock(&h->lock);
    bool closed = h->closed;
    uv_mutex_unlock(&h->lock);
    return closed;
}

static void run(void *arg)
{
    struct mse_heir *h = arg;
    while (!is_closed(h)) {
        struct pollfd p[] = { { h->c.listen_fd, POLLIN, 0 }, { h->wake_fd, POLLIN, 0 } };
        if (poll(p, 2, -1) < 0 || (p[0].revents & POLLIN) == 0) {
            if ((p[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
                return; /* nobody can come any more */
            }
            continue;
        }
        int fd = accept4(h->c.listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            serve(h, fd);
        } else {
            (void)poll(&p[1], 1, ACCEPT_AGAIN_MS); /* no descriptor is free, say */
        }
    }
}

/* ---- on the loop ---- */

/* Whoever trickles would keep the others away. */
static void on_limit(uv_timer_t *t)
{
    struct mse_heir *h = t->data;
    uv_mutex_lock(&h->lock);
    if (h->fd >= 0 && !h->wanted) {
        (void)shutdown(h->fd, SHUT_RDWR);
    }
    uv_mutex_unlock(&h->lock);
}

static void on_async(uv_async_t *a)
{
    struct mse_heir *h = a->data;
    uv_mutex_lock(&h->lock);
    bool wanted = h->wanted;
    bool open = h->fd >= 0;
    uv_mutex_unlock(&h->lock);
    (void)uv_timer_stop(&h->limit);
    if (wanted && !h->told) {
        h->told = true;
        h->c.wanted(h->c.user);
    } else if (open && !wanted) {
        (void)uv_timer_start(&h->limit, on_limit, h->c.limit_ms, 0);
    }
}

static mse_status start(struct mse_heir *h, struct mse_error *err)
{
    h->wake_fd = eventfd(0, EFD_CLOEXEC);
    bool ok = h->wake_fd >= 0 && uv_timer_init(h->c.loop, &h->limit) == 0 &&
              uv_async_init(h->c.loop, &h->async, on_async) == 0;
    h->limit.data = h;
    h->async.data = h;
    if (!ok || uv_thread_create(&h->thread, run, h) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, STEP, "no thread can wait for an heir");
    }
    return MSE_OK;
}

mse_status mse_heir_new(struct mse_heir **out, const struct mse_heir_config *c,
                        struct mse_error *err)
{
    struct mse_heir *h = calloc(1, sizeof *h);
    if (h == NULL || uv_mutex_init(&h->lock) != 0) {
        free(h);
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    if (uv_cond_init(&h->changed) != 0) {
        uv_mutex_destroy(&h->lock);
        free(h);
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    h->c = *c;
    h->fd = -1;
    mse_status st = start(h, err);
    if (st != MSE_OK) {
        /* What the loop may know of stays with it: the process ends on this. */
        return st;
    }
    *out = h;
    return MSE_OK;
}

void mse_heir_close(struct mse_heir *h)
{
    static const uint64_t one = 1;
    if (h == NULL) {
        return;
    }
    uv_mutex_lock(&h->lock);
    h->closed = true;
    if (h->fd >= 0 && !h->wanted) {
        (void)shutdown(h->fd, SHUT_RDWR);
    }
    uv_mutex_unlock(&h->lock);
    (void)!write(h->wake_fd, &one, sizeof one);
}

bool mse_heir_end(struct mse_heir *h, mse_status stored)
{
    if (h == NULL) {
        return false;
    }
    uv_mutex_lock(&h->lock);
    h->ended = true;
    h->stored = stored;
    uv_cond_signal(&h->changed);
    uv_mutex_unlock(&h->lock);
    (void)uv_thread_join(&h->thread);
    bool given = h->wanted && h->given;
    uv_cond_destroy(&h->changed);
    uv_mutex_destroy(&h->lock);
    (void)close(h->wake_fd);
    free(h);
    return given;
}
