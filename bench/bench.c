/* SPDX-License-Identifier: Apache-2.0 */
/* See bench.h. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

_Noreturn void bench_die(const char *what, const char *which)
{
    (void)fprintf(stderr, "bench: %s: %s\n", what, which);
    exit(2);
}

double bench_cpu_seconds(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0) {
        bench_die("no clock", "CLOCK_THREAD_CPUTIME_ID");
    }
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void bench_add(struct bench_series *s, double value)
{
    if (s->num == BENCH_MAX_RUNS) {
        bench_die("too many runs", "bench_add");
    }
    s->values[s->num] = value;
    s->num++;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct bench_series sorted(const struct bench_series *s)
{
    struct bench_series out = *s;
    qsort(out.values, out.num, sizeof out.values[0], compare);
    return out;
}

static double median(const struct bench_series *s)
{
    size_t half = s->num / 2;
    return s->num % 2 == 1 ? s->values[half] : (s->values[half - 1] + s->values[half]) / 2;
}

static void print_series(const char *prefix, const struct bench_series *s)
{
    (void)printf(",\"%smedian\":%.6g,\"%smin\":%.6g,\"%smax\":%.6g", prefix, median(s), prefix,
                 s->values[0], prefix, s->values[s->num - 1]);
}

double bench_report(const struct bench_figure *f, const struct bench_series *seen,
                    const struct bench_series *floor)
{
    if (seen->num == 0 || seen->num != floor->num) {
        bench_die("no pairs", f->name);
    }
    struct bench_series ratios = { 0 };
    for (size_t i = 0; i < seen->num; i++) {
        bench_add(&ratios, seen->values[i] / floor->values[i]);
    }
    struct bench_series a = sorted(seen);
    struct bench_series b = sorted(floor);
    struct bench_series r = sorted(&ratios);
    (void)printf("{\"figure\":\"%s\",\"unit\":\"%s\",\"runs\":%zu", f->name, f->unit, a.num);
    print_series("", &a);
    print_series("floor_", &b);
    print_series("ratio_", &r);
    (void)printf(",\"what\":\"%s\",\"floor\":\"%s\"%s}\n", f->what, f->floor, f->extra);
    (void)fflush(stdout);
    return median(&r);
}

void *bench_alloc(size_t len)
{
    void *p = calloc(1, len);
    if (p == NULL) {
        bench_die("out of memory", "bench_alloc");
    }
    return p;
}

struct mse_bytes bench_read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (f == NULL || fstat(fileno(f), &st) != 0 || st.st_size < 0) {
        bench_die("cannot open", path);
    }
    size_t len = (size_t)st.st_size;
    struct mse_bytes out = { bench_alloc(len + 1), len };
    void *p = NULL;
    memcpy(&p, &out.data, sizeof p);
    if (fread(p, 1, len, f) != len || fclose(f) != 0) {
        bench_die("cannot read", path);
    }
    return out;
}

void bench_free(struct mse_bytes b)
{
    void *p = NULL;
    memcpy(&p, &b.data, sizeof p); /* it came from bench_alloc */
    free(p);
}
