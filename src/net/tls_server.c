/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a TLS server: its names and their certificates, protocols, certificates of clients.
 */
#include "net/tls_inner.h"

#include <strings.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

/* What costs the server little. A finite field group is a free way to keep a processor busy. */
#define CLIENT_CERTS_MAX 16384 /* bytes of a client's chain */
#define GROUPS           "X25519:P-256:P-384"

/* libssl takes certificates and store over with the context, but not this. */
static bool enter_identity(SSL *ssl, const struct tls_identity *id)
{
    if (SSL_set_SSL_CTX(ssl, id->ctx) == NULL) {
        return false;
    }
    if (id->demands) {
        SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_set_verify_depth(ssl, MSE_TLS_CLIENT_DEPTH);
        (void)SSL_set_max_cert_list(ssl, CLIENT_CERTS_MAX);
    }
    return true;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    const struct mse_tls_server *s = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    *alert = name == NULL ? SSL_AD_MISSING_EXTENSION : SSL_AD_UNRECOGNIZED_NAME;
    for (size_t i = 0; name != NULL && i < s->num_ids; i++) {
        if (strcasecmp(name, s->ids[i].name) == 0) {
            return enter_identity(ssl, &s->ids[i]) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
        }
    }
    if (s->any != NULL && SSL_set_SSL_CTX(ssl, s->any) != NULL) {
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned in_len, void *arg)
{
    const struct mse_tls_server *s = arg;
    const struct tls_identity *id = NULL;
    unsigned char *chosen = NULL;
    for (size_t i = 0; i < s->num_ids; i++) {
        id = SSL_get_SSL_CTX(ssl) == s->ids[i].ctx ? &s->ids[i] : id;
    }
    const struct tls_alpn *mine = id != NULL && id->alpn.len > 0 ? &id->alpn : &s->alpn;
    if (SSL_select_next_proto(&chosen, out_len, mine->wire, mine->len, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    /* The request for a certificate goes out after this. */
    if (id != NULL && id->open != NULL &&
        mse_bytes_is_str(mse_bytes_of(chosen, *out_len), id->open)) {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(struct mse_tls_server *s)
{
    char groups[] = GROUPS; /* the macro of OpenSSL casts const away */
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL) {
        return NULL;
    }
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(ctx, groups) != 1 || SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
        SSL_CTX_set_max_early_data(ctx, 0) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                       SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_read_ahead(ctx, 1);
    (void)SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    (void)SSL_CTX_set_tlsext_servername_arg(ctx, s);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, s);
    return ctx;
}

mse_status mse_tls_server_new(struct mse_tls_server **out, const char *const *alpn, size_t num_alpn,
                              struct mse_error *err)
{
    struct mse_tls_server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "tls", "out of memory");
    }
    mse_status st = tls_alpn_make(&s->alpn, alpn, num_alpn, err);
    if (st != MSE_OK) {
        mse_tls_server_free(s);
        return st;
    }
    s->base = context_new(s);
    s->bio = tls_bio_method();
    if (s->base == NULL || s->bio == NULL) {
        mse_tls_server_free(s);
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "tls", "libssl refused the server's settings");
    }
    *out = s;
    return MSE_OK;
}

/* The first certificate is the leaf, what follows goes along with it. */
static bool use_chain(SSL_CTX *ctx, BIO *pem)
{
    X509 *c = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    bool good = c != NULL && SSL_CTX_use_certificate(ctx, c) == 1;
    X509_free(c);
    while (good && (c = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
        good = SSL_CTX_add1_chain_cert(ctx, c) == 1;
        X509_free(c);
    }
    ERR_clear_error(); /* the end of the chain is one to libcrypto */
    return good;
}

/* The same of DER, one behind the other. */
static bool use_ders(SSL_CTX *ctx, struct mse_bytes ders)
{
    const unsigned char *p = ders.data;
    const unsigned char *end = ders.data + ders.len;
    X509 *c = d2i_X509(NULL, &p, end - p);
    bool good = c != NULL && SSL_CTX_use_certificate(ctx, c) == 1;
    X509_free(c);
    while (good && p < end) {
        c = d2i_X509(NULL, &p, end - p);
        good = c != NULL && SSL_CTX_add1_chain_cert(ctx, c) == 1;
        X509_free(c);
    }
    return good;
}

/* Takes ctx, into which the certificate was loaded if it is loaded. */
static mse_status add_name_take(struct mse_tls_server *s, const char *name, SSL_CTX *ctx,
                                bool loaded, void *evp_pkey, struct mse_error *err)
{
    struct tls_identity id = { .name = strdup(name), .ctx = ctx };
    if (id.name == NULL || !loaded || SSL_CTX_use_PrivateKey(ctx, evp_pkey) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1) {
        free(id.name);
        SSL_CTX_free(ctx);
        ERR_clear_error();
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "tls",
                        "the certificate of %.100s does not load or has another key", name);
    }
    s->ids[s->num_ids++] = id;
    return MSE_OK;
}

static mse_status check_room(const struct mse_tls_server *s, struct mse_bytes cert,
                             struct mse_error *err)
{
    return s->num_ids < TLS_NAMES && cert.len <= INT32_MAX
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_NO_SPACE, "tls", "more than %d server names", TLS_NAMES);
}

mse_status mse_tls_server_add(struct mse_tls_server *s, const char *name, struct mse_bytes cert_der,
                              void *evp_pkey, struct mse_error *err)
{
    mse_status st = check_room(s, cert_der, err);
    if (st != MSE_OK) {
        return st;
    }
    SSL_CTX *ctx = context_new(s);
    bool loaded = ctx != NULL && use_ders(ctx, cert_der);
    return add_name_take(s, name, ctx, loaded, evp_pkey, err);
}

mse_status mse_tls_server_add_chain(struct mse_tls_server *s, const char *name,
                                    struct mse_bytes chain_pem, void *evp_pkey,
                                    struct mse_error *err)
{
    mse_status st = check_room(s, chain_pem, err);
    if (st != MSE_OK) {
        return st;
    }
    SSL_CTX *ctx = context_new(s);
    BIO *pem = BIO_new_mem_buf(chain_pem.data, (int)chain_pem.len);
    bool loaded = ctx != NULL && pem != NULL && use_chain(ctx, pem);
    BIO_free(pem);
    return add_name_take(s, name, ctx, loaded, evp_pkey, err);
}

mse_status mse_tls_server_set_alpn(struct mse_tls_server *s, const char *name,
                                   const char *const *alpn, size_t num_alpn, struct mse_error *err)
{
    for (size_t i = 0; i < s->num_ids; i++) {
        if (strcasecmp(name, s->ids[i].name) == 0) {
            return tls_alpn_make(&s->ids[i].alpn, alpn, num_alpn, err);
        }
    }
    return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "tls", "no server name %.100s", name);
}

static bool use_client_ca(SSL_CTX *ctx, X509 *ca)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    /* It is trusted as it stands, whoever issued it. */
    return ca != NULL && X509_STORE_add_cert(store, ca) == 1 &&
           X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
           SSL_CTX_add_client_CA(ctx, ca) == 1;
}

mse_status mse_tls_server_demand(struct mse_tls_server *s, const char *name, struct mse_bytes ca,
                                 const char *open, struct mse_error *err)
{
    struct tls_identity *id = NULL;
    for (size_t i = 0; i < s->num_ids; i++) {
        id = strcasecmp(name, s->ids[i].name) == 0 ? &s->ids[i] : id;
    }
    if (id == NULL || id->demands || ca.len > INT32_MAX) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "tls", "no server name %.100s, or asked twice",
                        name);
    }
    const unsigned char *p = ca.data;
    X509 *x = d2i_X509(NULL, &p, (long)ca.len);
    bool good = use_client_ca(id->ctx, x);
    X509_free(x);
    char *copy = open == NULL ? NULL : strdup(open);
    if (!good || (open != NULL && copy == NULL)) {
        free(copy);
        ERR_clear_error();
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "tls", "the CA of clients does not load");
    }
    id->open = copy;
    id->demands = true;
    return MSE_OK;
}

static bool use_key(SSL_CTX *ctx, BIO *pem)
{
    char none[] = ""; /* the passphrase: nobody is asked for one */
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, NULL, none);
    bool good = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;
    EVP_PKEY_free(key);
    return good && SSL_CTX_check_private_key(ctx) == 1;
}

mse_status mse_tls_server_add_any(struct mse_tls_server *s, struct mse_bytes chain_pem,
                                  struct mse_bytes key_pem, struct mse_error *err)
{
    if (s->any != NULL || chain_pem.len > INT32_MAX || key_pem.len > INT32_MAX) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "tls", "one certificate for all names is enough");
    }
    SSL_CTX *ctx = context_new(s);
    BIO *chain = BIO_new_mem_buf(chain_pem.data, (int)chain_pem.len);
    BIO *key = BIO_new_mem_buf(key_pem.data, (int)key_pem.len);
    bool good =
        ctx != NULL && chain != NULL && key != NULL && use_chain(ctx, chain) && use_key(ctx, key);
    BIO_free(chain);
    BIO_free(key);
    ERR_clear_error();
    if (!good) {
        SSL_CTX_free(ctx);
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "tls",
                        "the certificate or the key does not load, or they do not belong together");
    }
    s->any = ctx;
    return MSE_OK;
}

void mse_tls_server_free(struct mse_tls_server *s)
{
    if (s == NULL) {
        return;
    }
    SSL_CTX_free(s->any);
    for (size_t i = 0; i < s->num_ids; i++) {
        free(s->ids[i].name);
        free(s->ids[i].open);
        SSL_CTX_free(s->ids[i].ctx);
    }
    SSL_CTX_free(s->base);
    BIO_meth_free(s->bio);
    free(s);
}

struct mse_tls *mse_tls_accept(struct mse_tls_server *s, int fd, struct mse_build *out)
{
    struct mse_tls *t = tls_begin(s->base, s->bio, fd, out);
    if (t != NULL) {
        SSL_set_accept_state(t->ssl);
    }
    return t;
}
