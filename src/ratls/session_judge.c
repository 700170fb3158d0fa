/* SPDX-License-Identifier: Apache-2.0 */
/* Attested sessions without any connection: what is demanded of a TLS session and of the evidence
 * that answers in it. */
#include <stdio.h>
#include <string.h>

#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "ratls/check.h"
#include "ratls/session.h"

#define STEP "session"

static bool is_ours(struct mse_bytes alpn)
{
    return mse_bytes_is_str(alpn, MSE_SESSION_ALPN) ||
           mse_bytes_is_str(alpn, MSE_SESSION_ALPN_HTTP11) ||
           mse_bytes_is_str(alpn, MSE_SESSION_ALPN_H2);
}

mse_status mse_session_facts_check(const struct mse_session_facts *f, const char *alpn,
                                   struct mse_error *err)
{
    if (!f->tls13) {
        return MSE_FAIL(err, MSE_ERR_SESSION_TLS_VERSION, STEP, "not TLS 1.3");
    }
    if (f->resumed) {
        return MSE_FAIL(err, MSE_ERR_SESSION_RESUMED, STEP,
                        "the session was resumed or has early data, wanted a full handshake");
    }
    bool right = alpn == NULL ? is_ours(f->alpn) : mse_bytes_is_str(f->alpn, alpn);
    if (!right) {
        char shown[64];
        return MSE_FAIL(err, MSE_ERR_SESSION_ALPN, STEP, "the protocol is \"%s\", wanted %s",
                        mse_log_quote(shown, sizeof shown, f->alpn),
                        alpn == NULL ? "one of " MSE_SESSION_ALPN : alpn);
    }
    return MSE_OK;
}

/* ---- judging ---- */

static void note_session(struct mse_verdict *v, mse_status st, const char *seen, const char *wanted)
{
    mse_verdict_add(v, MSE_STEP_SESSION, st, seen, wanted, NULL);
}

/* Values are shown by their first bytes: enough to tell two of them apart. */
static void note_equal(struct mse_verdict *v, mse_status st, const char *what, struct mse_bytes got,
                       const uint8_t want[32])
{
    char seen[MSE_CHECK_TEXT_LEN];
    char wanted[MSE_CHECK_TEXT_LEN];
    char hex[17] = "none";
    bool same = got.len == 32 && mse_mem_equal(got.data, want, 32);
    if (got.len >= 8) {
        mse_hex_encode(hex, mse_bytes_of(got.data, 8));
    }
    (void)snprintf(seen, sizeof seen, "%s %s", what, hex);
    mse_hex_encode(hex, mse_bytes_of(want, 8));
    (void)snprintf(wanted, sizeof wanted, "%s", hex);
    note_session(v, same ? MSE_OK : st, seen, wanted);
}

/* At level 1 the evidence covers the root over all nonces of its moment, ours among them. */
static void judge_nonce(struct mse_verdict *v, const struct mse_ratls_claims *claims,
                        const struct mse_frame_response *r, const struct mse_session_ask *ask)
{
    uint8_t root[32];
    if (r->has_audit != (ask->level == 1)) {
        note_session(v, MSE_ERR_AUDIT_PATH, r->has_audit ? "an audit path" : "no audit path",
                     r->has_audit ? "none at level 2" : "one at level 1");
        return;
    }
    if (ask->level == 1) {
        mse_status st = mse_nonces_follow(root, ask->nonce, &r->audit);
        if (st != MSE_OK) {
            note_session(v, st, "an audit path of another length", "one that fits its index");
            return;
        }
    }
    note_equal(v, MSE_ERR_SESSION_NONCE, "nonce", claims->nonce,
               ask->level == 1 ? root : ask->nonce);
}

static void judge_own_key(struct mse_verdict *v, const struct mse_ratls_claims *claims,
                          const struct mse_session_facts *f)
{
    bool own = f->has_own_key &&
               mse_bytes_equal(claims->pubkey_hash, mse_bytes_of(f->own_spki_sha256, 32));
    note_session(v, own ? MSE_ERR_SESSION_REFLECTED : MSE_OK,
                 own ? "one's own key" : "another key than one's own", "a key of the peer");
}

/* Whether host is one of the two names in a manifest. Its bytes are those that were measured, so
 * the form needs no more judging than that. */
static bool manifest_names(struct mse_bytes manifest, const char *host)
{
    struct mse_json j;
    struct mse_json_object o;
    struct mse_bytes key;
    bool found = false;
    mse_json_init(&j, manifest);
    for (mse_json_object_begin(&j, &o); mse_json_object_next(&j, &o, &key);) {
        struct mse_bytes value = { NULL, 0 };
        bool name = mse_bytes_is_str(key, "san") || mse_bytes_is_str(key, "config_domain_name");
        if (!name || mse_json_peek(&j) != MSE_JSON_STRING) {
            (void)mse_json_skip(&j, NULL);
        } else if (mse_json_plain(&j, &value)) {
            found = found || mse_bytes_is_str(value, host);
        }
    }
    return mse_json_end(&j) && found;
}

static void judge_manifest(struct mse_verdict *v, const struct mse_ratls_claims *claims,
                           const struct mse_frame_response *r, const struct mse_session_judge *j)
{
    uint8_t hash[32];
    struct mse_bytes used = j->manifest.len > 0 ? j->manifest : r->manifest;
    if (used.len == 0) {
        if (claims->manifest.len > 0 && j->host != NULL) {
            mse_verdict_add(v, MSE_STEP_MANIFEST, MSE_ERR_MANIFEST_MISMATCH,
                            "the digest of a manifest that did not come", "the manifest", NULL);
        }
        return; /* nobody goes by one */
    }
    if (mse_sha256(hash, used) != MSE_OK) {
        mse_verdict_add(v, MSE_STEP_MANIFEST, MSE_ERR_CRYPTO, NULL, "its SHA-256", NULL);
        return;
    }
    char seen[65] = "no manifest digest in the claims";
    char wanted[65];
    bool same = claims->manifest.len == 32 && mse_mem_equal(claims->manifest.data, hash, 32);
    if (claims->manifest.len == 32) {
        mse_hex_encode(seen, claims->manifest);
    }
    mse_hex_encode(wanted, mse_bytes_of(hash, 32));
    mse_verdict_add(v, MSE_STEP_MANIFEST, same ? MSE_OK : MSE_ERR_MANIFEST_MISMATCH, seen, wanted,
                    NULL);
    if (j->host != NULL) {
        bool named = manifest_names(used, j->host);
        mse_verdict_add(v, MSE_STEP_NAME, named ? MSE_OK : MSE_ERR_CERTIFICATE_NAME,
                        named ? "a name of the manifest" : "the manifest is for other names",
                        j->host, NULL);
    }
}

void mse_session_judge_logs(struct mse_verdict *v, const struct mse_policy *policy,
                            const struct mse_log_proofs *proofs)
{
    struct mse_log_proof room;
    if (policy->num_log_keys > 0) {
        (void)mse_verdict_set_logs(v, &room, policy, proofs);
    }
}

/* Machines are judged by the appraisal: that they were is what makes level 3 of level 2. */
static void judge_level(struct mse_verdict *v, uint8_t level, const struct mse_policy *p)
{
    mse_verdict_set_level(v, level == 2 && p->num_allowed_machines > 0 ? 3 : level, p);
    if (!v->accepted && v->status != MSE_ERR_LEVEL) {
        v->binding_level = 0;
    }
}

/* The seven parameters are all that a verdict is a function of. */
mse_status mse_session_appraise(struct mse_verdict *out, // NOLINT(readability-function-size)
                                struct mse_ratls_cert *cert_out, const struct mse_session_facts *f,
                                const struct mse_frame_response *r,
                                const struct mse_session_ask *ask,
                                const struct mse_session_judge *judge, struct mse_error *err)
{
    const struct mse_ratls_ask a = { .role = ask->role,
                                     .host = judge->host,
                                     .collateral = judge->collateral,
                                     .policy = judge->policy,
                                     .at = judge->at };
    struct mse_ratls_cert c = { 0 };
    struct mse_error ignored = { .status = MSE_OK }; /* the verdict tells it in the end */
    if (mse_ratls_appraise_evidence(out, &c, f->peer_cert, r->evidence, &a, &ignored)) {
        judge_nonce(out, &c.claims, r, ask);
        if (ask->level == 2) {
            note_equal(out, MSE_ERR_SESSION_EXPORTER, "exporter", c.claims.exporter, ask->exporter);
        }
        judge_own_key(out, &c.claims, f);
        judge_manifest(out, &c.claims, r, judge);
        *cert_out = c;
    }
    mse_session_judge_logs(out, judge->policy, &judge->logs);
    judge_level(out, ask->level, judge->policy);
    return mse_verdict_tell(out, err);
}
