/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the service: start, TLS in front if wanted, once a second, the end. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "collateral/serve_http.h"
#include "httpd/front.h"
#include "net/loop.h"

#define DRAIN_SECONDS 10

static void wait_for_the_end(struct mse_serve_core *core, struct mse_httpd *http)
{
    const struct timespec second = { .tv_sec = 1 };
    sigset_t end;
    (void)sigemptyset(&end);
    (void)sigaddset(&end, SIGTERM);
    (void)sigaddset(&end, SIGINT);
    int number = -1;
    while (number < 0) {
        mse_serve_core_tick(core, (mse_time)time(NULL));
        mse_httpd_tick(http);
        number = sigtimedwait(&end, NULL, &second);
    }
    mse_log(MSE_LOG_INFO, "serve", "signal %d: ending", number);
}

/* Who is being answered gets the answer; who waits for a source is told that there is none. */
static void drain(struct mse_serve_core *core, struct mse_httpd *http)
{
    const struct timespec tick = { .tv_nsec = 50L * 1000 * 1000 };
    mse_serve_core_stop(core);
    for (int i = 0; i < DRAIN_SECONDS * 20 && mse_httpd_busy(http) > 0; i++) {
        (void)nanosleep(&tick, NULL);
    }
}

static mse_status serve(const struct mse_serve_config *c, struct mse_serve_core *core,
                        struct mse_httpd_front **front, struct mse_error *err)
{
    struct mse_httpd *http = NULL;
    bool tls = c->tls_chain.len > 0;
    const struct mse_httpd_front_config f = { .listen_fd = c->listen_fd,
                                              .chain = c->tls_chain,
                                              .key = c->tls_key,
                                              .max_connections = c->max_connections };
    int fd = tls ? -1 : dup(c->listen_fd);
    mse_status st = tls ? mse_httpd_front_new(front, &fd, &f, err) : MSE_OK;
    if (st == MSE_OK && fd < 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "listen", "%s", strerror(errno));
    }
    if (st == MSE_OK) {
        st = mse_serve_http_new(&http, core, fd, c->max_connections, err);
    }
    if (st == MSE_OK && tls) {
        st = mse_httpd_front_start(*front, err);
    }
    if (st == MSE_OK) {
        if (c->ready != NULL) {
            c->ready(c->user);
        }
        wait_for_the_end(core, http);
        mse_httpd_quiesce(http);
        if (!tls) {
            (void)shutdown(c->listen_fd, SHUT_RDWR); /* who comes now is refused at once */
        }
        drain(core, http);
    } else {
        mse_serve_core_stop(core);
    }
    mse_httpd_front_free(*front);
    mse_httpd_free(http);
    return st;
}

mse_status mse_serve_run(const struct mse_serve_config *c, struct mse_error *err)
{
    struct mse_serve_core *core = NULL;
    struct mse_httpd_front *front = NULL;
    (void)signal(SIGPIPE, SIG_IGN);
    mse_status st = mse_net_prepare_fd(c->listen_fd)
                        ? mse_serve_core_new(&core, c, err)
                        : MSE_FAIL(err, MSE_ERR_IO, "listen", "%s", strerror(errno));
    if (st == MSE_OK) {
        st = serve(c, core, &front, err);
    }
    mse_serve_core_free(core);
    (void)close(c->listen_fd);
    return st;
}
