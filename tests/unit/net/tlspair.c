/* SPDX-License-Identifier: Apache-2.0 */
/* See tlspair.h. */
#include "unit/net/tlspair.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "tlspair: %s failed\n", what);
        abort();
    }
}

void test_cert_make(struct test_cert *c, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    test_cert_make_with(c, name, key);
    EVP_PKEY_free(key);
}

void test_cert_make_with(struct test_cert *c, const char *name, EVP_PKEY *key)
{
    char san[256];
    (void)snprintf(san, sizeof san, "DNS:%s", name);
    must(key != NULL && EVP_PKEY_up_ref(key) == 1, "key");
    c->key = key;
    X509 *x = X509_new();
    must(c->key != NULL && x != NULL, "key");
    must(X509_set_version(x, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1, "form");
    must(X509_gmtime_adj(X509_getm_notBefore(x), -60) != NULL &&
             X509_gmtime_adj(X509_getm_notAfter(x), 3600) != NULL,
         "dates");
    X509_NAME *subject = X509_get_subject_name(x);
    must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1,
                                    -1, 0) == 1 &&
             X509_set_issuer_name(x, subject) == 1 && X509_set_pubkey(x, c->key) == 1,
         "names");
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    must(ext != NULL && X509_add_ext(x, ext, -1) == 1, "SAN");
    X509_EXTENSION_free(ext);
    must(X509_sign(x, c->key, EVP_sha256()) > 0, "signature");
    c->der = NULL;
    int len = i2d_X509(x, &c->der);
    must(len > 0, "DER");
    c->der_len = (size_t)len;
    X509_free(x);
}

void test_cert_clear(struct test_cert *c)
{
    EVP_PKEY_free(c->key);
    OPENSSL_free(c->der);
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

int test_listen(uint16_t *port)
{
    struct sockaddr_in a = loopback(0);
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 512) == 0 &&
             getsockname(fd, (struct sockaddr *)&a, &len) == 0,
         "listen");
    *port = ntohs(a.sin_port);
    return fd;
}

int test_connect(uint16_t port)
{
    struct sockaddr_in a = loopback(port);
    static const struct timeval limit = { 20, 0 };
    static const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
             setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
             connect(fd, (const struct sockaddr *)&a, sizeof a) == 0,
         "connect");
    return fd;
}

static void on_info(const SSL *ssl, int where, int ret)
{
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT) {
        struct test_client *c = SSL_get_app_data(ssl);
        c->alert = ret & 0xff;
    }
}

bool test_client_open(struct test_client *c, uint16_t port, const char *sni, const char *alpn,
                      int max_version)
{
    return test_client_open_on(c, test_connect(port), sni, alpn, max_version);
}

bool test_client_open_on(struct test_client *c, int fd, const char *sni, const char *alpn,
                         int max_version)
{
    c->alert = -1;
    c->fd = fd;
    c->ctx = SSL_CTX_new(TLS_client_method());
    must(c->ctx != NULL && SSL_CTX_set_max_proto_version(c->ctx, max_version) == 1, "context");
    c->ssl = SSL_new(c->ctx);
    must(c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1, "session");
    must(SSL_set_app_data(c->ssl, c) == 1, "data");
    SSL_set_info_callback(c->ssl, on_info);
    if (sni != NULL) {
        char name[256]; /* the macro drops const */
        (void)snprintf(name, sizeof name, "%s", sni);
        must(SSL_set_tlsext_host_name(c->ssl, name) == 1, "SNI");
    }
    if (alpn != NULL) {
        must(SSL_set_alpn_protos(c->ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn)) == 0,
             "ALPN");
    }
    ERR_clear_error();
    return SSL_connect(c->ssl) == 1;
}

void test_client_close(struct test_client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    (void)close(c->fd);
}

bool test_client_write(struct test_client *c, const void *p, size_t len)
{
    size_t done = 0;
    ERR_clear_error();
    return len == 0 || (SSL_write_ex(c->ssl, p, len, &done) == 1 && done == len);
}

bool test_client_read(struct test_client *c, void *p, size_t len)
{
    char *at = p;
    while (len > 0) {
        size_t n = 0;
        ERR_clear_error();
        if (SSL_read_ex(c->ssl, at, len, &n) != 1) {
            return false;
        }
        at += n;
        len -= n;
    }
    return true;
}

bool test_client_drain(struct test_client *c, size_t *len)
{
    static char buf[65536];
    *len = 0;
    for (;;) {
        size_t n = 0;
        ERR_clear_error();
        if (SSL_read_ex(c->ssl, buf, sizeof buf, &n) != 1) {
            return SSL_get_error(c->ssl, 0) == SSL_ERROR_ZERO_RETURN;
        }
        *len += n;
    }
}
