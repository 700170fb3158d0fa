/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of clients: who is admitted to a name that demands one, and which alert the others
 * get. Server and client in one thread, over a socket pair. */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "lib/testlib.h"
#include "net/tls.h"
#include "unit/net/tlspair.h"
#include "unit/package/chain_lab.h"

#define PUBLIC "app.example.org"
#define CONFIG "config.example.org"
#define OPEN   "mse-attest/1"
#define HTTP   "\x08http/1.1"
#define ROUNDS 50

struct world {
    struct mse_tls_server *server;
    struct test_cert cert;
    struct test_cert config;
    struct chain_lab lab; /* the CA of clients, and one of them */
};

static struct mse_bytes der_of(X509 *x, unsigned char **der)
{
    *der = NULL;
    int len = i2d_X509(x, der);
    assert_true(len > 0);
    return mse_bytes_of(*der, (size_t)len);
}

static int setup(void **state)
{
    static const char *const alpn[] = { OPEN, OPEN "+http/1.1", "http/1.1" };
    struct world *w = test_calloc(1, sizeof *w);
    unsigned char *der = NULL;
    chain_lab_init(&w->lab, "client.example.org");
    test_cert_make(&w->cert, PUBLIC);
    test_cert_make(&w->config, CONFIG);
    assert_status(mse_tls_server_new(&w->server, alpn, MSE_ARRAY_LEN(alpn), NULL), MSE_OK);
    assert_status(mse_tls_server_add(w->server, PUBLIC, mse_bytes_of(w->cert.der, w->cert.der_len),
                                     w->cert.key, NULL),
                  MSE_OK);
    assert_status(mse_tls_server_add(w->server, CONFIG,
                                     mse_bytes_of(w->config.der, w->config.der_len), w->config.key,
                                     NULL),
                  MSE_OK);
    struct mse_bytes ca = der_of(w->lab.ca, &der);
    assert_status(mse_tls_server_demand(w->server, "x.example.org", ca, OPEN, NULL),
                  MSE_ERR_ARGUMENT);
    assert_status(mse_tls_server_demand(w->server, PUBLIC, mse_bytes_str("x"), OPEN, NULL),
                  MSE_ERR_CRYPTO);
    assert_status(mse_tls_server_demand(w->server, PUBLIC, ca, OPEN, NULL), MSE_OK);
    assert_status(mse_tls_server_demand(w->server, PUBLIC, ca, OPEN, NULL), MSE_ERR_ARGUMENT);
    OPENSSL_free(der);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    mse_tls_server_free(w->server);
    test_cert_clear(&w->cert);
    test_cert_clear(&w->config);
    chain_lab_clear(&w->lab);
    test_free(w);
    return 0;
}

struct client {
    const char *name;
    const char *alpn; /* wire form; NULL: none */
    X509 *cert;       /* NULL: none */
    EVP_PKEY *key;
    X509 *more[4]; /* of its chain */
    bool retries;  /* offers no key that the server takes, and says these two when asked again */
    const char *then_name;
    const char *then_alpn;
};

/* The alert that the client is told; 0: it is admitted. */
static int last_alert;
static void on_info(const SSL *ssl, int where, int ret)
{
    (void)ssl;
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT) {
        last_alert = ret & 0xff;
    }
}

/* Changes its mind once the server's first message, which asks for another key, is there. */
static void on_message(int write_p, int version, int type, const void *buf, size_t len, SSL *ssl,
                       void *arg)
{
    const struct client *c = arg;
    const uint8_t *p = buf;
    char name[64] = "";
    (void)version;
    if (write_p != 0 || type != SSL3_RT_HANDSHAKE || len == 0 || p[0] != SSL3_MT_SERVER_HELLO) {
        return;
    }
    (void)snprintf(name, sizeof name, "%s", c->then_name);
    (void)SSL_set_tlsext_host_name(ssl, name);
    (void)SSL_set_alpn_protos(ssl, (const unsigned char *)c->then_alpn,
                              c->then_alpn == NULL ? 0 : (unsigned)strlen(c->then_alpn));
}

static SSL_CTX *client_ctx(const struct client *c)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    SSL_CTX_set_info_callback(ctx, on_info);
    if (c->alpn != NULL) {
        assert_int_equal(
            SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)c->alpn, (unsigned)strlen(c->alpn)),
            0);
    }
    if (c->cert != NULL) {
        assert_int_equal(SSL_CTX_use_certificate(ctx, c->cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, c->key), 1);
    }
    for (size_t i = 0; i < MSE_ARRAY_LEN(c->more) && c->more[i] != NULL; i++) {
        assert_int_equal(SSL_CTX_add1_chain_cert(ctx, c->more[i]), 1);
    }
    return ctx;
}

static int dial(const struct world *w, const struct client *c)
{
    int fds[2];
    struct mse_build out;
    char byte = 0;
    struct client again = *c;
    char groups[] = "P-521:X25519"; /* the macros of OpenSSL cast const away */
    char name[64];
    (void)snprintf(name, sizeof name, "%s", c->name);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    mse_build_heap(&out, (size_t)1 << 20);
    SSL_CTX *ctx = client_ctx(c);
    SSL *ssl = SSL_new(ctx);
    struct mse_tls *t = mse_tls_accept(w->server, fds[0], &out);
    assert_true(ssl != NULL && t != NULL);
    assert_int_equal(SSL_set_fd(ssl, fds[1]), 1);
    assert_int_equal(SSL_set_tlsext_host_name(ssl, name), 1);
    if (c->retries) {
        assert_int_equal(SSL_set1_groups_list(ssl, groups), 1);
        SSL_set_msg_callback(ssl, on_message);
        SSL_set_msg_callback_arg(ssl, &again);
    }
    last_alert = 0;
    enum mse_io io = MSE_IO_AGAIN;
    for (int i = 0; i < ROUNDS && io == MSE_IO_AGAIN; i++) {
        (void)SSL_connect(ssl);
        io = mse_tls_handshake(t);
        assert_int_equal(send(fds[0], out.data, out.len, MSG_NOSIGNAL), (ssize_t)out.len);
        mse_build_reset(&out);
    }
    (void)SSL_connect(ssl);
    (void)SSL_read(ssl, &byte, 1);
    assert_true((io == MSE_IO_DONE) == (last_alert == 0));
    mse_tls_free(t);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    mse_build_clear(&out);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return last_alert;
}

static int dial_with(const struct world *w, X509 *cert, EVP_PKEY *key)
{
    const struct client c = { .name = PUBLIC, .alpn = HTTP, .cert = cert, .key = key };
    return dial(w, &c);
}

static void test_admitted(void **state)
{
    struct world *w = *state;
    assert_int_equal(dial_with(w, w->lab.leaf, w->lab.key), 0);
    struct client c = { .name = PUBLIC, .cert = w->lab.leaf, .key = w->lab.key };
    assert_int_equal(dial(w, &c), 0); /* no protocol named */
    c.alpn = "\x15" OPEN "+http/1.1";
    assert_int_equal(dial(w, &c), 0);
}

static void test_not_needed(void **state)
{
    struct world *w = *state;
    struct client c = { .name = PUBLIC, .alpn = "\x0c" OPEN };
    assert_int_equal(dial(w, &c), 0); /* evidence alone */
    c = (struct client) { .name = CONFIG, .alpn = HTTP };
    assert_int_equal(dial(w, &c), 0);
    c.name = "CONFIG.example.org";
    assert_int_equal(dial(w, &c), 0);
}

static void test_missing(void **state)
{
    struct world *w = *state;
    static const char *const protocols[] = { NULL, HTTP, "\x15" OPEN "+http/1.1" };
    for (size_t i = 0; i < MSE_ARRAY_LEN(protocols); i++) {
        const struct client c = { .name = PUBLIC, .alpn = protocols[i] };
        assert_int_equal(dial(w, &c), SSL_AD_CERTIFICATE_REQUIRED);
    }
}

/* Asked again for a key, a client may say another name and another protocol than at first: what it
 * said last counts. */
static void test_second_thoughts(void **state)
{
    struct world *w = *state;
    static const char *const names[] = { PUBLIC, CONFIG };
    static const char *const protocols[] = { "\x0c" OPEN, HTTP };
    for (size_t i = 0; i < 4; i++) {
        struct client c = { .name = names[i / 2],
                            .alpn = protocols[i % 2],
                            .retries = true,
                            .then_name = PUBLIC,
                            .then_alpn = HTTP };
        assert_int_equal(dial(w, &c), SSL_AD_CERTIFICATE_REQUIRED);
        c.then_alpn = NULL;
        assert_int_equal(dial(w, &c), SSL_AD_CERTIFICATE_REQUIRED);
        c.then_alpn = "\x0c" OPEN;
        assert_int_equal(dial(w, &c), 0);
    }
}

static void test_wrong(void **state)
{
    struct world *w = *state;
    struct chain_lab other;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct chain_spec s = { .cn = "c", .from = -7200, .until = -3600 };
    chain_lab_init(&other, "client.example.org");
    /* Its issuer has the name of the CA, and another key. */
    assert_int_equal(dial_with(w, other.leaf, other.key), SSL_AD_DECRYPT_ERROR);
    X509 *self = chain_lab_cert(&(struct chain_spec) { .cn = "c", .from = -60, .until = 600 }, key,
                                NULL, NULL);
    assert_int_equal(dial_with(w, self, key), SSL_AD_UNKNOWN_CA);
    X509_free(self);
    X509 *old = chain_lab_cert(&s, key, w->lab.ca, w->lab.ca_key);
    assert_int_equal(dial_with(w, old, key), SSL_AD_CERTIFICATE_EXPIRED);
    X509_free(old);
    s.from = 3600;
    s.until = 7200;
    X509 *early = chain_lab_cert(&s, key, w->lab.ca, w->lab.ca_key);
    assert_int_not_equal(dial_with(w, early, key), 0);
    X509_free(early);
    EVP_PKEY_free(key);
    chain_lab_clear(&other);
}

/* Issuers between client and CA come along, up to a number. */
static void test_chains(void **state)
{
    struct world *w = *state;
    struct chain_spec ca = { .cn = "mid", .basic = "critical,CA:TRUE", .from = -60, .until = 600 };
    struct chain_spec leaf = { .cn = "c", .from = -60, .until = 600 };
    for (size_t num = 0; num <= 4; num++) {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        struct client c = { .name = PUBLIC, .alpn = HTTP, .key = key };
        const X509 *above = w->lab.ca;
        EVP_PKEY *above_key = w->lab.ca_key;
        for (size_t i = 0; i < num; i++) {
            char cn[16];
            (void)snprintf(cn, sizeof cn, "mid%zu", i);
            ca.cn = cn;
            c.more[i] = chain_lab_cert(&ca, key, above, above_key);
            above = c.more[i];
            above_key = key;
        }
        c.cert = chain_lab_cert(&leaf, key, above, above_key);
        int alert = dial(w, &c);
        assert_true((alert == 0) == (num <= MSE_TLS_CLIENT_DEPTH));
        for (size_t i = 0; i < num; i++) {
            X509_free(c.more[i]);
        }
        X509_free(c.cert);
        EVP_PKEY_free(key);
    }
}

static void test_large(void **state)
{
    struct world *w = *state;
    char *san = test_calloc(1, 40000);
    size_t n = 0;
    for (int i = 0; n < 20000; i++) {
        n += (size_t)snprintf(san + n, 40000 - n, "%sDNS:a%d.example.org", i == 0 ? "" : ",", i);
    }
    const struct chain_spec s = { .cn = "c", .san = san, .from = -60, .until = 600 };
    X509 *big = chain_lab_cert(&s, w->lab.key, w->lab.ca, w->lab.ca_key);
    assert_int_not_equal(dial_with(w, big, w->lab.key), 0);
    X509_free(big);
    test_free(san);
}

/* All connections of a thread have one queue of errors: what one leaves there, the next would take
 * for its own. */
static void test_failed_write(void **state)
{
    const struct world *w = *state;
    static const char plain[] = "GET / HTTP/1.1\r\n\r\n";
    int fds[2];
    struct mse_build out;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(send(fds[1], plain, sizeof plain, MSG_NOSIGNAL), sizeof plain);
    mse_build_heap(&out, (size_t)1 << 20);
    struct mse_tls *t = mse_tls_accept(w->server, fds[0], &out);
    assert_non_null(t);
    assert_int_equal(mse_tls_write(t, "x", 1), MSE_IO_ERROR);
    assert_int_equal(ERR_peek_error(), 0);
    mse_tls_free(t);
    mse_build_clear(&out);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admitted),        cmocka_unit_test(test_not_needed),
        cmocka_unit_test(test_missing),         cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_second_thoughts), cmocka_unit_test(test_chains),
        cmocka_unit_test(test_large),           cmocka_unit_test(test_failed_write),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
