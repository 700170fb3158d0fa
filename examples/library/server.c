/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS server inside a TEE that talks to attested clients only.
 *
 *   cc server.c common.c $(pkg-config --cflags --libs libmse-ratls libssl libcrypto) -o server
 *   ./server localhost 8443 policy.json collateral.json /dev/attestation
 *
 * The name is the one that clients know the server by; it listens on the loopback interface, on any
 * free port with port 0, and says which. It answers one connection after the other, until it is
 * stopped. */
#include "common.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <signal.h>
#include <stdio.h>

/* Tells an accepted client how we know it: the measurement of its code. */
static void welcome(SSL *ssl, const struct mse_ratls_peer *peer)
{
    char line[512];
    char text[128] = "a peer without fingerprint";
    char request[64];
    for (size_t i = 0; peer->verdict.has_fingerprint && i < sizeof peer->verdict.fingerprint; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", peer->verdict.fingerprint[i]);
    }
    (void)SSL_read(ssl, request, sizeof request);
    int len = snprintf(line, sizeof line, "welcome, %s\n", text);
    (void)SSL_write(ssl, line, len);
    (void)SSL_shutdown(ssl);
    (void)printf("accepted %s\n", text);
}

static void serve(SSL_CTX *ctx, BIO *connection, const struct mse_ratls_verifier *v)
{
    SSL *ssl = SSL_new(ctx);
    if (ssl == NULL) {
        BIO_free_all(connection);
        return;
    }
    SSL_set_bio(ssl, connection, connection);
    int rc = SSL_accept(ssl);
    const struct mse_ratls_peer *peer = mse_ratls_ssl_peer(v, ssl);
    if (rc == 1 && peer != NULL) {
        welcome(ssl, peer);
    } else if (peer != NULL && peer->status != MSE_OK) {
        (void)printf("refused (%s): %s\n", mse_status_name(peer->status), peer->error.text);
    } else {
        const char *why = ERR_reason_error_string(ERR_peek_error());
        (void)printf("no handshake: %s\n", why == NULL ? "the client went away" : why);
    }
    ERR_clear_error();
    SSL_free(ssl);
}

int main(int argc, char **argv)
{
    struct mse_error err = { 0 };
    char address[64];
    if (argc != 6) {
        die("usage: server NAME PORT POLICY COLLATERAL DEVICE");
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)signal(SIGPIPE, SIG_IGN);

    /* 1. Our own evidence: a key that is born here, and a quote over it. */
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct mse_ratls_identity *id = identity_of_tee(argv[5], argv[1]);
    if (ctx == NULL || mse_ratls_ctx_use(ctx, id, &err) != MSE_OK) {
        die("no TLS: %s", err.text);
    }

    /* 2. Clients have to show evidence that the policy accepts. */
    struct mse_ratls_verifier *v = verifier_of_files(argv[3], argv[4]);
    if (mse_ratls_ctx_verify(ctx, v, &err) != MSE_OK) {
        die("no TLS: %s", err.text);
    }

    /* 3. The loop: OpenSSL as always. A long-lived server hands fresh collateral to
     * mse_ratls_verifier_update. */
    (void)snprintf(address, sizeof address, "127.0.0.1:%s", argv[2]);
    BIO *listener = BIO_new_accept(address);
    if (listener == NULL || BIO_do_accept(listener) != 1) {
        die("cannot listen on %s", address);
    }
    (void)printf("listening on 127.0.0.1:%s\n", BIO_get_accept_port(listener));
    while (BIO_do_accept(listener) == 1) {
        serve(ctx, BIO_pop(listener), v);
    }
    die("the listener is broken");
}
