/* SPDX-License-Identifier: Apache-2.0 */
/* What the measuring programs share: clocks, series, one JSON line per figure. Not installed; it
 * aborts on trouble. bench/README.md explains the keys. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <mse/types.h>

#define BENCH_MAX_RUNS 512

struct bench_series {
    size_t num;
    double values[BENCH_MAX_RUNS];
};

struct bench_figure {
    const char *name;  /* stable */
    const char *unit;  /* of median, min, max and the floor's */
    const char *what;  /* what was timed, in words */
    const char *floor; /* what it is compared with, in words */
    const char *extra; /* more members, each with a leading comma, or "" */
};

/* CPU time of this thread, seconds: what neighbours on the machine disturb least. */
double bench_cpu_seconds(void);
void bench_add(struct bench_series *s, double value);
/* bench_report prints the line and returns the median of the ratios of the pairs (seen[i] /
 * floor[i]): a pair was taken back to back, so that load hits both alike. */
double bench_report(const struct bench_figure *f, const struct bench_series *seen,
                    const struct bench_series *floor);
_Noreturn void bench_die(const char *what, const char *which);

/* len bytes on the heap, zero; aborts if there are none. */
void *bench_alloc(size_t len);
/* The whole file, on the heap; aborts if it cannot be read. */
struct mse_bytes bench_read_file(const char *path);
void bench_free(struct mse_bytes b);

#endif
