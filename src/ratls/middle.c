/* SPDX-License-Identifier: Apache-2.0 */
/* See middle.h. */
#include "ratls/middle.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "ratls/presented.h"
#include "ratls/resolve.h"
#include "ratls/session.h"
#include "ratls/tls13.h"

#define QUIET_S  20 /* the longest silence of a client */
#define LOOK_MS  50 /* how soon the end is seen */
#define BACKLOG  16
#define LOOPBACK "127.0.0.1"

struct mse_middle {
    struct mse_middle_config config;
    SSL_CTX *ctx;
    int fd;
    uint16_t port;
    pthread_t thread;
    bool running;
    atomic_bool end;
};

/* ---- one client ---- */

static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                  const unsigned char *in, unsigned in_len, void *arg)
{
    const struct mse_middle *m = arg;
    struct mse_bytes offered = { in, in_len };
    struct mse_bytes name;
    uint8_t len = 0;
    (void)ssl;
    while (m->config.alpn != NULL && mse_rd_u8(&offered, &len) &&
           mse_rd_bytes(&offered, &name, len)) {
        if (mse_bytes_is_str(name, m->config.alpn)) {
            *out = name.data;
            *out_len = len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK; /* as a server that knows no ALPN */
}

static mse_status read_question(struct mse_middle_question *q, struct mse_build *room, SSL *ssl)
{
    static const char label[] = MSE_SESSION_EXPORTER_LABEL;
    struct mse_error ignored = { .status = MSE_OK };
    size_t len = 0;
    uint8_t *head = mse_wr_space(room, MSE_FRAME_HEAD);
    mse_status st = mse_session_ssl_read(ssl, head, MSE_FRAME_HEAD, &ignored);
    st = st == MSE_OK ? mse_frame_len(&len, head, MSE_FRAME_REQUEST_MAX, &ignored) : st;
    uint8_t *body = st == MSE_OK ? mse_wr_space(room, len) : NULL;
    if (body == NULL) {
        return MSE_ERR_PROTOCOL;
    }
    st = mse_session_ssl_read(ssl, body, len, &ignored);
    st = st == MSE_OK ? mse_frame_request_read(&q->request, mse_bytes_of(body, len), &ignored) : st;
    q->frame = mse_build_view(room);
    if (st == MSE_OK &&
        SSL_export_keying_material(ssl, q->exporter, sizeof q->exporter, label, sizeof label - 1,
                                   q->request.nonce.bytes, sizeof q->request.nonce.bytes, 1) != 1) {
        return MSE_ERR_CRYPTO;
    }
    return st;
}

static void answer_one(const struct mse_middle *m, SSL *ssl)
{
    uint8_t buf[MSE_FRAME_HEAD + MSE_FRAME_REQUEST_MAX];
    struct mse_error ignored = { .status = MSE_OK };
    struct mse_middle_question q;
    struct mse_build room;
    struct mse_build answer;
    mse_build_fixed(&room, buf, sizeof buf);
    mse_build_heap(&answer, MSE_FRAME_HEAD + MSE_SESSION_FRAME_MAX);
    if (m->config.answer != NULL && read_question(&q, &room, ssl) == MSE_OK &&
        m->config.answer(m->config.arg, &answer, &q) == MSE_OK) {
        (void)!mse_session_ssl_write(ssl, answer.data, answer.len, &ignored);
    }
    mse_build_clear(&answer);
}

/* Until the client ends, so that nothing of the answer is lost in a reset. */
static void wait_for_end(SSL *ssl)
{
    uint8_t rest[256];
    size_t n = 0;
    (void)SSL_shutdown(ssl);
    while (SSL_read_ex(ssl, rest, sizeof rest, &n) == 1) {
    }
}

static void serve_one(const struct mse_middle *m, int fd)
{
    const struct timeval quiet = { .tv_sec = QUIET_S };
    SSL *ssl = SSL_new(m->ctx);
    if (ssl != NULL && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &quiet, sizeof quiet) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &quiet, sizeof quiet) == 0 &&
        SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1) {
        answer_one(m, ssl);
        wait_for_end(ssl);
    }
    ERR_clear_error();
    SSL_free(ssl);
    (void)close(fd);
}

/* ---- the server ---- */

static void *run(void *arg)
{
    struct mse_middle *m = arg;
    struct pollfd p = { .fd = m->fd, .events = POLLIN };
    while (!atomic_load(&m->end)) {
        int fd = poll(&p, 1, LOOK_MS) == 1 ? accept(m->fd, NULL, NULL) : -1;
        if (fd >= 0) {
            serve_one(m, fd);
        }
    }
    return NULL;
}

static bool listen_here(struct mse_middle *m)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    socklen_t len = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    m->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = m->fd >= 0 && bind(m->fd, (const struct sockaddr *)&a, sizeof a) == 0 &&
              listen(m->fd, BACKLOG) == 0 && getsockname(m->fd, (struct sockaddr *)&a, &len) == 0;
    m->port = ntohs(a.sin_port);
    return ok;
}

static bool make_ctx(struct mse_middle *m)
{
    m->ctx = SSL_CTX_new(TLS_server_method());
    if (m->ctx == NULL || !mse_tls13_only(m->ctx) || !mse_ratls_use_certs(m->ctx, m->config.cert) ||
        SSL_CTX_use_PrivateKey(m->ctx, mse_privkey_evp_borrow(m->config.key)) != 1) {
        ERR_clear_error();
        return false;
    }
    SSL_CTX_set_alpn_select_cb(m->ctx, choose, m);
    return true;
}

mse_status mse_middle_start(struct mse_middle **out, const struct mse_middle_config *c,
                            struct mse_error *err)
{
    struct mse_middle *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "middle", "out of memory");
    }
    m->config = *c;
    m->fd = -1;
    atomic_init(&m->end, false);
    if (!make_ctx(m)) {
        mse_middle_stop(m);
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "middle", "no TLS with this certificate and key");
    }
    m->running = listen_here(m) && pthread_create(&m->thread, NULL, run, m) == 0;
    if (!m->running) {
        mse_middle_stop(m);
        return MSE_FAIL(err, MSE_ERR_IO, "middle", "cannot listen on " LOOPBACK);
    }
    *out = m;
    return MSE_OK;
}

uint16_t mse_middle_port(const struct mse_middle *m)
{
    return m->port;
}

void mse_middle_stop(struct mse_middle *m)
{
    if (m == NULL) {
        return;
    }
    atomic_store(&m->end, true);
    if (m->running) {
        (void)pthread_join(m->thread, NULL);
    }
    if (m->fd >= 0) {
        (void)close(m->fd);
    }
    SSL_CTX_free(m->ctx);
    free(m);
}

/* ---- the client that trusts one certificate ---- */

static bool trust(SSL_CTX *ctx, struct mse_bytes ders)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    bool ok = true;
    while (ok && ders.len > 0) {
        const unsigned char *p = ders.data;
        X509 *x = d2i_X509(NULL, &p, (long)ders.len);
        ok = x != NULL && X509_STORE_add_cert(store, x) == 1;
        X509_free(x);
        size_t used = ok ? (size_t)(p - ders.data) : 0;
        ders = mse_bytes_of(ders.data + used, ders.len - used);
    }
    return ok && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

static bool name_server(SSL *ssl, const char *host)
{
    if (mse_host_is_literal(host)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    return SSL_set1_host(ssl, host) == 1 && mse_host_set_sni(ssl, host);
}

/* TLS said no, or there was no TLS to say anything. */
static mse_status refused(const SSL *ssl, char why[MSE_PLAIN_WHY_LEN])
{
    long result = SSL_get_verify_result(ssl);
    const char *text = result != X509_V_OK ? X509_verify_cert_error_string(result)
                                           : ERR_reason_error_string(ERR_peek_error());
    (void)snprintf(why, MSE_PLAIN_WHY_LEN, "%s", text == NULL ? "no connection" : text);
    return result != X509_V_OK ? MSE_ERR_CERTIFICATE_SIGNATURE : MSE_ERR_IO;
}

/* The first of the host's addresses that takes a connection; -1: none. */
static int reach(const char *address, uint16_t port)
{
    struct mse_addresses a;
    if (mse_resolve(&a, address, port, NULL) != MSE_OK) {
        return -1;
    }
    for (size_t i = 0; i < a.num; i++) {
        const struct timeval quiet = { .tv_sec = QUIET_S };
        int fd = socket(a.list[i].addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &quiet, sizeof quiet) == 0 &&
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &quiet, sizeof quiet) == 0 &&
            connect(fd, (const struct sockaddr *)&a.list[i].addr, a.list[i].len) == 0) {
            return fd;
        }
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return -1;
}

mse_status mse_plain_check(const char *host, const char *address, uint16_t port,
                           struct mse_bytes trusted, char why[MSE_PLAIN_WHY_LEN])
{
    int fd = reach(address, port);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = ctx != NULL && trust(ctx, trusted) ? SSL_new(ctx) : NULL;
    mse_status st = MSE_ERR_IO;
    (void)snprintf(why, MSE_PLAIN_WHY_LEN, "no connection");
    ERR_clear_error();
    if (fd >= 0 && ssl != NULL && name_server(ssl, host) && SSL_set_fd(ssl, fd) == 1) {
        SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
        st = SSL_connect(ssl) == 1 ? MSE_OK : refused(ssl, why);
    }
    if (st == MSE_OK) {
        (void)SSL_shutdown(ssl);
        why[0] = '\0';
    }
    ERR_clear_error();
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    if (fd >= 0) {
        (void)close(fd);
    }
    return st;
}
