/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTPS client whose every connection is attested itself (level 2).
 *
 *   cc session_client.c common.c $(pkg-config --cflags --libs libmse-ratls libssl libcrypto)
 *   ./a.out localhost 8443 policy.json collateral.json
 *
 * What is more than a client of any HTTPS server has are the lines marked with numbers. Exit
 * status 0: the server answered, 1: it is not one that the policy accepts, 2: trouble. */
#include "common.h"

#include <mse/session.h>
#include <openssl/ssl.h>

#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_to(const char *host, const char *port)
{
    struct addrinfo *list = NULL;
    int fd = -1;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    if (getaddrinfo(host, port, &hints, &list) != 0) {
        die("%s: no such host", host);
    }
    for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            (void)close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

static void talk(SSL *ssl, const char *host)
{
    char text[512];
    int len = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                       host);
    len = SSL_write(ssl, text, len) > 0 ? SSL_read(ssl, text, sizeof text) : -1;
    if (len <= 0) {
        die("no answer");
    }
    (void)fwrite(text, 1, (size_t)len, stdout);
}

int main(int argc, char **argv)
{
    struct mse_error err = { 0 };
    struct mse_session *session = NULL;
    if (argc != 5) {
        die("usage: session_client HOST PORT POLICY COLLATERAL");
    }
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct mse_ratls_verifier *v = verifier_of_files(argv[3], argv[4]); /* 1 */
    if (ctx == NULL || mse_ratls_ctx_verify(ctx, v, &err) != MSE_OK) {  /* 2 */
        die("no TLS: %s", err.text);
    }
    SSL *ssl = SSL_new(ctx);
    int fd = connect_to(argv[1], argv[2]);
    if (ssl == NULL || fd < 0 || SSL_set_fd(ssl, fd) != 1) {
        die("%s port %s does not answer", argv[1], argv[2]);
    }
    mse_status st = mse_session_connect(&session, ssl, v, argv[1], /* 3, for SSL_connect */
                                        MSE_SESSION_ALPN_HTTP11, &err);
    if (st == MSE_OK) {
        talk(ssl, argv[1]);
        /* A connection that lives long: now and then, by the policy and collateral of that day. */
        st = mse_session_recheck(session, v, &err);
    }
    if (st != MSE_OK) {
        (void)fprintf(stderr, "refused (%s): %s\n", mse_status_name(st), err.text);
    } else {
        (void)printf("level %u\n", mse_session_verdict(session)->binding_level);
        (void)SSL_shutdown(ssl);
    }
    mse_session_free(session); /* 4 */
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    mse_ratls_verifier_free(v); /* 5, after every SSL */
    (void)close(fd);
    return st == MSE_OK ? 0 : 1;
}
