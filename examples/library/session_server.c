/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTPS server inside a TEE that attests each session to the clients that ask for it (level 2),
 * and serves all others as well (level 0).
 *
 *   cc session_server.c common.c $(pkg-config --cflags --libs libmse-ratls libssl libcrypto)
 *   ./a.out localhost 8443 /dev/attestation
 *
 * What is more than any HTTPS server has are the lines marked with numbers. It listens on the
 * loopback interface, on any free port with port 0, and says which; one connection after the other,
 * until it is stopped. */
#include "common.h"

#include <mse/session.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <signal.h>
#include <stdio.h>

static void answer(SSL *ssl, bool attested)
{
    char text[512];
    if (SSL_read(ssl, text, sizeof text) > 0) {
        const char *word = attested ? "attested" : "unasked!";
        int len =
            snprintf(text, sizeof text,
                     "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n%s\n", word);
        (void)SSL_write(ssl, text, len);
    }
    (void)SSL_shutdown(ssl);
}

int main(int argc, char **argv)
{
    struct mse_error err = { 0 };
    char address[64];
    if (argc != 4) {
        die("usage: session_server NAME PORT DEVICE");
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct mse_ratls_identity *id = identity_of_tee(argv[3], argv[1]);            /* 1 */
    const struct mse_session_server_config config = { .self.quote = quote_of_tee, /* 2 */
                                                      .self.quote_arg = argv[3] };
    if (ctx == NULL ||
        mse_session_ctx_serve(ctx, id, MSE_SESSION_ALPN_HTTP11, &err) != MSE_OK) { /* 3 */
        die("no TLS: %s", err.text);
    }
    (void)snprintf(address, sizeof address, "127.0.0.1:%s", argv[2]);
    BIO *listener = BIO_new_accept(address);
    if (listener == NULL || BIO_do_accept(listener) != 1) {
        die("cannot listen on %s", address);
    }
    (void)printf("listening on 127.0.0.1:%s\n", BIO_get_accept_port(listener));
    while (BIO_do_accept(listener) == 1) {
        BIO *connection = BIO_pop(listener);
        struct mse_session *session = NULL;
        SSL *ssl = SSL_new(ctx);
        if (ssl == NULL) {
            die("out of memory");
        }
        SSL_set_bio(ssl, connection, connection);
        if (mse_session_accept(&session, ssl, &config, &err) == MSE_OK) { /* 4, for SSL_accept */
            answer(ssl, session != NULL);
        } else {
            (void)printf("no session: %s\n", err.text);
        }
        mse_session_free(session); /* 5 */
        ERR_clear_error();
        SSL_free(ssl);
    }
    die("the listener is broken");
}
