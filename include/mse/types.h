/* SPDX-License-Identifier: Apache-2.0 */
/* Types and attributes that every public header uses. Nothing here allocates or does anything.
 *
 * What holds for the whole interface: outputs come first and are written on success only (unless a
 * function says otherwise); pointers must not be NULL unless a function says so; slices and strings
 * are borrowed, and static where the comment says so; nothing is thread-local or global, so that
 * different objects may be used by different threads at the same time. */
#ifndef MSE_TYPES_H
#define MSE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* MSE_API: exported. MSE_MUST_USE: ignoring the result is a warning. MSE_PRINTF: the format is
 * parameter f, its first argument parameter a. */
#if defined(__GNUC__)
#define MSE_API          __attribute__((visibility("default")))
#define MSE_MUST_USE     __attribute__((warn_unused_result))
#define MSE_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define MSE_API
#define MSE_MUST_USE
#define MSE_PRINTF(f, a)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A borrowed, read-only slice. The bytes belong to whoever made the slice and must outlive every
 * object that was parsed out of it. data may be NULL only when len is 0. */
struct mse_bytes {
    const uint8_t *data;
    size_t len;
};

/* Bytes of a digest (FIPS 180-4). */
#define MSE_SHA256_LEN 32
#define MSE_SHA384_LEN 48

/* Seconds since 1970-01-01T00:00:00Z, without leap seconds (POSIX time). The library never reads a
 * clock: the caller gives the time. */
typedef int64_t mse_time;

#ifdef __cplusplus
}
#endif
#endif
