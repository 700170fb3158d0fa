/* SPDX-License-Identifier: Apache-2.0 */
/* MRENCLAVE of an enclave of 4 GiB beside plain SHA-256 over as many bytes, both ways to read
 * that: the bytes that are hashed for a Gramine enclave of 4 GiB (most pages are added and not
 * measured), and 4 GiB of pages that are all measured. Exit status 1 if a ratio is 2 or more. */
#include <mse/measure.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/build.h"
#include "base/bytes.h"
#include "base/util.h"
#include "bench.h"
#include "crypto/digest.h"

#define GIB          (1ULL << 30)
#define ENCLAVE_SIZE (4 * GIB)
#define IMAGE_LEN    ((size_t)1 << 20)
#define SOURCE_LEN   ((size_t)1 << 16) /* stays in the cache: the floor is as low as can be */
#define GRAMINE_RUNS 21U
#define FULL_RUNS    3U
#define LIMIT        2.0

static const char manifest[] = "loader.entrypoint.uri = \"file:libos\"\n"
                               "sgx.enclave_size = \"4G\"\n"
                               "sgx.max_threads = 64\n"
                               "sgx.edmm_enable = false\n";

/* The linker puts this around the library's function, so that the bytes are counted, not
 * estimated. */
static uint64_t hashed;
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl*): the linker's names */
void __real_mse_sha256_update(struct mse_sha256_ctx *c, const void *p, size_t len);
void __wrap_mse_sha256_update(struct mse_sha256_ctx *c, const void *p, size_t len);
void __wrap_mse_sha256_update(struct mse_sha256_ctx *c, const void *p, size_t len)
{
    hashed += len;
    __real_mse_sha256_update(c, p, len);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl*): as above */

static void must(mse_status st, const char *what)
{
    if (st != MSE_OK) {
        bench_die(what, mse_status_name(st));
    }
}

/* A loader's image of one segment, about the size of Gramine's. */
static struct mse_bytes make_image(void)
{
    static const uint8_t ident[16] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
    uint8_t *p = bench_alloc(IMAGE_LEN);
    struct mse_build b;
    mse_build_fixed(&b, p, IMAGE_LEN);
    mse_wr_copy(&b, ident, sizeof ident);
    mse_wr_u32le(&b, 62U << 16 | 3U); /* e_type ET_DYN, e_machine x86-64 */
    mse_wr_u32le(&b, 1);
    mse_wr_u64le(&b, 0x1000); /* e_entry */
    mse_wr_u64le(&b, 64);     /* e_phoff */
    mse_wr_zeros(&b, 12);
    mse_wr_u32le(&b, 56U << 16 | 64U); /* e_ehsize, e_phentsize */
    mse_wr_u64le(&b, 1);               /* e_phnum */
    mse_wr_u64le(&b, 5ULL << 32 | 1U); /* PT_LOAD, R and X */
    mse_wr_zeros(&b, 24);
    mse_wr_u64le(&b, IMAGE_LEN); /* p_filesz */
    mse_wr_u64le(&b, IMAGE_LEN); /* p_memsz */
    mse_wr_u64le(&b, 0x1000);
    if (!mse_build_ok(&b)) {
        bench_die("too short", "image");
    }
    return mse_bytes_of(p, IMAGE_LEN);
}

static uint8_t *make_source(void)
{
    uint8_t *p = bench_alloc(SOURCE_LEN);
    for (size_t i = 0; i < SOURCE_LEN; i++) {
        p[i] = (uint8_t)(i * 167 + i / 256);
    }
    return p;
}

static double time_plain(const uint8_t *source, uint64_t len)
{
    struct mse_sha256_ctx c = { 0 };
    uint8_t out[32];
    double begin = bench_cpu_seconds();
    must(mse_sha256_init(&c), "SHA-256");
    while (len > 0) {
        size_t part = len < SOURCE_LEN ? (size_t)len : SOURCE_LEN;
        mse_sha256_update(&c, source, part);
        len -= part;
    }
    must(mse_sha256_final(&c, out), "SHA-256");
    double seconds = bench_cpu_seconds() - begin;
    mse_sha256_clear(&c);
    return seconds;
}

static double time_gramine(struct mse_bytes image)
{
    uint8_t out[32];
    double begin = bench_cpu_seconds();
    must(mse_measure_gramine(out, image, mse_bytes_str(manifest), NULL), "mse_measure_gramine");
    return bench_cpu_seconds() - begin;
}

static double time_full(const uint8_t *source)
{
    struct mse_mrenclave *m = NULL;
    uint8_t out[32];
    double begin = bench_cpu_seconds();
    must(mse_mrenclave_new(&m, 4, ENCLAVE_SIZE), "mse_mrenclave_new");
    for (uint64_t at = 0; at < ENCLAVE_SIZE; at += MSE_SGX_PAGE) {
        mse_mrenclave_eadd(m, at, MSE_SECINFO_REG | MSE_SECINFO_R);
        mse_mrenclave_eextend(m, at, source + at % SOURCE_LEN);
    }
    must(mse_mrenclave_final(m, out), "mse_mrenclave_final");
    mse_mrenclave_free(m);
    return bench_cpu_seconds() - begin;
}

static double report(const char *name, const char *what, const char *floor, uint64_t floor_bytes,
                     const struct bench_series *series)
{
    char extra[64];
    (void)snprintf(extra, sizeof extra, ",\"floor_bytes\":%llu,\"ratio_limit\":%.1f",
                   (unsigned long long)floor_bytes, LIMIT);
    struct bench_figure f = { name, "s", what, floor, extra };
    return bench_report(&f, &series[0], &series[1]);
}

static double bench_gramine(const uint8_t *source)
{
    struct bench_series s[2] = { { 0 }, { 0 } };
    struct mse_bytes image = make_image();
    hashed = 0;
    (void)time_gramine(image); /* counts, and warms up */
    uint64_t bytes = hashed;
    for (unsigned i = 0; i < GRAMINE_RUNS; i++) {
        bench_add(&s[0], time_gramine(image));
        bench_add(&s[1], time_plain(source, bytes));
    }
    bench_free(image);
    return report("mrenclave_gramine_4gib",
                  "MRENCLAVE of a Gramine 1.9 enclave of 4 GiB, 64 threads, 1 MiB loader",
                  "plain SHA-256 over as many bytes as MRENCLAVE hashes", bytes, s);
}

static double bench_full(const uint8_t *source)
{
    struct bench_series s[2] = { { 0 }, { 0 } };
    for (unsigned i = 0; i < FULL_RUNS; i++) {
        bench_add(&s[0], time_full(source));
        bench_add(&s[1], time_plain(source, ENCLAVE_SIZE));
    }
    return report("mrenclave_measured_4gib",
                  "MRENCLAVE of 4 GiB of pages, each added and measured: 5 GiB and 64 MiB hashed",
                  "plain SHA-256 over the 4 GiB of content alone", ENCLAVE_SIZE, s);
}

int main(void)
{
    uint8_t *source = make_source();
    double a = bench_gramine(source);
    double b = bench_full(source);
    free(source);
    if (a >= LIMIT || b >= LIMIT) {
        (void)fprintf(stderr, "bench: MRENCLAVE takes %.2f and %.2f times plain SHA-256\n", a, b);
        return 1;
    }
    return 0;
}
