/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of TLS 1.3 over libssl. A BIO of our own reads from the socket and appends what is
 * to be sent to the caller's builder, so that one turn of the event loop makes one send, however
 * many records it holds. */
#include "net/tls_inner.h"

#include <errno.h>
#include <strings.h>
#include <sys/socket.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define SECURE_HEAP        ((size_t)128 * 1024)
#define SECURE_HEAP_MIN    ((size_t)32)
#define SECURE_HEAP_LOCKED 1
#define HELLO_MAX          ((size_t)16384) /* libssl reserves at once what the header announces */
#define KEY_UPDATES_MAX    64U             /* one is due after some 2^24 records */

bool mse_tls_no_config(void)
{
    return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1 &&
           OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1;
}

bool mse_tls_lock_keys(void)
{
    return CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_HEAP_MIN) == SECURE_HEAP_LOCKED;
}

/* The guard. */

static size_t collect(uint8_t *to, size_t *have, size_t want, const uint8_t *p, size_t len)
{
    size_t take = want - *have < len ? want - *have : len;
    memcpy(to + *have, p, take);
    *have += take;
    return take;
}

/* Part of a handshake record. Returns how much was taken; 0: a message is announced that is longer
 * than any that has to be taken. */
static size_t guard_message(struct tls_guard *g, const uint8_t *p, size_t len)
{
    if (g->msg_left > 0) {
        size_t take = g->msg_left < len ? g->msg_left : len;
        g->msg_left -= take;
        return take;
    }
    size_t take = collect(g->msg, &g->msg_len, sizeof g->msg, p, len);
    if (g->msg_len == sizeof g->msg) {
        g->msg_len = 0;
        g->msg_left = ((size_t)g->msg[1] << 16) | ((size_t)g->msg[2] << 8) | g->msg[3];
    }
    return g->msg_left > HELLO_MAX ? 0 : take;
}

static bool guard_feed(struct tls_guard *g, const uint8_t *p, size_t len)
{
    while (len > 0) {
        size_t take = 0;
        size_t in_record = g->record_left < len ? g->record_left : len;
        if (in_record == 0) {
            take = collect(g->head, &g->head_len, sizeof g->head, p, len);
            if (g->head_len == sizeof g->head) {
                g->head_len = 0;
                g->record_left = ((size_t)g->head[3] << 8) | g->head[4];
            }
        } else {
            take = g->head[0] == SSL3_RT_HANDSHAKE ? guard_message(g, p, in_record) : in_record;
            g->record_left -= take;
        }
        if (take == 0) {
            return false;
        }
        p += take;
        len -= take;
    }
    return true;
}

/* The parameters are libssl's. NOLINTNEXTLINE(readability-function-size) */
static void on_message(int write_p, int version, int content_type, const void *buf, size_t len,
                       SSL *ssl, void *arg)
{
    struct mse_tls *t = arg;
    (void)version;
    (void)ssl;
    if (write_p == 0 && content_type == SSL3_RT_HANDSHAKE && len > 0 &&
        *(const uint8_t *)buf == SSL3_MT_KEY_UPDATE) {
        t->key_updates++;
    }
}

/* The BIO. */

static int read_early(struct mse_tls *t, char *buf, size_t len)
{
    size_t n = t->early_len - t->early_at < len ? t->early_len - t->early_at : len;
    memcpy(buf, t->early + t->early_at, n);
    t->early_at += n;
    if (t->early_at == t->early_len) {
        free(t->early);
        t->early = NULL;
    }
    return (int)n;
}

static int bio_read(BIO *b, char *buf, int len)
{
    struct mse_tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (t->early != NULL) {
        return read_early(t, buf, (size_t)len);
    }
    if (t->key_updates > KEY_UPDATES_MAX) {
        return -1;
    }
    size_t want = (size_t)len < t->turn_left ? (size_t)len : t->turn_left;
    ssize_t n = want == 0 ? -1 : recv(t->fd, buf, want, 0);
    if (n < 0 && (want == 0 || errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_read(b);
    }
    if (n > 0) {
        t->turn_left -= (size_t)n;
        if (!t->shaken && !guard_feed(&t->guard, (const uint8_t *)buf, (size_t)n)) {
            return -1;
        }
    }
    return (int)n;
}

static int bio_write(BIO *b, const char *buf, int len)
{
    struct mse_tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    mse_wr_copy(t->out, buf, (size_t)len);
    return mse_build_ok(t->out) ? len : -1;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)b;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mse");
    if (m == NULL) {
        return NULL;
    }
    if (BIO_meth_set_read(m, bio_read) != 1 || BIO_meth_set_write(m, bio_write) != 1 ||
        BIO_meth_set_ctrl(m, bio_ctrl) != 1) {
        BIO_meth_free(m);
        return NULL;
    }
    return m;
}

/* Protocols. */

static bool alpn_add(struct mse_build *b, const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > UINT8_MAX) {
        return false;
    }
    mse_wr_u8(b, (uint8_t)len);
    mse_wr_str(b, name);
    return mse_build_ok(b);
}

mse_status tls_alpn_make(struct tls_alpn *out, const char *const *names, size_t num,
                         struct mse_error *err)
{
    struct tls_alpn a = { .len = 0 };
    struct mse_build b;
    mse_build_fixed(&b, a.wire, sizeof a.wire);
    for (size_t i = 0; i < num; i++) {
        if (!alpn_add(&b, names[i])) {
            return MSE_FAIL(err, MSE_ERR_ARGUMENT, "alpn", "name %zu is empty or too long", i);
        }
    }
    if (b.len == 0) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "alpn", "no protocol, wanted at least one");
    }
    a.len = (unsigned)b.len;
    *out = a;
    return MSE_OK;
}

/* The connection. */

struct mse_tls *tls_over(SSL *ssl, BIO_METHOD *method, int fd, struct mse_build *out)
{
    struct mse_tls *t = calloc(1, sizeof *t);
    BIO *bio = BIO_new(method);
    if (t == NULL || ssl == NULL || bio == NULL) {
        free(t);
        SSL_free(ssl);
        (void)BIO_free(bio);
        return NULL;
    }
    t->ssl = ssl;
    t->fd = fd;
    t->out = out;
    t->turn_left = MSE_TLS_TURN_MAX;
    SSL_set_msg_callback(ssl, on_message);
    SSL_set_msg_callback_arg(ssl, t);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return t;
}

struct mse_tls *tls_begin(SSL_CTX *ctx, BIO_METHOD *method, int fd, struct mse_build *out)
{
    return tls_over(SSL_new(ctx), method, fd, out);
}

void mse_tls_free(struct mse_tls *t)
{
    if (t != NULL) {
        SSL_free(t->ssl);
        free(t->early);
        free(t);
    }
}

void mse_tls_rest(struct mse_tls *t)
{
    (void)SSL_free_buffers(t->ssl); /* not while a part of a record is in them */
}

void mse_tls_begin_turn(struct mse_tls *t)
{
    t->turn_left = MSE_TLS_TURN_MAX;
}

/* Only "wait for the peer" is no failure: the output never blocks, it goes to the builder. */
static enum mse_io outcome(const struct mse_tls *t, int rc)
{
    switch (SSL_get_error(t->ssl, rc)) {
    case SSL_ERROR_NONE:
        return MSE_IO_DONE;
    case SSL_ERROR_WANT_READ:
        return MSE_IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return MSE_IO_EOF;
    default:
        ERR_clear_error();
        return MSE_IO_ERROR;
    }
}

enum mse_io mse_tls_handshake(struct mse_tls *t)
{
    enum mse_io io = outcome(t, SSL_do_handshake(t->ssl));
    t->shaken = io == MSE_IO_DONE;
    return io;
}

struct mse_bytes mse_tls_alpn(const struct mse_tls *t)
{
    const unsigned char *name = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(t->ssl, &name, &len);
    struct mse_bytes out = { name, len };
    return out;
}

bool mse_tls_named(const struct mse_tls *t, const char *name)
{
    const char *asked = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
    return asked != NULL && strcasecmp(asked, name) == 0;
}

const char *mse_tls_name(const struct mse_tls *t)
{
    return SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
}

bool mse_tls_export(struct mse_tls *t, uint8_t out[32], const char *label, struct mse_bytes context)
{
    bool ok = SSL_export_keying_material(t->ssl, out, 32, label, strlen(label), context.data,
                                         context.len, 1) == 1;
    if (!ok) {
        ERR_clear_error();
    }
    return ok;
}

enum mse_io mse_tls_read(struct mse_tls *t, void *buf, size_t cap, size_t *n)
{
    size_t got = 0;
    int rc = SSL_read_ex(t->ssl, buf, cap, &got);
    if (rc != 1) {
        return outcome(t, rc);
    }
    *n = got;
    return MSE_IO_DONE;
}

bool mse_tls_pending(const struct mse_tls *t)
{
    return SSL_has_pending(t->ssl) == 1;
}

enum mse_io mse_tls_write(struct mse_tls *t, const void *buf, size_t len)
{
    size_t done = 0;
    if (SSL_write_ex(t->ssl, buf, len, &done) == 1 && done == len) {
        return MSE_IO_DONE;
    }
    ERR_clear_error(); /* all connections of this thread have one queue */
    return MSE_IO_ERROR;
}

void mse_tls_shutdown(struct mse_tls *t)
{
    (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
}
