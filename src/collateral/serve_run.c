/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the service: start, TLS in front if wanted, once a second, the end. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "collateral/serve_http.h"
#include "net/loop.h"
#include "net/relay.h"

#define DRAIN_SECONDS 10
#define BACKLOG       128
#define HANDSHAKE_MS  10000
#define IDLE_MS       60000
#define HALF_MS       5000

/* TLS: the relay takes connections and passes plain bytes on to a socket in a folder of ours. */
struct front {
    char dir[64];
    struct sockaddr_un address;
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
    struct front *f = a->data;
    mse_relay_close(f->relay);
    f->relay = NULL;
    uv_close((uv_handle_t *)a, NULL);
}

static void *front_main(void *arg)
{
    struct front *f = arg;
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* A listening unix socket that nobody else can reach. */
static int inner_socket(struct front *f, struct mse_error *err)
{
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/mse-serve.XXXXXX");
    if (mkdtemp(f->dir) == NULL) {
        f->dir[0] = '\0';
        (void)MSE_FAIL(err, MSE_ERR_IO, "tls", "no folder in /tmp: %s", strerror(errno));
        return -1;
    }
    f->address.sun_family = AF_UNIX;
    (void)snprintf(f->address.sun_path, sizeof f->address.sun_path, "%s/http", f->dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (bind(fd, (const struct sockaddr *)&f->address, sizeof f->address) != 0 ||
                    listen(fd, BACKLOG) != 0)) {
        (void)close(fd);
        fd = -1;
    }
    if (fd < 0) {
        (void)MSE_FAIL(err, MSE_ERR_IO, "tls", "no socket in %s: %s", f->dir, strerror(errno));
    }
    return fd;
}

static mse_status front_start(struct front *f, const struct mse_serve_config *c,
                              struct mse_error *err)
{
    static const char *const alpn[] = { "http/1.1" };
    mse_status st = mse_tls_no_config() ? mse_tls_server_new(&f->tls, alpn, 1, err)
                                        : MSE_FAIL(err, MSE_ERR_CRYPTO, "tls", "libssl fails");
    if (st == MSE_OK) {
        st = mse_tls_server_add_any(f->tls, c->tls_chain, c->tls_key, err);
    }
    if (st != MSE_OK) {
        return st;
    }
    f->has_loop = uv_loop_init(&f->loop) == 0;
    f->stop.data = f;
    if (!f->has_loop || uv_async_init(&f->loop, &f->stop, on_stop) != 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "tls", "no event loop");
    }
    const struct mse_relay_config r = { .loop = &f->loop,
                                        .listen_fd = c->listen_fd,
                                        .tls = f->tls,
                                        .backend = f->address.sun_path,
                                        .max_connections = c->max_connections,
                                        .handshake_ms = HANDSHAKE_MS,
                                        .idle_ms = IDLE_MS,
                                        .half_ms = HALF_MS };
    st = mse_relay_new(&f->relay, &r, err);
    if (st == MSE_OK && pthread_create(&f->thread, NULL, front_main, f) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "tls", "no thread could be started");
    }
    f->running = st == MSE_OK;
    return st;
}

static void front_stop(struct front *f)
{
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
        (void)unlink(f->address.sun_path);
        (void)rmdir(f->dir);
    }
}

static void wait_for_the_end(struct mse_serve_core *core, struct mse_serve_http *http)
{
    const struct timespec second = { .tv_sec = 1 };
    sigset_t end;
    (void)sigemptyset(&end);
    (void)sigaddset(&end, SIGTERM);
    (void)sigaddset(&end, SIGINT);
    int number = -1;
    while (number < 0) {
        mse_serve_core_tick(core, (mse_time)time(NULL));
        mse_serve_http_tick(http);
        number = sigtimedwait(&end, NULL, &second);
    }
    mse_log(MSE_LOG_INFO, "serve", "signal %d: ending", number);
}

/* Who is being answered gets the answer; who waits for a source is told that there is none. */
static void drain(struct mse_serve_core *core, struct mse_serve_http *http)
{
    const struct timespec tick = { .tv_nsec = 50L * 1000 * 1000 };
    mse_serve_core_stop(core);
    for (int i = 0; i < DRAIN_SECONDS * 20 && mse_serve_http_busy(http) > 0; i++) {
        (void)nanosleep(&tick, NULL);
    }
}

static mse_status serve(const struct mse_serve_config *c, struct mse_serve_core *core,
                        struct front *front, struct mse_error *err)
{
    struct mse_serve_http *http = NULL;
    bool tls = c->tls_chain.len > 0;
    int fd = tls ? inner_socket(front, err) : dup(c->listen_fd);
    if (fd < 0) {
        return MSE_FAIL(err, MSE_ERR_IO, "listen", "%s", strerror(errno));
    }
    mse_status st = mse_serve_http_new(&http, core, fd, c->max_connections, err);
    if (st == MSE_OK && tls) {
        st = front_start(front, c, err);
    }
    if (st == MSE_OK) {
        if (c->ready != NULL) {
            c->ready(c->user);
        }
        wait_for_the_end(core, http);
        mse_serve_http_quiesce(http);
        if (!tls) {
            (void)shutdown(c->listen_fd, SHUT_RDWR); /* who comes now is refused at once */
        }
        drain(core, http);
    } else {
        mse_serve_core_stop(core);
    }
    front_stop(front);
    mse_serve_http_free(http);
    return st;
}

mse_status mse_serve_run(const struct mse_serve_config *c, struct mse_error *err)
{
    struct mse_serve_core *core = NULL;
    struct front front = { .running = false };
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
