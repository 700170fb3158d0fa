/* SPDX-License-Identifier: Apache-2.0 */
/* Level 2 in one call for programs of OpenSSL: handshake and session together, so that there is no
 * moment between the two at which a program could send something. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "ratls/resolve.h"
#include "ratls/session.h"
#include "ratls/verifier.h"

#define STEP "session"

/* The protocols of a server, best first: the static texts that the callback gets. */
static const struct protocols {
    const char *alpn;
    const char *plain; /* what clients without attestation call it; NULL: they are not served */
} protocols[] = {
    { MSE_SESSION_ALPN, NULL },
    { MSE_SESSION_ALPN_HTTP11, "http/1.1" },
    { MSE_SESSION_ALPN_H2, "h2" },
};

static const struct protocols *protocols_of(const char *alpn)
{
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (strcmp(protocols[i].alpn, alpn) == 0) {
            return &protocols[i];
        }
    }
    return NULL;
}

/* Nothing goes over this connection any more, whatever the caller does with the status. */
static mse_status shut(SSL *ssl, mse_status st)
{
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    ERR_clear_error();
    return st;
}

static mse_status no_handshake(SSL *ssl, struct mse_error *err)
{
    const char *why = ERR_reason_error_string(ERR_peek_error());
    return shut(ssl, MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "the TLS handshake failed: %s",
                              why == NULL ? "the peer ended, or was silent" : why));
}

/* ---- the client ---- */

/* Server name and protocol. Zero is success for the latter: libssl has it the other way round. */
static bool ask_for(SSL *ssl, const char *host, const char *alpn)
{
    unsigned char wire[64];
    size_t len = strlen(alpn);
    wire[0] = (unsigned char)len;
    memcpy(wire + 1, alpn, len);
    return mse_host_set_sni(ssl, host) && SSL_set_alpn_protos(ssl, wire, (unsigned)len + 1) == 0;
}

mse_status mse_session_connect(struct mse_session **out, struct ssl_st *ssl,
                               const struct mse_ratls_verifier *v, const char *host,
                               const char *alpn, struct mse_error *err)
{
    struct mse_verifier_now now;
    *out = NULL;
    alpn = alpn == NULL ? MSE_SESSION_ALPN : alpn;
    if (host == NULL || protocols_of(alpn) == NULL) {
        return shut(ssl, MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP,
                                  "no host, or a protocol that is none of " MSE_SESSION_ALPN));
    }
    if (!ask_for(ssl, host, alpn) || !mse_verifier_defer(v, ssl)) {
        return shut(ssl, MSE_FAIL(err, MSE_ERR_CRYPTO, STEP, "TLS takes no such host"));
    }
    ERR_clear_error();
    bool connected = SSL_connect(ssl) == 1;
    mse_verifier_defer_end(v, ssl);
    if (!connected) {
        return no_handshake(ssl, err);
    }
    mse_verifier_hold(&now, v);
    const struct mse_session_client_config c = {
        .judge = { .policy = now.policy,
                   .collateral = now.collateral,
                   .logs = now.logs,
                   .at = now.at,
                   .host = host },
        .level = 2,
        .alpn = alpn,
    };
    mse_status st = mse_session_client(out, ssl, &c, err);
    mse_verifier_release(v, &now);
    return st == MSE_OK ? MSE_OK : shut(ssl, st);
}

mse_status mse_session_recheck(struct mse_session *s, const struct mse_ratls_verifier *v,
                               struct mse_error *err)
{
    struct mse_verifier_now now;
    mse_verifier_hold(&now, v);
    const struct mse_session_judge by = {
        .policy = now.policy, .collateral = now.collateral, .logs = now.logs, .at = now.at
    };
    mse_status st = mse_session_judge_again(s, &by, err);
    mse_verifier_release(v, &now);
    return st;
}

/* ---- the server ---- */

static bool offers(const unsigned char *in, unsigned in_len, const char *name, struct mse_bytes *at)
{
    struct mse_bytes rest = { in, in_len };
    uint8_t len = 0;
    while (name != NULL && mse_rd_u8(&rest, &len) && mse_rd_bytes(&rest, at, len)) {
        if (mse_bytes_is_str(*at, name)) {
            return true;
        }
    }
    return false;
}

static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                  const unsigned char *in, unsigned in_len, void *arg)
{
    const struct protocols *p = arg;
    struct mse_bytes name;
    (void)ssl;
    if (!offers(in, in_len, p->alpn, &name) && !offers(in, in_len, MSE_SESSION_ALPN, &name) &&
        !offers(in, in_len, p->plain, &name)) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = name.data;
    *out_len = (unsigned char)name.len;
    return SSL_TLSEXT_ERR_OK;
}

mse_status mse_session_ctx_serve(struct ssl_ctx_st *ctx, const struct mse_ratls_identity *id,
                                 const char *alpn, struct mse_error *err)
{
    const struct protocols *p = protocols_of(alpn == NULL ? MSE_SESSION_ALPN : alpn);
    if (p == NULL) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "the protocol is none of " MSE_SESSION_ALPN);
    }
    mse_status st = mse_ratls_ctx_use(ctx, id, err);
    if (st == MSE_OK) {
        /* libssl hands it back as it is, and has no const for it. */
        void *arg = NULL;
        memcpy(&arg, &p, sizeof arg);
        SSL_CTX_set_alpn_select_cb(ctx, choose, arg);
    }
    return st;
}

mse_status mse_session_accept(struct mse_session **out, struct ssl_st *ssl,
                              const struct mse_session_server_config *c, struct mse_error *err)
{
    struct mse_bytes alpn = { NULL, 0 };
    unsigned len = 0;
    *out = NULL;
    ERR_clear_error();
    if (SSL_accept(ssl) != 1) {
        return no_handshake(ssl, err);
    }
    SSL_get0_alpn_selected(ssl, &alpn.data, &len);
    alpn.len = len;
    bool asked = false;
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        asked = asked || mse_bytes_is_str(alpn, protocols[i].alpn);
    }
    if (!asked && c->clients == NULL) {
        return MSE_OK; /* a client that asks for no evidence */
    }
    mse_status st = mse_session_server(out, ssl, c, err);
    return st == MSE_OK ? MSE_OK : shut(ssl, st);
}
