/* SPDX-License-Identifier: Apache-2.0 */
/* mse trust: the user's own store of verified apps. */
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/target.h"
#include "cli/tlog_judge.h"
#include "cli/trust_entry.h"

/* ---- add ---- */

/* A file that the entry names, wherever mse is called the next time. */
static char *absolute(const struct cli *c, const char *option)
{
    const char *path = cli_value(c, option);
    return path == NULL ? NULL : realpath(path, NULL);
}

static enum mse_trust_rule rule_of(const struct cli *c)
{
    enum mse_trust_rule rule = MSE_TRUST_ASK;
    (void)(cli_has(c, "rule") && mse_trust_rule_parse(&rule, cli_value(c, "rule")));
    return rule;
}

static bool has_all(const struct mse_conf_list *list, const struct mse_conf_list *wanted)
{
    size_t found = 0;
    for (size_t i = 0; i < wanted->num; i++) {
        bool there = false;
        for (size_t k = 0; !there && k < list->num; k++) {
            there = strcmp(list->items[k], wanted->items[i]) == 0;
        }
        found += there ? 1 : 0;
    }
    return found == wanted->num;
}

/* One of the keys is enough, and all witnesses are needed. */
static bool demands_less_of_logs(const struct mse_trust_app *old, const struct mse_trust_app *a)
{
    bool logs =
        old->log_keys.num > 0 && (a->log_keys.num == 0 || !has_all(&old->log_keys, &a->log_keys));
    return logs || !has_all(&a->log_witnesses, &old->log_witnesses);
}

/* Whether less would be demanded of the platform than before. */
static bool demands_less(const struct mse_trust_app *old, const struct mse_trust_app *a)
{
    return a->level < old->level || (a->simulated && !old->simulated) ||
           (old->machines.num > 0 && a->machines.num == 0) ||
           (old->policy != NULL && a->policy == NULL) || demands_less_of_logs(old, a);
}

/* Another version, or fewer demands, take the place of what is stored on the user's word only. */
static bool may_replace(const struct cli *c, const struct mse_trust_app *old,
                        const struct mse_trust_app *a)
{
    bool same = old != NULL && mse_mem_equal(old->fingerprint, a->fingerprint, 32);
    if (old == NULL || (same && !demands_less(old, a))) {
        return true;
    }
    if (same) {
        cli_say(c, "The trust store demands more of this app: level %u%s%s%s%s",
                (unsigned)old->level, old->machines.num > 0 ? ", its list of machines" : "",
                old->simulated ? "" : ", no simulation",
                old->log_keys.num > 0 ? ", its transparency log" : "",
                old->policy != NULL ? ", its policy" : "");
    } else {
        cli_say(c, "The trust store has another version of this app:");
        (void)cli_trust_say_changes(c, old, a);
    }
    return cli_trust_confirmed(c, "Store what was verified now in its place?");
}

static enum cli_exit store(const struct cli *c, struct mse_trust_edit *e, struct mse_trust_app *a,
                           const struct cli_finding *found)
{
    const struct mse_trust_app *old = mse_trust_find(&e->store, a->domain, (uint16_t)a->port);
    if (old != NULL && old->rule == MSE_TRUST_NEVER &&
        !mse_mem_equal(old->fingerprint, a->fingerprint, 32)) {
        cli_error(c, "the trust store has another version of %s:%u, which never moves", a->domain,
                  (unsigned)a->port);
        cli_hint(c, "mse trust remove %s:%u, if it is to be another one", a->domain,
                 (unsigned)a->port);
        return CLI_REFUSED;
    }
    if (!may_replace(c, old, a)) {
        cli_error(c, "the trust store has another entry of %s:%u, and was left as it is", a->domain,
                  (unsigned)a->port);
        cli_hint(c, "-y replaces it");
        return CLI_REFUSED;
    }
    return cli_trust_store(c, e, a, found);
}

static enum cli_exit keep(const struct cli *c, const struct cli_verified *v)
{
    struct mse_trust_app a;
    struct mse_trust_edit e;
    struct mse_error err = { 0 };
    mse_status st = cli_trust_entry(&a, v, &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    a.rule = rule_of(c);
    a.policy = absolute(c, "policy");
    a.context = absolute(c, "context");
    if (!cli_log_judge_entry(&a, v->judge)) {
        mse_trust_app_clear(&a);
        return cli_trouble(c, "the place of the log, or of its proof, has no whole path");
    }
    st = mse_trust_begin(&e, &err);
    enum cli_exit done = CLI_TROUBLE;
    if (st == MSE_OK) {
        done = store(c, &e, &a, v->found);
        mse_trust_end(&e);
    } else {
        (void)cli_failed(c, st, &err);
    }
    if (done == CLI_DONE) {
        cli_say(c, "Stored: %s:%u, rule %s", v->host, v->port, mse_trust_rule_name(rule_of(c)));
    }
    mse_trust_app_clear(&a);
    return done;
}

enum cli_exit cmd_trust_add(struct cli *c)
{
    const struct cli_verify_use use = { .output = cli_value(c, "output"), .keep = keep };
    enum mse_trust_rule rule;
    if (cli_has(c, "rule") && !mse_trust_rule_parse(&rule, cli_value(c, "rule"))) {
        return cli_trouble(c, "--rule is %s, wanted ask, signer or never", cli_value(c, "rule"));
    }
    return cli_verify_app(c, &use);
}

/* ---- list ---- */

static void say_app(const struct cli *c, const struct mse_trust_app *a)
{
    char when[MSE_TIME_TEXT_LEN];
    char hex[65];
    mse_time_format(when, a->verified_at);
    mse_hex_encode(hex, mse_bytes_of(a->fingerprint, 32));
    cli_say(c, "%s:%u", a->domain, (unsigned)a->port);
    cli_say(c, "  fingerprint: %s (%s%s)", hex, a->tee, a->simulated ? ", SIMULATED" : "");
    mse_hex_encode(hex, mse_bytes_of(a->spki_sha256, 32));
    cli_say(c, "  key: %s", hex);
    cli_say(c, "  verified: %s, binding level %u", when, (unsigned)a->level);
    cli_say(c, "  rule: %s", mse_trust_rule_name(a->rule));
    for (size_t i = 0; i < a->machines.num; i++) {
        cli_say(c, "  machine: %s", a->machines.items[i]);
    }
    for (size_t i = 0; i < a->log_keys.num; i++) {
        cli_say(c, "  log: %s", a->log_keys.items[i]);
    }
    for (size_t i = 0; i < a->log_witnesses.num; i++) {
        cli_say(c, "  witness of the log: %s", a->log_witnesses.items[i]);
    }
    if (a->log_url != NULL || a->log_proof != NULL) {
        cli_say(c, "  %s: %s", a->log_url != NULL ? "log asked at" : "proof of the log",
                a->log_url != NULL ? a->log_url : a->log_proof);
    }
}

static enum cli_exit load(struct mse_trust *t, const struct cli *c)
{
    struct mse_error err = { 0 };
    mse_status st = mse_trust_load(t, &err);
    if (st == MSE_OK) {
        return CLI_DONE;
    }
    (void)cli_failed(c, st, &err);
    if (st == MSE_ERR_CONFIG) {
        cli_hint(c, "trust.toml in the configuration folder is yours: mend it, or move it away and "
                    "verify your apps anew");
    }
    return CLI_TROUBLE;
}

enum cli_exit cmd_trust_list(struct cli *c)
{
    struct mse_trust t = { .apps = NULL };
    enum cli_exit e = load(&t, c);
    if (e != CLI_DONE) {
        return e;
    }
    json_t *apps = json_array();
    for (size_t i = 0; i < t.num; i++) {
        say_app(c, &t.apps[i]);
        (void)json_array_append_new(apps, cli_trust_json(&t.apps[i]));
    }
    if (t.num == 0) {
        cli_say(c, "no app is stored: mse trust add DOMAIN");
    }
    if (c->json) {
        cli_json(c, json_pack("{s:O}", "apps", apps));
    }
    json_decref(apps);
    mse_trust_clear(&t);
    return CLI_DONE;
}

/* ---- remove ---- */

static bool name_of(const struct cli *c, const char *text, char host[256], uint16_t *port)
{
    if (cli_split_host(host, 256, port, text, 443)) {
        return true;
    }
    (void)cli_trouble(c, "%s is no DOMAIN[:PORT]", text);
    return false;
}

static enum cli_exit unknown(const struct cli *c, const char *host, uint16_t port)
{
    (void)cli_trouble(c, "the trust store has no %s:%u", host, port);
    cli_hint(c, "mse trust list shows what it has");
    return CLI_TROUBLE;
}

/* All of them, or none. */
static enum cli_exit remove_all(const struct cli *c, struct mse_trust_edit *e)
{
    char host[256];
    uint16_t port = 0;
    for (size_t i = 0; i < c->num_args; i++) {
        if (!name_of(c, c->args[i], host, &port)) {
            return CLI_TROUBLE;
        }
        if (!mse_trust_remove(&e->store, host, port)) {
            return unknown(c, host, port);
        }
    }
    struct mse_error err = { 0 };
    mse_status st = mse_trust_save(e, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
}

static void forget_certificates(const struct cli *c)
{
    char host[256];
    uint16_t port = 0;
    for (size_t i = 0; i < c->num_args; i++) {
        char *path =
            name_of(c, c->args[i], host, &port) ? mse_trust_certificate_path(host, port) : NULL;
        (void)(path != NULL && unlink(path) == 0);
        free(path);
        cli_say(c, "Removed: %s:%u", host, port);
        cli_hint(c, "a browser that imported its certificate still does: mse browser remove %s:%u",
                 host, port);
    }
}

enum cli_exit cmd_trust_remove(struct cli *c)
{
    struct mse_trust_edit e;
    struct mse_error err = { 0 };
    mse_status st = mse_trust_begin(&e, &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    enum cli_exit done = remove_all(c, &e);
    if (done == CLI_DONE) {
        forget_certificates(c);
    }
    mse_trust_end(&e);
    if (done == CLI_DONE && c->json) {
        cli_json(c, json_pack("{s:i}", "removed", (int)c->num_args));
    }
    return done;
}

/* ---- check ---- */

static enum cli_exit check_named(const struct cli *c, const struct mse_trust *t, const char *name,
                                 json_t *out)
{
    char host[256];
    uint16_t port = 0;
    if (!name_of(c, name, host, &port)) {
        return CLI_TROUBLE;
    }
    const struct mse_trust_app *a = mse_trust_find(t, host, port);
    return a == NULL ? unknown(c, host, port) : cli_trust_check_one(c, a, out);
}

enum cli_exit cmd_trust_check(struct cli *c)
{
    struct mse_trust t = { .apps = NULL };
    enum cli_exit worst = load(&t, c);
    if (worst != CLI_DONE) {
        return worst;
    }
    json_t *apps = json_array();
    size_t num = c->num_args > 0 ? c->num_args : t.num;
    for (size_t i = 0; i < num; i++) {
        json_t *one = json_object();
        enum cli_exit e = c->num_args > 0 ? check_named(c, &t, c->args[i], one)
                                          : cli_trust_check_one(c, &t.apps[i], one);
        worst = e > worst ? e : worst;
        (void)json_array_append_new(apps, one);
    }
    if (num == 0) {
        cli_say(c, "no app is stored: mse trust add DOMAIN");
    }
    if (c->json) {
        cli_json(c, json_pack("{s:O}", "apps", apps));
    }
    json_decref(apps);
    mse_trust_clear(&t);
    return worst;
}
