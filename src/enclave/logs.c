/* SPDX-License-Identifier: Apache-2.0 */
/* See logs.h. */
#include "enclave/logs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "enclave/sealed.h"
#include "net/loop.h"
#include "package/log_record.h"

#define READS_PER_TURN 16
#define READ_LEN       4096

static bool take_token(struct mse_logs *l)
{
    uint64_t now = uv_now(l->cfg.loop);
    uint64_t burst = l->cfg.rule == MSE_LOGS_OWNER ? MSE_LOGS_BURST_BOX : MSE_LOGS_BURST;
    uint64_t new_tokens = (now - l->refilled_ms) * MSE_LOGS_PER_SECOND / 1000;
    if (new_tokens > 0) {
        l->tokens += new_tokens;
        l->tokens = l->tokens > burst ? burst : l->tokens;
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

/* ---- sealed for the owner ---- */

/* What cannot be sealed is not written: it counts as dropped. */
static bool write_sealed(struct mse_logs *l, enum mse_log_kind kind, struct mse_bytes text)
{
    uint8_t record[MSE_LOG_LARGE];
    uint8_t box[MSE_LOG_LARGE + MSE_SEALED_EXTRA];
    char line[2 * sizeof box];
    struct mse_build b;
    struct mse_build sealed;
    struct mse_log_record r = {
        .kind = kind, .sequence = l->sequence, .time_ms = (uint64_t)time(NULL) * 1000, .text = text
    };
    memcpy(r.boot, l->cfg.identity->boot, sizeof r.boot);
    memcpy(r.enclave, l->cfg.identity->x25519_public, sizeof r.enclave);
    mse_build_fixed(&b, record, sizeof record);
    mse_build_fixed(&sealed, box, sizeof box);
    bool ok = mse_log_record_write(&b, &r, l->shared) == MSE_OK &&
              mse_sealed_make(&sealed, mse_build_view(&b), l->cfg.owner_key);
    mse_wipe(record, sizeof record);
    if (ok) {
        mse_base64url_encode(line, mse_build_view(&sealed));
        mse_log(MSE_LOG_INFO, "app", MSE_LOG_SEALED "%s", line);
        l->sequence++;
    }
    return ok;
}

static void seal_line(const struct mse_log_stream *s)
{
    struct mse_logs *l = s->logs;
    char number[24];
    if (l->dropped > 0) {
        (void)snprintf(number, sizeof number, "%llu", (unsigned long long)l->dropped);
        if (write_sealed(l, MSE_LOG_DROPPED, mse_bytes_str(number))) {
            l->dropped = 0;
        }
    }
    if (!write_sealed(l, s == &l->err ? MSE_LOG_ERR : MSE_LOG_OUT, mse_bytes_of(s->line, s->len))) {
        l->dropped++;
        l->dropped_total++;
    }
}

/* ---- lines ---- */

static void print_line(const struct mse_log_stream *s)
{
    struct mse_logs *l = s->logs;
    char quoted[2 * MSE_LOGS_LINE_LEN];
    if (l->dropped > 0) {
        mse_log(MSE_LOG_WARN, "app", "%llu lines dropped: more than %d a second",
                (unsigned long long)l->dropped, MSE_LOGS_PER_SECOND);
        l->dropped = 0;
    }
    mse_log(MSE_LOG_INFO, "app", "%s: %s", s->name,
            mse_log_quote(quoted, sizeof quoted, mse_bytes_of(s->line, s->len)));
}

static void end_line(struct mse_log_stream *s)
{
    struct mse_logs *l = s->logs;
    if (s->len == 0) {
        return; /* nothing, or never begun */
    }
    if (l->cfg.rule == MSE_LOGS_PLAIN) {
        keep(l, s);
    }
    if (l->cfg.rule != MSE_LOGS_NONE && take_token(l)) {
        if (l->cfg.rule == MSE_LOGS_PLAIN) {
            print_line(s);
        } else {
            seal_line(s);
        }
    }
    mse_wipe(s->line, s->len);
    s->len = 0;
}

/* Returns false when nothing more will come. */
static bool read_some(struct mse_log_stream *s, bool *more)
{
    char buf[READ_LEN];
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
    if (!mse_net_prepare_fd(fd) || uv_poll_init(l->cfg.loop, &s->poll, fd) != 0) {
        (void)close(fd);
        return false;
    }
    s->fd = fd;
    s->poll.data = s;
    return uv_poll_start(&s->poll, UV_READABLE, on_readable) == 0;
}

mse_status mse_logs_start(struct mse_logs *l, const struct mse_logs_config *c, int out_fd,
                          int err_fd, struct mse_error *err)
{
    mse_status st = c->rule == MSE_LOGS_OWNER
                        ? mse_log_shared(l->shared, c->identity->x25519_secret, c->owner_key)
                        : MSE_OK;
    if (st != MSE_OK) {
        (void)close(out_fd);
        (void)close(err_fd);
        return MSE_FAIL(err, st, "logs", "logs_key is no key that anything can be sealed to");
    }
    l->cfg = *c;
    l->sequence = 0;
    l->num_kept = 0;
    l->dropped = 0;
    l->dropped_total = 0;
    l->tokens = c->rule == MSE_LOGS_OWNER ? MSE_LOGS_BURST_BOX : MSE_LOGS_BURST;
    l->refilled_ms = uv_now(c->loop);
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
    mse_wipe(l->shared, sizeof l->shared);
}
