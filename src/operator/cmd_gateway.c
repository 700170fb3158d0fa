/* SPDX-License-Identifier: Apache-2.0 */
/* msed gateway: from the configuration to the feeder. */
#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "cmd/listen.h"
#include "operator/gate_feed.h"
#include "operator/msed.h"
#include "ratls/resolve.h"

#define HELLO_MS       5000U
#define CONNECT_MS     5000U
#define IDLE_MS        (3600U * 1000U)
#define HALF_MS        (60U * 1000U)
#define MAX_PER_SOURCE 4096U
#define SPARE_FILES    64U
#define FILES_MAX      1048576U
#define LOOPBACK       "127.0.0.1"
#define HOST_LEN       64

struct gateway {
    const struct cli *c;
    const char *where; /* host of listen, with its brackets */
    int where_len;
    uint16_t port;
};

/* The output is read by programs, too: msed run, and tests. */
static void on_ready(void *user)
{
    const struct gateway *g = user;
    cli_say(g->c, "msed: gateway listens on %.*s:%u", g->where_len, g->where, g->port);
    (void)cli_flush();
}

static size_t count_cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n >= GATE_MAX_WORKERS ? GATE_MAX_WORKERS - 1 : (size_t)n;
}

/* Two descriptors for each connection. */
static unsigned max_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return 1024;
    }
    return files.rlim_max > FILES_MAX ? FILES_MAX : (unsigned)files.rlim_max;
}

static char name_char(char ch)
{
    if (ch >= 'A' && ch <= 'Z') {
        return (char)((unsigned char)ch | 0x20U);
    }
    bool good = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
    return (char)(good ? ch : '-');
}

/* A name for metrics that other gateways do not have. */
static void name_source(char out[MSE_OP_NAME_LEN], uint16_t port)
{
    char host[HOST_LEN] = "";
    size_t at = 0;
    (void)gethostname(host, sizeof host - 1);
    for (; at < 40 && host[at] != '\0'; at++) {
        host[at] = name_char(host[at]);
    }
    (void)snprintf(out, MSE_OP_NAME_LEN, "gateway-%.*s-%u", (int)at, host, port);
}

static mse_status address_of(union mse_net_address *out, int fd, struct mse_error *err)
{
    socklen_t len = sizeof *out;
    return getsockname(fd, &out->any, &len) == 0
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_IO, "gateway", "getsockname: %s", strerror(errno));
}

/* Where the API is reached from here: a wildcard address is reached at the loopback. */
static mse_status api_route(struct gate_route *out, const struct mse_op_config *c,
                            struct mse_error *err)
{
    struct mse_addresses found = { .num = 0 };
    char host[128];
    uint16_t port = 0;
    const char *at = c->api.listen;
    size_t len = strlen(at) - strlen(strrchr(at, ':')); /* the configuration was checked */
    if (len >= 2 && at[0] == '[') {
        at++;
        len -= 2;
    }
    bool any = (len == 7 && strncmp(at, "0.0.0.0", len) == 0) || (len == 2 && at[0] == ':');
    if (any) {
        at = LOOPBACK;
        len = sizeof LOOPBACK - 1;
    }
    if (len < sizeof host) {
        memcpy(host, at, len);
        host[len] = '\0';
    }
    if (len >= sizeof host || !mse_op_config_port(&port, c->api.listen) || port == 0 ||
        mse_resolve(&found, host, port, err) != MSE_OK) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "gateway", "[api] listen is %.100s: no way there",
                        c->api.listen);
    }
    *out = (struct gate_route) { .app_id = GATE_API };
    (void)snprintf(out->name, sizeof out->name, "api.%.240s", c->domain);
    memcpy(&out->address, &found.list[0].addr, sizeof out->address);
    return MSE_OK;
}

static enum cli_exit feed(struct gateway *g, const struct msed *m, int fd,
                          const struct gate_feed_tls *tls)
{
    struct mse_error err = { 0 };
    char source[MSE_OP_NAME_LEN];
    unsigned files = max_files();
    uint64_t per_source = m->config.gateway.max_per_source;
    struct gate_route api;
    bool has_api = m->config.api.certificate != NULL;
    mse_status st = has_api ? api_route(&api, &m->config, &err) : MSE_OK;
    if (st != MSE_OK) {
        return cli_failed(g->c, st, &err);
    }
    const struct gate_feed_config f = {
        .listen_fd = fd,
        .database = m->config.database,
        .source = source,
        .num_workers = count_cores(),
        .max_files = files,
        .limits = { .max_connections = files > 2 * SPARE_FILES ? (files - SPARE_FILES) / 2 : 1,
                    .max_per_source = per_source > 0 ? (uint32_t)per_source : MAX_PER_SOURCE,
                    .max_per_app = (uint32_t)m->config.gateway.max_per_app,
                    .hello_ms = HELLO_MS,
                    .connect_ms = CONNECT_MS,
                    .idle_ms = IDLE_MS,
                    .half_ms = HALF_MS },
        .api = has_api ? &api : NULL,
        .tls = tls,
        .ready = on_ready,
        .user = g,
    };
    name_source(source, g->port);
    st = gate_feed_run(&f, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(g->c, st, &err);
}

/* With a certificate there is operator mode, too. */
static enum cli_exit serve(struct gateway *g, const struct msed *m, int fd)
{
    struct mse_error err = { 0 };
    struct gate_judge judge = { .collateral = NULL };
    struct gate_feed_tls tls = { .listen_fd = -1,
                                 .certificate = m->config.gateway.certificate,
                                 .key = m->config.gateway.key,
                                 .judge = &judge };
    char why[128];
    uint16_t port = 0;
    if (tls.certificate == NULL) {
        return feed(g, m, fd, NULL);
    }
    mse_status st = gate_judge_open(&judge, &m->config, &err);
    if (st == MSE_OK && !cli_listen(&tls.listen_fd, &port, "127.0.0.1:0", why, sizeof why)) {
        st = MSE_FAIL(&err, MSE_ERR_IO, "gateway", "cannot listen on 127.0.0.1: %s", why);
    }
    st = st == MSE_OK ? address_of(&tls.address, tls.listen_fd, &err) : st;
    enum cli_exit e = st == MSE_OK ? feed(g, m, fd, &tls) : cli_failed(g->c, st, &err);
    if (tls.listen_fd >= 0) {
        (void)close(tls.listen_fd);
    }
    gate_judge_clear(&judge);
    return e;
}

enum cli_exit cmd_gateway(struct cli *c)
{
    struct msed m;
    struct gateway g = { .c = c };
    char why[128];
    int fd = -1;
    enum cli_exit e = msed_configure(&m, c);
    const char *listen = e != CLI_DONE          ? NULL
                         : cli_has(c, "listen") ? cli_value(c, "listen")
                                                : m.config.gateway.listen;
    if (listen != NULL) {
        const char *colon = strrchr(listen, ':');
        g.where = listen;
        g.where_len = colon == NULL ? 0 : (int)(colon - listen);
        e = cli_listen(&fd, &g.port, listen, why, sizeof why)
                ? serve(&g, &m, fd)
                : cli_trouble(c, "cannot listen on %s: %s", listen, why);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    msed_close(&m);
    return e;
}
