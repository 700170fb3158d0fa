/* SPDX-License-Identifier: Apache-2.0 */
/* Writing HTML: whatever comes from elsewhere is escaped, and there is no way past that. */
#ifndef HTTPD_HTML_H
#define HTTPD_HTML_H

#include "base/build.h"

/* mse_html_text appends text so that it is text, in an element or in an attribute within quotes.
 * What a reader could not see or would see elsewhere stands as what it is: control characters,
 * marks that turn the direction of writing or are invisible, bytes that are no UTF-8. Only a tab
 * and the end of a line pass. */
void mse_html_text(struct mse_build *b, struct mse_bytes text);
/* mse_html appends fmt, which is HTML and a literal; the arguments are text. It knows %s (escaped
 * as above), %u, %llu, %lld and %%; anything else is a programmer's error. */
void mse_html(struct mse_build *b, const char *fmt, ...) MSE_PRINTF(2, 3);
/* mse_html_url appends text as a part of a path or a query, for an attribute within quotes. */
void mse_html_url(struct mse_build *b, const char *text);

#endif
