/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/event.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/util.h"

void mse_tee_event_line(struct mse_tee *t, uint8_t event, const char *text)
{
    char line[512];
    (void)t;
    int n = snprintf(line, sizeof line - 1, MSE_TEE_EVENT_LINE "%u %s", event,
                     text == NULL ? "" : text);
    if (n < 0) {
        return;
    }
    mse_utf8_printable(line);
    size_t len = strlen(line);
    line[len] = '\n';
    (void)!mse_io_write(STDOUT_FILENO, mse_bytes_of(line, len + 1));
}
