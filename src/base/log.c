/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: composed in one buffer and written with one call, so that lines never mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void mse_log(enum mse_log_level level, const char *who, const char *fmt, ...)
{
    static const char *const words[] = { "error", "warning", "info", "debug" };
    char line[1024];
    int n = snprintf(line, sizeof line - 1, "%s: %s: ", who, words[level]);
    size_t at = n < 0 ? 0 : (size_t)n;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line + at, sizeof line - 1 - at, fmt, ap);
    va_end(ap);
    size_t len = strlen(line);
    for (size_t i = 0; i < len; i++) {
        bool control = (unsigned char)line[i] < 0x20 || line[i] == 0x7f;
        if (control) {
            line[i] = ' '; /* one line per event, no escapes to a terminal */
        }
    }
    line[len] = '\n';
    ssize_t done = write(STDERR_FILENO, line, len + 1);
    (void)done; /* nowhere to report that the log is gone */
}

const char *mse_log_quote(char *out, size_t cap, struct mse_bytes in)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len && n + 5 < cap; i++) {
        uint8_t c = in.data[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            out[n++] = (char)c;
        } else {
            n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
        }
    }
    out[n] = '\0';
    return out;
}
