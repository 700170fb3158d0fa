/* SPDX-License-Identifier: Apache-2.0 */
/* Apps: reserving their names, listing, looking, stopping, removing. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/api.h"
#include "operator/api_read.h"
#include "package/rules.h"

#define HOUR           ((mse_time)3600)
#define RESERVED_FOR   HOUR
#define EXPIRES_DAYS   ((mse_time)365 * 24 * HOUR)
#define DEFAULT_TITLE  "default"
#define METRICS_AT_ALL ((int64_t)3600 * 1000)

/* What is written. */

void api_write_port(struct mse_js *j, uint16_t port)
{
    if (port != 0) {
        mse_js_uint(j, "port", port);
    } else {
        mse_js_str(j, "port", NULL);
    }
}

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void write_maybe(struct mse_js *j, const char *key, const char *text)
{
    if (text[0] != '\0') {
        mse_js_str(j, key, text);
    }
}

static void write_times(struct mse_js *j, const struct mse_op_app *a)
{
    mse_js_time(j, "created_at", a->created_at);
    if (a->ready_at != 0) {
        mse_js_time(j, "ready_at", a->ready_at);
    }
    if (a->stopped_at != 0) {
        mse_js_time(j, "stopped_at", a->stopped_at);
    }
    mse_js_time(j, "expires_at", a->expires_at);
}

static void write_members(struct mse_js *j, const struct api_call *c, const struct mse_op_app *a)
{
    mse_js_str(j, "id", a->id);
    mse_js_str(j, "name", a->name);
    mse_js_str(j, "project_id", a->project_id);
    mse_js_str(j, "owner_id", a->owner_id);
    mse_js_str(j, "domain_name", a->domain_name);
    mse_js_str(j, "config_domain_name", a->config_domain_name);
    api_write_port(j, c->api->cfg->public_port);
    write_times(j, a);
    mse_js_str(j, "status", mse_op_status_name(a->status));
    write_maybe(j, "detail", a->detail);
    mse_js_str(j, "hardware_name", a->hardware);
    mse_js_str(j, "mode", mse_op_mode_name(a->mode));
    mse_js_str(j, "ssl_certificate_origin", mse_op_mode_name(a->mode));
    write_maybe(j, "python_application", a->python_application);
    write_maybe(j, "command", a->command);
    mse_js_str(j, "healthcheck_endpoint", a->healthcheck_endpoint);
    mse_js_str(j, "fingerprint", or_null(a->fingerprint));
    mse_js_str(j, "node", or_null(a->node));
    mse_js_uint(j, "replicas", a->replicas == 0 ? 1 : a->replicas);
}

static void write_app(struct mse_js *j, const struct api_call *c, const struct mse_op_app *a)
{
    mse_js_open(j, NULL, '{');
    write_members(j, c, a);
    mse_js_close(j, '}');
}

static mse_status write_place(void *arg, const struct mse_op_place *p)
{
    struct mse_js *j = arg;
    mse_js_open(j, NULL, '{');
    mse_js_uint(j, "number", p->number);
    mse_js_str(j, "node", or_null(p->node));
    mse_js_str(j, "status", p->state);
    write_maybe(j, "detail", p->detail);
    mse_js_close(j, '}');
    return MSE_OK;
}

struct mse_reply *api_one_app(unsigned status, const struct api_call *c, const struct mse_op_app *a)
{
    struct mse_error err = { 0 };
    mse_status st = MSE_OK;
    struct mse_reply *r = api_json(status);
    if (r == NULL) {
        return NULL;
    }
    struct mse_js j = { .b = &r->body };
    mse_js_open(&j, NULL, '{');
    write_members(&j, c, a);
    if (a->replicas > 1) {
        mse_js_open(&j, "instances", '[');
        st = mse_op_app_places(c->store, a->id, write_place, &j, &err);
        mse_js_close(&j, ']');
    }
    mse_js_close(&j, '}');
    if (st != MSE_OK) {
        mse_reply_unref(r);
        return api_failed(st, &err);
    }
    return api_done(r);
}

struct mse_reply *api_own_app(struct api_call *c, struct mse_op_app *out)
{
    struct mse_error err = { 0 };
    mse_status st = mse_op_app_get(c->store, out, c->user.id, c->id, &err);
    return st == MSE_OK ? NULL : api_failed(st, &err);
}

struct mse_reply *api_app_get(struct api_call *c)
{
    struct mse_op_app a = { 0 };
    struct mse_reply *r = api_own_app(c, &a);
    return r != NULL ? r : api_one_app(HTTP_OK, c, &a);
}

/* Projects by name or id. */

static mse_status take_project(void *arg, const struct mse_op_project *p)
{
    *(struct mse_op_project *)arg = *p;
    return MSE_OK;
}

static struct mse_reply *no_project(const char *name)
{
    return api_problem(HTTP_NOT_FOUND, "There is no project %s.", name);
}

struct mse_reply *api_find_project(struct api_call *c, const char *name, struct mse_op_project *out)
{
    struct mse_error err = { 0 };
    struct mse_op_project p = { 0 };
    mse_status st = mse_rule_uuid4(name)
                        ? mse_op_project_get(c->store, &p, c->user.id, name, &err)
                        : mse_op_project_list(c->store, c->user.id, name, take_project, &p, &err);
    if (st == MSE_ERR_NOT_FOUND || (st == MSE_OK && p.id[0] == '\0')) {
        return no_project(name);
    }
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    *out = p;
    return NULL;
}

/* Lists. */

struct app_listing {
    struct api_page page;
    const struct api_call *c;
};

static mse_status list_app(void *arg, const struct mse_op_app *a)
{
    struct app_listing *l = arg;
    if (api_page_wants(&l->page)) {
        write_app(&l->page.j, l->c, a);
    }
    return MSE_OK;
}

/* "a,b" as bits. */
static bool read_statuses(unsigned *out, const char *text)
{
    unsigned bits = 0;
    while (text != NULL) {
        size_t len = strcspn(text, ",");
        enum mse_op_app_status st;
        if (!mse_op_status_parse(&st, mse_bytes_of(text, len))) {
            return false;
        }
        bits |= 1U << st;
        text = text[len] == ',' ? text + len + 1 : NULL;
    }
    *out = bits;
    return true;
}

struct mse_reply *api_app_list(struct api_call *c)
{
    struct mse_op_project project = { .id = "" };
    struct mse_op_app_filter f = { .owner_id = c->user.id, .limit = INT32_MAX };
    struct app_listing l = { .c = c };
    struct mse_error err = { 0 };
    struct mse_reply *r = NULL;
    const char *statuses = api_value(c, "status");
    const char *name = api_value(c, "project");
    if (!read_statuses(&f.statuses, statuses)) {
        return api_problem(HTTP_UNPROCESSABLE,
                           "status is %.60s, wanted some of spawning, initializing, running, "
                           "stopped, on_error.",
                           statuses);
    }
    if (name != NULL) {
        r = api_find_project(c, name, &project);
        if (r != NULL) {
            return r;
        }
        f.project_id = project.id;
    }
    f.name = api_value(c, "name");
    if (!api_page_begin(&l.page, c, &r)) {
        return r;
    }
    mse_status st = mse_op_app_list(c->store, &f, list_app, &l, &err);
    return api_page_of(&l.page, c, st, &err);
}

static mse_status take_first_hardware(void *arg, const struct mse_op_hardware *h)
{
    char *name = arg;
    if (name[0] == '\0') {
        memcpy(name, h->name, sizeof h->name);
    }
    return MSE_OK;
}

struct mse_reply *api_app_default(struct api_call *c)
{
    struct mse_op_project p = { 0 };
    struct mse_error err = { 0 };
    char hardware[MSE_OP_NAME_LEN] = "";
    struct mse_reply *r = api_find_project(c, DEFAULT_TITLE, &p);
    if (r != NULL) {
        return r;
    }
    mse_status st = mse_op_hardware_list(c->store, NULL, take_first_hardware, hardware, &err);
    if (st != MSE_OK) {
        return api_failed(st, &err);
    }
    r = api_json(HTTP_OK);
    if (r == NULL) {
        return NULL;
    }
    struct mse_js j = { .b = &r->body };
    mse_js_open(&j, NULL, '{');
    mse_js_str(&j, "project", p.name);
    mse_js_str(&j, "hardware", or_null(hardware));
    mse_js_close(&j, '}');
    return api_done(r);
}

/* Reserving. */

void api_names_of(struct api_names *out, const struct api_call *c,
                  const struct mse_op_reservation *r)
{
    const struct mse_op_config *conf = c->api->cfg->conf;
    out->domain[0] = '\0';
    if (r->mode != MSE_OP_OWNER) {
        (void)snprintf(out->domain, sizeof out->domain, "%s.%s", r->label,
                       r->mode == MSE_OP_OPERATOR ? conf->dev_domain : conf->domain);
    }
    (void)snprintf(out->config, sizeof out->config, "%s.%s", r->app_id, conf->domain);
}

struct reservation_asked {
    struct mse_op_reservation r;
    char project[MSE_OP_TITLE_LEN];
};

static bool read_reservation(struct api_read *r, struct mse_bytes key, void *out)
{
    struct reservation_asked *a = out;
    struct mse_bytes word = { 0 };
    if (mse_bytes_is_str(key, "app_id")) {
        return api_read_text(r, a->r.app_id, sizeof a->r.app_id) && mse_rule_uuid4(a->r.app_id);
    }
    if (mse_bytes_is_str(key, "name")) {
        return api_read_text(r, a->r.name, sizeof a->r.name);
    }
    if (mse_bytes_is_str(key, "project")) {
        return api_read_text(r, a->project, sizeof a->project);
    }
    if (mse_bytes_is_str(key, "mode")) {
        return mse_json_plain(&r->j, &word) && mse_op_mode_parse(&a->r.mode, word);
    }
    return api_read_unknown(r, key);
}

static struct mse_reply *one_reservation(const struct api_call *c,
                                         const struct mse_op_reservation *o)
{
    struct api_names names;
    struct mse_reply *r = api_json(HTTP_CREATED);
    if (r == NULL) {
        return NULL;
    }
    struct mse_js j = { .b = &r->body };
    api_names_of(&names, c, o);
    mse_js_open(&j, NULL, '{');
    mse_js_str(&j, "app_id", o->app_id);
    mse_js_str(&j, "name", o->name);
    mse_js_str(&j, "project_id", o->project_id);
    mse_js_str(&j, "mode", mse_op_mode_name(o->mode));
    mse_js_str(&j, "domain_name", or_null(names.domain));
    mse_js_str(&j, "config_domain_name", names.config);
    api_write_port(&j, c->api->cfg->public_port);
    mse_js_time(&j, "expires_default", c->now + EXPIRES_DAYS);
    mse_js_time(&j, "expires_at", o->expires_at);
    mse_js_close(&j, '}');
    return api_done(r);
}

struct mse_reply *api_app_reserve(struct api_call *c)
{
    static const char *const needed[] = { "name", "project", "mode", NULL };
    struct reservation_asked a = { .project = "" };
    struct mse_op_project project = { 0 };
    struct mse_error err = { 0 };
    struct mse_reply *r = api_read_body(c, read_reservation, &a, needed);
    if (r == NULL && !mse_rule_name(a.r.name)) {
        r = api_problem(HTTP_UNPROCESSABLE,
                        "name: wanted 1 to 255 bytes of UTF-8, no white space at either end.");
    }
    if (r == NULL) {
        r = api_find_project(c, a.project, &project);
    }
    if (r != NULL) {
        return r;
    }
    memcpy(a.r.owner_id, c->user.id, sizeof a.r.owner_id);
    memcpy(a.r.project_id, project.id, sizeof a.r.project_id);
    a.r.expires_at = c->now + RESERVED_FOR;
    mse_status st = mse_op_reserve(c->store, &c->by, &a.r, &err);
    return st == MSE_OK ? one_reservation(c, &a.r) : api_failed(st, &err);
}

/* The end of an app. */

struct mse_reply *api_app_stop(struct api_call *c)
{
    struct mse_error err = { 0 };
    mse_status st = mse_op_app_stop(c->store, &c->by, c->user.id, c->id, &err);
    return st == MSE_OK ? api_nothing() : api_failed(st, &err);
}

struct mse_reply *api_app_delete(struct api_call *c)
{
    struct mse_error err = { 0 };
    mse_status st = mse_op_app_remove(c->store, &c->by, c->user.id, c->id, &err);
    if (st == MSE_ERR_CONFIG) {
        return api_problem_with(HTTP_CONFLICT, "hint", "Stop it first.", "The app lives.");
    }
    return st == MSE_OK ? api_nothing() : api_failed(st, &err);
}

/* Metrics. */

struct series {
    struct mse_js j;
    char name[64];
    bool open;
};

static void end_series(struct series *s)
{
    if (s->open) {
        mse_js_close(&s->j, ']');
    }
    s->open = false;
}

static mse_status take_metric(void *arg, const struct mse_op_metric *m)
{
    struct series *s = arg;
    if (!s->open || strcmp(s->name, m->name) != 0) {
        end_series(s);
        (void)snprintf(s->name, sizeof s->name, "%s", m->name);
        mse_js_open(&s->j, s->name, '[');
        s->open = true;
    }
    mse_js_open(&s->j, NULL, '[');
    mse_js_time(&s->j, NULL, m->at_ms / 1000);
    mse_js_int(&s->j, NULL, m->value);
    mse_js_close(&s->j, ']');
    return MSE_OK;
}

struct mse_reply *api_app_metrics(struct api_call *c)
{
    struct mse_op_app a = { 0 };
    struct mse_error err = { 0 };
    mse_time since = 0;
    int64_t now_ms = 0;
    const char *text = api_value(c, "since");
    if (text != NULL && !mse_time_parse(&since, mse_bytes_str(text))) {
        return api_problem(HTTP_UNPROCESSABLE, "since is %.60s, wanted YYYY-MM-DDThh:mm:ssZ.",
                           text);
    }
    struct mse_reply *r = api_own_app(c, &a);
    if (r != NULL) {
        return r;
    }
    mse_status st = mse_op_clock_ms(c->store, &now_ms, &err);
    r = st == MSE_OK ? api_json(HTTP_OK) : api_failed(st, &err);
    if (r == NULL || st != MSE_OK) {
        return r;
    }
    struct series s = { .j = { .b = &r->body } };
    mse_js_open(&s.j, NULL, '{');
    st = mse_op_metric_get(c->store, a.id, text != NULL ? since * 1000 : now_ms - METRICS_AT_ALL,
                           take_metric, &s, &err);
    end_series(&s);
    mse_js_close(&s.j, '}');
    if (st != MSE_OK) {
        mse_reply_unref(r);
        return api_failed(st, &err);
    }
    return api_done(r);
}
