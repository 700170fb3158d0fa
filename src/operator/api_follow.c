/* SPDX-License-Identifier: Apache-2.0 */
/* Logs, and who follows them: one thread reads for all, and a follower costs a suspended
 * connection. */
#include "base/bytes.h"
#include "base/log.h"
#include "base/util.h"
#include "operator/api.h"

#define MAX_FOLLOWERS 256U
#define MAX_PER_USER  16U
#define MAX_AT_ONCE   16U /* batches, of 64 KiB at most */
#define MAX_BUFFER    ((size_t)8 * 1024 * 1024)
/* Behind which no batch begins: of one, lines without text become 64 times as much. */
#define MAX_ANSWER    ((size_t)1024 * 1024)
#define POLL_NS       (250L * 1000 * 1000)
#define ROUNDS_STATUS 4U  /* of polls, between two looks at the app's status */
#define ROUNDS_TOKEN  20U /* likewise, at the token that was shown */
#define ROUNDS_BEAT   60U /* of polls without a line, until an empty one is sent */

struct api_follower {
    unsigned refs; /* inside the list's lock */
    struct api_followers *all;
    char app_id[MSE_OP_ID_LEN];
    char owner_id[MSE_OP_ID_LEN];
    char token_id[MSE_OP_ID_LEN];
    struct api_follower *next;
    struct api_follower *prev;
    uint64_t after; /* of the reading thread alone, as the next two */
    unsigned quiet; /* rounds without a line */
    unsigned rounds;
    pthread_mutex_t lock;           /* of the rest */
    struct mse_httpd_request *http; /* NULL: it is gone */
    bool reads; /* before, only the worker wakes the request, and nobody ends it meanwhile */
    struct mse_build lines;
    size_t sent;
    bool over;
};
struct api_followers {
    struct api *api;
    struct mse_op_store *store;
    pthread_mutex_t lock; /* of the list */
    struct api_follower *first;
    unsigned num;
    bool stop;
    pthread_t thread;
    bool running;
};

/* Lines. */

static void write_line(struct mse_js *j, const struct mse_op_log *l, struct mse_bytes text,
                       bool with_seq)
{
    MSE_UNINITIALIZED char copy[MSE_OP_LOG_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < text.len && i < MSE_OP_LOG_MAX; i++) {
        if (text.data[i] != 0) {
            copy[n++] = (char)text.data[i];
        }
    }
    copy[n] = '\0';
    mse_js_open(j, NULL, '{');
    if (with_seq) {
        mse_js_uint(j, "seq", l->seq);
    }
    mse_js_time(j, "at", l->at_ms / 1000);
    mse_js_str(j, "text", copy);
    mse_js_close(j, '}');
}

static void log_lines(struct mse_build *out, struct mse_js *j, const struct mse_op_log *l,
                      bool with_seq)
{
    struct mse_bytes rest = l->bytes;
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.data);
        write_line(j, l, mse_bytes_of(rest.data, len), with_seq);
        if (with_seq) {
            mse_wr_str(out, "\n");
            j->comma = false;
        }
        len += end == NULL ? 0 : 1;
        rest = mse_bytes_of(rest.data + len, rest.len - len);
    }
}

struct reading {
    struct mse_build *out;
    struct mse_js j;
    uint64_t next;
    bool with_seq;
    bool full;
};

static mse_status take_log(void *arg, const struct mse_op_log *l)
{
    struct reading *r = arg;
    r->full = r->full || r->out->len > MAX_ANSWER;
    if (r->full) {
        return MSE_OK; /* the next answer begins with it */
    }
    log_lines(r->out, &r->j, l, r->with_seq);
    r->next = l->seq;
    return MSE_OK;
}

/* One answer. */

static struct mse_reply *one_answer(struct api_call *c, const struct mse_op_app *a, uint64_t after)
{
    struct mse_error err = { 0 };
    struct mse_reply *r = api_json(HTTP_OK);
    if (r == NULL) {
        return NULL;
    }
    struct reading read = { .out = &r->body, .j = { .b = &r->body }, .next = after };
    mse_js_open(&read.j, NULL, '{');
    mse_js_open(&read.j, "lines", '[');
    mse_status st = mse_op_log_read(c->store, a->id, after, MAX_AT_ONCE, take_log, &read, &err);
    mse_js_close(&read.j, ']');
    mse_js_uint(&read.j, "next", read.next);
    mse_js_close(&read.j, '}');
    if (st != MSE_OK) {
        mse_reply_unref(r);
        return api_failed(st, &err);
    }
    return api_done(r);
}

struct mse_reply *api_app_logs(struct api_call *c)
{
    struct mse_op_app a = { 0 };
    const char *after = api_value(c, "after");
    const char *follow = api_value(c, "follow");
    uint64_t seq = 0;
    if (after != NULL && !mse_u64_parse(&seq, mse_bytes_str(after), (uint64_t)1 << 53)) {
        return api_problem(HTTP_UNPROCESSABLE, "after is %.40s, wanted a number.", after);
    }
    bool yes = follow != NULL && (strcmp(follow, "1") == 0 || strcmp(follow, "true") == 0);
    bool no = follow == NULL || strcmp(follow, "0") == 0 || strcmp(follow, "false") == 0;
    if (!yes && !no) {
        return api_problem(HTTP_UNPROCESSABLE, "follow is %.40s, wanted 0 or 1.", follow);
    }
    struct mse_reply *r = api_own_app(c, &a);
    if (r != NULL) {
        return r;
    }
    return yes ? api_follow(c, &a, seq) : one_answer(c, &a, seq);
}

/* Followers. */

static void unref(struct api_follower *f)
{
    struct api_followers *all = f->all;
    (void)pthread_mutex_lock(&all->lock);
    bool last = --f->refs == 0;
    (void)pthread_mutex_unlock(&all->lock);
    if (last) {
        mse_build_clear(&f->lines);
        (void)pthread_mutex_destroy(&f->lock);
        free(f);
    }
}

static ssize_t read_stream(void *user, char *to, size_t cap)
{
    struct api_follower *f = user;
    (void)pthread_mutex_lock(&f->lock);
    f->reads = true;
    size_t left = f->lines.len - f->sent;
    size_t n = left < cap ? left : cap;
    ssize_t result = f->over && left == 0 ? MSE_REPLY_END : (ssize_t)n;
    if (n > 0) {
        memcpy(to, f->lines.data + f->sent, n);
        f->sent += n;
    }
    if (f->sent == f->lines.len) {
        mse_build_reset(&f->lines);
        f->sent = 0;
    }
    (void)pthread_mutex_unlock(&f->lock);
    return result;
}

static void free_stream(void *user)
{
    unref(user);
}

static bool link_follower(struct api_followers *all, struct api_follower *f)
{
    unsigned own = 0;
    (void)pthread_mutex_lock(&all->lock);
    for (const struct api_follower *o = all->first; o != NULL; o = o->next) {
        own += strcmp(o->owner_id, f->owner_id) == 0 ? 1 : 0;
    }
    bool good = !all->stop && all->num < MAX_FOLLOWERS && own < MAX_PER_USER;
    if (good) {
        f->refs = 2; /* the call's and the stream's; being listed is the call's */
        f->next = all->first;
        if (f->next != NULL) {
            f->next->prev = f;
        }
        all->first = f;
        all->num++;
    }
    (void)pthread_mutex_unlock(&all->lock);
    return good;
}

static struct api_follower *follower_new(struct api_call *c, const struct mse_op_app *a,
                                         uint64_t after)
{
    struct api_follower *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return NULL;
    }
    f->all = c->api->followers;
    f->http = c->http;
    f->after = after;
    memcpy(f->app_id, a->id, sizeof f->app_id);
    memcpy(f->owner_id, a->owner_id, sizeof f->owner_id);
    memcpy(f->token_id, c->token.id, sizeof f->token_id);
    (void)pthread_mutex_init(&f->lock, NULL);
    mse_build_heap(&f->lines, MAX_BUFFER);
    if (!link_follower(f->all, f)) {
        (void)pthread_mutex_destroy(&f->lock);
        free(f);
        f = NULL;
    }
    return f;
}

struct mse_reply *api_follow(struct api_call *c, const struct mse_op_app *app, uint64_t after)
{
    struct mse_reply *r = mse_reply_new(HTTP_OK);
    if (r == NULL) {
        return NULL;
    }
    c->follower = follower_new(c, app, after);
    if (c->follower == NULL) {
        mse_reply_unref(r);
        return api_problem(HTTP_UNAVAILABLE, "Too many follow logs just now.");
    }
    r->stream = (struct mse_reply_stream) { read_stream, free_stream, c->follower };
    (void)atomic_fetch_add(&c->api->counts.followers, 1);
    return mse_reply_finish(r, mse_reply_add(r, "Content-Type", "application/x-ndjson") &&
                                   mse_reply_add(r, "Cache-Control", "no-store"));
}

/* The request is over: nobody wakes it from here on. */
void api_follow_end(struct api_call *c)
{
    struct api_follower *f = c->follower;
    if (f == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&f->lock);
    f->http = NULL;
    (void)pthread_mutex_unlock(&f->lock);
    (void)pthread_mutex_lock(&f->all->lock);
    *(f->prev != NULL ? &f->prev->next : &f->all->first) = f->next;
    if (f->next != NULL) {
        f->next->prev = f->prev;
    }
    f->all->num--;
    (void)pthread_mutex_unlock(&f->all->lock);
    (void)atomic_fetch_sub(&c->api->counts.followers, 1);
    c->follower = NULL;
    unref(f);
}

/* The thread that reads. */

static bool wants_more(struct api_follower *f)
{
    (void)pthread_mutex_lock(&f->lock);
    bool wants = f->http != NULL && f->reads && !f->over && f->lines.len == 0;
    (void)pthread_mutex_unlock(&f->lock);
    return wants;
}

/* Hands over what was read, and wakes the stream. */
static void give(struct api_follower *f, const struct mse_build *lines, bool over)
{
    (void)pthread_mutex_lock(&f->lock);
    if (lines->len > 0) {
        mse_wr_bytes(&f->lines, mse_build_view(lines));
    }
    f->over = over || !mse_build_ok(&f->lines);
    if (f->http != NULL && f->reads) {
        mse_httpd_resume(f->http);
    }
    (void)pthread_mutex_unlock(&f->lock);
}

/* Whoever was let in by a token stays as long as it is good. */
static bool is_out(struct mse_op_store *s, const struct api_follower *f)
{
    struct mse_error err = { 0 };
    return mse_op_token_lives(s, f->token_id, (mse_time)time(NULL), &err) == MSE_ERR_NOT_FOUND;
}

/* An app that has ended says nothing more. */
static bool has_ended(struct mse_op_store *s, const struct api_follower *f)
{
    struct mse_op_app a = { 0 };
    struct mse_error err = { 0 };
    mse_status st = mse_op_app_get(s, &a, f->owner_id, f->app_id, &err);
    return st == MSE_ERR_NOT_FOUND ||
           (st == MSE_OK && (a.status == MSE_OP_STOPPED || a.status == MSE_OP_ON_ERROR));
}

static void serve_one(struct api_followers *all, struct api_follower *f)
{
    struct mse_build lines;
    struct mse_error err = { 0 };
    if (!wants_more(f)) {
        return;
    }
    mse_build_heap(&lines, MAX_BUFFER);
    if (f->rounds % ROUNDS_TOKEN == 0 && is_out(all->store, f)) {
        give(f, &lines, true);
        return;
    }
    struct reading read = {
        .out = &lines, .j = { .b = &lines }, .next = f->after, .with_seq = true
    };
    /* In this order: what was said before the end is not lost. */
    bool ended = f->rounds++ % ROUNDS_STATUS == 0 && has_ended(all->store, f);
    mse_status st =
        mse_op_log_read(all->store, f->app_id, f->after, MAX_AT_ONCE, take_log, &read, &err);
    if (st == MSE_OK && mse_build_ok(&lines)) {
        bool more = lines.len > 0;
        f->after = read.next;
        f->quiet = more ? 0 : f->quiet + 1;
        if (f->quiet >= ROUNDS_BEAT) {
            mse_wr_str(&lines, "\n");
            f->quiet = 0;
        }
        if (lines.len > 0 || ended) {
            give(f, &lines, ended && !more);
        }
    }
    mse_build_clear(&lines);
}

/* The next in the list behind f, with a reference; the one to f is given back. */
static struct api_follower *next_of(struct api_followers *all, struct api_follower *f)
{
    (void)pthread_mutex_lock(&all->lock);
    bool listed = false;
    for (const struct api_follower *o = all->first; f != NULL && o != NULL; o = o->next) {
        listed = listed || o == f;
    }
    struct api_follower *next = f == NULL ? all->first : listed ? f->next : NULL;
    if (next != NULL) {
        next->refs++;
    }
    (void)pthread_mutex_unlock(&all->lock);
    if (f != NULL) {
        unref(f);
    }
    return next;
}

static bool is_stopped(struct api_followers *all)
{
    (void)pthread_mutex_lock(&all->lock);
    bool stop = all->stop;
    (void)pthread_mutex_unlock(&all->lock);
    return stop;
}

static void *followers_main(void *arg)
{
    const struct timespec poll = { .tv_nsec = POLL_NS };
    struct api_followers *all = arg;
    while (!is_stopped(all)) {
        for (struct api_follower *f = next_of(all, NULL); f != NULL; f = next_of(all, f)) {
            serve_one(all, f);
        }
        (void)nanosleep(&poll, NULL);
    }
    return NULL;
}

mse_status api_followers_new(struct api_followers **out, struct api *a, struct mse_error *err)
{
    struct api_followers *all = calloc(1, sizeof *all);
    if (all == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "api", "out of memory");
    }
    all->api = a;
    (void)pthread_mutex_init(&all->lock, NULL);
    mse_status st = api_store_open(&all->store, a, 1, err);
    if (st == MSE_OK && pthread_create(&all->thread, NULL, followers_main, all) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "api", "no thread could be started");
    }
    all->running = st == MSE_OK;
    if (st == MSE_OK) {
        *out = all;
    } else {
        api_followers_free(all);
    }
    return st;
}

void api_followers_stop(struct api_followers *all)
{
    if (all == NULL || !all->running) {
        return;
    }
    (void)pthread_mutex_lock(&all->lock);
    all->stop = true;
    (void)pthread_mutex_unlock(&all->lock);
    (void)pthread_join(all->thread, NULL);
    all->running = false;
    const struct mse_build nothing = { .len = 0 };
    for (struct api_follower *f = next_of(all, NULL); f != NULL; f = next_of(all, f)) {
        give(f, &nothing, true);
    }
}

void api_followers_free(struct api_followers *all)
{
    if (all != NULL) {
        api_followers_stop(all);
        mse_op_store_close(all->store);
        (void)pthread_mutex_destroy(&all->lock);
        free(all);
    }
}
