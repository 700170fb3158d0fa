/* SPDX-License-Identifier: Apache-2.0 */
/* A self-signed certificate, and a blocking TLS client for the tests of net. It aborts on trouble
 * that is not the thing under test. */
#ifndef TESTS_UNIT_NET_TLSPAIR_H
#define TESTS_UNIT_NET_TLSPAIR_H

#include <openssl/ssl.h>

#include <mse/status.h>

struct test_cert {
    EVP_PKEY *key;
    unsigned char *der;
    size_t der_len;
};
void test_cert_make(struct test_cert *c, const char *name);
/* The same with a key of the caller's; a reference is taken. */
void test_cert_make_with(struct test_cert *c, const char *name, EVP_PKEY *key);
void test_cert_clear(struct test_cert *c);

/* A listening socket on a free port of the loopback. */
int test_listen(uint16_t *port);
int test_connect(uint16_t port);

struct test_client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
    int alert; /* what the server sent instead of finishing, or -1 */
};
/* sni, alpn (wire form): NULL for none. max_version: TLS1_3_VERSION or TLS1_2_VERSION. False if the
 * handshake failed; the alert is known once the server has answered. */
bool test_client_open(struct test_client *c, uint16_t port, const char *sni, const char *alpn,
                      int max_version);
/* The same on a connection of the caller's, which is taken over. */
bool test_client_open_on(struct test_client *c, int fd, const char *sni, const char *alpn,
                         int max_version);
void test_client_close(struct test_client *c);
/* Sends all, reads exactly len; false on failure. */
bool test_client_write(struct test_client *c, const void *p, size_t len);
bool test_client_read(struct test_client *c, void *p, size_t len);
/* Reads until the end; true if that was close_notify, *len bytes came. */
bool test_client_drain(struct test_client *c, size_t *len);

#endif
