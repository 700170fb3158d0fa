/* SPDX-License-Identifier: Apache-2.0 */
/* Small things: hexadecimal, base64, constant-time comparison, wiping, checked arithmetic, dates,
 * assertions. */
#ifndef BASE_UTIL_H
#define BASE_UTIL_H

#include <mse/status.h>

/* Always on, for programmer errors only, never on input, no side effects. */
#define MSE_ASSERT(c)                                                                              \
    do {                                                                                           \
        if (!(c)) {                                                                                \
            mse_assert_failed(#c, __FILE__, __LINE__);                                             \
        }                                                                                          \
    } while (0)
_Noreturn void mse_assert_failed(const char *what, const char *file, int line);

/* For large variables that are written before they are read: the compiler's filling of variables
 * with zeros (-ftrivial-auto-var-init) leaves them out. */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define MSE_UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef MSE_UNINITIALIZED
#define MSE_UNINITIALIZED
#endif

#define MSE_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

MSE_MUST_USE bool mse_add_size(size_t a, size_t b, size_t *out);
MSE_MUST_USE bool mse_mul_size(size_t a, size_t b, size_t *out);
MSE_MUST_USE bool mse_add_u64(uint64_t a, uint64_t b, uint64_t *out);

/* mse_hex_encode writes 2 * len lower-case digits and a NUL; out has at least 2 * len + 1 bytes. */
void mse_hex_encode(char *out, struct mse_bytes in);
/* mse_hex_decode takes exactly 2 * len digits of either case from in, nothing else. */
MSE_MUST_USE bool mse_hex_decode(uint8_t *out, size_t len, struct mse_bytes in);

/* Strict base64 (RFC 4648 §4; url: §5 without padding). No white space, canonical trailing bits.
 * *out_len is set on success; out has room for cap bytes. */
MSE_MUST_USE bool mse_base64_decode(uint8_t *out, size_t cap, size_t *out_len, struct mse_bytes in);
MSE_MUST_USE bool mse_base64url_decode(uint8_t *out, size_t cap, size_t *out_len,
                                       struct mse_bytes in);
/* out has at least 4 * ((len + 2) / 3) + 1 bytes; NUL-terminated. */
void mse_base64_encode(char *out, struct mse_bytes in);
void mse_base64url_encode(char *out, struct mse_bytes in);

/* Constant time in len; for anything derived from a key, MAC, token or password. */
MSE_MUST_USE bool mse_ct_equal(const void *a, const void *b, size_t len);
/* mse_wipe zeroes memory in a way that the compiler keeps. */
void mse_wipe(void *p, size_t len);

/* RFC 3339 in UTC, "YYYY-MM-DDThh:mm:ssZ" exactly, years 1970 to 9999. */
MSE_MUST_USE bool mse_time_parse(mse_time *out, struct mse_bytes in);
#define MSE_TIME_TEXT_LEN 21
/* out has MSE_TIME_TEXT_LEN bytes. Times outside the years 1970 to 9999 are clamped. */
void mse_time_format(char *out, mse_time t);
/* Proleptic Gregorian calendar; false if a field is out of range. month 1-12, day 1-31. */
MSE_MUST_USE bool mse_time_from_civil(mse_time *out, int year, int month, int day, int hour,
                                      int min, int sec);

/* Decimal without sign, leading zeros refused (except "0"), at most max. */
MSE_MUST_USE bool mse_u64_parse(uint64_t *out, struct mse_bytes in, uint64_t max);

#endif
