/* SPDX-License-Identifier: Apache-2.0 */
/* See app_quotes.h. One request per connection: u8 length || data; the answer: u8 what || u32be
 * length || content. */
#include "enclave/app_quotes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "enclave/rate.h"
#include "net/leftover.h"
#include "net/loop.h"
#include "ratls/session.h"

#define BACKLOG    16
#define TICK_MS    500
#define HEAD_LEN   ((size_t)5)
#define MAX_ANSWER (HEAD_LEN + MSE_SESSION_EVIDENCE_MAX)
#define RETRY_MS   200U
#define READ_MAX   (MSE_ATTEST_APP_MAX + 2) /* one byte more than a request may have */

enum step {
    STEP_REQUEST,
    STEP_WAIT,   /* for its turn, or for the quote */
    STEP_ANSWER, /* on its way */
};

struct conn {
    struct mse_app_quotes *quotes;
    uv_poll_t poll;
    int fd;
    enum step step;
    uint64_t since;  /* of this step */
    uint64_t number; /* among those that wait */
    uint8_t request[READ_MAX];
    size_t have;
    struct mse_leftover out;
};

struct mse_app_quotes {
    struct mse_app_quotes_config cfg;
    struct mse_rate rate;
    int fd;
    bool stopped;
    uv_poll_t listener;
    uv_timer_t tick;
    uint64_t next_number;
    struct conn *conns[MSE_APP_QUOTES_CONNECTIONS];
    bool running;       /* a quote is being made */
    struct conn *asked; /* for this one; NULL: it is gone */
};

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

static void conn_close(struct conn *c)
{
    struct mse_app_quotes *q = c->quotes;
    for (size_t i = 0; i < MSE_ARRAY_LEN(q->conns); i++) {
        q->conns[i] = q->conns[i] == c ? NULL : q->conns[i];
    }
    q->asked = q->asked == c ? NULL : q->asked;
    mse_leftover_clear(&c->out);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    (void)close(c->fd);
    c->fd = -1;
}

/* ---- answers ---- */

static void on_conn(uv_poll_t *h, int status, int events);

static void answer(struct conn *c, enum mse_app_answer what, struct mse_bytes content)
{
    uint8_t head[HEAD_LEN];
    struct mse_build b;
    mse_build_fixed(&b, head, sizeof head);
    mse_wr_u8(&b, (uint8_t)what);
    mse_wr_u32be(&b, (uint32_t)content.len);
    c->step = STEP_ANSWER;
    c->since = uv_now(c->quotes->cfg.loop);
    bool ok = mse_leftover_add(&c->out, c->fd, head, sizeof head, MAX_ANSWER) &&
              (content.len == 0 ||
               mse_leftover_add(&c->out, c->fd, content.data, content.len, MAX_ANSWER));
    if (!ok || c->out.len == 0 || uv_poll_start(&c->poll, UV_WRITABLE, on_conn) != 0) {
        conn_close(c);
    }
}

static void answer_busy(struct conn *c, uint32_t retry_ms)
{
    uint8_t text[4];
    struct mse_build b;
    mse_build_fixed(&b, text, sizeof text);
    mse_wr_u32be(&b, retry_ms);
    answer(c, MSE_APP_ANSWER_BUSY, mse_build_view(&b));
}

/* ---- turns ---- */

static struct conn *longest_waiting(const struct mse_app_quotes *q)
{
    struct conn *first = NULL;
    for (size_t i = 0; i < MSE_ARRAY_LEN(q->conns); i++) {
        struct conn *c = q->conns[i];
        if (c != NULL && c->step == STEP_WAIT && (first == NULL || c->number < first->number)) {
            first = c;
        }
    }
    return first;
}

static void on_evidence(void *user, struct mse_bytes evidence);

static void ask_next(struct mse_app_quotes *q)
{
    struct conn *c = q->running || q->stopped ? NULL : longest_waiting(q);
    if (c == NULL) {
        return;
    }
    struct mse_bytes data = mse_bytes_of(c->request + 1, c->request[0]);
    q->running = mse_attest_app(q->cfg.attest, data, on_evidence, q);
    if (q->running) {
        q->asked = c;
    } else {
        answer_busy(c, RETRY_MS); /* the clients' queue is full: the tick asks for the next */
    }
}

static void on_evidence(void *user, struct mse_bytes evidence)
{
    struct mse_app_quotes *q = user;
    q->running = false;
    struct conn *c = q->asked;
    q->asked = NULL;
    if (c != NULL) {
        answer(c, evidence.len > 0 ? MSE_APP_ANSWER_EVIDENCE : MSE_APP_ANSWER_FAILED, evidence);
    }
    ask_next(q);
}

/* ---- requests ---- */

static void judge(struct conn *c)
{
    static const uint8_t one_source[16] = { 0 };
    struct mse_app_quotes *q = c->quotes;
    size_t want = c->have == 0 ? 0 : c->request[0];
    if (c->have > 0 && (want == 0 || want > MSE_ATTEST_APP_MAX || c->have > 1 + want)) {
        struct mse_bytes none = { NULL, 0 };
        uint8_t rest[1024]; /* unread bytes would make the end look like a broken connection */
        (void)!recv(c->fd, rest, sizeof rest, 0);
        answer(c, MSE_APP_ANSWER_BAD_REQUEST, none);
        return;
    }
    if (c->have == 0 || c->have < 1 + want) {
        return;
    }
    uint32_t wait_ms = mse_rate_take(&q->rate, one_source, uv_now(q->cfg.loop));
    if (wait_ms > 0) {
        answer_busy(c, wait_ms);
        return;
    }
    c->step = STEP_WAIT;
    c->number = q->next_number++;
    (void)uv_poll_stop(
        &c->poll); /* it may have ended its side, which would be told again and again */
    ask_next(q);
}

/* What comes behind a request is not read. */
static void read_some(struct conn *c)
{
    ssize_t n = recv(c->fd, c->request + c->have, sizeof c->request - c->have, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        conn_close(c);
        return;
    }
    c->have += (size_t)n;
    judge(c);
}

static void on_conn(uv_poll_t *h, int status, int events)
{
    struct conn *c = h->data;
    (void)events;
    if (status == 0 && c->step == STEP_REQUEST) {
        read_some(c);
    } else if (status != 0 || !mse_leftover_send(&c->out, c->fd) || c->out.len == 0) {
        conn_close(c);
    }
}

/* ---- connections ---- */

/* Takes over fd. */
static void conn_new(struct mse_app_quotes *q, int fd)
{
    struct conn **place = NULL;
    for (size_t i = 0; i < MSE_ARRAY_LEN(q->conns); i++) {
        place = q->conns[i] == NULL ? &q->conns[i] : place;
    }
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL || uv_poll_init(q->cfg.loop, &c->poll, fd) != 0) {
        free(c);
        (void)close(fd);
        return;
    }
    c->quotes = q;
    c->fd = fd;
    c->poll.data = c;
    c->since = uv_now(q->cfg.loop);
    if (place == NULL) {
        answer_busy(c, RETRY_MS);
        if (c->step == STEP_ANSWER && c->fd >= 0) {
            conn_close(c); /* five bytes that a fresh socket did not take: nobody waits for them */
        }
        return;
    }
    *place = c;
    if (uv_poll_start(&c->poll, UV_READABLE, on_conn) != 0) {
        conn_close(c);
    }
}

static void on_listener(uv_poll_t *h, int status, int events)
{
    struct mse_app_quotes *q = h->data;
    (void)events;
    for (int i = 0; status == 0 && i < BACKLOG; i++) {
        int fd = accept4(q->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            mse_net_accept_failed(h, errno);
            return;
        }
        conn_new(q, fd);
    }
}

static void on_tick(uv_timer_t *h)
{
    struct mse_app_quotes *q = h->data;
    uint64_t now = uv_now(q->cfg.loop);
    for (size_t i = 0; i < MSE_ARRAY_LEN(q->conns); i++) {
        struct conn *c = q->conns[i];
        if (c != NULL && c->step != STEP_WAIT && now - c->since >= MSE_APP_QUOTES_IDLE_MS) {
            conn_close(c);
        }
    }
    ask_next(q);
    if (!q->stopped && !uv_is_active((const uv_handle_t *)&q->listener)) {
        (void)uv_poll_start(&q->listener, UV_READABLE, on_listener);
    }
}

/* ---- life ---- */

/* The folder keeps everybody else's hands off; the app may connect and no more. */
static int listen_for(const struct mse_app_quotes_config *c)
{
    int fd = mse_net_listen_unix(c->path, BACKLOG);
    if (fd >= 0 && !c->no_modes &&
        (chmod(c->path, 0600) != 0 ||
         (c->owner != geteuid() && chown(c->path, c->owner, c->owner) != 0))) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

mse_status mse_app_quotes_new(struct mse_app_quotes **out, const struct mse_app_quotes_config *c,
                              struct mse_error *err)
{
    struct mse_app_quotes *q = calloc(1, sizeof *q);
    *out = q;
    if (q == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "quotes", "out of memory");
    }
    q->cfg = *c;
    mse_rate_init(&q->rate, MSE_APP_QUOTES_PER_SECOND, MSE_APP_QUOTES_BURST, 0);
    q->fd = listen_for(c);
    q->listener.data = q;
    q->tick.data = q;
    if (q->fd < 0 || uv_poll_init(c->loop, &q->listener, q->fd) != 0 ||
        uv_poll_start(&q->listener, UV_READABLE, on_listener) != 0 ||
        uv_timer_init(c->loop, &q->tick) != 0 ||
        uv_timer_start(&q->tick, on_tick, TICK_MS, TICK_MS) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "quotes", "no socket for the app's own quotes: %s",
                        strerror(errno));
    }
    return MSE_OK;
}

void mse_app_quotes_stop(struct mse_app_quotes *q)
{
    if (q == NULL || q->stopped) {
        return;
    }
    q->stopped = true;
    for (size_t i = 0; i < MSE_ARRAY_LEN(q->conns); i++) {
        if (q->conns[i] != NULL) {
            conn_close(q->conns[i]);
        }
    }
    if (q->fd >= 0 && q->listener.loop != NULL) {
        (void)uv_poll_stop(&q->listener);
    }
}

void mse_app_quotes_free(struct mse_app_quotes *q)
{
    if (q == NULL) {
        return;
    }
    if (q->fd >= 0) {
        (void)close(q->fd);
    }
    free(q);
}
