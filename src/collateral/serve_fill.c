/* SPDX-License-Identifier: Apache-2.0 */
/* Orders, threads, and what an order means. The store's lock is never held over the network. */
#include "collateral/serve_fill.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"

#define THREADS       4
#define MAX_JOBS      256
#define MAX_REFRESHED 1024
#define FAILED_SLOTS  ((size_t)256)
#define FAILED_FOR    ((mse_time)30) /* a source that just said no is not asked again at once */
#define JOIN_SECONDS  5

struct job {
    struct mse_fill_order order;
    bool running;
    size_t num_waiters;
    struct mse_serve_waiter *waiters;
    struct job *next;
};

/* What failed of late. */
struct failure {
    struct mse_serve_key key;
    mse_time at;
    mse_status status;
};

struct mse_fill {
    struct mse_serve_shared *shared;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *jobs;
    size_t num_jobs;
    bool stopped;
    struct failure failed[FAILED_SLOTS];
    size_t next_failed;
    size_t num_threads;
    pthread_t threads[THREADS];
};

static bool same_order(const struct mse_fill_order *a, const struct mse_fill_order *b)
{
    if (a->what != b->what) {
        return false;
    }
    switch (a->what) {
    case MSE_FILL_OBJECT:
        return a->key.kind == b->key.kind && a->key.set == b->key.set &&
               mse_mem_equal(a->key.fmspc, b->key.fmspc, sizeof a->key.fmspc);
    case MSE_FILL_CERT:
    case MSE_FILL_PLATFORM:
        return mse_mem_equal(a->platform.qe_id, b->platform.qe_id, sizeof a->platform.qe_id) &&
               mse_mem_equal(a->platform.pce_id, b->platform.pce_id, sizeof a->platform.pce_id) &&
               mse_mem_equal(a->platform.cpu_svn, b->platform.cpu_svn,
                             sizeof a->platform.cpu_svn) &&
               mse_mem_equal(a->platform.pce_svn, b->platform.pce_svn,
                             sizeof a->platform.pce_svn) &&
               mse_mem_equal(a->platform.encrypted_ppid, b->platform.encrypted_ppid,
                             sizeof a->platform.encrypted_ppid);
    case MSE_FILL_REFRESH:
        return true;
    }
    return false;
}

/* Fetching. */

static mse_time now(void)
{
    return (mse_time)time(NULL);
}

/* A thread that waits for a slow source ends with the service. */
static bool is_stopped(void *user)
{
    struct mse_fill *f = user;
    (void)pthread_mutex_lock(&f->lock);
    bool stopped = f->stopped;
    (void)pthread_mutex_unlock(&f->lock);
    return stopped;
}

static mse_status fetch(struct mse_fill *f, struct mse_fetched *out,
                        const struct mse_fetch_key *key, struct mse_error *err)
{
    struct mse_fetch_config c = *f->shared->config->upstream;
    struct mse_fetcher *one = NULL;
    c.root_point = f->shared->config->root_point;
    c.at = now();
    c.cancelled = is_stopped;
    c.user = f;
    mse_status st = mse_fetcher_new(&one, &c, err);
    if (st == MSE_OK) {
        st = mse_fetch(out, one, key, err);
        out->upstream = NULL; /* it is the fetcher's */
    }
    mse_fetcher_free(one);
    return st;
}

static void note_failure(struct mse_fill *f, const struct mse_serve_key *k, mse_status st)
{
    (void)pthread_mutex_lock(&f->lock);
    f->failed[f->next_failed] = (struct failure) { *k, now(), st };
    f->next_failed = (f->next_failed + 1) % FAILED_SLOTS;
    (void)pthread_mutex_unlock(&f->lock);
}

static mse_status failed_of_late(struct mse_fill *f, const struct mse_serve_key *k)
{
    mse_status st = MSE_OK;
    mse_time since = now() - FAILED_FOR;
    (void)pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < FAILED_SLOTS; i++) {
        const struct failure *x = &f->failed[i];
        if (x->status != MSE_OK && x->at > since && x->key.kind == k->kind &&
            x->key.set == k->set && mse_mem_equal(x->key.fmspc, k->fmspc, sizeof k->fmspc)) {
            st = x->status;
        }
    }
    (void)pthread_mutex_unlock(&f->lock);
    return st;
}

static mse_status store_object(struct mse_serve_shared *sh, const struct mse_serve_key *k,
                               struct mse_fetched *o, struct mse_error *err)
{
    (void)pthread_mutex_lock(&sh->lock);
    mse_status st = mse_serve_store_put(sh->store, k, o, now(), err);
    (void)pthread_mutex_unlock(&sh->lock);
    if (st == MSE_OK) {
        mse_replies_forget(sh->replies);
    }
    return st;
}

static mse_status fetch_object(struct mse_fill *f, const struct mse_serve_key *k)
{
    struct mse_error err = { 0 };
    struct mse_fetch_key key;
    struct mse_fetched o;
    char name[MSE_SERVE_NAME_LEN];
    mse_fetched_init(&o);
    mse_serve_fetch_key(&key, k);
    mse_serve_key_name(name, k);
    mse_status st = fetch(f, &o, &key, &err);
    if (st == MSE_OK) {
        st = store_object(f->shared, k, &o, &err);
    }
    if (st == MSE_OK) {
        mse_log(MSE_LOG_INFO, "serve", "fetched %s, number %u", name, o.evaluation_number);
    } else {
        mse_log(st == MSE_ERR_EXISTS || st == MSE_ERR_NOT_FOUND ? MSE_LOG_INFO : MSE_LOG_WARN,
                "serve", "not fetched: %s: %s: %s", name, mse_status_name(st), err.text);
        note_failure(f, k, st);
    }
    mse_fetched_clear(&o);
    return st;
}

/* Whether a good one is there: an order may have been done since it was given. */
static bool is_there(struct mse_serve_shared *sh, const struct mse_serve_key *k)
{
    struct mse_fetched o;
    mse_fetched_init(&o);
    (void)pthread_mutex_lock(&sh->lock);
    mse_status st = mse_serve_store_get(sh->store, &o, k, now(), NULL);
    (void)pthread_mutex_unlock(&sh->lock);
    mse_fetched_clear(&o);
    return st == MSE_OK;
}

static mse_status fill_object(struct mse_fill *f, const struct mse_serve_key *k)
{
    if (is_there(f->shared, k)) {
        return MSE_OK;
    }
    mse_status st = failed_of_late(f, k);
    return st != MSE_OK ? st : fetch_object(f, k);
}

static mse_status store_cert(struct mse_serve_shared *sh, const struct mse_serve_platform *p,
                             const struct mse_fetched *o, struct mse_error *err)
{
    struct mse_bytes pem = mse_build_view(&o->body);
    const struct mse_serve_certs c = {
        .platform = p, .num = 1, .pem = &pem, .chain = mse_build_view(&o->chain), .all = false
    };
    (void)pthread_mutex_lock(&sh->lock);
    mse_status st = mse_serve_store_put_certs(sh->store, &c, now(), err);
    (void)pthread_mutex_unlock(&sh->lock);
    if (st == MSE_OK) {
        mse_replies_forget(sh->replies);
    }
    return st;
}

static mse_status fill_cert(struct mse_fill *f, const struct mse_serve_platform *p)
{
    struct mse_error err = { 0 };
    struct mse_fetched o;
    char qe[33];
    struct mse_fetch_key key = { .kind = MSE_FETCH_PCK_CERT, .tee = MSE_TEE_SGX };
    mse_fetched_init(&o);
    mse_hex_encode(qe, mse_bytes_of(p->qe_id, sizeof p->qe_id));
    key.pck_request.encrypted_ppid = mse_bytes_of(p->encrypted_ppid, sizeof p->encrypted_ppid);
    key.pck_request.qe_id = mse_bytes_of(p->qe_id, sizeof p->qe_id);
    memcpy(key.pck_request.cpu_svn, p->cpu_svn, sizeof p->cpu_svn);
    memcpy(key.pck_request.pce_id, p->pce_id, sizeof p->pce_id);
    key.pck_request.pce_svn = (uint16_t)(p->pce_svn[0] | (p->pce_svn[1] << 8));
    mse_status st = fetch(f, &o, &key, &err);
    if (st == MSE_OK) {
        st = store_cert(f->shared, p, &o, &err);
    }
    mse_fetched_clear(&o);
    mse_log(st == MSE_OK ? MSE_LOG_INFO : MSE_LOG_WARN, "serve", "PCK certificate of QE %s: %s %s",
            qe, mse_status_name(st), err.text);
    return st;
}

/* Where a platform's certificate belongs. */
static mse_status facts_of(struct mse_serve_shared *sh, struct mse_serve_pck_facts *out,
                           const struct mse_serve_platform *p)
{
    struct mse_serve_cert c;
    mse_serve_cert_init(&c);
    (void)pthread_mutex_lock(&sh->lock);
    mse_status st = mse_serve_store_get_cert(sh->store, &c, p, now(), NULL);
    (void)pthread_mutex_unlock(&sh->lock);
    *out = c.facts;
    mse_serve_cert_clear(&c);
    return st;
}

/* The certificate decides; of the rest a source may lack some, and that shows when it is asked. */
static mse_status fill_platform(struct mse_fill *f, const struct mse_serve_platform *p)
{
    static const struct {
        enum mse_serve_kind kind;
        int64_t set;
    } rest[] = {
        { MSE_SERVE_TCB_SGX, MSE_SERVE_STANDARD },  { MSE_SERVE_TCB_SGX, MSE_SERVE_EARLY },
        { MSE_SERVE_TCB_TDX, MSE_SERVE_STANDARD },  { MSE_SERVE_QE_SGX, MSE_SERVE_STANDARD },
        { MSE_SERVE_QE_TDX, MSE_SERVE_STANDARD },   { MSE_SERVE_QVE, MSE_SERVE_STANDARD },
        { MSE_SERVE_CRL_ROOT, MSE_SERVE_STANDARD },
    };
    struct mse_serve_pck_facts facts;
    mse_status st = facts_of(f->shared, &facts, p);
    if (st != MSE_OK) {
        st = fill_cert(f, p);
        if (st == MSE_OK) {
            st = facts_of(f->shared, &facts, p);
        }
    }
    if (st != MSE_OK) {
        return st;
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(rest); i++) {
        struct mse_serve_key k = { .kind = rest[i].kind, .set = rest[i].set };
        if (mse_serve_is_tcb(k.kind)) {
            memcpy(k.fmspc, facts.fmspc, sizeof k.fmspc);
        }
        mse_status rest_st = fill_object(f, &k);
        (void)rest_st;
    }
    struct mse_serve_key crl = { .kind = facts.platform_ca ? MSE_SERVE_CRL_PLATFORM
                                                           : MSE_SERVE_CRL_PROCESSOR,
                                 .set = MSE_SERVE_STANDARD };
    return fill_object(f, &crl);
}

struct keys {
    size_t num;
    struct mse_serve_key keys[MAX_REFRESHED];
};

static bool add_key(void *user, const struct mse_serve_key *k)
{
    struct keys *all = user;
    if (all->num == MAX_REFRESHED) {
        return false;
    }
    all->keys[all->num++] = *k;
    return true;
}

/* Old objects are served on until they end, whatever becomes of this. */
static mse_status refresh(struct mse_fill *f, mse_time before)
{
    struct keys *all = calloc(1, sizeof *all);
    if (all == NULL) {
        return MSE_ERR_MEMORY;
    }
    (void)pthread_mutex_lock(&f->shared->lock);
    mse_status st = mse_serve_store_each(f->shared->store, before, add_key, all, NULL);
    (void)pthread_mutex_unlock(&f->shared->lock);
    for (size_t i = 0; i < all->num; i++) {
        mse_status one = fetch_object(f, &all->keys[i]);
        st = one == MSE_OK || one == MSE_ERR_EXISTS ? st : one;
        (void)pthread_mutex_lock(&f->lock);
        bool stopped = f->stopped;
        (void)pthread_mutex_unlock(&f->lock);
        if (stopped) {
            break;
        }
    }
    free(all);
    return st;
}

static mse_status run(struct mse_fill *f, const struct mse_fill_order *o)
{
    switch (o->what) {
    case MSE_FILL_OBJECT:
        return fill_object(f, &o->key);
    case MSE_FILL_CERT:
        return fill_cert(f, &o->platform);
    case MSE_FILL_PLATFORM:
        return fill_platform(f, &o->platform);
    case MSE_FILL_REFRESH:
        return refresh(f, o->before);
    }
    return MSE_ERR_ARGUMENT;
}

/* Threads. */

static struct job *next_job(struct mse_fill *f)
{
    struct job *j = f->jobs;
    while (j != NULL && j->running) {
        j = j->next;
    }
    return j;
}

static void unlink_job(struct mse_fill *f, const struct job *j)
{
    struct job **p = &f->jobs;
    while (*p != j) {
        p = &(*p)->next;
    }
    *p = j->next;
    f->num_jobs--;
}

static void tell(struct job *j, mse_status st)
{
    for (size_t i = 0; i < j->num_waiters; i++) {
        j->waiters[i].done(j->waiters[i].user, st);
    }
    free(j->waiters);
    j->waiters = NULL;
    j->num_waiters = 0;
}

static void *thread_main(void *arg)
{
    struct mse_fill *f = arg;
    (void)pthread_mutex_lock(&f->lock);
    while (!f->stopped) {
        struct job *j = next_job(f);
        if (j == NULL) {
            (void)pthread_cond_wait(&f->wake, &f->lock);
            continue;
        }
        j->running = true;
        (void)pthread_mutex_unlock(&f->lock);
        mse_status st = run(f, &j->order);
        (void)pthread_mutex_lock(&f->lock);
        unlink_job(f, j);
        tell(j, st); /* under the lock: mse_fill_stop may have told them already, never twice */
        free(j);
    }
    (void)pthread_mutex_unlock(&f->lock);
    return NULL;
}

mse_status mse_fill_new(struct mse_fill **out, struct mse_serve_shared *shared,
                        struct mse_error *err)
{
    struct mse_fill *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "serve", "out of memory");
    }
    f->shared = shared;
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->wake, NULL);
    while (f->num_threads < THREADS &&
           pthread_create(&f->threads[f->num_threads], NULL, thread_main, f) == 0) {
        f->num_threads++;
    }
    if (f->num_threads == 0) {
        (void)pthread_cond_destroy(&f->wake);
        (void)pthread_mutex_destroy(&f->lock);
        free(f);
        return MSE_FAIL(err, MSE_ERR_IO, "serve", "no thread could be started");
    }
    *out = f;
    return MSE_OK;
}

void mse_fill_stop(struct mse_fill *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->stopped = true;
    for (struct job *j = f->jobs; j != NULL; j = j->next) {
        tell(j, MSE_ERR_TIMEOUT);
    }
    (void)pthread_cond_broadcast(&f->wake);
    (void)pthread_mutex_unlock(&f->lock);
}

bool mse_fill_free(struct mse_fill *f)
{
    struct timespec until = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += JOIN_SECONDS;
    for (size_t i = 0; i < f->num_threads; i++) {
        if (pthread_timedjoin_np(f->threads[i], NULL, &until) != 0) {
            return false;
        }
    }
    while (f->jobs != NULL) {
        struct job *j = f->jobs;
        f->jobs = j->next;
        free(j->waiters);
        free(j);
    }
    (void)pthread_cond_destroy(&f->wake);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
    return true;
}

static bool add_waiter(struct job *j, const struct mse_serve_waiter *w)
{
    if (w == NULL) {
        return true;
    }
    struct mse_serve_waiter *more = realloc(j->waiters, (j->num_waiters + 1) * sizeof *more);
    if (more == NULL) {
        return false;
    }
    more[j->num_waiters++] = *w;
    j->waiters = more;
    return true;
}

static struct job *job_new(struct mse_fill *f, const struct mse_fill_order *o)
{
    struct job **end = &f->jobs;
    if (f->num_jobs >= MAX_JOBS) {
        return NULL;
    }
    struct job *j = calloc(1, sizeof *j);
    if (j != NULL) {
        j->order = *o;
        while (*end != NULL) {
            end = &(*end)->next;
        }
        *end = j;
        f->num_jobs++;
    }
    return j;
}

bool mse_fill_order(struct mse_fill *f, const struct mse_fill_order *o,
                    const struct mse_serve_waiter *w)
{
    (void)pthread_mutex_lock(&f->lock);
    struct job *j = f->stopped ? NULL : f->jobs;
    while (j != NULL && !same_order(&j->order, o)) {
        j = j->next;
    }
    if (j == NULL && !f->stopped) {
        j = job_new(f, o);
    }
    bool good = j != NULL && add_waiter(j, w);
    (void)pthread_cond_signal(&f->wake);
    (void)pthread_mutex_unlock(&f->lock);
    return good;
}
