/* SPDX-License-Identifier: Apache-2.0 */
/* mse proxy: reads what it needs, attests every app once, says so, and then loads the module that
 * serves. libuv comes with that module, so that no other command pays for it. */
#include <arpa/inet.h>
#include <pthread.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/util.h"
#include "cli/guard.h"
#include "cli/modules.h"
#include "cli/proxy_ca.h"
#include "cli/proxy_files.h"
#include "cli/target.h"
#include "cli/trust.h"
#include "cmd/listen.h"

#define DEFAULT_LISTEN   "127.0.0.1:8080"
#define DEFAULT_WARM     2U
#define MAX_WARM         16U
#define DEFAULT_CONNS    256U
#define MAX_CONNS        4096U
#define DEFAULT_REATTEST 60U /* minutes */
#define MAX_REATTEST     1440U
#define MINUTE_MS        60000U
#define PEM_MAX          ((size_t)32768)

struct proxying {
    struct cli *c;
    struct mse_proxy_config config;
    struct mse_proxy_app apps[MSE_PROXY_MAX_APPS];
    struct cli_guard guards[MSE_PROXY_MAX_APPS];
    struct cli_guard_report reports[MSE_PROXY_MAX_APPS];
    bool reached[MSE_PROXY_MAX_APPS];
    size_t num;
    pthread_mutex_t lock;
    bool has_context;
    struct cli_app context;
    struct cli_fingerprint fp;
    bool has_ca;
    struct cli_proxy_ca ca;
    struct mse_build leaves[MSE_PROXY_MAX_APPS];
    mse_time made[MSE_PROXY_MAX_APPS]; /* when these were */
    struct cli_proxy_files files;      /* that the rules come from */
    mse_time logs_due;                 /* when all logs are asked again */
    bool all_logs;                     /* this time */
    atomic_bool ends;                  /* then no log is asked any more */
};

/* ---- options ---- */

static bool read_number(const struct cli *c, const char *name, unsigned *out, unsigned least,
                        unsigned max)
{
    uint64_t n = 0;
    const char *text = cli_value(c, name);
    if (text == NULL) {
        return true;
    }
    if (!mse_u64_parse(&n, mse_bytes_str(text), max) || n < least) {
        (void)cli_trouble(c, "--%s is %s, wanted %u to %u", name, text, least, max);
        return false;
    }
    *out = (unsigned)n;
    return true;
}

static enum cli_exit read_numbers(struct proxying *p)
{
    struct mse_proxy_config *k = &p->config;
    unsigned minutes = DEFAULT_REATTEST;
    k->warm = DEFAULT_WARM;
    k->max_connections = DEFAULT_CONNS;
    bool ok = read_number(p->c, "warm", &k->warm, 0, MAX_WARM) &&
              read_number(p->c, "max-connections", &k->max_connections, 1, MAX_CONNS) &&
              read_number(p->c, "reattest", &minutes, 1, MAX_REATTEST);
    k->reattest_ms = minutes * MINUTE_MS;
    return ok ? CLI_DONE : CLI_TROUBLE;
}

static enum cli_exit check_usage(struct proxying *p)
{
    const struct cli *c = p->c;
    bool context = cli_has(c, "context");
    if (context != cli_has(c, "code")) {
        return cli_trouble(c, "--%s needs --%s", context ? "context" : "code",
                           context ? "code" : "context");
    }
    if (context && cli_has(c, "fingerprint")) {
        return cli_trouble(c, "--fingerprint and --context exclude each other");
    }
    if (c->num_args > MSE_PROXY_MAX_APPS) {
        return cli_trouble(c, "%zu apps are named, wanted at most %d", c->num_args,
                           MSE_PROXY_MAX_APPS);
    }
    if (c->num_args != 1 && (context || cli_has(c, "fingerprint"))) {
        (void)cli_trouble(c, "--%s is for one app that is named, and %zu are",
                          context ? "context" : "fingerprint", c->num_args);
        cli_hint(c, "several are told apart by --policy with their reference values, or by their "
                    "signers (--signer, operators.toml)");
        return CLI_TROUBLE;
    }
    return read_numbers(p);
}

/* http://NAME is an app whatever its port: of two that share a name one would get what is meant for
 * the other. */
static enum cli_exit one_name(const struct proxying *p, const struct cli_guard *g, uint16_t before)
{
    if (g->port == before) {
        return cli_trouble(p->c, "%s:%u is named twice", g->domain, g->port);
    }
    (void)cli_trouble(p->c, "%s:%u and %s:%u have one name: http://%s could be either", g->domain,
                      before, g->domain, g->port, g->domain);
    cli_hint(p->c, "start a proxy for each of them: mse proxy %s:%u, mse proxy %s:%u", g->domain,
             before, g->domain, g->port);
    return CLI_TROUBLE;
}

static enum cli_exit add_app(struct proxying *p, const char *text)
{
    struct cli_guard *g = &p->guards[p->num];
    *g = (struct cli_guard) { .c = p->c, .lock = &p->lock, .ends = &p->ends };
    if (!cli_split_host(g->domain, sizeof g->domain, &g->port, text, 443)) {
        (void)cli_trouble(p->c, "%s is no DOMAIN[:PORT]", text);
        cli_hint(p->c,
                 "for instance app.example.org or app.example.org:8443: no https://, no path");
        return CLI_TROUBLE;
    }
    for (size_t i = 0; i < p->num; i++) {
        if (strcmp(p->guards[i].domain, g->domain) == 0) {
            return one_name(p, g, p->guards[i].port);
        }
    }
    p->num++;
    return cli_timeout(&g->timeout_ms, p->c) ? CLI_DONE : CLI_TROUBLE;
}

/* All that the user has verified before. */
static enum cli_exit find_trusted(struct proxying *p)
{
    struct mse_trust store = { .num = 0 };
    struct mse_error err = { 0 };
    mse_status st = mse_trust_load(&store, &err);
    enum cli_exit e = st == MSE_OK ? CLI_DONE : cli_failed(p->c, st, &err);
    if (e == CLI_DONE && (store.num == 0 || store.num > MSE_PROXY_MAX_APPS)) {
        e = cli_trouble(p->c,
                        "which app? No DOMAIN is named, and the store of trusted apps has %zu",
                        store.num);
        cli_hint(p->c, "mse proxy DOMAIN[:PORT]; mse trust add puts an app into the store");
    }
    for (size_t i = 0; e == CLI_DONE && i < store.num; i++) {
        char name[300];
        (void)snprintf(name, sizeof name, "%s:%u", store.apps[i].domain,
                       (unsigned)store.apps[i].port);
        e = add_app(p, name);
    }
    mse_trust_clear(&store);
    return e;
}

static enum cli_exit find_apps(struct proxying *p)
{
    enum cli_exit e = p->c->num_args == 0 ? find_trusted(p) : CLI_DONE;
    for (size_t i = 0; e == CLI_DONE && i < p->c->num_args; i++) {
        e = add_app(p, p->c->args[i]);
    }
    return e;
}

/* The fingerprint out of a context and the code. */
static enum cli_exit recompute(struct proxying *p)
{
    struct mse_error err = { 0 };
    if (!cli_has(p->c, "context")) {
        return CLI_DONE;
    }
    mse_status st = cli_app_load(&p->context, cli_value(p->c, "context"), &err);
    if (st != MSE_OK) {
        return cli_failed(p->c, st, &err);
    }
    p->has_context = true;
    st = cli_fingerprint_make(&p->fp, p->c, &p->context, cli_value(p->c, "code"), &err);
    if (st != MSE_OK) {
        (void)cli_failed(p->c, st, &err);
        return st == MSE_ERR_MANIFEST_MISMATCH ? CLI_REFUSED : CLI_TROUBLE;
    }
    p->guards[0].context = &p->context;
    p->guards[0].fingerprint = p->fp.value;
    return CLI_DONE;
}

/* ---- listening ---- */

/* What is no address is left to cli_listen, which says what is wrong with it. */
static bool is_loopback(const char *where)
{
    char host[64];
    struct in_addr v4;
    struct in6_addr v6;
    const char *colon = strrchr(where, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - where);
    if (len > 2 && where[0] == '[') {
        where++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof host) {
        return true;
    }
    memcpy(host, where, len);
    host[len] = '\0';
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, host, &v6) != 1 || IN6_IS_ADDR_LOOPBACK(&v6);
}

static enum cli_exit open_socket(struct proxying *p)
{
    char why[160];
    const char *where = cli_has(p->c, "listen") ? cli_value(p->c, "listen") : DEFAULT_LISTEN;
    p->config.any_address = !is_loopback(where);
    if (p->config.any_address && !cli_has(p->c, "insecure-listen")) {
        (void)cli_trouble(p->c, "--listen %s is not this machine's loopback (127.0.0.1, [::1])",
                          where);
        cli_hint(p->c, "whoever reaches the proxy uses it as you do, and what goes to it is not "
                       "encrypted; --insecure-listen allows that");
        return CLI_TROUBLE;
    }
    if (!cli_listen(&p->config.listen_fd, &p->config.port, where, why, sizeof why)) {
        p->config.listen_fd = -1;
        (void)cli_trouble(p->c, "--listen %s: %s", where, why);
        cli_hint(p->c, "--listen 127.0.0.1:PORT takes another port, 127.0.0.1:0 any that is free");
        return CLI_TROUBLE;
    }
    return CLI_DONE;
}

/* ---- rules that change ---- */

/* Called once a second, and not while the rules are read: only looks. */
static bool on_stale(void *user)
{
    struct proxying *p = user;
    return cli_proxy_files_changed(&p->files);
}

/* All of them, or none. */
static bool on_reload(void *user)
{
    struct proxying *p = user;
    struct cli_rules *fresh[MSE_PROXY_MAX_APPS] = { NULL };
    bool ok = true;
    cli_proxy_files_name_theirs(&p->files, p->guards, p->num);
    for (size_t i = 0; ok && i < p->num; i++) {
        ok = cli_guard_read(&fresh[i], &p->guards[i]) == CLI_DONE;
    }
    for (size_t i = 0; i < p->num; i++) {
        if (ok) {
            cli_guard_succeed(&p->guards[i], fresh[i]);
        } else {
            cli_guard_release(&p->guards[i], fresh[i]);
        }
    }
    if (!ok) {
        mse_log(MSE_LOG_ERROR, "proxy", "a changed file is not usable: the rules of before go on");
    }
    return ok;
}

/* Called once a second, and not while logs are asked. As often as apps are attested again, and for
 * who is new; a clock that was put back delays nothing. */
static bool on_due(void *user)
{
    struct proxying *p = user;
    mse_time now = (mse_time)time(NULL);
    mse_time round = p->config.reattest_ms / 1000;
    p->all_logs = now >= p->logs_due || p->logs_due - now > round;
    bool ask = p->all_logs;
    for (size_t i = 0; i < p->num; i++) {
        ask = atomic_load(&p->guards[i].ask_logs) || ask;
    }
    if (p->all_logs) {
        p->logs_due = now + round;
    }
    return ask;
}

/* What was judged by a proof that does not hold any more is not used. */
static bool on_ask(void *user)
{
    struct proxying *p = user;
    bool other = false;
    for (size_t i = 0; i < p->num; i++) {
        if (p->all_logs || atomic_load(&p->guards[i].ask_logs)) {
            other = cli_guard_ask_logs(&p->guards[i]) || other;
        }
    }
    return other;
}

static void on_stop(void *user)
{
    struct proxying *p = user;
    atomic_store(&p->ends, true);
}

static mse_status on_open(void *user, struct mse_proxy_link *out, size_t app, const char *alpn,
                          struct mse_error *err)
{
    struct proxying *p = user;
    return cli_guard_open(&p->guards[app], out, NULL, alpn, err);
}

/* ---- the local CA ---- */

static bool make_leaf(struct proxying *p, size_t app, struct mse_error *err)
{
    struct mse_build pem;
    mse_build_heap(&pem, PEM_MAX);
    if (cli_proxy_ca_leaf(&pem, &p->ca, p->guards[app].domain, err) != MSE_OK) {
        mse_build_clear(&pem);
        return false;
    }
    mse_build_clear(&p->leaves[app]);
    p->leaves[app] = pem;
    p->made[app] = (mse_time)time(NULL);
    p->apps[app].leaf_chain = mse_build_view(&p->leaves[app]);
    p->apps[app].leaf_key = mse_privkey_evp_borrow(p->ca.leaf_key);
    return true;
}

static bool on_renew(void *user, size_t app)
{
    struct proxying *p = user;
    struct mse_error err = { 0 };
    bool due = (mse_time)time(NULL) - p->made[app] >= CLI_PROXY_LEAF_SECONDS / 2;
    return p->has_ca && due && make_leaf(p, app, &err);
}

static enum cli_exit open_ca(struct proxying *p)
{
    const char *names[MSE_PROXY_MAX_APPS];
    struct mse_error err = { 0 };
    bool anew = cli_has(p->c, "new-local-ca");
    if (!cli_has(p->c, "local-ca") && !anew) {
        return CLI_DONE;
    }
    for (size_t i = 0; i < p->num; i++) {
        names[i] = p->guards[i].domain;
    }
    p->has_ca = true;
    enum cli_exit e = cli_proxy_ca_open(&p->ca, p->c, names, p->num, anew);
    for (size_t i = 0; e == CLI_DONE && i < p->num; i++) {
        e = make_leaf(p, i, &err) ? CLI_DONE : cli_failed(p->c, err.status, &err);
    }
    return e;
}

/* ---- the first judgement ---- */

static bool is_trouble(mse_status st)
{
    return st == MSE_ERR_NOT_FOUND || st == MSE_ERR_IO || st == MSE_ERR_TIMEOUT ||
           st == MSE_ERR_PROTOCOL || st == MSE_ERR_BUSY || st == MSE_ERR_MEMORY;
}

static enum cli_exit attest_one(struct proxying *p, size_t i)
{
    struct mse_error err = { 0 };
    struct cli_guard *g = &p->guards[i];
    struct cli_rules *rules = NULL;
    enum cli_exit e = cli_guard_read(&rules, g);
    if (e != CLI_DONE) {
        return e;
    }
    cli_guard_set(g, rules);
    mse_status st =
        cli_guard_open(g, &p->apps[i].first, &p->reports[i], MSE_SESSION_ALPN_HTTP11, &err);
    if (atomic_load(&g->ask_logs)) {
        err = (struct mse_error) { .status = MSE_OK };
        (void)!cli_guard_ask_logs(g);
        st = cli_guard_open(g, &p->apps[i].first, &p->reports[i], MSE_SESSION_ALPN_HTTP11, &err);
    }
    p->reached[i] = st == MSE_OK;
    if (st == MSE_OK) {
        return CLI_DONE;
    }
    bool trouble = is_trouble(st);
    cli_error(p->c, "%s:%u %s: %s", g->domain, g->port,
              trouble ? "cannot be reached" : "is refused",
              err.text[0] != '\0' ? err.text : mse_status_text(st));
    if (st == MSE_ERR_NOTHING_IDENTIFIES) {
        cli_hint(p->c, "say which app you expect: --fingerprint, --context with --code, --signer, "
                       "or a policy with reference values");
    } else if (trouble) {
        cli_hint(p->c, "is it running? DOMAIN:PORT names another port than 443");
    } else {
        cli_hint(p->c, "mse cloud verify %s:%u with the same options says more", g->domain,
                 g->port);
    }
    return trouble ? CLI_TROUBLE : CLI_REFUSED;
}

/* One app has to be what it should be; of several one does, the others are tried when they are
 * asked for. */
static enum cli_exit attest_all(struct proxying *p)
{
    enum cli_exit worst = CLI_DONE;
    size_t reached = 0;
    cli_proxy_files_name_theirs(&p->files, p->guards, p->num);
    p->logs_due = (mse_time)time(NULL) + p->config.reattest_ms / 1000;
    for (size_t i = 0; i < p->num; i++) {
        enum cli_exit e = attest_one(p, i);
        if (e != CLI_DONE && p->guards[i].rules == NULL) {
            return e; /* options or files are wrong */
        }
        reached += p->reached[i] ? 1 : 0;
        worst = e > worst ? e : worst;
    }
    return reached > 0 ? CLI_DONE : worst;
}

/* ---- saying so ---- */

static void url_of(char out[64], const struct proxying *p)
{
    (void)snprintf(out, 64, "http://localhost:%u", p->config.port);
}

static json_t *describe(const struct proxying *p)
{
    char url[64];
    json_t *o = json_object();
    json_t *apps = json_array();
    url_of(url, p);
    (void)json_object_set_new(o, "url", json_string(url));
    (void)json_object_set_new(o, "port", json_integer(p->config.port));
    (void)json_object_set_new(o, "pid", json_integer(getpid()));
    if (p->has_ca) {
        (void)json_object_set_new(o, "local_ca", json_string(p->ca.path));
    }
    for (size_t i = 0; i < p->num; i++) {
        const struct cli_guard_report *r = &p->reports[i];
        char hex[65];
        json_t *a = json_object();
        mse_hex_encode(hex, mse_bytes_of(r->fingerprint, 32));
        (void)json_object_set_new(a, "domain", json_string(p->guards[i].domain));
        (void)json_object_set_new(a, "port", json_integer(p->guards[i].port));
        (void)json_object_set_new(a, "attested", json_boolean(p->reached[i]));
        if (p->reached[i]) {
            (void)json_object_set_new(a, "level", json_integer(r->level));
            (void)json_object_set_new(a, "fingerprint", json_string(hex));
            (void)json_object_set_new(a, "simulated", json_boolean(r->simulated));
            (void)json_object_set_new(a, "logged", json_boolean(r->logged));
        }
        (void)json_array_append_new(apps, a);
    }
    (void)json_object_set_new(o, "apps", apps);
    return o;
}

static void say_app(const struct proxying *p, size_t i, const char *url)
{
    const struct cli_guard *g = &p->guards[i];
    const struct cli_guard_report *r = &p->reports[i];
    char hex[65];
    char where[320];
    mse_hex_encode(hex, mse_bytes_of(r->fingerprint, 32));
    if (p->num == 1) {
        (void)snprintf(where, sizeof where, "%s", url);
    } else if (g->port == 443) {
        (void)snprintf(where, sizeof where, "http://%s (with http_proxy=%s)", g->domain, url);
    } else {
        (void)snprintf(where, sizeof where, "http://%s:%u (with http_proxy=%s)", g->domain, g->port,
                       url);
    }
    if (!p->reached[i]) {
        cli_say(p->c, "proxy: %s is not attested yet: it is tried again when it is asked for",
                where);
        return;
    }
    cli_say(p->c, "proxy: %s is %s:%u, level %u, fingerprint %s%s%s", where, g->domain, g->port,
            r->level, hex, r->logged ? ", in the log" : "",
            r->simulated ? " (SIMULATED: this is NOT hardware)" : "");
}

static void say_ca(const struct proxying *p)
{
    char until[MSE_TIME_TEXT_LEN];
    const struct cli *c = p->c;
    if (!p->has_ca) {
        return;
    }
    mse_time_format(until, p->ca.not_after);
    cli_say(c, "proxy: https:// too, by CONNECT: its CA is %s, for these apps only, until %s",
            p->ca.path, until);
    cli_say(c, "  curl:     curl --proxy http://localhost:%u --cacert %s https://%s:%u/",
            p->config.port, p->ca.path, p->guards[0].domain, p->guards[0].port);
    cli_say(c, "  Chromium: certutil -d sql:$HOME/.pki/nssdb -A -n 'mse proxy' -t C,, -i %s",
            p->ca.path);
    cli_say(c, "  Firefox:  Settings, Certificates, Import: %s, for websites", p->ca.path);
}

/* Called by the module when requests are taken. */
static void on_ready(void *user)
{
    const struct proxying *p = user;
    const char *file = cli_value(p->c, "ready-file");
    char url[64];
    json_t *o = describe(p);
    url_of(url, p);
    for (size_t i = 0; i < p->num; i++) {
        say_app(p, i, url);
    }
    say_ca(p);
    if (p->c->json) {
        cli_json(p->c, json_incref(o));
    }
    (void)cli_flush();
    char *text = file == NULL ? NULL : json_dumps(o, JSON_COMPACT);
    if (file != NULL &&
        (text == NULL || cli_file_write(file, mse_bytes_str(text), 0644, NULL) != MSE_OK)) {
        mse_log(MSE_LOG_ERROR, "proxy", "the ready file %s could not be written", file);
    }
    free(text);
    json_decref(o);
}

/* ---- all of it ---- */

static enum cli_exit serve(struct proxying *p)
{
    struct mse_error err = { 0 };
    struct mse_proxy_config *k = &p->config;
    char why[MSE_ERROR_TEXT_LEN];
    mse_proxy_run_fn run = NULL;
    if (!cli_module_find(&run, CLI_MODULE_PROXY, "mse_proxy_run", why)) {
        (void)cli_trouble(p->c, "%s", why);
        cli_hint(p->c, "it needs libuv");
        return CLI_TROUBLE;
    }
    for (size_t i = 0; i < p->num; i++) {
        p->apps[i].domain = p->guards[i].domain;
        p->apps[i].port = p->guards[i].port;
    }
    k->num_apps = p->num;
    k->apps = p->apps;
    k->home = p->num == 1 ? 0 : SIZE_MAX;
    k->open = on_open;
    k->stale = on_stale;
    k->reload = on_reload;
    k->due = on_due;
    k->ask = on_ask;
    k->stop = on_stop;
    k->renew = on_renew;
    k->ready = on_ready;
    k->user = p;
    mse_status st = run(k, &err);
    k->listen_fd = -1;
    return st == MSE_OK ? CLI_DONE : cli_failed(p->c, st, &err);
}

static enum cli_exit run_all(struct proxying *p)
{
    typedef enum cli_exit step_fn(struct proxying * p);
    step_fn *const steps[] = { check_usage, find_apps,  recompute, open_socket,
                               open_ca,     attest_all, serve };
    enum cli_exit e = CLI_DONE;
    cli_proxy_files_name(&p->files, p->c);
    for (size_t i = 0; e == CLI_DONE && i < MSE_ARRAY_LEN(steps); i++) {
        e = steps[i](p);
    }
    return e;
}

static void proxying_free(struct proxying *p)
{
    for (size_t i = 0; i < p->num; i++) {
        mse_ratls_conn_free(p->apps[i].first.conn);
        cli_guard_clear(&p->guards[i]);
        mse_build_clear(&p->leaves[i]);
    }
    cli_proxy_files_clear(&p->files);
    if (p->config.listen_fd >= 0) {
        (void)close(p->config.listen_fd);
    }
    if (p->has_context) {
        cli_app_clear(&p->context);
    }
    cli_proxy_ca_clear(&p->ca);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

enum cli_exit cmd_proxy(struct cli *c)
{
    struct proxying *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return cli_trouble(c, "out of memory");
    }
    p->c = c;
    p->config.listen_fd = -1;
    (void)pthread_mutex_init(&p->lock, NULL);
    enum cli_exit e = run_all(p);
    proxying_free(p);
    return e;
}
