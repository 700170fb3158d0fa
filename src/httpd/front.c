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

/* One that was renewed: connections may still be in their handshakes. */
struct retired {
    struct retired *next;
    struct mse_tls_server *tls;
};

struct mse_httpd_front {
    struct mse_httpd_front_config cfg;
    char dir[64];
    char path[80];
    struct mse_tls_server *tls; /* the loop's, as is what is retired */
    struct retired *retired;
    pthread_mutex_t lock;
    struct retired *next; /* guarded: what the loop is to take */
    uv_loop_t loop;
    uv_async_t stop;
    uv_async_t renew;
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
    uv_close((uv_handle_t *)&f->renew, NULL);
}

static void on_renew(uv_async_t *a)
{
    struct mse_httpd_front *f = a->data;
    (void)pthread_mutex_lock(&f->lock);
    struct retired *r = f->next;
    f->next = NULL;
    (void)pthread_mutex_unlock(&f->lock);
    if (r != NULL && f->relay != NULL) {
        struct mse_tls_server *old = f->tls;
        f->tls = r->tls;
        mse_relay_set_server(f->relay, f->tls);
        r->tls = old;
        r->next = f->retired;
        f->retired = r;
    } else if (r != NULL) {
        mse_tls_server_free(r->tls);
        free(r);
    }
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

static mse_status make_server(struct mse_tls_server **out, struct mse_bytes chain,
                              struct mse_bytes key, struct mse_error *err)
{
    static const char *const alpn[] = { "http/1.1" };
    struct mse_tls_server *tls = NULL;
    mse_status st = mse_tls_server_new(&tls, alpn, 1, err);
    st = st == MSE_OK ? mse_tls_server_add_any(tls, chain, key, err) : st;
    if (st != MSE_OK) {
        mse_tls_server_free(tls);
        return st;
    }
    *out = tls;
    return MSE_OK;
}

static mse_status make(struct mse_httpd_front *f, int *inner_fd, struct mse_error *err)
{
    mse_status st = mse_tls_no_config() ? make_server(&f->tls, f->cfg.chain, f->cfg.key, err)
                                        : MSE_FAIL(err, MSE_ERR_CRYPTO, "tls", "libssl fails");
    if (st != MSE_OK) {
        return st;
    }
    f->has_loop = uv_loop_init(&f->loop) == 0;
    f->stop.data = f;
    f->renew.data = f;
    if (!f->has_loop || uv_async_init(&f->loop, &f->stop, on_stop) != 0 ||
        uv_async_init(&f->loop, &f->renew, on_renew) != 0) {
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
    (void)pthread_mutex_init(&f->lock, NULL);
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

mse_status mse_httpd_front_renew(struct mse_httpd_front *f, struct mse_bytes chain,
                                 struct mse_bytes key, struct mse_error *err)
{
    struct retired *r = calloc(1, sizeof *r);
    mse_status st = r != NULL ? make_server(&r->tls, chain, key, err)
                              : MSE_FAIL(err, MSE_ERR_MEMORY, "tls", "out of memory");
    if (st != MSE_OK) {
        free(r);
        return st;
    }
    (void)pthread_mutex_lock(&f->lock);
    struct retired *unused = f->next;
    f->next = r;
    (void)pthread_mutex_unlock(&f->lock);
    if (unused != NULL) {
        mse_tls_server_free(unused->tls);
        free(unused);
    }
    (void)uv_async_send(&f->renew);
    return MSE_OK;
}

static void free_retired(struct retired *r)
{
    while (r != NULL) {
        struct retired *next = r->next;
        mse_tls_server_free(r->tls);
        free(r);
        r = next;
    }
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
    free_retired(f->retired);
    free_retired(f->next);
    (void)pthread_mutex_destroy(&f->lock);
    if (f->dir[0] != '\0') {
        (void)unlink(f->path);
        (void)rmdir(f->dir);
    }
    free(f);
}
