/* SPDX-License-Identifier: Apache-2.0 */
/* mse proxy: a local proxy whose every connection to an app was attested before it carries a byte.
 * This is the whole interface of the module that holds it. How an app is judged is the caller's. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "proxy/page.h"
#include "ratls/connect.h"

#define MSE_PROXY_MAX_APPS 64

/* Which app it is that answers. Compared with what it was when the proxy began. */
struct mse_proxy_identity {
    uint8_t fingerprint[32];
    uint8_t signer[32];
    uint8_t manifest[32]; /* SHA-256; zeros: none is claimed */
    uint8_t key[32];      /* SHA-256 of the public key: the CA's where the app has one */
};
/* What came of a connection to an app. */
struct mse_proxy_link {
    struct mse_ratls_conn *conn; /* attested; NULL after a refusal */
    bool known;                  /* who answers could be read, even if it was refused */
    struct mse_proxy_identity identity;
    bool moves; /* the user's rule lets it become another version by itself */
    uint8_t level;
};

struct mse_proxy_app {
    const char *domain; /* lower case */
    uint16_t port;
    struct mse_proxy_link first; /* the first connection, taken over; conn may be NULL */
    /* The certificate and key (PEM) by which this machine trusts the name, for CONNECT; empty:
     * there is no local CA. */
    struct mse_bytes leaf_chain;
    void *leaf_key; /* as mse_privkey_evp_borrow gives it */
};

struct mse_proxy_config {
    int listen_fd; /* bound and listening; closed by mse_proxy_run */
    uint16_t port;
    bool any_address; /* it listens for others too */
    size_t num_apps;
    struct mse_proxy_app *apps;
    size_t home;   /* the app that plain paths are for; SIZE_MAX: none */
    unsigned warm; /* idle attested connections to keep ready */
    unsigned max_connections;
    unsigned reattest_ms;
    /* Connects to an app and judges it, over the protocol alpn, blocking; called from several
     * threads. MSE_OK: out->conn is attested. */
    mse_status (*open)(void *user, struct mse_proxy_link *out, size_t app, const char *alpn,
                       struct mse_error *err);
    /* Whether the rules may have changed; quick, called once a second. */
    bool (*stale)(void *user);
    /* Reads the rules again; may block, called from another thread. True: new ones count from now
     * on, and what was judged by the old ones is not used any more. */
    bool (*reload)(void *user);
    /* The same two for what others are asked, which may take as long as they like: on a thread of
     * its own, so that rules that change do not wait for it. */
    bool (*due)(void *user);
    bool (*ask)(void *user);
    /* It ends: ask comes back soon. Called once. May be NULL, as the two. */
    void (*stop)(void *user);
    /* A new leaf for an app whose own ends soon; called once an hour. False: nothing is new. */
    bool (*renew)(void *user, size_t app);
    void (*ready)(void *user); /* requests are taken; may be NULL */
    void *user;
};

/* mse_proxy_run serves until SIGTERM or SIGINT; then it lets go on what is being answered, for ten
 * seconds. Logs to stderr. One call per process. */
typedef mse_status (*mse_proxy_run_fn)(const struct mse_proxy_config *c, struct mse_error *err);
MSE_API MSE_MUST_USE mse_status mse_proxy_run(const struct mse_proxy_config *c,
                                              struct mse_error *err);

#endif
