/* SPDX-License-Identifier: Apache-2.0 */
/* One object, from whichever upstream has it: order, retries, waits. */
#include "collateral/fetch.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "collateral/path.h"
#include "crypto/digest.h"
#include "http/http.h"

#define MAX_WAIT_MS 30000U
#define SLICE_MS    50U /* how often a wait reports progress */

struct mse_fetcher {
    struct mse_fetch_config config;
    struct mse_http *http;
    /* The chain that AMD's last object needed. */
    struct mse_fetched amd;
    enum mse_snp_product amd_product;
    bool amd_vlek;
};

/* All tries of one object. */
struct job {
    struct mse_fetcher *f;
    const struct mse_fetch_key *key;
    struct mse_fetched *out;
    uint64_t deadline; /* monotonic, ms */
    bool given_up[MSE_FETCH_MAX_UPSTREAMS];
    unsigned retry_after; /* seconds, the longest that was asked for in this round */
    mse_status worst;
    struct mse_error error; /* of the worst */
};

void mse_fetch_config_default(struct mse_fetch_config *c)
{
    struct mse_fetch_config d = {
        .connect_ms = 10000,
        .request_ms = 30000,
        .total_ms = 60000,
        .attempts = 4,
        .backoff_ms = 500,
        .at = (mse_time)time(NULL),
    };
    *c = d;
}

mse_status mse_fetcher_new(struct mse_fetcher **out, const struct mse_fetch_config *c,
                           struct mse_error *err)
{
    struct mse_fetcher *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "fetch", "out of memory");
    }
    f->config = *c;
    mse_fetched_init(&f->amd);
    mse_status st = mse_http_new(&f->http, err);
    if (st != MSE_OK) {
        mse_fetcher_free(f);
        return st;
    }
    *out = f;
    return MSE_OK;
}

void mse_fetcher_free(struct mse_fetcher *f)
{
    if (f != NULL) {
        mse_http_free(f->http);
        mse_fetched_clear(&f->amd);
    }
    free(f);
}

void mse_fetched_init(struct mse_fetched *o)
{
    struct mse_fetched empty = { .upstream = NULL };
    *o = empty;
    mse_build_heap(&o->body, MSE_FETCH_MAX_BODY);
    mse_build_heap(&o->chain, MSE_FETCH_MAX_CHAIN);
}

void mse_fetched_clear(struct mse_fetched *o)
{
    mse_build_clear(&o->body);
    mse_build_clear(&o->chain);
}

static uint64_t now_ms(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool is_cancelled(const struct mse_fetch_config *c)
{
    return c->cancelled != NULL && c->cancelled(c->user);
}

static unsigned time_left(const struct job *j)
{
    if (is_cancelled(&j->f->config)) {
        return 0;
    }
    uint64_t now = now_ms();
    return now >= j->deadline ? 0 : (unsigned)(j->deadline - now);
}

/* What is left of the time for one request; never 0, which libcurl takes for "as long as it takes".
 */
static unsigned bounded(unsigned left, unsigned most)
{
    unsigned ms = left < most ? left : most;
    return ms > 0 ? ms : 1;
}

/* How much an outcome tells: what was answered wrongly counts more than what was not answered. */
static unsigned weight(mse_status st)
{
    switch ((int)st) {
    case MSE_OK:
        return 0;
    case MSE_ERR_NOT_FOUND:
        return 1;
    case MSE_ERR_IO:
        return 2;
    case MSE_ERR_TIMEOUT:
        return 3;
    case MSE_ERR_PROTOCOL:
        return 4;
    default:
        return 5;
    }
}

/* Keeps the most telling error, with the upstream's name in front. */
static void note(struct job *j, const struct mse_upstream *u, mse_status st,
                 const struct mse_error *why)
{
    if (weight(st) < weight(j->worst)) {
        return;
    }
    struct mse_error empty = { 0 };
    j->worst = st;
    j->error = empty;
    (void)MSE_FAIL(&j->error, st, "fetch", "%.80s: %.150s", u->url,
                   why->text[0] != '\0' ? why->text : mse_status_text(st));
}

static bool has_object(const struct mse_upstream *u, const struct mse_fetch_key *key)
{
    bool amd = key->kind == MSE_FETCH_VCEK || key->kind == MSE_FETCH_AMD_CHAIN ||
               key->kind == MSE_FETCH_AMD_CRL;
    return (u->kind == MSE_UPSTREAM_KDS) == amd;
}

static bool make_url(char *url, size_t cap, const struct mse_upstream *u,
                     const struct mse_fetch_key *key)
{
    char path[2048];
    if (!mse_fetch_path(path, sizeof path, key)) {
        return false;
    }
    bool elsewhere = u->kind == MSE_UPSTREAM_PCS && key->kind == MSE_FETCH_ROOT_CRL;
    int n =
        snprintf(url, cap, "%s%s", elsewhere ? MSE_ROOT_CRL_URL : u->url, elsewhere ? "" : path);
    return n > 0 && (size_t)n < cap;
}

/* An HTTP status other than 200. *again: it may change. */
static mse_status judge_status(const struct mse_http_reply *r, bool *again, struct mse_error *err)
{
    *again = r->status == 408 || r->status == 429 || r->status >= 500;
    if (r->status == 429) {
        return MSE_FAIL(err, MSE_ERR_TIMEOUT, "answer", "429: too many requests just now");
    }
    if (r->status >= 500 || r->status == 408) {
        return MSE_FAIL(err, MSE_ERR_IO, "answer", "%ld: the service has trouble", r->status);
    }
    if (r->status == 404) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "answer", "404: the service does not have it");
    }
    return MSE_FAIL(err, MSE_ERR_PROTOCOL, "answer", "%ld: wanted 200", r->status);
}

/* A PCCS that lacks the chain is as good as one that answers nonsense. */
static mse_status take_reply(struct job *j, struct mse_http_reply *r, struct mse_error *err)
{
    const char *older = NULL;
    const char *name = mse_fetch_chain_header(&older, j->key);
    struct mse_fetched got;
    mse_fetched_init(&got);
    mse_status st = MSE_OK;
    if (name != NULL) {
        if (!r->has_header || !mse_chain_header_decode(&got.chain, mse_build_view(&r->header))) {
            st = MSE_FAIL(err, MSE_ERR_PROTOCOL, "answer", "the header %s is %s", name,
                          r->has_header ? "no percent-encoded PEM" : "missing");
        }
    } else if (j->key->kind == MSE_FETCH_VCEK || j->key->kind == MSE_FETCH_AMD_CRL) {
        mse_wr_bytes(&got.chain, mse_build_view(&j->f->amd.body));
    }
    mse_wr_bytes(&got.body, mse_build_view(&r->body));
    if (st == MSE_OK && (!mse_build_ok(&got.body) || !mse_build_ok(&got.chain))) {
        st = MSE_FAIL(err, MSE_ERR_MEMORY, "answer", "out of memory");
    }
    if (st == MSE_OK) {
        st = mse_fetched_verify(&got, j->key, &j->f->config, err);
    }
    if (st != MSE_OK) {
        mse_fetched_clear(&got);
        return st;
    }
    mse_fetched_clear(j->out);
    *j->out = got;
    return MSE_OK;
}

/* One request to one upstream. *again: it is worth another try. */
static mse_status try_one(struct job *j, const struct mse_upstream *u, bool *again,
                          struct mse_error *err)
{
    const struct mse_fetch_config *c = &j->f->config;
    const char *older = NULL;
    const char *name = mse_fetch_chain_header(&older, j->key);
    char url[MSE_URL_MAX + 2048];
    unsigned left = time_left(j);
    *again = false;
    if (!make_url(url, sizeof url, u, j->key)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "key", "it is incomplete");
    }
    struct mse_http_request request = {
        .url = url,
        .ca_file = u->kind == MSE_UPSTREAM_PCCS ? c->ca_file : NULL,
        .proxy = c->proxy,
        .want_header = { name, older },
        .max_body = 2 * MSE_FETCH_MAX_BODY, /* hexadecimal CRLs */
        .connect_ms = bounded(left, c->connect_ms),
        .total_ms = bounded(left, c->request_ms),
        .progress = c->progress,
        .cancelled = c->cancelled,
        .user = c->user,
    };
    char subscription[256];
    if (u->kind == MSE_UPSTREAM_PCS && j->key->kind == MSE_FETCH_PCK_CERT && c->api_key != NULL) {
        (void)snprintf(subscription, sizeof subscription, "Ocp-Apim-Subscription-Key: %s",
                       c->api_key);
        request.headers[0] = subscription;
        request.stay = true;
    }
    struct mse_http_reply reply;
    mse_status st = mse_http_ask(&reply, j->f->http, &request, err);
    if (st != MSE_OK) {
        *again = st == MSE_ERR_IO || st == MSE_ERR_TIMEOUT || st == MSE_ERR_PROTOCOL;
    } else if (reply.status != 200) {
        st = judge_status(&reply, again, err);
        j->retry_after = reply.retry_after > j->retry_after ? reply.retry_after : j->retry_after;
    } else {
        st = take_reply(j, &reply, err);
    }
    mse_http_reply_clear(&reply);
    return st;
}

/* Every upstream once. True when the object is there. */
static bool try_all(struct job *j)
{
    const struct mse_fetch_config *c = &j->f->config;
    j->retry_after = 0;
    for (size_t i = 0; i < c->num_upstreams; i++) {
        const struct mse_upstream *u = &j->f->config.upstreams[i];
        struct mse_error why = { 0 };
        bool again = false;
        if (j->given_up[i] || !has_object(u, j->key) || time_left(j) == 0) {
            continue;
        }
        mse_status st = try_one(j, u, &again, &why);
        if (st == MSE_OK) {
            j->out->upstream = u->url;
            return true;
        }
        note(j, u, st, &why);
        j->given_up[i] = !again;
    }
    return false;
}

static bool is_hopeless(const struct job *j)
{
    const struct mse_fetch_config *c = &j->f->config;
    for (size_t i = 0; i < c->num_upstreams; i++) {
        if (!j->given_up[i] && has_object(&c->upstreams[i], j->key)) {
            return false;
        }
    }
    return true;
}

/* The wait before the next round: doubling, half of it random, so that clients that failed together
 * do not come back together. */
static unsigned wait_of(const struct job *j, unsigned round)
{
    uint32_t dice = 0;
    uint64_t ms = (uint64_t)j->f->config.backoff_ms << (round < 16 ? round : 16);
    ms = ms < MAX_WAIT_MS ? ms : MAX_WAIT_MS;
    if (mse_random(&dice, sizeof dice) == MSE_OK) {
        ms = ms / 2 + dice % (ms / 2 + 1);
    }
    uint64_t asked = (uint64_t)j->retry_after * 1000;
    return (unsigned)(asked > ms ? asked : ms);
}

/* False if the time does not suffice. */
static bool wait_for(struct job *j, unsigned ms)
{
    const struct mse_fetch_config *c = &j->f->config;
    if (ms >= time_left(j)) {
        return false;
    }
    for (unsigned slice = 0; ms > 0; ms -= slice) {
        slice = ms < SLICE_MS ? ms : SLICE_MS;
        struct timespec t = { .tv_nsec = (long)slice * 1000000 };
        (void)nanosleep(&t, NULL);
        if (c->progress != NULL) {
            c->progress(c->user, 0, 0);
        }
        if (is_cancelled(c)) {
            return false;
        }
    }
    return true;
}

static mse_status give_up(const struct job *j, struct mse_error *err)
{
    if (is_cancelled(&j->f->config)) {
        return MSE_FAIL(err, MSE_ERR_TIMEOUT, "fetch", "it was broken off");
    }
    if (j->worst == MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "fetch", "no service is configured that has this");
    }
    if (j->retry_after > 0) {
        return MSE_FAIL(err, j->worst, "fetch", "%.200s; it asks to come back in %u seconds",
                        j->error.text, j->retry_after);
    }
    return MSE_FAIL(err, j->worst, "fetch", "%s", j->error.text);
}

static mse_status fetch_plain(struct mse_fetched *out, struct mse_fetcher *f,
                              const struct mse_fetch_key *key, struct mse_error *err)
{
    struct job j = { .f = f, .key = key, .out = out, .deadline = now_ms() + f->config.total_ms };
    for (unsigned round = 0; round < f->config.attempts; round++) {
        if (try_all(&j)) {
            return MSE_OK;
        }
        bool last = round + 1 >= f->config.attempts;
        if (last || is_hopeless(&j) || !wait_for(&j, wait_of(&j, round))) {
            break;
        }
    }
    return give_up(&j, err);
}

/* AMD's certificates and CRLs come without their chain. */
static mse_status need_amd_chain(struct mse_fetcher *f, const struct mse_fetch_key *key,
                                 struct mse_error *err)
{
    if (f->amd.body.len > 0 && f->amd_product == key->product && f->amd_vlek == key->vlek) {
        return MSE_OK;
    }
    struct mse_fetch_key chain = { .kind = MSE_FETCH_AMD_CHAIN,
                                   .product = key->product,
                                   .vlek = key->vlek };
    mse_status st = fetch_plain(&f->amd, f, &chain, err);
    if (st == MSE_OK) {
        f->amd_product = key->product;
        f->amd_vlek = key->vlek;
    }
    return st;
}

mse_status mse_fetch(struct mse_fetched *out, struct mse_fetcher *f,
                     const struct mse_fetch_key *key, struct mse_error *err)
{
    if (key->kind == MSE_FETCH_VCEK || key->kind == MSE_FETCH_AMD_CRL) {
        mse_status st = need_amd_chain(f, key, err);
        if (st != MSE_OK) {
            return st;
        }
    }
    return fetch_plain(out, f, key, err);
}
