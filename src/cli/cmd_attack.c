/* SPDX-License-Identifier: Apache-2.0 */
/* mse attack: the attack kit, for one's own apps. The attacks themselves, and what they need, are
 * in a module (attack/attack.h). */
#include <signal.h>
#include <string.h>

#include "attack/attack.h"
#include "base/bytes.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/modules.h"
#include "cli/own.h"
#include "cli/target.h"
#include "cmd/files.h"

#define SMALL_FILE ((size_t)64 * 1024)

static const struct {
    const char *key;
    const char *text;
} clients[MSE_ATTACK_CLIENTS] = {
    [MSE_ATTACK_CACERT] = { "cacert", "--cacert" },
    [MSE_ATTACK_LEVEL_0] = { "level_0", "level 0" },
    [MSE_ATTACK_LEVEL_1] = { "level_1", "level 1" },
    [MSE_ATTACK_LEVEL_2] = { "level_2", "level 2" },
    [MSE_ATTACK_LEVEL_3] = { "level_3", "level 3" },
};

/* One run over all targets. */
struct attacking {
    const struct cli *c;
    mse_attack_run_fn *run;
    char *platform;
    struct cli_collateral collateral;
    struct mse_policy policy;
    struct cli_file key;
    unsigned timeout_ms;
    json_t *rows; /* of the target that is attacked now */
    bool as_expected;
    unsigned told;
};

/* What came of it, in one word: that of the status, as `mse verify --json` has it. */
static const char *word_of(enum mse_attack_client client, mse_status st)
{
    if (st == MSE_OK) {
        return "passes";
    }
    return client == MSE_ATTACK_CACERT ? "tls" : mse_status_name(st);
}

/* ---- the table ---- */

static json_t *row_json(const struct mse_attack *a, const struct mse_attack_outcome *o)
{
    json_t *row = json_object();
    json_t *all = json_object();
    (void)json_object_set_new(row, "attack", json_string(a->name));
    (void)json_object_set_new(row, "who", json_string(a->who));
    for (unsigned i = 0; i < MSE_ATTACK_CLIENTS; i++) {
        const enum mse_attack_client k = (enum mse_attack_client)i;
        json_t *one = json_object();
        (void)json_object_set_new(one, "expected", json_string(word_of(k, a->wanted[i])));
        if (o != NULL) {
            (void)json_object_set_new(one, "seen", json_string(word_of(k, o->seen[i])));
            (void)json_object_set_new(one, "why", json_string(o->why[i]));
        }
        (void)json_object_set_new(all, clients[i].key, one);
    }
    (void)json_object_set_new(row, "clients", all);
    if (o != NULL) {
        (void)json_object_set_new(row, "as_expected", json_boolean(o->as_expected));
    }
    return row;
}

static void list_row(const struct cli *c, const struct mse_attack *a)
{
    cli_say(c, "%-20s %s", a->name, a->who);
    for (unsigned i = 0; i < MSE_ATTACK_CLIENTS; i++) {
        const char *word = word_of((enum mse_attack_client)i, a->wanted[i]);
        bool first = i == 0 || a->wanted[i] != a->wanted[i - 1];
        if (!c->json && first) {
            (void)printf("%s%s: %s", i == 0 ? "    " : "; ",
                         i == 0 || i + 1 == MSE_ATTACK_CLIENTS ? clients[i].text : "from there",
                         word);
        }
    }
    cli_say(c, "%s", "");
}

static enum cli_exit list(const struct cli *c, mse_attack_at_fn *at)
{
    json_t *out = json_array();
    const struct mse_attack *a = NULL;
    for (size_t i = 0; (a = at(i)) != NULL; i++) {
        list_row(c, a);
        (void)json_array_append_new(out, row_json(a, NULL));
    }
    if (c->json) {
        cli_json(c, out);
    } else {
        json_decref(out);
    }
    return CLI_DONE;
}

/* ---- one attack ---- */

/* Clients that say the same are one line: from first to the one before end. */
static void say_clients(const struct cli *c, const struct mse_attack *a,
                        const struct mse_attack_outcome *o, unsigned first, unsigned end)
{
    char who[40];
    mse_status seen = o->seen[first];
    const char *word = word_of((enum mse_attack_client)first, seen);
    (void)snprintf(who, sizeof who, "%s%s%s", clients[first].text, end - first > 1 ? " to " : "",
                   end - first > 1 ? clients[end - 1].text : "");
    if (seen == MSE_OK) {
        cli_say(c, "  %-19s NOT caught", who);
    } else {
        cli_say(c, "  %-19s refused: %s (%s)", who, word, o->why[first]);
    }
    if (seen != a->wanted[first]) {
        cli_say_bad(c, "  which is not what the threat model says of it");
    }
}

static void tell(void *user, const struct mse_attack *a, const struct mse_attack_outcome *o)
{
    struct attacking *w = user;
    w->told++;
    w->as_expected = w->as_expected && o->as_expected;
    (void)json_array_append_new(w->rows, row_json(a, o));
    cli_say(w->c, "%s: %s", a->name, a->who);
    for (unsigned i = 0, end = 1; i < MSE_ATTACK_CLIENTS; i = end++) {
        while (end < MSE_ATTACK_CLIENTS && o->seen[end] == o->seen[i] &&
               a->wanted[end] == a->wanted[i] &&
               (i == MSE_ATTACK_CACERT) == (end == MSE_ATTACK_CACERT)) {
            end++;
        }
        say_clients(w->c, a, o, i, end);
    }
}

static enum cli_exit attack_failed(const struct cli *c, mse_status st, const struct mse_error *err)
{
    (void)cli_failed(c, st, err);
    if (st == MSE_ERR_ARGUMENT) {
        cli_hint(c, "the kit attacks apps of your own only: --platform is the folder of the "
                    "simulated platform that the app runs on, with its keys");
    } else if (st == MSE_ERR_NOT_FOUND) {
        cli_hint(c, "mse attack list names the attacks; mse sim init makes a platform");
    }
    return CLI_TROUBLE;
}

static enum cli_exit attack_one(struct attacking *w, const char *attack, const char *target,
                                json_t *out)
{
    char host[256];
    struct mse_error err = { .status = MSE_OK };
    struct mse_attack_target t = { .host = host,
                                   .platform = w->platform,
                                   .policy = &w->policy,
                                   .collateral = &w->collateral.bundle.collateral,
                                   .key_pem = cli_file_view(&w->key),
                                   .at = (mse_time)time(NULL),
                                   .timeout_ms = w->timeout_ms };
    if (!cli_split_host(host, sizeof host, &t.port, target, 443)) {
        return cli_trouble(w->c, "%s is no HOST:PORT", target);
    }
    w->rows = json_array();
    w->as_expected = true;
    cli_say(w->c, "target: %s", target);
    mse_status st = w->run(&t, strcmp(attack, "all") == 0 ? NULL : attack, tell, w, &err);
    json_t *one = json_object();
    (void)json_object_set_new(one, "target", json_string(target));
    (void)json_object_set_new(
        one, "leaked_key", json_string(t.key_pem.len > 0 ? "of the app" : "of a second instance"));
    (void)json_object_set_new(one, "as_expected", json_boolean(st == MSE_OK && w->as_expected));
    (void)json_object_set_new(one, "attacks", w->rows);
    (void)json_array_append_new(out, one);
    if (st != MSE_OK) {
        return attack_failed(w->c, st, &err);
    }
    if (w->as_expected) {
        cli_say(w->c, "%u attacks, each as the threat model says: docs/threat-model.md", w->told);
        return CLI_DONE;
    }
    cli_error(w->c, "%s: not every attack came out as the threat model says", target);
    return CLI_REFUSED;
}

/* ---- what all attacks need ---- */

static enum cli_exit read_platform(struct attacking *w)
{
    const struct cli *c = w->c;
    struct mse_error err = { .status = MSE_OK };
    struct cli_file root = { 0 };
    w->platform = cli_has(c, "platform") ? strdup(cli_value(c, "platform")) : cli_conf_path("sim");
    char *root_path = w->platform == NULL ? NULL : cli_join(w->platform, "root.pem");
    char *bundle_path = w->platform == NULL ? NULL : cli_join(w->platform, "collateral.json");
    mse_status st = MSE_ERR_MEMORY;
    if (root_path != NULL && bundle_path != NULL) {
        st = cli_file_read(&root, root_path, SMALL_FILE, &err);
    }
    mse_policy_default(&w->policy);
    w->policy.allow_simulation = true;
    if (st == MSE_OK) {
        st = mse_simulation_root_of_pem(w->policy.simulation_root, cli_file_view(&root), &err);
    }
    if (st == MSE_OK) {
        st = cli_file_read(&w->collateral.file, bundle_path, MSE_BUNDLE_MAX_LEN, &err);
    }
    if (st == MSE_OK) {
        st = cli_bundle_load(&w->collateral.bundle, &w->collateral.scratch,
                             cli_file_view(&w->collateral.file), &err);
    }
    cli_file_clear(&root);
    free(root_path);
    free(bundle_path);
    return st == MSE_OK ? CLI_DONE : attack_failed(c, MSE_ERR_ARGUMENT, &err);
}

static enum cli_exit read_key(struct attacking *w)
{
    struct mse_error err = { .status = MSE_OK };
    const char *path = cli_value(w->c, "leaked-key");
    if (path == NULL) {
        return CLI_DONE;
    }
    mse_status st = cli_file_read(&w->key, path, SMALL_FILE, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(w->c, st, &err);
}

static enum cli_exit attack_all(struct attacking *w)
{
    const struct cli *c = w->c;
    json_t *out = json_array();
    enum cli_exit worst = CLI_DONE;
    for (size_t i = 1; i < c->num_args; i++) {
        enum cli_exit e = attack_one(w, c->args[0], c->args[i], out);
        worst = e > worst ? e : worst;
    }
    if (c->json && worst != CLI_TROUBLE) {
        cli_json(c, json_incref(c->num_args == 2 ? json_array_get(out, 0) : out));
    }
    json_decref(out);
    return worst;
}

enum cli_exit cmd_attack(struct cli *c)
{
    char why[MSE_ERROR_TEXT_LEN];
    mse_attack_at_fn *at = NULL;
    struct attacking w = { .c = c };
    bool only_list = strcmp(c->args[0], "list") == 0;
    if (only_list != (c->num_args == 1)) {
        return cli_trouble(
            c, only_list ? "mse attack list takes no target" : "no target: mse attack %s HOST:PORT",
            c->args[0]);
    }
    if (!cli_module_find(&at, CLI_MODULE_ATTACK, "mse_attack_at", why) ||
        !cli_module_find(&w.run, CLI_MODULE_ATTACK, "mse_attack_run", why)) {
        return cli_trouble(c, "%s", why);
    }
    if (only_list) {
        return list(c, at);
    }
    (void)signal(SIGPIPE, SIG_IGN); /* clients that refuse hang up */
    enum cli_exit e = cli_timeout(&w.timeout_ms, c) ? CLI_DONE : CLI_TROUBLE;
    e = e == CLI_DONE ? read_platform(&w) : e;
    e = e == CLI_DONE ? read_key(&w) : e;
    e = e == CLI_DONE ? attack_all(&w) : e;
    cli_file_clear(&w.key);
    cli_collateral_clear(&w.collateral);
    free(w.platform);
    return e;
}
