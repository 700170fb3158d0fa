/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud deploy, the part that needs no operator: from mse.toml to manifest, fingerprint and
 * package. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mse/measure.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/cloud_deploy.h"
#include "cli/configure.h"
#include "cli/gramine.h"
#include "cli/progress.h"
#include "crypto/digest.h"
#include "launch/machine.h"
#include "package/code.h"
#include "package/owner_chain.h"
#include "package/rules.h"

#define MAX_SECRETS  ((size_t)8 * 1024 * 1024)
#define MAX_LIBPAL   ((size_t)256 * 1024 * 1024)
#define DEFAULT_LIFE ((mse_time)30 * 86400)
#define DEFAULT_SIZE (1ULL << 30)

/* ---- the project ---- */

static bool expects(const struct mse_project *p, const char *what)
{
    for (size_t i = 0; i < p->expects.num; i++) {
        if (strcmp(p->expects.items[i], what) == 0) {
            return true;
        }
    }
    return false;
}

/* A file beside mse.toml, heap. */
static char *beside(const struct deploy *d, const char *name)
{
    char *dir = cli_folder_of(d->toml_path);
    char *path = dir == NULL ? NULL : cli_join(dir, name);
    free(dir);
    return path;
}

static enum cli_exit read_secrets(struct deploy *d, struct cli_file *out, const char *name,
                                  const char *why)
{
    struct mse_error err = { 0 };
    char *path = beside(d, name);
    mse_status st = path == NULL ? MSE_ERR_MEMORY : cli_file_read(out, path, MAX_SECRETS, &err);
    if (st != MSE_OK) {
        (void)cli_failed(d->c, st, &err);
        cli_hint(d->c, "%s: %s", d->toml_path, why);
    } else {
        st = cli_configure_check_secrets(cli_file_view(out), &err);
        if (st != MSE_OK || out->len == 0) {
            (void)cli_trouble(d->c, "%s: %s", path, out->len == 0 ? "it is empty" : err.text);
            cli_hint(d->c, "the app gets this file as JSON");
            st = MSE_ERR_MALFORMED;
        }
    }
    free(path);
    return st == MSE_OK ? CLI_DONE : CLI_TROUBLE;
}

/* What cloud.secrets names is sent, whether or not enclave.expects says so too. */
static enum cli_exit load_secrets(struct deploy *d)
{
    const struct mse_project *p = &d->project;
    enum cli_exit e = CLI_DONE;
    if (p->secrets != NULL || expects(p, "secrets")) {
        e = read_secrets(d, &d->secrets, p->secrets == NULL ? "secrets.json" : p->secrets,
                         p->secrets == NULL ? "enclave.expects has secrets"
                                            : "cloud.secrets names it");
    }
    if (e == CLI_DONE && expects(p, "sealed_secrets")) {
        e = read_secrets(d, &d->to_seal, "secrets_to_seal.json",
                         "enclave.expects has sealed_secrets, which are sealed out of it");
    }
    return e;
}

static enum cli_exit load_tls(struct deploy *d)
{
    struct mse_error err = { 0 };
    struct mse_owner_chain chain = { .not_after = 0 };
    mse_status st = cli_tls_load(&d->tls, &d->project, d->toml_path, &err);
    if (st == MSE_OK && d->project.has_ssl) {
        st = cli_file_read(&d->ssl_key, d->tls.key_path, MSE_OWNER_CHAIN_MAX, &err);
        st = st == MSE_OK ? mse_owner_chain_read(&chain, cli_file_view(&d->tls.chain), &err) : st;
        d->chain_end = chain.not_after;
        mse_owner_chain_clear(&chain);
    }
    return st == MSE_OK ? CLI_DONE : cli_failed(d->c, st, &err);
}

static enum cli_exit choose_mode(struct deploy *d)
{
    struct mse_project *p = &d->project;
    d->mode = p->has_ssl ? "owner" : "self";
    if (cli_has(d->c, "untrusted-ssl")) {
        if (p->has_ssl) {
            cli_hint(d->c,
                     "--untrusted-ssl wins over [cloud.ssl] of %s: your certificate is not "
                     "used",
                     d->toml_path);
        }
        d->mode = "operator";
        p->has_ssl = false;
    }
    if (strcmp(d->mode, "self") == 0 && cli_has(d->c, "insecure-skip-fingerprint")) {
        return cli_trouble(d->c, "--insecure-skip-fingerprint is not for zero trust: users trust "
                                 "nobody, so that the fingerprint is all there is");
    }
    return CLI_DONE;
}

/* What a platform cannot carry, or what deploy decides by itself. */
static enum cli_exit check_project(const struct deploy *d)
{
    const struct mse_project *p = &d->project;
    const struct {
        bool there;
        const char *text;
    } rows[] = {
        { !mse_mem_is_zero(p->config_token_sha256, 32),
          "enclave.config_token_sha256 is there: deploy draws a fresh token each time" },
        { p->client_ca != NULL && strcmp(d->mode, "operator") == 0,
          "enclave.client_ca is there, and with --untrusted-ssl TLS ends at the operator's "
          "gateway, "
          "which has no certificate of that CA" },
        { p->replicas > 1 && (p->restart == NULL || strcmp(p->restart, "sealed") != 0),
          "enclave.replicas is more than 1, and enclave.restart is not \"sealed\": the others end "
          "with the first one, which has to come back" },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        if (rows[i].there) {
            return cli_trouble(d->c, "%s: %s", d->toml_path, rows[i].text);
        }
    }
    if (p->expiration_date != 0 && p->expiration_date <= (mse_time)time(NULL)) {
        return cli_trouble(d->c, "%s: cloud.expiration_date lies in the past", d->toml_path);
    }
    return CLI_DONE;
}

bool deploy_is_sgx(const struct deploy *d)
{
    return strcmp(d->hardware.tee, "sgx") == 0;
}

bool deploy_is_machine(const struct deploy *d)
{
    return strcmp(d->hardware.tee, "tdx") == 0 || strcmp(d->hardware.tee, "sev-snp") == 0;
}

/* In the simulation there is the host's rootfs and no other, in a machine that of its image; under
 * Gramine it is the other way round. */
static enum cli_exit check_rootfs(const struct deploy *d)
{
    const struct mse_project *p = &d->project;
    bool named = p->has_rootfs && strcmp(p->rootfs_name, "host") != 0;
    bool sgx = deploy_is_sgx(d);
    if (named == sgx) {
        return CLI_DONE;
    }
    (void)cli_trouble(d->c,
                      sgx                    ? "%s: enclave.rootfs is missing, which %s (sgx) wants"
                      : deploy_is_machine(d) ? "%s: enclave.rootfs names one, and a machine of %s "
                                               "has that of its image"
                                             : "%s: enclave.rootfs names another one than the "
                                               "host's, and %s is simulated and has no other",
                      d->toml_path, d->hardware.name);
    if (sgx) {
        cli_hint(d->c, "[enclave.rootfs] has name, version and digest of the operator's rootfs");
    }
    return CLI_TROUBLE;
}

/* What the fingerprint is computed from: the owner's own copies. */
static enum cli_exit check_parts(struct deploy *d)
{
    static const char *const wanted[] = { "libpal", "rootfs" };
    struct mse_error err = { 0 };
    struct cli_file libpal = { 0 };
    for (size_t i = 0; i < MSE_ARRAY_LEN(wanted); i++) {
        if (!cli_has(d->c, wanted[i])) {
            (void)cli_trouble(d->c, "--%s is missing: the hardware %s is sgx", wanted[i],
                              d->hardware.name);
            cli_hint(d->c, "the fingerprint is computed from Gramine's loader and the rootfs, "
                           "of which you need copies");
            return CLI_TROUBLE;
        }
    }
    mse_status st = cli_file_read(&libpal, cli_value(d->c, "libpal"), MAX_LIBPAL, &err);
    st = st == MSE_OK ? mse_sha256(d->loader_sha256, cli_file_view(&libpal)) : st;
    cli_file_clear(&libpal);
    return st == MSE_OK ? CLI_DONE : cli_failed(d->c, st, &err);
}

/* The same of a machine. */
static enum cli_exit check_machine(struct deploy *d)
{
    struct mse_error err = { 0 };
    bool is_tdx = strcmp(d->hardware.tee, "tdx") == 0;
    mse_status st = cli_machine_load(&d->machine, d->c, is_tdx, &err);
    if (st == MSE_OK) {
        return CLI_DONE;
    }
    (void)cli_failed(d->c, st, &err);
    cli_hint(d->c,
             "the hardware %s is %s: the fingerprint is computed from your own copies of firmware "
             "and kernel, as mse measure measures them, or from --measurements that you trust",
             d->hardware.name, d->hardware.tee);
    return CLI_TROUBLE;
}

enum cli_exit deploy_check_hardware(struct deploy *d)
{
    enum cli_exit e = check_rootfs(d);
    e = e == CLI_DONE && deploy_is_sgx(d) ? check_parts(d) : e;
    return e == CLI_DONE && deploy_is_machine(d) ? check_machine(d) : e;
}

/* module:variable: the module is a file or a folder of the code. */
static enum cli_exit check_module(const struct deploy *d)
{
    const char *app = d->project.python_application;
    struct stat sb;
    char *path = NULL;
    if (app == NULL) {
        return CLI_DONE;
    }
    size_t len = strcspn(app, ":");
    if (asprintf(&path, "%s/%.*s.py", d->code_dir, (int)len, app) < 0) {
        return cli_trouble(d->c, "out of memory");
    }
    char *module = path + strlen(d->code_dir) + 1;
    for (size_t i = 0; i < len; i++) {
        if (module[i] == '.') {
            module[i] = '/';
        }
    }
    bool there = stat(path, &sb) == 0;
    module[len] = '\0';
    there = there || stat(path, &sb) == 0;
    if (!there) {
        (void)cli_trouble(d->c, "python_application of %s is %s, and there is no %s.py in %s",
                          d->toml_path, app, module, d->code_dir);
        cli_hint(d->c, "cloud.code names the folder of the code");
    }
    free(path);
    return there ? CLI_DONE : CLI_TROUBLE;
}

/* The scaffold's key, if what is printed is sealed to it. */
static char *find_logs_key(const struct deploy *d)
{
    char *path = beside(d, SCAFFOLD_LOGS_KEY);
    bool sealed = !mse_mem_is_zero(d->project.logs_key, sizeof d->project.logs_key);
    char *real = sealed && path != NULL && cli_file_exists(path) ? realpath(path, NULL) : NULL;
    free(path);
    return real;
}

enum cli_exit deploy_load(struct deploy *d)
{
    struct mse_error err = { 0 };
    d->toml_path = cli_project_path(cli_has(d->c, "path") ? cli_value(d->c, "path") : ".");
    mse_status st =
        d->toml_path == NULL ? MSE_ERR_MEMORY : cli_project_load(&d->project, d->toml_path, &err);
    if (st != MSE_OK) {
        (void)cli_failed(d->c, st, &err);
        cli_hint(d->c, "mse cloud scaffold NAME makes a project, mse cloud init an mse.toml here; "
                       "--path names one elsewhere");
        return CLI_TROUBLE;
    }
    d->code_dir = beside(d, d->project.code == NULL ? "mse_src" : d->project.code);
    if (d->code_dir == NULL) {
        return cli_trouble(d->c, "out of memory");
    }
    enum cli_exit e = choose_mode(d);
    e = e == CLI_DONE ? check_project(d) : e;
    e = e == CLI_DONE ? check_module(d) : e;
    e = e == CLI_DONE ? load_tls(d) : e;
    e = e == CLI_DONE ? load_secrets(d) : e;
    d->logs_key = find_logs_key(d);
    return e;
}

/* ---- the manifest ---- */

/* The owner's date, else the end of his certificate, else what the operator offers. */
static enum cli_exit choose_expiry(struct deploy *d)
{
    struct mse_manifest *m = &d->manifest;
    m->created_at = (mse_time)time(NULL);
    m->expires_at = d->project.expiration_date;
    if (m->expires_at == 0) {
        m->expires_at = d->chain_end;
    }
    if (m->expires_at == 0) {
        m->expires_at = d->place.expires_default;
    }
    if (m->expires_at == 0) {
        m->expires_at = m->created_at + DEFAULT_LIFE;
    }
    if (d->chain_end != 0 && m->expires_at > d->chain_end) {
        char until[MSE_TIME_TEXT_LEN];
        mse_time_format(until, d->chain_end);
        return cli_trouble(d->c,
                           "%s: cloud.expiration_date is after the end of the certificate "
                           "of [cloud.ssl], %s",
                           d->toml_path, until);
    }
    return m->expires_at > m->created_at
               ? CLI_DONE
               : cli_trouble(d->c,
                             "the app would have expired when it starts: set "
                             "cloud.expiration_date in %s",
                             d->toml_path);
}

static enum cli_exit choose_size(struct deploy *d)
{
    uint64_t wanted = d->project.enclave_size;
    uint64_t size = d->hardware.enclave_size << 20;
    if (wanted != DEFAULT_SIZE && wanted != size) {
        return cli_trouble(d->c,
                           "%s: enclave.enclave_size is %llu, and enclaves of the hardware "
                           "%s have %llu bytes",
                           d->toml_path, (unsigned long long)wanted, d->hardware.name,
                           (unsigned long long)size);
    }
    d->manifest.enclave_size = size;
    return CLI_DONE;
}

static bool is_plain(const struct mse_project *p)
{
    return p->package != NULL && strcmp(p->package, "plain") == 0;
}

/* A plain package needs no key, and waits for its owner's token all the same: nothing runs before
 * it was attested. */
static mse_status draw(struct deploy *d)
{
    uint8_t raw[32];
    mse_status st = mse_random(d->salt, sizeof d->salt);
    st = st == MSE_OK ? mse_random(d->key, sizeof d->key) : st;
    st = st == MSE_OK ? mse_random(raw, sizeof raw) : st;
    st = st == MSE_OK ? mse_sha256(d->manifest.config_token_sha256, mse_bytes_of(raw, 32)) : st;
    mse_hex_encode(d->token, mse_bytes_of(raw, sizeof raw));
    mse_wipe(raw, sizeof raw);
    return st;
}

static mse_status fill(struct deploy *d, struct mse_error *err)
{
    struct mse_manifest *m = &d->manifest;
    mse_status st = cli_manifest_fill(m, &d->project, err);
    if (st == MSE_OK) {
        st = cli_tls_fill(m, &d->project, cli_file_view(&d->tls.chain),
                          cli_file_view(&d->tls.client_ca), err);
    }
    if (m->san == NULL) { /* under the owner's certificate the name is his */
        m->san = strdup(d->place.domain_name);
    }
    m->config_domain_name = strdup(d->place.config_domain_name);
    m->package = is_plain(&d->project) ? MSE_PACKAGE_PLAIN : MSE_PACKAGE_ENCRYPTED;
    m->expects |= d->secrets.len > 0 ? MSE_EXPECT_SECRETS : 0U;
    memcpy(m->app_id, d->place.app_id, sizeof m->app_id);
    memcpy(m->runtime, d->runtime_sha256, sizeof m->runtime);
    st = st == MSE_OK ? draw(d) : st;
    return st == MSE_OK && (m->san == NULL || m->config_domain_name == NULL) ? MSE_ERR_MEMORY : st;
}

static enum cli_exit make_manifest(struct deploy *d)
{
    struct mse_error err = { 0 };
    mse_status st = fill(d, &err);
    enum cli_exit e = st == MSE_OK ? choose_expiry(d) : CLI_TROUBLE;
    e = e == CLI_DONE ? choose_size(d) : e;
    if (st == MSE_OK && e != CLI_DONE) {
        return e;
    }
    st = st == MSE_OK ? mse_code_digest(d->manifest.code_digest, d->code_dir, d->salt, true, &err)
                      : st;
    st = st == MSE_OK ? mse_manifest_write(&d->manifest_json, &d->manifest, &err) : st;
    return st == MSE_OK ? CLI_DONE
                        : cli_trouble(d->c, "%s: %s", d->toml_path,
                                      err.text[0] != '\0' ? err.text : mse_status_text(st));
}

/* ---- the fingerprint: of our manifest and a runtime that we know ---- */

static enum cli_exit load_runtime(struct deploy *d)
{
    struct mse_error err = { 0 };
    bool known = false;
    char hex[65];
    mse_status st = cli_runtime_load(&d->runtime, NULL, d->c, d->runtime_sha256, &err);
    st = st == MSE_OK ? cli_runtime_known(&known, d->c, d->runtime_sha256, &err) : st;
    if (st != MSE_OK) {
        return cli_failed(d->c, st, &err);
    }
    if (!known) {
        mse_hex_encode(hex, mse_bytes_of(d->runtime_sha256, 32));
        (void)cli_trouble(d->c, "this mse does not know the runtime of SHA-256 %s", hex);
        cli_hint(d->c, "--allow-runtime %s accepts it, or a signed list: --reference", hex);
        return CLI_TROUBLE;
    }
    return CLI_DONE;
}

static mse_status measure_sgx(struct deploy *d, struct mse_error *err)
{
    /* Borrows all of it. */
    struct cli_app a = { .manifest = d->manifest };
    memcpy(a.context.loader_digest, d->loader_sha256, sizeof a.context.loader_digest);
    return cli_gramine_measure(d->fingerprint, d->c, &a, mse_build_view(&d->manifest_json), err);
}

static mse_status measure_sim(struct deploy *d, struct mse_error *err)
{
    const struct mse_sim_layout l = { cli_file_view(&d->runtime), mse_build_view(&d->manifest_json),
                                      d->manifest.enclave_size, MSE_SIM_THREADS };
    return mse_measure_sim(d->fingerprint, &l, err);
}

static mse_status measure_machine(struct deploy *d, struct mse_error *err)
{
    struct mse_bytes text = mse_build_view(&d->manifest_json);
    mse_status st = mse_machine_takes(text, err);
    return st == MSE_OK ? cli_machine_fingerprint(d->fingerprint, &d->machine, text) : st;
}

static enum cli_exit measure(struct deploy *d)
{
    struct mse_error err = { 0 };
    mse_status st = deploy_is_sgx(d)       ? measure_sgx(d, &err)
                    : deploy_is_machine(d) ? measure_machine(d, &err)
                                           : measure_sim(d, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(d->c, st, &err);
}

/* ---- the package ---- */

/* In --workspace, where it stays; else a file without a name. */
static int open_package(const struct deploy *d, char **shown)
{
    const char *dir = cli_value(d->c, "workspace");
    const char *tmp = cli_environment("TMPDIR");
    char name[64];
    if (dir == NULL) {
        *shown = strdup(tmp == NULL ? "/tmp" : tmp);
        return *shown == NULL ? -1 : open(*shown, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        *shown = strdup(dir);
        return -1;
    }
    (void)snprintf(name, sizeof name, "%s.package", d->manifest.app_id);
    *shown = cli_join(dir, name);
    return *shown == NULL ? -1 : open(*shown, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
}

static enum cli_exit keep_manifest(const struct deploy *d)
{
    struct mse_error err = { 0 };
    char name[64];
    if (!cli_has(d->c, "workspace")) {
        return CLI_DONE;
    }
    (void)snprintf(name, sizeof name, "%s.manifest.json", d->manifest.app_id);
    char *path = cli_join(cli_value(d->c, "workspace"), name);
    mse_status st = path == NULL
                        ? MSE_ERR_MEMORY
                        : cli_file_write(path, mse_build_view(&d->manifest_json), 0644, &err);
    free(path);
    return st == MSE_OK ? CLI_DONE : cli_failed(d->c, st, &err);
}

static enum cli_exit make_package(struct deploy *d)
{
    struct mse_error err = { 0 };
    uint8_t digest[32];
    struct stat sb = { 0 };
    char *shown = NULL;
    d->package_fd = open_package(d, &shown);
    if (d->package_fd < 0) {
        enum cli_exit e = cli_trouble(d->c, "no room for the package in %s: %s",
                                      shown == NULL ? "memory" : shown, strerror(errno));
        free(shown);
        return e;
    }
    free(shown);
    bool plain = d->manifest.package == MSE_PACKAGE_PLAIN;
    struct cli_progress progress;
    const struct mse_package p = { .manifest_digest = digest,
                                   .key = plain ? NULL : d->key,
                                   .progress = cli_progress_step,
                                   .user = &progress };
    cli_progress_begin(&progress, d->c, "Packing");
    mse_status st = mse_sha256(digest, mse_build_view(&d->manifest_json));
    st = st == MSE_OK ? mse_package_write(d->package_fd, d->code_dir, d->salt, &p, &err) : st;
    cli_progress_end(&progress);
    if (st == MSE_OK && fstat(d->package_fd, &sb) != 0) {
        st = MSE_ERR_IO;
    }
    d->package_len = (uint64_t)sb.st_size;
    return st == MSE_OK ? keep_manifest(d) : cli_failed(d->c, st, &err);
}

enum cli_exit deploy_plan(struct deploy *d)
{
    mse_manifest_defaults(&d->manifest);
    enum cli_exit e = load_runtime(d);
    e = e == CLI_DONE ? make_manifest(d) : e;
    e = e == CLI_DONE ? measure(d) : e;
    return e == CLI_DONE ? make_package(d) : e;
}
