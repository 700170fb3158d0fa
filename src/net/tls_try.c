/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes in memory with the rules of a server. libssl makes a context of what it has memory
 * for: ciphers and signatures that it could not make are missing without a word, and then clients
 * are refused for as long as the context lives. */
#include "net/tls_inner.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/warm.h"

#define ROUNDS     4
#define FLIGHT_MAX ((size_t)256 * 1024) /* with the longest chain of certificates */

struct end {
    struct mse_tls *tls;
    struct mse_build out;
};

/* Over no socket: nothing comes but what is handed over. */
static bool begin(struct end *e, SSL_CTX *ctx, BIO_METHOD *bio)
{
    mse_build_heap(&e->out, FLIGHT_MAX);
    e->tls = tls_begin(ctx, bio, -1, &e->out);
    if (e->tls != NULL) {
        e->tls->turn_left = 0;
    }
    return e->tls != NULL;
}

static void end(struct end *e)
{
    mse_tls_free(e->tls);
    mse_build_clear(&e->out);
}

static bool carry(struct end *from, struct end *to)
{
    struct mse_bytes b = mse_build_view(&from->out);
    if (!mse_build_ok(&from->out) || to->tls->early != NULL) {
        return false;
    }
    if (b.len > 0) {
        to->tls->early = malloc(b.len);
        if (to->tls->early == NULL) {
            return false;
        }
        memcpy(to->tls->early, b.data, b.len);
        to->tls->early_len = b.len;
        to->tls->early_at = 0;
        mse_build_reset(&from->out);
    }
    return true;
}

/* Until the client has all that the server gives. One that demands a certificate goes no further.
 */
static bool shake(struct end *client, struct end *server)
{
    bool done = false;
    for (size_t i = 0; i < ROUNDS && !done; i++) {
        enum mse_io io = mse_tls_handshake(client->tls);
        done = io == MSE_IO_DONE;
        if (io == MSE_IO_ERROR || !carry(client, server) ||
            (mse_tls_handshake(server->tls) == MSE_IO_ERROR && !done) || !carry(server, client)) {
            return false;
        }
    }
    return done;
}

static bool shake_as(struct mse_tls_server *s, const char *name, SSL_CTX *ctx, const char *suite,
                     const char *group)
{
    char asked[256]; /* the macros drop const */
    char groups[32];
    struct end client = { .tls = NULL };
    struct end server = { .tls = NULL };
    (void)snprintf(asked, sizeof asked, "%s", name);
    (void)snprintf(groups, sizeof groups, "%s", group);
    bool good = begin(&client, ctx, s->bio) && begin(&server, s->base, s->bio) &&
                SSL_set_tlsext_host_name(client.tls->ssl, asked) == 1 &&
                SSL_set_ciphersuites(client.tls->ssl, suite) == 1 &&
                SSL_set1_groups_list(client.tls->ssl, groups) == 1;
    if (good) {
        SSL_set_connect_state(client.tls->ssl);
        SSL_set_accept_state(server.tls->ssl);
        good = shake(&client, &server);
    }
    end(&client);
    end(&server);
    return good;
}

mse_status mse_tls_server_try(struct mse_tls_server *s, const char *name, struct mse_error *err)
{
    static const char *const ways[][2] = {
        { "TLS_AES_128_GCM_SHA256", "X25519" },
        { "TLS_AES_256_GCM_SHA384", "P-256" },
        { "TLS_CHACHA20_POLY1305_SHA256", "P-384" },
    };
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    bool good = ctx != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1;
    for (size_t i = 0; good && i < MSE_ARRAY_LEN(ways); i++) {
        good = shake_as(s, name, ctx, ways[i][0], ways[i][1]);
    }
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return good ? MSE_OK
                : MSE_FAIL(err, MSE_ERR_CRYPTO, "tls", "libssl makes no connection for %.100s",
                           name);
}

/* Of nobody, for the one handshake. */
static bool make_certificate(struct mse_build *out, EVP_PKEY *key)
{
    X509 *x = X509_new();
    unsigned char *der = NULL;
    bool good = x != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(x), 0) != NULL &&
                X509_gmtime_adj(X509_getm_notAfter(x), 1) != NULL && X509_set_pubkey(x, key) == 1 &&
                X509_sign(x, key, EVP_sha256()) > 0;
    int len = good ? i2d_X509(x, &der) : -1;
    if (len > 0) {
        mse_wr_copy(out, der, (size_t)len);
    }
    OPENSSL_free(der);
    X509_free(x);
    return len > 0 && mse_build_ok(out);
}

mse_status mse_tls_warm(struct mse_error *err)
{
    static const char name[] = "warm.invalid";
    static const char *const alpn[] = { "warm" };
    struct mse_tls_server *s = NULL;
    struct mse_build cert;
    mse_status st = mse_crypto_warm(err);
    if (st != MSE_OK) {
        return st;
    }
    mse_build_heap(&cert, 4096);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL) != 1 || key == NULL ||
        !make_certificate(&cert, key)) {
        st = MSE_FAIL(err, MSE_ERR_CRYPTO, "start", "libssl cannot be initialised");
    }
    st = st == MSE_OK ? mse_tls_server_new(&s, alpn, 1, err) : st;
    st = st == MSE_OK ? mse_tls_server_add(s, name, mse_build_view(&cert), key, err) : st;
    st = st == MSE_OK ? mse_tls_server_try(s, name, err) : st;
    mse_tls_server_free(s);
    EVP_PKEY_free(key);
    mse_build_clear(&cert);
    ERR_clear_error();
    return st;
}
