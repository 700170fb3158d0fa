/* SPDX-License-Identifier: Apache-2.0 */
/* Filling struct mse_error. The macro adds the source position; it neither returns nor jumps. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <mse/status.h>

/* Use: return MSE_FAIL(err, MSE_ERR_MALFORMED, "header", "version %u, wanted 3", v); */
#define MSE_FAIL(err, st, step, ...)                                                               \
    mse_error_set((err), (st), (step), __FILE__, __LINE__, __VA_ARGS__)

/* mse_error_set fills *err (may be NULL) unless it already holds an error, and returns st. */
mse_status mse_error_set(struct mse_error *err, mse_status st, const char *step, const char *file,
                         int line, const char *fmt, ...) MSE_PRINTF(6, 7);

/* mse_error_offset records the input offset of an error that was just set. */
void mse_error_offset(struct mse_error *err, size_t offset);

#endif
