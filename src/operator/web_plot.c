/* SPDX-License-Identifier: Apache-2.0 */
/* Plots as SVG: a path for each series, its summary in words, and a table of the same values. No
 * axis text is inside the picture, so that it can be stretched to any width. */
#include "base/util.h"
#include "operator/web.h"

#define HEIGHT 100.0
#define ROWS   12

/* In the largest unit of which there is one. */
static void write_bytes(struct mse_build *b, double v)
{
    static const char *const sizes[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    size_t size = 0;
    while (v >= 1024 && size + 1 < MSE_ARRAY_LEN(sizes)) {
        v /= 1024;
        size++;
    }
    mse_wr_printf(b, "%.*f %s", size > 0 && v < 100 ? 1 : 0, v, sizes[size]);
}

static void write_time(struct mse_build *b, double us)
{
    if (us < 1000) {
        mse_wr_printf(b, "%.0f µs", us);
    } else if (us < 1e6) {
        mse_wr_printf(b, "%.*f ms", us < 1e5 ? 1 : 0, us / 1e3);
    } else {
        mse_wr_printf(b, "%.2f s", us / 1e6);
    }
}

const char *web_value(char out[32], enum web_unit unit, double v)
{
    struct mse_build b;
    mse_build_fixed(&b, out, 32);
    switch (unit) {
    case WEB_COUNT:
        mse_wr_printf(&b, "%.*f", v < 10 && v != (double)(int64_t)v ? 1 : 0, v);
        break;
    case WEB_CORES:
        mse_wr_printf(&b, "%.1f %%", v / 10);
        break;
    case WEB_US:
        write_time(&b, v);
        break;
    case WEB_BYTES:
        write_bytes(&b, v);
        break;
    case WEB_BYTES_SECOND:
        write_bytes(&b, v);
        mse_wr_str(&b, "/s");
        break;
    }
    const char *text = mse_build_cstr(&b);
    return text != NULL ? text : "–"; /* no machine has that much */
}

double web_scale(enum web_unit unit, double max)
{
    bool bytes = unit == WEB_BYTES || unit == WEB_BYTES_SECOND;
    double power = bytes ? 1024 : unit == WEB_CORES ? 10 : 1;
    while (bytes && max > power * 1024) {
        power *= 1024;
    }
    for (;;) {
        static const double steps[] = { 1, 2, 5 };
        for (size_t i = 0; i < MSE_ARRAY_LEN(steps); i++) {
            if (power * steps[i] >= max) {
                return power * steps[i];
            }
        }
        power *= 10;
    }
}

struct summary {
    size_t num;
    double sum;
    double max;
    double last;
};

static struct summary summarise(const struct web_series *s)
{
    struct summary u = { .num = 0 };
    for (size_t i = 0; i < WEB_STEPS; i++) {
        if (s->there[i]) {
            u.num++;
            u.sum += s->values[i];
            u.max = s->values[i] > u.max ? s->values[i] : u.max;
            u.last = s->values[i];
        }
    }
    return u;
}

static void write_line(struct mse_build *b, const struct web_series *s, double top)
{
    bool down = false;
    for (size_t i = 0; i < WEB_STEPS; i++) {
        if (s->there[i]) {
            mse_wr_printf(b, "%s%zu %.1f", down ? "L" : "M", i,
                          HEIGHT - s->values[i] / top * HEIGHT);
            if (!down) {
                mse_wr_str(b, "h1"); /* also one that stands alone is seen */
            }
        }
        down = s->there[i];
    }
}

static void write_bars(struct mse_build *b, const struct web_series *s, double top)
{
    for (size_t i = 0; i < WEB_STEPS; i++) {
        if (s->there[i] && s->values[i] > 0) {
            double y = HEIGHT - s->values[i] / top * HEIGHT;
            mse_wr_printf(b, "M%zu 100V%.1fh1V100z", i, y > HEIGHT - 1 ? HEIGHT - 1 : y);
        }
    }
}

static void write_times(struct mse_build *b, const struct web_plot *p)
{
    bool days = p->step_ms * WEB_STEPS > (int64_t)2 * 86400 * 1000;
    mse_html(b, "<div class=\"x\" aria-hidden=\"true\">");
    for (int i = 0; i <= 4; i++) {
        char text[MSE_TIME_TEXT_LEN];
        mse_time_format(text, (p->since_ms + p->step_ms * WEB_STEPS / 4 * i) / 1000);
        text[days ? 10 : 16] = '\0';
        mse_html(b, "<span>%s</span>", text + (days ? 5 : 11));
    }
    mse_html(b, "</div>\n");
}

/* The values for the script that reads them out; -1: none. */
static void write_values(struct mse_build *b, const struct web_series *s)
{
    for (size_t i = 0; i < WEB_STEPS; i++) {
        mse_wr_printf(b, "%s%.0f", i == 0 ? "" : " ", s->there[i] ? s->values[i] : -1.0);
    }
}

static void write_picture(struct mse_build *b, const struct web_plot *p, double top)
{
    char text[32];
    mse_html(b, "<div class=\"frame\"><div class=\"y\" aria-hidden=\"true\"><span>%s</span>",
             web_value(text, p->unit, top));
    mse_html(b, "<span>%s</span><span>0</span></div>\n", web_value(text, p->unit, top / 2));
    mse_html(b,
             "<svg viewBox=\"0 0 %u 100\" preserveAspectRatio=\"none\" role=\"img\" "
             "aria-label=\"%s: see the summary and the table\" data-since=\"%lld\" "
             "data-step=\"%lld\" data-unit=\"%u\">\n<path class=\"grid\" d=\"M0 0H%uM0 50H%uM0 "
             "100H%u\"/>\n",
             (unsigned)WEB_STEPS, p->title, (long long)p->since_ms, (long long)p->step_ms,
             (unsigned)p->unit, (unsigned)WEB_STEPS, (unsigned)WEB_STEPS, (unsigned)WEB_STEPS);
    for (size_t i = 0; i < p->num; i++) {
        mse_html(b, "<path class=\"%s%u\" data-name=\"%s\" data-values=\"",
                 p->bars ? "bar" : "line", (unsigned)i + 1, p->series[i]->name);
        write_values(b, p->series[i]);
        mse_html(b, "\" d=\"");
        (p->bars ? write_bars : write_line)(b, p->series[i], top);
        mse_html(b, "\"/>\n");
    }
    mse_html(b, "</svg>\n");
    write_times(b, p);
    mse_html(b, "</div>\n");
}

/* The mean of a part of a series; false if there is none. */
static bool mean_of(double *out, const struct web_series *s, size_t from, size_t to)
{
    size_t num = 0;
    double sum = 0;
    for (size_t i = from; i < to; i++) {
        num += s->there[i] ? 1 : 0;
        sum += s->there[i] ? s->values[i] : 0;
    }
    *out = num > 0 ? sum / (double)num : 0;
    return num > 0;
}

static void write_row(struct mse_build *b, const struct web_plot *p, size_t row)
{
    char text[32];
    char when[MSE_TIME_TEXT_LEN];
    size_t from = row * (WEB_STEPS / ROWS);
    mse_time_format(when, (p->since_ms + p->step_ms * (int64_t)from) / 1000);
    when[16] = '\0';
    when[10] = '\0';
    mse_html(b, "<tr><th scope=\"row\">%s %s</th>", when, when + 11);
    for (size_t i = 0; i < p->num; i++) {
        double v = 0;
        bool any = mean_of(&v, p->series[i], from, from + WEB_STEPS / ROWS);
        v *= p->bars ? WEB_STEPS / ROWS : 1;
        mse_html(b, "<td>%s</td>", any ? web_value(text, p->unit, v) : "–");
    }
    mse_html(b, "</tr>\n");
}

static void write_table(struct mse_build *b, const struct web_plot *p)
{
    mse_html(b,
             "<details><summary>%s as a table</summary>\n<table><thead><tr>"
             "<th scope=\"col\">From (UTC)</th>",
             p->title);
    for (size_t i = 0; i < p->num; i++) {
        mse_html(b, "<th scope=\"col\">%s</th>", p->series[i]->name);
    }
    mse_html(b, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < ROWS; i++) {
        write_row(b, p, i);
    }
    mse_html(b, "</tbody></table></details>\n");
}

void web_plot(struct mse_build *b, const struct web_plot *p)
{
    double max = 0;
    size_t num = 0;
    mse_html(b, "<figure class=\"plot\">\n<figcaption><h3>%s</h3>\n<ul class=\"legend\">",
             p->title);
    for (size_t i = 0; i < p->num; i++) {
        char text[2][32];
        struct summary u = summarise(p->series[i]);
        max = u.max > max ? u.max : max;
        num += u.num;
        if (u.num > 0) {
            double first = p->bars ? u.sum : u.last;
            mse_html(b, "<li class=\"key%u\">%s: %s %s, at most %s</li>", (unsigned)i + 1,
                     p->series[i]->name, p->bars ? "in all" : "last",
                     web_value(text[0], p->unit, first), web_value(text[1], p->unit, u.max));
        }
    }
    mse_html(b, "</ul></figcaption>\n");
    if (num == 0) {
        mse_html(b, "<p class=\"empty\">Nothing was measured in this time.</p>\n");
    } else {
        write_picture(b, p, web_scale(p->unit, max));
        write_table(b, p);
    }
    mse_html(b, "</figure>\n");
}
