/* SPDX-License-Identifier: Apache-2.0 */
/* See guard.h. */
#include "cli/guard.h"

#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "cli/guard_logs.h"
#include "cli/trust.h"
#include "crypto/digest.h"
#include "ratls/session.h"

struct cli_rules {
    unsigned refs;
    bool moves; /* by the rule of the user's store */
    struct cli_judge judge;
    struct cli_guard_logs logs; /* under the lock */
};

static void lock(const struct cli_guard *g)
{
    (void)pthread_mutex_lock(g->lock);
}

static void unlock(const struct cli_guard *g)
{
    (void)pthread_mutex_unlock(g->lock);
}

/* Who says nothing of the app himself goes by what he has verified before. */
static bool is_named(const struct cli_guard *g)
{
    return g->fingerprint != NULL || cli_has(g->c, "fingerprint") || cli_has(g->c, "signer") ||
           cli_has(g->c, "policy");
}

static enum cli_exit read_store(struct cli_rules *r, const struct cli_guard *g)
{
    struct mse_trust store = { .num = 0 };
    struct mse_error err = { 0 };
    struct mse_policy asked = r->judge.policy;
    mse_status st = mse_trust_load(&store, &err);
    const struct mse_trust_app *a =
        st == MSE_OK ? mse_trust_find(&store, g->domain, g->port) : NULL;
    if (a != NULL) {
        st = mse_trust_policy(&r->judge.policy, a, &err);
        r->moves = a->rule == MSE_TRUST_SIGNER;
    }
    const char *mine = NULL;
    if (a != NULL && asked.num_allowed_machines > 0) {
        mine = "--machines is not for an app of the store: its entry says which machines";
    } else if (r->judge.policy.num_log_keys > 0 && cli_has(g->c, "log")) {
        mine = "--log is not for an app whose entry in the store demands a log: that says which";
    }
    if (asked.require_level > r->judge.policy.require_level) {
        r->judge.policy.require_level = asked.require_level;
    }
    enum cli_exit e = CLI_DONE;
    if (st != MSE_OK) {
        e = cli_failed(g->c, st, &err);
    } else {
        e = mine != NULL ? cli_trouble(g->c, "%s", mine) : cli_log_judge_init(&r->judge, g->c, a);
    }
    mse_trust_clear(&store);
    return e;
}

static enum cli_exit read_rules(struct cli_rules *r, const struct cli_guard *g)
{
    struct cli_judge *j = &r->judge;
    enum cli_exit e = cli_judge_init_within(j, g->c, g->timeout_ms);
    if (e == CLI_DONE) {
        e = is_named(g) ? cli_log_judge_init(j, g->c, NULL) : read_store(r, g);
    }
    e = e == CLI_DONE ? cli_judge_fingerprint(j, g->c) : e;
    if (e == CLI_DONE && g->fingerprint != NULL) {
        j->has_fingerprint = true;
        memcpy(j->fingerprint, g->fingerprint, 32);
    }
    if (e == CLI_DONE) {
        const char *claim = g->context == NULL ? NULL : g->context->context.signer;
        e = cli_judge_signer(j, g->c, g->domain, claim);
    }
    return e == CLI_DONE ? cli_judge_expect(j, g->c) : e;
}

enum cli_exit cli_guard_read(struct cli_rules **out, const struct cli_guard *g)
{
    struct cli_rules *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return cli_trouble(g->c, "out of memory");
    }
    r->refs = 1;
    lock(g);
    enum cli_exit e = read_rules(r, g);
    unlock(g);
    if (e != CLI_DONE) {
        cli_judge_clear(&r->judge);
        free(r);
        return e;
    }
    cli_log_judge_end_with(&r->judge, g->ends);
    *out = r;
    return CLI_DONE;
}

static void drop_ref(struct cli_rules *r)
{
    if (r != NULL && --r->refs == 0) {
        cli_guard_logs_clear(&r->logs);
        cli_judge_clear(&r->judge);
        free(r);
    }
}

void cli_guard_release(struct cli_guard *g, struct cli_rules *rules)
{
    lock(g);
    drop_ref(rules);
    unlock(g);
}

void cli_guard_set(struct cli_guard *g, struct cli_rules *rules)
{
    lock(g);
    drop_ref(g->rules);
    g->rules = rules;
    unlock(g);
}

void cli_guard_clear(struct cli_guard *g)
{
    cli_guard_set(g, NULL);
}

/* ---- logs ---- */

static size_t subjects_of(struct cli_log_subject list[CLI_GUARD_SUBJECTS],
                          const struct cli_guard_logs *l)
{
    for (size_t i = 0; i < l->num; i++) {
        list[i] = l->items[i].subject;
    }
    return l->num;
}

static bool ask_one(const struct cli_guard *g, struct cli_rules *r, const struct cli_log_subject *s)
{
    struct mse_error err = { .status = MSE_OK };
    struct mse_build text;
    mse_build_heap(&text, CLI_LOG_MAX_PROOF);
    mse_status st = cli_log_obtain(&text, cli_log_judge_demand(&r->judge), s, &err);
    if (st != MSE_OK) {
        mse_log(MSE_LOG_ERROR, "proxy", "%s:%u: the log: %s: %s", g->domain, g->port,
                mse_status_text(st), err.text);
    }
    lock(g);
    bool other = cli_guard_logs_put(&r->logs, s, &text, st, &err, (mse_time)time(NULL));
    unlock(g);
    mse_build_clear(&text);
    return other;
}

static bool ask_all(const struct cli_guard *g, struct cli_rules *r)
{
    struct cli_log_subject list[CLI_GUARD_SUBJECTS];
    bool other = false;
    lock(g);
    size_t num = cli_log_judge_demand(&r->judge) == NULL ? 0 : subjects_of(list, &r->logs);
    unlock(g);
    for (size_t i = 0; i < num && !atomic_load(g->ends); i++) {
        other = ask_one(g, r, &list[i]) || other;
    }
    return other;
}

void cli_guard_succeed(struct cli_guard *g, struct cli_rules *fresh)
{
    lock(g);
    cli_guard_logs_copy(&fresh->logs, &g->rules->logs);
    drop_ref(g->rules);
    g->rules = fresh;
    unlock(g);
    atomic_store(&g->ask_logs, true);
}

bool cli_guard_ask_logs(struct cli_guard *g)
{
    atomic_store(&g->ask_logs, false);
    lock(g);
    struct cli_rules *r = g->rules;
    r->refs++;
    unlock(g);
    bool other = ask_all(g, r);
    cli_guard_release(g, r);
    return other;
}

/* ---- one judgement ---- */

/* Large, and for one thread. */
struct judging {
    struct cli_rules *rules;
    struct cli_judge judge; /* a copy that borrows: with the time of now */
    struct cli_link link;
    struct cli_choice choice;
    struct cli_finding found;
    struct mse_log_proof proof;
};

static void choose(struct judging *k, const struct cli_guard *g)
{
    struct mse_ratls_cert cert;
    struct mse_bytes evidence = { 0 };
    if (mse_ratls_read(&cert, cli_file_view(&k->link.der), NULL) == MSE_OK) {
        evidence = cert.quote;
    }
    lock(g);
    k->rules->judge.at = (mse_time)time(NULL);
    k->rules->judge.own.store.config.at = k->rules->judge.at;
    k->judge = k->rules->judge;
    cli_judge_choose(&k->choice, &k->rules->judge, g->c, evidence, NULL);
    unlock(g);
}

/* By the proofs that are there: no log is asked here, as somebody waits. */
static void judge_logs(struct judging *k, struct cli_guard *g)
{
    const struct cli_log_demand *d = cli_log_judge_demand(&k->judge);
    struct mse_verdict *v = &k->found.verdict;
    struct mse_error why = { .status = MSE_OK };
    struct cli_log_subject s;
    struct mse_build text;
    if (d == NULL) {
        return;
    }
    mse_build_heap(&text, CLI_LOG_MAX_PROOF);
    /* Only for who is accepted but for this: strangers make nobody ask. */
    if (v->accepted && cli_log_subject_of(&s, d, v)) {
        lock(g);
        if (cli_guard_logs_take(&k->rules->logs, &text, &why, &s, (mse_time)time(NULL))) {
            atomic_store(&g->ask_logs, true);
        }
        unlock(g);
    }
    (void)mse_verdict_set_log(v, &k->proof, &d->policy, mse_build_view(&text));
    if (text.len == 0 && why.text[0] != '\0') {
        cli_log_judge_refuse(v, cli_log_is_refusal(why.status) ? why.status : MSE_ERR_LOG_MISSING,
                             why.text);
    }
    mse_build_clear(&text);
}

/* Who answers, by what its certificate and evidence say: also of one that is refused. */
static mse_status identify(struct mse_proxy_link *out, const struct judging *k)
{
    const struct mse_ratls_cert *cert = &k->found.cert;
    struct mse_proxy_identity id = { .key = { 0 } };
    mse_status st = MSE_OK;
    if (cert->spki.len == 0) {
        return MSE_OK;
    }
    memcpy(id.fingerprint, k->found.verdict.fingerprint, 32);
    memcpy(id.signer, k->found.verdict.report.mr_signer, 32);
    if (cert->claims.manifest.len == 32) {
        memcpy(id.manifest, cert->claims.manifest.data, 32);
    }
    if (cert->claims.ca_hash.len == 32) {
        memcpy(id.key, cert->claims.ca_hash.data, 32);
    } else {
        st = mse_sha256(id.key, cert->spki);
    }
    out->known = st == MSE_OK;
    out->moves = k->rules->moves;
    out->identity = id;
    return st;
}

static mse_status judge(struct judging *k, struct cli_guard *g, struct mse_error *err)
{
    const struct cli_app *a = g->context;
    struct mse_bytes manifest = { 0 };
    if (a != NULL) {
        manifest = mse_bytes_str(a->context.manifest);
    }
    choose(k, g);
    mse_status st =
        cli_link_judge(&k->link, &k->found, &k->judge, k->choice.collateral, manifest, err);
    if (st != MSE_OK) {
        return st;
    }
    if (a != NULL) {
        cli_link_check_app(&k->found, a, g->domain, k->judge.at);
    }
    lock(g);
    cli_judge_floor(&k->found.verdict, &k->rules->judge);
    unlock(g);
    judge_logs(k, g);
    st = mse_verdict_tell(&k->found.verdict, err);
    if (st == MSE_OK && (k->link.session == NULL || k->found.verdict.binding_level < 2)) {
        st = MSE_FAIL(err, MSE_ERR_LEVEL, "session", "level %u was reached, wanted 2",
                      k->found.verdict.binding_level);
    }
    return st;
}

static mse_status open_and_judge(struct judging *k, struct cli_guard *g, struct mse_proxy_link *out,
                                 const char *protocol, struct mse_error *err)
{
    mse_status st =
        cli_link_open_stream(&k->link, g->domain, g->port, protocol, g->timeout_ms, err);
    st = st == MSE_OK ? judge(k, g, err) : st;
    mse_status known = identify(out, k);
    st = st == MSE_OK ? known : st;
    if (st == MSE_OK) {
        out->level = k->found.verdict.binding_level;
        out->conn = k->link.conn;
        k->link.conn = NULL;
    }
    return st;
}

mse_status cli_guard_open(struct cli_guard *g, struct mse_proxy_link *out,
                          struct cli_guard_report *report, const char *protocol,
                          struct mse_error *err)
{
    struct mse_proxy_link link = { .conn = NULL };
    struct judging *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "proxy", "out of memory");
    }
    lock(g);
    k->rules = g->rules;
    k->rules->refs++;
    unlock(g);
    mse_status st = open_and_judge(k, g, &link, protocol, err);
    if (report != NULL) {
        memcpy(report->fingerprint, k->found.verdict.fingerprint, 32);
        report->level = k->found.verdict.binding_level;
        report->simulated = k->found.verdict.simulated;
        report->logged = st == MSE_OK && cli_log_judge_demand(&k->judge) != NULL;
    }
    cli_choice_clear(&k->choice);
    cli_link_close(&k->link);
    cli_guard_release(g, k->rules);
    free(k);
    *out = link;
    return st;
}
