/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud deploy: reserve, make manifest and package, upload, wait, attest, and then and only
 * then send the keys. Whatever fails before that leaves no app behind. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <mse/version.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/cloud_deploy.h"
#include "cli/cloud_kept.h"
#include "cli/cloud_names.h"
#include "cli/progress.h"
#include "cmd/files.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "package/gramine.h"

#define DEFAULT_MINUTES 30U
#define MAX_MINUTES     1440U
#define FETCH_MS        10000U
#define TURN_MS         300
#define INSTANCES_MS    60000
#define API_PATIENCE_S  30U
#define PLACE_SECONDS   10 /* an API answered a moment ago */
#define BOUNDARY        "mse-5c1f3f0a9b7e4d62"
#define LIVING          "spawning,initializing,running"

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static void catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction sa = { .sa_handler = on_signal }; /* no SA_RESTART: waiting ends */
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    (void)sigemptyset(&sa.sa_mask);
    (void)sigemptyset(&ignore.sa_mask);
    for (size_t i = 0; i < MSE_ARRAY_LEN(numbers); i++) {
        (void)sigaction(numbers[i], &sa, NULL);
    }
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

bool deploy_interrupted(void)
{
    return stop_asked != 0;
}

static bool cancelled(void *user)
{
    (void)user;
    return deploy_interrupted();
}

/* ---- before anything is made ---- */

static enum cli_exit read_options(struct deploy *d)
{
    const char *text = cli_value(d->c, "timeout");
    uint64_t minutes = DEFAULT_MINUTES;
    if (text != NULL &&
        (!mse_u64_parse(&minutes, mse_bytes_str(text), MAX_MINUTES) || minutes == 0)) {
        return cli_trouble(d->c, "--timeout is %s, wanted 1 to %u (minutes)", text, MAX_MINUTES);
    }
    d->timeout_s = (unsigned)minutes * 60;
    return CLI_DONE;
}

/* mse.toml, else what the operator offers to everybody. */
static enum cli_exit choose_place(struct deploy *d)
{
    struct cloud_defaults offered = { .project = "" };
    const char *hardware = d->project.hardware;
    const char *project = d->project.project;
    enum cli_exit e = CLI_DONE;
    if (hardware == NULL) {
        e = cloud_defaults_get(&d->k, &offered);
        hardware = offered.hardware;
    }
    if (e == CLI_DONE && hardware[0] == '\0') {
        return cli_trouble(d->c, "%s: cloud.hardware is missing, and the operator has no default",
                           d->toml_path);
    }
    (void)snprintf(d->project_name, sizeof d->project_name, "%s",
                   project != NULL ? project : "default");
    e = e == CLI_DONE ? cloud_hardware_get(&d->k, &d->hardware, hardware) : e;
    return e == CLI_DONE ? cloud_project_find(&d->k, d->project_id, d->project_name) : e;
}

/* Said before anything is reserved: the attestation would refuse. */
static enum cli_exit check_tee(const struct deploy *d)
{
    bool sim = strcmp(d->hardware.tee, "sim") == 0;
    if (!sim && !deploy_is_sgx(d) && !deploy_is_machine(d)) {
        (void)cli_trouble(d->c,
                          "the hardware %s is %s, whose fingerprint deploy cannot compute yet",
                          d->hardware.name, d->hardware.tee);
        cli_hint(d->c,
                 "hardware of the kinds sim, sgx, tdx and sev-snp is what this version deploys to");
        return CLI_TROUBLE;
    }
    if (sim && !d->judge.policy.allow_simulation) {
        (void)cli_trouble(d->c,
                          "the hardware %s is simulated: it protects nothing from whoever "
                          "runs it",
                          d->hardware.name);
        cli_hint(d->c, "for a try: --allow-simulation, and --simulation-root with the root of the "
                       "operator's platform, which you get in a way that you trust");
        return CLI_TROUBLE;
    }
    return CLI_DONE;
}

static enum cli_exit find_old(struct deploy *d)
{
    char query[3 * CLOUD_NAME_LEN];
    char why[CLOUD_TEXT_LEN];
    json_t *v = NULL;
    cloud_query(query, sizeof query, d->project.name);
    enum cli_exit e =
        cloud_get(&d->k, &v, "/apps?project=%s&name=%s&status=" LIVING, d->project_id, query);
    if (e == CLI_DONE && !json_is_array(v)) {
        e = cloud_nonsense(&d->k, "its apps", "they are no list");
    } else if (e == CLI_DONE && json_array_size(v) > 0) {
        d->has_old = cloud_app_read(&d->old, json_array_get(v, 0), why);
        bool asked = d->has_old && strcmp(d->old.name, d->project.name) == 0 &&
                     strcmp(d->old.project_id, d->project_id) == 0;
        e = asked ? CLI_DONE
                  : cloud_nonsense(&d->k, "an app",
                                   d->has_old ? "it has another name, or another project" : why);
    }
    json_decref(v);
    return e;
}

/* An app of this name lives: it goes, if the user says so. */
static enum cli_exit ask_replace(const struct deploy *d)
{
    char line[16] = "";
    if (!d->has_old || cli_has(d->c, "yes")) {
        return CLI_DONE;
    }
    if (isatty(STDIN_FILENO) == 0) {
        (void)cli_trouble(d->c, "an app %s lives in the project %s: %s, %s", d->old.name,
                          d->project_name, d->old.id, d->old.status);
        cli_hint(d->c, "-y replaces it: it is stopped, and what it stored is lost");
        return CLI_TROUBLE;
    }
    (void)fprintf(stderr, "%s lives already (%s, %s). Stop it and deploy this one? [y/N] ",
                  d->old.name, d->old.id, d->old.status);
    (void)fflush(stderr);
    if (fgets(line, sizeof line, stdin) == NULL || (line[0] != 'y' && line[0] != 'Y')) {
        return deploy_interrupted()
                   ? CLI_TROUBLE
                   : cli_trouble(d->c, "nothing was changed: %s lives on", d->old.name);
    }
    return CLI_DONE;
}

/* ---- the reservation ---- */

/* Waits before something is asked again, that nobody answered. False: for long enough. */
static bool again(mse_time until)
{
    (void)poll(NULL, 0, TURN_MS);
    return !deploy_interrupted() && (mse_time)time(NULL) < until;
}

static enum cli_exit nobody_answers(const struct deploy *d, const char *why, const char *hint)
{
    if (!deploy_interrupted()) {
        (void)cli_trouble(d->c, "the operator at %s cannot be asked: %s", d->k.url, why);
        cli_hint(d->c, "%s", hint);
    }
    return CLI_TROUBLE;
}

/* Each time with another id: whether the question before got through is not known. */
static enum cli_exit ask_reservation(struct deploy *d, char id[CLOUD_ID_LEN],
                                     struct cloud_answer *a)
{
    mse_time until = (mse_time)time(NULL) + PLACE_SECONDS;
    enum cli_exit e = CLI_DONE;
    do {
        if (mse_random_uuid(id) != MSE_OK) {
            return cli_trouble(d->c, "no random bytes");
        }
        json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "app_id", id, "name", d->project.name,
                                 "project", d->project_id, "mode", d->mode);
        const struct cloud_ask q = { .path = "/apps/reservations", .json = body, .hush = true };
        e = cloud_ask(&d->k, &q, a);
        json_decref(body);
    } while (e != CLI_DONE && d->k.why[0] != '\0' && again(until));
    return e != CLI_DONE && d->k.why[0] != '\0'
               ? nobody_answers(d, d->k.why, "nothing was sent: try again")
               : e;
}

static enum cli_exit reserve(struct deploy *d)
{
    char id[CLOUD_ID_LEN];
    char why[CLOUD_TEXT_LEN] = "";
    struct cloud_answer a = { .status = 0 };
    const char *domain = strcmp(d->mode, "operator") == 0 ? d->k.dev_domain : d->k.domain;
    enum cli_exit e = ask_reservation(d, id, &a);
    if (e != CLI_DONE) {
        return e;
    }
    if (a.status < 200 || a.status > 299) {
        e = cloud_refused(&d->k, &a);
    } else if (!cloud_reservation_read(&d->place, a.body, id, d->mode, domain, why) ||
               strcmp(d->place.config_domain_name + sizeof id, d->k.domain) != 0) {
        (void)cli_trouble(d->c, "the operator's reservation is not what was asked for: %s",
                          why[0] == '\0' ? "its names are not below its own domain" : why);
        cli_hint(d->c, "nothing was sent; if the operator has new domains: mse cloud login");
        e = CLI_REFUSED;
    }
    cloud_answer_clear(&a);
    return e;
}

/* ---- the upload ---- */

static void wr_part(struct mse_build *b, const char *name, const char *type, bool first)
{
    mse_wr_printf(b,
                  "%s--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"%s\"; "
                  "filename=\"%s\"\r\nContent-Type: %s\r\n\r\n",
                  first ? "" : "\r\n", name, name, type);
}

static mse_status write_front(const struct deploy *d, struct mse_build *b)
{
    json_t *conf = json_pack("{s:s, s:s, s:s}", "project", d->project_id, "hardware",
                             d->hardware.name, "reservation", d->place.app_id);
    char *text = json_dumps(conf, JSON_COMPACT);
    wr_part(b, "conf", "application/json", true);
    mse_wr_str(b, text == NULL ? "" : text);
    wr_part(b, "manifest", "application/json", false);
    mse_wr_bytes(b, mse_build_view(&d->manifest_json));
    if (d->tls.client_ca.len > 0) {
        wr_part(b, "client_ca", "application/x-pem-file", false);
        mse_wr_bytes(b, cli_file_view(&d->tls.client_ca));
    }
    wr_part(b, "code", "application/octet-stream", false);
    bool good = text != NULL && mse_build_ok(b);
    json_decref(conf);
    free(text);
    return good ? MSE_OK : MSE_ERR_MEMORY;
}

/* What was asked for is what the operator says that it has. */
static enum cli_exit check_app(struct deploy *d, const struct cloud_answer *a)
{
    struct cloud_app app;
    char why[CLOUD_TEXT_LEN];
    if (a->status < 200 || a->status > 299) {
        return cloud_refused(&d->k, a);
    }
    d->sent = true;
    if (!cloud_app_read(&app, a->body, why)) {
        return cloud_nonsense(&d->k, "the app", why);
    }
    if (strcmp(app.id, d->place.app_id) != 0) {
        return cloud_nonsense(&d->k, "the app", "it is another one than was sent");
    }
    return CLI_DONE;
}

/* There was no answer: whether all arrived, an API that answers can tell. */
static enum cli_exit find_sent(struct deploy *d, bool *there)
{
    char path[CLOUD_ID_LEN + 16];
    struct cloud_answer a;
    (void)snprintf(path, sizeof path, "/apps/%s", d->place.app_id);
    enum cli_exit e = cloud_ask(&d->k, &(struct cloud_ask) { .path = path }, &a);
    *there = e == CLI_DONE && a.status == 200;
    if (*there) {
        e = check_app(d, &a);
    } else if (e == CLI_DONE && a.status != 404) {
        e = cloud_refused(&d->k, &a);
    }
    cloud_answer_clear(&a);
    return e;
}

/* An upload that nobody answered is sent again, as the same app: it is there once, if at all. */
static enum cli_exit upload_until_answered(struct deploy *d, const struct cloud_ask *q)
{
    mse_time until = 0;
    bool there = false;
    for (;;) {
        char why[CLOUD_TEXT_LEN];
        struct cloud_answer a;
        enum cli_exit e = cloud_ask(&d->k, q, &a);
        bool lost = e != CLI_DONE && d->k.why[0] != '\0';
        bool refused = e == CLI_DONE && a.status >= 400;
        (void)snprintf(why, sizeof why, "%s", d->k.why);
        d->sent = d->sent || e != CLI_DONE; /* an answer that got lost says nothing */
        if (deploy_interrupted() || (!lost && (!refused || until == 0))) {
            e = e == CLI_DONE ? check_app(d, &a) : e;
            cloud_answer_clear(&a);
            return e;
        }
        until = until == 0 ? (mse_time)time(NULL) + API_PATIENCE_S : until;
        e = find_sent(d, &there);
        if (e == CLI_DONE && !there && refused) {
            e = cloud_refused(&d->k, &a);
        }
        cloud_answer_clear(&a);
        if (e != CLI_DONE || there) {
            return e;
        }
        if (!again(until)) {
            return nobody_answers(d, why,
                                  "the upload broke off, and there is no such app: try again");
        }
    }
}

static enum cli_exit upload(struct deploy *d)
{
    static const char back[] = "\r\n--" BOUNDARY "--\r\n";
    struct cli_progress progress;
    struct mse_build front;
    mse_build_heap(&front, (size_t)256 * 1024);
    if (write_front(d, &front) != MSE_OK) {
        mse_build_clear(&front);
        return cli_trouble(d->c, "out of memory");
    }
    const struct mse_http_piece pieces[] = {
        { .bytes = mse_build_view(&front) },
        { .fd = d->package_fd, .len = d->package_len },
        { .bytes = mse_bytes_of(back, sizeof back - 1) },
    };
    const struct cloud_ask q = { .path = "/apps",
                                 .pieces = pieces,
                                 .num_pieces = MSE_ARRAY_LEN(pieces),
                                 .content_type =
                                     "Content-Type: multipart/form-data; boundary=" BOUNDARY,
                                 .hush = true,
                                 .progress = cli_progress_step,
                                 .user = &progress };
    cli_progress_begin(&progress, d->c, "Uploading");
    enum cli_exit e = upload_until_answered(d, &q);
    cli_progress_end(&progress);
    mse_build_clear(&front);
    return deploy_interrupted() ? CLI_TROUBLE : e;
}

static enum cli_exit wait_started(struct deploy *d)
{
    struct cli_progress p;
    struct cloud_app a = { .port = 0 };
    mse_time deadline = (mse_time)time(NULL) + (mse_time)d->timeout_s;
    enum cli_exit e = CLI_DONE;
    cli_progress_begin(&p, d->c, "Waiting for the enclave");
    while (e == CLI_DONE) {
        e = cloud_app_get(&d->k, &a, d->place.app_id);
        if (e != CLI_DONE || strcmp(a.status, "spawning") != 0) {
            break;
        }
        cli_progress_step(&p, 0, 0);
        (void)poll(NULL, 0, TURN_MS);
        if (deploy_interrupted()) {
            e = CLI_TROUBLE;
        } else if ((mse_time)time(NULL) >= deadline) {
            e = cli_trouble(d->c, "no machine started the enclave within %u minutes",
                            d->timeout_s / 60);
            cli_hint(d->c, "the operator may have no free machine: --timeout MIN waits longer");
        }
    }
    cli_progress_end(&p);
    if (e == CLI_DONE && !cloud_app_lives(&a)) {
        e = cli_trouble(d->c, "the enclave did not start: %s%s%s", a.status,
                        a.detail[0] == '\0' ? "" : ": ", a.detail);
    }
    return deploy_interrupted() ? CLI_TROUBLE : e;
}

/* ---- what is kept here ---- */

static const char *layout_of(const struct deploy *d)
{
    if (deploy_is_machine(d)) {
        return d->machine.is_tdx ? CLI_LAYOUT_TDX : CLI_LAYOUT_SNP;
    }
    return deploy_is_sgx(d) ? MSE_GRAMINE_LAYOUT : "sim-1";
}

static enum cli_exit keep_context(const struct deploy *d)
{
    struct mse_error err = { 0 };
    char domain[320];
    char kind[16];
    char layout[32];
    char version[64];
    char signer[65];
    struct mse_build text;
    const struct mse_manifest *m = &d->manifest;
    /* Borrows: the context is written, not kept. */
    struct mse_context x = { .created_at = m->created_at,
                             .config_domain_name = m->config_domain_name,
                             .domain_name = domain,
                             .tee_kind = kind,
                             .layout = layout,
                             .runtime_version = version,
                             .signer = d->signer[0] == '\0' ? NULL : signer };
    (void)snprintf(domain, sizeof domain, "%s:%u", m->san, d->place.port);
    (void)snprintf(kind, sizeof kind, "%s", deploy_is_machine(d) ? d->hardware.tee : "sgx");
    (void)snprintf(layout, sizeof layout, "%s", layout_of(d));
    (void)snprintf(version, sizeof version, "%s", mse_version());
    (void)snprintf(signer, sizeof signer, "%s", d->signer);
    memcpy(x.id, m->app_id, sizeof x.id);
    memcpy(x.code_salt, d->salt, sizeof x.code_salt);
    memcpy(x.runtime_digest, d->runtime_sha256, sizeof x.runtime_digest);
    memcpy(x.loader_digest, d->loader_sha256, sizeof x.loader_digest);
    x.manifest = strndup((const char *)d->manifest_json.data, d->manifest_json.len);
    char *path = cloud_context_path(m->app_id);
    mse_build_heap(&text, MSE_CONF_MAX_LEN);
    mse_status st = x.manifest == NULL || path == NULL ? MSE_ERR_MEMORY : MSE_OK;
    st = st == MSE_OK ? mse_context_write(&text, &x) : st;
    st = st == MSE_OK ? cli_make_parents(path, &err) : st;
    st = st == MSE_OK ? cli_file_write(path, mse_build_view(&text), 0600, &err) : st;
    st = st == MSE_OK ? cli_remember_context(d->toml_path, m->app_id, &err) : st;
    free(x.manifest);
    free(path);
    mse_build_clear(&text);
    return st == MSE_OK ? CLI_DONE : cli_failed(d->c, st, &err);
}

static enum cli_exit keep_record(const struct deploy *d)
{
    struct mse_error err = { 0 };
    struct cloud_kept kept = { .logs_key = d->logs_key, .has_enclave = d->has_enclave };
    kept.toml_path = realpath(d->toml_path, NULL);
    (void)snprintf(kept.url, sizeof kept.url, "https://%s:%u", d->manifest.san, d->place.port);
    (void)snprintf(kept.signer, sizeof kept.signer, "%s", d->signer);
    (void)snprintf(kept.origin, sizeof kept.origin, "%s", d->mode);
    mse_hex_encode(kept.fingerprint, mse_bytes_of(d->fingerprint, 32));
    memcpy(kept.enclave, d->enclave, sizeof kept.enclave);
    mse_status st =
        kept.toml_path == NULL ? MSE_ERR_IO : cloud_kept_save(&kept, d->manifest.app_id, &err);
    free(kept.toml_path);
    return st == MSE_OK ? CLI_DONE : cli_failed(d->c, st, &err);
}

/* The certificate for curl, in zero trust. */
static enum cli_exit keep_certificate(const struct deploy *d)
{
    struct mse_error err = { 0 };
    struct mse_build pem;
    if (d->public_cert.len == 0) {
        return CLI_DONE;
    }
    char *path = cloud_certificate_path(d->manifest.app_id);
    mse_build_heap(&pem, (size_t)256 * 1024);
    mse_pem_write(&pem, "CERTIFICATE", cli_file_view(&d->public_cert));
    mse_status st = path == NULL || !mse_build_ok(&pem) ? MSE_ERR_MEMORY : MSE_OK;
    st = st == MSE_OK ? cli_make_parents(path, &err) : st;
    st = st == MSE_OK ? cli_file_write(path, mse_build_view(&pem), 0644, &err) : st;
    mse_build_clear(&pem);
    free(path);
    return st == MSE_OK ? CLI_DONE : cli_failed(d->c, st, &err);
}

/* ---- what is said ---- */

static void say_mode(const struct deploy *d)
{
    const struct cli *c = d->c;
    if (strcmp(d->mode, "owner") == 0) {
        cli_say(c, "TLS: your own certificate. You hold its key too: users trust you, unless they "
                   "attest each session (mse cloud verify, level 2)");
    } else if (strcmp(d->mode, "operator") == 0) {
        cli_say(c, "TLS: the OPERATOR's certificate, who reads all traffic of users, and whom they "
                   "cannot verify: for development only");
    }
}

/* What users should know before they ask. */
static void say_kind(const struct deploy *d)
{
    if (d->manifest.package == MSE_PACKAGE_PLAIN) {
        cli_say(d->c, "Code: plain: the OPERATOR can read it, and cannot change it");
    }
    if (d->tls.client_ca.len > 0) {
        cli_say(d->c, "Clients: only with a certificate of the CA in enclave.client_ca (curl: "
                      "--cert, --key)");
    }
}

static void say_how(const struct deploy *d, const char *hex)
{
    const struct cli *c = d->c;
    bool self = strcmp(d->mode, "self") == 0;
    char *cert = cloud_certificate_path(d->manifest.app_id);
    if (strcmp(d->mode, "operator") != 0) {
        cli_say(c, "Users verify it:");
        cli_say(c, "  mse cloud verify %s:%u --fingerprint %s%s", d->manifest.san, d->place.port,
                hex, d->simulated ? " --allow-simulation" : "");
        cli_say(c, "or with context and code: mse cloud context --export %s", d->manifest.app_id);
    }
    cli_say(c, "To use it:");
    cli_say(c, "  curl %s%s%shttps://%s:%u%s", self ? "--cacert '" : "",
            self && cert != NULL ? cert : "", self ? "' " : "", d->manifest.san, d->place.port,
            d->manifest.healthcheck_endpoint);
    free(cert);
}

static void say_result(const struct deploy *d)
{
    const struct cli *c = d->c;
    const struct mse_manifest *m = &d->manifest;
    char until[MSE_TIME_TEXT_LEN];
    char hex[65];
    mse_time_format(until, m->expires_at);
    mse_hex_encode(hex, mse_bytes_of(d->fingerprint, 32));
    if (c->json) {
        cli_json(c, json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s?, s:s, s:s, s:b, s:s}", "id",
                              m->app_id, "name", m->name, "project", d->project_name, "hardware",
                              d->hardware.name, "domain_name", m->san, "port", (int)d->place.port,
                              "fingerprint", hex, "signer", d->signer[0] == '\0' ? NULL : d->signer,
                              "ssl_certificate_origin", d->mode, "expires_at", until, "simulated",
                              (int)d->simulated, "logs", mse_manifest_logs_word(m)));
        return;
    }
    if (d->simulated) {
        cli_say(c, "SIMULATED: not hardware, it protects nothing from whoever runs it");
    }
    cli_say(c, "%s runs at https://%s:%u/ until %s", m->name, m->san, d->place.port, until);
    cli_say(c, "UUID: %s", m->app_id);
    cli_say(c, "Fingerprint: %s%s", hex,
            d->judge.has_fingerprint ? "" : " (computed, NOT compared with the enclave)");
    if (d->signer[0] != '\0') {
        cli_say(c, "Signer: %s", d->signer);
    }
    say_mode(d);
    say_kind(d);
    cli_say(c, "Logs: %s", cli_logs_text(m));
    say_how(d, hex);
}

/* Whether the app that the operator says was replaced was deployed from this very project: what is
 * kept here of others is not his to have forgotten. */
static bool is_ours(const struct deploy *d)
{
    struct cloud_kept kept = { .toml_path = NULL };
    bool known = d->has_old && cloud_kept_load(&kept, d->old.id);
    char *here = realpath(d->toml_path, NULL);
    bool ours =
        known && here != NULL && kept.toml_path != NULL && strcmp(kept.toml_path, here) == 0;
    free(here);
    cloud_kept_clear(&kept);
    return ours;
}

/* What an update changed, against the context of the one that was replaced. */
static void say_changes(const struct deploy *d)
{
    struct cli_app old = { 0 };
    bool ours = is_ours(d);
    char *path = ours ? cloud_context_path(d->old.id) : NULL;
    if (path != NULL && cli_app_load(&old, path, NULL) == MSE_OK) {
        cli_explain_update(d->c, &old, mse_build_view(&d->manifest_json), d->code_dir);
        cli_app_clear(&old);
    }
    free(path);
    if (d->has_old) {
        cli_say(d->c, "It replaces %s: users have to verify again", d->old.id);
    }
    if (ours) {
        cloud_forget_context(d->old.id);
    }
}

/* The others join by themselves, for which nobody needs to wait long: what the operator says of
 * them is for people alone. */
static enum cli_exit wait_instances(const struct deploy *d)
{
    struct cloud_app a = { .num_running = 0 };
    const struct cli *c = d->c;
    unsigned wanted = d->manifest.replicas;
    unsigned before = 0;
    for (int left = wanted > 1 ? INSTANCES_MS : 0; left > 0; left -= TURN_MS) {
        struct cloud k = d->k;
        k.quiet = true;
        if (cloud_app_get(&k, &a, d->manifest.app_id) != CLI_DONE || deploy_interrupted()) {
            break;
        }
        if (a.num_running != before) {
            cli_say(c, "Instances: %u of %u run", a.num_running, wanted);
            before = a.num_running;
        }
        if (a.num_running >= wanted) {
            return CLI_DONE;
        }
        if (!cloud_app_lives(&a)) {
            return cli_trouble(c, "the app has ended: %s%s%s", a.status,
                               a.detail[0] == '\0' ? "" : ": ", a.detail);
        }
        (void)poll(NULL, 0, TURN_MS);
    }
    if (deploy_interrupted()) {
        return CLI_TROUBLE;
    }
    if (wanted > 1) {
        cli_hint(c, "not all instances run yet; they go on trying: mse cloud status %s",
                 d->manifest.app_id);
    }
    return CLI_DONE;
}

/* ---- the whole ---- */

/* What is not known to have its keys is nothing to keep. The error has been said. */
static void clean_up(struct deploy *d)
{
    const char *id = d->place.app_id;
    char path[CLOUD_ID_LEN + 16];
    struct cloud_answer a;
    if (!d->sent) {
        return;
    }
    if (d->given) {
        cli_hint(d->c, "the app %s has its keys and goes on: mse cloud status, logs or stop %s", id,
                 id);
        return;
    }
    d->k.cancelled = NULL;
    d->k.quiet = true;
    (void)snprintf(path, sizeof path, "/apps/%s/stop", id);
    enum cli_exit e =
        cloud_ask(&d->k, &(struct cloud_ask) { .path = path, .method = "POST", .again = true }, &a);
    bool told = e == CLI_DONE && ((a.status >= 200 && a.status <= 299) || a.status == 409);
    if (told) {
        cli_hint(d->c, "the app %s was told to stop: %s", id,
                 d->asked ? "its keys were sent to the attested enclave, and to nobody else"
                          : "it never got a key");
    } else if (e != CLI_DONE || a.status != 404) {
        cli_hint(d->c, "if the operator has the app %s, this stops it: mse cloud stop %s", id, id);
    }
    cloud_answer_clear(&a);
}

static enum cli_exit prepare(struct deploy *d)
{
    enum cli_exit e = read_options(d);
    e = e == CLI_DONE ? deploy_load(d) : e;
    e = e == CLI_DONE ? cli_judge_init_within(&d->judge, d->c, FETCH_MS) : e;
    e = e == CLI_DONE ? cloud_open(&d->k, d->c) : e;
    d->k.cancelled = cancelled;
    d->k.patience_s = API_PATIENCE_S;
    e = e == CLI_DONE ? choose_place(d) : e;
    e = e == CLI_DONE ? check_tee(d) : e;
    e = e == CLI_DONE ? deploy_check_hardware(d) : e;
    e = e == CLI_DONE ? find_old(d) : e;
    return e == CLI_DONE ? ask_replace(d) : e;
}

static enum cli_exit start(struct deploy *d)
{
    const struct cli *c = d->c;
    cli_say(c, "Deploying %s to the project %s on %s (%llu MiB, %llu core%s, %s)...",
            d->project.name, d->project_name, d->hardware.name,
            (unsigned long long)d->hardware.memory, (unsigned long long)d->hardware.cores,
            d->hardware.cores == 1 ? "" : "s", d->hardware.tee);
    enum cli_exit e = reserve(d);
    e = e == CLI_DONE ? deploy_plan(d) : e;
    if (e == CLI_DONE && strcmp(d->mode, "owner") == 0) {
        cloud_check_owner_domain(c, d->manifest.san, d->place.config_domain_name);
    }
    if (e == CLI_DONE && d->has_old) {
        cli_say(c, "Stopping %s...", d->old.id);
        e = cloud_app_stop(&d->k, d->old.id);
    }
    if (e == CLI_DONE && deploy_interrupted()) {
        e = CLI_TROUBLE;
    }
    e = e == CLI_DONE ? upload(d) : e;
    return e == CLI_DONE ? wait_started(d) : e;
}

static enum cli_exit deploy(struct deploy *d)
{
    catch_signals();
    enum cli_exit e = prepare(d);
    e = e == CLI_DONE ? start(d) : e;
    e = e == CLI_DONE ? deploy_give(d) : e;
    e = e == CLI_DONE ? keep_record(d) : e;
    e = e == CLI_DONE ? keep_context(d) : e;
    e = e == CLI_DONE ? deploy_wait_healthy(d) : e;
    e = e == CLI_DONE ? wait_instances(d) : e;
    if (e == CLI_DONE && strcmp(d->mode, "operator") != 0) {
        e = deploy_attest_public(d);
    }
    e = e == CLI_DONE ? keep_certificate(d) : e;
    if (e != CLI_DONE) {
        if (deploy_interrupted()) {
            cli_error(d->c, "interrupted");
        }
        clean_up(d);
        return e;
    }
    say_changes(d);
    say_result(d);
    return CLI_DONE;
}

static void deploy_clear(struct deploy *d)
{
    mse_wipe(d->key, sizeof d->key);
    mse_wipe(d->token, sizeof d->token);
    cli_file_wipe(&d->ssl_key);
    cli_file_wipe(&d->secrets);
    cli_file_wipe(&d->to_seal);
    cli_file_clear(&d->runtime);
    cli_file_clear(&d->config_cert);
    cli_file_clear(&d->public_cert);
    cli_choice_clear(&d->choice);
    cli_judge_clear(&d->judge);
    mse_manifest_clear(&d->manifest);
    mse_build_clear(&d->manifest_json);
    mse_project_clear(&d->project);
    cli_tls_clear(&d->tls);
    cloud_close(&d->k);
    free(d->toml_path);
    free(d->code_dir);
    free(d->logs_key);
    if (d->package_fd >= 0) {
        (void)close(d->package_fd);
    }
}

enum cli_exit cmd_cloud_deploy(struct cli *c)
{
    struct deploy *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return cli_trouble(c, "out of memory");
    }
    d->c = c;
    d->k.c = c;
    d->package_fd = -1;
    mse_build_heap(&d->manifest_json, MSE_MANIFEST_MAX_LEN);
    enum cli_exit e = deploy(d);
    deploy_clear(d);
    free(d);
    return e;
}
