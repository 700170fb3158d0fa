/* SPDX-License-Identifier: Apache-2.0 */
/* See logs.h. */
#include "enclave/logs.h"

#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "net/loop.h"

#define READS_PER_TURN 16

static bool take_token(struct mse_logs *l)
{
    uint64_t now = uv_now(l->loop);
    uint64_t new_tokens = (now - l->refilled_ms) * MSE_LOGS_PER_SECOND / 1000;
    if (new_tokens > 0) {
        l->tokens += new_tokens;
        l->tokens = l->tokens > MSE_LOGS_BURST ? MSE_LOGS_BURST : l->tokens;
        l->refilled_ms = now;
    }
    if (l->tokens == 0) {
        l->dropped++;
        l->dropped_total++;
        return false;
    }
    l->tokens--;
    return true;
}

static void keep(struct mse_logs *l, const struct mse_log_stream *s)
{
    char *slot = l->kept[l->num_kept % MSE_LOGS_KEPT];
    memcpy(slot, s->line, s->len);
    slot[s->len] = '\0';
    l->num_kept++;
}

static void end_line(struct mse_log_stream *s)
{
    struct mse_logs *l = s->logs;
    if (s->len > 0) {
        keep(l, s);
    }
    if (s->len > 0 && take_token(l)) {
        char quoted[2 * MSE_LOGS_LINE_LEN];
        if (l->dropped > 0) {
            mse_log(MSE_LOG_WARN, "app", "%llu lines dropped: more than %d a second",
                    (unsigned long long)l->dropped, MSE_LOGS_PER_SECOND);
            l->dropped = 0;
        }
        mse_log(MSE_LOG_INFO, "app", "%s: %s", s->name,
                mse_log_quote(quoted, sizeof quoted, mse_bytes_of(s->line, s->len)));
    }
    s->len = 0;
}

/* Returns false when nothing more will come. */
static bool read_some(struct mse_log_stream *s, bool *more)
{
    char buf[4096];
    ssize_t n = read(s->fd, buf, sizeof buf);
    *more = n == (ssize_t)sizeof buf;
    if (n <= 0) {
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
    for (ssize_t i = 0; i < n; i++) {
        if (buf[i] != '\n') {
            s->line[s->len++] = buf[i];
        }
        if (buf[i] == '\n' || s->len == sizeof s->line) {
            end_line(s);
        }
    }
    return true;
}

static void stream_stop(struct mse_log_stream *s)
{
    if (s->fd >= 0) {
        uv_close((uv_handle_t *)&s->poll, NULL);
        (void)close(s->fd);
        s->fd = -1;
    }
}

static void stream_drain(struct mse_log_stream *s)
{
    bool more = s->fd >= 0;
    for (int i = 0; more && i < READS_PER_TURN; i++) {
        if (!read_some(s, &more)) {
            end_line(s);
            stream_stop(s);
            more = false;
        }
    }
}

static void on_readable(uv_poll_t *h, int status, int events)
{
    (void)status;
    (void)events;
    stream_drain(h->data);
}

static bool stream_start(struct mse_log_stream *s, struct mse_logs *l, const char *name, int fd)
{
    *s = (struct mse_log_stream) { .logs = l, .name = name, .fd = -1 };
    if (!mse_net_prepare_fd(fd) || uv_poll_init(l->loop, &s->poll, fd) != 0) {
        (void)close(fd);
        return false;
    }
    s->fd = fd;
    s->poll.data = s;
    return uv_poll_start(&s->poll, UV_READABLE, on_readable) == 0;
}

mse_status mse_logs_start(struct mse_logs *l, uv_loop_t *loop, int out_fd, int err_fd,
                          struct mse_error *err)
{
    l->loop = loop;
    l->num_kept = 0;
    l->dropped = 0;
    l->dropped_total = 0;
    l->tokens = MSE_LOGS_BURST;
    l->refilled_ms = uv_now(loop);
    bool ok = stream_start(&l->out, l, "out", out_fd);
    ok = stream_start(&l->err, l, "err", err_fd) && ok;
    if (!ok) {
        mse_logs_stop(l);
        return MSE_FAIL(err, MSE_ERR_IO, "logs", "the pipes of the app cannot be watched");
    }
    return MSE_OK;
}

void mse_logs_flush(struct mse_logs *l)
{
    stream_drain(&l->out);
    stream_drain(&l->err);
    end_line(&l->out);
    end_line(&l->err);
}

/* How many of the kept lines fit, counted from the newest: an error stands at the end of its trace.
 */
static size_t lines_that_fit(const struct mse_logs *l, size_t cap)
{
    size_t kept = l->num_kept < MSE_LOGS_KEPT ? l->num_kept : MSE_LOGS_KEPT;
    size_t len = 1;
    size_t n = 0;
    while (n < kept) {
        len += strlen(l->kept[(l->num_kept - 1 - n) % MSE_LOGS_KEPT]) + sizeof " | " - 1;
        if (len > cap) {
            break;
        }
        n++;
    }
    return n == 0 && kept > 0 ? 1 : n; /* one line is cut rather than left out */
}

/* Appends what fits of text and returns the new end. */
static size_t put(char *out, size_t cap, size_t at, const char *text)
{
    for (; *text != '\0' && at + 1 < cap; text++) {
        out[at++] = *text;
    }
    out[at] = '\0';
    return at;
}

void mse_logs_last(const struct mse_logs *l, char *out, size_t cap)
{
    size_t at = put(out, cap, 0, "");
    size_t num = lines_that_fit(l, cap);
    for (size_t i = l->num_kept - num; i < l->num_kept; i++) {
        at = put(out, cap, at, i == l->num_kept - num ? "" : " | ");
        at = put(out, cap, at, l->kept[i % MSE_LOGS_KEPT]);
    }
    mse_utf8_printable(out);
}

void mse_logs_stop(struct mse_logs *l)
{
    stream_stop(&l->out);
    stream_stop(&l->err);
}
