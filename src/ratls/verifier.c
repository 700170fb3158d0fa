/* SPDX-License-Identifier: Apache-2.0 */
/* The peer's certificate judged inside OpenSSL's handshake, in the place of its PKI (level 0). What
 * was found is kept with the connection. There is no global state of ours: OpenSSL's slot for it
 * belongs to the verifier. */
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include <time.h>

#include <mse/appraiser.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "ratls/check.h"
#include "ratls/presented.h"
#include "ratls/session.h"
#include "ratls/tls13.h"
#include "ratls/verifier.h"

/* What peers are judged by. Never changed; freed with the last handshake that uses it. */
struct rules {
    size_t refs; /* under the verifier's lock */
    struct mse_policy policy;
    const struct mse_collateral *collateral; /* a copy, of the verifier's appraiser */
};

/* Proofs of logs, with their bytes behind them. Never changed; freed as rules are. */
struct logs {
    size_t refs; /* under the verifier's lock */
    size_t num;
    struct mse_bytes items[];
};

struct mse_ratls_verifier {
    int slot; /* of OpenSSL's ex_data of an SSL */
    CRYPTO_RWLOCK *lock;
    struct rules *rules; /* under lock */
    struct logs *logs;   /* under lock; NULL: none */
    struct mse_appraiser *appraiser;
    mse_ratls_now_fn *now;
    void *now_arg;
    bool insecure_any_name;
};

/* What lies in the slot. */
struct judged {
    bool deferred; /* nobody is judged in this handshake */
    struct mse_ratls_peer peer;
    uint8_t der[];
};

/* ---- policy, collateral, proofs of logs ---- */

/* The same peers come back: the appraiser knows their platforms. NULL if out of memory. */
static struct rules *rules_new(struct mse_appraiser *a, const struct mse_policy *policy,
                               const struct mse_collateral *c)
{
    struct rules *r = calloc(1, sizeof *r);
    if (r == NULL || mse_appraiser_collateral(a, &r->collateral, c, NULL) != MSE_OK) {
        free(r);
        return NULL;
    }
    r->refs = 1;
    r->policy = *policy;
    return r;
}

static void rules_free(struct rules *r)
{
    if (r != NULL) {
        mse_appraiser_release(r->collateral);
    }
    free(r);
}

/* The lock cannot fail but for misuse; without it nothing may go on. */
static void lock(const struct mse_ratls_verifier *v)
{
    MSE_ASSERT(CRYPTO_THREAD_write_lock(v->lock) == 1);
}

static void unlock(const struct mse_ratls_verifier *v)
{
    MSE_ASSERT(CRYPTO_THREAD_unlock(v->lock) == 1);
}

/* What one judgement goes by. */
struct held {
    struct rules *rules;
    struct logs *logs;
};

static struct held hold(const struct mse_ratls_verifier *v)
{
    lock(v);
    const struct held h = { v->rules, v->logs };
    h.rules->refs++;
    if (h.logs != NULL) {
        h.logs->refs++;
    }
    unlock(v);
    return h;
}

/* Either may be NULL. */
static void release(const struct mse_ratls_verifier *v, struct held h)
{
    lock(v);
    bool last_rules = h.rules != NULL && --h.rules->refs == 0;
    bool last_logs = h.logs != NULL && --h.logs->refs == 0;
    unlock(v);
    if (last_rules) {
        rules_free(h.rules);
    }
    if (last_logs) {
        free(h.logs);
    }
}

static struct mse_log_proofs proofs_of(const struct logs *l)
{
    return (struct mse_log_proofs) { l == NULL ? NULL : l->items, l == NULL ? 0 : l->num };
}

/* NULL if out of memory. */
static struct logs *logs_new(const struct mse_log_proofs *proofs)
{
    size_t len = 0;
    for (size_t i = 0; i < proofs->num; i++) {
        len += proofs->items[i].len;
    }
    size_t head = sizeof(struct logs) + proofs->num * sizeof proofs->items[0];
    struct logs *l = calloc(1, head + len);
    uint8_t *at = (uint8_t *)l + head;
    for (size_t i = 0; l != NULL && i < proofs->num; i++) {
        struct mse_bytes from = proofs->items[i];
        if (from.len > 0) {
            memcpy(at, from.data, from.len);
        }
        l->items[i] = mse_bytes_of(at, from.len);
        at += from.len;
    }
    if (l != NULL) {
        l->refs = 1;
        l->num = proofs->num;
    }
    return l;
}

/* ---- one peer ---- */

/* Of a connection that is being judged. */
struct judge {
    const struct mse_ratls_verifier *v;
    const struct rules *rules;
    struct mse_log_proofs logs;
    SSL *ssl;
    struct mse_ratls_peer *peer;
    mse_time at;
};

static void add(const struct judge *j, enum mse_step step, mse_status st, const char *seen,
                const char *wanted)
{
    mse_verdict_add(&j->peer->verdict, step, st, seen, wanted, NULL);
    if (st != MSE_OK) {
        (void)MSE_FAIL(&j->peer->error, st, mse_step_name(step), "%s; wanted %s", seen, wanted);
    }
}

/* The key that this side presents is not one that a peer may present: what comes back would be our
 * own evidence, reflected. */
static void judge_own_key(const struct judge *j)
{
    unsigned char *der = NULL;
    EVP_PKEY *own = SSL_get_privatekey(j->ssl);
    int len = own == NULL ? 0 : i2d_PUBKEY(own, &der);
    if (own != NULL) {
        bool other =
            len > 0 && !mse_bytes_equal(j->peer->cert.spki, mse_bytes_of(der, (size_t)len));
        add(j, MSE_STEP_BINDING, other ? MSE_OK : MSE_ERR_SESSION_REFLECTED,
            other ? "not our own key" : "our own key, reflected", "a key of the peer's own");
    }
    OPENSSL_free(der);
}

/* Which name the application expects; to be freed by OpenSSL. NULL: none. */
static char *expected_name(SSL *ssl)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    const char *host = X509_VERIFY_PARAM_get0_host(param, 0);
    return host != NULL ? OPENSSL_strdup(host) : X509_VERIFY_PARAM_get1_ip_asc(param);
}

static bool expects_several(SSL *ssl)
{
    return X509_VERIFY_PARAM_get0_host(SSL_get0_param(ssl), 1) != NULL;
}

/* What mse_ratls_appraise leaves to its caller. */
static void judge_connection(const struct judge *j, bool has_name)
{
    struct mse_ratls_peer *p = j->peer;
    if (!has_name) {
        mse_ratls_judge_dates(&p->verdict, &p->cert, j->at, &p->error);
    }
    if (!has_name && SSL_is_server(j->ssl) == 0 && !j->v->insecure_any_name) {
        add(j, MSE_STEP_NAME, MSE_ERR_CERTIFICATE_NAME, "no host was named with SSL_set1_host",
            "the name of the server");
    }
    if (expects_several(j->ssl)) {
        add(j, MSE_STEP_NAME, MSE_ERR_CERTIFICATE_NAME, "several hosts were named",
            "the name of the server, alone");
    }
    judge_own_key(j);
}

static void judge_peer(const struct judge *j, struct mse_bytes der)
{
    struct mse_ratls_peer *p = j->peer;
    char *name = expected_name(j->ssl);
    (void)!mse_ratls_appraise(&p->verdict, &p->cert, &p->binding, der, name, j->rules->collateral,
                              &j->rules->policy, j->at, &p->error);
    p->has_cert = p->cert.der.len > 0;
    if (p->has_cert) {
        judge_connection(j, name != NULL);
    }
    OPENSSL_free(name);
    mse_session_judge_logs(&p->verdict, &j->rules->policy, &j->logs);
    mse_verdict_set_level(&p->verdict, 0, &j->rules->policy);
    p->status = p->verdict.status;
    const struct mse_check *failure = mse_verdict_failure(&p->verdict);
    if (failure != NULL) {
        (void)MSE_FAIL(&p->error, failure->status, mse_step_name(failure->step), "%s; wanted %s",
                       failure->seen, failure->wanted);
    }
}

/* Puts j in the slot; what was there is freed. */
static bool keep(const struct mse_ratls_verifier *v, SSL *ssl, struct judged *j)
{
    void *old = SSL_get_ex_data(ssl, v->slot);
    if (SSL_set_ex_data(ssl, v->slot, j) != 1) {
        return false;
    }
    free(old);
    return true;
}

/* A copy of the certificates, with room for what is found; in the slot. NULL on failure. */
static struct judged *judged_new(const struct mse_ratls_verifier *v, SSL *ssl,
                                 const X509_STORE_CTX *store, struct mse_bytes *out_der)
{
    size_t len = 0;
    X509 *cert = X509_STORE_CTX_get0_cert(store);
    unsigned char *der =
        cert == NULL ? NULL : mse_ratls_presented(&len, cert, X509_STORE_CTX_get0_untrusted(store));
    struct judged *j = der == NULL ? NULL : calloc(1, sizeof *j + len);
    if (j != NULL) {
        j->peer.status = MSE_ERR_CRYPTO; /* until it is judged */
        memcpy(j->der, der, len);
        *out_der = mse_bytes_of(j->der, len);
    }
    OPENSSL_free(der);
    if (j != NULL && !keep(v, ssl, j)) {
        free(j);
        return NULL;
    }
    return j;
}

static mse_time now_of(const struct mse_ratls_verifier *v)
{
    return v->now != NULL ? v->now(v->now_arg) : (mse_time)time(NULL);
}

/* OpenSSL calls this in the place of X509_verify_cert; 1 accepts. */
static int on_certificate(X509_STORE_CTX *store, void *arg)
{
    const struct mse_ratls_verifier *v = arg;
    struct mse_bytes der;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct judged *before = SSL_get_ex_data(ssl, v->slot);
    bool deferred = before != NULL && before->deferred;
    (void)keep(v, ssl, NULL);
    if (deferred) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    struct judged *found = judged_new(v, ssl, store, &der);
    if (found == NULL) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    const struct held held = hold(v);
    const struct judge j = { .v = v,
                             .rules = held.rules,
                             .logs = proofs_of(held.logs),
                             .ssl = ssl,
                             .peer = &found->peer,
                             .at = now_of(v) };
    judge_peer(&j, der);
    release(v, held);
    bool ok = found->peer.status == MSE_OK && found->peer.verdict.accepted;
    X509_STORE_CTX_set_error(store, ok ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return ok ? 1 : 0;
}

const struct mse_ratls_peer *mse_ratls_ssl_peer(const struct mse_ratls_verifier *v,
                                                const struct ssl_st *ssl)
{
    /* What an earlier use of the object left says nothing of a new or a resumed session. */
    if (SSL_in_before(ssl) != 0 || SSL_session_reused(ssl) != 0) {
        return NULL;
    }
    const struct judged *j = SSL_get_ex_data(ssl, v->slot);
    return j == NULL || j->deferred ? NULL : &j->peer;
}

/* ---- for sessions ---- */

bool mse_verifier_defer(const struct mse_ratls_verifier *v, struct ssl_st *ssl)
{
    struct judged *j = calloc(1, sizeof *j);
    if (j == NULL) {
        return false;
    }
    j->deferred = true;
    j->peer.status = MSE_ERR_CRYPTO;
    if (!keep(v, ssl, j)) {
        free(j);
        return false;
    }
    return true;
}

void mse_verifier_defer_end(const struct mse_ratls_verifier *v, struct ssl_st *ssl)
{
    const struct judged *j = SSL_get_ex_data(ssl, v->slot);
    if (j != NULL && j->deferred) {
        (void)keep(v, ssl, NULL);
    }
}

void mse_verifier_hold(struct mse_verifier_now *out, const struct mse_ratls_verifier *v)
{
    const struct held h = hold(v);
    *out = (struct mse_verifier_now) { .policy = &h.rules->policy,
                                       .collateral = h.rules->collateral,
                                       .logs = proofs_of(h.logs),
                                       .at = now_of(v),
                                       .held = { h.rules, h.logs } };
}

void mse_verifier_release(const struct mse_ratls_verifier *v, struct mse_verifier_now *n)
{
    release(v, (struct held) { n->held[0], n->held[1] });
    n->held[0] = NULL;
    n->held[1] = NULL;
}

/* ---- OpenSSL's slot ---- */

static void on_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int slot, long argl, void *argp)
{
    (void)parent;
    (void)ad;
    (void)slot;
    (void)argl;
    (void)argp;
    free(ptr);
}

/* SSL_dup: the copy has not judged anybody. */
static int on_dup(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **from_d, int slot,
                  long argl, void *argp)
{
    (void)to;
    (void)from;
    (void)slot;
    (void)argl;
    (void)argp;
    *from_d = NULL;
    return 1;
}

/* ---- contexts ---- */

mse_status mse_ratls_ctx_verify(struct ssl_ctx_st *ctx, struct mse_ratls_verifier *v,
                                struct mse_error *err)
{
    if (!mse_tls13_only(ctx)) {
        return MSE_FAIL(err, MSE_ERR_CRYPTO, "tls", "the context cannot do TLS 1.3 alone");
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, on_certificate, v);
    return MSE_OK;
}

mse_status mse_ratls_verifier_new(struct mse_ratls_verifier **out,
                                  const struct mse_ratls_verifier_params *p, struct mse_error *err)
{
    struct mse_ratls_verifier *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "verifier", "out of memory");
    }
    v->now = p->now;
    v->now_arg = p->now_arg;
    v->insecure_any_name = p->insecure_any_name;
    v->slot = SSL_get_ex_new_index(0, NULL, NULL, on_dup, on_free);
    v->lock = CRYPTO_THREAD_lock_new();
    v->appraiser = mse_appraiser_new(NULL);
    v->rules = v->appraiser == NULL ? NULL : rules_new(v->appraiser, p->policy, p->collateral);
    if (v->slot < 0 || v->lock == NULL || v->rules == NULL) {
        mse_ratls_verifier_free(v);
        return MSE_FAIL(err, MSE_ERR_MEMORY, "verifier", "out of memory");
    }
    *out = v;
    return MSE_OK;
}

mse_status mse_ratls_verifier_update(struct mse_ratls_verifier *v, const struct mse_policy *policy,
                                     const struct mse_collateral *collateral, struct mse_error *err)
{
    struct rules *r = rules_new(v->appraiser, policy, collateral);
    if (r == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "verifier", "out of memory");
    }
    lock(v);
    struct rules *old = v->rules;
    v->rules = r;
    unlock(v);
    release(v, (struct held) { old, NULL });
    return MSE_OK;
}

mse_status mse_ratls_verifier_set_logs(struct mse_ratls_verifier *v,
                                       const struct mse_log_proofs *proofs, struct mse_error *err)
{
    struct logs *l = logs_new(proofs);
    if (l == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "verifier", "out of memory");
    }
    lock(v);
    struct logs *old = v->logs;
    v->logs = l;
    unlock(v);
    release(v, (struct held) { NULL, old });
    return MSE_OK;
}

void mse_ratls_verifier_free(struct mse_ratls_verifier *v)
{
    if (v == NULL) {
        return;
    }
    if (v->slot >= 0) {
        (void)CRYPTO_free_ex_index(CRYPTO_EX_INDEX_SSL, v->slot);
    }
    CRYPTO_THREAD_lock_free(v->lock);
    rules_free(v->rules);
    free(v->logs);
    mse_appraiser_free(v->appraiser);
    free(v);
}
