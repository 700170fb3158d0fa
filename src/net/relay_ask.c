/* SPDX-License-Identifier: Apache-2.0 */
/* What comes before the stream: the header of the PROXY protocol, and questions that the runtime
 * answers itself. */
#include "net/relay_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "net/loop.h"

/* Questions. */

void relay_ask_free(struct mse_relay_conn *c)
{
    if (c->ask != NULL) {
        mse_build_clear(&c->ask->out);
        free(c->ask);
        c->ask = NULL;
    }
}

/* What is missing of the head, and then of the body. False: more is announced than can be. */
static bool ask_want(struct relay_ask *a)
{
    struct mse_bytes head = { a->in, RELAY_QUESTION_HEAD };
    uint32_t len = 0;
    if (a->have < RELAY_QUESTION_HEAD || a->want > RELAY_QUESTION_HEAD) {
        return true;
    }
    if (!mse_rd_u32be(&head, &len) || len > MSE_RELAY_QUESTION_MAX) {
        return false;
    }
    a->want = RELAY_QUESTION_HEAD + len;
    return true;
}

static void ask_question(struct mse_relay_conn *c)
{
    const struct mse_relay_asks *asks = c->relay->cfg.asks;
    struct relay_ask *a = c->ask;
    a->asking = true;
    asks->question(asks->user, c,
                   mse_bytes_of(a->in + RELAY_QUESTION_HEAD, a->have - RELAY_QUESTION_HEAD),
                   a->then_stream);
    a->asking = false;
}

/* Reads the question; not a byte behind it. */
static bool ask_read(struct mse_relay_conn *c)
{
    struct relay_ask *a = c->ask;
    while (a->have < a->want) {
        size_t n = 0;
        enum mse_io io = mse_tls_read(c->tls, a->in + a->have, a->want - a->have, &n);
        if (!relay_flush(c) || io == MSE_IO_ERROR || io == MSE_IO_EOF) {
            return false;
        }
        if (io == MSE_IO_AGAIN) {
            return true;
        }
        a->have += n;
        if (!ask_want(a)) {
            a->want = RELAY_QUESTION_HEAD; /* an empty body stands for one that is too long */
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
        relay_ask_free(c);
        relay_set_stage(c, RELAY_CONNECT);
        return relay_connect_back(c);
    }
    mse_tls_shutdown(c->tls);
    if (!relay_flush(c)) {
        return false;
    }
    c->ask->want = 0; /* nothing is left to do but to send */
    c->ask->have = 0;
    return ask_linger(c);
}

static bool ask_send(struct mse_relay_conn *c)
{
    struct relay_ask *a = c->ask;
    while (a->sent < a->out.len && c->to_front.len == 0) {
        size_t n = a->out.len - a->sent < RELAY_PLAIN_LEN ? a->out.len - a->sent : RELAY_PLAIN_LEN;
        if (mse_tls_write(c->tls, a->out.data + a->sent, n) != MSE_IO_DONE || !relay_flush(c)) {
            return false;
        }
        a->sent += n;
    }
    return a->sent < a->out.len || ask_end(c);
}

bool relay_ask_work(struct mse_relay_conn *c, bool front_ready)
{
    struct relay_ask *a = c->ask;
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
bool relay_asks_first(const struct mse_relay_conn *c, bool *then_stream)
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

bool relay_ask_begin(struct mse_relay_conn *c, bool then_stream)
{
    struct relay_ask *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return false;
    }
    a->want = RELAY_QUESTION_HEAD;
    a->then_stream = then_stream;
    c->ask = a;
    relay_set_stage(c, RELAY_ASK);
    return relay_ask_work(c, true); /* the question may have come with the handshake */
}

void mse_relay_answer(struct mse_relay_conn *c, struct mse_build *answer, bool go_on)
{
    struct relay_ask *a = c->ask;
    a->out = *answer;
    a->answered = true;
    a->go_on = go_on;
    *answer = (struct mse_build) { .data = NULL };
    c->relay->stats.answers++;
    relay_set_stage(c, RELAY_ASK); /* sending has a time of its own */
    if (!a->asking) {
        relay_conn_turn(c, false, false);
    }
}

/* The header of the PROXY protocol. */

/* The source of c is known now. False: it has too many connections. */
bool relay_count_source(struct mse_relay_conn *c)
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

bool relay_header_expect(struct mse_relay_conn *c)
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
    return relay_count_source(c);
}

/* Reads it, and not a byte behind it. False if it is none. */
bool relay_header_read(struct mse_relay_conn *c)
{
    struct relay_header *h = c->header;
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
