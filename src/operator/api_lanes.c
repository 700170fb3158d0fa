/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes: workers, each with its own way to the database. While that gives no answer nobody is let
 * wait for it: whoever waits already is told so. */
#include "base/bytes.h"
#include "operator/api.h"
#include "operator/web.h"

#define LANE_THREADS 4U
#define MAX_QUEUED   512U

static bool is_silent(const struct api *a)
{
    return atomic_load(&a->database) == API_DB_SILENT;
}

static struct mse_reply *no_database(struct api_call *c)
{
    return web_refused(
        c, api_problem(HTTP_UNAVAILABLE, "The platform's database does not answer just now."));
}

static bool put(struct api_lane_queue *q, struct api_call *c)
{
    (void)pthread_mutex_lock(&q->lock);
    bool good = !q->stop && q->num < MAX_QUEUED;
    if (good) {
        *(q->last != NULL ? &q->last->next : &q->first) = c;
        q->last = c;
        q->num++;
        (void)pthread_cond_signal(&q->more);
    }
    (void)pthread_mutex_unlock(&q->lock);
    return good;
}

struct mse_reply *api_enqueue(struct api_call *c, enum api_lane lane)
{
    if (is_silent(c->api)) {
        return no_database(c);
    }
    return put(&c->api->lanes[lane], c)
               ? NULL
               : web_refused(c,
                             api_problem(HTTP_UNAVAILABLE, "The server is busy, or about to end."));
}

/* Inside the lock. */
static struct api_call *take(struct api_lane_queue *q)
{
    struct api_call *c = q->first;
    if (c != NULL) {
        q->first = c->next;
        q->last = q->first == NULL ? NULL : q->last;
        q->num--;
        c->next = NULL;
    }
    return c;
}

/* NULL: it is over. */
static struct api_call *dequeue(struct api_lane_queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    while (q->first == NULL && !q->stop) {
        (void)pthread_cond_wait(&q->more, &q->lock);
    }
    struct api_call *c = take(q);
    (void)pthread_mutex_unlock(&q->lock);
    return c;
}

/* From here on c belongs to the thread of the HTTP server again. */
static void answer(struct api_call *c, struct mse_reply *r)
{
    struct mse_httpd_request *http = c->http;
    c->reply = r;
    atomic_store(&c->done, true);
    mse_httpd_resume(http);
}

static struct mse_reply *run(struct api_call *c)
{
    struct mse_reply *r = c->route->scope == 0    ? NULL
                          : api_is_page(c->route) ? web_auth(c)
                                                  : api_auth(c);
    return r != NULL ? r : c->route->run(c);
}

static void work(struct api_call *c, struct mse_op_store *s)
{
    if (is_silent(c->api)) {
        answer(c, no_database(c));
        return;
    }
    c->store = s;
    c->now = (mse_time)time(NULL);
    struct mse_reply *r = c->early != NULL ? c->early(c) : run(c);
    c->store = NULL;
    answer(c, r);
}

void api_lanes_shed(struct api *a)
{
    for (size_t i = 0; i < API_NUM_LANES; i++) {
        struct api_lane_queue *q = &a->lanes[i];
        struct api_call *c = NULL;
        do {
            (void)pthread_mutex_lock(&q->lock);
            c = take(q);
            (void)pthread_mutex_unlock(&q->lock);
            if (c != NULL) {
                answer(c, no_database(c));
            }
        } while (c != NULL);
    }
}

struct worker {
    struct api_lane_queue *queue;
    struct mse_op_store *store;
};

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    for (struct api_call *c = dequeue(w->queue); c != NULL; c = dequeue(w->queue)) {
        work(c, w->store);
    }
    mse_op_store_close(w->store);
    free(w);
    return NULL;
}

mse_status api_store_open(struct mse_op_store **out, const struct api *a, unsigned times,
                          struct mse_error *err)
{
    const struct mse_op_config *conf = a->cfg->conf;
    struct mse_op_store *s = NULL;
    mse_status st = mse_op_store_open(&s, conf->database, false, err);
    if (st == MSE_OK) {
        st = mse_op_store_patience(s, (unsigned)conf->api.database_seconds * times, err);
    }
    if (st != MSE_OK) {
        mse_op_store_close(s);
        return st;
    }
    *out = s;
    return MSE_OK;
}

mse_status api_lane_start(struct api *a, struct api_lane_queue *q, struct mse_error *err)
{
    (void)pthread_mutex_init(&q->lock, NULL);
    (void)pthread_cond_init(&q->more, NULL);
    for (size_t i = 0; i < LANE_THREADS; i++) {
        struct worker *w = calloc(1, sizeof *w);
        if (w == NULL) {
            return MSE_FAIL(err, MSE_ERR_MEMORY, "api", "out of memory");
        }
        w->queue = q;
        mse_status st = api_store_open(&w->store, a, 1, err);
        if (st == MSE_OK &&
            pthread_create(&q->threads[q->num_threads], NULL, worker_main, w) != 0) {
            st = MSE_FAIL(err, MSE_ERR_IO, "api", "no thread could be started");
        }
        if (st != MSE_OK) {
            mse_op_store_close(w->store);
            free(w);
            return st;
        }
        q->num_threads++;
    }
    return MSE_OK;
}

void api_lane_stop(struct api_lane_queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    q->stop = true;
    (void)pthread_cond_broadcast(&q->more);
    (void)pthread_mutex_unlock(&q->lock);
    for (size_t i = 0; i < q->num_threads; i++) {
        (void)pthread_join(q->threads[i], NULL);
    }
    q->num_threads = 0;
}
