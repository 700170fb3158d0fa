/* SPDX-License-Identifier: Apache-2.0 */
/* See connect.h. No certificate is judged here: TLS 1.3 proves that the peer holds the key of the
 * certificate that it presented, and that is all that is wanted. OpenSSL works on memory buffers,
 * so that one deadline covers everything and a closed socket raises no signal. */
#include "ratls/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/util.h"
#include "ratls/presented.h"
#include "ratls/resolve.h"
#include "ratls/session.h"

#define MAX_HOST     253
#define CHUNK        4096
#define ADDRESS_TEXT 64
#define SHOWN_HOST   "%.128s port %u"

struct mse_ratls_conn {
    int fd;
    SSL *ssl; /* owns both buffers */
    char host[MAX_HOST + 1];
    uint16_t port;
    uint8_t *der;
    size_t der_len;
};

/* Who is being talked to, until when; for the helpers and their messages. */
struct dial {
    const char *host;
    const char *address; /* NULL: host */
    uint16_t port;
    int64_t deadline; /* CLOCK_MONOTONIC, milliseconds */
    const char *doing;
    struct mse_bytes alpn;
    struct mse_bytes greeting;
    struct mse_error *err;
};

/* Waits for the descriptor; false when the deadline has passed. */
static bool wait_for(int fd, short events, int64_t deadline)
{
    struct pollfd p = { .fd = fd, .events = events };
    for (;;) {
        int64_t left = deadline - mse_clock_ms();
        if (left <= 0) {
            return false;
        }
        int rc = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
        if (rc > 0 || (rc < 0 && errno != EINTR)) {
            return true; /* an error shows itself in the call that follows */
        }
    }
}

static mse_status timed_out(const struct dial *d, const char *what)
{
    return MSE_FAIL(d->err, MSE_ERR_TIMEOUT, "connect", SHOWN_HOST ": %s timed out", d->host,
                    d->port, what);
}

/* ---- the connection ---- */

/* 0, or the errno of a connection that failed; ETIMEDOUT for the deadline. */
static int finish_connect(int fd, int64_t deadline)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (!wait_for(fd, POLLOUT, deadline)) {
        return ETIMEDOUT;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

static int connect_one(int *out_fd, const struct sockaddr *addr, socklen_t len, int64_t deadline)
{
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    int error = connect(fd, addr, len) == 0 ? 0 : errno;
    if (error == EINPROGRESS || error == EINTR) {
        error = finish_connect(fd, deadline);
    }
    if (error != 0) {
        (void)close(fd);
        return error;
    }
    *out_fd = fd;
    return 0;
}

static void address_text(char out[ADDRESS_TEXT], const struct sockaddr *addr, socklen_t len)
{
    if (getnameinfo(addr, len, out, ADDRESS_TEXT, NULL, 0, NI_NUMERICHOST) != 0) {
        (void)snprintf(out, ADDRESS_TEXT, "?");
    }
}

/* Tries each address in turn; each gets an equal share of the time that is left. */
static mse_status connect_any(int *out_fd, const struct dial *d)
{
    struct mse_addresses a;
    mse_status st = mse_resolve(&a, d->address != NULL ? d->address : d->host, d->port, d->err);
    if (st != MSE_OK) {
        return st;
    }
    int error = 0;
    char where[ADDRESS_TEXT] = "";
    for (size_t i = 0; i < a.num; i++) {
        const struct sockaddr *addr = (const struct sockaddr *)&a.list[i].addr;
        int64_t now = mse_clock_ms();
        int64_t until = now + (d->deadline - now) / (int64_t)(a.num - i);
        error = connect_one(out_fd, addr, a.list[i].len, until);
        if (error == 0) {
            return MSE_OK;
        }
        address_text(where, addr, a.list[i].len);
    }
    if (error == ETIMEDOUT) {
        return timed_out(d, "the connection");
    }
    return MSE_FAIL(d->err, MSE_ERR_IO, "connect", SHOWN_HOST " (%s): %s", d->host, d->port, where,
                    strerror(error));
}

/* ---- the handshake ---- */

static mse_status lost(const struct dial *d, const char *what)
{
    return MSE_FAIL(d->err, MSE_ERR_PROTOCOL, "tls", SHOWN_HOST ": %s", d->host, d->port, what);
}

static mse_status send_all(const struct mse_ratls_conn *c, const struct dial *d,
                           struct mse_bytes what)
{
    size_t sent = 0;
    while (sent < what.len) {
        ssize_t n = send(c->fd, what.data + sent, what.len - sent, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
        } else if (errno != EAGAIN && errno != EINTR) {
            return MSE_FAIL(d->err, MSE_ERR_IO, "tls", SHOWN_HOST ": %s", d->host, d->port,
                            strerror(errno));
        } else if (!wait_for(c->fd, POLLOUT, d->deadline)) {
            return timed_out(d, d->doing);
        }
    }
    return MSE_OK;
}

/* Sends what OpenSSL wrote. */
static mse_status flush(const struct mse_ratls_conn *c, const struct dial *d)
{
    uint8_t buf[CHUNK];
    mse_status st = MSE_OK;
    int len = 0;
    while (st == MSE_OK && (len = BIO_read(SSL_get_wbio(c->ssl), buf, sizeof buf)) > 0) {
        st = send_all(c, d, mse_bytes_of(buf, (size_t)len));
    }
    return st;
}

/* Hands OpenSSL the next bytes of the peer. A peer that never stops sending what carries nothing is
 * stopped by the deadline too. */
static mse_status fill(const struct mse_ratls_conn *c, const struct dial *d)
{
    uint8_t buf[CHUNK];
    for (;;) {
        if (mse_clock_ms() >= d->deadline) {
            return timed_out(d, d->doing);
        }
        ssize_t n = recv(c->fd, buf, sizeof buf, 0);
        if (n > 0) {
            return BIO_write(SSL_get_rbio(c->ssl), buf, (int)n) == (int)n ? MSE_OK : MSE_ERR_MEMORY;
        }
        if (n == 0) {
            return MSE_FAIL(d->err, MSE_ERR_PROTOCOL, "tls",
                            SHOWN_HOST ": the peer closed the connection during %s", d->host,
                            d->port, d->doing);
        }
        if (errno != EAGAIN && errno != EINTR) {
            return MSE_FAIL(d->err, MSE_ERR_IO, "tls", SHOWN_HOST ": %s", d->host, d->port,
                            strerror(errno));
        }
        if (!wait_for(c->fd, POLLIN, d->deadline)) {
            return timed_out(d, d->doing);
        }
    }
}

/* The last error of OpenSSL in words: its own say little to somebody who only mistook the port. */
static const char *tls_reason(void)
{
    unsigned long code = ERR_peek_error();
    switch (ERR_GET_REASON(code)) {
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
        return "the server speaks no TLS 1.3";
    case SSL_R_WRONG_VERSION_NUMBER:
        return "what answers there does not speak TLS";
    default:
        return ERR_reason_error_string(code);
    }
}

static mse_status refused_by_tls(const struct dial *d)
{
    const char *why = tls_reason();
    bool alpn = ERR_GET_REASON(ERR_peek_error()) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL;
    return MSE_FAIL(d->err, alpn ? MSE_ERR_SESSION_ALPN : MSE_ERR_PROTOCOL, "tls",
                    SHOWN_HOST ": the TLS handshake failed: %s", d->host, d->port,
                    why == NULL ? "no reason given" : why);
}

static mse_status handshake(const struct mse_ratls_conn *c, const struct dial *d)
{
    ERR_clear_error();
    for (;;) {
        int rc = SSL_connect(c->ssl);
        int why = SSL_get_error(c->ssl, rc);
        if (rc != 1 && why != SSL_ERROR_WANT_READ) {
            mse_status st = refused_by_tls(d);
            (void)!flush(c, d); /* our alert, if the peer still listens */
            return st;
        }
        mse_status st = flush(c, d);
        if (st != MSE_OK || rc == 1) {
            return st;
        }
        st = fill(c, d);
        if (st != MSE_OK) {
            return st;
        }
    }
}

/* Zero is success: libssl has it the other way round here. */
static bool set_alpn(SSL *ssl, struct mse_bytes alpn)
{
    return alpn.len == 0 || SSL_set_alpn_protos(ssl, alpn.data, (unsigned)alpn.len) == 0;
}

/* TLS 1.3 only; the certificate is not judged here; nothing of a session is kept. */
static SSL *new_ssl(const char *host, struct mse_bytes alpn)
{
    SSL *ssl = NULL;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL) {
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    if (in != NULL && out != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1) {
        ssl = SSL_new(ctx);
    }
    SSL_CTX_free(ctx); /* ssl holds its own reference */
    if (ssl == NULL) {
        BIO_free(in);
        BIO_free(out);
        return NULL;
    }
    (void)BIO_set_mem_eof_return(in, -1);
    (void)BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(ssl, in, out);
    if (!mse_host_set_sni(ssl, host) || !set_alpn(ssl, alpn)) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

static mse_status take_cert(struct mse_ratls_conn *c, const struct dial *d)
{
    X509 *x = SSL_get0_peer_certificate(c->ssl);
    if (x == NULL) {
        return lost(d, "the peer presented no certificate");
    }
    c->der = mse_ratls_presented(&c->der_len, x, SSL_get_peer_cert_chain(c->ssl));
    return c->der != NULL ? MSE_OK : lost(d, "the peer's certificate cannot be encoded");
}

static mse_status begin(struct mse_ratls_conn *c, const struct dial *d)
{
    size_t len = strlen(d->host);
    if (len > MAX_HOST) {
        return MSE_FAIL(d->err, MSE_ERR_NOT_FOUND, "connect", "a name of %zu characters", len);
    }
    memcpy(c->host, d->host, len + 1);
    c->port = d->port;
    mse_status st = connect_any(&c->fd, d);
    st = st == MSE_OK ? send_all(c, d, d->greeting) : st;
    if (st != MSE_OK) {
        return st;
    }
    c->ssl = new_ssl(d->host, d->alpn);
    if (c->ssl == NULL) {
        return MSE_FAIL(d->err, MSE_ERR_CRYPTO, "tls", "no TLS 1.3 client can be made for %.128s",
                        d->host);
    }
    st = handshake(c, d);
    return st == MSE_OK ? take_cert(c, d) : st;
}

mse_status mse_ratls_dial(struct mse_ratls_conn **out, const struct mse_ratls_dial *to,
                          struct mse_error *err)
{
    const struct dial d = { .host = to->host,
                            .address = to->address,
                            .port = to->port,
                            .deadline = mse_clock_ms() + (int64_t)to->timeout_ms,
                            .doing = "the TLS handshake",
                            .alpn = to->alpn,
                            .greeting = to->greeting,
                            .err = err };
    struct mse_ratls_conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "connect", "out of memory");
    }
    c->fd = -1;
    mse_status st = begin(c, &d);
    if (st != MSE_OK) {
        mse_ratls_conn_free(c);
        return st;
    }
    *out = c;
    return MSE_OK;
}

mse_status mse_ratls_connect_alpn(struct mse_ratls_conn **out, const char *host, uint16_t port,
                                  struct mse_bytes alpn, unsigned timeout_ms, struct mse_error *err)
{
    const struct mse_ratls_dial d = {
        .host = host, .port = port, .alpn = alpn, .timeout_ms = timeout_ms
    };
    return mse_ratls_dial(out, &d, err);
}

mse_status mse_ratls_connect(struct mse_ratls_conn **out, const char *host, uint16_t port,
                             unsigned timeout_ms, struct mse_error *err)
{
    const struct mse_bytes none = { NULL, 0 };
    return mse_ratls_connect_alpn(out, host, port, none, timeout_ms, err);
}

bool mse_ratls_is_trouble(mse_status st)
{
    switch ((int)st) {
    case MSE_ERR_BUSY:
    case MSE_ERR_TIMEOUT:
    case MSE_ERR_NOT_FOUND:
    case MSE_ERR_IO:
    case MSE_ERR_PROTOCOL:
    case MSE_ERR_MEMORY:
        return true;
    default:
        return false;
    }
}

struct mse_bytes mse_ratls_conn_alpn(const struct mse_ratls_conn *c)
{
    const unsigned char *alpn = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(c->ssl, &alpn, &len);
    struct mse_bytes out = { alpn, len };
    return out;
}

/* ---- evidence for the session ---- */

struct carrier {
    struct mse_ratls_conn *conn;
    struct dial dial;
};

static mse_status carry_read(void *user, void *buf, size_t len, struct mse_error *err)
{
    struct carrier *k = user;
    uint8_t *p = buf;
    k->dial.err = err;
    while (len > 0) {
        size_t n = 0;
        int rc = SSL_read_ex(k->conn->ssl, p, len, &n);
        if (rc == 1) {
            p += n;
            len -= n;
            continue;
        }
        if (SSL_get_error(k->conn->ssl, rc) != SSL_ERROR_WANT_READ) {
            ERR_clear_error();
            return lost(&k->dial, "the peer ended the session instead of answering");
        }
        mse_status st = flush(k->conn, &k->dial);
        st = st == MSE_OK ? fill(k->conn, &k->dial) : st;
        if (st != MSE_OK) {
            return st;
        }
    }
    return MSE_OK;
}

static mse_status carry_write(void *user, const void *buf, size_t len, struct mse_error *err)
{
    struct carrier *k = user;
    size_t n = 0;
    k->dial.err = err;
    if (SSL_write_ex(k->conn->ssl, buf, len, &n) != 1 || n != len) {
        ERR_clear_error();
        return lost(&k->dial, "the session takes no more");
    }
    return flush(k->conn, &k->dial);
}

mse_status mse_ratls_conn_attest(struct mse_session **out, struct mse_ratls_conn *c,
                                 const struct mse_session_client_config *cfg, unsigned timeout_ms,
                                 struct mse_error *err)
{
    struct carrier k = { c,
                         { .host = c->host,
                           .port = c->port,
                           .deadline = mse_clock_ms() + (int64_t)timeout_ms,
                           .doing = "the attestation" } };
    const struct mse_session_io io = { &k, carry_read, carry_write };
    return mse_session_client_over(out, c->ssl, &io, cfg, err);
}

/* One piece of the answer; *over: there is no more. */
static mse_status read_some(struct carrier *k, struct mse_build *reply, bool *over)
{
    uint8_t buf[CHUNK];
    size_t n = 0;
    int rc = SSL_read_ex(k->conn->ssl, buf, sizeof buf, &n);
    if (rc == 1) {
        mse_wr_copy(reply, buf, n);
        return mse_build_ok(reply)
                   ? MSE_OK
                   : MSE_FAIL(k->dial.err, MSE_ERR_NO_SPACE, "tls", SHOWN_HOST ": a long answer",
                              k->dial.host, k->dial.port);
    }
    if (SSL_get_error(k->conn->ssl, rc) != SSL_ERROR_WANT_READ) {
        ERR_clear_error();
        *over = true;
        return MSE_OK;
    }
    mse_status st = fill(k->conn, &k->dial);
    *over = st == MSE_ERR_PROTOCOL || st == MSE_ERR_IO;
    return *over ? MSE_OK : st;
}

mse_status mse_ratls_conn_exchange(struct mse_ratls_conn *c, struct mse_build *reply,
                                   struct mse_bytes request, unsigned timeout_ms,
                                   struct mse_error *err)
{
    struct carrier k = { c,
                         { .host = c->host,
                           .port = c->port,
                           .deadline = mse_clock_ms() + (int64_t)timeout_ms,
                           .doing = "the request",
                           .err = err } };
    bool over = false;
    mse_status st = carry_write(&k, request.data, request.len, err);
    if (st == MSE_ERR_IO) {
        st = MSE_OK; /* a peer that refuses early has answered before it closed */
    }
    while (st == MSE_OK && !over) {
        st = read_some(&k, reply, &over);
    }
    return st;
}

struct mse_bytes mse_ratls_conn_cert(const struct mse_ratls_conn *c)
{
    struct mse_bytes der = { c->der, c->der_len };
    return der;
}

void *mse_ratls_conn_take(struct mse_ratls_conn *c, int *out_fd, struct mse_build *early)
{
    uint8_t buf[CHUNK];
    int len = 0;
    while ((len = BIO_read(SSL_get_rbio(c->ssl), buf, sizeof buf)) > 0) {
        mse_wr_copy(early, buf, (size_t)len);
    }
    if (!mse_build_ok(early)) {
        return NULL;
    }
    void *ssl = c->ssl;
    *out_fd = c->fd;
    c->ssl = NULL;
    c->fd = -1;
    return ssl;
}

/* Says goodbye if that needs no waiting. */
static void close_notify(const struct mse_ratls_conn *c)
{
    const struct dial d = { .host = "", .deadline = 0 };
    if (SSL_is_init_finished(c->ssl) != 0 && SSL_shutdown(c->ssl) >= 0) {
        (void)!flush(c, &d);
    }
}

void mse_ratls_conn_free(struct mse_ratls_conn *c)
{
    if (c == NULL) {
        return;
    }
    if (c->ssl != NULL) {
        close_notify(c);
        SSL_free(c->ssl);
    }
    if (c->fd >= 0) {
        (void)close(c->fd);
    }
    OPENSSL_free(c->der);
    free(c);
}
