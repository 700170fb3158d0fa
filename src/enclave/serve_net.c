/* SPDX-License-Identifier: Apache-2.0 */
/* What clients of the enclave reach: its names under TLS, and the relay to what is behind them. */
#include <sys/resource.h>

#include "base/util.h"
#include "enclave/serve_inner.h"
#include "ratls/session.h"

#define HANDSHAKE_MS    10000
#define IDLE_MS         300000
#define HALF_MS         30000
#define MAX_CONNECTIONS 10000
#define MAX_PER_SOURCE  1000
#define RESERVED_FILES  ((rlim_t)64)
#define MAX_ALPN        16
#define NUM_ATTESTED    3 /* protocols of attested sessions */

/* The protocols that are offered. Ours first, so that a client who knows them gets them; with a
 * stream behind only what the app speaks. */
static size_t list_protocols(const char *out[NUM_ATTESTED + MAX_ALPN],
                             const struct mse_str_list *app)
{
    static const struct {
        const char *name;
        const char *stream;
    } ours[] = { { MSE_SESSION_ALPN_H2, "h2" }, { MSE_SESSION_ALPN_HTTP11, "http/1.1" } };
    size_t num = 0;
    out[num++] = MSE_SESSION_ALPN;
    for (size_t i = 0; i < MSE_ARRAY_LEN(ours); i++) {
        for (size_t k = 0; k < app->num; k++) {
            if (strcmp(app->items[k], ours[i].stream) == 0) {
                out[num++] = ours[i].name;
                break;
            }
        }
    }
    for (size_t k = 0; k < app->num; k++) {
        out[num++] = app->items[k];
    }
    return num;
}

/* Who configures speaks HTTP/1.1, whatever the app does. */
static mse_status add_config_name(struct serve *s)
{
    static const char *const alpn[] = { MSE_SESSION_ALPN, MSE_SESSION_ALPN_HTTP11, "http/1.1" };
    const char *name = s->cfg->manifest->config_domain_name;
    mse_status st = mse_tls_server_add(s->tls, name, mse_build_view(&s->cfg->identity->config_cert),
                                       mse_privkey_evp_borrow(s->cfg->identity->key), s->err);
    st = st == MSE_OK ? mse_tls_server_set_alpn(s->tls, name, alpn, MSE_ARRAY_LEN(alpn), s->err)
                      : st;
    return st == MSE_OK ? mse_tls_server_try(s->tls, name, s->err) : st;
}

static mse_status add_certificate(struct serve *s)
{
    const struct mse_owner_tls *o = &s->owner;
    if (o->key != NULL) {
        mse_attest_set_owner(s->attest, s->cfg->manifest->san, o->spki_sha256);
        return mse_tls_server_add_chain(s->tls, s->cfg->manifest->san, mse_build_view(&o->chain),
                                        mse_privkey_evp_borrow(o->key), s->err);
    }
    return mse_tls_server_add(s->tls, s->cfg->manifest->san,
                              mse_build_view(&s->cfg->identity->cert),
                              mse_privkey_evp_borrow(s->cfg->identity->key), s->err);
}

/* Evidence is for everybody: who may be a client comes after it. */
mse_status serve_add_public_name(struct serve *s)
{
    mse_status st = add_certificate(s);
    if (st == MSE_OK && s->cfg->client_ca.len > 0) {
        st = mse_tls_server_demand(s->tls, s->cfg->manifest->san, s->cfg->client_ca,
                                   MSE_SESSION_ALPN, s->err);
    }
    return st == MSE_OK ? mse_tls_server_try(s->tls, s->cfg->manifest->san, s->err) : st;
}

mse_status serve_start_tls(struct serve *s)
{
    const struct mse_manifest *m = s->cfg->manifest;
    const char *alpn[NUM_ATTESTED + MAX_ALPN];
    if (m->alpn.num > MAX_ALPN) {
        return MSE_FAIL(s->err, MSE_ERR_UNSUPPORTED, "alpn", "%zu names, at most %d", m->alpn.num,
                        MAX_ALPN);
    }
    mse_status st = mse_tls_server_new(&s->tls, alpn, list_protocols(alpn, &m->alpn), s->err);
    if (st != MSE_OK) {
        return st;
    }
    return mse_config_needed(m) ? add_config_name(s) : serve_add_public_name(s);
}

/* Under a library OS; the configuration protocol has a socket of its own. */
static int dial_plainly(void *user, const struct mse_relay_conn *c)
{
    struct serve *s = user;
    return s->configs != NULL && mse_relay_conn_named(c, s->cfg->manifest->config_domain_name)
               ? mse_backend_connect_plain(s->configs_path)
               : mse_backend_dial(&s->backend);
}

mse_status serve_start_relay(struct serve *s)
{
    const struct mse_serve_config *c = s->cfg;
    struct rlimit files = { 1024, 1024 };
    (void)getrlimit(RLIMIT_NOFILE, &files);
    rlim_t most = files.rlim_cur > 4 * RESERVED_FILES ? (files.rlim_cur - RESERVED_FILES) / 2 : 32;
    struct mse_relay_config rc = {
        .loop = &s->loop,
        .listen_fd = c->listen_fd,
        .tls = s->tls,
        .dial = mse_backend_dial,
        .dial_user = &s->backend,
        .max_connections = most > MAX_CONNECTIONS ? MAX_CONNECTIONS : (unsigned)most,
        .proxy_protocol = c->manifest->proxy_protocol,
        /* Without it all are the gateway. */
        .max_per_source = c->manifest->proxy_protocol ? MAX_PER_SOURCE : 0,
        .handshake_ms = HANDSHAKE_MS,
        .idle_ms = IDLE_MS,
        .half_ms = HALF_MS,
        .asks = mse_attest_asks(s->attest),
    };
    if (c->app->library_os) {
        rc.dial_for = dial_plainly;
        rc.dial_user = s;
    } else if (s->configs != NULL) {
        rc.own_name = c->manifest->config_domain_name;
        rc.own_backend = s->configs_path;
    }
    return mse_relay_new(&s->relay, &rc, s->err);
}
