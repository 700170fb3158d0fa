/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be done each second: by one thread whether the database answers at all, by the other
 * what any API of a fleet has to do. */
#include "base/log.h"
#include "base/util.h"
#include "operator/api.h"

#define SWEEP_SECONDS 60
#define ORPHAN_MS     ((int64_t)3600 * 1000)
#define SWEEP_TIMES   4 /* as long as others wait may sweeping take */
#define QUICK_SECONDS 2 /* whoever says no sooner does answer */

static mse_status sweep(struct mse_op_store *s, struct mse_error *err)
{
    int64_t now = 0;
    mse_status st = mse_op_clock_ms(s, &now, err);
    if (st == MSE_OK) {
        st = mse_op_package_sweep(s, now - ORPHAN_MS, err);
    }
    if (st == MSE_OK) {
        st = mse_op_log_sweep(s, now - MSE_OP_LOG_KEEP_MS, err);
    }
    return st == MSE_OK ? mse_op_metric_sweep(s, now - MSE_OP_METRIC_KEEP_MS, err) : st;
}

static void reap(struct api_keeper *k)
{
    struct mse_error err = { 0 };
    mse_status st = mse_op_reap(k->store, &err);
    if (st == MSE_OK && k->rounds % SWEEP_SECONDS == 0) {
        st = sweep(k->store, &err);
    }
    if (st != k->before && st != MSE_OK) {
        mse_log(MSE_LOG_ERROR, API_NAME, "reaping: %s", err.text);
    }
    k->before = st;
}

/* A server that takes its time over a connection, too, gives no answer. */
static void feel_pulse(struct api_keeper *k)
{
    struct mse_error err = { 0 };
    struct timespec from = { 0 };
    struct timespec to = { 0 };
    int64_t now = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    mse_status st = mse_op_clock_ms(k->store, &now, &err);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    bool quick = to.tv_sec - from.tv_sec < QUICK_SECONDS;
    int before = atomic_load(&k->api->database);
    int state = st == MSE_OK                      ? API_DB_ANSWERS
                : st == MSE_ERR_TIMEOUT || !quick ? API_DB_SILENT
                                                  : API_DB_REFUSES;
    atomic_store(&k->api->database, state);
    if (state == API_DB_SILENT) {
        api_lanes_shed(k->api);
    }
    if (state != before && st == MSE_OK) {
        mse_log(MSE_LOG_INFO, API_NAME, "the database answers again");
    } else if (state != before) {
        mse_log(MSE_LOG_ERROR, API_NAME, "the database does not answer: %s", err.text);
    }
}

static bool waits(struct api_keeper *k)
{
    struct timespec until = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    (void)pthread_mutex_lock(&k->lock);
    int e = 0;
    while (!k->stop && e == 0) {
        e = pthread_cond_timedwait(&k->wake, &k->lock, &until);
    }
    bool go_on = !k->stop;
    (void)pthread_mutex_unlock(&k->lock);
    return go_on;
}

static void *keeper_main(void *arg)
{
    struct api_keeper *k = arg;
    for (; waits(k); k->rounds++) {
        k->round(k);
    }
    return NULL;
}

static mse_status start(struct api_keeper *k, struct mse_error *err)
{
    (void)pthread_mutex_init(&k->lock, NULL);
    (void)pthread_cond_init(&k->wake, NULL);
    k->running = pthread_create(&k->thread, NULL, keeper_main, k) == 0;
    return k->running ? MSE_OK : MSE_FAIL(err, MSE_ERR_IO, "api", "no thread could be started");
}

mse_status api_keepers_start(struct api *a, struct mse_error *err)
{
    struct api_keeper *reaper = &a->keepers[0];
    struct api_keeper *pulse = &a->keepers[1];
    *reaper = (struct api_keeper) { .api = a, .round = reap };
    *pulse = (struct api_keeper) { .api = a, .round = feel_pulse };
    mse_status st = api_store_open(&reaper->store, a, SWEEP_TIMES, err);
    if (st == MSE_OK) {
        st = api_store_open(&pulse->store, a, 1, err);
    }
    for (size_t i = 0; st == MSE_OK && i < API_NUM_KEEPERS; i++) {
        st = start(&a->keepers[i], err);
    }
    return st;
}

void api_keepers_stop(struct api *a)
{
    for (size_t i = 0; i < API_NUM_KEEPERS; i++) {
        struct api_keeper *k = &a->keepers[i];
        if (k->running) {
            (void)pthread_mutex_lock(&k->lock);
            k->stop = true;
            (void)pthread_cond_signal(&k->wake);
            (void)pthread_mutex_unlock(&k->lock);
            (void)pthread_join(k->thread, NULL);
            k->running = false;
        }
        mse_op_store_close(k->store);
        k->store = NULL;
    }
}
