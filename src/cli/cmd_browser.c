/* SPDX-License-Identifier: Apache-2.0 */
/* mse browser: a certificate that was verified, into the stores of browsers and out of them. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/util.h"
#include "cli/browsers.h"
#include "cli/target.h"
#include "cli/trust.h"
#include "cmd/newfile.h"
#include "crypto/digest.h"
#include "crypto/x509.h"

#define MAX_PEM ((size_t)256 * 1024)
#define MAX_DER ((size_t)64 * 1024)

/* The certificate that is meant, out of the trust store and nowhere else. */
struct subject {
    char domain[256];
    uint16_t port;
    char nickname[300];
    char *path; /* of its PEM there */
    uint8_t der_room[MAX_DER];
    struct mse_bytes der;
    struct mse_cert cert;
};

/* NSS takes what stands before a colon for the name of a token. */
static void set_nickname(struct subject *s)
{
    if (s->port == 443) {
        (void)snprintf(s->nickname, sizeof s->nickname, "%s", s->domain);
    } else {
        (void)snprintf(s->nickname, sizeof s->nickname, "%s_%u", s->domain, s->port);
    }
}

static bool read_pem(struct mse_bytes *out, uint8_t room[MAX_DER], const char *path)
{
    struct cli_file f = { 0 };
    size_t len = 0;
    bool good = cli_file_read(&f, path, MAX_PEM, NULL) == MSE_OK;
    struct mse_bytes pem = cli_file_view(&f);
    good = good && mse_pem_next(&pem, "CERTIFICATE", room, MAX_DER, &len) == MSE_OK;
    *out = mse_bytes_of(room, good ? len : 0);
    cli_file_clear(&f);
    return good;
}

/* What the store keeps for an entry is the certificate whose key it verified. */
static bool load_stored(struct subject *s, const struct mse_trust_app *a)
{
    uint8_t key[32];
    (void)snprintf(s->domain, sizeof s->domain, "%s", a->domain);
    s->port = (uint16_t)a->port;
    set_nickname(s);
    free(s->path);
    s->path = mse_trust_certificate_path(a->domain, s->port);
    return s->path != NULL && read_pem(&s->der, s->der_room, s->path) &&
           mse_cert_parse(&s->cert, s->der, NULL) == MSE_OK &&
           mse_sha256(key, s->cert.key.spki) == MSE_OK && mse_mem_equal(key, a->spki_sha256, 32);
}

static enum cli_exit not_verified(const struct cli *c, const char *what)
{
    cli_error(c, "%s was not verified: browsers get nothing that the trust store does not have",
              what);
    cli_hint(c, "mse trust add DOMAIN with the fingerprint or context of the app, then mse browser "
                "install DOMAIN");
    return CLI_REFUSED;
}

static enum cli_exit by_file(struct subject *s, const struct cli *c, const struct mse_trust *t)
{
    uint8_t *room = malloc(MAX_DER);
    struct mse_bytes der = { 0 };
    enum cli_exit e = CLI_REFUSED;
    if (room == NULL || !read_pem(&der, room, c->args[0])) {
        free(room);
        return cli_trouble(c, "%s holds no certificate in PEM", c->args[0]);
    }
    for (size_t i = 0; e != CLI_DONE && i < t->num; i++) {
        e = load_stored(s, &t->apps[i]) && mse_bytes_equal(s->der, der) ? CLI_DONE : CLI_REFUSED;
    }
    free(room);
    return e == CLI_DONE ? e : not_verified(c, c->args[0]);
}

static enum cli_exit by_name(struct subject *s, const struct cli *c, const struct mse_trust *t)
{
    if (!cli_split_host(s->domain, sizeof s->domain, &s->port, c->args[0], 443)) {
        return cli_trouble(c, "%s is no file and no DOMAIN[:PORT]", c->args[0]);
    }
    set_nickname(s);
    const struct mse_trust_app *a = mse_trust_find(t, s->domain, s->port);
    return a != NULL && load_stored(s, a) ? CLI_DONE : not_verified(c, c->args[0]);
}

static enum cli_exit find_subject(struct subject *s, const struct cli *c)
{
    struct mse_trust t = { .apps = NULL };
    struct mse_error err = { 0 };
    mse_status st = mse_trust_load(&t, &err);
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    enum cli_exit e = cli_file_exists(c->args[0]) ? by_file(s, c, &t) : by_name(s, c, &t);
    mse_trust_clear(&t);
    return e;
}

/* ---- which stores ---- */

static mse_status add_named(struct cli_stores *out, const struct cli *c, const char *option,
                            enum cli_browser b, struct mse_error *err)
{
    mse_status st = MSE_OK;
    for (size_t i = 0; st == MSE_OK && i < cli_num_values(c, option); i++) {
        const char *folder = cli_value_at(c, option, i);
        struct stat sb;
        if (stat(folder, &sb) != 0 || !S_ISDIR(sb.st_mode)) {
            return MSE_FAIL(err, MSE_ERR_NOT_FOUND, "browsers", "--%s %.150s: no such folder",
                            option, folder);
        }
        st = cli_stores_add(out, b, folder, err);
    }
    return st;
}

static bool wants(const struct cli *c, enum cli_browser b)
{
    const char *only = cli_value(c, "browser");
    return only == NULL || strcmp(only, b == CLI_CHROMIUM ? "chromium" : "firefox") == 0;
}

/* Those of the browser that --browser names. */
static void narrow(struct cli_stores *s, const struct cli *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->num; i++) {
        if (wants(c, s->items[i].browser)) {
            s->items[kept++] = s->items[i];
        } else {
            free(s->items[i].folder);
        }
    }
    s->num = kept;
}

static enum cli_exit find_stores(struct cli_stores *out, const struct cli *c)
{
    struct mse_error err = { 0 };
    const char *home = cli_environment("HOME");
    const char *only = cli_value(c, "browser");
    bool named = cli_has(c, "profile") || cli_has(c, "nssdb");
    mse_status st = MSE_OK;
    if (only != NULL && strcmp(only, "chromium") != 0 && strcmp(only, "firefox") != 0) {
        return cli_trouble(c, "--browser is %s, wanted chromium or firefox", only);
    }
    if (named) {
        st = add_named(out, c, "profile", CLI_FIREFOX, &err);
        st = st == MSE_OK ? add_named(out, c, "nssdb", CLI_CHROMIUM, &err) : st;
    } else if (home == NULL) {
        return cli_trouble(c, "HOME is not set: --profile and --nssdb name the folders");
    } else {
        st = cli_stores_find(out, home, cli_environment("XDG_DATA_HOME"),
                             cli_environment("XDG_CONFIG_HOME"), &err);
    }
    if (st != MSE_OK) {
        return cli_failed(c, st, &err);
    }
    narrow(out, c);
    if (out->num == 0) {
        return cli_trouble(c, "there is no profile of %s", only == NULL ? "a browser" : only);
    }
    return CLI_DONE;
}

/* ---- what is done to each ---- */

static enum cli_exit tool_failed(const struct cli *c, mse_status st, const struct mse_error *err)
{
    (void)cli_failed(c, st, err);
    if (st == MSE_ERR_NOT_FOUND) {
        cli_hint(c, "certutil comes with Debian's package libnss3-tools");
    }
    return CLI_TROUBLE;
}

static json_t *row(const struct cli_store *s, const char *state)
{
    return json_pack("{s:s, s:s, s:s}", "browser", cli_browser_name(s->browser), "folder",
                     s->folder, "state", state);
}

static void hint_others(const struct cli *c, const struct cli_store *s,
                        const struct cli_import_ask *ask)
{
    cli_hint(c, "certutil -L -d sql:%s -n %s shows it, certutil -D removes it", s->folder,
             ask->nickname);
}

static enum cli_exit install_one(const struct cli *c, const struct cli_store *s,
                                 const struct cli_import_ask *ask, json_t *out)
{
    struct mse_error err = { 0 };
    mse_status st = cli_import_put(s, ask, &err);
    if (st == MSE_ERR_EXISTS) {
        (void)cli_failed(c, st, &err);
        hint_others(c, s, ask);
        cli_hint(c, "or --force puts this certificate in its place");
        return CLI_REFUSED;
    }
    if (st != MSE_OK) {
        return tool_failed(c, st, &err);
    }
    cli_say(c, "Imported into %s: %s (%s)", cli_browser_name(s->browser), s->folder,
            cli_import_flags(s->browser, ask->is_ca));
    (void)json_array_append_new(out, row(s, "imported"));
    return CLI_DONE;
}

static enum cli_exit check_one(const struct cli *c, const struct cli_store *s,
                               const struct cli_import_ask *ask, json_t *out)
{
    static const char *const states[] = { "not imported", "another certificate",
                                          "trusted in another way", "imported" };
    struct mse_error err = { 0 };
    enum cli_import now = CLI_IMPORT_NONE;
    mse_status st = cli_import_look(&now, s, ask, &err);
    if (st != MSE_OK) {
        return tool_failed(c, st, &err);
    }
    cli_say(c, "%s: %s: %s", cli_browser_name(s->browser), s->folder, states[now]);
    (void)json_array_append_new(out, row(s, states[now]));
    return now == CLI_IMPORT_GOOD ? CLI_DONE : CLI_REFUSED;
}

static enum cli_exit remove_one(const struct cli *c, const struct cli_store *s,
                                const struct cli_import_ask *ask, json_t *out)
{
    struct mse_error err = { 0 };
    struct cli_import_removed r = { 0 };
    mse_status st = cli_import_remove(&r, s, ask, &err);
    if (st != MSE_OK) {
        return tool_failed(c, st, &err);
    }
    if (r.left > 0) {
        cli_error(c, "%s: %s: %u under the name %s that mse did not import: nothing was removed",
                  cli_browser_name(s->browser), s->folder, r.left, ask->nickname);
        hint_others(c, s, ask);
        (void)json_array_append_new(out, row(s, "not ours"));
        return CLI_REFUSED;
    }
    cli_say(c, "%s %s: %s", r.removed > 0 ? "Removed from" : "Was not in",
            cli_browser_name(s->browser), s->folder);
    (void)json_array_append_new(out, row(s, r.removed > 0 ? "removed" : "was not there"));
    return CLI_DONE;
}

/* All stores, also behind one that failed. */
static enum cli_exit each(const struct cli *c, const struct subject *s,
                          enum cli_exit (*step)(const struct cli *, const struct cli_store *,
                                                const struct cli_import_ask *, json_t *))
{
    struct cli_stores *stores = calloc(1, sizeof *stores);
    json_t *out = json_array();
    const struct cli_import_ask ask = {
        .nickname = s->nickname,
        .der = s->der,
        .is_ca = s->cert.is_ca,
        .force = cli_has(c, "force"),
        .path = s->path,
    };
    enum cli_exit worst = stores == NULL ? cli_trouble(c, "out of memory") : find_stores(stores, c);
    bool found = stores != NULL && worst == CLI_DONE;
    for (size_t i = 0; found && i < stores->num; i++) {
        enum cli_exit e = step(c, &stores->items[i], &ask, out);
        worst = e > worst ? e : worst;
    }
    if (found && c->json) {
        cli_json(c, json_pack("{s:s, s:O}", "nickname", s->nickname, "stores", out));
    }
    json_decref(out);
    if (stores != NULL) {
        cli_stores_clear(stores);
    }
    free(stores);
    return worst;
}

/* ---- policies of an enterprise ---- */

static enum cli_exit put_json(const struct cli *c, const char *dir, const char *name, json_t *v)
{
    struct mse_error err = { 0 };
    char *path = cli_join(dir, name);
    char *text = json_dumps(v, JSON_INDENT(2));
    mse_status st = path == NULL || text == NULL ? MSE_ERR_MEMORY
                                                 : cli_newfile_put(path, mse_bytes_str(text), 0644,
                                                                   cli_has(c, "force"), &err);
    if (st == MSE_OK) {
        cli_say(c, "Written: %s", path);
    } else {
        (void)cli_newfile_failed(c, st, &err);
    }
    json_decref(v);
    free(path);
    free(text);
    return st == MSE_OK ? CLI_DONE : CLI_TROUBLE;
}

/* Chromium's takes authorities only: a certificate of its own right has no policy there. */
static enum cli_exit put_chromium(const struct cli *c, const struct subject *s, const char *dir)
{
    if (!s->cert.is_ca) {
        cli_hint(c, "Chromium's policies know authorities only: for it there is none, as this app "
                    "has no CA (certificate = \"ca\" in its manifest)");
        return CLI_DONE;
    }
    char *base64 = malloc(4 * ((s->der.len + 2) / 3) + 1);
    if (base64 == NULL) {
        return cli_trouble(c, "out of memory");
    }
    mse_base64_encode(base64, s->der);
    enum cli_exit e =
        put_json(c, dir, "chromium.json", json_pack("{s:[s]}", "CACertificates", base64));
    free(base64);
    return e;
}

static enum cli_exit put_firefox(const struct cli *c, const struct subject *s, const char *dir)
{
    char name[320];
    struct mse_error err = { 0 };
    struct cli_file pem = { 0 };
    char *folder = realpath(dir, NULL);
    (void)snprintf(name, sizeof name, "%s.pem", s->nickname);
    char *path = folder == NULL ? NULL : cli_join(folder, name);
    mse_status st =
        path == NULL ? MSE_FAIL(&err, MSE_ERR_NOT_FOUND, "policies", "%.180s: no such folder", dir)
                     : cli_file_read(&pem, s->path, MAX_PEM, &err);
    st = st == MSE_OK ? cli_newfile_put(path, cli_file_view(&pem), 0644, cli_has(c, "force"), &err)
                      : st;
    enum cli_exit e = CLI_TROUBLE;
    if (st == MSE_OK) {
        cli_say(c, "Written: %s", path);
        e = put_json(c, dir, "firefox.json",
                     json_pack("{s:{s:{s:[s]}}}", "policies", "Certificates", "Install", path));
    } else {
        (void)cli_newfile_failed(c, st, &err);
    }
    cli_file_clear(&pem);
    free(path);
    free(folder);
    return e;
}

static enum cli_exit write_policies(const struct cli *c, const struct subject *s)
{
    const char *dir = cli_value(c, "policy-file");
    enum cli_exit e = wants(c, CLI_FIREFOX) ? put_firefox(c, s, dir) : CLI_DONE;
    e = e == CLI_DONE && wants(c, CLI_CHROMIUM) ? put_chromium(c, s, dir) : e;
    if (e == CLI_DONE) {
        cli_say(c, "An administrator puts chromium.json into /etc/chromium/policies/managed (or "
                   "/etc/opt/chrome/policies/managed), firefox.json as policies.json into "
                   "/etc/firefox/policies; nothing was imported");
    }
    if (e == CLI_DONE && c->json) {
        cli_json(c, json_pack("{s:s, s:s}", "nickname", s->nickname, "policies", dir));
    }
    return e;
}

/* ---- the commands ---- */

static void say_what_it_is(const struct cli *c, const struct subject *s)
{
    cli_say(c, "Restart the browsers that run: they read their store when they start");
    cli_say(c,
            "Import is not a pin: a browser still accepts a publicly trusted certificate of the "
            "name %s, which the operator could get; mse proxy, and curl --cacert, accept this "
            "one only",
            s->domain);
    cli_say(c,
            "Never click past a warning: it means that the app was updated, or that somebody is "
            "in the middle. mse trust check %s:%u tells which",
            s->domain, s->port);
}

enum cli_exit cmd_browser_install(struct cli *c)
{
    struct subject *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return cli_trouble(c, "out of memory");
    }
    enum cli_exit e = find_subject(s, c);
    if (e == CLI_DONE && cli_has(c, "policy-file")) {
        e = write_policies(c, s);
    } else if (e == CLI_DONE) {
        e = each(c, s, install_one);
        if (e == CLI_DONE) {
            say_what_it_is(c, s);
        }
    }
    free(s->path);
    free(s);
    return e;
}

enum cli_exit cmd_browser_check(struct cli *c)
{
    struct subject *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return cli_trouble(c, "out of memory");
    }
    enum cli_exit e = find_subject(s, c);
    e = e == CLI_DONE ? each(c, s, check_one) : e;
    if (e == CLI_REFUSED && s->path != NULL) {
        cli_hint(c, "mse browser install %s:%u", s->domain, s->port);
    }
    free(s->path);
    free(s);
    return e;
}

/* By its name, whether it is still trusted or not: then only what was imported here counts. */
static enum cli_exit removable(struct subject *s, const struct cli *c)
{
    struct mse_trust t = { .apps = NULL };
    if (cli_file_exists(c->args[0])) {
        return find_subject(s, c);
    }
    if (!cli_split_host(s->domain, sizeof s->domain, &s->port, c->args[0], 443)) {
        return cli_trouble(c, "%s is no file and no DOMAIN[:PORT]", c->args[0]);
    }
    set_nickname(s);
    if (mse_trust_load(&t, NULL) == MSE_OK) {
        const struct mse_trust_app *a = mse_trust_find(&t, s->domain, s->port);
        if (a == NULL || !load_stored(s, a)) {
            s->der = mse_bytes_of(NULL, 0);
        }
        mse_trust_clear(&t);
    }
    return CLI_DONE;
}

enum cli_exit cmd_browser_remove(struct cli *c)
{
    struct subject *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return cli_trouble(c, "out of memory");
    }
    enum cli_exit e = removable(s, c);
    e = e == CLI_DONE ? each(c, s, remove_one) : e;
    if (e == CLI_DONE) {
        cli_say(c, "Restart the browsers that run: they read their store when they start");
    }
    free(s->path);
    free(s);
    return e;
}
