/* SPDX-License-Identifier: Apache-2.0 */
/* What the proxy itself answers: why not, as a page for people or as problem JSON (RFC 9457) for
 * programs. Pure. */
#ifndef PROXY_PAGE_H
#define PROXY_PAGE_H

#include "base/build.h"

#define MSE_PAGE_TEXT        512
#define MSE_PAGE_MAX_CHANGES 6
#define MSE_PAGE_VALUE       65

/* What is another than it was. */
struct mse_page_change {
    const char *what; /* static */
    char old_value[MSE_PAGE_VALUE];
    char new_value[MSE_PAGE_VALUE];
};
struct mse_page {
    unsigned status;
    const char *title;          /* static */
    char app[272];              /* DOMAIN:PORT; empty: it is about none */
    char detail[MSE_PAGE_TEXT]; /* one sentence */
    char hint[MSE_PAGE_TEXT];   /* what to do; may be empty */
    size_t num_changes;
    struct mse_page_change changes[MSE_PAGE_MAX_CHANGES];
};
/* Appends the whole response, which ends the connection. accept: of the request. without_body: to
 * HEAD. */
void mse_page_write(struct mse_build *out, const struct mse_page *p, struct mse_bytes accept,
                    bool without_body);

#endif
