/* SPDX-License-Identifier: Apache-2.0 */
/* Filling struct mse_error: the first failure wins. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/bytes.h"

mse_status mse_error_set(struct mse_error *err, mse_status st, const char *step, const char *file,
                         int line, const char *fmt, ...)
{
    if (err == NULL || err->status != MSE_OK) {
        return st;
    }
    err->status = st;
    err->step = step;
    err->offset = 0;
    err->file = file;
    err->line = line;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    mse_utf8_printable(err->text); /* it may quote what a stranger sent */
    return st;
}

void mse_error_offset(struct mse_error *err, size_t offset)
{
    if (err != NULL) {
        err->offset = offset;
    }
}
