/* SPDX-License-Identifier: Apache-2.0 */
/* The relay. Each connection is a pair: front (TCP, TLS) and back (unix socket, plain). All of them
 * share one plaintext buffer and one ciphertext buffer; only what a socket did not take at once is
 * kept with the connection, and while it is kept nothing more is read from the other side. That is
 * the whole back-pressure. */
#include "net/relay.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "net/ages.h"
#include "net/leftover.h"
#include "net/loop.h"
#include "net/proxy2.h"
#include "net/sources.h"

#define PLAIN_LEN     ((size_t)65536)
#define PLAIN_RECORDS (PLAIN_LEN / MSE_TLS_RECORD_MAX)
#define CIPHER_LEN    (PLAIN_LEN + PLAIN_RECORDS * MSE_TLS_RECORD_OVERHEAD + (size_t)65536)
#define LEFTOVER_MAX                                                                               \
    (CIPHER_LEN + (size_t)4096) /* one turn's output, alerts and replies behind it */
#define ACCEPTS_PER_TURN 64
#define CHUNKS_PER_TURN  4
#define RETRY_MS         10
#define QUESTION_HEAD    ((size_t)4)
#define REST_AFTER_MS    1000
#define EVICT_AFTER_MS   1000 /* what was idle for so long may make room for a new connection */

/* Where a connection is in its life. Each stage has a list in order of the last activity and a time
 * after which it is closed. */
enum stage {
    STAGE_HANDSHAKE, /* in order of arrival: trickling bytes does not help */
    STAGE_ASK,       /* a question is read, thought about or answered */
    STAGE_CONNECT,   /* the handshake is done, the app has not taken the connection yet */
    STAGE_OPEN,
    STAGE_HALF, /* one side has ended */
    NUM_STAGES,
};

/* A question and its answer; only connections of such a protocol have one. */
struct ask {
    uint8_t in[QUESTION_HEAD + MSE_RELAY_QUESTION_MAX];
    size_t have;
    size_t want;
    bool then_stream;
    bool asking;   /* the callback runs */
    bool answered; /* out is what goes out */
    bool go_on;
    struct mse_build out;
    size_t sent;
};

/* What comes before TLS, where it does. */
struct header {
    uint8_t in[MSE_PROXY2_READ_MAX];
    size_t have;
    size_t want;
};

struct mse_relay_conn {
    struct mse_aged age; /* first: lists hold it */
    struct mse_relay *relay;
    enum stage stage;
    struct mse_tls *tls;
    struct header *header;     /* while it is read */
    struct mse_source *counts; /* as whose it counts */
    uint8_t source[16];
    struct ask *ask; /* in STAGE_ASK */
    int front_fd;
    int back_fd;  /* -1: not connected */
    int given_fd; /* what will be back_fd, of a connection that was adopted; else -1 */
    uv_poll_t front;
    uv_poll_t back;
    struct mse_leftover to_front; /* ciphertext */
    struct mse_leftover to_back;  /* plaintext */
    int front_events;
    int back_events;
    unsigned open_handles;
    bool front_eof;
    bool back_eof;
    bool back_dead; /* the app takes no more bytes; what the client still sends is dropped */
    bool resting;   /* TLS holds no buffers for it */
    bool hungry;    /* input waits inside TLS although its turn is over */
    bool closing;
    struct mse_relay_conn *next_hungry;
};

struct mse_relay {
    struct mse_relay_config cfg;
    uv_poll_t listener;
    uv_timer_t tick;
    uv_timer_t retry;
    uv_idle_t again;
    unsigned open_handles;
    bool accepting;
    bool closing;
    size_t num;
    struct mse_ages stages[NUM_STAGES];
    struct mse_sources *sources; /* NULL: they have no limit */
    struct mse_relay_conn *hungry;
    struct mse_relay_stats stats;
    struct mse_build cipher;
    uint8_t plain[PLAIN_LEN];
    uint8_t cipher_buf[CIPHER_LEN];
};

static void conn_turn(struct mse_relay_conn *c, bool front_ready, bool back_ready);
static void on_again(uv_idle_t *h);
static void on_retry(uv_timer_t *h);

/* Lists. */

static struct mse_relay_conn *conn_of(struct mse_aged *a)
{
    return (struct mse_relay_conn *)a; /* its first member */
}

static void list_remove(struct mse_relay_conn *c)
{
    mse_ages_remove(&c->relay->stages[c->stage], &c->age);
}

static void list_append(struct mse_relay_conn *c, enum stage stage)
{
    c->stage = stage;
    mse_ages_append(&c->relay->stages[stage], &c->age, uv_now(c->relay->cfg.loop));
}

static void set_stage(struct mse_relay_conn *c, enum stage stage)
{
    list_remove(c);
    list_append(c, stage);
}

static void touch(struct mse_relay_conn *c)
{
    /* A millisecond's precision is enough, and busy connections come here often. */
    c->resting = false;
    if (c->stage >= STAGE_OPEN && !c->back_dead && c->age.since != uv_now(c->relay->cfg.loop)) {
        set_stage(c, c->stage);
    }
}

static void hungry_add(struct mse_relay_conn *c)
{
    struct mse_relay *r = c->relay;
    if (!c->hungry) {
        c->hungry = true;
        c->next_hungry = r->hungry;
        r->hungry = c;
        (void)uv_idle_start(&r->again, on_again);
    }
}

static void hungry_remove(struct mse_relay_conn *c)
{
    struct mse_relay_conn **p = &c->relay->hungry;
    while (c->hungry && *p != NULL) {
        if (*p == c) {
            *p = c->next_hungry;
            c->hungry = false;
        } else {
            p = &(*p)->next_hungry;
        }
    }
}

/* Sending. */

/* Sends what the TLS calls of this turn appended. */
static bool flush_cipher(struct mse_relay_conn *c)
{
    struct mse_build *b = &c->relay->cipher;
    bool ok = mse_build_ok(b) && (b->len == 0 || mse_leftover_add(&c->to_front, c->front_fd,
                                                                  b->data, b->len, LEFTOVER_MAX));
    mse_build_reset(b);
    return ok;
}

/* Carrying. What returns bool returns false when the connection is of no more use. */

/* Passes the end of a side on, once everything before it is out. */
static void pass_end_on(struct mse_relay_conn *c)
{
    if (c->back_eof && c->to_front.len == 0) {
        (void)shutdown(c->front_fd, SHUT_WR);
    }
    if (c->front_eof && c->to_back.len == 0) {
        (void)shutdown(c->back_fd, SHUT_WR);
    }
}

/* An app may answer and close before it has read everything: its answer still goes out. */
static void send_back(struct mse_relay_conn *c, const uint8_t *p, size_t len)
{
    if (!c->back_dead && !mse_leftover_add(&c->to_back, c->back_fd, p, len, LEFTOVER_MAX)) {
        c->back_dead = true;
    }
}

/* Fills the shared buffer from TLS. *more: input may be left inside. */
static enum mse_io read_front(struct mse_relay_conn *c, size_t *len, bool *more)
{
    struct mse_relay *r = c->relay;
    enum mse_io io = MSE_IO_DONE;
    *len = 0;
    *more = true;
    while (*more && io == MSE_IO_DONE && PLAIN_LEN - *len >= MSE_TLS_RECORD_MAX) {
        size_t n = 0;
        io = mse_tls_read(c->tls, r->plain + *len, PLAIN_LEN - *len, &n);
        *len += io == MSE_IO_DONE ? n : 0;
        *more = io == MSE_IO_DONE && mse_tls_pending(c->tls);
    }
    return io;
}

/* Client to app. */
static bool carry_up(struct mse_relay_conn *c)
{
    bool more = true;
    for (int i = 0; more && i < CHUNKS_PER_TURN && !c->front_eof && c->to_back.len == 0; i++) {
        size_t len = 0;
        enum mse_io io = read_front(c, &len, &more);
        if (!flush_cipher(c) || io == MSE_IO_ERROR) {
            return false;
        }
        if (len > 0) {
            send_back(c, c->relay->plain, len);
        }
        if (io == MSE_IO_EOF) {
            c->front_eof = true;
            set_stage(c, STAGE_HALF);
            pass_end_on(c);
        }
    }
    if (more && !c->front_eof && c->to_back.len == 0) {
        hungry_add(c);
    }
    return true;
}

/* App to client. */
static bool carry_down(struct mse_relay_conn *c)
{
    struct mse_relay *r = c->relay;
    if (c->back_eof || c->to_front.len > 0) {
        return true;
    }
    ssize_t n = recv(c->back_fd, r->plain, PLAIN_LEN, 0);
    if (n < 0 && errno != ECONNRESET) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (n > 0) {
        return mse_tls_write(c->tls, r->plain, (size_t)n) == MSE_IO_DONE && flush_cipher(c);
    }
    c->back_eof = true;
    set_stage(c, STAGE_HALF);
    if (n == 0) { /* after a reset the client must not take the end for an orderly one */
        mse_tls_shutdown(c->tls);
    }
    if (!flush_cipher(c)) {
        return false;
    }
    pass_end_on(c);
    return true;
}

/* Interest in events. */

/* After an error libuv has stopped watching; reading then says what the error was. */
static void on_front(uv_poll_t *h, int status, int events)
{
    struct mse_relay_conn *c = h->data;
    c->front_events = status < 0 ? 0 : c->front_events;
    conn_turn(c, status < 0 || (events & UV_READABLE) != 0, false);
}

static void on_back(uv_poll_t *h, int status, int events)
{
    struct mse_relay_conn *c = h->data;
    c->back_events = status < 0 ? 0 : c->back_events;
    conn_turn(c, false, status < 0 || (events & UV_READABLE) != 0);
}

static void watch(uv_poll_t *h, int *now, int wanted, uv_poll_cb cb)
{
    if (*now != wanted) {
        *now = wanted;
        MSE_ASSERT((wanted == 0 ? uv_poll_stop(h) : uv_poll_start(h, wanted, cb)) == 0);
    }
}

static void update_interest(struct mse_relay_conn *c)
{
    bool connected = c->back_fd >= 0;
    bool read_front_side = c->stage == STAGE_HANDSHAKE ||
                           (c->ask != NULL && c->ask->have < c->ask->want) ||
                           (connected && !c->front_eof && c->to_back.len == 0);
    bool read_back_side = connected && !c->back_eof && c->to_front.len == 0;
    watch(&c->front, &c->front_events,
          (read_front_side ? UV_READABLE : 0) | (c->to_front.len > 0 ? UV_WRITABLE : 0), on_front);
    if (connected) {
        watch(&c->back, &c->back_events,
              (read_back_side ? UV_READABLE : 0) | (c->to_back.len > 0 ? UV_WRITABLE : 0), on_back);
    }
}

/* Life of a connection. */

static void on_conn_closed(uv_handle_t *h)
{
    struct mse_relay_conn *c = h->data;
    if (--c->open_handles == 0) {
        free(c);
    }
}

static void ask_free(struct mse_relay_conn *c)
{
    if (c->ask != NULL) {
        mse_build_clear(&c->ask->out);
        free(c->ask);
        c->ask = NULL;
    }
}

static void conn_close(struct mse_relay_conn *c)
{
    if (c->closing) {
        return;
    }
    c->closing = true;
    if (c->ask != NULL && c->ask->have == c->ask->want && !c->ask->answered) {
        c->relay->cfg.asks->gone(c->relay->cfg.asks->user, c);
    }
    ask_free(c);
    free(c->header);
    c->header = NULL;
    mse_sources_leave(c->relay->sources, c->counts);
    list_remove(c);
    hungry_remove(c);
    c->relay->num--;
    mse_tls_free(c->tls);
    c->tls = NULL;
    mse_leftover_clear(&c->to_front);
    mse_leftover_clear(&c->to_back);
    uv_close((uv_handle_t *)&c->front, on_conn_closed);
    (void)close(c->front_fd);
    if (c->given_fd >= 0) {
        (void)close(c->given_fd);
    }
    if (c->back_fd >= 0) {
        uv_close((uv_handle_t *)&c->back, on_conn_closed);
        (void)close(c->back_fd);
    }
}

static bool wants_own(const struct mse_relay_conn *c)
{
    const char *name = c->relay->cfg.own_name;
    return name != NULL && mse_tls_named(c->tls, name);
}

static int dial_back(struct mse_relay_conn *c)
{
    const struct mse_relay_config *cfg = &c->relay->cfg;
    uint8_t source[16];
    if (c->given_fd >= 0) {
        int fd = c->given_fd;
        c->given_fd = -1;
        return fd;
    }
    if (cfg->dial_for != NULL) {
        return cfg->dial_for(cfg->dial_user, c);
    }
    if (wants_own(c)) {
        return mse_net_connect_unix(cfg->own_backend);
    }
    if (cfg->dial != NULL) {
        return cfg->dial(cfg->dial_user);
    }
    if (!cfg->tell_source) {
        return mse_net_connect_unix(cfg->backend);
    }
    mse_relay_conn_source(c, source);
    return mse_net_connect_unix_for(cfg->backend, source);
}

/* Connects to the app, or leaves that to the retry timer while its queue is full. */
static bool connect_back(struct mse_relay_conn *c)
{
    struct mse_relay *r = c->relay;
    int fd = dial_back(c);
    if (fd < 0 && errno == EAGAIN) {
        return uv_is_active((const uv_handle_t *)&r->retry) != 0 ||
               uv_timer_start(&r->retry, on_retry, RETRY_MS, RETRY_MS) == 0;
    }
    if (fd < 0) {
        r->stats.no_backend++;
        return false;
    }
    if (uv_poll_init_socket(r->cfg.loop, &c->back, fd) != 0) {
        (void)close(fd);
        return false;
    }
    c->back.data = c;
    c->back_fd = fd;
    c->open_handles++;
    set_stage(c, STAGE_OPEN);
    return true;
}

/* Questions. */

/* What is missing of the head, and then of the body. False: more is announced than can be. */
static bool ask_want(struct ask *a)
{
    struct mse_bytes head = { a->in, QUESTION_HEAD };
    uint32_t len = 0;
    if (a->have < QUESTION_HEAD || a->want > QUESTION_HEAD) {
        return true;
    }
    if (!mse_rd_u32be(&head, &len) || len > MSE_RELAY_QUESTION_MAX) {
        return false;
    }
    a->want = QUESTION_HEAD + len;
    return true;
}

static void ask_question(struct mse_relay_conn *c)
{
    const struct mse_relay_asks *asks = c->relay->cfg.asks;
    struct ask *a = c->ask;
    a->asking = true;
    asks->question(asks->user, c, mse_bytes_of(a->in + QUESTION_HEAD, a->have - QUESTION_HEAD),
                   a->then_stream);
    a->asking = false;
}

/* Reads the question; not a byte behind it. */
static bool ask_read(struct mse_relay_conn *c)
{
    struct ask *a = c->ask;
    while (a->have < a->want) {
        size_t n = 0;
        enum mse_io io = mse_tls_read(c->tls, a->in + a->have, a->want - a->have, &n);
        if (!flush_cipher(c) || io == MSE_IO_ERROR || io == MSE_IO_EOF) {
            return false;
        }
        if (io == MSE_IO_AGAIN) {
            return true;
        }
        a->have += n;
        if (!ask_want(a)) {
            a->want = QUESTION_HEAD; /* an empty body stands for one that is too long */
        }
    }
    ask_question(c);
    return true;
}

/* False once everything is out, and the client told that no more comes. */
static bool ask_linger(const struct mse_relay_conn *c)
{
    if (c->to_front.len == 0) {
        (void)shutdown(c->front_fd, SHUT_WR);
    }
    return c->to_front.len > 0;
}

/* After the answer: the stream, or an orderly end. */
static bool ask_end(struct mse_relay_conn *c)
{
    bool stream = c->ask->go_on && c->ask->then_stream;
    if (stream) {
        ask_free(c);
        set_stage(c, STAGE_CONNECT);
        return connect_back(c);
    }
    mse_tls_shutdown(c->tls);
    if (!flush_cipher(c)) {
        return false;
    }
    c->ask->want = 0; /* nothing is left to do but to send */
    c->ask->have = 0;
    return ask_linger(c);
}

static bool ask_send(struct mse_relay_conn *c)
{
    struct ask *a = c->ask;
    while (a->sent < a->out.len && c->to_front.len == 0) {
        size_t n = a->out.len - a->sent < PLAIN_LEN ? a->out.len - a->sent : PLAIN_LEN;
        if (mse_tls_write(c->tls, a->out.data + a->sent, n) != MSE_IO_DONE || !flush_cipher(c)) {
            return false;
        }
        a->sent += n;
    }
    return a->sent < a->out.len || ask_end(c);
}

static bool ask_work(struct mse_relay_conn *c, bool front_ready)
{
    struct ask *a = c->ask;
    bool reading = a->have < a->want;
    if (reading && (front_ready || mse_tls_pending(c->tls)) && !ask_read(c)) {
        return false;
    }
    if (a->answered && a->want == 0) {
        return ask_linger(c);
    }
    return !a->answered || ask_send(c);
}

/* Tells whether the protocol that was chosen begins with a question. */
static bool asks_first(const struct mse_relay_conn *c, bool *then_stream)
{
    const struct mse_relay_asks *asks = c->relay->cfg.asks;
    struct mse_bytes alpn = mse_tls_alpn(c->tls);
    struct mse_bytes head;
    if (asks == NULL || !mse_rd_bytes(&alpn, &head, strlen(asks->protocol)) ||
        !mse_bytes_is_str(head, asks->protocol)) {
        return false;
    }
    *then_stream = alpn.len > 0 && alpn.data[0] == '+';
    return alpn.len == 0 || *then_stream;
}

static bool ask_begin(struct mse_relay_conn *c, bool then_stream)
{
    struct ask *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return false;
    }
    a->want = QUESTION_HEAD;
    a->then_stream = then_stream;
    c->ask = a;
    set_stage(c, STAGE_ASK);
    return ask_work(c, true); /* the question may have come with the handshake */
}

void mse_relay_answer(struct mse_relay_conn *c, struct mse_build *answer, bool go_on)
{
    struct ask *a = c->ask;
    a->out = *answer;
    a->answered = true;
    a->go_on = go_on;
    *answer = (struct mse_build) { .data = NULL };
    c->relay->stats.answers++;
    set_stage(c, STAGE_ASK); /* sending has a time of its own */
    if (!a->asking) {
        conn_turn(c, false, false);
    }
}

bool mse_relay_conn_export(struct mse_relay_conn *c, uint8_t out[32], const char *label,
                           struct mse_bytes context)
{
    return mse_tls_export(c->tls, out, label, context);
}

const char *mse_relay_conn_name(const struct mse_relay_conn *c)
{
    return mse_tls_name(c->tls);
}

bool mse_relay_conn_named(const struct mse_relay_conn *c, const char *name)
{
    return mse_tls_named(c->tls, name);
}

void mse_relay_conn_source(const struct mse_relay_conn *c, uint8_t out[16])
{
    memcpy(out, c->source, sizeof c->source);
}

/* The source of c is known now. False: it has too many connections. */
static bool count_source(struct mse_relay_conn *c)
{
    struct mse_relay *r = c->relay;
    if (r->sources == NULL || (r->cfg.spare_loopback && mse_net_is_loopback(c->source))) {
        return true;
    }
    c->counts = mse_sources_enter(r->sources, c->source, r->cfg.max_per_source);
    if (c->counts == NULL) {
        r->stats.refused_source++;
    }
    return c->counts != NULL;
}

/* The header of the PROXY protocol. */

static bool header_expect(struct mse_relay_conn *c)
{
    c->header = calloc(1, sizeof *c->header);
    if (c->header != NULL) {
        c->header->want = MSE_PROXY2_HEAD;
    }
    return c->header != NULL;
}

static bool header_take(struct mse_relay_conn *c)
{
    struct mse_proxy2 p;
    if (!mse_proxy2_read(&p, mse_bytes_of(c->header->in, c->header->have))) {
        return false;
    }
    if (p.known) {
        memcpy(c->source, p.source, sizeof c->source);
    }
    free(c->header);
    c->header = NULL;
    return count_source(c);
}

/* Reads it, and not a byte behind it. False if it is none. */
static bool header_read(struct mse_relay_conn *c)
{
    struct header *h = c->header;
    while (h->have < h->want) {
        ssize_t n = recv(c->front_fd, h->in + h->have, h->want - h->have, 0);
        if (n <= 0) {
            return n < 0 && (errno == EAGAIN || errno == EINTR);
        }
        h->have += (size_t)n;
        if (h->have == MSE_PROXY2_HEAD) {
            h->want = mse_proxy2_len(h->in);
        }
    }
    return header_take(c);
}

/* The handshake goes on; true when all is well, complete or not. */
static bool handshake(struct mse_relay_conn *c)
{
    struct mse_relay *r = c->relay;
    enum mse_io io = mse_tls_handshake(c->tls);
    bool sent = flush_cipher(c);
    if (io == MSE_IO_AGAIN) {
        return sent;
    }
    if (io != MSE_IO_DONE || !sent) {
        r->stats.failed++;
        (void)shutdown(c->front_fd, SHUT_WR); /* so that an alert arrives before the end */
        return false;
    }
    r->stats.handshakes++;
    bool then_stream = false;
    if (asks_first(c, &then_stream)) {
        return ask_begin(c, then_stream);
    }
    set_stage(c, STAGE_CONNECT);
    return connect_back(c);
}

/* Sends what was left over; false when the front is of no more use. */
static bool send_leftovers(struct mse_relay_conn *c)
{
    if (!mse_leftover_send(&c->to_front, c->front_fd)) {
        return false;
    }
    if (!mse_leftover_send(&c->to_back, c->back_fd)) {
        c->back_dead = true;
        mse_leftover_clear(&c->to_back);
    }
    pass_end_on(c);
    return true;
}

static bool conn_work(struct mse_relay_conn *c, bool front_ready, bool back_ready)
{
    if ((c->to_front.len > 0 || c->to_back.len > 0) && !send_leftovers(c)) {
        return false;
    }
    if (c->stage == STAGE_HANDSHAKE) {
        if (front_ready && c->header != NULL && !header_read(c)) {
            c->relay->stats.failed++;
            return false;
        }
        if (front_ready && c->header == NULL && !handshake(c)) {
            return false;
        }
        front_ready = false;
    } else if (c->stage == STAGE_ASK && !ask_work(c, front_ready)) {
        return false;
    }
    if (c->back_fd < 0) {
        return true;
    }
    /* The socket does not show what TLS has read ahead. */
    front_ready = front_ready || (c->to_back.len == 0 && mse_tls_pending(c->tls));
    if ((back_ready && !carry_down(c)) || (front_ready && !carry_up(c))) {
        return false;
    }
    return !(c->front_eof && c->back_eof && c->to_front.len == 0 && c->to_back.len == 0);
}

static void conn_turn(struct mse_relay_conn *c, bool front_ready, bool back_ready)
{
    if (c->closing) {
        return;
    }
    touch(c);
    mse_tls_begin_turn(c->tls);
    if (conn_work(c, front_ready, back_ready)) {
        update_interest(c);
    } else {
        conn_close(c);
    }
}

static void on_again(uv_idle_t *h)
{
    struct mse_relay *r = h->data;
    struct mse_relay_conn *c = r->hungry;
    r->hungry = NULL;
    (void)uv_idle_stop(h);
    while (c != NULL) {
        struct mse_relay_conn *next = c->next_hungry;
        c->hungry = false;
        conn_turn(c, true, false); /* closes at most c itself */
        c = next;
    }
}

/* Takes over fd. NULL without memory. */
static struct mse_relay_conn *conn_new(struct mse_relay *r, int fd)
{
    struct mse_relay_conn *c = calloc(1, sizeof *c);
    if (c == NULL || uv_poll_init_socket(r->cfg.loop, &c->front, fd) != 0) {
        free(c);
        (void)close(fd);
        return NULL;
    }
    c->relay = r;
    c->front_fd = fd;
    c->back_fd = -1;
    c->given_fd = -1;
    c->front.data = c;
    c->open_handles = 1;
    mse_net_source(fd, c->source);
    list_append(c, STAGE_HANDSHAKE);
    r->num++;
    return c;
}

static void conn_accept(struct mse_relay *r, int fd)
{
    struct mse_relay_conn *c = conn_new(r, fd);
    if (c == NULL) {
        return;
    }
    if (!(r->cfg.proxy_protocol ? header_expect(c) : count_source(c))) {
        conn_close(c);
        return;
    }
    c->tls = mse_tls_accept(r->cfg.tls, fd, &r->cipher);
    if (c->tls == NULL) {
        conn_close(c);
        return;
    }
    update_interest(c);
}

bool mse_relay_adopt(struct mse_relay *r, struct mse_tls_client *client,
                     const struct mse_tls_peer *peer, const struct mse_relay_way *w)
{
    struct mse_relay_conn *c = NULL;
    if (r->num >= r->cfg.max_connections) {
        (void)close(w->fd);
    } else {
        c = conn_new(r, w->fd);
    }
    if (c == NULL) {
        (void)close(w->back_fd);
        return false;
    }
    c->given_fd = w->back_fd;
    c->tls = mse_tls_connect(client, peer, w->fd, &r->cipher);
    if (c->tls == NULL ||
        (w->greeting.len > 0 &&
         !mse_leftover_add(&c->to_front, w->fd, w->greeting.data, w->greeting.len, LEFTOVER_MAX))) {
        conn_close(c);
        return false;
    }
    hungry_add(c); /* its first turn, which sends the ClientHello */
    return true;
}

void mse_relay_set_server(struct mse_relay *r, struct mse_tls_server *tls)
{
    r->cfg.tls = tls;
}

/* Accepting. */

/* Makes room for one more, if that hurts nobody: a handshake that dawdles, then the connection that
 * was idle for longest. */
static bool make_room(struct mse_relay *r)
{
    static const enum stage order[] = { STAGE_HANDSHAKE, STAGE_ASK, STAGE_HALF, STAGE_OPEN };
    uint64_t now = uv_now(r->cfg.loop);
    for (size_t i = 0; i < MSE_ARRAY_LEN(order); i++) {
        struct mse_aged *a = mse_ages_over(&r->stages[order[i]], now, EVICT_AFTER_MS);
        if (a != NULL) {
            r->stats.evicted++;
            conn_close(conn_of(a));
            return true;
        }
    }
    return false;
}

static void refuse(struct mse_relay *r, int fd)
{
    mse_net_reset(fd);
    r->stats.refused++;
}

static void on_listener(uv_poll_t *h, int status, int events)
{
    struct mse_relay *r = h->data;
    (void)events;
    for (int i = 0; status == 0 && i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(r->cfg.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            mse_net_accept_failed(h, errno);
            return;
        }
        r->stats.accepted++;
        if (r->num >= r->cfg.max_connections && !make_room(r)) {
            refuse(r, fd);
        } else {
            conn_accept(r, fd);
        }
    }
}

/* Time. */

static unsigned stage_ms(const struct mse_relay *r, enum stage stage)
{
    switch (stage) {
    case STAGE_HANDSHAKE:
    case STAGE_ASK:
    case STAGE_CONNECT:
        return r->cfg.handshake_ms;
    case STAGE_HALF:
        return r->cfg.half_ms;
    case STAGE_OPEN:
    case NUM_STAGES:
        break;
    }
    return r->cfg.idle_ms;
}

/* Takes the buffers of those that have just become idle. Whoever has been idle for longer was here
 * before. */
static void rest_idle(struct mse_relay *r, uint64_t now)
{
    for (struct mse_aged *a = r->stages[STAGE_OPEN].newest; a != NULL; a = a->older) {
        struct mse_relay_conn *c = conn_of(a);
        if (now - a->since < REST_AFTER_MS) {
            continue;
        }
        if (c->resting) {
            return;
        }
        c->resting = true;
        mse_tls_rest(c->tls);
    }
}

static void on_tick(uv_timer_t *h)
{
    struct mse_relay *r = h->data;
    uint64_t now = uv_now(r->cfg.loop);
    rest_idle(r, now);
    for (int s = 0; s < NUM_STAGES; s++) {
        struct mse_aged *a = NULL;
        while ((a = mse_ages_over(&r->stages[s], now, stage_ms(r, (enum stage)s))) != NULL) {
            r->stats.failed += s == STAGE_HANDSHAKE ? 1 : 0;
            conn_close(conn_of(a));
        }
    }
    if (r->accepting && !uv_is_active((const uv_handle_t *)&r->listener)) {
        (void)uv_poll_start(&r->listener, UV_READABLE, on_listener);
    }
}

/* A queue that is full for one is full for all behind it that want to the same backend. */
static void on_retry(uv_timer_t *h)
{
    struct mse_relay *r = h->data;
    struct mse_aged *next = NULL;
    bool full[2] = { false, false }; /* the app's, the relay's own */
    for (struct mse_aged *a = r->stages[STAGE_CONNECT].oldest; a != NULL; a = next) {
        struct mse_relay_conn *c = conn_of(a);
        next = a->newer;
        size_t to = wants_own(c) ? 1 : 0;
        if (full[to]) {
            continue;
        }
        if (!connect_back(c)) {
            conn_close(c);
        } else if (c->back_fd >= 0) {
            hungry_add(c);
        } else {
            full[to] = true;
        }
    }
    if (r->stages[STAGE_CONNECT].oldest == NULL) {
        (void)uv_timer_stop(h);
    }
}

/* The relay itself. */

static void relay_free(struct mse_relay *r)
{
    mse_sources_free(r->sources);
    mse_wipe(r->plain, sizeof r->plain);
    free(r);
}

static void on_relay_closed(uv_handle_t *h)
{
    struct mse_relay *r = h->data;
    if (--r->open_handles == 0) {
        relay_free(r);
    }
}

static void handle_own(struct mse_relay *r, uv_handle_t *h)
{
    h->data = r;
    r->open_handles++;
}

static bool start(struct mse_relay *r)
{
    unsigned shortest = r->cfg.handshake_ms < r->cfg.half_ms ? r->cfg.handshake_ms : r->cfg.half_ms;
    shortest = r->cfg.idle_ms < shortest ? r->cfg.idle_ms : shortest;
    uint64_t tick_ms = shortest / 4 > 1000 ? 1000 : shortest / 4 + 1;
    return uv_timer_start(&r->tick, on_tick, tick_ms, tick_ms) == 0 &&
           (r->cfg.listen_fd < 0 || uv_poll_start(&r->listener, UV_READABLE, on_listener) == 0);
}

/* Accepted sockets inherit what is set here. Without it answers wait for delayed
 * acknowledgements. */
static bool init_listener(struct mse_relay *r)
{
    static const int on = 1;
    int fd = r->cfg.listen_fd;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        uv_poll_init_socket(r->cfg.loop, &r->listener, fd) != 0) {
        return false;
    }
    handle_own(r, (uv_handle_t *)&r->listener);
    return true;
}

mse_status mse_relay_new(struct mse_relay **out, const struct mse_relay_config *cfg,
                         struct mse_error *err)
{
    struct mse_relay *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "relay", "out of memory");
    }
    r->cfg = *cfg;
    mse_build_fixed(&r->cipher, r->cipher_buf, sizeof r->cipher_buf);
    r->sources = cfg->max_per_source > 0 ? mse_sources_new() : NULL;
    if (cfg->max_per_source > 0 && r->sources == NULL) {
        relay_free(r);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "relay", "out of memory");
    }
    if (cfg->listen_fd >= 0 && !init_listener(r)) {
        relay_free(r);
        return MSE_FAIL(err, MSE_ERR_IO, "relay", "descriptor %d is no listening TCP socket",
                        cfg->listen_fd);
    }
    (void)uv_timer_init(cfg->loop, &r->tick); /* these three cannot fail */
    handle_own(r, (uv_handle_t *)&r->tick);
    (void)uv_timer_init(cfg->loop, &r->retry);
    handle_own(r, (uv_handle_t *)&r->retry);
    (void)uv_idle_init(cfg->loop, &r->again);
    handle_own(r, (uv_handle_t *)&r->again);
    r->accepting = cfg->listen_fd >= 0;
    if (!start(r)) {
        mse_relay_close(r);
        return MSE_FAIL(err, MSE_ERR_IO, "relay", "the event loop refused to start");
    }
    *out = r;
    return MSE_OK;
}

void mse_relay_stop_accepting(struct mse_relay *r)
{
    r->accepting = false;
    if (r->cfg.listen_fd >= 0) {
        (void)uv_poll_stop(&r->listener);
    }
}

void mse_relay_close_idle(struct mse_relay *r, unsigned idle_ms)
{
    uint64_t now = uv_now(r->cfg.loop);
    for (int s = 0; s < NUM_STAGES; s++) {
        struct mse_aged *a = NULL;
        while ((a = mse_ages_over(&r->stages[s], now, idle_ms)) != NULL) {
            conn_close(conn_of(a));
        }
    }
}

size_t mse_relay_num_connections(const struct mse_relay *r)
{
    return r->num;
}

const struct mse_relay_stats *mse_relay_stats_borrow(const struct mse_relay *r)
{
    return &r->stats;
}

void mse_relay_close(struct mse_relay *r)
{
    if (r == NULL || r->closing) {
        return;
    }
    r->closing = true;
    mse_relay_stop_accepting(r);
    for (int s = 0; s < NUM_STAGES; s++) {
        while (r->stages[s].oldest != NULL) {
            conn_close(conn_of(r->stages[s].oldest));
        }
    }
    if (r->cfg.listen_fd >= 0) {
        uv_close((uv_handle_t *)&r->listener, on_relay_closed);
    }
    uv_close((uv_handle_t *)&r->tick, on_relay_closed);
    uv_close((uv_handle_t *)&r->retry, on_relay_closed);
    uv_close((uv_handle_t *)&r->again, on_relay_closed);
}
