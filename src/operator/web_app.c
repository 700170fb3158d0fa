/* SPDX-License-Identifier: Apache-2.0 */
/* One app, for its owner: what it is, what it costs its machine, what it writes. */
#include "base/bytes.h"
#include "base/util.h"
#include "operator/web.h"
#include "package/manifest.h"

#define HOUR_MS     ((int64_t)3600 * 1000)
#define LOG_BATCHES 4U
#define LOG_LINES   200U
#define MAX_LINE    ((size_t)4096)

struct look {
    struct web_page page;
    struct mse_op_app app;
    struct mse_manifest manifest; /* empty if it could not be read */
    bool has_manifest;
};

/* What it is. */

static void read_manifest(struct look *l, struct api_call *c)
{
    struct mse_build text;
    struct mse_error err = { 0 };
    mse_build_heap(&text, MSE_OP_MAX_MANIFEST);
    l->has_manifest = mse_op_app_manifest(c->store, &text, l->app.id, &err) == MSE_OK &&
                      mse_manifest_parse(&l->manifest, mse_build_view(&text), &err) == MSE_OK;
    mse_build_clear(&text);
}

static void write_address(struct look *l)
{
    struct mse_build *b = l->page.b;
    const struct mse_op_app *a = &l->app;
    char place[WEB_PLACE_LEN];
    (void)web_place(place, l->page.c, a->domain_name);
    web_fact(b, "Address");
    if (a->status == MSE_OP_RUNNING) {
        mse_html(b,
                 "<a class=\"name\" rel=\"noreferrer\" href=\"https://%s/\">https://%s/</a>"
                 "</dd>\n",
                 place, place);
    } else {
        mse_html(b, "<span class=\"name\">https://%s/</span></dd>\n", place);
    }
}

static void write_times(struct look *l)
{
    struct mse_build *b = l->page.b;
    const struct mse_op_app *a = &l->app;
    mse_time now = l->page.c->now;
    web_fact_time(b, "Made", a->created_at, now);
    web_fact_time(b, "Running since", a->ready_at, now);
    if (a->stopped_at != 0) {
        web_fact_time(b, "Ended", a->stopped_at, now);
    }
    web_fact_time(b, a->expires_at > now ? "Expires" : "Expired", a->expires_at, now);
}

static void write_rules(struct mse_build *b, const struct mse_manifest *m)
{
    web_fact_text(b, "Logs", mse_manifest_logs_word(m));
    web_fact_text(b, "After a restart",
                  m->restart == MSE_RESTART_SEALED ? "comes back with its sealed keys"
                                                   : "waits for its owner");
    web_fact(b, "Replicas");
    mse_html(b, "%u</dd>\n", (unsigned)m->replicas);
}

static mse_status write_place(void *arg, const struct mse_op_place *p)
{
    mse_html(arg, "<li>%s%s%s%s%s%s</li>\n", p->node[0] == '\0' ? "" : p->node,
             p->node[0] == '\0' ? "" : ": ", p->state, p->number == 0 ? ", leads" : "",
             p->detail[0] == '\0' ? "" : ": ", p->detail);
    return MSE_OK;
}

/* Several instances, and where they are. */
static void write_places(struct look *l)
{
    struct mse_build *b = l->page.b;
    struct mse_error err = { 0 };
    web_fact(b, "Instances");
    mse_html(b, "<ol start=\"0\">\n");
    if (mse_op_app_places(l->page.c->store, l->app.id, write_place, b, &err) != MSE_OK) {
        mse_html(b, "<li>The database does not say.</li>\n");
    }
    mse_html(b, "</ol></dd>\n");
}

static void write_facts(struct look *l)
{
    struct mse_build *b = l->page.b;
    const struct mse_op_app *a = &l->app;
    mse_html(b, "<dl class=\"facts\">\n");
    write_address(l);
    web_fact_hex(b, "Fingerprint, as the operator claims", a->fingerprint);
    web_fact_text(b, "Certificate", web_origin_words(a->mode));
    write_times(l);
    web_fact_text(b, "Hardware", a->hardware);
    if (a->replicas > 1) {
        write_places(l);
    } else {
        web_fact_text(b, "Node", a->node);
    }
    web_fact_text(b, a->command[0] != '\0' ? "Command" : "Python application",
                  a->command[0] != '\0' ? a->command : a->python_application);
    web_fact_text(b, "Health check", a->healthcheck_endpoint);
    if (l->has_manifest) {
        write_rules(b, &l->manifest);
    }
    web_fact_hex(b, "App id", a->id);
    web_fact_text(b, "Configuration name", a->config_domain_name);
    mse_html(b, "</dl>\n");
}

/* Figures. */

struct wanted {
    const char *metric;
    const char *name;
};
static const struct wanted_plot {
    const char *title;
    enum web_unit unit;
    struct wanted series[WEB_SERIES];
} plots[] = {
    { "CPU", WEB_CORES, { { "cpu_usage", "of a core" } } },
    { "Memory", WEB_BYTES, { { "memory_usage", "memory" }, { "fs_usage", "files" } } },
    { "Connections", WEB_COUNT, { { "amount_of_connection", "open" } } },
    { "Bytes",
      WEB_BYTES_SECOND,
      { { "throughput_in", "to the app" }, { "throughput_out", "from the app" } } },
    { "Time to connect",
      WEB_US,
      { { "average_connect_time", "mean" },
        { "connect_time_p50", "half are faster" },
        { "connect_time_p99", "99 % are faster" } } },
    { "Time to the first byte",
      WEB_US,
      { { "average_response_time", "mean" },
        { "response_time_p50", "half are faster" },
        { "response_time_p99", "99 % are faster" } } },
};

struct figures {
    struct mse_op_steps steps;
    struct web_series series[MSE_ARRAY_LEN(plots)][WEB_SERIES];
};

/* What several gateways or nodes measured of one step: amounts add up, of times the worst counts.
 */
static void put(struct web_series *s, enum web_unit unit, int64_t step, int64_t value)
{
    if (step < 0 || step >= WEB_STEPS) {
        return;
    }
    double v = (double)value;
    double before = s->there[step] ? s->values[step] : 0;
    s->values[step] = unit != WEB_US ? before + v : v > before ? v : before;
    s->there[step] = true;
}

static mse_status take_figure(void *arg, const struct mse_op_metric *m)
{
    struct figures *f = arg;
    int64_t step = (m->at_ms - f->steps.since_ms) / f->steps.step_ms;
    for (size_t i = 0; i < MSE_ARRAY_LEN(plots); i++) {
        for (size_t k = 0; k < WEB_SERIES && plots[i].series[k].metric != NULL; k++) {
            if (strcmp(plots[i].series[k].metric, m->name) == 0) {
                put(&f->series[i][k], plots[i].unit, step, m->value);
            }
        }
    }
    return MSE_OK;
}

static void write_plot(struct mse_build *b, struct figures *f, size_t which)
{
    const struct wanted_plot *w = &plots[which];
    struct web_plot p = { .title = w->title,
                          .unit = w->unit,
                          .since_ms = f->steps.since_ms,
                          .step_ms = f->steps.step_ms };
    for (; p.num < WEB_SERIES && w->series[p.num].metric != NULL; p.num++) {
        f->series[which][p.num].name = w->series[p.num].name;
        p.series[p.num] = &f->series[which][p.num];
    }
    web_plot(b, &p);
}

static unsigned wanted_hours(const struct api_call *c)
{
    const char *text = api_value(c, "hours");
    return text != NULL && strcmp(text, "1") == 0   ? 1
           : text != NULL && strcmp(text, "6") == 0 ? 6
                                                    : 24;
}

static void write_ranges(struct look *l, unsigned now)
{
    static const unsigned hours[] = { 1, 6, 24 };
    mse_html(l->page.b, "<nav class=\"views\" aria-label=\"How far back\">");
    for (size_t i = 0; i < MSE_ARRAY_LEN(hours); i++) {
        mse_html(l->page.b, "<a href=\"/app/%s?hours=%u#figures\"", l->app.id, hours[i]);
        mse_html(l->page.b, hours[i] == now ? " aria-current=\"page\">" : ">");
        mse_html(l->page.b, "%u %s</a> ", hours[i], hours[i] == 1 ? "hour" : "hours");
    }
    mse_html(l->page.b, "</nav>\n");
}

/* So many steps until now. */
static struct mse_op_steps steps_until(int64_t now_ms, int64_t hours)
{
    int64_t step = hours * HOUR_MS / WEB_STEPS;
    return (struct mse_op_steps) { (now_ms / step - WEB_STEPS + 1) * step, step };
}

static mse_status write_figures(struct look *l, int64_t now_ms, struct mse_error *err)
{
    struct api_call *c = l->page.c;
    struct figures *f = calloc(1, sizeof *f);
    unsigned hours = wanted_hours(c);
    if (f == NULL) {
        return MSE_ERR_MEMORY;
    }
    f->steps = steps_until(now_ms, hours);
    mse_status st = mse_op_metric_series(c->store, l->app.id, &f->steps, take_figure, f, err);
    mse_html(l->page.b, "<section aria-labelledby=\"figures\"><h2 id=\"figures\">Figures</h2>\n");
    write_ranges(l, hours);
    mse_html(l->page.b, "<p class=\"hint\">As node and gateways measure them. Times are UTC.</p>\n"
                        "<div class=\"plots\">\n");
    for (size_t i = 0; st == MSE_OK && i < MSE_ARRAY_LEN(plots); i++) {
        write_plot(l->page.b, f, i);
    }
    mse_html(l->page.b, "</div></section>\n");
    free(f);
    return st;
}

/* Logs. */

struct tail {
    struct mse_build text; /* of the last batches */
};

static mse_status take_batch(void *arg, const struct mse_op_log *l)
{
    struct tail *t = arg;
    mse_wr_bytes(&t->text, l->bytes);
    return MSE_OK;
}

/* From the beginning of its last lines on. */
static struct mse_bytes last_lines(struct mse_bytes text)
{
    size_t from = text.len;
    unsigned lines = 0;
    while (from > 0 && lines <= LOG_LINES) {
        from--;
        lines += text.data[from] == '\n' && from + 1 < text.len ? 1 : 0;
    }
    from += lines > LOG_LINES ? 1 : 0;
    return mse_bytes_of(text.data + from, text.len - from);
}

static void write_lines(struct mse_build *b, struct mse_bytes text)
{
    mse_html(b, "<pre class=\"log\" tabindex=\"0\" role=\"region\" aria-label=\"The last lines of "
                "the log\">");
    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.data);
        size_t shown = len > MAX_LINE ? MAX_LINE : len;
        mse_html(b, "<bdi>");
        mse_html_text(b, mse_bytes_of(text.data, shown));
        mse_html(b, shown < len ? "…</bdi>\n" : "</bdi>\n");
        len += end == NULL ? 0 : 1;
        text = mse_bytes_of(text.data + len, text.len - len);
    }
    mse_html(b, "</pre>\n");
}

static mse_status write_text(struct look *l, struct mse_error *err)
{
    struct mse_build *b = l->page.b;
    struct tail t;
    mse_build_heap(&t.text, LOG_BATCHES * MSE_OP_LOG_MAX);
    mse_status st = mse_op_log_tail(l->page.c->store, l->app.id, LOG_BATCHES, take_batch, &t, err);
    struct mse_bytes text = mse_build_view(&t.text);
    if (st == MSE_OK && text.len == 0) {
        mse_html(b, "<p class=\"empty\">It has written nothing.</p>\n");
    } else if (st == MSE_OK) {
        mse_html(b, "<p>The manifest says <code>plain</code>: the operator can read this, too.</p>"
                    "\n");
        write_lines(b, last_lines(text));
    }
    mse_build_clear(&t.text);
    return st;
}

static void write_no_text(struct look *l)
{
    struct mse_build *b = l->page.b;
    if (l->has_manifest && l->manifest.logs == MSE_LOGS_OWNER) {
        char text[64];
        (void)snprintf(text, sizeof text, "mse cloud logs %s", l->app.id);
        mse_html(b, "<p>Each line is sealed to the owner's key; the platform cannot read them. On "
                    "the machine that deployed the app:</p>\n");
        web_command(b, "Command that opens the log", text);
    } else if (l->has_manifest) {
        mse_html(b,
                 "<p>The manifest says <code>none</code>: the app's output is thrown away in the "
                 "enclave.</p>\n");
    }
}

struct volume {
    struct mse_op_steps steps;
    struct web_series series;
};

static mse_status take_volume(void *arg, const struct mse_op_metric *m)
{
    struct volume *v = arg;
    put(&v->series, WEB_BYTES, (m->at_ms - v->steps.since_ms) / v->steps.step_ms, m->value);
    return MSE_OK;
}

static mse_status write_logs(struct look *l, int64_t now_ms, struct mse_error *err)
{
    struct mse_build *b = l->page.b;
    struct api_call *c = l->page.c;
    struct volume *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return MSE_ERR_MEMORY;
    }
    v->steps = steps_until(now_ms, MSE_OP_LOG_KEEP_MS / HOUR_MS);
    v->series.name = "written";
    mse_status st = mse_op_log_volume(c->store, l->app.id, &v->steps, take_volume, v, err);
    const struct web_plot p = { .title = "Log volume of four days",
                                .unit = WEB_BYTES,
                                .bars = true,
                                .since_ms = v->steps.since_ms,
                                .step_ms = v->steps.step_ms,
                                .num = 1,
                                .series = { &v->series } };
    mse_html(b, "<section aria-labelledby=\"logs\"><h2 id=\"logs\">Logs</h2>\n");
    web_plot(b, &p);
    if (st == MSE_OK && l->has_manifest && l->manifest.logs == MSE_LOGS_PLAIN) {
        st = write_text(l, err);
    } else {
        write_no_text(l);
    }
    mse_html(b, "</section>\n");
    free(v);
    return st;
}

/* The page. */

static mse_status write_all(struct look *l, struct mse_error *err)
{
    struct mse_build *b = l->page.b;
    int64_t now_ms = 0;
    mse_html(b,
             "<p class=\"path\"><a href=\"/\">Apps</a></p>\n<h1><bdi>%s</bdi></h1>\n"
             "<p class=\"state\" data-app=\"%s\" data-status=\"%s\">",
             l->app.name, l->app.id, mse_op_status_name(l->app.status));
    web_status(b, l->app.status);
    if (l->app.detail[0] != '\0') {
        mse_html(b, " <bdi>%s</bdi>", l->app.detail);
    }
    mse_html(b, "</p>\n<p class=\"links\"><a href=\"/verify/%s\">How its users verify it</a>",
             l->app.id);
    if (l->app.status == MSE_OP_RUNNING || l->app.status == MSE_OP_INITIALIZING) {
        mse_html(b, " · <a href=\"/verify/%s/evidence\">Its evidence</a>", l->app.id);
    }
    mse_html(b, "</p>\n");
    write_facts(l);
    mse_status st = mse_op_clock_ms(l->page.c->store, &now_ms, err);
    if (st == MSE_OK) {
        st = write_figures(l, now_ms, err);
    }
    return st == MSE_OK ? write_logs(l, now_ms, err) : st;
}

struct mse_reply *web_app(struct api_call *c)
{
    struct mse_error err = { 0 };
    struct look *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    struct mse_reply *r = NULL;
    mse_status st = mse_op_app_get(c->store, &l->app, c->user.id, c->id, &err);
    if (st == MSE_OK && web_begin(&l->page, c, HTTP_OK, l->app.name)) {
        read_manifest(l, c);
        st = write_all(l, &err);
        if (st == MSE_OK) {
            r = web_end(&l->page);
        } else {
            mse_reply_unref(l->page.r);
        }
    }
    if (st != MSE_OK) {
        r = web_failed(c, st, &err);
    }
    mse_manifest_clear(&l->manifest);
    free(l);
    return r;
}
