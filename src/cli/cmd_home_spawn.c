/* SPDX-License-Identifier: Apache-2.0 */
/* mse home spawn: from a package to an enclave in the background, and its evidence. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/app.h"
#include "cli/home.h"
#include "cli/home_heir.h"
#include "cli/home_replica.h"
#include "cli/home_tee.h"
#include "crypto/digest.h"
#include "launch/launcher.h"
#include "os/private_dir.h"
#include "package/manifest.h"
#include "package/parcel.h"
#include "package/rules.h"

#define DAY ((mse_time)86400)

struct spawn {
    struct home h;
    struct mse_parcel package;
    bool own_token; /* the provider left the token of phase 1 to us */
    int package_fd;
    int listen_fd;
    json_t *tee; /* of home_tee_choose */
    char *runtime;
    char token[66]; /* hexadecimal, and a line end; empty: none of ours */
    struct mse_manifest manifest;
    struct home leader; /* with --replica-of: whose replica it is to be */
    bool made;          /* the folder is ours */
};

static enum cli_exit need_options(const struct cli *c)
{
    bool prepare = cli_has(c, "prepare");
    if (!cli_has(c, "package") || (!prepare && !cli_has(c, "output"))) {
        return cli_trouble(c, "--%s is missing",
                           cli_has(c, "package") ? "output DIR" : "package F");
    }
    if (prepare && cli_has(c, "output")) {
        return cli_trouble(c, "--output with --prepare: what does not run yet gives no evidence");
    }
    if (cli_has(c, "san") && !mse_rule_host(cli_value(c, "san"))) {
        return cli_trouble(c, "--san is %s, wanted a host name in lower case", cli_value(c, "san"));
    }
    return CLI_DONE;
}

static enum cli_exit number(uint64_t *out, const struct cli *c, const char *option, uint64_t least,
                            uint64_t most)
{
    const char *text = cli_value(c, option);
    if (text != NULL && (!mse_u64_parse(out, mse_bytes_str(text), most) || *out < least)) {
        return cli_trouble(c, "--%s is %s, wanted %llu to %llu", option, text,
                           (unsigned long long)least, (unsigned long long)most);
    }
    return CLI_DONE;
}

/* The token of phase 1, if the provider left it to us. */
static mse_status make_token(struct spawn *s)
{
    uint8_t raw[32];
    if (!s->own_token) {
        return MSE_OK;
    }
    mse_status st = mse_random(raw, sizeof raw);
    st = st == MSE_OK ? mse_sha256(s->manifest.config_token_sha256, mse_bytes_of(raw, 32)) : st;
    if (st == MSE_OK) {
        mse_hex_encode(s->token, mse_bytes_of(raw, 32));
        s->token[64] = '\n';
        s->token[65] = '\0';
    }
    mse_wipe(raw, sizeof raw);
    return st;
}

/* The public name: the operator's choice, or that of the owner's certificate. */
static enum cli_exit choose_name(struct spawn *s)
{
    const struct cli *c = s->h.c;
    struct mse_manifest *m = &s->manifest;
    const char *san = cli_value(c, "san");
    if (m->san == NULL && san == NULL) {
        return cli_trouble(c, "--san NAME is missing");
    }
    if (m->san != NULL && san != NULL && strcmp(san, m->san) != 0) {
        return cli_trouble(c, "--san is %s, and the certificate in the package is for %s", san,
                           m->san);
    }
    m->san = m->san == NULL ? strdup(san) : m->san;
    return m->san != NULL ? CLI_DONE : cli_trouble(c, "out of memory");
}

/* Until when it lives; not longer than the owner's certificate, whose end is the default. */
static enum cli_exit choose_dates(struct spawn *s, uint64_t days)
{
    const struct cli *c = s->h.c;
    struct mse_manifest *m = &s->manifest;
    struct mse_error err = { 0 };
    m->created_at = (mse_time)time(NULL);
    m->expires_at = m->created_at + (mse_time)days * DAY;
    if (s->package.ssl_chain == NULL) {
        return CLI_DONE;
    }
    if (cli_has(c, "days")) {
        mse_status st = home_check_expiry(m, &s->package, &err);
        if (st != MSE_OK) {
            (void)cli_trouble(c, "--days is %s: %s", cli_value(c, "days"), err.text);
            return CLI_TROUBLE;
        }
        return CLI_DONE;
    }
    mse_status st = home_chain_end(&m->expires_at, &s->package, &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    return m->expires_at > m->created_at
               ? CLI_DONE
               : cli_trouble(c, "the certificate in the package has expired");
}

/* The description with the operator's choice in it. */
static enum cli_exit make_manifest(struct spawn *s)
{
    const struct cli *c = s->h.c;
    struct mse_error err = { 0 };
    struct mse_manifest *m = &s->manifest;
    uint64_t days = 365;
    uint64_t size = 1024;
    enum cli_exit e = number(&days, c, "days", 1, 3650);
    e = e == CLI_DONE ? number(&size, c, "size", 16, (uint64_t)1 << 20) : e;
    if (e != CLI_DONE) {
        return e;
    }
    if ((size & (size - 1)) != 0) {
        return cli_trouble(c, "--size is %s, wanted a power of two (MB)", cli_value(c, "size"));
    }
    mse_status st = home_manifest_fill(m, &s->own_token, &s->package, &err);
    if (st == MSE_OK) {
        st = mse_random_uuid(m->app_id) == MSE_OK &&
                     asprintf(&m->config_domain_name, "%s.mse.localhost", m->app_id) > 0
                 ? make_token(s)
                 : MSE_ERR_MEMORY;
    }
    m->enclave_size = size << 20;
    e = st == MSE_OK ? choose_name(s) : cli_failed(c, st, &err);
    return e == CLI_DONE ? choose_dates(s, days) : e;
}

/* Where it listens, on which platform, how long: the facts that belong to this instance alone. */
static enum cli_exit own_facts(struct spawn *s)
{
    const struct cli *c = s->h.c;
    uint64_t port = 443;
    uint64_t guard = 0;
    uint16_t bound = 0;
    enum cli_exit e = number(&port, c, "port", 0, UINT16_MAX);
    e = e == CLI_DONE ? number(&guard, c, "while", 1, INT32_MAX) : e;
    if (e != CLI_DONE) {
        return e;
    }
    json_t *own =
        json_pack("{s:s, s:i, s:b, s:I}", "host",
                  cli_has(c, "host") ? cli_value(c, "host") : "0.0.0.0", "port", (int)port,
                  "sandbox", cli_has(c, "insecure-no-sandbox") ? 0 : 1, "while", (json_int_t)guard);
    bool good = own != NULL && json_object_update(s->h.facts, own) == 0 &&
                json_object_update(s->h.facts, s->tee) == 0;
    json_decref(own);
    if (!good) {
        return cli_trouble(c, "out of memory");
    }
    e = home_heir_choose(&s->h);
    if (e != CLI_DONE) {
        return e;
    }
    e = home_listen(&s->h, &s->listen_fd, &bound, 0);
    if (e != CLI_DONE) {
        cli_hint(c, "--port N takes another port, --port 0 any free one");
    }
    (void)json_object_set_new(s->h.facts, "port", json_integer(bound));
    return e;
}

static enum cli_exit make_facts(struct spawn *s)
{
    const struct cli *c = s->h.c;
    const struct mse_manifest *m = &s->manifest;
    char created[MSE_TIME_TEXT_LEN];
    char expires[MSE_TIME_TEXT_LEN];
    mse_time_format(created, m->created_at);
    mse_time_format(expires, m->expires_at);
    s->h.facts = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s}", "name", s->h.name, "app",
        m->name, "app_id", m->app_id, "san", m->san, "config_domain_name", m->config_domain_name,
        "size", (json_int_t)m->enclave_size, "created_at", created, "expires_at", expires,
        "healthcheck_endpoint", m->healthcheck_endpoint, "package",
        m->package == MSE_PACKAGE_ENCRYPTED ? "encrypted" : "plain", "runtime", s->runtime,
        "ssl_certificate_origin", m->origin == MSE_ORIGIN_OWNER ? "owner" : "self");
    return s->h.facts == NULL ? cli_trouble(c, "out of memory") : own_facts(s);
}

static mse_status copy_package(const struct spawn *s, struct mse_error *err)
{
    char *path = home_path(&s->h, HOME_PACKAGE);
    int to = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    mse_status st = to >= 0 ? mse_parcel_code(&s->package, s->package_fd, to, err)
                            : MSE_FAIL(err, MSE_ERR_IO, "package", "%s", strerror(errno));
    if (st == MSE_OK && fsync(to) != 0) {
        st = MSE_FAIL(err, MSE_ERR_IO, "package", "%s", strerror(errno));
    }
    if (to >= 0) {
        (void)close(to);
    }
    free(path);
    return st;
}

static enum cli_exit own_folder(struct spawn *s)
{
    struct mse_error err = { 0 };
    mse_status st = cli_make_parents(s->h.dir, &err);
    if (st == MSE_OK && mkdir(s->h.dir, 0700) != 0) {
        bool taken = errno == EEXIST;
        (void)cli_trouble(s->h.c, "%s: %s", taken ? s->h.name : s->h.dir,
                          taken ? "there is an instance of this name" : strerror(errno));
        cli_hint(s->h.c,
                 "mse home list shows the instances, mse home stop %s --remove takes it away",
                 s->h.name);
        return CLI_TROUBLE;
    }
    s->made = st == MSE_OK;
    return st == MSE_OK ? CLI_DONE : cli_failed(s->h.c, st, &err);
}

static enum cli_exit make_folder(struct spawn *s)
{
    struct mse_error err = { 0 };
    struct mse_build text;
    enum cli_exit e = own_folder(s);
    if (e != CLI_DONE) {
        return e;
    }
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    mse_status st = mse_manifest_write(&text, &s->manifest, &err);
    st = st == MSE_OK ? home_write(&s->h, HOME_MANIFEST, mse_build_view(&text), &err) : st;
    st = st == MSE_OK ? copy_package(s, &err) : st;
    if (st == MSE_OK && s->token[0] != '\0') {
        st = home_write(&s->h, HOME_TOKEN, mse_bytes_str(s->token), &err);
    }
    if (st == MSE_OK && s->package.ssl_chain != NULL) {
        st = home_write(&s->h, HOME_CHAIN, mse_bytes_str(s->package.ssl_chain), &err);
    }
    if (st == MSE_OK && s->package.client_ca != NULL) {
        st = home_write(&s->h, HOME_CLIENTS, mse_bytes_str(s->package.client_ca), &err);
    }
    mse_build_clear(&text);
    return st == MSE_OK ? CLI_DONE : cli_failed(s->h.c, st, &err);
}

static enum cli_exit launch(struct spawn *s)
{
    struct mse_error err = { 0 };
    uint64_t timeout = 60;
    enum cli_exit e = number(&timeout, s->h.c, "timeout", 1, 86400);
    const struct home_start start = { .listen_fd = s->listen_fd, .timeout_s = (unsigned)timeout };
    e = e == CLI_DONE ? home_launch(&s->h, &start) : e;
    if (e != CLI_DONE) {
        return e;
    }
    mse_status st = home_save_facts(&s->h, &err);
    e = st == MSE_OK ? home_evidence(&s->h, cli_value(s->h.c, "output"))
                     : cli_failed(s->h.c, st, &err);
    if (e != CLI_DONE) {
        (void)home_stop(&s->h);
    }
    return e;
}

/* Everything but the start: whoever decides which app may follow which one has to know the
 * fingerprint before. */
static mse_status prepare(struct spawn *s, struct mse_error *err)
{
    struct mse_build text;
    struct mse_instance i = { .dir = s->h.dir };
    const struct mse_launcher *launcher = NULL;
    char hex[MSE_LAUNCH_FINGERPRINT_LEN] = "";
    mse_instance_set(&i, s->h.facts);
    mse_build_heap(&text, MSE_MANIFEST_MAX_LEN);
    mse_status st = mse_manifest_write(&text, &s->manifest, err);
    st = st == MSE_OK ? mse_launcher_find(&launcher, i.tee, err) : st;
    st = st == MSE_OK ? launcher->measure(hex, &i, mse_build_view(&text), err) : st;
    if (st == MSE_OK) {
        (void)json_object_set_new(s->h.facts, "fingerprint", json_string(hex));
        st = home_save_facts(&s->h, err);
    }
    st = st == MSE_OK
             ? home_write(&s->h, MSE_INSTANCE_END, mse_bytes_str("{\"state\":\"prepared\"}"), err)
             : st;
    mse_build_clear(&text);
    return st;
}

static void say_prepared(const struct spawn *s)
{
    const struct cli *c = s->h.c;
    if (c->json) {
        json_t *v = json_copy(s->h.facts);
        (void)json_object_set_new(v, "state", json_string("prepared"));
        cli_json(c, v);
        return;
    }
    cli_say(c, "%s is prepared, until %s; nothing of it runs", s->h.name,
            home_fact(&s->h, "expires_at"));
    cli_say(c, "Fingerprint: %s", home_fact(&s->h, "fingerprint"));
    cli_say(c, "Signer: %s", home_fact(&s->h, "signer"));
    cli_say(c, "mse home restart %s starts it", s->h.name);
}

static void say_done(const struct spawn *s)
{
    const struct cli *c = s->h.c;
    const char *out = cli_value(c, "output");
    long long port = json_integer_value(json_object_get(s->h.facts, "port"));
    if (c->json) {
        json_t *v = json_copy(s->h.facts);
        json_t *state = home_state(&s->h);
        (void)json_object_set_new(v, "state", json_string(mse_instance_state_word(state)));
        (void)json_object_set_new(v, "evidence", json_sprintf("%s/evidence.json", out));
        (void)json_object_set_new(v, "simulated", json_boolean(home_tee_simulated(s->tee)));
        json_decref(state);
        cli_json(c, v);
        return;
    }
    bool waits = home_fact(&s->h, "replica_of")[0] == '\0' && mse_manifest_waits(&s->manifest);
    bool simulated = home_tee_simulated(s->tee);
    cli_say(c, "%s %s in %s, until %s", s->h.name, waits ? "waits for its keys" : "runs",
            simulated ? "the SIMULATED TEE (not hardware)" : "an enclave of SGX",
            home_fact(&s->h, "expires_at"));
    cli_say(c, "Fingerprint: %s", home_fact(&s->h, "fingerprint"));
    cli_say(c, "Signer: %s", home_fact(&s->h, "signer"));
    cli_say(c, "URL: https://%s:%lld/", s->manifest.san, port);
    cli_say(c, "Logs: %s", cli_logs_text(&s->manifest));
    cli_say(c, "Evidence for the code provider: %s/evidence.json", out);
    cli_say(c, "The provider also needs %s",
            simulated ? "root.pem and signer.pem: mse sim show --export DIR"
                      : "copies of loader and rootfs, and this signer");
}

/* One more of what runs already. */
static enum cli_exit spawn_replica(struct spawn *s)
{
    const struct cli *c = s->h.c;
    struct mse_error err = { 0 };
    enum cli_exit e = home_replica_open(&s->leader, c);
    e = e == CLI_DONE ? home_name(&s->h, c, c->args[0]) : e;
    e = e == CLI_DONE ? home_tee_choose(&s->tee, c) : e;
    e = e == CLI_DONE ? own_folder(s) : e;
    if (e != CLI_DONE) {
        return e;
    }
    mse_status st = home_replica_copy(&s->h, &s->leader, &err);
    st = st == MSE_OK ? home_manifest(&s->manifest, &s->h, &err) : st;
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    e = home_replica_facts(&s->h, &s->leader) ? own_facts(s) : cli_trouble(c, "out of memory");
    return e == CLI_DONE ? launch(s) : e;
}

static enum cli_exit spawn(struct spawn *s)
{
    const struct cli *c = s->h.c;
    if (cli_has(c, "replica-of")) {
        return spawn_replica(s);
    }
    enum cli_exit e = need_options(c);
    e = e == CLI_DONE ? home_name(&s->h, c, c->args[0]) : e;
    e = e == CLI_DONE ? home_parcel_open(&s->package, &s->package_fd, c, cli_value(c, "package"))
                      : e;
    e = e == CLI_DONE ? home_tee_choose(&s->tee, c) : e;
    e = e == CLI_DONE ? make_manifest(s) : e;
    e = e == CLI_DONE ? home_tee_runtime(&s->runtime, &s->manifest, s->tee, c) : e;
    e = e == CLI_DONE ? make_folder(s) : e;
    e = e == CLI_DONE ? make_facts(s) : e;
    if (e != CLI_DONE || !cli_has(c, "prepare")) {
        return e == CLI_DONE ? launch(s) : e;
    }
    struct mse_error err = { 0 };
    mse_status st = prepare(s, &err);
    return st == MSE_OK ? CLI_DONE : cli_failed(c, st, &err);
}

enum cli_exit cmd_home_spawn(struct cli *c)
{
    struct spawn s = { .h = { .c = c }, .leader = { .c = c }, .package_fd = -1, .listen_fd = -1 };
    enum cli_exit e = spawn(&s);
    if (e == CLI_DONE && cli_has(c, "prepare")) {
        say_prepared(&s);
    } else if (e == CLI_DONE) {
        say_done(&s);
    } else if (s.made && !mse_tree_remove(s.h.dir)) {
        cli_hint(c, "%s could not be removed", s.h.dir);
    }
    if (s.package_fd >= 0) {
        (void)close(s.package_fd);
    }
    if (s.listen_fd >= 0) {
        (void)close(s.listen_fd);
    }
    mse_wipe(s.token, sizeof s.token);
    mse_parcel_clear(&s.package);
    mse_manifest_clear(&s.manifest);
    json_decref(s.tee);
    free(s.runtime);
    home_clear(&s.h);
    home_clear(&s.leader);
    return e;
}
