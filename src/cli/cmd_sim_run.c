/* SPDX-License-Identifier: Apache-2.0 */
/* mse sim run: from a project to a measured, running enclave; in the foreground until it ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mse/version.h>

#include "base/bytes.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/project.h"
#include "cli/tls_files.h"
#include "cmd/files.h"
#include "cmd/listen.h"
#include "crypto/digest.h"
#include "launch/instance.h"
#include "os/private_dir.h"
#include "package/code.h"
#include "package/rules.h"
#include "sim/launcher.h"
#include "tee/driver.h"

#define DAY ((mse_time)86400)

struct run {
    const struct cli *c;
    char *toml_path;
    struct mse_project project;
    struct cli_tls_files tls;
    char *code_dir;
    char *runtime_path;
    uint8_t runtime_sha256[32];
    struct mse_sim_platform *platform;
    char *signer_hex;
    int listen_fd;
    int package_fd;
    char *state_dir; /* what the enclave seals, while it runs: each run is another app */
    int state_fd;
    uint16_t port;
    char *domain;
    struct mse_manifest manifest;
    struct mse_build manifest_json;
    uint8_t salt[32];
    char *context_path;
    struct mse_sim_enclave *enclave;
    bool ready;
    char fingerprint[65];
    char url[320];
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static enum cli_exit load_project(struct run *r)
{
    struct mse_error err = { 0 };
    struct mse_project p = { 0 };
    mse_status st = cli_project_load(&p, r->toml_path, &err);
    if (st != MSE_OK) {
        return cli_failed(r->c, st, &err);
    }
    r->project = p;
    if (p.has_ssl) {
        return cli_trouble(r->c,
                           "%s: [cloud.ssl] is there, and here nobody gives the enclave its key: "
                           "leave that table out, or use mse home",
                           r->toml_path);
    }
    st = cli_tls_load(&r->tls, &r->project, r->toml_path, &err);
    if (st != MSE_OK) {
        return cli_failed(r->c, st, &err);
    }
    if (p.expects.num > 0 || (p.package != NULL && strcmp(p.package, "encrypted") == 0)) {
        (void)cli_trouble(r->c, "%s: the app waits for %s (enclave.%s), which sim run cannot give",
                          r->toml_path, p.expects.num > 0 ? p.expects.items[0] : "the key",
                          p.expects.num > 0 ? "expects" : "package");
        cli_hint(r->c, "mse home localtest --no-tests runs it here; mse home spawn and mse home "
                       "run do where it stays");
        return CLI_TROUBLE;
    }
    char *dir = cli_folder_of(r->toml_path);
    r->code_dir =
        dir == NULL ? NULL : cli_join(dir, r->project.code == NULL ? "mse_src" : r->project.code);
    free(dir);
    return r->code_dir != NULL ? CLI_DONE : cli_trouble(r->c, "out of memory");
}

static enum cli_exit load_platform(struct run *r)
{
    struct mse_error err = { 0 };
    uint8_t mr[32];
    char *dir = cli_has(r->c, "dir") ? strdup(cli_value(r->c, "dir")) : cli_conf_path("sim");
    if (dir == NULL) {
        return cli_trouble(r->c,
                           "no configuration folder: set MSE_CONF_PATH or HOME, or use --dir");
    }
    mse_status st = mse_sim_load(&r->platform, dir, &err);
    free(dir);
    st = st == MSE_OK ? mse_sim_mrsigner(r->platform, mr) : st;
    if (st != MSE_OK) {
        (void)cli_failed(r->c, st, &err);
        cli_hint(r->c, "mse sim init makes a simulated platform");
        return CLI_TROUBLE;
    }
    r->signer_hex = calloc(1, 65);
    if (r->signer_hex == NULL) {
        return cli_trouble(r->c, "out of memory");
    }
    mse_hex_encode(r->signer_hex, mse_bytes_of(mr, 32));
    return CLI_DONE;
}

static enum cli_exit load_runtime(struct run *r)
{
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    mse_status st = cli_runtime_load(&f, &r->runtime_path, r->c, r->runtime_sha256, &err);
    cli_file_clear(&f);
    return st == MSE_OK ? CLI_DONE : cli_failed(r->c, st, &err);
}

/* 26 characters of base32 in lower case. */
static bool fresh_label(char out[27])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t raw[26];
    if (mse_random(raw, sizeof raw) != MSE_OK) {
        return false;
    }
    for (size_t i = 0; i < sizeof raw; i++) {
        out[i] = digits[raw[i] & 31];
    }
    out[26] = '\0';
    return true;
}

/* A redeployment under the same name keeps its domain. */
static char *earlier_domain(const struct run *r)
{
    struct cli_app a = { 0 };
    char *path = cli_last_context(r->toml_path);
    char *domain = NULL;
    if (path != NULL && cli_app_load(&a, path, NULL) == MSE_OK) {
        if (strcmp(a.manifest.name, r->project.name) == 0) {
            domain = strdup(a.manifest.san);
        }
        cli_app_clear(&a);
    }
    free(path);
    return domain;
}

static enum cli_exit pick_domain(struct run *r)
{
    const char *given = cli_value(r->c, "domain");
    char label[27];
    if (given != NULL && !mse_rule_host(given)) {
        return cli_trouble(r->c, "--domain is %s, wanted a host name in lower case", given);
    }
    r->domain = given != NULL ? strdup(given) : earlier_domain(r);
    if (r->domain == NULL &&
        (!fresh_label(label) || asprintf(&r->domain, "%s.mse.localhost", label) < 0)) {
        r->domain = NULL;
        return cli_trouble(r->c, "no random bytes, or no memory");
    }
    return CLI_DONE;
}

/* Without --days the date of mse.toml counts, else 30 days. */
static enum cli_exit pick_expiry(struct run *r)
{
    const char *days = cli_value(r->c, "days");
    uint64_t n = 30;
    if (days != NULL && (!mse_u64_parse(&n, mse_bytes_str(days), 3650) || n == 0)) {
        return cli_trouble(r->c, "--days is %s, wanted 1 to 3650", days);
    }
    r->manifest.created_at = (mse_time)time(NULL);
    r->manifest.expires_at = r->manifest.created_at + (mse_time)n * DAY;
    if (days == NULL && r->project.expiration_date != 0) {
        r->manifest.expires_at = r->project.expiration_date;
    }
    if (r->manifest.expires_at <= r->manifest.created_at) {
        return cli_trouble(r->c, "%s: expiration_date lies in the past", r->toml_path);
    }
    return CLI_DONE;
}

static mse_status fill_manifest(struct run *r, struct mse_error *err)
{
    struct mse_manifest *m = &r->manifest;
    mse_status st = cli_manifest_fill(m, &r->project, err);
    st = st == MSE_OK ? cli_manifest_alone(m, err) : st;
    m->san = strdup(r->domain);
    memcpy(m->runtime, r->runtime_sha256, sizeof m->runtime);
    if (st == MSE_OK) {
        const struct mse_bytes no_chain = { NULL, 0 }; /* [cloud.ssl] was refused */
        st = cli_tls_fill(m, &r->project, no_chain, cli_file_view(&r->tls.client_ca), err);
    }
    if (asprintf(&m->config_domain_name, "%s.mse.localhost", m->app_id) < 0) {
        m->config_domain_name = NULL;
    }
    return st;
}

static enum cli_exit make_manifest(struct run *r)
{
    struct mse_error err = { 0 };
    enum cli_exit e = pick_expiry(r);
    if (e != CLI_DONE) {
        return e;
    }
    if (mse_random_uuid(r->manifest.app_id) != MSE_OK ||
        mse_random(r->salt, sizeof r->salt) != MSE_OK) {
        return cli_trouble(r->c, "no random bytes");
    }
    mse_status st = fill_manifest(r, &err);
    st = st != MSE_OK ? st
                      : mse_code_digest(r->manifest.code_digest, r->code_dir, r->salt, true, &err);
    if (st == MSE_OK) {
        st = mse_manifest_write(&r->manifest_json, &r->manifest, &err);
    }
    if (st != MSE_OK) {
        return cli_trouble(r->c, "%s: %s", r->toml_path,
                           err.text[0] != '\0' ? err.text : mse_status_text(st));
    }
    return CLI_DONE;
}

static enum cli_exit make_package(struct run *r)
{
    struct mse_error err = { 0 };
    uint8_t digest[32];
    mse_status st = mse_sha256(digest, mse_build_view(&r->manifest_json));
    r->package_fd = memfd_create("package", MFD_CLOEXEC);
    if (st != MSE_OK || r->package_fd < 0) {
        return cli_trouble(r->c, "no room for the package: %s", strerror(errno));
    }
    const struct mse_package plain = { .manifest_digest = digest };
    st = mse_package_write(r->package_fd, r->code_dir, r->salt, &plain, &err);
    if (st == MSE_OK && lseek(r->package_fd, 0, SEEK_SET) != 0) {
        st = MSE_ERR_IO;
    }
    return st == MSE_OK ? CLI_DONE : cli_failed(r->c, st, &err);
}

static enum cli_exit make_state(struct run *r)
{
    struct mse_error err = { 0 };
    char name[64];
    if (r->manifest.restart != MSE_RESTART_SEALED) {
        return CLI_DONE;
    }
    (void)snprintf(name, sizeof name, "state/%s/.", r->manifest.app_id);
    char *inside = cli_conf_path(name);
    mse_status st = inside == NULL ? MSE_ERR_MEMORY : cli_make_parents(inside, &err);
    if (st == MSE_OK) {
        inside[strlen(inside) - 2] = '\0';
        r->state_fd = open(inside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    r->state_dir = inside;
    if (r->state_fd >= 0) {
        cli_hint(r->c, "restart is sealed: with mse sim run nothing is left to restart, mse home "
                       "spawn keeps it");
        return CLI_DONE;
    }
    return cli_trouble(r->c, "no folder for what the enclave seals: %s",
                       err.text[0] != '\0' ? err.text : strerror(errno));
}

static enum cli_exit start(struct run *r)
{
    const char *switches[MSE_INSTANCE_MAX_SWITCHES];
    char *client_ca = NULL;
    bool sandbox = !cli_has(r->c, "insecure-no-sandbox");
    struct mse_error err = { 0 };
    mse_status st = mse_instance_client_ca(&client_ca, cli_file_view(&r->tls.client_ca), &err);
    mse_instance_switches(switches, sandbox, client_ca);
    struct mse_sim_launch l = {
        .platform = r->platform,
        .runtime_path = r->runtime_path,
        .manifest = mse_build_view(&r->manifest_json),
        .enclave_size = r->manifest.enclave_size,
        .threads = MSE_SIM_THREADS,
        .package_fd = r->package_fd,
        .listen_fd = r->listen_fd,
        .state_fd = r->state_fd,
        .debug = cli_has(r->c, "debug-enclave"),
        .extra_argv = switches,
    };
    if (!sandbox) {
        cli_hint(r->c, "--insecure-no-sandbox: the app can reach this machine and the runtime");
    }
    st = st == MSE_OK ? mse_sim_start(&r->enclave, &l, &err) : st;
    free(client_ca);
    if (st != MSE_OK) {
        return cli_failed(r->c, st, &err);
    }
    mse_hex_encode(r->fingerprint, mse_bytes_of(mse_sim_enclave_measurement(r->enclave), 32));
    (void)snprintf(r->url, sizeof r->url, "https://%s:%u/", r->domain, r->port);
    return CLI_DONE;
}

/* The same text to the user's own store and to --context-out. */
static enum cli_exit write_context(struct run *r, struct mse_bytes text)
{
    struct mse_error err = { 0 };
    char name[64];
    (void)snprintf(name, sizeof name, "context/%s.toml", r->manifest.app_id);
    r->context_path = cli_conf_path(name);
    if (r->context_path == NULL) {
        return cli_trouble(r->c, "no configuration folder: set MSE_CONF_PATH or HOME");
    }
    mse_status st = cli_make_parents(r->context_path, &err);
    st = st == MSE_OK ? cli_file_write(r->context_path, text, 0600, &err) : st;
    st = st == MSE_OK ? cli_remember_context(r->toml_path, r->manifest.app_id, &err) : st;
    if (st == MSE_OK && cli_has(r->c, "context-out")) {
        st = cli_file_write(cli_value(r->c, "context-out"), text, 0644, &err);
    }
    return st == MSE_OK ? CLI_DONE : cli_failed(r->c, st, &err);
}

static enum cli_exit save_context(struct run *r)
{
    char domain[320];
    char version[64];
    struct mse_build text;
    /* Borrows: the context is written, not kept. */
    struct mse_context x = { .created_at = r->manifest.created_at,
                             .config_domain_name = r->manifest.config_domain_name,
                             .domain_name = domain,
                             .tee_kind = (char[]) { "sgx" },
                             .layout = (char[]) { "sim-1" },
                             .runtime_version = version,
                             .signer = r->signer_hex };
    (void)snprintf(domain, sizeof domain, "%s:%u", r->domain, r->port);
    (void)snprintf(version, sizeof version, "%s", mse_version());
    memcpy(x.id, r->manifest.app_id, sizeof x.id);
    memcpy(x.code_salt, r->salt, sizeof x.code_salt);
    memcpy(x.runtime_digest, r->runtime_sha256, sizeof x.runtime_digest);
    x.manifest = strndup((const char *)r->manifest_json.data, r->manifest_json.len);
    mse_build_heap(&text, MSE_CONF_MAX_LEN);
    enum cli_exit e = CLI_TROUBLE;
    if (x.manifest == NULL || mse_context_write(&text, &x) != MSE_OK) {
        e = cli_trouble(r->c, "the context could not be made");
    } else {
        e = write_context(r, mse_build_view(&text));
    }
    free(x.manifest);
    mse_build_clear(&text);
    return e;
}

static json_t *ready_json(const struct run *r)
{
    char until[MSE_TIME_TEXT_LEN];
    mse_time_format(until, r->manifest.expires_at);
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:i}", "event",
                     "ready", "app_id", r->manifest.app_id, "domain", r->domain, "port",
                     (int)r->port, "url", r->url, "fingerprint", r->fingerprint, "signer",
                     r->signer_hex, "context", r->context_path, "expires_at", until, "simulated", 1,
                     "logs", mse_manifest_logs_word(&r->manifest), "pid",
                     mse_sim_enclave_pid(r->enclave));
}

static void json_line(json_t *v)
{
    (void)json_dumpf(v, stdout, JSON_COMPACT);
    (void)printf("\n");
    (void)fflush(stdout);
    json_decref(v);
}

static enum cli_exit write_ready_file(const struct run *r)
{
    const char *path = cli_value(r->c, "ready-file");
    struct mse_error err = { 0 };
    if (path == NULL) {
        return CLI_DONE;
    }
    json_t *v = ready_json(r);
    char *text = json_dumps(v, JSON_INDENT(2));
    json_decref(v);
    if (text == NULL) {
        return cli_trouble(r->c, "out of memory");
    }
    mse_status st = cli_file_write(path, mse_bytes_str(text), 0644, &err);
    free(text);
    return st == MSE_OK ? CLI_DONE : cli_failed(r->c, st, &err);
}

static void say_ready(const struct run *r)
{
    const struct cli *c = r->c;
    char until[MSE_TIME_TEXT_LEN];
    mse_time_format(until, r->manifest.expires_at);
    if (c->json) {
        json_line(ready_json(r));
        return;
    }
    cli_say(c, "%s is ready in the SIMULATED TEE (not hardware), until %s", r->manifest.name,
            until);
    cli_say(c, "Fingerprint: %s", r->fingerprint);
    cli_say(c, "Signer: %s", r->signer_hex);
    cli_say(c, "URL: %s", r->url);
    cli_say(c, "Context for users: %s", r->context_path);
    cli_say(c, "Logs: %s", cli_logs_text(&r->manifest));
    cli_say(c, "To verify it:");
    cli_say(c, "  mse cloud verify %s:%u --fingerprint %s --signer %s --allow-simulation",
            r->domain, r->port, r->fingerprint, r->signer_hex);
    cli_say(c, "To use it:");
    cli_say(c, "  curl --cacert cert.pem %s", r->url);
    cli_say(c, "Users on another machine also need: mse sim show --export DIR");
}

static enum cli_exit on_ready(struct run *r)
{
    enum cli_exit e = save_context(r);
    if (e == CLI_DONE) {
        r->ready = true;
        say_ready(r);
        e = write_ready_file(r);
    }
    return e;
}

static enum cli_exit on_end(const struct run *r, int status)
{
    if (r->c->json) {
        json_line(json_pack("{s:s, s:i}", "event", "ended", "status",
                            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
    }
    if (r->ready && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        cli_say(r->c, "The app has ended");
        return CLI_DONE;
    }
    if (WIFEXITED(status)) {
        cli_error(r->c, "the enclave ended with status %d%s", WEXITSTATUS(status),
                  r->ready ? "" : " before the app was ready");
    } else {
        cli_error(r->c, "the enclave was ended by signal %d", WTERMSIG(status));
    }
    if (!r->ready) {
        cli_hint(r->c, "its messages stand above");
    }
    return CLI_TROUBLE;
}

/* One event. *over: there is nothing more to wait for. */
static enum cli_exit on_event(struct run *r, const struct mse_sim_news *news, bool *over)
{
    uint8_t event = news->event;
    if (event == MSE_TEE_EVENT_READY && !r->ready) {
        enum cli_exit e = on_ready(r);
        *over = e != CLI_DONE;
        return e;
    }
    if (event == MSE_SIM_ENDED) {
        *over = true;
        return on_end(r, news->status);
    }
    if (event == MSE_TEE_EVENT_FAILED) {
        cli_error(r->c, "the enclave failed: %s", news->text);
        *over = true;
        return CLI_TROUBLE;
    }
    if (event == MSE_TEE_EVENT_STARTING && r->c->json) {
        json_line(json_pack("{s:s, s:s}", "event", "starting", "text", news->text));
    } else if (event == MSE_TEE_EVENT_STARTING) {
        cli_say(r->c, "The app starts...");
    }
    return CLI_DONE;
}

static enum cli_exit serve(struct run *r)
{
    bool over = false;
    enum cli_exit e = CLI_DONE;
    while (!over && stop_asked == 0) {
        struct mse_error err = { 0 };
        struct mse_sim_news news = { 0 };
        /* The limit closes the gap between looking at stop_asked and waiting. */
        mse_status st = mse_sim_serve(r->enclave, &news, 500, &err);
        if (st != MSE_OK) {
            return cli_failed(r->c, st, &err);
        }
        if (news.event != MSE_SIM_NOTHING && news.event != MSE_SIM_INTERRUPTED) {
            e = on_event(r, &news, &over);
        }
    }
    if (!over) {
        mse_sim_stop(r->enclave, 12000); /* it drains for 5 s and gives the app 5 s */
        cli_say(r->c, "Stopped");
        if (r->c->json) {
            json_line(json_pack("{s:s}", "event", "stopped"));
        }
    }
    return e;
}

static void catch_signals(void)
{
    struct sigaction sa = { .sa_handler = on_signal }; /* no SA_RESTART: waiting ends */
    (void)sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    (void)sigemptyset(&ignore.sa_mask);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

static enum cli_exit open_listener(struct run *r)
{
    const char *where = cli_has(r->c, "listen") ? cli_value(r->c, "listen") : "127.0.0.1:0";
    char why[128] = "";
    if (!cli_listen(&r->listen_fd, &r->port, where, why, sizeof why)) {
        return cli_trouble(r->c, "--listen %s: %s", where, why);
    }
    return CLI_DONE;
}

static enum cli_exit run_project(struct run *r)
{
    enum cli_exit e = load_project(r);
    e = e == CLI_DONE ? load_platform(r) : e;
    e = e == CLI_DONE ? load_runtime(r) : e;
    e = e == CLI_DONE ? pick_domain(r) : e;
    e = e == CLI_DONE ? open_listener(r) : e;
    e = e == CLI_DONE ? make_manifest(r) : e;
    e = e == CLI_DONE ? make_package(r) : e;
    e = e == CLI_DONE ? make_state(r) : e;
    if (e != CLI_DONE) {
        return e;
    }
    cli_say(r->c, "Measuring and starting %s...", r->manifest.name);
    catch_signals();
    e = start(r);
    return e == CLI_DONE ? serve(r) : e;
}

static void run_clear(struct run *r)
{
    mse_sim_enclave_free(r->enclave);
    mse_sim_free(r->platform);
    mse_project_clear(&r->project);
    cli_tls_clear(&r->tls);
    mse_manifest_clear(&r->manifest);
    mse_build_clear(&r->manifest_json);
    free(r->toml_path);
    free(r->code_dir);
    free(r->runtime_path);
    free(r->signer_hex);
    free(r->domain);
    free(r->context_path);
    if (r->listen_fd >= 0) {
        (void)close(r->listen_fd);
    }
    if (r->package_fd >= 0) {
        (void)close(r->package_fd);
    }
    if (r->state_fd >= 0) {
        (void)close(r->state_fd);
        (void)mse_tree_remove(r->state_dir);
    }
    free(r->state_dir);
}

enum cli_exit cmd_sim_run(struct cli *c)
{
    struct run r = { .c = c, .listen_fd = -1, .package_fd = -1, .state_fd = -1 };
    mse_build_heap(&r.manifest_json, MSE_MANIFEST_MAX_LEN);
    r.toml_path = cli_project_path(c->args[0]);
    enum cli_exit e = CLI_TROUBLE;
    if (r.toml_path != NULL) {
        e = run_project(&r);
    } else {
        cli_error(c, "out of memory");
    }
    run_clear(&r);
    return e;
}
