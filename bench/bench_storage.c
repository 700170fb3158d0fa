/* SPDX-License-Identifier: Apache-2.0 */
/* The app's storage: sealing a snapshot of one large file, what a second one costs when a hundredth
 * of it has changed, and opening it again, beside SHA-256 and AES-256-GCM over as many bytes and
 * the copying of a file. All in a folder in memory. Exit status 1 beyond the limits. usage:
 * bench_storage FOLDER [MIB] */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "bench.h"
#include "enclave/store.h"
#include "floors.h"

#define RUNS    5U
#define TARGET  1.5
#define LIMIT   2.0
#define NOW     ((mse_time)1800000000)
#define CHANGED 100 /* one of so many MiB */

struct paths {
    char host[256];
    char data[256];
    char back[256];
    char model[300]; /* home/model of data */
    char copied[300];
};

static mse_status no_counter(void *arg, uint64_t *out, bool advance, struct mse_error *err)
{
    (void)arg;
    *out = 0;
    (void)advance;
    (void)err;
    return MSE_ERR_UNSUPPORTED;
}

static void folder_make(const char *path, bool with_parts)
{
    char part[300];
    static const char *const parts[] = { "home", "keys" };
    floor_must(mkdir(path, 0700) == 0, path);
    for (size_t i = 0; with_parts && i < MSE_ARRAY_LEN(parts); i++) {
        (void)snprintf(part, sizeof part, "%.250s/%s", path, parts[i]);
        floor_must(mkdir(part, 0700) == 0, part);
    }
}

static double time_snapshot(struct mse_store *s, const struct paths *p, mse_time now)
{
    struct mse_store_report r;
    const struct mse_store_take take = { .dir = p->data, .now = now };
    double begin = bench_cpu_seconds();
    floor_must(mse_store_snapshot(s, &take, &r, NULL) == MSE_OK && r.stored, "snapshot");
    return bench_cpu_seconds() - begin;
}

static void change(const struct paths *p, size_t num_mib, unsigned run)
{
    int fd = floor_open(p->model, O_WRONLY);
    for (size_t at = 0; at < num_mib; at += CHANGED) {
        floor_must(pwrite(fd, &run, sizeof run, (off_t)(at * FLOOR_MIB)) == sizeof run, p->model);
    }
    floor_must(close(fd) == 0, p->model);
}

static double time_restore(const struct mse_store_config *c, const struct paths *p)
{
    struct mse_store *s = NULL;
    folder_make(p->back, true);
    double begin = bench_cpu_seconds();
    floor_must(mse_store_open(&s, c, NULL) == MSE_OK &&
                   mse_store_restore(s, p->back, geteuid(), NOW + 2, NULL) == MSE_OK,
               "restore");
    double seconds = bench_cpu_seconds() - begin;
    mse_store_free(s);
    return seconds;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void folder_remove(const char *path)
{
    floor_must(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, path);
}

struct times {
    struct bench_series first;
    struct bench_series next;
    struct bench_series restore;
    struct bench_series floor;
    struct bench_series hash; /* reading and SHA-256 alone */
};

static void run_once(struct times *t, const struct paths *p, size_t num_mib, unsigned run)
{
    struct mse_store *s = NULL;
    struct mse_store_config c = { .root = { 1 }, .count = no_counter };
    folder_make(p->host, false);
    c.state_fd = floor_open(p->host, O_RDONLY | O_DIRECTORY);
    double hash = floor_sha256(num_mib);
    double copy = floor_copy(p->model, p->copied, num_mib);
    bench_add(&t->hash, hash);
    bench_add(&t->floor, hash + floor_aead(num_mib) + copy);
    floor_must(mse_store_create(&s, &c, NOW, NULL) == MSE_OK, "storage");
    bench_add(&t->first, time_snapshot(s, p, NOW + 1));
    change(p, num_mib, run);
    bench_add(&t->next, time_snapshot(s, p, NOW + 2));
    mse_store_free(s);
    bench_add(&t->restore, time_restore(&c, p));
    folder_remove(p->back);
    floor_must(close(c.state_fd) == 0, p->host);
    folder_remove(p->host);
}

static double report(const struct times *t, size_t num_mib)
{
    char extra[96];
    (void)snprintf(extra, sizeof extra, ",\"mib\":%zu,\"ratio_target\":%.3g,\"ratio_limit\":%.3g",
                   num_mib, TARGET, LIMIT);
    const struct bench_figure figures[] = {
        { "storage_first", "s", "the first snapshot of one file",
          "SHA-256 and AES-256-GCM over as many bytes, one copy of the file", extra },
        { "storage_restore", "s", "the storage opened, and the file written back",
          "SHA-256 and AES-256-GCM over as many bytes, one copy of the file", extra },
        { "storage_next", "s", "a snapshot after a hundredth of the file's MiB has changed",
          "SHA-256 over the whole file", extra },
    };
    double first = bench_report(&figures[0], &t->first, &t->floor);
    double restore = bench_report(&figures[1], &t->restore, &t->floor);
    double next = bench_report(&figures[2], &t->next, &t->hash);
    double worst = first > restore ? first : restore;
    return next > worst ? next : worst;
}

int main(int argc, char **argv)
{
    struct times t = { 0 };
    struct paths p;
    uint64_t num_mib = 512;
    if (argc < 2 || (argc > 2 && !mse_u64_parse(&num_mib, mse_bytes_str(argv[2]), 1 << 20))) {
        bench_die("usage", "bench_storage FOLDER [MIB]");
    }
    (void)snprintf(p.host, sizeof p.host, "%.200s/host", argv[1]);
    (void)snprintf(p.data, sizeof p.data, "%.200s/data", argv[1]);
    (void)snprintf(p.back, sizeof p.back, "%.200s/back", argv[1]);
    (void)snprintf(p.model, sizeof p.model, "%s/home/model", p.data);
    (void)snprintf(p.copied, sizeof p.copied, "%s.copy", p.data);
    folder_make(p.data, true);
    floor_file(p.model, num_mib);
    (void)floor_copy(p.model, p.copied, num_mib); /* pages that nobody has touched yet cost more */
    for (unsigned i = 1; i <= RUNS; i++) {
        run_once(&t, &p, num_mib, i);
    }
    folder_remove(p.data);
    return report(&t, num_mib) > LIMIT ? 1 : 0;
}
