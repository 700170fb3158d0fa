/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tlog_ask.h"

#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/tlog_proof.h"
#include "cli/tlog_seen.h"

#define TRIES 4

/* One question, with the room for it. */
struct asking {
    const struct cli_log_demand *d;
    const struct cli_log_subject *s;
    struct mse_build *out;
    struct cli_log_seen seen;
    struct cli_log_found found;
    struct mse_log_proof proof;
    struct mse_verdict v; /* that of evidence with this fingerprint */
};

void cli_log_demand_clear(struct cli_log_demand *d)
{
    free(d->url);
    free(d->file);
    d->url = NULL;
    d->file = NULL;
}

bool cli_log_is_refusal(mse_status st)
{
    return (st >= MSE_ERR_LOG_FORM && st <= MSE_ERR_LOG_TILE) || st == MSE_ERR_SIGNATURE;
}

bool cli_log_subject_of(struct cli_log_subject *out, const struct cli_log_demand *d,
                        const struct mse_verdict *v)
{
    if (!v->signatures_ok || !v->has_fingerprint || (d->url == NULL && d->file == NULL)) {
        return false;
    }
    *out = (struct cli_log_subject) { .tee = v->tee, .simulated = v->simulated };
    memcpy(out->fingerprint, v->fingerprint, sizeof out->fingerprint);
    return true;
}

/* The key of the policy that has signed this. */
static mse_status find_key(const struct mse_log_key **out, const struct asking *a,
                           const struct mse_log_checkpoint *c, struct mse_error *err)
{
    mse_status st = MSE_ERR_LOG_KEY;
    struct mse_error why = { 0 };
    for (size_t i = 0; st != MSE_OK && i < a->d->policy.num_log_keys; i++) {
        why = (struct mse_error) { 0 };
        st = mse_log_checkpoint_verify(c, &a->d->policy.log_keys[i], &why);
        *out = &a->d->policy.log_keys[i];
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, "log", "%s", why.text);
}

/* From what this user has seen of the log to this checkpoint: out of the log itself. */
static mse_status extend_online(const struct cli_log_seen *seen, struct cli_log_source *s,
                                const struct mse_log_head *now, struct mse_error *err)
{
    uint8_t link[MSE_LOG_MAX_LINK][MSE_SHA256_LEN];
    size_t num = 0;
    bool needed = false;
    char text[CLI_LOG_HEAD_TEXT];
    const struct mse_log_head *newest = cli_log_seen_newest(seen);
    mse_status st = cli_log_seen_judge(seen, &needed, now, false, err);
    if (st != MSE_OK || !needed) {
        return st;
    }
    struct mse_error why = { 0 };
    st = cli_log_link(link, &num, s, now, newest, &why);
    if (st != MSE_ERR_LOG_CONSISTENCY) {
        return st == MSE_OK ? st : MSE_FAIL(err, st, "log", "%s", why.text);
    }
    char current[CLI_LOG_HEAD_TEXT];
    cli_log_head_text(text, newest);
    cli_log_head_text(current, now);
    return MSE_FAIL(err, st, "log", "%s, which do not extend what you have seen: %s", current,
                    text);
}

static enum mse_log_kind kind_of(const struct cli_log_subject *s)
{
    enum mse_log_kind k = MSE_LOG_KIND_COUNT;
    const char *word = s->simulated ? "sim" : mse_tee_name(s->tee);
    (void)!mse_log_kind_parse(&k, mse_bytes_str(word));
    return k;
}

static mse_status prove_online(struct asking *a, struct cli_log_source *s, struct cli_file *note,
                               const struct mse_log_checkpoint *c, struct mse_error *err)
{
    const struct cli_log_question q = { .found = &a->found,
                                        .checkpoint = c,
                                        .note = cli_file_view(note) };
    mse_status st = cli_log_find(&a->found, s, kind_of(a->s), a->s->fingerprint, err);
    return st == MSE_OK ? cli_log_prove(a->out, s, &q, err) : st;
}

/* What evidence with this fingerprint would hear of the proof. */
static mse_status check(struct asking *a, struct mse_error *err)
{
    mse_verdict_begin(&a->v, a->s->tee);
    a->v.signatures_ok = true;
    a->v.simulated = a->s->simulated;
    a->v.has_fingerprint = true;
    memcpy(a->v.fingerprint, a->s->fingerprint, sizeof a->v.fingerprint);
    mse_status st = mse_verdict_set_log(&a->v, &a->proof, &a->d->policy, mse_build_view(a->out));
    return st == MSE_OK ? st : MSE_FAIL(err, st, "log", "%s", a->v.checks[0].seen);
}

static mse_status ask_log(struct asking *a, struct mse_error *err)
{
    struct cli_log_source *s = NULL;
    struct cli_file note = { 0 };
    struct mse_log_checkpoint c;
    const struct mse_log_key *key = NULL;
    mse_status st = cli_log_source_open(&s, a->d->url, a->d->timeout_ms, err);
    if (st == MSE_OK) {
        s->ends = a->d->ends;
        st = cli_log_source_head(s, &note, &c, err);
    }
    st = st == MSE_OK ? find_key(&key, a, &c, err) : st;
    st = st == MSE_OK ? cli_log_seen_open(&a->seen, key, NULL, err) : st;
    st = st == MSE_OK ? extend_online(&a->seen, s, &c.head, err) : st;
    st = st == MSE_OK ? prove_online(a, s, &note, &c, err) : st;
    st = st == MSE_OK ? check(a, err) : st;
    st = st == MSE_OK ? cli_log_seen_keep(&a->seen, key, &c.head, err) : st;
    cli_file_clear(&note);
    cli_log_source_free(s);
    return st;
}

/* The same out of the proof: what it brings along is from one earlier tree only. */
static mse_status extend_offline(const struct cli_log_seen *seen, const struct mse_log_proof *p,
                                 struct mse_error *err)
{
    const struct mse_log_head *now = &p->checkpoint.head;
    const struct mse_log_head *newest = cli_log_seen_newest(seen);
    bool needed = false;
    mse_status st = cli_log_seen_judge(seen, &needed, now, true, err);
    if (st != MSE_OK || !needed) {
        return st;
    }
    struct mse_bytes link = mse_bytes_of(p->link, p->num_link * MSE_SHA256_LEN);
    st = MSE_ERR_LOG_CONSISTENCY;
    if (p->has_link && p->link_size == newest->size) {
        st = mse_log_verify_consistency(newest, now, link);
    }
    char text[CLI_LOG_HEAD_TEXT];
    cli_log_head_text(text, newest);
    return st == MSE_OK ? st
                        : MSE_FAIL(err, st, "log",
                                   "nothing shows that it extends what you have seen: %s (mse log "
                                   "prove --since %llu)",
                                   text, (unsigned long long)newest->size);
}

static mse_status read_proof(struct asking *a, struct mse_error *err)
{
    struct cli_file f = { 0 };
    const struct mse_log_key *key = NULL;
    mse_status st = cli_file_read(&f, a->d->file, CLI_LOG_MAX_PROOF, err);
    mse_wr_bytes(a->out, cli_file_view(&f));
    cli_file_clear(&f);
    const struct mse_log_checkpoint *c = &a->proof.checkpoint;
    st = st == MSE_OK ? check(a, err) : st;
    st = st == MSE_OK ? find_key(&key, a, c, err) : st;
    st = st == MSE_OK ? cli_log_seen_open(&a->seen, key, NULL, err) : st;
    st = st == MSE_OK ? extend_offline(&a->seen, &a->proof, err) : st;
    return st == MSE_OK ? cli_log_seen_keep(&a->seen, key, &c->head, err) : st;
}

mse_status cli_log_obtain(struct mse_build *out, const struct cli_log_demand *d,
                          const struct cli_log_subject *s, struct mse_error *err)
{
    struct mse_error why = { 0 };
    struct asking *a = calloc(1, sizeof *a);
    mse_status st = MSE_OK;
    bool again = true;
    if (a == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    *a = (struct asking) { .d = d, .s = s, .out = out };
    for (int i = 0; again && i < TRIES; i++) {
        mse_build_reset(out);
        why = (struct mse_error) { 0 };
        st = d->url != NULL ? ask_log(a, &why) : read_proof(a, &why);
        cli_log_seen_close(&a->seen);
        /* Others may have seen a newer head between our two looks: no log is blamed for that. */
        again = st == MSE_ERR_BUSY || st == MSE_ERR_LOG_ROLLBACK;
    }
    free(a);
    if (st != MSE_OK) {
        mse_build_reset(out);
    }
    return st == MSE_OK ? st : MSE_FAIL(err, st, "log", "%s", why.text);
}
