/* SPDX-License-Identifier: Apache-2.0 */
/* See peers.h. */
#include "enclave/peers.h"

#include <stdlib.h>

#include "attest/policy_keys.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "crypto/x509.h"

#define STEP      "own platform"
#define MAX_QUOTE ((size_t)64 * 1024)
#define MAX_DER   ((size_t)4096)

/* The end of a chain of certificates, in PEM. */
static mse_status last_of_chain(struct mse_bytes *out, struct mse_bytes chain)
{
    uint8_t der[MAX_DER];
    size_t len = 0;
    struct mse_bytes last = { NULL, 0 };
    struct mse_bytes before = chain;
    mse_status st = mse_pem_next(&chain, "CERTIFICATE", der, sizeof der, &len);
    while (st == MSE_OK) {
        last = mse_bytes_of(before.data, before.len - chain.len);
        before = chain;
        st = mse_pem_next(&chain, "CERTIFICATE", der, sizeof der, &len);
    }
    if (st != MSE_ERR_NOT_FOUND || last.len == 0) {
        return MSE_ERR_MALFORMED;
    }
    *out = last;
    return MSE_OK;
}

/* What simulates this platform is what its own quotes end in. */
static mse_status take_root(struct mse_policy *p, struct mse_bytes quote, struct mse_error *err)
{
    struct mse_sgx_quote q;
    struct mse_bytes root = { NULL, 0 };
    mse_status st = mse_sgx_quote_parse(&q, quote, err);
    if (st == MSE_OK && last_of_chain(&root, q.auth.cert_data) != MSE_OK) {
        st = MSE_FAIL(err, MSE_ERR_MALFORMED, STEP, "its quote carries no chain of certificates");
    }
    st = st == MSE_OK ? mse_simulation_root_of_pem(p->simulation_root, root, err) : st;
    p->allow_simulation = st == MSE_OK;
    p->simulation_only = true;
    return st;
}

static mse_status appraise_own(struct mse_peers *p, const struct mse_enclave_tee *tee,
                               struct mse_bytes quote, struct mse_error *err)
{
    struct mse_verdict *v = malloc(sizeof *v);
    if (v == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    mse_status st = mse_appraise_quote(v, quote, &p->bundle.collateral, &p->policy, p->at, err);
    if (st == MSE_OK && (v->simulated != tee->ops->simulated || !v->has_fingerprint)) {
        st = MSE_FAIL(err, MSE_ERR_SIMULATION, STEP, "%s, and its driver says otherwise",
                      v->simulated ? "simulated" : "hardware");
    }
    if (st == MSE_OK) {
        memcpy(p->own_fingerprint, v->fingerprint, sizeof p->own_fingerprint);
    }
    free(v);
    return st;
}

static mse_status read_collateral(struct mse_peers *p, struct mse_bytes collateral,
                                  struct mse_error *err)
{
    mse_build_heap(&p->json, MSE_BUNDLE_MAX_LEN);
    mse_wr_bytes(&p->json, collateral);
    p->scratch = malloc(2 * collateral.len + 1);
    if (!mse_build_ok(&p->json) || p->scratch == NULL) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "collateral", "%zu bytes, at most %zu",
                        collateral.len, MSE_BUNDLE_MAX_LEN);
    }
    return mse_bundle_parse(&p->bundle, p->scratch, 2 * collateral.len + 1,
                            mse_build_view(&p->json), err);
}

static mse_status open_all(struct mse_peers *p, const struct mse_enclave_tee *tee,
                           struct mse_bytes collateral, struct mse_error *err)
{
    /* Over nothing: whatever reads evidence wants a digest of claims there. */
    static const uint8_t nothing[64];
    struct mse_build quote;
    mse_build_heap(&quote, MAX_QUOTE);
    mse_status st = read_collateral(p, collateral, err);
    st = st == MSE_OK ? tee->ops->quote(tee->t, &quote, nothing, err) : st;
    if (st == MSE_OK && tee->ops->simulated) {
        st = take_root(&p->policy, mse_build_view(&quote), err);
    }
    st = st == MSE_OK ? appraise_own(p, tee, mse_build_view(&quote), err) : st;
    mse_build_clear(&quote);
    return st;
}

static bool add(struct mse_policy *p, const char *key, const char *text)
{
    const struct mse_policy_key *k = mse_policy_key_find(mse_bytes_str(key));
    const struct mse_policy_value v = { .kind = MSE_POLICY_TEXT, .text = mse_bytes_str(text) };
    MSE_ASSERT(k != NULL);
    return k->set(p, &v);
}

/* The list of statuses is the whole list: UpToDate is no exception. Which advisories go with one
 * of them is not the manifest's to say: who accepts it accepts those. */
static mse_status apply_rule(struct mse_policy *p, const struct mse_replica_policy *rule,
                             struct mse_error *err)
{
    enum mse_tcb_status status = MSE_TCB_NONE;
    const char *bad = rule->machines.num == 0 || rule->statuses.num == 0 ? "nothing" : NULL;
    p->accepted_tcb_statuses = 0;
    p->insecure_any_advisory = true;
    p->min_tcb_evaluation_number = rule->min_tcb_evaluation_number;
    for (size_t i = 0; bad == NULL && i < rule->statuses.num; i++) {
        const char *word = rule->statuses.items[i];
        bool good = mse_tcb_status_parse(&status, mse_bytes_str(word)) && status != MSE_TCB_NONE &&
                    status != MSE_TCB_REVOKED;
        bad = good ? NULL : word;
        p->accepted_tcb_statuses |= good ? MSE_TCB_BIT(status) : 0;
    }
    for (size_t i = 0; bad == NULL && i < rule->machines.num; i++) {
        const char *id = rule->machines.items[i];
        bad = add(p, "allowed_machines", id) ? NULL : id;
    }
    return bad == NULL ? MSE_OK
                       : MSE_FAIL(err, MSE_ERR_REPLICA_POLICY, "replica_policy",
                                  "%.130s, wanted machines, and TCB statuses but Revoked", bad);
}

static mse_status open_by(struct mse_peers *out, const struct mse_enclave_tee *tee,
                          const struct mse_replica_policy *rule, struct mse_bytes collateral,
                          mse_time at, struct mse_error *err)
{
    struct mse_peers *p = calloc(1, sizeof *p); /* too large for the stack */
    if (p == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, STEP, "out of memory");
    }
    p->at = at;
    mse_policy_default(&p->policy);
    p->policy.insecure_any_app = true;
    mse_status st = rule == NULL ? MSE_OK : apply_rule(&p->policy, rule, err);
    st = st == MSE_OK ? open_all(p, tee, collateral, err) : st;
    if (st == MSE_OK) {
        *out = *p;
    } else {
        mse_peers_clear(p);
    }
    free(p);
    return st;
}

mse_status mse_peers_open(struct mse_peers *out, const struct mse_enclave_tee *tee,
                          struct mse_bytes collateral, mse_time at, struct mse_error *err)
{
    return open_by(out, tee, NULL, collateral, at, err);
}

mse_status mse_peers_open_replicas(struct mse_peers *out, const struct mse_enclave_tee *tee,
                                   const struct mse_replica_policy *rule,
                                   struct mse_bytes collateral, mse_time at, struct mse_error *err)
{
    return open_by(out, tee, rule, collateral, at, err);
}

struct mse_policy *mse_peers_only(const struct mse_peers *p, const uint8_t fingerprint[32])
{
    struct mse_policy *only = malloc(sizeof *only); /* too large for the stack */
    if (only != NULL) {
        *only = p->policy;
        only->insecure_any_app = false;
        only->num_references = 1;
        only->references[0] = (struct mse_reference) { .has_fingerprint = true };
        memcpy(only->references[0].fingerprint, fingerprint, 32);
    }
    return only;
}

void mse_peers_clear(struct mse_peers *p)
{
    mse_build_clear(&p->json);
    free(p->scratch);
    p->scratch = NULL;
}
