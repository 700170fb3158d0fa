/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator's API speaks of: apps, hardware, projects, reservations. */
#include <poll.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "cli/cloud.h"
#include "package/rules.h"

#define STOP_MS       60000
#define STOP_TURN_MS  200
#define LABEL_LEN     26
#define MAX_INSTANCES 64

/* Absent or null: 0. */
static bool read_time(mse_time *out, const json_t *v, const char *key, bool needed)
{
    char text[32];
    *out = 0;
    if (!cloud_text(text, sizeof text, v, key, needed)) {
        return false;
    }
    return text[0] == '\0' || mse_time_parse(out, mse_bytes_str(text));
}

static bool read_number(uint64_t *out, const json_t *v, const char *key, uint64_t max)
{
    const json_t *m = json_object_get(v, key);
    json_int_t n = json_integer_value(m);
    *out = json_is_integer(m) && n >= 0 ? (uint64_t)n : 0;
    return json_is_integer(m) && n >= 0 && (uint64_t)n <= max;
}

static bool one_of(const char *word, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool read_status(struct cloud_app *a, const json_t *v)
{
    static const char *const words[] = { "spawning", "initializing", "running",
                                         "stopped",  "on_error",     NULL };
    return cloud_text(a->status, sizeof a->status, v, "status", true) && one_of(a->status, words);
}

static bool read_origin(struct cloud_app *a, const json_t *v)
{
    static const char *const words[] = { "self", "owner", "operator", NULL };
    return cloud_text(a->origin, sizeof a->origin, v, "ssl_certificate_origin", true) &&
           one_of(a->origin, words);
}

static bool read_fingerprint(struct cloud_app *a, const json_t *v)
{
    uint8_t raw[32];
    return cloud_text(a->fingerprint, sizeof a->fingerprint, v, "fingerprint", false) &&
           (a->fingerprint[0] == '\0' ||
            mse_hex_decode(raw, sizeof raw, mse_bytes_str(a->fingerprint)));
}

/* What it runs, for people. */
static bool read_application(struct cloud_app *a, const json_t *v)
{
    const json_t *command = json_object_get(v, "command");
    if (!json_is_array(command) || json_array_size(command) == 0) {
        return cloud_text(a->application, sizeof a->application, v, "python_application", false);
    }
    const char *first = json_string_value(json_array_get(command, 0));
    (void)snprintf(a->application, sizeof a->application, "%s%s", first == NULL ? "?" : first,
                   json_array_size(command) > 1 ? " ..." : "");
    mse_utf8_printable(a->application);
    return true;
}

static bool is_config_name(const char *host, const char *id)
{
    size_t len = strlen(id);
    return mse_rule_host(host) && strncmp(host, id, len) == 0 && host[len] == '.';
}

bool cloud_instance_read(struct cloud_instance *out, const json_t *v)
{
    static const char *const words[] = { "waiting",     "starting", "running",
                                         "unreachable", "ended",    NULL };
    struct cloud_instance i = { .number = 0 };
    uint64_t number = 0;
    if (!read_number(&number, v, "number", MAX_INSTANCES - 1) ||
        !cloud_text(i.node, sizeof i.node, v, "node", false) ||
        !cloud_text(i.state, sizeof i.state, v, "status", true) || !one_of(i.state, words) ||
        !cloud_text(i.detail, sizeof i.detail, v, "detail", false)) {
        return false;
    }
    i.number = (unsigned)number;
    *out = i;
    return true;
}

/* An operator of an earlier version knows of one. */
static bool read_instances(struct cloud_app *a, const json_t *v)
{
    const json_t *list = json_object_get(v, "instances");
    uint64_t replicas = 1;
    bool good = json_object_get(v, "replicas") == NULL ||
                (read_number(&replicas, v, "replicas", MAX_INSTANCES) && replicas > 0);
    good = good && (list == NULL || (json_is_array(list) && json_array_size(list) <= replicas));
    for (size_t i = 0; good && i < json_array_size(list); i++) {
        struct cloud_instance one;
        good = cloud_instance_read(&one, json_array_get(list, i));
        a->num_running += good && strcmp(one.state, "running") == 0 ? 1U : 0U;
    }
    a->replicas = (unsigned)replicas;
    return good;
}

bool cloud_app_read(struct cloud_app *out, const json_t *v, char why[CLOUD_TEXT_LEN])
{
    struct cloud_app a = { .port = 0 };
    uint64_t port = 0;
    const struct {
        const char *name;
        bool good;
    } rows[] = {
        { "id", cloud_text(a.id, sizeof a.id, v, "id", true) && mse_rule_uuid4(a.id) },
        { "name", cloud_text(a.name, sizeof a.name, v, "name", true) },
        { "project_id", cloud_text(a.project_id, sizeof a.project_id, v, "project_id", true) },
        { "domain_name", cloud_text(a.domain_name, sizeof a.domain_name, v, "domain_name", true) &&
                             mse_rule_host(a.domain_name) },
        { "config_domain_name", cloud_text(a.config_domain_name, sizeof a.config_domain_name, v,
                                           "config_domain_name", true) &&
                                    is_config_name(a.config_domain_name, a.id) },
        { "hardware_name", cloud_text(a.hardware, sizeof a.hardware, v, "hardware_name", true) },
        { "ssl_certificate_origin", read_origin(&a, v) },
        { "status", read_status(&a, v) },
        { "detail", cloud_text(a.detail, sizeof a.detail, v, "detail", false) },
        { "fingerprint", read_fingerprint(&a, v) },
        { "healthcheck_endpoint",
          cloud_text(a.healthcheck, sizeof a.healthcheck, v, "healthcheck_endpoint", false) },
        { "python_application", read_application(&a, v) },
        { "instances", read_instances(&a, v) },
        { "port", read_number(&port, v, "port", 65535) && port > 0 },
        { "created_at", read_time(&a.created_at, v, "created_at", true) },
        { "ready_at", read_time(&a.ready_at, v, "ready_at", false) },
        { "stopped_at", read_time(&a.stopped_at, v, "stopped_at", false) },
        { "expires_at", read_time(&a.expires_at, v, "expires_at", true) },
    };
    for (size_t i = 0; i < MSE_ARRAY_LEN(rows); i++) {
        if (!rows[i].good) {
            (void)snprintf(why, CLOUD_TEXT_LEN, "%s is missing, or none", rows[i].name);
            return false;
        }
    }
    a.port = (uint16_t)port;
    *out = a;
    return true;
}

bool cloud_app_lives(const struct cloud_app *a)
{
    return strcmp(a->status, "stopped") != 0 && strcmp(a->status, "on_error") != 0;
}

static enum cli_exit fetch(struct cloud *k, struct cloud_app *out, json_t **raw, const char *id)
{
    json_t *v = NULL;
    char why[CLOUD_TEXT_LEN];
    enum cli_exit e = cloud_get(k, &v, "/apps/%s", id);
    if (e == CLI_DONE && !cloud_app_read(out, v, why)) {
        e = cloud_nonsense(k, "an app", why);
    } else if (e == CLI_DONE && strcmp(out->id, id) != 0) {
        e = cloud_nonsense(k, "an app", "it is another one than was asked for");
    }
    if (e == CLI_DONE && raw != NULL) {
        *raw = json_incref(v);
    }
    json_decref(v);
    return e;
}

enum cli_exit cloud_app_get(struct cloud *k, struct cloud_app *out, const char *id)
{
    return fetch(k, out, NULL, id);
}

enum cli_exit cloud_app_named(struct cloud *k, struct cloud_app *out, json_t **raw, const char *id)
{
    if (!mse_rule_uuid4(id)) {
        (void)cli_trouble(k->c, "%s is no UUID of an app", id);
        cli_hint(k->c, "mse cloud list shows your apps, each with its UUID");
        return CLI_TROUBLE;
    }
    return fetch(k, out, raw, id);
}

/* Ended already is as good. */
static enum cli_exit ask_stop(struct cloud *k, const char *id)
{
    char path[CLOUD_ID_LEN + 16];
    struct cloud_answer a;
    (void)snprintf(path, sizeof path, "/apps/%s/stop", id);
    enum cli_exit e =
        cloud_ask(k, &(struct cloud_ask) { .path = path, .method = "POST", .again = true }, &a);
    if (e != CLI_DONE) {
        return e;
    }
    if ((a.status < 200 || a.status > 299) && a.status != 409) {
        e = cloud_refused(k, &a);
    }
    cloud_answer_clear(&a);
    return e;
}

enum cli_exit cloud_app_stop(struct cloud *k, const char *id)
{
    struct cloud_app a = { .port = 0 };
    enum cli_exit e = ask_stop(k, id);
    for (int left = STOP_MS; e == CLI_DONE; left -= STOP_TURN_MS) {
        e = cloud_app_get(k, &a, id);
        if (e != CLI_DONE || !cloud_app_lives(&a)) {
            return e;
        }
        if (left <= 0) {
            e = cli_trouble(k->c, "%s is %s still, %d s after it was stopped", id, a.status,
                            STOP_MS / 1000);
        } else {
            (void)poll(NULL, 0, STOP_TURN_MS);
        }
    }
    return e;
}

static bool read_hardware(struct cloud_hardware *h, const json_t *v)
{
    return cloud_text(h->name, sizeof h->name, v, "name", true) &&
           cloud_text(h->tee, sizeof h->tee, v, "tee", true) &&
           read_number(&h->memory, v, "memory", 1ULL << 40) &&
           read_number(&h->cores, v, "cores", 1ULL << 20) &&
           read_number(&h->enclave_size, v, "enclave_size", 1ULL << 20) &&
           mse_rule_enclave_size(h->enclave_size << 20);
}

static enum cli_exit unknown_hardware(struct cloud *k, const char *name)
{
    json_t *all = NULL;
    struct mse_build names;
    mse_build_heap(&names, (size_t)16384);
    (void)cli_trouble(k->c, "the operator at %s has no hardware %s", k->url, name);
    if (cloud_get(k, &all, "/hardwares") == CLI_DONE) {
        for (size_t i = 0; i < json_array_size(all); i++) {
            char one[CLOUD_NAME_LEN];
            if (cloud_text(one, sizeof one, json_array_get(all, i), "name", true)) {
                mse_wr_printf(&names, "%s%s", names.len == 0 ? "" : ", ", one);
            }
        }
        const char *text = names.len == 0 ? "none" : mse_build_cstr(&names);
        cli_hint(k->c, "cloud.hardware in mse.toml names it; there is: %s",
                 text == NULL ? "more than can be listed" : text);
    }
    mse_build_clear(&names);
    json_decref(all);
    return CLI_TROUBLE;
}

enum cli_exit cloud_hardware_get(struct cloud *k, struct cloud_hardware *out, const char *name)
{
    char path[2048] = "/hardwares/";
    struct cloud_answer a;
    cloud_query(path + strlen(path), sizeof path - strlen(path), name);
    enum cli_exit e = cloud_ask(k, &(struct cloud_ask) { .path = path }, &a);
    if (e != CLI_DONE) {
        return e;
    }
    if (a.status == 404) {
        e = unknown_hardware(k, name);
    } else if (a.status < 200 || a.status > 299) {
        e = cloud_refused(k, &a);
    } else if (!read_hardware(out, a.body) || strcmp(out->name, name) != 0) {
        e = cloud_nonsense(k, "hardware", "a member is missing, or none");
    }
    cloud_answer_clear(&a);
    return e;
}

enum cli_exit cloud_project_find(struct cloud *k, char out[CLOUD_ID_LEN], const char *name)
{
    char query[3 * CLOUD_NAME_LEN];
    char seen[CLOUD_NAME_LEN];
    json_t *v = NULL;
    cloud_query(query, sizeof query, name);
    enum cli_exit e = cloud_get(k, &v, "/projects?name=%s", query);
    if (e != CLI_DONE) {
        return e;
    }
    const json_t *first = json_array_get(v, 0);
    if (!json_is_array(v)) {
        e = cloud_nonsense(k, "projects", "they are no list");
    } else if (first == NULL) {
        e = cli_trouble(k->c, "you have no project %s", name);
        cli_hint(k->c, "cloud.project in mse.toml names one that you have; without it: default");
    } else if (!cloud_text(out, CLOUD_ID_LEN, first, "id", true) ||
               !cloud_text(seen, sizeof seen, first, "name", true) || strcmp(seen, name) != 0) {
        e = cloud_nonsense(k, "projects", "a member is missing, or none");
    }
    json_decref(v);
    return e;
}

enum cli_exit cloud_defaults_get(struct cloud *k, struct cloud_defaults *out)
{
    json_t *v = NULL;
    enum cli_exit e = cloud_get(k, &v, "/apps/default");
    if (e == CLI_DONE && (!cloud_text(out->project, sizeof out->project, v, "project", false) ||
                          !cloud_text(out->hardware, sizeof out->hardware, v, "hardware", false))) {
        e = cloud_nonsense(k, "its defaults", "a member is none");
    }
    json_decref(v);
    return e;
}

/* ---- reservations ---- */

/* co.uk and the like: what registries of countries keep for all. */
static bool looks_like_a_registry(const char *domain)
{
    static const char *const words[] = { "ac", "co", "com", "edu", "gov", "net", "org", NULL };
    char first[8] = "";
    const char *dot = strchr(domain, '.');
    size_t len = dot == NULL ? sizeof first : (size_t)(dot - domain);
    if (len >= sizeof first || strchr(dot + 1, '.') != NULL || strlen(dot + 1) != 2) {
        return false;
    }
    memcpy(first, domain, len);
    return one_of(first, words);
}

bool cloud_domain_ok(const char *domain)
{
    return mse_rule_host(domain) && strlen(domain) <= 200 && strchr(domain, '.') != NULL &&
           !looks_like_a_registry(domain);
}

static bool is_label_below(const char *host, const char *domain)
{
    return strspn(host, "abcdefghijklmnopqrstuvwxyz234567") == LABEL_LEN &&
           host[LABEL_LEN] == '.' && strcmp(host + LABEL_LEN + 1, domain) == 0;
}

bool cloud_reservation_read(struct cloud_reservation *out, const json_t *v, const char *app_id,
                            const char *mode, const char *domain, char why[CLOUD_TEXT_LEN])
{
    struct cloud_reservation r = { .port = 0 };
    uint64_t port = 0;
    bool owner = strcmp(mode, "owner") == 0;
    bool form = cloud_text(r.app_id, sizeof r.app_id, v, "app_id", true) &&
                cloud_text(r.domain_name, sizeof r.domain_name, v, "domain_name", !owner) &&
                cloud_text(r.config_domain_name, sizeof r.config_domain_name, v,
                           "config_domain_name", true) &&
                read_number(&port, v, "port", 65535) && port > 0 &&
                read_time(&r.expires_default, v, "expires_default", false);
    if (!form) {
        (void)snprintf(why, CLOUD_TEXT_LEN, "a member is missing, or none");
        return false;
    }
    if (strcmp(r.app_id, app_id) != 0) {
        (void)snprintf(why, CLOUD_TEXT_LEN, "it is of the app %s, wanted %s", r.app_id, app_id);
        return false;
    }
    if (!is_config_name(r.config_domain_name, app_id) ||
        !cloud_domain_ok(r.config_domain_name + strlen(app_id) + 1)) {
        (void)snprintf(why, CLOUD_TEXT_LEN,
                       "its configuration name is %.80s, wanted %s and a domain behind it",
                       r.config_domain_name, app_id);
        return false;
    }
    if (owner ? r.domain_name[0] != '\0' : !is_label_below(r.domain_name, domain)) {
        (void)snprintf(why, CLOUD_TEXT_LEN, "its public name is %.80s, wanted %s%.100s",
                       r.domain_name[0] == '\0' ? "missing" : r.domain_name,
                       owner ? "none" : "26 characters of base32 directly below ",
                       owner ? "" : domain);
        return false;
    }
    r.port = (uint16_t)port;
    *out = r;
    return true;
}
