/* SPDX-License-Identifier: Apache-2.0 */
/* See identity.h. Level 0 evidence: claims over the key and the manifest, quoted once. */
#include "enclave/identity.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "ratls/make.h"

#define MAX_SPKI     ((size_t)1024)
#define MAX_CLAIMS   ((size_t)4096)
#define MAX_EVIDENCE ((size_t)64 * 1024)
#define EARLY        3600 /* clocks of verifiers may be behind */

static mse_status hash_spki(uint8_t out[32], const struct mse_privkey *key)
{
    uint8_t buf[MAX_SPKI];
    struct mse_build spki;
    mse_build_fixed(&spki, buf, sizeof buf);
    mse_status st = mse_privkey_spki(key, &spki);
    return st == MSE_OK ? mse_sha256(out, mse_build_view(&spki)) : st;
}

/* Claims of the role server-static, and report data over exactly them. */
static mse_status make_claims(struct mse_build *claims, uint8_t report_data[64],
                              const struct mse_privkey *key, const uint8_t manifest_digest[32])
{
    struct mse_ratls_claims_params p = {
        .role = MSE_ROLE_SERVER_STATIC,
        .manifest = mse_bytes_of(manifest_digest, 32),
    };
    mse_status st = hash_spki(p.spki_sha256, key);
    if (st == MSE_OK) {
        st = mse_ratls_claims_make(claims, &p);
    }
    return st == MSE_OK ? mse_ratls_report_data(report_data, mse_build_view(claims)) : st;
}

/* A quote over the SHA-256 of the public key, for verifiers of the older extension. */
static mse_status legacy_quote(struct mse_build *quote, const struct mse_privkey *key,
                               const struct mse_enclave_tee *tee, struct mse_error *err)
{
    uint8_t report_data[64] = { 0 };
    mse_status st = hash_spki(report_data, key);
    return st == MSE_OK ? tee->ops->quote(tee->t, quote, report_data, err) : st;
}

struct scratch {
    struct mse_build claims;
    struct mse_build quote;
    struct mse_build legacy;
    struct mse_build evidence;
};

static mse_status make_cert(struct mse_identity *id, struct scratch *s,
                            const struct mse_manifest *m, struct mse_error *err)
{
    mse_status st = mse_ratls_evidence_make(&s->evidence, mse_build_view(&s->quote),
                                            mse_build_view(&s->claims));
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "identity", "the evidence does not fit");
    }
    const struct mse_ratls_cert_params p = {
        .key = id->key,
        .dns_name = m->san,
        .not_before = m->created_at - EARLY,
        .not_after = m->expires_at,
        .evidence = mse_build_view(&s->evidence),
        .legacy_quote = mse_build_view(&s->legacy),
    };
    return mse_ratls_cert_make(&id->cert, &p, err);
}

static mse_status make_all(struct mse_identity *id, struct scratch *s, const struct mse_manifest *m,
                           const uint8_t manifest_digest[32], const struct mse_enclave_tee *tee,
                           struct mse_error *err)
{
    uint8_t report_data[64];
    mse_status st = mse_privkey_generate_p256(&id->key);
    if (st == MSE_OK) {
        st = make_claims(&s->claims, report_data, id->key, manifest_digest);
    }
    if (st != MSE_OK) {
        return MSE_FAIL(err, st, "identity", "no key and claims: %s", mse_status_text(st));
    }
    st = tee->ops->quote(tee->t, &s->quote, report_data, err);
    if (st == MSE_OK && m->legacy_extension) {
        st = legacy_quote(&s->legacy, id->key, tee, err);
    }
    return st == MSE_OK ? make_cert(id, s, m, err) : st;
}

mse_status mse_identity_make(struct mse_identity *out, const struct mse_manifest *m,
                             const uint8_t manifest_digest[32], const struct mse_enclave_tee *tee,
                             struct mse_error *err)
{
    struct mse_identity id = { .key = NULL };
    struct scratch s;
    mse_build_heap(&s.claims, MAX_CLAIMS);
    mse_build_heap(&s.quote, MAX_EVIDENCE);
    mse_build_heap(&s.legacy, MAX_EVIDENCE);
    mse_build_heap(&s.evidence, MAX_EVIDENCE);
    mse_build_heap(&id.cert, 3 * MAX_EVIDENCE);
    mse_status st = make_all(&id, &s, m, manifest_digest, tee, err);
    mse_build_clear(&s.claims);
    mse_build_clear(&s.quote);
    mse_build_clear(&s.legacy);
    mse_build_clear(&s.evidence);
    if (st != MSE_OK) {
        mse_identity_clear(&id);
        return st;
    }
    *out = id;
    return MSE_OK;
}

void mse_identity_clear(struct mse_identity *id)
{
    mse_privkey_free(id->key);
    mse_build_clear(&id->cert);
    id->key = NULL;
}
