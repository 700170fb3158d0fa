/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS client that talks to attested servers only.
 *
 *   cc client.c common.c $(pkg-config --cflags --libs libmse-ratls libssl libcrypto) -o client
 *   ./client localhost 8443 policy.json collateral.json [/dev/attestation]
 *
 * With the last argument it presents evidence of its own TEE, for servers that demand it. Exit
 * status 0: the server answered, 1: it is not one that the policy accepts, or it refused us, 2:
 * trouble. */
#include "common.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>

/* Connected, and the handshake done. Prints why not, and returns false. */
static bool connect_to(BIO *bio, SSL *ssl, const struct mse_ratls_verifier *v)
{
    if (BIO_do_connect(bio) == 1) {
        return true;
    }
    /* Did the verifier refuse the server, or did something else fail? */
    const struct mse_ratls_peer *peer = mse_ratls_ssl_peer(v, ssl);
    if (peer != NULL && peer->status != MSE_OK) {
        (void)fprintf(stderr, "refused (%s): %s\n", mse_status_name(peer->status),
                      peer->error.text);
        return false;
    }
    ERR_print_errors_fp(stderr);
    die("no connection");
}

/* One request, one answer. In TLS 1.3 a server that refuses us shows it only here. */
static bool talk(BIO *bio)
{
    char answer[512];
    int len = BIO_puts(bio, "hello\n") > 0 ? BIO_read(bio, answer, sizeof answer) : -1;
    if (len <= 0) {
        (void)fprintf(stderr, "the server refused us\n");
        ERR_print_errors_fp(stderr);
        return false;
    }
    (void)fwrite(answer, 1, (size_t)len, stdout);
    return true;
}

int main(int argc, char **argv)
{
    struct mse_error err = { 0 };
    struct mse_ratls_identity *id = NULL;
    SSL *ssl = NULL;
    if (argc < 5 || argc > 6) {
        die("usage: client HOST PORT POLICY COLLATERAL [DEVICE]");
    }

    /* 1. A context whose peers are judged by the policy. */
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct mse_ratls_verifier *v = verifier_of_files(argv[3], argv[4]);
    if (ctx == NULL || mse_ratls_ctx_verify(ctx, v, &err) != MSE_OK) {
        die("no TLS: %s", err.text);
    }

    /* 2. If we are in a TEE ourselves: our own evidence. */
    if (argc == 6) {
        id = identity_of_tee(argv[5], "client");
        if (mse_ratls_ctx_use(ctx, id, &err) != MSE_OK) {
            die("no TLS: %s", err.text);
        }
    }

    /* 3. The connection: OpenSSL as always. The name that we expect is part of the verdict. */
    BIO *bio = BIO_new_ssl_connect(ctx);
    if (bio == NULL || BIO_get_ssl(bio, &ssl) != 1 || SSL_set1_host(ssl, argv[1]) != 1 ||
        SSL_set_tlsext_host_name(ssl, argv[1]) != 1) {
        die("no TLS");
    }
    (void)BIO_set_conn_hostname(bio, argv[1]);
    (void)BIO_set_conn_port(bio, argv[2]);
    bool ok = connect_to(bio, ssl, v) && talk(bio);

    BIO_free_all(bio); /* the verifier outlives every SSL that uses it */
    SSL_CTX_free(ctx);
    mse_ratls_identity_free(id);
    mse_ratls_verifier_free(v);
    return ok ? 0 : 1;
}
