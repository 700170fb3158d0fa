/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/lines.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "tee/driver.h"

/* An event has one digit; a space and a text may follow. */
static bool event_of(struct mse_sim_news *out, const char *line)
{
    size_t head = strlen(MSE_TEE_EVENT_LINE);
    if (strncmp(line, MSE_TEE_EVENT_LINE, head) != 0 || line[head] < '1' || line[head] > '9' ||
        (line[head + 1] != '\0' && line[head + 1] != ' ')) {
        return false;
    }
    struct mse_sim_news news = { .event = (uint8_t)(line[head] - '0') };
    const char *text = line + head + 1;
    (void)snprintf(news.text, sizeof news.text, "%s", *text == ' ' ? text + 1 : text);
    mse_utf8_printable(news.text);
    *out = news;
    return true;
}

bool mse_event_lines_next(struct mse_sim_news *out, struct mse_event_lines *l, struct mse_bytes *in)
{
    while (in->len > 0) {
        char c = (char)in->data[0];
        *in = mse_bytes_of(in->data + 1, in->len - 1);
        if (c != '\n') {
            l->dropped = l->dropped || l->len == sizeof l->line - 1;
            l->line[l->len] = c;
            l->len += l->dropped ? 0 : 1;
            continue;
        }
        bool whole = !l->dropped;
        l->len -= l->len > 0 && l->line[l->len - 1] == '\r' ? 1 : 0;
        l->line[l->len] = '\0';
        l->len = 0;
        l->dropped = false;
        if (whole && event_of(out, l->line)) {
            return true;
        }
    }
    return false;
}
