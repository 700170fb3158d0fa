/* SPDX-License-Identifier: Apache-2.0 */
/* See health.h. Only the status line's first twelve bytes are looked
 * at. */
#include "enclave/health.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "net/loop.h"

#define ASK_EVERY_MS  50
#define GIVE_UP_TURNS 200 /* then another connection is tried */
#define ENOUGH_TURNS  1   /* for the rest of an answer whose status is known */
#define STATUS_LEN    12  /* "HTTP/1.1 200" */
#define NO_HTTP       1U
#define UNAVAILABLE   503U

unsigned mse_health_parse(const char *answer, size_t len)
{
    static const char start[] = "HTTP/1.";
    size_t n = len < sizeof start - 1 ? len : sizeof start - 1;
    if (!mse_mem_equal(answer, start, n)) {
        return NO_HTTP;
    }
    if (len < STATUS_LEN) {
        return 0;
    }
    unsigned status = 0;
    for (size_t i = 9; i < STATUS_LEN; i++) {
        if (answer[i] < '0' || answer[i] > '9') {
            return NO_HTTP;
        }
        status = status * 10 + (unsigned)(answer[i] - '0');
    }
    return answer[8] == ' ' && status >= 100 && status <= 599 ? status : NO_HTTP;
}

static void on_poll_closed(uv_handle_t *p)
{
    struct mse_health *h = p->data;
    h->closing = false;
}

static void disconnect(struct mse_health *h)
{
    if (h->fd >= 0) {
        h->closing = true;
        uv_close((uv_handle_t *)&h->poll, on_poll_closed);
        (void)close(h->fd);
        h->fd = -1;
    }
}

static void conclude(struct mse_health *h)
{
    h->last_status = h->status;
    if (h->status > NO_HTTP && h->status != UNAVAILABLE) {
        mse_health_stop(h);
        mse_backend_settle(h->backend);
        h->on_healthy(h->user);
    } else {
        disconnect(h);
    }
}

static void on_answer(uv_poll_t *p, int status, int events)
{
    struct mse_health *h = p->data;
    char buf[4096];
    (void)status;
    (void)events;
    ssize_t n = recv(h->fd, buf, sizeof buf, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    size_t room = sizeof h->answer - h->answer_len;
    size_t take = n <= 0 ? 0 : (size_t)n < room ? (size_t)n : room;
    memcpy(h->answer + h->answer_len, buf, take);
    h->answer_len += take;
    h->status = mse_health_parse(h->answer, h->answer_len);
    if (n <= 0 || h->status == NO_HTTP) {
        conclude(h);
    }
}

static void ask(struct mse_health *h)
{
    int fd = mse_backend_dial(h->backend);
    if (fd < 0) {
        return; /* not there yet */
    }
    /* The request is far smaller than any socket buffer. */
    ssize_t n = send(fd, h->request, h->request_len, MSG_NOSIGNAL);
    if (n != (ssize_t)h->request_len || uv_poll_init_socket(h->timer.loop, &h->poll, fd) != 0) {
        (void)close(fd);
        return;
    }
    h->poll.data = h;
    h->fd = fd;
    h->answer_len = 0;
    h->status = 0;
    h->waited = 0;
    if (uv_poll_start(&h->poll, UV_READABLE, on_answer) != 0) {
        disconnect(h);
    }
}

static void on_timer(uv_timer_t *t)
{
    struct mse_health *h = t->data;
    if (h->fd < 0 && !h->closing) {
        ask(h);
    } else if (h->fd >= 0 && ++h->waited > (h->status == 0 ? GIVE_UP_TURNS : ENOUGH_TURNS)) {
        conclude(h);
    }
}

mse_status mse_health_start(struct mse_health *h, uv_loop_t *loop, struct mse_backend *backend,
                            const char *endpoint, const char *host, struct mse_error *err)
{
    h->fd = -1;
    int n = snprintf(h->request, sizeof h->request,
                     "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: mse-health\r\nAccept: */*\r\n"
                     "Connection: close\r\n\r\n",
                     endpoint, host);
    if (n < 0 || (size_t)n >= sizeof h->request) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "healthcheck_endpoint", "longer than %zu bytes",
                        sizeof h->request);
    }
    h->request_len = (size_t)n;
    h->backend = backend;
    h->closing = false;
    h->last_status = 0;
    h->timer.data = h;
    (void)uv_timer_init(loop, &h->timer); /* cannot fail */
    if (uv_timer_start(&h->timer, on_timer, 0, ASK_EVERY_MS) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "health", "no timer");
    }
    return MSE_OK;
}

void mse_health_stop(struct mse_health *h)
{
    disconnect(h);
    if (!uv_is_closing((const uv_handle_t *)&h->timer)) {
        uv_close((uv_handle_t *)&h->timer, NULL);
    }
}
