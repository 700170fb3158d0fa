/* SPDX-License-Identifier: Apache-2.0 */
/* The target of a request: a path of segments, and a query of names and values. Pure; nothing is
 * allocated. */
#ifndef HTTPD_TARGET_H
#define HTTPD_TARGET_H

#include <mse/types.h>

struct mse_target {
    struct mse_bytes path;  /* begins with '/' */
    struct mse_bytes query; /* behind '?'; may be empty */
};
/* False if it does not begin with '/', has bytes that are not visible ASCII, or a fragment. */
MSE_MUST_USE bool mse_target_split(struct mse_target *out, struct mse_bytes text);
/* Takes the next segment from the front of the path, without its '/'. False at the end. */
MSE_MUST_USE bool mse_target_segment(struct mse_bytes *path, struct mse_bytes *out);
/* Takes the next "name=value" (or "name") from the front of the query, as it stands. */
MSE_MUST_USE bool mse_target_parameter(struct mse_bytes *query, struct mse_bytes *name,
                                       struct mse_bytes *value);
/* Decodes %XX, and '+' in a query, with a NUL behind it. False for a bad escape, a NUL, bytes that
 * are no UTF-8, and what does not fit. */
MSE_MUST_USE bool mse_target_decode(char *out, size_t cap, struct mse_bytes text, bool query);

#endif
