/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that wait in the node's place: for the store, for names, for the keys of enclaves. Each
 * does one thing after the other, so that what the store is told stays in order; what it says is
 * never older than what it was told before. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "operator/node.h"
#include "ratls/resolve.h"

#define STORE_SECONDS 30U /* for a statement: longer ones are of no use any more */
#define LIST_MS       500
#define AGAIN_MS      1000 /* after the store failed */
#define SWEEP_MS      60000
#define PACKAGE_MS    ((int64_t)3600 * 1000) /* so long a package may wait for its app */
#define MAX_CLAIMS    16                     /* in one turn */

struct node_lane {
    struct node *n;
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct node_slot *first;
    struct node_slot *last;
    struct node_list *list; /* what the store said last, until the node takes it */
    bool stop;
    bool lists; /* this one asks the store what is here, too */
    int64_t next_list_ms;
    int64_t next_sweep_ms;
    pthread_t thread;
};

/* The node's loop goes on. */
static void wake(const struct node_lane *lane)
{
    uint64_t one = 1;
    (void)!write(lane->n->wake_fd, &one, sizeof one);
}

/* ---- what is here, as the store knows it */

static mse_status take_app(void *arg, const struct mse_op_app *app)
{
    struct node_list *l = arg;
    struct mse_op_app *more = realloc(l->apps, (l->num + 1) * sizeof *more);
    if (more == NULL) {
        return MSE_ERR_MEMORY;
    }
    l->apps = more;
    l->apps[l->num++] = *app;
    return MSE_OK;
}

void node_list_free(struct node_list *l)
{
    if (l != NULL) {
        for (size_t i = 0; i < l->num; i++) {
            mse_wipe(l->apps[i].leader.key, sizeof l->apps[i].leader.key);
        }
        free(l->apps);
        free(l);
    }
}

mse_status node_join(struct node *n, struct mse_error *err)
{
    mse_status st = mse_op_node_join(n->m->store, &n->self, MSE_OP_LEASE_MS, err);
    if (st == MSE_OK) {
        mse_log(MSE_LOG_INFO, NODE_WHO, "%s joined, epoch %llu", n->self.name,
                (unsigned long long)n->self.epoch);
    }
    return st;
}

static mse_status claim_all(struct node *n, struct node_list *l, struct mse_error *err)
{
    mse_status st = MSE_OK;
    for (unsigned i = 0; st == MSE_OK && i < MAX_CLAIMS; i++) {
        struct mse_op_app app = { .status = MSE_OP_SPAWNING };
        st = mse_op_claim(n->m->store, n->self.name, n->self.epoch, &app, err);
        if (st == MSE_OK) {
            mse_log(MSE_LOG_INFO, NODE_WHO, "app %s is placed here%s", app.id,
                    app.number == 0 ? "" : ", one more instance of it");
            st = take_app(l, &app);
        }
    }
    return st == MSE_ERR_NOT_FOUND || st == MSE_ERR_LEASE_LOST ? MSE_OK : st;
}

/* Where claiming fails, what is here already counts. */
static mse_status make_list(struct node *n, struct node_list *l, struct mse_error *err)
{
    mse_status st = MSE_OK;
    if (node_beater_lost(n->beater)) {
        st = node_join(n, err);
        if (st == MSE_OK) {
            node_beater_epoch(n->beater, n->self.epoch);
        } else if (st == MSE_ERR_EXISTS) {
            /* Another machine has this node's name, and the store has ended what was here. */
            node_complain("store", err);
            l->disowned = true;
            return MSE_OK;
        }
    }
    st = st == MSE_OK ? mse_op_node_apps(n->m->store, n->self.name, take_app, l, err) : st;
    if (st == MSE_OK && claim_all(n, l, err) != MSE_OK) {
        node_complain("claim", err);
    }
    return st;
}

static void publish(struct node_lane *lane)
{
    struct mse_error err = { 0 };
    struct node_list *l = calloc(1, sizeof *l);
    struct node_list *old = l;
    mse_status st = l == NULL ? MSE_ERR_MEMORY : make_list(lane->n, l, &err);
    int64_t now = mse_clock_ms();
    if (st != MSE_OK) {
        node_complain("store", &err);
    }
    (void)pthread_mutex_lock(&lane->lock);
    if (st == MSE_OK) { /* not known is not gone */
        old = lane->list;
        lane->list = l;
    }
    lane->next_list_ms = now + (st == MSE_OK && !l->disowned ? LIST_MS : AGAIN_MS);
    (void)pthread_mutex_unlock(&lane->lock);
    node_list_free(old);
    wake(lane);
}

static void sweep(struct node *n)
{
    struct mse_error err = { 0 };
    int64_t now = 0;
    struct mse_op_store *s = n->m->store;
    mse_status st = mse_op_clock_ms(s, &now, &err);
    st = st == MSE_OK ? mse_op_package_sweep(s, now - PACKAGE_MS, &err) : st;
    st = st == MSE_OK ? mse_op_log_sweep(s, now - MSE_OP_LOG_KEEP_MS, &err) : st;
    st = st == MSE_OK ? mse_op_metric_sweep(s, now - MSE_OP_METRIC_KEEP_MS, &err) : st;
    if (st != MSE_OK) {
        node_complain("sweep", &err);
    }
}

struct node_list *node_lane_list(struct node_lane *lane)
{
    (void)pthread_mutex_lock(&lane->lock);
    struct node_list *l = lane->list;
    lane->list = NULL;
    (void)pthread_mutex_unlock(&lane->lock);
    return l;
}

/* ---- one word */

/* Where a machine is, as a literal address. */
static mse_status find_host(char out[NODE_HOST_LEN], const char *name, struct mse_error *err)
{
    struct mse_addresses found = { .num = 0 };
    mse_status st = mse_resolve(&found, name, 1, err);
    if (st == MSE_OK && (found.num == 0 || getnameinfo((const struct sockaddr *)&found.list[0].addr,
                                                       found.list[0].len, out, NODE_HOST_LEN, NULL,
                                                       0, NI_NUMERICHOST) != 0)) {
        st = MSE_FAIL(err, MSE_ERR_NOT_FOUND, NODE_WHO, "the leader's node has no address: %.200s",
                      name);
    }
    return st;
}

static mse_status tell_instance(const struct node *n, struct node_slot *s, struct mse_error *err)
{
    struct mse_op_instance i = s->ask.i;
    i.number = s->app.number;
    i.detail = s->ask.text[0] == '\0' ? NULL : s->ask.text;
    return mse_op_instance_set(n->m->store, n->self.name, n->self.epoch, s->app.id, &i, err);
}

static mse_status do_it(const struct node *n, struct node_slot *s, struct mse_error *err)
{
    struct node_ask *q = &s->ask;
    struct mse_op_store *store = n->m->store;
    switch (q->word) {
    case NODE_SET:
        return tell_instance(n, s, err);
    case NODE_MOVE:
        if (q->last) {
            node_log_ship(store, s->watched, true);
        }
        return mse_op_node_move(store, n->self.name, n->self.epoch, s->app.id, q->to, q->text, err);
    case NODE_RELEASE:
        node_log_ship(store, s->watched, true);
        return mse_op_instance_release(store, n->self.name, n->self.epoch, s->app.id, s->app.number,
                                       q->text, err);
    case NODE_SHIP:
        node_log_ship(store, s->watched, q->last);
        return MSE_OK;
    case NODE_MEASURE:
        node_measure(store, n->self.name, s->watched, q->enclave);
        return MSE_OK;
    case NODE_KEY:
        return node_spki(q->i.spki_sha256, n, &s->app, q->runs, err);
    case NODE_FIND:
        return find_host(q->host, s->app.leader.address, err);
    default:
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, NODE_WHO, "no such word");
    }
}

/* ---- the thread */

static struct node_slot *pop(struct node_lane *lane)
{
    struct node_slot *s = lane->first;
    if (s != NULL) {
        lane->first = s->next;
        lane->last = lane->first == NULL ? NULL : lane->last;
        s->next = NULL;
    }
    return s;
}

/* Without the lock: nobody else touches a slot that waits. */
static void serve(struct node_lane *lane, struct node_slot *s)
{
    struct mse_error err = { 0 };
    mse_status st = do_it(lane->n, s, &err);
    (void)pthread_mutex_lock(&lane->lock);
    s->st = st;
    s->err = err;
    s->state = s->ask.forget ? NODE_IDLE : NODE_ANSWERED;
    (void)pthread_mutex_unlock(&lane->lock);
    wake(lane);
}

/* With the lock: until there is something to do. */
static void await(struct node_lane *lane)
{
    struct timespec t = { 0 };
    int64_t left = lane->lists ? lane->next_list_ms - mse_clock_ms() : SWEEP_MS;
    if (left <= 0) {
        return;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = (int64_t)t.tv_nsec + left % 1000 * 1000000;
    t.tv_sec += left / 1000 + ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    (void)pthread_cond_timedwait(&lane->news, &lane->lock, &t);
}

static void *lane_main(void *arg)
{
    struct node_lane *lane = arg;
    (void)pthread_mutex_lock(&lane->lock);
    while (!lane->stop) {
        bool list = lane->lists && mse_clock_ms() >= lane->next_list_ms;
        bool sweeps = lane->lists && mse_clock_ms() >= lane->next_sweep_ms;
        struct node_slot *s = list ? NULL : pop(lane);
        if (!list && !sweeps && s == NULL) {
            await(lane);
            continue;
        }
        (void)pthread_mutex_unlock(&lane->lock);
        if (list) {
            publish(lane);
        } else if (s != NULL) {
            serve(lane, s);
        } else {
            sweep(lane->n);
            lane->next_sweep_ms = mse_clock_ms() + SWEEP_MS;
        }
        (void)pthread_mutex_lock(&lane->lock);
    }
    (void)pthread_mutex_unlock(&lane->lock);
    return NULL;
}

static mse_status make_lock(struct node_lane *lane)
{
    pthread_condattr_t how;
    bool good = pthread_mutex_init(&lane->lock, NULL) == 0 && pthread_condattr_init(&how) == 0;
    if (good) {
        good = pthread_condattr_setclock(&how, CLOCK_MONOTONIC) == 0 &&
               pthread_cond_init(&lane->news, &how) == 0;
        (void)pthread_condattr_destroy(&how);
    }
    return good ? MSE_OK : MSE_ERR_MEMORY;
}

mse_status node_lane_start(struct node_lane **out, struct node *n, bool lists,
                           struct mse_error *err)
{
    struct node_lane *lane = calloc(1, sizeof *lane);
    mse_status st = lane == NULL ? MSE_ERR_MEMORY : make_lock(lane);
    if (st != MSE_OK) {
        free(lane);
        return MSE_FAIL(err, st, NODE_WHO, "out of memory");
    }
    lane->n = n;
    lane->lists = lists;
    lane->next_sweep_ms = mse_clock_ms() + SWEEP_MS;
    st = lists ? mse_op_store_patience(n->m->store, STORE_SECONDS, err) : MSE_OK;
    if (st == MSE_OK && pthread_create(&lane->thread, NULL, lane_main, lane) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, NODE_WHO, "no thread: %s", strerror(errno));
    }
    if (st != MSE_OK) {
        free(lane);
        return st;
    }
    *out = lane;
    return MSE_OK;
}

bool node_lane_stop(struct node_lane *lane)
{
    if (lane == NULL) {
        return true;
    }
    (void)pthread_mutex_lock(&lane->lock);
    lane->stop = true;
    (void)pthread_cond_broadcast(&lane->news);
    (void)pthread_mutex_unlock(&lane->lock);
    bool over = node_thread_ends(lane->thread);
    if (over) {
        (void)pthread_cond_destroy(&lane->news);
        (void)pthread_mutex_destroy(&lane->lock);
        node_list_free(lane->list);
        free(lane);
    }
    return over;
}

/* ---- asking */

static bool same_instance(const struct mse_op_instance *a, const struct mse_op_instance *b)
{
    return a->port == b->port && a->carry_port == b->carry_port &&
           mse_mem_equal(a->fingerprint, b->fingerprint, sizeof a->fingerprint) &&
           mse_mem_equal(a->spki_sha256, b->spki_sha256, sizeof a->spki_sha256) &&
           mse_ct_equal(a->carry_key, b->carry_key, sizeof a->carry_key);
}

static bool same_ask(const struct node_ask *a, const struct node_ask *b)
{
    return a->word == b->word && a->to == b->to && a->last == b->last && a->runs == b->runs &&
           strcmp(a->text, b->text) == 0 && (a->word != NODE_SET || same_instance(&a->i, &b->i));
}

/* With the lock. */
static void push(struct node_lane *lane, struct node_slot *s, const struct node_app *a,
                 const struct node_ask *q)
{
    s->ask = *q;
    s->app = a->app;
    s->state = NODE_WAITS;
    s->wanted = true;
    s->next = NULL;
    if (lane->last != NULL) {
        lane->last->next = s;
    } else {
        lane->first = s;
    }
    lane->last = s;
    (void)pthread_cond_signal(&lane->news);
}

bool node_slot_waits(struct node_lane *lane, const struct node_slot *s)
{
    (void)pthread_mutex_lock(&lane->lock);
    bool waits = s->state == NODE_WAITS;
    (void)pthread_mutex_unlock(&lane->lock);
    return waits;
}

void node_slot_tidy(struct node_lane *lane, struct node_slot *s)
{
    (void)pthread_mutex_lock(&lane->lock);
    if (s->state == NODE_ANSWERED) {
        s->state = s->wanted ? NODE_ANSWERED : NODE_IDLE;
        s->wanted = false;
    }
    (void)pthread_mutex_unlock(&lane->lock);
}

void node_lane_hint(struct node_lane *lane, struct node_slot *s, const struct node_app *a,
                    struct node_ask *q)
{
    q->forget = true;
    (void)pthread_mutex_lock(&lane->lock);
    if (s->state == NODE_IDLE) {
        push(lane, s, a, q);
    }
    (void)pthread_mutex_unlock(&lane->lock);
}

enum node_said node_lane_ask(struct node_lane *lane, struct node_slot *s, const struct node_app *a,
                             struct node_ask *q, struct mse_error *err)
{
    enum node_said said = NODE_PENDING;
    (void)pthread_mutex_lock(&lane->lock);
    /* What the store said meanwhile is older than this answer, and is looked at before it. */
    bool older = lane->list != NULL;
    bool answered = s->state == NODE_ANSWERED && same_ask(&s->ask, q);
    s->wanted = s->wanted || answered;
    if (answered && !older) {
        said = s->st == MSE_OK ? NODE_DONE : NODE_FAILED;
        *q = s->ask;
        *err = s->err;
        err->status = s->st;
        s->state = NODE_IDLE;
    } else if (s->state != NODE_WAITS && !answered) {
        push(lane, s, a, q);
    }
    (void)pthread_mutex_unlock(&lane->lock);
    return said;
}
