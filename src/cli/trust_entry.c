/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/trust_entry.h"

#include <unistd.h>

#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/certs.h"
#include "crypto/digest.h"
#include "crypto/x509.h"

/* The key that clients import: the certificate's, or that of its CA. */
static mse_status key_of(uint8_t out[32], const struct mse_ratls_cert *found, struct mse_error *err)
{
    struct mse_bytes der;
    struct mse_cert cert;
    mse_status st = cli_trusted(&der, found, err);
    st = st == MSE_OK ? mse_cert_parse(&cert, der, err) : st;
    return st == MSE_OK ? mse_sha256(out, cert.key.spki) : st;
}

static bool add_machine(struct mse_conf_list *list, const struct mse_machine *m)
{
    char hex[2 * sizeof m->id + 1];
    mse_hex_encode(hex, mse_bytes_of(m->id, m->len));
    return mse_trust_list_add(list, hex);
}

/* The pinned root, as it was given for this verification. */
static mse_status set_root(struct mse_trust_app *a, const struct mse_policy *p,
                           struct mse_error *err)
{
    if (!mse_trust_has(p->simulation_root_sha256)) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "trust",
                        "of a simulated app its root is stored: name it with --simulation-root");
    }
    memcpy(a->simulation_root_sha256, p->simulation_root_sha256, 32);
    if (mse_mem_is_zero(p->simulation_root, sizeof p->simulation_root)) {
        return MSE_OK;
    }
    a->simulation_root = malloc(2 * sizeof p->simulation_root + 1);
    if (a->simulation_root == NULL) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "trust", "out of memory");
    }
    mse_hex_encode(a->simulation_root, mse_bytes_of(p->simulation_root, sizeof p->simulation_root));
    return MSE_OK;
}

static mse_status fill(struct mse_trust_app *a, const struct cli_verified *v, struct mse_error *err)
{
    const struct mse_verdict *verdict = &v->found->verdict;
    const struct mse_policy *p = &v->judge->policy;
    struct mse_bytes manifest = v->found->cert.claims.manifest;
    if (!verdict->accepted || !verdict->has_fingerprint) {
        return MSE_FAIL(err, MSE_ERR_ARGUMENT, "trust", "this evidence has no fingerprint");
    }
    a->domain = strdup(v->host);
    a->port = v->port;
    a->tee = strdup(mse_tee_name(verdict->tee));
    a->simulated = verdict->simulated;
    a->level = verdict->binding_level;
    a->verified_at = v->judge->at;
    memcpy(a->fingerprint, verdict->fingerprint, 32);
    if (verdict->tee == MSE_TEE_SGX) {
        memcpy(a->signer, verdict->report.mr_signer, 32);
    }
    if (manifest.len == 32) {
        memcpy(a->manifest_sha256, manifest.data, 32);
    }
    bool good = a->domain != NULL && a->tee != NULL;
    for (size_t i = 0; good && i < p->num_allowed_machines; i++) {
        good = add_machine(&a->machines, &p->allowed_machines[i]);
    }
    if (!good) {
        return MSE_FAIL(err, MSE_ERR_MEMORY, "trust", "out of memory");
    }
    mse_status st = key_of(a->spki_sha256, &v->found->cert, err);
    return st == MSE_OK && a->simulated ? set_root(a, p, err) : st;
}

mse_status cli_trust_entry(struct mse_trust_app *out, const struct cli_verified *v,
                           struct mse_error *err)
{
    struct mse_trust_app a = { .domain = NULL };
    mse_status st = fill(&a, v, err);
    if (st != MSE_OK) {
        mse_trust_app_clear(&a);
    }
    *out = a;
    return st;
}

enum cli_exit cli_trust_store(const struct cli *c, struct mse_trust_edit *e,
                              struct mse_trust_app *a, const struct cli_finding *found)
{
    struct mse_error err = { 0 };
    char *path = mse_trust_certificate_path(a->domain, (uint16_t)a->port);
    mse_status st = path == NULL ? MSE_FAIL(&err, MSE_ERR_MEMORY, "trust", "out of memory")
                                 : cli_make_parents(path, &err);
    st = st == MSE_OK ? cli_save_trusted(path, &found->cert, &err) : st;
    st = st == MSE_OK ? mse_trust_put(&e->store, a, &err) : st;
    st = st == MSE_OK ? mse_trust_save(e, &err) : st;
    free(path);
    return st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
}

/* The four values that tell versions apart. */
static const struct value {
    const char *name;
    size_t offset;
} values[] = {
    { "fingerprint", offsetof(struct mse_trust_app, fingerprint) },
    { "signer", offsetof(struct mse_trust_app, signer) },
    { "manifest", offsetof(struct mse_trust_app, manifest_sha256) },
    { "key", offsetof(struct mse_trust_app, spki_sha256) },
};

static const uint8_t *value_of(const struct mse_trust_app *a, const struct value *v)
{
    return (const uint8_t *)a + v->offset;
}

bool cli_trust_same(const struct mse_trust_app *a, const struct mse_trust_app *b)
{
    for (size_t i = 0; i < MSE_ARRAY_LEN(values); i++) {
        if (!mse_mem_equal(value_of(a, &values[i]), value_of(b, &values[i]), 32)) {
            return false;
        }
    }
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_list(const struct mse_conf_list *a, const struct mse_conf_list *b)
{
    bool same = a->num == b->num;
    for (size_t i = 0; same && i < a->num; i++) {
        same = same_text(a->items[i], b->items[i]);
    }
    return same;
}

bool cli_trust_same_demands(const struct mse_trust_app *a, const struct mse_trust_app *b)
{
    bool same = a->rule == b->rule && a->level == b->level && a->simulated == b->simulated &&
                mse_mem_equal(a->simulation_root_sha256, b->simulation_root_sha256, 32) &&
                same_text(a->policy, b->policy);
    return same && same_list(&a->machines, &b->machines) && same_list(&a->log_keys, &b->log_keys) &&
           same_list(&a->log_witnesses, &b->log_witnesses) && same_text(a->log_url, b->log_url) &&
           same_text(a->log_proof, b->log_proof);
}

bool cli_trust_say_changes(const struct cli *c, const struct mse_trust_app *before,
                           const struct mse_trust_app *now)
{
    for (size_t i = 0; i < MSE_ARRAY_LEN(values); i++) {
        const uint8_t *pair[2] = { value_of(before, &values[i]), value_of(now, &values[i]) };
        char hex[2][65] = { "none", "none" };
        for (size_t k = 0; k < 2; k++) {
            if (mse_trust_has(pair[k])) {
                mse_hex_encode(hex[k], mse_bytes_of(pair[k], 32));
            }
        }
        if (!mse_mem_equal(pair[0], pair[1], 32)) {
            cli_say(c, "  %s before: %s", values[i].name, hex[0]);
            cli_say(c, "  %s now:    %s", values[i].name, hex[1]);
        }
    }
    return !cli_trust_same(before, now);
}

static void add_hex(json_t *o, const char *key, const uint8_t v[32])
{
    char hex[65];
    mse_hex_encode(hex, mse_bytes_of(v, 32));
    (void)json_object_set_new(o, key, mse_trust_has(v) ? json_string(hex) : json_null());
}

static void add_text(json_t *o, const char *key, const char *v)
{
    (void)json_object_set_new(o, key, v == NULL ? json_null() : json_string(v));
}

static json_t *list_json(const struct mse_conf_list *list)
{
    json_t *out = json_array();
    for (size_t i = 0; i < list->num; i++) {
        (void)json_array_append_new(out, json_string(list->items[i]));
    }
    return out;
}

json_t *cli_trust_json(const struct mse_trust_app *a)
{
    char when[MSE_TIME_TEXT_LEN];
    char *certificate = mse_trust_certificate_path(a->domain, (uint16_t)a->port);
    json_t *machines = list_json(&a->machines);
    mse_time_format(when, a->verified_at);
    json_t *o = json_pack("{s:s, s:i, s:s, s:o, s:b, s:i, s:s, s:s}", "domain", a->domain, "port",
                          (int)a->port, "tee", a->tee, "machines", machines, "simulated",
                          a->simulated, "level", (int)a->level, "verified_at", when, "rule",
                          mse_trust_rule_name(a->rule));
    add_hex(o, "fingerprint", a->fingerprint);
    add_hex(o, "spki_sha256", a->spki_sha256);
    add_hex(o, "signer", a->signer);
    add_hex(o, "manifest_sha256", a->manifest_sha256);
    add_text(o, "policy", a->policy);
    add_text(o, "context", a->context);
    add_text(o, "certificate", certificate);
    (void)json_object_set_new(o, "log_keys", list_json(&a->log_keys));
    (void)json_object_set_new(o, "log_witnesses", list_json(&a->log_witnesses));
    add_text(o, "log_url", a->log_url);
    add_text(o, "log_proof", a->log_proof);
    free(certificate);
    return o;
}

bool cli_trust_confirmed(const struct cli *c, const char *question)
{
    char line[16] = "";
    if (cli_has(c, "yes")) {
        return true;
    }
    if (isatty(STDIN_FILENO) == 0) {
        return false;
    }
    (void)fprintf(stderr, "%s [y/N] ", question);
    (void)fflush(stderr);
    return fgets(line, sizeof line, stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
}
