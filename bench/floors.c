/* SPDX-License-Identifier: Apache-2.0 */
/* See floors.h. */
#include "floors.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bytes.h"
#include "bench.h"
#include "crypto/aead.h"
#include "crypto/digest.h"

#define PIECE ((size_t)1 << 16) /* stays in the cache: the floor is as low as can be */

static const uint8_t key[32] = { 1 };

void floor_must(bool ok, const char *what)
{
    if (!ok) {
        bench_die("failed", what);
    }
}

int floor_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    floor_must(fd >= 0, path);
    return fd;
}

void floor_file(const char *path, size_t num_mib)
{
    uint8_t *p = bench_alloc(FLOOR_MIB);
    int fd = floor_open(path, O_WRONLY | O_CREAT | O_TRUNC);
    for (size_t i = 0; i < num_mib; i++) {
        memset(p, (int)i, FLOOR_MIB);
        memcpy(p, &i, sizeof i);
        floor_must(write(fd, p, FLOOR_MIB) == (ssize_t)FLOOR_MIB, path);
    }
    floor_must(close(fd) == 0, path);
    free(p);
}

double floor_sha256(size_t num_mib)
{
    struct mse_sha256_ctx c = { 0 };
    uint8_t out[32];
    uint8_t *p = bench_alloc(PIECE);
    double begin = bench_cpu_seconds();
    floor_must(mse_sha256_init(&c) == MSE_OK, "SHA-256");
    for (size_t i = 0; i < num_mib * (FLOOR_MIB / PIECE); i++) {
        mse_sha256_update(&c, p, PIECE);
    }
    floor_must(mse_sha256_final(&c, out) == MSE_OK, "SHA-256");
    double seconds = bench_cpu_seconds() - begin;
    mse_sha256_clear(&c);
    free(p);
    return seconds;
}

double floor_aead(size_t num_mib)
{
    static const uint8_t nonce[12];
    const struct mse_bytes none = { 0 };
    struct mse_aead *a = NULL;
    uint8_t *p = bench_alloc(PIECE + MSE_AEAD_TAG_LEN);
    floor_must(mse_aead_new(&a, key) == MSE_OK, "AES-256-GCM");
    double begin = bench_cpu_seconds();
    for (size_t i = 0; i < num_mib * (FLOOR_MIB / PIECE); i++) {
        floor_must(mse_aead_seal(a, p, nonce, none, mse_bytes_of(p, PIECE)) == MSE_OK,
                   "AES-256-GCM");
    }
    double seconds = bench_cpu_seconds() - begin;
    mse_aead_free(a);
    free(p);
    return seconds;
}

double floor_copy(const char *from, const char *to, size_t num_mib)
{
    uint8_t *buf = bench_alloc(PIECE);
    int in = floor_open(from, O_RDONLY);
    int out = floor_open(to, O_WRONLY | O_CREAT | O_TRUNC);
    double begin = bench_cpu_seconds();
    for (size_t i = 0; i < num_mib * (FLOOR_MIB / PIECE); i++) {
        floor_must(read(in, buf, PIECE) == (ssize_t)PIECE &&
                       write(out, buf, PIECE) == (ssize_t)PIECE,
                   "copy");
    }
    double seconds = bench_cpu_seconds() - begin;
    floor_must(close(in) == 0 && close(out) == 0 && unlink(to) == 0, "copy");
    free(buf);
    return seconds;
}

long floor_peak_kib(void)
{
    struct rusage u;
    floor_must(getrusage(RUSAGE_SELF, &u) == 0, "getrusage");
    return u.ru_maxrss;
}
