/* SPDX-License-Identifier: Apache-2.0 */
/* See trust.h. The file is the user's own, and still read as a stranger's: a program that wrote it
 * wrongly must not turn a pin into none. */
#include "cli/trust.h"

#include <strings.h>

#include "attest/policy_keys.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "conf/policy_toml.h"
#include "ratls/profile.h"

#define MAX_POLICY ((size_t)1024 * 1024)
#define ROOT_LEN   64

static const char *const rules[] = { "ask", "signer", "never" };

const char *mse_trust_rule_name(enum mse_trust_rule r)
{
    return rules[r];
}

bool mse_trust_rule_parse(enum mse_trust_rule *out, const char *word)
{
    for (size_t i = 0; i < MSE_ARRAY_LEN(rules); i++) {
        if (strcmp(word, rules[i]) == 0) {
            *out = (enum mse_trust_rule)i;
            return true;
        }
    }
    return false;
}

#define KEY(name, kind, required, min, max)                                                        \
    {                                                                                              \
#name, kind, required, offsetof(struct mse_trust_app, name), min, max, NULL                \
    }

static const struct mse_conf_key keys[] = {
    KEY(domain, MSE_CONF_STRING, true, 1, MSE_PROFILE_MAX_DNS_NAME),
    KEY(port, MSE_CONF_UINT, false, 1, 65535),
    KEY(tee, MSE_CONF_STRING, true, 1, 15),
    KEY(fingerprint, MSE_CONF_HEX32, true, 0, 0),
    KEY(spki_sha256, MSE_CONF_HEX32, true, 0, 0),
    KEY(signer, MSE_CONF_HEX32, false, 0, 0),
    KEY(manifest_sha256, MSE_CONF_HEX32, false, 0, 0),
    KEY(machines, MSE_CONF_LIST, false, 0, 0),
    KEY(simulated, MSE_CONF_BOOL, true, 0, 0),
    KEY(simulation_root_sha256, MSE_CONF_HEX32, false, 0, 0),
    KEY(simulation_root, MSE_CONF_STRING, false, (size_t)2 * ROOT_LEN, (size_t)2 * ROOT_LEN),
    KEY(level, MSE_CONF_UINT, true, 0, 3),
    KEY(verified_at, MSE_CONF_TIME, true, 0, 0),
    { "rule", MSE_CONF_STRING, false, offsetof(struct mse_trust_app, rule_word), 1, 15, NULL },
    KEY(policy, MSE_CONF_STRING, false, 1, 4096),
    KEY(context, MSE_CONF_STRING, false, 1, 4096),
    KEY(log_keys, MSE_CONF_LIST, false, 0, 0),
    KEY(log_witnesses, MSE_CONF_LIST, false, 0, 0),
    KEY(log_url, MSE_CONF_STRING, false, 1, 4096),
    KEY(log_proof, MSE_CONF_STRING, false, 1, 4096),
    { NULL, MSE_CONF_STRING, false, 0, 0, 0, NULL },
};

bool mse_trust_has(const uint8_t value[32])
{
    return !mse_mem_is_zero(value, 32);
}

void mse_trust_app_clear(struct mse_trust_app *a)
{
    mse_conf_clear(a, keys);
    *a = (struct mse_trust_app) { .domain = NULL };
}

void mse_trust_clear(struct mse_trust *t)
{
    for (size_t i = 0; i < t->num; i++) {
        mse_trust_app_clear(&t->apps[i]);
    }
    free(t->apps);
    *t = (struct mse_trust) { .apps = NULL };
}

/* As a policy has them, behind those that it has. */
static bool add_all(struct mse_policy *p, const char *name, const struct mse_conf_list *list)
{
    const struct mse_policy_key *key = mse_policy_key_find(mse_bytes_str(name));
    MSE_ASSERT(key != NULL);
    for (size_t i = 0; i < list->num; i++) {
        struct mse_policy_value v = { .kind = MSE_POLICY_TEXT,
                                      .text = mse_bytes_str(list->items[i]) };
        if (!key->set(p, &v)) {
            return false;
        }
    }
    return true;
}

static bool set_machines(struct mse_policy *p, const struct mse_trust_app *a)
{
    return add_all(p, "allowed_machines", &a->machines);
}

/* All witnesses that the entry names have to cosign: "so many of them" cannot say that. */
static bool set_logs(struct mse_policy *p, const struct mse_trust_app *a)
{
    if (p->min_log_witnesses > 0 && a->log_witnesses.num > 0) {
        return false;
    }
    return add_all(p, "log_keys", &a->log_keys) && add_all(p, "log_witnesses", &a->log_witnesses);
}

bool mse_trust_list_add(struct mse_conf_list *list, const char *text)
{
    char **wider = reallocarray(list->items, list->num + 2, sizeof *wider);
    if (wider == NULL) {
        return false;
    }
    list->items = wider;
    wider[list->num] = strdup(text);
    wider[list->num + 1] = NULL; /* as in lists that were read */
    if (wider[list->num] == NULL) {
        return false;
    }
    list->num++;
    return true;
}

static const char *wrong_logs(const struct mse_trust_app *a, struct mse_policy *p)
{
    if (!set_logs(p, a)) {
        return "log_keys are at most 4 public keys of logs, log_witnesses at most 16 of witnesses "
               "(NAME+ID+BASE64)";
    }
    if (a->log_keys.num == 0 && a->policy == NULL &&
        (a->log_witnesses.num > 0 || a->log_url != NULL || a->log_proof != NULL)) {
        return "log_witnesses, log_url and log_proof need log_keys";
    }
    return a->log_url != NULL && a->log_proof != NULL ? "log_url and log_proof exclude each other"
                                                      : NULL;
}

/* What is wrong with an entry; NULL if nothing is. */
static const char *wrong(const struct mse_trust_app *a)
{
    uint8_t point[ROOT_LEN];
    struct mse_policy p = { 0 };
    bool has_root = mse_trust_has(a->simulation_root_sha256);
    if (!mse_profile_is_dns_name(mse_bytes_str(a->domain))) {
        return "domain is no host name in lower case";
    }
    if (!mse_trust_has(a->fingerprint) || !mse_trust_has(a->spki_sha256)) {
        return "a fingerprint or key of zeros is nobody's";
    }
    if (a->simulated != has_root) {
        return "simulated and simulation_root_sha256 go together";
    }
    if (a->simulation_root != NULL &&
        (!has_root || !mse_hex_decode(point, sizeof point, mse_bytes_str(a->simulation_root)))) {
        return "simulation_root is 128 hexadecimal digits, beside simulation_root_sha256";
    }
    if (a->rule == MSE_TRUST_SIGNER && !mse_trust_has(a->signer)) {
        return "the rule \"signer\" needs a signer";
    }
    if (!set_machines(&p, a)) {
        return "machines are at most 64 ids of 32, 64 or 128 hexadecimal digits, none of zeros";
    }
    if (a->level == 3 && a->machines.num == 0 && a->policy == NULL) {
        return "level 3 needs machines";
    }
    return wrong_logs(a, &p);
}

static mse_status rd_app(struct mse_trust_app *a, const struct mse_conf_file *f,
                         struct mse_toml_node *entry, struct mse_error *err)
{
    const struct mse_conf_file one = { f->name, entry };
    if (entry->type != MSE_TOML_TABLE) {
        return mse_conf_fail(f, entry->line, err, "wanted tables [[app]]");
    }
    a->port = 443;
    mse_status st = mse_conf_read(a, &one, keys, err);
    if (st != MSE_OK) {
        return st;
    }
    if (a->rule_word != NULL && !mse_trust_rule_parse(&a->rule, a->rule_word)) {
        return mse_conf_fail(f, entry->line, err, "rule is \"%s\", wanted ask, signer or never",
                             a->rule_word);
    }
    const char *why = wrong(a);
    return why == NULL ? MSE_OK : mse_conf_fail(f, entry->line, err, "%.60s: %s", a->domain, why);
}

static int compare(const struct mse_trust_app *a, const char *domain, uint64_t port)
{
    int order = strcasecmp(a->domain, domain);
    int ports = a->port < port ? -1 : a->port > port;
    return order != 0 ? order : ports;
}

/* Where an entry of this name stands or would stand. */
static size_t place_of(const struct mse_trust *t, const char *domain, uint64_t port)
{
    size_t at = 0;
    MSE_ASSERT(domain != NULL);
    while (at < t->num && compare(&t->apps[at], domain, port) < 0) {
        at++;
    }
    return at;
}

struct mse_trust_app *mse_trust_find(const struct mse_trust *t, const char *domain, uint16_t port)
{
    size_t at = place_of(t, domain, port);
    return at < t->num && compare(&t->apps[at], domain, port) == 0 ? &t->apps[at] : NULL;
}

static mse_status insert(struct mse_trust *t, size_t at, struct mse_trust_app *a)
{
    struct mse_trust_app *wider = reallocarray(t->apps, t->num + 1, sizeof *wider);
    if (wider == NULL) {
        return MSE_ERR_MEMORY;
    }
    t->apps = wider;
    memmove(&wider[at + 1], &wider[at], (t->num - at) * sizeof *wider);
    wider[at] = *a;
    t->num++;
    *a = (struct mse_trust_app) { .domain = NULL };
    return MSE_OK;
}

mse_status mse_trust_put(struct mse_trust *t, struct mse_trust_app *a, struct mse_error *err)
{
    const char *why = wrong(a);
    if (why != NULL) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "trust", "%.60s: %s", a->domain, why);
    }
    size_t at = place_of(t, a->domain, a->port);
    if (at < t->num && compare(&t->apps[at], a->domain, a->port) == 0) {
        mse_trust_app_clear(&t->apps[at]);
        t->apps[at] = *a;
        *a = (struct mse_trust_app) { .domain = NULL };
        return MSE_OK;
    }
    if (t->num >= MSE_TRUST_MAX_APPS) {
        return MSE_FAIL(err, MSE_ERR_NO_SPACE, "trust", "more than %d apps", MSE_TRUST_MAX_APPS);
    }
    mse_status st = insert(t, at, a);
    return st == MSE_OK ? st : MSE_FAIL(err, st, "trust", "out of memory");
}

bool mse_trust_remove(struct mse_trust *t, const char *domain, uint16_t port)
{
    size_t at = place_of(t, domain, port);
    if (at >= t->num || compare(&t->apps[at], domain, port) != 0) {
        return false;
    }
    mse_trust_app_clear(&t->apps[at]);
    t->num--;
    memmove(&t->apps[at], &t->apps[at + 1], (t->num - at) * sizeof *t->apps);
    return true;
}

static mse_status rd_all(struct mse_trust *t, const struct mse_conf_file *f, struct mse_error *err)
{
    const struct mse_toml_node *root = f->doc;
    const struct mse_toml_node *list = mse_toml_get(root, "app");
    if (root->num > (list == NULL ? 0U : 1U) || (list != NULL && list->type != MSE_TOML_ARRAY)) {
        return mse_conf_fail(f, root->items[0].key_line, err, "wanted tables [[app]] only");
    }
    for (size_t i = 0; list != NULL && i < list->num; i++) {
        struct mse_trust_app a = { .domain = NULL };
        mse_status st = rd_app(&a, f, &list->items[i], err);
        if (st == MSE_OK && mse_trust_find(t, a.domain, (uint16_t)a.port) != NULL) {
            st = mse_conf_fail(f, list->items[i].line, err, "%.60s:%u stands there twice", a.domain,
                               (unsigned)a.port);
        }
        st = st == MSE_OK ? mse_trust_put(t, &a, err) : st;
        if (st != MSE_OK) {
            mse_trust_app_clear(&a);
            return st;
        }
    }
    return MSE_OK;
}

mse_status mse_trust_parse(struct mse_trust *out, const char *name, struct mse_bytes text,
                           struct mse_error *err)
{
    struct mse_trust t = { .apps = NULL };
    struct mse_conf_file f;
    mse_status st = mse_conf_open(&f, name, text, err);
    if (st != MSE_OK) {
        return st;
    }
    st = rd_all(&t, &f, err);
    mse_conf_close(&f);
    if (st != MSE_OK) {
        mse_trust_clear(&t);
        return st;
    }
    *out = t;
    return MSE_OK;
}

static void wr_hex(struct mse_build *b, const char *key, const uint8_t v[32])
{
    if (mse_trust_has(v)) {
        mse_wr_printf(b, "%s = \"", key);
        mse_wr_hex(b, v, 32);
        mse_wr_str(b, "\"\n");
    }
}

static void wr_text(struct mse_build *b, const char *key, const char *value)
{
    if (value != NULL) {
        mse_wr_toml(b, key, value);
    }
}

static void wr_list(struct mse_build *b, const char *key, const struct mse_conf_list *list)
{
    if (list->num == 0) {
        return;
    }
    mse_wr_printf(b, "%s = [", key);
    for (size_t i = 0; i < list->num; i++) {
        mse_wr_str(b, i == 0 ? "" : ", ");
        mse_wr_toml_text(b, list->items[i]);
    }
    mse_wr_str(b, "]\n");
}

static void wr_app(struct mse_build *b, const struct mse_trust_app *a)
{
    char when[MSE_TIME_TEXT_LEN];
    mse_time_format(when, a->verified_at);
    mse_wr_str(b, "\n[[app]]\n");
    wr_text(b, "domain", a->domain);
    mse_wr_printf(b, "port = %u\n", (unsigned)a->port);
    wr_text(b, "tee", a->tee);
    wr_hex(b, "fingerprint", a->fingerprint);
    wr_hex(b, "spki_sha256", a->spki_sha256);
    wr_hex(b, "signer", a->signer);
    wr_hex(b, "manifest_sha256", a->manifest_sha256);
    wr_list(b, "machines", &a->machines);
    mse_wr_printf(b, "simulated = %s\n", a->simulated ? "true" : "false");
    wr_hex(b, "simulation_root_sha256", a->simulation_root_sha256);
    wr_text(b, "simulation_root", a->simulation_root);
    mse_wr_printf(b, "level = %u\n", (unsigned)a->level);
    mse_wr_printf(b, "verified_at = %s\n", when);
    wr_text(b, "rule", mse_trust_rule_name(a->rule));
    wr_text(b, "policy", a->policy);
    wr_text(b, "context", a->context);
    wr_list(b, "log_keys", &a->log_keys);
    wr_list(b, "log_witnesses", &a->log_witnesses);
    wr_text(b, "log_url", a->log_url);
    wr_text(b, "log_proof", a->log_proof);
}

void mse_trust_write(struct mse_build *out, const struct mse_trust *t)
{
    mse_wr_str(out, "# Apps that were verified: mse trust changes this file (mse-trust(1)).\n");
    for (size_t i = 0; i < t->num; i++) {
        wr_app(out, &t->apps[i]);
    }
}

static bool agrees(bool *has, uint8_t have[32], const uint8_t *want)
{
    if (want == NULL) {
        return true;
    }
    if (*has && !mse_mem_equal(have, want, 32)) {
        return false;
    }
    *has = true;
    memcpy(have, want, 32);
    return true;
}

/* The fingerprint of an enclave is its MRENCLAVE, which a set may name. */
static bool agrees_fingerprint(struct mse_reference *r, const uint8_t *want)
{
    bool other = r->has_mr_enclave && want != NULL &&
                 !mse_mem_equal(r->mr_enclave, want, sizeof r->mr_enclave);
    return !other && agrees(&r->has_fingerprint, r->fingerprint, want);
}

bool mse_trust_expect(struct mse_policy *p, const uint8_t *fingerprint, const uint8_t *signer)
{
    if (fingerprint == NULL && signer == NULL) {
        return true;
    }
    p->num_references = p->num_references == 0 ? 1 : p->num_references;
    size_t kept = 0;
    for (size_t i = 0; i < p->num_references; i++) {
        struct mse_reference r = p->references[i];
        if (agrees_fingerprint(&r, fingerprint) && agrees(&r.has_mr_signer, r.mr_signer, signer)) {
            p->references[kept++] = r;
        }
    }
    p->num_references = kept;
    return kept > 0;
}

mse_status mse_trust_policy_file(struct mse_policy *out, const char *path, struct mse_error *err)
{
    struct cli_file f = { 0 };
    size_t len = strlen(path);
    bool is_json = len >= 5 && strcmp(path + len - 5, ".json") == 0;
    mse_status st = cli_file_read(&f, path, MAX_POLICY, err);
    if (st == MSE_OK) {
        st = is_json ? mse_policy_parse_json(out, cli_file_view(&f), err)
                     : mse_policy_parse_toml(out, path, cli_file_view(&f), err);
    }
    cli_file_clear(&f);
    return st;
}

mse_status mse_trust_base(struct mse_policy *out, const struct mse_trust_app *a,
                          struct mse_error *err)
{
    struct mse_policy *p = out;
    mse_policy_default(p);
    mse_status st = a->policy == NULL ? MSE_OK : mse_trust_policy_file(p, a->policy, err);
    if (st != MSE_OK) {
        return st;
    }
    /* The entry decides: a policy that allows simulation lets no pinned hardware be simulated. */
    p->allow_simulation = a->simulated;
    p->simulation_only = a->simulated;
    memcpy(p->simulation_root_sha256, a->simulation_root_sha256, sizeof p->simulation_root_sha256);
    memset(p->simulation_root, 0, sizeof p->simulation_root);
    if (a->simulation_root != NULL &&
        !mse_hex_decode(p->simulation_root, ROOT_LEN, mse_bytes_str(a->simulation_root))) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "trust", "simulation_root of %.60s", a->domain);
    }
    p->require_level = a->level > p->require_level ? (uint8_t)a->level : p->require_level;
    if (a->machines.num > 0) {
        p->num_allowed_machines = 0;
        if (!set_machines(p, a)) {
            return MSE_FAIL(err, MSE_ERR_CONFIG, "trust", "machines of %.60s", a->domain);
        }
    }
    if (!set_logs(p, a)) {
        return MSE_FAIL(err, MSE_ERR_CONFIG, "trust",
                        "%.60s: its log_keys and log_witnesses are too many beside those of its "
                        "policy, or that has min_log_witnesses",
                        a->domain);
    }
    return MSE_OK;
}

mse_status mse_trust_policy(struct mse_policy *out, const struct mse_trust_app *a,
                            struct mse_error *err)
{
    const uint8_t *signer = mse_trust_has(a->signer) ? a->signer : NULL;
    const uint8_t *fingerprint = a->rule == MSE_TRUST_SIGNER ? NULL : a->fingerprint;
    mse_status st = mse_trust_base(out, a, err);
    if (st == MSE_OK && !mse_trust_expect(out, fingerprint, signer)) {
        st = MSE_FAIL(err, MSE_ERR_POLICY, "trust",
                      "no [[references]] of %.100s agree with what is pinned for %.60s", a->policy,
                      a->domain);
    }
    return st;
}
