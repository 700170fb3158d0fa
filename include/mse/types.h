/* SPDX-License-Identifier: Apache-2.0 */
/* Types and attributes that every public header uses. Nothing here allocates or does anything. */
#ifndef MSE_TYPES_H
#define MSE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

#define MSE_SHA256_LEN 32
#define MSE_SHA384_LEN 48

/* Seconds since 1970-01-01T00:00:00Z. The library never reads a clock: the caller gives the time.
 */
typedef int64_t mse_time;

#ifdef __cplusplus
}
#endif
#endif
