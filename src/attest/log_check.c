/* SPDX-License-Identifier: Apache-2.0 */
/* The step "log": whether a transparency log that the policy names has the fingerprint. */
#include "attest/verdict.h"
#include "base/error.h"

static const struct mse_ask ask = { MSE_STEP_LOG, "a log's entry with this fingerprint",
                                    "log_keys" };

void mse_note_log(struct mse_verdict *v, const struct mse_policy *p)
{
    if (p->num_log_keys > 0) {
        mse_note(v, &ask, MSE_ERR_LOG_MISSING, "no proof");
    }
}

/* Logs may change their keys: one of those that have the checkpoint's name is enough. */
static mse_status check_key(const struct mse_log_checkpoint *c, const struct mse_policy *policy,
                            struct mse_error *err)
{
    struct mse_error first = { 0 };
    for (size_t i = 0; i < policy->num_log_keys; i++) {
        struct mse_error why = { 0 };
        if (mse_log_checkpoint_verify(c, &policy->log_keys[i], &why) == MSE_OK) {
            return MSE_OK;
        }
        bool telling = first.status == MSE_OK || why.status != MSE_ERR_LOG_KEY;
        first = telling ? why : first;
    }
    return MSE_FAIL(err, first.status, "log", "%s", first.text);
}

static mse_status check_witnesses(const struct mse_log_checkpoint *c,
                                  const struct mse_policy *policy, struct mse_error *err)
{
    size_t seen = 0;
    size_t all = policy->num_log_witnesses;
    size_t wanted = policy->min_log_witnesses == 0 ? all : policy->min_log_witnesses;
    for (size_t i = 0; i < all; i++) {
        const struct mse_log_key *k = &policy->log_witnesses[i];
        bool again = false;
        for (size_t n = 0; n < i; n++) {
            again = again || mse_mem_equal(policy->log_witnesses[n].key, k->key, sizeof k->key);
        }
        bool good = !again && mse_log_checkpoint_cosigned(c, NULL, k, NULL) == MSE_OK;
        seen += good ? 1 : 0;
    }
    if (seen >= wanted) {
        return MSE_OK;
    }
    return MSE_FAIL(err, MSE_ERR_LOG_WITNESSES, "log", "%zu of %zu witnesses, wanted %zu", seen,
                    all, wanted);
}

static mse_status check_inclusion(const struct mse_log_proof *p, struct mse_error *err)
{
    uint8_t leaf[MSE_SHA256_LEN];
    const struct mse_log_head *h = &p->checkpoint.head;
    mse_status st = mse_log_leaf_hash(leaf, p->entry);
    if (st == MSE_OK) {
        st = mse_log_verify_inclusion(leaf, p->index, h->size,
                                      mse_bytes_of(p->path, p->num_path * MSE_SHA256_LEN), h->root);
    }
    return st == MSE_OK
               ? st
               : MSE_FAIL(err, st, "log", "entry %llu of %llu, a proof of %zu hashes",
                          (unsigned long long)p->index, (unsigned long long)h->size, p->num_path);
}

static enum mse_log_kind kind_of(const struct mse_verdict *v)
{
    if (v->simulated) {
        return MSE_LOG_SIM;
    }
    switch ((int)v->tee) {
    case MSE_TEE_SGX:
        return MSE_LOG_SGX;
    case MSE_TEE_TDX:
        return MSE_LOG_TDX;
    case MSE_TEE_SNP:
        return MSE_LOG_SNP;
    case MSE_TEE_NITRO:
        return MSE_LOG_NITRO;
    default:
        return MSE_LOG_KIND_COUNT; /* which no entry has */
    }
}

static mse_status check_entry(const struct mse_log_proof *p, const struct mse_verdict *v,
                              struct mse_error *err)
{
    struct mse_log_entry e;
    char seen[65];
    mse_status st = mse_log_entry_parse(&e, p->entry, err);
    if (st != MSE_OK) {
        return st;
    }
    if (!v->signatures_ok || !v->has_fingerprint) {
        return MSE_FAIL(err, MSE_ERR_LOG_ENTRY, "log",
                        "the evidence proves no fingerprint to look for");
    }
    enum mse_log_kind kind = kind_of(v);
    mse_hex_encode(seen, mse_bytes_of(e.fingerprint, 32));
    if (e.kind == kind && mse_mem_equal(e.fingerprint, v->fingerprint, 32)) {
        return MSE_OK;
    }
    return MSE_FAIL(err, MSE_ERR_LOG_ENTRY, "log", "the entry is of %s %s (the evidence: %s)",
                    mse_log_kind_name(e.kind), seen, mse_log_kind_name(kind));
}

static mse_status check(const struct mse_verdict *v, struct mse_log_proof *p,
                        const struct mse_policy *policy, struct mse_bytes proof,
                        struct mse_error *err)
{
    if (proof.len == 0) {
        return MSE_FAIL(err, MSE_ERR_LOG_MISSING, "log", "no proof");
    }
    mse_status st = mse_log_proof_parse(p, proof, err);
    st = st == MSE_OK ? check_key(&p->checkpoint, policy, err) : st;
    st = st == MSE_OK ? check_witnesses(&p->checkpoint, policy, err) : st;
    st = st == MSE_OK ? check_inclusion(p, err) : st;
    return st == MSE_OK ? check_entry(p, v, err) : st;
}

mse_status mse_verdict_set_log(struct mse_verdict *v, struct mse_log_proof *p,
                               const struct mse_policy *policy, struct mse_bytes proof)
{
    struct mse_error err = { 0 };
    mse_verdict_drop(v, MSE_STEP_LOG);
    memset(p, 0, sizeof *p);
    mse_status st = MSE_OK;
    if (policy->num_log_keys > 0) {
        st = check(v, p, policy, proof, &err);
        mse_note(v, &ask, st, "%s", err.text);
    }
    mse_verdict_decide(v);
    return st;
}

mse_status mse_verdict_set_logs(struct mse_verdict *v, struct mse_log_proof *p,
                                const struct mse_policy *policy,
                                const struct mse_log_proofs *proofs)
{
    const struct mse_bytes none = { NULL, 0 };
    struct mse_bytes told = proofs->num > 0 ? proofs->items[0] : none;
    mse_status st = MSE_ERR_LOG_ENTRY;
    for (size_t i = 0; i < proofs->num; i++) {
        mse_status one = mse_verdict_set_log(v, p, policy, proofs->items[i]);
        if (one == MSE_OK) {
            return MSE_OK;
        }
        if (st == MSE_ERR_LOG_ENTRY && one != MSE_ERR_LOG_ENTRY) {
            told = proofs->items[i];
            st = one;
        }
    }
    return mse_verdict_set_log(v, p, policy, told);
}
