/* SPDX-License-Identifier: Apache-2.0 */
/* What an app is now, beside what it was when it was verified. It has to be genuine by everything
 * that the entry demands of the platform; only which app it is may differ, and is shown. */
#include "base/bytes.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/running.h"
#include "cli/target.h"
#include "cli/tlog_judge.h"
#include "cli/trust_entry.h"
#include "crypto/digest.h"

struct look {
    const struct cli *c;
    const struct mse_trust_app *was;
    struct cli_judge judge;
    struct cli_link link;
    struct cli_finding found;
    struct cli_choice choice;
    struct mse_trust_app is; /* accepted: what it is now */
    const char *state;       /* for JSON */
};

static enum cli_exit judge_it(struct look *l)
{
    struct mse_ratls_cert cert;
    struct mse_bytes evidence = { 0 };
    struct mse_bytes none = { 0 };
    struct mse_error err = { 0 };
    if (mse_ratls_read(&cert, cli_file_view(&l->link.der), NULL) == MSE_OK) {
        evidence = cert.quote;
    }
    cli_judge_choose(&l->choice, &l->judge, l->c, evidence, NULL);
    mse_status st =
        cli_link_judge(&l->link, &l->found, &l->judge, l->choice.collateral, none, &err);
    if (st != MSE_OK) {
        return cli_link_failed(l->c, st, &err);
    }
    cli_judge_floor(&l->found.verdict, &l->judge);
    if (l->link.session == NULL) {
        mse_verdict_set_level(&l->found.verdict, 0, &l->judge.policy);
    }
    cli_log_judge(&l->found.verdict, &l->judge);
    if (!l->found.verdict.accepted) {
        cli_refusal(l->c, &l->found.verdict, &l->judge);
        return CLI_REFUSED;
    }
    const struct cli_verified now = { .host = l->was->domain,
                                      .port = (uint16_t)l->was->port,
                                      .judge = &l->judge,
                                      .found = &l->found };
    st = cli_trust_entry(&l->is, &now, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(l->c, st, &err);
}

static enum cli_exit look_at(struct look *l)
{
    const struct cli *c = l->c;
    const struct mse_trust_app *a = l->was;
    struct mse_error err = { 0 };
    unsigned timeout = 0;
    struct mse_policy *p = &l->judge.policy;
    l->judge.as_pinned = a;
    l->state = "unreachable";
    if (!cli_timeout(&timeout, c) || cli_judge_init_within(&l->judge, c, timeout) != CLI_DONE ||
        cli_log_judge_init(&l->judge, c, a) != CLI_DONE) {
        return CLI_TROUBLE;
    }
    p->insecure_any_app = a->rule != MSE_TRUST_SIGNER;
    if (a->rule == MSE_TRUST_SIGNER && !mse_trust_expect(p, NULL, a->signer)) {
        return cli_trouble(c, "no [[references]] of %s agree with the signer of %s", a->policy,
                           a->domain);
    }
    mse_status st = cli_link_open(&l->link, a->domain, (uint16_t)a->port, timeout, &err);
    if (st != MSE_OK) {
        return cli_trouble(c, "%s cannot be reached: %s", a->domain,
                           err.text[0] != '\0' ? err.text : mse_status_text(st));
    }
    l->state = "refused";
    return judge_it(l);
}

/* Its manifest of before, if the context is at hand, and the one of now, which the evidence names.
 */
static void explain(const struct look *l)
{
    struct cli_app before = { 0 };
    struct mse_build text;
    char name[300];
    uint8_t digest[32];
    struct mse_error err = { 0 };
    if (l->was->context == NULL || cli_app_load(&before, l->was->context, &err) != MSE_OK) {
        cli_hint(l->c, "with the contexts, mse cloud fingerprint --explain tells which input "
                       "differs: ask the app's owner for the new one");
        return;
    }
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    (void)snprintf(name, sizeof name, "%s:%u", l->was->domain, (unsigned)l->was->port);
    mse_status st = cli_running_manifest(&text, l->c, name, &err);
    bool genuine = st == MSE_OK && mse_sha256(digest, mse_build_view(&text)) == MSE_OK &&
                   mse_mem_equal(digest, l->is.manifest_sha256, 32);
    if (genuine) {
        cli_explain_update(l->c, &before, mse_build_view(&text), NULL);
    } else {
        cli_hint(l->c, "what differs is not known: %s",
                 st == MSE_OK ? "the server's manifest is not the one that was attested"
                              : err.text);
    }
    mse_build_clear(&text);
    cli_app_clear(&before);
}

static bool may_move(const struct look *l)
{
    char question[400];
    switch (l->was->rule) {
    case MSE_TRUST_NEVER:
        return false;
    case MSE_TRUST_SIGNER:
        return true; /* the policy demanded the signer */
    case MSE_TRUST_ASK:
        break;
    }
    (void)snprintf(question, sizeof question, "Trust %s:%u as it is now?", l->was->domain,
                   (unsigned)l->was->port);
    return cli_trust_confirmed(l->c, question);
}

static char *copy(const char *s)
{
    return s == NULL ? NULL : strdup(s);
}

static bool copy_list(struct mse_conf_list *out, const struct mse_conf_list *in)
{
    for (size_t i = 0; i < in->num; i++) {
        if (!mse_trust_list_add(out, in->items[i])) {
            return false;
        }
    }
    return true;
}

static bool copy_logs(struct mse_trust_app *out, const struct mse_trust_app *a)
{
    out->log_url = copy(a->log_url);
    out->log_proof = copy(a->log_proof);
    return copy_list(&out->log_keys, &a->log_keys) &&
           copy_list(&out->log_witnesses, &a->log_witnesses);
}

/* Under the lock: the entry is still the one that was shown. */
static enum cli_exit move_entry(struct look *l)
{
    struct mse_trust_edit e;
    struct mse_error err = { 0 };
    const struct mse_trust_app *a = l->was;
    bool same_code = mse_mem_equal(a->fingerprint, l->is.fingerprint, 32);
    mse_status st = mse_trust_begin(&e, &err);
    if (st != MSE_OK) {
        return cli_failed(l->c, st, &err);
    }
    const struct mse_trust_app *there = mse_trust_find(&e.store, a->domain, (uint16_t)a->port);
    enum cli_exit done = CLI_TROUBLE;
    l->is.rule = a->rule;
    l->is.policy = copy(a->policy);
    l->is.context = same_code ? copy(a->context) : NULL;
    if (!copy_logs(&l->is, a)) {
        (void)cli_trouble(l->c, "out of memory");
    } else if (there == NULL || !cli_trust_same(there, a) || !cli_trust_same_demands(there, a)) {
        (void)cli_trouble(l->c, "the entry of %s was changed meanwhile: try again", a->domain);
    } else {
        done = cli_trust_store(l->c, &e, &l->is, &l->found);
    }
    mse_trust_end(&e);
    return done;
}

static enum cli_exit changed(struct look *l)
{
    const struct cli *c = l->c;
    const struct mse_trust_app *a = l->was;
    char when[MSE_TIME_TEXT_LEN];
    mse_time_format(when, a->verified_at);
    l->state = "changed";
    cli_say_bad(c, "changed");
    cli_say(c, "%s:%u is not what it was at %s", a->domain, (unsigned)a->port, when);
    (void)cli_trust_say_changes(c, a, &l->is);
    if (mse_mem_equal(a->fingerprint, l->is.fingerprint, 32)) {
        cli_say(c, "  the same code, with a new key: it was restarted, or its certificate renewed");
    } else if (!c->json) {
        explain(l);
    }
    if (!may_move(l)) {
        cli_error(c, "%s:%u has changed since it was verified (%s)", a->domain, (unsigned)a->port,
                  when);
        cli_hint(c,
                 "send nothing there before you know why: mse trust add %s:%u with the "
                 "fingerprint or context that its owner gives you now%s",
                 a->domain, (unsigned)a->port,
                 a->rule == MSE_TRUST_ASK ? ", or mse trust check -y" : "");
        return CLI_REFUSED;
    }
    enum cli_exit e = move_entry(l);
    if (e == CLI_DONE) {
        l->state = "moved";
        cli_say(c, "stored as it is now%s",
                a->rule == MSE_TRUST_SIGNER ? ": the same signer, as your rule says" : "");
        cli_hint(c, "browsers know the certificate of before: mse browser install %s:%u", a->domain,
                 (unsigned)a->port);
    }
    return e;
}

enum cli_exit cli_trust_check_one(const struct cli *c, const struct mse_trust_app *a, json_t *out)
{
    struct look *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return cli_trouble(c, "out of memory");
    }
    l->c = c;
    l->was = a;
    cli_say(c, "%s:%u", a->domain, (unsigned)a->port);
    enum cli_exit e = look_at(l);
    json_t *now = e == CLI_DONE ? cli_trust_json(&l->is) : json_null();
    if (e == CLI_DONE && cli_trust_same(a, &l->is)) {
        char when[MSE_TIME_TEXT_LEN];
        mse_time_format(when, a->verified_at);
        l->state = "unchanged";
        cli_say_good(c, "unchanged");
        cli_say(c, "as it was at %s; binding level %u", when,
                (unsigned)l->found.verdict.binding_level);
        cli_log_judge_say(c, &l->judge);
    } else if (e == CLI_DONE) {
        e = changed(l);
    }
    json_t *was = cli_trust_json(a);
    (void)json_object_update_new(
        out, json_pack("{s:s, s:o, s:o}", "state", l->state, "before", was, "now", now));
    mse_trust_app_clear(&l->is);
    cli_choice_clear(&l->choice);
    cli_judge_clear(&l->judge);
    cli_link_close(&l->link);
    free(l);
    return e;
}
