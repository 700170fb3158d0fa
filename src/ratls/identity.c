/* SPDX-License-Identifier: Apache-2.0 */
/* See identity.h. The quote comes from the caller: a driver of the runtime, or what the user of the
 * library has. */
#include "ratls/identity.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "ratls/make.h"
#include "ratls/presented.h"
#include "ratls/tls13.h"

#define MAX_CLAIMS   ((size_t)4096)
#define MAX_QUOTE    ((size_t)16 * 1024) /* more does not fit into a certificate */
#define MAX_EVIDENCE (MAX_QUOTE + MAX_CLAIMS + 64)

struct mse_ratls_identity {
    struct mse_privkey *key;
    struct mse_build cert;
};

/* What a certificate is made of; all of it on the heap. */
struct parts {
    const struct mse_ratls_identity_params *p;
    const struct mse_privkey *key;
    struct mse_privkey *ca; /* NULL: none; lives as long as this */
    uint8_t ca_sha256[32];
    uint8_t spki_sha256[32];
    struct mse_build claims;
    struct mse_build quote;
    struct mse_build legacy;
    struct mse_build evidence;
};

/* Claims of the role server-static, and report data over exactly them. */
static mse_status make_claims(struct parts *w, uint8_t report_data[64], struct mse_error *err)
{
    struct mse_ratls_claims_params c = {
        .role = MSE_ROLE_SERVER_STATIC,
        .manifest = w->p->manifest,
        .x25519 = w->p->x25519,
        .boot = w->p->boot,
        .key_origin = MSE_KEY_ORIGIN_ENCLAVE,
        .ca_sha256 = mse_bytes_of(w->ca_sha256, w->ca != NULL ? sizeof w->ca_sha256 : 0),
    };
    memcpy(c.spki_sha256, w->spki_sha256, sizeof c.spki_sha256);
    mse_status st = mse_ratls_claims_make(&w->claims, &c);
    if (st == MSE_OK) {
        st = mse_ratls_report_data(report_data, mse_build_view(&w->claims));
    }
    return st == MSE_OK
               ? st
               : MSE_FAIL(err, st, "identity", "no claims can be made: %s", mse_status_text(st));
}

static mse_status get_quote(const struct parts *w, struct mse_build *quote,
                            const uint8_t report_data[64], struct mse_error *err)
{
    size_t len = 0;
    uint8_t *room = mse_wr_space(quote, MAX_QUOTE);
    if (room == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "identity", "out of memory");
    }
    mse_status st = w->p->quote(w->p->quote_arg, room, MAX_QUOTE, &len, report_data, err);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "quote", "the TEE gives no quote: %s", mse_status_text(st));
    }
    if (len == 0 || len > MAX_QUOTE) {
        return MSE_FAIL(err, MSE_ERR_PROTOCOL, "quote", "a quote of %zu bytes, wanted 1 to %zu",
                        len, MAX_QUOTE);
    }
    quote->len = len;
    return MSE_OK;
}

static mse_status make_quotes(struct parts *w, struct mse_error *err)
{
    uint8_t report_data[64] = { 0 };
    mse_status st = mse_privkey_spki_sha256(w->key, w->spki_sha256);
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "identity", "the key is unusable");
    }
    st = make_claims(w, report_data, err);
    if (st == MSE_OK) {
        st = get_quote(w, &w->quote, report_data, err);
    }
    if (st != MSE_OK || !w->p->legacy_extension) {
        return st;
    }
    /* Verifiers of the older extension want SHA-256 of the public key, and zeros. */
    memset(report_data, 0, sizeof report_data);
    memcpy(report_data, w->spki_sha256, sizeof w->spki_sha256);
    return get_quote(w, &w->legacy, report_data, err);
}

static mse_status make_evidence(struct parts *w, struct mse_error *err)
{
    mse_status st = mse_ratls_evidence_make(&w->evidence, mse_build_view(&w->quote),
                                            mse_build_view(&w->claims));
    return st == MSE_OK ? st : MSE_FAIL(err, st, "identity", "the evidence does not fit");
}

/* One CA for all names of the key; each has a certificate of it, restricted to that name. */
static mse_status make_ca(struct parts *w, struct mse_error *err)
{
    mse_status st = mse_privkey_generate_p256(&w->ca);
    st = st == MSE_OK ? mse_privkey_spki_sha256(w->ca, w->ca_sha256) : st;
    return st == MSE_OK ? st : MSE_FAIL(err, st, "identity", "no CA can be made");
}

static mse_status put_ca(struct mse_build *out, const struct parts *w, const char *name,
                         struct mse_error *err)
{
    const struct mse_ratls_ca_params c = {
        .key = w->ca, .dns_name = name, .not_before = w->p->not_before, .not_after = w->p->not_after
    };
    return w->ca == NULL ? MSE_OK : mse_ratls_ca_make(out, &c, err);
}

static mse_status make_cert(struct mse_build *out, const struct parts *w, const char *name,
                            struct mse_error *err)
{
    const struct mse_ratls_cert_params c = {
        .key = w->key,
        .dns_name = name,
        .not_before = w->p->not_before,
        .not_after = w->p->not_after,
        .evidence = mse_build_view(&w->evidence),
        .legacy_quote = mse_build_view(&w->legacy),
        .ca = w->ca,
    };
    mse_status st = mse_ratls_cert_make(out, &c, err);
    return st == MSE_OK ? put_ca(out, w, name, err) : st;
}

mse_status mse_ratls_issue_names(struct mse_build *const *outs, const char *const *names,
                                 size_t num, const struct mse_privkey *key,
                                 const struct mse_ratls_identity_params *p, struct mse_error *err)
{
    struct parts w = { .p = p, .key = key };
    mse_build_heap(&w.claims, MAX_CLAIMS);
    mse_build_heap(&w.quote, MAX_QUOTE);
    mse_build_heap(&w.legacy, MAX_QUOTE);
    mse_build_heap(&w.evidence, MAX_EVIDENCE);
    mse_status st = p->ca ? make_ca(&w, err) : MSE_OK;
    st = st == MSE_OK ? make_quotes(&w, err) : st;
    if (st == MSE_OK) {
        st = make_evidence(&w, err);
    }
    for (size_t i = 0; st == MSE_OK && i < num; i++) {
        st = make_cert(outs[i], &w, names[i], err);
    }
    mse_privkey_free(w.ca); /* nobody signs with it again */
    mse_build_clear(&w.claims);
    mse_build_clear(&w.quote);
    mse_build_clear(&w.legacy);
    mse_build_clear(&w.evidence);
    return st;
}

mse_status mse_ratls_issue(struct mse_build *out, const struct mse_privkey *key,
                           const struct mse_ratls_identity_params *p, struct mse_error *err)
{
    return mse_ratls_issue_names(&out, &p->name, 1, key, p, err);
}

mse_status mse_ratls_identity_new(struct mse_ratls_identity **out,
                                  const struct mse_ratls_identity_params *p, struct mse_error *err)
{
    struct mse_ratls_identity *id = calloc(1, sizeof *id);
    if (id == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "identity", "out of memory");
    }
    mse_build_heap(&id->cert, MAX_EVIDENCE);
    mse_status st = mse_privkey_generate_p256(&id->key);
    st = st == MSE_OK ? mse_ratls_issue(&id->cert, id->key, p, err)
                      : MSE_FAIL(err, st, "identity", "no key can be made");
    if (st != MSE_OK) {
        mse_ratls_identity_free(id);
        return st;
    }
    *out = id;
    return MSE_OK;
}

struct mse_bytes mse_ratls_identity_cert(const struct mse_ratls_identity *id)
{
    return mse_build_view(&id->cert);
}

void mse_ratls_identity_free(struct mse_ratls_identity *id)
{
    if (id != NULL) {
        mse_privkey_free(id->key);
        mse_build_clear(&id->cert);
        free(id);
    }
}

mse_status mse_ratls_ctx_use(struct ssl_ctx_st *ctx, const struct mse_ratls_identity *id,
                             struct mse_error *err)
{
    bool ok = mse_tls13_only(ctx) && mse_ratls_use_certs(ctx, mse_build_view(&id->cert)) &&
              SSL_CTX_use_PrivateKey(ctx, mse_privkey_evp_borrow(id->key)) == 1;
    return ok ? MSE_OK
              : MSE_FAIL(err, MSE_ERR_CRYPTO, "tls", "the context takes no certificate and key");
}
