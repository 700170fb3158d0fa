/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tlog_judge.h"

#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/target.h"
#include "cli/tlog_key.h"
#include "cli/tlog_proof.h"
#include "cli/tlog_seen.h"

#define MAX_PROOF ((size_t)128 * 1024)

struct cli_log_judge {
    struct mse_policy policy; /* of which the logs count */
    const char *url;          /* --log-url */
    const char *file;         /* --log-proof */
    unsigned timeout_ms;
    bool good;
    struct mse_build text; /* of the proof, which borrows from it */
    struct mse_log_proof proof;
};

void cli_log_judge_free(struct cli_log_judge *l)
{
    if (l != NULL) {
        mse_build_clear(&l->text);
    }
    free(l);
}

static enum cli_exit add_keys(const struct cli *c, const char *option, struct mse_log_key *keys,
                              size_t *num, size_t max)
{
    for (size_t i = 0; i < cli_num_values(c, option); i++) {
        struct mse_error err = { 0 };
        if (*num >= max) {
            return cli_trouble(c, "--%s: at most %zu keys", option, max);
        }
        mse_status st = cli_log_key_given(&keys[*num], cli_value_at(c, option, i), &err);
        if (st != MSE_OK) {
            return cli_trouble(c, "--%s: %s", option, err.text);
        }
        *num += 1;
    }
    return CLI_DONE;
}

static enum cli_exit check_options(const struct cli *c, const struct mse_policy *p)
{
    if (p->num_log_keys == 0 &&
        (cli_has(c, "log-url") || cli_has(c, "log-proof") || cli_has(c, "log-witness"))) {
        return cli_trouble(c, "--log-url, --log-proof and --log-witness need --log, the log's key");
    }
    if (cli_has(c, "log-url") && cli_has(c, "log-proof")) {
        return cli_trouble(c, "--log-url and --log-proof exclude each other");
    }
    if (p->num_log_keys > 0 && cli_has(c, "offline") && cli_has(c, "log-url")) {
        return cli_trouble(c, "--offline and --log-url exclude each other: --log-proof FILE");
    }
    return CLI_DONE;
}

enum cli_exit cli_log_judge_init(struct cli_judge *j, const struct cli *c)
{
    struct mse_policy *p = &j->policy;
    enum cli_exit e = add_keys(c, "log", p->log_keys, &p->num_log_keys, MSE_MAX_LOG_KEYS);
    e = e == CLI_DONE ? add_keys(c, "log-witness", p->log_witnesses, &p->num_log_witnesses,
                                 MSE_MAX_LOG_WITNESSES)
                      : e;
    e = e == CLI_DONE ? check_options(c, p) : e;
    if (e != CLI_DONE || p->num_log_keys == 0) {
        return e;
    }
    struct cli_log_judge *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return cli_trouble(c, "out of memory");
    }
    l->policy = *p;
    p->num_log_keys = 0;
    p->num_log_witnesses = 0;
    p->min_log_witnesses = 0;
    l->url = cli_value(c, "log-url");
    l->file = cli_value(c, "log-proof");
    mse_build_heap(&l->text, MAX_PROOF);
    j->log = l;
    if (l->url == NULL && l->file == NULL) {
        cli_hint(c, "--log-url URL asks the log, --log-proof FILE takes what mse log prove wrote");
    }
    return cli_timeout(&l->timeout_ms, c) ? CLI_DONE : CLI_TROUBLE;
}

/* The key of the policy that has signed this. */
static mse_status find_key(const struct mse_log_key **out, const struct cli_log_judge *l,
                           const struct mse_log_checkpoint *c, struct mse_error *err)
{
    mse_status st = MSE_ERR_LOG_KEY;
    struct mse_error why = { 0 };
    for (size_t i = 0; st != MSE_OK && i < l->policy.num_log_keys; i++) {
        why = (struct mse_error) { 0 };
        st = mse_log_checkpoint_verify(c, &l->policy.log_keys[i], &why);
        *out = &l->policy.log_keys[i];
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

static enum mse_log_kind kind_of(const struct mse_verdict *v)
{
    enum mse_log_kind k = MSE_LOG_KIND_COUNT;
    const char *word = v->simulated ? "sim" : mse_tee_name(v->tee);
    (void)!mse_log_kind_parse(&k, mse_bytes_str(word));
    return k;
}

static mse_status prove_online(struct cli_log_judge *l, const struct mse_verdict *v,
                               struct cli_log_source *s, struct cli_file *note,
                               const struct mse_log_checkpoint *c, struct mse_error *err)
{
    struct cli_log_found *found = calloc(1, sizeof *found);
    const struct cli_log_question q = { .found = found,
                                        .checkpoint = c,
                                        .note = cli_file_view(note) };
    if (found == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "log", "out of memory");
    }
    mse_build_reset(&l->text);
    mse_status st = cli_log_find(found, s, kind_of(v), v->fingerprint, err);
    st = st == MSE_OK ? cli_log_prove(&l->text, s, &q, err) : st;
    free(found);
    return st;
}

static mse_status ask_log(struct mse_verdict *v, struct cli_log_judge *l, struct mse_error *err)
{
    struct cli_log_source *s = NULL;
    struct cli_log_seen seen = { .path = NULL, .lock = -1 };
    struct cli_file note = { 0 };
    struct mse_log_checkpoint c;
    const struct mse_log_key *key = NULL;
    mse_status st = cli_log_source_open(&s, l->url, l->timeout_ms, err);
    st = st == MSE_OK ? cli_log_source_head(s, &note, &c, err) : st;
    st = st == MSE_OK ? find_key(&key, l, &c, err) : st;
    st = st == MSE_OK ? cli_log_seen_open(&seen, key, NULL, err) : st;
    st = st == MSE_OK ? extend_online(&seen, s, &c.head, err) : st;
    st = st == MSE_OK ? prove_online(l, v, s, &note, &c, err) : st;
    if (st == MSE_OK) {
        st = mse_verdict_set_log(v, &l->proof, &l->policy, mse_build_view(&l->text));
        l->good = st == MSE_OK;
        st = l->good ? cli_log_seen_keep(&seen, key, &c.head, err) : MSE_OK; /* it is said */
    }
    cli_log_seen_close(&seen);
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

static mse_status read_proof(struct mse_verdict *v, struct cli_log_judge *l, struct mse_error *err)
{
    struct cli_file f = { 0 };
    struct cli_log_seen seen = { .path = NULL, .lock = -1 };
    const struct mse_log_key *key = NULL;
    mse_status st = cli_file_read(&f, l->file, MAX_PROOF, err);
    mse_build_reset(&l->text);
    mse_wr_bytes(&l->text, cli_file_view(&f));
    cli_file_clear(&f);
    if (st != MSE_OK ||
        mse_verdict_set_log(v, &l->proof, &l->policy, mse_build_view(&l->text)) != MSE_OK) {
        return st; /* the verdict has it */
    }
    const struct mse_log_checkpoint *c = &l->proof.checkpoint;
    st = find_key(&key, l, c, err);
    st = st == MSE_OK ? cli_log_seen_open(&seen, key, NULL, err) : st;
    st = st == MSE_OK ? extend_offline(&seen, &l->proof, err) : st;
    st = st == MSE_OK ? cli_log_seen_keep(&seen, key, &c->head, err) : st;
    l->good = st == MSE_OK;
    cli_log_seen_close(&seen);
    return st;
}

void cli_log_judge(struct mse_verdict *v, struct cli_judge *j)
{
    struct cli_log_judge *l = j->log;
    struct mse_error err = { 0 };
    struct mse_bytes none = { 0 };
    mse_status st = MSE_OK;
    if (l == NULL) {
        return;
    }
    l->good = false;
    if (!v->signatures_ok || !v->has_fingerprint || (l->url == NULL && l->file == NULL)) {
        (void)!mse_verdict_set_log(v, &l->proof, &l->policy, none);
        return;
    }
    st = l->url != NULL ? ask_log(v, l, &err) : read_proof(v, l, &err);
    if (st != MSE_OK) {
        l->good = false;
        mse_verdict_drop(v, MSE_STEP_LOG);
        mse_verdict_add(v, MSE_STEP_LOG, st, err.text, "a log that has it and only grows",
                        "log_keys");
    }
}

static void set(json_t *o, const char *key, struct mse_bytes text)
{
    (void)json_object_set_new(
        o, key, text.len == 0 ? json_null() : json_stringn((const char *)text.data, text.len));
}

void cli_log_judge_json(json_t *o, const struct cli_judge *j)
{
    struct mse_log_entry e;
    const struct cli_log_judge *l = j->log;
    if (l == NULL) {
        return;
    }
    if (!l->good || mse_log_entry_parse(&e, l->proof.entry, NULL) != MSE_OK) {
        (void)json_object_set_new(o, "log", json_null());
        return;
    }
    char root[48];
    char date[MSE_TIME_TEXT_LEN];
    json_t *log = json_object();
    mse_base64_encode(root, mse_bytes_of(l->proof.checkpoint.head.root, MSE_SHA256_LEN));
    mse_time_format(date, e.date);
    set(log, "origin", l->proof.checkpoint.origin);
    (void)json_object_set_new(log, "size", json_integer((json_int_t)l->proof.checkpoint.head.size));
    set(log, "root", mse_bytes_str(root));
    (void)json_object_set_new(log, "index", json_integer((json_int_t)l->proof.index));
    set(log, "name", e.name);
    set(log, "version", e.version);
    set(log, "date", mse_bytes_str(date));
    set(log, "note", e.note);
    set(log, "source", mse_bytes_str(l->url != NULL ? "url" : "proof"));
    (void)json_object_set_new(o, "log", log);
}

void cli_log_judge_say(const struct cli *c, const struct cli_judge *j)
{
    struct mse_log_entry e;
    const struct cli_log_judge *l = j->log;
    if (l == NULL || !l->good || mse_log_entry_parse(&e, l->proof.entry, NULL) != MSE_OK) {
        return;
    }
    char date[MSE_TIME_TEXT_LEN];
    mse_time_format(date, e.date);
    cli_say(c, "Log: %.*s has it as entry %llu of %llu: %.*s %.*s, logged %s",
            (int)l->proof.checkpoint.origin.len, (const char *)l->proof.checkpoint.origin.data,
            (unsigned long long)l->proof.index, (unsigned long long)l->proof.checkpoint.head.size,
            (int)e.name.len, (const char *)e.name.data, (int)e.version.len,
            e.version.len > 0 ? (const char *)e.version.data : "", date);
}
