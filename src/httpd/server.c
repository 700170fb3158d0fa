/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd parses, this keeps the time and connects it with the application. */
#include "httpd/server_inner.h"

#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

#define IDLE_SECONDS 60U /* libmicrohttpd's own bound, behind all of ours */
#define HEAD_MEMORY  ((size_t)32 * 1024)

/* The library's own messages. */
static void on_message(void *cls, const char *fmt, va_list ap) MSE_PRINTF(2, 0);
static void on_message(void *cls, const char *fmt, va_list ap)
{
    char text[256];
    const struct mse_httpd *h = cls;
    (void)vsnprintf(text, sizeof text, fmt, ap);
    mse_log(MSE_LOG_DEBUG, h->cfg.name, "http: %s", text);
}

mse_status mse_httpd_new(struct mse_httpd **out, const struct mse_httpd_config *c,
                         struct mse_error *err)
{
    struct mse_httpd *h = calloc(1, sizeof *h);
    if (h == NULL) {
        (void)close(c->listen_fd);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "http", "out of memory");
    }
    h->cfg = *c;
    h->listen_fd = c->listen_fd;
    (void)pthread_mutex_init(&h->lock, NULL);
    const unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_ITC;
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, httpd_on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_message, h,
        MHD_OPTION_LISTEN_SOCKET, c->listen_fd, MHD_OPTION_THREAD_POOL_SIZE, c->threads,
        MHD_OPTION_CONNECTION_LIMIT, c->max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
        IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MEMORY, MHD_OPTION_URI_LOG_CALLBACK,
        httpd_on_target, h, MHD_OPTION_NOTIFY_COMPLETED, httpd_on_completed, h,
        MHD_OPTION_NOTIFY_CONNECTION, httpd_on_connection, h, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
    if (h->daemon == NULL) {
        mse_httpd_free(h);
        return MSE_FAIL(err, MSE_ERR_IO, "http", "libmicrohttpd does not start");
    }
    h->listen_fd = -1;
    *out = h;
    return MSE_OK;
}

void mse_httpd_quiesce(struct mse_httpd *h)
{
    MHD_socket fd = MHD_quiesce_daemon(h->daemon);
    if (fd != MHD_INVALID_SOCKET) {
        (void)close(fd);
    }
}

unsigned mse_httpd_busy(struct mse_httpd *h)
{
    return atomic_load(&h->busy);
}

void mse_httpd_free(struct mse_httpd *h)
{
    if (h == NULL) {
        return;
    }
    if (h->daemon != NULL) {
        MHD_stop_daemon(h->daemon);
    }
    if (h->listen_fd >= 0) {
        (void)close(h->listen_fd);
    }
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
}
