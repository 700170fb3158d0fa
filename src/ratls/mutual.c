/* SPDX-License-Identifier: Apache-2.0 */
/* See mutual.h. What is demanded of the peer is the session's matter; TLS only has to make both
 * ends present a certificate and prove its key. */
#include "ratls/mutual.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/bytes.h"
#include "base/error.h"
#include "ratls/presented.h"
#include "ratls/session.h"
#include "ratls/tls13.h"

#define STEP     "session"
#define MAX_ALPN ((size_t)255)

struct mse_mutual {
    SSL *ssl;
    struct mse_session *session;
    char alpn[MAX_ALPN + 1];
};

/* The key is proven by the handshake, and judged by the evidence for it. */
static int take_any(int ok, X509_STORE_CTX *ctx)
{
    (void)ok;
    (void)ctx;
    return 1;
}

/* The one protocol, or an alert. */
static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                  const unsigned char *in, unsigned in_len, void *arg)
{
    struct mse_bytes offered = { in, in_len };
    struct mse_bytes name;
    uint8_t len = 0;
    (void)ssl;
    while (mse_rd_u8(&offered, &len) && mse_rd_bytes(&offered, &name, len)) {
        if (mse_bytes_is_str(name, arg)) {
            *out = name.data;
            *out_len = len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool offer(SSL *ssl, const char *alpn)
{
    unsigned char wire[MAX_ALPN + 1];
    size_t len = strlen(alpn);
    wire[0] = (unsigned char)len;
    memcpy(wire + 1, alpn, len);
    return SSL_set_alpn_protos(ssl, wire, (unsigned)len + 1) == 0; /* zero is success here */
}

static SSL *new_ssl(struct mse_mutual *m, const struct mse_mutual_config *c, int fd, bool server)
{
    SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    SSL *ssl = NULL;
    if (ctx == NULL) {
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, take_any);
    (void)SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT); /* keys are what is carried */
    bool ok = mse_tls13_only(ctx) && mse_ratls_use_certs(ctx, c->cert) &&
              SSL_CTX_use_PrivateKey(ctx, mse_privkey_evp_borrow(c->key)) == 1;
    if (ok && server) {
        SSL_CTX_set_alpn_select_cb(ctx, choose, m->alpn);
    }
    ssl = ok ? SSL_new(ctx) : NULL;
    SSL_CTX_free(ctx); /* ssl holds its own reference */
    if (ssl != NULL && (SSL_set_fd(ssl, fd) != 1 || (!server && !offer(ssl, c->alpn)))) {
        SSL_free(ssl);
        ssl = NULL;
    }
    return ssl;
}

static bool limit_silence(int fd, unsigned ms)
{
    const struct timeval t = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t) == 0;
}

static mse_status handshake(SSL *ssl, bool server, struct mse_error *err)
{
    ERR_clear_error();
    if ((server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1) {
        return MSE_OK;
    }
    const char *why = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "the TLS handshake failed: %s",
                    why == NULL ? "the peer ended, or was silent" : why);
}

static mse_status attest(struct mse_mutual *m, const struct mse_mutual_config *c, bool server,
                         struct mse_error *err)
{
    if (server) {
        const struct mse_session_server_config sc = { .self = c->self,
                                                      .alpn = c->alpn,
                                                      .clients = &c->judge };
        return mse_session_server(&m->session, m->ssl, &sc, err);
    }
    const struct mse_session_client_config cc = {
        .judge = c->judge, .level = 2, .alpn = c->alpn, .self = &c->self
    };
    mse_status st = mse_session_client(&m->session, m->ssl, &cc, err);
    if (st == MSE_OK && !mse_session_was_mutual(m->session)) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "the server demands no evidence");
    }
    return st;
}

static mse_status begin(struct mse_mutual **out, struct mse_verdict *verdict, int fd,
                        const struct mse_mutual_config *c, bool server, struct mse_error *err)
{
    if (strlen(c->alpn) > MAX_ALPN || !limit_silence(fd, c->quiet_ms)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "no usable protocol or socket");
    }
    struct mse_mutual *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    (void)snprintf(m->alpn, sizeof m->alpn, "%s", c->alpn); /* it fits */
    m->ssl = new_ssl(m, c, fd, server);
    mse_status st = m->ssl == NULL ? MSE_FAIL(err, MSE_ERR_CRYPTO, STEP,
                                              "no TLS 1.3 with this certificate and key")
                                   : handshake(m->ssl, server, err);
    st = st == MSE_OK ? attest(m, c, server, err) : st;
    if (verdict != NULL && m->session != NULL && mse_session_verdict(m->session) != NULL) {
        *verdict = *mse_session_verdict(m->session);
    }
    if (st != MSE_OK) {
        mse_mutual_free(m);
        return st;
    }
    *out = m;
    return MSE_OK;
}

mse_status mse_mutual_client(struct mse_mutual **out, struct mse_verdict *verdict, int fd,
                             const struct mse_mutual_config *c, struct mse_error *err)
{
    return begin(out, verdict, fd, c, false, err);
}

mse_status mse_mutual_server(struct mse_mutual **out, struct mse_verdict *verdict, int fd,
                             const struct mse_mutual_config *c, struct mse_error *err)
{
    return begin(out, verdict, fd, c, true, err);
}

mse_status mse_mutual_read(struct mse_mutual *m, void *buf, size_t len, struct mse_error *err)
{
    return mse_session_ssl_read(m->ssl, buf, len, err);
}

mse_status mse_mutual_write(struct mse_mutual *m, const void *buf, size_t len,
                            struct mse_error *err)
{
    return mse_session_ssl_write(m->ssl, buf, len, err);
}

void mse_mutual_free(struct mse_mutual *m)
{
    if (m == NULL) {
        return;
    }
    mse_session_free(m->session);
    if (m->ssl != NULL && SSL_is_init_finished(m->ssl) != 0) {
        (void)SSL_shutdown(m->ssl);
    }
    ERR_clear_error();
    SSL_free(m->ssl);
    free(m);
}
