/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a large file on a thread of its own, while another hashes or encrypts what came before.
 */
#ifndef PACKAGE_AHEAD_H
#define PACKAGE_AHEAD_H

#include <mse/status.h>

/* As mse_tree_sink. */
typedef mse_status mse_ahead_sink(void *user, struct mse_bytes piece);

/* What came of it. */
struct mse_ahead_end {
    uint64_t len;      /* bytes that were read */
    int error;         /* errno of a read that failed; 0 */
    mse_status status; /* of the sink */
};
/* mse_ahead_read hands up to len bytes of fd to sink, in pieces and in order, on this thread; less
 * if the file ends, a read fails or the sink does. Takes a fixed half of a megabyte. False, with
 * nothing read, if there is no memory or no thread. */
MSE_MUST_USE bool mse_ahead_read(struct mse_ahead_end *out, int fd, uint64_t len,
                                 mse_ahead_sink *sink, void *user);

#endif
