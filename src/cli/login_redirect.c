/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/login_redirect.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/util.h"

static const char step[] = "login";

mse_status login_answer_parse(char code[LOGIN_CODE_LEN], struct mse_bytes head,
                              const struct login_expect *want, struct mse_error *err)
{
    struct mse_bytes rest = head;
    struct mse_bytes line = cli_flow_cut(&rest, '\n');
    struct mse_bytes method = cli_flow_cut(&line, ' ');
    struct mse_bytes target = cli_flow_cut(&line, ' ');
    struct mse_bytes path = cli_flow_cut(&target, '?');
    bool http = line.len >= 7 && mse_mem_equal(line.data, "HTTP/1.", 7);
    if (!http || !mse_bytes_is_str(method, "GET") || !mse_bytes_is_str(path, LOGIN_PATH)) {
        return MSE_FAIL(err, MSE_ERR_NOT_FOUND, step, "this request is not the answer");
    }
    return cli_flow_answer(code, target, want->state, want->issuer, err);
}

/* ---- connections: browsers open some in advance, and send nothing on them */

#define MAX_OPEN     8
#define MAX_REQUESTS 64

struct guest {
    int fd; /* -1: free */
    size_t len;
    uint8_t head[LOGIN_MAX_HEAD];
};
struct door {
    int listener;
    const struct login_expect *want;
    char *code;
    struct guest guests[MAX_OPEN];
    size_t next;     /* whose place the next one gets if all are taken */
    size_t requests; /* that were none */
};

/* A page without anything of the request. The socket's buffer holds all of it. */
static void reply(int fd, const char *status, const char *text)
{
    char page[1024];
    int len =
        snprintf(page, sizeof page,
                 "HTTP/1.1 %s\r\n"
                 "Content-Type: text/html; charset=utf-8\r\n"
                 "Content-Security-Policy: default-src 'none'\r\n"
                 "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
                 "Connection: close\r\nContent-Length: %zu\r\n\r\n"
                 "<!doctype html><title>mse</title><p>%s\n",
                 status, strlen(text) + sizeof "<!doctype html><title>mse</title><p>\n" - 1, text);
    if (len > 0 && (size_t)len < sizeof page) {
        (void)send(fd, page, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void leave(struct guest *g)
{
    (void)shutdown(g->fd, SHUT_WR);
    (void)close(g->fd);
    g->fd = -1;
    g->len = 0;
}

static void enter(struct door *d)
{
    int fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    struct guest *g = &d->guests[d->next];
    for (size_t i = 0; i < MAX_OPEN; i++) {
        if (d->guests[i].fd < 0) {
            g = &d->guests[i];
        }
    }
    if (g->fd >= 0) {
        leave(g);
        d->next = (d->next + 1) % MAX_OPEN;
    }
    g->fd = fd;
}

/* Reads on. True if the answer is there, with *st. */
static bool hear(struct door *d, struct guest *g, mse_status *st, struct mse_error *err)
{
    ssize_t n = read(g->fd, g->head + g->len, sizeof g->head - g->len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    g->len += n > 0 ? (size_t)n : 0;
    struct mse_bytes head = mse_bytes_of(g->head, g->len);
    if (mse_bytes_find(head, mse_bytes_str("\r\n\r\n")) == SIZE_MAX) {
        if (n <= 0 || g->len == sizeof g->head) {
            leave(g);
        }
        return false;
    }
    struct mse_error why = { 0 };
    *st = login_answer_parse(d->code, head, d->want, &why);
    if (*st == MSE_ERR_NOT_FOUND) {
        reply(g->fd, "404 Not Found", "There is nothing here.");
        d->requests++;
    } else {
        reply(g->fd, *st == MSE_OK ? "200 OK" : "400 Bad Request",
              *st == MSE_OK ? "The login goes on in your terminal. You may close this window."
                            : "The login failed: your terminal says why.");
        *err = why;
    }
    leave(g);
    return *st != MSE_ERR_NOT_FOUND;
}

/* One round; true if the answer is there. */
static bool attend(struct door *d, int timeout_ms, mse_status *st, struct mse_error *err)
{
    struct pollfd fds[MAX_OPEN + 1] = { { .fd = d->listener, .events = POLLIN } };
    for (size_t i = 0; i < MAX_OPEN; i++) {
        fds[i + 1].fd = d->guests[i].fd;
        fds[i + 1].events = POLLIN;
    }
    if (poll(fds, MAX_OPEN + 1, timeout_ms) <= 0) {
        return false;
    }
    for (size_t i = 0; i < MAX_OPEN; i++) {
        if (fds[i + 1].revents != 0 && hear(d, &d->guests[i], st, err)) {
            return true;
        }
    }
    if (fds[0].revents != 0) {
        enter(d);
    }
    return false;
}

mse_status login_wait(char code[LOGIN_CODE_LEN], int listener, unsigned seconds,
                      const struct login_expect *want, struct mse_error *err)
{
    struct door *d = calloc(1, sizeof *d);
    struct mse_error why = { 0 };
    mse_status st = MSE_OK;
    int64_t until = mse_clock_ms() + (int64_t)seconds * 1000;
    bool done = false;
    if (d == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, step, "out of memory");
    }
    d->listener = listener;
    d->want = want;
    d->code = code;
    for (size_t i = 0; i < MAX_OPEN; i++) {
        d->guests[i].fd = -1;
    }
    for (int64_t left = until - mse_clock_ms(); !done && left > 0 && d->requests < MAX_REQUESTS;
         left = until - mse_clock_ms()) {
        done = attend(d, left < 1000 ? (int)left : 1000, &st, &why);
    }
    for (size_t i = 0; i < MAX_OPEN; i++) {
        if (d->guests[i].fd >= 0) {
            leave(&d->guests[i]);
        }
    }
    mse_wipe(d, sizeof *d);
    free(d);
    if (!done) {
        return MSE_FAIL(err, MSE_ERR_TIMEOUT, step, "nobody came back from the page in %u s",
                        seconds);
    }
    return st == MSE_OK ? MSE_OK : MSE_FAIL(err, st, step, "%s", why.text);
}
