/* SPDX-License-Identifier: Apache-2.0 */
/* mse collateral serve: reads everything that the service needs, then loads the module that holds
 * it. SQLite and libmicrohttpd come with that module, so that no other command pays for them. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mse/attest.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/cli.h"
#include "cli/modules.h"
#include "cmd/files.h"
#include "cmd/listen.h"
#include "collateral/serve.h"

#define DEFAULT_LISTEN "127.0.0.1:8081"
#define DEFAULT_CONNS  1000
#define MAX_CONNS      100000
#define DEFAULT_HOURS  24
#define MAX_HOURS      720
#define HOUR           3600U
#define MAX_SMALL_FILE ((size_t)1024 * 1024)
#define MAX_IMPORT     ((size_t)16 * 1024 * 1024)
#define MAX_IMPORTS    1024
#define IMPORT_ENDING  ".json"

struct serving {
    const struct cli *c;
    struct mse_serve_config config;
    struct mse_fetch_config upstream;
    uint8_t root_point[64];
    char *database;
    uint16_t port;
    struct cli_file tls_chain;
    struct cli_file tls_key;
    struct cli_file api_key;
    size_t num_files;
    struct cli_file files[MAX_IMPORTS];
    struct mse_serve_import imports[MAX_IMPORTS];
    char *names[MAX_IMPORTS];
};

static enum cli_exit read_number(const struct cli *c, const char *name, unsigned *out, unsigned max)
{
    uint64_t n = 0;
    const char *text = cli_value(c, name);
    if (text == NULL) {
        return CLI_DONE;
    }
    if (!mse_u64_parse(&n, mse_bytes_str(text), max) || n == 0) {
        return cli_trouble(c, "--%s is %s, wanted 1 to %u", name, text, max);
    }
    *out = (unsigned)n;
    return CLI_DONE;
}

static enum cli_exit read_mode(struct serving *s)
{
    static const char *const words[] = { "lazy", "req", "offline" };
    const char *word = cli_has(s->c, "mode") ? cli_value(s->c, "mode") : words[0];
    for (size_t i = 0; i < MSE_ARRAY_LEN(words); i++) {
        if (strcmp(word, words[i]) == 0) {
            s->config.mode = (enum mse_serve_mode)i;
            return CLI_DONE;
        }
    }
    return cli_trouble(s->c, "--mode is %s, wanted lazy, req or offline", word);
}

static enum cli_exit read_root(struct serving *s)
{
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    s->config.root_point = mse_intel_root_point();
    if (!cli_has(s->c, "simulation-root")) {
        return CLI_DONE;
    }
    mse_status st = cli_file_read(&f, cli_value(s->c, "simulation-root"), MAX_SMALL_FILE, &err);
    if (st == MSE_OK) {
        st = mse_simulation_root_of_pem(s->root_point, cli_file_view(&f), &err);
    }
    cli_file_clear(&f);
    if (st != MSE_OK) {
        return cli_failed(s->c, st, &err);
    }
    s->config.root_point = s->root_point;
    mse_log(MSE_LOG_WARN, "serve", "serving collateral of a SIMULATED platform");
    return CLI_DONE;
}

/* A file with one line: the key. */
static enum cli_exit read_api_key(struct serving *s)
{
    struct mse_error err = { 0 };
    if (!cli_has(s->c, "pcs-key")) {
        return CLI_DONE;
    }
    mse_status st = cli_file_read(&s->api_key, cli_value(s->c, "pcs-key"), MAX_SMALL_FILE, &err);
    if (st != MSE_OK) {
        return cli_failed(s->c, st, &err);
    }
    size_t len = s->api_key.len;
    while (len > 0 && (s->api_key.data[len - 1] == '\n' || s->api_key.data[len - 1] == '\r')) {
        len--;
    }
    char *text = strndup((const char *)s->api_key.data, len);
    cli_file_clear(&s->api_key);
    if (text == NULL) {
        return cli_trouble(s->c, "out of memory");
    }
    s->api_key.data = (uint8_t *)text;
    s->api_key.len = len;
    s->upstream.api_key = text;
    return CLI_DONE;
}

static enum cli_exit read_upstreams(struct serving *s)
{
    struct mse_error err = { 0 };
    mse_fetch_config_default(&s->upstream);
    size_t num = cli_num_values(s->c, "pccs");
    if (num > MSE_FETCH_MAX_UPSTREAMS) {
        return cli_trouble(s->c, "--pccs is there %zu times, wanted at most %d", num,
                           MSE_FETCH_MAX_UPSTREAMS);
    }
    if (num > 0 && s->config.mode == MSE_SERVE_OFFLINE) {
        return cli_trouble(s->c, "--pccs makes no sense with --mode offline");
    }
    for (size_t i = 0; i < num || i == 0; i++) {
        const char *url = num == 0 ? MSE_PCS_URL : cli_value_at(s->c, "pccs", i);
        mse_status st = mse_upstream_parse(&s->upstream.upstreams[i], MSE_UPSTREAM_PCCS, url, &err);
        if (st != MSE_OK) {
            return cli_failed(s->c, st, &err);
        }
        s->upstream.num_upstreams = i + 1;
    }
    s->upstream.ca_file = cli_value(s->c, "pccs-ca");
    s->upstream.proxy = cli_value(s->c, "proxy");
    s->config.upstream = &s->upstream;
    return read_api_key(s);
}

static enum cli_exit read_tokens(struct serving *s)
{
    struct mse_error err = { 0 };
    struct cli_file f = { 0 };
    if (!cli_has(s->c, "tokens")) {
        return CLI_DONE;
    }
    mse_status st = cli_file_read(&f, cli_value(s->c, "tokens"), MAX_SMALL_FILE, &err);
    if (st == MSE_OK) {
        st = mse_serve_tokens_parse(&s->config, cli_file_view(&f), &err);
    }
    cli_file_clear(&f);
    return st == MSE_OK ? CLI_DONE : cli_failed(s->c, st, &err);
}

static enum cli_exit read_tls(struct serving *s)
{
    struct mse_error err = { 0 };
    bool cert = cli_has(s->c, "tls-cert");
    if (cert != cli_has(s->c, "tls-key")) {
        return cli_trouble(s->c, "--tls-cert and --tls-key belong together");
    }
    if (!cert) {
        return CLI_DONE;
    }
    mse_status st = cli_file_read(&s->tls_chain, cli_value(s->c, "tls-cert"), MAX_SMALL_FILE, &err);
    if (st == MSE_OK) {
        st = cli_file_read(&s->tls_key, cli_value(s->c, "tls-key"), MAX_SMALL_FILE, &err);
    }
    s->config.tls_chain = cli_file_view(&s->tls_chain);
    s->config.tls_key = cli_file_view(&s->tls_key);
    return st == MSE_OK ? CLI_DONE : cli_failed(s->c, st, &err);
}

/* Imports: files, and all of a folder that end in .json. Takes path over. */
static enum cli_exit add_import(struct serving *s, char *path)
{
    struct mse_error err = { 0 };
    if (path == NULL || s->num_files == MAX_IMPORTS) {
        free(path);
        return cli_trouble(s->c, "--import: more than %d files, or out of memory", MAX_IMPORTS);
    }
    size_t at = s->num_files;
    mse_status st = cli_file_read(&s->files[at], path, MAX_IMPORT, &err);
    if (st != MSE_OK) {
        free(path);
        return cli_failed(s->c, st, &err);
    }
    s->names[at] = path;
    s->imports[at].name = path;
    s->imports[at].content = cli_file_view(&s->files[at]);
    s->num_files++;
    return CLI_DONE;
}

static int is_import(const struct dirent *d)
{
    size_t len = strlen(d->d_name);
    size_t end = strlen(IMPORT_ENDING);
    return d->d_name[0] != '.' && len > end && strcmp(d->d_name + len - end, IMPORT_ENDING) == 0;
}

static enum cli_exit add_folder(struct serving *s, const char *dir)
{
    struct dirent **list = NULL;
    int num = scandir(dir, &list, is_import, alphasort);
    enum cli_exit e = CLI_DONE;
    if (num < 0) {
        return cli_trouble(s->c, "%s: %s", dir, strerror(errno));
    }
    for (int i = 0; i < num; i++) {
        if (e == CLI_DONE) {
            e = add_import(s, cli_join(dir, list[i]->d_name));
        }
        free(list[i]);
    }
    free(list);
    return e;
}

static enum cli_exit read_imports(struct serving *s)
{
    enum cli_exit e = CLI_DONE;
    for (size_t i = 0; e == CLI_DONE && i < cli_num_values(s->c, "import"); i++) {
        const char *path = cli_value_at(s->c, "import", i);
        struct stat st;
        bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
        e = folder ? add_folder(s, path) : add_import(s, strdup(path));
    }
    s->config.num_imports = s->num_files;
    s->config.imports = s->imports;
    return e;
}

static enum cli_exit read_database(struct serving *s)
{
    struct mse_error err = { 0 };
    const char *given = cli_value(s->c, "database");
    s->database = given != NULL ? strdup(given) : cli_conf_path("collateral.sqlite");
    if (s->database == NULL) {
        return cli_trouble(s->c, "no configuration folder: set MSE_CONF_PATH or HOME, or use "
                                 "--database");
    }
    s->config.database = s->database;
    mse_status st = given != NULL ? MSE_OK : cli_make_parents(s->database, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(s->c, st, &err);
}

static enum cli_exit open_socket(struct serving *s)
{
    char why[160];
    const char *where = cli_has(s->c, "listen") ? cli_value(s->c, "listen") : DEFAULT_LISTEN;
    if (!cli_listen(&s->config.listen_fd, &s->port, where, why, sizeof why)) {
        return cli_trouble(s->c, "--listen %s: %s", where, why);
    }
    return CLI_DONE;
}

static enum cli_exit read_all(struct serving *s)
{
    typedef enum cli_exit step_fn(struct serving * s);
    step_fn *const steps[] = { read_mode, read_root,    read_upstreams, read_tokens,
                               read_tls,  read_imports, read_database,  open_socket };
    unsigned hours = DEFAULT_HOURS;
    s->config.max_connections = DEFAULT_CONNS;
    enum cli_exit e = read_number(s->c, "max-connections", &s->config.max_connections, MAX_CONNS);
    if (e == CLI_DONE) {
        e = read_number(s->c, "refresh-hours", &hours, MAX_HOURS);
    }
    s->config.refresh_seconds = hours * HOUR;
    for (size_t i = 0; e == CLI_DONE && i < MSE_ARRAY_LEN(steps); i++) {
        e = steps[i](s);
    }
    return e;
}

/* Called by the module when it takes requests. */
static void on_ready(void *user)
{
    const struct serving *s = user;
    const char *scheme = s->config.tls_chain.len > 0 ? "https" : "http";
    const char *file = cli_value(s->c, "ready-file");
    char text[128];
    mse_log(MSE_LOG_INFO, "serve", "ready: %s, port %u", scheme, s->port);
    (void)snprintf(text, sizeof text, "{\"scheme\":\"%s\",\"port\":%u,\"pid\":%d}\n", scheme,
                   s->port, (int)getpid());
    if (file != NULL && cli_file_write(file, mse_bytes_str(text), 0644, NULL) != MSE_OK) {
        mse_log(MSE_LOG_ERROR, "serve", "the ready file %s could not be written", file);
    }
}

static enum cli_exit serve(struct serving *s)
{
    struct mse_error err = { 0 };
    sigset_t end;
    char why[MSE_ERROR_TEXT_LEN];
    mse_serve_run_fn run = NULL;
    if (!cli_module_find(&run, CLI_MODULE_SERVE, "mse_serve_run", why)) {
        (void)close(s->config.listen_fd);
        (void)cli_trouble(s->c, "%s", why);
        cli_hint(s->c, "it needs libsqlite3 and libmicrohttpd");
        return CLI_TROUBLE;
    }
    (void)sigemptyset(&end);
    (void)sigaddset(&end, SIGTERM);
    (void)sigaddset(&end, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &end, NULL);
    s->config.ready = on_ready;
    s->config.user = s;
    mse_status st = run(&s->config, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(s->c, st, &err);
}

static void serving_free(struct serving *s)
{
    for (size_t i = 0; i < s->num_files; i++) {
        cli_file_clear(&s->files[i]);
        free(s->names[i]);
    }
    cli_file_clear(&s->tls_chain);
    cli_file_clear(&s->tls_key);
    cli_file_clear(&s->api_key);
    free(s->database);
    free(s);
}

enum cli_exit cmd_collateral_serve(struct cli *c)
{
    struct serving *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return cli_trouble(c, "out of memory");
    }
    s->c = c;
    enum cli_exit e = read_all(s);
    if (e == CLI_DONE) {
        e = serve(s);
    }
    serving_free(s);
    return e;
}
