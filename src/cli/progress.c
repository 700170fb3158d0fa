/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <unistd.h>

#define DELAY_MS 500
#define EVERY_MS 100
#define BAR_LEN  24U

static uint64_t now_ms(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void cli_progress_begin(struct cli_progress *p, const struct cli *c, const char *what)
{
    struct cli_progress fresh = {
        .what = what,
        .wanted = !c->json && isatty(STDERR_FILENO) != 0,
        .started = now_ms(),
    };
    *p = fresh;
}

/* 512 B, 12.3 KiB, 4.0 MiB */
static void size_text(char out[48], uint64_t n)
{
    uint64_t unit = n < (uint64_t)1024 * 1024 ? 1024 : (uint64_t)1024 * 1024;
    if (n < 1024) {
        (void)snprintf(out, 48, "%u B", (unsigned)n);
    } else {
        (void)snprintf(out, 48, "%llu.%llu %s", (unsigned long long)(n / unit),
                       (unsigned long long)(n % unit * 10 / unit), unit == 1024 ? "KiB" : "MiB");
    }
}

static unsigned percent(uint64_t bytes, uint64_t total)
{
    return (unsigned)(bytes < UINT64_MAX / 100 ? bytes * 100 / total : 100);
}

void cli_progress_line(char out[CLI_PROGRESS_LEN], const struct cli_progress *p, uint64_t bytes,
                       uint64_t total, uint64_t now)
{
    char done[48];
    char rate[48];
    char bar[BAR_LEN + 1];
    uint64_t passed = now > p->started ? now - p->started : 1;
    if (bytes == 0) {
        (void)snprintf(out, CLI_PROGRESS_LEN, "%c %s... %u s", "|/-\\"[p->turn % 4], p -> what,
                       (unsigned)(passed / 1000));
        return;
    }
    size_text(done, bytes);
    size_text(rate, bytes < UINT64_MAX / 1000 ? bytes * 1000 / passed : bytes);
    if (total < bytes) {
        (void)snprintf(out, CLI_PROGRESS_LEN, "%c %s... %s, %s/s", "|/-\\"[p->turn % 4], p -> what,
                       done, rate);
        return;
    }
    size_t full = (size_t)(total < BAR_LEN ? bytes * BAR_LEN / total : bytes / (total / BAR_LEN));
    full = full < BAR_LEN ? full : BAR_LEN;
    for (size_t i = 0; i < BAR_LEN; i++) {
        bar[i] = i < full ? '#' : '.';
    }
    bar[BAR_LEN] = '\0';
    (void)snprintf(out, CLI_PROGRESS_LEN, "%s [%s] %u%% %s, %s/s", p->what, bar,
                   percent(bytes, total), done, rate);
}

void cli_progress_step(void *user, uint64_t bytes, uint64_t total)
{
    struct cli_progress *p = user;
    char line[CLI_PROGRESS_LEN];
    uint64_t now = p->wanted ? now_ms() : 0;
    if (!p->wanted || now - p->started < DELAY_MS || now - p->last < EVERY_MS) {
        return;
    }
    cli_progress_line(line, p, bytes, total, now);
    (void)fprintf(stderr, "\r\033[K%s", line);
    (void)fflush(stderr);
    p->drawn = true;
    p->last = now;
    p->turn++;
}

void cli_progress_end(struct cli_progress *p)
{
    if (p->drawn) {
        (void)fprintf(stderr, "\r\033[K");
        (void)fflush(stderr);
    }
    p->drawn = false;
    p->wanted = false;
}
