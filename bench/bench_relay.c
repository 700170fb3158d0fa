/* SPDX-License-Identifier: Apache-2.0 */
/* The relay alone, as a server for bench/relay: CERT.der KEY.pem NAME SOCKET. Prints the port on
 * the loopback that it listens on, and serves until it is killed. */
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "crypto/sign.h"
#include "net/loop.h"
#include "net/relay.h"

static int listen_somewhere(uint16_t *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    socklen_t len = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 511) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
        bench_die("cannot listen", "127.0.0.1");
    }
    *port = ntohs(a.sin_port);
    return fd;
}

static struct mse_tls_server *load(const char *cert, const char *pem, const char *name)
{
    static const char *const alpn[] = { "http/1.1" };
    struct mse_bytes der = bench_read_file(cert);
    struct mse_bytes text = bench_read_file(pem);
    struct mse_privkey *key = NULL;
    struct mse_tls_server *tls = NULL;
    struct mse_error err = { 0 };
    mse_status st = mse_privkey_from_pem(&key, text, &err);
    if (st == MSE_OK) {
        st = mse_tls_server_new(&tls, alpn, 1, &err);
    }
    if (st == MSE_OK) {
        st = mse_tls_server_add(tls, name, der, mse_privkey_evp_borrow(key), &err);
    }
    if (st != MSE_OK) {
        bench_die("cannot load the certificate", err.text);
    }
    mse_privkey_free(key);
    bench_free(der);
    bench_free(text);
    return tls;
}

int main(int argc, char **argv)
{
    uv_loop_t loop;
    uint16_t port = 0;
    struct mse_relay *relay = NULL;
    if (argc != 5) {
        bench_die("usage", "bench_relay CERT.der KEY.pem NAME SOCKET");
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&loop) != 0) {
        bench_die("no loop", "libuv");
    }
    struct mse_relay_config c = {
        .loop = &loop,
        .listen_fd = listen_somewhere(&port),
        .tls = load(argv[1], argv[2], argv[3]),
        .backend = argv[4],
        .max_connections = 4096,
        .handshake_ms = 10000,
        .idle_ms = 300000,
        .half_ms = 30000,
    };
    if (mse_relay_new(&relay, &c, NULL) != MSE_OK) {
        bench_die("no relay", argv[4]);
    }
    (void)printf("%u\n", port);
    (void)fflush(stdout);
    return uv_run(&loop, UV_RUN_DEFAULT);
}
