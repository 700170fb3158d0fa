/* SPDX-License-Identifier: Apache-2.0 */
/* TLS clients: they know the key of whom they talk to, or somebody else made the handshake. */
#include "net/tls_inner.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define ADOPTED_READ_LEN ((size_t)65536) /* of large answers several records at once */

struct mse_tls_client {
    SSL_CTX *ctx;
    BIO_METHOD *bio;
};

/* No chain counts, nor any date: the key is the one that was verified, or it is refused. */
static int on_server_certificate(X509_STORE_CTX *x, void *arg)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct mse_tls *t = SSL_get_app_data(ssl);
    const X509 *leaf = X509_STORE_CTX_get0_cert(x);
    unsigned char *spki = NULL;
    uint8_t seen[32];
    (void)arg;
    int len = leaf == NULL ? -1 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &spki);
    bool good = len > 0 && EVP_Digest(spki, (size_t)len, seen, NULL, EVP_sha256(), NULL) == 1 &&
                mse_mem_equal(seen, t->pin, sizeof seen);
    OPENSSL_free(spki);
    X509_STORE_CTX_set_error(x, good ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return good ? 1 : 0;
}

mse_status mse_tls_client_new(struct mse_tls_client **out, const char *alpn, struct mse_error *err)
{
    struct tls_alpn wire = { .len = 0 };
    struct mse_tls_client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "tls", "out of memory");
    }
    mse_status st = tls_alpn_make(&wire, &alpn, 1, err);
    if (st != MSE_OK) {
        free(c);
        return st;
    }
    c->ctx = SSL_CTX_new(TLS_client_method());
    c->bio = tls_bio_method();
    if (c->ctx == NULL || c->bio == NULL ||
        SSL_CTX_set_min_proto_version(c->ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(c->ctx, wire.wire, wire.len) != 0) {
        mse_tls_client_free(c);
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "tls", "libssl refused the client's settings");
    }
    (void)SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(c->ctx, 1);
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(c->ctx, on_server_certificate, NULL);
    *out = c;
    return MSE_OK;
}

void mse_tls_client_free(struct mse_tls_client *c)
{
    if (c != NULL) {
        SSL_CTX_free(c->ctx);
        BIO_meth_free(c->bio);
        free(c);
    }
}

struct mse_tls *mse_tls_connect(struct mse_tls_client *c, const struct mse_tls_peer *peer, int fd,
                                struct mse_build *out)
{
    char name[256]; /* the macro drops const */
    struct mse_tls *t = tls_begin(c->ctx, c->bio, fd, out);
    if (t == NULL) {
        return NULL;
    }
    (void)snprintf(name, sizeof name, "%s", peer->name);
    memcpy(t->pin, peer->spki_sha256, sizeof t->pin);
    if (SSL_set_tlsext_host_name(t->ssl, name) != 1 || SSL_set_app_data(t->ssl, t) != 1) {
        mse_tls_free(t);
        return NULL;
    }
    SSL_set_connect_state(t->ssl);
    return t;
}

struct mse_tls *mse_tls_adopt(struct mse_tls_client *c, void *ssl, struct mse_bytes early, int fd,
                              struct mse_build *out)
{
    struct mse_tls *t = tls_over(ssl, c->bio, fd, out);
    if (t == NULL) {
        return NULL;
    }
    t->shaken = true;
    if (early.len > 0) {
        t->early = malloc(early.len);
        if (t->early == NULL) {
            mse_tls_free(t);
            return NULL;
        }
        memcpy(t->early, early.data, early.len);
        t->early_len = early.len;
    }
    SSL_set_read_ahead(t->ssl, 1);
    SSL_set_default_read_buffer_len(t->ssl, ADOPTED_READ_LEN);
    (void)SSL_free_buffers(t->ssl);
    return t;
}
