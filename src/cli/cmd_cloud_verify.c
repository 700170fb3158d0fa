/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud verify: one connection, the certificate that it presented, evidence for the session,
 * every check, and only then the file. */
#include "attest/verdict.h"
#include "base/bytes.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/certs.h"
#include "cli/judge.h"
#include "cli/level1.h"
#include "cli/target.h"
#include "cli/tlog_judge.h"
#include "cli/verify_app.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "package/gramine.h"
#include "ratls/claims.h"

struct verify {
    const struct cli *c;
    struct cli_judge judge;
    bool has_app;
    struct cli_app app; /* of --context, else of the last deployment */
    bool recomputed;    /* the fingerprint comes from --context and --code */
    struct cli_fingerprint fp;
    char host[256];
    uint16_t port;
    unsigned timeout; /* milliseconds */
    const struct cli_verify_use *use;
    struct cli_link link;
    struct cli_level1 level1; /* with --level-1-from, in the place of a link */
    struct cli_finding found;
    struct cli_choice choice;
};

static enum cli_exit check_usage(const struct cli *c)
{
    bool context = cli_has(c, "context");
    bool code = cli_has(c, "code");
    if (context != code) {
        return cli_trouble(c, "--%s needs --%s", context ? "context" : "code",
                           context ? "code" : "context");
    }
    if (context && cli_has(c, "fingerprint")) {
        return cli_trouble(c, "--fingerprint and --context exclude each other");
    }
    return CLI_DONE;
}

/* The context that was given, else that of the last deployment of ./mse.toml. */
static enum cli_exit load_app(struct verify *v)
{
    const struct cli *c = v->c;
    struct mse_error err = { 0 };
    char *last = NULL;
    const char *path = cli_value(c, "context");
    if (path == NULL && c->num_args == 0) {
        last = cli_last_context("mse.toml");
        path = last;
    }
    if (path == NULL) {
        return CLI_DONE;
    }
    mse_status st = cli_app_load(&v->app, path, &err);
    free(last);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    v->has_app = true;
    return CLI_DONE;
}

static enum cli_exit find_host(struct verify *v)
{
    const struct cli *c = v->c;
    const char *text = c->num_args > 0 ? c->args[0] : NULL;
    if (text == NULL && v->has_app) {
        text = v->app.context.domain_name;
    }
    if (text == NULL) {
        cli_error(c,
                  "which app? There is no DOMAIN, no --context, and no deployment of ./mse.toml");
        cli_hint(c, "mse cloud verify DOMAIN[:PORT]");
        return CLI_TROUBLE;
    }
    if (!cli_split_host(v->host, sizeof v->host, &v->port, text, 443)) {
        (void)cli_trouble(c, "%s is no DOMAIN[:PORT]", text);
        cli_hint(c,
                 "for instance app.example.org, app.example.org:8443 or [::1]:8443: no https://, "
                 "no path, no letters beyond ASCII");
        return CLI_TROUBLE;
    }
    return cli_timeout(&v->timeout, c) ? CLI_DONE : CLI_TROUBLE;
}

static enum cli_exit recompute(struct verify *v)
{
    struct mse_error err = { 0 };
    if (!cli_has(v->c, "code")) {
        return CLI_DONE;
    }
    mse_status st = cli_fingerprint_make(&v->fp, v->c, &v->app, cli_value(v->c, "code"), &err);
    if (st != MSE_OK) {
        cli_error(v->c, "%s", err.text[0] != '\0' ? err.text : mse_status_text(st));
        return st == MSE_ERR_MANIFEST_MISMATCH ? CLI_REFUSED : CLI_TROUBLE;
    }
    v->recomputed = true;
    v->judge.has_fingerprint = true;
    v->judge.fingerprint_source = "context";
    memcpy(v->judge.fingerprint, v->fp.value, 32);
    return CLI_DONE;
}

/* Everything that needs no connection. */
static enum cli_exit prepare(struct verify *v)
{
    const struct cli *c = v->c;
    enum cli_exit e = check_usage(c);
    e = e == CLI_DONE ? load_app(v) : e;
    e = e == CLI_DONE ? find_host(v) : e;
    e = e == CLI_DONE ? cli_judge_init(&v->judge, c) : e;
    e = e == CLI_DONE ? cli_log_judge_init(&v->judge, c, NULL) : e;
    e = e == CLI_DONE ? cli_judge_fingerprint(&v->judge, c) : e;
    e = e == CLI_DONE ? recompute(v) : e;
    if (e == CLI_DONE) {
        const char *claim = v->has_app ? v->app.context.signer : NULL;
        e = cli_judge_signer(&v->judge, c, v->host, claim);
    }
    if (e == CLI_DONE && v->use->keep == NULL) {
        e = cli_judge_pin(&v->judge, c, v->host, v->port);
    }
    return e == CLI_DONE ? cli_judge_expect(&v->judge, c) : e;
}

static void old_file_notice(const struct verify *v)
{
    const char *output = v->use->output;
    if (output != NULL && cli_file_exists(output)) {
        cli_hint(v->c, "%s is from an earlier verification and was left as it is", output);
    }
}

static const char *fetch_advice(mse_status st)
{
    switch ((int)st) {
    case MSE_ERR_NOT_FOUND:
        return "is the name spelled rightly? The context of the app has its DOMAIN:PORT";
    case MSE_ERR_TIMEOUT:
        return "nothing answered in time: --timeout SECONDS waits longer";
    case MSE_ERR_PROTOCOL:
        return "an app speaks TLS 1.3; something else seems to listen there: DOMAIN:PORT names "
               "another port than 443";
    default:
        return "the app may be stopped or expired; DOMAIN:PORT names another port than 443";
    }
}

/* The operator's API is asked, and no app. */
static enum cli_exit fetch_through_api(struct verify *v)
{
    const char *id = v->has_app ? v->app.manifest.app_id : NULL;
    enum cli_exit e = cli_level1_ask(&v->level1, v->c, cli_value(v->c, "level-1-from"), id);
    if (e != CLI_DONE) {
        old_file_notice(v);
    }
    return e;
}

static enum cli_exit fetch(struct verify *v)
{
    struct mse_error err = { 0 };
    if (cli_has(v->c, "level-1-from")) {
        return fetch_through_api(v);
    }
    mse_status st = cli_link_open(&v->link, v->host, v->port, v->timeout, &err);
    if (st == MSE_OK) {
        return CLI_DONE;
    }
    cli_error(v->c, "the app cannot be reached: %s",
              err.text[0] != '\0' ? err.text : mse_status_text(st));
    cli_hint(v->c, "%s", fetch_advice(st));
    old_file_notice(v);
    return CLI_TROUBLE;
}

static enum cli_exit appraise_link(struct verify *v, struct mse_bytes manifest)
{
    struct mse_error err = { 0 };
    struct mse_ratls_cert cert;
    struct mse_bytes evidence = { 0 };
    if (mse_ratls_read(&cert, cli_file_view(&v->link.der), NULL) == MSE_OK) {
        evidence = cert.quote;
    }
    cli_judge_choose(&v->choice, &v->judge, v->c, evidence, NULL);
    mse_status st =
        cli_link_judge(&v->link, &v->found, &v->judge, v->choice.collateral, manifest, &err);
    if (st != MSE_OK) {
        enum cli_exit e = cli_link_failed(v->c, st, &err);
        old_file_notice(v);
        return e;
    }
    return CLI_DONE;
}

/* The last deployment only names the domain; its manifest is judged when --context gives it. */
static enum cli_exit appraise(struct verify *v)
{
    struct mse_bytes manifest = { 0 };
    bool context = cli_has(v->c, "context");
    bool api = cli_has(v->c, "level-1-from");
    if (context) {
        manifest = mse_bytes_str(v->app.context.manifest);
    }
    if (api) {
        cli_level1_judge(&v->level1, &v->found, &v->choice, &v->judge, v->host, manifest);
    } else {
        enum cli_exit e = appraise_link(v, manifest);
        if (e != CLI_DONE) {
            return e;
        }
    }
    if (context) {
        cli_link_check_app(&v->found, &v->app, v->host, v->judge.at);
    }
    cli_judge_floor(&v->found.verdict, &v->judge);
    if (!api && v->link.session == NULL) {
        mse_verdict_set_level(&v->found.verdict, 0, &v->judge.policy);
    }
    cli_log_judge(&v->found.verdict, &v->judge);
    return CLI_DONE;
}

/* AA:BB:… as Firefox shows it. */
static void colon_hex(char out[96], const uint8_t sum[32])
{
    for (size_t i = 0; i < 32; i++) {
        (void)snprintf(out + 3 * i, 4, "%02X%s", sum[i], i < 31 ? ":" : "");
    }
}

struct sums {
    char cert_colon[96];
    char cert_hex[65];
    char key_hex[65];
    char ca_colon[96]; /* empty: there is no CA */
    char ca_hex[65];
};

static bool make_sums(struct sums *s, const struct verify *v)
{
    uint8_t cert[32];
    uint8_t key[32];
    uint8_t ca[32];
    const struct mse_ratls_cert *c = &v->found.cert;
    *s = (struct sums) { .ca_hex = "" };
    if (mse_sha256(cert, c->der) != MSE_OK || mse_sha256(key, c->spki) != MSE_OK ||
        mse_sha256(ca, c->ca) != MSE_OK) {
        return false;
    }
    if (cli_has_ca(c)) {
        colon_hex(s->ca_colon, ca);
        mse_hex_encode(s->ca_hex, mse_bytes_of(ca, 32));
    }
    colon_hex(s->cert_colon, cert);
    mse_hex_encode(s->cert_hex, mse_bytes_of(cert, 32));
    mse_hex_encode(s->key_hex, mse_bytes_of(key, 32));
    return true;
}

static void add_str(json_t *o, const char *key, const char *value)
{
    (void)json_object_set_new(o, key, value == NULL ? json_null() : json_string(value));
}

/* A reference set of the policy may hold the fingerprint too. */
static bool fingerprint_checked(const struct verify *v)
{
    size_t i = v->found.verdict.reference_index;
    const struct mse_policy *p = &v->judge.policy;
    return v->found.verdict.accepted && i < p->num_references &&
           (p->references[i].has_mr_enclave || p->references[i].has_fingerprint);
}

/* 10-rules 16: there the app lies inside the runtime's trust boundary. */
static bool under_gramine(const struct verify *v)
{
    return v->recomputed && strcmp(v->app.context.layout, MSE_GRAMINE_LAYOUT) == 0;
}

static void print_json(const struct verify *v, const char *saved)
{
    json_t *o = cli_verdict_json(&v->found.verdict);
    struct sums s;
    char hex[65];
    add_str(o, "domain", v->host);
    (void)json_object_set_new(o, "port", json_integer(v->port));
    (void)json_object_set_new(o, "fingerprint_checked", json_boolean(fingerprint_checked(v)));
    if (v->judge.has_fingerprint) {
        mse_hex_encode(hex, mse_bytes_of(v->judge.fingerprint, 32));
        add_str(o, "expected_fingerprint", hex);
    }
    if (v->judge.has_signer) {
        mse_hex_encode(hex, mse_bytes_of(v->judge.signer, 32));
        add_str(o, "expected_signer", hex);
    }
    add_str(o, "fingerprint_source", v->judge.fingerprint_source);
    add_str(o, "signer_source", v->judge.has_signer ? v->judge.signer_source : NULL);
    cli_pin_json(o, &v->judge);
    cli_log_judge_json(o, &v->judge);
    (void)json_object_set_new(o, "machines_signed", json_boolean(v->judge.machines_signed));
    add_str(o, "collateral_source", v->choice.source);
    (void)json_object_set_new(o, "attested_session", json_boolean(v->link.attested));
    add_str(o, "level_1_from", cli_value(v->c, "level-1-from"));
    add_str(o, "key_origin", mse_ratls_key_origin_name(v->found.cert.claims.key_origin));
    if (v->found.cert.spki.len > 0 && make_sums(&s, v)) {
        add_str(o, "certificate_sha256", s.cert_hex);
        add_str(o, "public_key_sha256", s.key_hex);
        if (s.ca_hex[0] != '\0') {
            add_str(o, "ca_sha256", s.ca_hex);
        }
    }
    if (v->found.verdict.simulated) {
        add_str(o, "rootfs", "unmeasured (simulation)");
    }
    if (under_gramine(v)) {
        (void)json_object_set_new(o, "app_isolated", json_false());
    }
    if (v->recomputed && v->found.verdict.accepted) {
        (void)json_object_set_new(o, "upgrade", cli_upgrade_json(&v->app.manifest));
    }
    add_str(o, "certificate_file", saved);
    cli_json(v->c, o);
}

static bool owner_holds_key(const struct verify *v)
{
    return v->found.cert.claims.key_origin == MSE_KEY_ORIGIN_OWNER;
}

/* 10-rules 24: what a restart does to the app, and which life of it this is. */
static void say_restart(const struct verify *v)
{
    const struct cli *c = v->c;
    struct mse_bytes boot = v->found.cert.claims.boot;
    char hex[33];
    if (v->app.manifest.restart == MSE_RESTART_SEALED) {
        cli_say(c, "Restart: sealed, a restart keeps key, certificate and storage");
        cli_say(c, "Rollback: an older storage is noticed only where the platform counts%s",
                v->found.verdict.simulated ? "; a simulated one may" : ", and this kind does not");
    } else {
        cli_say(c, "Restart: never, a restart makes a new key and certificate");
    }
    if (boot.len == 16) {
        mse_hex_encode(hex, boot);
        cli_say(c, "Boot: %s", hex);
    }
}

/* That of an enclave: what a machine has is in the verdict. */
static void say_signer(const struct verify *v)
{
    char hex[65];
    if (v->found.verdict.tee != MSE_TEE_SGX) {
        return;
    }
    mse_hex_encode(hex, mse_bytes_of(v->found.verdict.report.mr_signer, 32));
    cli_say(v->c, "Signer: %s%s", hex,
            !v->judge.has_signer                             ? " (not compared)"
            : strcmp(v->judge.signer_source, "context") == 0 ? " (expected: the owner's claim)"
                                                             : "");
}

/* Notices that belong to a success; the four promised lines stand around them. */
static void print_notices(const struct verify *v)
{
    const struct cli *c = v->c;
    struct sums s;
    char hex[65];
    char soon[96];
    if (v->found.verdict.simulated) {
        cli_say(c, "Simulated: yes, this is NOT hardware. It proves nothing about whoever runs it");
        cli_say(c, "Rootfs: unmeasured (simulation)");
    }
    mse_hex_encode(hex, mse_bytes_of(v->found.verdict.fingerprint, 32));
    cli_say(c, "Fingerprint: %s", hex);
    cli_pin_say(c, &v->judge, v->found.verdict.fingerprint);
    cli_log_judge_say(c, &v->judge);
    say_signer(v);
    cli_say(c, "TCB status: %s (collateral: %s)", mse_tcb_status_name(v->found.verdict.tcb_status),
            v->choice.source == NULL ? "none" : v->choice.source);
    if (cli_ends_soon(soon, &v->found.verdict, v->judge.at)) {
        cli_say(c, "Warning: %s", soon);
    }
    cli_say(c, "Binding level: %u (%s)", v->found.verdict.binding_level,
            mse_level_text(v->found.verdict.binding_level));
    if (v->judge.machines_signed) {
        cli_say(c, "Machines: your list, signed by the key that you pinned");
    }
    if (cli_has(c, "level-1-from")) {
        cli_say(c, "Note: %s", CLI_LEVEL1_NOTE);
    } else if (cli_link_note(&v->link) != NULL) {
        cli_say(c, "Note: %s", cli_link_note(&v->link));
    }
    if (under_gramine(v)) {
        cli_say(c, "App: not isolated from the runtime (Gramine)");
    }
    if (owner_holds_key(v)) {
        cli_say(c, "TLS key: the owner of the app holds it too, and can read the traffic of "
                   "sessions that are not attested (level 2) one by one");
    }
    if (v->recomputed) {
        cli_say(c, "Logs: %s", cli_logs_text(&v->app.manifest));
        say_restart(v);
        cli_say_upgrade(c, &v->app.manifest);
    }
    if (make_sums(&s, v)) {
        cli_say(c, "Certificate SHA-256, as Firefox shows it: %s", s.cert_colon);
        cli_say(c, "Certificate SHA-256, as Chrome shows it: %s", s.cert_hex);
        cli_say(c, "Public key SHA-256, as Chrome shows it: %s", s.key_hex);
        if (s.ca_hex[0] != '\0') {
            cli_say(c, "CA SHA-256, as Firefox shows it: %s", s.ca_colon);
            cli_say(c, "CA SHA-256, as Chrome shows it: %s", s.ca_hex);
        }
    }
}

static enum cli_exit save(struct verify *v)
{
    struct mse_error err = { 0 };
    if (v->use->output == NULL) {
        return CLI_DONE;
    }
    mse_status st = cli_save_trusted(v->use->output, &v->found.cert, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(v->c, st, &err);
}

static enum cli_exit refuse(const struct verify *v)
{
    cli_say_bad(v->c, "Verification: failed");
    cli_refusal(v->c, &v->found.verdict, &v->judge);
    if (v->recomputed && v->fp.code_differs) {
        cli_hint(v->c, "the code in %s is not the code of the context", cli_value(v->c, "code"));
    }
    old_file_notice(v);
    if (v->c->json) {
        print_json(v, NULL);
    }
    return CLI_REFUSED;
}

static void say_saved(const struct verify *v)
{
    const char *output = v->use->output;
    if (output == NULL) {
        return;
    }
    bool bare = output[0] != '/' && strncmp(output, "./", 2) != 0 && strncmp(output, "../", 3) != 0;
    cli_say(v->c, "The %s has been saved at: %s%s",
            cli_has_ca(&v->found.cert) ? "CA of the verified certificate" : "verified certificate",
            bare ? "./" : "", output);
}

static enum cli_exit keep(const struct verify *v)
{
    const struct cli_verified seen = {
        .host = v->host, .port = v->port, .judge = &v->judge, .found = &v->found
    };
    return v->use->keep == NULL ? CLI_DONE : v->use->keep(v->c, &seen);
}

static enum cli_exit succeed(struct verify *v)
{
    enum cli_exit e = keep(v);
    e = e == CLI_DONE ? save(v) : e;
    if (e != CLI_DONE) {
        return e;
    }
    if (v->c->json) {
        print_json(v, v->use->output);
        return CLI_DONE;
    }
    if (!fingerprint_checked(v)) {
        cli_say(v->c, "Code fingerprint check skipped!");
    }
    print_notices(v);
    cli_say_good(v->c, "Verification: success");
    say_saved(v);
    return CLI_DONE;
}

static enum cli_exit run(struct verify *v)
{
    enum cli_exit e = prepare(v);
    if (e == CLI_DONE) {
        cli_say(v->c, "Checking your app...");
        e = fetch(v);
    }
    if (e != CLI_DONE) {
        if (e == CLI_REFUSED) {
            old_file_notice(v);
        }
        return e;
    }
    e = appraise(v);
    if (e != CLI_DONE) {
        return e;
    }
    return v->found.verdict.accepted ? succeed(v) : refuse(v);
}

enum cli_exit cli_verify_app(struct cli *c, const struct cli_verify_use *use)
{
    struct verify *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return cli_trouble(c, "out of memory");
    }
    v->c = c;
    v->use = use;
    enum cli_exit e = run(v);
    cli_choice_clear(&v->choice);
    cli_judge_clear(&v->judge);
    cli_app_clear(&v->app);
    cli_link_close(&v->link);
    cli_level1_clear(&v->level1);
    free(v);
    return e;
}

enum cli_exit cmd_cloud_verify(struct cli *c)
{
    const struct cli_verify_use use = {
        .output = cli_has(c, "output") ? cli_value(c, "output") : "./cert.pem",
    };
    return cli_verify_app(c, &use);
}
