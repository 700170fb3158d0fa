/* SPDX-License-Identifier: Apache-2.0 */
/* See keeper.h. */
#include "enclave/keeper.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "os/freeze.h"

#define WHO       "enclave"
#define FREEZE_MS 2000
/* Changes that only show in the times of reading, and the time that has passed, are stored so
 * often. */
#define FORCE_MS 60000U

struct mse_keeper {
    struct mse_keeper_config c;
    uv_timer_t timer;
    uv_work_t work;
    bool busy;
    bool stopped;
    uint64_t began_ms;
    uint64_t stored_ms;
    struct mse_freeze *freeze;
    pthread_mutex_t turn; /* one snapshot at a time */
    mse_status last;      /* what went wrong last, so that it is said once */
    bool said_left_out;
};

static mse_status stop_app(void *arg, struct mse_error *err)
{
    struct mse_keeper *k = arg;
    return mse_freeze_app(&k->freeze, &k->c.app->proc, FREEZE_MS, err);
}

static void go_on(void *arg)
{
    struct mse_keeper *k = arg;
    mse_freeze_end(k->freeze);
    k->freeze = NULL;
}

static bool is_mapped(void *arg, uint64_t ino)
{
    const struct mse_keeper *k = arg;
    return mse_freeze_is_mapped(k->freeze, ino);
}

/* The log has codes only: a name of a file is the app's. */
static void say(struct mse_keeper *k, mse_status st, const struct mse_store_report *r)
{
    if (st != MSE_OK && st != k->last) {
        mse_log(MSE_LOG_WARN, WHO, "the storage was not stored: %s", mse_status_name(st));
    } else if (st == MSE_OK && k->last != MSE_OK) {
        mse_log(MSE_LOG_INFO, WHO, "the storage is stored again");
    }
    if (st == MSE_OK && r->left_out > 0 && !k->said_left_out) {
        mse_log(MSE_LOG_WARN, WHO, "sockets, pipes and devices are not stored: %llu",
                (unsigned long long)r->left_out);
        k->said_left_out = true;
    }
    k->last = st;
}

static mse_status snapshot(struct mse_keeper *k, bool held, bool force)
{
    const struct mse_store_hold hold = {
        .stop = stop_app, .go = go_on, .is_mapped = is_mapped, .arg = k
    };
    struct mse_store_report r = { .stored = false };
    const struct mse_store_take take = { .dir = k->c.app->data,
                                         .hold = held ? &hold : NULL,
                                         .now = mse_enclave_now(k->c.clock),
                                         .force = force };
    mse_status st = mse_store_snapshot(k->c.store, &take, &r, NULL);
    say(k, st, &r);
    return st;
}

/* On a thread of the pool. */
static void work(uv_work_t *w)
{
    struct mse_keeper *k = w->data;
    bool force = k->began_ms - k->stored_ms >= FORCE_MS;
    (void)pthread_mutex_lock(&k->turn);
    if (force || mse_store_changed(k->c.store, k->c.app->data)) {
        (void)snapshot(k, true, force);
    }
    (void)pthread_mutex_unlock(&k->turn);
    k->stored_ms = force ? k->began_ms : k->stored_ms;
}

void mse_keeper_store(struct mse_keeper *k)
{
    (void)pthread_mutex_lock(&k->turn);
    (void)snapshot(k, true, false);
    (void)pthread_mutex_unlock(&k->turn);
}

static void on_timer(uv_timer_t *t);

static void again(struct mse_keeper *k, uint64_t took_ms)
{
    uint64_t wait = took_ms * MSE_KEEPER_SHARE;
    if (!k->stopped) {
        (void)uv_timer_start(&k->timer, on_timer,
                             wait > MSE_KEEPER_EVERY_MS ? wait : MSE_KEEPER_EVERY_MS, 0);
    }
}

static void ended(uv_work_t *w, int cancelled)
{
    struct mse_keeper *k = w->data;
    k->busy = false;
    if (cancelled == 0) {
        uv_update_time(k->c.loop);
        again(k, uv_now(k->c.loop) - k->began_ms);
    }
}

static void on_timer(uv_timer_t *t)
{
    struct mse_keeper *k = t->data;
    k->began_ms = uv_now(k->c.loop);
    k->busy = uv_queue_work(k->c.loop, &k->work, work, ended) == 0;
    if (!k->busy) {
        again(k, 0);
    }
}

mse_status mse_keeper_new(struct mse_keeper **out, const struct mse_keeper_config *c,
                          struct mse_error *err)
{
    struct mse_keeper *k = calloc(1, sizeof *k);
    if (k == NULL || pthread_mutex_init(&k->turn, NULL) != 0) {
        free(k);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "storage", "out of memory");
    }
    k->c = *c;
    k->timer.data = k;
    k->work.data = k;
    k->stored_ms = uv_now(c->loop);
    (void)uv_timer_init(c->loop, &k->timer); /* cannot fail */
    *out = k;
    again(k, 0);
    return MSE_OK;
}

void mse_keeper_stop(struct mse_keeper *k)
{
    if (k != NULL && !k->stopped) {
        k->stopped = true;
        (void)uv_timer_stop(&k->timer);
    }
}

mse_status mse_keeper_finish(struct mse_keeper *k)
{
    if (k == NULL) {
        return MSE_ERR_STORAGE_MISSING;
    }
    mse_status st = snapshot(k, k->c.app->running, true);
    (void)pthread_mutex_destroy(&k->turn);
    free(k);
    return st;
}
