/* SPDX-License-Identifier: Apache-2.0 */
/* One line per event on stderr, for the programs (never for libmse). User data is quoted: control
 * and non-ASCII bytes are written as \xNN. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <mse/status.h>

enum mse_log_level {
    MSE_LOG_ERROR,
    MSE_LOG_WARN,
    MSE_LOG_INFO,
    MSE_LOG_DEBUG,
};
/* who: static name of the program part, for instance "enclave". */
void mse_log(enum mse_log_level level, const char *who, const char *fmt, ...) MSE_PRINTF(3, 4);
/* mse_log_quote writes a quoted, NUL-terminated form of in to out, cut to cap. Returns out. */
const char *mse_log_quote(char *out, size_t cap, struct mse_bytes in);

#endif
