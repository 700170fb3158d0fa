/* SPDX-License-Identifier: Apache-2.0 */
#include "httpd/front.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "net/loop.h"
#include "net/relay.h"

#define BACKLOG      128
#define HANDSHAKE_MS 10000
#define IDLE_MS      60000
#define HALF_MS      5000

struct mse_httpd_front {
    struct mse_httpd_front_config cfg;
    char dir[64];
    char path[80];
    struct mse_tls_server *tls;
    uv_loop_t loop;
    uv_async_t stop;
    struct mse_relay *relay;
    pthread_t thread;
    bool has_loop;
    bool running;
};

static void on_stop(uv_async_t *a)
{
    struct mse_httpd_front *f = a->data;
    mse_relay_close(f->relay);
    f->relay = NULL;
    uv_close((uv_handle_t *)a, NULL);
}

static void *front_main(void *arg)
{
    struct mse_httpd_front *f = arg;
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    return NULL;
}

static mse_status inner_socket(struct mse_httpd_front *f, int *out, struct mse_error *err)
{
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/mse-serve.XXXXXX");
    if (mkdtemp(f->dir) == NULL) {
        f->dir[0] = '\0';
        return MSE_FAIL(err, MSE_ERR_IO, "tls", "no folder in /tmp: %s", strerror(errno));
    }
    (void)snprintf(f->path, sizeof f->path, "%s/http", f->dir);
    int fd = mse_net_listen_unix(f->path, BACKLOG);
    if (fd < 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "tls", "no socket in %s: %s", f->dir, strerror(errno));
    }
    *out = fd;
    return MSE_OK;
}

static mse_status make(struct mse_httpd_front *f, int *inner_fd, struct mse_error *err)
{
    static const char *const alpn[] = { "http/1.1" };
    mse_status st = mse_tls_no_config() ? mse_tls_server_new(&f->tls, alpn, 1, err)
                                        : MSE_FAIL(err, MSE_ERR_CRYPTO, "tls", "libssl fails");
    if (st == MSE_OK) {
        st = mse_tls_server_add_any(f->tls, f->cfg.chain, f->cfg.key, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    f->has_loop = uv_loop_init(&f->loop) == 0;
    f->stop.data = f;
    if (!f->has_loop || uv_async_init(&f->loop, &f->stop, on_stop) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "tls", "no event loop");
    }
    return inner_socket(f, inner_fd, err);
}

mse_status mse_httpd_front_new(struct mse_httpd_front **out, int *inner_fd,
                               const struct mse_httpd_front_config *c, struct mse_error *err)
{
    struct mse_httpd_front *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "tls", "out of memory");
    }
    f->cfg = *c;
    mse_status st = make(f, inner_fd, err);
    if (st == MSE_OK) {
        *out = f;
    } else {
        mse_httpd_front_free(f);
    }
    return st;
}

mse_status mse_httpd_front_start(struct mse_httpd_front *f, struct mse_error *err)
{
    const struct mse_relay_config r = { .loop = &f->loop,
                                        .listen_fd = f->cfg.listen_fd,
                                        .tls = f->tls,
                                        .backend = f->path,
                                        .tell_source = true,
                                        .max_connections = f->cfg.max_connections,
                                        .max_per_source = f->cfg.max_per_source,
                                        .spare_loopback = true,
                                        .handshake_ms = HANDSHAKE_MS,
                                        .idle_ms = IDLE_MS,
                                        .half_ms = HALF_MS };
    mse_status st = mse_relay_new(&f->relay, &r, err);
    if (st == MSE_OK && pthread_create(&f->thread, NULL, front_main, f) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "tls", "no thread could be started");
    }
    f->running = st == MSE_OK;
    return st;
}

void mse_httpd_front_free(struct mse_httpd_front *f)
{
    if (f == NULL) {
        return;
    }
    if (f->running) {
        (void)uv_async_send(&f->stop);
        (void)pthread_join(f->thread, NULL);
    } else if (f->relay != NULL) {
        mse_relay_close(f->relay);
    }
    if (f->has_loop) {
        mse_net_loop_clear(&f->loop);
    }
    mse_tls_server_free(f->tls);
    if (f->dir[0] != '\0') {
        (void)unlink(f->path);
        (void)rmdir(f->dir);
    }
    free(f);
}
