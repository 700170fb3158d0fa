/* SPDX-License-Identifier: Apache-2.0 */
/* See gate_seal.h. */
#include "operator/gate_seal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "net/relay.h"
#include "operator/gate_way.h"

#define WHO  "gateway"
#define ALPN "http/1.1"

struct gate_seal {
    struct gate_seal_config cfg;
    struct mse_relay *users;    /* NULL: there is no identity yet */
    struct mse_relay *enclaves; /* the other direction; accepts nothing */
    struct mse_tls_client *client;
    uint64_t told; /* of what enclaves failed */
};

/* Somebody for whom a way is looked for. */
struct waiting {
    struct gate_seal *s;
    int fd;      /* the end of the pair that the enclave's relay gets */
    bool inside; /* the search has not returned yet */
    bool over;
    bool failed;
    size_t greeting_len;
    uint8_t greeting[MSE_PROXY2_MAX];
};

/* Routes have their names in lower case; clients may not. */
static bool lower_name(char out[MSE_HELLO_NAME_MAX + 1], const char *name)
{
    size_t len = name == NULL ? 0 : strlen(name);
    if (len == 0 || len > MSE_HELLO_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i <= len; i++) {
        out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
    }
    return true;
}

/* To the enclave the client is who he was to the gateway. His port is not known here. */
static size_t greet(uint8_t out[MSE_PROXY2_MAX], const struct mse_relay_conn *c)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    union mse_net_address from = { .v6 = { .sin6_family = AF_INET6 } };
    union mse_net_address to = { .v6 = { .sin6_family = AF_INET6 } };
    uint8_t source[16];
    mse_relay_conn_source(c, source);
    memcpy(&from.v6.sin6_addr, source, sizeof source);
    if (mse_mem_equal(source, mapped, sizeof mapped)) {
        from = (union mse_net_address) { .v4 = { .sin_family = AF_INET } };
        to = from;
        memcpy(&from.v4.sin_addr, source + 12, 4);
    }
    return mse_proxy2_write(out, &from, &to);
}

/* What fails here is told from "full just now", which would be tried again. */
static int failed(void)
{
    errno = ECONNREFUSED;
    return -1;
}

static void on_way(void *user, const struct gate_route *r, int fd)
{
    struct waiting *w = user;
    w->over = true;
    w->failed = r == NULL;
    if (r == NULL) {
        (void)close(w->fd);
    } else {
        const struct mse_tls_peer peer = { r->name, r->spki_sha256 };
        const struct mse_relay_way way = {
            fd, w->fd, mse_bytes_of(w->greeting, r->proxy_protocol ? w->greeting_len : 0)
        };
        w->failed = !mse_relay_adopt(w->s->enclaves, w->s->client, &peer, &way);
    }
    if (!w->inside) {
        free(w);
    }
}

/* False: everybody refuses at once. fd is closed, or somebody's. */
static bool look_for_way(struct gate_seal *s, const struct mse_relay_conn *c, const char *name,
                         int fd)
{
    const struct gate_way_config cfg = { s->cfg.loop, s->cfg.table, s->cfg.limits->connect_ms };
    struct waiting *w = calloc(1, sizeof *w);
    if (w == NULL) {
        (void)close(fd);
        return false;
    }
    w->s = s;
    w->fd = fd;
    w->inside = true;
    w->greeting_len = greet(w->greeting, c);
    if (!gate_way_find(&cfg, name, on_way, w)) {
        (void)close(fd);
        free(w);
        return false;
    }
    bool failed = w->failed;
    bool over = w->over;
    w->inside = false;
    if (over) {
        free(w);
    }
    return !failed;
}

static int on_dial(void *user, const struct mse_relay_conn *c)
{
    int pair[2];
    char name[MSE_HELLO_NAME_MAX + 1];
    if (!lower_name(name, mse_relay_conn_name(c)) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        return failed();
    }
    if (!look_for_way(user, c, name, pair[1])) {
        (void)close(pair[0]);
        return failed();
    }
    return pair[0];
}

static struct mse_relay_config relay_config(struct gate_seal *s)
{
    const struct gate_limits *l = s->cfg.limits;
    return (struct mse_relay_config) {
        .loop = s->cfg.loop,
        .listen_fd = -1,
        .max_connections = l->max_connections,
        .handshake_ms = l->hello_ms + l->connect_ms,
        .idle_ms = l->idle_ms,
        .half_ms = l->half_ms,
    };
}

mse_status gate_seal_new(struct gate_seal **out, const struct gate_seal_config *c,
                         struct mse_error *err)
{
    struct gate_seal *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "gateway", "out of memory");
    }
    s->cfg = *c;
    const struct mse_relay_config rc = relay_config(s);
    mse_status st = mse_tls_client_new(&s->client, ALPN, err);
    st = st == MSE_OK ? mse_relay_new(&s->enclaves, &rc, err) : st;
    if (st != MSE_OK) {
        mse_tls_client_free(s->client);
        free(s);
        return st;
    }
    *out = s;
    return MSE_OK;
}

mse_status gate_seal_identity(struct gate_seal *s, const struct gate_identity *id,
                              struct mse_error *err)
{
    static const char *const alpn[] = { ALPN };
    struct mse_tls_server *tls = NULL;
    mse_status st = mse_tls_server_new(&tls, alpn, 1, err);
    st = st == MSE_OK ? mse_tls_server_add_any(tls, id->chain_pem, id->key_pem, err) : st;
    if (st != MSE_OK) {
        mse_tls_server_free(tls);
        return st;
    }
    if (s->users != NULL) {
        /* Connections of the one before may still be in their handshakes; it stays. */
        mse_relay_set_server(s->users, tls);
        return MSE_OK;
    }
    struct mse_relay_config rc = relay_config(s);
    rc.listen_fd = s->cfg.listen_fd;
    rc.proxy_protocol = true; /* who comes here was passed on by another worker */
    rc.tls = tls;
    rc.dial_for = on_dial;
    rc.dial_user = s;
    st = mse_relay_new(&s->users, &rc, err);
    if (st != MSE_OK) {
        mse_tls_server_free(tls);
    }
    return st;
}

size_t gate_seal_drain(struct gate_seal *s, unsigned idle_ms)
{
    if (s->users == NULL) {
        return 0;
    }
    mse_relay_stop_accepting(s->users);
    mse_relay_close_idle(s->users, idle_ms);
    return mse_relay_num_connections(s->users);
}

void gate_seal_report(struct gate_seal *s)
{
    uint64_t refused = mse_relay_stats_borrow(s->enclaves)->failed;
    if (refused != s->told) {
        mse_log(MSE_LOG_WARN, WHO,
                "%llu connections were refused: the enclave did not answer, or has another key "
                "than the one that was verified",
                (unsigned long long)(refused - s->told));
        s->told = refused;
    }
}
