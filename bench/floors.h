/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs in any case to hash, encrypt and copy files: for the benches of packages and
 * storage. Everything aborts on trouble. Seconds are CPU time of this thread. */
#ifndef BENCH_FLOORS_H
#define BENCH_FLOORS_H

#include <stdbool.h>
#include <stddef.h>

#define FLOOR_MIB ((size_t)1 << 20)

void floor_must(bool ok, const char *what);
int floor_open(const char *path, int flags);
/* Makes a file of so many MiB, no two of them equal. */
void floor_file(const char *path, size_t num_mib);
/* Over as many bytes that never leave the cache. */
double floor_sha256(size_t num_mib);
double floor_aead(size_t num_mib);
/* Copies from to to, and removes to. */
double floor_copy(const char *from, const char *to, size_t num_mib);
/* Memory of this process at its most. */
long floor_peak_kib(void);

#endif
