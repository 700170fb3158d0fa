/* SPDX-License-Identifier: Apache-2.0 */
/* msed api: reads everything that the API needs, then runs it. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cmd/files.h"
#include "cmd/listen.h"
#include "crypto/sign.h"
#include "operator/api_run.h"
#include "operator/msed.h"

#define MAX_FILE   ((size_t)1024 * 1024)
#define MAX_WEB    ((size_t)16 * 1024 * 1024)
#define MAX_GIVEN  ((size_t)16)
#define MAX_DOMAIN ((size_t)253 - 37) /* the longest label and its dot come before it */

struct serving {
    struct msed m;
    struct api_config config;
    struct cli_file chain;
    struct cli_file key;
    struct gate_files tls_files;
    struct cli_file root;
    char *root_text;
    struct cli_file given[MAX_GIVEN]; /* of [api] web */
    struct api_file files[MAX_GIVEN];
    uint16_t port;
};

static enum cli_exit read_file(const struct serving *s, struct cli_file *out, const char *path)
{
    struct mse_error err = { 0 };
    mse_status st = cli_file_read(out, path, MAX_FILE, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(s->m.c, st, &err);
}

static enum cli_exit read_tls(struct serving *s)
{
    const struct mse_op_config_api *a = &s->m.config.api;
    if (a->certificate == NULL) {
        return CLI_DONE;
    }
    enum cli_exit e = read_file(s, &s->chain, a->certificate);
    e = e == CLI_DONE ? read_file(s, &s->key, a->key) : e;
    if (e == CLI_DONE) {
        bool changed = false;
        gate_files_init(&s->tls_files, a->certificate, a->key);
        (void)!gate_files_read(&s->tls_files, &changed, NULL); /* that is how they are now */
        s->config.tls_files = &s->tls_files;
    }
    s->config.chain = cli_file_view(&s->chain);
    s->config.key = cli_file_view(&s->key);
    return e;
}

static enum cli_exit read_signer(struct serving *s)
{
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    struct mse_privkey *key = NULL;
    mse_status st = cli_file_read(&f, s->m.config.signer_key, MAX_FILE, &err);
    if (st == MSE_OK) {
        st = mse_privkey_from_pem(&key, cli_file_view(&f), &err);
    }
    if (st == MSE_OK) {
        st = msed_mrsigner(s->config.mrsigner, key, &err);
    }
    mse_privkey_free(key);
    cli_file_wipe(&f);
    return st == MSE_OK ? CLI_DONE : cli_failed(s->m.c, st, &err);
}

/* What the operator says of the simulated platform, if there is one. */
static enum cli_exit read_root(struct serving *s)
{
    const char *platform = s->m.config.node.platform;
    char *path = platform == NULL ? NULL : cli_join(platform, "root.pem");
    enum cli_exit e = CLI_DONE;
    if (path != NULL && cli_file_exists(path)) {
        e = read_file(s, &s->root, path);
    }
    if (e == CLI_DONE && s->root.len > 0) {
        s->root_text = strndup((const char *)s->root.data, s->root.len);
        s->config.simulation_root = s->root_text;
    }
    free(path);
    return e;
}

/* A name that can stand in an address as it is. */
static bool is_served(const char *name)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    size_t len = strlen(name);
    return name[0] != '.' && len < sizeof((struct api_file *)NULL)->name &&
           strspn(name, good) == len;
}

static enum cli_exit read_given(struct serving *s, const char *folder, const char *name)
{
    struct mse_error err = { 0 };
    size_t at = s->config.num_files;
    if (at >= MAX_GIVEN) {
        return cli_trouble(s->m.c, "%s: more than %zu files", folder, MAX_GIVEN);
    }
    char *path = cli_join(folder, name);
    mse_status st =
        path == NULL ? MSE_ERR_MEMORY : cli_file_read(&s->given[at], path, MAX_WEB, &err);
    free(path);
    if (st != MSE_OK) {
        return cli_failed(s->m.c, st, &err);
    }
    (void)snprintf(s->files[at].name, sizeof s->files[at].name, "%s", name);
    s->files[at].bytes = cli_file_view(&s->given[at]);
    s->config.num_files++;
    return CLI_DONE;
}

/* The appraisal in the browser, if it was installed: all regular names of the folder. */
static enum cli_exit read_web(struct serving *s)
{
    const char *folder = s->m.config.api.web;
    DIR *d = folder == NULL ? NULL : opendir(folder);
    enum cli_exit e = CLI_DONE;
    const struct dirent *entry = NULL;
    if (folder != NULL && d == NULL) {
        return cli_trouble(s->m.c, "%s: %s", folder, strerror(errno));
    }
    while (e == CLI_DONE && d != NULL &&
           (entry = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        if (is_served(entry->d_name) && entry->d_type != DT_DIR) {
            e = read_given(s, folder, entry->d_name);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    s->config.files = s->files;
    return e;
}

/* Without TLS tokens would be read on the way. */
static bool is_loopback(const char *listen)
{
    return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0;
}

static enum cli_exit open_socket(struct serving *s)
{
    char why[160];
    const struct cli *c = s->m.c;
    const char *where = cli_has(c, "listen") ? cli_value(c, "listen") : s->m.config.api.listen;
    if (s->chain.len == 0 && !is_loopback(where)) {
        (void)cli_trouble(c, "%s: without a certificate the API listens on loopback only", where);
        cli_hint(c, "certificate and key under [api] in %s",
                 cli_has(c, "config") ? cli_value(c, "config") : MSED_CONFIG);
        return CLI_TROUBLE;
    }
    if (!cli_listen(&s->config.listen_fd, &s->port, where, why, sizeof why)) {
        return cli_trouble(c, "%s: %s", where, why);
    }
    return CLI_DONE;
}

static enum cli_exit read_all(struct serving *s, const struct cli *c)
{
    typedef enum cli_exit step_fn(struct serving * s);
    static step_fn *const steps[] = { read_tls, read_signer, read_root, read_web, open_socket };
    enum cli_exit e = msed_configure(&s->m, c);
    const struct mse_op_config *conf = &s->m.config;
    if (e != CLI_DONE) {
        return e;
    }
    if (strlen(conf->domain) > MAX_DOMAIN || strlen(conf->dev_domain) > MAX_DOMAIN) {
        return cli_trouble(c, "domain and dev_domain may have %zu characters", MAX_DOMAIN);
    }
    s->config.conf = conf;
    s->config.public_port = (uint16_t)conf->api.public_port;
    if (s->config.public_port == 0 &&
        !mse_op_config_port(&s->config.public_port, conf->gateway.listen)) {
        s->config.public_port = 0;
    }
    for (size_t i = 0; e == CLI_DONE && i < MSE_ARRAY_LEN(steps); i++) {
        e = steps[i](s);
    }
    return e;
}

/* ADDRESS:PORT with the port that it became. */
static void on_ready(void *user)
{
    const struct serving *s = user;
    const struct cli *c = s->m.c;
    const char *where = cli_has(c, "listen") ? cli_value(c, "listen") : s->m.config.api.listen;
    const char *colon = strrchr(where, ':');
    cli_say(c, "msed: api listens on %s://%.*s:%u", s->chain.len > 0 ? "https" : "http",
            (int)(colon - where), where, s->port);
}

enum cli_exit cmd_api(struct cli *c)
{
    struct mse_error err = { 0 };
    sigset_t end;
    struct serving *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return cli_trouble(c, "out of memory");
    }
    enum cli_exit e = read_all(s, c);
    if (e == CLI_DONE) {
        (void)sigemptyset(&end);
        (void)sigaddset(&end, SIGTERM);
        (void)sigaddset(&end, SIGINT);
        (void)pthread_sigmask(SIG_BLOCK, &end, NULL);
        s->config.ready = on_ready;
        s->config.user = s;
        mse_status st = api_run(&s->config, &err);
        e = st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
    }
    msed_close(&s->m);
    if (s->config.tls_files != NULL) {
        gate_files_clear(&s->tls_files);
    }
    cli_file_clear(&s->chain);
    cli_file_wipe(&s->key);
    cli_file_clear(&s->root);
    for (size_t i = 0; i < s->config.num_files; i++) {
        cli_file_clear(&s->given[i]);
    }
    free(s->root_text);
    free(s);
    return e;
}
