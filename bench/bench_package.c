/* SPDX-License-Identifier: Apache-2.0 */
/* The code of an app, 1 GiB of it in one file: its digest beside plain SHA-256, packing and
 * unpacking beside AES-256-GCM and SHA-256 over as many bytes and the copying of a file. All in a
 * folder in memory, so that no disk is measured. Exit status 1 if a rate is below 0.8 of its
 * floor's, or if the peak of memory grew by more than 16 MiB. usage: bench_package FOLDER [MIB] */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/util.h"
#include "bench.h"
#include "crypto/aead.h"
#include "crypto/digest.h"
#include "package/code.h"

#define MIB        ((size_t)1 << 20)
#define PIECE      ((size_t)1 << 16) /* stays in the cache: the floor is as low as can be */
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

static void must(bool ok, const char *what)
{
    if (!ok) {
        bench_die("failed", what);
    }
}

static int open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    must(fd >= 0, path);
    return fd;
}

static void make_model(const char *path, size_t num_mib)
{
    uint8_t *p = bench_alloc(MIB);
    int fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
    for (size_t i = 0; i < num_mib; i++) {
        memset(p, (int)i, MIB);
        must(write(fd, p, MIB) == (ssize_t)MIB, path);
    }
    must(close(fd) == 0, path);
    free(p);
}

static double time_sha256(size_t num_mib)
{
    struct mse_sha256_ctx c = { 0 };
    uint8_t out[32];
    uint8_t *p = bench_alloc(PIECE);
    double begin = bench_cpu_seconds();
    must(mse_sha256_init(&c) == MSE_OK, "SHA-256");
    for (size_t i = 0; i < num_mib * (MIB / PIECE); i++) {
        mse_sha256_update(&c, p, PIECE);
    }
    must(mse_sha256_final(&c, out) == MSE_OK, "SHA-256");
    double seconds = bench_cpu_seconds() - begin;
    mse_sha256_clear(&c);
    free(p);
    return seconds;
}

static double time_aead(size_t num_mib)
{
    static const uint8_t nonce[12];
    const struct mse_bytes none = { 0 };
    struct mse_aead *a = NULL;
    uint8_t *p = bench_alloc(PIECE + MSE_AEAD_TAG_LEN);
    must(mse_aead_new(&a, key) == MSE_OK, "AES-256-GCM");
    double begin = bench_cpu_seconds();
    for (size_t i = 0; i < num_mib * (MIB / PIECE); i++) {
        must(mse_aead_seal(a, p, nonce, none, mse_bytes_of(p, PIECE)) == MSE_OK, "AES-256-GCM");
    }
    double seconds = bench_cpu_seconds() - begin;
    mse_aead_free(a);
    free(p);
    return seconds;
}

static double copy_once(const struct paths *p, size_t num_mib)
{
    uint8_t *buf = bench_alloc(PIECE);
    must(mkdir(p->dest, 0700) == 0, p->dest);
    int in = open_file(p->model, O_RDONLY);
    int out = open_file(p->out, O_WRONLY | O_CREAT | O_TRUNC);
    double begin = bench_cpu_seconds();
    for (size_t i = 0; i < num_mib * (MIB / PIECE); i++) {
        must(read(in, buf, PIECE) == (ssize_t)PIECE && write(out, buf, PIECE) == (ssize_t)PIECE,
             "copy");
    }
    double seconds = bench_cpu_seconds() - begin;
    must(close(in) == 0 && close(out) == 0 && unlink(p->out) == 0 && rmdir(p->dest) == 0, "copy");
    free(buf);
    return seconds;
}

/* What the file system takes in any case. Once without a watch: pages that a virtual machine has
 * not touched yet can cost more than all the rest, and what is measured next gets these. */
static double time_copy(const struct paths *p, size_t num_mib)
{
    (void)copy_once(p, num_mib);
    return copy_once(p, num_mib);
}

static double time_digest(const struct paths *p, uint8_t out[32], const char *dir)
{
    double begin = bench_cpu_seconds();
    must(mse_code_digest(out, dir, salt, true, NULL) == MSE_OK, p->code);
    return bench_cpu_seconds() - begin;
}

/* As an owner does it: digest for the manifest, then the package. */
static double time_pack(const struct paths *p, uint8_t digest[32])
{
    const struct mse_package package = { .manifest_digest = digest, .key = key };
    int fd = open_file(p->package, O_WRONLY | O_CREAT | O_TRUNC);
    double begin = bench_cpu_seconds();
    (void)time_digest(p, digest, p->code);
    must(mse_package_write(fd, p->code, salt, &package, NULL) == MSE_OK, "packing");
    double seconds = bench_cpu_seconds() - begin;
    must(close(fd) == 0, p->package);
    return seconds;
}

/* As the enclave does it. */
static double time_unpack(const struct paths *p, const uint8_t digest[32], size_t num_mib)
{
    const struct mse_package package = { .manifest_digest = digest,
                                         .key = key,
                                         .max_total = num_mib * MIB };
    struct mse_unpacked got;
    int fd = open_file(p->package, O_RDONLY);
    must(mkdir(p->dest, 0700) == 0, p->dest);
    double begin = bench_cpu_seconds();
    must(mse_package_unpack(&got, fd, p->dest, &package, NULL) == MSE_OK, "unpacking");
    double seconds = bench_cpu_seconds() - begin;
    must(mse_mem_equal(got.code_digest, digest, 32) && close(fd) == 0, "digest");
    must(unlink(p->out) == 0 && rmdir(p->dest) == 0 && unlink(p->package) == 0, p->dest);
    return seconds;
}

static long peak_kib(void)
{
    struct rusage u;
    must(getrusage(RUSAGE_SELF, &u) == 0, "getrusage");
    return u.ru_maxrss;
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
    must(mkdir(p.code, 0700) == 0, p.code);
    make_model(p.model, num_mib);
    long before = peak_kib();
    for (size_t i = 0; i < RUNS; i++) {
        double hash = time_sha256(num_mib);
        bench_add(&sha, hash);
        bench_add(&digest, time_digest(&p, code_digest, p.code));
        double least = hash + time_aead(num_mib);
        bench_add(&floor, least + time_copy(&p, num_mib));
        bench_add(&pack, time_pack(&p, code_digest));
        bench_add(&unpack_floor, least + time_copy(&p, num_mib));
        bench_add(&unpack, time_unpack(&p, code_digest, num_mib));
    }
    long growth = peak_kib() - before;
    must(unlink(p.model) == 0 && rmdir(p.code) == 0, p.code);
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
