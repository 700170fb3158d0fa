/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.3 server over libssl. A BIO of our own reads from the socket and appends what is to be sent
 * to the caller's builder, so that one turn of the event loop makes one send, however many records
 * it holds. */
#include "net/tls.h"

#include <errno.h>
#include <strings.h>
#include <sys/socket.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"

#define MAX_IDENTITIES     4
#define SECURE_HEAP        ((size_t)128 * 1024)
#define SECURE_HEAP_MIN    ((size_t)32)
#define ALPN_LEN           512
#define ADOPTED_READ_LEN   ((size_t)65536) /* of large answers several records at once */
#define SECURE_HEAP_LOCKED 1
#define HELLO_MAX          ((size_t)16384) /* libssl reserves at once what the header announces */
#define KEY_UPDATES_MAX    64U             /* one is due after some 2^24 records */
/* What costs the server little. A finite field group is a free way to keep a processor busy. */
#define CLIENT_CERTS_MAX 16384 /* bytes of a client's chain */
#define GROUPS           "X25519:P-256:P-384"

struct alpn {
    uint8_t wire[ALPN_LEN]; /* length-prefixed names */
    unsigned len;
};

struct identity {
    char *name;
    SSL_CTX *ctx;
    struct alpn alpn; /* empty: the server's */
    bool demands;     /* a certificate of clients */
    char *open;       /* but of those who choose this protocol; NULL: none */
};

struct mse_tls_server {
    SSL_CTX *base; /* what a connection starts with; holds no certificate */
    BIO_METHOD *bio;
    struct identity ids[MAX_IDENTITIES];
    size_t num_ids;
    SSL_CTX *any; /* answers for all other names; NULL: nobody does */
    struct alpn alpn;
};

/* Follows the bytes of the handshake that are not encrypted, across records. */
struct hello_guard {
    uint8_t head[5]; /* of the record */
    size_t head_len;
    size_t record_left;
    uint8_t msg[4]; /* type and length of the message */
    size_t msg_len;
    size_t msg_left;
};

struct mse_tls {
    SSL *ssl;
    int fd;
    struct mse_build *out;
    size_t turn_left;
    unsigned key_updates;
    bool shaken;     /* the handshake is done, the guard's work too */
    uint8_t pin[32]; /* of a client: SHA-256 of the server's SPKI */
    uint8_t *early;  /* what was read from the socket before t was made; NULL: nothing */
    size_t early_at;
    size_t early_len;
    struct hello_guard guard;
};

bool mse_tls_no_config(void)
{
    return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1 &&
           OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1;
}

bool mse_tls_lock_keys(void)
{
    return CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_HEAP_MIN) == SECURE_HEAP_LOCKED;
}

/* The guard. */

static size_t collect(uint8_t *to, size_t *have, size_t want, const uint8_t *p, size_t len)
{
    size_t take = want - *have < len ? want - *have : len;
    memcpy(to + *have, p, take);
    *have += take;
    return take;
}

/* Part of a handshake record. Returns how much was taken; 0: a message is announced that is longer
 * than any that has to be taken. */
static size_t guard_message(struct hello_guard *g, const uint8_t *p, size_t len)
{
    if (g->msg_left > 0) {
        size_t take = g->msg_left < len ? g->msg_left : len;
        g->msg_left -= take;
        return take;
    }
    size_t take = collect(g->msg, &g->msg_len, sizeof g->msg, p, len);
    if (g->msg_len == sizeof g->msg) {
        g->msg_len = 0;
        g->msg_left = ((size_t)g->msg[1] << 16) | ((size_t)g->msg[2] << 8) | g->msg[3];
    }
    return g->msg_left > HELLO_MAX ? 0 : take;
}

static bool guard_feed(struct hello_guard *g, const uint8_t *p, size_t len)
{
    while (len > 0) {
        size_t take = 0;
        size_t in_record = g->record_left < len ? g->record_left : len;
        if (in_record == 0) {
            take = collect(g->head, &g->head_len, sizeof g->head, p, len);
            if (g->head_len == sizeof g->head) {
                g->head_len = 0;
                g->record_left = ((size_t)g->head[3] << 8) | g->head[4];
            }
        } else {
            take = g->head[0] == SSL3_RT_HANDSHAKE ? guard_message(g, p, in_record) : in_record;
            g->record_left -= take;
        }
        if (take == 0) {
            return false;
        }
        p += take;
        len -= take;
    }
    return true;
}

/* The parameters are libssl's. NOLINTNEXTLINE(readability-function-size) */
static void on_message(int write_p, int version, int content_type, const void *buf, size_t len,
                       SSL *ssl, void *arg)
{
    struct mse_tls *t = arg;
    (void)version;
    (void)ssl;
    if (write_p == 0 && content_type == SSL3_RT_HANDSHAKE && len > 0 &&
        *(const uint8_t *)buf == SSL3_MT_KEY_UPDATE) {
        t->key_updates++;
    }
}

/* The BIO. */

static int read_early(struct mse_tls *t, char *buf, size_t len)
{
    size_t n = t->early_len - t->early_at < len ? t->early_len - t->early_at : len;
    memcpy(buf, t->early + t->early_at, n);
    t->early_at += n;
    if (t->early_at == t->early_len) {
        free(t->early);
        t->early = NULL;
    }
    return (int)n;
}

static int bio_read(BIO *b, char *buf, int len)
{
    struct mse_tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (t->early != NULL) {
        return read_early(t, buf, (size_t)len);
    }
    if (t->key_updates > KEY_UPDATES_MAX) {
        return -1;
    }
    size_t want = (size_t)len < t->turn_left ? (size_t)len : t->turn_left;
    ssize_t n = want == 0 ? -1 : recv(t->fd, buf, want, 0);
    if (n < 0 && (want == 0 || errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_read(b);
    }
    if (n > 0) {
        t->turn_left -= (size_t)n;
        if (!t->shaken && !guard_feed(&t->guard, (const uint8_t *)buf, (size_t)n)) {
            return -1;
        }
    }
    return (int)n;
}

static int bio_write(BIO *b, const char *buf, int len)
{
    struct mse_tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    mse_wr_copy(t->out, buf, (size_t)len);
    return mse_build_ok(t->out) ? len : -1;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)b;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *bio_method_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mse");
    if (m == NULL) {
        return NULL;
    }
    if (BIO_meth_set_read(m, bio_read) != 1 || BIO_meth_set_write(m, bio_write) != 1 ||
        BIO_meth_set_ctrl(m, bio_ctrl) != 1) {
        BIO_meth_free(m);
        return NULL;
    }
    return m;
}

/* Rules of the server. */

/* libssl takes certificates and store over with the context, but not this. */
static bool enter_identity(SSL *ssl, const struct identity *id)
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
    const struct identity *id = NULL;
    unsigned char *chosen = NULL;
    for (size_t i = 0; i < s->num_ids; i++) {
        id = SSL_get_SSL_CTX(ssl) == s->ids[i].ctx ? &s->ids[i] : id;
    }
    const struct alpn *mine = id != NULL && id->alpn.len > 0 ? &id->alpn : &s->alpn;
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

static bool alpn_add(struct mse_build *b, const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > UINT8_MAX) {
        return false;
    }
    mse_wr_u8(b, (uint8_t)len);
    mse_wr_str(b, name);
    return mse_build_ok(b);
}

static mse_status alpn_make(struct alpn *out, const char *const *names, size_t num,
                            struct mse_error *err)
{
    struct alpn a = { .len = 0 };
    struct mse_build b;
    mse_build_fixed(&b, a.wire, sizeof a.wire);
    for (size_t i = 0; i < num; i++) {
        if (!alpn_add(&b, names[i])) {
            return MSE_FAIL(err, MSE_ERR_ARGUMENT, "alpn", "name %zu is empty or too long", i);
        }
    }
    if (b.len == 0) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "alpn", "no protocol, wanted at least one");
    }
    a.len = (unsigned)b.len;
    *out = a;
    return MSE_OK;
}

mse_status mse_tls_server_new(struct mse_tls_server **out, const char *const *alpn, size_t num_alpn,
                              struct mse_error *err)
{
    struct mse_tls_server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "tls", "out of memory");
    }
    mse_status st = alpn_make(&s->alpn, alpn, num_alpn, err);
    if (st != MSE_OK) {
        mse_tls_server_free(s);
        return st;
    }
    s->base = context_new(s);
    s->bio = bio_method_new();
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
    struct identity id = { .name = strdup(name), .ctx = ctx };
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
    return s->num_ids < MAX_IDENTITIES && cert.len <= INT32_MAX
               ? MSE_OK
               : MSE_FAIL(err, MSE_ERR_NO_SPACE, "tls", "more than %d server names",
                          MAX_IDENTITIES);
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
            return alpn_make(&s->ids[i].alpn, alpn, num_alpn, err);
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
    struct identity *id = NULL;
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

/* One connection. */

static struct mse_tls *tls_over(SSL *ssl, BIO_METHOD *method, int fd, struct mse_build *out)
{
    struct mse_tls *t = calloc(1, sizeof *t);
    BIO *bio = BIO_new(method);
    if (t == NULL || ssl == NULL || bio == NULL) {
        free(t);
        SSL_free(ssl);
        (void)BIO_free(bio);
        return NULL;
    }
    t->ssl = ssl;
    t->fd = fd;
    t->out = out;
    t->turn_left = MSE_TLS_TURN_MAX;
    SSL_set_msg_callback(ssl, on_message);
    SSL_set_msg_callback_arg(ssl, t);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return t;
}

static struct mse_tls *tls_new(SSL_CTX *ctx, BIO_METHOD *method, int fd, struct mse_build *out)
{
    return tls_over(SSL_new(ctx), method, fd, out);
}

struct mse_tls *mse_tls_accept(struct mse_tls_server *s, int fd, struct mse_build *out)
{
    struct mse_tls *t = tls_new(s->base, s->bio, fd, out);
    if (t != NULL) {
        SSL_set_accept_state(t->ssl);
    }
    return t;
}

/* Clients. */

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
    struct alpn wire = { .len = 0 };
    struct mse_tls_client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "tls", "out of memory");
    }
    mse_status st = alpn_make(&wire, &alpn, 1, err);
    if (st != MSE_OK) {
        free(c);
        return st;
    }
    c->ctx = SSL_CTX_new(TLS_client_method());
    c->bio = bio_method_new();
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
    struct mse_tls *t = tls_new(c->ctx, c->bio, fd, out);
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

void mse_tls_free(struct mse_tls *t)
{
    if (t != NULL) {
        SSL_free(t->ssl);
        free(t->early);
        free(t);
    }
}

void mse_tls_rest(struct mse_tls *t)
{
    (void)SSL_free_buffers(t->ssl); /* not while a part of a record is in them */
}

void mse_tls_begin_turn(struct mse_tls *t)
{
    t->turn_left = MSE_TLS_TURN_MAX;
}

/* Only "wait for the peer" is no failure: the output never blocks, it goes to the builder. */
static enum mse_io outcome(const struct mse_tls *t, int rc)
{
    switch (SSL_get_error(t->ssl, rc)) {
    case SSL_ERROR_NONE:
        return MSE_IO_DONE;
    case SSL_ERROR_WANT_READ:
        return MSE_IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return MSE_IO_EOF;
    default:
        ERR_clear_error();
        return MSE_IO_ERROR;
    }
}

enum mse_io mse_tls_handshake(struct mse_tls *t)
{
    enum mse_io io = outcome(t, SSL_do_handshake(t->ssl));
    t->shaken = io == MSE_IO_DONE;
    return io;
}

struct mse_bytes mse_tls_alpn(const struct mse_tls *t)
{
    const unsigned char *name = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(t->ssl, &name, &len);
    struct mse_bytes out = { name, len };
    return out;
}

bool mse_tls_named(const struct mse_tls *t, const char *name)
{
    const char *asked = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
    return asked != NULL && strcasecmp(asked, name) == 0;
}

const char *mse_tls_name(const struct mse_tls *t)
{
    return SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
}

bool mse_tls_export(struct mse_tls *t, uint8_t out[32], const char *label, struct mse_bytes context)
{
    bool ok = SSL_export_keying_material(t->ssl, out, 32, label, strlen(label), context.data,
                                         context.len, 1) == 1;
    if (!ok) {
        ERR_clear_error();
    }
    return ok;
}

enum mse_io mse_tls_read(struct mse_tls *t, void *buf, size_t cap, size_t *n)
{
    size_t got = 0;
    int rc = SSL_read_ex(t->ssl, buf, cap, &got);
    if (rc != 1) {
        return outcome(t, rc);
    }
    *n = got;
    return MSE_IO_DONE;
}

bool mse_tls_pending(const struct mse_tls *t)
{
    return SSL_has_pending(t->ssl) == 1;
}

enum mse_io mse_tls_write(struct mse_tls *t, const void *buf, size_t len)
{
    size_t done = 0;
    if (SSL_write_ex(t->ssl, buf, len, &done) == 1 && done == len) {
        return MSE_IO_DONE;
    }
    ERR_clear_error(); /* all connections of this thread have one queue */
    return MSE_IO_ERROR;
}

void mse_tls_shutdown(struct mse_tls *t)
{
    (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
}
