/* SPDX-License-Identifier: Apache-2.0 */
/* See attest.h. Everything but make_evidence runs on the loop's thread; that one sees only its job
 * and what never changes. */
#include "enclave/attest.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "enclave/rate.h"
#include "ratls/frame.h"
#include "ratls/session.h"

#define WHO          "enclave"
#define LEAST_RETRY  100U
#define MOST_RETRY   10000U
#define MOST_LOGGED  1000 /* milliseconds between two lines about the same trouble */
#define ANSWER_EXTRA ((size_t)4096)

/* One who waits for evidence; conn is NULL once it is gone. */
struct asker {
    struct mse_relay_conn *conn;
    bool manifest;
};

/* One quote to be made: for one session, for all who asked at level 1 within a moment, or for the
 * app, whom nobody but done stands for. */
struct job {
    struct job *next;
    bool fresh;
    bool owners; /* for the owner's key */
    size_t num;
    size_t cap;
    struct asker *askers;
    struct mse_nonce *nonces;
    uint8_t nonce[32]; /* of the claims */
    uint8_t exporter[32];
    uint8_t app_data[MSE_ATTEST_APP_MAX];
    size_t app_len; /* 0: not the app's */
    mse_attest_done_fn *done;
    void *done_user;
    uint64_t began_ns;
    struct mse_build evidence;
    mse_status status;
    struct mse_error err;
};

struct mse_attest {
    struct mse_attest_config cfg;
    struct mse_relay_asks asks;
    struct mse_rate rate;
    const char *owner_name; /* served under the owner's key; NULL: none is */
    uint8_t owner_spki_sha256[32];
    uv_mutex_t tee_lock;
    uv_timer_t gather_timer;
    uv_work_t work;
    struct job *gathering; /* level 1 */
    struct job *running;
    struct job *first; /* the queue */
    struct job *last;
    size_t num_queued;
    uint32_t quote_ms; /* about what one takes */
    uint64_t logged_ms;
    bool app_waits; /* the app has a job */
    bool stopped;
};

/* ---- jobs ---- */

static void job_free(struct job *j)
{
    if (j != NULL) {
        mse_build_clear(&j->evidence);
        free(j->askers);
        free(j->nonces);
        free(j);
    }
}

static struct job *job_new(size_t cap)
{
    struct job *j = calloc(1, sizeof *j);
    if (j == NULL) {
        return NULL;
    }
    j->cap = cap;
    j->askers = calloc(cap, sizeof *j->askers);
    j->nonces = calloc(cap, sizeof *j->nonces);
    mse_build_heap(&j->evidence, MSE_SESSION_EVIDENCE_MAX);
    if (j->askers == NULL || j->nonces == NULL) {
        job_free(j);
        return NULL;
    }
    return j;
}

static void job_add(struct job *j, struct mse_relay_conn *conn, const struct mse_frame_request *q)
{
    j->askers[j->num].conn = conn;
    j->askers[j->num].manifest = q->manifest;
    j->nonces[j->num] = q->nonce;
    j->num++;
}

/* ---- answers ---- */

static void answer(struct mse_relay_conn *conn, const struct mse_frame_response *r)
{
    struct mse_build out;
    mse_build_heap(&out,
                   MSE_FRAME_HEAD + MSE_SESSION_EVIDENCE_MAX + r->manifest.len + ANSWER_EXTRA);
    if (mse_frame_response_write(&out, r) != MSE_OK) {
        mse_build_clear(&out); /* an empty answer: the client sees the end */
    }
    mse_relay_answer(conn, &out, r->error.len == 0 && out.len > 0);
}

static void answer_error(struct mse_relay_conn *conn, const char *word, uint32_t retry_ms)
{
    const struct mse_frame_response r = { .error = mse_bytes_str(word), .retry_ms = retry_ms };
    answer(conn, &r);
}

static void answer_busy(struct mse_attest *a, struct mse_relay_conn *conn, uint32_t retry_ms)
{
    if (retry_ms == 0) {
        retry_ms = LEAST_RETRY + (uint32_t)a->num_queued * a->quote_ms;
    }
    retry_ms = retry_ms < LEAST_RETRY ? LEAST_RETRY : retry_ms;
    answer_error(conn, MSE_FRAME_BUSY, retry_ms > MOST_RETRY ? MOST_RETRY : retry_ms);
}

static void answer_one(const struct mse_attest *a, const struct job *j, size_t i)
{
    struct mse_frame_response r = { .evidence = mse_build_view(&j->evidence),
                                    .has_audit = j->fresh };
    mse_status st = j->status;
    if (st == MSE_OK && j->fresh) {
        st = mse_nonces_path(&r.audit, j->nonces, j->num, i);
    }
    if (st != MSE_OK) {
        answer_error(j->askers[i].conn, MSE_FRAME_FAILED, 0);
        return;
    }
    r.manifest = j->askers[i].manifest ? a->cfg.manifest : r.manifest;
    answer(j->askers[i].conn, &r);
}

static void log_failure(struct mse_attest *a, const struct job *j)
{
    uint64_t now = uv_now(a->cfg.loop);
    if (a->logged_ms == 0 || now - a->logged_ms >= MOST_LOGGED) {
        a->logged_ms = now;
        mse_log(MSE_LOG_WARN, WHO, "no evidence could be made: %s", j->err.text);
    }
}

/* ---- making evidence ---- */

static mse_status quote(void *arg, uint8_t *out, size_t cap, size_t *out_len,
                        const uint8_t report_data[64], struct mse_error *err)
{
    struct mse_attest *a = arg;
    struct mse_build b;
    mse_build_fixed(&b, out, cap);
    uv_mutex_lock(&a->tee_lock);
    mse_status st = a->cfg.tee->ops->quote(a->cfg.tee->t, &b, report_data, err);
    uv_mutex_unlock(&a->tee_lock);
    if (st == MSE_OK) {
        *out_len = b.len;
    }
    return st;
}

static mse_status make_for_app(struct mse_attest *a, struct job *j)
{
    struct mse_session_words w = { .role = MSE_ROLE_APP,
                                   .app_data = mse_bytes_of(j->app_data, j->app_len),
                                   .manifest_sha256 = mse_bytes_of(a->cfg.manifest_digest, 32) };
    memcpy(w.spki_sha256, a->cfg.identity->spki_sha256, sizeof w.spki_sha256);
    return mse_session_evidence_make(&j->evidence, &w, quote, a, &j->err);
}

static mse_status make_for_clients(struct mse_attest *a, struct job *j)
{
    const struct mse_identity *id = a->cfg.identity;
    struct mse_session_words w = {
        .role = j->fresh ? MSE_ROLE_SERVER_FRESH : MSE_ROLE_SERVER_SESSION,
        .nonce = mse_bytes_of(j->nonce, 32),
        .exporter = mse_bytes_of(j->exporter, j->fresh ? 0 : 32),
        .manifest_sha256 = mse_bytes_of(a->cfg.manifest_digest, 32),
        .x25519 = mse_bytes_of(id->x25519_public, 32),
        .boot = mse_bytes_of(id->boot, sizeof id->boot),
        .key_origin = j->owners ? MSE_KEY_ORIGIN_OWNER : MSE_KEY_ORIGIN_ENCLAVE,
        .ca_sha256 = mse_bytes_of(id->ca_sha256, id->has_ca && !j->owners ? 32 : 0)
    };
    memcpy(w.spki_sha256, j->owners ? a->owner_spki_sha256 : id->spki_sha256, sizeof w.spki_sha256);
    memcpy(j->nonce, j->nonces[0].bytes, 32);
    mse_status st = j->fresh ? mse_nonces_root(j->nonce, j->nonces, j->num) : MSE_OK;
    return st == MSE_OK ? mse_session_evidence_make(&j->evidence, &w, quote, a, &j->err) : st;
}

/* On a thread of the pool. */
static void make_evidence(uv_work_t *work)
{
    struct mse_attest *a = work->data;
    struct job *j = a->running;
    j->status = j->app_len > 0 ? make_for_app(a, j) : make_for_clients(a, j);
}

static void run_next(struct mse_attest *a);

static void evidence_made(uv_work_t *work, int cancelled)
{
    struct mse_attest *a = work->data;
    struct job *j = a->running;
    (void)cancelled;
    uint64_t took_ms = (uv_hrtime() - j->began_ns) / 1000000;
    took_ms = took_ms > MOST_RETRY ? MOST_RETRY : took_ms;
    a->quote_ms = (3 * a->quote_ms + (uint32_t)took_ms) / 4;
    if (j->status != MSE_OK) {
        log_failure(a, j);
    }
    for (size_t i = 0; i < j->num; i++) {
        if (j->askers[i].conn != NULL) {
            answer_one(a, j, i);
            j->askers[i].conn = NULL;
        }
    }
    a->running = NULL;
    if (j->app_len > 0) {
        struct mse_bytes none = { NULL, 0 };
        a->app_waits = false;
        j->done(j->done_user, j->status == MSE_OK ? mse_build_view(&j->evidence) : none);
    }
    job_free(j);
    run_next(a);
}

static void run_next(struct mse_attest *a)
{
    struct job *j = a->first;
    if (a->running != NULL || j == NULL || a->stopped) {
        return;
    }
    a->first = j->next;
    a->last = a->first == NULL ? NULL : a->last;
    a->num_queued--;
    j->next = NULL;
    j->began_ns = uv_hrtime();
    a->running = j;
    a->work.data = a;
    if (uv_queue_work(a->cfg.loop, &a->work, make_evidence, evidence_made) != 0) {
        j->status = MSE_ERR_MEMORY;
        evidence_made(&a->work, 0);
    }
}

static void enqueue(struct mse_attest *a, struct job *j)
{
    *(a->last == NULL ? &a->first : &a->last->next) = j;
    a->last = j;
    a->num_queued++;
    run_next(a);
}

/* ---- questions ---- */

static void gathered(uv_timer_t *timer)
{
    struct mse_attest *a = timer->data;
    struct job *j = a->gathering;
    a->gathering = NULL;
    (void)uv_timer_stop(timer);
    if (j != NULL) {
        enqueue(a, j);
    }
}

/* Whether the leaf of this connection is the owner's. */
static bool is_owners(const struct mse_attest *a, const struct mse_relay_conn *conn)
{
    return a->owner_name != NULL && mse_relay_conn_named(conn, a->owner_name);
}

static void ask_fresh(struct mse_attest *a, struct mse_relay_conn *conn,
                      const struct mse_frame_request *q)
{
    bool owners = is_owners(a, conn);
    if (a->gathering != NULL && a->gathering->owners != owners) {
        gathered(&a->gather_timer); /* evidence is for one key */
    }
    if (a->gathering == NULL) {
        a->gathering = job_new(MSE_NONCES_MAX);
        if (a->gathering == NULL) {
            answer_busy(a, conn, 0);
            return;
        }
        a->gathering->fresh = true;
        a->gathering->owners = owners;
        (void)uv_timer_start(&a->gather_timer, gathered, MSE_ATTEST_GATHER_MS, 0);
    }
    job_add(a->gathering, conn, q);
    if (a->gathering->num == a->gathering->cap) {
        gathered(&a->gather_timer);
    }
}

static void ask_session(struct mse_attest *a, struct mse_relay_conn *conn,
                        const struct mse_frame_request *q)
{
    uint8_t source[16];
    mse_relay_conn_source(conn, source);
    uint32_t wait_ms = mse_rate_take(&a->rate, source, uv_now(a->cfg.loop));
    struct job *j = wait_ms > 0 ? NULL : job_new(1);
    if (j == NULL) {
        answer_busy(a, conn, wait_ms);
        return;
    }
    if (!mse_relay_conn_export(conn, j->exporter, MSE_SESSION_EXPORTER_LABEL,
                               mse_bytes_of(q->nonce.bytes, 32))) {
        job_free(j);
        answer_error(conn, MSE_FRAME_FAILED, 0);
        return;
    }
    j->owners = is_owners(a, conn);
    job_add(j, conn, q);
    enqueue(a, j);
}

static void question(void *user, struct mse_relay_conn *conn, struct mse_bytes body,
                     bool then_stream)
{
    struct mse_attest *a = user;
    struct mse_frame_request q;
    /* Level 1 ties nothing to this session: no stream may follow it. */
    if (mse_frame_request_read(&q, body, NULL) != MSE_OK || (q.fresh && then_stream)) {
        answer_error(conn, MSE_FRAME_BAD_REQUEST, 0);
    } else if (a->stopped || a->num_queued >= MSE_ATTEST_MAX_QUEUE) {
        answer_busy(a, conn, 0);
    } else if (q.fresh) {
        ask_fresh(a, conn, &q);
    } else {
        ask_session(a, conn, &q);
    }
}

bool mse_attest_app(struct mse_attest *a, struct mse_bytes data, mse_attest_done_fn *done,
                    void *user)
{
    MSE_ASSERT(data.len > 0 && data.len <= MSE_ATTEST_APP_MAX);
    bool room = !a->stopped && !a->app_waits && a->num_queued < MSE_ATTEST_MAX_QUEUE;
    struct job *j = room ? job_new(1) : NULL;
    if (j == NULL) {
        return false;
    }
    memcpy(j->app_data, data.data, data.len);
    j->app_len = data.len;
    j->done = done;
    j->done_user = user;
    a->app_waits = true;
    enqueue(a, j);
    return true;
}

static bool forget(struct job *j, const struct mse_relay_conn *conn)
{
    for (size_t i = 0; j != NULL && i < j->num; i++) {
        if (j->askers[i].conn == conn) {
            j->askers[i].conn = NULL;
            return true;
        }
    }
    return false;
}

/* The nonce of one who is gone stays in its tree; a session's job of its own leaves the queue. */
static void gone(void *user, struct mse_relay_conn *conn)
{
    struct mse_attest *a = user;
    struct job *before = NULL;
    if (forget(a->running, conn) || forget(a->gathering, conn)) {
        return;
    }
    for (struct job *j = a->first; j != NULL; before = j, j = j->next) {
        if (!forget(j, conn)) {
            continue;
        }
        if (!j->fresh) {
            *(before == NULL ? &a->first : &before->next) = j->next;
            a->last = a->last == j ? before : a->last;
            a->num_queued--;
            job_free(j);
        }
        return;
    }
}

/* ---- life ---- */

mse_status mse_attest_new(struct mse_attest **out, const struct mse_attest_config *c,
                          struct mse_error *err)
{
    uint64_t seed = 0;
    struct mse_attest *a = calloc(1, sizeof *a);
    if (a == NULL || mse_random(&seed, sizeof seed) != MSE_OK || uv_mutex_init(&a->tee_lock) != 0) {
        free(a);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "attest", "out of memory");
    }
    a->cfg = *c;
    a->asks = (struct mse_relay_asks) {
        .protocol = MSE_SESSION_ALPN, .question = question, .gone = gone, .user = a
    };
    mse_rate_init(&a->rate, MSE_ATTEST_PER_SECOND, MSE_ATTEST_BURST, seed);
    (void)uv_timer_init(c->loop, &a->gather_timer); /* cannot fail */
    a->gather_timer.data = a;
    *out = a;
    return MSE_OK;
}

const struct mse_relay_asks *mse_attest_asks(const struct mse_attest *a)
{
    return &a->asks;
}

void mse_attest_set_owner(struct mse_attest *a, const char *name, const uint8_t spki_sha256[32])
{
    a->owner_name = name;
    memcpy(a->owner_spki_sha256, spki_sha256, sizeof a->owner_spki_sha256);
}

void mse_attest_hold_tee(struct mse_attest *a)
{
    uv_mutex_lock(&a->tee_lock);
}

void mse_attest_release_tee(struct mse_attest *a)
{
    uv_mutex_unlock(&a->tee_lock);
}

void mse_attest_stop(struct mse_attest *a)
{
    if (a == NULL || a->stopped) {
        return;
    }
    a->stopped = true;
    (void)uv_timer_stop(&a->gather_timer);
}

void mse_attest_free(struct mse_attest *a)
{
    if (a == NULL) {
        return;
    }
    job_free(a->gathering);
    while (a->first != NULL) {
        struct job *j = a->first;
        a->first = j->next;
        job_free(j);
    }
    uv_mutex_destroy(&a->tee_lock);
    free(a);
}
