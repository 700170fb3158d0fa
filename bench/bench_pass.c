/* SPDX-License-Identifier: Apache-2.0 */
/* The pass-through relay alone, as a server for bench/gateway: the port of the loopback to which
 * every name leads. Prints the port that it listens on, and serves until it is killed. */
#include "bench.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/util.h"
#include "net/pass.h"

static union mse_net_address loopback(uint16_t port)
{
    union mse_net_address a;
    memset(&a, 0, sizeof a);
    a.v4.sin_family = AF_INET;
    a.v4.sin_port = htons(port);
    a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static int listen_somewhere(uint16_t *port)
{
    union mse_net_address a = loopback(0);
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, &a.any, sizeof a.v4) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, &a.any, &len) != 0) {
        bench_die("cannot listen", "127.0.0.1");
    }
    *port = ntohs(a.v4.sin_port);
    return fd;
}

static bool route(void *user, const char *name, uint64_t tried, struct mse_pass_to *out)
{
    (void)name;
    (void)tried;
    *out = *(const struct mse_pass_to *)user;
    return true;
}

int main(int argc, char **argv)
{
    uv_loop_t loop;
    uint16_t port = 0;
    uint64_t backend = 0;
    struct rlimit files;
    struct mse_pass *pass = NULL;
    struct mse_pass_to to = { .app = mse_pass_app_new() };
    if (argc != 2 || !mse_u64_parse(&backend, mse_bytes_str(argv[1]), UINT16_MAX)) {
        bench_die("usage", "bench_pass PORT");
    }
    to.address = loopback((uint16_t)backend);
    (void)signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (to.app == NULL || uv_loop_init(&loop) != 0) {
        bench_die("no loop", "libuv");
    }
    const struct mse_pass_config c = {
        .loop = &loop,
        .listen_fd = listen_somewhere(&port),
        .route = route,
        .user = &to,
        .max_connections = 20000,
        .max_per_source = 20000,
        .hello_ms = 10000,
        .connect_ms = 10000,
        .idle_ms = 300000,
        .half_ms = 30000,
    };
    if (mse_pass_new(&pass, &c, NULL) != MSE_OK) {
        bench_die("no relay", argv[1]);
    }
    (void)printf("%u\n", port);
    (void)fflush(stdout);
    return uv_run(&loop, UV_RUN_DEFAULT);
}
