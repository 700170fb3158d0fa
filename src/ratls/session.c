/* SPDX-License-Identifier: Apache-2.0 */
/* Attested sessions over libssl: the order of the frames on both sides. What is demanded of them is
 * in session_judge.c. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "ratls/presented.h"
#include "ratls/session.h"

#define STEP     "session"
#define MAX_HOST 255

struct mse_session {
    struct mse_verdict verdict;
    bool judged;
    struct mse_session_facts facts;
    unsigned char *peer_cert; /* OpenSSL's */
    struct mse_build frame;   /* the peer's */
    struct mse_frame_response response;
    struct mse_ratls_cert cert;
    /* What it was judged by, for another time; the host is empty if none was compared. */
    struct mse_session_ask ask;
    char host[MAX_HOST + 1];
    struct mse_build manifest; /* the one gone by, if it was the caller's */
};

/* One exchange that is going on. */
struct talk {
    struct mse_session *s;
    SSL *ssl;
    const struct mse_session_io *io;
    struct mse_error *err;
};

static struct mse_session *session_new(void)
{
    struct mse_session *s = calloc(1, sizeof *s);
    if (s != NULL) {
        mse_build_heap(&s->frame, MSE_SESSION_FRAME_MAX);
        mse_build_heap(&s->manifest, MSE_SESSION_FRAME_MAX);
    }
    return s;
}

void mse_session_free(struct mse_session *s)
{
    if (s != NULL) {
        OPENSSL_free(s->peer_cert);
        mse_build_clear(&s->frame);
        mse_build_clear(&s->manifest);
        free(s);
    }
}

/* ---- facts ---- */

static mse_status hash_own_key(struct mse_session_facts *f, const X509 *own)
{
    unsigned char *spki = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(own), &spki);
    mse_status st =
        len > 0 ? mse_sha256(f->own_spki_sha256, mse_bytes_of(spki, (size_t)len)) : MSE_ERR_CRYPTO;
    OPENSSL_free(spki);
    f->has_own_key = st == MSE_OK;
    return st;
}

/* The CA that one's own certificate claims, which evidence for the session has to name too. A
 * certificate that cannot be read, or has no evidence, names none. */
static bool read_own_ca(struct mse_session_facts *f, X509 *own)
{
    struct mse_ratls_cert c;
    unsigned char *der = NULL;
    int len = i2d_X509(own, &der);
    if (len > 0 && mse_ratls_read(&c, mse_bytes_of(der, (size_t)len), NULL) == MSE_OK &&
        c.claims.ca_hash.len == sizeof f->own_ca_sha256) {
        memcpy(f->own_ca_sha256, c.claims.ca_hash.data, sizeof f->own_ca_sha256);
        f->has_own_ca = true;
    }
    OPENSSL_free(der);
    return len > 0;
}

static mse_status read_facts(struct talk *t)
{
    struct mse_session_facts *f = &t->s->facts;
    const unsigned char *alpn = NULL;
    unsigned alpn_len = 0;
    SSL_get0_alpn_selected(t->ssl, &alpn, &alpn_len);
    f->tls13 = SSL_version(t->ssl) == TLS1_3_VERSION && SSL_is_init_finished(t->ssl) == 1;
    f->resumed = SSL_session_reused(t->ssl) == 1 ||
                 SSL_get_early_data_status(t->ssl) == SSL_EARLY_DATA_ACCEPTED;
    f->alpn = mse_bytes_of(alpn, alpn_len);
    X509 *peer = SSL_get0_peer_certificate(t->ssl);
    size_t len = 0;
    if (peer != NULL) {
        t->s->peer_cert = mse_ratls_presented(&len, peer, SSL_get_peer_cert_chain(t->ssl));
        if (t->s->peer_cert == NULL) {
            return MSE_FAIL(t->err, MSE_ERR_CRYPTO, STEP,
                            "the peer's certificate cannot be encoded");
        }
    }
    f->peer_cert = mse_bytes_of(t->s->peer_cert, len);
    X509 *own = SSL_get_certificate(t->ssl);
    if (own != NULL && (hash_own_key(f, own) != MSE_OK || !read_own_ca(f, own))) {
        return MSE_FAIL(t->err, MSE_ERR_CRYPTO, STEP, "one's own key cannot be hashed");
    }
    return MSE_OK;
}

static mse_status export_key(const struct talk *t, uint8_t out[32], const uint8_t nonce[32])
{
    static const char label[] = MSE_SESSION_EXPORTER_LABEL;
    if (SSL_export_keying_material(t->ssl, out, 32, label, sizeof label - 1, nonce,
                                   MSE_SESSION_NONCE_LEN, 1) != 1) {
        return MSE_FAIL(t->err, MSE_ERR_CRYPTO, STEP, "this TLS session exports no key");
    }
    return MSE_OK;
}

/* ---- frames ---- */

/* The peer's next frame, its body in s->frame. */
static mse_status receive(const struct talk *t, size_t max)
{
    uint8_t head[MSE_FRAME_HEAD];
    size_t len = 0;
    mse_status st = t->io->read(t->io->user, head, sizeof head, t->err);
    if (st == MSE_OK) {
        st = mse_frame_len(&len, head, max, t->err);
    }
    if (st != MSE_OK) {
        return st;
    }
    mse_build_reset(&t->s->frame);
    if (len == 0) {
        return MSE_OK; /* nothing is no CBOR: the reader says so */
    }
    uint8_t *room = mse_wr_space(&t->s->frame, len);
    if (room == NULL) {
        return MSE_FAIL(t->err, MSE_ERR_MEMORY, STEP, "no memory for %zu bytes", len);
    }
    return t->io->read(t->io->user, room, len, t->err);
}

static mse_status receive_response(const struct talk *t)
{
    struct mse_frame_response *r = &t->s->response;
    mse_status st = receive(t, MSE_SESSION_FRAME_MAX);
    if (st == MSE_OK) {
        st = mse_frame_response_read(r, mse_build_view(&t->s->frame), t->err);
    }
    if (st != MSE_OK || r->error.len == 0) {
        return st;
    }
    if (mse_bytes_is_str(r->error, MSE_FRAME_BUSY)) {
        return MSE_FAIL(t->err, MSE_ERR_BUSY, STEP, "the peer is busy, it says: again in %u ms",
                        r->retry_ms);
    }
    char word[MSE_FRAME_ERROR_MAX + 1];
    return MSE_FAIL(t->err, MSE_ERR_PEER_REFUSED, STEP, "the peer answered: %s",
                    mse_log_quote(word, sizeof word, r->error));
}

static mse_status send_response(const struct talk *t, const struct mse_frame_response *r)
{
    struct mse_build b;
    mse_build_heap(&b, MSE_FRAME_HEAD + MSE_SESSION_FRAME_MAX);
    mse_status st = mse_frame_response_write(&b, r);
    if (st == MSE_OK) {
        st = t->io->write(t->io->user, b.data, b.len, t->err);
    } else {
        (void)MSE_FAIL(t->err, st, STEP, "the response does not fit into one frame");
    }
    mse_build_clear(&b);
    return st;
}

static void send_error(const struct talk *t, const char *word)
{
    const struct mse_frame_response r = { .error = mse_bytes_str(word) };
    struct mse_error ignored = { .status = MSE_OK };
    const struct talk quiet = { t->s, t->ssl, t->io, &ignored };
    (void)!send_response(&quiet, &r); /* the reason was found before */
}

/* ---- evidence of one's own ---- */

static mse_status make_evidence(const struct talk *t, struct mse_build *out,
                                const struct mse_session_self *self, struct mse_session_words *w)
{
    uint8_t digest[32];
    if (!t->s->facts.has_own_key) {
        return MSE_FAIL(t->err, MSE_ERR_NO_EVIDENCE, STEP,
                        "this side has no certificate to make evidence for");
    }
    memcpy(w->spki_sha256, t->s->facts.own_spki_sha256, 32);
    if (self->manifest.len > 0) {
        mse_status st = mse_sha256(digest, self->manifest);
        if (st != MSE_OK) {
            return st;
        }
        w->manifest_sha256 = mse_bytes_of(digest, 32);
    }
    w->x25519 = self->x25519;
    w->boot = self->boot;
    w->key_origin = MSE_KEY_ORIGIN_ENCLAVE;
    w->ca_sha256 = mse_bytes_of(t->s->facts.own_ca_sha256, t->s->facts.has_own_ca ? 32 : 0);
    return mse_session_evidence_make(out, w, self->quote, self->quote_arg, t->err);
}

/* ---- judging the peer ---- */

/* Judges the peer's response, and keeps what it was judged by. */
static mse_status judge_peer(const struct talk *t, const struct mse_session_ask *ask,
                             const struct mse_session_judge *j)
{
    struct mse_session *s = t->s;
    size_t len = j->host == NULL ? 0 : strlen(j->host);
    if (len > MAX_HOST) {
        return MSE_FAIL(t->err, MSE_ERR_ARGUMENT, STEP, "a host of %zu characters", len);
    }
    s->ask = *ask;
    if (len > 0) {
        memcpy(s->host, j->host, len);
    }
    mse_wr_bytes(&s->manifest, j->manifest);
    if (!mse_build_ok(&s->manifest)) {
        return MSE_FAIL(t->err, MSE_ERR_MEMORY, STEP, "no memory for the manifest");
    }
    s->judged = true;
    return mse_session_appraise(&s->verdict, &s->cert, &s->facts, &s->response, ask, j, t->err);
}

mse_status mse_session_judge_again(struct mse_session *s, const struct mse_session_judge *by,
                                   struct mse_error *err)
{
    struct mse_session_judge j = *by;
    j.host = s->host[0] == '\0' ? NULL : s->host;
    j.manifest = mse_build_view(&s->manifest);
    if (!s->judged) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "no peer was judged in this session");
    }
    return mse_session_appraise(&s->verdict, &s->cert, &s->facts, &s->response, &s->ask, &j, err);
}

/* ---- the client ---- */

static mse_status send_request(const struct talk *t, const struct mse_session_client_config *c,
                               const uint8_t nonce[32])
{
    uint8_t buf[MSE_FRAME_HEAD + MSE_FRAME_REQUEST_MAX];
    struct mse_build b;
    struct mse_frame_request q = { .fresh = c->level == 1,
                                   .collateral = c->want_collateral,
                                   .manifest = c->judge.manifest.len == 0 };
    memcpy(q.nonce.bytes, nonce, sizeof q.nonce.bytes);
    mse_build_fixed(&b, buf, sizeof buf);
    mse_status st = mse_frame_request_write(&b, &q);
    MSE_ASSERT(st == MSE_OK); /* every request fits */
    return t->io->write(t->io->user, b.data, b.len, t->err);
}

/* Evidence for a replica is none for a user, and the other way round. */
static enum mse_ratls_role server_role(const struct mse_session_self *self)
{
    return self != NULL && self->replica ? MSE_ROLE_REPLICA_SERVER : MSE_ROLE_SERVER_SESSION;
}

static enum mse_ratls_role client_role(const struct mse_session_self *self)
{
    return self->replica ? MSE_ROLE_REPLICA_CLIENT : MSE_ROLE_CLIENT_SESSION;
}

/* The third frame, if the server asked for one. */
static mse_status answer_server(const struct talk *t, const struct mse_session_client_config *c)
{
    uint8_t exporter[32];
    struct mse_build evidence;
    struct mse_bytes nonce = t->s->response.nonce;
    if (nonce.len == 0) {
        return MSE_OK;
    }
    if (c->self == NULL) {
        return MSE_FAIL(t->err, MSE_ERR_NO_EVIDENCE, STEP,
                        "the server demands evidence of this side, which has none");
    }
    mse_status st = export_key(t, exporter, nonce.data);
    if (st != MSE_OK) {
        return st;
    }
    struct mse_session_words w = { .role = client_role(c->self),
                                   .nonce = nonce,
                                   .exporter = mse_bytes_of(exporter, 32) };
    mse_build_heap(&evidence, MSE_SESSION_EVIDENCE_MAX);
    st = make_evidence(t, &evidence, c->self, &w);
    if (st == MSE_OK) {
        const struct mse_frame_response r = { .evidence = mse_build_view(&evidence),
                                              .collateral = c->self->collateral };
        st = send_response(t, &r);
    }
    mse_build_clear(&evidence);
    return st;
}

static mse_status client_talk(struct talk *t, const struct mse_session_client_config *c)
{
    struct mse_session_ask ask = { .role =
                                       c->level == 1 ? MSE_ROLE_SERVER_FRESH : server_role(c->self),
                                   .level = c->level };
    mse_status st = read_facts(t);
    if (st == MSE_OK) {
        st = mse_session_facts_check(&t->s->facts, c->alpn == NULL ? MSE_SESSION_ALPN : c->alpn,
                                     t->err);
    }
    if (st == MSE_OK) {
        st = mse_random(ask.nonce, sizeof ask.nonce);
    }
    if (st == MSE_OK && c->level == 2) {
        st = export_key(t, ask.exporter, ask.nonce);
    }
    if (st == MSE_OK) {
        st = send_request(t, c, ask.nonce);
    }
    if (st == MSE_OK) {
        st = receive_response(t);
    }
    if (st != MSE_OK) {
        return st;
    }
    st = judge_peer(t, &ask, &c->judge);
    return st == MSE_OK ? answer_server(t, c) : st;
}

/* Hands the session out where the caller is told that there is one: never one whose verdict accepts
 * while the session failed. */
static mse_status finish(struct mse_session **out, struct mse_session *s, mse_status st)
{
    bool refused = s != NULL && s->judged && !s->verdict.accepted;
    bool keep = out != NULL && s != NULL && (st == MSE_OK || st == MSE_ERR_BUSY || refused);
    if (out != NULL) {
        *out = keep ? s : NULL;
    }
    if (!keep) {
        mse_session_free(s);
    }
    return st;
}

mse_status mse_session_client_over(struct mse_session **out, struct ssl_st *ssl,
                                   const struct mse_session_io *io,
                                   const struct mse_session_client_config *c, struct mse_error *err)
{
    struct mse_session *s = NULL;
    if (c->judge.host == NULL || (c->level != 1 && c->level != 2)) {
        *out = NULL;
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, STEP, "level %u%s, wanted 1 or 2 and a host",
                        c->level, c->judge.host == NULL ? " and no host" : "");
    }
    s = session_new();
    if (s == NULL) {
        *out = NULL;
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    struct talk t = { s, ssl, io, err };
    return finish(out, s, client_talk(&t, c));
}

/* ---- the server ---- */

static mse_status refuse_request(const struct talk *t, mse_status st)
{
    send_error(t, MSE_FRAME_BAD_REQUEST);
    return st;
}

static mse_status receive_request(const struct talk *t, struct mse_frame_request *q,
                                  const struct mse_session_server_config *c)
{
    mse_status st = receive(t, MSE_FRAME_REQUEST_MAX);
    if (st == MSE_OK) {
        st = mse_frame_request_read(q, mse_build_view(&t->s->frame), t->err);
    }
    if (st != MSE_OK) {
        return refuse_request(t, st);
    }
    /* Level 1 ties nothing to this session: nothing of an application may follow it. */
    if (q->fresh && (c->clients != NULL || !mse_bytes_is_str(t->s->facts.alpn, MSE_SESSION_ALPN))) {
        return refuse_request(t, MSE_FAIL(t->err, MSE_ERR_PROTOCOL, STEP,
                                          "level 1 asked for where level 2 is needed"));
    }
    return MSE_OK;
}

/* Words and audit path of level 1 for one nonce, or words of level 2. room: 64 bytes, the nonce
 * and exporter of the claims. */
static mse_status server_words(const struct talk *t, struct mse_session_words *w,
                               struct mse_frame_response *r, const struct mse_frame_request *q,
                               uint8_t room[64])
{
    mse_status st = MSE_OK;
    w->nonce = mse_bytes_of(room, 32);
    if (!q->fresh) {
        memcpy(room, q->nonce.bytes, 32);
        w->exporter = mse_bytes_of(room + 32, 32);
        return export_key(t, room + 32, q->nonce.bytes);
    }
    r->has_audit = true;
    st = mse_nonces_path(&r->audit, &q->nonce, 1, 0);
    return st == MSE_OK ? mse_nonces_root(room, &q->nonce, 1) : st;
}

static mse_status answer_request(const struct talk *t, const struct mse_session_server_config *c,
                                 const struct mse_frame_request *q, struct mse_bytes nonce)
{
    uint8_t room[64];
    struct mse_build evidence;
    struct mse_session_words w = { .role =
                                       q->fresh ? MSE_ROLE_SERVER_FRESH : server_role(&c->self) };
    struct mse_frame_response r = { .nonce = nonce };
    mse_status st = server_words(t, &w, &r, q, room);
    mse_build_heap(&evidence, MSE_SESSION_EVIDENCE_MAX);
    if (st == MSE_OK) {
        st = make_evidence(t, &evidence, &c->self, &w);
    }
    if (st != MSE_OK) {
        send_error(t, MSE_FRAME_FAILED);
    } else {
        r.evidence = mse_build_view(&evidence);
        r.manifest = q->manifest ? c->self.manifest : r.manifest;
        r.collateral = q->collateral ? c->self.collateral : r.collateral;
        st = send_response(t, &r);
    }
    mse_build_clear(&evidence);
    return st;
}

static mse_status judge_client(const struct talk *t, const struct mse_session_judge *j,
                               struct mse_session_ask *ask)
{
    struct mse_session *s = t->s;
    mse_status st = export_key(t, ask->exporter, ask->nonce);
    if (st == MSE_OK) {
        st = receive_response(t);
    }
    if (st != MSE_OK) {
        return st;
    }
    if (s->response.manifest.len > 0 || s->response.nonce.len > 0) {
        return MSE_FAIL(t->err, MSE_ERR_FRAME_MALFORMED, STEP,
                        "a client's evidence with a manifest or a nonce");
    }
    return judge_peer(t, ask, j);
}

static mse_status server_talk(struct talk *t, const struct mse_session_server_config *c)
{
    struct mse_frame_request q;
    struct mse_session_ask ask = { .role = client_role(&c->self), .level = 2 };
    mse_status st = read_facts(t);
    if (st == MSE_OK) {
        st = mse_session_facts_check(&t->s->facts, c->alpn, t->err);
    }
    if (st == MSE_OK && c->clients != NULL && t->s->facts.peer_cert.len == 0) {
        st = MSE_FAIL(t->err, MSE_ERR_NO_EVIDENCE, STEP, "the client presented no certificate");
    }
    if (st == MSE_OK) {
        st = receive_request(t, &q, c);
    }
    if (st == MSE_OK && c->clients != NULL) {
        st = mse_random(ask.nonce, sizeof ask.nonce);
    }
    if (st == MSE_OK) {
        st = answer_request(t, c, &q,
                            mse_bytes_of(ask.nonce, c->clients != NULL ? sizeof ask.nonce : 0));
    }
    return st == MSE_OK && c->clients != NULL ? judge_client(t, c->clients, &ask) : st;
}

/* ---- over ssl's own transport ---- */

static mse_status ended(SSL *ssl, int rc, struct mse_error *err)
{
    int why = SSL_get_error(ssl, rc);
    ERR_clear_error();
    if (why == SSL_ERROR_ZERO_RETURN) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, STEP, "the peer ended the session");
    }
    return MSE_FAIL(err, MSE_ERR_IO, STEP, "the connection broke, or its time is over");
}

mse_status mse_session_ssl_read(void *user, void *buf, size_t len, struct mse_error *err)
{
    uint8_t *p = buf;
    while (len > 0) {
        size_t n = 0;
        int rc = SSL_read_ex(user, p, len, &n);
        if (rc != 1) {
            return ended(user, rc, err);
        }
        p += n;
        len -= n;
    }
    return MSE_OK;
}

mse_status mse_session_ssl_write(void *user, const void *buf, size_t len, struct mse_error *err)
{
    size_t n = 0;
    int rc = SSL_write_ex(user, buf, len, &n);
    return rc == 1 && n == len ? MSE_OK : ended(user, rc, err);
}

mse_status mse_session_client(struct mse_session **out, struct ssl_st *ssl,
                              const struct mse_session_client_config *c, struct mse_error *err)
{
    const struct mse_session_io io = { ssl, mse_session_ssl_read, mse_session_ssl_write };
    return mse_session_client_over(out, ssl, &io, c, err);
}

mse_status mse_session_server(struct mse_session **out, struct ssl_st *ssl,
                              const struct mse_session_server_config *c, struct mse_error *err)
{
    const struct mse_session_io io = { ssl, mse_session_ssl_read, mse_session_ssl_write };
    struct mse_session *s = session_new();
    if (s == NULL) {
        return finish(out, NULL, MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory"));
    }
    struct talk t = { s, ssl, &io, err };
    return finish(out, s, server_talk(&t, c));
}

/* ---- what came of it ---- */

const struct mse_verdict *mse_session_verdict(const struct mse_session *s)
{
    return s->judged ? &s->verdict : NULL;
}

struct mse_bytes mse_session_evidence(const struct mse_session *s)
{
    return s->response.evidence;
}

struct mse_bytes mse_session_manifest(const struct mse_session *s)
{
    return s->response.manifest;
}

struct mse_bytes mse_session_collateral(const struct mse_session *s)
{
    return s->response.collateral;
}

const struct mse_ratls_claims *mse_session_claims(const struct mse_session *s)
{
    return s->judged && s->verdict.accepted ? &s->cert.claims : NULL;
}

const struct mse_ratls_cert *mse_session_cert_borrow(const struct mse_session *s)
{
    return &s->cert;
}

bool mse_session_was_mutual(const struct mse_session *s)
{
    return s->response.nonce.len > 0;
}

uint32_t mse_session_retry_ms(const struct mse_session *s)
{
    return s->response.error.len > 0 ? s->response.retry_ms : 0;
}
