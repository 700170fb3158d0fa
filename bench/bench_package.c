/* SPDX-License-Identifier: Apache-2.0 */
/* The code of an app, 1 GiB of it in one file: its digest beside plain SHA-256, packing and
 * unpacking beside AES-256-GCM and SHA-256 over as many bytes and the copying of a file. All in a
 * folder in memory, so that no disk is measured. Exit status 1 if a rate is below 0.8 of its
 * floor's, or if the peak of memory grew by more than 16 MiB. usage: bench_package FOLDER [MIB] */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "bench.h"
#include "floors.h"
#include "package/code.h"

#define RUNS       3U
#define LIMIT      1.25 /* of times: 0.8 of the rate */
#define MAX_GROWTH (16L * 1024)

static const uint8_t key[32] = { 1 };
static const uint8_t salt[32] = { 2 };

struct paths {
    char code[256];
    char model[300];
    char package[256];
    char dest[256];
    char out[300];
};

/* What the file system takes in any case. Once without a watch: pages that a virtual machine has
 * not touched yet can cost more than all the rest, and what is measured next gets these. */
static double time_copy(const struct paths *p, size_t num_mib)
{
    double seconds = 0;
    for (int i = 0; i < 2; i++) {
        floor_must(mkdir(p->dest, 0700) == 0, p->dest);
        seconds = floor_copy(p->model, p->out, num_mib);
        floor_must(rmdir(p->dest) == 0, p->dest);
    }
    return seconds;
}

static double time_digest(const struct paths *p, uint8_t out[32], const char *dir)
{
    double begin = bench_cpu_seconds();
    floor_must(mse_code_digest(out, dir, salt, true, NULL) == MSE_OK, p->code);
    return bench_cpu_seconds() - begin;
}

/* As an owner does it: digest for the manifest, then the package. */
static double time_pack(const struct paths *p, uint8_t digest[32])
{
    const struct mse_package package = { .manifest_digest = digest, .key = key };
    int fd = floor_open(p->package, O_WRONLY | O_CREAT | O_TRUNC);
    double begin = bench_cpu_seconds();
    (void)time_digest(p, digest, p->code);
    floor_must(mse_package_write(fd, p->code, salt, &package, NULL) == MSE_OK, "packing");
    double seconds = bench_cpu_seconds() - begin;
    floor_must(close(fd) == 0, p->package);
    return seconds;
}

/* As the enclave does it. */
static double time_unpack(const struct paths *p, const uint8_t digest[32], size_t num_mib)
{
    const struct mse_package package = { .manifest_digest = digest,
                                         .key = key,
                                         .max_total = num_mib * FLOOR_MIB };
    struct mse_unpacked got;
    int fd = floor_open(p->package, O_RDONLY);
    floor_must(mkdir(p->dest, 0700) == 0, p->dest);
    double begin = bench_cpu_seconds();
    floor_must(mse_package_unpack(&got, fd, p->dest, &package, NULL) == MSE_OK, "unpacking");
    double seconds = bench_cpu_seconds() - begin;
    floor_must(mse_mem_equal(got.code_digest, digest, 32) && close(fd) == 0, "digest");
    floor_must(unlink(p->out) == 0 && rmdir(p->dest) == 0 && unlink(p->package) == 0, p->dest);
    return seconds;
}

int main(int argc, char **argv)
{
    struct bench_series digest = { 0 };
    struct bench_series sha = { 0 };
    struct bench_series pack = { 0 };
    struct bench_series unpack = { 0 };
    struct bench_series floor = { 0 };
    struct bench_series unpack_floor = { 0 };
    struct paths p;
    uint8_t code_digest[32];
    char extra[128];
    uint64_t num_mib = 1024;
    if (argc < 2 || (argc > 2 && !mse_u64_parse(&num_mib, mse_bytes_str(argv[2]), 1 << 20))) {
        bench_die("usage", "bench_package FOLDER [MIB]");
    }
    (void)snprintf(p.code, sizeof p.code, "%.200s/code", argv[1]);
    (void)snprintf(p.model, sizeof p.model, "%s/model", p.code);
    (void)snprintf(p.package, sizeof p.package, "%.200s/package", argv[1]);
    (void)snprintf(p.dest, sizeof p.dest, "%.200s/dest", argv[1]);
    (void)snprintf(p.out, sizeof p.out, "%s/model", p.dest);
    floor_must(mkdir(p.code, 0700) == 0, p.code);
    floor_file(p.model, num_mib);
    long before = floor_peak_kib();
    for (size_t i = 0; i < RUNS; i++) {
        double hash = floor_sha256(num_mib);
        bench_add(&sha, hash);
        bench_add(&digest, time_digest(&p, code_digest, p.code));
        double least = hash + floor_aead(num_mib);
        bench_add(&floor, least + time_copy(&p, num_mib));
        bench_add(&pack, time_pack(&p, code_digest));
        bench_add(&unpack_floor, least + time_copy(&p, num_mib));
        bench_add(&unpack, time_unpack(&p, code_digest, num_mib));
    }
    long growth = floor_peak_kib() - before;
    floor_must(unlink(p.model) == 0 && rmdir(p.code) == 0, p.code);
    (void)snprintf(extra, sizeof extra,
                   ",\"mib\":%llu,\"peak_growth_kib\":%ld,\"ratio_limit\":%.3g",
                   (unsigned long long)num_mib, growth, LIMIT);
    const struct bench_figure figures[] = {
        { "code_digest", "s", "code_digest of one file", "plain SHA-256 over as many bytes",
          extra },
        { "package_write", "s", "code_digest, then the encrypted package",
          "SHA-256 and AES-256-GCM over as many bytes, one copy of the file", extra },
        { "package_unpack", "s", "the package unpacked, with code_digest of it",
          "SHA-256 and AES-256-GCM over as many bytes, one copy of the file", extra },
    };
    double worst = bench_report(&figures[0], &digest, &sha);
    double ratio = bench_report(&figures[1], &pack, &floor);
    worst = ratio > worst ? ratio : worst;
    ratio = bench_report(&figures[2], &unpack, &unpack_floor);
    worst = ratio > worst ? ratio : worst;
    return worst > LIMIT || growth > MAX_GROWTH ? 1 : 0;
}
