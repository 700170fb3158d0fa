/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tlog_judge.h"

#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/util.h"
#include "cli/target.h"
#include "cli/tlog_key.h"
#include "cli/trust.h"

struct cli_log_judge {
    struct cli_log_demand demand;
    size_t first_key; /* behind those of the policy: what options said, or the store */
    size_t first_witness;
    bool good;
    struct mse_build text; /* of the proof, which borrows from it */
    struct mse_log_proof proof;
};

static struct cli_log_judge *judge_new(void)
{
    struct cli_log_judge *l = calloc(1, sizeof *l);
    if (l != NULL) {
        mse_build_heap(&l->text, CLI_LOG_MAX_PROOF);
    }
    return l;
}

void cli_log_judge_free(struct cli_log_judge *l)
{
    if (l != NULL) {
        cli_log_demand_clear(&l->demand);
        mse_build_clear(&l->text);
    }
    free(l);
}

static bool copy_text(char **out, const char *text)
{
    *out = text == NULL ? NULL : strdup(text);
    return text == NULL || *out != NULL;
}

static bool set_places(struct cli_log_demand *d, const char *url, const char *file)
{
    return copy_text(&d->url, url) && copy_text(&d->file, file);
}

struct cli_log_judge *cli_log_judge_copy(const struct cli_log_judge *l)
{
    struct cli_log_judge *out = judge_new();
    if (out == NULL) {
        return NULL;
    }
    out->demand.policy = l->demand.policy;
    out->demand.timeout_ms = l->demand.timeout_ms;
    out->first_key = l->first_key;
    out->first_witness = l->first_witness;
    if (!set_places(&out->demand, l->demand.url, l->demand.file)) {
        cli_log_judge_free(out);
        return NULL;
    }
    return out;
}

const struct cli_log_demand *cli_log_judge_demand(const struct cli_judge *j)
{
    return j->log == NULL ? NULL : &j->log->demand;
}

void cli_log_judge_end_with(struct cli_judge *j, const atomic_bool *ends)
{
    if (j->log != NULL) {
        j->log->demand.ends = ends;
    }
}

/* ---- options ---- */

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

/* Where proofs come from: options before the store. */
static enum cli_exit take_places(struct cli_log_judge *l, const struct cli *c,
                                 const struct mse_trust_app *a)
{
    struct cli_log_demand *d = &l->demand;
    const char *url = cli_value(c, "log-url");
    const char *file = cli_value(c, "log-proof");
    if (a != NULL && url == NULL && file == NULL) {
        url = a->log_url;
        file = a->log_proof;
    }
    if (url != NULL && cli_has(c, "offline")) {
        cli_hint(c, "with --offline the log at %s is not asked", url);
        url = NULL;
    }
    if (!set_places(d, url, file)) {
        return cli_trouble(c, "out of memory");
    }
    if (url == NULL && file == NULL) {
        cli_hint(c, "--log-url URL asks the log, --log-proof FILE takes what mse log prove wrote");
    }
    return cli_timeout(&d->timeout_ms, c) ? CLI_DONE : CLI_TROUBLE;
}

enum cli_exit cli_log_judge_init(struct cli_judge *j, const struct cli *c,
                                 const struct mse_trust_app *a)
{
    struct mse_policy *p = &j->policy;
    size_t first_key = p->num_log_keys;
    size_t first_witness = p->num_log_witnesses;
    enum cli_exit e = add_keys(c, "log", p->log_keys, &p->num_log_keys, MSE_MAX_LOG_KEYS);
    e = e == CLI_DONE ? add_keys(c, "log-witness", p->log_witnesses, &p->num_log_witnesses,
                                 MSE_MAX_LOG_WITNESSES)
                      : e;
    e = e == CLI_DONE ? check_options(c, p) : e;
    if (e == CLI_DONE && p->min_log_witnesses > 0 && p->num_log_witnesses > first_witness) {
        e = cli_trouble(c, "--log-witness demands all of them, and the policy has "
                           "min_log_witnesses: put the key into the policy");
    }
    if (e != CLI_DONE || p->num_log_keys == 0) {
        return e;
    }
    struct cli_log_judge *l = judge_new();
    if (l == NULL) {
        return cli_trouble(c, "out of memory");
    }
    l->demand.policy = *p;
    l->first_key = first_key;
    l->first_witness = first_witness;
    p->num_log_keys = 0;
    p->num_log_witnesses = 0;
    p->min_log_witnesses = 0;
    j->log = l;
    return take_places(l, c, a);
}

/* ---- the store of verified apps ---- */

static bool has_key(const struct mse_log_key *keys, size_t num, const struct mse_log_key *k)
{
    for (size_t i = 0; i < num; i++) {
        if (strcmp(keys[i].name, k->name) == 0 && mse_mem_equal(keys[i].key, k->key, 32)) {
            return true;
        }
    }
    return false;
}

/* Any of several keys is enough: those that are demanded now must be among those of before. */
static enum cli_exit narrow(struct cli_log_judge *l, const struct cli *c,
                            const struct mse_policy *pinned, const struct mse_trust_app *a)
{
    struct mse_policy *p = &l->demand.policy;
    for (size_t i = 0; i < p->num_log_keys; i++) {
        if (!has_key(pinned->log_keys, pinned->num_log_keys, &p->log_keys[i])) {
            cli_error(c,
                      "the sources of the demanded log disagree: %s is none of those that your "
                      "trust store demands for %s:%u",
                      p->log_keys[i].name, a->domain, (unsigned)a->port);
            cli_hint(c, "mse trust add %s:%u --log KEY, if it is another log now", a->domain,
                     (unsigned)a->port);
            return CLI_REFUSED;
        }
    }
    if (p->min_log_witnesses > 0 && pinned->num_log_witnesses > 0) {
        return cli_trouble(c,
                           "your trust store demands witnesses for %s:%u, all of them, and the "
                           "policy has min_log_witnesses",
                           a->domain, (unsigned)a->port);
    }
    for (size_t i = 0; i < pinned->num_log_witnesses; i++) {
        const struct mse_log_key *k = &pinned->log_witnesses[i];
        if (has_key(p->log_witnesses, p->num_log_witnesses, k)) {
            continue;
        }
        if (p->num_log_witnesses == MSE_MAX_LOG_WITNESSES) {
            return cli_trouble(c, "more than %d witnesses", MSE_MAX_LOG_WITNESSES);
        }
        p->log_witnesses[p->num_log_witnesses++] = *k;
    }
    return CLI_DONE;
}

enum cli_exit cli_log_judge_join(struct cli_judge *j, const struct cli *c,
                                 const struct mse_policy *pinned, const struct mse_trust_app *a)
{
    if (pinned->num_log_keys == 0) {
        return CLI_DONE;
    }
    if (j->log == NULL) {
        j->policy.num_log_keys = pinned->num_log_keys;
        j->policy.num_log_witnesses = pinned->num_log_witnesses;
        memcpy(j->policy.log_keys, pinned->log_keys, sizeof pinned->log_keys);
        memcpy(j->policy.log_witnesses, pinned->log_witnesses, sizeof pinned->log_witnesses);
        return cli_log_judge_init(j, c, a);
    }
    enum cli_exit e = narrow(j->log, c, pinned, a);
    bool nowhere = j->log->demand.url == NULL && j->log->demand.file == NULL;
    return e == CLI_DONE && nowhere ? take_places(j->log, c, a) : e;
}

static bool add_texts(struct mse_conf_list *list, const struct mse_log_key *keys, size_t first,
                      size_t num)
{
    char text[CLI_LOG_KEY_TEXT];
    for (size_t i = first; i < num; i++) {
        cli_log_key_text(text, &keys[i]);
        if (!mse_trust_list_add(list, text)) {
            return false;
        }
    }
    return true;
}

/* Wherever mse is called the next time: a folder or file by its whole path. */
static bool whole_place(char **out, const char *text)
{
    bool url = text == NULL || strstr(text, "://") != NULL;
    *out = text == NULL ? NULL : url ? strdup(text) : realpath(text, NULL);
    return text == NULL || *out != NULL;
}

bool cli_log_judge_entry(struct mse_trust_app *a, const struct cli_judge *j)
{
    const struct cli_log_judge *l = j->log;
    if (l == NULL) {
        return true;
    }
    const struct mse_policy *p = &l->demand.policy;
    return add_texts(&a->log_keys, p->log_keys, l->first_key, p->num_log_keys) &&
           add_texts(&a->log_witnesses, p->log_witnesses, l->first_witness, p->num_log_witnesses) &&
           whole_place(&a->log_url, l->demand.url) && whole_place(&a->log_proof, l->demand.file);
}

/* ---- judging ---- */

void cli_log_judge_refuse(struct mse_verdict *v, mse_status st, const char *why)
{
    mse_verdict_drop(v, MSE_STEP_LOG);
    mse_verdict_add(v, MSE_STEP_LOG, st, why, "a log that has it and only grows", "log_keys");
}

void cli_log_judge(struct mse_verdict *v, struct cli_judge *j)
{
    struct cli_log_judge *l = j->log;
    struct cli_log_subject subject;
    struct mse_error err = { 0 };
    mse_status st = MSE_OK;
    if (l == NULL) {
        return;
    }
    if (cli_log_subject_of(&subject, &l->demand, v)) {
        st = cli_log_obtain(&l->text, &l->demand, &subject, &err);
    }
    mse_status judged =
        mse_verdict_set_log(v, &l->proof, &l->demand.policy, mse_build_view(&l->text));
    l->good = st == MSE_OK && judged == MSE_OK;
    if (st != MSE_OK) {
        cli_log_judge_refuse(v, st, err.text);
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
    set(log, "source", mse_bytes_str(l->demand.url != NULL ? "url" : "proof"));
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
