/* SPDX-License-Identifier: Apache-2.0 */
/* mse cloud list, status, stop: the apps of whoever logged in. What is printed is the operator's
 * word, but for what deploy kept. */
#include "base/bytes.h"
#include "base/util.h"
#include "cli/cloud.h"
#include "cli/cloud_kept.h"
#include "cli/progress.h"

#define MAX_PAGES 1000U
#define PER_PAGE  50U
#define METRICS   "/apps/%s/metrics"

/* ---- list ---- */

struct listing {
    struct cloud k;
    json_t *rows; /* under --json */
    size_t num;
};

static const char *or_dash(const char *text)
{
    return text[0] == '\0' ? "-" : text;
}

static void show_row(struct listing *l, const struct cloud_app *a, const json_t *as_it_came)
{
    char when[MSE_TIME_TEXT_LEN];
    l->num++;
    if (l->rows != NULL) {
        json_t *v = json_deep_copy(as_it_came);
        (void)json_array_append_new(l->rows, v);
        return;
    }
    if (l->num == 1) {
        cli_say(l->k.c, "%-36s  %-20s  %-12s  %s", "UUID", "created", "status", "name on domain");
    }
    mse_time_format(when, a->created_at);
    char several[32] = "";
    if (a->replicas > 1) {
        (void)snprintf(several, sizeof several, " (%u instances)", a->replicas);
    }
    cli_say(l->k.c, "%-36s  %-20s  %-12s  %s on %s:%u%s", a->id, when, a->status, a->name,
            a->domain_name, a->port, several);
}

/* *more: the page was full, so that another one may follow. */
static enum cli_exit list_page(struct listing *l, const char *filter, unsigned page, bool *more)
{
    json_t *v = NULL;
    char why[CLOUD_TEXT_LEN];
    struct cloud_app a;
    enum cli_exit e = cloud_get(&l->k, &v, "/apps?%s&page=%u", filter, page);
    if (e == CLI_DONE && !json_is_array(v)) {
        e = cloud_nonsense(&l->k, "its apps", "they are no list");
    }
    for (size_t i = 0; e == CLI_DONE && i < json_array_size(v); i++) {
        if (!cloud_app_read(&a, json_array_get(v, i), why)) {
            e = cloud_nonsense(&l->k, "an app", why);
        } else {
            show_row(l, &a, json_array_get(v, i));
        }
    }
    *more = e == CLI_DONE && json_array_size(v) >= PER_PAGE;
    json_decref(v);
    return e;
}

static enum cli_exit list(struct listing *l)
{
    const struct cli *c = l->k.c;
    char project[CLOUD_ID_LEN] = "";
    char filter[256];
    bool more = true;
    enum cli_exit e = CLI_DONE;
    if (c->num_args > 0) {
        e = cloud_project_find(&l->k, project, c->args[0]);
    }
    (void)snprintf(filter, sizeof filter, "%s%s%s%s", project[0] == '\0' ? "" : "project=", project,
                   project[0] == '\0' ? "" : "&",
                   cli_has(c, "all") ? "status=spawning,initializing,running,stopped,on_error"
                                     : "status=spawning,initializing,running");
    for (unsigned page = 1; e == CLI_DONE && more && page <= MAX_PAGES; page++) {
        e = list_page(l, filter, page, &more);
    }
    return e;
}

enum cli_exit cmd_cloud_list(struct cli *c)
{
    struct listing l = { .rows = c->json ? json_array() : NULL };
    enum cli_exit e = cloud_open(&l.k, c);
    e = e == CLI_DONE ? list(&l) : e;
    if (e == CLI_DONE && c->json) {
        cli_json(c, json_pack("{s:O}", "apps", l.rows));
    } else if (e == CLI_DONE && l.num == 0) {
        cli_say(c, "No apps%s", cli_has(c, "all") ? "" : " that live (--all shows the others too)");
    }
    json_decref(l.rows);
    cloud_close(&l.k);
    return e;
}

/* ---- status ---- */

/* "in 3 days and 2 hours" */
static void remaining(char out[64], mse_time until, mse_time now)
{
    const long long day = 86400;
    const long long hour = 3600;
    long long left = (long long)(until - now);
    if (left <= 0) {
        (void)snprintf(out, 64, "expired");
    } else if (left >= 2 * day) {
        (void)snprintf(out, 64, "in %lld days", left / day);
    } else if (left >= 2 * hour) {
        (void)snprintf(out, 64, "in %lld hours", left / hour);
    } else {
        (void)snprintf(out, 64, "in %lld minutes", left / 60 + 1);
    }
}

static void say_since(const struct cli *c, const struct cloud_app *a)
{
    char when[MSE_TIME_TEXT_LEN] = "";
    bool over = !cloud_app_lives(a);
    mse_time since = over ? a->stopped_at : a->ready_at;
    if (since != 0) {
        mse_time_format(when, since);
    }
    cli_say(c, "Status:       %s%s%s%s%s", a->status, when[0] == '\0' ? "" : " since ", when,
            a->detail[0] == '\0' ? "" : ": ", a->detail);
}

static void say_app(const struct cli *c, const struct cloud_app *a)
{
    char created[MSE_TIME_TEXT_LEN];
    char until[MSE_TIME_TEXT_LEN];
    char left[64];
    mse_time_format(created, a->created_at);
    mse_time_format(until, a->expires_at);
    remaining(left, a->expires_at, (mse_time)time(NULL));
    cli_say(c, "Name:         %s", a->name);
    cli_say(c, "UUID:         %s", a->id);
    cli_say(c, "URL:          https://%s:%u/", a->domain_name, a->port);
    cli_say(c, "Certificate:  %s (%s)", a->origin,
            strcmp(a->origin, "self") == 0    ? "the enclave's own: users can verify it"
            : strcmp(a->origin, "owner") == 0 ? "the owner's: users can verify it at level 2"
                                              : "the operator's: users cannot verify it");
    cli_say(c, "Application:  %s", or_dash(a->application));
    cli_say(c, "Health check: %s", or_dash(a->healthcheck));
    cli_say(c, "Hardware:     %s", a->hardware);
    cli_say(c, "Created:      %s", created);
    cli_say(c, "Expires:      %s (%s)", until, left);
    say_since(c, a);
}

/* Of several, each: where it is, and how. */
static void say_instances(const struct cli *c, const struct cloud_app *a, const json_t *raw)
{
    const json_t *list = json_object_get(raw, "instances");
    if (a->replicas < 2) {
        return;
    }
    cli_say(c, "Instances:    %u of %u run", a->num_running, a->replicas);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct cloud_instance one;
        if (cloud_instance_read(&one, json_array_get(list, i))) {
            cli_say(c, "  %-3u %-12s on %s%s%s%s", one.number, one.state, or_dash(one.node),
                    one.number == 0 ? ", leads" : "", one.detail[0] == '\0' ? "" : ": ",
                    one.detail);
        }
    }
}

/* What deploy attested, against what the operator says now. */
static void say_fingerprint(const struct cli *c, const struct cloud_app *a,
                            const struct cloud_kept *kept)
{
    if (kept->fingerprint[0] == '\0') {
        cli_say(c, "Fingerprint:  %s (the operator's word; mse cloud verify checks it)",
                or_dash(a->fingerprint));
    } else if (a->fingerprint[0] != '\0' && strcmp(a->fingerprint, kept->fingerprint) != 0) {
        cli_say(c, "Fingerprint:  %s, as deploy attested; the OPERATOR SAYS %s", kept->fingerprint,
                a->fingerprint);
    } else {
        cli_say(c, "Fingerprint:  %s, as deploy attested", kept->fingerprint);
    }
}

static const struct metric {
    const char *name;
    const char *text;
    const char *unit;
    double one; /* of what the API counts makes one of the unit */
    int digits; /* behind the point */
} metrics[] = {
    { "cpu_usage", "CPU", " % of a core", 10, 1 },
    { "memory_usage", "Memory", " MiB", 1048576, 1 },
    { "fs_usage", "Files", " MiB", 1048576, 1 },
    { "amount_of_connection", "Connections", "", 1, 0 },
    { "average_connect_time", "Connect time", " ms", 1000, 2 },
    { "average_response_time", "Response time", " ms", 1000, 2 },
    { "throughput_in", "In", " KiB/s", 1024, 1 },
    { "throughput_out", "Out", " KiB/s", 1024, 1 },
};

/* The latest value of each that is there; of one of several instances, its own. */
static void say_metrics(const struct cli *c, const json_t *v, unsigned number)
{
    for (size_t i = 0; i < MSE_ARRAY_LEN(metrics); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, number == 0 ? "%s" : "%s_%u", metrics[i].name, number);
        const json_t *points = json_object_get(v, name);
        size_t num = json_array_size(points);
        const json_t *value = num == 0 ? NULL : json_array_get(json_array_get(points, num - 1), 1);
        if (json_is_number(value)) {
            cli_say(c, "  %-14s %.*f%s", metrics[i].text, metrics[i].digits,
                    json_number_value(value) / metrics[i].one, metrics[i].unit);
        }
    }
}

static json_t *status_json(const struct cloud_app *a, const json_t *raw,
                           const struct cloud_kept *kept, const json_t *measured)
{
    json_t *instances = json_object_get(raw, "instances");
    char times[4][MSE_TIME_TEXT_LEN] = { "", "", "", "" };
    const mse_time values[] = { a->created_at, a->ready_at, a->stopped_at, a->expires_at };
    for (size_t i = 0; i < MSE_ARRAY_LEN(values); i++) {
        if (values[i] != 0) {
            mse_time_format(times[i], values[i]);
        }
    }
    json_t *v = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
        "id", a->id, "name", a->name, "project_id", a->project_id, "status", a->status, "detail",
        a->detail, "domain_name", a->domain_name, "port", (int)a->port, "config_domain_name",
        a->config_domain_name, "hardware_name", a->hardware, "ssl_certificate_origin", a->origin,
        "application", a->application, "healthcheck_endpoint", a->healthcheck, "created_at",
        times[0], "ready_at", times[1], "stopped_at", times[2], "expires_at", times[3],
        "fingerprint", a->fingerprint);
    (void)json_object_set_new(v, "attested_fingerprint",
                              kept->fingerprint[0] == '\0' ? json_null()
                                                           : json_string(kept->fingerprint));
    (void)json_object_set_new(v, "replicas", json_integer((json_int_t)a->replicas));
    if (instances != NULL) {
        (void)json_object_set(v, "instances", instances);
    }
    if (measured != NULL) {
        (void)json_object_set_new(v, "metrics", json_deep_copy(measured));
    }
    return v;
}

static enum cli_exit show_status(struct cloud *k)
{
    const struct cli *c = k->c;
    struct cloud_app a;
    struct cloud_kept kept = { .toml_path = NULL };
    json_t *measured = NULL;
    json_t *raw = NULL;
    enum cli_exit e = cloud_app_named(k, &a, &raw, c->args[0]);
    if (e == CLI_DONE && strcmp(a.status, "running") == 0) {
        e = cloud_get(k, &measured, METRICS, a.id);
    }
    if (e != CLI_DONE) {
        json_decref(raw);
        return e;
    }
    (void)cloud_kept_load(&kept, a.id);
    if (c->json) {
        cli_json(c, status_json(&a, raw, &kept, measured));
    } else {
        say_app(c, &a);
        say_instances(c, &a, raw);
        say_fingerprint(c, &a, &kept);
        if (json_object_size(measured) > 0) {
            cli_say(c, "Metrics:");
            say_metrics(c, measured, 0);
        }
        for (unsigned i = 1; i < a.replicas; i++) {
            cli_say(c, "Metrics of instance %u:", i);
            say_metrics(c, measured, i);
        }
    }
    cloud_kept_clear(&kept);
    json_decref(measured);
    json_decref(raw);
    return CLI_DONE;
}

enum cli_exit cmd_cloud_status(struct cli *c)
{
    struct cloud k;
    enum cli_exit e = cloud_open(&k, c);
    e = e == CLI_DONE ? show_status(&k) : e;
    cloud_close(&k);
    return e;
}

/* ---- stop ---- */

static enum cli_exit stop_one(struct cloud *k, const char *id)
{
    struct cloud_app a;
    enum cli_exit e = cloud_app_named(k, &a, NULL, id);
    if (e != CLI_DONE) {
        return e;
    }
    if (!cloud_app_lives(&a)) {
        cli_say(k->c, "%s has ended before: %s", a.id, a.status);
    } else {
        cli_say(k->c, "Stopping %s (%s)...", a.name, a.id);
        e = cloud_app_stop(k, a.id);
        if (e == CLI_DONE) {
            cli_say(k->c, "%s is stopped", a.name);
        }
    }
    if (e == CLI_DONE) {
        cloud_forget_context(a.id);
    }
    return e;
}

enum cli_exit cmd_cloud_stop(struct cli *c)
{
    struct cloud k;
    json_t *stopped = json_array();
    enum cli_exit e = cloud_open(&k, c);
    for (size_t i = 0; e == CLI_DONE && i < c->num_args; i++) {
        e = stop_one(&k, c->args[i]);
        if (e == CLI_DONE) {
            (void)json_array_append_new(stopped, json_string(c->args[i]));
        }
    }
    if (e == CLI_DONE && c->json) {
        cli_json(c, json_pack("{s:O}", "stopped", stopped));
    }
    json_decref(stopped);
    cloud_close(&k);
    return e;
}
